/* SPDX-License-Identifier: GPL-2.0-only */
/* User space debugs the guest: KVM_SET_GUEST_DEBUG and KVM_EXIT_DEBUG. In guest_debug.c. */
#ifndef UMBRA_GUEST_DEBUG_H
#define UMBRA_GUEST_DEBUG_H

#include <linux/kvm.h>
#include "exit.h"

struct vcpu;

/* What a VMM may ask for (KVM_CAP_SET_GUEST_DEBUG2). */
#define GUEST_DEBUG_VALID (KVM_GUESTDBG_ENABLE | KVM_GUESTDBG_SINGLESTEP | \
			   KVM_GUESTDBG_USE_HW_BP | KVM_GUESTDBG_USE_SW_BP | \
			   KVM_GUESTDBG_INJECT_BP | KVM_GUESTDBG_INJECT_DB | \
			   KVM_GUESTDBG_BLOCKIRQ)

/**
 * guest_debug_set() - KVM_SET_GUEST_DEBUG
 * @vcpu:	locked and loaded, slots held (SRCU)
 * @dbg:	not trusted
 *
 * KVM API 4.86. Return: 0, -EINVAL (unknown bits of control), -EBUSY (to be injected, and an
 * exception waits already).
 */
int guest_debug_set(struct vcpu *vcpu, const struct kvm_guest_debug *dbg);

/**
 * guest_debug_begin() - KVM_RUN begins: a single step is due
 * @vcpu:	loaded
 */
void guest_debug_begin(struct vcpu *vcpu);

/**
 * guest_debug_end() - KVM_RUN ends: the guest's own RFLAGS.TF is back
 * @vcpu:	loaded
 */
void guest_debug_end(struct vcpu *vcpu);

/**
 * guest_debug_trap() - tell user space of a #DB (REQ_DEBUG)
 * @vcpu:	loaded
 *
 * Return: TO_USER.
 */
enum handled guest_debug_trap(struct vcpu *vcpu);

/**
 * guest_debug_at_int3() - is the instruction that exited a breakpoint of user space's?
 * @vcpu:	loaded, slots held (SRCU); may sleep
 *
 * Return: whether guest_debug_int3() is to be called.
 */
bool guest_debug_at_int3(struct vcpu *vcpu);

/**
 * guest_debug_int3() - tell user space of an INT3
 * @vcpu:	loaded, RIP is at it
 *
 * Return: TO_USER.
 */
enum handled guest_debug_int3(struct vcpu *vcpu);

/**
 * guest_debug_int() - INT n, INT3 or INTO exited, as user space has breakpoints in memory
 * @vcpu:	loaded, slots held (SRCU); may sleep
 *
 * Return: TO_USER, or what follows from delivering what is none.
 */
enum handled guest_debug_int(struct vcpu *vcpu);

/**
 * guest_debug_pass_int3() - user space has INT3's #BP queued for the guest: RIP goes behind
 * @vcpu:	loaded, slots held (SRCU); may sleep
 *
 * Does nothing where RIP is not at an INT3.
 */
void guest_debug_pass_int3(struct vcpu *vcpu);

#endif
