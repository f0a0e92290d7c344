// SPDX-License-Identifier: GPL-2.0-only
/* Every kind of exit to user space, with its data. */
#include <cpuid.h>
#include <sys/ioctl.h>

#include "kselftest_harness.h"
#include "paging.h"

#define MMIO_GPA 0xfe000000ul	/* in no slot */
#define PORT 0x5c

FIXTURE(exits) {
	struct vm *vm;
	struct vcpu *v;
};

FIXTURE_SETUP(exits)
{
	self->vm = vm_create(MODE_LONG4);
	self->v = &self->vm->vcpu[0];
	pt_map(self->vm, TEST_VA, MMIO_GPA, PTE_KERNEL);
	pt_map(self->vm, TEST_VA + PAGE_SIZE, MMIO_GPA + PAGE_SIZE, PTE_KERNEL);
	pt_map(self->vm, TEST_VA - PAGE_SIZE, DATA_GPA, PTE_KERNEL);
}

FIXTURE_TEARDOWN(exits)
{
	vm_free(self->vm);
}

static void *io_data(struct vcpu *v)
{
	return (u8 *)v->run + v->run->io.data_offset;
}

#define EXPECT_IO(dir, bytes, n)					\
	do {								\
		EXPECT_EQ(KVM_EXIT_IO, self->v->run->exit_reason);	\
		EXPECT_EQ(dir, self->v->run->io.direction);		\
		EXPECT_EQ(bytes, self->v->run->io.size);		\
		EXPECT_EQ(PORT, self->v->run->io.port);			\
		EXPECT_EQ(n, self->v->run->io.count);			\
		EXPECT_GE(self->v->run->io.data_offset, sizeof(struct kvm_run));\
		EXPECT_LE(self->v->run->io.data_offset + bytes * n, self->v->run_bytes); \
	} while (0)

TEST_F(exits, out_of_each_size)
{
	struct vcpu *v = self->v;

	v->regs.rax = 0x11223344;
	guest_insn(v, INSN("out %%al, $0x5c"));
	EXPECT_IO(KVM_EXIT_IO_OUT, 1, 1);
	EXPECT_EQ(0x44, *(u8 *)io_data(v));
	EXPECT_DONE(vcpu_run(v));
	v->regs.rdx = PORT;
	guest_insn(v, INSN("out %%ax, %%dx"));
	EXPECT_IO(KVM_EXIT_IO_OUT, 2, 1);
	EXPECT_EQ(0x3344, *(u16 *)io_data(v));
	EXPECT_DONE(vcpu_run(v));
	guest_insn(v, INSN("out %%eax, %%dx"));
	EXPECT_IO(KVM_EXIT_IO_OUT, 4, 1);
	EXPECT_EQ(0x11223344, *(u32 *)io_data(v));
	EXPECT_DONE(vcpu_run(v));
}

TEST_F(exits, in_of_each_size)
{
	struct vcpu *v = self->v;

	v->regs.rax = -1ul;
	guest_insn(v, INSN("in $0x5c, %%al"));
	EXPECT_IO(KVM_EXIT_IO_IN, 1, 1);
	*(u8 *)io_data(v) = 0x12;
	EXPECT_DONE(vcpu_run(v));
	EXPECT_EQ(0xffffffffffffff12, v->regs.rax);
	v->regs.rax = -1ul;
	v->regs.rdx = PORT;
	guest_insn(v, INSN("in %%dx, %%ax"));
	EXPECT_IO(KVM_EXIT_IO_IN, 2, 1);
	*(u16 *)io_data(v) = 0x1234;
	EXPECT_DONE(vcpu_run(v));
	EXPECT_EQ(0xffffffffffff1234, v->regs.rax);
	v->regs.rax = -1ul;
	guest_insn(v, INSN("in %%dx, %%eax"));
	EXPECT_IO(KVM_EXIT_IO_IN, 4, 1);
	*(u32 *)io_data(v) = 0x12345678;
	EXPECT_DONE(vcpu_run(v));
	EXPECT_EQ(0x12345678, v->regs.rax);	/* zero extended */
}

