// SPDX-License-Identifier: GPL-2.0-only
/* Hard cases 25 to 30: writes to page tables. */
#include "tap.h"

#include <linux/moduleparam.h>

#include "guest.h"

#define VA	0x40005000ull
#define ALIAS	0x80000000ull	/* where the guest sees its page table */

static const enum mode modes[] = { MODE_32, MODE_PSE, MODE_PAE, MODE_LONG, MODE_LA57 };

#define for_each_mode(i, mode)						\
	for (i = 0; i < ARRAY_SIZE(modes) && (mode = modes[i], 1); i++)

/* VA mapped to DATA, its table mapped at ALIAS and shadowed. */
static u64 start(enum mode mode)
{
	struct vcpu *v = vcpu(0);
	gpa_t pte;

	guest_start(mode, 2);
	guest_map(v, VA, DATA, P | W | U, 1);
	guest_map(v, VA + PAGE, DATA + PAGE, P | W | U, 1);
	pte = entry_at(v, VA, 1);
	guest_map(v, ALIAS, pte & ~(PAGE - 1), P | W | U, 1);
	expect_gpa(v, VA, WRITE_, DATA);
	expect_gpa(v, VA + PAGE, WRITE_, DATA + PAGE);
	return ALIAS + pte % PAGE;
}

static void check_after_write(struct vcpu *v)
{
	guest_access(v, VA, WRITE_);
	guest_access(v, VA + PAGE, READ_);
	guest_invlpg(v, VA);
	guest_invlpg(v, VA + PAGE);
	guest_access(v, VA, UREAD);
	guest_access(v, VA, WRITE_);
	guest_access(v, VA + PAGE, READ_);
	expect_audit();
}

TEST(hc25_entry_written_in_two_halves)
{
	struct vcpu *v = vcpu(0);
	u64 high = 1ull << 32, pte, new;
	enum mode mode;
	unsigned int i, order, k;

	for_each_mode(i, mode) {
		for (order = 0; mode >= MODE_PAE && order < 2; order++) {
			pte = start(mode);
			CHECK(slot_add(1, high / PAGE, 64, vmm_mmap(64, 1), 0));
			new = high | 0x7000 | P | W | U;
			for (k = 0; k < 2; k++) {
				unsigned int half = (k ^ order) * 4;

				guest_store(v, pte + half, new >> half * 8, 4);
				check_after_write(v);
			}
			expect_gpa(v, VA, WRITE_, high | 0x7000);
			machine_done();
		}
	}
}

TEST(hc25_writes_of_every_width_and_place)
{
	struct vcpu *v = vcpu(0);
	u64 value = 0x0000000000406067ull, pte;
	unsigned int i, len;
	enum mode mode;
	int at;

	for_each_mode(i, mode) {
		for (len = 1; len <= 16; len = len == 8 ? 16 : len + 1) {
			for (at = -8; at < 16; at++) {
				u64 bytes[2] = { value, value + 0x1000 };

				pte = start(mode);
				guest_store_as(v, pte + at, bytes, len, WRITE_);
				check_after_write(v);
				machine_done();
			}
		}
	}
}

TEST(hc25_write_across_two_tables)
{
	struct vcpu *v = vcpu(0);
	unsigned int i, size, off;
	enum mode mode;

	for_each_mode(i, mode) {
		for (off = 1; off < 8; off++) {
			u64 stride = mode <= MODE_PSE ? 0x400000 : 0x200000;
			u64 last = stride - PAGE, pte;

			guest_start(mode, 1);
			size = ref_entry_size(&v->regs);
			guest_map(v, last, DATA, P | W | U, 1);
			guest_map(v, stride, DATA + PAGE, P | W | U, 1);
			guest_map(v, ALIAS, entry_at(v, last, 1) & ~(PAGE - 1), P | W | U, 1);
			guest_map(v, ALIAS + PAGE, entry_at(v, stride, 1), P | W | U, 1);
			expect_gpa(v, last, WRITE_, DATA);
			expect_gpa(v, stride, WRITE_, DATA + PAGE);
			pte = 0x0040506700405067ull;
			guest_store(v, ALIAS + PAGE - off, pte, 8);
			guest_flush(v);
			guest_access(v, last, READ_);
			guest_access(v, stride, READ_);
			guest_access(v, stride, WRITE_);
			expect_audit();
			(void)size;
			machine_done();
		}
	}
}

