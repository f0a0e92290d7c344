// SPDX-License-Identifier: GPL-2.0-only
/*
 * Code behind a read of CR3, where the module goes on by itself: it may lead anywhere. (In user
 * space, under sanitizers, see ahead_test.c of the unit tests.)
 */
#include <string.h>

#include "kselftest_harness.h"
#include "modes.h"

#define SWITCH	"/sys/module/umbra/parameters/ahead"

#define MARK(n)		(0x1111111111111111ul * (n))

FIXTURE_IN_MODE(ahead, MODE_LONG4)

static void mark_registers(struct kvm_regs *r)
{
	__u64 *reg = &r->rax;

	for (int i = 0; i < 16; i++)
		reg[i] = MARK(i);
}

/* All but RAX, RSP (set anew) are as they were. */
static bool marked(const struct kvm_regs *r)
{
	const __u64 *reg = &r->rax;

	for (int i = 1; i < 16; i++)
		if (reg + i != &r->rsp && reg[i] != MARK(i))
			return false;
	return true;
}

/* mov %cr3, %rax; @nops; jmp to @to, where the end of the test is */
static struct result jump(struct vcpu *v, u64 at, int nops, u64 to, bool near)
{
	static const u8 read_cr3[] = { 0x0f, 0x20, 0xd8 }, done[] = { 0xe6, PORT_DONE, 0xf4 };
	u8 *code = vm_ptr(v->vm, at);
	int rel = to - (at + sizeof(read_cr3) + nops + (near ? 5 : 2));

	memset(vm_ptr(v->vm, CODE_GPA), 0xcc, PAGE_SIZE);
	memcpy(code, read_cr3, sizeof(read_cr3));
	memset(code + 3, 0x90, nops);
	code[3 + nops] = near ? 0xe9 : 0xeb;
	memcpy(code + 4 + nops, &rel, near ? 4 : 1);
	memcpy(vm_ptr(v->vm, to), done, sizeof(done));
	mark_registers(&v->regs);
	v->regs.rip = at;
	v->regs.rsp = STACK_TOP - 0x100;
	v->regs.rflags = 2;
	return vcpu_enter(v);
}

TEST_F(ahead, back_beyond_the_read)
{
	u64 at = CODE_GPA + 0x200;

	for (int back = 3; back < 100; back++) {
		EXPECT_DONE(jump(self->v, at, back % 3, at - back, back % 2));
		EXPECT_EQ(true, marked(&self->v->regs)) TH_LOG("%d bytes back", back);
		EXPECT_EQ(self->vm->root, self->v->regs.rax);
	}
}

TEST_F(ahead, forward)
{
	u64 at = CODE_GPA + 0x200;

	for (int forth = 12; forth < 300; forth += 7) {
		EXPECT_DONE(jump(self->v, at, forth % 3, at + forth, true));
		EXPECT_EQ(true, marked(&self->v->regs)) TH_LOG("%d bytes forward", forth);
	}
}

/* From the last bytes of a page, of which few are there to look at. */
TEST_F(ahead, at_the_end_of_a_page)
{
	for (int left = 5; left < 40; left++) {
		u64 at = CODE_GPA + PAGE_SIZE - left;

		EXPECT_DONE(jump(self->v, at, 0, at - 3, false));
		EXPECT_EQ(true, marked(&self->v->regs)) TH_LOG("%d bytes are left", left);
	}
}

static bool turn(const char *value)
{
	FILE *f = fopen(SWITCH, "r+");

	if (!f)
		return false;
	fputs(value, f);
	return !fclose(f);
}

/* Either way the guest does the same; how many exits that takes is what differs. */
TEST_F(ahead, switched_off)
{
	for (int on = 0; on < 2; on++) {
		long exits = counter("exits_cr"), before = counter("ahead");

		if (exits < 0 || !turn(on ? "Y" : "N"))
			SKIP(return, "no counters, or no switch");
		EXPECT_DONE(guest_insn(self->v, INSN("mov %%cr3, %%rax; nop; mov %%rax, %%cr3")));
		turn("Y");
		EXPECT_EQ(exits + 2 - on, counter("exits_cr"));
		EXPECT_EQ(before + on, counter("ahead"));
		EXPECT_EQ(self->vm->root, self->v->regs.rax);
	}
}

TEST_HARNESS_MAIN
