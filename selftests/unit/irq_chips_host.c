// SPDX-License-Identifier: GPL-2.0-only
/* The fake host of irq_chips_test. */
#include "irq_chips.h"

struct host host;

/* A lock that is held shows when a chip that is called takes it again. */
static void no_lock_held(void)
{
	struct kvm_pic_state pic;
	struct kvm_ioapic_state ioapic;
	struct kvm_pit_state2 pit;

	pic_get_state(host.chips.pic, 0, &pic);
	ioapic_get_state(host.chips.ioapic, &ioapic);
	pit_get_state(host.chips.pit, &pit);
}

u64 irq_host_now(void)
{
	return host.now;
}

void irq_host_extint(struct irq_chips *chips)
{
	struct kvm_pic_state pic;

	CHECK(pic_output(chips->pic));
	pic_get_state(chips->pic, 0, &pic);	/* its lock isn't held; the PIT's may be */
	host.told.extint++;
}

void irq_host_acked(struct irq_chips *chips, unsigned int chip, unsigned int pin)
{
	CHECK(chip < 3 && pin < (chip == KVM_IRQCHIP_IOAPIC ? IOAPIC_PINS : 8));
	no_lock_held();
	host.told.acked[chip][pin]++;
	if (host.on_acked)
		host.on_acked(chip, pin);
	if (!irq_routes_gsi(host.routes, chip, pin))
		pit_acked(chips->pit);
}

void irq_host_unmasked(struct irq_chips *chips, unsigned int chip, unsigned int pin)
{
	CHECK(chip < 3 && pin < (chip == KVM_IRQCHIP_IOAPIC ? IOAPIC_PINS : 8));
	no_lock_held();
	host.told.unmasked[chip][pin]++;
	if (host.on_unmasked)
		host.on_unmasked(chip, pin);
	if (!irq_routes_gsi(host.routes, chip, pin))
		pit_unmasked(chips->pit);
}

void irq_host_pit_timer(struct pit *pit, u64 when)
{
	host.pit_at = when;
}

void irq_host_ioapic_timer(struct ioapic *ioapic, u64 when)
{
	host.ioapic_at = when;
}

void pit_host_line(struct irq_chips *chips, bool level)
{
	CHECK_NE(host.pit_line, level);
	host.pit_line = level;
	host.told.pulses += level;
	irq_set_line(chips, host.routes, IRQ_SOURCE_PIT, 0, level);
}

/* Physical destinations, 0xff is all. */
int irq_deliver(struct irq_chips *chips, struct lapic *src, const struct irq_msg *msg)
{
	int ret = -1;
	unsigned int i;

	CHECK(!src);
	host.msg[host.sent++ % ARRAY_SIZE(host.msg)] = *msg;
	for (i = 0; i < chips->nr_apics; i++) {
		if (msg->dest != i && msg->dest != 0xff)
			continue;
		ret = max(ret, 0);
		ret += !test_and_set_bit(msg->vector, chips->apic[i]->irr);
		if (msg->level)
			set_bit(msg->vector, chips->apic[i]->tmr);
		else
			clear_bit(msg->vector, chips->apic[i]->tmr);
	}
	return ret;
}

const struct irq_msg *host_last(void)
{
	CHECK(host.sent);
	return &host.msg[(host.sent - 1) % ARRAY_SIZE(host.msg)];
}

void host_take(unsigned int apic, u8 vector)
{
	CHECK(test_bit(vector, host.apic[apic].irr));
	set_bit(vector, host.apic[apic].isr);
	clear_bit(vector, host.apic[apic].irr);
}

void host_eoi(unsigned int apic, u8 vector)
{
	if (test_bit(vector, host.apic[apic].irr))
		host_take(apic, vector);
	CHECK(test_bit(vector, host.apic[apic].isr));
	clear_bit(vector, host.apic[apic].isr);
	if (ioapic_watches(host.chips.ioapic, vector))
		ioapic_eoi(host.chips.ioapic, &host.apic[apic], vector);
}

static u64 next_timer(u64 until)
{
	u64 at = until;

	if (host.pit_at)
		at = min(at, host.pit_at);
	if (host.ioapic_at)
		at = min(at, host.ioapic_at);
	return max(at, host.now);
}

void host_advance(u64 ns)
{
	u64 until = host.now + ns;

	while (host.now < until) {
		host.now = next_timer(until);
		if (host.pit_at && host.pit_at <= host.now) {
			host.pit_at = NEVER;
			pit_timer_fired(host.chips.pit);
		}
		if (host.ioapic_at && host.ioapic_at <= host.now) {
			host.ioapic_at = NEVER;
			ioapic_retry(host.chips.ioapic);
		}
	}
}

void host_start(void)
{
	unsigned int i;

	host = (struct host) { .now = 1000000000 };
	for (i = 0; i < NR_APICS; i++)
		host.table[i] = &host.apic[i];
	host.chips.apic = host.table;
	host.chips.nr_apics = NR_APICS;
	host.chips.pic = pic_create(&host.chips);
	host.chips.ioapic = ioapic_create(&host.chips);
	host.chips.pit = pit_create(&host.chips, true);
	host.routes = malloc(irq_routes_size(IRQ_MAX_GSIS));
	irq_routes_default(host.routes);
}

void host_end(void)
{
	pic_destroy(host.chips.pic);
	ioapic_destroy(host.chips.ioapic);
	pit_destroy(host.chips.pit);
	free(host.routes);
}
