// SPDX-License-Identifier: GPL-2.0-only
/* Interrupt controllers in the kernel: orders, numbers and arguments that are wrong. */
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>

#include "kselftest_harness.h"
#include "chips.h"

#define MAX_GSIS 4096

static int errno_of(int r)
{
	return r < 0 ? errno : 0;
}

static int make(struct vm *vm, enum chips chips)
{
	return errno_of(vm_make_chips(vm, chips));
}

static int split(struct vm *vm, u64 pins)
{
	struct kvm_enable_cap cap = { .cap = KVM_CAP_SPLIT_IRQCHIP, .args = { pins } };

	return errno_of(ioctl(vm->fd, KVM_ENABLE_CAP, &cap));
}

static int make_pit(struct vm *vm)
{
	struct kvm_pit_config config = {};

	return errno_of(ioctl(vm->fd, KVM_CREATE_PIT2, &config));
}

FIXTURE(irqchip) {
	struct vm *bare, *all, *split, *none;
};

FIXTURE_SETUP(irqchip)
{
	self->bare = vm_create_bare();
	self->all = vm_create_with_chips(CHIPS_ALL, 1);
	self->split = vm_create_with_chips(CHIPS_SPLIT, 1);
	self->none = vm_create_with_chips(CHIPS_NONE, 1);
}

FIXTURE_TEARDOWN(irqchip)
{
	vm_free(self->bare);
	vm_free(self->all);
	vm_free(self->split);
	vm_free(self->none);
}

/* ---- orders ---- */

TEST_F(irqchip, created_once)
{
	EXPECT_EQ(0, make(self->bare, CHIPS_ALL));
	EXPECT_EQ(EEXIST, make(self->bare, CHIPS_ALL));
	EXPECT_EQ(EEXIST, make(self->bare, CHIPS_SPLIT));
	EXPECT_EQ(EEXIST, make(self->all, CHIPS_ALL));
	EXPECT_EQ(EEXIST, make(self->split, CHIPS_SPLIT));
	EXPECT_EQ(EEXIST, make(self->split, CHIPS_ALL));
}

TEST_F(irqchip, not_after_vcpus)
{
	EXPECT_EQ(EINVAL, make(self->none, CHIPS_ALL));
	EXPECT_EQ(EEXIST, make(self->none, CHIPS_SPLIT));
	EXPECT_EQ(ENXIO, errno_of(vm_irq_line(self->none, 0, 1)));
}

TEST_F(irqchip, split_pins)
{
	EXPECT_EQ(EINVAL, split(self->bare, MAX_GSIS + 1));
	EXPECT_EQ(EINVAL, split(self->bare, ~0ul));
	EXPECT_EQ(EINVAL, split(self->all, MAX_GSIS + 1));
	EXPECT_EQ(0, split(self->bare, MAX_GSIS));
	EXPECT_EQ(EEXIST, split(self->bare, 0));
}

/* Older KVMs make a PIT that has nothing to drive. */
TEST_F(irqchip, pit)
{
	int r = make_pit(self->split);

	EXPECT_TRUE(r == ENOENT || r == 0);
	EXPECT_EQ(0, make_pit(self->all));
	EXPECT_EQ(EEXIST, make_pit(self->all));
	EXPECT_EQ(EEXIST, errno_of(ioctl(self->all->fd, KVM_CREATE_PIT, 0)));
	EXPECT_EQ(EFAULT, errno_of(ioctl(self->all->fd, KVM_CREATE_PIT2, 1)));
}

