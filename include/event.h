/* SPDX-License-Identifier: GPL-2.0-only */
/* Exceptions, interrupts and NMIs of a vCPU: queued, delivered, delivered again. In event.c. */
#ifndef UMBRA_EVENT_H
#define UMBRA_EVENT_H

#include <linux/kvm.h>
#include "exit.h"
#include "vendor.h"

struct vcpu;

/* Interrupt shadows as KVM_GET_VCPU_EVENTS has them. */
static inline u8 shadow_to_user(u32 shadow)
{
	return (shadow & SHADOW_STI ? KVM_X86_SHADOW_INT_STI : 0) |
	       (shadow & SHADOW_MOV_SS ? KVM_X86_SHADOW_INT_MOV_SS : 0);
}

static inline u32 shadow_from_user(u8 shadow)
{
	return (shadow & KVM_X86_SHADOW_INT_STI ? SHADOW_STI : 0) |
	       (shadow & KVM_X86_SHADOW_INT_MOV_SS ? SHADOW_MOV_SS : 0);
}

/**
 * event_queue_exception() - an exception for the guest
 * @vcpu:	the vCPU
 * @vector:	which
 * @has_error:	@error is pushed
 * @error:	error code
 *
 * A second one while another is being delivered becomes #DF or a triple
 * fault, as Intel SDM 3A 6.15 (Interrupt 8) tells.
 */
void event_queue_exception(struct vcpu *vcpu, u8 vector, bool has_error, u32 error);

/**
 * event_queue_pf() - a page fault for the guest; sets CR2 when it is taken
 * @vcpu:	the vCPU
 * @gva:	CR2
 * @error:	error code
 */
void event_queue_pf(struct vcpu *vcpu, gva_t gva, u32 error);

/**
 * event_queue_db() - a debug exception for the guest; sets DR6 when it is taken
 * @vcpu:	the vCPU
 * @dr6:	bits of DR6 that say why: B0 to B3 replace the old ones, others are added
 *
 * Intel SDM 3B 18.2.3, AMD APM 2 13.1.1.3.
 */
void event_queue_db(struct vcpu *vcpu, u64 dr6);

/**
 * event_requeue() - an exit interrupted the delivery of an event
 * @vcpu:	the vCPU
 * @event:	exit.delivering; EVENT_NONE: what was injected is delivered
 *
 * Called once after each entry, first of all.
 */
void event_requeue(struct vcpu *vcpu, const struct event *event);

/**
 * event_inject() - hand the most important deliverable event to the backend
 * @vcpu:	about to be entered, interrupts on
 *
 * Opens interrupt and NMI windows for the others.
 */
void event_inject(struct vcpu *vcpu);

/**
 * event_cancel() - the entry did not happen: take back what was handed over
 * @vcpu:	the vCPU
 */
void event_cancel(struct vcpu *vcpu);

/**
 * event_irq_allowed() - could the guest take an external interrupt now?
 * @vcpu:	the vCPU
 *
 * RFLAGS.IF is set, no shadow of STI or MOV SS, nothing else queued.
 */
bool event_irq_allowed(struct vcpu *vcpu);

/**
 * event_interrupt() - KVM_INTERRUPT
 * @vcpu:	locked
 * @vector:	0 to 255
 *
 * KVM API 4.16. Return: 0, -EINVAL (vector), -EEXIST (one is queued already).
 */
int event_interrupt(struct vcpu *vcpu, u32 vector);

/**
 * event_nmi() - KVM_NMI
 * @vcpu:	locked
 *
 * KVM API 4.64. Return: 0.
 */
int event_nmi(struct vcpu *vcpu);

/**
 * event_user_window() - does user space ask when the guest takes an interrupt?
 * @vcpu:	the vCPU
 *
 * It is not told where all controllers are in the kernel.
 */
bool event_user_window(const struct vcpu *vcpu);

/**
 * event_take_nmis() - REQ_NMI: NMIs that came from others become pending
 * @vcpu:	its own thread calls
 */
void event_take_nmis(struct vcpu *vcpu);

/**
 * event_get() - KVM_GET_VCPU_EVENTS
 * @vcpu:	locked and loaded
 * @events:	filled in
 */
void event_get(struct vcpu *vcpu, struct kvm_vcpu_events *events);

/**
 * event_set() - KVM_SET_VCPU_EVENTS
 * @vcpu:	locked and loaded
 * @events:	not trusted
 *
 * KVM API 4.32. Return: 0 or -EINVAL.
 */
int event_set(struct vcpu *vcpu, const struct kvm_vcpu_events *events);

#endif
