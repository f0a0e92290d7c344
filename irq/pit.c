// SPDX-License-Identifier: GPL-2.0-only
/*
 * The 8254 timer. Intel's data sheet 231164. Counters are computed of the time when they are read;
 * only channel 0 needs a timer, for its interrupt.
 */
#include <linux/bits.h>
#include <linux/limits.h>
#include <linux/math64.h>
#include <linux/minmax.h>
#include <linux/nospec.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "irqchip.h"

#define PIT_HZ		1193182u
#define NS_PER_SEC	1000000000u
#define MIN_PERIOD_NS	200000u
#define CHANNELS	3

#define PORT_FIRST	0x40
#define PORT_CONTROL	0x43
#define PORT_SPEAKER	0x61

#define READ_BACK	3	/* bits 7:6 of a control word */
#define NO_COUNT_LATCH	BIT(5)
#define NO_STATUS_LATCH	BIT(4)
#define NULL_COUNT	BIT(6)
#define NO_MODE		0xff	/* after power-on */

/* rw_mode of a channel, and what the next byte is: read_state, write_state, count_latched. */
enum { RW_LATCH, RW_LOW, RW_HIGH, RW_BOTH, RW_BOTH_HIGH };

/*
 * A channel. KVM's count is in ticks here, decimal counters' too, and never 0.
 * @loaded:	it counts; a control word stops it until its count is written
 * @paused:	ns that it had counted when its gate closed
 */
struct channel {
	struct kvm_pit_channel_state s;
	bool loaded;
	u64 paused;
};

/*
 * @next:	when the timer is to fire, 0: never
 * @ticks:	periods of channel 0 since its count was loaded
 * @acked:	the last tick was acknowledged
 * @pending:	ticks not acknowledged, the last one included; @reinject only
 */
struct pit {
	raw_spinlock_t lock;
	struct irq_chips *chips;
	struct channel channel[CHANNELS];
	u32 flags;
	bool speaker, reinject, acked;
	u32 pending;
	u64 next, ticks;
};

static u64 ns_to_ticks(u64 ns)
{
	return mul_u64_u32_div(ns, PIT_HZ, NS_PER_SEC);
}

/* Rounded up: by then they have all passed. */
static u64 ticks_to_ns(u64 ticks)
{
	return mul_u64_u32_div(ticks, NS_PER_SEC, PIT_HZ) + 1;
}

static bool is_periodic(const struct channel *c)
{
	return c->s.mode == 2 || c->s.mode == 3;
}

/* In modes 1 and 5 the gate is a trigger only. */
static bool is_paused(const struct channel *c)
{
	return !c->s.gate && c->s.mode != 1 && c->s.mode != 5;
}

static u64 elapsed_ns(const struct channel *c)
{
	return is_paused(c) ? c->paused : irq_host_now() - (u64)c->s.count_load_time;
}

static u64 elapsed(const struct channel *c)
{
	return ns_to_ticks(elapsed_ns(c));
}

static u16 to_decimal(u32 n)
{
	return n % 10 | n / 10 % 10 << 4 | n / 100 % 10 << 8 | n / 1000 % 10 << 12;
}

static u32 from_decimal(u16 n)
{
	return (n & 15) + 10 * (n >> 4 & 15) + 100 * (n >> 8 & 15) + 1000 * (n >> 12);
}

static u16 current_count(const struct channel *c)
{
	u32 wrap = c->s.bcd ? 10000 : 0x10000, count = c->s.count;
	u64 ticks;

	if (c->loaded) {
		ticks = elapsed(c);
		if (c->s.mode == 3)
			count -= 2 * ticks % count;
		else if (c->s.mode == 2)
			count -= ticks % count;
		else
			count += wrap - ticks % wrap;
	}
	return c->s.bcd ? to_decimal(count % wrap) : count;
}

static bool output(const struct channel *c)
{
	u64 ticks;

	if (!c->loaded)
		return c->s.mode != 0;
	ticks = elapsed(c);
	switch (c->s.mode) {
	case 2:
		return is_paused(c) || ticks % c->s.count != c->s.count - 1;
	case 3:
		return is_paused(c) || ticks % c->s.count < (c->s.count + 1) / 2;
	case 4:
	case 5:
		return ticks != c->s.count;
	default:
		return ticks >= c->s.count;
	}
}

