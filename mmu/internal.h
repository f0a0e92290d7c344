/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the files of mmu/ share. Files call downwards, from floor 10 to floor 0, which their first
 * comments name; Documentation/architecture.md lists the ways through them.
 *
 * Everything is under mmu_vm.lock, but for what may sleep and the guest walk that goes with it.
 */
#ifndef UMBRA_MMU_INTERNAL_H
#define UMBRA_MMU_INTERNAL_H

#include <linux/bits.h>
#include <linux/bug.h>
#include <linux/compiler.h>
#include <linux/errno.h>
#include <linux/kernel.h>
#include <linux/list.h>
#include <linux/string.h>

#include "host.h"
#include "mmu.h"
#include "trace.h"

#define PAGE_BITS	12
#define TABLE_BYTES	4096
#define TABLE_ENTRIES	512
#define MAX_LEVEL	5

#define CR0_WP		BIT_ULL(16)
#define CR0_PG		BIT_ULL(31)
#define CR4_PSE		BIT_ULL(4)
#define CR4_PAE		BIT_ULL(5)
#define CR4_LA57	BIT_ULL(12)
#define CR4_PCIDE	BIT_ULL(17)
#define CR4_SMEP	BIT_ULL(20)
#define CR4_SMAP	BIT_ULL(21)
#define EFER_LMA_BIT	BIT_ULL(10)
#define EFER_NXE_BIT	BIT_ULL(11)

#include "spte.h"

#define CHUNK_LINKS	32
#define SP_CHUNKS	(TABLE_ENTRIES / CHUNK_LINKS)

/**
 * struct page_history - what guesses about a shadow page are made from; policy.c's
 * @idle_since:	synced_at when it was last found changed
 * @writes:	guest writes since a walk went through it
 * @last_write:	spte that the last of them touched
 * @idle:	flushes since a spte last changed, while it is out of sync
 * @np_faults:	not-present faults of the guest by it, while it is out of sync
 */
struct page_history {
	u64 idle_since;
	u16 writes;
	u16 last_write;
	u8 idle;
	u8 np_faults;
};

/* A walk sets all of them; whoever asks clears their own. */
#define USED_SINCE_LOOK		1u	/* page_make_room() */
#define USED_SINCE_WRITE	2u	/* policy.c */
#define USED			3u

/**
 * struct shadow_page - a host page table that stands in for a guest's
 * @hash:	in mmu_vm.hash, by gfn; unhashed once zapped
 * @list:	in mmu_vm.active, mmu_vm.orphans or mmu_vm.doomed
 * @unsync_node: in mmu_vm.unsync while @unsync
 * @spt:	the table itself
 * @gfn:	the guest table's frame, or the first frame mapped (metaphysical)
 * @role:	see union mmu_role
 * @parents:	first link of the sptes that point here
 * @roots:	vCPUs that have it in their root
 * @present:	present sptes
 * @era:	mmu_vm.era when it was made
 * @used:	USED_* bits: a walk went through it since somebody looked last
 * @obsolete:	zapped; lives until the last vCPU lets go of it
 * @twin:	it counts as tracked in a slot of the other address space, too
 * @unsync:	the guest may write the table freely, see sync.c
 * @resync:	out of sync, and to be tracked again
 * @synced_at:	mmu_vm.sync_clock when a spte last changed, while @unsync
 * @history:	for policy.c alone
 * @chunk:	links of @spt's entries, CHUNK_LINKS by CHUNK_LINKS, on demand
 * @snapshot:	while @unsync: guest entries that the present sptes were made from
 */
struct shadow_page {
	struct hlist_node hash;
	struct list_head list;
	struct list_head unsync_node;
	u64 *spt;
	gfn_t gfn;
	union mmu_role role;
	u32 parents;
	u32 roots;
	u16 present;
	u8 used;
	bool obsolete;
	bool twin;
	bool unsync;
	bool resync;
	unsigned int era;
	u64 synced_at;
	struct page_history history;
	u32 chunk[SP_CHUNKS];
	u64 *snapshot;
};

/* ---- links.c: 8-byte list nodes for sptes, found by number ---- */

/**
 * struct link - a node of a list of sptes
 * @next:	link id, 0 at the end
 * @prev:	link id; 0 if the list's head is not a link (parents)
 *
 * An rmap head is a link too: its @next is the first spte's link and its
 * @prev counts: shadowed tables in the frame (level 1), or reasons not to
 * map it large (levels 2, 3).
 */
struct link {
	u32 next, prev;
};

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

/*
 * Shadow pages that there may be beyond the quota, since they can't be dropped: the roots that all
 * vCPUs have loaded, four each, and what a fault makes.
 */
#define QUOTA_EXCESS 512

