// SPDX-License-Identifier: GPL-2.0-only
/* Time: the VM's clock, and the rates and offsets of its vCPUs' time stamp counters. */
#include <asm/kvm_para.h>
#include <sys/ioctl.h>
#include <time.h>

#include "kselftest_harness.h"
#include "vm.h"

#define MSR_TSC_ADJUST_	0x3b
#define SECOND		1000000000ul
#define ALL_FLAGS	(KVM_CLOCK_TSC_STABLE | KVM_CLOCK_REALTIME | KVM_CLOCK_HOST_TSC)

FIXTURE(clock) {
	struct vm *vm;
	struct vcpu *v;
};

FIXTURE_SETUP(clock)
{
	self->vm = vm_create(MODE_LONG4);
	self->v = &self->vm->vcpu[0];
}

FIXTURE_TEARDOWN(clock)
{
	vm_free(self->vm);
}

static struct kvm_clock_data get_clock(struct vm *vm)
{
	struct kvm_clock_data data;

	memset(&data, 0xff, sizeof(data));
	if (ioctl(vm->fd, KVM_GET_CLOCK, &data))
		die("KVM_GET_CLOCK: %m");
	return data;
}

static int set_clock(struct vm *vm, u64 ns, u32 flags, u64 realtime)
{
	struct kvm_clock_data data = { .clock = ns, .flags = flags, .realtime = realtime };

	return ioctl(vm->fd, KVM_SET_CLOCK, &data);
}

static u64 realtime(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_REALTIME, &ts);
	return ts.tv_sec * SECOND + ts.tv_nsec;
}

static u64 tsc(struct vcpu *v)
{
	u64 value = 0;

	if (vcpu_get_msr(v, MSR_TSC, &value) != 1)
		die("no TSC");
	return value;
}

TEST_F(clock, starts_at_0_and_goes_on)
{
	struct kvm_clock_data a = get_clock(self->vm), b = get_clock(self->vm);

	EXPECT_LT(a.clock, 60 * SECOND);
	EXPECT_LE(a.clock, b.clock);
	EXPECT_EQ(0, a.flags & ~(u32)ALL_FLAGS);
}

/* All or nothing: only where the host's clock is the counter does a moment have both. */
TEST_F(clock, flags_and_what_they_promise)
{
	u64 before = realtime(), after;
	struct kvm_clock_data a = get_clock(self->vm);

	after = realtime();
	ASSERT_TRUE(!a.flags || a.flags == ALL_FLAGS);
	if (!a.flags) {
		EXPECT_EQ(0, a.realtime);
		EXPECT_EQ(0, a.host_tsc);
		return;
	}
	EXPECT_LE(before, a.realtime);
	EXPECT_GE(after, a.realtime);
	EXPECT_NE(0, a.host_tsc);
}

TEST_F(clock, is_set)
{
	ASSERT_EQ(0, set_clock(self->vm, 5000 * SECOND, 0, 0));
	EXPECT_GE(get_clock(self->vm).clock, 5000 * SECOND);
	EXPECT_LT(get_clock(self->vm).clock, 5060 * SECOND);
	ASSERT_EQ(0, set_clock(self->vm, 0, 0, 0));
	EXPECT_LT(get_clock(self->vm).clock, 60 * SECOND);
}

/* The time that went by in between is added; but the clock does not go back. */
TEST_F(clock, is_set_by_the_wall)
{
	u32 flag = KVM_CLOCK_REALTIME;

	ASSERT_EQ(0, set_clock(self->vm, 7, flag, realtime() - 1000 * SECOND));
	EXPECT_GE(get_clock(self->vm).clock, 1000 * SECOND);
	EXPECT_LT(get_clock(self->vm).clock, 1060 * SECOND);
	ASSERT_EQ(0, set_clock(self->vm, 3000 * SECOND, flag, realtime() + 1000 * SECOND));
	EXPECT_GE(get_clock(self->vm).clock, 3000 * SECOND);
	EXPECT_LT(get_clock(self->vm).clock, 3060 * SECOND);
}

