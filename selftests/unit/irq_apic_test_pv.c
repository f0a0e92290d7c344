// SPDX-License-Identifier: GPL-2.0-only
/* What guests that know their host do: EOIs without a write, one message to many. */
#include <linux/errno.h>

#include "irq_apic.h"
#include "splitmix.h"

static struct cpu *begin_pv(void)
{
	begin(1);
	host.cpu[0].pv_eoi = true;
	return &host.cpu[0];
}

static void send(u8 vector, bool level)
{
	const struct irq_msg msg = { .vector = vector, .level = level, .assert = level };

	CHECK_EQ(irq_deliver(&host.chips, NULL, &msg), 1);
}

static int settle_and_take(struct cpu *cpu)
{
	CHECK_EQ(lapic_settle_eoi(&cpu->apic), 0);
	return take_next(cpu);
}

TEST(pv_eoi_is_noticed_when_it_matters)
{
	struct cpu *cpu = begin_pv();

	send(0x51, false);
	CHECK_EQ(settle_and_take(cpu), 0x51);
	CHECK(cpu->offered);
	CHECK_EQ(cpu->eois, 0);
	end_interrupt(cpu);
	CHECK_EQ(cpu->eois, 0);
	/* The next one is not more urgent: only the end of the first lets it through. */
	send(0x51, false);
	CHECK_EQ(settle_and_take(cpu), 0x51);
	CHECK_EQ(cpu->eois, 1);
	CHECK_EQ(cpu->eoi_vector, 0x51);
	end_interrupt(cpu);
	CHECK_EQ(lapic_settle_eoi(&cpu->apic), 0);
	CHECK_EQ(cpu->eois, 2);
	CHECK_EQ(cpu->apic.in_service, -1);
	CHECK_EQ(cpu->apic.ppr, 0);
	CHECK_EQ(lapic_settle_eoi(&cpu->apic), 0);
	CHECK_EQ(cpu->eois, 2);
}

TEST(pv_eoi_is_taken_back)
{
	struct cpu *cpu = begin_pv();

	send(0x51, false);
	CHECK_EQ(settle_and_take(cpu), 0x51);
	CHECK_EQ(lapic_settle_eoi(&cpu->apic), 0);
	CHECK(!cpu->offered);
	CHECK_EQ(cpu->eois, 0);
	CHECK(in(cpu, ISR, 0x51));
	end_interrupt(cpu);
	CHECK_EQ(cpu->eois, 1);
	CHECK(!in(cpu, ISR, 0x51));
}

/* Of one below another in service, of one with others waiting, of a level-triggered one. */
TEST(pv_eoi_is_not_offered)
{
	struct cpu *cpu = begin_pv();

	send(0x51, false);
	send(0x41, false);
	CHECK_EQ(settle_and_take(cpu), 0x51);
	CHECK(!cpu->offered);
	send(0x71, false);
	CHECK_EQ(settle_and_take(cpu), 0x71);
	CHECK(!cpu->offered);	/* 0x41 waits still */
	end_interrupt(cpu);
	end_interrupt(cpu);
	CHECK_EQ(settle_and_take(cpu), 0x41);
	CHECK(cpu->offered);
	end_interrupt(cpu);
	send(0x81, true);
	CHECK_EQ(settle_and_take(cpu), 0x81);
	CHECK(!cpu->offered);
	end_interrupt(cpu);
	CHECK_EQ(cpu->eois, 4);
	CHECK_EQ(cpu->apic.in_service, -1);
}

/* An INIT, and another state, have nothing in service that could be ended. */
TEST(pv_eoi_is_forgotten)
{
	struct kvm_lapic_state state;
	struct cpu *cpu = begin_pv();

	lapic_get_state(&cpu->apic, &state);
	send(0x51, false);
	CHECK_EQ(settle_and_take(cpu), 0x51);
	end_interrupt(cpu);
	lapic_reset(&cpu->apic, true);
	CHECK_EQ(lapic_settle_eoi(&cpu->apic), 0);
	CHECK_EQ(cpu->eois, 0);
	put(cpu, SPIV, SPIV_ON);
	send(0x51, false);
	CHECK_EQ(settle_and_take(cpu), 0x51);
	end_interrupt(cpu);
	CHECK_EQ(lapic_set_state(&cpu->apic, &state), 0);
	CHECK_EQ(lapic_settle_eoi(&cpu->apic), 0);
	CHECK_EQ(cpu->eois, 0);
}

