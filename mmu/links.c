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
 */
#include "internal.h"

#define PAGE_LINKS	512
#define PAGE_CHUNKS	15

struct chunk_owner {
	struct shadow_page *sp;
	u64 first;	/* index in sp->spt of the chunk's first link */
};

struct link_page {
	union {
		struct link link[PAGE_LINKS];
		struct {
			struct link chunk[PAGE_CHUNKS][CHUNK_LINKS];
			struct chunk_owner owner[PAGE_CHUNKS];
		};
	};
};

_Static_assert(sizeof(struct link_page) == TABLE_BYTES, "a link page is a page");

struct link *link_at(struct mmu_vm *vm, u32 id)
{
	return &vm->links.dir[id / PAGE_LINKS]->link[id % PAGE_LINKS];
}

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
static unsigned long chunk_pages_limit(const struct mmu_vm *vm)
{
	unsigned long pages = max(vm->max_pages, vm->nr_pages) + 2 * MMU_CACHE_OBJECTS;

	return DIV_ROUND_UP(pages * SP_CHUNKS, PAGE_CHUNKS);
}

/*
 * Make the directory large enough for all that the quota of shadow pages may
 * need, besides @more pages of heads. Entry 0 stays empty: id 0 is 'none'.
 */
static int directory_grow(struct mmu_vm *vm, unsigned long more)
{
	struct link_page **dir, **old;
	unsigned long want;

	spin_lock(&vm->lock);
	want = 1 + vm->links.head_pages + chunk_pages_limit(vm) + more;
	spin_unlock(&vm->lock);
	if (want <= vm->links.nr_dir)
		return 0;
	want = max_t(unsigned long, want, 2ul * vm->links.nr_dir);
	if (want > U32_MAX / PAGE_LINKS)
		return -ENOMEM;
	dir = host_alloc(want * sizeof(*dir));
	if (!dir)
		return -ENOMEM;

	spin_lock(&vm->lock);
	old = vm->links.dir;
	if (old)
		memcpy(dir, old, vm->links.nr_dir * sizeof(*dir));
	vm->links.dir = dir;
	vm->links.nr_dir = want;
	spin_unlock(&vm->lock);
	host_free(old);
	return 0;
}

/* To be called when the quota of shadow pages grew. */
int links_reserve(struct mmu_vm *vm)
{
	return directory_grow(vm, 0);
}

/* First of @nr empty directory entries in a row, or 0. */
static u32 directory_find(const struct mmu_vm *vm, u32 nr)
{
	u32 i, run = 0;

	for (i = 1; i < vm->links.nr_dir; i++) {
		run = vm->links.dir[i] ? 0 : run + 1;
		if (run == nr)
			return i - nr + 1;
	}
	return 0;
}

static void free_pages_list(u64 **pages, u32 nr)
{
	while (nr--)
		host_free_table(pages[nr]);
	host_free(pages);
}

/* Put pages into the directory at a free run; false if there is none. */
static bool heads_install(struct mmu_vm *vm, u64 **pages, u32 nr, u32 *at)
{
	u32 i;

	spin_lock(&vm->lock);
	*at = directory_find(vm, nr);
	for (i = 0; *at && i < nr; i++)
		vm->links.dir[*at + i] = (struct link_page *)pages[i];
	if (*at)
		vm->links.head_pages += nr;
	spin_unlock(&vm->lock);
	return *at;
}

/*
 * links_alloc_heads - a run of @heads empty rmap heads
 *
 * Slot changes are serialised by the caller. Returns the first id, 0 if there
 * is no memory.
 */
u32 links_alloc_heads(struct mmu_vm *vm, unsigned long heads)
{
	u32 i, at, nr = DIV_ROUND_UP(heads, PAGE_LINKS);
	u64 **pages = host_alloc(nr * sizeof(*pages));

	if (!pages)
		return 0;
	for (i = 0; i < nr; i++) {
		pages[i] = host_alloc_table();
		if (!pages[i])
			goto fail;
	}
	while (directory_grow(vm, nr) == 0) {
		if (heads_install(vm, pages, nr, &at)) {
			host_free(pages);
			return at * PAGE_LINKS;
		}
		if (directory_grow(vm, vm->links.nr_dir + nr))
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
		vm->links.dir[i] = NULL;
		vm->links.lowest_free = min(vm->links.lowest_free, i);
		vm->links.head_pages--;
		spin_unlock(&vm->lock);
		host_free_table(page);
	}
}

/* Turn a table from the cache into a page of free chunks. */
static void chunk_page_add(struct mmu_vm *vm, struct mmu_cache *cache)
{
	u32 c, at = max(vm->links.lowest_free, 1u);
	struct link_page *page;

	while (vm->links.dir[at])
		at++;
	page = (struct link_page *)cache_table(cache);
	vm->links.dir[at] = page;
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

/* The link of a spte that is there already. */
u32 link_find(const struct shadow_page *sp, unsigned int index)
{
	return sp->chunk[index / CHUNK_LINKS] + index % CHUNK_LINKS;
}

/* The link of a spte; its chunk is made if need be. */
u32 link_of(struct mmu_vm *vm, struct mmu_cache *cache, struct shadow_page *sp,
	    unsigned int index)
{
	u32 *chunk = &sp->chunk[index / CHUNK_LINKS];

	if (!*chunk)
		*chunk = chunk_get(vm, cache, sp, index - index % CHUNK_LINKS);
	return *chunk + index % CHUNK_LINKS;
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

/* Put a link at the front of a list whose head is the word @head. */
void link_add(struct mmu_vm *vm, u32 id, u32 *head, u32 head_id)
{
	struct link *link = link_at(vm, id);

	link->next = *head;
	link->prev = head_id;
	if (link->next)
		link_at(vm, link->next)->prev = id;
	*head = id;
}

/* Take a link off its list. @head is used if the list's head is no link. */
void link_del(struct mmu_vm *vm, u32 id, u32 *head)
{
	struct link *link = link_at(vm, id);

	if (link->prev)
		link_at(vm, link->prev)->next = link->next;
	else
		*head = link->next;
	if (link->next)
		link_at(vm, link->next)->prev = link->prev;
	link->next = 0;
	link->prev = 0;
}
