// SPDX-License-Identifier: GPL-2.0-only
/* Executors of arithmetic, shift and bit instructions. */
#include "internal.h"

static bool is_locked(const struct emulate_ctxt *ctxt)
{
	return ctxt->insn.flags & INSN_LOCKED;
}

static struct alu alu_of(const struct emulate_ctxt *ctxt, u64 src)
{
	return (struct alu) {
		.op = ctxt->insn.op, .bytes = ctxt->insn.dst.bytes, .src = src,
		.flags = ctxt->rflags,
	};
}

static enum emu_status compare(struct emulate_ctxt *ctxt, u64 src)
{
	struct alu alu = alu_of(ctxt, src);
	enum emu_status status;
	u64 dst;

	status = emu_load(ctxt, &ctxt->insn.dst, &dst);
	if (status)
		return status;
	alu_compute(&alu, dst);
	ctxt->rflags = alu.flags;
	return EMU_DONE;
}

enum emu_status exec_alu(struct emulate_ctxt *ctxt)
{
	struct insn *insn = &ctxt->insn;
	enum emu_status status = EMU_DONE;
	struct alu alu;
	u64 src = 0, old;

	if (insn->src.kind != OPND_NONE)
		status = emu_load(ctxt, &insn->src, &src);
	if (status)
		return status;
	if (insn->op == OP_CMP)
		return compare(ctxt, src);
	alu = alu_of(ctxt, src);
	return emu_modify(ctxt, &insn->dst, is_locked(ctxt), alu_compute, &alu, &old);
}

enum emu_status exec_test(struct emulate_ctxt *ctxt)
{
	enum emu_status status;
	u64 src;

	status = emu_load(ctxt, &ctxt->insn.src, &src);
	return status ? status : compare(ctxt, src);
}

/* rcl and rcr depend on the carry, which emu_modify() hands on in alu->flags. */
enum emu_status exec_shift(struct emulate_ctxt *ctxt)
{
	struct insn *insn = &ctxt->insn;
	enum emu_status status;
	struct alu alu;
	u64 src, old;

	status = emu_load(ctxt, &insn->src, &src);
	if (status)
		return status;
	alu = alu_of(ctxt, src);
	if (insn->src2.kind != OPND_NONE)
		status = emu_load(ctxt, &insn->src2, &alu.src2);
	if (status)
		return status;
	return emu_modify(ctxt, &insn->dst, false, shift_compute, &alu, &old);
}

struct wide {
	u64 lo, hi;
};

static struct wide mul_unsigned(u64 a, u64 b)
{
	unsigned __int128 r = (unsigned __int128)a * b;

	return (struct wide) { .lo = r, .hi = r >> 64 };
}

static struct wide mul_signed(s64 a, s64 b)
{
	__int128 r = (__int128)a * b;

	return (struct wide) { .lo = r, .hi = r >> 64 };
}

/* The other arithmetic flags are undefined: they follow the low half. */
static void mul_flags(struct emulate_ctxt *ctxt, u64 low, unsigned int bytes, bool overflow)
{
	ctxt->rflags = insn_result_flags(ctxt->rflags, low, bytes) & ~(FL_CF | FL_OF | FL_AF);
	if (overflow)
		ctxt->rflags |= FL_CF | FL_OF;
}

/* The low and the high half to al:ah, ax:dx, eax:edx or rax:rdx. */
static void set_pair(struct emulate_ctxt *ctxt, unsigned int bytes, u64 low, u64 high)
{
	if (bytes == 1) {
		emu_set_gpr(ctxt, GPR_RAX, 2, (low & 0xff) | (high & 0xff) << 8);
		return;
	}
	emu_set_gpr(ctxt, GPR_RAX, bytes, low);
	emu_set_gpr(ctxt, GPR_RDX, bytes, high);
}

/* One-operand mul and imul. */
enum emu_status exec_mul(struct emulate_ctxt *ctxt)
{
	unsigned int bytes = ctxt->insn.op_bytes, bits = 8 * bytes;
	bool is_signed = ctxt->insn.op == OP_IMUL1, overflow;
	u64 a = low_bytes(ctxt->regs[GPR_RAX], bytes), b, low, high;
	enum emu_status status = emu_load(ctxt, &ctxt->insn.dst, &b);
	struct wide r;

