// SPDX-License-Identifier: GPL-2.0-only
/*
 * A page-table entry changed by every kind of instruction. The entry is in use before, and
 * after the flush that the architecture asks for the new translation must hold.
 */
#include "kselftest_harness.h"
#include "modes.h"

#define FRAME(n) (DATA_GPA + (n) * PAGE_SIZE)

FIXTURE(ptwrite) {
	struct vm *vm;
	struct vcpu *v;
	u64 pte;	/* where the entry of TEST_VA is */
};

FIXTURE_VARIANT(ptwrite) {
	enum guest_mode mode;
};

FIXTURE_VARIANT_ADD(ptwrite, m32bit) { .mode = MODE_32 };
FIXTURE_VARIANT_ADD(ptwrite, pae) { .mode = MODE_PAE };
FIXTURE_VARIANT_ADD(ptwrite, level4) { .mode = MODE_LONG4 };

FIXTURE_SETUP(ptwrite)
{
	self->vm = vm_create(variant->mode);
	self->v = &self->vm->vcpu[0];
	for (int i = 0; i < 16; i++)
		*(u32 *)vm_ptr(self->vm, FRAME(i)) = 0xf000 + i;
	pt_map(self->vm, TEST_VA + PAGE_SIZE, FRAME(15), PTE_KERNEL);
	self->pte = pt_map(self->vm, TEST_VA, FRAME(0), PTE_KERNEL | PTE_A | PTE_D);
}

FIXTURE_TEARDOWN(ptwrite)
{
	vm_free(self->vm);
}

#define EXPECT_FRAME(n) expect_frame(_metadata, self->v, __LINE__, n)

static void expect_frame(struct __test_metadata *_metadata, struct vcpu *v, int line, int n)
{
	u64 x = 0, y = 0;
	struct result flush = guest_invlpg(v, TEST_VA);
	struct result here = guest_read(v, TEST_VA, 4, &x);
	struct result store = guest_write(v, TEST_VA + 8, n, 4);
	struct result next = guest_read(v, TEST_VA + PAGE_SIZE, 4, &y);

	EXPECT_EQ(OUT_DONE, flush.kind) TH_LOG("line %d: %s", line, result_str(flush));
	EXPECT_EQ(OUT_DONE, here.kind) TH_LOG("line %d: %s", line, result_str(here));
	EXPECT_EQ(OUT_DONE, store.kind) TH_LOG("line %d: %s", line, result_str(store));
	EXPECT_EQ(OUT_DONE, next.kind) TH_LOG("line %d: %s", line, result_str(next));
	EXPECT_EQ(0xf000 + n, x) TH_LOG("line %d", line);
	EXPECT_EQ(0xf00f, y) TH_LOG("line %d, the neighbour", line);
	EXPECT_EQ(n, vm_read(v->vm, FRAME(n) + 8, 4)) TH_LOG("line %d", line);
}

#define EXPECT_GONE()							\
	do {								\
		EXPECT_DONE(guest_invlpg(self->v, TEST_VA));		\
		EXPECT_PF(guest_read(self->v, TEST_VA, 4, NULL), 0, TEST_VA); \
	} while (0)

#define ENTRY(n) (FRAME(n) | PTE_KERNEL | PTE_A | PTE_D)

/* An instruction in 64-bit and 32-bit flavour; rbx is the entry's address. */
#define RUN(text64, text32)						\
	EXPECT_DONE(guest_insn(self->v, self->vm->mode >= MODE_LONG4 ?	\
			       INSN(text64) : INSN32(text32)))
#define RUN_SAME(text) RUN(text, text)

static void set(struct vcpu *v, u64 rax, u64 rbx)
{
	v->regs.rax = rax;
	v->regs.rbx = rbx;
}

TEST_F(ptwrite, mov_of_each_width)
{
	struct vcpu *v = self->v;

	EXPECT_FRAME(0);
	EXPECT_DONE(guest_write(v, self->pte, ENTRY(1), 4));
	EXPECT_FRAME(1);
	/* byte 1 holds bits 12 to 15: FRAME(2) */
	EXPECT_DONE(guest_write(v, self->pte + 1, ENTRY(2) >> 8, 1));
	EXPECT_FRAME(2);
	EXPECT_DONE(guest_write(v, self->pte, ENTRY(3), 2));
	EXPECT_FRAME(3);
	EXPECT_DONE(guest_write(v, self->pte + 1, ENTRY(4) >> 8, 2));
	EXPECT_FRAME(4);
	EXPECT_DONE(guest_write(v, self->pte + 1, ENTRY(5) >> 8, 2));
	EXPECT_FRAME(5);
	EXPECT_DONE(guest_write(v, self->pte, 0, 1));
	EXPECT_GONE();
	EXPECT_DONE(guest_write(v, self->pte, ENTRY(5), 1));
	EXPECT_FRAME(5);
}

