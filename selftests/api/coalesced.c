// SPDX-License-Identifier: GPL-2.0-only
/* Coalesced MMIO and PIO: what gathers in the ring, what exits all the same, bad input. */
#include <sys/ioctl.h>

#include "kselftest_harness.h"
#include "paging.h"

#define ZONE		0xfe000000ul
#define ZONE_BYTES	0x100
#define PORT		0x3c0
#define RING_MAX	((PAGE_SIZE - sizeof(struct kvm_coalesced_mmio_ring)) / \
			 sizeof(struct kvm_coalesced_mmio))

FIXTURE(ring) {
	struct vm *vm;
	struct vcpu *v;
	struct kvm_coalesced_mmio_ring *ring;
};

static int zone_ioctl(struct vm *vm, unsigned long cmd, u64 addr, u32 size, u32 pio)
{
	struct kvm_coalesced_mmio_zone zone = { .addr = addr, .size = size, .pio = pio };

	return ioctl(vm->fd, cmd, &zone) ? errno : 0;
}

static int add(struct vm *vm, u64 addr, u32 size, u32 pio)
{
	return zone_ioctl(vm, KVM_REGISTER_COALESCED_MMIO, addr, size, pio);
}

static int del(struct vm *vm, u64 addr, u32 size, u32 pio)
{
	return zone_ioctl(vm, KVM_UNREGISTER_COALESCED_MMIO, addr, size, pio);
}

FIXTURE_SETUP(ring)
{
	self->vm = vm_create(MODE_LONG4);
	self->v = &self->vm->vcpu[0];
	ASSERT_EQ(2, ioctl(self->vm->fd, KVM_CHECK_EXTENSION, KVM_CAP_COALESCED_MMIO));
	ASSERT_EQ(1, ioctl(self->vm->fd, KVM_CHECK_EXTENSION, KVM_CAP_COALESCED_PIO));
	ASSERT_GE(self->v->run_bytes, 3 * PAGE_SIZE);
	self->ring = (void *)((u8 *)self->v->run + 2 * PAGE_SIZE);
	pt_map(self->vm, TEST_VA, ZONE, PTE_KERNEL);
	ASSERT_EQ(0, add(self->vm, ZONE, ZONE_BYTES, 0));
	ASSERT_EQ(0, add(self->vm, PORT, 4, 1));
}

FIXTURE_TEARDOWN(ring)
{
	vm_free(self->vm);
}

static struct result out(struct vcpu *v, u16 port, u32 value)
{
	v->regs.rdx = port;
	v->regs.rax = value;
	return guest_insn(v, INSN("outl %%eax, %%dx"));
}

#define EXPECT_ENTRY(i, addr, bytes, port, value)					\
	do {										\
		struct kvm_coalesced_mmio *e_ = &self->ring->coalesced_mmio[i];		\
		u64 x_ = 0;								\
											\
		memcpy(&x_, e_->data, bytes);						\
		EXPECT_EQ(addr, e_->phys_addr);						\
		EXPECT_EQ(bytes, e_->len);						\
		EXPECT_EQ(port, e_->pio);						\
		EXPECT_EQ(value, x_);							\
	} while (0)

TEST_F(ring, writes_gather)
{
	struct vcpu *v = self->v;

	EXPECT_EQ(0, self->ring->first);
	EXPECT_EQ(0, self->ring->last);
	EXPECT_DONE(guest_write(v, TEST_VA, 0x11, 1));
	EXPECT_DONE(guest_write(v, TEST_VA + 2, 0x2222, 2));
	EXPECT_DONE(guest_write(v, TEST_VA + 0xf8, 0x1122334455667788, 8));
	EXPECT_DONE(out(v, PORT, 0x44444444));
	v->regs.rsi = LOW_DATA;
	v->regs.rdx = PORT + 3;
	EXPECT_DONE(guest_insn(v, INSN("outsb")));
	EXPECT_EQ(5, self->ring->last);
	EXPECT_ENTRY(0, ZONE, 1, 0, 0x11);
	EXPECT_ENTRY(1, ZONE + 2, 2, 0, 0x2222);
	EXPECT_ENTRY(2, ZONE + 0xf8, 8, 0, 0x1122334455667788);
	EXPECT_ENTRY(3, PORT, 4, 1, 0x44444444);
	EXPECT_ENTRY(4, PORT + 3, 1, 1, 0);
	/* a string, element by element */
	v->regs.rdi = TEST_VA;
	v->regs.rcx = 3;
	v->regs.rax = 7;
	EXPECT_DONE(guest_insn(v, INSN("rep stosl")));
	EXPECT_EQ(8, self->ring->last);
	EXPECT_ENTRY(7, ZONE + 8, 4, 0, 7);
}

TEST_F(ring, others_exit)
{
	struct vcpu *v = self->v;

	EXPECT_EXIT(guest_read(v, TEST_VA, 4, NULL), KVM_EXIT_MMIO);
	EXPECT_EQ(0, v->run->mmio.is_write);
	EXPECT_DONE(vcpu_run(v));
	EXPECT_EXIT(guest_write(v, TEST_VA + ZONE_BYTES, 1, 4), KVM_EXIT_MMIO);
	EXPECT_DONE(vcpu_run(v));
	EXPECT_EXIT(guest_write(v, TEST_VA + ZONE_BYTES - 2, 1, 4), KVM_EXIT_MMIO);
	EXPECT_DONE(vcpu_run(v));
	EXPECT_EXIT(out(v, PORT + 1, 1), KVM_EXIT_IO);
	EXPECT_DONE(vcpu_run(v));
	EXPECT_EXIT(out(v, PORT - 4, 1), KVM_EXIT_IO);
	EXPECT_DONE(vcpu_run(v));
	v->regs.rdx = PORT;
	EXPECT_EXIT(guest_insn(v, INSN("inl %%dx, %%eax")), KVM_EXIT_IO);
	EXPECT_DONE(vcpu_run(v));
	/* memory is no port, and the other way round */
	EXPECT_EQ(0, self->ring->last);
	EXPECT_EQ(0, del(self->vm, PORT, 4, 1));
	EXPECT_EQ(0, add(self->vm, PORT, 4, 0));
	EXPECT_EXIT(out(v, PORT, 1), KVM_EXIT_IO);
	EXPECT_DONE(vcpu_run(v));
	EXPECT_EQ(0, self->ring->last);
}

