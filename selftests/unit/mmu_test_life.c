// SPDX-License-Identifier: GPL-2.0-only
/* Hard cases 31 to 36: life and death, memory that runs out, a host that interferes. */
#include "tap.h"

#include <linux/moduleparam.h>

#include "guest.h"
#include "host.h"

#define VA 0x40005000ull

/* A bit of everything that allocates; returns early where something fails. */
static void busy_life(enum mode mode)
{
	struct vcpu *v = vcpu(0);
	unsigned int i;

	for (i = 0; i < 8; i++) {
		struct outcome out = guest_access(v, VA + i * PAGE, i & 1 ? UWRITE : READ_);

		/* Again: it must get on now. */
		if (out.kind == OUT_ERROR)
			expect_gpa(v, VA + i * PAGE, i & 1 ? UWRITE : READ_, DATA + i * PAGE);
		entry_set(v, VA + i * PAGE, 1, (DATA + i * PAGE) | P | W | U | A);
	}
	CHECK(mode != MODE_OFF);
	if (!slot_add(1, 0x100000, 600, vmm_mmap(600, 1), 0))
		mach.failed = false;
	if (mmu_vm_set_quota(&mach.vm, 3000))
		mach.failed = false;
	guest_access(v, VA, WRITE_);
}

/* A vCPU that has nothing preallocated. */
static void with_empty_cache(struct vcpu *v, enum mode mode)
{
	u64 cr3 = v->regs.cr3;

	vcpu_remove(v);
	vcpu_add(v);
	v->regs.cr3 = cr3;
	guest_mode(v, mode, 0, 0, 0);
}

TEST(hc31_allocation_fails_at_every_place)
{
	enum mode mode;
	unsigned long n, total;

	for (mode = MODE_32; mode < NR_MODES; mode++) {
		for (n = 0, total = 1; n <= total; n++) {
			unsigned int i;

			guest_start(mode, 1);
			for (i = 0; i < 8; i++)
				guest_map(vcpu(0), VA + i * PAGE, DATA + i * PAGE, P | W | U, 1);
			with_empty_cache(vcpu(0), mode);
			mach.allocations = 0;
			mach.fail_at = n;
			busy_life(mode);
			if (!n)
				total = mach.allocations;
			CHECK(!n || mach.fail_at == 0);
			mach.fail_at = 0;
			expect_audit();
			machine_done();
		}
		CHECK(total > 20);
	}
}

static void drain_cache(struct mmu_cache *cache)
{
	while (cache->tables)
		host_free_table(cache->table[--cache->tables]);
	while (cache->pages)
		host_free(cache->page[--cache->pages]);
}

/* A fault that may not sleep does without spare objects, or leaves it to one that may. */
TEST(hc31_no_spare_objects_when_sleeping_is_out)
{
	struct vcpu *v = vcpu(0);
	int i;

	guest_start(MODE_LONG, 1);
	for (i = 0; i < 64; i++)
		guest_map(v, VA + i * 32 * PAGE, DATA, P | W | U | A | D, 1);
	for (i = 0; i < 64; i++) {
		drain_cache(&v->m.cache);
		expect_gpa(v, VA + i * 32 * PAGE, WRITE_, DATA);
	}
	expect_audit();
	machine_done();
}

TEST(hc31_vm_and_vcpu_creation_fail_cleanly)
{
	unsigned long n;

	for (n = 1; n < 6; n++) {
		machine_reset(0);
		mmu_vm_destroy(&mach.vm);
		CHECK_EQ(mach.live_objects, 0);
		CHECK_EQ(mach.live_tables, 0);
		memset(&mach.vm, 0, sizeof(mach.vm));
		mach.fail_at = n;
		if (!mmu_vm_init(&mach.vm)) {
			struct mmu_vcpu m = { 0 };
			int r = mmu_vcpu_init(&m, &mach.vm);

			CHECK(!r || r == -ENOMEM);
			mmu_vcpu_destroy(&m);
			mmu_vm_destroy(&mach.vm);
		}
		CHECK_EQ(mach.live_objects, 0);
		CHECK_EQ(mach.live_tables, 0);
	}
}

