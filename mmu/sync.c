// SPDX-License-Identifier: GPL-2.0-only
/*
 * Page tables out of sync.
 *
 * A guest writes to a page table many times in a row (fork, munmap, mprotect), and each write
 * would fault. Instead the table's shadows may go out of sync: the frame is no longer tracked, the
 * guest writes it freely, and its sptes may be as stale as TLB entries may be. When the guest
 * flushes, they are compared with the table.
 *
 *   in sync --- write fault ---> out of sync       unsync_frame
 *      ^                             |  ^
 *      |                             |  `-- changed since the last flush   sync_below_root
 *      `--- unchanged at a flush, or --'
 *           needed tracked again, or too many      resync_frame
 *
 * The shadows of a frame are all in sync or all out of it, and only level 1
 * goes out. An out-of-sync page keeps a snapshot: for each present spte the
 * guest entry that it was made from.
 *
 * An old entry may be used only where a TLB could still hold it: in an address
 * space that was loaded while the guest's table said so, and not flushed since.
 * Each root knows when it was last left, each page when a spte last changed.
 * Pages that changed later are synced when the root is taken up again. A new
 * parent makes entries reachable where no TLB holds any: sync_below().
 *
 * Floor 7.
 */
#include "internal.h"

/* May a frame be written with no look at the host? */
static bool may_grant_write(struct mmu_vm *vm, gfn_t gfn, u64 spte)
{
	const struct memslot *slot;

	if (!spte_host_writable(spte))
		return false;
	slot = host_slot(vm, gfn);
	return slot && !gfn_is_tracked(vm, slot, gfn) &&
	       !(slot->flags & (MEMSLOT_READONLY | MEMSLOT_LOG_DIRTY));
}

/* The same frame with other rights: no need to ask the host. */
static bool same_frame(struct mmu_vm *vm, struct shadow_page *sp, unsigned int index, u64 gpte)
{
	u64 old = sp->spt[index], new;
	unsigned int access = sp->role.access & pte_access(sp->role, gpte);
	gfn_t gfn = pte_gfn(sp->role, gpte, 1);

	if (!(gpte & PTE_P) || !(gpte & PTE_A) || pte_reserved(sp->role, gpte, 1) ||
	    gfn != pte_gfn(sp->role, sp->snapshot[index], 1))
		return false;
	if (!(gpte & PTE_D) ||
	    ((access & ACC_WRITE) && !spte_writable(old) && !may_grant_write(vm, gfn, old)))
		access &= ~ACC_WRITE;
	new = spte_leaf(spte_pfn(old), 1, access, spte_accessed(old), spte_host_writable(old));
	if (spte_loses(old, new))
		vm->tlb_dirty = true;
	spte_write(&sp->spt[index], new);
	return true;
}

/* Bring one present spte up to date: the guest's entry has changed. */
static void sync_spte(struct mmu_vm *vm, struct mmu_cache *cache, struct shadow_page *sp,
		      unsigned int index, u64 gpte)
{
	if (!same_frame(vm, sp, index, gpte))
		entry_fill(vm, cache, sp, index, gpte);
	sp->snapshot[index] = gpte;
	page_touch(vm, sp);
}

/* ... if it has changed. */
void sync_entry(struct mmu_vm *vm, struct mmu_cache *cache, struct shadow_page *sp,
		unsigned int index)
{
	u64 gpte = entry_now(vm, sp, index);

	if (gpte != sp->snapshot[index])
		sync_spte(vm, cache, sp, index, gpte);
}

/* What changed in one chunk; returns how many. A snapshot counts only where a spte is present. */
static unsigned int sync_chunk(struct mmu_vm *vm, struct mmu_cache *cache,
			       struct shadow_page *sp, unsigned int first)
{
	unsigned int i, end = first + CHUNK_LINKS, changed = 0;
	u64 gpte;

	for (i = first; i < end; i++) {
		i += host_first_changed(vm, entry_gpa(sp, i), sp->snapshot + i, end - i, &gpte);
		if (i == end)
			break;
		if (spte_present(sp->spt[i])) {
			sync_spte(vm, cache, sp, i, gpte);
			changed++;
		} else {
			sp->snapshot[i] = gpte;
		}
	}
	return changed;
}

/* The same of a 32-bit table. */
static unsigned int sync_chunk_32(struct mmu_vm *vm, struct mmu_cache *cache,
				  struct shadow_page *sp, unsigned int first)
{
	unsigned int i, changed = 0;
	u64 gpte[CHUNK_LINKS];

	entries_now(vm, sp, first, CHUNK_LINKS, gpte);
	for (i = 0; i < CHUNK_LINKS; i++) {
		if (gpte[i] == sp->snapshot[first + i] || !spte_present(sp->spt[first + i]))
			continue;
		sync_spte(vm, cache, sp, first + i, gpte[i]);
		changed++;
	}
	return changed;
}

