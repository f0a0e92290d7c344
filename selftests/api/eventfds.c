// SPDX-License-Identifier: GPL-2.0-only
/* irqfd and ioeventfd: wrong arguments, and eventfds that come and go at any moment. */
#include <fcntl.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "kselftest_harness.h"
#include "chips.h"

#define VECTOR		0x41
#define LEVEL_PIN	10
#define RACES		200

static int errno_of(int r)
{
	return r < 0 ? errno : 0;
}

static int irqfd(struct vm *vm, int fd, u32 gsi, u32 flags, int resamplefd)
{
	struct kvm_irqfd args = { .fd = fd, .gsi = gsi, .flags = flags, .resamplefd = resamplefd };

	return errno_of(ioctl(vm->fd, KVM_IRQFD, &args));
}

static int assign(struct vm *vm, int fd, u32 gsi)
{
	return irqfd(vm, fd, gsi, 0, 0);
}

static int deassign(struct vm *vm, int fd, u32 gsi)
{
	return irqfd(vm, fd, gsi, KVM_IRQFD_FLAG_DEASSIGN, 0);
}

static int ioeventfd(struct vm *vm, int fd, u64 addr, u32 len, u32 flags)
{
	struct kvm_ioeventfd args = { .fd = fd, .addr = addr, .len = len, .flags = flags,
				      .datamatch = 7 };

	return errno_of(ioctl(vm->fd, KVM_IOEVENTFD, &args));
}

static int new_eventfd(void)
{
	int fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);

	if (fd < 0)
		die("eventfd");
	return fd;
}

static void signal_fd(int fd)
{
	u64 one = 1;

	if (write(fd, &one, sizeof(one)) != sizeof(one) && errno != EAGAIN && errno != EBADF)
		die("write to an eventfd");
}

/* GSI @gsi is a message with VECTOR for vCPU 0; or it is a pin of the I/O APIC. */
static void route(struct vm *vm, u32 gsi, int pin)
{
	struct {
		struct kvm_irq_routing head;
		struct kvm_irq_routing_entry entry;
	} r = { .head.nr = 1, .entry.gsi = gsi };

	if (pin < 0) {
		r.entry.type = KVM_IRQ_ROUTING_MSI;
		r.entry.u.msi.address_lo = LAPIC_GPA;
		r.entry.u.msi.data = VECTOR;
	} else {
		r.entry.type = KVM_IRQ_ROUTING_IRQCHIP;
		r.entry.u.irqchip.irqchip = KVM_IRQCHIP_IOAPIC;
		r.entry.u.irqchip.pin = pin;
	}
	if (ioctl(vm->fd, KVM_SET_GSI_ROUTING, &r))
		die("KVM_SET_GSI_ROUTING");
}

static bool is_requested(struct vm *vm)
{
	struct kvm_lapic_state s;

	if (ioctl(vm->vcpu[0].fd, KVM_GET_LAPIC, &s))
		die("KVM_GET_LAPIC");
	return s.regs[APIC_IRR + VECTOR / 32 * 16 + VECTOR % 32 / 8] >> VECTOR % 8 & 1;
}

static void lapic_set(struct vm *vm, u32 reg, u32 value)
{
	struct kvm_lapic_state s;

	if (ioctl(vm->vcpu[0].fd, KVM_GET_LAPIC, &s))
		die("KVM_GET_LAPIC");
	memset(s.regs + APIC_IRR, 0, 0x80);
	memcpy(s.regs + reg, &value, sizeof(value));
	if (ioctl(vm->vcpu[0].fd, KVM_SET_LAPIC, &s))
		die("KVM_SET_LAPIC");
}

/* Not requested any more; but the APIC takes interrupts. */
static void forget(struct vm *vm)
{
	lapic_set(vm, APIC_SPIV, 0x1ff);
}

FIXTURE(eventfds) {
	struct vm *vm;
	int fd;
};

