// SPDX-License-Identifier: GPL-2.0-only
/*
 * Address spaces that are kept at hand while another is loaded, and page tables out of sync
 * below them: what is stale must be gone when the guest has flushed it, wherever it was then.
 */
#include "tap.h"

#include <linux/moduleparam.h>

#include "guest.h"

#define VA	0x40005000ull
#define TABLE_VA 0x80001000ull	/* the page table that has VA's entry */
#define OTHER_VA 0xc0005000ull
#define FLAGS	(P | W | U | A | D)

static gpa_t here, there;	/* two roots with the same tables below */
static u64 global;		/* G or 0: in VA's entry, and CR4.PGE accordingly */

static void write_entry(struct vcpu *v, u64 entry)
{
	guest_store(v, TABLE_VA + (VA >> 12 & 511) * 8, entry | global, 8);
}

/* The second root has the same tables below, or its own without VA. */
static void make_there(struct vcpu *v, bool shares)
{
	gpa_t table = entry_at(v, VA, 1) & ~(PAGE - 1);

	there = root_new(v);
	if (shares)
		guest_write_table(v, there, ram_read(here, 8) | A, 8);
	CHECK(!guest_set_cr3(v, there | 1));
	if (!shares)
		guest_map(v, TABLE_VA, table, FLAGS, 1);
	expect_gpa(v, TABLE_VA, WRITE_, table);
	CHECK(!guest_set_cr3(v, here));
}

/* VA is DATA; its table is out of sync and can be written with no fault, from both roots. */
static struct vcpu *start_with(bool shares)
{
	struct vcpu *v = vcpu(0);

	guest_start(MODE_LONG, 1);
	guest_mode(v, MODE_LONG, 0, CR4_PCIDE | (global ? CR4_PGE : 0), 0);
	here = v->regs.cr3;
	guest_map(v, VA, DATA, FLAGS | global, 1);
	guest_map(v, VA + PAGE, DATA + PAGE, FLAGS, 1);
	guest_map(v, TABLE_VA, entry_at(v, VA, 1) & ~(PAGE - 1), FLAGS, 1);
	guest_map(v, OTHER_VA + (1 << 21), DATA, FLAGS, 1);
	make_there(v, shares);
	expect_gpa(v, VA, WRITE_, DATA);
	write_entry(v, (DATA + PAGE) | FLAGS);
	write_entry(v, DATA | FLAGS);
	guest_flush(v);
	expect_gpa(v, VA, WRITE_, DATA);
	write_entry(v, DATA | FLAGS);
	CHECK_EQ(mach.vm.nr_unsync, 1);
	return v;
}

static struct vcpu *start(void)
{
	return start_with(true);
}

/* In the other address space VA's entry changes, then @flush; back in the first one. */
static void change_from(bool shares, void (*flush)(struct vcpu *v))
{
	struct vcpu *v = start_with(shares);
	unsigned long exits;

	CHECK(!guest_set_cr3_noflush(v, there | 1));
	write_entry(v, DATA | FLAGS);
	exits = mach.vm.stats.faults;
	write_entry(v, (DATA + 2 * PAGE) | FLAGS);
	CHECK_EQ(mach.vm.stats.faults, exits);
	flush(v);
	CHECK(!guest_set_cr3_noflush(v, here));
	expect_gpa(v, VA, READ_, DATA + 2 * PAGE);
	expect_audit();
	machine_done();
}

static void change_from_there(void (*flush)(struct vcpu *v))
{
	change_from(true, flush);
	change_from(false, flush);
}

static void invpcid_all(struct vcpu *v)
{
	guest_invpcid(v, 2, 0, 0);
}

static void invpcid_all_but_globals(struct vcpu *v)
{
	guest_invpcid(v, 3, 0, 0);
}

static void invpcid_one(struct vcpu *v)
{
	guest_invpcid(v, 1, 0, 0);
}

static void invpcid_address(struct vcpu *v)
{
	guest_invpcid(v, 0, 0, VA);
}

static void toggle_pge(struct vcpu *v)
{
	guest_set_mode(v, v->regs.cr0, v->regs.cr4 ^ CR4_PGE, v->regs.efer);
}

TEST(hc16_flush_while_another_root_is_loaded)
{
	change_from_there(invpcid_all);
	change_from_there(invpcid_all_but_globals);
	change_from_there(invpcid_one);
	change_from_there(invpcid_address);
	change_from_there(toggle_pge);
}

