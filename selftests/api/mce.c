// SPDX-License-Identifier: GPL-2.0-only
/* Machine checks: what the device can, MSRs of the banks, errors that user space injects. */
#include <errno.h>
#include <sys/ioctl.h>

#include "kselftest_harness.h"
#include "modes.h"

#define MSR_MCG_CAP	0x179
#define MSR_MCG_STATUS	0x17a
#define MSR_MCG_CTL	0x17b
#define MSR_BANK(n)	(0x400 + 4 * (n))	/* CTL, STATUS, ADDR, MISC */

#define CAP_CTL_P	(1ul << 8)
#define CAP_CMCI_P	(1ul << 10)
#define CAP_SER_P	(1ul << 24)
#define VAL		(1ul << 63)
#define OVER		(1ul << 62)
#define UC		(1ul << 61)
#define AR		(1ul << 55)
#define MCIP		4
#define VEC_MC		18
#define CR4_MCE		(1ul << 6)

FIXTURE_IN_MODE(mce, MODE_LONG4)

static int set_up(struct vcpu *v, u64 cap)
{
	return ioctl(v->fd, KVM_X86_SETUP_MCE, &cap) ? errno : 0;
}

static int inject(struct vcpu *v, u8 bank, u64 status, u64 mcg_status)
{
	struct kvm_x86_mce mce = {
		.bank = bank, .status = status, .mcg_status = mcg_status,
		.addr = 0x1000 + bank, .misc = 0x8c,
	};

	return ioctl(v->fd, KVM_X86_SET_MCE, &mce) ? errno : 0;
}

static u64 get(struct vcpu *v, u32 msr)
{
	u64 value = 0xbad;

	return vcpu_get_msr(v, msr, &value) == 1 ? value : 0xbad;
}

TEST_F(mce, what_there_is)
{
	u64 cap = 0;

	EXPECT_EQ(32, ioctl(self->vm->dev, KVM_CHECK_EXTENSION, KVM_CAP_MCE));
	EXPECT_ERRNO(EFAULT, ioctl(self->vm->dev, KVM_X86_GET_MCE_CAP_SUPPORTED, (void *)8));
	ASSERT_EQ(0, ioctl(self->vm->dev, KVM_X86_GET_MCE_CAP_SUPPORTED, &cap));
	EXPECT_EQ(CAP_CTL_P | CAP_SER_P, cap);
	EXPECT_EQ(32, get(self->v, MSR_MCG_CAP));
}

TEST_F(mce, set_up)
{
	u64 value;

	EXPECT_EQ(EINVAL, set_up(self->v, 0));
	EXPECT_EQ(EINVAL, set_up(self->v, 33));
	EXPECT_EQ(EINVAL, set_up(self->v, 255));
	EXPECT_EQ(EINVAL, set_up(self->v, 10 | CAP_CMCI_P));
	EXPECT_EQ(EINVAL, set_up(self->v, 10 | 1ul << 63));
	EXPECT_ERRNO(EFAULT, ioctl(self->v->fd, KVM_X86_SETUP_MCE, (void *)8));
	EXPECT_EQ(32, get(self->v, MSR_MCG_CAP));
	EXPECT_EQ(0, set_up(self->v, 10 | CAP_CTL_P | CAP_SER_P));
	EXPECT_EQ(10 | CAP_CTL_P | CAP_SER_P, get(self->v, MSR_MCG_CAP));
	EXPECT_EQ(~0ul, get(self->v, MSR_MCG_CTL));
	EXPECT_EQ(~0ul, get(self->v, MSR_BANK(9)));
	EXPECT_EQ(0xbad, get(self->v, MSR_BANK(10)));
	EXPECT_EXC_ERR(guest_rdmsr(self->v, MSR_BANK(10), &value), VEC_GP, 0);
	EXPECT_EXC_ERR(guest_wrmsr(self->v, MSR_MCG_CAP, 10), VEC_GP, 0);
}

TEST_F(mce, registers_of_a_bank)
{
	u64 value;

	ASSERT_EQ(0, set_up(self->v, 4));
	EXPECT_EXC_ERR(guest_rdmsr(self->v, MSR_MCG_CTL, &value), VEC_GP, 0);
	EXPECT_EXC_ERR(guest_wrmsr(self->v, MSR_BANK(1), 5), VEC_GP, 0);
	EXPECT_DONE(guest_wrmsr(self->v, MSR_BANK(1), 0));
	EXPECT_EQ(0, get(self->v, MSR_BANK(1)));
	EXPECT_DONE(guest_wrmsr(self->v, MSR_BANK(1), ~0ul & ~(1ul << 10)));
	EXPECT_DONE(guest_wrmsr(self->v, MSR_BANK(1) + 2, 0x1234567890));
	EXPECT_DONE(guest_rdmsr(self->v, MSR_BANK(1) + 2, &value));
	EXPECT_EQ(0x1234567890, value);
	EXPECT_EXC_ERR(guest_wrmsr(self->v, MSR_BANK(1) + 1, VAL), VEC_GP, 0);
	EXPECT_DONE(guest_wrmsr(self->v, MSR_BANK(1) + 1, 0));
	EXPECT_EQ(1, vcpu_set_msr(self->v, MSR_BANK(1) + 1, VAL | 7));
	EXPECT_EQ(VAL | 7, get(self->v, MSR_BANK(1) + 1));
	EXPECT_EQ(0, vcpu_set_msr(self->v, MSR_BANK(1), 5));
	EXPECT_EQ(0, vcpu_set_msr(self->v, MSR_MCG_CTL, ~0ul));
	EXPECT_EQ(1, vcpu_set_msr(self->v, MSR_MCG_CTL, 0));
}

