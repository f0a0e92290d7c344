/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The VM's chips: a pair of 8259 PICs, an 82093 I/O APIC, an 8254 PIT, and the routes to them.
 * In irq/. Each has a raw lock of its own, taken with interrupts off: any context may set a line.
 */
#ifndef UMBRA_IRQCHIP_H
#define UMBRA_IRQCHIP_H

#include <linux/spinlock.h>

#include "irq.h"

/* Who holds a line up; a pin is up while anyone does. */
enum irq_source { IRQ_SOURCE_USER, IRQ_SOURCE_RESAMPLE, IRQ_SOURCE_PIT };

/**
 * struct irq_route - one of the ways of a GSI
 * @gsi:	the GSI
 * @chip:	KVM_IRQCHIP_PIC_MASTER, _PIC_SLAVE or _IOAPIC; or IRQ_ROUTE_MSI
 * @pin:	of the chip
 * @msi:	the message
 */
#define IRQ_ROUTE_MSI	0xff
struct irq_route {
	u32 gsi;
	u8 chip;
	u8 pin;
	struct irq_msg msi;
};

/**
 * struct irq_routes - an immutable set of routes; who holds it publishes it (RCU)
 * @nr:		how many
 * @first:	by GSI: index of its first route in @route, which is sorted by GSI; [IRQ_MAX_GSIS] is @nr
 * @route:	sorted
 */
struct irq_routes {
	u32 nr;
	u16 first[IRQ_MAX_GSIS + 1];
	struct irq_route route[];
};

/**
 * irq_routes_size() - bytes of a set of @nr routes
 * @nr:	at most IRQ_MAX_GSIS
 */
size_t irq_routes_size(u32 nr);

/**
 * irq_routes_fill() - KVM_SET_GSI_ROUTING
 * @chips:	the VM's: routes to chips that it lacks are refused
 * @routes:	irq_routes_size(@nr) bytes
 * @entry:	user space's, not trusted; in kernel memory
 * @nr:		at most IRQ_MAX_GSIS
 *
 * KVM API 4.52. Return: 0 or -EINVAL.
 */
int irq_routes_fill(const struct irq_chips *chips, struct irq_routes *routes,
		    const struct kvm_irq_routing_entry *entry, u32 nr);

/**
 * irq_routes_default() - GSIs 0 to 15 to PIC and I/O APIC, 16 to 23 to the I/O APIC
 * @routes:	irq_routes_size(IRQ_DEFAULT_ROUTES) bytes
 */
#define IRQ_DEFAULT_ROUTES	(16 + IOAPIC_PINS)
void irq_routes_default(struct irq_routes *routes);

/**
 * irq_set_line() - a GSI's line goes up or down
 * @chips:	the VM's
 * @routes:	held by the caller
 * @source:	who
 * @gsi:	any number; beyond the table: not routed
 * @level:	up; an MSI is sent
 *
 * Any context. Return: -1 not routed or masked; 0 coalesced; else to how many delivered
 * (KVM API 4.25, KVM_IRQ_LINE_STATUS).
 */
int irq_set_line(struct irq_chips *chips, const struct irq_routes *routes,
		 enum irq_source source, u32 gsi, bool level);

/**
 * irq_msi() - a message out of an address and data, as on the bus
 * @msg:	filled in
 * @chips:	the VM's: 32-bit ids or not
 * @address: @address_hi: @data: Intel SDM 3A 11.11; bits 31:8 of the id in @address_hi
 *
 * Return: 0 or -EINVAL (@address_hi).
 */
int irq_msi(struct irq_msg *msg, const struct irq_chips *chips, u32 address, u32 address_hi,
	    u32 data);

/* ---- PIC: irq/pic.c ---- */

struct pic *pic_create(struct irq_chips *chips);
void pic_destroy(struct pic *pic);

/**
 * pic_set_line() - a pin, 0 to 15
 * @pic: @source: @pin: @level: as irq_set_line()
 *
 * Return: as irq_set_line().
 */
int pic_set_line(struct pic *pic, enum irq_source source, unsigned int pin, bool level);