TEST_F(irqchip, state_of_a_pit)
{
	struct kvm_reinject_control control = { .pit_reinject = 0xff };
	struct kvm_pit_state2 state2 = {};
	struct kvm_pit_state state = {};

	EXPECT_EQ(ENXIO, errno_of(ioctl(self->all->fd, KVM_GET_PIT, &state)));
	EXPECT_EQ(ENXIO, errno_of(ioctl(self->all->fd, KVM_SET_PIT, &state)));
	EXPECT_EQ(ENXIO, errno_of(ioctl(self->all->fd, KVM_GET_PIT2, &state2)));
	EXPECT_EQ(ENXIO, errno_of(ioctl(self->all->fd, KVM_SET_PIT2, &state2)));
	EXPECT_EQ(ENXIO, errno_of(ioctl(self->all->fd, KVM_REINJECT_CONTROL, &control)));
	ASSERT_EQ(0, make_pit(self->all));
	EXPECT_EQ(0, ioctl(self->all->fd, KVM_GET_PIT, &state));
	EXPECT_EQ(0, ioctl(self->all->fd, KVM_SET_PIT, &state));
	EXPECT_EQ(0, ioctl(self->all->fd, KVM_GET_PIT2, &state2));
	EXPECT_EQ(0, ioctl(self->all->fd, KVM_SET_PIT2, &state2));
	EXPECT_EQ(0, ioctl(self->all->fd, KVM_REINJECT_CONTROL, &control));
	EXPECT_EQ(EFAULT, errno_of(ioctl(self->all->fd, KVM_GET_PIT2, 1)));
	EXPECT_EQ(EFAULT, errno_of(ioctl(self->all->fd, KVM_SET_PIT2, 1)));
	EXPECT_EQ(EFAULT, errno_of(ioctl(self->all->fd, KVM_REINJECT_CONTROL, 1)));
}

TEST_F(irqchip, boot_cpu_id)
{
	EXPECT_EQ(EBUSY, errno_of(ioctl(self->all->fd, KVM_SET_BOOT_CPU_ID, 0)));
	EXPECT_EQ(0, ioctl(self->bare->fd, KVM_SET_BOOT_CPU_ID, 3));
	EXPECT_EQ(0, make(self->bare, CHIPS_ALL));
	EXPECT_EQ(0, ioctl(self->bare->fd, KVM_SET_BOOT_CPU_ID, 1));
}

/* ---- lines ---- */

TEST_F(irqchip, lines_out_of_range)
{
	static const u32 gsis[] = { 24, 25, 255, MAX_GSIS - 1, MAX_GSIS, MAX_GSIS + 1, 0x7fffffff,
				    0x80000000, ~0u };
	struct kvm_irq_level line = {};

	for (unsigned int i = 0; i < ARRAY_SIZE(gsis); i++) {
		EXPECT_EQ(-1, vm_irq_line(self->all, gsis[i], 1)) TH_LOG("GSI %u", gsis[i]);
		EXPECT_EQ(-1, vm_irq_line(self->all, gsis[i], 0));
		EXPECT_EQ(-1, vm_irq_line(self->split, gsis[i], 1));
		line.irq = gsis[i];
		EXPECT_EQ(0, ioctl(self->all->fd, KVM_IRQ_LINE, &line));
	}
	for (u32 gsi = 0; gsi < 24; gsi++) {
		EXPECT_EQ(gsi < 16 ? 1 : -1, vm_irq_line(self->all, gsi, 0x80000000));
		EXPECT_LE(1, vm_irq_line(self->all, gsi, 0));
		EXPECT_EQ(-1, vm_irq_line(self->split, gsi, 1));
	}
	EXPECT_EQ(EFAULT, errno_of(ioctl(self->all->fd, KVM_IRQ_LINE, 1)));
	EXPECT_EQ(EFAULT, errno_of(ioctl(self->all->fd, KVM_IRQ_LINE_STATUS, 1)));
	EXPECT_EQ(ENXIO, errno_of(ioctl(self->bare->fd, KVM_IRQ_LINE, &line)));
}

