// SPDX-License-Identifier: GPL-2.0-only
/*
 * Delivering events, and finding the moment when it can be done.
 * AMD APM volume 2, 15.20 (injection), 15.21 (interrupts), 15.13.1 (EXITINTINFO).
 *
 * AMD-V without virtual NMIs does not say when an NMI's handler ends: IRET is
 * intercepted while one runs, then stepped over with RFLAGS.TF. An interrupt
 * shadow is stepped over in the same way when an NMI waits for its end, or a
 * trap that the emulator's MOV SS has held back.
 */
#include <linux/thread_info.h>
#include <asm/debugreg.h>
#include <asm/processor-flags.h>
#include <asm/trapnr.h>

#include "exit.h"
#include "request.h"
#include "svm.h"

#define STEP_FLAGS	((u64)(X86_EFLAGS_TF | X86_EFLAGS_RF))
#define VINTR_WINDOW	(VINTR_IRQ | VINTR_IGN_TPR | VINTR_PRIO)

static u32 event_type_bits(u8 type)
{
	switch (type) {
	case EVENT_NMI:
		return INJ_TYPE_NMI;
	case EVENT_EXCEPTION:
		return INJ_TYPE_EXCEPTION;
	case EVENT_SOFT_IRQ:
		return INJ_TYPE_SOFT;
	default:
		return INJ_TYPE_INTR;
	}
}

void svm_inject(struct vcpu *vcpu, const struct event *event)
{
	struct svm *svm = to_svm(vcpu);
	struct vmcb_control *control = &svm->vmcb->control;

	svm->injected = *event;
	control->event_inj = 0;
	if (event->type == EVENT_NONE)
		return;
	control->event_inj = event->vector | event_type_bits(event->type) | INJ_VALID;
	control->event_inj_error = 0;
	if (event->has_error) {
		control->event_inj |= INJ_HAS_ERROR;
		control->event_inj_error = event->error;
	}
}

static void open_irq_window(struct svm *svm, bool open)
{
	struct vmcb_control *control = &svm->vmcb->control;
	u32 int_ctl = control->int_ctl & ~VINTR_WINDOW;

	if (open)
		int_ctl |= VINTR_WINDOW;
	svm_intercept(svm, INTERCEPT_VINTR, open);
	if (control->int_ctl == int_ctl)
		return;
	control->int_ctl = int_ctl;
	svm_dirty(svm, CLEAN_INT_CTL);
}

void svm_open_windows(struct vcpu *vcpu, bool irq, bool nmi)
{
	struct svm *svm = to_svm(vcpu);

	open_irq_window(svm, irq);
	nmi &= !vcpu->events.nmi_masked && !svm->step;
	svm->exit_at_once = nmi && svm->vmcb->control.event_inj & INJ_VALID;
	if (!svm->exit_at_once && (nmi || vcpu->debug.held) && !svm->step && svm_get_shadow(vcpu))
		svm_begin_step(vcpu, false);
}

u32 svm_get_shadow(struct vcpu *vcpu)
{
	bool shadow = to_svm(vcpu)->vmcb->control.int_state & INT_STATE_SHADOW;

	/* AMD-V does not tell which of the two it is. */
	return shadow ? SHADOW_STI | SHADOW_MOV_SS : 0;
}

void svm_set_shadow(struct vcpu *vcpu, u32 shadow)
{
	struct vmcb_control *control = &to_svm(vcpu)->vmcb->control;

	control->int_state &= ~INT_STATE_SHADOW;
	if (shadow)
		control->int_state |= INT_STATE_SHADOW;
}

void svm_begin_step(struct vcpu *vcpu, bool iret)
{
	struct svm *svm = to_svm(vcpu);

	svm->step = true;
	svm->step_iret = iret;
	svm->step_rip = vcpu->regs.rip;
	svm->step_flags = vcpu->regs.rflags & STEP_FLAGS;
}

/* The instruction is through. An IRET has loaded the guest's own TF. */
static void step_done(struct vcpu *vcpu)
{
	struct svm *svm = to_svm(vcpu);

	svm->step = false;
	if (svm->step_iret) {
		vcpu->events.nmi_masked = false;
		return;
	}
	vcpu->regs.rflags &= ~STEP_FLAGS;
	vcpu->regs.rflags |= svm->step_flags & X86_EFLAGS_TF;
}

/*
 * A #DB: was it our step? Return: whether there is nothing in it for the
 * guest; what is left for it is in *dr6.
 */
