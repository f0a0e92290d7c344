// SPDX-License-Identifier: GPL-2.0-only
/* The device models of umbra-vmm: 8259A pair, 8254, 16550A, MC146818. */
#define TAP_MAIN
#include "tap.h"
#include "../../tools/vmm/devices.h"

static u64 clock_ns;
static u64 armed_when, armed_period;
static bool line_level;
static u64 rtc_period;
static bool rtc_seconds;
static s64 wall;
static char output[64];
static size_t output_len;

static u64 now(void)
{
	return clock_ns;
}

static void arm(void *opaque, u64 when_ns, u64 period_ns)
{
	armed_when = when_ns;
	armed_period = period_ns;
}

static void set_line(void *opaque, bool level)
{
	line_level = level;
}

static void put(void *opaque, u8 byte)
{
	output[output_len++] = byte;
}

static void rtc_arm(void *opaque, u64 period_ns, bool seconds)
{
	rtc_period = period_ns;
	rtc_seconds = seconds;
}

static s64 wall_now(void)
{
	return wall;
}

/* As Linux does: vectors 0x30 and 0x38, slave on line 2, nothing masked. */
static void start_pic(struct pic *pic, u8 icw4)
{
	pic_init(pic, NULL, NULL);
	pic_write(pic, 0x20, 0x11);
	pic_write(pic, 0x21, 0x30);
	pic_write(pic, 0x21, 0x04);
	pic_write(pic, 0x21, icw4);
	pic_write(pic, 0xa0, 0x11);
	pic_write(pic, 0xa1, 0x38);
	pic_write(pic, 0xa1, 0x02);
	pic_write(pic, 0xa1, icw4);
}

TEST(pic_edge_needs_a_new_edge)
{
	struct pic pic;

	start_pic(&pic, 0x01);
	CHECK(!pic.intr);
	pic_set_line(&pic, 4, true);
	CHECK(pic.intr);
	CHECK_EQ(pic_ack(&pic), 0x34);
	CHECK(!pic.intr);
	pic_write(&pic, 0x20, 0x20);
	CHECK(!pic.intr);
	pic_set_line(&pic, 4, true);
	CHECK(!pic.intr);
	pic_set_line(&pic, 4, false);
	pic_set_line(&pic, 4, true);
	CHECK(pic.intr);
}

TEST(pic_level_stays_until_the_line_drops)
{
	struct pic pic;

	start_pic(&pic, 0x01);
	pic_write(&pic, 0x4d0, 0xff);
	CHECK_EQ(pic_read(&pic, 0x4d0), 0xf8);
	pic_set_line(&pic, 5, true);
	CHECK_EQ(pic_ack(&pic), 0x35);
	CHECK(!pic.intr);
	pic_write(&pic, 0x20, 0x20);
	CHECK(pic.intr);
	pic_set_line(&pic, 5, false);
	CHECK(!pic.intr);
}

TEST(pic_priorities)
{
	struct pic pic;

	start_pic(&pic, 0x01);
	pic_set_line(&pic, 4, true);
	CHECK_EQ(pic_ack(&pic), 0x34);
	pic_set_line(&pic, 6, true);
	CHECK(!pic.intr);
	pic_set_line(&pic, 1, true);
	CHECK(pic.intr);
	CHECK_EQ(pic_ack(&pic), 0x31);
	pic_write(&pic, 0x20, 0x0b);
	CHECK_EQ(pic_read(&pic, 0x20), 0x12);
	pic_write(&pic, 0x20, 0x20);
	CHECK_EQ(pic_read(&pic, 0x20), 0x10);
	CHECK(!pic.intr);
	pic_write(&pic, 0x20, 0x64);
	CHECK_EQ(pic_ack(&pic), 0x36);
}

TEST(pic_mask_holds_an_edge_back)
{
	struct pic pic;

	start_pic(&pic, 0x01);
	pic_write(&pic, 0x21, 0x10);
	CHECK_EQ(pic_read(&pic, 0x21), 0x10);
	CHECK(pic_is_masked(&pic, 4));
	pic_set_line(&pic, 4, true);
	CHECK(!pic.intr);
	CHECK(pic_is_pending(&pic, 4));
	pic_write(&pic, 0x21, 0x00);
	CHECK(pic.intr);
}

TEST(pic_cascade)
{
	struct pic pic;

	start_pic(&pic, 0x01);
	pic_set_line(&pic, 8, true);
	CHECK(pic.intr);
	CHECK_EQ(pic_ack(&pic), 0x38);
	pic_set_line(&pic, 12, true);
	CHECK(!pic.intr);
	pic_set_line(&pic, 1, true);
	CHECK_EQ(pic_ack(&pic), 0x31);
	pic_write(&pic, 0x20, 0x20);
	pic_write(&pic, 0xa0, 0x20);
	pic_write(&pic, 0x20, 0x20);
	CHECK_EQ(pic_ack(&pic), 0x3c);
}

