/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The VM's chips: a pair of 8259 PICs, an 82093 I/O APIC, an 8254 PIT, and the routes to them.
 * In irq/. Each has a raw lock of its own, taken with interrupts off: any context may set a line.
 */
#ifndef UMBRA_IRQCHIP_H
#define UMBRA_IRQCHIP_H

#include <linux/spinlock.h>

#include "irq.h"

/*
 * Who holds a line up; a pin is up while anyone does. IRQ_SOURCE_STATUS is IRQ_SOURCE_USER by
 * KVM_IRQ_LINE_STATUS: for it alone the RTC's interrupt is coalesced until its EOI.
 */
enum irq_source { IRQ_SOURCE_USER, IRQ_SOURCE_RESAMPLE, IRQ_SOURCE_PIT, IRQ_SOURCE_STATUS };

/**
 * struct irq_route - one of the ways of a GSI
 * @gsi:	the GSI
 * @chip:	KVM_IRQCHIP_PIC_MASTER, _PIC_SLAVE or _IOAPIC; or IRQ_ROUTE_MSI
 * @pin:	of the chip; 0 to 7 for a PIC
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
 * @gsi:	by chip and pin: its GSI, the last one if it has several; -1: none
 * @first:	by GSI: index of its first route in @route; [IRQ_MAX_GSIS] is @nr
 * @route:	sorted by GSI
 */
