/* SPDX-License-Identifier: GPL-2.0-only */
/* Registers that travel in kvm_run instead of by ioctls (KVM_CAP_SYNC_REGS). In sync_regs.c. */
#ifndef UMBRA_SYNC_REGS_H
#define UMBRA_SYNC_REGS_H

struct vcpu;

/**
 * sync_from_user() - take over what kvm_dirty_regs says, when KVM_RUN begins
 * @vcpu:	locked and loaded, slots held (SRCU)
 *
 * KVM API 5 (kvm_run). Return: 0, or -EINVAL: unknown bits, or registers that KVM_SET_* refuses.
 */
int sync_from_user(struct vcpu *vcpu);

/**
 * sync_to_user() - show what kvm_valid_regs says, when KVM_RUN ends
 * @vcpu:	locked and loaded
 */
void sync_to_user(struct vcpu *vcpu);

#endif
