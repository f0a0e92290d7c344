/* SPDX-License-Identifier: GPL-2.0-only */
/* The instruction that exited: finding and decoding it, where it ends, and going on from there. */
#ifndef UMBRA_INSN_H
#define UMBRA_INSN_H

#include "emulate.h"
#include "types.h"

struct vcpu;
struct exit;

/* ---- insn.c ---- */

/**
 * insn_find() - decode, or find decoded, an instruction
 * @vcpu:	whose cache is used
 * @gva:	where it is
 * @mode:	of the code
 * @code:	16 bytes from there on
 *
 * Any context. Return: the instruction, until the next call; NULL if it is none.
 */
const struct insn *insn_find(struct vcpu *vcpu, gva_t gva, enum insn_mode mode, const void *code);

/**
 * insn_here() - the instruction that exited, by way of the shadow tables
 * @vcpu:	loaded
 * @exit:	which says if this is 64-bit mode
 *
 * Any context. Return: the instruction, until the next call; NULL if it is none, or its code is
 * not mapped now, or some of it is on another page.
 */
const struct insn *insn_here(struct vcpu *vcpu, const struct exit *exit);

/**
 * insn_linear() - linear address of the memory operand
 * @vcpu:	loaded; registers are those before the instruction
 * @insn:	at RIP
 *
 * Any context. Return: the address; of limits and rights nothing is known.
 */
gva_t insn_linear(struct vcpu *vcpu, const struct insn *insn);

/**
 * insn_trim() - a value as wide as RIP, registers and addresses are for the instruction that exited
 * @vcpu:	loaded
 * @exit:	why
 * @value:	any
 *
 * Any context. Return: all of it in 64-bit mode, else 32 bits. Intel SDM 1 3.4.1.1 and 3.5.
 */
u64 insn_trim(struct vcpu *vcpu, const struct exit *exit, u64 value);

/**
 * insn_next() - where the instruction behind the one that exited begins
 * @vcpu:	loaded
 * @exit:	why; @exit->next_rip is known
 *
 * Any context. Return: RIP.
 */
u64 insn_next(struct vcpu *vcpu, const struct exit *exit);

/**
 * insn_skip() - insn_finish() of the instruction that exited
 * @vcpu:	loaded
 * @exit:	why; @exit->next_rip is known
 */
void insn_skip(struct vcpu *vcpu, const struct exit *exit);

/**
 * insn_finish() - an instruction was completed on behalf of the guest
 * @vcpu:	loaded
 * @next_rip:	where the next one begins
 *
 * Moves RIP, clears RFLAGS.RF, and does what insn_end() does.
 */
void insn_finish(struct vcpu *vcpu, u64 next_rip);

/**
 * insn_end() - what every instruction ends with that software executes
 * @vcpu:	loaded; RIP and RFLAGS are those after the instruction
 * @shadow:	SHADOW_* that it leaves behind; the old one ends
 * @step:	RFLAGS.TF was set when it began, so that a trap is due (not after MOV SS)
 *
 * One #DB for all that is due now: the single step, breakpoints that the instruction met
 * (vcpu->debug.hits), and what MOV SS before it has held back (vcpu->debug.held). If this is
 * MOV SS itself, its hits are held back. Intel SDM 3A 6.8.3, 3B 18.3.1.4.
 */
void insn_end(struct vcpu *vcpu, u32 shadow, bool step);

/* ---- ahead.c ---- */

/**
 * insn_run_ahead() - go on after a read of CR3, up to the write that most often follows
 * @vcpu:	in 64-bit mode at CPL 0, about to be entered
 *
 * Executes none, some or all of the instructions up to there: what is not plain is left to the
 * processor. Interrupts are on.
 */
void insn_run_ahead(struct vcpu *vcpu);

#endif
