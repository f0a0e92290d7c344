// SPDX-License-Identifier: GPL-2.0-only
/*
 * JMP and CALL in protected mode and long mode: to code segments, through call gates, to tasks.
 * Intel SDM vol. 2 JMP, CALL, vol. 3 5.8; AMD APM vol. 3 has the same.
 */
#include "internal.h"

/* What has to come back when a transfer fails half way; emulate() brings the registers. */
struct before {
	struct emulate_segment ss;
	enum insn_mode mode;
	u8 cpl;
};

/* A call gate, unpacked. */
struct gate {
	struct descriptor d;
	u64 offset;
	u16 selector;
	u8 bytes;		/* 2, 4 or 8: of what is pushed */
	u8 params;
};

/* A stack to be switched to. */
struct new_stack {
	struct descriptor d;	/* or only a selector, null, in long mode */
	u64 rsp;
};

bool emu_is_64bit(struct emulate_ctxt *ctxt, const struct descriptor *code)
{
	return code->seg.l && emu_long_mode(ctxt);
}

enum emu_status emu_check_target(struct emulate_ctxt *ctxt, const struct descriptor *code,
				 u64 offset)
{
	bool ok = emu_is_64bit(ctxt, code) ? emu_is_canonical(ctxt, offset) :
					     offset <= code->seg.limit;

	return ok ? EMU_DONE : emulate_raise(ctxt, EMU_GP, 0);
}

enum emu_status emu_check_present(struct emulate_ctxt *ctxt, const struct descriptor *d,
				  u8 vector)
{
	return d->seg.present ? EMU_DONE : emu_selector_fault(ctxt, vector, d->selector);
}

enum emu_status emu_set_cs(struct emulate_ctxt *ctxt, struct descriptor *code,
			   unsigned int cpl, u64 offset)
{
	code->seg.selector = (code->selector & ~SEL_RPL) | cpl;
	ctxt->rip = offset;
	return ctxt->ops->set_segment(ctxt, SREG_CS, &code->seg);
}

static void remember(struct emulate_ctxt *ctxt, struct before *b)
{
	ctxt->ops->get_segment(ctxt, SREG_SS, &b->ss);
	b->mode = ctxt->mode;
	b->cpl = ctxt->cpl;
}

static void go_back(struct emulate_ctxt *ctxt, const struct before *b)
{
	ctxt->ops->set_segment(ctxt, SREG_SS, &b->ss);
	ctxt->mode = b->mode;
	ctxt->cpl = b->cpl;
}

static bool branch_allowed(struct emulate_ctxt *ctxt, const struct descriptor *d)
{
	const struct emulate_segment *seg = &d->seg;

	if (!emu_is_code(ctxt, d))
		return false;
	if (seg->type & TYPE_CONFORMING)
		return seg->dpl <= ctxt->cpl;
	return (d->selector & SEL_RPL) <= ctxt->cpl && seg->dpl == ctxt->cpl;
}

/* Is there room for @bytes? The error code names no segment: the stack is the current one. */
static enum emu_status check_stack(struct emulate_ctxt *ctxt, unsigned int bytes)
{
	u64 rsp = low_bytes(ctxt->regs[GPR_RSP] - bytes, emu_stack_bytes(ctxt));
	gva_t addr;

	return emu_linear(ctxt, SREG_SS, rsp, 1, true, &addr);
}

static enum emu_status push_return(struct emulate_ctxt *ctxt, u16 cs, u64 rip, unsigned int bytes)
{
	enum emu_status status = emu_push(ctxt, cs, bytes);

	return status ? status : emu_push(ctxt, rip, bytes);
}

