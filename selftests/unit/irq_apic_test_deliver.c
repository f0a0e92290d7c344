// SPDX-License-Identifier: GPL-2.0-only
/* Messages to local APICs: each mode, each way to name a destination, INIT and SIPI. */
#include "irq_apic.h"

#include <errno.h>

#include "splitmix.h"

#define LOGICAL		0x800u
#define ASSERT		0x4000u
#define LEVEL		0x8000u
#define TO_SELF		0x40000u
#define TO_ALL		0x80000u
#define TO_OTHERS	0xc0000u

static bool got(struct cpu *cpu, u8 vector)
{
	return test_bit(vector, cpu->apic.irr);
}

/* The vCPUs that got a vector, a bit for each; and takes it from them. */
static u32 who_got(u8 vector)
{
	u32 i, who = 0;

	for (i = 0; i < host.chips.nr_apics; i++) {
		who |= (u32)got(&host.cpu[i], vector) << i;
		clear_bit(vector, host.cpu[i].apic.irr);
	}
	return who;
}

static int msi(u32 dest, bool logical, enum irq_mode mode, u8 vector)
{
	struct irq_msg msg = { .dest = dest, .logical = logical, .mode = mode, .vector = vector };

	return irq_deliver(&host.chips, NULL, &msg);
}

/* ---- modes ---- */

static void check_modes(void)
{
	struct cpu *from = &host.cpu[0], *to = &host.cpu[3];

	ipi(from, 3, 0x41 | ASSERT);
	CHECK(got(to, 0x41));
	CHECK_EQ(to->kicks, 1);
	ipi(from, 3, 0x142 | ASSERT);	/* lowest priority of one */
	CHECK(got(to, 0x42));
	ipi(from, 3, 0x200);
	CHECK_EQ(to->smis, 1);
	ipi(from, 3, 0x443);
	CHECK_EQ(to->nmis, 1);
	CHECK(!got(to, 0x43));
	to->kicks = 0;
	ipi(from, 3, 0x344);		/* remote read, ExtINT: nothing */
	ipi(from, 3, 0x745);
	CHECK_EQ(to->kicks + from->kicks, 0);
	CHECK_EQ(to->apic.pending, 0);
	CHECK(!got(to, 0x44) && !got(to, 0x45));
}

TEST(modes_xapic)
{
	begin(4);
	check_modes();
}

TEST(modes_x2apic)
{
	begin(4);
	all_x2();
	check_modes();
}

TEST(without_effect_on_software_disabled)
{
	struct cpu *from, *to;

	begin(2);
	from = &host.cpu[0], to = &host.cpu[1];
	put(to, SPIV, 0xff);
	ipi(from, 1, 0x41);
	ipi(from, 1, 0x141);
	CHECK(!got(to, 0x41));
	CHECK_EQ(to->kicks, 0);
	ipi(from, 1, 0x400);
	ipi(from, 1, 0x200);
	ipi(from, 1, 0x500 | ASSERT);
	ipi(from, 1, 0x612);
	CHECK_EQ(to->nmis, 1);
	CHECK_EQ(to->smis, 1);
	CHECK_EQ(to->apic.pending, 3);
	CHECK_EQ(msi(1, false, IRQ_FIXED, 0x41), -1);
	CHECK_EQ(msi(1, false, IRQ_NMI, 0), 1);
}

TEST(level_ipis)
{
	begin(2);
	ipi(&host.cpu[0], 1, 0x41 | LEVEL);
	CHECK(!got(&host.cpu[1], 0x41));
	ipi(&host.cpu[0], 1, 0x41 | LEVEL | ASSERT);
	CHECK(got(&host.cpu[1], 0x41));
	CHECK(in(&host.cpu[1], TMR, 0x41));
	ipi(&host.cpu[0], 1, 0x42);	/* an edge needs no assertion */
	CHECK(got(&host.cpu[1], 0x42));
}

/* ---- INIT, SIPI ---- */

TEST(init_and_sipi)
{
	struct cpu *from, *to;
	u8 vector = 0;

	begin(2);
	from = &host.cpu[0], to = &host.cpu[1];
	CHECK(!lapic_take_init(&to->apic));
	CHECK(!lapic_take_sipi(&to->apic, &vector));
	ipi(from, 1, 0x500 | LEVEL | ASSERT);
	CHECK_EQ(to->kicks, 1);
	ipi(from, 1, 0x500 | LEVEL);		/* de-assert */
	CHECK_EQ(to->kicks, 1);
	ipi(from, 1, 0x69a);
	CHECK_EQ(to->kicks, 2);
	CHECK(lapic_take_init(&to->apic));
	CHECK(!lapic_take_init(&to->apic));
	CHECK(lapic_take_sipi(&to->apic, &vector));
	CHECK_EQ(vector, 0x9a);
	CHECK(!lapic_take_sipi(&to->apic, &vector));
}

