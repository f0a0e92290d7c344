/* SPDX-License-Identifier: GPL-2.0-only */
/* Of a vCPU, what ahead.c touches; ahead_test.c is the rest of the machine. */
#ifndef UMBRA_SHIM_VCPU_H
#define UMBRA_SHIM_VCPU_H

#include <linux/compiler.h>

#include "emulate.h"

struct kvm_segment {
	u64 base;
};

struct mmu_vcpu {
	int none;
};

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

unsigned int mmu_fetch(struct mmu_vcpu *m, gva_t gva, void *code, unsigned int len);
bool mmu_peek(struct mmu_vcpu *m, gva_t gva, u64 *data);
int mode_set_cr3(struct vcpu *vcpu, u64 value);
void insn_finish(struct vcpu *vcpu, u64 next_rip);
const struct insn *exit_insn(struct vcpu *vcpu, gva_t rip, const void *code);
void exit_run_ahead(struct vcpu *vcpu);

#endif
