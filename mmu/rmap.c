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

bool gfn_is_tracked(struct mmu_vm *vm, const struct memslot *slot, gfn_t gfn)
{
	return rmap_head(vm, slot, gfn, 1)->prev;
}

/* The guest's table is counted as tracked (@by 1), or no more (@by -1). */
void gfn_track_count(struct mmu_vm *vm, struct shadow_page *sp, int by)
{
	const struct memslot *slot = host_slot(vm, sp->gfn);
	int level;

	for (level = 1; slot && level <= MEMSLOT_LEVELS; level++)
		rmap_head(vm, slot, sp->gfn, level)->prev += by;
}
