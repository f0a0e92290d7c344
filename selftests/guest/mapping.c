// SPDX-License-Identifier: GPL-2.0-only
/* Mapping, unmapping and remapping in every paging mode; A/D bits, aliases, large pages. */
#include "kselftest_harness.h"
#include "modes.h"

FIXTURE_IN_EVERY_MODE(mapping)

#define FRAME(n) (DATA_GPA + (n) * PAGE_SIZE)

TEST_F(mapping, map_touch_unmap)
{
	struct vcpu *v = self->v;
	u64 x;

	EXPECT_PF(guest_read(v, TEST_VA, 4, &x), 0, TEST_VA);
	EXPECT_PF(guest_write(v, TEST_VA + 5, 1, 1), ERR_W, TEST_VA + 5);
	pt_map(self->vm, TEST_VA + PAGE_SIZE, FRAME(1), PTE_KERNEL);
	EXPECT_DONE(guest_set_pte(v, TEST_VA, 1, FRAME(0) | PTE_KERNEL));
	/* not present to present needs no flush */
	EXPECT_DONE(guest_write(v, TEST_VA + 8, 0xc0ffee, 4));
	EXPECT_EQ(0xc0ffee, vm_read(self->vm, FRAME(0) + 8, 4));
	EXPECT_DONE(guest_set_pte(v, TEST_VA, 1, 0));
	EXPECT_DONE(guest_invlpg(v, TEST_VA));
	EXPECT_PF(guest_read(v, TEST_VA, 4, &x), 0, TEST_VA);
	EXPECT_PF(guest_write(v, TEST_VA, 4, 4), ERR_W, TEST_VA);
	EXPECT_DONE(guest_read(v, TEST_VA + PAGE_SIZE, 4, &x));
}

TEST_F(mapping, remap)
{
	struct vcpu *v = self->v;
	u64 x;

	pt_map(self->vm, TEST_VA, FRAME(0), PTE_KERNEL);
	for (int i = 0; i < 64; i++) {
		u64 frame = FRAME(i * 7 % 64);

		ASSERT_DONE(guest_set_pte(v, TEST_VA, 1, frame | PTE_KERNEL));
		ASSERT_DONE(guest_invlpg(v, TEST_VA));
		ASSERT_DONE(guest_write(v, TEST_VA + 16, i + 100, 4));
		ASSERT_EQ(i + 100, vm_read(self->vm, frame + 16, 4));
		ASSERT_DONE(guest_read(v, TEST_VA + 16, 4, &x));
		ASSERT_EQ(i + 100, x);
	}
}

TEST_F(mapping, flush_by_cr3)
{
	struct vcpu *v = self->v;
	u64 x;

	pt_map(self->vm, TEST_VA, FRAME(0), PTE_KERNEL);
	for (int i = 0; i < 16; i++) {
		*(u32 *)vm_ptr(self->vm, FRAME(i)) = i;
		ASSERT_DONE(guest_set_pte(v, TEST_VA, 1, FRAME(i) | PTE_KERNEL));
		ASSERT_DONE(guest_set_cr(v, 3, self->vm->root));
		ASSERT_DONE(guest_read(v, TEST_VA, 4, &x));
		ASSERT_EQ(i, x);
	}
}

/* An entry of each upper level is taken away and given back. */
TEST_F(mapping, upper_levels)
{
	struct vcpu *v = self->v;
	int top = self->vm->fmt->is_long ? self->vm->fmt->levels : 2;
	u64 va = TEST_VA, saved, x;

	pt_map(self->vm, va, FRAME(3), PTE_KERNEL);
	*(u32 *)vm_ptr(self->vm, FRAME(3)) = 33;
	if (self->vm->fmt->is_long) {
		va = 1ul << (12 + 9 * (top - 1));	/* nothing else is under this entry */
		pt_map(self->vm, va, FRAME(3), PTE_KERNEL);
	}
	for (int level = 2; level <= top; level++) {
		saved = pt_entry(self->vm, va, level);
		EXPECT_DONE(guest_read(v, va, 4, &x));
		EXPECT_EQ(33, x);
		EXPECT_DONE(guest_set_pte(v, va, level, 0));
		EXPECT_DONE(guest_invlpg(v, va));
		EXPECT_PF(guest_read(v, va, 4, &x), 0, va);
		EXPECT_DONE(guest_set_pte(v, va, level, saved));
		EXPECT_DONE(guest_read(v, va, 4, &x));
	}
}

