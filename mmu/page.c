// SPDX-License-Identifier: GPL-2.0-only
/*
 * Shadow pages: found by gfn and role, made, linked, zapped and recycled.
 *
 * Life of a shadow page:
 *
 *   page_get   hashed, on vm->active; the guest's table is write-protected
 *   page_zap   unhashed, no parent, no entry; then
 *                on vm->doomed, freed by page_commit after a flush, or
 *                obsolete, until the last vCPU that has it in a root lets go
 */
#include <linux/hash.h>
#include <linux/log2.h>

#include "internal.h"

#define HASH_BITS_MIN 6

/* So many shadow pages can change over to another hash table in one go. */
#define REHASH_MAX 1024

struct hlist_head *page_bucket(const struct mmu_vm *vm, gfn_t gfn)
{
	return &vm->hash[hash_64(gfn, vm->hash_bits)];
}

/* A bucket for each page of the quota, so that chains stay short. */
int page_hash_resize(struct mmu_vm *vm, unsigned long pages)
{
	unsigned int bits = max_t(unsigned int, HASH_BITS_MIN, ilog2(roundup_pow_of_two(pages)));
	struct hlist_head *old, *hash;
	struct shadow_page *sp;

	if (vm->hash && bits <= vm->hash_bits)
		return 0;
	hash = host_alloc(sizeof(*hash) << bits);
	if (!hash)
		return -ENOMEM;
	spin_lock(&vm->lock);
	/* Few enough to be done at once. */
	while (vm->nr_pages > REHASH_MAX && page_shrink(vm, vm->nr_pages - REHASH_MAX))
		;
	old = vm->hash;
	vm->hash = hash;
	vm->hash_bits = bits;
	list_for_each_entry(sp, &vm->active, list) {
		hlist_del(&sp->hash);
		hlist_add_head(&sp->hash, page_bucket(vm, sp->gfn));
	}
	spin_unlock(&vm->lock);
	host_free(old);
	return 0;
}

bool gfn_is_tracked(struct mmu_vm *vm, const struct memslot *slot, gfn_t gfn)
{
	return rmap_head(vm, slot, gfn, 1)->prev;
}

/* The guest's table is counted as tracked (@by 1), or no more (@by -1). */
void gfn_track_count(struct mmu_vm *vm, struct shadow_page *sp, int by)
{
	const struct memslot *slot = host_slot(vm, sp->gfn);
	int level;

	for (level = 1; slot && level <= MEMSLOT_LEVELS; level++)
		rmap_head(vm, slot, sp->gfn, level)->prev += by;
}

static void page_write_protect(struct mmu_vm *vm, struct shadow_page *sp)
{
	const struct memslot *slot = host_slot(vm, sp->gfn);
	bool changed;

	if (!slot)
		return;
	gfn_track_count(vm, sp, 1);
	changed = rmap_protect(vm, slot, sp->gfn);
	/* From here on every write is seen; only now may entries be read. */
	flush_if(vm, changed);
}

static struct shadow_page *page_find(struct mmu_vm *vm, gfn_t gfn, union mmu_role role)
{
	struct shadow_page *sp;

	hlist_for_each_entry(sp, page_bucket(vm, gfn), hash)
		if (sp->gfn == gfn && sp->role.word == role.word)
			return sp;
	return NULL;
}

/*
 * The top table of a new address space has the kernel's tables in common with others: take up
 * the shadows that exist. Walks would find their entries accessed and link them one by one.
 */
static void link_existing(struct mmu_vm *vm, struct mmu_cache *cache, struct shadow_page *sp)
{
	struct shadow_page *child;
	u64 gpte[CHUNK_LINKS];
	union mmu_role role;
	unsigned int i;

	for (i = 0; i < TABLE_ENTRIES && cache->tables > CACHE_MIN; i++) {
		u64 entry;

		if (i % CHUNK_LINKS == 0)
			entries_now(vm, sp, i, gpte);
		entry = gpte[i % CHUNK_LINKS];
		if (!(entry & PTE_P) || !(entry & PTE_A) ||
		    pte_reserved(sp->role, entry, sp->role.level))
			continue;
		role = child_role(sp->role, i, sp->role.access & pte_access(sp->role, entry));
		child = page_find(vm, pte_gfn(sp->role, entry, sp->role.level), role);
		if (child)
			page_link(vm, cache, sp, i, child);
	}
}

