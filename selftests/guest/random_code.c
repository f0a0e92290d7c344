// SPDX-License-Identifier: GPL-2.0-only
/*
 * Random guests: accesses of all kinds to addresses whose page tables they change, tables that map
 * themselves or the wrong level, devices, single steps, breakpoints, mode bits. What each came to
 * is summed up in a digest, with registers and memory: tools/lab/fuzz-guest compares those of
 * Umbra with those of other hypervisors. The TLB is flushed between steps, so that all agree.
 *
 * In the environment: seeds (2 each mode), seed (1, the first), mode (all), steps (200), without
 * (a step to leave out), verbose (each step is printed), devices (KVM's emulator of instructions
 * forgets to look whether a read-only page is written, so by default there are none).
 */
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>

#include "kselftest_harness.h"
#include "paging.h"

#define DATA_FRAMES	6
#define ROOM_LEVELS	4
#define TABLES_A_LEVEL	3
#define DEVICE_GPA	0xe0000000ul	/* no memory is there */
#define MAX_ACCESSES	64		/* of a step, to devices */

/* One guest, and what it may do: addresses in one entry of its top table. */
struct guest {
	struct vm *vm;
	struct vcpu *v;
	u64 random;
	u64 base;
	u64 table[ROOM_LEVELS][TABLES_A_LEVEL];	/* by level - 1, below the top */
	u64 digest;
	struct kvm_sregs sane;
	bool lost, verbose, devices;
};

static u32 pick(struct guest *g, u32 n)
{
	return (lcg_next(&g->random) >> 33) % n;
}

#define ONE_IN(g, n)	(pick(g, n) == 0)

/* ---- the digest: FNV-1a ---- */

static void digest_bytes(struct guest *g, const void *p, size_t bytes)
{
	for (size_t i = 0; i < bytes; i++)
		g->digest = (g->digest ^ ((const u8 *)p)[i]) * 0x100000001b3ul;
}

static void digest_word(struct guest *g, u64 word)
{
	digest_bytes(g, &word, sizeof(word));
}

/* ---- addresses, frames, entries ---- */

static u32 some_index(struct guest *g)
{
	static const u32 index[] = { 0, 0, 1, 1, 2, 511 };

	return index[pick(g, ARRAY_SIZE(index))];
}

static u64 some_address(struct guest *g, bool aligned)
{
	static const u32 offset[] = { 0, 8, 0x120, 0xff8, 0xfff, 0xffd, 0x123 };
	const struct pt_format *fmt = g->vm->fmt;
	u64 va = g->base;

	for (int level = fmt->levels - 1; level; level--)
		va |= (u64)some_index(g) << (12 + fmt->index_bits * (level - 1));
	return va + offset[pick(g, aligned ? 4 : ARRAY_SIZE(offset))];
}

static u64 some_table(struct guest *g, int level)
{
	return g->table[level - 1][pick(g, TABLES_A_LEVEL)];
}

/* What an instruction with two addresses comes by: its pages, and the tables on the way to them. */
struct reach {
	u64 page[4], table[4 * 5];
	u32 pages, tables;
	bool leaves_memory;	/* what steps wrote into tables may be anything */
};

static void reach_page(struct guest *g, struct reach *r, u64 va)
{
	const struct pt_format *fmt = g->vm->fmt;
	u64 table = g->vm->root, entry;

	for (int level = fmt->levels; level; level--) {
		r->table[r->tables++] = table;
		entry = vm_read(g->vm, table + pt_index(fmt, va, level) * fmt->entry_bytes,
				fmt->entry_bytes);
		if (!(entry & PTE_P))
			return;
		table = entry & (fmt->entry_bytes == 8 ? PTE_ADDR : 0xfffff000);
		if (table >= LARGE_GPA + LARGE_BYTES) {
			r->leaves_memory = true;
			return;
		}
		if (level == 1 || (entry & PTE_PS))
			break;
	}
	r->page[r->pages++] = table;
}

