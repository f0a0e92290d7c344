// SPDX-License-Identifier: GPL-2.0-only
/* One-byte opcodes. Intel SDM vol. 2 appendix A, AMD APM vol. 3 appendix A. */
#include "decode_impl.h"


#define ALU(base, o, f) \
	[(base) + 0] = I2(o, Eb, Gb, T_MODRM | T_BYTE | (f)), \
	[(base) + 1] = I2(o, Ev, Gv, T_MODRM | (f)), \
	[(base) + 2] = I2(o, Gb, Eb, T_MODRM | T_BYTE), \
	[(base) + 3] = I2(o, Gv, Ev, T_MODRM), \
	[(base) + 4] = I2(o, AL, Ib, T_BYTE), \
	[(base) + 5] = I2(o, ACC, Iz, 0)

#define STR(base, o) \
	[(base) + 0] = I0(o, T_BYTE), \
	[(base) + 1] = I0(o, 0)

const struct opcode decode_map1[256] = {
	ALU(0x00, ADD, T_LOCK),
	[0x06] = I1(PUSH_SEG, SEGOP, T_NO64), I1(POP_SEG, SEGOP, T_NO64),
	ALU(0x08, OR, T_LOCK),
	[0x0e] = I1(PUSH_SEG, SEGOP, T_NO64), UNKNOWN,
	ALU(0x10, ADC, T_LOCK),
	[0x16] = I1(PUSH_SEG, SEGOP, T_NO64), I1(POP_SEG, SEGOP, T_NO64),
	ALU(0x18, SBB, T_LOCK),
	[0x1e] = I1(PUSH_SEG, SEGOP, T_NO64), I1(POP_SEG, SEGOP, T_NO64),
	ALU(0x20, AND, T_LOCK),
	[0x26] = BAD, I0(DAA, T_NO64),
	ALU(0x28, SUB, T_LOCK),
	[0x2e] = BAD, I0(DAS, T_NO64),
	ALU(0x30, XOR, T_LOCK),
	[0x36] = BAD, I0(AAA, T_NO64),
	ALU(0x38, CMP, 0),
	[0x3e] = BAD, I0(AAS, T_NO64),
	[0x40 ... 0x47] = I1(INC, Zv, 0),
	[0x48 ... 0x4f] = I1(DEC, Zv, 0),
	[0x50 ... 0x57] = I1(PUSH, Zv, T_DEF64),
	[0x58 ... 0x5f] = I1(POP, Zv, T_DEF64),
	[0x60] = I0(PUSHA, T_NO64), I0(POPA, T_NO64),
	[0x62] = I2(BOUND, Gv, M, T_MODRM | T_NO64 | T_MEM),
	[0x63] = I2(MOVSX, Gv, Ed, T_MODRM),
	[0x64] = BAD, BAD, BAD, BAD,
	[0x68] = I1(PUSH, Iz, T_DEF64), I3(IMUL, Gv, Ev, Iz, T_MODRM),
	[0x6a] = I1(PUSH, Ib, T_DEF64), I3(IMUL, Gv, Ev, Ib, T_MODRM),
	STR(0x6c, INS), STR(0x6e, OUTS),
	[0x70 ... 0x77] = I1(JCC, Jb, BRANCH),
	[0x78 ... 0x7f] = I1(JCC, Jb, BRANCH),
	[0x80] = GRP(1B, T_BYTE), GRP(1Z, 0), GRP(1B, T_BYTE | T_NO64), GRP(1S, 0),
	[0x84] = I2(TEST, Eb, Gb, T_MODRM | T_BYTE), I2(TEST, Ev, Gv, T_MODRM),
	[0x86] = I2(XCHG, Eb, Gb, T_MODRM | T_BYTE | T_LOCK),
	[0x87] = I2(XCHG, Ev, Gv, T_MODRM | T_LOCK),
	[0x88] = I2(MOV, Eb, Gb, T_MODRM | T_BYTE), I2(MOV, Ev, Gv, T_MODRM),
	[0x8a] = I2(MOV, Gb, Eb, T_MODRM | T_BYTE), I2(MOV, Gv, Ev, T_MODRM),
	[0x8c] = I2(MOV_FROM_SEG, Ev, Sw, T_MODRM), I2(LEA, Gv, M, T_MODRM | T_MEM),
	[0x8e] = I2(MOV_TO_SEG, Sw, Ew, T_MODRM), GRP(1A, 0),
	[0x90] = I0(NOP, 0),
	[0x91] = I2(XCHG, Zv, ACC, 0), I2(XCHG, Zv, ACC, 0), I2(XCHG, Zv, ACC, 0),
	[0x94 ... 0x97] = I2(XCHG, Zv, ACC, 0),
	[0x98] = I0(CBW, 0), I0(CWD, 0), I1(CALL_FAR, Ap, T_NO64), I0(OTHER, 0),
	[0x9c] = I0(PUSHF, T_DEF64), I0(POPF, T_DEF64), I0(SAHF, 0), I0(LAHF, 0),
	[0xa0] = I2(MOV, AL, Ob, T_BYTE), I2(MOV, ACC, Ov, 0),
	[0xa2] = I2(MOV, Ob, AL, T_BYTE), I2(MOV, Ov, ACC, 0),
	STR(0xa4, MOVS), STR(0xa6, CMPS),
	[0xa8] = I2(TEST, AL, Ib, T_BYTE), I2(TEST, ACC, Iz, 0),
	STR(0xaa, STOS), STR(0xac, LODS), STR(0xae, SCAS),
	[0xb0 ... 0xb7] = I2(MOV, Zb, Ib, T_BYTE),
	[0xb8 ... 0xbf] = I2(MOV, Zv, Iv, 0),
	[0xc0] = GRP(2B_I, T_BYTE), GRP(2V_I, 0),
	[0xc2] = I1(RET, Iw, BRANCH), I0(RET, BRANCH),
	[0xc4] = I2(LOAD_FAR_PTR, Gv, M, T_MODRM | T_NO64 | T_MEM),
	[0xc5] = I2(LOAD_FAR_PTR, Gv, M, T_MODRM | T_NO64 | T_MEM),
	[0xc6] = GRP(11B, T_BYTE), GRP(11V, 0),
	[0xc8] = I1(ENTER, Iwb, T_DEF64), I0(LEAVE, T_DEF64),
	[0xca] = I1(RET_FAR, Iw, 0), I0(RET_FAR, 0),
	[0xcc] = I0(INT3, 0), I1(INT, Ib, 0), I0(INTO, T_NO64), I0(IRET, 0),
	[0xd0] = GRP(2B_1, T_BYTE), GRP(2V_1, 0), GRP(2B_CL, T_BYTE), GRP(2V_CL, 0),
	[0xd4] = I1(AAM, Ib, T_NO64 | T_BYTE), I1(AAD, Ib, T_NO64 | T_BYTE), UNKNOWN,
	[0xd7] = I0(XLAT, T_BYTE),
	[0xd8 ... 0xdf] = I1(OTHER, M, T_MODRM),
	[0xe0] = I1(LOOPNE, Jb, BRANCH), I1(LOOPE, Jb, BRANCH), I1(LOOP, Jb, BRANCH),
	[0xe3] = I1(JCXZ, Jb, BRANCH),
	[0xe4] = I2(IN, AL, Ib, T_BYTE), I2(IN, ACC, Ib, 0),
	[0xe6] = I2(OUT, Ib, AL, T_BYTE), I2(OUT, Ib, ACC, 0),
	[0xe8] = I1(CALL, Jz, BRANCH), I1(JMP, Jz, BRANCH), I1(JMP_FAR, Ap, T_NO64),
	[0xeb] = I1(JMP, Jb, BRANCH),
	[0xec] = I1(IN, AL, T_BYTE), I1(IN, ACC, 0),
	[0xee] = I2(OUT, NONE, AL, T_BYTE), I2(OUT, NONE, ACC, 0),
	[0xf0] = BAD, I0(INT1, 0), BAD, BAD,
	[0xf4] = I0(HLT, 0), I0(CMC, 0), GRP(3B, T_BYTE), GRP(3V, 0),
	[0xf8] = I0(CLC, 0), I0(STC, 0), I0(CLI, 0), I0(STI, 0), I0(CLD, 0), I0(STD, 0),
	[0xfe] = GRP(4, T_BYTE), GRP(5, 0),
};

