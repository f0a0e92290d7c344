/* SPDX-License-Identifier: GPL-2.0-only */
/* Paravirtual MSRs: Linux Documentation/virt/kvm/x86/msr.rst. */
#ifndef UMBRA_PV_H
#define UMBRA_PV_H

#include <linux/kvm.h>

#include "types.h"

struct vcpu;

/**
 * struct vcpu_pv - what a guest has asked for by its MSRs
 * @system_time: MSR_KVM_SYSTEM_TIME(_NEW): gpa of its clock page | 1, or not (clock.c)
 * @stopped:	the page is to tell that the guest was stopped; it has not yet
 * @cpu: @next:	where it was written, and the jiffy from which on it is too old, if the clock is not
 *		stable
 * @eoi:	MSR_KVM_PV_EOI_EN: gpa of a byte | 1, or not
 * @unhalted:	KVM_HC_KICK_CPU came; set by other vCPUs
 * @yields:	KVM_HC_SCHED_YIELD: the thread is to let others run
 * @steal:	MSR_KVM_STEAL_TIME: gpa of its struct kvm_steal_time | 1, or not
 * @thread:	that ran the vCPU last; it had waited for a processor for @waited nanoseconds
 */
struct vcpu_pv {
	u64 system_time;
	bool stopped;
	int cpu;
	unsigned long next;
	u64 eoi;
	bool unhalted, yields;
	u64 steal;
	const void *thread;
	u64 waited;
};

#define PV_LEAVES 2

struct vcpu_cpuid;
struct vm;

/**
 * pv_leaves() - the hypervisor's leaves of CPUID, as far as they are offered
 * @leaf:	PV_LEAVES of them, all zeros
 *
 * Linux Documentation/virt/kvm/x86/cpuid.rst.
 */
void pv_leaves(struct kvm_cpuid_entry2 *leaf);

/**
 * pv_get_msr() - RDMSR of one of them
 * @vcpu:	loaded
 * @index:	MSR_KVM_*
 * @data:	result
 *
 * Return: 0; -ENOENT: not one of them; -EINVAL: not in this guest, by its CPUID.
 */
int pv_get_msr(const struct vcpu *vcpu, u32 index, u64 *data);

/**
 * pv_set_msr() - WRMSR of one of them
 * @vcpu: @index: @data: as pv_get_msr()
 *
 * Return: 0; -ENOENT; -EINVAL for #GP(0); -EAGAIN: it is to be tried again where it may sleep.
 */
int pv_set_msr(struct vcpu *vcpu, u32 index, u64 data);

/**
 * pv_has() - may the guest use a feature?
 * @vcpu:	any
 * @feature:	KVM_FEATURE_*
 *
 * Unless user space says otherwise (KVM_CAP_ENFORCE_PV_FEATURE_CPUID) it has all.
 */
bool pv_has(const struct vcpu *vcpu, unsigned int feature);

/**
 * pv_fix_cpuid() - take out of CPUID what makes no sense in a VM
 * @vm:		whose HLT may not exit: then nobody is kicked out of one
 * @entry:	user space's list; @nr: of it
 */
void pv_fix_cpuid(const struct vm *vm, struct kvm_cpuid_entry2 *entry, unsigned int nr);

/**
 * pv_eoi_on() - does the guest know how to end an interrupt without a write?
 * @vcpu:	any
 */
bool pv_eoi_on(const struct vcpu *vcpu);

/**
 * pv_offer_eoi() - tell it that it may
 * @vcpu:	as irq_host_offer_eoi() has it
 *
 * Return: whether it has been told.
 */
bool pv_offer_eoi(struct vcpu *vcpu);

/**
 * pv_take_eoi() - take that back
 * @vcpu:	loaded, slots held; may sleep unless vcpu->mmu.atomic
 *
 * Return: as irq_host_take_eoi().
 */
int pv_take_eoi(struct vcpu *vcpu);

/**
 * pv_hypercall() - VMCALL or VMMCALL by the guest's kernel
 * @vcpu:	loaded; preemption may be off
 * @wide:	in 64-bit mode
 *
 * Linux Documentation/virt/kvm/x86/hypercalls.rst. Return: for RAX.
 */
long pv_hypercall(struct vcpu *vcpu, bool wide);

/**
 * pv_sched_in() - the vCPU's thread runs
 * @vcpu:	any
 * @cpu:	on that CPU
 *
 * Preemption is off.
 */
void pv_sched_in(struct vcpu *vcpu, int cpu);

/**
 * pv_away() - the thread is about to leave its processor to others
 * @vcpu:	loaded, slots held, may sleep; between two instructions of the guest's
 *
 * Others of the guest's vCPUs may see it, and leave a flush of its TLB to pv_update().
 */
void pv_away(struct vcpu *vcpu);

/**
 * pv_update() - tell the guest what is new, by REQ_CLOCK and REQ_STEAL
 * @vcpu:	about to be entered; loaded, slots held, may sleep
 */
void pv_update(struct vcpu *vcpu);

#endif