/* Channel 0's: so long that a count of 1 is no load for the host. */
static u64 period_ticks(const struct channel *c)
{
	return max_t(u64, c->s.count, ns_to_ticks(MIN_PERIOD_NS));
}

static void set_timer(struct pit *pit)
{
	struct channel *c = &pit->channel[0];
	u64 ticks = c->s.count;

	if (is_periodic(c))
		ticks = (pit->ticks + 1) * period_ticks(c);
	pit->next = c->s.count_load_time + ticks_to_ns(ticks);
	irq_host_pit_timer(pit, pit->next);
}

static void stop_timer(struct pit *pit)
{
	if (pit->next)
		irq_host_pit_timer(pit, 0);
	pit->next = 0;
}

static void reset_reinject(struct pit *pit)
{
	pit->pending = 0;
	pit->acked = true;
}

/* Channel 0 was loaded. */
static void restart_timer(struct pit *pit)
{
	pit->ticks = 0;
	reset_reinject(pit);
	if (pit->channel[0].s.mode > 4 || pit->flags & KVM_PIT_FLAGS_HPET_LEGACY)
		stop_timer(pit);
	else
		set_timer(pit);
}

/* GSI 0's edge. With the lock held, or two at the same time were one. */
static void pulse(struct pit *pit)
{
	pit_host_line(pit->chips, true);
	pit_host_line(pit->chips, false);
}

static void tick(struct pit *pit, u64 ticks)
{
	if (!pit->reinject) {
		pulse(pit);
		return;
	}
	pit->pending = min_t(u64, pit->pending + ticks, U32_MAX);
	if (pit->acked) {
		pit->acked = false;
		pulse(pit);
	}
}

/* Late, there may have been more than one. */
static void channel0_expired(struct pit *pit)
{
	struct channel *c = &pit->channel[0];
	u64 before = pit->ticks;

	if (!is_periodic(c)) {
		pit->next = 0;
		tick(pit, 1);
		return;
	}
	pit->ticks = div64_u64(elapsed(c), period_ticks(c));
	set_timer(pit);
	tick(pit, pit->ticks - before);
}

void pit_timer_fired(struct pit *pit)
{
	unsigned long flags;

	raw_spin_lock_irqsave(&pit->lock, flags);
	if (pit->next && irq_host_now() >= pit->next)
		channel0_expired(pit);
	else if (pit->next)
		irq_host_pit_timer(pit, pit->next);
	raw_spin_unlock_irqrestore(&pit->lock, flags);
}

void pit_acked(struct pit *pit)
{
	unsigned long flags;

	raw_spin_lock_irqsave(&pit->lock, flags);
	pit->acked = true;
	if (pit->reinject && pit->pending && --pit->pending) {
		pit->acked = false;
		pulse(pit);
	}
	raw_spin_unlock_irqrestore(&pit->lock, flags);
}

void pit_unmasked(struct pit *pit)
{
	unsigned long flags;

	raw_spin_lock_irqsave(&pit->lock, flags);
	reset_reinject(pit);
	raw_spin_unlock_irqrestore(&pit->lock, flags);
}

void pit_set_reinject(struct pit *pit, bool reinject)
{
	unsigned long flags;

	raw_spin_lock_irqsave(&pit->lock, flags);
	if (reinject != pit->reinject)
		reset_reinject(pit);
	pit->reinject = reinject;
	raw_spin_unlock_irqrestore(&pit->lock, flags);
}

/* The count is in ticks. What loads it is taken for a trigger too, in modes 1 and 5. */
static void start(struct pit *pit, struct channel *c)
{
	c->s.count_load_time = irq_host_now();
	c->paused = 0;
	c->loaded = true;
	if (c == pit->channel)
		restart_timer(pit);
}

static void load_count(struct pit *pit, struct channel *c, u16 value)
{
	if (c->s.bcd)
		c->s.count = from_decimal(value) ?: 10000;
	else
		c->s.count = value ?: 0x10000;
	start(pit, c);
}

