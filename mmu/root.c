// SPDX-License-Identifier: GPL-2.0-only
/*
 * Roots, and the guest state that selects them.
 *
 * Guest paging     processor walks    root
 * off              PAE, 3 levels      four metaphysical level-2 pages
 * 32-bit           PAE, 3 levels      the directory's four quadrants
 * PAE              PAE, 3 levels      one level-2 page a present PDPTE register
 * 4- and 5-level   the same           the shadow of the top table
 *
 * Floor 9.
 */
#include "internal.h"

#define CR3_PCID	0xfffull

/* PDPTE bits that must be zero: R/W, U/S and 5 to 8. Intel SDM 3A table 4-8. */
#define PDPTE_RESERVED	(GENMASK_ULL(2, 1) | GENMASK_ULL(8, 5))

static union mmu_role role_of(const struct mmu_regs *regs, unsigned int glevels)
{
	union mmu_role role = { .word = 0 };

	role.glevels = glevels;
	role.access = ACC_ALL;
	role.smm = regs->smm;
	if (!glevels)
		return role;
	role.wp = !!(regs->cr0 & CR0_WP);
	role.nxe = glevels > 2 && (regs->efer & EFER_NXE_BIT);
	role.pse = glevels == 2 && (regs->cr4 & CR4_PSE);
	role.gbpages = glevels > 3 && regs->gbpages;
	role.smep = !role.wp && (regs->cr4 & CR4_SMEP);
	role.smap = !role.wp && (regs->cr4 & CR4_SMAP);
	role.maxphyaddr = clamp_t(unsigned int, regs->maxphyaddr, 32, 52);
	return role;
}

static u16 current_pcid(const struct mmu_vcpu *m)
{
	return m->regs.cr4 & CR4_PCIDE ? m->regs.cr3 & CR3_PCID : 0;
}

/* From now on the shadow tables may come to hold what this root's TLB entries could not. */
static void root_leave(struct mmu_vcpu *m)
{
	if (m->root) {
		m->root->left_at = READ_ONCE(m->vm->sync_clock);
		m->root->invlpgs = m->invlpgs;
	}
	WRITE_ONCE(m->root, NULL);
	m->root_hpa = INVALID_ROOT;
}

/* Does the guest's TLB hold nothing any more that this root translated? */
static bool root_flushed(const struct mmu_vcpu *m, const struct mmu_root *r)
{
	return r->used <= m->flushed || r->used <= m->pcid_flushed[r->pcid % MMU_PCIDS];
}

static void root_enter(struct mmu_vcpu *m, struct mmu_root *r)
{
	if (r->pcid != current_pcid(m) || root_flushed(m, r))
		r->left_at = 0;
	r->pcid = current_pcid(m);
	r->used = ++m->root_uses;
	m->root_hpa = r->hpa;
	m->root_level = r->level;
	m->root_nr = r - m->roots;
	m->root_tag = mmu_tags ? m->root_nr : 0;
	WRITE_ONCE(m->root, r);
	/* What hardware holds by this root is no older than what the guest's TLB may hold. */
	if (!r->left_at || r->invlpgs != m->invlpgs || !mmu_tags)
		host_flush_root(m);
	/* Whoever zaps it now sees us here, or we see it zapped: page_zap(). */
	smp_mb();
}

/* Let go of a root's shadow pages; the caller commits. */
static void root_release(struct mmu_vcpu *m, struct mmu_root *r)
{
	int i;

	if (m->root == r)
		root_leave(m);
	for (i = 0; i < 4; i++) {
		if (r->page[i])
			page_root_put(m->vm, r->page[i]);
		r->page[i] = NULL;
	}
	r->hpa = INVALID_ROOT;
	m->vm->link_gen++;
}

void root_drop_locked(struct mmu_vcpu *m)
{
	if (m->root)
		root_release(m, m->root);
	page_commit(m->vm);
}

void mmu_drop_root(struct mmu_vcpu *m)
{
	int i;

	spin_lock(&m->vm->lock);
	for (i = 0; i < MMU_ROOTS; i++)
		root_release(m, &m->roots[i]);
	page_commit(m->vm);
	audit_if_due(m->vm);
	spin_unlock(&m->vm->lock);
}

/* What, besides the role, makes one root another. */
static u64 root_key(const struct mmu_vcpu *m)
{
	return m->format && m->role.glevels != 3 ? m->regs.cr3 & m->format->frame : 0;
}

