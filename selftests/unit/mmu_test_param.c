// SPDX-License-Identifier: GPL-2.0-only
/* Parameters that change in the middle of a decision: at every basic block of mmu/. */
#include "tap.h"

#include "guest.h"

#define VA	0x12345000ull
#define FAR	0x80000000ull	/* where tables are mapped */
#define TABLES_N 6

long shim_param_set(const char *name, long value);

/* A parameter, and what it is before and after. */
struct change {
	const char *name;
	long from, to;
};

static const struct change changes[] = {
	{ "unsync", 64, 0 }, { "unsync", 64, 1 }, { "unsync", 1, 0 }, { "unsync", 0, 64 },
	{ "prefill", 16, 0 }, { "prefill", 16, 1 }, { "prefill", 0, 64 }, { "prefill", 3, 1000 },
	{ "drop_after", 8, 0 }, { "drop_after", 0, 8 }, { "unsync_after", 4, 0 },
	{ "unsync_after", 0, 4 },
	{ "large", 1, 0 }, { "large", 0, 1 }, { "eager", 1, 0 }, { "eager", 0, 1 },
	{ "expect", 1, 0 }, { "expect", 0, 1 }, { "cache", 1, 0 }, { "audit", 0, 1 },
	{ "roots", 32, 1 }, { "roots", 1, 32 }, { "roots", 32, 0 }, { "roots", 2, 1000 },
};

static const struct change *now;

static void change_now(void)
{
	shim_param_set(now->name, now->to);
}

/* Faults, table writes and a CR3 load, which decide by all of them. */
static void work_of_a_guest(void)
{
	struct vcpu *v = vcpu(0);
	unsigned int i;

	for (i = 0; i < TABLES_N; i++) {
		u64 va = VA + ((u64)i << 21);

		guest_access(v, va, WRITE_);
		guest_write_table(v, entry_at(v, va + PAGE, 1),
				  (DATA + i * PAGE) | P | W | U | A | D, 8);
		guest_write_table(v, entry_at(v, va, 1), (DATA + PAGE) | P | W | U | A | D, 8);
		guest_access(v, va + PAGE, READ_);
	}
	guest_access(v, 1ull << 30, WRITE_);
	guest_set_cr3(v, v->regs.cr3);
	guest_access(v, VA, READ_);
	expect_audit();
}

static void start(void)
{
	unsigned int i;

	guest_start(MODE_LONG, 1);
	for (i = 0; i < TABLES_N; i++)
		guest_map(vcpu(0), VA + ((u64)i << 21), DATA, P | W | U | A | D, 1);
	guest_map(vcpu(0), 1ull << 30, 0, P | W | U | A | D, 2);
}

/* Returns false once the work ends before block @at. */
static bool change_at(const struct change *change, unsigned long at)
{
	long was = shim_param_set(change->name, change->from);
	bool left;

	now = change;
	start();
	mach.block_hook = change_now;
	mach.at_block = at;
	work_of_a_guest();
	left = !mach.at_block;
	mach.at_block = 0;
	machine_done();
	shim_param_set(change->name, was);
	return left;
}

TEST(param_changed_in_the_middle)
{
	unsigned long at;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(changes); i++)
		for (at = 1; change_at(&changes[i], at); at += 1 + at / 25)
			;
}

/* At every single block of one decision: a fault, or a write to a table. */
static void change_within(const struct change *change, bool write)
{
	struct vcpu *v = vcpu(0);
	unsigned long i, at, was = shim_param_set(change->name, change->from);

	now = change;
	for (at = 1; at < 5000; at++) {
		shim_param_set(change->name, change->from);
		start();
		guest_access(v, VA, WRITE_);
		guest_access(v, VA + (1 << 21), WRITE_);
		for (i = 0; i < 2; i++)
			guest_map(v, FAR + i * PAGE, entry_at(v, VA + (i << 21), 1) & ~(PAGE - 1),
				  P | W | U | A | D, 1);
		guest_store(v, FAR, DATA | P | A, 8);
		mach.block_hook = change_now;
		mach.at_block = at;
		if (write)
			guest_store(v, FAR + PAGE, DATA | P | A, 8);
		else
			guest_access(v, VA + (2 << 21), READ_);
		if (mach.at_block)
			break;
		expect_audit();
		machine_done();
	}
	mach.at_block = 0;
	machine_done();
	CHECK(at > 50);
	shim_param_set(change->name, was);
}

TEST(param_unsync_changed_in_a_write)
{
	static const struct change to[] = { { "unsync", 64, 0 }, { "unsync", 1, 0 } };

	shim_param_set("unsync_after", 0);
	change_within(&to[0], true);
	change_within(&to[1], true);
	shim_param_set("unsync_after", 4);
}

TEST(param_prefill_changed_in_a_fault)
{
	static const struct change to[] = { { "prefill", 16, 0 }, { "prefill", 16, 1 } };

	change_within(&to[0], false);
	change_within(&to[1], false);
}

/* Many tables are out of sync; with the limit lowered there are fewer, little by little. */
TEST(param_unsync_lowered)
{
	unsigned int i, before;

	start();
	for (i = 0; i < TABLES_N; i++)
		guest_access(vcpu(0), VA + ((u64)i << 21), WRITE_);
	for (i = 0; i < TABLES_N; i++)
		guest_write_table(vcpu(0), entry_at(vcpu(0), VA + ((u64)i << 21) + PAGE, 1),
				  DATA | P, 8);
	before = mach.vm.nr_unsync;
	shim_param_set("unsync", 1);
	for (i = 0; i < TABLES_N; i++)
		guest_write_table(vcpu(0), entry_at(vcpu(0), VA + ((u64)i << 21) + PAGE, 1),
				  DATA | P | W, 8);
	CHECK(mach.vm.nr_unsync <= before);
	shim_param_set("unsync", 64);
	expect_audit();
	machine_done();
}
