// SPDX-License-Identifier: GPL-2.0-only
/*
 * Links: the list nodes of the reverse maps.
 *
 * Every present spte is on one list: a leaf on its gfn's rmap, any other on
 * the parents list of the shadow page it points to. A node is 8 bytes, because
 * neighbours are named by number instead of by address, and lists are doubly
 * linked, so that a frame with ten thousand aliases loses one in no time.
 *
 *   link id = directory index * 512 + index in the page;  0 is 'none'
 *
 *   head page    | 512 rmap heads                                        |
 *   chunk page   | 15 chunks of 32 links             | owner of each chunk |
 *
 * A shadow page gets chunks as its entries come to life. Nothing but the ids
 * is needed to take a spte off its list: not the gfn, which sptes don't hold.
 *
 * Floor 2.
 */
#include "internal.h"

_Static_assert(sizeof(struct link_page) == TABLE_BYTES, "a link page is a page");

static struct chunk_owner *chunk_owner(struct mmu_vm *vm, u32 id)
{
	return &vm->links.dir[id / PAGE_LINKS]->owner[id % PAGE_LINKS / CHUNK_LINKS];
}

/* The spte that a link stands for. */
struct shadow_page *link_owner(struct mmu_vm *vm, u32 id, unsigned int *index)
{
	const struct chunk_owner *owner = chunk_owner(vm, id);

	*index = owner->first + id % CHUNK_LINKS;
	return owner->sp;
}

/* Chunk pages needed at most: every shadow page with all its chunks. */
static unsigned long chunk_pages_limit(const struct mmu_vm *vm, unsigned long quota)
{
	unsigned long pages = max(max(quota, vm->max_pages), vm->nr_pages) + QUOTA_EXCESS;

	return DIV_ROUND_UP(pages * SP_CHUNKS, PAGE_CHUNKS);
}

/* Counted behind the directory: how many of so many entries are in use. Full ones are skipped. */
#define BLOCK 1024

static u32 *block_used(const struct mmu_vm *vm, u32 at)
{
	return (u32 *)(vm->links.dir + vm->links.nr_dir) + at / BLOCK;
}

static bool block_full(const struct mmu_vm *vm, u32 at)
{
	return at % BLOCK == 0 && *block_used(vm, at) == BLOCK;
}

static size_t blocks_bytes(unsigned long nr)
{
	return DIV_ROUND_UP(nr, BLOCK) * sizeof(u32);
}

/* An entry is filled, or emptied. */
static void directory_set(struct mmu_vm *vm, u32 at, struct link_page *page)
{
	*block_used(vm, at) += page ? 1 : -1;
	vm->links.dir[at] = page;
	if (vm->links.grown)
		vm->links.grown[at] = page;
}

/* Entries copied in one step. */
#define COPY_ENTRIES 4096u

/* The larger directory takes over; what is entered meanwhile is entered in both. */
static void directory_copy(struct mmu_vm *vm, struct link_page **dir, u32 nr)
{
	struct link_page **old;
	u32 i, n;

	spin_lock(&vm->lock);
	vm->links.grown = dir;
	for (i = 0; i < vm->links.nr_dir; i += n) {
		n = min(vm->links.nr_dir - i, COPY_ENTRIES);
		memcpy(dir + i, vm->links.dir + i, n * sizeof(*dir));
		vm->work += n / 16;
		work_relax(vm);
	}
	old = vm->links.dir;
	if (old)
		memcpy(dir + nr, old + vm->links.nr_dir, blocks_bytes(vm->links.nr_dir));
	vm->links.dir = dir;
	vm->links.nr_dir = nr;
	vm->links.grown = NULL;
	spin_unlock(&vm->lock);
	host_free(old);
}

/*
 * Make the directory large enough for all that a quota of shadow pages may need, besides @more
 * pages of heads. Entry 0 stays empty: id 0 is 'none'. The caller serialises.
 */
static int directory_grow(struct mmu_vm *vm, unsigned long quota, unsigned long more)
{
	struct link_page **dir;
	unsigned long want;

	spin_lock(&vm->lock);
	want = 1 + vm->links.head_pages + chunk_pages_limit(vm, quota) + more;
	spin_unlock(&vm->lock);
	if (want <= vm->links.nr_dir)
		return 0;
	want = max_t(unsigned long, want, 2ul * vm->links.nr_dir);
	if (want > U32_MAX / PAGE_LINKS)
		return -ENOMEM;
	dir = host_alloc(want * sizeof(*dir) + blocks_bytes(want));
	if (!dir)
		return -ENOMEM;
	directory_copy(vm, dir, want);
	return 0;
}

/* To be called before the quota of shadow pages grows. */
int links_reserve(struct mmu_vm *vm, unsigned long quota)
{
	return directory_grow(vm, quota, 0);
}

/* The first entry from @at on that is empty and not held. */
static u32 directory_free(const struct mmu_vm *vm, u32 at)
{
	while (at < vm->links.nr_dir) {
		if (at >= vm->links.held && at < vm->links.held_end)
			at = vm->links.held_end;
		else if (block_full(vm, at))
			at += BLOCK;
		else if (vm->links.dir[at])
			at++;
		else
			break;
	}
	return at;
}

/*
 * First of @nr empty directory entries in a row, or 0. They are held, also while the lock is let
 * go: nobody else fills them.
 */
static u32 directory_find(struct mmu_vm *vm, u32 nr)
{
	u32 i;

	vm->links.held = 1;
	for (i = 1; i < vm->links.nr_dir; i++) {
		if (block_full(vm, i)) {
			i += BLOCK - 1;
			vm->links.held = i + 1;
			continue;
		}
		vm->links.held_end = i + 1;
		if (vm->links.dir[i])
			vm->links.held = i + 1;
		else if (i + 1 - vm->links.held == nr)
			return vm->links.held;
		vm->work++;
		work_relax(vm);
	}
	return 0;
}

