// SPDX-License-Identifier: GPL-2.0-only
/* Operands: registers, and memory with its segment, canonical and alignment checks. */
#include "internal.h"

/* How often a lost race for a locked operand is tried again before the guest is entered. */
#define LOCKED_TRIES	16

static enum emu_status segment_fault(struct emulate_ctxt *ctxt, enum seg_reg seg)
{
	return emulate_raise(ctxt, seg == SREG_SS ? EMU_SS : EMU_GP, 0);
}

static bool within_limit(const struct emulate_segment *seg, u64 offset, unsigned int bytes)
{
	u64 last = offset + bytes - 1;
	bool expand_down = seg->s && (seg->type & 0xc) == 0x4;

	if (expand_down)
		return offset > seg->limit && last <= (seg->db ? 0xffffffffULL : 0xffff);
	return last <= seg->limit;
}

#define TYPE_CODE	8
#define TYPE_READ_WRITE	2	/* data: writable; code: readable */

static bool type_allows(const struct emulate_segment *seg, bool write)
{
	if (seg->type & TYPE_CODE)
		return !write && (seg->type & TYPE_READ_WRITE);
	return !write || (seg->type & TYPE_READ_WRITE);
}

/* Of 16 bytes that need not be aligned only AMD's processors want it where RFLAGS.AC says so. */
static enum emu_status check_alignment(struct emulate_ctxt *ctxt, gva_t addr, unsigned int bytes)
{
	enum emu_status status;
	u64 cr0;

	if (ctxt->cpl != 3 || !(ctxt->rflags & FL_AC) || !(addr & (bytes - 1)) ||
	    (bytes & (bytes - 1)) || (ctxt->intel && bytes == 16))
		return EMU_DONE;
	status = emu_read_cr(ctxt, 0, &cr0);
	if (!status && (cr0 & CR0_AM))
		return emulate_raise(ctxt, EMU_AC, 0);
	return status;
}

/* Some operands of 16 bytes have to be aligned: #GP, whatever RFLAGS.AC says. */
static bool is_misaligned(const struct emulate_ctxt *ctxt, gva_t addr, unsigned int bytes)
{
	const struct insn *insn = &ctxt->insn;
	bool must = (insn->flags & INSN_ALIGNED) || insn->op == OP_CMPXCHG8B;

	return must && bytes == 16 && (addr & 15);
}

static enum emu_status linear_64(struct emulate_ctxt *ctxt, enum seg_reg seg, u64 offset,
				 unsigned int bytes, gva_t *addr)
{
	struct emulate_segment desc;

	*addr = offset;
	if (seg == SREG_FS || seg == SREG_GS) {
		ctxt->ops->get_segment(ctxt, seg, &desc);
		*addr += desc.base;
	}
	if (is_misaligned(ctxt, *addr, bytes))
		return emulate_raise(ctxt, EMU_GP, 0);
	if (!emu_is_canonical(ctxt, *addr) || !emu_is_canonical(ctxt, *addr + bytes - 1))
		return segment_fault(ctxt, seg);
	return EMU_DONE;
}

/*
 * Where in linear memory an access goes, after all checks of segmentation (SDM vol. 3 5.3,
 * APM vol. 2 4.12). Outside 64-bit mode the caller splits an access that wraps at 4G.
 */
enum emu_status emu_linear(struct emulate_ctxt *ctxt, enum seg_reg seg, u64 offset,
			   unsigned int bytes, bool write, gva_t *addr)
{
	struct emulate_segment desc;
	enum emu_status status;

	if (ctxt->mode == INSN_LONG64) {
		status = linear_64(ctxt, seg, offset, bytes, addr);
		return status ? status : check_alignment(ctxt, *addr, bytes);
	}
	ctxt->ops->get_segment(ctxt, seg, &desc);
	*addr = (u32)(desc.base + offset);
	if (is_misaligned(ctxt, *addr, bytes))
		return emulate_raise(ctxt, EMU_GP, 0);
	if (!is_real_or_vm86(ctxt) && (!desc.present || !type_allows(&desc, write)))
		return segment_fault(ctxt, seg);
	if (!within_limit(&desc, offset, bytes))
		return segment_fault(ctxt, seg);
	return check_alignment(ctxt, *addr, bytes);
}

