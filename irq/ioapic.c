// SPDX-License-Identifier: GPL-2.0-only
/* The I/O APIC. Intel's data sheet 290566 (82093AA), version 0x11: without an EOI register. */
#include <linux/bitmap.h>
#include <linux/bitops.h>
#include <linux/kernel.h>
#include <linux/nospec.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "apic.h"
#include "irqchip.h"

#define REG_SELECT	0x00
#define REG_WINDOW	0x10

#define INDEX_ID	0
#define INDEX_VERSION	1
#define INDEX_ARB	2
#define INDEX_TABLE	0x10
#define VERSION		(0x11 | (IOAPIC_PINS - 1) << 16)

#define READ_ONLY	(BIT_ULL(12) | BIT_ULL(14))	/* delivery status, remote IRR */
#define RTC_PIN		8
#define MAX_EOIS	10000
#define PAUSE_NS	10000000
#define SPIV	0xf0
#define SPIV_NO_EOI	BIT(12)		/* the guest sends EOIs to I/O APICs itself */

/*
 * @state:	registers; irr has the lines that are up
 * @sent:	of these, edges that have been sent
 * @source:	by pin: a bit for each enum irq_source that holds it up
 * @eois:	by pin: EOIs in a row that found the line up
 * @watched:	vectors in the table; anyone may look
 * @rtc_to:	by index in irq_chips.apic: who got the RTC's last interrupt, with @rtc_vector
 */
struct ioapic {
	raw_spinlock_t lock;
	struct irq_chips *chips;
	struct kvm_ioapic_state state;
	u32 sent;
	u8 source[IOAPIC_PINS];
	u16 eois[IOAPIC_PINS];
	unsigned long watched[APIC_VECTORS / BITS_PER_LONG];
	DECLARE_BITMAP(rtc_to, IRQ_MAX_APICS);
	u8 rtc_vector;
};

typedef typeof(((struct kvm_ioapic_state *)0)->redirtbl[0]) ioapic_entry;

#define entry_of(ioapic, pin)	(&(ioapic)->state.redirtbl[pin])

static bool is_level(const struct ioapic *ioapic, unsigned int pin)
{
	return entry_of(ioapic, pin)->fields.trig_mode;
}

/* Has it the vector, not ended yet? From IRR to ISR it is in both. */
static bool lapic_owes_eoi(const struct lapic *apic, u8 vector)
{
	if (test_bit(vector, apic->irr))
		return true;
	smp_rmb();
	return test_bit(vector, apic->isr);
}

static bool rtc_owed(struct ioapic *ioapic)
{
	struct irq_chips *chips = ioapic->chips;
	unsigned int i;

	for_each_set_bit(i, ioapic->rtc_to, IRQ_MAX_APICS) {
		if (lapic_owes_eoi(chips->apic[i], ioapic->rtc_vector))
			return true;
		__clear_bit(i, ioapic->rtc_to);
	}
	return false;
}

static void rtc_note(struct ioapic *ioapic, unsigned long *owing, unsigned int nr)
{
	unsigned int i;

	for (i = 0; i < nr; i++)
		if (lapic_owes_eoi(ioapic->chips->apic[i], ioapic->rtc_vector))
			__set_bit(i, owing);
}

/* Those who owe an EOI now, and did not before, got it of the RTC. */
static int rtc_deliver(struct ioapic *ioapic, const struct irq_msg *msg)
{
	unsigned int nr = smp_load_acquire(&ioapic->chips->nr_apics);
	DECLARE_BITMAP(before, IRQ_MAX_APICS) = { 0 };
	int ret;

	ioapic->rtc_vector = msg->vector;
	rtc_note(ioapic, before, nr);
	ret = irq_deliver(ioapic->chips, NULL, msg);
	rtc_note(ioapic, ioapic->rtc_to, nr);
	bitmap_andnot(ioapic->rtc_to, ioapic->rtc_to, before, IRQ_MAX_APICS);
	return ret;
}

static int ioapic_send(struct ioapic *ioapic, unsigned int pin, bool status)
{
	const ioapic_entry e = *entry_of(ioapic, pin);
	struct irq_msg msg = {
		.dest = e.fields.dest_id,
		.wide = ioapic->chips->wide_ids,
		.logical = e.fields.dest_mode,
		.mode = e.fields.delivery_mode,
		.vector = e.fields.vector,
		.level = e.fields.trig_mode,
		.assert = true,
	};
	int ret;

	if (e.fields.mask || (msg.level && e.fields.remote_irr))
		return -1;
	if (!msg.level)
		ioapic->sent |= BIT(pin);
	if (pin == RTC_PIN && status)
		return rtc_deliver(ioapic, &msg);
	ret = irq_deliver(ioapic->chips, NULL, &msg);
	if (msg.level && ret > 0)
		entry_of(ioapic, pin)->fields.remote_irr = 1;
	return ret;
}

static int pin_raise(struct ioapic *ioapic, unsigned int pin, bool status)
{
	bool before = ioapic->state.irr & BIT(pin);

	if (pin == RTC_PIN && status && rtc_owed(ioapic))
		return 0;
	ioapic->state.irr |= BIT(pin);
	if (!is_level(ioapic, pin)) {
		if (before)
			return 0;
		ioapic->sent &= ~BIT(pin);
	}
	return ioapic_send(ioapic, pin, status);
}

