// SPDX-License-Identifier: GPL-2.0-only
/* Hard cases 11 to 18: what may be stale, and until when. */
#include "tap.h"

#include "guest.h"

#define VA 0x40005000ull

static const enum mode modes[] = { MODE_32, MODE_PSE, MODE_PAE, MODE_LONG, MODE_LA57 };

#define for_each_mode(i, mode)						\
	for (i = 0; i < ARRAY_SIZE(modes) && (mode = modes[i], 1); i++)

TEST(hc11_table_linked_nowhere_changes)
{
	enum mode mode;
	unsigned int i;

	for_each_mode(i, mode) {
		struct vcpu *v = vcpu(0);
		u64 link;
		gpa_t pte;

		guest_start(mode, 1);
		guest_map(v, VA, DATA, P | W | U, 1);
		expect_gpa(v, VA, WRITE_, DATA);
		pte = entry_at(v, VA, 1);
		guest_map(v, 0x80001000, pte & ~(PAGE - 1), P | W | U, 1);
		link = entry_get(v, VA, 2);
		entry_set(v, VA, 2, 0);
		guest_invlpg(v, VA);
		expect_fault(v, VA, READ_, 0);
		/* Change it by way of memory, link it again where nothing was: no flush is due. */
		guest_store(v, 0x80001000 + pte % PAGE, (DATA + PAGE) | P | W | U,
			    ref_entry_size(&v->regs));
		entry_set(v, VA, 2, link);
		expect_gpa(v, VA, WRITE_, DATA + PAGE);
		expect_audit();
		machine_done();
	}
}

/* Something that another vCPU does once, at the n-th chance within an operation. */
static unsigned int chances, chosen;
static void (*intrude)(void);

static void intruder(const char *where)
{
	(void)where;
	if (++chances != chosen)
		return;
	mach.interleaved++;
	mach.access = NULL;
	intrude();
}

/* Run @body with @what at each of its chances in turn; @setup and @check each time. */
static void with_intruder(void (*setup)(void), void (*body)(void), void (*what)(void))
{
	unsigned int last = 0;

	for (chosen = 1; chosen == 1 || chosen <= last; chosen++) {
		setup();
		chances = 0;
		intrude = what;
		mach.hook = intruder;
		body();
		mach.hook = NULL;
		mach.interleaved = 0;
		last = chances;
		body();
		/* What the change made stale no flush may leave. */
		guest_flush(vcpu(0));
		body();
		expect_audit();
		machine_done();
	}
	CHECK(last > 3);
}

static enum mode current_mode;

static void two_vcpus_cold(void)
{
	guest_start(current_mode, 2);
	guest_map(vcpu(0), VA, DATA, P | W | U, 1);
}

static void vcpu0_writes(void)
{
	guest_access(vcpu(0), VA, UWRITE);
}

static void pte_goes(void)
{
	entry_set(vcpu(1), VA, 1, 0);
}

static void pte_moves(void)
{
	entry_set(vcpu(1), VA, 1, (DATA + PAGE) | P | W | U);
}

static void pte_read_only(void)
{
	entry_set(vcpu(1), VA, 1, DATA | P | U);
}

static void pde_goes(void)
{
	entry_set(vcpu(1), VA, 2, 0);
}

TEST(hc12_entry_changes_between_walk_and_protection)
{
	void (*const changes[])(void) = { pte_goes, pte_moves, pte_read_only, pde_goes };
	unsigned int i, k;

	for_each_mode(i, current_mode)
		for (k = 0; k < ARRAY_SIZE(changes); k++)
			with_intruder(two_vcpus_cold, vcpu0_writes, changes[k]);
}

static void vcpu1_loads_cr3(void)
{
	guest_set_cr3(vcpu(1), vcpu(1)->regs.cr3);
	guest_access(vcpu(1), VA, UREAD);
}

static void vcpu0_writes_pte(void)
{
	entry_set(vcpu(0), VA, 1, (DATA + 2 * PAGE) | P | W | U | A | D);
	guest_access(vcpu(0), VA, UREAD);
}

TEST(hc13_cr3_load_during_a_table_write)
{
	unsigned int i;

	for_each_mode(i, current_mode)
		with_intruder(two_vcpus_cold, vcpu0_writes_pte, vcpu1_loads_cr3);
}

/* Change a mapped entry, in these ways, then invalidate, in these ways. */
static const struct { u64 set, clear; } changes[] = {
	{ 0, W }, { 0, U }, { NX, 0 }, { 0, A }, { 0, D }, { 0, A | D }, { PAGE, 0 }, { 0, P },
	{ PAGE, W }, { PAGE, A },
};