/* The link with a number; and of a spte that has one, its number. */
#define link_at(vm, id)		(&(vm)->links.dir[(id) / PAGE_LINKS]->link[(id) % PAGE_LINKS])
#define link_find(sp, index)	((sp)->chunk[(index) / CHUNK_LINKS] + (index) % CHUNK_LINKS)

int links_reserve(struct mmu_vm *vm, unsigned long quota);
u32 links_alloc_heads(struct mmu_vm *vm, unsigned long heads);
void links_free_heads(struct mmu_vm *vm, u32 base, unsigned long heads);
void links_destroy(struct mmu_vm *vm);
struct shadow_page *link_owner(struct mmu_vm *vm, u32 id, unsigned int *index);
u32 link_make(struct mmu_vm *vm, struct mmu_cache *cache, struct shadow_page *sp,
	      unsigned int index);
void links_release(struct mmu_vm *vm, struct shadow_page *sp);

/* First present entry from @i on; only entries with a link can be. */
static inline unsigned int next_present(const struct shadow_page *sp, unsigned int i)
{
	for (; i < TABLE_ENTRIES; i++) {
		if (!sp->chunk[i / CHUNK_LINKS])
			i |= CHUNK_LINKS - 1;
		else if (spte_present(sp->spt[i]))
			break;
	}
	return i;
}

#define for_each_present(sp, i) \
	for (i = next_present(sp, 0); i < TABLE_ENTRIES; i = next_present(sp, i + 1))

/* The shadow page that a non-leaf spte points to. */
#define page_of(spte)	((struct shadow_page *)host_table_owner(spte_child(spte)))

/* The part of a root that translates an address. */
#define root_page(r, gva)	((r)->page[(r)->level == 3 ? (gva) >> 30 & 3 : 0])

/* ---- rmap.c: which sptes map a gfn ---- */

void link_add(struct mmu_vm *vm, u32 id, u32 *head, u32 head_id);
void link_del(struct mmu_vm *vm, u32 id, u32 *head);
u32 rmap_head_id(const struct memslot *slot, gfn_t gfn, int level);
struct link *rmap_head(struct mmu_vm *vm, const struct memslot *slot, gfn_t gfn, int level);
void rmap_add(struct mmu_vm *vm, struct mmu_cache *cache, const struct memslot *slot, gfn_t gfn,
	      struct shadow_page *sp, unsigned int index);
void rmap_remove(struct mmu_vm *vm, struct shadow_page *sp, unsigned int index);
bool gfn_is_tracked(struct mmu_vm *vm, const struct memslot *slot, gfn_t gfn);
void gfn_track_count(struct mmu_vm *vm, struct shadow_page *sp, int by);

/* ---- flush.c: what is due before the lock is let go ---- */

/*
 * Steps between two chances for others: a spte dropped, an entry of a long list looked at. Each is
 * some 30 instructions, and what goes on in one piece (page_zap()) is up to six hundred.
 */
#define WORK_MAX 500

void flush_remote(struct mmu_vm *vm);
void flush_if(struct mmu_vm *vm, bool changed);
void page_commit(struct mmu_vm *vm);
bool work_relax(struct mmu_vm *vm);

/* ---- page.c: shadow pages ---- */

struct shadow_page *page_find(struct mmu_vm *vm, gfn_t gfn, union mmu_role role);
struct shadow_page *page_make(struct mmu_vm *vm, struct mmu_cache *cache, gfn_t gfn,
			      union mmu_role role);
void page_zap(struct mmu_vm *vm, struct shadow_page *sp);
bool page_zap_gfn(struct mmu_vm *vm, gfn_t gfn);
void page_maybe_orphan(struct mmu_vm *vm, struct shadow_page *sp);
void page_zap_orphans(struct mmu_vm *vm);
void page_make_room(struct mmu_vm *vm, unsigned long nr);
unsigned long page_shrink(struct mmu_vm *vm, unsigned long nr);
void page_mark_used(struct shadow_page *sp);
void page_root_get(struct shadow_page *sp);
void page_root_put(struct mmu_vm *vm, struct shadow_page *sp);
void page_unsync_end(struct mmu_vm *vm, struct shadow_page *sp);
void zap_all(struct mmu_vm *vm, bool relax);
struct hlist_head *page_bucket(const struct mmu_vm *vm, gfn_t gfn);
int page_hash_resize(struct mmu_vm *vm, unsigned long pages);

/* All live shadow pages of a guest table's frame in both address spaces, but metaphysical ones. */
#define for_each_shadow_of(vm, sp, n, g)					\
	hlist_for_each_entry_safe(sp, n, page_bucket(vm, g), hash)		\
		if (!((sp->gfn ^ (g)) & ~GFN_SMM) && !sp->role.metaphysical)

/* ---- cache.c: objects allocated before the lock is taken ---- */

