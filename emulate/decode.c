// SPDX-License-Identifier: GPL-2.0-only
/* Bytes to struct insn. Intel SDM vol. 2 chapter 2, AMD APM vol. 3 chapter 1. */
#include "decode_impl.h"

struct cursor {
	const u8 *bytes;
	unsigned int n, pos;
	enum insn_vendor vendor;
	bool overrun;
};

#define REX_B	1
#define REX_X	2
#define REX_R	4
#define REX_W	8

static u64 take(struct cursor *cur, unsigned int bytes)
{
	u64 val = 0;
	unsigned int i;

	if (cur->n - cur->pos < bytes) {
		cur->overrun = true;
		cur->pos = cur->n;
		return 0;
	}
	for (i = 0; i < bytes; i++)
		val |= (u64)cur->bytes[cur->pos++] << (8 * i);
	return val;
}

static s64 take_signed(struct cursor *cur, unsigned int bytes)
{
	unsigned int shift = 64 - 8 * bytes;

	return (s64)(take(cur, bytes) << shift) >> shift;
}

/* In 64-bit mode the prefixes of ES, CS, SS and DS are ignored. */
static void segment_prefix(struct insn *insn, enum seg_reg seg)
{
	if (insn->mode == INSN_LONG64 && seg < SREG_FS)
		return;
	insn->seg = seg;
	insn->flags |= INSN_SEG_OVR;
}

static bool legacy_prefix(struct insn *insn, u8 byte)
{
	switch (byte) {
	case 0x26: segment_prefix(insn, SREG_ES); break;
	case 0x2e: segment_prefix(insn, SREG_CS); break;
	case 0x36: segment_prefix(insn, SREG_SS); break;
	case 0x3e: segment_prefix(insn, SREG_DS); break;
	case 0x64: segment_prefix(insn, SREG_FS); break;
	case 0x65: segment_prefix(insn, SREG_GS); break;
	case 0x66: insn->flags |= INSN_OPSIZE; break;
	case 0x67: insn->flags |= INSN_ADDRSIZE; break;
	case 0xf0: insn->flags |= INSN_LOCKED; break;
	case 0xf2: insn->flags = (insn->flags & ~INSN_REP) | INSN_REPNE; break;
	case 0xf3: insn->flags = (insn->flags & ~INSN_REPNE) | INSN_REP; break;
	default: return false;
	}
	return true;
}

/* A REX prefix counts only right before the opcode. Returns the first byte after all. */
static u8 take_prefixes(struct insn *insn, struct cursor *cur)
{
	u8 byte;

	for (;;) {
		byte = take(cur, 1);
		if (cur->overrun)
			return 0;
		if (insn->mode == INSN_LONG64 && (byte & 0xf0) == 0x40)
			insn->rex = byte;
		else if (legacy_prefix(insn, byte))
			insn->rex = 0;
		else
			return byte;
	}
}

static u8 mandatory_prefix(const struct insn *insn)
{
	if (insn->flags & INSN_REP)
		return 0xf3;
	if (insn->flags & INSN_REPNE)
		return 0xf2;
	return insn->flags & INSN_OPSIZE ? 0x66 : 0;
}

static const struct opcode opcode_unknown = { .flags = T_UNKNOWN };
static const struct opcode opcode_ud = { .flags = T_UD };
static const struct opcode opcode_len = { .dst = O_M, .flags = T_MODRM };
static const struct opcode opcode_len_ib = { .dst = O_M, .src = O_Ib, .flags = T_MODRM };

/* Most two-byte opcodes have no variant to look for: 18-27, 30-4f, 80-b7 */
static bool may_be_prefixed(const struct insn *insn)
{
	u8 op = insn->opcode;

	return insn->map != 2 || op < 0x18 || (op >= 0x28 && op < 0x30) ||
	       (op >= 0x50 && op < 0x80) || op >= 0xb8;
}

static const struct opcode *prefixed_opcode(const struct insn *insn, const struct opcode *plain)
{
	u8 prefix = mandatory_prefix(insn);
	unsigned int i;

	if (!may_be_prefixed(insn))
		return plain;

	for (i = 0; i < decode_prefixed_count; i++) {
		const struct prefixed *p = &decode_prefixed[i];

		if (p->map == insn->map && p->opcode == insn->opcode && p->prefix == prefix)
			return &p->what;
	}
	return plain;
}