TEST_F(ptwrite, mov_immediate_and_moffs)
{
	set(self->v, 0, self->pte);
	EXPECT_FRAME(0);
	set(self->v, 0, self->pte);
	RUN_SAME("movb $0, (%%ebx)");
	EXPECT_GONE();
	set(self->v, 0, self->pte);
	RUN_SAME("movl $0x802063, (%%ebx)");
	EXPECT_FRAME(2);
	set(self->v, 0, self->pte);
	RUN_SAME("movw $0x3063, (%%ebx)");
	EXPECT_FRAME(3);
	set(self->v, 0, self->pte);
	self->v->regs.rcx = 0x1000;
	self->v->regs.rsi = 1;
	self->v->regs.rbx -= 0x1004;
	RUN_SAME("movl $0x804063, (%%ebx,%%esi,4); nop");
	EXPECT_EQ(0x804063, vm_read(self->vm, self->pte - 0x1000, 4));
	set(self->v, ENTRY(5), self->pte - 0x1008);
	self->v->regs.rsi = 2;
	RUN("mov %%eax, 0x1000(%%rbx,%%rsi,4)", "mov %%eax, 0x1000(%%ebx,%%esi,4)");
	EXPECT_FRAME(5);
}

TEST_F(ptwrite, eight_bytes)
{
	if (self->vm->mode != MODE_LONG4)
		SKIP(return, "not in this format");
	EXPECT_FRAME(0);
	EXPECT_DONE(guest_write(self->v, self->pte, ENTRY(1), 8));
	EXPECT_FRAME(1);
	EXPECT_DONE(guest_write(self->v, self->pte, 0, 8));
	EXPECT_GONE();
	EXPECT_DONE(guest_write(self->v, self->pte, ENTRY(2), 8));
	EXPECT_FRAME(2);
	set(self->v, 0, self->pte);
	RUN("movq $0x803063, (%%rbx)", "nop");
	EXPECT_FRAME(3);
}

/* An 8-byte entry in two halves, in both orders; NX is in the upper one. */
TEST_F(ptwrite, two_halves)
{
	struct vcpu *v = self->v;

	if (self->vm->fmt->entry_bytes != 8)
		SKIP(return, "not in this format");
	for (int i = 1; i < 5; i++) {
		EXPECT_DONE(guest_write(v, self->pte, ENTRY(i), 4));
		EXPECT_DONE(guest_write(v, self->pte + 4, 0x80000000, 4));
		EXPECT_FRAME(i);
		EXPECT_PF(guest_exec(v, TEST_VA), ERR_P | ERR_I, TEST_VA);
		EXPECT_DONE(guest_write(v, self->pte + 4, 0, 4));
		EXPECT_DONE(guest_write(v, self->pte, ENTRY(i + 5), 4));
		EXPECT_FRAME(i + 5);
		put_exec_target(self->vm, FRAME(i + 5) + 0x100);
		EXPECT_DONE(guest_exec(v, TEST_VA + 0x100));
	}
	/* in between, the upper half of one and the lower of another: above memory */
	EXPECT_DONE(guest_write(v, self->pte + 4, 1, 4));
	EXPECT_DONE(guest_invlpg(v, TEST_VA));
	EXPECT_EXIT(guest_read(v, TEST_VA, 4, NULL), KVM_EXIT_MMIO);
	EXPECT_EQ(0x100000000 + (pt_entry(self->vm, TEST_VA, 1) & 0xfffff000),
		  v->run->mmio.phys_addr);
	vcpu_run(v);
	EXPECT_DONE(guest_write(v, self->pte + 4, 0, 4));
	EXPECT_FRAME(9);
}

