// SPDX-License-Identifier: GPL-2.0-only
/* Threads set lines of the chips of irq/ while others change entries, routes and state. */
#include <pthread.h>
#include <sched.h>

#define TAP_MAIN
#include <linux/kernel.h>

#include "apic.h"
#include "irqchip.h"
#include "splitmix.h"
#include "tap.h"

#define NR_APICS	4
#define TABLES		8
#define STEPS		100000

static struct irq_chips chips;
static struct lapic apic[NR_APICS];
static struct lapic *table[NR_APICS];
static struct irq_routes *routes[TABLES], *current;
static u64 now = 1000000000;
static __thread int locks;

void shim_warn(const char *file, int line, const char *what)
{
	TAP_FAIL("%s:%d: warning: %s", file, line, what);
}

void shim_lock(spinlock_t *lock)
{
	int none = 0;

	while (!__atomic_compare_exchange_n(&lock->held, &none, 1, false, __ATOMIC_ACQUIRE,
					    __ATOMIC_RELAXED)) {
		none = 0;
		sched_yield();
	}
	locks++;
}

void shim_unlock(spinlock_t *lock)
{
	locks--;
	__atomic_store_n(&lock->held, 0, __ATOMIC_RELEASE);
}

u64 irq_host_now(void)
{
	return __atomic_add_fetch(&now, 1000, __ATOMIC_RELAXED);
}

void irq_host_extint(struct irq_chips *chips)
{
	pic_output(chips->pic);
}

static int set(enum irq_source source, u32 gsi, bool level)
{
	return irq_set_line(&chips, smp_load_acquire(&current), source, gsi, level);
}

/* Each resamples. */
static int gsi_of(unsigned int chip, unsigned int pin)
{
	int gsi = irq_routes_gsi(smp_load_acquire(&current), chip, pin);

	BUG_ON(locks);
	if (gsi >= 0)
		set(IRQ_SOURCE_RESAMPLE, gsi, false);
	return gsi;
}

void irq_host_acked(struct irq_chips *chips, unsigned int chip, unsigned int pin)
{
	if (!gsi_of(chip, pin))
		pit_acked(chips->pit);
}

void irq_host_unmasked(struct irq_chips *chips, unsigned int chip, unsigned int pin)
{
	if (!gsi_of(chip, pin))
		pit_unmasked(chips->pit);
}

void irq_host_pit_timer(struct pit *pit, u64 when)
{
}

void irq_host_ioapic_timer(struct ioapic *ioapic, u64 when)
{
}

void pit_host_line(struct irq_chips *chips, bool level)
{
	set(IRQ_SOURCE_PIT, 0, level);
}

int irq_deliver(struct irq_chips *chips, struct lapic *src, const struct irq_msg *msg)
{
	struct lapic *to = chips->apic[msg->dest % NR_APICS];

	if (msg->level)
		set_bit(msg->vector, to->tmr);
	else
		clear_bit(msg->vector, to->tmr);
	return !test_and_set_bit(msg->vector, to->irr);
}

/* ---- the threads ---- */

static void *lines(void *arg)
{
	u64 seed = (u64)arg, r;
	int i;

	for (i = 0; i < STEPS; i++) {
		r = splitmix(&seed);
		set(r & 3, r >> 8 & 31, r >> 16 & 1);
	}
	return NULL;
}

static void *tables(void *arg)
{
	int i;

	for (i = 0; i < STEPS; i++) {
		smp_store_release(&current, routes[i % TABLES]);
		sched_yield();
	}
	return NULL;
}

static void end_vectors(struct lapic *a)
{
	unsigned int v;

	for_each_set_bit(v, a->irr, APIC_VECTORS) {
		set_bit(v, a->isr);
		clear_bit(v, a->irr);
		clear_bit(v, a->isr);
		if (ioapic_watches(chips.ioapic, v))
			ioapic_eoi(chips.ioapic, a, v);
	}
}

static void *vcpu(void *arg)
{
	u64 seed = (u64)arg;
	int i;

	for (i = 0; i < STEPS / 10; i++) {
		end_vectors(&apic[seed % NR_APICS]);
		if (pic_output(chips.pic))
			pic_take(chips.pic);
		pic_port_write(chips.pic, 0x20, 0x20);
		pic_port_write(chips.pic, 0xa0, 0x20);
	}
	return NULL;
}

