// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>

#include "smp.h"

static void ignore(int sig)
{
}

static void *thread_main(void *arg)
{
	struct smp_guest *g = arg;

	/* Only smp_stop() is to end it, not the freezer on the way into suspend. */
	do {
		g->r = vcpu_run(g->v);
	} while (g->r.kind == OUT_ERRNO && g->r.err == EINTR && !g->v->run->immediate_exit);
	g->over = true;
	return NULL;
}

/* Calls entry(arg) in the guest, on a stack of the vCPU's own. */
void smp_start(struct smp_guest *g, struct vcpu *v, void (*entry)(u64), u64 arg)
{
	struct sigaction sa = { .sa_handler = ignore };

	sigaction(SIGUSR2, &sa, NULL);
	g->v = v;
	g->over = false;
	memset(&v->regs, 0, sizeof(v->regs));
	v->regs.rip = (u64)entry;
	v->regs.rdi = arg;
	v->regs.rsp = VCPU_STACK(v->id) - 8;	/* as if called */
	/* Nobody injects interrupts; but see on_bochs(). */
	v->regs.rflags = 2 | RFLAGS_IF;
	if (ioctl(v->fd, KVM_SET_REGS, &v->regs))
		die("KVM_SET_REGS");
	if (pthread_create(&g->thread, NULL, thread_main, g))
		die("pthread_create");
	g->started = true;
}

struct result smp_join(struct smp_guest *g)
{
	if (g->started)
		pthread_join(g->thread, NULL);
	g->started = false;
	return g->r;
}

/* Gets a guest that never ends out of KVM_RUN. */
void smp_stop(struct smp_guest *g)
{
	while (g->started) {
		g->v->run->immediate_exit = 1;
		pthread_kill(g->thread, SIGUSR2);
		if (!pthread_tryjoin_np(g->thread, NULL))
			g->started = false;
		sched_yield();
	}
	g->v->run->immediate_exit = 0;
}