/* VEX and EVEX are not decoded; 62, c4 and c5 begin one when modrm.mod would be 3. */
static bool is_vex(const struct insn *insn, const struct cursor *cur)
{
	if (insn->opcode != 0x62 && insn->opcode != 0xc4 && insn->opcode != 0xc5)
		return false;
	if (insn->mode == INSN_LONG64)
		return true;
	return insn->mode >= INSN_PROT16 && cur->pos < cur->n && cur->bytes[cur->pos] >= 0xc0;
}

static const struct opcode *take_opcode(struct insn *insn, struct cursor *cur)
{
	insn->map = 1;
	insn->opcode = take_prefixes(insn, cur);
	if (cur->overrun)
		return &opcode_unknown;
	if (insn->opcode != 0x0f)
		return is_vex(insn, cur) ? &opcode_unknown : &decode_map1[insn->opcode];

	insn->map = 2;
	insn->opcode = take(cur, 1);
	if (insn->opcode == 0x38 || insn->opcode == 0x3a) {
		insn->map = insn->opcode == 0x38 ? 3 : 4;
		insn->opcode = take(cur, 1);
	}
	if (insn->map == 2)
		return prefixed_opcode(insn, &decode_map2[insn->opcode]);
	return insn->map == 3 ? prefixed_opcode(insn, &opcode_len) : &opcode_len_ib;
}

static u8 modrm_mod(const struct insn *insn)
{
	return insn->modrm >> 6;
}

static u8 modrm_reg(const struct insn *insn)
{
	return (insn->modrm >> 3) & 7;
}

static u8 modrm_rm(const struct insn *insn)
{
	return insn->modrm & 7;
}

static const struct opcode *group9_reg(const struct insn *insn)
{
	static const struct opcode rdrand = { .op = OP_RDRAND, .dst = O_Ev };
	static const struct opcode rdseed = { .op = OP_RDSEED, .dst = O_Ev };
	static const struct opcode rdpid = { .op = OP_RDPID, .dst = O_Ey };

	if (modrm_reg(insn) == 6)
		return insn->flags & (INSN_REP | INSN_REPNE) ? &opcode_unknown : &rdrand;
	if (modrm_reg(insn) == 7)
		return insn->flags & INSN_REP ? &rdpid : &rdseed;
	return &opcode_ud;
}

static const struct opcode *group15_mem(const struct insn *insn)
{
	static const struct opcode clflush = { .op = OP_CLFLUSH, .dst = O_M };

	if (modrm_reg(insn) == 7 && !(insn->flags & (INSN_REP | INSN_REPNE)))
		return &clflush;
	return &opcode_len;
}

/* f3 or 66 turn the fences into other instructions. */
static const struct opcode *group15_reg(const struct insn *insn)
{
	if (mandatory_prefix(insn))
		return &opcode_len;
	return &decode_groups[GRP_15][modrm_reg(insn)];
}

static const struct opcode *group_opcode(const struct insn *insn, u8 group)
{
	bool reg = modrm_mod(insn) == 3;

	if (group == GRP_7 && reg && (insn->flags & (INSN_REP | INSN_REPNE)))
		return &opcode_unknown;
	if (group == GRP_7 && reg)
		return &decode_0f01_reg[modrm_reg(insn)][modrm_rm(insn)];
	if (group == GRP_9 && reg)
		return group9_reg(insn);
	if (group == GRP_15)
		return reg ? group15_reg(insn) : group15_mem(insn);
	return &decode_groups[group][modrm_reg(insn)];
}

static u8 rex_ext(const struct insn *insn, u8 bit)
{
	return insn->rex & bit ? 8 : 0;
}

static void default_segment(struct insn *insn, enum seg_reg seg)
{
	if (!(insn->flags & INSN_SEG_OVR))
		insn->seg = seg;
}