static void invlpg(struct vcpu *v)
{
	guest_invlpg(v, VA);
}

/* A switch that flushes nothing leaves what the hardware holds, one that does does not. */
TEST(a_switch_keeps_the_tlb)
{
	struct vcpu *v = start();
	unsigned long walks;

	CHECK(!guest_set_cr3_noflush(v, there | 1));
	expect_gpa(v, VA, READ_, DATA);
	CHECK(!guest_set_cr3_noflush(v, here));
	expect_gpa(v, VA, READ_, DATA);
	walks = mach.hw_walks;
	CHECK(!guest_set_cr3_noflush(v, there | 1));
	expect_gpa(v, VA, READ_, DATA);
	CHECK(!guest_set_cr3_noflush(v, here));
	expect_gpa(v, VA, READ_, DATA);
	CHECK_EQ(mach.hw_walks, walks);
	CHECK(!guest_set_cr3(v, here));
	expect_gpa(v, VA, READ_, DATA);
	CHECK(mach.hw_walks > walks);
	machine_done();
}

/*
 * VA's entry goes from @from to @to between the fault that the guest is sent and its way back by a
 * CR3 load: then the access makes no exit. The fault comes in the second address space.
 */
static void comes_back(u64 from, u64 to, bool write, unsigned long exits)
{
	struct mmu_access access = { .write = write };
	struct vcpu *v = start();
	unsigned long faults;

	expect_gpa(v, VA + PAGE, WRITE_, DATA + PAGE);	/* memory that the host has */
	write_entry(v, from);
	guest_invlpg(v, VA);
	CHECK(!guest_set_cr3_noflush(v, there | 1));
	CHECK_EQ(guest_access(v, VA, access).kind, OUT_FAULT);
	CHECK(!guest_set_cr3_noflush(v, here));
	write_entry(v, to);
	guest_invlpg(v, VA);
	CHECK(!guest_set_cr3_noflush(v, there | 1));
	faults = mach.vm.stats.faults;
	CHECK_EQ(guest_access(v, VA, access).kind, OUT_RAM);
	CHECK_EQ(mach.vm.stats.faults - faults, exits);
	expect_audit();
	machine_done();
}

/* The table's shadow goes in between. */
TEST(what_a_fault_was_sent_for_is_gone_on_return)
{
	struct vcpu *v = start();
	gpa_t table = entry_at(v, VA, 1) & ~(PAGE - 1);

	write_entry(v, 0);
	guest_invlpg(v, VA);
	CHECK_EQ(guest_access(v, VA, READ_).kind, OUT_FAULT);
	CHECK(!guest_set_cr3_noflush(v, there | 1));
	mmu_unprotect(&v->m, table);
	write_entry(v, DATA | FLAGS);
	CHECK(!guest_set_cr3_noflush(v, here));
	expect_audit();
	expect_gpa(v, VA, READ_, DATA);
	expect_audit();
	machine_done();
}

TEST(what_a_fault_was_sent_for_is_filled_on_return)
{
	/* A demand fault, a copy on write; and what was not used yet is left to a fault. */
	comes_back(0, (DATA + PAGE) | FLAGS, true, 0);
	comes_back(DATA | P | U | A, (DATA + PAGE) | FLAGS, true, 0);
	comes_back(0, (DATA + PAGE) | (FLAGS & ~A), false, 1);
	shim_param_set("expect", 0);
	comes_back(0, (DATA + PAGE) | FLAGS, true, 1);
	shim_param_set("expect", 1);
}

/* INVLPG drops global translations whatever the PCID; INVPCID of all but globals does not. */
TEST(hc16_invlpg_of_a_global_address)
{
	global = G;
	change_from_there(invlpg);
	change_from_there(invpcid_all);
	change_from_there(toggle_pge);
}

/* What only the other address space has seen in between is stale in no TLB. */
TEST(hc16_stale_entry_of_another_address_space)
{
	struct vcpu *v = start();

	CHECK(!guest_set_cr3_noflush(v, there | 1));
	write_entry(v, (DATA + 2 * PAGE) | FLAGS);
	guest_invpcid(v, 0, 1, VA);
	expect_gpa(v, VA, READ_, DATA + 2 * PAGE);
	write_entry(v, (DATA + 3 * PAGE) | FLAGS);
	CHECK_EQ(mach.vm.nr_unsync, 1);
	CHECK(!guest_set_cr3_noflush(v, here));
	guest_access(v, VA, READ_);
	machine_done();
}

