// SPDX-License-Identifier: GPL-2.0-only
/*
 * Where processors differ emulate_native has to accept what either vendor's do, and nothing else,
 * on whatever it runs: here the processor beneath is a fake. It repeats what an AMD and an Intel
 * processor were seen to do (Zen; family 6, models 106 and 207), or does all as the emulator.
 */
#include "native_compare.h"

#define HERE		(CODE + 256)
#define STACK		(ARENA_RW + 0x800)
#define MEM		(ARENA_RW + 0x100)
#define MEM2		(ARENA_RW + 0x200)
#define KEEP		0xffff	/* no register */
#define FL_TEST		(FL_TF | FL_IF | 2)
#define BAD		0x8000000000000000ull

struct value {
	u64 where, val;		/* a register, or an address: 0 or KEEP for none */
};

struct ending {
	u8 vector, length;	/* of what was executed: 0 on a fault, or if it goes on */
	u64 flags;
	struct value reg[3];
	struct value mem;
};

static const struct capture {
	u8 op;
	u8 mode;
	u8 code[8];
	u64 flags;
	struct value reg[4], mem[2];
	struct ending end[LIKES];
} captures[] = {
	{	/* rep nop with REX.B: xchg r8, rax, or pause */
		.op = OP_XCHG, .mode = INSN_LONG64, .code = { 0xf3, 0x49, 0x90 }, .flags = FL_TEST,
		.reg = { { GPR_RAX, 0x8000 }, { GPR_R8, 12 } },
		.end = {
			{ EMU_DB, 3, FL_TEST, { { GPR_RAX, 12 }, { GPR_R8, 0x8000 } } },
			{ EMU_DB, 3, FL_TEST },
		},
	}, {	/* ... of 32 bits */
		.op = OP_XCHG, .mode = INSN_LONG64, .code = { 0xf3, 0x43, 0x90 }, .flags = FL_TEST,
		.reg = { { GPR_RAX, BAD | 5 }, { GPR_R8, BAD | 12 } },
		.end = {
			{ EMU_DB, 3, FL_TEST, { { GPR_RAX, 12 }, { GPR_R8, 5 } } },
			{ EMU_DB, 3, FL_TEST },
		},
	}, {	/* repne cmpsb: 0x10 and 0x20 differ, two iterations are left */
		.op = OP_CMPS, .mode = INSN_LONG64, .code = { 0xf2, 0xa6 },
		.flags = FL_TEST | FL_ZF,
		.reg = { { GPR_RCX, 3 }, { GPR_RSI, MEM }, { GPR_RDI, MEM2 } },
		.mem = { { MEM, 0x10 }, { MEM2, 0x20 } },
		.end = {
			{ EMU_DB, 0, FL_TEST | FL_CF | FL_PF | FL_SF,
			  { { GPR_RCX, 2 }, { GPR_RSI, MEM + 1 }, { GPR_RDI, MEM2 + 1 } } },
			{ EMU_DB, 0, FL_TEST | FL_ZF | FL_RF,
			  { { GPR_RCX, 2 }, { GPR_RSI, MEM + 1 }, { GPR_RDI, MEM2 + 1 } } },
		},
	}, {	/* repe scasb, going on */
		.op = OP_SCAS, .mode = INSN_LONG64, .code = { 0xf3, 0xae },
		.flags = FL_TEST | FL_CF,
		.reg = { { GPR_RCX, 2 }, { GPR_RAX, 7 }, { GPR_RDI, MEM } }, .mem = { { MEM, 7 } },
		.end = {
			{ EMU_DB, 0, FL_TEST | FL_ZF | FL_PF,
			  { { GPR_RCX, 1 }, { GPR_RDI, MEM + 1 } } },
			{ EMU_DB, 0, FL_TEST | FL_CF | FL_RF,
			  { { GPR_RCX, 1 }, { GPR_RDI, MEM + 1 } } },
		},
	}, {	/* call *%rax to an address that is not canonical */
		.op = OP_CALL_IND, .mode = INSN_LONG64, .code = { 0xff, 0xd0 }, .flags = FL_TEST,
		.reg = { { GPR_RAX, BAD } },
		.end = {
			{ EMU_GP, 0, FL_TEST },
			{ EMU_GP, 0, FL_TEST | FL_RF, .mem = { STACK - 8, HERE + 2 } },
		},
	}, {	/* push %fs of 32 bits */
		.op = OP_PUSH_SEG, .mode = INSN_PROT32, .code = { 0x0f, 0xa0 }, .flags = FL_TEST,
		.mem = { { STACK - 4, 0x12345678 } },
		.end = {
			{ EMU_DB, 2, FL_TEST, { { GPR_RSP, STACK - 4 } }, { STACK - 4, 0 } },
			{ EMU_DB, 2, FL_TEST, { { GPR_RSP, STACK - 4 } },
			  { STACK - 4, 0x12340000 } },
		},
	}, {	/* rep movsb with 32-bit addresses, no times */
		.op = OP_MOVS, .mode = INSN_LONG64, .code = { 0x67, 0xf3, 0xa4 }, .flags = FL_TEST,
		.reg = { { GPR_RCX, BAD }, { GPR_RSI, BAD | 1 }, { GPR_RDI, BAD | 2 } },
		.end = {
			{ EMU_DB, 3, FL_TEST },
			{ EMU_DB, 3, FL_TEST, { { GPR_RCX, 0 }, { GPR_RSI, 1 }, { GPR_RDI, 2 } } },
		},
	}, {	/* movups (%rbx), %xmm0 with RFLAGS.AC */
		.op = OP_MOV_XMM, .mode = INSN_LONG64, .code = { 0x0f, 0x10, 0x03 },
		.flags = FL_TEST | FL_AC, .reg = { { GPR_RBX, MEM + 4 } },
		.end = {
			{ EMU_AC, 0, FL_TEST | FL_AC },
			{ EMU_DB, 3, FL_TEST | FL_AC },
		},
	},
};

