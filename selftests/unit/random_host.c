// SPDX-License-Identifier: GPL-2.0-only
/* What a host does in random programs: to memory, to slots, to the MMU as a whole. */
#include "random.h"

struct world world;

static const struct { u64 gfn, npages; unsigned long *hva; } places[6] = {
	{ 0, SMALL_FRAMES, &world.small_hva }, { LARGE_GFN, LARGE_FRAMES, &world.large_hva },
	{ HIGH_GFN, SMALL_FRAMES, &world.high_hva }, { ROM_GFN, 16, &world.rom_hva },
	{ GFN_SMM, SMALL_FRAMES, &world.small_hva },
	{ GFN_SMM | HIGH_GFN, SMALL_FRAMES, &world.smm_hva },
};

void add_slot(int id, u32 flags)
{
	if (mach.slot[id].used)
		return;
	slot_add(id, places[id].gfn, places[id].npages, *places[id].hva,
		 flags | (id == 3 ? MEMSLOT_READONLY : 0));
	mach.failed = false;
}

static void delete_slot(int id)
{
	if (!mach.slot[id].used || mach.slot[id].going || (world.nested && world.unfinished >= 0))
		return;
	slot_unlist(id);
	if (world.nested)
		world.unfinished = id;
	else
		slot_finish(id);
}

static void op_slot_flags(const struct op *op)
{
	int id = op->a % 3;

	if (!world.nested) {
		delete_slot(id);
		add_slot(id, op->b & 1 ? MEMSLOT_LOG_DIRTY : 0);
	}
}

static void op_slot_move(void)
{
	static const u64 to[2] = { HIGH_GFN, HIGH_GFN + 0x1000 };
	bool away;

	if (world.nested || !mach.slot[2].used)
		return;
	away = mach.slot[2].mem.base_gfn == to[1];
	delete_slot(2);
	slot_add(2, to[!away], SMALL_FRAMES, world.high_hva, 0);
}

static void op_dirty_log(const struct op *op)
{
	int id = op->a % 3;

	if (mach.slot[id].used && !mach.slot[id].going && mach.slot[id].mem.dirty_bitmap)
		dirty_log_get(id);
}

/* Slots that only SMM sees come and go; their logs are their own. */
static void op_slot_smm(const struct op *op)
{
	int id = SMM_SLOT + (op->a & 1);

	if (mach.slot[id].used && !mach.slot[id].going && mach.slot[id].mem.dirty_bitmap &&
	    op->b & 2)
		dirty_log_get(id);
	else if (op->b & 4)
		delete_slot(id);
	else
		add_slot(id, op->b & 1 ? MEMSLOT_LOG_DIRTY : 0);
}

/* A notifier's window that stays open for some operations. */
static void op_invalidate(const struct op *op)
{
	struct vpage *page = gfn_page(pick_gfn(op->a));

	if (world.window) {
		host_invalidate_end(world.window, 1);
		world.window = 0;
	} else if (page && !page->vanishing) {
		struct slot *slot = slot_of(pick_gfn(op->a));

		world.window = memslot_hva(&slot->mem, pick_gfn(op->a));
		host_invalidate_begin(world.window, 1);
	}
}

void memory_op(const struct op *op)
{
	u64 gfn = pick_gfn(op->a);

	if (world.host_busy)
		return;
	world.host_busy = true;
	switch (op->kind) {
	case OP_SWAP_OUT:
		host_swap_out(gfn);
		break;
	case OP_SHARE:
		host_make_shared(gfn);
		break;
	case OP_MERGE:
		host_merge(gfn, pick_gfn(op->b));
		break;
	case OP_COLLAPSE:
		host_collapse(LARGE_GFN + (op->a & 1) * 512, 2);
		break;
	case OP_UNMAP:
		host_unmap(gfn);
		break;
	case OP_REMAP:
		host_remap(gfn);
		break;
	case OP_POISON:
		host_poison(gfn);
		break;
	case OP_INVALIDATE:
		op_invalidate(op);
		break;
	default:
		host_age(gfn, 1 + op->b % 64, op->c & 1);
	}
	world.host_busy = false;
}

/* One at a time, as a VMM's slot ioctls are. */
void slot_op(const struct op *op)
{
	if (world.slots_busy)
		return;
	world.slots_busy = true;
	if (op->kind == OP_DIRTY_LOG)
		op_dirty_log(op);
	else if (op->kind == OP_SLOT_FLAGS)
		op_slot_flags(op);
	else if (op->kind == OP_SLOT_MOVE)
		op_slot_move();
	else if (op->kind == OP_SLOT_SMM)
		op_slot_smm(op);
	else if (op->kind == OP_SLOT_DELETE)
		delete_slot(op->a % 4);
	else
		add_slot(op->a % 4, op->b & 1 ? MEMSLOT_LOG_DIRTY : 0);
	world.slots_busy = world.nested && world.unfinished >= 0;
}

void host_op(const struct op *op)
{
	switch (op->kind) {
	case OP_SHRINK:
		mmu_vm_shrink(&mach.vm, op->a % 40);
		return;
	case OP_QUOTA:
		if (mmu_vm_set_quota(&mach.vm, 1 + op->a % 300))
			mach.failed = false;
		return;
	case OP_ZAP_ALL:
		return mmu_vm_zap_all(&mach.vm);
	case OP_FAIL_ALLOC:
		mach.fail_at = 1 + op->a % 40;
		return;
	case OP_FAIL_PAGE:
		mach.page_error = op->a & 1 ? -EAGAIN : -EINTR;
		return;
	default:
		emulate_unknown = op->a & 1;
	}
}
