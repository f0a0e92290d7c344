// SPDX-License-Identifier: GPL-2.0-only
/*
 * The guest walks through every mode by itself: long, protected, PAE, 32-bit, real, 5-level
 * and back, with the tables of each kept and changed in between (hard case 24).
 */
#include "kselftest_harness.h"
#include "paging.h"

#define FRAME(n) (DATA_GPA + (n) * PAGE_SIZE)

/* Where the tour finds its orders and leaves its marks, as 32-bit words at LOW_DATA. */
enum { ROOT_LONG, ROOT_PAE, ROOT_32, ROOT_LONG5, ROUNDS, REAL_MARK, PROT_MARK };

FIXTURE(modes) {
	struct vm *vm;
	struct vcpu *v;
	u64 pte[4];		/* of TEST_VA in each format */
	volatile u32 *word;
};

static const enum guest_mode mode_of[] = { MODE_LONG4, MODE_PAE, MODE_32, MODE_LONG5 };

FIXTURE_SETUP(modes)
{
	struct vm *vm = vm_create(MODE_LONG4);
	u64 root = vm->root;

	self->vm = vm;
	self->v = &vm->vcpu[0];
	self->word = vm_ptr(vm, LOW_DATA);
	for (int i = 0; i < 4; i++) {
		vm->fmt = pt_format_of(mode_of[i]);
		self->word[i] = i ? pt_build(vm, mode_of[i]) : root;
		vm->root = self->word[i];
		vm->fmt = pt_format_of(mode_of[i]);
		self->pte[i] = pt_map(vm, TEST_VA, FRAME(i), PTE_KERNEL);
	}
	vm->fmt = pt_format_of(MODE_LONG4);
	vm->root = root;
}

FIXTURE_TEARDOWN(modes)
{
	vm_free(self->vm);
}

/* Labels are relative to where the code runs, CODE_GPA. */
#define AT(label) "0x5000 + (" label " - 7770b)"
#define PG_OFF	"mov %%cr0, %%eax; and $0x7fffffff, %%eax; mov %%eax, %%cr0\n"
#define PG_ON	"mov %%cr0, %%eax; or $0x80000000, %%eax; mov %%eax, %%cr0\n"
#define LME(op)	"mov $0xc0000080, %%ecx; rdmsr; " op ", %%eax; wrmsr\n"
#define CR4(op)	"mov %%cr4, %%eax; " op ", %%eax; mov %%eax, %%cr4\n"
#define CR3(n)	"mov 0x100000 + 4 * " n ", %%eax; mov %%eax, %%cr3\n"

/* From 64-bit code into 32-bit code with paging off and LME clear. */
#define LEAVE_LONG_MODE							\
	"pushq $0x48; pushq $" AT("1f") "; lretq\n"			\
	".code32\n1:" PG_OFF LME("and $~0x100")

#define ENTER_LONG_MODE							\
	CR4("and $~0x1010") CR4("or $0x20") CR3("0") LME("or $0x100") PG_ON \
	"ljmp $0x50, $" AT("9f") "\n.code64\n9:\n"

/* One instruction that changes memory through the mode's own translation. */
#define MARK	"incl 0x10000000\n"

static struct result tour_without_5_levels(struct vcpu *v)
{
	return guest_insn(v, INSN(
		"8: mov $0x7000, %%esp; add $0xf00, %%esp\n" MARK
		LEAVE_LONG_MODE
		"incl 0x100000 + 4 * 6\n"
		CR3("1") PG_ON MARK PG_OFF			/* PAE */
		CR4("and $~0x20") CR4("or $0x10")
		CR3("2") PG_ON MARK PG_OFF			/* 32-bit */
		"ljmp $0x38, $" AT("2f") "\n"
		".code16\n2: mov $0x40, %%ax; mov %%ax, %%ds\n"
		"mov %%cr0, %%eax; and $0xfe, %%al; mov %%eax, %%cr0\n"
		"ljmp $0, $" AT("3f") "\n"
		"3: mov $0xffff, %%ax; mov %%ax, %%ds; incl 0x10 + 4 * 5\n" /* real mode: 1 MiB */
		"mov %%cr0, %%eax; or $1, %%al; mov %%eax, %%cr0\n"
		"ljmpl $0x48, $" AT("4f") "\n"
		".code32\n4: mov $0x10, %%ax; mov %%ax, %%ds; mov %%ax, %%ss\n"
		ENTER_LONG_MODE
		"decl 0x100000 + 4 * 4; jnz 8b\n"
		"ljmp *" AT("7f") "\n7: .long " AT("6f") "; .word 0x08\n6:\n"));
}