TEST(hc31_host_page_errors_reach_the_caller)
{
	struct vcpu *v = vcpu(0);

	guest_start(MODE_LONG, 1);
	guest_map(v, VA, DATA, P | W | U, 1);
	host_unmap(DATA / PAGE);
	CHECK_EQ(guest_access(v, VA, READ_).err, -EFAULT);
	host_remap(DATA / PAGE);
	expect_gpa(v, VA, READ_, DATA);
	host_poison(DATA / PAGE);
	CHECK_EQ(guest_access(v, VA, READ_).err, -EHWPOISON);
	host_remap(DATA / PAGE);
	mach.page_error = -EINTR;
	CHECK_EQ(guest_access(v, VA, WRITE_).err, -EINTR);
	mach.page_error = -EAGAIN;
	expect_gpa(v, VA, WRITE_, DATA);
	machine_done();
}

/* Things that the host does in the middle of a fault, at each place where it can. */
static unsigned int chances, chosen;
static void (*intrude)(void);
static bool slot_waits;

static void intruder(const char *where)
{
	(void)where;
	if (++chances != chosen)
		return;
	mach.interleaved++;
	mach.access = NULL;
	mach.hook = NULL;
	intrude();
	mach.hook = intruder;
}

static void swap_out(void)
{
	host_swap_out(DATA / PAGE);
}

static void make_shared(void)
{
	host_make_shared(DATA / PAGE);
}

static void unlist(void)
{
	slot_unlist(RAM_SLOT);
	slot_waits = true;
}

static void get_log(void)
{
	if (mach.slot[RAM_SLOT].mem.dirty_bitmap)
		dirty_log_get(RAM_SLOT);
}

static void zap_all(void)
{
	mmu_vm_zap_all(&mach.vm);
}

static void shrink(void)
{
	mmu_vm_shrink(&mach.vm, 1000);
}

static void collapse(void)
{
	host_collapse(DATA / PAGE, 2);
}

static void other_vcpu_runs(void)
{
	guest_access(vcpu(1), VA, UWRITE);
}

static void other_vcpu_unprotects(void)
{
	mmu_unprotect(&vcpu(1)->m, entry_at(vcpu(1), VA, 1));
	mmu_unprotect(&vcpu(1)->m, vcpu(1)->regs.cr3);
}

static void fault_with_intruder(enum mode mode, u32 flags, void (*what)(void))
{
	guest_start(mode, 2);
	slot_flags(RAM_SLOT, flags);
	guest_map(vcpu(0), VA, DATA, P | W | U, 1);
	guest_access(vcpu(1), VA, READ_);
	chances = 0;
	slot_waits = false;
	intrude = what;
	mach.hook = intruder;
	guest_access(vcpu(0), VA, UWRITE);
	mach.hook = NULL;
	mach.interleaved = 0;
	if (slot_waits)
		slot_finish(RAM_SLOT);
	else
		expect_gpa(vcpu(1), VA, WRITE_, DATA);
	expect_audit();
	machine_done();
}

TEST(hc32_host_events_during_a_fault)
{
	void (*const events[])(void) = {
		swap_out, make_shared, unlist, get_log, zap_all, shrink, collapse,
		other_vcpu_runs, other_vcpu_unprotects,
	};
	enum mode mode;
	unsigned int i, log, seen;

	for (mode = MODE_32; mode < NR_MODES; mode++) {
		for (i = 0; i < ARRAY_SIZE(events); i++) {
			for (log = 0; log < 2; log++) {
				seen = 0;
				for (chosen = 1; chosen <= seen + 1; chosen++) {
					fault_with_intruder(mode, log ? MEMSLOT_LOG_DIRTY : 0,
							    events[i]);
					seen = min(max(seen, chances), 40u);
				}
			}
		}
	}
}

