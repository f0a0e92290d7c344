// SPDX-License-Identifier: GPL-2.0-only
/*
 * Far control flow and operands that software has to see to: the descriptor or the pointer is in a
 * page table or on a device.
 */
#include <errno.h>
#include <string.h>
#include <sys/ioctl.h>

#include "kselftest_harness.h"
#include "modes.h"

#define DEVICE_GPA	0xfe000000ul	/* in no slot */
#define FRAME(n)	(DATA_GPA + (n) * PAGE_SIZE)
#define TARGET		(CODE_GPA + 0x40)

FIXTURE_IN_MODE(long4, MODE_LONG4)

FIXTURE_IN_MODE(pae32, MODE_PAE)

/* The GDT, in a page table that is in use. */
static u64 gdt_in_table(struct vm *vm)
{
	u64 table = pt_map(vm, TEST_VA, FRAME(0), PTE_KERNEL) & ~0xffful, gdt = table + 0xf00;
	struct vcpu *v = &vm->vcpu[0];
	struct kvm_sregs s;

	if (guest_write(v, TEST_VA, 1, 4).kind != OUT_DONE ||
	    guest_write(v, table + 0xef0, 0, 4).kind != OUT_DONE ||
	    guest_read(v, TEST_VA, 4, NULL).kind != OUT_DONE)
		die("the page table is not in use");
	memcpy(vm_ptr(vm, gdt), vm_ptr(vm, GDT_GPA), 0x60);
	vcpu_get_sregs(v, &s);
	s.gdt.base = gdt;
	vcpu_set_sregs(v, &s);
	memcpy(vm_ptr(vm, TARGET), "\xe6\xf0\xf4", 3);
	return gdt;
}

static void set_descriptor(struct vm *vm, u64 gdt, u16 selector, u64 descriptor)
{
	memcpy(vm_ptr(vm, gdt + selector), &descriptor, 8);
	*(u32 *)vm_ptr(vm, LOW_DATA) = TARGET;
	*(u32 *)vm_ptr(vm, LOW_DATA + 4) = selector;
}

/* Where the processor sets the accessed bit, that is a write to a page table. */
TEST_F(long4, jump_to_code_with_limit_0)
{
	u64 gdt = gdt_in_table(self->vm);
	struct kvm_sregs s;

	set_descriptor(self->vm, gdt, CODE64_SEL, 0x0020980000000000);
	EXPECT_DONE(guest_insn(self->v, INSN("ljmp *0x100000; hlt")));
	vcpu_get_sregs(self->v, &s);
	EXPECT_EQ(CODE64_SEL, s.cs.selector);
}

/* A device that answers from @bytes. */
static struct result with_device(struct vcpu *v, struct result r, const u8 *bytes)
{
	for (int i = 0; i < 4 && r.kind == OUT_EXIT && r.exit == KVM_EXIT_MMIO; i++) {
		memcpy(v->run->mmio.data, bytes + (v->run->mmio.phys_addr - DEVICE_GPA),
		       v->run->mmio.len);
		r = vcpu_run(v);
	}
	return r;
}

/* The pointer of a far jmp (ff 2b) or call (ff 1b) is on a device. */
static struct result far_by_device(struct vcpu *v, u16 selector, u64 descriptor, struct blob code)
{
	u64 pointer = (u64)selector << 32 | TARGET;
	struct result r;

	memcpy(vm_ptr(v->vm, GDT_GPA + selector), &descriptor, 8);
	memcpy(vm_ptr(v->vm, TARGET), "\xe6\xf0\xf4", 3);
	pt_map(v->vm, TEST_VA, DEVICE_GPA, PTE_KERNEL);
	v->regs.rbx = TEST_VA;
	r = guest_insn(v, code);
	return with_device(v, r, (void *)&pointer);
}

TEST_F(long4, limit_0_by_device)
{
	u64 code = 0x0020980000000000;

	EXPECT_DONE(far_by_device(self->v, CODE64_SEL, code, INSN("ljmp *(%%rbx); hlt")));
	EXPECT_EQ(0x99, *(u8 *)vm_ptr(self->vm, GDT_GPA + CODE64_SEL + 5));
	EXPECT_DONE(far_by_device(self->v, CODE64_SEL, code, INSN("lcall *(%%rbx); hlt")));
	EXPECT_EQ(CODE_GPA + 2, vm_read(self->vm, STACK_TOP - 0x108, 4));
}

