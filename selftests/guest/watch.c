// SPDX-License-Identifier: GPL-2.0-only
/* Breakpoints on data and ports whose accesses software makes: devices, page tables, IN and OUT. */
#include <string.h>
#include <sys/ioctl.h>

#include "kselftest_harness.h"
#include "paging.h"

#define DEVICE_GPA	0xfe000000ul	/* in no slot */
#define FRAME(n)	(DATA_GPA + (n) * PAGE_SIZE)
#define CR4_DEBUG	8ul
#define PORT		0x3f0
#define LEN1_WRITE	(1ul << 16)
#define LEN1_PORT	(2ul << 16)
#define LEN4_ACCESS	(0xful << 16)

FIXTURE(watch) {
	struct vm *vm;
	struct vcpu *v;
};

FIXTURE_VARIANT(watch) {
	enum guest_mode mode;
};

FIXTURE_VARIANT_ADD(watch, pae) { .mode = MODE_PAE };
FIXTURE_VARIANT_ADD(watch, level4) { .mode = MODE_LONG4 };

FIXTURE_SETUP(watch)
{
	self->vm = vm_create(variant->mode);
	self->v = &self->vm->vcpu[0];
}

FIXTURE_TEARDOWN(watch)
{
	vm_free(self->vm);
}

/* DR1 watches; the fields are those of DR0. */
static void set_watch(struct vcpu *v, u64 addr, u64 fields)
{
	struct kvm_debugregs d = {
		.db[1] = addr, .dr6 = 0xffff0ff0, .dr7 = 0x408 | fields << 4,
	};

	if (ioctl(v->fd, KVM_SET_DEBUGREGS, &d))
		die("KVM_SET_DEBUGREGS");
}

static u64 hits(struct vcpu *v)
{
	struct kvm_debugregs d;

	if (ioctl(v->fd, KVM_GET_DEBUGREGS, &d))
		die("KVM_GET_DEBUGREGS");
	return d.dr6 & 0xf;
}

/* User space answers what is asked, until something else comes. */
static struct result answer(struct vcpu *v, struct result r)
{
	while (r.kind == OUT_EXIT && (r.exit == KVM_EXIT_MMIO || r.exit == KVM_EXIT_IO))
		r = vcpu_run(v);
	return r;
}

#define EXPECT_TRAP(r, at)						\
	do {								\
		struct result t_ = (r);					\
		EXPECT_EXC(t_, VEC_DB);					\
		EXPECT_EQ(at, t_.rip);					\
		EXPECT_EQ(2, hits(self->v));				\
	} while (0)

/* The same bytes in 32- and 64-bit code. */
TEST_F(watch, device)
{
	struct vcpu *v = self->v;

	pt_map(self->vm, TEST_VA, DEVICE_GPA, PTE_KERNEL);
	v->regs.rbx = TEST_VA;
	set_watch(v, TEST_VA + 4, LEN1_WRITE);
	EXPECT_TRAP(answer(v, guest_insn(v, INSN("movl %%eax, 4(%%rbx); nop"))), CODE_GPA + 3);
	set_watch(v, TEST_VA + 4, LEN1_WRITE);
	EXPECT_DONE(answer(v, guest_insn(v, INSN("movl 4(%%rbx), %%eax; nop"))));
	EXPECT_DONE(answer(v, guest_insn(v, INSN("movl %%eax, (%%rbx); nop"))));
	set_watch(v, TEST_VA + 4, LEN4_ACCESS);
	EXPECT_TRAP(answer(v, guest_insn(v, INSN("movl 4(%%rbx), %%eax; nop"))), CODE_GPA + 3);
	set_watch(v, TEST_VA + 4, LEN4_ACCESS);
	EXPECT_TRAP(answer(v, guest_insn(v, INSN("movl 7(%%rbx), %%eax; nop"))), CODE_GPA + 3);
}

/* A table of the second level: the last ones may be out of sync. */
TEST_F(watch, page_table)
{
	struct vcpu *v = self->v;
	u64 table;

	pt_map(self->vm, TEST_VA, FRAME(0), PTE_KERNEL);
	table = pt_entry_gpa(self->vm, TEST_VA, 2) & ~0xffful;
	EXPECT_DONE(guest_write(v, TEST_VA, 1, 4));
	for (int i = 0; i < 3; i++) {
		set_watch(v, table + 0xff8, LEN1_WRITE);
		v->regs.rbx = table + 0xff8;
		EXPECT_TRAP(guest_insn(v, INSN("movl %%eax, (%%rbx); nop")), CODE_GPA + 2);
		EXPECT_DONE(guest_read(v, TEST_VA, 4, NULL));
	}
}

TEST_F(watch, string)
{
	struct vcpu *v = self->v;

	pt_map(self->vm, TEST_VA, DEVICE_GPA, PTE_KERNEL);
	v->regs.rdi = TEST_VA;
	v->regs.rcx = 8;
	set_watch(v, TEST_VA + 2, LEN1_WRITE);
	EXPECT_TRAP(answer(v, guest_insn(v, INSN("rep stosb; nop"))), CODE_GPA);
	EXPECT_EQ(5, v->regs.rcx);
}

TEST_F(watch, port)
{
	struct vcpu *v = self->v;
	struct kvm_sregs s;

	v->regs.rdx = PORT;
	set_watch(v, PORT, LEN1_PORT);
	EXPECT_DONE(answer(v, guest_insn(v, INSN("in %%dx, %%al; nop"))));
	vcpu_get_sregs(v, &s);
	s.cr4 |= CR4_DEBUG;
	vcpu_set_sregs(v, &s);
	EXPECT_TRAP(answer(v, guest_insn(v, INSN("in %%dx, %%al; nop"))), CODE_GPA + 1);
	set_watch(v, PORT, LEN1_PORT);
	v->regs.rdx = PORT - 1;
	EXPECT_TRAP(answer(v, guest_insn(v, INSN("outl %%eax, %%dx; nop"))), CODE_GPA + 1);
	set_watch(v, PORT, LEN1_PORT);
	v->regs.rsi = LOW_DATA;
	v->regs.rdx = PORT;
	EXPECT_TRAP(answer(v, guest_insn(v, INSN("outsb; nop"))), CODE_GPA + 1);
	set_watch(v, PORT, LEN1_WRITE);
	EXPECT_DONE(answer(v, guest_insn(v, INSN("in %%dx, %%al; nop"))));
}

/* Long mode is not for a 16-bit TSS. */
TEST_F(watch, long_mode_with_16bit_tss)
{
	struct vcpu *v = self->v;
	struct kvm_sregs s;

	if (variant->mode != MODE_PAE)
		SKIP(return, "one mode is enough");
	vcpu_get_sregs(v, &s);
	s.cr0 &= ~CR0_PG;
	s.efer |= EFER_LME;
	s.tr.type = 3;
	s.tr.limit = 0x2b;
	vcpu_set_sregs(v, &s);
	v->regs.rax = s.cr0 | CR0_PG;
	EXPECT_EXC_ERR(guest_insn(v, INSN32("mov %%eax, %%cr0; nop")), VEC_GP, 0);
}

TEST_HARNESS_MAIN
