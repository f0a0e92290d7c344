// SPDX-License-Identifier: GPL-2.0-only
/* The I/O APIC of irq/. */
#include "irq_chips.h"

#define MASKED		(1 << 16)
#define LEVEL		(1 << 15)
#define REMOTE_IRR	(1 << 14)
#define LOGICAL		(1 << 11)
#define RTC		8

static u32 window_read(u8 index)
{
	u32 value = index;

	ioapic_mmio_write(host.chips.ioapic, 0, 4, &value);
	ioapic_mmio_read(host.chips.ioapic, 0x10, 4, &value);
	return value;
}

static void window_write(u8 index, u32 data)
{
	u32 select = index;

	ioapic_mmio_write(host.chips.ioapic, 0, 4, &select);
	ioapic_mmio_write(host.chips.ioapic, 0x10, 4, &data);
}

static u32 entry(unsigned int pin)
{
	return window_read(0x10 + 2 * pin);
}

/* To APIC @dest. */
static void program(unsigned int pin, u32 low, u8 dest)
{
	window_write(0x11 + 2 * pin, (u32)dest << 24);
	window_write(0x10 + 2 * pin, low);
}

static int pin_set(unsigned int pin, bool level)
{
	return ioapic_set_line(host.chips.ioapic, IRQ_SOURCE_USER, pin, level);
}

static int pin_status(unsigned int pin, bool level)
{
	return ioapic_set_line(host.chips.ioapic, IRQ_SOURCE_STATUS, pin, level);
}

static bool has(unsigned int apic, u8 vector)
{
	return test_bit(vector, host.apic[apic].irr);
}

TEST(ioapic_registers)
{
	u64 wide;
	u8 byte;

	host_start();
	CHECK_EQ(window_read(1), 0x170011);
	window_write(1, 0);
	CHECK_EQ(window_read(1), 0x170011);
	window_write(0, 0xff000000);
	CHECK_EQ(window_read(0), 0x0f000000);
	CHECK_EQ(window_read(2), 0x0f000000);
	window_write(2, 0);
	CHECK_EQ(window_read(0), 0x0f000000);
	CHECK_EQ(entry(23), MASKED);
	CHECK_EQ(window_read(0x40), ~0u);
	CHECK_EQ(window_read(0x0f), ~0u);
	window_write(0x40, 0);
	ioapic_mmio_read(host.chips.ioapic, 0, 8, &wide);
	CHECK_EQ(wide, 0x40);
	ioapic_mmio_read(host.chips.ioapic, 0, 1, &byte);
	CHECK_EQ(byte, 0x40);
	ioapic_mmio_read(host.chips.ioapic, 0x40, 8, &wide);
	CHECK_EQ(wide, 0);
	ioapic_mmio_read(host.chips.ioapic, 0x100, 8, &wide);
	CHECK_EQ(wide, 0);
	host_end();
}

TEST(ioapic_has_no_eoi_register)
{
	u32 vector = 0x51;

	host_start();
	program(9, 0x51 | LEVEL, 0);
	pin_set(9, true);
	ioapic_mmio_write(host.chips.ioapic, 0x40, 4, &vector);
	CHECK(entry(9) & REMOTE_IRR);
	host_end();
}

TEST(ioapic_entry_becomes_a_message)
{
	host_start();
	program(3, 0x41, 2);
	CHECK_EQ(pin_set(3, true), 1);
	CHECK_EQ(host_last()->vector, 0x41);
	CHECK_EQ(host_last()->dest, 2);
	CHECK(!host_last()->logical && !host_last()->level && !host_last()->wide);
	CHECK(host_last()->assert && !host_last()->shorthand);
	program(4, 0x42 | 1 << 8 | LOGICAL | LEVEL, 3);
	CHECK_EQ(pin_set(4, true), 1);
	CHECK_EQ(host_last()->mode, IRQ_LOWEST);
	CHECK(host_last()->logical && host_last()->level);
	program(5, 4 << 8, 1);
	pin_set(5, true);
	CHECK_EQ(host_last()->mode, IRQ_NMI);
	host_end();
}

