// SPDX-License-Identifier: GPL-2.0-only
/* String instructions, alone and repeated. */
#include "internal.h"

/* Iterations in one go; then interrupts and requests of other threads get their turn. */
#define MAX_ITERATIONS	256

#define PAGE_BYTES	0x1000u

bool emu_is_string(const struct insn *insn)
{
	return insn->op >= OP_MOVS && insn->op <= OP_OUTS;
}

static u64 min_of(u64 a, u64 b)
{
	return a < b ? a : b;
}

static u64 index_reg(const struct emulate_ctxt *ctxt, unsigned int reg)
{
	return low_bytes(ctxt->regs[reg], ctxt->insn.addr_bytes);
}

static void advance(struct emulate_ctxt *ctxt, unsigned int reg)
{
	unsigned int bytes = ctxt->insn.op_bytes;
	u64 step = ctxt->rflags & FL_DF ? -(u64)bytes : bytes;

	emu_set_gpr(ctxt, reg, ctxt->insn.addr_bytes, ctxt->regs[reg] + step);
}

static enum emu_status read_si(struct emulate_ctxt *ctxt, u64 *val)
{
	struct insn *insn = &ctxt->insn;

	*val = 0;
	return emu_read(ctxt, insn->seg, index_reg(ctxt, GPR_RSI), val, insn->op_bytes);
}

static enum emu_status read_di(struct emulate_ctxt *ctxt, u64 *val)
{
	*val = 0;
	return emu_read(ctxt, SREG_ES, index_reg(ctxt, GPR_RDI), val, ctxt->insn.op_bytes);
}

static enum emu_status write_di(struct emulate_ctxt *ctxt, u64 val)
{
	return emu_write(ctxt, SREG_ES, index_reg(ctxt, GPR_RDI), &val, ctxt->insn.op_bytes);
}

static enum emu_status movs(struct emulate_ctxt *ctxt)
{
	enum emu_status status;
	u64 val;

	status = read_si(ctxt, &val);
	if (!status)
		status = write_di(ctxt, val);
	if (status)
		return status;
	advance(ctxt, GPR_RSI);
	advance(ctxt, GPR_RDI);
	return EMU_DONE;
}

static void compare(struct emulate_ctxt *ctxt, u64 a, u64 b)
{
	struct alu alu = {
		.op = OP_CMP, .bytes = ctxt->insn.op_bytes, .src = b, .flags = ctxt->rflags,
	};

	alu_compute(&alu, a);
	ctxt->rflags = alu.flags;
}

/* The order shows when both operands fault. */
static enum emu_status cmps(struct emulate_ctxt *ctxt)
{
	enum emu_status status;
	u64 a, b;

	status = read_di(ctxt, &b);
	if (!status)
		status = read_si(ctxt, &a);
	if (status)
		return status;
	compare(ctxt, a, b);
	advance(ctxt, GPR_RSI);
	advance(ctxt, GPR_RDI);
	return EMU_DONE;
}

static enum emu_status stos(struct emulate_ctxt *ctxt)
{
	enum emu_status status = write_di(ctxt, ctxt->regs[GPR_RAX]);

	if (!status)
		advance(ctxt, GPR_RDI);
	return status;
}

static enum emu_status lods(struct emulate_ctxt *ctxt)
{
	enum emu_status status;
	u64 val;

	status = read_si(ctxt, &val);
	if (status)
		return status;
	emu_set_gpr(ctxt, GPR_RAX, ctxt->insn.op_bytes, val);
	advance(ctxt, GPR_RSI);
	return EMU_DONE;
}

static enum emu_status scas(struct emulate_ctxt *ctxt)
{
	enum emu_status status;
	u64 val;

	status = read_di(ctxt, &val);
	if (status)
		return status;
	compare(ctxt, low_bytes(ctxt->regs[GPR_RAX], ctxt->insn.op_bytes), val);
	advance(ctxt, GPR_RDI);
	return EMU_DONE;
}

