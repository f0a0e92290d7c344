// SPDX-License-Identifier: GPL-2.0-only
/* Arithmetic on values, with the flags that the processor would set. */
#include "internal.h"

static u64 sign_bit(unsigned int bytes)
{
	return 1ULL << (8 * bytes - 1);
}

static bool even_parity(u8 byte)
{
	return !__builtin_parity(byte);
}

u64 insn_result_flags(u64 flags, u64 result, unsigned int bytes)
{
	flags &= ~(FL_SF | FL_ZF | FL_PF);
	if (result & sign_bit(bytes))
		flags |= FL_SF;
	if (!low_bytes(result, bytes))
		flags |= FL_ZF;
	if (even_parity(result))
		flags |= FL_PF;
	return flags;
}

static u64 put(u64 flags, u64 flag, bool set)
{
	return set ? flags | flag : flags & ~flag;
}

static u64 carry_flags(struct alu *alu, u64 carries, u64 overflow, u64 a, u64 b, u64 result)
{
	u64 sign = sign_bit(alu->bytes);

	alu->flags = insn_result_flags(alu->flags, result, alu->bytes);
	alu->flags = put(alu->flags, FL_CF, carries & sign);
	alu->flags = put(alu->flags, FL_OF, overflow & sign);
	alu->flags = put(alu->flags, FL_AF, (a ^ b ^ result) & 0x10);
	return result;
}

static u64 add(struct alu *alu, u64 a, u64 b, bool carry)
{
	u64 r = low_bytes(a + b + carry, alu->bytes);

	return carry_flags(alu, (a & b) | ((a | b) & ~r), (a ^ r) & (b ^ r), a, b, r);
}

static u64 sub(struct alu *alu, u64 a, u64 b, bool borrow)
{
	u64 r = low_bytes(a - b - borrow, alu->bytes);

	return carry_flags(alu, (~a & b) | ((~a | b) & r), (a ^ b) & (a ^ r), a, b, r);
}

static u64 logic(struct alu *alu, u64 result)
{
	alu->flags = insn_result_flags(alu->flags, result, alu->bytes);
	alu->flags &= ~(FL_CF | FL_OF | FL_AF);
	return result;
}

static u64 keep_carry(struct alu *alu, u64 old_flags, u64 result)
{
	alu->flags = put(alu->flags, FL_CF, old_flags & FL_CF);
	return result;
}

/* The new value of @dst; alu->flags updated. */
u64 alu_compute(struct alu *alu, u64 dst)
{
	u64 src = alu->src, flags = alu->flags;
	bool carry = flags & FL_CF;

	switch (alu->op) {
	case OP_ADD: return add(alu, dst, src, false);
	case OP_OR: return logic(alu, dst | src);
	case OP_ADC: return add(alu, dst, src, carry);
	case OP_SBB: return sub(alu, dst, src, carry);
	case OP_AND: case OP_TEST: return logic(alu, dst & src);
	case OP_SUB: case OP_CMP: return sub(alu, dst, src, false);
	case OP_XOR: return logic(alu, dst ^ src);
	case OP_NOT: return low_bytes(~dst, alu->bytes);
	case OP_NEG: return sub(alu, 0, dst, false);
	case OP_INC: return keep_carry(alu, flags, add(alu, dst, 1, false));
	case OP_DEC: return keep_carry(alu, flags, sub(alu, dst, 1, false));
	default: return dst;
	}
}

static bool bit(u64 val, unsigned int n)
{
	return (val >> n) & 1;
}

static u64 rotate_flags(struct alu *alu, u64 r, bool carry, bool left)
{
	unsigned int top = 8 * alu->bytes - 1;
	bool other = left ? carry : bit(r, top - 1);

	alu->flags = put(alu->flags, FL_CF, carry);
	alu->flags = put(alu->flags, FL_OF, bit(r, top) != other);
	return r;
}

static u64 rotate(struct alu *alu, u64 val, unsigned int count, bool left)
{
	unsigned int bits = 8 * alu->bytes, by = count % bits;
	u64 r = val;
	bool carry;

	if (by && left)
		r = low_bytes(val << by | val >> (bits - by), alu->bytes);
	else if (by)
		r = low_bytes(val >> by | val << (bits - by), alu->bytes);
	carry = left ? bit(r, 0) : bit(r, bits - 1);
	return rotate_flags(alu, r, carry, left);
}

