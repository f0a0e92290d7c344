/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * All that mmu/ wants from the machine it runs on. The kernel's version is
 * host.c, the user-space one is in selftests/unit. Everything else mmu/ uses
 * of the kernel are plain headers (lists, bit operations, READ_ONCE,
 * spinlocks), which selftests/unit/shim provides under the same names.
 */
#ifndef UMBRA_MMU_HOST_H
#define UMBRA_MMU_HOST_H

#include "mmu.h"

/*
 * Tables: zeroed 4 KiB pages whose physical address goes into sptes. Each
 * carries one pointer for its owner.
 */
u64 *host_alloc_table(void);			/* may sleep; NULL if there is no memory */
u64 *host_alloc_table_low(void);		/* the same, below 4 GiB */
void host_free_table(u64 *table);
hpa_t host_table_hpa(const u64 *table);
void host_table_set_owner(u64 *table, void *owner);
void *host_table_owner(hpa_t hpa);		/* the owner set for the table at @hpa */

void *host_alloc(size_t size);			/* zeroed, may sleep, any size */
void host_free(void *p);

/* The slot that holds a gfn, or NULL. The caller holds the slots. */
struct memslot *host_slot(struct mmu_vm *vm, gfn_t gfn);

/**
 * struct host_page - a guest frame, resolved
 * @pfn:	host frame
 * @writable:	the host lets us write to it
 * @level:	largest level at which the host maps it: 1, 2 or 3; the mapping
 *		is naturally aligned in @pfn
 * @foreign:	no memory of the host's own, or none that it lends (a device's): it must not be read
 *		by host_read_frame(); @level is 1
 * @memtype:	of foreign memory, as the host maps it: PWT, PCD and PAT in the places that they
 *		have in an entry of level 1
 * @seq:	for host_page_stale()
 * @ref:	the host's own, for host_page_put()
 */
struct host_page {
	hfn_t pfn;
	bool writable, foreign;
	u8 level, memtype;
	unsigned long seq;
	void *ref;
};

/*
 * Resolve a frame. host_page_get() may sleep and faults the VMM's memory in,
 * for writing if @write (else it may still come back writable). Returns 0,
 * -EFAULT, -EHWPOISON, -EINTR, -ENOMEM or -EAGAIN. host_page_get_fast() never sleeps and may be
 * called under the MMU lock; it fails wherever the other would have to wait.
 * Under the lock, host_page_stale() says whether a notifier went by or is in
 * progress since; if so the page must not be mapped. Release exactly once;
 * @dirty if a spte was set that is writable, or may become so without a look at the host.
 */
int host_page_get(struct mmu_vm *vm, const struct memslot *slot, gfn_t gfn, bool write,
		  struct host_page *page);
int host_page_get_fast(struct mmu_vm *vm, const struct memslot *slot, gfn_t gfn, bool write,
		       struct host_page *page);
bool host_page_stale(struct mmu_vm *vm, const struct host_page *page, gfn_t gfn);
void host_page_put(struct host_page *page, bool dirty);

/* Bytes of a frame, not a foreign one, that a spte maps; the lock is held, so that it stays. */
void host_read_frame(hfn_t pfn, unsigned int offset, void *dst, unsigned int len);

/*
 * Guest memory by guest physical address, within one page. 0; -ENXIO if no
 * slot is there (or, to write, a read-only one); -EFAULT if the VMM's memory
 * is not there. Naturally aligned powers of two up to 8 bytes are single
 * copies. The _atomic one never sleeps (-EFAULT instead). host_cmpxchg() as
 * mmu_cmpxchg_guest(). Writes mark the frame in the dirty log.
 */
int host_read(struct mmu_vm *vm, gpa_t gpa, void *dst, unsigned int len);
int host_read_atomic(struct mmu_vm *vm, gpa_t gpa, void *dst, unsigned int len);
int host_write(struct mmu_vm *vm, gpa_t gpa, const void *src, unsigned int len);
int host_cmpxchg_atomic(struct mmu_vm *vm, gpa_t gpa, const void *old, const void *new,
			unsigned int len);
int host_cmpxchg(struct mmu_vm *vm, gpa_t gpa, const void *old, const void *new,
		 unsigned int len);

/*
 * Which of @nr 8-byte words in one page is the first that differs from @known (@nr: none), and
 * what it is now. Never sleeps; what can't be read differs, and is 0.
 */
unsigned int host_first_changed(struct mmu_vm *vm, gpa_t gpa, const u64 *known, unsigned int nr,
				u64 *now);

/* Mark a frame dirty in its slot's log, if it keeps one, or the vCPU's ring. On its thread. */
void host_mark_dirty(const struct memslot *slot, gfn_t gfn);

/*
 * Flushes. host_flush_remote() and host_request_reload() return when every
 * processor that was in guest mode has left it, and will flush (reload) before
 * it enters again. The lock may be held. The others concern the calling vCPU,
 * which is not in guest mode: of its hardware TLB is flushed, before it is used
 * again, all; what it holds by the root in use; or one address of that.
 */
void host_flush_remote(struct mmu_vm *vm);
void host_request_reload(struct mmu_vm *vm);
void host_flush_vcpu(struct mmu_vcpu *m);
void host_flush_root(struct mmu_vcpu *m);
void host_flush_gva(struct mmu_vcpu *m, gva_t gva);

/* Give waiters and the scheduler a chance in a long operation under the lock. */
void host_relax(struct mmu_vm *vm);

/* The scheduler's chance in one without the lock. Returns false if the thread is being killed. */
bool host_pause(void);

/*
 * Must code not be mapped by large sptes? A page that becomes smaller while a TLB holds both
 * sizes of it for fetches stops such processors (CVE-2018-12207).
 */
bool host_itlb_multihit(void);

/* One line into the log, for broken invariants. */
__attribute__((format(printf, 1, 2))) void host_complain(const char *fmt, ...);

#endif
