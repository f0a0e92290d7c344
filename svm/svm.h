/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the files of the AMD-V backend share, and nobody else sees.
 */
#ifndef UMBRA_SVM_H
#define UMBRA_SVM_H

#include <linux/irq_work.h>
#include <linux/percpu.h>

#include "hostmsr.h"
#include "tscaux.h"
#include "vcpu.h"
#include "vendor.h"
#include "vmcb.h"

/* What a processor offers beyond the first AMD-V: CPUID 8000_000a. svm_caps: what all have. */
struct svm_caps {
	u32 nr_asids;
	bool nrips, flush_by_asid, decode_assists, tsc_rate;
	bool rdtscp, invpcid;
};

/**
 * struct svm_cpu - one physical CPU
 * @caps:	what it offers
 * @enabled:	EFER.SVME is ours
 * @hsave:	where VMRUN keeps host state (VM_HSAVE_PA)
 * @host_pa:	physical address of the area for the host state that VMRUN does
 *		not keep; VMSAVE's, in the form of a VMCB
 * @host_area:	the same, virtual
 * @asid_gen:	counts flushes of all ASIDs; never 0
 * @asid_next:	the next free ASID of this generation
 * @tsc_aux:	the host's MSR
 * @tsc_rate:	MSR_AMD64_TSC_RATIO, of guests; no other code heeds it
 * @last:	svm.serial of the vCPU that ran last
 */
struct svm_cpu {
	struct svm_caps caps;
	bool enabled;
	void *hsave;
	void *host_area;
	hpa_t host_pa;
	u64 asid_gen;
	u32 asid_next;
	u64 tsc_aux;
	u64 tsc_rate;
	u64 last;
};

DECLARE_PER_CPU(struct svm_cpu, svm_cpu);

/**
 * struct svm - the backend's part of a vCPU
 * @vmcb: @vmcb_pa: control block
 * @serial:	unique among all vCPUs since the module was loaded
 * @cpu:	where ASIDs and clean bits mean something, or -1
 * @gen:	svm_cpu.asid_gen when it was last entered
 * @asid: @asid_gen: by mmu_vcpu.root_tag: an ASID, and the svm_cpu.asid_gen that it belongs to
 * @root_level:	that CR0, CR4 and EFER in the VMCB were derived for
 * @injected:	what event_inj asks for at this entry
 * @step:	executing one instruction to get over what blocks an NMI
 * @step_iret:	... which is the IRET that ends an NMI handler
 * @step_flags:	the guest's own TF and RF meanwhile
 * @step_rip:	the instruction
 * @exit_at_once: leave the guest again as soon as @injected is delivered
 * @kick:	how
 */
struct svm {
	struct vmcb *vmcb;
	hpa_t vmcb_pa;
	u64 serial;
	int cpu;
	u64 gen;
	u32 asid[MMU_ROOTS];
	u64 asid_gen[MMU_ROOTS];
	u8 root_level;
	struct tsc_aux tsc_aux;
	struct event injected;
	bool step, step_iret;
	u64 step_flags, step_rip;
	bool exit_at_once;
	struct irq_work kick;
};

/* AMD APM volume 2, 15.30.5: a number of 8 bits, and 32 behind the point. */
#define TSC_RATE_FRACTION	32
#define TSC_RATE_ONE		BIT_ULL(TSC_RATE_FRACTION)
#define TSC_RATE_MAX		GENMASK_ULL(39, 0)

extern struct svm_caps svm_caps;
extern hpa_t svm_iopm_pa, svm_msrpm_pa;

static inline struct svm *to_svm(struct vcpu *vcpu)
{
	return vcpu->backend;
}

static inline void svm_dirty(struct svm *svm, u32 clean_bits)
{
	svm->vmcb->control.clean &= ~clean_bits;
}

/**
 * svm_intercept() - switch one intercept
 * @svm:	not running
 * @bit:	enum vmcb_intercept
 * @on:		whether it shall exit
 */
