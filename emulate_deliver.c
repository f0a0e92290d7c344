// SPDX-License-Identifier: GPL-2.0-only
/*
 * Delivering an exception or interrupt in IA-32e mode, where the processor can't be entered for it.
 * All is read and checked before anything is written. Intel SDM volume 3A 6.14, AMD APM 2 8.9.
 */
#include "emulate_impl.h"

#define EXT		1u		/* of error codes: not caused by INT n */
#define IN_IDT		2u

#define GATE_BYTES	16
#define GATE_IRQ	0xeu
#define GATE_TRAP	0xfu

#define TSS_RSP0	4u
#define TSS_IST1	36u
#define FRAME		5		/* quadwords, then the error code */

struct gate {
	u64 target;
	u16 selector;
	u8 ist, type;
	bool present;
};

static enum emu_status read_system(struct emulate_ctxt *ctxt, u64 addr, void *buf,
				   unsigned int bytes)
{
	return ctxt->ops->read(ctxt, addr, buf, bytes, EMU_ACC_SYSTEM);
}

static enum emu_status read_gate(struct emulate_ctxt *ctxt, u8 vector, struct gate *gate)
{
	u32 offset = vector * GATE_BYTES, error = vector * 8u + IN_IDT + EXT;
	struct emulate_dt idt;
	enum emu_status status;
	u64 raw[2];

	status = ctxt->ops->get_dt(ctxt, true, &idt);
	if (status)
		return status;
	if (offset + GATE_BYTES - 1 > idt.limit)
		return emulate_raise(ctxt, EMU_GP, error);
	status = read_system(ctxt, idt.base + offset, raw, sizeof(raw));
	if (status)
		return status;
	*gate = (struct gate) {
		.target = (raw[0] & 0xffff) | (raw[0] >> 48) << 16 | raw[1] << 32,
		.selector = raw[0] >> 16, .ist = raw[0] >> 32 & 7, .type = raw[0] >> 40 & 0x1f,
		.present = raw[0] >> 47 & 1,
	};
	if (gate->type != GATE_IRQ && gate->type != GATE_TRAP)
		return emulate_raise(ctxt, EMU_GP, error);
	return gate->present ? EMU_DONE : emulate_raise(ctxt, EMU_NP, error);
}

/* The handler's code segment: of 64 bits, and no less privileged. */
static enum emu_status read_code(struct emulate_ctxt *ctxt, u16 selector, struct descriptor *code)
{
	enum emu_status status;

	if (is_null(selector))
		return emulate_raise(ctxt, EMU_GP, EXT);
	*code = (struct descriptor) { .selector = selector };
	status = emu_read_descriptor(ctxt, code, EMU_GP);
	if (!status && (!emu_is_code(ctxt, code) || !code->seg.l || code->seg.dpl > ctxt->cpl))
		status = emu_selector_fault(ctxt, EMU_GP, selector);
	if (!status && !code->seg.present)
		status = emu_selector_fault(ctxt, EMU_NP, selector);
	if (status == EMU_FAULT && ctxt->fault.vector != EMU_PF)
		ctxt->fault.error |= EXT;
	return status;
}

static enum emu_status read_stack(struct emulate_ctxt *ctxt, unsigned int offset, u64 *rsp)
{
	struct emulate_segment tss;

	ctxt->ops->get_segment(ctxt, SREG_TR, &tss);
	if (offset + 7 > tss.limit)
		return emulate_raise(ctxt, EMU_TS, (tss.selector & ~SEL_RPL) | EXT);
	return read_system(ctxt, tss.base + offset, rsp, sizeof(*rsp));
}

static enum emu_status find_stack(struct emulate_ctxt *ctxt, const struct gate *gate, u8 cpl,
				  u64 *rsp)
{
	enum emu_status status = EMU_DONE;

	*rsp = ctxt->regs[GPR_RSP];
	if (gate->ist)
		status = read_stack(ctxt, TSS_IST1 + 8 * (gate->ist - 1u), rsp);
	else if (cpl < ctxt->cpl)
		status = read_stack(ctxt, TSS_RSP0 + 8 * cpl, rsp);
	*rsp &= ~15ull;
	return status;
}

/* All of the frame or nothing, with the privilege of the handler. */
static enum emu_status push_frame(struct emulate_ctxt *ctxt, u8 cpl, u64 *rsp, const u64 *frame,
				  unsigned int n)
{
	u64 to = *rsp - 8 * n;
	enum emu_status status = EMU_DONE;
	unsigned int i;

	if (!emu_is_canonical(ctxt, to) || !emu_is_canonical(ctxt, *rsp - 1))
		return emulate_raise(ctxt, EMU_SS, EXT);
	ctxt->cpl = cpl;
	if (ctxt->ops->probe)
		status = ctxt->ops->probe(ctxt, to, 8 * n, 0);
	for (i = 0; i < n && !status; i++)
		status = ctxt->ops->write(ctxt, to + 8 * i, &frame[n - 1 - i], 8, 0);
	*rsp = to;
	return status;
}

static enum emu_status enter_handler(struct emulate_ctxt *ctxt, const struct gate *gate,
				     struct descriptor *code, u8 cpl, bool outer)
{
	const struct emulate_segment no_stack = { .selector = cpl, .dpl = cpl };
	enum emu_status status = emu_mark_used(ctxt, code);

	code->seg.selector = (gate->selector & ~SEL_RPL) | cpl;
	if (!status)
		status = ctxt->ops->set_segment(ctxt, SREG_CS, &code->seg);
	if (!status && outer)
		status = ctxt->ops->set_segment(ctxt, SREG_SS, &no_stack);
	if (status)
		return status;
	ctxt->rflags &= ~(FL_TF | FL_NT | FL_RF | FL_VM);
	if (gate->type == GATE_IRQ)
		ctxt->rflags &= ~FL_IF;
	ctxt->rip = gate->target;
	return EMU_DONE;
}

enum emu_status emulate_deliver(struct emulate_ctxt *ctxt, u8 vector, bool has_error, u32 error)
{
	u64 frame[FRAME + 1] = { [2] = ctxt->rflags, [4] = ctxt->rip, [5] = error }, rsp;
	struct emulate_segment cs, ss;
	enum emu_status status;
	u8 old = ctxt->cpl, cpl;
	struct gate gate;
	struct descriptor code;

	ctxt->mode = INSN_LONG64;	/* linear addresses are cut no more */
	ctxt->ops->get_segment(ctxt, SREG_CS, &cs);
	ctxt->ops->get_segment(ctxt, SREG_SS, &ss);
	frame[0] = ss.selector;
	frame[1] = ctxt->regs[GPR_RSP];
	frame[3] = cs.selector;
	status = read_gate(ctxt, vector, &gate);
	if (!status)
		status = read_code(ctxt, gate.selector, &code);
	if (status)
		return status;
	cpl = code.seg.type & TYPE_CONFORMING ? old : code.seg.dpl;
	status = find_stack(ctxt, &gate, cpl, &rsp);
	if (!status && !emu_is_canonical(ctxt, gate.target))
		status = emulate_raise(ctxt, EMU_GP, EXT);
	if (!status)
		status = push_frame(ctxt, cpl, &rsp, frame, FRAME + has_error);
	if (!status)
		status = enter_handler(ctxt, &gate, &code, cpl, cpl < old);
	if (!status)
		ctxt->regs[GPR_RSP] = rsp;
	return status;
}
