// SPDX-License-Identifier: GPL-2.0-only
/* The emulator: real mode, vm86, segments loaded from descriptors, stacks and branches. */
#include "emulate_model.h"

TEST(real_mode_segments)
{
	reset(INSN_REAL16);
	c.regs[GPR_RAX] = 0x1234;
	RUN("8ed8");
	CHECK_EQ(m.seg[SREG_DS].base, 0x12340);
	CHECK_EQ(m.seg[SREG_DS].selector, 0x1234);
	put64(0x12350, 0xbbbbaaaa);
	RUN("c41e1000");
	CHECK_EQ(c.regs[GPR_RBX], 0xaaaa);
	CHECK_EQ(m.seg[SREG_ES].base, 0xbbbb0);
}

TEST(real_mode_limit)
{
	reset(INSN_REAL16);
	c.regs[GPR_RBX] = 0xffff;
	RUN_FAULT("8b07", EMU_GP, 0);
	RUN("8a07");
	c.regs[GPR_RBP] = 0xffff;
	RUN_FAULT("8b4600", EMU_SS, 0);
}

TEST(real_mode_far)
{
	reset(INSN_REAL16);
	RUN("ea00020010");
	CHECK_EQ(c.rip, 0x200);
	CHECK_EQ(m.seg[SREG_CS].base, 0x10000);
	RUN("9a00030020");
	CHECK_EQ(c.rip, 0x300);
	CHECK_EQ(m.seg[SREG_CS].selector, 0x2000);
	CHECK_EQ(mem32(0x7ffc), 0x10000205);
	RUN("cb");
	CHECK_EQ(c.rip, 0x205);
	CHECK_EQ(m.seg[SREG_CS].selector, 0x1000);
	CHECK_EQ(c.regs[GPR_RSP], 0x8000);
}

TEST(real_mode_interrupt)
{
	reset(INSN_REAL16);
	m.idt.limit = 0x3ff;
	put64(0x10 * 4, 0xf0001234);
	c.rflags |= IF | CF;
	RUN("cd10");
	CHECK_EQ(c.rip, 0x1234);
	CHECK_EQ(m.seg[SREG_CS].base, 0xf0000);
	CHECK_EQ(c.regs[GPR_RSP], 0x7ffa);
	CHECK_EQ(mem64(0x7ffa) & 0xffffffffffff, 0x020300001002);
	CHECK(!(c.rflags & IF));
	RUN("cf");
	CHECK_EQ(c.rip, 0x1002);
	CHECK_EQ(m.seg[SREG_CS].selector, 0);
	CHECK_EQ(c.rflags, 2 | IF | CF);
	m.idt.limit = 0x40;
	RUN_FAULT("cd10", EMU_GP, 0);
}

/* An interrupt clears TF on its way, so that nothing is stepped; INTO may be none. */
TEST(real_mode_interrupt_with_tf)
{
	static const struct { const char *code; u64 flags; bool step; } list[] = {
		{ "cd10", 0, false }, { "cc", 0, false }, { "ce", 1 << 11, false },
		{ "ce", 0, true }, { "90", 0, true }, { "9d", 0, true },
	};
	unsigned int i;

	for (i = 0; i < sizeof(list) / sizeof(list[0]); i++) {
		reset(INSN_REAL16);
		m.idt.limit = 0x3ff;
		c.rflags |= TF | list[i].flags;
		RUN(list[i].code);
		CHECK_EQ(c.tf_trap, list[i].step);
	}
}

TEST(vm86)
{
	reset(INSN_VM86);
	RUN_FAULT("9c", EMU_GP, 0);
	m.cr[4] |= 1;
	CHECK_EQ(run("9c"), EMU_UNHANDLED);
	c.rflags |= IOPL3 | IF;
	RUN("9c");
	CHECK_EQ(mem32(0x7ffe) & 0xffff, 0x3202);
	c.regs[GPR_RAX] = 0x100;
	RUN("8ec0");
	CHECK_EQ(m.seg[SREG_ES].base, 0x1000);
	CHECK_EQ(m.seg[SREG_ES].dpl, 3);
}

TEST(vm86_restricted)
{
	reset(INSN_VM86);
	RUN_FAULT("cd10", EMU_GP, 0);
	RUN_FAULT("cf", EMU_GP, 0);
	RUN_FAULT("9d", EMU_GP, 0);
	RUN_FAULT("fa", EMU_GP, 0);
}

/* Nothing is pushed for a far call that can't be. */
TEST(real_mode_far_limit)
{
	reset(INSN_REAL16);
	m.seg[SREG_CS].limit = 0x1fff;
	RUN_FAULT("9a00300010", EMU_GP, 0);
	CHECK_EQ(count('w'), 0);
	CHECK_EQ(m.seg[SREG_CS].selector, 0);
	CHECK_EQ(c.regs[GPR_RSP], 0x8000);
}

