// SPDX-License-Identifier: GPL-2.0-only
/*
 * Page tables in strange places: in themselves, at two levels at once, in read-only memory, in
 * MMIO, nowhere; and reserved bits at every level.
 */
#include <sys/ioctl.h>

#include "kselftest_harness.h"
#include "modes.h"

#define FRAME(n) (DATA_GPA + (n) * PAGE_SIZE)
#define SLOT_GPA 0x10000000ul

FIXTURE_IN_EVERY_MODE(tables)

/* The directory of TEST_VA lists itself: its tables appear as pages. */
TEST_F(tables, self_map)
{
	struct vcpu *v = self->v;
	struct vm *vm = self->vm;
	u64 step = pt_page_bytes(vm->fmt, 2), slot = TEST_VA + 8 * step, dir, pte_va, x;

	pt_map(vm, TEST_VA, FRAME(0), PTE_KERNEL);
	pt_map(vm, TEST_VA + PAGE_SIZE, FRAME(1), PTE_KERNEL);
	dir = pt_entry_gpa(vm, TEST_VA, 2) & ~0xffful;
	pt_put(vm, dir + pt_index(vm->fmt, slot, 2) * vm->fmt->entry_bytes, dir | PTE_KERNEL);
	/* through the self map, the page table of TEST_VA is the page at its directory index */
	pte_va = slot + pt_index(vm->fmt, TEST_VA, 2) * PAGE_SIZE +
		 pt_index(vm->fmt, TEST_VA, 1) * vm->fmt->entry_bytes;
	for (int i = 2; i < 20; i++) {
		*(u32 *)vm_ptr(vm, FRAME(i)) = 0x700 + i;
		ASSERT_DONE(guest_set_entry(v, pte_va, FRAME(i) | PTE_KERNEL));
		ASSERT_DONE(guest_invlpg(v, TEST_VA));
		ASSERT_DONE(guest_read(v, TEST_VA, 4, &x));
		ASSERT_EQ(0x700 + i, x);
		/* the walker's own A bit shows through the map */
		ASSERT_DONE(guest_read(v, pte_va, 4, &x));
		ASSERT_EQ(FRAME(i) | PTE_KERNEL | PTE_A, x & ~PTE_D);
	}
	/* the directory itself, through itself twice */
	pte_va = slot + pt_index(vm->fmt, slot, 2) * PAGE_SIZE +
		 pt_index(vm->fmt, TEST_VA, 2) * vm->fmt->entry_bytes;
	x = pt_entry(vm, TEST_VA, 2);
	ASSERT_DONE(guest_set_entry(v, pte_va, 0));
	ASSERT_DONE(guest_set_cr(v, 3, vm->root));
	EXPECT_PF(guest_read(v, TEST_VA, 4, NULL), 0, TEST_VA);
	ASSERT_DONE(guest_set_entry(v, pte_va, x));
	EXPECT_DONE(guest_read(v, TEST_VA, 4, NULL));
}

/* A table whose first entry maps the table itself, at each level but the top. */
TEST_F(tables, table_that_maps_itself)
{
	struct vcpu *v = self->v;
	u64 va = TEST_VA, pte = pt_map(self->vm, va, FRAME(0), PTE_KERNEL), table = pte & ~0xffful;
	u32 bytes = self->vm->fmt->entry_bytes;

	pt_put(self->vm, pte, table | PTE_KERNEL);
	pt_map(self->vm, va + PAGE_SIZE, FRAME(1), PTE_KERNEL);
	for (int i = 1; i < 12; i++) {
		ASSERT_DONE(guest_set_entry(v, va + bytes, FRAME(i) | PTE_KERNEL));
		ASSERT_DONE(guest_invlpg(v, va + PAGE_SIZE));
		ASSERT_DONE(guest_write(v, va + PAGE_SIZE, i, 4));
		ASSERT_EQ(i, vm_read(self->vm, FRAME(i), 4));
	}
	/* it takes away its own mapping, by a write through that very mapping */
	ASSERT_DONE(guest_write(v, va, 0, 4));
	ASSERT_DONE(guest_invlpg(v, va));
	EXPECT_PF(guest_write(v, va, 0, 4), ERR_W, va);
	EXPECT_DONE(guest_write(v, va + PAGE_SIZE, 1, 4));
}

