// SPDX-License-Identifier: GPL-2.0-only
/* Guest memory: the set of slots, the dirty log, and the host's MMU notifier. */
#include <linux/bitmap.h>
#include <linux/mm.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "compat.h"
#include "memslot.h"
#include "mmu.h"
#include "slots.h"
#include "vm.h"

#include "mmu/host.h"

#define SLOT_MAX_PAGES	((1ul << 31) - 1)
#define GPA_END		(1ull << 52)

/* Before the first slot, and after the last. */
static struct memslots no_slots;

/* ---- lookup ---- */

static struct memslot *find_id(struct vm *vm, u32 id)
{
	struct memslots *set = memslots_of(vm);
	unsigned int i;

	for (i = 0; i < set->nr; i++)
		if (set->slot[i]->id == id)
			return set->slot[i];
	return NULL;
}

u64 memslots_pages(struct vm *vm)
{
	struct memslots *set = memslots_of(vm);
	unsigned int i;
	u64 n = 0;

	for (i = 0; i < set->nr; i++)
		n += set->slot[i]->npages;
	return n;
}

/* ---- one slot, one set ---- */

static void slot_free(struct memslot *slot)
{
	if (slot)
		kvfree(slot->dirty_bitmap);
	kfree(slot);
}

/* The bitmap is made of whole words, as KVM_GET_DIRTY_LOG hands it out. */
static size_t bitmap_bytes(const struct memslot *slot)
{
	return BITS_TO_LONGS(slot->npages) * sizeof(long);
}

static struct memslot *slot_new(const struct memslot *like)
{
	struct memslot *slot = kmemdup(like, sizeof(*slot), GFP_KERNEL_ACCOUNT);

	if (!slot)
		return NULL;
	slot->dirty_bitmap = NULL;
	if (!(slot->flags & MEMSLOT_LOG_DIRTY))
		return slot;
	slot->dirty_bitmap = kvzalloc(bitmap_bytes(slot), GFP_KERNEL_ACCOUNT | __GFP_NOWARN);
	if (slot->dirty_bitmap)
		return slot;
	kfree(slot);
	return NULL;
}

/* A set like @set without @out and with @in; either may be NULL. */
static struct memslots *set_make(const struct memslots *set, const struct memslot *out,
				 struct memslot *in)
{
	struct memslots *new = kvzalloc(struct_size(new, slot, set->nr + 1), GFP_KERNEL_ACCOUNT);
	unsigned int i;

	if (!new)
		return NULL;
	for (i = 0; i < set->nr; i++) {
		struct memslot *slot = set->slot[i];

		if (slot == out)
			continue;
		if (in && in->base_gfn < slot->base_gfn) {
			new->slot[new->nr++] = in;
			in = NULL;
		}
		new->slot[new->nr++] = slot;
	}
	if (in)
		new->slot[new->nr++] = in;
	return new;
}

static void set_free(struct memslots *set)
{
	if (set != &no_slots)
		kvfree(set);
}

/* When this returns nobody uses the set that was there before, and it is freed. */
static void set_publish(struct vm *vm, struct memslots *new)
{
	struct memslots *old = memslots_of(vm);

	rcu_assign_pointer(vm->slots, new);
	synchronize_srcu_expedited(&vm->srcu);
	set_free(old);
}

/* ---- changes ---- */

static int slot_create(struct vm *vm, const struct memslot *want)
{
	struct memslot *slot = slot_new(want);
	struct memslots *set;
	int r = -ENOMEM;

	if (!slot)
		return r;
	set = set_make(memslots_of(vm), NULL, slot);
	if (!set)
		goto out;
	r = mmu_slot_create(&vm->mmu, slot);
	if (r)
		goto out;
	set_publish(vm, set);
	return 0;
out:
	kvfree(set);
	slot_free(slot);
	return r;
}

static void set_dying(struct vm *vm, const struct memslot *slot)
{
	spin_lock(&vm->mmu.lock);
	vm->dying = slot;
	spin_unlock(&vm->mmu.lock);
}

