// SPDX-License-Identifier: GPL-2.0-only
/* Segment registers and the descriptors that they are loaded from. */
#include "internal.h"

#define MSR_EFER	0xc0000080
#define EFER_LMA	(1ULL << 10)

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
 * op. Intel SDM vol. 3 3.5 and 5.5 to 5.8, vol. 2 MOV, JMP, LLDT, LTR.
 */
static bool is_system_reg(enum seg_reg reg)
{
	return reg == SREG_TR || reg == SREG_LDTR;
}

/* EFER.LMA, which compatibility mode has too. */
bool emu_long_mode(struct emulate_ctxt *ctxt)
{
	u64 efer = 0;

	if (ctxt->mode == INSN_LONG64)
		return true;
	if (is_real_or_vm86(ctxt) || !ctxt->ops->read_msr)
		return false;
	return ctxt->ops->read_msr(ctxt, MSR_EFER, &efer) == EMU_DONE && (efer & EFER_LMA);
}

enum emu_status emu_selector_fault(struct emulate_ctxt *ctxt, u8 vector, u16 selector)
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

/* A table that is not there has no room for anything. */
static enum emu_status find_table(struct emulate_ctxt *ctxt, u16 selector, u64 *base, u64 *bytes)
{
	struct emulate_segment ldt;
	struct emulate_dt gdt;
	enum emu_status status;

	if (selector & SEL_TI) {
		ctxt->ops->get_segment(ctxt, SREG_LDTR, &ldt);
		*base = ldt.base;
		*bytes = ldt.present ? ldt.limit + 1ull : 0;
		return EMU_DONE;
	}
	status = ctxt->ops->get_dt(ctxt, false, &gdt);
	*base = gdt.base;
	*bytes = gdt.limit + 1ull;
	return status;
}

/* Linear addresses of tables: 32 bits, but in long mode. */
gva_t emu_table_address(struct emulate_ctxt *ctxt, gva_t addr)
{
	return emu_long_mode(ctxt) ? addr : (u32)addr;
}

/* A base may be canonical for the processor and not be so as CR4 stands, nor what lies behind. */
static enum emu_status check_table(struct emulate_ctxt *ctxt, gva_t addr, unsigned int bytes)
{
	if (emu_is_canonical(ctxt, addr) && emu_is_canonical(ctxt, addr + bytes - 1))
		return EMU_DONE;
	return emulate_raise(ctxt, EMU_GP, 0);
}

enum emu_status emu_read_table(struct emulate_ctxt *ctxt, gva_t addr, void *buf,
			       unsigned int bytes)
{
	enum emu_status status;

	addr = emu_table_address(ctxt, addr);
	status = check_table(ctxt, addr, bytes);
	return status ? status : ctxt->ops->read(ctxt, addr, buf, bytes, EMU_ACC_SYSTEM);
}

/* The other half of what has 16 bytes in long mode; its type has to be 0. */
static enum emu_status read_upper(struct emulate_ctxt *ctxt, struct descriptor *d, u8 vector,
				  u64 room)
{
	enum emu_status status;

	if (room < 16)
		return emu_selector_fault(ctxt, vector, d->selector);
	status = emu_read_table(ctxt, d->addr + 8, &d->high, 8);
	if (!status && (d->high >> 40 & 0x1f))
		status = emu_selector_fault(ctxt, EMU_GP, d->selector);
	return status;
}

/* LDT, TSS and call gate. */
static bool has_upper(struct emulate_ctxt *ctxt, u64 low)
{
	return !(low >> 44 & 1) && (1 << (low >> 40 & 15) & 0x1a04) && emu_long_mode(ctxt);
}

enum emu_status emu_read_descriptor(struct emulate_ctxt *ctxt, struct descriptor *d, u8 vector)
{
	u32 offset = d->selector & ~(SEL_RPL | SEL_TI);
	u64 base = 0, bytes = 0;
	enum emu_status status;