/* The same with the right to write, which was there for a moment. */
TEST(hc16_stale_right_of_another_address_space)
{
	struct vcpu *v = start();

	write_entry(v, DATA | P | U | A | D);
	guest_flush(v);
	expect_gpa(v, VA, UREAD, DATA);
	CHECK(!guest_set_cr3_noflush(v, there | 1));
	expect_gpa(v, VA, UREAD, DATA);
	write_entry(v, DATA | FLAGS);
	guest_invpcid(v, 0, 1, VA);
	expect_gpa(v, VA, UWRITE, DATA);
	write_entry(v, DATA | P | U | A | D);
	CHECK_EQ(mach.vm.nr_unsync, 1);
	CHECK(!guest_set_cr3_noflush(v, here));
	expect_fault(v, VA, UWRITE, PFERR_PRESENT | PFERR_WRITE | PFERR_USER);
	machine_done();
}

/* Another vCPU has had no translation at all. */
TEST(hc16_new_root_of_another_vcpu)
{
	struct vcpu *v = start(), *other = vcpu(1);

	write_entry(v, (DATA + 2 * PAGE) | FLAGS);
	CHECK_EQ(mach.vm.nr_unsync, 1);
	vcpu_add(other);
	other->regs.cr3 = here;
	guest_mode(other, MODE_LONG, 0, CR4_PCIDE, 0);
	expect_gpa(other, VA, READ_, DATA + 2 * PAGE);
	expect_audit();
	machine_done();
}

/* Nor what only the other one has had a translation of. */
TEST(hc16_new_entry_of_another_address_space)
{
	const u64 slot = TABLE_VA + ((VA >> 12 & 511) + 2) * 8;
	struct vcpu *v = start();

	CHECK(!guest_set_cr3_noflush(v, there | 1));
	guest_store(v, slot, (DATA + 2 * PAGE) | FLAGS, 8);
	expect_gpa(v, VA + 2 * PAGE, READ_, DATA + 2 * PAGE);
	guest_store(v, slot, (DATA + 3 * PAGE) | FLAGS, 8);
	CHECK_EQ(mach.vm.nr_unsync, 1);
	CHECK(!guest_set_cr3_noflush(v, here));
	expect_gpa(v, VA + 2 * PAGE, READ_, DATA + 3 * PAGE);
	machine_done();
}

/* Under a PCID that was never loaded, a root that was left must be as the tables are now. */
TEST(hc16_root_taken_up_under_another_pcid)
{
	struct vcpu *v = start();

	CHECK(!guest_set_cr3_noflush(v, there | 1));
	write_entry(v, (DATA + 2 * PAGE) | FLAGS);
	CHECK(!guest_set_cr3_noflush(v, here | 2));
	expect_gpa(v, VA, READ_, DATA + 2 * PAGE);
	machine_done();
}

static void load_with_flush(struct vcpu *v)
{
	CHECK(!guest_set_cr3(v, here));
	expect_gpa(v, VA, READ_, DATA + 2 * PAGE);
}

TEST(hc16_root_taken_up_with_a_flush)
{
	change_from_there(load_with_flush);
}

/* The same PCID for another root: what the first one had may be in the TLB; no more. */
TEST(hc16_flush_of_the_current_address_space)
{
	static const unsigned int types[] = { 0, 1, 2, 3 };
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(types); i++) {
		struct vcpu *v = start();

		CHECK(!guest_set_cr3_noflush(v, there | 1));
		expect_gpa(v, VA, READ_, DATA);
		expect_gpa(v, TABLE_VA, WRITE_, entry_at(v, VA, 1) & ~(PAGE - 1));
		write_entry(v, (DATA + 2 * PAGE) | FLAGS);
		guest_invpcid(v, types[i], 1, VA);
		expect_gpa(v, VA, READ_, DATA + 2 * PAGE);
		machine_done();
	}
}

/* A flush must reach the hardware, not only the shadow tables. */
TEST(hc16_flush_of_a_written_entry)
{
	unsigned int type;

	for (type = 0; type < 4; type++) {
		struct vcpu *v = vcpu(0);

		guest_start(MODE_LONG, 1);
		guest_mode(v, MODE_LONG, 0, CR4_PCIDE, 0);
		guest_map(v, VA, DATA, FLAGS, 1);
		expect_gpa(v, VA, READ_, DATA);
		entry_set(v, VA, 1, (DATA + PAGE) | FLAGS);
		guest_invpcid(v, type, 0, VA);
		expect_gpa(v, VA, READ_, DATA + PAGE);
		machine_done();
	}
}