#define GROUP1(d, s, f) { \
	I2(ADD, d, s, (f) | T_LOCK), I2(OR, d, s, (f) | T_LOCK), I2(ADC, d, s, (f) | T_LOCK), \
	I2(SBB, d, s, (f) | T_LOCK), I2(AND, d, s, (f) | T_LOCK), I2(SUB, d, s, (f) | T_LOCK), \
	I2(XOR, d, s, (f) | T_LOCK), I2(CMP, d, s, f) }

#define GROUP2(d, s, f) { \
	I2(ROL, d, s, f), I2(ROR, d, s, f), I2(RCL, d, s, f), I2(RCR, d, s, f), \
	I2(SHL, d, s, f), I2(SHR, d, s, f), I2(SAL, d, s, f), I2(SAR, d, s, f) }

#define GROUP3(d, s, f) { \
	I2(TEST, d, s, f), I2(TEST, d, s, f), I1(NOT, d, (f) | T_LOCK), \
	I1(NEG, d, (f) | T_LOCK), I1(MUL, d, f), I1(IMUL1, d, f), I1(DIV, d, f), I1(IDIV, d, f) }

const struct opcode decode_groups[GRP_COUNT][8] = {
	[GRP_1B] = GROUP1(Eb, Ib, T_BYTE),
	[GRP_1Z] = GROUP1(Ev, Iz, 0),
	[GRP_1S] = GROUP1(Ev, Ib, 0),
	/* 8f with another reg field begins an XOP instruction */
	[GRP_1A] = { I1(POP, Ev, T_DEF64), [1 ... 7] = UNKNOWN },
	[GRP_2B_I] = GROUP2(Eb, Ib, T_BYTE),
	[GRP_2V_I] = GROUP2(Ev, Ib, 0),
	[GRP_2B_1] = GROUP2(Eb, ONE, T_BYTE),
	[GRP_2V_1] = GROUP2(Ev, ONE, 0),
	[GRP_2B_CL] = GROUP2(Eb, CL, T_BYTE),
	[GRP_2V_CL] = GROUP2(Ev, CL, 0),
	[GRP_3B] = GROUP3(Eb, Ib, T_BYTE),
	[GRP_3V] = GROUP3(Ev, Iz, 0),
	[GRP_4] = {
		I1(INC, Eb, T_BYTE | T_LOCK), I1(DEC, Eb, T_BYTE | T_LOCK),
		[2 ... 7] = BAD
	},
	[GRP_5] = {
		I1(INC, Ev, T_LOCK), I1(DEC, Ev, T_LOCK),
		I1(CALL_IND, Ev, BRANCH), I1(CALL_FAR, M, T_MEM),
		I1(JMP_IND, Ev, BRANCH), I1(JMP_FAR, M, T_MEM),
		I1(PUSH, Ev, T_DEF64), BAD
	},
	[GRP_6] = {
		I1(SLDT, Ev, T_PROT), I1(STR, Ev, T_PROT),
		I1(LLDT, Ew, T_PROT), I1(LTR, Ew, T_PROT),
		I1(VERR, Ew, T_PROT), I1(VERW, Ew, T_PROT), BAD, BAD
	},
	[GRP_7] = {
		I1(SGDT, M, T_FORCE64), I1(SIDT, M, T_FORCE64),
		I1(LGDT, M, T_FORCE64), I1(LIDT, M, T_FORCE64),
		I1(SMSW, Ev, 0), UNKNOWN, I1(LMSW, Ew, 0), I1(INVLPG, M, T_MEM),
	},
	[GRP_8] = {
		BAD, BAD, BAD, BAD,
		I2(BT, Ev, Ib, 0), I2(BTS, Ev, Ib, T_LOCK),
		I2(BTR, Ev, Ib, T_LOCK), I2(BTC, Ev, Ib, T_LOCK)
	},
	[GRP_9] = {
		BAD, I1(CMPXCHG8B, M, T_MEM | T_LOCK), BAD, I1(OTHER, M, T_MEM),
		I1(OTHER, M, T_MEM), I1(OTHER, M, T_MEM), I1(VMX, M, T_MEM), I1(VMX, M, T_MEM)
	},
	[GRP_11B] = { I2(MOV, Eb, Ib, T_BYTE), [1 ... 7] = UNKNOWN },
	[GRP_11V] = { I2(MOV, Ev, Iz, 0), [1 ... 7] = UNKNOWN },
	[GRP_15] = {
		I1(OTHER, M, 0), I1(OTHER, M, 0), I1(OTHER, M, 0), I1(OTHER, M, 0),
		I1(OTHER, M, 0), I1(FENCE, M, 0), I1(FENCE, M, 0), I1(FENCE, M, 0)
	},
};

/* 0f 01 with mod 3, by modrm.reg and modrm.rm. */
const struct opcode decode_0f01_reg[8][8] = {
	{ UNKNOWN, I0(VMCALL, 0), [2 ... 4] = I0(VMX, 0), [5 ... 7] = UNKNOWN },
	{ I0(MONITOR, 0), I0(MWAIT, 0), I0(CLAC, 0), I0(STAC, 0), [4 ... 7] = UNKNOWN },
	{ I0(XGETBV, 0), I0(XSETBV, 0), UNKNOWN, UNKNOWN, I0(VMX, 0), [5 ... 7] = UNKNOWN },
	{ I0(SVM, 0), I0(VMMCALL, 0), [2 ... 7] = I0(SVM, 0) },
	{ [0 ... 7] = I1(SMSW, Ev, 0) },
	{ [0 ... 7] = UNKNOWN },
	{ [0 ... 7] = I1(LMSW, Ew, 0) },
	{ I0(SWAPGS, T_ONLY64), I0(RDTSCP, 0), [2 ... 7] = UNKNOWN },
};