/* One page as page table and as directory: the same entries mean frames here, tables there. */
TEST_F(tables, page_table_and_directory_at_once)
{
	struct vcpu *v = self->v;
	struct vm *vm = self->vm;
	u64 step = pt_page_bytes(vm->fmt, 2), as_pt = TEST_VA, page, leaf, x;
	u64 up = vm->fmt->is_long ? 3 : 0, as_dir = TEST_VA + (1ul << 34);

	if (!up)
		SKIP(return, "the directory's parent is not a table here");
	page = pt_alloc_table(vm);
	leaf = pt_alloc_table(vm);
	pt_put(vm, page, leaf | PTE_KERNEL);
	pt_put(vm, leaf, FRAME(0) | PTE_KERNEL);
	pt_put(vm, leaf + 8, FRAME(1) | PTE_KERNEL);
	pt_map(vm, as_pt + step, FRAME(5), PTE_KERNEL);
	pt_put(vm, pt_entry_gpa(vm, as_pt, 2), page | PTE_KERNEL);
	pt_map(vm, as_dir + (1ul << 31), FRAME(5), PTE_KERNEL);
	as_dir &= ~((1ul << 30) - 1);
	pt_put(vm, pt_entry_gpa(vm, as_dir, 3), page | PTE_KERNEL);
	*(u32 *)vm_ptr(vm, FRAME(0)) = 0x111;
	*(u32 *)vm_ptr(vm, FRAME(1)) = 0x222;
	EXPECT_DONE(guest_read(v, as_dir, 4, &x));
	EXPECT_EQ(0x111, x);
	/* as a page table it maps the leaf table as data: an entry of it is written there */
	EXPECT_DONE(guest_read(v, as_pt, 8, &x));
	EXPECT_EQ(FRAME(0) | PTE_KERNEL | PTE_A, x);
	EXPECT_DONE(guest_write(v, as_pt, FRAME(1) | PTE_KERNEL, 8));
	EXPECT_DONE(guest_invlpg(v, as_dir));
	EXPECT_DONE(guest_read(v, as_dir, 4, &x));
	EXPECT_EQ(0x222, x);
	/* and the page in both roles is changed: both must see it */
	EXPECT_DONE(guest_write(v, page, 0, 8));
	EXPECT_DONE(guest_set_cr(v, 3, vm->root));
	EXPECT_PF(guest_read(v, as_dir, 4, &x), 0, as_dir);
	EXPECT_PF(guest_read(v, as_pt, 4, &x), 0, as_pt);
	EXPECT_DONE(guest_write(v, page, leaf | PTE_KERNEL, 8));
	EXPECT_DONE(guest_read(v, as_dir, 4, &x));
	EXPECT_DONE(guest_read(v, as_pt, 4, &x));
}

/* Code that changes the entry which maps that very code. */
TEST_F(tables, code_remaps_itself)
{
	struct vcpu *v = self->v;
	struct vm *vm = self->vm;
	u64 pte = pt_map(vm, TEST_VA, FRAME(0), PTE_KERNEL);
	/* writes the entry, flushes, and goes on in the other frame, which says so */
	struct blob first = INSN("mov %%eax, (%%rbx); invlpg (%%rcx); nop;"
				  "mov $1, %%edx; int $0x40");
	struct blob second = INSN("mov %%eax, (%%rbx); invlpg (%%rcx); nop;"
				   "mov $2, %%edx; int $0x40");

	memcpy(vm_ptr(vm, FRAME(0)), first.bytes, first.len);
	memcpy(vm_ptr(vm, FRAME(1)), second.bytes, second.len);
	for (int i = 0; i < 6; i++) {
		v->regs.rax = FRAME((i + 1) & 1) | PTE_KERNEL;
		v->regs.rbx = pte;
		v->regs.rcx = TEST_VA;
		v->regs.rdx = 0;
		ASSERT_DONE(guest_exec(v, TEST_VA));
		EXPECT_EQ((i & 1) ? 1 : 2, v->regs.rdx) TH_LOG("round %d", i);
	}
}

/* The same for the stack: push after the remap goes to the new frame. */
TEST_F(tables, stack_remapped_while_in_use)
{
	struct vcpu *v = self->v;

	v->regs.rbx = pt_map(self->vm, TEST_VA, FRAME(0), PTE_KERNEL);
	v->regs.rax = FRAME(1) | PTE_KERNEL;
	v->regs.rcx = TEST_VA;
	EXPECT_DONE(guest_insn(v, self->vm->fmt->is_long ?
		INSN("lea 0x800(%%rcx), %%rsp; push $0x11; mov %%eax, (%%rbx);"
		     "invlpg (%%rcx); push $0x22; pop %%rdx; mov $0x7f00, %%esp") :
		INSN32("lea 0x800(%%ecx), %%esp; push $0x11; mov %%eax, (%%ebx);"
		       "invlpg (%%ecx); push $0x22; pop %%edx; mov $0x7f00, %%esp")));
	EXPECT_EQ(0x22, v->regs.rdx);
	EXPECT_EQ(0x11, vm_read(self->vm, FRAME(0) + 0x800 - (self->vm->fmt->is_long ? 8 : 4), 1));
	EXPECT_EQ(0x22, vm_read(self->vm, FRAME(1) + 0x800 - 2 * (self->vm->fmt->is_long ? 8 : 4),
				1));
}