/* A table that is changed while nothing links to it (hard case 11). */
TEST_F(mapping, table_changed_while_unlinked)
{
	struct vcpu *v = self->v;
	u64 pde, pte = pt_map(self->vm, TEST_VA, FRAME(0), PTE_KERNEL), x;

	for (int i = 0; i < 8; i++) {
		*(u32 *)vm_ptr(self->vm, FRAME(i)) = i;
		ASSERT_DONE(guest_read(v, TEST_VA, 4, &x));
		pde = pt_entry(self->vm, TEST_VA, 2);
		ASSERT_DONE(guest_set_pte(v, TEST_VA, 2, 0));
		ASSERT_DONE(guest_invlpg(v, TEST_VA));
		ASSERT_DONE(guest_set_entry(v, pte, FRAME(i) | PTE_KERNEL));
		ASSERT_DONE(guest_set_pte(v, TEST_VA, 2, pde));
		ASSERT_DONE(guest_read(v, TEST_VA, 4, &x));
		ASSERT_EQ(i, x);
	}
}

TEST_F(mapping, accessed_and_dirty)
{
	struct vcpu *v = self->v;

	for (int level = 1; level <= 2; level++) {
		u64 va = TEST_VA + (level - 1) * 0x1000000;
		u64 gpa = level == 1 ? FRAME(0) : LARGE_GPA;
		u64 ad = PTE_A | PTE_D, entry;

		entry = pt_map_level(self->vm, va, gpa, PTE_KERNEL, level);
		EXPECT_EQ(0, pt_entry(self->vm, va, level) & ad);
		EXPECT_DONE(guest_read(v, va, 4, NULL));
		EXPECT_EQ(PTE_A, pt_entry(self->vm, va, level) & ad);
		EXPECT_DONE(guest_write(v, va, 1, 4));
		EXPECT_EQ(ad, pt_entry(self->vm, va, level) & ad);
		/* cleared, and flushed as it must be: set again */
		EXPECT_DONE(guest_set_entry(v, entry, pt_entry(self->vm, va, level) & ~ad));
		EXPECT_DONE(guest_invlpg(v, va));
		EXPECT_DONE(guest_write(v, va, 1, 4));
		EXPECT_EQ(ad, pt_entry(self->vm, va, level) & ad);
		EXPECT_DONE(guest_set_entry(v, entry, pt_entry(self->vm, va, level) & ~PTE_D));
		EXPECT_DONE(guest_invlpg(v, va));
		EXPECT_DONE(guest_read(v, va, 4, NULL));
		EXPECT_EQ(PTE_A, pt_entry(self->vm, va, level) & ad);
		EXPECT_DONE(guest_write(v, va, 1, 4));
		EXPECT_EQ(ad, pt_entry(self->vm, va, level) & ad);
	}
}

TEST_F(mapping, no_dirty_bit_on_a_fault)
{
	struct vcpu *v = self->v;

	pt_map(self->vm, TEST_VA, FRAME(0), PTE_P);
	EXPECT_PF(guest_write(v, TEST_VA, 1, 4), ERR_P | ERR_W, TEST_VA);
	EXPECT_EQ(0, pt_entry(self->vm, TEST_VA, 1) & PTE_D);
}

