// SPDX-License-Identifier: GPL-2.0-only
/*
 * IPIs that hand a turn around: whoever has it sends one to the next vCPU. One wake-up lost, and
 * all wait for ever; one too many, and a count is wrong. 'ipis' in the environment says how many
 * each variant sends (1000).
 */

#include "chips.h"
#include "kselftest_harness.h"

#define VECTOR		0x51

FIXTURE(ipis) {
	struct vm *vm;
	struct smp_guest g[4];
	u64 rounds;
};

FIXTURE_VARIANT(ipis) {
	enum chips chips;
	int vcpus;
	bool x2apic;
};

#define VARIANT(name, ...) FIXTURE_VARIANT_ADD(ipis, name) { __VA_ARGS__ }

VARIANT(two, CHIPS_ALL, 2, false);
VARIANT(two_x2apic, CHIPS_ALL, 2, true);
VARIANT(four, CHIPS_ALL, 4, false);
VARIANT(four_x2apic, CHIPS_ALL, 4, true);
VARIANT(four_split, CHIPS_SPLIT, 4, false);
VARIANT(four_split_x2apic, CHIPS_SPLIT, 4, true);

FIXTURE_SETUP(ipis)
{
	self->vm = vm_create_with_chips(variant->chips, variant->vcpus);
	memset(self->g, 0, sizeof(self->g));
	self->rounds = from_env("ipis", 1000) / variant->vcpus;
	for (int i = 0; i < variant->vcpus && variant->x2apic; i++)
		vcpu_use_x2apic(&self->vm->vcpu[i]);
}

FIXTURE_TEARDOWN(ipis)
{
	for (int i = 0; i < 4; i++)
		if (self->g[i].started)
			smp_stop(&self->g[i]);
	vm_free(self->vm);
}

/* ---- guest code ---- */

static volatile u64 arrived[4], overtaken, ready, nr, x2apic, spins;

static HANDLER void on_ipi(struct frame *f)
{
	arrived[VCPU_OF_STACK(f)]++;
	if (guest_no_hlt(f))
		overtaken++;
	guest_apic_write(x2apic, APIC_EOI, 0);
}

static void send_to(u64 id)
{
	if (x2apic) {
		x2apic_write(APIC_ICR, id << 32 | ICR_ASSERT | VECTOR);
	} else {
		apic_write(APIC_ICR2, id << 24);
		apic_write(APIC_ICR, ICR_ASSERT | VECTOR);
	}
}

/* An exit, in which the vCPU may be found outside the guest. */
static void leave(void)
{
	u32 eax = 0, ecx = 0;

	asm volatile("cpuid" : "+a" (eax), "+c" (ecx) : : "ebx", "edx", "memory");
}

/* Halted half of the time; else inside the guest, or on the way out or in. */
static void wait_for(volatile u64 *count, u64 want, u64 way)
{
	if (way % 2) {
		guest_cli();
		while (*count < want) {
			guest_sti_hlt();
			guest_cli();
		}
	}
	guest_sti();
	while (*count < want) {
		if (way % 4 || !spins)
			leave();
		else
			cpu_relax();
	}
}

static void takes_turns(u64 rounds)
{
	u64 me = VCPU_OF_STACK(__builtin_frame_address(0)), random = me + 1;

	guest_apic_write(x2apic, APIC_SPIV, 0x1ff);
	guest_sti();
	__atomic_add_fetch(&ready, 1, __ATOMIC_SEQ_CST);
	while (ready != nr)
		leave();
	for (u64 i = 1; i <= rounds; i++) {
		lcg_next(&random);
		if (me == 0)
			send_to(1);
		wait_for(&arrived[me], i, random >> 60);
		guest_assert(arrived[me] == i);
		if (me != 0)
			send_to((me + 1) % nr);
	}
	guest_done();
}

TEST_F_TIMEOUT(ipis, each_one_arrives, 3600)
{
	*guest_global(self->vm, nr) = variant->vcpus;
	*guest_global(self->vm, x2apic) = variant->x2apic;
	*guest_global(self->vm, spins) = !on_bochs();
	vm_handle(self->vm, VECTOR, on_ipi);
	for (int i = 0; i < variant->vcpus; i++)
		smp_start(&self->g[i], &self->vm->vcpu[i], takes_turns, self->rounds);
	for (int i = 0; i < variant->vcpus; i++) {
		EXPECT_GUEST_DONE(&self->g[i]);
		EXPECT_EQ(self->rounds, (*guest_global(self->vm, arrived))[i]);
	}
	EXPECT_EQ(0, *guest_global(self->vm, overtaken));
}

TEST_HARNESS_MAIN