/* Runs until done, taking what outs gives; returns the bytes. */
static int collect_out(struct vcpu *v, struct result r, u8 *buf, int max)
{
	int n = 0;

	while (r.kind == OUT_EXIT && r.exit == KVM_EXIT_IO) {
		int bytes = v->run->io.size * v->run->io.count;

		if (v->run->io.port != PORT || n + bytes > max)
			return -1;
		memcpy(buf + n, io_data(v), bytes);
		n += bytes;
		r = vcpu_run(v);
	}
	return r.kind == OUT_DONE ? n : -1;
}

TEST_F(exits, string_out)
{
	struct vcpu *v = self->v;
	u8 buf[256];

	for (int i = 0; i < 256; i++)
		*(u8 *)vm_ptr(self->vm, LOW_DATA + i) = i;
	for (int size = 1; size <= 4; size *= 2) {
		v->regs.rsi = LOW_DATA + 3;
		v->regs.rcx = 10;
		v->regs.rdx = PORT;
		EXPECT_EQ(10 * size, collect_out(v, size == 1 ? guest_insn(v, INSN("rep outsb")) :
						 size == 2 ? guest_insn(v, INSN("rep outsw")) :
						 guest_insn(v, INSN("rep outsl")), buf, 256));
		EXPECT_EQ(0, memcmp(buf, vm_ptr(self->vm, LOW_DATA + 3), 10 * size));
		EXPECT_EQ(0, v->regs.rcx);
		EXPECT_EQ(LOW_DATA + 3 + 10 * size, v->regs.rsi);
	}
	v->regs.rsi = LOW_DATA + 9;
	v->regs.rcx = 4;
	EXPECT_EQ(4, collect_out(v, guest_insn(v, INSN("std; rep outsb; cld")), buf, 256));
	EXPECT_EQ(9, buf[0]);
	EXPECT_EQ(6, buf[3]);
	v->regs.rsi = LOW_DATA + 1;
	v->regs.rcx = 0;
	EXPECT_DONE(guest_insn(v, INSN("rep outsb")));
	EXPECT_EQ(LOW_DATA + 1, v->regs.rsi);
	EXPECT_EQ(1, collect_out(v, guest_insn(v, INSN("outsb")), buf, 256));
	EXPECT_EQ(1, buf[0]);
}

TEST_F(exits, string_in)
{
	struct vcpu *v = self->v;
	struct result r;
	int next = 1, total = 0;

	v->regs.rdi = LOW_DATA;
	v->regs.rcx = 10;
	v->regs.rdx = PORT;
	r = guest_insn(v, INSN("rep insw"));
	while (r.kind == OUT_EXIT && r.exit == KVM_EXIT_IO && total < 100) {
		EXPECT_EQ(KVM_EXIT_IO_IN, v->run->io.direction);
		EXPECT_EQ(2, v->run->io.size);
		for (u32 i = 0; i < v->run->io.count; i++, total++)
			((u16 *)io_data(v))[i] = next++;
		r = vcpu_run(v);
	}
	EXPECT_EQ(OUT_DONE, r.kind);
	for (int i = 0; i < 10; i++) {
		EXPECT_EQ(i + 1, vm_read(self->vm, LOW_DATA + 2 * i, 2)) TH_LOG("word %d", i);
	}
	EXPECT_EQ(0, v->regs.rcx);
	EXPECT_EQ(LOW_DATA + 20, v->regs.rdi);
}