/* The root that the next new one replaces; NULL while there is room. */
static const struct mmu_root *oldest(const struct vcpu *v)
{
	const struct mmu_root *r, *found = v->m.roots;

	for (r = v->m.roots; r < v->m.roots + MMU_ROOTS; r++) {
		if (r->hpa == INVALID_ROOT)
			return NULL;
		if (r->used < found->used)
			found = r;
	}
	return found;
}

/*
 * So many address spaces that the oldest goes. The one that takes its place, with the same PCID,
 * leads to a table that the old one did not: this vCPU's TLB holds no old entries of that. Another
 * vCPU has it in use, so that nothing is made.
 */
TEST(hc16_new_root_in_the_place_of_an_old_one)
{
	struct vcpu *v = start();
	gpa_t old = root_new(v), new = root_new(v);
	const struct mmu_root *r;

	guest_write_table(v, new, ram_read(here, 8) | A, 8);
	vcpu_add(vcpu(1));
	guest_mode(vcpu(1), MODE_LONG, 0, CR4_PCIDE, 0);
	CHECK(!guest_set_cr3(vcpu(1), new | 2));
	expect_gpa(vcpu(1), VA, READ_, DATA);
	CHECK(!guest_set_cr3(v, old | 2));
	guest_enter(v);
	for (r = v->m.root; oldest(v) != r;) {
		CHECK(!guest_set_cr3(v, root_new(v) | 3));
		guest_enter(v);
		CHECK(!guest_set_cr3_noflush(v, here));
		CHECK(!guest_set_cr3_noflush(v, there | 1));
	}
	write_entry(v, (DATA + 2 * PAGE) | FLAGS);
	CHECK_EQ(mach.vm.nr_unsync, 1);
	CHECK(!guest_set_cr3_noflush(v, new | 2));
	expect_gpa(v, VA, READ_, DATA + 2 * PAGE);
	machine_done();
}

/* Through a new parent no TLB can hold what the table said before. */
TEST(hc11_table_out_of_sync_gets_another_parent)
{
	struct vcpu *v = start();

	write_entry(v, (DATA + 2 * PAGE) | FLAGS);
	entry_set(v, OTHER_VA, 2, entry_get(v, VA, 2));
	/* The first access brings the link, the second finds what is there. */
	expect_gpa(v, OTHER_VA + PAGE, READ_, DATA + PAGE);
	expect_gpa(v, OTHER_VA, READ_, DATA + 2 * PAGE);
	expect_audit();
	machine_done();
}

/* A root that had no page out of sync below it gets one by a link. */
TEST(hc11_table_out_of_sync_is_linked_below_a_root)
{
	struct vcpu *v = start_with(false);
	const u64 va = 0x80405000;

	CHECK(!guest_set_cr3(v, there | 1));
	expect_gpa(v, TABLE_VA, READ_, entry_get(v, TABLE_VA, 1) & ~FLAGS);
	entry_set(v, va, 2, (entry_get(v, TABLE_VA, 1) & ~FLAGS) | FLAGS);
	expect_gpa(v, va, READ_, DATA);
	CHECK_EQ(mach.vm.nr_unsync, 1);
	write_entry(v, (DATA + 2 * PAGE) | FLAGS);
	guest_flush(v);
	expect_gpa(v, va, READ_, DATA + 2 * PAGE);
	expect_audit();
	machine_done();
}

/* One of two pages out of sync below a root is tracked again: its other shadow sees all writes. */
TEST(hc11_one_of_two_tables_is_in_sync_again)
{
	struct vcpu *v = start();
	gpa_t table = entry_at(v, VA, 1) & ~(PAGE - 1);
	gpa_t other = entry_at(v, OTHER_VA + (1 << 21), 1) & ~(PAGE - 1);

	guest_map(v, TABLE_VA + PAGE, other, FLAGS, 1);
	expect_gpa(v, OTHER_VA + (1 << 21), READ_, DATA);
	guest_store(v, TABLE_VA + PAGE + 5 * 8, DATA | FLAGS, 8);
	CHECK_EQ(mach.vm.nr_unsync, 2);
	guest_flush(v);
	entry_set(v, VA + (1 << 21), 2, table | P | U | A);
	expect_gpa(v, VA + (1 << 21), READ_, DATA);
	CHECK_EQ(mach.vm.nr_unsync, 1);
	guest_flush(v);
	expect_gpa(v, VA, READ_, DATA);
	expect_audit();
	machine_done();
}

