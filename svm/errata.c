// SPDX-License-Identifier: GPL-2.0-only
/*
 * Errata of AMD's processors that a hypervisor has to get round, on each CPU while there are VMs.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/bits.h>
#include <linux/printk.h>
#include <asm/mce.h>
#include <asm/msr.h>
#include <asm/msr-index.h>
#include <asm/special_insns.h>

#include "request.h"
#include "svm.h"

/* SRSO on Zen 5: fewer predictions across VMRUN and #VMEXIT. */
#define BP_CFG			0xc001102e
#define BP_SPEC_REDUCE		BIT_ULL(4)

/*
 * Erratum 383 of family 10h: the TLB holds two translations of an address, as when a large page
 * has become small ones. Without the workaround the processor may hang instead of telling by a
 * machine check, of this status (in any case of overflow). Revision Guide, 41322.
 */
#define DC_CFG_383		BIT_ULL(47)
#define MC0_STATUS_383		0xb600000000010015ull
#define MC_STATUS_OVERFLOW	BIT_ULL(62)
#define MC_BANKS_383		6

static bool change_msr(u32 msr, u64 clear, u64 set)
{
	u32 low, high;
	u64 value;

	if (rdmsr_safe(msr, &low, &high))
		return false;
	value = ((low | (u64)high << 32) & ~clear) | set;
	return chosen_wrmsr(msr, value);
}

void svm_errata_on(void)
{
	if (MITIGATE_SRSO_GUESTS && !change_msr(BP_CFG, 0, BP_SPEC_REDUCE))
		pr_warn_once("BP_SPEC_REDUCE can't be set: guests may use SRSO\n");
	if (boot_cpu_has_bug(X86_BUG_AMD_TLB_MMATCH))
		change_msr(MSR_AMD64_DC_CFG, 0, DC_CFG_383);
}

void svm_errata_off(void)
{
	if (MITIGATE_SRSO_GUESTS)
		change_msr(BP_CFG, BP_SPEC_REDUCE, 0);
}

static bool is_383(void)
{
	u32 low, high;

	return boot_cpu_has_bug(X86_BUG_AMD_TLB_MMATCH) &&
	       !rdmsr_safe(MSR_IA32_MC0_STATUS, &low, &high) &&
	       ((low | (u64)high << 32) & ~MC_STATUS_OVERFLOW) == MC0_STATUS_383;
}

/* The host's, too. */
static void flush_all(struct vcpu *vcpu)
{
	unsigned long cr4 = __read_cr4();
	struct svm *svm = to_svm(vcpu);

	__write_cr4(cr4 ^ X86_CR4_PGE);
	__write_cr4(cr4);
	svm->vmcb->control.tlb_control = TLB_CTL_ALL;
	svm_forget_asids(svm, this_cpu_ptr(&svm_cpu));
}

bool svm_erratum_383(struct vcpu *vcpu)
{
	unsigned int i;

	if (likely(!is_383()))
		return false;
	for (i = 0; i < MC_BANKS_383; i++)
		chosen_wrmsr(MSR_IA32_MCx_STATUS(i), 0);
	change_msr(MSR_IA32_MCG_STATUS, MCG_STATUS_MCIP, 0);
	flush_all(vcpu);
	pr_err_ratelimited("erratum 383: a guest's state is lost, it is ended\n");
	vcpu_request(vcpu, REQ_TRIPLE_FAULT);
	return true;
}
