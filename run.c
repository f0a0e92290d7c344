// SPDX-License-Identifier: GPL-2.0-only
/*
 * KVM_RUN: prepare, enter, handle, until user space has something to do.
 *
 *   guest work -> requests -> root -> inject -> | IN_GUEST, check | enter -> handle | -> handle
 *                                               |     ^-----------------' preempt off
 *
 * The slots (SRCU) are held all the time, but not in guest mode, nor while we may be scheduled away
 * for long: a change of slots never waits for a guest that does not exit.
 */
#include <linux/interrupt.h>
#include <linux/sched.h>
#include <linux/smp.h>

#include "chips.h"
#include "compat.h"
#include "dirty_ring.h"
#include "emul.h"
#include "entry_check.h"
#include "event.h"
#include "exit.h"
#include "guest_debug.h"
#include "guestmode.h"
#include "halt.h"
#include "hostmsr.h"
#include "mmu.h"
#include "mode.h"
#include "pv.h"
#include "request.h"
#include "smm.h"
#include "state.h"
#include "sync_regs.h"
#include "trace.h"
#include "vcpu.h"
#include "vendor.h"
#include "vm.h"
#include "vm_chips.h"

/* -EINTR tells of the signal; exit_reason is for those who look all the same. */
static enum handled interrupted(struct vcpu *vcpu)
{
	vcpu->run->exit_reason = KVM_EXIT_INTR;
	return exit_fail(vcpu, -EINTR);
}

static int load_root(struct vcpu *vcpu)
{
	vcpu_take_request(vcpu, REQ_RELOAD_ROOT);
	return mmu_load_root(&vcpu->mmu);
}

static void take_msr_filter(struct vcpu *vcpu)
{
	vcpu->filter_msrs = rcu_access_pointer(vcpu->vm->msr_filter);
	vendor(update_cpuid)(vcpu);
}

/* What user space is told first of all. */
static enum handled tell_user(struct vcpu *vcpu)
{
	int vector;

	if (vcpu_take_request(vcpu, REQ_TRIPLE_FAULT))
		return exit_to_user(vcpu, KVM_EXIT_SHUTDOWN);
	if (vcpu_take_request(vcpu, REQ_EOI)) {
		vector = chips_pop_eoi(vcpu);
		if (vector >= 0) {
			vcpu_request(vcpu, REQ_EOI);	/* there may be more */
			vcpu->run->eoi.vector = vector;
			return exit_to_user(vcpu, KVM_EXIT_IOAPIC_EOI);
		}
	}
	if (vcpu_take_request(vcpu, REQ_DEBUG))
		return guest_debug_trap(vcpu);
	if (vcpu_take_request(vcpu, REQ_RING_FULL) && dirty_ring_full(vcpu)) {
		vcpu_request(vcpu, REQ_RING_FULL);
		return exit_to_user(vcpu, KVM_EXIT_DIRTY_RING_FULL);
	}
	if (event_user_window(vcpu) && event_irq_allowed(vcpu))
		return exit_to_user(vcpu, KVM_EXIT_IRQ_WINDOW_OPEN);
	return REENTER;
}

/*
 * What comes from here on asks again. INIT and SIPI ask by REQ_EVENT too, but vcpu_settle() takes
 * them: if they have come since it was called, the request stays, and nothing is entered.
 */
static bool take_event_request(struct vcpu *vcpu)
{
	if (!vcpu_take_request(vcpu, REQ_EVENT))
		return false;
	if (unlikely(vcpu_must_settle(vcpu)))
		vcpu_request(vcpu, REQ_EVENT);
	return true;
}

static enum handled prepare(struct vcpu *vcpu)
{
	enum handled r = tell_user(vcpu);
	int err;