TEST(init_drops_older_sipi)
{
	u8 vector;

	begin(2);
	ipi(&host.cpu[0], 1, 0x69a);
	ipi(&host.cpu[0], 1, 0x500 | ASSERT);
	CHECK(lapic_take_init(&host.cpu[1].apic));
	CHECK(!lapic_take_sipi(&host.cpu[1].apic, &vector));
}

/* Both came after the vCPU had looked for an INIT: the INIT is still the first of the two. */
TEST(sipi_waits_for_the_init_before_it)
{
	struct lapic *apic;
	u8 vector;

	begin(2);
	apic = &host.cpu[1].apic;
	ipi(&host.cpu[0], 1, 0x500 | ASSERT);
	ipi(&host.cpu[0], 1, 0x69a);
	CHECK(!lapic_take_sipi(apic, &vector));
	CHECK(lapic_take_init(apic));
	CHECK(lapic_take_sipi(apic, &vector));
	CHECK_EQ(vector, 0x9a);
}

TEST(last_sipi_counts)
{
	u8 vector;

	begin(2);
	ipi(&host.cpu[0], 1, 0x69a);
	ipi(&host.cpu[0], 1, 0x69b);
	CHECK(lapic_take_sipi(&host.cpu[1].apic, &vector));
	CHECK_EQ(vector, 0x9b);
	CHECK(!lapic_take_sipi(&host.cpu[1].apic, &vector));
}

/* What a VMM's firmware does: INIT and SIPI to all others, which are not enabled yet. */
TEST(start_of_aps)
{
	u32 i;
	u8 vector;

	begin(0);
	for (i = 0; i < 8; i++)
		add_cpu(i);
	ipi(&host.cpu[0], 0, TO_OTHERS | 0x500 | ASSERT);
	ipi(&host.cpu[0], 0, TO_OTHERS | 0x600 | 0x10);
	for (i = 1; i < 8; i++) {
		CHECK(lapic_take_init(&host.cpu[i].apic));
		CHECK(lapic_take_sipi(&host.cpu[i].apic, &vector));
		CHECK_EQ(vector, 0x10);
	}
	CHECK_EQ(host.cpu[0].apic.pending, 0);
}

/* ---- destinations ---- */

static void check_shorthands(void)
{
	u32 low = ASSERT | 0x55;

	ipi(&host.cpu[2], 0, TO_SELF | low);
	CHECK_EQ(who_got(0x55), 1u << 2);
	ipi(&host.cpu[2], 0, TO_ALL | low);
	CHECK_EQ(who_got(0x55), 0x1f);
	ipi(&host.cpu[2], 0, TO_OTHERS | low);
	CHECK_EQ(who_got(0x55), 0x1f & ~(1u << 2));
}

TEST(shorthands)
{
	begin(5);
	check_shorthands();
	all_x2();
	check_shorthands();
	put(&host.cpu[2], SELF_IPI, 0x55);
	CHECK_EQ(who_got(0x55), 1u << 2);
	CHECK(!in(&host.cpu[2], TMR, 0x55));
}

TEST(self_without_sender)
{
	struct irq_msg msg = { .shorthand = IRQ_SELF, .vector = 0x55 };

	begin(2);
	CHECK_EQ(irq_deliver(&host.chips, NULL, &msg), -1);
}

