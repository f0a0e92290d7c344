// SPDX-License-Identifier: GPL-2.0-only
/* The PIT of irq/. */
#include "irq_chips.h"

#define CONTROL		0x43
#define SPEAKER		0x61
#define HZ		1193182ull
#define SECOND		1000000000ull

static void port_out(u16 port, u8 data)
{
	pit_port_write(host.chips.pit, port, data);
}

static u8 port_in(u16 port)
{
	return pit_port_read(host.chips.pit, port);
}

static u64 ns(u64 ticks)
{
	return ticks * SECOND / HZ + 1;
}

static void program(unsigned int channel, unsigned int mode, u16 count)
{
	port_out(CONTROL, channel << 6 | 0x30 | mode << 1);
	port_out(0x40 + channel, count);
	port_out(0x40 + channel, count >> 8);
}

static u16 count(unsigned int channel)
{
	u8 low = port_in(0x40 + channel);

	return low | port_in(0x40 + channel) << 8;
}

static u8 status(unsigned int channel)
{
	port_out(CONTROL, 0xe0 | 2 << channel);
	return port_in(0x40 + channel);
}

static bool high(unsigned int channel)
{
	return status(channel) >> 7;
}

/* Ticks are acknowledged by nobody but ack(). */
static void start(void)
{
	host_start();
	host.told = (struct told){ 0 };
}

static void ack(void)
{
	pit_acked(host.chips.pit);
}

TEST(pit_owns_its_ports)
{
	struct pit *pit;

	start();
	CHECK(pit_owns(host.chips.pit, 0x40) && pit_owns(host.chips.pit, 0x43));
	CHECK(!pit_owns(host.chips.pit, 0x3f) && !pit_owns(host.chips.pit, 0x44));
	CHECK(pit_owns(host.chips.pit, SPEAKER));
	CHECK(!pit_owns(host.chips.pit, 0x60) && !pit_owns(host.chips.pit, 0x62));
	pit = pit_create(&host.chips, false);
	CHECK(!pit_owns(pit, SPEAKER));
	pit_destroy(pit);
	host_end();
}

TEST(pit_is_quiet_at_first)
{
	struct kvm_pit_state2 s;

	start();
	CHECK_EQ(host.pit_at, NEVER);
	pit_get_state(host.chips.pit, &s);
	CHECK_EQ(s.channels[0].mode, 0xff);
	CHECK_EQ(s.channels[0].count, 0x10000);
	CHECK_EQ(s.channels[0].gate, 1);
	CHECK_EQ(s.channels[2].gate, 0);
	host_advance(SECOND);
	CHECK_EQ(host.told.pulses, 0);
	CHECK_EQ(port_in(CONTROL), 0);
	host_end();
}

TEST(pit_one_shot)
{
	start();
	program(0, 0, 1000);
	host_advance(ns(1000) - 2);
	CHECK_EQ(host.told.pulses, 0);
	CHECK(!high(0));
	host_advance(2);
	CHECK_EQ(host.told.pulses, 1);
	CHECK(high(0));
	host_advance(SECOND);
	CHECK_EQ(host.told.pulses, 1);
	host_end();
}

TEST(pit_one_shot_again_by_its_count_alone)
{
	start();
	program(0, 4, 1000);
	host_advance(ns(500));
	port_out(0x40, 0xe8);
	CHECK_NE(host.pit_at, NEVER);
	port_out(0x40, 3);
	host_advance(ns(600));
	CHECK_EQ(host.told.pulses, 0);
	host_advance(ns(400));
	CHECK_EQ(host.told.pulses, 1);
	host_end();
}

static void ticks_in_a_second(unsigned int mode, u16 value, unsigned int want)
{
	u64 i;

	start();
	pit_set_reinject(host.chips.pit, false);
	program(0, mode, value);
	for (i = 0; i < 1000; i++)
		host_advance(SECOND / 1000);
	CHECK_EQ(host.told.pulses, want);
	host_end();
}