/* ins to an address that is not mapped: the fault comes, and rcx says how far it got. */
TEST_F(exits, string_in_faults)
{
	struct vcpu *v = self->v;
	struct result r;

	v->regs.rdi = TEST_VA - 4;
	pt_put(self->vm, pt_entry_gpa(self->vm, TEST_VA, 1), 0);
	v->regs.rcx = 8;
	v->regs.rdx = PORT;
	r = guest_insn(v, INSN("rep insb"));
	for (int i = 0; r.kind == OUT_EXIT && r.exit == KVM_EXIT_IO && i < 20; i++) {
		memset(io_data(v), 0x70, v->run->io.count);
		r = vcpu_run(v);
	}
	EXPECT_PF(r, ERR_W, TEST_VA);
	EXPECT_EQ(4, v->regs.rcx);
	EXPECT_EQ(TEST_VA, v->regs.rdi);
}

#define EXPECT_MMIO(write, addr, bytes)					\
	do {								\
		EXPECT_EQ(KVM_EXIT_MMIO, self->v->run->exit_reason);	\
		EXPECT_EQ(write, self->v->run->mmio.is_write);		\
		EXPECT_EQ(addr, self->v->run->mmio.phys_addr);		\
		EXPECT_EQ(bytes, self->v->run->mmio.len);		\
	} while (0)

TEST_F(exits, mmio_write_of_each_size)
{
	struct vcpu *v = self->v;

	for (int round = 0; round < 2; round++) {
		for (u32 bytes = 1; bytes <= 8; bytes *= 2) {
			u64 value = 0x8877665544332211, off = 8 * bytes;

			guest_write(v, TEST_VA + off, value, bytes);
			EXPECT_MMIO(1, MMIO_GPA + off, bytes);
			EXPECT_EQ(0, memcmp(&value, v->run->mmio.data, bytes));
			EXPECT_DONE(vcpu_run(v));
		}
	}
}

TEST_F(exits, mmio_read_of_each_size)
{
	struct vcpu *v = self->v;
	u64 value = 0x8877665544332211;

	for (u32 bytes = 1; bytes <= 8; bytes *= 2) {
		guest_read(v, TEST_VA + 0x100, bytes, NULL);
		EXPECT_MMIO(0, MMIO_GPA + 0x100, bytes);
		memcpy(v->run->mmio.data, &value, 8);
		EXPECT_DONE(vcpu_run(v));
		EXPECT_EQ(bytes == 8 ? value : value & ((1ul << 8 * bytes) - 1), v->regs.rax);
	}
}

TEST_F(exits, mmio_other_instructions)
{
	struct vcpu *v = self->v;

	v->regs.rbx = TEST_VA;
	guest_insn(v, INSN("movzbl (%%rbx), %%eax"));
	EXPECT_MMIO(0, MMIO_GPA, 1);
	v->run->mmio.data[0] = 0x80;
	EXPECT_DONE(vcpu_run(v));
	EXPECT_EQ(0x80, v->regs.rax);
	guest_insn(v, INSN("movsbq (%%rbx), %%rax"));
	v->run->mmio.data[0] = 0x80;
	EXPECT_DONE(vcpu_run(v));
	EXPECT_EQ(0xffffffffffffff80, v->regs.rax);
	v->regs.rax = 0x0f;
	guest_insn(v, INSN("orl %%eax, 4(%%rbx)"));
	EXPECT_MMIO(0, MMIO_GPA + 4, 4);
	*(u32 *)v->run->mmio.data = 0xf0;
	EXPECT_EXIT(vcpu_run(v), KVM_EXIT_MMIO);
	EXPECT_MMIO(1, MMIO_GPA + 4, 4);
	EXPECT_EQ(0xff, *(u32 *)v->run->mmio.data);
	EXPECT_DONE(vcpu_run(v));
	guest_insn(v, INSN("movl $0x12345678, 8(%%rbx)"));
	EXPECT_MMIO(1, MMIO_GPA + 8, 4);
	EXPECT_EQ(0x12345678, *(u32 *)v->run->mmio.data);
	EXPECT_DONE(vcpu_run(v));
	guest_insn(v, INSN("cmpl $5, (%%rbx)"));
	EXPECT_MMIO(0, MMIO_GPA, 4);
	*(u32 *)v->run->mmio.data = 5;
	EXPECT_DONE(vcpu_run(v));
	EXPECT_TRUE(v->regs.rflags & 0x40);
}

