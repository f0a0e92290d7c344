// SPDX-License-Identifier: GPL-2.0-only
/*
 * Exceptions, NMIs and external interrupts on their way to the guest.
 *
 * An event is queued, handed to the processor for one entry, and delivered unless the exit says
 * that it interrupted the delivery; then it goes first at the next entry. At most one of the
 * *_injected flags is set. An exception raised by the delivery of an interrupt or NMI goes first:
 * the interrupt waits, none is lost. Intel SDM 3A 6.9 and 6.15, AMD APM 2 8.5.
 */
#include <linux/thread_info.h>
#include <asm/debugreg.h>
#include <asm/kvm.h>
#include <asm/processor-flags.h>
#include <asm/trapnr.h>

#include "breakpoint.h"
#include "chips.h"
#include "cpus.h"
#include "entry_check.h"
#include "event.h"
#include "exit.h"
#include "request.h"
#include "smm.h"
#include "vcpu.h"
#include "vendor.h"
#include "vm.h"
#include "vm_chips.h"

#define MAX_PENDING_NMIS	2

/* Those that are restarted: RFLAGS is pushed with RF set, so that no breakpoint hits twice. */
#define NOT_FAULTS (BIT(X86_TRAP_DB) | BIT(X86_TRAP_NMI) | BIT(X86_TRAP_BP) | BIT(X86_TRAP_OF) | \
		    BIT(X86_TRAP_DF) | BIT(X86_TRAP_MC))

#define CONTRIBUTORY (BIT(X86_TRAP_DE) | BIT(X86_TRAP_TS) | BIT(X86_TRAP_NP) | \
		      BIT(X86_TRAP_SS) | BIT(X86_TRAP_GP) | BIT(X86_TRAP_CP))

static bool is_contributory(u8 vector)
{
	return vector < 32 && (BIT(vector) & CONTRIBUTORY);
}

/* Does @second, while @first is being delivered, make a double fault? */
static bool makes_double_fault(u8 first, u8 second)
{
	if (first == X86_TRAP_PF)
		return second == X86_TRAP_PF || is_contributory(second);
	return is_contributory(first) && is_contributory(second);
}

static void set_exception(struct vcpu *vcpu, u8 vector, bool has_error, u32 error)
{
	struct vcpu_events *e = &vcpu->events;

	e->exception = (struct event) {
		.type = EVENT_EXCEPTION,
		.vector = vector,
		.has_error = has_error,
		.error = has_error ? error : 0,
	};
	e->exception_injected = false;
	e->has_payload = false;
	vcpu_request(vcpu, REQ_EVENT);
}

/* An exception goes before what was being delivered. */
static void postpone_interrupts(struct vcpu_events *e)
{
	e->irq_injected = false;
	if (e->nmi_injected) {
		e->nmi_injected = false;
		e->nmi_masked = false;
		e->nmi_pending = min(e->nmi_pending + 1, MAX_PENDING_NMIS);
	}
}

void event_queue_exception(struct vcpu *vcpu, u8 vector, bool has_error, u32 error)
{
	struct vcpu_events *e = &vcpu->events;

	postpone_interrupts(e);
	if (e->exception.type == EVENT_NONE || e->exception.vector == X86_TRAP_DB) {
		set_exception(vcpu, vector, has_error, error);
	} else if (e->exception.vector == X86_TRAP_DF) {
		e->exception.type = EVENT_NONE;
		e->exception_injected = false;
		vcpu_request(vcpu, REQ_TRIPLE_FAULT);
	} else if (makes_double_fault(e->exception.vector, vector)) {
		set_exception(vcpu, X86_TRAP_DF, true, 0);
	} else {
		set_exception(vcpu, vector, has_error, error);
	}
}

void event_queue_pf(struct vcpu *vcpu, gva_t gva, u32 error)
{
	vcpu->mode.cr2 = gva;
	event_queue_exception(vcpu, X86_TRAP_PF, true, error);
}

#define TRAPS_TO_USER (KVM_GUESTDBG_SINGLESTEP | KVM_GUESTDBG_USE_HW_BP)

void event_queue_db(struct vcpu *vcpu, u64 dr6)
{
	if (unlikely(vcpu->guest_debug.control & TRAPS_TO_USER)) {
		vcpu->guest_debug.hits |= dr6;
		vcpu_request(vcpu, REQ_DEBUG);
		return;
	}
	vcpu->debug.dr6 = (vcpu->debug.dr6 & ~(u64)DR_TRAP_BITS) | dr6;
	event_queue_exception(vcpu, X86_TRAP_DB, false, 0);
}