TEST(broadcasts)
{
	begin(3);
	ipi(&host.cpu[0], 0xff, 0x55);
	CHECK_EQ(who_got(0x55), 7);
	ipi(&host.cpu[0], 0xff, LOGICAL | 0x55);
	CHECK_EQ(who_got(0x55), 7);
	ipi(&host.cpu[0], 0xff, 0x155);	/* lowest priority of all is all */
	CHECK_EQ(who_got(0x55), 7);
	CHECK_EQ(msi(0xff, false, IRQ_FIXED, 0x55), 3);
	CHECK_EQ(who_got(0x55), 7);
	all_x2();
	ipi(&host.cpu[0], 0xffffffff, 0x55);
	CHECK_EQ(who_got(0x55), 7);
	ipi(&host.cpu[0], 0xffffffff, LOGICAL | 0x55);
	CHECK_EQ(who_got(0x55), 7);
	ipi(&host.cpu[0], 0xff, 0x55);		/* that is vCPU 255 */
	CHECK_EQ(who_got(0x55), 0);
	CHECK_EQ(msi(0xff, false, IRQ_FIXED, 0x55), 3);
	CHECK_EQ(who_got(0x55), 7);
	host.chips.no_broadcast_quirk = true;
	CHECK_EQ(msi(0xff, false, IRQ_FIXED, 0x55), -1);
	CHECK_EQ(msi(0xff, true, IRQ_FIXED, 0x55), 3);	/* cluster 0, the first 8 */
	CHECK_EQ(who_got(0x55), 7);
	CHECK_EQ(msi(0xffffffff, false, IRQ_FIXED, 0x55), 3);
	CHECK_EQ(who_got(0x55), 7);
}

TEST(vcpu_255_in_x2apic)
{
	begin(1);
	put(add_cpu(255), SPIV, SPIV_ON);
	all_x2();
	ipi(&host.cpu[0], 255, 0x55);
	CHECK_EQ(who_got(0x55), 2);
}

TEST(nobody_there)
{
	begin(2);
	CHECK_EQ(msi(7, false, IRQ_FIXED, 0x55), -1);
	CHECK_EQ(msi(0, true, IRQ_FIXED, 0x55), -1);
	CHECK_EQ(msi(0x10000, false, IRQ_FIXED, 0x55), -1);
	CHECK_EQ(msi(0xfffffffe, false, IRQ_FIXED, 0x55), -1);
	all_x2();
	ipi(&host.cpu[0], 0xfffffff0, LOGICAL | 0x55);
	ipi(&host.cpu[0], 0x10000000, 0x55);
	ipi(&host.cpu[0], 0x10001, LOGICAL | 0x55);
	CHECK_EQ(who_got(0x55), 0);
}

TEST(counts)
{
	begin(4);
	CHECK_EQ(msi(0xff, false, IRQ_FIXED, 0x55), 4);
	CHECK_EQ(msi(0xff, false, IRQ_FIXED, 0x55), 0);
	clear_bit(0x55, host.cpu[1].apic.irr);
	put(&host.cpu[0], SPIV, 0xff);
	CHECK_EQ(msi(0xff, false, IRQ_FIXED, 0x55), 1);
	CHECK_EQ(msi(0, false, IRQ_FIXED, 0x55), -1);
	CHECK_EQ(msi(1, false, IRQ_FIXED, 0x55), 0);
}

static void set_logical(struct cpu *cpu, u8 ldr, u32 dfr)
{
	put(cpu, LDR, (u32)ldr << 24);
	put(cpu, DFR, dfr);
}

TEST(flat)
{
	u32 i, dest;

	begin(8);
	for (i = 0; i < 8; i++)
		set_logical(&host.cpu[i], 1u << i, 0xffffffff);
	for (dest = 0; dest < 256; dest++) {
		ipi(&host.cpu[3], dest, LOGICAL | 0x55);
		CHECK_EQ(who_got(0x55), dest);
	}
}

TEST(cluster)
{
	u32 i, dest;

	begin(12);
	for (i = 0; i < 12; i++)
		set_logical(&host.cpu[i], i / 4 << 4 | 1u << i % 4, 0x0fffffff);
	for (dest = 0; dest < 255; dest++) {
		ipi(&host.cpu[3], dest, LOGICAL | 0x55);
		CHECK_EQ(who_got(0x55), dest >> 4 < 3 ? (dest & 0xf) << (dest >> 4) * 4 : 0);
	}
	set_logical(&host.cpu[0], 0x01, 0x1fffffff);	/* no model at all */
	ipi(&host.cpu[3], 0x01, LOGICAL | 0x55);
	CHECK_EQ(who_got(0x55), 0);
}

TEST(x2apic_cluster)
{
	u32 i, members;

	begin(0);
	for (i = 0; i < 20; i++)
		put(add_cpu(i + 8), SPIV, SPIV_ON);	/* in clusters 0 and 1 */
	all_x2();
	for (members = 0; members < 0x10000; members += 0x101) {
		ipi(&host.cpu[0], members, LOGICAL | 0x55);
		CHECK_EQ(who_got(0x55), members >> 8);
		ipi(&host.cpu[0], 1u << 16 | members, LOGICAL | 0x55);
		CHECK_EQ(who_got(0x55), (members & 0xfff) << 8);
		msi(1u << 16 | members, true, IRQ_FIXED, 0x55);
		CHECK_EQ(who_got(0x55), (members & 0xfff) << 8);
	}
}

