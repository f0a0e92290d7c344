// SPDX-License-Identifier: GPL-2.0-only
/*
 * libFuzzer: hostile instructions on hostile state. The input is the mode, then answers of the
 * ops and the registers, then the code. Checked: the sanitizers, and that nothing is committed
 * unless the instruction is done.
 */
#include <stdlib.h>
#include <string.h>
#include "emulate.h"

static const u8 *input;
static size_t left;

static u8 next_byte(void)
{
	if (!left)
		return 0;
	left--;
	return *input++;
}

static void next_bytes(void *buf, unsigned int bytes)
{
	unsigned int i;

	for (i = 0; i < bytes; i++)
		((u8 *)buf)[i] = next_byte();
}

static void must(bool condition)
{
	if (!condition)
		abort();
}

/* One access in eight is not simply done. */
static enum emu_status answer(struct emulate_ctxt *ctxt)
{
	u8 byte = next_byte();

	if (byte & 7)
		return EMU_DONE;
	switch (byte >> 3 & 3) {
	case 0: return EMU_EXIT;
	case 1: return emulate_raise_pf(ctxt, byte, byte);
	case 2: return EMU_UNHANDLED;
	default: return EMU_RETRY;
	}
}

static void check_range(const struct emulate_ctxt *ctxt, gva_t addr, unsigned int bytes)
{
	must(bytes >= 1 && bytes <= 32);
	if (ctxt->mode != INSN_LONG64)
		must(addr + bytes <= 0x100000000);
}

static enum emu_status op_fetch(struct emulate_ctxt *ctxt, gva_t addr, void *buf,
				unsigned int bytes)
{
	must(bytes <= INSN_MAX_BYTES && (addr & 0xfff) + bytes <= 0x1000);
	next_bytes(buf, bytes);
	return left ? EMU_DONE : answer(ctxt);
}

static enum emu_status op_read(struct emulate_ctxt *ctxt, gva_t addr, void *buf,
			       unsigned int bytes, unsigned int flags)
{
	if (!(flags & EMU_ACC_SYSTEM))
		check_range(ctxt, addr, bytes);
	next_bytes(buf, bytes);
	return answer(ctxt);
}

static enum emu_status op_write(struct emulate_ctxt *ctxt, gva_t addr, const void *buf,
				unsigned int bytes, unsigned int flags)
{
	u8 copy[32];

	if (!(flags & EMU_ACC_SYSTEM))
		check_range(ctxt, addr, bytes);
	memcpy(copy, buf, bytes);
	return answer(ctxt);
}

static enum emu_status op_probe(struct emulate_ctxt *ctxt, gva_t addr, unsigned int bytes,
				unsigned int flags)
{
	(void)flags;
	check_range(ctxt, addr, bytes);
	return answer(ctxt);
}

static enum emu_status op_cmpxchg(struct emulate_ctxt *ctxt, gva_t addr, void *old,
				  const void *new, unsigned int bytes, bool *swapped)
{
	u8 copy[16];

	must(bytes <= 16);
	check_range(ctxt, addr, bytes);
	memcpy(copy, new, bytes);
	*swapped = next_byte() & 1;
	if (!*swapped)
		next_bytes(old, bytes);
	return answer(ctxt);
}

static enum emu_status op_in(struct emulate_ctxt *ctxt, u16 port, void *buf, unsigned int bytes)
{
	(void)port;
	must(bytes == 1 || bytes == 2 || bytes == 4);
	next_bytes(buf, bytes);
	return answer(ctxt);
}

static enum emu_status op_out(struct emulate_ctxt *ctxt, u16 port, const void *buf,
			      unsigned int bytes)
{
	(void)port, (void)buf;
	must(bytes == 1 || bytes == 2 || bytes == 4);
	return answer(ctxt);
}