/* To a code segment of the same privilege. */
static enum emu_status branch_to(struct emulate_ctxt *ctxt, struct descriptor *code, u64 offset,
				 unsigned int bytes)
{
	bool call = ctxt->insn.op == OP_CALL_FAR;
	enum emu_status status = EMU_DONE;
	struct emulate_segment cs;

	ctxt->ops->get_segment(ctxt, SREG_CS, &cs);
	if (call)
		status = check_stack(ctxt, 2 * bytes);
	if (!status)
		status = emu_check_target(ctxt, code, offset);
	if (!status)
		status = emu_mark_used(ctxt, code);
	if (!status && call)
		status = push_return(ctxt, cs.selector, ctxt->rip, bytes);
	return status ? status : emu_set_cs(ctxt, code, ctxt->cpl, offset);
}

static enum emu_status branch_direct(struct emulate_ctxt *ctxt, struct descriptor *d, u64 offset)
{
	enum emu_status status;

	if (!branch_allowed(ctxt, d))
		return emu_selector_fault(ctxt, EMU_GP, d->selector);
	status = emu_check_present(ctxt, d, EMU_NP);
	return status ? status : branch_to(ctxt, d, offset, ctxt->insn.op_bytes);
}

static void unpack_gate(struct emulate_ctxt *ctxt, struct gate *g)
{
	u64 low = g->d.low;

	g->selector = low >> 16;
	g->params = low >> 32 & 31;
	g->offset = (low & 0xffff) | (low >> 48 << 16);
	g->bytes = 4;
	if (emu_long_mode(ctxt)) {
		g->offset |= g->d.high << 32;
		g->bytes = 8;
		g->params = 0;
	} else if (g->d.seg.type == TYPE_GATE16) {
		g->offset &= 0xffff;
		g->bytes = 2;
	}
}

/* The segment behind a gate: in long mode 64-bit code only. */
static enum emu_status read_gate_code(struct emulate_ctxt *ctxt, const struct gate *g,
				      struct descriptor *code)
{
	bool jmp = ctxt->insn.op == OP_JMP_FAR, ok;
	enum emu_status status;

	*code = (struct descriptor) { .selector = g->selector };
	if (is_null(g->selector))
		return emulate_raise(ctxt, EMU_GP, 0);
	status = emu_read_descriptor(ctxt, code, EMU_GP);
	if (status)
		return status;
	ok = emu_is_code(ctxt, code) && code->seg.dpl <= ctxt->cpl;
	if (jmp && !(code->seg.type & TYPE_CONFORMING) && code->seg.dpl != ctxt->cpl)
		ok = false;
	if (emu_long_mode(ctxt) && !code->seg.l)
		ok = false;
	if (!ok)
		return emu_selector_fault(ctxt, EMU_GP, g->selector);
	return emu_check_present(ctxt, code, EMU_NP);
}

/* SS:rSP of a privilege level, of a TSS of any kind. In long mode SS becomes null. */
static enum emu_status read_tss_stack(struct emulate_ctxt *ctxt, unsigned int dpl,
				      struct new_stack *s)
{
	bool lma = emu_long_mode(ctxt);
	struct emulate_segment tr;
	unsigned int bytes, offset;
	enum emu_status status;
	u64 raw = 0;

	ctxt->ops->get_segment(ctxt, SREG_TR, &tr);
	bytes = lma || (tr.type & 8) ? 8 : 4;
	offset = bytes / 2 + dpl * bytes;
	if (offset + bytes - 1 - (bytes == 8 && !lma ? 2 : 0) > tr.limit)
		return emu_selector_fault(ctxt, EMU_TS, tr.selector);
	status = emu_read_table(ctxt, tr.base + offset, &raw, bytes == 8 && !lma ? 6 : bytes);
	s->rsp = lma ? raw : low_bytes(raw, bytes / 2);
	s->d.selector = lma ? dpl : raw >> 4 * bytes;
	return status;
}

static enum emu_status find_stack(struct emulate_ctxt *ctxt, unsigned int dpl,
				  struct new_stack *s)
{
	enum emu_status status = read_tss_stack(ctxt, dpl, s);