TEST(pic_spurious)
{
	struct pic pic;

	start_pic(&pic, 0x01);
	pic_set_line(&pic, 4, true);
	pic_set_line(&pic, 4, false);
	CHECK(!pic.intr);
	CHECK_EQ(pic_ack(&pic), 0x37);
	pic_write(&pic, 0x20, 0x0b);
	CHECK_EQ(pic_read(&pic, 0x20), 0x00);
}

TEST(pic_auto_eoi)
{
	struct pic pic;

	start_pic(&pic, 0x03);
	pic_pulse(&pic, 0);
	CHECK_EQ(pic_ack(&pic), 0x30);
	pic_pulse(&pic, 0);
	CHECK(pic.intr);
	CHECK_EQ(pic_ack(&pic), 0x30);
}

TEST(pic_rotation)
{
	struct pic pic;

	start_pic(&pic, 0x01);
	pic_set_line(&pic, 3, true);
	CHECK_EQ(pic_ack(&pic), 0x33);
	pic_write(&pic, 0x20, 0xa0);
	pic_set_line(&pic, 1, true);
	pic_set_line(&pic, 5, true);
	CHECK_EQ(pic_ack(&pic), 0x35);
}

TEST(pic_initialization_forgets_edges)
{
	struct pic pic;

	start_pic(&pic, 0x01);
	pic_set_line(&pic, 4, true);
	CHECK(pic.intr);
	pic_write(&pic, 0x20, 0x11);
	CHECK(!pic.intr);
}

static void start_pit(struct pit *pit)
{
	clock_ns = 1000 * NS_PER_SEC;
	pit_init(pit, now, arm, NULL);
}

static void load(struct pit *pit, int channel, u8 mode, u16 count)
{
	pit_write(pit, 0x43, channel << 6 | 0x30 | mode << 1);
	pit_write(pit, 0x40 + channel, count & 0xff);
	pit_write(pit, 0x40 + channel, count >> 8);
}

static u64 ticks_to_ns(u64 ticks)
{
	return (ticks * NS_PER_SEC + PIT_HZ - 1) / PIT_HZ;
}

static void pass_ticks(u64 ticks)
{
	clock_ns += ticks_to_ns(ticks);
}

static u16 latched(struct pit *pit, int channel)
{
	u8 low;

	pit_write(pit, 0x43, channel << 6);
	low = pit_read(pit, 0x40 + channel);
	return pit_read(pit, 0x40 + channel) << 8 | low;
}

TEST(pit_periodic)
{
	struct pit pit;

	start_pit(&pit);
	load(&pit, 0, 2, 4773);
	CHECK_EQ(armed_period, ticks_to_ns(4773));
	CHECK_EQ(armed_when, clock_ns + armed_period);
	pass_ticks(1000);
	CHECK_EQ(latched(&pit, 0), 3773);
	pass_ticks(4773);
	CHECK(latched(&pit, 0) == 3773 || latched(&pit, 0) == 3772);
}

TEST(pit_one_shot)
{
	struct pit pit;

	start_pit(&pit);
	load(&pit, 0, 4, 0);
	CHECK_EQ(armed_when, clock_ns + ticks_to_ns(0x10000));
	CHECK_EQ(armed_period, 0);
	pit_write(&pit, 0x43, 0x38);
	CHECK_EQ(armed_when, 0);
}

TEST(pit_calibration_by_port61)
{
	struct pit pit;

	start_pit(&pit);
	load(&pit, 2, 0, 11932);
	pass_ticks(20000);
	CHECK(!(pit_read(&pit, 0x61) & 0x20));
	pit_write(&pit, 0x61, 0x01);
	pass_ticks(11900);
	CHECK(!(pit_read(&pit, 0x61) & 0x20));
	pass_ticks(40);
	CHECK(pit_read(&pit, 0x61) & 0x20);
	CHECK_EQ(pit_read(&pit, 0x61) & 0x03, 0x01);
}

TEST(pit_gate_pauses)
{
	struct pit pit;

	start_pit(&pit);
	pit_write(&pit, 0x61, 0x01);
	load(&pit, 2, 0, 1000);
	pass_ticks(300);
	pit_write(&pit, 0x61, 0x00);
	pass_ticks(5000);
	CHECK_EQ(latched(&pit, 2), 700);
	pit_write(&pit, 0x61, 0x01);
	pass_ticks(100);
	CHECK(latched(&pit, 2) == 600 || latched(&pit, 2) == 599);
}

