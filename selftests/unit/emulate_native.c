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
#include <sys/wait.h>
#include "native_compare.h"
#include "splitmix.h"

u64 seed = 1;
processor_fn processor = native_step;

static unsigned long executed, faulted, by_op[OP_COUNT];

static u64 rnd(void)
{
	return splitmix(&seed);
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
	/* Linux may slow down, or kill, those who lock two cache lines. */
	model->unsafe |= (addr & 63) + bytes > 64;
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

/* On a kernel with five levels of page tables memory is to be had there. */
static bool addresses_have_57_bits(void)
{
	void *hint = (void *)(1UL << 52), *p;
	static int known = -1;

	if (known >= 0)
		return known;
	p = mmap(hint, PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	known = p != MAP_FAILED && (u64)p >> 47;
	if (p != MAP_FAILED)
		munmap(p, PAGE);
	return known;
}

/* Whether LOCK MOV CR0 is another name of MOV CR8, or #UD. */
static bool processor_has_alt_cr8(void)
{
	u32 eax, ebx, ecx, edx;

	return __get_cpuid(0x80000001, &eax, &ebx, &ecx, &edx) && ecx & 1 << 4;
}

void emulate_like(enum like like)
{
	struct model *to = &model[like];
	struct emulate_ctxt *ctxt = &to->ctxt;

	memcpy(to->memory, (void *)ARENA_RW, MODEL_BYTES);
	memcpy(to->xmm, before.state.xmm, sizeof(to->xmm));
	to->unsafe = false;
	*ctxt = (struct emulate_ctxt) {
		.ops = &ops, .priv = to, .rip = before.state.rip,
		.rflags = before.state.rflags, .mode = mode, .cpl = 3,
		.intel = like == LIKE_INTEL, .la57 = addresses_have_57_bits(),
		.has_alt_cr8 = processor_has_alt_cr8(),
	};
	memcpy(ctxt->regs, before.state.regs, sizeof(ctxt->regs));
	to->status = emulate(ctxt);
}

static bool is_safe(const struct model *emulated)
{
	return emulated->ctxt.decoded && !emulated->unsafe &&
	       (emulated->status == EMU_DONE || emulated->status == EMU_FAULT) &&
	       comparable(&emulated->ctxt.insn);
}

void run_both(void)
{
	emulate_like(LIKE_AMD);
	emulate_like(LIKE_INTEL);
	if (!is_safe(&model[LIKE_AMD]) || !is_safe(&model[LIKE_INTEL]))
		return;
	native.state = before.state;
	processor(&native.state, &native.end);
	executed++;
	faulted += model[LIKE_AMD].status == EMU_FAULT;
	by_op[model[LIKE_AMD].ctxt.insn.op]++;
	compare();
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

/*
 * The way to the instruction is a return from a signal: on some machines not with a stack pointer
 * that is not canonical (those whose kernel is the guest of one that emulates IRET).
 */
static bool any_stack_pointer(void)
{
	static int known = -1;
	struct native_state state = {
		.regs[GPR_RSP] = 1ull << 62, .rip = before.state.rip, .rflags = FL_TF | FL_IF | 2,
		.cs = native_selector(SREG_CS), .ss = native_selector(SREG_SS),
	};
	struct native_end end;
	u8 was;

	if (known >= 0)
		return known;
	was = *(u8 *)state.rip;
	*(u8 *)state.rip = 0x90;
	native_step(&state, &end);
	*(u8 *)state.rip = was;
	known = end.vector == 1;
	return known;
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
	else if (!any_stack_pointer())
		before.state.regs[GPR_RSP] = (s64)(before.state.regs[GPR_RSP] << 17) >> 17;
	for (i = 0; i < 16 * 16; i++)
		before.state.xmm[i / 16][i % 16] = rnd();
	before.state.rflags = FL_TF | FL_IF | 2 |
			      (rnd() & (FL_CF | FL_PF | FL_AF | FL_ZF | FL_SF | FL_DF | FL_OF));
	if (one_in(16))
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

static void map_memory(void)
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

void set_up(enum insn_mode test_mode)
{
	mode = test_mode;
	map_memory();
	if (mode != INSN_LONG64 && load_ldt())
		TAP_FAIL("modify_ldt failed");
}

void compare_random(enum insn_mode test_mode)
{
	unsigned long i, rounds = from_env("ROUNDS", 60000);

	seed = from_env("SEED", 1);
	set_up(test_mode);
	for (i = 0; i < rounds; i++) {
		before.state.rip = 256 + (mode == INSN_LONG64 ? CODE : 0);
		random_code(CODE + 256);
		random_state();
		run_both();
	}
	printf("# %lu instructions compared, %lu of them faults, %u operations\n", executed,
	       faulted, ops_seen());
	say_what_was_seen();
	CHECK_EQ(failures, 0);
	CHECK(executed > rounds / 8);
}

TEST(random_64bit)
{
	compare_random(INSN_LONG64);
}

static void random_32bit(void)
{
	compare_random(INSN_PROT32);
}

static void random_16bit(void)
{
	compare_random(INSN_PROT16);
}

static void nothing(void)
{
}

/*
 * Kernels may be built without LDTs, or without 16-bit segments; and on some the descriptor is
 * taken, but never gets to the processor.
 */
static bool has_segments(bool is_32bit)
{
	struct user_desc desc = { .limit = 0xffff, .seg_32bit = is_32bit };
	pid_t child = fork();
	int status = -1;

	if (!child) {
		if (syscall(SYS_modify_ldt, 0x11, &desc, sizeof(desc)))
			_exit(1);
		__asm__ volatile("mov %0, %%es" ::"r"(7));
		_exit(0);
	}
	waitpid(child, &status, 0);
	return child > 0 && !status;
}

int main(int argc, char **argv)
{
	if (has_segments(true) && has_segments(false)) {
		tap_add("random_32bit", random_32bit);
		tap_add("random_16bit", random_16bit);
	} else {
		tap_add("random_32bit # SKIP no LDT, or none with 16-bit segments", nothing);
	}
	return tap_main(argc, argv);
}