TEST(hc25_cmpxchg_of_entries)
{
	struct vcpu *v = vcpu(0);
	u64 pte, old, wide[2], want[2];
	enum mode mode;
	unsigned int i;

	for_each_mode(i, mode) {
		unsigned int size;

		pte = start(mode);
		size = ref_entry_size(&v->regs);
		old = entry_get(v, VA, 1);
		guest_cmpxchg(v, pte, old ^ D, (DATA + 2 * PAGE) | P, size);
		CHECK_EQ(entry_get(v, VA, 1), old);
		guest_cmpxchg(v, pte, old, (DATA + 2 * PAGE) | P | W | U, size);
		guest_invlpg(v, VA);
		expect_gpa(v, VA, WRITE_, DATA + 2 * PAGE);
		CHECK_EQ(mmu_cmpxchg_guest(&v->m, entry_at(v, VA, 1) + 1, &old, &old, 4), -EINVAL);
		machine_done();
	}
	start(MODE_LONG);
	wide[0] = entry_get(v, VA - PAGE, 1);
	wide[1] = entry_get(v, VA, 1);
	want[0] = (DATA + 3 * PAGE) | P | W | U;
	want[1] = (DATA + 4 * PAGE) | P | W | U;
	CHECK_EQ(mmu_cmpxchg_guest(&v->m, entry_at(v, VA - PAGE, 1), want, want, 16), 1);
	CHECK_EQ(mmu_cmpxchg_guest(&v->m, entry_at(v, VA - PAGE, 1), wide, want, 16), 0);
	guest_flush(v);
	expect_gpa(v, VA - PAGE, READ_, DATA + 3 * PAGE);
	expect_gpa(v, VA, READ_, DATA + 4 * PAGE);
	expect_audit();
	machine_done();
}

/* The table written like data, in place, by either vCPU; then invalidated. */
TEST(hc14_table_written_in_place)
{
	static const struct { u64 set, clear; } changes[] = {
		{ 0, W }, { 0, U }, { 0, A }, { 0, D }, { 0, A | D }, { PAGE, 0 }, { 0, P },
		{ PAGE, W },
	};
	enum mode mode;
	unsigned int i, k;
	u64 pte, entry;

	for_each_mode(i, mode) {
		for (k = 0; k < ARRAY_SIZE(changes) * 6; k++) {
			struct vcpu *v = vcpu(k & 1), *other = vcpu(1);
			unsigned int size, n;

			pte = start(mode);
			size = ref_entry_size(&v->regs);
			guest_access(other, VA, UWRITE);
			for (n = 0; n < 3; n++) {
				entry = entry_get(v, VA, 1) ^ (n & 1 ? 1 << 9 : 0);
				entry = (entry | changes[k / 6].set) & ~changes[k / 6].clear;
				guest_store(v, pte, entry, size);
				guest_access(v, VA, READ_);
				guest_access(other, VA, UWRITE);
				if (k / 2 % 3 == 0)
					guest_invlpg(other, VA);
				else if (k / 2 % 3 == 1)
					CHECK(!guest_set_cr3(other, other->regs.cr3));
				else
					guest_flush(other);
				guest_access(other, VA, UREAD);
				guest_access(other, VA, UWRITE);
				guest_store(v, pte, (DATA + 9 * PAGE) | P | W | U, size);
				guest_invlpg(other, VA);
				expect_gpa(other, VA, UWRITE, DATA + 9 * PAGE);
			}
			expect_audit();
			machine_done();
		}
	}
}

/* The guest changes an entry just before the MMU sets a bit in it. */
static bool once;

static void guest_sets_software_bit(const char *where)
{
	u64 gpa = entry_at(vcpu(1), VA, 1), pte = entry_get(vcpu(1), VA, 1);

	if (strcmp(where, "write") || once)
		return;
	once = true;
	mach.interleaved++;
	ram_poke(gpa, pte | 1 << 9, ref_entry_size(&vcpu(1)->regs));
}