/* The page that the guest has at VA is being taken back. Return: where it is. */
static unsigned long begin_notifier(struct vcpu *v)
{
	unsigned long hva;

	guest_start(MODE_LONG, 1);
	hva = mach.slot[RAM_SLOT].mem.hva + DATA;
	guest_map(v, VA, DATA, P | W | U, 1);
	expect_gpa(v, VA, WRITE_, DATA);
	host_invalidate_begin(hva, 1);
	return hva;
}

/* Between begin and end of a notifier nothing may be mapped, and nothing hangs. */
TEST(hc32_fault_inside_a_notifier)
{
	struct vcpu *v = vcpu(0);
	unsigned long hva = begin_notifier(v);

	CHECK_EQ(guest_access(v, VA, WRITE_).err, -EAGAIN);
	host_invalidate_end(hva, 1);
	expect_gpa(v, VA, WRITE_, DATA);
	machine_done();
}

TEST(hc32_table_write_inside_a_notifier)
{
	struct vcpu *v = vcpu(0);
	unsigned long hva = begin_notifier(v);

	entry_set(v, VA, 1, DATA | P | W | U | A | D | 1 << 9);
	guest_access(v, VA + PAGE, READ_);
	check_reachable("in the notifier's window");
	host_invalidate_end(hva, 1);
	expect_gpa(v, VA, WRITE_, DATA);
	machine_done();
}

TEST(hc32_dirty_log_counts_every_write)
{
	enum mode mode;
	int round, large;

	for (large = 0; large < 2; large++) {
		for (mode = MODE_32; mode < NR_MODES; mode++) {
			struct vcpu *v = vcpu(0);

			guest_start(mode, 2);
			if (large)
				host_collapse(DATA / PAGE, 2);
			guest_map(v, VA, DATA, P | W | U | A | D, 1);
			guest_map(v, VA + PAGE, DATA, P | W | U | A | D, 1);
			expect_gpa(v, VA, WRITE_, DATA);
			slot_flags(RAM_SLOT, MEMSLOT_LOG_DIRTY);
			for (round = 0; round < 3; round++) {
				unsigned long *log = mach.slot[RAM_SLOT].mem.dirty_bitmap;

				expect_gpa(v, VA, READ_, DATA);
				CHECK(!test_bit(DATA / PAGE, log));
				expect_gpa(vcpu(1), VA + PAGE, WRITE_, DATA);
				CHECK(test_bit(DATA / PAGE, log));
				CHECK(!test_bit(DATA / PAGE + 1, log));
				dirty_log_get(RAM_SLOT);
			}
			slot_flags(RAM_SLOT, 0);
			expect_gpa(v, VA, WRITE_, DATA);
			machine_done();
		}
	}
}

TEST(hc32_slot_becomes_read_only_and_moves)
{
	struct vcpu *v = vcpu(0);

	guest_start(MODE_OFF, 2);
	CHECK(slot_add(1, 0x10000, 1024, vmm_mmap(1024, 2), 0));
	expect_gpa(v, 0x10000000, WRITE_, 0x10000000);
	slot_flags(1, MEMSLOT_READONLY);
	expect_gpa(v, 0x10000000, READ_, 0x10000000);
	expect_mmio(v, 0x10000000, WRITE_, 0x10000000);
	slot_flags(1, 0);
	expect_gpa(v, 0x10000000, WRITE_, 0x10000000);
	slot_move(1, 0x10001);
	expect_mmio(v, 0x10000000, WRITE_, 0x10000000);
	expect_gpa(v, 0x10001000, WRITE_, 0x10001000);
	expect_audit();
	machine_done();
}

