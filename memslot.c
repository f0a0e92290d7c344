// SPDX-License-Identifier: GPL-2.0-only
/* Guest memory: the set of slots, and its changes. */
#include <linux/bitmap.h>
#include <linux/mm.h>
#include <linux/slab.h>

#include "memslot.h"
#include "mmu.h"
#include "slots.h"
#include "vm.h"

#define SLOT_MAX_PAGES	((1ul << 31) - 1)
#define GPA_END		(1ull << 52)

/* Before the first slot, and after the last. */
static struct memslots no_slots;

/* ---- lookup ---- */

struct memslot *memslot_by_id(struct vm *vm, u32 id)
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
	struct memslot *old = memslot_by_id(vm, want->id);

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

/* ---- life ---- */

int memslots_init(struct vm *vm)
{
	rcu_assign_pointer(vm->slots, &no_slots);
	return notifier_register(vm);
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
