// SPDX-License-Identifier: GPL-2.0-only
/*
 * A page fault on the shadow tables, from end to end:
 *
 *   translate   the guest's tables say where the access goes, or the fault is the guest's own
 *   resolve     memory is there, and a spte may express the right
 *   commit      under the lock: a table that stays in sync is written? Else map
 *
 * Two contexts take these steps. Where the caller can't sleep (mmu_vcpu.atomic) the lock is held
 * over all of them: then the way down the shadow tables says what the guest's upper entries say,
 * as those are in sync, and only the last entry is read; the host's page is looked up last.
 * Where it may sleep the guest's tables are walked and the page is faulted in before the lock is
 * taken, and what the walk saw is read again under it.
 *
 * Floor 10.
 */
#include "internal.h"

/* Pages one fault may make: every level of a root. */
#define FAULT_PAGES	MAX_LEVEL

/* The guest set A or D in an entry that may be half of another's. */
static noinline void fault_set_odd(struct mmu_vcpu *m, const struct walk *w)
{
	if (m->atomic) {
		track_accessed(m->vm, &m->cache, w);
		return;
	}
	spin_lock(&m->vm->lock);
	track_accessed(m->vm, &m->cache, w);
	spin_unlock(&m->vm->lock);
}

/*
 * The fault is the guest's. If its entry is not present the next one need not exit; a table out
 * of sync is tracked again for that, if it has many.
 */
static enum mmu_verdict fault_inject(struct mmu_vcpu *m, struct fault *c)
{
	struct shadow_page *sp = c->table;
	unsigned int index = spte_index(c->w.gva, 1);

	c->f->inject_error = c->w.error;
	if (!sp)
		return MMU_INJECT;
	if (mmu_passthrough && !(c->w.error & PFERR_PRESENT)) {
		if (sp->unsync && policy_resync_np(sp))
			resync_frame(m->vm, &m->cache, sp->gfn);
		else
			np_learn(m->vm, sp, index, c->w.pte[1]);
	}
	if (policy_expect(sp))
		expect_entry(m, sp, index);
	return MMU_INJECT;
}

/* MMU_FIXED here and below: nothing stands in the way so far. */
static __always_inline enum mmu_verdict fault_translate(struct mmu_vcpu *m, struct fault *c)
{
	struct mmu_fault *f = c->f;
	int r;

	c->table = m->atomic ? walk_shadow(m, f->gva, &c->w) : NULL;
	if (c->table)
		r = walk_page(m, c->table, &f->access, &c->w);
	else
		r = walk_guest(m, f->gva, &f->access, &c->w);
	if (unlikely(c->w.odd))
		fault_set_odd(m, &c->w);
	if (r == -EFAULT)
		return fault_inject(m, c);
	if (r)
		return r == -EBUSY ? MMU_WAIT : MMU_RETRY;
	f->gpa = c->w.gfn << PAGE_BITS | (f->gva & (TABLE_BYTES - 1));
	return MMU_FIXED;
}

/*
 * With CR0.WP clear the supervisor may write to a user page that is read-only. A
 * spte can express it only by hiding the page from the user (map.c), and then
 * SMAP would not apply to it. Such writes are emulated.
 */
static bool write_escapes_smap(const struct mmu_vcpu *m, const struct mmu_fault *f,
			       const struct walk *w)
{
	return !f->access.user && !(w->access & ACC_WRITE) &&
	       (w->access & ACC_USER);
}

static __always_inline enum mmu_verdict fault_resolve(struct mmu_vcpu *m, struct fault *c)
{
	struct mmu_fault *f = c->f;
	bool write = f->access.write;

	c->slot = host_slot(m->vm, c->w.gfn);
	if (!c->slot || (write && (c->slot->flags & MEMSLOT_READONLY)))
		return MMU_EMULATE;
	if (write && m->role.smap && write_escapes_smap(m, f, &c->w))
		return MMU_EMULATE;
	if (m->atomic)
		return MMU_FIXED;
	f->err = cache_fill(&m->cache) ?:
		 host_page_get(m->vm, c->slot, c->w.gfn, write, &c->page);
	c->held = !f->err;
	if (f->err)
		return f->err == -EAGAIN ? MMU_RETRY : MMU_ERROR;
	return MMU_FIXED;
}

