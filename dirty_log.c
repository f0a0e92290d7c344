// SPDX-License-Identifier: GPL-2.0-only
/* The dirty log: which frames of a slot were written. */
#include <linux/bitmap.h>
#include <linux/mm.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "memslot.h"
#include "mmu.h"
#include "slots.h"
#include "vm.h"

/* As much of it as is handed out between two flushes: of 2 GiB of guest memory. */
#define LOG_WORDS	8192ul

/* Moves a part of the log to @copy. On return no processor can write without being noticed. */
static void log_take(struct vm *vm, struct memslot *slot, unsigned long first,
		     unsigned long nr, unsigned long *copy)
{
	unsigned long *log = slot->dirty_bitmap + first;
	bool flush = false;
	unsigned long i;

	WRITE_ONCE(slot->settling, true);	/* before a bit is cleared: log_lacks() */
	for (i = 0; i < nr; i++) {
		copy[i] = 0;
		if (!READ_ONCE(log[i]))
			continue;
		copy[i] = xchg(&log[i], 0);
		flush |= mmu_slot_wrprotect(&vm->mmu, slot, (u64)(first + i) * BITS_PER_LONG,
					    copy[i]);
		cond_resched();
	}
	smp_store_release(&slot->settling, false);
	if (flush)
		mmu_flush(&vm->mmu);
}

static int log_copy(struct vm *vm, struct memslot *slot, unsigned long __user *to)
{
	unsigned long first, words = BITS_TO_LONGS(slot->npages);
	unsigned long room = min(words, LOG_WORDS);
	unsigned long *copy = kvmalloc_array(room, sizeof(*copy), GFP_KERNEL_ACCOUNT);
	int r = 0;

	if (!copy)
		return -ENOMEM;
	for (first = 0; !r && first < words; first += room) {
		unsigned long nr = min(words - first, room);

		log_take(vm, slot, first, nr, copy);
		if (copy_to_user(to + first, copy, nr * sizeof(*copy)))
			r = -EFAULT;
		else if (fatal_signal_pending(current))
			r = -EINTR;
		cond_resched();
	}
	kvfree(copy);
	return r;
}

int memslot_get_dirty_log(struct vm *vm, const struct kvm_dirty_log *log)
{
	struct memslot *slot;
	int r = -ENOENT;

	if (log->slot >= UMBRA_MAX_SLOTS)
		return -EINVAL;
	mutex_lock(&vm->slots_lock);
	slot = memslot_by_id(vm, log->slot);
	if (slot && slot->dirty_bitmap)
		r = log_copy(vm, slot, log->dirty_bitmap);
	mutex_unlock(&vm->slots_lock);
	return r;
}