/*
 * Publish @set, which lacks @slot, and drop all that maps it. Until the last spte is gone the
 * notifier must still cover the slot, though lookups don't find it any more.
 */
static void slot_withdraw(struct vm *vm, struct memslot *slot, struct memslots *set)
{
	set_dying(vm, slot);
	set_publish(vm, set);
	mmu_slot_gone(&vm->mmu, slot);
	set_dying(vm, NULL);
	/* A notifier in a long range lets go of the lock. */
	synchronize_srcu_expedited(&vm->srcu);
	mmu_slot_free(&vm->mmu, slot);
}

static int slot_delete(struct vm *vm, struct memslot *slot)
{
	struct memslots *set = set_make(memslots_of(vm), slot, NULL);

	if (!set)
		return -ENOMEM;
	slot_withdraw(vm, slot, set);
	slot_free(slot);
	return 0;
}

/* Everything that can fail is done while the old slot is still in place. */
static int slot_move(struct vm *vm, struct memslot *old, const struct memslot *want)
{
	struct memslot *slot = slot_new(want);
	struct memslots *without = set_make(memslots_of(vm), old, NULL);
	struct memslots *with = NULL;
	int r = -ENOMEM;

	if (!slot || !without)
		goto out;
	with = set_make(without, NULL, slot);
	if (!with)
		goto out;
	r = mmu_slot_create(&vm->mmu, slot);
	if (r)
		goto out;
	slot_withdraw(vm, old, without);
	/* The log moves along, unless the same call turns it on or off. */
	if (slot->dirty_bitmap && old->dirty_bitmap)
		swap(slot->dirty_bitmap, old->dirty_bitmap);
	slot_free(old);
	set_publish(vm, with);
	return 0;
out:
	kvfree(with);
	kvfree(without);
	slot_free(slot);
	return r;
}

/* Its log is new: from the end of this on it has all that may be written. */
static void slot_wrprotect(struct vm *vm, struct memslot *slot)
{
	u64 offset;

	for (offset = 0; offset < slot->npages; offset += BITS_PER_LONG) {
		u64 n = min_t(u64, slot->npages - offset, BITS_PER_LONG);

		mmu_slot_wrprotect(&vm->mmu, slot, offset, GENMASK(n - 1, 0));
		cond_resched();
	}
	smp_store_release(&slot->settling, false);
	mmu_flush(&vm->mmu);
}

/* The log goes on or off. Both slots share the rmap. */
static int slot_reflag(struct vm *vm, struct memslot *old, const struct memslot *want)
{
	struct memslot *slot = slot_new(want);
	struct memslots *set;

	if (!slot)
		return -ENOMEM;
	memcpy(slot->rmap_base, old->rmap_base, sizeof(slot->rmap_base));
	set = set_make(memslots_of(vm), old, slot);
	if (!set) {
		slot_free(slot);
		return -ENOMEM;
	}
	slot->settling = slot->dirty_bitmap;
	set_publish(vm, set);
	slot_free(old);
	if (slot->flags & MEMSLOT_LOG_DIRTY)
		slot_wrprotect(vm, slot);
	return 0;
}

static bool overlaps(struct vm *vm, const struct memslot *want, const struct memslot *self)
{
	struct memslots *set = memslots_of(vm);
	unsigned int i;

	for (i = 0; i < set->nr; i++) {
		const struct memslot *slot = set->slot[i];

		if (slot != self && want->base_gfn < slot->base_gfn + slot->npages &&
		    slot->base_gfn < want->base_gfn + want->npages)
			return true;
	}
	return false;
}

static int slot_change(struct vm *vm, const struct memslot *want)
{
	struct memslot *old = find_id(vm, want->id);

	if (!want->npages)
		return old ? slot_delete(vm, old) : -EINVAL;
	if (old && (want->hva != old->hva || want->npages != old->npages ||
		    (want->flags ^ old->flags) & MEMSLOT_READONLY))
		return -EINVAL;
	if (overlaps(vm, want, old))
		return -EEXIST;
	if (!old)
		return slot_create(vm, want);
	if (want->base_gfn != old->base_gfn)
		return slot_move(vm, old, want);
	return want->flags != old->flags ? slot_reflag(vm, old, want) : 0;
}