/* Bytes before the wrap at 4G; all of them where there is none. */
static unsigned int before_wrap(const struct emulate_ctxt *ctxt, gva_t addr, unsigned int bytes)
{
	u64 room = 0x100000000ULL - addr;

	return ctxt->mode != INSN_LONG64 && bytes > room ? room : bytes;
}

enum emu_status emu_read_linear(struct emulate_ctxt *ctxt, gva_t addr, void *buf,
				unsigned int bytes, unsigned int flags)
{
	unsigned int first = before_wrap(ctxt, addr, bytes);
	enum emu_status status = ctxt->ops->read(ctxt, addr, buf, first, flags);

	if (status || first == bytes)
		return status;
	return ctxt->ops->read(ctxt, 0, (u8 *)buf + first, bytes - first, flags);
}

static enum emu_status probe_linear(struct emulate_ctxt *ctxt, gva_t addr, unsigned int bytes)
{
	unsigned int first = before_wrap(ctxt, addr, bytes);
	enum emu_status status;

	if (!ctxt->ops->probe)
		return EMU_DONE;
	status = ctxt->ops->probe(ctxt, addr, first, 0);
	if (status || first == bytes)
		return status;
	return ctxt->ops->probe(ctxt, 0, bytes - first, 0);
}

static enum emu_status write_linear(struct emulate_ctxt *ctxt, gva_t addr, const void *buf,
				    unsigned int bytes)
{
	unsigned int first = before_wrap(ctxt, addr, bytes);
	enum emu_status status = EMU_DONE;

	if (first != bytes)
		status = probe_linear(ctxt, addr, bytes);
	if (!status)
		status = ctxt->ops->write(ctxt, addr, buf, first, 0);
	if (status || first == bytes)
		return status;
	return ctxt->ops->write(ctxt, 0, (const u8 *)buf + first, bytes - first, 0);
}

enum emu_status emu_read(struct emulate_ctxt *ctxt, enum seg_reg seg, u64 offset, void *buf,
			 unsigned int bytes)
{
	gva_t addr;
	enum emu_status status = emu_linear(ctxt, seg, offset, bytes, false, &addr);

	return status ? status : emu_read_linear(ctxt, addr, buf, bytes, 0);
}

enum emu_status emu_write(struct emulate_ctxt *ctxt, enum seg_reg seg, u64 offset,
			  const void *buf, unsigned int bytes)
{
	gva_t addr;
	enum emu_status status = emu_linear(ctxt, seg, offset, bytes, true, &addr);

	return status ? status : write_linear(ctxt, addr, buf, bytes);
}

enum emu_status emu_probe_write(struct emulate_ctxt *ctxt, enum seg_reg seg, u64 offset,
				unsigned int bytes)
{
	gva_t addr;
	enum emu_status status = emu_linear(ctxt, seg, offset, bytes, true, &addr);

	return status ? status : probe_linear(ctxt, addr, bytes);
}

u64 emu_address(const struct emulate_ctxt *ctxt)
{
	return insn_address(&ctxt->insn, ctxt->regs, ctxt->rollback.rip);
}

u64 emu_get_reg(const struct emulate_ctxt *ctxt, const struct insn_opnd *opnd)
{
	if (opnd->kind == OPND_HIGH)
		return (ctxt->regs[opnd->reg] >> 8) & 0xff;
	return low_bytes(ctxt->regs[opnd->reg], opnd->bytes);
}

void emu_set_gpr(struct emulate_ctxt *ctxt, unsigned int reg, unsigned int bytes, u64 val)
{
	u64 *dst = &ctxt->regs[reg];

	if (bytes >= 4)
		*dst = low_bytes(val, bytes);
	else
		*dst = (*dst & ~low_bytes(~0ULL, bytes)) | low_bytes(val, bytes);
}