int ioapic_set_line(struct ioapic *ioapic, enum irq_source source, unsigned int pin, bool level)
{
	bool status = source == IRQ_SOURCE_STATUS;
	u8 by = BIT(status ? IRQ_SOURCE_USER : source);
	unsigned long flags;
	int ret = 1;

	raw_spin_lock_irqsave(&ioapic->lock, flags);
	ioapic->source[pin] = level ? ioapic->source[pin] | by : ioapic->source[pin] & ~by;
	if (ioapic->source[pin])
		ret = pin_raise(ioapic, pin, status);
	else
		ioapic->state.irr &= ~BIT(pin);
	raw_spin_unlock_irqrestore(&ioapic->lock, flags);
	return ret;
}

/* A level-triggered line that is up and for which no EOI is awaited. */
static bool pin_waits(const struct ioapic *ioapic, unsigned int pin)
{
	return is_level(ioapic, pin) && ioapic->state.irr & BIT(pin) &&
	       !entry_of(ioapic, pin)->fields.remote_irr;
}

static void pin_eoi(struct ioapic *ioapic, unsigned int pin)
{
	entry_of(ioapic, pin)->fields.remote_irr = 0;
	if (!pin_waits(ioapic, pin) || entry_of(ioapic, pin)->fields.mask) {
		ioapic->eois[pin] = 0;
	} else if (++ioapic->eois[pin] < MAX_EOIS) {
		ioapic_send(ioapic, pin, false);
	} else {
		ioapic->eois[pin] = 0;
		irq_host_ioapic_timer(ioapic, irq_host_now() + PAUSE_NS);
	}
}

static u32 pins_of(struct ioapic *ioapic, u8 vector)
{
	unsigned long flags;
	unsigned int pin;
	u32 pins = 0;

	raw_spin_lock_irqsave(&ioapic->lock, flags);
	for (pin = 0; pin < IOAPIC_PINS; pin++)
		if (entry_of(ioapic, pin)->fields.vector == vector)
			pins |= BIT(pin);
	raw_spin_unlock_irqrestore(&ioapic->lock, flags);
	return pins;
}

/* Remote IRR is cleared after the host was told: a line that it lets go is down by then. */
void ioapic_eoi(struct ioapic *ioapic, struct lapic *src, u8 vector)
{
	unsigned long pins = pins_of(ioapic, vector), flags;
	u32 spiv;
	unsigned int pin;

	for_each_set_bit(pin, &pins, IOAPIC_PINS)
		irq_host_acked(ioapic->chips, KVM_IRQCHIP_IOAPIC, pin);
	memcpy(&spiv, src->regs.regs + SPIV, sizeof(spiv));
	if (!test_bit(vector, src->tmr) || spiv & SPIV_NO_EOI)
		return;
	raw_spin_lock_irqsave(&ioapic->lock, flags);
	for_each_set_bit(pin, &pins, IOAPIC_PINS)
		pin_eoi(ioapic, pin);
	raw_spin_unlock_irqrestore(&ioapic->lock, flags);
}

bool ioapic_watches(const struct ioapic *ioapic, u8 vector)
{
	return test_bit(vector, ioapic->watched);
}

void ioapic_retry(struct ioapic *ioapic)
{
	unsigned long flags;
	unsigned int pin;

	raw_spin_lock_irqsave(&ioapic->lock, flags);
	for (pin = 0; pin < IOAPIC_PINS; pin++)
		if (pin_waits(ioapic, pin))
			ioapic_send(ioapic, pin, false);
	raw_spin_unlock_irqrestore(&ioapic->lock, flags);
}

/* A vector that stays in the table is never out of what others see. */
static void update_watched(struct ioapic *ioapic)
{
	unsigned long watched[ARRAY_SIZE(ioapic->watched)] = { 0 };
	unsigned int i;

	for (i = 0; i < IOAPIC_PINS; i++)
		__set_bit(entry_of(ioapic, i)->fields.vector, watched);
	for (i = 0; i < ARRAY_SIZE(watched); i++)
		WRITE_ONCE(ioapic->watched[i], watched[i]);
}

/* As edge-triggered a pin awaits no EOI: guests make it that for a moment, to end one. */
static void write_entry(struct ioapic *ioapic, unsigned int pin, unsigned int half, u32 data)
{
	u64 old = entry_of(ioapic, pin)->bits, bits;

	bits = half ? (u32)old | (u64)data << 32 : (old & ~(u64)U32_MAX) | data;
	entry_of(ioapic, pin)->bits = (bits & ~READ_ONLY) | (old & READ_ONLY);
	if (!is_level(ioapic, pin))
		entry_of(ioapic, pin)->fields.remote_irr = 0;
	update_watched(ioapic);
}

/* The pin of a register, or -1. */
static int selected_pin(const struct ioapic *ioapic)
{
	u32 pin = (ioapic->state.ioregsel - INDEX_TABLE) / 2;

	return pin < IOAPIC_PINS ? array_index_nospec(pin, IOAPIC_PINS) : -1;
}

