// SPDX-License-Identifier: GPL-2.0-only
/* KVM_ENABLE_CAP: a table of what a VMM can turn on, for a VM and for a vCPU. */
#include <linux/kernel.h>
#include <linux/uaccess.h>

#include <asm/cpufeature.h>

#include "cap.h"
#include "chips.h"
#include "compat.h"
#include "dirty_ring.h"
#include "msr_filter.h"
#include "vcpu.h"
#include "vm.h"

/* The limit is set once, and before there is a vCPU. */
static int limit_vcpu_ids(struct vm *vm, const struct kvm_enable_cap *cap)
{
	u64 limit = cap->args[0];
	int r = -EINVAL;

	if (limit > UMBRA_MAX_VCPU_IDS)
		return -EINVAL;
	mutex_lock(&vm->lock);
	if (limit == vm->max_vcpu_ids) {
		r = 0;
	} else if (!vm->max_vcpu_ids && vm->boot_id <= limit) {
		vm->max_vcpu_ids = limit;
		r = 0;
	}
	mutex_unlock(&vm->lock);
	return r;
}

static int use_dirty_ring(struct vm *vm, const struct kvm_enable_cap *cap)
{
	return dirty_ring_enable(vm, cap->args[0]);
}

static int split_irqchip(struct vm *vm, const struct kvm_enable_cap *cap)
{
	return chips_split(vm, cap->args[0]);
}

static int x2apic_api(struct vm *vm, const struct kvm_enable_cap *cap)
{
	return chips_x2apic_api(vm, cap->args[0]);
}

static int use_exception_payload(struct vm *vm, const struct kvm_enable_cap *cap)
{
	WRITE_ONCE(vm->exception_payload, cap->args[0]);
	return 0;
}

static int use_triple_fault_event(struct vm *vm, const struct kvm_enable_cap *cap)
{
	WRITE_ONCE(vm->triple_fault_event, cap->args[0]);
	return 0;
}

static int use_msr_exits(struct vm *vm, const struct kvm_enable_cap *cap)
{
	if (cap->args[0] & ~(u64)MSR_EXIT_REASONS)
		return -EINVAL;
	WRITE_ONCE(vm->msr_exits, cap->args[0]);
	return 0;
}

static int exit_on_failure(struct vm *vm, const struct kvm_enable_cap *cap)
{
	if (cap->args[0] & ~1ull)
		return -EINVAL;
	WRITE_ONCE(vm->exit_on_failure, cap->args[0]);
	return 0;
}

static int show_platform_info(struct vm *vm, const struct kvm_enable_cap *cap)
{
	WRITE_ONCE(vm->no_platform_info, !cap->args[0]);
	return 0;
}

static int disable_quirks(struct vm *vm, const struct kvm_enable_cap *cap)
{
	if (cap->args[0] & ~(u64)VM_QUIRKS)
		return -EINVAL;
	WRITE_ONCE(vm->quirks_off, cap->args[0]);
	chips_lint0_quirk(vm, !(cap->args[0] & KVM_X86_QUIRK_LINT0_REENABLED));
	return 0;
}

static int set_apic_bus(struct vm *vm, const struct kvm_enable_cap *cap)
{
	return chips_set_bus(vm, cap->args[0]);
}

u32 cap_exits(void)
{
	bool mwait = boot_cpu_has(X86_FEATURE_MWAIT) && boot_cpu_has(X86_FEATURE_ARAT) &&
		     !boot_cpu_has_bug(X86_BUG_MONITOR);

	return KVM_X86_DISABLE_EXITS_HLT | KVM_X86_DISABLE_EXITS_PAUSE |
	       (mwait ? KVM_X86_DISABLE_EXITS_MWAIT : 0);
}

/* As in KVM it is for vCPUs that are made later, but for what CPUID says. */
static int turn_exits_off(struct vm *vm, const struct kvm_enable_cap *cap)
{
	if (cap->args[0] & ~(u64)cap_exits())
		return -EINVAL;
	mutex_lock(&vm->lock);
	WRITE_ONCE(vm->exits_off, vm->exits_off | cap->args[0]);
	mutex_unlock(&vm->lock);
	return 0;
}

static const struct {
	u32 cap;
	int (*enable)(struct vm *vm, const struct kvm_enable_cap *cap);
} vm_caps[] = {
	{ KVM_CAP_MAX_VCPU_ID, limit_vcpu_ids },
	{ KVM_CAP_MANUAL_DIRTY_LOG_PROTECT2, memslot_log_options },
	{ KVM_CAP_DIRTY_LOG_RING, use_dirty_ring },
	{ KVM_CAP_DIRTY_LOG_RING_ACQ_REL, use_dirty_ring },
	{ KVM_CAP_SPLIT_IRQCHIP, split_irqchip },
	{ KVM_CAP_X2APIC_API, x2apic_api },
	{ KVM_CAP_X86_USER_SPACE_MSR, use_msr_exits },
	{ KVM_CAP_EXCEPTION_PAYLOAD, use_exception_payload },
	{ KVM_CAP_X86_DISABLE_EXITS, turn_exits_off },
	{ KVM_CAP_X86_TRIPLE_FAULT_EVENT, use_triple_fault_event },
	{ KVM_CAP_EXIT_ON_EMULATION_FAILURE, exit_on_failure },
	{ KVM_CAP_MSR_PLATFORM_INFO, show_platform_info },
	{ KVM_CAP_DISABLE_QUIRKS2, disable_quirks },
	{ KVM_CAP_X86_APIC_BUS_CYCLES_NS, set_apic_bus },
};

long vm_enable_cap(struct vm *vm, const struct kvm_enable_cap __user *arg)
{
	struct kvm_enable_cap cap;
	unsigned int i;

	if (copy_from_user(&cap, arg, sizeof(cap)))
		return -EFAULT;
	if (cap.flags)
		return -EINVAL;
	for (i = 0; i < ARRAY_SIZE(vm_caps); i++)
		if (vm_caps[i].cap == cap.cap)
			return vm_caps[i].enable(vm, &cap);
	return -EINVAL;
}

/* The others are Hyper-V's and other processors'. */
long vcpu_enable_cap(struct vcpu *vcpu, const struct kvm_enable_cap __user *arg)
{
	struct kvm_enable_cap cap;

	if (copy_from_user(&cap, arg, sizeof(cap)))
		return -EFAULT;
	if (cap.flags || cap.cap != KVM_CAP_ENFORCE_PV_FEATURE_CPUID)
		return -EINVAL;
	vcpu->cpuid.enforce_pv = cap.args[0];
	return 0;
}