/* The memory is checked before the port is read: a read from a port can't be taken back. */
static enum emu_status ins(struct emulate_ctxt *ctxt)
{
	u16 port = ctxt->regs[GPR_RDX];
	unsigned int bytes = ctxt->insn.op_bytes;
	enum emu_status status;
	u64 val = 0;

	if (!ctxt->ops->io_in)
		return EMU_UNHANDLED;
	status = emu_probe_write(ctxt, SREG_ES, index_reg(ctxt, GPR_RDI), bytes);
	if (!status)
		status = ctxt->ops->io_in(ctxt, port, &val, bytes);
	if (!status)
		status = write_di(ctxt, val);
	if (!status)
		advance(ctxt, GPR_RDI);
	return status;
}

static enum emu_status outs(struct emulate_ctxt *ctxt)
{
	u16 port = ctxt->regs[GPR_RDX];
	unsigned int bytes = ctxt->insn.op_bytes;
	enum emu_status status;
	u64 val;

	if (!ctxt->ops->io_out)
		return EMU_UNHANDLED;
	status = read_si(ctxt, &val);
	if (!status)
		status = ctxt->ops->io_out(ctxt, port, &val, bytes);
	if (!status)
		advance(ctxt, GPR_RSI);
	return status;
}

static enum emu_status once(struct emulate_ctxt *ctxt)
{
	switch (ctxt->insn.op) {
	case OP_MOVS: return movs(ctxt);
	case OP_CMPS: return cmps(ctxt);
	case OP_STOS: return stos(ctxt);
	case OP_LODS: return lods(ctxt);
	case OP_SCAS: return scas(ctxt);
	case OP_INS: return ins(ctxt);
	default: return outs(ctxt);
	}
}

static bool ends_early(const struct emulate_ctxt *ctxt)
{
	bool zf = ctxt->rflags & FL_ZF;

	if (ctxt->insn.op != OP_CMPS && ctxt->insn.op != OP_SCAS)
		return false;
	return ctxt->insn.flags & INSN_REP ? !zf : zf;
}

/* What is in ctxt now stays, whatever becomes of the next iteration. */
static void commit(struct emulate_ctxt *ctxt, u64 flags)
{
	__builtin_memcpy(ctxt->rollback.regs, ctxt->regs, sizeof(ctxt->regs));
	ctxt->rollback.rflags = flags;
	if (ctxt->ops->committed)
		ctxt->ops->committed(ctxt);
}

/*
 * Stopped with iterations left, Intel's processors show the flags of before all comparisons, and
 * RF for the instruction to go on with; AMD's the flags of the last comparison.
 */
static void stop_early(struct emulate_ctxt *ctxt, u64 flags_before)
{
	ctxt->rip = ctxt->rollback.rip;
	ctxt->rep_partial = true;
	if (ctxt->intel)
		ctxt->rflags = flags_before | FL_RF;
}

static void cut_rollback(struct emulate_ctxt *ctxt, unsigned int reg)
{
	ctxt->regs[reg] = (u32)ctxt->regs[reg];
	ctxt->rollback.regs[reg] = ctxt->regs[reg];
}

/*
 * With 32-bit addresses in 64-bit mode Intel's processors clear the upper half of RCX, and of the
 * index registers of MOVS and STOS, even if there is no iteration, or none that is completed.
 */
static void clear_upper_halves(struct emulate_ctxt *ctxt)
{
	u8 op = ctxt->insn.op;

	if (!ctxt->intel || ctxt->mode != INSN_LONG64 || ctxt->insn.addr_bytes != 4)
		return;
	cut_rollback(ctxt, GPR_RCX);
	if (op == OP_MOVS)
		cut_rollback(ctxt, GPR_RSI);
	if (op == OP_MOVS || op == OP_STOS)
		cut_rollback(ctxt, GPR_RDI);
}

