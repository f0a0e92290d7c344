// SPDX-License-Identifier: GPL-2.0-only
/* The emulator: checks of addresses and rights, privileged instructions, ports. */
#include "emulate_model.h"

TEST(canonical)
{
	reset(INSN_LONG64);
	c.regs[GPR_RDI] = 0x800000000000;
	RUN_FAULT("8b07", EMU_GP, 0);
	c.la57 = true;
	RUN("8b07");
	c.la57 = false;
	c.rip = 0x1000;
	c.regs[GPR_RBP] = 0x7ffffffffffe;
	RUN_FAULT("8b4500", EMU_SS, 0);
}

TEST(fs_base_in_64bit)
{
	reset(INSN_LONG64);
	m.seg[SREG_FS].base = 0x3000;
	m.seg[SREG_DS].base = 0x9999;
	put64(0x3010, 0xabcd);
	RUN("648b042510000000");
	CHECK_EQ(c.regs[GPR_RAX], 0xabcd);
	RUN("8b042510000000");
	CHECK_EQ(last('r')->addr, 0x10);
}

TEST(segment_limits)
{
	reset(INSN_PROT32);
	m.seg[SREG_DS].limit = 0x2fff;
	c.regs[GPR_RBX] = 0x2ffc;
	RUN("8b03");
	c.regs[GPR_RBX] = 0x2ffd;
	RUN_FAULT("8b03", EMU_GP, 0);
	m.seg[SREG_SS].limit = 0xfff;
	RUN_FAULT("8b4424fc", EMU_SS, 0);
	m.seg[SREG_DS].limit = 0xffffffff;
	m.seg[SREG_DS].type = 1;
	RUN_FAULT("8903", EMU_GP, 0);
	m.seg[SREG_DS].present = false;
	RUN_FAULT("8b03", EMU_GP, 0);
}

TEST(expand_down)
{
	reset(INSN_PROT32);
	m.seg[SREG_DS].type = 7;
	m.seg[SREG_DS].limit = 0x2fff;
	c.regs[GPR_RBX] = 0x2fff;
	RUN_FAULT("8b03", EMU_GP, 0);
	c.regs[GPR_RBX] = 0x3000;
	RUN("8b03");
	m.seg[SREG_DS].db = false;
	c.regs[GPR_RBX] = 0xfffd;
	c.rip = 0x1000;
	RUN_FAULT("8b03", EMU_GP, 0);
}

/* Linear addresses wrap at 4G: two accesses, the write only when both are possible. */
TEST(wrap_at_4g)
{
	reset(INSN_PROT32);
	m.seg[SREG_DS].base = 0xfffff000;
	c.regs[GPR_RBX] = 0xffe;
	c.regs[GPR_RAX] = 0x44332211;
	RUN("8903");
	CHECK_EQ(count('w'), 2);
	CHECK_EQ(last('w')->addr, 0);
	CHECK_EQ(mem32(0) & 0xffff, 0x4433);
	m.bad_page = 0xfffff000;
	c.rip = 0x1000;
	RUN_FAULT("8903", EMU_PF, 2);
	CHECK_EQ(count('w'), 0);
}

TEST(alignment_check)
{
	reset(INSN_LONG64);
	c.cpl = 3;
	c.rflags |= 1 << 18;
	c.regs[GPR_RDI] = 0x3001;
	RUN("8b07");
	m.cr[0] |= 1 << 18;
	RUN_FAULT("8b07", EMU_AC, 0);
	CHECK(c.fault.has_error);
}

TEST(sse_availability)
{
	reset(INSN_LONG64);
	c.regs[GPR_RDI] = 0x3000;
	memset(m.xmm[1], 0x5a, 16);
	RUN("660f7f0f");
	CHECK_EQ(mem64(0x3008), 0x5a5a5a5a5a5a5a5a);
	CHECK_EQ(last('w')->bytes, 16);
	m.cr[0] |= 8;
	RUN_FAULT("660f7f0f", EMU_NM, 0);
	m.cr[4] = 0;
	RUN_FAULT("660f7f0f", EMU_UD, 0);
}

TEST(flags_after)
{
	reset(INSN_LONG64);
	c.rflags |= RF | TF;
	RUN("90");
	CHECK(!(c.rflags & RF));
	CHECK(c.tf_trap);
	RUN("fb");
	CHECK_EQ(c.shadow, EMU_SHADOW_STI);
	CHECK(c.rflags & IF);
	RUN("fb");
	CHECK_EQ(c.shadow, 0);
	RUN("8ed0");
	CHECK_EQ(c.shadow, EMU_SHADOW_MOV_SS);
	CHECK_EQ(m.loaded_seg, SREG_SS);
	CHECK(!c.tf_trap);
}

