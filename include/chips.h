/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The interrupt controllers of irq/ as parts of a VM and its vCPUs. In chips.c (the controllers'
 * host), chips_vm.c, vcpu_irq.c, device.c and eventfd.c.
 */
#ifndef UMBRA_CHIPS_H
#define UMBRA_CHIPS_H

#include "irqchip.h"

struct io_access;
struct vcpu;
struct vm;

/* ---- chips.c ---- */

/**
 * chips_init() - a VM begins with its controllers in user space
 * @vm:	new
 *
 * Return: 0 or -ENOMEM.
 */
int chips_init(struct vm *vm);

/**
 * chips_destroy() - free all
 * @vm:	its vCPUs still are there, but don't run
 */
void chips_destroy(struct vm *vm);

/**
 * chips_split() - KVM_CAP_SPLIT_IRQCHIP: local APICs in the kernel, the others in user space
 * @vm:		without vCPUs
 * @pins:	GSIs reserved for the I/O APIC in user space
 *
 * KVM API 7.5. Return: 0, -EINVAL (@pins), -EEXIST (chips or vCPUs are there), -ENOMEM.
 */
int chips_split(struct vm *vm, u64 pins);

/**
 * chips_x2apic_api() - KVM_CAP_X2APIC_API
 * @vm:		any
 * @flags:	KVM_X2APIC_API_*
 *
 * KVM API 7.7. Return: 0 or -EINVAL.
 */
int chips_x2apic_api(struct vm *vm, u64 flags);

/**
 * chips_vm_ioctl() - the VM's ioctls for its chips, routes and eventfds
 * @vm: @cmd: @arg: as ioctl() has them
 *
 * May sleep. KVM API 4.24 to 4.26, 4.52, 4.59, 4.70 to 4.72, 4.75. Return: as KVM; -ENOTTY: not
 * one of them.
 */
long chips_vm_ioctl(struct vm *vm, unsigned int cmd, unsigned long arg);

/**
 * chips_vcpu_create() - the vCPU gets an APIC, if the VM has them in the kernel
 * @vcpu:	new
 *
 * Return: 0 or -ENOMEM.
 */
int chips_vcpu_create(struct vcpu *vcpu);
void chips_vcpu_destroy(struct vcpu *vcpu);

/**
 * chips_publish() - others may send to the vCPU's APIC from now on
 * @vcpu:	its VM's lock is held
 */
void chips_publish(struct vcpu *vcpu);

/**
 * chips_reset() - the vCPU's APIC after reset or INIT
 * @vcpu:	mode.apic_base is set
 * @init:	INIT
 */
void chips_reset(struct vcpu *vcpu, bool init);

/**
 * chips_set_line() - a GSI's line
 * @vm: @source: @gsi: @level: as irq_set_line(), by the routes of the moment
 *
 * Any context. Return: as irq_set_line().
 */
int chips_set_line(struct vm *vm, enum irq_source source, u32 gsi, bool level);

/**
 * chips_send_msi() - a message-signalled interrupt
 * @vm:		with APICs in the kernel
 * @msi:	not trusted
 *
 * KVM API 4.70. Return: > 0 delivered, 0 masked, -EINVAL.
 */
int chips_send_msi(struct vm *vm, const struct kvm_msi *msi);

/**
 * chips_has_irq() - does an interrupt wait in the vCPU's controllers?
 * @vcpu:	has an APIC in the kernel; its own thread calls
 */
bool chips_has_irq(struct vcpu *vcpu);

/**
 * chips_settle() - if an interrupt waits: what has the guest ended without a write?
 * @vcpu:	with an APIC in the kernel or not; its own thread calls, after it took REQ_EVENT
 *
 * Before chips_take_irq(), which takes none that comes later: that has requested it anew.
 *
 * Return: false: it is to be called where it may sleep (vcpu->mmu.atomic).
 */
bool chips_settle(struct vcpu *vcpu);

/**
 * chips_take_irq() - take the interrupt that goes first
 * @vcpu:	as chips_has_irq()
 *
 * Return: vector, or -1.
 */
int chips_take_irq(struct vcpu *vcpu);