/* Nobody ends the RTC's interrupt: the next ones are coalesced, and said to be. */
TEST_F(irqchip, rtc_without_an_eoi)
{
	struct kvm_irqchip chip = { .chip_id = KVM_IRQCHIP_IOAPIC };
	struct vcpu *v = &self->all->vcpu[0];
	struct kvm_lapic_state s;
	u32 spiv = 0x1ff;

	ASSERT_EQ(0, ioctl(v->fd, KVM_GET_LAPIC, &s));
	memcpy(s.regs + APIC_SPIV, &spiv, sizeof(spiv));
	ASSERT_EQ(0, ioctl(v->fd, KVM_SET_LAPIC, &s));
	ASSERT_EQ(0, ioctl(self->all->fd, KVM_GET_IRQCHIP, &chip));
	chip.chip.ioapic.redirtbl[8].bits = 0x41;
	ASSERT_EQ(0, ioctl(self->all->fd, KVM_SET_IRQCHIP, &chip));
	EXPECT_LE(1, vm_irq_line(self->all, 8, 1));
	for (int i = 0; i < 1000; i++) {
		vm_irq_line(self->all, 8, 0);
		EXPECT_EQ(0, vm_irq_line(self->all, 8, 1));
	}
}

TEST_F(irqchip, chip_ids)
{
	static const u32 bad[] = { 3, 4, 0x100, 0x80000000, ~0u };
	struct kvm_irqchip chip = {};

	for (u32 id = 0; id < 3; id++) {
		chip.chip_id = id;
		EXPECT_EQ(0, ioctl(self->all->fd, KVM_GET_IRQCHIP, &chip));
		EXPECT_EQ(id, chip.chip_id);
		EXPECT_EQ(0, ioctl(self->all->fd, KVM_SET_IRQCHIP, &chip));
		EXPECT_EQ(ENXIO, errno_of(ioctl(self->split->fd, KVM_GET_IRQCHIP, &chip)));
		EXPECT_EQ(ENXIO, errno_of(ioctl(self->split->fd, KVM_SET_IRQCHIP, &chip)));
		EXPECT_EQ(ENXIO, errno_of(ioctl(self->bare->fd, KVM_GET_IRQCHIP, &chip)));
	}
	for (unsigned int i = 0; i < ARRAY_SIZE(bad); i++) {
		chip.chip_id = bad[i];
		EXPECT_EQ(EINVAL, errno_of(ioctl(self->all->fd, KVM_GET_IRQCHIP, &chip)));
		EXPECT_EQ(EINVAL, errno_of(ioctl(self->all->fd, KVM_SET_IRQCHIP, &chip)));
	}
	EXPECT_EQ(EFAULT, errno_of(ioctl(self->all->fd, KVM_GET_IRQCHIP, 1)));
	EXPECT_EQ(EFAULT, errno_of(ioctl(self->all->fd, KVM_SET_IRQCHIP, 1)));
}

/* ---- routes ---- */

static struct kvm_irq_routing *routes_alloc(u32 nr)
{
	struct kvm_irq_routing *r = calloc(1, sizeof(*r) + nr * sizeof(r->entries[0]));

	r->nr = nr;
	for (u32 i = 0; i < nr; i++) {
		r->entries[i].gsi = i;
		r->entries[i].type = KVM_IRQ_ROUTING_MSI;
		r->entries[i].u.msi.address_lo = LAPIC_GPA;
		r->entries[i].u.msi.data = 0x40;
	}
	return r;
}

static int set_routes(struct vm *vm, const struct kvm_irq_routing *r)
{
	return errno_of(ioctl(vm->fd, KVM_SET_GSI_ROUTING, r));
}

TEST_F(irqchip, routes_how_many)
{
	struct kvm_irq_routing *r = routes_alloc(MAX_GSIS);

	EXPECT_EQ(0, set_routes(self->all, r));
	EXPECT_EQ(0, set_routes(self->split, r));
	EXPECT_EQ(EINVAL, set_routes(self->none, r));
	EXPECT_EQ(EINVAL, set_routes(self->bare, r));
	r->nr = MAX_GSIS + 1;
	EXPECT_EQ(EINVAL, set_routes(self->all, r));
	r->nr = ~0u;
	EXPECT_EQ(EINVAL, set_routes(self->all, r));
	r->nr = 1;
	r->flags = 1;
	EXPECT_EQ(EINVAL, set_routes(self->all, r));
	r->flags = 0;
	r->nr = 0;
	EXPECT_EQ(0, set_routes(self->all, r));
	EXPECT_EQ(-1, vm_irq_line(self->all, 0, 1));
	EXPECT_EQ(EFAULT, errno_of(ioctl(self->all->fd, KVM_SET_GSI_ROUTING, 1)));
	free(r);
}

