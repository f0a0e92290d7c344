// SPDX-License-Identifier: GPL-2.0-only
/* CPUID's lesser ioctls: the first form of setting it, what only the emulator knows, and XCR0. */
#include <linux/kernel.h>
#include <linux/overflow.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include <asm/cpufeatures.h>

#include "state.h"
#include "vcpu.h"

static void widen(struct kvm_cpuid_entry2 *to, const struct kvm_cpuid_entry *from)
{
	*to = (struct kvm_cpuid_entry2){
		.function = from->function,
		.eax = from->eax, .ebx = from->ebx, .ecx = from->ecx, .edx = from->edx,
	};
}

int cpuid_set_old(struct vcpu *vcpu, struct kvm_cpuid __user *cpuid)
{
	struct kvm_cpuid_entry2 *entry = NULL;
	struct kvm_cpuid_entry *old;
	u32 i, nr;

	if (get_user(nr, &cpuid->nent))
		return -EFAULT;
	if (nr > UMBRA_MAX_CPUID)
		return -E2BIG;
	old = memdup_user(cpuid->entries, array_size(nr, sizeof(*old)));
	if (IS_ERR(old))
		return PTR_ERR(old);
	entry = kvcalloc(nr + 1, sizeof(*entry), GFP_KERNEL_ACCOUNT);
	for (i = 0; entry && i < nr; i++)
		widen(&entry[i], &old[i]);
	kfree(old);
	return entry ? cpuid_take(vcpu, entry, nr) : -ENOMEM;
}

static const struct kvm_cpuid_entry2 emulated[] = {
	{ .function = 0, .eax = 7 },
	{ .function = 7, .flags = KVM_CPUID_FLAG_SIGNIFCANT_INDEX,
	  .ebx = BIT(X86_FEATURE_INVPCID & 31) },
};

int cpuid_emulated(struct kvm_cpuid2 __user *cpuid)
{
	u32 i, k, nent, pad;

	if (get_user(nent, &cpuid->nent))
		return -EFAULT;
	if (nent < ARRAY_SIZE(emulated))
		return -E2BIG;
	/* As KVM: user space shows that it has cleared what may mean something later. */
	for (i = 0; i < min_t(u32, nent, UMBRA_MAX_CPUID); i++) {
		for (k = 0; k < ARRAY_SIZE(cpuid->entries[i].padding); k++) {
			if (get_user(pad, &cpuid->entries[i].padding[k]))
				return -EFAULT;
			if (pad)
				return -EINVAL;
		}
	}
	if (copy_to_user(cpuid->entries, emulated, sizeof(emulated)))
		return -EFAULT;
	return put_user((u32)ARRAY_SIZE(emulated), &cpuid->nent);
}

int cpuid_device_attr(const struct kvm_device_attr __user *arg, bool get)
{
	struct kvm_device_attr attr;

	if (copy_from_user(&attr, arg, sizeof(attr)))
		return -EFAULT;
	if (attr.group || attr.attr != KVM_X86_XCOMP_GUEST_SUPP)
		return -ENXIO;
	if (!get)
		return 0;
	return put_user(fpu_xcr0_supported(), (u64 __user *)(unsigned long)attr.addr);
}