static void invalidate(struct vcpu *v, int how)
{
	if (how == 0)
		guest_invlpg(v, VA);
	else if (how == 1)
		CHECK(!guest_set_cr3(v, v->regs.cr3));
	else if (how == 2)
		guest_flush(v);
	else
		guest_set_mode(v, v->regs.cr0, v->regs.cr4 ^ CR4_PGE, v->regs.efer);
}

static void access_all(struct vcpu *v)
{
	guest_access(v, VA, READ_);
	guest_access(v, VA, UREAD);
	guest_access(v, VA, FETCH_);
	guest_access(v, VA, UWRITE);
	guest_access(v, VA, WRITE_);
}

TEST(hc14_stale_until_the_guest_invalidates)
{
	enum mode mode;
	unsigned int i, k;
	int how, other;

	for_each_mode(i, mode) {
		for (k = 0; k < ARRAY_SIZE(changes) * 8; k++) {
			const u64 set = changes[k / 8].set, clear = changes[k / 8].clear;
			u64 pte;

			if (mode <= MODE_PSE && set == NX)
				continue;
			how = k % 4;
			other = k / 4 % 2;
			guest_start(mode, 2);
			guest_map(vcpu(0), VA, DATA, P | W | U, 1);
			access_all(vcpu(0));
			access_all(vcpu(1));
			pte = entry_get(vcpu(0), VA, 1);
			entry_set(vcpu(other), VA, 1, (pte | set) & ~clear);
			access_all(vcpu(0));
			access_all(vcpu(1));
			invalidate(vcpu(0), how);
			access_all(vcpu(0));
			access_all(vcpu(1));
			invalidate(vcpu(1), how);
			access_all(vcpu(1));
			expect_audit();
			machine_done();
		}
	}
}

/* Every vCPU has the translation in its TLB; the host wants the frame back. */
static void warm_at(u64 va, int nr)
{
	int n;

	for (n = 0; n < nr; n++)
		expect_gpa(vcpu(n), va, UWRITE, DATA);
}

static void warm(int nr)
{
	warm_at(VA, nr);
}

TEST(hc15_host_downgrade_reaches_all_vcpus)
{
	enum mode mode;
	unsigned int i;
	int n;

	for_each_mode(i, mode) {
		guest_start(mode, 3);
		guest_map(vcpu(0), VA, DATA, P | W | U, 1);
		warm(3);
		host_swap_out(DATA / PAGE);	/* checks that no frame is left reachable */
		warm(3);
		host_make_shared(DATA / PAGE);
		warm(3);
		slot_flags(RAM_SLOT, MEMSLOT_LOG_DIRTY);
		for (n = 0; n < 3; n++) {
			warm(3);
			CHECK(test_bit(DATA / PAGE, mach.slot[RAM_SLOT].mem.dirty_bitmap));
			dirty_log_get(RAM_SLOT);
			expect_gpa(vcpu(n), VA, UREAD, DATA);
			CHECK(!test_bit(DATA / PAGE, mach.slot[RAM_SLOT].mem.dirty_bitmap));
		}
		slot_delete(RAM_SLOT);
		machine_done();
	}
}

/*
 * The guest takes a right away and does not flush: its own affair, until the
 * host relies on the frame being out of reach.
 */
static void guest_loses(struct vcpu *v, int how)
{
	static const u64 to[] = { 0, (DATA + PAGE) | P | W | U | A | D, DATA | P | U | A | D };

	entry_set(v, VA, 1, to[how]);
}

static void frame_becomes_table(struct vcpu *v)
{
	guest_map(v, 0x80001000, DATA + 2 * PAGE, P | W | U, 1);
	entry_set(v, 0x80001000, 2, DATA | P | W | U);
	guest_write_table(v, DATA + ref_entry_size(&v->regs), (DATA + 3 * PAGE) | P | W | U,
			  ref_entry_size(&v->regs));
	expect_gpa(v, 0x80001000, WRITE_, DATA + 3 * PAGE);
}