TEST(pit_latch_holds)
{
	struct pit pit;
	u8 low, high;

	start_pit(&pit);
	load(&pit, 0, 2, 0x8000);
	pass_ticks(0x100);
	pit_write(&pit, 0x43, 0x00);
	pass_ticks(0x1234);
	pit_write(&pit, 0x43, 0x00);
	low = pit_read(&pit, 0x40);
	high = pit_read(&pit, 0x40);
	CHECK_EQ(high << 8 | low, 0x7f00);
}

TEST(pit_read_back_status)
{
	struct pit pit;

	start_pit(&pit);
	pit_write(&pit, 0x43, 0x30);
	pit_write(&pit, 0x43, 0xe2);
	CHECK_EQ(pit_read(&pit, 0x40), 0x70);
	load(&pit, 0, 0, 100);
	pass_ticks(200);
	pit_write(&pit, 0x43, 0xe2);
	CHECK_EQ(pit_read(&pit, 0x40), 0xb0);
}

TEST(pit_owes_lost_ticks_up_to_a_limit)
{
	struct pit pit;
	int i, taken = 0;

	start_pit(&pit);
	load(&pit, 0, 2, 1000);
	CHECK(pit_tick(&pit, 1, false));
	CHECK(!pit_take_owed(&pit));
	CHECK(!pit_tick(&pit, 1, true));
	CHECK(pit_take_owed(&pit));
	CHECK(!pit_take_owed(&pit));
	CHECK(pit_tick(&pit, 1000000, false));
	for (i = 0; i < 1000; i++)
		taken += pit_take_owed(&pit);
	CHECK_EQ(taken, PIT_MAX_OWED);
}

static void start_serial(struct serial *s)
{
	serial_init(s);
	s->put = put;
	s->line = set_line;
	output_len = 0;
	line_level = false;
}

TEST(serial_transmits)
{
	struct serial s;

	start_serial(&s);
	CHECK_EQ(serial_read(&s, 5), 0x60);
	serial_write(&s, 0, 'a');
	serial_write(&s, 0, 'b');
	CHECK_EQ(output_len, 2);
	CHECK(!memcmp(output, "ab", 2));
	CHECK(!line_level);
}

TEST(serial_divisor_is_not_data)
{
	struct serial s;

	start_serial(&s);
	serial_write(&s, 3, 0x83);
	serial_write(&s, 0, 0x34);
	serial_write(&s, 1, 0x12);
	CHECK_EQ(serial_read(&s, 0), 0x34);
	CHECK_EQ(serial_read(&s, 1), 0x12);
	serial_write(&s, 3, 0x03);
	CHECK_EQ(output_len, 0);
	CHECK_EQ(serial_read(&s, 1), 0);
}

TEST(serial_receive_interrupt)
{
	struct serial s;

	start_serial(&s);
	serial_write(&s, 4, 0x08);
	serial_write(&s, 1, 0x01);
	CHECK(serial_wants_input(&s));
	serial_receive(&s, 'x');
	CHECK(line_level);
	CHECK(!serial_wants_input(&s));
	CHECK_EQ(serial_read(&s, 2), 0x04);
	CHECK(serial_read(&s, 5) & 0x01);
	CHECK_EQ(serial_read(&s, 0), 'x');
	CHECK(!line_level);
	CHECK(!(serial_read(&s, 5) & 0x01));
}

TEST(serial_out2_gates_the_line)
{
	struct serial s;

	start_serial(&s);
	serial_write(&s, 1, 0x01);
	serial_receive(&s, 'x');
	CHECK(!line_level);
	serial_write(&s, 4, 0x08);
	CHECK(line_level);
}

TEST(serial_transmit_interrupt)
{
	struct serial s;

	start_serial(&s);
	serial_write(&s, 4, 0x08);
	serial_write(&s, 1, 0x02);
	CHECK(line_level);
	CHECK_EQ(serial_read(&s, 2), 0x02);
	CHECK(!line_level);
	CHECK_EQ(serial_read(&s, 2), 0x01);
	serial_write(&s, 0, 'a');
	CHECK(line_level);
}

TEST(serial_fifo_and_overrun)
{
	struct serial s;
	int i;

	start_serial(&s);
	serial_write(&s, 2, 0x01);
	CHECK_EQ(serial_read(&s, 2), 0xc1);
	CHECK_EQ(serial_room(&s), SERIAL_FIFO);
	for (i = 0; i < SERIAL_FIFO + 1; i++)
		serial_receive(&s, i);
	CHECK_EQ(serial_read(&s, 5) & 0x03, 0x03);
	CHECK_EQ(serial_read(&s, 5) & 0x03, 0x01);
	for (i = 0; i < SERIAL_FIFO; i++)
		CHECK_EQ(serial_read(&s, 0), i);
	CHECK_EQ(serial_room(&s), SERIAL_FIFO);
	serial_receive(&s, 'x');
	serial_write(&s, 2, 0x03);
	CHECK(!(serial_read(&s, 5) & 0x01));
}

