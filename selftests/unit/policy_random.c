// SPDX-License-Identifier: GPL-2.0-only
/*
 * mmu/policy.c's questions, answered at random: what makes the MMU correct may not depend on them.
 *
 * An answer is drawn from the page asked about and how often it was asked before, so that a
 * program that is run again gets the same ones.
 */
#include <linux/moduleparam.h>

#include "internal.h"

/* The parameters are there and mean nothing. */
static bool eager, expect;
static unsigned int prefill, unsync, unsync_after, drop_after;

module_param(eager, bool, 0644);
module_param(expect, bool, 0644);
module_param(prefill, uint, 0644);
module_param(unsync, uint, 0644);
module_param(unsync_after, uint, 0644);
module_param(drop_after, uint, 0644);

static u32 draw(u64 what)
{
	what *= 0x9e3779b97f4a7c15ull;
	what ^= what >> 29;
	what *= 0xbf58476d1ce4e5b9ull;
	return what >> 32;
}

/* True one time in @n. */
static bool one_in(struct shadow_page *sp, unsigned int n)
{
	return draw(sp->gfn << 32 ^ sp->role.word ^ (u64)++sp->history.writes << 48) % n == 0;
}

bool policy_drop_written(struct shadow_page *sp, unsigned int index)
{
	return !sp->unsync && one_in(sp, 4);
}

bool policy_drop_unsync(struct shadow_page *sp)
{
	return one_in(sp, 4);
}

bool policy_keep_in_sync(struct shadow_page *sp)
{
	return one_in(sp, 2);
}

/* None, few, or more than there are. */
unsigned int policy_unsync_max(struct mmu_vm *vm)
{
	static const unsigned int max[] = { 0, 1, 2, 3, 64, 1000 };

	return max[draw(vm->stats.unsyncs + vm->stats.syncs) % ARRAY_SIZE(max)];
}

void policy_unsynced(struct shadow_page *sp)
{
}

bool policy_resync_idle(struct shadow_page *sp, bool changed)
{
	return one_in(sp, 2);
}

bool policy_resync_np(struct shadow_page *sp)
{
	return one_in(sp, 2);
}

bool policy_fill_written(struct shadow_page *sp)
{
	return one_in(sp, 2);
}

bool policy_expect(struct shadow_page *sp)
{
	return one_in(sp, 2);
}

bool policy_adopt(struct shadow_page *sp)
{
	return one_in(sp, 2);
}

unsigned int policy_neighbours(struct mmu_vm *vm, struct shadow_page *sp, unsigned int index,
			       unsigned int *first)
{
	unsigned int n = draw(sp->gfn ^ (u64)++sp->history.writes << 32) % (NEIGHBOURS_MAX + 1);

	*first = index - index % (n ?: 1);
	return min(n, TABLE_ENTRIES - *first);
}