TEST(protected_far_jmp)
{
	reset(INSN_PROT16);
	RUN("66ea785634121000");
	CHECK_EQ(c.rip, 0x12345678);
	CHECK_EQ(m.loaded_seg, SREG_CS);
	CHECK_EQ(m.loaded_selector, 0x10);
	m.seg[SREG_CS].limit = 0xffff;
	m.seg[SREG_CS].base = 0x1000;
	c.rip = 0;
	RUN_FAULT("66ea785634121000", EMU_GP, 0);
	CHECK_EQ(m.seg[SREG_CS].base, 0x1000);
	CHECK_EQ(run("9a00000800"), EMU_UNHANDLED);
	CHECK_EQ(run("cb"), EMU_UNHANDLED);
	CHECK_EQ(run("cf"), EMU_UNHANDLED);
}

/* The same machine, but the emulator loads descriptors itself: GDT at 0x4000, LDT at 0x5000. */
static void reset_descriptors(enum insn_mode mode)
{
	static struct emulate_ops own;

	reset(mode);
	own = model_ops;
	own.load_segment = NULL;
	c.ops = &own;
	m.gdt = (struct emulate_dt) { .base = 0x4000, .limit = 0x7f };
	m.seg[SREG_LDTR] = (struct emulate_segment) {
		.base = 0x5000, .limit = 15, .type = 2, .present = true,
	};
	put64(0x4008, 0x00cf9b000000ffff);	/* 08 code, flat */
	put64(0x4010, 0x12cf92345678ffff);	/* 10 data, not accessed */
	put64(0x4018, 0x0040f30000000fff);	/* 18 data, DPL 3, byte limit */
	put64(0x4020, 0x00cf13000000ffff);	/* 20 data, not present */
	put64(0x4028, 0x00cf99000000ffff);	/* 28 code, execute only */
	put64(0x4030, 0x00cf91000000ffff);	/* 30 data, read only */
	put64(0x4038, 0x0000890060000067);	/* 38 TSS, and its upper half in 64-bit mode */
	put64(0x4040, 0x0000000000000001);
	put64(0x4048, 0x00008200500000ff);	/* 48 LDT, and its upper half */
	put64(0x4050, 0);
	put64(0x4058, 0x00cf9f000000ffff);	/* 58 code, conforming, readable */
	put64(0x4060, 0x0000ec0000080000);	/* 60 call gate */
	put64(0x5008, 0x00cff3000000ffff);	/* 0f data, DPL 3, in the LDT */
}

static void expect_load(const char *hex, u16 selector, int vector, u32 error)
{
	enum emu_status status;

	c.regs[GPR_RAX] = selector;
	c.rip = 0x1000;
	status = run(hex);
	if (vector < 0 && status == EMU_DONE)
		return;
	if (status != EMU_FAULT || c.fault.vector != vector || c.fault.error != error)
		TAP_FAIL("%s of %#x: status %d vector %u error %#x", hex, selector, status,
			 c.fault.vector, c.fault.error);
}

#define MOV_DS	"8ed8"
#define MOV_SS	"8ed0"
#define OK	-1

TEST(descriptor_load)
{
	reset_descriptors(INSN_PROT32);
	expect_load(MOV_DS, 0x10, OK, 0);
	CHECK_EQ(m.seg[SREG_DS].base, 0x12345678);
	CHECK_EQ(m.seg[SREG_DS].limit, 0xffffffff);
	CHECK_EQ(m.seg[SREG_DS].selector, 0x10);
	CHECK_EQ(m.seg[SREG_DS].type, 3);
	CHECK_EQ(*at(0x4015), 0x93);
	CHECK_EQ(last('w')->flags, EMU_ACC_SYSTEM);
	m.seg[SREG_DS].base = 0;
	expect_load(MOV_DS, 0x18, OK, 0);
	CHECK_EQ(m.seg[SREG_DS].limit, 0xfff);
	CHECK_EQ(count('w'), 0);
	expect_load(MOV_DS, 0x0f, OK, 0);
	expect_load(MOV_DS, 3, OK, 0);
	CHECK(!m.seg[SREG_DS].present);
	RUN_FAULT("8b03", EMU_GP, 0);
}

TEST(descriptor_load_faults)
{
	reset_descriptors(INSN_PROT32);
	expect_load(MOV_DS, 0x20, EMU_NP, 0x20);
	expect_load(MOV_SS, 0x20, EMU_SS, 0x20);
	expect_load(MOV_DS, 0x28, EMU_GP, 0x28);
	expect_load(MOV_DS, 0x38, EMU_GP, 0x38);
	expect_load(MOV_DS, 0x80, EMU_GP, 0x80);
	expect_load(MOV_DS, 0x17, EMU_GP, 0x14);
	expect_load(MOV_DS, 0x13, EMU_GP, 0x10);
	expect_load(MOV_DS, 0x5b, OK, 0);
	expect_load(MOV_SS, 0, EMU_GP, 0);
	expect_load(MOV_SS, 0x30, EMU_GP, 0x30);
	expect_load(MOV_SS, 0x11, EMU_GP, 0x10);
	expect_load(MOV_SS, 0x18, EMU_GP, 0x18);
	expect_load(MOV_SS, 0x10, OK, 0);
	CHECK_EQ(c.shadow, EMU_SHADOW_MOV_SS);
	c.cpl = 3;
	expect_load(MOV_DS, 0x10, EMU_GP, 0x10);
	expect_load(MOV_SS, 0x1b, OK, 0);
	m.seg[SREG_LDTR].present = false;
	expect_load(MOV_DS, 0x0f, EMU_GP, 0x0c);
	reset_descriptors(INSN_LONG64);
	expect_load(MOV_SS, 0, OK, 0);
	expect_load(MOV_SS, 3, EMU_GP, 0);
}

