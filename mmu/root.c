// SPDX-License-Identifier: GPL-2.0-only
/*
 * Roots, and the guest state that selects them.
 *
 * Guest paging     processor walks    root
 * off              PAE, 3 levels      four metaphysical level-2 pages
 * 32-bit           PAE, 3 levels      the directory's four quadrants
 * PAE              PAE, 3 levels      one level-2 page a present PDPTE register
 * 4- and 5-level   the same           the shadow of the top table
 */
#include "internal.h"

/* PDPTE bits that must be zero: R/W, U/S and 5 to 8. Intel SDM 3A table 4-8. */
#define PDPTE_RESERVED	(GENMASK_ULL(2, 1) | GENMASK_ULL(8, 5))

static union mmu_role role_of(const struct mmu_regs *regs, unsigned int glevels)
{
	union mmu_role role = { .word = 0 };

	role.glevels = glevels;
	role.access = ACC_ALL;
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

void root_drop_locked(struct mmu_vcpu *m)
{
	int i;

	m->root_hpa = INVALID_ROOT;
	for (i = 0; i < 4; i++) {
		if (m->root[i])
			page_root_put(m->vm, m->root[i]);
		m->root[i] = NULL;
	}
	page_commit(m->vm);
}

void mmu_drop_root(struct mmu_vcpu *m)
{
	spin_lock(&m->vm->lock);
	root_drop_locked(m);
	spin_unlock(&m->vm->lock);
}

bool mmu_root_ok(const struct mmu_vcpu *m)
{
	int i;

	if (m->root_hpa == INVALID_ROOT)
		return false;
	for (i = 0; i < 4; i++)
		if (m->root[i] && READ_ONCE(m->root[i]->obsolete))
			return false;
	return true;
}

void mmu_set_mode(struct mmu_vcpu *m, const struct mmu_regs *regs)
{
	unsigned int glevels;
	union mmu_role role;
	int level;

	m->format = format_of(regs, &glevels);
	role = role_of(regs, glevels);
	if (role.word != m->role.word || regs->cr3 != m->regs.cr3)
		mmu_drop_root(m);
	m->role = role;
	m->regs = *regs;
	for (level = 1; level <= MAX_LEVEL; level++) {
		m->reserved[level][0] = reserved_bits(role, level, false);
		m->reserved[level][1] = reserved_bits(role, level, true);
	}
	flush_sync(m);
	host_flush_vcpu(m);
}

static u64 pdpte_reserved(const struct mmu_vcpu *m)
{
	return PDPTE_RESERVED | ~(BIT_ULL(m->role.maxphyaddr) - 1);
}

/* Read and check the PDPTEs that a CR3 value points to. */
static int pdptes_read(struct mmu_vcpu *m, u64 cr3, u64 pdpte[4])
{
	int i, r = host_read(m->vm, cr3 & GENMASK_ULL(31, 5), pdpte, 4 * sizeof(*pdpte));

	/* No memory reads as all ones. */
	if (r)
		return r == -ENXIO ? -EINVAL : r;
	for (i = 0; i < 4; i++)
		if ((pdpte[i] & PTE_P) && (pdpte[i] & pdpte_reserved(m)))
			return -EINVAL;
	return 0;
}

int mmu_set_cr3(struct mmu_vcpu *m, u64 cr3, bool flush)
{
	bool changed = (cr3 ^ m->regs.cr3) & PTE_FRAME;
	u64 pdpte[4];
	int r;

	m->vm->stats.cr3_loads++;
	if (m->role.glevels == 3) {
		r = pdptes_read(m, cr3, pdpte);
		if (r)
			return r;
		changed = memcmp(pdpte, m->pdpte, sizeof(pdpte));
		memcpy(m->pdpte, pdpte, sizeof(pdpte));
	}
	m->regs.cr3 = cr3;
	flush_sync(m);
	if (!mmu_cache_on)
		mmu_vm_zap_all(m->vm);
	if (changed || !mmu_cache_on)
		mmu_drop_root(m);
	if (changed || flush)
		host_flush_vcpu(m);
	return 0;
}

void mmu_get_pdptes(const struct mmu_vcpu *m, u64 pdpte[4])
{
	memcpy(pdpte, m->pdpte, sizeof(m->pdpte));
}

static void root_set(struct mmu_vcpu *m, int i, gfn_t gfn, union mmu_role role)
{
	/* A guest table that is in no memory: stays empty, see map_fault(). */
	if (!host_slot(m->vm, gfn))
		role.metaphysical = 1;
	m->root[i] = page_get(m->vm, &m->cache, gfn, role);
	page_root_get(m->root[i]);
}

static void root_load_long(struct mmu_vcpu *m)
{
	union mmu_role role = m->role;

	m->root_level = role.level = m->role.glevels;
	root_set(m, 0, (m->regs.cr3 & PTE_FRAME) >> PAGE_BITS, role);
	m->root_hpa = host_table_hpa(m->root[0]->spt);
}

/* Frame and role of the i-th gigabyte's level-2 shadow page; false if there is none. */
static bool pae_part(const struct mmu_vcpu *m, int i, gfn_t *gfn, union mmu_role *role)
{
	*role = m->role;
	role->level = 2;
	switch (m->role.glevels) {
	case 0:
		role->metaphysical = 1;
		*gfn = (gfn_t)i << 18;
		return true;
	case 2:
		role->quadrant = i;
		*gfn = (m->regs.cr3 & m->format->frame) >> PAGE_BITS;
		return true;
	default:
		*gfn = (m->pdpte[i] & PTE_FRAME) >> PAGE_BITS;
		return m->pdpte[i] & PTE_P;
	}
}

static void root_load_pae(struct mmu_vcpu *m)
{
	union mmu_role role;
	gfn_t gfn;
	int i;

	m->root_level = 3;
	for (i = 0; i < 4; i++) {
		m->pae_table[i] = 0;
		if (!pae_part(m, i, &gfn, &role))
			continue;
		root_set(m, i, gfn, role);
		m->pae_table[i] = host_table_hpa(m->root[i]->spt) | PTE_P;
	}
	m->root_hpa = host_table_hpa(m->pae_table);
}

int mmu_load_root(struct mmu_vcpu *m)
{
	struct mmu_vm *vm = m->vm;

	if (mmu_root_ok(m))
		return 0;
	if (cache_fill(&m->cache))
		return -ENOMEM;
	spin_lock(&vm->lock);
	root_drop_locked(m);
	page_make_room(vm, 4);
	sync_all(vm, &m->cache);
	vm->stats.root_loads++;
	if (m->role.glevels > 3)
		root_load_long(m);
	else
		root_load_pae(m);
	if (mmu_audit_on)
		audit_locked(vm);
	spin_unlock(&vm->lock);
	host_flush_vcpu(m);
	return 0;
}