/* A table in a read-only slot: it translates; A and D stay as they are (hard case 27). */
TEST_F(tables, in_a_read_only_slot)
{
	struct vcpu *v = self->v;
	u8 *mem = vm_alloc(2 * PAGE_SIZE);
	u64 entry = FRAME(3) | PTE_KERNEL, x;

	pt_map(self->vm, TEST_VA, FRAME(0), PTE_KERNEL);
	for (int ad = 0; ad < 2; ad++) {
		memcpy(mem, &entry, self->vm->fmt->entry_bytes);
		vm_set_slot(self->vm, 1, SLOT_GPA, mem, PAGE_SIZE, KVM_MEM_READONLY);
		pt_put(self->vm, pt_entry_gpa(self->vm, TEST_VA, 2), SLOT_GPA | PTE_KERNEL);
		EXPECT_DONE(guest_set_cr(v, 3, self->vm->root));
		*(u32 *)vm_ptr(self->vm, FRAME(3)) = 0x333;
		EXPECT_DONE(guest_read(v, TEST_VA, 4, &x));
		EXPECT_EQ(0x333, x);
		if (ad) {
			EXPECT_DONE(guest_write(v, TEST_VA, 0x334, 4));
			EXPECT_EQ(0x334, vm_read(self->vm, FRAME(3), 4));
		}
		EXPECT_EQ(0, memcmp(mem, &entry, self->vm->fmt->entry_bytes));
		entry |= PTE_A | PTE_D;
		vm_set_slot(self->vm, 1, SLOT_GPA, NULL, 0, 0);
	}
	munmap(mem, 2 * PAGE_SIZE);
}

/* A table where no memory is: some defined answer, and the vCPU can go on. */
TEST_F(tables, in_no_memory)
{
	struct vcpu *v = self->v;
	u64 pde, x;
	struct result r;

	pt_map(self->vm, TEST_VA, FRAME(0), PTE_KERNEL);
	pde = pt_entry(self->vm, TEST_VA, 2);
	ASSERT_DONE(guest_read(v, TEST_VA, 4, &x));
	ASSERT_DONE(guest_set_pte(v, TEST_VA, 2, 0xe0000000 | PTE_KERNEL));
	ASSERT_DONE(guest_set_cr(v, 3, self->vm->root));
	r = guest_read(v, TEST_VA, 4, &x);
	EXPECT_TRUE(r.kind == OUT_EXC || (r.kind == OUT_EXIT &&
		    (r.exit == KVM_EXIT_SHUTDOWN || r.exit == KVM_EXIT_INTERNAL_ERROR)))
		TH_LOG("%s", result_str(r));
	if (r.kind == OUT_EXC) {
		EXPECT_EQ(VEC_PF, r.vector);
	}
	v->run->exit_reason = r.kind == OUT_EXC ? KVM_EXIT_IO : KVM_EXIT_UNKNOWN;
	if (r.kind != OUT_EXC)
		return;
	ASSERT_DONE(guest_set_pte(v, TEST_VA, 2, pde));
	ASSERT_DONE(guest_set_cr(v, 3, self->vm->root));
	EXPECT_DONE(guest_read(v, TEST_VA, 4, &x));
}

/* CR3 itself points nowhere. */
TEST_F(tables, root_in_no_memory)
{
	struct result r = guest_set_cr(self->v, 3, 0x7f000000);

	EXPECT_TRUE(r.kind == OUT_EXIT || r.kind == OUT_EXC || r.kind == OUT_ERRNO)
		TH_LOG("%s", result_str(r));
}

