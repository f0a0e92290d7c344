// SPDX-License-Identifier: GPL-2.0-only
/* The emulator: hardware task switches, at every stage at which they can fail. */
#include "emulate_model.h"

#define GDT		0x4000
#define OLD_TSS		0x6000
#define NEW_TSS		0x7000
#define STACK		0xa000

#define CODE		0x08
#define DATA		0x10
#define OLD		0x18
#define NEW		0x20
#define GATE		0x28
#define LDT		0x30
#define CODE_USER	0x38
#define DATA_USER	0x40
#define ABSENT		0x48
#define CODE16		0x50
#define NT		(1 << 14)

static void put32(u64 addr, u32 val)
{
	memcpy(at(addr), &val, 4);
}

static void put16(u64 addr, u16 val)
{
	memcpy(at(addr), &val, 2);
}

static void put_tss(u16 selector, u64 base, u8 type, u32 limit)
{
	put64(GDT + selector, limit | base << 16 | (u64)(0x80 | type) << 40);
}

static void set_selectors(u16 cs, u16 data, u16 ldt)
{
	unsigned int i;

	for (i = 0; i < 6; i++)
		put16(NEW_TSS + 0x48 + 4 * i, i == SREG_CS ? cs : data);
	put16(NEW_TSS + 0x60, ldt);
}

static void new_task(void)
{
	unsigned int i;

	put32(NEW_TSS + 0x1c, 0x5000);
	put32(NEW_TSS + 0x20, 0x2000);
	put32(NEW_TSS + 0x24, 0x202);
	for (i = 0; i < 8; i++)
		put32(NEW_TSS + 0x28 + 4 * i, i == GPR_RSP ? STACK : 0x1110 + i);
	set_selectors(CODE, DATA, LDT);
}

static void start(void)
{
	static struct emulate_ops own;
	unsigned int i;

	reset(INSN_PROT32);
	own = model_ops;
	own.load_segment = NULL;
	c.ops = &own;
	m.gdt = (struct emulate_dt) { .base = GDT, .limit = 0x7f };
	put64(GDT + CODE, 0x00cf9b000000ffff);
	put64(GDT + DATA, 0x00cf93000000ffff);
	put_tss(OLD, OLD_TSS, 11, 0x67);
	put_tss(NEW, NEW_TSS, 9, 0x67);
	put64(GDT + GATE, 0x0000850000000000 | NEW << 16);
	put64(GDT + LDT, 0x00008200500000ff);
	put64(GDT + CODE_USER, 0x00cffb000000ffff);
	put64(GDT + DATA_USER, 0x00cff3000000ffff);
	put64(GDT + ABSENT, 0x00cf13000000ffff);
	put64(GDT + CODE16, 0x00009b000000ffff);
	for (i = 0; i < 6; i++)
		m.seg[i].selector = i == SREG_CS ? CODE : DATA;
	m.seg[SREG_TR] = (struct emulate_segment) {
		.base = OLD_TSS, .limit = 0x67, .selector = OLD, .type = 11, .present = true,
	};
	for (i = 0; i < 8; i++)
		c.regs[i] = 0x8880 + i;
	c.regs[GPR_RSP] = 0x9000;
	c.rflags = 0x246;
	new_task();
}

static enum emu_status switch_to(u16 selector, u8 source)
{
	const struct emu_task_switch how = { .selector = selector, .source = source };

	m.logged = 0;
	return emulate_task_switch(&c, &how);
}

static void expect_new_task(void)
{
	CHECK(c.task_switched);
	CHECK_EQ(c.rip, 0x2000);
	CHECK_EQ(c.regs[GPR_RAX], 0x1110);
	CHECK_EQ(c.regs[GPR_RDI], 0x1117);
	CHECK_EQ(m.seg[SREG_TR].selector, NEW);
	CHECK_EQ(m.seg[SREG_TR].base, NEW_TSS);
	CHECK_EQ(m.seg[SREG_TR].type, 11);
	CHECK_EQ(*at(GDT + NEW + 5), 0x8b);
	CHECK_EQ(m.seg[SREG_LDTR].base, 0x5000);
	CHECK_EQ(m.cr[3], 0x5000);
	CHECK_EQ(m.cr[0] & 8, 8);
}

