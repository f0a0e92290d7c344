// SPDX-License-Identifier: GPL-2.0-only
/*
 * Local APICs on real threads, under ThreadSanitizer: senders, a timer, and vCPUs that look only
 * when they are kicked. Nothing is lost, nothing comes twice, and whoever waits is woken.
 */
#include <pthread.h>
#include <sched.h>
#include <time.h>

#define TAP_MAIN
#include <linux/container_of.h>
#include <linux/kernel.h>

#include "apic.h"
#include "splitmix.h"
#include "tap.h"

#define NR_VCPUS		3
#define ROUNDS		20000
#define VECTOR		0x60
#define MSR_DEADLINE	0x6e0
#define ICR_INIT	0x4500
#define ICR_SIPI	0x4600

/* A vCPU: its thread sleeps until it is kicked. */
struct cpu {
	struct lapic apic;
	pthread_mutex_t mutex;
	pthread_cond_t kick, set;
	bool kicked, stop;
	u64 timer_at;
	u32 taken[256];
};

static struct irq_chips chips;
static struct cpu cpus[NR_VCPUS];
static struct lapic *list[NR_VCPUS], *by_id[IRQ_MAX_IDS];
static u64 now;

int main(int argc, char **argv)
{
	return tap_main(argc, argv);
}

void shim_warn(const char *file, int line, const char *what)
{
	TAP_FAIL("%s:%d: warning: %s", file, line, what);
}

void shim_lock(spinlock_t *lock)
{
	while (__atomic_exchange_n(&lock->held, 1, __ATOMIC_ACQUIRE))
		sched_yield();
}

void shim_unlock(spinlock_t *lock)
{
	__atomic_store_n(&lock->held, 0, __ATOMIC_RELEASE);
}

static struct cpu *cpu_of(struct lapic *apic)
{
	return container_of(apic, struct cpu, apic);
}

u64 irq_host_now(void)
{
	return __atomic_add_fetch(&now, 1, __ATOMIC_RELAXED);
}

void irq_host_kick(struct lapic *apic)
{
	struct cpu *cpu = cpu_of(apic);

	pthread_mutex_lock(&cpu->mutex);
	cpu->kicked = true;
	pthread_cond_signal(&cpu->kick);
	pthread_mutex_unlock(&cpu->mutex);
}

void irq_host_nmi(struct lapic *apic)
{
	irq_host_kick(apic);
}

void irq_host_smi(struct lapic *apic)
{
	irq_host_kick(apic);
}

bool irq_host_offer_eoi(struct lapic *apic, u8 vector)
{
	return false;
}

int irq_host_take_eoi(struct lapic *apic)
{
	return 1;
}

void irq_host_eoi(struct lapic *apic, u8 vector)
{
	CHECK_EQ(test_bit(vector, apic->tmr), vector & 1);
}

void irq_host_apic_timer(struct lapic *apic, u64 when)
{
	struct cpu *cpu = cpu_of(apic);

	pthread_mutex_lock(&cpu->mutex);
	cpu->timer_at = when;
	pthread_cond_signal(&cpu->set);
	pthread_mutex_unlock(&cpu->mutex);
}

u64 irq_host_tsc(struct lapic *apic, u32 *khz)
{
	*khz = 1000000;
	return irq_host_now();
}

static void write_reg(struct cpu *cpu, u32 reg, u32 value)
{
	lapic_mmio_write(&cpu->apic, reg, 4, &value);
}

static void begin(void)
{
	u32 i;

	chips = (struct irq_chips){ .apic = list, .by_id = by_id };
	for (i = 0; i < NR_VCPUS; i++) {
		pthread_mutex_init(&cpus[i].mutex, NULL);
		pthread_cond_init(&cpus[i].kick, NULL);
		pthread_cond_init(&cpus[i].set, NULL);
		lapic_init(&cpus[i].apic, &chips, i, 0xfee00800);
		cpus[i].apic.deadline_mode_allowed = true;
		write_reg(&cpus[i], 0xf0, 0x1ff);
		list[i] = by_id[i] = &cpus[i].apic;
		smp_store_release(&chips.nr_apics, i + 1);
	}
}

/* Halted until kicked. Whether it goes on. */
static bool halt(struct cpu *cpu)
{
	bool go_on;

	pthread_mutex_lock(&cpu->mutex);
	while (!cpu->kicked && !cpu->stop)
		pthread_cond_wait(&cpu->kick, &cpu->mutex);
	cpu->kicked = false;
	go_on = !cpu->stop;
	pthread_mutex_unlock(&cpu->mutex);
	return go_on;
}

static void stop(struct cpu *cpu, pthread_t thread)
{
	pthread_mutex_lock(&cpu->mutex);
	cpu->stop = true;
	pthread_cond_broadcast(&cpu->kick);
	pthread_cond_broadcast(&cpu->set);
	pthread_mutex_unlock(&cpu->mutex);
	pthread_join(thread, NULL);
}

