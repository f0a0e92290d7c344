// SPDX-License-Identifier: GPL-2.0-only
/* The MC146818 clock with its CMOS memory. */
#include <string.h>
#include <time.h>

#include "devices.h"

enum { SECONDS, SECONDS_ALARM, MINUTES, MINUTES_ALARM, HOURS, HOURS_ALARM, WEEKDAY, DAY, MONTH,
	YEAR, REG_A, REG_B, REG_C, REG_D };
#define CENTURY		0x32

#define A_RATE		0x0f
#define B_24H		0x02
#define B_BINARY	0x04
#define B_UIE		0x10
#define B_AIE		0x20
#define B_PIE		0x40
#define B_SET		0x80
#define C_IRQF		0x80
#define D_VALID		0x80
#define HOUR_PM		0x80
#define ALARM_ANY	0xc0

static u8 encode(const struct rtc *rtc, int value)
{
	if (rtc->ram[REG_B] & B_BINARY)
		return value;
	return (value / 10) << 4 | value % 10;
}

static int decode(const struct rtc *rtc, u8 value)
{
	if (rtc->ram[REG_B] & B_BINARY)
		return value;
	return (value >> 4) * 10 + (value & 0x0f);
}

static u8 encode_hour(const struct rtc *rtc, int hour)
{
	if (rtc->ram[REG_B] & B_24H)
		return encode(rtc, hour);
	return encode(rtc, (hour + 11) % 12 + 1) | (hour >= 12 ? HOUR_PM : 0);
}

static int decode_hour(const struct rtc *rtc, u8 value)
{
	if (rtc->ram[REG_B] & B_24H)
		return decode(rtc, value);
	return decode(rtc, value & ~HOUR_PM) % 12 + (value & HOUR_PM ? 12 : 0);
}

static void time_to_ram(struct rtc *rtc)
{
	time_t t = rtc->now() + rtc->offset;
	struct tm tm;

	gmtime_r(&t, &tm);
	rtc->ram[SECONDS] = encode(rtc, tm.tm_sec);
	rtc->ram[MINUTES] = encode(rtc, tm.tm_min);
	rtc->ram[HOURS] = encode_hour(rtc, tm.tm_hour);
	rtc->ram[WEEKDAY] = encode(rtc, tm.tm_wday + 1);
	rtc->ram[DAY] = encode(rtc, tm.tm_mday);
	rtc->ram[MONTH] = encode(rtc, tm.tm_mon + 1);
	rtc->ram[YEAR] = encode(rtc, tm.tm_year % 100);
	rtc->ram[CENTURY] = encode(rtc, (tm.tm_year + 1900) / 100);
}

static void ram_to_time(struct rtc *rtc)
{
	struct tm tm = {
		.tm_sec = decode(rtc, rtc->ram[SECONDS]),
		.tm_min = decode(rtc, rtc->ram[MINUTES]),
		.tm_hour = decode_hour(rtc, rtc->ram[HOURS]),
		.tm_mday = decode(rtc, rtc->ram[DAY]),
		.tm_mon = decode(rtc, rtc->ram[MONTH]) - 1,
		.tm_year = decode(rtc, rtc->ram[CENTURY]) * 100 +
			   decode(rtc, rtc->ram[YEAR]) - 1900,
	};

	rtc->offset = timegm(&tm) - rtc->now();
}

static bool is_time(u8 index)
{
	switch (index) {
	case SECONDS_ALARM:
	case MINUTES_ALARM:
	case HOURS_ALARM:
		return false;
	}
	return index <= YEAR || index == CENTURY;
}

/* Rates 1 and 2 are those of 8 and 9. */
static u64 period_ns(const struct rtc *rtc)
{
	unsigned int rate = rtc->ram[REG_A] & A_RATE;

	if (!rate || !(rtc->ram[REG_B] & B_PIE))
		return 0;
	if (rate < 3)
		rate += 7;
	return NS_PER_SEC * (1 << (rate - 1)) / 32768;
}

static void rearm(struct rtc *rtc)
{
	rtc->arm(rtc->opaque, period_ns(rtc), rtc->ram[REG_B] & (B_UIE | B_AIE));
}