TEST_F(ptwrite, xchg_and_cmpxchg)
{
	struct vcpu *v = self->v;

	EXPECT_FRAME(0);
	set(v, ENTRY(1), self->pte);
	RUN_SAME("xchg %%eax, (%%ebx)");
	EXPECT_EQ(ENTRY(0), v->regs.rax);
	EXPECT_FRAME(1);
	set(v, ENTRY(1), self->pte);
	v->regs.rcx = ENTRY(2);
	RUN_SAME("lock cmpxchg %%ecx, (%%ebx)");
	EXPECT_TRUE(v->regs.rflags & 0x40);
	EXPECT_FRAME(2);
	set(v, ENTRY(1), self->pte);		/* does not match: nothing changes */
	v->regs.rcx = ENTRY(3);
	RUN_SAME("lock cmpxchg %%ecx, (%%ebx)");
	EXPECT_FALSE(v->regs.rflags & 0x40);
	EXPECT_EQ(ENTRY(2), v->regs.rax);
	EXPECT_FRAME(2);
	set(v, ENTRY(4), self->pte);
	v->regs.rax = ENTRY(2);
	v->regs.rcx = ENTRY(4);
	RUN_SAME("cmpxchg %%ecx, (%%ebx)");
	EXPECT_FRAME(4);
	set(v, 0x1000, self->pte);
	RUN_SAME("lock xadd %%eax, (%%ebx)");
	EXPECT_EQ(ENTRY(4), v->regs.rax);
	EXPECT_FRAME(5);
}

TEST_F(ptwrite, cmpxchg8b)
{
	struct vcpu *v = self->v;
	u64 pair = self->pte & ~7ul;
	bool upper = self->pte & 4;

	EXPECT_FRAME(0);
	for (int i = 0; i < 3; i++) {
		u64 old = vm_read(self->vm, pair, 8);
		u64 new = self->vm->fmt->entry_bytes == 8 ? ENTRY(i + 1) : upper ?
			  (u32)old | ENTRY(i + 1) << 32 : ENTRY(i + 1) | old >> 32 << 32;

		v->regs.rax = (u32)old;
		v->regs.rdx = old >> 32;
		v->regs.rbx = (u32)new;
		v->regs.rcx = new >> 32;
		v->regs.rsi = pair;
		RUN_SAME("lock cmpxchg8b (%%esi)");
		EXPECT_TRUE(v->regs.rflags & 0x40);
		EXPECT_EQ(new, vm_read(self->vm, pair, 8));
		EXPECT_FRAME(i + 1);
	}
	v->regs.rax = 1;
	v->regs.rdx = 2;
	v->regs.rsi = pair;
	RUN_SAME("lock cmpxchg8b (%%esi)");
	EXPECT_FALSE(v->regs.rflags & 0x40);
	EXPECT_EQ(vm_read(self->vm, pair, 4), v->regs.rax);
	EXPECT_FRAME(3);
}

TEST_F(ptwrite, cmpxchg16b)
{
	struct vcpu *v = self->v;
	u64 pair = self->pte & ~15ul;

	if (self->vm->mode != MODE_LONG4 || !GUEST_HAS_CX16(self->vm))
		SKIP(return, "not in this format");
	EXPECT_FRAME(0);
	v->regs.rax = vm_read(self->vm, pair, 8);
	v->regs.rdx = vm_read(self->vm, pair + 8, 8);
	v->regs.rbx = self->pte & 8 ? v->regs.rax : ENTRY(1);
	v->regs.rcx = self->pte & 8 ? ENTRY(1) : v->regs.rdx;
	v->regs.rsi = pair;
	RUN("lock cmpxchg16b (%%rsi)", "nop");
	EXPECT_TRUE(v->regs.rflags & 0x40);
	EXPECT_FRAME(1);
}

TEST_F(ptwrite, bit_instructions)
{
	struct vcpu *v = self->v;

	EXPECT_FRAME(0);
	set(v, 0, self->pte);
	RUN_SAME("lock btrl $0, (%%ebx)");
	EXPECT_TRUE(v->regs.rflags & 1);
	EXPECT_GONE();
	set(v, 0, self->pte);
	RUN_SAME("lock btsl $0, (%%ebx)");
	EXPECT_FALSE(v->regs.rflags & 1);
	EXPECT_FRAME(0);
	set(v, 13, self->pte);
	RUN_SAME("lock btsl %%eax, (%%ebx)");
	EXPECT_FRAME(2);
	set(v, 12, self->pte);
	RUN_SAME("btcl %%eax, (%%ebx)");
	EXPECT_FRAME(3);
	/* the bit offset reaches beyond the word */
	set(v, 13 + 64 * 8, self->pte - 64);
	RUN_SAME("btr %%eax, (%%ebx)");
	EXPECT_FRAME(1);
	set(v, 13 - 64 * 8, self->pte + 64);
	RUN_SAME("lock bts %%eax, (%%ebx)");
	EXPECT_FRAME(3);
}