static void expect_old_saved(u32 eip, u32 eflags)
{
	CHECK_EQ(mem32(OLD_TSS + 0x20), eip);
	CHECK_EQ(mem32(OLD_TSS + 0x24), eflags);
	CHECK_EQ(mem32(OLD_TSS + 0x28), 0x8880);
	CHECK_EQ(mem32(OLD_TSS + 0x38), 0x9000);
	CHECK_EQ(mem32(OLD_TSS + 0x44), 0x8887);
	CHECK_EQ(mem32(OLD_TSS + 0x4c), CODE);
	CHECK_EQ(mem32(OLD_TSS + 0x5c), DATA);
}

TEST(task_jmp)
{
	start();
	CHECK_EQ(switch_to(NEW, EMU_TASK_JMP), EMU_DONE);
	expect_new_task();
	expect_old_saved(0x1000, 0x246);
	CHECK_EQ(*at(GDT + OLD + 5), 0x89);
	CHECK_EQ(c.rflags, 0x202);
	CHECK_EQ(mem32(NEW_TSS), 0);
	CHECK_EQ(c.traps, 0);
}

TEST(task_call_and_iret)
{
	start();
	CHECK_EQ(switch_to(NEW, EMU_TASK_CALL), EMU_DONE);
	expect_new_task();
	expect_old_saved(0x1000, 0x246);
	CHECK_EQ(*at(GDT + OLD + 5), 0x8b);
	CHECK_EQ(c.rflags, 0x202 | NT);
	CHECK_EQ(mem32(NEW_TSS), OLD);
	put32(OLD_TSS + 0x1c, 0x6000);
	c.rip = 0x2345;
	CHECK_EQ(switch_to(OLD, EMU_TASK_IRET), EMU_DONE);
	CHECK_EQ(c.rip, 0x1000);
	CHECK_EQ(c.rflags, 0x246);
	CHECK_EQ(c.regs[GPR_RSP], 0x9000);
	CHECK_EQ(m.seg[SREG_TR].selector, OLD);
	CHECK_EQ(*at(GDT + OLD + 5), 0x8b);
	CHECK_EQ(*at(GDT + NEW + 5), 0x89);
	CHECK_EQ(mem32(NEW_TSS + 0x20), 0x2345);
	CHECK_EQ(mem32(NEW_TSS + 0x24), 0x202);
	CHECK_EQ(m.cr[3], 0x6000);
}

/* The same through instructions: jmp and call to a TSS and a task gate, iret with NT. */
TEST(task_instructions)
{
	start();
	RUN("9a000000002000");
	expect_new_task();
	expect_old_saved(0x1007, 0x246);
	c.rip = 0x3000;
	RUN("cf");
	CHECK_EQ(c.rip, 0x1007);
	CHECK_EQ(m.seg[SREG_TR].selector, OLD);
	start();
	RUN("ea000000002800");
	expect_new_task();
	start();
	put32(NEW_TSS, 0);
	c.rflags |= NT;
	RUN_FAULT("cf", EMU_TS, 0);
	put16(OLD_TSS, NEW);
	RUN_FAULT("cf", EMU_TS, NEW);
	start();
	*at(GDT + GATE + 5) = 5;
	RUN_FAULT("ea000000002800", EMU_NP, GATE);
	RUN_FAULT("ea000000001800", EMU_GP, OLD);
	RUN_FAULT("ea000000002100", EMU_GP, NEW);
	CHECK_EQ(c.rip, 0x1000);
}

