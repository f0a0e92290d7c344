// SPDX-License-Identifier: GPL-2.0-only
/*
 * Invariants 1 to 6 of Documentation/mmu.md, checked; a breach is printed with its number.
 *
 *  1 every present leaf is on the rmap of its gfn, and nothing else is
 *  2 a writable leaf maps no tracked frame, no read-only slot, and what it maps is in the dirty log
 *  3 the shadow of a guest table says what the table says, or less
 *  4 a not-present spte is in a page table in sync, and the guest's entry is not present either
 *  5 every other spte points to a live shadow page that lists it as a parent; all is counted
 *  6 what a vCPU has as a root is not freed
 *
 * Floor 8.
 */
#include "internal.h"

struct audit {
	struct mmu_vm *vm;
	unsigned long breaches;
};

static void breach(struct audit *a, int invariant, const struct shadow_page *sp,
		   unsigned int index, const char *what)
{
	a->breaches++;
	host_complain("audit: invariant %d: %s: gfn %llx role %x entry %u spte %llx", invariant,
		      what, (unsigned long long)sp->gfn, sp->role.word, index,
		      (unsigned long long)sp->spt[index]);
}

/* Is a spte's link on the list that begins at @id? Checks the back links too. */
static bool list_has(struct mmu_vm *vm, u32 id, u32 prev, u32 wanted)
{
	for (; id; prev = id, id = link_at(vm, id)->next) {
		if (link_at(vm, id)->prev != prev)
			return false;
		if (id == wanted)
			return true;
	}
	return false;
}

/* Is a spte's link on some list? Neighbours tell, where the list's head is not known. */
static bool on_a_list(struct mmu_vm *vm, const struct shadow_page *sp, unsigned int index)
{
	u32 id = link_find(sp, index);
	const struct link *link;

	if (!sp->chunk[index / CHUNK_LINKS])
		return false;
	link = link_at(vm, id);
	return link->prev && link_at(vm, link->prev)->next == id &&
	       (!link->next || link_at(vm, link->next)->prev == id);
}

static void audit_link(struct audit *a, struct shadow_page *sp, unsigned int index)
{
	const struct shadow_page *child = page_of(sp->spt[index]);

	if (child->role.level + 1 != sp->role.level || hlist_unhashed(&child->hash))
		breach(a, 5, sp, index, "child is no live page of the level below");
	if (!list_has(a->vm, child->parents, 0, link_find(sp, index)))
		breach(a, 5, sp, index, "child does not know its parent");
}

/*
 * The guest's entry, or what it was when the spte was made; false if the host would
 * have to wait for its memory, or it is another process's. In read-only memory A and D
 * count as set, as for the walk.
 */
static bool guest_entry(struct audit *a, const struct shadow_page *sp, unsigned int index,
			u64 *gpte)
{
	const struct memslot *slot = host_slot(a->vm, sp->gfn);

	if (sp->unsync) {
		*gpte = sp->snapshot[index];
		return true;
	}
	*gpte = 0;
	if (host_read_atomic(a->vm, entry_gpa(sp, index), gpte, role_entry_bytes(sp->role)))
		return false;
	if (slot && (slot->flags & MEMSLOT_READONLY))
		*gpte |= PTE_A | PTE_D;
	return true;
}

/* CR0.WP=0: read-only to the user can be writable for the supervisor alone. */
static unsigned int wp0_access(const struct shadow_page *sp, unsigned int index)
{
	return sp->role.wp || spte_user(sp->spt[index]) ? 0 : ACC_WRITE;
}