TEST(privileged_needs_cpl0)
{
	static const char * const list[] = {
		"f4", "0f30", "0f32", "0f20c0", "0f22c0", "0f21c0", "0f23c0", "0f06", "0f09",
		"0f0138", "0f0117", "0f011f", "0f01f0", "0f00d0", "0f00d8", "fa", "fb",
		"e410", "ee", "f36e", "6c",
	};
	unsigned int i;

	for (i = 0; i < sizeof(list) / sizeof(list[0]); i++) {
		reset(INSN_LONG64);
		c.cpl = 3;
		c.regs[GPR_RCX] = 1;
		if (run(list[i]) != EMU_FAULT || c.fault.vector != EMU_GP || c.fault.error)
			TAP_FAIL("%s: no #GP(0)", list[i]);
		CHECK(c.fault.has_error);
		CHECK(!m.halted && !m.flushed);
	}
}

TEST(control_registers)
{
	reset(INSN_LONG64);
	c.regs[GPR_RAX] = 0x123000;
	RUN("0f22d8");
	CHECK_EQ(m.cr[3], 0x123000);
	c.regs[GPR_RAX] = ~0ULL;
	RUN_FAULT("0f22d8", EMU_GP, 0);
	m.cr[8] = 9;
	RUN("440f20c0");
	CHECK_EQ(c.regs[GPR_RAX], 9);
	m.cr[0] |= 8;
	RUN("0f06");
	CHECK(!(m.cr[0] & 8));
	m.cr[0] = 0x80000011;
	c.regs[GPR_RAX] = 0xfffe;
	RUN("0f01f0");
	CHECK_EQ(m.cr[0], 0x8000001f);
	RUN("0f01e1");
	CHECK_EQ(c.regs[GPR_RCX], 0x8000001f);
	m.dr[7] = 0x400;
	RUN("0f21f8");
	CHECK_EQ(c.regs[GPR_RAX], 0x400);
}

TEST(msr_cpuid_tsc)
{
	reset(INSN_LONG64);
	c.regs[GPR_RCX] = 0xc0000080;
	c.regs[GPR_RAX] = 0xaaaaaaaa00000001;
	c.regs[GPR_RDX] = 0xbbbbbbbb00000002;
	RUN("0f30");
	CHECK_EQ(m.msr_nr, 0xc0000080);
	CHECK_EQ(m.msr_val, 0x200000001);
	RUN("0f32");
	CHECK_EQ(c.regs[GPR_RAX], 1);
	CHECK_EQ(c.regs[GPR_RDX], 2);
	c.regs[GPR_RCX] = 0xdead;
	RUN_FAULT("0f32", EMU_GP, 0);
	c.regs[GPR_RAX] = 0x10;
	RUN("0fa2");
	CHECK_EQ(c.regs[GPR_RBX], 0x11);
	CHECK_EQ(c.regs[GPR_RDX], 0x13);
	RUN("0f31");
	CHECK_EQ(c.regs[GPR_RAX], 0x55667788);
	CHECK_EQ(c.regs[GPR_RDX], 0x11223344);
	m.cr[4] |= 4;
	c.cpl = 3;
	RUN_FAULT("0f31", EMU_GP, 0);
}

TEST(descriptor_tables)
{
	reset(INSN_PROT32);
	put64(0x3000, 0x8877665544332211);
	c.regs[GPR_RBX] = 0x3000;
	RUN("0f0113");
	CHECK_EQ(m.gdt.limit, 0x2211);
	CHECK_EQ(m.gdt.base, 0x66554433);
	RUN("660f011b");
	CHECK_EQ(m.idt.base, 0x554433);
	c.regs[GPR_RBX] = 0x4000;
	RUN("0f0103");
	CHECK_EQ(mem64(0x4000), 0x665544332211);
	c.cpl = 3;
	m.cr[4] |= 1 << 11;
	RUN_FAULT("0f0103", EMU_GP, 0);
}

TEST(invlpg_hlt_wbinvd)
{
	reset(INSN_LONG64);
	c.regs[GPR_RAX] = 0x7654321;
	RUN("0f0138");
	CHECK_EQ(m.invlpg_addr, 0x7654321);
	c.regs[GPR_RAX] = 0x8000000000000000;
	RUN("0f0138");
	CHECK_EQ(m.flushed, 1);
	RUN("f4");
	CHECK_EQ(m.halted, 1);
	RUN("0f09");
	CHECK_EQ(m.flushed, 2);
}

TEST(ports)
{
	reset(INSN_LONG64);
	m.port_val = 0x11223344;
	c.regs[GPR_RAX] = ~0ULL;
	c.regs[GPR_RDX] = 0xffff1234;
	RUN("ed");
	CHECK_EQ(c.regs[GPR_RAX], 0x11223344);
	CHECK_EQ(last('i')->addr, 0x1234);
	c.regs[GPR_RAX] = 0x55;
	RUN("e6f4");
	CHECK_EQ(last('o')->addr, 0xf4);
	CHECK_EQ(last('o')->bytes, 1);
	c.regs[GPR_RDI] = 0x3000;
	c.regs[GPR_RCX] = 3;
	RUN("f36d");
	CHECK_EQ(count('i'), 3);
	CHECK_EQ(c.regs[GPR_RDI], 0x300c);
}

