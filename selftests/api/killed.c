// SPDX-License-Identifier: GPL-2.0-only
/*
 * kill -9 of a VMM at any moment: amid calls for its interrupt controllers, with vCPUs that storm.
 * The moment is a number of calls, which the victim counts in shared memory.
 */
#include <dirent.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "kselftest_harness.h"
#include "chips.h"

#define VICTIMS		12
#define MAX_CALLS	120
#define FDS		8

struct marks {
	volatile u32 calls;
};

static u64 next(u64 *seed)
{
	u64 x;

	*seed += 0x9e3779b97f4a7c15ul;
	x = (*seed ^ *seed >> 30) * 0xbf58476d1ce4e5b9ul;
	x = (x ^ x >> 27) * 0x94d049bb133111ebul;
	return x ^ x >> 31;
}

static void fill(u64 *seed, void *p, size_t bytes)
{
	for (size_t i = 0; i < bytes; i++)
		((u8 *)p)[i] = next(seed);
}

/* ---- the guests ---- */

static volatile u32 taken;

static HANDLER void count(struct frame *frame)
{
	taken++;
	apic_write(APIC_EOI, 0);
}

/* IPIs to all, a timer of the shortest period, halts. */
static void storm(u64 id)
{
	apic_write(APIC_SPIV, 0x1ff);
	apic_write(APIC_TDCR, 0xb);
	apic_write(APIC_LVTT, LVT_PERIODIC | 0x41);
	apic_write(APIC_TMICT, 1);
	for (u32 i = 0;; i++) {
		apic_write(APIC_ICR, (i & 1 ? ICR_ALL : ICR_OTHERS) | ICR_ASSERT | 0x42);
		if (i % 16 == 0) {
			guest_cli();
			guest_sti_hlt();
		}
	}
}

/* ---- the victim ---- */

struct victim {
	struct vm *vm;
	struct vcpu *idle;	/* a third vCPU, never run: its calls do not wait */
	int fd[FDS];
	u64 seed;
};

static void call_lines(struct victim *v)
{
	struct kvm_msi msi = { .address_lo = LAPIC_GPA | (next(&v->seed) & 0xffffc),
			       .data = next(&v->seed) & 0xc8ff };

	vm_irq_line(v->vm, next(&v->seed) % 32, next(&v->seed) & 1);
	ioctl(v->vm->fd, KVM_SIGNAL_MSI, &msi);
}

static void call_routes(struct victim *v)
{
	struct {
		struct kvm_irq_routing head;
		struct kvm_irq_routing_entry entry[4];
	} r = { .head.nr = next(&v->seed) % 5 };

	for (int i = 0; i < 4; i++) {
		r.entry[i].gsi = next(&v->seed) % 32;
		r.entry[i].type = KVM_IRQ_ROUTING_MSI;
		r.entry[i].u.msi.address_lo = LAPIC_GPA;
		r.entry[i].u.msi.data = next(&v->seed) & 0xff;
	}
	ioctl(v->vm->fd, KVM_SET_GSI_ROUTING, &r);
}

static void call_eventfds(struct victim *v)
{
	int *fd = &v->fd[next(&v->seed) % FDS];
	struct kvm_irqfd irqfd = { .fd = *fd, .gsi = next(&v->seed) % 32,
				   .flags = next(&v->seed) & 3,
				   .resamplefd = v->fd[next(&v->seed) % FDS] };
	struct kvm_ioeventfd io = { .fd = *fd, .addr = next(&v->seed) % 4096, .len = 1,
				    .flags = next(&v->seed) & 6 };
	u64 one = 1;

	ioctl(v->vm->fd, KVM_IRQFD, &irqfd);
	ioctl(v->vm->fd, KVM_IOEVENTFD, &io);
	if (write(*fd, &one, 8) != 8 || next(&v->seed) % 4 == 0) {
		close(*fd);
		*fd = eventfd(0, EFD_NONBLOCK);
	}
}

static void call_chips(struct victim *v)
{
	struct kvm_irqchip chip = { .chip_id = next(&v->seed) % 3 };
	struct kvm_pit_config config = {};
	struct kvm_pit_state2 pit;

	if (next(&v->seed) & 1)
		ioctl(v->vm->fd, KVM_GET_IRQCHIP, &chip);
	else
		fill(&v->seed, &chip.chip, sizeof(chip.chip));
	ioctl(v->vm->fd, KVM_SET_IRQCHIP, &chip);
	ioctl(v->vm->fd, KVM_CREATE_PIT2, &config);
	fill(&v->seed, &pit, sizeof(pit));
	ioctl(v->vm->fd, KVM_SET_PIT2, &pit);
}

