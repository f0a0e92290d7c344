// SPDX-License-Identifier: GPL-2.0-only
/* RET and IRET in protected mode and long mode. Intel SDM vol. 2; AMD APM vol. 3 has the same. */
#include "internal.h"

/* What a return takes from the stack: rip, cs, rflags; rsp, ss; and for vm86 mode the others. */
enum { POP_RIP, POP_CS, POP_FLAGS, POP_RSP, POP_SS, POP_ES, POP_DS, POP_FS, POP_GS, POP_COUNT };

static enum emu_status pop_words(struct emulate_ctxt *ctxt, u64 *words, unsigned int n)
{
	enum emu_status status = EMU_DONE;
	unsigned int i;

	for (i = 0; i < n && !status; i++)
		status = emu_pop(ctxt, &words[i], ctxt->insn.op_bytes);
	return status;
}

static enum emu_status read_return_code(struct emulate_ctxt *ctxt, struct descriptor *code)
{
	unsigned int rpl = code->selector & SEL_RPL;
	enum emu_status status;
	bool ok;

	if (is_null(code->selector))
		return emulate_raise(ctxt, EMU_GP, 0);
	status = emu_read_descriptor(ctxt, code, EMU_GP);
	if (status)
		return status;
	ok = emu_is_code(ctxt, code) && rpl >= ctxt->cpl &&
	     (code->seg.type & TYPE_CONFORMING ? code->seg.dpl <= rpl : code->seg.dpl == rpl);
	if (!ok)
		return emu_selector_fault(ctxt, EMU_GP, code->selector);
	return emu_check_present(ctxt, code, EMU_NP);
}

/* SS may be null where the code that is returned to runs in 64-bit mode, not at CPL 3. */
static enum emu_status read_return_stack(struct emulate_ctxt *ctxt, const struct descriptor *code,
					 struct descriptor *ss)
{
	unsigned int rpl = code->selector & SEL_RPL;
	enum emu_status status;

	if (is_null(ss->selector)) {
		ss->seg = (struct emulate_segment) { .selector = ss->selector, .dpl = rpl };
		if (emu_is_64bit(ctxt, code) && rpl < 3 && (ss->selector & SEL_RPL) == rpl)
			return EMU_DONE;
		return emulate_raise(ctxt, EMU_GP, 0);
	}
	status = emu_read_descriptor(ctxt, ss, EMU_GP);
	if (status)
		return status;
	if (!emu_stack_allowed(ss, rpl))
		return emu_selector_fault(ctxt, EMU_GP, ss->selector);
	status = emu_check_present(ctxt, ss, EMU_SS);
	return status ? status : emu_mark_used(ctxt, ss);
}

/* What the outer level may not use is taken from it. */
static void drop_segments(struct emulate_ctxt *ctxt, unsigned int cpl)
{
	static const u8 regs[] = { SREG_ES, SREG_DS, SREG_FS, SREG_GS };
	struct emulate_segment seg;
	unsigned int i;

	for (i = 0; i < sizeof(regs); i++) {
		ctxt->ops->get_segment(ctxt, regs[i], &seg);
		if (!seg.present || seg.dpl >= cpl ||
		    (seg.type & (TYPE_CODE | TYPE_CONFORMING)) == (TYPE_CODE | TYPE_CONFORMING))
			continue;
		seg = (struct emulate_segment) { .selector = 0 };
		ctxt->ops->set_segment(ctxt, regs[i], &seg);
	}
}

static void set_stack(struct emulate_ctxt *ctxt, const struct descriptor *code,
		      const struct descriptor *ss, u64 rsp)
{
	bool wide = emu_is_64bit(ctxt, code);

	ctxt->ops->set_segment(ctxt, SREG_SS, &ss->seg);
	emu_set_gpr(ctxt, GPR_RSP, wide ? 8 : ss->seg.db ? 4 : 2, rsp);
}

/* To the code that was found, and to another stack if @ss says so. Nothing fails any more. */
static enum emu_status finish_return(struct emulate_ctxt *ctxt, struct descriptor *code,
				     const struct descriptor *ss, const u64 *words)
{
	unsigned int rpl = code->selector & SEL_RPL;

	if (ss)
		set_stack(ctxt, code, ss, words[POP_RSP]);
	if (rpl != ctxt->cpl)
		drop_segments(ctxt, rpl);
	return emu_set_cs(ctxt, code, rpl, words[POP_RIP]);
}

static bool can_return(struct emulate_ctxt *ctxt)
{
	return ctxt->ops->set_segment && ctxt->ops->get_dt && !ctxt->ops->load_segment;
}

/* The far RET. */
enum emu_status emu_return_protected(struct emulate_ctxt *ctxt)
{
	u16 released = ctxt->insn.imm;
	struct descriptor code, ss;
	enum emu_status status;
	u64 words[POP_COUNT];
	bool outer;

