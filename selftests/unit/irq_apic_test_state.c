// SPDX-License-Identifier: GPL-2.0-only
/* KVM_GET_LAPIC, KVM_SET_LAPIC: formats, a round trip, hostile states; priorities at random. */
#include "irq_apic.h"

#include <errno.h>

#include "splitmix.h"

static u64 seed;

static u32 rnd(u32 below)
{
	return splitmix(&seed) % below;
}

static u32 *at(struct kvm_lapic_state *state, u32 reg)
{
	return (u32 *)(state->regs + reg);
}

static struct kvm_lapic_state state_of(struct cpu *cpu)
{
	struct kvm_lapic_state state;

	memset(&state, 0xee, sizeof(state));
	lapic_get_state(&cpu->apic, &state);
	return state;
}

static int send(struct cpu *cpu, u8 vector, bool level)
{
	struct irq_msg msg = { .dest = cpu->apic.id, .vector = vector, .level = level,
			       .assert = level };

	return irq_deliver(&host.chips, NULL, &msg);
}

/* ---- formats ---- */

TEST(state_after_power_on)
{
	struct kvm_lapic_state state;
	u32 reg;

	begin(0);
	state = state_of(add_cpu(0x103));
	for (reg = 0; reg < sizeof(state); reg += 4)
		switch (reg) {
		case ID:
			CHECK_EQ(*at(&state, reg), 0x03000000);
			break;
		case VERSION:
			CHECK_EQ(*at(&state, reg), 0x50014);
			break;
		case DFR:
			CHECK_EQ(*at(&state, reg), 0xffffffff);
			break;
		case SPIV:
			CHECK_EQ(*at(&state, reg), 0xff);
			break;
		case LVTT: case LVTTHERMAL: case LVTPERF: case LINT0: case LINT1: case LVTERR:
			CHECK_EQ(*at(&state, reg), MASKED);
			break;
		default:
			CHECK_EQ(*at(&state, reg), 0);
		}
}

/* The format of the ID: xAPIC's always in the top byte, x2APIC's there or all of it. */
TEST(id_format)
{
	struct kvm_lapic_state state;
	struct cpu *cpu;

	begin(0);
	cpu = add_cpu(0x21);
	lapic_set_base(&cpu->apic, BASE_X2APIC, true);
	state = state_of(cpu);
	CHECK_EQ(*at(&state, ID), 0x21000000);
	CHECK_EQ(*at(&state, LDR), 0x20002);
	*at(&state, ID) = 0x99000000;
	*at(&state, LDR) = 0x12345678;
	CHECK_EQ(lapic_set_state(&cpu->apic, &state), 0);
	CHECK_EQ(get(cpu, ID), 0x21);
	CHECK_EQ(get(cpu, LDR), 0x20002);
	host.chips.wide_ids = true;
	state = state_of(cpu);
	CHECK_EQ(*at(&state, ID), 0x21);
	CHECK_EQ(lapic_set_state(&cpu->apic, &state), 0);
	*at(&state, ID) = 0x21000000;
	*at(&state, TPR) = 0x50;
	CHECK_EQ(lapic_set_state(&cpu->apic, &state), -EINVAL);
	CHECK_EQ(get(cpu, TPR), 0);
	lapic_set_base(&cpu->apic, BASE_XAPIC, true);
	*at(&state, ID) = 0x45000000;
	CHECK_EQ(lapic_set_state(&cpu->apic, &state), 0);
	CHECK_EQ(get(cpu, ID), 0x45000000);
	CHECK_EQ(get(cpu, TPR), 0x50);
	CHECK_EQ(send(cpu, 0x60, false), -1);
	CHECK_EQ(host.chips.nr_renamed.counter, 1);
	*at(&state, ID) = 0x21000000;
	CHECK_EQ(lapic_set_state(&cpu->apic, &state), 0);
	CHECK_EQ(host.chips.nr_renamed.counter, 0);
}

