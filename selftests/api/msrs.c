// SPDX-License-Identifier: GPL-2.0-only
/*
 * KVM_SET_MSRS: a value that the processor would not take is refused, changes nothing, and the
 * vCPU goes on. What processors take, to the last bit, is taken.
 */
#include <errno.h>
#include <string.h>
#include <sys/ioctl.h>

#include "kselftest_harness.h"
#include "modes.h"

#define MSR_TSC_AUX_	0xc0000103
#define MSR_SPEC_CTRL_	0x48
#define MSR_PRED_CMD_	0x49
#define MSR_APICBASE_	0x1b
#define MSR_MTRR_DEF_	0x2ff
#define MSR_HWCR_	0xc0010015
#define MSR_XSS_	0xda0

#define NOT_CANONICAL	0x0800000000000000ul	/* with 48 bits and with 57 */
#define LOW_END		0x00007ffffffffffful
#define HIGH_END	0xffff800000000000ul

FIXTURE_IN_MODE(msrs, MODE_LONG4)

struct value {
	u32 index;
	u64 value;
};

static const struct value refused[] = {
	{ MSR_SFMASK, 1ul << 32 }, { MSR_SFMASK, 1ul << 63 }, { MSR_SFMASK, ~0ul },
	{ MSR_LSTAR, NOT_CANONICAL }, { MSR_LSTAR, 1ul << 63 }, { MSR_LSTAR, ~0ul >> 1 },
	{ MSR_CSTAR, NOT_CANONICAL }, { MSR_CSTAR, 1ul << 63 },
	{ MSR_KERNEL_GS, NOT_CANONICAL }, { MSR_KERNEL_GS, 1ul << 63 },
	{ MSR_FS_BASE, NOT_CANONICAL }, { MSR_FS_BASE, 1ul << 63 },
	{ MSR_GS_BASE, NOT_CANONICAL }, { MSR_GS_BASE, 1ul << 63 },
	{ MSR_SYSENTER_ESP, NOT_CANONICAL }, { MSR_SYSENTER_ESP, 1ul << 63 },
	{ MSR_SYSENTER_EIP, NOT_CANONICAL }, { MSR_SYSENTER_EIP, 1ul << 63 },
	{ MSR_TSC_AUX_, 1ul << 32 }, { MSR_TSC_AUX_, 1ul << 63 },
	{ MSR_SPEC_CTRL_, 1ul << 3 }, { MSR_SPEC_CTRL_, 1ul << 32 }, { MSR_SPEC_CTRL_, 1ul << 63 },
	{ MSR_PRED_CMD_, 2 }, { MSR_PRED_CMD_, 1ul << 63 },
	{ MSR_APICBASE_, 1 }, { MSR_APICBASE_, 1ul << 63 },
	{ MSR_PAT, 2 }, { MSR_PAT, 3ul << 56 }, { MSR_PAT, 1ul << 63 },
	{ MSR_MTRR_DEF_, 2 }, { MSR_MTRR_DEF_, 1ul << 12 }, { MSR_MTRR_DEF_, 1ul << 63 },
	{ MSR_EFER_, 1ul << 1 }, { MSR_EFER_, 1ul << 32 }, { MSR_EFER_, 1ul << 63 },
	{ MSR_HWCR_, 1ul << 63 },
	{ MSR_XSS_, 1 }, { MSR_XSS_, 1ul << 63 },
};

static const struct value taken[] = {
	{ MSR_STAR, ~0ul }, { MSR_STAR, 0xffffffff }, { MSR_SFMASK, 0xffffffff },
	{ MSR_LSTAR, LOW_END }, { MSR_LSTAR, HIGH_END }, { MSR_LSTAR, ~0ul },
	{ MSR_CSTAR, LOW_END }, { MSR_CSTAR, HIGH_END },
	{ MSR_KERNEL_GS, LOW_END }, { MSR_KERNEL_GS, HIGH_END },
	{ MSR_FS_BASE, LOW_END }, { MSR_FS_BASE, HIGH_END },
	{ MSR_GS_BASE, LOW_END }, { MSR_GS_BASE, HIGH_END },
	{ MSR_SYSENTER_CS, 0xffff }, { MSR_SYSENTER_ESP, HIGH_END }, { MSR_SYSENTER_EIP, LOW_END },
	{ MSR_TSC_AUX_, 0xffffffff },
};

TEST_F(msrs, refused)
{
	for (unsigned int i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
		u64 before = 0, after = 0;
		int there = vcpu_get_msr(self->v, refused[i].index, &before);

		EXPECT_EQ(0, vcpu_set_msr(self->v, refused[i].index, refused[i].value))
			TH_LOG("MSR %#x, %#lx", refused[i].index, refused[i].value);
		EXPECT_EQ(there, vcpu_get_msr(self->v, refused[i].index, &after));
		EXPECT_EQ(before, after) TH_LOG("MSR %#x", refused[i].index);
		EXPECT_DONE(guest_read(self->v, LOW_DATA, 4, NULL));
	}
}

