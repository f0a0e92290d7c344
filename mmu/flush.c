// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the guest invalidates, and what the host must see flushed.
 *
 * A shadow page in sync never holds what the guest's table does not say; pages
 * out of sync are compared with the guest's when the guest flushes.
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

#define ANY_PCID	(~0ull)

/* The entry that translates an address must be true in these address spaces. */
static void roots_sync_address(struct mmu_vcpu *m, u64 pcid, gva_t gva)
{
	struct mmu_root *r;

	if (!READ_ONCE(m->vm->nr_unsync))
		return;
	spin_lock(&m->vm->lock);
	for (r = m->roots; r < m->roots + MMU_ROOTS; r++) {
		if (r->hpa == INVALID_ROOT || (pcid != ANY_PCID && r->pcid != pcid))
			continue;
		/* Where no TLB entry is left, all is synced anyway when the root is taken up. */
		if ((r->left_at && r->used > m->flushed) || r == m->root)
			sync_address(m, r, gva);
	}
	spin_unlock(&m->vm->lock);
}

void mmu_invlpg(struct mmu_vcpu *m, gva_t gva)
{
	m->vm->stats.invlpgs++;
	m->invlpgs++;
	/* Global entries go in all address spaces. */
	roots_sync_address(m, ANY_PCID, gva);
	/* One address's flush by the hardware (INVVPID, INVLPGA) may leave links for others. */
	if (m->split_seen == m->vm->split_gen) {
		host_flush_gva(m, gva);
		return;
	}
	m->split_seen = m->vm->split_gen;
	host_flush_vcpu(m);
}

/* What the hardware holds of an address space that is not loaded goes when it is. */
void mmu_flush_address(struct mmu_vcpu *m, u64 pcid, gva_t gva)
{
	m->vm->stats.invlpgs++;
	m->invlpgs++;
	roots_sync_address(m, pcid, gva);
}
