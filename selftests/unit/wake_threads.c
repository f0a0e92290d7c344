// SPDX-License-Identifier: GPL-2.0-only
/*
 * The run loop's own code on a thread, under ThreadSanitizer; others send it IPIs, NMIs and the
 * timer's interrupts, each the next when it has got the last, and ask for flushes. Its guest halts,
 * or stays until it is kicked.
 */
#include <pthread.h>
#include <sched.h>

#define TAP_MAIN
#include "tap.h"

#include "wake.h"

#define ROUNDS	20000

__thread struct task_struct *current;

static struct task_struct no_task;

int main(int argc, char **argv)
{
	return tap_main(argc, argv);
}

void wake_wait(bool (*over)(void))
{
	while (!over())
		sched_yield();
}

void shim_lock(spinlock_t *lock)
{
	while (__atomic_exchange_n(&lock->held, 1, __ATOMIC_ACQUIRE))
		sched_yield();
}

void shim_unlock(spinlock_t *lock)
{
	__atomic_store_n(&lock->held, 0, __ATOMIC_RELEASE);
}

static void wait_for(unsigned int *count, unsigned int n)
{
	while (__atomic_load_n(count, __ATOMIC_SEQ_CST) != n)
		sched_yield();
}

static void *run(void *unused)
{
	current = wake_task();
	CHECK_EQ(vcpu_run(&wake_vcpu), 0);
	return NULL;
}

static void *send_ipis(void *unused)
{
	const struct irq_msg ipi = { .mode = IRQ_FIXED, .vector = VECTOR };
	unsigned int i;

	current = &no_task;
	for (i = 1; i <= ROUNDS; i++) {
		irq_deliver(&wake_vm.chips->chips, NULL, &ipi);
		wait_for(&wake.irqs, i);
	}
	return NULL;
}

static void *send_nmis(void *unused)
{
	unsigned int i;

	current = &no_task;
	for (i = 1; i <= ROUNDS; i++) {
		vcpu_nmi(&wake_vcpu);
		wait_for(&wake.nmis, i);
	}
	return NULL;
}

static void *raise_pic(void *unused)
{
	struct pic *pic = wake_vm.chips->chips.pic;
	unsigned int i;

	current = &no_task;
	for (i = 1; i <= ROUNDS; i++) {
		pic_set_line(pic, IRQ_SOURCE_USER, 0, true);
		pic_set_line(pic, IRQ_SOURCE_USER, 0, false);
		wait_for(&wake.extints, i);
		pic_port_write(pic, 0x20, 0x20);
	}
	return NULL;
}

static void *ask(void *unused)
{
	unsigned int i;

	current = &no_task;
	for (i = 0; i < ROUNDS; i++)
		vm_make_request(&wake_vm, i & 1 ? REQ_FLUSH_TLB : REQ_RELOAD_ROOT);
	return NULL;
}

TEST(all_that_is_sent_comes)
{
	static void *(*const senders[])(void *) = { send_ipis, send_nmis, raise_pic, ask };
	pthread_t vcpu, sender[ARRAY_SIZE(senders)];
	unsigned int i;

	current = &no_task;
	wake_reset(GUEST_MIXED);
	pthread_create(&vcpu, NULL, run, NULL);
	for (i = 0; i < ARRAY_SIZE(senders); i++)
		pthread_create(&sender[i], NULL, senders[i], NULL);
	for (i = 0; i < ARRAY_SIZE(senders); i++)
		pthread_join(sender[i], NULL);
	vcpu_request(&wake_vcpu, REQ_TRIPLE_FAULT);
	vcpu_kick(&wake_vcpu);
	pthread_join(vcpu, NULL);
	CHECK_EQ(wake.irqs, ROUNDS);
	CHECK_EQ(wake.nmis, ROUNDS);
	CHECK_EQ(wake.extints, ROUNDS);
}
