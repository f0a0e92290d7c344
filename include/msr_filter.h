/* SPDX-License-Identifier: GPL-2.0-only */
/* RDMSR and WRMSR of the guest: what user space denies, and what it wants to see to. */
#ifndef UMBRA_MSR_FILTER_H
#define UMBRA_MSR_FILTER_H

#include <linux/errno.h>
#include <linux/kvm.h>
#include "types.h"

struct msr_filter;
struct vcpu;
struct vm;

#define MSR_EXIT_REASONS (KVM_MSR_EXIT_REASON_INVAL | KVM_MSR_EXIT_REASON_UNKNOWN | \
			  KVM_MSR_EXIT_REASON_FILTER)

/**
 * msr_filter_set() - KVM_X86_SET_MSR_FILTER
 * @vm:		the VM
 * @arg:	user space's struct
 *
 * May sleep. No vCPU uses the old filter when it returns. KVM API 4.97. Return: 0, -EFAULT,
 * -EINVAL or -ENOMEM.
 */
long msr_filter_set(struct vm *vm, const struct kvm_msr_filter __user *arg);

/**
 * msr_filter_free() - the VM goes away
 * @filter:	or NULL
 */
void msr_filter_free(struct msr_filter *filter);

/**
 * msr_allowed() - what does the filter say?
 * @vcpu:	loaded, slots held (SRCU)
 * @index:	the MSR
 * @access:	KVM_MSR_FILTER_READ or KVM_MSR_FILTER_WRITE
 *
 * Return: whether the guest may.
 */
bool msr_allowed(struct vcpu *vcpu, u32 index, u32 access);

/**
 * msr_guest_read() - RDMSR of the guest
 * @vcpu:	loaded, slots held (SRCU)
 * @index:	ECX
 * @data:	result
 *
 * Return: as msr_read(), or -EACCES: denied.
 */
int msr_guest_read(struct vcpu *vcpu, u32 index, u64 *data);

/**
 * msr_guest_write() - WRMSR of the guest
 * @vcpu: @index: @data: as msr_guest_read()
 *
 * Return: as msr_write(), or -EACCES: denied.
 */
int msr_guest_write(struct vcpu *vcpu, u32 index, u64 data);

/**
 * msr_exit_reason() - does user space want to know?
 * @vcpu:	the vCPU
 * @err:	of msr_guest_read() or msr_guest_write()
 *
 * Return: KVM_MSR_EXIT_REASON_*; 0: no. It is #GP(0) then, or the host's error.
 */
u32 msr_exit_reason(const struct vcpu *vcpu, int err);

/**
 * msr_is_fault() - is it #GP(0), if user space does not want to know?
 * @err:	as above
 */
static inline bool msr_is_fault(int err)
{
	return err == -EINVAL || err == -ENXIO || err == -EACCES;
}

#endif
