// SPDX-License-Identifier: GPL-2.0-only
/* The emulator: far control flow and descriptors in protected, compatibility and 64-bit mode. */
#include "emulate_model.h"

#define EFER_LMA	0x400
#define GDT		0x4000
#define TSS		0x6000

#define CODE32		0x08
#define CODE64		0x10
#define DATA		0x18
#define CODE_LD		0x20	/* L and D */
#define CODE32_USER	0x28
#define DATA_USER	0x30
#define CODE64_USER	0x38
#define CODE_SMALL	0x40	/* limit 0xfff */
#define CONFORMING	0x48
#define NOT_PRESENT	0x50
#define SYSTEM		0x60	/* 16 bytes */
#define DATA16		0x70

static void put_gdt(u16 selector, u64 descriptor)
{
	put64(GDT + (selector & ~7), descriptor);
}

/* Segments are loaded by the emulator's own code. */
static void start(enum insn_mode mode, bool lma)
{
	static struct emulate_ops own;

	reset(mode);
	own = model_ops;
	own.load_segment = NULL;
	c.ops = &own;
	m.msr_val = lma ? EFER_LMA : 0;
	m.gdt = (struct emulate_dt) { .base = GDT, .limit = 0x7f };
	put_gdt(CODE32, 0x00cf9b000000ffff);
	put_gdt(CODE64, 0x00209b0000000000);
	put_gdt(DATA, 0x00cf93000000ffff);
	put_gdt(CODE_LD, 0x00ef9b000000ffff);
	put_gdt(CODE32_USER, 0x00cffb000000ffff);
	put_gdt(DATA_USER, 0x00cff3000000ffff);
	put_gdt(CODE64_USER, 0x0020fb0000000000);
	put_gdt(CODE_SMALL, 0x00409b0000000fff);
	put_gdt(CONFORMING, 0x00cf9f000000ffff);
	put_gdt(NOT_PRESENT, 0x00cf1b000000ffff);
	put_gdt(DATA16, 0x000093000000ffff);
	m.seg[SREG_CS].selector = mode == INSN_LONG64 ? CODE64 : CODE32;
	m.seg[SREG_CS].l = mode == INSN_LONG64;
	m.seg[SREG_SS].selector = DATA;
	m.seg[SREG_TR] = (struct emulate_segment) {
		.base = TSS, .limit = 0x67, .selector = 0x58, .type = 11, .present = true,
	};
}

static void user(void)
{
	c.cpl = 3;
	m.seg[SREG_CS].selector |= 3;
	m.seg[SREG_CS].dpl = 3;
	m.seg[SREG_SS] = (struct emulate_segment) {
		.limit = 0xffffffff, .selector = DATA_USER | 3, .type = 3, .dpl = 3, .s = true,
		.present = true, .db = true, .g = true,
	};
}

/* jmp far [rbx]: offset of four bytes. */
static enum emu_status jump(u16 selector, u32 offset)
{
	put64(0x8000, (u64)selector << 32 | offset);
	c.regs[GPR_RBX] = 0x8000;
	c.rip = 0x1000;
	return run("ff2b");
}

#define JUMP(selector, offset)	CHECK_EQ(jump(selector, offset), EMU_DONE)
#define JUMP_FAULT(selector, offset, vec, err)				\
	do {								\
		CHECK_EQ(jump(selector, offset), EMU_FAULT);		\
		CHECK_EQ(c.fault.vector, vec);				\
		CHECK_EQ(c.fault.error, err);				\
		CHECK_EQ(c.rip, 0x1000);				\
	} while (0)

TEST(far_limit_counts_outside_64bit_code)
{
	start(INSN_LONG64, true);
	JUMP(CODE64, 0x1800);
	CHECK_EQ(c.rip, 0x1800);
	JUMP_FAULT(CODE_SMALL, 0x1800, EMU_GP, 0);
	CHECK_EQ(m.seg[SREG_CS].selector, CODE64);
	CHECK_EQ(*at(GDT + CODE_SMALL + 5), 0x9b);
	JUMP(CODE_SMALL, 0x800);
	CHECK_EQ(m.seg[SREG_CS].selector, CODE_SMALL);
	/* from compatibility mode */
	start(INSN_PROT32, true);
	JUMP(CODE64, 0x1800);
	CHECK(m.seg[SREG_CS].l);
	/* L is nothing without long mode */
	start(INSN_PROT32, false);
	JUMP_FAULT(CODE64, 0x1800, EMU_GP, 0);
	JUMP(CODE_LD, 0x1800);
}