static struct shadow_page *page_new(struct mmu_vm *vm, struct mmu_cache *cache, gfn_t gfn,
				    union mmu_role role)
{
	struct shadow_page *sp = cache_page(cache);

	/* Its other shadows would stay out of sync while writes are seen. */
	if (!role.metaphysical)
		resync_frame(vm, cache, gfn);
	sp->spt = cache_table(cache);
	sp->gfn = gfn;
	sp->role = role;
	sp->era = vm->era;
	INIT_LIST_HEAD(&sp->unsync_node);
	host_table_set_owner(sp->spt, sp);
	hlist_add_head(&sp->hash, page_bucket(vm, gfn));
	list_add_tail(&sp->list, &vm->active);
	vm->nr_pages++;
	vm->stats.pages = vm->nr_pages;
	if (!role.metaphysical)
		page_write_protect(vm, sp);
	np_begin(vm, sp);
	if (!role.metaphysical && role.level > 3 && role.level == role.glevels &&
	    READ_ONCE(mmu_prefill))
		link_existing(vm, cache, sp);
	return sp;
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
		sp = page_new(vm, cache, gfn, role);
	}
	trace_umbra_page_get(gfn, role.word, !found);
	return sp;
}

/* The guest walks through it: it is no flood of data, and not old. */
void page_mark_used(struct shadow_page *sp)
{
	sp->writes = 0;
	sp->used = true;
}

/* The shadow page that a non-leaf spte points to. */
struct shadow_page *page_of(u64 spte)
{
	return host_table_owner(spte_child(spte));
}

void page_link(struct mmu_vm *vm, struct mmu_cache *cache, struct shadow_page *parent,
	       unsigned int index, struct shadow_page *child)
{
	sync_below(vm, cache, child);
	link_add(vm, link_of(vm, cache, parent, index), &child->parents, 0);
	parent->present++;
	vm->link_gen++;
	if (child->present || child->unsync)
		vm->unsync_gen++;
	spte_write(&parent->spt[index], spte_table(host_table_hpa(child->spt)));
}

void page_unlink(struct mmu_vm *vm, struct shadow_page *parent, unsigned int index)
{
	struct shadow_page *child = page_of(spte_take(&parent->spt[index]));

	link_del(vm, link_find(parent, index), &child->parents);
	vm->split_gen++;
	parent->present--;
	vm->link_gen++;
	vm->tlb_dirty = true;
	vm->work++;
}

static void page_drop_parents(struct mmu_vm *vm, struct shadow_page *sp)
{
	struct shadow_page *parent;
	unsigned int index;

	while (sp->parents) {
		parent = link_owner(vm, sp->parents, &index);
		page_unlink(vm, parent, index);
	}
}

static void page_drop_entries(struct mmu_vm *vm, struct shadow_page *sp)
{
	unsigned int i;

	for_each_present(sp, i)
		entry_drop(vm, sp, i);
}

/*
 * page_zap - take a shadow page out of use
 *
 * Hardware may walk its table until page_commit(), which must follow before
 * the lock is released.
 */
void page_zap(struct mmu_vm *vm, struct shadow_page *sp)
{
	trace_umbra_page_zap(sp->gfn, sp->role.word);
	page_drop_parents(vm, sp);
	page_drop_entries(vm, sp);
	links_release(vm, sp);
	if (sp->unsync)
		sync_forget(vm, sp);
	else if (!sp->role.metaphysical)
		gfn_track_count(vm, sp, -1);
	hlist_del_init(&sp->hash);
	vm->work += SP_CHUNKS;
	vm->nr_pages--;
	vm->stats.pages = vm->nr_pages;
	vm->stats.page_zaps++;
	if (sp->roots) {
		WRITE_ONCE(sp->obsolete, true);
		smp_mb();	/* with root_enter() */
		list_del_init(&sp->list);
		vm->reload |= root_current(vm, sp);
	} else {
		list_move_tail(&sp->list, &vm->doomed);
	}
}

/* It is zapped soon if it has no other parent and no vCPU has it in a root. */
void page_maybe_orphan(struct mmu_vm *vm, struct shadow_page *sp)
{
	if (!sp->parents && !sp->roots)
		list_move_tail(&sp->list, &vm->orphans);
}

void page_zap_orphans(struct mmu_vm *vm)
{
	while (!list_empty(&vm->orphans)) {
		vm->stats.orphans++;
		page_zap(vm, list_first_entry(&vm->orphans, struct shadow_page, list));
	}
}