TEST(task_gate_with_error_code)
{
	struct emu_task_switch how = {
		.selector = NEW, .source = EMU_TASK_GATE, .external = true, .restarts = true,
		.has_error = true, .error = 0x12345,
	};

	start();
	CHECK_EQ(emulate_task_switch(&c, &how), EMU_DONE);
	expect_new_task();
	expect_old_saved(0x1000, 0x10246);
	CHECK_EQ(c.regs[GPR_RSP], STACK - 4);
	CHECK_EQ(mem32(STACK - 4), 0x12345);
	CHECK_EQ(c.rflags, 0x202 | NT);
	/* EXT is set in the error codes of what fails then */
	start();
	put_tss(NEW, NEW_TSS, 9, 0x66);
	CHECK_EQ(emulate_task_switch(&c, &how), EMU_FAULT);
	CHECK_EQ(c.fault.vector, EMU_TS);
	CHECK_EQ(c.fault.error, NEW | 1);
	start();
	put64(GDT + DATA, 0x0040930000001fff);
	CHECK_EQ(emulate_task_switch(&c, &how), EMU_FAULT);
	CHECK_EQ(c.fault.vector, EMU_SS);
}

TEST(task_of_16_bits)
{
	unsigned int i;

	start();
	put_tss(NEW, NEW_TSS, 1, 0x2b);
	put16(NEW_TSS + 0x0e, 0x2000);
	put16(NEW_TSS + 0x10, 0x202);
	for (i = 0; i < 8; i++)
		put16(NEW_TSS + 0x12 + 2 * i, 0x2220 + i);
	for (i = 0; i < 4; i++)
		put16(NEW_TSS + 0x22 + 2 * i, i == SREG_CS ? CODE16 : DATA);
	put16(NEW_TSS + 0x2a, 0);
	m.cr[3] = 0x1234000;
	CHECK_EQ(switch_to(NEW, EMU_TASK_CALL), EMU_DONE);
	CHECK_EQ(c.rip, 0x2000);
	CHECK_EQ(c.regs[GPR_RDI], 0x2227);
	CHECK_EQ(m.cr[3], 0x1234000);
	CHECK_EQ(m.seg[SREG_TR].type, 3);
	CHECK_EQ(m.seg[SREG_CS].selector, CODE16);
	CHECK(!m.seg[SREG_FS].present);
	CHECK(!m.seg[SREG_LDTR].present);
	expect_old_saved(0x1000, 0x246);
	c.regs[GPR_RAX] = 0x3331;
	c.rip = 0x2100;
	CHECK_EQ(switch_to(OLD, EMU_TASK_IRET), EMU_DONE);
	CHECK_EQ(mem32(NEW_TSS + 0x0e), 0x02022100);
	CHECK_EQ(mem32(NEW_TSS + 0x12) & 0xffff, 0x3331);
	CHECK_EQ(*at(GDT + NEW + 5), 0x81);
}

static void expect_fault(u8 source, u16 selector, u8 vector, u32 error, bool switched)
{
	enum emu_status status = switch_to(selector, source);

	if (status != EMU_FAULT || c.fault.vector != vector || c.fault.error != error ||
	    c.task_switched != switched)
		TAP_FAIL("selector %#x: status %d vector %u error %#x switched %d", selector,
			 status, c.fault.vector, c.fault.error, c.task_switched);
}

/* In the old task nothing has changed. */
TEST(task_faults_before)
{
	start();
	expect_fault(EMU_TASK_JMP, 0, EMU_GP, 0, false);
	expect_fault(EMU_TASK_IRET, 0, EMU_TS, 0, false);
	expect_fault(EMU_TASK_JMP, NEW | 4, EMU_GP, NEW | 4, false);
	expect_fault(EMU_TASK_JMP, 0x80, EMU_GP, 0x80, false);
	expect_fault(EMU_TASK_IRET, 0x80, EMU_TS, 0x80, false);
	expect_fault(EMU_TASK_JMP, DATA, EMU_GP, DATA, false);
	expect_fault(EMU_TASK_CALL, OLD, EMU_GP, OLD, false);
	expect_fault(EMU_TASK_IRET, NEW, EMU_TS, NEW, false);
	*at(GDT + NEW + 5) = 9;
	expect_fault(EMU_TASK_CALL, NEW, EMU_NP, NEW, false);
	put_tss(NEW, NEW_TSS, 9, 0x66);
	expect_fault(EMU_TASK_CALL, NEW, EMU_TS, NEW, false);
	put_tss(NEW, NEW_TSS, 1, 0x2a);
	expect_fault(EMU_TASK_CALL, NEW, EMU_TS, NEW, false);
	put_tss(NEW, NEW_TSS, 9, 0x67);
	m.bad_page = OLD_TSS;
	expect_fault(EMU_TASK_CALL, NEW, EMU_PF, 2, false);
	m.bad_page = NEW_TSS;
	expect_fault(EMU_TASK_CALL, NEW, EMU_PF, 2, false);
	expect_fault(EMU_TASK_JMP, NEW, EMU_PF, 0, false);
	m.bad_page = 0;
	CHECK_EQ(count('w'), 0);
	CHECK_EQ(*at(GDT + OLD + 5), 0x8b);
	CHECK_EQ(c.rip, 0x1000);
	CHECK_EQ(m.seg[SREG_TR].selector, OLD);
}