	if (!can_return(ctxt))
		return EMU_UNHANDLED;
	status = pop_words(ctxt, words, 2);
	if (status)
		return status;
	code = (struct descriptor) { .selector = words[POP_CS] };
	status = read_return_code(ctxt, &code);
	if (status)
		return status;
	emu_set_gpr(ctxt, GPR_RSP, emu_stack_bytes(ctxt), ctxt->regs[GPR_RSP] + released);
	outer = (code.selector & SEL_RPL) != ctxt->cpl;
	if (outer) {
		status = pop_words(ctxt, words + POP_RSP, 2);
		ss = (struct descriptor) { .selector = words[POP_SS] };
		words[POP_RSP] += released;
		if (!status)
			status = read_return_stack(ctxt, &code, &ss);
	}
	if (!status)
		status = emu_check_target(ctxt, &code, words[POP_RIP]);
	if (!status)
		status = emu_mark_used(ctxt, &code);
	return status ? status : finish_return(ctxt, &code, outer ? &ss : NULL, words);
}

static void set_flags(struct emulate_ctxt *ctxt, u64 flags, u64 mask)
{
	if (ctxt->insn.op_bytes > 2)
		mask |= FL_RF;
	ctxt->rflags = (ctxt->rflags & ~mask) | (flags & mask) | FL_FIXED;
}

/* Back to vm86 mode, where all is as it was pushed. */
static enum emu_status iret_to_vm86(struct emulate_ctxt *ctxt, const u64 *words)
{
	static const u8 regs[][2] = {
		{ SREG_CS, POP_CS }, { SREG_SS, POP_SS }, { SREG_ES, POP_ES },
		{ SREG_DS, POP_DS }, { SREG_FS, POP_FS }, { SREG_GS, POP_GS },
	};
	enum emu_status status = EMU_DONE;
	unsigned int i;

	if (words[POP_RIP] > 0xffff)
		return emulate_raise(ctxt, EMU_GP, 0);
	set_flags(ctxt, words[POP_FLAGS],
		  emu_flags_writable(ctxt, 4) | FL_IOPL | FL_IF | FL_VM | FL_VIF | FL_VIP);
	ctxt->mode = INSN_VM86;
	for (i = 0; i < 6 && !status; i++)
		status = emu_load_segment(ctxt, regs[i][0], words[regs[i][1]]);
	ctxt->regs[GPR_RSP] = (u32)words[POP_RSP];
	ctxt->rip = words[POP_RIP];
	return status;
}

/* The stack is popped with the code: always in 64-bit mode, else for another level. */
static enum emu_status iret_to(struct emulate_ctxt *ctxt, struct descriptor *code, u64 *words)
{
	u64 mask = emu_flags_writable(ctxt, ctxt->insn.op_bytes);
	bool stack = ctxt->mode == INSN_LONG64 || (code->selector & SEL_RPL) != ctxt->cpl;
	enum emu_status status = EMU_DONE;
	struct descriptor ss;

	if (stack) {
		status = pop_words(ctxt, words + POP_RSP, 2);
		ss = (struct descriptor) { .selector = words[POP_SS] };
		if (!status)
			status = read_return_stack(ctxt, code, &ss);
	}
	if (!status)
		status = emu_check_target(ctxt, code, words[POP_RIP]);
	if (!status)
		status = emu_mark_used(ctxt, code);
	if (status)
		return status;
	set_flags(ctxt, words[POP_FLAGS], mask);
	return finish_return(ctxt, code, stack ? &ss : NULL, words);
}

/* Back to the task that the TSS names: IRET with NT. */
static enum emu_status iret_task(struct emulate_ctxt *ctxt)
{
	struct emu_task_switch how = { .source = EMU_TASK_IRET };
	struct emulate_segment tr;
	enum emu_status status;

	if (emu_long_mode(ctxt))
		return emulate_raise(ctxt, EMU_GP, 0);
	ctxt->ops->get_segment(ctxt, SREG_TR, &tr);
	status = emu_read_table(ctxt, tr.base, &how.selector, 2);
	return status ? status : emulate_task_switch(ctxt, &how);
}

enum emu_status emu_iret_protected(struct emulate_ctxt *ctxt)
{
	struct descriptor code;
	enum emu_status status;
	u64 words[POP_COUNT];

	if (!can_return(ctxt))
		return EMU_UNHANDLED;
	if (ctxt->rflags & FL_NT)
		return iret_task(ctxt);
	status = pop_words(ctxt, words, 3);
	if (status)
		return status;
	if (ctxt->insn.op_bytes == 4 && (words[POP_FLAGS] & FL_VM) && !ctxt->cpl &&
	    !emu_long_mode(ctxt)) {
		status = pop_words(ctxt, words + POP_RSP, POP_COUNT - POP_RSP);
		return status ? status : iret_to_vm86(ctxt, words);
	}
	code = (struct descriptor) { .selector = words[POP_CS] };
	status = read_return_code(ctxt, &code);
	return status ? status : iret_to(ctxt, &code, words);
}
