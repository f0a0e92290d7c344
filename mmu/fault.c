// SPDX-License-Identifier: GPL-2.0-only
/*
 * A page fault on the shadow tables, from end to end.
 */
#include "internal.h"

/* Pages one fault may make: every level of a root. */
#define FAULT_PAGES	MAX_LEVEL

/*
 * With CR0.WP clear the supervisor may write to a user page that is read-only. A
 * spte can express it only by hiding the page from the user (map.c), and then
 * SMAP would not apply to it. Such writes are emulated.
 */
bool fault_emulates(const struct mmu_vcpu *m, const struct mmu_fault *f, const struct walk *w)
{
	return m->role.smap && f->access.write && !f->access.user &&
	       !(w->access & ACC_WRITE) && (w->access & ACC_USER);
}

/*
 * A write to a table whose shadows stay in sync, stopped by a read-only spte that is in
 * place already: nothing is to be mapped.
 */
static bool table_write(struct mmu_vcpu *m, struct mmu_fault *f, const struct walk *w,
			const struct memslot *slot)
{
	struct mmu_vm *vm = m->vm;

	if (!f->access.write || (f->error & (PFERR_PRESENT | PFERR_RSVD)) != PFERR_PRESENT)
		return false;
	spin_lock(&vm->lock);
	f->to_table = gfn_is_tracked(vm, slot, w->gfn) && !may_unsync(vm, w->gfn);
	spin_unlock(&vm->lock);
	f->self_map = f->to_table && writes_own_table(m, w);
	return f->to_table;
}

/* All that mapping a frame needs; else the verdict says why it can't be had now. */
static bool fault_prepare(struct mmu_vcpu *m, struct mmu_fault *f, gfn_t gfn,
			  const struct memslot *slot, struct host_page *page,
			  enum mmu_verdict *verdict)
{
	bool write = f->access.write;

	*verdict = MMU_WAIT;
	if (m->atomic)
		return cache_ready(&m->cache) && !host_page_get_fast(m->vm, slot, gfn, write, page);
	f->err = cache_fill(&m->cache);
	if (!f->err)
		f->err = host_page_get(m->vm, slot, gfn, write, page);
	*verdict = f->err == -EAGAIN ? MMU_RETRY : MMU_ERROR;
	return !f->err;
}

static enum mmu_verdict fault_map(struct mmu_vcpu *m, struct mmu_fault *f, const struct walk *w,
				  const struct memslot *slot)
{
	struct mmu_vm *vm = m->vm;
	enum mmu_verdict verdict;
	struct host_page page;

	if (!fault_prepare(m, f, w->gfn, slot, &page, &verdict))
		return verdict;
	verdict = MMU_RETRY;
	spin_lock(&vm->lock);
	if (!host_page_stale(vm, &page, w->gfn)) {
		page_make_room(vm, FAULT_PAGES);
		verdict = map_fault(m, f, w, slot, &page);
		page_commit(vm);
		audit_if_due(vm);
	}
	spin_unlock(&vm->lock);
	host_page_put(&page, page.writable && verdict == MMU_FIXED);
	return verdict;
}

static enum mmu_verdict fault_handle(struct mmu_vcpu *m, struct mmu_fault *f)
{
	const struct memslot *slot;
	struct walk w;
	int r = walk_guest(m, f->gva, &f->access, &w);

	f->gpa = w.gfn << PAGE_BITS | (f->gva & (TABLE_BYTES - 1));
	if (r == -EAGAIN)
		return MMU_RETRY;
	if (r == -EBUSY)
		return MMU_WAIT;
	if (r) {
		f->inject_error = w.error;
		return MMU_INJECT;
	}
	slot = host_slot(m->vm, w.gfn);
	if (!slot || (f->access.write && (slot->flags & MEMSLOT_READONLY)))
		return MMU_EMULATE;
	if (fault_emulates(m, f, &w) || table_write(m, f, &w, slot))
		return MMU_EMULATE;
	return fault_map(m, f, &w, slot);
}

static void count_verdict(struct mmu_stats *stats, enum mmu_verdict verdict)
{
	if (verdict == MMU_WAIT)
		return;
	stats->faults++;
	if (verdict == MMU_FIXED)
		stats->faults_fixed++;
	else if (verdict == MMU_RETRY)
		stats->faults_retry++;
	else if (verdict == MMU_EMULATE)
		stats->faults_emulate++;
	else if (verdict == MMU_INJECT)
		stats->faults_injected++;
}

enum mmu_verdict mmu_fault(struct mmu_vcpu *m, struct mmu_fault *f)
{
	enum mmu_verdict verdict = MMU_WAIT;

	f->to_table = false;
	f->self_map = false;
	if (m->atomic)
		verdict = fault_quick(m, f);
	if (verdict == MMU_WAIT)
		verdict = fault_handle(m, f);
	count_verdict(&m->vm->stats, verdict);
	trace_umbra_fault(f->gva, f->error, f->gpa, verdict);
	return verdict;
}
