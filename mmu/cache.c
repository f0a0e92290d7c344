// SPDX-License-Identifier: GPL-2.0-only
/*
 * Objects for a fault are allocated before the MMU lock is taken, so that
 * nothing sleeps or fails half way under it.
 *
 * Floor 1.
 */
#include "internal.h"

int cache_fill(struct mmu_cache *cache)
{
	if (cache_ready(cache))
		return 0;
	while (cache->tables < MMU_CACHE_OBJECTS) {
		u64 *table = host_alloc_table();

		if (!table)
			break;
		cache->table[cache->tables++] = table;
	}
	while (cache->pages < MMU_CACHE_OBJECTS) {
		struct shadow_page *sp = host_alloc(sizeof(*sp));

		if (!sp)
			break;
		cache->page[cache->pages++] = sp;
	}
	return cache_ready(cache) ? 0 : -ENOMEM;
}

void cache_free(struct mmu_cache *cache)
{
	while (cache->tables)
		host_free_table(cache->table[--cache->tables]);
	while (cache->pages)
		host_free(cache->page[--cache->pages]);
}

u64 *cache_table(struct mmu_cache *cache)
{
	return cache->table[--cache->tables];
}

struct shadow_page *cache_page(struct mmu_cache *cache)
{
	return cache->page[--cache->pages];
}