	if (r != REENTER)
		return r;
	err = unlikely(smm_asked(vcpu)) ? smm_enter(vcpu) : 0;
	if (!err)
		err = load_root(vcpu);
	if (err)
		return exit_fail(vcpu, err);
	if (vcpu_take_request(vcpu, REQ_FLUSH_TLB))
		vcpu_flush_tlb(vcpu);
	if (READ_ONCE(vcpu->requests) & (BIT(REQ_CLOCK) | BIT(REQ_STEAL)))
		pv_update(vcpu);
	if (vcpu_take_request(vcpu, REQ_MSR_FILTER))
		take_msr_filter(vcpu);
	if (vcpu_take_request(vcpu, REQ_NMI))
		event_take_nmis(vcpu);
	take_event_request(vcpu);
	chips_settle(vcpu);
	event_inject(vcpu);
	return REENTER;
}

/* Softirqs that came since fpu_enter() turned them off run when fpu_leave() turns them on again. */
static bool must_stay(struct vcpu *vcpu)
{
	return READ_ONCE(vcpu->requests) || guest_work_pending() ||
	       (softirq_count() && local_softirq_pending());
}

/* What is queued must be offered again at each entry. */
static bool event_waits(const struct vcpu *vcpu)
{
	const struct vcpu_events *e = &vcpu->events;

	return e->exception.type != EVENT_NONE || e->irq.type != EVENT_NONE || e->nmi_injected ||
	       e->nmi_pending || e->nmi_masked || e->irq_waits;
}

/* Returns false where it would have to sleep. */
static bool inject_atomic(struct vcpu *vcpu)
{
	bool settled;

	vcpu->mmu.atomic = true;
	settled = chips_settle(vcpu);
	vcpu->mmu.atomic = false;
	if (unlikely(!settled))
		return false;
	event_inject(vcpu);
	return true;
}

/* Between two entries: the part of prepare() that needs neither sleep nor user space. */
static bool prepare_atomic(struct vcpu *vcpu)
{
	const unsigned long easy = BIT(REQ_FLUSH_TLB) | BIT(REQ_EVENT);

	if ((READ_ONCE(vcpu->requests) & ~easy) || vcpu->mmu.root_hpa == INVALID_ROOT ||
	    local_softirq_pending() || vcpu_must_settle(vcpu))
		return false;
	if (vcpu_take_request(vcpu, REQ_FLUSH_TLB))
		vcpu_flush_tlb(vcpu);
	if (take_event_request(vcpu) || event_waits(vcpu))
		return inject_atomic(vcpu);
	return true;
}

/* Interrupts are off. Returns whether the guest was entered. */
static bool enter_once(struct vcpu *vcpu, struct exit *exit)
{
	smp_store_mb(vcpu->where, VCPU_IN_GUEST);
	if (must_stay(vcpu)) {
		smp_store_release(&vcpu->where, VCPU_OUTSIDE);
		event_cancel(vcpu);
		return false;
	}
	/* An event goes before the SMI that waits: as soon as that is delivered, come back. */
	if (unlikely(vcpu->smm.pending && !vcpu->smm.inside))
		smp_send_reschedule(smp_processor_id());
	guest_timing_enter();
	trace_umbra_enter(vcpu->id, vcpu->regs.rip);
	debug_enter(vcpu);
	vendor(enter)(vcpu, exit);
	debug_leave(vcpu);
	trace_umbra_exit(vcpu->id, exit->kind, vcpu->regs.rip, exit->hw_reason);
	vcpu->stats.exits++;
	if (unlikely(exit->traps))
		event_queue_db(vcpu, exit->traps);
	event_requeue(vcpu, &exit->delivering);
	vendor(exit_irq)(vcpu, exit);
	smp_store_release(&vcpu->where, VCPU_OUTSIDE);

	/* What interrupted the guest runs now; a timer tick still finds the guest's time. */
	local_irq_enable();
	nop();
	local_irq_disable();
	guest_timing_exit();
	return true;
}

/*
 * Enter, again and again as long as an exit needs neither sleep nor user space. Preemption is
 * off and the guest's FPU state is loaded all the time: from before interrupts go off until after
 * they are on again, as kernels from 6.15 turn softirqs off for it only while interrupts are on.
 * Returns what follows from the last exit.
 */
static enum handled enter(struct vcpu *vcpu, struct exit *exit, int *srcu)
{
	struct srcu_struct *slots = &vcpu->vm->srcu;
	bool entered, again;
	enum handled r;

