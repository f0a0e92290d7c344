// SPDX-License-Identifier: GPL-2.0-only
/* Not-present faults that go to the guest without an exit (VT-x): hard case 18, and around it. */
#include "tap.h"

#include "guest.h"

#define VA	0x400000ull

static u64 faults(void)
{
	return mach.vm.stats.faults;
}

/* A page table with one entry in use; its neighbours are known not to be present. */
static struct vcpu *start(unsigned int nr_vcpus)
{
	struct vcpu *v = vcpu(0);

	mmu_passthrough = true;
	guest_start(MODE_LONG, nr_vcpus);
	guest_map(v, VA, DATA, P | W | U | A | D, 1);
	expect_gpa(v, VA, READ_, DATA);
	return v;
}

static void end(void)
{
	expect_audit();
	machine_done();
	mmu_passthrough = false;
}

TEST(the_guests_own_faults_make_no_exit)
{
	struct vcpu *v = start(1);
	u64 before = faults(), i;

	for (i = 1; i < 512; i++)
		expect_fault(v, VA + i * PAGE, UWRITE, PFERR_WRITE | PFERR_USER);
	CHECK_EQ(faults(), before);
	/* Hardware tells of a fetch where the guest's processor might not. */
	expect_fault(v, VA + PAGE, (struct mmu_access){ .fetch = true }, PFERR_FETCH);
	CHECK_EQ(faults(), before + 1);
	end();
}

/* The fault, the write of the entry, the access: only the write exits, as a fault of the table. */
TEST(a_demand_fault_is_one_exit)
{
	struct vcpu *v = start(1);
	u64 before, i;

	for (i = 1; i < 100; i++) {
		expect_fault(v, VA + i * PAGE, WRITE_, PFERR_WRITE);
		before = faults();
		entry_set(v, VA + i * PAGE, 1, DATA | P | W | U | A | D);
		expect_gpa(v, VA + i * PAGE, WRITE_, DATA);
		CHECK_EQ(faults(), before);
	}
	CHECK_EQ(mach.vm.stats.unsyncs, 0);
	end();
}

/* Out of sync, what becomes present is not seen: no fault may be left to the guest. */
TEST(hc18_no_spurious_fault_out_of_sync)
{
	struct vcpu *v = start(1);
	u64 table_va = 0x800000, i;
	gpa_t entry = entry_at(v, VA, 1);

	guest_map(v, table_va, entry & ~(PAGE - 1), P | W | A | D, 1);
	for (i = 1; i < 64; i++) {
		guest_store(v, table_va + i * 8, (DATA + i * PAGE) | P | W | U | A | D, 8);
		if (i % 16 == 0)
			expect_gpa(v, VA + i * PAGE, READ_, DATA + i * PAGE);
	}
	CHECK(mach.vm.stats.unsyncs);
	for (i = 1; i < 64; i++)
		expect_gpa(v, VA + i * PAGE, READ_, DATA + i * PAGE);
	end();
}

static bool written;

/* The other vCPU accesses the page all the time; once the entry is in memory, it must get there. */
static void other_accesses(const char *where)
{
	static bool inside;

	if (inside)
		return;
	inside = true;
	written |= !strcmp(where, "written");
	if (written)
		expect_gpa(vcpu(1), VA + PAGE, READ_, DATA + PAGE);
	else
		expect_fault(vcpu(1), VA + PAGE, READ_, 0);
	inside = false;
}

TEST(hc18_no_spurious_fault_beside_a_write)
{
	u64 entry = (DATA + PAGE) | P | W | U | A | D;
	struct vcpu *v = start(2);

	expect_fault(v, VA + PAGE, READ_, 0);
	expect_fault(vcpu(1), VA + PAGE, READ_, 0);
	written = false;
	mach.hook = other_accesses;
	CHECK(!mmu_write_guest(&v->m, entry_at(v, VA + PAGE, 1), &entry, 8));
	mach.hook = NULL;
	CHECK(written);
	expect_gpa(v, VA + PAGE, READ_, DATA + PAGE);
	end();
}

/* hc22: no reserved bit, or a processor that can't filter: off. */
TEST(hc22_marks_need_a_reserved_bit)
{
	static const struct { bool filter; unsigned int bits; bool on; } hosts[] = {
		{ true, 36, true }, { true, 46, true }, { true, 51, true }, { true, 52, false },
		{ false, 36, false },
	};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(hosts); i++) {
		mmu_init_pf_passthrough(hosts[i].filter, hosts[i].bits);
		CHECK_EQ(mmu_passthrough, hosts[i].on);
	}
	mmu_passthrough = false;
}

/* After many writes in a row the table is out of sync; demand faults bring it back. */
TEST(demand_faults_bring_a_table_back_in_sync)
{
	struct vcpu *v = start(1);
	u64 table_va = 0x800000, before, i;
	gpa_t entry = entry_at(v, VA, 1);

	guest_map(v, table_va, entry & ~(PAGE - 1), P | W | A | D, 1);
	for (i = 1; i < 32; i++)
		guest_store(v, table_va + i * 8, DATA | P | W | U | A | D, 8);
	CHECK(mach.vm.nr_unsync);
	for (i = 100; i < 120; i++)
		expect_fault(v, VA + i * PAGE, WRITE_, PFERR_WRITE);
	CHECK(!mach.vm.nr_unsync);
	before = faults();
	for (i = 200; i < 220; i++)
		expect_fault(v, VA + i * PAGE, WRITE_, PFERR_WRITE);
	CHECK_EQ(faults(), before);
	for (i = 1; i < 32; i++)
		expect_gpa(v, VA + i * PAGE, READ_, DATA);
	end();
}

#define OTHER	(VA + (1ull << 21))

static void other_table_written(const char *where)
{
	if (strcmp(where, "written"))
		return;
	mach.hook = NULL;
	guest_write_table(vcpu(1), entry_at(vcpu(1), OTHER + PAGE, 1), W, 8);
	mach.hook = other_table_written;
}

/* Written while another write is under way, it is not known: one fault tells. */
TEST(a_fault_tells_that_its_entry_is_not_present)
{
	struct vcpu *v = start(2);
	u64 entry = DATA | P | W | U | A | D, before;

	guest_map(v, OTHER, DATA, P | W | U | A | D, 1);
	expect_gpa(v, OTHER, READ_, DATA);
	mach.hook = other_table_written;
	CHECK(!mmu_write_guest(&v->m, entry_at(v, VA, 1), &entry, 8));
	mach.hook = NULL;
	before = faults();
	expect_fault(v, OTHER + PAGE, READ_, 0);
	CHECK_EQ(faults(), before + 1);
	expect_fault(v, OTHER + PAGE, READ_, 0);
	CHECK_EQ(faults(), before + 1);
	end();
}
