// SPDX-License-Identifier: GPL-2.0-only
/*
 * vCPUs that don't run: halted, or processors that wait for INIT and SIPI.
 *
 * Who has something for a vCPU makes it visible, wakes, and kicks; a vCPU that waits says so
 * (task state), then looks. With a full barrier between the two steps on both sides no wake-up
 * is lost. request.c has the same for guest mode.
 */
#include <linux/rcuwait.h>
#include <linux/sched/signal.h>

#include <asm/processor-flags.h>

#include "chips.h"
#include "event.h"
#include "exit.h"
#include "halt.h"
#include "pv.h"
#include "request.h"
#include "smm.h"
#include "state.h"
#include "vcpu.h"
#include "vendor.h"
#include "vm.h"
#include "vm_chips.h"

enum handled vcpu_halt(struct vcpu *vcpu)
{
	if (vcpu_trapped(vcpu))
		return REENTER;
	if (!vcpu->chips)
		return exit_to_user(vcpu, KVM_EXIT_HLT);
	vcpu->mp_state = KVM_MP_STATE_HALTED;
	return REENTER;
}

/* Does something end a HLT? */
static bool has_event(struct vcpu *vcpu)
{
	const struct vcpu_events *e = &vcpu->events;

	if (vcpu_trapped(vcpu) || e->nmi_injected || READ_ONCE(vcpu->pv.unhalted) || smm_due(vcpu))
		return true;
	if (!e->nmi_masked && (e->nmi_pending || test_bit(REQ_NMI, &vcpu->requests)))
		return true;
	if (!(vcpu->regs.rflags & X86_EFLAGS_IF))
		return false;
	return e->irq.type != EVENT_NONE || (vcpu->chips && chips_has_irq(vcpu));
}

/* A startup IPI: Intel SDM 3A 9.4.4.1. */
static void start_at(struct vcpu *vcpu, u8 page)
{
	struct kvm_segment cs;

	vendor(get_segment)(vcpu, VCPU_SREG_CS, &cs);
	cs.selector = page << 8;
	cs.base = page << 12;
	vendor(set_segment)(vcpu, VCPU_SREG_CS, &cs);
	vcpu->regs.rip = 0;
	vcpu->mp_state = KVM_MP_STATE_RUNNABLE;
}

/* In SMM INIT has to wait. */
static bool takes_init(const struct vcpu *vcpu)
{
	return vcpu->chips && READ_ONCE(vcpu->chips->apic.pending) && !vcpu->smm.inside;
}

void vcpu_accept_sipi(struct vcpu *vcpu)
{
	u8 page;

	if (!takes_init(vcpu))
		return;
	if (lapic_take_init(&vcpu->chips->apic)) {
		vcpu_init(vcpu);
		if (!(vcpu->mode.apic_base & MSR_IA32_APICBASE_BSP))
			vcpu->mp_state = KVM_MP_STATE_INIT_RECEIVED;
	}
	if (lapic_take_sipi(&vcpu->chips->apic, &page) &&
	    vcpu->mp_state == KVM_MP_STATE_INIT_RECEIVED)
		start_at(vcpu, page);
}

bool vcpu_must_settle(const struct vcpu *vcpu)
{
	return vcpu->mp_state != KVM_MP_STATE_RUNNABLE || takes_init(vcpu);
}

/* May the vCPU look what there is for it? */
static bool is_woken(struct vcpu *vcpu)
{
	return test_bit(REQ_TRIPLE_FAULT, &vcpu->requests) ||
	       takes_init(vcpu) ||
	       (vcpu->mp_state == KVM_MP_STATE_HALTED && has_event(vcpu));
}

/* Returns whether a signal came. */
static bool wait_for_event(struct vcpu *vcpu)
{
	prepare_to_rcuwait(&vcpu->wait);
	for (;;) {
		set_current_state(TASK_INTERRUPTIBLE);
		if (is_woken(vcpu) || signal_pending(current))
			break;
		schedule();
	}
	finish_rcuwait(&vcpu->wait);
	return signal_pending(current);
}

static void wake(struct vcpu *vcpu)
{
	vcpu->mp_state = KVM_MP_STATE_RUNNABLE;
	WRITE_ONCE(vcpu->pv.unhalted, false);
}

static bool is_ready(struct vcpu *vcpu)
{
	vcpu_accept_sipi(vcpu);
	/* In any case: it can't be done while it waits. */
	if (vcpu->chips)
		lapic_settle_eoi(&vcpu->chips->apic);
	if (vcpu->mp_state == KVM_MP_STATE_HALTED && has_event(vcpu)) {
		vcpu->smm.halted = smm_due(vcpu);
		wake(vcpu);
	}
	return vcpu->mp_state == KVM_MP_STATE_RUNNABLE ||
	       test_bit(REQ_TRIPLE_FAULT, &vcpu->requests);
}

enum handled vcpu_settle(struct vcpu *vcpu, int *srcu)
{
	bool interrupted;

	while (!is_ready(vcpu)) {
		if (!vcpu->chips)
			return exit_to_user(vcpu, KVM_EXIT_HLT);
		pv_away(vcpu);
		srcu_read_unlock(&vcpu->vm->srcu, *srcu);
		interrupted = wait_for_event(vcpu);
		*srcu = srcu_read_lock(&vcpu->vm->srcu);
		if (interrupted) {
			vcpu->run->exit_reason = KVM_EXIT_INTR;
			return exit_fail(vcpu, -EINTR);
		}
	}
	return REENTER;
}
