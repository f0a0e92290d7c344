/* SPDX-License-Identifier: GPL-2.0-only */
/* Of a vCPU, what ahead.c touches; ahead_test.c is the rest of the machine. */
#ifndef UMBRA_SHIM_VCPU_H
#define UMBRA_SHIM_VCPU_H

#include <linux/compiler.h>

#include "emulate.h"
#include "mmu.h"

struct vcpu {
	struct {
		u64 gpr[GPR_COUNT], rip, rflags;
	} regs;
	struct {
		u64 dr7;
	} debug;
	struct {
		u64 ahead;
	} stats;
	struct mmu_vcpu mmu;
};

static inline u64 vcpu_dr7(const struct vcpu *vcpu)
{
	return vcpu->debug.dr7;
}

#endif