static void update_line(struct rtc *rtc)
{
	if (rtc->ram[REG_C] & rtc->ram[REG_B] & (B_PIE | B_AIE | B_UIE))
		rtc->ram[REG_C] |= C_IRQF;
	rtc->line(rtc->opaque, rtc->ram[REG_C] & C_IRQF);
}

static bool alarm_matches(const struct rtc *rtc, u8 reg)
{
	u8 alarm = rtc->ram[reg + 1];

	return (alarm & ALARM_ANY) == ALARM_ANY || alarm == rtc->ram[reg];
}

void rtc_periodic(struct rtc *rtc)
{
	rtc->ram[REG_C] |= B_PIE;
	update_line(rtc);
}

/* A second has passed. */
void rtc_second(struct rtc *rtc)
{
	if (rtc->ram[REG_B] & B_SET)
		return;
	time_to_ram(rtc);
	rtc->ram[REG_C] |= B_UIE;
	if (alarm_matches(rtc, SECONDS) && alarm_matches(rtc, MINUTES) &&
	    alarm_matches(rtc, HOURS))
		rtc->ram[REG_C] |= B_AIE;
	update_line(rtc);
}

static void write_b(struct rtc *rtc, u8 value)
{
	bool was_set = rtc->ram[REG_B] & B_SET;

	if (!was_set)
		time_to_ram(rtc);
	if (value & B_SET)
		value &= ~B_UIE;
	rtc->ram[REG_B] = value;
	if (was_set && !(value & B_SET))
		ram_to_time(rtc);
	update_line(rtc);
	rearm(rtc);
}

static void write_time(struct rtc *rtc, u8 value)
{
	bool set = rtc->ram[REG_B] & B_SET;

	if (!set)
		time_to_ram(rtc);
	rtc->ram[rtc->index] = value;
	if (!set)
		ram_to_time(rtc);
}

static u8 read_c(struct rtc *rtc)
{
	u8 value = rtc->ram[REG_C];

	rtc->ram[REG_C] = 0;
	rtc->line(rtc->opaque, false);
	return value;
}

u8 rtc_read(struct rtc *rtc, u16 port)
{
	if (!(port & 1))
		return 0xff;
	if (rtc->index == REG_C)
		return read_c(rtc);
	if (is_time(rtc->index) && !(rtc->ram[REG_B] & B_SET))
		time_to_ram(rtc);
	return rtc->ram[rtc->index];
}

void rtc_write(struct rtc *rtc, u16 port, u8 value)
{
	if (!(port & 1)) {
		rtc->index = value & 0x7f;
		return;
	}
	if (is_time(rtc->index)) {
		write_time(rtc, value);
		return;
	}
	switch (rtc->index) {
	case REG_A:
		rtc->ram[REG_A] = value & 0x7f;
		rearm(rtc);
		break;
	case REG_B:
		write_b(rtc, value);
		break;
	case REG_C:
	case REG_D:
		break;
	default:
		rtc->ram[rtc->index] = value;
	}
}

static void put16(struct rtc *rtc, u8 index, u64 value)
{
	if (value > 0xffff)
		value = 0xffff;
	rtc->ram[index] = value;
	rtc->ram[index + 1] = value >> 8;
}

/* Where a PC's firmware leaves the sizes of memory. */
static void set_memory_sizes(struct rtc *rtc, u64 below_4g, u64 above_4g)
{
	put16(rtc, 0x15, 640);
	put16(rtc, 0x17, below_4g > 1 << 20 ? (below_4g - (1 << 20)) >> 10 : 0);
	put16(rtc, 0x30, below_4g > 1 << 20 ? (below_4g - (1 << 20)) >> 10 : 0);
	put16(rtc, 0x34, below_4g > 16 << 20 ? (below_4g - (16 << 20)) >> 16 : 0);
	put16(rtc, 0x5b, above_4g >> 16);
	rtc->ram[0x5d] = above_4g >> 32;
}

/* The callbacks are the caller's to set, before or after. */
void rtc_init(struct rtc *rtc, u64 below_4g, u64 above_4g)
{
	memset(rtc->ram, 0, sizeof(rtc->ram));
	rtc->index = 0;
	rtc->offset = 0;
	rtc->ram[REG_A] = 0x26;
	rtc->ram[REG_B] = B_24H;
	rtc->ram[REG_D] = D_VALID;
	set_memory_sizes(rtc, below_4g, above_4g);
}