static bool root_fits(const struct mmu_vcpu *m, const struct mmu_root *r, u64 key)
{
	if (r->cr3 != key || r->role.word != m->role.word || r->hpa == INVALID_ROOT)
		return false;
	return m->role.glevels != 3 || !memcmp(r->pdpte, m->pdpte, sizeof(r->pdpte));
}

static struct mmu_root *root_find(struct mmu_vcpu *m)
{
	u64 key = root_key(m);
	u8 *hint = &m->root_hint[(key >> PAGE_BITS ^ m->role.word) % ARRAY_SIZE(m->root_hint)];
	struct mmu_root *r = &m->roots[*hint];

	if (root_fits(m, r, key))
		return r;
	for (r = m->roots; r < m->roots + MMU_ROOTS; r++) {
		if (!root_fits(m, r, key))
			continue;
		*hint = r - m->roots;
		return r;
	}
	return NULL;
}

/* The guest's TLB loses what it has by the current root. */
static void root_outdate(struct mmu_vcpu *m)
{
	m->root->left_at = 0;
	m->root->used = ++m->root_uses;
}

/* ... all it has: every root must be synced when it is taken up. */
static void roots_outdate_all(struct mmu_vcpu *m)
{
	m->flushed = m->root_uses;
	if (m->root)
		root_outdate(m);
}

/* ... all of one address space. */
static void roots_outdate(struct mmu_vcpu *m, u64 pcid)
{
	if (!(m->regs.cr4 & CR4_PCIDE)) {
		roots_outdate_all(m);
		return;
	}
	m->pcid_flushed[pcid % MMU_PCIDS] = m->root_uses;
	if (m->root && m->root->pcid % MMU_PCIDS == pcid % MMU_PCIDS)
		root_outdate(m);
}

/* The current root may show what the guest could see when it last left it, and nothing older. */
static void root_sync_if_stale(struct mmu_vcpu *m, bool flush)
{
	struct mmu_vm *vm = m->vm;

	if (!m->root || !READ_ONCE(vm->nr_unsync) || READ_ONCE(vm->synced_at) <= m->root->left_at)
		return;
	spin_lock(&vm->lock);
	sync_below_root(vm, &m->cache, m->root, flush);
	spin_unlock(&vm->lock);
}

/* Take up the root of the guest's state if it is at hand; else mmu_load_root() makes it. */
static void root_select(struct mmu_vcpu *m, bool flush)
{
	struct mmu_root *r = root_find(m);

	if (r) {
		root_enter(m, r);
		if (!mmu_root_ok(m))
			root_leave(m);
	}
	root_sync_if_stale(m, flush);
	expect_return(m);
}

/* Of all that selects a mode, CR0.WP alone leaves the TLB as it is. */
static bool mode_flushes(const struct mmu_regs *a, const struct mmu_regs *b)
{
	return (a->cr0 ^ b->cr0) != CR0_WP || a->cr4 != b->cr4 || a->efer != b->efer ||
	       a->cr3 != b->cr3 || a->maxphyaddr != b->maxphyaddr || a->gbpages != b->gbpages ||
	       a->smm != b->smm;
}

/* Reserved bits don't depend on the supervisor's restrictions. */
static bool reserved_differ(union mmu_role a, union mmu_role b)
{
	a.wp = b.wp;
	a.smep = b.smep;
	a.smap = b.smap;
	return a.word != b.word;
}

static void learn_reserved(struct mmu_vcpu *m)
{
	int level;

	for (level = 1; level <= MAX_LEVEL; level++) {
		m->reserved[level][0] = reserved_bits(m->role, level, false);
		m->reserved[level][1] = reserved_bits(m->role, level, true);
	}
}

void mmu_set_mode(struct mmu_vcpu *m, const struct mmu_regs *regs)
{
	bool flush = mode_flushes(&m->regs, regs);
	union mmu_role old = m->role;
	unsigned int glevels;

	root_leave(m);
	m->format = format_of(regs, &glevels);
	m->role = role_of(regs, glevels);
	m->regs = *regs;
	if (reserved_differ(old, m->role))
		learn_reserved(m);
	if (flush)
		roots_outdate_all(m);
	root_select(m, flush);
}

static u64 pdpte_reserved(const struct mmu_vcpu *m)
{
	return PDPTE_RESERVED | ~(BIT_ULL(m->role.maxphyaddr) - 1);
}