/*
 * One operation makes at most four roots or five levels of shadow pages, each
 * with a table, and each may need a page of links.
 */
#define CACHE_MIN 12

#define cache_ready(cache) \
	likely((cache)->tables >= CACHE_MIN && (cache)->pages >= CACHE_MIN)

int cache_fill(struct mmu_cache *cache);
void cache_free(struct mmu_cache *cache);
u64 *cache_table(struct mmu_cache *cache);
struct shadow_page *cache_page(struct mmu_cache *cache);

/* ---- walk.c: the guest's tables ---- */

/**
 * struct walk - how the guest translates one address
 * @gva:	the address
 * @top:	highest level read from memory
 * @level:	level of the leaf; 1 with paging off
 * @gfn:	frame that @gva falls in
 * @table:	[level] frame of the table read
 * @pte:	[level] entry found, with the A and D bits set by the walk
 * @pte_gpa:	[level] and where
 * @above:	[level] ACC_* granted by the entries above that level
 * @access:	ACC_* granted by all entries
 * @dirty:	the leaf's dirty bit is set (or there is no leaf)
 * @odd:	bit per level: A or D was set in an odd one of 4-byte entries, see track_accessed()
 * @error:	if the walk failed: architectural error code
 */
struct walk {
	gva_t gva;
	u8 top, level;
	gfn_t gfn;
	gfn_t table[MAX_LEVEL + 1];
	u64 pte[MAX_LEVEL + 1];
	gpa_t pte_gpa[MAX_LEVEL + 1];
	u8 above[MAX_LEVEL + 1];
	u8 access;
	u8 odd;
	bool dirty;
	u32 error;
};

/**
 * struct pt_format - a paging format as data
 * @levels:	tables read from memory: 2 for 32-bit and PAE, 4, 5
 * @entry_bytes: 4 or 8
 * @index_bits:	10 or 9
 * @frame:	bits of an entry that hold a frame
 */
struct pt_format {
	u8 levels;
	u8 entry_bytes;
	u8 index_bits;
	u64 frame;
};

const struct pt_format *format_of(const struct mmu_regs *regs, unsigned int *glevels);
int walk_guest(struct mmu_vcpu *m, gva_t gva, const struct mmu_access *access, struct walk *w);
gpa_t entry_gpa(const struct shadow_page *sp, unsigned int index);
struct shadow_page *walk_shadow(const struct mmu_vcpu *m, gva_t gva, struct walk *w);
int walk_page(struct mmu_vcpu *m, const struct shadow_page *sp, const struct mmu_access *access,
	      struct walk *w);
bool pte_is_leaf(union mmu_role role, u64 pte, int level);
u64 reserved_bits(union mmu_role role, int level, bool leaf);
bool pte_reserved(union mmu_role role, u64 pte, int level);
unsigned int pte_access(union mmu_role role, u64 pte);
gfn_t pte_gfn(union mmu_role role, u64 pte, int level);

/* The address space that a role's frames are in: GFN_SMM or 0. */
#define role_space(role)	((gfn_t)(role).smm << GFN_SMM_BIT)

/* Bytes of an entry in the guest tables that a role stands for. */
#define role_entry_bytes(role)	((role).glevels == 2 ? 4u : 8u)

/* A 32-bit directory entry maps 4 MiB, a shadow one 2 MiB. */
#define sptes_per_entry(role)	((role).glevels == 2 && (role).level == 2 ? 2u : 1u)

/* ---- map.c: the shadow tables ---- */

/**
 * struct fault - a fault on its way through fault.c
 * @f:		what the caller asked, and gets
 * @w:		how the guest translates the address
 * @table:	shadow of the guest's page table, if the walk went by the shadow tables
 * @slot:	slot of w.gfn
 * @page:	the host's frame, while @held
 */
struct fault {
	struct mmu_fault *f;
	struct walk w;
	struct shadow_page *table;
	const struct memslot *slot;
	struct host_page page;
	bool held;
};

enum mmu_verdict map_walk(struct mmu_vcpu *m, struct fault *c);
enum mmu_verdict map_leaf(struct mmu_vcpu *m, struct fault *c, struct shadow_page *sp);
bool writes_own_table(const struct mmu_vcpu *m, const struct walk *w);

/* ---- entry.c: one entry of a shadow page ---- */

void entry_drop(struct mmu_vm *vm, struct shadow_page *sp, unsigned int index);
void leaf_install(struct mmu_vm *vm, struct mmu_cache *cache, struct shadow_page *sp,
		  unsigned int index, const struct memslot *slot, gfn_t gfn, u64 spte);
void page_link(struct mmu_vm *vm, struct mmu_cache *cache, struct shadow_page *parent,
	       unsigned int index, struct shadow_page *child);