static void fault_in_new(u16 cs, u16 data, u16 ldt, u8 vector, u32 error)
{
	start();
	set_selectors(cs, data, ldt);
	expect_fault(EMU_TASK_JMP, NEW, vector, error, true);
	CHECK_EQ(c.rip, 0x2000);
	CHECK_EQ(m.seg[SREG_TR].selector, NEW);
}

TEST(task_faults_behind)
{
	fault_in_new(CODE, DATA, DATA, EMU_TS, DATA);
	fault_in_new(CODE, DATA, LDT | 4, EMU_TS, LDT | 4);
	fault_in_new(0, DATA, LDT, EMU_TS, 0);
	fault_in_new(DATA, DATA, LDT, EMU_TS, DATA);
	fault_in_new(CODE_USER, DATA, LDT, EMU_TS, CODE_USER);
	fault_in_new(ABSENT, DATA, LDT, EMU_TS, ABSENT);
	fault_in_new(CODE, 0, LDT, EMU_TS, 0);
	fault_in_new(CODE, DATA_USER, LDT, EMU_TS, DATA_USER);
	fault_in_new(CODE, ABSENT, LDT, EMU_SS, ABSENT);
	fault_in_new(CODE_USER | 3, DATA, LDT, EMU_TS, DATA);
	start();
	put16(NEW_TSS + 0x48, ABSENT);
	expect_fault(EMU_TASK_JMP, NEW, EMU_NP, ABSENT, true);
	start();
	put64(GDT + CODE, 0x00409b0000001fff);
	expect_fault(EMU_TASK_JMP, NEW, EMU_GP, 0, true);
}

TEST(task_at_another_level)
{
	start();
	set_selectors(CODE_USER | 3, DATA_USER | 3, 0);
	CHECK_EQ(switch_to(NEW, EMU_TASK_JMP), EMU_DONE);
	CHECK_EQ(c.cpl, 3);
	CHECK_EQ(m.seg[SREG_SS].dpl, 3);
}

TEST(task_of_vm86)
{
	start();
	put32(NEW_TSS + 0x24, 0x23202);
	set_selectors(0x1000, 0x2000, 0);
	CHECK_EQ(switch_to(NEW, EMU_TASK_JMP), EMU_DONE);
	CHECK_EQ(c.mode, INSN_VM86);
	CHECK_EQ(c.cpl, 3);
	CHECK_EQ(m.seg[SREG_CS].base, 0x10000);
	CHECK_EQ(m.seg[SREG_GS].base, 0x20000);
	CHECK_EQ(c.rflags, 0x23202);
}

TEST(task_with_trap_flag)
{
	start();
	put16(NEW_TSS + 0x64, 1);
	c.rflags |= TF;
	RUN("ea000000002000");
	CHECK_EQ(c.traps, 1 << 15);
	CHECK(!c.tf_trap);
}

TEST(task_needs_no_long_mode)
{
	start();
	m.msr_val = 0x400;
	RUN_FAULT("ea000000002000", EMU_GP, NEW);
	RUN_FAULT("ea000000002800", EMU_GP, GATE);
}
