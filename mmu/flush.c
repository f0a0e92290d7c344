// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the guest invalidates, and what the host must see flushed.
 *
 * A shadow page in sync never holds what the guest's table does not say, so
 * INVLPG and CR3 loads are only about the hardware's TLB.
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

void mmu_flush(struct mmu_vm *vm)
{
	spin_lock(&vm->lock);
	flush_remote(vm);
	spin_unlock(&vm->lock);
}

void mmu_invlpg(struct mmu_vcpu *m, gva_t gva)
{
	m->vm->stats.invlpgs++;
	host_flush_gva(m, gva);
}

void mmu_flush_guest(struct mmu_vcpu *m)
{
	m->vm->stats.guest_flushes++;
	trace_umbra_flush(false);
	host_flush_vcpu(m);
}
