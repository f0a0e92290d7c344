// SPDX-License-Identifier: GPL-2.0-only
/* Steal time: how long a vCPU has waited for a processor, and what others may do meanwhile. */
#include <asm/kvm_para.h>
#include <linux/kvm.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>

#include "kselftest_harness.h"
#include "smp.h"

#define STEAL_GPA	(LOW_DATA + 0x40)
#define FRAME(n)	(DATA_GPA + (n) * PAGE_SIZE)
#define MS		1000000ul

FIXTURE(steal) {
	struct vm *vm;
	struct vcpu *v;
	volatile struct kvm_steal_time *st;
	cpu_set_t before;
};

FIXTURE_SETUP(steal)
{
	self->vm = vm_create(MODE_LONG4);
	self->v = &self->vm->vcpu[0];
	self->st = vm_ptr(self->vm, STEAL_GPA);
	sched_getaffinity(0, sizeof(self->before), &self->before);
	if (!guest_has(self->vm, KVM_CPUID_FEATURES, 0, KVM_FEATURE_STEAL_TIME))
		SKIP(_exit(255), "the host does not know how long threads wait");
}

FIXTURE_TEARDOWN(steal)
{
	sched_setaffinity(0, sizeof(self->before), &self->before);
	vm_free(self->vm);
}

static void run_a_bit(struct vcpu *v)
{
	if (guest_insn(v, INSN("nop")).kind != OUT_DONE)
		die("the guest does not run");
}

static u64 now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000000000ul + ts.tv_nsec;
}

TEST_F(steal, msr)
{
	u64 value = 1;

	ASSERT_EQ(1, vcpu_get_msr(self->v, MSR_KVM_STEAL_TIME, &value));
	EXPECT_EQ(0, value);
	for (int bit = 1; bit < 6; bit++) {
		EXPECT_EQ(0, vcpu_set_msr(self->v, MSR_KVM_STEAL_TIME,
					  STEAL_GPA | 1 | 1ul << bit | 1ul << 5));
		EXPECT_EXC_ERR(guest_wrmsr(self->v, MSR_KVM_STEAL_TIME,
					   LOW_DATA | 1 | 1ul << bit), VEC_GP, 0);
	}
	EXPECT_DONE(guest_wrmsr(self->v, MSR_KVM_STEAL_TIME, STEAL_GPA | 1));
	EXPECT_DONE(guest_rdmsr(self->v, MSR_KVM_STEAL_TIME, &value));
	EXPECT_EQ(STEAL_GPA | 1, value);
}

TEST_F(steal, is_told_at_each_entry)
{
	u32 version;

	ASSERT_EQ(1, vcpu_set_msr(self->v, MSR_KVM_STEAL_TIME, STEAL_GPA | 1));
	run_a_bit(self->v);
	version = self->st->version;
	EXPECT_NE(0, version);
	EXPECT_EQ(0, version & 1);
	run_a_bit(self->v);
	EXPECT_LT(version, self->st->version);
	EXPECT_EQ(0, self->st->version & 1);
	EXPECT_EQ(0, self->st->preempted);
	ASSERT_EQ(1, vcpu_set_msr(self->v, MSR_KVM_STEAL_TIME, STEAL_GPA));
	version = self->st->version;
	run_a_bit(self->v);
	EXPECT_EQ(version, self->st->version);
}

TEST_F(steal, nowhere)
{
	static const u64 bad[] = { MEM_BYTES + 1, 0xfee00001, 1ul << 52 | 1, ~0ul << 6 | 1 };

	for (unsigned int i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		EXPECT_DONE(guest_wrmsr(self->v, MSR_KVM_STEAL_TIME, bad[i]));
		run_a_bit(self->v);
	}
}

static int enforce(struct vcpu *v, u64 on)
{
	struct kvm_enable_cap cap = {
		.cap = KVM_CAP_ENFORCE_PV_FEATURE_CPUID, .args = { on },
	};

	return ioctl(v->fd, KVM_ENABLE_CAP, &cap);
}

