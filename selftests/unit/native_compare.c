// SPDX-License-Identifier: GPL-2.0-only
/* Do the emulator and the processor agree, as far as the manuals say what has to come out? */
#include <cpuid.h>

#include "native_compare.h"

struct model model;
struct side before, native;
enum insn_mode mode;
unsigned long failures;

static unsigned long reported[OP_COUNT];

/* Flags that the manuals leave undefined after this instruction. */
static u64 undefined_flags(const struct insn *insn, u64 count)
{
	switch (insn->op) {
	case OP_OR: case OP_AND: case OP_XOR: case OP_TEST:
		return FL_AF;
	case OP_MUL: case OP_IMUL1: case OP_IMUL:
		return FL_SF | FL_ZF | FL_AF | FL_PF;
	case OP_DIV: case OP_IDIV:
		return FL_CF | FL_OF | FL_SF | FL_ZF | FL_AF | FL_PF;
	case OP_BT: case OP_BTS: case OP_BTR: case OP_BTC:
	case OP_TZCNT: case OP_LZCNT:
		return FL_OF | FL_SF | FL_AF | FL_PF;
	case OP_BSF: case OP_BSR:
		return FL_CF | FL_OF | FL_SF | FL_AF | FL_PF;
	case OP_ROL: case OP_ROR: case OP_RCL: case OP_RCR:
		return count == 1 ? 0 : FL_OF;
	case OP_SHL: case OP_SHR: case OP_SAL: case OP_SAR: case OP_SHLD: case OP_SHRD:
		return (count == 1 ? 0 : FL_OF) | FL_AF |
		       (count > 8u * insn->op_bytes ? FL_CF : 0);
	case OP_AAA: case OP_AAS:
		return FL_OF | FL_SF | FL_ZF | FL_PF;
	case OP_AAM: case OP_AAD:
		return FL_OF | FL_CF | FL_AF;
	case OP_DAA: case OP_DAS:
		return FL_OF;
	default:
		return 0;
	}
}

static u64 shift_count(const struct insn *insn, const u64 *regs)
{
	const struct insn_opnd *opnd = insn->src2.kind ? &insn->src2 : &insn->src;
	u64 count = opnd->kind == OPND_IMM ? (u64)insn->imm : regs[GPR_RCX];

	return count & (insn->op_bytes == 8 ? 63 : 31);
}

/* The result itself is undefined. */
static bool is_undefined(const struct insn *insn, const u64 *regs)
{
	if (insn->op == OP_SHLD || insn->op == OP_SHRD)
		return shift_count(insn, regs) > 8u * insn->op_bytes;
	return insn->op == OP_BSWAP && insn->op_bytes == 2;
}

/* What the processor beneath must not execute, or Linux would emulate itself. */
static bool is_excluded(const struct insn *insn)
{
	switch (insn->op) {
	case OP_SGDT: case OP_SIDT: case OP_SLDT: case OP_STR: case OP_SMSW:
		return true;
	case OP_MOV_TO_SEG: case OP_POP_SEG: case OP_LOAD_FAR_PTR:
		return true;
	case OP_CLFLUSH:
		/* emulated without asking whether a page is there */
		return true;
	case OP_MOVSX:
		/* movsxd to 16 bits: AMD reads 4 bytes, Intel 2 */
		return insn->src.bytes == insn->dst.bytes;
	case OP_LOOPE: case OP_LOOPNE:
		/* AMD lets a repeat prefix, which is reserved here, choose between the two */
		return insn->flags & (INSN_REP | INSN_REPNE);
	default:
		return false;
	}
}

bool host_is_amd(void)
{
	static int amd = -1;
	u32 eax, ebx, ecx, edx;

	if (amd < 0)
		amd = __get_cpuid(0, &eax, &ebx, &ecx, &edx) && ebx == signature_AMD_ebx;
	return amd;
}

/*
 * Where the architecture leaves a choice the emulator does as AMD's processors do: on others
 * these are left out. Which of two faults comes first, what is in the upper half of a register
 * that is not written, or of a 32-bit slot with a segment register.
 */
static bool is_vendors_choice(const struct insn *insn, enum emu_status status)
{
	switch (insn->op) {
	case OP_CMPXCHG:
		return insn->dst.kind == OPND_REG && insn->op_bytes == 4;
	case OP_PUSH_SEG:
		return insn->op_bytes == 4;
	case OP_CMPS: case OP_PUSHA: case OP_CALL: case OP_CALL_IND: case OP_ENTER:
		return status == EMU_FAULT;
	default:
		return false;
	}
}

