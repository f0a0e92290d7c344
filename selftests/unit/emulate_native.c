// SPDX-License-Identifier: GPL-2.0-only
/*
 * Random instructions on the emulator and on the processor beneath: registers, flags, memory
 * and faults have to be the same.
 *
 * The emulator goes first and tells which memory the instruction touches; only when all of it
 * lies within the arena does the processor execute it.
 */
#define TAP_MAIN
#include <asm/ldt.h>
#include <cpuid.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include "tap.h"
#include "emulate_native.h"

#define PAGE		4096UL
#define ARENA		0x10000000UL	/* no access, 2 pages rw, 1 page ro, no access */
#define ARENA_RW	(ARENA + PAGE)
#define ARENA_RO	(ARENA + 3 * PAGE)
#define ARENA_END	(ARENA + 5 * PAGE)
#define MODEL_BYTES	(3 * PAGE)
#define CODE		0x10010000UL

#define FL_CF	0x1
#define FL_PF	0x4
#define FL_AF	0x10
#define FL_ZF	0x40
#define FL_SF	0x80
#define FL_TF	0x100
#define FL_IF	0x200
#define FL_DF	0x400
#define FL_OF	0x800
#define FL_AC	0x40000
#define FL_COMPARED (FL_CF | FL_PF | FL_AF | FL_ZF | FL_SF | FL_DF | FL_OF | FL_AC | 0x204000)

static u64 seed = 1;

static u64 rnd(void)
{
	u64 z = seed += 0x9e3779b97f4a7c15;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
	z = (z ^ z >> 27) * 0x94d049bb133111eb;
	return z ^ z >> 31;
}

static bool one_in(unsigned int n)
{
	return rnd() % n == 0;
}

/*
 * Outside 64-bit mode the segments come from an LDT: data segments with their base at the arena
 * and limits within it, a code segment that is the page of code.
 */
enum {
	LDT_CODE32, LDT_CODE16, LDT_DATA, LDT_DOWN, LDT_READ_ONLY, LDT_STACK32, LDT_STACK16,
	LDT_COUNT
};

static const struct user_desc descriptors[LDT_COUNT] = {
	[LDT_CODE32] = { .base_addr = CODE, .limit = PAGE - 1, .seg_32bit = 1, .contents = 2 },
	[LDT_CODE16] = { .base_addr = CODE, .limit = PAGE - 1, .contents = 2 },
	[LDT_DATA] = { .base_addr = ARENA, .limit = 3 * PAGE + 99, .seg_32bit = 1 },
	[LDT_DOWN] = { .base_addr = ARENA, .limit = PAGE + 99, .contents = 1 },
	[LDT_READ_ONLY] = { .base_addr = ARENA, .limit = 4 * PAGE, .read_exec_only = 1 },
	[LDT_STACK32] = { .base_addr = ARENA, .limit = 4 * PAGE - 1, .seg_32bit = 1 },
	[LDT_STACK16] = { .base_addr = ARENA, .limit = 0xffff },
};

static enum insn_mode mode;

static u16 ldt_selector(unsigned int entry)
{
	return entry << 3 | 7;
}

/* Which of them a segment register has, in the modes that use them. */
static unsigned int ldt_entry(enum seg_reg reg)
{
	bool is_32bit = mode == INSN_PROT32;

	switch (reg) {
	case SREG_CS: return is_32bit ? LDT_CODE32 : LDT_CODE16;
	case SREG_SS: return is_32bit ? LDT_STACK32 : LDT_STACK16;
	case SREG_ES: return LDT_DOWN;
	case SREG_GS: return LDT_READ_ONLY;
	default: return LDT_DATA;
	}
}

/* What has to be added to the base of a segment to reach an address in the arena. */
static u64 data_base(void)
{
	return mode == INSN_LONG64 ? 0 : ARENA;
}

/* The emulator's side. */
struct model {
	u8 memory[MODEL_BYTES];
	u8 xmm[16][16];
	bool unsafe;
	struct emulate_ctxt ctxt;
};

static bool in_pages(gva_t addr, gva_t from, gva_t to)
{
	return addr >= from && addr < to;
}

