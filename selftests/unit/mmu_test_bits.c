// SPDX-License-Identifier: GPL-2.0-only
/* Hard cases 19 to 24: permissions, reserved bits, modes. All of them, no samples. */
#include "tap.h"

#include <linux/moduleparam.h>

#include "guest.h"

#define VA 0x40005000ull

static const struct mmu_access kinds[] = {
	{ 0 }, { .write = true }, { .fetch = true }, { .ac = true }, { .write = true, .ac = true },
	{ .user = true }, { .write = true, .user = true }, { .fetch = true, .user = true },
};

/* Three bits of an index as entry bits. */
static u64 rights(unsigned int r)
{
	return (r & 1 ? W : 0) | (r & 2 ? U : 0) | (r & 4 ? NX : 0);
}

static u64 with_rights(u64 entry, unsigned int r)
{
	return (entry & ~(W | U | NX)) | rights(r);
}

/* All CR0.WP, SMEP, SMAP, NXE; NX bits are left out where they are reserved. */
static void set_config(struct vcpu *v, enum mode mode, unsigned int config)
{
	guest_mode(v, mode, config & 1 ? CR0_WP : 0,
		   (config & 2 ? CR4_SMEP : 0) | (config & 4 ? CR4_SMAP : 0),
		   mode >= MODE_PAE && config & 8 ? EFER_NXE : 0);
}

static unsigned int levels_of(enum mode mode)
{
	return mode == MODE_LA57 ? 5 : mode == MODE_LONG ? 4 : 2;
}

/* Every pair of accesses, so that each finds what the other left in the shadow. */
static void all_pairs(struct vcpu *v, u64 va)
{
	unsigned int a, b;

	for (a = 0; a < ARRAY_SIZE(kinds); a++) {
		for (b = 0; b < ARRAY_SIZE(kinds); b++) {
			guest_access(v, va, kinds[a]);
			guest_access(v, va, kinds[b]);
		}
	}
}

static void matrix_of_level(enum mode mode, unsigned int config, unsigned int level)
{
	struct vcpu *v = vcpu(0);
	unsigned int r;
	u64 entry;

	set_config(v, mode, config);
	entry = entry_get(v, VA, level);
	for (r = 0; r < (mode >= MODE_PAE ? 8 : 4); r++) {
		entry_set(v, VA, level, with_rights(entry, r));
		guest_flush(v);
		all_pairs(v, VA);
	}
	entry_set(v, VA, level, entry);
	guest_flush(v);
}

static void matrix(enum mode mode)
{
	unsigned int config, level;

	guest_start(mode, 1);
	guest_map(vcpu(0), VA, DATA, P | W | U, 1);
	for (config = 0; config < 16; config++)
		for (level = 1; level <= levels_of(mode); level++)
			matrix_of_level(mode, config, level);
	expect_audit();
	machine_done();
}

TEST(hc19_permission_matrix_32bit)
{
	matrix(MODE_PSE);
}

TEST(hc19_permission_matrix_pae)
{
	matrix(MODE_PAE);
}

TEST(hc19_permission_matrix_4level)
{
	matrix(MODE_LONG);
}

TEST(hc19_permission_matrix_5level)
{
	matrix(MODE_LA57);
}

/* Large guest pages, with small and with large host pages. */
static void matrix_large(enum mode mode, unsigned int level, int host_level)
{
	u64 va = level == 3 ? 0x40000000 : VA & ~0x3fffffull;
	u64 gpa = level == 3 ? 0 : DATA;
	unsigned int config, r;
	u64 entry;

	guest_start(mode, 1);
	if (host_level > 1)
		host_collapse(DATA / PAGE, host_level);
	for (config = 0; config < 16; config++) {
		set_config(vcpu(0), mode, config);
		guest_map(vcpu(0), va, gpa, P, level);
		for (r = 0; r < (mode >= MODE_PAE ? 8 : 4); r++) {
			entry = entry_get(vcpu(0), va, level);
			entry_set(vcpu(0), va, level, with_rights(entry, r) & ~(A | D));
			guest_flush(vcpu(0));
			all_pairs(vcpu(0), va - gpa + DATA);
		}
		entry_set(vcpu(0), va, level, 0);
		guest_flush(vcpu(0));
	}
	expect_audit();
	machine_done();
}

