// SPDX-License-Identifier: GPL-2.0-only
/*
 * Segment loads, and far control flow of real and vm86 mode. In protected mode a far jmp is a
 * load of CS, and the rest is unhandled.
 */
#include "emulate_impl.h"

#define SEL_RPL		3
#define SEL_TI		4
#define SEL_ERROR	0xfffc		/* what of a selector is in an error code */

#define TYPE_ACCESSED	1
#define TYPE_WRITABLE	2		/* of data; of code: readable */
#define TYPE_CONFORMING	4
#define TYPE_CODE	8
#define TYPE_LDT	2
#define TYPE_TSS16	1
#define TYPE_TSS	9
#define TYPE_TSS_BUSY	2

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

/*
 * Protected mode: the descriptor is read, checked, marked as used, and handed to the set_segment
 * op. Intel SDM vol. 3 5.5 to 5.8, vol. 2 MOV, JMP, LLDT, LTR.
 */
struct descriptor {
	u64 low, high;			/* high: of a system descriptor in 64-bit mode */
	gva_t addr;
	u16 selector;
	struct emulate_segment seg;
};

static bool is_system_reg(enum seg_reg reg)
{
	return reg == SREG_TR || reg == SREG_LDTR;
}

static bool is_null(u16 selector)
{
	return !(selector & ~SEL_RPL);
}

static enum emu_status selector_fault(struct emulate_ctxt *ctxt, u8 vector, u16 selector)
{
	return emulate_raise(ctxt, vector, selector & SEL_ERROR);
}

static void unpack(struct descriptor *d)
{
	struct emulate_segment *seg = &d->seg;
	u64 low = d->low;

	*seg = (struct emulate_segment) {
		.base = (low >> 16 & 0xffffff) | (low >> 56 & 0xff) << 24 | d->high << 32,
		.limit = (low & 0xffff) | (low >> 48 & 0xf) << 16,
		.selector = d->selector, .type = low >> 40 & 15, .s = low >> 44 & 1,
		.dpl = low >> 45 & 3, .present = low >> 47 & 1, .avl = low >> 52 & 1,
		.l = low >> 53 & 1, .db = low >> 54 & 1, .g = low >> 55 & 1,
	};
	if (seg->g)
		seg->limit = seg->limit << 12 | 0xfff;
}

static enum emu_status find_table(struct emulate_ctxt *ctxt, u16 selector, u64 *base, u32 *limit)
{
	struct emulate_segment ldt;
	struct emulate_dt gdt;
	enum emu_status status;

	if (selector & SEL_TI) {
		ctxt->ops->get_segment(ctxt, SREG_LDTR, &ldt);
		*base = ldt.base;
		*limit = ldt.limit;
		return ldt.present ? EMU_DONE : selector_fault(ctxt, EMU_GP, selector);
	}
	status = ctxt->ops->get_dt(ctxt, false, &gdt);
	*base = gdt.base;
	*limit = gdt.limit;
	return status;
}

static enum emu_status read_descriptor(struct emulate_ctxt *ctxt, enum seg_reg reg,
				       struct descriptor *d)
{
	unsigned int bytes = is_system_reg(reg) && ctxt->mode == INSN_LONG64 ? 16 : 8;
	u32 offset = d->selector & ~(SEL_RPL | SEL_TI), limit = 0;
	enum emu_status status;
	u64 raw[2] = { 0, 0 }, base = 0;

	status = find_table(ctxt, d->selector, &base, &limit);
	if (status)
		return status;
	if (offset + bytes - 1 > limit)
		return selector_fault(ctxt, EMU_GP, d->selector);
	d->addr = base + offset;
	status = ctxt->ops->read(ctxt, d->addr, raw, bytes, EMU_ACC_SYSTEM);
	d->low = raw[0];
	d->high = raw[1];
	unpack(d);
	return status;
}

static bool data_allowed(const struct emulate_ctxt *ctxt, const struct descriptor *d)
{
	const struct emulate_segment *seg = &d->seg;
	unsigned int rpl = d->selector & SEL_RPL;
	bool code = seg->type & TYPE_CODE;

	if (!seg->s || (code && !(seg->type & TYPE_WRITABLE)))
		return false;
	if (code && (seg->type & TYPE_CONFORMING))
		return true;
	return rpl <= seg->dpl && ctxt->cpl <= seg->dpl;
}

static bool stack_allowed(const struct emulate_ctxt *ctxt, const struct descriptor *d)
{
	const struct emulate_segment *seg = &d->seg;

	return seg->s && !(seg->type & TYPE_CODE) && (seg->type & TYPE_WRITABLE) &&
	       (d->selector & SEL_RPL) == ctxt->cpl && seg->dpl == ctxt->cpl;
}

