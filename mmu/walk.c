// SPDX-License-Identifier: GPL-2.0-only
/*
 * The guest's page tables, walked as the processor would.
 *
 *            5-level  4-level   PAE        32-bit
 *   level 5   PML5E
 *   level 4   PML4E    PML4E
 *   level 3   PDPTE    PDPTE    (register)
 *   level 2   PDE      PDE      PDE        PDE
 *   level 1   PTE      PTE      PTE        PTE
 *
 * Formats are data. Intel SDM 3A chapter 4, AMD APM 2 chapter 5.
 *
 * Floor 1.
 */
#include "internal.h"

static const struct pt_format format_32bit = { 2, 4, 10, GENMASK_ULL(31, 12) };
static const struct pt_format format_pae = { 2, 8, 9, PTE_FRAME };
static const struct pt_format format_4level = { 4, 8, 9, PTE_FRAME };
static const struct pt_format format_5level = { 5, 8, 9, PTE_FRAME };

/* The format that a guest state selects (NULL: paging off), and role.glevels. */
const struct pt_format *format_of(const struct mmu_regs *regs, unsigned int *glevels)
{
	*glevels = 0;
	if (!(regs->cr0 & CR0_PG))
		return NULL;
	if (regs->efer & EFER_LMA_BIT) {
		*glevels = regs->cr4 & CR4_LA57 ? 5 : 4;
		return regs->cr4 & CR4_LA57 ? &format_5level : &format_4level;
	}
	*glevels = regs->cr4 & CR4_PAE ? 3 : 2;
	return regs->cr4 & CR4_PAE ? &format_pae : &format_32bit;
}

/* Does a present entry end the walk? */
bool pte_is_leaf(union mmu_role role, u64 pte, int level)
{
	if (level == 1)
		return true;
	if (!(pte & PTE_PS) || level > 3)
		return false;
	return role.glevels == 2 ? role.pse : level == 2 || role.gbpages;
}

/* Reserved bits of a 32-bit 4 MiB entry: bit 21, and frame bits that don't exist. */
static u64 reserved_pse36(union mmu_role role)
{
	unsigned int bits = clamp_t(unsigned int, role.maxphyaddr, 32, 40) - 32;

	return BIT_ULL(21) | (GENMASK_ULL(20, 13) & ~(GENMASK_ULL(12 + bits, 12) & ~BIT_ULL(12)));
}

/* Bits that must be zero in a present entry. */
u64 reserved_bits(union mmu_role role, int level, bool leaf)
{
	u64 reserved;

	if (role.glevels == 2)
		return leaf && level == 2 ? reserved_pse36(role) : 0;
	reserved = GENMASK_ULL(51, 12) & ~(BIT_ULL(role.maxphyaddr) - 1);
	if (!role.nxe)
		reserved |= PTE_NX;
	if (role.glevels == 3)
		reserved |= GENMASK_ULL(62, 52);
	if (!leaf && level > 2)
		reserved |= PTE_PS;
	if (leaf && level > 1)
		reserved |= GENMASK_ULL(PAGE_BITS + 9 * (level - 1) - 1, 13);
	return reserved;
}

/* Is a bit set that must not be? */
bool pte_reserved(union mmu_role role, u64 pte, int level)
{
	return pte & reserved_bits(role, level, pte_is_leaf(role, pte, level));
}

/* What a present entry allows. */
unsigned int pte_access(union mmu_role role, u64 pte)
{
	unsigned int access = 0;

	if (pte & PTE_W)
		access |= ACC_WRITE;
	if (pte & PTE_U)
		access |= ACC_USER;
	if (!(pte & PTE_NX) || role.glevels == 2)
		access |= ACC_EXEC;
	return access;
}

/* Frame of the next table, or first frame of the page. */
gfn_t pte_gfn(union mmu_role role, u64 pte, int level)
{
	bool large = level > 1 && pte_is_leaf(role, pte, level);

	gfn_t space = role_space(role);

	if (role.glevels == 2 && large)
		return space | (pte & GENMASK_ULL(31, 22)) >> PAGE_BITS |
		       (pte & GENMASK_ULL(20, 13)) << 7;
	if (role.glevels == 2)
		return space | (pte & GENMASK_ULL(31, 12)) >> PAGE_BITS;
	if (large)
		pte &= ~(BIT_ULL(PAGE_BITS + 9 * (level - 1)) - 1);
	return space | (pte & PTE_FRAME) >> PAGE_BITS;
}

static unsigned int guest_index(const struct pt_format *fmt, gva_t gva, int level)
{
	return (gva >> (PAGE_BITS + fmt->index_bits * (level - 1))) & (BIT(fmt->index_bits) - 1);
}