static void take_all(struct cpu *cpu)
{
	int vector;

	while ((vector = lapic_pending(&cpu->apic)) >= 0) {
		lapic_take(&cpu->apic, vector);
		lapic_eoi(&cpu->apic);
		__atomic_add_fetch(&cpu->taken[vector], 1, __ATOMIC_RELAXED);
	}
}

static u32 taken(struct cpu *cpu, u8 vector)
{
	return __atomic_load_n(&cpu->taken[vector], __ATOMIC_RELAXED);
}

static void *vcpu(void *arg)
{
	do
		take_all(arg);
	while (halt(arg));
	take_all(arg);
	return NULL;
}

/* ---- IPIs ---- */

struct sender {
	pthread_t thread;
	struct cpu *from;
	u8 vector;
	u32 delivered;
};

static void *flood(void *arg)
{
	struct sender *s = arg;
	struct irq_msg msg = { .vector = s->vector, .level = s->vector & 1, .assert = true };
	u32 i;

	for (i = 0; i < ROUNDS; i++)
		s->delivered += irq_deliver(&chips, &s->from->apic, &msg);
	return NULL;
}

/* Both send to the first as fast as they can, and end. */
static void flood_from_two(struct sender s[2])
{
	pthread_t thread;
	u32 i;

	begin();
	pthread_create(&thread, NULL, vcpu, &cpus[0]);
	for (i = 0; i < 2; i++)
		pthread_create(&s[i].thread, NULL, flood, &s[i]);
	for (i = 0; i < 2; i++)
		pthread_join(s[i].thread, NULL);
	stop(&cpus[0], thread);
}

/* What is not coalesced is taken, once. */
TEST(as_many_taken_as_delivered)
{
	struct sender s[2] = { { .from = &cpus[1], .vector = VECTOR },
			       { .from = &cpus[2], .vector = VECTOR + 1 } };

	flood_from_two(s);
	CHECK_EQ(taken(&cpus[0], VECTOR), s[0].delivered);
	CHECK_EQ(taken(&cpus[0], VECTOR + 1), s[1].delivered);
	CHECK(s[0].delivered && s[1].delivered);
}

/* Both senders share a vector. */
TEST(shared_vector)
{
	struct sender s[2] = { { .from = &cpus[1], .vector = VECTOR },
			       { .from = &cpus[2], .vector = VECTOR } };

	flood_from_two(s);
	CHECK_EQ(taken(&cpus[0], VECTOR), s[0].delivered + s[1].delivered);
}

/* The ball goes back and forth: one lost wake-up, and all stand still. */
static void *player(void *arg)
{
	struct cpu *cpu = arg, *other = cpu == &cpus[0] ? &cpus[1] : &cpus[0];
	struct irq_msg msg = { .dest = other->apic.id, .vector = VECTOR };
	u32 sent = cpu == &cpus[0];

	if (sent)
		irq_deliver(&chips, &cpu->apic, &msg);
	while (taken(cpu, VECTOR) < ROUNDS) {
		halt(cpu);
		take_all(cpu);
		while (sent < taken(cpu, VECTOR) + (cpu == &cpus[0]) && sent < ROUNDS) {
			CHECK_EQ(irq_deliver(&chips, &cpu->apic, &msg), 1);
			sent++;
		}
	}
	return NULL;
}

TEST(ping_pong)
{
	pthread_t thread[2];
	u32 i;

	begin();
	for (i = 0; i < 2; i++)
		pthread_create(&thread[i], NULL, player, &cpus[i]);
	for (i = 0; i < 2; i++)
		pthread_join(thread[i], NULL);
}

/* What a sender wrote is seen by who takes its interrupt, coalesced or not. */
static u32 written;

static void *writer(void *arg)
{
	struct irq_msg msg = { .vector = VECTOR };
	u32 i;

	for (i = 1; i <= ROUNDS; i++) {
		__atomic_store_n(&written, i, __ATOMIC_RELAXED);
		irq_deliver(&chips, &cpus[1].apic, &msg);
	}
	return NULL;
}

TEST(last_write_is_seen)
{
	pthread_t thread;
	u32 seen = 0;

	begin();
	pthread_create(&thread, NULL, writer, NULL);
	while (seen != ROUNDS) {
		halt(&cpus[0]);
		take_all(&cpus[0]);
		seen = __atomic_load_n(&written, __ATOMIC_RELAXED);
	}
	pthread_join(thread, NULL);
}

/* ---- INIT, SIPI ---- */

static u32 starts;

/* A SIPI behind an INIT starts the processor, each time. */
static void *starter(void *arg)
{
	u32 i;

	for (i = 0; i < ROUNDS / 10; i++) {
		write_reg(&cpus[1], 0x310, 0);
		write_reg(&cpus[1], 0x300, ICR_INIT);
		write_reg(&cpus[1], 0x300, ICR_SIPI | (i & 0xff));
		while (__atomic_load_n(&starts, __ATOMIC_ACQUIRE) == i)
			sched_yield();
	}
	return NULL;
}