TEST(hc19_permission_matrix_large_pages)
{
	int host_level;

	for (host_level = 1; host_level <= 2; host_level++) {
		matrix_large(MODE_PSE, 2, host_level);
		matrix_large(MODE_PAE, 2, host_level);
		matrix_large(MODE_LONG, 2, host_level);
		matrix_large(MODE_LONG, 3, host_level);
		matrix_large(MODE_LA57, 3, host_level);
	}
}

/* From all rights to all others while mapped, then invalidated. */
TEST(hc19_bits_toggled_while_mapped)
{
	static const enum mode modes[] = { MODE_PSE, MODE_PAE, MODE_LONG };
	unsigned int i, config, from, to, a, level;

	for (i = 0; i < ARRAY_SIZE(modes); i++) {
		struct vcpu *v = vcpu(0);
		unsigned int n = modes[i] >= MODE_PAE ? 8 : 4;

		guest_start(modes[i], 1);
		guest_map(v, VA, DATA, P | W | U, 1);
		for (config = 0; config < 16; config++) {
			set_config(v, modes[i], config);
			for (from = 0; from < n * n * 2; from++) {
				level = 1 + from / (n * n);
				to = from % n;
				entry_set(v, VA, level, with_rights(entry_get(v, VA, level),
								    from / n % n));
				guest_invlpg(v, VA);
				for (a = 0; a < ARRAY_SIZE(kinds); a++)
					guest_access(v, VA, kinds[a]);
				entry_set(v, VA, level, with_rights(entry_get(v, VA, level), to));
				for (a = 0; a < ARRAY_SIZE(kinds); a++)
					guest_access(v, VA, kinds[a]);
				guest_invlpg(v, VA);
				for (a = 0; a < ARRAY_SIZE(kinds); a++)
					guest_access(v, VA, kinds[a]);
				entry_set(v, VA, level,
					  with_rights(entry_get(v, VA, level), 3));
			}
		}
		machine_done();
	}
}

/* CR0.WP, SMEP, SMAP and NXE toggled while mapped: every config after every other. */
TEST(hc19_control_bits_toggled_while_mapped)
{
	unsigned int from, to, r, a, b;
	struct vcpu *v = vcpu(0);

	guest_start(MODE_LONG, 1);
	for (r = 0; r < 4; r++)
		guest_map(v, VA + r * PAGE, DATA + r * PAGE, P | rights(r), 1);
	for (from = 0; from < 16; from++) {
		for (to = 0; to < 16 * ARRAY_SIZE(kinds); to++) {
			a = to / 16;
			set_config(v, MODE_LONG, from);
			for (r = 0; r < 4; r++)
				guest_access(v, VA + r * PAGE, kinds[a]);
			set_config(v, MODE_LONG, to % 16);
			for (b = 0; b < ARRAY_SIZE(kinds) * 4; b++)
				guest_access(v, VA + b % 4 * PAGE, kinds[(a + b / 4) % 8]);
		}
	}
	expect_audit();
	machine_done();
}

/* Two vCPUs in one address space whose control bits differ, in turns. */
TEST(hc19_vcpus_with_different_control_bits)
{
	unsigned int one, other, r, a;

	guest_start(MODE_LONG, 2);
	for (r = 0; r < 4; r++)
		guest_map(vcpu(0), VA + r * PAGE, DATA + r * PAGE, P | rights(r), 1);
	for (one = 0; one < 16; one++) {
		for (other = 0; other < 16; other++) {
			set_config(vcpu(0), MODE_LONG, one);
			set_config(vcpu(1), MODE_LONG, other);
			for (a = 0; a < 64 * 4; a++) {
				guest_access(vcpu(0), VA + a % 4 * PAGE, kinds[a / 4 % 8]);
				guest_access(vcpu(1), VA + a % 4 * PAGE, kinds[a / 32]);
			}
		}
	}
	expect_audit();
	machine_done();
}