TEST(x2apic_icr_in_two_halves)
{
	struct kvm_lapic_state state;
	struct cpu *cpu;
	u64 data;

	begin(2);
	all_x2();
	cpu = &host.cpu[0];
	ipi(cpu, 0x12345, 0x4042);
	state = state_of(cpu);
	CHECK_EQ(*at(&state, ICR), 0x4042);
	CHECK_EQ(*at(&state, ICR2), 0x12345);
	*at(&state, ICR2) = 0x54321;
	CHECK_EQ(lapic_set_state(&cpu->apic, &state), 0);
	CHECK_EQ(lapic_msr_read(&cpu->apic, 0x830, &data), 0);
	CHECK_EQ(data, 0x5432100004042ull);
	CHECK(!in(&host.cpu[1], IRR, 0x42));
}

TEST(version_is_its_own)
{
	struct kvm_lapic_state state;

	begin(1);
	state = state_of(&host.cpu[0]);
	*at(&state, VERSION) = 0x1060015;
	CHECK_EQ(lapic_set_state(&host.cpu[0].apic, &state), 0);
	CHECK_EQ(get(&host.cpu[0], VERSION), 0x50014);
}

TEST(vectors_by_state)
{
	struct kvm_lapic_state state;
	struct cpu *cpu;
	u32 i;

	begin(1);
	cpu = &host.cpu[0];
	CHECK_EQ(send(cpu, 0x22, false), 1);
	memset(&state, 0, sizeof(state));
	*at(&state, SPIV) = SPIV_ON;
	for (i = 0; i < 8; i++) {
		*at(&state, IRR + 16 * i) = 1u << (i + 16);
		*at(&state, ISR + 16 * i) = i < 3 ? 1u << i : 0;
		*at(&state, TMR + 16 * i) = 1u << (i + 16);
	}
	cpu->kicks = 0;
	CHECK_EQ(lapic_set_state(&cpu->apic, &state), 0);
	CHECK_EQ(cpu->kicks, 1);		/* needs no other event */
	CHECK_EQ(get(cpu, PPR), 0x40);
	CHECK(!in(cpu, IRR, 0x22));
	CHECK_EQ(take_next(cpu), 0xf7);
	put(cpu, EOI, 0);
	CHECK_EQ(cpu->eoi_vector, 0xf7);
	put(cpu, EOI, 0);
	CHECK_EQ(cpu->eoi_vector, 0x42);
	CHECK_EQ(get(cpu, PPR), 0x20);
}

/* ---- the timer goes on ---- */

static struct cpu *restored(struct kvm_lapic_state *state)
{
	struct cpu *cpu = add_cpu(host.chips.nr_apics);

	cpu->apic.deadline_mode_allowed = true;
	*at(state, ID) = cpu->apic.id << 24;
	CHECK_EQ(lapic_set_state(&cpu->apic, state), 0);
	return cpu;
}

static struct kvm_lapic_state timer_state(u32 lvt, u32 initial, u32 current)
{
	struct kvm_lapic_state state;

	begin(1);
	state = state_of(&host.cpu[0]);
	*at(&state, TDCR) = 0xb;
	*at(&state, LVTT) = lvt;
	*at(&state, TMICT) = initial;
	*at(&state, TMCCT) = current;
	return state;
}

TEST(timer_goes_on)
{
	struct kvm_lapic_state state;
	struct cpu *cpu;

	begin(1);
	put(&host.cpu[0], LVTT, 0x20066);
	put(&host.cpu[0], TMICT, 1000000);	/* in ns: divided by 2 */
	advance(500000);
	state = state_of(&host.cpu[0]);
	CHECK_EQ(*at(&state, TMCCT), 750000);
	cpu = restored(&state);
	CHECK_EQ(get(cpu, TMCCT), 750000);
	CHECK_EQ(cpu->timer_at, host.now + 1500000);
	advance(1500000);
	CHECK_EQ(take_next(cpu), 0x66);
	CHECK_EQ(cpu->timer_at, host.now + 2000000);
}

TEST(timer_counts_that_cannot_be)
{
	struct kvm_lapic_state state = timer_state(0x66, 1000, 5000);

	CHECK_EQ(restored(&state)->timer_at, host.now + 1000);
	state = timer_state(0x20066, 1000000, 0);
	CHECK_EQ(restored(&state)->timer_at, host.now + 1000000);
	state = timer_state(0x66, 0, 5000);
	CHECK_EQ(restored(&state)->timer_at, 0);
	state = timer_state(0x60066, 1000, 500);
	CHECK_EQ(restored(&state)->timer_at, 0);
}