FIXTURE_SETUP(eventfds)
{
	self->vm = vm_create_with_chips(CHIPS_ALL, 2);
	self->fd = new_eventfd();
	route(self->vm, 5, -1);
	forget(self->vm);
}

FIXTURE_TEARDOWN(eventfds)
{
	vm_free(self->vm);
	close(self->fd);
}

/* ---- wrong arguments ---- */

TEST_F(eventfds, irqfd_bad_arguments)
{
	int null = open("/dev/null", O_RDWR);
	struct vm *none = vm_create_with_chips(CHIPS_NONE, 1);
	struct vm *split = vm_create_with_chips(CHIPS_SPLIT, 1);
	const u32 resample = KVM_IRQFD_FLAG_RESAMPLE;

	EXPECT_EQ(EBADF, assign(self->vm, -1, 5));
	EXPECT_EQ(EBADF, assign(self->vm, 1000000, 5));
	EXPECT_EQ(EINVAL, assign(self->vm, null, 5));
	EXPECT_EQ(EINVAL, assign(self->vm, self->vm->fd, 5));
	EXPECT_EQ(EBADF, deassign(self->vm, -1, 5));
	EXPECT_EQ(EINVAL, deassign(self->vm, null, 5));
	EXPECT_EQ(0, deassign(self->vm, self->fd, 5));
	for (int bit = 2; bit < 32; bit++)
		EXPECT_EQ(EINVAL, irqfd(self->vm, self->fd, 5, 1u << bit, 0));
	EXPECT_EQ(EBADF, irqfd(self->vm, self->fd, 5, resample, -1));
	EXPECT_EQ(EINVAL, irqfd(self->vm, self->fd, 5, resample, null));
	EXPECT_EQ(EINVAL, irqfd(split, self->fd, 5, resample, self->fd));
	EXPECT_EQ(EINVAL, assign(none, self->fd, 5));
	EXPECT_EQ(EFAULT, errno_of(ioctl(self->vm->fd, KVM_IRQFD, 1)));
	EXPECT_EQ(0, assign(split, self->fd, 5));
	EXPECT_EQ(0, assign(self->vm, self->fd, 5));	/* one of two VMs: it may be both's */
	EXPECT_EQ(EBUSY, assign(self->vm, self->fd, 5));
	EXPECT_EQ(EBUSY, assign(self->vm, self->fd, 6));
	EXPECT_EQ(EBUSY, irqfd(self->vm, self->fd, 6, resample, self->fd));
	EXPECT_EQ(0, deassign(self->vm, self->fd, 6));	/* another GSI: nothing is */
	EXPECT_EQ(EBUSY, assign(self->vm, self->fd, 6));
	EXPECT_EQ(0, deassign(self->vm, self->fd, 5));
	EXPECT_EQ(0, assign(self->vm, self->fd, 6));
	close(null);
	vm_free(none);
	vm_free(split);
}

/* A GSI without a route, or one that none can have: refused, or nothing happens. */
TEST_F(eventfds, irqfd_to_nowhere)
{
	static const u32 gsis[] = { 6, 4095, 4096, 0x80000000, ~0u };

	for (unsigned int i = 0; i < ARRAY_SIZE(gsis); i++) {
		int r = assign(self->vm, self->fd, gsis[i]);

		EXPECT_TRUE(r == 0 || r == EINVAL);
		signal_fd(self->fd);
		EXPECT_EQ(0, deassign(self->vm, self->fd, gsis[i]));
	}
	EXPECT_FALSE(is_requested(self->vm));
}

