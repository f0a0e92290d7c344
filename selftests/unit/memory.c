// SPDX-License-Identifier: GPL-2.0-only
/* The VMM's memory, memslots over it, and what a host does to both. */
#include "host.h"
#include "machine.h"

static u64 new_pfn(u64 npages)
{
	u64 pfn = (mach.next_pfn + npages - 1) & ~(npages - 1);
	u64 need = pfn + npages - FIRST_PFN;

	mach.next_pfn = pfn + npages;
	if (need > mach.nr_frames) {
		u64 room = max(need, mach.nr_frames * 2);

		mach.frame = realloc(mach.frame, room * sizeof(*mach.frame));
		memset(mach.frame + mach.nr_frames, 0,
		       (room - mach.nr_frames) * sizeof(*mach.frame));
		mach.nr_frames = room;
	}
	return pfn;
}

struct vpage *frame_owner(u64 pfn)
{
	return pfn - FIRST_PFN < mach.nr_frames ? mach.frame[pfn - FIRST_PFN] : NULL;
}

static void set_frame(struct vpage *page, u64 pfn)
{
	if (page->twin) {
		mach.frame[page->pfn - FIRST_PFN] = page->twin;
		page->twin->twin = NULL;
		page->twin = NULL;
	} else if (page->pfn) {
		mach.frame[page->pfn - FIRST_PFN] = NULL;
	}
	page->pfn = pfn;
	if (pfn)
		mach.frame[pfn - FIRST_PFN] = page;
}

/* Memory for the VMM; at level 2 or 3 all of it is there, in large pages. */
unsigned long vmm_mmap(u64 npages, int level)
{
	struct region *region = &mach.region[mach.nr_regions++];
	u64 align = 1ull << (9 * (level - 1)), i, pfn = 0;

	EXPECT(mach.nr_regions <= ARRAY_SIZE(mach.region), "too many regions");
	npages = (npages + align - 1) & ~(align - 1);
	mach.next_hva = (mach.next_hva + align * PAGE - 1) & ~(align * PAGE - 1);
	*region = (struct region){ mach.next_hva, npages, calloc(npages, sizeof(struct vpage)) };
	mach.next_hva += (npages + 1) * PAGE;
	for (i = 0; i < npages; i++) {
		region->page[i].level = level;
		if (level == 1)
			continue;
		if (!(i & (align - 1)))
			pfn = new_pfn(align);
		set_frame(&region->page[i], pfn + (i & (align - 1)));
	}
	return region->hva;
}

struct vpage *vmm_page(unsigned long hva)
{
	unsigned int i;

	for (i = 0; i < mach.nr_regions; i++) {
		struct region *region = &mach.region[i];

		if (hva - region->hva < region->npages * PAGE)
			return &region->page[(hva - region->hva) / PAGE];
	}
	return NULL;
}

static unsigned long page_hva(const struct vpage *page)
{
	unsigned int i;

	for (i = 0; i < mach.nr_regions; i++) {
		struct region *region = &mach.region[i];

		if (page >= region->page && page < region->page + region->npages)
			return region->hva + (page - region->page) * PAGE;
	}
	machine_fail("page of no region");
}

/* Give a page a frame, a private one if it is to be written. */
int vpage_fault_in(struct vpage *page, bool write)
{
	if (!page || page->gone)
		return -EFAULT;
	if (page->poisoned)
		return -EHWPOISON;
	if (page->pfn && !(write && page->readonly))
		return 0;
	if (page->vanishing)
		return -EAGAIN;
	if (page->pfn)
		host_invalidate_begin(page_hva(page), 1);
	set_frame(page, new_pfn(1));
	page->level = 1;
	if (write || !page->twin)
		page->readonly = false;
	if (page->vanishing)
		host_invalidate_end(page_hva(page), 1);
	return 0;
}

/* As if the VMM had touched it. */
void host_page_is_there(u64 gfn)
{
	vpage_fault_in(gfn_page(gfn), true);
}

/* Slots */

/* Also one that is going: its translations may be used until mmu_slot_gone() ends. */
struct slot *slot_or_going(u64 gfn)
{
	int i;

	for (i = 0; i < NR_SLOTS; i++)
		if (mach.slot[i].used && memslot_has(&mach.slot[i].mem, gfn))
			return &mach.slot[i];
	return NULL;
}

struct slot *slot_of(u64 gfn)
{
	struct slot *slot = slot_or_going(gfn);

	return slot && !slot->going ? slot : NULL;
}

struct vpage *gfn_page(u64 gfn)
{
	struct slot *slot = slot_of(gfn);

	return slot ? vmm_page(memslot_hva(&slot->mem, gfn)) : NULL;
}

struct memslot *slot_add(int id, u64 base_gfn, u64 npages, unsigned long hva, u32 flags)
{
	struct slot *slot = &mach.slot[id];

