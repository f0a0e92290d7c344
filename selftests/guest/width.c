// SPDX-License-Identifier: GPL-2.0-only
/*
 * Instructions that exit, in code of every width: what they do, and that none of them needs the
 * emulator. (In virtual-8086 code that stands for real-mode code, on VT-x, some do.)
 */
#include <stdio.h>
#include <string.h>

#include "kselftest_harness.h"
#include "paging.h"

#define CR0_WP		(1ul << 16)
#define GARBAGE		0xdeadbeef00000000ul	/* above what code of 16 or 32 bits has */

FIXTURE(width) {
	struct vm *vm;
	struct vcpu *v;
	bool wide;
	long cr, invlpg, cpuid, emulated;
};

FIXTURE_VARIANT(width) {
	enum guest_mode mode;
};

FIXTURE_VARIANT_ADD(width, real) { .mode = MODE_REAL };
FIXTURE_VARIANT_ADD(width, prot) { .mode = MODE_PROT };
FIXTURE_VARIANT_ADD(width, m32bit) { .mode = MODE_32 };
FIXTURE_VARIANT_ADD(width, pae) { .mode = MODE_PAE };
FIXTURE_VARIANT_ADD(width, level4) { .mode = MODE_LONG4 };

FIXTURE_SETUP(width)
{
	self->vm = vm_create(variant->mode);
	self->v = &self->vm->vcpu[0];
	self->wide = variant->mode == MODE_LONG4;
	self->cr = counter("exits_cr");
	self->invlpg = counter("exits_invlpg");
	self->cpuid = counter("exits_cpuid");
	self->emulated = counter("emulated");
}

FIXTURE_TEARDOWN(width)
{
	vm_free(self->vm);
}

#define RUN(code) guest_insn(self->v, (struct blob){ (const u8 *)(code), sizeof(code) - 1 })

/* Of the module's counters, if it has any. */
#define EXPECT_NOT_EMULATED()							\
	do {									\
		if (variant->mode != MODE_REAL || !__builtin_cpu_is("intel"))	\
			EXPECT_EQ(self->emulated, counter("emulated"));		\
	} while (0)
#define EXPECT_COUNTED(name, n)							\
	do {									\
		if (self->emulated < 0 ||					\
		    (variant->mode == MODE_REAL && __builtin_cpu_is("intel")))	\
			break;							\
		EXPECT_EQ(self->name + (n), counter("exits_" #name));		\
		EXPECT_NOT_EMULATED();						\
	} while (0)

TEST_F(width, cpuid)
{
	struct vcpu *v = self->v;

	v->regs.rax = self->wide ? 0 : GARBAGE;
	ASSERT_DONE(RUN("\x0f\xa2"));
	EXPECT_EQ(CODE_GPA + 2, v->regs.rip);
	EXPECT_NE(0, v->regs.rbx);
	EXPECT_EQ(0, v->regs.rbx >> 32);
	EXPECT_EQ(0, v->regs.rax >> 32);
	EXPECT_COUNTED(cpuid, 1);
}

/* mov %cr0, %eax; mov %eax, %cr0; mov %cr0, %ebx with CR0.WP turned over; a read need not exit */
TEST_F(width, cr0)
{
	struct vcpu *v = self->v;
	u64 cr0;

	ASSERT_DONE(RUN("\x0f\x20\xc0"));
	cr0 = v->regs.rax;
	EXPECT_EQ(0, cr0 >> 32);
	v->regs.rax = (cr0 ^ CR0_WP) | (self->wide ? 0 : GARBAGE);
	ASSERT_DONE(RUN("\x0f\x22\xc0\x0f\x20\xc3"));
	EXPECT_EQ(cr0 ^ CR0_WP, v->regs.rbx);
	EXPECT_NOT_EMULATED();
}

/* mov %cr3, %ebx; mov %ebx, %cr3; mov %cr3, %edx */
TEST_F(width, cr3)
{
	struct vcpu *v = self->v;

	ASSERT_DONE(RUN("\x0f\x20\xdb"));
	EXPECT_EQ(0, v->regs.rbx >> 32);
	if (variant->mode >= MODE_32)
		EXPECT_EQ(self->vm->root, v->regs.rbx);
	if (!self->wide)
		v->regs.rbx |= GARBAGE;
	ASSERT_DONE(RUN("\x0f\x22\xdb\x0f\x20\xda"));
	EXPECT_EQ((u32)v->regs.rbx, v->regs.rdx);
	EXPECT_COUNTED(cr, 3);
}

/* invlpg (%bx) in 16-bit code, else (%ebx) or (%rbx): ModRM 3f is (%edi) there */
static struct result run_invlpg(struct vcpu *v, bool real, u64 va)
{
	static const u8 code16[] = { 0x0f, 0x01, 0x3f }, code[] = { 0x0f, 0x01, 0x3b };

	v->regs.rbx = va;
	return guest_insn(v, (struct blob){ real ? code16 : code, 3 });
}

TEST_F(width, invlpg)
{
	struct vcpu *v = self->v;

	ASSERT_DONE(run_invlpg(v, variant->mode == MODE_REAL, 0x1000));
	EXPECT_EQ(CODE_GPA + 3, v->regs.rip);
	EXPECT_COUNTED(invlpg, 1);
}

/* The page behind an address is another one then. */
TEST_F(width, invlpg_takes_effect)
{
	struct vcpu *v = self->v;
	u64 value;

	if (variant->mode < MODE_32)
		SKIP(return, "no paging");
	pt_map(self->vm, TEST_VA, DATA_GPA, PTE_KERNEL);
	*(u32 *)vm_ptr(self->vm, DATA_GPA) = 0x1111;
	*(u32 *)vm_ptr(self->vm, DATA_GPA + PAGE_SIZE) = 0x2222;
	ASSERT_DONE(guest_read(v, TEST_VA, 4, &value));
	EXPECT_EQ(0x1111, value);
	ASSERT_DONE(guest_set_pte(v, TEST_VA, 1, (DATA_GPA + PAGE_SIZE) | PTE_KERNEL));
	ASSERT_DONE(run_invlpg(v, false, TEST_VA));
	ASSERT_DONE(guest_read(v, TEST_VA, 4, &value));
	EXPECT_EQ(0x2222, value);
}

/* CR0.PG without CR0.PE is refused, and changes nothing. */
TEST_F(width, refused)
{
	struct vcpu *v = self->v;
	u64 cr0;

	ASSERT_DONE(RUN("\x0f\x20\xc0"));
	cr0 = v->regs.rax;
	v->regs.rax = 0x80000010;
	EXPECT_EXC(RUN("\x0f\x22\xc0"), VEC_GP);
	ASSERT_DONE(RUN("\x0f\x20\xc0"));
	EXPECT_EQ(cr0, v->regs.rax);
}

TEST_HARNESS_MAIN
