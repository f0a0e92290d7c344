// SPDX-License-Identifier: GPL-2.0-only
/* What flushes and what does not: global pages, CR4 and CR0 toggles, PCID, INVPCID. */
#include <stdlib.h>
#include <sys/ioctl.h>

#include "kselftest_harness.h"
#include "paging.h"

#define FRAME(n) (DATA_GPA + (n) * PAGE_SIZE)
#define MANY_TABLES 0x2000000ul

FIXTURE(tlb) {
	struct vm *vm;
	struct vcpu *v;
	u64 pte, cr4;
};

FIXTURE_SETUP(tlb)
{
	struct kvm_sregs sregs;

	self->vm = vm_create(MODE_LONG4);
	self->v = &self->vm->vcpu[0];
	self->pte = pt_map(self->vm, TEST_VA, FRAME(0), PTE_KERNEL | PTE_G);
	for (int i = 0; i < 16; i++)
		*(u32 *)vm_ptr(self->vm, FRAME(i)) = 0x40 + i;
	vcpu_get_sregs(self->v, &sregs);
	self->cr4 = sregs.cr4;
}

FIXTURE_TEARDOWN(tlb)
{
	vm_free(self->vm);
}

static u64 value_at(struct vcpu *v, u64 va)
{
	u64 x = 0;
	struct result r = guest_read(v, va, 4, &x);

	return r.kind == OUT_DONE ? x : 0xe000 + r.vector;
}

#define MOVE_TO(n) ASSERT_DONE(guest_write(self->v, self->pte, FRAME(n) | PTE_KERNEL | PTE_G, 8))
#define EXPECT_FRAME(n) EXPECT_EQ(0x40 + (n), value_at(self->v, TEST_VA))

TEST_F(tlb, global_pages_and_cr4)
{
	EXPECT_FRAME(0);
	for (int i = 1; i < 5; i++) {
		MOVE_TO(i);
		ASSERT_DONE(guest_set_cr(self->v, 4, self->cr4 & ~CR4_PGE));
		EXPECT_FRAME(i);
		ASSERT_DONE(guest_set_cr(self->v, 4, self->cr4));
		EXPECT_FRAME(i);
	}
	MOVE_TO(5);
	ASSERT_DONE(guest_invlpg(self->v, TEST_VA));
	EXPECT_FRAME(5);
}

TEST_F(tlb, paging_mode_bits_flush_too)
{
	EXPECT_FRAME(0);
	MOVE_TO(1);
	ASSERT_DONE(guest_set_cr(self->v, 4, self->cr4 ^ CR4_PGE));
	ASSERT_DONE(guest_set_cr(self->v, 4, self->cr4));
	EXPECT_FRAME(1);
	if (!GUEST_HAS_SMEP(self->vm))
		return;
	MOVE_TO(2);
	ASSERT_DONE(guest_invlpg(self->v, TEST_VA));
	ASSERT_DONE(guest_set_cr(self->v, 4, self->cr4 | CR4_SMEP));
	EXPECT_FRAME(2);
}

/* A page that user mode may execute stops being executable for the kernel. */
TEST_F(tlb, smep_toggled)
{
	u64 va = TEST_VA + PAGE_SIZE;

	if (!GUEST_HAS_SMEP(self->vm))
		SKIP(return, "no SMEP");
	pt_map(self->vm, va, FRAME(1), PTE_USER);
	put_exec_target(self->vm, FRAME(1));
	for (int i = 0; i < 4; i++) {
		EXPECT_DONE(guest_exec(self->v, va));
		ASSERT_DONE(guest_set_cr(self->v, 4, self->cr4 | CR4_SMEP));
		EXPECT_PF(guest_exec(self->v, va), ERR_P | ERR_I, va);
		ASSERT_DONE(guest_set_cr(self->v, 4, self->cr4));
	}
}

