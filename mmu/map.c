// SPDX-License-Identifier: GPL-2.0-only
/*
 * From a walk of the guest's tables to shadow tables that say the same.
 *
 *    root                      shadow of the guest's top table
 *     | map_descend               ... one level down, made if need be
 *    shadow page               shadow of a guest table, or metaphysical:
 *     | leaf_install               below a large guest page, or paging off
 *    leaf spte -> host frame
 *
 * Before a spte is set in the shadow of a guest table, that table is
 * write-protected and the entry is read again: what the walk saw may be gone.
 */
#include "internal.h"

/*
 * What the leaf grants. Without the dirty bit a write must fault, so that it
 * gets set. Where CR0.WP is clear and the supervisor writes to a read-only page, it
 * may: the spte is then the supervisor's alone, until a user access comes.
 */
static unsigned int leaf_access(const struct mmu_vcpu *m, const struct mmu_fault *f,
				const struct walk *w)
{
	unsigned int access = w->access;

	if (f->access.write && !f->access.user && !(access & ACC_WRITE)) {
		access = (access | ACC_WRITE) & ~ACC_USER;
		/* A user page stays forbidden to the supervisor's fetches. */
		if (m->role.smep && (w->access & ACC_USER))
			access &= ~ACC_EXEC;
	}
	if (!w->dirty)
		access &= ~ACC_WRITE;
	return access;
}

/* May the frame be mapped at this level? */
static bool level_fits(struct mmu_vm *vm, const struct memslot *slot, gfn_t gfn, int level)
{
	u64 frames = level_frames(level);
	gfn_t first = gfn & ~(frames - 1);

	if (((slot->hva >> PAGE_BITS) ^ slot->base_gfn) & (frames - 1))
		return false;
	if (first < slot->base_gfn || first + frames > slot->base_gfn + slot->npages)
		return false;
	return !rmap_head(vm, slot, gfn, level)->prev;
}

/* Largest level at which guest, host and slot agree. */
static int map_level(const struct mmu_vcpu *m, const struct mmu_fault *f, const struct walk *w,
		     const struct memslot *slot, const struct host_page *page)
{
	int level = m->format ? w->level : 2;

	if (!READ_ONCE(mmu_large) || (slot->flags & MEMSLOT_LOG_DIRTY))
		return 1;
	if (mmu_nx_huge && f->access.fetch)
		return 1;
	level = min_t(int, level, page->level);
	while (level > 1 && !level_fits(m->vm, slot, w->gfn, level))
		level--;
	return level;
}

/* A frame that is mapped in pieces so that code can run there stays so. */
static bool in_pieces(const struct shadow_page *sp, gva_t gva)
{
	u64 spte = sp->spt[spte_index(gva, sp->role.level)];

	return mmu_nx_huge && sp->role.level > 1 && spte_present(spte) &&
	       !spte_is_leaf(spte, sp->role.level);
}

/* Does the guest's entry still say what the walk saw? */
static bool walk_current(const struct mmu_vcpu *m, const struct shadow_page *sp,
			 const struct walk *w)
{
	int level = sp->role.level;
	u64 pte = 0;

	if (sp->role.metaphysical)
		return true;
	return !host_read_atomic(m->vm, w->pte_gpa[level], &pte, m->format->entry_bytes) &&
	       pte == w->pte[level];
}

/* Identity of the shadow page one level below @sp on the way of the walk. */
static gfn_t child_identity(const struct mmu_vcpu *m, const struct shadow_page *sp,
			    unsigned int index, const struct walk *w, unsigned int access,
			    union mmu_role *role)
{
	int level = sp->role.level;

	if (m->format && level > w->level) {
		*role = child_role(sp->role, index, w->above[level - 1]);
		return w->table[level - 1];
	}
	*role = child_role(sp->role, 0, access);
	role->metaphysical = 1;
	return w->gfn & ~(level_frames(level) - 1);
}

/* One level down; NULL if the guest's entry changed. */
static struct shadow_page *map_descend(struct mmu_vcpu *m, struct shadow_page *sp,
				       const struct walk *w, unsigned int access)
{
	unsigned int index = spte_index(w->gva, sp->role.level);
	u64 spte = sp->spt[index];
	struct shadow_page *child;
	union mmu_role role;
	gfn_t gfn = child_identity(m, sp, index, w, access, &role);

	if (spte_present(spte) && !spte_is_leaf(spte, sp->role.level)) {
		child = page_of(spte);
		if (child->gfn == gfn && child->role.word == role.word) {
			page_mark_used(child);
			return child;
		}
	}
	if (!walk_current(m, sp, w))
		return NULL;
	entry_drop(m->vm, sp, index);
	child = page_get(m->vm, &m->cache, gfn, role);
	sync_below(m->vm, &m->cache, child);
	page_link(m->vm, &m->cache, sp, index, child);
	return child;
}