TEST_F(ptwrite, arithmetic)
{
	struct vcpu *v = self->v;

	EXPECT_FRAME(0);
#define OP(rax_, text, frame)						\
	do {								\
		set(v, rax_, self->pte);				\
		RUN_SAME(text);						\
		EXPECT_FRAME(frame);					\
	} while (0)
	OP(0x3000, "add %%eax, (%%ebx)", 3);
	OP(0x1000, "lock sub %%eax, (%%ebx)", 2);
	OP(0x5000, "or %%eax, (%%ebx)", 7);
	OP(~0x2000u, "lock and %%eax, (%%ebx)", 5);
	OP(0x6000, "xor %%eax, (%%ebx)", 3);
	OP(0, "addl $0x1000, (%%ebx)", 4);
	OP(0, "lock orb $0x10, 1(%%ebx)", 5);
	OP(0, "incb 2(%%ebx); decb 2(%%ebx)", 5);
	OP(0, "notb 3(%%ebx); notb 3(%%ebx)", 5);
	OP(0, "andw $0xcfff, (%%ebx)", 4);
	OP(0, "clc; adcl $0x1000, (%%ebx)", 5);
	OP(0, "lock addb $0x10, 1(%%ebx)", 6);
	OP(0, "negb 3(%%ebx); negb 3(%%ebx)", 6);
#undef OP
}

TEST_F(ptwrite, string_instructions)
{
	struct vcpu *v = self->v;
	u32 bytes = self->vm->fmt->entry_bytes;
	u64 src = LOW_DATA, table = self->pte & ~0xffful;

	EXPECT_FRAME(0);
	memset(vm_ptr(self->vm, src), 0, PAGE_SIZE);
	for (int dir = 0; dir < 2; dir++) {
		*(u64 *)vm_ptr(self->vm, src + 16) = ENTRY(4 + dir);
		v->regs.rsi = src + 16 + (dir ? bytes - 1 : 0);
		v->regs.rdi = self->pte + (dir ? bytes - 1 : 0);
		v->regs.rcx = bytes;
		if (dir)
			RUN_SAME("std; rep movsb; cld");
		else
			RUN_SAME("rep movsb");
		EXPECT_EQ(0, v->regs.rcx);
		EXPECT_FRAME(4 + dir);
	}
	*(u64 *)vm_ptr(self->vm, src) = ENTRY(6);
	v->regs.rsi = src;
	v->regs.rdi = self->pte;
	RUN_SAME("movsl");
	EXPECT_FRAME(6);
	v->regs.rax = ENTRY(7);
	v->regs.rdi = self->pte;
	RUN_SAME("stosl");
	EXPECT_FRAME(7);
	/* the whole table, as an operating system clears it */
	v->regs.rax = 0;
	v->regs.rdi = table;
	v->regs.rcx = 1024;
	RUN_SAME("rep stosl");
	EXPECT_EQ(0, v->regs.rcx);
	EXPECT_EQ(table + PAGE_SIZE, v->regs.rdi);
	EXPECT_GONE();
	EXPECT_DONE(guest_set_entry(v, self->pte + bytes, FRAME(15) | PTE_KERNEL));
	EXPECT_DONE(guest_set_entry(v, self->pte, ENTRY(8)));
	EXPECT_FRAME(8);
}

/* A table filled by rep movs from a copy of it. */
TEST_F(ptwrite, table_copied)
{
	struct vcpu *v = self->v;
	u64 table = self->pte & ~0xffful;

	EXPECT_FRAME(0);
	memcpy(vm_ptr(self->vm, LOW_DATA), vm_ptr(self->vm, table), PAGE_SIZE);
	*(u32 *)vm_ptr(self->vm, LOW_DATA + (self->pte & 0xfff)) = ENTRY(11);
	v->regs.rsi = LOW_DATA;
	v->regs.rdi = table;
	v->regs.rcx = 1024;
	RUN_SAME("rep movsl");
	EXPECT_EQ(0, v->regs.rcx);
	EXPECT_FRAME(11);
}