/* Bring all present sptes up to date; returns whether any was not. */
static bool sync_entries(struct mmu_vm *vm, struct mmu_cache *cache, struct shadow_page *sp)
{
	bool wide = role_entry_bytes(sp->role) == 8;
	unsigned int i, changed = 0;

	for (i = 0; i < SP_CHUNKS; i++) {
		if (!sp->chunk[i])
			continue;
		changed += wide ? sync_chunk(vm, cache, sp, i * CHUNK_LINKS) :
				  sync_chunk_32(vm, cache, sp, i * CHUNK_LINKS);
	}
	vm->stats.syncs++;
	trace_umbra_sync(sp->gfn, sp->role.word, changed);
	return changed;
}

/* Track a frame again; its shadows are in sync when this returns. */
void resync_frame(struct mmu_vm *vm, struct mmu_cache *cache, gfn_t gfn)
{
	struct shadow_page *sp;
	struct hlist_node *n;

	/* From here on every write is seen; only then may entries be believed. */
	flush_if(vm, table_protect(vm, gfn));
	for_each_shadow_of(vm, sp, n, gfn) {
		if (!sp->unsync)
			continue;
		sync_entries(vm, cache, sp);
		page_unsync_end(vm, sp);
		gfn_track_count(vm, sp, 1);
		np_scan(vm, sp);
	}
}

/* A page that is to be tracked again. */
static struct shadow_page *page_to_resync(struct mmu_vm *vm)
{
	struct shadow_page *sp;

	list_for_each_entry(sp, &vm->unsync, unsync_node)
		if (sp->resync)
			return sp;
	return NULL;
}

/* More parents than this are not looked through: the answer is then yes. */
#define MANY_PARENTS	8

/* Is a page one of @nr others, or below one? */
static bool page_under(struct mmu_vm *vm, const struct shadow_page *sp,
		       struct shadow_page *const *top, unsigned int nr)
{
	unsigned int index, i, n = 0;
	u32 id;

	for (i = 0; i < nr; i++)
		if (top[i] == sp)
			return true;
	for (id = sp->parents; id; id = link_at(vm, id)->next)
		if (++n > MANY_PARENTS || page_under(vm, link_owner(vm, id, &index), top, nr))
			return true;
	return false;
}

/* Look for the pages out of sync below a root, if any may have come or gone. */
static void root_look(struct mmu_vm *vm, struct mmu_root *r)
{
	struct shadow_page *sp;

	if (r->unsync_gen == vm->unsync_gen)
		return;
	r->unsync_gen = vm->unsync_gen;
	r->nr_unsync = 0;
	list_for_each_entry(sp, &vm->unsync, unsync_node) {
		if (!page_under(vm, sp, r->page, 4))
			continue;
		if (r->nr_unsync < MMU_ROOT_UNSYNC)
			r->unsync[r->nr_unsync] = sp;
		r->nr_unsync++;
	}
}

/* Of a page below a root; returns whether it is to be tracked again. */
static bool sync_page(struct mmu_vm *vm, struct mmu_cache *cache, struct shadow_page *sp,
		      const struct mmu_root *r, bool flush)
{
	bool changed;

	if (sp->synced_at <= r->left_at)
		return false;
	changed = sync_entries(vm, cache, sp);
	sp->resync |= flush && policy_resync_idle(sp, changed);
	return sp->resync;
}

/*
 * sync_below_root - a root is taken up, or the guest flushed it
 *
 * What changed since the guest left it must be as the guest's tables are now. After a
 * flush, pages that the guest does not write any more are tracked again.
 */
void sync_below_root(struct mmu_vm *vm, struct mmu_cache *cache, struct mmu_root *r, bool flush)
{
	struct shadow_page *sp;
	bool idle = false;
	unsigned int i;

	root_look(vm, r);
	for (i = 0; i < r->nr_unsync && r->nr_unsync <= MMU_ROOT_UNSYNC; i++)
		idle |= sync_page(vm, cache, r->unsync[i], r, flush);
	if (r->nr_unsync > MMU_ROOT_UNSYNC)
		list_for_each_entry(sp, &vm->unsync, unsync_node)
			if (sp->synced_at > r->left_at && page_under(vm, sp, r->page, 4))
				idle |= sync_page(vm, cache, sp, r, flush);
	while (idle && (sp = page_to_resync(vm)))
		resync_frame(vm, cache, sp->gfn);
}

/* A page gets another parent: what hangs below is reached where no TLB holds old entries. */
void sync_below(struct mmu_vm *vm, struct mmu_cache *cache, struct shadow_page *sp)
{
	struct shadow_page *page;

	if (!sp->present)
		return;
	list_for_each_entry(page, &vm->unsync, unsync_node) {
		if (!page_under(vm, page, &sp, 1))
			continue;
		sync_entries(vm, cache, page);
		page_touch(vm, page);
	}
}

/* The guest flushed one address: the entry that translates it must be true. */
void sync_address(struct mmu_vcpu *m, const struct mmu_root *r, gva_t gva)
{
	unsigned int index;
	struct shadow_page *sp = root_leaf(r, gva, &index);

	if (sp && sp->unsync)
		sync_entry(m->vm, &m->cache, sp, index);
}