/* The slot with a table in use is deleted and comes back with other contents. */
TEST_F(tables, slot_of_a_table_replaced)
{
	struct vcpu *v = self->v;
	u8 *mem = vm_alloc(2 * PAGE_SIZE);
	u64 a = FRAME(1) | PTE_KERNEL, b = FRAME(2) | PTE_KERNEL, x;

	memcpy(mem, &a, self->vm->fmt->entry_bytes);
	memcpy(mem + PAGE_SIZE, &b, self->vm->fmt->entry_bytes);
	*(u32 *)vm_ptr(self->vm, FRAME(1)) = 1;
	*(u32 *)vm_ptr(self->vm, FRAME(2)) = 2;
	pt_map(self->vm, TEST_VA, FRAME(0), PTE_KERNEL);
	pt_put(self->vm, pt_entry_gpa(self->vm, TEST_VA, 2), SLOT_GPA | PTE_KERNEL);
	for (int i = 0; i < 10; i++) {
		vm_set_slot(self->vm, 1, SLOT_GPA, mem + (i & 1) * PAGE_SIZE, PAGE_SIZE, 0);
		ASSERT_DONE(guest_read(v, TEST_VA, 4, &x));
		ASSERT_EQ(1 + (i & 1), x);
		vm_set_slot(self->vm, 1, SLOT_GPA, NULL, 0, 0);
	}
	munmap(mem, 2 * PAGE_SIZE);
}

/* Reserved bits: error code bit 3, whatever else the entry says (hard case 20). */
TEST_F(tables, reserved_bits)
{
	struct vcpu *v = self->v;
	const struct pt_format *fmt = self->vm->fmt;
	int width = guest_maxphyaddr(self->vm), top = fmt->is_long ? fmt->levels : 2;
	u64 va = fmt->is_long ? 1ul << (12 + 9 * (fmt->levels - 1)) : TEST_VA;

	if (fmt->entry_bytes == 4)
		SKIP(return, "32-bit entries have none, but for large pages");
	pt_map(self->vm, va, FRAME(0), PTE_USER);
	for (int level = 1; level <= top; level++) {
		u64 good = pt_entry(self->vm, va, level);
		u64 bits[3] = { 1ul << 51, 1ul << width, level >= 4 ? PTE_PS : 1ul << 51 };

		for (int i = 0; i < 3; i++) {
			if (bits[i] >= 1ul << 52 || (i < 2 && width == 52))
				continue;
			ASSERT_DONE(guest_set_pte(v, va, level, good | bits[i]));
			ASSERT_DONE(guest_invlpg(v, va));
			EXPECT_PF(guest_read(v, va, 4, NULL), ERR_P | ERR_R, va);
			EXPECT_PF(guest_write(v, va, 4, 4), ERR_P | ERR_R | ERR_W, va);
			v->user = true;
			EXPECT_PF(guest_read(v, va, 4, NULL), ERR_P | ERR_R | ERR_U, va);
			v->user = false;
			ASSERT_DONE(guest_set_pte(v, va, level, good));
			ASSERT_DONE(guest_invlpg(v, va));
			EXPECT_DONE(guest_read(v, va, 4, NULL));
		}
	}
}

/* Bits below the frame of a large page. */
TEST_F(tables, reserved_bits_of_a_large_page)
{
	struct vcpu *v = self->v;

	if (self->vm->fmt->entry_bytes == 4)
		SKIP(return, "PSE-36 has them: see quadrant");
	for (int bit = 13; bit < 21; bit++) {
		u64 va = TEST_VA + (bit - 13) * 0x200000ul;

		pt_map_level(self->vm, va, LARGE_GPA, PTE_KERNEL | 1ul << bit, 2);
		EXPECT_PF(guest_read(v, va, 4, NULL), ERR_P | ERR_R, va);
	}
	pt_map_level(self->vm, TEST_VA + 0x4000000, LARGE_GPA, PTE_KERNEL | 1ul << 12, 2);
	EXPECT_DONE(guest_read(v, TEST_VA + 0x4000000, 4, NULL));	/* bit 12 is PAT */
}

/* The guest's not-present entries may hold anything. */
TEST_F(tables, not_present_garbage)
{
	struct vcpu *v = self->v;
	u64 pte = pt_map(self->vm, TEST_VA, FRAME(0), PTE_KERNEL);

	for (int i = 1; i < 30; i++) {
		u64 junk = 0x9e3779b97f4a7c15ul * i & ~PTE_P;

		ASSERT_DONE(guest_set_entry(v, pte, junk));
		ASSERT_DONE(guest_invlpg(v, TEST_VA));
		EXPECT_PF(guest_read(v, TEST_VA, 4, NULL), 0, TEST_VA);
		EXPECT_PF(guest_write(v, TEST_VA, 4, 4), ERR_W, TEST_VA);
	}
}

TEST_HARNESS_MAIN