/* All that was handed over has arrived. */
static void delivered(struct vcpu_events *e)
{
	if (e->exception_injected)
		e->exception.type = EVENT_NONE;
	if (e->irq_injected)
		e->irq.type = EVENT_NONE;
	e->exception_injected = false;
	e->irq_injected = false;
	e->nmi_injected = false;
}

void event_requeue(struct vcpu *vcpu, const struct event *event)
{
	struct vcpu_events *e = &vcpu->events;

	delivered(e);
	switch (event->type) {
	case EVENT_EXCEPTION:
		e->exception = *event;
		e->exception_injected = true;
		break;
	case EVENT_NMI:
		e->nmi_injected = true;
		e->nmi_masked = true;
		break;
	case EVENT_IRQ:
		e->irq = *event;
		e->irq_injected = true;
		break;
	}
}

/* Intel SDM 3A 5.14 and 3B 18.2.3; of DR6, bits that tell something by a 0 are inverted. */
static noinline void deliver_payload(struct vcpu *vcpu)
{
	struct vcpu_events *e = &vcpu->events;
	u64 dr6 = (vcpu->debug.dr6 & ~(u64)DR_TRAP_BITS) | DR6_ONES;

	e->has_payload = false;
	if (e->exception.vector == X86_TRAP_PF)
		vcpu->mode.cr2 = e->payload;
	else if (e->exception.vector == X86_TRAP_DB)
		vcpu->debug.dr6 = dr6_settled((dr6 | e->payload) ^ (e->payload & DR6_ONES));
}

/*
 * No handler of #DB faults on its first look at a debug register. (The hardware's DR7 has no GD.)
 * Traps that MOV SS held back are lost when the next instruction faults.
 */
static void inject_exception(struct vcpu *vcpu)
{
	struct event event = vcpu->events.exception;

	if (unlikely(vcpu->events.has_payload))
		deliver_payload(vcpu);
	if (event.vector < 32 && !(BIT(event.vector) & NOT_FAULTS))
		vcpu->regs.rflags |= X86_EFLAGS_RF;
	if (event.vector == X86_TRAP_DB)
		vcpu->debug.dr7 &= ~DR7_GD;
	vcpu->debug.held = 0;
	event.has_error &= vcpu->mode.cr0 & X86_CR0_PE;
	if (vendor(get_shadow)(vcpu))
		vendor(set_shadow)(vcpu, 0);
	vcpu->events.exception_injected = true;
	vcpu->stats.exception_injections++;
	vendor(inject)(vcpu, &event);
}

static void inject_nmi(struct vcpu *vcpu)
{
	static const struct event nmi = { .type = EVENT_NMI, .vector = X86_TRAP_NMI };

	vcpu->events.nmi_injected = true;
	vcpu->events.nmi_masked = true;
	vcpu->stats.nmi_injections++;
	vendor(inject)(vcpu, &nmi);
}

static void inject_irq(struct vcpu *vcpu)
{
	vcpu->events.irq_injected = true;
	vcpu->stats.irq_injections++;
	vendor(inject)(vcpu, &vcpu->events.irq);
}

/* Could the processor itself take one now, nothing else considered? */
static bool irqs_open(struct vcpu *vcpu)
{
	return (vcpu->regs.rflags & X86_EFLAGS_IF) && !vendor(get_shadow)(vcpu);
}

/* A step over the IRET of an NMI's handler may be left over and end in SMM: it unmasks nothing. */
static bool nmis_open(struct vcpu *vcpu)
{
	return !vcpu->events.nmi_masked && !vcpu->smm.inside && !vendor(get_shadow)(vcpu);
}

/* Is there an interrupt for a guest that takes one now? The controllers in here are asked. */
static bool next_irq(struct vcpu *vcpu)
{
	int vector;

	if (vcpu->events.irq.type != EVENT_NONE)
		return true;
	vector = vcpu->chips ? chips_take_irq(vcpu) : -1;
	if (vector < 0)
		return false;
	vcpu->events.irq = (struct event) { .type = EVENT_IRQ, .vector = vector };
	return true;
}

bool event_user_window(const struct vcpu *vcpu)
{
	return vcpu->run->request_interrupt_window && vcpu->vm->chips->mode != CHIPS_KERNEL;
}

static bool more_irqs(struct vcpu *vcpu)
{
	const struct vcpu_events *e = &vcpu->events;

	return (e->irq.type != EVENT_NONE && !e->irq_injected) || event_user_window(vcpu) ||
	       (vcpu->chips && chips_has_irq(vcpu));
}

