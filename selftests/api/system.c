// SPDX-License-Identifier: GPL-2.0-only
/* System ioctls: what the device says about itself must be true. */
#include <fcntl.h>
#include <sys/ioctl.h>

#include "kselftest_harness.h"
#include "vm.h"

FIXTURE(device) {
	int fd;
};

FIXTURE_SETUP(device)
{
	self->fd = vm_open_device();
}

FIXTURE_TEARDOWN(device)
{
	close(self->fd);
}

TEST_F(device, api_version_is_12)
{
	EXPECT_EQ(12, ioctl(self->fd, KVM_GET_API_VERSION, 0));
	EXPECT_EQ(-1, ioctl(self->fd, KVM_GET_API_VERSION, 1));
	EXPECT_EQ(EINVAL, errno);
}

TEST_F(device, unknown_ioctl)
{
	EXPECT_EQ(-1, ioctl(self->fd, _IO(KVMIO, 0xff), 0));
	EXPECT_TRUE(errno == ENOTTY || errno == EINVAL);
	EXPECT_EQ(-1, ioctl(self->fd, KVM_RUN, 0));
	EXPECT_TRUE(errno == ENOTTY || errno == EINVAL);
}

TEST_F(device, read_write_and_mmap_fail)
{
	char c = 0;

	EXPECT_EQ(-1, read(self->fd, &c, 1));
	EXPECT_EQ(-1, write(self->fd, &c, 1));
	EXPECT_EQ(MAP_FAILED, mmap(NULL, PAGE_SIZE, PROT_READ, MAP_SHARED, self->fd, 0));
}

TEST_F(device, vcpu_mmap_size)
{
	int size = ioctl(self->fd, KVM_GET_VCPU_MMAP_SIZE, 0);

	EXPECT_GE(size, (int)sizeof(struct kvm_run));
	EXPECT_EQ(0, size % (int)PAGE_SIZE);
	EXPECT_EQ(-1, ioctl(self->fd, KVM_GET_VCPU_MMAP_SIZE, 1));
	EXPECT_EQ(EINVAL, errno);
}

TEST_F(device, create_vm_bad_type)
{
	EXPECT_EQ(-1, ioctl(self->fd, KVM_CREATE_VM, 0x1234));
	EXPECT_EQ(EINVAL, errno);
}

TEST_F(device, capabilities_that_must_be_there)
{
	static const int caps[] = {
		KVM_CAP_USER_MEMORY, KVM_CAP_SET_TSS_ADDR, KVM_CAP_EXT_CPUID,
		KVM_CAP_DESTROY_MEMORY_REGION_WORKS, KVM_CAP_JOIN_MEMORY_REGIONS_WORKS,
		KVM_CAP_MP_STATE, KVM_CAP_READONLY_MEM, KVM_CAP_IMMEDIATE_EXIT,
		KVM_CAP_VCPU_EVENTS, KVM_CAP_DEBUGREGS, KVM_CAP_XSAVE, KVM_CAP_XCRS,
		KVM_CAP_USER_NMI, KVM_CAP_SET_IDENTITY_MAP_ADDR, KVM_CAP_INTERNAL_ERROR_DATA,
		KVM_CAP_BINARY_STATS_FD,
	};

	for (size_t i = 0; i < sizeof(caps) / sizeof(caps[0]); i++) {
		EXPECT_GT(ioctl(self->fd, KVM_CHECK_EXTENSION, caps[i]), 0)
			TH_LOG("capability %d", caps[i]);
	}
	EXPECT_GE(ioctl(self->fd, KVM_CHECK_EXTENSION, KVM_CAP_NR_MEMSLOTS), 32);
}

TEST_F(device, vcpu_limits_are_consistent)
{
	int soft = ioctl(self->fd, KVM_CHECK_EXTENSION, KVM_CAP_NR_VCPUS);
	int max = ioctl(self->fd, KVM_CHECK_EXTENSION, KVM_CAP_MAX_VCPUS);
	int ids = ioctl(self->fd, KVM_CHECK_EXTENSION, KVM_CAP_MAX_VCPU_ID);

	EXPECT_GE(soft, 1);
	EXPECT_GE(max, soft);
	EXPECT_GE(ids, max);
}

TEST_F(device, capabilities_that_nobody_has)
{
	static const int caps[] = {
		-1, 0x7fffffff, 9999, KVM_CAP_PPC_PAIRED_SINGLES, KVM_CAP_S390_PSW,
		KVM_CAP_ARM_PSCI, KVM_CAP_MIPS_FPU,
	};

	for (size_t i = 0; i < sizeof(caps) / sizeof(caps[0]); i++) {
		EXPECT_EQ(0, ioctl(self->fd, KVM_CHECK_EXTENSION, caps[i]))
			TH_LOG("capability %d", caps[i]);
	}
}

/* A capability that answers no must have no ioctl that works, and the other way round. */
TEST_F(device, irqchip_yes_or_no)
{
	int claims = ioctl(self->fd, KVM_CHECK_EXTENSION, KVM_CAP_IRQCHIP);
	int vm = ioctl(self->fd, KVM_CREATE_VM, 0);

	ASSERT_GE(vm, 0);
	EXPECT_EQ(claims > 0, ioctl(vm, KVM_CREATE_IRQCHIP, 0) == 0);
	close(vm);
}

