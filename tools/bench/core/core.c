// SPDX-License-Identifier: GPL-2.0-only
/*
 * The MMU's operations in worlds of growing size, under callgrind. The machine around mmu/ is the
 * unit tests'. For each world and operation callgrind is told to dump what it has counted, under
 * the title 'DIMENSION SIZE OPERATION COUNT'; tools/bench/core/run adds up what mmu/ itself did.
 */
#include <valgrind/callgrind.h>

#include "guest.h"
#include "host.h"

#define NR_OPS		200
#define SLOT_PAGES	(1ull << 18)
#define FIRST_TABLE	0x100ull	/* gfn */
#define FIRST_FRAME	0x30000ull	/* gfn; frames for data */
#define NR_FRAMES	0x8000ull
#define TABLE_BITS	21		/* what a leaf table maps */
#define MAX_SPACES	1001
#define MAX_ALIASES	10000
#define WALK_BITS	(P | W | U | A)
#define LEAF_BITS	(P | W | U | A | D)

static struct {
	const char *dimension;
	unsigned long size;
	unsigned int spaces, vcpus;
	unsigned long tables;		/* leaf tables of each space */
	gpa_t root[MAX_SPACES];
	u64 next_table, next_frame;
	u32 random;
} w;

static u32 random_below(u32 n)
{
	w.random = w.random * 1664525 + 1013904223;
	return (u64)w.random * n >> 32;
}

static gpa_t new_table(void)
{
	EXPECT(w.next_table < FIRST_FRAME, "bench-core: no room for so many tables");
	return w.next_table++ * PAGE;
}

static gpa_t new_frame(void)
{
	return (FIRST_FRAME + w.next_frame++ % NR_FRAMES) * PAGE;
}

static u64 va_of(unsigned long table, unsigned int index)
{
	return ((u64)table << TABLE_BITS) + index * PAGE;
}

/* Where the leaf entry of @va is; tables on the way are made. Not yet shadowed ones only. */
static gpa_t leaf_entry(gpa_t root, u64 va)
{
	gpa_t table = root, at;
	int level;
	u64 entry;

	for (level = 4; level > 1; level--) {
		at = table + (va >> (3 + 9 * level) & 511) * 8;
		entry = ram_read(at, 8);
		if (!(entry & P)) {
			entry = new_table() | WALK_BITS;
			ram_poke(at, entry, 8);
		}
		table = entry & ~0xfffull;
	}
	return table + (va >> 12 & 511) * 8;
}

static void map(gpa_t root, u64 va, gpa_t frame)
{
	ram_poke(leaf_entry(root, va), frame | LEAF_BITS, 8);
}

static void ensure_root(struct vcpu *v)
{
	while (v->reload || !mmu_root_ok(&v->m)) {
		v->reload = false;
		EXPECT(!mmu_load_root(&v->m), "bench-core: mmu_load_root() failed");
	}
}

/* As the run loop does it: first without sleeping. */
static void fault(struct vcpu *v, u64 va)
{
	struct mmu_fault f = {
		.gva = va, .error = PFERR_WRITE | PFERR_USER, .access = UWRITE,
	};
	enum mmu_verdict verdict;

	ensure_root(v);
	do {
		v->m.atomic = true;
		verdict = mmu_fault(&v->m, &f);
		v->m.atomic = false;
		if (verdict == MMU_WAIT)
			verdict = mmu_fault(&v->m, &f);
	} while (verdict == MMU_RETRY);
	EXPECT(verdict == MMU_FIXED, "bench-core: a fault's verdict is %d", verdict);
}

static void load_cr3(struct vcpu *v, gpa_t root)
{
	EXPECT(!mmu_set_cr3(&v->m, root, true), "bench-core: mmu_set_cr3() failed");
	EXPECT(!mmu_load_root(&v->m), "bench-core: mmu_load_root() failed");
	v->reload = false;
}

static void start_vcpu(struct vcpu *v)
{
	guest_regs(MODE_LONG, &v->regs.cr0, &v->regs.cr4, &v->regs.efer);
	v->regs.cr3 = w.root[0];
	mmu_set_mode(&v->m, &v->regs);
	load_cr3(v, w.root[0]);
}

/* ---- operations ---- */

/* @va: an entry of a table that is shadowed; @new_va: of one that is not */
struct target {
	unsigned int space;
	u64 va, new_va;
	gpa_t entry;
};
static struct target target[NR_OPS];

/* The host has the memory: a fill has not to wait for it. */
static gpa_t resident(gpa_t frame)
{
	gfn_t gfn = frame / PAGE;
	struct host_page page;

	EXPECT(!host_page_get(&mach.vm, host_slot(&mach.vm, gfn), gfn, true, &page),
	       "bench-core: no memory");
	host_page_put(&page, true);
	return frame;
}

/* Which entries are to be filled, before their tables are shadowed. */
static void pick_targets(gpa_t shared_frame)
{
	unsigned int i;

	for (i = 0; i < NR_OPS; i++) {
		struct target *t = &target[i];

		t->space = random_below(w.spaces);
		/* One in 16, so that no neighbour is filled along with it. */
		t->va = va_of(random_below(w.tables), 64 + i % 28 * 16 + i / 28);
		t->entry = leaf_entry(w.root[t->space], t->va);
		ram_poke(t->entry, resident(shared_frame ? shared_frame : new_frame()) | LEAF_BITS,
			 8);
		t->new_va = va_of(w.tables + MAX_ALIASES / 512 + 1 + i, 0);
		map(w.root[t->space], t->new_va, new_frame());
	}
}

static void fill(struct target *t)
{
	fault(vcpu(0), t->va);
}

