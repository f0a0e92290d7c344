/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Guests in C that run freely, one thread per vCPU. The program is copied into the guest
 * (vm_load_image()), so a guest function sees its own copy of every global; the host reaches
 * it with guest_global(). Guest code calls nothing but what is here.
 */
#ifndef SELFTESTS_SMP_H
#define SELFTESTS_SMP_H

#include <pthread.h>

#include "paging.h"

#define guest_global(vm, var) ((__typeof__(&(var)))vm_ptr(vm, (u64)&(var)))
#define VCPU_STACK(id) (LOW_DATA + 0x10000 + ((id) + 1) * 0x4000ul)
#define VCPU_OF_STACK(p) (((u64)(p) - VCPU_STACK(-1)) / 0x4000)

struct smp_guest {
	pthread_t thread;
	struct vcpu *v;
	struct result r;
	bool started;		/* and not joined yet */
	volatile bool over;	/* KVM_RUN has ended, @r says how */
};

void smp_start(struct smp_guest *g, struct vcpu *v, void (*entry)(u64), u64 arg);
struct result smp_join(struct smp_guest *g);
void smp_stop(struct smp_guest *g);

/* For guest code */
#define guest_assert(cond) ((cond) ? (void)0 : guest_fail(__LINE__))

static inline void guest_out(u16 port, u32 value)
{
	asm volatile("outl %0, %w1" : : "a" (value), "Nd" (port) : "memory");
}

static inline void guest_done(void)
{
	for (;;)
		guest_out(PORT_DONE, 0);
}

static inline void guest_fail(u32 line)
{
	for (;;)
		guest_out(PORT_ASSERT, line);
}

static inline void guest_flush(const volatile void *p)
{
	asm volatile("invlpg (%0)" : : "r" (p) : "memory");
}

static inline void cpu_relax(void)
{
	asm volatile("pause" : : : "memory");
}

#define EXPECT_GUEST_DONE(g)						\
	do {								\
		struct result r_ = smp_join(g);				\
		EXPECT_EQ(OUT_DONE, r_.kind) {				\
			TH_LOG("vCPU %d: %s", (g)->v->id, result_str(r_)); \
			if (r_.kind == OUT_EXIT && r_.exit == KVM_EXIT_IO) \
				TH_LOG("guest assertion at line %u", (u32)(g)->v->regs.rax); \
		}							\
	} while (0)

#endif