TEST_F(mce, hostile_errors)
{
	ASSERT_EQ(0, set_up(self->v, 4 | CAP_CTL_P));
	EXPECT_ERRNO(EFAULT, ioctl(self->v->fd, KVM_X86_SET_MCE, (void *)8));
	EXPECT_EQ(EINVAL, inject(self->v, 4, VAL, 0));
	EXPECT_EQ(EINVAL, inject(self->v, 255, VAL, 0));
	EXPECT_EQ(EINVAL, inject(self->v, 0, UC, 0));
}

/* The first of several stays in the bank only if it is worse than the next. */
TEST_F(mce, corrected_errors_overwrite)
{
	ASSERT_EQ(0, set_up(self->v, 4));
	EXPECT_EQ(0, inject(self->v, 2, VAL | 1, 0));
	EXPECT_EQ(VAL | 1, get(self->v, MSR_BANK(2) + 1));
	EXPECT_EQ(0x1002, get(self->v, MSR_BANK(2) + 2));
	EXPECT_EQ(0x8c, get(self->v, MSR_BANK(2) + 3));
	EXPECT_EQ(0, inject(self->v, 2, VAL | 2, 0));
	EXPECT_EQ(VAL | OVER | 2, get(self->v, MSR_BANK(2) + 1));
	EXPECT_EQ(1, vcpu_set_msr(self->v, MSR_BANK(2) + 1, VAL | UC | 3));
	EXPECT_EQ(0, inject(self->v, 2, VAL | 4, 0));
	EXPECT_EQ(VAL | OVER | UC | 3, get(self->v, MSR_BANK(2) + 1));
	EXPECT_DONE(guest_read(self->v, LOW_DATA, 4, NULL));
}

/* Nothing has used what is lost: no exception. */
TEST_F(mce, deferred_error)
{
	ASSERT_EQ(0, set_up(self->v, 4 | CAP_SER_P));
	EXPECT_EQ(0, inject(self->v, 1, VAL | UC | 1, 0));
	EXPECT_EQ(VAL | UC | 1, get(self->v, MSR_BANK(1) + 1));
	EXPECT_DONE(guest_read(self->v, LOW_DATA, 4, NULL));
}

/* The guest stands behind its last instruction, and can take a machine check. */
static void get_ready(struct vcpu *v)
{
	struct kvm_sregs s;

	vcpu_get_sregs(v, &s);
	s.cr4 |= CR4_MCE;
	vcpu_set_sregs(v, &s);
	guest_read(v, LOW_DATA, 4, NULL);
	vcpu_settle(v);
}

TEST_F(mce, uncorrected_error)
{
	ASSERT_EQ(0, set_up(self->v, 4 | CAP_CTL_P | CAP_SER_P));
	get_ready(self->v);
	EXPECT_EQ(0, inject(self->v, 3, VAL | UC | AR | 1, MCIP));
	EXPECT_EXC(vcpu_run(self->v), VEC_MC);
	EXPECT_EQ(MCIP, get(self->v, MSR_MCG_STATUS));
	EXPECT_EQ(VAL | UC | AR | 1, get(self->v, MSR_BANK(3) + 1));
	EXPECT_DONE(guest_wrmsr(self->v, MSR_MCG_STATUS, 0));
	EXPECT_DONE(guest_wrmsr(self->v, MSR_BANK(3) + 1, 0));
}

TEST_F(mce, uncorrected_error_while_one_is_seen_to)
{
	ASSERT_EQ(0, set_up(self->v, 4 | CAP_CTL_P));
	get_ready(self->v);
	ASSERT_EQ(1, vcpu_set_msr(self->v, MSR_MCG_STATUS, MCIP));
	EXPECT_EQ(0, inject(self->v, 3, VAL | UC | AR, MCIP));
	EXPECT_EXIT(vcpu_run(self->v), KVM_EXIT_SHUTDOWN);
}

TEST_F(mce, uncorrected_error_without_cr4_mce)
{
	ASSERT_EQ(0, set_up(self->v, 4 | CAP_CTL_P));
	EXPECT_EQ(0, inject(self->v, 3, VAL | UC | AR, MCIP));
	EXPECT_EXIT(guest_read(self->v, LOW_DATA, 4, NULL), KVM_EXIT_SHUTDOWN);
}

TEST_F(mce, uncorrected_error_in_a_bank_that_is_off)
{
	ASSERT_EQ(0, set_up(self->v, 4 | CAP_CTL_P));
	get_ready(self->v);
	EXPECT_EQ(1, vcpu_set_msr(self->v, MSR_BANK(3), 0));
	EXPECT_EQ(0, inject(self->v, 3, VAL | UC | AR, MCIP));
	EXPECT_EQ(0, get(self->v, MSR_BANK(3) + 1));
	EXPECT_EQ(1, vcpu_set_msr(self->v, MSR_BANK(3), ~0ul));
	EXPECT_EQ(1, vcpu_set_msr(self->v, MSR_MCG_CTL, 0));
	EXPECT_EQ(0, inject(self->v, 3, VAL | UC | AR, MCIP));
	EXPECT_EQ(0, get(self->v, MSR_BANK(3) + 1));
	EXPECT_DONE(guest_read(self->v, LOW_DATA, 4, NULL));
}

TEST_HARNESS_MAIN
