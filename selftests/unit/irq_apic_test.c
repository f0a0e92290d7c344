// SPDX-License-Identifier: GPL-2.0-only
/* A local APIC: reset values, what can be read and written, modes, priorities by hand. */
#define TAP_MAIN
#include "irq_apic.h"

#include <errno.h>

int main(int argc, char **argv)
{
	return tap_main(argc, argv);
}

static int read_msr(struct cpu *cpu, u32 reg, u64 *data)
{
	return lapic_msr_read(&cpu->apic, 0x800 + (reg >> 4), data);
}

static int write_msr(struct cpu *cpu, u32 reg, u64 data)
{
	return lapic_msr_write(&cpu->apic, 0x800 + (reg >> 4), data, false);
}

/* ---- reset ---- */

static void check_reset_values(struct cpu *cpu, u32 lint0)
{
	static const u32 zero[] = { TPR, PPR, ESR, ICR, TMICT, TMCCT, TDCR };
	static const u32 masked[] = { LVTT, LVTTHERMAL, LVTPERF, LINT1, LVTERR };
	u32 reg;

	for (reg = 0; reg < ARRAY_SIZE(zero); reg++)
		CHECK_EQ(get(cpu, zero[reg]), 0);
	for (reg = 0; reg < ARRAY_SIZE(masked); reg++)
		CHECK_EQ(get(cpu, masked[reg]), MASKED);
	for (reg = ISR; reg < ESR; reg += 16)
		CHECK_EQ(get(cpu, reg), 0);
	CHECK_EQ(get(cpu, LINT0), lint0);
	CHECK_EQ(get(cpu, VERSION), 0x50014);
	CHECK_EQ(get(cpu, SPIV), 0xff);
	if (!lapic_is_x2(&cpu->apic)) {
		CHECK_EQ(get(cpu, DFR), 0xffffffff);
		CHECK_EQ(get(cpu, LDR), 0);
		CHECK_EQ(get(cpu, ICR2), 0);
	}
	CHECK_EQ(lapic_pending(&cpu->apic), -1);
	CHECK_EQ(cpu->timer_at, 0);
}

TEST(power_on)
{
	struct cpu *bsp, *ap;

	begin(0);
	bsp = add_cpu(0);
	ap = add_cpu(5);
	CHECK_EQ(bsp->apic.base, 0xfee00900);
	CHECK_EQ(ap->apic.base, 0xfee00800);
	check_reset_values(bsp, 0x700);
	check_reset_values(ap, MASKED);
	CHECK_EQ(get(ap, ID), 5u << 24);
	CHECK_EQ(lapic_tpr(&ap->apic), 0);
}

/* Everything that can be is made to differ from a reset APIC. */
static void disturb(struct cpu *cpu)
{
	bool x2 = lapic_is_x2(&cpu->apic);
	struct irq_msg msg = { .dest = cpu->apic.id, .vector = 0x51, .level = true,
			       .assert = true, .wide = x2 };
	u32 reg;

	put(cpu, SPIV, SPIV_ON);
	CHECK_EQ(irq_deliver(&host.chips, NULL, &msg), 1);
	CHECK_EQ(take_next(cpu), 0x51);
	CHECK_EQ(irq_deliver(&host.chips, NULL, &msg), 1);
	for (reg = LVTT; reg <= LVTERR; reg += 16)
		put(cpu, reg, 0xab);
	put(cpu, TDCR, 0xb);
	put(cpu, TMICT, 1000000);
	put(cpu, TPR, 0x70);
	ipi(cpu, 77, 0x30);
	if (!x2) {
		put(cpu, LDR, 0x42000000);
		put(cpu, DFR, 0);
	}
}

TEST(init_resets_xapic)
{
	struct cpu *cpu;

	begin(2);
	cpu = &host.cpu[1];
	put(cpu, ID, 9u << 24);
	CHECK_EQ(lapic_set_base(&cpu->apic, 0xabcd0800, false), 0);
	put(cpu, ID, 1u << 24);
	disturb(cpu);
	put(cpu, ID, 9u << 24);
	lapic_reset(&cpu->apic, true);
	check_reset_values(cpu, MASKED);
	CHECK_EQ(get(cpu, ID), 9u << 24);
	CHECK_EQ(cpu->apic.base, 0xabcd0800);
}

