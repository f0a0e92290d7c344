// SPDX-License-Identifier: GPL-2.0-only
/* Repeated INS and OUTS: many elements at an exit, and registers right wherever it ends. */
#include <errno.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "kselftest_harness.h"
#include "paging.h"

#define MMIO_GPA 0xfe000000ul	/* in no slot */
#define PORT 0x5c

FIXTURE(strings) {
	struct vm *vm;
	struct vcpu *v;
};

FIXTURE_SETUP(strings)
{
	self->vm = vm_create(MODE_LONG4);
	self->v = &self->vm->vcpu[0];
	self->v->regs.rdx = PORT;
	for (int i = 0; i < 4; i++)
		pt_map(self->vm, TEST_VA + i * PAGE_SIZE, DATA_GPA + i * PAGE_SIZE, PTE_KERNEL);
}

FIXTURE_TEARDOWN(strings)
{
	vm_free(self->vm);
}

static u8 *data_of(struct vcpu *v)
{
	return (u8 *)v->run + v->run->io.data_offset;
}

static u32 bytes_of(const struct vcpu *v)
{
	return v->run->io.count * v->run->io.size;
}

static bool is_io(struct vcpu *v, struct result r, u8 direction)
{
	return r.kind == OUT_EXIT && r.exit == KVM_EXIT_IO && v->run->io.port == PORT &&
	       v->run->io.direction == direction && v->run->io.data_offset == PAGE_SIZE &&
	       v->run->io.count && bytes_of(v) <= PAGE_SIZE;
}

static u8 pattern(u32 i)
{
	return i * 7 + (i >> 8);
}

/* Answers all reads with the pattern; how many exits that took. */
static int answer(struct vcpu *v, struct result *r, u32 *got)
{
	int exits = 0;

	for (*got = 0; is_io(v, *r, KVM_EXIT_IO_IN); exits++) {
		for (u32 i = 0; i < bytes_of(v); i++)
			data_of(v)[i] = pattern((*got)++);
		*r = vcpu_run(v);
	}
	return exits;
}

/* ... and takes what is written, as much as fits into @buf. */
static int collect(struct vcpu *v, struct result *r, u8 *buf, u32 max, u32 *got)
{
	int exits = 0;

	for (*got = 0; is_io(v, *r, KVM_EXIT_IO_OUT) && *got + bytes_of(v) <= max; exits++) {
		memcpy(buf + *got, data_of(v), bytes_of(v));
		*got += bytes_of(v);
		*r = vcpu_run(v);
	}
	return exits;
}

static struct result rep_ins(struct vcpu *v, u64 to, u64 count, int size)
{
	v->regs.rdi = to;
	v->regs.rcx = count;
	return size == 1 ? guest_insn(v, INSN("rep insb")) :
	       size == 2 ? guest_insn(v, INSN("rep insw")) : guest_insn(v, INSN("rep insl"));
}

static struct result rep_outs(struct vcpu *v, u64 from, u64 count, int size)
{
	v->regs.rsi = from;
	v->regs.rcx = count;
	return size == 1 ? guest_insn(v, INSN("rep outsb")) :
	       size == 2 ? guest_insn(v, INSN("rep outsw")) : guest_insn(v, INSN("rep outsl"));
}

/* Three pages are crossed: an exit for each piece, and for each element that straddles two. */
TEST_F(strings, in_of_each_size)
{
	for (int size = 1; size <= 4; size *= 2) {
		u32 count = 9000 / size, got;
		struct result r = rep_ins(self->v, TEST_VA + 0x7f1, count, size);
		int exits = answer(self->v, &r, &got), wrong = 0;

		EXPECT_DONE(r);
		EXPECT_EQ(count * size, got);
		EXPECT_LE(exits, 5);
		for (u32 i = 0; i < got; i++)
			wrong += *(u8 *)vm_ptr(self->vm, DATA_GPA + 0x7f1 + i) != pattern(i);
		EXPECT_EQ(0, wrong);
		EXPECT_EQ(0, self->v->regs.rcx);
		EXPECT_EQ(TEST_VA + 0x7f1 + got, self->v->regs.rdi);
	}
}

