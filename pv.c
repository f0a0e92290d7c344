// SPDX-License-Identifier: GPL-2.0-only
/* Paravirtual MSRs, which tell where in a guest's memory it wants to hear from its host. */
#include <linux/bits.h>
#include <linux/errno.h>
#include <linux/sched.h>
#include <linux/string.h>
#include <linux/uaccess.h>

#include <asm/kvm_para.h>

#include "chips.h"
#include "clock.h"
#include "compat.h"
#include "mmu.h"
#include "pv.h"
#include "request.h"
#include "vcpu.h"
#include "vm.h"
#include "vm_chips.h"

/* Ports need no delay. */
#define FEATURES (BIT(KVM_FEATURE_CLOCKSOURCE) | BIT(KVM_FEATURE_CLOCKSOURCE2) |	\
		  BIT(KVM_FEATURE_CLOCKSOURCE_STABLE_BIT) | BIT(KVM_FEATURE_NOP_IO_DELAY) | \
		  BIT(KVM_FEATURE_PV_EOI) | BIT(KVM_FEATURE_PV_UNHALT) |		\
		  BIT(KVM_FEATURE_PV_SEND_IPI) | BIT(KVM_FEATURE_PV_SCHED_YIELD))
#define STEAL_FEATURES (BIT(KVM_FEATURE_STEAL_TIME) | BIT(KVM_FEATURE_PV_TLB_FLUSH))

/* A guest that writes to it all the time does not hold its host up. */
#define PREEMPTED_TRIES 8

static const char signature[12] = "KVMKVMKVM";	/* what guests look for */

void pv_leaves(struct kvm_cpuid_entry2 *leaf)
{
	leaf[0].function = KVM_CPUID_SIGNATURE;
	leaf[0].eax = KVM_CPUID_FEATURES;
	memcpy(&leaf[0].ebx, signature, 4);
	memcpy(&leaf[0].ecx, signature + 4, 4);
	memcpy(&leaf[0].edx, signature + 8, 4);
	leaf[1].function = KVM_CPUID_FEATURES;
	leaf[1].eax = FEATURES | (sched_info_on() ? STEAL_FEATURES : 0);
}

static struct kvm_cpuid_entry2 *leaf_of(struct kvm_cpuid_entry2 *entry, unsigned int nr,
					u32 function)
{
	unsigned int i;

	for (i = 0; i < nr; i++)
		if (entry[i].function == function)
			return &entry[i];
	return NULL;
}

static bool is_signature(const struct kvm_cpuid_entry2 *e)
{
	return !memcmp(&e->ebx, signature, 4) && !memcmp(&e->ecx, signature + 4, 4) &&
	       !memcmp(&e->edx, signature + 8, 4);
}

/* They may stand behind the leaves of another hypervisor's interface. */
static struct kvm_cpuid_entry2 *features_leaf(struct kvm_cpuid_entry2 *entry, unsigned int nr)
{
	const struct kvm_cpuid_entry2 *e;
	u32 base;

	for (base = KVM_CPUID_SIGNATURE; base < KVM_CPUID_SIGNATURE + 0x10000; base += 0x100) {
		e = leaf_of(entry, nr, base);
		if (e && is_signature(e))
			return leaf_of(entry, nr,
				       base + KVM_CPUID_FEATURES - KVM_CPUID_SIGNATURE);
	}
	return NULL;
}

bool pv_has(const struct vcpu *vcpu, unsigned int feature)
{
	const struct vcpu_cpuid *c = &vcpu->cpuid;
	const struct kvm_cpuid_entry2 *e;

	if (!c->enforce_pv)
		return true;
	e = features_leaf(c->entry, c->nr);
	return e && e->eax & BIT(feature);
}

void pv_fix_cpuid(const struct vm *vm, struct kvm_cpuid_entry2 *entry, unsigned int nr)
{
	struct kvm_cpuid_entry2 *e = features_leaf(entry, nr);

	if (e && READ_ONCE(vm->exits_off) & KVM_X86_DISABLE_EXITS_HLT)
		e->eax &= ~(u32)BIT(KVM_FEATURE_PV_UNHALT);
}