TEST(hc26_own_accessed_and_dirty_updates_lose_nothing)
{
	enum mode mode;
	unsigned int i;

	for_each_mode(i, mode) {
		struct vcpu *v = vcpu(0);

		start(mode);
		entry_set(v, VA, 1, DATA | P | W | U);
		guest_invlpg(v, VA);
		once = false;
		mach.hook = mach.write_hook = guest_sets_software_bit;
		expect_gpa(v, VA, UWRITE, DATA);
		mach.hook = mach.write_hook = NULL;
		mach.interleaved = 0;
		CHECK(once);
		CHECK_EQ(entry_get(v, VA, 1), DATA | P | W | U | A | D | 1 << 9);
		machine_done();
	}
}

/* The accessed bit of an odd 4-byte entry is bit 37 of the 8-byte entry that it is half of. */
static void accessed_bit_moves(bool emulator, unsigned int level)
{
	const u64 high = (u64)(P | W | U) << 32, low = DATA | P | W | U | A | D;
	struct vcpu *v = vcpu(0), *other = vcpu(1);
	u64 va = level == 1 ? 0x401000 : 0x402000;
	gpa_t table, gpa;
	u32 error;

	guest_start(MODE_32, 2);
	EXPECT(slot_add(RAM_SLOT + 1, (high | DATA) / PAGE, 1, vmm_mmap(1, 1), 0), "no slot");
	other->regs.cr3 = table_new();
	guest_mode(other, MODE_LONG, 0, 0, 0);
	guest_map(other, 0, 0, P | W | U | A | D, 1);
	table = entry_at(other, 0, 1);
	guest_write_table(other, table, high | low, 8);
	expect_gpa(other, 0, READ_, high | DATA);

	/* Its upper half leads to frame 0: as a page, or as a page table with one entry. */
	if (level == 1) {
		entry_set(v, 0x400000, 2, table | P | W | U | A);
	} else {
		guest_write_table(v, 2 * 4, P | W | U | A, 4);
		CHECK(!guest_set_cr3(v, table));
	}
	if (emulator)
		CHECK(!mmu_translate(&v->m, va, &READ_, &gpa, &error));
	else
		expect_gpa(v, va, READ_, 0);
	guest_flush(other);
	expect_mmio(other, 0, READ_, high | (u64)A << 32 | DATA);
	expect_audit();
	machine_done();
}

TEST(hc26_own_accessed_bit_moves_an_8_byte_entry)
{
	unsigned int level;

	for (level = 1; level <= 2; level++) {
		accessed_bit_moves(false, level);
		accessed_bit_moves(true, level);
	}
}

/* The same for the emulator's translations: 0 means that the bits are set. */
TEST(hc26_translation_for_the_emulator_sets_the_bits)
{
	enum mode mode;
	unsigned int i, error;
	gpa_t gpa;

	for_each_mode(i, mode) {
		struct vcpu *v = vcpu(0);
		int r;

		start(mode);
		entry_set(v, VA, 1, DATA | P | W | U);
		once = false;
		mach.hook = mach.write_hook = guest_sets_software_bit;
		r = mmu_translate(&v->m, VA, &WRITE_, &gpa, &error);
		mach.hook = mach.write_hook = NULL;
		mach.interleaved = 0;
		CHECK(once);
		CHECK(r == -EAGAIN || (entry_get(v, VA, 1) & (A | D)) == (A | D));
		CHECK_EQ(mmu_translate(&v->m, VA, &WRITE_, &gpa, &error), 0);
		CHECK_EQ(gpa, DATA);
		CHECK_EQ(entry_get(v, VA, 1), DATA | P | W | U | A | D | 1 << 9);
		machine_done();
	}
}

TEST(hc27_page_table_in_rom)
{
	gpa_t rom = 0x10000000, pte;
	enum mode mode;
	unsigned int i, bits;

	for_each_mode(i, mode) {
		for (bits = 0; bits < 4; bits++) {
			u64 ad = (bits & 1 ? A : 0) | (bits & 2 ? D : 0);
			struct vcpu *v = vcpu(0);
			unsigned long hva;

			guest_start(mode, 1);
			hva = vmm_mmap(16, 1);
			CHECK(slot_add(1, rom / PAGE, 16, hva, MEMSLOT_READONLY));
			guest_map(v, VA, DATA, P | W | U, 1);
			entry_set(v, VA, 2, rom | P | W | U);
			pte = entry_at(v, VA, 1);
			ram_poke(pte, (DATA + PAGE) | P | W | U | ad, ref_entry_size(&v->regs));
			guest_flush(v);
			expect_gpa(v, VA, UREAD, DATA + PAGE);
			expect_gpa(v, VA, UWRITE, DATA + PAGE);
			expect_gpa(v, VA, FETCH_, DATA + PAGE);
			CHECK_EQ(ram_read(pte, ref_entry_size(&v->regs)),
				 (DATA + PAGE) | P | W | U | ad);
			expect_fault(v, VA + 3 * PAGE, READ_, 0);
			expect_audit();
			slot_delete(1);
			expect_fault(v, VA, READ_, 0);
			machine_done();
		}
	}
}