TEST(far_call_and_return_with_limit_0)
{
	start(INSN_LONG64, true);
	put64(0x8000, (u64)CODE64 << 32 | 0x1800);
	c.regs[GPR_RBX] = 0x8000;
	c.regs[GPR_RSP] = 0x9000;
	RUN("ff1b");
	CHECK_EQ(c.rip, 0x1800);
	CHECK_EQ(c.regs[GPR_RSP], 0x8ff8);
	CHECK_EQ(mem64(0x8ff8), (u64)CODE64 << 32 | 0x1002);
	RUN("cb");
	CHECK_EQ(c.rip, 0x1002);
	CHECK_EQ(c.regs[GPR_RSP], 0x9000);
}

TEST(l_and_d_together)
{
	start(INSN_LONG64, true);
	JUMP_FAULT(CODE_LD, 0x1800, EMU_GP, CODE_LD);
	start(INSN_PROT32, true);
	JUMP_FAULT(CODE_LD, 0x1800, EMU_GP, CODE_LD);
	c.regs[GPR_RSP] = 0x9000;
	put64(0x9000, (u64)CODE_LD << 32 | 0x1800);
	put64(0x9008, 2);
	RUN_FAULT("cb", EMU_GP, CODE_LD);
	RUN_FAULT("cf", EMU_GP, CODE_LD);
	CHECK_EQ(c.regs[GPR_RSP], 0x9000);
}

TEST(far_pointer_with_rex_w)
{
	start(INSN_LONG64, true);
	c.regs[GPR_RBX] = 0x8000;
	put64(0x8000, 0xffff800000001800);
	put64(0x8008, CODE64);
	RUN("48ff2b");
	CHECK_EQ(c.rip, 0xffff800000001800);
	c.rip = 0x1000;
	c.regs[GPR_RSP] = 0x9000;
	RUN("48ff1b");
	CHECK_EQ(c.rip, 0xffff800000001800);
	CHECK_EQ(mem64(0x8ff8), CODE64);
	CHECK_EQ(mem64(0x8ff0), 0x1003);
	c.rip = 0x1000;
	put64(0x8000, 0x0000800000001800);
	RUN_FAULT("48ff2b", EMU_GP, 0);
	RUN_FAULT("48ff1b", EMU_GP, 0);
	CHECK_EQ(c.regs[GPR_RSP], 0x8ff0);
	/* lss rcx, [rbx] */
	put64(0x8008, DATA);
	RUN("480fb20b");
	CHECK_EQ(c.regs[GPR_RCX], 0x0000800000001800);
}

TEST(far_jump_rights)
{
	start(INSN_PROT32, false);
	JUMP_FAULT(0, 0x1800, EMU_GP, 0);
	JUMP_FAULT(3, 0x1800, EMU_GP, 0);
	JUMP_FAULT(DATA, 0x1800, EMU_GP, DATA);
	JUMP_FAULT(CODE32 | 1, 0x1800, EMU_GP, CODE32);
	JUMP_FAULT(CODE32_USER, 0x1800, EMU_GP, CODE32_USER);
	JUMP_FAULT(NOT_PRESENT, 0x1800, EMU_NP, NOT_PRESENT);
	JUMP_FAULT(0x80, 0x1800, EMU_GP, 0x80);
	user();
	JUMP_FAULT(CODE32, 0x1800, EMU_GP, CODE32);
	JUMP(CODE32_USER, 0x1800);
	CHECK_EQ(m.seg[SREG_CS].selector, CODE32_USER | 3);
	JUMP(CONFORMING, 0x1800);
	CHECK_EQ(m.seg[SREG_CS].selector, CONFORMING | 3);
}