/* gfn that a leaf should map by what is above it; false if it should not be there. */
static bool leaf_expected(const struct shadow_page *sp, unsigned int index, u64 gpte,
			  gfn_t *gfn, unsigned int *access)
{
	*gfn = sp->gfn + index * level_frames(sp->role.level);
	*access = sp->role.access;
	if (sp->role.metaphysical)
		return true;
	if (!(gpte & PTE_P) || !(gpte & PTE_A) || pte_reserved(sp->role, gpte, sp->role.level) ||
	    !pte_is_leaf(sp->role, gpte, sp->role.level))
		return false;
	*gfn = pte_gfn(sp->role, gpte, sp->role.level);
	if (sptes_per_entry(sp->role) == 2)
		*gfn += (index & 1) * level_frames(2);
	*access &= pte_access(sp->role, gpte);
	if (!(gpte & PTE_D))
		*access &= ~ACC_WRITE;
	else
		*access |= wp0_access(sp, index);
	return true;
}

static void audit_rights(struct audit *a, struct shadow_page *sp, unsigned int index,
			 unsigned int access)
{
	u64 spte = sp->spt[index];

	if (spte_loses(spte, spte_leaf(spte_pfn(spte), sp->role.level, access, true, false)))
		breach(a, 3, sp, index, "leaf with rights that the guest's table does not give");
}

static void audit_listed(struct audit *a, struct shadow_page *sp, unsigned int index)
{
	if (!on_a_list(a->vm, sp, index))
		breach(a, 1, sp, index, "leaf is on no list");
}

/* What can be told without the guest's entry. */
static void audit_leaf_alone(struct audit *a, struct shadow_page *sp, unsigned int index)
{
	audit_rights(a, sp, index, sp->role.access | wp0_access(sp, index));
	audit_listed(a, sp, index);
}

/* Are all frames of a leaf in the dirty log? */
static bool log_has(const struct memslot *slot, gfn_t gfn, int level)
{
	u64 i;

	for (i = 0; i < level_frames(level); i++)
		if (!test_bit(memslot_index(slot, gfn + i), slot->dirty_bitmap))
			return false;
	return true;
}

/*
 * Is a frame that may be written missing in the dirty log? A bit is cleared before the frame is
 * write-protected, both while the slot is settling.
 */
static bool log_lacks(const struct memslot *slot, gfn_t gfn, int level)
{
	if (!slot->dirty_bitmap || log_has(slot, gfn, level))
		return false;
	smp_rmb();	/* with log_take() */
	return !READ_ONCE(slot->settling);
}

static void audit_writable(struct audit *a, struct shadow_page *sp, unsigned int index,
			   const struct memslot *slot, gfn_t gfn)
{
	if (slot->flags & MEMSLOT_READONLY)
		breach(a, 2, sp, index, "writable leaf in a read-only slot");
	if (rmap_head(a->vm, slot, gfn, sp->role.level)->prev)
		breach(a, 2, sp, index, "writable leaf over a shadowed table");
	if (log_lacks(slot, gfn, sp->role.level))
		breach(a, 2, sp, index, "writable leaf that is not in the dirty log");
}

static void audit_leaf(struct audit *a, struct shadow_page *sp, unsigned int index)
{
	const struct memslot *slot;
	unsigned int access;
	u64 gpte = 0;
	u32 head;
	gfn_t gfn;

	if (!sp->role.metaphysical && !guest_entry(a, sp, index, &gpte)) {
		audit_leaf_alone(a, sp, index);
		return;
	}
	if (!leaf_expected(sp, index, gpte, &gfn, &access)) {
		breach(a, 3, sp, index, "leaf that the guest's table does not have");
		audit_listed(a, sp, index);
		return;
	}
	audit_rights(a, sp, index, access);
	slot = host_slot(a->vm, gfn);
	if (!slot) {
		if (!a->vm->going)
			breach(a, 1, sp, index, "leaf outside all slots");
		return;
	}
	head = rmap_head_id(slot, gfn, sp->role.level);
	if (!list_has(a->vm, link_at(a->vm, head)->next, head, link_find(sp, index)))
		breach(a, 1, sp, index, "leaf is not on its rmap");
	if (spte_writable(sp->spt[index]))
		audit_writable(a, sp, index, slot, gfn);
}