TEST_F(long4, l_and_d_by_device)
{
	u64 code = 0x006f98000000ffff;

	EXPECT_EXC_ERR(far_by_device(self->v, CODE64_SEL, code, INSN("ljmp *(%%rbx); hlt")),
		       VEC_GP, CODE64_SEL);
	EXPECT_EXC_ERR(far_by_device(self->v, CODE64_SEL, code, INSN("lcall *(%%rbx); hlt")),
		       VEC_GP, CODE64_SEL);
}

/* The same from compatibility mode: 32-bit code in a long mode guest. */
TEST_F(long4, l_and_d_in_compatibility_mode)
{
	struct kvm_sregs s;

	vcpu_get_sregs(self->v, &s);
	s.cs.l = 0;
	s.cs.db = 1;
	s.cs.selector = CODE32_SEL;
	vcpu_set_sregs(self->v, &s);
	EXPECT_EXC_ERR(far_by_device(self->v, CODE64_SEL, 0x006f98000000ffff,
				     INSN32("ljmp *(%%ebx); hlt")), VEC_GP, CODE64_SEL);
	EXPECT_DONE(far_by_device(self->v, CODE64_SEL, 0x0020980000000000,
				  INSN32("ljmp *(%%ebx); hlt")));
}

TEST_F(long4, pointer_with_rex_w_on_a_device)
{
	const u64 pointer[2] = { TARGET, CODE64_SEL };
	struct kvm_sregs s;
	struct result r;

	pt_map(self->vm, TEST_VA, DEVICE_GPA, PTE_KERNEL);
	memcpy(vm_ptr(self->vm, TARGET), "\xe6\xf0\xf4", 3);
	self->v->regs.rbx = TEST_VA;
	r = guest_insn(self->v, INSN("rex.w ljmp *(%%rbx); hlt"));
	EXPECT_DONE(with_device(self->v, r, (void *)pointer));
	vcpu_get_sregs(self->v, &s);
	EXPECT_EQ(CODE64_SEL, s.cs.selector);
	memcpy(vm_ptr(self->vm, TARGET), "\x48\xcb", 2);
	r = guest_insn(self->v, INSN("rex.w lcall *(%%rbx)"));
	EXPECT_DONE(with_device(self->v, r, (void *)pointer));
}

static struct vcpu *add_vcpu_with_invpcid(struct vm *vm)
{
	vm_claim_7_ebx = 1u << 10;
	return vm_add_vcpu(vm);
}

TEST_F(pae32, invpcid_beyond_a_limit)
{
	struct vcpu *v = add_vcpu_with_invpcid(self->vm);
	struct kvm_sregs s;

	vcpu_get_sregs(v, &s);
	s.ds.limit = 0xfff;
	s.ds.g = 0;
	vcpu_set_sregs(v, &s);
	v->regs.rbx = LOW_DATA;
	v->regs.rax = 2;
	EXPECT_EXC_ERR(guest_insn(v, INSN32("invpcid (%%ebx), %%eax")), VEC_GP, 0);
	v->regs.rbx = 0xff0;
	EXPECT_DONE(guest_insn(v, INSN32("invpcid (%%ebx), %%eax")));
	v->regs.rbx = 0xff1;
	EXPECT_EXC_ERR(guest_insn(v, INSN32("invpcid (%%ebx), %%eax")), VEC_GP, 0);
}

TEST_F(long4, invpcid_57_bits)
{
	struct vcpu *v = add_vcpu_with_invpcid(self->vm);
	u64 *desc = vm_ptr(self->vm, LOW_DATA);

	desc[0] = 0;
	desc[1] = 1ul << 50;
	v->regs.rbx = LOW_DATA;
	v->regs.rax = 0;
	if (GUEST_HAS_LA57(self->vm))
		EXPECT_DONE(guest_insn(v, INSN("invpcid (%%rbx), %%rax")));
	else
		EXPECT_EXC_ERR(guest_insn(v, INSN("invpcid (%%rbx), %%rax")), VEC_GP, 0);
	desc[1] = 1ul << 57;
	EXPECT_EXC_ERR(guest_insn(v, INSN("invpcid (%%rbx), %%rax")), VEC_GP, 0);
}