static void memory_16(struct insn *insn, struct cursor *cur)
{
	static const u8 base[8] = {
		GPR_RBX, GPR_RBX, GPR_RBP, GPR_RBP, GPR_RSI, GPR_RDI, GPR_RBP, GPR_RBX
	};
	static const u8 index[8] = {
		GPR_RSI, GPR_RDI, GPR_RSI, GPR_RDI, GPR_NONE, GPR_NONE, GPR_NONE, GPR_NONE
	};
	u8 mod = modrm_mod(insn), rm = modrm_rm(insn);

	if (mod == 0 && rm == 6) {
		insn->disp = take_signed(cur, 2);
		return;
	}
	insn->base = base[rm];
	insn->index = index[rm];
	if (insn->base == GPR_RBP)
		default_segment(insn, SREG_SS);
	if (mod)
		insn->disp = take_signed(cur, mod);
}

static void memory_sib(struct insn *insn, struct cursor *cur)
{
	u8 sib = take(cur, 1);

	insn->scale = sib >> 6;
	insn->index = ((sib >> 3) & 7) | rex_ext(insn, REX_X);
	if (insn->index == GPR_RSP)
		insn->index = GPR_NONE;
	if ((sib & 7) != 5 || modrm_mod(insn))
		insn->base = (sib & 7) | rex_ext(insn, REX_B);
}

static void memory_32(struct insn *insn, struct cursor *cur)
{
	u8 mod = modrm_mod(insn), rm = modrm_rm(insn);
	bool no_base = false;

	if (rm == 4) {
		memory_sib(insn, cur);
		no_base = insn->base == GPR_NONE;
	} else if (rm == 5 && mod == 0) {
		no_base = true;
		if (insn->mode == INSN_LONG64)
			insn->flags |= INSN_RIP_REL;
	} else {
		insn->base = rm | rex_ext(insn, REX_B);
	}
	if (insn->base == GPR_RSP || insn->base == GPR_RBP)
		default_segment(insn, SREG_SS);
	if (mod == 1)
		insn->disp = take_signed(cur, 1);
	else if (mod == 2 || no_base)
		insn->disp = take_signed(cur, 4);
}

static void take_modrm(struct insn *insn, struct cursor *cur)
{
	insn->flags |= INSN_MODRM;
	insn->modrm = take(cur, 1);
	insn->reg = modrm_reg(insn) | rex_ext(insn, REX_R);
}

static void take_memory(struct insn *insn, const struct opcode *opcode, struct cursor *cur)
{
	if (modrm_mod(insn) == 3 || (opcode->flags & T_REG))
		return;
	if (insn->addr_bytes == 2)
		memory_16(insn, cur);
	else
		memory_32(insn, cur);
}

static bool is_16bit(const struct insn *insn)
{
	return insn->mode != INSN_PROT32 && insn->mode != INSN_LONG64;
}

static void address_size(struct insn *insn)
{
	bool toggle = insn->flags & INSN_ADDRSIZE;

	if (insn->mode == INSN_LONG64)
		insn->addr_bytes = toggle ? 4 : 8;
	else
		insn->addr_bytes = is_16bit(insn) != toggle ? 2 : 4;
}

static u8 operand_size(const struct insn *insn, u16 flags)
{
	bool toggle = insn->flags & INSN_OPSIZE;

	if (flags & T_BYTE)
		return 1;
	if (insn->mode != INSN_LONG64)
		return is_16bit(insn) != toggle ? 2 : 4;
	if ((flags & T_FORCE64) || (insn->rex & REX_W))
		return 8;
	if (toggle)
		return 2;
	return flags & T_DEF64 ? 8 : 4;
}

static void reg_operand(const struct insn *insn, struct insn_opnd *opnd, u8 reg, u8 bytes)
{
	opnd->kind = OPND_REG;
	opnd->reg = reg;
	opnd->bytes = bytes;
	if (bytes == 1 && !insn->rex && reg >= 4) {
		opnd->kind = OPND_HIGH;
		opnd->reg = reg - 4;
	}
}

/* modrm.rm as a general register, an xmm register or memory. */
static void rm_operand(const struct insn *insn, struct insn_opnd *opnd, u8 kind, u8 bytes)
{
	u8 reg = modrm_rm(insn) | rex_ext(insn, REX_B);

	opnd->kind = kind;
	opnd->reg = reg;
	opnd->bytes = bytes;
	if (modrm_mod(insn) != 3)
		opnd->kind = OPND_MEM;
	else if (kind == OPND_REG)
		reg_operand(insn, opnd, reg, bytes);
}

