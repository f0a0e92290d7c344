// SPDX-License-Identifier: GPL-2.0-only
/*
 * Shadow page-table entries. Nobody else knows their bits (spte.h) or writes them.
 *
 * Hardware sets A and D on its own, so every change is atomic. Shadow tables
 * above a leaf allow everything: a leaf holds all of the guest's rights. CR0.WP
 * and EFER.NXE are always set while shadow tables are walked.
 *
 * A spte that is not present (spte_present()) has one of two values. Where VT-x leaves the guest's
 * own not-present faults to the guest (mmu_passthrough), hardware tells them apart:
 *
 *   empty         not filled. The present bit with a reserved one, 51: its fault always exits
 *   not-present   the guest's entry is not present, which is checked whenever it is written. 0:
 *                 its fault is the guest's
 *
 * Caches may ignore bit 51. So, against L1TF, both name frame 0, which Linux keeps free of data.
 *
 * Floor 0.
 */
#include "internal.h"

u64 spte_empty(void)
{
	return mmu_passthrough ? SPTE_MARK | PTE_P : 0;
}

u64 spte_table(hpa_t table)
{
	return table | PTE_P | PTE_W | PTE_U | PTE_A;
}

u64 spte_leaf(hfn_t pfn, int level, unsigned int access, bool accessed, bool host_writable)
{
	u64 spte = pfn << PAGE_BITS | PTE_P;

	if (access & ACC_WRITE)
		spte |= PTE_W;
	if (access & ACC_USER)
		spte |= PTE_U;
	if (!(access & ACC_EXEC))
		spte |= PTE_NX;
	if (accessed)
		spte |= PTE_A;
	if (level > 1)
		spte |= PTE_PS;
	if (host_writable)
		spte |= SPTE_HOST_WRITABLE;
	return spte;
}

/* The host's PAT is in force in the guest, too: its own bits for it mean the same here. */
u64 spte_of_foreign(u64 spte, u8 memtype)
{
	return spte | SPTE_FOREIGN | memtype;
}

/* Do both map the same frame, whatever the rights? */
bool spte_same_frame(u64 a, u64 b)
{
	return !((a ^ b) & (PTE_FRAME | PTE_P | PTE_PS | SPTE_FOREIGN));
}

/* Could a TLB that holds @old allow what @new does not? */
bool spte_loses(u64 old, u64 new)
{
	if (!spte_present(old))
		return false;
	if ((old ^ new) & (PTE_FRAME | PTE_P | PTE_PS))
		return true;
	return (old & ~new & (PTE_W | PTE_U)) || (~old & new & PTE_NX);
}

/* Make a spte empty; returns what it was. */
u64 spte_take(u64 *sptep)
{
	return xchg(sptep, spte_empty());
}

static u64 spte_clear(u64 *sptep, u64 bits)
{
	u64 old = READ_ONCE(*sptep);

	while (!try_cmpxchg64(sptep, &old, old & ~bits))
		;
	return old;
}

/* Take the right to write; returns whether it was there. */
bool spte_protect(u64 *sptep)
{
	return spte_writable(READ_ONCE(*sptep)) && (spte_clear(sptep, PTE_W) & PTE_W);
}

/* Forget that the page was used; returns whether it was. */
bool spte_age(u64 *sptep)
{
	return spte_accessed(READ_ONCE(*sptep)) && (spte_clear(sptep, PTE_A) & PTE_A);
}