	if (status)
		return status;
	if (emu_long_mode(ctxt)) {
		s->d.seg = (struct emulate_segment) { .selector = dpl, .dpl = dpl };
		return emu_is_canonical(ctxt, s->rsp) ? EMU_DONE : emulate_raise(ctxt, EMU_SS, 0);
	}
	if (is_null(s->d.selector))
		return emu_selector_fault(ctxt, EMU_TS, s->d.selector);
	status = emu_read_descriptor(ctxt, &s->d, EMU_TS);
	if (status)
		return status;
	if (!emu_stack_allowed(&s->d, dpl))
		return emu_selector_fault(ctxt, EMU_TS, s->d.selector);
	status = emu_check_present(ctxt, &s->d, EMU_SS);
	return status ? status : emu_mark_used(ctxt, &s->d);
}

static enum emu_status read_params(struct emulate_ctxt *ctxt, const struct gate *g, u64 *param)
{
	u64 rsp = ctxt->regs[GPR_RSP];
	enum emu_status status = EMU_DONE;
	unsigned int i;

	for (i = 0; i < g->params && !status; i++)
		status = emu_pop(ctxt, &param[g->params - 1 - i], g->bytes);
	ctxt->regs[GPR_RSP] = rsp;
	return status;
}

static enum emu_status push_frame(struct emulate_ctxt *ctxt, const struct gate *g, u16 ss,
				  u64 rsp, const u64 *param)
{
	enum emu_status status = emu_push(ctxt, ss, g->bytes);
	unsigned int i;

	if (!status)
		status = emu_push(ctxt, rsp, g->bytes);
	for (i = 0; i < g->params && !status; i++)
		status = emu_push(ctxt, param[i], g->bytes);
	return status;
}

/* On the new stack, with the new privileges. */
static enum emu_status enter_inner(struct emulate_ctxt *ctxt, const struct gate *g,
				   struct descriptor *code, const struct new_stack *s,
				   const u64 *param)
{
	struct emulate_segment cs, ss;
	u64 rsp = ctxt->regs[GPR_RSP];
	enum emu_status status;

	ctxt->ops->get_segment(ctxt, SREG_CS, &cs);
	ctxt->ops->get_segment(ctxt, SREG_SS, &ss);
	status = ctxt->ops->set_segment(ctxt, SREG_SS, &s->d.seg);
	ctxt->cpl = code->seg.dpl;
	if (emu_long_mode(ctxt))
		ctxt->mode = INSN_LONG64;
	ctxt->regs[GPR_RSP] = s->rsp;
	if (!status)
		status = push_frame(ctxt, g, ss.selector, rsp, param);
	if (!status)
		status = push_return(ctxt, cs.selector, ctxt->rip, g->bytes);
	if (status == EMU_FAULT && ctxt->fault.vector == EMU_SS)
		ctxt->fault.error = s->d.selector & SEL_ERROR;
	return status ? status : emu_set_cs(ctxt, code, code->seg.dpl, g->offset);
}

static enum emu_status call_inner(struct emulate_ctxt *ctxt, const struct gate *g,
				  struct descriptor *code)
{
	struct new_stack s = { .rsp = 0 };
	enum emu_status status;
	struct before before;
	u64 param[32];

	status = find_stack(ctxt, code->seg.dpl, &s);
	if (!status)
		status = emu_check_target(ctxt, code, g->offset);
	if (!status)
		status = read_params(ctxt, g, param);
	if (!status)
		status = emu_mark_used(ctxt, code);
	if (status)
		return status;
	remember(ctxt, &before);
	status = enter_inner(ctxt, g, code, &s, param);
	if (status)
		go_back(ctxt, &before);
	return status;
}

static enum emu_status branch_gate(struct emulate_ctxt *ctxt, struct gate *g)
{
	struct descriptor code;
	enum emu_status status;

	status = emu_check_present(ctxt, &g->d, EMU_NP);
	if (status)
		return status;
	unpack_gate(ctxt, g);
	status = read_gate_code(ctxt, g, &code);
	if (status)
		return status;
	if (!(code.seg.type & TYPE_CONFORMING) && code.seg.dpl < ctxt->cpl)
		return call_inner(ctxt, g, &code);
	return branch_to(ctxt, &code, g->offset, g->bytes);
}

