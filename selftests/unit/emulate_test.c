// SPDX-License-Identifier: GPL-2.0-only
/*
 * The emulator on a small model machine: what random comparison with a processor in user space
 * can't reach. Restart after EMU_EXIT, locked operations, privileged and real-mode instructions.
 */
#define TAP_MAIN
#include "tap.h"
#include "emulate.h"

#define MEM_BYTES	0x200000u
#define RF	(1ULL << 16)
#define TF	(1ULL << 8)
#define IF	(1ULL << 9)
#define ZF	(1ULL << 6)
#define CF	1ULL
#define IOPL3	(3ULL << 12)

struct access {
	char kind;		/* r, w, x (cmpxchg), p (probe), f (fetch), i, o (ports) */
	u64 addr;
	unsigned int bytes, flags;
};

static struct machine {
	u8 mem[MEM_BYTES];
	struct emulate_segment seg[SREG_COUNT];
	u64 cr[16], dr[16], msr_val;
	u32 msr_nr;
	struct emulate_dt gdt, idt;
	u8 xmm[16][16];
	struct access log[2000];
	unsigned int logged;
	u64 bad_page;		/* reads and writes of it fault, if not 0 */
	u64 device_page;	/* reads of it need user space until device_ready */
	bool device_ready;
	unsigned int lose_races;
	unsigned int committed, halted, flushed;
	u64 invlpg_addr;
	u16 loaded_selector;
	enum seg_reg loaded_seg;
	u32 port_val;
} m;

static struct emulate_ctxt c;

static void note(char kind, u64 addr, unsigned int bytes, unsigned int flags)
{
	if (m.logged < sizeof(m.log) / sizeof(m.log[0]))
		m.log[m.logged++] = (struct access) { kind, addr, bytes, flags };
}

static bool touches(u64 addr, unsigned int bytes, u64 page)
{
	return page && addr < page + 0x1000 && addr + bytes > page;
}

static u8 *at(u64 addr)
{
	return m.mem + (addr & (MEM_BYTES - 1));
}

static enum emu_status access_check(u64 addr, unsigned int bytes, u32 error)
{
	if (touches(addr, bytes, m.bad_page))
		return emulate_raise_pf(&c, addr < m.bad_page ? m.bad_page : addr, error);
	return EMU_DONE;
}

static enum emu_status op_fetch(struct emulate_ctxt *ctxt, gva_t addr, void *buf,
				unsigned int bytes)
{
	(void)ctxt;
	note('f', addr, bytes, 0);
	CHECK((addr & 0xfff) + bytes <= 0x1000);
	if (touches(addr, bytes, m.bad_page))
		return emulate_raise_pf(&c, addr, 0x10);
	memcpy(buf, at(addr), bytes);
	return EMU_DONE;
}

static enum emu_status op_read(struct emulate_ctxt *ctxt, gva_t addr, void *buf,
			       unsigned int bytes, unsigned int flags)
{
	enum emu_status status = access_check(addr, bytes, flags & EMU_ACC_RMW ? 2 : 0);

	(void)ctxt;
	note('r', addr, bytes, flags);
	if (status)
		return status;
	if (touches(addr, bytes, m.device_page) && !m.device_ready)
		return EMU_EXIT;
	memcpy(buf, at(addr), bytes);
	return EMU_DONE;
}

static enum emu_status op_write(struct emulate_ctxt *ctxt, gva_t addr, const void *buf,
				unsigned int bytes, unsigned int flags)
{
	enum emu_status status = access_check(addr, bytes, 2);

	(void)ctxt;
	note('w', addr, bytes, flags);
	if (status)
		return status;
	if (touches(addr, bytes, m.device_page) && !m.device_ready)
		return EMU_EXIT;
	memcpy(at(addr), buf, bytes);
	return EMU_DONE;
}

static enum emu_status op_probe(struct emulate_ctxt *ctxt, gva_t addr, unsigned int bytes,
				unsigned int flags)
{
	(void)ctxt;
	note('p', addr, bytes, flags);
	return access_check(addr, bytes, 2);
}

static enum emu_status op_cmpxchg(struct emulate_ctxt *ctxt, gva_t addr, void *old,
				  const void *new, unsigned int bytes, bool *swapped)
{
	(void)ctxt;
	note('x', addr, bytes, 0);
	if (m.lose_races) {
		m.lose_races--;
		(*at(addr))++;
	}
	*swapped = !memcmp(at(addr), old, bytes);
	memcpy(*swapped ? at(addr) : old, *swapped ? new : at(addr), bytes);
	return EMU_DONE;
}

