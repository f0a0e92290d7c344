// SPDX-License-Identifier: GPL-2.0-only
/* Exceptions and interrupts that software delivers in IA-32e mode. */
#include "emulate_model.h"

#define IDT	0x20000ul
#define GDT	0x21000ul
#define TSS	0x22000ul
#define STACK0	0x40000ul
#define IST3	0x50000ul
#define HANDLER	0xffff800000001234ul
#define CODE64	0x00209b0000000000ul
#define NOWHERE	(1ull << 63)

static void put_gate(u8 vector, u16 selector, u8 type, u8 ist, u64 target)
{
	put64(IDT + 16 * vector, (target & 0xffff) | (u64)selector << 16 | (u64)ist << 32 |
	      (u64)type << 40 | (target >> 16 & 0xffff) << 48);
	put64(IDT + 16 * vector + 8, target >> 32);
}

static void begin(u8 cpl)
{
	reset(INSN_LONG64);
	c.cpl = cpl;
	c.rip = 0x800000000000;
	c.rflags = 2 | IF | TF | RF | IOPL3;
	c.regs[GPR_RSP] = 0x8004;
	m.idt = (struct emulate_dt){ .base = IDT, .limit = 0x20 * 16 - 1 };
	m.gdt = (struct emulate_dt){ .base = GDT, .limit = 0x2f };
	m.seg[SREG_TR] = (struct emulate_segment){ .base = TSS, .limit = 103, .selector = 0x28,
						   .type = 11, .present = true };
	m.seg[SREG_CS].selector = cpl ? 0x33 : 0x10;
	m.seg[SREG_SS].selector = cpl ? 0x2b : 0x18;
	put64(GDT + 0x10, CODE64);
	put64(TSS + 4, STACK0);
	put64(TSS + 36 + 16, IST3);
	put_gate(EMU_GP, 0x10, 0x8e, 0, HANDLER);
}

static void delivered(u64 rsp, u64 old_rsp, u16 ss, u16 cs)
{
	CHECK_EQ(c.regs[GPR_RSP], rsp);
	CHECK_EQ(mem64(rsp), 0x55);
	CHECK_EQ(mem64(rsp + 8), 0x800000000000);
	CHECK_EQ(mem64(rsp + 16), cs);
	CHECK_EQ(mem64(rsp + 24), 2 | IF | TF | RF | IOPL3);
	CHECK_EQ(mem64(rsp + 32), old_rsp);
	CHECK_EQ(mem64(rsp + 40), ss);
	CHECK_EQ(c.rip, HANDLER);
	CHECK_EQ(c.rflags & (TF | RF), 0);
}

static enum emu_status deliver(void)
{
	return emulate_event_delivery(&c, &(struct emu_event){
		.vector = EMU_GP, .has_error = true, .error = 0x55 });
}

#define RAISES(vec, err)					\
	do {							\
		u64 rsp_ = c.regs[GPR_RSP];			\
		CHECK_EQ(deliver(), EMU_FAULT);			\
		CHECK_EQ(c.fault.vector, vec);			\
		CHECK_EQ(c.fault.error, err);			\
		CHECK_EQ(c.rip, 0x800000000000);		\
		CHECK_EQ(c.regs[GPR_RSP], rsp_);		\
	} while (0)

TEST(deliver_at_cpl_0)
{
	begin(0);
	CHECK_EQ(deliver(), EMU_DONE);
	delivered(0x8000 - 48, 0x8004, 0x18, 0x10);
	CHECK_EQ(c.rflags & IF, 0);
	CHECK_EQ(m.seg[SREG_SS].selector, 0x18);
	CHECK(m.seg[SREG_CS].l);
}

TEST(deliver_through_a_trap_gate)
{
	begin(0);
	put_gate(EMU_GP, 0x10, 0x8f, 0, HANDLER);
	CHECK_EQ(deliver(), EMU_DONE);
	CHECK_EQ(c.rflags & IF, IF);
	begin(0);
	put_gate(3, 0x10, 0x8f, 0, HANDLER);
	CHECK_EQ(emulate_event_delivery(&c, &(struct emu_event){ .vector = 3 }), EMU_DONE);
	CHECK_EQ(c.regs[GPR_RSP], 0x8000 - 40);
}

