// SPDX-License-Identifier: GPL-2.0-only
/*
 * Entries that the guest has not present, in its level-1 tables.
 *
 * VT-x can leave page faults of a not-present entry to the guest. Its own are then no exit, if the
 * spte says so: 'absent' (spte.c). No TLB remembers that an entry is not present, so an absent
 * spte must never outlive the moment when the guest makes the entry present:
 *
 *   - only tables in sync have absent sptes: their writes are seen
 *   - while any such write is under way (write_begin() to write_end()), its sptes are empty
 *     and none becomes absent
 *
 * The fault of an empty spte exits, and the guest's walk tells what it is.
 */
#include "internal.h"

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

/* A table in sync: look at all of it. */
void np_scan(struct mmu_vm *vm, struct shadow_page *sp)
{
	u64 gpte[CHUNK_LINKS];
	unsigned int i, j;

	for (i = 0; i < TABLE_ENTRIES && may_be_np(vm, sp); i += CHUNK_LINKS) {
		if (!entries_now(vm, sp, i, gpte))
			continue;
		for (j = 0; j < CHUNK_LINKS; j++)
			np_learn(vm, sp, i + j, gpte[j]);
	}
}

/* A new page: all is empty, or absent where the guest has nothing. */
void np_begin(struct mmu_vm *vm, struct shadow_page *sp)
{
	unsigned int i;

	for (i = 0; mmu_passthrough && i < TABLE_ENTRIES; i++)
		spte_write(&sp->spt[i], spte_empty());
	np_scan(vm, sp);
}

/* These may be written unseen. */
void np_forget(struct shadow_page *sp, unsigned int first, unsigned int last)
{
	unsigned int i;

	for (i = first; mmu_passthrough && i <= last; i++)
		if (!sp->spt[i])
			spte_write(&sp->spt[i], spte_empty());
}