	fpu_enter(vcpu);
	local_irq_disable();
	do {
		srcu_read_unlock(slots, *srcu);
		entered = enter_once(vcpu, exit);
		local_irq_enable();
		*srcu = srcu_read_lock(slots);
		r = entered ? exit_handle_atomic(vcpu, exit) : REENTER;
		again = entered && r == REENTER && prepare_atomic(vcpu);
		local_irq_disable();
	} while (again);
	local_irq_enable();
	host_leave_guest();
	fpu_leave(vcpu);
	return r;
}

/* What waits for this thread, and who. */
static int let_others_run(struct vcpu *vcpu)
{
	if (vcpu->pv.yields) {
		vcpu->pv.yields = false;
		yield();
	}
	return guest_work_pending() ? guest_work() : 0;
}

static enum handled run_loop(struct vcpu *vcpu, int *srcu)
{
	struct srcu_struct *slots = &vcpu->vm->srcu;
	struct exit exit;
	enum handled r;
	int err;

	do {
		if (guest_work_pending() || unlikely(vcpu->pv.yields)) {
			if (need_resched() || vcpu->pv.yields)
				pv_away(vcpu);
			srcu_read_unlock(slots, *srcu);
			err = let_others_run(vcpu);
			*srcu = srcu_read_lock(slots);
			if (err)
				return interrupted(vcpu);
		}
		r = vcpu_must_settle(vcpu) ? vcpu_settle(vcpu, srcu) : REENTER;
		if (r == REENTER)
			r = prepare(vcpu);
		if (r != REENTER)
			return r;
		r = enter(vcpu, &exit, srcu);
		if (r == WAIT)
			r = exit_handle(vcpu, &exit);
	} while (r == REENTER || r == WAIT);
	return r;
}

/* What user space asked for before the guest goes on. */
static enum handled begin(struct vcpu *vcpu)
{
	int err = sync_from_user(vcpu);
	enum handled r;

	if (!err && !vcpu->chips)
		err = mode_set_cr8(vcpu, vcpu->run->cr8);
	if (!err && vcpu->recheck)
		err = entry_check(vcpu);
	if (err)
		return exit_fail(vcpu, err);
	vcpu->recheck = false;
	if (unlikely(vcpu->guest_debug.control))
		guest_debug_begin(vcpu);
	r = io_complete(vcpu) ? emul_resume(vcpu) : REENTER;
	if (r == REENTER && vcpu_take_request(vcpu, REQ_DEBUG))
		return guest_debug_trap(vcpu);
	if (r == REENTER && run_immediate_exit(vcpu->run))
		return exit_fail(vcpu, -EINTR);		/* and the last exit_reason stays */
	if (r == REENTER)
		vcpu->run->exit_reason = KVM_EXIT_UNKNOWN;
	return r;
}

static void show_state(struct vcpu *vcpu)
{
	struct kvm_run *run = vcpu->run;

	run->if_flag = !!(vcpu->regs.rflags & X86_EFLAGS_IF);
	run->flags = vcpu->smm.inside ? KVM_RUN_X86_SMM : 0;
	run->cr8 = vcpu->mode.cr8;
	run->apic_base = vcpu->mode.apic_base;
	run->ready_for_interrupt_injection = vcpu->vm->chips->mode == CHIPS_KERNEL ||
					     event_irq_allowed(vcpu);
}

int vcpu_run(struct vcpu *vcpu)
{
	int srcu = srcu_read_lock(&vcpu->vm->srcu);
	enum handled r;

	vcpu->io.code.valid = false;
	r = begin(vcpu);
	if (r == REENTER)
		r = run_loop(vcpu, &srcu);
	if (vcpu->chips)
		lapic_settle_eoi(&vcpu->chips->apic);
	srcu_read_unlock(&vcpu->vm->srcu, srcu);
	if (unlikely(vcpu->guest_debug.stepping))
		guest_debug_end(vcpu);
	show_state(vcpu);
	sync_to_user(vcpu);
	vcpu->stats.exits_user++;
	return r == FAIL ? vcpu->run_error : 0;
}
