// SPDX-License-Identifier: GPL-2.0-only
/* PAE's four top entries are registers, loaded with CR3 (hard case 9). */
#include <sys/ioctl.h>

#include "kselftest_harness.h"
#include "paging.h"

#define FRAME(n) (DATA_GPA + (n) * PAGE_SIZE)
#define VA 0x40000000ul		/* the second PDPTE */

FIXTURE(pae) {
	struct vm *vm;
	struct vcpu *v;
	u64 pdpte, other;	/* gpa of the PDPTE, gpa of another directory */
};

FIXTURE_SETUP(pae)
{
	u64 table;

	self->vm = vm_create(MODE_PAE);
	self->v = &self->vm->vcpu[0];
	pt_map(self->vm, VA, FRAME(1), PTE_KERNEL);
	*(u32 *)vm_ptr(self->vm, FRAME(1)) = 0x101;
	*(u32 *)vm_ptr(self->vm, FRAME(2)) = 0x202;
	self->pdpte = self->vm->root + 8;
	self->other = pt_alloc_table(self->vm);
	table = pt_alloc_table(self->vm);
	pt_put(self->vm, self->other, table | PTE_KERNEL);
	pt_put(self->vm, table, FRAME(2) | PTE_KERNEL);
	/* take the new PDPTE into the registers */
	if (guest_set_cr(self->v, 3, self->vm->root).kind != OUT_DONE)
		die("mov to cr3");
}

FIXTURE_TEARDOWN(pae)
{
	vm_free(self->vm);
}

static u64 read_va(struct vcpu *v)
{
	u64 x = 0;
	struct result r = guest_read(v, VA, 4, &x);

	return r.kind == OUT_DONE ? x : r.kind == OUT_EXC ? 0xe000 + r.vector : 0xffff;
}

TEST_F(pae, memory_is_not_looked_at_until_cr3_is_loaded)
{
	struct vcpu *v = self->v;

	EXPECT_EQ(0x101, read_va(v));
	EXPECT_DONE(guest_set_entry(v, self->pdpte, self->other | PTE_P));
	EXPECT_EQ(0x101, read_va(v));
	EXPECT_DONE(guest_invlpg(v, VA));
	EXPECT_EQ(0x101, read_va(v));
	EXPECT_DONE(guest_set_cr(v, 3, self->vm->root));
	EXPECT_EQ(0x202, read_va(v));
	EXPECT_DONE(guest_set_entry(v, self->pdpte, 0));
	EXPECT_DONE(guest_invlpg(v, VA));
	EXPECT_EQ(0x202, read_va(v));
	EXPECT_DONE(guest_set_cr(v, 3, self->vm->root));
	EXPECT_EQ(0xe000 + VEC_PF, read_va(v));
	EXPECT_DONE(guest_set_entry(v, self->pdpte, self->other | PTE_P));
	EXPECT_EQ(0xe000 + VEC_PF, read_va(v));
	EXPECT_DONE(guest_set_cr(v, 3, self->vm->root));
	EXPECT_EQ(0x202, read_va(v));
}

TEST_F(pae, not_present)
{
	EXPECT_DONE(guest_set_entry(self->v, self->pdpte, 0));
	EXPECT_DONE(guest_set_cr(self->v, 3, self->vm->root));
	EXPECT_PF(guest_read(self->v, VA + 0x123000, 4, NULL), 0, VA + 0x123000);
	EXPECT_PF(guest_write(self->v, VA, 4, 4), ERR_W, VA);
}

/* mov to CR3 with a PDPTE that has reserved bits: #GP, and CR3 stays. */
TEST_F(pae, reserved_bits)
{
	struct vcpu *v = self->v;
	u64 old = self->other | PTE_P;

	for (int bit = 1; bit < 9; bit++) {
		if (bit == 3 || bit == 4)
			continue;		/* PWT and PCD */
		EXPECT_DONE(guest_set_entry(v, self->pdpte, old | 1ul << bit));
		EXPECT_EXC_ERR(guest_set_cr(v, 3, self->vm->root), VEC_GP, 0);
		EXPECT_EQ(0x101, read_va(v)) TH_LOG("bit %d", bit);
	}
	EXPECT_DONE(guest_set_entry(v, self->pdpte, old | 1ul << 63));
	EXPECT_EXC_ERR(guest_set_cr(v, 3, self->vm->root), VEC_GP, 0);
	EXPECT_EQ(0x101, read_va(v));
	EXPECT_DONE(guest_set_entry(v, self->pdpte, old));
	EXPECT_DONE(guest_set_cr(v, 3, self->vm->root));
	EXPECT_EQ(0x202, read_va(v));
}