/* CR0.WP=0 is what a spte can express, but for SMAP: no emulation for the rest. */
TEST(hc19_wp0_writes_need_no_emulation)
{
	unsigned int config, r;

	for (config = 0; config < 16; config++) {
		struct vcpu *v = vcpu(0);

		guest_start(MODE_LONG, 1);
		set_config(v, MODE_LONG, config | 1);
		for (r = 0; r < 4; r++) {
			bool smap = config & 4 && r & 2;

			guest_map(v, VA + r * PAGE, DATA + r * PAGE, P | rights(r), 1);
			CHECK(guest_store(v, VA + r * PAGE, 1, 8).kind ==
			      (smap ? OUT_FAULT : OUT_RAM));
			CHECK(!guest_store(v, VA + r * PAGE, 2, 8).emulated);
		}
		machine_done();
	}
}

TEST(hc19_vcpus_with_and_without_1g_pages)
{
	int first;

	for (first = 0; first < 2; first++) {
		guest_start(MODE_LONG, 2);
		vcpu(!first)->regs.gbpages = false;
		guest_mode(vcpu(!first), MODE_LONG, 0, 0, 0);
		guest_map(vcpu(0), 1ull << 39, 0, P | W | U, 3);
		guest_access(vcpu(0), (1ull << 39) + DATA, WRITE_);
		guest_access(vcpu(1), (1ull << 39) + DATA, WRITE_);
		expect_gpa(vcpu(first), (1ull << 39) + DATA, READ_, DATA);
		expect_fault(vcpu(!first), (1ull << 39) + DATA, READ_, PFERR_PRESENT | PFERR_RSVD);
		expect_audit();
		machine_done();
	}
}

/* Every bit of the entry at every level; the oracle knows which are reserved. */
static void each_bit(enum mode mode, u8 maxphyaddr, bool gbpages, bool nxe)
{
	struct vcpu *v = vcpu(0);
	unsigned int level, bit, large;

	guest_start(mode, 1);
	v->regs.maxphyaddr = maxphyaddr;
	v->regs.gbpages = gbpages;
	guest_mode(v, mode, 0, 0, nxe ? 0 : EFER_NXE);
	guest_map(v, VA, DATA, P | W | U, 1);
	for (level = 1; level <= levels_of(mode); level++) {
		u64 entry = entry_get(v, VA, level);

		for (large = 0; large < 2; large++) {
			for (bit = 1; bit < (mode >= MODE_PAE ? 64 : 32); bit++) {
				/* G above the leaf is reserved on one vendor's alone. */
				if (bit == 8 && level > 1)
					continue;
				entry_set(v, VA, level,
					  (large && level > 1 ? P | W | U | PS : entry) ^
						  1ull << bit);
				guest_flush(v);
				guest_access(v, VA, READ_);
				guest_access(v, VA, UWRITE);
				guest_access(v, VA, FETCH_);
			}
		}
		entry_set(v, VA, level, entry);
		guest_flush(v);
	}
	expect_gpa(v, VA, READ_, DATA);
	expect_audit();
	machine_done();
}

TEST(hc20_reserved_bits_of_every_level)
{
	static const u8 widths[] = { 36, 40, 46, 52 };
	unsigned int i;
	enum mode mode;
	int k;

	for (mode = MODE_32; mode < NR_MODES; mode++)
		for (i = 0; i < ARRAY_SIZE(widths); i++)
			for (k = 0; k < 4; k++)
				each_bit(mode, widths[i], k & 1, k & 2);
}

