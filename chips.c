// SPDX-License-Identifier: GPL-2.0-only
/* What irq/ asks of its host, and lines and messages on their way to the controllers. */
#include <linux/ktime.h>
#include <linux/rculist.h>
#include <linux/rcupdate.h>

#include "chips.h"
#include "clock.h"
#include "compat.h"
#include "pv.h"
#include "request.h"
#include "vcpu.h"
#include "vm.h"
#include "vm_chips.h"

static struct vm *vm_of(struct irq_chips *chips)
{
	return container_of(chips, struct vm_chips, chips)->vm;
}

static struct vcpu *vcpu_of(struct lapic *apic)
{
	return container_of(apic, struct vcpu_chips, apic)->vcpu;
}

/* ---- what irq/ asks for ---- */

u64 irq_host_now(void)
{
	return ktime_get_ns();
}

void irq_host_kick(struct lapic *apic)
{
	struct vcpu *vcpu = vcpu_of(apic);

	vcpu_request(vcpu, REQ_EVENT);
	vcpu_kick(vcpu);
}

void irq_host_nmi(struct lapic *apic)
{
	vcpu_nmi(vcpu_of(apic));
}

void irq_host_smi(struct lapic *apic)
{
	vcpu_smi(vcpu_of(apic));
}

static void set_timer(struct hrtimer *timer, u64 when)
{
	if (when)
		hrtimer_start(timer, ns_to_ktime(when), HRTIMER_MODE_ABS_HARD);
	else
		hrtimer_try_to_cancel(timer);
}

void irq_host_apic_timer(struct lapic *apic, u64 when)
{
	set_timer(&container_of(apic, struct vcpu_chips, apic)->timer, when);
}

u64 irq_host_tsc(struct lapic *apic, u32 *khz)
{
	const struct vcpu *vcpu = vcpu_of(apic);

	*khz = vcpu->tsc.khz;
	return tsc_read(vcpu);
}

void irq_host_extint(struct irq_chips *chips)
{
	unsigned int i, nr;

	/* The output, then LINT0. Who opens LINT0 kicks itself, then looks at the output. */
	smp_mb();
	nr = smp_load_acquire(&chips->nr_apics);
	for (i = 0; i < nr; i++)
		if (lapic_takes_extint(chips->apic[i]))
			irq_host_kick(chips->apic[i]);
}

static int gsi_of(struct vm *vm, unsigned int chip, unsigned int pin)
{
	int gsi;

	rcu_read_lock();
	gsi = irq_routes_gsi(rcu_dereference(vm->chips->routes), chip, pin);
	rcu_read_unlock();
	return gsi;
}

/* The line goes down before anyone is told: who is may raise it again at once. */
static void resample(struct vm *vm, u32 gsi)
{
	struct resampler *r;

	if (list_empty(&vm->chips->resamplers))
		return;
	rcu_read_lock();
	list_for_each_entry_rcu(r, &vm->chips->resamplers, node)
		if (r->gsi == gsi)
			chips_set_line(vm, IRQ_SOURCE_RESAMPLE, gsi, false);
	list_for_each_entry_rcu(r, &vm->chips->resamplers, node)
		if (r->gsi == gsi)
			host_eventfd_signal(r->ctx);
	rcu_read_unlock();
}

void irq_host_acked(struct irq_chips *chips, unsigned int chip, unsigned int pin)
{
	struct vm *vm = vm_of(chips);
	struct pit *pit = READ_ONCE(chips->pit);
	int gsi = gsi_of(vm, chip, pin);

	if (pit && !gsi)
		pit_acked(pit);
	if (gsi >= 0)
		resample(vm, gsi);
}

void irq_host_unmasked(struct irq_chips *chips, unsigned int chip, unsigned int pin)
{
	struct vm *vm = vm_of(chips);
	struct pit *pit = READ_ONCE(chips->pit);
	int gsi = gsi_of(vm, chip, pin);

	if (pit && !gsi)
		pit_unmasked(pit);
	if (chip == KVM_IRQCHIP_IOAPIC && gsi >= 0)
		resample(vm, gsi);
}

static bool split_watches(const struct vm_chips *c, u8 vector)
{
	const struct irq_routes *routes;
	u32 i, end;
	bool found = false;

	rcu_read_lock();
	routes = rcu_dereference(c->routes);
	end = routes->first[c->split_pins];
	for (i = 0; i < end && !found; i++) {
		const struct irq_route *r = &routes->route[i];

		found = r->chip == IRQ_ROUTE_MSI && r->msi.level && r->msi.vector == vector;
	}
	rcu_read_unlock();
	return found;
}

void irq_host_eoi(struct lapic *apic, u8 vector)
{
	struct vcpu *vcpu = vcpu_of(apic);
	struct vm_chips *c = vcpu->vm->chips;

	if (c->mode == CHIPS_KERNEL) {
		if (ioapic_watches(c->chips.ioapic, vector))
			ioapic_eoi(c->chips.ioapic, apic, vector);
	} else if (test_bit(vector, apic->tmr) && split_watches(c, vector)) {
		__set_bit(vector, vcpu->chips->eois);
		vcpu_request(vcpu, REQ_EOI);
	}
}

bool irq_host_offer_eoi(struct lapic *apic, u8 vector)
{
	struct vcpu *vcpu = vcpu_of(apic);
	struct ioapic *ioapic = vcpu->vm->chips->chips.ioapic;

	return pv_eoi_on(vcpu) && !(ioapic && ioapic_watches(ioapic, vector)) &&
	       pv_offer_eoi(vcpu);
}

int irq_host_take_eoi(struct lapic *apic)
{
	return pv_take_eoi(vcpu_of(apic));
}

void irq_host_pit_timer(struct pit *pit, u64 when)
{
	set_timer(&vm_of(pit_chips(pit))->chips->pit_timer, when);
}

void irq_host_ioapic_timer(struct ioapic *ioapic, u64 when)
{
	set_timer(&vm_of(ioapic_chips(ioapic))->chips->ioapic_timer, when);
}

void pit_host_line(struct irq_chips *chips, bool level)
{
	chips_set_line(vm_of(chips), IRQ_SOURCE_PIT, 0, level);
}

/* ---- lines and messages ---- */

int chips_set_line(struct vm *vm, enum irq_source source, u32 gsi, bool level)
{
	int r;

	rcu_read_lock();
	r = irq_set_line(&vm->chips->chips, rcu_dereference(vm->chips->routes), source, gsi, level);
	rcu_read_unlock();
	return r;
}

int chips_send_msi(struct vm *vm, const struct kvm_msi *msi)
{
	struct irq_msg msg;

	if (vm->chips->mode == CHIPS_USER || msi->flags & ~KVM_MSI_VALID_DEVID)
		return -EINVAL;
	if (irq_msi(&msg, &vm->chips->chips, msi->address_lo, msi->address_hi, msi->data))
		return -EINVAL;
	return max(irq_deliver(&vm->chips->chips, NULL, &msg), 0);
}