TEST(hc15_what_the_guest_lost_earlier)
{
	enum mode mode;
	unsigned int i, k;

	for_each_mode(i, mode) {
		for (k = 0; k < 4 * 3; k++) {
			guest_start(mode, 2);
			if (k / 3 == 2)
				slot_flags(RAM_SLOT, MEMSLOT_LOG_DIRTY);
			guest_map(vcpu(0), VA, DATA, P | W | U, 1);
			warm(2);
			guest_loses(vcpu(0), k % 3);
			if (k / 3 == 0)
				host_swap_out(DATA / PAGE);
			else if (k / 3 == 1)
				host_make_shared(DATA / PAGE);
			else if (k / 3 == 2)
				dirty_log_get(RAM_SLOT);
			else
				frame_becomes_table(vcpu(0));
			/* Through the stale translation, if it is still there. */
			guest_store(vcpu(1), VA + ref_entry_size(&vcpu(1)->regs),
				    (DATA + 5 * PAGE) | P | W | U, ref_entry_size(&vcpu(1)->regs));
			expect_audit();
			machine_done();
		}
	}
}

/* A frame that the host shares (COW, KSM) is read as it is; a write gets another one. */
TEST(hc15_shared_frame_is_not_writable)
{
	enum mode mode;
	unsigned int i;

	for_each_mode(i, mode) {
		struct vcpu *v = vcpu(0);

		guest_start(mode, 1);
		guest_map(v, VA, DATA, P | W | U | A | D, 1);
		guest_map(v, VA + PAGE, DATA + PAGE, P | W | U | A | D, 1);
		expect_gpa(v, VA + PAGE, WRITE_, DATA + PAGE);
		host_page_is_there(DATA / PAGE);
		host_make_shared(DATA / PAGE);
		expect_gpa(v, VA, READ_, DATA);
		expect_audit();
		expect_gpa(v, VA, WRITE_, DATA);
		expect_audit();
		machine_done();
	}
}

TEST(hc15_ageing_sees_use)
{
	guest_start(MODE_LONG, 1);
	guest_map(vcpu(0), VA, DATA, P | W | U, 1);
	CHECK(!host_age(DATA / PAGE, 1, true));
	expect_gpa(vcpu(0), VA, READ_, DATA);
	CHECK(host_age(DATA / PAGE, 1, false));
	CHECK(host_age(DATA / PAGE - 5, 10, true));
	CHECK(!host_age(DATA / PAGE, 1, true));
	guest_flush(vcpu(0));
	expect_gpa(vcpu(0), VA, READ_, DATA);
	CHECK(host_age(DATA / PAGE, 1, false));
	machine_done();
}

TEST(hc15_notifier_zaps_both_aliases_of_a_page)
{
	unsigned long hva;

	guest_start(MODE_LONG, 2);
	hva = mach.slot[RAM_SLOT].mem.hva + DATA;
	CHECK(slot_add(1, 0x100000, 16, hva, 0));
	guest_map(vcpu(0), VA, DATA, P | W | U, 1);
	guest_map(vcpu(0), VA + PAGE, 0x100000000ull, P | W | U, 1);
	expect_gpa(vcpu(0), VA, WRITE_, DATA);
	expect_gpa(vcpu(1), VA + PAGE, WRITE_, 0x100000000ull);
	host_swap_out(DATA / PAGE);
	expect_gpa(vcpu(0), VA + PAGE, WRITE_, 0x100000000ull);
	machine_done();
}

TEST(hc16_pcid_on_with_cached_roots)
{
	struct vcpu *v = vcpu(0);
	gpa_t root, other;

	guest_start(MODE_LONG, 1);
	root = v->regs.cr3;
	guest_map(v, VA, DATA, P | W | U, 1);
	other = root_new(v);
	guest_set_cr3(v, other);
	guest_map(v, VA, DATA + PAGE, P | W | U, 1);
	expect_gpa(v, VA, WRITE_, DATA + PAGE);
	guest_set_cr3(v, root);
	expect_gpa(v, VA, WRITE_, DATA);

	guest_mode(v, MODE_LONG, 0, CR4_PCIDE, 0);
	expect_gpa(v, VA, WRITE_, DATA);
	CHECK(!guest_set_cr3(v, other | 1));
	expect_gpa(v, VA, WRITE_, DATA + PAGE);
	/* Back with bit 63: the first one's translations may live on. */
	CHECK(!guest_set_cr3_noflush(v, root | 0));
	entry_set(v, VA, 1, (DATA + 2 * PAGE) | P | W | U);
	CHECK(!guest_set_cr3_noflush(v, other | 1));
	expect_gpa(v, VA, READ_, DATA + PAGE);
	CHECK(!guest_set_cr3_noflush(v, root | 0));
	guest_access(v, VA, READ_);
	guest_invlpg(v, VA);
	expect_gpa(v, VA, READ_, DATA + 2 * PAGE);
	/* The same PCID for another table, with a flush: nothing of the old. */
	CHECK(!guest_set_cr3(v, other | 0));
	expect_gpa(v, VA, READ_, DATA + PAGE);
	expect_audit();
	machine_done();
}