TEST(pit_rates)
{
	ticks_in_a_second(2, 11932, 99);	/* 99.998 Hz */
	ticks_in_a_second(3, 1193, 1000);
	ticks_in_a_second(2, 0, 18);
	ticks_in_a_second(0, 1193, 1);
	ticks_in_a_second(1, 1193, 1);
	ticks_in_a_second(4, 1193, 1);
	ticks_in_a_second(5, 1193, 0);
}

TEST(pit_count_of_one_is_no_storm)
{
	start();
	pit_set_reinject(host.chips.pit, false);
	program(0, 2, 1);
	host_advance(SECOND);
	CHECK(host.told.pulses >= 4990 && host.told.pulses <= 5100);
	host_end();
	start();
	program(0, 3, 2);
	CHECK(host.pit_at >= host.now + 199000);
	host_end();
}

/* Both are computed of the time since the count was loaded. */
TEST(pit_ticks_and_count_do_not_drift)
{
	start();
	pit_set_reinject(host.chips.pit, false);
	program(0, 2, 1193);
	host_advance(3600 * SECOND);
	CHECK_EQ(host.told.pulses, 3600 * HZ / 1193);
	while (host.pit_at > host.now + 1)
		host_advance(host.pit_at - host.now - 1);
	CHECK(count(0) <= 3);
	host_end();
}

TEST(pit_edge_reaches_both_chips)
{
	start();
	pic_out(0x20, 0x11);
	pic_out(0x21, 0x30);
	pic_out(0x21, 4);
	pic_out(0x21, 1);
	program(0, 2, 1193);
	host_advance(SECOND / 999);
	CHECK(!host.pit_line);
	CHECK(pic_output(host.chips.pic));
	host_end();
}

/* ---- the guest that is late ---- */

TEST(pit_missed_ticks_follow)
{
	int i;

	start();
	program(0, 2, 11932);
	host_advance(SECOND / 10 + SECOND / 1000);
	CHECK_EQ(host.told.pulses, 1);
	for (i = 2; i <= 10; i++) {
		ack();
		CHECK_EQ(host.told.pulses, i);
	}
	ack();
	CHECK_EQ(host.told.pulses, 10);
	host_advance(SECOND / 100);
	CHECK_EQ(host.told.pulses, 11);
	host_end();
}

TEST(pit_ticks_that_the_host_was_late_for_follow)
{
	start();
	program(0, 2, 11932);
	host.now += SECOND / 10 + SECOND / 1000;
	pit_timer_fired(host.chips.pit);
	CHECK_EQ(host.told.pulses, 1);
	CHECK(host.pit_at > host.now);
	while (ack(), host.told.pulses < 10)
		;
	ack();
	CHECK_EQ(host.told.pulses, 10);
	host_end();
}

TEST(pit_missed_ticks_are_lost)
{
	start();
	pit_set_reinject(host.chips.pit, false);
	program(0, 2, 11932);
	host.now += SECOND / 10;
	pit_timer_fired(host.chips.pit);
	CHECK_EQ(host.told.pulses, 1);
	ack();
	CHECK_EQ(host.told.pulses, 1);
	host_advance(SECOND / 10);
	CHECK_EQ(host.told.pulses, 11);
	host_end();
}

TEST(pit_reinject_starts_afresh)
{
	start();
	program(0, 2, 11932);
	host_advance(SECOND);
	pit_set_reinject(host.chips.pit, false);
	pit_set_reinject(host.chips.pit, true);
	host_advance(SECOND / 200);
	CHECK_EQ(host.told.pulses, 2);
	ack();
	CHECK_EQ(host.told.pulses, 2);
	host_end();
}

TEST(pit_reprogrammed_forgets)
{
	start();
	program(0, 2, 11932);
	host_advance(SECOND);
	program(0, 2, 11932);
	host_advance(SECOND / 90);
	CHECK_EQ(host.told.pulses, 2);
	host_end();
}

