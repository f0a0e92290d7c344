// SPDX-License-Identifier: GPL-2.0-only
/*
 * What is due before the lock is let go: flushes, and what was zapped is freed.
 *
 * Floor 1.
 */
#include "internal.h"

/* Every processor forgets every translation of the VM. The lock is held. */
void flush_remote(struct mmu_vm *vm)
{
	vm->tlb_dirty = false;
	vm->stats.remote_flushes++;
	trace_umbra_flush(true);
	host_flush_remote(vm);
}

/*
 * Before something relies on no processor having a right that no spte gives:
 * also sptes dropped earlier on the guest's behalf, whose flush is the guest's
 * own affair, may live on in a TLB.
 */
void flush_if(struct mmu_vm *vm, bool changed)
{
	if (changed || vm->tlb_dirty)
		flush_remote(vm);
}

/* Free what was zapped, once no processor can walk it any more. */
void page_commit(struct mmu_vm *vm)
{
	struct shadow_page *sp, *n;

	vm->commit_due = false;
	if (vm->reload) {
		vm->reload = false;
		host_request_reload(vm);
	}
	if (list_empty(&vm->doomed))
		return;
	flush_remote(vm);
	list_for_each_entry_safe(sp, n, &vm->doomed, list) {
		list_del(&sp->list);
		host_free_table(sp->spt);
		host_free(sp);
		vm->work += 10;
	}
	vm->audit_due = READ_ONCE(mmu_audit_on);
}

/*
 * work_relax - in a long operation, give others a chance when it is time
 *
 * All that was zapped is committed. Nothing found under the lock may be used after it was let go.
 * Return: whether it was.
 */
bool work_relax(struct mmu_vm *vm)
{
	if (likely(vm->work < WORK_MAX))
		return false;
	page_commit(vm);
	vm->work = 0;
	host_relax(vm);
	return true;
}
