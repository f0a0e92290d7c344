// SPDX-License-Identifier: GPL-2.0-only
/* KVM_X86_SET_MSR_FILTER and KVM_CAP_X86_USER_SPACE_MSR. */
#include <errno.h>
#include <string.h>
#include <sys/ioctl.h>

#include "kselftest_harness.h"
#include "modes.h"

#define UNKNOWN_MSR	0xdead0000
#define ALL		(KVM_MSR_EXIT_REASON_INVAL | KVM_MSR_EXIT_REASON_UNKNOWN | \
			 KVM_MSR_EXIT_REASON_FILTER)
#define DENY		KVM_MSR_FILTER_DEFAULT_DENY
#define BOTH		(KVM_MSR_FILTER_READ | KVM_MSR_FILTER_WRITE)

FIXTURE_IN_MODE(filter, MODE_LONG4)

static int want(struct vm *vm, u64 reasons)
{
	struct kvm_enable_cap e = { .cap = KVM_CAP_X86_USER_SPACE_MSR, .args = { reasons } };

	return ioctl(vm->fd, KVM_ENABLE_CAP, &e) ? errno : 0;
}

/* One range, in which only MSRs with a bit in @bits are allowed. */
static int set(struct vm *vm, u32 flags, u32 how, u32 base, u32 nr, u64 bits)
{
	struct kvm_msr_filter f = {
		.flags = flags, .ranges[0] = { how, nr, base, (void *)&bits },
	};

	return ioctl(vm->fd, KVM_X86_SET_MSR_FILTER, &f) ? errno : 0;
}

#define EXPECT_MSR(r, exit_, reason_, index_)				\
	do {								\
		EXPECT_EXIT(r, exit_);					\
		EXPECT_EQ(reason_, self->v->run->msr.reason);		\
		EXPECT_EQ(index_, self->v->run->msr.index);		\
	} while (0)

TEST_F(filter, hostile_arguments)
{
	struct kvm_msr_filter f = {};

	EXPECT_TRUE(vm_has_cap(self->vm, KVM_CAP_X86_MSR_FILTER));
	EXPECT_TRUE(vm_has_cap(self->vm, KVM_CAP_X86_USER_SPACE_MSR));
	EXPECT_EQ(EINVAL, want(self->vm, 8));
	EXPECT_EQ(EINVAL, want(self->vm, 1ul << 32));
	EXPECT_ERRNO(EFAULT, ioctl(self->vm->fd, KVM_X86_SET_MSR_FILTER, (void *)8));
	EXPECT_EQ(EINVAL, set(self->vm, 2, BOTH, 0, 8, 0));
	EXPECT_EQ(EINVAL, set(self->vm, DENY, BOTH, 0, 0, 0));
	EXPECT_EQ(EINVAL, set(self->vm, 0, 0, 0, 8, 0));
	EXPECT_EQ(EINVAL, set(self->vm, 0, 4, 0, 8, 0));
	EXPECT_EQ(EINVAL, set(self->vm, 0, BOTH, 0, 0x600 * 8 + 1, 0));
	EXPECT_EQ(EINVAL, set(self->vm, 0, BOTH, 0, ~0u, 0));
	f.ranges[15] = (struct kvm_msr_filter_range){ BOTH, 8, 0, (void *)8 };
	EXPECT_ERRNO(EFAULT, ioctl(self->vm->fd, KVM_X86_SET_MSR_FILTER, &f));
	EXPECT_DONE(guest_wrmsr(self->v, MSR_KERNEL_GS, 5));
}