/* Selectors as real mode left them have bits where the RPL is. */
TEST(far_jump_with_real_mode_selectors)
{
	start(INSN_PROT16, true);
	m.seg[SREG_CS].selector = 0x1003;
	m.seg[SREG_SS].selector = 0x2002;
	RUN("ea00181000");
	CHECK_EQ(m.seg[SREG_CS].selector, CODE64);
	c.mode = INSN_LONG64;
	RUN("8ed0");
	CHECK(!m.seg[SREG_SS].present);
}

/* System descriptors of 16 bytes: in 64-bit mode, and in compatibility mode too. */
static void wide_descriptors(enum insn_mode mode)
{
	start(mode, true);
	put64(GDT + SYSTEM, 0x0000890060000067);
	put64(GDT + SYSTEM + 8, 0x00007fff);
	c.regs[GPR_RAX] = SYSTEM;
	RUN("0f00d8");
	CHECK_EQ(m.seg[SREG_TR].base, 0x7fff00006000);
	put64(GDT + SYSTEM, 0x00008200500000ff);
	RUN("0f00d0");
	CHECK_EQ(m.seg[SREG_LDTR].base, 0x7fff00005000);
	put64(GDT + SYSTEM + 8, 0x00008000);
	RUN_FAULT("0f00d0", EMU_GP, SYSTEM);
	c.base57 = true;
	RUN("0f00d0");
	put64(GDT + SYSTEM + 8, 0x0000010000000000);
	RUN_FAULT("0f00d0", EMU_GP, SYSTEM);
	put64(GDT + SYSTEM, 0x0000890060000067);
	RUN_FAULT("0f00d8", EMU_GP, SYSTEM);
	put64(GDT + SYSTEM + 8, 0);
	m.gdt.limit = SYSTEM + 14;
	RUN_FAULT("0f00d8", EMU_GP, SYSTEM);
	m.gdt.limit = SYSTEM + 15;
	RUN("0f00d8");
	put64(GDT + SYSTEM, 0x0000810060000067);
	RUN_FAULT("0f00d8", EMU_GP, SYSTEM);
}

TEST(descriptors_of_16_bytes)
{
	wide_descriptors(INSN_LONG64);
	wide_descriptors(INSN_PROT32);
	start(INSN_PROT32, false);
	put64(GDT + SYSTEM, 0x0000810060000067);
	put64(GDT + SYSTEM + 8, ~0ULL);
	m.gdt.limit = SYSTEM + 7;
	c.regs[GPR_RAX] = SYSTEM;
	RUN("0f00d8");
	CHECK_EQ(m.seg[SREG_TR].base, 0x6000);
}

/* An LDT is never looked at for these. */
TEST(system_selector_in_ldt)
{
	start(INSN_LONG64, true);
	m.seg[SREG_LDTR] =
		(struct emulate_segment){ .base = 0x5000, .limit = 0xff, .present = true };
	m.bad_page = 0x5000;
	c.regs[GPR_RAX] = 0x0c;
	RUN_FAULT("0f00d8", EMU_GP, 0x0c);
	RUN_FAULT("0f00d0", EMU_GP, 0x0c);
}

static void put_gate(u16 code, u64 offset, u8 dpl, u8 type, u8 params)
{
	put64(GDT + SYSTEM, (offset & 0xffff) | (u64)code << 16 | (u64)params << 32 |
			    (u64)(0x80 | dpl << 5 | type) << 40 | (offset >> 16 & 0xffff) << 48);
}

TEST(call_gate_64)
{
	start(INSN_PROT32, true);
	user();
	put_gate(CODE64, 0x2000, 3, 12, 0);
	put64(GDT + SYSTEM + 8, 0xffff8000);
	put64(TSS + 4, 0xa000);
	c.regs[GPR_RSP] = 0x9000;
	c.rip = 0x1000;
	RUN("9a000000006000");
	CHECK_EQ(c.rip, 0xffff800000002000);
	CHECK_EQ(m.seg[SREG_CS].selector, CODE64);
	CHECK_EQ(m.seg[SREG_SS].selector, 0);
	CHECK(!m.seg[SREG_SS].present);
	CHECK_EQ(c.regs[GPR_RSP], 0xa000 - 32);
	CHECK_EQ(mem64(0xa000 - 8), DATA_USER | 3);
	CHECK_EQ(mem64(0xa000 - 16), 0x9000);
	CHECK_EQ(mem64(0xa000 - 24), CODE32 | 3);
	CHECK_EQ(mem64(0xa000 - 32), 0x1007);
}