void event_take_nmis(struct vcpu *vcpu)
{
	struct vcpu_events *e = &vcpu->events;

	e->nmi_pending = min(e->nmi_pending + atomic_xchg(&vcpu->nmis, 0), MAX_PENDING_NMIS);
}

void event_inject(struct vcpu *vcpu)
{
	struct vcpu_events *e = &vcpu->events;
	bool blocked = vcpu->guest_debug.control & KVM_GUESTDBG_BLOCKIRQ;

	if (e->exception.type != EVENT_NONE) {
		inject_exception(vcpu);
	} else if (e->nmi_injected) {
		inject_nmi(vcpu);
	} else if (e->irq_injected) {
		inject_irq(vcpu);
	} else if (unlikely(blocked)) {
		vendor(open_windows)(vcpu, false, e->nmi_masked);
		return;
	} else if (e->nmi_pending && nmis_open(vcpu)) {
		e->nmi_pending--;
		inject_nmi(vcpu);
	} else if (irqs_open(vcpu) && next_irq(vcpu)) {
		inject_irq(vcpu);
	}
	e->irq_waits = more_irqs(vcpu);
	e->irq_in_shadow = e->irq_waits && (vcpu->regs.rflags & X86_EFLAGS_IF) &&
			   vendor(get_shadow)(vcpu);
	vendor(open_windows)(vcpu, e->irq_waits,
			     (e->nmi_pending || e->nmi_masked) && !vcpu->smm.inside);
}

/* All is still queued, and event_inject() decides anew. An NMI is masked already: it must go. */
void event_cancel(struct vcpu *vcpu)
{
	static const struct event none = { .type = EVENT_NONE };

	vcpu->events.exception_injected = false;
	vcpu->events.irq_injected = false;
	vendor(inject)(vcpu, &none);
}

bool event_irq_allowed(struct vcpu *vcpu)
{
	const struct vcpu_events *e = &vcpu->events;

	return e->irq.type == EVENT_NONE && e->exception.type == EVENT_NONE &&
	       !e->nmi_injected && irqs_open(vcpu);
}

int event_interrupt(struct vcpu *vcpu, u32 vector)
{
	if (vector > 255)
		return -EINVAL;
	if (vcpu->events.irq.type != EVENT_NONE)
		return -EEXIST;
	vcpu->events.irq = (struct event) { .type = EVENT_IRQ, .vector = vector };
	vcpu->events.irq_injected = false;
	vcpu_request(vcpu, REQ_EVENT);
	return 0;
}

int event_nmi(struct vcpu *vcpu)
{
	struct vcpu_events *e = &vcpu->events;

	e->nmi_pending = min(e->nmi_pending + 1, MAX_PENDING_NMIS);
	vcpu_request(vcpu, REQ_EVENT);
	return 0;
}

/* INT3 and INTO are not shown: the instruction runs again. */
static bool exception_shown(const struct event *e)
{
	return e->type != EVENT_NONE && e->vector != X86_TRAP_BP && e->vector != X86_TRAP_OF;
}

/* What a VM has turned on is shown besides. */
static void get_extras(const struct vcpu *vcpu, struct kvm_vcpu_events *events)
{
	const struct vcpu_events *e = &vcpu->events;

	if (READ_ONCE(vcpu->vm->exception_payload)) {
		events->flags |= KVM_VCPUEVENT_VALID_PAYLOAD;
		events->exception.pending = events->exception.injected && !e->exception_injected;
		events->exception.injected &= e->exception_injected;
		events->exception_has_payload = events->exception.pending && e->has_payload;
		events->exception_payload = events->exception_has_payload ? e->payload : 0;
	}
	if (READ_ONCE(vcpu->vm->triple_fault_event)) {
		events->flags |= KVM_VCPUEVENT_VALID_TRIPLE_FAULT;
		events->triple_fault.pending = test_bit(REQ_TRIPLE_FAULT, &vcpu->requests);
	}
}

void event_get(struct vcpu *vcpu, struct kvm_vcpu_events *events)
{
	const struct vcpu_events *e = &vcpu->events;

	event_take_nmis(vcpu);
	memset(events, 0, sizeof(*events));
	if (exception_shown(&e->exception)) {
		events->exception.injected = 1;
		events->exception.nr = e->exception.vector;
		events->exception.has_error_code = e->exception.has_error;
		events->exception.error_code = e->exception.error;
	}
	if (e->irq.type != EVENT_NONE) {
		events->interrupt.injected = 1;
		events->interrupt.nr = e->irq.vector;
	}
	events->interrupt.shadow = shadow_to_user(vendor(get_shadow)(vcpu));
	events->nmi.injected = e->nmi_injected;
	events->nmi.pending = e->nmi_pending;
	events->nmi.masked = e->nmi_masked;
	events->flags = KVM_VCPUEVENT_VALID_NMI_PENDING | KVM_VCPUEVENT_VALID_SHADOW;
	smm_get_events(vcpu, events);
	get_extras(vcpu, events);
}

