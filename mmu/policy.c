// SPDX-License-Identifier: GPL-2.0-only
/*
 * Guesses; any answer is correct, only the cost differs.
 *
 * What is known of a shadow page's past (struct page_history), and what follows from it: is a
 * guest table that is written still one, is it to be out of sync, which entries will be wanted
 * next. That the answers may be any is tested: the random programs also run on policy_random.c.
 *
 * Floor 5.
 */
#include <linux/moduleparam.h>

#include "internal.h"

static bool eager = true;
module_param(eager, bool, 0644);
MODULE_PARM_DESC(eager, "refill a spte when the guest writes its entry (default: Y)");

static bool expect = true;
module_param(expect, bool, 0644);
MODULE_PARM_DESC(expect, "fill what the guest was sent a fault for when it is back (default: Y)");

static unsigned int prefill = 16;
module_param(prefill, uint, 0644);
MODULE_PARM_DESC(prefill, "entries looked at around a fault; 0: none (default: 16, at most 64)");

static unsigned int unsync = 64;
module_param(unsync, uint, 0644);
MODULE_PARM_DESC(unsync, "page tables that may be out of sync; 0: none (default: 64)");

static unsigned int unsync_after = 4;
module_param(unsync_after, uint, 0644);
MODULE_PARM_DESC(unsync_after, "unused writes after which a table goes out of sync, with passthrough (default: 4)");

static unsigned int drop_after = 8;
module_param(drop_after, uint, 0644);
MODULE_PARM_DESC(drop_after, "unused writes after which a table's shadow is dropped (default: 8)");

/* Their old names, for one more release. */
module_param_named(burst, unsync_after, uint, 0644);
module_param_named(flood, drop_after, uint, 0644);

/* Tables for a moment only (text_poke) are written before and after a pair of CR3 loads. */
#define IDLE_FLUSHES	2

/* A walk through the table says that it is one. */
static void forgive_if_used(struct shadow_page *sp)
{
	if (sp->used & USED_SINCE_WRITE)
		sp->history.writes = 0;
	sp->used &= ~USED_SINCE_WRITE;
}

static bool drop_written(struct shadow_page *sp)
{
	forgive_if_used(sp);
	return ++sp->history.writes > READ_ONCE(drop_after);
}

/* The guest wrote spte @index's entry, and was seen: is it no table any more, or torn down? */
bool policy_drop_written(struct shadow_page *sp, unsigned int index)
{
	unsigned int last = sp->history.last_write;

	sp->history.last_write = index;
	if (sp->unsync)
		return false;
	if (sp->role.level == 1 && spte_accessed(sp->spt[last]))
		sp->history.writes = 0;
	return drop_written(sp);
}

/* The guest is about to write the table unseen: the same question. */
bool policy_drop_unsync(struct shadow_page *sp)
{
	return drop_written(sp);
}

/*
 * The guest tries to write a page table. Letting it go out of sync pays at once, but not where
 * not-present faults go to the guest without an exit: there a demand fault is one exit, the write
 * of its entry, while the table is in sync. So it takes some writes in a row.
 */
bool policy_keep_in_sync(struct shadow_page *sp)
{
	if (!mmu_passthrough)
		return false;
	forgive_if_used(sp);
	return sp->history.writes < READ_ONCE(unsync_after);
}

unsigned int policy_unsync_max(struct mmu_vm *vm)
{
	return READ_ONCE(unsync);
}

/* It is out of sync now. */
void policy_unsynced(struct shadow_page *sp)
{
	sp->history.np_faults = 0;
}

/* The guest flushed, and had @changed the table or not: has it left it alone for long? */
bool policy_resync_idle(struct shadow_page *sp, bool changed)
{
	struct page_history *h = &sp->history;

	if (h->idle_since != sp->synced_at) {
		h->idle_since = sp->synced_at;
		h->idle = 0;
	}
	return !changed && ++h->idle > IDLE_FLUSHES;
}

/* A not-present fault by a table out of sync; in sync, the next one need not exit. */
bool policy_resync_np(struct shadow_page *sp)
{
	return ++sp->history.np_faults > READ_ONCE(unsync_after);
}

/* Is an entry that the guest has just written to be filled at once? */
bool policy_fill_written(struct shadow_page *sp)
{
	return READ_ONCE(eager);
}

/* Is what the guest was sent a fault for to be filled when it comes back? */
bool policy_expect(struct shadow_page *sp)
{
	return READ_ONCE(expect);
}

/* Are the shadows that exist to be linked to a new top table? */
bool policy_adopt(struct shadow_page *sp)
{
	return READ_ONCE(prefill);
}

/*
 * The guest gets its memory page by page, upwards: what it touched before is filled, and what
 * comes next is not in its table, or was never used. (If the former may be learnt, looking pays.)
 */
static bool comes_page_by_page(struct mmu_vm *vm, const struct shadow_page *sp,
			       unsigned int index, unsigned int end)
{
	u64 next;

	if (mmu_passthrough || !index || !spte_present(sp->spt[index - 1]) ||
	    sp->role.metaphysical)
		return false;
	if (index + 1 == end)
		return true;
	next = entry_now(vm, sp, index + 1);
	return !(next & PTE_P) || !(next & PTE_A);
}

/* How many entries of a page table, from @first on, are to be looked at beside the faulting one? */
unsigned int policy_neighbours(struct mmu_vm *vm, struct shadow_page *sp, unsigned int index,
			       unsigned int *first)
{
	unsigned int n = READ_ONCE(prefill);

	if (n <= 1)
		return 0;
	n = min(n, NEIGHBOURS_MAX);
	*first = index - index % n;
	n = min(n, TABLE_ENTRIES - *first);
	return comes_page_by_page(vm, sp, index, *first + n) ? 0 : n;
}