/* Frame within a leaf. */
static gfn_t leaf_gfn(const struct pt_format *fmt, union mmu_role role, const struct walk *w)
{
	u64 frames = 1ull << (fmt->index_bits * (w->level - 1));

	return pte_gfn(role, w->pte[w->level], w->level) + (w->gva >> PAGE_BITS & (frames - 1));
}

/* Where the guest's entry for a spte of a guest table's shadow is. */
gpa_t entry_gpa(const struct shadow_page *sp, unsigned int index)
{
	unsigned int entry = sp->role.quadrant * TABLE_ENTRIES + index;

	return (sp->gfn << PAGE_BITS) +
	       entry / sptes_per_entry(sp->role) * role_entry_bytes(sp->role);
}

/* The table that the walk begins with; false if its PDPTE is not present. */
static bool walk_start(const struct mmu_vcpu *m, struct walk *w, gfn_t *table)
{
	u64 entry = m->regs.cr3;

	*table = role_space(m->role);
	if (m->role.glevels == 3) {
		entry = m->pdpte[w->gva >> 30 & 3];
		*table |= (entry & PTE_FRAME) >> PAGE_BITS;
		return entry & PTE_P;
	}
	*table |= (entry & m->format->frame) >> PAGE_BITS;
	return true;
}

/* Error-code bits that depend only on the access. */
static u32 walk_error(const struct mmu_vcpu *m, const struct mmu_access *access)
{
	bool reports_fetch = (m->role.nxe && m->role.glevels > 2) || (m->regs.cr4 & CR4_SMEP);
	u32 error = 0;

	if (access->write)
		error |= PFERR_WRITE;
	if (access->user)
		error |= PFERR_USER;
	if (access->fetch && reports_fetch)
		error |= PFERR_FETCH;
	return error;
}

/* No memory there: the table reads as if nothing were present. */
static int entry_read(struct mmu_vcpu *m, gpa_t gpa, u64 *pte)
{
	unsigned int bytes = m->format->entry_bytes;
	int r;

	*pte = 0;
	if (m->atomic && likely(bytes == 8))
		r = host_read_atomic(m->vm, gpa, pte, 8);
	else if (m->atomic)
		r = host_read_atomic(m->vm, gpa, pte, 4);
	else
		r = host_read(m->vm, gpa, pte, bytes);
	if (r)
		*pte = 0;
	return r == -EFAULT && m->atomic ? -EBUSY : 0;
}

/* Take in the entry at @gpa: 0; -EFAULT, w->error says why; -EBUSY. */
static __always_inline int walk_entry(struct mmu_vcpu *m, struct walk *w, int level, gpa_t gpa)
{
	u64 pte;

	if (entry_read(m, gpa, &pte))
		return -EBUSY;
	w->pte[level] = pte;
	if (!(pte & PTE_P))
		return -EFAULT;
	if (pte & m->reserved[level][level == 1 || pte_is_leaf(m->role, pte, level)]) {
		w->error |= PFERR_PRESENT | PFERR_RSVD;
		return -EFAULT;
	}
	w->level = level;
	w->pte_gpa[level] = gpa;
	w->access &= pte_access(m->role, pte);
	return 0;
}

/* Read the entries from the top down to the leaf. */
static int walk_read(struct mmu_vcpu *m, struct walk *w)
{
	const struct pt_format *fmt = m->format;
	gfn_t table;
	int level, r;

	w->access = ACC_ALL;
	w->top = fmt->levels;
	if (!walk_start(m, w, &table))
		return -EFAULT;
	for (level = fmt->levels;; level--) {
		w->table[level] = table;
		w->above[level] = w->access;
		r = walk_entry(m, w, level, (table << PAGE_BITS) +
			       guest_index(fmt, w->gva, level) * fmt->entry_bytes);
		if (r || level == 1 || pte_is_leaf(m->role, w->pte[level], level))
			return r;
		table = pte_gfn(m->role, w->pte[level], level);
	}
}

/*
 * Set bits in an entry, atomically against the guest. A table in read-only
 * memory stays as it is, and @bits count as set. -EAGAIN: the entry is not what was read.
 */
static int entry_set_bits(struct mmu_vcpu *m, struct walk *w, int level, u64 bits)
{
	u64 old = w->pte[level], new = old | bits;
	int r;

	if (old == new)
		return 0;
	r = (m->atomic ? host_cmpxchg_atomic : host_cmpxchg)(m->vm, w->pte_gpa[level], &old, &new,
							     m->format->entry_bytes);
	if (r == -ENXIO)
		return 0;
	if (r == -EFAULT && m->atomic)
		return -EBUSY;
	w->pte[level] = new;
	/* The upper half of an 8-byte entry, should the frame also be a table of those. */
	if (!r && (w->pte_gpa[level] & 4))
		w->odd |= BIT(level);
	return r == 1 ? -EAGAIN : r;
}