TEST(call_gate_64_faults)
{
	start(INSN_LONG64, true);
	put_gate(CODE64, 0x2000, 0, 12, 0);
	JUMP(SYSTEM, 0);
	CHECK_EQ(c.rip, 0x2000);
	put64(GDT + SYSTEM + 8, 0x00008000);
	JUMP_FAULT(SYSTEM, 0, EMU_GP, 0);
	put64(GDT + SYSTEM + 8, 0x0000080000000000);
	JUMP_FAULT(SYSTEM, 0, EMU_GP, SYSTEM);
	put64(GDT + SYSTEM + 8, 0);
	m.gdt.limit = SYSTEM + 8;
	JUMP_FAULT(SYSTEM, 0, EMU_GP, SYSTEM);
	m.gdt.limit = 0x7f;
	put_gate(CODE32, 0x2000, 0, 12, 0);
	JUMP_FAULT(SYSTEM, 0, EMU_GP, CODE32);
	put_gate(CODE_LD, 0x2000, 0, 12, 0);
	JUMP_FAULT(SYSTEM, 0, EMU_GP, CODE_LD);
	put_gate(0, 0x2000, 0, 12, 0);
	JUMP_FAULT(SYSTEM, 0, EMU_GP, 0);
	put_gate(CODE64, 0x2000, 0, 4, 0);
	JUMP_FAULT(SYSTEM, 0, EMU_GP, SYSTEM);
	put_gate(CODE64, 0x2000, 0, 5, 0);
	JUMP_FAULT(SYSTEM, 0, EMU_GP, SYSTEM);
	put_gate(CODE64, 0x2000, 0, 9, 0);
	JUMP_FAULT(SYSTEM, 0, EMU_GP, SYSTEM);
	put_gate(CODE64, 0x2000, 0, 12, 0);
	JUMP_FAULT(SYSTEM | 1, 0, EMU_GP, SYSTEM);
	*at(GDT + SYSTEM + 5) &= 0x7f;
	JUMP_FAULT(SYSTEM, 0, EMU_NP, SYSTEM);
}

TEST(call_gate_32_with_parameters)
{
	start(INSN_PROT32, false);
	user();
	put_gate(CODE32, 0x12000, 3, 12, 2);
	put64(TSS + 4, (u64)DATA << 32 | 0xa000);
	put64(0x9000, 0x2222222211111111);
	c.regs[GPR_RSP] = 0x9000;
	c.rip = 0x1000;
	RUN("9a000000006300");
	CHECK_EQ(c.rip, 0x12000);
	CHECK_EQ(m.seg[SREG_SS].selector, DATA);
	CHECK_EQ(c.regs[GPR_RSP], 0xa000 - 24);
	CHECK_EQ(mem64(0xa000 - 8), (u64)(DATA_USER | 3) << 32 | 0x9000);
	CHECK_EQ(mem64(0xa000 - 16), 0x2222222211111111);
	CHECK_EQ(mem64(0xa000 - 24), (u64)(CODE32 | 3) << 32 | 0x1007);
	/* and back, the parameters gone from both stacks */
	put_gdt(CODE32, 0x00cffb000000ffff);
	c.cpl = 0;
	c.rip = 0x2000;
	RUN("ca0800");
	CHECK_EQ(c.rip, 0x1007);
	CHECK_EQ(c.regs[GPR_RSP], 0x9008);
	CHECK_EQ(m.seg[SREG_SS].selector, DATA_USER | 3);
	CHECK_EQ(m.seg[SREG_CS].selector, CODE32 | 3);
	CHECK(!m.seg[SREG_DS].present);
}

