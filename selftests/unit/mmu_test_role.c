// SPDX-License-Identifier: GPL-2.0-only
/* Hard cases 1 to 10: roles, gfns, aliases. */
#include "tap.h"

#include <linux/moduleparam.h>

#include "guest.h"

static const enum mode paged_modes[] = { MODE_32, MODE_PSE, MODE_PAE, MODE_LONG, MODE_LA57 };
static const enum mode wide_modes[] = { MODE_PAE, MODE_LONG, MODE_LA57 };

#define for_each_mode(i, mode, modes)					\
	for (i = 0; i < ARRAY_SIZE(modes) && (mode = modes[i], 1); i++)

/* The VMM changes guest memory; nobody is told. */
static void vmm_poke(gpa_t gpa, u64 value, unsigned int len)
{
	ram_poke(gpa, value, len);
}

/* CVE-2026-53359: a child must match in its role, not only in its gfn. */
TEST(hc01_large_pde_becomes_table_of_same_gfn)
{
	enum mode mode;
	unsigned int i;

	for_each_mode(i, mode, wide_modes) {
		struct vcpu *v = vcpu(0);

		guest_start(mode, 1);
		guest_map(v, 0x40000000, DATA, P | W | U, 2);
		expect_gpa(v, 0x40000000, WRITE_, DATA);
		vmm_poke(entry_at(v, 0x40000000, 2), DATA | P | W | U | A, 8);
		vmm_poke(DATA + 100 * 8, (DATA + 0x200000) | P | W | U, 8);
		guest_flush(v);
		expect_gpa(v, 0x40000000 + 100 * PAGE, WRITE_, DATA + 0x200000);
		slot_delete(RAM_SLOT);
		machine_done();
	}
}

/* CVE-2026-46113: a PDE moves under a metaphysical shadow. */
TEST(hc02_large_pde_moved_by_vmm)
{
	enum mode mode;
	unsigned int i;

	for_each_mode(i, mode, wide_modes) {
		struct vcpu *v = vcpu(0);

		guest_start(mode, 1);
		guest_map(v, 0x40000000, DATA, P | W | U, 2);
		expect_gpa(v, 0x40000000, READ_, DATA);
		vmm_poke(entry_at(v, 0x40000000, 2), (DATA + 0x200000) | P | W | U | A | PS, 8);
		guest_flush(v);
		expect_gpa(v, 0x40000000 + 77 * PAGE, WRITE_, DATA + 0x200000 + 77 * PAGE);
		expect_audit();
		slot_delete(RAM_SLOT);
		machine_done();
	}
}

/* The same for a PDE that points to a table. */
/* The VMM's writes are not seen; a walk from the top that meets them must not confuse tables. */
TEST(hc02_table_replaced_by_vmm)
{
	enum mode mode;
	unsigned int i;

	for_each_mode(i, mode, paged_modes) {
		struct vcpu *v = vcpu(0);
		unsigned int size;
		gpa_t other;

		guest_start(mode, 1);
		size = ref_entry_size(&v->regs);
		other = table_new();
		guest_map(v, 0x5000, DATA, P | W | U, 1);
		guest_map(v, 0x6000, DATA + PAGE, P | W | U, 1);
		guest_map(v, 0x80000000, DATA, P | W | U, 1);
		entry_set(v, 0x80000000, 2, entry_get(v, 0, 2));
		expect_gpa(v, 0x5000, WRITE_, DATA);
		expect_gpa(v, 0x80005000, WRITE_, DATA);
		only_long_way = true;
		vmm_poke(entry_at(v, 0, 2), other | P | W | U | A, size);
		vmm_poke(other + 6 * size, (DATA + 2 * PAGE) | P | W | U, size);
		guest_flush(v);
		expect_gpa(v, 0x6000, WRITE_, DATA + 2 * PAGE);
		expect_gpa(v, 0x80006000, WRITE_, DATA + PAGE);
		expect_audit();
		only_long_way = false;
		slot_delete(RAM_SLOT);
		machine_done();
	}
}