TEST_F(mapping, accessed_in_the_directory)
{
	struct vcpu *v = self->v;
	u64 pde;

	pt_map(self->vm, TEST_VA, FRAME(0), PTE_KERNEL);
	pde = pt_entry_gpa(self->vm, TEST_VA, 2);
	EXPECT_DONE(guest_read(v, TEST_VA, 4, NULL));
	EXPECT_EQ(PTE_A, vm_read(self->vm, pde, 4) & PTE_A);
	EXPECT_EQ(0, vm_read(self->vm, pde, 4) & PTE_D);
	EXPECT_DONE(guest_set_entry(v, pde, pt_entry(self->vm, TEST_VA, 2) & ~PTE_A));
	EXPECT_DONE(guest_set_cr(v, 3, self->vm->root));
	EXPECT_DONE(guest_read(v, TEST_VA, 4, NULL));
	EXPECT_EQ(PTE_A, vm_read(self->vm, pde, 4) & PTE_A);
}

/* One frame, three addresses, three sets of rights. */
TEST_F(mapping, aliases_with_different_rights)
{
	struct vcpu *v = self->v;
	u64 ro = TEST_VA, rw = TEST_VA + PAGE_SIZE, user = TEST_VA + 2 * PAGE_SIZE, x;

	pt_map(self->vm, ro, FRAME(0), PTE_P);
	pt_map(self->vm, rw, FRAME(0), PTE_KERNEL);
	pt_map(self->vm, user, FRAME(0), PTE_P | PTE_U);
	EXPECT_DONE(guest_write(v, rw, 0x77, 4));
	EXPECT_DONE(guest_read(v, ro, 4, &x));
	EXPECT_EQ(0x77, x);
	EXPECT_PF(guest_write(v, ro, 1, 4), ERR_P | ERR_W, ro);
	EXPECT_DONE(guest_write(v, rw, 0x78, 4));
	v->user = true;
	EXPECT_DONE(guest_read(v, user, 4, &x));
	EXPECT_EQ(0x78, x);
	EXPECT_PF(guest_write(v, user, 1, 4), ERR_P | ERR_W | ERR_U, user);
	EXPECT_PF(guest_read(v, rw, 4, NULL), ERR_P | ERR_U, rw);
	EXPECT_PF(guest_write(v, rw, 1, 4), ERR_P | ERR_W | ERR_U, rw);
}

/* One table under two directory entries with different rights (hard case 4). */
TEST_F(mapping, shared_table_different_parents)
{
	struct vcpu *v = self->v;
	u64 step = pt_page_bytes(self->vm->fmt, 2), a = TEST_VA, b = TEST_VA + step, table;

	pt_map(self->vm, a, FRAME(0), PTE_USER);
	table = pt_entry(self->vm, a, 2) & PTE_ADDR;
	pt_map(self->vm, b + 16 * step, FRAME(1), PTE_USER);	/* makes upper tables */
	for (int order = 0; order < 2; order++) {
		pt_put(self->vm, pt_entry_gpa(self->vm, a, 2), table | PTE_USER);
		pt_put(self->vm, pt_entry_gpa(self->vm, b, 2), table | PTE_P | PTE_U);
		v->user = true;
		if (order) {
			EXPECT_PF(guest_write(v, b, 1, 4), ERR_P | ERR_W | ERR_U, b);
		}
		EXPECT_DONE(guest_write(v, a, 1, 4));
		EXPECT_PF(guest_write(v, b, 1, 4), ERR_P | ERR_W | ERR_U, b);
		EXPECT_DONE(guest_read(v, b, 4, NULL));
		EXPECT_PF(guest_write(v, b, 1, 4), ERR_P | ERR_W | ERR_U, b);
		EXPECT_DONE(guest_write(v, a, 1, 4));
		v->user = false;
		ASSERT_DONE(guest_set_pte(v, b, 2, table | PTE_P));	/* supervisor's now */
		ASSERT_DONE(guest_set_cr(v, 3, self->vm->root));
		v->user = true;
		EXPECT_PF(guest_read(v, b, 4, NULL), ERR_P | ERR_U, b);
		EXPECT_DONE(guest_write(v, a, 1, 4));
		v->user = false;
		EXPECT_DONE(guest_read(v, b, 4, NULL));
		a += 2 * step;
		b += 2 * step;
		pt_map(self->vm, a, FRAME(0), PTE_USER);
		table = pt_entry(self->vm, a, 2) & PTE_ADDR;
	}
}

