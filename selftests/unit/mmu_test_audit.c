// SPDX-License-Identifier: GPL-2.0-only
/* The audit finds what is broken on purpose in the shadow tables. */
#include "tap.h"

#include "guest.h"

#define VA	0x12345000ull
#define FRAME	0x000ffffffffff000ull

/* The spte of @va at @level in the tables that vCPU 0 runs on. */
static u64 *spte_at(u64 va, int level)
{
	struct mmu_vcpu *m = &vcpu(0)->m;
	u64 *table = table_at(m->root_hpa);
	int l;

	for (l = m->root_level; l > level; l--)
		table = table_at(table[va >> (12 + 9 * (l - 1)) & 511] & FRAME);
	return &table[va >> (12 + 9 * (level - 1)) & 511];
}

static void start(void)
{
	guest_start(MODE_LONG, 1);
	guest_map(vcpu(0), VA, DATA, P | U, 1);
	expect_gpa(vcpu(0), VA, UREAD, DATA);
	expect_audit();
}

/* The invariants that it finds broken, as bits. */
static unsigned int finds_breaches(bool blind)
{
	unsigned long complaints = mach.complaints, breaches;

	mach.auditing = !blind;
	mach.blind = blind;
	mach.wanted = true;
	mach.broken = 0;
	breaches = mmu_audit(&mach.vm);
	mach.auditing = mach.blind = mach.wanted = false;
	CHECK_EQ(mach.complaints - complaints, breaches);
	CHECK_EQ(!breaches, !mach.broken);
	return mach.broken;
}

/* Found with guest memory at hand, and without if @blind. */
static void expect_breach(int invariant, bool blind)
{
	CHECK(finds_breaches(false) & 1 << invariant);
	CHECK_EQ(!!finds_breaches(true), blind);
}

TEST(audit_sees_rights_that_the_guest_does_not_give)
{
	start();
	*spte_at(VA, 1) |= W;
	expect_breach(3, false);
}

TEST(audit_sees_rights_that_no_entry_above_gives)
{
	start();
	entry_set(vcpu(0), VA, 2, entry_get(vcpu(0), VA, 2) & ~W);
	guest_flush(vcpu(0));
	expect_gpa(vcpu(0), VA, UREAD, DATA);
	expect_audit();
	*spte_at(VA, 1) |= W;
	expect_breach(3, true);
}

TEST(audit_sees_a_leaf_on_no_list)
{
	u64 leaf;

	start();
	leaf = *spte_at(VA, 1);
	*spte_at(VA - 300 * PAGE, 1) = leaf;
	expect_breach(1, true);
}

TEST(audit_sees_a_leaf_beside_others_on_no_list)
{
	start();
	*spte_at(VA ^ PAGE, 1) = *spte_at(VA, 1);
	expect_breach(1, true);
}

TEST(audit_sees_a_leaf_that_is_not_counted)
{
	start();
	*spte_at(VA, 1) = 0;
	expect_breach(5, true);
}

TEST(audit_sees_a_child_that_does_not_know_its_parent)
{
	start();
	*spte_at(VA ^ 1ull << 21, 2) = *spte_at(VA, 2);
	expect_breach(5, true);
}

TEST(audit_sees_a_child_of_another_level)
{
	start();
	*spte_at(VA, 3) = *spte_at(VA, 2);
	expect_breach(5, true);
}

TEST(audit_sees_a_writable_leaf_over_a_table)
{
	gpa_t table;

	start();
	table = entry_at(vcpu(0), VA, 1) & ~(PAGE - 1);
	guest_map(vcpu(0), VA + PAGE, table, P | W | U, 1);
	expect_gpa(vcpu(0), VA + PAGE, UREAD, table);
	CHECK(!(*spte_at(VA + PAGE, 1) & W));
	*spte_at(VA + PAGE, 1) |= W;
	CHECK(finds_breaches(false) & 1 << 2);
}

TEST(audit_sees_a_writable_leaf_in_rom)
{
	u64 rom = MEMORY + 0x1000000;

	start();
	CHECK(slot_add(1, rom / PAGE, 16, vmm_mmap(16, 1), MEMSLOT_READONLY));
	guest_map(vcpu(0), VA + PAGE, rom, P | W | U | D, 1);
	expect_gpa(vcpu(0), VA + PAGE, UREAD, rom);
	*spte_at(VA + PAGE, 1) |= W;
	CHECK(finds_breaches(false) & 1 << 2);
}

