// SPDX-License-Identifier: GPL-2.0-only
/*
 * Segment loads and far control flow. Real and vm86 mode are done here. In protected mode a
 * segment load is the op's, a far jmp is one of CS, and the rest is unhandled.
 */
#include "emulate_impl.h"

/* In real mode a load sets selector and base only, in vm86 mode the rest is fixed. */
static enum emu_status load_real(struct emulate_ctxt *ctxt, enum seg_reg reg, u16 selector)
{
	struct emulate_segment seg;

	if (!ctxt->ops->set_segment)
		return EMU_UNHANDLED;
	ctxt->ops->get_segment(ctxt, reg, &seg);
	seg.selector = selector;
	seg.base = (u64)selector << 4;
	if (ctxt->mode == INSN_VM86) {
		seg.limit = 0xffff;
		seg.type = 3;
		seg.dpl = 3;
		seg.s = seg.present = true;
		seg.avl = seg.l = seg.db = seg.g = false;
	}
	return ctxt->ops->set_segment(ctxt, reg, &seg);
}

enum emu_status emu_load_segment(struct emulate_ctxt *ctxt, enum seg_reg reg, u16 selector)
{
	if (is_real_or_vm86(ctxt))
		return load_real(ctxt, reg, selector);
	if (!ctxt->ops->load_segment)
		return EMU_UNHANDLED;
	return ctxt->ops->load_segment(ctxt, reg, selector);
}

/*
 * A far pointer in memory: the offset, and the selector behind it. With REX.W AMD and Intel do
 * not agree about the size of the offset.
 */
enum emu_status emu_load_far(struct emulate_ctxt *ctxt, u64 *offset, u16 *selector)
{
	struct insn *insn = &ctxt->insn;
	unsigned int bytes = insn->op_bytes;
	enum emu_status status;
	u8 buf[6];

	if (bytes == 8)
		return EMU_UNHANDLED;
	status = emu_read(ctxt, insn->seg, emu_address(ctxt), buf, bytes + 2);
	if (status)
		return status;
	*offset = 0;
	__builtin_memcpy(offset, buf, bytes);
	__builtin_memcpy(selector, buf + bytes, 2);
	return EMU_DONE;
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
	return load_real(ctxt, SREG_CS, selector);
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

/* To a code segment: no gates, no tasks. The old CS comes back when the offset is bad. */
static enum emu_status jmp_far_protected(struct emulate_ctxt *ctxt, u16 selector, u64 offset)
{
	struct emulate_segment old;
	enum emu_status status;

	if (ctxt->insn.op != OP_JMP_FAR || !ctxt->ops->set_segment)
		return EMU_UNHANDLED;
	ctxt->ops->get_segment(ctxt, SREG_CS, &old);
	status = emu_load_segment(ctxt, SREG_CS, selector);
	if (status)
		return status;
	status = check_offset(ctxt, offset);
	if (status)
		ctxt->ops->set_segment(ctxt, SREG_CS, &old);
	else
		ctxt->rip = offset;
	return status;
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
		return jmp_far_protected(ctxt, selector, offset);
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
		return EMU_UNHANDLED;
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
		return EMU_UNHANDLED;
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
