// SPDX-License-Identifier: GPL-2.0-only
/*
 * One entry of a shadow page: set, dropped, linked, and the guest's entry behind it.
 *
 * What is not present is either empty or not-present (spte.c). The fault of an empty spte exits,
 * and the walk of the guest's tables tells what it is. The fault of a not-present one (np_*) goes
 * to the guest without an exit, where VT-x can leave it there. No TLB remembers that an entry is
 * not present, so a not-present spte must not outlive the moment when the guest makes its entry
 * present:
 *
 *   - only tables in sync have not-present sptes: writes to them are seen
 *   - while such a write is under way (write_begin() to write_end()) the sptes of the bytes
 *     written are empty, and no spte of the VM becomes not-present
 *
 * Floor 4.
 */
#include "internal.h"

/* Remove a leaf. The guest's TLB may keep it until the guest flushes. */
static void leaf_drop(struct mmu_vm *vm, struct shadow_page *sp, unsigned int index)
{
	spte_take(&sp->spt[index]);
	rmap_remove(vm, sp, index);
	if (sptes_per_entry(sp->role) > 1)
		WRITE_ONCE(vm->split_gen, vm->split_gen + 1);
	sp->present--;
	vm->tlb_dirty = true;
	vm->work++;
}

/* A spte points to a shadow page from now on. What is out of sync below it is synced already. */
void page_link(struct mmu_vm *vm, struct mmu_cache *cache, struct shadow_page *parent,
	       unsigned int index, struct shadow_page *child)
{
	link_add(vm, link_make(vm, cache, parent, index), &child->parents, 0);
	parent->present++;
	vm->link_gen++;
	if (child->present || child->unsync)
		vm->unsync_gen++;
	spte_write(&parent->spt[index], spte_table(host_table_hpa(child->spt)));
}

void page_unlink(struct mmu_vm *vm, struct shadow_page *parent, unsigned int index)
{
	struct shadow_page *child = page_of(spte_take(&parent->spt[index]));

	link_del(vm, link_find(parent, index), &child->parents);
	WRITE_ONCE(vm->split_gen, vm->split_gen + 1);
	parent->present--;
	vm->link_gen++;
	vm->tlb_dirty = true;
	vm->work++;
}

/* Make any entry not present. */
void entry_drop(struct mmu_vm *vm, struct shadow_page *sp, unsigned int index)
{
	u64 spte = sp->spt[index];

	if (!spte_present(spte))
		return;
	if (spte_is_leaf(spte, sp->role.level))
		leaf_drop(vm, sp, index);
	else
		page_unlink(vm, sp, index);
}

/* Set a leaf, whatever was there before. */
void leaf_install(struct mmu_vm *vm, struct mmu_cache *cache, struct shadow_page *sp,
		  unsigned int index, const struct memslot *slot, gfn_t gfn, u64 spte)
{
	u64 old = sp->spt[index];

	if (spte_present(old) && spte_is_leaf(old, sp->role.level)) {
		/* Never not present in between: the guest may be running on it. */
		rmap_remove(vm, sp, index);
		if (spte_loses(old, spte))
			vm->tlb_dirty = true;
	} else {
		if (spte_present(old))
			entry_drop(vm, sp, index);
		sp->present++;
	}
	rmap_add(vm, cache, slot, gfn, sp, index);
	spte_write(&sp->spt[index], spte);
	trace_umbra_spte_set(gfn, spte, sp->role.level);
}

/* Role of the shadow page below an entry of a guest table. */
union mmu_role child_role(union mmu_role parent, unsigned int index, unsigned int access)
{
	union mmu_role role = parent;

	role.level--;
	role.access = access;
	/* A 32-bit table has 1024 entries: the lower and the upper half. */
	role.quadrant = parent.glevels == 2 ? index & 1 : 0;
	return role;
}

/* Drop the first spte on a head; returns whether there was one. */
bool rmap_drop_first(struct mmu_vm *vm, struct link *head)
{
	struct shadow_page *sp;
	unsigned int index;

	if (!head->next)
		return false;
	sp = link_owner(vm, head->next, &index);
	leaf_drop(vm, sp, index);
	return true;
}