/*
 * Devices are left out, if not asked for; and what changes its own translation: what
 * such an instruction sees of that is the processor's.
 */
static bool may_use(struct guest *g, u64 va1, u64 va2)
{
	struct reach r = {};

	reach_page(g, &r, va1 - 64);
	reach_page(g, &r, va1 + 64);
	reach_page(g, &r, va2 - 64);
	reach_page(g, &r, va2 + 64);
	for (u32 i = 0; i < r.pages; i++)
		for (u32 k = 0; k < r.tables; k++)
			if (r.page[i] == r.table[k])
				return false;
	return g->devices || !r.leaves_memory;
}

static u64 data_frame(u32 i)
{
	return DATA_GPA + i * PAGE_SIZE;
}

static u64 some_frame(struct guest *g, int level)
{
	int below = g->vm->fmt->levels - 1;

	if (level > 1 && !ONE_IN(g, 4))
		return some_table(g, level - 1);
	switch (pick(g, 8)) {
	case 0:		return some_table(g, 1 + pick(g, below));
	case 1:		return (g->devices ? DEVICE_GPA : LARGE_GPA) + pick(g, 2) * PAGE_SIZE;
	case 2:		return LARGE_GPA;
	default:	return data_frame(pick(g, DATA_FRAMES));
	}
}

static u64 some_entry(struct guest *g, int level)
{
	/* Whether a walk that fails sets A in the entries that it came by is the processor's. */
	u64 entry = some_frame(g, level) | PTE_P | PTE_W | PTE_U | PTE_A;

	if (ONE_IN(g, 3))
		entry &= ~(1ul << pick(g, 3));
	if (ONE_IN(g, 3))
		entry |= PTE_D;
	if (level > 1 && ONE_IN(g, 6))
		entry = LARGE_GPA | (entry & 0xfff) | PTE_PS;
	if (g->vm->fmt->entry_bytes == 8 && ONE_IN(g, 6))
		entry |= ONE_IN(g, 8) ? 1ul << 51 : PTE_NX;
	return entry;
}

/* ---- what a guest executes: rdi and rsi are addresses, rax, rbx and rcx small numbers ---- */

static struct blob access_64(u32 which)
{
	switch (which) {
	case 0:	return INSN("mov %%rax, (%%rdi)");
	case 1:	return INSN("mov (%%rdi), %%rax");
	case 2:	return INSN("movb $0x5a, (%%rdi); mov (%%rdi), %%bx");
	case 3:	return INSN("lock xadd %%eax, (%%rdi)");
	case 4:	return INSN("lock cmpxchg %%rbx, (%%rdi)");
	case 5:	return INSN("xchg %%rax, (%%rdi)");
	case 6:	return INSN("lock orl $0x60, (%%rdi)");
	case 7:	return INSN("rep movsb");
	case 8:	return INSN("rep stosl");
	case 9:	return INSN("std; rep movsw; cld");
	case 10: return INSN("repe cmpsb");
	case 11: return INSN("repne scasb");
	case 12: return INSN("mov %%rdi, %%rsp; pushq $0x33; popq %%rax");
	case 13: return INSN("pushq (%%rdi); popq (%%rsi)");
	case 14: return INSN("addl $1, (%%rdi); adcq $0, (%%rsi)");
	case 15: return INSN("lock btsq %%rcx, (%%rdi)");
	case 16: return INSN("cmpxchg8b (%%rdi)");
	case 17: return INSN("movzbl (%%rdi), %%eax; movsbq (%%rsi), %%rbx");
	case 18: return INSN("mov (%%rdi), %%rax; mov %%rax, (%%rsi); mov (%%rdi), %%rbx");
	case 19: return INSN("notl (%%rdi); negb (%%rsi)");
	case 20: return INSN("invlpg (%%rdi)");
	default: return INSN("movl $7, (%%rdi); incl (%%rdi); xchg %%al, (%%rsi)");
	}
}