TEST_F(device, vm_answers_the_same)
{
	int vm = ioctl(self->fd, KVM_CREATE_VM, 0);

	ASSERT_GE(vm, 0);
	if (ioctl(self->fd, KVM_CHECK_EXTENSION, KVM_CAP_CHECK_EXTENSION_VM) <= 0)
		SKIP(goto out, "no KVM_CAP_CHECK_EXTENSION_VM");
	for (int cap = 0; cap < 260; cap++) {
		EXPECT_EQ(ioctl(self->fd, KVM_CHECK_EXTENSION, cap),
			  ioctl(vm, KVM_CHECK_EXTENSION, cap))
			TH_LOG("capability %d", cap);
	}
out:
	close(vm);
}

TEST_F(device, supported_cpuid)
{
	struct kvm_cpuid2 *cpuid = vm_supported_cpuid(self->fd);
	bool basic = false, long_mode = false, vmx_or_svm = false;

	for (u32 i = 0; i < cpuid->nent; i++) {
		struct kvm_cpuid_entry2 *e = &cpuid->entries[i];

		if (e->function == 1) {
			basic = (e->edx & 0x6179) == 0x6179 ||
				(e->edx & 0x179) == 0x179;	/* FPU PSE TSC MSR PAE CX8 */
			vmx_or_svm |= e->ecx >> 5 & 1;
		}
		if (e->function == 0x80000001)
			long_mode = e->edx >> 29 & 1;
	}
	EXPECT_TRUE(basic);
	EXPECT_TRUE(long_mode);
	EXPECT_FALSE(vmx_or_svm);
	free(cpuid);
}

TEST_F(device, supported_cpuid_sizes)
{
	struct kvm_cpuid2 *cpuid = vm_supported_cpuid(self->fd);
	u32 n = cpuid->nent;

	ASSERT_GT(n, 3u);
	cpuid->nent = n;
	EXPECT_EQ(0, ioctl(self->fd, KVM_GET_SUPPORTED_CPUID, cpuid));
	EXPECT_EQ(n, cpuid->nent);
	for (u32 less = 1; less < n; less++) {
		cpuid->nent = less;
		EXPECT_EQ(-1, ioctl(self->fd, KVM_GET_SUPPORTED_CPUID, cpuid));
		EXPECT_EQ(E2BIG, errno) TH_LOG("%u of %u entries", less, n);
	}
	cpuid->nent = 0;
	EXPECT_EQ(-1, ioctl(self->fd, KVM_GET_SUPPORTED_CPUID, cpuid));
	EXPECT_EQ(E2BIG, errno);
	EXPECT_EQ(-1, ioctl(self->fd, KVM_GET_SUPPORTED_CPUID, NULL));
	EXPECT_EQ(EFAULT, errno);
	free(cpuid);
}

TEST_F(device, msr_index_list)
{
	struct kvm_msr_list probe = { .nmsrs = 0 }, *list;
	bool star = false, tsc = false;

	EXPECT_EQ(-1, ioctl(self->fd, KVM_GET_MSR_INDEX_LIST, &probe));
	EXPECT_EQ(E2BIG, errno);
	ASSERT_GT(probe.nmsrs, 4u);
	ASSERT_LT(probe.nmsrs, 4096u);
	list = calloc(1, sizeof(*list) + probe.nmsrs * sizeof(u32));
	list->nmsrs = probe.nmsrs - 1;
	EXPECT_EQ(-1, ioctl(self->fd, KVM_GET_MSR_INDEX_LIST, list));
	EXPECT_EQ(E2BIG, errno);
	list->nmsrs = probe.nmsrs;
	EXPECT_EQ(0, ioctl(self->fd, KVM_GET_MSR_INDEX_LIST, list));
	for (u32 i = 0; i < list->nmsrs; i++) {
		star |= list->indices[i] == MSR_STAR;
		tsc |= list->indices[i] == MSR_TSC;
	}
	EXPECT_TRUE(star);
	EXPECT_TRUE(tsc);
	EXPECT_EQ(-1, ioctl(self->fd, KVM_GET_MSR_INDEX_LIST, NULL));
	EXPECT_EQ(EFAULT, errno);
	free(list);
}

/* Every MSR in the list must be readable, and the value that was read writable. */
TEST_F(device, listed_msrs_work)
{
	struct vm *vm = vm_create(MODE_LONG4);
	struct kvm_msr_list *list = calloc(1, sizeof(*list) + 4096 * sizeof(u32));
	u64 value;

	list->nmsrs = 4096;
	ASSERT_EQ(0, ioctl(self->fd, KVM_GET_MSR_INDEX_LIST, list));
	for (u32 i = 0; i < list->nmsrs; i++) {
		EXPECT_EQ(1, vcpu_get_msr(&vm->vcpu[0], list->indices[i], &value))
			TH_LOG("reading MSR %#x", list->indices[i]);
	}
	free(list);
	vm_free(vm);
}

TEST_HARNESS_MAIN