static void plain_operand(struct insn_opnd *opnd, u8 kind, u8 reg, u8 bytes)
{
	opnd->kind = kind;
	opnd->reg = reg;
	opnd->bytes = bytes;
}

static void imm_operand(struct insn *insn, struct insn_opnd *opnd, struct cursor *cur, u8 bytes)
{
	plain_operand(opnd, OPND_IMM, 0, insn->op_bytes);
	insn->imm = take_signed(cur, bytes);
}

static void far_pointer(struct insn *insn, struct insn_opnd *opnd, struct cursor *cur)
{
	plain_operand(opnd, OPND_IMM, 0, insn->op_bytes);
	insn->imm = take(cur, insn->op_bytes);
	insn->imm2 = take(cur, 2);
}

static void moffs_operand(struct insn *insn, struct insn_opnd *opnd, struct cursor *cur)
{
	plain_operand(opnd, OPND_MEM, 0, insn->op_bytes);
	insn->disp = take(cur, insn->addr_bytes);
}

static u8 wide_bytes(const struct insn *insn)
{
	return insn->rex & REX_W ? 8 : 4;
}

static void take_operand(struct insn *insn, struct insn_opnd *opnd, u8 spec, struct cursor *cur)
{
	u8 v = insn->op_bytes, z = v == 8 ? 4 : v;
	u8 opreg = (insn->opcode & 7) | rex_ext(insn, REX_B);
	u8 native = insn->mode == INSN_LONG64 ? 8 : 4;

	switch (spec) {
	case O_Eb: rm_operand(insn, opnd, OPND_REG, 1); break;
	case O_Ew: rm_operand(insn, opnd, OPND_REG, 2); break;
	case O_Ed: rm_operand(insn, opnd, OPND_REG, 4); break;
	case O_Ev: rm_operand(insn, opnd, OPND_REG, v); break;
	case O_Ey: rm_operand(insn, opnd, OPND_REG, wide_bytes(insn)); break;
	case O_M: rm_operand(insn, opnd, OPND_NONE, v); break;
	case O_Gb: reg_operand(insn, opnd, insn->reg, 1); break;
	case O_Gv: reg_operand(insn, opnd, insn->reg, v); break;
	case O_Gy: reg_operand(insn, opnd, insn->reg, wide_bytes(insn)); break;
	case O_Zb: reg_operand(insn, opnd, opreg, 1); break;
	case O_Zv: reg_operand(insn, opnd, opreg, v); break;
	case O_AL: plain_operand(opnd, OPND_REG, GPR_RAX, 1); break;
	case O_ACC: plain_operand(opnd, OPND_REG, GPR_RAX, v); break;
	case O_CL: plain_operand(opnd, OPND_REG, GPR_RCX, 1); break;
	case O_ONE: plain_operand(opnd, OPND_IMM, 0, 1); insn->imm = 1; break;
	case O_Ib: imm_operand(insn, opnd, cur, 1); break;
	case O_Iw: imm_operand(insn, opnd, cur, 2); break;
	case O_Iz: imm_operand(insn, opnd, cur, z); break;
	case O_Iv: imm_operand(insn, opnd, cur, v); break;
	case O_Iwb: imm_operand(insn, opnd, cur, 2); insn->imm2 = take(cur, 1); break;
	case O_Ap: far_pointer(insn, opnd, cur); break;
	case O_Jb: imm_operand(insn, opnd, cur, 1); break;
	case O_Jz: imm_operand(insn, opnd, cur, z); break;
	case O_Ob: case O_Ov: moffs_operand(insn, opnd, cur); break;
	case O_Sw: plain_operand(opnd, OPND_SEG, modrm_reg(insn), 2); break;
	case O_SEGOP: plain_operand(opnd, OPND_SEG, (insn->opcode >> 3) & 7, 2); break;
	case O_Rn: reg_operand(insn, opnd, modrm_rm(insn) | rex_ext(insn, REX_B), native); break;
	case O_Cn: plain_operand(opnd, OPND_CR, insn->reg, native); break;
	case O_Dn: plain_operand(opnd, OPND_DR, insn->reg, native); break;
	case O_Vx: plain_operand(opnd, OPND_XMM, insn->reg, 16); break;
	case O_Vq: plain_operand(opnd, OPND_XMM, insn->reg, 8); break;
	case O_Vd: plain_operand(opnd, OPND_XMM, insn->reg, 4); break;
	case O_Wx: rm_operand(insn, opnd, OPND_XMM, 16); break;
	case O_Wq: rm_operand(insn, opnd, OPND_XMM, 8); break;
	case O_Wd: rm_operand(insn, opnd, OPND_XMM, 4); break;
	default: break;
	}
}