static bool pdptes_valid(const struct mmu_vcpu *m, const u64 pdpte[4])
{
	int i;

	for (i = 0; i < 4; i++)
		if ((pdpte[i] & PTE_P) && (pdpte[i] & pdpte_reserved(m)))
			return false;
	return true;
}

/* Read, check and take over the PDPTEs that a CR3 value points to. */
static noinline_for_stack int pdptes_load(struct mmu_vcpu *m, u64 cr3)
{
	u64 pdpte[4];
	int r = host_read(m->vm, role_space(m->role) << PAGE_BITS | (cr3 & GENMASK_ULL(31, 5)),
			  pdpte, sizeof(pdpte));

	/* No memory reads as all ones. */
	if (r)
		return r == -ENXIO ? -EINVAL : r;
	if (!pdptes_valid(m, pdpte))
		return -EINVAL;
	memcpy(m->pdpte, pdpte, sizeof(pdpte));
	return 0;
}

int mmu_set_cr3(struct mmu_vcpu *m, u64 cr3, bool flush)
{
	int r = 0;

	count_unlocked(&m->vm->stats.cr3_loads);
	if (m->role.glevels == 3)
		r = pdptes_load(m, cr3);
	if (r)
		return r;
	root_leave(m);
	m->regs.cr3 = cr3;
	if (!READ_ONCE(mmu_cache_on))
		zap_all(m->vm, !m->atomic);
	if (flush)
		roots_outdate(m, current_pcid(m));
	root_select(m, flush);
	return 0;
}

/* Everything, of all address spaces. */
void mmu_flush_guest(struct mmu_vcpu *m)
{
	count_unlocked(&m->vm->stats.guest_flushes);
	roots_outdate_all(m);
	root_sync_if_stale(m, true);
	trace_umbra_flush(false);
	host_flush_vcpu(m);
}

void mmu_flush_pcid(struct mmu_vcpu *m, u64 pcid)
{
	count_unlocked(&m->vm->stats.guest_flushes);
	roots_outdate(m, pcid);
	if (pcid != current_pcid(m))
		return;
	root_sync_if_stale(m, true);
	host_flush_vcpu(m);
}

int mmu_set_pdptes(struct mmu_vcpu *m, const u64 pdpte[4])
{
	if (!pdptes_valid(m, pdpte))
		return -EINVAL;
	root_leave(m);
	memcpy(m->pdpte, pdpte, sizeof(m->pdpte));
	roots_outdate(m, current_pcid(m));
	root_select(m, true);
	return 0;
}

void mmu_get_pdptes(const struct mmu_vcpu *m, u64 pdpte[4])
{
	memcpy(pdpte, m->pdpte, sizeof(m->pdpte));
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
			entries_now(vm, sp, i, CHUNK_LINKS, gpte);
		entry = gpte[i % CHUNK_LINKS];
		if (!(entry & PTE_P) || !(entry & PTE_A) ||
		    pte_reserved(sp->role, entry, sp->role.level))
			continue;
		role = child_role(sp->role, i, sp->role.access & pte_access(sp->role, entry));
		child = page_find(vm, pte_gfn(sp->role, entry, sp->role.level), role);
		if (!child)
			continue;
		sync_below(vm, cache, child);
		page_link(vm, cache, sp, i, child);
	}
}

static void root_set(struct mmu_vcpu *m, struct mmu_root *r, int i, gfn_t gfn, union mmu_role role)
{
	struct shadow_page *sp;

	/* A guest table that is in no memory: stays empty, see fault_map(). */
	if (!host_slot(m->vm, gfn))
		role.metaphysical = 1;
	sp = page_get(m->vm, &m->cache, gfn, role);
	if (role.level > 3 && !role.metaphysical && !sp->present && policy_adopt(sp))
		link_existing(m->vm, &m->cache, sp);
	page_root_get(sp);
	r->page[i] = sp;
}

static void root_make_long(struct mmu_vcpu *m, struct mmu_root *r)
{
	union mmu_role role = m->role;

	r->level = role.level = m->role.glevels;
	root_set(m, r, 0, role_space(role) | (m->regs.cr3 & PTE_FRAME) >> PAGE_BITS, role);
	r->hpa = host_table_hpa(r->page[0]->spt);
}

