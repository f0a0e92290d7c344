// SPDX-License-Identifier: GPL-2.0-only
/* The instruction that exited: what it is, where it ends, and what happens there. */
#include <linux/percpu.h>

#include <asm/processor.h>
#include <asm/debugreg.h>
#include <asm/msr-index.h>
#include <asm/processor-flags.h>

#include "emulate.h"
#include "event.h"
#include "exit.h"
#include "insn.h"
#include "mmu.h"
#include "mode.h"
#include "request.h"
#include "vcpu.h"
#include "vendor.h"

/* ---- what it is ---- */

static const struct insn *decode_line(struct code_line *line, gva_t gva, enum insn_mode mode,
				      u64 low, u64 high)
{
	line->gva = gva;
	line->bytes[0] = low;
	line->bytes[1] = high;
	line->known = 0;
	if (insn_decode(&line->insn, (const u8 *)line->bytes, sizeof(line->bytes), mode) != INSN_OK)
		return NULL;
	line->known = 1 + mode;
	return &line->insn;
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
	    line->known == 1 + mode)
		return &line->insn;
	return decode_line(line, gva, mode, low, high);
}

static __always_inline const struct insn *fetch(struct vcpu *vcpu, gva_t gva, enum insn_mode mode)
{
	u64 *code = vcpu->code_here;

	if (mmu_fetch(&vcpu->mmu, gva, code, sizeof(vcpu->code_here)) < sizeof(vcpu->code_here))
		return NULL;
	return insn_find(vcpu, gva, mode, code);
}

static noinline gva_t segment_base(struct vcpu *vcpu, unsigned int seg)
{
	struct kvm_segment s;

	vendor(get_segment)(vcpu, seg, &s);
	return s.base;
}

static noinline const struct insn *fetch_in_mode(struct vcpu *vcpu)
{
	enum insn_mode mode = mode_insn(vcpu);
	gva_t gva = vcpu->regs.rip;

	if (mode != INSN_LONG64)
		gva = (u32)(gva + segment_base(vcpu, VCPU_SREG_CS));
	return fetch(vcpu, gva, mode);
}

inline const struct insn *insn_here(struct vcpu *vcpu, const struct exit *exit)
{
	if (likely(exit->long_mode))
		return fetch(vcpu, vcpu->regs.rip, INSN_LONG64);
	return fetch_in_mode(vcpu);
}

inline gva_t insn_linear(struct vcpu *vcpu, const struct insn *insn)
{
	gva_t offset = insn_address(insn, vcpu->regs.gpr, vcpu->regs.rip);

	if (insn->mode != INSN_LONG64)
		return (u32)(offset + segment_base(vcpu, insn->seg));
	if (insn->seg == SREG_FS || insn->seg == SREG_GS)
		offset += segment_base(vcpu, insn->seg);
	return offset;
}

/* ---- where it ends ---- */

/* Compatibility mode is part of long mode, but its code is not 64-bit code. */
static noinline bool is_long_code(struct vcpu *vcpu)
{
	return (vcpu->mode.efer & EFER_LMA) && mode_insn(vcpu) == INSN_LONG64;
}

inline u64 insn_trim(struct vcpu *vcpu, const struct exit *exit, u64 value)
{
	return likely(exit->long_mode) || is_long_code(vcpu) ? value : (u32)value;
}

inline u64 insn_next(struct vcpu *vcpu, const struct exit *exit)
{
	return insn_trim(vcpu, exit, exit->next_rip);
}

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

inline void insn_skip(struct vcpu *vcpu, const struct exit *exit)
{
	insn_finish(vcpu, insn_next(vcpu, exit));
}
