/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Interrupt controllers: what they say to each other, and what they ask of their host.
 *
 * irq/ is pure: it knows neither vendor, MMU, VM nor vCPU, and builds in user space. A virtual
 * machine has one struct irq_chips; each vCPU has one struct lapic (apic.h), the VM a PIC pair, an
 * I/O APIC and a PIT (irqchip.h), or none of those three where user space has them (split).
 */
#ifndef UMBRA_IRQ_H
#define UMBRA_IRQ_H

#include <linux/atomic.h>
#include <linux/kvm.h>

#include "types.h"

struct lapic;
struct ioapic;
struct pic;
struct pit;

#define IRQ_MAX_APICS	1024	/* APICs in a VM */
#define LAPIC_MAX_CYCLE	8000000u /* ns; a count that begins at 2^32 - 1 is below 2^63 ns */
#define IRQ_MAX_IDS	4096	/* their ids are below that */
#define IRQ_MAX_GSIS	4096	/* KVM_CAP_IRQ_ROUTING */
#define IOAPIC_PINS	24

/* Delivery modes of a message: Intel SDM 3A 11.6.1, in the encoding's order. */
enum irq_mode {
	IRQ_FIXED, IRQ_LOWEST, IRQ_SMI, IRQ_REMOTE_READ, IRQ_NMI, IRQ_INIT, IRQ_SIPI, IRQ_EXTINT,
};

enum irq_shorthand { IRQ_DEST, IRQ_SELF, IRQ_ALL, IRQ_ALL_BUT_SELF };

/**
 * struct irq_msg - a message on the APIC bus: an IPI, an I/O APIC's or an MSI
 * @dest:	APIC id, or logical destination
 * @wide:	@dest is in x2APIC's form, 32 bits; else xAPIC's, 8 bits
 * @logical:	destination mode
 * @shorthand:	enum irq_shorthand; IPIs only
 * @mode:	enum irq_mode
 * @vector:	of IRQ_FIXED and IRQ_LOWEST; of IRQ_SIPI, the page to start at
 * @level:	trigger mode: level
 * @assert:	with @level: it goes up; else the message is ignored (82489DX's INIT de-assert)
 */
struct irq_msg {
	u32 dest;
	bool wide, logical;
	u8 shorthand;
	u8 mode;
	u8 vector;
	bool level, assert;
};

/**
 * struct irq_chips - a VM's interrupt controllers
 * @nr_apics:	of @apic, grows only, published with a release store; any context may read
 * @apic:	in the order of creation
 * @by_id:	IRQ_MAX_IDS pointers, by the vCPU's id; NULL: none
 * @nr_renamed:	APICs whose xAPIC ID isn't their vCPU's id: @by_id doesn't find them all; irq/'s
 * @pic: @ioapic: @pit: NULL where the VM has none of its own
 * @wide_ids:	KVM_X2APIC_API_USE_32BIT_IDS
 * @no_broadcast_quirk: KVM_X2APIC_API_DISABLE_BROADCAST_QUIRK
 * @lint0_masked: after reset, in the bootstrap processor's APIC too
 * @bus_cycle:	what the timers count, in ns; 0: 1 ns. Fixed before there is an APIC
 */
struct irq_chips {
	unsigned int nr_apics;
	struct lapic **apic;
	struct lapic **by_id;
	atomic_t nr_renamed;
	struct pic *pic;
	struct ioapic *ioapic;
	struct pit *pit;
	bool wide_ids, no_broadcast_quirk, lint0_masked;
	u32 bus_cycle;
};

/**
 * irq_deliver() - send a message to the local APICs that it is for
 * @chips:	the VM's
 * @src:	APIC that sends an IPI, or NULL
 * @msg:	what
 *
 * Any context. Each APIC that takes it is kicked. Intel SDM 3A 11.6.2, 11.12.10; AMD APM 2
 * 16.5, 16.6. Return: to how many it was delivered, those not counted where it was pending already
 * (coalesced: 0 if there is no other); -1 if no APIC is there for it or all have it masked.
 */
int irq_deliver(struct irq_chips *chips, struct lapic *src, const struct irq_msg *msg);

/**
 * irq_by_id() - a vCPU's APIC
 * @chips:	the VM's
 * @id:		any number
 *
 * Any context. Return: NULL: there is none.
 */
struct lapic *irq_by_id(const struct irq_chips *chips, u32 id);

#define IRQ_MANY_IDS	128