	d->high = 0;
	status = find_table(ctxt, d->selector, &base, &bytes);
	if (status)
		return status;
	if (offset + 8 > bytes)
		return emu_selector_fault(ctxt, vector, d->selector);
	d->addr = emu_table_address(ctxt, base + offset);
	status = emu_read_table(ctxt, d->addr, &d->low, 8);
	if (!status && has_upper(ctxt, d->low))
		status = read_upper(ctxt, d, vector, bytes - offset);
	unpack(d);
	return status;
}

bool emu_data_allowed(const struct descriptor *d, unsigned int cpl)
{
	const struct emulate_segment *seg = &d->seg;
	unsigned int rpl = d->selector & SEL_RPL;
	bool code = seg->type & TYPE_CODE;

	if (!seg->s || (code && !(seg->type & TYPE_WRITABLE)))
		return false;
	if (code && (seg->type & TYPE_CONFORMING))
		return true;
	return rpl <= seg->dpl && cpl <= seg->dpl;
}

bool emu_stack_allowed(const struct descriptor *d, unsigned int cpl)
{
	const struct emulate_segment *seg = &d->seg;

	return seg->s && !(seg->type & TYPE_CODE) && (seg->type & TYPE_WRITABLE) &&
	       (d->selector & SEL_RPL) == cpl && seg->dpl == cpl;
}

/* L is reserved where long mode is not active, and L and D together are so where it is. */
bool emu_is_code(struct emulate_ctxt *ctxt, const struct descriptor *d)
{
	const struct emulate_segment *seg = &d->seg;

	return seg->s && (seg->type & TYPE_CODE) &&
	       !(seg->l && seg->db && emu_long_mode(ctxt));
}

static bool system_allowed(struct emulate_ctxt *ctxt, const struct descriptor *d,
			   enum seg_reg reg)
{
	const struct emulate_segment *seg = &d->seg;

	if (seg->s || !emu_is_canonical_base(ctxt, seg->base))
		return false;
	if (reg == SREG_LDTR)
		return seg->type == TYPE_LDT;
	return seg->type == TYPE_TSS || (seg->type == TYPE_TSS16 && !emu_long_mode(ctxt));
}

static bool is_allowed(struct emulate_ctxt *ctxt, const struct descriptor *d, enum seg_reg reg)
{
	switch (reg) {
	case SREG_SS: return emu_stack_allowed(d, ctxt->cpl);
	case SREG_TR: case SREG_LDTR: return system_allowed(ctxt, d, reg);
	default: return emu_data_allowed(d, ctxt->cpl);
	}
}

/* The accessed bit of a segment, the busy bit of a task. */
enum emu_status emu_mark_used(struct emulate_ctxt *ctxt, struct descriptor *d)
{
	u8 used = d->seg.s ? TYPE_ACCESSED : d->seg.type == TYPE_LDT ? 0 : TYPE_TSS_BUSY;
	u8 byte = d->low >> 40 | used;

	if ((d->seg.type & used) == used)
		return EMU_DONE;
	d->seg.type |= used;
	return ctxt->ops->write(ctxt, d->addr + 5, &byte, 1, EMU_ACC_SYSTEM);
}

/* A null selector: not for TR, and for SS only in 64-bit mode outside CPL 3. */
static enum emu_status load_null(struct emulate_ctxt *ctxt, enum seg_reg reg, u16 selector)
{
	const struct emulate_segment seg = { .selector = selector, .dpl = selector & SEL_RPL };
	bool stack_ok = ctxt->mode == INSN_LONG64 && ctxt->cpl < 3 &&
			(selector & SEL_RPL) == ctxt->cpl;

	if (reg == SREG_TR || (reg == SREG_SS && !stack_ok))
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
	if (is_system_reg(reg) && (selector & SEL_TI))
		return emu_selector_fault(ctxt, EMU_GP, selector);
	status = emu_read_descriptor(ctxt, &d, EMU_GP);
	if (status)
		return status;
	if (!is_allowed(ctxt, &d, reg))
		return emu_selector_fault(ctxt, EMU_GP, selector);
	if (!d.seg.present)
		return emu_selector_fault(ctxt, reg == SREG_SS ? EMU_SS : EMU_NP, selector);
	status = emu_mark_used(ctxt, &d);
	return status ? status : ctxt->ops->set_segment(ctxt, reg, &d.seg);
}