/**
 * chips_has_init() - does an INIT wait, for example for the end of SMM?
 * @vcpu:	any
 */
bool chips_has_init(const struct vcpu *vcpu);

/**
 * chips_set_init() - ... from now on, or no more (KVM_SET_VCPU_EVENTS)
 * @vcpu:	locked; without an APIC nothing happens
 * @init:	whether
 */
void chips_set_init(struct vcpu *vcpu, bool init);

/**
 * chips_set_tpr() - CR8 was written
 * @vcpu:	its own thread calls
 * @cr8:	0 to 15
 *
 * Nothing happens where the APIC is in user space.
 */
void chips_set_tpr(struct vcpu *vcpu, u64 cr8);

/**
 * chips_set_apic_base() - IA32_APIC_BASE was written
 * @vcpu: @base: @host: as lapic_set_base() has them
 *
 * Return: 0 or -EINVAL for #GP(0).
 */
int chips_set_apic_base(struct vcpu *vcpu, u64 base, bool host);

/**
 * chips_look_again() - the APIC was written to: something may be deliverable
 * @vcpu:	its own thread calls
 *
 * CR8 follows the APIC's task priority.
 */
void chips_look_again(struct vcpu *vcpu);

/**
 * chips_pop_eoi() - an EOI that user space is to be told of
 * @vcpu:	its own thread calls
 *
 * Return: vector, or -1.
 */
int chips_pop_eoi(struct vcpu *vcpu);

int chips_get_lapic(struct vcpu *vcpu, struct kvm_lapic_state *state);
int chips_set_lapic(struct vcpu *vcpu, const struct kvm_lapic_state *state);

/* ---- device.c ---- */

/**
 * device_access() - a guest's access to a device in the kernel
 * @vcpu:	its thread calls; preemption may be off
 * @a:		what; a write's data
 * @data:	a read's data
 *
 * Return: false: there is none, user space has it.
 */
bool device_access(struct vcpu *vcpu, const struct io_access *a, void *data);

/* ---- eventfd.c ---- */

/**
 * eventfd_irqfd() - KVM_IRQFD
 * @vm:		any
 * @args:	not trusted
 *
 * KVM API 4.75. Return: 0 or a negative errno.
 */
int eventfd_irqfd(struct vm *vm, const struct kvm_irqfd *args);

/**
 * eventfd_ioeventfd() - KVM_IOEVENTFD
 * @vm:		any
 * @args:	not trusted
 *
 * KVM API 4.59. Return: 0 or a negative errno.
 */
int eventfd_ioeventfd(struct vm *vm, const struct kvm_ioeventfd *args);

/**
 * eventfd_signal_io() - does an eventfd take a guest's write?
 * @vm:	the VM
 * @a:	the write
 *
 * Any context. Return: whether one has; its eventfd is signalled.
 */
bool eventfd_signal_io(struct vm *vm, const struct io_access *a);

/**
 * chips_set_bus() - KVM_CAP_X86_APIC_BUS_CYCLES_NS
 * @vm:		the VM
 * @cycle:	of the local APICs' timers, in ns
 *
 * Process context; takes vm.lock. KVM API 7.36. Return: 0; -EINVAL: 0, longer than the timers can
 * count with, or there is a vCPU; -ENXIO without local APICs.
 */
int chips_set_bus(struct vm *vm, u64 cycle);

/**
 * chips_lint0_quirk() - is LINT0 of the bootstrap processor the PIC's after reset?
 * @vm:		the VM
 * @on:		as KVM has it; else it is masked, as processors have it
 */
void chips_lint0_quirk(struct vm *vm, bool on);

/**
 * eventfd_watches() - may an eventfd take a guest's write, depending on what is written?
 * @vm:	the VM
 * @a:	the write, or a read
 *
 * Any context. Return: whether one is there.
 */
bool eventfd_watches(struct vm *vm, const struct io_access *a);

/**
 * eventfd_release() - let go of all eventfds
 * @vm:	on its way out
 */
void eventfd_release(struct vm *vm);

/**
 * eventfd_init() - at load: what drops irqfds whose eventfd was closed
 *
 * Return: 0 or -ENOMEM.
 */
int eventfd_init(void);
void eventfd_exit(void);

#endif
