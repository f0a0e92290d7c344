/* SPDX-License-Identifier: GPL-2.0-only */
/* A fake host of the chips of irq/: its time, its APICs, and what it was told. */
#ifndef UMBRA_IRQ_CHIPS_H
#define UMBRA_IRQ_CHIPS_H

#include <linux/kernel.h>

#include "apic.h"
#include "irqchip.h"
#include "splitmix.h"
#include "tap.h"

#define NR_APICS	4
#define NEVER		0

/* Calls, as bits of chip and pin. */
struct told {
	unsigned int extint;			/* times */
	unsigned int acked[3][IOAPIC_PINS];	/* times */
	unsigned int unmasked[3][IOAPIC_PINS];
	unsigned int pulses;			/* of the PIT */
};

/* The host's own; each test starts with it zeroed but for chips. */
extern struct host {
	struct irq_chips chips;
	struct irq_routes *routes;
	struct lapic apic[NR_APICS];
	struct lapic *table[NR_APICS];
	struct told told;
	u64 now, pit_at, ioapic_at;
	struct irq_msg msg[64];		/* the last ones that were sent */
	unsigned int sent;
	bool pit_line;
	bool auto_ack;			/* the PIT's ticks are acknowledged at once */
	void (*on_acked)(unsigned int chip, unsigned int pin);
	void (*on_unmasked)(unsigned int chip, unsigned int pin);
} host;

/* All chips, the default routes, time 1 s. */
void host_start(void);
void host_end(void);
const struct irq_msg *host_last(void);

/* Time goes by; timers fire when they are due. */
void host_advance(u64 ns);

/* An APIC takes what is in its IRR, and ends it. */
void host_take(unsigned int apic, u8 vector);
void host_eoi(unsigned int apic, u8 vector);

static inline int line(u32 gsi, bool level)
{
	return irq_set_line(&host.chips, host.routes, IRQ_SOURCE_USER, gsi, level);
}

static inline void pic_out(u16 port, u8 data)
{
	pic_port_write(host.chips.pic, port, data);
}

static inline u8 pic_in(u16 port)
{
	return pic_port_read(host.chips.pic, port);
}

#endif
