// SPDX-License-Identifier: GPL-2.0-only
/*
 * The MMU's part of a VM and of a vCPU: made, limited, destroyed. Switches.
 *
 * Floor 10.
 */
#include <linux/moduleparam.h>

#include "internal.h"

bool mmu_cache_on = true;
module_param_named(cache, mmu_cache_on, bool, 0644);
MODULE_PARM_DESC(cache, "keep shadow pages over CR3 loads (default: Y)");

bool mmu_large = true;
module_param_named(large, mmu_large, bool, 0644);
MODULE_PARM_DESC(large, "use large sptes where guest and host allow (default: Y)");

bool mmu_tags = true;
module_param_named(tags, mmu_tags, bool, 0444);
MODULE_PARM_DESC(tags, "each root has its own tag (ASID, VPID) in the TLB (default: Y)");

unsigned int mmu_roots = MMU_ROOTS;
module_param_named(roots, mmu_roots, uint, 0644);
MODULE_PARM_DESC(roots, "roots that a vCPU keeps at hand, 1 to 32 (default: 32)");

bool mmu_audit_on;
module_param_named(audit, mmu_audit_on, bool, 0644);
MODULE_PARM_DESC(audit, "check all invariants at every zap and root change; slow (default: N)");

bool mmu_passthrough;
static bool passthrough = true;
module_param(passthrough, bool, 0444);
MODULE_PARM_DESC(passthrough, "leave the guest's own not-present faults to it, where VT-x can (default: Y)");
module_param_named(straight, passthrough, bool, 0444);	/* its old name, for one more release */


bool mmu_nx_huge;
static char *nx_huge_pages = "auto";
module_param(nx_huge_pages, charp, 0444);
MODULE_PARM_DESC(nx_huge_pages, "code is mapped by 4 KiB sptes only: force, off, or auto: where the processor needs it");

static bool nx_huge_wanted(void)
{
	if (!strcmp(nx_huge_pages, "off"))
		return false;
	return !strcmp(nx_huge_pages, "force") || host_itlb_multihit();
}

void mmu_init_pf_passthrough(bool filter, unsigned int physical_bits)
{
	mmu_passthrough = passthrough && filter && physical_bits <= SPTE_MARK_BIT;
}

/* Roots and paths of a few vCPUs: below this a VM would not get on. */
#define QUOTA_MIN 64

int mmu_vm_init(struct mmu_vm *vm)
{
	WRITE_ONCE(mmu_nx_huge, nx_huge_wanted());
	spin_lock_init(&vm->lock);
	INIT_LIST_HEAD(&vm->active);
	INIT_LIST_HEAD(&vm->doomed);
	INIT_LIST_HEAD(&vm->orphans);
	INIT_LIST_HEAD(&vm->unsync);
	INIT_LIST_HEAD(&vm->vcpus);
	/* 0 is before all. */
	vm->unsync_gen = 1;
	vm->sync_clock = 1;
	if (!mmu_vm_set_quota(vm, QUOTA_MIN))
		return 0;
	mmu_vm_destroy(vm);
	return -ENOMEM;
}

void mmu_vm_destroy(struct mmu_vm *vm)
{
	if (vm->hash)
		zap_all(vm, true);
	WARN_ON(vm->nr_pages || vm->stats.sptes || !list_empty(&vm->vcpus));
	links_destroy(vm);
	host_free(vm->hash);
	vm->hash = NULL;
}

void mmu_vm_zap_all(struct mmu_vm *vm)
{
	zap_all(vm, true);
}

int mmu_vm_set_quota(struct mmu_vm *vm, unsigned long pages)
{
	pages = clamp(pages, (unsigned long)QUOTA_MIN, 1ul << 22);
	if (page_hash_resize(vm, pages) || links_reserve(vm, pages))
		return -ENOMEM;
	spin_lock(&vm->lock);
	vm->max_pages = pages;
	if (vm->nr_pages > vm->max_pages)
		page_shrink(vm, vm->nr_pages - vm->max_pages);
	audit_if_due(vm);
	spin_unlock(&vm->lock);
	return 0;
}

unsigned long mmu_vm_shrink(struct mmu_vm *vm, unsigned long nr)
{
	unsigned long dropped;

	spin_lock(&vm->lock);
	dropped = page_shrink(vm, nr);
	audit_if_due(vm);
	spin_unlock(&vm->lock);
	return dropped;
}

int mmu_vcpu_init(struct mmu_vcpu *m, struct mmu_vm *vm)
{
	int i;

	m->vm = vm;
	m->root_hpa = INVALID_ROOT;
	for (i = 0; i < MMU_ROOTS; i++)
		m->roots[i].hpa = INVALID_ROOT;
	m->role.access = ACC_ALL;
	m->pae_tables = (void *)host_alloc_table_low();
	if (!m->pae_tables)
		return -ENOMEM;
	spin_lock(&vm->lock);
	list_add_tail(&m->node, &vm->vcpus);
	spin_unlock(&vm->lock);
	return 0;
}

void mmu_vcpu_destroy(struct mmu_vcpu *m)
{
	if (!m->pae_tables)
		return;
	mmu_drop_root(m);
	spin_lock(&m->vm->lock);
	list_del(&m->node);
	spin_unlock(&m->vm->lock);
	cache_free(&m->cache);
	host_free_table((u64 *)m->pae_tables);
	m->pae_tables = NULL;
}

void mmu_stats_snapshot(struct mmu_vm *vm, struct mmu_stats *stats)
{
	spin_lock(&vm->lock);
	*stats = vm->stats;
	spin_unlock(&vm->lock);
}
