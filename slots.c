// SPDX-License-Identifier: GPL-2.0-only
/* Which slot has a guest frame? Below the MMU, which memslot.c is above. */
#include <linux/compiler.h>
#include <linux/nospec.h>

#include "memslot.h"
#include "slots.h"
#include "vm.h"

struct memslot *memslot_find(struct vm *vm, gfn_t gfn)
{
	struct memslots *set = memslots_of(vm);
	unsigned int lo = 0, hi = set->nr, mid = READ_ONCE(set->hint);

	while (lo < hi) {
		struct memslot *slot = set->slot[array_index_nospec(mid, set->nr)];

		if (memslot_has(slot, gfn)) {
			if (READ_ONCE(set->hint) != mid)
				WRITE_ONCE(set->hint, mid);
			return slot;
		}
		if (gfn < slot->base_gfn)
			hi = mid;
		else
			lo = mid + 1;
		mid = lo + (hi - lo) / 2;
	}
	return NULL;
}
