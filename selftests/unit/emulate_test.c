// SPDX-License-Identifier: GPL-2.0-only
/*
 * The emulator on a small model machine: what random comparison with a processor in user space
 * can't reach. Here memory: pages crossed, restart after EMU_EXIT, repeats, locked operations.
 */
#define TAP_MAIN
#include "emulate_model.h"

TEST(page_crossing_is_one_access)
{
	reset(INSN_LONG64);
	c.regs[GPR_RAX] = 0x1122334455667788;
	c.regs[GPR_RDI] = 0x2ffc;
	RUN("488907");
	CHECK_EQ(mem64(0x2ffc), 0x1122334455667788);
	CHECK_EQ(count('w'), 1);
	CHECK_EQ(last('w')->bytes, 8);
	CHECK_EQ(c.rip, 0x1003);
}

TEST(page_crossing_fault_writes_nothing)
{
	reset(INSN_LONG64);
	m.bad_page = 0x3000;
	c.regs[GPR_RAX] = ~0ULL;
	c.regs[GPR_RDI] = 0x2ffc;
	RUN_FAULT("488907", EMU_PF, 2);
	CHECK_EQ(c.fault.cr2, 0x3000);
	CHECK_EQ(mem32(0x2ffc), 0);
	CHECK_EQ(c.rip, 0x1000);
}

TEST(rmw_read_is_checked_for_write)
{
	reset(INSN_LONG64);
	c.regs[GPR_RDI] = 0x3000;
	RUN("830701");
	CHECK_EQ(last('r')->flags, EMU_ACC_RMW);
	m.bad_page = 0x3000;
	RUN_FAULT("830701", EMU_PF, 2);
	RUN_FAULT("833f01", EMU_PF, 0);
}

/* The second page is fetched only by an instruction that reaches into it. */
TEST(fetch_crosses_page_when_needed)
{
	reset(INSN_LONG64);
	m.bad_page = 0x2000;
	c.rip = 0x1fff;
	RUN("90");
	CHECK_EQ(c.rip, 0x2000);
	c.rip = 0x1ffe;
	RUN_FAULT("488907", EMU_PF, 0x10);
	CHECK_EQ(c.fault.cr2, 0x2000);
	m.bad_page = 0;
	c.rip = 0x1ffe;
	RUN("488907");
	CHECK_EQ(count('f'), 2);
}

TEST(given_bytes_are_not_fetched)
{
	reset(INSN_LONG64);
	memcpy(c.code, "\x89\x07", 2);
	c.code_len = 2;
	c.regs[GPR_RDI] = 0x3000;
	c.regs[GPR_RAX] = 5;
	CHECK_EQ(emulate(&c), EMU_DONE);
	CHECK_EQ(count('f'), 0);
	CHECK_EQ(mem32(0x3000), 5);
}

TEST(invalid_and_unknown)
{
	reset(INSN_LONG64);
	RUN_FAULT("f08900", EMU_UD, 0);
	RUN_FAULT("0f0b", EMU_UD, 0);
	RUN_FAULT("2626262626262626262626262626262626268b00", EMU_GP, 0);
	CHECK_EQ(run("c5f877"), EMU_UNHANDLED);
	CHECK(!c.decoded);
	CHECK_EQ(run("0f57c0"), EMU_UNHANDLED);
	CHECK(c.decoded);
	CHECK_EQ(c.rip, 0x1000);
}

/* The same instruction again, from the start, with the same accesses. */
TEST(exit_and_replay)
{
	reset(INSN_LONG64);
	m.device_page = 0x5000;
	c.regs[GPR_RDI] = 0x5008;
	c.regs[GPR_RSP] = 0x8000;
	put64(0x5008, 0x77);
	CHECK_EQ(run("ff37"), EMU_EXIT);
	CHECK_EQ(c.regs[GPR_RSP], 0x8000);
	CHECK_EQ(c.rip, 0x1000);
	CHECK_EQ(last('r')->addr, 0x5008);
	m.device_ready = true;
	CHECK_EQ(emulate(&c), EMU_DONE);
	CHECK_EQ(c.regs[GPR_RSP], 0x7ff8);
	CHECK_EQ(mem64(0x7ff8), 0x77);
	CHECK_EQ(c.rip, 0x1002);
}