TEST_F(eventfds, ioeventfd_bad_arguments)
{
	static const u32 lens[] = { 3, 5, 6, 7, 9, 16, 0x80000000, ~0u };
	int null = open("/dev/null", O_RDWR);
	const u32 match = KVM_IOEVENTFD_FLAG_DATAMATCH, gone = KVM_IOEVENTFD_FLAG_DEASSIGN;
	struct vm *vm = self->vm;

	for (unsigned int i = 0; i < ARRAY_SIZE(lens); i++)
		EXPECT_EQ(EINVAL, ioeventfd(vm, self->fd, 0x1000, lens[i], 0));
	EXPECT_EQ(EINVAL, ioeventfd(vm, self->fd, ~0ul - 2, 4, 0));
	EXPECT_EQ(EINVAL, ioeventfd(vm, self->fd, 0x1000, 0, match));
	for (int bit = 5; bit < 32; bit++)
		EXPECT_EQ(EINVAL, ioeventfd(vm, self->fd, 0x1000, 4, 1u << bit));
	EXPECT_EQ(EBADF, ioeventfd(vm, -1, 0x1000, 4, 0));
	EXPECT_EQ(EINVAL, ioeventfd(vm, null, 0x1000, 4, 0));
	EXPECT_EQ(EBADF, ioeventfd(vm, -1, 0x1000, 4, gone));
	EXPECT_EQ(ENOENT, ioeventfd(vm, self->fd, 0x1000, 4, gone));
	EXPECT_EQ(EFAULT, errno_of(ioctl(vm->fd, KVM_IOEVENTFD, 1)));
	EXPECT_EQ(0, ioeventfd(vm, self->fd, 0x1000, 4, match));
	EXPECT_EQ(EEXIST, ioeventfd(vm, self->fd, 0x1000, 4, match));
	EXPECT_EQ(EEXIST, ioeventfd(vm, self->fd, 0x1000, 4, 0));
	EXPECT_EQ(EEXIST, ioeventfd(vm, self->fd, 0x1000, 0, 0));
	EXPECT_EQ(0, ioeventfd(vm, self->fd, 0x1000, 8, 0));
	EXPECT_EQ(0, ioeventfd(vm, self->fd, 0x1000, 4, KVM_IOEVENTFD_FLAG_PIO));
	EXPECT_EQ(ENOENT, ioeventfd(vm, self->fd, 0x1000, 4, gone));
	EXPECT_EQ(ENOENT, ioeventfd(vm, self->fd, 0x1000, 2, gone));
	EXPECT_EQ(0, ioeventfd(vm, self->fd, 0x1000, 4, match | gone));
	EXPECT_EQ(ENOENT, ioeventfd(vm, self->fd, 0x1000, 4, match | gone));
	close(null);
}

/* There may be a limit; what was there before stays, and all goes with the VM. */
TEST_F(eventfds, as_many_as_there_may_be)
{
	int i, r = 0;

	for (i = 0; i < 1200 && !r; i++)
		r = ioeventfd(self->vm, self->fd, 0x10000000 + i * 8, 8, 0);
	EXPECT_TRUE(r == 0 || r == ENOSPC);
	EXPECT_LE(1000, i);
	EXPECT_EQ(EEXIST, ioeventfd(self->vm, self->fd, 0x10000000, 8, 0));
	EXPECT_EQ(0, ioeventfd(self->vm, self->fd, 0x10000000, 8, KVM_IOEVENTFD_FLAG_DEASSIGN));
	EXPECT_EQ(0, ioeventfd(self->vm, self->fd, 0x10000000, 8, 0));
}

TEST_F(eventfds, as_many_irqfds_as_fds)
{
	int fds[900], resample = new_eventfd();

	for (unsigned int i = 0; i < ARRAY_SIZE(fds); i++) {
		fds[i] = new_eventfd();
		ASSERT_EQ(0, irqfd(self->vm, fds[i], 5, i & 1 ? KVM_IRQFD_FLAG_RESAMPLE : 0,
				   resample));
	}
	signal_fd(fds[0]);
	EXPECT_TRUE(is_requested(self->vm));
	for (unsigned int i = 0; i < ARRAY_SIZE(fds) / 2; i++)
		close(fds[i]);
	EXPECT_EQ(EBUSY, assign(self->vm, fds[ARRAY_SIZE(fds) - 1], 5));
	close(resample);
}

/* ---- ends ---- */