TEST(init_of_bsp_restores_extint)
{
	begin(1);
	put(&host.cpu[0], LINT0, MASKED);
	CHECK(!lapic_takes_extint(&host.cpu[0].apic));
	lapic_reset(&host.cpu[0].apic, true);
	check_reset_values(&host.cpu[0], 0x700);
	CHECK(lapic_takes_extint(&host.cpu[0].apic));
}

TEST(init_keeps_x2apic)
{
	struct cpu *cpu;

	begin(20);
	all_x2();
	cpu = &host.cpu[19];
	disturb(cpu);
	lapic_reset(&cpu->apic, true);
	CHECK(lapic_is_x2(&cpu->apic));
	check_reset_values(cpu, MASKED);
	CHECK_EQ(get(cpu, ID), 19);
	CHECK_EQ(get(cpu, LDR), 0x10008);
}

TEST(reset_is_power_on)
{
	struct cpu *cpu;

	begin(2);
	all_x2();
	cpu = &host.cpu[1];
	disturb(cpu);
	cpu->apic.pending = 3;
	lapic_reset(&cpu->apic, false);
	CHECK_EQ(cpu->apic.base, 0xfee00800);
	CHECK_EQ(cpu->apic.pending, 0);
	CHECK_EQ(get(cpu, ID), 1u << 24);
	put(cpu, LDR, 0);	/* the x2APIC's may stay */
	check_reset_values(cpu, MASKED);
	CHECK_EQ(host.chips.nr_renamed.counter, 0);
}

/* ---- writable bits ---- */

static void check_bits(u32 reg, u32 ones, u32 zeros)
{
	struct cpu *cpu = &host.cpu[0];

	put(cpu, reg, ~0u);
	CHECK_EQ(get(cpu, reg), ones);
	put(cpu, reg, 0);
	CHECK_EQ(get(cpu, reg), zeros);
}

static void check_lvts(void)
{
	host.cpu[0].apic.deadline_mode_allowed = true;
	check_bits(LVTT, 0x700ff, 0);
	host.cpu[0].apic.deadline_mode_allowed = false;
	check_bits(LVTT, 0x300ff, 0);
	check_bits(LVTTHERMAL, 0x107ff, 0);
	check_bits(LVTPERF, 0x107ff, 0);
	check_bits(LINT0, 0x1a7ff, 0);
	check_bits(LINT1, 0x1a7ff, 0);
	check_bits(LVTERR, 0x100ff, 0);
}

TEST(writable_bits_xapic)
{
	begin(1);
	check_lvts();
	check_bits(ID, 0xff000000, 0);
	check_bits(VERSION, 0x50014, 0x50014);
	check_bits(TPR, 0xff, 0);
	check_bits(APR, 0, 0);
	check_bits(PPR, 0, 0);
	check_bits(EOI, 0, 0);
	check_bits(LDR, 0xff000000, 0);
	check_bits(DFR, 0xffffffff, 0x0fffffff);
	check_bits(SPIV, 0x3ff, 0);
	check_bits(ESR, 0, 0);
	check_bits(ICR2, 0xff000000, 0);
	check_bits(TMCCT, 0, 0);
	check_bits(TDCR, 0xb, 0);
	check_bits(TMICT, 0xffffffff, 0);
	check_bits(SELF_IPI, 0, 0);
	check_bits(ISR + 0x10, 0, 0);
	check_bits(TMR + 0x20, 0, 0);
	check_bits(IRR + 0x30, 0, 0);
}