/* The table ends where no memory is. */
TEST_F(irqchip, routes_half_there)
{
	u8 *p = vm_alloc(2 * PAGE_SIZE);
	struct kvm_irq_routing *r = (void *)(p + PAGE_SIZE) - sizeof(*r) - sizeof(r->entries[0]);

	munmap(p + PAGE_SIZE, PAGE_SIZE);
	r->nr = 1;
	r->entries[0].type = KVM_IRQ_ROUTING_MSI;
	EXPECT_EQ(0, set_routes(self->all, r));
	r->nr = 2;
	EXPECT_EQ(EFAULT, set_routes(self->all, r));
	r->nr = MAX_GSIS;
	EXPECT_EQ(EFAULT, set_routes(self->all, r));
}

TEST_F(irqchip, routes_to_nowhere)
{
	struct kvm_irq_routing *r = routes_alloc(1);
	struct kvm_irq_routing_entry *e = r->entries;
	static const u32 types[] = { 0, 3, 6, 7, 0x100, ~0u };

	for (unsigned int i = 0; i < ARRAY_SIZE(types); i++) {
		e->type = types[i];
		EXPECT_EQ(EINVAL, set_routes(self->all, r)) TH_LOG("type %u", types[i]);
	}
	e->type = KVM_IRQ_ROUTING_MSI;
	e->flags = 2;
	EXPECT_EQ(EINVAL, set_routes(self->all, r));
	e->flags = 0;
	e->gsi = MAX_GSIS;
	EXPECT_EQ(EINVAL, set_routes(self->all, r));
	e->gsi = ~0u;
	EXPECT_EQ(EINVAL, set_routes(self->all, r));
	e->gsi = MAX_GSIS - 1;
	EXPECT_EQ(0, set_routes(self->all, r));
	e->type = KVM_IRQ_ROUTING_IRQCHIP;
	for (u32 chip = 0; chip < 3; chip++) {
		e->u.irqchip.irqchip = chip;
		e->u.irqchip.pin = chip == 2 ? IOAPIC_PINS - 1 : 7;
		EXPECT_EQ(0, set_routes(self->all, r));
		EXPECT_EQ(EINVAL, set_routes(self->split, r));
		e->u.irqchip.pin++;
		EXPECT_EQ(EINVAL, set_routes(self->all, r)) TH_LOG("chip %u", chip);
		e->u.irqchip.pin = ~0u;
		EXPECT_EQ(EINVAL, set_routes(self->all, r));
	}
	e->u.irqchip.pin = 0;
	e->u.irqchip.irqchip = 3;
	EXPECT_EQ(EINVAL, set_routes(self->all, r));
	e->u.irqchip.irqchip = ~0u;
	EXPECT_EQ(EINVAL, set_routes(self->all, r));
	e->u.irqchip.irqchip = 0;
	e->flags = 1;
	EXPECT_EQ(EINVAL, set_routes(self->all, r));
	free(r);
}

/* A chip is there once for a GSI, a message alone; what was refused has changed nothing. */
TEST_F(irqchip, routes_twice)
{
	struct kvm_irq_routing *r = routes_alloc(3);
	struct kvm_irq_routing_entry *e = r->entries;

	r->nr = 2;
	e[1].gsi = 0;
	EXPECT_EQ(EINVAL, set_routes(self->all, r));
	e[0].type = e[1].type = KVM_IRQ_ROUTING_IRQCHIP;
	e[0].u.irqchip.irqchip = e[1].u.irqchip.irqchip = 2;
	e[0].u.irqchip.pin = 3;
	e[1].u.irqchip.pin = 4;
	EXPECT_EQ(EINVAL, set_routes(self->all, r));
	e[1].u.irqchip.irqchip = 0;
	EXPECT_EQ(0, set_routes(self->all, r));
	r->nr = 3;
	e[2].gsi = 0;
	EXPECT_EQ(EINVAL, set_routes(self->all, r));
	EXPECT_LE(0, vm_irq_line(self->all, 0, 1));
	EXPECT_EQ(-1, vm_irq_line(self->all, 1, 1));
	free(r);
}