TEST_F(clock, bad_calls)
{
	EXPECT_ERRNO(EINVAL, set_clock(self->vm, 0, 1, 0));
	EXPECT_ERRNO(EINVAL, set_clock(self->vm, 0, 0x10, 0));
	EXPECT_ERRNO(EINVAL, set_clock(self->vm, 0, 1u << 31, 0));
	EXPECT_EQ(0, set_clock(self->vm, ~0ul, ALL_FLAGS, 0));
	EXPECT_ERRNO(EFAULT, ioctl(self->vm->fd, KVM_SET_CLOCK, NULL));
	EXPECT_ERRNO(EFAULT, ioctl(self->vm->fd, KVM_GET_CLOCK, NULL));
	EXPECT_ERRNO(ENOTTY, ioctl(self->v->fd, KVM_GET_CLOCK, NULL));
	EXPECT_EQ(ALL_FLAGS, ioctl(self->vm->fd, KVM_CHECK_EXTENSION, KVM_CAP_ADJUST_CLOCK));
}

/* ---- rates ---- */

TEST_F(clock, rate)
{
	int khz = ioctl(self->vm->fd, KVM_GET_TSC_KHZ, 0);

	EXPECT_EQ(1, ioctl(self->vm->fd, KVM_CHECK_EXTENSION, KVM_CAP_GET_TSC_KHZ));
	ASSERT_GT(khz, 0);
	EXPECT_EQ(khz, ioctl(self->v->fd, KVM_GET_TSC_KHZ, 0));
	/* To so little nobody's clock is right. */
	ASSERT_EQ(0, ioctl(self->v->fd, KVM_SET_TSC_KHZ, khz + khz / 5000));
	EXPECT_EQ(khz + khz / 5000, ioctl(self->v->fd, KVM_GET_TSC_KHZ, 0));
	ASSERT_EQ(0, ioctl(self->v->fd, KVM_SET_TSC_KHZ, 0));
	EXPECT_EQ(khz, ioctl(self->v->fd, KVM_GET_TSC_KHZ, 0));
	EXPECT_EQ(khz, ioctl(self->vm->fd, KVM_GET_TSC_KHZ, 0));
}

static u64 host_tsc(void)
{
	u32 low, high;

	asm volatile("lfence; rdtsc; lfence" : "=a" (low), "=d" (high) : : "memory");
	return low | (u64)high << 32;
}

static u64 guest_tsc(struct vcpu *v)
{
	if (guest_insn(v, INSN("rdtsc")).kind != OUT_DONE)
		die("no RDTSC");
	return (u32)v->regs.rax | v->regs.rdx << 32;
}

/* As the guest reads it, and as user space does. */
static void check_rate(struct __test_metadata *_metadata, struct vcpu *v, int khz, int host_khz)
{
	u64 host[2], first = guest_tsc(v), last;

	host[0] = host_tsc();
	while (host_tsc() - host[0] < 50u * host_khz)
		;
	host[1] = host_tsc();
	last = guest_tsc(v);
	EXPECT_GE((last - first) * host_khz / khz, host[1] - host[0]);
	EXPECT_LE(last, tsc(v));
	EXPECT_LE(tsc(v), guest_tsc(v));
	host[0] = host_tsc();
	first = guest_tsc(v);
	while (host_tsc() - host[0] < 50u * host_khz)
		;
	last = guest_tsc(v);
	host[1] = host_tsc();
	EXPECT_LE((last - first) * host_khz / khz, host[1] - host[0]);
}

static void check_other_rate(struct __test_metadata *_metadata, struct vm *vm, int khz,
			     int host_khz, bool can)
{
	struct vcpu *v = &vm->vcpu[0];

	if (!can) {
		EXPECT_ERRNO(EINVAL, ioctl(v->fd, KVM_SET_TSC_KHZ, khz));
		EXPECT_ERRNO(EINVAL, ioctl(vm->fd, KVM_SET_TSC_KHZ, khz));
		return;
	}
	ASSERT_EQ(0, ioctl(vm->fd, KVM_SET_TSC_KHZ, khz));
	ASSERT_EQ(0, ioctl(v->fd, KVM_SET_TSC_KHZ, khz));
	EXPECT_EQ(khz, ioctl(v->fd, KVM_GET_TSC_KHZ, 0));
	EXPECT_EQ(khz, ioctl(vm_add_vcpu(vm)->fd, KVM_GET_TSC_KHZ, 0));
	check_rate(_metadata, v, khz, host_khz);
}

