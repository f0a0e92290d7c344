// SPDX-License-Identifier: GPL-2.0-only
/*
 * Running ahead of a guest that has read CR3: nothing beside the bytes that were fetched is ever
 * looked at, wherever the guest's code leads. The bytes are the sanitizer's to watch (they are on
 * the stack of insn_run_ahead()), and insn_find() here checks each place as well.
 */
#define TAP_MAIN
#include "insn.h"
#include "tap.h"
#include "exit.h"
#include "mode.h"
#include "vcpu.h"

#define START		0xffffffff81000100ul
#define FL_TF		0x100ul
#define NO_TARGET	(~0ul)

static struct vcpu cpu;
static u8 text[4096];		/* the page that START is in */
static unsigned int decoded;
static const u8 *window;
static unsigned int window_bytes;
static u64 loaded_cr3;
static unsigned int seed = 1;

unsigned int mmu_fetch(struct mmu_vcpu *m, gva_t gva, void *code, unsigned int len)
{
	unsigned int room = 4096 - (gva & 4095);

	(void)m;
	window = code;
	window_bytes = len < room ? len : room;
	memcpy(code, text + (gva & 4095), window_bytes);
	return window_bytes;
}

bool mmu_peek(struct mmu_vcpu *m, gva_t gva, u64 *data)
{
	(void)m, (void)gva;
	*data = 0x5555555555555555;
	return true;
}

int mode_set_cr3(struct vcpu *vcpu, u64 value)
{
	(void)vcpu;
	loaded_cr3 = value;
	return 0;
}

void insn_finish(struct vcpu *vcpu, u64 next_rip)
{
	vcpu->regs.rip = next_rip;
}

gva_t insn_linear(struct vcpu *vcpu, const struct insn *insn)
{
	return insn_address(insn, vcpu->regs.gpr, vcpu->regs.rip);
}

const struct insn *insn_find(struct vcpu *vcpu, gva_t gva, enum insn_mode mode, const void *code)
{
	static struct insn insn;
	u8 copy[16];

	(void)vcpu, (void)gva;
	CHECK((u64)code >= (u64)window && (u64)code + 16 <= (u64)window + window_bytes);
	memcpy(copy, code, sizeof(copy));
	decoded++;
	return insn_decode(&insn, copy, sizeof(copy), mode) == INSN_OK ? &insn : NULL;
}

static bool *param;

void shim_param_add(const char *name, void *var, size_t size)
{
	param = var;
}

static unsigned int rnd(void)
{
	seed = seed * 1103515245 + 12345;
	return seed >> 8;
}

static void begin(gva_t rip)
{
	memset(&cpu, 0, sizeof(cpu));
	memset(text, 0xcc, sizeof(text));
	cpu.regs.rip = rip;
	decoded = 0;
	loaded_cr3 = 0;
}

static void put(gva_t rip, const char *bytes, unsigned int n)
{
	memcpy(text + (rip & 4095), bytes, n);
}

static void jump(gva_t from, gva_t to, bool near)
{
	s32 rel = to - (from + (near ? 5 : 2));

	put(from, near ? "\xe9" : "\xeb", 1);
	put(from + 1, (const char *)&rel, near ? 4 : 1);
}

#define NOP		"\x90"
#define MOV_CR3_RAX	"\x0f\x22\xd8"
#define OR_RAX_8	"\x48\x83\xc8\x08"

TEST(up_to_the_load)
{
	begin(START);
	put(START, OR_RAX_8 NOP MOV_CR3_RAX, 8);
	insn_run_ahead(&cpu);
	CHECK_EQ(cpu.regs.rip, START + 8);
	CHECK_EQ(loaded_cr3, 8);
	CHECK_EQ(cpu.stats.ahead, 1);
}

/* Behind the read of CR3 the code goes back before it: that is the processor's. */
TEST(back_beyond_the_start)
{
	unsigned int back, nops;

	for (back = 1; back < 100; back++) {
		for (nops = 0; nops < 3; nops++) {
			begin(START);
			memset(text + (START & 4095), 0x90, nops);
			jump(START + nops, START - back, back % 2);
			insn_run_ahead(&cpu);
			CHECK_EQ(cpu.regs.rip, START - back);
			CHECK_EQ(decoded, nops + 1);
			CHECK_EQ(cpu.regs.gpr[GPR_RAX], 0);
		}
	}
}

