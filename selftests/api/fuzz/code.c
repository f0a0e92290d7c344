// SPDX-License-Identifier: GPL-2.0-only
/* Code for the guest: pieces that leave the processor or change what it translates, in a ring. */
#include <string.h>

#include "fuzz.h"

#define CODE_BYTES	(PAGE_SIZE - 16)

static struct blob piece(u32 which)
{
	switch (which) {
	case 0:	return INSN("mov %%rax, (%%rdi)");
	case 1:	return INSN("lock xadd %%rax, (%%rdi)");
	case 2:	return INSN("lock cmpxchg %%rbx, (%%rdi)");
	case 3:	return INSN("rep movsb");
	case 4:	return INSN("rep stosq");
	case 5:	return INSN("invlpg (%%rdi)");
	case 6:	return INSN("mov %%cr3, %%rax; mov %%rax, %%cr3");
	case 7:	return INSN("mov %%cr4, %%rax; xor $0x80, %%rax; mov %%rax, %%cr4");
	case 8:	return INSN("mov %%cr0, %%rax; xor $0x10000, %%rax; mov %%rax, %%cr0");
	case 9:	return INSN("cpuid");
	case 10: return INSN("rdmsr");
	case 11: return INSN("wrmsr");
	case 12: return INSN("in (%%dx), %%al; out %%al, (%%dx)");
	case 13: return INSN("rep insb");
	case 14: return INSN("rep outsb");
	case 15: return INSN("sti; hlt");
	case 16: return INSN("int $0x30");
	case 17: return INSN("vmcall");
	case 18: return INSN("pushfq; orl $0x100, (%%rsp); popfq");
	case 19: return INSN("mov %%rax, %%dr7; mov %%rdi, %%dr0");
	case 20: return INSN("xchg %%rdi, %%rsi");
	case 21: return INSN("add $0x1008, %%rdi");
	case 22: return INSN("mov $0xfee000b0, %%edi");
	case 23: return INSN("mov $0xfec00010, %%edi");
	case 24: return INSN("mov $0x20018, %%edi; or $1, %%al");	/* a page table */
	case 25: return INSN("mov $0xcf8, %%edx");
	case 26: return INSN("mov $3, %%ecx");
	case 27: return INSN("wbinvd");
	case 28: return INSN("mov (%%rsi), %%rax");
	case 29: return INSN("movups (%%rsi), %%xmm0; movups %%xmm0, (%%rdi)");
	case 30: return INSN("swapgs");
	default: return INSN("lidt (%%rsi)");
	}
}

static size_t put_piece(struct fuzz_thread *t, u8 *to)
{
	struct blob b = piece(fuzz_pick(t, ONE_IN(t, 16) ? 32 : 31));
	u64 word;

	if (ONE_IN(t, 24)) {		/* any bytes */
		word = fuzz_word(t);
		memcpy(to, &word, sizeof(word));
		return sizeof(word);
	}
	memcpy(to, b.bytes, b.len);
	return b.len;
}

void fuzz_code(struct fuzz_thread *t)
{
	u8 code[PAGE_SIZE];
	size_t bytes = 256 + fuzz_pick(t, CODE_BYTES - 512), at = 0;

	while (at < bytes)
		at += put_piece(t, code + at);
	/* jmp back to the start */
	code[at] = 0xe9;
	*(int *)(code + at + 1) = -(int)(at + 5);
	fuzz_write(t->fuzz, CODE_GPA, code, at + 5);
}