TEST_F(ptwrite, stack_on_a_table)
{
	struct vcpu *v = self->v;

	EXPECT_FRAME(0);
	set(v, ENTRY(2), self->pte);
	RUN("lea 8(%%rbx), %%rsp; push %%rax; mov $0x7f00, %%esp",
	    "lea 4(%%ebx), %%esp; push %%eax; mov $0x7f00, %%esp");
	EXPECT_FRAME(2);
	set(v, ENTRY(3), self->pte);
	RUN("mov $0x100000, %%ecx; mov %%rax, (%%rcx); lea 8(%%rbx), %%rsp;"
	    "pushq (%%rcx); mov $0x7f00, %%esp",
	    "mov $0x100000, %%ecx; mov %%eax, (%%ecx); lea 4(%%ebx), %%esp;"
	    "pushl (%%ecx); mov $0x7f00, %%esp");
	EXPECT_FRAME(3);
	set(v, ENTRY(4), self->pte);
	RUN("push %%rax; pop (%%rbx)", "push %%eax; pop (%%ebx)");
	EXPECT_FRAME(4);
	/* call pushes its return address: an entry that is not present if it is even */
	set(v, 0, self->pte);
	RUN("lea 8(%%rbx), %%rsp; call 1f; .balign 2, 0x90; 1: mov $0x7f00, %%esp",
	    "lea 4(%%ebx), %%esp; call 1f; .balign 2, 0x90; 1: mov $0x7f00, %%esp");
	EXPECT_DONE(guest_set_entry(v, self->pte, ENTRY(6)));
	EXPECT_FRAME(6);
}

TEST_F(ptwrite, sse_stores)
{
	struct vcpu *v = self->v;
	u64 pair = self->pte & ~15ul, off = self->pte & 15;

	EXPECT_FRAME(0);
#define STORE(frame, text)						\
	do {								\
		memcpy(vm_ptr(self->vm, LOW_DATA), vm_ptr(self->vm, pair), 16);	\
		*(u32 *)vm_ptr(self->vm, LOW_DATA + off) = ENTRY(frame);	\
		v->regs.rsi = LOW_DATA;					\
		v->regs.rdi = pair;					\
		RUN_SAME(text);						\
		EXPECT_FRAME(frame);					\
	} while (0)
	STORE(1, "movups (%%esi), %%xmm0; movups %%xmm0, (%%edi)");
	STORE(2, "movaps (%%esi), %%xmm1; movaps %%xmm1, (%%edi)");
	STORE(3, "movdqa (%%esi), %%xmm2; movdqa %%xmm2, (%%edi)");
	STORE(4, "movdqu (%%esi), %%xmm3; movdqu %%xmm3, (%%edi)");
	STORE(5, "movdqa (%%esi), %%xmm4; movntdq %%xmm4, (%%edi)");
	STORE(6, "movdqa (%%esi), %%xmm5; movlps %%xmm5, (%%edi); movhps %%xmm5, 8(%%edi)");
	STORE(7, "movdqa (%%esi), %%xmm5; movq %%xmm5, (%%edi); movhpd %%xmm5, 8(%%edi)");
	STORE(8, "mov (%%esi), %%eax; movnti %%eax, (%%edi);"
		 "mov 8(%%esi), %%eax; movnti %%eax, 8(%%edi)");
#undef STORE
}

/* One that the emulator need not know: the guest makes progress all the same (case 29). */
TEST_F(ptwrite, unusual_instructions)
{
	struct vcpu *v = self->v;

	EXPECT_FRAME(0);
#define ODD(frame, text)						\
	do {								\
		set(v, ENTRY(frame), self->pte);			\
		RUN_SAME(text);						\
		EXPECT_FRAME(frame);					\
	} while (0)
	ODD(1, "movd %%eax, %%xmm0; movss %%xmm0, (%%ebx)");
	ODD(2, "movd %%eax, %%xmm0; movd %%xmm0, (%%ebx)");
	ODD(3, "push $0; fninit; movl %%eax, 0x100000; fildl 0x100000; fistpl (%%ebx)");
	ODD(4, "movd %%eax, %%mm0; movd %%mm0, (%%ebx); emms");
	ODD(5, "shll $1, (%%ebx); mov %%eax, (%%ebx)");
	ODD(6, "roll $8, (%%ebx); mov %%eax, (%%ebx)");
	ODD(7, "movl %%eax, 0x100000; shldl $32, %%eax, (%%ebx); mov %%eax, (%%ebx)");
	ODD(8, "sete 3(%%ebx); mov %%eax, (%%ebx)");
	ODD(9, "sidt 0x100020; fnstcw 0x100040; fnstsw 0x100042; mov %%eax, (%%ebx)");
#undef ODD
}

