// SPDX-License-Identifier: GPL-2.0-only
/*
 * Shadow pages: found by gfn and role, made, zapped and recycled.
 *
 * Life of a shadow page (all its states are in Documentation/mmu.md):
 *
 *   page_make           hashed, on vm->active; the guest's table is write-protected
 *   page_maybe_orphan   on vm->orphans, zapped before the lock is let go
 *   page_zap            unhashed, no parent, no entry; then
 *                         on vm->doomed, freed by page_commit() after a flush, or
 *                         obsolete, until the last vCPU that has it in a root lets go
 *
 * Floor 5.
 */
#include <linux/hash.h>
#include <linux/log2.h>

#include "internal.h"

#define HASH_BITS_MIN 6

/* So many shadow pages can change over to another hash table in one go. */
#define REHASH_MAX 1024

/* Pages of both address spaces are in one: see for_each_shadow_of(). */
struct hlist_head *page_bucket(const struct mmu_vm *vm, gfn_t gfn)
{
	return &vm->hash[hash_64(gfn & ~GFN_SMM, vm->hash_bits)];
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

static void page_write_protect(struct mmu_vm *vm, struct shadow_page *sp)
{
	if (!host_slot(vm, sp->gfn))
		return;
	gfn_track_count(vm, sp, 1);
	/* From here on every write is seen; only now may entries be read. */
	flush_if(vm, table_protect(vm, sp->gfn));
}

/* The shadow page with this identity, or NULL. */
struct shadow_page *page_find(struct mmu_vm *vm, gfn_t gfn, union mmu_role role)
{
	struct shadow_page *sp;

	hlist_for_each_entry(sp, page_bucket(vm, gfn), hash)
		if (sp->gfn == gfn && sp->role.word == role.word)
			return sp;
	return NULL;
}

/* There is none. Those of other roles are in sync. */
struct shadow_page *page_make(struct mmu_vm *vm, struct mmu_cache *cache, gfn_t gfn,
			      union mmu_role role)
{
	struct shadow_page *sp = cache_page(cache);

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
	np_forget(sp, 0, TABLE_ENTRIES - 1);
	return sp;
}

/* The guest walks through it. */
void page_mark_used(struct shadow_page *sp)
{
	sp->used = USED;
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

/* Is a shadow page part of a root that a vCPU has loaded? */
static bool is_loaded(const struct mmu_vm *vm, const struct shadow_page *sp)
{
	const struct mmu_root *r;
	struct mmu_vcpu *m;
	int i;

	list_for_each_entry(m, &vm->vcpus, node) {
		r = READ_ONCE(m->root);
		for (i = 0; r && i < 4; i++)
			if (r->page[i] == sp)
				return true;
	}
	return false;
}

/* The page is in sync, or about to be zapped: forget that it was not. */
void page_unsync_end(struct mmu_vm *vm, struct shadow_page *sp)
{
	sp->unsync = false;
	sp->resync = false;
	vm->unsync_gen++;
	list_del_init(&sp->unsync_node);
	WRITE_ONCE(vm->nr_unsync, vm->nr_unsync - 1);
	host_free_table(sp->snapshot);
	sp->snapshot = NULL;
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
		page_unsync_end(vm, sp);
	else if (!sp->role.metaphysical)
		gfn_track_count(vm, sp, -1);
	hlist_del_init(&sp->hash);
	vm->work += SP_CHUNKS;
	vm->nr_pages--;
	vm->stats.pages = vm->nr_pages;
	vm->stats.page_zaps++;
	vm->commit_due = true;
	if (sp->roots) {
		WRITE_ONCE(sp->obsolete, true);
		smp_mb();	/* with root_enter() */
		list_del_init(&sp->list);
		vm->reload |= is_loaded(vm, sp);
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

void page_root_get(struct shadow_page *sp)
{
	sp->roots++;
}

/* The caller commits. */
void page_root_put(struct mmu_vm *vm, struct shadow_page *sp)
{
	if (--sp->roots || !sp->obsolete)
		return;
	list_add_tail(&sp->list, &vm->doomed);
	vm->commit_due = true;
}

/* The next one to go, if it is not in use (if @force: not loaded); else it has been put off. */
static bool page_drop_first(struct mmu_vm *vm, bool force)
{
	struct shadow_page *sp = list_first_entry(&vm->active, struct shadow_page, list);

	vm->work++;
	if ((force || !(sp->used & USED_SINCE_LOOK)) && !(sp->roots && is_loaded(vm, sp))) {
		page_zap(vm, sp);
		return true;
	}
	sp->used &= ~USED_SINCE_LOOK;
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

/* One that was there when this began; new ones are at the end. */
static struct shadow_page *page_of_old(const struct mmu_vm *vm, unsigned int era)
{
	struct shadow_page *sp;

	list_for_each_entry(sp, &vm->active, list)
		if ((int)(sp->era - era) < 0)
			return sp;
	return NULL;
}

void zap_all(struct mmu_vm *vm, bool relax)
{
	struct shadow_page *sp;
	unsigned int era;

	spin_lock(&vm->lock);
	era = ++vm->era;
	vm->work = 0;
	while ((sp = page_of_old(vm, era))) {
		page_zap(vm, sp);
		if (relax)
			work_relax(vm);
	}
	page_commit(vm);
	spin_unlock(&vm->lock);
}