/* Check all bytes; a fault names the first byte of the first bad page, as the processor does. */
static enum emu_status check(struct emulate_ctxt *ctxt, gva_t addr, unsigned int bytes, bool write)
{
	struct model *model = ctxt->priv;
	unsigned int i;

	if (addr < ARENA || addr > ARENA_END - bytes) {
		model->unsafe = true;
		return EMU_UNHANDLED;
	}
	for (i = 0; i < bytes; i++) {
		if (!in_pages(addr + i, ARENA_RW, ARENA_RO + PAGE))
			return emulate_raise_pf(ctxt, addr + i, write ? 6 : 4);
		if (write && addr + i >= ARENA_RO)
			return emulate_raise_pf(ctxt, addr + i, 7);
	}
	return EMU_DONE;
}

static enum emu_status op_fetch(struct emulate_ctxt *ctxt, gva_t addr, void *buf,
				unsigned int bytes)
{
	if (!in_pages(addr, CODE, CODE + PAGE))
		return emulate_raise_pf(ctxt, addr, 0x14);
	memcpy(buf, (void *)addr, bytes);
	return EMU_DONE;
}

static enum emu_status op_read(struct emulate_ctxt *ctxt, gva_t addr, void *buf,
			       unsigned int bytes, unsigned int flags)
{
	struct model *model = ctxt->priv;
	enum emu_status status = check(ctxt, addr, bytes, flags & EMU_ACC_RMW);

	if (!status)
		memcpy(buf, model->memory + (addr - ARENA_RW), bytes);
	return status;
}

static enum emu_status op_write(struct emulate_ctxt *ctxt, gva_t addr, const void *buf,
				unsigned int bytes, unsigned int flags)
{
	struct model *model = ctxt->priv;
	enum emu_status status = check(ctxt, addr, bytes, true);

	(void)flags;
	if (!status)
		memcpy(model->memory + (addr - ARENA_RW), buf, bytes);
	return status;
}

static enum emu_status op_probe(struct emulate_ctxt *ctxt, gva_t addr, unsigned int bytes,
				unsigned int flags)
{
	(void)flags;
	return check(ctxt, addr, bytes, true);
}

static enum emu_status op_cmpxchg(struct emulate_ctxt *ctxt, gva_t addr, void *old,
				  const void *new, unsigned int bytes, bool *swapped)
{
	struct model *model = ctxt->priv;
	enum emu_status status = check(ctxt, addr, bytes, true);
	u8 *mem = model->memory + (addr - ARENA_RW);

	if (status)
		return status;
	*swapped = !memcmp(mem, old, bytes);
	if (*swapped)
		memcpy(mem, new, bytes);
	else
		memcpy(old, mem, bytes);
	return EMU_DONE;
}

static u16 native_selector(enum seg_reg reg)
{
	u16 sel = 0;

	if (mode != INSN_LONG64 && reg != SREG_FS)
		return ldt_selector(ldt_entry(reg));
	switch (reg) {
	case SREG_ES: __asm__("mov %%es, %0" : "=r"(sel)); break;
	case SREG_CS: __asm__("mov %%cs, %0" : "=r"(sel)); break;
	case SREG_SS: __asm__("mov %%ss, %0" : "=r"(sel)); break;
	case SREG_DS: __asm__("mov %%ds, %0" : "=r"(sel)); break;
	case SREG_FS: __asm__("mov %%fs, %0" : "=r"(sel)); break;
	case SREG_GS: __asm__("mov %%gs, %0" : "=r"(sel)); break;
	default: break;
	}
	return sel;
}

static void segment_64(enum seg_reg reg, struct emulate_segment *seg)
{
	*seg = (struct emulate_segment) {
		.limit = 0xffffffff, .selector = native_selector(reg), .type = 3, .dpl = 3,
		.s = true, .present = true, .db = true, .g = true,
	};
	if (reg == SREG_CS)
		seg->type = 11;
	if (reg == SREG_FS)
		seg->base = 0x7f0000000000;
}

static void segment_ldt(enum seg_reg reg, struct emulate_segment *seg)
{
	const struct user_desc *desc = &descriptors[ldt_entry(reg)];

	*seg = (struct emulate_segment) {
		.base = desc->base_addr, .limit = desc->limit, .selector = native_selector(reg),
		.type = 1 | !desc->read_exec_only << 1 | desc->contents << 2, .dpl = 3, .s = true,
		.present = true, .db = desc->seg_32bit,
	};
}

