// SPDX-License-Identifier: GPL-2.0-only
/* Executors of data movement: mov, exchanges, conversions, segment registers, SSE moves. */
#include "internal.h"

enum emu_status exec_mov(struct emulate_ctxt *ctxt)
{
	enum emu_status status;
	u64 val;

	status = emu_load(ctxt, &ctxt->insn.src, &val);
	return status ? status : emu_store(ctxt, &ctxt->insn.dst, val);
}

enum emu_status exec_movsx(struct emulate_ctxt *ctxt)
{
	struct insn *insn = &ctxt->insn;
	enum emu_status status;
	u64 val;

	status = emu_load(ctxt, &insn->src, &val);
	if (!status)
		emu_set_reg(ctxt, &insn->dst, sign_extend(val, insn->src.bytes));
	return status;
}

static u64 swap_bytes(u64 val, unsigned int bytes)
{
	return __builtin_bswap64(val) >> (64 - 8 * bytes);
}

enum emu_status exec_movbe(struct emulate_ctxt *ctxt)
{
	enum emu_status status;
	u64 val;

	status = emu_load(ctxt, &ctxt->insn.src, &val);
	if (status)
		return status;
	return emu_store(ctxt, &ctxt->insn.dst, swap_bytes(val, ctxt->insn.op_bytes));
}

/* With 16 bits the result is undefined; processors give 0. */
enum emu_status exec_bswap(struct emulate_ctxt *ctxt)
{
	struct insn_opnd *dst = &ctxt->insn.dst;
	u64 val = emu_get_reg(ctxt, dst);

	emu_set_reg(ctxt, dst, dst->bytes == 2 ? 0 : swap_bytes(val, dst->bytes));
	return EMU_DONE;
}

enum emu_status exec_mov_from_seg(struct emulate_ctxt *ctxt)
{
	struct emulate_segment seg;

	ctxt->ops->get_segment(ctxt, ctxt->insn.src.reg, &seg);
	return emu_store(ctxt, &ctxt->insn.dst, seg.selector);
}

enum emu_status exec_mov_to_seg(struct emulate_ctxt *ctxt)
{
	struct insn *insn = &ctxt->insn;
	enum emu_status status;
	u64 selector;

	status = emu_load(ctxt, &insn->src, &selector);
	if (!status)
		status = emu_load_segment(ctxt, insn->dst.reg, selector);
	if (!status && insn->dst.reg == SREG_SS)
		ctxt->shadow = EMU_SHADOW_MOV_SS;
	return status;
}

static enum seg_reg far_ptr_segment(const struct insn *insn)
{
	if (insn->map == 1)
		return insn->opcode == 0xc4 ? SREG_ES : SREG_DS;
	return insn->opcode == 0xb2 ? SREG_SS : (enum seg_reg)(insn->opcode & 7);
}

/* lds, les, lss, lfs, lgs */
enum emu_status exec_load_far_ptr(struct emulate_ctxt *ctxt)
{
	struct insn *insn = &ctxt->insn;
	enum emu_status status;
	u64 offset;
	u16 selector;

	status = emu_load_far(ctxt, &offset, &selector);
	if (!status)
		status = emu_load_segment(ctxt, far_ptr_segment(insn), selector);
	if (!status)
		emu_set_reg(ctxt, &insn->dst, offset);
	return status;
}

static u64 take_src(struct alu *alu, u64 old)
{
	(void)old;
	return alu->src;
}

/* f3 90 with REX.B: Intel's processors pause all the same. */
static bool is_pause(const struct emulate_ctxt *ctxt)
{
	const struct insn *insn = &ctxt->insn;

	return ctxt->intel && insn->map == 1 && insn->opcode == 0x90 && insn->flags & INSN_REP;
}

/* With memory it is atomic, lock prefix or not. The table puts the memory operand first. */
enum emu_status exec_xchg(struct emulate_ctxt *ctxt)
{
	struct insn *insn = &ctxt->insn;
	struct alu alu = { .src = emu_get_reg(ctxt, &insn->src) };
	enum emu_status status;
	u64 old;

	if (is_pause(ctxt))
		return EMU_DONE;
	status = emu_modify(ctxt, &insn->dst, true, take_src, &alu, &old);
	if (!status)
		emu_set_reg(ctxt, &insn->src, old);
	return status;
}

/* alu->src is the new value, alu->src2 the one compared with. Writes back what was there else. */
static u64 compare_exchange(struct alu *alu, u64 old)
{
	struct alu cmp = { .op = OP_CMP, .bytes = alu->bytes, .src = old, .flags = alu->flags };

	alu_compute(&cmp, alu->src2);
	alu->flags = cmp.flags;
	return old == alu->src2 ? alu->src : old;
}

/* A register that is not equal is not written: its upper half stays, too. */
enum emu_status exec_cmpxchg(struct emulate_ctxt *ctxt)
{
	struct insn *insn = &ctxt->insn;
	unsigned int bytes = insn->op_bytes;
	struct alu alu = {
		.bytes = bytes, .src = emu_get_reg(ctxt, &insn->src),
		.src2 = low_bytes(ctxt->regs[GPR_RAX], bytes),
	};
	enum emu_status status;
	u64 old;

