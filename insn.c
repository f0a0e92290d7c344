// SPDX-License-Identifier: GPL-2.0-only
/* The instruction that exited: what it is, and what follows where it ends. */
#include <asm/debugreg.h>
#include <asm/processor-flags.h>

#include "insn.h"
#include "vcpu.h"
#include "vendor.h"

/* ---- what it is ---- */

static const struct insn *decode_line(struct code_line *line, gva_t rip, u64 low, u64 high)
{
	line->rip = rip;
	line->bytes[0] = low;
	line->bytes[1] = high;
	if (insn_decode(&line->insn, (const u8 *)line->bytes, sizeof(line->bytes),
			INSN_LONG64) == INSN_OK)
		return &line->insn;
	line->insn.length = 0;
	return NULL;
}

inline const struct insn *exit_insn(struct vcpu *vcpu, gva_t rip, const void *code)
{
	/* Neighbours get lines of their own. */
	struct code_line *line = &vcpu->code[(rip ^ rip >> 9) % VCPU_CODE_LINES];
	u64 low, high;

	memcpy(&low, code, sizeof(low));
	memcpy(&high, code + sizeof(low), sizeof(high));
	if (line->rip == rip && line->bytes[0] == low && line->bytes[1] == high &&
	    line->insn.length)
		return &line->insn;
	return decode_line(line, rip, low, high);
}

/* The instruction that exited. */
const struct insn *insn_here(struct vcpu *vcpu)
{
	u64 *code = vcpu->code_here;

	if (mmu_fetch(&vcpu->mmu, vcpu->regs.rip, code, sizeof(vcpu->code_here)) <
	    sizeof(vcpu->code_here))
		return NULL;
	return exit_insn(vcpu, vcpu->regs.rip, code);
}

/* ---- where it ends ---- */

static noinline void hold_back(struct vcpu *vcpu)
{
	vcpu->debug.held |= vcpu->debug.hits;
	vcpu->debug.hits = 0;
	if (vcpu->debug.held)
		vcpu_request(vcpu, REQ_EVENT);
}

/* One #DB for all. */
static noinline void take_traps(struct vcpu *vcpu, bool step)
{
	struct vcpu_debug *debug = &vcpu->debug;
	u64 traps = debug->held | debug->hits | (step ? DR_STEP : 0);

	debug->held = 0;
	debug->hits = 0;
	event_queue_db(vcpu, traps);
}

void insn_end(struct vcpu *vcpu, u32 shadow, bool step)
{
	if (shadow || vendor(get_shadow)(vcpu))
		vendor(set_shadow)(vcpu, shadow);
	if (unlikely(shadow & SHADOW_MOV_SS))
		hold_back(vcpu);
	else if (unlikely(step || vcpu->debug.held || vcpu->debug.hits))
		take_traps(vcpu, step);
}

void insn_finish(struct vcpu *vcpu, u64 next_rip)
{
	vcpu->regs.rip = next_rip;
	vcpu->regs.rflags &= ~(u64)X86_EFLAGS_RF;
	insn_end(vcpu, 0, vcpu->regs.rflags & X86_EFLAGS_TF);
}