TEST_F(strings, out_of_each_size)
{
	static u8 buf[9000];

	for (u32 i = 0; i < sizeof(buf); i++)
		*(u8 *)vm_ptr(self->vm, DATA_GPA + 0x7f1 + i) = pattern(i);
	for (int size = 1; size <= 4; size *= 2) {
		struct result r = rep_outs(self->v, TEST_VA + 0x7f1, sizeof(buf) / size, size);
		u32 got;
		int exits = collect(self->v, &r, buf, sizeof(buf), &got), wrong = 0;

		EXPECT_DONE(r);
		EXPECT_EQ(sizeof(buf), got);
		EXPECT_LE(exits, 5);
		for (u32 i = 0; i < got; i++)
			wrong += buf[i] != pattern(i);
		EXPECT_EQ(0, wrong);
		EXPECT_EQ(0, self->v->regs.rcx);
		EXPECT_EQ(TEST_VA + 0x7f1 + got, self->v->regs.rsi);
	}
}

/* Downwards the elements come one by one, and in the right order. */
TEST_F(strings, downwards)
{
	struct vcpu *v = self->v;
	struct result r;
	u32 got;

	v->regs.rdi = TEST_VA + PAGE_SIZE + 4;
	v->regs.rcx = 8;
	r = guest_insn(v, INSN("std; rep insb; cld"));
	answer(v, &r, &got);
	EXPECT_DONE(r);
	EXPECT_EQ(8, got);
	for (u32 i = 0; i < 8; i++) {
		EXPECT_EQ(pattern(i), vm_read(self->vm, DATA_GPA + PAGE_SIZE + 4 - i, 1));
	}
	EXPECT_EQ(TEST_VA + PAGE_SIZE - 4, v->regs.rdi);
}

/* What was asked for is forgotten where user space has less done or takes more on. */
TEST_F(strings, count_changed_by_user_space)
{
	static const struct { u64 before, after; } c[] = { { 2, 1 }, { 3, 600 }, { 300, 0 } };

	for (int i = 0; i < 3; i++) {
		struct result r = rep_ins(self->v, TEST_VA, c[i].before, 1);
		struct vcpu *v = self->v;
		u32 got;

		EXPECT_TRUE(is_io(v, r, KVM_EXIT_IO_IN));
		EXPECT_EQ(c[i].before, v->run->io.count);
		v->regs.rcx = c[i].after;
		ASSERT_EQ(0, ioctl(v->fd, KVM_SET_REGS, &v->regs));
		memset(data_of(v), 0x5a, PAGE_SIZE);
		r = vcpu_run(v);
		answer(v, &r, &got);
		EXPECT_DONE(r);
		EXPECT_EQ(0, v->regs.rcx);
		EXPECT_EQ(TEST_VA + c[i].after, v->regs.rdi);
	}
}

/* run->io is for user space to read; what it writes there means nothing. */
TEST_F(strings, run_page_scribbled_on)
{
	struct result r = rep_ins(self->v, TEST_VA + PAGE_SIZE - 8, 8, 1);
	struct vcpu *v = self->v;
	u32 got;

	EXPECT_TRUE(is_io(v, r, KVM_EXIT_IO_IN));
	EXPECT_EQ(8, v->run->io.count);
	memset(data_of(v), 0x11, 8);
	memset(vm_ptr(self->vm, DATA_GPA + PAGE_SIZE), 0x22, 16);
	memset(&v->run->io, 0xff, sizeof(v->run->io));
	EXPECT_DONE(vcpu_run(v));
	EXPECT_EQ(0x1111111111111111, vm_read(self->vm, DATA_GPA + PAGE_SIZE - 8, 8));
	EXPECT_EQ(0x2222222222222222, vm_read(self->vm, DATA_GPA + PAGE_SIZE, 8));
	r = rep_outs(v, TEST_VA, 100, 4);
	EXPECT_TRUE(is_io(v, r, KVM_EXIT_IO_OUT));
	memset(&v->run->io, 0xff, sizeof(v->run->io));
	r = vcpu_run(v);
	collect(v, &r, NULL, 0, &got);
	EXPECT_DONE(r);
	EXPECT_EQ(TEST_VA + 400, v->regs.rsi);
}

