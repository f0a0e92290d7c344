// SPDX-License-Identifier: GPL-2.0-only
/* Paravirtual MSRs, which tell where in a guest's memory it wants to hear from its host. */
#include <linux/errno.h>

#include <asm/kvm_para.h>

#include "clock.h"
#include "pv.h"
#include "request.h"
#include "vcpu.h"
#include "vm.h"

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
