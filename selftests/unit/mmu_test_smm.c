// SPDX-License-Identifier: GPL-2.0-only
/* SMM has an address space of its own: which memory a vCPU sees, and tables that both see. */
#include "tap.h"

#include <linux/moduleparam.h>

#include "guest.h"

#define SMM_SLOT	1
#define SMRAM_SLOT	2
#define SMRAM		0x3000000ull
#define VA		0x40000000ull

static const enum mode all_modes[] = {
	MODE_OFF, MODE_32, MODE_PSE, MODE_PAE, MODE_LONG, MODE_LA57,
};

/* SMM sees all of the guest's memory. */
static void smm_sees_all(u32 flags)
{
	EXPECT(slot_add(SMM_SLOT, GFN_SMM, MEMORY / PAGE, mach.slot[RAM_SLOT].mem.hva, flags),
	       "no slot");
}

/* Memory that only SMM sees, with other memory in its place for others. */
static void smram_add(void)
{
	EXPECT(slot_add(SMRAM_SLOT, GFN_SMM | SMRAM / PAGE, 16, vmm_mmap(16, 1), 0), "no slot");
	EXPECT(slot_add(SMRAM_SLOT + 1, SMRAM / PAGE, 16, vmm_mmap(16, 1), 0), "no slot");
}

static void end(void)
{
	int i;

	expect_audit();
	for (i = 0; i < NR_SLOTS; i++)
		if (mach.slot[i].used)
			slot_delete(i);
	machine_done();
}

TEST(smm_sees_its_own_memory)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(all_modes); i++) {
		struct vcpu *v = vcpu(0);
		u64 va = all_modes[i] == MODE_OFF ? SMRAM : VA;

		guest_start(all_modes[i], 2);
		smm_sees_all(0);
		smram_add();
		if (all_modes[i] != MODE_OFF)
			guest_map(v, VA, SMRAM, P | W | U, 1);
		expect_gpa(v, va, WRITE_, SMRAM);
		expect_gpa(vcpu(1), va, READ_, SMRAM);
		guest_set_smm(v, true);
		expect_gpa(v, va, WRITE_, GPA_SMM | SMRAM);
		expect_gpa(vcpu(1), va, WRITE_, SMRAM);
		guest_set_smm(v, false);
		expect_gpa(v, va, READ_, SMRAM);
		expect_audit();
		/* Where only SMM has memory, others have none. */
		slot_delete(SMRAM_SLOT + 1);
		expect_mmio(v, va, READ_, SMRAM);
		guest_set_smm(v, true);
		expect_gpa(v, va, READ_, GPA_SMM | SMRAM);
		slot_delete(SMRAM_SLOT);
		expect_mmio(v, va, READ_, GPA_SMM | SMRAM);
		end();
	}
}

/* One CR3, one frame, two tables with different entries. */
TEST(smm_tables_at_one_place_are_told_apart)
{
	struct vcpu *v = vcpu(0), *w = vcpu(1);

	guest_start(MODE_LONG, 2);
	smm_sees_all(0);
	smram_add();
	ram_poke(SMRAM, (DATA) | P | W | U, 8);
	ram_poke(GPA_SMM | SMRAM, (DATA + PAGE) | P | W | U, 8);
	guest_map(v, VA + PAGE, DATA, P, 1);
	entry_set(v, VA, 2, SMRAM | P | W | U);
	guest_set_smm(w, true);
	expect_gpa(v, VA, READ_, DATA);
	expect_gpa(w, VA, READ_, GPA_SMM | (DATA + PAGE));
	/* A write to the one is none to the other. */
	guest_write_table(v, SMRAM, (DATA + 2 * PAGE) | P | W | U, 8);
	guest_invlpg(v, VA);
	guest_invlpg(w, VA);
	expect_gpa(v, VA, READ_, DATA + 2 * PAGE);
	expect_gpa(w, VA, READ_, GPA_SMM | (DATA + PAGE));
	guest_write_table(w, GPA_SMM | SMRAM, (DATA + 3 * PAGE) | P | W | U, 8);
	guest_invlpg(v, VA);
	guest_invlpg(w, VA);
	expect_gpa(v, VA, READ_, DATA + 2 * PAGE);
	expect_gpa(w, VA, READ_, GPA_SMM | (DATA + 3 * PAGE));
	end();
}

/* VA, and behind it the page table that maps both, so that either side can write to it. */
static gpa_t map_own_table(struct vcpu *v)
{
	gpa_t table;

	guest_map(v, VA, DATA, P | W | U, 1);
	table = entry_at(v, VA, 1) & ~(PAGE - 1);
	guest_map(v, VA + PAGE, table, P | W | U, 1);
	return table;
}

