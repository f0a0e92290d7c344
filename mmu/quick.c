// SPDX-License-Identifier: GPL-2.0-only
/*
 * Most faults are for a page whose page table has a shadow already. The way down the shadow tables
 * then says what the guest's upper entries say, since those are in sync: only the last entry is
 * read. Everything is done under the lock, once; every other case is left to the path
 * that may sleep (fault.c).
 */
#include "internal.h"

/* The guest's tables down to the last; its shadow, or NULL if there is none. */
static struct shadow_page *quick_page(const struct mmu_vcpu *m, struct walk *w)
{
	struct shadow_page *sp = root_page(m->root, w->gva);
	u64 spte;

	w->top = sp ? sp->role.level : 0;
	for (; sp; sp = page_of(spte)) {
		w->table[sp->role.level] = sp->gfn;
		if (sp->role.level == 1)
			break;
		page_mark_used(sp);
		spte = sp->spt[spte_index(w->gva, sp->role.level)];
		if (!spte_present(spte) || spte_is_leaf(spte, sp->role.level))
			return NULL;
	}
	return sp && !sp->role.metaphysical ? sp : NULL;
}

/* The next one need not exit; a table out of sync is tracked again for that, if it has many. */
static void demand_fault(struct mmu_vcpu *m, struct shadow_page *sp, unsigned int index, u64 pte)
{
	if (sp->unsync && policy_resync_np(sp))
		resync_frame(m->vm, &m->cache, sp->gfn);
	else
		np_learn(m->vm, sp, index, pte);
}

/* The last step of the guest's walk; its result, or MMU_FIXED if the access may go on. */
static enum mmu_verdict quick_walk(struct mmu_vcpu *m, struct mmu_fault *f,
				   struct shadow_page *sp, struct walk *w)
{
	unsigned int index = spte_index(f->gva, 1);
	u64 pte;

	w->pte_gpa[1] = entry_gpa(sp, index);
	if (host_read_atomic(m->vm, w->pte_gpa[1], &pte, 8))
		return MMU_WAIT;
	f->inject_error = walk_error(m, &f->access);
	if (!(pte & PTE_P)) {
		demand_fault(m, sp, index, pte);
		return MMU_INJECT;
	}
	if (pte & m->reserved[1][1])
		return MMU_WAIT;
	w->pte[1] = pte;
	w->access = sp->role.access & pte_access(m->role, pte);
	if (walk_allowed(m, &f->access, w->access))
		return MMU_FIXED;
	f->inject_error |= PFERR_PRESENT;
	return MMU_INJECT;
}

/* A table that stays in sync, and is mapped read-only already: see table_write(). */
static enum mmu_verdict quick_table_write(struct mmu_vcpu *m, struct mmu_fault *f,
					  struct walk *w)
{
	if ((f->error & (PFERR_PRESENT | PFERR_RSVD)) != PFERR_PRESENT ||
	    may_unsync(m->vm, w->gfn) || walk_set_leaf(m, w, true))
		return MMU_WAIT;
	f->to_table = true;
	f->self_map = writes_own_table(m, w);
	return MMU_EMULATE;
}

static enum mmu_verdict quick_map(struct mmu_vcpu *m, struct mmu_fault *f,
				  struct shadow_page *sp, struct walk *w)
{
	const struct memslot *slot;
	struct host_page page;
	enum mmu_verdict verdict = MMU_RETRY;

	w->gfn = pte_gfn(m->role, w->pte[1], 1);
	f->gpa = w->gfn << PAGE_BITS | (f->gva & (TABLE_BYTES - 1));
	slot = host_slot(m->vm, w->gfn);
	if (!slot || fault_emulates(m, f, w))
		return MMU_WAIT;
	if (f->access.write && (slot->flags & MEMSLOT_READONLY))
		return MMU_WAIT;
	if (f->access.write && gfn_is_tracked(m->vm, slot, w->gfn))
		return quick_table_write(m, f, w);
	if (walk_set_leaf(m, w, f->access.write) ||
	    host_page_get_fast(m->vm, slot, w->gfn, f->access.write, &page))
		return MMU_WAIT;
	if (!host_page_stale(m->vm, &page, w->gfn))
		verdict = map_page(m, f, w, slot, &page, sp);
	host_page_put(&page, page.writable && verdict == MMU_FIXED);
	return verdict;
}

static enum mmu_verdict quick_locked(struct mmu_vcpu *m, struct mmu_fault *f)
{
	struct shadow_page *sp;
	enum mmu_verdict verdict;
	struct walk w __uninitialized;	/* the lines for level 1 and the tables above are set */

	if (!mmu_root_ok(m))
		return MMU_RETRY;
	w.gva = f->gva;
	w.level = 1;
	sp = quick_page(m, &w);
	if (!sp)
		return MMU_WAIT;
	verdict = quick_walk(m, f, sp, &w);
	if (verdict == MMU_INJECT && policy_expect())
		expect_entry(m, sp, spte_index(f->gva, 1));
	return verdict == MMU_FIXED ? quick_map(m, f, sp, &w) : verdict;
}

/**
 * fault_quick - answer a fault where only the last of the guest's entries is of interest
 * @m:	atomic, with its root loaded
 * @f:	the fault
 *
 * Return: the verdict, or MMU_WAIT: nothing has changed, but the accessed and dirty bits
 * that the access sets anyway.
 */
enum mmu_verdict fault_quick(struct mmu_vcpu *m, struct mmu_fault *f)
{
	enum mmu_verdict verdict;

	if (!m->format || m->format->entry_bytes != 8 || !cache_ready(&m->cache))
		return MMU_WAIT;
	spin_lock(&m->vm->lock);
	verdict = quick_locked(m, f);
	spin_unlock(&m->vm->lock);
	return verdict;
}