void emu_set_reg(struct emulate_ctxt *ctxt, const struct insn_opnd *opnd, u64 val)
{
	u64 *reg = &ctxt->regs[opnd->reg];

	if (opnd->kind == OPND_HIGH)
		*reg = (*reg & ~0xff00ULL) | (val & 0xff) << 8;
	else
		emu_set_gpr(ctxt, opnd->reg, opnd->bytes, val);
}

enum emu_status emu_load(struct emulate_ctxt *ctxt, const struct insn_opnd *opnd, u64 *val)
{
	*val = 0;
	switch (opnd->kind) {
	case OPND_REG: case OPND_HIGH:
		*val = emu_get_reg(ctxt, opnd);
		return EMU_DONE;
	case OPND_IMM:
		*val = low_bytes(ctxt->insn.imm, opnd->bytes);
		return EMU_DONE;
	case OPND_MEM:
		return emu_read(ctxt, ctxt->insn.seg, emu_address(ctxt), val, opnd->bytes);
	default:
		return EMU_UNHANDLED;
	}
}

enum emu_status emu_store(struct emulate_ctxt *ctxt, const struct insn_opnd *opnd, u64 val)
{
	if (opnd->kind == OPND_MEM)
		return emu_write(ctxt, ctxt->insn.seg, emu_address(ctxt), &val, opnd->bytes);
	emu_set_reg(ctxt, opnd, val);
	return EMU_DONE;
}

enum emu_status emu_cmpxchg(struct emulate_ctxt *ctxt, gva_t addr, void *old, const void *new,
			    unsigned int bytes, bool *swapped)
{
	if (!ctxt->ops->cmpxchg || before_wrap(ctxt, addr, bytes) != bytes)
		return EMU_UNHANDLED;
	*swapped = true;
	return ctxt->ops->cmpxchg(ctxt, addr, old, new, bytes, swapped);
}

static enum emu_status modify_locked(struct emulate_ctxt *ctxt, gva_t addr, unsigned int bytes,
				     u64 (*fn)(struct alu *alu, u64 old), struct alu *alu, u64 *old)
{
	u64 flags = alu->flags, new;
	bool swapped = false;
	unsigned int tries;
	enum emu_status status = EMU_DONE;

	for (tries = 0; tries < LOCKED_TRIES && !swapped && !status; tries++) {
		alu->flags = flags;
		new = fn(alu, *old);
		status = emu_cmpxchg(ctxt, addr, old, &new, bytes, &swapped);
	}
	if (!status && !swapped)
		return EMU_RETRY;
	return status;
}

static enum emu_status modify_memory(struct emulate_ctxt *ctxt, unsigned int bytes, bool atomic,
				     u64 (*fn)(struct alu *alu, u64 old), struct alu *alu, u64 *old)
{
	enum emu_status status;
	gva_t addr;
	u64 new;

	status = emu_linear(ctxt, ctxt->insn.seg, emu_address(ctxt), bytes, true, &addr);
	if (!status)
		status = emu_read_linear(ctxt, addr, old, bytes, EMU_ACC_RMW);
	if (status)
		return status;
	if (atomic)
		return modify_locked(ctxt, addr, bytes, fn, alu, old);
	new = fn(alu, *old);
	return write_linear(ctxt, addr, &new, bytes);
}

/*
 * Read, compute, write back. @fn sees the flags of before in alu->flags and leaves the new ones;
 * it may run several times. rflags and registers are set only when the memory is.
 */
enum emu_status emu_modify(struct emulate_ctxt *ctxt, const struct insn_opnd *opnd, bool atomic,
			   u64 (*fn)(struct alu *alu, u64 old), struct alu *alu, u64 *old)
{
	enum emu_status status = EMU_DONE;

	*old = 0;
	alu->flags = ctxt->rflags;
	if (opnd->kind == OPND_MEM) {
		status = modify_memory(ctxt, opnd->bytes, atomic, fn, alu, old);
	} else {
		*old = emu_get_reg(ctxt, opnd);
		emu_set_reg(ctxt, opnd, fn(alu, *old));
	}
	if (!status)
		ctxt->rflags = alu->flags;
	return status;
}
