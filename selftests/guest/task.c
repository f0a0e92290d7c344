// SPDX-License-Identifier: GPL-2.0-only
/*
 * Hardware task switches of 32-bit guests, also with a TSS in a page table (hard case 28). QEMU's
 * TCG does not honour their intercept: the guest would run on its own CR3.
 */
#include <cpuid.h>
#include <string.h>

#include "kselftest_harness.h"
#include "modes.h"

#define FRAME(n)	(DATA_GPA + (n) * PAGE_SIZE)
#define TARGET		(CODE_GPA + 0x40)
#define NEW_TSS		(LOW_DATA + 0x1000)
#define NEW_SEL		0x58
#define VEC_TS		10
#define NEW_STACK	(STACK_TOP - 0x400)
#define EFLAGS_NT	0x4000

static bool on_tcg(void)
{
	unsigned int eax, name[4] = { 0 };

	__cpuid(0x40000000, eax, name[0], name[1], name[2]);
	return !strcmp((char *)name, "TCGTCGTCGTCG");
}

#define NEEDS_INTERCEPT()						\
	do {								\
		if (on_tcg())						\
			SKIP(return, "QEMU's TCG switches tasks without asking"); \
	} while (0)

FIXTURE(task) {
	struct vm *vm;
	struct vcpu *v;
	u64 tss;	/* the new one's */
};

FIXTURE_VARIANT(task) {
	enum guest_mode mode;
};

FIXTURE_VARIANT_ADD(task, m32bit) { .mode = MODE_32 };
FIXTURE_VARIANT_ADD(task, pae) { .mode = MODE_PAE };

static void put_gdt(struct vm *vm, u16 selector, u64 descriptor)
{
	memcpy(vm_ptr(vm, GDT_GPA + selector), &descriptor, 8);
}

/* A task that says at TARGET that it is there. */
static void write_task(struct vm *vm, u64 gpa)
{
	u32 *tss = vm_ptr(vm, gpa);

	memset(tss, 0, 0x68);
	tss[7] = vm->root;
	tss[8] = TARGET;
	tss[9] = 2;
	tss[10] = 0x1234;
	tss[14] = NEW_STACK;
	for (int i = 18; i < 24; i++)
		tss[i] = i == 19 ? KERNEL_CS : KERNEL_DS;
	put_gdt(vm, NEW_SEL, 0x0000890000000067ull | gpa << 16);
	*(u32 *)vm_ptr(vm, TSS_GPA + 0x1c) = vm->root;	/* no switch stores CR3 */
	memcpy(vm_ptr(vm, TARGET), "\xe6\xf0\xf4", 3);
}

static void set_task_gate(struct vm *vm, u8 vector)
{
	u64 gate = 0x0000850000000000ull | NEW_SEL << 16;

	memcpy(vm_ptr(vm, IDT_GPA + vector * 8), &gate, 8);
}

FIXTURE_SETUP(task)
{
	self->vm = vm_create(variant->mode);
	self->v = &self->vm->vcpu[0];
	self->tss = NEW_TSS;
	write_task(self->vm, self->tss);
}

FIXTURE_TEARDOWN(task)
{
	vm_free(self->vm);
}

static u32 old_tss(struct vm *vm, int word)
{
	return vm_read(vm, TSS_GPA + 4 * word, 4);
}

static u16 tr_of(struct vcpu *v)
{
	struct kvm_sregs s;

	vcpu_get_sregs(v, &s);
	return s.tr.selector;
}

TEST_F(task, jmp)
{
	struct vcpu *v = self->v;
	struct kvm_sregs s;

	NEEDS_INTERCEPT();
	v->regs.rbx = 0xabcd;
	EXPECT_DONE(guest_insn(v, INSN32("ljmp $0x58, $0; hlt")));
	EXPECT_EQ(0x1234, v->regs.rax);
	EXPECT_EQ(NEW_STACK, v->regs.rsp);
	vcpu_get_sregs(v, &s);
	EXPECT_EQ(NEW_SEL, s.tr.selector);
	EXPECT_EQ(self->tss, s.tr.base);
	EXPECT_EQ(8, s.cr0 & 8);
	EXPECT_EQ(0x8b, vm_read(self->vm, GDT_GPA + NEW_SEL + 5, 1));
	EXPECT_EQ(0x89, vm_read(self->vm, GDT_GPA + TSS_SEL + 5, 1));
	EXPECT_EQ(CODE_GPA + 7, old_tss(self->vm, 8));
	EXPECT_EQ(0xabcd, old_tss(self->vm, 13));
	EXPECT_EQ(0, v->regs.rflags & EFLAGS_NT);
}