/* ---- steal time ---- */

static gpa_t steal_gpa(const struct vcpu *vcpu)
{
	return gpa_from_guest(vcpu->pv.steal & KVM_STEAL_VALID_BITS);
}

static gpa_t preempted_gpa(const struct vcpu *vcpu)
{
	return steal_gpa(vcpu) + offsetof(struct kvm_steal_time, preempted);
}

static bool has_steal(const struct vcpu *vcpu)
{
	return vcpu->pv.steal & KVM_MSR_ENABLED;
}

static int set_steal(struct vcpu *vcpu, u64 data)
{
	if (!sched_info_on() || data & KVM_STEAL_RESERVED_MASK)
		return -EINVAL;
	vcpu->pv.steal = data;
	vcpu_request(vcpu, REQ_STEAL);
	return 0;
}

void pv_sched_in(struct vcpu *vcpu, int cpu)
{
	clock_sched_in(vcpu, cpu);
	if (has_steal(vcpu))
		vcpu_request(vcpu, REQ_STEAL);
}

void pv_away(struct vcpu *vcpu)
{
	const u8 preempted = KVM_VCPU_PREEMPTED;

	if (!has_steal(vcpu))
		return;
	vcpu_request(vcpu, REQ_STEAL);
	mmu_write_guest(&vcpu->mmu, preempted_gpa(vcpu), &preempted, 1);
}

/* Returns whether another vCPU counts on a flush of the TLB; in doubt one does. */
static bool take_back(struct vcpu *vcpu)
{
	u8 was = 0, none = 0;
	int i, r = 1;

	for (i = 0; r == 1 && i < PREEMPTED_TRIES; i++) {
		if (mmu_read_guest(&vcpu->mmu, preempted_gpa(vcpu), &was, 1))
			return true;
		r = was ? mmu_cmpxchg_guest(&vcpu->mmu, preempted_gpa(vcpu), &was, &none, 1) : 0;
	}
	return r || was & KVM_VCPU_FLUSH_TLB;
}

/* How long it was that the vCPU waited. Another thread than last time says nothing of that. */
static u64 newly_stolen(struct vcpu_pv *pv)
{
	u64 now = host_waited(), was = pv->thread == current ? pv->waited : now;

	pv->thread = current;
	pv->waited = now;
	return now > was ? now - was : 0;
}

/* The version is odd while the time is being written. */
static void add_steal(struct vcpu *vcpu, u64 ns)
{
	gpa_t gpa = steal_gpa(vcpu), version_gpa = gpa + offsetof(struct kvm_steal_time, version);
	struct mmu_vcpu *m = &vcpu->mmu;
	u64 steal;
	u32 version;

	if (mmu_read_guest(m, gpa, &steal, sizeof(steal)) ||
	    mmu_read_guest(m, version_gpa, &version, sizeof(version)))
		return;
	version = (version + 1) | 1;
	steal += ns;
	if (mmu_write_guest(m, version_gpa, &version, sizeof(version)))
		return;
	smp_wmb();
	mmu_write_guest(m, gpa, &steal, sizeof(steal));
	smp_wmb();
	version++;
	mmu_write_guest(m, version_gpa, &version, sizeof(version));
}

static void update_steal(struct vcpu *vcpu)
{
	if (!has_steal(vcpu))
		return;
	if (take_back(vcpu))
		mmu_flush_guest(&vcpu->mmu);
	add_steal(vcpu, newly_stolen(&vcpu->pv));
}

/* ---- end of interrupt ---- */

#define EOI_ALIGN 4

bool pv_eoi_on(const struct vcpu *vcpu)
{
	return vcpu->pv.eoi & KVM_MSR_ENABLED;
}

static gpa_t eoi_gpa(const struct vcpu *vcpu)
{
	return vcpu->pv.eoi & ~(u64)KVM_MSR_ENABLED;
}

static const u8 eoi_offered = 1, eoi_not_offered;