/* No I/O bitmap in the TSS. FS is the C library's: nothing in there is safe. */
static void op_get_segment(struct emulate_ctxt *ctxt, enum seg_reg reg, struct emulate_segment *seg)
{
	struct model *model = ctxt->priv;

	if (reg == SREG_TR)
		*seg = (struct emulate_segment) { .limit = 103, .type = 11, .present = true };
	else if (mode == INSN_LONG64)
		segment_64(reg, seg);
	else
		segment_ldt(reg, seg);
	if (reg == SREG_FS && ctxt->insn.seg == SREG_FS)
		model->unsafe = true;
}

/* PE, ET, NE, WP, AM, PG; PAE, OSFXSR */
static enum emu_status op_read_cr(struct emulate_ctxt *ctxt, unsigned int nr, u64 *val)
{
	(void)ctxt;
	*val = nr == 0 ? 0x80050033 : nr == 4 ? 0x620 : 0;
	return EMU_DONE;
}

static enum emu_status op_read_xmm(struct emulate_ctxt *ctxt, unsigned int nr, void *val)
{
	struct model *model = ctxt->priv;

	memcpy(val, model->xmm[nr], 16);
	return EMU_DONE;
}

static enum emu_status op_write_xmm(struct emulate_ctxt *ctxt, unsigned int nr, const void *val)
{
	struct model *model = ctxt->priv;

	memcpy(model->xmm[nr], val, 16);
	return EMU_DONE;
}

static enum emu_status op_io(struct emulate_ctxt *ctxt, u16 port, void *buf, unsigned int bytes)
{
	(void)ctxt, (void)port, (void)buf, (void)bytes;
	return EMU_UNHANDLED;
}

static enum emu_status op_io_out(struct emulate_ctxt *ctxt, u16 port, const void *buf,
				 unsigned int bytes)
{
	(void)ctxt, (void)port, (void)buf, (void)bytes;
	return EMU_UNHANDLED;
}

static const struct emulate_ops ops = {
	.fetch = op_fetch, .read = op_read, .write = op_write, .probe = op_probe,
	.cmpxchg = op_cmpxchg, .get_segment = op_get_segment, .read_cr = op_read_cr,
	.read_xmm = op_read_xmm, .write_xmm = op_write_xmm,
	.io_in = op_io, .io_out = op_io_out,
};

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

