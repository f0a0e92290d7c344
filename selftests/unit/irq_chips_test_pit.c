// SPDX-License-Identifier: GPL-2.0-only
/* The PIT of irq/: its ticks, and its state. */
#include "irq_chips_pit.h"

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
