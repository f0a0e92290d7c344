// SPDX-License-Identifier: GPL-2.0-only
/*
 * The run loop's own code and the code that reaches for a vCPU take turns, in every way with up to
 * three changes. Nothing is lost: when both wait, the guest has got what was sent.
 *
 * What is stored is kept back as long as x86 allows it, so that a missing barrier shows.
 */
#include <ucontext.h>

#define TAP_MAIN
#include "tap.h"

#include "wake.h"

#define MAX_STORES	64
#define STACK		(256 << 10)
#define SOON		4	/* steps from the second change to the third, if there is one */

enum { VCPU, SENDER, NR_SIDES };

/* One of the two: its stores that nobody else sees yet, and what it waits for. */
static struct side {
	ucontext_t context;
	char stack[STACK] __aligned(16);
	struct store { void *p; u8 size, data[8]; } store[MAX_STORES];
	unsigned int nr_stores;
	bool (*over)(void);
	bool ended;
	struct task_struct task, *current;
} sides[NR_SIDES];

static ucontext_t outside;
static int turn;
static unsigned int left;		/* steps until the other side's turn; 0: no limit */
static unsigned int rest[3], nr_rest;	/* what follows */
static void (*send)(void);

__thread struct task_struct *current;

int main(int argc, char **argv)
{
	return tap_main(argc, argv);
}

/* ---- turns ---- */

static void see_stores(struct side *s)
{
	unsigned int i;

	for (i = 0; i < s->nr_stores; i++)
		memcpy(s->store[i].p, s->store[i].data, s->store[i].size);
	s->nr_stores = 0;
}

static bool can_run(const struct side *s)
{
	return !s->ended && (!s->over || s->over());
}

static void pass_to(ucontext_t *from, int to)
{
	turn = to;
	sides[to].over = NULL;
	current = sides[to].current;
	swapcontext(from, &sides[to].context);
}

static void next_limit(void)
{
	left = nr_rest ? rest[0] : 0;
	nr_rest -= !!nr_rest;
	memmove(rest, rest + 1, sizeof(rest) - sizeof(rest[0]));
}

static void step(void)
{
	int other = !turn;

	if (!left || --left)
		return;
	next_limit();
	if (can_run(&sides[other]))
		pass_to(&sides[turn].context, other);
}

/* The side waits; when both do it is over. */
void wake_wait(bool (*over)(void))
{
	struct side *self = &sides[turn];

	step();
	see_stores(self);
	while (!over()) {
		self->over = over;
		if (!can_run(&sides[!turn]))
			swapcontext(&self->context, &outside);
		else
			pass_to(&self->context, !turn);
	}
}

static void end_side(void)
{
	struct side *self = &sides[turn];

	step();
	see_stores(self);
	self->ended = true;
	if (can_run(&sides[!turn]))
		pass_to(&self->context, !turn);
	swapcontext(&self->context, &outside);
}

static void vcpu_side(void)
{
	vcpu_run(&wake_vcpu);
	TAP_FAIL("KVM_RUN has ended");
}

static void sender_side(void)
{
	send();
	end_side();
}

static void start(int n, void (*fn)(void))
{
	struct side *s = &sides[n];

	getcontext(&s->context);
	s->context.uc_stack.ss_sp = s->stack;
	s->context.uc_stack.ss_size = sizeof(s->stack);
	s->context.uc_link = NULL;
	makecontext(&s->context, fn, 0);
	s->nr_stores = 0;
	s->over = NULL;
	s->ended = false;
}

/* ---- memory ---- */

void wake_load(const void *p, void *to, size_t size)
{
	struct side *s = &sides[turn];
	unsigned int i;

	step();
	memcpy(to, p, size);
	for (i = 0; i < s->nr_stores; i++)
		if (s->store[i].p == p && s->store[i].size == size)
			memcpy(to, s->store[i].data, size);
}

