// SPDX-License-Identifier: GPL-2.0-only
/* The fake host of irq_apic_test. */
#include <linux/errno.h>

#include "irq_apic.h"

struct host host;

static struct lapic *list[MAX_CPUS];
static struct lapic *by_id[IRQ_MAX_IDS];

static struct cpu *cpu_of(struct lapic *apic)
{
	return container_of(apic, struct cpu, apic);
}

u64 irq_host_now(void)
{
	return host.now;
}

void irq_host_kick(struct lapic *apic)
{
	CHECK(!apic->timer_lock.held);
	cpu_of(apic)->kicks++;
}

void irq_host_nmi(struct lapic *apic)
{
	cpu_of(apic)->nmis++;
}

void irq_host_smi(struct lapic *apic)
{
	cpu_of(apic)->smis++;
}

void irq_host_apic_timer(struct lapic *apic, u64 when)
{
	CHECK(apic->timer_lock.held);
	cpu_of(apic)->timer_at = when;
}

u64 irq_host_tsc(struct lapic *apic, u32 *khz)
{
	*khz = host.khz;
	return cpu_of(apic)->tsc + (u64)((unsigned __int128)host.now * host.khz / 1000000);
}

void irq_host_eoi(struct lapic *apic, u8 vector)
{
	cpu_of(apic)->eois++;
	cpu_of(apic)->eoi_vector = vector;
}

bool irq_host_offer_eoi(struct lapic *apic, u8 vector)
{
	struct cpu *cpu = cpu_of(apic);

	CHECK(!cpu->offered);
	CHECK_EQ(apic->in_service, vector);
	cpu->offered = cpu->pv_eoi && !cpu->away;
	return cpu->offered;
}

int irq_host_take_eoi(struct lapic *apic)
{
	struct cpu *cpu = cpu_of(apic);
	bool was = cpu->offered;

	if (cpu->away)
		return -EAGAIN;
	cpu->offered = false;
	return was;
}

void end_interrupt(struct cpu *cpu)
{
	if (cpu->offered) {
		cpu->offered = false;
		return;
	}
	CHECK_EQ(lapic_settle_eoi(&cpu->apic), 0);
	put(cpu, EOI, 0);
}

struct cpu *add_cpu(u32 id)
{
	unsigned int nr = host.chips.nr_apics;
	struct cpu *cpu = &host.cpu[nr];

	CHECK(nr < MAX_CPUS);
	memset(cpu, 0, sizeof(*cpu));
	lapic_init(&cpu->apic, &host.chips, id, BASE_XAPIC | (id ? 0 : BSP));
	list[nr] = by_id[id] = &cpu->apic;
	host.chips.nr_apics = nr + 1;
	return cpu;
}

void begin(unsigned int nr)
{
	unsigned int i;

	memset(&host, 0, sizeof(host));
	memset(by_id, 0, sizeof(by_id));
	host.chips.apic = list;
	host.chips.by_id = by_id;
	host.now = 1000000000;
	host.khz = 2500000;
	for (i = 0; i < nr; i++) {
		put(add_cpu(i), SPIV, SPIV_ON);
		host.cpu[i].apic.deadline_mode_allowed = true;
		host.cpu[i].kicks = 0;
	}
}

u32 get(struct cpu *cpu, u32 reg)
{
	u32 value = 0xdeadbeef;
	u64 data;

	if (!lapic_is_x2(&cpu->apic)) {
		lapic_mmio_read(&cpu->apic, reg, 4, &value);
		return value;
	}
	CHECK_EQ(lapic_msr_read(&cpu->apic, 0x800 + (reg >> 4), &data), 0);
	return data;
}

void put(struct cpu *cpu, u32 reg, u32 value)
{
	if (lapic_is_x2(&cpu->apic))
		CHECK_EQ(lapic_msr_write(&cpu->apic, 0x800 + (reg >> 4), value, false), 0);
	else
		lapic_mmio_write(&cpu->apic, reg, 4, &value);
}

void ipi(struct cpu *cpu, u32 dest, u32 low)
{
	if (lapic_is_x2(&cpu->apic)) {
		CHECK_EQ(lapic_msr_write(&cpu->apic, 0x830, (u64)dest << 32 | low, false), 0);
		return;
	}
	put(cpu, ICR2, dest << 24);
	put(cpu, ICR, low);
}

void all_x2(void)
{
	unsigned int i;

	for (i = 0; i < host.chips.nr_apics; i++) {
		CHECK_EQ(lapic_set_base(&host.cpu[i].apic, BASE_X2APIC | (i ? 0 : BSP), false), 0);
		host.cpu[i].kicks = 0;
	}
}

int take_next(struct cpu *cpu)
{
	int vector = lapic_pending(&cpu->apic);

	if (vector >= 0)
		lapic_take(&cpu->apic, vector);
	return vector;
}

void advance(u64 ns)
{
	u64 until = host.now + ns;

	for (;;) {
		struct cpu *next = NULL;
		unsigned int i;

		for (i = 0; i < host.chips.nr_apics; i++) {
			struct cpu *cpu = &host.cpu[i];

			if (cpu->timer_at && cpu->timer_at <= until &&
			    (!next || cpu->timer_at < next->timer_at))
				next = cpu;
		}
		if (!next)
			break;
		host.now = max(host.now, next->timer_at);
		next->timer_at = 0;
		lapic_timer_fired(&next->apic);
	}
	host.now = until;
}

bool in(struct cpu *cpu, u32 bitmap, u8 vector)
{
	return get(cpu, bitmap + vector / 32 * 16) & 1u << vector % 32;
}