TEST_F(pae32, lock_mov_cr8)
{
	struct vcpu *v = self->v;

	if (!guest_has(self->vm, 0x80000001, 2, 4))
		SKIP(return, "no alternative MOV CR8 in CPUID");
	v->run->cr8 = 5;
	EXPECT_DONE(guest_insn(v, INSN32(".byte 0xf0, 0x0f, 0x20, 0xc0")));
	EXPECT_EQ(5, v->regs.rax & 0xff);
	v->regs.rax = 9;
	EXPECT_DONE(guest_insn(v, INSN32(".byte 0xf0, 0x0f, 0x22, 0xc0")));
	EXPECT_EQ(9, v->run->cr8);
}

TEST_F(long4, lock_mov_cr8)
{
	struct vcpu *v = self->v;

	if (!guest_has(self->vm, 0x80000001, 2, 4))
		SKIP(return, "no alternative MOV CR8 in CPUID");
	v->run->cr8 = 5;
	EXPECT_DONE(guest_insn(v, INSN(".byte 0xf0, 0x0f, 0x20, 0xc0")));
	EXPECT_EQ(5, v->regs.rax);
	v->regs.rax = 16;
	EXPECT_EXC_ERR(guest_insn(v, INSN(".byte 0xf0, 0x0f, 0x22, 0xc0")), VEC_GP, 0);
}

FIXTURE_IN_MODE(real, MODE_REAL)

#define CS_WITH_RPL	0x0003		/* real mode's selectors, with bits where the RPL is */
#define SS_WITH_RPL	0x0042

/* From real mode into long mode, and with a far jump to @descriptor. */
static struct result into_long_mode(struct vm *vm, u64 descriptor)
{
	static const u8 load_ss[] = {
		0xb8, KERNEL_DS, 0, 0, 0, 0x8e, 0xd0, 0xe6, PORT_DONE, 0xf4,
	};
	struct blob code = INSN16("mov %%eax, %%cr0; ljmpl $0x50, $0x5040");
	struct vcpu *v = &vm->vcpu[0];
	struct kvm_sregs s;

	vm->mode = MODE_LONG4;
	vm_write_descriptors(vm);
	memcpy(vm_ptr(vm, GDT_GPA + CODE64_SEL), &descriptor, 8);
	memcpy(vm_ptr(vm, CODE_GPA), code.bytes, code.len);
	memcpy(vm_ptr(vm, TARGET), load_ss, sizeof(load_ss));
	vcpu_get_sregs(v, &s);
	s.cr3 = pt_build(vm, MODE_LONG4);
	s.cr4 |= CR4_PAE;
	s.efer |= EFER_LME;
	s.gdt.base = GDT_GPA;
	s.gdt.limit = 0x7f;
	s.idt.base = IDT_GPA;
	s.idt.limit = 0xfff;
	s.cs.selector = CS_WITH_RPL;
	s.cs.base = CS_WITH_RPL << 4;
	s.ss.selector = SS_WITH_RPL;
	s.ss.base = SS_WITH_RPL << 4;
	vcpu_set_sregs(v, &s);
	v->regs.rax = s.cr0 | CR0_PE | CR0_PG;
	v->regs.rip = CODE_GPA - (CS_WITH_RPL << 4);
	v->regs.rsp = STACK_TOP - 0x100;
	v->regs.rflags = 2;
	return vcpu_enter(v);
}

TEST_F(real, into_long_mode_with_rpl_bits)
{
	struct kvm_sregs s;

	EXPECT_DONE(into_long_mode(self->vm, 0x0020980000000000));
	vcpu_get_sregs(self->v, &s);
	EXPECT_EQ(CODE64_SEL, s.cs.selector);
	EXPECT_EQ(KERNEL_DS, s.ss.selector);
}

/* The segments can't be entered with, so that the fault is delivered in software. */
TEST_F(real, fault_on_the_way_to_long_mode)
{
	EXPECT_EXC_ERR(into_long_mode(self->vm, 0x00cf93000000ffff), VEC_GP, CODE64_SEL);
	EXPECT_EQ(SS_WITH_RPL, vm_read(self->vm, STACK_TOP - 0x108, 8));
}

TEST_HARNESS_MAIN
