// SPDX-License-Identifier: GPL-2.0-only
/*
 * WRMSR of a value that the manuals reserve is #GP and changes nothing. (Not those of FS, GS and
 * KERNEL_GS_BASE, which the guest writes without an exit: QEMU's TCG takes any.)
 */
#include <sys/ioctl.h>

#include "kselftest_harness.h"
#include "modes.h"

#define MSR_TSC_AUX_	0xc0000103
#define MSR_SPEC_CTRL_	0x48
#define MSR_PRED_CMD_	0x49
#define MSR_APICBASE_	0x1b
#define MSR_XSS_	0xda0

#define NOT_CANONICAL	0x0800000000000000ul

FIXTURE_IN_MODE(msr, MODE_LONG4)

TEST_F(msr, reserved_values)
{
	static const struct {
		u32 index;
		u64 value;
	} bad[] = {
		{ MSR_SFMASK, 1ul << 32 }, { MSR_SFMASK, 1ul << 63 }, { MSR_SFMASK, ~0ul },
		{ MSR_LSTAR, NOT_CANONICAL }, { MSR_LSTAR, 1ul << 63 },
		{ MSR_CSTAR, NOT_CANONICAL }, { MSR_CSTAR, 1ul << 63 },
		{ MSR_TSC_AUX_, 1ul << 32 }, { MSR_TSC_AUX_, 1ul << 63 },
		{ MSR_SPEC_CTRL_, 1ul << 63 }, { MSR_PRED_CMD_, 1ul << 63 },
		{ MSR_APICBASE_, 1ul << 63 }, { MSR_PAT, 3ul << 56 },
		{ MSR_EFER_, 1ul << 63 }, { MSR_XSS_, 1 },
	};
	struct vcpu *v = self->v;

	for (unsigned int i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		u64 before = 0, after = 0;

		vcpu_get_msr(v, bad[i].index, &before);
		EXPECT_EXC_ERR(guest_wrmsr(v, bad[i].index, bad[i].value), VEC_GP, 0);
		vcpu_get_msr(v, bad[i].index, &after);
		EXPECT_EQ(before, after) TH_LOG("MSR %#x, %#lx", bad[i].index, bad[i].value);
	}
}

/* Bits of SPEC_CTRL that CPUID does not offer (AMD: 8000_0008 EBX 14, 15, 24) are reserved. */
TEST_F(msr, spec_ctrl_as_cpuid_says)
{
	static const int cpuid_bit[] = { 14, 15, 24 };
	bool has[3], any = false;

	for (int i = 0; i < 3; i++) {
		has[i] = guest_has(self->vm, 0x80000008, 1, cpuid_bit[i]);
		any |= has[i];
	}
	for (int i = 0; i < 3; i++) {
		if (has[i])
			EXPECT_DONE(guest_wrmsr(self->v, MSR_SPEC_CTRL_, 1u << i));
		else
			EXPECT_EXC_ERR(guest_wrmsr(self->v, MSR_SPEC_CTRL_, 1u << i), VEC_GP, 0);
	}
	if (any)
		EXPECT_DONE(guest_wrmsr(self->v, MSR_SPEC_CTRL_, 0));
}

/* What the guest writes is what it reads, and what the VMM sees. */
TEST_F(msr, good_values)
{
	static const struct {
		u32 index;
		u64 value;
	} good[] = {
		{ MSR_STAR, 0x001b000800000000 | 0x1234 }, { MSR_LSTAR, 0xffff800000000000 },
		{ MSR_CSTAR, 0x00007fffffffffff }, { MSR_SFMASK, 0xffffffff },
		{ MSR_KERNEL_GS, 0xffff800000000000 }, { MSR_FS_BASE, 0x00007fffffffffff },
		{ MSR_GS_BASE, 0xffffffffffffffff }, { MSR_SYSENTER_CS, 0x10 },
		{ MSR_SYSENTER_ESP, 0xfffff000 }, { MSR_SYSENTER_EIP, 0xc0000000 },
	};
	struct vcpu *v = self->v;

	for (unsigned int i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		u64 value = 0;

		EXPECT_DONE(guest_wrmsr(v, good[i].index, good[i].value));
		EXPECT_DONE(guest_rdmsr(v, good[i].index, &value));
		EXPECT_EQ(good[i].value, value) TH_LOG("MSR %#x", good[i].index);
		value = 0;
		EXPECT_EQ(1, vcpu_get_msr(v, good[i].index, &value));
		EXPECT_EQ(good[i].value, value) TH_LOG("MSR %#x by the VMM", good[i].index);
	}
}

TEST_HARNESS_MAIN
