// SPDX-License-Identifier: GPL-2.0-only
/*
 * Address space identifiers and TLB flushes. AMD APM volume 2, 15.16.
 *
 * Each root that a vCPU keeps at hand has an ASID of its own, so that the TLB keeps what it holds
 * of one address space while another is in use. It belongs to one vCPU on one physical CPU until
 * that CPU runs out of them: then all are flushed and a new generation begins. A vCPU that comes to
 * another CPU, or comes back, takes new ones and so has no old translations.
 */
#include <linux/smp.h>
#include <asm/asm.h>

#include "svm.h"

static void take_asid(struct svm *svm, struct svm_cpu *cpu, u8 tag)
{
	if (cpu->asid_next >= svm_caps.nr_asids) {
		cpu->asid_gen++;
		cpu->asid_next = 1;	/* 0 is the host */
		svm->vmcb->control.tlb_control = TLB_CTL_ALL;
	}
	svm->asid[tag] = cpu->asid_next++;
	svm->asid_gen[tag] = cpu->asid_gen;
}

/* Interrupts are off. */
void svm_prepare_asid(struct vcpu *vcpu, struct svm_cpu *cpu)
{
	struct svm *svm = to_svm(vcpu);
	struct vmcb_control *control = &svm->vmcb->control;
	bool stale = vcpu_take_flush(vcpu);
	u8 tag = vcpu->mmu.root_tag;

	control->tlb_control = TLB_CTL_KEEP;
	if (svm->cpu != smp_processor_id()) {
		svm->cpu = smp_processor_id();
		svm->gen = 0;
		memset(svm->asid_gen, 0, sizeof(svm->asid_gen));
	}
	/* AMD-V may have been off in between. */
	if (svm->gen != cpu->asid_gen)
		control->clean = 0;
	if (svm->asid_gen[tag] == cpu->asid_gen && stale && svm_caps.flush_by_asid)
		control->tlb_control = TLB_CTL_ASID;
	else if (svm->asid_gen[tag] != cpu->asid_gen || stale)
		take_asid(svm, cpu, tag);
	svm->gen = cpu->asid_gen;
	if (control->asid != svm->asid[tag]) {
		control->asid = svm->asid[tag];
		svm_dirty(svm, CLEAN_ASID);
	}
}

/*
 * An entry that failed need not have flushed what tlb_control asked for, and nobody asks again:
 * the vCPU takes ASIDs that nothing is known of, and who asked for all leaves that to the next.
 */
void svm_forget_asids(struct svm *svm, struct svm_cpu *cpu)
{
	memset(svm->asid_gen, 0, sizeof(svm->asid_gen));
	if (svm->vmcb->control.tlb_control == TLB_CTL_ALL)
		cpu->asid_next = svm_caps.nr_asids;
}

/* Fails where a reboot's interrupt has just turned AMD-V off. */
static bool invlpga(gva_t gva, u32 asid)
{
	asm goto("1: invlpga %0, %1\n\t"
		 _ASM_EXTABLE(1b, %l[failed])
		 : : "a" (gva), "c" (asid) : "memory" : failed);
	return true;
failed:
	return false;
}

/* Is the address gone from the TLB for sure? */
static bool flush_now(struct vcpu *vcpu, const struct svm_cpu *cpu, gva_t gva)
{
	const struct svm *svm = to_svm(vcpu);
	u8 tag = vcpu->mmu.root_tag;

	return !(vcpu->flush_tags & BIT(tag)) && cpu->enabled && svm->cpu == smp_processor_id() &&
	       svm->asid_gen[tag] == cpu->asid_gen && invlpga(gva, svm->asid[tag]);
}

void svm_flush_gva(struct vcpu *vcpu, gva_t gva)
{
	const struct svm_cpu *cpu = get_cpu_ptr(&svm_cpu);

	if (!flush_now(vcpu, cpu, gva))
		vcpu->flush_tags |= BIT(vcpu->mmu.root_tag);
	put_cpu_ptr(&svm_cpu);
}
