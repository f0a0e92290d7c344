// SPDX-License-Identifier: GPL-2.0-only
/*
 * The 8254 timer, binary counting. Counters are computed from the clock when they are read; only
 * channel 0 needs a timer, for its interrupt.
 */
#include <string.h>

#include "devices.h"

#define ACCESS_LOW	1
#define ACCESS_HIGH	2
#define ACCESS_BOTH	3

#define MIN_PERIOD_NS	50000ULL

/* Rounded up: by then all the ticks have passed. */
static u64 ticks_to_ns(u64 ticks)
{
	return (u64)(((unsigned __int128)ticks * NS_PER_SEC + PIT_HZ - 1) / PIT_HZ);
}

static u64 ns_to_ticks(u64 ns)
{
	return (u64)((unsigned __int128)ns * PIT_HZ / NS_PER_SEC);
}

static bool is_periodic(const struct pit_channel *c)
{
	return c->mode == 2 || c->mode == 3;
}

static u64 elapsed(const struct pit *pit, const struct pit_channel *c)
{
	if (!c->gate)
		return c->paused;
	return ns_to_ticks(pit->now() - c->start);
}

static u16 current_count(const struct pit *pit, const struct pit_channel *c)
{
	u64 ticks;

	if (!c->running)
		return c->count;
	ticks = elapsed(pit, c);
	if (c->mode == 3)
		return c->count - (2 * ticks) % c->count;
	if (c->mode == 2)
		return c->count - ticks % c->count;
	return c->count - ticks;
}

static bool output(const struct pit *pit, const struct pit_channel *c)
{
	u64 ticks;

	if (!c->running)
		return c->mode != 0;
	ticks = elapsed(pit, c);
	switch (c->mode) {
	case 0:
	case 1:
		return ticks >= c->count;
	case 2:
		return !c->gate || ticks % c->count != c->count - 1;
	case 3:
		return !c->gate || ticks % c->count < (c->count + 1) / 2;
	default:
		return ticks != c->count;
	}
}

static void rearm(struct pit *pit)
{
	struct pit_channel *c = &pit->channel[0];
	u64 ns = ticks_to_ns(c->count);

	pit->owed = 0;
	if (!c->running) {
		pit->arm(pit->opaque, 0, 0);
	} else if (is_periodic(c)) {
		if (ns < MIN_PERIOD_NS)
			ns = MIN_PERIOD_NS;
		pit->arm(pit->opaque, c->start + ns, ns);
	} else {
		pit->arm(pit->opaque, c->start + ns, 0);
	}
}

static void load_count(struct pit *pit, struct pit_channel *c, u16 value)
{
	c->count = value ? value : 0x10000;
	c->running = true;
	c->start = pit->now();
	c->paused = 0;
	if (c == pit->channel)
		rearm(pit);
}

static void write_counter(struct pit *pit, struct pit_channel *c, u8 value)
{
	if (c->access == ACCESS_LOW) {
		load_count(pit, c, value);
	} else if (c->access == ACCESS_HIGH) {
		load_count(pit, c, value << 8);
	} else if (c->write_high_next) {
		c->write_high_next = false;
		load_count(pit, c, value << 8 | c->write_low);
	} else {
		c->write_low = value;
		c->write_high_next = true;
	}
}

static u8 read_counter(struct pit *pit, struct pit_channel *c)
{
	u16 count;

	if (c->status_latched) {
		c->status_latched = false;
		return c->status;
	}
	count = c->latched ? c->latch : current_count(pit, c);
	if (c->latched)
		c->latched--;
	if (c->access == ACCESS_LOW)
		return count;
	if (c->access == ACCESS_HIGH)
		return count >> 8;
	c->read_high_next = !c->read_high_next;
	return c->read_high_next ? count : count >> 8;
}

static void latch_count(struct pit *pit, struct pit_channel *c)
{
	if (c->latched)
		return;
	c->latch = current_count(pit, c);
	c->latched = c->access == ACCESS_BOTH ? 2 : 1;
	c->read_high_next = false;
}