/* Both see the same memory, and each writes to tables that the other uses. */
TEST(smm_writes_to_tables_of_others)
{
	long was = shim_param_set("unsync", 64);
	unsigned int round;

	for (round = 0; round < 4; round++) {
		struct vcpu *v = vcpu(0), *w = vcpu(1), *smm = round & 1 ? v : w;
		gpa_t table;

		shim_param_set("unsync", round & 2 ? 64 : 0);
		guest_start(MODE_LONG, 2);
		smm_sees_all(0);
		table = map_own_table(w);
		guest_set_smm(smm, true);
		/* Nothing has shadowed the tables that translate VA yet: it may be written. */
		expect_gpa(w, VA + PAGE + 8, READ_, ref_space(&w->regs) | table | 8);
		expect_gpa(v, VA, WRITE_, ref_space(&v->regs) | DATA);
		guest_store(w, VA + PAGE, (DATA + 2 * PAGE) | P | W | U, 8);
		guest_invlpg(v, VA);
		expect_gpa(v, VA, WRITE_, ref_space(&v->regs) | (DATA + 2 * PAGE));
		guest_store(w, VA + PAGE, 0, 8);
		guest_invlpg(v, VA);
		expect_fault(v, VA, WRITE_, PFERR_WRITE);
		end();
	}
	shim_param_set("unsync", was);
}

/* A slot that comes when there are shadows already. */
TEST(smm_slot_comes_after_the_tables)
{
	struct vcpu *v = vcpu(0), *w = vcpu(1);
	long was = shim_param_set("unsync", 0);

	guest_start(MODE_LONG, 2);
	map_own_table(v);
	expect_gpa(v, VA, WRITE_, DATA);
	smm_sees_all(0);
	expect_gpa(v, VA, WRITE_, DATA);
	guest_set_smm(w, true);
	guest_store(w, VA + PAGE, (DATA + 2 * PAGE) | P | W | U, 8);
	guest_invlpg(v, VA);
	expect_gpa(v, VA, WRITE_, DATA + 2 * PAGE);
	/* It goes, and comes again: what it counted goes with it. */
	slot_delete(SMM_SLOT);
	expect_gpa(v, VA, WRITE_, DATA + 2 * PAGE);
	smm_sees_all(0);
	guest_store(w, VA + PAGE, (DATA + 3 * PAGE) | P | W | U, 8);
	guest_invlpg(v, VA);
	expect_gpa(v, VA, WRITE_, DATA + 3 * PAGE);
	end();
	shim_param_set("unsync", was);
}

/* What counts a frame as tracked is taken back wherever it was given. */
TEST(smm_tables_that_go_are_tracked_nowhere)
{
	struct vcpu *v = vcpu(0), *w = vcpu(1);
	long was = shim_param_set("unsync", 0);
	gpa_t table;

	guest_start(MODE_LONG, 2);
	smm_sees_all(0);
	table = map_own_table(v);
	expect_gpa(v, VA, WRITE_, DATA);
	guest_set_mode(v, CR0_PE, 0, 0);
	guest_set_mode(w, CR0_PE, 0, 0);
	guest_set_smm(w, true);
	mmu_vm_zap_all(&mach.vm);
	expect_gpa(v, table, WRITE_, table);
	expect_gpa(w, table, WRITE_, GPA_SMM | table);
	EXPECT(!guest_access(w, table, WRITE_).emulated, "a frame without a table is tracked");
	end();
	shim_param_set("unsync", was);
}

TEST(smm_dirty_logs_are_apart)
{
	struct vcpu *v = vcpu(0);

	guest_start(MODE_OFF, 1);
	smm_sees_all(MEMSLOT_LOG_DIRTY);
	slot_flags(RAM_SLOT, MEMSLOT_LOG_DIRTY);
	guest_set_smm(v, true);
	expect_gpa(v, DATA, WRITE_, GPA_SMM | DATA);
	EXPECT(test_bit(DATA / PAGE, mach.slot[SMM_SLOT].mem.dirty_bitmap), "SMM's log lacks it");
	EXPECT(!test_bit(DATA / PAGE, mach.slot[RAM_SLOT].mem.dirty_bitmap), "another log has it");
	dirty_log_get(RAM_SLOT);
	guest_set_smm(v, false);
	expect_gpa(v, DATA + PAGE, WRITE_, DATA + PAGE);
	dirty_log_get(SMM_SLOT);
	EXPECT(test_bit(DATA / PAGE + 1, mach.slot[RAM_SLOT].mem.dirty_bitmap), "a write is lost");
	guest_set_smm(v, true);
	expect_gpa(v, DATA, WRITE_, GPA_SMM | DATA);
	EXPECT(test_bit(DATA / PAGE, mach.slot[SMM_SLOT].mem.dirty_bitmap), "SMM's log lacks it");
	end();
}

/* The host takes back a page that both have mapped. */
TEST(smm_notifier_reaches_both)
{
	struct vcpu *v = vcpu(0), *w = vcpu(1);

	guest_start(MODE_OFF, 2);
	smm_sees_all(0);
	guest_set_smm(w, true);
	expect_gpa(v, DATA, WRITE_, DATA);
	expect_gpa(w, DATA, WRITE_, GPA_SMM | DATA);
	host_swap_out(DATA / PAGE);
	expect_audit();
	expect_gpa(w, DATA, WRITE_, GPA_SMM | DATA);
	expect_gpa(v, DATA, WRITE_, DATA);
	end();
}