TEST(lowest_priority_is_one_of_them)
{
	u32 i, vector, seen = 0;

	begin(8);
	for (i = 0; i < 8; i++)
		set_logical(&host.cpu[i], 1u << i, 0xffffffff);
	put(&host.cpu[2], SPIV, 0xff);		/* is no candidate */
	for (vector = 0x20; vector < 0x60; vector++) {
		u32 who;

		CHECK_EQ(msi(0x3e, true, IRQ_LOWEST, vector), 1);
		who = who_got(vector);
		CHECK(who && !(who & (who - 1)) && who & 0x3a);
		seen |= who;
		msi(0x3e, true, IRQ_LOWEST, vector);
		CHECK_EQ(who_got(vector), who);
	}
	CHECK_EQ(seen, 0x3a);
	CHECK_EQ(msi(0x04, true, IRQ_LOWEST, 0x55), -1);
	CHECK_EQ(msi(0, true, IRQ_LOWEST, 0x55), -1);
}

/* ---- ids that are not the vCPU's ---- */

TEST(renamed)
{
	begin(3);
	put(&host.cpu[1], ID, 7u << 24);
	CHECK_EQ(host.chips.nr_renamed.counter, 1);
	msi(1, false, IRQ_FIXED, 0x55);
	CHECK_EQ(who_got(0x55), 0);
	msi(7, false, IRQ_FIXED, 0x55);
	CHECK_EQ(who_got(0x55), 2);
	put(&host.cpu[1], ID, 2u << 24);	/* two of them */
	msi(2, false, IRQ_FIXED, 0x55);
	CHECK_EQ(who_got(0x55), 6);
	CHECK_EQ(host.chips.nr_renamed.counter, 1);
	put(&host.cpu[1], ID, 1u << 24);
	CHECK_EQ(host.chips.nr_renamed.counter, 0);
	put(&host.cpu[1], ID, 7u << 24);
	all_x2();
	CHECK_EQ(host.chips.nr_renamed.counter, 0);
	ipi(&host.cpu[0], 1, 0x55);
	CHECK_EQ(who_got(0x55), 2);
}

TEST(beyond_8_bits)
{
	begin(2);
	put(add_cpu(0x101), SPIV, SPIV_ON);
	msi(1, false, IRQ_FIXED, 0x55);		/* both have that xAPIC ID */
	CHECK_EQ(who_got(0x55), 6);
	msi(0x101, false, IRQ_FIXED, 0x55);
	CHECK_EQ(who_got(0x55), 4);
	host.chips.wide_ids = true;
	msi(1, false, IRQ_FIXED, 0x55);
	CHECK_EQ(who_got(0x55), 2);
	msi(0x101, false, IRQ_FIXED, 0x55);
	CHECK_EQ(who_got(0x55), 4);
	all_x2();
	msi(0x101, false, IRQ_FIXED, 0x55);
	CHECK_EQ(who_got(0x55), 4);
	CHECK_EQ(host.chips.nr_renamed.counter, 0);
}

/* ---- all at random, against the plain rules ---- */

static u64 seed;

static u32 rnd(u32 below)
{
	return splitmix(&seed) % below;
}

static bool plain_logical(struct cpu *cpu, u32 dest, bool wide_ipi)
{
	u32 ldr = get(cpu, LDR), id = cpu->apic.id;

	if (lapic_is_x2(&cpu->apic))
		return dest >> 16 == id / 16 && dest & 1u << id % 16;
	if (wide_ipi)
		return false;
	switch (get(cpu, DFR) >> 28) {
	case 0xf:
		return ldr >> 24 & dest;
	case 0:
		return ldr >> 28 == dest >> 4 && ldr >> 24 & 0xf & dest;
	default:
		return false;
	}
}

static bool plain_physical(struct cpu *cpu, u32 dest)
{
	if (lapic_is_x2(&cpu->apic) || dest > 255)
		return dest == cpu->apic.id;
	if (host.chips.wide_ids && cpu->apic.id > 255)
		return false;
	return get(cpu, ID) == dest << 24;
}

