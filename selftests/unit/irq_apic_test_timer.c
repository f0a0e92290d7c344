// SPDX-License-Identifier: GPL-2.0-only
/* The local APIC's timer: its modes, its registers while it runs, what goes wrong with time. */
#include "irq_apic.h"

#include <errno.h>

#include "splitmix.h"

#define VECTOR		0x66u
#define PERIODIC	0x20000u
#define DEADLINE	0x40000u
#define DIVIDE_BY_1	0xbu

static struct cpu *cpu;

static void begin_timer(u32 lvt)
{
	begin(1);
	cpu = &host.cpu[0];
	put(cpu, TDCR, DIVIDE_BY_1);
	put(cpu, LVTT, lvt | VECTOR);
}

/* How many interrupts come while time goes by, each taken and ended. */
static u32 count(u64 ns)
{
	u32 nr = 0;
	u64 until = host.now + ns;

	while (host.now < until) {
		advance(min(until - host.now, cpu->timer_at > host.now ?
			    cpu->timer_at - host.now : until - host.now));
		while (take_next(cpu) == VECTOR) {
			nr++;
			put(cpu, EOI, 0);
		}
	}
	return nr;
}

static u64 deadline(void)
{
	u64 data;

	CHECK_EQ(lapic_msr_read(&cpu->apic, MSR_DEADLINE, &data), 0);
	return data;
}

static void set_deadline(u64 tsc)
{
	CHECK_EQ(lapic_msr_write(&cpu->apic, MSR_DEADLINE, tsc, false), 0);
}

static u64 tsc_now(void)
{
	u32 khz;

	return irq_host_tsc(&cpu->apic, &khz);
}

/* A cycle of the bus of 40 ns, and one of the longest, which nothing overflows with. */
TEST(slow_bus)
{
	begin_timer(PERIODIC);
	host.chips.bus_cycle = 40;
	put(cpu, TDCR, 3);			/* by 16 */
	put(cpu, TMICT, 1000);
	CHECK_EQ(cpu->timer_at, host.now + 640000);
	advance(639);
	CHECK_EQ(get(cpu, TMCCT), 1000);
	advance(1);
	CHECK_EQ(get(cpu, TMCCT), 999);
	put(cpu, TDCR, 0);			/* by 2: as many counts are left */
	CHECK_EQ(get(cpu, TMCCT), 999);
	CHECK_EQ(cpu->timer_at, host.now + 999 * 80);
	begin_timer(0);
	host.chips.bus_cycle = LAPIC_MAX_CYCLE;
	put(cpu, TDCR, 0xa);			/* by 128 */
	put(cpu, TMICT, ~0u);
	CHECK_EQ(cpu->timer_at, host.now + 0xffffffffull * 128 * LAPIC_MAX_CYCLE);
	CHECK_EQ(get(cpu, TMCCT), ~0u);
	put(cpu, TDCR, DIVIDE_BY_1);
	CHECK_EQ(get(cpu, TMCCT), ~0u);
	put(cpu, TDCR, 0xa);
	CHECK_EQ(get(cpu, TMCCT), ~0u);
}

TEST(one_shot)
{
	begin_timer(0);
	put(cpu, TMICT, 1000);
	CHECK_EQ(cpu->timer_at, host.now + 1000);
	CHECK_EQ(get(cpu, TMCCT), 1000);
	advance(400);
	CHECK_EQ(get(cpu, TMCCT), 600);
	advance(599);
	CHECK_EQ(get(cpu, TMCCT), 1);
	CHECK_EQ(lapic_pending(&cpu->apic), -1);
	cpu->kicks = 0;
	advance(1);
	CHECK_EQ(cpu->kicks, 1);
	CHECK_EQ(take_next(cpu), VECTOR);
	CHECK_EQ(get(cpu, TMCCT), 0);
	CHECK_EQ(get(cpu, TMICT), 1000);
	put(cpu, EOI, 0);
	CHECK_EQ(count(1000000), 0);
}

