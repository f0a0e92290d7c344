// SPDX-License-Identifier: GPL-2.0-only
/* KVM_RUN: how it ends early, and who may call it. */
#include <pthread.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>

#include "kselftest_harness.h"
#include "paging.h"

FIXTURE(run) {
	struct vm *vm;
	struct vcpu *v;
};

static volatile int signals;

static void on_signal(int sig)
{
	signals++;
}

FIXTURE_SETUP(run)
{
	struct sigaction sa = { .sa_handler = on_signal };

	self->vm = vm_create(MODE_LONG4);
	self->v = &self->vm->vcpu[0];
	sigaction(SIGUSR1, &sa, NULL);
	signals = 0;
}

FIXTURE_TEARDOWN(run)
{
	vm_free(self->vm);
}

/* A guest that spins, and says in LOW_DATA that it has come that far. */
static void start_spinning_with(struct vcpu *v, u64 flags)
{
	struct blob spin = INSN("movl $1, 0x100000\n1: jmp 1b");

	*(volatile u32 *)vm_ptr(v->vm, LOW_DATA) = 0;
	memcpy(vm_ptr(v->vm, CODE_GPA), spin.bytes, spin.len);
	v->regs.rip = CODE_GPA;
	v->regs.rsp = STACK_TOP;
	v->regs.rflags = 2 | flags;
	if (ioctl(v->fd, KVM_SET_REGS, &v->regs))
		die("KVM_SET_REGS");
}

static void start_spinning(struct vcpu *v)
{
	start_spinning_with(v, RFLAGS_IF);
}

static void wait_for_guest(struct vcpu *v)
{
	volatile u32 *started = vm_ptr(v->vm, LOW_DATA);

	while (!*started)
		sched_yield();
}

struct runner {
	struct vcpu *v;
	struct result r;
	sigset_t *mask;
};

static void *run_thread(void *arg)
{
	struct runner *run = arg;

	run->r = vcpu_run(run->v);
	return NULL;
}

TEST_F(run, immediate_exit)
{
	start_spinning(self->v);
	self->v->run->immediate_exit = 1;
	for (int i = 0; i < 3; i++) {
		EXPECT_RESULT(r_.kind == OUT_ERRNO && r_.err == EINTR, vcpu_run(self->v));
	}
	self->v->run->exit_reason = KVM_EXIT_HLT;
	EXPECT_ERRNO(EINTR, ioctl(self->v->fd, KVM_RUN, 0));
	EXPECT_EQ(KVM_EXIT_HLT, self->v->run->exit_reason);
	EXPECT_EQ(0, *(u32 *)vm_ptr(self->vm, LOW_DATA));
	self->v->run->immediate_exit = 0;
	EXPECT_DONE(guest_read(self->v, LOW_DATA, 4, NULL));
}

static struct result end_by_signal(struct vcpu *v)
{
	struct runner run = { .v = v };
	pthread_t thread;

	if (pthread_create(&thread, NULL, run_thread, &run))
		die("pthread_create");
	wait_for_guest(v);
	pthread_kill(thread, SIGUSR1);
	pthread_join(thread, NULL);
	return run.r;
}

TEST_F(run, signal_ends_it)
{
	start_spinning(self->v);
	EXPECT_RESULT(r_.kind == OUT_ERRNO && r_.err == EINTR, end_by_signal(self->v));
	EXPECT_EQ(1, signals);
	EXPECT_EQ(KVM_EXIT_INTR, self->v->run->exit_reason);
	EXPECT_DONE(guest_read(self->v, LOW_DATA, 4, NULL));
}

/* The host's interrupts come through whatever the guest's RFLAGS.IF is. */
TEST_F(run, signal_ends_a_guest_with_interrupts_off)
{
	if (on_bochs())
		SKIP(return, "Bochs never leaves a guest that was entered with RFLAGS.IF clear");
	start_spinning_with(self->v, 0);
	EXPECT_RESULT(r_.kind == OUT_ERRNO && r_.err == EINTR, end_by_signal(self->v));
	EXPECT_EQ(1, signals);
}

TEST_F(run, signal_that_was_pending)
{
	sigset_t usr1, old;

	sigemptyset(&usr1);
	sigaddset(&usr1, SIGUSR1);
	sigprocmask(SIG_BLOCK, &usr1, &old);
	start_spinning(self->v);
	raise(SIGUSR1);
	/* blocked outside, open while the guest runs: it must end it */
	union {
		struct kvm_signal_mask head;
		u8 bytes[sizeof(struct kvm_signal_mask) + 8];
	} mask = { .head.len = 8 };

	ASSERT_EQ(0, ioctl(self->v->fd, KVM_SET_SIGNAL_MASK, &mask));
	EXPECT_RESULT(r_.kind == OUT_ERRNO && r_.err == EINTR, vcpu_run(self->v));
	EXPECT_EQ(KVM_EXIT_INTR, self->v->run->exit_reason);
	EXPECT_EQ(0, signals);
	sigpending(&usr1);
	EXPECT_EQ(1, sigismember(&usr1, SIGUSR1));
	sigprocmask(SIG_SETMASK, &old, NULL);
	EXPECT_EQ(1, signals);
	EXPECT_EQ(0, ioctl(self->v->fd, KVM_SET_SIGNAL_MASK, NULL));
}

