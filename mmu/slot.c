// SPDX-License-Identifier: GPL-2.0-only
/*
 * What happens to sptes when slots come and go, and when the host takes back,
 * ages or logs the memory behind them.
 *
 * Floor 9.
 */
#include "internal.h"

/* rmap heads a slot needs at a level: one a frame of that size that it touches. */
static unsigned long slot_heads(const struct memslot *slot, int level)
{
	int shift = 9 * (level - 1);

	return ((slot->base_gfn + slot->npages - 1) >> shift) - (slot->base_gfn >> shift) + 1;
}

/* All of them in one run, so that a small slot takes one page. */
int mmu_slot_create(struct mmu_vm *vm, struct memslot *slot)
{
	unsigned long heads[MEMSLOT_LEVELS + 1] = {};
	int level;
	u32 base;

	for (level = 1; level <= MEMSLOT_LEVELS; level++)
		heads[level] = heads[level - 1] + slot_heads(slot, level);
	base = links_alloc_heads(vm, heads[MEMSLOT_LEVELS]);
	if (!base)
		return -ENOMEM;
	for (level = 1; level <= MEMSLOT_LEVELS; level++)
		slot->rmap_base[level - 1] = base + heads[level - 1];
	if (slot->base_gfn & GFN_SMM)
		WRITE_ONCE(vm->smm, true);
	return 0;
}

void mmu_slot_free(struct mmu_vm *vm, struct memslot *slot)
{
	unsigned long heads = 0;
	int level;

	for (level = 1; level <= MEMSLOT_LEVELS; level++)
		heads += slot_heads(slot, level);
	links_free_heads(vm, slot->rmap_base[0], heads);
}

/*
 * What frames of a slot are tracked is counted when a table's shadow is made, in the slots that
 * there are: those made before this one are made again.
 */
void mmu_slot_shown(struct mmu_vm *vm)
{
	if (vm->smm)
		zap_all(vm, true);
}

/* The memory of tables goes: what comes in its place may hold other entries that nobody writes. */
static bool zap_tables(struct mmu_vm *vm, const struct memslot *slot, gfn_t first, gfn_t end,
		       bool relax)
{
	bool zapped = false;
	gfn_t gfn;

	for (gfn = first; gfn < end; gfn++) {
		vm->work++;
		if (vm->nr_unsync || gfn_is_tracked(vm, slot, gfn))
			zapped |= page_zap_gfn(vm, gfn);
		if (relax)
			work_relax(vm);
	}
	return zapped;
}

/* Drop every spte on a head. The lock may be let go if @relax; the head stays then. */
static bool zap_head(struct mmu_vm *vm, struct link *head, bool relax)
{
	bool zapped = false;

	while (rmap_drop_first(vm, head)) {
		zapped = true;
		if (relax)
			work_relax(vm);
	}
	if (relax)
		work_relax(vm);
	return zapped;
}

bool mmu_zap_range(struct mmu_vm *vm, const struct memslot *slot, gfn_t first, gfn_t end,
		   bool relax)
{
	bool zapped = zap_tables(vm, slot, first, end, relax);
	gfn_t gfn;
	int level;

	for (level = 1; level <= MEMSLOT_LEVELS; level++)
		for (gfn = first & ~(level_frames(level) - 1); gfn < end;
		     gfn += level_frames(level)) {
			vm->work++;
			zapped |= zap_head(vm, rmap_head(vm, slot, gfn, level), relax);
		}
	vm->stats.notifier_zaps += zapped;
	audit_if_due(vm);
	return zapped || vm->tlb_dirty;
}

static bool age_head(struct mmu_vm *vm, struct link *head, bool clear)
{
	struct shadow_page *sp;
	bool young = false;
	unsigned int index;
	u32 id;

	for (id = head->next; id; id = link_at(vm, id)->next) {
		sp = link_owner(vm, id, &index);
		young |= clear ? spte_age(&sp->spt[index]) : spte_accessed(sp->spt[index]);
	}
	return young;
}

bool mmu_age_range(struct mmu_vm *vm, const struct memslot *slot, gfn_t first, gfn_t end,
		   bool clear)
{
	bool young = false;
	gfn_t gfn;
	int level;

	for (level = 1; level <= MEMSLOT_LEVELS; level++)
		for (gfn = first & ~(level_frames(level) - 1); gfn < end;
		     gfn += level_frames(level))
			young |= age_head(vm, rmap_head(vm, slot, gfn, level), clear);
	return young;
}

bool mmu_slot_wrprotect(struct mmu_vm *vm, const struct memslot *slot, u64 offset,
			unsigned long mask)
{
	bool changed = false;

	spin_lock(&vm->lock);
	vm->work = 0;
	for (; mask && offset < slot->npages; mask >>= 1, offset++) {
		if (mask & 1)
			changed |= rmap_protect(vm, slot, slot->base_gfn + offset);
		changed |= vm->tlb_dirty;
		work_relax(vm);
	}
	changed |= vm->tlb_dirty;
	spin_unlock(&vm->lock);
	return changed;
}

/* It can't be found any more, so the lock may be given up: nothing new comes. */
void mmu_slot_gone(struct mmu_vm *vm, struct memslot *slot)
{
	spin_lock(&vm->lock);
	vm->work = 0;
	vm->going = true;
	mmu_zap_range(vm, slot, slot->base_gfn, slot->base_gfn + slot->npages, true);
	vm->going = false;
	page_commit(vm);
	flush_remote(vm);
	spin_unlock(&vm->lock);
}

void mmu_flush(struct mmu_vm *vm)
{
	spin_lock(&vm->lock);
	flush_remote(vm);
	spin_unlock(&vm->lock);
}
