/* SPDX-License-Identifier: GPL-2.0-only */
/* The bits of a spte, which only this and spte.c know. No step of an algorithm is here. */
#ifndef UMBRA_MMU_SPTE_H
#define UMBRA_MMU_SPTE_H

#include "types.h"

/* Bits of guest and host page-table entries alike (Intel SDM 3A 4.3 to 4.5). */
#define PTE_P		BIT_ULL(0)
#define PTE_W		BIT_ULL(1)
#define PTE_U		BIT_ULL(2)
#define PTE_A		BIT_ULL(5)
#define PTE_D		BIT_ULL(6)
#define PTE_PS		BIT_ULL(7)
#define PTE_NX		BIT_ULL(63)
#define PTE_FRAME	GENMASK_ULL(51, 12)

/* Of a spte that is not filled, see spte.c. Must be reserved. */
#define SPTE_MARK_BIT	51
#define SPTE_MARK	BIT_ULL(SPTE_MARK_BIT)

/* For software: the host allows writing, whatever the guest says. */
#define SPTE_HOST_WRITABLE	BIT_ULL(9)

/* The same: the frame is foreign (host.h), and not to be read through the host. */
#define SPTE_FOREIGN		BIT_ULL(10)

#define spte_present(spte)	(((spte) & (PTE_P | SPTE_MARK)) == PTE_P)
#define spte_is_leaf(spte, level) ((level) == 1 || ((spte) & PTE_PS))
#define spte_writable(spte)	(!!((spte) & PTE_W))
#define spte_user(spte)		(!!((spte) & PTE_U))
#define spte_accessed(spte)	(!!((spte) & PTE_A))
#define spte_host_writable(spte) (!!((spte) & SPTE_HOST_WRITABLE))
#define spte_foreign(spte)	(!!((spte) & SPTE_FOREIGN))
#define spte_pfn(spte)		(((spte) & PTE_FRAME) >> PAGE_BITS)
#define spte_child(spte)	((spte) & PTE_FRAME)
#define spte_write(sptep, spte)	WRITE_ONCE(*(sptep), spte)

#define spte_index(addr, level)	\
	((unsigned int)((addr) >> (PAGE_BITS + 9 * ((level) - 1))) & (TABLE_ENTRIES - 1))

/* Frames that one spte of this level maps. */
#define level_frames(level)	(1ull << (9 * ((level) - 1)))

u64 spte_empty(void);
u64 spte_table(hpa_t table);
u64 spte_leaf(hfn_t pfn, int level, unsigned int access, bool accessed, bool host_writable);
u64 spte_of_foreign(u64 spte, u8 memtype);
bool spte_same_frame(u64 a, u64 b);
bool spte_loses(u64 old, u64 new);
u64 spte_take(u64 *sptep);
bool spte_protect(u64 *sptep);
bool spte_age(u64 *sptep);

#endif
