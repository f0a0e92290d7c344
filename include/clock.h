/* SPDX-License-Identifier: GPL-2.0-only */
/* Guest time: time stamp counters (tsc.c), and the clock that all vCPUs of a VM share (clock.c). */
#ifndef UMBRA_CLOCK_H
#define UMBRA_CLOCK_H

#include <linux/kvm.h>
#include <linux/list.h>
#include <linux/spinlock.h>

#include "types.h"

struct vcpu;
struct vm;

/**
 * struct vcpu_tsc - a vCPU's time stamp counter: the host's * @ratio + @offset
 * @offset:	changes with vm_clock.lock held
 * @ratio:	fixed point with vendor_ops.tsc_fraction bits, or 0: as fast as the host's; likewise
 * @khz:	as user space has set it
 */
struct vcpu_tsc {
	u64 offset, ratio;
	u32 khz;
};

/**
 * struct vm_clock - a VM's time
 * @lock:	protects all of it
 * @node:	in the list of all
 * @stale:	the counters or the host's clock have changed: is it still @stable?
 * @stable:	all counters are one, and so is the host's clock: time is @base_ns plus what the
 *		counter, by @ratio and @khz, has gone on since the host's was @base_tsc
 * @offset:	nanoseconds to add to the host's time since boot; if not @stable, to have the time
 * @tsc_offset:	of the vCPUs that are in step, and of new ones; their rate is @tsc_khz, 0: none yet
 * @tsc_set:	user space has set a counter
 * @default_khz: of new vCPUs
 * @wall:	MSR_KVM_WALL_CLOCK(_NEW), as written last; not under @lock
 */
struct vm_clock {
	spinlock_t lock;
	struct list_head node;
	bool stale, stable;
	u64 base_tsc, base_ns, offset, ratio;
	u32 khz;
	u64 tsc_offset;
	u32 tsc_khz, default_khz;
	bool tsc_set;
	u64 wall;
};

/* ---- tsc.c ---- */

/**
 * tsc_can_scale() - can the processor let a guest's counter run at another rate?
 * @fraction:	bits behind the point of a ratio; 0: no
 * @max:	the largest ratio
 *
 * When the module is loaded.
 */
void tsc_can_scale(u8 fraction, u64 max);

/**
 * tsc_scales() - can it?
 */
bool tsc_scales(void);

/**
 * tsc_scale() - the host's counter at a guest's rate
 * @host:	the host's counter, or a rate
 * @ratio:	vcpu_tsc.ratio
 */
u64 tsc_scale(u64 host, u64 ratio);

/**
 * tsc_read() - a vCPU's counter
 * @vcpu:	any
 */
u64 tsc_read(const struct vcpu *vcpu);

/**
 * tsc_write() - ... is written by user space
 * @vcpu:	loaded
 * @value:	to be read from now on; 0, or within a second of what vCPUs in step read, means:
 *		in step
 */
void tsc_write(struct vcpu *vcpu, u64 value);

/**
 * tsc_move() - ... goes forward at once
 * @vcpu:	loaded
 * @delta:	by so much
 */
void tsc_move(struct vcpu *vcpu, u64 delta);

/**
 * tsc_create() - a vCPU's counter begins
 * @vcpu:	new; the backend is not told
 */
void tsc_create(struct vcpu *vcpu);

/**
 * tsc_changed() - the VM has another vCPU, or the host another clock
 * @vm:	the VM
 */
void tsc_changed(struct vm *vm);

/**
 * tsc_set_khz() - KVM_SET_TSC_KHZ on a vCPU
 * @vcpu:	loaded
 * @khz:	as user space says; 0: the host's
 *
 * KVM API 4.55. Return: 0, or -EINVAL: more than 250 ppm from the host's, and no scaling.
 */
int tsc_set_khz(struct vcpu *vcpu, unsigned long khz);

/**
 * tsc_set_default_khz() - ... on a VM: for vCPUs to come
 * @vm: @khz:	as tsc_set_khz()
 */
int tsc_set_default_khz(struct vm *vm, unsigned long khz);

/**
 * tsc_attr() - KVM_{HAS,GET,SET}_DEVICE_ATTR on a vCPU: KVM_VCPU_TSC_OFFSET
 * @vcpu:	loaded; may sleep
 * @cmd:	which
 * @uattr:	user space's struct
 *
 * Linux Documentation/virt/kvm/devices/vcpu.rst, 4. Return: 0, -ENXIO: another attribute; -EFAULT.
 */
long tsc_attr(struct vcpu *vcpu, unsigned int cmd, const struct kvm_device_attr __user *uattr);

/* ---- clock.c ---- */

/**
 * clock_create() - a VM's time begins
 * @vm:	new
 */
void clock_create(struct vm *vm);

/**
 * clock_destroy() - ... ends
 * @vm:	the VM
 */
void clock_destroy(struct vm *vm);

/**
 * clock_get() - KVM_GET_CLOCK
 * @vm:		the VM
 * @data:	filled in
 *
 * KVM API 4.28.
 */
void clock_get(struct vm *vm, struct kvm_clock_data *data);

/**
 * clock_set() - KVM_SET_CLOCK
 * @vm:		the VM
 * @data:	user space's
 *
 * KVM API 4.29. Return: 0, or -EINVAL: unknown flags.
 */
int clock_set(struct vm *vm, const struct kvm_clock_data *data);

/**
 * clock_write_wall() - a guest wants to know when its clock was 0
 * @vcpu:	loaded, slots held
 * @gpa:	where to, once: version, seconds, nanoseconds of 32 bits each; 0: nowhere
 *
 * Return: 0, also if there is no memory; -EAGAIN: to be tried again where it may sleep.
 */
int clock_write_wall(struct vcpu *vcpu, u64 gpa);

/**
 * clock_update() - write the guest's clock page anew
 * @vcpu:	loaded, slots held; may sleep
 *
 * For REQ_CLOCK. Without a page, or where there is no memory: nothing.
 */
void clock_update(struct vcpu *vcpu);

/**
 * clock_stopped() - KVM_KVMCLOCK_CTRL
 * @vcpu:	loaded, slots held; may sleep
 *
 * KVM API 4.75. The page tells at once, so that it does in a snapshot of memory, too.
 *
 * Return: 0, or -EINVAL: the guest has none.
 */
int clock_stopped(struct vcpu *vcpu);

/**
 * clock_sched_in() - the vCPU's thread runs
 * @vcpu:	any
 * @cpu:	on that CPU
 *
 * Preemption is off.
 */
void clock_sched_in(struct vcpu *vcpu, int cpu);

/**
 * clock_module_init() - follow the host's clock
 *
 * Return: 0 or a negative errno.
 */
int clock_module_init(void);

/**
 * clock_resume() - the host has slept, and its counter may have begun anew
 *
 * Interrupts are off.
 */
void clock_resume(void);

/**
 * clock_module_exit() - no longer
 */
void clock_module_exit(void);

#endif