TEST_F(ptwrite, misaligned)
{
	struct vcpu *v = self->v;
	u32 bytes = self->vm->fmt->entry_bytes;
	u64 around;

	EXPECT_FRAME(0);
	/* the upper half of this entry and the lower half of the next in one write */
	if (bytes == 8) {
		EXPECT_DONE(guest_write(v, self->pte + 6, 0xf0630000, 4));
		EXPECT_EQ(0xf063, vm_read(self->vm, self->pte + 8, 2));
		EXPECT_FRAME(0);
	}
	around = vm_read(self->vm, self->pte - 1, 1) | ENTRY(3) << 8;
	EXPECT_DONE(guest_write(v, self->pte - 1, around, 4));
	EXPECT_FRAME(3);
	for (int i = 1; i < 4; i++) {
		u64 old = vm_read(self->vm, self->pte, 8);

		old = (old & ~0xfffffffful) | ENTRY(i);
		EXPECT_DONE(guest_write(v, self->pte + 1, old >> 8, 4));
		EXPECT_FRAME(i);
	}
}

/* One write over the edge between two tables changes both. */
TEST_F(ptwrite, crossing_into_the_next_table)
{
	struct vcpu *v = self->v;
	u32 bytes = self->vm->fmt->entry_bytes;
	u64 step = pt_page_bytes(self->vm->fmt, 2);
	u64 a = TEST_VA + 4 * step, last = a + step - PAGE_SIZE;
	u64 table = pt_alloc_table(self->vm), next = pt_alloc_table(self->vm), edge;

	ASSERT_EQ(next, table + PAGE_SIZE);
	pt_map(self->vm, a, FRAME(0), 0);
	pt_put(self->vm, pt_entry_gpa(self->vm, a, 2), table | PTE_KERNEL);
	pt_put(self->vm, pt_entry_gpa(self->vm, a + step, 2), next | PTE_KERNEL);
	edge = next;
	pt_put(self->vm, edge - bytes, ENTRY(1));
	pt_put(self->vm, edge, ENTRY(2));
	EXPECT_DONE(guest_write(v, last + 4, 1, 4));
	EXPECT_DONE(guest_write(v, a + step + 4, 2, 4));
	/* bytes -2 and -1 of the first table (of the address) and 0 and 1 of the second */
	EXPECT_DONE(guest_write(v, edge - 2,
				(vm_read(self->vm, edge - 2, 2)) | (ENTRY(7) & 0xffff) << 16, 4));
	EXPECT_DONE(guest_invlpg(v, last));
	EXPECT_DONE(guest_invlpg(v, a + step));
	EXPECT_DONE(guest_write(v, last + 4, 11, 4));
	EXPECT_DONE(guest_write(v, a + step + 4, 77, 4));
	EXPECT_EQ(11, vm_read(self->vm, FRAME(1) + 4, 4));
	EXPECT_EQ(77, vm_read(self->vm, FRAME(7) + 4, 4));
	EXPECT_EQ(2, vm_read(self->vm, FRAME(2) + 4, 4));
}

/* A former page table is written like data, thousands of times (case 30). */
TEST_F(ptwrite, flood_of_data_on_a_former_table)
{
	struct vcpu *v = self->v;
	u64 table = self->pte & ~0xffful, pde = pt_entry(self->vm, TEST_VA, 2);

	EXPECT_FRAME(0);
	EXPECT_DONE(guest_set_pte(v, TEST_VA, 2, 0));
	EXPECT_DONE(guest_set_cr(v, 3, self->vm->root));
	for (int i = 0; i < 20; i++) {
		v->regs.rdi = table;
		v->regs.rcx = 1024;
		v->regs.rax = i * 0x01010101;
		RUN_SAME("1: mov %%eax, (%%edi); add $4, %%edi; dec %%ecx; jnz 1b");
		EXPECT_EQ(0, v->regs.rcx);
		EXPECT_EQ(i * 0x01010101, vm_read(self->vm, table + 0xffc, 4));
	}
	memset(vm_ptr(self->vm, LOW_DATA), 0, PAGE_SIZE);
	v->regs.rsi = LOW_DATA;
	v->regs.rdi = table;
	v->regs.rcx = 1024;
	RUN_SAME("rep movsl");
	EXPECT_DONE(guest_set_entry(v, self->pte + self->vm->fmt->entry_bytes,
				    FRAME(15) | PTE_KERNEL));
	EXPECT_DONE(guest_set_entry(v, self->pte, ENTRY(9)));
	EXPECT_DONE(guest_set_pte(v, TEST_VA, 2, pde));
	EXPECT_FRAME(9);
}

TEST_HARNESS_MAIN
