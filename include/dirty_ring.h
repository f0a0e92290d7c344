/* SPDX-License-Identifier: GPL-2.0-only */
/* The dirty ring of a vCPU (dirty_ring.c). KVM API 8.29. */
#ifndef UMBRA_DIRTY_RING_H
#define UMBRA_DIRTY_RING_H

#include "types.h"

#define DIRTY_RING_ENTRIES	65536	/* at most */
#define DIRTY_RING_SPARE	64	/* for what one exit writes after the ring counts as full */

struct page;
struct vcpu;

/**
 * dirty_ring_create() - an empty ring, if the VM's vCPUs have one
 * @vcpu:	new
 *
 * May sleep. Return: 0 or -ENOMEM.
 */
int dirty_ring_create(struct vcpu *vcpu);

/**
 * dirty_ring_destroy() - free it, if there is one
 * @vcpu:	on its way out
 */
void dirty_ring_destroy(struct vcpu *vcpu);

/**
 * dirty_ring_page() - what user space maps
 * @vcpu:	the vCPU
 * @page:	number in its mapping, from KVM_DIRTY_LOG_PAGE_OFFSET on
 *
 * Return: the page, or NULL.
 */
struct page *dirty_ring_page(const struct vcpu *vcpu, unsigned long page);

/**
 * dirty_ring_push() - a frame was written, or may be from now on
 * @vcpu:	has a ring; by its own thread only
 * @slot:	user space's number for the slot
 * @offset:	the frame's in the slot
 *
 * Never sleeps.
 */
void dirty_ring_push(struct vcpu *vcpu, u32 slot, u64 offset);

/**
 * dirty_ring_full() - must user space empty it before the guest goes on?
 * @vcpu:	any
 *
 * Return: true if only the spare entries are left.
 */
bool dirty_ring_full(const struct vcpu *vcpu);

/**
 * dirty_ring_take() - take back the oldest entry
 * @vcpu:	has a ring; the VM's slots_lock is held
 * @slot:	@offset: what the entry says now; not to be trusted
 *
 * Return: false if user space has not given it back.
 */
bool dirty_ring_take(struct vcpu *vcpu, u32 *slot, u64 *offset);

#endif