TEST_F(clock, other_rates_where_the_processor_scales)
{
	int khz = ioctl(self->v->fd, KVM_GET_TSC_KHZ, 0);
	bool can = vm_has_cap(self->vm, KVM_CAP_TSC_CONTROL);

	EXPECT_EQ(can, vm_has_cap(self->vm, KVM_CAP_VM_TSC_CONTROL));
	check_other_rate(_metadata, self->vm, khz / 2, khz, can);
	check_other_rate(_metadata, self->vm, khz + khz / 2, khz, can);
	EXPECT_ERRNO(EINVAL, ioctl(self->v->fd, KVM_SET_TSC_KHZ, 0xffffffff));
	EXPECT_ERRNO(EINVAL, ioctl(self->vm->fd, KVM_SET_TSC_KHZ, 0x80000000));
}

/* So slow that it does not count: refused, or a clock that goes on somehow. */
TEST_F(clock, rates_near_nothing)
{
	for (u32 khz = 1; khz < 100; khz += khz / 2 + 1) {
		struct kvm_clock_data data;

		if (ioctl(self->v->fd, KVM_SET_TSC_KHZ, khz))
			EXPECT_EQ(EINVAL, errno);
		ASSERT_EQ(1, vcpu_set_msr(self->v, MSR_KVM_SYSTEM_TIME_NEW, LOW_DATA | 1));
		EXPECT_DONE(guest_read(self->v, LOW_DATA, 4, NULL));
		EXPECT_EQ(0, ioctl(self->vm->fd, KVM_GET_CLOCK, &data));
	}
}

/* ---- in step ---- */

/* What is the second's counter less the first's, at the same moment? Not more than time allows. */
static bool in_step(struct vm *vm)
{
	u64 before = tsc(&vm->vcpu[0]), other = tsc(&vm->vcpu[1]), after = tsc(&vm->vcpu[0]);

	return before <= other && other <= after;
}

TEST_F(clock, a_late_vcpu_is_in_step)
{
	ASSERT_EQ(1, vcpu_set_msr(self->v, MSR_TSC, 1ul << 50));
	vm_add_vcpu(self->vm);
	EXPECT_TRUE(in_step(self->vm));
}

TEST_F(clock, zero_means_in_step)
{
	vm_add_vcpu(self->vm);
	ASSERT_EQ(1, vcpu_set_msr(self->v, MSR_TSC, 1ul << 50));
	EXPECT_FALSE(in_step(self->vm));
	ASSERT_EQ(1, vcpu_set_msr(&self->vm->vcpu[1], MSR_TSC, 0));
	EXPECT_TRUE(in_step(self->vm));
	EXPECT_GE(tsc(&self->vm->vcpu[1]), 1ul << 50);
}

/* Saved one after the other, set one after the other: within a second it is the same counter. */
TEST_F(clock, about_the_same_means_in_step)
{
	u64 khz = ioctl(self->v->fd, KVM_GET_TSC_KHZ, 0), base = 1ul << 50;

	vm_add_vcpu(self->vm);
	ASSERT_EQ(1, vcpu_set_msr(self->v, MSR_TSC, base));
	ASSERT_EQ(1, vcpu_set_msr(&self->vm->vcpu[1], MSR_TSC, base + khz * 100));
	EXPECT_TRUE(in_step(self->vm));
	ASSERT_EQ(1, vcpu_set_msr(&self->vm->vcpu[1], MSR_TSC, base + khz * 1000 * 3600));
	EXPECT_FALSE(in_step(self->vm));
}

