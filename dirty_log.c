// SPDX-License-Identifier: GPL-2.0-only
/* The dirty log: which frames of a slot were written; and the dirty rings taken back. */
#include <linux/atomic.h>
#include <linux/bitmap.h>
#include <linux/log2.h>
#include <linux/mm.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "dirty_ring.h"
#include "memslot.h"
#include "mmu.h"
#include "slots.h"
#include "vcpu.h"
#include "vm.h"

/* As much of it as is handed out between two flushes: of 2 GiB of guest memory. */
#define LOG_WORDS	8192ul

/*
 * Takes @bits out of a part of the log; on return they are those that were in it. No processor can
 * write to their frames then without being noticed.
 */
static void log_take(struct vm *vm, struct memslot *slot, unsigned long first,
		     unsigned long nr, unsigned long *bits)
{
	unsigned long *log = slot->dirty_bitmap + first;
	bool flush = false;
	unsigned long i;

	WRITE_ONCE(slot->settling, true);	/* before a bit is cleared: log_lacks() */
	for (i = 0; i < nr; i++) {
		bits[i] &= READ_ONCE(log[i]);
		if (!bits[i])
			continue;
		bits[i] &= atomic_long_fetch_andnot(bits[i], (atomic_long_t *)&log[i]);
		flush |= mmu_slot_wrprotect(&vm->mmu, slot, (u64)(first + i) * BITS_PER_LONG,
					    bits[i]);
		cond_resched();
	}
	smp_store_release(&slot->settling, false);
	if (flush)
		mmu_flush(&vm->mmu);
}

enum log_op { LOG_READ, LOG_TAKE, LOG_CLEAR };

static int log_part(struct vm *vm, struct memslot *slot, enum log_op op, unsigned long first,
		    unsigned long nr, unsigned long *bits, unsigned long __user *user)
{
	unsigned long i, bytes = nr * sizeof(*bits);

	if (op == LOG_CLEAR) {
		if (copy_from_user(bits, user, bytes))
			return -EFAULT;
		log_take(vm, slot, first, nr, bits);
		return 0;
	}
	memset(bits, 0xff, bytes);
	if (op == LOG_TAKE)
		log_take(vm, slot, first, nr, bits);
	for (i = 0; op == LOG_READ && i < nr; i++)
		bits[i] = READ_ONCE(slot->dirty_bitmap[first + i]);
	return copy_to_user(user, bits, bytes) ? -EFAULT : 0;
}

/* From word @first on, so many; user space's bitmap begins with that one. */
static int log_work(struct vm *vm, struct memslot *slot, enum log_op op, unsigned long first,
		    unsigned long words, unsigned long __user *user)
{
	unsigned long at, room = min(words, LOG_WORDS);
	unsigned long *bits = kvmalloc_array(room, sizeof(*bits), GFP_KERNEL_ACCOUNT);
	int r = 0;

	if (!bits)
		return -ENOMEM;
	for (at = 0; !r && at < words; at += room) {
		r = log_part(vm, slot, op, first + at, min(words - at, room), bits, user + at);
		if (!r && fatal_signal_pending(current))
			r = -EINTR;
		cond_resched();
	}
	kvfree(bits);
	return r;
}

int memslot_get_dirty_log(struct vm *vm, const struct kvm_dirty_log *log)
{
	struct memslot *slot;
	int r = -ENOENT;

	if (READ_ONCE(vm->ring_bytes))
		return -ENXIO;
	if (!memslot_id_valid(log->slot))
		return -EINVAL;
	mutex_lock(&vm->slots_lock);
	slot = memslot_by_id(vm, log->slot);
	if (slot && slot->dirty_bitmap)
		r = log_work(vm, slot, vm->log_options ? LOG_READ : LOG_TAKE, 0,
			     BITS_TO_LONGS(slot->npages), log->dirty_bitmap);
	mutex_unlock(&vm->slots_lock);
	return r;
}