/* Elements from @addr up to the end of the page, or to where the index register wraps. */
static unsigned int block_room(const struct emulate_ctxt *ctxt, gva_t addr, u64 index)
{
	u64 room = PAGE_BYTES - (addr & (PAGE_BYTES - 1));
	unsigned int addr_bytes = ctxt->insn.addr_bytes;

	if (addr_bytes < 8)
		room = min_of(room, (1ULL << 8 * addr_bytes) - index);
	return room / ctxt->insn.op_bytes;
}

/*
 * INS and OUTS upwards move as many elements at once as lie in a page, so that user space makes
 * many accesses at one exit. @moved is 0 where that can't be: the first element straddles pages,
 * or one of them is beyond the segment's limit.
 */
static enum emu_status io_block(struct emulate_ctxt *ctxt, unsigned int *moved)
{
	const struct insn *insn = &ctxt->insn;
	bool in = insn->op == OP_INS;
	unsigned int reg = in ? GPR_RDI : GPR_RSI, seg = in ? SREG_ES : insn->seg, count;
	u64 index = index_reg(ctxt, reg);
	enum emu_status status;
	gva_t addr;

	*moved = 0;
	if (!ctxt->ops->io_block || (insn->op != OP_INS && insn->op != OP_OUTS) ||
	    (ctxt->rflags & (FL_DF | FL_TF)))
		return EMU_DONE;
	status = emu_linear(ctxt, seg, index, insn->op_bytes, in, &addr);
	if (status)
		return status;
	count = min_of(block_room(ctxt, addr, index), index_reg(ctxt, GPR_RCX));
	if (!count || emu_linear(ctxt, seg, index, count * insn->op_bytes, in, &addr))
		return EMU_DONE;
	status = ctxt->ops->io_block(ctxt, ctxt->regs[GPR_RDX], in, addr, insn->op_bytes, &count);
	if (status)
		return status;
	*moved = count;
	emu_set_gpr(ctxt, reg, insn->addr_bytes, ctxt->regs[reg] + count * insn->op_bytes);
	return EMU_DONE;
}

/* A block of iterations, or one. */
static enum emu_status some(struct emulate_ctxt *ctxt, unsigned int *moved)
{
	enum emu_status status = io_block(ctxt, moved);

	if (status || *moved)
		return status;
	*moved = 1;
	return once(ctxt);
}

/* After a block of more than one, too, interrupts get their turn. */
static enum emu_status repeated(struct emulate_ctxt *ctxt)
{
	unsigned int limit = ctxt->rflags & FL_TF ? 1 : MAX_ITERATIONS, i, moved = 1;
	u64 before = ctxt->rflags;
	enum emu_status status;

	clear_upper_halves(ctxt);
	for (i = 0; i < limit && moved == 1 && index_reg(ctxt, GPR_RCX); i++) {
		status = some(ctxt, &moved);
		if (status)
			return status;
		emu_set_gpr(ctxt, GPR_RCX, ctxt->insn.addr_bytes, ctxt->regs[GPR_RCX] - moved);
		commit(ctxt, ctxt->intel ? before : ctxt->rflags);
		if (ends_early(ctxt))
			return EMU_DONE;
		if (ctxt->traps)
			break;
	}
	if (index_reg(ctxt, GPR_RCX))
		stop_early(ctxt, before);
	return EMU_DONE;
}

/* The right to use the port is checked even when the count is 0. */
enum emu_status emu_string(struct emulate_ctxt *ctxt)
{
	const struct insn *insn = &ctxt->insn;
	enum emu_status status = EMU_DONE;

	if (insn->op == OP_INS || insn->op == OP_OUTS)
		status = emu_io_allowed(ctxt, ctxt->regs[GPR_RDX], insn->op_bytes);
	if (status)
		return status;
	if (insn->flags & (INSN_REP | INSN_REPNE))
		return repeated(ctxt);
	return once(ctxt);
}