/**
 * irq_deliver_many() - send one message to many
 * @chips:	the VM's
 * @ids:	a bitmap of IRQ_MANY_IDS: APIC ids, counted from @first
 * @first:	any number
 * @msg:	@msg->dest is not looked at
 *
 * Any context. APICs that aren't there are left out. Return: how many there were.
 */
int irq_deliver_many(struct irq_chips *chips, const unsigned long *ids, u32 first,
		     const struct irq_msg *msg);

/**
 * irq_msg_of_icr() - what a value of the ICR's lower half sends
 * @low:	the value
 */
struct irq_msg irq_msg_of_icr(u32 low);

/* ---- asked of the host, whoever that is ---- */

/**
 * irq_host_now() - time
 *
 * Any context. Return: ns of CLOCK_MONOTONIC.
 */
u64 irq_host_now(void);

/**
 * irq_host_kick() - an APIC has something for its vCPU: an interrupt, INIT or SIPI
 * @apic:	what it has is visible to others already
 *
 * Any context. The vCPU looks before it enters its guest again; if in guest mode it leaves it,
 * if it is halted it wakes.
 */
void irq_host_kick(struct lapic *apic);

/**
 * irq_host_nmi() - deliver an NMI to the APIC's vCPU, as irq_host_kick()
 * @apic:	the APIC
 */
void irq_host_nmi(struct lapic *apic);

/**
 * irq_host_smi() - deliver an SMI, as irq_host_nmi()
 * @apic:	the APIC
 */
void irq_host_smi(struct lapic *apic);

/**
 * irq_host_apic_timer() - set when lapic_timer_fired() is to be called
 * @apic:	the APIC
 * @when:	as irq_host_now() has it, the past included; 0: not at all
 *
 * By the APIC's own vCPU, or from lapic_timer_fired(), under a lock that lapic_timer_fired() takes:
 * it must not wait for that to end. One that is replaced may still fire once, as both may run at
 * the same time.
 */
void irq_host_apic_timer(struct lapic *apic, u64 when);

/**
 * irq_host_tsc() - the vCPU's time-stamp counter
 * @apic:	the APIC; its vCPU is loaded
 * @khz:	its rate
 *
 * Return: as RDTSC in the guest would.
 */
u64 irq_host_tsc(struct lapic *apic, u32 *khz);

/**
 * irq_host_extint() - the PIC pair's output has changed
 * @chips:	the VM's
 *
 * Any context. Those vCPUs whose APIC passes it on (lapic_takes_extint()) are kicked.
 */
void irq_host_extint(struct irq_chips *chips);

/**
 * irq_host_acked() - a pin's interrupt was acknowledged: EOI, or INTA in automatic mode
 * @chips:	the VM's
 * @chip:	KVM_IRQCHIP_*
 * @pin:	of that chip
 *
 * Called without locks of irq/ held: the line may be set from within. The PIT's next tick and
 * resampling irqfds wait for it.
 */
void irq_host_acked(struct irq_chips *chips, unsigned int chip, unsigned int pin);

/**
 * irq_host_eoi() - EOI of a vector in a local APIC
 * @apic:	its vCPU's thread calls; its TMR says whether it was level-triggered
 * @vector:	any
 *
 * Goes to the I/O APIC (ioapic_eoi()) if ioapic_watches(), or to user space where that is there.
 */
void irq_host_eoi(struct lapic *apic, u8 vector);

/**
 * irq_host_offer_eoi() - let the guest end an interrupt without a write, if it knows how to
 * @apic:	its vCPU's thread calls, about to enter its guest; it may be where nothing may sleep
 * @vector:	edge-triggered, the highest in service; nothing else is waiting
 *
 * Return: false: no; it writes to the EOI register, as ever.
 */
bool irq_host_offer_eoi(struct lapic *apic, u8 vector);

/**
 * irq_host_take_eoi() - take that back
 * @apic:	as irq_host_offer_eoi()
 *
 * Return: 1: taken back; 0: the guest has ended the interrupt; -EAGAIN: to be asked again where it
 * may sleep.
 */
int irq_host_take_eoi(struct lapic *apic);

/**
 * irq_host_pit_timer() - set when pit_timer_fired() is to be called
 * @pit:	the PIT
 * @when:	as irq_host_now() has it; 0: not at all
 */
void irq_host_pit_timer(struct pit *pit, u64 when);

/**
 * irq_host_ioapic_timer() - set when ioapic_retry() is to be called
 * @ioapic:	the I/O APIC
 * @when:	as irq_host_now() has it; 0: not at all
 */
void irq_host_ioapic_timer(struct ioapic *ioapic, u64 when);

#endif
