// SPDX-License-Identifier: GPL-2.0-only
/* Addresses that are read without a walk of the guest's tables. */
#include "tap.h"

#include "guest.h"

#define VA	0x400000ull

static void peek(enum mode mode, unsigned int bits)
{
	u64 high = ~0ull << (bits - 1), data, low = VA, i;
	struct vcpu *v = vcpu(0);

	guest_start(mode, 1);
	guest_map(v, low, DATA, P | W | A | D, 1);
	guest_map(v, high | low, DATA + PAGE, P | W | A | D, 1);
	expect_gpa(v, low, READ_, DATA);
	expect_gpa(v, high | low, READ_, DATA + PAGE);
	CHECK(mmu_peek(&v->m, low, &data));
	CHECK(mmu_peek(&v->m, high | low, &data));
	CHECK_EQ(mmu_fetch(&v->m, low, &data, 8), 8);
	for (i = bits; i < 64; i++) {
		CHECK(!mmu_peek(&v->m, low ^ 1ull << i, &data));
		CHECK(!mmu_peek(&v->m, (high | low) ^ 1ull << i, &data));
		CHECK_EQ(mmu_fetch(&v->m, low ^ 1ull << i, &data, 8), 0);
	}
	machine_done();
}

TEST(peek_needs_a_canonical_address)
{
	peek(MODE_LONG, 48);
	peek(MODE_LA57, 57);
}

static u64 leaf_at(struct vcpu *v, u64 va)
{
	u64 entry = v->m.root_hpa & GENMASK_ULL(51, 12);
	int level;

	for (level = 4; level >= 1; level--) {
		entry = table_at(entry)[va >> (3 + 9 * level) & 511];
		if (!(entry & P))
			return 0;
		entry &= level > 1 ? GENMASK_ULL(51, 12) : ~0ull;
	}
	return entry;
}

/* A device's memory: mapped as the host maps it, one page at a time, and not read by the kernel. */
TEST(foreign_memory_is_mapped_and_not_peeked_at)
{
	struct vcpu *v = vcpu(0);
	u64 data, spte;

	guest_start(MODE_LONG, 1);
	guest_map(v, VA, DATA, P | W | A | D, 1);
	guest_map(v, VA + PAGE, DATA + PAGE, P | W | A | D, 1);
	gfn_page(DATA / PAGE)->foreign = true;
	gfn_page(DATA / PAGE)->memtype = 1 << 4 | 1 << 7;
	expect_gpa(v, VA, WRITE_, DATA);
	expect_gpa(v, VA + PAGE, READ_, DATA + PAGE);
	CHECK_EQ(mmu_fetch(&v->m, VA, &data, 8), 0);
	CHECK(!mmu_peek(&v->m, VA, &data));
	CHECK_EQ(mmu_fetch(&v->m, VA + PAGE, &data, 8), 8);
	spte = leaf_at(v, VA);
	CHECK_EQ(spte & (1 << 3 | 1 << 4 | 1 << 7), 1 << 4 | 1 << 7);
	spte = leaf_at(v, VA + PAGE);
	CHECK_EQ(spte & (1 << 3 | 1 << 4 | 1 << 7), 0);
	/* The device takes it back. */
	host_unmap(DATA / PAGE);
	CHECK(!leaf_at(v, VA));
	machine_done();
}
