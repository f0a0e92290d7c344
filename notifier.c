// SPDX-License-Identifier: GPL-2.0-only
/* The host's MMU notifier: what becomes of the VMM's memory becomes of the sptes that map it. */
#include <linux/interval_tree.h>
#include <linux/mm.h>
#include <linux/mmu_notifier.h>

#include "compat.h"
#include "memslot.h"
#include "mmu.h"
#include "slots.h"
#include "vm.h"

#include "mmu/host.h"

static struct vm *notifier_to_vm(struct mmu_notifier *mn)
{
	return container_of(mn, struct vm, notifier);
}

struct hva_op {
	unsigned long start, end;
	bool clear, relax;
	bool (*fn)(struct mmu_vm *mmu, const struct memslot *slot, gfn_t first, gfn_t end,
		   const struct hva_op *op);
};

static bool op_zap(struct mmu_vm *mmu, const struct memslot *slot, gfn_t first, gfn_t end,
		   const struct hva_op *op)
{
	return mmu_zap_range(mmu, slot, first, end, op->relax);
}

static bool op_age(struct mmu_vm *mmu, const struct memslot *slot, gfn_t first, gfn_t end,
		   const struct hva_op *op)
{
	return mmu_age_range(mmu, slot, first, end, op->clear);
}

/* Calls op->fn for the part of a slot that lies in the range. */
static bool slot_hva(struct vm *vm, const struct memslot *slot, const struct hva_op *op)
{
	unsigned long slot_end = slot->hva + (slot->npages << PAGE_SHIFT);
	unsigned long start = max(op->start, slot->hva);
	unsigned long end = min(op->end, slot_end);

	if (start >= end)
		return false;
	return op->fn(&vm->mmu, slot, slot->base_gfn + ((start - slot->hva) >> PAGE_SHIFT),
		      slot->base_gfn + ((end - slot->hva + ~PAGE_MASK) >> PAGE_SHIFT), op);
}

/*
 * All slots in the range, and the one on its way out; mmu.lock is held, and let go between them if
 * op->relax.
 */
static bool for_each_hva(struct vm *vm, const struct hva_op *op)
{
	struct memslots *set = memslots_of(vm);
	bool any = vm->dying && slot_hva(vm, vm->dying, op);
	unsigned int nr = memslots_nr(vm, set);
	struct interval_tree_node *node;

	node = interval_tree_iter_first(&set->by_hva, op->start, op->end - 1);
	for (; node; node = interval_tree_iter_next(node, op->start, op->end - 1))
		any |= slot_hva(vm, &container_of(node, struct slot, by_hva[nr])->mem, op);
	return any;
}

/* Overlapping invalidations are remembered as one that spans them all. */
static void inval_begin(struct vm *vm, unsigned long start, unsigned long end)
{
	if (!vm->inval_count++) {
		vm->inval_start = start;
		vm->inval_end = end;
		return;
	}
	vm->inval_start = min(vm->inval_start, start);
	vm->inval_end = max(vm->inval_end, end);
}

static int inval_range_start(struct mmu_notifier *mn, const struct mmu_notifier_range *range)
{
	struct hva_op op = {
		.start = range->start, .end = range->end, .fn = op_zap,
		.relax = mmu_notifier_range_blockable(range),
	};
	struct vm *vm = notifier_to_vm(mn);
	int idx = srcu_read_lock(&vm->srcu);

	spin_lock(&vm->mmu.lock);
	inval_begin(vm, range->start, range->end);
	if (for_each_hva(vm, &op))
		host_flush_remote(&vm->mmu);
	spin_unlock(&vm->mmu.lock);
	srcu_read_unlock(&vm->srcu, idx);
	return 0;
}

/*
 * The generation grows before the count falls: whoever sees the count at zero and looked a
 * page up before then sees a new generation.
 */
static void inval_range_end(struct mmu_notifier *mn, const struct mmu_notifier_range *range)
{
	struct vm *vm = notifier_to_vm(mn);

	spin_lock(&vm->mmu.lock);
	vm->inval_seq++;
	smp_wmb();
	vm->inval_count--;
	spin_unlock(&vm->mmu.lock);
}

static bool age(struct mmu_notifier *mn, unsigned long start, unsigned long end, bool clear,
		bool flush)
{
	struct hva_op op = { .start = start, .end = end, .clear = clear, .fn = op_age };
	struct vm *vm = notifier_to_vm(mn);
	int idx = srcu_read_lock(&vm->srcu);
	bool young;

	spin_lock(&vm->mmu.lock);
	young = for_each_hva(vm, &op);
	if (young && flush)
		host_flush_remote(&vm->mmu);
	spin_unlock(&vm->mmu.lock);
	srcu_read_unlock(&vm->srcu, idx);
	return young;
}

static mmu_young_t clear_flush_young(struct mmu_notifier *mn, struct mm_struct *mm,
				     unsigned long start, unsigned long end)
{
	return age(mn, start, end, true, true);
}

static mmu_young_t clear_young(struct mmu_notifier *mn, struct mm_struct *mm,
			       unsigned long start, unsigned long end)
{
	return age(mn, start, end, true, false);
}

static mmu_young_t test_young(struct mmu_notifier *mn, struct mm_struct *mm,
			      unsigned long address)
{
	return age(mn, address, address + PAGE_SIZE, false, false);
}

static void mm_release(struct mmu_notifier *mn, struct mm_struct *mm)
{
	struct vm *vm = notifier_to_vm(mn);
	int idx = srcu_read_lock(&vm->srcu);

	mmu_vm_zap_all(&vm->mmu);
	srcu_read_unlock(&vm->srcu, idx);
}

static const struct mmu_notifier_ops notifier_ops = {
	.invalidate_range_start = inval_range_start,
	.invalidate_range_end = inval_range_end,
	.clear_flush_young = clear_flush_young,
	.clear_young = clear_young,
	.test_young = test_young,
	.release = mm_release,
};

int notifier_register(struct vm *vm)
{
	vm->notifier.ops = &notifier_ops;
	return mmu_notifier_register(&vm->notifier, vm->mm);
}

void notifier_unregister(struct vm *vm)
{
	mmu_notifier_unregister(&vm->notifier, vm->mm);
}
