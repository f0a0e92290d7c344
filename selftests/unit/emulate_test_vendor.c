// SPDX-License-Identifier: GPL-2.0-only
/* Where processors differ the emulator follows the guest's vendor. */
#include "emulate_model.h"

static void reset_as(enum insn_mode mode, bool intel)
{
	reset(mode);
	c.intel = intel;
}

TEST(rep_nop_with_rex_b)
{
	reset_as(INSN_LONG64, true);
	c.regs[GPR_RAX] = 1;
	c.regs[GPR_R8] = 2;
	RUN("f34990");
	CHECK_EQ(c.regs[GPR_RAX], 1);
	CHECK_EQ(c.rip, 0x1003);
	RUN("4990");
	CHECK_EQ(c.regs[GPR_RAX], 2);
	reset_as(INSN_LONG64, false);
	c.regs[GPR_R8] = 2;
	RUN("f34990");
	CHECK_EQ(c.regs[GPR_RAX], 2);
}

/* Between its parts, and when it faults, a repeated comparison has changed no flags. */
TEST(repeated_comparison_in_parts)
{
	unsigned int runs;

	reset_as(INSN_LONG64, true);
	c.rflags |= ZF | CF;
	c.regs[GPR_RDI] = 0x10000;
	c.regs[GPR_RCX] = 600;
	c.regs[GPR_RAX] = 1;
	for (runs = 0; c.rip == 0x1000; runs++) {
		CHECK_EQ(c.rflags & (ZF | CF), ZF | CF);
		CHECK_EQ(!!(c.rflags & RF), runs != 0);
		RUN("f2ae");
	}
	CHECK(runs > 1);
	CHECK_EQ(c.regs[GPR_RCX], 0);
	CHECK_EQ(c.rflags & (ZF | CF | RF), 0);
}

TEST(repeated_comparison_that_faults)
{
	bool intel;

	for (intel = false;; intel = true) {
		reset_as(INSN_LONG64, intel);
		c.rflags |= ZF | CF;
		c.regs[GPR_RDI] = 0x10ffd;
		c.regs[GPR_RCX] = 10;
		c.regs[GPR_RAX] = 1;
		m.bad_page = 0x11000;
		RUN_FAULT("f2ae", EMU_PF, 0);
		CHECK_EQ(c.regs[GPR_RCX], 7);
		CHECK_EQ(c.rflags & (ZF | CF), intel ? ZF | CF : 0);
		if (intel)
			break;
	}
}

TEST(stepped_comparison)
{
	reset_as(INSN_LONG64, true);
	c.rflags |= TF;
	c.regs[GPR_RDI] = 0x10000;
	c.regs[GPR_RCX] = 2;
	RUN("f3ae");
	CHECK_EQ(c.rflags & (ZF | RF), RF);
	CHECK_EQ(c.rip, 0x1000);
	CHECK(c.tf_trap);
	RUN("f3ae");
	CHECK_EQ(c.rflags & (ZF | RF), ZF);
	CHECK_EQ(c.rip, 0x1002);
}

TEST(no_iteration_with_32bit_addresses)
{
	reset_as(INSN_LONG64, true);
	c.regs[GPR_RCX] = c.regs[GPR_RSI] = c.regs[GPR_RDI] = 1ull << 40;
	RUN("67f3a4");
	CHECK_EQ(c.regs[GPR_RCX] | c.regs[GPR_RSI] | c.regs[GPR_RDI], 0);
	reset_as(INSN_LONG64, true);
	c.regs[GPR_RCX] = c.regs[GPR_RSI] = c.regs[GPR_RDI] = 1ull << 40;
	RUN("67f3ac");
	CHECK_EQ(c.regs[GPR_RCX], 0);
	CHECK_EQ(c.regs[GPR_RSI], 1ull << 40);
	reset_as(INSN_LONG64, false);
	c.regs[GPR_RCX] = 1ull << 40;
	RUN("67f3a4");
	CHECK_EQ(c.regs[GPR_RCX], 1ull << 40);
}

/* 66 and a near branch: 16 bits on AMD, of the displacement, the target and what is pushed. */
TEST(near_branch_with_66)
{
	reset_as(INSN_LONG64, true);
	RUN("66e810000000");
	CHECK_EQ(c.rip, 0x1016);
	CHECK_EQ(c.regs[GPR_RSP], 0x7ff8);
	CHECK_EQ(mem64(0x7ff8), 0x1006);
	RUN("66c3");
	CHECK_EQ(c.rip, 0x1006);
	c.regs[GPR_RAX] = 0x123456;
	RUN("66ffe0");
	CHECK_EQ(c.rip, 0x123456);

	reset_as(INSN_LONG64, false);
	put64(0x7ff8, ~0ull);
	RUN("66e81000");
	CHECK_EQ(c.rip, 0x1014);
	CHECK_EQ(c.regs[GPR_RSP], 0x7ffe);
	CHECK_EQ(mem64(0x7ff8), 0x1004ffffffffffff);
	RUN("66c3");
	CHECK_EQ(c.rip, 0x1004);
	CHECK_EQ(c.regs[GPR_RSP], 0x8000);
	c.regs[GPR_RAX] = 0x123456;
	RUN("66ffe0");
	CHECK_EQ(c.rip, 0x3456);
	RUN("66eb80");
	CHECK_EQ(c.rip, 0x33d9);
	RUN("6648e810000000");
	CHECK_EQ(c.rip, 0x33f0);
	c.rflags |= ZF;
	RUN("667520");
	CHECK_EQ(c.rip, 0x33f3);
	RUN("660f840090");
	CHECK_EQ(c.rip, 0xc3f8);
}

TEST(prefetch_of_a_register)
{
	reset_as(INSN_LONG64, true);
	RUN("0f0dc0");
	reset_as(INSN_LONG64, false);
	RUN_FAULT("0f0dc0", EMU_UD, 0);
}

TEST(movsxd_to_16_bits)
{
	reset_as(INSN_LONG64, true);
	c.regs[GPR_RAX] = ~0ull;
	c.regs[GPR_RBX] = 0x12348765;
	RUN("6663c3");
	CHECK_EQ(c.regs[GPR_RAX], 0xffffffffffff8765);
}

TEST(pushed_selector)
{
	reset_as(INSN_PROT32, true);
	m.seg[SREG_FS].selector = 0x1234;
	put64(0x7ffc, 0xaaaabbbb);
	RUN("0fa0");
	CHECK_EQ(mem32(0x7ffc), 0xaaaa1234);
	reset_as(INSN_PROT32, false);
	m.seg[SREG_FS].selector = 0x1234;
	put64(0x7ffc, 0xaaaabbbb);
	RUN("0fa0");
	CHECK_EQ(mem32(0x7ffc), 0x1234);
}

TEST(call_to_nowhere)
{
	reset_as(INSN_LONG64, true);
	c.regs[GPR_RAX] = 1ull << 63;
	RUN_FAULT("ffd0", EMU_GP, 0);
	CHECK_EQ(c.regs[GPR_RSP], 0x8000);
	CHECK_EQ(mem64(0x7ff8), 0x1002);
	reset_as(INSN_LONG64, false);
	c.regs[GPR_RAX] = 1ull << 63;
	RUN_FAULT("ffd0", EMU_GP, 0);
	CHECK_EQ(mem64(0x7ff8), 0);
}
