/* SPDX-License-Identifier: GPL-2.0-only */
/* Execute one instruction on the processor that the test runs on. */
#ifndef UMBRA_EMULATE_NATIVE_H
#define UMBRA_EMULATE_NATIVE_H

#include "emulate.h"

struct native_state {
	u64 regs[GPR_COUNT];
	u64 rip, rflags;
	u16 cs, ss;
	u8 xmm[16][16];
};

/* What ended the instruction: vector 1 (#DB) is the single step, so it was executed. */
struct native_end {
	unsigned int vector;
	u32 error;
	u64 cr2;
};

/**
 * native_init() - install the signal handlers
 *
 * Return: 0, or -1 with a message on stderr.
 */
int native_init(void);

/**
 * native_step() - load the registers, execute one instruction, take the registers
 * @state:	registers, in and out
 * @end:	how it ended
 *
 * The caller answers for what the instruction does to memory.
 */
void native_step(struct native_state *state, struct native_end *end);

#endif