static void op_committed(struct emulate_ctxt *ctxt)
{
	(void)ctxt;
	m.committed++;
}

static enum emu_status op_in(struct emulate_ctxt *ctxt, u16 port, void *buf, unsigned int bytes)
{
	(void)ctxt;
	note('i', port, bytes, 0);
	memcpy(buf, &m.port_val, bytes);
	return EMU_DONE;
}

static enum emu_status op_out(struct emulate_ctxt *ctxt, u16 port, const void *buf,
			      unsigned int bytes)
{
	(void)ctxt;
	note('o', port, bytes, 0);
	memcpy(&m.port_val, buf, bytes);
	return EMU_DONE;
}

static void op_get_segment(struct emulate_ctxt *ctxt, enum seg_reg reg, struct emulate_segment *seg)
{
	(void)ctxt;
	*seg = m.seg[reg];
}

static enum emu_status op_set_segment(struct emulate_ctxt *ctxt, enum seg_reg reg,
				      const struct emulate_segment *seg)
{
	(void)ctxt;
	m.seg[reg] = *seg;
	return EMU_DONE;
}

static enum emu_status op_load_segment(struct emulate_ctxt *ctxt, enum seg_reg reg, u16 selector)
{
	(void)ctxt;
	m.loaded_seg = reg;
	m.loaded_selector = selector;
	return EMU_DONE;
}

static enum emu_status op_read_cr(struct emulate_ctxt *ctxt, unsigned int nr, u64 *val)
{
	(void)ctxt;
	*val = m.cr[nr];
	return EMU_DONE;
}

static enum emu_status op_write_cr(struct emulate_ctxt *ctxt, unsigned int nr, u64 val)
{
	if (nr == 3 && val >> 52)
		return emulate_raise(ctxt, EMU_GP, 0);
	m.cr[nr] = val;
	return EMU_DONE;
}

static enum emu_status op_read_dr(struct emulate_ctxt *ctxt, unsigned int nr, u64 *val)
{
	(void)ctxt;
	*val = m.dr[nr];
	return EMU_DONE;
}

static enum emu_status op_write_dr(struct emulate_ctxt *ctxt, unsigned int nr, u64 val)
{
	(void)ctxt;
	m.dr[nr] = val;
	return EMU_DONE;
}

static enum emu_status op_read_msr(struct emulate_ctxt *ctxt, u32 msr, u64 *val)
{
	if (msr == 0xdead)
		return emulate_raise(ctxt, EMU_GP, 0);
	*val = m.msr_val;
	return EMU_DONE;
}

static enum emu_status op_write_msr(struct emulate_ctxt *ctxt, u32 msr, u64 val)
{
	(void)ctxt;
	m.msr_nr = msr;
	m.msr_val = val;
	return EMU_DONE;
}

static enum emu_status op_cpuid(struct emulate_ctxt *ctxt, u32 regs[4])
{
	(void)ctxt;
	regs[3] = regs[0] + 3;
	regs[2] = regs[0] + 2;
	regs[1] = regs[0] + 1;
	return EMU_DONE;
}

static enum emu_status op_rdtsc(struct emulate_ctxt *ctxt, u64 *tsc)
{
	(void)ctxt;
	*tsc = 0x1122334455667788;
	return EMU_DONE;
}

static enum emu_status op_get_dt(struct emulate_ctxt *ctxt, bool idt, struct emulate_dt *dt)
{
	(void)ctxt;
	*dt = idt ? m.idt : m.gdt;
	return EMU_DONE;
}

static enum emu_status op_set_dt(struct emulate_ctxt *ctxt, bool idt, const struct emulate_dt *dt)
{
	(void)ctxt;
	*(idt ? &m.idt : &m.gdt) = *dt;
	return EMU_DONE;
}

static enum emu_status op_read_xmm(struct emulate_ctxt *ctxt, unsigned int nr, void *val)
{
	(void)ctxt;
	memcpy(val, m.xmm[nr], 16);
	return EMU_DONE;
}

static enum emu_status op_write_xmm(struct emulate_ctxt *ctxt, unsigned int nr, const void *val)
{
	(void)ctxt;
	memcpy(m.xmm[nr], val, 16);
	return EMU_DONE;
}

static enum emu_status op_hlt(struct emulate_ctxt *ctxt)
{
	(void)ctxt;
	m.halted++;
	return EMU_DONE;
}