/* An instruction with a read that exits after a write that doesn't: nothing happens twice. */
TEST_F(ring, once_each)
{
	struct vcpu *v = self->v;

	pt_map(self->vm, TEST_VA + PAGE_SIZE, ZONE + PAGE_SIZE, PTE_KERNEL);
	EXPECT_EQ(0, add(self->vm, ZONE + PAGE_SIZE - 8, 8, 0));
	EXPECT_EXIT(guest_write(v, TEST_VA + PAGE_SIZE - 4, 0x1122334455667788, 8), KVM_EXIT_MMIO);
	EXPECT_EQ(ZONE + PAGE_SIZE, v->run->mmio.phys_addr);
	EXPECT_EQ(4, v->run->mmio.len);
	EXPECT_DONE(vcpu_run(v));
	EXPECT_EQ(1, self->ring->last);
	EXPECT_ENTRY(0, ZONE + PAGE_SIZE - 4, 4, 0, 0x55667788);
}

TEST_F(ring, full)
{
	struct vcpu *v = self->v;
	unsigned int i;

	for (i = 0; i < RING_MAX - 1; i++)
		ASSERT_DONE(guest_write(v, TEST_VA + i % 32 * 8, i, 4));
	EXPECT_EQ(RING_MAX - 1, self->ring->last);
	EXPECT_EXIT(guest_write(v, TEST_VA, 0x77, 4), KVM_EXIT_MMIO);
	EXPECT_EQ(0x77, *(u32 *)v->run->mmio.data);
	EXPECT_DONE(vcpu_run(v));
	self->ring->first = 3;
	EXPECT_DONE(guest_write(v, TEST_VA, 1, 4));
	EXPECT_EQ(0, self->ring->last);
	EXPECT_DONE(guest_write(v, TEST_VA, 2, 4));
	EXPECT_EQ(1, self->ring->last);
	EXPECT_ENTRY(0, ZONE, 4, 0, 2);
}

/* The ring is user space's to write; the host's memory is not. */
TEST_F(ring, hostile_ring)
{
	static const u32 bad[] = { RING_MAX, RING_MAX + 1, 0x10000, 0x7fffffff, 0x80000000, ~0u };
	struct vcpu *v = self->v;

	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		self->ring->last = bad[i];
		EXPECT_EXIT(guest_write(v, TEST_VA, 1, 8), KVM_EXIT_MMIO);
		EXPECT_EQ(bad[i], self->ring->last);
		EXPECT_DONE(vcpu_run(v));
		self->ring->last = 0;
		self->ring->first = bad[i];
		EXPECT_DONE(guest_write(v, TEST_VA, 1, 8));
		EXPECT_EQ(1, self->ring->last);
		self->ring->last = self->ring->first = 0;
	}
}

TEST_F(ring, bad_input)
{
	struct vm *vm = self->vm;
	int i, err = 0;

	EXPECT_EQ(EINVAL, add(vm, ZONE, 8, 2));
	EXPECT_EQ(EINVAL, add(vm, ZONE, 8, ~0u));
	EXPECT_EQ(EINVAL, del(vm, ZONE, 8, 2));
	EXPECT_EQ(-1, ioctl(vm->fd, KVM_REGISTER_COALESCED_MMIO, NULL));
	EXPECT_EQ(EFAULT, errno);
	EXPECT_EQ(-1, ioctl(vm->fd, KVM_UNREGISTER_COALESCED_MMIO, NULL));
	EXPECT_EQ(EFAULT, errno);
	EXPECT_EQ(0, del(vm, 0x1000, 8, 0));		/* none there */
	EXPECT_EQ(0, del(vm, ZONE, ZONE_BYTES + 1, 0));	/* larger */
	EXPECT_EQ(0, add(vm, -8, 0xffffffff, 0));	/* wraps */
	EXPECT_EQ(0, add(vm, 0, 0, 0));
	EXPECT_EQ(0, del(vm, -8, 0xffffffff, 0));
	EXPECT_DONE(guest_write(self->v, TEST_VA, 1, 4));
	/* every zone that has it goes */
	EXPECT_EQ(0, add(vm, ZONE - 8, 16, 0));
	EXPECT_EQ(0, del(vm, ZONE, 4, 0));
	EXPECT_EXIT(guest_write(self->v, TEST_VA, 1, 4), KVM_EXIT_MMIO);
	EXPECT_DONE(vcpu_run(self->v));
	for (i = 0; i < 2000 && !err; i++)
		err = add(vm, ZONE, 8, 0);
	EXPECT_EQ(ENOSPC, err);
	EXPECT_LE(i, 1001);
	EXPECT_EQ(0, add(vm, PORT, 8, 1));
	EXPECT_EQ(0, del(vm, ZONE, 8, 0));
	EXPECT_EQ(0, add(vm, ZONE, 8, 0));
}

TEST_HARNESS_MAIN
