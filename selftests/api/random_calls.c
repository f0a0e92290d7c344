// SPDX-License-Identifier: GPL-2.0-only
/*
 * All calls in random order, with hostile arguments, from several threads, beside all that a host
 * does to a VM's memory: the module says no, and stays as it was. Victims are processes that do so
 * until they are killed; the lab looks for what the kernel has to say, and for leaks.
 *
 * In the environment: seconds (10) and seed (1). A victim is made again by its seed, as far as
 * threads are.
 */
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "kselftest_harness.h"
#include "fuzz/fuzz.h"

#define SEATS		(FUZZ_VCPUS + FUZZ_CALLERS + 1)
#define RING_BYTES	(16 * PAGE_SIZE)
#define TICK_US		500
#define LIFE_CALLS	4000u		/* of a victim */
#define LIFE_TICKS	500		/* of 10 ms, if its threads don't come back from calls */

/* ---- a victim ---- */

struct seat {
	pthread_t thread;
	struct fuzz_thread t;
	int nr;
};

static void thread_begin(struct seat *s)
{
	u8 *p = mmap(NULL, BUFFER_BYTES + PAGE_SIZE, PROT_READ | PROT_WRITE,
		     MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (p == MAP_FAILED || mprotect(p + BUFFER_BYTES, PAGE_SIZE, PROT_NONE))
		die("no memory");
	s->t.buffer = p;
	s->t.fail_nth = open("/proc/thread-self/fail-nth", O_RDWR);
}

static void *caller(void *arg)
{
	struct seat *s = arg;

	thread_begin(s);
	for (;;)
		fuzz_call(&s->t);
	return NULL;
}

/* From where it is, it may never come back. */
static void start_over(struct fuzz_thread *t, struct vcpu *v)
{
	v->regs.rip = CODE_GPA;
	v->regs.rsp = STACK_TOP - 0x100;
	v->regs.rflags = 2;
	v->regs.rcx = fuzz_pick(t, 64);
	v->regs.rdi = fuzz_gpa(t);
	v->regs.rsi = fuzz_gpa(t);
	v->regs.rdx = fuzz_pick(t, 0x400);
	v->regs.rax = fuzz_word(t);
	ioctl(v->fd, KVM_SET_REGS, &v->regs);
}

/* Nor from the state that others gave it. */
static void come_to(struct vcpu *v, const struct kvm_sregs *sane)
{
	struct kvm_vcpu_events none = { .flags = KVM_VCPUEVENT_VALID_NMI_PENDING |
						 KVM_VCPUEVENT_VALID_SHADOW };
	struct kvm_guest_debug off = {};

	vcpu_set_mp_state(v, KVM_MP_STATE_RUNNABLE);
	ioctl(v->fd, KVM_SET_VCPU_EVENTS, &none);
	ioctl(v->fd, KVM_SET_GUEST_DEBUG, &off);
	ioctl(v->fd, KVM_SET_SREGS, sane);
}

static void *runner(void *arg)
{
	struct seat *s = arg;
	struct vcpu *v = &s->t.fuzz->vm->vcpu[s->nr];
	struct kvm_sregs sane;

	thread_begin(s);
	ioctl(v->fd, KVM_GET_SREGS, &sane);
	for (;;) {
		fuzz_code(&s->t);
		if (ONE_IN(&s->t, 8))
			fuzz_bend(&s->t, v->run, PAGE_SIZE);
		v->run->immediate_exit = ONE_IN(&s->t, 16);
		for (int i = fuzz_pick(&s->t, 16); i; i--)
			ioctl(v->fd, KVM_RUN, 0);
		if (ONE_IN(&s->t, 2))
			come_to(v, &sane);
		start_over(&s->t, v);
	}
	return NULL;
}

static void host(struct seat *s)
{
	thread_begin(s);
	for (;;)
		fuzz_host(&s->t);
}

static void nothing(int signal)
{
}

/* Each tick makes one of those come back that don't block it. */
static void tick(void)
{
	struct itimerval period = { { .tv_usec = TICK_US }, { .tv_usec = TICK_US } };

	signal(SIGALRM, nothing);
	if (setitimer(ITIMER_REAL, &period, NULL))
		die("no timer");
}

static void block_ticks(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGALRM);
	pthread_sigmask(SIG_BLOCK, &set, NULL);
}

static void start(struct seat *s, void *(*main)(void *arg))
{
	if (pthread_create(&s->thread, NULL, main, s))
		die("no thread");
}