TEST_F(task, call_and_back)
{
	struct vcpu *v = self->v;

	NEEDS_INTERCEPT();
	memcpy(vm_ptr(self->vm, TARGET), "\xcf", 1);
	v->regs.rbx = 0xabcd;
	EXPECT_DONE(guest_insn(v, INSN32("lcall $0x58, $0")));
	EXPECT_EQ(0xabcd, v->regs.rbx);
	EXPECT_EQ(TSS_SEL, tr_of(v));
	EXPECT_EQ(TSS_SEL, vm_read(self->vm, self->tss, 2));
	EXPECT_EQ(0x89, vm_read(self->vm, GDT_GPA + NEW_SEL + 5, 1));
	EXPECT_EQ(TARGET + 1, vm_read(self->vm, self->tss + 0x20, 4));
}

TEST_F(task, gate_in_gdt)
{
	NEEDS_INTERCEPT();
	put_gdt(self->vm, 0x60, 0x0000850000000000ull | NEW_SEL << 16);
	EXPECT_DONE(guest_insn(self->v, INSN32("ljmp $0x60, $0; hlt")));
	EXPECT_EQ(NEW_SEL, tr_of(self->v));
}

TEST_F(task, interrupt_and_back)
{
	NEEDS_INTERCEPT();
	set_task_gate(self->vm, 0x44);
	memcpy(vm_ptr(self->vm, TARGET), "\xcf", 1);
	EXPECT_DONE(guest_insn(self->v, INSN32("int $0x44")));
	EXPECT_EQ(TSS_SEL, tr_of(self->v));
	EXPECT_EQ(CODE_GPA + 2, old_tss(self->vm, 8));
}

TEST_F(task, exception_with_error_code)
{
	NEEDS_INTERCEPT();
	set_task_gate(self->vm, VEC_GP);
	self->v->regs.rax = 0x7f8;
	EXPECT_DONE(guest_insn(self->v, INSN32("mov %%eax, %%ds; hlt")));
	EXPECT_EQ(NEW_SEL, tr_of(self->v));
	EXPECT_EQ(NEW_STACK - 4, self->v->regs.rsp);
	EXPECT_EQ(0x7f8, vm_read(self->vm, NEW_STACK - 4, 4));
	EXPECT_EQ(CODE_GPA, old_tss(self->vm, 8));
}

/* It is injected: what the processor then makes of the gate comes back to us. */
TEST_F(task, page_fault)
{
	NEEDS_INTERCEPT();
	set_task_gate(self->vm, VEC_PF);
	EXPECT_DONE(guest_read(self->v, TEST_VA, 4, NULL));
	EXPECT_EQ(NEW_SEL, tr_of(self->v));
	EXPECT_EQ(0, vm_read(self->vm, NEW_STACK - 4, 4));
}

TEST_F(task, faults_in_the_old_task)
{
	NEEDS_INTERCEPT();
	put_gdt(self->vm, NEW_SEL, 0x0000090000000067ull | NEW_TSS << 16);
	EXPECT_EXC_ERR(guest_insn(self->v, INSN32("ljmp $0x58, $0")), VEC_NP, NEW_SEL);
	put_gdt(self->vm, NEW_SEL, 0x0000890000000066ull | NEW_TSS << 16);
	EXPECT_EXC_ERR(guest_insn(self->v, INSN32("ljmp $0x58, $0")), VEC_TS, NEW_SEL);
	put_gdt(self->vm, NEW_SEL, 0x00008b0000000067ull | NEW_TSS << 16);
	EXPECT_EXC_ERR(guest_insn(self->v, INSN32("ljmp $0x58, $0")), VEC_GP, NEW_SEL);
	EXPECT_EQ(TSS_SEL, tr_of(self->v));
}

TEST_F(task, faults_in_the_new_task)
{
	u32 *tss = vm_ptr(self->vm, self->tss);

	NEEDS_INTERCEPT();
	tss[21] = 0x78;		/* DS: beyond the table */
	EXPECT_EXC_ERR(guest_insn(self->v, INSN32("ljmp $0x58, $0")), VEC_TS, 0x78);
	EXPECT_EQ(NEW_SEL, tr_of(self->v));
}

/* Both TSSes in the page table of TEST_VA: it stays one, and what is written to it is heeded. */
TEST_F(task, tss_in_page_table)
{
	struct vm *vm = self->vm;
	struct vcpu *v = self->v;
	u64 table = pt_map(vm, TEST_VA, FRAME(0), PTE_KERNEL) & ~0xffful;

	NEEDS_INTERCEPT();
	self->tss = table + 0xe00;
	for (int i = 0; i < 3; i++) {
		EXPECT_DONE(guest_write(v, TEST_VA, 1, 4));
		write_task(vm, self->tss);
		memcpy(vm_ptr(vm, TARGET), "\xcf", 1);
		EXPECT_DONE(guest_insn(v, INSN32("lcall $0x58, $0")));
		EXPECT_EQ(TARGET + 1, vm_read(vm, self->tss + 0x20, 4));
		EXPECT_DONE(guest_set_entry(v, table, FRAME(1 + i) | PTE_KERNEL));
		EXPECT_DONE(guest_invlpg(v, TEST_VA));
		EXPECT_DONE(guest_write(v, TEST_VA, 7, 4));
		EXPECT_EQ(7, vm_read(vm, FRAME(1 + i), 4));
	}
}

TEST_HARNESS_MAIN
