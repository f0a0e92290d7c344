/* SPDX-License-Identifier: GPL-2.0-only */
/* What a VM and a vCPU hold of their interrupt controllers (chips.h). */
#ifndef UMBRA_VM_CHIPS_H
#define UMBRA_VM_CHIPS_H

#include <linux/hashtable.h>
#include <linux/hrtimer.h>
#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/spinlock.h>

#include "apic.h"
#include "irqchip.h"

struct eventfd_ctx;
struct vcpu;
struct vm;

/* Where a VM's interrupt controllers are: in user space, in here, or here the local APICs only. */
enum chips_mode { CHIPS_USER, CHIPS_KERNEL, CHIPS_SPLIT };

/**
 * struct resampler - who is told of a GSI's EOI
 * @node:	in vm_chips.resamplers
 * @gsi:	the GSI
 * @ctx:	the eventfd; NULL: nobody, and not in the list
 */
struct resampler {
	struct list_head node;
	u32 gsi;
	struct eventfd_ctx *ctx;
};

/**
 * struct vm_chips - a VM's interrupt controllers
 * @vm:		whose
 * @chips:	for irq/; @chips.apic has IRQ_MAX_APICS entries
 * @mode:	set once, before there is a vCPU
 * @split_pins:	GSIs below it are pins of user space's I/O APIC
 * @routes:	published by RCU
 * @lock:	protects changes of @routes, @resamplers, @ioeventfds
 * @irqfds:	eventfds that are lines; @irqfd_lock protects them
 * @resamplers:	those of them that wait for an EOI (RCU)
 * @ioeventfds:	device registers that are eventfds, @nr_ioeventfds of them, by address (RCU)
 * @pit_timer: @ioapic_timer: call the chip's function when its time has come
 */
struct vm_chips {
	struct vm *vm;
	struct irq_chips chips;
	enum chips_mode mode;
	unsigned int split_pins;
	struct irq_routes __rcu *routes;
	struct mutex lock;
	spinlock_t irqfd_lock;
	struct list_head irqfds, resamplers;
	DECLARE_HASHTABLE(ioeventfds, 6);
	unsigned int nr_ioeventfds;
	struct hrtimer pit_timer, ioapic_timer;
};

/**
 * struct vcpu_chips - a vCPU's local APIC
 * @vcpu:	whose
 * @apic:	the APIC
 * @timer:	calls lapic_timer_fired()
 * @eois:	vectors whose EOI user space is to be told of (split)
 */
struct vcpu_chips {
	struct vcpu *vcpu;
	struct lapic apic;
	struct hrtimer timer;
	unsigned long eois[APIC_VECTORS / BITS_PER_LONG];
};

#endif