static struct blob access_32(u32 which)
{
	switch (which) {
	case 0:	return INSN32("mov %%eax, (%%edi)");
	case 1:	return INSN32("mov (%%edi), %%eax");
	case 2:	return INSN32("movb $0x5a, (%%edi); mov (%%edi), %%bx");
	case 3:	return INSN32("lock xadd %%eax, (%%edi)");
	case 4:	return INSN32("lock cmpxchg %%ebx, (%%edi)");
	case 5:	return INSN32("xchg %%eax, (%%edi)");
	case 6:	return INSN32("lock orl $0x60, (%%edi)");
	case 7:	return INSN32("rep movsb");
	case 8:	return INSN32("rep stosl");
	case 9:	return INSN32("std; rep movsw; cld");
	case 10: return INSN32("repe cmpsb");
	case 11: return INSN32("repne scasb");
	case 12: return INSN32("mov %%edi, %%esp; pushl $0x33; popl %%eax");
	case 13: return INSN32("pushl (%%edi); popl (%%esi)");
	case 14: return INSN32("addl $1, (%%edi); adcl $0, (%%esi)");
	case 15: return INSN32("lock btsl %%ecx, (%%edi)");
	case 16: return INSN32("cmpxchg8b (%%edi)");
	case 17: return INSN32("movzbl (%%edi), %%eax; movsbl (%%esi), %%ebx");
	case 18: return INSN32("mov (%%edi), %%eax; mov %%eax, (%%esi); mov (%%edi), %%ebx");
	case 19: return INSN32("notl (%%edi); negb (%%esi)");
	case 20: return INSN32("invlpg (%%edi)");
	default: return INSN32("movl $7, (%%edi); incl (%%edi); xchg %%al, (%%esi)");
	}
}
#define ACCESSES	22

/* ---- one step ---- */

/* What a device answers is made of the address. */
static void answer(struct guest *g, struct kvm_run *run)
{
	for (u32 i = 0; i < run->mmio.len; i++) {
		u8 byte = (run->mmio.phys_addr + i) * 37;

		if (run->mmio.is_write)
			byte = run->mmio.data[i];
		else
			run->mmio.data[i] = byte;
		digest_word(g, run->mmio.phys_addr + i);
		digest_word(g, byte);
	}
}

static struct result through_devices(struct guest *g, struct result r)
{
	for (int i = 0; r.kind == OUT_EXIT && r.exit == KVM_EXIT_MMIO && i < MAX_ACCESSES; i++) {
		answer(g, g->v->run);
		r = vcpu_run(g->v);
	}
	return r;
}

#define RFLAGS_KEPT	(~(1ul << 4 | 1ul << 16))	/* AF may be undefined; RF */

static void note(struct guest *g, const char *what, struct result r)
{
	const struct kvm_regs *regs = &g->v->regs;
	/* QEMU leaves P out of the error code when a reserved bit is set. */
	u32 error = r.vector == VEC_PF && (r.error & ERR_R) ? r.error | ERR_P : r.error;
	const u64 words[] = {
		r.kind, r.kind == OUT_EXC ? r.vector : 0, r.kind == OUT_EXC ? error : 0,
		r.kind == OUT_EXC ? r.cr2 : 0, r.kind == OUT_EXC ? r.rip : 0,
		r.kind == OUT_EXC ? r.rflags & RFLAGS_KEPT : 0, r.kind == OUT_EXIT ? r.exit : 0,
		regs->rax, regs->rbx, regs->rcx, regs->rsi, regs->rdi,
	};

	digest_bytes(g, words, sizeof(words));
	g->lost |= r.kind != OUT_DONE && r.kind != OUT_EXC;
	if (!g->verbose)
		return;
	printf("# %s: %s; rax %llx rbx %llx rcx %llx rsi %llx rdi %llx, digest %lx\n", what,
	       result_str(r), regs->rax, regs->rbx, regs->rcx, regs->rsi, regs->rdi, g->digest);
}