TEST(hc35_vcpus_and_vm_end_in_any_order)
{
	int order;

	for (order = 0; order < 6; order++) {
		int n;

		guest_start(MODE_LONG, 3);
		guest_map(vcpu(0), VA, DATA, P | W | U, 1);
		for (n = 0; n < 3; n++)
			expect_gpa(vcpu(n), VA, WRITE_, DATA);
		vcpu_remove(vcpu(order % 3));
		expect_audit();
		if (order > 2)
			slot_delete(RAM_SLOT);
		machine_done();
	}
}

/* Ever-new roots and tables: the quota holds, and the vCPUs get on. */
TEST(hc36_page_table_bomb_stays_in_the_quota)
{
	struct vcpu *v = vcpu(0);
	unsigned int i;
	enum mode mode;

	for (mode = MODE_32; mode < NR_MODES; mode++) {
		guest_start(mode, 2);
		/* All of RAM looks like tables that point to each other. */
		for (i = 0; i < 200; i++) {
			u64 entry = (TABLES + (i * 7 + 3) % 200 * PAGE) | P |
				    (mode == MODE_PAE ? 0 : W | U);

			ram_poke(TABLES + i * PAGE, entry, 8);
			ram_poke(TABLES + i * PAGE + 2048, entry ^ 0x5000, 8);
		}
		for (i = 0; i < 3000; i++) {
			guest_set_cr3(vcpu(i & 1), TABLES + i % 200 * PAGE);
			guest_access(vcpu(i & 1), (u64)(i * 2654435761u) & 0x7fe00000, UREAD);
			CHECK(mach.vm.nr_pages <= mach.vm.max_pages + 16);
		}
		CHECK(mach.live_tables < 400);
		expect_audit();
		machine_done();
	}
	(void)v;
}

TEST(hc36_smaller_quota_takes_effect_at_once)
{
	struct vcpu *v = vcpu(0);
	int i;

	guest_start(MODE_LONG, 1);
	CHECK(!mmu_vm_set_quota(&mach.vm, 1000));
	for (i = 0; i < 200; i++) {
		guest_map(v, VA + i * 0x200000ull, DATA, P | W | U, 1);
		expect_gpa(v, VA + i * 0x200000ull, WRITE_, DATA);
	}
	CHECK(mach.vm.nr_pages > 200);
	CHECK(!mmu_vm_set_quota(&mach.vm, 100));
	CHECK(mach.vm.nr_pages <= 100);
	for (i = 0; i < 200; i++)
		expect_gpa(v, VA + i * 0x200000ull, READ_, DATA);
	expect_audit();
	machine_done();
}

TEST(hc36_shrinker_gives_back)
{
	struct vcpu *v = vcpu(0);
	unsigned long before;
	int i;

	guest_start(MODE_LONG, 1);
	for (i = 0; i < 30; i++) {
		guest_map(v, VA + i * 0x200000ull, DATA, P | W | U, 1);
		expect_gpa(v, VA + i * 0x200000ull, WRITE_, DATA);
	}
	before = mach.vm.nr_pages;
	CHECK_EQ(mmu_vm_shrink(&mach.vm, 10), 10);
	CHECK_EQ(mach.vm.nr_pages, before - 10);
	CHECK(mmu_vm_shrink(&mach.vm, 1000) >= before - 11);
	CHECK_EQ(mach.vm.nr_pages, 1);
	expect_gpa(v, VA, WRITE_, DATA);
	machine_done();
}

/* Every switch off, one at a time: the same results. */
TEST(switches_change_no_result)
{
	static const char *const names[] = { "cache", "eager", "large", "prefill", "unsync" };
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(names); i++) {
		long was = shim_param_set(names[i], 0);
		struct vcpu *v = vcpu(0);

		guest_start(MODE_LONG, 1);
		guest_map(v, VA, DATA, P | W | U, 1);
		expect_gpa(v, VA, WRITE_, DATA);
		CHECK(!guest_set_cr3(v, v->regs.cr3));
		expect_gpa(v, VA, READ_, DATA);
		entry_set(v, VA, 1, (DATA + PAGE) | P | W | U | A);
		guest_invlpg(v, VA);
		expect_gpa(v, VA, WRITE_, DATA + PAGE);
		expect_audit();
		machine_done();
		shim_param_set(names[i], was);
	}
}