TEST(ioapic_edge)
{
	host_start();
	program(3, 0x41, 0);
	CHECK_EQ(pin_set(3, true), 1);
	CHECK_EQ(pin_set(3, true), 0);
	CHECK_EQ(host.sent, 1);
	CHECK_EQ(pin_set(3, false), 1);
	CHECK_EQ(pin_set(3, true), 0);	/* the APIC has it pending */
	CHECK_EQ(host.sent, 2);
	host_eoi(0, 0x41);
	CHECK_EQ(host.told.acked[2][3], 1);
	CHECK_EQ(host.sent, 2);
	host_end();
}

TEST(ioapic_masked_edge_is_not_sent_later)
{
	host_start();
	program(3, 0x41 | MASKED, 0);
	CHECK_EQ(pin_set(3, true), -1);
	CHECK_EQ(pin_set(3, true), 0);
	program(3, 0x41, 0);
	CHECK_EQ(host.sent, 0);
	CHECK_EQ(host.told.unmasked[2][3], 1);
	pin_set(3, false);
	CHECK_EQ(pin_set(3, true), 1);
	host_end();
}

TEST(ioapic_level_is_sent_until_the_line_is_down)
{
	host_start();
	program(9, 0x51 | LEVEL, 0);
	CHECK_EQ(pin_set(9, true), 1);
	CHECK(entry(9) & REMOTE_IRR);
	CHECK_EQ(pin_set(9, true), -1);
	CHECK_EQ(host.sent, 1);
	host_eoi(0, 0x51);
	CHECK_EQ(host.told.acked[2][9], 1);
	CHECK_EQ(host.sent, 2);
	CHECK(entry(9) & REMOTE_IRR);
	pin_set(9, false);
	host_eoi(0, 0x51);
	CHECK_EQ(host.sent, 2);
	CHECK(!(entry(9) & REMOTE_IRR));
	host_end();
}

TEST(ioapic_line_that_rises_in_service_comes_at_eoi)
{
	host_start();
	program(9, 0x51 | LEVEL, 0);
	pin_set(9, true);
	pin_set(9, false);
	pin_set(9, true);
	CHECK_EQ(host.sent, 1);
	host_eoi(0, 0x51);
	CHECK_EQ(host.sent, 2);
	host_end();
}

TEST(ioapic_unmasked_level_is_sent)
{
	host_start();
	program(9, 0x51 | LEVEL | MASKED, 0);
	CHECK_EQ(pin_set(9, true), -1);
	CHECK_EQ(host.sent, 0);
	program(9, 0x51 | LEVEL, 0);
	CHECK_EQ(host.sent, 1);
	program(9, 0x51 | LEVEL | MASKED, 0);
	program(9, 0x51 | LEVEL, 0);
	CHECK_EQ(host.sent, 1);		/* it waits for the EOI */
	CHECK_EQ(host.told.unmasked[2][9], 2);
	host_end();
}

TEST(ioapic_masked_at_eoi_comes_when_unmasked)
{
	host_start();
	program(9, 0x51 | LEVEL, 0);
	pin_set(9, true);
	program(9, 0x51 | LEVEL | MASKED, 0);
	host_eoi(0, 0x51);
	CHECK_EQ(host.sent, 1);
	program(9, 0x51 | LEVEL, 0);
	CHECK_EQ(host.sent, 2);
	host_end();
}

static void let_go(unsigned int chip, unsigned int pin)
{
	ioapic_set_line(host.chips.ioapic, IRQ_SOURCE_RESAMPLE, pin, false);
}