static void write_entry(u64 r)
{
	u32 select = 0x10 + r % 48, data = r >> 32 & 0xfff8ff;

	ioapic_mmio_write(chips.ioapic, 0, 4, &select);
	ioapic_mmio_write(chips.ioapic, 0x10, 4, &data);
	ioapic_mmio_read(chips.ioapic, 0x10, 4, &data);
}

static void *guest(void *arg)
{
	static const u16 ports[] = { 0x20, 0x21, 0xa0, 0xa1, 0x4d0, 0x4d1 };
	u64 seed = (u64)arg, r;
	int i;

	for (i = 0; i < STEPS; i++) {
		r = splitmix(&seed);
		write_entry(r);
		pic_port_write(chips.pic, ports[r % 6], r >> 16);
		pic_port_read(chips.pic, ports[r % 6]);
		pit_port_write(chips.pit, 0x40 + (r & 3), r >> 24);
		pit_port_read(chips.pit, 0x40 + (r & 3));
		pit_port_write(chips.pit, 0x61, r >> 32);
	}
	return NULL;
}

static void *user(void *arg)
{
	struct kvm_pic_state pic;
	struct kvm_ioapic_state ioapic;
	struct kvm_pit_state2 pit;
	int i;

	for (i = 0; i < STEPS / 10; i++) {
		pic_get_state(chips.pic, i & 1, &pic);
		pic_set_state(chips.pic, i & 1, &pic);
		ioapic_get_state(chips.ioapic, &ioapic);
		ioapic_set_state(chips.ioapic, &ioapic);
		pit_get_state(chips.pit, &pit);
		if (i % 64 == 0)
			pit_set_state(chips.pit, &pit);
		pit_set_reinject(chips.pit, i & 1);
	}
	return NULL;
}

static void *timers(void *arg)
{
	int i;

	for (i = 0; i < STEPS; i++) {
		pit_timer_fired(chips.pit);
		ioapic_retry(chips.ioapic);
	}
	return NULL;
}

static void start(void)
{
	struct kvm_irq_routing_entry entry[32];
	int i, n;

	chips = (struct irq_chips){ .nr_apics = NR_APICS, .apic = table };
	for (i = 0; i < NR_APICS; i++)
		table[i] = &apic[i];
	chips.pic = pic_create(&chips);
	chips.ioapic = ioapic_create(&chips);
	chips.pit = pit_create(&chips, true);
	for (i = 0; i < TABLES; i++) {
		routes[i] = malloc(irq_routes_size(IRQ_MAX_GSIS));
		irq_routes_default(routes[i]);
		for (n = 0; n < 32; n++)
			entry[n] = (struct kvm_irq_routing_entry) {
				.gsi = n, .type = n % 3 ? 1 : 2,
				.u.irqchip = { .irqchip = 2, .pin = (n + i) % 24 } };
		if (i & 1)
			CHECK(!irq_routes_fill(&chips, routes[i], entry, 32));
	}
	current = routes[0];
}

/* Once all are still, a level-triggered pin that is up was sent, or waits for its EOI. */
static void check_levels(void)
{
	struct kvm_ioapic_state s;
	unsigned int pin;

	ioapic_retry(chips.ioapic);
	ioapic_get_state(chips.ioapic, &s);
	for (pin = 0; pin < IOAPIC_PINS; pin++) {
		if (!(s.irr & BIT(pin)) || !s.redirtbl[pin].fields.trig_mode ||
		    s.redirtbl[pin].fields.mask || s.redirtbl[pin].fields.remote_irr)
			continue;
		CHECK(test_bit(s.redirtbl[pin].fields.vector,
			       apic[s.redirtbl[pin].fields.dest_id % NR_APICS].irr));
	}
}

TEST(chips_threads)
{
	void *(*const run[])(void *) = { lines, lines, tables, vcpu, vcpu, guest, user, timers };
	pthread_t thread[ARRAY_SIZE(run)];
	u64 i;

	start();
	for (i = 0; i < ARRAY_SIZE(run); i++)
		CHECK(!pthread_create(&thread[i], NULL, run[i], (void *)i));
	for (i = 0; i < ARRAY_SIZE(run); i++)
		pthread_join(thread[i], NULL);
	check_levels();
}

int main(int argc, char **argv)
{
	return tap_main(argc, argv);
}
