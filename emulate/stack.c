// SPDX-License-Identifier: GPL-2.0-only
/* The stack, and near control flow. */
#include "internal.h"

unsigned int emu_stack_bytes(struct emulate_ctxt *ctxt)
{
	struct emulate_segment ss;

	if (ctxt->mode == INSN_LONG64)
		return 8;
	ctxt->ops->get_segment(ctxt, SREG_SS, &ss);
	return ss.db ? 4 : 2;
}

static void set_stack_reg(struct emulate_ctxt *ctxt, unsigned int reg, u64 val)
{
	emu_set_gpr(ctxt, reg, emu_stack_bytes(ctxt), val);
}

static u64 stack_reg(struct emulate_ctxt *ctxt, unsigned int reg)
{
	return low_bytes(ctxt->regs[reg], emu_stack_bytes(ctxt));
}

enum emu_status emu_push(struct emulate_ctxt *ctxt, u64 val, unsigned int bytes)
{
	set_stack_reg(ctxt, GPR_RSP, ctxt->regs[GPR_RSP] - bytes);
	return emu_write(ctxt, SREG_SS, stack_reg(ctxt, GPR_RSP), &val, bytes);
}

enum emu_status emu_pop(struct emulate_ctxt *ctxt, u64 *val, unsigned int bytes)
{
	enum emu_status status;

	*val = 0;
	status = emu_read(ctxt, SREG_SS, stack_reg(ctxt, GPR_RSP), val, bytes);
	if (!status)
		set_stack_reg(ctxt, GPR_RSP, ctxt->regs[GPR_RSP] + bytes);
	return status;
}

enum emu_status exec_push(struct emulate_ctxt *ctxt)
{
	enum emu_status status;
	u64 val;

	status = emu_load(ctxt, &ctxt->insn.dst, &val);
	return status ? status : emu_push(ctxt, val, ctxt->insn.op_bytes);
}

/* Intel leaves the upper half of a 32-bit slot alone, AMD clears it. */
enum emu_status exec_push_seg(struct emulate_ctxt *ctxt)
{
	unsigned int bytes = ctxt->insn.op_bytes;
	struct emulate_segment seg;

	ctxt->ops->get_segment(ctxt, ctxt->insn.dst.reg, &seg);
	if (!ctxt->intel || bytes != 4)
		return emu_push(ctxt, seg.selector, bytes);
	set_stack_reg(ctxt, GPR_RSP, ctxt->regs[GPR_RSP] - bytes);
	return emu_write(ctxt, SREG_SS, stack_reg(ctxt, GPR_RSP), &seg.selector, 2);
}

/* An address with rsp as its base uses rsp as it is after the pop. */
enum emu_status exec_pop(struct emulate_ctxt *ctxt)
{
	enum emu_status status;
	u64 val;

	status = emu_pop(ctxt, &val, ctxt->insn.op_bytes);
	return status ? status : emu_store(ctxt, &ctxt->insn.dst, val);
}

enum emu_status exec_pop_seg(struct emulate_ctxt *ctxt)
{
	struct insn *insn = &ctxt->insn;
	enum emu_status status;
	u64 selector;

	status = emu_pop(ctxt, &selector, insn->op_bytes);
	if (!status)
		status = emu_load_segment(ctxt, insn->dst.reg, selector);
	if (!status && insn->dst.reg == SREG_SS)
		ctxt->shadow = EMU_SHADOW_MOV_SS;
	return status;
}

enum emu_status exec_pusha(struct emulate_ctxt *ctxt)
{
	u64 rsp = ctxt->regs[GPR_RSP];
	enum emu_status status = EMU_DONE;
	unsigned int reg;

	for (reg = GPR_RAX; reg <= GPR_RDI && !status; reg++)
		status = emu_push(ctxt, reg == GPR_RSP ? rsp : ctxt->regs[reg],
				  ctxt->insn.op_bytes);
	return status;
}

enum emu_status exec_popa(struct emulate_ctxt *ctxt)
{
	unsigned int bytes = ctxt->insn.op_bytes, i;
	enum emu_status status;
	u64 val;