/* What user space sets is no adjustment; what the guest writes is. */
TEST_F(clock, adjustment)
{
	u64 adjust = 1, before, base = 1ul << 50;

	ASSERT_EQ(1, vcpu_set_msr(self->v, MSR_TSC, base));
	ASSERT_EQ(1, vcpu_get_msr(self->v, MSR_TSC_ADJUST_, &adjust));
	EXPECT_EQ(0, adjust);
	ASSERT_EQ(1, vcpu_set_msr(self->v, MSR_TSC_ADJUST_, base));
	EXPECT_LT(tsc(self->v), 2 * base);
	before = tsc(self->v);
	EXPECT_DONE(guest_wrmsr(self->v, MSR_TSC_ADJUST_, 3 * base));
	EXPECT_GE(tsc(self->v), before + 2 * base);
	EXPECT_DONE(guest_wrmsr(self->v, MSR_TSC, 0));
	EXPECT_LT(tsc(self->v), base);
	ASSERT_EQ(1, vcpu_get_msr(self->v, MSR_TSC_ADJUST_, &adjust));
	/* The counter was a little above 3 * base, as the adjustment was 3 * base. */
	EXPECT_LT(0ul - adjust, base);
}

/* ---- the offset as an attribute ---- */

static int attr(struct vcpu *v, u64 cmd, u32 group, u64 nr, void *addr)
{
	struct kvm_device_attr a = { .group = group, .attr = nr, .addr = (u64)addr };

	return ioctl(v->fd, cmd, &a);
}

static int offset_attr(struct vcpu *v, u64 cmd, void *addr)
{
	return attr(v, cmd, KVM_VCPU_TSC_CTRL, KVM_VCPU_TSC_OFFSET, addr);
}

TEST_F(clock, offset)
{
	u64 offset = 0, other = 1, now;
	struct vcpu *v = vm_add_vcpu(self->vm);

	EXPECT_EQ(1, ioctl(self->vm->fd, KVM_CHECK_EXTENSION, KVM_CAP_VCPU_ATTRIBUTES));
	EXPECT_EQ(0, offset_attr(self->v, KVM_HAS_DEVICE_ATTR, NULL));
	ASSERT_EQ(0, offset_attr(self->v, KVM_GET_DEVICE_ATTR, &offset));
	ASSERT_EQ(0, offset_attr(v, KVM_GET_DEVICE_ATTR, &other));
	EXPECT_EQ(offset, other);
	now = tsc(self->v);
	offset += 1ul << 50;
	ASSERT_EQ(0, offset_attr(self->v, KVM_SET_DEVICE_ATTR, &offset));
	ASSERT_EQ(0, offset_attr(self->v, KVM_GET_DEVICE_ATTR, &other));
	EXPECT_EQ(offset, other);
	EXPECT_GE(tsc(self->v), now + (1ul << 50));
	EXPECT_FALSE(in_step(self->vm));
	ASSERT_EQ(0, offset_attr(v, KVM_SET_DEVICE_ATTR, &offset));
	EXPECT_TRUE(in_step(self->vm));
	/* It is what a vCPU made later has, and what 0 means. */
	EXPECT_GE(tsc(vm_add_vcpu(self->vm)), now + (1ul << 50));
}

TEST_F(clock, bad_attributes)
{
	u64 offset = 0;
	static const u64 cmds[] = {
		KVM_HAS_DEVICE_ATTR, KVM_GET_DEVICE_ATTR, KVM_SET_DEVICE_ATTR,
	};

	for (int i = 0; i < 3; i++) {
		EXPECT_ERRNO(ENXIO, attr(self->v, cmds[i], KVM_VCPU_TSC_CTRL, 1, &offset));
		EXPECT_ERRNO(ENXIO, attr(self->v, cmds[i], 1, KVM_VCPU_TSC_OFFSET, &offset));
		EXPECT_ERRNO(EFAULT, ioctl(self->v->fd, cmds[i], NULL));
	}
	EXPECT_ERRNO(EFAULT, offset_attr(self->v, KVM_GET_DEVICE_ATTR, NULL));
	EXPECT_ERRNO(EFAULT, offset_attr(self->v, KVM_SET_DEVICE_ATTR, (void *)8));
}

TEST_HARNESS_MAIN
