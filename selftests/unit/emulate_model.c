// SPDX-License-Identifier: GPL-2.0-only
/* A small model machine around the emulator; it logs what the emulator asks for. */
#include "emulate_model.h"

struct emulated_machine m;
struct emulate_ctxt c;

static void note(char kind, u64 addr, unsigned int bytes, unsigned int flags)
{
	if (m.logged < sizeof(m.log) / sizeof(m.log[0]))
		m.log[m.logged++] = (struct access) { kind, addr, bytes, flags };
}

static bool touches(u64 addr, unsigned int bytes, u64 page)
{
	return page && addr < page + 0x1000 && addr + bytes > page;
}

static void watch(u64 addr, unsigned int bytes, unsigned int flags)
{
	if (m.watched && !(flags & EMU_ACC_SYSTEM) && m.watched - addr < bytes)
		c.traps |= 1;
}

u8 *at(u64 addr)
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
	watch(addr, bytes, flags);
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
	watch(addr, bytes, flags);
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

static enum emu_status op_io_block(struct emulate_ctxt *ctxt, u16 port, bool in, gva_t addr,
				   unsigned int bytes, unsigned int *count)
{
	(void)ctxt;
	(void)port;
	if (*count > m.block_max)
		*count = m.block_max;
	if (!m.block_max)
		return EMU_DONE;
	note('b', addr, *count * bytes, 0);
	if (in)
		memset(at(addr), 0x77, *count * bytes);
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

static enum emu_status op_invpcid(struct emulate_ctxt *ctxt, u64 type, u64 pcid, gva_t addr)
{
	(void)ctxt;
	m.invpcid_type = type;
	m.invpcid[0] = pcid;
	m.invpcid[1] = addr;
	return EMU_DONE;
}

static enum emu_status op_wbinvd(struct emulate_ctxt *ctxt)
{
	(void)ctxt;
	m.flushed++;
	return EMU_DONE;
}

const struct emulate_ops model_ops = {
	.fetch = op_fetch, .read = op_read, .write = op_write, .cmpxchg = op_cmpxchg,
	.probe = op_probe, .committed = op_committed, .io_in = op_in, .io_out = op_out,
	.io_block = op_io_block,
	.get_segment = op_get_segment, .set_segment = op_set_segment,
	.load_segment = op_load_segment, .read_cr = op_read_cr, .write_cr = op_write_cr,
	.read_dr = op_read_dr, .write_dr = op_write_dr, .read_msr = op_read_msr,
	.write_msr = op_write_msr, .cpuid = op_cpuid, .rdtsc = op_rdtsc, .get_dt = op_get_dt,
	.set_dt = op_set_dt, .read_xmm = op_read_xmm, .write_xmm = op_write_xmm, .hlt = op_hlt,
	.invlpg = op_invlpg, .invpcid = op_invpcid, .wbinvd = op_wbinvd,
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

void reset(enum insn_mode mode)
{
	memset(&m, 0, sizeof(m));
	memset(&c, 0, sizeof(c));
	c.ops = &model_ops;
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

unsigned int code(const char *hex)
{
	u64 addr = c.mode == INSN_LONG64 ? c.rip : m.seg[SREG_CS].base + c.rip;
	unsigned int n, byte;

	for (n = 0; sscanf(hex + 2 * n, "%2x", &byte) == 1; n++)
		*at(addr + n) = byte;
	return n;
}

enum emu_status run(const char *hex)
{
	code(hex);
	c.code_len = 0;
	m.logged = 0;
	return emulate(&c);
}

u64 mem64(u64 addr)
{
	u64 val;

	memcpy(&val, at(addr), 8);
	return val;
}

u32 mem32(u64 addr)
{
	return mem64(addr);
}

void put64(u64 addr, u64 val)
{
	memcpy(at(addr), &val, 8);
}

const struct access *last(char kind)
{
	unsigned int i = m.logged;

	while (i--)
		if (m.log[i].kind == kind)
			return &m.log[i];
	TAP_FAIL("no access of kind %c", kind);
}

unsigned int count(char kind)
{
	unsigned int i, n = 0;

	for (i = 0; i < m.logged; i++)
		n += m.log[i].kind == kind;
	return n;
}