static bool code_allowed(const struct emulate_ctxt *ctxt, const struct descriptor *d)
{
	const struct emulate_segment *seg = &d->seg;

	if (!(seg->type & TYPE_CODE) || (ctxt->mode == INSN_LONG64 && seg->l && seg->db))
		return false;
	if (seg->type & TYPE_CONFORMING)
		return seg->dpl <= ctxt->cpl;
	return (d->selector & SEL_RPL) <= ctxt->cpl && seg->dpl == ctxt->cpl;
}

static bool system_allowed(const struct emulate_ctxt *ctxt, const struct descriptor *d,
			   enum seg_reg reg)
{
	const struct emulate_segment *seg = &d->seg;

	if (seg->s || (d->selector & SEL_TI))
		return false;
	if (reg == SREG_LDTR)
		return seg->type == TYPE_LDT;
	return seg->type == TYPE_TSS || (seg->type == TYPE_TSS16 && ctxt->mode != INSN_LONG64);
}

static bool is_allowed(const struct emulate_ctxt *ctxt, const struct descriptor *d,
		       enum seg_reg reg)
{
	switch (reg) {
	case SREG_CS: return code_allowed(ctxt, d);
	case SREG_SS: return stack_allowed(ctxt, d);
	case SREG_TR: case SREG_LDTR: return system_allowed(ctxt, d, reg);
	default: return data_allowed(ctxt, d);
	}
}

/* The accessed bit of a segment, the busy bit of a task. */
static enum emu_status mark_used(struct emulate_ctxt *ctxt, struct descriptor *d, enum seg_reg reg)
{
	u8 used = reg == SREG_TR ? TYPE_TSS_BUSY : reg == SREG_LDTR ? 0 : TYPE_ACCESSED;
	u8 byte = d->low >> 40 | used;

	if ((d->seg.type & used) == used)
		return EMU_DONE;
	d->seg.type |= used;
	return ctxt->ops->write(ctxt, d->addr + 5, &byte, 1, EMU_ACC_SYSTEM);
}

/* A null selector: not for CS and TR, and for SS only in 64-bit mode outside CPL 3. */
static enum emu_status load_null(struct emulate_ctxt *ctxt, enum seg_reg reg, u16 selector)
{
	const struct emulate_segment seg = { .selector = selector, .dpl = selector & SEL_RPL };
	bool stack_ok = ctxt->mode == INSN_LONG64 && ctxt->cpl < 3 &&
			(selector & SEL_RPL) == ctxt->cpl;

	if (reg == SREG_CS || reg == SREG_TR || (reg == SREG_SS && !stack_ok))
		return emulate_raise(ctxt, EMU_GP, 0);
	return ctxt->ops->set_segment(ctxt, reg, &seg);
}

static enum emu_status load_protected(struct emulate_ctxt *ctxt, enum seg_reg reg, u16 selector)
{
	struct descriptor d = { .selector = selector };
	enum emu_status status;

	if (!ctxt->ops->set_segment || !ctxt->ops->get_dt)
		return EMU_UNHANDLED;
	if (is_null(selector))
		return load_null(ctxt, reg, selector);
	status = read_descriptor(ctxt, reg, &d);
	if (status)
		return status;
	if (reg == SREG_CS && !d.seg.s)
		return EMU_UNHANDLED;
	if (!is_allowed(ctxt, &d, reg))
		return selector_fault(ctxt, EMU_GP, selector);
	if (!d.seg.present)
		return selector_fault(ctxt, reg == SREG_SS ? EMU_SS : EMU_NP, selector);
	if (reg == SREG_CS)
		d.seg.selector = (selector & ~SEL_RPL) | ctxt->cpl;
	status = mark_used(ctxt, &d, reg);
	return status ? status : ctxt->ops->set_segment(ctxt, reg, &d.seg);
}

enum emu_status emu_load_segment(struct emulate_ctxt *ctxt, enum seg_reg reg, u16 selector)
{
	if (is_real_or_vm86(ctxt))
		return load_real(ctxt, reg, selector);
	if (ctxt->ops->load_segment)
		return ctxt->ops->load_segment(ctxt, reg, selector);
	return load_protected(ctxt, reg, selector);
}

/*
 * A far pointer in memory: the offset, and the selector behind it, each an access of its own.
 * With REX.W AMD and Intel do not agree about the size of the offset.
 */
enum emu_status emu_load_far(struct emulate_ctxt *ctxt, u64 *offset, u16 *selector)
{
	struct insn *insn = &ctxt->insn;
	unsigned int bytes = insn->op_bytes;
	u64 addr = emu_address(ctxt), behind = low_bytes(addr + bytes, insn->addr_bytes);
	enum emu_status status;

	if (bytes == 8)
		return EMU_UNHANDLED;
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