TEST_F(mapping, large_page)
{
	struct vcpu *v = self->v;
	u64 size = pt_page_bytes(self->vm->fmt, 2), va = TEST_VA, x;

	pt_map_level(self->vm, va, LARGE_GPA, PTE_KERNEL, 2);
	for (u64 off = 0; off < size; off += size / 16) {
		ASSERT_DONE(guest_write(v, va + off, off + 1, 4));
		ASSERT_EQ(off + 1, vm_read(self->vm, LARGE_GPA + off, 4));
	}
	ASSERT_DONE(guest_read(v, va + size - 4, 4, &x));
	EXPECT_PF(guest_read(v, va + size, 4, &x), 0, va + size);
	/* moved to another frame */
	ASSERT_DONE(guest_set_pte(v, va, 2, (LARGE_GPA + size) | PTE_KERNEL | PTE_PS));
	ASSERT_DONE(guest_invlpg(v, va));
	ASSERT_DONE(guest_write(v, va + 0x5004, 0xbeef, 4));
	EXPECT_EQ(0xbeef, vm_read(self->vm, LARGE_GPA + size + 0x5004, 4));
}

/* A large page and small pages over the same frames, with rights of their own. */
TEST_F(mapping, large_page_with_small_aliases)
{
	struct vcpu *v = self->v;
	u64 size = pt_page_bytes(self->vm->fmt, 2), big = TEST_VA, small = TEST_VA + 4 * size, x;

	pt_map_level(self->vm, big, LARGE_GPA, PTE_KERNEL, 2);
	pt_map(self->vm, small, LARGE_GPA + 0x3000, PTE_P);
	EXPECT_DONE(guest_write(v, big + 0x3000, 5, 4));
	EXPECT_DONE(guest_read(v, small, 4, &x));
	EXPECT_EQ(5, x);
	EXPECT_PF(guest_write(v, small, 6, 4), ERR_P | ERR_W, small);
	EXPECT_DONE(guest_write(v, big + 0x3000, 7, 4));
	EXPECT_DONE(guest_set_pte(v, big, 2, LARGE_GPA | PTE_P | PTE_PS));
	EXPECT_DONE(guest_invlpg(v, big));
	EXPECT_PF(guest_write(v, big + 0x3000, 8, 4), ERR_P | ERR_W, big + 0x3000);
	EXPECT_DONE(guest_set_pte(v, small, 1, (LARGE_GPA + 0x3000) | PTE_KERNEL));
	EXPECT_DONE(guest_invlpg(v, small));
	EXPECT_DONE(guest_write(v, small, 9, 4));
	EXPECT_PF(guest_write(v, big + 0x3000, 8, 4), ERR_P | ERR_W, big + 0x3000);
}

/* Two large entries for one frame, one writable, one not (hard case 5). */
TEST_F(mapping, large_page_read_write_and_read_only)
{
	struct vcpu *v = self->v;
	u64 size = pt_page_bytes(self->vm->fmt, 2), rw = TEST_VA, ro = TEST_VA + size;

	pt_map_level(self->vm, rw, LARGE_GPA, PTE_KERNEL, 2);
	pt_map_level(self->vm, ro, LARGE_GPA, PTE_P, 2);
	for (int i = 0; i < 3; i++) {
		EXPECT_DONE(guest_write(v, rw + 0x1000 * i, 1, 4));
		EXPECT_PF(guest_write(v, ro + 0x1000 * i, 1, 4), ERR_P | ERR_W,
			  ro + 0x1000 * i);
		EXPECT_DONE(guest_read(v, ro + 0x1000 * i, 4, NULL));
		EXPECT_DONE(guest_write(v, rw + 0x1000 * i, 1, 4));
	}
}