	EXPECT(!slot->used, "slot %d is in use", id);
	memset(slot, 0, sizeof(*slot));
	slot->mem = (struct memslot){
		.base_gfn = base_gfn, .npages = npages, .hva = hva, .flags = flags, .id = id,
	};
	if (flags & MEMSLOT_LOG_DIRTY)
		slot->mem.dirty_bitmap = calloc(BITS_TO_LONGS(npages), sizeof(long));
	if (mmu_slot_create(&mach.vm, &slot->mem)) {
		free(slot->mem.dirty_bitmap);
		return NULL;
	}
	slot->born = ++mach.now;
	slot->used = true;
	mmu_slot_shown(&mach.vm);
	return &slot->mem;
}

void slot_unlist(int id)
{
	mach.slot[id].going = true;
}

void slot_finish(int id)
{
	struct slot *slot = &mach.slot[id];

	mmu_slot_gone(&mach.vm, &slot->mem);
	slot->used = false;
	check_reachable("after mmu_slot_gone()");
	mmu_slot_free(&mach.vm, &slot->mem);
	free(slot->mem.dirty_bitmap);
	slot->mem.dirty_bitmap = NULL;
}

void slot_delete(int id)
{
	slot_unlist(id);
	slot_finish(id);
}

static void slot_change(int id, u64 base_gfn, u32 flags)
{
	struct memslot was = mach.slot[id].mem;

	slot_delete(id);
	EXPECT(slot_add(id, base_gfn, was.npages, was.hva, flags), "slot %d: no memory", id);
}

void slot_flags(int id, u32 flags)
{
	slot_change(id, mach.slot[id].mem.base_gfn, flags);
}

void slot_move(int id, u64 base_gfn)
{
	slot_change(id, base_gfn, mach.slot[id].mem.flags);
}

/* What KVM_GET_DIRTY_LOG does. */
void dirty_log_get(int id)
{
	struct memslot *slot = &mach.slot[id].mem;
	bool flush = false;
	u64 i;

	mach.reading_log = slot->settling = true;
	for (i = 0; i < slot->npages; i += BITS_PER_LONG) {
		unsigned long mask = xchg(&slot->dirty_bitmap[i / BITS_PER_LONG], 0);

		if (mask)
			flush |= mmu_slot_wrprotect(&mach.vm, slot, i, mask);
	}
	slot->settling = false;
	if (flush)
		mmu_flush(&mach.vm);
	mach.reading_log = false;
	check_reachable("after the dirty log was read");
}

/* The MMU notifier, for each slot that the range of addresses touches. */

static bool slot_range(const struct slot *slot, unsigned long hva, u64 npages, u64 *first,
		       u64 *end)
{
	unsigned long from = max(hva, slot->mem.hva);
	unsigned long to = min(hva + npages * PAGE, slot->mem.hva + slot->mem.npages * PAGE);

	if (!slot->used || slot->going || from >= to)
		return false;
	*first = slot->mem.base_gfn + (from - slot->mem.hva) / PAGE;
	*end = slot->mem.base_gfn + (to - slot->mem.hva) / PAGE;
	return true;
}

void host_invalidate_begin(unsigned long hva, u64 npages)
{
	bool flush = false;
	u64 i, first, end;

	spin_lock(&mach.vm.lock);
	mach.invalidating++;
	for (i = 0; i < NR_SLOTS; i++)
		if (slot_range(&mach.slot[i], hva, npages, &first, &end))
			flush |= mmu_zap_range(&mach.vm, &mach.slot[i].mem, first, end,
					       !mach.hook);
	if (flush)
		host_flush_remote(&mach.vm);
	for (i = 0; i < npages; i++)
		vmm_page(hva + i * PAGE)->vanishing = true;
	check_reachable("in an MMU notifier");
	spin_unlock(&mach.vm.lock);
}

void host_invalidate_end(unsigned long hva, u64 npages)
{
	u64 i;

	for (i = 0; i < npages; i++)
		vmm_page(hva + i * PAGE)->vanishing = false;
	mach.seq++;
	mach.invalidating--;
}

/* A large page that is to lose a part becomes small ones. */
static void split_large(struct vpage *page)
{
	u64 n = 1ull << (9 * (page->level - 1)), i;
	struct vpage *first = vmm_page(page_hva(page) & ~(n * PAGE - 1));

	for (i = 0; i < n; i++)
		first[i].level = 1;
}

static void host_change(struct vpage *page, u64 pfn, bool readonly, bool gone)
{
	unsigned long hva = page_hva(page);

	if (page->vanishing)
		return;
	host_invalidate_begin(hva, 1);
	split_large(page);
	set_frame(page, pfn);
	page->readonly = readonly;
	page->gone = gone;
	host_invalidate_end(hva, 1);
}

void host_swap_out(u64 gfn)
{
	struct vpage *page = gfn_page(gfn);

	if (page)
		host_change(page, 0, false, page->gone);
}

/* fork(): the frame stays, but may not be written any more. */
void host_make_shared(u64 gfn)
{
	struct vpage *page = gfn_page(gfn);
	unsigned long hva;

	if (!page || !page->pfn || page->vanishing || page->level > 1)
		return;
	hva = page_hva(page);
	host_invalidate_begin(hva, 1);
	page->readonly = true;
	host_invalidate_end(hva, 1);
}