/* Only if user space wants that does it matter what CPUID says of the MSRs. */
TEST_F(steal, only_by_cpuid)
{
	static const struct {
		u32 msr;
		u8 feature;
	} msrs[] = {
		{ MSR_KVM_WALL_CLOCK, KVM_FEATURE_CLOCKSOURCE },
		{ MSR_KVM_SYSTEM_TIME, KVM_FEATURE_CLOCKSOURCE },
		{ MSR_KVM_WALL_CLOCK_NEW, KVM_FEATURE_CLOCKSOURCE2 },
		{ MSR_KVM_SYSTEM_TIME_NEW, KVM_FEATURE_CLOCKSOURCE2 },
		{ MSR_KVM_STEAL_TIME, KVM_FEATURE_STEAL_TIME },
	};
	struct kvm_cpuid2 *cpuid = vm_supported_cpuid(self->vm->dev);
	u64 value;

	for (u32 i = 0; i < cpuid->nent; i++)
		if (cpuid->entries[i].function == KVM_CPUID_FEATURES)
			cpuid->entries[i].eax = 1u << KVM_FEATURE_CLOCKSOURCE2;
	ASSERT_EQ(0, ioctl(self->v->fd, KVM_SET_CPUID2, cpuid));
	for (int on = 1; on >= 0; on--) {
		ASSERT_EQ(0, enforce(self->v, on));
		for (int i = 0; i < 5; i++) {
			bool there = !on || msrs[i].feature == KVM_FEATURE_CLOCKSOURCE2;

			EXPECT_EQ(there, vcpu_get_msr(self->v, msrs[i].msr, &value));
			EXPECT_EQ(there, guest_rdmsr(self->v, msrs[i].msr, &value).kind ==
				  OUT_DONE);
			EXPECT_EQ(there, guest_wrmsr(self->v, msrs[i].msr, 0).kind == OUT_DONE);
		}
	}
	free(cpuid);
}

/* ---- two threads on one processor ---- */

static volatile u32 stop;

static void *hog(void *unused)
{
	while (!stop)
		;
	return NULL;
}

static volatile u32 enough;	/* the guest's */
static volatile u32 seen_in_guest;

/* Until the VMM has seen enough; who runs is not preempted. */
static void spin(u64 unused)
{
	volatile struct kvm_steal_time *st = (void *)STEAL_GPA;

	while (!enough)
		if (st->preempted)
			seen_in_guest++;
	guest_done();
}

/* The hog and the vCPU share a processor; the watcher sees the vCPU away, and its time grow. */
TEST_F(steal, grows_while_another_thread_runs)
{
	pthread_t thread;
	cpu_set_t one;
	struct smp_guest g = {};
	u64 away = 0, end;
	int cpu = 0;

	while (!CPU_ISSET(cpu, &self->before))
		cpu++;
	CPU_ZERO(&one);
	CPU_SET(cpu, &one);
	if (on_bochs())
		SKIP(return, "a guest that spins does not end");
	vm_load_image(self->vm);
	ASSERT_EQ(1, vcpu_set_msr(self->v, MSR_KVM_STEAL_TIME, STEAL_GPA | 1));
	ASSERT_EQ(0, sched_setaffinity(0, sizeof(one), &one));
	ASSERT_EQ(0, pthread_create(&thread, NULL, hog, NULL));
	smp_start(&g, self->v, spin, 0);
	sched_setaffinity(0, sizeof(self->before), &self->before);
	for (end = now_ns() + 20000 * MS; now_ns() < end;) {
		away += self->st->preempted & KVM_VCPU_PREEMPTED;
		if (away && self->st->steal > 50 * MS)
			break;
	}
	*guest_global(self->vm, enough) = 1;
	stop = 1;
	pthread_join(thread, NULL);
	EXPECT_GUEST_DONE(&g);
	EXPECT_NE(0, away);
	EXPECT_GT(self->st->steal, 50 * MS);
	EXPECT_LT(self->st->steal, 60000 * MS);
	EXPECT_EQ(0, self->st->preempted);
	EXPECT_EQ(0, *guest_global(self->vm, seen_in_guest));
}

/* ---- a flush that another vCPU has left to the host ---- */

TEST_F(steal, flush_at_the_next_entry)
{
	u64 pte, value = 0;

	pt_map(self->vm, TEST_VA, FRAME(0), PTE_KERNEL);
	*(u32 *)vm_ptr(self->vm, FRAME(0)) = 0xaaaa;
	*(u32 *)vm_ptr(self->vm, FRAME(1)) = 0xbbbb;
	pte = pt_entry_gpa(self->vm, TEST_VA, 1);
	ASSERT_EQ(1, vcpu_set_msr(self->v, MSR_KVM_STEAL_TIME, STEAL_GPA | 1));
	for (int i = 0; i < 20; i++) {
		ASSERT_DONE(guest_read(self->v, TEST_VA, 4, &value));
		EXPECT_EQ(i & 1 ? 0xbbbb : 0xaaaa, value);
		/* As another vCPU would: no flush, but a note. */
		ASSERT_DONE(guest_write(self->v, pte, FRAME(!(i & 1)) | PTE_KERNEL, 8));
		self->st->preempted = KVM_VCPU_PREEMPTED | KVM_VCPU_FLUSH_TLB;
	}
	ASSERT_DONE(guest_read(self->v, TEST_VA, 4, &value));
	EXPECT_EQ(0, self->st->preempted);
}

TEST_HARNESS_MAIN