	if (status)
		return status;
	if (is_signed)
		r = mul_signed(sign_extend(a, bytes), sign_extend(b, bytes));
	else
		r = mul_unsigned(a, b);
	low = low_bytes(r.lo, bytes);
	high = bytes == 8 ? r.hi : low_bytes(r.lo >> bits, bytes);
	overflow = is_signed ? high != low_bytes(sign_extend(low, bytes) >> 63, bytes) : high;
	set_pair(ctxt, bytes, low, high);
	mul_flags(ctxt, low, bytes, overflow);
	return EMU_DONE;
}

/* imul with two or three operands. */
enum emu_status exec_imul(struct emulate_ctxt *ctxt)
{
	struct insn *insn = &ctxt->insn;
	unsigned int bytes = insn->op_bytes;
	bool three = insn->src2.kind != OPND_NONE;
	enum emu_status status;
	struct wide r;
	u64 a, b;

	status = emu_load(ctxt, &insn->src, &a);
	if (!status)
		status = emu_load(ctxt, three ? &insn->src2 : &insn->dst, &b);
	if (status)
		return status;
	r = mul_signed(sign_extend(a, bytes), sign_extend(b, bytes));
	mul_flags(ctxt, low_bytes(r.lo, bytes), bytes,
		  sign_extend(r.lo, bytes) != (s64)r.lo || (s64)r.hi != (s64)r.lo >> 63);
	emu_set_reg(ctxt, &insn->dst, r.lo);
	return EMU_DONE;
}

/* 128 by 64 bits; the caller made sure that the quotient fits, that is n.hi < d. */
static void div_wide(struct wide n, u64 d, u64 *quotient, u64 *remainder)
{
	u64 rem = n.hi, quot = n.lo;
	unsigned int i;
	bool carry;

	for (i = 0; i < 64; i++) {
		carry = rem >> 63;
		rem = rem << 1 | quot >> 63;
		quot <<= 1;
		if (carry || rem >= d) {
			rem -= d;
			quot |= 1;
		}
	}
	*quotient = quot;
	*remainder = rem;
}

static struct wide get_pair(const struct emulate_ctxt *ctxt, unsigned int bytes)
{
	u64 a = low_bytes(ctxt->regs[GPR_RAX], bytes), d = low_bytes(ctxt->regs[GPR_RDX], bytes);

	if (bytes == 1)
		return (struct wide) { .lo = low_bytes(ctxt->regs[GPR_RAX], 2) };
	if (bytes == 8)
		return (struct wide) { .lo = a, .hi = d };
	return (struct wide) { .lo = a | d << (8 * bytes) };
}

static struct wide negate(struct wide n)
{
	return (struct wide) { .lo = -n.lo, .hi = ~n.hi + !n.lo };
}

static enum emu_status div_unsigned(struct emulate_ctxt *ctxt, u64 d)
{
	unsigned int bytes = ctxt->insn.op_bytes;
	struct wide n = get_pair(ctxt, bytes);
	u64 quot, rem;

	if (n.hi >= d)
		return emulate_raise(ctxt, EMU_DE, 0);
	div_wide(n, d, &quot, &rem);
	if (quot != low_bytes(quot, bytes))
		return emulate_raise(ctxt, EMU_DE, 0);
	set_pair(ctxt, bytes, quot, rem);
	return EMU_DONE;
}

static enum emu_status div_signed(struct emulate_ctxt *ctxt, s64 d)
{
	unsigned int bytes = ctxt->insn.op_bytes;
	struct wide n = get_pair(ctxt, bytes);
	u64 quot, rem, magnitude = d < 0 ? -(u64)d : (u64)d, limit = 1ULL << (8 * bytes - 1);
	bool minus;