/* KVM keeps what is reserved in an xAPIC's ICR, and clients' tests look for it. */
TEST(icr_keeps_all_but_busy)
{
	begin(1);
	host.cpu[0].apic.chips->nr_apics = 0;
	put(&host.cpu[0], ICR, 0xfffff6ff);	/* ALL_BUT_SELF, lowest ... */
	CHECK_EQ(get(&host.cpu[0], ICR), 0xffffe6ff);
}

TEST(disabled_by_software_masks_lvts)
{
	struct cpu *cpu;
	u32 reg;

	begin(1);
	cpu = &host.cpu[0];
	for (reg = LVTT; reg <= LVTERR; reg += 16)
		put(cpu, reg, 0x33);
	put(cpu, SPIV, 0xff);
	for (reg = LVTT; reg <= LVTERR; reg += 16) {
		CHECK_EQ(get(cpu, reg), MASKED | 0x33);
		put(cpu, reg, 0x34);
		CHECK_EQ(get(cpu, reg), MASKED | 0x34);
	}
	put(cpu, SPIV, SPIV_ON);
	CHECK_EQ(get(cpu, LVTT), MASKED | 0x34);
}

TEST(mmio_widths)
{
	struct cpu *cpu;
	u8 data[16];
	u32 i, len;

	begin(1);
	cpu = &host.cpu[0];
	put(cpu, TMICT, 0x44332211);
	for (i = 0; i < 8; i++)
		for (len = 1; len <= 8; len *= 2) {
			memset(data, 0xee, sizeof(data));
			lapic_mmio_read(&cpu->apic, TMICT + i, len, data);
			if (i + len <= 4)
				CHECK_EQ(data[len - 1], 0x11 * (i + len));
			else
				CHECK_EQ(data[0], 0);
			CHECK_EQ(data[len], 0xee);
		}
	for (len = 1; len <= 8; len *= 2) {
		memset(data, 0, sizeof(data));
		lapic_mmio_write(&cpu->apic, TPR + (len == 4), len, "\x55\x55\x55\x55\x55\x55\x55\x55");
		CHECK_EQ(get(cpu, TPR), 0);
	}
}

TEST(mmio_everywhere)
{
	u32 offset, len;
	u64 data;

	begin(2);
	for (offset = 0; offset < 4096; offset++)
		for (len = 1; len <= 8; len *= 2) {
			data = 0x0101010101010101ull * (offset & 0xff);
			lapic_mmio_write(&host.cpu[1].apic, offset, len, &data);
			lapic_mmio_read(&host.cpu[1].apic, offset, len, &data);
			if (offset >= 0x400)
				CHECK_EQ(data << (64 - 8 * len), 0);
		}
}

TEST(x2apic_readable)
{
	static const u32 none[] = { 0, 0x10, APR, EOI, RRR, DFR, 0x40, 0x290, CMCI, ICR2, 0x3a0,
				    0x3d0, SELF_IPI, 0x400, 0xff0 };
	struct cpu *cpu;
	u32 i;
	u64 data;

	begin(1);
	cpu = &host.cpu[0];
	CHECK_EQ(read_msr(cpu, TPR, &data), -EINVAL);
	CHECK_EQ(write_msr(cpu, TPR, 0), -EINVAL);
	all_x2();
	for (i = 0; i < ARRAY_SIZE(none); i++)
		CHECK_EQ(read_msr(cpu, none[i], &data), -EINVAL);
	for (i = LVTT; i <= TMCCT; i += 16)
		CHECK_EQ(read_msr(cpu, i, &data), 0);
	for (i = ISR; i <= ESR; i += 16)
		CHECK_EQ(read_msr(cpu, i, &data), 0);
	CHECK_EQ(lapic_msr_read(&cpu->apic, 0x10000803, &data), -EINVAL);
	CHECK_EQ(lapic_msr_read(&cpu->apic, 0x7ff, &data), -EINVAL);
	CHECK_EQ(lapic_msr_read(&cpu->apic, 0x900, &data), -EINVAL);
}

