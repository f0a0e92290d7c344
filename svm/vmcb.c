// SPDX-License-Identifier: GPL-2.0-only
/*
 * The VMCB's making: intercepts, and control registers derived from the guest's.
 */
#include <linux/gfp.h>
#include <linux/mem_encrypt.h>
#include <linux/slab.h>
#include <asm/debugreg.h>
#include <asm/msr.h>
#include <asm/msr-index.h>
#include <asm/processor-flags.h>
#include <asm/special_insns.h>
#include <asm/trapnr.h>

#include "hardware.h"
#include "svm.h"
#include "vm.h"

/* What always exits. */
static const u8 always[] = {
	INTERCEPT_CR_READ + 3,		/* the real CR3 is the shadow root */
	INTERCEPT_CR_WRITE + 0, INTERCEPT_CR_WRITE + 3, INTERCEPT_CR_WRITE + 4,
	INTERCEPT_CR_WRITE + 8,		/* user space wants to know; reads see V_TPR */
	INTERCEPT_EXCEPTION + X86_TRAP_PF,
	INTERCEPT_EXCEPTION + X86_TRAP_MC,	/* #MC is the host's */
	/* Endless delivery of these two in microcode would hang the host: CVE-2015-5307. */
	INTERCEPT_EXCEPTION + X86_TRAP_DB, INTERCEPT_EXCEPTION + X86_TRAP_AC,
	/* What only software knows: see handle_undefined(). */
	INTERCEPT_EXCEPTION + X86_TRAP_UD,
	INTERCEPT_INTR, INTERCEPT_NMI, INTERCEPT_SMI, INTERCEPT_INIT,
	INTERCEPT_RDPMC, INTERCEPT_CPUID, INTERCEPT_RSM, INTERCEPT_INVD, INTERCEPT_HLT,
	INTERCEPT_INVLPG, INTERCEPT_INVLPGA, INTERCEPT_IOIO, INTERCEPT_MSR,
	INTERCEPT_TASK_SWITCH, INTERCEPT_FERR_FREEZE, INTERCEPT_SHUTDOWN,
	INTERCEPT_ICEBP,	/* no exception intercept catches it, and DR7.GD goes with it */
	INTERCEPT_VMRUN, INTERCEPT_VMMCALL, INTERCEPT_VMLOAD, INTERCEPT_VMSAVE,
	INTERCEPT_STGI, INTERCEPT_CLGI, INTERCEPT_SKINIT,
	INTERCEPT_WBINVD, INTERCEPT_MONITOR, INTERCEPT_MWAIT, INTERCEPT_XSETBV,
	INTERCEPT_RDPRU, INTERCEPT_INVLPGB, INTERCEPT_INVLPGB_ILLEGAL, INTERCEPT_INVPCID,
	INTERCEPT_MCOMMIT, INTERCEPT_TLBSYNC,
};

/* @off: KVM_X86_DISABLE_EXITS_*; no PAUSE exits anyway */
static void init_intercepts(struct svm *svm, u32 off)
{
	unsigned int i;

	memset(svm->vmcb->control.intercept, 0, sizeof(svm->vmcb->control.intercept));
	for (i = 0; i < ARRAY_SIZE(always); i++)
		svm_intercept(svm, always[i], true);
	for (i = 0; i < 8; i++) {
		svm_intercept(svm, INTERCEPT_DR_READ + i, true);
		svm_intercept(svm, INTERCEPT_DR_WRITE + i, true);
	}
	if (off & KVM_X86_DISABLE_EXITS_HLT)
		svm_intercept(svm, INTERCEPT_HLT, false);
	if (off & KVM_X86_DISABLE_EXITS_MWAIT) {
		svm_intercept(svm, INTERCEPT_MONITOR, false);
		svm_intercept(svm, INTERCEPT_MWAIT, false);
	}
}

/* Only to be the target of an interrupt. */
static void kick_noop(struct irq_work *work)
{
}

