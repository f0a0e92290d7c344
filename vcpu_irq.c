// SPDX-License-Identifier: GPL-2.0-only
/* A vCPU's local APIC: made, and asked for interrupts. */
#include <linux/bitmap.h>
#include <linux/slab.h>

#include "chips.h"
#include "compat.h"
#include "vcpu.h"
#include "vm.h"
#include "vm_chips.h"

static bool has_extint(const struct vcpu *vcpu)
{
	const struct pic *pic = vcpu->vm->chips->chips.pic;

	return pic && pic_output(pic) && lapic_takes_extint(&vcpu->chips->apic);
}

bool chips_settle(struct vcpu *vcpu)
{
	struct lapic *apic = &vcpu->chips->apic;

	return !vcpu->chips || !apic->eoi_offered || lapic_is_idle(apic) ||
	       !lapic_settle_eoi(apic);
}

bool chips_has_irq(struct vcpu *vcpu)
{
	return lapic_pending(&vcpu->chips->apic) >= 0 || has_extint(vcpu);
}

int chips_take_irq(struct vcpu *vcpu)
{
	struct lapic *apic = &vcpu->chips->apic;
	int vector;

	if (has_extint(vcpu))
		return pic_take(vcpu->vm->chips->chips.pic);
	/* It came after chips_settle(), so its request is still there. */
	if (unlikely(apic->eoi_offered))
		return -1;
	vector = lapic_pending(apic);
	if (vector >= 0)
		lapic_take(apic, vector);
	return vector;
}

bool chips_has_init(const struct vcpu *vcpu)
{
	return vcpu->chips && test_bit(APIC_INIT, &vcpu->chips->apic.pending);
}

void chips_set_init(struct vcpu *vcpu, bool init)
{
	if (vcpu->chips && init)
		set_bit(APIC_INIT, &vcpu->chips->apic.pending);
	else if (vcpu->chips)
		clear_bit(APIC_INIT, &vcpu->chips->apic.pending);
}

void chips_set_tpr(struct vcpu *vcpu, u64 cr8)
{
	if (!vcpu->chips)
		return;
	lapic_set_tpr(&vcpu->chips->apic, cr8 << 4);
	vcpu->events.irq_waits = true;
}

int chips_set_apic_base(struct vcpu *vcpu, u64 base, bool host)
{
	return vcpu->chips ? lapic_set_base(&vcpu->chips->apic, base, host) : 0;
}

void chips_look_again(struct vcpu *vcpu)
{
	vcpu->mode.cr8 = lapic_tpr(&vcpu->chips->apic) >> 4;
	vcpu->events.irq_waits = true;
}

int chips_pop_eoi(struct vcpu *vcpu)
{
	unsigned long vector = find_first_bit(vcpu->chips->eois, APIC_VECTORS);

	if (vector == APIC_VECTORS)
		return -1;
	__clear_bit(vector, vcpu->chips->eois);
	return vector;
}

int chips_get_lapic(struct vcpu *vcpu, struct kvm_lapic_state *state)
{
	if (!vcpu->chips)
		return -EINVAL;
	lapic_settle_eoi(&vcpu->chips->apic);
	lapic_get_state(&vcpu->chips->apic, state);
	return 0;
}

int chips_set_lapic(struct vcpu *vcpu, const struct kvm_lapic_state *state)
{
	int r = vcpu->chips ? lapic_set_state(&vcpu->chips->apic, state) : -EINVAL;

	if (!r)
		chips_look_again(vcpu);
	return r;
}

/* ---- made and freed ---- */

static enum hrtimer_restart lapic_timer(struct hrtimer *timer)
{
	lapic_timer_fired(&container_of(timer, struct vcpu_chips, timer)->apic);
	return HRTIMER_NORESTART;
}

int chips_vcpu_create(struct vcpu *vcpu)
{
	struct vm_chips *c = vcpu->vm->chips;

	if (c->mode == CHIPS_USER)
		return 0;
	vcpu->chips = kzalloc(sizeof(*vcpu->chips), GFP_KERNEL_ACCOUNT);
	if (!vcpu->chips)
		return -ENOMEM;
	vcpu->chips->vcpu = vcpu;
	timer_setup_abs(&vcpu->chips->timer, lapic_timer);
	return 0;
}

void chips_vcpu_destroy(struct vcpu *vcpu)
{
	if (vcpu->chips)
		hrtimer_cancel(&vcpu->chips->timer);
	kfree(vcpu->chips);
}

void chips_publish(struct vcpu *vcpu)
{
	struct irq_chips *chips = &vcpu->vm->chips->chips;
	struct lapic *apic;

	if (!vcpu->chips)
		return;
	apic = &vcpu->chips->apic;
	WRITE_ONCE(chips->by_id[vcpu->id], apic);
	chips->apic[chips->nr_apics] = apic;
	smp_store_release(&chips->nr_apics, chips->nr_apics + 1);
}

void chips_reset(struct vcpu *vcpu, bool init)
{
	if (!vcpu->chips)
		return;
	if (init)
		lapic_reset(&vcpu->chips->apic, true);
	else
		lapic_init(&vcpu->chips->apic, &vcpu->vm->chips->chips, vcpu->id,
			  vcpu->mode.apic_base);
	chips_look_again(vcpu);
}
