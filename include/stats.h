/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Counters. One list makes the struct, the names in debugfs and the
 * descriptors of KVM_GET_STATS_FD, so that they can't drift apart.
 */
#ifndef UMBRA_STATS_H
#define UMBRA_STATS_H

#include "types.h"

/* name, kind: CUMULATIVE or INSTANT */
#define MMU_STATS(X)							\
	X(faults, CUMULATIVE)		/* page faults handled by the MMU */	\
	X(faults_injected, CUMULATIVE)	/* ... that were the guest's own */	\
	X(faults_fixed, CUMULATIVE)	/* ... answered by a new spte */	\
	X(faults_emulate, CUMULATIVE)	/* ... that need the emulator */	\
	X(faults_retry, CUMULATIVE)	/* ... that raced and start again */	\
	X(pte_writes, CUMULATIVE)	/* guest writes to shadowed tables */	\
	X(pte_updates, CUMULATIVE)	/* ... that refilled a spte at once */	\
	X(floods, CUMULATIVE)		/* shadow pages dropped as data */	\
	X(orphans, CUMULATIVE)		/* shadow pages dropped with their last parent */ \
	X(unprotects, CUMULATIVE)	/* gfns unshadowed to let a write go */	\
	X(page_hits, CUMULATIVE)	/* shadow page lookups that found one */ \
	X(page_misses, CUMULATIVE)	/* ... that made a new one */		\
	X(page_zaps, CUMULATIVE)	/* shadow pages destroyed */		\
	X(page_recycled, CUMULATIVE)	/* ... to stay in the quota */		\
	X(pages, INSTANT)		/* shadow pages alive */		\
	X(unsyncs, CUMULATIVE)		/* shadow pages let out of sync */	\
	X(syncs, CUMULATIVE)		/* ... compared with their tables */	\
	X(sptes, INSTANT)		/* leaf sptes present */		\
	X(sptes_large, INSTANT)		/* ... of 2 MiB or 1 GiB */		\
	X(prefilled, CUMULATIVE)	/* sptes filled beside the faulting one */ \
	X(expected, CUMULATIVE)		/* sptes filled when the guest came back for them */ \
	X(root_loads, CUMULATIVE)	/* roots looked up */			\
	X(cr3_loads, CUMULATIVE)	/* guest loads of CR3 */		\
	X(invlpgs, CUMULATIVE)		/* INVLPG and INVPCID of one address */	\
	X(guest_flushes, CUMULATIVE)	/* whole-TLB flushes by the guest */	\
	X(remote_flushes, CUMULATIVE)	/* flushes of all vCPUs */		\
	X(notifier_zaps, CUMULATIVE)	/* ranges the host took back */

#define VCPU_STATS(X)							\
	X(exits, CUMULATIVE)						\
	X(exits_pf, CUMULATIVE)						\
	X(exits_cr, CUMULATIVE)						\
	X(ahead, CUMULATIVE)		/* writes of CR3 that made no exit */	\
	X(exits_io, CUMULATIVE)						\
	X(exits_mmio, CUMULATIVE)					\
	X(exits_msr, CUMULATIVE)					\
	X(exits_cpuid, CUMULATIVE)					\
	X(exits_hlt, CUMULATIVE)					\
	X(exits_invlpg, CUMULATIVE)					\
	X(exits_irq, CUMULATIVE)					\
	X(exits_irq_window, CUMULATIVE)					\
	X(exits_exception, CUMULATIVE)					\
	X(exits_other, CUMULATIVE)					\
	X(exits_user, CUMULATIVE)	/* returns to user space */	\
	X(irq_injections, CUMULATIVE)					\
	X(nmi_injections, CUMULATIVE)					\
	X(smis, CUMULATIVE)		/* SMIs taken */		\
	X(exception_injections, CUMULATIVE)				\
	X(emulated, CUMULATIVE)		/* instructions emulated */	\
	X(emulate_failed, CUMULATIVE)

#define STATS_FIELD(name, kind) u64 name;
struct mmu_stats { MMU_STATS(STATS_FIELD) };
struct vcpu_stats { VCPU_STATS(STATS_FIELD) };
#undef STATS_FIELD

#endif
