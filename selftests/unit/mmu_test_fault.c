// SPDX-License-Identifier: GPL-2.0-only
/* A fault's steps, each context by itself: where the caller may sleep and where not. */
#include "tap.h"

#include "guest.h"

#define VA	0x12345000ull

long shim_param_set(const char *name, long value);

/* The model's own run loop asks without sleeping first; this asks in one context alone. */
static enum mmu_verdict fault_in(struct vcpu *v, bool atomic, struct mmu_fault *f)
{
	enum mmu_verdict verdict;

	guest_enter(v);
	v->in_guest = false;
	v->m.atomic = atomic;
	verdict = mmu_fault(&v->m, f);
	v->m.atomic = false;
	return verdict;
}

/* Whatever is above 32 bits in an address is not the guest's, unless it is in long mode. */
TEST(fault_address_is_cut_to_32_bits)
{
	enum mode mode;
	int atomic;

	for (mode = MODE_OFF; mode < MODE_LONG; mode++)
		for (atomic = 0; atomic < 2; atomic++) {
			u64 va = mode == MODE_OFF ? DATA : VA;
			struct mmu_fault f = { .gva = va | 0x700000000ull };

			guest_start(mode, 1);
			if (mode != MODE_OFF)
				guest_map(vcpu(0), VA, DATA, P | W | U | A | D, 1);
			expect_gpa(vcpu(0), va, READ_, DATA);
			CHECK_EQ(fault_in(vcpu(0), atomic, &f), MMU_FIXED);
			CHECK_EQ(f.gpa, DATA);
			expect_audit();
			machine_done();
		}
}

/* A table that translates its own address, at each level: emulating is all that helps. */
TEST(fault_of_a_write_to_a_table_above)
{
	struct vcpu *v = vcpu(0);
	unsigned int level;
	int atomic;

	for (level = 1; level <= 4; level++)
		for (atomic = 0; atomic < 2; atomic++) {
			struct mmu_fault f = {
				.gva = VA, .access = WRITE_, .error = PFERR_PRESENT | PFERR_WRITE,
			};
			u64 table;

			guest_start(MODE_LONG, 1);
			guest_map(v, VA, DATA, P | W | U | A | D, 1);
			expect_gpa(v, VA, READ_, DATA);
			table = entry_at(v, VA, level) & ~(PAGE - 1);
			entry_set(v, VA, 1, table | P | W | U | A | D);
			shim_param_set("unsync", 0);
			CHECK_EQ(fault_in(v, atomic, &f), MMU_EMULATE);
			CHECK(f.to_table);
			CHECK(f.self_map);
			CHECK_EQ(f.gpa, table);
			machine_done();
		}
}

/* With paging off there is no dirty bit to wait for. */
TEST(fault_of_a_write_with_paging_off)
{
	struct vcpu *v = vcpu(0);
	int atomic;

	for (atomic = 0; atomic < 2; atomic++) {
		struct mmu_fault f = { .gva = DATA + PAGE, .access = WRITE_, .error = PFERR_WRITE };

		shim_param_set("prefill", 0);
		guest_start(MODE_OFF, 1);
		host_page_is_there(DATA / PAGE + 1);
		expect_gpa(v, DATA, READ_, DATA);
		CHECK_EQ(fault_in(v, atomic, &f), MMU_FIXED);
		expect_gpa(v, DATA + PAGE, WRITE_, DATA + PAGE);
		machine_done();
	}
}

/* What a spte lets the guest write, the host must keep: the page and its neighbour. */
TEST(fault_tells_the_host_what_may_be_written)
{
	struct vcpu *v = vcpu(0);
	int atomic, i;

	for (atomic = 0; atomic < 2; atomic++) {
		struct mmu_fault f = { .gva = VA };

		guest_start(MODE_LONG, 1);
		for (i = 0; i < 3; i++) {
			guest_map(v, VA + i * PAGE, DATA + i * PAGE, P | W | U | A | D, 1);
			host_page_is_there(DATA / PAGE + i);
		}
		expect_gpa(v, VA + 2 * PAGE, READ_, DATA + 2 * PAGE);
		CHECK_EQ(mach.dirtied, 3ul);
		host_swap_out(DATA / PAGE);
		host_page_is_there(DATA / PAGE);
		CHECK_EQ(fault_in(v, atomic, &f), MMU_FIXED);
		CHECK_EQ(mach.dirtied, 4ul);
		machine_done();
	}
}

