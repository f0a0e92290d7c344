// SPDX-License-Identifier: GPL-2.0-only
/* Two-byte opcodes and those that a mandatory prefix selects. */
#include "decode_impl.h"

/* x87, MMX, SSE and others of which only the length matters */
#define LEN			I1(OTHER, M, T_MODRM)
#define LEN_IB			I2(OTHER, M, Ib, T_MODRM)

const struct opcode decode_map2[256] = {
	[0x00] = GRP(6, 0), GRP(7, 0), I2(LAR, Gv, Ew, T_MODRM | T_PROT),
	[0x03] = I2(LSL, Gv, Ew, T_MODRM | T_PROT),
	[0x04] = UNKNOWN, I0(SYSCALL, 0), I0(CLTS, 0), I0(SYSRET, 0),
	[0x08] = I0(INVD, 0), I0(WBINVD, 0), BAD, I0(UD, 0),
	[0x0c] = UNKNOWN, I1(PREFETCH, M, T_MODRM), I0(OTHER, 0), LEN_IB,
	[0x10 ... 0x17] = LEN,
	[0x18] = I1(PREFETCH, M, T_MODRM), I1(NOP, M, T_MODRM), LEN, LEN,
	[0x1c ... 0x1f] = I1(NOP, M, T_MODRM),
	[0x20] = I2(MOV_FROM_CR, Rn, Cn, T_MODRM | T_REG), I2(MOV_FROM_DR, Rn, Dn, T_MODRM | T_REG),
	[0x22] = I2(MOV_TO_CR, Cn, Rn, T_MODRM | T_REG), I2(MOV_TO_DR, Dn, Rn, T_MODRM | T_REG),
	[0x24] = UNKNOWN, UNKNOWN, UNKNOWN, UNKNOWN,
	[0x28 ... 0x2f] = LEN,
	[0x30] = I0(WRMSR, 0), I0(RDTSC, 0), I0(RDMSR, 0), I0(RDPMC, 0),
	[0x34] = I0(SYSENTER, 0), I0(SYSEXIT, 0), UNKNOWN, I0(OTHER, 0),
	[0x38] = UNKNOWN, UNKNOWN, UNKNOWN, UNKNOWN, UNKNOWN, UNKNOWN, UNKNOWN, UNKNOWN,
	[0x40 ... 0x4f] = I2(CMOVCC, Gv, Ev, T_MODRM),
	[0x50 ... 0x5f] = LEN,
	[0x60 ... 0x6f] = LEN,
	[0x70] = LEN_IB, LEN_IB, LEN_IB, LEN_IB, LEN, LEN, LEN, I0(OTHER, 0),
	[0x78] = I2(VMX, Ey, Gy, T_MODRM), I2(VMX, Gy, Ey, T_MODRM), UNKNOWN, UNKNOWN,
	[0x7c ... 0x7f] = LEN,
	[0x80 ... 0x8f] = I1(JCC, Jz, BRANCH),
	[0x90 ... 0x9f] = I1(SETCC, Eb, T_MODRM | T_BYTE),
	[0xa0] = I1(PUSH_SEG, SEGOP, T_DEF64), I1(POP_SEG, SEGOP, T_DEF64), I0(CPUID, 0),
	[0xa3] = I2(BT, Ev, Gv, T_MODRM),
	[0xa4] = I3(SHLD, Ev, Gv, Ib, T_MODRM), I3(SHLD, Ev, Gv, CL, T_MODRM),
	[0xa6] = UNKNOWN, UNKNOWN,
	[0xa8] = I1(PUSH_SEG, SEGOP, T_DEF64), I1(POP_SEG, SEGOP, T_DEF64), I0(RSM, 0),
	[0xab] = I2(BTS, Ev, Gv, T_MODRM | T_LOCK), I3(SHRD, Ev, Gv, Ib, T_MODRM),
	[0xad] = I3(SHRD, Ev, Gv, CL, T_MODRM), GRP(15, 0), I2(IMUL, Gv, Ev, T_MODRM),
	[0xb0] = I2(CMPXCHG, Eb, Gb, T_MODRM | T_BYTE | T_LOCK),
	[0xb1] = I2(CMPXCHG, Ev, Gv, T_MODRM | T_LOCK),
	[0xb2] = I2(LOAD_FAR_PTR, Gv, M, T_MODRM | T_MEM), I2(BTR, Ev, Gv, T_MODRM | T_LOCK),
	[0xb4] = I2(LOAD_FAR_PTR, Gv, M, T_MODRM | T_MEM), I2(LOAD_FAR_PTR, Gv, M, T_MODRM | T_MEM),
	[0xb6] = I2(MOVZX, Gv, Eb, T_MODRM), I2(MOVZX, Gv, Ew, T_MODRM),
	[0xb8] = UNKNOWN, I2(UD, Gv, Ev, T_MODRM), GRP(8, 0), I2(BTC, Ev, Gv, T_MODRM | T_LOCK),
	[0xbc] = I2(BSF, Gv, Ev, T_MODRM), I2(BSR, Gv, Ev, T_MODRM),
	[0xbe] = I2(MOVSX, Gv, Eb, T_MODRM), I2(MOVSX, Gv, Ew, T_MODRM),
	[0xc0] = I2(XADD, Eb, Gb, T_MODRM | T_BYTE | T_LOCK), I2(XADD, Ev, Gv, T_MODRM | T_LOCK),
	[0xc2] = LEN_IB, LEN, LEN_IB, LEN_IB, LEN_IB, GRP(9, 0),
	[0xc8 ... 0xcf] = I1(BSWAP, Zv, 0),
	[0xd0 ... 0xdf] = LEN,
	[0xe0 ... 0xef] = LEN,
	[0xf0 ... 0xf7] = LEN,
	[0xf8 ... 0xfb] = LEN,
	[0xfc] = LEN, LEN, LEN, I2(UD, Gv, Ev, T_MODRM),
};