TEST(back_inside_the_window)
{
	begin(START);
	jump(START, START + 20, false);
	put(START + 2, OR_RAX_8 MOV_CR3_RAX, 7);
	jump(START + 20, START + 2, false);
	insn_run_ahead(&cpu);
	CHECK_EQ(cpu.regs.rip, START + 9);
	CHECK_EQ(loaded_cr3, 8);
}

TEST(endless_loop_ends)
{
	begin(START);
	jump(START, START, false);
	insn_run_ahead(&cpu);
	CHECK_EQ(cpu.regs.rip, START);
	CHECK(decoded <= 16);
}

TEST(forward_past_the_window)
{
	unsigned int to;

	for (to = 5; to < 300; to++) {
		begin(START);
		jump(START, START + to, true);
		insn_run_ahead(&cpu);
		CHECK_EQ(cpu.regs.rip, START + to);
	}
}

/* At the end of a page fewer bytes are there, down to none that would do. */
TEST(end_of_the_page)
{
	gva_t page = START & ~4095ul, rip;
	unsigned int left;

	for (left = 1; left < 130; left++) {
		rip = page + 4096 - left;
		begin(rip);
		memset(text + (rip & 4095), 0x90, left);
		insn_run_ahead(&cpu);
		CHECK(cpu.regs.rip >= rip && cpu.regs.rip < page + 4096);
		begin(rip);
		if (left >= 5)
			jump(rip, rip - 3, true);
		insn_run_ahead(&cpu);
		CHECK(cpu.regs.rip == rip || cpu.regs.rip == rip - 3);
	}
}

static void stays_at(gva_t rip, gva_t target)
{
	begin(rip);
	if (target != NO_TARGET)
		jump(rip, target, true);
	else
		put(rip, NOP, 1);
	insn_run_ahead(&cpu);
	CHECK_EQ(cpu.regs.rip, rip);
}

/* RIP leaves the canonical addresses, or wraps: the processor has to fault, or not to. */
TEST(ends_of_the_canonical_addresses)
{
	stays_at(0x7fffffffff00, 0x800000000000);
	stays_at(0x7fffffffffe0, 0x80007fffff00);
	stays_at(0xffff800000000100, 0xffff7fffffffffff);
	stays_at(0xffffffffffffff00, 0x10);
	stays_at(0x10, 0xfffffffffffffff0);
	stays_at(0x7ffffffffff1, NO_TARGET);	/* too few bytes are left */
}

/* The address of a bit string has 32 bits with an address size prefix. */
TEST(bit_string_of_32_bits_is_left_alone)
{
	begin(START);
	put(START, "\x67\x48\x0f\xa3\x03", 5);
	insn_run_ahead(&cpu);
	CHECK_EQ(cpu.regs.rip, START);
}

TEST(not_between_single_steps)
{
	begin(START);
	cpu.regs.rflags = FL_TF;
	put(START, NOP, 1);
	insn_run_ahead(&cpu);
	CHECK_EQ(cpu.regs.rip, START);
}

TEST(switched_off)
{
	begin(START);
	put(START, OR_RAX_8 NOP MOV_CR3_RAX, 8);
	*param = false;
	insn_run_ahead(&cpu);
	*param = true;
	CHECK_EQ(cpu.regs.rip, START);
	CHECK_EQ(decoded, 0);
}

/* Jumps, and what is executed here, in any order: insn_find() checks where it is sent. */
TEST(random_code)
{
	static const char *const pieces[] = {
		NOP, OR_RAX_8, "\x48\x89\xc3", "\x48\x0f\xba\xe8\x3f", "\x48\x0f\xa3\x03",
		"\x74\xf0", "\x75\x05", "\xeb\xf9", "\xeb\x30", "\xe9\xf0\xff\xff\xff",
		"\x0f\x84\xe8\xff\xff\xff", "\xe9\x00\x00\x00\x80", "\x48\xc7\xc0\x01\x00\x00\x00",
	};
	static const u8 bytes[] = { 1, 4, 3, 5, 4, 2, 2, 2, 2, 5, 6, 5, 7 };
	unsigned int round, at, i;

	for (round = 0; round < 30000; round++) {
		begin(START - 0x100 + rnd() % 4096);
		for (at = 0; at < 4080; at += bytes[i]) {
			i = rnd() % (sizeof(bytes));
			if (rnd() % 3)
				memcpy(text + at, pieces[i], bytes[i]);
			else
				text[at] = rnd();
		}
		for (i = 0; i < GPR_COUNT; i++)
			cpu.regs.gpr[i] = rnd();
		insn_run_ahead(&cpu);
		CHECK(decoded <= 16);
	}
}

int main(int argc, char **argv)
{
	return tap_main(argc, argv);
}
