// SPDX-License-Identifier: GPL-2.0-only
/*
 * Entries filled before a fault asks for them: when the guest writes one, and
 * around one that faulted. Nothing here sleeps, so only host memory that is
 * there already gets mapped; anything doubtful is left for a fault.
 *
 * An entry is shadowed only if its accessed bit is set, since a processor may
 * hold only such ones, and writable only if its dirty bit is.
 *
 * Floor 6.
 */
#include "internal.h"

/* Frame and rights that entry @index of a level-1 shadow page stands for. */
static bool entry_decode(const struct shadow_page *sp, unsigned int index, u64 gpte, gfn_t *gfn,
			 unsigned int *access)
{
	*access = sp->role.access;
	*gfn = sp->gfn + index;
	if (sp->role.metaphysical)
		return true;
	if (!(gpte & PTE_P) || !(gpte & PTE_A) || pte_reserved(sp->role, gpte, 1))
		return false;
	*gfn = pte_gfn(sp->role, gpte, 1);
	*access &= pte_access(sp->role, gpte);
	if (!(gpte & PTE_D))
		*access &= ~ACC_WRITE;
	return true;
}

/*
 * entry_fill - bring a level-1 entry up to date
 * @gpte:	what the guest's table holds now (unused if metaphysical)
 *
 * Return: whether it is present now.
 */
bool entry_fill(struct mmu_vm *vm, struct mmu_cache *cache, struct shadow_page *sp,
		  unsigned int index, u64 gpte)
{
	const struct memslot *slot = NULL;
	struct host_page page;
	unsigned int access;
	bool write, stale;
	gfn_t gfn;

	if (cache && cache->tables && entry_decode(sp, index, gpte, &gfn, &access))
		slot = host_slot(vm, gfn);
	if (!slot)
		goto drop;
	write = (access & ACC_WRITE) && !gfn_is_tracked(vm, slot, gfn) &&
		!(slot->flags & (MEMSLOT_READONLY | MEMSLOT_LOG_DIRTY));
	if (host_page_get_fast(vm, slot, gfn, write, &page))
		goto drop;
	if (!write || !page.writable)
		access &= ~ACC_WRITE;
	stale = host_page_stale(vm, &page, gfn);
	if (!stale)
		leaf_install(vm, cache, sp, index, slot, gfn,
			     spte_leaf(page.pfn, 1, access, false, page.writable));
	host_page_put(&page, !stale && page.writable);
	if (!stale) {
		entry_remember(vm, sp, index, gpte);
		return true;
	}
drop:
	entry_drop(vm, sp, index);
	return false;
}

/* Returns false if the entry could be filled but is not: memory that the host has not got. */
static bool fill_one(struct mmu_vm *vm, struct mmu_cache *cache, struct shadow_page *sp,
		     unsigned int index, u64 gpte)
{
	if (spte_present(sp->spt[index]))
		return true;
	if (!sp->role.metaphysical) {
		if (mmu_passthrough)
			np_learn(vm, sp, index, gpte);
		if (!(gpte & PTE_P) || !(gpte & PTE_A))
			return true;
	}
	if (!entry_fill(vm, cache, sp, index, gpte))
		return false;
	vm->stats.prefilled++;
	return true;
}

static noinline_for_stack void fill_group(struct mmu_vm *vm, struct mmu_cache *cache,
					  struct shadow_page *sp, unsigned int index,
					  unsigned int first, unsigned int n)
{
	u64 gpte[NEIGHBOURS_MAX];
	unsigned int i;

	if (!sp->role.metaphysical && !entries_now(vm, sp, first, n, gpte))
		return;
	for (i = index + 1; i < first + n; i++)
		if (!fill_one(vm, cache, sp, i, gpte[i - first]))
			break;
	for (i = index; i-- > first;)
		if (!fill_one(vm, cache, sp, i, gpte[i - first]))
			break;
}

/* Fill empty entries beside one that just faulted in a level-1 shadow page, up and then down. */
void fill_neighbours(struct mmu_vm *vm, struct mmu_cache *cache, struct shadow_page *sp,
		     unsigned int index)
{
	unsigned int first, n = policy_neighbours(vm, sp, index, &first);

	if (n)
		fill_group(vm, cache, sp, index, first, n);
}