int svm_vcpu_create(struct vcpu *vcpu)
{
	static atomic64_t serial;
	struct svm *svm = kzalloc(sizeof(*svm), GFP_KERNEL_ACCOUNT);

	if (!svm)
		return -ENOMEM;
	svm->vmcb = svm_alloc_page(GFP_KERNEL_ACCOUNT);
	if (!svm->vmcb) {
		kfree(svm);
		return -ENOMEM;
	}
	svm->vmcb_pa = __sme_pa(svm->vmcb);
	svm->serial = atomic64_inc_return(&serial);
	svm->cpu = -1;
	init_irq_work(&svm->kick, kick_noop);
	vcpu->backend = svm;
	return 0;
}

void svm_vcpu_destroy(struct vcpu *vcpu)
{
	struct svm *svm = to_svm(vcpu);

	if (!svm)
		return;
	irq_work_sync(&svm->kick);
	free_page((unsigned long)svm->vmcb);
	kfree(svm);
	vcpu->backend = NULL;
}

void svm_vcpu_reset(struct vcpu *vcpu)
{
	struct svm *svm = to_svm(vcpu);

	memset(svm->vmcb, 0, sizeof(*svm->vmcb));
	svm->vmcb->control.tsc_offset = vcpu->tsc.offset;
	svm->vmcb->control.iopm_pa = svm_iopm_pa;
	svm->vmcb->control.msrpm_pa = svm_msrpm_pa;
	svm->vmcb->control.int_ctl = VINTR_MASKING;
	svm->vmcb->save.g_pat = 0x0007040600070406ull;
	svm->cpu = -1;
	vcpu_flush_tlb(vcpu);
	svm->step = false;
	svm->injected = (struct event){};
	init_intercepts(svm, READ_ONCE(vcpu->vm->exits_off));
	svm_reset_segments(svm);
	svm_update_mode(vcpu);
	svm_update_cpuid(vcpu);
}

/* A change of what translations mean also makes old ones useless. */
static void set_cr(struct vcpu *vcpu, u64 *field, u64 value)
{
	if (*field == value)
		return;
	*field = value;
	vcpu_flush_tlb(vcpu);
	svm_dirty(to_svm(vcpu), CLEAN_CR);
}

static void update_dr7(struct vcpu *vcpu)
{
	struct svm *svm = to_svm(vcpu);
	u64 dr7 = hardware_dr7(vcpu);

	if (svm->vmcb->save.dr7 == dr7)
		return;
	svm->vmcb->save.dr7 = dr7;
	svm_dirty(svm, CLEAN_DR);
}

void svm_update_mode(struct vcpu *vcpu)
{
	const struct vcpu_mode *mode = &vcpu->mode;
	struct svm *svm = to_svm(vcpu);
	struct vmcb_save *save = &svm->vmcb->save;

	svm->root_level = vcpu->mmu.root_level;
	set_cr(vcpu, &save->cr0, hardware_cr0(mode));
	set_cr(vcpu, &save->cr4, hardware_cr4(mode, svm->root_level));
	set_cr(vcpu, &save->efer, hardware_efer(mode) | EFER_SVME);
	svm_intercept(svm, INTERCEPT_CR_READ + 0, save->cr0 != mode->cr0);
	svm_intercept(svm, INTERCEPT_CR_READ + 4, save->cr4 != mode->cr4);
	update_dr7(vcpu);
}

void svm_update_cpuid(struct vcpu *vcpu)
{
	bool int3 = vcpu->guest_debug.control & KVM_GUESTDBG_USE_SW_BP;
	struct svm *svm = to_svm(vcpu);

	svm_intercept(svm, INTERCEPT_RDTSCP, !vcpu->cpuid.rdtscp);
	/* The map of ports has all bits set. */
	svm->vmcb->control.msrpm_pa = vcpu->filter_msrs ? svm_iopm_pa : svm_msrpm_pa;
	svm_dirty(svm, CLEAN_MAPS);
	/* QEMU counts INT3 as an INT n. */
	svm_intercept(svm, INTERCEPT_EXCEPTION + X86_TRAP_BP, int3);
	svm_intercept(svm, INTERCEPT_INTN, int3);
}
