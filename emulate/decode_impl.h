/* SPDX-License-Identifier: GPL-2.0-only */
/* What decode.c and its tables share. */
#ifndef UMBRA_DECODE_IMPL_H
#define UMBRA_DECODE_IMPL_H

#include "emulate.h"

/*
 * Operands, named as in the manuals' opcode maps: E modrm's register or memory, G modrm's
 * register, M modrm's memory, Z register in the opcode, I immediate, J branch displacement,
 * O absolute address, S/C/D segment, control, debug register, V/W xmm register and xmm or
 * memory; b w d q x: 1 2 4 8 16 bytes, v operand size, z at most 4 bytes, y 4 or (REX.W) 8.
 */
enum operand_spec {
	O_NONE,
	O_Eb, O_Ew, O_Ed, O_Ev, O_Ey,
	O_M,
	O_Gb, O_Gv, O_Gy,
	O_Zb, O_Zv,
	O_AL, O_ACC, O_CL,
	O_ONE, O_Ib, O_Iw, O_Iz, O_Iv, O_Iwb, O_Ap,
	O_Jb, O_Jz,
	O_Ob, O_Ov,
	O_Sw, O_SEGOP,
	O_Rn, O_Cn, O_Dn,
	O_Vx, O_Vq, O_Vd, O_Wx, O_Wq, O_Wd,
};

enum opcode_flags {
	T_MODRM		= 1 << 0,
	T_GROUP		= 1 << 1,	/* .dst is the group, modrm.reg the entry */
	T_UD		= 1 << 2,	/* #UD in every mode */
	T_UNKNOWN	= 1 << 3,
	T_BYTE		= 1 << 4,	/* operand size is 1 */
	T_NO64		= 1 << 5,	/* #UD in 64-bit mode */
	T_ONLY64	= 1 << 6,	/* #UD elsewhere */
	T_DEF64		= 1 << 7,	/* 64-bit mode: 8 or (66) 2 bytes */
	T_FORCE64	= 1 << 8,	/* 64-bit mode: 8 bytes whatever the prefixes */
	T_LOCK		= 1 << 9,	/* may be locked, if the first operand is memory */
	T_MEM		= 1 << 10,	/* #UD with a register */
	T_REG		= 1 << 11,	/* modrm.mod is ignored */
	T_NEAR		= 1 << 12,	/* near branch: AMD and Intel differ about 66 */
	T_PROT		= 1 << 13,	/* #UD in real and vm86 mode */
	T_ALIGNED	= 1 << 14,
	T_HIGH		= 1 << 15,
};

struct opcode {
	u8 op;
	u8 dst, src, src2;
	u16 flags;
};

enum opcode_group {
	GRP_1B, GRP_1Z, GRP_1S, GRP_1A, GRP_2B_I, GRP_2V_I, GRP_2B_1, GRP_2V_1, GRP_2B_CL,
	GRP_2V_CL, GRP_3B, GRP_3V, GRP_4, GRP_5, GRP_6, GRP_7, GRP_8, GRP_9, GRP_11B, GRP_11V,
	GRP_15, GRP_COUNT
};

/* An instruction that a mandatory prefix selects. */
struct prefixed {
	u8 map, opcode;
	u8 prefix;		/* 0, 0x66, 0xf3 or 0xf2 */
	struct opcode what;
};

/* Table entries: an instruction with three, two, one or no operands, a group, none at all. */
#define I3(o, d, s, s2, f)	{ .op = OP_##o, .dst = O_##d, .src = O_##s, .src2 = O_##s2, \
				  .flags = (f) }
#define I2(o, d, s, f)		I3(o, d, s, NONE, f)
#define I1(o, d, f)		I3(o, d, NONE, NONE, f)
#define I0(o, f)		I3(o, NONE, NONE, NONE, f)
#define GRP(g, f)		{ .dst = GRP_##g, .flags = T_MODRM | T_GROUP | (f) }
#define BAD			{ .flags = T_UD }
#define UNKNOWN			{ .flags = T_UNKNOWN }
#define BRANCH			(T_FORCE64 | T_NEAR)

extern const struct opcode decode_map1[256];
extern const struct opcode decode_map2[256];
extern const struct opcode decode_groups[GRP_COUNT][8];
extern const struct opcode decode_0f01_reg[8][8];
extern const struct prefixed decode_prefixed[];
extern const unsigned int decode_prefixed_count;

#endif