static void call_vcpu(struct victim *v)
{
	struct kvm_clock_data clock = { .clock = next(&v->seed) };
	struct kvm_lapic_state lapic;

	ioctl(v->idle->fd, KVM_GET_LAPIC, &lapic);
	if (next(&v->seed) & 1)
		fill(&v->seed, lapic.regs + APIC_ISR, 0x300);
	ioctl(v->idle->fd, KVM_SET_LAPIC, &lapic);
	vcpu_set_mp_state(v->idle, next(&v->seed) % 5);
	ioctl(v->vm->fd, KVM_SET_CLOCK, &clock);
}

/* One that comes and goes beside it. */
static void call_other_vm(struct victim *v)
{
	struct vm *other = vm_create_bare();
	struct kvm_irqfd irqfd = { .fd = v->fd[0], .gsi = 3 };

	vm_make_chips(other, next(&v->seed) & 1 ? CHIPS_ALL : CHIPS_SPLIT);
	vm_add_vcpu(other);
	ioctl(other->fd, KVM_IRQFD, &irqfd);
	vm_free(other);
}

static void (*const calls[])(struct victim *v) = {
	call_lines, call_routes, call_eventfds, call_chips, call_vcpu, call_other_vm,
};

static void victim(struct marks *marks, u64 seed)
{
	struct victim v = { .seed = seed };
	struct smp_guest g[2];

	v.vm = vm_create_with_chips(seed & 1 ? CHIPS_ALL : CHIPS_SPLIT, 3);
	v.idle = &v.vm->vcpu[2];
	vm_handle(v.vm, 0x41, count);
	vm_handle(v.vm, 0x42, count);
	for (int i = 0; i < FDS; i++)
		v.fd[i] = eventfd(0, EFD_NONBLOCK);
	for (int i = 0; i < 2; i++)
		smp_start(&g[i], &v.vm->vcpu[i], storm, i);
	for (;;) {
		calls[next(&v.seed) % ARRAY_SIZE(calls)](&v);
		marks->calls++;
	}
}

/* The directory that each VM has in debugfs is named after its process. */
static bool is_left(const char *dir, pid_t pid)
{
	DIR *d = opendir(dir);
	struct dirent *e;
	bool found = false;

	while (d && (e = readdir(d)))
		found |= atoi(e->d_name) == pid && strchr(e->d_name, '-');
	if (d)
		closedir(d);
	return found;
}

static bool kill_one(struct marks *marks, u64 *seed)
{
	u32 when = next(seed) % MAX_CALLS;
	u64 its = next(seed);
	int status;
	pid_t pid;

	marks->calls = 0;
	pid = fork();
	if (!pid)
		victim(marks, its);
	while (marks->calls < when && !waitpid(pid, &status, WNOHANG))
		sched_yield();
	kill(pid, SIGKILL);
	if (waitpid(pid, &status, 0) != pid || !WIFSIGNALED(status) || WTERMSIG(status) != SIGKILL)
		return false;
	return !is_left("/sys/kernel/debug/umbra", pid) && !is_left("/sys/kernel/debug/kvm", pid);
}

FIXTURE(killed) {
	struct marks *marks;
};

FIXTURE_SETUP(killed)
{
	self->marks = mmap(NULL, PAGE_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
			   -1, 0);
}

FIXTURE_TEARDOWN(killed)
{
	munmap(self->marks, PAGE_SIZE);
}

TEST_F_TIMEOUT(killed, at_any_moment, 250)
{
	u64 seed = 1;

	for (int i = 0; i < VICTIMS; i++) {
		EXPECT_TRUE(kill_one(self->marks, &seed))
			TH_LOG("victim %d, %u calls", i, self->marks->calls);
	}
}

/* The next VM works. */
TEST_F(killed, and_life_goes_on)
{
	struct vm *vm;

	EXPECT_TRUE(kill_one(self->marks, &(u64){ 99 }));
	vm = vm_create(MODE_LONG4);
	EXPECT_DONE(guest_write(&vm->vcpu[0], LOW_DATA, 5, 4));
	vm_free(vm);
}

TEST_HARNESS_MAIN