TEST(every_start_starts)
{
	bool waits = false;
	pthread_t thread;
	u8 vector;

	begin();
	pthread_create(&thread, NULL, starter, NULL);
	while (starts < ROUNDS / 10) {
		halt(&cpus[0]);
		if (lapic_take_init(&cpus[0].apic)) {
			lapic_reset(&cpus[0].apic, true);
			waits = true;
		}
		if (!lapic_take_sipi(&cpus[0].apic, &vector))
			continue;
		CHECK(waits);
		CHECK_EQ(vector, starts & 0xff);
		waits = false;
		__atomic_store_n(&starts, starts + 1, __ATOMIC_RELEASE);
	}
	pthread_join(thread, NULL);
}

/* ---- the timer ---- */

/* The host's timer: fires what is set, soon, and now and then for nothing. */
static void *host_timer(void *arg)
{
	struct cpu *cpu = arg;
	bool stopped = false;
	u64 seed = 1;

	while (!stopped) {
		pthread_mutex_lock(&cpu->mutex);
		while (!cpu->timer_at && !cpu->stop)
			pthread_cond_wait(&cpu->set, &cpu->mutex);
		if (cpu->timer_at > __atomic_load_n(&now, __ATOMIC_RELAXED) && splitmix(&seed) & 7)
			__atomic_store_n(&now, cpu->timer_at, __ATOMIC_RELAXED);
		cpu->timer_at = 0;
		stopped = cpu->stop;
		pthread_mutex_unlock(&cpu->mutex);
		lapic_timer_fired(&cpu->apic);
	}
	return NULL;
}

static void arm(struct cpu *cpu, u64 *seed, bool deadline)
{
	u64 in = splitmix(seed) % 100;

	if (deadline)
		lapic_msr_write(&cpu->apic, MSR_DEADLINE,
				__atomic_load_n(&now, __ATOMIC_RELAXED) + in, false);
	else
		write_reg(cpu, 0x380, in + 1);
}

/* Whenever one is armed last, one comes; and who changes his mind gets at most one more. */
static void check_timer(bool deadline)
{
	struct cpu *cpu = &cpus[0];
	pthread_t thread;
	u64 seed = 1;
	u32 i, armed = 0;

	begin();
	write_reg(cpu, 0x3e0, 0xb);
	write_reg(cpu, 0x320, (deadline ? 0x40000 : 0) | VECTOR);
	pthread_create(&thread, NULL, host_timer, cpu);
	for (i = 0; i < ROUNDS; i++) {
		u32 before, again = splitmix(&seed) % 3;

		take_all(cpu);
		before = taken(cpu, VECTOR);
		arm(cpu, &seed, deadline);
		armed++;
		for (; again; again--, armed++)
			arm(cpu, &seed, deadline);
		for (take_all(cpu); taken(cpu, VECTOR) == before; take_all(cpu))
			halt(cpu);
	}
	stop(cpu, thread);
	CHECK(taken(cpu, VECTOR) >= ROUNDS && taken(cpu, VECTOR) <= armed);
}

TEST(one_shots_come)
{
	check_timer(false);
}

TEST(deadlines_come)
{
	check_timer(true);
}

/* ---- registers that senders look at ---- */

static void *send_anything(void *arg)
{
	u64 seed = (u64)arg;
	u32 i;

	for (i = 0; i < ROUNDS; i++) {
		u64 r = splitmix(&seed);
		struct irq_msg msg = {
			.dest = r & 1 ? r >> 8 & 0xff : r >> 8 & 3, .logical = r & 2,
			.mode = r & 4 ? IRQ_FIXED : IRQ_LOWEST, .shorthand = r >> 3 & 3,
			.vector = r >> 16 & 0xfe,
		};

		irq_deliver(&chips, &cpus[1].apic, &msg);
	}
	return NULL;
}

static void change_something(struct cpu *cpu, u64 r)
{
	static const u64 base[] = { 0xfee00000, 0xfee00800, 0xfee00c00 };
	struct kvm_lapic_state state;

	switch (r & 7) {
	case 0:
		write_reg(cpu, 0x20, r);
		break;
	case 1:
		write_reg(cpu, 0xd0, r);
		break;
	case 2:
		write_reg(cpu, 0xe0, r);
		break;
	case 3:
		write_reg(cpu, 0xf0, r);
		break;
	case 4:
		lapic_set_base(&cpu->apic, base[(r >> 8) % 3], true);
		break;
	case 5:
		lapic_reset(&cpu->apic, r & 8);
		break;
	default:
		lapic_get_state(&cpu->apic, &state);
		lapic_set_state(&cpu->apic, &state);
	}
}

TEST(registers_change_meanwhile)
{
	pthread_t thread[2];
	u64 i, seed = 3;

	begin();
	for (i = 0; i < 2; i++)
		pthread_create(&thread[i], NULL, send_anything, (void *)(i + 1));
	for (i = 0; i < ROUNDS; i++) {
		change_something(&cpus[0], splitmix(&seed));
		lapic_pending(&cpus[0].apic);
	}
	for (i = 0; i < 2; i++)
		pthread_join(thread[i], NULL);
	CHECK_EQ(chips.nr_renamed.counter, cpus[0].apic.renamed);
}