TEST(audit_sees_a_writable_leaf_that_is_not_in_the_dirty_log)
{
	struct memslot *slot = &mach.slot[RAM_SLOT].mem;

	start();
	slot_flags(RAM_SLOT, MEMSLOT_LOG_DIRTY);
	guest_map(vcpu(0), VA, DATA, P | W | U | A | D, 1);
	expect_gpa(vcpu(0), VA, WRITE_, DATA);
	expect_audit();
	mach.reading_log = true;
	clear_bit(DATA / PAGE - slot->base_gfn, slot->dirty_bitmap);
	slot->settling = true;
	CHECK_EQ(finds_breaches(false), 0);
	slot->settling = false;
	expect_breach(2, false);
	mmu_slot_wrprotect(&mach.vm, slot, (DATA / PAGE - slot->base_gfn) & -64, ~0ul);
	mmu_flush(&mach.vm);
	mach.reading_log = false;
	expect_audit();
}

/* The log that is turned on has all frames: large leaves stay writable until one is cleared. */
TEST(audit_sees_a_large_leaf_that_is_not_all_in_the_dirty_log)
{
	struct memslot *slot = &mach.slot[RAM_SLOT].mem;
	u64 first = DATA / PAGE, va = 0x80000000;

	start();
	host_collapse(first, 2);
	guest_map(vcpu(0), va, DATA, P | W | U | A | D, 2);
	expect_gpa(vcpu(0), va, WRITE_, DATA);
	CHECK(*spte_at(va, 2) & 1 << 7);
	slot->dirty_bitmap = calloc(BITS_TO_LONGS(slot->npages), sizeof(long));
	memset(slot->dirty_bitmap, 0xff, BITS_TO_LONGS(slot->npages) * sizeof(long));
	slot->flags |= MEMSLOT_LOG_DIRTY;
	expect_audit();
	mach.reading_log = true;
	clear_bit(first + 511 - slot->base_gfn, slot->dirty_bitmap);
	expect_breach(2, false);
	mmu_slot_wrprotect(&mach.vm, slot, (first + 448 - slot->base_gfn) & -64, 1ul << 63);
	mmu_flush(&mach.vm);
	mach.reading_log = false;
	expect_audit();
	expect_gpa(vcpu(0), va, WRITE_, DATA);
	expect_gpa(vcpu(0), va + 511 * PAGE, READ_, DATA + 511 * PAGE);
	CHECK(!test_bit(first + 511 - slot->base_gfn, slot->dirty_bitmap));
	expect_gpa(vcpu(0), va + 511 * PAGE, WRITE_, DATA + 511 * PAGE);
	CHECK(test_bit(first + 511 - slot->base_gfn, slot->dirty_bitmap));
	expect_audit();
}

TEST(audit_sees_shadow_pages_that_are_not_counted)
{
	start();
	mach.vm.nr_pages++;
	expect_breach(5, true);
}

TEST(audit_sees_a_list_with_an_entry_that_is_not_present)
{
	start();
	*spte_at(VA, 1) = 0;
	expect_breach(1, true);
}

TEST(audit_sees_an_absent_spte_of_a_present_entry)
{
	mmu_init_pf_passthrough(true, 48);
	start();
	guest_map(vcpu(0), VA - 300 * PAGE, DATA, P | U, 1);
	*spte_at(VA - 300 * PAGE, 1) = 0;
	expect_breach(4, false);
}

TEST(audit_sees_an_absent_spte_above_page_tables)
{
	mmu_init_pf_passthrough(true, 48);
	start();
	*spte_at(VA + (300ull << 21), 2) = 0;
	expect_breach(4, true);
}

static struct mmu_root *root_in_use(void)
{
	return &vcpu(0)->m.roots[vcpu(0)->m.root - vcpu(0)->m.roots];
}

TEST(audit_sees_a_root_that_would_never_be_freed)
{
	start();
	root_in_use()->page[0] = NULL;
	expect_breach(6, true);
}

TEST(audit_sees_a_root_that_could_be_freed_too_early)
{
	start();
	root_in_use()[1] = *root_in_use();
	expect_breach(6, true);
}

TEST(audit_sees_a_root_that_is_not_what_the_processor_walks)
{
	start();
	root_in_use()->hpa += PAGE;
	expect_breach(6, true);
}

TEST(audit_sees_a_pae_entry_that_is_not_what_the_processor_walks)
{
	struct mmu_vcpu *m = &vcpu(0)->m;

	guest_start(MODE_PAE, 1);
	guest_map(vcpu(0), VA, DATA, P | U, 1);
	expect_gpa(vcpu(0), VA, UREAD, DATA);
	m->pae_tables[m->root_nr][VA >> 30 & 3] += PAGE;
	expect_breach(6, true);
}