/* CVE-2026-23401: the rmap entry of what was RAM must not stay behind. */
TEST(hc03_ram_pte_becomes_mmio_by_vmm)
{
	enum mode mode;
	unsigned int i;

	for_each_mode(i, mode, paged_modes) {
		struct vcpu *v = vcpu(0);

		guest_start(mode, 1);
		guest_map(v, 0x5000, DATA, P | W | U, 1);
		expect_gpa(v, 0x5000, READ_, DATA);
		vmm_poke(entry_at(v, 0x5000, 1), (MEMORY + 0x3000) | P | W | U | A,
			 ref_entry_size(&v->regs));
		guest_flush(v);
		expect_mmio(v, 0x5010, WRITE_, MEMORY + 0x3010);
		host_swap_out(DATA / PAGE);
		slot_delete(RAM_SLOT);
		machine_done();
	}
}

/* CVE-2021-38198: what one parent allows must not leak to the other. */
static void shared_table(enum mode mode, u64 less, struct mmu_access access, u32 error, bool first)
{
	struct vcpu *v = vcpu(0);
	u64 stride = mode <= MODE_PSE ? 0x400000 : 0x200000;
	u64 all = P | W | U;

	guest_start(mode, 1);
	guest_map(v, 0x5000, DATA, all, 1);
	entry_set(v, stride, 2, (entry_get(v, 0, 2) & ~all & ~A) | (all & ~less) | (less & NX));
	if (first)
		expect_gpa(v, 0x5000, access, DATA);
	expect_fault(v, stride + 0x5000, access, error);
	expect_gpa(v, 0x5000, access, DATA);
	expect_fault(v, stride + 0x5000, access, error);
	expect_gpa(v, stride + 0x5000, READ_, DATA);
	expect_audit();
	machine_done();
}

TEST(hc04_table_shared_by_parents_with_different_rights)
{
	enum mode mode;
	unsigned int i, first;

	for (first = 0; first < 2; first++) {
		for_each_mode(i, mode, paged_modes) {
			shared_table(mode, W, UWRITE, PFERR_PRESENT | PFERR_WRITE | PFERR_USER,
				     first);
			shared_table(mode, W, WRITE_, PFERR_PRESENT | PFERR_WRITE, first);
			shared_table(mode, U, UREAD, PFERR_PRESENT | PFERR_USER, first);
		}
		for_each_mode(i, mode, wide_modes)
			shared_table(mode, NX, FETCH_, PFERR_PRESENT | PFERR_FETCH, first);
	}
}

TEST(hc05_two_large_pdes_same_frame)
{
	enum mode mode;
	unsigned int i;
	int large;

	for (large = 0; large < 2; large++) {
		for_each_mode(i, mode, wide_modes) {
			struct vcpu *v = vcpu(0);

			guest_start(mode, 1);
			if (large)
				host_collapse(DATA / PAGE, 2);
			guest_map(v, 0x40000000, DATA, P | W | U, 2);
			guest_map(v, 0x40200000, DATA, P | U, 2);
			expect_gpa(v, 0x40000123, UWRITE, DATA + 0x123);
			expect_fault(v, 0x40200123, UWRITE,
				     PFERR_PRESENT | PFERR_WRITE | PFERR_USER);
			expect_gpa(v, 0x40200123, UREAD, DATA + 0x123);
			expect_gpa(v, 0x40001123, UWRITE, DATA + 0x1123);
			expect_fault(v, 0x40201123, WRITE_, PFERR_PRESENT | PFERR_WRITE);
			expect_audit();
			machine_done();
		}
	}
}

/* The oracle looks at the dirty bits after each write. */
TEST(hc06_wp0_write_sets_dirty_in_aliased_large_page)
{
	enum mode mode;
	unsigned int i;

	for_each_mode(i, mode, wide_modes) {
		struct vcpu *v = vcpu(0);

		guest_start(mode, 1);
		guest_mode(v, mode, CR0_WP, 0, 0);
		guest_map(v, 0x40000000, DATA, P | U, 2);
		guest_map(v, 0x40200000, DATA, P | W | U, 2);
		expect_gpa(v, 0x40200000, READ_, DATA);
		expect_gpa(v, 0x40000000, WRITE_, DATA);
		CHECK(entry_get(v, 0x40000000, 2) & D);
		CHECK(!(entry_get(v, 0x40200000, 2) & D));
		expect_gpa(v, 0x40200000, UWRITE, DATA);
		CHECK(entry_get(v, 0x40200000, 2) & D);
		expect_gpa(v, 0x40001000, UREAD, DATA + PAGE);
		expect_gpa(v, 0x40001000, WRITE_, DATA + PAGE);
		expect_audit();
		machine_done();
	}
}