/* KVM's result for a message that nobody takes is an error. */
TEST_F(irqchip, msi)
{
	struct kvm_msi msi = { .address_lo = LAPIC_GPA, .data = 0x41 };
	int r;

	EXPECT_EQ(EINVAL, errno_of(ioctl(self->none->fd, KVM_SIGNAL_MSI, &msi)));
	EXPECT_EQ(EINVAL, errno_of(ioctl(self->bare->fd, KVM_SIGNAL_MSI, &msi)));
	EXPECT_EQ(EFAULT, errno_of(ioctl(self->all->fd, KVM_SIGNAL_MSI, 1)));
	for (int bit = 1; bit < 32; bit++) {
		msi.flags = 1u << bit;
		EXPECT_EQ(EINVAL, errno_of(ioctl(self->all->fd, KVM_SIGNAL_MSI, &msi)));
	}
	msi.flags = KVM_MSI_VALID_DEVID;	/* there is one: no router here goes by it */
	EXPECT_LE(0, ioctl(self->all->fd, KVM_SIGNAL_MSI, &msi));
	msi.flags = 0;
	msi.address_lo = LAPIC_GPA | 0x7f000;
	r = ioctl(self->all->fd, KVM_SIGNAL_MSI, &msi);
	EXPECT_TRUE(r == 0 || (r == -1 && errno == EPERM));
	msi.address_lo = 0;		/* an address that no chipset takes: not looked at */
	msi.address_hi = ~0u;
	EXPECT_LE(-1, ioctl(self->all->fd, KVM_SIGNAL_MSI, &msi));
}

/* ---- vCPUs ---- */

TEST_F(irqchip, lapic_without_chips)
{
	struct kvm_lapic_state state = {};

	EXPECT_EQ(EINVAL, errno_of(ioctl(self->none->vcpu[0].fd, KVM_GET_LAPIC, &state)));
	EXPECT_EQ(EINVAL, errno_of(ioctl(self->none->vcpu[0].fd, KVM_SET_LAPIC, &state)));
	EXPECT_EQ(0, ioctl(self->split->vcpu[0].fd, KVM_GET_LAPIC, &state));
	EXPECT_EQ(0, ioctl(self->split->vcpu[0].fd, KVM_SET_LAPIC, &state));
	EXPECT_EQ(EFAULT, errno_of(ioctl(self->all->vcpu[0].fd, KVM_GET_LAPIC, 1)));
	EXPECT_EQ(EFAULT, errno_of(ioctl(self->all->vcpu[0].fd, KVM_SET_LAPIC, 1)));
}

/* With wide ids the one in the state is all 32 bits of it. */
TEST_F(irqchip, lapic_id_that_contradicts)
{
	struct kvm_enable_cap cap = { .cap = KVM_CAP_X2APIC_API, .args = { 1 } };
	struct vcpu *v = &self->all->vcpu[0];
	struct kvm_lapic_state state;

	vcpu_use_x2apic(v);
	ASSERT_EQ(0, ioctl(v->fd, KVM_GET_LAPIC, &state));
	memset(state.regs + APIC_ID, 0x55, 4);
	EXPECT_EQ(0, ioctl(v->fd, KVM_SET_LAPIC, &state));
	ASSERT_EQ(0, ioctl(self->all->fd, KVM_ENABLE_CAP, &cap));
	EXPECT_EQ(EINVAL, errno_of(ioctl(v->fd, KVM_SET_LAPIC, &state)));
	memset(state.regs + APIC_ID, 0, 4);
	EXPECT_EQ(0, ioctl(v->fd, KVM_SET_LAPIC, &state));
	EXPECT_EQ(0, ioctl(v->fd, KVM_GET_LAPIC, &state));
	EXPECT_EQ(0, *(u32 *)(state.regs + APIC_ID));
}

