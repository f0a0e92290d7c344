// SPDX-License-Identifier: GPL-2.0-only
/* KVM_SET_CPUID, KVM_GET_EMULATED_CPUID and KVM_GET_XSAVE2. */
#include <errno.h>
#include <string.h>
#include <sys/ioctl.h>

#include "kselftest_harness.h"
#include "modes.h"

#define MAX	257

FIXTURE_IN_MODE(more, MODE_LONG4)

struct old_list {
	struct kvm_cpuid head;
	struct kvm_cpuid_entry entry[MAX];
};

struct list {
	struct kvm_cpuid2 head;
	struct kvm_cpuid_entry2 entry[MAX];
};

TEST_F(more, entries_without_index)
{
	static struct old_list old = { .head.nent = 3, .entry = {
		{ .function = 0, .eax = 7, .ebx = 0x11, .ecx = 0x22, .edx = 0x33 },
		{ .function = 7, .ebx = 0x44 },
		{ .function = 0x80000008, .eax = 0x3028 },
	} };
	static struct list now = { .head.nent = MAX };
	struct vcpu *v = self->v;

	ASSERT_EQ(0, ioctl(v->fd, KVM_SET_CPUID, &old));
	ASSERT_EQ(0, ioctl(v->fd, KVM_GET_CPUID2, &now));
	ASSERT_EQ(3, now.head.nent);
	EXPECT_EQ(0x44, now.entry[1].ebx);
	EXPECT_EQ(0, now.entry[1].flags | now.entry[1].index);
	v->regs.rax = 7;
	v->regs.rcx = 5;
	EXPECT_DONE(guest_insn(v, INSN("cpuid")));
	EXPECT_EQ(0x44, v->regs.rbx);
	EXPECT_ERRNO(EFAULT, ioctl(v->fd, KVM_SET_CPUID, (void *)8));
	old.entry[2].eax = 0x2228;	/* linear addresses of 34 bits */
	EXPECT_ERRNO(EINVAL, ioctl(v->fd, KVM_SET_CPUID, &old));
	old.head.nent = MAX;
	EXPECT_ERRNO(E2BIG, ioctl(v->fd, KVM_SET_CPUID, &old));
	old.head.nent = ~0u;
	EXPECT_ERRNO(E2BIG, ioctl(v->fd, KVM_SET_CPUID, &old));
	EXPECT_DONE(guest_insn(v, INSN("cpuid")));
}

TEST_F(more, emulated)
{
	static struct list l;
	int dev = self->vm->dev;

	EXPECT_TRUE(vm_has_cap(self->vm, KVM_CAP_EXT_EMUL_CPUID));
	EXPECT_ERRNO(EFAULT, ioctl(dev, KVM_GET_EMULATED_CPUID, (void *)8));
	EXPECT_ERRNO(E2BIG, ioctl(dev, KVM_GET_EMULATED_CPUID, &l));
	l.head.nent = 8;
	l.entry[7].padding[2] = 1;
	EXPECT_ERRNO(EINVAL, ioctl(dev, KVM_GET_EMULATED_CPUID, &l));
	l.entry[7].padding[2] = 0;
	ASSERT_EQ(0, ioctl(dev, KVM_GET_EMULATED_CPUID, &l));
	EXPECT_EQ(2, l.head.nent);
	EXPECT_EQ(7, l.entry[1].function);
	EXPECT_EQ(1u << 10, l.entry[1].ebx);
}

TEST_F(more, xsave2)
{
	struct kvm_xsave a, b;

	EXPECT_EQ(sizeof(a), ioctl(self->vm->fd, KVM_CHECK_EXTENSION, KVM_CAP_XSAVE2));
	memset(&a, 0, sizeof(a));
	memset(&b, 0xff, sizeof(b));
	ASSERT_EQ(0, ioctl(self->v->fd, KVM_GET_XSAVE, &a));
	ASSERT_EQ(0, ioctl(self->v->fd, KVM_GET_XSAVE2, &b));
	EXPECT_EQ(0, memcmp(&a, &b, sizeof(a)));
	EXPECT_ERRNO(EFAULT, ioctl(self->v->fd, KVM_GET_XSAVE2, (void *)8));
}

TEST_HARNESS_MAIN