/* The first use of a guest table: a shadow page is made. */
static void new_table_fill(struct target *t)
{
	fault(vcpu(0), t->new_va);
}

/* Another frame and back: it leaves one rmap list and comes onto another. */
static void pte_write(struct target *t)
{
	u64 entry = ram_read(t->entry, 8) ^ 1 << 15;

	EXPECT(!mmu_write_guest(&vcpu(0)->m, t->entry, &entry, 8), "bench-core: write failed");
}

static void cr3_load(struct target *t)
{
	load_cr3(vcpu(0), w.root[t->space]);
}

static void invlpg(struct target *t)
{
	mmu_invlpg(&vcpu(0)->m, t->va);
}

static void go_there(struct target *t)
{
	if (vcpu(0)->m.regs.cr3 != w.root[t->space])
		load_cr3(vcpu(0), w.root[t->space]);
	ensure_root(vcpu(0));
}

/* The table is in use, so that its shadow is not dropped for the write. */
static void use_table(struct target *t)
{
	go_there(t);
	fault(vcpu(0), t->va);
}

/* The target's root is at hand. */
static void come_from_there(struct target *t)
{
	load_cr3(vcpu(0), w.root[t->space]);
	load_cr3(vcpu(0), w.root[w.spaces]);
}

/* No root is at hand; the shadow page of the target's is there. */
static void forget_roots(struct target *t)
{
	(void)t;
	mmu_drop_root(&vcpu(0)->m);
	load_cr3(vcpu(0), w.root[w.spaces]);
}

static const struct operation {
	const char *name;
	void (*before)(struct target *t);
	void (*run)(struct target *t);
} operations[] = {
	{ "fill", go_there, fill },
	{ "pte-write", use_table, pte_write },
	{ "cr3-load", come_from_there, cr3_load },
	{ "cr3-miss", forget_roots, cr3_load },
	{ "invlpg", go_there, invlpg },
	{ "new-table", go_there, new_table_fill },
};

static void measure(const struct operation *op)
{
	char title[80];
	unsigned int i;

	CALLGRIND_START_INSTRUMENTATION;
	CALLGRIND_ZERO_STATS;
	for (i = 0; i < NR_OPS; i++) {
		op->before(&target[i]);
		CALLGRIND_TOGGLE_COLLECT;
		op->run(&target[i]);
		CALLGRIND_TOGGLE_COLLECT;
	}
	snprintf(title, sizeof(title), "%s %lu %s %d", w.dimension, w.size, op->name, NR_OPS);
	CALLGRIND_DUMP_STATS_AT(title);
	CALLGRIND_STOP_INSTRUMENTATION;
}

/* ---- worlds ---- */

static void make_machine(void)
{
	machine_reset(w.vcpus);
	w.next_table = FIRST_TABLE;
	w.next_frame = 0;
	w.random = 1;
	EXPECT(slot_add(RAM_SLOT, 0, SLOT_PAGES, vmm_mmap(SLOT_PAGES, 1), 0),
	       "bench-core: no slot");
	EXPECT(!mmu_vm_set_quota(&mach.vm, FIRST_FRAME), "bench-core: no quota");
}

/* All shadow pages are there: one entry of each leaf table is used. */
static void use_space(unsigned int space)
{
	unsigned long i;

	load_cr3(vcpu(0), w.root[space]);
	for (i = 0; i < w.tables; i++)
		fault(vcpu(0), va_of(i, 0));
}

static void world(const char *dimension, unsigned long size, unsigned int spaces,
		  unsigned long tables, unsigned int vcpus, unsigned long aliases)
{
	unsigned long i, t;
	gpa_t frame = 0;

	w.dimension = dimension;
	w.size = size;
	w.spaces = spaces;
	w.tables = tables;
	w.vcpus = vcpus;
	make_machine();
	if (aliases)
		frame = new_frame();
	for (i = 0; i <= spaces; i++) {
		w.root[i] = new_table();
		/* The last one is only a place to come from. */
		for (t = 0; t < (i < spaces ? tables : 1); t++)
			map(w.root[i], va_of(t, 0), new_frame());
	}
	pick_targets(frame);
	for (i = 0; i < aliases; i++)
		map(w.root[0], va_of(tables + i / 512, i % 512), frame);
	for (i = 0; i < vcpus; i++)
		start_vcpu(vcpu(i));
	for (i = 0; i < spaces; i++)
		use_space(i);
	load_cr3(vcpu(0), w.root[0]);
	for (i = 0; i < aliases; i++)
		fault(vcpu(0), va_of(tables + i / 512, i % 512));
	for (i = 0; i < sizeof(operations) / sizeof(operations[0]); i++)
		measure(&operations[i]);
	fprintf(stderr, "bench-core: %s %lu: %lu shadow pages\n", dimension, size,
		mach.vm.nr_pages);
	machine_done();
}

int main(void)
{
	static const unsigned long pages[] = { 100, 1000, 10000, 100000 };
	static const unsigned long spaces[] = { 1, 10, 100, 1000 };
	static const unsigned long aliases[] = { 1, 10, 100, 1000, 10000 };
	static const unsigned int vcpus[] = { 1, 2, 4, 8 };
	unsigned int i;

	for (i = 0; i < 4; i++)
		world("shadow-pages", pages[i], 1, pages[i], 1, 0);
	for (i = 0; i < 4; i++)
		world("address-spaces", spaces[i], spaces[i], 16, 1, 0);
	for (i = 0; i < 5; i++)
		world("aliases", aliases[i], 1, 100, 1, aliases[i]);
	for (i = 0; i < 4; i++)
		world("vcpus", vcpus[i], 1, 100, vcpus[i], 0);
	return 0;
}