TEST_F(tlb, smap_toggled)
{
	u64 va = TEST_VA + PAGE_SIZE;

	if (!GUEST_HAS_SMAP(self->vm))
		SKIP(return, "no SMAP");
	pt_map(self->vm, va, FRAME(1), PTE_USER);
	for (int i = 0; i < 4; i++) {
		EXPECT_DONE(guest_write(self->v, va, i, 4));
		ASSERT_DONE(guest_set_cr(self->v, 4, self->cr4 | CR4_SMAP));
		EXPECT_PF(guest_read(self->v, va, 4, NULL), ERR_P, va);
		EXPECT_PF(guest_write(self->v, va, 4, 4), ERR_P | ERR_W, va);
		self->v->regs.rbx = va;
		EXPECT_DONE(guest_insn(self->v, INSN("stac; mov (%%rbx), %%eax; clac")));
		EXPECT_PF(guest_insn(self->v,
				     INSN("stac; mov (%%rbx), %%eax; clac; mov (%%rbx), %%eax")),
			  ERR_P, va);
		ASSERT_DONE(guest_set_cr(self->v, 4, self->cr4));
	}
}

TEST_F(tlb, wp_toggled)
{
	u64 cr0 = guest_get_cr(self->v, 0), va = TEST_VA + PAGE_SIZE;

	pt_map(self->vm, va, FRAME(1), PTE_P);
	for (int i = 0; i < 4; i++) {
		EXPECT_PF(guest_write(self->v, va, i, 4), ERR_P | ERR_W, va);
		ASSERT_DONE(guest_set_cr(self->v, 0, cr0 & ~CR0_WP));
		EXPECT_DONE(guest_write(self->v, va, i, 4));
		EXPECT_EQ(i, vm_read(self->vm, FRAME(1), 4));
		ASSERT_DONE(guest_set_cr(self->v, 0, cr0));
	}
}

/* Two address spaces, switched often, changed while they are not in use. */
TEST_F(tlb, two_address_spaces)
{
	struct vcpu *v = self->v;
	u64 root[2] = { self->vm->root, pt_alloc_table(self->vm) }, pte[2];

	memcpy(vm_ptr(self->vm, root[1]), vm_ptr(self->vm, root[0]), PAGE_SIZE);
	pte[0] = pt_map(self->vm, 1ul << 40, FRAME(0), PTE_KERNEL);
	self->vm->root = root[1];
	pte[1] = pt_map(self->vm, 1ul << 40, FRAME(1), PTE_KERNEL);
	self->vm->root = root[0];
	for (int i = 0; i < 12; i++) {
		ASSERT_DONE(guest_set_cr(v, 3, root[i & 1]));
		ASSERT_EQ(0x40 + i, value_at(v, 1ul << 40));
		/* the other one, for the round after the next */
		ASSERT_DONE(guest_write(v, pte[!(i & 1)], FRAME(i + 1) | PTE_KERNEL, 8));
	}
}

/* As processors define it: CR4.PCIDE needs CR3 with PCID 0; bit 63 keeps the translations. */
TEST_F(tlb, pcid)
{
	struct vcpu *v = self->v;
	u64 root = self->vm->root;

	if (!GUEST_HAS_PCID(self->vm))
		SKIP(return, "no PCID in CPUID");
	self->pte = pt_map(self->vm, TEST_VA, FRAME(0), PTE_KERNEL);
	ASSERT_DONE(guest_set_cr(v, 3, root | 0x18));	/* PWT and PCD: bits 3 and 4 */
	EXPECT_EXC_ERR(guest_set_cr(v, 4, self->cr4 | CR4_PCIDE), VEC_GP, 0);
	ASSERT_DONE(guest_set_cr(v, 3, root));
	ASSERT_DONE(guest_set_cr(v, 4, self->cr4 | CR4_PCIDE));
	for (int i = 1; i < 8; i++) {
		ASSERT_DONE(guest_set_cr(v, 3, root | i));
		EXPECT_EQ(root | i, guest_get_cr(v, 3));
		ASSERT_DONE(guest_write(v, self->pte, FRAME(i) | PTE_KERNEL, 8));
		ASSERT_DONE(guest_set_cr(v, 3, root | i));	/* flushes PCID i */
		EXPECT_FRAME(i);
		ASSERT_DONE(guest_set_cr(v, 3, root | i | 1ul << 63));
		EXPECT_EQ(root | i, guest_get_cr(v, 3));
		EXPECT_FRAME(i);
	}
	ASSERT_DONE(guest_set_cr(v, 3, root));
	EXPECT_DONE(guest_set_cr(v, 4, self->cr4));
	EXPECT_EXC_ERR(guest_set_cr(v, 3, root | 1ul << 63), VEC_GP, 0);
}

static struct result invpcid(struct vcpu *v, u64 type, u64 pcid, u64 va)
{
	u64 *desc = vm_ptr(v->vm, LOW_DATA);

