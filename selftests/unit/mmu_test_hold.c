// SPDX-License-Identifier: GPL-2.0-only
/*
 * How long the lock is held. mmu/ is built so that each of its basic blocks is counted; one is some
 * five instructions, and no hold that can be split is longer than 100,000.
 */
#include "tap.h"

#include "guest.h"

#define CHECK_LE(a, b)	TAP_COMPARE(a, <=, b)
#define CHECK_GE(a, b)	TAP_COMPARE(a, >=, b)

#define LIMIT	20000
#define VA	0x12345000ull
#define FAR	0x100000000ull	/* of slots that a test adds */

/* Blocks of the longest hold since the last call. */
static unsigned long longest(void)
{
	unsigned long blocks = mach.held_longest;

	mach.held_longest = 0;
	return blocks;
}

/* Nothing counts where mmu/ is built without (SAN=). */
#define CHECK_SHORT()	CHECK_LE(longest(), (unsigned long)LIMIT)

/* @nr page tables with one entry each; all are shadowed. */
static void many_tables(enum mode mode, unsigned int nr)
{
	unsigned int i;

	guest_start(mode, 2);
	CHECK(!mmu_vm_set_quota(&mach.vm, 1ul << 14));
	next_table = 8ull << 20;
	tables_end = MEMORY;
	for (i = 0; i < nr; i++)
		guest_map(vcpu(0), (u64)i << 21, DATA + i % 64 * PAGE, P | W | U | A | D, 1);
	for (i = 0; i < nr; i++)
		guest_access(vcpu(0), (u64)i << 21, READ_);
	CHECK_GE(mach.vm.nr_pages, (unsigned long)nr);
	longest();
}

/* One page table with all entries, for one frame. */
static void many_aliases(unsigned int tables)
{
	unsigned int i;

	guest_start(MODE_LONG, 1);
	for (i = 0; i < 512 * tables; i++)
		guest_map(vcpu(0), VA + i * PAGE, DATA, P | W | U | A | D, 1);
	for (i = 0; i < 512 * tables; i++)
		guest_access(vcpu(0), VA + i * PAGE, WRITE_);
	CHECK_GE(mach.vm.stats.sptes, 500ull * tables);
	longest();
}

TEST(hold_everything_dropped)
{
	many_tables(MODE_LONG, 1500);
	mmu_vm_zap_all(&mach.vm);
	CHECK_SHORT();
	CHECK_EQ(mach.vm.nr_pages, 0ul);
	guest_access(vcpu(0), 0, READ_);
	expect_audit();
	machine_done();
}

TEST(hold_quota_lowered)
{
	many_tables(MODE_LONG, 1500);
	CHECK(!mmu_vm_set_quota(&mach.vm, 64));
	CHECK_SHORT();
	CHECK_LE(mach.vm.nr_pages, 70ul);
	expect_audit();
	machine_done();
}

TEST(hold_quota_raised)
{
	many_tables(MODE_LONG, 5500);
	CHECK(!mmu_vm_set_quota(&mach.vm, 1ul << 16));
	CHECK_SHORT();
	expect_audit();
	machine_done();
}

TEST(hold_shrinker)
{
	many_tables(MODE_LONG, 1500);
	CHECK_GE(mmu_vm_shrink(&mach.vm, 1400), 1400ul);
	CHECK_SHORT();
	expect_audit();
	machine_done();
}

/* With so many tables in use, faults that need new ones: there are never more than @most. */
static void faults_at_quota(unsigned long quota, unsigned int faults, unsigned long most)
{
	unsigned int i;

	many_tables(MODE_LONG, 1500);
	mach.vm.max_pages = quota;
	for (i = 0; i < faults; i++) {
		u64 va = (u64)(2000 + i) << 21;

		guest_map(vcpu(0), va, DATA, P | W | U | A | D, 1);
		guest_access(vcpu(0), va, READ_);
		CHECK_LE(mach.vm.nr_pages, most);
	}
}

/* The quota is reached in a fault: nothing can be put off there, but not all is to be done. */
TEST(hold_fault_at_the_quota)
{
	faults_at_quota(1500, 200, 1500 + 20);
	CHECK_SHORT();
	expect_audit();
	machine_done();
}

/* What all vCPUs use stays below the excess that the links are made for. */
TEST(hold_no_more_pages_than_links)
{
	faults_at_quota(64, 50, 64 + 512);
	expect_audit();
	machine_done();
}

TEST(hold_notifier_over_all)
{
	u64 i;

	many_tables(MODE_LONG, 1500);
	host_invalidate_begin(FIRST_HVA, 8192);
	host_invalidate_end(FIRST_HVA, 8192);
	CHECK_SHORT();
	CHECK_EQ(mach.vm.stats.sptes, 0ull);
	for (i = 0; i < 10; i++)
		guest_access(vcpu(0), i << 21, READ_);
	expect_audit();
	machine_done();
}