TEST(x2apic_writable)
{
	static const u32 none[] = { 0, ID, VERSION, APR, PPR, RRR, LDR, DFR, ISR, TMR + 16,
				    IRR + 32, CMCI, ICR2, TMCCT, 0x3d0, 0x400, 0xff0 };
	static const u32 any[] = { LVTT, LVTTHERMAL, LVTPERF, LINT0, LINT1, LVTERR, TMICT, TDCR,
				   SPIV };
	struct cpu *cpu;
	u32 i;

	begin(1);
	all_x2();
	cpu = &host.cpu[0];
	check_lvts();
	check_bits(SPIV, 0x3ff, 0);
	check_bits(TMICT, 0xffffffff, 0);
	check_bits(TDCR, 0xb, 0);
	for (i = 0; i < ARRAY_SIZE(none); i++) {
		CHECK_EQ(write_msr(cpu, none[i], 0), -EINVAL);
		CHECK_EQ(write_msr(cpu, none[i], 1), -EINVAL);
	}
	for (i = 0; i < ARRAY_SIZE(any); i++) {
		CHECK_EQ(write_msr(cpu, any[i], 0), 0);
		CHECK_EQ(write_msr(cpu, any[i], 1ull << 32), -EINVAL);
	}
	CHECK_EQ(write_msr(cpu, TPR, 0xff), 0);
	CHECK_EQ(write_msr(cpu, TPR, 0x100), -EINVAL);
	CHECK_EQ(write_msr(cpu, EOI, 0), 0);
	CHECK_EQ(write_msr(cpu, EOI, 1), -EINVAL);
	CHECK_EQ(write_msr(cpu, ESR, 0), 0);
	CHECK_EQ(write_msr(cpu, ESR, 1), -EINVAL);
	CHECK_EQ(write_msr(cpu, SELF_IPI, 0x100), -EINVAL);
	CHECK_EQ(lapic_msr_write(&cpu->apic, 0x10000808, 0, false), -EINVAL);
	CHECK_EQ(lapic_msr_write(&cpu->apic, 0x7ff, 0, false), -EINVAL);
}

TEST(x2apic_icr)
{
	struct cpu *cpu;
	u64 data;
	u32 bit;

	begin(1);
	all_x2();
	cpu = &host.cpu[0];
	for (bit = 0; bit < 64; bit++) {
		bool reserved = bit == 13 || bit == 16 || bit == 17 || (bit >= 20 && bit < 32);

		CHECK_EQ(write_msr(cpu, ICR, 1ull << bit), reserved ? -EINVAL : 0);
		CHECK_EQ(read_msr(cpu, ICR, &data), 0);
		if (!reserved)
			CHECK_EQ(data, bit == 12 ? 0 : 1ull << bit);
	}
}

/* ---- modes ---- */

TEST(changes_of_mode)
{
	static const u64 mode[] = { BASE_OFF, BASE_XAPIC, BASE_X2APIC, BASE_OFF | 0x400 };
	static const bool guest[4][4] = {
		{ true, true, false, false },
		{ true, true, true, false },
		{ true, false, true, false },
	};
	u32 from, to;

	for (from = 0; from < 3; from++)
		for (to = 0; to < 4; to++) {
			struct lapic *apic = &host.cpu[0].apic;
			int r = guest[from][to] ? 0 : -EINVAL;

			begin(1);
			CHECK_EQ(lapic_set_base(apic, mode[from], true), 0);
			CHECK_EQ(lapic_set_base(apic, mode[to], false), r);
			CHECK_EQ(apic->base, guest[from][to] ? mode[to] : mode[from]);
			CHECK_EQ(lapic_set_base(apic, mode[from], true), 0);
			CHECK_EQ(lapic_set_base(apic, mode[to], true), to < 3 ? 0 : -EINVAL);
		}
}

