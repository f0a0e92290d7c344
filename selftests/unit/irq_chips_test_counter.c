// SPDX-License-Identifier: GPL-2.0-only
/* The PIT of irq/: its counters, and what the guest reads of them. */
#include "irq_chips_pit.h"

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
