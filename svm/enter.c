// SPDX-License-Identifier: GPL-2.0-only
/*
 * Into the guest and out again.
 */
#include <linux/mem_encrypt.h>
#include <linux/smp.h>
#include <asm/cpufeature.h>
#include <asm/debugreg.h>
#include <asm/msr-index.h>
#include <asm/trapnr.h>

#include "breakpoint.h"
#include "compat.h"
#include "emulate.h"
#include "exit.h"
#include "guestmode.h"
#include "self_check.h"
#include "svm.h"
#include "tscaux.h"

static_assert(offsetof(struct vcpu_regs, gpr) == 0 && GPR_RCX == 1 && GPR_RDI == 7,
	      "entry.S knows this");

int svm_vcpu_load(struct vcpu *vcpu, int cpu)
{
	struct svm_cpu *c = per_cpu_ptr(&svm_cpu, cpu);
	u64 serial = to_svm(vcpu)->serial;

	svm_load_tsc_rate(vcpu, c);
	if (c->last == serial)
		return 0;
	c->last = serial;
	host_switch_guests();
	return 0;
}

void svm_vcpu_put(struct vcpu *vcpu)
{
	tsc_aux_unload(&to_svm(vcpu)->tsc_aux, this_cpu_read(svm_cpu.tsc_aux));
}

static void load_cr(struct vcpu *vcpu)
{
	struct svm *svm = to_svm(vcpu);
	struct vmcb_save *save = &svm->vmcb->save;
	u64 cr3 = __sme_set(vcpu->mmu.root_hpa);

	if (svm->root_level != vcpu->mmu.root_level)
		svm_update_mode(vcpu);
	if (save->cr3 != cr3) {
		save->cr3 = cr3;
		svm_dirty(svm, CLEAN_CR);
	}
	if (save->cr2 != vcpu->mode.cr2) {
		save->cr2 = vcpu->mode.cr2;
		svm_dirty(svm, CLEAN_CR2);
	}
	/* The guest's own accesses exit: bits set here afterwards are this entry's news. */
	if (save->dr6 != DR6_ONES) {
		save->dr6 = DR6_ONES;
		svm_dirty(svm, CLEAN_DR);
	}
}

static void load_tpr(struct vcpu *vcpu)
{
	struct svm *svm = to_svm(vcpu);
	struct vmcb_control *control = &svm->vmcb->control;

	if ((control->int_ctl & VINTR_TPR) == vcpu->mode.cr8)
		return;
	control->int_ctl = (control->int_ctl & ~VINTR_TPR) | (vcpu->mode.cr8 & VINTR_TPR);
	svm_dirty(svm, CLEAN_INT_CTL);
}

static void load_guest(struct vcpu *vcpu)
{
	struct vmcb_save *save = &to_svm(vcpu)->vmcb->save;

	save->rax = vcpu->regs.gpr[GPR_RAX];
	save->rsp = vcpu->regs.gpr[GPR_RSP];
	save->rip = vcpu->regs.rip;
	save->rflags = vcpu->regs.rflags | X86_EFLAGS_FIXED;
	load_cr(vcpu);
	load_tpr(vcpu);
	if (svm_caps.rdtscp)
		tsc_aux_load(&to_svm(vcpu)->tsc_aux, vcpu->msrs.tsc_aux);
	svm_prepare_events(vcpu);
}

static void save_guest(struct vcpu *vcpu)
{
	const struct vmcb *vmcb = to_svm(vcpu)->vmcb;

	vcpu->regs.gpr[GPR_RAX] = vmcb->save.rax;
	vcpu->regs.gpr[GPR_RSP] = vmcb->save.rsp;
	vcpu->regs.rip = vmcb->save.rip;
	vcpu->regs.rflags = vmcb->save.rflags;
	vcpu->mode.cr2 = vmcb->save.cr2;
	vcpu->mode.cr8 = vmcb->control.int_ctl & VINTR_TPR;
}

/* Negative exit codes: the guest has not run. AMD APM volume 2, 15.5.1 and appendix C. */
static bool entry_failed(const struct svm *svm)
{
	return (s32)svm->vmcb->control.exit_code < 0;
}

/* Suspend, kexec or reboot took the processor away, or the state is bad: the event is still due. */
static void refuse(struct svm *svm, struct exit *exit)
{
	*exit = (struct exit){
		.kind = EXIT_FAIL_ENTRY,
		.hw_reason = svm->vmcb->control.exit_code,
		.delivering = svm->injected,
	};
	svm->injected = (struct event){};
	svm->vmcb->control.event_inj = 0;
	svm->vmcb->control.clean = 0;
}

static noinstr void switch_worlds(struct vcpu_regs *regs, hpa_t vmcb_pa, hpa_t host_pa,
				  struct spec_ctrl spec)
{
	guest_state_enter();
	svm_enter_guest(regs, vmcb_pa, host_pa, spec);
	guest_state_exit();
}

void svm_enter(struct vcpu *vcpu, struct exit *exit)
{
	struct svm_cpu *cpu = this_cpu_ptr(&svm_cpu);
	struct svm *svm = to_svm(vcpu);

	/* What is found there if VMRUN does not write another. */
	svm->vmcb->control.exit_code = VMEXIT_INVALID;
	if (!cpu->enabled) {
		refuse(svm, exit);
		return;
	}
	load_guest(vcpu);
	svm_prepare_asid(vcpu, cpu);

	if (!static_branch_unlikely(&check_entry_on) || !svm_breaks_rule(vcpu))
		switch_worlds(&vcpu->regs, svm->vmcb_pa, cpu->host_pa, spec_ctrl_enter(vcpu));

	if (entry_failed(svm)) {
		svm_forget_asids(svm, cpu);
		refuse(svm, exit);
		return;
	}
	svm->vmcb->control.clean = CLEAN_ALL;
	save_guest(vcpu);
	svm_decode_exit(vcpu, exit);
}

/* Interrupts and NMIs wait for STI and STGI by themselves; a machine check that exited is lost. */
void svm_exit_irq(struct vcpu *vcpu, const struct exit *exit)
{
	if (exit->hw_reason == SVM_EXIT_EXCP_BASE + X86_TRAP_MC && !svm_erratum_383(vcpu))
		host_machine_check();
}
