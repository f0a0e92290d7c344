// SPDX-License-Identifier: GPL-2.0-only
/*
 * Is an outcome one that the architecture allows?
 *
 * A processor may use any entry of any paging structure as it was at some
 * instant since the last invalidation that covers the address, entries nearer
 * the root read no later than those below them. It never remembers that an
 * entry is not present or malformed, so such a fault must come from an entry
 * as it is during the access. (Intel SDM 3A 4.10.2 to 4.10.4, AMD APM 2 5.5.)
 *
 * INVLPG forgets the paging-structure-cache entries of the PCID for all
 * addresses, INVPCID of one address those for it alone. With CR4.PGE
 * set, a leaf with its G bit outlives CR3 loads and serves all PCIDs, until
 * its address or everything is invalidated (4.10.2.4).
 */
#include "machine.h"

static unsigned int pcid_of(const struct vcpu *v, u64 cr3)
{
	return v->regs.cr4 & CR4_PCIDE ? cr3 & 7 : 0;
}

void oracle_guest_flush(struct vcpu *v)
{
	struct arch *arch = &v->arch;
	unsigned int i;

	mach.now++;
	for (i = 0; i < ARRAY_SIZE(arch->flushed); i++)
		arch->flushed[i] = mach.now;
	arch->global_flushed = mach.now;
	arch->nr_invlpg = 0;
	if (arch->nr_roots)
		arch->root[0] = arch->root[arch->nr_roots - 1];
	arch->root[0].cr3 = v->regs.cr3;
	arch->root[0].from = mach.now;
	arch->nr_roots = 1;
}

/* The oldest of too many roots is forgotten: what only it explains is not allowed. */
static unsigned int new_root(struct arch *arch)
{
	if (arch->nr_roots == NR_ROOTS)
		memmove(arch->root, arch->root + 1, sizeof(arch->root[0]) * --arch->nr_roots);
	return arch->nr_roots++;
}

void oracle_set_cr3(struct vcpu *v, u64 cr3, const u64 pdpte[4], bool flush)
{
	struct arch *arch = &v->arch;
	unsigned int n;

	if (!(v->regs.cr4 & (CR4_PCIDE | CR4_PGE))) {
		oracle_guest_flush(v);
		arch->nr_roots = 0;
	}
	mach.now++;
	n = new_root(arch);
	arch->root[n].cr3 = cr3;
	arch->root[n].from = mach.now;
	memcpy(arch->root[n].pdpte, pdpte, sizeof(arch->root[n].pdpte));
	if (flush)
		arch->flushed[pcid_of(v, cr3)] = ++mach.now;
}

static void forget_address(struct vcpu *v, u64 va, unsigned int pcid, bool global)
{
	struct arch *arch = &v->arch;
	unsigned int n = arch->nr_invlpg;

	mach.now++;
	if (n == NR_INVLPG) {
		memmove(arch->invlpg, arch->invlpg + 1, sizeof(arch->invlpg[0]) * (n - 1));
		n--;
	}
	arch->invlpg[n].va = va;
	arch->invlpg[n].time = mach.now;
	arch->invlpg[n].pcid = pcid;
	arch->invlpg[n].global = global;
	arch->nr_invlpg = n + 1;
}

void oracle_invlpg(struct vcpu *v, u64 va)
{
	forget_address(v, va, pcid_of(v, v->regs.cr3), true);
}

/* INVPCID, SDM 4.10.4.1: an address, a PCID, all with globals, all without. */
void oracle_invpcid(struct vcpu *v, unsigned int type, unsigned int pcid, u64 va)
{
	if (type == 0)
		forget_address(v, va, pcid, false);
	else if (type == 1)
		v->arch.flushed[pcid] = ++mach.now;
	else if (type == 2)
		oracle_guest_flush(v);
	else
		for (pcid = 0, mach.now++; pcid < ARRAY_SIZE(v->arch.flushed); pcid++)
			v->arch.flushed[pcid] = mach.now;
}

/*
 * @shift: the size of leaf that is looked for; entries are read up to @hi;
 * @used: only walks through entries with their accessed and dirty bits set;
 * @global: only those that end at a global leaf, else only those that don't
 */
struct search {
	struct vcpu *v;
	u64 va;
	const struct mmu_access *access;
	struct outcome *out;
	unsigned int shift;
	u32 hi;
	bool current_root, used, global;
};

/* Rights so far, and the earliest instant for the next read. */
struct path {
	u64 table;
	u32 lo;
	bool w, u, nx;
};

