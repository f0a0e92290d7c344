/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What svm/ wants of the kernel, in user space: included before all else. Instructions that only a
 * kernel may execute trap; svm_machine.c plays the processor then, and heeds exception tables.
 */
#ifndef SVM_SHIM_H
#define SVM_SHIM_H

#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <asm/kvm.h>
#include <asm/processor-flags.h>
#include <linux/kernel.h>
#include <linux/spinlock.h>

#include "types.h"

/* ---- types ---- */

#define __rcu
#define __user
#define __percpu
#define asmlinkage
#define noinstr
#define KBUILD_MODNAME "umbra"

struct mutex { int dummy; };
struct rb_root_cached { int dummy; };
struct xarray { int dummy; };
struct rcuwait { int dummy; };
struct srcu_struct { int dummy; };
struct mmu_notifier { int dummy; };
struct preempt_notifier { int dummy; };
#define DECLARE_PER_CPU(type, name) extern type name
struct irq_work { int dummy; };
struct page { int dummy; };
typedef struct { int refs; } refcount_t;
typedef unsigned int gfp_t;

static inline void refcount_inc(refcount_t *r) { r->refs++; }

#define GFP_KERNEL		0u
#define GFP_KERNEL_ACCOUNT	1u
#define __GFP_ZERO		2u

#define DECLARE_STATIC_CALL(name, func) _Static_assert(1, "")
#define DECLARE_STATIC_KEY_FALSE(name)	extern bool name
#define static_branch_unlikely(key)	(*(key))

/* ---- processors ---- */

#define SHIM_CPUS 4

extern int shim_cpu;
void shim_set_cpu(int cpu);
void *shim_per_cpu(void *p, int cpu);

/* The variable itself is the current processor's; shim_set_cpu() exchanges it. */
#define DEFINE_PER_CPU(type, name)	type name
#define DECLARE_PER_CPU(type, name)	extern type name
#define smp_processor_id()		shim_cpu
#define this_cpu_ptr(p)			(p)
#define this_cpu_read(x)		(x)
#define get_cpu_ptr(p)			(p)
#define put_cpu_ptr(p)			((void)(p))
#define per_cpu_ptr(p, cpu)		((__typeof__(p))shim_per_cpu(p, cpu))
#define for_each_possible_cpu(cpu)	for ((cpu) = 0; (cpu) < SHIM_CPUS; (cpu)++)
#define for_each_online_cpu(cpu)	for_each_possible_cpu(cpu)
void on_each_cpu(void (*fn)(void *data), void *data, int wait);

void cpuid_count(u32 leaf, u32 index, u32 *eax, u32 *ebx, u32 *ecx, u32 *edx);

static inline void cpuid(u32 leaf, u32 *eax, u32 *ebx, u32 *ecx, u32 *edx)
{
	cpuid_count(leaf, 0, eax, ebx, ecx, edx);
}

#define CPUID_WORD(reg)						\
static inline u32 cpuid_##reg(u32 leaf)				\
{								\
	u32 eax, ebx, ecx, edx;					\
								\
	cpuid(leaf, &eax, &ebx, &ecx, &edx);			\
	return reg;						\
}
CPUID_WORD(eax)
CPUID_WORD(ebx)
CPUID_WORD(ecx)
CPUID_WORD(edx)

enum shim_feature {
	X86_FEATURE_NX, X86_FEATURE_USE_IBPB, X86_FEATURE_INVPCID,
	X86_FEATURE_XSAVE, X86_FEATURE_OSXSAVE, X86_FEATURE_XSAVEOPT,
	X86_FEATURE_SRSO_BP_SPEC_REDUCE, X86_BUG_AMD_TLB_MMATCH,
};

#define boot_cpu_has_bug	boot_cpu_has
#define MITIGATE_SRSO_GUESTS	boot_cpu_has(X86_FEATURE_SRSO_BP_SPEC_REDUCE)

bool boot_cpu_has(enum shim_feature feature);

enum cc_attr { CC_ATTR_MEM_ENCRYPT };

bool cc_platform_has(enum cc_attr attr);

#define cpus_read_lock()	((void)0)
#define cpus_read_unlock()	((void)0)

/* A fixup for the kernel is one here: the linker finds the table by its section's name. */
#define _ASM_EXTABLE(from, to)				\
	".pushsection shim_extable, \"aw\"\n\t"		\
	".balign 8\n\t"					\
	".quad " #from ", " #to "\n\t"			\
	".popsection\n\t"

#define X86_TRAP_DE	0
#define X86_TRAP_DB	1
#define X86_TRAP_NMI	2
#define X86_TRAP_BP	3
#define X86_TRAP_OF	4
#define X86_TRAP_BR	5
#define X86_TRAP_UD	6
#define X86_TRAP_NM	7
#define X86_TRAP_DF	8
#define X86_TRAP_TS	10
#define X86_TRAP_NP	11
#define X86_TRAP_SS	12
#define X86_TRAP_GP	13
#define X86_TRAP_PF	14
#define X86_TRAP_MF	16
#define X86_TRAP_AC	17
#define X86_TRAP_MC	18
#define X86_TRAP_XF	19

/* ---- MSRs: AMD APM volume 2, appendix A ---- */

