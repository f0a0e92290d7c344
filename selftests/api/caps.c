// SPDX-License-Identifier: GPL-2.0-only
/* KVM_ENABLE_CAP, and what is decided before there is a vCPU: hostile arguments and wrong order. */
#include <errno.h>
#include <sys/ioctl.h>

#include "kselftest_harness.h"
#include "vm.h"

#define APICBASE_BSP	0x100

/* Nothing is there; a pointer of no use, too. */
#define NOWHERE		((void *)8)

static int enable(int fd, u32 cap, u64 arg)
{
	struct kvm_enable_cap e = { .cap = cap, .args = { arg } };

	return ioctl(fd, KVM_ENABLE_CAP, &e) ? errno : 0;
}

static int create_vcpu(struct vm *vm, u32 id)
{
	int fd = ioctl(vm->fd, KVM_CREATE_VCPU, id);

	if (fd < 0)
		return errno;
	close(fd);
	return 0;
}

FIXTURE(caps) {
	struct vm *vm;
};

FIXTURE_SETUP(caps)
{
	self->vm = vm_create_bare();
}

FIXTURE_TEARDOWN(caps)
{
	vm_free(self->vm);
}

TEST_F(caps, unknown_ones_and_flags)
{
	int vcpu = ioctl(self->vm->fd, KVM_CREATE_VCPU, 0);
	const int fd[] = { self->vm->fd, vcpu };

	ASSERT_LE(0, vcpu);
	for (int i = 0; i < 2; i++) {
		struct kvm_enable_cap e = { .cap = KVM_CAP_MAX_VCPU_ID, .flags = 1 };

		EXPECT_EQ(-1, ioctl(fd[i], KVM_ENABLE_CAP, NOWHERE));
		EXPECT_EQ(EFAULT, errno);
		EXPECT_EQ(-1, ioctl(fd[i], KVM_ENABLE_CAP, &e));
		EXPECT_EQ(EINVAL, errno);
		EXPECT_EQ(EINVAL, enable(fd[i], KVM_CAP_USER_MEMORY, 0));
		EXPECT_EQ(EINVAL, enable(fd[i], 0, 0));
		EXPECT_EQ(EINVAL, enable(fd[i], ~0u, ~0ul));
	}
	close(vcpu);
	EXPECT_EQ(ENOTTY, enable(self->vm->dev, KVM_CAP_MAX_VCPU_ID, 1));
}

TEST_F(caps, limit_of_vcpu_ids)
{
	int max = ioctl(self->vm->dev, KVM_CHECK_EXTENSION, KVM_CAP_MAX_VCPU_ID);
	int fd = self->vm->fd;

	ASSERT_LT(8, max);
	EXPECT_EQ(EINVAL, enable(fd, KVM_CAP_MAX_VCPU_ID, max + 1));
	EXPECT_EQ(EINVAL, enable(fd, KVM_CAP_MAX_VCPU_ID, 1ul << 32));
	EXPECT_EQ(0, enable(fd, KVM_CAP_MAX_VCPU_ID, 8));
	EXPECT_EQ(0, enable(fd, KVM_CAP_MAX_VCPU_ID, 8));
	EXPECT_EQ(EINVAL, enable(fd, KVM_CAP_MAX_VCPU_ID, 9));
	EXPECT_EQ(EINVAL, create_vcpu(self->vm, 8));
	EXPECT_EQ(0, create_vcpu(self->vm, 7));
}

TEST_F(caps, no_limit_after_a_vcpu)
{
	EXPECT_EQ(0, create_vcpu(self->vm, 3));
	EXPECT_EQ(EINVAL, enable(self->vm->fd, KVM_CAP_MAX_VCPU_ID, 8));
	EXPECT_EQ(0, create_vcpu(self->vm, 9));
}

static u64 apic_base(int fd)
{
	struct kvm_sregs sregs = {};

	return ioctl(fd, KVM_GET_SREGS, &sregs) ? 0 : sregs.apic_base;
}

TEST_F(caps, boot_processor)
{
	int a, b, fd = self->vm->fd;

	EXPECT_EQ(0, ioctl(fd, KVM_SET_BOOT_CPU_ID, 5));
	EXPECT_EQ(EINVAL, enable(fd, KVM_CAP_MAX_VCPU_ID, 4));
	EXPECT_EQ(-1, ioctl(fd, KVM_SET_BOOT_CPU_ID, -1ul));
	EXPECT_EQ(EINVAL, errno);
	EXPECT_EQ(0, enable(fd, KVM_CAP_MAX_VCPU_ID, 8));
	EXPECT_EQ(-1, ioctl(fd, KVM_SET_BOOT_CPU_ID, 8));
	EXPECT_EQ(EINVAL, errno);
	a = ioctl(fd, KVM_CREATE_VCPU, 0);
	b = ioctl(fd, KVM_CREATE_VCPU, 5);
	EXPECT_EQ(0, apic_base(a) & APICBASE_BSP);
	EXPECT_EQ(APICBASE_BSP, apic_base(b) & APICBASE_BSP);
	EXPECT_EQ(-1, ioctl(fd, KVM_SET_BOOT_CPU_ID, 0));
	EXPECT_EQ(EBUSY, errno);
	close(a);
	close(b);
}

TEST_HARNESS_MAIN