/**
 * pic_output() - does the master ask for an interrupt?
 * @pic:	any context
 */
bool pic_output(const struct pic *pic);

/**
 * pic_take() - INTA cycle
 * @pic:	by the vCPU that takes it
 *
 * Return: the vector; a spurious one if nothing is there any more.
 */
u8 pic_take(struct pic *pic);

/**
 * pic_port_read() - ports 0x20, 0x21, 0xa0, 0xa1, 0x4d0, 0x4d1
 * @pic:	the PIC pair
 * @port:	one of them
 *
 * Return: the byte.
 */
u8 pic_port_read(struct pic *pic, u16 port);
void pic_port_write(struct pic *pic, u16 port, u8 data);
void pic_get_state(struct pic *pic, unsigned int chip, struct kvm_pic_state *state);
int pic_set_state(struct pic *pic, unsigned int chip, const struct kvm_pic_state *state);

/* ---- I/O APIC: irq/ioapic.c ---- */

struct ioapic *ioapic_create(struct irq_chips *chips);
void ioapic_destroy(struct ioapic *ioapic);
int ioapic_set_line(struct ioapic *ioapic, enum irq_source source, unsigned int pin, bool level);

/**
 * ioapic_mmio_read() - its page, at IOAPIC_BASE
 * @ioapic: @offset: @len: @data: as apic_mmio_read()
 */
#define IOAPIC_BASE	0xfec00000u
void ioapic_mmio_read(struct ioapic *ioapic, u32 offset, u32 len, void *data);
void ioapic_mmio_write(struct ioapic *ioapic, u32 offset, u32 len, const void *data);

/**
 * ioapic_eoi() - a local APIC has ended a level-triggered vector
 * @ioapic:	the I/O APIC
 * @src:	whose
 * @vector:	which
 *
 * Remote IRR is cleared; the interrupt comes again if its line is still up. After 10,000 of these in
 * a row there is a pause of 10 ms.
 */
void ioapic_eoi(struct ioapic *ioapic, struct apic *src, u8 vector);

/**
 * ioapic_watches() - is a vector that of a level-triggered pin? (only then EOIs matter)
 * @ioapic: @vector: any context
 */
bool ioapic_watches(const struct ioapic *ioapic, u8 vector);
void ioapic_retry(struct ioapic *ioapic);
void ioapic_get_state(struct ioapic *ioapic, struct kvm_ioapic_state *state);
int ioapic_set_state(struct ioapic *ioapic, const struct kvm_ioapic_state *state);

/* ---- PIT: irq/pit.c ---- */

/**
 * pit_create() - KVM_CREATE_PIT2
 * @chips:	the VM's
 * @speaker:	port 0x61 is its own too (KVM_PIT_SPEAKER_DUMMY)
 *
 * May sleep. Channel 0 drives GSI 0 by pit_host_line(). Return: NULL: no memory.
 */
struct pit *pit_create(struct irq_chips *chips, bool speaker);
void pit_destroy(struct pit *pit);

/**
 * pit_host_line() - asked of the host: set GSI 0 from IRQ_SOURCE_PIT
 * @chips: @level: by the VM's routes
 *
 * Any context that pit_timer_fired() and pit_acked() are called in.
 */
void pit_host_line(struct irq_chips *chips, bool level);
u8 pit_port_read(struct pit *pit, u16 port);
void pit_port_write(struct pit *pit, u16 port, u8 data);

/**
 * pit_owns() - ports 0x40 to 0x43, and 0x61 where it has the speaker
 * @pit: @port: any
 */
bool pit_owns(const struct pit *pit, u16 port);
void pit_timer_fired(struct pit *pit);

/**
 * pit_acked() - GSI 0 was acknowledged: a tick that waits may follow
 * @pit:	called from irq_host_acked(), for its pins
 */
void pit_acked(struct pit *pit);
void pit_set_reinject(struct pit *pit, bool reinject);
void pit_get_state(struct pit *pit, struct kvm_pit_state2 *state);
int pit_set_state(struct pit *pit, const struct kvm_pit_state2 *state);

#endif