TEST(ioapic_line_let_go_by_the_host_is_not_sent_again)
{
	host_start();
	program(9, 0x51 | LEVEL, 0);
	host.on_acked = host.on_unmasked = let_go;
	ioapic_set_line(host.chips.ioapic, IRQ_SOURCE_RESAMPLE, 9, true);
	CHECK_EQ(host.sent, 1);
	host_eoi(0, 0x51);
	CHECK_EQ(host.sent, 1);
	program(9, 0x51 | LEVEL | MASKED, 0);
	ioapic_set_line(host.chips.ioapic, IRQ_SOURCE_RESAMPLE, 9, true);
	program(9, 0x51 | LEVEL, 0);
	CHECK_EQ(host.sent, 1);
	host_end();
}

TEST(ioapic_sources_are_ored)
{
	host_start();
	program(9, 0x51 | LEVEL, 0);
	pin_set(9, true);
	ioapic_set_line(host.chips.ioapic, IRQ_SOURCE_RESAMPLE, 9, true);
	pin_status(9, false);
	host_eoi(0, 0x51);
	CHECK_EQ(host.sent, 2);
	ioapic_set_line(host.chips.ioapic, IRQ_SOURCE_RESAMPLE, 9, false);
	host_eoi(0, 0x51);
	CHECK_EQ(host.sent, 2);
	host_end();
}

TEST(ioapic_pins_share_a_vector)
{
	host_start();
	program(9, 0x51 | LEVEL, 0);
	program(10, 0x51 | LEVEL, 0);
	pin_set(9, true);
	CHECK_EQ(pin_set(10, true), 0);
	CHECK(!(entry(10) & REMOTE_IRR));
	pin_set(9, false);
	host_eoi(0, 0x51);
	CHECK_EQ(host.told.acked[2][9], 1);
	CHECK_EQ(host.told.acked[2][10], 1);
	CHECK(entry(10) & REMOTE_IRR);
	CHECK(!(entry(9) & REMOTE_IRR));
	CHECK(has(0, 0x51));
	host_end();
}

TEST(ioapic_edge_mode_ends_a_wait)
{
	host_start();
	program(9, 0x51 | LEVEL, 0);
	pin_set(9, true);
	window_write(0x10 + 18, 0x51 | MASKED);
	CHECK(!(entry(9) & REMOTE_IRR));
	window_write(0x10 + 18, 0x51 | LEVEL);
	CHECK_EQ(host.sent, 2);
	host_end();
}

TEST(ioapic_read_only_bits)
{
	host_start();
	program(9, 0x51 | LEVEL | MASKED | REMOTE_IRR | 1 << 12, 0);
	CHECK_EQ(entry(9), 0x51 | LEVEL | MASKED);
	program(9, 0x51 | LEVEL, 0);
	pin_set(9, true);
	window_write(0x10 + 18, 0x51 | LEVEL);
	CHECK_EQ(entry(9), 0x51 | LEVEL | REMOTE_IRR);
	window_write(0x11 + 18, 1 << 24);
	CHECK_EQ(entry(9), 0x51 | LEVEL | REMOTE_IRR);
	host_end();
}

TEST(ioapic_nobody_there)
{
	host_start();
	program(9, 0x51 | LEVEL, 77);
	CHECK_EQ(pin_set(9, true), -1);
	CHECK(!(entry(9) & REMOTE_IRR));
	window_write(0x11 + 18, 1 << 24);
	CHECK_EQ(host.sent, 2);
	CHECK(has(1, 0x51));
	host_end();
}

TEST(ioapic_eoi_without_broadcast)
{
	u32 spiv = 1 << 12;

	host_start();
	program(9, 0x51 | LEVEL, 0);
	pin_set(9, true);
	memcpy(host.apic[0].regs.regs + 0xf0, &spiv, 4);
	host_eoi(0, 0x51);
	CHECK(entry(9) & REMOTE_IRR);
	CHECK_EQ(host.sent, 1);
	host_end();
}

TEST(ioapic_eoi_of_an_edge_does_not_end_a_level)
{
	host_start();
	program(9, 0x51 | LEVEL, 0);
	pin_set(9, true);
	clear_bit(0x51, host.apic[0].tmr);
	host_eoi(0, 0x51);
	CHECK(entry(9) & REMOTE_IRR);
	CHECK_EQ(host.sent, 1);
	host_end();
}