#define CAPTURES (sizeof(captures) / sizeof(captures[0]))

static const struct capture *current;
static enum like like_whom;

/* What is wrong with an ending that nobody's processor has. */
static enum { RIGHT, REGISTER, RIP, FLAG, MEMORY, VECTOR, WRONGS } wrong;

static void put_memory(const struct value *v)
{
	u32 val = v->val;

	if (v->where)
		memcpy((void *)v->where, &val, sizeof(val));
}

/* Registers are offsets in the arena outside 64-bit mode. */
static void put_register(u64 *regs, const struct value *v)
{
	if (v->where || v->val)
		regs[v->where] = v->where == GPR_RSP ? v->val - data_base() : v->val;
}

static void do_wrong(struct native_state *state, struct native_end *end)
{
	switch (wrong) {
	case REGISTER: state->regs[GPR_RBP] ^= 1; break;
	case RIP: state->rip++; break;
	case FLAG: state->rflags ^= FL_DF; break;
	case MEMORY: *(u8 *)(ARENA_RW + 0x1234) ^= 1; break;
	case VECTOR: end->vector = EMU_UD; break;
	default: break;
	}
}

static void as_captured(struct native_state *state, struct native_end *end)
{
	const struct ending *e = &current->end[like_whom];
	unsigned int i;

	*end = (struct native_end) { .vector = e->vector };
	state->rip += e->length;
	state->rflags = e->flags;
	for (i = 0; i < 3; i++)
		put_register(state->regs, &e->reg[i]);
	put_memory(&e->mem);
	if (e->mem.where && current->mode == INSN_LONG64)
		memcpy((void *)e->mem.where, &e->mem.val, 8);
	if (current->op == OP_MOV_XMM && e->vector == EMU_DB)
		memcpy(state->xmm[0], (void *)(MEM + 4), 16);
	do_wrong(state, end);
}

static void as_emulated(struct native_state *state, struct native_end *end)
{
	const struct model *m = &model[like_whom];
	bool fault = m->status == EMU_FAULT;

	memcpy(state->regs, m->ctxt.regs, sizeof(state->regs));
	memcpy(state->xmm, m->xmm, sizeof(state->xmm));
	memcpy((void *)ARENA_RW, m->memory, 2 * PAGE);
	state->rip = m->ctxt.rip;
	state->rflags = m->ctxt.rflags;
	*end = (struct native_end) {
		.vector = fault ? m->ctxt.fault.vector : EMU_DB,
		.error = m->ctxt.fault.error, .cr2 = m->ctxt.fault.cr2,
	};
}

static void prepare(const struct capture *c)
{
	unsigned int i;

	current = c;
	mode = c->mode;
	memset(&before, 0, sizeof(before));
	memset((void *)ARENA_RW, 0xa5, 2 * PAGE);
	before.state.rip = 256 + (mode == INSN_LONG64 ? CODE : 0);
	before.state.rflags = c->flags;
	before.state.regs[GPR_RSP] = STACK - data_base();
	for (i = 0; i < 4; i++)
		put_register(before.state.regs, &c->reg[i]);
	for (i = 0; i < 2; i++)
		put_memory(&c->mem[i]);
	memcpy((void *)HERE, c->code, sizeof(c->code));
}

static void all_like(enum like like)
{
	const struct capture *c;
	unsigned long already;

	set_up(INSN_LONG64);
	processor = as_captured;
	like_whom = like;
	for (c = captures; c < captures + CAPTURES; c++) {
		already = seen[like][c->op];
		prepare(c);
		run_both();
		CHECK_EQ(failures, 0);
		CHECK_EQ(seen[like][c->op], already + 1);
		CHECK_EQ(seen[!like][c->op], 0);
	}
	say_what_was_seen();
}

TEST(captured_from_amd)
{
	all_like(LIKE_AMD);
}

TEST(captured_from_intel)
{
	all_like(LIKE_INTEL);
}

/* What differs excuses nothing else. */
TEST(the_rest_is_compared)
{
	const struct capture *c;
	unsigned long n = 0;

	set_up(INSN_LONG64);
	processor = as_captured;
	quiet = true;
	for (like_whom = 0; like_whom < LIKES; like_whom++)
		for (c = captures; c < captures + CAPTURES; c++)
			for (wrong = RIGHT + 1; wrong < WRONGS; wrong++) {
				prepare(c);
				run_both();
				CHECK_EQ(failures, ++n);
			}
}

static void all_random(enum like like, enum insn_mode test_mode)
{
	unsigned long n = 0;
	unsigned int op;

	processor = as_emulated;
	like_whom = like;
	compare_random(test_mode);
	for (op = 0; op < OP_COUNT; op++) {
		CHECK_EQ(seen[!like][op], 0);
		n += seen[like][op];
	}
	CHECK(n);
}

TEST(random_64bit_on_a_fake_amd)
{
	all_random(LIKE_AMD, INSN_LONG64);
}

TEST(random_64bit_on_a_fake_intel)
{
	all_random(LIKE_INTEL, INSN_LONG64);
}