TEST(hc16_invalidations_that_hit_nothing)
{
	struct vcpu *v = vcpu(0);

	guest_start(MODE_OFF, 1);
	mmu_invlpg(&v->m, 0x8000000000001000ull);
	mmu_flush_guest(&v->m);
	mmu_invlpg(&v->m, DATA);
	expect_gpa(v, DATA, WRITE_, DATA);
	guest_start(MODE_LONG, 1);
	guest_map(v, VA, DATA, P | W | U, 1);
	expect_gpa(v, VA, WRITE_, DATA);
	mmu_invlpg(&v->m, 0x0000800000000000ull);
	mmu_invlpg(&v->m, ~0ull << 63);
	expect_gpa(v, VA, WRITE_, DATA);
	machine_done();
}

/* Intel SDM 3A 4.10.4.1: all of the page, however small its shadow's pieces are. */
TEST(hc16_invlpg_covers_a_whole_large_page)
{
	static const struct { enum mode mode; unsigned int level, host; u64 away; } kinds[] = {
		{ MODE_PSE, 2, 1, 0x3000 }, { MODE_PSE, 2, 2, 0x200000 },
		{ MODE_PAE, 2, 1, 0x3000 }, { MODE_LONG, 2, 1, 0x3000 },
		{ MODE_LONG, 3, 2, 0x200000 }, { MODE_LONG, 3, 1, 0x3000 },
	};
	unsigned int i, how;

	for (i = 0; i < ARRAY_SIZE(kinds); i++) {
		for (how = 0; how < 3; how++) {
			struct vcpu *v = vcpu(0);
			u64 va = 0x40000000, base = kinds[i].level == 3 ? 0 : DATA;
			u64 at = va + DATA - base;

			guest_start(kinds[i].mode, 1);
			host_collapse(DATA / PAGE, kinds[i].host);
			host_collapse(DATA / PAGE + 512, kinds[i].host);
			guest_map(v, va, base, P | W | U, kinds[i].level);
			expect_gpa(v, at, WRITE_, DATA);
			expect_gpa(v, at + kinds[i].away, WRITE_, DATA + kinds[i].away);
			if (how == 0)
				entry_set(v, va, kinds[i].level, 0);
			else if (how == 1)
				entry_set(v, va, kinds[i].level, base | P | PS);
			else
				entry_set(v, va, kinds[i].level, table_new() | P | W | U);
			guest_invlpg(v, at);
			guest_access(v, at + kinds[i].away, UWRITE);
			guest_access(v, at + kinds[i].away, READ_);
			expect_audit();
			machine_done();
		}
	}
}

/*
 * The same section: INVLPG forgets what is known of all tables of the PCID, whatever its address.
 * Here a directory's entry gives way to another table, while the old table has a second parent, and
 * another vCPU has filled what this one has not seen.
 */
TEST(hc16_invlpg_forgets_tables_of_all_addresses)
{
	const u64 here = 0x40805000, there = here + PAGE, elsewhere = 0x41005000;
	enum mode mode;
	unsigned int i;

	for_each_mode(i, mode) {
		struct vcpu *v = vcpu(0);

		guest_start(mode, 2);
		guest_map(v, VA, DATA, P | W | U, 1);
		guest_map(v, here, DATA + PAGE, P | W | U, 1);
		guest_map(v, there, DATA + 2 * PAGE, P | W | U, 1);
		guest_map(v, elsewhere + PAGE, DATA + 3 * PAGE, P | W | U, 1);
		guest_map(v, 0x41c05000, DATA, P | W | U, 1);
		entry_set(v, 0x41c05000, 2, entry_get(v, here, 2));
		expect_gpa(v, VA, READ_, DATA);
		expect_gpa(v, here, READ_, DATA + PAGE);
		expect_gpa(vcpu(1), there, READ_, DATA + 2 * PAGE);
		expect_gpa(vcpu(1), 0x41c06000, READ_, DATA + 2 * PAGE);
		entry_set(v, here, 2, entry_get(v, elsewhere, 2));
		guest_invlpg(v, VA);
		expect_gpa(v, there, READ_, DATA + 3 * PAGE);
		expect_audit();
		machine_done();
	}
}

static void drop_root_0(void)
{
	mmu_unprotect(&vcpu(0)->m, vcpu(0)->regs.cr3);
}