static u32 last_flush(const struct search *s)
{
	const struct arch *arch = &s->v->arch;
	unsigned int pcid = pcid_of(s->v, s->v->regs.cr3), i;
	u32 time = s->global ? arch->global_flushed : arch->flushed[pcid];

	for (i = 0; i < arch->nr_invlpg; i++)
		if ((s->global ? arch->invlpg[i].global : arch->invlpg[i].pcid == pcid) &&
		    arch->invlpg[i].va >> s->shift == s->va >> s->shift)
			time = max(time, arch->invlpg[i].time);
	return time;
}

static struct vpage *page_or_going(u64 gfn)
{
	struct slot *slot = slot_or_going(gfn);

	return slot ? vmm_page(memslot_hva(&slot->mem, gfn)) : NULL;
}

static bool same_place(const struct search *s, gpa_t gpa)
{
	struct outcome *out = s->out;
	struct vpage *page = page_or_going(gpa / PAGE);

	if (out->emulated || out->kind == OUT_MMIO)
		return gpa == out->gpa;
	if (!page || page->pfn != out->hpa / PAGE)
		return false;
	out->page = page;
	out->gpa = gpa;
	return true;
}

static bool host_lacks(const struct search *s, gpa_t gpa)
{
	struct vpage *page = page_or_going(gpa / PAGE);

	if (s->out->err == -EFAULT)
		return slot_or_going(gpa / PAGE) && (!page || page->gone);
	return s->out->err == -EHWPOISON && page && page->poisoned;
}

static bool leaf_explains(const struct search *s, const struct path *p, unsigned int shift)
{
	const struct mmu_regs *regs = &s->v->regs;
	bool permitted = ref_permits(regs, s->access, p->w, p->u, p->nx);
	gpa_t gpa = p->table | (s->va & ((1ull << shift) - 1));

	if (!permitted)
		return s->out->kind == OUT_FAULT &&
		       s->out->error == ref_error(regs, s->access, PFERR_PRESENT);
	if (s->out->kind == OUT_ERROR)
		return host_lacks(s, gpa);
	return s->out->kind != OUT_FAULT && same_place(s, gpa);
}

static bool explains(const struct search *s, unsigned int level, const struct path *p);

/* An entry had value @raw in [@from, @until): can the walk have gone through it? */
static bool entry_explains(const struct search *s, unsigned int level, const struct path *p,
			   u64 raw, u32 from, u32 until)
{
	struct ref_step step = ref_decode(&s->v->regs, level, raw);
	struct path next = *p;
	u32 bits = step.kind == REF_RSVD ? PFERR_PRESENT | PFERR_RSVD : 0;

	next.lo = max(p->lo, from);
	if (until <= next.lo || from > s->hi)
		return false;
	if (step.kind == REF_ABSENT || step.kind == REF_RSVD)
		return s->out->kind == OUT_FAULT && s->current_root && !s->global &&
		       until > s->out->since &&
		       s->out->error == ref_error(&s->v->regs, s->access, bits);
	if (s->used && !(raw & A))
		return false;
	if (s->used && s->access->write && step.kind == REF_LEAF && !(raw & D))
		return false;
	next.table = step.next;
	next.w &= step.w;
	next.u &= step.u;
	next.nx |= step.nx;
	if (step.kind == REF_TABLE)
		return explains(s, level - 1, &next);
	if (s->global != (raw & G && s->v->regs.cr4 & CR4_PGE))
		return false;
	return step.shift == s->shift && leaf_explains(s, &next, step.shift);
}

static u64 part_of(u64 value, gpa_t gpa, unsigned int size)
{
	return size == 8 ? value : (u32)(value >> (gpa & 4) * 8);
}

static bool explains(const struct search *s, unsigned int level, const struct path *p)
{
	unsigned int size = ref_entry_size(&s->v->regs);
	gpa_t gpa = ref_entry_gpa(&s->v->regs, level, p->table, s->va);
	struct slot *slot = slot_or_going(gpa / PAGE);
	struct vpage *page = page_or_going(gpa / PAGE);
	unsigned int index = gpa % PAGE / 8;
	struct path path = *p;
	u32 i, until = NEVER;
	u64 value, ad = 0;

	/* A table that the host has lost: nothing is present, or it is as it was. */
	if ((!page || page->gone || page->poisoned || slot->going) &&
	    entry_explains(s, level, p, 0, 0, NEVER))
		return true;
	if (!page)
		return false;
	path.lo = max(path.lo, slot->born);
	/* Where they can't be set, they need not be. */
	if (slot->mem.flags & MEMSLOT_READONLY)
		ad = A | D;
	value = page->data ? page->data[index] : 0;
	for (i = page->past ? page->past[index] : NEVER; i != NEVER; i = mach.past[i].older) {
		if (entry_explains(s, level, &path, part_of(value, gpa, size) | ad,
				   mach.past[i].until, until))
			return true;
		until = mach.past[i].until;
		if (until <= path.lo)
			return false;
		value = mach.past[i].value;
	}
	return entry_explains(s, level, &path, part_of(value, gpa, size) | ad, 0, until);
}