TEST_F(irqchip, x2apic_api_flags)
{
	struct kvm_enable_cap cap = { .cap = KVM_CAP_X2APIC_API };

	for (int bit = 2; bit < 64; bit++) {
		cap.args[0] = 1ul << bit;
		EXPECT_EQ(EINVAL, errno_of(ioctl(self->bare->fd, KVM_ENABLE_CAP, &cap)))
			TH_LOG("bit %d", bit);
	}
	cap.args[0] = 3;
	cap.flags = 1;
	EXPECT_EQ(EINVAL, errno_of(ioctl(self->bare->fd, KVM_ENABLE_CAP, &cap)));
	cap.flags = 0;
	EXPECT_EQ(0, ioctl(self->bare->fd, KVM_ENABLE_CAP, &cap));
}

TEST_F(irqchip, mp_state)
{
	static const u32 good[] = { KVM_MP_STATE_RUNNABLE, KVM_MP_STATE_UNINITIALIZED,
				    KVM_MP_STATE_INIT_RECEIVED, KVM_MP_STATE_HALTED };
	struct vcpu *v = &self->all->vcpu[0], *other = &self->split->vcpu[0];
	struct kvm_mp_state s;

	for (unsigned int i = 0; i < ARRAY_SIZE(good); i++) {
		EXPECT_EQ(0, vcpu_set_mp_state(v, good[i])) TH_LOG("state %u", good[i]);
		ASSERT_EQ(0, ioctl(v->fd, KVM_GET_MP_STATE, &s));
		EXPECT_EQ(good[i], s.mp_state);
		EXPECT_EQ(0, vcpu_set_mp_state(other, good[i]));
	}
	/* It is taken to have come behind an INIT, and is looked at at once. */
	EXPECT_EQ(0, vcpu_set_mp_state(v, KVM_MP_STATE_SIPI_RECEIVED));
	EXPECT_EQ(0, ioctl(v->fd, KVM_GET_MP_STATE, &s));
	EXPECT_EQ(KVM_MP_STATE_RUNNABLE, s.mp_state);
	v = &self->none->vcpu[0];
	EXPECT_EQ(0, vcpu_set_mp_state(v, KVM_MP_STATE_RUNNABLE));
	EXPECT_EQ(EINVAL, errno_of(vcpu_set_mp_state(v, KVM_MP_STATE_UNINITIALIZED)));
	EXPECT_EQ(EINVAL, errno_of(vcpu_set_mp_state(v, KVM_MP_STATE_INIT_RECEIVED)));
	EXPECT_EQ(EINVAL, errno_of(vcpu_set_mp_state(v, KVM_MP_STATE_SIPI_RECEIVED)));
	for (u32 state = 10; state < 20; state++)
		EXPECT_EQ(EINVAL, errno_of(vcpu_set_mp_state(v, state)));
	EXPECT_EQ(EINVAL, errno_of(vcpu_set_mp_state(v, ~0u)));
}

/* Whoever waits for INIT and SIPI, or halts, leaves KVM_RUN for immediate_exit in any state. */
TEST_F(irqchip, immediate_exit_in_every_mp_state)
{
	struct vcpu *v = &self->all->vcpu[0];

	for (u32 state = 0; state < 5; state++) {
		if (vcpu_set_mp_state(v, state))
			continue;
		v->run->immediate_exit = 1;
		EXPECT_EQ(EINTR, errno_of(ioctl(v->fd, KVM_RUN, 0))) TH_LOG("state %u", state);
		v->run->immediate_exit = 0;
	}
}

