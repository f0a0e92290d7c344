// SPDX-License-Identifier: GPL-2.0-only
/* What the guesses of mmu/policy.c are for can be counted. */
#include "tap.h"

#include "guest.h"

#define VA	0x400000ull
#define TABLE	0x800000ull	/* where VA's page table is mapped */
#define FLAGS	(P | W | U | A | D)

long shim_param_set(const char *name, long value);

/* The host has the guest's memory. */
static struct vcpu *start_empty(bool passthrough)
{
	unsigned int i;

	mmu_passthrough = passthrough;
	guest_start(MODE_LONG, 1);
	for (i = 0; i < 16; i++)
		host_page_is_there(DATA / PAGE + i);
	return vcpu(0);
}

/* A page table that is shadowed and mapped. */
static struct vcpu *start(bool passthrough)
{
	struct vcpu *v = start_empty(passthrough);

	guest_map(v, VA, DATA, FLAGS, 1);
	guest_map(v, TABLE, entry_at(v, VA, 1) & ~(PAGE - 1), FLAGS, 1);
	expect_gpa(v, VA, READ_, DATA);
	return v;
}

static void end(void)
{
	expect_audit();
	machine_done();
	mmu_passthrough = false;
}

static void store(struct vcpu *v, unsigned int index, unsigned int frame)
{
	guest_store(v, TABLE + index * 8, (DATA + frame * PAGE) | FLAGS, 8);
}

/* It takes some writes where the guest's not-present faults are no exit. */
TEST(policy_few_writes_keep_a_table_in_sync)
{
	struct vcpu *v = start(true);
	unsigned int i;

	for (i = 1; i <= 3; i++)
		store(v, i, i);
	CHECK_EQ(mach.vm.nr_unsync, 0u);
	for (; i <= 8; i++)
		store(v, i, i);
	CHECK_EQ(mach.vm.nr_unsync, 1u);
	end();

	v = start(false);
	store(v, 1, 1);
	CHECK_EQ(mach.vm.nr_unsync, 1u);
	end();
}

/* Three flushes in a row that find nothing changed; a change begins the count anew. */
TEST(policy_idle_table_is_tracked_again)
{
	struct vcpu *v = start(false);
	unsigned int i;

	store(v, 0, 1);
	for (i = 2; i < 8; i++) {
		guest_flush(v);
		store(v, 0, i);
	}
	CHECK_EQ(mach.vm.stats.unsyncs, 1ull);
	guest_flush(v);
	guest_flush(v);
	guest_flush(v);
	store(v, 0, i);
	guest_flush(v);
	guest_flush(v);
	guest_flush(v);
	CHECK_EQ(mach.vm.nr_unsync, 1u);
	guest_flush(v);
	CHECK_EQ(mach.vm.nr_unsync, 0u);
	end();
}

static void faults_of_guest(struct vcpu *v, unsigned int first, unsigned int nr)
{
	for (; nr--; first++)
		expect_fault(v, VA + first * PAGE, READ_, 0);
}

static void unsync_by_writes(struct vcpu *v)
{
	unsigned int i;

	for (i = 1; i < 9; i++)
		store(v, i, i);
	CHECK_EQ(mach.vm.nr_unsync, 1u);
}

/* Some not-present faults, counted from when the table went out of sync. */
TEST(policy_np_faults_bring_a_table_back)
{
	struct vcpu *v = start(true);
	unsigned int i, k;

	for (i = 0; i < 2; i++) {
		unsync_by_writes(v);
		faults_of_guest(v, 100, 4);
		CHECK_EQ(mach.vm.nr_unsync, 1u);
		for (k = 0; k < 4; k++)
			guest_flush(v);
		CHECK_EQ(mach.vm.nr_unsync, 0u);
	}
	unsync_by_writes(v);
	faults_of_guest(v, 100, 5);
	CHECK_EQ(mach.vm.nr_unsync, 0u);
	end();
}

/* Memory that comes page by page has nothing to fill behind it. */
TEST(policy_page_by_page_fills_no_neighbours)
{
	struct vcpu *v = start_empty(false);
	u64 before;

	shim_param_set("eager", 0);
	guest_map(v, VA, DATA, FLAGS, 1);
	expect_gpa(v, VA, READ_, DATA);
	guest_map(v, VA + PAGE, DATA + PAGE, FLAGS, 1);
	guest_map(v, VA + 3 * PAGE, DATA, FLAGS, 1);
	before = mach.vm.stats.prefilled;
	expect_gpa(v, VA + PAGE, READ_, DATA + PAGE);
	CHECK_EQ(mach.vm.stats.prefilled, before);
	guest_map(v, VA + 2 * PAGE, DATA + 2 * PAGE, FLAGS, 1);
	guest_map(v, VA + 4 * PAGE, DATA, FLAGS, 1);
	expect_gpa(v, VA + 3 * PAGE, READ_, DATA);
	CHECK_EQ(mach.vm.stats.prefilled, before + 2);
	end();
}

/* A group that would go beyond the table ends with it. */
TEST(policy_neighbours_end_with_the_table)
{
	struct vcpu *v = start_empty(false);

	shim_param_set("prefill", 3);
	guest_map(v, VA + 510 * PAGE, DATA, FLAGS, 1);
	guest_map(v, VA + 511 * PAGE, DATA, FLAGS, 1);
	expect_gpa(v, VA + 511 * PAGE, READ_, DATA);
	CHECK_EQ(mach.vm.stats.prefilled, 1ull);
	end();
}

/* A new top table takes up what its entries lead to. */
TEST(policy_new_root_adopts_shadows)
{
	struct vcpu *v = start_empty(false);
	u64 faults;
	gpa_t root;

	guest_map(v, VA, DATA, FLAGS, 1);
	expect_gpa(v, VA, WRITE_, DATA);
	root = root_new(v);
	guest_write_table(v, root, ram_read(v->regs.cr3, 8), 8);
	CHECK(!guest_set_cr3(v, root));
	faults = mach.vm.stats.faults;
	expect_gpa(v, VA, WRITE_, DATA);
	CHECK_EQ(mach.vm.stats.faults, faults);
	end();
}

/* A table that the guest walks through is one, however often it is written; else it is dropped. */
TEST(policy_walks_forgive_writes)
{
	struct vcpu *v = start(false);
	unsigned int i;

	shim_param_set("unsync", 0);
	for (i = 1; i < 40; i++) {
		store(v, i, i % 16);
		expect_fault(v, VA + (100 + i) * PAGE, READ_, 0);
	}
	CHECK_EQ(mach.vm.stats.floods, 0ull);
	for (; i < 60; i++)
		store(v, i, i % 16);
	CHECK_EQ(mach.vm.stats.floods, 1ull);
	end();
}

/* A table that is taken out of the tree goes, unless another entry leads to it. */
TEST(policy_orphans_go)
{
	struct vcpu *v = start(false);
	u64 pde = entry_get(v, VA, 2), second = VA + (8ull << 21);

	entry_set(v, second, 2, pde);
	expect_gpa(v, second, READ_, DATA);
	entry_set(v, second, 2, 0);
	CHECK_EQ(mach.vm.stats.orphans, 0ull);
	entry_set(v, VA, 2, 0);
	CHECK_EQ(mach.vm.stats.orphans, 1ull);
	end();
}