/* The second page isn't there: what is before it is done, and the fault finds the registers so. */
TEST_F(strings, fault_in_the_middle)
{
	struct vcpu *v = self->v;
	static u8 buf[64];
	struct result r;
	u32 got;

	pt_put(self->vm, pt_entry_gpa(self->vm, TEST_VA + PAGE_SIZE, 1), 0);
	r = rep_ins(v, TEST_VA + PAGE_SIZE - 12, 20, 2);
	answer(v, &r, &got);
	EXPECT_PF(r, ERR_W, TEST_VA + PAGE_SIZE);
	EXPECT_EQ(12, got);
	EXPECT_EQ(14, v->regs.rcx);
	EXPECT_EQ(TEST_VA + PAGE_SIZE, v->regs.rdi);
	r = rep_outs(v, TEST_VA + PAGE_SIZE - 12, 20, 4);
	collect(v, &r, buf, sizeof(buf), &got);
	EXPECT_PF(r, 0, TEST_VA + PAGE_SIZE);
	EXPECT_EQ(12, got);
	EXPECT_EQ(17, v->regs.rcx);
	EXPECT_EQ(TEST_VA + PAGE_SIZE, v->regs.rsi);
}

/* The table goes while user space reads the port: nothing is lost but what was read. */
TEST_F(strings, page_gone_during_the_exit)
{
	struct result r = rep_ins(self->v, TEST_VA, 100, 1);
	struct vcpu *v = self->v;

	EXPECT_TRUE(is_io(v, r, KVM_EXIT_IO_IN));
	vm_set_slot(self->vm, 0, 0, NULL, 0, 0);
	memset(data_of(v), 0x33, 100);
	r = vcpu_run(v);
	EXPECT_TRUE(r.kind == OUT_EXIT || r.kind == OUT_ERRNO) TH_LOG("%s", result_str(r));
}

/* A signal's KVM_RUN completes what user space has done, and no more. */
TEST_F(strings, immediate_exit)
{
	struct result r = rep_ins(self->v, TEST_VA, 5000, 1);
	struct vcpu *v = self->v;
	u32 first = v->run->io.count, got;

	EXPECT_TRUE(is_io(v, r, KVM_EXIT_IO_IN));
	memset(data_of(v), 0x44, first);
	v->run->immediate_exit = 1;
	EXPECT_ERRNO(EINTR, ioctl(v->fd, KVM_RUN, 0));
	v->run->immediate_exit = 0;
	ASSERT_EQ(0, ioctl(v->fd, KVM_GET_REGS, &v->regs));
	EXPECT_EQ(5000 - first, v->regs.rcx);
	EXPECT_EQ(TEST_VA + first, v->regs.rdi);
	EXPECT_EQ(0x44, vm_read(self->vm, DATA_GPA + first - 1, 1));
	r = vcpu_run(v);
	answer(v, &r, &got);
	EXPECT_DONE(r);
	EXPECT_EQ(5000 - first, got);
}