/* What each switch is for can be seen in the counters. */
TEST(cached_roots_cost_no_fault)
{
	struct vcpu *v = vcpu(0);
	gpa_t root[3];
	u64 faults;
	int i;

	guest_start(MODE_LONG, 1);
	for (i = 0; i < 3; i++) {
		root[i] = root_new(v);
		CHECK(!guest_set_cr3(v, root[i]));
		guest_map(v, VA, DATA + i * PAGE, P | W | U, 1);
		expect_gpa(v, VA, WRITE_, DATA + i * PAGE);
	}
	faults = mach.vm.stats.faults;
	for (i = 0; i < 9; i++) {
		CHECK(!guest_set_cr3(v, root[i % 3]));
		expect_gpa(v, VA, WRITE_, DATA + i % 3 * PAGE);
	}
	CHECK_EQ(mach.vm.stats.faults, faults);
	machine_done();
}

TEST(neighbours_are_filled_ahead)
{
	struct vcpu *v = vcpu(0);
	u64 faults;
	int i;

	guest_start(MODE_LONG, 1);
	for (i = 0; i < 8; i++) {
		guest_map(v, 0x40000000 + i * PAGE, DATA + i * PAGE, P | W | U | A | D, 1);
		host_page_is_there(DATA / PAGE + i);
	}
	expect_gpa(v, 0x40000000, READ_, DATA);
	faults = mach.vm.stats.faults;
	for (i = 0; i < 8; i++)
		expect_gpa(v, 0x40000000 + i * PAGE, WRITE_, DATA + i * PAGE);
	CHECK_EQ(mach.vm.stats.faults, faults);
	CHECK_EQ(mach.vm.stats.prefilled, 7);
	machine_done();
}

/* What a shadow page took it gives back, links too. */
TEST(memory_does_not_grow)
{
	struct vcpu *v = vcpu(0);
	long tables = 0, objects = 0;
	int i, k;

	guest_start(MODE_LONG, 1);
	for (k = 0; k < 8; k++)
		guest_map(v, VA + k * 0x21000, DATA + k * PAGE, P | W | U, 1);
	for (i = 0; i < 600; i++) {
		for (k = 0; k < 8; k++)
			expect_gpa(v, VA + k * 0x21000, WRITE_, DATA + k * PAGE);
		mmu_vm_shrink(&mach.vm, 1000);
		if (i == 20) {
			tables = mach.live_tables;
			objects = mach.live_objects;
		}
	}
	CHECK(mach.live_tables <= tables + MMU_CACHE_OBJECTS);
	CHECK(mach.live_objects <= objects + MMU_CACHE_OBJECTS);
	machine_done();
}

/* What is used all the time outlives what is not. */
TEST(recently_used_pages_stay)
{
	struct vcpu *v = vcpu(0);
	gpa_t hot;
	int i;

	guest_start(MODE_LONG, 1);
	hot = v->regs.cr3;
	guest_map(v, VA, DATA, P | W | U, 1);
	for (i = 0; i < 150; i++) {
		u64 misses;

		CHECK(!guest_set_cr3(v, root_new(v)));
		guest_map(v, VA, DATA + PAGE, P | W | U, 1);
		expect_gpa(v, VA, WRITE_, DATA + PAGE);
		CHECK(!guest_set_cr3(v, hot));
		misses = mach.vm.stats.page_misses;
		/* Faults on a page keep it; a TLB hit alone can't be seen. */
		entry_set(v, VA, 1, DATA | P | W | U);
		expect_gpa(v, VA, WRITE_, DATA);
		CHECK(i == 0 || mach.vm.stats.page_misses == misses);
	}
	CHECK(mach.vm.stats.page_recycled > 100);
	machine_done();
}