static bool region_valid(const struct kvm_userspace_memory_region *r)
{
	u64 top = TASK_SIZE_MAX;

	if (r->slot >= UMBRA_MAX_SLOTS)
		return false;
	if (r->flags & ~(KVM_MEM_LOG_DIRTY_PAGES | KVM_MEM_READONLY))
		return false;
	if ((r->memory_size | r->guest_phys_addr | r->userspace_addr) & ~PAGE_MASK)
		return false;
	if (r->memory_size >> PAGE_SHIFT > SLOT_MAX_PAGES)
		return false;
	if (r->userspace_addr > top || r->memory_size > top - r->userspace_addr)
		return false;
	return r->guest_phys_addr <= GPA_END && r->memory_size <= GPA_END - r->guest_phys_addr;
}

int memslot_set(struct vm *vm, const struct kvm_userspace_memory_region *region)
{
	struct memslot want = {
		.id = region->slot,
		.base_gfn = region->guest_phys_addr >> PAGE_SHIFT,
		.npages = region->memory_size >> PAGE_SHIFT,
		.hva = region->userspace_addr,
	};

	if (!region_valid(region))
		return -EINVAL;
	if (region->flags & KVM_MEM_READONLY)
		want.flags |= MEMSLOT_READONLY;
	if (region->flags & KVM_MEM_LOG_DIRTY_PAGES)
		want.flags |= MEMSLOT_LOG_DIRTY;
	return slot_change(vm, &want);
}

/* ---- the dirty log ---- */

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
	slot = find_id(vm, log->slot);
	if (slot && slot->dirty_bitmap)
		r = log_copy(vm, slot, log->dirty_bitmap);
	mutex_unlock(&vm->slots_lock);
	return r;
}

/* ---- the MMU notifier ---- */

static struct vm *notifier_to_vm(struct mmu_notifier *mn)
{
	return container_of(mn, struct vm, notifier);
}

struct hva_op {
	unsigned long start, end;
	bool clear, relax;
	bool (*fn)(struct mmu_vm *mmu, const struct memslot *slot, gfn_t first, gfn_t end,
		   const struct hva_op *op);
};

static bool op_zap(struct mmu_vm *mmu, const struct memslot *slot, gfn_t first, gfn_t end,
		   const struct hva_op *op)
{
	return mmu_zap_range(mmu, slot, first, end, op->relax);
}

static bool op_age(struct mmu_vm *mmu, const struct memslot *slot, gfn_t first, gfn_t end,
		   const struct hva_op *op)
{
	return mmu_age_range(mmu, slot, first, end, op->clear);
}

/* Calls op->fn for the part of a slot that lies in the range. */
static bool slot_hva(struct vm *vm, const struct memslot *slot, const struct hva_op *op)
{
	unsigned long slot_end = slot->hva + (slot->npages << PAGE_SHIFT);
	unsigned long start = max(op->start, slot->hva);
	unsigned long end = min(op->end, slot_end);

	if (start >= end)
		return false;
	return op->fn(&vm->mmu, slot, slot->base_gfn + ((start - slot->hva) >> PAGE_SHIFT),
		      slot->base_gfn + ((end - slot->hva + ~PAGE_MASK) >> PAGE_SHIFT), op);
}

/* All slots, and the one on its way out; mmu.lock is held, and let go between them if op->relax. */
static bool for_each_hva(struct vm *vm, const struct hva_op *op)
{
	struct memslots *set = memslots_of(vm);
	bool any = vm->dying && slot_hva(vm, vm->dying, op);
	unsigned int i;

	for (i = 0; i < set->nr; i++)
		any |= slot_hva(vm, set->slot[i], op);
	return any;
}