/* Has the comparison with the processor beneath a meaning? */
bool comparable(const struct insn *insn, enum emu_status status)
{
	return !is_excluded(insn) && !is_undefined(insn, before.state.regs) &&
	       (host_is_amd() || !is_vendors_choice(insn, status));
}

static void dump_bytes(const u8 *bytes, unsigned int n)
{
	unsigned int i;

	fprintf(stderr, "# bytes:");
	for (i = 0; i < n; i++)
		fprintf(stderr, " %02x", bytes[i]);
	fprintf(stderr, "\n");
}

static void report(const char *what, u64 flags_mask)
{
	struct emulate_ctxt *ctxt = &model.ctxt;
	unsigned int i;

	failures++;
	if (reported[ctxt->insn.op]++)
		return;
	dump_bytes(ctxt->code, ctxt->insn.length);
	fprintf(stderr, "# op %u, seed %#llx: %s\n", ctxt->insn.op, (unsigned long long)seed, what);
	for (i = 0; i < GPR_COUNT; i++)
		fprintf(stderr, "# r%-2u before %016llx emulated %016llx native %016llx%s\n", i,
			(unsigned long long)before.state.regs[i], (unsigned long long)ctxt->regs[i],
			(unsigned long long)native.state.regs[i],
			ctxt->regs[i] == native.state.regs[i] ? "" : " <--");
	fprintf(stderr, "# rip before %llx emulated %llx native %llx\n",
		(unsigned long long)before.state.rip, (unsigned long long)ctxt->rip,
		(unsigned long long)native.state.rip);
	fprintf(stderr, "# flags before %llx emulated %llx native %llx (of %llx)\n",
		(unsigned long long)before.state.rflags, (unsigned long long)ctxt->rflags,
		(unsigned long long)native.state.rflags, (unsigned long long)flags_mask);
	fprintf(stderr, "# emulated vector %u error %x cr2 %llx\n", ctxt->fault.vector,
		ctxt->fault.error, (unsigned long long)ctxt->fault.cr2);
	fprintf(stderr, "# native   vector %u error %x cr2 %llx\n", native.end.vector,
		native.end.error, (unsigned long long)native.end.cr2);
	for (i = 0; i < MODEL_BYTES; i++)
		if (model.memory[i] != ((u8 *)ARENA_RW)[i])
			fprintf(stderr, "# memory %#lx emulated %02x native %02x\n", ARENA_RW + i,
				model.memory[i], ((u8 *)ARENA_RW)[i]);
}

static const char *compare_fault(const struct emulate_fault *fault)
{
	if (native.end.vector != fault->vector)
		return "fault vector";
	if (fault->has_error && native.end.error != fault->error)
		return "error code";
	if (fault->vector == EMU_PF && native.end.cr2 != fault->cr2)
		return "cr2";
	return NULL;
}

/* Outside 64-bit mode what is not visible is not defined either. */
static bool same_registers(void)
{
	const u64 *a = model.ctxt.regs, *b = native.state.regs;
	unsigned int i;

	if (mode == INSN_LONG64)
		return !memcmp(a, b, sizeof(model.ctxt.regs));
	for (i = 0; i < GPR_R8; i++)
		if ((u32)a[i] != (u32)b[i])
			return false;
	return true;
}

static const char *compare_state(u64 flags_mask)
{
	struct emulate_ctxt *ctxt = &model.ctxt;

	if (!same_registers())
		return "registers";
	if (ctxt->rip != native.state.rip)
		return "rip";
	if ((ctxt->rflags ^ native.state.rflags) & flags_mask)
		return "flags";
	if (memcmp(model.memory, (void *)ARENA_RW, MODEL_BYTES))
		return "memory";
	if (memcmp(model.xmm, native.state.xmm, sizeof(model.xmm)))
		return "xmm registers";
	return NULL;
}

void compare(enum emu_status status)
{
	struct insn *insn = &model.ctxt.insn;
	u64 mask = FL_COMPARED;
	const char *wrong;

	if (status == EMU_FAULT)
		wrong = compare_fault(&model.ctxt.fault);
	else
		wrong = native.end.vector == EMU_DB ? NULL : "the processor faults";
	if (status == EMU_DONE)
		mask &= ~undefined_flags(insn, shift_count(insn, before.state.regs));
	/* a popa that faults half way has loaded some registers, or none: both are allowed */
	if (!wrong && !(status == EMU_FAULT && insn->op == OP_POPA))
		wrong = compare_state(mask);
	if (wrong)
		report(wrong, mask);
}