	for (i = 0; i < 8; i++) {
		status = emu_pop(ctxt, &val, bytes);
		if (status)
			return status;
		if (GPR_RDI - i != GPR_RSP)
			emu_set_gpr(ctxt, GPR_RDI - i, bytes, val);
	}
	return EMU_DONE;
}

/*
 * pushf, popf, int n and iret in vm86 mode with IOPL below 3: #GP, or with CR4.VME something
 * about the virtual interrupt flag, which is not done here.
 */
enum emu_status emu_check_vm86(struct emulate_ctxt *ctxt)
{
	enum emu_status status;
	u64 cr4;

	if (ctxt->mode != INSN_VM86 || emu_iopl(ctxt) == 3)
		return EMU_DONE;
	status = emu_read_cr(ctxt, 4, &cr4);
	if (status)
		return status;
	return cr4 & CR4_VME ? EMU_UNHANDLED : emulate_raise(ctxt, EMU_GP, 0);
}

enum emu_status exec_pushf(struct emulate_ctxt *ctxt)
{
	enum emu_status status = emu_check_vm86(ctxt);

	if (status)
		return status;
	return emu_push(ctxt, ctxt->rflags & ~(FL_RF | FL_VM), ctxt->insn.op_bytes);
}

u64 emu_flags_writable(const struct emulate_ctxt *ctxt, unsigned int bytes)
{
	u64 mask = FL_ARITH | FL_TF | FL_DF | FL_NT;

	if (bytes > 2)
		mask |= FL_AC | FL_ID;
	if (ctxt->cpl <= emu_iopl(ctxt))
		mask |= FL_IF;
	if (ctxt->cpl == 0)
		mask |= FL_IOPL;
	return mask;
}

enum emu_status exec_popf(struct emulate_ctxt *ctxt)
{
	u64 mask = emu_flags_writable(ctxt, ctxt->insn.op_bytes), val;
	enum emu_status status = emu_check_vm86(ctxt);

	if (!status)
		status = emu_pop(ctxt, &val, ctxt->insn.op_bytes);
	if (!status)
		ctxt->rflags = (ctxt->rflags & ~mask) | (val & mask) | FL_FIXED;
	return status;
}

/* The outer frame pointers of @level - 1 enclosing procedures. */
static enum emu_status copy_display(struct emulate_ctxt *ctxt, unsigned int level, u64 *frame)
{
	unsigned int bytes = ctxt->insn.op_bytes, i;
	u64 from = ctxt->regs[GPR_RBP], val;
	enum emu_status status;

	for (i = 1; i < level; i++) {
		from -= bytes;
		val = 0;
		status = emu_read(ctxt, SREG_SS, low_bytes(from, emu_stack_bytes(ctxt)), &val,
				  bytes);
		if (!status)
			status = emu_push(ctxt, val, bytes);
		if (status)
			return status;
	}
	return emu_push(ctxt, *frame, bytes);
}

enum emu_status exec_enter(struct emulate_ctxt *ctxt)
{
	struct insn *insn = &ctxt->insn;
	unsigned int level = insn->imm2 & 31;
	enum emu_status status;
	u64 frame, size = insn->imm & 0xffff;

	status = emu_push(ctxt, ctxt->regs[GPR_RBP], insn->op_bytes);
	frame = ctxt->regs[GPR_RSP];
	if (!status && level)
		status = copy_display(ctxt, level, &frame);
	if (status)
		return status;
	emu_set_gpr(ctxt, GPR_RBP, insn->op_bytes, frame);
	set_stack_reg(ctxt, GPR_RSP, ctxt->regs[GPR_RSP] - size);
	return emu_probe_write(ctxt, SREG_SS, stack_reg(ctxt, GPR_RSP), insn->op_bytes);
}

enum emu_status exec_leave(struct emulate_ctxt *ctxt)
{
	enum emu_status status;
	u64 val;