	u64 dst = ctxt->regs[insn->dst.reg & 15];

	status = emu_modify(ctxt, &insn->dst, insn->flags & INSN_LOCKED, compare_exchange, &alu,
			    &old);
	if (status || old == alu.src2)
		return status;
	if (insn->dst.kind != OPND_MEM)
		ctxt->regs[insn->dst.reg] = dst;
	emu_set_gpr(ctxt, GPR_RAX, bytes, old);
	return EMU_DONE;
}

static void pair_from_regs(const struct emulate_ctxt *ctxt, unsigned int half, u8 *buf,
			   unsigned int low, unsigned int high)
{
	__builtin_memcpy(buf, &ctxt->regs[low], half);
	__builtin_memcpy(buf + half, &ctxt->regs[high], half);
}

static void pair_to_regs(struct emulate_ctxt *ctxt, unsigned int half, const u8 *buf)
{
	u64 low = 0, high = 0;

	__builtin_memcpy(&low, buf, half);
	__builtin_memcpy(&high, buf + half, half);
	emu_set_gpr(ctxt, GPR_RAX, half, low);
	emu_set_gpr(ctxt, GPR_RDX, half, high);
}

/* Memory is written in any case, as the processor does: with what was there if not equal. */
static enum emu_status cmpxchg_pair(struct emulate_ctxt *ctxt, gva_t addr, unsigned int half,
				    u8 *old)
{
	u8 expected[16], new[16], *store = new;
	bool swapped = false, equal = false;
	enum emu_status status = EMU_DONE;
	unsigned int tries;

	pair_from_regs(ctxt, half, expected, GPR_RAX, GPR_RDX);
	pair_from_regs(ctxt, half, new, GPR_RBX, GPR_RCX);
	for (tries = 0; tries < 16 && !swapped && !status; tries++) {
		equal = !__builtin_memcmp(expected, old, 2 * half);
		if (!equal)
			__builtin_memcpy(new, old, 2 * half);
		else
			pair_from_regs(ctxt, half, new, GPR_RBX, GPR_RCX);
		status = emu_cmpxchg(ctxt, addr, old, store, 2 * half, &swapped);
	}
	if (status)
		return status;
	if (!swapped)
		return EMU_RETRY;
	ctxt->rflags = equal ? ctxt->rflags | FL_ZF : ctxt->rflags & ~FL_ZF;
	if (!equal)
		pair_to_regs(ctxt, half, old);
	return EMU_DONE;
}

/* cmpxchg8b and cmpxchg16b; atomic even without lock, which the architecture allows. */
enum emu_status exec_cmpxchg8b(struct emulate_ctxt *ctxt)
{
	struct insn *insn = &ctxt->insn;
	unsigned int bytes = insn->dst.bytes;
	enum emu_status status;
	u8 old[16] = { 0 };
	gva_t addr;

	status = emu_linear(ctxt, insn->seg, emu_address(ctxt), bytes, true, &addr);
	if (status)
		return status;
	status = emu_read_linear(ctxt, addr, old, bytes, EMU_ACC_RMW);
	return status ? status : cmpxchg_pair(ctxt, addr, bytes / 2, old);
}

enum emu_status exec_xadd(struct emulate_ctxt *ctxt)
{
	struct insn *insn = &ctxt->insn;
	struct alu alu = {
		.op = OP_ADD, .bytes = insn->op_bytes, .src = emu_get_reg(ctxt, &insn->src),
	};
	enum emu_status status;
	u64 old, sum;

	status = emu_modify(ctxt, &insn->dst, insn->flags & INSN_LOCKED, alu_compute, &alu, &old);
	if (status)
		return status;
	sum = low_bytes(old + alu.src, alu.bytes);
	emu_set_reg(ctxt, &insn->src, old);
	if (insn->dst.kind != OPND_MEM)
		emu_set_reg(ctxt, &insn->dst, sum);
	return EMU_DONE;
}

enum emu_status exec_lea(struct emulate_ctxt *ctxt)
{
	emu_set_reg(ctxt, &ctxt->insn.dst, emu_address(ctxt));
	return EMU_DONE;
}

/* The source is read, and a 32-bit destination extended, whatever the condition. */
enum emu_status exec_cmovcc(struct emulate_ctxt *ctxt)
{
	struct insn *insn = &ctxt->insn;
	enum emu_status status;
	u64 val;

	status = emu_load(ctxt, &insn->src, &val);
	if (status)
		return status;
	if (!insn_condition(insn->cc, ctxt->rflags))
		val = emu_get_reg(ctxt, &insn->dst);
	emu_set_reg(ctxt, &insn->dst, val);
	return EMU_DONE;
}

enum emu_status exec_setcc(struct emulate_ctxt *ctxt)
{
	return emu_store(ctxt, &ctxt->insn.dst, insn_condition(ctxt->insn.cc, ctxt->rflags));
}