/* Any segment register but, in protected mode, CS. */
enum emu_status emu_load_segment(struct emulate_ctxt *ctxt, enum seg_reg reg, u16 selector)
{
	if (is_real_or_vm86(ctxt))
		return load_real(ctxt, reg, selector);
	if (ctxt->ops->load_segment)
		return ctxt->ops->load_segment(ctxt, reg, selector);
	return load_protected(ctxt, reg, selector);
}

/*
 * LAR, LSL, VERR and VERW: nothing faults that a selector can be guilty of, ZF tells. Intel SDM 2.
 */
static bool type_in(const struct descriptor *d, u32 types)
{
	return types >> d->seg.type & 1;
}

/* Types of system descriptors: TSS 1, 3, 9, 11; LDT 2; call gates 4, 12; task gate 5. */
#define LAR_TYPES	0x1a3eu
#define LAR_TYPES_LONG	0x1a04u
#define LSL_TYPES	0x0a0eu
#define LSL_TYPES_LONG	0x0a04u

static bool query_type(struct emulate_ctxt *ctxt, const struct descriptor *d)
{
	const struct emulate_segment *seg = &d->seg;
	bool code = seg->type & TYPE_CODE, writable = seg->type & TYPE_WRITABLE;

	switch (ctxt->insn.op) {
	case OP_VERR:
		return seg->s && (!code || writable);
	case OP_VERW:
		return seg->s && !code && writable;
	case OP_LAR:
		return seg->s || type_in(d, emu_long_mode(ctxt) ? LAR_TYPES_LONG : LAR_TYPES);
	default:
		return seg->s || type_in(d, emu_long_mode(ctxt) ? LSL_TYPES_LONG : LSL_TYPES);
	}
}

static bool query_allowed(struct emulate_ctxt *ctxt, const struct descriptor *d)
{
	const struct emulate_segment *seg = &d->seg;

	if (!query_type(ctxt, d))
		return false;
	if (seg->s && (seg->type & (TYPE_CODE | TYPE_CONFORMING)) == (TYPE_CODE | TYPE_CONFORMING))
		return true;
	return (d->selector & SEL_RPL) <= seg->dpl && ctxt->cpl <= seg->dpl;
}

/* Only a page fault, or the host, stops these. */
static enum emu_status query(struct emulate_ctxt *ctxt, struct descriptor *d, bool *ok)
{
	enum emu_status status;

	*ok = false;
	if (!ctxt->ops->get_dt)
		return EMU_UNHANDLED;
	if (is_null(d->selector))
		return EMU_DONE;
	status = emu_read_descriptor(ctxt, d, EMU_GP);
	if (status == EMU_FAULT && ctxt->fault.vector == EMU_GP && ctxt->fault.error)
		return EMU_DONE;
	*ok = !status && query_allowed(ctxt, d);
	return status;
}

enum emu_status exec_query_segment(struct emulate_ctxt *ctxt)
{
	struct insn *insn = &ctxt->insn;
	bool loads = insn->op == OP_LAR || insn->op == OP_LSL, ok;
	struct insn_opnd *from = loads ? &insn->src : &insn->dst;
	struct descriptor d = { .selector = 0 };
	enum emu_status status;
	u64 selector;

	from->bytes = 2;
	status = emu_load(ctxt, from, &selector);
	d.selector = selector;
	if (!status)
		status = query(ctxt, &d, &ok);
	if (status)
		return status;
	if (ok && insn->op == OP_LAR)
		emu_set_reg(ctxt, &insn->dst, d.low >> 32 & 0x00ffff00);
	else if (ok && insn->op == OP_LSL)
		emu_set_reg(ctxt, &insn->dst, d.seg.limit);
	ctxt->rflags = (ctxt->rflags & ~FL_ZF) | (ok ? FL_ZF : 0);
	return EMU_DONE;
}
