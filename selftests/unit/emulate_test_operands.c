// SPDX-License-Identifier: GPL-2.0-only
/* The emulator: operands that only a few instructions have. */
#include "emulate_model.h"

#define INVPCID	"660f388203"		/* invpcid rax, [rbx] */

static void start(enum insn_mode mode)
{
	reset(mode);
	c.has_invpcid = true;
	c.regs[GPR_RAX] = 2;
	c.regs[GPR_RBX] = 0x8000;
	put64(0x8000, 5);
	put64(0x8008, 0x123000);
}

TEST(invpcid_operand)
{
	start(INSN_PROT32);
	c.regs[GPR_RAX] = 0x500000001;
	RUN(INVPCID);
	CHECK_EQ(m.invpcid_type, 1);
	CHECK_EQ(m.invpcid[0], 5);
	CHECK_EQ(m.invpcid[1], 0x123000);
	start(INSN_LONG64);
	c.regs[GPR_RAX] = 0x500000001;
	RUN(INVPCID);
	CHECK_EQ(m.invpcid_type, 0x500000001);
}

/* It is read as any other operand is. */
TEST(invpcid_operand_checks)
{
	start(INSN_PROT32);
	m.seg[SREG_DS].limit = 0x800e;
	RUN_FAULT(INVPCID, EMU_GP, 0);
	m.seg[SREG_DS].limit = 0x800f;
	RUN(INVPCID);
	m.seg[SREG_DS].type = 7;
	c.rip = 0x1000;
	RUN_FAULT(INVPCID, EMU_GP, 0);
	m.seg[SREG_DS].present = false;
	RUN_FAULT(INVPCID, EMU_GP, 0);
	m.seg[SREG_SS].limit = 0x7fff;
	RUN_FAULT("36" INVPCID, EMU_SS, 0);
	m.seg[SREG_CS].type = 9;
	RUN_FAULT("2e" INVPCID, EMU_GP, 0);
	start(INSN_LONG64);
	c.regs[GPR_RBX] = 0x800000000000;
	RUN_FAULT(INVPCID, EMU_GP, 0);
	c.regs[GPR_RBP] = 0x7ffffffffff8;
	RUN_FAULT("660f38824500", EMU_SS, 0);
	c.cpl = 3;
	RUN_FAULT(INVPCID, EMU_GP, 0);
	c.has_invpcid = false;
	RUN_FAULT(INVPCID, EMU_UD, 0);
	CHECK_EQ(m.invpcid_type, 0);
}

/* LGDT takes what the processor takes, not what CR4.LA57 allows. */
TEST(table_base_of_57_bits)
{
	start(INSN_LONG64);
	put64(0x8002, 1ULL << 50);
	RUN_FAULT("0f0113", EMU_GP, 0);
	c.base57 = true;
	RUN("0f0113");
	CHECK_EQ(m.gdt.base, 1ULL << 50);
	put64(0x8002, 1ULL << 56);
	c.rip = 0x1000;
	RUN_FAULT("0f0113", EMU_GP, 0);
}

/* LOCK MOV CR0 is MOV CR8, in every mode. */
TEST(alternative_cr8)
{
	static const enum insn_mode modes[] = {
		INSN_REAL16, INSN_PROT16, INSN_PROT32, INSN_LONG64,
	};
	unsigned int i;

	for (i = 0; i < 4; i++) {
		start(modes[i]);
		RUN_FAULT("f00f20c0", EMU_UD, 0);
		RUN_FAULT("f00f22c0", EMU_UD, 0);
		c.has_alt_cr8 = true;
		m.cr[8] = 5;
		RUN("f00f20c0");
		CHECK_EQ(c.regs[GPR_RAX], 5);
		c.regs[GPR_RAX] = 9;
		RUN("f00f22c0");
		CHECK_EQ(m.cr[8], 9);
		CHECK_EQ(m.cr[0], 0x80000011);
		RUN_FAULT("f00f20d0", EMU_UD, 0);
		RUN_FAULT("f00f21c0", EMU_UD, 0);
		c.cpl = 3;
		if (modes[i] != INSN_REAL16)
			RUN_FAULT("f00f20c0", EMU_GP, 0);
	}
}

/* A breakpoint on data traps behind the instruction, of a repeated one behind the iteration. */
TEST(watched_data)
{
	start(INSN_LONG64);
	m.watched = 0x8001;
	RUN("8b03");
	CHECK_EQ(c.traps, 1);
	RUN("90");
	CHECK_EQ(c.traps, 0);
	RUN("0003");
	CHECK_EQ(c.traps, 0);
	c.regs[GPR_RSI] = 0x7ff0;
	c.regs[GPR_RDI] = 0x9000;
	c.regs[GPR_RCX] = 10;
	c.rip = 0x1000;
	RUN("f348a5");
	CHECK_EQ(c.traps, 1);
	CHECK_EQ(c.regs[GPR_RCX], 7);
	CHECK_EQ(c.rip, 0x1000);
	CHECK(c.rep_partial);
	RUN("f348a5");
	CHECK_EQ(c.traps, 0);
	CHECK_EQ(c.regs[GPR_RCX], 0);
}

#include "breakpoint.h"

/* Against the rule, byte by byte. */
static u32 hit(u64 db, u64 dr7, u64 addr, unsigned int bytes, unsigned int kind)
{
	static const u8 sizes[] = { 1, 2, 8, 4 };
	unsigned int rw = dr7 >> 16 & 3, size = sizes[dr7 >> 18 & 3], i, j;
	bool concerns = kind == BREAKPOINT_PORT ? rw == 2 :
			kind == BREAKPOINT_READ ? rw == 3 : rw == 1 || rw == 3;

	if (!(dr7 & 3) || !concerns)
		return 0;
	for (i = 0; i < size; i++)
		for (j = 0; j < bytes; j++)
			if ((db & ~(u64)(size - 1)) + i == addr + j)
				return 1;
	return 0;
}

TEST(breakpoint_matches)
{
	static const unsigned int kinds[] = { BREAKPOINT_READ, BREAKPOINT_WRITE, BREAKPOINT_PORT };
	unsigned int fields, enable, offset, bytes, kind, slot;
	u64 db[4], dr7;

	for (fields = 0; fields < 16; fields++)
		for (enable = 0; enable < 4; enable++)
			for (offset = 0; offset < 40; offset++)
				for (bytes = 1; bytes <= 16; bytes++)
					for (kind = 0; kind < 3; kind++) {
						slot = (offset + bytes) % 4;
						memset(db, 0, sizeof(db));
						db[slot] = 0x1013;
						dr7 = (u64)fields << (16 + 4 * slot) |
						      enable << 2 * slot;
						CHECK_EQ(breakpoint_hits(db, dr7, 0x1000 + offset,
									 bytes, kinds[kind]),
							 hit(0x1013, fields << 16 | enable,
							     0x1000 + offset, bytes,
							     kinds[kind]) << slot);
					}
}