void wake_store(void *p, const void *from, size_t size)
{
	struct side *s = &sides[turn];
	struct store *store;

	step();
	if (s->nr_stores == MAX_STORES)
		see_stores(s);
	store = &s->store[s->nr_stores++];
	store->p = p;
	store->size = size;
	memcpy(store->data, from, size);
}

void wake_barrier(void)
{
	see_stores(&sides[turn]);
	step();
}

/* Who finds it taken waits for its turn; the owner's stores come out in order, the lock's last. */
void shim_lock(spinlock_t *lock)
{
	wake_barrier();
	while (lock->held) {
		CHECK(can_run(&sides[!turn]));
		see_stores(&sides[!turn]);
		if (lock->held)
			pass_to(&sides[turn].context, !turn);
	}
	lock->held = 1;
}

void shim_unlock(spinlock_t *lock)
{
	WRITE_ONCE(lock->held, 0);
}

/* ---- what is sent ---- */

static void send_ipi(void)
{
	const struct irq_msg ipi = { .mode = IRQ_FIXED, .vector = VECTOR };

	irq_deliver(&wake_vm.chips->chips, NULL, &ipi);
}

static void check_ipi(void)
{
	CHECK_EQ(wake.irqs, 1);
}

static void send_ipis(void)
{
	send_ipi();
	send_ipi();
}

static void check_ipis(void)
{
	CHECK(wake.irqs == 1 || wake.irqs == 2);
	CHECK_EQ(lapic_pending(&wake_vcpu.chips->apic), -1);
}

static void send_nmis(void)
{
	vcpu_nmi(&wake_vcpu);
	vcpu_nmi(&wake_vcpu);
}

static void check_nmis(void)
{
	CHECK_EQ(wake.nmis, 2);
}

static void send_init(void)
{
	const struct irq_msg init = { .mode = IRQ_INIT }, sipi = { .mode = IRQ_SIPI, .vector = 1 };

	irq_deliver(&wake_vm.chips->chips, NULL, &init);
	irq_deliver(&wake_vm.chips->chips, NULL, &sipi);
}

static void check_init(void)
{
	CHECK_EQ(wake.inits, 1);
	CHECK_EQ(wake_vcpu.chips->apic.pending, 0);
}

static void raise_pic(void)
{
	pic_set_line(wake_vm.chips->chips.pic, IRQ_SOURCE_USER, 0, true);
}

static void check_pic(void)
{
	CHECK_EQ(wake.extints, 1);
}

static void fire_timer(void)
{
	lapic_timer_fired(&wake_vcpu.chips->apic);
}

/* Now the caller relies on it. A vCPU that sleeps may do so with the request. */
static void flush(void)
{
	vm_make_request(&wake_vm, REQ_FLUSH_TLB);
	__atomic_store_n(&wake.asked, true, __ATOMIC_SEQ_CST);
	CHECK(!wake.in_guest || wake.flushed);
}

/* And then it is woken. */
static void flush_and_send(void)
{
	flush();
	send_ipi();
}

/* As Linux does it in a guest: of a vCPU that seems to run it is asked by an IPI. */
static void flush_if_preempted(void)
{
	u8 was = READ_ONCE(wake.preempted);

	if (!(was & KVM_VCPU_PREEMPTED))
		return;
	wake_barrier();
	if (__atomic_compare_exchange_n(&wake.preempted, &was, was | KVM_VCPU_FLUSH_TLB, false,
					__ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST))
		__atomic_store_n(&wake.asked, true, __ATOMIC_SEQ_CST);
}

static unsigned int nr_flushes;

/* One that is still halted counts as preempted, and is seen to before it runs. */
static void check_flush_if_preempted(void)
{
	if (wake_vcpu.mp_state == KVM_MP_STATE_HALTED)
		return;
	CHECK(!wake.asked || wake.flushed);
	CHECK_EQ(wake.preempted, 0);
	nr_flushes += wake.flushed;
}

static void check_flush(void)
{
	CHECK(!wake.in_guest || wake.flushed);
}

