// SPDX-License-Identifier: GPL-2.0-only
/* AMD-V: the rate of guests' time stamp counters. AMD APM volume 2, 15.30.5. */
#include "tap.h"
#include "svm_machine.h"

#define TSC_RATE	BIT(4)

static const struct vendor_ops *ops;
static struct vm vm;
static struct vcpu vcpus[2];

static void start(u32 features, u32 features_of_last)
{
	int i;

	mach_start();
	for (i = 0; i < SHIM_CPUS; i++)
		mach.cpuid_svm[i].features = i < SHIM_CPUS - 1 ? features : features_of_last;
	CHECK(!svm_probe(&ops));
	CHECK(!ops->cpu_enable());
	memset(vcpus, 0, sizeof(vcpus));
	for (i = 0; i < 2; i++) {
		vcpus[i].vm = &vm;
		vcpus[i].mode.cr0 = X86_CR0_PE | X86_CR0_PG;
		vcpus[i].mmu.root_level = 4;
		CHECK(!ops->vcpu_create(&vcpus[i]));
		ops->vcpu_reset(&vcpus[i]);
	}
}

static void stop(void)
{
	ops->vcpu_destroy(&vcpus[0]);
	ops->vcpu_destroy(&vcpus[1]);
	ops->cpu_disable();
	svm_unload();
	CHECK_EQ(mach_blocks(), 0);
}

static u64 rate_with(struct vcpu *v)
{
	u64 rate;

	CHECK(!ops->vcpu_load(v, 0));
	rate = mach.tsc_ratio[0];
	ops->vcpu_put(v);
	return rate;
}

/* The MSR follows the vCPU that is loaded, and is as at reset when AMD-V is off. */
TEST(svm_tsc_rate_is_the_loaded_vcpu_s)
{
	start(TSC_RATE, TSC_RATE);
	CHECK_EQ(ops->tsc_fraction, 32);
	CHECK_EQ(ops->tsc_max_ratio, 0xffffffffffull);
	CHECK_EQ(mach.tsc_ratio[0], 1ull << 32);
	vcpus[0].tsc.ratio = 3ull << 31;
	vcpus[0].tsc.offset = 77;
	ops->update_tsc(&vcpus[0]);
	CHECK_EQ(mach.tsc_ratio[0], 3ull << 31);
	CHECK_EQ(to_svm(&vcpus[0])->vmcb->control.tsc_offset, 77);
	CHECK_EQ(rate_with(&vcpus[1]), 1ull << 32);
	CHECK_EQ(rate_with(&vcpus[0]), 3ull << 31);
	ops->cpu_disable();
	CHECK_EQ(mach.tsc_ratio[0], 1ull << 32);
	CHECK(!ops->cpu_enable());
	CHECK_EQ(rate_with(&vcpus[0]), 3ull << 31);
	stop();
	CHECK_EQ(mach.tsc_ratio[0], 1ull << 32);
}

/* One processor lacks it: nobody is told that there is any, and the MSR is not touched. */
TEST(svm_tsc_rate_of_all_processors_or_none)
{
	start(TSC_RATE, 0);
	CHECK_EQ(ops->tsc_fraction, 0);
	CHECK_EQ(rate_with(&vcpus[0]), 0);
	stop();
	CHECK_EQ(mach.tsc_ratio[0], 0);
}
