// SPDX-License-Identifier: GPL-2.0-only
/* The main thread's event loop: device timers, console input, the time limit, signals. */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "vmm.h"

#define MAX_TIMERS	8

enum { SLOT_WAKE, SLOT_SIGNAL, SLOT_INPUT, SLOT_TIMERS };

static struct {
	int wake_fd, signal_fd;
	struct timer {
		int fd;
		loop_fn fn;
	} timer[MAX_TIMERS];
	int nr_timers;
} loop = { .wake_fd = -1 };

void loop_wake(void)
{
	u64 one = 1;

	if (write(loop.wake_fd, &one, sizeof(one)) < 0 && errno != EAGAIN)
		die_errno("cannot wake the main thread");
}

/* @when_ns: CLOCK_MONOTONIC; 0 stops the timer. */
void loop_arm(int fd, u64 when_ns, u64 period_ns)
{
	struct itimerspec spec = {
		.it_value = { when_ns / NS_PER_SEC, when_ns % NS_PER_SEC },
		.it_interval = { period_ns / NS_PER_SEC, period_ns % NS_PER_SEC },
	};

	if (timerfd_settime(fd, TFD_TIMER_ABSTIME, &spec, NULL) < 0)
		die_errno("cannot set a timer");
}

int loop_timer(loop_fn fn)
{
	struct timer *timer = &loop.timer[loop.nr_timers++];

	timer->fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
	if (timer->fd < 0)
		die_errno("cannot create a timer");
	timer->fn = fn;
	return timer->fd;
}

static void time_is_up(struct machine *m, u64 expirations)
{
	if (!expirations)
		return;
	warn("the guest did not end within %u seconds (--timeout)", m->opt.timeout);
	machine_stop(m, STATUS_TIMEOUT);
}

/* The vCPU threads inherit the mask, so that only the loop sees these. */
static void init_signals(void)
{
	static const int signals[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGCONT };
	sigset_t set;
	size_t i;

	sigemptyset(&set);
	for (i = 0; i < sizeof(signals) / sizeof(signals[0]); i++)
		sigaddset(&set, signals[i]);
	pthread_sigmask(SIG_BLOCK, &set, NULL);
	signal(SIGPIPE, SIG_IGN);
	loop.signal_fd = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
	if (loop.signal_fd < 0)
		die_errno("cannot create a signalfd");
}

void loop_init(struct machine *m)
{
	int fd;

	loop.wake_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	if (loop.wake_fd < 0)
		die_errno("cannot create an eventfd");
	init_signals();
	if (!m->opt.timeout)
		return;
	fd = loop_timer(time_is_up);
	loop_arm(fd, now_ns() + m->opt.timeout * NS_PER_SEC, 0);
}

static void drain_wakes(void)
{
	u64 count;

	if (read(loop.wake_fd, &count, sizeof(count)) < 0 && errno != EAGAIN)
		die_errno("cannot read an eventfd");
}

static void take_signal(struct machine *m)
{
	struct signalfd_siginfo info;

	if (read(loop.signal_fd, &info, sizeof(info)) != sizeof(info))
		return;
	if (info.ssi_signo == SIGCONT)
		console_resume();
	else
		machine_stop(m, 128 + info.ssi_signo);
}

static void take_timers(struct machine *m, const struct pollfd *fds)
{
	u64 expirations;
	int i;

	for (i = 0; i < loop.nr_timers; i++) {
		if (!(fds[i].revents & POLLIN))
			continue;
		/* Under the lock, so that a timer the guest just stopped is not heard any more. */
		if (read(fds[i].fd, &expirations, sizeof(expirations)) == sizeof(expirations))
			loop.timer[i].fn(m, expirations);
	}
}

static void dispatch(struct machine *m, const struct pollfd *fds)
{
	bool output;

	if (fds[SLOT_WAKE].revents)
		drain_wakes();
	if (fds[SLOT_SIGNAL].revents)
		take_signal(m);
	pthread_mutex_lock(&m->lock);
	take_timers(m, fds + SLOT_TIMERS);
	if (fds[SLOT_INPUT].revents)
		console_readable(m);
	console_feed(m, m->vcpu[0].halted);
	output = console_has_output();
	pthread_mutex_unlock(&m->lock);
	if (output)
		console_flush(m, 0);
}

void loop_run(struct machine *m)
{
	struct pollfd fds[SLOT_TIMERS + MAX_TIMERS] = {
		[SLOT_WAKE] = { loop.wake_fd, POLLIN, 0 },
		[SLOT_SIGNAL] = { loop.signal_fd, POLLIN, 0 },
	};
	int i, timeout, n;

	for (i = 0; i < loop.nr_timers; i++)
		fds[SLOT_TIMERS + i] = (struct pollfd) { loop.timer[i].fd, POLLIN, 0 };
	while (!machine_stopping(m)) {
		pthread_mutex_lock(&m->lock);
		fds[SLOT_INPUT] = (struct pollfd) { console_input_fd(), POLLIN, 0 };
		timeout = console_timeout_ms(m);
		pthread_mutex_unlock(&m->lock);
		n = poll(fds, SLOT_TIMERS + loop.nr_timers, timeout);
		if (n < 0 && errno != EINTR)
			die_errno("poll failed");
		dispatch(m, fds);
	}
}