bool svm_end_step(struct vcpu *vcpu, u64 *dr6)
{
	struct svm *svm = to_svm(vcpu);

	if (!svm->step || !(*dr6 & DR_STEP))
		return false;
	step_done(vcpu);
	if (!(svm->step_flags & X86_EFLAGS_TF))
		*dr6 &= ~(u64)DR_STEP;
	*dr6 |= vcpu->debug.held;
	vcpu->debug.held = 0;
	return !(*dr6 & (DR_STEP | DR_TRAP_BITS));
}

/* Before each entry, when regs are in the VMCB. */
void svm_prepare_events(struct vcpu *vcpu)
{
	struct svm *svm = to_svm(vcpu);
	struct vmcb_control *control = &svm->vmcb->control;

	if (svm->step && vcpu->regs.rip != svm->step_rip)
		step_done(vcpu);	/* by the emulator */
	/* Delivery would push our TF; the step begins again after the handler's IRET. */
	if (control->event_inj & INJ_VALID)
		svm->step = false;
	svm_intercept(svm, INTERCEPT_IRET, vcpu->events.nmi_masked && !svm->step);
	svm_intercept(svm, INTERCEPT_PUSHF, svm->step);
	svm->vmcb->save.rflags = vcpu->regs.rflags | X86_EFLAGS_FIXED;
	if (svm->step)
		svm->vmcb->save.rflags |= STEP_FLAGS;
	if (svm->exit_at_once)
		irq_work_queue(&svm->kick);
	svm->exit_at_once = false;
}

/* The instruction behind MOV SS is over: what was held back is due. */
static void release_traps(struct vcpu *vcpu, struct exit *exit)
{
	exit->traps = vcpu->debug.held;
	vcpu->debug.held = 0;
	svm_set_shadow(vcpu, 0);
}

/* After each exit: our flags out of the guest's, unless the step's own #DB is yet to be seen. */
static void collect_step(struct vcpu *vcpu, struct exit *exit)
{
	struct svm *svm = to_svm(vcpu);

	if (!svm->step)
		return;
	if (vcpu->regs.rip == svm->step_rip) {
		vcpu->regs.rflags = (vcpu->regs.rflags & ~STEP_FLAGS) | svm->step_flags;
	} else if (svm->vmcb->control.exit_code != SVM_EXIT_EXCP_BASE + X86_TRAP_DB) {
		step_done(vcpu);
		if (vcpu->debug.held)
			release_traps(vcpu, exit);
		vcpu_request(vcpu, REQ_EVENT);
	}
}

/*
 * INT n, INT3 and INTO that the guest executed begin again with the
 * instruction; the same event injected by us has no instruction to begin with.
 */
static bool is_instruction(const struct svm *svm, u32 type, u8 vector)
{
	if (type == INJ_TYPE_SOFT)
		return svm->injected.type != EVENT_SOFT_IRQ || svm->injected.vector != vector;
	if (type == INJ_TYPE_EXCEPTION && (vector == X86_TRAP_BP || vector == X86_TRAP_OF))
		return svm->injected.type != EVENT_EXCEPTION || svm->injected.vector != vector;
	return false;
}

static void decode_delivering(const struct svm *svm, struct event *event)
{
	u32 info = svm->vmcb->control.exit_int_info;
	u32 type = info & INJ_TYPE_MASK;

	if (!(info & INJ_VALID))
		return;
	if (is_instruction(svm, type, info)) {
		/* It may be behind an STI, and what is pending must not come before it. */
		if (svm->vmcb->save.rflags & X86_EFLAGS_IF)
			svm->vmcb->control.int_state |= INT_STATE_SHADOW;
		return;
	}
	event->type = type == INJ_TYPE_INTR ? EVENT_IRQ :
		      type == INJ_TYPE_NMI ? EVENT_NMI :
		      type == INJ_TYPE_SOFT ? EVENT_SOFT_IRQ : EVENT_EXCEPTION;
	event->vector = info;
	event->has_error = info & INJ_HAS_ERROR;
	event->error = event->has_error ? svm->vmcb->control.exit_int_error : 0;
}

void svm_collect_events(struct vcpu *vcpu, struct exit *exit)
{
	struct svm *svm = to_svm(vcpu);

	collect_step(vcpu, exit);
	decode_delivering(svm, &exit->delivering);
	svm->injected = (struct event){};
	svm->vmcb->control.event_inj = 0;
}