static void op_get_segment(struct emulate_ctxt *ctxt, enum seg_reg reg, struct emulate_segment *seg)
{
	u8 attr = next_byte();

	(void)ctxt;
	must(reg < SREG_COUNT);
	*seg = (struct emulate_segment) {
		.type = attr & 15, .s = attr & 16, .present = !(attr & 32), .db = attr & 64,
		.limit = attr & 128 ? 0xffffffff : 0xffff,
	};
	next_bytes(&seg->base, ctxt->mode == INSN_LONG64 ? 8 : 4);
}

static enum emu_status op_set_segment(struct emulate_ctxt *ctxt, enum seg_reg reg,
				      const struct emulate_segment *seg)
{
	(void)seg;
	must(reg < SREG_COUNT);
	return answer(ctxt);
}

static enum emu_status op_load_segment(struct emulate_ctxt *ctxt, enum seg_reg reg, u16 selector)
{
	(void)selector;
	must(reg < SREG_COUNT);
	return answer(ctxt);
}

static enum emu_status op_read_reg(struct emulate_ctxt *ctxt, unsigned int nr, u64 *val)
{
	must(nr < 16);
	next_bytes(val, 8);
	return answer(ctxt);
}

static enum emu_status op_write_reg(struct emulate_ctxt *ctxt, unsigned int nr, u64 val)
{
	(void)val;
	must(nr < 16);
	return answer(ctxt);
}

static enum emu_status op_get_dt(struct emulate_ctxt *ctxt, bool idt, struct emulate_dt *dt)
{
	(void)idt;
	next_bytes(&dt->base, 8);
	next_bytes(&dt->limit, 2);
	return answer(ctxt);
}

static enum emu_status op_read_xmm(struct emulate_ctxt *ctxt, unsigned int nr, void *val)
{
	must(nr < 16);
	next_bytes(val, 16);
	return answer(ctxt);
}

static enum emu_status op_write_xmm(struct emulate_ctxt *ctxt, unsigned int nr, const void *val)
{
	u8 copy[16];

	must(nr < 16);
	memcpy(copy, val, 16);
	return answer(ctxt);
}

static const struct emulate_ops ops = {
	.fetch = op_fetch, .read = op_read, .write = op_write, .probe = op_probe,
	.cmpxchg = op_cmpxchg, .io_in = op_in, .io_out = op_out, .get_segment = op_get_segment,
	.set_segment = op_set_segment, .load_segment = op_load_segment,
	.read_cr = op_read_reg, .write_cr = op_write_reg, .read_dr = op_read_reg,
	.write_dr = op_write_reg, .get_dt = op_get_dt,
	.read_xmm = op_read_xmm, .write_xmm = op_write_xmm,
};

static void check_outcome(const struct emulate_ctxt *before, const struct emulate_ctxt *after,
			  enum emu_status status)
{
	bool string = after->decoded && after->insn.op >= OP_MOVS && after->insn.op <= OP_OUTS;

	must(status <= EMU_RETRY);
	if (after->decoded)
		must(after->insn.length >= 1 && after->insn.length <= INSN_MAX_BYTES);
	if (status == EMU_FAULT)
		must(after->fault.vector < 32);
	if (status == EMU_DONE)
		return;
	must(after->rip == before->rip && !after->shadow && !after->tf_trap);
	must(string || !memcmp(after->regs, before->regs, sizeof(after->regs)));
	must(string || after->rflags == before->rflags);
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	struct emulate_ctxt before = { .ops = &ops }, ctxt;
	struct emulate_ops own = ops;
	unsigned int i;

	input = data;
	left = size;
	before.mode = next_byte() % 5;
	own.load_segment = NULL;
	if (next_byte() & 1)
		before.ops = &own;
	before.cpl = next_byte() & 3;
	before.code_len = next_byte() % (INSN_MAX_BYTES + 1);
	next_bytes(before.code, before.code_len);
	for (i = 0; i < GPR_COUNT; i++)
		next_bytes(&before.regs[i], next_byte() & 1 ? 8 : 2);
	next_bytes(&before.rip, before.mode == INSN_LONG64 ? 8 : 2);
	next_bytes(&before.rflags, 4);
	ctxt = before;
	check_outcome(&before, &ctxt, emulate(&ctxt));
	return 0;
}