TEST(pit_pin_unmasked_forgets)
{
	start();
	program(0, 2, 11932);
	host_advance(SECOND);
	pit_unmasked(host.chips.pit);
	CHECK_EQ(host.told.pulses, 1);
	host_advance(SECOND / 90);
	CHECK_EQ(host.told.pulses, 2);
	host_end();
}

/* A tick that waits at the PIC is left there: the guest goes on with the I/O APIC. */
TEST(pit_goes_on_at_the_other_chip)
{
	u32 select = 0x10, low = 0x10000, entry = 0x30;

	start();
	program(0, 2, 11932);
	host_advance(SECOND);
	CHECK_EQ(host.told.pulses, 1);
	pic_out(0x21, 0xff);
	ioapic_mmio_write(host.chips.ioapic, 0, 4, &select);
	ioapic_mmio_write(host.chips.ioapic, 0x10, 4, &low);
	ioapic_mmio_write(host.chips.ioapic, 0x10, 4, &entry);
	host_advance(SECOND / 90);
	CHECK_EQ(host.told.pulses, 2);
	host_eoi(0, 0x30);
	host_advance(SECOND / 90);
	CHECK_EQ(host.told.pulses, 3);
	host_end();
}

TEST(pit_timer_that_fires_early_or_twice)
{
	u64 at;

	start();
	program(0, 2, 11932);
	at = host.pit_at;
	host.pit_at = NEVER;
	pit_timer_fired(host.chips.pit);
	CHECK_EQ(host.pit_at, at);
	CHECK_EQ(host.told.pulses, 0);
	port_out(CONTROL, 0x34);
	CHECK_EQ(host.pit_at, NEVER);
	host.now += SECOND;
	pit_timer_fired(host.chips.pit);
	CHECK_EQ(host.told.pulses, 0);
	host_end();
}

/* ---- counters ---- */

TEST(pit_count_goes_down)
{
	start();
	program(2, 0, 1000);
	CHECK_EQ(count(2), 1000);
	port_out(SPEAKER, 1);
	host_advance(ns(100));
	CHECK_EQ(count(2), 900);
	host_advance(ns(1000));
	CHECK_EQ(count(2), 0x10000 - 100);
	host_end();
}

TEST(pit_count_is_reloaded)
{
	start();
	program(1, 2, 1000);
	host_advance(ns(2300));
	CHECK_EQ(count(1), 700);
	program(1, 3, 1000);
	host_advance(ns(100));
	CHECK_EQ(count(1), 800);
	host_advance(ns(500));
	CHECK_EQ(count(1), 800);
	CHECK(!high(1));
	host_end();
}

TEST(pit_count_of_zero_is_the_highest)
{
	start();
	program(1, 2, 0);
	CHECK_EQ(count(1), 0);
	host_advance(ns(1));
	CHECK_EQ(count(1), 0xffff);
	host_end();
}

TEST(pit_decimal)
{
	start();
	port_out(CONTROL, 1 << 6 | 0x35);
	port_out(0x41, 0x00);
	port_out(0x41, 0x20);
	host_advance(ns(766));
	CHECK_EQ(count(1), 0x1234);
	port_out(0x41, 0);
	port_out(0x41, 0);
	host_advance(ns(1));
	CHECK_EQ(count(1), 0x9999);
	CHECK_EQ(status(1) & 0x3f, 0x35);
	host_end();
}

TEST(pit_access_by_halves)
{
	start();
	port_out(CONTROL, 1 << 6 | 0x14);
	port_out(0x41, 200);
	host_advance(ns(50));
	CHECK_EQ(port_in(0x41), 150);
	CHECK_EQ(port_in(0x41), 150);
	port_out(CONTROL, 1 << 6 | 0x24);
	port_out(0x41, 8);
	CHECK_EQ(port_in(0x41), 8);
	host_advance(ns(1));
	CHECK_EQ(port_in(0x41), 7);
	host_end();
}