TEST(serial_loopback)
{
	struct serial s;

	start_serial(&s);
	serial_write(&s, 4, 0x1a);
	CHECK_EQ(serial_read(&s, 6) & 0xf0, 0x90);
	serial_write(&s, 0, 0x5a);
	CHECK_EQ(output_len, 0);
	CHECK_EQ(serial_read(&s, 0), 0x5a);
}

TEST(serial_polling_guest_wants_input)
{
	struct serial s;
	int i;

	start_serial(&s);
	CHECK(!serial_wants_input(&s));
	for (i = 0; i < 1000; i++)
		serial_read(&s, 5);
	CHECK(serial_wants_input(&s));
	serial_write(&s, 0, 'a');
	CHECK(!serial_wants_input(&s));
}

static void start_rtc(struct rtc *rtc)
{
	wall = 1798761599;	/* 2026-12-31 23:59:59 */
	*rtc = (struct rtc){ .line = set_line, .arm = rtc_arm, .now = wall_now };
	rtc_init(rtc, 256 << 20, 0);
}

static u8 cmos(struct rtc *rtc, u8 index)
{
	rtc_write(rtc, 0x70, index);
	return rtc_read(rtc, 0x71);
}

static void set_cmos(struct rtc *rtc, u8 index, u8 value)
{
	rtc_write(rtc, 0x70, index);
	rtc_write(rtc, 0x71, value);
}

TEST(rtc_tells_the_time)
{
	struct rtc rtc;

	start_rtc(&rtc);
	CHECK_EQ(cmos(&rtc, 0), 0x59);
	CHECK_EQ(cmos(&rtc, 4), 0x23);
	CHECK_EQ(cmos(&rtc, 7), 0x31);
	CHECK_EQ(cmos(&rtc, 8), 0x12);
	CHECK_EQ(cmos(&rtc, 9), 0x26);
	CHECK_EQ(cmos(&rtc, 0x32), 0x20);
	wall++;
	CHECK_EQ(cmos(&rtc, 0), 0x00);
	CHECK_EQ(cmos(&rtc, 9), 0x27);
	set_cmos(&rtc, 11, 0x04);
	CHECK_EQ(cmos(&rtc, 4), 12);
	CHECK_EQ(cmos(&rtc, 9), 27);
	CHECK_EQ(cmos(&rtc, 0x10), 0);
}

TEST(rtc_can_be_set)
{
	struct rtc rtc;

	start_rtc(&rtc);
	set_cmos(&rtc, 11, 0x82);
	set_cmos(&rtc, 7, 0x29);
	set_cmos(&rtc, 8, 0x02);
	set_cmos(&rtc, 9, 0x28);
	wall += 100;
	CHECK_EQ(cmos(&rtc, 7), 0x29);
	set_cmos(&rtc, 11, 0x02);
	wall++;
	CHECK_EQ(cmos(&rtc, 8), 0x03);
	CHECK_EQ(cmos(&rtc, 7), 0x01);
	CHECK_EQ(cmos(&rtc, 0), 0x00);
}

TEST(rtc_interrupts)
{
	struct rtc rtc;

	start_rtc(&rtc);
	line_level = false;
	rtc_periodic(&rtc);
	CHECK(!line_level);
	CHECK_EQ(cmos(&rtc, 12), 0x40);
	set_cmos(&rtc, 11, 0x42);
	CHECK_EQ(rtc_period, NS_PER_SEC / 1024);
	rtc_periodic(&rtc);
	CHECK(line_level);
	CHECK_EQ(cmos(&rtc, 12), 0xc0);
	CHECK(!line_level);
	set_cmos(&rtc, 11, 0x12);
	CHECK(rtc_seconds);
	CHECK_EQ(rtc_period, 0);
	rtc_second(&rtc);
	CHECK(line_level);
	CHECK_EQ(cmos(&rtc, 12), 0x90);
}

TEST(rtc_alarm)
{
	struct rtc rtc;

	start_rtc(&rtc);
	set_cmos(&rtc, 1, 0x00);
	set_cmos(&rtc, 3, 0x00);
	set_cmos(&rtc, 5, 0xc0);
	set_cmos(&rtc, 11, 0x22);
	line_level = false;
	rtc_second(&rtc);
	CHECK(!line_level);
	wall++;
	rtc_second(&rtc);
	CHECK(line_level);
	CHECK_EQ(cmos(&rtc, 12), 0xb0);
}

int main(int argc, char **argv)
{
	return tap_main(argc, argv);
}