TEST(hc27_page_table_where_no_memory_is)
{
	gpa_t nowhere = 0x10000000;
	enum mode mode;
	unsigned int i;

	for_each_mode(i, mode) {
		struct vcpu *v = vcpu(0);
		gpa_t root;

		guest_start(mode, 1);
		root = v->regs.cr3;
		guest_map(v, VA, DATA, P | W | U, 1);
		entry_set(v, VA, 2, nowhere | P | W | U);
		expect_fault(v, VA, READ_, 0);
		expect_fault(v, VA, UWRITE, PFERR_WRITE | PFERR_USER);
		if (mode == MODE_PAE) {
			CHECK_EQ(guest_set_cr3(v, nowhere), -EINVAL);
			machine_done();
			continue;
		}
		CHECK_EQ(guest_set_cr3(v, nowhere), 0);
		expect_fault(v, VA, READ_, 0);
		/* Memory appears beneath: what it holds counts, and writes to it are seen. */
		CHECK(slot_add(1, nowhere / PAGE, 16, vmm_mmap(16, 1), 0));
		guest_map(v, VA, DATA, P | W | U, 1);
		expect_gpa(v, VA, WRITE_, DATA);
		entry_set(v, VA, 2, 0);
		guest_flush(v);
		expect_fault(v, VA, READ_, 0);
		expect_audit();
		slot_delete(1);
		expect_fault(v, VA, READ_, 0);
		CHECK_EQ(guest_set_cr3(v, root), 0);
		expect_audit();
		machine_done();
	}
}

TEST(hc27_guest_memory_calls_say_what_is_missing)
{
	u64 value = 1;

	guest_start(MODE_LONG, 1);
	CHECK(slot_add(1, 0x10000, 16, vmm_mmap(16, 1), MEMSLOT_READONLY));
	CHECK_EQ(mmu_write_guest(&vcpu(0)->m, 0x10000000, &value, 8), -ENXIO);
	CHECK_EQ(mmu_read_guest(&vcpu(0)->m, 0x10000000, &value, 8), 0);
	CHECK_EQ(mmu_write_guest(&vcpu(0)->m, 0x90000000, &value, 8), -ENXIO);
	CHECK_EQ(mmu_read_guest(&vcpu(0)->m, 0x90000000, &value, 8), -ENXIO);
	CHECK_EQ(mmu_cmpxchg_guest(&vcpu(0)->m, 0x10000000, &value, &value, 8), -ENXIO);
	host_unmap(DATA / PAGE);
	CHECK_EQ(mmu_write_guest(&vcpu(0)->m, DATA, &value, 8), -EFAULT);
	CHECK_EQ(mmu_read_guest(&vcpu(0)->m, DATA, &value, 8), -EFAULT);
	CHECK(!mmu_unprotect(&vcpu(0)->m, 0x90000000));
	machine_done();
}

TEST(hc29_unknown_instruction_makes_progress)
{
	enum mode mode;
	unsigned int i;

	shim_param_set("unsync", 0);
	for_each_mode(i, mode) {
		struct vcpu *v = vcpu(0);
		u64 pte = start(mode);

		emulate_unknown = true;
		CHECK(!guest_store(v, pte, (DATA + PAGE) | P | W | U, ref_entry_size(&v->regs))
		       .emulated);
		CHECK(mach.vm.stats.unprotects > 0);
		guest_invlpg(v, VA);
		expect_gpa(v, VA, WRITE_, DATA + PAGE);
		expect_audit();
		emulate_unknown = false;
		machine_done();
	}
}

