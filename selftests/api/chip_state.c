// SPDX-License-Identifier: GPL-2.0-only
/*
 * States of the chips that no chip can be in, set between runs and under a running guest. Each is
 * refused or taken; what was taken can be read, and set again; and once the first state is back,
 * interrupts arrive as before. 'seed' in the environment makes it another run.
 */
#include <string.h>
#include <sys/ioctl.h>

#include "chips.h"
#include "kselftest_harness.h"

#define VECTOR	0x51
#define ROUNDS	(on_bochs() ? 40 : 150)

/* All that can be set, as it is in one moment. */
struct state {
	struct kvm_lapic_state lapic[2];
	struct kvm_vcpu_events events[2];
	struct kvm_mp_state mp[2];
	struct kvm_irqchip chip[3];
	struct kvm_pit_state2 pit;
};

FIXTURE(chip_state) {
	struct vm *vm;
	struct smp_guest g[2];
	struct kvm_sregs sregs[2];
	struct state first;
	u64 random;
};

FIXTURE_VARIANT(chip_state) {
	enum chips chips;
	bool x2apic;
};

#define VARIANT(name, ...) FIXTURE_VARIANT_ADD(chip_state, name) { __VA_ARGS__ }

VARIANT(all, CHIPS_ALL, false);
VARIANT(all_x2apic, CHIPS_ALL, true);
VARIANT(split, CHIPS_SPLIT, false);
VARIANT(split_x2apic, CHIPS_SPLIT, true);

/* ---- guest code ---- */

static volatile u64 handled, x2apic;

static HANDLER void on_irq(struct frame *f)
{
	__atomic_add_fetch(&handled, 1, __ATOMIC_SEQ_CST);
	guest_no_hlt(f);
	guest_apic_write(x2apic, APIC_EOI, 0);
}

/* Uses all that it has: IPIs to both, a timer, priorities, pins, halts. */
static void busy(u64 split)
{
	for (u32 i = 0;; i++) {
		guest_apic_write(x2apic, APIC_SPIV, 0x1ff);
		guest_apic_write(x2apic, APIC_LVTT, LVT_PERIODIC | VECTOR);
		guest_apic_write(x2apic, APIC_TMICT, 100000);
		guest_apic_write(x2apic, APIC_ICR,
				 (i & 1 ? ICR_ALL : ICR_SELF) | ICR_ASSERT | VECTOR);
		asm volatile("mov %0, %%cr8" : : "r" ((u64)i % 4) : "memory");
		if (!split)
			ioapic_write(0x10, VECTOR | (i & 2 ? IOAPIC_LEVEL : 0));
		guest_sti();
		if (i % 32 == 0) {
			guest_cli();
			guest_sti_hlt();
		}
	}
}

/* One interrupt to itself. */
static void one_irq(u64 arg)
{
	u64 before = handled;

	guest_apic_write(x2apic, APIC_SPIV, 0x1ff);
	guest_apic_write(x2apic, APIC_ICR, ICR_SELF | ICR_ASSERT | VECTOR);
	guest_sti();
	while (handled == before)
		cpu_relax();
	guest_cli();
	guest_done();
}

/* ---- the VMM ---- */

FIXTURE_SETUP(chip_state)
{
	struct kvm_enable_cap cap = { .cap = KVM_CAP_X86_TRIPLE_FAULT_EVENT, .args = { 1 } };
	struct kvm_pit_config config = {};

	memset(self->g, 0, sizeof(self->g));
	self->random = from_env("seed", 1);
	self->vm = vm_create_with_chips(variant->chips, 2);
	if (ioctl(self->vm->fd, KVM_ENABLE_CAP, &cap))
		die("triple faults that are told");
	if (variant->chips == CHIPS_ALL && ioctl(self->vm->fd, KVM_CREATE_PIT2, &config))
		die("KVM_CREATE_PIT2");
	for (int i = 0; i < 2; i++) {
		if (variant->x2apic)
			vcpu_use_x2apic(&self->vm->vcpu[i]);
		vcpu_get_sregs(&self->vm->vcpu[i], &self->sregs[i]);
	}
	*guest_global(self->vm, x2apic) = variant->x2apic;
	for (int vector = 0x20; vector < 0x100; vector++)
		vm_handle(self->vm, vector, on_irq);
}

FIXTURE_TEARDOWN(chip_state)
{
	for (int i = 0; i < 2; i++)
		if (self->g[i].started)
			smp_stop(&self->g[i]);
	vm_free(self->vm);
}

static u64 next(u64 *random)
{
	return lcg_next(random) >> 33;
}

/* One bit, some bytes, or all of it. */
static void spoil(u64 *random, void *state, size_t bytes)
{
	u8 *p = state;
	int n = next(random) % 4;

	if (n == 0) {
		for (size_t i = 0; i < bytes; i++)
			p[i] = next(random);
	} else if (n == 1) {
		p[next(random) % bytes] ^= 1 << next(random) % 8;
	} else {
		for (n = next(random) % 8; n >= 0; n--)
			p[next(random) % bytes] = next(random);
	}
}

#define GET(fd, what, state) ASSERT_EQ(0, ioctl(fd, KVM_GET_##what, state))