/* Where the guest's word can't be read nothing changes. */
TEST(pv_eoi_out_of_reach)
{
	struct cpu *cpu = begin_pv();

	send(0x51, false);
	CHECK_EQ(settle_and_take(cpu), 0x51);
	end_interrupt(cpu);
	cpu->away = true;
	CHECK_EQ(lapic_settle_eoi(&cpu->apic), -EAGAIN);
	CHECK_EQ(cpu->eois, 0);
	CHECK(in(cpu, ISR, 0x51));
	cpu->away = false;
	CHECK_EQ(lapic_settle_eoi(&cpu->apic), 0);
	CHECK_EQ(cpu->eois, 1);
}

/* At random: each interrupt that is taken is ended once, in the order of a stack. */
TEST(pv_eoi_random)
{
	struct cpu *cpu = begin_pv();
	u64 random = 1;
	int stack[256], depth = 0, taken = 0, i;

	for (i = 0; i < 100000; i++) {
		u64 r = splitmix(&random);
		int vector;

		switch (r % 4) {
		case 0: {
			const struct irq_msg msg = { .vector = 0x20 + (r >> 8) % 0xd0,
						     .level = r >> 20 & 1, .assert = true };

			irq_deliver(&host.chips, NULL, &msg);
			break;
		}
		case 1:
			vector = settle_and_take(cpu);
			if (vector < 0)
				break;
			CHECK(!depth || vector >> 4 > stack[depth - 1] >> 4);
			stack[depth++] = vector;
			taken++;
			break;
		case 2:
			if (!depth)
				break;
			end_interrupt(cpu);
			depth--;
			break;
		case 3:
			CHECK_EQ(lapic_settle_eoi(&cpu->apic), 0);
			CHECK_EQ(cpu->apic.in_service, depth ? stack[depth - 1] : -1);
			CHECK_EQ(cpu->eois, taken - depth);
			break;
		}
	}
	CHECK(taken > 1000);
}

/* ---- to many ---- */

static unsigned int with_vector(u8 vector)
{
	unsigned int i, mask = 0;

	for (i = 0; i < host.chips.nr_apics; i++)
		mask |= in(&host.cpu[i], IRR, vector) << i;
	return mask;
}

TEST(message_to_many)
{
	struct irq_msg msg = { .vector = 0x51 };
	unsigned long ids[2] = { 0xb, 0 }, all[2] = { ~0ul, ~0ul };

	begin(6);
	CHECK_EQ(irq_deliver_many(&host.chips, ids, 0, &msg), 3);
	CHECK_EQ(with_vector(0x51), 0xb);
	CHECK_EQ(host.cpu[0].kicks, 1);
	CHECK_EQ(irq_deliver_many(&host.chips, ids, 2, &msg), 3);
	CHECK_EQ(with_vector(0x51), 0x2f);
	msg.vector = 0x61;
	CHECK_EQ(irq_deliver_many(&host.chips, all, 0, &msg), 6);
	CHECK_EQ(irq_deliver_many(&host.chips, all, 5, &msg), 1);
	CHECK_EQ(irq_deliver_many(&host.chips, all, 6, &msg), 0);
	CHECK_EQ(irq_deliver_many(&host.chips, all, IRQ_MAX_IDS, &msg), 0);
	CHECK_EQ(irq_deliver_many(&host.chips, all, ~0u, &msg), 0);
	CHECK_EQ(lapic_set_base(&host.cpu[2].apic, BASE_OFF, true), 0);
	CHECK_EQ(irq_deliver_many(&host.chips, all, 0, &msg), 5);
	msg = (struct irq_msg){ .mode = IRQ_NMI };
	CHECK_EQ(irq_deliver_many(&host.chips, ids, 0, &msg), 3);
	CHECK_EQ(host.cpu[3].nmis, 1);
	CHECK_EQ(host.cpu[2].nmis, 0);
	msg = (struct irq_msg){ .mode = IRQ_INIT, .level = true };
	CHECK_EQ(irq_deliver_many(&host.chips, ids, 0, &msg), 0);
}

TEST(message_of_icr)
{
	struct irq_msg msg = irq_msg_of_icr(0xcc851);

	CHECK_EQ(msg.vector, 0x51);
	CHECK_EQ(msg.mode, IRQ_FIXED);
	CHECK(msg.logical && msg.level && msg.assert);
	CHECK_EQ(msg.shorthand, IRQ_ALL_BUT_SELF);
}
