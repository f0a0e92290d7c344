/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SHIM_SPINLOCK_H
#define SHIM_SPINLOCK_H

#include <linux/atomic.h>
#include <linux/bug.h>

/*
 * The model runs its vCPUs one at a time and switches between them where the
 * lock is let go; with SHIM_THREADS they are threads and this is a real lock.
 */
typedef struct {
	int held;
} spinlock_t;

void shim_lock(spinlock_t *lock);
void shim_unlock(spinlock_t *lock);

#define spin_lock_init(lock)		((void)((lock)->held = 0))
#define spin_lock(lock)			shim_lock(lock)
#define spin_unlock(lock)		shim_unlock(lock)
#define spin_is_locked(lock)		(!!(lock)->held)
#define assert_spin_locked(lock)	BUG_ON(!(lock)->held)
#define lockdep_assert_held(lock)	BUG_ON(!(lock)->held)
#define lockdep_assert_not_held(lock)	((void)(lock))
#define DEFINE_SPINLOCK(name)		spinlock_t name

typedef spinlock_t raw_spinlock_t;

#define raw_spin_lock_init(lock)	spin_lock_init(lock)
#define raw_spin_lock_irqsave(lock, flags) ((flags) = 0, shim_lock(lock))
#define raw_spin_unlock_irqrestore(lock, flags) ((void)(flags), shim_unlock(lock))

#endif