/* More address spaces than the quota has room for, two vCPUs in old ones. */
TEST(hc07_root_goes_while_room_is_made)
{
	gpa_t root[100];
	int i, round;

	guest_start(MODE_LONG, 2);
	for (i = 0; i < 100; i++) {
		root[i] = root_new(vcpu(0));
		CHECK(!guest_set_cr3(vcpu(0), root[i]));
		guest_map(vcpu(0), 0x1000, DATA + i * PAGE, P | W | U, 1);
	}
	for (round = 0; round < 3; round++) {
		for (i = 0; i < 100; i++) {
			CHECK(!guest_set_cr3(vcpu(i & 1), root[i]));
			expect_gpa(vcpu(i & 1), 0x1000, WRITE_, DATA + i * PAGE);
			CHECK(mach.vm.nr_pages <= mach.vm.max_pages + 16);
		}
		expect_audit();
	}
	CHECK(mach.vm.stats.page_recycled > 0);
	machine_done();
}

/* Faults that an access to a mapped address costs after a flush. */
static unsigned long faults_of(struct vcpu *v, u64 va, gpa_t gpa)
{
	u64 before = mach.vm.stats.faults;

	expect_gpa(v, va, READ_, gpa);
	return mach.vm.stats.faults - before;
}

TEST(hc08_quadrants_of_a_directory_and_a_table)
{
	static const u64 at[] = { 0x00005000, 0x00205000, 0x40005000, 0x40205000,
				  0x80005000, 0x80205000, 0xc0005000, 0xc0205000 };
	struct vcpu *v = vcpu(0);
	unsigned int i, k;

	for (i = 0; i < ARRAY_SIZE(at); i++) {
		guest_start(MODE_32, 1);
		for (k = 0; k < ARRAY_SIZE(at); k++) {
			guest_map(v, at[k], DATA + k * PAGE, P | W | U, 1);
			expect_gpa(v, at[k], WRITE_, DATA + k * PAGE);
		}
		/* One entry of one half changes: the other seven stay mapped. */
		entry_set(v, at[i], 1, 0);
		guest_flush(v);
		for (k = 0; k < ARRAY_SIZE(at); k++)
			if (k != i)
				CHECK_EQ(faults_of(v, at[k], DATA + k * PAGE), 0);
		expect_fault(v, at[i], READ_, 0);
		/* A directory entry stands for both halves. */
		entry_set(v, at[i], 2, 0);
		guest_flush(v);
		expect_fault(v, at[i], READ_, 0);
		expect_fault(v, at[i ^ 1], READ_, 0);
		expect_gpa(v, at[(i + 2) % 8], WRITE_, DATA + (i + 2) % 8 * PAGE);
		expect_audit();
		machine_done();
	}
}

TEST(hc08_pse36_frames_above_4g)
{
	struct vcpu *v = vcpu(0);
	u64 far = 0x9fc0000000ull & ~0x3fffffull;

	guest_start(MODE_PSE, 1);
	CHECK(slot_add(1, far / PAGE, 1024, vmm_mmap(1024, 2), 0));
	entry_set(v, 0x40000000, 2, (u32)(far & 0xffc00000) | (far >> 32) << 13 | P | W | U | PS);
	expect_gpa(v, 0x40000000, WRITE_, far);
	expect_gpa(v, 0x40234567, UWRITE, far + 0x234567);
	/* Bit 21 and frame bits beyond MAXPHYADDR are reserved. */
	entry_set(v, 0x40400000, 2, P | W | U | PS | 1 << 21);
	expect_fault(v, 0x40400000, READ_, PFERR_PRESENT | PFERR_RSVD);
	v->regs.maxphyaddr = 36;
	guest_mode(v, MODE_PSE, 0, 0, 0);
	expect_fault(v, 0x40000000, UREAD, PFERR_PRESENT | PFERR_RSVD | PFERR_USER);
	entry_set(v, 0x40400000, 2, P | W | U | PS | 0xf << 13);
	expect_mmio(v, 0x40400000, READ_, 0xf00000000ull);
	/* Without CR4.PSE the bit means nothing. */
	guest_mode(v, MODE_32, 0, 0, 0);
	entry_set(v, 0x40400000, 2, TABLES | P | W | U | PS);
	expect_fault(v, 0x40400000, READ_, 0);
	expect_audit();
	machine_done();
}