/* KVM's states have a count of 0 for one that is about to fire as for one that has. */
TEST(timer_at_its_end)
{
	struct kvm_lapic_state state = timer_state(0x66, 1000, 0);
	struct cpu *cpu;

	*at(&state, SPIV) = 0xff;
	CHECK_EQ(take_next(restored(&state)), -1);	/* disabled by software */
	*at(&state, SPIV) = SPIV_ON;
	cpu = restored(&state);
	CHECK(cpu->kicks);
	CHECK_EQ(take_next(cpu), 0x66);
	CHECK_EQ(cpu->timer_at, 0);
}

/* With a CPUID that has no deadline timer bit 18 means nothing. */
TEST(deadline_bit_without_cpuid)
{
	struct kvm_lapic_state state = timer_state(0x40066, 1000, 1000);
	struct cpu *cpu = &host.cpu[0];

	cpu->apic.deadline_mode_allowed = false;
	CHECK_EQ(lapic_set_state(&cpu->apic, &state), 0);
	CHECK_EQ(cpu->timer_at, host.now + 1000);
}

TEST(set_state_stops_the_old_timer)
{
	struct kvm_lapic_state state;
	struct cpu *cpu;

	begin(1);
	cpu = &host.cpu[0];
	state = state_of(cpu);
	put(cpu, LVTT, 0x20066);
	put(cpu, TMICT, 1000000);
	CHECK_EQ(lapic_set_state(&cpu->apic, &state), 0);
	CHECK_EQ(cpu->timer_at, 0);
	advance(10000000);
	CHECK_EQ(take_next(cpu), -1);
	put(cpu, LVTT, 0x40066);
	CHECK_EQ(lapic_msr_write(&cpu->apic, MSR_DEADLINE, 1ull << 40, true), 0);
	CHECK_EQ(lapic_set_state(&cpu->apic, &state), 0);
	CHECK_EQ(cpu->timer_at, 0);
}

/* From whichever mode the APIC was in before. */
TEST(state_changes_timer_mode)
{
	struct kvm_lapic_state one_shot, deadline;
	struct cpu *cpu;
	u64 data;

	one_shot = timer_state(0x66, 1000, 600);
	deadline = timer_state(0x40066, 0, 0);
	cpu = &host.cpu[0];
	CHECK_EQ(lapic_set_state(&cpu->apic, &deadline), 0);
	CHECK_EQ(lapic_msr_write(&cpu->apic, MSR_DEADLINE, 1ull << 40, true), 0);
	CHECK_EQ(lapic_set_state(&cpu->apic, &one_shot), 0);
	CHECK_EQ(get(cpu, TMICT), 1000);
	CHECK_EQ(cpu->timer_at, host.now + 600);
	CHECK_EQ(lapic_set_state(&cpu->apic, &deadline), 0);
	CHECK_EQ(cpu->timer_at, 0);
	CHECK_EQ(lapic_msr_read(&cpu->apic, MSR_DEADLINE, &data), 0);
	CHECK_EQ(data, 0);
}

/* In deadline mode the state says nothing of the deadline: it stays (KVM's order of calls). */
TEST(deadline_restored)
{
	struct kvm_lapic_state state;
	struct cpu *cpu;
	u64 data;

	begin(1);
	put(&host.cpu[0], LVTT, 0x40066);
	state = state_of(&host.cpu[0]);
	cpu = restored(&state);
	CHECK_EQ(lapic_msr_write(&cpu->apic, MSR_DEADLINE, 5000000000ull, true), 0);
	CHECK_EQ(lapic_msr_read(&cpu->apic, MSR_DEADLINE, &data), 0);
	CHECK_EQ(data, 5000000000ull);
	advance(1000000000);
	CHECK_EQ(take_next(cpu), 0x66);
}

/* ---- hostile ---- */