/* It is no loss if the page is not there right now. */
bool pv_offer_eoi(struct vcpu *vcpu)
{
	int r;

	pagefault_disable();
	r = mmu_write_guest(&vcpu->mmu, eoi_gpa(vcpu), &eoi_offered, 1);
	pagefault_enable();
	return !r;
}

static int take_eoi(struct vcpu *vcpu)
{
	return mmu_cmpxchg_guest(&vcpu->mmu, eoi_gpa(vcpu), &eoi_offered, &eoi_not_offered, 1);
}

/* Where memory has gone the guest can't have ended it. */
int pv_take_eoi(struct vcpu *vcpu)
{
	int r;

	pagefault_disable();
	r = take_eoi(vcpu);
	pagefault_enable();
	if (r < 0 && vcpu->mmu.atomic)
		return -EAGAIN;
	if (r < 0)
		r = take_eoi(vcpu);
	return r != 1;
}

static int set_eoi(struct vcpu *vcpu, u64 data)
{
	int r = vcpu->chips ? lapic_settle_eoi(&vcpu->chips->apic) : 0;

	if (r)
		return r;
	if (data & (EOI_ALIGN - 1) & ~(u64)KVM_MSR_ENABLED)
		return -EINVAL;
	vcpu->pv.eoi = data;
	return 0;
}

void pv_update(struct vcpu *vcpu)
{
	if (vcpu_take_request(vcpu, REQ_CLOCK))
		clock_update(vcpu);
	if (vcpu_take_request(vcpu, REQ_STEAL))
		update_steal(vcpu);
}

/* ---- MSRs ---- */

/* Returns 0; -ENOENT: not one of them; -EINVAL: not in this guest. */
static int check_msr(const struct vcpu *vcpu, u32 index)
{
	unsigned int feature;

	switch (index) {
	case MSR_KVM_WALL_CLOCK:
	case MSR_KVM_SYSTEM_TIME:
		feature = KVM_FEATURE_CLOCKSOURCE;
		break;
	case MSR_KVM_WALL_CLOCK_NEW:
	case MSR_KVM_SYSTEM_TIME_NEW:
		feature = KVM_FEATURE_CLOCKSOURCE2;
		break;
	case MSR_KVM_STEAL_TIME:
		feature = KVM_FEATURE_STEAL_TIME;
		break;
	case MSR_KVM_PV_EOI_EN:
		feature = KVM_FEATURE_PV_EOI;
		break;
	default:
		return -ENOENT;
	}
	return pv_has(vcpu, feature) ? 0 : -EINVAL;
}

int pv_get_msr(const struct vcpu *vcpu, u32 index, u64 *data)
{
	int r = check_msr(vcpu, index);

	if (r)
		return r;
	switch (index) {
	case MSR_KVM_WALL_CLOCK:
	case MSR_KVM_WALL_CLOCK_NEW:
		*data = READ_ONCE(vcpu->vm->clock.wall);
		return 0;
	case MSR_KVM_SYSTEM_TIME:
	case MSR_KVM_SYSTEM_TIME_NEW:
		*data = vcpu->pv.system_time;
		return 0;
	case MSR_KVM_STEAL_TIME:
		*data = vcpu->pv.steal;
		return 0;
	case MSR_KVM_PV_EOI_EN:
		*data = vcpu->pv.eoi;
		return 0;
	}
	return -ENOENT;
}

int pv_set_msr(struct vcpu *vcpu, u32 index, u64 data)
{
	int r = check_msr(vcpu, index);

	if (r)
		return r;
	switch (index) {
	case MSR_KVM_WALL_CLOCK:
	case MSR_KVM_WALL_CLOCK_NEW:
		return clock_write_wall(vcpu, data);
	case MSR_KVM_SYSTEM_TIME:
	case MSR_KVM_SYSTEM_TIME_NEW:
		vcpu->pv.system_time = data;
		vcpu_request(vcpu, REQ_CLOCK);
		return 0;
	case MSR_KVM_STEAL_TIME:
		return set_steal(vcpu, data);
	case MSR_KVM_PV_EOI_EN:
		return set_eoi(vcpu, data);
	}
	return -ENOENT;
}
