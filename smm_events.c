// SPDX-License-Identifier: GPL-2.0-only
/* Whether a vCPU is in SMM, and what user space sees and sets of that. */
#include "chips.h"
#include "mode.h"
#include "request.h"
#include "smm.h"
#include "vcpu.h"
#include "vendor.h"

void smm_set_inside(struct vcpu *vcpu, bool inside)
{
	vcpu->smm.inside = inside;
	vcpu->io.code.valid = false;
	vendor(update_cpuid)(vcpu);
}

void smm_get_events(struct vcpu *vcpu, struct kvm_vcpu_events *events)
{
	if (vcpu_take_request(vcpu, REQ_SMI))
		vcpu->smm.pending = true;
	events->smi.smm = vcpu->smm.inside;
	events->smi.pending = vcpu->smm.pending;
	events->smi.smm_inside_nmi = vcpu->smm.inside_nmi;
	events->smi.latched_init = chips_has_init(vcpu);
	events->flags |= KVM_VCPUEVENT_VALID_SMM;
}

bool smm_events_valid(const struct vcpu *vcpu, const struct kvm_vcpu_events *events)
{
	return !(events->flags & KVM_VCPUEVENT_VALID_SMM) || !events->smi.smm ||
	       vcpu->mp_state != KVM_MP_STATE_INIT_RECEIVED;
}

void smm_set_events(struct vcpu *vcpu, const struct kvm_vcpu_events *events)
{
	vcpu_take_request(vcpu, REQ_SMI);
	vcpu->smm.pending = events->smi.pending;
	vcpu->smm.inside_nmi = events->smi.smm && events->smi.smm_inside_nmi;
	if (vcpu->smm.inside != !!events->smi.smm) {
		smm_set_inside(vcpu, events->smi.smm);
		mode_memory_changed(vcpu);
	}
	chips_set_init(vcpu, events->smi.latched_init);
}