TEST(divisors)
{
	static const u32 by[] = { 2, 4, 8, 16, 32, 64, 128, 1 };
	u32 i;

	begin_timer(0);
	for (i = 0; i < 8; i++) {
		put(cpu, TDCR, (i & 3) | (i & 4) << 1);
		put(cpu, TMICT, 10000);
		CHECK_EQ(cpu->timer_at, host.now + 10000 * by[i]);
		advance(5000 * by[i]);
		CHECK_EQ(get(cpu, TMCCT), 5000);
		advance(5000 * by[i]);
		CHECK_EQ(take_next(cpu), VECTOR);
		put(cpu, EOI, 0);
	}
}

TEST(longest_count)
{
	begin_timer(0);
	put(cpu, TDCR, 0xa);
	put(cpu, TMICT, 0xffffffff);
	CHECK_EQ(get(cpu, TMCCT), 0xffffffff);
	CHECK_EQ(cpu->timer_at, host.now + 128 * 0xffffffffull);
}

TEST(count_of_0_stops)
{
	begin_timer(PERIODIC);
	put(cpu, TMICT, 300000);
	put(cpu, TMICT, 0);
	CHECK_EQ(cpu->timer_at, 0);
	CHECK_EQ(get(cpu, TMCCT), 0);
	CHECK_EQ(count(1000000), 0);
}

TEST(count_written_again)
{
	begin_timer(0);
	put(cpu, TMICT, 1000);
	advance(900);
	put(cpu, TMICT, 1000);
	CHECK_EQ(count(999), 0);
	CHECK_EQ(count(1), 1);
}

TEST(periodic)
{
	begin_timer(PERIODIC);
	put(cpu, TMICT, 1000000);
	CHECK_EQ(count(10000000), 10);
	advance(250000);
	CHECK_EQ(get(cpu, TMCCT), 750000);
}

TEST(periodic_has_a_floor)
{
	begin_timer(PERIODIC);
	put(cpu, TMICT, 1);
	CHECK_EQ(count(10000000), 50);
	put(cpu, TMICT, 199999);
	CHECK_EQ(count(10000000), 50);
	put(cpu, TMICT, 250000);
	CHECK_EQ(count(10000000), 40);
}

/* Late, once: no storm to catch up, and in phase after it. */
TEST(periodic_is_late)
{
	u64 start;

	begin_timer(PERIODIC);
	start = host.now;
	put(cpu, TMICT, 1000000);
	host.now += 77300000;
	cpu->timer_at = 0;
	lapic_timer_fired(&cpu->apic);
	CHECK_EQ(cpu->timer_at, start + 78000000);
	CHECK_EQ(take_next(cpu), VECTOR);
	put(cpu, EOI, 0);
	CHECK_EQ(take_next(cpu), -1);
	CHECK_EQ(count(10000000), 10);
}

TEST(shortest_one_shot)
{
	begin_timer(0);
	put(cpu, TMICT, 1);
	CHECK_EQ(count(1000000), 1);
}

TEST(masked)
{
	begin_timer(MASKED);
	put(cpu, TMICT, 1000);
	CHECK_EQ(count(2000), 0);
	CHECK_EQ(get(cpu, TMCCT), 0);
	put(cpu, LVTT, VECTOR);
	CHECK_EQ(count(2000), 0);	/* it is over */
	put(cpu, LVTT, MASKED | PERIODIC | VECTOR);
	put(cpu, TMICT, 1000000);
	CHECK_EQ(count(2500000), 0);
	put(cpu, LVTT, PERIODIC | VECTOR);
	CHECK_EQ(count(500000), 1);
	put(cpu, SPIV, 0xff);
	CHECK_EQ(count(5000000), 0);
}

TEST(vector_of_the_lvt_then)
{
	begin_timer(0);
	put(cpu, TMICT, 1000);
	put(cpu, LVTT, 0x77);
	advance(1000);
	CHECK_EQ(take_next(cpu), 0x77);
}

TEST(illegal_vector)
{
	begin_timer(0);
	put(cpu, LVTT, PERIODIC | 0xf);
	put(cpu, TMICT, 1000000);
	advance(5000000);
	CHECK_EQ(lapic_pending(&cpu->apic), -1);
	CHECK_EQ(cpu->kicks, 0);
}