/* A large entry becomes a table with the same gfn as the large frame, and back (hard case 1). */
TEST_F(mapping, large_page_becomes_table_at_the_same_frame)
{
	struct vcpu *v = self->v;
	u64 va = TEST_VA, entry, x;

	entry = pt_map_level(self->vm, va, LARGE_GPA, PTE_KERNEL, 2);
	for (int i = 0; i < 4; i++) {
		ASSERT_DONE(guest_set_entry(v, va, FRAME(i) | PTE_KERNEL));
		*(u32 *)vm_ptr(self->vm, FRAME(i)) = 0x600 + i;
		ASSERT_DONE(guest_set_entry(v, entry, LARGE_GPA | PTE_KERNEL));
		ASSERT_DONE(guest_invlpg(v, va));
		ASSERT_DONE(guest_read(v, va, 4, &x));
		ASSERT_EQ(0x600 + i, x);
		ASSERT_DONE(guest_set_entry(v, entry, LARGE_GPA | PTE_KERNEL | PTE_PS));
		ASSERT_DONE(guest_invlpg(v, va));
		ASSERT_DONE(guest_read(v, va, 4, &x));
		ASSERT_EQ(FRAME(i) | PTE_KERNEL, x & ~(PTE_A | PTE_D));
	}
}

/* A large page is mapped, and one of its frames turns into a page table. */
TEST_F(mapping, table_inside_a_large_page)
{
	struct vcpu *v = self->v;
	u64 size = pt_page_bytes(self->vm->fmt, 2), big = TEST_VA + 8 * size, va = TEST_VA, x;
	u64 table = LARGE_GPA + 0x5000;

	pt_map_level(self->vm, big, LARGE_GPA, PTE_KERNEL | PTE_A | PTE_D, 2);
	pt_map(self->vm, va, FRAME(0), PTE_KERNEL);
	for (int i = 0; i < 8; i++)
		*(u32 *)vm_ptr(self->vm, FRAME(i)) = 0x800 + i;
	ASSERT_DONE(guest_write(v, big + 0x1000, 1, 4));
	ASSERT_DONE(guest_set_entry(v, big + 0x5000, FRAME(1) | PTE_KERNEL));
	ASSERT_DONE(guest_set_pte(v, va, 2, table | PTE_KERNEL));
	ASSERT_DONE(guest_set_cr(v, 3, self->vm->root));
	for (int i = 1; i < 8; i++) {
		ASSERT_DONE(guest_read(v, va, 4, &x));
		ASSERT_EQ(0x800 + i, x);
		ASSERT_DONE(guest_write(v, big + 0x1000, i, 4));
		ASSERT_DONE(guest_set_entry(v, big + 0x5000, FRAME((i + 1) % 8) | PTE_KERNEL));
		ASSERT_DONE(guest_invlpg(v, va));
	}
}