TEST(hc09_pdptes_are_registers)
{
	struct vcpu *v = vcpu(0);
	gpa_t root, other;
	u64 pdpte[4];

	guest_start(MODE_PAE, 1);
	root = v->regs.cr3;
	guest_map(v, 0x40005000, DATA, P | W | U, 1);
	expect_gpa(v, 0x40005000, WRITE_, DATA);
	other = table_new();
	guest_map(v, 0x1000, root, P | W | U, 1);

	/* Neither protected, nor seen, until CR3 is loaded. */
	CHECK(!guest_store(v, 0x1008, other | P, 8).emulated);
	guest_flush(v);
	expect_gpa(v, 0x40005000, READ_, DATA);
	mmu_get_pdptes(&v->m, pdpte);
	CHECK_NE(pdpte[1], other | P);
	CHECK_EQ(guest_set_cr3(v, root), 0);
	expect_fault(v, 0x40005000, READ_, 0);

	/* Bad ones: refused, and nothing has changed. */
	guest_store(v, 0x1010, other | P | W, 8);
	CHECK_EQ(guest_set_cr3(v, root), -EINVAL);
	guest_store(v, 0x1010, 1ull << 40 | P, 8);
	CHECK_EQ(guest_set_cr3(v, root), -EINVAL);
	guest_store(v, 0x1010, NX | P, 8);
	CHECK_EQ(guest_set_cr3(v, root), -EINVAL);
	expect_gpa(v, 0x1010, READ_, root + 0x10);
	/* Not present: the rest of it does not matter. */
	guest_store(v, 0x1010, ~1ull, 8);
	CHECK_EQ(guest_set_cr3(v, root), 0);
	expect_fault(v, 0x80005000, READ_, 0);
	expect_audit();
	machine_done();
}

/* All of it is as the present one beside it, but for the present bit. */
TEST(hc09_absent_pdpte_translates_nothing)
{
	struct vcpu *v = vcpu(0);

	guest_start(MODE_PAE, 1);
	guest_map(v, 0x5000, DATA, P | W | U, 1);
	ram_poke(v->regs.cr3 + 8, ram_read(v->regs.cr3, 8) & ~P, 8);
	CHECK_EQ(guest_set_cr3(v, v->regs.cr3), 0);
	expect_gpa(v, 0x5000, WRITE_, DATA);
	expect_fault(v, 0x40005000, READ_, 0);
	expect_audit();
	machine_done();
}

TEST(hc10_one_frame_as_table_of_every_level)
{
	enum mode mode;
	unsigned int i;

	for_each_mode(i, mode, paged_modes) {
		struct vcpu *v = vcpu(0);
		unsigned int size;
		gpa_t frame;

		guest_start(mode, 1);
		size = ref_entry_size(&v->regs);
		frame = mode == MODE_PAE ? v->arch.root[0].pdpte[0] & ~(PAGE - 1) : v->regs.cr3;
		/* Entry 0 is the frame itself: va 0 is the table; entry 1 maps data. */
		guest_write_table(v, frame, frame | P | W | U, size);
		guest_write_table(v, frame + size, DATA | P | W | U, size);
		expect_gpa(v, 0, READ_, frame);
		expect_gpa(v, PAGE, WRITE_, DATA);
		expect_audit();
		/* Through itself the guest changes it. */
		CHECK(guest_store(v, size * 2, (DATA + PAGE) | P | W | U, size).emulated);
		expect_gpa(v, 2 * PAGE, WRITE_, DATA + PAGE);
		guest_store(v, size, (DATA + 2 * PAGE) | P | W | U, size);
		guest_invlpg(v, PAGE);
		expect_gpa(v, PAGE, UWRITE, DATA + 2 * PAGE);
		expect_audit();
		machine_done();
	}
}

