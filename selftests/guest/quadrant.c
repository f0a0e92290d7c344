// SPDX-License-Identifier: GPL-2.0-only
/* 32-bit paging: four quadrants of a directory, two of a table, 4 MiB pages, PSE-36 (case 8). */
#include "kselftest_harness.h"
#include "modes.h"

#define FRAME(n) (DATA_GPA + (n) * PAGE_SIZE)

FIXTURE_IN_MODE(m32, MODE_32)

/* Both ends of each of the four gigabytes. */
TEST_F(m32, directory_quadrants)
{
	struct vcpu *v = self->v;
	u64 va[8], x;

	for (int i = 0; i < 8; i++) {
		va[i] = (i / 2) * 0x40000000ul + (i & 1 ? 0x3ffff000 : TEST_VA);
		pt_map(self->vm, va[i], FRAME(i), PTE_KERNEL);
	}
	for (int i = 0; i < 8; i++) {
		EXPECT_DONE(guest_write(v, va[i] + 4, 0x50 + i, 4));
	}
	for (int i = 0; i < 8; i++) {
		EXPECT_EQ(0x50 + i, vm_read(self->vm, FRAME(i) + 4, 4));
	}
	/* one directory entry goes; the other seven addresses stay */
	for (int gone = 0; gone < 8; gone++) {
		u64 pde = pt_entry(self->vm, va[gone], 2), entry = self->vm->root +
			pt_index(self->vm->fmt, va[gone], 2) * 4;

		ASSERT_DONE(guest_set_entry(v, entry, 0));
		ASSERT_DONE(guest_invlpg(v, va[gone]));
		for (int i = 0; i < 8; i++) {
			if (i == gone) {
				EXPECT_PF(guest_read(v, va[i], 4, &x), 0, va[i]);
			}
			else
				EXPECT_DONE(guest_read(v, va[i], 4, &x));
		}
		ASSERT_DONE(guest_set_entry(v, entry, pde));
	}
}

/* A table maps 4 MiB, a shadow table 2: entries 511 and 512 have different shadows. */
TEST_F(m32, table_quadrants)
{
	struct vcpu *v = self->v;
	u64 low = TEST_VA + 511 * PAGE_SIZE, high = TEST_VA + 512 * PAGE_SIZE, x;

	pt_map(self->vm, TEST_VA, FRAME(0), PTE_KERNEL);
	pt_map(self->vm, low, FRAME(1), PTE_KERNEL);
	pt_map(self->vm, high, FRAME(2), PTE_KERNEL);
	pt_map(self->vm, TEST_VA + 1023 * PAGE_SIZE, FRAME(3), PTE_KERNEL);
	for (int i = 0; i < 20; i++) {
		ASSERT_DONE(guest_write(v, low, i, 4));
		ASSERT_DONE(guest_write(v, high, i + 100, 4));
		ASSERT_DONE(guest_set_pte(v, low, 1, FRAME(4 + i) | PTE_KERNEL));
		ASSERT_DONE(guest_invlpg(v, low));
		ASSERT_DONE(guest_write(v, low, i + 200, 4));
		ASSERT_EQ(i + 200, vm_read(self->vm, FRAME(4 + i), 4));
		ASSERT_DONE(guest_read(v, high, 4, &x));
		ASSERT_EQ(i + 100, x);
		ASSERT_DONE(guest_set_pte(v, high, 1, FRAME(40 + i) | PTE_KERNEL));
		ASSERT_DONE(guest_invlpg(v, high));
		ASSERT_DONE(guest_write(v, high, i + 300, 4));
		ASSERT_EQ(i + 300, vm_read(self->vm, FRAME(40 + i), 4));
		ASSERT_DONE(guest_read(v, low, 4, &x));
		ASSERT_EQ(i + 200, x);
	}
	ASSERT_DONE(guest_write(v, TEST_VA + 1023 * PAGE_SIZE + 8, 77, 4));
	EXPECT_EQ(77, vm_read(self->vm, FRAME(3) + 8, 4));
}

/* One 8-byte write changes the last entry of one quadrant and the first of the next. */
TEST_F(m32, write_across_quadrants)
{
	struct vcpu *v = self->v;
	u64 low = TEST_VA + 511 * PAGE_SIZE, high = TEST_VA + 512 * PAGE_SIZE;
	u64 entry = pt_map(self->vm, low, FRAME(1), PTE_KERNEL);

	pt_map(self->vm, high, FRAME(2), PTE_KERNEL);
	EXPECT_DONE(guest_write(v, low, 1, 4));
	EXPECT_DONE(guest_write(v, high, 2, 4));
	*(u64 *)vm_ptr(self->vm, LOW_DATA) = (FRAME(3) | PTE_KERNEL) |
					     (FRAME(4) | PTE_KERNEL) << 32;
	v->regs.rsi = LOW_DATA;
	v->regs.rdi = entry;
	EXPECT_DONE(guest_insn(v, INSN32("movq (%%esi), %%xmm0; movq %%xmm0, (%%edi)")));
	EXPECT_DONE(guest_invlpg(v, low));
	EXPECT_DONE(guest_invlpg(v, high));
	EXPECT_DONE(guest_write(v, low, 3, 4));
	EXPECT_DONE(guest_write(v, high, 4, 4));
	EXPECT_EQ(3, vm_read(self->vm, FRAME(3), 4));
	EXPECT_EQ(4, vm_read(self->vm, FRAME(4), 4));
	EXPECT_EQ(1, vm_read(self->vm, FRAME(1), 4));
	EXPECT_EQ(2, vm_read(self->vm, FRAME(2), 4));
}

