// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the guest's fault handler is expected to do: the entry that it faulted for will be there
 * when it comes back. With page-table isolation it comes back by a CR3 load. Filling the spte then
 * spares the exit that would follow at once.
 */
#include "internal.h"

/* The guest gets a fault for want of this entry. The lock is held. */
void expect_entry(struct mmu_vcpu *m, struct shadow_page *sp, unsigned int index)
{
	m->expected.root = m->root;
	m->expected.link_gen = m->vm->link_gen;
	m->expected.sp = sp;
	m->expected.index = index;
}

static void fill_expected(struct mmu_vcpu *m)
{
	struct shadow_page *sp = m->expected.sp;
	unsigned int index = m->expected.index;

	if (m->expected.link_gen != m->vm->link_gen || !cache_ready(&m->cache))
		return;
	if (!spte_present(sp->spt[index]))
		m->vm->stats.expected += entry_fill(m->vm, &m->cache, sp, index,
						      entry_now(m->vm, sp, index));
	else if (sp->unsync)
		sync_entry(m->vm, &m->cache, sp, index);
}

/* A root is taken up. */
void expect_return(struct mmu_vcpu *m)
{
	if (!m->root || m->expected.root != m->root)
		return;
	m->expected.root = NULL;
	spin_lock(&m->vm->lock);
	fill_expected(m);
	spin_unlock(&m->vm->lock);
}