/* What is to be injected twice, or into nothing. */
TEST_F(irqchip, interrupts_by_user_space)
{
	struct kvm_interrupt irq = { .irq = 0x41 };

	EXPECT_EQ(ENXIO, errno_of(ioctl(self->all->vcpu[0].fd, KVM_INTERRUPT, &irq)));
	EXPECT_EQ(0, ioctl(self->split->vcpu[0].fd, KVM_INTERRUPT, &irq));
	EXPECT_EQ(EEXIST, errno_of(ioctl(self->split->vcpu[0].fd, KVM_INTERRUPT, &irq)));
	irq.irq = 256;
	EXPECT_EQ(EINVAL, errno_of(ioctl(self->split->vcpu[0].fd, KVM_INTERRUPT, &irq)));
	irq.irq = ~0u;
	EXPECT_EQ(EINVAL, errno_of(ioctl(self->none->vcpu[0].fd, KVM_INTERRUPT, &irq)));
}

/* KVM API 4.140; headers of 6.1 don't have it. */
struct region2 {
	struct kvm_userspace_memory_region region;
	u64 offset;
	u32 fd, pad;
	u64 pad2[14];
};

#define CAP_USER_MEMORY2	231
#define SET_REGION2		_IOW(KVMIO, 0x49, struct region2)

/* Bits 0 to 2 are known: logged, read-only, backed by a file of KVM's. */
TEST_F(irqchip, memory_region2)
{
	struct region2 r = { .region = {
		.slot = 9, .guest_phys_addr = 0x20000000, .memory_size = PAGE_SIZE,
		.userspace_addr = (u64)vm_alloc(PAGE_SIZE),
	} };
	int fd = self->bare->fd;

	if (ioctl(fd, KVM_CHECK_EXTENSION, CAP_USER_MEMORY2) <= 0) {
		EXPECT_EQ(ENOTTY, errno_of(ioctl(fd, SET_REGION2, &r)));
		return;
	}
	EXPECT_EQ(0, ioctl(fd, SET_REGION2, &r));
	for (int bit = 3; bit < 32; bit++) {
		r.region.flags = 1u << bit;
		EXPECT_EQ(EINVAL, errno_of(ioctl(fd, SET_REGION2, &r)));
	}
	r.region.flags = 0;
	r.region.memory_size = PAGE_SIZE / 2;
	EXPECT_EQ(EINVAL, errno_of(ioctl(fd, SET_REGION2, &r)));
	r.region.memory_size = 0;
	EXPECT_EQ(0, ioctl(fd, SET_REGION2, &r));
	EXPECT_EQ(EFAULT, errno_of(ioctl(fd, SET_REGION2, 1)));
}

/* Bits of the APIC base that no processor has, modes that exclude each other. */
TEST_F(irqchip, apic_base)
{
	struct vcpu *v = &self->all->vcpu[0];
	struct kvm_sregs good, s;
	static const u64 bad[] = {
		0x801, 0xa00, 0x8ff, 1ul << 52 | 0x800, 1ul << 63 | 0x800,
		APICBASE_X2,			/* of an APIC that is off */
	};

	vcpu_get_sregs(v, &good);
	for (unsigned int i = 0; i < ARRAY_SIZE(bad); i++) {
		s = good;
		s.apic_base = LAPIC_GPA | bad[i];
		EXPECT_EQ(EINVAL, errno_of(ioctl(v->fd, KVM_SET_SREGS, &s)))
			TH_LOG("%#lx", bad[i]);
	}
	s = good;
	s.apic_base = LAPIC_GPA;		/* off */
	EXPECT_EQ(0, ioctl(v->fd, KVM_SET_SREGS, &s));
	s.apic_base = LAPIC_GPA | 0x800 | APICBASE_X2;
	EXPECT_EQ(0, ioctl(v->fd, KVM_SET_SREGS, &s));
	EXPECT_EQ(0, ioctl(v->fd, KVM_SET_SREGS, &good));
}

TEST_HARNESS_MAIN