static bool host_is_amd(void)
{
	u32 eax, ebx, ecx, edx;

	return __get_cpuid(0, &eax, &ebx, &ecx, &edx) && ebx == signature_AMD_ebx;
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

struct side {
	struct native_state state;
	struct native_end end;
};

static struct model model;
static bool on_amd;
static struct side before, native;
static unsigned long executed, faulted, failures, by_op[OP_COUNT], reported[OP_COUNT];

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

static void compare(enum emu_status status)
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

static void run_both(void)
{
	struct emulate_ctxt *ctxt = &model.ctxt;
	enum emu_status status;

	memcpy(model.memory, (void *)ARENA_RW, MODEL_BYTES);
	memcpy(model.xmm, before.state.xmm, sizeof(model.xmm));
	model.unsafe = false;
	*ctxt = (struct emulate_ctxt) {
		.ops = &ops, .priv = &model, .rip = before.state.rip,
		.rflags = before.state.rflags, .mode = mode, .cpl = 3,
	};
	memcpy(ctxt->regs, before.state.regs, sizeof(ctxt->regs));
	status = emulate(ctxt);
	if (!ctxt->decoded || model.unsafe || is_excluded(&ctxt->insn) ||
	    (status != EMU_DONE && status != EMU_FAULT) ||
	    is_undefined(&ctxt->insn, before.state.regs))
		return;
	if (!on_amd && is_vendors_choice(&ctxt->insn, status))
		return;
	native.state = before.state;
	native_step(&native.state, &native.end);
	executed++;
	faulted += status == EMU_FAULT;
	by_op[ctxt->insn.op]++;
	compare(status);
}

static u64 random_pointer(void)
{
	static const u64 edges[] = {
		ARENA_RW, ARENA_RW + PAGE, ARENA_RO, ARENA_RO + PAGE, ARENA_RW + 256,
	};
	u64 base = edges[rnd() % 5];

	return one_in(3) ? base + (s64)(rnd() % 64) - 32 : ARENA_RW + 64 + rnd() % (2 * PAGE - 128);
}

static u64 random_value(void)
{
	static const u64 special[] = {
		0, 1, ~0ULL, 0x7f, 0x80, 0xff, 0x7fff, 0x8000, 0xffff, 0x7fffffff, 0x80000000,
		0xffffffff, 0x7fffffffffffffff, 0x8000000000000000, 9, 0x99,
	};

	switch (rnd() % 8) {
	case 0: case 1: return special[rnd() % 16];
	case 2: return rnd();
	case 3: return rnd() % 64;
	default: return random_pointer() - data_base();
	}
}

/* Only 8 registers of 32 bits; of esp, Linux restores 16 with a stack segment of 16 bits. */
static void cut_registers(void)
{
	unsigned int i;

	for (i = 0; i < GPR_COUNT; i++)
		before.state.regs[i] = i < GPR_R8 ? (u32)before.state.regs[i] : 0;
	if (mode == INSN_PROT16)
		before.state.regs[GPR_RSP] &= 0xffff;
}

static void random_state(void)
{
	unsigned int i;

	for (i = 0; i < GPR_COUNT; i++)
		before.state.regs[i] = random_value();
	if (!one_in(8))
		before.state.regs[GPR_RSP] = (random_pointer() - data_base()) & ~7ULL;
	if (mode != INSN_LONG64)
		cut_registers();
	for (i = 0; i < 16 * 16; i++)
		before.state.xmm[i / 16][i % 16] = rnd();
	before.state.rflags = FL_TF | FL_IF | 2 |
			      (rnd() & (FL_CF | FL_PF | FL_AF | FL_ZF | FL_SF | FL_DF | FL_OF));
	if (on_amd && one_in(16))
		before.state.rflags |= FL_AC;
	before.state.cs = native_selector(SREG_CS);
	before.state.ss = native_selector(SREG_SS);
	for (i = 0; i < MODEL_BYTES / 8; i += 1 + rnd() % 64)
		if (i < 2 * PAGE / 8)
			((u64 *)ARENA_RW)[i] = random_value();
}

struct code {
	u8 bytes[24];
	unsigned int n;
};

static void emit(struct code *code, u8 byte)
{
	code->bytes[code->n++] = byte;
}

static void emit16(struct code *code, u16 val)
{
	memcpy(code->bytes + code->n, &val, 2);
	code->n += 2;
}

static void emit32(struct code *code, u32 val)
{
	memcpy(code->bytes + code->n, &val, 4);
	code->n += 4;
}

static void random_prefixes(struct code *code)
{
	static const u8 prefixes[] = { 0x66, 0x67, 0xf2, 0xf3, 0x2e, 0x3e, 0x26, 0x36, 0x65 };

	while (one_in(3) && code->n < 4)
		emit(code, prefixes[rnd() % 9]);
	if (one_in(6))
		emit(code, 0xf0);
	if (mode == INSN_LONG64 && one_in(2))
		emit(code, 0x40 | (rnd() & 15));
}

static bool address_is_16bit(const struct code *code)
{
	bool toggle = memchr(code->bytes, 0x67, code->n);

	return mode != INSN_LONG64 && (mode == INSN_PROT16) != toggle;
}

static void random_modrm_16(struct code *code)
{
	u8 modrm = rnd(), mod = modrm >> 6;
	s32 small = (s32)(rnd() % 128) - 64;

	emit(code, modrm);
	if (mod == 0 && (modrm & 7) == 6)
		emit16(code, random_pointer() - data_base());
	else if (mod == 1)
		emit(code, small);
	else if (mod == 2)
		emit16(code, small);
}

/* ModRM, SIB and a displacement that has a chance to hit the arena. */
static void random_modrm(struct code *code, u64 rip)
{
	u8 modrm = rnd(), mod = modrm >> 6, rm = modrm & 7, sib = rnd();
	s32 small = (s32)(rnd() % 128) - 64;

	emit(code, modrm);
	if (mod == 3)
		return;
	if (rm == 4)
		emit(code, sib);
	if (mod == 0 && rm == 5 && mode == INSN_LONG64)
		emit32(code, random_pointer() - (rip + code->n + 4));
	else if (mod == 0 && (rm == 5 || (rm == 4 && (sib & 7) == 5)))
		emit32(code, one_in(2) ? random_pointer() - data_base() : (u64)small);
	else if (mod == 1)
		emit(code, small);
	else if (mod == 2)
		emit32(code, small);
}

static void random_code(u64 rip)
{
	struct code code = { .n = 0 };
	unsigned int i;

	random_prefixes(&code);
	if (one_in(2))
		emit(&code, 0x0f);
	emit(&code, rnd());
	if (code.bytes[code.n - 1] == 0x38 && code.n > 1 && code.bytes[code.n - 2] == 0x0f)
		emit(&code, 0xf0 | (rnd() & 1));
	if (address_is_16bit(&code))
		random_modrm_16(&code);
	else
		random_modrm(&code, rip);
	for (i = 0; i < 4; i++)
		emit(&code, one_in(2) ? rnd() : rnd() % 64);
	memcpy((void *)rip, code.bytes, code.n);
}

static void *map_at(u64 addr, size_t bytes, int prot)
{
	void *p = mmap((void *)addr, bytes, prot,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE | MAP_POPULATE, -1, 0);

	if (p != (void *)addr)
		TAP_FAIL("mmap of the test's memory at %#llx failed", (unsigned long long)addr);
	return p;
}

static void set_up(void)
{
	CHECK(!native_init());
	map_at(ARENA, PAGE, PROT_NONE);
	map_at(ARENA_RW, 3 * PAGE, PROT_READ | PROT_WRITE);
	memset((void *)ARENA_RW, 0xa5, 3 * PAGE);
	CHECK(!mprotect((void *)ARENA_RO, PAGE, PROT_READ));
	map_at(ARENA_RO + PAGE, PAGE, PROT_NONE);
	map_at(CODE, PAGE, PROT_READ | PROT_WRITE | PROT_EXEC);
}

static unsigned int ops_seen(void)
{
	unsigned int op, n = 0;

	for (op = 0; op < OP_COUNT; op++)
		n += by_op[op] != 0;
	return n;
}

static int load_ldt(void)
{
	unsigned int i;

	for (i = 0; i < LDT_COUNT; i++) {
		struct user_desc desc = descriptors[i];

		desc.entry_number = i;
		if (syscall(SYS_modify_ldt, 0x11, &desc, sizeof(desc)))
			return -1;
	}
	__asm__ volatile("mov %0, %%ds; mov %1, %%es; mov %2, %%gs" ::
			 "r"(native_selector(SREG_DS)), "r"(native_selector(SREG_ES)),
			 "r"(native_selector(SREG_GS)));
	return 0;
}

static unsigned long from_env(const char *name, unsigned long otherwise)
{
	const char *val = getenv(name);

	return val ? strtoul(val, NULL, 0) : otherwise;
}

static void compare_random(enum insn_mode test_mode)
{
	unsigned long i, rounds = from_env("ROUNDS", 60000);

	mode = test_mode;
	on_amd = host_is_amd();
	seed = from_env("SEED", 1);
	set_up();
	if (mode != INSN_LONG64 && load_ldt())
		TAP_FAIL("modify_ldt failed: this kernel lacks CONFIG_MODIFY_LDT_SYSCALL");
	for (i = 0; i < rounds; i++) {
		before.state.rip = 256 + (mode == INSN_LONG64 ? CODE : 0);
		random_code(CODE + 256);
		random_state();
		run_both();
	}
	printf("# %lu instructions compared, %lu of them faults, %u operations\n", executed,
	       faulted, ops_seen());
	CHECK_EQ(failures, 0);
	CHECK(executed > rounds / 8);
}

TEST(random_64bit)
{
	compare_random(INSN_LONG64);
}

TEST(random_32bit)
{
	compare_random(INSN_PROT32);
}

TEST(random_16bit)
{
	compare_random(INSN_PROT16);
}

int main(int argc, char **argv)
{
	return tap_main(argc, argv);
}
