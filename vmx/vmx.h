/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the files of the VT-x backend share, and nobody else sees.
 */
#ifndef UMBRA_VMX_H
#define UMBRA_VMX_H

#include <linux/percpu.h>
#include <asm/asm.h>
#include <asm/desc_defs.h>
#include <asm/vmx.h>

#include "hostmsr.h"
#include "tscaux.h"
#include "vcpu.h"
#include "vendor.h"

struct vmx;

/**
 * struct vmx_cpu - one physical CPU
 * @enabled:	guests may be run here
 * @on:		in VMX operation: only while a vCPU is loaded, see host.c
 * @vmxon: @vmxon_pa: VMXON region
 * @current_vcpu: whose VMCS is current
 * @last:	vmx.serial of the vCPU that was loaded last
 * @star: @lstar: @sfmask: @tsc_aux: @sysenter: the host's MSRs, which it never changes
 */
struct vmx_cpu {
	bool enabled, on;
	void *vmxon;
	hpa_t vmxon_pa;
	struct vcpu *current_vcpu;
	u64 last;
	u64 star, lstar, sfmask, tsc_aux;
	u64 sysenter[3];	/* CS, ESP, EIP */
};

DECLARE_PER_CPU(struct vmx_cpu, vmx_cpu);

/* How the guest's state can be run. */
enum vmx_how {
	VMX_NATIVE,
	VMX_VM86,	/* real mode, as virtual-8086 code */
	VMX_EMULATED,	/* not at all: the processor would refuse it */
};

/* Segments that stand in for the guest's while one instruction is executed: see alone.c. */
enum vmx_alone { ALONE_NOT, ALONE_VM86, ALONE_PROTECTED };

/* MSRs that are switched when a vCPU is loaded and put: see msr.c. */
enum { SWITCHED_STAR, SWITCHED_LSTAR, SWITCHED_SFMASK, SWITCHED_KERNEL_GS, NR_SWITCHED };

/* Guest and host EFER for processors that don't have them in the VMCS. */
struct vmx_msr_lists {
	struct vmx_msr_entry entry, exit;
};

/**
 * struct vmx_host - what is put back when the vCPU is put
 * @ds: @es: @fs: @gs: @ldt: selectors
 * @idt:	IDTR
 * @kernel_gs:	the MSR, user space's GS base
 */
struct vmx_host {
	u16 ds, es, fs, gs, ldt;
	struct desc_ptr idt;
	u64 kernel_gs;
};

/**
 * struct vmx - the backend's part of a vCPU
 * @vmcs: @vmcs_pa: control structure
 * @lists:	MSR lists, if caps.efer is false
 * @serial:	unique among all vCPUs since the module was loaded
 * @vpid:	the first of MMU_ROOTS tags in the TLB, 0 for none; @vpid_now: the one in use
 * @cpu:	where it was loaded last, or -1
 * @loaded:	the VMCS is current on this CPU
 * @launched:	... and VMRESUME is due, not VMLAUNCH
 * @entered:	the host's state is partly lost since the vCPU was loaded
 * @msrs_loaded: the processor holds @msr
 * @halts:	HLT does not exit
 * @recheck:	@how is to be found anew
 * @how:	enum vmx_how
 * @alone:	enum vmx_alone: the next entry is for one instruction
 * @pe:	the guest's CR0.PE, one of the things that say how
 * @root_level:	that CR0, CR4 and EFER in the VMCS were derived for
 * @seg:	segments as the guest sees them; @seg_valid says which of them are
 *		current, @seg_dirty which the VMCS does not have
 * @msr: @cstar: of the guest
 * @rip: @rsp: @rflags: @shadow: @root: @host_cr3: @host_cr4: as the VMCS has them
 * @nmi_blocked: likewise
 * @cr0: @cr4: @efer: @dr7: @cpu_ctl: @cpu2_ctl: @entry_ctl: @exceptions: likewise
 * @int3_exits:	user space has breakpoints in the guest's code
 * @injected:	what the next entry delivers
 * @want_nmi:	an NMI window was asked for
 */
struct vmx {
	void *vmcs;
	hpa_t vmcs_pa;
	struct vmx_msr_lists *lists;
	u64 serial;
	u16 vpid, vpid_now;
	int cpu;
	bool loaded, launched, entered, msrs_loaded;
	bool halts, recheck, pe;
	u8 how, alone, root_level;
	u8 seg_valid, seg_dirty;
	struct kvm_segment seg[8];
	u64 msr[NR_SWITCHED], cstar;
	struct tsc_aux tsc_aux;
	u64 rip, rsp, rflags, root, host_cr3, host_cr4;
	u32 shadow;
	bool nmi_blocked;
	u64 cr0, cr4, efer, dr7;
	u32 cpu_ctl, cpu2_ctl, entry_ctl, exceptions;
	bool int3_exits;
	struct event injected;
	bool want_nmi;
	struct vmx_host host;
};

/**
 * struct vmx_caps - what this processor offers, from its capability MSRs
 * @revision:	what a VMCS begins with
 * @pin: @cpu: @cpu2: @exit: @entry: controls as every VMCS has them
 * @cpu2_may:	secondary controls that may be set
 * @cr0_set: @cr0_may: @cr4_set: @cr4_may: bits that must and may be set
 * @efer:	the VMCS holds EFER
 * @vnmi:	NMI blocking and windows are done by the processor
 * @vpid: @invvpid_gva: tagged TLB; and one address can be invalidated
 */
