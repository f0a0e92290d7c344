// SPDX-License-Identifier: GPL-2.0-only
/* Guest memory: the set of slots, and its changes. */
#include <linux/bitmap.h>
#include <linux/interval_tree.h>
#include <linux/mm.h>
#include <linux/slab.h>
#include <linux/xarray.h>

#include "memslot.h"
#include "mmu.h"
#include "slots.h"
#include "vm.h"

#define SLOT_MAX_PAGES	((1ul << 31) - 1)
#define GPA_END		(1ull << 52)

struct memslot *memslot_by_id(struct vm *vm, u32 id)
{
	struct slot *slot = xa_load(&vm->slot_ids, id);

	return slot ? &slot->mem : NULL;
}

/* ---- one slot, the two sets ---- */

static struct slot *to_slot(struct memslot *mem)
{
	return container_of(mem, struct slot, mem);
}

static void slot_free(struct memslot *slot)
{
	if (!slot)
		return;
	kvfree(slot->dirty_bitmap);
	kfree(to_slot(slot));
}

static bool log_begins_full(const struct vm *vm)
{
	return vm->log_options & KVM_DIRTY_LOG_INITIALLY_SET;
}

/* Made of whole words, as KVM_GET_DIRTY_LOG hands it out. */
static unsigned long *log_new(struct vm *vm, u64 npages)
{
	unsigned long *log = kvcalloc(BITS_TO_LONGS(npages), sizeof(*log),
				      GFP_KERNEL_ACCOUNT | __GFP_NOWARN);

	if (log && log_begins_full(vm))
		bitmap_set(log, 0, npages);
	return log;
}

static struct memslot *slot_new(struct vm *vm, const struct memslot *like)
{
	struct slot *slot = kzalloc(sizeof(*slot), GFP_KERNEL_ACCOUNT);

	if (!slot)
		return NULL;
	slot->mem = *like;
	slot->mem.dirty_bitmap = NULL;
	if (!(like->flags & MEMSLOT_LOG_DIRTY) || READ_ONCE(vm->ring_bytes))
		return &slot->mem;
	slot->mem.dirty_bitmap = log_new(vm, like->npages);
	if (slot->mem.dirty_bitmap)
		return &slot->mem;
	kfree(slot);
	return NULL;
}

static void set_add(struct memslots *set, struct slot *slot, unsigned int nr)
{
	struct interval_tree_node *gfn = &slot->by_gfn[nr], *hva = &slot->by_hva[nr];

	gfn->start = slot->mem.base_gfn;
	gfn->last = slot->mem.base_gfn + slot->mem.npages - 1;
	hva->start = slot->mem.hva;
	hva->last = slot->mem.hva + (slot->mem.npages << PAGE_SHIFT) - 1;
	interval_tree_insert(gfn, &set->by_gfn);
	interval_tree_insert(hva, &set->by_hva);
}

/* No reader has the set. */
static void set_edit(struct vm *vm, struct memslots *set, struct memslot *out, struct memslot *in)
{
	unsigned int nr = memslots_nr(vm, set);

	set->hint = NULL;
	if (out) {
		interval_tree_remove(&to_slot(out)->by_gfn[nr], &set->by_gfn);
		interval_tree_remove(&to_slot(out)->by_hva[nr], &set->by_hva);
	}
	if (in)
		set_add(set, to_slot(in), nr);
}

/* SMM sees hardly any memory that others don't. */
static u64 pages_of(const struct memslot *slot)
{
	return slot && !(slot->base_gfn & GFN_SMM) ? slot->npages : 0;
}

/*
 * @in takes the place of @out; either may be NULL. When this returns nobody uses the set that was
 * there before.
 */
static void slots_change(struct vm *vm, struct memslot *out, struct memslot *in)
{
	struct memslots *old = memslots_of(vm), *new = &vm->sets[!memslots_nr(vm, old)];

	set_edit(vm, new, out, in);
	rcu_assign_pointer(vm->slots, new);
	synchronize_srcu_expedited(&vm->srcu);
	set_edit(vm, old, out, in);
	vm->slot_pages += pages_of(in) - pages_of(out);
}

/* The id stands for @slot, no longer for the one before it: then it can't fail. */
static int slot_name(struct vm *vm, struct memslot *slot)
{
	return xa_err(xa_store(&vm->slot_ids, slot->id, to_slot(slot), GFP_KERNEL_ACCOUNT));
}

/* ---- changes ---- */

