// SPDX-License-Identifier: GPL-2.0-only
/* Real mode, and protected mode without paging: addresses are physical. */
#include "kselftest_harness.h"
#include "paging.h"

#define LOW 0xb000ul	/* within real mode's first 64 KiB */

TEST(real_mode_memory)
{
	struct vm *vm = vm_create(MODE_REAL);
	struct vcpu *v = &vm->vcpu[0];
	u64 x;

	for (int bytes = 1; bytes <= 4; bytes *= 2) {
		EXPECT_DONE(guest_write(v, LOW + 16 * bytes, 0x11223344, bytes));
		EXPECT_EQ(0x11223344 & ((1ul << 8 * bytes) - 1),
			  vm_read(vm, LOW + 16 * bytes, bytes));
		EXPECT_DONE(guest_read(v, LOW + 16 * bytes, bytes, &x));
		EXPECT_EQ(0x11223344 & ((1ul << 8 * bytes) - 1), x);
	}
	/* segment limits are not tested: QEMU's TCG does not check them */
	vm_free(vm);
}

TEST(real_mode_segments)
{
	struct vm *vm = vm_create(MODE_REAL);
	struct vcpu *v = &vm->vcpu[0];

	EXPECT_DONE(guest_insn(v, INSN16("mov $0x1234, %%ax; mov %%ax, %%es; movb $0x5a, %%es:0x10;"
					 "mov $0xffff, %%ax; mov %%ax, %%fs;"
					 "movb $0xa5, %%fs:0x20")));
	EXPECT_EQ(0x5a, vm_read(vm, 0x12350, 1));
	EXPECT_EQ(0xa5, vm_read(vm, 0x100010, 1));
	vm_free(vm);
}

TEST(real_mode_interrupts)
{
	struct vm *vm = vm_create(MODE_REAL);
	struct vcpu *v = &vm->vcpu[0];
	struct result r;

	r = guest_insn(v, INSN16("int $0x33"));
	EXPECT_EXC(r, 0x33);
	EXPECT_EQ(CODE_GPA + 2, r.rip);
	r = guest_insn(v, INSN16("xor %%ax, %%ax; div %%al"));
	EXPECT_EXC(r, VEC_DE);
	EXPECT_EQ(CODE_GPA + 2, r.rip);
	EXPECT_EXC(guest_insn(v, INSN16("ud2")), VEC_UD);
	vm_free(vm);
}

TEST(real_mode_io_and_hlt)
{
	struct vm *vm = vm_create(MODE_REAL);
	struct vcpu *v = &vm->vcpu[0];

	v->regs.rax = 0x77;
	EXPECT_EXIT(guest_insn(v, INSN16("out %%al, $0x99")), KVM_EXIT_IO);
	EXPECT_EQ(0x99, v->run->io.port);
	EXPECT_DONE(vcpu_run(v));
	v->regs.rsi = LOW;
	v->regs.rcx = 3;
	v->regs.rdx = 0x99;
	memcpy(vm_ptr(vm, LOW), "xyz", 3);
	EXPECT_EXIT(guest_insn(v, INSN16("rep outsb")), KVM_EXIT_IO);
	EXPECT_EQ('x', *((u8 *)v->run + v->run->io.data_offset));
	while (vcpu_run(v).kind == OUT_EXIT)
		;
	EXPECT_EXIT(guest_insn(v, INSN16("hlt")), KVM_EXIT_HLT);
	vm_free(vm);
}

/* With an IDT limit that cuts the vectors off, a fault ends the machine. */
TEST(real_mode_shutdown)
{
	struct vm *vm = vm_create(MODE_REAL);
	struct vcpu *v = &vm->vcpu[0];
	struct kvm_sregs s;

	vcpu_get_sregs(v, &s);
	s.idt.limit = 0;
	vcpu_set_sregs(v, &s);
	EXPECT_EXIT(guest_insn(v, INSN16("ud2")), KVM_EXIT_SHUTDOWN);
	vm_free(vm);
}