void page_unlink(struct mmu_vm *vm, struct shadow_page *parent, unsigned int index);
union mmu_role child_role(union mmu_role parent, unsigned int index, unsigned int access);
bool rmap_drop_first(struct mmu_vm *vm, struct link *head);
bool rmap_protect(struct mmu_vm *vm, const struct memslot *slot, gfn_t gfn);
bool table_protect(struct mmu_vm *vm, gfn_t gfn);
u64 entry_now(struct mmu_vm *vm, const struct shadow_page *sp, unsigned int index);
bool entries_now(struct mmu_vm *vm, const struct shadow_page *sp, unsigned int first,
		 unsigned int n, u64 *gpte);
void entry_remember(struct mmu_vm *vm, struct shadow_page *sp, unsigned int index, u64 gpte);
void page_touch(struct mmu_vm *vm, struct shadow_page *sp);
void np_learn(struct mmu_vm *vm, struct shadow_page *sp, unsigned int index, u64 gpte);
void np_scan(struct mmu_vm *vm, struct shadow_page *sp);
void np_forget(struct shadow_page *sp, unsigned int first, unsigned int last);

/* ---- policy.c: guesses; any answer is correct, only the cost differs ---- */

#define NEIGHBOURS_MAX 64u

bool policy_drop_written(struct shadow_page *sp, unsigned int index);
bool policy_drop_unsync(struct shadow_page *sp);
bool policy_keep_in_sync(struct shadow_page *sp);
unsigned int policy_unsync_max(struct mmu_vm *vm);
void policy_unsynced(struct shadow_page *sp);
bool policy_resync_idle(struct shadow_page *sp, bool changed);
bool policy_resync_np(struct shadow_page *sp);
bool policy_fill_written(struct shadow_page *sp);
bool policy_expect(struct shadow_page *sp);
bool policy_adopt(struct shadow_page *sp);
unsigned int policy_neighbours(struct mmu_vm *vm, struct shadow_page *sp, unsigned int index,
			       unsigned int *first);

/* ---- fill.c: entries shadowed ahead of a fault ---- */

bool entry_fill(struct mmu_vm *vm, struct mmu_cache *cache, struct shadow_page *sp,
		  unsigned int index, u64 gpte);
void fill_neighbours(struct mmu_vm *vm, struct mmu_cache *cache, struct shadow_page *sp,
		     unsigned int index);

/* ---- fetch.c: what the shadow tables translate ---- */

struct shadow_page *root_leaf(const struct mmu_root *r, gva_t gva, unsigned int *index);

/* ---- root.c ---- */

void root_drop_locked(struct mmu_vcpu *m);

/* ---- sync.c: page tables out of sync, and a shadow page in sync with the others ---- */

bool may_unsync(struct mmu_vm *vm, gfn_t gfn);
bool unsync_frame(struct mmu_vm *vm, struct mmu_cache *cache, gfn_t gfn);
void resync_frame(struct mmu_vm *vm, struct mmu_cache *cache, gfn_t gfn);
void sync_below_root(struct mmu_vm *vm, struct mmu_cache *cache, struct mmu_root *r, bool flush);
void sync_below(struct mmu_vm *vm, struct mmu_cache *cache, struct shadow_page *sp);
void sync_entry(struct mmu_vm *vm, struct mmu_cache *cache, struct shadow_page *sp,
		unsigned int index);
void sync_address(struct mmu_vcpu *m, const struct mmu_root *r, gva_t gva);
struct shadow_page *page_get(struct mmu_vm *vm, struct mmu_cache *cache, gfn_t gfn,
			     union mmu_role role);
void expect_entry(struct mmu_vcpu *m, struct shadow_page *sp, unsigned int index);
void expect_return(struct mmu_vcpu *m);

/* ---- track.c ---- */

void track_accessed(struct mmu_vm *vm, struct mmu_cache *cache, const struct walk *w);

/* ---- audit.c ---- */

unsigned long audit_locked(struct mmu_vm *vm);

/* With audit=1, whenever something was zapped. The lock is held; its holder is done. */
static inline void audit_if_due(struct mmu_vm *vm)
{
	if (unlikely(vm->audit_due))
		audit_locked(vm);
}

/* Counts what happens outside mmu_lock: of two vCPUs at once, one may be lost. */
static inline void count_unlocked(u64 *stat)
{
	++*stat;
}

/* Module parameters of what is no guess; for the others see policy.c. */
extern bool mmu_cache_on;	/* cache: keep shadow pages over CR3 loads */
extern bool mmu_audit_on;	/* audit: check the invariants all the time */
extern bool mmu_nx_huge;	/* nx_huge_pages: large sptes don't map code */
extern bool mmu_large;		/* large: use large sptes */
extern bool mmu_tags;		/* tags: each root has its own ASID or VPID */
extern unsigned int mmu_roots;	/* roots: that a vCPU keeps at hand */

#endif
