// SPDX-License-Identifier: GPL-2.0-only
/*
 * The dirty ring: in place of a log for each slot, each vCPU tells which frames it wrote. Below the
 * MMU, which fills it; dirty_log.c is above.
 *
 * User space reads entries marked DIRTY and marks them RESET; then they are ours again. It may also
 * write whatever it likes: nothing that is read from the ring is trusted.
 */
#include <linux/kvm.h>
#include <linux/mm.h>
#include <linux/nospec.h>
#include <linux/printk.h>
#include <linux/vmalloc.h>

#include "dirty_ring.h"
#include "request.h"
#include "vcpu.h"
#include "vm.h"

int dirty_ring_create(struct vcpu *vcpu)
{
	u32 bytes = READ_ONCE(vcpu->vm->ring_bytes);

	if (!bytes)
		return 0;
	vcpu->ring.entry = __vmalloc(bytes, GFP_KERNEL_ACCOUNT | __GFP_ZERO);
	if (!vcpu->ring.entry)
		return -ENOMEM;
	vcpu->ring.size = bytes / sizeof(*vcpu->ring.entry);
	return 0;
}

void dirty_ring_destroy(struct vcpu *vcpu)
{
	vfree(vcpu->ring.entry);
}

struct page *dirty_ring_page(const struct vcpu *vcpu, unsigned long page)
{
	unsigned long n = vcpu->ring.size * sizeof(*vcpu->ring.entry) / PAGE_SIZE;

	page -= KVM_DIRTY_LOG_PAGE_OFFSET;
	if (page >= n)
		return NULL;
	page = array_index_nospec(page, n);
	return vmalloc_to_page((void *)vcpu->ring.entry + (page << PAGE_SHIFT));
}

static struct kvm_dirty_gfn *entry_at(const struct vcpu_ring *ring, u32 at)
{
	return &ring->entry[at & (ring->size - 1)];
}

static u32 ring_used(const struct vcpu_ring *ring)
{
	return ring->dirty - READ_ONCE(ring->reset);
}

bool dirty_ring_full(const struct vcpu *vcpu)
{
	const struct vcpu_ring *ring = &vcpu->ring;

	return ring->size && ring_used(ring) >= ring->size - DIRTY_RING_SPARE;
}

/* The last entry says so, and is not taken back yet: then the frame is still to be looked at. */
static bool just_told(const struct vcpu_ring *ring, u32 slot, u64 offset)
{
	return ring_used(ring) && ring->last_slot == slot && ring->last_offset == offset &&
	       smp_load_acquire(&entry_at(ring, ring->dirty - 1)->flags);
}

void dirty_ring_push(struct vcpu *vcpu, u32 slot, u64 offset)
{
	struct vcpu_ring *ring = &vcpu->ring;
	struct kvm_dirty_gfn *entry = entry_at(ring, ring->dirty);

	if (just_told(ring, slot, offset))
		return;
	if (ring_used(ring) >= ring->size) {
		pr_err_ratelimited("umbra: the dirty ring overflows\n");
		return;
	}
	entry->slot = slot;
	entry->offset = offset;
	smp_store_release(&entry->flags, KVM_DIRTY_GFN_F_DIRTY);
	ring->last_slot = slot;
	ring->last_offset = offset;
	WRITE_ONCE(ring->dirty, ring->dirty + 1);
	if (dirty_ring_full(vcpu))
		vcpu_request(vcpu, REQ_RING_FULL);
}

bool dirty_ring_take(struct vcpu *vcpu, u32 *slot, u64 *offset)
{
	struct vcpu_ring *ring = &vcpu->ring;
	struct kvm_dirty_gfn *entry = entry_at(ring, ring->reset);

	if (READ_ONCE(ring->dirty) == ring->reset ||
	    !(smp_load_acquire(&entry->flags) & KVM_DIRTY_GFN_F_RESET))
		return false;
	*slot = READ_ONCE(entry->slot);
	*offset = READ_ONCE(entry->offset);
	smp_store_release(&entry->flags, 0);
	WRITE_ONCE(ring->reset, ring->reset + 1);
	return true;
}