TEST(mode_sets_id)
{
	struct cpu *cpu;

	begin(0);
	cpu = add_cpu(0x123);
	CHECK_EQ(get(cpu, ID), 0x23000000);
	put(cpu, ID, 0x77000000);
	CHECK_EQ(lapic_set_base(&cpu->apic, BASE_X2APIC, false), 0);
	CHECK_EQ(get(cpu, ID), 0x123);
	CHECK_EQ(get(cpu, LDR), 0x120008);
	CHECK_EQ(lapic_set_base(&cpu->apic, BASE_OFF, false), 0);
	CHECK_EQ(lapic_set_base(&cpu->apic, BASE_XAPIC, false), 0);
	CHECK_EQ(get(cpu, ID), 0x23000000);
	put(cpu, ID, 0x77000000);
	CHECK_EQ(lapic_set_base(&cpu->apic, BASE_XAPIC | 0x1000, false), 0);
	CHECK_EQ(get(cpu, ID), 0x77000000);
}

TEST(disabled_by_base)
{
	struct cpu *cpu;

	begin(2);
	cpu = &host.cpu[1];
	ipi(&host.cpu[0], 1, 0x60);
	CHECK_EQ(lapic_pending(&cpu->apic), 0x60);
	CHECK(!lapic_takes_extint(&cpu->apic));
	CHECK_EQ(lapic_set_base(&cpu->apic, BASE_OFF, false), 0);
	CHECK_EQ(lapic_pending(&cpu->apic), -1);
	CHECK(lapic_takes_extint(&cpu->apic));
	CHECK(!lapic_takes_lint1_nmi(&cpu->apic));
	cpu->kicks = 0;
	ipi(&host.cpu[0], 1, 0x61);
	ipi(&host.cpu[0], 1, 0x400);
	ipi(&host.cpu[0], 1, 0x4500);
	ipi(&host.cpu[0], 1, 0x4600);
	CHECK_EQ(cpu->kicks + cpu->nmis + cpu->apic.pending, 0);
	CHECK_EQ(lapic_set_base(&cpu->apic, BASE_XAPIC, false), 0);
	CHECK_EQ(lapic_pending(&cpu->apic), 0x60);
	CHECK_EQ(cpu->kicks, 1);
}

TEST(lint_pins)
{
	struct cpu *cpu;
	u32 mode;

	begin(2);
	cpu = &host.cpu[1];
	for (mode = 0; mode < 8; mode++) {
		cpu->kicks = 0;
		put(cpu, LINT0, mode << 8);
		put(cpu, LINT1, mode << 8);
		CHECK_EQ(lapic_takes_extint(&cpu->apic), mode == 7);
		CHECK_EQ(cpu->kicks, mode == 7);
		CHECK_EQ(lapic_takes_lint1_nmi(&cpu->apic), mode == 4);
		put(cpu, LINT0, mode << 8 | MASKED);
		put(cpu, LINT1, mode << 8 | MASKED);
		CHECK(!lapic_takes_extint(&cpu->apic));
		CHECK(!lapic_takes_lint1_nmi(&cpu->apic));
	}
}

/* ---- priorities ---- */

static int send(u8 vector, bool level)
{
	struct irq_msg msg = { .dest = 0, .vector = vector, .level = level, .assert = true };

	return irq_deliver(&host.chips, NULL, &msg);
}

TEST(highest_first)
{
	struct cpu *cpu = &host.cpu[0];

	begin(1);
	CHECK_EQ(send(0x31, false), 1);
	CHECK_EQ(send(0xff, false), 1);
	CHECK_EQ(send(0x80, false), 1);
	CHECK_EQ(take_next(cpu), 0xff);
	CHECK_EQ(get(cpu, PPR), 0xf0);
	CHECK_EQ(take_next(cpu), -1);
	put(cpu, EOI, 0);
	CHECK_EQ(take_next(cpu), 0x80);
	CHECK_EQ(send(0x8f, false), 1);	/* of the same class: waits */
	CHECK_EQ(take_next(cpu), -1);
	CHECK_EQ(send(0x90, false), 1);
	CHECK_EQ(take_next(cpu), 0x90);
	put(cpu, EOI, 0);
	CHECK_EQ(take_next(cpu), -1);
	put(cpu, EOI, 0);
	CHECK_EQ(take_next(cpu), 0x8f);
	put(cpu, EOI, 0);
	CHECK_EQ(take_next(cpu), 0x31);
	put(cpu, EOI, 0);
	CHECK_EQ(get(cpu, PPR), 0);
	CHECK_EQ(cpu->eois, 5);
}

