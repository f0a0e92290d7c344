/* SPDX-License-Identifier: GPL-2.0-only */
/* A local APIC's registers, and what its three files ask of each other. */
#ifndef UMBRA_IRQ_INTERNAL_H
#define UMBRA_IRQ_INTERNAL_H

#include "apic.h"

/* Offsets of registers: Intel SDM 3A table 11-1. */
enum {
	REG_ID		= 0x020,
	REG_VERSION	= 0x030,
	REG_TPR		= 0x080,
	REG_APR		= 0x090,
	REG_PPR		= 0x0a0,
	REG_EOI		= 0x0b0,
	REG_LDR		= 0x0d0,
	REG_DFR		= 0x0e0,
	REG_SPIV	= 0x0f0,
	REG_ISR		= 0x100,
	REG_TMR		= 0x180,
	REG_IRR		= 0x200,
	REG_ESR		= 0x280,
	REG_ICR		= 0x300,
	REG_ICR2	= 0x310,
	REG_LVT_TIMER	= 0x320,
	REG_LVT_THERMAL	= 0x330,
	REG_LVT_PERF	= 0x340,
	REG_LVT_LINT0	= 0x350,
	REG_LVT_LINT1	= 0x360,
	REG_LVT_ERROR	= 0x370,
	REG_TMICT	= 0x380,
	REG_TMCCT	= 0x390,
	REG_TDCR	= 0x3e0,
	REG_SELF_IPI	= 0x3f0,
};

#define SPIV_ENABLED	BIT(8)
#define LVT_MASKED	BIT(16)
#define LVT_VECTOR	0xffu
#define LVT_MODE	(7u << 8)
#define LVT_TIMER_MODE	(3u << 17)
#define DFR_FLAT	0xffffffffu
#define DFR_CLUSTER	0x0fffffffu

static inline u32 reg_get(const struct lapic *apic, u32 reg)
{
	return READ_ONCE(*(const u32 *)(apic->regs.regs + reg));
}

static inline void reg_set(struct lapic *apic, u32 reg, u32 value)
{
	WRITE_ONCE(*(u32 *)(apic->regs.regs + reg), value);
}

/* By software: its SPIV. */
static inline bool lapic_active(const struct lapic *apic)
{
	return lapic_enabled(apic) && reg_get(apic, REG_SPIV) & SPIV_ENABLED;
}

/* The highest vector in one of the bitmaps, or -1. */
static inline int highest_vector(const unsigned long *map)
{
	int i = APIC_VECTORS / BITS_PER_LONG;

	while (i--) {
		unsigned long word = READ_ONCE(map[i]);

		if (word)
			return i * BITS_PER_LONG + __fls(word);
	}
	return -1;
}

/*
 * A fixed interrupt gets into the IRR. In any context; the caller kicks. 1: it is there, 0: it was
 * there already, -1: the APIC takes none.
 */
int lapic_set_irr(struct lapic *apic, u8 vector, bool level);

/* Timer: all by the vCPU's thread. */
void timer_init(struct lapic *apic);
void timer_reset(struct lapic *apic);
void timer_set_mode(struct lapic *apic);			/* the timer's LVT has changed */
void timer_set_initial(struct lapic *apic, u32 count);
void timer_set_divisor(struct lapic *apic, u32 tdcr);
void timer_set_deadline(struct lapic *apic, u64 tsc);
u32 timer_current(struct lapic *apic);			/* current-count register */
u64 timer_get_deadline(const struct lapic *apic);
void timer_restore(struct lapic *apic, u32 current_count);	/* registers came from user space */

#endif
