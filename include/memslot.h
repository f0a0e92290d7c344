/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A memslot: a run of guest frames backed by the VMM's own memory.
 */
#ifndef UMBRA_MEMSLOT_H
#define UMBRA_MEMSLOT_H

#include <linux/nospec.h>

#include "types.h"

#define MEMSLOT_READONLY	0x1u	/* guest writes are MMIO */
#define MEMSLOT_LOG_DIRTY	0x2u	/* dirty_bitmap is kept */

#define MEMSLOT_LEVELS		3	/* 4 KiB, 2 MiB, 1 GiB */

/**
 * struct memslot - one guest memory region
 * @base_gfn:	first guest frame; with GFN_SMM the slot is one of SMM's
 * @npages:	number of 4 KiB frames, never 0
 * @hva:	host virtual address of the first frame, page aligned
 * @flags:	MEMSLOT_*
 * @id:		user space's number for it
 * @dirty_bitmap: one bit a frame, set when written; NULL unless LOG_DIRTY
 * @settling:	the log is being turned on or read: sptes of frames that are not in it, or not any
 *		more, may still be writable
 * @rmap_base:	for each mapping level the link id of the first frame's rmap head
 *		(owned by mmu/, see mmu/rmap.c)
 *
 * A slot that is visible to lookups never changes except for the bits in
 * @dirty_bitmap, and @settling; a change makes a new slot.
 */
struct memslot {
	gfn_t base_gfn;
	u64 npages;
	unsigned long hva;
	u32 flags;
	u32 id;
	unsigned long *dirty_bitmap;
	bool settling;
	u32 rmap_base[MEMSLOT_LEVELS];
};

static inline bool memslot_has(const struct memslot *slot, gfn_t gfn)
{
	return gfn - slot->base_gfn < slot->npages;
}

/* A frame's number in its slot, in bounds under speculation too: the guest chose the gfn. */
#define memslot_index(slot, gfn)	\
	array_index_nospec((u64)((gfn) - (slot)->base_gfn), (slot)->npages)

static inline unsigned long memslot_hva(const struct memslot *slot, gfn_t gfn)
{
	return slot->hva + (memslot_index(slot, gfn) << 12);
}

struct vm;

/**
 * memslot_find() - the slot of a gfn
 * @vm:		the VM
 * @gfn:	guest frame, with GFN_SMM as SMM sees it
 *
 * Under srcu or slots_lock; mmu.lock alone does not keep the slots. Return: slot or NULL.
 */
struct memslot *memslot_find(struct vm *vm, gfn_t gfn);

#endif
