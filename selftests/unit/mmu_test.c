// SPDX-License-Identifier: GPL-2.0-only
/* The basics: each mode translates, faults, and lets go of everything. */
#define TAP_MAIN
#include "tap.h"

#include "guest.h"

TEST(paging_off_is_identity)
{
	guest_start(MODE_OFF, 1);
	expect_gpa(vcpu(0), DATA + 0x123, READ_, DATA + 0x123);
	expect_gpa(vcpu(0), DATA + 0x123, WRITE_, DATA + 0x123);
	expect_mmio(vcpu(0), MEMORY + 0x10, READ_, MEMORY + 0x10);
	expect_audit();
	machine_done();
}

TEST(paging_off_in_every_gigabyte)
{
	int gb, large;

	for (large = 1; large <= 2; large++) {
		guest_start(MODE_OFF, 1);
		for (gb = 1; gb < 4; gb++) {
			u64 gpa = (u64)gb << 30;

			CHECK(slot_add(gb, gpa / PAGE, 1024, vmm_mmap(1024, large), 0));
			expect_gpa(vcpu(0), gpa + 0x1234, WRITE_, gpa + 0x1234);
			expect_gpa(vcpu(0), gpa + 0x201234, FETCH_, gpa + 0x201234);
			expect_mmio(vcpu(0), gpa + 0x400000, READ_, gpa + 0x400000);
		}
		expect_gpa(vcpu(0), 0x1234, WRITE_, 0x1234);
		expect_audit();
		machine_done();
	}
}

TEST(each_mode_maps_and_faults)
{
	enum mode mode;

	for (mode = MODE_32; mode < NR_MODES; mode++) {
		guest_start(mode, 1);
		guest_map(vcpu(0), 0x12345000, DATA, P | W | U, 1);
		expect_gpa(vcpu(0), 0x12345678, READ_, DATA + 0x678);
		expect_gpa(vcpu(0), 0x12345678, WRITE_, DATA + 0x678);
		expect_gpa(vcpu(0), 0x12345678, UWRITE, DATA + 0x678);
		expect_fault(vcpu(0), 0x12346000, READ_, 0);
		expect_fault(vcpu(0), 0x82346000, UWRITE, PFERR_USER | PFERR_WRITE);
		expect_audit();
		machine_done();
	}
}

int main(int argc, char **argv)
{
	return tap_main(argc, argv);
}