/*
 * No walk is made of links from before an INVLPG, of whatever address, and a leaf from after it:
 * all of it lies between two of them.
 */
static bool walk_explains(struct search *s, unsigned int n, unsigned int levels,
			  const struct path *p)
{
	const struct arch *arch = &s->v->arch;
	bool current_root = s->current_root;
	struct path part = *p;
	u32 end = s->hi, i;

	s->current_root = false;
	for (i = 0; i < arch->nr_invlpg; i++) {
		u32 time = arch->invlpg[i].time;

		if (!arch->invlpg[i].global || time <= part.lo || time > end ||
		    arch->invlpg[i].pcid != pcid_of(s->v, arch->root[n].cr3))
			continue;
		s->hi = time - 1;
		if (explains(s, levels, &part))
			return true;
		part.lo = time;
	}
	s->current_root = current_root;
	s->hi = end;
	return explains(s, levels, &part);
}

/* Search all walks from one value of CR3, for leaves of one size. */
static bool root_explains(struct search *s, unsigned int n)
{
	const struct arch *arch = &s->v->arch;
	const struct mmu_regs *regs = &s->v->regs;
	struct path p = { .w = true, .u = true, .lo = last_flush(s) };
	unsigned int levels = ref_levels(regs);

	if (!s->global && pcid_of(s->v, arch->root[n].cr3) != pcid_of(s->v, regs->cr3))
		return false;
	s->current_root = n + 1 == arch->nr_roots;
	s->hi = s->current_root ? mach.now : arch->root[n + 1].from;
	p.lo = max(p.lo, arch->root[n].from);
	if (p.lo > s->hi)
		return false;
	p.table = ref_root(regs, arch->root[n].cr3);
	if (levels == 2 && regs->cr4 & CR4_PAE) {
		u64 pdpte = arch->root[n].pdpte[s->va >> 30 & 3];

		if (!(pdpte & P))
			return entry_explains(s, 3, &p, 0, 0, NEVER);
		p.table = ref_space(regs) | (pdpte & 0x000ffffffffff000ull);
	}
	return walk_explains(s, n, levels, &p);
}

static bool allowed(struct search *s)
{
	static const unsigned int shifts[] = { 12, 21, 22, 30 };
	unsigned int i, n;

	if (!ref_levels(&s->v->regs)) {
		struct path p = { .w = true, .u = true };

		p.table = ref_space(&s->v->regs) | (s->va & ~(PAGE - 1));
		return leaf_explains(s, &p, 12);
	}
	for (n = s->v->arch.nr_roots; n--;) {
		for (i = 0; i < ARRAY_SIZE(shifts); i++) {
			s->shift = shifts[i];
			if (root_explains(s, n))
				return true;
		}
	}
	if (s->global || !(s->v->regs.cr4 & CR4_PGE))
		return false;
	s->global = true;
	return allowed(s);
}

static const char *describe(const struct outcome *out)
{
	static char text[120];

	switch (out->kind) {
	case OUT_RAM:
		snprintf(text, sizeof(text), "%s 0x%llx", out->emulated ? "an emulated write to" :
			 "RAM at host address", out->emulated ? out->gpa : out->hpa);
		break;
	case OUT_FAULT:
		snprintf(text, sizeof(text), "#PF error 0x%x", out->error);
		break;
	case OUT_MMIO:
		snprintf(text, sizeof(text), "MMIO at 0x%llx", out->gpa);
		break;
	default:
		snprintf(text, sizeof(text), "error %d", out->err);
	}
	return text;
}

static void complain(struct vcpu *v, u64 va, const struct mmu_access *access,
		     struct outcome *out)
{
	struct ref_walk now;
	char now_text[80];