/* Nothing is held any more; what was passed over may be free. */
static void directory_let_go(struct mmu_vm *vm)
{
	vm->links.lowest_free = 1;
	vm->links.held = vm->links.held_end = 0;
}

static void free_pages_list(u64 **pages, u32 nr)
{
	while (nr--) {
		host_free_table(pages[nr]);
		if (nr % 256 == 0)
			host_pause();
	}
	host_free(pages);
}

/* Put pages into the directory at a free run; false if there is none. */
static bool heads_install(struct mmu_vm *vm, u64 **pages, u32 nr, u32 *at)
{
	u32 i;

	spin_lock(&vm->lock);
	*at = directory_find(vm, nr);
	for (i = 0; *at && i < nr; i++) {
		directory_set(vm, *at + i, (struct link_page *)pages[i]);
		vm->links.head_pages++;
		vm->work++;
		work_relax(vm);
	}
	directory_let_go(vm);
	spin_unlock(&vm->lock);
	return *at;
}

/* Returns how many of @nr there are; it takes long, so that the thread may be killed. */
static u32 heads_alloc(u64 **pages, u32 nr)
{
	u32 i;

	for (i = 0; i < nr; i++) {
		if (i % 256 == 0 && !host_pause())
			break;
		pages[i] = host_alloc_table();
		if (!pages[i])
			break;
	}
	return i;
}

/*
 * links_alloc_heads - a run of @heads empty rmap heads
 *
 * Slot changes are serialised by the caller. Returns the first id, 0 if there
 * is no memory, or the thread is killed.
 */
u32 links_alloc_heads(struct mmu_vm *vm, unsigned long heads)
{
	u32 i, at, nr = DIV_ROUND_UP(heads, PAGE_LINKS);
	u64 **pages = host_alloc(nr * sizeof(*pages));

	if (!pages)
		return 0;
	i = heads_alloc(pages, nr);
	if (i < nr)
		goto fail;
	while (directory_grow(vm, 0, nr) == 0) {
		if (heads_install(vm, pages, nr, &at)) {
			host_free(pages);
			return at * PAGE_LINKS;
		}
		if (directory_grow(vm, 0, vm->links.nr_dir + nr))
			break;
	}
fail:
	free_pages_list(pages, i);
	return 0;
}

void links_free_heads(struct mmu_vm *vm, u32 base, unsigned long heads)
{
	u32 i, first = base / PAGE_LINKS, nr = DIV_ROUND_UP(heads, PAGE_LINKS);
	u64 *page;

	for (i = first; i < first + nr; i++) {
		spin_lock(&vm->lock);
		page = (u64 *)vm->links.dir[i];
		directory_set(vm, i, NULL);
		vm->links.lowest_free = min(vm->links.lowest_free, i);
		vm->links.head_pages--;
		spin_unlock(&vm->lock);
		host_free_table(page);
		if (i % 256 == 0)
			host_pause();
	}
}

/* Turn a table from the cache into a page of free chunks. links_reserve() kept a place for it. */
static void chunk_page_add(struct mmu_vm *vm, struct mmu_cache *cache)
{
	u32 c, at = directory_free(vm, max(vm->links.lowest_free, 1u));
	struct link_page *page;

	BUG_ON(at >= vm->links.nr_dir);
	page = (struct link_page *)cache_table(cache);
	directory_set(vm, at, page);
	vm->links.lowest_free = at + 1;
	vm->links.chunk_pages++;
	for (c = 0; c < PAGE_CHUNKS; c++) {
		page->chunk[c][0].next = vm->links.free_chunk;
		vm->links.free_chunk = at * PAGE_LINKS + c * CHUNK_LINKS;
	}
}

static u32 chunk_get(struct mmu_vm *vm, struct mmu_cache *cache, struct shadow_page *sp,
		     unsigned int first)
{
	struct chunk_owner *owner;
	u32 id;

	if (!vm->links.free_chunk)
		chunk_page_add(vm, cache);
	id = vm->links.free_chunk;
	vm->links.free_chunk = link_at(vm, id)->next;
	link_at(vm, id)->next = 0;
	owner = chunk_owner(vm, id);
	owner->sp = sp;
	owner->first = first;
	return id;
}

/* The link of a spte; its chunk is made if need be. */
u32 link_make(struct mmu_vm *vm, struct mmu_cache *cache, struct shadow_page *sp,
	      unsigned int index)
{
	u32 *chunk = &sp->chunk[index / CHUNK_LINKS];

	if (!*chunk)
		*chunk = chunk_get(vm, cache, sp, index - index % CHUNK_LINKS);
	return link_find(sp, index);
}

/* A shadow page with no present spte gives its chunks back. */
void links_release(struct mmu_vm *vm, struct shadow_page *sp)
{
	unsigned int i;

	for (i = 0; i < SP_CHUNKS; i++) {
		if (!sp->chunk[i])
			continue;
		memset(link_at(vm, sp->chunk[i]), 0, CHUNK_LINKS * sizeof(struct link));
		link_at(vm, sp->chunk[i])->next = vm->links.free_chunk;
		chunk_owner(vm, sp->chunk[i])->sp = NULL;
		vm->links.free_chunk = sp->chunk[i];
		sp->chunk[i] = 0;
	}
}

void links_destroy(struct mmu_vm *vm)
{
	u32 i;

	for (i = 1; i < vm->links.nr_dir; i++)
		if (vm->links.dir[i])
			host_free_table((u64 *)vm->links.dir[i]);
	host_free(vm->links.dir);
	vm->links.dir = NULL;
}