struct irq_routes {
	u32 nr;
	s16 gsi[KVM_NR_IRQCHIPS][IOAPIC_PINS];
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
 * irq_routes_gsi() - which GSI is a pin's? (for irq_host_acked() and irq_host_unmasked())
 * @routes:	held by the caller
 * @chip: @pin:	as irq_host_acked() is told
 *
 * Return: the GSI, or -1.
 */
int irq_routes_gsi(const struct irq_routes *routes, unsigned int chip, unsigned int pin);

/**
 * irq_host_unmasked() - asked of the host: the guest has unmasked a pin
 * @chips: @chip: @pin: as irq_host_acked(), which is the model for the context too
 *
 * If the pin is GSI 0's, pit_unmasked() is to be called. If it is the I/O APIC's and its GSI is
 * resampled, the line is let go and resamplefd signalled, as at an EOI: the device may have lowered
 * it while it was masked, and raises it again if not.
 */
void irq_host_unmasked(struct irq_chips *chips, unsigned int chip, unsigned int pin);

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

/**
 * pic_create() - in its state after power-on
 * @chips:	the VM's; the caller publishes the pair in it
 *
 * May sleep. Return: NULL: no memory.
 */
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

/**
 * pic_get_state() - KVM_GET_IRQCHIP
 * @pic: @chip: KVM_IRQCHIP_PIC_MASTER or _SLAVE
 * @state:	filled in
 */
void pic_get_state(struct pic *pic, unsigned int chip, struct kvm_pic_state *state);

/**
 * pic_set_state() - KVM_SET_IRQCHIP
 * @pic: @chip: as pic_get_state()
 * @state:	not trusted; what no PIC can be in becomes what it can
 *
 * An interrupt that is requested in it needs no other event. Return: 0.
 */
int pic_set_state(struct pic *pic, unsigned int chip, const struct kvm_pic_state *state);

/* ---- I/O APIC: irq/ioapic.c ---- */

/**
 * ioapic_create() - in its state after power-on
 * @chips:	the VM's; the caller publishes it there
 *
 * May sleep. Return: NULL: no memory.
 */
struct ioapic *ioapic_create(struct irq_chips *chips);

/**
 * ioapic_chips() - whose is it?
 * @ioapic:	the I/O APIC
 */
struct irq_chips *ioapic_chips(const struct ioapic *ioapic);

/**
 * ioapic_destroy() - the host's timer for it is stopped before
 * @ioapic:	the I/O APIC, or NULL
 */
void ioapic_destroy(struct ioapic *ioapic);

/**
 * ioapic_set_line() - a pin, 0 to 23
 * @ioapic: @source: @pin: @level: as irq_set_line()
 *
 * An edge that finds its pin masked is not sent when it is unmasked (82093AA 3.2.4). Return: as
 * irq_set_line().
 */
int ioapic_set_line(struct ioapic *ioapic, enum irq_source source, unsigned int pin, bool level);

/**
 * ioapic_mmio_read() - its registers, IOAPIC_SIZE bytes at IOAPIC_BASE
 * @ioapic: @offset: @len: @data: as lapic_mmio_read()
 */
#define IOAPIC_BASE	0xfec00000u
#define IOAPIC_SIZE	0x100
void ioapic_mmio_read(struct ioapic *ioapic, u32 offset, u32 len, void *data);
void ioapic_mmio_write(struct ioapic *ioapic, u32 offset, u32 len, const void *data);

/**
 * ioapic_eoi() - a local APIC has ended a vector that ioapic_watches(), edge-triggered ones too
 * @ioapic:	the I/O APIC
 * @src:	whose: its TMR and its suppressed broadcast (SPIV) decide about remote IRR
 * @vector:	which
 *
 * irq_host_acked() is called for its pins. Remote IRR is cleared; the interrupt comes again if its
 * line is still up. After 10,000 of these in a row there is a pause of 10 ms.
 */
void ioapic_eoi(struct ioapic *ioapic, struct lapic *src, u8 vector);

/**
 * ioapic_watches() - is a vector in the table? (only then its EOIs matter)
 * @ioapic: @vector: any context
 */
bool ioapic_watches(const struct ioapic *ioapic, u8 vector);

/**
 * ioapic_retry() - the time set by irq_host_ioapic_timer() has come
 * @ioapic:	any context; too often is harmless
 */
void ioapic_retry(struct ioapic *ioapic);

/**
 * ioapic_get_state() - KVM_GET_IRQCHIP
 * @ioapic:	the I/O APIC
 * @state:	filled in; its irr has lines that are up, edge-triggered ones only if not sent
 */
void ioapic_get_state(struct ioapic *ioapic, struct kvm_ioapic_state *state);

/**
 * ioapic_set_state() - KVM_SET_IRQCHIP
 * @ioapic:	the I/O APIC
 * @state:	not trusted; each of its irr is sent, but what waits for an EOI (remote IRR)
 *
 * Return: 0.
 */
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

/**
 * pit_chips() - whose is it?
 * @pit:	the PIT
 */
struct irq_chips *pit_chips(const struct pit *pit);

/**
 * pit_destroy() - the host's timer for it is stopped before
 * @pit:	the PIT, or NULL
 */
void pit_destroy(struct pit *pit);

/**
 * pit_host_line() - asked of the host: set GSI 0 from IRQ_SOURCE_PIT
 * @chips: @level: by the VM's routes
 *
 * Any context that pit_timer_fired() and pit_acked() are called in, with the PIT's lock held. The
 * same goes for irq_host_pit_timer(), which must not wait for a running pit_timer_fired(); nor may
 * irq_host_ioapic_timer() for ioapic_retry().
 */
void pit_host_line(struct irq_chips *chips, bool level);

/**
 * pit_port_read() - a port that it owns
 * @pit:	the PIT
 * @port:	pit_owns() it
 *
 * Intel 8254. Return: the byte.
 */
u8 pit_port_read(struct pit *pit, u16 port);
void pit_port_write(struct pit *pit, u16 port, u8 data);

/**
 * pit_owns() - ports 0x40 to 0x43, and 0x61 where it has the speaker
 * @pit: @port: any
 */
bool pit_owns(const struct pit *pit, u16 port);

/**
 * pit_timer_fired() - the time set by irq_host_pit_timer() has come
 * @pit:	any context; too early or too often is harmless
 */
void pit_timer_fired(struct pit *pit);

/**
 * pit_acked() - GSI 0 was acknowledged: a tick that waits may follow
 * @pit:	called from irq_host_acked(), for its pins
 */
void pit_acked(struct pit *pit);

/**
 * pit_unmasked() - GSI 0 was unmasked: no tick waits any more
 * @pit:	called from irq_host_unmasked(), for its pins
 */
void pit_unmasked(struct pit *pit);

/**
 * pit_set_reinject() - KVM_REINJECT_CONTROL
 * @pit:	the PIT
 * @reinject:	missed ticks follow, each after the acknowledgment of the one before; at first so
 */
void pit_set_reinject(struct pit *pit, bool reinject);

/**
 * pit_get_state() - KVM_GET_PIT2
 * @pit:	the PIT
 * @state:	filled in; count_load_time is irq_host_now()'s
 */
void pit_get_state(struct pit *pit, struct kvm_pit_state2 *state);

/**
 * pit_set_state() - KVM_SET_PIT2
 * @pit:	the PIT
 * @state:	not trusted; what no PIT can be in becomes what it can
 *
 * As KVM has it, all counters start anew now, whatever count_load_time says. With
 * KVM_PIT_FLAGS_HPET_LEGACY channel 0 has no interrupt. Return: 0.
 */
int pit_set_state(struct pit *pit, const struct kvm_pit_state2 *state);

#endif