/* KSM: two pages with the same contents get one frame. */
void host_merge(u64 gfn, u64 other)
{
	struct vpage *page = gfn_page(gfn), *with = gfn_page(other);

	if (!page || !with || page == with || page->twin || with->twin || page->level > 1 ||
	    with->level > 1 || !with->pfn || !page->pfn || page->vanishing || with->vanishing)
		return;
	if (page->data != with->data &&
	    (!page->data || !with->data || memcmp(page->data, with->data, PAGE)))
		return;
	host_make_shared(other);
	host_invalidate_begin(page_hva(page), 1);
	set_frame(page, 0);
	page->pfn = with->pfn;
	page->twin = with;
	with->twin = page;
	page->readonly = true;
	host_invalidate_end(page_hva(page), 1);
}

/* THP: small pages are replaced by a large one. */
void host_collapse(u64 gfn, int level)
{
	u64 n = 1ull << (9 * (level - 1)), i, pfn;
	unsigned long hva;
	struct vpage *page = gfn_page(gfn);

	if (!page)
		return;
	hva = page_hva(page) & ~(n * PAGE - 1);
	if (!vmm_page(hva) || !vmm_page(hva + (n - 1) * PAGE))
		return;
	for (i = 0; i < n; i++)
		if (vmm_page(hva + i * PAGE)->vanishing)
			return;
	host_invalidate_begin(hva, n);
	pfn = new_pfn(n);
	for (i = 0; i < n; i++) {
		page = vmm_page(hva + i * PAGE);
		set_frame(page, pfn + i);
		page->level = level;
		page->readonly = page->gone = page->poisoned = false;
	}
	host_invalidate_end(hva, n);
}

void host_unmap(u64 gfn)
{
	struct vpage *page = gfn_page(gfn);

	if (page)
		host_change(page, 0, false, true);
}

void host_remap(u64 gfn)
{
	struct vpage *page = gfn_page(gfn);

	if (page)
		page->gone = page->poisoned = false;
}

void host_poison(u64 gfn)
{
	struct vpage *page = gfn_page(gfn);

	if (!page || page->gone || page->vanishing)
		return;
	host_change(page, 0, false, false);
	page->poisoned = true;
}

bool host_age(u64 gfn, u64 npages, bool clear)
{
	struct slot *slot = slot_of(gfn);
	bool young;

	if (!slot)
		return false;
	npages = min(npages, slot->mem.base_gfn + slot->mem.npages - gfn);
	spin_lock(&mach.vm.lock);
	young = mmu_age_range(&mach.vm, &slot->mem, gfn, gfn + npages, clear);
	spin_unlock(&mach.vm.lock);
	return young;
}

/* Contents */

static void keep_past(struct vpage *page, unsigned int index)
{
	struct past *past;

	if (!page->past) {
		page->past = malloc(512 * sizeof(u32));
		memset(page->past, 0xff, 512 * sizeof(u32));
	}
	if (mach.nr_past == mach.max_past) {
		mach.max_past = max(1024u, mach.max_past * 2);
		mach.past = realloc(mach.past, mach.max_past * sizeof(*mach.past));
	}
	past = &mach.past[mach.nr_past];
	*past = (struct past){ page->data[index], mach.now, page->past[index] };
	page->past[index] = mach.nr_past++;
}

u64 page_read(struct vpage *page, unsigned int offset, unsigned int len)
{
	u64 value = 0;

	if (page->data)
		memcpy(&value, (char *)page->data + offset, len);
	return value;
}

void page_write(struct vpage *page, unsigned int offset, const void *src, unsigned int len)
{
	unsigned int i, from = offset / 8, to = (offset + len - 1) / 8;

	EXPECT(offset + len <= PAGE, "write across a page");
	if (!page->data)
		page->data = calloc(1, PAGE);
	if (!memcmp((char *)page->data + offset, src, len))
		return;
	mach.now++;
	for (i = from; i <= to; i++)
		keep_past(page, i);
	memcpy((char *)page->data + offset, src, len);
}

u64 ram_read(gpa_t gpa, unsigned int len)
{
	struct vpage *page = gfn_page(gpa / PAGE);

	EXPECT(page, "ram_read: no memory at 0x%llx", gpa);
	return page_read(page, gpa % PAGE, len);
}

void ram_poke(gpa_t gpa, u64 value, unsigned int len)
{
	struct vpage *page = gfn_page(gpa / PAGE);

	EXPECT(page, "ram_poke: no memory at 0x%llx", gpa);
	page_write(page, gpa % PAGE, &value, len);
}

void memory_free(void)
{
	unsigned int i;
	u64 n;

	for (i = 0; i < mach.nr_regions; i++) {
		for (n = 0; n < mach.region[i].npages; n++) {
			free(mach.region[i].page[n].data);
			free(mach.region[i].page[n].past);
		}
		free(mach.region[i].page);
	}
	free(mach.frame);
	free(mach.past);
}
