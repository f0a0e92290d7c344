// SPDX-License-Identifier: GPL-2.0-only
/* kvmclock: the page in which a guest reads the time, and the one with the wall's. */
#include <asm/kvm_para.h>
#include <linux/kvm.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>

#include "kselftest_harness.h"
#include "smp.h"

#define SECOND		1000000000ul
#define PAGE_GPA	(LOW_DATA + 0x40)
#define WALL_GPA	(LOW_DATA + 0x800)
#define TSC_STABLE	1u
#define STOPPED		2u

#define barrier()	asm volatile("" : : : "memory")

/* Linux, Documentation/virt/kvm/x86/msr.rst. */
struct time_page {
	u32 version, pad;
	u64 tsc, ns;
	u32 mul;
	signed char shift;
	u8 flags, pad2[2];
};

struct wall_page {
	u32 version, sec, nsec;
};

FIXTURE(pvclock) {
	struct vm *vm;
	struct vcpu *v;
	volatile struct time_page *page;
};

FIXTURE_SETUP(pvclock)
{
	self->vm = vm_create(MODE_LONG4);
	self->v = &self->vm->vcpu[0];
	self->page = vm_ptr(self->vm, PAGE_GPA);
}

FIXTURE_TEARDOWN(pvclock)
{
	vm_free(self->vm);
}

static u64 rdtsc(void)
{
	u32 low, high;

	asm volatile("lfence; rdtsc; lfence" : "=a" (low), "=d" (high) : : "memory");
	return low | (u64)high << 32;
}

static u64 page_time(const volatile struct time_page *page, u64 tsc)
{
	u64 cycles = tsc - page->tsc;

	cycles = page->shift < 0 ? cycles >> -page->shift : cycles << page->shift;
	return page->ns + (u64)((unsigned __int128)cycles * page->mul >> 32);
}

/* As a guest reads it. */
static u64 guest_time(const volatile struct time_page *page)
{
	u32 version;
	u64 ns;

	do {
		version = page->version;
		barrier();
		ns = page_time(page, rdtsc());
		barrier();
	} while (version & 1 || version != page->version);
	return ns;
}

static u64 vm_time(struct vm *vm)
{
	struct kvm_clock_data data;

	if (ioctl(vm->fd, KVM_GET_CLOCK, &data))
		die("KVM_GET_CLOCK: %m");
	return data.clock;
}

static int set_time(struct vm *vm, u64 ns)
{
	struct kvm_clock_data data = { .clock = ns };

	return ioctl(vm->fd, KVM_SET_CLOCK, &data);
}

static void run_a_bit(struct vcpu *v)
{
	if (guest_insn(v, INSN("nop")).kind != OUT_DONE)
		die("the guest does not run");
}

static bool is_about(u64 value, u64 expected)
{
	return value + 5 * SECOND > expected && value < expected + 60 * SECOND;
}

/* The time as the guest would have it now, from its counter. */
static u64 time_by_page(struct vcpu *v, const volatile struct time_page *page)
{
	u64 tsc = 0;

	if (vcpu_get_msr(v, MSR_TSC, &tsc) != 1)
		die("no TSC");
	return page_time(page, tsc);
}

TEST_F(pvclock, offered)
{
	EXPECT_TRUE(guest_has(self->vm, KVM_CPUID_FEATURES, 0, KVM_FEATURE_CLOCKSOURCE));
	EXPECT_TRUE(guest_has(self->vm, KVM_CPUID_FEATURES, 0, KVM_FEATURE_CLOCKSOURCE2));
	EXPECT_TRUE(guest_has(self->vm, KVM_CPUID_FEATURES, 0, KVM_FEATURE_CLOCKSOURCE_STABLE_BIT));
}

static void check_page(struct __test_metadata *_metadata, struct vm *vm,
		       const volatile struct time_page *page)
{
	u64 before, ns, after;

	EXPECT_NE(0, page->version);
	EXPECT_EQ(0, page->version & 1);
	EXPECT_NE(0, page->mul);
	before = vm_time(vm);
	ns = time_by_page(&vm->vcpu[0], page);
	after = vm_time(vm);
	if (page->flags & TSC_STABLE) {
		EXPECT_LE(before, ns);
		EXPECT_GE(after, ns);
	} else {
		EXPECT_TRUE(is_about(ns, before)) TH_LOG("%lu is not %lu", ns, before);
	}
}

TEST_F(pvclock, tells_the_time)
{
	u64 value = 0;

	ASSERT_DONE(guest_wrmsr(self->v, MSR_KVM_SYSTEM_TIME_NEW, PAGE_GPA | 1));
	check_page(_metadata, self->vm, self->page);
	ASSERT_DONE(guest_rdmsr(self->v, MSR_KVM_SYSTEM_TIME_NEW, &value));
	EXPECT_EQ(PAGE_GPA | 1, value);
	ASSERT_EQ(0, set_time(self->vm, 1000000 * SECOND));
	run_a_bit(self->v);
	check_page(_metadata, self->vm, self->page);
	EXPECT_TRUE(is_about(self->page->ns, 1000000 * SECOND));
}

