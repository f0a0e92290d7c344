// SPDX-License-Identifier: GPL-2.0-only
/*
 * Running ahead. A kernel with page-table isolation reads CR3 at each entry and each return,
 * changes a few bits and writes it back: two exits, one of them only for the sake of the other.
 * So after the read the instructions up to the write are executed here, in 64-bit mode, as long
 * as they are of the few kinds that such code consists of.
 */
#include <linux/moduleparam.h>
#include <linux/nospec.h>
#include <asm/processor-flags.h>

#include "breakpoint.h"
#include "emulate.h"
#include "exit.h"
#include "insn.h"
#include "mmu.h"
#include "mode.h"
#include "vcpu.h"

static bool ahead = true;
module_param(ahead, bool, 0644);
MODULE_PARM_DESC(ahead, "execute what is between a read and a write of CR3");

#define MAX_INSNS	16
#define WINDOW		112	/* bytes of code that are looked at */
#define MAX_BYTES	16	/* ... for each instruction */

static bool is_quad(const struct insn_opnd *opnd)
{
	return opnd->kind == OPND_REG && opnd->bytes == 8;
}

/* A quadword register or an immediate. */
static bool source(struct vcpu *vcpu, const struct insn *insn, u64 *value)
{
	if (is_quad(&insn->src))
		*value = vcpu->regs.gpr[insn->src.reg];
	else if (insn->src.kind == OPND_IMM)
		*value = insn->imm;
	else
		return false;
	return true;
}

static bool move(struct vcpu *vcpu, const struct insn *insn)
{
	u64 value;

	if (!is_quad(&insn->dst) || !source(vcpu, insn, &value))
		return false;
	vcpu->regs.gpr[insn->dst.reg] = value;
	return true;
}

static bool logic(struct vcpu *vcpu, const struct insn *insn)
{
	u64 *dst = &vcpu->regs.gpr[insn->dst.reg], src, flags;

	if (!is_quad(&insn->dst) || !source(vcpu, insn, &src))
		return false;
	*dst = insn->op == OP_AND ? *dst & src : *dst | src;
	flags = insn_result_flags(vcpu->regs.rflags, *dst, 8);
	vcpu->regs.rflags = flags & ~(u64)(X86_EFLAGS_CF | X86_EFLAGS_OF | X86_EFLAGS_AF);
	return true;
}

/* BT of a bit string in memory: the register says how far from its beginning. */
static bool bit_string(struct vcpu *vcpu, const struct insn *insn, u64 bit, u64 *word)
{
	if (insn->op != OP_BT || insn->dst.bytes != 8 || !is_quad(&insn->src) ||
	    insn->addr_bytes != 8)
		return false;
	return mmu_peek(&vcpu->mmu, insn_linear(vcpu, insn) + ((s64)bit >> 6) * 8, word);
}

static bool bit_test(struct vcpu *vcpu, const struct insn *insn)
{
	u64 *reg = &vcpu->regs.gpr[insn->dst.reg], word, bit, mask;

	if (!source(vcpu, insn, &bit))
		return false;
	if (is_quad(&insn->dst))
		word = *reg;
	else if (insn->dst.kind != OPND_MEM || !bit_string(vcpu, insn, bit, &word))
		return false;
	mask = 1ull << (bit & 63);
	vcpu->regs.rflags &= ~(u64)X86_EFLAGS_CF;
	if (word & mask)
		vcpu->regs.rflags |= X86_EFLAGS_CF;
	if (insn->op == OP_BTS)
		*reg |= mask;
	else if (insn->op == OP_BTR)
		*reg &= ~mask;
	return true;
}

/*
 * Across an end of the canonical addresses is not for us to say. No other instruction can get
 * there: the window is in one page.
 */
static bool branch(struct vcpu *vcpu, const struct insn *insn, u64 *next)
{
	if (insn->op == OP_JCC && !insn_condition(insn->cc, vcpu->regs.rflags))
		return true;
	*next += insn->imm;
	return !(insn->flags & INSN_OPSIZE) && !((*next ^ vcpu->regs.rip) >> 47);
}

/* Execute one; false: not done. The next one is at regs.rip then. */
static bool step(struct vcpu *vcpu, const struct insn *insn)
{
	u64 next = vcpu->regs.rip + insn->length;
	bool done;

	switch (insn->op) {
	case OP_NOP:
		done = true;
		break;
	case OP_JCC:
	case OP_JMP:
		done = branch(vcpu, insn, &next);
		break;
	case OP_MOV:
		done = move(vcpu, insn);
		break;
	case OP_AND:
	case OP_OR:
		done = logic(vcpu, insn);
		break;
	case OP_BT:
	case OP_BTS:
	case OP_BTR:
		done = bit_test(vcpu, insn);
		break;
	default:
		done = false;
	}
	if (done)
		vcpu->regs.rip = next;
	return done;
}

/* What is executed lies between the bytes that were read, wherever a branch leads. */
static bool in_window(gva_t start, gva_t rip, unsigned int room)
{
	return rip >= start && room >= MAX_BYTES && rip - start <= room - MAX_BYTES;
}

/* The end of it: where a value faults, or has to wait, the processor comes here again. */
static bool end_with_cr3(struct vcpu *vcpu, const struct insn *insn)
{
	if (insn->dst.reg == 3 && !mode_set_cr3(vcpu, vcpu->regs.gpr[insn->src.reg])) {
		vcpu->stats.ahead++;
		insn_finish(vcpu, vcpu->regs.rip + insn->length);
	}
	return false;
}

void insn_run_ahead(struct vcpu *vcpu)
{
	gva_t start = vcpu->regs.rip, rip;
	unsigned int room, n;
	const struct insn *insn;
	u8 code[WINDOW] __uninitialized;

	if (!READ_ONCE(ahead))
		return;
	/* Single steps and breakpoints are between instructions. The shadow tables know no sign. */
	if ((vcpu->regs.rflags & X86_EFLAGS_TF) || (vcpu_dr7(vcpu) & BREAKPOINTS_ENABLED) ||
	    !canonical_in(start, 48))
		return;
	room = mmu_fetch(&vcpu->mmu, start, code, sizeof(code));
	for (n = 0; n < MAX_INSNS; n++) {
		rip = vcpu->regs.rip;
		if (!in_window(start, rip, room))
			return;
		insn = insn_find(vcpu, rip, INSN_LONG64,
				 code + array_index_nospec(rip - start, WINDOW - MAX_BYTES + 1));
		if (!insn || (insn->flags & (INSN_LOCKED | INSN_REP | INSN_REPNE)))
			return;
		if (insn->op == OP_MOV_TO_CR ? !end_with_cr3(vcpu, insn) : !step(vcpu, insn))
			return;
	}
}