TEST(hc21_high_superpages_are_not_truncated)
{
	static const u64 bases[] = { 1ull << 44, (1ull << 51) + (1ull << 44), 1ull << 45 };
	unsigned int i;
	int large;

	for (i = 0; i < ARRAY_SIZE(bases); i++) {
		for (large = 0; large < 2; large++) {
			struct vcpu *v = vcpu(0);

			guest_start(MODE_LONG, 1);
			v->regs.maxphyaddr = 52;
			guest_mode(v, MODE_LONG, 0, 0, 0);
			CHECK(slot_add(1, bases[i] / PAGE, 1024, vmm_mmap(1024, large ? 2 : 1), 0));
			guest_map(v, 0x80000000, bases[i], P | W | U, 2);
			guest_map(v, 0xc0000000, bases[i], P | W | U, 3);
			expect_gpa(v, 0x80001000, WRITE_, bases[i] + PAGE);
			expect_gpa(v, 0x801ff000, READ_, bases[i] + 0x1ff000);
			expect_gpa(v, 0xc0212000, WRITE_, bases[i] + 0x212000);
			expect_mmio(v, 0xc0400000, READ_, bases[i] + 0x400000);
			if (large)
				CHECK(mach.vm.stats.sptes_large > 0);
			expect_audit();
			slot_move(1, bases[i] / PAGE + 512);
			expect_mmio(v, 0x80001000, WRITE_, bases[i] + PAGE);
			machine_done();
		}
	}
}

/* Host pages of 2M and 1G are used where guest and slot allow, and only there. */
TEST(hc21_large_sptes_stay_inside_their_slot)
{
	struct vcpu *v = vcpu(0);
	u64 gb = 1ull << 30;
	unsigned long hva;

	guest_start(MODE_LONG, 1);
	hva = vmm_mmap(gb / PAGE, 3);
	CHECK(slot_add(1, 4 * gb / PAGE, gb / PAGE, hva, 0));
	guest_map(v, 1ull << 40, 4 * gb, P | W | U, 3);
	expect_gpa(v, (1ull << 40) + 0x12345678, WRITE_, 4 * gb + 0x12345678);
	expect_gpa(v, (1ull << 40) + 0x32345678, WRITE_, 4 * gb + 0x32345678);
	CHECK_EQ(mach.vm.stats.sptes, 1);
	slot_delete(1);
	/* The same memory, not naturally aligned in guest and host alike. */
	CHECK(slot_add(1, 4 * gb / PAGE + 1, 4096, hva, 0));
	expect_gpa(v, (1ull << 40) + 0x201000, WRITE_, 4 * gb + 0x201000);
	expect_mmio(v, 1ull << 40, READ_, 4 * gb);
	slot_delete(1);
	CHECK(slot_add(1, 4 * gb / PAGE + 0x100, 0x500, hva + 0x100000, 0));
	expect_gpa(v, (1ull << 40) + 0x150000, WRITE_, 4 * gb + 0x150000);
	expect_gpa(v, (1ull << 40) + 0x250000, WRITE_, 4 * gb + 0x250000);
	expect_mmio(v, (1ull << 40) + 0x50000, READ_, 4 * gb + 0x50000);
	expect_mmio(v, (1ull << 40) + 0x650000, READ_, 4 * gb + 0x650000);
	CHECK_EQ(mach.vm.stats.sptes_large, 1);
	expect_audit();
	machine_done();
}

/* A table inside what is mapped large: the large spte must go. */
TEST(hc21_large_spte_over_a_page_table)
{
	struct vcpu *v = vcpu(0);

	shim_param_set("unsync", 0);
	guest_start(MODE_LONG, 2);
	host_collapse(DATA / PAGE, 2);
	guest_map(v, 0x80000000, DATA, P | W | U, 2);
	expect_gpa(v, 0x80000000, WRITE_, DATA);
	expect_gpa(vcpu(1), 0x80000000, WRITE_, DATA);
	CHECK_EQ(mach.vm.stats.sptes_large, 1);
	guest_map(v, VA, DATA + 5 * PAGE, P | W | U, 1);
	entry_set(v, VA, 2, (DATA + 0x10000) | P | W | U);
	guest_invlpg(v, VA);
	guest_store(v, 0x80010000 + 5 * 8, (DATA + 6 * PAGE) | P | W | U, 8);
	expect_gpa(v, VA, WRITE_, DATA + 6 * PAGE);
	CHECK(guest_store(vcpu(1), 0x80010000 + 5 * 8, (DATA + 7 * PAGE) | P | W | U, 8).emulated);
	guest_invlpg(v, VA);
	expect_gpa(v, VA, WRITE_, DATA + 7 * PAGE);
	expect_audit();
	machine_done();
}