TEST_F(eventfds, signalled_before_and_after)
{
	signal_fd(self->fd);
	EXPECT_EQ(0, assign(self->vm, self->fd, 5));
	for (int i = 0; i < 100000 && !is_requested(self->vm); i++)
		sched_yield();			/* KVM leaves it to a worker */
	EXPECT_TRUE(is_requested(self->vm));
	forget(self->vm);
	signal_fd(self->fd);
	EXPECT_TRUE(is_requested(self->vm));
	EXPECT_EQ(0, deassign(self->vm, self->fd, 5));
	forget(self->vm);
	signal_fd(self->fd);
	EXPECT_FALSE(is_requested(self->vm));
}

/* The last descriptor is closed: no irqfd is left that would stand in the way. */
TEST_F(eventfds, closed_while_assigned)
{
	int second = dup(self->fd), third = new_eventfd();

	EXPECT_EQ(0, assign(self->vm, self->fd, 5));
	EXPECT_EQ(0, irqfd(self->vm, third, LEVEL_PIN, KVM_IRQFD_FLAG_RESAMPLE, self->fd));
	close(self->fd);
	EXPECT_EQ(EBUSY, assign(self->vm, second, 5));
	close(third);
	close(second);
	self->fd = new_eventfd();
	EXPECT_EQ(0, assign(self->vm, self->fd, 5));
	signal_fd(self->fd);
	EXPECT_TRUE(is_requested(self->vm));
}

TEST_F(eventfds, live_on_without_the_vm)
{
	struct vm *vm = vm_create_with_chips(CHIPS_ALL, 1);
	int fd = new_eventfd(), resample = new_eventfd(), io = new_eventfd();

	EXPECT_EQ(0, assign(vm, self->fd, 5));
	EXPECT_EQ(0, irqfd(vm, fd, LEVEL_PIN, KVM_IRQFD_FLAG_RESAMPLE, resample));
	EXPECT_EQ(0, ioeventfd(vm, io, 0x1000, 4, KVM_IOEVENTFD_FLAG_PIO));
	signal_fd(fd);
	vm_free(vm);
	for (int i = 0; i < 100; i++) {
		signal_fd(self->fd);
		signal_fd(fd);
		signal_fd(resample);
		signal_fd(io);
	}
	close(fd);
	close(resample);
	close(io);
	EXPECT_EQ(0, assign(self->vm, self->fd, 5));
}

/* The child may signal, but the VM is its parent's. */
TEST_F(eventfds, after_fork)
{
	int status;
	pid_t pid;

	EXPECT_EQ(0, assign(self->vm, self->fd, 5));
	pid = fork();
	if (!pid) {
		if (assign(self->vm, new_eventfd(), 6) != EIO ||
		    deassign(self->vm, self->fd, 5) != EIO ||
		    ioeventfd(self->vm, self->fd, 0x1000, 4, 0) != EIO)
			_exit(1);
		signal_fd(self->fd);
		_exit(0);
	}
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_EQ(0, status);
	EXPECT_TRUE(is_requested(self->vm));
}

static void send_fds(int socket, const int *fds, int n)
{
	char buf[CMSG_SPACE(4 * sizeof(int))] = {}, byte = 0;
	struct iovec iov = { &byte, 1 };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = buf,
			      .msg_controllen = CMSG_SPACE(n * sizeof(int)) };
	struct cmsghdr *c = CMSG_FIRSTHDR(&msg);

	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(n * sizeof(int));
	memcpy(CMSG_DATA(c), fds, n * sizeof(int));
	if (sendmsg(socket, &msg, 0) != 1)
		_exit(2);
}

static void receive_fds(int socket, int *fds, int n)
{
	char buf[CMSG_SPACE(4 * sizeof(int))] = {}, byte;
	struct iovec iov = { &byte, 1 };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = buf,
			      .msg_controllen = sizeof(buf) };

	if (recvmsg(socket, &msg, 0) != 1 || !CMSG_FIRSTHDR(&msg))
		die("no descriptors came");
	memcpy(fds, CMSG_DATA(CMSG_FIRSTHDR(&msg)), n * sizeof(int));
}