static u64 rotate_carry(struct alu *alu, u64 val, unsigned int count, bool left)
{
	unsigned int bits = 8 * alu->bytes, i;
	bool carry = alu->flags & FL_CF, out;

	count %= bits + 1;
	for (i = 0; i < count; i++) {
		out = left ? bit(val, bits - 1) : bit(val, 0);
		if (left)
			val = low_bytes(val << 1 | carry, alu->bytes);
		else
			val = val >> 1 | (u64)carry << (bits - 1);
		carry = out;
	}
	return rotate_flags(alu, val, carry, left);
}

static u64 shift_flags(struct alu *alu, u64 r, bool carry, bool overflow)
{
	alu->flags = insn_result_flags(alu->flags, r, alu->bytes);
	alu->flags = put(alu->flags, FL_CF, carry);
	alu->flags = put(alu->flags, FL_OF, overflow);
	alu->flags &= ~FL_AF;
	return r;
}

static u64 shift_left(struct alu *alu, u64 val, unsigned int count)
{
	unsigned int bits = 8 * alu->bytes;
	u64 r = low_bytes(val << count, alu->bytes);
	bool carry = count <= bits && bit(val, bits - count);

	return shift_flags(alu, r, carry, bit(r, bits - 1) != carry);
}

static u64 shift_right(struct alu *alu, u64 val, unsigned int count)
{
	unsigned int bits = 8 * alu->bytes;
	u64 r = val >> count;

	return shift_flags(alu, r, bit(val, count - 1), count == 1 && bit(val, bits - 1));
}

static u64 shift_arith(struct alu *alu, u64 val, unsigned int count)
{
	s64 wide = sign_extend(val, alu->bytes);

	return shift_flags(alu, low_bytes(wide >> count, alu->bytes), bit(wide, count - 1), false);
}

/* With 16-bit operands counts over 16 are undefined; processors go on through dst:src:dst. */
static u64 shift_double(struct alu *alu, u64 dst, unsigned int count, bool left)
{
	unsigned int bits = 8 * alu->bytes;
	u64 src = alu->src, r;
	bool carry;

	if (count > bits) {
		count -= bits;
		r = src;
		src = dst;
		dst = r;
	}
	if (left) {
		carry = bit(dst, bits - count);
		r = dst << (count & 63) | src >> (bits - count);
	} else {
		carry = bit(dst, count - 1);
		r = dst >> (count & 63) | src << (bits - count);
	}
	if (count == bits)
		r = src;
	r = low_bytes(r, alu->bytes);
	return shift_flags(alu, r, carry, bit(r ^ dst, bits - 1));
}

/* Shifts and rotates: the count is alu->src, of shld and shrd alu->src2. */
u64 shift_compute(struct alu *alu, u64 dst)
{
	bool twice = alu->op == OP_SHLD || alu->op == OP_SHRD;
	unsigned int count = (twice ? alu->src2 : alu->src) & (alu->bytes == 8 ? 63 : 31);

	if (!count)
		return dst;
	switch (alu->op) {
	case OP_ROL: return rotate(alu, dst, count, true);
	case OP_ROR: return rotate(alu, dst, count, false);
	case OP_RCL: return rotate_carry(alu, dst, count, true);
	case OP_RCR: return rotate_carry(alu, dst, count, false);
	case OP_SHL: case OP_SAL: return shift_left(alu, dst, count);
	case OP_SHR: return shift_right(alu, dst, count);
	case OP_SAR: return shift_arith(alu, dst, count);
	case OP_SHLD: return shift_double(alu, dst, count, true);
	case OP_SHRD: return shift_double(alu, dst, count, false);
	default: return dst;
	}
}

/* Condition codes in their encoding order. */
bool insn_condition(u8 cc, u64 flags)
{
	bool sf = flags & FL_SF, of = flags & FL_OF, zf = flags & FL_ZF, result;

	switch (cc >> 1) {
	case 0: result = of; break;
	case 1: result = flags & FL_CF; break;
	case 2: result = zf; break;
	case 3: result = flags & (FL_CF | FL_ZF); break;
	case 4: result = sf; break;
	case 5: result = flags & FL_PF; break;
	case 6: result = sf != of; break;
	default: result = zf || sf != of; break;
	}
	return result != (cc & 1);
}
