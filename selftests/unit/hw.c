// SPDX-License-Identifier: GPL-2.0-only
/*
 * The processor: walks the shadow tables from root_hpa, and remembers all that
 * it read until it is told to forget. Paging on, CR0.WP and EFER.NXE set.
 *
 * Leaves and links to tables (paging-structure caches) share one hash table, each tagged with
 * the root (mmu_vcpu.root_tag) that it was reached by.
 * The deepest link known is where a walk starts, as in real processors. A
 * fault makes the processor forget the address it was for (Intel SDM 3A 4.10.4.1).
 */
#include <linux/hash.h>

#include "machine.h"

#define FRAME_MASK 0x000ffffffffff000ull

static unsigned int level_shift(int level)
{
	return 12 + 9 * (level - 1);
}

static struct tlb_entry *tlb_slot(struct vcpu *v, int level, u64 vpn)
{
	u8 tag = v->m.root_tag;
	unsigned int i = hash_64((vpn * 8 + level) * MMU_ROOTS + tag, 11);

	while (v->tlb.entry[i].generation == v->tlb.generation &&
	       (v->tlb.entry[i].vpn != vpn || v->tlb.entry[i].level != level ||
		v->tlb.entry[i].tag != tag))
		i = (i + 1) % TLB_ENTRIES;
	return &v->tlb.entry[i];
}

static bool tlb_valid(const struct vcpu *v, const struct tlb_entry *e)
{
	return e->generation == v->tlb.generation && e->hpa;
}

static struct tlb_entry *tlb_find(struct vcpu *v, int level, u64 va)
{
	struct tlb_entry *e = tlb_slot(v, level, va >> level_shift(level));

	return tlb_valid(v, e) ? e : NULL;
}

void tlb_flush(struct vcpu *v)
{
	v->tlb.generation++;
	v->tlb.nr_used = 0;
}

/* All that was translated by the root in use. */
void tlb_flush_root(struct vcpu *v)
{
	u32 i;

	for (i = 0; i < v->tlb.nr_used; i++)
		if (v->tlb.entry[v->tlb.used[i]].tag == v->m.root_tag)
			v->tlb.entry[v->tlb.used[i]].hpa = 0;
}

void tlb_flush_va(struct vcpu *v, u64 va)
{
	int level;

	for (level = 1; level <= 5; level++) {
		struct tlb_entry *e = tlb_find(v, level, va);

		if (e)
			e->hpa = 0;
	}
}

static struct tlb_entry *tlb_keep(struct vcpu *v, int level, u64 va, struct tlb_entry what)
{
	struct tlb_entry *e;

	/* Full: drop all, as a processor may at any time. */
	if (v->tlb.nr_used >= TLB_ENTRIES * 3 / 4)
		tlb_flush(v);
	e = tlb_slot(v, level, va >> level_shift(level));
	if (e->generation != v->tlb.generation)
		v->tlb.used[v->tlb.nr_used++] = e - v->tlb.entry;
	what.vpn = va >> level_shift(level);
	what.level = level;
	what.tag = v->m.root_tag;
	what.generation = v->tlb.generation;
	*e = what;
	return e;
}

/* Translations held, by whatever root. */
unsigned int tlb_count(const struct vcpu *v)
{
	unsigned int i, n = 0;

	for (i = 0; i < v->tlb.nr_used && !v->flush; i++)
		n += tlb_valid(v, &v->tlb.entry[v->tlb.used[i]]);
	return n;
}

bool tlb_has_table(struct vcpu *v, hpa_t hpa)
{
	u32 i;

	for (i = 0; i < v->tlb.nr_used; i++) {
		const struct tlb_entry *e = &v->tlb.entry[v->tlb.used[i]];

		if (tlb_valid(v, e) && !e->leaf && e->hpa == hpa)
			return true;
	}
	return false;
}

/* Bits that must be zero in a shadow entry of the host's format. */
static u64 spte_reserved(const struct vcpu *v, int level, u64 spte)
{
	bool pae = v->m.root_level == 3;
	u64 bits = FRAME_MASK & ~((1ull << HOST_MAXPHYADDR) - 1);

	if (pae)
		bits |= 0x7ff0000000000000ull;
	if (pae && level == 3)
		return bits | 0x80000000000001e6ull;
	if (level > 3 || (level == 3 && !(spte & PS)))
		bits |= (level > 3 ? PS : 0) | G;
	if ((level == 2 || level == 3) && spte & PS)
		bits |= (1ull << level_shift(level)) - (1ull << 13);
	return bits;
}