/* A VM whose process has ended, in the hands of another one, with a vCPU and its eventfd. */
TEST_F(eventfds, passed_to_another_process)
{
	int sockets[2], fds[3], status;
	struct kvm_lapic_state state;
	struct vm alien = {};
	pid_t pid;

	ASSERT_EQ(0, socketpair(AF_UNIX, SOCK_STREAM, 0, sockets));
	pid = fork();
	if (!pid) {
		struct vm *vm = vm_create_with_chips(CHIPS_ALL, 1);
		int mine[3] = { vm->fd, vm->vcpu[0].fd, new_eventfd() };

		if (assign(vm, mine[2], 5))
			_exit(1);
		send_fds(sockets[1], mine, 3);
		_exit(0);
	}
	receive_fds(sockets[0], fds, 3);
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_EQ(0, status);
	alien.fd = fds[0];
	EXPECT_EQ(EIO, assign(&alien, self->fd, 5));
	EXPECT_EQ(EIO, deassign(&alien, fds[2], 5));
	EXPECT_EQ(EIO, errno_of(ioctl(fds[0], KVM_CREATE_IRQCHIP, 0)));
	EXPECT_EQ(EIO, errno_of(ioctl(fds[1], KVM_GET_LAPIC, &state)));
	EXPECT_EQ(EIO, errno_of(ioctl(fds[1], KVM_RUN, 0)));
	for (int i = 0; i < 100; i++)
		signal_fd(fds[2]);
	close(fds[0]);
	signal_fd(fds[2]);
	close(fds[1]);
	signal_fd(fds[2]);
	close(fds[2]);
	close(sockets[0]);
	close(sockets[1]);
}

/* ---- under fire ---- */

static volatile u32 taken, stop;	/* the guest's */

static HANDLER void count(struct frame *frame)
{
	taken++;
	apic_write(APIC_EOI, 0);
}

/* It takes what comes, halted in between. */
static void guest_takes(u64 id)
{
	apic_write(APIC_SPIV, 0x1ff);
	if (!id) {
		ioapic_write(0x10 + 2 * LEVEL_PIN + 1, 0);
		ioapic_write(0x10 + 2 * LEVEL_PIN, IOAPIC_LEVEL | (VECTOR + 1));
	}
	while (!stop) {
		guest_cli();
		guest_sti_hlt();
	}
	guest_done();
}

struct fire {
	struct vm *vm;
	pthread_barrier_t start;
	int fd[4];		/* replaced by closers */
	int resample;
	int rounds;
};

static void *signals(void *arg)
{
	struct fire *f = arg;

	pthread_barrier_wait(&f->start);
	for (int i = 0; i < f->rounds; i++)
		signal_fd(__atomic_load_n(&f->fd[i & 3], __ATOMIC_SEQ_CST));
	return NULL;
}

static void *assigns(void *arg)
{
	struct fire *f = arg;

	pthread_barrier_wait(&f->start);
	for (int i = 0; i < f->rounds; i++) {
		bool resample = i % 3 == 0;

		irqfd(f->vm, f->fd[i & 3], resample ? LEVEL_PIN : 5,
		      resample ? KVM_IRQFD_FLAG_RESAMPLE : 0, f->resample);
		ioeventfd(f->vm, f->fd[i & 3], 0x300, 1, KVM_IOEVENTFD_FLAG_PIO);
	}
	return NULL;
}

static void *deassigns(void *arg)
{
	struct fire *f = arg;

	pthread_barrier_wait(&f->start);
	for (int i = 0; i < f->rounds; i++) {
		deassign(f->vm, f->fd[i & 3], i % 2 ? LEVEL_PIN : 5);
		ioeventfd(f->vm, f->fd[i & 3], 0x300, 1,
			  KVM_IOEVENTFD_FLAG_PIO | KVM_IOEVENTFD_FLAG_DEASSIGN);
	}
	return NULL;
}

