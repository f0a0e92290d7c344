// SPDX-License-Identifier: GPL-2.0-only
/*
 * The reverse map: from a gfn to all leaf sptes that map it.
 *
 * A slot has one head a frame for each level at which the frame can be mapped.
 *
 * Floor 3.
 */
#include "internal.h"

/* Put a link at the front of a list whose head is the word @head. */
void link_add(struct mmu_vm *vm, u32 id, u32 *head, u32 head_id)
{
	struct link *link = link_at(vm, id);

	link->next = *head;
	link->prev = head_id;
	if (link->next)
		link_at(vm, link->next)->prev = id;
	*head = id;
}

/* Take a link off its list. @head is used if the list's head is no link. */
void link_del(struct mmu_vm *vm, u32 id, u32 *head)
{
	struct link *link = link_at(vm, id);

	if (link->prev)
		link_at(vm, link->prev)->next = link->next;
	else
		*head = link->next;
	if (link->next)
		link_at(vm, link->next)->prev = link->prev;
	link->next = 0;
	link->prev = 0;
}

/*
 * A gfn before the slot, in the large frame that the slot begins in, has that frame's head. In
 * bounds under speculation, too.
 */
u32 rmap_head_id(const struct memslot *slot, gfn_t gfn, int level)
{
	int shift = 9 * (level - 1);

	gfn = slot->base_gfn + memslot_index(slot, gfn);
	return slot->rmap_base[level - 1] + (gfn >> shift) - (slot->base_gfn >> shift);
}

struct link *rmap_head(struct mmu_vm *vm, const struct memslot *slot, gfn_t gfn, int level)
{
	u32 id = rmap_head_id(slot, gfn, level);

	return link_at(vm, id);
}

void rmap_add(struct mmu_vm *vm, struct mmu_cache *cache, const struct memslot *slot, gfn_t gfn,
	      struct shadow_page *sp, unsigned int index)
{
	u32 head = rmap_head_id(slot, gfn, sp->role.level);
	u32 id = link_find(sp, index);

	if (unlikely(!sp->chunk[index / CHUNK_LINKS]))
		id = link_make(vm, cache, sp, index);
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
	u32 id = rmap_head_id(slot, gfn, 1);

	return link_at(vm, id)->prev;
}

static bool frame_track_count(struct mmu_vm *vm, gfn_t gfn, int by)
{
	const struct memslot *slot = host_slot(vm, gfn);
	int level;

	for (level = 1; slot && level <= MEMSLOT_LEVELS; level++)
		rmap_head(vm, slot, gfn, level)->prev += by;
	return slot;
}

/*
 * The guest's table is counted as tracked (@by 1), or no more (@by -1); in the other address space
 * too, if there was a slot when it began to be.
 */
void gfn_track_count(struct mmu_vm *vm, struct shadow_page *sp, int by)
{
	frame_track_count(vm, sp->gfn, by);
	if (unlikely(by > 0 ? vm->smm : sp->twin))
		sp->twin = frame_track_count(vm, sp->gfn ^ GFN_SMM, by) && by > 0;
}