static void access_memory(struct guest *g)
{
	struct vcpu *v = g->v;
	u32 which = pick(g, ACCESSES);
	bool user = (ONE_IN(g, 3) && which != 20) || which == 12;	/* a fault needs a stack */
	struct blob code = g->vm->fmt->is_long ? access_64(which) : access_32(which);
	char what[32];

	v->regs.rdi = some_address(g, which == 3 || which == 4 || which == 6 || which == 15);
	v->regs.rsi = some_address(g, false);
	v->regs.rax = pick(g, 256);
	v->regs.rbx = pick(g, 256);
	v->regs.rcx = pick(g, 12);
	v->regs.rdx = 0;
	if (!may_use(g, v->regs.rdi, v->regs.rsi))
		return;
	v->user = user;
	v->flags = ONE_IN(g, 12) ? RFLAGS_TF : 0;
	snprintf(what, sizeof(what), "access %u%s%s", which, user ? ", user" : "",
		 v->flags ? ", stepped" : "");
	note(g, what, through_devices(g, guest_insn(v, code)));
	v->user = false;
	v->flags = 0;
}

static void execute(struct guest *g)
{
	u64 va = some_address(g, true) & -PAGE_SIZE;

	if (!may_use(g, va, va))
		return;
	/* What is there may be anything. */
	g->v->user = true;
	note(g, "jump", through_devices(g, guest_exec(g->v, va)));
	g->v->user = false;
}

static void edit(struct guest *g)
{
	int level = 1 + pick(g, g->vm->fmt->levels - 1);
	u64 at = some_table(g, level) + some_index(g) * g->vm->fmt->entry_bytes;

	note(g, "edit", guest_set_entry(g->v, at, some_entry(g, level)));
}

static void change_mode(struct guest *g)
{
	struct vcpu *v = g->v;
	/* QEMU sets A in PDPTEs, where it is reserved: a write of CR4 then loads them no more. */
	bool pae = g->vm->mode == MODE_PAE;
	u64 cr4 = guest_get_cr(v, 4), efer;

	switch (pick(g, 4)) {
	case 0:
		note(g, "cr0.wp", guest_set_cr(v, 0, guest_get_cr(v, 0) ^ CR0_WP));
		break;
	case 1:
		if (GUEST_HAS_SMEP(g->vm) && !pae)
			note(g, "cr4.smep", guest_set_cr(v, 4, cr4 ^ CR4_SMEP));
		break;
	case 2:
		if (GUEST_HAS_SMAP(g->vm) && !pae)
			note(g, "cr4.smap", guest_set_cr(v, 4, cr4 ^ CR4_SMAP));
		break;
	default:
		if (!GUEST_HAS_NX(g->vm) || guest_rdmsr(v, MSR_EFER_, &efer).kind != OUT_DONE)
			break;
		note(g, "efer.nxe", guest_wrmsr(v, MSR_EFER_, efer ^ EFER_NXE));
	}
}

static void flush(struct guest *g)
{
	struct blob reload = g->vm->fmt->is_long ? INSN("mov %%cr3, %%rdx; mov %%rdx, %%cr3") :
						   INSN32("mov %%cr3, %%edx; mov %%edx, %%cr3");
	struct result r = guest_insn(g->v, reload);

	if (r.kind != OUT_DONE)
		die("a load of CR3: %s", result_str(r));
}

/* After a triple fault, or what the hypervisor could not do. */
static void revive(struct guest *g)
{
	vcpu_set_events(g->v, (struct kvm_vcpu_events){ .flags = KVM_VCPUEVENT_VALID_SHADOW });
	vcpu_set_sregs(g->v, &g->sane);
	vm_write_descriptors(g->vm);
}

static void step(struct guest *g)
{
	u32 what = pick(g, 16);

	if (what < 6)
		edit(g);
	else if (what < 14)
		access_memory(g);
	else if (what < 15)
		execute(g);
	else
		change_mode(g);
	if (g->lost)
		revive(g);
	g->lost = false;
	flush(g);
}