	if (bytes < 8) {
		n.lo = sign_extend(n.lo, 2 * bytes);
		n.hi = (s64)n.lo >> 63;
	}
	minus = n.hi >> 63;
	if (minus)
		n = negate(n);
	if (n.hi >= magnitude)
		return emulate_raise(ctxt, EMU_DE, 0);
	div_wide(n, magnitude, &quot, &rem);
	if (quot > limit || (quot == limit && minus == (d < 0)))
		return emulate_raise(ctxt, EMU_DE, 0);
	set_pair(ctxt, bytes, minus != (d < 0) ? -quot : quot, minus ? -rem : rem);
	return EMU_DONE;
}

enum emu_status exec_div(struct emulate_ctxt *ctxt)
{
	enum emu_status status;
	u64 d;

	status = emu_load(ctxt, &ctxt->insn.dst, &d);
	if (status)
		return status;
	if (ctxt->insn.op == OP_DIV)
		return div_unsigned(ctxt, d);
	return div_signed(ctxt, sign_extend(d, ctxt->insn.op_bytes));
}

static u64 bit_compute(struct alu *alu, u64 dst)
{
	u64 mask = 1ULL << alu->src;

	alu->flags = dst & mask ? alu->flags | FL_CF : alu->flags & ~FL_CF;
	switch (alu->op) {
	case OP_BTS: return dst | mask;
	case OP_BTR: return dst & ~mask;
	case OP_BTC: return dst ^ mask;
	default: return dst;
	}
}

/* A bit number in a register reaches beyond the operand, up and down: move the address there. */
static u64 bit_number(struct emulate_ctxt *ctxt, u64 val)
{
	struct insn *insn = &ctxt->insn;
	unsigned int bytes = insn->op_bytes;

	if (insn->dst.kind == OPND_MEM && insn->src.kind == OPND_REG)
		insn->disp += (sign_extend(val, bytes) >> 3) & -(s64)bytes;
	return val & (8 * bytes - 1);
}

enum emu_status exec_bit_test(struct emulate_ctxt *ctxt)
{
	enum emu_status status;
	struct alu alu;
	u64 src, old;

	status = emu_load(ctxt, &ctxt->insn.src, &src);
	if (status)
		return status;
	alu = alu_of(ctxt, bit_number(ctxt, src));
	if (ctxt->insn.op != OP_BT)
		return emu_modify(ctxt, &ctxt->insn.dst, is_locked(ctxt), bit_compute, &alu, &old);
	status = emu_load(ctxt, &ctxt->insn.dst, &old);
	if (status)
		return status;
	bit_compute(&alu, old);
	ctxt->rflags = alu.flags;
	return EMU_DONE;
}

static unsigned int leading_zeros(u64 val, unsigned int bits)
{
	return val ? __builtin_clzll(val) - (64 - bits) : bits;
}

static unsigned int trailing_zeros(u64 val, unsigned int bits)
{
	return val ? (unsigned int)__builtin_ctzll(val) : bits;
}

static unsigned int count_ones(u64 val)
{
	unsigned int n;

	for (n = 0; val; n++)
		val &= val - 1;
	return n;
}

static void put_flag(struct emulate_ctxt *ctxt, u64 flag, bool set)
{
	ctxt->rflags = set ? ctxt->rflags | flag : ctxt->rflags & ~flag;
}

/* bsf and bsr leave the destination alone when the source is 0. */
static void bit_scan(struct emulate_ctxt *ctxt, u64 src)
{
	struct insn *insn = &ctxt->insn;
	unsigned int bits = 8 * insn->op_bytes;

	put_flag(ctxt, FL_ZF, !src);
	if (!src)
		return;
	if (insn->op == OP_BSF)
		emu_set_reg(ctxt, &insn->dst, trailing_zeros(src, bits));
	else
		emu_set_reg(ctxt, &insn->dst, bits - 1 - leading_zeros(src, bits));
}

static void bit_count(struct emulate_ctxt *ctxt, u64 src)
{
	struct insn *insn = &ctxt->insn;
	unsigned int bits = 8 * insn->op_bytes, n;

	n = insn->op == OP_TZCNT ? trailing_zeros(src, bits) : leading_zeros(src, bits);
	put_flag(ctxt, FL_CF, !src);
	put_flag(ctxt, FL_ZF, !n);
	emu_set_reg(ctxt, &insn->dst, n);
}