/* Drop the large sptes that map a gfn. */
static bool rmap_zap_large(struct mmu_vm *vm, const struct memslot *slot, gfn_t gfn)
{
	bool zapped = false;
	int level;

	for (level = 2; level <= MEMSLOT_LEVELS; level++)
		while (rmap_drop_first(vm, rmap_head(vm, slot, gfn, level)))
			zapped = true;
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

static bool frame_protect(struct mmu_vm *vm, gfn_t gfn)
{
	const struct memslot *slot = host_slot(vm, gfn);

	return slot && rmap_protect(vm, slot, gfn);
}

/*
 * A guest table is to be tracked. The other address space may show the same memory at the same
 * place: nothing may write to it there either.
 */
bool table_protect(struct mmu_vm *vm, gfn_t gfn)
{
	bool protected = frame_protect(vm, gfn);

	if (unlikely(vm->smm))
		protected |= frame_protect(vm, gfn ^ GFN_SMM);
	return protected;
}

/* The guest's entry behind a spte. */
u64 entry_now(struct mmu_vm *vm, const struct shadow_page *sp, unsigned int index)
{
	u64 gpte = 0;

	/* What can't be read is not there. */
	if (host_read_atomic(vm, entry_gpa(sp, index), &gpte, role_entry_bytes(sp->role)))
		gpte = 0;
	return gpte;
}

/* Read @n entries of the guest's table at once. What can't be read (false) is 0. */
bool entries_now(struct mmu_vm *vm, const struct shadow_page *sp, unsigned int first,
		 unsigned int n, u64 *gpte)
{
	unsigned int bytes = role_entry_bytes(sp->role);

	if (host_read_atomic(vm, entry_gpa(sp, first), gpte, n * bytes)) {
		memset(gpte, 0, n * sizeof(*gpte));
		return false;
	}
	while (bytes == 4 && n--)
		gpte[n] = ((u32 *)gpte)[n];
	return true;
}

/*
 * A spte became as the guest's table is now; other address spaces may not have seen that. The
 * table is in use: its being tracked again would only cost the next write a fault.
 */
void page_touch(struct mmu_vm *vm, struct shadow_page *sp)
{
	sp->synced_at = vm->sync_clock + 1;
	WRITE_ONCE(vm->sync_clock, sp->synced_at);
	WRITE_ONCE(vm->synced_at, sp->synced_at);
}

/* @gpte is what the spte was made from. */
void entry_remember(struct mmu_vm *vm, struct shadow_page *sp, unsigned int index, u64 gpte)
{
	if (!sp->unsync)
		return;
	sp->snapshot[index] = gpte;
	page_touch(vm, sp);
}

static bool may_be_np(const struct mmu_vm *vm, const struct shadow_page *sp)
{
	return mmu_passthrough && sp->role.level == 1 && !sp->role.metaphysical && !sp->unsync &&
	       !vm->writers;
}

/* The guest's entry was read under the lock: @gpte. The spte is not present. */
void np_learn(struct mmu_vm *vm, struct shadow_page *sp, unsigned int index, u64 gpte)
{
	if (mmu_passthrough && !spte_present(sp->spt[index]))
		spte_write(&sp->spt[index],
			   (gpte & PTE_P) || !may_be_np(vm, sp) ? spte_empty() : 0);
}

/* These may be written unseen. */
void np_forget(struct shadow_page *sp, unsigned int first, unsigned int last)
{
	unsigned int i;

	for (i = first; mmu_passthrough && i <= last; i++)
		if (!sp->spt[i])
			spte_write(&sp->spt[i], spte_empty());
}

/* A table in sync: look at all of it. */
void np_scan(struct mmu_vm *vm, struct shadow_page *sp)
{
	u64 gpte[CHUNK_LINKS];
	unsigned int i, j;

	for (i = 0; i < TABLE_ENTRIES && may_be_np(vm, sp); i += CHUNK_LINKS) {
		if (!entries_now(vm, sp, i, CHUNK_LINKS, gpte))
			continue;
		for (j = 0; j < CHUNK_LINKS; j++)
			np_learn(vm, sp, i + j, gpte[j]);
	}
}