static u32 read_window(const struct ioapic *ioapic)
{
	u32 index = ioapic->state.ioregsel;
	int pin;

	switch (index) {
	case INDEX_ID:
	case INDEX_ARB:
		return (ioapic->state.id & 0xf) << 24;
	case INDEX_VERSION:
		return VERSION;
	}
	pin = selected_pin(ioapic);
	return pin < 0 ? U32_MAX : entry_of(ioapic, pin)->bits >> (index & 1 ? 32 : 0);
}

/* The pin that was unmasked, or else changed, or -1. */
static int write_window(struct ioapic *ioapic, u32 data, bool *unmasked)
{
	u32 index = ioapic->state.ioregsel;
	int pin = selected_pin(ioapic);
	bool mask;

	if (index == INDEX_ID)
		ioapic->state.id = (data >> 24) & 0xf;
	if (pin < 0)
		return -1;
	mask = entry_of(ioapic, pin)->fields.mask;
	write_entry(ioapic, pin, index & 1, data);
	*unmasked = mask && !entry_of(ioapic, pin)->fields.mask;
	return pin;
}

void ioapic_mmio_read(struct ioapic *ioapic, u32 offset, u32 len, void *data)
{
	unsigned long flags;
	u64 value = 0;

	raw_spin_lock_irqsave(&ioapic->lock, flags);
	if (offset == REG_SELECT)
		value = ioapic->state.ioregsel;
	else if (offset == REG_WINDOW)
		value = read_window(ioapic);
	raw_spin_unlock_irqrestore(&ioapic->lock, flags);
	memset(data, 0, len);
	memcpy(data, &value, min_t(u32, len, sizeof(value)));
}

/* What was unmasked is sent after the host was told, as at an EOI. */
static void ioapic_write(struct ioapic *ioapic, u32 data)
{
	bool unmasked = false;
	unsigned long flags;
	int pin;

	raw_spin_lock_irqsave(&ioapic->lock, flags);
	pin = write_window(ioapic, data, &unmasked);
	raw_spin_unlock_irqrestore(&ioapic->lock, flags);
	if (pin < 0)
		return;
	if (unmasked)
		irq_host_unmasked(ioapic->chips, KVM_IRQCHIP_IOAPIC, pin);
	raw_spin_lock_irqsave(&ioapic->lock, flags);
	if (pin_waits(ioapic, pin))
		ioapic_send(ioapic, pin, false);
	raw_spin_unlock_irqrestore(&ioapic->lock, flags);
}

void ioapic_mmio_write(struct ioapic *ioapic, u32 offset, u32 len, const void *data)
{
	unsigned long flags;
	u32 value = 0;

	memcpy(&value, data, min_t(u32, len, sizeof(value)));
	if (offset == REG_WINDOW) {
		ioapic_write(ioapic, value);
	} else if (offset == REG_SELECT) {
		raw_spin_lock_irqsave(&ioapic->lock, flags);
		ioapic->state.ioregsel = value & 0xff;
		raw_spin_unlock_irqrestore(&ioapic->lock, flags);
	}
}

void ioapic_get_state(struct ioapic *ioapic, struct kvm_ioapic_state *state)
{
	unsigned long flags;

	raw_spin_lock_irqsave(&ioapic->lock, flags);
	*state = ioapic->state;
	state->irr &= ~ioapic->sent;
	raw_spin_unlock_irqrestore(&ioapic->lock, flags);
}

int ioapic_set_state(struct ioapic *ioapic, const struct kvm_ioapic_state *state)
{
	unsigned long flags;
	unsigned int pin;

	raw_spin_lock_irqsave(&ioapic->lock, flags);
	ioapic->state = *state;
	ioapic->state.ioregsel &= 0xff;
	ioapic->state.irr = 0;
	ioapic->state.pad = 0;
	ioapic->sent = 0;
	bitmap_zero(ioapic->rtc_to, IRQ_MAX_APICS);
	memset(ioapic->eois, 0, sizeof(ioapic->eois));
	update_watched(ioapic);
	for (pin = 0; pin < IOAPIC_PINS; pin++)
		if (state->irr & BIT(pin))
			pin_raise(ioapic, pin, true);
	raw_spin_unlock_irqrestore(&ioapic->lock, flags);
	return 0;
}

struct ioapic *ioapic_create(struct irq_chips *chips)
{
	struct ioapic *ioapic = kzalloc(sizeof(*ioapic), GFP_KERNEL_ACCOUNT);
	unsigned int pin;

	if (!ioapic)
		return NULL;
	raw_spin_lock_init(&ioapic->lock);
	ioapic->chips = chips;
	ioapic->state.base_address = IOAPIC_BASE;
	for (pin = 0; pin < IOAPIC_PINS; pin++)
		entry_of(ioapic, pin)->fields.mask = 1;
	update_watched(ioapic);
	return ioapic;
}

void ioapic_destroy(struct ioapic *ioapic)
{
	kfree(ioapic);
}

struct irq_chips *ioapic_chips(const struct ioapic *ioapic)
{
	return ioapic->chips;
}
