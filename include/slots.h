/* SPDX-License-Identifier: GPL-2.0-only */
/* The set of memory slots, to look things up in. In slots.c and memslot.c, which changes it. */
#ifndef UMBRA_SLOTS_H
#define UMBRA_SLOTS_H

#include <linux/interval_tree.h>
#include <linux/lockdep.h>
#include <linux/rcupdate.h>
#include <linux/refcount.h>
#include <linux/srcu.h>

#include "memslot.h"
#include "vm.h"

/**
 * struct slot - a slot in the VM's sets
 * @mem:	what it is
 * @by_gfn:	@by_hva: its places, one in each of the two sets
 */
struct slot {
	struct memslot mem;
	struct interval_tree_node by_gfn[2], by_hva[2];
};

/* Which of the two sets is it? */
static inline unsigned int memslots_nr(const struct vm *vm, const struct memslots *set)
{
	return set - vm->sets;
}

/**
 * memslots_of() - the set of slots that is in force
 * @vm:	the VM
 *
 * Under srcu or slots_lock, or when the VM has no users. mmu.lock is no substitute for SRCU: who
 * publishes another set does not hold it. Return: the set, never NULL.
 */
static inline struct memslots *memslots_of(struct vm *vm)
{
	return rcu_dereference_check(vm->slots, srcu_read_lock_held(&vm->srcu) ||
				     lockdep_is_held(&vm->slots_lock) ||
				     !refcount_read(&vm->users));
}

/* User space's number of a slot has in its upper half which address space: 0, or 1 for SMM's. */
#define memslot_id_space(id)	((id) >> 16)

static inline bool memslot_id_valid(u32 id)
{
	return memslot_id_space(id) < UMBRA_MEM_SPACES && (id & 0xffff) < UMBRA_MAX_SLOTS;
}

/**
 * memslot_by_id() - the slot that user space calls so
 * @vm:	the VM; slots_lock is held
 * @id:	its number for it
 *
 * Return: slot or NULL.
 */
struct memslot *memslot_by_id(struct vm *vm, u32 id);

#endif
