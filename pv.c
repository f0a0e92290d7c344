// SPDX-License-Identifier: GPL-2.0-only
/* Paravirtual MSRs, which tell where in a guest's memory it wants to hear from its host. */
#include <linux/bits.h>
#include <linux/errno.h>
#include <linux/string.h>

#include <asm/kvm_para.h>

#include "clock.h"
#include "pv.h"
#include "request.h"
#include "vcpu.h"
#include "vm.h"

/* Ports need no delay. */
#define FEATURES (BIT(KVM_FEATURE_CLOCKSOURCE) | BIT(KVM_FEATURE_CLOCKSOURCE2) |	\
		  BIT(KVM_FEATURE_CLOCKSOURCE_STABLE_BIT) | BIT(KVM_FEATURE_NOP_IO_DELAY))

void pv_leaves(struct kvm_cpuid_entry2 *leaf)
{
	static const char signature[12] = "KVMKVMKVM";	/* what guests look for */

	leaf[0].function = KVM_CPUID_SIGNATURE;
	leaf[0].eax = KVM_CPUID_FEATURES;
	memcpy(&leaf[0].ebx, signature, 4);
	memcpy(&leaf[0].ecx, signature + 4, 4);
	memcpy(&leaf[0].edx, signature + 8, 4);
	leaf[1].function = KVM_CPUID_FEATURES;
	leaf[1].eax = FEATURES;
}

int pv_get_msr(const struct vcpu *vcpu, u32 index, u64 *data)
{
	switch (index) {
	case MSR_KVM_WALL_CLOCK:
	case MSR_KVM_WALL_CLOCK_NEW:
		*data = READ_ONCE(vcpu->vm->clock.wall);
		return 0;
	case MSR_KVM_SYSTEM_TIME:
	case MSR_KVM_SYSTEM_TIME_NEW:
		*data = vcpu->pv.system_time;
		return 0;
	}
	return -ENOENT;
}

int pv_set_msr(struct vcpu *vcpu, u32 index, u64 data)
{
	switch (index) {
	case MSR_KVM_WALL_CLOCK:
	case MSR_KVM_WALL_CLOCK_NEW:
		return clock_write_wall(vcpu, data);
	case MSR_KVM_SYSTEM_TIME:
	case MSR_KVM_SYSTEM_TIME_NEW:
		vcpu->pv.system_time = data;
		vcpu_request(vcpu, REQ_CLOCK);
		return 0;
	}
	return -ENOENT;
}
