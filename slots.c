// SPDX-License-Identifier: GPL-2.0-only
/* Which slot has a guest frame? Below the MMU, which memslot.c is above. */
#include <linux/compiler.h>
#include <linux/interval_tree.h>

#include "memslot.h"
#include "slots.h"
#include "vm.h"

struct memslot *memslot_find(struct vm *vm, gfn_t gfn)
{
	struct memslots *set = memslots_of(vm);
	struct memslot *slot = READ_ONCE(set->hint);
	struct interval_tree_node *node;

	if (slot && memslot_has(slot, gfn))
		return slot;
	node = interval_tree_iter_first(&set->by_gfn, gfn, gfn);
	if (!node)
		return NULL;
	slot = &container_of(node, struct slot, by_gfn[memslots_nr(vm, set)])->mem;
	WRITE_ONCE(set->hint, slot);
	return slot;
}
