/* SPDX-License-Identifier: GPL-2.0-only */
/* KVM_ENABLE_CAP: what a VMM turns on. In cap.c. */
#ifndef UMBRA_CAP_H
#define UMBRA_CAP_H

#include <linux/kvm.h>

struct vcpu;
struct vm;

/**
 * vm_enable_cap() - KVM_ENABLE_CAP on a VM
 * @vm:		the VM
 * @arg:	user space's struct
 *
 * Process context. KVM API 4.37. Return: 0, -EFAULT, or -EINVAL: flags, a capability that is not
 * turned on this way, or what that one says of its arguments.
 */
long vm_enable_cap(struct vm *vm, const struct kvm_enable_cap __user *arg);

/**
 * vcpu_enable_cap() - KVM_ENABLE_CAP on a vCPU
 * @vcpu:	locked
 * @arg:	user space's struct
 *
 * Return: as vm_enable_cap().
 */
long vcpu_enable_cap(struct vcpu *vcpu, const struct kvm_enable_cap __user *arg);

/**
 * cap_exits() - which exits can be turned off?
 *
 * Return: KVM_X86_DISABLE_EXITS_*.
 */
u32 cap_exits(void);

#endif