/* Frame and role of the i-th gigabyte's level-2 shadow page; false if there is none. */
static bool pae_part(const struct mmu_vcpu *m, int i, gfn_t *gfn, union mmu_role *role)
{
	*role = m->role;
	role->level = 2;
	*gfn = role_space(*role);
	switch (m->role.glevels) {
	case 0:
		role->metaphysical = 1;
		*gfn |= (gfn_t)i << 18;
		return true;
	case 2:
		role->quadrant = i;
		*gfn |= (m->regs.cr3 & m->format->frame) >> PAGE_BITS;
		return true;
	default:
		*gfn |= (m->pdpte[i] & PTE_FRAME) >> PAGE_BITS;
		return m->pdpte[i] & PTE_P;
	}
}

static void root_make_pae(struct mmu_vcpu *m, struct mmu_root *r)
{
	u64 *table = m->pae_tables[r - m->roots];
	union mmu_role role;
	gfn_t gfn;
	int i;

	r->level = 3;
	for (i = 0; i < 4; i++) {
		table[i] = 0;
		if (!pae_part(m, i, &gfn, &role))
			continue;
		root_set(m, r, i, gfn, role);
		table[i] = host_table_hpa(r->page[i]->spt) | PTE_P;
	}
	r->hpa = host_table_hpa(m->pae_tables[0]) + (r - m->roots) * sizeof(m->pae_tables[0]);
}

/* An unused root, or the one that was used longest ago. */
static struct mmu_root *root_victim(struct mmu_vcpu *m)
{
	unsigned int nr = clamp(READ_ONCE(mmu_roots), 1u, (unsigned int)MMU_ROOTS);
	struct mmu_root *r, *victim = m->roots;

	for (r = m->roots; r < m->roots + nr; r++) {
		if (r->hpa == INVALID_ROOT)
			return r;
		if (r->used < victim->used)
			victim = r;
	}
	return victim;
}

static void root_make(struct mmu_vcpu *m)
{
	struct mmu_root *r = root_find(m) ?: root_victim(m);

	root_release(m, r);
	r->cr3 = root_key(m);
	r->role = m->role;
	r->left_at = 0;
	r->unsync_gen = 0;
	memcpy(r->pdpte, m->pdpte, sizeof(r->pdpte));
	if (m->role.glevels > 3)
		root_make_long(m, r);
	else
		root_make_pae(m, r);
	sync_below_root(m->vm, &m->cache, r, false);
	root_enter(m, r);
}

int mmu_load_root(struct mmu_vcpu *m)
{
	struct mmu_vm *vm = m->vm;

	if (likely(mmu_root_ok(m)))
		return 0;
	if (cache_fill(&m->cache))
		return -ENOMEM;
	spin_lock(&vm->lock);
	page_make_room(vm, 4);
	root_make(m);
	page_commit(vm);
	vm->stats.root_loads++;
	vm->audit_due |= READ_ONCE(mmu_audit_on);
	audit_if_due(vm);
	spin_unlock(&vm->lock);
	return 0;
}

#define ANY_PCID	(~0ull)

/* The entry that translates an address must be true in these address spaces. */
static void roots_sync_address(struct mmu_vcpu *m, u64 pcid, gva_t gva)
{
	struct mmu_root *r;

	if (!READ_ONCE(m->vm->nr_unsync))
		return;
	spin_lock(&m->vm->lock);
	for (r = m->roots; r < m->roots + MMU_ROOTS; r++) {
		if (r->hpa == INVALID_ROOT || (pcid != ANY_PCID && r->pcid != pcid))
			continue;
		/* Where no TLB entry is left, all is synced anyway when the root is taken up. */
		if ((r->left_at && r->used > m->flushed) || r == m->root)
			sync_address(m, r, gva);
	}
	spin_unlock(&m->vm->lock);
}

void mmu_invlpg(struct mmu_vcpu *m, gva_t gva)
{
	unsigned long split_gen;

	count_unlocked(&m->vm->stats.invlpgs);
	m->invlpgs++;
	/* Global entries go in all address spaces. */
	roots_sync_address(m, ANY_PCID, gva);
	split_gen = READ_ONCE(m->vm->split_gen);
	/* One address's flush by the hardware (INVVPID, INVLPGA) may leave links for others. */
	if (m->split_seen == split_gen) {
		host_flush_gva(m, gva);
		return;
	}
	m->split_seen = split_gen;
	host_flush_vcpu(m);
}

/* What the hardware holds of an address space that is not loaded goes when it is. */
void mmu_flush_address(struct mmu_vcpu *m, u64 pcid, gva_t gva)
{
	count_unlocked(&m->vm->stats.invlpgs);
	m->invlpgs++;
	roots_sync_address(m, pcid, gva);
}