/* ---- all ways ---- */

static bool resched, timer;

/* Returns whether the last of the limits was reached. */
static bool run(enum guest guest, const unsigned int limit[3], void (*what)(void),
		void (*check)(void))
{
	static const u32 count = 0xffffffff;

	turn = VCPU;
	left = nr_rest = 0;
	send = what;
	sides[VCPU].nr_stores = sides[SENDER].nr_stores = 0;
	wake_reset(guest);
	wake.resched = resched;
	if (timer)
		lapic_mmio_write(&wake_vcpu.chips->apic, 0x380, 4, &count);
	wake_vcpu.chips->apic.timer_due = timer;
	see_stores(&sides[VCPU]);
	sides[VCPU].current = wake_task();
	sides[SENDER].current = &sides[SENDER].task;
	start(VCPU, vcpu_side);
	start(SENDER, sender_side);
	left = limit[0];
	rest[0] = limit[1];
	rest[1] = limit[2];
	nr_rest = 2;
	pass_to(&outside, VCPU);
	CHECK(sides[SENDER].ended && !can_run(&sides[VCPU]));
	turn = SENDER;
	check();
	return nr_rest == 0;
}

static unsigned int nr_runs;

static void run_all(enum guest guest, void (*what)(void), void (*check)(void))
{
	unsigned int limit[3];
	bool more = true, longer;

	for (limit[0] = 1; more; limit[0]++) {
		more = false;
		longer = true;
		for (limit[1] = 1; longer; limit[1]++) {
			longer = false;
			for (limit[2] = 0; limit[2] <= SOON; limit[2]++) {
				nr_runs++;
				longer |= run(guest, limit, what, check);
			}
			more |= longer;
		}
	}
}

static void in_all_guests(void (*what)(void), void (*check)(void))
{
	enum guest guest;

	for (guest = 0; guest < NR_GUESTS; guest++)
		run_all(guest, what, check);
	printf("# %u ways\n", nr_runs);
}

TEST(an_ipi_comes)
{
	in_all_guests(send_ipi, check_ipi);
}

TEST(two_ipis_come)
{
	in_all_guests(send_ipis, check_ipis);
}

/* The second waits for the end of the first, which may be with or without a write, or does not. */
static u8 other_vector;

static void send_others(void)
{
	const struct irq_msg other = { .mode = IRQ_FIXED, .vector = other_vector };

	send_ipi();
	irq_deliver(&wake_vm.chips->chips, NULL, &other);
}

static void check_others(void)
{
	CHECK_EQ(wake.irqs, 2);
	CHECK_EQ(lapic_settle_eoi(&wake_vcpu.chips->apic), 0);
	CHECK_EQ(wake_vcpu.chips->apic.in_service, -1);
}

TEST(ipis_come_after_silent_eois)
{
	wake_pv_eoi = true;
	other_vector = VECTOR + 1;
	in_all_guests(send_others, check_others);
}

TEST(ipis_come_before_silent_eois)
{
	wake_pv_eoi = true;
	other_vector = VECTOR + 0x10;
	in_all_guests(send_others, check_others);
}

TEST(nmis_are_counted)
{
	in_all_guests(send_nmis, check_nmis);
}

TEST(init_and_sipi_come)
{
	in_all_guests(send_init, check_init);
}

TEST(the_pic_is_heard)
{
	in_all_guests(raise_pic, check_pic);
}

TEST(the_timer_comes)
{
	timer = true;
	in_all_guests(fire_timer, check_ipi);
}

TEST(flushed_before_it_is_relied_upon)
{
	in_all_guests(flush, check_flush);
}

TEST(flushed_before_it_wakes)
{
	in_all_guests(flush_and_send, check_ipi);
}

TEST(preempted_flushes_before_it_runs)
{
	resched = true;
	in_all_guests(flush_if_preempted, check_flush_if_preempted);
	CHECK(nr_flushes);
}