TEST(protected_mode_memory)
{
	struct vm *vm = vm_create(MODE_PROT);
	struct vcpu *v = &vm->vcpu[0];
	u64 x;

	for (u64 gpa = DATA_GPA; gpa < MEM_BYTES; gpa += 0x333000) {
		ASSERT_DONE(guest_write(v, gpa, gpa + 1, 4));
		ASSERT_EQ(gpa + 1, vm_read(vm, gpa, 4));
	}
	ASSERT_DONE(guest_write(v, DATA_GPA + 0xffe, 0x44332211, 4));
	EXPECT_EQ(0x44332211, vm_read(vm, DATA_GPA + 0xffe, 4));
	EXPECT_EXIT(guest_read(v, 0xe0000000, 4, &x), KVM_EXIT_MMIO);
	EXPECT_EQ(0xe0000000, v->run->mmio.phys_addr);
	*(u32 *)v->run->mmio.data = 5;
	EXPECT_DONE(vcpu_run(v));
	EXPECT_EQ(5, v->regs.rax);
	vm_free(vm);
}

TEST(protected_mode_user_and_faults)
{
	struct vm *vm = vm_create(MODE_PROT);
	struct vcpu *v = &vm->vcpu[0];

	v->user = true;
	EXPECT_DONE(guest_write(v, DATA_GPA, 5, 4));	/* no pages, no U/S */
	EXPECT_EXC_ERR(guest_insn(v, INSN32("hlt")), VEC_GP, 0);
	v->user = false;
	EXPECT_EXC(guest_insn(v, INSN32("ud2")), VEC_UD);
	EXPECT_EXC_ERR(guest_insn(v, INSN32("mov $0x78, %%eax; mov %%ax, %%ds")), VEC_GP, 0x78);
	vm_free(vm);
}

/* Slots change under identity pages too. */
TEST(protected_mode_slots)
{
	struct vm *vm = vm_create(MODE_PROT);
	struct vcpu *v = &vm->vcpu[0];
	u8 *mem = vm_alloc(2 * PAGE_SIZE);
	u64 x;

	mem[0] = 1;
	mem[PAGE_SIZE] = 2;
	for (int i = 0; i < 10; i++) {
		vm_set_slot(vm, 1, 0x20000000, mem + (i & 1) * PAGE_SIZE, PAGE_SIZE, 0);
		ASSERT_DONE(guest_read(v, 0x20000000, 1, &x));
		ASSERT_EQ(1 + (i & 1), x);
		vm_set_slot(vm, 1, 0x20000000, NULL, 0, 0);
		ASSERT_EQ(KVM_EXIT_MMIO, guest_read(v, 0x20000000, 1, &x).exit);
	}
	vm_free(vm);
}

/* Paging on and off with the same frames: identity pages and the guest's own, in turn. */
TEST(paging_switched_on_and_off)
{
	struct vm *vm = vm_create(MODE_32);
	struct vcpu *v = &vm->vcpu[0];
	u64 cr0 = guest_get_cr(v, 0), x;

	pt_map(vm, TEST_VA, DATA_GPA, PTE_KERNEL);
	for (int i = 0; i < 8; i++) {
		ASSERT_DONE(guest_write(v, TEST_VA, i, 4));
		ASSERT_DONE(guest_set_cr(v, 0, cr0 & ~CR0_PG));
		ASSERT_DONE(guest_read(v, DATA_GPA, 4, &x));
		ASSERT_EQ(i, x);
		/* tables are written with paging off: nothing protects them then but us */
		ASSERT_DONE(guest_write(v, pt_entry_gpa(vm, TEST_VA, 1),
					(DATA_GPA + (i + 1) * PAGE_SIZE) | PTE_KERNEL, 4));
		ASSERT_DONE(guest_set_cr(v, 0, cr0));
		ASSERT_DONE(guest_write(v, TEST_VA, i + 50, 4));
		ASSERT_EQ(i + 50, vm_read(vm, DATA_GPA + (i + 1) * PAGE_SIZE, 4));
		ASSERT_DONE(guest_write(v, pt_entry_gpa(vm, TEST_VA, 1), DATA_GPA | PTE_KERNEL, 4));
		ASSERT_DONE(guest_invlpg(v, TEST_VA));
	}
	vm_free(vm);
}

TEST_HARNESS_MAIN