/* Overlapping invalidations are remembered as one that spans them all. */
static void inval_begin(struct vm *vm, unsigned long start, unsigned long end)
{
	if (!vm->inval_count++) {
		vm->inval_start = start;
		vm->inval_end = end;
		return;
	}
	vm->inval_start = min(vm->inval_start, start);
	vm->inval_end = max(vm->inval_end, end);
}

static int inval_range_start(struct mmu_notifier *mn, const struct mmu_notifier_range *range)
{
	struct hva_op op = {
		.start = range->start, .end = range->end, .fn = op_zap,
		.relax = mmu_notifier_range_blockable(range),
	};
	struct vm *vm = notifier_to_vm(mn);
	int idx = srcu_read_lock(&vm->srcu);

	spin_lock(&vm->mmu.lock);
	inval_begin(vm, range->start, range->end);
	if (for_each_hva(vm, &op))
		host_flush_remote(&vm->mmu);
	spin_unlock(&vm->mmu.lock);
	srcu_read_unlock(&vm->srcu, idx);
	return 0;
}

/*
 * The generation grows before the count falls: whoever sees the count at zero and looked a
 * page up before then sees a new generation.
 */
static void inval_range_end(struct mmu_notifier *mn, const struct mmu_notifier_range *range)
{
	struct vm *vm = notifier_to_vm(mn);

	spin_lock(&vm->mmu.lock);
	vm->inval_seq++;
	smp_wmb();
	vm->inval_count--;
	spin_unlock(&vm->mmu.lock);
}

static bool age(struct mmu_notifier *mn, unsigned long start, unsigned long end, bool clear,
		bool flush)
{
	struct hva_op op = { .start = start, .end = end, .clear = clear, .fn = op_age };
	struct vm *vm = notifier_to_vm(mn);
	int idx = srcu_read_lock(&vm->srcu);
	bool young;

	spin_lock(&vm->mmu.lock);
	young = for_each_hva(vm, &op);
	if (young && flush)
		host_flush_remote(&vm->mmu);
	spin_unlock(&vm->mmu.lock);
	srcu_read_unlock(&vm->srcu, idx);
	return young;
}

static mmu_young_t clear_flush_young(struct mmu_notifier *mn, struct mm_struct *mm,
				     unsigned long start, unsigned long end)
{
	return age(mn, start, end, true, true);
}

static mmu_young_t clear_young(struct mmu_notifier *mn, struct mm_struct *mm,
			       unsigned long start, unsigned long end)
{
	return age(mn, start, end, true, false);
}

static mmu_young_t test_young(struct mmu_notifier *mn, struct mm_struct *mm,
			      unsigned long address)
{
	return age(mn, address, address + PAGE_SIZE, false, false);
}

static void mm_release(struct mmu_notifier *mn, struct mm_struct *mm)
{
	struct vm *vm = notifier_to_vm(mn);
	int idx = srcu_read_lock(&vm->srcu);

	mmu_vm_zap_all(&vm->mmu);
	srcu_read_unlock(&vm->srcu, idx);
}

static const struct mmu_notifier_ops notifier_ops = {
	.invalidate_range_start = inval_range_start,
	.invalidate_range_end = inval_range_end,
	.clear_flush_young = clear_flush_young,
	.clear_young = clear_young,
	.test_young = test_young,
	.release = mm_release,
};

/* ---- life ---- */

int memslots_init(struct vm *vm)
{
	rcu_assign_pointer(vm->slots, &no_slots);
	vm->notifier.ops = &notifier_ops;
	return mmu_notifier_register(&vm->notifier, vm->mm);
}

void memslots_quiesce(struct vm *vm)
{
	mmu_notifier_unregister(&vm->notifier, vm->mm);
}

/* As when each is deleted: what is freed is not found any more. */
void memslots_destroy(struct vm *vm)
{
	struct memslots *set = memslots_of(vm);
	unsigned int i;

	rcu_assign_pointer(vm->slots, &no_slots);
	for (i = 0; i < set->nr; i++) {
		mmu_slot_gone(&vm->mmu, set->slot[i]);
		mmu_slot_free(&vm->mmu, set->slot[i]);
		slot_free(set->slot[i]);
	}
	set_free(set);
}