/* Accessed, and dirty if written, in the leaf. */
static int walk_set_leaf(struct mmu_vcpu *m, struct walk *w, bool write)
{
	int r = entry_set_bits(m, w, w->level, write ? PTE_A | PTE_D : PTE_A);

	w->dirty = write || (w->pte[w->level] & PTE_D);
	return r;
}

/* Accessed in every entry used, dirty in the leaf if written: SDM 3A 4.8. */
static int walk_set_ad(struct mmu_vcpu *m, struct walk *w, bool write)
{
	int level, r = 0;

	for (level = w->top; !r && level > w->level; level--)
		r = entry_set_bits(m, w, level, PTE_A);
	return r ?: walk_set_leaf(m, w, write);
}

/* Intel SDM 3A 4.6.1: does the page not allow the access? Then why is in w->error. */
static bool walk_denied(const struct mmu_vcpu *m, const struct mmu_access *access, struct walk *w)
{
	unsigned int page = w->access;
	bool ok;

	if (access->user)
		ok = page & ACC_USER;
	else if (access->fetch)
		ok = !(page & ACC_USER) || !(m->regs.cr4 & CR4_SMEP);
	else
		ok = !(page & ACC_USER) || !(m->regs.cr4 & CR4_SMAP) || access->ac;
	if (access->fetch)
		ok &= !!(page & ACC_EXEC);
	else if (access->write && !(page & ACC_WRITE))
		ok &= !access->user && !m->role.wp;
	if (!ok)
		w->error |= PFERR_PRESENT;
	return !ok;
}

/**
 * walk_guest - translate as the processor would
 * @m:		the vCPU
 * @gva:	linear address
 * @access:	what is attempted; NULL for a look without checks and side effects
 * @w:		result
 *
 * Return: 0; -EFAULT: page fault with w->error; -EAGAIN: raced, begin again;
 * -EBUSY: would have to sleep, but mmu_vcpu.atomic.
 */
int walk_guest(struct mmu_vcpu *m, gva_t gva, const struct mmu_access *access, struct walk *w)
{
	int r;

	*w = (struct walk) { .gva = gva, .level = 1, .access = ACC_ALL, .dirty = true };
	if (m->role.glevels < 4)
		w->gva &= U32_MAX;
	w->gfn = role_space(m->role) | w->gva >> PAGE_BITS;
	if (!m->format)
		return 0;
	if (access)
		w->error = walk_error(m, access);
	r = walk_read(m, w);
	if (r)
		return r;
	w->gfn = leaf_gfn(m->format, m->role, w);
	if (!access)
		return 0;
	return walk_denied(m, access, w) ? -EFAULT : walk_set_ad(m, w, access->write);
}

/**
 * walk_shadow - the way down the shadow tables: it says what the guest's upper entries say
 * @m:		the vCPU; the lock is held
 * @gva:	linear address
 * @w:		its tables are filled in
 *
 * Return: the shadow of the page table, for walk_page(); NULL if there is none, or something
 * else than a page table translates the address.
 */
struct shadow_page *walk_shadow(const struct mmu_vcpu *m, gva_t gva, struct walk *w)
{
	struct shadow_page *sp = m->root ? root_page(m->root, gva) : NULL;
	u64 spte;

	w->gva = m->role.glevels < 4 ? (u32)gva : gva;
	w->top = sp ? sp->role.level : 0;
	for (; sp; sp = page_of(spte)) {
		w->table[sp->role.level] = sp->gfn;
		sp->used = USED;
		if (sp->role.level == 1)
			break;
		spte = sp->spt[spte_index(gva, sp->role.level)];
		if (!spte_present(spte) || spte_is_leaf(spte, sp->role.level))
			return NULL;
	}
	/* Below a large guest page there is no page table. */
	return sp && sp->role.metaphysical && m->format ? NULL : sp;
}

/**
 * walk_page - the last step of a walk, from the page table on
 * @m:		the vCPU; the lock is held
 * @sp:		what walk_shadow() found
 * @access:	what is attempted
 * @w:		what walk_shadow() began
 *
 * Return: as walk_guest().
 */
int walk_page(struct mmu_vcpu *m, const struct shadow_page *sp, const struct mmu_access *access,
	      struct walk *w)
{
	gva_t gva = w->gva;
	int r;

	w->odd = 0;
	w->level = 1;
	w->access = sp->role.access;
	if (!m->format) {
		w->gfn = role_space(m->role) | gva >> PAGE_BITS;
		w->dirty = true;
		return 0;
	}
	w->error = walk_error(m, access);
	r = walk_entry(m, w, 1, entry_gpa(sp, spte_index(gva, 1)));
	if (r)
		return r;
	w->gfn = pte_gfn(m->role, w->pte[1], 1);
	return walk_denied(m, access, w) ? -EFAULT : walk_set_leaf(m, w, access->write);
}