static void write_count(struct pit *pit, struct channel *c, u8 data)
{
	switch (c->s.write_state) {
	case RW_HIGH:
		load_count(pit, c, data << 8);
		break;
	case RW_BOTH:
		c->s.write_latch = data;
		c->s.write_state = RW_BOTH_HIGH;
		break;
	case RW_BOTH_HIGH:
		c->s.write_state = RW_BOTH;
		load_count(pit, c, data << 8 | c->s.write_latch);
		break;
	default:
		load_count(pit, c, data);
	}
}

static u8 read_latch(struct channel *c)
{
	u16 count = c->s.latched_count;

	switch (c->s.count_latched) {
	case RW_BOTH:
		c->s.count_latched = RW_HIGH;
		return count;
	case RW_HIGH:
		c->s.count_latched = 0;
		return count >> 8;
	default:
		c->s.count_latched = 0;
		return count;
	}
}

static u8 read_count(struct channel *c)
{
	switch (c->s.read_state) {
	case RW_HIGH:
		return current_count(c) >> 8;
	case RW_BOTH:
		c->s.read_state = RW_BOTH_HIGH;
		return current_count(c);
	case RW_BOTH_HIGH:
		c->s.read_state = RW_BOTH;
		return current_count(c) >> 8;
	default:
		return current_count(c);
	}
}

static u8 read_channel(struct channel *c)
{
	if (c->s.status_latched) {
		c->s.status_latched = 0;
		return c->s.status;
	}
	return c->s.count_latched ? read_latch(c) : read_count(c);
}

static void latch_count(struct channel *c)
{
	if (c->s.count_latched)
		return;
	c->s.latched_count = current_count(c);
	c->s.count_latched = c->s.rw_mode ?: RW_LOW;
}

static void latch_status(struct channel *c)
{
	if (c->s.status_latched)
		return;
	c->s.status = output(c) << 7 | (c->loaded ? 0 : NULL_COUNT) | c->s.rw_mode << 4 |
		      (c->s.mode & 7) << 1 | c->s.bcd;
	c->s.status_latched = 1;
}

static void read_back(struct pit *pit, u8 data)
{
	unsigned int i;

	for (i = 0; i < CHANNELS; i++) {
		if (!(data & BIT(i + 1)))
			continue;
		if (!(data & NO_COUNT_LATCH))
			latch_count(&pit->channel[i]);
		if (!(data & NO_STATUS_LATCH))
			latch_status(&pit->channel[i]);
	}
}

static void set_mode(struct pit *pit, struct channel *c, u8 data)
{
	u8 mode = (data >> 1) & 7, rw = (data >> 4) & 3;

	c->s.mode = mode > 5 ? mode - 4 : mode;
	c->s.bcd = data & 1;
	c->s.rw_mode = rw;
	c->s.read_state = rw;
	c->s.write_state = rw;
	c->s.count_latched = 0;
	c->s.status_latched = 0;
	c->loaded = false;
	if (c == pit->channel)
		stop_timer(pit);
}

static void write_control(struct pit *pit, u8 data)
{
	unsigned int select = data >> 6;

	if (select == READ_BACK) {
		read_back(pit, data);
		return;
	}
	select = array_index_nospec(select, CHANNELS);
	if (data & 0x30)
		set_mode(pit, &pit->channel[select], data);
	else
		latch_count(&pit->channel[select]);
}

/* Modes 0 and 4 go on where they were, the others anew. */
static void set_gate(struct channel *c, bool gate)
{
	u64 counted = elapsed_ns(c), now = irq_host_now();

	if (gate == c->s.gate)
		return;
	c->s.gate = gate;
	if (!gate)
		c->paused = counted;
	else if (c->s.mode == 0 || c->s.mode == 4)
		c->s.count_load_time = now - counted;
	else
		c->s.count_load_time = now;
}

static void write_speaker(struct pit *pit, u8 data)
{
	pit->flags &= ~KVM_PIT_FLAGS_SPEAKER_DATA_ON;
	if (data & 2)
		pit->flags |= KVM_PIT_FLAGS_SPEAKER_DATA_ON;
	set_gate(&pit->channel[2], data & 1);
}

/* The refresh of memory toggles bit 4 each 15 us or so. */
static u8 read_speaker(const struct pit *pit)
{
	const struct channel *c = &pit->channel[2];
	bool speaker = pit->flags & KVM_PIT_FLAGS_SPEAKER_DATA_ON;

	return c->s.gate | speaker << 1 | (irq_host_now() >> 14 & 1) << 4 | output(c) << 5;
}