static void use(struct cpu *cpu)
{
	u32 i, value, reg;
	u8 vector;

	for (i = 0; i < 200; i++) {
		reg = rnd(64) << 4;
		value = splitmix(&seed);
		switch (rnd(8)) {
		case 0:
			lapic_mmio_write(&cpu->apic, reg, 4, &value);
			break;
		case 1:
			lapic_mmio_read(&cpu->apic, reg, 4, &value);
			break;
		case 2:
			lapic_msr_write(&cpu->apic, 0x800 + rnd(64), splitmix(&seed) >> rnd(64),
					rnd(2));
			break;
		case 3:
			lapic_msr_write(&cpu->apic, MSR_DEADLINE, splitmix(&seed) >> rnd(64), true);
			break;
		case 4:
			advance(rnd(10000000));
			break;
		case 5:
			send(cpu, rnd(256), rnd(2));
			break;
		case 6:
			lapic_eoi(&cpu->apic);
			break;
		default:
			take_next(cpu);
		}
	}
	lapic_take_init(&cpu->apic);
	lapic_take_sipi(&cpu->apic, &vector);
}

TEST(hostile_states)
{
	static const u64 mode[] = { BASE_OFF, BASE_XAPIC, BASE_X2APIC };
	struct kvm_lapic_state state;
	u32 run, i;

	for (run = 0; run < 3000; run++) {
		struct cpu *cpu = &host.cpu[1];

		seed = run;
		begin(3);
		lapic_set_base(&cpu->apic, mode[rnd(3)], true);
		for (i = 0; i < sizeof(state); i += 4)
			*at(&state, i) = rnd(2) ? splitmix(&seed) : 0;
		CHECK_EQ(lapic_set_state(&cpu->apic, &state), 0);
		use(cpu);
		state = state_of(cpu);
		lapic_set_base(&cpu->apic, mode[rnd(3)], true);
		CHECK_EQ(lapic_set_state(&cpu->apic, &state), 0);
		use(cpu);
	}
}

/* ---- priorities at random, against a model that looks at every vector each time ---- */

static struct {
	bool irr[256], isr[256], tmr[256];
	u32 tpr;
	bool active;
} plain;

static u32 plain_ppr(void)
{
	u32 vector, ppr = plain.tpr;

	for (vector = 0; vector < 256; vector++)
		if (plain.isr[vector] && vector >> 4 > ppr >> 4)
			ppr = vector >> 4 << 4;
	return ppr;
}

static int plain_pending(void)
{
	int vector, best = -1;

	for (vector = 16; vector < 256; vector++)
		if (plain.irr[vector] && vector >> 4 > (int)(plain_ppr() >> 4))
			best = vector;
	return best;
}

static int plain_eoi(void)
{
	int vector;

	for (vector = 255; vector >= 0; vector--)
		if (plain.isr[vector]) {
			plain.isr[vector] = false;
			return vector;
		}
	return -1;
}

static void same(struct cpu *cpu)
{
	u32 vector;

	CHECK_EQ(lapic_pending(&cpu->apic), plain_pending());
	CHECK_EQ(get(cpu, PPR), plain_ppr());
	CHECK_EQ(lapic_tpr(&cpu->apic), plain.tpr);
	for (vector = 0; vector < 256; vector++) {
		CHECK_EQ(in(cpu, IRR, vector), plain.irr[vector]);
		CHECK_EQ(in(cpu, ISR, vector), plain.isr[vector]);
		CHECK_EQ(in(cpu, TMR, vector), plain.tmr[vector]);
	}
}

static void step_send(struct cpu *cpu)
{
	u8 vector = rnd(256);
	bool level = rnd(2);
	int ret = send(cpu, vector, level);

	if (vector < 16 || !plain.active) {
		CHECK_EQ(ret, -1);
		return;
	}
	CHECK_EQ(ret, !plain.irr[vector]);
	plain.irr[vector] = true;
	plain.tmr[vector] = level;
}

static void step_take(struct cpu *cpu)
{
	int vector = take_next(cpu);

	CHECK_EQ(vector, plain_pending());
	if (vector < 0)
		return;
	plain.irr[vector] = false;
	plain.isr[vector] = true;
}