TEST_F(filter, unknown_and_invalid)
{
	struct vcpu *v = self->v;
	u64 value = 0;

	EXPECT_EXC_ERR(guest_rdmsr(v, UNKNOWN_MSR, &value), VEC_GP, 0);
	ASSERT_EQ(0, want(self->vm, ALL));
	EXPECT_MSR(guest_rdmsr(v, UNKNOWN_MSR, &value), KVM_EXIT_X86_RDMSR,
		   KVM_MSR_EXIT_REASON_UNKNOWN, UNKNOWN_MSR);
	v->run->msr.data = 0x123456789abcdef0;
	EXPECT_DONE(vcpu_run(v));
	EXPECT_EQ(0x9abcdef0, v->regs.rax);
	EXPECT_EQ(0x12345678, v->regs.rdx);
	EXPECT_MSR(guest_wrmsr(v, UNKNOWN_MSR, 0x1122334455667788), KVM_EXIT_X86_WRMSR,
		   KVM_MSR_EXIT_REASON_UNKNOWN, UNKNOWN_MSR);
	EXPECT_EQ(0x1122334455667788, v->run->msr.data);
	EXPECT_DONE(vcpu_run(v));
	EXPECT_MSR(guest_wrmsr(v, MSR_PAT, 2), KVM_EXIT_X86_WRMSR, KVM_MSR_EXIT_REASON_INVAL,
		   MSR_PAT);
	v->run->msr.error = 1;
	EXPECT_EXC_ERR(vcpu_run(v), VEC_GP, 0);
	ASSERT_EQ(0, want(self->vm, KVM_MSR_EXIT_REASON_FILTER));
	EXPECT_EXC_ERR(guest_rdmsr(v, UNKNOWN_MSR, &value), VEC_GP, 0);
}

/* Also of what the guest otherwise has for itself, on vCPUs that have run. */
TEST_F(filter, denied)
{
	struct vcpu *v = self->v;
	u64 value = 0;

	EXPECT_DONE(guest_wrmsr(v, MSR_KERNEL_GS, 0x5000));
	ASSERT_EQ(0, set(self->vm, 0, BOTH, MSR_FS_BASE, 3, 3));	/* not KERNEL_GS */
	EXPECT_EXC_ERR(guest_rdmsr(v, MSR_KERNEL_GS, &value), VEC_GP, 0);
	EXPECT_EXC_ERR(guest_wrmsr(v, MSR_KERNEL_GS, 0x6000), VEC_GP, 0);
	EXPECT_DONE(guest_rdmsr(v, MSR_FS_BASE, &value));
	EXPECT_DONE(guest_rdmsr(v, MSR_PAT, &value));
	EXPECT_EQ(1, vcpu_get_msr(v, MSR_KERNEL_GS, &value));
	EXPECT_EQ(0x5000, value);
	ASSERT_EQ(0, want(self->vm, ALL));
	EXPECT_MSR(guest_rdmsr(v, MSR_KERNEL_GS, &value), KVM_EXIT_X86_RDMSR,
		   KVM_MSR_EXIT_REASON_FILTER, MSR_KERNEL_GS);
	v->run->msr.data = 7;
	EXPECT_DONE(vcpu_run(v));
	EXPECT_EQ(7, v->regs.rax);
	ASSERT_EQ(0, set(self->vm, 0, BOTH, 0, 0, 0));
	EXPECT_DONE(guest_rdmsr(v, MSR_KERNEL_GS, &value));
	EXPECT_EQ(0x5000, value);
}

TEST_F(filter, denied_by_default)
{
	struct vcpu *v = self->v;
	u64 value = 0;

	ASSERT_EQ(0, set(self->vm, DENY, KVM_MSR_FILTER_READ, MSR_PAT, 1, 1));
	EXPECT_DONE(guest_rdmsr(v, MSR_PAT, &value));
	EXPECT_EXC_ERR(guest_wrmsr(v, MSR_PAT, value), VEC_GP, 0);
	EXPECT_EXC_ERR(guest_rdmsr(v, MSR_TSC, &value), VEC_GP, 0);
	EXPECT_EXC_ERR(guest_rdmsr(v, MSR_STAR, &value), VEC_GP, 0);
}

/* The guest stays where it is until it is allowed, and then goes on without user space. */
TEST_F(filter, taken_back_while_user_space_looks)
{
	struct vcpu *v = self->v;
	u64 value = 0;

	ASSERT_EQ(0, want(self->vm, ALL));
	ASSERT_EQ(0, set(self->vm, 0, BOTH, MSR_PAT, 1, 0));
	EXPECT_EXIT(guest_rdmsr(v, MSR_PAT, &value), KVM_EXIT_X86_RDMSR);
	ASSERT_EQ(0, set(self->vm, 0, BOTH, 0, 0, 0));
	EXPECT_DONE(vcpu_run(v));
	EXPECT_EQ(1, vcpu_get_msr(v, MSR_PAT, &value));
	EXPECT_EQ((u32)value, v->regs.rax);
}

TEST_HARNESS_MAIN