/* Devices on both sides: the memory's accesses are exits, too, each in its turn. */
TEST_F(strings, to_and_from_mmio)
{
	struct vcpu *v = self->v;
	struct result r;

	pt_map(self->vm, TEST_VA + 4 * PAGE_SIZE, MMIO_GPA, PTE_KERNEL);
	r = rep_ins(v, TEST_VA + 4 * PAGE_SIZE, 3, 4);
	for (u32 i = 0; i < 3; i++) {
		EXPECT_TRUE(is_io(v, r, KVM_EXIT_IO_IN));
		EXPECT_EQ(1, v->run->io.count);
		*(u32 *)data_of(v) = 0x1000 + i;
		r = vcpu_run(v);
		EXPECT_EXIT(r, KVM_EXIT_MMIO);
		EXPECT_EQ(MMIO_GPA + 4 * i, v->run->mmio.phys_addr);
		EXPECT_EQ(0x1000 + i, *(u32 *)v->run->mmio.data);
		r = vcpu_run(v);
	}
	EXPECT_DONE(r);
	r = rep_outs(v, TEST_VA + 4 * PAGE_SIZE, 3, 4);
	for (u32 i = 0; i < 3; i++) {
		EXPECT_EXIT(r, KVM_EXIT_MMIO);
		EXPECT_EQ(MMIO_GPA + 4 * i, v->run->mmio.phys_addr);
		*(u32 *)v->run->mmio.data = 0x2000 + i;
		r = vcpu_run(v);
		EXPECT_TRUE(is_io(v, r, KVM_EXIT_IO_OUT));
		EXPECT_EQ(1, v->run->io.count);
		EXPECT_EQ(0x2000 + i, *(u32 *)data_of(v));
		r = vcpu_run(v);
	}
	EXPECT_DONE(r);
}

/* An eventfd waits for one of the values: that one goes there, the others to user space. */
TEST_F(strings, eventfd_for_one_of_the_values)
{
	struct kvm_ioeventfd e = {
		.datamatch = 3, .addr = PORT, .len = 1, .fd = eventfd(0, EFD_NONBLOCK),
		.flags = KVM_IOEVENTFD_FLAG_PIO | KVM_IOEVENTFD_FLAG_DATAMATCH,
	};
	struct vcpu *v = self->v;
	u64 signalled = 0;
	struct result r;
	u8 buf[16];
	u32 got;

	ASSERT_LE(0, e.fd);
	ASSERT_EQ(0, ioctl(self->vm->fd, KVM_IOEVENTFD, &e));
	for (u32 i = 0; i < 8; i++)
		*(u8 *)vm_ptr(self->vm, DATA_GPA + i) = i;
	r = rep_outs(v, TEST_VA, 8, 1);
	collect(v, &r, buf, sizeof(buf), &got);
	EXPECT_DONE(r);
	EXPECT_EQ(7, got);
	EXPECT_EQ(0, memcmp(buf, "\0\1\2\4\5\6\7", 7));
	EXPECT_EQ(sizeof(signalled), read(e.fd, &signalled, sizeof(signalled)));
	EXPECT_EQ(1, signalled);
	close(e.fd);
}

/* A page table as the buffer: what arrives there is seen by the shadow MMU. */
TEST_F(strings, in_to_a_page_table)
{
	u64 entry = pt_entry_gpa(self->vm, TEST_VA, 1), old = pt_entry(self->vm, TEST_VA, 1);
	struct vcpu *v = self->v;
	struct result r;
	u64 value;

	*(u64 *)vm_ptr(self->vm, DATA_GPA) = 1;
	*(u64 *)vm_ptr(self->vm, DATA_GPA + PAGE_SIZE) = 2;
	EXPECT_DONE(guest_read(v, TEST_VA, 8, &value));
	EXPECT_EQ(1, value);
	v->regs.rdx = PORT;
	r = rep_ins(v, entry, 2, 4);
	EXPECT_TRUE(is_io(v, r, KVM_EXIT_IO_IN));
	EXPECT_EQ(2, v->run->io.count);
	*(u64 *)data_of(v) = old + PAGE_SIZE;
	EXPECT_DONE(vcpu_run(v));
	EXPECT_DONE(guest_invlpg(v, TEST_VA));
	EXPECT_DONE(guest_read(v, TEST_VA, 8, &value));
	EXPECT_EQ(2, value);
}

/* Under single step each element is a step. */
TEST_F(strings, single_step)
{
	struct vcpu *v = self->v;
	struct result r;
	u32 got;

	v->flags = RFLAGS_TF;
	r = rep_ins(v, TEST_VA, 3, 1);
	EXPECT_EQ(1, answer(v, &r, &got));
	EXPECT_EXC(r, VEC_DB);
	EXPECT_EQ(2, v->regs.rcx);
	v->flags = 0;
}

TEST_HARNESS_MAIN
