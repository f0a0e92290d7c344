// SPDX-License-Identifier: GPL-2.0-only
/* What the oracle allows of stale translations, and for how long. */
#include "tap.h"

#include "guest.h"

#define VA	0x12345000ull
#define BEFORE	(DATA + 0x1000)
#define AFTER	(DATA + 0x2000)

/* VA led to BEFORE with @bits, and the guest's table now says AFTER. */
static struct vcpu *start(enum mode mode, u64 cr4, u64 bits)
{
	struct vcpu *v;

	guest_start(mode, 1);
	v = vcpu(0);
	guest_mode(v, mode, 0, cr4, 0);
	guest_map(v, VA, BEFORE, P | W | U | A | D | bits, 1);
	guest_flush(v);
	entry_set(v, VA, 1, AFTER | P | W | U | A | D | bits);
	return v;
}

static bool allows(struct vcpu *v, gpa_t gpa)
{
	struct outcome out = { .kind = OUT_RAM, .emulated = true, .gpa = gpa, .since = mach.now };

	return oracle_allows(v, VA, &READ_, &out);
}

TEST(oracle_stale_until_the_guest_flushes)
{
	struct vcpu *v = start(MODE_LONG, 0, 0);

	CHECK(allows(v, BEFORE));
	CHECK(allows(v, AFTER));
	guest_flush(v);
	CHECK(!allows(v, BEFORE));
	CHECK(allows(v, AFTER));
}

TEST(oracle_cr3_load_ends_what_is_not_global)
{
	struct vcpu *v = start(MODE_LONG, CR4_PGE, 0);

	CHECK(allows(v, BEFORE));
	CHECK(!guest_set_cr3(v, v->regs.cr3));
	CHECK(!allows(v, BEFORE));
	CHECK(allows(v, AFTER));
}

TEST(oracle_global_leaf_outlives_cr3_loads)
{
	enum mode mode;

	for (mode = MODE_32; mode < NR_MODES; mode++) {
		struct vcpu *v = start(mode, CR4_PGE, G);
		u64 root = v->regs.cr3;
		int i;

		for (i = 0; i < 3; i++) {
			CHECK(!guest_set_cr3(v, root_new(v)));
			CHECK(allows(v, BEFORE));
		}
		CHECK(!guest_set_cr3(v, root));
		CHECK(allows(v, BEFORE));
		guest_invlpg(v, VA);
		CHECK(!allows(v, BEFORE));
		CHECK(allows(v, AFTER));
	}
}

TEST(oracle_global_bit_without_pge_means_nothing)
{
	struct vcpu *v = start(MODE_LONG, 0, G);

	CHECK(!guest_set_cr3(v, v->regs.cr3));
	CHECK(!allows(v, BEFORE));
}

TEST(oracle_pge_toggle_ends_global_leaves)
{
	struct vcpu *v = start(MODE_LONG, CR4_PGE, G);

	guest_set_mode(v, v->regs.cr0, v->regs.cr4 ^ CR4_PGE, v->regs.efer);
	CHECK(!allows(v, BEFORE));
	guest_set_mode(v, v->regs.cr0, v->regs.cr4 ^ CR4_PGE, v->regs.efer);
	CHECK(!allows(v, BEFORE));
	CHECK(allows(v, AFTER));
}

TEST(oracle_global_leaf_serves_all_pcids)
{
	struct vcpu *v = start(MODE_LONG, CR4_PGE | CR4_PCIDE, G);

	CHECK(!guest_set_cr3_noflush(v, root_new(v) | 1));
	CHECK(allows(v, BEFORE));
	guest_invlpg(v, VA);
	CHECK(!allows(v, BEFORE));
}

TEST(oracle_pcid_keeps_its_own)
{
	struct vcpu *v = start(MODE_LONG, CR4_PCIDE, 0);
	u64 root = v->regs.cr3;

	CHECK(!guest_set_cr3_noflush(v, root_new(v) | 1));
	CHECK(!allows(v, BEFORE));
	CHECK(!guest_set_cr3_noflush(v, root));
	CHECK(allows(v, BEFORE));
	CHECK(!guest_set_cr3(v, root));
	CHECK(!allows(v, BEFORE));
}

/* What was known of the old table before the INVLPG may be used, but the table is read no more. */
TEST(oracle_invlpg_ends_links_of_all_addresses)
{
	const u64 window = 0x80001000, twin = VA + 0x200000;
	struct vcpu *v = vcpu(0);
	gpa_t pte;

	guest_start(MODE_LONG, 1);
	guest_map(v, VA, BEFORE, P | W | U, 1);
	guest_map(v, twin, AFTER, P | W | U, 1);
	pte = entry_at(v, VA, 1);
	guest_map(v, window, pte & ~(PAGE - 1), P | W | U, 1);
	guest_flush(v);
	entry_set(v, VA, 2, entry_get(v, twin, 2));
	guest_store(v, window + pte % PAGE, (DATA + 0x3000) | P | W | U, 8);
	CHECK(allows(v, AFTER));
	CHECK(allows(v, DATA + 0x3000));
	guest_invlpg(v, window);
	guest_store(v, window + pte % PAGE, (DATA + 0x4000) | P | W | U, 8);
	CHECK(allows(v, AFTER));
	CHECK(allows(v, DATA + 0x3000));
	CHECK(!allows(v, DATA + 0x4000));
	machine_done();
}
