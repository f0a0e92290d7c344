/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the run loop and its requests want of the kernel beside svm_shim.h and exit_shim.h. Each
 * access to what several threads see goes through wake_machine.c, or with WAKE_THREADS is one of
 * the processor's.
 */
#ifndef WAKE_SHIM_H
#define WAKE_SHIM_H

#include <linux/atomic.h>
#include <linux/list.h>

/* ---- memory ---- */

#undef set_bit
#undef clear_bit
#undef test_bit
#undef smp_mb__before_atomic
#undef smp_mb__after_atomic
#define smp_mb__before_atomic()		barrier()	/* as on x86 */
#define smp_mb__after_atomic()		barrier()

#ifdef WAKE_THREADS

#define atomic_xchg(a, v)		xchg(&(a)->counter, v)

#else

void wake_load(const void *p, void *to, size_t size);
void wake_store(void *p, const void *from, size_t size);
void wake_barrier(void);

#undef READ_ONCE
#undef WRITE_ONCE
#undef smp_mb
#undef smp_rmb
#undef smp_wmb
#undef smp_store_release
#undef smp_load_acquire
#undef xchg
#undef atomic_inc
#undef atomic_dec

#define READ_ONCE(x)							\
	({								\
		union { __typeof__(x) value; char bytes[1]; } shim_u;	\
		wake_load(&(x), shim_u.bytes, sizeof(x));		\
		shim_u.value;						\
	})
#define WRITE_ONCE(x, v)						\
	do {								\
		__typeof__(x) shim_v = (v);				\
		wake_store(&(x), &shim_v, sizeof(x));			\
	} while (0)

/* On x86 a compiler's only: stores become visible in order, loads are done in order. */
#define smp_mb()			wake_barrier()
#define smp_rmb()			barrier()
#define smp_wmb()			barrier()
#define smp_store_release(p, v)		WRITE_ONCE(*(p), v)
#define smp_load_acquire(p)		READ_ONCE(*(p))

#define WAKE_RMW(op)			({ wake_barrier(); op; })
#define xchg(p, v)			WAKE_RMW(__atomic_exchange_n(p, v, __ATOMIC_SEQ_CST))
#define atomic_xchg(a, v)		xchg(&(a)->counter, v)
#define atomic_inc(a)			WAKE_RMW((void)(a)->counter++)
#define atomic_dec(a)			WAKE_RMW((void)(a)->counter--)
#define set_bit(nr, p)			WAKE_RMW((set_bit)(nr, p))
#define clear_bit(nr, p)		WAKE_RMW((clear_bit)(nr, p))
#define test_and_set_bit(nr, p)		WAKE_RMW((test_and_set_bit)(nr, p))
#define test_and_clear_bit(nr, p)	WAKE_RMW((test_and_clear_bit)(nr, p))
#define test_bit(nr, p)			(!!(READ_ONCE((p)[BIT_WORD(nr)]) & BIT_MASK(nr)))

#endif

#define smp_store_mb(x, v)	do { WRITE_ONCE(x, v); smp_mb(); } while (0)

/* ---- threads ---- */

#define TASK_RUNNING		0
#define TASK_INTERRUPTIBLE	1

struct task_struct { int state; };
extern __thread struct task_struct *current;

void schedule(void);
void wake_up_process(struct task_struct *task);

/* As include/linux/rcuwait.h promises: who wakes begins with a full barrier. */
struct wake_rcuwait { struct task_struct *task; };
#define rcuwait wake_rcuwait

#define __set_current_state(s)		WRITE_ONCE(current->state, s)
#define set_current_state(s)		smp_store_mb(current->state, s)
#define signal_pending(task)		((void)(task), false)
#define prepare_to_rcuwait(w)		smp_store_release(&(w)->task, current)

static inline void finish_rcuwait(struct wake_rcuwait *w)
{
	WRITE_ONCE(w->task, NULL);
	__set_current_state(TASK_RUNNING);
}

static inline void rcuwait_wake_up(struct wake_rcuwait *w)
{
	struct task_struct *task;

	smp_mb();
	task = READ_ONCE(w->task);
	if (task)
		wake_up_process(task);
}

/* ---- processors ---- */

int get_cpu(void);
void smp_send_reschedule(int cpu);
void local_irq_enable(void);
void local_irq_disable(void);

#undef smp_processor_id
#undef pagefault_disable
#undef pagefault_enable
#define smp_processor_id()		0
#define pagefault_disable()		((void)0)
#define pagefault_enable()		((void)0)
#define put_cpu()			((void)0)
#define cpu_online(cpu)			((cpu) >= 0)
#define preempt_disable()		((void)0)
#define preempt_enable()		((void)0)
#define nop()				((void)0)
#define yield()				((void)0)
#define softirq_count()			0
#define local_softirq_pending()		0
#define need_resched()			wake_resched()
bool wake_resched(void);

struct cpumask { unsigned long bits; };
typedef struct cpumask cpumask_var_t[1];
extern const struct cpumask *const cpu_online_mask;

#define GFP_ATOMIC			0u
#define __GFP_NOWARN			0u
#define zalloc_cpumask_var(m, gfp)	((void)(gfp), (*(m))->bits = 0, true)
#define free_cpumask_var(m)		((void)(m))
#define cpumask_set_cpu(cpu, m)		((void)((m)->bits |= BIT(cpu)))
void smp_call_function_many(const struct cpumask *mask, void (*fn)(void *), void *data, bool wait);

/* ---- the rest ---- */

#define X86_TRAP_DE	0
#define X86_TRAP_DF	8
#define X86_TRAP_TS	10
#define X86_TRAP_NP	11
#define X86_TRAP_SS	12
#define X86_TRAP_CP	21

struct hrtimer { u64 when; };
enum hrtimer_restart { HRTIMER_NORESTART };
#define HRTIMER_MODE_ABS_HARD		0
#define ns_to_ktime(ns)			(ns)
#define hrtimer_start(t, when_, mode)	((void)((t)->when = (when_)))
#define hrtimer_try_to_cancel(t)	((void)((t)->when = 0))
#define hrtimer_cancel(t)		hrtimer_try_to_cancel(t)
#define timer_setup_abs(t, fn)		((void)(t), (void)(fn))

#define DECLARE_HASHTABLE(name, bits)	struct hlist_head name[1 << (bits)]
#define rcu_read_lock()			((void)0)
#define rcu_read_unlock()		((void)0)
#define rcu_dereference(p)		(p)
#define rcu_access_pointer(p)		(p)
#define list_for_each_entry_rcu		list_for_each_entry
#define host_eventfd_signal(ctx)	((void)(ctx))
#define srcu_read_lock(s)		((void)(s), 0)
#define srcu_read_unlock(s, i)		((void)(s), (void)(i))

#define ktime_get_ns()			1000000ull
#define host_waited()			0ull
#define sched_info_on()			true
#define run_immediate_exit(run)		READ_ONCE((run)->immediate_exit)
#define guest_work_pending()		wake_resched()
#define guest_timing_enter()		((void)0)
#define guest_timing_exit()		((void)0)
#define host_leave_guest()		((void)0)
int guest_work(void);

#endif