TEST(rep_movs_stops_at_device)
{
	unsigned int i;

	reset(INSN_LONG64);
	for (i = 0; i < 8; i++)
		put64(0x4ff0 + 8 * i, i + 1);
	m.device_page = 0x5000;
	c.regs[GPR_RSI] = 0x4ff0;
	c.regs[GPR_RDI] = 0x6000;
	c.regs[GPR_RCX] = 4;
	CHECK_EQ(run("f348a5"), EMU_EXIT);
	CHECK_EQ(m.committed, 2);
	CHECK_EQ(c.regs[GPR_RCX], 2);
	CHECK_EQ(c.regs[GPR_RSI], 0x5000);
	CHECK_EQ(c.regs[GPR_RDI], 0x6010);
	CHECK_EQ(c.rip, 0x1000);
	m.device_ready = true;
	CHECK_EQ(emulate(&c), EMU_DONE);
	CHECK_EQ(c.regs[GPR_RCX], 0);
	CHECK_EQ(mem64(0x6018), 4);
	CHECK_EQ(c.rip, 0x1003);
}

TEST(rep_stos_fault_keeps_progress)
{
	reset(INSN_PROT32);
	m.bad_page = 0x5000;
	c.regs[GPR_RDI] = 0x4ff8;
	c.regs[GPR_RCX] = 10;
	c.regs[GPR_RAX] = 0x12345678;
	c.rflags |= RF;
	RUN_FAULT("f3ab", EMU_PF, 2);
	CHECK_EQ(c.regs[GPR_RCX], 8);
	CHECK_EQ(c.regs[GPR_RDI], 0x5000);
	CHECK_EQ(c.rip, 0x1000);
	CHECK(c.rflags & RF);
	CHECK_EQ(mem32(0x4ffc), 0x12345678);
}

TEST(rep_is_bounded)
{
	unsigned int rounds = 0;

	reset(INSN_LONG64);
	c.regs[GPR_RDI] = 0x10000;
	c.regs[GPR_RCX] = 1000;
	c.regs[GPR_RAX] = 0xab;
	code("f3aa");
	do {
		CHECK_EQ(emulate(&c), EMU_DONE);
		rounds++;
		CHECK_EQ(c.rip, c.rep_partial ? 0x1000 : 0x1002);
	} while (c.rep_partial);
	CHECK(rounds > 1 && rounds < 20);
	CHECK_EQ(c.regs[GPR_RDI], 0x10000 + 1000);
	CHECK_EQ(*at(0x10000 + 999), 0xab);
	CHECK_EQ(*at(0x10000 + 1000), 0);
}

TEST(rep_single_step)
{
	reset(INSN_LONG64);
	c.regs[GPR_RDI] = 0x10000;
	c.regs[GPR_RCX] = 2;
	c.rflags |= TF;
	RUN("f3aa");
	CHECK(c.rep_partial && c.tf_trap);
	CHECK_EQ(c.regs[GPR_RCX], 1);
	RUN("f3aa");
	CHECK(!c.rep_partial && c.tf_trap);
}

TEST(rep_16bit_wraps)
{
	reset(INSN_REAL16);
	c.regs[GPR_RDI] = 0xaaaa0000ffff;
	c.regs[GPR_RCX] = 0xbbbb00000002;
	c.regs[GPR_RAX] = 0x5a;
	RUN("f3aa");
	CHECK_EQ(c.regs[GPR_RDI], 0xaaaa00000001);
	CHECK_EQ(c.regs[GPR_RCX], 0xbbbb00000000);
	CHECK_EQ(*at(0xffff), 0x5a);
	CHECK_EQ(*at(0), 0x5a);
}

TEST(repne_scas)
{
	reset(INSN_LONG64);
	memcpy(at(0x3000), "hello", 6);
	c.regs[GPR_RDI] = 0x3000;
	c.regs[GPR_RCX] = ~0ULL;
	RUN("f2ae");
	CHECK_EQ(~c.regs[GPR_RCX], 6);
	CHECK(c.rflags & ZF);
}