TEST(hc30_page_written_as_data_loses_its_shadow)
{
	enum mode mode;
	unsigned int i, k, emulated = 0;

	shim_param_set("unsync", 0);
	for_each_mode(i, mode) {
		struct vcpu *v = vcpu(0);
		unsigned int size;
		u64 pte = start(mode) & ~(PAGE - 1);

		size = ref_entry_size(&v->regs);
		emulated = 0;
		for (k = 0; k < PAGE / size; k++)
			emulated += guest_store(v, pte + k * size, 0, size).emulated;
		CHECK(emulated < 64);
		CHECK(mach.vm.stats.floods > 0);
		guest_flush(v);
		expect_fault(v, VA, READ_, 0);
		expect_audit();
		machine_done();
	}
}

/* A table in real use is not taken for data. */
TEST(hc30_table_in_use_keeps_its_shadow)
{
	struct vcpu *v = vcpu(0);
	u64 pte = start(MODE_LONG);
	unsigned int k;

	for (k = 0; k < 200; k++) {
		guest_store(v, pte, (DATA + k % 64 * PAGE) | P | W | U, 8);
		guest_invlpg(v, VA);
		expect_gpa(v, VA, WRITE_, DATA + k % 64 * PAGE);
	}
	CHECK_EQ(mach.vm.stats.floods, 0);
	machine_done();
}

/* However many tables the guest writes, few are out of sync at a time. */
TEST(hc30_tables_out_of_sync_stay_few)
{
	struct vcpu *v = vcpu(0);
	unsigned int i;

	guest_start(MODE_LONG, 1);
	CHECK(!mmu_vm_set_quota(&mach.vm, 2000));
	for (i = 0; i < 150; i++) {
		u64 va = VA + i * 0x200000ull;

		guest_map(v, va, DATA, P | W | U, 1);
		guest_map(v, ALIAS * 2 + i * PAGE, entry_at(v, va, 1) & ~(PAGE - 1), P | W | U, 1);
		expect_gpa(v, va, WRITE_, DATA);
		expect_gpa(v, ALIAS * 2 + i * PAGE, READ_, entry_at(v, va, 1) & ~(PAGE - 1));
	}
	for (i = 0; i < 150; i++) {
		guest_store(v, ALIAS * 2 + i * PAGE + 5 * 8, (DATA + PAGE) | P | W | U | A | D, 8);
		CHECK(mach.vm.nr_unsync <= 64);
	}
	guest_flush(v);
	for (i = 0; i < 150; i++)
		expect_gpa(v, VA + i * 0x200000ull, WRITE_, DATA + PAGE);
	expect_audit();
	machine_done();
}

/* An entry that changes in place gets no more than the entries above it grant. */
TEST(hc04_table_written_in_place_below_a_supervisor_directory)
{
	enum mode mode;
	unsigned int i;

	for_each_mode(i, mode) {
		struct vcpu *v = vcpu(0);
		u64 pte = start(mode), entry;
		unsigned int size = ref_entry_size(&v->regs), n;

		entry_set(v, VA, 2, entry_get(v, VA, 2) & ~U);
		guest_flush(v);
		expect_gpa(v, VA, WRITE_, DATA);
		for (n = 0; n < 4; n++) {
			entry = entry_get(v, VA, 1) ^ 1 << 9;
			guest_store(v, pte, entry, size);
			guest_flush(v);
			expect_fault(v, VA, UREAD, PFERR_PRESENT | PFERR_USER);
			expect_gpa(v, VA, WRITE_, DATA);
		}
		expect_audit();
		machine_done();
	}
}

/* The other vCPU lets the table go out of sync when the entry was written, but not its shadow. */
static void goes_out_of_sync(const char *where)
{
	if (strcmp(where, "written"))
		return;
	mach.hook = NULL;
	mach.interleaved++;
	guest_store(vcpu(1), ALIAS, 0, 8);
}

TEST(hc14_table_goes_out_of_sync_in_a_write)
{
	u64 entry = (DATA + 2 * PAGE) | P | W | U | A | D;
	struct vcpu *v = vcpu(0);

	start(MODE_LONG);
	mach.hook = goes_out_of_sync;
	CHECK(!mmu_write_guest(&v->m, entry_at(v, VA, 1), &entry, 8));
	CHECK(!mach.hook);
	mach.interleaved = 0;
	CHECK_EQ(mach.vm.nr_unsync, 1u);
	guest_flush(v);
	expect_gpa(v, VA, READ_, DATA + 2 * PAGE);
	expect_audit();
	machine_done();
}