/* A new root takes up the shadows that its entries lead to, but the walk marks the entries. */
TEST(hc26_new_root_sets_accessed_in_its_entries)
{
	static const enum mode modes[] = { MODE_LONG, MODE_LA57 };
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(modes); i++) {
		struct vcpu *v = vcpu(0);
		gpa_t root;

		guest_start(modes[i], 1);
		guest_map(v, VA, DATA, FLAGS, 1);
		expect_gpa(v, VA, READ_, DATA);
		root = root_new(v);
		guest_write_table(v, root, ram_read(v->regs.cr3, 8) & ~A, 8);
		CHECK(!guest_set_cr3(v, root));
		expect_gpa(v, VA, READ_, DATA);
		CHECK(ram_read(root, 8) & A);
		machine_done();
	}
}

/* They are taken up only with the rights that the new entry gives. */
TEST(hc04_new_root_gives_fewer_rights)
{
	struct vcpu *v = vcpu(0);
	gpa_t root;

	guest_start(MODE_LONG, 1);
	guest_map(v, VA, DATA, FLAGS, 1);
	expect_gpa(v, VA, UWRITE, DATA);
	root = root_new(v);
	guest_write_table(v, root, (ram_read(v->regs.cr3, 8) | A) & ~W, 8);
	guest_write_table(v, root + 8, ram_read(v->regs.cr3, 8) | A | PS, 8);
	CHECK(!guest_set_cr3(v, root));
	expect_gpa(v, VA, UREAD, DATA);
	expect_fault(v, VA, UWRITE, PFERR_PRESENT | PFERR_WRITE | PFERR_USER);
	expect_fault(v, VA | 1ull << 39, UREAD, PFERR_PRESENT | PFERR_RSVD | PFERR_USER);
	machine_done();
}

/*
 * A flush finds that an entry out of sync has become writable. The spte may follow only if
 * a write fault would have found nothing to do.
 */
static void becomes_writable(gpa_t gpa)
{
	struct vcpu *v = vcpu(0);

	write_entry(v, gpa | P | U | A | D);
	guest_flush(v);
	expect_gpa(v, VA, READ_, gpa);
	CHECK_EQ(mach.vm.nr_unsync, 1);
	write_entry(v, gpa | FLAGS);
	guest_flush(v);
	expect_audit();
	expect_gpa(v, VA, WRITE_, gpa);
	expect_audit();
	machine_done();
}

TEST(hc14_entry_becomes_writable)
{
	start();
	becomes_writable(DATA + 3 * PAGE);
}

TEST(hc14_entry_becomes_writable_over_a_table)
{
	struct vcpu *v = start();

	becomes_writable(entry_at(v, VA, 2) & ~(PAGE - 1));
}

TEST(hc14_entry_becomes_writable_under_the_dirty_log)
{
	start();
	CHECK(slot_add(1, MEMORY / PAGE, 16, vmm_mmap(16, 1), MEMSLOT_LOG_DIRTY));
	becomes_writable(MEMORY);
}

TEST(hc14_entry_becomes_writable_over_a_shared_frame)
{
	start();
	host_page_is_there(DATA / PAGE + 3);
	host_make_shared(DATA / PAGE + 3);
	becomes_writable(DATA + 3 * PAGE);
}

/* Comparing a table of 4-byte entries: the third entry is now what the second was. */
TEST(hc08_entries_of_4_bytes_out_of_sync)
{
	const u64 va = 0x40000000, table_va = 0x80001000;
	struct vcpu *v = vcpu(0);
	unsigned int i;

	guest_start(MODE_32, 1);
	for (i = 0; i < 2; i++)
		guest_map(v, va + i * PAGE, DATA + i * PAGE, FLAGS, 1);
	guest_map(v, table_va, entry_at(v, va, 1), FLAGS, 1);
	for (i = 0; i < 2; i++)
		expect_gpa(v, va + i * PAGE, READ_, DATA + i * PAGE);
	guest_store(v, table_va + 8, (DATA + PAGE) | FLAGS, 4);
	CHECK_EQ(mach.vm.nr_unsync, 1);
	guest_store(v, table_va + 4, (DATA + 2 * PAGE) | FLAGS, 4);
	guest_flush(v);
	expect_gpa(v, va + PAGE, READ_, DATA + 2 * PAGE);
	machine_done();
}

