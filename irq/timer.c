// SPDX-License-Identifier: GPL-2.0-only
/*
 * A local APIC's timer: Intel SDM 3A 11.5.4. Its bus runs at 1 GHz, so that a count is ns,
 * if user space has not set another rate.
 *
 * timer_lock protects when the timer is due; the host's timer is set under it, so that both always
 * agree. In TSC-deadline mode a deadline that has come stays readable until the vCPU looks for
 * interrupts again: whoever saves the registers and the MSR, in whichever order, finds the
 * interrupt in the IRR, or the deadline, or both.
 */
#include <linux/minmax.h>
#include <linux/spinlock.h>

#include "internal.h"

#define MIN_PERIOD	200000u			/* ns, as KVM's */
#define MAX_MS		(1ull << 40)		/* farther off: never */
#define NS_PER_MS	1000000u

enum { MODE_ONESHOT, MODE_PERIODIC, MODE_DEADLINE };

static u32 divisor(u32 tdcr)
{
	return 1u << ((((tdcr & 3) | (tdcr >> 1 & 4)) + 1) & 7);
}

static u32 bus_cycle(const struct lapic *apic)
{
	return apic->chips->bus_cycle ?: 1;
}

/* How long a count of the timer is. */
static u64 count_ns(const struct lapic *apic)
{
	return (u64)divisor(reg_get(apic, REG_TDCR)) * bus_cycle(apic);
}

static u32 lvt_mode(const struct lapic *apic)
{
	return reg_get(apic, REG_LVT_TIMER) >> 17 & (apic->deadline_mode_allowed ? 3 : 1);
}

/* timer_lock is held, as in all up to 'locked'. The period as its registers have it. */
static void set_period(struct lapic *apic)
{
	u64 period = reg_get(apic, REG_TMICT) * count_ns(apic);

	if (apic->timer_mode == MODE_PERIODIC && period)
		period = max_t(u64, period, MIN_PERIOD);
	apic->timer_period = period;
}

/* Ticks that are missed are lost: a late host doesn't make a storm. */
static u64 next_tick(const struct lapic *apic, u64 now)
{
	u64 period = apic->timer_period, due = apic->timer_due + period;

	return due > now ? due : due + (now - due) / period * period + period;
}

/* It is due. Whether the vCPU is to be kicked. */
static bool expire(struct lapic *apic, u64 now)
{
	u32 lvt = reg_get(apic, REG_LVT_TIMER);
	bool kick = false;

	if (!(lvt & LVT_MASKED))
		kick = lapic_set_irr(apic, lvt & LVT_VECTOR, false) > 0;
	if (apic->timer_mode == MODE_PERIODIC && apic->timer_period)
		apic->timer_due = next_tick(apic, now);
	else
		apic->timer_due = 0;
	if (apic->timer_mode == MODE_DEADLINE)
		smp_store_release(&apic->deadline_over, true);	/* behind the IRR */
	return kick;
}

static bool arm(struct lapic *apic, u64 due, u64 now)
{
	bool kick = false;

	apic->timer_due = due;
	if (due && due <= now)
		kick = expire(apic, now);
	irq_host_apic_timer(apic, apic->timer_due);
	return kick;
}

static void disarm(struct lapic *apic)
{
	apic->deadline = 0;
	apic->deadline_over = false;
	if (apic->timer_due)
		arm(apic, 0, 0);
}

/* When a value of the TSC is reached; 0: never. */
static u64 deadline_due(struct lapic *apic, u64 now)
{
	u32 khz = 0;
	u64 tsc = irq_host_tsc(apic, &khz), left, ms;

	if (!apic->deadline || !khz)
		return 0;
	if (apic->deadline <= tsc)
		return now;
	left = apic->deadline - tsc;
	ms = min_t(u64, left / khz, MAX_MS);
	return now + ms * NS_PER_MS + DIV_ROUND_UP(left % khz * NS_PER_MS, khz);
}

static bool start_deadline(struct lapic *apic, u64 tsc)
{
	u64 now = irq_host_now();

	apic->deadline = tsc;
	apic->deadline_over = false;
	return arm(apic, deadline_due(apic, now), now);
}

/* From a count on, in one-shot and periodic mode. */
static bool start_count(struct lapic *apic, u64 left)
{
	u64 now = irq_host_now();
	bool counts = apic->timer_mode <= MODE_PERIODIC && apic->timer_period;

	return arm(apic, counts ? now + left : 0, now);
}

/* What is left of a count that was saved. */
static u64 saved_left(const struct lapic *apic, u32 count)
{
	u64 left = count * count_ns(apic);

	if ((!left && apic->timer_mode == MODE_PERIODIC) || left > apic->timer_period)
		return apic->timer_period;
	return left;
}

static u64 time_left(const struct lapic *apic, u64 now)
{
	return apic->timer_due > now ? apic->timer_due - now : 0;
}