TEST_F(mapping, gigabyte_page)
{
	struct vcpu *v = self->v;
	u64 va = 0x4000000000, small = va + (1ul << 30), x;

	if (!self->vm->fmt->is_long || !GUEST_HAS_GBPAGES(self->vm))
		SKIP(return, "no 1 GiB pages here");
	pt_map_level(self->vm, va, 0, PTE_KERNEL, 3);
	pt_map(self->vm, small, FRAME(9), PTE_P);
	EXPECT_DONE(guest_write(v, va + FRAME(9), 99, 4));
	EXPECT_DONE(guest_read(v, small, 4, &x));
	EXPECT_EQ(99, x);
	EXPECT_DONE(guest_write(v, va + LARGE_GPA + 0x123000, 98, 4));
	EXPECT_EQ(98, vm_read(self->vm, LARGE_GPA + 0x123000, 4));
	EXPECT_EQ(PTE_A | PTE_D, pt_entry(self->vm, va, 3) & (PTE_A | PTE_D));
	/* it covers page tables too, which must stay what the guest thinks they are */
	pt_map(self->vm, small + PAGE_SIZE, FRAME(1), PTE_P);
	EXPECT_DONE(guest_write(v, va + pt_entry_gpa(self->vm, small, 1), FRAME(8) | PTE_KERNEL,
				8));
	EXPECT_DONE(guest_invlpg(v, small));
	EXPECT_DONE(guest_write(v, small, 88, 4));
	EXPECT_EQ(88, vm_read(self->vm, FRAME(8), 4));
}

/* Thousands of translations of one frame, then all taken away (hard case 10). */
TEST_F(mapping, many_aliases_of_one_page)
{
	struct vcpu *v = self->v;
	int n = 200;

	for (int i = 0; i < n; i++)
		pt_map(self->vm, TEST_VA + i * PAGE_SIZE, FRAME(0), PTE_KERNEL);
	for (int i = 0; i < n; i++) {
		ASSERT_DONE(guest_write(v, TEST_VA + i * PAGE_SIZE, i, 4));
	}
	EXPECT_EQ(n - 1, vm_read(self->vm, FRAME(0), 4));
	/* the frame becomes a page table: no alias may write it unseen */
	memset(vm_ptr(self->vm, FRAME(0)), 0, PAGE_SIZE);
	pt_map(self->vm, TEST_VA + 0x2000000, FRAME(1), PTE_KERNEL);
	ASSERT_DONE(guest_set_pte(v, TEST_VA + 0x2000000, 2, FRAME(0) | PTE_KERNEL));
	ASSERT_DONE(guest_set_cr(v, 3, self->vm->root));
	for (int i = 0; i < n; i += 10) {
		ASSERT_DONE(guest_set_entry(v, TEST_VA + i * PAGE_SIZE,
					    FRAME(2 + i) | PTE_KERNEL));
		ASSERT_DONE(guest_invlpg(v, TEST_VA + 0x2000000));
		ASSERT_DONE(guest_write(v, TEST_VA + 0x2000000, 0x900 + i, 4));
		ASSERT_EQ(0x900 + i, vm_read(self->vm, FRAME(2 + i), 4));
	}
}

/* An access that crosses pages with different rights: CR2 says which one it was. */
TEST_F(mapping, page_crossing)
{
	struct vcpu *v = self->v;
	u64 edge = TEST_VA + PAGE_SIZE, x;

	pt_map(self->vm, TEST_VA, FRAME(5), PTE_KERNEL);
	pt_map(self->vm, edge, FRAME(2), PTE_KERNEL);
	EXPECT_DONE(guest_write(v, edge - 2, 0x44332211, 4));
	EXPECT_EQ(0x2211, vm_read(self->vm, FRAME(6) - 2, 2));
	EXPECT_EQ(0x4433, vm_read(self->vm, FRAME(2), 2));
	EXPECT_DONE(guest_read(v, edge - 1, 4, &x));
	EXPECT_EQ(0x443322, x & 0xffffff);
	EXPECT_DONE(guest_set_pte(v, edge, 1, FRAME(2) | PTE_P));
	EXPECT_DONE(guest_invlpg(v, edge));
	EXPECT_PF(guest_write(v, edge - 2, 0, 4), ERR_P | ERR_W, edge);
	EXPECT_EQ(0x2211, vm_read(self->vm, FRAME(6) - 2, 2));
	EXPECT_DONE(guest_set_pte(v, edge, 1, 0));
	EXPECT_DONE(guest_invlpg(v, edge));
	EXPECT_PF(guest_read(v, edge - 2, 4, &x), 0, edge);
}

TEST_HARNESS_MAIN
