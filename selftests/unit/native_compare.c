// SPDX-License-Identifier: GPL-2.0-only
/* Do the emulator and the processor agree, as far as the manuals say what has to come out? */
#include <cpuid.h>

#include "native_compare.h"

struct model model[LIKES];
struct side before, native;
enum insn_mode mode;
unsigned long failures;
bool quiet;
unsigned long seen[LIKES][OP_COUNT];

static unsigned long reported[OP_COUNT];
static unsigned long otherwise;
static bool tolerant;		/* of what neither vendor's processors were seen to do */

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

static bool cpuid_bit(u32 leaf, char reg, unsigned int bit)
{
	u32 eax, ebx, ecx, edx;

	if (!__get_cpuid_count(leaf, 0, &eax, &ebx, &ecx, &edx))
		return false;
	return (reg == 'b' ? ebx : ecx) >> bit & 1;
}

/* Not on every x86-64 processor: elsewhere these are others, or none. */
static bool is_missing(const struct insn *insn)
{
	switch (insn->op) {
	case OP_POPCNT: return !cpuid_bit(1, 'c', 23);
	case OP_MOVBE: return !cpuid_bit(1, 'c', 22);
	case OP_CMPXCHG8B: return insn->dst.bytes == 16 && !cpuid_bit(1, 'c', 13);
	case OP_LZCNT: return !cpuid_bit(0x80000001, 'c', 5);
	case OP_TZCNT: return !cpuid_bit(7, 'b', 3);
	case OP_LAHF: case OP_SAHF:
		return mode == INSN_LONG64 && !cpuid_bit(0x80000001, 'c', 0);
	case OP_MOV_XMM:	/* SSE3, SSE4.1 */
		return (insn->opcode == 0xf0 && !cpuid_bit(1, 'c', 0)) ||
		       (insn->map == 3 && !cpuid_bit(1, 'c', 19));
	case OP_NOP: case OP_OTHER:	/* MPX, control-flow enforcement, CLDEMOTE */
		return insn->map == 2 && insn->opcode >= 0x1a && insn->opcode <= 0x1e;
	default:
		return false;
	}
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

/* Has the comparison with the processor beneath a meaning? */
bool comparable(const struct insn *insn)
{
	return !is_excluded(insn) && !is_missing(insn) &&
	       !is_undefined(insn, before.state.regs);
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
	const struct model *emulated = &model[LIKE_AMD];
	const struct emulate_ctxt *ctxt = &emulated->ctxt;
	unsigned int i;

	failures++;
	if (quiet || reported[ctxt->insn.op]++)
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
		if (emulated->memory[i] != ((u8 *)ARENA_RW)[i])
			fprintf(stderr, "# memory %#lx emulated %02x native %02x\n", ARENA_RW + i,
				emulated->memory[i], ((u8 *)ARENA_RW)[i]);
}

/* Both operands may fault, and which of them is reported is not written anywhere. */
static bool order_is_open(const struct insn *insn)
{
	unsigned int vector = native.end.vector;

	return tolerant && insn->op == OP_CMPS &&
	       (vector == EMU_PF || vector == EMU_GP || vector == EMU_SS || vector == EMU_AC);
}

static const char *compare_fault(const struct insn *insn, const struct emulate_fault *fault)
{
	if (order_is_open(insn))
		return NULL;
	if (native.end.vector != fault->vector)
		return "fault vector";
	if (fault->has_error && native.end.error != fault->error)
		return "error code";
	if (fault->vector == EMU_PF && native.end.cr2 != fault->cr2)
		return "cr2";
	return NULL;
}

/* A 32-bit register that is not written after all may keep its upper half or lose it. */
static bool upper_half_is_open(const struct insn *insn, unsigned int reg)
{
	if (!tolerant)
		return false;
	switch (insn->op) {
	case OP_MOVS: case OP_CMPS: case OP_STOS: case OP_LODS: case OP_SCAS:
		return insn->addr_bytes == 4 && (insn->flags & (INSN_REP | INSN_REPNE)) &&
		       (reg == GPR_RCX || reg == GPR_RSI || reg == GPR_RDI);
	case OP_BSF: case OP_BSR:
		return insn->op_bytes == 4 && insn->dst.reg == reg;
	case OP_CMPXCHG:
		return insn->op_bytes == 4 &&
		       (reg == GPR_RAX || (insn->dst.kind == OPND_REG && insn->dst.reg == reg));
	default:
		return false;
	}
}

/* Outside 64-bit mode what is not visible is not defined either. */
static bool same_registers(const struct insn *insn, const u64 *emulated, const u64 *found)
{
	unsigned int i;
	bool open;

	for (i = 0; i < GPR_COUNT; i++) {
		open = mode != INSN_LONG64 ||
		       (upper_half_is_open(insn, i) && found[i] == (u32)found[i]);
		if (open ? (u32)emulated[i] != (u32)found[i] : emulated[i] != found[i])
			return false;
	}
	return true;
}

/* What lies below the stack pointer, after an instruction that pushes several times and faults. */
static bool stack_is_open(const struct model *emulated, u64 addr)
{
	const struct insn *insn = &emulated->ctxt.insn;
	u64 below;

	if (!tolerant || emulated->status != EMU_FAULT ||
	    (insn->op != OP_PUSHA && insn->op != OP_ENTER))
		return false;
	below = before.state.regs[GPR_RSP] + data_base() - addr - 1;
	return below < 33u * insn->op_bytes;
}

static bool same_memory(const struct model *emulated)
{
	const u8 *found = (u8 *)ARENA_RW;
	unsigned int i;

	if (!memcmp(emulated->memory, found, MODEL_BYTES))
		return true;
	for (i = 0; i < MODEL_BYTES; i++)
		if (emulated->memory[i] != found[i] && !stack_is_open(emulated, ARENA_RW + i))
			return false;
	return true;
}

static const char *compare_state(const struct model *emulated, u64 flags_mask)
{
	const struct emulate_ctxt *ctxt = &emulated->ctxt;

	if (!same_registers(&ctxt->insn, ctxt->regs, native.state.regs))
		return "registers";
	if (ctxt->rip != native.state.rip)
		return "rip";
	if ((ctxt->rflags ^ native.state.rflags) & flags_mask)
		return "flags";
	if (!same_memory(emulated))
		return "memory";
	if (memcmp(emulated->xmm, native.state.xmm, sizeof(emulated->xmm)))
		return "xmm registers";
	return NULL;
}

static u64 compared_flags(const struct model *emulated)
{
	const struct insn *insn = &emulated->ctxt.insn;

	if (emulated->status != EMU_DONE)
		return FL_COMPARED;
	return (FL_COMPARED | (emulated->ctxt.intel ? FL_RF : 0)) &
	       ~undefined_flags(insn, shift_count(insn, before.state.regs));
}

/* What the processor did otherwise than the emulator; NULL: nothing. */
const char *difference(const struct model *emulated)
{
	const struct insn *insn = &emulated->ctxt.insn;
	const char *wrong;

	if (emulated->status == EMU_FAULT)
		wrong = compare_fault(insn, &emulated->ctxt.fault);
	else
		wrong = native.end.vector == EMU_DB ? NULL : "the processor faults";
	/* a popa that faults half way has loaded some registers, or none: both are allowed */
	if (!wrong && !(emulated->status == EMU_FAULT && insn->op == OP_POPA))
		wrong = compare_state(emulated, compared_flags(emulated));
	return wrong;
}

/* All of it as one vendor's processors do, or all of it as the other's. */
void compare(void)
{
	const char *wrong[LIKES];

	tolerant = false;
	wrong[LIKE_AMD] = difference(&model[LIKE_AMD]);
	wrong[LIKE_INTEL] = difference(&model[LIKE_INTEL]);
	if (!wrong[LIKE_AMD] && !wrong[LIKE_INTEL])
		return;
	if (!wrong[LIKE_AMD] || !wrong[LIKE_INTEL]) {
		seen[wrong[LIKE_AMD] ? LIKE_INTEL : LIKE_AMD][model[LIKE_AMD].ctxt.insn.op]++;
		return;
	}
	tolerant = true;
	if (!difference(&model[LIKE_AMD]) || !difference(&model[LIKE_INTEL]))
		otherwise++;
	else
		report(wrong[LIKE_AMD], compared_flags(&model[LIKE_AMD]));
}

static const char *name_of_choice(unsigned int op)
{
	switch (op) {
	case OP_XCHG: return "f3 90 with REX.B";
	case OP_CMPS: return "flags of repeated CMPS";
	case OP_SCAS: return "flags of repeated SCAS";
	case OP_PUSH_SEG: return "upper half of a pushed selector";
	case OP_CALL: return "stack after a CALL that faults";
	case OP_CALL_IND: return "stack after an indirect CALL that faults";
	case OP_MOV_XMM: return "#AC for 16 bytes";
	case OP_MOVS: return "upper halves after a MOVS that does nothing";
	case OP_STOS: return "upper halves after a STOS that does nothing";
	case OP_LODS: return "upper half of RCX after a LODS that does nothing";
	default: return "66 before a near branch, or something else";
	}
}

void say_what_was_seen(void)
{
	unsigned int op;

	for (op = 0; op < OP_COUNT; op++)
		if (seen[LIKE_AMD][op] || seen[LIKE_INTEL][op])
			printf("# %s: %lu times as AMD's processors, %lu times as Intel's\n",
			       name_of_choice(op), seen[LIKE_AMD][op], seen[LIKE_INTEL][op]);
	if (otherwise)
		printf("# %lu times in another way that the manuals leave open\n", otherwise);
}