TEST_F(pvclock, tells_the_time_by_the_old_msr)
{
	ASSERT_DONE(guest_wrmsr(self->v, MSR_KVM_SYSTEM_TIME, PAGE_GPA | 1));
	check_page(_metadata, self->vm, self->page);
}

/* A VMM that restores a guest. */
TEST_F(pvclock, set_by_the_vmm)
{
	ASSERT_EQ(1, vcpu_set_msr(self->v, MSR_KVM_SYSTEM_TIME_NEW, PAGE_GPA | 1));
	run_a_bit(self->v);
	check_page(_metadata, self->vm, self->page);
	ASSERT_EQ(1, vcpu_set_msr(self->v, MSR_KVM_SYSTEM_TIME_NEW, 0));
	memset((void *)self->page, 0, sizeof(*self->page));
	ASSERT_EQ(0, set_time(self->vm, 0));
	run_a_bit(self->v);
	EXPECT_EQ(0, self->page->version);
}

/* The counter is another, the time is not. */
TEST_F(pvclock, follows_the_counter)
{
	ASSERT_DONE(guest_wrmsr(self->v, MSR_KVM_SYSTEM_TIME_NEW, PAGE_GPA | 1));
	ASSERT_EQ(0, set_time(self->vm, 500 * SECOND));
	ASSERT_EQ(1, vcpu_set_msr(self->v, MSR_TSC, 1ul << 52));
	run_a_bit(self->v);
	check_page(_metadata, self->vm, self->page);
	EXPECT_TRUE(is_about(time_by_page(self->v, self->page), 500 * SECOND));
	ASSERT_DONE(guest_wrmsr(self->v, MSR_TSC, 12345));
	run_a_bit(self->v);
	check_page(_metadata, self->vm, self->page);
	EXPECT_TRUE(is_about(time_by_page(self->v, self->page), 500 * SECOND));
}

/* Counters that differ are no clock for all vCPUs. */
TEST_F(pvclock, stable_only_in_step)
{
	struct vcpu *other = vm_add_vcpu(self->vm);

	ASSERT_DONE(guest_wrmsr(self->v, MSR_KVM_SYSTEM_TIME_NEW, PAGE_GPA | 1));
	if (!(self->page->flags & TSC_STABLE))
		SKIP(return, "the host's clock is not its counter");
	ASSERT_EQ(1, vcpu_set_msr(other, MSR_TSC, 1ul << 52));
	run_a_bit(self->v);
	EXPECT_EQ(0, self->page->flags & TSC_STABLE);
	ASSERT_EQ(1, vcpu_set_msr(self->v, MSR_TSC, 0));
	run_a_bit(self->v);
	EXPECT_EQ(TSC_STABLE, self->page->flags & TSC_STABLE);
	check_page(_metadata, self->vm, self->page);
}

TEST_F(pvclock, nowhere)
{
	static const u64 bad[] = {
		MEM_BYTES + 1, 0xfee00001, 1ul << 52 | 1, ~0ul, LOW_DATA + PAGE_SIZE - 8 + 1,
	};

	for (unsigned int i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		EXPECT_DONE(guest_wrmsr(self->v, MSR_KVM_SYSTEM_TIME_NEW, bad[i]));
		run_a_bit(self->v);
		EXPECT_DONE(guest_wrmsr(self->v, MSR_KVM_WALL_CLOCK_NEW, bad[i]));
	}
	EXPECT_EQ(0, vm_read(self->vm, LOW_DATA + PAGE_SIZE - 8, 8));
}

TEST_F(pvclock, read_only)
{
	void *rom = vm_alloc(PAGE_SIZE);

	vm_set_slot(self->vm, 5, 0xf0000000, rom, PAGE_SIZE, KVM_MEM_READONLY);
	EXPECT_DONE(guest_wrmsr(self->v, MSR_KVM_SYSTEM_TIME_NEW, 0xf0000001));
	EXPECT_DONE(guest_wrmsr(self->v, MSR_KVM_WALL_CLOCK_NEW, 0xf0000100));
	run_a_bit(self->v);
	EXPECT_EQ(0, *(u64 *)rom);
	EXPECT_EQ(0, *(u32 *)(rom + 0x100));
}