static void drop_all(void)
{
	mmu_vm_zap_all(&mach.vm);
}

/* Here the roots hold the leaves: nothing but the roots goes. */
TEST(hc17_zap_all_stops_those_that_run_on_roots_alone)
{
	guest_start(MODE_OFF, 2);
	host_collapse(DATA / PAGE, 2);
	warm_at(DATA, 2);
	CHECK_EQ(mach.vm.stats.sptes_large, 1);
	CHECK(vcpu(0)->in_guest && vcpu(1)->in_guest);
	mmu_vm_zap_all(&mach.vm);
	CHECK(!vcpu(0)->in_guest && !vcpu(1)->in_guest);
	guest_enter(vcpu(0));
	CHECK_EQ(tlb_count(vcpu(0)), 0);
	warm_at(DATA, 2);
	machine_done();
}

static void shrink_all(void)
{
	mmu_vm_shrink(&mach.vm, 1000);
}

static void slot_in_passing(void)
{
	slot_unlist(RAM_SLOT);
	slot_finish(RAM_SLOT);
	CHECK(slot_add(RAM_SLOT, 0, MEMORY / PAGE, FIRST_HVA, 0));
}

TEST(hc17_zapped_root_is_current_elsewhere)
{
	void (*const zaps[])(void) = { drop_root_0, drop_all, shrink_all, slot_in_passing };
	enum mode mode;
	unsigned int i, k;

	for_each_mode(i, mode) {
		for (k = 0; k < ARRAY_SIZE(zaps); k++) {
			guest_start(mode, 3);
			guest_map(vcpu(0), VA, DATA, P | W | U, 1);
			warm(3);
			zaps[k]();
			expect_audit();
			warm(3);
			entry_set(vcpu(1), VA, 1, (DATA + PAGE) | P | W | U);
			guest_flush(vcpu(2));
			expect_gpa(vcpu(2), VA, WRITE_, DATA + PAGE);
			expect_audit();
			machine_done();
		}
	}
}

TEST(hc18_not_present_to_present_needs_no_flush)
{
	enum mode mode;
	unsigned int i, level;

	for_each_mode(i, mode) {
		for (level = 1; level <= 2; level++) {
			struct vcpu *v = vcpu(0);
			u64 entry;

			guest_start(mode, 2);
			guest_map(v, VA, DATA, P | W | U, 1);
			guest_map(v, VA + PAGE, DATA + PAGE, P | W | U, 1);
			expect_gpa(v, VA, WRITE_, DATA);
			entry = entry_get(v, VA, level);
			entry_set(v, VA, level, 0);
			guest_flush(v);
			expect_fault(v, VA, UREAD, PFERR_USER);
			expect_fault(vcpu(1), VA, WRITE_, PFERR_WRITE);
			entry_set(v, VA, level, entry);
			expect_gpa(v, VA, UREAD, DATA);
			expect_gpa(vcpu(1), VA, WRITE_, DATA);
			machine_done();
		}
	}
}

/* Needless flushes are seen too. */
TEST(flushes_are_rare)
{
	struct vcpu *v = vcpu(0);
	unsigned long flushes, remote;
	int i;

	guest_start(MODE_LONG, 2);
	for (i = 0; i < 64; i++)
		guest_map(v, VA + i * PAGE, DATA + i * PAGE, P | W | U | A | D, 1);
	guest_map(v, 0x90000000, DATA, P | W | U, 1);
	expect_gpa(v, VA, WRITE_, DATA);
	flushes = v->flushes + v->gva_flushes + vcpu(1)->flushes;
	remote = mach.remote_flushes;
	/* New shadow pages of tables that nobody can write take no right away. */
	expect_gpa(v, 0x90000000, WRITE_, DATA);
	for (i = 1; i < 64; i++)
		expect_gpa(v, VA + i * PAGE, WRITE_, DATA + i * PAGE);
	CHECK_EQ(v->flushes + v->gva_flushes + vcpu(1)->flushes, flushes);
	CHECK_EQ(mach.remote_flushes, remote);
	/* Entries that change are the guest's to flush. */
	for (i = 0; i < 8; i++)
		entry_set(v, VA + i * PAGE, 1, 0);
	CHECK_EQ(mach.remote_flushes, remote);
	for (i = 0; i < 8; i++)
		guest_invlpg(v, VA + i * PAGE);
	CHECK_EQ(v->gva_flushes + v->flushes, flushes - vcpu(1)->flushes + 8);
	machine_done();
}