	desc[0] = pcid;
	desc[1] = va;
	v->regs.rax = type;
	v->regs.rbx = LOW_DATA;
	return guest_insn(v, INSN("invpcid (%%rbx), %%rax"));
}

/* Umbra knows the instruction without offering it; KVM needs it in the processor. */
static bool set_invpcid(struct vcpu *v)
{
	struct kvm_cpuid2 *cpuid = vm_supported_cpuid(v->vm->dev);
	const char *dev = getenv("UMBRA_DEV");

	if (dev && strstr(dev, "kvm") && !GUEST_HAS_INVPCID(v->vm)) {
		free(cpuid);
		return false;
	}
	for (u32 i = 0; i < cpuid->nent; i++)
		if (cpuid->entries[i].function == 7 && cpuid->entries[i].index == 0)
			cpuid->entries[i].ebx |= 1u << 10;
	if (ioctl(v->fd, KVM_SET_CPUID2, cpuid))
		die("KVM_SET_CPUID2 with INVPCID");
	free(cpuid);
	return true;
}

TEST_F(tlb, invpcid)
{
	struct vcpu *v = self->v;
	int frame = 1;

	if (!GUEST_HAS_PCID(self->vm))
		SKIP(return, "no PCID in CPUID");
	if (!set_invpcid(v))
		SKIP(return, "KVM offers no INVPCID here");
	ASSERT_DONE(guest_set_cr(v, 4, self->cr4 | CR4_PCIDE));
	EXPECT_FRAME(0);
	for (int type = 0; type < 4; type++, frame++) {
		u64 flags = type == 2 ? PTE_G : 0;	/* types 0, 1, 3 leave global ones alone */

		ASSERT_DONE(guest_write(v, self->pte, FRAME(15) | PTE_KERNEL | flags, 8));
		ASSERT_DONE(guest_invlpg(v, TEST_VA));
		EXPECT_FRAME(15);
		ASSERT_DONE(guest_write(v, self->pte, FRAME(frame) | PTE_KERNEL | flags, 8));
		ASSERT_DONE(invpcid(v, type, 0, TEST_VA));
		EXPECT_FRAME(frame);
	}
	EXPECT_EXC_ERR(invpcid(v, 4, 0, TEST_VA), VEC_GP, 0);
	EXPECT_EXC_ERR(invpcid(v, 0, 0, 1ul << 63), VEC_GP, 0);
	EXPECT_EXC_ERR(invpcid(v, 0, 0x1000, TEST_VA), VEC_GP, 0);
	v->user = true;
	EXPECT_EXC_ERR(guest_insn(v, INSN("mov $2, %%eax; invpcid (%%rbx), %%rax")), VEC_GP, 0);
	v->user = false;
}

/* invlpg of an address that is not mapped, not canonical, or another's does no harm. */
TEST_F(tlb, invlpg_of_anything)
{
	static const u64 vas[] = { 0, 0x123456, 1ul << 47, 1ul << 63, ~0ul, TEST_VA + 0x1000000 };

	EXPECT_FRAME(0);
	for (int i = 0; i < 6; i++) {
		EXPECT_DONE(guest_invlpg(self->v, vas[i]));
	}
	EXPECT_FRAME(0);
	self->v->user = true;
	EXPECT_EXC_ERR(guest_invlpg(self->v, TEST_VA), VEC_GP, 0);
}

/* Ever new roots: an attack on the cache of shadow pages (hard case 36). */
TEST_F(tlb, many_roots)
{
	struct vcpu *v = self->v;
	u64 first = MANY_TABLES, n = 300;

	for (u64 i = 0; i < n; i++)
		memcpy(vm_ptr(self->vm, first + i * PAGE_SIZE),
		       vm_ptr(self->vm, self->vm->root), PAGE_SIZE);
	for (u64 i = 0; i < n; i++) {
		ASSERT_DONE(guest_set_cr(v, 3, first + i * PAGE_SIZE));
		ASSERT_EQ(0x40, value_at(v, TEST_VA));
	}
	MOVE_TO(3);
	for (u64 i = 0; i < n; i += 29) {
		ASSERT_DONE(guest_set_cr(v, 3, first + i * PAGE_SIZE));
		ASSERT_DONE(guest_invlpg(v, TEST_VA));
		ASSERT_EQ(0x43, value_at(v, TEST_VA));
	}
}

TEST_HARNESS_MAIN