static void latch_status(struct pit *pit, struct pit_channel *c)
{
	if (c->status_latched)
		return;
	c->status = output(pit, c) << 7 | !c->running << 6 | c->access << 4 | c->mode << 1;
	c->status_latched = true;
}

static void read_back(struct pit *pit, u8 value)
{
	int i;

	for (i = 0; i < 3; i++) {
		if (!(value & (2 << i)))
			continue;
		if (!(value & 0x20))
			latch_count(pit, &pit->channel[i]);
		if (!(value & 0x10))
			latch_status(pit, &pit->channel[i]);
	}
}

static void set_mode(struct pit *pit, struct pit_channel *c, u8 value)
{
	c->access = (value >> 4) & 3;
	c->mode = (value >> 1) & 7;
	if (c->mode > 5)
		c->mode -= 4;
	c->running = false;
	c->write_high_next = false;
	c->read_high_next = false;
	c->latched = 0;
	c->status_latched = false;
	if (c == pit->channel)
		rearm(pit);
}

static void control(struct pit *pit, u8 value)
{
	unsigned int select = value >> 6;

	if (select == 3)
		read_back(pit, value);
	else if (!(value & 0x30))
		latch_count(pit, &pit->channel[select]);
	else
		set_mode(pit, &pit->channel[select], value);
}

static void set_gate(struct pit *pit, struct pit_channel *c, bool gate)
{
	bool level_mode = c->mode == 0 || c->mode == 4;

	if (gate == c->gate)
		return;
	if (!gate)
		c->paused = elapsed(pit, c);
	else if (level_mode)
		c->start = pit->now() - ticks_to_ns(c->paused);
	else
		c->start = pit->now();
	c->gate = gate;
}

static u8 read_port61(struct pit *pit)
{
	struct pit_channel *c = &pit->channel[2];

	pit->refresh = !pit->refresh;
	return c->gate | pit->speaker << 1 | pit->refresh << 4 | output(pit, c) << 5;
}

u8 pit_read(struct pit *pit, u16 port)
{
	if (port == 0x61)
		return read_port61(pit);
	if (port == 0x43)
		return 0xff;
	return read_counter(pit, &pit->channel[port & 3]);
}

void pit_write(struct pit *pit, u16 port, u8 value)
{
	if (port == 0x61) {
		pit->speaker = value & 2;
		set_gate(pit, &pit->channel[2], value & 1);
	} else if (port == 0x43) {
		control(pit, value);
	} else {
		write_counter(pit, &pit->channel[port & 3], value);
	}
}

/*
 * Channel 0's timer expired; @pending: the interrupt before this one was not taken yet. Returns
 * true when there is an interrupt to raise. Ticks that found no room are owed, up to a limit:
 * a guest that was away for long gets its time from other clocks, and must not be flooded.
 */
bool pit_tick(struct pit *pit, u64 expirations, bool pending)
{
	u64 owed;

	if (!expirations || !pit->channel[0].running)
		return false;
	owed = pit->owed + expirations - !pending;
	pit->owed = owed < PIT_MAX_OWED ? owed : PIT_MAX_OWED;
	return !pending;
}

/* The guest has time for a lost tick: is there one? */
bool pit_take_owed(struct pit *pit)
{
	if (!pit->owed)
		return false;
	pit->owed--;
	return true;
}

void pit_init(struct pit *pit, u64 (*now)(void),
	      void (*arm)(void *opaque, u64 when_ns, u64 period_ns), void *opaque)
{
	int i;

	memset(pit, 0, sizeof(*pit));
	for (i = 0; i < 3; i++) {
		pit->channel[i].mode = 3;
		pit->channel[i].access = ACCESS_BOTH;
		pit->channel[i].count = 0x10000;
		pit->channel[i].gate = i != 2;
	}
	pit->now = now;
	pit->arm = arm;
	pit->opaque = opaque;
}