static bool permitted(const struct vcpu *v, const struct tlb_entry *e,
		      const struct mmu_access *access)
{
	bool paging = v->regs.cr0 & CR0_PG;
	bool smep = paging && v->regs.cr4 & CR4_SMEP;
	bool smap = paging && v->regs.cr4 & CR4_SMAP;

	if (access->user && !e->u)
		return false;
	if (access->write && !e->w)
		return false;
	if (access->fetch)
		return !e->nx && !(smep && !access->user && e->u);
	return !(smap && !access->user && e->u && !access->ac);
}

static u32 fault_error(const struct mmu_access *access, u32 bits)
{
	return bits | (access->write ? PFERR_WRITE : 0) | (access->user ? PFERR_USER : 0) |
	       (access->fetch ? PFERR_FETCH : 0);
}

static bool fault(struct vcpu *v, u64 va, const struct mmu_access *access, u32 bits, u32 *error)
{
	tlb_flush_va(v, va);
	*error = fault_error(access, bits);
	return false;
}

/* One address's walk: where it stands, and what the levels so far allow. */
struct cursor {
	int level;
	hpa_t table;
	bool w, u, nx;
};

static void start(struct vcpu *v, u64 va, struct cursor *c)
{
	int level;

	for (level = 2; level <= v->m.root_level; level++) {
		struct tlb_entry *e = tlb_find(v, level, va);

		if (e && !e->leaf) {
			*c = (struct cursor){ level - 1, e->hpa, e->w, e->u, e->nx };
			return;
		}
	}
	*c = (struct cursor){ v->m.root_level, v->m.root_hpa, true, true, false };
}

static struct tlb_entry *walk(struct vcpu *v, u64 va, const struct mmu_access *access,
			      u32 *bits)
{
	struct tlb_entry leaf;
	struct cursor c;

	mach.hw_walks++;
	for (start(v, va, &c);; c.level--) {
		u64 index = va >> level_shift(c.level) &
			    (v->m.root_level == 3 && c.level == 3 ? 3 : 511);
		u64 *table = table_at(c.table), *sptep, spte;
		bool pdpte = v->m.root_level == 3 && c.level == 3;

		EXPECT(table, "the hardware walks into a freed table (0x%llx, level %d)", c.table,
		       c.level);
		sptep = &table[index];
		spte = READ_ONCE(*sptep);
		*bits = 0;
		if (!(spte & P))
			return NULL;
		*bits = PFERR_PRESENT | PFERR_RSVD;
		if (spte & spte_reserved(v, c.level, spte))
			return NULL;
		*bits = PFERR_PRESENT;
		if (!pdpte) {
			c.w &= !!(spte & W);
			c.u &= !!(spte & U);
			c.nx |= !!(spte & NX);
			__atomic_or_fetch(sptep, A, __ATOMIC_SEQ_CST);
		}
		leaf = (struct tlb_entry){
			.hpa = spte & FRAME_MASK, .w = c.w, .u = c.u, .nx = c.nx,
			.leaf = c.level == 1 || (!pdpte && spte & PS), .dirty = spte & D,
		};
		if (leaf.leaf)
			break;
		c.table = leaf.hpa;
		tlb_keep(v, c.level, va, leaf);
	}
	if (access->write && permitted(v, &leaf, access) && !leaf.dirty) {
		u64 index = va >> level_shift(c.level) & 511;

		__atomic_or_fetch(&table_at(c.table)[index], D, __ATOMIC_SEQ_CST);
		leaf.dirty = true;
	}
	return tlb_keep(v, c.level, va, leaf);
}

static struct tlb_entry *tlb_leaf(struct vcpu *v, u64 va)
{
	int level;

	for (level = 1; level <= 3; level++) {
		struct tlb_entry *e = tlb_find(v, level, va);

		if (e && e->leaf)
			return e;
	}
	return NULL;
}

