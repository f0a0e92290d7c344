// SPDX-License-Identifier: GPL-2.0-only
/*
 * RDMSR and WRMSR of the guest: what user space denies (KVM_X86_SET_MSR_FILTER), and what is an
 * exit instead of #GP (KVM_CAP_X86_USER_SPACE_MSR). User space's own accesses are not filtered.
 */
#include <linux/bitops.h>
#include <linux/nospec.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "msr_filter.h"
#include "request.h"
#include "state.h"
#include "vcpu.h"
#include "vm.h"

#define X2APIC_FIRST	0x800
#define X2APIC_LAST	0x8ff	/* the local APIC's, which can't be denied */

/**
 * struct msr_filter - a filter, which does not change once it is in force
 * @deny:	what is in no range
 * @nr:	how many ranges
 * @range:	bitmaps: 1 allows
 */
struct msr_filter {
	bool deny;
	unsigned int nr;
	struct {
		u32 flags, base, nmsrs;
		unsigned long *bitmap;
	} range[KVM_MSR_FILTER_MAX_RANGES];
};

void msr_filter_free(struct msr_filter *filter)
{
	while (filter && filter->nr)
		kfree(filter->range[--filter->nr].bitmap);
	kfree(filter);
}

static int take_range(struct msr_filter *filter, const struct kvm_msr_filter_range *r)
{
	size_t bytes = BITS_TO_LONGS((u64)r->nmsrs) * sizeof(long);
	const void __user *from = (void __user *)(unsigned long)r->bitmap;
	unsigned long *bitmap;

	if (!r->nmsrs)
		return 0;
	if (!r->flags || r->flags & ~(KVM_MSR_FILTER_READ | KVM_MSR_FILTER_WRITE) ||
	    bytes > KVM_MSR_FILTER_MAX_BITMAP_SIZE)
		return -EINVAL;
	bitmap = memdup_user(from, bytes);
	if (IS_ERR(bitmap))
		return PTR_ERR(bitmap);
	filter->range[filter->nr].flags = r->flags;
	filter->range[filter->nr].base = r->base;
	filter->range[filter->nr].nmsrs = r->nmsrs;
	filter->range[filter->nr++].bitmap = bitmap;
	return 0;
}

static struct msr_filter *make(const struct kvm_msr_filter *from)
{
	struct msr_filter *filter = kzalloc(sizeof(*filter), GFP_KERNEL_ACCOUNT);
	unsigned int i;
	int r = 0;

	if (!filter)
		return ERR_PTR(-ENOMEM);
	filter->deny = from->flags & KVM_MSR_FILTER_DEFAULT_DENY;
	for (i = 0; !r && i < ARRAY_SIZE(from->ranges); i++)
		r = take_range(filter, &from->ranges[i]);
	/* All denied and nothing said of it: most likely not what was meant. */
	if (!r && filter->deny && !filter->nr)
		r = -EINVAL;
	if (!r)
		return filter;
	msr_filter_free(filter);
	return ERR_PTR(r);
}

/* MSRs that the guest has for itself must exit from now on, or need not any more. */
static void install(struct vm *vm, struct msr_filter *filter)
{
	struct msr_filter *old;

	mutex_lock(&vm->lock);
	old = rcu_replace_pointer(vm->msr_filter, filter, lockdep_is_held(&vm->lock));
	vm_make_request(vm, REQ_MSR_FILTER);
	mutex_unlock(&vm->lock);
	synchronize_srcu(&vm->srcu);
	msr_filter_free(old);
}

long msr_filter_set(struct vm *vm, const struct kvm_msr_filter __user *arg)
{
	struct kvm_msr_filter *from = memdup_user(arg, sizeof(*arg));
	struct msr_filter *filter;

	if (IS_ERR(from))
		return PTR_ERR(from);
	filter = from->flags & ~KVM_MSR_FILTER_DEFAULT_DENY ? ERR_PTR(-EINVAL) : make(from);
	kfree(from);
	if (IS_ERR(filter))
		return PTR_ERR(filter);
	if (!filter->nr) {
		msr_filter_free(filter);
		filter = NULL;
	}
	install(vm, filter);
	return 0;
}

/* The first range with the MSR decides. */
bool msr_allowed(struct vcpu *vcpu, u32 index, u32 access)
{
	const struct msr_filter *f = srcu_dereference(vcpu->vm->msr_filter, &vcpu->vm->srcu);
	unsigned int i;

	if (!f || (index >= X2APIC_FIRST && index <= X2APIC_LAST))
		return true;
	for (i = 0; i < f->nr; i++) {
		u32 at = index - f->range[i].base, nr = f->range[i].nmsrs;

		if (at < nr && f->range[i].flags & access)
			return test_bit(array_index_nospec(at, nr), f->range[i].bitmap);
	}
	return !f->deny;
}

int msr_guest_read(struct vcpu *vcpu, u32 index, u64 *data)
{
	if (unlikely(vcpu->filter_msrs) && !msr_allowed(vcpu, index, KVM_MSR_FILTER_READ))
		return -EACCES;
	return msr_read(vcpu, index, data, false);
}

int msr_guest_write(struct vcpu *vcpu, u32 index, u64 data)
{
	if (unlikely(vcpu->filter_msrs) && !msr_allowed(vcpu, index, KVM_MSR_FILTER_WRITE))
		return -EACCES;
	return msr_write(vcpu, index, data, false);
}

u32 msr_exit_reason(const struct vcpu *vcpu, int err)
{
	u32 wanted = READ_ONCE(vcpu->vm->msr_exits);

	switch (err) {
	case -EINVAL:
		return wanted & KVM_MSR_EXIT_REASON_INVAL;
	case -ENXIO:
		return wanted & KVM_MSR_EXIT_REASON_UNKNOWN;
	case -EACCES:
		return wanted & KVM_MSR_EXIT_REASON_FILTER;
	}
	return 0;
}