/* Whole words, but at the slot's end. */
static bool clear_fits(const struct memslot *slot, const struct kvm_clear_dirty_log *log)
{
	u64 left = slot->npages - log->first_page;

	return log->first_page <= slot->npages && log->num_pages <= left &&
	       (log->num_pages == left || log->num_pages % BITS_PER_LONG == 0);
}

int memslot_clear_dirty_log(struct vm *vm, const struct kvm_clear_dirty_log *log)
{
	struct memslot *slot;
	int r;

	if (READ_ONCE(vm->ring_bytes))
		return -ENXIO;
	if (!memslot_id_valid(log->slot) || log->first_page % BITS_PER_LONG)
		return -EINVAL;
	mutex_lock(&vm->slots_lock);
	slot = memslot_by_id(vm, log->slot);
	if (!slot || !slot->dirty_bitmap)
		r = -ENOENT;
	else if (!clear_fits(slot, log))
		r = -EINVAL;
	else
		r = log_work(vm, slot, LOG_CLEAR, log->first_page / BITS_PER_LONG,
			     BITS_TO_LONGS((u64)log->num_pages), log->dirty_bitmap);
	mutex_unlock(&vm->slots_lock);
	return r;
}

int memslot_log_options(struct vm *vm, const struct kvm_enable_cap *cap)
{
	u64 allowed = KVM_DIRTY_LOG_MANUAL_PROTECT_ENABLE;

	if (cap->args[0] & KVM_DIRTY_LOG_MANUAL_PROTECT_ENABLE)
		allowed |= KVM_DIRTY_LOG_INITIALLY_SET;
	if (cap->flags || cap->args[0] & ~allowed)
		return -EINVAL;
	mutex_lock(&vm->slots_lock);
	vm->log_options = cap->args[0];
	mutex_unlock(&vm->slots_lock);
	return 0;
}

/* ---- dirty rings ---- */

int dirty_ring_enable(struct vm *vm, u64 bytes)
{
	const u64 entry = sizeof(struct kvm_dirty_gfn);
	int r = 0;

	if (!is_power_of_2(bytes) || bytes < PAGE_SIZE || bytes < DIRTY_RING_SPARE * entry)
		return -EINVAL;
	if (bytes > DIRTY_RING_ENTRIES * entry)
		return -E2BIG;
	mutex_lock(&vm->lock);
	if (vm->ring_bytes || vm->nr_vcpus)
		r = -EINVAL;
	else
		WRITE_ONCE(vm->ring_bytes, bytes);
	mutex_unlock(&vm->lock);
	return r;
}

/* Up to 64 frames of one slot that are protected together. */
struct batch {
	u32 slot;
	u64 offset;
	unsigned long mask;
};

/* User space says which frames: any. */
static void batch_protect(struct vm *vm, struct batch *b)
{
	struct memslot *slot = memslot_by_id(vm, b->slot);

	if (slot && b->mask)
		mmu_slot_wrprotect(&vm->mmu, slot, b->offset, b->mask);
	b->mask = 0;
}

static int ring_reset(struct vm *vm, struct vcpu *vcpu)
{
	struct batch b = {};
	u64 offset;
	u32 slot, n;

	for (n = 0; n < vcpu->ring.size && dirty_ring_take(vcpu, &slot, &offset); n++) {
		if (slot != b.slot || (offset ^ b.offset) / BITS_PER_LONG) {
			batch_protect(vm, &b);
			b.slot = slot;
			b.offset = offset & -(u64)BITS_PER_LONG;
			cond_resched();
		}
		b.mask |= BIT(offset % BITS_PER_LONG);
	}
	batch_protect(vm, &b);
	return n;
}

int dirty_ring_reset(struct vm *vm)
{
	unsigned int i, nr = smp_load_acquire(&vm->nr_vcpus);
	int n = 0;

	if (!READ_ONCE(vm->ring_bytes))
		return -EINVAL;
	mutex_lock(&vm->slots_lock);
	for (i = 0; i < nr; i++)
		n += ring_reset(vm, vm->vcpus[i]);
	if (n)
		mmu_flush(&vm->mmu);
	mutex_unlock(&vm->slots_lock);
	return n;
}
