// SPDX-License-Identifier: GPL-2.0-only
/* The instruction that exited: what it is, and what follows where it ends. */
#include <asm/debugreg.h>
#include <asm/processor-flags.h>

#include "insn.h"
#include "vcpu.h"
#include "vendor.h"

/* ---- what it is ---- */

static const struct insn *decode_line(struct code_line *line, gva_t gva, enum insn_mode mode,
				      u64 low, u64 high)
{
	line->gva = gva;
	line->bytes[0] = low;
	line->bytes[1] = high;
	if (insn_decode(&line->insn, (const u8 *)line->bytes, sizeof(line->bytes), mode) == INSN_OK)
		return &line->insn;
	line->insn.length = 0;
	return NULL;
}

inline const struct insn *insn_find(struct vcpu *vcpu, gva_t gva, enum insn_mode mode,
				    const void *code)
{
	/* Neighbours get lines of their own. */
	struct code_line *line = &vcpu->code[(gva ^ gva >> 9) % VCPU_CODE_LINES];
	u64 low, high;

	memcpy(&low, code, sizeof(low));
	memcpy(&high, code + sizeof(low), sizeof(high));
	if (line->gva == gva && line->bytes[0] == low && line->bytes[1] == high &&
	    line->insn.length && line->insn.mode == mode)
		return &line->insn;
	return decode_line(line, gva, mode, low, high);
}

/* Outside 64-bit mode there is a CS base, too. */
static noinline gva_t code_address(struct vcpu *vcpu, enum insn_mode *mode)
{
	struct kvm_segment cs;

	*mode = mode_insn(vcpu);
	if (*mode == INSN_LONG64)
		return vcpu->regs.rip;
	vendor(get_segment)(vcpu, VCPU_SREG_CS, &cs);
	return (u32)(vcpu->regs.rip + cs.base);
}

const struct insn *insn_here(struct vcpu *vcpu, const struct exit *exit)
{
	enum insn_mode mode = INSN_LONG64;
	gva_t gva = exit->long_mode ? vcpu->regs.rip : code_address(vcpu, &mode);
	u64 *code = vcpu->code_here;

	if (mmu_fetch(&vcpu->mmu, gva, code, sizeof(vcpu->code_here)) < sizeof(vcpu->code_here))
		return NULL;
	return insn_find(vcpu, gva, mode, code);
}

gva_t insn_linear(struct vcpu *vcpu, const struct insn *insn)
{
	gva_t offset = insn_address(insn, vcpu->regs.gpr, vcpu->regs.rip);
	bool is_long = insn->mode == INSN_LONG64;
	struct kvm_segment seg;

	if (is_long && insn->seg != SREG_FS && insn->seg != SREG_GS)
		return offset;
	vendor(get_segment)(vcpu, insn->seg, &seg);
	return is_long ? offset + seg.base : (u32)(offset + seg.base);
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