static enum emu_status branch_task(struct emulate_ctxt *ctxt, u16 selector)
{
	const struct emu_task_switch how = {
		.selector = selector,
		.source = ctxt->insn.op == OP_CALL_FAR ? EMU_TASK_CALL : EMU_TASK_JMP,
	};

	return emulate_task_switch(ctxt, &how);
}

static enum emu_status branch_task_gate(struct emulate_ctxt *ctxt, const struct descriptor *d)
{
	enum emu_status status = emu_check_present(ctxt, d, EMU_NP);

	return status ? status : branch_task(ctxt, d->low >> 16);
}

/* To a call gate, and outside long mode to a task or its gate. */
static enum emu_status branch_system(struct emulate_ctxt *ctxt, const struct descriptor *d)
{
	struct gate g = { .d = *d };
	unsigned int rpl = d->selector & SEL_RPL;

	if (d->seg.dpl < ctxt->cpl || d->seg.dpl < rpl)
		return emu_selector_fault(ctxt, EMU_GP, d->selector);
	if (d->seg.type == TYPE_GATE)
		return branch_gate(ctxt, &g);
	if (emu_long_mode(ctxt))
		return emu_selector_fault(ctxt, EMU_GP, d->selector);
	switch (d->seg.type) {
	case TYPE_GATE16: return branch_gate(ctxt, &g);
	case TYPE_TASK_GATE: return branch_task_gate(ctxt, d);
	case TYPE_TSS16: case TYPE_TSS: return branch_task(ctxt, d->selector);
	default: return emu_selector_fault(ctxt, EMU_GP, d->selector);
	}
}

/* With the load_segment op there is nothing but a jmp to a code segment. */
static enum emu_status jmp_by_op(struct emulate_ctxt *ctxt, u16 selector, u64 offset)
{
	struct emulate_segment old, cs;
	enum emu_status status;

	if (ctxt->insn.op != OP_JMP_FAR)
		return EMU_UNHANDLED;
	ctxt->ops->get_segment(ctxt, SREG_CS, &old);
	status = emu_load_segment(ctxt, SREG_CS, selector);
	if (status)
		return status;
	ctxt->ops->get_segment(ctxt, SREG_CS, &cs);
	if (offset > cs.limit && !(cs.l && emu_long_mode(ctxt))) {
		ctxt->ops->set_segment(ctxt, SREG_CS, &old);
		return emulate_raise(ctxt, EMU_GP, 0);
	}
	ctxt->rip = offset;
	return EMU_DONE;
}

/* JMP and CALL to another segment. */
enum emu_status emu_branch_protected(struct emulate_ctxt *ctxt, u16 selector, u64 offset)
{
	struct descriptor d = { .selector = selector };
	enum emu_status status;

	if (!ctxt->ops->set_segment || !ctxt->ops->get_dt)
		return EMU_UNHANDLED;
	if (ctxt->ops->load_segment)
		return jmp_by_op(ctxt, selector, offset);
	if (is_null(selector))
		return emulate_raise(ctxt, EMU_GP, 0);
	status = emu_read_descriptor(ctxt, &d, EMU_GP);
	if (status)
		return status;
	return d.seg.s ? branch_direct(ctxt, &d, offset) : branch_system(ctxt, &d);
}

/* ---- interrupts and exceptions: SDM vol. 2 INT n, vol. 3 6.12 and 6.14 ---- */

#define IDT_ERROR	2	/* in an error code: the selector is a vector */
#define GATE_TRAP	1	/* of the type: IF stays */
#define TYPE_INT16	6
#define TYPE_INT	14
#define TSS64_IST	0x24

static enum emu_status gate_fault(struct emulate_ctxt *ctxt, u8 vector,
				  const struct emu_event *e)
{
	return emulate_raise(ctxt, vector, e->vector << 3 | IDT_ERROR);
}