TEST(mode_between_one_shot_and_periodic)
{
	begin_timer(0);
	put(cpu, TMICT, 1000000);
	advance(500000);
	put(cpu, LVTT, PERIODIC | VECTOR);
	CHECK_EQ(get(cpu, TMICT), 1000000);
	CHECK_EQ(get(cpu, TMCCT), 500000);
	CHECK_EQ(count(2500000), 3);
	put(cpu, LVTT, VECTOR);
	CHECK_EQ(count(5000000), 1);
	put(cpu, TMICT, 1000);
	put(cpu, LVTT, PERIODIC | VECTOR);	/* the floor counts from now on */
	CHECK_EQ(count(1001000), 6);
}

TEST(mode_to_deadline_disarms)
{
	begin_timer(PERIODIC);
	put(cpu, TMICT, 1000000);
	put(cpu, LVTT, DEADLINE | VECTOR);
	CHECK_EQ(cpu->timer_at, 0);
	CHECK_EQ(get(cpu, TMICT), 0);
	CHECK_EQ(get(cpu, TMCCT), 0);
	CHECK_EQ(count(5000000), 0);
	put(cpu, LVTT, PERIODIC | VECTOR);
	CHECK_EQ(count(5000000), 0);
}

TEST(mode_from_deadline_disarms)
{
	begin_timer(DEADLINE);
	set_deadline(tsc_now() + 1000);
	CHECK_NE(cpu->timer_at, 0);
	put(cpu, LVTT, VECTOR);
	CHECK_EQ(cpu->timer_at, 0);
	CHECK_EQ(deadline(), 0);
	put(cpu, LVTT, DEADLINE | VECTOR);
	CHECK_EQ(deadline(), 0);
	CHECK_EQ(count(5000000), 0);
}

TEST(mode_reserved)
{
	begin_timer(DEADLINE | PERIODIC);
	put(cpu, TMICT, 1000);
	set_deadline(tsc_now() + 1000);
	CHECK_EQ(get(cpu, TMCCT), 0);
	CHECK_EQ(count(1000000), 0);
}

TEST(divisor_while_it_runs)
{
	begin_timer(0);
	put(cpu, TMICT, 1000);
	advance(500);
	put(cpu, TDCR, 1);	/* 4 */
	CHECK_EQ(get(cpu, TMCCT), 500);
	CHECK_EQ(cpu->timer_at, host.now + 2000);
	put(cpu, TDCR, DIVIDE_BY_1);
	CHECK_EQ(cpu->timer_at, host.now + 500);
	CHECK_EQ(count(1000), 1);
	put(cpu, TDCR, 1);
	CHECK_EQ(cpu->timer_at, 0);
}

/* ---- TSC deadline ---- */

TEST(deadline_comes)
{
	u64 when;

	begin_timer(DEADLINE);
	cpu->tsc = 123456789;
	when = tsc_now() + 2500001;
	set_deadline(when);
	CHECK_EQ(deadline(), when);
	CHECK_EQ(cpu->timer_at, host.now + 1000001);	/* not before */
	advance(1000000);
	CHECK_EQ(lapic_pending(&cpu->apic), -1);
	CHECK_EQ(deadline(), when);
	advance(1);
	CHECK_EQ(cpu->kicks, 1);
	CHECK_EQ(take_next(cpu), VECTOR);
	CHECK_EQ(deadline(), 0);
	CHECK_EQ(cpu->timer_at, 0);
}

TEST(deadline_in_the_past)
{
	begin_timer(DEADLINE);
	set_deadline(1);
	CHECK_EQ(cpu->kicks, 1);
	CHECK_EQ(cpu->timer_at, 0);
	CHECK_EQ(take_next(cpu), VECTOR);
	CHECK_EQ(deadline(), 0);
	put(cpu, EOI, 0);
	set_deadline(tsc_now());
	CHECK_EQ(take_next(cpu), VECTOR);
}

TEST(deadline_of_0_disarms)
{
	begin_timer(DEADLINE);
	set_deadline(tsc_now() + 1000);
	set_deadline(0);
	CHECK_EQ(deadline(), 0);
	CHECK_EQ(cpu->timer_at, 0);
	CHECK_EQ(count(5000000), 0);
}

