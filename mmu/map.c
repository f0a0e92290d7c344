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
 *
 * Floor 8.
 */
#include "internal.h"

/*
 * What the leaf grants. Without the dirty bit a write must fault, so that it
 * gets set. Where CR0.WP is clear and the supervisor writes to a read-only page, it
 * may: the spte is then the supervisor's alone, until a user access comes.
 */
static unsigned int leaf_access(const struct mmu_vcpu *m, const struct fault *c)
{
	const struct mmu_fault *f = c->f;
	const struct walk *w = &c->w;
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
static int map_level(const struct mmu_vcpu *m, const struct fault *c)
{
	int level = m->format ? c->w.level : 2;

	if (!READ_ONCE(mmu_large) || (c->slot->flags & MEMSLOT_LOG_DIRTY))
		return 1;
	if (mmu_nx_huge && c->f->access.fetch)
		return 1;
	level = min_t(int, level, c->page.level);
	while (level > 1 && !level_fits(m->vm, c->slot, c->w.gfn, level))
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

/* Does the write go to a table that also translates its own address? */
bool writes_own_table(const struct mmu_vcpu *m, const struct walk *w)
{
	int level;

	for (level = w->level; m->format && level <= w->top; level++)
		if (w->table[level] == w->gfn)
			return true;
	return false;
}

/*
 * May the leaf be writable, as far as the frame is concerned? A table may be written directly
 * only while its shadows are out of sync. Only a write that happens is logged.
 */
static bool may_write(struct mmu_vcpu *m, const struct fault *c, int level)
{
	const struct memslot *slot = c->slot;
	bool write = c->f->access.write;

	if (!c->page.writable || (slot->flags & MEMSLOT_READONLY))
		return false;
	if (level == 1 && gfn_is_tracked(m->vm, slot, c->w.gfn) &&
	    !(write && unsync_frame(m->vm, &m->cache, c->w.gfn)))
		return false;
	if (!(slot->flags & MEMSLOT_LOG_DIRTY))
		return true;
	if (write)
		host_mark_dirty(slot, c->w.gfn);
	return write;
}

/**
 * map_leaf - set the leaf that the walk found, and its neighbours
 * @m:	the vCPU; the lock is held, its cache is ready
 * @c:	the fault: walked, slot and host frame known
 * @sp:	the shadow page that the leaf goes to
 *
 * Return: MMU_FIXED, MMU_RETRY, or MMU_EMULATE for a write to a shadowed table. The caller commits.
 */
enum mmu_verdict map_leaf(struct mmu_vcpu *m, struct fault *c, struct shadow_page *sp)
{
	int level = sp->role.level;
	unsigned int index = spte_index(c->w.gva, level), access = leaf_access(m, c);
	u64 mask = level_frames(level) - 1;
	bool writable;
	u64 spte;

	if (level == 1)
		fill_neighbours(m->vm, &m->cache, sp, index);
	writable = (access & ACC_WRITE) && may_write(m, c, level);
	if (!writable)
		access &= ~ACC_WRITE;
	if (mmu_nx_huge && level > 1)
		access &= ~ACC_EXEC;
	/* The table written may be the one that @sp shadowed until now. */
	if (unlikely(m->vm->commit_due) && hlist_unhashed(&sp->hash))
		return MMU_RETRY;
	if (spte_present(sp->spt[index]))
		host_flush_gva(m, c->f->gva);
	spte = spte_leaf(c->page.pfn & ~mask, level, access, true, c->page.writable);
	if (unlikely(c->page.foreign))
		spte = spte_of_foreign(spte, c->page.memtype);
	leaf_install(m->vm, &m->cache, sp, index, c->slot, c->w.gfn & ~mask, spte);
	if (sp->unsync)
		entry_remember(m->vm, sp, index, c->w.pte[level]);
	if (!c->f->access.write || writable)
		return MMU_FIXED;
	c->f->to_table = true;
	c->f->self_map = writes_own_table(m, &c->w);
	return MMU_EMULATE;
}

/**
 * map_walk - make the shadow tables translate as the walk did
 * @m: @c: as map_leaf(); the root is good
 *
 * Return: as map_leaf().
 */
enum mmu_verdict map_walk(struct mmu_vcpu *m, struct fault *c)
{
	struct shadow_page *sp = root_page(m->root, c->w.gva);
	unsigned int access = leaf_access(m, c);
	int level;

	if (!sp)
		return MMU_RETRY;
	page_mark_used(sp);
	level = map_level(m, c);
	while (sp->role.level > level || in_pieces(sp, c->w.gva)) {
		sp = map_descend(m, sp, &c->w, access);
		if (!sp)
			return MMU_RETRY;
		/* A table made on the way may forbid a large spte over it. */
		if (level > 1 && !level_fits(m->vm, c->slot, c->w.gfn, level))
			level = map_level(m, c);
	}
	if (!walk_current(m, sp, &c->w))
		return MMU_RETRY;
	page_mark_used(sp);
	return map_leaf(m, c, sp);
}
