/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The virtual machine control block, as the processor reads and writes it.
 * AMD APM volume 2, appendix B; intercept codes: appendix C.
 */
#ifndef UMBRA_SVM_VMCB_H
#define UMBRA_SVM_VMCB_H

#include <linux/bits.h>
#include <linux/build_bug.h>
#include <uapi/asm/svm.h>

#include "types.h"

/* Intercepts: bit numbers in vmcb_control.intercept, 32 to a word. */
enum vmcb_intercept {
	INTERCEPT_CR_READ	= 0,	/* + number */
	INTERCEPT_CR_WRITE	= 16,	/* + number */
	INTERCEPT_DR_READ	= 32,
	INTERCEPT_DR_WRITE	= 48,
	INTERCEPT_EXCEPTION	= 64,	/* + vector */
	INTERCEPT_INTR		= 96,
	INTERCEPT_NMI,
	INTERCEPT_SMI,
	INTERCEPT_INIT,
	INTERCEPT_VINTR,
	INTERCEPT_RDPMC		= 111,
	INTERCEPT_PUSHF		= 112,
	INTERCEPT_CPUID		= 114,
	INTERCEPT_RSM,
	INTERCEPT_IRET,
	INTERCEPT_INTN,
	INTERCEPT_INVD		= 118,
	INTERCEPT_HLT		= 120,
	INTERCEPT_INVLPG,
	INTERCEPT_INVLPGA,
	INTERCEPT_IOIO,
	INTERCEPT_MSR,
	INTERCEPT_TASK_SWITCH,
	INTERCEPT_FERR_FREEZE,
	INTERCEPT_SHUTDOWN,
	INTERCEPT_VMRUN		= 128,
	INTERCEPT_VMMCALL,
	INTERCEPT_VMLOAD,
	INTERCEPT_VMSAVE,
	INTERCEPT_STGI,
	INTERCEPT_CLGI,
	INTERCEPT_SKINIT,
	INTERCEPT_RDTSCP,
	INTERCEPT_ICEBP,
	INTERCEPT_WBINVD,
	INTERCEPT_MONITOR,
	INTERCEPT_MWAIT,
	INTERCEPT_MWAIT_ARMED,
	INTERCEPT_XSETBV,
	INTERCEPT_RDPRU,
	INTERCEPT_INVLPGB	= 160,
	INTERCEPT_INVLPGB_ILLEGAL,
	INTERCEPT_INVPCID,
	INTERCEPT_MCOMMIT,
	INTERCEPT_TLBSYNC,
	NR_INTERCEPT_WORDS	= 6,
};

/* Exit codes are numbered like the intercepts above, up to TLBSYNC. */
#define VMEXIT_IOIO		0x7bu
#define VMEXIT_INVALID		0xffffffffu
#define VMEXIT_SIMPLE_FIRST	0x60u
#define VMEXIT_SIMPLE_LAST	0xa4u

/* vmcb_control.tlb_control */
enum vmcb_tlb_control {
	TLB_CTL_KEEP		= 0,
	TLB_CTL_ALL		= 1,	/* every ASID */
	TLB_CTL_ASID		= 3,	/* this one; needs FLUSHBYASID */
};

/* vmcb_control.int_ctl */
#define VINTR_TPR		0xfu
#define VINTR_IRQ		BIT(8)
#define VINTR_PRIO		(0xfu << 16)
#define VINTR_IGN_TPR		BIT(20)
#define VINTR_MASKING		BIT(24)

/* vmcb_control.int_state */
#define INT_STATE_SHADOW	BIT_ULL(0)

/* vmcb_control.event_inj and .exit_int_info */
#define INJ_TYPE_SHIFT		8
#define INJ_TYPE_MASK		(7u << INJ_TYPE_SHIFT)
#define INJ_TYPE_INTR		(0u << INJ_TYPE_SHIFT)
#define INJ_TYPE_NMI		(2u << INJ_TYPE_SHIFT)
#define INJ_TYPE_EXCEPTION	(3u << INJ_TYPE_SHIFT)
#define INJ_TYPE_SOFT		(4u << INJ_TYPE_SHIFT)
#define INJ_HAS_ERROR		BIT(11)
#define INJ_VALID		BIT(31)

/* vmcb_control.exit_info_1 of IOIO */
#define IOIO_IN			BIT(0)
#define IOIO_STRING		BIT(2)
#define IOIO_REP		BIT(3)
#define IOIO_SIZE(info)		(((info) >> 4) & 7)
#define IOIO_PORT(info)		((u16)((info) >> 16))

/* ... and of CR accesses, with decode assists */
#define CR_INFO_MOV		BIT_ULL(63)
#define CR_INFO_GPR		0xfu