TEST(ioapic_storm_pauses)
{
	int i;

	host_start();
	program(9, 0x51 | LEVEL, 0);
	pin_set(9, true);
	for (i = 0; i < 9999; i++)
		host_eoi(0, 0x51);
	CHECK_EQ(host.sent, 10000);
	CHECK_EQ(host.ioapic_at, NEVER);
	host_eoi(0, 0x51);
	CHECK_EQ(host.sent, 10000);
	CHECK_EQ(host.ioapic_at, host.now + 10000000);
	host_advance(9999999);
	CHECK_EQ(host.sent, 10000);
	host_advance(1);
	CHECK_EQ(host.sent, 10001);
	CHECK(has(0, 0x51));
	ioapic_retry(host.chips.ioapic);
	CHECK_EQ(host.sent, 10001);
	host_end();
}

TEST(ioapic_storm_is_in_a_row)
{
	int i;

	host_start();
	program(9, 0x51 | LEVEL, 0);
	for (i = 0; i < 20000; i++) {
		pin_set(9, true);
		if (i % 5000 == 4999)
			pin_set(9, false);
		host_eoi(0, 0x51);
	}
	CHECK_EQ(host.ioapic_at, NEVER);
	host_end();
}

TEST(ioapic_watches_its_vectors)
{
	host_start();
	program(9, 0x51 | LEVEL, 0);
	program(2, 0x30, 0);
	CHECK(ioapic_watches(host.chips.ioapic, 0x51));
	CHECK(ioapic_watches(host.chips.ioapic, 0x30));
	CHECK(!ioapic_watches(host.chips.ioapic, 0x52));
	program(9, 0x52 | LEVEL, 0);
	CHECK(!ioapic_watches(host.chips.ioapic, 0x51));
	CHECK(ioapic_watches(host.chips.ioapic, 0x52));
	host_end();
}

/* ---- the RTC ---- */

TEST(rtc_is_coalesced_until_its_eoi)
{
	host_start();
	program(RTC, 0x61, 1);
	CHECK_EQ(pin_status(RTC, true), 1);
	pin_status(RTC, false);
	CHECK_EQ(pin_status(RTC, true), 0);
	pin_status(RTC, false);
	host_take(1, 0x61);
	CHECK_EQ(pin_status(RTC, true), 0);
	pin_status(RTC, false);
	CHECK_EQ(host.sent, 1);
	host_eoi(1, 0x61);
	CHECK_EQ(pin_status(RTC, true), 1);
	host_end();
}

TEST(rtc_needs_the_eoi_of_each)
{
	host_start();
	program(RTC, 0x61, 0xff);
	CHECK_EQ(pin_status(RTC, true), NR_APICS);
	pin_status(RTC, false);
	host_eoi(0, 0x61);
	host_eoi(1, 0x61);
	host_eoi(2, 0x61);
	CHECK_EQ(pin_status(RTC, true), 0);
	pin_status(RTC, false);
	host_eoi(3, 0x61);
	CHECK_EQ(pin_status(RTC, true), NR_APICS);
	host_end();
}

TEST(rtc_others_with_the_vector_do_not_count)
{
	host_start();
	set_bit(0x61, host.apic[3].isr);	/* it never ends it */
	program(RTC, 0x61, 1);
	CHECK_EQ(pin_status(RTC, true), 1);
	pin_status(RTC, false);
	host_eoi(1, 0x61);
	CHECK_EQ(pin_status(RTC, true), 1);
	host_end();
}

TEST(rtc_edges_of_others_are_not_lost)
{
	host_start();
	program(RTC, 0x61, 1);
	pin_status(RTC, true);
	pin_status(RTC, false);
	host_take(1, 0x61);
	CHECK_EQ(pin_set(RTC, true), 1);
	CHECK(has(1, 0x61));
	host_end();
}