/* A table may be written directly only while its shadows are out of sync. */
static bool may_write(struct mmu_vcpu *m, const struct mmu_fault *f, const struct memslot *slot,
		      gfn_t gfn, int level)
{
	if (slot->flags & MEMSLOT_READONLY)
		return false;
	if (level > 1 || !gfn_is_tracked(m->vm, slot, gfn))
		return true;
	return f->access.write && unsync_frame(m->vm, &m->cache, gfn);
}

/* Does the write go to a table that also translates its own address? */
bool writes_own_table(const struct mmu_vcpu *m, const struct walk *w)
{
	int level;

	for (level = w->level; m->format && level <= w->top; level++)
		if (w->table[level] == w->gfn)
			return true;
	return false;
}

static enum mmu_verdict map_leaf(struct mmu_vcpu *m, struct mmu_fault *f, const struct walk *w,
				 const struct memslot *slot, const struct host_page *page,
				 struct shadow_page *sp, unsigned int access)
{
	int level = sp->role.level;
	unsigned int index = spte_index(w->gva, level);
	u64 mask = level_frames(level) - 1;
	bool writable = (access & ACC_WRITE) && page->writable &&
			may_write(m, f, slot, w->gfn, level);

	/* Only a write that happens is logged. */
	if (writable && (slot->flags & MEMSLOT_LOG_DIRTY)) {
		writable = f->access.write;
		if (writable)
			host_mark_dirty(slot, w->gfn);
	}
	if (!writable)
		access &= ~ACC_WRITE;
	if (mmu_nx_huge && level > 1)
		access &= ~ACC_EXEC;
	/* The table written may be the one that @sp shadowed until now. */
	if (hlist_unhashed(&sp->hash))
		return MMU_RETRY;
	if (spte_present(sp->spt[index]))
		host_flush_gva(m, f->gva);
	leaf_install(m->vm, &m->cache, sp, index, slot, w->gfn & ~mask,
		     spte_of_host(spte_leaf(page->pfn & ~mask, level, access, true),
				  page->writable));
	entry_remember(m->vm, sp, index, w->pte[level]);
	page_mark_used(sp);
	if (!f->access.write || writable)
		return MMU_FIXED;
	f->to_table = true;
	f->self_map = writes_own_table(m, w);
	return MMU_EMULATE;
}

/* The leaf itself, and its neighbours. */
static enum mmu_verdict map_in(struct mmu_vcpu *m, struct mmu_fault *f, const struct walk *w,
			       const struct memslot *slot, const struct host_page *page,
			       struct shadow_page *sp, unsigned int access)
{
	if (sp->role.level == 1)
		fill_around(m->vm, &m->cache, sp, spte_index(w->gva, 1));
	return map_leaf(m, f, w, slot, page, sp, access);
}

/* The page table is known already: quick.c. */
enum mmu_verdict map_page(struct mmu_vcpu *m, struct mmu_fault *f, const struct walk *w,
			  const struct memslot *slot, const struct host_page *page,
			  struct shadow_page *sp)
{
	return map_in(m, f, w, slot, page, sp, leaf_access(m, f, w));
}

/**
 * map_fault - make the shadow tables translate as the walk did
 * @m:		the vCPU; the lock is held, its cache is filled
 * @f:		the fault
 * @w:		a successful walk
 * @slot:	slot of w->gfn
 * @page:	its host frame, not stale
 *
 * Return: MMU_FIXED, MMU_RETRY, or MMU_EMULATE for a write to a shadowed table.
 */
enum mmu_verdict map_fault(struct mmu_vcpu *m, struct mmu_fault *f, const struct walk *w,
			   const struct memslot *slot, const struct host_page *page)
{
	unsigned int access = leaf_access(m, f, w);
	struct shadow_page *sp;
	int level;

	if (!mmu_root_ok(m))
		return MMU_RETRY;
	sp = root_page(m->root, w->gva);
	if (!sp)
		return MMU_RETRY;
	/* The root's frame had no memory when it was loaded, but has now. */
	if (sp->role.metaphysical && m->format) {
		root_drop_locked(m);
		return MMU_RETRY;
	}
	page_mark_used(sp);
	level = map_level(m, f, w, slot, page);
	while (sp->role.level > level || in_pieces(sp, w->gva)) {
		sp = map_descend(m, sp, w, access);
		if (!sp)
			return MMU_RETRY;
		/* A table made on the way may forbid a large spte over it. */
		if (level > 1 && !level_fits(m->vm, slot, w->gfn, level))
			level = map_level(m, f, w, slot, page);
	}
	if (!walk_current(m, sp, w))
		return MMU_RETRY;
	return map_in(m, f, w, slot, page, sp, access);
}
