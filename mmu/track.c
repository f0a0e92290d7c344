// SPDX-License-Identifier: GPL-2.0-only
/*
 * Writes to shadowed guest tables.
 *
 * A write is let through to memory first; then, under the lock, the entries
 * that it touched are read back and the shadow made to agree. Reading back
 * makes the order of two racing writers not matter, nor how a write is split
 * or misaligned.
 *
 * A table that is only written, and never walked in between, is probably no
 * table any more, or is being torn down: policy.c lets its shadow be dropped.
 *
 * Floor 9.
 */
#include "internal.h"

/* Is the entry above level 1 still what its spte says? */
static bool link_current(const struct shadow_page *sp, unsigned int index, u64 gpte)
{
	u64 spte = sp->spt[index];
	int level = sp->role.level;
	struct shadow_page *child;
	union mmu_role role;

	if (spte_is_leaf(spte, level) || !(gpte & PTE_P) || !(gpte & PTE_A))
		return false;
	if (pte_reserved(sp->role, gpte, level) || pte_is_leaf(sp->role, gpte, level))
		return false;
	child = page_of(spte);
	role = child_role(sp->role, index, sp->role.access & pte_access(sp->role, gpte));
	return child->gfn == pte_gfn(sp->role, gpte, level) && child->role.word == role.word;
}

/* A table that the guest takes out of its tree is most often one that it frees. */
static void upper_drop(struct mmu_vm *vm, struct shadow_page *sp, unsigned int index, u64 gpte)
{
	u64 spte = sp->spt[index];

	entry_drop(vm, sp, index);
	if (!(gpte & PTE_P) && !spte_is_leaf(spte, sp->role.level))
		page_maybe_orphan(vm, page_of(spte));
}

static void entry_update(struct mmu_vm *vm, struct mmu_cache *cache, struct shadow_page *sp,
			 unsigned int index, u64 gpte)
{
	if (sp->role.level > 1) {
		if (spte_present(sp->spt[index]) && !link_current(sp, index, gpte))
			upper_drop(vm, sp, index, gpte);
	} else if (policy_fill_written(sp) && entry_fill(vm, cache, sp, index, gpte)) {
		vm->stats.pte_updates++;
	} else {
		entry_drop(vm, sp, index);
		np_learn(vm, sp, index, gpte);
	}
}

/*
 * The sptes of @sp that bytes [@offset, @offset + @len) of its guest table decide;
 * false if none. A shadow page of a 32-bit page table covers half of it,
 * one of a directory a quarter, with two sptes an entry.
 */
static bool sptes_written(const struct shadow_page *sp, unsigned int offset, unsigned int len,
			  unsigned int *first, unsigned int *last)
{
	unsigned int bytes = role_entry_bytes(sp->role), per_entry = sptes_per_entry(sp->role);
	unsigned int base = sp->role.quadrant * TABLE_ENTRIES;

	*first = max(offset / bytes * per_entry, base);
	*last = min((offset + len - 1) / bytes * per_entry + per_entry - 1,
		    base + TABLE_ENTRIES - 1);
	if (*first > *last)
		return false;
	*first -= base;
	*last -= base;
	return true;
}

static void sptes_update(struct mmu_vm *vm, struct mmu_cache *cache, struct shadow_page *sp,
			 unsigned int first, unsigned int last)
{
	unsigned int i;

	for (i = first; i <= last; i++)
		entry_update(vm, cache, sp, i, entry_now(vm, sp, i));
}

static void track_write(struct mmu_vm *vm, struct mmu_cache *cache, gpa_t gpa, unsigned int len)
{
	unsigned int first, last;
	struct shadow_page *sp;
	struct hlist_node *n;

	for_each_shadow_of(vm, sp, n, gpa >> PAGE_BITS) {
		if (!sptes_written(sp, gpa & (TABLE_BYTES - 1), len, &first, &last))
			continue;
		vm->stats.pte_writes++;
		if (policy_drop_written(sp, first)) {
			vm->stats.floods++;
			page_zap(vm, sp);
		} else {
			sptes_update(vm, cache, sp, first, last);
		}
	}
	page_zap_orphans(vm);
	page_commit(vm);
	audit_if_due(vm);
}