TEST_F(pvclock, is_in_the_dirty_log)
{
	void *mem = vm_alloc(2 * PAGE_SIZE);
	u64 bits = 0;
	struct kvm_dirty_log log = { .slot = 5, .dirty_bitmap = &bits };

	vm_set_slot(self->vm, 5, 0xf0000000, mem, 2 * PAGE_SIZE, KVM_MEM_LOG_DIRTY_PAGES);
	EXPECT_DONE(guest_wrmsr(self->v, MSR_KVM_SYSTEM_TIME_NEW, 0xf0001001));
	ASSERT_EQ(0, ioctl(self->vm->fd, KVM_GET_DIRTY_LOG, &log));
	EXPECT_EQ(2, bits);
	ASSERT_EQ(0, set_time(self->vm, 0));
	run_a_bit(self->v);
	ASSERT_EQ(0, ioctl(self->vm->fd, KVM_GET_DIRTY_LOG, &log));
	EXPECT_EQ(2, bits);
}

/* At once, so that it is in a snapshot of memory; until the guest takes it back. */
TEST_F(pvclock, stopped)
{
	EXPECT_ERRNO(EINVAL, ioctl(self->v->fd, KVM_KVMCLOCK_CTRL, 0));
	ASSERT_DONE(guest_wrmsr(self->v, MSR_KVM_SYSTEM_TIME_NEW, PAGE_GPA | 1));
	EXPECT_EQ(0, self->page->flags & STOPPED);
	ASSERT_EQ(0, ioctl(self->v->fd, KVM_KVMCLOCK_CTRL, 0));
	EXPECT_EQ(STOPPED, self->page->flags & STOPPED);
	ASSERT_EQ(0, set_time(self->vm, 0));
	run_a_bit(self->v);
	EXPECT_EQ(STOPPED, self->page->flags & STOPPED);
	self->page->flags &= ~STOPPED;
	ASSERT_EQ(0, set_time(self->vm, 0));
	run_a_bit(self->v);
	EXPECT_EQ(0, self->page->flags & STOPPED);
	EXPECT_EQ(1, ioctl(self->vm->fd, KVM_CHECK_EXTENSION, KVM_CAP_KVMCLOCK_CTRL));
}

TEST_F(pvclock, wall_clock)
{
	static const u32 msrs[] = { MSR_KVM_WALL_CLOCK, MSR_KVM_WALL_CLOCK_NEW };
	volatile struct wall_page *wall = vm_ptr(self->vm, WALL_GPA);
	u64 value = 0;

	ASSERT_EQ(0, set_time(self->vm, 5000 * SECOND));
	for (int i = 0; i < 2; i++) {
		wall->version = 7;
		wall->sec = 0;
		ASSERT_DONE(guest_wrmsr(self->v, msrs[i], WALL_GPA));
		EXPECT_EQ(10, wall->version);
		EXPECT_GE(wall->sec + 5001, (u32)time(NULL));
		EXPECT_LE(wall->sec + 4940, (u32)time(NULL));
		EXPECT_LT(wall->nsec, SECOND);
		ASSERT_DONE(guest_rdmsr(self->v, msrs[i], &value));
		EXPECT_EQ(WALL_GPA, value);
	}
}

/* ---- on two vCPUs ---- */

#define GUEST_PAGE(id) ((volatile struct time_page *)(LOW_DATA + 0x8000 + (id) * 64))

static volatile u64 latest;	/* the guest's */
static volatile u32 backwards;

/* Each goes on from the latest time that either has seen, if their clock is one. */
static void both_read(u64 arg)
{
	const volatile struct time_page *page = GUEST_PAGE(arg & 1);
	bool stable = true;

	for (u64 i = arg >> 1; i; i--) {
		u64 seen = __atomic_load_n(&latest, __ATOMIC_SEQ_CST), now = guest_time(page);

		stable &= page->flags & TSC_STABLE;
		if (stable && now < seen)
			backwards++;
		while (now > seen && !__atomic_compare_exchange_n(&latest, &seen, now, false,
								  __ATOMIC_SEQ_CST,
								  __ATOMIC_SEQ_CST))
			;
	}
	guest_done();
}

TEST_F(pvclock, never_backwards_on_two)
{
	struct smp_guest a = {}, b = {};
	struct vcpu *other = vm_add_vcpu(self->vm);

	vm_load_image(self->vm);
	ASSERT_EQ(1, vcpu_set_msr(self->v, MSR_KVM_SYSTEM_TIME_NEW, (u64)GUEST_PAGE(0) | 1));
	ASSERT_EQ(1, vcpu_set_msr(other, MSR_KVM_SYSTEM_TIME_NEW, (u64)GUEST_PAGE(1) | 1));
	smp_start(&a, self->v, both_read, 20000 << 1);
	smp_start(&b, other, both_read, 20000 << 1 | 1);
	EXPECT_GUEST_DONE(&a);
	EXPECT_GUEST_DONE(&b);
	EXPECT_EQ(0, *guest_global(self->vm, backwards));
	EXPECT_NE(0, *guest_global(self->vm, latest));
}

TEST_HARNESS_MAIN