TEST(rtc_with_another_vector_goes_on)
{
	host_start();
	program(RTC, 0x61, 1);
	pin_status(RTC, true);
	pin_status(RTC, false);
	CHECK_EQ(pin_status(9, true), -1);
	clear_bit(0x61, host.apic[1].irr);	/* INIT */
	program(RTC, 0x62, 1);
	CHECK_EQ(pin_status(RTC, true), 1);
	host_end();
}

/* ---- state ---- */

static void copy(void)
{
	struct kvm_ioapic_state state;
	struct ioapic *old = host.chips.ioapic;

	ioapic_get_state(old, &state);
	host.chips.ioapic = ioapic_create(&host.chips);
	CHECK_EQ(ioapic_set_state(host.chips.ioapic, &state), 0);
	ioapic_destroy(old);
}

TEST(ioapic_state_format)
{
	struct kvm_ioapic_state s;

	host_start();
	window_write(0, 5 << 24);
	program(9, 0x51 | LEVEL | LOGICAL | 1 << 8, 3);
	program(10, 0x52 | LEVEL | MASKED, 1);
	program(11, 0x53, 0);
	program(12, 0x54 | MASKED, 0);
	pin_set(9, true);
	pin_set(10, true);
	pin_set(11, true);
	pin_set(12, true);
	ioapic_get_state(host.chips.ioapic, &s);
	CHECK_EQ(s.base_address, 0xfec00000);
	CHECK_EQ(s.ioregsel, 0x10 + 24);
	CHECK_EQ(s.id, 5);
	CHECK_EQ(s.irr, 1 << 9 | 1 << 10 | 1 << 12);	/* 11 was sent */
	CHECK_EQ(s.redirtbl[9].fields.vector, 0x51);
	CHECK_EQ(s.redirtbl[9].fields.delivery_mode, 1);
	CHECK_EQ(s.redirtbl[9].fields.dest_mode, 1);
	CHECK_EQ(s.redirtbl[9].fields.remote_irr, 1);
	CHECK_EQ(s.redirtbl[9].fields.trig_mode, 1);
	CHECK_EQ(s.redirtbl[9].fields.dest_id, 3);
	CHECK_EQ(s.redirtbl[10].fields.mask, 1);
	host_end();
}

TEST(ioapic_state_with_irr_needs_no_other_event)
{
	struct kvm_ioapic_state s;

	host_start();
	ioapic_get_state(host.chips.ioapic, &s);
	s.irr = 1 << 3 | 1 << 9 | 1 << 10;
	s.redirtbl[3].bits = 0x41;
	s.redirtbl[9].bits = 0x51 | LEVEL;
	s.redirtbl[10].bits = 0x52 | LEVEL | MASKED;
	ioapic_set_state(host.chips.ioapic, &s);
	CHECK_EQ(host.sent, 2);
	CHECK(has(0, 0x41) && has(0, 0x51) && !has(0, 0x52));
	CHECK(entry(9) & REMOTE_IRR);
	host_end();
}

TEST(ioapic_state_is_not_sent_twice)
{
	host_start();
	program(3, 0x41, 0);
	program(9, 0x51 | LEVEL, 0);
	pin_set(3, true);
	pin_set(9, true);
	copy();
	CHECK_EQ(host.sent, 2);
	host_eoi(0, 0x51);
	CHECK_EQ(host.sent, 3);
	host_end();
}

TEST(ioapic_state_of_a_line_goes_down)
{
	host_start();
	program(9, 0x51 | LEVEL, 0);
	pin_set(9, true);
	copy();
	pin_set(9, false);
	host_eoi(0, 0x51);
	CHECK_EQ(host.sent, 1);
	host_end();
}

TEST(ioapic_state_edge_that_waited_in_it)
{
	struct kvm_ioapic_state s;

	host_start();
	ioapic_get_state(host.chips.ioapic, &s);
	s.redirtbl[3].bits = 0x41 | REMOTE_IRR;		/* means nothing for an edge */
	ioapic_set_state(host.chips.ioapic, &s);
	CHECK_EQ(pin_set(3, true), 1);
	host_end();
}