bool pit_owns(const struct pit *pit, u16 port)
{
	return (port >= PORT_FIRST && port <= PORT_CONTROL) ||
	       (port == PORT_SPEAKER && pit->speaker);
}

void pit_port_write(struct pit *pit, u16 port, u8 data)
{
	unsigned long flags;

	raw_spin_lock_irqsave(&pit->lock, flags);
	if (port == PORT_SPEAKER)
		write_speaker(pit, data);
	else if (port == PORT_CONTROL)
		write_control(pit, data);
	else
		write_count(pit, &pit->channel[array_index_nospec(port & 3, CHANNELS)], data);
	raw_spin_unlock_irqrestore(&pit->lock, flags);
}

u8 pit_port_read(struct pit *pit, u16 port)
{
	unsigned long flags;
	u8 data = 0;

	raw_spin_lock_irqsave(&pit->lock, flags);
	if (port == PORT_SPEAKER)
		data = read_speaker(pit);
	else if (port != PORT_CONTROL)
		data = read_channel(&pit->channel[array_index_nospec(port & 3, CHANNELS)]);
	raw_spin_unlock_irqrestore(&pit->lock, flags);
	return data;
}

/* Behind a closed gate time stands still. */
static u64 load_time(const struct channel *c)
{
	return is_paused(c) ? irq_host_now() - c->paused : (u64)c->s.count_load_time;
}

void pit_get_state(struct pit *pit, struct kvm_pit_state2 *state)
{
	unsigned long flags;
	unsigned int i;

	memset(state, 0, sizeof(*state));
	raw_spin_lock_irqsave(&pit->lock, flags);
	for (i = 0; i < CHANNELS; i++) {
		state->channels[i] = pit->channel[i].s;
		state->channels[i].count_load_time = load_time(&pit->channel[i]);
	}
	state->flags = pit->flags;
	raw_spin_unlock_irqrestore(&pit->lock, flags);
}

static void sanitize(struct kvm_pit_channel_state *s, unsigned int channel)
{
	if (!s->count || s->count > 0x10000)
		s->count = 0x10000;
	if (s->mode > 5)
		s->mode = NO_MODE;
	s->rw_mode &= 3;
	s->bcd = !!s->bcd;
	s->gate = channel != 2 || s->gate;	/* the others' are wired */
	s->status_latched = !!s->status_latched;
	s->count_latched &= 3;
	s->read_state = min_t(u8, s->read_state, RW_BOTH_HIGH);
	s->write_state = min_t(u8, s->write_state, RW_BOTH_HIGH);
}

int pit_set_state(struct pit *pit, const struct kvm_pit_state2 *state)
{
	unsigned long flags;
	unsigned int i;

	raw_spin_lock_irqsave(&pit->lock, flags);
	pit->flags = state->flags & (KVM_PIT_FLAGS_HPET_LEGACY | KVM_PIT_FLAGS_SPEAKER_DATA_ON);
	for (i = 0; i < CHANNELS; i++) {
		pit->channel[i].s = state->channels[i];
		sanitize(&pit->channel[i].s, i);
		start(pit, &pit->channel[i]);
	}
	raw_spin_unlock_irqrestore(&pit->lock, flags);
	return 0;
}

struct pit *pit_create(struct irq_chips *chips, bool speaker)
{
	struct pit *pit = kzalloc(sizeof(*pit), GFP_KERNEL_ACCOUNT);
	unsigned int i;

	if (!pit)
		return NULL;
	raw_spin_lock_init(&pit->lock);
	pit->chips = chips;
	pit->speaker = speaker;
	pit->reinject = true;
	for (i = 0; i < CHANNELS; i++) {
		pit->channel[i].s.mode = NO_MODE;
		pit->channel[i].s.count = 0x10000;
		pit->channel[i].s.gate = i != 2;
		start(pit, &pit->channel[i]);
	}
	return pit;
}

void pit_destroy(struct pit *pit)
{
	kfree(pit);
}

struct irq_chips *pit_chips(const struct pit *pit)
{
	return pit->chips;
}