	set_stack_reg(ctxt, GPR_RSP, ctxt->regs[GPR_RBP]);
	status = emu_pop(ctxt, &val, ctxt->insn.op_bytes);
	if (!status)
		emu_set_gpr(ctxt, GPR_RBP, ctxt->insn.op_bytes, val);
	return status;
}

static enum emu_status check_target(struct emulate_ctxt *ctxt, u64 target)
{
	struct emulate_segment cs;

	if (ctxt->mode == INSN_LONG64)
		return emu_is_canonical(ctxt, target) ? EMU_DONE : emulate_raise(ctxt, EMU_GP, 0);
	ctxt->ops->get_segment(ctxt, SREG_CS, &cs);
	return target > cs.limit ? emulate_raise(ctxt, EMU_GP, 0) : EMU_DONE;
}

enum emu_status emu_branch(struct emulate_ctxt *ctxt, u64 target)
{
	enum emu_status status;

	target = low_bytes(target, ctxt->insn.op_bytes);
	status = check_target(ctxt, target);
	if (!status)
		ctxt->rip = target;
	return status;
}

/* A stack fault goes before a bad target, which leaves the stack alone on AMD's processors. */
static enum emu_status push_and_branch(struct emulate_ctxt *ctxt, u64 target)
{
	unsigned int bytes = ctxt->insn.op_bytes;
	u64 next = ctxt->rip, rsp = ctxt->regs[GPR_RSP] - bytes;
	enum emu_status status;

	if (ctxt->intel) {
		status = emu_push(ctxt, next, bytes);
		return status ? status : emu_branch(ctxt, target);
	}
	status = emu_probe_write(ctxt, SREG_SS, low_bytes(rsp, emu_stack_bytes(ctxt)), bytes);
	if (!status)
		status = emu_branch(ctxt, target);
	return status ? status : emu_push(ctxt, next, bytes);
}

enum emu_status exec_call(struct emulate_ctxt *ctxt)
{
	return push_and_branch(ctxt, ctxt->rip + ctxt->insn.imm);
}

enum emu_status exec_jmp(struct emulate_ctxt *ctxt)
{
	return emu_branch(ctxt, ctxt->rip + ctxt->insn.imm);
}

enum emu_status exec_branch_ind(struct emulate_ctxt *ctxt)
{
	enum emu_status status;
	u64 target;

	status = emu_load(ctxt, &ctxt->insn.dst, &target);
	if (status)
		return status;
	if (ctxt->insn.op == OP_CALL_IND)
		return push_and_branch(ctxt, target);
	return emu_branch(ctxt, target);
}

enum emu_status exec_ret(struct emulate_ctxt *ctxt)
{
	struct insn *insn = &ctxt->insn;
	enum emu_status status;
	u64 target;

	status = emu_pop(ctxt, &target, insn->op_bytes);
	if (!status)
		status = emu_branch(ctxt, target);
	if (!status)
		set_stack_reg(ctxt, GPR_RSP, ctxt->regs[GPR_RSP] + (insn->imm & 0xffff));
	return status;
}

enum emu_status exec_jcc(struct emulate_ctxt *ctxt)
{
	if (!insn_condition(ctxt->insn.cc, ctxt->rflags))
		return EMU_DONE;
	return exec_jmp(ctxt);
}

/* loop, loope, loopne, jcxz: the counter has the address size. */
enum emu_status exec_loop(struct emulate_ctxt *ctxt)
{
	unsigned int bytes = ctxt->insn.addr_bytes;
	bool zf = ctxt->rflags & FL_ZF, taken;
	u64 count = low_bytes(ctxt->regs[GPR_RCX], bytes);

	if (ctxt->insn.op == OP_JCXZ)
		return count ? EMU_DONE : exec_jmp(ctxt);
	emu_set_gpr(ctxt, GPR_RCX, bytes, --count);
	taken = low_bytes(count, bytes);
	if (ctxt->insn.op == OP_LOOPE)
		taken &= zf;
	else if (ctxt->insn.op == OP_LOOPNE)
		taken &= !zf;
	return taken ? exec_jmp(ctxt) : EMU_DONE;
}