/* A directory entry is two sptes: both halves of the 4 MiB must follow it. */
TEST_F(m32, directory_write_moves_both_halves)
{
	struct vcpu *v = self->v;
	u64 lo = TEST_VA, hi = TEST_VA + 0x200000, other;

	pt_map(self->vm, lo, FRAME(1), PTE_KERNEL);
	pt_map(self->vm, hi, FRAME(2), PTE_KERNEL);
	other = pt_alloc_table(self->vm);
	pt_put(self->vm, other, FRAME(3) | PTE_KERNEL);
	pt_put(self->vm, other + 512 * 4, FRAME(4) | PTE_KERNEL);
	EXPECT_DONE(guest_write(v, lo, 1, 4));
	EXPECT_DONE(guest_write(v, hi, 2, 4));
	EXPECT_DONE(guest_set_pte(v, lo, 2, other | PTE_KERNEL));
	EXPECT_DONE(guest_set_cr(v, 3, self->vm->root));
	EXPECT_DONE(guest_write(v, lo, 3, 4));
	EXPECT_DONE(guest_write(v, hi, 4, 4));
	EXPECT_EQ(3, vm_read(self->vm, FRAME(3), 4));
	EXPECT_EQ(4, vm_read(self->vm, FRAME(4), 4));
	EXPECT_DONE(guest_set_pte(v, lo, 2, 0));
	EXPECT_DONE(guest_invlpg(v, lo));
	EXPECT_DONE(guest_invlpg(v, hi));
	EXPECT_PF(guest_write(v, lo, 3, 4), ERR_W, lo);
	EXPECT_PF(guest_write(v, hi, 3, 4), ERR_W, hi);
}

/* Without CR4.PSE the PS bit is ignored: the entry points to a table. */
TEST_F(m32, no_pse)
{
	struct vcpu *v = self->v;
	u64 cr4 = guest_get_cr(v, 4), x;

	pt_map(self->vm, TEST_VA + 0x5000, FRAME(1), PTE_KERNEL);
	*(u32 *)vm_ptr(self->vm, FRAME(1)) = 0x1111;
	EXPECT_DONE(guest_read(v, TEST_VA + 0x5000, 4, &x));
	EXPECT_EQ(0x1111, x);
	EXPECT_DONE(guest_set_cr(v, 4, cr4 & ~CR4_PSE));
	EXPECT_DONE(guest_set_pte(v, TEST_VA, 2, pt_entry(self->vm, TEST_VA, 2) | PTE_PS));
	EXPECT_DONE(guest_invlpg(v, TEST_VA + 0x5000));
	EXPECT_DONE(guest_read(v, TEST_VA + 0x5000, 4, &x));
	EXPECT_EQ(0x1111, x);
	/* with PSE it is a large page: the table lies below 4 MiB, so the frame is 0 */
	EXPECT_DONE(guest_set_pte(v, TEST_VA, 2, PTE_KERNEL | PTE_PS));
	EXPECT_DONE(guest_set_cr(v, 4, cr4));
	*(u32 *)vm_ptr(self->vm, LOW_DATA) = 0x2222;
	EXPECT_DONE(guest_read(v, TEST_VA + LOW_DATA, 4, &x));
	EXPECT_EQ(0x2222, x);
}

/* Bits 13 to 20 of a 4 MiB entry are bits 32 to 39 of the address. */
TEST_F(m32, pse36)
{
	struct vcpu *v = self->v;
	u64 gpa = 0x300000000, bytes = 4ul << 20, x;
	u8 *high = vm_alloc(bytes);

	if (!GUEST_HAS_PSE36(self->vm))
		SKIP(return, "no PSE-36");
	ASSERT_GE(guest_maxphyaddr(self->vm), 34);
	vm_set_slot(self->vm, 1, gpa, high, bytes, 0);
	pt_map_level(self->vm, TEST_VA, 0, (gpa >> 32) << 13 | PTE_KERNEL, 2);
	EXPECT_DONE(guest_write(v, TEST_VA + 0x3ff000, 0x5a5a, 4));
	EXPECT_EQ(0x5a5a, *(u32 *)(high + 0x3ff000));
	EXPECT_DONE(guest_write(v, TEST_VA + 0x1000, 0x3c3c, 4));
	EXPECT_EQ(0x3c3c, *(u32 *)(high + 0x1000));
	EXPECT_DONE(guest_read(v, LOW_DATA + 0x1000, 4, &x));
	EXPECT_NE(0x3c3c, x);
	vm_set_slot(self->vm, 1, gpa, NULL, 0, 0);
	munmap(high, bytes);
}

/* Bit 21 of a 4 MiB entry is reserved. */
TEST_F(m32, pse36_reserved_bit)
{
	pt_map_level(self->vm, TEST_VA, 0, 1ul << 21 | PTE_KERNEL, 2);
	EXPECT_PF(guest_read(self->v, TEST_VA, 4, NULL), ERR_P | ERR_R, TEST_VA);
	EXPECT_PF(guest_write(self->v, TEST_VA, 4, 4), ERR_P | ERR_R | ERR_W, TEST_VA);
}

/* The last page of the address space and the first are neighbours for nobody. */
TEST_F(m32, top_of_the_address_space)
{
	struct vcpu *v = self->v;
	u64 top = 0xfffff000;

	pt_map(self->vm, top, FRAME(9), PTE_KERNEL);
	EXPECT_DONE(guest_write(v, top + 0xffc, 0x99, 4));
	EXPECT_EQ(0x99, vm_read(self->vm, FRAME(9) + 0xffc, 4));
	EXPECT_DONE(guest_set_pte(v, top, 1, 0));
	EXPECT_DONE(guest_invlpg(v, top));
	EXPECT_PF(guest_read(v, top + 0xffc, 4, NULL), 0, top + 0xffc);
	EXPECT_DONE(guest_read(v, 0x1000, 4, NULL));
}

TEST_HARNESS_MAIN