TEST(pit_latch)
{
	start();
	program(1, 2, 0x4000);
	host_advance(ns(0x10));
	port_out(CONTROL, 1 << 6);
	host_advance(ns(0x100));
	port_out(CONTROL, 1 << 6);	/* the first stays */
	CHECK_EQ(port_in(0x41), 0xf0);
	host_advance(ns(0x1000));
	CHECK_EQ(port_in(0x41), 0x3f);
	CHECK_NE(count(1), 0x3ff0);
	port_out(CONTROL, 1 << 6);
	program(1, 2, 0x1234);	/* forgets it */
	CHECK_EQ(count(1), 0x1234);
	host_end();
}

TEST(pit_read_back)
{
	start();
	program(0, 2, 0x4000);
	program(1, 3, 0x4000);
	host_advance(ns(0x10));
	port_out(CONTROL, 0xc0 | 2 | 4);	/* both, of 0 and 1 */
	host_advance(ns(0x1000));
	CHECK_EQ(port_in(0x40), 0xb4);
	CHECK_EQ(port_in(0x41), 0xb6);
	CHECK_EQ(count(0), 0x3ff0);
	CHECK_EQ(count(1), 0x3fe0);
	port_out(CONTROL, 0xd0 | 2);		/* count only */
	CHECK_EQ(port_in(0x40), 0xf0);
	host_end();
}

TEST(pit_null_count)
{
	start();
	port_out(CONTROL, 1 << 6 | 0x30);
	CHECK_EQ(status(1), 0x70);
	port_out(0x41, 1);
	CHECK_EQ(status(1), 0x70);
	port_out(0x41, 0);
	CHECK_EQ(status(1), 0x30);
	port_out(CONTROL, 1 << 6 | 0x3e);	/* 7 is 3 */
	CHECK_EQ(status(1), 0xf6);
	host_end();
}

TEST(pit_control_word_stops_it)
{
	start();
	program(0, 2, 11932);
	port_out(CONTROL, 0x34);
	host_advance(SECOND);
	CHECK_EQ(host.told.pulses, 0);
	host_end();
}

TEST(pit_outputs)
{
	start();
	program(1, 0, 10);
	CHECK(!high(1));
	host_advance(ns(10));
	CHECK(high(1));
	program(1, 1, 10);
	CHECK(!high(1));
	host_advance(ns(10));
	CHECK(high(1));
	program(1, 2, 10);
	host_advance(ns(8));
	CHECK(high(1));
	host_advance(ns(1));
	CHECK(!high(1));
	host_advance(ns(1));
	CHECK(high(1));
	program(1, 3, 11);
	host_advance(ns(5));
	CHECK(high(1));
	host_advance(ns(1));
	CHECK(!high(1));
	program(1, 4, 10);
	CHECK(high(1));
	host_advance(ns(10));
	CHECK(!high(1));
	host_advance(ns(1));
	CHECK(high(1));
	host_end();
}

/* ---- channel 2 ---- */

TEST(pit_gate_of_mode_0)
{
	start();
	program(2, 0, 1000);
	host_advance(ns(500));
	CHECK_EQ(count(2), 1000);
	port_out(SPEAKER, 1);
	host_advance(ns(300));
	port_out(SPEAKER, 0);
	host_advance(ns(5000));
	CHECK_EQ(count(2), 700);
	CHECK_EQ(port_in(SPEAKER) & 0x20, 0);
	port_out(SPEAKER, 1);
	port_out(SPEAKER, 1);
	host_advance(ns(699));
	CHECK_EQ(port_in(SPEAKER) & 0x20, 0);
	host_advance(ns(2));
	CHECK_EQ(port_in(SPEAKER) & 0x20, 0x20);
	host_end();
}