/* vmcb_control.clean: what the processor may have cached and software did not touch */
#define CLEAN_INTERCEPTS	BIT(0)	/* and TSC offset */
#define CLEAN_MAPS		BIT(1)	/* of ports and MSRs */
#define CLEAN_ASID		BIT(2)
#define CLEAN_INT_CTL		BIT(3)
#define CLEAN_CR		BIT(5)	/* CR0, CR3, CR4, EFER */
#define CLEAN_DR		BIT(6)
#define CLEAN_DT		BIT(7)
#define CLEAN_SEG		BIT(8)	/* CS, DS, SS, ES, CPL */
#define CLEAN_CR2		BIT(9)
#define CLEAN_ALL		0xfffu

struct vmcb_control {
	u32 intercept[NR_INTERCEPT_WORDS];
	u8 reserved_018[0x3c - 0x18];
	u16 pause_threshold;
	u16 pause_count;
	u64 iopm_pa;
	u64 msrpm_pa;
	u64 tsc_offset;
	u32 asid;
	u8 tlb_control;
	u8 reserved_05d[3];
	u32 int_ctl;
	u32 int_vector;
	u64 int_state;
	u32 exit_code;
	u32 exit_code_high;
	u64 exit_info_1;
	u64 exit_info_2;
	u32 exit_int_info;
	u32 exit_int_error;
	u64 nested_ctl;
	u8 reserved_098[0xa8 - 0x98];
	u32 event_inj;
	u32 event_inj_error;
	u64 nested_cr3;
	u64 virt_ext;
	u32 clean;
	u32 reserved_0c4;
	u64 next_rip;
	u8 reserved_0d0[0x400 - 0xd0];
} __packed;

/* vmcb_seg.attr */
#define SEG_TYPE		0xfu
#define SEG_S			BIT(4)
#define SEG_DPL_SHIFT		5
#define SEG_P			BIT(7)
#define SEG_AVL			BIT(8)
#define SEG_L			BIT(9)
#define SEG_DB			BIT(10)
#define SEG_G			BIT(11)

struct vmcb_seg {
	u16 selector;
	u16 attr;
	u32 limit;
	u64 base;
} __packed;

struct vmcb_save {
	struct vmcb_seg seg[6];		/* ES CS SS DS FS GS */
	struct vmcb_seg gdtr, ldtr, idtr, tr;
	u8 reserved_0a0[0xcb - 0xa0];
	u8 cpl;
	u8 reserved_0cc[4];
	u64 efer;
	u8 reserved_0d8[0x148 - 0xd8];
	u64 cr4, cr3, cr0;
	u64 dr7, dr6;
	u64 rflags;
	u64 rip;
	u8 reserved_180[0x1d8 - 0x180];
	u64 rsp;
	u8 reserved_1e0[0x1f8 - 0x1e0];
	u64 rax;
	u64 star, lstar, cstar, sfmask;
	u64 kernel_gs_base;
	u64 sysenter_cs, sysenter_esp, sysenter_eip;
	u64 cr2;
	u8 reserved_248[0x268 - 0x248];
	u64 g_pat;
	u64 debugctl;
	u8 reserved_278[0xc00 - 0x278];
} __packed;

struct vmcb {
	struct vmcb_control control;
	struct vmcb_save save;
} __packed;

static_assert(offsetof(struct vmcb, control.iopm_pa) == 0x40);
static_assert(offsetof(struct vmcb, control.asid) == 0x58);
static_assert(offsetof(struct vmcb, control.int_ctl) == 0x60);
static_assert(offsetof(struct vmcb, control.exit_code) == 0x70);
static_assert(offsetof(struct vmcb, control.nested_ctl) == 0x90);
static_assert(offsetof(struct vmcb, control.event_inj) == 0xa8);
static_assert(offsetof(struct vmcb, control.clean) == 0xc0);
static_assert(offsetof(struct vmcb, control.next_rip) == 0xc8);
static_assert(offsetof(struct vmcb, save) == 0x400);
static_assert(offsetof(struct vmcb, save.gdtr) == 0x460);
static_assert(offsetof(struct vmcb, save.cpl) == 0x4cb);
static_assert(offsetof(struct vmcb, save.efer) == 0x4d0);
static_assert(offsetof(struct vmcb, save.cr4) == 0x548);
static_assert(offsetof(struct vmcb, save.rip) == 0x578);
static_assert(offsetof(struct vmcb, save.rsp) == 0x5d8);
static_assert(offsetof(struct vmcb, save.rax) == 0x5f8);
static_assert(offsetof(struct vmcb, save.cr2) == 0x640);
static_assert(offsetof(struct vmcb, save.g_pat) == 0x668);
static_assert(sizeof(struct vmcb) == 4096);

#endif
