// SPDX-License-Identifier: GPL-2.0-only
/* iTLB multihit: a frame of code is never mapped by a large spte. */
#include "tap.h"

#include "guest.h"

#define VA	0x40000000ull
#define LARGE	(1ull << 32)

static void start(enum mode mode)
{
	mach_multihit = true;
	guest_start(mode, 1);
	CHECK(slot_add(1, LARGE / PAGE / (mode == MODE_LONG ? 1 : 2), 1024, vmm_mmap(1024, 2), 0));
	if (mode != MODE_OFF)
		guest_map(vcpu(0), VA, LARGE / (mode == MODE_LONG ? 1 : 2), P | W | U | A | D | PS,
			  2);
}

static const enum mode modes[] = { MODE_PSE, MODE_PAE, MODE_LONG };

TEST(nx_huge_data_then_code_then_data)
{
	unsigned int i, n;

	for (i = 0; i < ARRAY_SIZE(modes); i++) {
		start(modes[i]);
		guest_access(vcpu(0), VA, WRITE_);
		CHECK_EQ(mach.vm.stats.sptes_large, 1u);
		guest_access(vcpu(0), VA, FETCH_);
		CHECK_EQ(mach.vm.stats.sptes_large, 0u);
		/* it stays in pieces: no going back and forth */
		for (n = 1; n < 512; n += 17) {
			guest_access(vcpu(0), VA + n * PAGE, n & 1 ? WRITE_ : UFETCH);
			CHECK_EQ(mach.vm.stats.sptes_large, 0u);
		}
		expect_audit();
		machine_done();
	}
	mach_multihit = false;
}

TEST(nx_huge_off_where_not_needed)
{
	start(MODE_LONG);
	machine_done();
	mach_multihit = false;
	guest_start(MODE_LONG, 1);
	CHECK(slot_add(1, LARGE / PAGE, 1024, vmm_mmap(1024, 2), 0));
	guest_map(vcpu(0), VA, LARGE, P | W | U | A | D | PS, 2);
	guest_access(vcpu(0), VA, FETCH_);
	CHECK_EQ(mach.vm.stats.sptes_large, 1u);
	machine_done();
}