static void digest_page(struct guest *g, u64 gpa)
{
	const u64 *word = vm_ptr(g->vm, gpa);

	digest_bytes(g, word, PAGE_SIZE);
	for (u32 i = 0; g->verbose && i < PAGE_SIZE / sizeof(*word); i++)
		if (word[i])
			printf("# memory %lx: %lx\n", gpa + i * sizeof(*word), word[i]);
}

static void digest_memory(struct guest *g)
{
	for (int level = 1; level < g->vm->fmt->levels; level++)
		for (int i = 0; i < TABLES_A_LEVEL; i++)
			digest_page(g, g->table[level - 1][i]);
	for (u32 i = 0; i < DATA_FRAMES; i++)
		digest_page(g, data_frame(i));
	for (u32 i = 0; i < 4; i++)
		digest_page(g, LARGE_GPA + i * PAGE_SIZE);
}

/* ---- a guest ---- */

/* The first tables of each level are linked, the first entries map the data. */
static void build_room(struct guest *g)
{
	const struct pt_format *fmt = g->vm->fmt;
	int top = fmt->levels;
	u64 entry;

	g->base = fmt->is_long ? 1ul << 39 : 0xc0000000;
	for (int level = 1; level < top; level++)
		for (int i = 0; i < TABLES_A_LEVEL; i++)
			g->table[level - 1][i] = pt_alloc_table(g->vm);
	for (int level = 2; level < top; level++)
		for (int i = 0; i < 2; i++)
			pt_put(g->vm, g->table[level - 1][0] + i * fmt->entry_bytes,
			       g->table[level - 2][i] | PTE_USER | PTE_A);
	for (int i = 0; i < 3; i++)
		pt_put(g->vm, g->table[0][0] + i * fmt->entry_bytes,
		       data_frame(i) | PTE_USER | PTE_A);
	entry = g->vm->root + pt_index(fmt, g->base, top) * fmt->entry_bytes;
	pt_put(g->vm, entry, g->table[top - 2][0] |
			     (top == 3 ? PTE_P : PTE_USER | PTE_A));
	for (u32 i = 0; i < DATA_FRAMES; i++)
		put_exec_target(g->vm, data_frame(i));
}

static u64 run_guest(enum guest_mode mode, u64 seed)
{
	u64 steps = from_env("steps", 200), without = from_env("without", ~0ul);
	struct guest g = { .digest = 0xcbf29ce484222325ul,
			   .verbose = getenv("verbose"), .devices = getenv("devices") };

	g.vm = vm_create(mode);
	g.v = &g.vm->vcpu[0];
	build_room(&g);
	flush(&g);
	vcpu_get_sregs(g.v, &g.sane);
	for (u64 i = 0; i < steps; i++) {
		/* Each step's numbers are its own: without one, the others are as they were. */
		g.random = ((seed * 8 + mode) << 20 | i) * 0x9e3779b97f4a7c15ul;
		lcg_next(&g.random);
		if (i != without)
			step(&g);
		if (i % 16 == 15)
			digest_memory(&g);
	}
	digest_memory(&g);
	vm_free(g.vm);
	return g.digest;
}

FIXTURE(random_code) {
};

FIXTURE_SETUP(random_code)
{
}

FIXTURE_TEARDOWN(random_code)
{
}

TEST_F_TIMEOUT(random_code, digests, 3600)
{
	static const char *const names[] = { [MODE_32] = "32", [MODE_PAE] = "pae",
					     [MODE_LONG4] = "64" };
	u64 seeds = from_env("seeds", 2), first = from_env("seed", 1);
	const char *only = getenv("mode");

	for (enum guest_mode mode = MODE_32; mode <= MODE_LONG4; mode++) {
		if (only && strcmp(only, names[mode]))
			continue;
		for (u64 seed = first; seed < first + seeds; seed++)
			printf("# digest %s %lu %016lx\n", names[mode], seed,
			       run_guest(mode, seed));
	}
}

TEST_HARNESS_MAIN