/* Code that was fetched after an exit is found again by address, root and mmu_vm.link_gen. */
static void read_code_by_many_roots(void)
{
	gpa_t root[8];
	struct vcpu *v = vcpu(0);
	unsigned int i;

	guest_start(MODE_LONG, 1);
	for (i = 0; i < ARRAY_SIZE(root); i++) {
		root[i] = root_new(v);
		CHECK(!guest_set_cr3(v, root[i]));
		guest_map(v, VA, DATA + i * PAGE, FLAGS, 1);
	}
	for (i = 0; i < 4 * ARRAY_SIZE(root); i++) {
		CHECK(!guest_set_cr3(v, root[i % ARRAY_SIZE(root)]));
		expect_gpa(v, VA, FETCH_, DATA + i % ARRAY_SIZE(root) * PAGE);
	}
	machine_done();
}

TEST(code_is_read_where_the_root_has_it)
{
	read_code_by_many_roots();
}

/* All address spaces have one tag: hardware must not take what it holds by another for its own. */
TEST(without_tags_a_switch_empties_the_tlb)
{
	struct vcpu *v = vcpu(0);
	unsigned int i;

	shim_param_set("tags", 0);
	read_code_by_many_roots();
	guest_start(MODE_LONG, 1);
	guest_mode(v, MODE_LONG, 0, CR4_PCIDE, 0);
	here = v->regs.cr3;
	guest_map(v, VA, DATA, FLAGS, 1);
	there = root_new(v);
	CHECK(!guest_set_cr3(v, there | 1));
	guest_map(v, VA, DATA + PAGE, FLAGS, 1);
	for (i = 0; i < 3; i++) {
		expect_gpa(v, VA, WRITE_, DATA + PAGE);
		CHECK(!guest_set_cr3_noflush(v, here));
		expect_gpa(v, VA, WRITE_, DATA);
		CHECK(!guest_set_cr3_noflush(v, there | 1));
	}
	CHECK_EQ(v->m.root_tag, 0);
	shim_param_set("tags", 1);
	machine_done();
}

/* One root at hand is enough. */
TEST(one_root_serves_all_address_spaces)
{
	shim_param_set("roots", 1);
	read_code_by_many_roots();
	CHECK_EQ(vcpu(0)->m.root_nr, 0);
	shim_param_set("roots", 32);
}

/* The table lives on below another entry. */
TEST(code_is_gone_with_its_table)
{
	struct vcpu *v = vcpu(0);
	u64 code;

	guest_start(MODE_LONG, 1);
	guest_map(v, VA, DATA, FLAGS, 1);
	guest_map(v, OTHER_VA + (1 << 21), DATA, FLAGS, 1);
	entry_set(v, OTHER_VA, 2, entry_get(v, VA, 2));
	expect_gpa(v, OTHER_VA, READ_, DATA);
	expect_gpa(v, VA, FETCH_, DATA);
	CHECK_EQ(mmu_fetch(&v->m, VA + 4, &code, 8), 8);
	CHECK_EQ(mmu_fetch(&v->m, VA + PAGE - 4, &code, 8), 4);
	entry_set(v, VA, 2, 0);
	guest_invlpg(v, VA);
	CHECK_EQ(mmu_fetch(&v->m, VA, &code, 8), 0);
	machine_done();
}

/* More address spaces than roots: one takes another's place, and its shadows are all there. */
TEST(code_is_not_read_where_another_root_was)
{
	gpa_t root[MMU_ROOTS + 1];
	struct vcpu *v = vcpu(0);
	unsigned int i;

	guest_start(MODE_LONG, 1);
	CHECK(!mmu_vm_set_quota(&mach.vm, 1000));
	for (i = 0; i < ARRAY_SIZE(root); i++) {
		root[i] = root_new(v);
		CHECK(!guest_set_cr3(v, root[i]));
		guest_map(v, VA, DATA + i * PAGE, FLAGS, 1);
	}
	for (i = 0; i < 3 * ARRAY_SIZE(root); i++) {
		CHECK(!guest_set_cr3(v, root[i % ARRAY_SIZE(root)]));
		expect_gpa(v, VA, FETCH_, DATA + i % ARRAY_SIZE(root) * PAGE);
	}
	machine_done();
}