static void step_eoi(struct cpu *cpu)
{
	u32 before = cpu->eois;
	int vector = plain_eoi();

	if (rnd(2))
		put(cpu, EOI, 0);
	else
		lapic_eoi(&cpu->apic);
	CHECK_EQ(cpu->eois - before, vector >= 0);
	if (vector >= 0)
		CHECK_EQ(cpu->eoi_vector, vector);
}

static void step_tpr(struct cpu *cpu)
{
	plain.tpr = rnd(256);
	if (rnd(2))
		put(cpu, TPR, plain.tpr);
	else
		lapic_set_tpr(&cpu->apic, plain.tpr);
}

/* Saved, and put into an APIC that is another or this one. */
static struct cpu *step_move(struct cpu *cpu)
{
	struct kvm_lapic_state state = state_of(cpu);
	struct cpu *other = &host.cpu[rnd(2)];

	if (!lapic_is_x2(&cpu->apic))
		*at(&state, ID) = other->apic.id << 24;
	CHECK_EQ(lapic_set_state(&other->apic, &state), 0);
	return other;
}

static void step_reset(struct cpu *cpu)
{
	lapic_reset(&cpu->apic, true);
	memset(&plain, 0, sizeof(plain));
}

static void step_spiv(struct cpu *cpu, bool active)
{
	plain.active = active;
	if (!active && !rnd(4))
		step_reset(cpu);
	else
		put(cpu, SPIV, active ? SPIV_ON : 0xff);
}

static struct cpu *random_step(struct cpu *cpu)
{
	int before = plain_pending();
	u32 what = rnd(64);

	cpu->kicks = 0;
	if (what < 24)
		step_send(cpu);
	else if (what < 40)
		step_take(cpu);
	else if (what < 54)
		step_eoi(cpu);
	else if (what < 60)
		step_tpr(cpu);
	else if (what < 62)
		cpu = step_move(cpu);
	else
		step_spiv(cpu, what == 62);
	if (plain_pending() > before)	/* whoever looks only after a kick misses nothing */
		CHECK(cpu->kicks);
	return cpu;
}

TEST(random_priorities)
{
	u32 run, i;

	for (run = 0; run < 150; run++) {
		struct cpu *cpu = &host.cpu[0];

		seed = run;
		begin(2);
		if (rnd(2))
			all_x2();
		memset(&plain, 0, sizeof(plain));
		plain.active = true;
		for (i = 0; i < 300; i++) {
			cpu = random_step(cpu);
			same(cpu);
		}
	}
}

/* A whole APIC moves while its timer runs: what comes then is what came without the move. */
TEST(random_moves)
{
	u32 run, i, reg;

	for (run = 0; run < 1000; run++) {
		struct kvm_lapic_state state;
		struct cpu *cpu = &host.cpu[0], *copy;

		seed = run;
		begin(1);
		for (reg = LVTT; reg <= LVTERR; reg += 16)
			put(cpu, reg, rnd(0x80000) & ~MASKED & ~0x40000u);
		put(cpu, TDCR, rnd(16));
		put(cpu, TPR, rnd(64));
		put(cpu, TMICT, rnd(100000));
		for (i = 0; i < 10; i++) {
			send(cpu, rnd(256), rnd(2));
			take_next(cpu);
		}
		advance(rnd(400000));
		state = state_of(cpu);
		copy = restored(&state);
		for (i = 0; i < 30; i++) {
			u32 divided = 2 << (get(cpu, TDCR) & 3) << (get(cpu, TDCR) & 8 ? 4 : 0);

			CHECK_EQ(lapic_pending(&copy->apic), lapic_pending(&cpu->apic));
			CHECK_EQ(take_next(copy), take_next(cpu));
			for (reg = TPR; reg < sizeof(state); reg += 16)
				if (reg != TMCCT)
					CHECK_EQ(get(copy, reg), get(cpu, reg));
			if (rnd(2))
				lapic_eoi(&cpu->apic), lapic_eoi(&copy->apic);
			advance(100000 + divided);
			if (host.cpu[0].timer_at)
				CHECK(copy->timer_at <= cpu->timer_at + divided);
		}
	}
}
