// SPDX-License-Identifier: GPL-2.0-only
/* Device writes that need no exit at once: they gather in a ring that user space looks at later. */
#include <linux/kvm.h>
#include <linux/list.h>
#include <linux/mm.h>
#include <linux/nospec.h>
#include <linux/slab.h>
#include <linux/spinlock.h>

#include "coalesced.h"
#include "vcpu.h"
#include "vm.h"

#define ZONES_MAX	1000	/* of ports, and as many of memory */

struct write_zone {
	struct list_head node;
	u64 first, end;
	bool port;
};

int coalesced_init(struct vm *vm)
{
	struct vm_coalesced *c = &vm->coalesced;

	spin_lock_init(&c->lock);
	INIT_LIST_HEAD(&c->zones);
	c->ring = (void *)get_zeroed_page(GFP_KERNEL_ACCOUNT);
	return c->ring ? 0 : -ENOMEM;
}

void coalesced_destroy(struct vm *vm)
{
	struct write_zone *zone, *next;

	list_for_each_entry_safe(zone, next, &vm->coalesced.zones, node)
		kfree(zone);
	free_page((unsigned long)vm->coalesced.ring);
}

/* One that wraps has nothing. */
static bool zone_has(const struct write_zone *zone, u64 first, u64 len, bool port)
{
	return zone->port == port && first >= zone->first && first <= zone->end &&
	       len <= zone->end - first;
}

int coalesced_register(struct vm *vm, const struct kvm_coalesced_mmio_zone *want)
{
	struct vm_coalesced *c = &vm->coalesced;
	struct write_zone *zone;
	int r = 0;

	if (want->pio > 1)
		return -EINVAL;
	zone = kmalloc(sizeof(*zone), GFP_KERNEL_ACCOUNT);
	if (!zone)
		return -ENOMEM;
	*zone = (struct write_zone){
		.first = want->addr, .end = want->addr + want->size, .port = want->pio,
	};
	spin_lock(&c->lock);
	if (c->nr[zone->port] == ZONES_MAX) {
		r = -ENOSPC;
	} else {
		c->nr[zone->port]++;
		list_add_tail(&zone->node, &c->zones);
	}
	spin_unlock(&c->lock);
	if (r)
		kfree(zone);
	return r;
}

int coalesced_unregister(struct vm *vm, const struct kvm_coalesced_mmio_zone *want)
{
	struct vm_coalesced *c = &vm->coalesced;
	struct write_zone *zone, *next;

	if (want->pio > 1)
		return -EINVAL;
	spin_lock(&c->lock);
	list_for_each_entry_safe(zone, next, &c->zones, node) {
		if (!zone_has(zone, want->addr, want->size, want->pio))
			continue;
		list_del(&zone->node);
		c->nr[zone->port]--;
		kfree(zone);
	}
	spin_unlock(&c->lock);
	return 0;
}

/* User space may write anything into the ring: what is read from it is checked. */
static bool ring_add(struct kvm_coalesced_mmio_ring *ring, const struct io_access *a)
{
	struct kvm_coalesced_mmio *entry;
	u32 last = READ_ONCE(ring->last), next = (last + 1) % KVM_COALESCED_MMIO_MAX;

	if (last >= KVM_COALESCED_MMIO_MAX || next == READ_ONCE(ring->first))
		return false;
	entry = &ring->coalesced_mmio[array_index_nospec(last, KVM_COALESCED_MMIO_MAX)];
	entry->phys_addr = a->gpa;
	entry->len = a->len;
	entry->pio = a->port;
	memcpy(entry->data, a->data, a->len);
	smp_store_release(&ring->last, next);
	return true;
}

bool coalesced_write(struct vcpu *vcpu, const struct io_access *a)
{
	struct vm_coalesced *c = &vcpu->vm->coalesced;
	struct write_zone *zone;
	bool done = false;

	if (!a->write || list_empty_careful(&c->zones))
		return false;
	spin_lock(&c->lock);
	list_for_each_entry(zone, &c->zones, node)
		if (zone_has(zone, a->gpa, a->len, a->port)) {
			done = ring_add(c->ring, a);
			break;
		}
	spin_unlock(&c->lock);
	return done;
}
