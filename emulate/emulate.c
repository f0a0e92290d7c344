// SPDX-License-Identifier: GPL-2.0-only
/* One instruction: fetch, decode, execute, and commit or roll back. */
#include "internal.h"

static const exec_fn executors[OP_COUNT] = {
	[OP_MOV] = exec_mov, [OP_MOVNTI] = exec_mov, [OP_MOVZX] = exec_mov,
	[OP_MOVSX] = exec_movsx, [OP_MOVBE] = exec_movbe,
	[OP_MOV_FROM_SEG] = exec_mov_from_seg, [OP_MOV_TO_SEG] = exec_mov_to_seg,
	[OP_LOAD_FAR_PTR] = exec_load_far_ptr,
	[OP_XCHG] = exec_xchg, [OP_CMPXCHG] = exec_cmpxchg, [OP_CMPXCHG8B] = exec_cmpxchg8b,
	[OP_XADD] = exec_xadd, [OP_LEA] = exec_lea, [OP_CMOVCC] = exec_cmovcc,
	[OP_SETCC] = exec_setcc, [OP_BSWAP] = exec_bswap, [OP_XLAT] = exec_xlat,
	[OP_CBW] = exec_cbw, [OP_CWD] = exec_cwd, [OP_LAHF] = exec_lahf, [OP_SAHF] = exec_sahf,
	[OP_MOV_XMM] = exec_mov_xmm, [OP_MOV_XMM_HALF] = exec_mov_xmm_half,

	[OP_ADD ... OP_CMP] = exec_alu, [OP_TEST] = exec_test,
	[OP_NOT ... OP_DEC] = exec_alu,
	[OP_MUL] = exec_mul, [OP_IMUL1] = exec_mul, [OP_IMUL] = exec_imul,
	[OP_DIV] = exec_div, [OP_IDIV] = exec_div,
	[OP_ROL ... OP_SHRD] = exec_shift,
	[OP_BT ... OP_BTC] = exec_bit_test, [OP_BSF ... OP_POPCNT] = exec_bit_scan,
	[OP_DAA ... OP_AAD] = exec_decimal,

	[OP_PUSH] = exec_push, [OP_PUSH_SEG] = exec_push_seg,
	[OP_POP] = exec_pop, [OP_POP_SEG] = exec_pop_seg,
	[OP_PUSHA] = exec_pusha, [OP_POPA] = exec_popa,
	[OP_PUSHF] = exec_pushf, [OP_POPF] = exec_popf,
	[OP_ENTER] = exec_enter, [OP_LEAVE] = exec_leave,
	[OP_CALL] = exec_call, [OP_CALL_IND] = exec_branch_ind, [OP_CALL_FAR] = exec_branch_far,
	[OP_JMP] = exec_jmp, [OP_JMP_IND] = exec_branch_ind, [OP_JMP_FAR] = exec_branch_far,
	[OP_RET] = exec_ret, [OP_RET_FAR] = exec_ret_far, [OP_IRET] = exec_iret,
	[OP_JCC] = exec_jcc, [OP_LOOP ... OP_JCXZ] = exec_loop,
	[OP_INT] = exec_int, [OP_INT3] = exec_int, [OP_INTO] = exec_int,

	[OP_CLC ... OP_STD] = exec_flag, [OP_CLI] = exec_cli_sti, [OP_STI] = exec_cli_sti,
	[OP_NOP ... OP_FENCE] = exec_nop, [OP_UD] = exec_ud,
	[OP_IN] = exec_in, [OP_OUT] = exec_out, [OP_HLT] = exec_hlt, [OP_CPUID] = exec_cpuid,
	[OP_RDMSR] = exec_rdmsr, [OP_WRMSR] = exec_wrmsr,
	[OP_RDTSC] = exec_rdtsc, [OP_RDTSCP] = exec_rdtsc,
	[OP_MOV_FROM_CR] = exec_mov_from_cr, [OP_MOV_TO_CR] = exec_mov_to_cr,
	[OP_MOV_FROM_DR] = exec_mov_from_dr, [OP_MOV_TO_DR] = exec_mov_to_dr,
	[OP_CLTS] = exec_clts, [OP_LMSW] = exec_lmsw, [OP_SMSW] = exec_smsw,
	[OP_SGDT] = exec_store_dt, [OP_SIDT] = exec_store_dt,
	[OP_LGDT] = exec_load_dt, [OP_LIDT] = exec_load_dt,
	[OP_SLDT] = exec_sldt, [OP_STR] = exec_sldt,
	[OP_LLDT] = exec_lldt, [OP_LTR] = exec_lldt,
	[OP_VERR ... OP_LSL] = exec_query_segment,
	[OP_INVLPG] = exec_invlpg, [OP_INVPCID] = exec_invpcid,
	[OP_INVD] = exec_wbinvd, [OP_WBINVD] = exec_wbinvd, [OP_RSM] = exec_rsm,
};

enum emu_status emulate_raise(struct emulate_ctxt *ctxt, u8 vector, u32 error)
{
	ctxt->fault = (struct emulate_fault) {
		.vector = vector,
		.has_error = (vector >= EMU_TS && vector <= EMU_GP) || vector == EMU_AC,
		.error = error,
	};
	return EMU_FAULT;
}