/* Whether the spte is there, read-only, or not. */
TEST(hc10_self_map_is_told_to_the_emulator)
{
	unsigned int present;

	for (present = 0; present < 2; present++) {
		struct mmu_fault f = { .access = WRITE_, .error = PFERR_WRITE };
		struct vcpu *v = vcpu(0);

		guest_start(MODE_LONG, 1);
		guest_write_table(v, v->regs.cr3, v->regs.cr3 | P | W | U, 8);
		guest_enter(v);
		if (present) {
			expect_gpa(v, 0, READ_, v->regs.cr3);
			f.error |= PFERR_PRESENT;
		}
		/* The walk's own accessed bit may be in the table that is written. */
		while (mmu_fault(&v->m, &f) == MMU_RETRY)
			guest_enter(v);
		CHECK(f.to_table && f.self_map);
		machine_done();
	}
}

TEST(hc10_thousands_of_aliases)
{
	struct vcpu *v = vcpu(0);
	unsigned int i, n = 6000;

	shim_param_set("unsync", 0);
	guest_start(MODE_LONG, 2);
	CHECK(!mmu_vm_set_quota(&mach.vm, 1000));
	for (i = 0; i < n; i++) {
		guest_map(v, 0x10000000 + i * PAGE, DATA, P | W | U | A | D, 1);
		expect_gpa(v, 0x10000000 + i * PAGE, WRITE_, DATA);
	}
	CHECK(mach.vm.stats.sptes >= n);
	/* Becoming a table takes the right to write from all of them. */
	guest_map(v, 0x90000000, DATA + PAGE, P | W | U, 1);
	entry_set(v, 0x90000000, 2, DATA | P | W | U);
	guest_write_table(v, DATA, (DATA + PAGE) | P | W | U, 8);
	guest_invlpg(v, 0x90000000);
	expect_gpa(v, 0x90000000, WRITE_, DATA + PAGE);
	for (i = 0; i < n; i += 997)
		CHECK(guest_store(v, 0x10000100 + i * PAGE, i, 8).emulated);
	expect_audit();
	host_swap_out(DATA / PAGE);
	expect_gpa(vcpu(1), 0x10000000, READ_, DATA);
	expect_audit();
	machine_done();
}

/* A second address space in another mode for vCPU 1, whose PDE for va 0 is @table. */
static void other_space(enum mode mode, u64 efer_more, gpa_t table)
{
	struct vcpu *v = vcpu(1);

	v->regs.gbpages = false;
	guest_regs(mode, &v->regs.cr0, &v->regs.cr4, &v->regs.efer);
	v->regs.cr3 = root_new(v);
	guest_mode(v, mode, 0, 0, efer_more);
	guest_map(v, 0, DATA, P | W | U, 1);
	entry_set(v, 0, 2, table | P | W | U);
}

TEST(role_one_table_with_4_and_8_byte_entries)
{
	gpa_t table;

	guest_start(MODE_32, 2);
	guest_map(vcpu(0), 0x5000, DATA, P | W | U, 1);
	table = entry_at(vcpu(0), 0, 1);
	guest_write_table(vcpu(0), table + 40, (DATA + PAGE) | P | W | U, 8);
	other_space(MODE_PAE, EFER_NXE, table);
	expect_gpa(vcpu(0), 0x5000, WRITE_, DATA);
	expect_gpa(vcpu(0), 0xa000, WRITE_, DATA + PAGE);
	expect_gpa(vcpu(1), 0x5000, WRITE_, DATA + PAGE);
	expect_audit();
	machine_done();
}

TEST(role_one_table_in_pae_and_long_mode)
{
	gpa_t table;

	guest_start(MODE_LONG, 2);
	vcpu(0)->regs.gbpages = false;
	guest_mode(vcpu(0), MODE_LONG, 0, 0, 0);
	guest_map(vcpu(0), 0x5000, DATA, P | W | U | 1ull << 55, 1);
	table = entry_at(vcpu(0), 0, 1);
	other_space(MODE_PAE, 0, table);
	expect_gpa(vcpu(0), 0x5000, WRITE_, DATA);
	expect_fault(vcpu(1), 0x5000, READ_, PFERR_PRESENT | PFERR_RSVD);
	expect_gpa(vcpu(0), 0x5000, READ_, DATA);
	expect_audit();
	machine_done();
}