/* What was read from a port can't be put back: the memory is checked first. */
static void set_string(u64 index, u64 count)
{
	c.regs[GPR_RSI] = c.regs[GPR_RDI] = index;
	c.regs[GPR_RCX] = count;
	m.block_max = 0x1000;
}

#define CHECK_BLOCK(from, length)					\
	do {								\
		CHECK_EQ(count('b'), 1);				\
		CHECK_EQ(last('b')->addr, from);			\
		CHECK_EQ(last('b')->bytes, length);			\
	} while (0)

/* As much as lies in a page; the rest is for another time, when interrupts have had theirs. */
TEST(string_to_port_in_blocks)
{
	reset(INSN_LONG64);
	set_string(0x5ff1, 30);
	RUN("f36d");				/* rep insl */
	CHECK_BLOCK(0x5ff1, 12);
	CHECK(c.rep_partial);
	CHECK_EQ(c.rip, 0x1000);
	CHECK_EQ(c.regs[GPR_RCX], 27);
	CHECK_EQ(c.regs[GPR_RDI], 0x5ffd);
	CHECK_EQ(m.committed, 1);
	reset(INSN_LONG64);
	set_string(0x5100, 30);
	RUN("f366 6f");				/* rep outsw */
	CHECK_BLOCK(0x5100, 60);
	CHECK_EQ(c.regs[GPR_RCX], 0);
	CHECK_EQ(c.regs[GPR_RSI], 0x513c);
	CHECK_EQ(c.rip, 0x1003);
	reset(INSN_LONG64);
	set_string(0x5100, 30);
	m.block_max = 7;			/* user space has done so many */
	RUN("f36c");
	CHECK_EQ(c.regs[GPR_RCX], 23);
	CHECK_EQ(c.regs[GPR_RDI], 0x5107);
}

TEST(string_to_port_element_by_element)
{
	reset(INSN_LONG64);
	set_string(0x5100, 5);
	RUN("6c");				/* insb, not repeated */
	CHECK_EQ(count('b'), 0);
	set_string(0x5100, 5);
	c.rflags |= 1 << 10;			/* downwards */
	RUN("f36c");
	CHECK_EQ(count('b'), 0);
	CHECK_EQ(count('i'), 5);
	CHECK_EQ(c.regs[GPR_RDI], 0x50fb);
	reset(INSN_LONG64);
	set_string(0x5100, 5);
	c.rflags |= TF;
	RUN("f36c");
	CHECK_EQ(count('b'), 0);
	CHECK_EQ(c.regs[GPR_RCX], 4);
	reset(INSN_LONG64);
	set_string(0x5ffe, 5);			/* the first one straddles */
	RUN("f36d");
	CHECK_EQ(count('i'), 1);
	CHECK_EQ(last('b')->addr, 0x6002);
}

/* The segment ends, or the index register wraps, among the elements. */
TEST(string_to_port_up_to_a_limit)
{
	reset(INSN_PROT32);
	m.seg[SREG_ES].limit = 0x5107;
	set_string(0x5100, 20);
	RUN_FAULT("f36d", EMU_GP, 0);
	CHECK_EQ(count('b'), 0);
	CHECK_EQ(count('i'), 2);
	CHECK_EQ(c.regs[GPR_RCX], 18);
	CHECK_EQ(c.regs[GPR_RDI], 0x5108);
	reset(INSN_REAL16);
	m.seg[SREG_ES].base = 0x800;
	set_string(0xfffe, 5);
	RUN("f36c");
	CHECK_BLOCK(0x107fe, 2);
	CHECK_EQ(c.regs[GPR_RDI], 0);
	CHECK_EQ(c.regs[GPR_RCX], 3);
}

TEST(ins_checks_memory_first)
{
	reset(INSN_LONG64);
	m.bad_page = 0x3000;
	c.regs[GPR_RDI] = 0x3000;
	RUN_FAULT("6d", EMU_PF, 2);
	CHECK_EQ(count('i'), 0);
}

TEST(io_bitmap)
{
	reset(INSN_PROT32);
	c.cpl = 3;
	m.seg[SREG_TR] = (struct emulate_segment) {
		.base = 0x5000, .limit = 0x200, .type = 11, .present = true,
	};
	*at(0x5000 + 102) = 104;
	memset(at(0x5000 + 104), 0xff, 0x190);
	c.regs[GPR_RDX] = 0x3f7;
	RUN_FAULT("ec", EMU_GP, 0);
	*at(0x5000 + 104 + 0x3f7 / 8) &= ~(1 << 7);
	RUN("ec");
	CHECK_EQ(last('r')->flags, EMU_ACC_SYSTEM);
	RUN_FAULT("66ed", EMU_GP, 0);
	c.rflags |= IOPL3;
	RUN("66ed");
	c.mode = INSN_VM86;
	RUN_FAULT("ed", EMU_GP, 0);
}
