// SPDX-License-Identifier: GPL-2.0-only
/* Devices in the kernel, as the guest's instructions reach them: the chips, and eventfds. */
#include <linux/mm.h>
#include <linux/string.h>

#include "chips.h"
#include "coalesced.h"
#include "vcpu.h"
#include "vm.h"
#include "vm_chips.h"

/* ---- ports ---- */

static bool is_pic(u16 port)
{
	return (port & ~0x81) == 0x20 || (port & ~1) == 0x4d0;
}

static void pic_access(struct pic *pic, const struct io_access *a, u8 *data)
{
	if (a->write)
		pic_port_write(pic, a->gpa, a->data[0]);
	else
		*data = pic_port_read(pic, a->gpa);
}

static void pit_access(struct pit *pit, const struct io_access *a, u8 *data)
{
	if (a->write)
		pit_port_write(pit, a->gpa, a->data[0]);
	else
		*data = pit_port_read(pit, a->gpa);
}

/* These have registers of one byte; a wider access goes nowhere. */
static bool port_access(struct irq_chips *chips, const struct io_access *a, void *data)
{
	struct pit *pit = READ_ONCE(chips->pit);
	bool to_pic = chips->pic && is_pic(a->gpa);

	if (!to_pic && !(pit && pit_owns(pit, a->gpa)))
		return false;
	if (!a->write)
		memset(data, 0, a->len);
	if (a->len > 1)
		return true;
	if (to_pic)
		pic_access(chips->pic, a, data);
	else
		pit_access(pit, a, data);
	return true;
}

/* ---- memory ---- */

static bool is_within(gpa_t gpa, gpa_t start, u32 size)
{
	return gpa >= start && gpa - start < size;
}

/* Returns false where it would have to sleep. */
static bool lapic_access(struct vcpu *vcpu, const struct io_access *a, void *data)
{
	struct lapic *apic = &vcpu->chips->apic;
	u32 offset = offset_in_page(a->gpa);

	if (lapic_settle_eoi(apic))
		return false;
	if (!a->write) {
		lapic_mmio_read(apic, offset, a->len, data);
		return true;
	}
	lapic_mmio_write(apic, offset, a->len, a->data);
	chips_look_again(vcpu);
	return true;
}

static void ioapic_access(struct ioapic *ioapic, const struct io_access *a, void *data)
{
	u32 offset = offset_in_page(a->gpa);

	if (a->write)
		ioapic_mmio_write(ioapic, offset, a->len, a->data);
	else
		ioapic_mmio_read(ioapic, offset, a->len, data);
}

static bool memory_access(struct vcpu *vcpu, const struct io_access *a, void *data)
{
	const struct lapic *apic = &vcpu->chips->apic;
	struct ioapic *ioapic = vcpu->vm->chips->chips.ioapic;

	if (lapic_enabled(apic) && !lapic_is_x2(apic) &&
	    is_within(a->gpa, apic->base & PAGE_MASK, PAGE_SIZE))
		return lapic_access(vcpu, a, data);
	if (ioapic && is_within(a->gpa, IOAPIC_BASE, IOAPIC_SIZE))
		ioapic_access(ioapic, a, data);
	else
		return false;
	return true;
}

bool device_access(struct vcpu *vcpu, const struct io_access *a, void *data)
{
	struct vm *vm = vcpu->vm;
	bool found = false;

	if (vcpu->chips)
		found = a->port ? port_access(&vm->chips->chips, a, data) :
				  memory_access(vcpu, a, data);
	if (found)
		return true;
	return a->write && (eventfd_signal_io(vm, a) || coalesced_write(vcpu, a));
}