struct vmx_caps {
	u32 revision;
	u32 pin, cpu, cpu2, exit, entry;
	u32 cpu2_may;
	u64 cr0_set, cr0_may, cr4_set, cr4_may;
	bool efer, vnmi, vpid, invvpid_gva, rdtscp;
};

/* Intel SDM 3C 25.6.5: bits of the TSC multiplier behind the point. */
#define TSC_MULTIPLIER_FRACTION	48

extern struct vmx_caps vmx_caps;

static inline struct vmx *to_vmx(struct vcpu *vcpu)
{
	return vcpu->backend;
}

/* probe.c */
int vmx_compare_caps(void);

/* dump.c */
void vmx_write_failed(unsigned long field);

/* Of the current VMCS. Where there is none (the host reboots), reads are 0 and writes are lost. */
static __always_inline u64 vmcs_read(unsigned long field)
{
	u64 value = 0;

	asm volatile("1: vmread %[field], %[value]\n"
		     "2:\n\t"
		     _ASM_EXTABLE(1b, 2b)
		     : [value] "+r" (value) : [field] "r" (field) : "cc");
	return value;
}

static __always_inline void vmcs_write(unsigned long field, u64 value)
{
	asm goto("1: vmwrite %[value], %[field]\n\t"
		 "jna %l[failed]\n\t"
		 _ASM_EXTABLE(1b, %l[off])
		 : : [value] "r" (value), [field] "r" (field) : "cc" : failed, off);
off:
	return;
failed:
	vmx_write_failed(field);
}

/* entry.S */
asmlinkage unsigned long vmx_enter_guest(struct vcpu_regs *regs, unsigned long launched,
					 struct spec_ctrl spec);
extern const char vmx_exited[];

/* vmcs.c */
int vmx_vcpu_create(struct vcpu *vcpu);
void vmx_vcpu_destroy(struct vcpu *vcpu);
void vmx_vcpu_reset(struct vcpu *vcpu);
void vmx_update_mode(struct vcpu *vcpu);
void vmx_update_cpuid(struct vcpu *vcpu);
void vmx_set_exceptions(struct vmx *vmx);
void vmx_set_cpu_ctl(struct vmx *vmx, u32 bits, bool on);

/* dump.c; the last one logs what it finds */
void vmx_dump(struct vcpu *vcpu);
void vmx_check_init(void);
bool vmx_breaks_rule(struct vcpu *vcpu);

/* segment.c */
void vmx_reset_segments(struct vmx *vmx);
bool vmx_is_64bit(struct vcpu *vcpu);
void vmx_get_segment(struct vcpu *vcpu, int seg, struct kvm_segment *out);
void vmx_set_segment(struct vcpu *vcpu, int seg, const struct kvm_segment *in);
void vmx_get_dt(struct vcpu *vcpu, int dt, struct kvm_dtable *out);
void vmx_set_dt(struct vcpu *vcpu, int dt, const struct kvm_dtable *in);
int vmx_get_cpl(struct vcpu *vcpu);
void vmx_write_segments(struct vmx *vmx);
void vmx_forget_segments(struct vmx *vmx);
void vmx_find_how(struct vcpu *vcpu);

/* alone.c */
bool vmx_run_alone(struct vcpu *vcpu, const struct insn *insn);
void vmx_lend_segments(struct vcpu *vcpu);
u64 vmx_alone_rflags(const struct vcpu *vcpu, const struct vmx *vmx);
void vmx_end_alone(struct vcpu *vcpu, u64 rflags);

/* host.c */
int vmx_cpu_enable(void);
void vmx_cpu_disable(void);
int vmx_vcpu_load(struct vcpu *vcpu, int cpu);
void vmx_vcpu_put(struct vcpu *vcpu);
void vmx_update_host(struct vmx *vmx);

/* enter.c */
void vmx_enter(struct vcpu *vcpu, struct exit *exit);
void vmx_exit_irq(struct vcpu *vcpu, const struct exit *exit);

/* tlb.c */
void vmx_flush_gva(struct vcpu *vcpu, gva_t gva);
void vmx_do_flush(struct vcpu *vcpu);
u16 vmx_vpid_get(void);
void vmx_vpid_put(u16 vpid);

/* exit.c */
void vmx_decode_exit(struct vcpu *vcpu, struct exit *exit);

/* event.c */
void vmx_inject(struct vcpu *vcpu, const struct event *event);
void vmx_open_windows(struct vcpu *vcpu, bool irq, bool nmi);
u32 vmx_get_shadow(struct vcpu *vcpu);
void vmx_set_shadow(struct vcpu *vcpu, u32 shadow);
void vmx_prepare_events(struct vcpu *vcpu);
void vmx_collect_events(struct vcpu *vcpu, struct exit *exit);

/* msr.c */
int vmx_msr_init(void);
void vmx_msr_exit(void);
hpa_t vmx_msr_bitmap(void);
void vmx_load_msrs(struct vcpu *vcpu);
void vmx_unload_msrs(struct vmx *vmx);
int vmx_get_msr(struct vcpu *vcpu, u32 index, u64 *data);
int vmx_set_msr(struct vcpu *vcpu, u32 index, u64 data);
void vmx_update_tsc(struct vcpu *vcpu);

#endif
