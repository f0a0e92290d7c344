/* SPDX-License-Identifier: GPL-2.0-only */
/* System Management Mode: SMI, RSM and the state in between. In smm.c. */
#ifndef UMBRA_SMM_H
#define UMBRA_SMM_H

#include <linux/kvm.h>

#include "request.h"
#include "types.h"
#include "vcpu.h"

#define SMBASE_RESET	0x30000u

/**
 * smm_asked() - is there an SMI, taken or not?
 * @vcpu:	its own thread calls
 */
static inline bool smm_asked(const struct vcpu *vcpu)
{
	return vcpu->smm.pending || test_bit(REQ_SMI, &vcpu->requests);
}

/**
 * smm_due() - would the processor take an SMI now?
 * @vcpu:	its own thread calls
 *
 * Not in SMM, nor while an event is on its way, which no place in memory is for.
 * Return: whether there is one, too.
 */
static inline bool smm_due(const struct vcpu *vcpu)
{
	const struct vcpu_events *e = &vcpu->events;

	return smm_asked(vcpu) && !vcpu->smm.inside && e->exception.type == EVENT_NONE &&
	       !e->nmi_injected && !e->irq_injected;
}

/**
 * smm_enter() - take an SMI, if one is due; else it stays pending
 * @vcpu:	loaded, slots held; no instruction waits for user space
 *
 * The state goes to memory at SMBASE + 0xfe00 as AMD's processors have it: in the 64-bit form if
 * the guest's processor has long mode, else in the legacy one. Where SMM has no memory it is lost.
 * May sleep. AMD APM 2 10.2 to 10.3, Intel SDM 3C 32.4 to 32.5. Return: 0; -EFAULT.
 */
int smm_enter(struct vcpu *vcpu);

/**
 * smm_leave() - RSM
 * @vcpu:	loaded, slots held
 * @halt:	set: go on with the HLT that the SMI interrupted
 *
 * What no processor can have in the saved state is a shutdown, and the state stays as it was.
 * May sleep. AMD APM 2 10.3.3, Intel SDM 3C 32.4.1. Return: 0; -EINVAL: not in SMM (#UD);
 * -ESHUTDOWN, REQ_TRIPLE_FAULT is made; -EFAULT.
 */
int smm_leave(struct vcpu *vcpu, bool *halt);

/* ---- smm_events.c ---- */

/**
 * smm_set_inside() - in SMM other memory is seen, and RSM is an instruction
 * @vcpu:	loaded
 * @inside:	SMM or not
 */
void smm_set_inside(struct vcpu *vcpu, bool inside);

/**
 * smm_get_events() - KVM_GET_VCPU_EVENTS, its part smi
 * @vcpu:	locked and loaded
 * @events:	filled in, flags too
 */
void smm_get_events(struct vcpu *vcpu, struct kvm_vcpu_events *events);

/**
 * smm_events_valid() - may user space set them?
 * @vcpu:	locked
 * @events:	not trusted
 *
 * A processor that has taken an INIT is not in SMM.
 */
bool smm_events_valid(const struct vcpu *vcpu, const struct kvm_vcpu_events *events);

/**
 * smm_set_events() - KVM_SET_VCPU_EVENTS, its part smi
 * @vcpu:	locked and loaded, slots held
 * @events:	valid, with KVM_VCPUEVENT_VALID_SMM
 */
void smm_set_events(struct vcpu *vcpu, const struct kvm_vcpu_events *events);

#endif
