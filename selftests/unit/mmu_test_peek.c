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