TEST(locked_goes_through_cmpxchg)
{
	reset(INSN_LONG64);
	c.regs[GPR_RDI] = 0x3000;
	put64(0x3000, 40);
	RUN("f0830701");
	CHECK_EQ(mem32(0x3000), 41);
	CHECK_EQ(count('x'), 1);
	CHECK_EQ(count('w'), 0);
	c.rip = 0x1000;
	c.regs[GPR_RAX] = 7;
	RUN("8707");
	CHECK_EQ(count('x'), 1);
	CHECK_EQ(c.regs[GPR_RAX], 41);
	CHECK_EQ(mem32(0x3000), 7);
}

TEST(lost_race_is_tried_again)
{
	reset(INSN_LONG64);
	c.regs[GPR_RDI] = 0x3000;
	put64(0x3000, 40);
	m.lose_races = 3;
	RUN("f0830701");
	CHECK_EQ(mem32(0x3000), 44);
	c.rip = 0x1000;
	m.lose_races = 1000000;
	CHECK_EQ(run("f0830701"), EMU_RETRY);
	CHECK_EQ(c.rip, 0x1000);
}

/* A value that changed under a locked cmpxchg is a failed comparison, not a lost write. */
TEST(cmpxchg_sees_the_racing_value)
{
	reset(INSN_LONG64);
	c.regs[GPR_RDI] = 0x3000;
	c.regs[GPR_RAX] = 40;
	c.regs[GPR_RCX] = 99;
	put64(0x3000, 40);
	m.lose_races = 1;
	RUN("f00fb10f");
	CHECK_EQ(mem32(0x3000), 41);
	CHECK_EQ(c.regs[GPR_RAX], 41);
	CHECK(!(c.rflags & ZF));
}

TEST(cmpxchg16b)
{
	reset(INSN_LONG64);
	c.regs[GPR_RSI] = 0x3000;
	c.regs[GPR_RAX] = 1;
	c.regs[GPR_RDX] = 2;
	c.regs[GPR_RBX] = 3;
	c.regs[GPR_RCX] = 4;
	put64(0x3000, 1);
	put64(0x3008, 2);
	RUN("f0480fc70e");
	CHECK_EQ(last('x')->bytes, 16);
	CHECK_EQ(mem64(0x3000), 3);
	CHECK_EQ(mem64(0x3008), 4);
	CHECK(c.rflags & ZF);
	c.regs[GPR_RSI] = 0x3008;
	RUN_FAULT("f0480fc70e", EMU_GP, 0);
}

TEST(cmpxchg8b_unequal)
{
	reset(INSN_PROT32);
	c.regs[GPR_RSI] = 0x3004;
	put64(0x3004, 0x1111111122222222);
	RUN("0fc70e");
	CHECK_EQ(c.regs[GPR_RAX], 0x22222222);
	CHECK_EQ(c.regs[GPR_RDX], 0x11111111);
	CHECK(!(c.rflags & ZF));
}

/* A NULL op: the instruction is not handled, and nothing crashes. */
TEST(missing_ops)
{
	const struct emulate_ops few = {
		.fetch = model_ops.fetch, .read = model_ops.read, .write = model_ops.write,
		.get_segment = model_ops.get_segment,
	};
	static const char * const list[] = {
		"f4", "0f30", "0f32", "0f20c0", "0f22c0", "0f21c0", "0f23c0", "0f06", "0f09",
		"0f0138", "0f0117", "0f0107", "0f01f0", "0fa2", "0f31", "8ed0", "ec", "ee",
		"6c", "6e", "f00107", "8707", "480fc70f", "660f7f07",
	};
	unsigned int i;

	for (i = 0; i < sizeof(list) / sizeof(list[0]); i++) {
		reset(INSN_LONG64);
		c.ops = &few;
		c.regs[GPR_RDI] = 0x3000;
		if (run(list[i]) != EMU_UNHANDLED)
			TAP_FAIL("%s: handled without its op", list[i]);
	}
}

int main(int argc, char **argv)
{
	return tap_main(argc, argv);
}