static enum emu_status read_idt(struct emulate_ctxt *ctxt, const struct emu_event *e,
				struct gate *g)
{
	unsigned int bytes = emu_long_mode(ctxt) ? 16 : 8;
	enum emu_status status;
	struct emulate_dt idt;
	u64 raw[2] = { 0, 0 };

	status = ctxt->ops->get_dt(ctxt, true, &idt);
	if (status)
		return status;
	if (e->vector * bytes + bytes - 1 > idt.limit)
		return gate_fault(ctxt, EMU_GP, e);
	status = emu_read_table(ctxt, idt.base + e->vector * bytes, raw, bytes);
	g->d.low = raw[0];
	g->d.high = raw[1];
	g->selector = raw[0] >> 16;
	g->offset = (raw[0] & 0xffff) | (raw[0] >> 48 << 16) | raw[1] << 32;
	g->params = raw[0] >> 32 & 7;	/* the IST, in long mode */
	g->d.seg = (struct emulate_segment) {
		.type = raw[0] >> 40 & 15, .s = raw[0] >> 44 & 1, .dpl = raw[0] >> 45 & 3,
		.present = raw[0] >> 47 & 1,
	};
	return status;
}

static enum emu_status find_idt_gate(struct emulate_ctxt *ctxt, const struct emu_event *e,
				     struct gate *g)
{
	enum emu_status status = read_idt(ctxt, e, g);
	u8 type = g->d.seg.type & ~GATE_TRAP;
	bool lma = emu_long_mode(ctxt), ok;

	if (status)
		return status;
	ok = !g->d.seg.s && (type == TYPE_INT || (!lma && type == TYPE_INT16) ||
			     (!lma && g->d.seg.type == TYPE_TASK_GATE));
	if (!ok || (e->soft && g->d.seg.dpl < ctxt->cpl))
		return gate_fault(ctxt, EMU_GP, e);
	if (!g->d.seg.present)
		return gate_fault(ctxt, EMU_NP, e);
	g->bytes = lma ? 8 : type == TYPE_INT ? 4 : 2;
	if (g->bytes == 2)
		g->offset &= 0xffff;
	return EMU_DONE;
}

/* The stack of the handler's level, of the IST, or the one that is in use. */
static enum emu_status find_handler_stack(struct emulate_ctxt *ctxt, const struct gate *g,
					  const struct descriptor *code, bool inner,
					  struct new_stack *s)
{
	bool lma = emu_long_mode(ctxt);
	enum emu_status status = EMU_DONE;
	struct emulate_segment tr;
	u32 offset;

	ctxt->ops->get_segment(ctxt, SREG_SS, &s->d.seg);
	s->d.selector = s->d.seg.selector;
	s->rsp = ctxt->regs[GPR_RSP];
	if (inner)
		status = find_stack(ctxt, code->seg.dpl, s);
	if (!status && lma && g->params) {
		ctxt->ops->get_segment(ctxt, SREG_TR, &tr);
		offset = TSS64_IST + 8 * (g->params - 1);
		if (offset + 7 > tr.limit)
			return emu_selector_fault(ctxt, EMU_TS, tr.selector);
		status = emu_read_table(ctxt, tr.base + offset, &s->rsp, 8);
	}
	if (lma)
		s->rsp &= ~15ULL;
	return status;
}

static enum emu_status push_event(struct emulate_ctxt *ctxt, const struct gate *g,
				  const struct emu_event *e, u16 cs, u64 rip)
{
	enum emu_status status = emu_push(ctxt, ctxt->rflags, g->bytes);

	if (!status)
		status = push_return(ctxt, cs, rip, g->bytes);
	if (!status && e->has_error)
		status = emu_push(ctxt, e->error, g->bytes);
	return status;
}