#define P(m, o, p, ...)	{ .map = (m), .opcode = (o), .prefix = (p), .what = __VA_ARGS__ }
#define A	(T_MODRM | T_ALIGNED)

const struct prefixed decode_prefixed[] = {
	/* movups, movupd, movss, movsd */
	P(2, 0x10, 0x00, I2(MOV_XMM, Vx, Wx, T_MODRM)),
	P(2, 0x11, 0x00, I2(MOV_XMM, Wx, Vx, T_MODRM)),
	P(2, 0x10, 0x66, I2(MOV_XMM, Vx, Wx, T_MODRM)),
	P(2, 0x11, 0x66, I2(MOV_XMM, Wx, Vx, T_MODRM)),
	P(2, 0x10, 0xf3, I2(MOV_XMM, Vd, Wd, T_MODRM)),
	P(2, 0x11, 0xf3, I2(MOV_XMM, Wd, Vd, T_MODRM)),
	P(2, 0x10, 0xf2, I2(MOV_XMM, Vq, Wq, T_MODRM)),
	P(2, 0x11, 0xf2, I2(MOV_XMM, Wq, Vq, T_MODRM)),
	/* movlps, movlpd, movhps, movhpd */
	P(2, 0x12, 0x00, I2(MOV_XMM_HALF, Vq, Wq, T_MODRM)),
	P(2, 0x13, 0x00, I2(MOV_XMM_HALF, Wq, Vq, T_MODRM)),
	P(2, 0x12, 0x66, I2(MOV_XMM_HALF, Vq, Wq, T_MODRM)),
	P(2, 0x13, 0x66, I2(MOV_XMM_HALF, Wq, Vq, T_MODRM)),
	P(2, 0x16, 0x00, I2(MOV_XMM_HALF, Vq, Wq, T_MODRM | T_HIGH)),
	P(2, 0x17, 0x00, I2(MOV_XMM_HALF, Wq, Vq, T_MODRM | T_HIGH)),
	P(2, 0x16, 0x66, I2(MOV_XMM_HALF, Vq, Wq, T_MODRM | T_HIGH)),
	P(2, 0x17, 0x66, I2(MOV_XMM_HALF, Wq, Vq, T_MODRM | T_HIGH)),
	/* movaps, movapd, movntps, movntpd */
	P(2, 0x28, 0x00, I2(MOV_XMM, Vx, Wx, A)),
	P(2, 0x29, 0x00, I2(MOV_XMM, Wx, Vx, A)),
	P(2, 0x28, 0x66, I2(MOV_XMM, Vx, Wx, A)),
	P(2, 0x29, 0x66, I2(MOV_XMM, Wx, Vx, A)),
	P(2, 0x2b, 0x00, I2(MOV_XMM, Wx, Vx, A | T_MEM)),
	P(2, 0x2b, 0x66, I2(MOV_XMM, Wx, Vx, A | T_MEM)),
	/* movd and movq with a general register or memory */
	P(2, 0x6e, 0x66, I2(MOV_XMM, Vx, Ey, T_MODRM)),
	P(2, 0x7e, 0x66, I2(MOV_XMM, Ey, Vx, T_MODRM)),
	/* movdqa, movdqu */
	P(2, 0x6f, 0x66, I2(MOV_XMM, Vx, Wx, A)),
	P(2, 0x7f, 0x66, I2(MOV_XMM, Wx, Vx, A)),
	P(2, 0x6f, 0xf3, I2(MOV_XMM, Vx, Wx, T_MODRM)),
	P(2, 0x7f, 0xf3, I2(MOV_XMM, Wx, Vx, T_MODRM)),
	/* movq, movntdq, lddqu, movntdqa */
	P(2, 0x7e, 0xf3, I2(MOV_XMM, Vq, Wq, T_MODRM)),
	P(2, 0xd6, 0x66, I2(MOV_XMM, Wq, Vq, T_MODRM)),
	P(2, 0xe7, 0x66, I2(MOV_XMM, Wx, Vx, A | T_MEM)),
	P(2, 0xf0, 0xf2, I2(MOV_XMM, Vx, Wx, T_MODRM | T_MEM)),
	P(3, 0x2a, 0x66, I2(MOV_XMM, Vx, Wx, A | T_MEM)),
	/* integer */
	P(2, 0xc3, 0x00, I2(MOVNTI, Ey, Gy, T_MODRM | T_MEM)),
	P(2, 0xb8, 0xf3, I2(POPCNT, Gv, Ev, T_MODRM)),
	P(2, 0xbc, 0xf3, I2(TZCNT, Gv, Ev, T_MODRM)),
	P(2, 0xbd, 0xf3, I2(LZCNT, Gv, Ev, T_MODRM)),
	P(3, 0xf0, 0x00, I2(MOVBE, Gv, Ev, T_MODRM | T_MEM)),
	P(3, 0xf1, 0x00, I2(MOVBE, Ev, Gv, T_MODRM | T_MEM)),
	P(3, 0xf0, 0x66, I2(MOVBE, Gv, Ev, T_MODRM | T_MEM)),
	P(3, 0xf1, 0x66, I2(MOVBE, Ev, Gv, T_MODRM | T_MEM)),
	/* system; 0f 78 is another instruction, with immediates, on AMD */
	P(2, 0x78, 0x66, UNKNOWN), P(2, 0x78, 0xf2, UNKNOWN), P(2, 0x78, 0xf3, UNKNOWN),
	P(3, 0x80, 0x66, I2(VMX, Gy, M, T_MODRM | T_MEM)),
	P(3, 0x81, 0x66, I2(VMX, Gy, M, T_MODRM | T_MEM)),
	P(3, 0x82, 0x66, I2(INVPCID, Gv, M, T_MODRM | T_MEM | T_FORCE64)),
};

const unsigned int decode_prefixed_count = sizeof(decode_prefixed) / sizeof(decode_prefixed[0]);