enum emu_status exec_bit_scan(struct emulate_ctxt *ctxt)
{
	struct insn *insn = &ctxt->insn;
	enum emu_status status;
	u64 src;

	status = emu_load(ctxt, &insn->src, &src);
	if (status)
		return status;
	if (insn->op == OP_BSF || insn->op == OP_BSR) {
		bit_scan(ctxt, src);
	} else if (insn->op == OP_POPCNT) {
		ctxt->rflags &= ~FL_ARITH;
		put_flag(ctxt, FL_ZF, !src);
		emu_set_reg(ctxt, &insn->dst, count_ones(src));
	} else {
		bit_count(ctxt, src);
	}
	return EMU_DONE;
}

static void set_al(struct emulate_ctxt *ctxt, u8 al)
{
	emu_set_gpr(ctxt, GPR_RAX, 1, al);
	ctxt->rflags = insn_result_flags(ctxt->rflags, al, 1);
}

/* daa and das, SDM vol. 2. */
static void decimal_adjust(struct emulate_ctxt *ctxt, bool subtract)
{
	u8 al = ctxt->regs[GPR_RAX], old = al;
	bool carry = ctxt->rflags & FL_CF, aux = (al & 15) > 9 || (ctxt->rflags & FL_AF);
	bool out = carry || old > 0x99;

	if (aux) {
		out |= subtract && (carry || al < 6);
		al = subtract ? al - 6 : al + 6;
	}
	if (carry || old > 0x99)
		al = subtract ? al - 0x60 : al + 0x60;
	set_al(ctxt, al);
	put_flag(ctxt, FL_CF, out);
	put_flag(ctxt, FL_AF, aux);
	put_flag(ctxt, FL_OF, false);
}

/* aaa and aas. */
static void ascii_adjust(struct emulate_ctxt *ctxt, bool subtract)
{
	u16 ax = ctxt->regs[GPR_RAX];
	bool adjust = (ax & 15) > 9 || (ctxt->rflags & FL_AF);

	if (adjust)
		ax = subtract ? ax - 0x106 : ax + 0x106;
	emu_set_gpr(ctxt, GPR_RAX, 2, ax & 0xff0f);
	ctxt->rflags = insn_result_flags(ctxt->rflags, ax & 0xf, 1);
	put_flag(ctxt, FL_CF, adjust);
	put_flag(ctxt, FL_AF, adjust);
	put_flag(ctxt, FL_OF, false);
}

static enum emu_status aam(struct emulate_ctxt *ctxt)
{
	u8 base = ctxt->insn.imm, al = ctxt->regs[GPR_RAX];

	if (!base)
		return emulate_raise(ctxt, EMU_DE, 0);
	emu_set_gpr(ctxt, GPR_RAX, 2, (al / base) << 8);
	set_al(ctxt, al % base);
	ctxt->rflags &= ~(FL_CF | FL_OF | FL_AF);
	return EMU_DONE;
}

static enum emu_status aad(struct emulate_ctxt *ctxt)
{
	u8 base = ctxt->insn.imm, al = ctxt->regs[GPR_RAX], ah = ctxt->regs[GPR_RAX] >> 8;
	struct alu alu = {
		.op = OP_ADD, .bytes = 1, .src = (u8)(ah * base), .flags = ctxt->rflags,
	};

	emu_set_gpr(ctxt, GPR_RAX, 2, alu_compute(&alu, al));
	ctxt->rflags = alu.flags;
	return EMU_DONE;
}

enum emu_status exec_decimal(struct emulate_ctxt *ctxt)
{
	switch (ctxt->insn.op) {
	case OP_DAA: case OP_DAS:
		decimal_adjust(ctxt, ctxt->insn.op == OP_DAS);
		return EMU_DONE;
	case OP_AAA: case OP_AAS:
		ascii_adjust(ctxt, ctxt->insn.op == OP_AAS);
		return EMU_DONE;
	case OP_AAM:
		return aam(ctxt);
	default:
		return aad(ctxt);
	}
}