TEST_F(exits, mmio_string)
{
	struct vcpu *v = self->v;
	struct result r;
	u32 seen = 0;

	for (int i = 0; i < 8; i++)
		*(u32 *)vm_ptr(self->vm, LOW_DATA + 4 * i) = 0x100 + i;
	v->regs.rsi = LOW_DATA;
	v->regs.rdi = TEST_VA;
	v->regs.rcx = 8;
	r = guest_insn(v, INSN("rep movsl"));
	while (r.kind == OUT_EXIT && r.exit == KVM_EXIT_MMIO && seen < 20) {
		EXPECT_MMIO(1, MMIO_GPA + 4 * seen, 4);
		EXPECT_EQ(0x100 + seen, *(u32 *)v->run->mmio.data);
		seen++;
		r = vcpu_run(v);
	}
	EXPECT_EQ(8, seen);
	EXPECT_EQ(OUT_DONE, r.kind);
	EXPECT_EQ(TEST_VA + 32, v->regs.rdi);
}

/* Half of the access is memory, half MMIO; and MMIO on both sides of a page edge. */
TEST_F(exits, mmio_page_crossing)
{
	struct vcpu *v = self->v;

	guest_write(v, TEST_VA - 2, 0x44332211, 4);
	EXPECT_MMIO(1, MMIO_GPA, 2);
	EXPECT_EQ(0x4433, *(u16 *)v->run->mmio.data);
	EXPECT_DONE(vcpu_run(v));
	EXPECT_EQ(0x2211, vm_read(self->vm, DATA_GPA + 0xffe, 2));
	guest_read(v, TEST_VA - 2, 4, NULL);
	EXPECT_MMIO(0, MMIO_GPA, 2);
	*(u16 *)v->run->mmio.data = 0x8877;
	EXPECT_DONE(vcpu_run(v));
	EXPECT_EQ(0x88772211, v->regs.rax);
	guest_write(v, TEST_VA + PAGE_SIZE - 1, 0x44332211, 4);
	EXPECT_MMIO(1, MMIO_GPA + 0xfff, 1);
	EXPECT_EQ(0x11, v->run->mmio.data[0]);
	EXPECT_EXIT(vcpu_run(v), KVM_EXIT_MMIO);
	EXPECT_MMIO(1, MMIO_GPA + 0x1000, 3);
	EXPECT_EQ(0, memcmp("\x22\x33\x44", v->run->mmio.data, 3));
	EXPECT_DONE(vcpu_run(v));
}

TEST_F(exits, fetch_from_mmio)
{
	struct result r = guest_exec(self->v, TEST_VA);

	EXPECT_TRUE(r.kind == OUT_EXIT && r.exit == KVM_EXIT_INTERNAL_ERROR)
		TH_LOG("%s", result_str(r));
	EXPECT_EQ(KVM_INTERNAL_ERROR_EMULATION, self->v->run->internal.suberror);
}

TEST_F(exits, hlt)
{
	EXPECT_EXIT(guest_insn(self->v, INSN("hlt")), KVM_EXIT_HLT);
	EXPECT_EQ(CODE_GPA + 1, self->v->regs.rip);
	EXPECT_DONE(vcpu_run(self->v));
}

TEST_F(exits, triple_fault)
{
	struct kvm_sregs s;

	vcpu_get_sregs(self->v, &s);
	s.idt.limit = 0;
	vcpu_set_sregs(self->v, &s);
	EXPECT_EXIT(guest_insn(self->v, INSN("ud2")), KVM_EXIT_SHUTDOWN);
	s.idt.limit = 0xfff;
	vcpu_set_sregs(self->v, &s);
	EXPECT_EXC(guest_insn(self->v, INSN("ud2")), VEC_UD);
}