enum emu_status emulate_raise_pf(struct emulate_ctxt *ctxt, gva_t addr, u32 error)
{
	ctxt->fault = (struct emulate_fault) {
		.vector = EMU_PF, .has_error = true, .error = error, .cr2 = addr,
	};
	return EMU_FAULT;
}

/* The op never sees a range that crosses a page: the next page may not be needed at all. */
static enum emu_status fetch_more(struct emulate_ctxt *ctxt)
{
	struct emulate_segment cs;
	u64 offset = ctxt->rip + ctxt->code_len;
	unsigned int bytes = INSN_MAX_BYTES - ctxt->code_len, room;
	enum emu_status status;

	ctxt->ops->get_segment(ctxt, SREG_CS, &cs);
	if (ctxt->mode != INSN_LONG64) {
		offset = (u32)offset;
		if (offset > cs.limit)
			return emulate_raise(ctxt, EMU_GP, 0);
		if (bytes - 1 > cs.limit - offset)
			bytes = cs.limit - offset + 1;
		offset = (u32)(offset + cs.base);
	} else if (!emu_is_canonical(ctxt, offset)) {
		return emulate_raise(ctxt, EMU_GP, 0);
	}
	room = 0x1000 - (offset & 0xfff);
	if (bytes > room)
		bytes = room;
	status = ctxt->ops->fetch(ctxt, offset, ctxt->code + ctxt->code_len, bytes);
	if (!status)
		ctxt->code_len += bytes;
	return status;
}

static int decode(struct emulate_ctxt *ctxt)
{
	return insn_decode_as(&ctxt->insn, ctxt->code, ctxt->code_len, ctxt->mode,
			      ctxt->intel ? INSN_INTEL : INSN_AMD);
}

static enum emu_status fetch_and_decode(struct emulate_ctxt *ctxt)
{
	enum emu_status status = EMU_DONE;
	int decoded = INSN_MORE;

	if (ctxt->code_len)
		decoded = decode(ctxt);
	while (decoded == INSN_MORE && !status) {
		status = fetch_more(ctxt);
		if (!status)
			decoded = decode(ctxt);
	}
	if (status)
		return status;
	switch (decoded) {
	case INSN_OK:
		ctxt->decoded = true;
		return EMU_DONE;
	case INSN_INVALID:
		return emulate_raise(ctxt, EMU_UD, 0);
	case INSN_TOO_LONG:
		return emulate_raise(ctxt, EMU_GP, 0);
	default:
		return EMU_UNHANDLED;
	}
}

static void save_state(struct emulate_ctxt *ctxt)
{
	__builtin_memcpy(ctxt->rollback.regs, ctxt->regs, sizeof(ctxt->regs));
	ctxt->rollback.rip = ctxt->rip;
	ctxt->rollback.rflags = ctxt->rflags;
}

static void restore_state(struct emulate_ctxt *ctxt)
{
	__builtin_memcpy(ctxt->regs, ctxt->rollback.regs, sizeof(ctxt->regs));
	ctxt->rip = ctxt->rollback.rip;
	ctxt->rflags = ctxt->rollback.rflags;
	ctxt->shadow = 0;
}

static enum emu_status execute(struct emulate_ctxt *ctxt)
{
	exec_fn fn = executors[ctxt->insn.op];

	ctxt->rip += ctxt->insn.length;
	if (ctxt->mode != INSN_LONG64)
		ctxt->rip = (u32)ctxt->rip;
	if (emu_is_string(&ctxt->insn))
		return emu_string(ctxt);
	return fn ? fn(ctxt) : EMU_UNHANDLED;
}

/* Began with TF set. MOV SS puts the trap off; through a gate TF is cleared, and none is due. */
static bool step_due(const struct emulate_ctxt *ctxt)
{
	switch (ctxt->insn.op) {
	case OP_INT:
	case OP_INT3:
	case OP_INTO:
		return ctxt->rflags & FL_TF;
	default:
		return !(ctxt->shadow & EMU_SHADOW_MOV_SS);
	}
}

enum emu_status emulate(struct emulate_ctxt *ctxt)
{
	bool tf = ctxt->rflags & FL_TF;
	enum emu_status status;

	ctxt->decoded = false;
	ctxt->shadow = 0;
	ctxt->tf_trap = false;
	ctxt->task_switched = false;
	ctxt->traps = 0;
	ctxt->rep_partial = false;
	save_state(ctxt);

	status = fetch_and_decode(ctxt);
	if (!status)
		status = execute(ctxt);
	if (status) {
		restore_state(ctxt);
		return status;
	}
	/* Flags and all are another's. */
	if (ctxt->task_switched || ctxt->insn.op == OP_RSM)
		return EMU_DONE;
	if (!ctxt->rep_partial && ctxt->insn.op != OP_IRET)
		ctxt->rflags &= ~FL_RF;
	ctxt->tf_trap = tf && step_due(ctxt);
	return EMU_DONE;
}