static int slot_create(struct vm *vm, const struct memslot *want)
{
	struct memslot *slot = slot_new(vm, want);
	int r = -ENOMEM;

	if (!slot)
		return r;
	r = mmu_slot_create(&vm->mmu, slot);
	if (r)
		goto out;
	r = slot_name(vm, slot);
	if (r)
		goto out_mmu;
	slots_change(vm, NULL, slot);
	mmu_slot_shown(&vm->mmu);
	return 0;

out_mmu:
	mmu_slot_free(&vm->mmu, slot);
out:
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
 * Take @slot out, and drop all that maps it. Until the last spte is gone the notifier must still
 * cover it, though lookups don't find it any more.
 */
static void slot_withdraw(struct vm *vm, struct memslot *slot)
{
	set_dying(vm, slot);
	slots_change(vm, slot, NULL);
	mmu_slot_gone(&vm->mmu, slot);
	set_dying(vm, NULL);
	/* A notifier in a long range lets go of the lock. */
	synchronize_srcu_expedited(&vm->srcu);
	mmu_slot_free(&vm->mmu, slot);
}

static int slot_delete(struct vm *vm, struct memslot *slot)
{
	slot_withdraw(vm, slot);
	xa_erase(&vm->slot_ids, slot->id);
	slot_free(slot);
	return 0;
}

/* Everything that can fail is done while the old slot is still in place. */
static int slot_move(struct vm *vm, struct memslot *old, const struct memslot *want)
{
	struct memslot *slot = slot_new(vm, want);
	int r;

	if (!slot)
		return -ENOMEM;
	r = mmu_slot_create(&vm->mmu, slot);
	if (r) {
		slot_free(slot);
		return r;
	}
	slot_withdraw(vm, old);
	/* The log moves along, unless the same call turns it on or off. */
	if (slot->dirty_bitmap && old->dirty_bitmap)
		swap(slot->dirty_bitmap, old->dirty_bitmap);
	slot_name(vm, slot);
	slot_free(old);
	slots_change(vm, NULL, slot);
	mmu_slot_shown(&vm->mmu);
	return 0;
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

/* The log goes on or off. Both slots share the rmap. A log that has all frames needs no faults. */
static int slot_reflag(struct vm *vm, struct memslot *old, const struct memslot *want)
{
	struct memslot *slot = slot_new(vm, want);

	if (!slot)
		return -ENOMEM;
	memcpy(slot->rmap_base, old->rmap_base, sizeof(slot->rmap_base));
	slot->settling = (slot->flags & MEMSLOT_LOG_DIRTY) &&
			 !(slot->dirty_bitmap && log_begins_full(vm));
	slots_change(vm, old, slot);
	slot_name(vm, slot);
	slot_free(old);
	if (slot->settling)
		slot_wrprotect(vm, slot);
	return 0;
}

static bool overlaps(struct vm *vm, const struct memslot *want, struct memslot *self)
{
	struct memslots *set = memslots_of(vm);
	gfn_t first = want->base_gfn, last = first + want->npages - 1;
	struct interval_tree_node *node = interval_tree_iter_first(&set->by_gfn, first, last);

	if (node && self && node == &to_slot(self)->by_gfn[memslots_nr(vm, set)])
		node = interval_tree_iter_next(node, first, last);
	return node;
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

	if (!memslot_id_valid(r->slot))
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
	if (memslot_id_space(region->slot))
		want.base_gfn |= GFN_SMM;
	if (region->flags & KVM_MEM_READONLY)
		want.flags |= MEMSLOT_READONLY;
	if (region->flags & KVM_MEM_LOG_DIRTY_PAGES)
		want.flags |= MEMSLOT_LOG_DIRTY;
	return slot_change(vm, &want);
}

/* ---- life ---- */

int memslots_init(struct vm *vm)
{
	unsigned int nr;

	for (nr = 0; nr < 2; nr++)
		vm->sets[nr] = (struct memslots){ RB_ROOT_CACHED, RB_ROOT_CACHED };
	rcu_assign_pointer(vm->slots, &vm->sets[0]);
	xa_init(&vm->slot_ids);
	return notifier_register(vm);
}

/* As when each is deleted: what is freed is not found any more. */
void memslots_destroy(struct vm *vm)
{
	struct slot *slot;
	unsigned long id;

	rcu_assign_pointer(vm->slots, &vm->sets[1]);
	vm->sets[1] = (struct memslots){ RB_ROOT_CACHED, RB_ROOT_CACHED };
	xa_for_each(&vm->slot_ids, id, slot) {
		mmu_slot_gone(&vm->mmu, &slot->mem);
		mmu_slot_free(&vm->mmu, &slot->mem);
		slot_free(&slot->mem);
	}
	xa_destroy(&vm->slot_ids);
}