static inline void svm_intercept(struct svm *svm, unsigned int bit, bool on)
{
	u32 *word = &svm->vmcb->control.intercept[bit / 32];
	u32 value = on ? *word | BIT(bit % 32) : *word & ~BIT(bit % 32);

	if (value == *word)
		return;
	*word = value;
	svm_dirty(svm, CLEAN_INTERCEPTS);
}

/* entry.S */
asmlinkage void svm_enter_guest(struct vcpu_regs *regs, unsigned long vmcb_pa,
				unsigned long host_pa, struct spec_ctrl spec);

/* page.c: zeroed, to be freed by free_page() */
void *svm_alloc_page(gfp_t gfp);

/*
 * errata.c: while AMD-V is on, on this CPU, interrupts off. The last one is asked after a machine
 * check that made an exit: was it one that says no more than that the guest is lost? It is handled.
 */
void svm_errata_on(void);
void svm_errata_off(void);
bool svm_erratum_383(struct vcpu *vcpu);

/* vmcb.c */
int svm_vcpu_create(struct vcpu *vcpu);
void svm_vcpu_destroy(struct vcpu *vcpu);
void svm_vcpu_reset(struct vcpu *vcpu);
void svm_update_mode(struct vcpu *vcpu);
void svm_update_cpuid(struct vcpu *vcpu);

/* dump.c; the last one logs what it finds */
void svm_dump(struct vcpu *vcpu);
void svm_check_init(void);
bool svm_breaks_rule(struct vcpu *vcpu);

/* segment.c */
void svm_reset_segments(struct svm *svm);
void svm_get_segment(struct vcpu *vcpu, int seg, struct kvm_segment *out);
void svm_set_segment(struct vcpu *vcpu, int seg, const struct kvm_segment *in);
void svm_get_dt(struct vcpu *vcpu, int dt, struct kvm_dtable *out);
void svm_set_dt(struct vcpu *vcpu, int dt, const struct kvm_dtable *in);
int svm_get_cpl(struct vcpu *vcpu);
bool svm_run_alone(struct vcpu *vcpu, const struct insn *insn);

/* enter.c */
int svm_vcpu_load(struct vcpu *vcpu, int cpu);
void svm_vcpu_put(struct vcpu *vcpu);
void svm_enter(struct vcpu *vcpu, struct exit *exit);
void svm_exit_irq(struct vcpu *vcpu, const struct exit *exit);

/* tlb.c */
void svm_flush_gva(struct vcpu *vcpu, gva_t gva);
void svm_prepare_asid(struct vcpu *vcpu, struct svm_cpu *cpu);
void svm_forget_asids(struct svm *svm, struct svm_cpu *cpu);

/* exit.c */
void svm_decode_exit(struct vcpu *vcpu, struct exit *exit);

/* event.c */
void svm_inject(struct vcpu *vcpu, const struct event *event);
void svm_open_windows(struct vcpu *vcpu, bool irq, bool nmi);
u32 svm_get_shadow(struct vcpu *vcpu);
void svm_set_shadow(struct vcpu *vcpu, u32 shadow);
void svm_prepare_events(struct vcpu *vcpu);
void svm_collect_events(struct vcpu *vcpu, struct exit *exit);
void svm_begin_step(struct vcpu *vcpu, bool iret);
bool svm_end_step(struct vcpu *vcpu, u64 *dr6);

/* msr.c */
int svm_msr_init(void);
void svm_msr_exit(void);
int svm_get_msr(struct vcpu *vcpu, u32 index, u64 *data);
int svm_set_msr(struct vcpu *vcpu, u32 index, u64 data);
void svm_update_tsc(struct vcpu *vcpu);
void svm_load_tsc_rate(const struct vcpu *vcpu, struct svm_cpu *cpu);
void svm_reset_tsc_rate(struct svm_cpu *cpu);

#endif