TEST(call_gate_stack_faults)
{
	start(INSN_PROT32, false);
	user();
	put_gate(CODE32, 0x2000, 3, 12, 0);
	c.regs[GPR_RSP] = 0x9000;
	put64(TSS + 4, 0xa000);
	RUN_FAULT("9a000000006000", EMU_TS, 0);
	put64(TSS + 4, (u64)DATA_USER << 32 | 0xa000);
	RUN_FAULT("9a000000006000", EMU_TS, DATA_USER);
	put64(TSS + 4, (u64)0x80 << 32 | 0xa000);
	RUN_FAULT("9a000000006000", EMU_TS, 0x80);
	put64(TSS + 4, (u64)DATA16 << 32 | 0xa000);
	put_gdt(DATA16, 0x0000930000000fff);
	RUN_FAULT("9a000000006000", EMU_SS, DATA16);
	CHECK_EQ(m.seg[SREG_SS].selector, DATA_USER | 3);
	CHECK_EQ(c.cpl, 3);
	CHECK_EQ(c.mode, INSN_PROT32);
	*at(GDT + DATA16 + 5) &= 0x7f;
	RUN_FAULT("9a000000006000", EMU_SS, DATA16);
	m.seg[SREG_TR].limit = 8;
	RUN_FAULT("9a000000006000", EMU_TS, 0x58);
	CHECK_EQ(count('w'), 0);
}

TEST(iret_64)
{
	start(INSN_LONG64, true);
	c.regs[GPR_RSP] = 0x9000;
	put64(0x9000, 0x1234);
	put64(0x9008, CODE64_USER | 3);
	put64(0x9010, 0x10202);
	put64(0x9018, 0x7000);
	put64(0x9020, DATA_USER | 3);
	RUN("48cf");
	CHECK_EQ(c.rip, 0x1234);
	CHECK_EQ(c.rflags, 0x10202);
	CHECK_EQ(c.regs[GPR_RSP], 0x7000);
	CHECK_EQ(m.seg[SREG_CS].selector, CODE64_USER | 3);
	CHECK_EQ(m.seg[SREG_SS].dpl, 3);
	c.rip = 0x1000;
	c.regs[GPR_RSP] = 0x9000;
	put64(0x9020, 3);
	RUN_FAULT("48cf", EMU_GP, 0);
	put64(0x9020, DATA);
	RUN_FAULT("48cf", EMU_GP, DATA);
	put64(0x9020, DATA_USER | 3);
	put64(0x9000, 0x800000000000);
	RUN_FAULT("48cf", EMU_GP, 0);
	/* the same level: SS and rSP are popped all the same, and SS may be null */
	put64(0x9000, 0x1234);
	put64(0x9008, CODE64);
	put64(0x9020, 0);
	RUN("48cf");
	CHECK_EQ(c.regs[GPR_RSP], 0x7000);
	CHECK(!m.seg[SREG_SS].present);
	c.rflags |= 1 << 14;
	RUN_FAULT("48cf", EMU_GP, 0);
}

TEST(iret_to_vm86)
{
	start(INSN_PROT32, false);
	c.regs[GPR_RSP] = 0x9000;
	put64(0x9000, 0x1000ull << 32 | 0x123);
	put64(0x9008, 0x8000ull << 32 | 0x23202);
	put64(0x9010, 0x3000ull << 32 | 0x2000);
	put64(0x9018, 0x5000ull << 32 | 0x4000);
	put64(0x9020, 0x6000);
	RUN("cf");
	CHECK_EQ(c.rip, 0x123);
	CHECK_EQ(c.rflags, 0x23202);
	CHECK_EQ(m.seg[SREG_CS].base, 0x10000);
	CHECK_EQ(m.seg[SREG_SS].base, 0x20000);
	CHECK_EQ(m.seg[SREG_GS].base, 0x60000);
	CHECK_EQ(m.seg[SREG_ES].dpl, 3);
	CHECK_EQ(c.regs[GPR_RSP], 0x8000);
}

static void query(const char *hex, u16 selector, bool zf, u64 value)
{
	c.regs[GPR_RAX] = selector;
	c.regs[GPR_RCX] = 0x5555555555555555;
	RUN(hex);
	if (!!(c.rflags & ZF) != zf || c.regs[GPR_RCX] != value)
		TAP_FAIL("%s of %#x: flags %#llx rcx %#llx", hex, selector,
			 (unsigned long long)c.rflags, (unsigned long long)c.regs[GPR_RCX]);
}