TEST(deliver_from_cpl_3)
{
	begin(3);
	CHECK_EQ(deliver(), EMU_DONE);
	delivered(STACK0 - 48, 0x8004, 0x2b, 0x33);
	CHECK_EQ(m.seg[SREG_CS].selector, 0x10);
	CHECK_EQ(m.seg[SREG_SS].selector, 0);
	CHECK(!m.seg[SREG_SS].present);
}

TEST(deliver_on_an_ist_stack)
{
	begin(3);
	put_gate(EMU_GP, 0x13, 0x8e, 3, HANDLER);
	CHECK_EQ(deliver(), EMU_DONE);
	delivered(IST3 - 48, 0x8004, 0x2b, 0x33);
	CHECK_EQ(m.seg[SREG_CS].selector, 0x10);
}

TEST(deliver_sets_the_accessed_bit)
{
	begin(0);
	put64(GDT + 0x10, 0x00209a0000000000);
	CHECK_EQ(deliver(), EMU_DONE);
	CHECK_EQ(mem64(GDT + 0x10), CODE64);
}

TEST(deliver_through_bad_gates)
{
	begin(0);
	m.idt.limit = EMU_GP * 16 + 14;
	RAISES(EMU_GP, EMU_GP * 8 + 3);
	begin(0);
	put_gate(EMU_GP, 0x10, 0x0e, 0, HANDLER);
	RAISES(EMU_NP, EMU_GP * 8 + 3);
	begin(0);
	put_gate(EMU_GP, 0x10, 0x85, 0, HANDLER);
	RAISES(EMU_GP, EMU_GP * 8 + 3);
	begin(0);
	put_gate(EMU_GP, 0x10, 0x9e, 0, HANDLER);
	RAISES(EMU_GP, EMU_GP * 8 + 3);
	begin(0);
	put_gate(EMU_GP, 3, 0x8e, 0, HANDLER);
	RAISES(EMU_GP, 1);
	begin(0);
	put_gate(EMU_GP, 0x10, 0x8e, 0, NOWHERE);
	RAISES(EMU_GP, 1);
}

TEST(deliver_to_bad_code)
{
	static const u64 bad[] = {
		0x0020930000000000, 0x00409b0000000000, 0x00609b0000000000, 0x0020fb0000000000,
		0x00208b0000000000,
	};
	unsigned int i;

	for (i = 0; i < 5; i++) {
		begin(0);
		put64(GDT + 0x10, bad[i]);
		RAISES(EMU_GP, 0x11);
	}
	begin(0);
	put64(GDT + 0x10, 0x00201b0000000000);
	RAISES(EMU_NP, 0x11);
	begin(0);
	m.gdt.limit = 0x16;
	RAISES(EMU_GP, 0x11);
	begin(0);
	put_gate(EMU_GP, 0x14, 0x8e, 0, HANDLER);
	m.seg[SREG_LDTR].present = false;
	RAISES(EMU_GP, 0x15);
}

TEST(deliver_on_bad_stacks)
{
	begin(0);
	c.regs[GPR_RSP] = NOWHERE;
	RAISES(EMU_SS, 1);
	begin(3);
	m.seg[SREG_TR].limit = 10;
	RAISES(EMU_TS, 0x29);
	begin(3);
	put64(TSS + 4, NOWHERE);
	RAISES(EMU_SS, 1);
	begin(0);
	m.bad_page = 0x7000;
	RAISES(EMU_PF, 2);
}

/* The fetch from an address that is not canonical, or that becomes so within an instruction. */
TEST(fetch_beyond_the_canonical_addresses)
{
	reset(INSN_LONG64);
	c.rip = 0x800000000000;
	CHECK_EQ(emulate(&c), EMU_FAULT);
	CHECK_EQ(c.fault.vector, EMU_GP);
	CHECK_EQ(c.fault.error, 0);
	reset(INSN_LONG64);
	c.rip = 0x7fffffffffff;
	RUN_FAULT("0f", EMU_GP, 0);
	CHECK_EQ(c.rip, 0x7fffffffffff);
	reset(INSN_LONG64);
	c.la57 = true;
	c.rip = 0x800000000000;
	RUN("90");
	reset(INSN_LONG64);
	c.rip = 0x7fffffffffff;
	RUN("90");
	CHECK_EQ(c.rip, 0x800000000000);
}
