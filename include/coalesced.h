/* SPDX-License-Identifier: GPL-2.0-only */
/* Coalesced device writes (coalesced.c). */
#ifndef UMBRA_COALESCED_H
#define UMBRA_COALESCED_H

#include "types.h"

struct io_access;
struct kvm_coalesced_mmio_zone;
struct vcpu;
struct vm;

/**
 * coalesced_init() - no zones, and an empty ring
 * @vm:	new
 *
 * May sleep. Return: 0 or -ENOMEM.
 */
int coalesced_init(struct vm *vm);

/**
 * coalesced_destroy() - free them
 * @vm:	without users
 */
void coalesced_destroy(struct vm *vm);

/**
 * coalesced_register() - KVM_REGISTER_COALESCED_MMIO
 * @vm:		the VM
 * @zone:	addresses or ports; size 0 is none of them
 *
 * May sleep. KVM API 4.116. Return: 0, -EINVAL, -ENOMEM, or -ENOSPC after 1000 zones.
 */
int coalesced_register(struct vm *vm, const struct kvm_coalesced_mmio_zone *zone);

/**
 * coalesced_unregister() - KVM_UNREGISTER_COALESCED_MMIO
 * @vm:		the VM
 * @zone:	every zone that has all of it goes
 *
 * KVM API 4.116. Return: 0, also if there is none; or -EINVAL.
 */
int coalesced_unregister(struct vm *vm, const struct kvm_coalesced_mmio_zone *zone);

/**
 * coalesced_write() - does a device access need no exit?
 * @vcpu:	its own
 * @a:		the access
 *
 * Any context that may take a spinlock. Return: true if it is a write to a zone, and now in the
 * ring; false also if the ring is full.
 */
bool coalesced_write(struct vcpu *vcpu, const struct io_access *a);

#endif
