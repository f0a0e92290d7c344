// SPDX-License-Identifier: GPL-2.0-only
/*
 * Address space identifiers and TLB flushes. AMD APM volume 2, 15.16.
 *
 * An ASID belongs to one vCPU on one physical CPU until that CPU runs out of
 * them: then all are flushed and a new generation begins. A vCPU that comes to
 * another CPU, or comes back, takes a new ASID and so has no old translations.
 */
#include <linux/smp.h>

#include "svm.h"

static void take_asid(struct svm *svm, struct svm_cpu *cpu)
{
	struct vmcb_control *control = &svm->vmcb->control;

	if (cpu->asid_next >= svm_caps.nr_asids) {
		cpu->asid_gen++;
		cpu->asid_next = 1;	/* 0 is the host */
		control->tlb_control = TLB_CTL_ALL;
	}
	control->asid = cpu->asid_next++;
	svm->asid_gen = cpu->asid_gen;
	svm_dirty(svm, CLEAN_ASID);
}

/* Interrupts are off. */
void svm_prepare_asid(struct svm *svm, struct svm_cpu *cpu)
{
	struct vmcb_control *control = &svm->vmcb->control;

	control->tlb_control = TLB_CTL_KEEP;
	if (svm->cpu != smp_processor_id()) {
		svm->cpu = smp_processor_id();
		svm->asid_gen = 0;
	}
	if (svm->asid_gen != cpu->asid_gen) {
		control->clean = 0;
		take_asid(svm, cpu);
	} else if (svm->flush && svm_caps.flush_by_asid) {
		control->tlb_control = TLB_CTL_ASID;
	} else if (svm->flush) {
		take_asid(svm, cpu);
	}
	svm->flush = false;
}

void svm_flush_tlb(struct vcpu *vcpu)
{
	to_svm(vcpu)->flush = true;
}

static void invlpga(gva_t gva, u32 asid)
{
	asm volatile("invlpga %0, %1" : : "a" (gva), "c" (asid) : "memory");
}

void svm_flush_gva(struct vcpu *vcpu, gva_t gva)
{
	struct svm *svm = to_svm(vcpu);
	struct svm_cpu *cpu = get_cpu_ptr(&svm_cpu);

	if (!svm->flush && cpu->enabled && svm->cpu == smp_processor_id() &&
	    svm->asid_gen == cpu->asid_gen)
		invlpga(gva, svm->vmcb->control.asid);
	else
		svm->flush = true;
	put_cpu_ptr(&svm_cpu);
}
