// SPDX-License-Identifier: GPL-2.0-only
/*
 * Emulated without the emulator, between two entries: most writes to tables, and most accesses
 * to devices in the kernel, are by a plain MOV.
 */
#include "breakpoint.h"
#include "chips.h"
#include "emul.h"
#include "emulate.h"
#include "event.h"
#include "exit.h"
#include "insn.h"
#include "mmu.h"
#include "state.h"
#include "vcpu.h"

/* All of the access? Of one that straddles pages, the fault may tell where the second begins. */
static bool is_whole(struct vcpu *vcpu, const struct insn *insn, const struct insn_opnd *mem)
{
	const struct mmu_fault *f = &vcpu->fault;

	return mem->kind == OPND_MEM && mem->bytes >= 4 && !(f->gpa & (mem->bytes - 1)) &&
	       insn_linear(vcpu, insn) == f->gva;
}

static bool load_device(struct vcpu *vcpu, const struct insn *insn)
{
	struct io_access a = { .gpa = vcpu->fault.gpa & ~GPA_SMM, .len = insn->src.bytes };
	u64 value = 0;

	if (insn->dst.kind != OPND_REG || !device_access(vcpu, &a, &value))
		return false;
	vcpu->regs.gpr[insn->dst.reg] = value;
	return true;
}

static bool store_device(struct vcpu *vcpu, u64 value, unsigned int bytes)
{
	struct io_access a = {
		.gpa = vcpu->fault.gpa & ~GPA_SMM, .len = bytes, .write = true,
	};

	memcpy(a.data, &value, sizeof(value));
	return device_access(vcpu, &a, NULL);
}

/*
 * A plain MOV: a store to an upper table (a level-1 table would be out of sync by now), or to or
 * from a device in the kernel: an end of interrupt, a timer, a doorbell.
 */
static bool mov(struct vcpu *vcpu, const struct insn *insn)
{
	const struct mmu_fault *f = &vcpu->fault;
	unsigned int bytes = insn->dst.bytes;
	u64 value = insn->imm;

	if (insn->dst.kind != OPND_MEM)
		return !f->to_table && is_whole(vcpu, insn, &insn->src) && load_device(vcpu, insn);
	if (!is_whole(vcpu, insn, &insn->dst))
		return false;
	if (insn->src.kind == OPND_REG)
		value = vcpu->regs.gpr[insn->src.reg];
	else if (insn->src.kind != OPND_IMM)
		return false;
	return f->to_table ? !mmu_write_guest(&vcpu->mmu, f->gpa, &value, bytes) :
			     store_device(vcpu, value, bytes);
}

/* What is written as a block becomes a new table, or none. */
static bool is_block(const struct insn *insn)
{
	return (insn->op == OP_STOS || insn->op == OP_MOVS) &&
	       (insn->flags & (INSN_REP | INSN_REPNE));
}

bool emul_atomic(struct vcpu *vcpu, struct exit *exit)
{
	const struct mmu_fault *f = &vcpu->fault;
	const struct insn *insn;

	if (exit->delivering.type != EVENT_NONE || (vcpu_dr7(vcpu) & BREAKPOINTS_ENABLED))
		return false;
	insn = insn_here(vcpu, exit);
	if (!insn)
		return false;
	if (insn->op != OP_MOV)
		return f->to_table && is_block(insn) && !f->self_map &&
		       mmu_unprotect(&vcpu->mmu, f->gpa);
	if (!mov(vcpu, insn))
		return false;
	vcpu->stats.emulated++;
	exit->next_rip = vcpu->regs.rip + insn->length;
	insn_skip(vcpu, exit);
	return true;
}