static enum emu_status enter_handler(struct emulate_ctxt *ctxt, const struct gate *g,
				     const struct emu_event *e, struct descriptor *code,
				     const struct new_stack *s, bool inner)
{
	u64 rsp = ctxt->regs[GPR_RSP], rip = ctxt->rip;
	struct emulate_segment cs, ss;
	enum emu_status status = EMU_DONE;

	ctxt->ops->get_segment(ctxt, SREG_CS, &cs);
	ctxt->ops->get_segment(ctxt, SREG_SS, &ss);
	if (inner) {
		status = ctxt->ops->set_segment(ctxt, SREG_SS, &s->d.seg);
		ctxt->cpl = code->seg.dpl;
	}
	if (emu_long_mode(ctxt))
		ctxt->mode = INSN_LONG64;
	ctxt->regs[GPR_RSP] = s->rsp;
	if (!status && (inner || emu_long_mode(ctxt)))
		status = push_frame(ctxt, &(struct gate){ .bytes = g->bytes }, ss.selector, rsp,
				    NULL);
	if (!status)
		status = push_event(ctxt, g, e, cs.selector, rip);
	if (status == EMU_FAULT && ctxt->fault.vector == EMU_SS && inner)
		ctxt->fault.error = s->d.selector & SEL_ERROR;
	if (status)
		return status;
	ctxt->rflags &= ~(FL_TF | FL_NT | FL_RF | FL_VM);
	if (!(g->d.seg.type & GATE_TRAP))
		ctxt->rflags &= ~FL_IF;
	return emu_set_cs(ctxt, code, ctxt->cpl, g->offset);
}

static enum emu_status through_gate(struct emulate_ctxt *ctxt, const struct gate *g,
				    const struct emu_event *e)
{
	struct new_stack s = { .rsp = 0 };
	struct descriptor code;
	struct before before;
	enum emu_status status;
	bool inner;

	status = read_gate_code(ctxt, g, &code);
	if (status)
		return status;
	inner = !(code.seg.type & TYPE_CONFORMING) && code.seg.dpl < ctxt->cpl;
	status = find_handler_stack(ctxt, g, &code, inner, &s);
	if (!status)
		status = emu_check_target(ctxt, &code, g->offset);
	if (!status)
		status = emu_mark_used(ctxt, &code);
	if (status)
		return status;
	remember(ctxt, &before);
	status = enter_handler(ctxt, g, e, &code, &s, inner);
	if (status)
		go_back(ctxt, &before);
	return status;
}

static enum emu_status event_task(struct emulate_ctxt *ctxt, const struct gate *g,
				  const struct emu_event *e)
{
	const struct emu_task_switch how = {
		.selector = g->selector, .source = EMU_TASK_GATE, .external = !e->soft,
		.has_error = e->has_error, .error = e->error,
	};

	return emulate_task_switch(ctxt, &how);
}

/* Virtual-8086 code needs nobody's help for this. */
enum emu_status emulate_event_delivery(struct emulate_ctxt *ctxt, const struct emu_event *e)
{
	u64 regs[GPR_COUNT], rip = ctxt->rip, rflags = ctxt->rflags;
	struct gate g = { .offset = 0 };
	enum emu_status status;

	if (is_real_or_vm86(ctxt) || !ctxt->ops->get_dt || !ctxt->ops->set_segment)
		return EMU_UNHANDLED;
	__builtin_memcpy(regs, ctxt->regs, sizeof(regs));
	ctxt->task_switched = false;
	ctxt->traps = 0;
	ctxt->insn = (struct insn){ .op = OP_INT };
	status = find_idt_gate(ctxt, e, &g);
	if (!status && g.d.seg.type == TYPE_TASK_GATE)
		return event_task(ctxt, &g, e);
	if (!status)
		status = through_gate(ctxt, &g, e);
	if (!status)
		return EMU_DONE;
	__builtin_memcpy(ctxt->regs, regs, sizeof(regs));
	ctxt->rip = rip;
	ctxt->rflags = rflags;
	if (status == EMU_FAULT && !e->soft && ctxt->fault.has_error &&
	    ctxt->fault.vector != EMU_PF)
		ctxt->fault.error |= 1;
	return status;
}