static struct vm *make_vm(u64 seed)
{
	enum guest_mode mode;
	struct vm *vm;

	if (seed % 4)
		return vm_create_with_chips(seed % 4 == 1 ? CHIPS_SPLIT : CHIPS_ALL, FUZZ_VCPUS);
	mode = MODE_PROT + seed / 8 % 4;
	vm = seed % 8 ? vm_create_with_ring(mode, RING_BYTES) : vm_create(mode);
	while (vm->nr_vcpus < FUZZ_VCPUS)
		vm_add_vcpu(vm);
	return vm;
}

static void victim(struct fuzz_marks *marks, u64 seed)
{
	struct fuzz f = { .marks = marks };
	struct seat seats[SEATS];

	f.vm = make_vm(seed);
	for (int i = 0; i < FUZZ_EVENTS; i++)
		f.event[i] = eventfd(0, EFD_NONBLOCK);
	f.memfd = memfd_create("fuzz", 0);
	if (ftruncate(f.memfd, f.vm->mem_bytes))
		die("no file");
	f.may_unplug = seed % 4 == 3;
	for (int i = 0; i < SEATS; i++)
		seats[i] = (struct seat){ .nr = i, .t = { .fuzz = &f, .random = seed * 64 + i } };
	/* A guest that others gave a state without RFLAGS.IF may spin there for ever. */
	if (!on_bochs())
		for (int i = 0; i < FUZZ_VCPUS; i++)
			start(&seats[i], runner);
	tick();
	block_ticks();
	for (int i = FUZZ_VCPUS; i < SEATS - 1; i++)
		start(&seats[i], caller);
	host(&seats[SEATS - 1]);
}

/* ---- who watches ---- */

FIXTURE(random_calls) {
	struct fuzz_marks *marks;
};

FIXTURE_SETUP(random_calls)
{
	self->marks = mmap(NULL, sizeof(*self->marks), PROT_READ | PROT_WRITE,
			   MAP_SHARED | MAP_ANONYMOUS, -1, 0);
}

FIXTURE_TEARDOWN(random_calls)
{
	munmap(self->marks, sizeof(*self->marks));
}

/* It may end before: by a signal, for want of memory. Whatever it does, it can be killed. */
static void live_and_die(struct fuzz_marks *marks, u64 seed)
{
	struct timespec tick = { .tv_nsec = 10000000 };
	u32 begun = marks->calls;
	bool lives = true;
	pid_t pid = fork();

	if (!pid)
		victim(marks, seed);
	for (int i = 0; lives && i < LIFE_TICKS && marks->calls - begun < LIFE_CALLS; i++) {
		nanosleep(&tick, NULL);
		lives = !waitpid(pid, NULL, WNOHANG);
	}
	if (lives) {
		kill(pid, SIGKILL);
		waitpid(pid, NULL, 0);
	}
	fuzz_host_restore();
}

static bool works(void)
{
	struct vm *vm = vm_create(MODE_LONG4);
	struct result r = guest_write(&vm->vcpu[0], LOW_DATA, 5, 4);

	vm_free(vm);
	return r.kind == OUT_DONE;
}

static void report(const struct fuzz_marks *marks)
{
	const char *name;

	for (int i = 0; (name = fuzz_call_name(i)); i++)
		printf("# %s %u done, %u refused\n", name, marks->ok[i], marks->failed[i]);
}

/* The seconds are for the victims that begin in them. */
TEST_F_TIMEOUT(random_calls, leave_all_as_it_was, 100000)
{
	u64 seconds = from_env("seconds", 10), seed = from_env("seed", 1), first = seed;
	time_t end = time(NULL) + seconds;

	for (; time(NULL) < end; seed++) {
		live_and_die(self->marks, seed);
		ASSERT_TRUE(works())
			TH_LOG("after seed %lu", seed);
		ASSERT_EQ(0, self->marks->leaked_errno)
			TH_LOG("%s, seed %lu", fuzz_call_name(self->marks->leaked_call), seed);
		ASSERT_EQ(0, self->marks->breaches)
			TH_LOG("the audit, seed %lu", seed);
		ASSERT_EQ(0, self->marks->unloaded)
			TH_LOG("the module went under a VM, seed %lu", seed);
	}
	report(self->marks);
	printf("# %u calls, seeds %lu to %lu\n", self->marks->calls, first, seed - 1);
	EXPECT_LT(0, self->marks->calls);
}

TEST_HARNESS_MAIN