/* Free what was zapped, once no processor can walk it any more. */
void page_commit(struct mmu_vm *vm)
{
	struct shadow_page *sp, *n;

	if (vm->reload) {
		vm->reload = false;
		host_request_reload(vm);
	}
	if (list_empty(&vm->doomed))
		return;
	flush_remote(vm);
	list_for_each_entry_safe(sp, n, &vm->doomed, list) {
		list_del(&sp->list);
		host_free_table(sp->spt);
		host_free(sp);
		vm->work += 10;
	}
	if (READ_ONCE(mmu_audit_on))
		audit_locked(vm);
}

void page_root_get(struct shadow_page *sp)
{
	sp->roots++;
}

/* The caller commits. */
void page_root_put(struct mmu_vm *vm, struct shadow_page *sp)
{
	if (--sp->roots == 0 && sp->obsolete)
		list_add_tail(&sp->list, &vm->doomed);
}

/*
 * work_relax - in a long operation, give others a chance when it is time
 *
 * All that was zapped is committed. Nothing found under the lock may be used after it was let go.
 * Return: whether it was.
 */
bool work_relax(struct mmu_vm *vm)
{
	if (likely(vm->work < WORK_MAX))
		return false;
	page_commit(vm);
	vm->work = 0;
	host_relax(vm);
	return true;
}

/* The next one to go, if it is not in use (if @force: not loaded); else it has been put off. */
static bool page_drop_first(struct mmu_vm *vm, bool force)
{
	struct shadow_page *sp = list_first_entry(&vm->active, struct shadow_page, list);

	vm->work++;
	if ((force || !sp->used) && !(sp->roots && root_current(vm, sp))) {
		page_zap(vm, sp);
		return true;
	}
	sp->used = false;
	list_move_tail(&sp->list, &vm->active);
	return false;
}

/*
 * Zap up to @nr pages, the oldest first; those used since they were last looked at get a
 * second chance, and roots that are loaded stay. No more than @least if it takes long.
 */
static unsigned long page_drop_some(struct mmu_vm *vm, unsigned long nr, unsigned long least,
				    unsigned long *looks)
{
	unsigned long dropped = 0;

	while (dropped < nr && *looks && !list_empty(&vm->active)) {
		if (dropped >= least && vm->work >= WORK_MAX)
			break;
		--*looks;
		dropped += page_drop_first(vm, false);
	}
	page_commit(vm);
	return dropped;
}

/*
 * Drop up to @nr pages. All are looked at twice, at most: once to see that they are not used any
 * more. The lock is let go in between.
 */
unsigned long page_shrink(struct mmu_vm *vm, unsigned long nr)
{
	unsigned long dropped = 0, looks = 2 * vm->nr_pages;

	vm->work = 0;
	while (dropped < nr && looks && !list_empty(&vm->active)) {
		dropped += page_drop_some(vm, nr - dropped, 0, &looks);
		work_relax(vm);
	}
	return dropped;
}

/* So many in use are passed over for a page that has to go. */
#define PASS_OVER 128

/*
 * Make room for @nr new pages in the quota. A sixteenth goes at a time, or what can be done in a
 * moment, so that the flush is shared. Where few but pages in use are found, the quota gives a
 * little; the next one goes on from there.
 */
void page_make_room(struct mmu_vm *vm, unsigned long nr)
{
	unsigned long many = max(nr, vm->max_pages / 16), looks = many + PASS_OVER;

	if (likely(vm->nr_pages + nr <= vm->max_pages))
		return;
	vm->work = 0;
	vm->stats.page_recycled += page_drop_some(vm, many, nr, &looks);
	if (likely(vm->nr_pages + nr <= vm->max_pages + QUOTA_EXCESS))
		return;
	while (vm->nr_pages + nr > vm->max_pages + QUOTA_EXCESS)
		vm->stats.page_recycled += page_drop_first(vm, true);
	page_commit(vm);
}

/* Drop every shadow of a guest table; returns whether there was one. */
bool page_zap_gfn(struct mmu_vm *vm, gfn_t gfn)
{
	struct shadow_page *sp;
	struct hlist_node *n;
	bool zapped = false;

	for_each_shadow_of(vm, sp, n, gfn) {
		page_zap(vm, sp);
		zapped = true;
	}
	page_commit(vm);
	return zapped;
}