TEST(pit_gate_of_mode_3_starts_anew)
{
	start();
	port_out(SPEAKER, 1);
	program(2, 3, 1000);
	host_advance(ns(700));
	CHECK_EQ(port_in(SPEAKER) & 0x20, 0);
	port_out(SPEAKER, 0);
	CHECK_EQ(port_in(SPEAKER) & 0x20, 0x20);
	port_out(SPEAKER, 1);
	host_advance(ns(400));
	CHECK_EQ(port_in(SPEAKER) & 0x20, 0x20);
	CHECK_EQ(count(2), 200);
	host_end();
}

TEST(pit_gate_of_mode_1_is_a_trigger)
{
	start();
	program(2, 1, 1000);
	host_advance(ns(1500));
	port_out(SPEAKER, 1);
	host_advance(ns(100));
	CHECK_EQ(count(2), 900);
	port_out(SPEAKER, 0);
	host_advance(ns(100));
	CHECK_EQ(count(2), 800);
	port_out(SPEAKER, 1);
	CHECK_EQ(count(2), 1000);
	host_end();
}

TEST(pit_speaker_port)
{
	u8 a;

	start();
	port_out(SPEAKER, 0xff);
	CHECK_EQ(port_in(SPEAKER) & 3, 3);
	port_out(SPEAKER, 2);
	CHECK_EQ(port_in(SPEAKER) & 3, 2);
	port_out(SPEAKER, 1);
	CHECK_EQ(port_in(SPEAKER) & 0xc3, 1);
	a = port_in(SPEAKER) & 0x10;
	host_advance(1 << 14);
	CHECK_EQ(port_in(SPEAKER) & 0x10, a ^ 0x10);
	host_advance(1 << 14);
	CHECK_EQ(port_in(SPEAKER) & 0x10, a);
	host_end();
}

/* ---- state ---- */

static void copy(void)
{
	struct kvm_pit_state2 s;
	struct pit *old = host.chips.pit;

	pit_get_state(old, &s);
	host.chips.pit = pit_create(&host.chips, true);
	CHECK_EQ(pit_set_state(host.chips.pit, &s), 0);
	pit_destroy(old);
}

TEST(pit_state_format)
{
	struct kvm_pit_state2 s;

	start();
	host.now = 5 * SECOND;
	program(2, 3, 0);
	port_out(SPEAKER, 3);
	host_advance(ns(100));
	port_out(CONTROL, 0xc0 | 8);
	port_out(0x42, 0x12);
	pit_get_state(host.chips.pit, &s);
	CHECK_EQ(s.channels[2].count, 0x10000);
	CHECK_EQ(s.channels[2].latched_count, 0x10000 - 200);
	CHECK_EQ(s.channels[2].count_latched, 3);
	CHECK_EQ(s.channels[2].status_latched, 1);
	CHECK_EQ(s.channels[2].status, 0xb6);
	CHECK_EQ(s.channels[2].read_state, 3);
	CHECK_EQ(s.channels[2].write_state, 4);
	CHECK_EQ(s.channels[2].write_latch, 0x12);
	CHECK_EQ(s.channels[2].rw_mode, 3);
	CHECK_EQ(s.channels[2].mode, 3);
	CHECK_EQ(s.channels[2].bcd, 0);
	CHECK_EQ(s.channels[2].gate, 1);
	CHECK_EQ(s.channels[2].count_load_time, 5 * SECOND);
	CHECK_EQ(s.flags, KVM_PIT_FLAGS_SPEAKER_DATA_ON);
	host_end();
}