enum emu_status exec_xlat(struct emulate_ctxt *ctxt)
{
	struct insn *insn = &ctxt->insn;
	u64 offset = ctxt->regs[GPR_RBX] + (ctxt->regs[GPR_RAX] & 0xff);
	enum emu_status status;
	u8 val;

	status = emu_read(ctxt, insn->seg, low_bytes(offset, insn->addr_bytes), &val, 1);
	if (!status)
		emu_set_gpr(ctxt, GPR_RAX, 1, val);
	return status;
}

/* cbw, cwde, cdqe */
enum emu_status exec_cbw(struct emulate_ctxt *ctxt)
{
	unsigned int bytes = ctxt->insn.op_bytes;

	emu_set_gpr(ctxt, GPR_RAX, bytes, sign_extend(ctxt->regs[GPR_RAX], bytes / 2));
	return EMU_DONE;
}

/* cwd, cdq, cqo */
enum emu_status exec_cwd(struct emulate_ctxt *ctxt)
{
	unsigned int bytes = ctxt->insn.op_bytes;

	emu_set_gpr(ctxt, GPR_RDX, bytes, sign_extend(ctxt->regs[GPR_RAX], bytes) >> 63);
	return EMU_DONE;
}

/* Whether SSE can be used at all. CR0 and CR4 are not known without an op: then it can. */
static enum emu_status check_sse(struct emulate_ctxt *ctxt)
{
	enum emu_status status;
	u64 cr0, cr4;

	if (!ctxt->ops->read_xmm || !ctxt->ops->write_xmm)
		return EMU_UNHANDLED;
	if (!ctxt->ops->read_cr)
		return EMU_DONE;
	status = emu_read_cr(ctxt, 0, &cr0);
	if (!status)
		status = emu_read_cr(ctxt, 4, &cr4);
	if (status)
		return status;
	if ((cr0 & CR0_EM) || !(cr4 & CR4_OSFXSR))
		return emulate_raise(ctxt, EMU_UD, 0);
	if (cr0 & CR0_TS)
		return emulate_raise(ctxt, EMU_NM, 0);
	return EMU_DONE;
}

static enum emu_status load_xmm_operand(struct emulate_ctxt *ctxt, u64 val[2])
{
	struct insn_opnd *src = &ctxt->insn.src;

	val[0] = val[1] = 0;
	switch (src->kind) {
	case OPND_XMM:
		return ctxt->ops->read_xmm(ctxt, src->reg, val);
	case OPND_MEM:
		return emu_read(ctxt, ctxt->insn.seg, emu_address(ctxt), val, src->bytes);
	default:
		return emu_load(ctxt, src, &val[0]);
	}
}

/* movss and movsd between registers keep the rest of the destination; all others clear it. */
static bool merges(const struct insn *insn)
{
	return insn->src.kind == OPND_XMM && insn->dst.kind == OPND_XMM && insn->map == 2 &&
	       (insn->opcode == 0x10 || insn->opcode == 0x11);
}

static enum emu_status store_xmm_reg(struct emulate_ctxt *ctxt, const u64 val[2],
				     unsigned int bytes)
{
	u64 result[2] = { 0, 0 };
	enum emu_status status = EMU_DONE;

	if (merges(&ctxt->insn))
		status = ctxt->ops->read_xmm(ctxt, ctxt->insn.dst.reg, result);
	if (status)
		return status;
	__builtin_memcpy(result, val, bytes);
	return ctxt->ops->write_xmm(ctxt, ctxt->insn.dst.reg, result);
}

enum emu_status exec_mov_xmm(struct emulate_ctxt *ctxt)
{
	struct insn_opnd *dst = &ctxt->insn.dst;
	enum emu_status status;
	u64 val[2];

	status = check_sse(ctxt);
	if (!status)
		status = load_xmm_operand(ctxt, val);
	if (status)
		return status;
	switch (dst->kind) {
	case OPND_XMM:
		return store_xmm_reg(ctxt, val, ctxt->insn.src.bytes);
	case OPND_MEM:
		return emu_write(ctxt, ctxt->insn.seg, emu_address(ctxt), val, dst->bytes);
	default:
		return emu_store(ctxt, dst, val[0]);
	}
}

enum emu_status exec_mov_xmm_half(struct emulate_ctxt *ctxt)
{
	struct insn *insn = &ctxt->insn;
	unsigned int half = insn->flags & INSN_HIGH_HALF ? 1 : 0;
	bool store = insn->dst.kind == OPND_MEM;
	unsigned int reg = store ? insn->src.reg : insn->dst.reg;
	enum emu_status status;
	u64 val[2];

	status = check_sse(ctxt);
	if (!status)
		status = ctxt->ops->read_xmm(ctxt, reg, val);
	if (status)
		return status;
	if (store)
		return emu_write(ctxt, insn->seg, emu_address(ctxt), &val[half], 8);
	status = emu_read(ctxt, insn->seg, emu_address(ctxt), &val[half], 8);
	return status ? status : ctxt->ops->write_xmm(ctxt, reg, val);
}
