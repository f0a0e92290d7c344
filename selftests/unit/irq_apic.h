/* SPDX-License-Identifier: GPL-2.0-only */
/* A fake host of local APICs: its clock, timers, and what it was told. */
#ifndef UMBRA_IRQ_APIC_TEST_H
#define UMBRA_IRQ_APIC_TEST_H

#include <linux/container_of.h>
#include <linux/kernel.h>

#include "apic.h"
#include "tap.h"

#define MAX_CPUS	24
#define BASE_XAPIC	0xfee00800ull
#define BASE_X2APIC	0xfee00c00ull
#define BASE_OFF	0xfee00000ull
#define BSP		0x100ull
#define SPIV_ON		0x1ffu
#define MASKED		0x10000u
#define MSR_DEADLINE	0x6e0u

/* Registers. */
enum {
	ID = 0x20, VERSION = 0x30, TPR = 0x80, APR = 0x90, PPR = 0xa0, EOI = 0xb0, RRR = 0xc0,
	LDR = 0xd0, DFR = 0xe0, SPIV = 0xf0, ISR = 0x100, TMR = 0x180, IRR = 0x200, ESR = 0x280,
	CMCI = 0x2f0, ICR = 0x300, ICR2 = 0x310, LVTT = 0x320, LVTTHERMAL = 0x330, LVTPERF = 0x340,
	LINT0 = 0x350, LINT1 = 0x360, LVTERR = 0x370, TMICT = 0x380, TMCCT = 0x390, TDCR = 0x3e0,
	SELF_IPI = 0x3f0,
};

/**
 * struct cpu - a vCPU, as far as its APIC sees one
 * @kicks: @nmis: @smis: @eois: how often the host was told
 * @eoi_vector:	the last one
 * @timer_at:	its timer is set to that; 0: not
 * @tsc:	its TSC at time 0
 * @pv_eoi:	the guest can end interrupts without a write, if it finds @offered; memory of both
 *		is out of reach while @away
 */
struct cpu {
	struct lapic apic;
	unsigned int kicks, nmis, smis, eois;
	u8 eoi_vector;
	u64 timer_at;
	u64 tsc;
	bool pv_eoi, offered, away;
};

struct host {
	struct irq_chips chips;
	struct cpu cpu[MAX_CPUS];
	u64 now;
	u32 khz;
};

extern struct host host;

/* A VM of so many vCPUs with ids from 0 on, all in xAPIC mode and enabled by software. */
void begin(unsigned int nr);

/* One vCPU more, as after power-on. */
struct cpu *add_cpu(u32 id);

/* A register, in whichever mode the APIC is; put() of an x2APIC must succeed. */
u32 get(struct cpu *cpu, u32 reg);
void put(struct cpu *cpu, u32 reg, u32 value);

/* Sends by the ICR. */
void ipi(struct cpu *cpu, u32 dest, u32 low);

/* All into x2APIC mode. */
void all_x2(void);

/* Takes what is pending; -1: nothing. */
int take_next(struct cpu *cpu);

/* Time goes by, and timers fire. */
void advance(u64 ns);

bool in(struct cpu *cpu, u32 bitmap, u8 vector);

/* As a guest does at the end of its handler: by a write, unless it is offered better. */
void end_interrupt(struct cpu *cpu);

#endif