TEST_F(run, signal_mask_bad_input)
{
	union {
		struct kvm_signal_mask head;
		u8 bytes[sizeof(struct kvm_signal_mask) + 64];
	} mask = { .head.len = 7 };

	EXPECT_EQ(-1, ioctl(self->v->fd, KVM_SET_SIGNAL_MASK, &mask));
	EXPECT_EQ(EINVAL, errno);
	mask.head.len = 16;
	EXPECT_EQ(-1, ioctl(self->v->fd, KVM_SET_SIGNAL_MASK, &mask));
	EXPECT_EQ(EINVAL, errno);
	EXPECT_EQ(-1, ioctl(self->v->fd, KVM_SET_SIGNAL_MASK, (void *)8));
	EXPECT_EQ(EFAULT, errno);
}

static void *second_run(void *arg)
{
	struct vcpu *v = arg;
	long ret;

	/* waits for the first, or is turned away; it must not run the guest twice */
	signals = 0;
	ret = ioctl(v->fd, KVM_RUN, 0);
	return (void *)(long)(ret ? errno : 0);
}

TEST_F(run, second_run_of_the_same_vcpu)
{
	struct runner run = { .v = self->v };
	bool first_out = false, second_out = false;
	pthread_t first, second;
	void *ret = NULL;

	start_spinning(self->v);
	ASSERT_EQ(0, pthread_create(&first, NULL, run_thread, &run));
	wait_for_guest(self->v);
	ASSERT_EQ(0, pthread_create(&second, NULL, second_run, self->v));
	/* signals may come before either is in the guest: repeat until both are out */
	while (!first_out || !second_out) {
		if (!first_out)
			pthread_kill(first, SIGUSR1);
		first_out = first_out || !pthread_tryjoin_np(first, NULL);
		if (!second_out)
			pthread_kill(second, SIGUSR1);
		second_out = second_out || !pthread_tryjoin_np(second, &ret);
	}
	EXPECT_TRUE((long)ret == EINTR || (long)ret == EBUSY) TH_LOG("errno %ld", (long)ret);
	EXPECT_RESULT(r_.kind == OUT_ERRNO && r_.err == EINTR, run.r);
	EXPECT_DONE(guest_read(self->v, LOW_DATA, 4, NULL));
}

TEST_F(run, from_another_process)
{
	struct kvm_regs regs;
	int status;
	pid_t pid = fork();

	if (!pid) {
		int bad = 0;

		bad |= ioctl(self->v->fd, KVM_RUN, 0) == -1 && errno == EIO ? 0 : 1;
		bad |= ioctl(self->v->fd, KVM_GET_REGS, &regs) == -1 && errno == EIO ? 0 : 2;
		bad |= ioctl(self->vm->fd, KVM_CREATE_VCPU, 7) == -1 && errno == EIO ? 0 : 4;
		_exit(bad);
	}
	waitpid(pid, &status, 0);
	EXPECT_EQ(0, status) TH_LOG("calls that worked: %#x", WEXITSTATUS(status));
	EXPECT_DONE(guest_read(self->v, LOW_DATA, 4, NULL));
}

/* The vCPU moves between threads, as long as one at a time runs it. */
TEST_F(run, threads_in_turn)
{
	for (int i = 0; i < 20; i++) {
		struct runner run = { .v = self->v };
		pthread_t thread;
		u64 x;

		ASSERT_DONE(guest_write(self->v, LOW_DATA, i, 4));
		self->v->regs.rip = CODE_GPA;
		self->v->run->exit_reason = KVM_EXIT_UNKNOWN;
		ASSERT_EQ(0, ioctl(self->v->fd, KVM_SET_REGS, &self->v->regs));
		ASSERT_EQ(0, pthread_create(&thread, NULL, run_thread, &run));
		pthread_join(thread, NULL);
		EXPECT_EQ(OUT_DONE, run.r.kind);
		ASSERT_DONE(guest_read(self->v, LOW_DATA, 4, &x));
		EXPECT_EQ(i, x);
	}
}

TEST_F(run, ioctls_wait_for_the_running_vcpu)
{
	struct runner run = { .v = self->v };
	struct kvm_regs regs;
	pthread_t thread;

	start_spinning(self->v);
	ASSERT_EQ(0, pthread_create(&thread, NULL, run_thread, &run));
	wait_for_guest(self->v);
	/* VM calls do not wait */
	EXPECT_LT(0, ioctl(self->vm->dev, KVM_CHECK_EXTENSION, KVM_CAP_USER_MEMORY));
	vm_set_slot(self->vm, 3, 0x20000000, vm_ptr(self->vm, DATA_GPA), PAGE_SIZE, 0);
	vm_set_slot(self->vm, 3, 0x20000000, NULL, 0, 0);
	while (pthread_tryjoin_np(thread, NULL))
		pthread_kill(thread, SIGUSR1);
	EXPECT_EQ(0, ioctl(self->v->fd, KVM_GET_REGS, &regs));
	EXPECT_GE(regs.rip, CODE_GPA);
	EXPECT_LT(regs.rip, CODE_GPA + 32);
}

TEST_HARNESS_MAIN