static bool plain_match(struct cpu *cpu, struct cpu *src, const struct irq_msg *msg)
{
	bool x2 = lapic_is_x2(&cpu->apic), quirk = !host.chips.no_broadcast_quirk;

	if (!lapic_enabled(&cpu->apic))
		return false;
	switch (msg->shorthand) {
	case IRQ_SELF:
		return cpu == src;
	case IRQ_ALL:
		return true;
	case IRQ_ALL_BUT_SELF:
		return cpu != src;
	}
	if (msg->dest == ~0u && x2)
		return true;
	if (msg->dest == 0xff && (src ? !x2 && !msg->wide : !x2 || quirk))
		return true;
	return msg->logical ? plain_logical(cpu, msg->dest, src && msg->wide) :
			      plain_physical(cpu, msg->dest);
}

static void random_vm(void)
{
	static const u64 mode[] = { BASE_OFF, BASE_XAPIC, BASE_XAPIC, BASE_X2APIC };
	static const u32 dfr[] = { 0xffffffff, 0xffffffff, 0x0fffffff, 0x4fffffff };
	u32 i, id = 0, nr = 1 + rnd(MAX_CPUS), all = rnd(8);
	bool renamed = !rnd(3);

	begin(0);
	host.chips.wide_ids = rnd(2);
	host.chips.no_broadcast_quirk = rnd(2);
	for (i = 0; i < nr; i++, id += 1 + (rnd(4) ? 0 : rnd(60))) {
		struct cpu *cpu = add_cpu(id);

		if (rnd(8))
			put(cpu, SPIV, SPIV_ON);
		if (renamed && rnd(2))
			put(cpu, ID, rnd(nr + 2) << 24);
		set_logical(cpu, rnd(4) ? rnd(3) << 4 | 1u << rnd(4) : rnd(256), dfr[rnd(4)]);
		lapic_set_base(&cpu->apic, all < 4 ? mode[all] : mode[rnd(4)], true);
	}
}

static u32 random_dest(void)
{
	u32 id = host.cpu[rnd(host.chips.nr_apics)].apic.id;

	switch (rnd(8)) {
	case 0:
		return 0xff;
	case 1:
		return ~0u;
	case 2:
		return (id / 16 << 16 | rnd(0x10000));
	case 3:
		return rnd(256);
	case 4:
		return splitmix(&seed);
	default:
		return id;
	}
}

static struct cpu *random_msg(struct irq_msg *msg)
{
	struct cpu *src = rnd(2) ? &host.cpu[rnd(host.chips.nr_apics)] : NULL;

	memset(msg, 0, sizeof(*msg));
	if (src && !lapic_enabled(&src->apic))
		src = NULL;
	msg->dest = random_dest();
	msg->wide = src && lapic_is_x2(&src->apic);
	if (src && !msg->wide)
		msg->dest &= 0xff;
	msg->logical = rnd(2);
	msg->shorthand = src && !rnd(4) ? rnd(4) : 0;
	msg->mode = rnd(2) ? IRQ_FIXED : rnd(2) ? IRQ_NMI : IRQ_LOWEST;
	msg->vector = 0x20 + rnd(4);
	return src;
}

static u32 taken_by(const struct irq_msg *msg)
{
	u32 i, who = 0;

	if (msg->mode != IRQ_NMI)
		return who_got(msg->vector);
	for (i = 0; i < host.chips.nr_apics; i++) {
		who |= !!host.cpu[i].nmis << i;
		host.cpu[i].nmis = 0;
	}
	return who;
}

static void one_message(void)
{
	struct irq_msg msg;
	struct cpu *src = random_msg(&msg);
	u32 i, match = 0, active = 0, who;
	bool one;
	int ret;

	for (i = 0; i < host.chips.nr_apics; i++) {
		match |= plain_match(&host.cpu[i], src, &msg) << i;
		active |= !!(get(&host.cpu[i], SPIV) & 0x100) << i;
	}
	if (msg.mode != IRQ_NMI)
		match &= active;
	ret = irq_deliver(&host.chips, src ? &src->apic : NULL, &msg);
	who = taken_by(&msg);
	one = msg.mode == IRQ_LOWEST && (msg.shorthand || msg.logical || msg.dest != 0xff);
	if (!one)
		CHECK_EQ(who, match);
	else
		CHECK(match ? hweight32(who) == 1 && who & match : !who);
	CHECK_EQ(ret, who ? (int)hweight32(who) : -1);
}

TEST(random_messages)
{
	u32 vm, i;

	for (vm = 0; vm < 2000; vm++) {
		seed = vm;
		random_vm();
		for (i = 0; i < 100; i++)
			one_message();
	}
}
