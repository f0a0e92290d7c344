// SPDX-License-Identifier: GPL-2.0-only
/* Far control flow of real and vm86 mode; gate.c has protected mode's. */
#include "internal.h"

/*
 * A far pointer in memory: the offset, and the selector behind it, each an access of its own.
 * With REX.W the offset has 64 bits. (AMD's manual knows no such pointer, but programs that have
 * one mean nothing else.)
 */
enum emu_status emu_load_far(struct emulate_ctxt *ctxt, u64 *offset, u16 *selector)
{
	struct insn *insn = &ctxt->insn;
	unsigned int bytes = insn->op_bytes;
	u64 addr = emu_address(ctxt), behind = low_bytes(addr + bytes, insn->addr_bytes);
	enum emu_status status;

	*offset = 0;
	status = emu_read(ctxt, insn->seg, addr, offset, bytes);
	return status ? status : emu_read(ctxt, insn->seg, behind, selector, 2);
}

static enum emu_status check_offset(struct emulate_ctxt *ctxt, u64 offset)
{
	struct emulate_segment cs;

	ctxt->ops->get_segment(ctxt, SREG_CS, &cs);
	return offset > cs.limit ? emulate_raise(ctxt, EMU_GP, 0) : EMU_DONE;
}

/* Set CS and rip by the rules of real mode. The limit of CS stays what it was. */
static enum emu_status far_branch(struct emulate_ctxt *ctxt, u16 selector, u64 offset)
{
	enum emu_status status = check_offset(ctxt, offset);

	if (status)
		return status;
	ctxt->rip = offset;
	return emu_load_segment(ctxt, SREG_CS, selector);
}

static enum emu_status push_far(struct emulate_ctxt *ctxt)
{
	unsigned int bytes = ctxt->insn.op_bytes;
	struct emulate_segment cs;
	u64 next = ctxt->rip;
	enum emu_status status;

	ctxt->ops->get_segment(ctxt, SREG_CS, &cs);
	status = emu_push(ctxt, cs.selector, bytes);
	return status ? status : emu_push(ctxt, next, bytes);
}

/* Far jmp and call. */
enum emu_status exec_branch_far(struct emulate_ctxt *ctxt)
{
	struct insn *insn = &ctxt->insn;
	enum emu_status status = EMU_DONE;
	u64 offset = insn->imm;
	u16 selector = insn->imm2;

	if (insn->dst.kind == OPND_MEM)
		status = emu_load_far(ctxt, &offset, &selector);
	if (status)
		return status;
	if (!is_real_or_vm86(ctxt))
		return emu_branch_protected(ctxt, selector, offset);
	status = check_offset(ctxt, offset);
	if (!status && insn->op == OP_CALL_FAR)
		status = push_far(ctxt);
	return status ? status : far_branch(ctxt, selector, offset);
}

enum emu_status exec_ret_far(struct emulate_ctxt *ctxt)
{
	struct insn *insn = &ctxt->insn;
	enum emu_status status;
	u64 offset, selector;

	if (!is_real_or_vm86(ctxt))
		return emu_return_protected(ctxt);
	status = emu_pop(ctxt, &offset, insn->op_bytes);
	if (!status)
		status = emu_pop(ctxt, &selector, insn->op_bytes);
	if (status)
		return status;
	emu_set_gpr(ctxt, GPR_RSP, 2, ctxt->regs[GPR_RSP] + (insn->imm & 0xffff));
	return far_branch(ctxt, selector, offset);
}

static enum emu_status pop_frame(struct emulate_ctxt *ctxt, u64 frame[3])
{
	enum emu_status status = EMU_DONE;
	unsigned int i;

	for (i = 0; i < 3 && !status; i++)
		status = emu_pop(ctxt, &frame[i], ctxt->insn.op_bytes);
	return status;
}

enum emu_status exec_iret(struct emulate_ctxt *ctxt)
{
	u64 mask = emu_flags_writable(ctxt, ctxt->insn.op_bytes), frame[3];
	enum emu_status status;

	if (!is_real_or_vm86(ctxt))
		return emu_iret_protected(ctxt);
	if (ctxt->insn.op_bytes > 2)
		mask |= FL_RF;
	status = emu_check_vm86(ctxt);
	if (!status)
		status = pop_frame(ctxt, frame);
	if (!status)
		status = far_branch(ctxt, frame[1], frame[0]);
	if (status)
		return status;
	ctxt->rflags = (ctxt->rflags & ~mask) | (frame[2] & mask) | FL_FIXED;
	return EMU_DONE;
}

static enum emu_status read_vector(struct emulate_ctxt *ctxt, u8 vector, u16 entry[2])
{
	struct emulate_dt idt;
	enum emu_status status;

	if (!ctxt->ops->get_dt)
		return EMU_UNHANDLED;
	status = ctxt->ops->get_dt(ctxt, true, &idt);
	if (status)
		return status;
	if (vector * 4u + 3 > idt.limit)
		return emulate_raise(ctxt, EMU_GP, 0);
	return emu_read_linear(ctxt, (u32)(idt.base + vector * 4u), entry, 4, EMU_ACC_SYSTEM);
}

static u8 int_vector(const struct insn *insn)
{
	switch (insn->op) {
	case OP_INT3: return EMU_BP;
	case OP_INTO: return EMU_OF;
	default: return insn->imm;
	}
}

/* int n, int3 and into through the real-mode vector table. */
enum emu_status exec_int(struct emulate_ctxt *ctxt)
{
	enum emu_status status = EMU_DONE;
	u16 entry[2];

	if (ctxt->insn.op == OP_INTO && !(ctxt->rflags & FL_OF))
		return EMU_DONE;
	if (ctxt->insn.op == OP_INT)
		status = emu_check_vm86(ctxt);
	if (!status && ctxt->mode != INSN_REAL16)
		return EMU_UNHANDLED;
	ctxt->insn.op_bytes = 2;
	if (!status)
		status = read_vector(ctxt, int_vector(&ctxt->insn), entry);
	if (!status)
		status = check_offset(ctxt, entry[0]);
	if (!status)
		status = emu_push(ctxt, ctxt->rflags, 2);
	if (!status)
		status = push_far(ctxt);
	if (!status)
		status = far_branch(ctxt, entry[1], entry[0]);
	if (!status)
		ctxt->rflags &= ~(FL_IF | FL_TF | FL_AC | FL_RF);
	return status;
}
