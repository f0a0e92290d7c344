/* SPDX-License-Identifier: GPL-2.0-only */
/* What the tests of state that may not be entered share. Include after kselftest_harness.h. */
#ifndef SELFTESTS_ENTRY_CHECKS_H
#define SELFTESTS_ENTRY_CHECKS_H

#include <signal.h>
#include <sys/ioctl.h>
#include <sys/time.h>

#include "paging.h"

#define FIXTURE_IN(name, mode)						\
	FIXTURE(name) { struct vm *vm; struct vcpu *v; };		\
	FIXTURE_SETUP(name) { self->vm = vm_create(mode); self->v = &self->vm->vcpu[0]; } \
	FIXTURE_TEARDOWN(name) { vm_free(self->vm); }

static inline int try(struct vcpu *v, unsigned long cmd, const void *arg)
{
	return ioctl(v->fd, cmd, arg) ? errno : 0;
}

#define EXPECT_SREGS(err, ...)						\
	do {								\
		struct kvm_sregs s;					\
									\
		vcpu_get_sregs(self->v, &s);				\
		__VA_ARGS__;						\
		EXPECT_EQ(err, try(self->v, KVM_SET_SREGS, &s)) TH_LOG("%s", #__VA_ARGS__); \
	} while (0)
#define REFUSED(...)		EXPECT_SREGS(EINVAL, __VA_ARGS__)
#define TAKEN(...)		EXPECT_SREGS(0, __VA_ARGS__)

static inline void interrupt_the_run(int signal)
{
}

/* KVM_RUN ends after @ms, for a guest that goes astray. */
static inline void limit_the_run(unsigned int ms)
{
	struct sigaction action = { .sa_handler = interrupt_the_run };
	struct itimerval time = { .it_value.tv_usec = ms * 1000, .it_interval.tv_usec = ms * 1000 };

	sigaction(SIGALRM, &action, NULL);
	setitimer(ITIMER_REAL, &time, NULL);
}

/* One instruction. Whatever comes of it, it is no failed entry. */
static inline bool entry_fails(struct vcpu *v)
{
	struct result r;

	v->flags = RFLAGS_IF;
	limit_the_run(50);
	r = guest_insn(v, INSN("hlt"));
	limit_the_run(0);
	v->flags = 0;
	v->run->exit_reason = KVM_EXIT_UNKNOWN;
	return r.kind == OUT_EXIT && r.exit == KVM_EXIT_FAIL_ENTRY;
}

static inline struct kvm_segment *segment(struct kvm_sregs *s, int i)
{
	struct kvm_segment *seg[] = {
		&s->cs, &s->ss, &s->ds, &s->es, &s->fs, &s->gs, &s->tr, &s->ldt,
	};

	return seg[i];
}

#define EXPECT_NO_RUN(r)	EXPECT_RESULT(r_.kind == OUT_ERRNO && r_.err == EINVAL, r)

#endif
