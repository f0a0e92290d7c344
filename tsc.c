// SPDX-License-Identifier: GPL-2.0-only
/*
 * Time stamp counters. All of a VM's begin as one; who sets one to about what the others read means
 * them to stay so.
 */
#include <linux/kvm.h>
#include <linux/math64.h>
#include <linux/uaccess.h>

#include <asm/msr.h>
#include <asm/tsc.h>

#include "apic.h"
#include "clock.h"
#include "compat.h"
#include "request.h"
#include "vcpu.h"
#include "vendor.h"
#include "vm.h"
#include "vm_chips.h"

/* A guest can't tell so small a difference from the host's rate; nor do hosts know it better. */
#define TOLERANCE_PPM	250

static u8 fraction;
static u64 max_ratio;

void tsc_can_scale(u8 bits, u64 max)
{
	fraction = bits;
	max_ratio = max;
}

bool tsc_scales(void)
{
	return fraction;
}

u64 tsc_scale(u64 host, u64 ratio)
{
	return ratio ? mul_u64_u64_shr(host, ratio, fraction) : host;
}

u64 tsc_read(const struct vcpu *vcpu)
{
	return tsc_scale(rdtsc_ordered(), vcpu->tsc.ratio) + vcpu->tsc.offset;
}

/* vm->clock.lock is held. */
static void changed(struct vm *vm)
{
	unsigned int i, nr = smp_load_acquire(&vm->nr_vcpus);

	vm->clock.stale = true;
	for (i = 0; i < nr; i++) {
		vcpu_request(vm->vcpus[i], REQ_CLOCK);
		vcpu_kick(vm->vcpus[i]);
	}
}

void tsc_changed(struct vm *vm)
{
	spin_lock(&vm->clock.lock);
	changed(vm);
	spin_unlock(&vm->clock.lock);
}

/* vm->clock.lock is held. */
static void jump(struct vcpu *vcpu)
{
	vendor(update_tsc)(vcpu);
	if (vcpu->chips)
		lapic_timer_rearm(&vcpu->chips->apic);
	changed(vcpu->vm);
}

/* vm->clock.lock is held. */
static void set_offset(struct vcpu *vcpu, u64 offset)
{
	if (vcpu->tsc.offset == offset)
		return;
	vcpu->tsc.offset = offset;
	jump(vcpu);
}

void tsc_move(struct vcpu *vcpu, u64 delta)
{
	struct vm_clock *clock = &vcpu->vm->clock;

	spin_lock(&clock->lock);
	set_offset(vcpu, vcpu->tsc.offset + delta);
	spin_unlock(&clock->lock);
}

/* Does user space mean the others' counter? Saving and restoring take time. */
static bool means_in_step(const struct vm_clock *clock, const struct vcpu_tsc *tsc, u64 now,
			  u64 value)
{
	u64 theirs = now + clock->tsc_offset, second = tsc->khz * 1000ull;

	if (tsc->khz != clock->tsc_khz)
		return false;
	return !value || (clock->tsc_set && value - theirs + second < 2 * second);
}

/* vm->clock.lock is held. What follows is in step with this one. */
static void lead(struct vcpu *vcpu, u64 offset)
{
	struct vm_clock *clock = &vcpu->vm->clock;

	clock->tsc_offset = offset;
	clock->tsc_khz = vcpu->tsc.khz;
}

void tsc_write(struct vcpu *vcpu, u64 value)
{
	struct vm_clock *clock = &vcpu->vm->clock;
	u64 now, offset;

	spin_lock(&clock->lock);
	now = tsc_scale(rdtsc_ordered(), vcpu->tsc.ratio);
	offset = means_in_step(clock, &vcpu->tsc, now, value) ? clock->tsc_offset : value - now;
	clock->tsc_set = true;
	lead(vcpu, offset);
	set_offset(vcpu, offset);
	spin_unlock(&clock->lock);
}

static void set_offset_by_user(struct vcpu *vcpu, u64 offset)
{
	struct vm_clock *clock = &vcpu->vm->clock;

	spin_lock(&clock->lock);
	lead(vcpu, offset);
	set_offset(vcpu, offset);
	spin_unlock(&clock->lock);
}

long tsc_attr(struct vcpu *vcpu, unsigned int cmd, const struct kvm_device_attr __user *uattr)
{
	struct kvm_device_attr attr;
	u64 __user *addr;
	u64 offset;

	if (copy_from_user(&attr, uattr, sizeof(attr)))
		return -EFAULT;
	if (attr.group != KVM_VCPU_TSC_CTRL || attr.attr != KVM_VCPU_TSC_OFFSET)
		return -ENXIO;
	addr = u64_to_user_ptr(attr.addr);
	if (cmd == KVM_GET_DEVICE_ATTR)
		return put_user(vcpu->tsc.offset, addr);
	if (cmd == KVM_HAS_DEVICE_ATTR)
		return 0;
	if (get_user(offset, addr))
		return -EFAULT;
	set_offset_by_user(vcpu, offset);
	return 0;
}

/* ---- rates ---- */

static bool near_host(u64 khz)
{
	u64 tolerance = (u64)tsc_khz * TOLERANCE_PPM / 1000000;

	return khz + tolerance >= tsc_khz && khz <= tsc_khz + tolerance;
}

/* Returns 0, or -EINVAL: the processor can't, or it would be 0 kHz, by which clock.c divides. */
static int find_ratio(u64 khz, u64 *ratio)
{
	*ratio = 0;
	if (near_host(khz))
		return 0;
	if (!fraction || khz > S32_MAX || khz >= mul_u64_u32_shr(max_ratio, tsc_khz, fraction))
		return -EINVAL;
	*ratio = mul_u64_u32_div(1ull << fraction, khz, tsc_khz);
	return tsc_scale(tsc_khz, *ratio) && *ratio ? 0 : -EINVAL;
}

int tsc_set_khz(struct vcpu *vcpu, unsigned long khz)
{
	struct vm_clock *clock = &vcpu->vm->clock;
	u64 ratio;
	int r;

	khz = (u32)khz ?: tsc_khz;
	r = find_ratio(khz, &ratio);
	if (r)
		return r;
	spin_lock(&clock->lock);
	vcpu->tsc.khz = khz;
	vcpu->tsc.ratio = ratio;
	jump(vcpu);
	spin_unlock(&clock->lock);
	return 0;
}

int tsc_set_default_khz(struct vm *vm, unsigned long khz)
{
	u64 ratio;
	int r;

	khz = (u32)khz ?: tsc_khz;
	r = find_ratio(khz, &ratio);
	if (!r)
		WRITE_ONCE(vm->clock.default_khz, khz);
	return r;
}

void tsc_create(struct vcpu *vcpu)
{
	struct vm_clock *clock = &vcpu->vm->clock;
	struct vcpu_tsc *tsc = &vcpu->tsc;

	spin_lock(&clock->lock);
	tsc->khz = clock->default_khz;
	find_ratio(tsc->khz, &tsc->ratio);
	tsc->offset = tsc->khz == clock->tsc_khz ? clock->tsc_offset :
						   -tsc_scale(rdtsc_ordered(), tsc->ratio);
	lead(vcpu, tsc->offset);
	spin_unlock(&clock->lock);
}