/* Every mode after every other, with shadow pages of each kept. */
TEST(hc24_mode_changes_in_every_order)
{
	gpa_t root[NR_MODES];
	enum mode from, to;
	int round;

	guest_start(MODE_OFF, 1);
	for (to = MODE_32; to < NR_MODES; to++) {
		guest_regs(to, &vcpu(0)->regs.cr0, &vcpu(0)->regs.cr4, &vcpu(0)->regs.efer);
		root[to] = root_new(vcpu(0));
		vcpu(0)->regs.cr3 = root[to];
		guest_mode(vcpu(0), to, 0, 0, 0);
		guest_map(vcpu(0), VA, DATA + to * PAGE, P | W | U, 1);
	}
	root[MODE_OFF] = 0;
	for (round = 0; round < 2; round++) {
		for (from = 0; from < NR_MODES; from++) {
			for (to = 0; to < NR_MODES; to++) {
				vcpu(0)->regs.cr3 = root[from];
				guest_mode(vcpu(0), from, 0, 0, 0);
				guest_access(vcpu(0), from ? VA : DATA, WRITE_);
				vcpu(0)->regs.cr3 = root[to];
				guest_mode(vcpu(0), to, 0, 0, 0);
				expect_gpa(vcpu(0), to ? VA : DATA, WRITE_, DATA + to * PAGE);
				expect_audit();
			}
		}
	}
	CHECK(mach.vm.stats.page_zaps == 0);
	machine_done();
}

/* ... all of them, where the frame is mapped large more than once. */
TEST(hc21_large_sptes_over_a_page_table)
{
	struct vcpu *v = vcpu(0);
	unsigned int i;

	shim_param_set("unsync", 0);
	guest_start(MODE_LONG, 1);
	host_collapse(DATA / PAGE, 2);
	for (i = 0; i < 3; i++) {
		guest_map(v, 0x80000000 + ((u64)i << 21), DATA, P | W | U, 2);
		expect_gpa(v, 0x80000000 + ((u64)i << 21), WRITE_, DATA);
	}
	CHECK_EQ(mach.vm.stats.sptes_large, 3);
	guest_map(v, VA, DATA + 5 * PAGE, P | W | U, 1);
	entry_set(v, VA, 2, (DATA + 0x10000) | P | W | U);
	guest_write_table(v, DATA + 0x10000 + 5 * 8, (DATA + 6 * PAGE) | P | W | U, 8);
	expect_gpa(v, VA, READ_, DATA + 6 * PAGE);
	CHECK_EQ(mach.vm.stats.sptes_large, 0);
	for (i = 0; i < 3; i++)
		CHECK(guest_store(v, 0x80010000 + ((u64)i << 21) + 5 * 8,
				  (DATA + 7 * PAGE) | P | W | U, 8).emulated);
	expect_audit();
	machine_done();
}

/* A table that the fault itself shadows lies in what it is about to map large. */
TEST(hc21_large_spte_over_its_own_directory)
{
	struct vcpu *v = vcpu(0);

	guest_start(MODE_LONG, 1);
	host_collapse(DATA / PAGE, 2);
	next_table = DATA + 0x10000;
	tables_end = MEMORY;
	guest_map(v, 0x80000000, DATA, P | W | U, 2);
	expect_gpa(v, 0x80000000, WRITE_, DATA);
	CHECK_EQ(mach.vm.stats.sptes_large, 0);
	expect_audit();
	machine_done();
}