TEST(coalesced)
{
	struct cpu *cpu = &host.cpu[0];

	begin(1);
	CHECK_EQ(send(0x50, false), 1);
	CHECK_EQ(cpu->kicks, 1);
	CHECK_EQ(send(0x50, false), 0);
	CHECK_EQ(cpu->kicks, 1);
	CHECK_EQ(take_next(cpu), 0x50);
	CHECK_EQ(send(0x50, false), 1);	/* in service, and once more */
	CHECK_EQ(cpu->kicks, 2);
	CHECK_EQ(take_next(cpu), -1);
	put(cpu, EOI, 0);
	CHECK_EQ(cpu->kicks, 3);
	CHECK_EQ(take_next(cpu), 0x50);
}

TEST(illegal_vectors)
{
	u8 vector;

	begin(1);
	for (vector = 0; vector < 16; vector++)
		CHECK_EQ(send(vector, false), -1);
	CHECK_EQ(send(16, false), 1);
	CHECK_EQ(take_next(&host.cpu[0]), 16);
}

TEST(task_priority)
{
	struct cpu *cpu = &host.cpu[0];

	begin(1);
	lapic_set_tpr(&cpu->apic, 0x5f);
	CHECK_EQ(lapic_tpr(&cpu->apic), 0x5f);
	CHECK_EQ(get(cpu, PPR), 0x5f);
	CHECK_EQ(send(0x5f, false), 1);
	CHECK_EQ(lapic_pending(&cpu->apic), -1);
	cpu->kicks = 0;
	lapic_set_tpr(&cpu->apic, 0x50);
	CHECK_EQ(lapic_pending(&cpu->apic), -1);
	CHECK_EQ(cpu->kicks, 0);
	lapic_set_tpr(&cpu->apic, 0x4f);
	CHECK_EQ(lapic_pending(&cpu->apic), 0x5f);
	CHECK_EQ(cpu->kicks, 1);
	CHECK_EQ(take_next(cpu), 0x5f);
	CHECK_EQ(get(cpu, PPR), 0x50);
	put(cpu, TPR, 0x51);		/* of the same class: the TPR whole */
	CHECK_EQ(get(cpu, PPR), 0x51);
}

TEST(trigger_mode)
{
	struct cpu *cpu = &host.cpu[0];

	begin(1);
	CHECK_EQ(send(0x61, true), 1);
	CHECK(in(cpu, TMR, 0x61));
	CHECK_EQ(take_next(cpu), 0x61);
	CHECK(in(cpu, ISR, 0x61) && !in(cpu, IRR, 0x61));
	put(cpu, EOI, 0);
	CHECK_EQ(cpu->eois, 1);
	CHECK_EQ(cpu->eoi_vector, 0x61);
	CHECK(in(cpu, TMR, 0x61));	/* until the next of that vector */
	CHECK_EQ(send(0x61, false), 1);
	CHECK(!in(cpu, TMR, 0x61));
}

TEST(eoi_of_nothing)
{
	begin(1);
	CHECK_EQ(send(0x61, true), 1);
	put(&host.cpu[0], EOI, 0);
	lapic_eoi(&host.cpu[0].apic);
	CHECK_EQ(host.cpu[0].eois, 0);
	CHECK_EQ(take_next(&host.cpu[0]), 0x61);
}

TEST(disabled_by_software)
{
	struct cpu *cpu = &host.cpu[0];

	begin(1);
	CHECK_EQ(send(0x61, false), 1);
	put(cpu, SPIV, 0xff);
	CHECK_EQ(send(0x71, false), -1);
	CHECK_EQ(take_next(cpu), 0x61);	/* held from before */
	put(cpu, EOI, 0);
	CHECK_EQ(take_next(cpu), -1);
}