#define LAR	"0f02c8"
#define LSL	"0f03c8"
#define VERR	"0f00e0"
#define VERW	"0f00e8"
#define SAME	0x5555555555555555

TEST(segment_queries)
{
	start(INSN_LONG64, true);
	query(LAR, DATA, true, 0xcf9300);
	query(LSL, DATA, true, 0xffffffff);
	query(VERR, DATA, true, SAME);
	query(VERW, DATA, true, SAME);
	query(VERW, CODE32, false, SAME);
	query(VERR, CODE32, true, SAME);
	query(LAR, 0, false, SAME);
	query(LAR, 0x80, false, SAME);
	query(LAR, DATA | 3, false, SAME);
	query(LAR, CONFORMING | 3, true, 0xcf9f00);
	put64(GDT + SYSTEM, 0x0000890060000067);
	query(LAR, SYSTEM, true, 0x008900);
	query(LSL, SYSTEM, true, 0x67);
	query(VERR, SYSTEM, false, SAME);
	*at(GDT + SYSTEM + 5) = 0x8c;
	query(LAR, SYSTEM, true, 0x008c00);
	query(LSL, SYSTEM, false, SAME);
	*at(GDT + SYSTEM + 5) = 0x85;
	query(LAR, SYSTEM, false, SAME);
	start(INSN_PROT32, false);
	put64(GDT + SYSTEM, 0x0000850060000067);
	query(LAR, SYSTEM, true, 0x008500);
	query(LSL, SYSTEM, false, SAME);
	m.bad_page = GDT;
	c.regs[GPR_RAX] = DATA;
	RUN_FAULT(LAR, EMU_PF, 0);
}

/* Tables at addresses that are canonical for the processor, not as CR4 stands. */
TEST(tables_not_canonical)
{
	start(INSN_LONG64, true);
	m.gdt.base = 1ULL << 50;
	JUMP_FAULT(CODE64, 0x1800, EMU_GP, 0);
	CHECK_EQ(count('r'), 2);
	c.regs[GPR_RAX] = DATA;
	RUN_FAULT("8ed8", EMU_GP, 0);
	RUN_FAULT(LAR, EMU_GP, 0);
	c.la57 = true;
	JUMP_FAULT(CODE64, 0x1800, EMU_GP, CODE64);
	c.la57 = false;
	m.gdt.base = 0x7fffffffffe0;
	JUMP_FAULT(DATA, 0x1800, EMU_GP, DATA);
	JUMP_FAULT(CODE_LD, 0x1800, EMU_GP, 0);
	start(INSN_LONG64, true);
	user();
	m.seg[SREG_TR].base = 1ULL << 50;
	c.cpl = 3;
	RUN_FAULT("e4f0", EMU_GP, 0);
	CHECK_EQ(count('r'), 0);
}

static void put_idt(u8 vector, u16 code, u32 offset, u8 access, u8 ist, bool wide)
{
	u64 at = 0x5800 + vector * (wide ? 16 : 8);

	m.idt = (struct emulate_dt) { .base = 0x5800, .limit = wide ? 0x1ff : 0xff };
	put64(at, (offset & 0xffff) | (u64)code << 16 | (u64)ist << 32 | (u64)access << 40 |
		  (u64)(offset >> 16) << 48);
	if (wide)
		put64(at + 8, 0);
}

static enum emu_status deliver(u8 vector, bool soft, bool has_error)
{
	const struct emu_event e = {
		.vector = vector, .soft = soft, .has_error = has_error, .error = 0x1234,
	};

	m.logged = 0;
	return emulate_event_delivery(&c, &e);
}