/* A vCPU whose state the processor did not save is as after INIT, and of use again. */
static void check_init(struct __test_metadata *_metadata, struct vcpu *v)
{
	struct kvm_vcpu_events events;
	struct kvm_sregs s;
	struct kvm_regs r;

	ASSERT_EQ(0, ioctl(v->fd, KVM_GET_REGS, &r));
	EXPECT_EQ(0xfff0, r.rip);
	EXPECT_EQ(2, r.rflags);
	EXPECT_EQ(0, r.rsp);
	vcpu_get_sregs(v, &s);
	EXPECT_EQ(0x10, s.cr0 & ~0x60000000ull);
	EXPECT_EQ(0, s.cr3 | s.cr4 | s.efer);
	EXPECT_EQ(0xf000, s.cs.selector);
	EXPECT_EQ(0xffff0000, s.cs.base);
	EXPECT_EQ(0xffff, s.idt.limit);
	EXPECT_EQ(0, s.idt.base);
	ASSERT_EQ(0, ioctl(v->fd, KVM_GET_VCPU_EVENTS, &events));
	EXPECT_EQ(0, events.exception.injected | events.interrupt.injected | events.nmi.injected |
		  events.nmi.masked | events.interrupt.shadow);
}

TEST_F(exits, state_after_a_triple_fault)
{
	u32 eax, ebx, ecx, edx;
	struct kvm_sregs s, old;

	__cpuid(0, eax, ebx, ecx, edx);
	vcpu_get_sregs(self->v, &old);
	s = old;
	s.idt.limit = 0;
	vcpu_set_sregs(self->v, &s);
	EXPECT_EXIT(guest_insn(self->v, INSN("ud2")), KVM_EXIT_SHUTDOWN);
	if (ecx == 0x444d4163)	/* 'cAMD' */
		check_init(_metadata, self->v);
	vcpu_set_sregs(self->v, &old);
	EXPECT_EXC(guest_insn(self->v, INSN("ud2")), VEC_UD);
}

/* A fault while a fault is delivered is #DF; the stubs' stack must be another for it. */
TEST_F(exits, double_fault)
{
	u64 *gate = vm_ptr(self->vm, IDT_GPA + VEC_UD * 16);

	gate[0] &= ~(1ull << 47);
	/* QEMU's TCG gets the error code of this #NP wrong */
	EXPECT_EXC(guest_insn(self->v, INSN("ud2")), VEC_NP);
	gate = vm_ptr(self->vm, IDT_GPA + VEC_NP * 16);
	gate[0] &= ~(1ull << 47);
	EXPECT_EXC_ERR(guest_insn(self->v, INSN("ud2")), VEC_DF, 0);
}

TEST_F(exits, port_without_permission)
{
	self->v->user = true;
	EXPECT_EXC_ERR(guest_insn(self->v, INSN("in $0x5c, %%al")), VEC_GP, 0);
	EXPECT_EXC_ERR(guest_insn(self->v, INSN("out %%eax, $0x5c")), VEC_GP, 0);
	EXPECT_EXC_ERR(guest_insn(self->v, INSN("hlt")), VEC_GP, 0);
}

/* MMIO and port exits left unanswered: the vCPU can be closed at any point. */
TEST_F(exits, closed_in_the_middle)
{
	for (int i = 0; i < 6; i++) {
		struct vm *vm = vm_create(MODE_LONG4);
		struct vcpu *v = &vm->vcpu[0];

		pt_map(vm, TEST_VA, MMIO_GPA, PTE_KERNEL);
		v->regs.rdx = PORT;
		v->regs.rcx = 4;
		v->regs.rdi = LOW_DATA;
		switch (i) {
		case 0: guest_read(v, TEST_VA, 8, NULL); break;
		case 1: guest_write(v, TEST_VA, 8, 8); break;
		case 2: guest_insn(v, INSN("in %%dx, %%eax")); break;
		case 3: guest_insn(v, INSN("rep insl")); break;
		case 4: guest_write(v, TEST_VA + 0xffe, 8, 4); break;
		default: guest_insn(v, INSN("hlt")); break;
		}
		vm_free(vm);
	}
}

TEST_HARNESS_MAIN