static void audit_np(struct audit *a, struct shadow_page *sp, unsigned int index)
{
	u64 gpte = 0;

	if (sp->role.level > 1 || sp->role.metaphysical || sp->unsync)
		breach(a, 4, sp, index, "not-present spte where writes are not seen");
	else if (!host_read_atomic(a->vm, entry_gpa(sp, index), &gpte,
				   role_entry_bytes(sp->role)) &&
		 (gpte & PTE_P) && !a->vm->writers)
		breach(a, 4, sp, index, "not-present spte, but the guest's entry is present");
}

/* How many times vCPUs have the page in a root. */
static unsigned int roots_with(const struct mmu_vm *vm, const struct shadow_page *sp)
{
	const struct mmu_root *r;
	const struct mmu_vcpu *m;
	unsigned int i, n = 0;

	list_for_each_entry(m, &vm->vcpus, node)
		for (r = m->roots; r < m->roots + MMU_ROOTS; r++)
			for (i = 0; i < 4; i++)
				n += r->page[i] == sp;
	return n;
}

static void audit_root(struct audit *a, const struct mmu_vcpu *m, const struct mmu_root *r)
{
	const struct shadow_page *sp;
	hpa_t walked = r->hpa;
	unsigned int i;

	for (i = 0; i < 4; i++) {
		sp = r->page[i];
		if (!sp)
			continue;
		if (r->level == 3)
			walked = m->pae_tables[r - m->roots][i] & PTE_FRAME;
		if (walked != host_table_hpa(sp->spt))
			breach(a, 6, sp, 0, "the processor walks another table than the root's");
		if (sp->roots != roots_with(a->vm, sp))
			breach(a, 6, sp, 0, "wrong count of roots");
	}
}

static void audit_roots(struct audit *a)
{
	const struct shadow_page *sp;
	const struct mmu_root *r;
	const struct mmu_vcpu *m;

	list_for_each_entry(m, &a->vm->vcpus, node)
		for (r = m->roots; r < m->roots + MMU_ROOTS; r++)
			audit_root(a, m, r);
	list_for_each_entry(sp, &a->vm->doomed, list)
		if (sp->roots)
			breach(a, 6, sp, 0, "a root is about to be freed");
}

static void audit_page(struct audit *a, struct shadow_page *sp)
{
	unsigned int i, present = 0;

	for (i = 0; i < TABLE_ENTRIES; i++) {
		if (!sp->spt[i] && mmu_passthrough)
			audit_np(a, sp, i);
		if (!spte_present(sp->spt[i])) {
			if (on_a_list(a->vm, sp, i))
				breach(a, 1, sp, i, "on a list, but not present");
			continue;
		}
		present++;
		if (spte_is_leaf(sp->spt[i], sp->role.level))
			audit_leaf(a, sp, i);
		else
			audit_link(a, sp, i);
	}
	if (present != sp->present)
		breach(a, 5, sp, 0, "wrong count of present entries");
	if (sp->roots && !roots_with(a->vm, sp))
		breach(a, 6, sp, 0, "a root that no vCPU has");
}

unsigned long audit_locked(struct mmu_vm *vm)
{
	struct audit a = { .vm = vm };
	unsigned long pages = 0;
	struct shadow_page *sp;

	list_for_each_entry(sp, &vm->active, list) {
		audit_page(&a, sp);
		pages++;
	}
	if (pages != vm->nr_pages) {
		a.breaches++;
		host_complain("audit: invariant 5: %lu shadow pages, counted %lu", vm->nr_pages,
			      pages);
	}
	audit_roots(&a);
	vm->audit_due = false;
	vm->audit_failures += a.breaches;
	return a.breaches;
}

unsigned long mmu_audit(struct mmu_vm *vm)
{
	unsigned long breaches;

	spin_lock(&vm->lock);
	breaches = audit_locked(vm);
	spin_unlock(&vm->lock);
	return breaches;
}