static enum emu_status op_invlpg(struct emulate_ctxt *ctxt, gva_t addr)
{
	(void)ctxt;
	m.invlpg_addr = addr;
	m.flushed++;
	return EMU_DONE;
}

static enum emu_status op_wbinvd(struct emulate_ctxt *ctxt)
{
	(void)ctxt;
	m.flushed++;
	return EMU_DONE;
}

static const struct emulate_ops ops = {
	.fetch = op_fetch, .read = op_read, .write = op_write, .cmpxchg = op_cmpxchg,
	.probe = op_probe, .committed = op_committed, .io_in = op_in, .io_out = op_out,
	.get_segment = op_get_segment, .set_segment = op_set_segment,
	.load_segment = op_load_segment, .read_cr = op_read_cr, .write_cr = op_write_cr,
	.read_dr = op_read_dr, .write_dr = op_write_dr, .read_msr = op_read_msr,
	.write_msr = op_write_msr, .cpuid = op_cpuid, .rdtsc = op_rdtsc, .get_dt = op_get_dt,
	.set_dt = op_set_dt, .read_xmm = op_read_xmm, .write_xmm = op_write_xmm, .hlt = op_hlt,
	.invlpg = op_invlpg, .wbinvd = op_wbinvd,
};

static void flat_segments(bool db)
{
	unsigned int i;

	for (i = 0; i < SREG_COUNT; i++)
		m.seg[i] = (struct emulate_segment) {
			.limit = 0xffffffff, .type = i == SREG_CS ? 11 : 3, .s = true,
			.present = true, .db = db, .g = true,
		};
}

static void real_segments(void)
{
	unsigned int i;

	for (i = 0; i < SREG_COUNT; i++)
		m.seg[i] = (struct emulate_segment) {
			.limit = 0xffff, .type = 3, .s = true, .present = true,
		};
}

/* A machine at CPL 0 with the code at 0x1000 and everything else 0. */
static void reset(enum insn_mode mode)
{
	memset(&m, 0, sizeof(m));
	memset(&c, 0, sizeof(c));
	c.ops = &ops;
	c.mode = mode;
	c.rip = 0x1000;
	c.rflags = 2;
	m.cr[0] = 0x80000011;
	m.cr[4] = 0x200;
	if (mode <= INSN_VM86)
		real_segments();
	else
		flat_segments(mode == INSN_PROT32);
	if (mode == INSN_VM86)
		c.cpl = 3;
	c.regs[GPR_RSP] = 0x8000;
}

static unsigned int code(const char *hex)
{
	u64 addr = c.mode == INSN_LONG64 ? c.rip : m.seg[SREG_CS].base + c.rip;
	unsigned int n, byte;

	for (n = 0; sscanf(hex + 2 * n, "%2x", &byte) == 1; n++)
		*at(addr + n) = byte;
	return n;
}

static enum emu_status run(const char *hex)
{
	code(hex);
	c.code_len = 0;
	m.logged = 0;
	return emulate(&c);
}

#define RUN(hex) CHECK_EQ(run(hex), EMU_DONE)

#define RUN_FAULT(hex, vec, err)					\
	do {								\
		CHECK_EQ(run(hex), EMU_FAULT);				\
		CHECK_EQ(c.fault.vector, vec);				\
		CHECK_EQ(c.fault.error, err);				\
	} while (0)

static u64 mem64(u64 addr)
{
	u64 val;

	memcpy(&val, at(addr), 8);
	return val;
}

static u32 mem32(u64 addr)
{
	return mem64(addr);
}

static void put64(u64 addr, u64 val)
{
	memcpy(at(addr), &val, 8);
}

static const struct access *last(char kind)
{
	unsigned int i = m.logged;

	while (i--)
		if (m.log[i].kind == kind)
			return &m.log[i];
	TAP_FAIL("no access of kind %c", kind);
}

static unsigned int count(char kind)
{
	unsigned int i, n = 0;

	for (i = 0; i < m.logged; i++)
		n += m.log[i].kind == kind;
	return n;
}

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
	own = ops;
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
	CHECK_EQ(run("66ea005000006000"), EMU_UNHANDLED);
	CHECK_EQ(m.seg[SREG_CS].selector, 8);
	CHECK_EQ(c.rip, 0x1000);
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

/* A NULL op: the instruction is not handled, and nothing crashes. */
TEST(missing_ops)
{
	static const struct emulate_ops few = {
		.fetch = op_fetch, .read = op_read, .write = op_write,
		.get_segment = op_get_segment,
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
