// SPDX-License-Identifier: GPL-2.0-only
/*
 * Code and data of the guest, found by the shadow tables of the root that is loaded, as the
 * processor has found them.
 *
 * Floor 4.
 */
#include "internal.h"

static bool root_obsolete(const struct mmu_root *r)
{
	int i;

	for (i = 0; i < (r->level > 3 ? 1 : 4); i++)
		if (r->page[i] && READ_ONCE(r->page[i]->obsolete))
			return true;
	return false;
}

bool mmu_root_ok(const struct mmu_vcpu *m)
{
	return m->root && !root_obsolete(m->root);
}

/* The page and the entry where the processor's walk finds a leaf, or NULL. The lock is held. */
struct shadow_page *root_leaf(const struct mmu_root *r, gva_t gva, unsigned int *index)
{
	struct shadow_page *sp = root_page(r, gva);
	u64 spte;

	for (; sp; sp = page_of(spte)) {
		*index = spte_index(gva, sp->role.level);
		spte = sp->spt[*index];
		if (!spte_present(spte))
			return NULL;
		if (spte_is_leaf(spte, sp->role.level))
			break;
	}
	return sp;
}

/* The frame that a leaf maps an address to. */
static hfn_t leaf_frame(const struct shadow_page *sp, unsigned int index, gva_t gva)
{
	return spte_pfn(sp->spt[index]) +
	       (gva >> PAGE_BITS & (level_frames(sp->role.level) - 1));
}

/* Long mode's tables say nothing of the bits above; what is not canonical has no translation. */
static bool is_canonical(const struct mmu_vcpu *m, gva_t gva)
{
	return m->role.glevels < 4 || canonical_in(gva, m->role.glevels == 5 ? 57 : 48);
}

/* Where code was found is still where it is: the root, the way down from it and the leaf. */
static bool fetched_valid(const struct mmu_vcpu *m, const struct mmu_fetched *f, gva_t page)
{
	return f->page == page && f->link_gen == m->vm->link_gen && f->sptep &&
	       spte_same_frame(READ_ONCE(*f->sptep), f->spte);
}

static bool fetched_find(struct mmu_vcpu *m, struct mmu_fetched *f, gva_t gva)
{
	struct shadow_page *sp = NULL;
	unsigned int index;

	if (mmu_root_ok(m) && is_canonical(m, gva))
		sp = root_leaf(m->root, gva, &index);
	if (!sp || spte_foreign(sp->spt[index]))
		return false;
	*f = (struct mmu_fetched){
		.page = gva >> PAGE_BITS, .link_gen = m->vm->link_gen,
		.sptep = &sp->spt[index], .spte = sp->spt[index],
		.pfn = leaf_frame(sp, index, gva),
	};
	return true;
}

/* Kernels make exits from the same few pages over and over. */
unsigned int mmu_fetch(struct mmu_vcpu *m, gva_t gva, void *code, unsigned int len)
{
	gva_t page = gva >> PAGE_BITS;
	unsigned int offset = gva & (TABLE_BYTES - 1);
	struct mmu_fetched *f = &m->fetched[(page ^ m->root_nr) % MMU_FETCHED];

	len = min_t(unsigned int, len, TABLE_BYTES - offset);
	spin_lock(&m->vm->lock);
	if (m->root && (fetched_valid(m, f, page) || fetched_find(m, f, gva)))
		host_read_frame(f->pfn, offset, code, len);
	else
		len = 0;
	spin_unlock(&m->vm->lock);
	return len;
}

bool mmu_peek(struct mmu_vcpu *m, gva_t gva, u64 *data)
{
	struct shadow_page *sp = NULL;
	unsigned int index;
	bool found;

	if ((gva & (TABLE_BYTES - 1)) > TABLE_BYTES - sizeof(*data))
		return false;
	spin_lock(&m->vm->lock);
	if (mmu_root_ok(m) && is_canonical(m, gva))
		sp = root_leaf(m->root, gva, &index);
	found = sp && !spte_user(sp->spt[index]) && !spte_foreign(sp->spt[index]);
	if (found)
		host_read_frame(leaf_frame(sp, index, gva), gva & (TABLE_BYTES - 1), data,
				sizeof(*data));
	spin_unlock(&m->vm->lock);
	return found;
}