TEST(hold_notifier_of_a_frame_with_aliases)
{
	many_aliases(16);
	host_swap_out(DATA / PAGE);
	CHECK_SHORT();
	CHECK_EQ(mach.vm.stats.sptes, 0ull);
	expect_gpa(vcpu(0), VA, READ_, DATA);
	expect_audit();
	machine_done();
}

/* Wherever it begins. */
TEST(hold_slot_deleted)
{
	u64 first;

	for (first = FAR / PAGE; first < FAR / PAGE + 3; first++) {
		guest_start(MODE_LONG, 1);
		CHECK(slot_add(1, first, 100000, vmm_mmap(100000, 1), 0));
		guest_map(vcpu(0), VA, (first + 77777) * PAGE, P | W | U | A | D, 1);
		guest_access(vcpu(0), VA, WRITE_);
		longest();
		slot_delete(1);
		CHECK_SHORT();
		expect_audit();
		machine_done();
	}
}

TEST(hold_log_read)
{
	unsigned int i;

	many_aliases(3);
	slot_flags(RAM_SLOT, MEMSLOT_LOG_DIRTY);
	for (i = 0; i < 512 * 3; i++)
		guest_access(vcpu(0), VA + i * PAGE, WRITE_);
	longest();
	dirty_log_get(RAM_SLOT);
	CHECK_SHORT();
	expect_audit();
	machine_done();
}

/* The directory of links: searched, copied, filled. */
TEST(hold_large_slot_created)
{
	struct memslot slot = { .base_gfn = FAR / PAGE, .npages = 1 << 22 };
	struct memslot other = { .base_gfn = FAR / PAGE * 2, .npages = 1 << 22 };

	guest_start(MODE_LONG, 1);
	longest();
	CHECK(!mmu_slot_create(&mach.vm, &slot));
	CHECK(!mmu_slot_create(&mach.vm, &other));
	CHECK_SHORT();
	CHECK_GE(mach.pauses, 32ul);
	guest_map(vcpu(0), VA, DATA, P | W | U | A | D, 1);
	expect_gpa(vcpu(0), VA, WRITE_, DATA);
	mmu_slot_free(&mach.vm, &slot);
	CHECK_SHORT();
	CHECK(!mmu_slot_create(&mach.vm, &slot));
	CHECK_SHORT();
	mmu_slot_free(&mach.vm, &other);
	mmu_slot_free(&mach.vm, &slot);
	expect_audit();
	machine_done();
}

static unsigned int filled;

/* Page tables come to life while the directory is searched and copied. */
static void fill_meanwhile(const char *where)
{
	if (strcmp(where, "unlock") || filled >= 60)
		return;
	mach.hook = NULL;
	guest_access(vcpu(0), VA + ((u64)filled++ << 21), WRITE_);
	mach.hook = fill_meanwhile;
}

TEST(hold_links_added_while_a_slot_is_created)
{
	struct memslot slot = { .base_gfn = FAR / PAGE, .npages = 1 << 21 };
	unsigned int i;

	guest_start(MODE_LONG, 1);
	for (i = 0; i < 60; i++)
		guest_map(vcpu(0), VA + ((u64)i << 21), DATA + i * PAGE, P | W | U | A | D, 1);
	filled = 0;
	mach.hook = fill_meanwhile;
	CHECK(!mmu_slot_create(&mach.vm, &slot));
	mach.hook = NULL;
	CHECK_GE(filled, 10u);
	for (i = 0; i < filled; i++)
		expect_gpa(vcpu(0), VA + ((u64)i << 21), WRITE_, DATA + i * PAGE);
	expect_audit();
	mmu_slot_free(&mach.vm, &slot);
	for (i = 0; i < 60; i++)
		expect_gpa(vcpu(0), VA + ((u64)i << 21), WRITE_, DATA + i * PAGE);
	expect_audit();
	machine_done();
}

TEST(hold_killed_while_a_slot_is_created)
{
	struct memslot slot = { .base_gfn = FAR / PAGE, .npages = 1 << 22 };
	unsigned long before;

	guest_start(MODE_LONG, 1);
	mach.killed = true;
	before = mach.allocations;
	CHECK_EQ(mmu_slot_create(&mach.vm, &slot), -ENOMEM);
	CHECK_LE(mach.allocations - before, 1000ul);
	mach.killed = false;
	CHECK(!mmu_slot_create(&mach.vm, &slot));
	mmu_slot_free(&mach.vm, &slot);
	machine_done();
}

/* Memory for links runs out: no more shadow pages than before. */
TEST(hold_quota_that_has_no_memory)
{
	unsigned long was;
	long i;

	guest_start(MODE_LONG, 1);
	was = mach.vm.max_pages;
	for (i = 1; i < 3; i++) {
		mach.fail_at = i;
		CHECK_EQ(mmu_vm_set_quota(&mach.vm, 1ul << 20), -ENOMEM);
		CHECK_EQ(mach.vm.max_pages, was);
	}
	mach.fail_at = 0;
	machine_done();
}
