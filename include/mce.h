/* SPDX-License-Identifier: GPL-2.0-only */
/* Machine checks that user space injects, and their MSRs. In mce.c. */
#ifndef UMBRA_MCE_H
#define UMBRA_MCE_H

#include <linux/kvm.h>
#include "types.h"

struct vcpu;

#define MCE_MAX_BANKS 32

/**
 * struct vcpu_mce - the machine-check architecture of a vCPU; INIT leaves it alone
 * @cap: @status: @ctl: MCG_CAP, MCG_STATUS, MCG_CTL
 * @bank:	CTL, STATUS, ADDR, MISC of each bank
 */
struct vcpu_mce {
	u64 cap, status, ctl;
	u64 bank[MCE_MAX_BANKS * 4];
};

/**
 * mce_create() - as many banks as there can be, none of them on
 * @vcpu:	new
 */
void mce_create(struct vcpu *vcpu);

/**
 * mce_cap_supported() - KVM_X86_GET_MCE_CAP_SUPPORTED
 * @arg:	user space's u64
 *
 * KVM API 4.104. Return: 0 or -EFAULT.
 */
long mce_cap_supported(u64 __user *arg);

/**
 * mce_set_cap() - KVM_X86_SETUP_MCE
 * @vcpu:	locked
 * @cap:	for MCG_CAP: how many banks, and what they can
 *
 * KVM API 4.105. Return: 0 or -EINVAL.
 */
int mce_set_cap(struct vcpu *vcpu, const u64 *cap);

/**
 * mce_inject() - KVM_X86_SET_MCE
 * @vcpu:	locked and loaded
 * @mce:	not trusted
 *
 * What is uncorrected is #MC for the guest, or its end if it can't take one. KVM API 4.106, Intel
 * SDM 3B 16.3. Return: 0 or -EINVAL.
 */
int mce_inject(struct vcpu *vcpu, const struct kvm_x86_mce *mce);

/**
 * mce_read() - RDMSR
 * @vcpu:	the vCPU
 * @index:	of the MSR
 * @data:	result
 * @host:	on behalf of user space
 *
 * Return: 0, -EINVAL for #GP, -ENOENT: none of these.
 */
int mce_read(const struct vcpu *vcpu, u32 index, u64 *data, bool host);

/**
 * mce_write() - WRMSR
 * @vcpu: @index: @data: @host: as mce_read()
 *
 * Return: as mce_read().
 */
int mce_write(struct vcpu *vcpu, u32 index, u64 data, bool host);

#endif