TEST(deadline_far_away)
{
	u64 far = ~0ull;
	u32 khz;

	for (khz = 1; khz; khz <<= 1) {
		begin_timer(DEADLINE);
		host.khz = khz;
		set_deadline(far);
		CHECK_EQ(deadline(), far);
		CHECK(cpu->timer_at > host.now + (1ull << 50) && cpu->timer_at < 1ull << 63);
	}
	begin_timer(DEADLINE);
	host.khz = 0;
	set_deadline(far);
	CHECK_EQ(cpu->timer_at, 0);
}

TEST(deadline_without_its_mode)
{
	begin_timer(0);
	set_deadline(1);
	CHECK_EQ(deadline(), 0);
	CHECK_EQ(count(1000), 0);
	put(cpu, LVTT, DEADLINE | VECTOR);
	CHECK_EQ(count(1000), 0);
	put(cpu, TMICT, 100);
	CHECK_EQ(get(cpu, TMICT), 0);
	CHECK_EQ(count(1000), 0);
}

TEST(deadline_not_in_cpuid)
{
	begin(1);
	cpu = &host.cpu[0];
	cpu->apic.deadline_mode_allowed = false;
	put(cpu, TDCR, DIVIDE_BY_1);
	put(cpu, LVTT, DEADLINE | VECTOR);
	CHECK_EQ(get(cpu, LVTT), VECTOR);
	put(cpu, TMICT, 1000);
	CHECK_EQ(count(1000), 1);
}

TEST(deadline_with_apic_disabled)
{
	begin_timer(DEADLINE);
	set_deadline(tsc_now() + 1000);
	CHECK_EQ(lapic_set_base(&cpu->apic, BASE_OFF, false), 0);
	CHECK_EQ(deadline(), 0);
	set_deadline(1);
	CHECK_EQ(lapic_pending(&cpu->apic), -1);
}

TEST(tsc_jumps)
{
	begin_timer(DEADLINE);
	set_deadline(tsc_now() + 2500000);
	cpu->tsc += 1250000;
	lapic_timer_rearm(&cpu->apic);
	CHECK_EQ(cpu->timer_at, host.now + 500000);
	cpu->tsc += 2500000;
	lapic_timer_rearm(&cpu->apic);
	CHECK_EQ(take_next(cpu), VECTOR);
	put(cpu, EOI, 0);
	lapic_timer_rearm(&cpu->apic);
	CHECK_EQ(take_next(cpu), -1);
	put(cpu, LVTT, VECTOR);
	put(cpu, TMICT, 1000);
	lapic_timer_rearm(&cpu->apic);
	CHECK_EQ(cpu->timer_at, host.now + 1000);
}

/* The interrupt is in the IRR or the deadline can be read, whichever is looked at first. */
TEST(deadline_is_not_lost_when_saved)
{
	struct kvm_lapic_state state;
	u64 when;

	begin_timer(DEADLINE);
	when = tsc_now() + 2500000;
	set_deadline(when);
	lapic_get_state(&cpu->apic, &state);
	advance(1000000);
	CHECK_EQ(deadline(), when);
	cpu->tsc -= 2500;
	lapic_timer_rearm(&cpu->apic);		/* it has come already */
	CHECK_EQ(cpu->kicks, 1);
	CHECK_EQ(cpu->timer_at, 0);
	CHECK_EQ(lapic_pending(&cpu->apic), VECTOR);
	CHECK_EQ(deadline(), 0);
	CHECK(in(cpu, IRR, VECTOR));
}

TEST(new_deadline_while_the_old_is_unseen)
{
	u64 when;

	begin_timer(DEADLINE);
	set_deadline(tsc_now() + 2500);
	advance(1000);
	when = tsc_now() + 5000;
	set_deadline(when);
	CHECK_EQ(take_next(cpu), VECTOR);
	put(cpu, EOI, 0);
	CHECK_EQ(deadline(), when);
	CHECK_EQ(count(2000), 1);
}

/* ---- the host's timer ---- */