/*
 * A write to a table whose shadows stay in sync, stopped by a read-only spte that is in
 * place already: nothing is to be mapped.
 */
static bool is_table_write(struct mmu_vcpu *m, struct fault *c)
{
	struct mmu_fault *f = c->f;

	if (!f->access.write || (f->error & (PFERR_PRESENT | PFERR_RSVD)) != PFERR_PRESENT ||
	    !gfn_is_tracked(m->vm, c->slot, c->w.gfn) || may_unsync(m->vm, c->w.gfn))
		return false;
	f->to_table = true;
	f->self_map = writes_own_table(m, &c->w);
	return true;
}

/* From the root down; the tables on the way may have to be made. */
static noinline enum mmu_verdict fault_map(struct mmu_vcpu *m, struct fault *c)
{
	const struct shadow_page *sp;

	page_make_room(m->vm, FAULT_PAGES);
	if (!mmu_root_ok(m))
		return MMU_RETRY;
	sp = root_page(m->root, c->w.gva);
	/* The root's frame had no memory when it was loaded, but has now. */
	if (sp && sp->role.metaphysical && m->format) {
		root_drop_locked(m);
		return MMU_RETRY;
	}
	return map_walk(m, c);
}

static __always_inline enum mmu_verdict fault_commit(struct mmu_vcpu *m, struct fault *c)
{
	if (is_table_write(m, c))
		return MMU_EMULATE;
	if (m->atomic) {
		if (host_page_get_fast(m->vm, c->slot, c->w.gfn, c->f->access.write, &c->page))
			return MMU_WAIT;
		c->held = true;
	}
	if (host_page_stale(m->vm, &c->page, c->w.gfn))
		return MMU_RETRY;
	return c->table ? map_leaf(m, c, c->table) : fault_map(m, c);
}

/* What was zapped on the way. */
static noinline void fault_end(struct mmu_vm *vm)
{
	page_commit(vm);
	audit_if_due(vm);
}

static enum mmu_verdict fault_atomic(struct mmu_vcpu *m, struct fault *c)
{
	enum mmu_verdict verdict;

	if (!cache_ready(&m->cache))
		return MMU_WAIT;
	spin_lock(&m->vm->lock);
	verdict = fault_translate(m, c);
	if (verdict == MMU_FIXED)
		verdict = fault_resolve(m, c);
	if (verdict == MMU_FIXED)
		verdict = fault_commit(m, c);
	if (unlikely(m->vm->commit_due))
		fault_end(m->vm);
	spin_unlock(&m->vm->lock);
	return verdict;
}

static noinline enum mmu_verdict fault_may_sleep(struct mmu_vcpu *m, struct fault *c)
{
	enum mmu_verdict verdict = fault_translate(m, c);

	if (verdict == MMU_FIXED)
		verdict = fault_resolve(m, c);
	if (verdict != MMU_FIXED)
		return verdict;
	spin_lock(&m->vm->lock);
	verdict = fault_commit(m, c);
	fault_end(m->vm);
	spin_unlock(&m->vm->lock);
	return verdict;
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
	enum mmu_verdict verdict;
	struct fault c __uninitialized;	/* a walk by the shadow tables sets little of it */

	f->to_table = false;
	f->self_map = false;
	c.f = f;
	c.held = false;
	verdict = m->atomic ? fault_atomic(m, &c) : fault_may_sleep(m, &c);
	if (c.held)
		host_page_put(&c.page, c.page.writable && verdict == MMU_FIXED);
	count_verdict(&m->vm->stats, verdict);
	trace_umbra_fault(f->gva, f->error, f->gpa, verdict);
	return verdict;
}

int mmu_translate(struct mmu_vcpu *m, gva_t gva, const struct mmu_access *access, gpa_t *gpa,
		  u32 *error)
{
	struct walk w;
	int r = walk_guest(m, gva, access, &w);

	if (unlikely(w.odd))
		fault_set_odd(m, &w);
	*error = w.error;
	*gpa = w.gfn << PAGE_BITS | (gva & (TABLE_BYTES - 1));
	return r;
}