static void *routes(void *arg)
{
	struct fire *f = arg;

	pthread_barrier_wait(&f->start);
	for (int i = 0; i < f->rounds; i++)
		route(f->vm, i & 4 ? 5 : LEVEL_PIN, i % 3 ? -1 : LEVEL_PIN);
	return NULL;
}

/* dup2() puts another eventfd in its place; the old one is closed in the same moment. */
static void *closes(void *arg)
{
	struct fire *f = arg;

	pthread_barrier_wait(&f->start);
	for (int i = 0; i < f->rounds; i++) {
		int fd = new_eventfd();

		dup2(fd, f->fd[i & 3]);
		close(fd);
		vm_irq_line(f->vm, LEVEL_PIN, i & 1);
	}
	return NULL;
}

static bool counts_up(struct vm *vm, struct fire *f)
{
	volatile u32 *t = guest_global(vm, taken);
	u32 before = *t;

	for (int i = 0; i < 1000000 && *t == before; i++) {
		signal_fd(f->fd[0]);
		sched_yield();
	}
	return *t != before;
}

TEST_F_TIMEOUT(eventfds, routes_under_fire, 120)
{
	void *(*const thread[])(void *) = { signals, assigns, deassigns, routes, closes };
	struct fire f = { .vm = self->vm, .resample = new_eventfd(), .rounds = RACES };
	struct smp_guest g[2] = {};
	pthread_t t[5];


	for (int i = 0; i < 4; i++)
		f.fd[i] = new_eventfd();
	vm_handle(self->vm, VECTOR, count);
	vm_handle(self->vm, VECTOR + 1, count);
	for (int i = 0; i < 2; i++)
		smp_start(&g[i], &self->vm->vcpu[i], guest_takes, i);
	pthread_barrier_init(&f.start, NULL, 5);
	for (int i = 0; i < 5; i++)
		ASSERT_EQ(0, pthread_create(&t[i], NULL, thread[i], &f));
	for (int i = 0; i < 5; i++)
		pthread_join(t[i], NULL);

	/* The storm is over, and all works. */
	vm_irq_line(self->vm, LEVEL_PIN, 0);
	for (int i = 0; i < 4; i++) {
		deassign(self->vm, f.fd[i], 5);
		deassign(self->vm, f.fd[i], LEVEL_PIN);
	}
	route(self->vm, 5, -1);
	EXPECT_EQ(0, assign(self->vm, f.fd[0], 5));
	EXPECT_TRUE(counts_up(self->vm, &f));

	*guest_global(self->vm, stop) = 1;
	for (int i = 0; i < 2; i++) {
		struct kvm_msi msi = { .address_lo = LAPIC_GPA | i << 12, .data = VECTOR };

		while (!g[i].over) {
			ioctl(self->vm->fd, KVM_SIGNAL_MSI, &msi);
			sched_yield();
		}
		EXPECT_GUEST_DONE(&g[i]);
	}
}

/* Two threads, one of which takes out what the other is just putting in. */
TEST_F_TIMEOUT(eventfds, assigned_and_deassigned_at_once, 120)
{
	struct fire f = { .vm = self->vm, .resample = new_eventfd(), .rounds = 8 * RACES };
	pthread_t t[2];

	for (int i = 0; i < 4; i++)
		f.fd[i] = self->fd;
	pthread_barrier_init(&f.start, NULL, 2);
	ASSERT_EQ(0, pthread_create(&t[0], NULL, assigns, &f));
	ASSERT_EQ(0, pthread_create(&t[1], NULL, deassigns, &f));
	pthread_join(t[0], NULL);
	pthread_join(t[1], NULL);
	deassign(self->vm, self->fd, 5);
	deassign(self->vm, self->fd, LEVEL_PIN);
	forget(self->vm);
	EXPECT_EQ(0, assign(self->vm, self->fd, 5));
	signal_fd(self->fd);
	EXPECT_TRUE(is_requested(self->vm));
}

TEST_HARNESS_MAIN