/* All of an MSR's bits, one after the other: whatever is taken, the vCPU can be entered. */
TEST_F(msrs, every_bit)
{
	static const u32 index[] = {
		MSR_STAR, MSR_LSTAR, MSR_CSTAR, MSR_SFMASK, MSR_KERNEL_GS, MSR_FS_BASE,
		MSR_GS_BASE, MSR_SYSENTER_CS, MSR_SYSENTER_ESP, MSR_SYSENTER_EIP, MSR_TSC_AUX_,
		MSR_SPEC_CTRL_,
	};

	for (unsigned int i = 0; i < sizeof(index) / sizeof(index[0]); i++) {
		for (int bit = 0; bit < 64; bit++) {
			vcpu_set_msr(self->v, index[i], 1ul << bit);
			EXPECT_DONE(guest_read(self->v, LOW_DATA, 4, NULL));
		}
		EXPECT_EQ(1, vcpu_set_msr(self->v, index[i], 0));
	}
}

TEST_F(msrs, taken)
{
	for (unsigned int i = 0; i < sizeof(taken) / sizeof(taken[0]); i++) {
		u64 value = 0;

		ASSERT_EQ(1, vcpu_set_msr(self->v, taken[i].index, taken[i].value))
			TH_LOG("MSR %#x, %#lx", taken[i].index, taken[i].value);
		EXPECT_DONE(guest_read(self->v, LOW_DATA, 4, NULL));
		EXPECT_EQ(1, vcpu_get_msr(self->v, taken[i].index, &value));
		EXPECT_EQ(taken[i].value, value) TH_LOG("MSR %#x", taken[i].index);
		EXPECT_EQ(1, vcpu_set_msr(self->v, taken[i].index, 0));
	}
}

/* ---- on the device: what the MSRs can be ---- */

#define MSR_UCODE_REV	0x8b
#define MAX_FEATURES	64

struct msr_list {
	struct kvm_msr_list head;
	u32 index[MAX_FEATURES];
};

struct msr_values {
	struct kvm_msrs head;
	struct kvm_msr_entry entry[MAX_FEATURES];
};

TEST_F(msrs, features)
{
	struct msr_list list = { .head.nmsrs = 0 };
	struct msr_values values = {};
	int dev = self->vm->dev;
	u64 value;

	EXPECT_EQ(1, ioctl(dev, KVM_CHECK_EXTENSION, KVM_CAP_GET_MSR_FEATURES));
	EXPECT_ERRNO(EFAULT, ioctl(dev, KVM_GET_MSR_FEATURE_INDEX_LIST, (void *)8));
	EXPECT_ERRNO(E2BIG, ioctl(dev, KVM_GET_MSR_FEATURE_INDEX_LIST, &list));
	ASSERT_LT(0, list.head.nmsrs);
	ASSERT_GE(MAX_FEATURES, list.head.nmsrs);
	ASSERT_EQ(0, ioctl(dev, KVM_GET_MSR_FEATURE_INDEX_LIST, &list));
	values.head.nmsrs = list.head.nmsrs;
	for (u32 i = 0; i < list.head.nmsrs; i++)
		values.entry[i].index = list.index[i];
	EXPECT_EQ(list.head.nmsrs, ioctl(dev, KVM_GET_MSRS, &values));
	for (u32 i = 0; i < list.head.nmsrs; i++) {
		EXPECT_EQ(1, vcpu_get_msr(self->v, list.index[i], &value));
		EXPECT_EQ(values.entry[i].data, value) TH_LOG("MSR %#x", list.index[i]);
	}
}

TEST_F(msrs, hostile_lists_of_features)
{
	struct msr_values values = {
		.head.nmsrs = 2, .entry = { { MSR_UCODE_REV }, { MSR_LSTAR } },
	};

	EXPECT_EQ(1, ioctl(self->vm->dev, KVM_GET_MSRS, &values));
	values.head.nmsrs = 256;
	EXPECT_ERRNO(E2BIG, ioctl(self->vm->dev, KVM_GET_MSRS, &values));
	values.head.nmsrs = 0;
	EXPECT_EQ(0, ioctl(self->vm->dev, KVM_GET_MSRS, &values));
	EXPECT_ERRNO(EFAULT, ioctl(self->vm->dev, KVM_GET_MSRS, (void *)8));
	EXPECT_ERRNO(ENOTTY, ioctl(self->vm->dev, KVM_SET_MSRS, &values));
}

/* The guest's attempts to load microcode change nothing. */
TEST_F(msrs, microcode_revision)
{
	u64 value = 0;

	EXPECT_EQ(1, vcpu_set_msr(self->v, MSR_UCODE_REV, 0x1234ul << 32 | 0x56));
	EXPECT_DONE(guest_wrmsr(self->v, MSR_UCODE_REV, 0));
	EXPECT_DONE(guest_rdmsr(self->v, MSR_UCODE_REV, &value));
	EXPECT_EQ(0x1234ul << 32 | 0x56, value);
}

TEST_HARNESS_MAIN