#define MSR_EFER		0xc0000080u
#define MSR_STAR		0xc0000081u
#define MSR_LSTAR		0xc0000082u
#define MSR_CSTAR		0xc0000083u
#define MSR_SYSCALL_MASK	0xc0000084u
#define MSR_FS_BASE		0xc0000100u
#define MSR_GS_BASE		0xc0000101u
#define MSR_KERNEL_GS_BASE	0xc0000102u
#define MSR_TSC_AUX		0xc0000103u
#define MSR_IA32_TSC		0x10u
#define MSR_IA32_PRED_CMD	0x49u
#define MSR_IA32_SYSENTER_CS	0x174u
#define MSR_IA32_SYSENTER_ESP	0x175u
#define MSR_IA32_SYSENTER_EIP	0x176u
#define MSR_IA32_XSS		0xda0u
#define MSR_IA32_MCG_STATUS	0x17au
#define MSR_IA32_MC0_STATUS	0x401u
#define MSR_IA32_MCx_STATUS(i)	(0x401u + 4 * (i))
#define MSR_AMD64_DC_CFG	0xc0011022u
#define MSR_AMD64_TSC_RATIO	0xc0000104u
#define MCG_STATUS_MCIP		BIT_ULL(2)
#define PRED_CMD_IBPB		1u
#define EFER_SCE		BIT(0)
#define EFER_LME		BIT(8)
#define EFER_LMA		BIT(10)
#define EFER_NX			BIT(11)
#define EFER_SVME		BIT(12)

u64 host_rdmsr(u32 msr);
void host_wrmsr(u32 msr, u64 value);
int rdmsr_safe(u32 msr, u32 *low, u32 *high);
int wrmsr_safe(u32 msr, u32 low, u32 high);
unsigned long __read_cr4(void);
void __write_cr4(unsigned long cr4);

/* ---- FPU ---- */

#define XFEATURE_MASK_FP		BIT_ULL(0)
#define XFEATURE_MASK_SSE		BIT_ULL(1)
#define XFEATURE_MASK_FPSSE		3ull
#define XFEATURE_MASK_YMM		BIT_ULL(2)
#define XFEATURE_MASK_OPMASK		BIT_ULL(5)
#define XFEATURE_MASK_ZMM_Hi256		BIT_ULL(6)
#define XFEATURE_MASK_Hi16_ZMM		BIT_ULL(7)
#define XCR_XFEATURE_ENABLED_MASK	0u

/* What FXSAVE writes: Intel SDM 1 10.5.1. */
struct fxregs_state {
	u16 cwd, swd, twd, fop;
	u64 rip, rdp;
	u32 mxcsr, mxcsr_mask;
	u32 st_space[32];
	u32 xmm_space[64];
	u32 padding[24];
} __aligned(16);

void kernel_fpu_begin_mask(unsigned int mask);
void kernel_fpu_end(void);
u64 xgetbv(u32 index);
void xsetbv(u32 index, u64 value);

#define kernel_fpu_begin()	kernel_fpu_begin_mask(0)

static inline void *memchr_inv(const void *start, int c, size_t bytes)
{
	for (; bytes; bytes--, start++)
		if (*(const u8 *)start != (u8)c)
			return (void *)start;
	return NULL;
}

/* ---- memory ---- */

unsigned long __get_free_pages(gfp_t gfp, unsigned int order);
void free_pages(unsigned long addr, unsigned int order);
void *kzalloc(size_t size, gfp_t gfp);
void kfree(const void *p);
void split_page(struct page *page, unsigned int order);
struct page *virt_to_page(const void *p);

#define get_zeroed_page(gfp)	__get_free_pages((gfp) | __GFP_ZERO, 0)
#define __get_free_page(gfp)	__get_free_pages(gfp, 0)
#define free_page(addr)		free_pages(addr, 0)
#define __sme_set(x)		(x)
#define __sme_pa(p)		((unsigned long)(p))
#define __pa(p)			((unsigned long)(p))
#define clear_bit(nr, p)	((p)[(nr) / 64] &= ~BIT((nr) % 64))

/* ---- the rest ---- */

#define atomic64_inc_return(a)	__atomic_add_fetch(&(a)->counter, 1, __ATOMIC_SEQ_CST)
#define irq_work_sync(work)	((void)(work))
#define irq_work_queue(work)	((void)(work))
#define init_irq_work(work, fn)	((void)(work), (void)(fn))
#define DEFINE_RATELIMIT_STATE(name, interval, burst) int name
#define __ratelimit(state)	((void)*(state), 1)
#define set_bit(nr, p)		((void)(*(p) |= BIT(nr)))
#define test_bit(nr, p)		(!!(*(p) & BIT(nr)))
#define smp_mb__before_atomic()	smp_mb()
#define smp_mb__after_atomic()	smp_mb()

/* The last line of the log. */
extern char shim_log[256];
int shim_printk(const char *format, ...);
#define pr_err			shim_printk
#define pr_info			shim_printk
#define pr_warn			shim_printk
#define pr_warn_once		shim_printk
#define pr_err_ratelimited	shim_printk

/* hostmsr.h, guestmode.h and compat.h: what follows stands in for them. */
#define UMBRA_HOSTMSR_H
#define UMBRA_GUESTMODE_H
#define UMBRA_COMPAT_H

struct vcpu;

static inline bool chosen_wrmsr(u32 msr, u64 value)
{
	host_wrmsr(msr, value);
	return true;
}

struct spec_ctrl { u64 host, guest; };

static inline struct spec_ctrl spec_ctrl_enter(const struct vcpu *vcpu)
{
	return (struct spec_ctrl){};
}

static inline void host_switch_guests(void) { }
static inline void host_machine_check(void) { }
static inline void guest_state_enter(void) { }
static inline void guest_state_exit(void) { }

#endif