/*
 * The MMU itself set A or D in a 4-byte entry. To shadows of 32-bit tables that
 * is no news, but if the frame is also shadowed as a table of 8-byte entries,
 * an odd entry is the upper half of one, where the same bits are a frame's.
 * The lock is held.
 */
void track_accessed(struct mmu_vm *vm, struct mmu_cache *cache, const struct walk *w)
{
	unsigned int index;
	struct shadow_page *sp;
	struct hlist_node *n;
	int level;

	for (level = 1; level <= w->top; level++) {
		if (!(w->odd & BIT(level)))
			continue;
		index = (w->pte_gpa[level] & (TABLE_BYTES - 1)) / 8;
		for_each_shadow_of(vm, sp, n, w->pte_gpa[level] >> PAGE_BITS)
			if (role_entry_bytes(sp->role) == 8)
				sptes_update(vm, cache, sp, index, index);
	}
	page_zap_orphans(vm);
	page_commit(vm);
	audit_if_due(vm);
}

/*
 * Shadows that went out of sync after the memory was written took the new entry for the one
 * that their sptes were made from.
 */
static bool is_shadowed(struct mmu_vm *vm, gfn_t gfn)
{
	const struct memslot *slot = host_slot(vm, gfn);

	return slot && (vm->nr_unsync || gfn_is_tracked(vm, slot, gfn));
}

/*
 * Memory is about to be written: what others may see of it before we come back with the lock
 * must not be contradicted by a not-present spte.
 */
static void write_begin(struct mmu_vm *vm, gpa_t gpa, unsigned int len)
{
	unsigned int first, last;
	struct shadow_page *sp;
	struct hlist_node *n;

	if (!mmu_passthrough)
		return;
	spin_lock(&vm->lock);
	vm->writers++;
	for_each_shadow_of(vm, sp, n, gpa >> PAGE_BITS)
		if (sptes_written(sp, gpa & (TABLE_BYTES - 1), len, &first, &last))
			np_forget(sp, first, last);
	spin_unlock(&vm->lock);
}

/* It was written; if there is a table, bring its shadows up to date. */
static void write_end(struct mmu_vcpu *m, gpa_t gpa, unsigned int len, bool written)
{
	struct mmu_vm *vm = m->vm;
	/* Without spare objects entries are dropped instead of refilled. */
	bool spare = m->atomic ? cache_ready(&m->cache) : !cache_fill(&m->cache);
	struct mmu_cache *cache = spare ? &m->cache : NULL;

	if (!written && !mmu_passthrough)
		return;
	spin_lock(&vm->lock);
	if (mmu_passthrough)
		vm->writers--;
	if (written && is_shadowed(vm, gpa >> PAGE_BITS)) {
		track_write(vm, cache, gpa, len);
		trace_umbra_pte_write(gpa, len);
	}
	spin_unlock(&vm->lock);
}

int mmu_write_guest(struct mmu_vcpu *m, gpa_t gpa, const void *src, unsigned int len)
{
	int r;

	if (!len)
		return host_write(m->vm, gpa, src, 0);
	write_begin(m->vm, gpa, len);
	r = host_write(m->vm, gpa, src, len);
	write_end(m, gpa, len, !r);
	return r;
}

int mmu_cmpxchg_guest(struct mmu_vcpu *m, gpa_t gpa, const void *old, const void *new,
		      unsigned int len)
{
	int r;

	write_begin(m->vm, gpa, len);
	r = host_cmpxchg(m->vm, gpa, old, new, len);
	write_end(m, gpa, len, !r);
	return r;
}

int mmu_read_guest(struct mmu_vcpu *m, gpa_t gpa, void *dst, unsigned int len)
{
	return host_read(m->vm, gpa, dst, len);
}

bool mmu_unprotect(struct mmu_vcpu *m, gpa_t gpa)
{
	struct mmu_vm *vm = m->vm;
	bool zapped;

	spin_lock(&vm->lock);
	zapped = page_zap_gfn(vm, gpa >> PAGE_BITS);
	if (zapped)
		vm->stats.unprotects++;
	audit_if_due(vm);
	spin_unlock(&vm->lock);
	return zapped;
}
