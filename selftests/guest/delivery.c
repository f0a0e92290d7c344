// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the processor itself writes, while the page is a page table: exception frames, the
 * accessed bit of a descriptor, a far call's frame (hard case 28). Task switches are in task.c.
 */
#include <sys/ioctl.h>

#include "kselftest_harness.h"
#include "modes.h"

#define FRAME(n) (DATA_GPA + (n) * PAGE_SIZE)

FIXTURE(delivery) {
	struct vm *vm;
	struct vcpu *v;
	u64 table;	/* the page table of TEST_VA, in use */
};

FIXTURE_VARIANT(delivery) {
	enum guest_mode mode;
};

FIXTURE_VARIANT_ADD(delivery, m32bit) { .mode = MODE_32 };
FIXTURE_VARIANT_ADD(delivery, pae) { .mode = MODE_PAE };
FIXTURE_VARIANT_ADD(delivery, level4) { .mode = MODE_LONG4 };

FIXTURE_SETUP(delivery)
{
	self->vm = vm_create(variant->mode);
	self->v = &self->vm->vcpu[0];
	self->table = pt_map(self->vm, TEST_VA, FRAME(0), PTE_KERNEL) & ~0xffful;
	if (guest_write(self->v, TEST_VA, 1, 4).kind != OUT_DONE ||
	    guest_write(self->v, self->table + 0xff0, 0, 4).kind != OUT_DONE ||
	    guest_read(self->v, TEST_VA, 4, NULL).kind != OUT_DONE)
		die("the page table is not in use");
}

FIXTURE_TEARDOWN(delivery)
{
	vm_free(self->vm);
}

#define STILL_MAPPED()							\
	do {								\
		EXPECT_DONE(guest_write(self->v, TEST_VA, 2, 4));	\
		EXPECT_DONE(guest_set_entry(self->v, self->table, FRAME(1) | PTE_KERNEL)); \
		EXPECT_DONE(guest_invlpg(self->v, TEST_VA));		\
		EXPECT_DONE(guest_write(self->v, TEST_VA, 3, 4));	\
		EXPECT_EQ(3, vm_read(self->vm, FRAME(1), 4));		\
	} while (0)

/* From user mode, so that the frame goes to the TSS's stack: in the page table. */
TEST_F(delivery, exception_frame)
{
	struct vcpu *v = self->v;
	u32 *tss = vm_ptr(self->vm, TSS_GPA);

	for (int i = 0; i < 5; i++) {
		tss[1] = self->table + 0xff0;
		v->user = true;
		EXPECT_EXC(guest_insn(v, INSN("ud2")), VEC_UD);
		EXPECT_PF(guest_read(v, LOW_DATA, 4, NULL), ERR_P | ERR_U, LOW_DATA);
		EXPECT_EXC(guest_insn(v, INSN("int $0x44")), 0x44);
		v->user = false;
		STILL_MAPPED();
	}
	tss[1] = STACK_TOP;
}

/* An interrupt from outside, whose frame hits the table on a fresh shadow. */
TEST_F(delivery, interrupt_frame)
{
	struct vcpu *v = self->v;
	struct kvm_interrupt irq = { .irq = 0x55 };

	for (int i = 0; i < 3; i++) {
		EXPECT_EXIT(guest_insn(v, INSN("hlt")), KVM_EXIT_HLT);
		v->regs.rsp = self->table + 0xff0;
		v->regs.rip = CODE_GPA;
		v->regs.rflags = 2 | RFLAGS_IF;
		ASSERT_EQ(0, ioctl(v->fd, KVM_SET_REGS, &v->regs));
		ASSERT_EQ(0, ioctl(v->fd, KVM_INTERRUPT, &irq));
		EXPECT_EXC(vcpu_run(v), 0x55);
		STILL_MAPPED();
	}
}

/* Loading a segment sets the accessed bit of its descriptor. */
TEST_F(delivery, accessed_bit_of_a_descriptor)
{
	struct vcpu *v = self->v;
	u64 gdt = self->table + 0xf00, descriptor = 0x00cff2000000ffff;
	struct kvm_sregs s;

	memcpy(vm_ptr(self->vm, gdt), vm_ptr(self->vm, GDT_GPA), 0x60);
	memcpy(vm_ptr(self->vm, gdt + USER_DS - 3), &descriptor, 8);
	vcpu_get_sregs(v, &s);
	s.gdt.base = gdt;
	vcpu_set_sregs(v, &s);
	EXPECT_DONE(guest_read(v, TEST_VA, 4, NULL));
	EXPECT_DONE(guest_insn(v, INSN("mov $0x1b, %%eax; mov %%eax, %%fs")));
	EXPECT_EQ(descriptor | 1ul << 40, vm_read(self->vm, gdt + USER_DS - 3, 8));
	STILL_MAPPED();
}

TEST_F(delivery, far_call)
{
	struct vcpu *v = self->v;

	v->regs.rbx = self->table + 0xff0;
	*(u32 *)vm_ptr(self->vm, LOW_DATA) = CODE_GPA + 0x40;
	*(u32 *)vm_ptr(self->vm, LOW_DATA + 4) = KERNEL_CS;
	/* the target: drop the frame and go back */
	memcpy(vm_ptr(self->vm, CODE_GPA + 0x40), "\xbc\x00\x7f\x00\x00\xe6\xf0", 7);
	if (self->vm->fmt->is_long) {
		EXPECT_DONE(guest_insn(v, INSN("mov %%rbx, %%rsp; lcall *0x100000; hlt")));
	}
	else
		EXPECT_DONE(guest_insn(v, INSN32("mov %%ebx, %%esp; lcall *0x100000; hlt")));
	EXPECT_EQ(KERNEL_CS, vm_read(self->vm, self->table + 0xff0 - 4, 2));
	STILL_MAPPED();
}

/* enter, pusha, pushf, call through memory: the stack is the table. */
TEST_F(delivery, other_pushes)
{
	struct vcpu *v = self->v;

	v->regs.rbx = self->table + 0xff0;
	if (self->vm->fmt->is_long) {
		EXPECT_DONE(guest_insn(v, INSN("mov %%rbx, %%rsp; pushf; push %%fs; enter $32, $0; "
					       "mov $0x7f00, %%esp")));
	}
	else
		EXPECT_DONE(guest_insn(v, INSN32("mov %%ebx, %%esp; pushf; pusha; push %%fs; "
						 "enter $32, $0; mov $0x7f00, %%esp")));
	STILL_MAPPED();
}

TEST_HARNESS_MAIN