TEST(fires_for_nothing)
{
	begin_timer(0);
	lapic_timer_fired(&cpu->apic);
	CHECK_EQ(lapic_pending(&cpu->apic), -1);
	put(cpu, TMICT, 1000);
	cpu->timer_at = 0;
	host.now += 999;		/* too early: set again */
	lapic_timer_fired(&cpu->apic);
	CHECK_EQ(lapic_pending(&cpu->apic), -1);
	CHECK_EQ(cpu->timer_at, host.now + 1);
	advance(1);
	CHECK_EQ(take_next(cpu), VECTOR);
	lapic_timer_fired(&cpu->apic);	/* once more for the one that was replaced */
	put(cpu, EOI, 0);
	CHECK_EQ(take_next(cpu), -1);
}

TEST(reset_stops_it)
{
	begin_timer(PERIODIC);
	put(cpu, TMICT, 1000000);
	lapic_reset(&cpu->apic, true);
	CHECK_EQ(cpu->timer_at, 0);
	lapic_timer_fired(&cpu->apic);
	CHECK_EQ(lapic_pending(&cpu->apic), -1);
	put(cpu, SPIV, SPIV_ON);
	put(cpu, LVTT, DEADLINE | VECTOR);
	set_deadline(tsc_now() + 100);
	lapic_reset(&cpu->apic, true);
	CHECK_EQ(deadline(), 0);
	CHECK_EQ(cpu->timer_at, 0);
	put(cpu, SPIV, SPIV_ON);
	put(cpu, TMICT, 1000);		/* which deadline mode would ignore */
	CHECK_EQ(get(cpu, TMICT), 1000);
	put(cpu, TDCR, DIVIDE_BY_1);
	put(cpu, LVTT, VECTOR);		/* one-shot it is */
	put(cpu, TMICT, 1000);
	CHECK_EQ(count(1000), 1);
}

/* ---- at random, against a clock that is looked at all the time ---- */

static struct {
	u32 mode, initial, by;
	u64 due, period;
	u32 fired;
} plain;

static u64 seed;

static u32 rnd(u32 below)
{
	return splitmix(&seed) % below;
}

static void plain_period(void)
{
	plain.period = (u64)plain.initial * plain.by;
	if (plain.mode == 1 && plain.period && plain.period < 200000)
		plain.period = 200000;
}

static void plain_mode(u32 mode)
{
	if (mode != plain.mode && (mode == 2 || plain.mode == 2))
		plain.initial = plain.due = 0;
	plain.mode = mode;
	plain_period();
}

static void plain_run(u64 until)
{
	while (plain.due && plain.due <= until) {
		plain.fired++;
		plain.due = plain.mode == 1 && plain.period ? plain.due + plain.period : 0;
	}
}

static void random_step(void)
{
	static const u32 by[] = { 2, 4, 8, 16, 32, 64, 128, 1 };
	u32 value = rnd(4);

	switch (rnd(8)) {
	case 0:
		put(cpu, LVTT, value << 17 | VECTOR);
		plain_mode(value);
		break;
	case 1:
		value = rnd(8) ? rnd(1000000) : 0;
		put(cpu, TMICT, value);
		if (plain.mode == 2)
			break;
		plain.initial = value;
		plain_period();
		plain.due = value && plain.mode < 2 ? host.now + plain.period : 0;
		break;
	case 2:
		value = rnd(8);
		put(cpu, TDCR, (value & 3) | (value & 4) << 1);
		if (plain.due && plain.mode != 2)
			plain.due = host.now + (plain.due - host.now) * by[value] / plain.by;
		plain.by = by[value];
		plain_period();
		break;
	case 3:
		if (plain.mode == 2) {
			set_deadline(tsc_now() + value * 25000);
			plain.due = host.now + value * 10000;
		}
		break;
	default:
		value = rnd(300000);
		CHECK_EQ(cpu->timer_at, plain.due > host.now ? plain.due : 0);
		plain_run(host.now + value);
		value = count(value);
		CHECK_EQ(value, plain.fired);
		plain.fired = 0;
		return;
	}
	plain_run(host.now);	/* a deadline that is now has come */
	if (take_next(cpu) >= 0)
		put(cpu, EOI, 0);
	plain.fired = 0;
}

TEST(random_timers)
{
	u32 run, step;

	for (run = 0; run < 500; run++) {
		seed = run;
		begin_timer(0);
		memset(&plain, 0, sizeof(plain));
		plain.by = 1;
		for (step = 0; step < 200; step++)
			random_step();
	}
}