/* May the frame's shadows go out of sync? Only page tables may, all of a frame or none. */
bool may_unsync(struct mmu_vm *vm, gfn_t gfn)
{
	struct shadow_page *sp;
	struct hlist_node *n;

	if (!policy_unsync_max(vm))
		return false;
	for_each_shadow_of(vm, sp, n, gfn)
		if (sp->role.level > 1 || policy_keep_in_sync(sp))
			return false;
	return true;
}

/* So many are tracked again for one that goes out of sync, after the limit was lowered. */
#define RESYNC_FRAMES 4

/* Have fewer than @max out of sync, or at least get nearer to that. */
static void unsync_make_room(struct mmu_vm *vm, struct mmu_cache *cache, unsigned int max)
{
	unsigned int i;

	for (i = 0; vm->nr_unsync >= max && i < RESYNC_FRAMES; i++)
		resync_frame(vm, cache, list_first_entry(&vm->unsync, struct shadow_page,
							 unsync_node)->gfn);
}

static void snapshot_take(struct mmu_vm *vm, struct mmu_cache *cache, struct shadow_page *sp)
{
	unsigned int i;

	sp->snapshot = cache_table(cache);
	for (i = 0; i < SP_CHUNKS; i++)
		if (sp->chunk[i])
			entries_now(vm, sp, i * CHUNK_LINKS, CHUNK_LINKS,
				    sp->snapshot + i * CHUNK_LINKS);
}

static void page_unsync(struct mmu_vm *vm, struct mmu_cache *cache, struct shadow_page *sp)
{
	snapshot_take(vm, cache, sp);
	np_forget(sp, 0, TABLE_ENTRIES - 1);
	gfn_track_count(vm, sp, -1);
	sp->unsync = true;
	policy_unsynced(sp);
	page_touch(vm, sp);
	list_add_tail(&sp->unsync_node, &vm->unsync);
	vm->unsync_gen++;
	WRITE_ONCE(vm->nr_unsync, vm->nr_unsync + 1);
	vm->stats.unsyncs++;
}

/*
 * unsync_frame - let the guest write a tracked frame freely
 *
 * A page that went out of sync again and again with no walk through it in
 * between is no table any more and is zapped instead; the caller commits.
 * Return: whether the frame is no longer tracked.
 */
bool unsync_frame(struct mmu_vm *vm, struct mmu_cache *cache, gfn_t gfn)
{
	unsigned int max = policy_unsync_max(vm);
	struct shadow_page *sp;
	struct hlist_node *n;

	if (!max || !may_unsync(vm, gfn))
		return false;
	unsync_make_room(vm, cache, max);
	for_each_shadow_of(vm, sp, n, gfn) {
		/* Leave enough for the links of the fault that brought us here. */
		if (policy_drop_unsync(sp) || cache->tables <= 2) {
			vm->stats.floods++;
			page_zap(vm, sp);
		} else {
			page_unsync(vm, cache, sp);
		}
	}
	return true;
}

/* The guest gets a fault for want of this entry. The lock is held. */
void expect_entry(struct mmu_vcpu *m, struct shadow_page *sp, unsigned int index)
{
	m->expected.root = m->root;
	m->expected.link_gen = m->vm->link_gen;
	m->expected.sp = sp;
	m->expected.index = index;
}

static void fill_expected(struct mmu_vcpu *m)
{
	struct shadow_page *sp = m->expected.sp;
	unsigned int index = m->expected.index;

	if (m->expected.link_gen != m->vm->link_gen || !cache_ready(&m->cache))
		return;
	if (!spte_present(sp->spt[index]))
		m->vm->stats.expected += entry_fill(m->vm, &m->cache, sp, index,
						      entry_now(m->vm, sp, index));
	else if (sp->unsync)
		sync_entry(m->vm, &m->cache, sp, index);
}

/* A root is taken up. */
void expect_return(struct mmu_vcpu *m)
{
	if (!m->root || m->expected.root != m->root)
		return;
	m->expected.root = NULL;
	spin_lock(&m->vm->lock);
	fill_expected(m);
	spin_unlock(&m->vm->lock);
}

/* The shadow page with this identity; @cache provides for a new one. */
struct shadow_page *page_get(struct mmu_vm *vm, struct mmu_cache *cache, gfn_t gfn,
			     union mmu_role role)
{
	struct shadow_page *sp = page_find(vm, gfn, role);
	bool found = sp;

	if (found) {
		vm->stats.page_hits++;
		page_mark_used(sp);
	} else {
		vm->stats.page_misses++;
		/* Its other shadows would stay out of sync while writes are seen. */
		if (!role.metaphysical)
			resync_frame(vm, cache, gfn);
		sp = page_make(vm, cache, gfn, role);
		np_scan(vm, sp);
	}
	trace_umbra_page_get(gfn, role.word, !found);
	return sp;
}