TEST(task_and_ldt_load)
{
	reset_descriptors(INSN_LONG64);
	expect_load("0f00d8", 0x38, OK, 0);
	CHECK_EQ(m.seg[SREG_TR].base, 0x100006000);
	CHECK_EQ(m.seg[SREG_TR].type, 11);
	CHECK_EQ(*at(0x403d), 0x8b);
	expect_load("0f00d8", 0x38, EMU_GP, 0x38);
	expect_load("0f00d8", 0, EMU_GP, 0);
	expect_load("0f00d0", 0x48, OK, 0);
	CHECK_EQ(m.seg[SREG_LDTR].limit, 0xff);
	expect_load("0f00d0", 0x38, EMU_GP, 0x38);
	expect_load("0f00d0", 0x0c, EMU_GP, 0x0c);
	expect_load("0f00d0", 0, OK, 0);
	CHECK(!m.seg[SREG_LDTR].present);
}

/* As after mov cr0: protected mode with CS still as real mode left it. */
TEST(into_protected_mode)
{
	reset_descriptors(INSN_PROT16);
	RUN("66ea005000000800");
	CHECK_EQ(c.rip, 0x5000);
	CHECK(m.seg[SREG_CS].db);
	CHECK_EQ(m.seg[SREG_CS].selector, 8);
	c.rip = 0x1000;
	RUN_FAULT("66ea005000001000", EMU_GP, 0x10);
	CHECK_EQ(m.seg[SREG_CS].selector, 8);
	CHECK_EQ(c.rip, 0x1000);
	RUN("66ea005000006000");
	CHECK_EQ(c.rip, 0);
}

TEST(branch_limits)
{
	reset(INSN_PROT32);
	m.seg[SREG_CS].limit = 0x1fff;
	RUN_FAULT("e9fbff0000", EMU_GP, 0);
	CHECK_EQ(c.rip, 0x1000);
	RUN("e9fb0e0000");
	c.rip = 0x1ffe;
	RUN_FAULT("8b4424", EMU_GP, 0);
	reset(INSN_LONG64);
	c.regs[GPR_RAX] = 0x900000000000;
	RUN_FAULT("ffd0", EMU_GP, 0);
	CHECK_EQ(count('w'), 0);
	CHECK_EQ(c.regs[GPR_RSP], 0x8000);
}

/* jmp to the end of a 16-bit segment and beyond wraps inside it. */
TEST(ip_16bit)
{
	reset(INSN_REAL16);
	c.rip = 0xfff0;
	RUN("eb20");
	CHECK_EQ(c.rip, 0x12);
}

TEST(stack_sizes)
{
	reset(INSN_PROT16);
	c.regs[GPR_RSP] = 0x10000;
	c.regs[GPR_RAX] = 0xbeef;
	RUN("50");
	CHECK_EQ(c.regs[GPR_RSP], 0x1fffe);
	CHECK_EQ(mem32(0xfffe) & 0xffff, 0xbeef);
	reset(INSN_LONG64);
	RUN("6aff");
	CHECK_EQ(mem64(0x7ff8), ~0ULL);
	RUN("8f442408");
	CHECK_EQ(mem64(0x8008), ~0ULL);
}

TEST(enter_levels)
{
	reset(INSN_LONG64);
	c.regs[GPR_RBP] = 0x9000;
	put64(0x8ff8, 0x1111);
	RUN("c8200002");
	CHECK_EQ(c.regs[GPR_RBP], 0x7ff8);
	CHECK_EQ(mem64(0x7ff8), 0x9000);
	CHECK_EQ(mem64(0x7ff0), 0x1111);
	CHECK_EQ(mem64(0x7fe8), 0x7ff8);
	CHECK_EQ(c.regs[GPR_RSP], 0x7fe8 - 0x20);
	RUN("c9");
	CHECK_EQ(c.regs[GPR_RBP], 0x9000);
	CHECK_EQ(c.regs[GPR_RSP], 0x8000);
}

TEST(divide_errors)
{
	reset(INSN_LONG64);
	RUN_FAULT("f7f1", EMU_DE, 0);
	CHECK(!c.fault.has_error);
	c.regs[GPR_RCX] = ~0ULL;
	c.regs[GPR_RAX] = 0x8000000000000000;
	c.regs[GPR_RDX] = ~0ULL;
	RUN_FAULT("48f7f9", EMU_DE, 0);
	c.regs[GPR_RCX] = 1;
	RUN("48f7f9");
	CHECK_EQ(c.regs[GPR_RAX], 0x8000000000000000);
	CHECK_EQ(c.regs[GPR_RDX], 0);
}