/* Translate one access as hardware would. False: a page fault, @error says why. */
bool hw_translate(struct vcpu *v, u64 va, const struct mmu_access *access, hpa_t *hpa,
		  u32 *error)
{
	struct tlb_entry *e = tlb_leaf(v, va);
	u32 bits = PFERR_PRESENT;

	if (e && access->write && e->w && !e->dirty) {
		e->hpa = 0;	/* the dirty bit has to be set in memory: walk */
		e = NULL;
	}
	if (!e)
		e = walk(v, va, access, &bits);
	if (!e || !permitted(v, e, access))
		return fault(v, va, access, bits, error);
	*hpa = (e->hpa & ~((1ull << level_shift(e->level)) - 1)) |
	       (va & ((1ull << level_shift(e->level)) - 1));
	return true;
}

/* Is there a live slot through which this page may be reached (for writing)? */
static bool page_in_slot(const struct vpage *page, bool write)
{
	int i;

	for (i = 0; i < NR_SLOTS; i++) {
		const struct memslot *slot = &mach.slot[i].mem;
		struct vpage *first;
		u64 n;

		if (!mach.slot[i].used)
			continue;
		first = vmm_page(slot->hva);
		n = page - first;
		if (!first || page < first || n >= slot->npages)
			continue;
		if (!write || mach.slot[i].going)
			return true;
		if (slot->flags & MEMSLOT_READONLY)
			continue;
		if (!slot->dirty_bitmap || mach.reading_log || test_bit(n, slot->dirty_bitmap))
			return true;
	}
	return false;
}

static void check_frame(u64 pfn, bool w, const char *when, const char *where, u64 va)
{
	struct vpage *page = frame_owner(pfn);

	EXPECT(page, "%s: %s for 0x%llx leads to a frame that the host has freed", when, where, va);
	EXPECT(!page->vanishing, "%s: %s for 0x%llx leads to a frame that the host takes back",
	       when, where, va);
	EXPECT(page_in_slot(page, false) || (page->twin && page_in_slot(page->twin, false)),
	       "%s: %s for 0x%llx leads to memory that is in no slot", when, where, va);
	EXPECT(!w || !page->readonly, "%s: %s for 0x%llx can write to a shared frame", when, where,
	       va);
	EXPECT(!w || page_in_slot(page, true),
	       "%s: %s for 0x%llx can write to a read-only slot, or past the dirty log", when,
	       where, va);
}

static void check_leaf(hpa_t hpa, int level, bool w, const char *when, const char *where, u64 va)
{
	u64 n = 1ull << (9 * (level - 1)), i, pfn = hpa / PAGE & ~(n - 1);

	for (i = 0; i < n; i++)
		check_frame(pfn + i, w, when, where, va + i * PAGE);
}

static void check_table(struct vcpu *v, int level, hpa_t hpa, bool w, u64 va, const char *when)
{
	bool pdpt = v->m.root_level == 3 && level == 3;
	u64 *table = table_at(hpa), i;

	EXPECT(table, "%s: a shadow table links to a freed one", when);
	for (i = 0; i < (pdpt ? 4 : 512); i++) {
		u64 spte = table[i];
		u64 at = va + (i << level_shift(level));
		bool may = w && (pdpt || spte & W);

		if (!(spte & P) || spte & spte_reserved(v, level, spte))
			continue;
		if (level == 1 || (!pdpt && spte & PS))
			check_leaf(spte & FRAME_MASK, level, may, when, "a spte", at);
		else
			check_table(v, level - 1, spte & FRAME_MASK, may, at, when);
	}
}

/* Whatever hardware could reach now must be what the host allows now. */
void check_reachable(const char *when)
{
	int n;
	u32 i;

	for (n = 0; n < NR_VCPUS; n++) {
		struct vcpu *v = &mach.vcpu[n];

		/* Without a good root it reloads, and flushes, before it runs again. */
		if (!v->there || (!v->in_guest && !mmu_root_ok(&v->m)))
			continue;
		for (i = 0; i < v->tlb.nr_used && !v->flush; i++) {
			const struct tlb_entry *e = &v->tlb.entry[v->tlb.used[i]];

			if (tlb_valid(v, e) && e->leaf)
				check_leaf(e->hpa, e->level, e->w, when, "the TLB",
					   e->vpn << level_shift(e->level));
		}
		check_table(v, v->m.root_level, v->m.root_hpa, true, 0, when);
	}
}