/* What the tables can't say. Opcode 90 is xchg with REX.B, even after f3 (see exec_xchg()). */
static void refine(struct insn *insn)
{
	insn->cc = insn->opcode & 15;
	if (insn->op == OP_NOP && insn->map == 1) {
		if (insn->rex & REX_B)
			insn->op = OP_XCHG;
		else if (insn->flags & INSN_REP)
			insn->op = OP_PAUSE;
	}
	if (insn->op == OP_XCHG && insn->map == 1 && insn->opcode == 0x90) {
		reg_operand(insn, &insn->dst, GPR_R8, insn->op_bytes);
		reg_operand(insn, &insn->src, GPR_RAX, insn->op_bytes);
	}
	if (insn->op == OP_MOVSX && insn->map == 1 && insn->mode == INSN_LONG64)
		insn->src.bytes = insn->op_bytes == 2 ? 2 : 4;
	if (insn->op == OP_MOV_FROM_SEG && insn->dst.kind == OPND_MEM)
		insn->dst.bytes = 2;
	/* movhlps and movlhps: no memory, the length is enough */
	if (insn->op == OP_MOV_XMM_HALF && modrm_mod(insn) == 3)
		insn->op = OP_OTHER;
	if (insn->op == OP_CMPXCHG8B)
		insn->dst.bytes = wide_bytes(insn) * 2;
}

static bool bad_register(const struct insn *insn)
{
	switch (insn->op) {
	case OP_MOV_FROM_CR: case OP_MOV_TO_CR:
		return insn->reg == 1 || (insn->reg >= 5 && insn->reg != 8);
	case OP_MOV_FROM_DR: case OP_MOV_TO_DR:
		return insn->reg >= 8;
	case OP_MOV_FROM_SEG:
		return modrm_reg(insn) > SREG_GS;
	case OP_ARPL:
		return insn->mode < INSN_PROT16;
	case OP_MOV_TO_SEG:
		return modrm_reg(insn) > SREG_GS || modrm_reg(insn) == SREG_CS;
	default:
		return false;
	}
}

/* Beside read-modify-write of memory: CR0 then means CR8, where the processor knows that. */
static bool lock_allowed(const struct insn *insn, u16 flags)
{
	if (insn->op == OP_MOV_FROM_CR || insn->op == OP_MOV_TO_CR)
		return insn->reg == 0;
	return (flags & T_LOCK) && insn->dst.kind == OPND_MEM;
}

static bool is_invalid(const struct insn *insn, u16 flags)
{
	if ((flags & T_NO64) && insn->mode == INSN_LONG64)
		return true;
	if ((flags & T_ONLY64) && insn->mode != INSN_LONG64)
		return true;
	if ((flags & T_PROT) && insn->mode < INSN_PROT16)
		return true;
	if ((flags & T_MEM) && insn->dst.kind != OPND_MEM && insn->src.kind != OPND_MEM)
		return true;
	if ((insn->flags & INSN_LOCKED) && !lock_allowed(insn, flags))
		return true;
	return bad_register(insn);
}

/* Opcode 63 is arpl outside 64-bit mode. */
static void refine_63(struct insn *insn)
{
	if (insn->map != 1 || insn->opcode != 0x63 || insn->mode == INSN_LONG64)
		return;
	insn->op = OP_ARPL;
	insn->op_bytes = 2;
	rm_operand(insn, &insn->dst, OPND_REG, 2);
	reg_operand(insn, &insn->src, insn->reg, 2);
}