TEST_F(modes, tour)
{
	struct vcpu *v = self->v;
	u32 total = 0;

	for (int round = 0; round < 8; round++) {
		self->word[ROUNDS] = round + 1;
		total += round + 1;
		for (int i = 0; i < 3; i++)
			*(u32 *)vm_ptr(self->vm, FRAME(4 * round + i)) = 0;
		ASSERT_DONE(tour_without_5_levels(v));
		for (int i = 0; i < 3; i++) {
			EXPECT_EQ(round + 1, vm_read(self->vm, FRAME(4 * round + i), 4))
				TH_LOG("round %d, format %d", round, i);
		}
		EXPECT_EQ(total, self->word[REAL_MARK]);
		EXPECT_EQ(total, self->word[PROT_MARK]);
		/* tables of modes that are not active are changed from long mode */
		for (int i = 0; i < 3; i++) {
			ASSERT_DONE(guest_write(v, self->pte[i], FRAME(4 * round + 4 + i) |
						PTE_KERNEL, i == 2 ? 4 : 8));
		}
		ASSERT_DONE(guest_invlpg(v, TEST_VA));
	}
}

TEST_F(modes, four_and_five_levels)
{
	struct vcpu *v = self->v;

	if (!GUEST_HAS_LA57(self->vm))
		SKIP(return, "no 5-level paging in CPUID");
	for (int round = 1; round <= 5; round++) {
		ASSERT_DONE(guest_insn(v, INSN(
			MARK LEAVE_LONG_MODE
			CR4("or $0x1020") CR3("3") LME("or $0x100") PG_ON
			"ljmp $0x50, $" AT("2f") "\n.code64\n2:" MARK
			LEAVE_LONG_MODE ENTER_LONG_MODE)));
		EXPECT_EQ(round, vm_read(self->vm, FRAME(0), 4));
		EXPECT_EQ(round, vm_read(self->vm, FRAME(3), 4));
	}
}

/* CR0 and CR4 combinations that the processor refuses. */
TEST_F(modes, refused_transitions)
{
	struct vcpu *v = self->v;
	u64 cr0 = guest_get_cr(v, 0), cr4 = guest_get_cr(v, 4), efer;

	EXPECT_EXC_ERR(guest_set_cr(v, 4, cr4 & ~CR4_PAE), VEC_GP, 0);
	EXPECT_EXC_ERR(guest_set_cr(v, 0, cr0 & ~CR0_PE), VEC_GP, 0);
	EXPECT_EXC_ERR(guest_set_cr(v, 0, cr0 & ~CR0_PG), VEC_GP, 0);	/* in a 64-bit segment */
	EXPECT_EXC_ERR(guest_set_cr(v, 0, (cr0 | CR0_NW) & ~CR0_CD), VEC_GP, 0);
	EXPECT_EXC_ERR(guest_set_cr(v, 4, cr4 ^ CR4_LA57), VEC_GP, 0);
	EXPECT_DONE(guest_rdmsr(v, MSR_EFER_, &efer));
	EXPECT_EXC_ERR(guest_wrmsr(v, MSR_EFER_, efer & ~EFER_LME), VEC_GP, 0);
	EXPECT_EXC_ERR(guest_wrmsr(v, MSR_EFER_, efer | 1ul << 30), VEC_GP, 0);
	EXPECT_EQ(cr0, guest_get_cr(v, 0));
	EXPECT_EQ(cr4, guest_get_cr(v, 4));
	EXPECT_DONE(guest_read(v, TEST_VA, 4, NULL));
	v->user = true;
	EXPECT_EXC_ERR(guest_set_cr(v, 3, self->vm->root), VEC_GP, 0);
	EXPECT_EXC_ERR(guest_set_cr(v, 0, cr0), VEC_GP, 0);
}

/* KVM 6.1 on AMD without decode assists cuts the values to 32 bits. */
TEST_F(modes, upper_halves_of_cr0_and_cr4_are_reserved)
{
	u64 cr0 = guest_get_cr(self->v, 0), cr4 = guest_get_cr(self->v, 4);

	EXPECT_EXC_ERR(guest_set_cr(self->v, 0, cr0 | 1ul << 32), VEC_GP, 0);
	EXPECT_EXC_ERR(guest_set_cr(self->v, 4, cr4 | 1ul << 40), VEC_GP, 0);
}

TEST_HARNESS_MAIN
