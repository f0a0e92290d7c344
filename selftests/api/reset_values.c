// SPDX-License-Identifier: GPL-2.0-only
/* What a VMM sets at every reset is taken, whatever the guest has by its CPUID. */
#include <string.h>

#include "kselftest_harness.h"
#include "entry_checks.h"

FIXTURE_IN(real, MODE_REAL)
FIXTURE_IN(long4, MODE_LONG4)

static int msr_list(struct vm *vm, struct kvm_msr_list **list)
{
	struct kvm_msr_list *l = calloc(1, sizeof(*l) + 512 * sizeof(u32));

	l->nmsrs = 512;
	*list = l;
	return ioctl(vm->dev, KVM_GET_MSR_INDEX_LIST, l);
}

TEST_F(real, reset_values_without_cpuid)
{
	struct kvm_cpuid2 none = { .nent = 0 };
	struct kvm_xcrs x = { .nr_xcrs = 1, .xcrs[0].value = 1 };
	struct kvm_msr_list *list;
	u64 value;
	int fd = ioctl(self->vm->fd, KVM_CREATE_VCPU, 1);
	struct vcpu v = { .vm = self->vm, .fd = fd };
	struct kvm_sregs s;

	ASSERT_GE(fd, 0);
	EXPECT_EQ(0, try(&v, KVM_SET_CPUID2, &none));
	vcpu_get_sregs(&v, &s);
	EXPECT_EQ(0, try(&v, KVM_SET_SREGS, &s));
	if (GUEST_HAS_XSAVE(self->vm)) {
		EXPECT_EQ(0, try(&v, KVM_SET_XCRS, &x));
		x.xcrs[0].value = 3;
		EXPECT_EQ(EINVAL, try(&v, KVM_SET_XCRS, &x));
		x.xcrs[0].value = 0;
		EXPECT_EQ(EINVAL, try(&v, KVM_SET_XCRS, &x));
	}
	ASSERT_EQ(0, msr_list(self->vm, &list));
	for (u32 i = 0; i < list->nmsrs; i++) {
		EXPECT_EQ(1, vcpu_get_msr(&v, list->indices[i], &value));
		EXPECT_EQ(1, vcpu_set_msr(&v, list->indices[i], value))
			TH_LOG("MSR %#x", list->indices[i]);
	}
	free(list);
	close(fd);
}

/* QEMU 7.2 reads and writes kvmclock's MSRs at every reset, whatever CPUID says. */
TEST_F(long4, kvmclock_msrs_are_zero)
{
	static const u32 msrs[] = { 0x11, 0x12, 0x4b564d00, 0x4b564d01 };
	u64 value = 1;

	for (unsigned int i = 0; i < sizeof(msrs) / sizeof(msrs[0]); i++) {
		EXPECT_EQ(1, vcpu_get_msr(self->v, msrs[i], &value));
		EXPECT_EQ(0, value);
		EXPECT_EQ(1, vcpu_set_msr(self->v, msrs[i], 0));
		EXPECT_DONE(guest_rdmsr(self->v, msrs[i], &value));
		EXPECT_EQ(0, value);
		EXPECT_DONE(guest_wrmsr(self->v, msrs[i], 0));
	}
}

TEST_HARNESS_MAIN