TEST(pit_state_round_trip)
{
	struct kvm_pit_state2 a, b;

	start();
	program(0, 2, 11932);
	program(1, 4, 7);
	program(2, 3, 99);
	port_out(0x42, 0x34);
	port_out(CONTROL, 0xc0 | 4);
	port_in(0x40);
	port_out(SPEAKER, 3);
	pit_get_state(host.chips.pit, &a);
	copy();
	pit_get_state(host.chips.pit, &b);
	CHECK(!memcmp(&a, &b, sizeof(a)));
	host_advance(SECOND / 90);
	CHECK_EQ(host.told.pulses, 1);
	port_out(0x42, 0x12);
	CHECK_EQ(count(2), 0x1234);
	host_end();
}

TEST(pit_state_starts_anew)
{
	struct kvm_pit_state2 s;

	start();
	program(0, 0, 1000);
	host_advance(SECOND);
	pit_get_state(host.chips.pit, &s);
	s.channels[0].count_load_time = -5;
	pit_set_state(host.chips.pit, &s);
	CHECK(host.pit_at > host.now);
	pit_get_state(host.chips.pit, &s);
	CHECK_EQ(s.channels[0].count_load_time, host.now);
	host_advance(ns(1000));
	CHECK_EQ(host.told.pulses, 2);
	host_end();
}

TEST(pit_hpet_stops_it)
{
	struct kvm_pit_state2 s;

	start();
	program(0, 2, 11932);
	pit_get_state(host.chips.pit, &s);
	s.flags = KVM_PIT_FLAGS_HPET_LEGACY;
	pit_set_state(host.chips.pit, &s);
	CHECK_EQ(host.pit_at, NEVER);
	program(0, 2, 11932);
	host_advance(SECOND);
	CHECK_EQ(host.told.pulses, 0);
	CHECK_NE(count(0), 11932);
	pit_get_state(host.chips.pit, &s);
	CHECK_EQ(s.flags, KVM_PIT_FLAGS_HPET_LEGACY);
	s.flags = 0;
	pit_set_state(host.chips.pit, &s);
	host_advance(SECOND / 90);
	CHECK_EQ(host.told.pulses, 1);
	host_end();
}

TEST(pit_gate_of_state)
{
	struct kvm_pit_state2 s;

	start();
	program(2, 0, 1000);
	host_advance(SECOND);
	pit_get_state(host.chips.pit, &s);
	CHECK_EQ(s.channels[2].gate, 0);
	CHECK_EQ(s.channels[2].count_load_time, host.now);	/* it has counted nothing */
	s.channels[2].gate = 1;
	pit_set_state(host.chips.pit, &s);
	host_advance(ns(10));
	CHECK_EQ(count(2), 990);
	host_end();
}

TEST(pit_hostile_state)
{
	struct kvm_pit_state2 s;
	u64 seed = 3;
	int i, n;

	start();
	for (i = 0; i < 5000; i++) {
		for (n = 0; n < (int)sizeof(s); n++)
			((u8 *)&s)[n] = splitmix(&seed);
		if (i & 1)
			s.channels[0].mode &= 7;
		if (i & 2)
			s.flags &= ~KVM_PIT_FLAGS_HPET_LEGACY;
		CHECK_EQ(pit_set_state(host.chips.pit, &s), 0);
		host_advance(SECOND / 1000);
		for (n = 0; n < 20; n++) {
			static const u16 ports[] = { 0x40, 0x41, 0x42, 0x43, 0x61 };
			u16 port = ports[splitmix(&seed) % 5];

			if (splitmix(&seed) & 1)
				port_out(port, splitmix(&seed));
			else
				port_in(port);
			if (n % 5 == 0)
				ack();
			host_advance(splitmix(&seed) % 100000);
		}
		host.now += splitmix(&seed) % (100 * SECOND);	/* the host slept */
		host.pit_at = NEVER;
		pit_timer_fired(host.chips.pit);
		CHECK(host.pit_at == NEVER || host.pit_at > host.now);
		pit_get_state(host.chips.pit, &s);
		for (n = 0; n < 3; n++)
			CHECK(s.channels[n].count && s.channels[n].count <= 0x10000);
	}
	CHECK(host.told.pulses < 2000000);
	host_end();
}