TEST(event_in_32_bits)
{
	start(INSN_PROT32, false);
	c.rflags = 0x10346;
	c.regs[GPR_RSP] = 0x9000;
	put_idt(13, CODE32, 0x12000, 0x8e, 0, false);
	CHECK_EQ(deliver(13, false, true), EMU_DONE);
	CHECK_EQ(c.rip, 0x12000);
	CHECK_EQ(c.rflags, 0x46);
	CHECK_EQ(c.regs[GPR_RSP], 0x8ff0);
	CHECK_EQ(mem64(0x8ff0), 0x1000ull << 32 | 0x1234);
	CHECK_EQ(mem64(0x8ff8), 0x10346ull << 32 | CODE32);
	/* a trap gate, from user mode */
	user();
	put64(TSS + 4, (u64)DATA << 32 | 0xa000);
	put_idt(13, CODE32, 0x2000, 0x8f, 0, false);
	c.rflags = 0x246;
	CHECK_EQ(deliver(13, false, false), EMU_DONE);
	CHECK_EQ(c.rflags, 0x246);
	CHECK_EQ(c.regs[GPR_RSP], 0xa000 - 20);
	CHECK_EQ(mem64(0xa000 - 8), (u64)(DATA_USER | 3) << 32 | 0x8ff0);
	CHECK_EQ(m.seg[SREG_SS].selector, DATA);
	CHECK_EQ(m.seg[SREG_CS].selector, CODE32);
}

TEST(event_in_64_bits)
{
	start(INSN_PROT16, true);
	c.rflags = 0x246;
	c.regs[GPR_RSP] = 0x9004;
	put_idt(13, CODE64, 0x2000, 0x8e, 0, true);
	CHECK_EQ(deliver(13, false, true), EMU_DONE);
	CHECK_EQ(c.rip, 0x2000);
	CHECK_EQ(c.regs[GPR_RSP], 0x9000 - 48);
	CHECK_EQ(mem64(0x9000 - 8), DATA);
	CHECK_EQ(mem64(0x9000 - 16), 0x9004);
	CHECK_EQ(mem64(0x9000 - 24), 0x246);
	CHECK_EQ(mem64(0x9000 - 32), CODE32);
	CHECK_EQ(mem64(0x9000 - 40), 0x1000);
	CHECK_EQ(mem64(0x9000 - 48), 0x1234);
	put_idt(13, CODE64, 0x2000, 0x8e, 2, true);
	put64(TSS + 0x2c, 0xb008);
	CHECK_EQ(deliver(13, false, false), EMU_DONE);
	CHECK_EQ(c.regs[GPR_RSP], 0xb000 - 40);
}

static void event_faults(u8 vector, bool soft, u8 fault, u32 error)
{
	enum emu_status status = deliver(vector, soft, false);

	if (status != EMU_FAULT || c.fault.vector != fault || c.fault.error != error ||
	    c.rip != 0x1000)
		TAP_FAIL("event %u: status %d vector %u error %#x", vector, status,
			 c.fault.vector, c.fault.error);
}

TEST(event_gate_faults)
{
	start(INSN_LONG64, true);
	put_idt(13, CODE64, 0x2000, 0x8e, 0, true);
	event_faults(32, false, EMU_GP, 32 << 3 | 3);
	event_faults(12, false, EMU_GP, 12 << 3 | 3);
	put_idt(13, CODE32, 0x2000, 0x8e, 0, true);
	event_faults(13, false, EMU_GP, CODE32 | 1);
	put_idt(13, CODE_LD, 0x2000, 0x8e, 0, true);
	event_faults(13, true, EMU_GP, CODE_LD);
	put_idt(13, 0, 0x2000, 0x8e, 0, true);
	event_faults(13, false, EMU_GP, 1);
	put_idt(13, CODE64, 0x2000, 0x0e, 0, true);
	event_faults(13, false, EMU_NP, 13 << 3 | 3);
	put_idt(13, CODE64, 0x2000, 0x86, 0, true);
	event_faults(13, false, EMU_GP, 13 << 3 | 3);
	put_idt(13, CODE64, 0x2000, 0x85, 0, true);
	event_faults(13, false, EMU_GP, 13 << 3 | 3);
	put_idt(13, CODE64, 0x2000, 0x8e, 0, true);
	user();
	event_faults(13, true, EMU_GP, 13 << 3 | 2);
	CHECK_EQ(deliver(13, false, false), EMU_DONE);
}