/* A write to a table in sync is no reason to set a spte again. */
TEST(fault_of_a_table_write_maps_nothing)
{
	struct vcpu *v = vcpu(0);
	int atomic;

	for (atomic = 0; atomic < 2; atomic++) {
		struct mmu_fault f = {
			.gva = VA + PAGE, .access = WRITE_, .error = PFERR_PRESENT | PFERR_WRITE,
		};
		unsigned long flushes;

		shim_param_set("unsync", 0);
		guest_start(MODE_LONG, 1);
		guest_map(v, VA, DATA, P | W | U | A | D, 1);
		guest_map(v, VA + PAGE, entry_at(v, VA, 1) & ~(PAGE - 1), P | W | U | A | D, 1);
		expect_gpa(v, VA + PAGE, READ_, entry_at(v, VA, 1) & ~(PAGE - 1));
		flushes = v->gva_flushes;
		CHECK_EQ(fault_in(v, atomic, &f), MMU_EMULATE);
		CHECK_EQ(v->gva_flushes, flushes);
		CHECK(f.to_table);
		machine_done();
	}
}

/* A read of a table that is mapped for the supervisor's write (CR0.WP=0) is no write. */
TEST(fault_of_a_user_read_of_a_table)
{
	const u64 other = 0x12400000;
	struct vcpu *v = vcpu(0);
	gpa_t table;

	shim_param_set("unsync", 0);
	guest_start(MODE_LONG, 1);
	guest_mode(v, MODE_LONG, CR0_WP, 0, 0);
	table = table_new();
	guest_map(v, VA, table, P | U | A | D, 1);
	expect_gpa(v, VA, WRITE_, table);
	guest_write_table(v, table, DATA | P | W | U | A | D, 8);
	guest_map(v, other, 0, P, 2);
	entry_set(v, other, 2, table | P | W | U | A);
	expect_gpa(v, other, READ_, DATA);
	expect_gpa(v, VA, UREAD, table);
	expect_audit();
	machine_done();
}

/* An entry that another replaces may still be in the TLB; flushing its address is enough. */
TEST(fault_replaces_an_entry)
{
	struct vcpu *v = vcpu(0);
	int atomic;

	for (atomic = 0; atomic < 2; atomic++) {
		struct mmu_fault f = {
			.gva = VA, .access = WRITE_, .error = PFERR_PRESENT | PFERR_WRITE,
		};
		unsigned long flushes;

		guest_start(MODE_LONG, 1);
		guest_map(v, VA, DATA, P | W | U | A, 1);
		expect_gpa(v, VA, READ_, DATA);
		flushes = v->gva_flushes;
		ram_poke(entry_at(v, VA, 1), DATA | P | W | U | A | D, 8);
		CHECK_EQ(fault_in(v, atomic, &f), MMU_FIXED);
		CHECK_EQ(v->gva_flushes, flushes + 1);
		expect_gpa(v, VA, WRITE_, DATA);
		machine_done();
	}
}

/* A write that shows that a table is none any more drops its shadow; also where it is its own. */
TEST(fault_that_drops_a_shadow)
{
	struct vcpu *v = vcpu(0);
	int atomic, own;

	for (atomic = 0; atomic < 2; atomic++)
		for (own = 0; own < 2; own++) {
			u64 va = own ? VA + PAGE : 0x80000000;
			struct mmu_fault f = {
				.gva = va, .access = WRITE_, .error = PFERR_PRESENT | PFERR_WRITE,
			};
			gpa_t table;

			guest_start(MODE_LONG, 1);
			guest_map(v, VA, DATA, P | W | U | A | D, 1);
			table = entry_at(v, VA, 1) & ~(PAGE - 1);
			guest_map(v, va, table, P | W | U | A | D, 1);
			expect_gpa(v, VA, READ_, DATA);
			expect_gpa(v, va, READ_, table);
			shim_param_set("drop_after", 0);
			CHECK_EQ(fault_in(v, atomic, &f), own ? MMU_RETRY : MMU_FIXED);
			CHECK_EQ(mach.vm.stats.floods, 1ull);
			shim_param_set("drop_after", 8);
			expect_gpa(v, va, WRITE_, table);
			expect_audit();
			machine_done();
		}
}