/* They need 32 bytes of alignment only; several tops fit in a page, among other data. */
TEST_F(pae, top_inside_a_page)
{
	struct vcpu *v = self->v;
	u64 top = LOW_DATA + 0x7e0;

	memcpy(vm_ptr(self->vm, top), vm_ptr(self->vm, self->vm->root), 32);
	pt_put(self->vm, top + 8, self->other | PTE_P);
	for (int i = 0; i < 4; i++) {
		EXPECT_DONE(guest_set_cr(v, 3, top));
		EXPECT_EQ(0x202, read_va(v));
		EXPECT_DONE(guest_write(v, LOW_DATA + 0x700 + 4 * i, i, 4));
		EXPECT_DONE(guest_set_cr(v, 3, self->vm->root));
		EXPECT_EQ(0x101, read_va(v));
	}
	EXPECT_EQ(top, ({ guest_set_cr(v, 3, top); guest_get_cr(v, 3); }));
}

/* The four are independent, and each is a gigabyte. */
TEST_F(pae, all_four)
{
	struct vcpu *v = self->v;
	u64 va[4] = { TEST_VA, 0x40000000, 0x80000000, 0xc0000000 }, x;

	for (int i = 0; i < 4; i++)
		pt_map(self->vm, va[i], FRAME(10 + i), PTE_KERNEL);
	EXPECT_DONE(guest_set_cr(v, 3, self->vm->root));
	for (int i = 0; i < 4; i++) {
		EXPECT_DONE(guest_write(v, va[i], 0x70 + i, 4));
	}
	for (int i = 0; i < 4; i++) {
		EXPECT_EQ(0x70 + i, vm_read(self->vm, FRAME(10 + i), 4));
	}
	EXPECT_DONE(guest_set_entry(v, self->vm->root + 16, 0));
	EXPECT_DONE(guest_set_cr(v, 3, self->vm->root));
	for (int i = 0; i < 4; i++) {
		if (i == 2) {
			EXPECT_PF(guest_read(v, va[i], 4, &x), 0, va[i]);
		}
		else
			EXPECT_DONE(guest_read(v, va[i], 4, &x));
	}
}

/* The same directory twice: two addresses, one table. */
TEST_F(pae, two_pdptes_on_one_directory)
{
	struct vcpu *v = self->v;

	EXPECT_DONE(guest_set_entry(v, self->vm->root + 16, self->other | PTE_P));
	EXPECT_DONE(guest_set_entry(v, self->vm->root + 24, self->other | PTE_P));
	EXPECT_DONE(guest_set_cr(v, 3, self->vm->root));
	EXPECT_DONE(guest_write(v, 0x80000000, 0x33, 4));
	EXPECT_DONE(guest_read(v, 0xc0000000, 4, NULL));
	EXPECT_EQ(0x33, v->regs.rax);
	/* a write to the table shows at both */
	EXPECT_DONE(guest_set_entry(v, vm_read(self->vm, self->other, 4) & ~0xfffu,
				    FRAME(1) | PTE_KERNEL));
	EXPECT_DONE(guest_invlpg(v, 0x80000000));
	EXPECT_DONE(guest_invlpg(v, 0xc0000000));
	EXPECT_DONE(guest_read(v, 0x80000000, 4, NULL));
	EXPECT_EQ(0x101, v->regs.rax);
	EXPECT_DONE(guest_read(v, 0xc0000000, 4, NULL));
	EXPECT_EQ(0x101, v->regs.rax);
}

/* The page with the PDPTEs is plain data, at any rate of writes. */
TEST_F(pae, their_page_is_data)
{
	struct vcpu *v = self->v;

	v->regs.rdi = self->vm->root + 0x800;
	v->regs.rcx = 512;
	v->regs.rax = 0x12345678;
	EXPECT_DONE(guest_insn(v, INSN32("rep stosl")));
	EXPECT_EQ(0x12345678, vm_read(self->vm, self->vm->root + 0xffc, 4));
	EXPECT_EQ(0x101, read_va(v));
}

/* Paging off and on loads them too. */
TEST_F(pae, loaded_by_paging_on)
{
	struct vcpu *v = self->v;
	u64 cr0 = guest_get_cr(v, 0);

	EXPECT_DONE(guest_set_entry(v, self->pdpte, self->other | PTE_P));
	EXPECT_DONE(guest_set_cr(v, 0, cr0 & ~CR0_PG));
	EXPECT_DONE(guest_set_cr(v, 0, cr0));
	EXPECT_EQ(0x202, read_va(v));
}

TEST_F(pae, loaded_by_set_sregs)
{
	struct kvm_sregs s;

	EXPECT_DONE(guest_set_entry(self->v, self->pdpte, self->other | PTE_P));
	EXPECT_EQ(0x101, read_va(self->v));
	vcpu_get_sregs(self->v, &s);
	s.cr3 = self->vm->root + 0x800;
	memcpy(vm_ptr(self->vm, s.cr3), vm_ptr(self->vm, self->vm->root), 32);
	vcpu_set_sregs(self->v, &s);
	vcpu_load_tr(self->v);
	EXPECT_EQ(0x202, read_va(self->v));
}

TEST_HARNESS_MAIN