/* A near branch with 66 in 64-bit mode: AMD makes it 16 bits wide, Intel ignores the prefix. */
static bool is_near16(const struct insn *insn, u16 flags)
{
	return (flags & T_NEAR) && insn->mode == INSN_LONG64 && (insn->flags & INSN_OPSIZE) &&
	       !(insn->rex & REX_W);
}

/* #UD on AMD, nothing on Intel. */
static bool is_prefetch_reg(const struct insn *insn)
{
	return insn->map == 2 && insn->opcode == 0x0d && modrm_mod(insn) == 3;
}

static void take_operands(struct insn *insn, const struct opcode *opcode, struct cursor *cur)
{
	take_operand(insn, &insn->dst, opcode->dst, cur);
	take_operand(insn, &insn->src, opcode->src, cur);
	take_operand(insn, &insn->src2, opcode->src2, cur);
	refine(insn);
	refine_63(insn);
}

static bool is_port_io(const struct insn *insn)
{
	return insn->op == OP_IN || insn->op == OP_OUT || insn->op == OP_INS ||
	       insn->op == OP_OUTS;
}

static int decode(struct insn *insn, struct cursor *cur)
{
	const struct opcode *opcode = take_opcode(insn, cur);
	u16 flags = opcode->flags;

	address_size(insn);
	if (flags & T_MODRM)
		take_modrm(insn, cur);
	if (cur->overrun)
		return INSN_MORE;
	if (flags & T_GROUP) {
		opcode = group_opcode(insn, opcode->dst);
		flags = (flags & ~T_GROUP) | opcode->flags;
	}
	if ((flags & T_UD) || (cur->vendor == INSN_AMD && is_prefetch_reg(insn)))
		return INSN_INVALID;
	if (flags & T_UNKNOWN)
		return INSN_UNKNOWN;
	if (cur->vendor == INSN_ANY_VENDOR && (is_near16(insn, flags) || is_prefetch_reg(insn)))
		return INSN_UNKNOWN;

	insn->op = opcode->op;
	insn->op_bytes = operand_size(insn, flags);
	if (cur->vendor == INSN_AMD && is_near16(insn, flags))
		insn->op_bytes = 2;
	if (is_port_io(insn) && insn->op_bytes == 8)
		insn->op_bytes = 4;
	if (flags & T_ALIGNED)
		insn->flags |= INSN_ALIGNED;
	if (flags & T_HIGH)
		insn->flags |= INSN_HIGH_HALF;
	if (flags & T_MODRM)
		take_memory(insn, opcode, cur);
	take_operands(insn, opcode, cur);
	if (is_invalid(insn, flags))
		return INSN_INVALID;
	if (cur->overrun)
		return INSN_MORE;
	insn->length = cur->pos;
	return INSN_OK;
}

int insn_decode(struct insn *insn, const u8 *bytes, unsigned int n, enum insn_mode mode)
{
	return insn_decode_as(insn, bytes, n, mode, INSN_ANY_VENDOR);
}

int insn_decode_as(struct insn *insn, const u8 *bytes, unsigned int n, enum insn_mode mode,
		   enum insn_vendor vendor)
{
	struct cursor cur = {
		.bytes = bytes, .n = n < INSN_MAX_BYTES ? n : INSN_MAX_BYTES, .vendor = vendor,
	};
	int status;

	*insn = (struct insn) {
		.mode = mode, .seg = SREG_DS, .base = GPR_NONE, .index = GPR_NONE,
	};
	status = decode(insn, &cur);
	if (status == INSN_MORE && n >= INSN_MAX_BYTES)
		return INSN_TOO_LONG;
	return status;
}

static u64 cut(u64 val, unsigned int bytes)
{
	return bytes == 8 ? val : val & ((1ULL << (8 * bytes)) - 1);
}

#define GPR_MASK	15	/* GPR_NONE is no register, not even for speculation */

u64 insn_address(const struct insn *insn, const u64 *regs, u64 rip)
{
	u64 addr = insn->disp;

	if (insn->flags & INSN_RIP_REL)
		addr += rip + insn->length;
	if (insn->base != GPR_NONE)
		addr += regs[insn->base & GPR_MASK];
	if (insn->index != GPR_NONE)
		addr += regs[insn->index & GPR_MASK] << insn->scale;
	return cut(addr, insn->addr_bytes);
}