#define VALID_FLAGS (KVM_VCPUEVENT_VALID_NMI_PENDING | KVM_VCPUEVENT_VALID_SHADOW | \
		     KVM_VCPUEVENT_VALID_SIPI_VECTOR | KVM_VCPUEVENT_VALID_SMM)

static u32 valid_flags(const struct vm *vm)
{
	return VALID_FLAGS |
	       (READ_ONCE(vm->exception_payload) ? KVM_VCPUEVENT_VALID_PAYLOAD : 0) |
	       (READ_ONCE(vm->triple_fault_event) ? KVM_VCPUEVENT_VALID_TRIPLE_FAULT : 0);
}

static bool is_pending(const struct kvm_vcpu_events *events)
{
	return events->flags & KVM_VCPUEVENT_VALID_PAYLOAD && events->exception.pending;
}

/* No software interrupt waits to be injected. */
static bool events_valid(const struct vcpu *vcpu, const struct kvm_vcpu_events *events)
{
	if (events->flags & ~valid_flags(vcpu->vm))
		return false;
	if ((events->exception.injected || is_pending(events)) &&
	    !entry_exception_ok(events->exception.nr, events->exception.has_error_code,
				events->exception.error_code))
		return false;
	if (events->nmi.injected && events->flags & KVM_VCPUEVENT_VALID_SHADOW &&
	    shadow_from_user(events->interrupt.shadow))
		return false;
	if (events->interrupt.injected && events->interrupt.soft)
		return false;
	return smm_events_valid(vcpu, events);
}

static void set_interrupts(struct vcpu *vcpu, const struct kvm_vcpu_events *events)
{
	struct vcpu_events *e = &vcpu->events;

	e->irq_injected = false;
	e->irq.type = EVENT_NONE;
	if (events->interrupt.injected)
		e->irq = (struct event) { .type = EVENT_IRQ, .vector = events->interrupt.nr };

	e->nmi_masked = events->nmi.masked;
	e->nmi_injected = events->nmi.injected;
	if (events->flags & KVM_VCPUEVENT_VALID_NMI_PENDING) {
		atomic_set(&vcpu->nmis, 0);
		e->nmi_pending = min_t(u8, events->nmi.pending, MAX_PENDING_NMIS);
	}
}

static void set_user_exception(struct vcpu *vcpu, const struct kvm_vcpu_events *events)
{
	struct vcpu_events *e = &vcpu->events;
	bool pending = is_pending(events);

	e->exception_injected = false;
	e->exception.type = EVENT_NONE;
	if (!events->exception.injected && !pending)
		return;
	postpone_interrupts(e);
	set_exception(vcpu, events->exception.nr, events->exception.has_error_code,
		      events->exception.error_code);
	e->exception_injected = !pending;
	e->has_payload = pending && events->exception_has_payload;
	e->payload = events->exception_payload;
}

/* The host's own request, that all stop, is made again: see vm_stop_all(). */
static void set_triple_fault(struct vcpu *vcpu, bool pending)
{
	vcpu_take_request(vcpu, REQ_TRIPLE_FAULT);
	if (pending || !cpus_usable())
		vcpu_request(vcpu, REQ_TRIPLE_FAULT);
}

int event_set(struct vcpu *vcpu, const struct kvm_vcpu_events *events)
{
	if (!events_valid(vcpu, events))
		return -EINVAL;
	set_interrupts(vcpu, events);
	set_user_exception(vcpu, events);
	if (events->flags & KVM_VCPUEVENT_VALID_TRIPLE_FAULT)
		set_triple_fault(vcpu, events->triple_fault.pending);
	if (events->flags & KVM_VCPUEVENT_VALID_SHADOW) {
		vendor(set_shadow)(vcpu, shadow_from_user(events->interrupt.shadow));
		vcpu->debug.held = 0;
	}
	if (events->flags & KVM_VCPUEVENT_VALID_SMM)
		smm_set_events(vcpu, events);
	vcpu_request(vcpu, REQ_EVENT);
	return 0;
}
