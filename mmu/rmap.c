// SPDX-License-Identifier: GPL-2.0-only
/*
 * The reverse map: from a gfn to all leaf sptes that map it.
 *
 * A slot has one head a frame for each level at which the frame can be mapped.
 */
#include "internal.h"

struct link *rmap_head(struct mmu_vm *vm, const struct memslot *slot, gfn_t gfn, int level)
{
	return link_at(vm, rmap_head_id(slot, gfn, level));
}

void rmap_add(struct mmu_vm *vm, struct mmu_cache *cache, const struct memslot *slot, gfn_t gfn,
	      struct shadow_page *sp, unsigned int index)
{
	u32 head = rmap_head_id(slot, gfn, sp->role.level);
	u32 id = link_of(vm, cache, sp, index);

	link_add(vm, id, &link_at(vm, head)->next, head);
	vm->stats.sptes++;
	if (sp->role.level > 1)
		vm->stats.sptes_large++;
}

void rmap_remove(struct mmu_vm *vm, struct shadow_page *sp, unsigned int index)
{
	link_del(vm, link_find(sp, index), NULL);
	vm->stats.sptes--;
	if (sp->role.level > 1)
		vm->stats.sptes_large--;
}

/* Drop every spte on a head. The lock may be let go if @relax; the head stays then. */
bool rmap_zap(struct mmu_vm *vm, struct link *head, bool relax)
{
	struct shadow_page *sp;
	unsigned int index;
	bool zapped = head->next;

	while (head->next) {
		sp = link_owner(vm, head->next, &index);
		leaf_drop(vm, sp, index);
		if (relax)
			work_relax(vm);
	}
	return zapped;
}

/* Drop the large sptes that map a gfn. */
bool rmap_zap_large(struct mmu_vm *vm, const struct memslot *slot, gfn_t gfn)
{
	bool zapped = false;
	int level;

	for (level = 2; level <= MEMSLOT_LEVELS; level++)
		zapped |= rmap_zap(vm, rmap_head(vm, slot, gfn, level), false);
	return zapped;
}

/* Nothing may write to a gfn from now on; returns whether anything could. */
bool rmap_protect(struct mmu_vm *vm, const struct memslot *slot, gfn_t gfn)
{
	bool protected = rmap_zap_large(vm, slot, gfn);
	struct shadow_page *sp;
	unsigned int index;
	u32 id;

	for (id = rmap_head(vm, slot, gfn, 1)->next; id; id = link_at(vm, id)->next) {
		sp = link_owner(vm, id, &index);
		protected |= spte_protect(&sp->spt[index]);
		vm->work++;
	}
	return protected;
}
