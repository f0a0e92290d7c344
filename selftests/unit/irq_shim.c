// SPDX-License-Identifier: GPL-2.0-only
/* The kernel under irq/, where there is one thread: who takes a lock twice is stopped. */
#include <linux/bug.h>
#include <linux/spinlock.h>

#include "tap.h"

void shim_warn(const char *file, int line, const char *what)
{
	TAP_FAIL("%s:%d: warning: %s", file, line, what);
}

void shim_lock(spinlock_t *lock)
{
	BUG_ON(lock->held);
	lock->held = 1;
}

void shim_unlock(spinlock_t *lock)
{
	BUG_ON(!lock->held);
	lock->held = 0;
}