static void random_op(u64 *seed)
{
	unsigned int pin = splitmix(seed) % IOAPIC_PINS, i;
	u32 data = splitmix(seed);

	switch (splitmix(seed) % 6) {
	case 0:
		program(pin, (data & 0x1cfff) | 0x20, splitmix(seed) % 5);
		break;
	case 1:
		window_write(data >> 24, splitmix(seed));
		break;
	case 2:
		window_read(data);
		break;
	case 3:
		for (i = 0; i < NR_APICS; i++) {
			unsigned int v = find_first_bit(host.apic[i].irr, 256);

			if (v < 256)
				host_eoi(i, v);
		}
		break;
	default:
		ioapic_set_line(host.chips.ioapic, splitmix(seed) % 4, pin, splitmix(seed) & 1);
	}
}

TEST(ioapic_hostile_state)
{
	struct kvm_ioapic_state s;
	u64 seed = 1;
	int i, n;

	host_start();
	for (i = 0; i < 3000; i++) {
		for (n = 0; n < (int)sizeof(s); n++)
			((u8 *)&s)[n] = splitmix(&seed);
		CHECK_EQ(ioapic_set_state(host.chips.ioapic, &s), 0);
		for (n = 0; n < 30; n++)
			random_op(&seed);
		ioapic_get_state(host.chips.ioapic, &s);
		CHECK_EQ(s.irr >> IOAPIC_PINS, 0);
		CHECK(s.ioregsel < 256);
	}
	host_end();
}

/* A level-triggered pin that is up and unmasked is on its way, or waits for its EOI. */
TEST(ioapic_level_is_never_lost)
{
	struct kvm_ioapic_state s;
	u64 seed = 7;
	unsigned int pin, i;

	host_start();
	for (i = 0; i < 20000; i++) {
		random_op(&seed);
		ioapic_get_state(host.chips.ioapic, &s);
		for (pin = 0; pin < IOAPIC_PINS; pin++) {
			u8 dest = s.redirtbl[pin].fields.dest_id, v = s.redirtbl[pin].fields.vector;

			if (!(s.irr & BIT(pin)) || !s.redirtbl[pin].fields.trig_mode ||
			    s.redirtbl[pin].fields.mask || s.redirtbl[pin].fields.remote_irr)
				continue;
			if (dest < NR_APICS)
				CHECK(has(dest, v));
		}
	}
	host_end();
}

/* Level-triggered only: an edge that was masked is sent when a state is set. */
static void level_op(u64 *seed)
{
	unsigned int pin = splitmix(seed) % IOAPIC_PINS;
	u64 r = splitmix(seed);

	switch (r & 3) {
	case 0:
		program(pin, (0x30 + pin) | LEVEL | (r & 4 ? MASKED : 0), r >> 8 & 3);
		break;
	case 1:
		if (has(r >> 8 & 3, 0x30 + pin))
			host_eoi(r >> 8 & 3, 0x30 + pin);
		break;
	default:
		pin_set(pin, r & 4);
	}
}

static void level_program(u64 seed, bool copied, struct host *end)
{
	int i;

	host_start();
	for (i = 0; i < 500; i++) {
		level_op(&seed);
		if (copied)
			copy();
	}
	*end = host;
	host_end();
}

/* One that is read and put into a new one after each step goes the same way. */
TEST(ioapic_state_has_all)
{
	static struct host plain, copied;
	int seed, i;

	for (seed = 0; seed < 200; seed++) {
		level_program(seed, false, &plain);
		level_program(seed, true, &copied);
		CHECK_EQ(plain.sent, copied.sent);
		for (i = 0; i < 64; i++)
			CHECK(!memcmp(&plain.msg[i], &copied.msg[i], sizeof(plain.msg[i])));
	}
}