	ref_walk_now(&v->regs, v->arch.root[v->arch.nr_roots - 1].pdpte, va, access, &now);
	if (now.fault)
		snprintf(now_text, sizeof(now_text), "#PF error 0x%x", now.error);
	else
		snprintf(now_text, sizeof(now_text), "gpa 0x%llx", now.gpa);
	machine_fail("vCPU %d %s%s%s at 0x%llx (cr0 %llx cr3 %llx cr4 %llx efer %llx): "
		     "the outcome is %s, which the architecture does not allow; now it is %s",
		     (int)(v - mach.vcpu), access->user ? "user " : "",
		     access->write ? "write" : access->fetch ? "fetch" : "read",
		     access->ac ? " (AC)" : "", va, v->regs.cr0, v->regs.cr3, v->regs.cr4,
		     v->regs.efer, describe(out), now_text);
}

/* What the host forbids, whatever the guest's tables may say. */
static void judge_host(const struct mmu_access *access, const struct outcome *out)
{
	struct slot *slot;

	if (out->kind == OUT_ERROR || out->kind == OUT_FAULT)
		return;
	slot = slot_or_going(out->gpa / PAGE);
	if (out->kind == OUT_MMIO) {
		EXPECT(!slot || (access->write && slot->mem.flags & MEMSLOT_READONLY) ||
		       mach.interleaved, "RAM at 0x%llx was treated as MMIO", out->gpa);
		return;
	}
	if (out->emulated)
		return;
	EXPECT(!out->page->vanishing, "a frame is used that the host takes back (0x%llx)",
	       out->gpa);
	if (!access->write)
		return;
	EXPECT(!(slot->mem.flags & MEMSLOT_READONLY), "a write went to the read-only slot (0x%llx)",
	       out->gpa);
	EXPECT(!out->page->readonly, "a write went to a shared frame (0x%llx)", out->gpa);
	EXPECT(!slot->mem.dirty_bitmap || mach.reading_log ||
	       test_bit(out->gpa / PAGE - slot->mem.base_gfn, slot->mem.dirty_bitmap),
	       "a write to 0x%llx is missing in the dirty log", out->gpa);
}

/* Errors that the test made on purpose, and waiting for a notifier to end. */
static bool wanted_error(const struct outcome *out)
{
	bool *wanted = out->err == -EINTR ? &mach.interrupted : &mach.failed;

	if (out->kind != OUT_ERROR)
		return false;
	if (out->err == -EAGAIN)
		return true;
	if ((out->err != -ENOMEM && out->err != -EINTR) || !*wanted)
		return false;
	*wanted = false;
	return true;
}

bool oracle_allows(struct vcpu *v, u64 va, const struct mmu_access *access, struct outcome *out)
{
	struct search s = { .v = v, .va = va, .access = access, .out = out };

	return allowed(&s);
}

void oracle_judge(struct vcpu *v, u64 va, const struct mmu_access *access, struct outcome *out)
{
	if (wanted_error(out))
		return;
	if (!oracle_allows(v, va, access, out))
		complain(v, va, access, out);
	judge_host(access, out);
}

/* After an access that went through: a processor has used only accessed entries. */
void oracle_check_ad(struct vcpu *v, u64 va, const struct mmu_access *access,
		     struct outcome *out)
{
	struct search s = { .v = v, .va = va, .access = access, .out = out, .used = true };

	EXPECT(allowed(&s), "after a %s at 0x%llx an entry lacks the accessed or the dirty bit",
	       access->write ? "write" : "read", va);
}

/* mmu/ changes an entry on behalf of an access. */
void oracle_mmu_wrote_entry(gpa_t gpa, u64 before, u64 after, unsigned int len)
{
	struct vcpu *v = mach.access_vcpu;
	struct ref_walk now;
	unsigned int i;

	EXPECT(!((before ^ after) & ~(A | D)) && !(before & ~after),
	       "the MMU changed a guest entry at 0x%llx from 0x%llx to 0x%llx", gpa, before, after);
	EXPECT(before & P, "the MMU set bits in a not-present entry at 0x%llx", gpa);
	EXPECT(len == ref_entry_size(&v->regs), "the MMU set bits with %u bytes", len);
	if (mach.hook)
		return;
	ref_walk_now(&v->regs, v->arch.root[v->arch.nr_roots - 1].pdpte, mach.access_va,
		     mach.access, &now);
	/* Below a table that the host has lost, what was read of it may still be used. */
	if (now.lost)
		return;
	for (i = 0; i < now.nr && now.entry[i] != gpa; i++)
		;
	EXPECT(i < now.nr, "the MMU set bits in an entry at 0x%llx that the walk did not use", gpa);
	EXPECT(!(after & ~before & D) ||
	       (!now.fault && mach.access->write && now.entry[now.nr - 1] == gpa),
	       "the MMU set the dirty bit at 0x%llx with no write", gpa);
}