static bool change_divisor(struct lapic *apic, u32 tdcr)
{
	u32 old = divisor(reg_get(apic, REG_TDCR)), new = divisor(tdcr);
	u64 now = irq_host_now(), left = time_left(apic, now);

	reg_set(apic, REG_TDCR, tdcr);
	set_period(apic);
	if (new == old || !apic->timer_due || apic->timer_mode == MODE_DEADLINE)
		return false;
	return arm(apic, now + left / old * new + (left % old) * new / old, now);
}

/* Between deadline and the others nothing goes on. Whether it is such a change. */
static bool change_mode(struct lapic *apic)
{
	u32 mode = lvt_mode(apic);
	bool other = (mode == MODE_DEADLINE) != (apic->timer_mode == MODE_DEADLINE);

	if (other)
		disarm(apic);
	apic->timer_mode = mode;
	return other;
}

static void kick_if(struct lapic *apic, bool kick)
{
	if (kick)
		irq_host_kick(apic);
}

void timer_init(struct lapic *apic)
{
	raw_spin_lock_init(&apic->timer_lock);
}

void timer_reset(struct lapic *apic)
{
	unsigned long flags;

	raw_spin_lock_irqsave(&apic->timer_lock, flags);
	disarm(apic);
	apic->timer_mode = MODE_ONESHOT;
	apic->timer_period = 0;
	raw_spin_unlock_irqrestore(&apic->timer_lock, flags);
}

void timer_set_mode(struct lapic *apic)
{
	unsigned long flags;

	raw_spin_lock_irqsave(&apic->timer_lock, flags);
	if (change_mode(apic))
		reg_set(apic, REG_TMICT, 0);
	set_period(apic);
	raw_spin_unlock_irqrestore(&apic->timer_lock, flags);
}

void timer_set_initial(struct lapic *apic, u32 count)
{
	unsigned long flags;
	bool kick;

	if (apic->timer_mode == MODE_DEADLINE)
		return;
	raw_spin_lock_irqsave(&apic->timer_lock, flags);
	reg_set(apic, REG_TMICT, count);
	set_period(apic);
	kick = start_count(apic, apic->timer_period);
	raw_spin_unlock_irqrestore(&apic->timer_lock, flags);
	kick_if(apic, kick);
}

void timer_set_divisor(struct lapic *apic, u32 tdcr)
{
	unsigned long flags;
	bool kick;

	raw_spin_lock_irqsave(&apic->timer_lock, flags);
	kick = change_divisor(apic, tdcr);
	raw_spin_unlock_irqrestore(&apic->timer_lock, flags);
	kick_if(apic, kick);
}

static bool has_deadline(const struct lapic *apic)
{
	return lapic_enabled(apic) && apic->timer_mode == MODE_DEADLINE;
}

void timer_set_deadline(struct lapic *apic, u64 tsc)
{
	unsigned long flags;
	bool kick;

	if (!has_deadline(apic))
		return;
	raw_spin_lock_irqsave(&apic->timer_lock, flags);
	kick = start_deadline(apic, tsc);
	raw_spin_unlock_irqrestore(&apic->timer_lock, flags);
	kick_if(apic, kick);
}

u64 timer_get_deadline(const struct lapic *apic)
{
	return has_deadline(apic) ? apic->deadline : 0;
}

void lapic_timer_rearm(struct lapic *apic)
{
	unsigned long flags;
	bool kick;

	if (!has_deadline(apic) || !apic->deadline)
		return;
	raw_spin_lock_irqsave(&apic->timer_lock, flags);
	kick = apic->timer_due && start_deadline(apic, apic->deadline);
	raw_spin_unlock_irqrestore(&apic->timer_lock, flags);
	kick_if(apic, kick);
}

/* Never 0 while it counts: that would be saved as a timer that has fired. */
u32 timer_current(struct lapic *apic)
{
	u64 by = count_ns(apic), left;
	unsigned long flags;

	if (apic->timer_mode > MODE_PERIODIC)
		return 0;
	raw_spin_lock_irqsave(&apic->timer_lock, flags);
	left = time_left(apic, irq_host_now());
	if (apic->timer_due && !left)
		left = 1;
	raw_spin_unlock_irqrestore(&apic->timer_lock, flags);
	return DIV_ROUND_UP(left, by);
}

void timer_restore(struct lapic *apic, u32 current_count)
{
	unsigned long flags;
	bool kick = false;

	raw_spin_lock_irqsave(&apic->timer_lock, flags);
	change_mode(apic);
	set_period(apic);
	if (apic->timer_mode != MODE_DEADLINE)
		kick = start_count(apic, saved_left(apic, current_count));
	raw_spin_unlock_irqrestore(&apic->timer_lock, flags);
	kick_if(apic, kick);
}

void lapic_timer_fired(struct lapic *apic)
{
	unsigned long flags;
	u64 due;
	bool kick;

	raw_spin_lock_irqsave(&apic->timer_lock, flags);
	due = apic->timer_due;
	kick = due && arm(apic, due, irq_host_now());
	raw_spin_unlock_irqrestore(&apic->timer_lock, flags);
	kick_if(apic, kick);
}