/* Spoiled it is set or EINVAL; then it can be read, and what was read is set. */
#define TRY(fd, what, state)						\
	do {								\
		__typeof__(state) try_ = (state);			\
									\
		GET(fd, what, try_);					\
		spoil(&self->random, try_, sizeof(*try_));		\
		KEEP(try_);						\
		if (ioctl(fd, KVM_SET_##what, try_))			\
			EXPECT_EQ(EINVAL, errno);			\
		KEEP(try_);						\
		GET(fd, what, try_);					\
		EXPECT_EQ(0, ioctl(fd, KVM_SET_##what, try_)) {		\
			TH_LOG("KVM_SET_" #what " of what was read says %d", errno); \
		}							\
	} while (0)

static void try_vm(struct __test_metadata *_metadata, FIXTURE_DATA(chip_state) *self,
		   const FIXTURE_VARIANT(chip_state) *variant)
{
	struct kvm_irqchip chip = { .chip_id = next(&self->random) % 3 };
	struct kvm_pit_state2 pit;
	u32 id = chip.chip_id;

	if (variant->chips != CHIPS_ALL)
		return;
#define KEEP(state) (chip.chip_id = id)
	TRY(self->vm->fd, IRQCHIP, &chip);
	TRY(self->vm->fd, PIT2, &pit);
#undef KEEP
}

static void try_vcpu(struct __test_metadata *_metadata, FIXTURE_DATA(chip_state) *self,
		     struct vcpu *v)
{
	struct kvm_lapic_state lapic;
	struct kvm_vcpu_events events;
	struct kvm_mp_state mp;

#define KEEP(state) ((void)0)
	TRY(v->fd, LAPIC, &lapic);
	TRY(v->fd, VCPU_EVENTS, &events);
	TRY(v->fd, MP_STATE, &mp);
#undef KEEP
}

static void get_all(struct __test_metadata *_metadata, FIXTURE_DATA(chip_state) *self,
		    const FIXTURE_VARIANT(chip_state) *variant, struct state *s)
{
	for (int i = 0; i < 2; i++) {
		GET(self->vm->vcpu[i].fd, LAPIC, &s->lapic[i]);
		GET(self->vm->vcpu[i].fd, VCPU_EVENTS, &s->events[i]);
		GET(self->vm->vcpu[i].fd, MP_STATE, &s->mp[i]);
	}
	for (u32 i = 0; i < 3 && variant->chips == CHIPS_ALL; i++) {
		s->chip[i].chip_id = i;
		GET(self->vm->fd, IRQCHIP, &s->chip[i]);
	}
	if (variant->chips == CHIPS_ALL)
		GET(self->vm->fd, PIT2, &s->pit);
}

static void set_all(struct __test_metadata *_metadata, FIXTURE_DATA(chip_state) *self,
		    const FIXTURE_VARIANT(chip_state) *variant, struct state *s)
{
	/* These first: a spoiled pin may send an NMI until then. */
	for (u32 i = 0; i < 3 && variant->chips == CHIPS_ALL; i++)
		ASSERT_EQ(0, ioctl(self->vm->fd, KVM_SET_IRQCHIP, &s->chip[i]));
	if (variant->chips == CHIPS_ALL)
		ASSERT_EQ(0, ioctl(self->vm->fd, KVM_SET_PIT2, &s->pit));
	for (int i = 0; i < 2; i++) {
		struct vcpu *v = &self->vm->vcpu[i];

		vcpu_set_sregs(v, &self->sregs[i]);
		ASSERT_EQ(0, ioctl(v->fd, KVM_SET_LAPIC, &s->lapic[i]));
		s->events[i].flags |= KVM_VCPUEVENT_VALID_NMI_PENDING | KVM_VCPUEVENT_VALID_SHADOW |
				      KVM_VCPUEVENT_VALID_TRIPLE_FAULT;
		ASSERT_EQ(0, ioctl(v->fd, KVM_SET_VCPU_EVENTS, &s->events[i]));
		ASSERT_EQ(0, ioctl(v->fd, KVM_SET_MP_STATE, &s->mp[i]));
	}
}

TEST_F_TIMEOUT(chip_state, that_no_chip_can_be_in, 250)
{
	struct vm *vm = self->vm;

	get_all(_metadata, self, variant, &self->first);
	for (int round = 0; round < ROUNDS; round++) {
		for (int i = 0; i < 2; i++)
			smp_start(&self->g[i], &vm->vcpu[i], busy, variant->chips == CHIPS_SPLIT);
		for (int i = 0; i < 4; i++)
			try_vm(_metadata, self, variant);
		for (int i = 0; i < 2; i++)
			smp_stop(&self->g[i]);
		for (int i = 0; i < 2; i++)
			try_vcpu(_metadata, self, &vm->vcpu[i]);
		try_vm(_metadata, self, variant);

		if (round % 8)
			continue;
		set_all(_metadata, self, variant, &self->first);
		for (int i = 0; i < 2; i++) {
			smp_start(&self->g[i], &vm->vcpu[i], one_irq, 0);
			EXPECT_GUEST_DONE(&self->g[i]);
		}
	}
}

TEST_HARNESS_MAIN
