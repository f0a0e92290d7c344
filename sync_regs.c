// SPDX-License-Identifier: GPL-2.0-only
/* Registers that travel in kvm_run: set before KVM_RUN, shown after it. */
#include "event.h"
#include "state.h"
#include "sync_regs.h"
#include "vcpu.h"

static int set_one(struct vcpu *vcpu, u64 bit)
{
	const struct kvm_sync_regs *from = &vcpu->run->s.regs;
	union {
		struct kvm_regs regs;
		struct kvm_sregs sregs;
		struct kvm_vcpu_events events;
	} copy;		/* user space can change its own at any time */

	switch (bit) {
	case KVM_SYNC_X86_REGS:
		copy.regs = from->regs;
		return state_set_regs(vcpu, &copy.regs);
	case KVM_SYNC_X86_SREGS:
		copy.sregs = from->sregs;
		return state_set_sregs(vcpu, &copy.sregs);
	default:
		copy.events = from->events;
		return event_set(vcpu, &copy.events);
	}
}

int sync_from_user(struct vcpu *vcpu)
{
	struct kvm_run *run = vcpu->run;
	u64 bit, dirty = READ_ONCE(run->kvm_dirty_regs);
	int r = 0;

	if ((dirty | READ_ONCE(run->kvm_valid_regs)) & ~(u64)KVM_SYNC_X86_VALID_FIELDS)
		return -EINVAL;
	for (bit = 1; !r && bit <= dirty; bit <<= 1) {
		if (!(dirty & bit))
			continue;
		vcpu->recheck = true;
		r = set_one(vcpu, bit);
		if (!r)
			run->kvm_dirty_regs &= ~bit;
	}
	return r;
}

void sync_to_user(struct vcpu *vcpu)
{
	struct kvm_sync_regs *to = &vcpu->run->s.regs;
	u64 valid = READ_ONCE(vcpu->run->kvm_valid_regs);

	if (valid & KVM_SYNC_X86_REGS)
		state_get_regs(vcpu, &to->regs);
	if (valid & KVM_SYNC_X86_SREGS)
		state_get_sregs(vcpu, &to->sregs);
	if (valid & KVM_SYNC_X86_EVENTS)
		event_get(vcpu, &to->events);
}
