/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The processor's own registers while a guest runs on shadow page tables, derived from the
 * guest's. What only one of AMD-V and VT-x wants, the backend adds.
 */
#ifndef UMBRA_HARDWARE_H
#define UMBRA_HARDWARE_H

#include <linux/percpu.h>

#include <asm/processor.h>
#include <asm/debugreg.h>
#include <asm/msr-index.h>
#include <asm/processor-flags.h>
#include <asm/special_insns.h>

#include "breakpoint.h"
#include "vcpu.h"

#define HW_CR0_FORCED	(X86_CR0_PG | X86_CR0_WP | X86_CR0_ET)
#define HW_CR0_HIDDEN	(X86_CR0_CD | X86_CR0_NW)
#define HW_CR4_HIDDEN	(X86_CR4_PCIDE | X86_CR4_PKE | X86_CR4_VMXE | X86_CR4_LA57)

static inline u64 hardware_cr0(const struct vcpu_mode *mode)
{
	return (mode->cr0 & ~(u64)HW_CR0_HIDDEN) | HW_CR0_FORCED;
}

static inline u64 hardware_cr4(const struct vcpu_mode *mode, int root_level)
{
	u64 cr4 = (mode->cr4 & ~(u64)HW_CR4_HIDDEN) | X86_CR4_PAE;

	/* Without paging the guest is in tables of user pages. */
	if (!(mode->cr0 & X86_CR0_PG))
		cr4 &= ~(u64)(X86_CR4_SMEP | X86_CR4_SMAP);
	if (root_level == 5)
		cr4 |= X86_CR4_LA57;
	/* A machine check with MCE clear shuts the processor down, the host with it. */
	return cr4 | (__read_cr4() & X86_CR4_MCE);
}

/* Shadow page tables use NX whether the guest does or not. */
static inline u64 hardware_efer(const struct vcpu_mode *mode)
{
	u64 efer = mode->efer & ~(u64)EFER_LME;

	return (efer & EFER_LMA ? efer | EFER_LME : efer) | EFER_NX;
}

/* GD is the emulator's: all accesses to debug registers exit. */
static inline u64 hardware_dr7(const struct vcpu *vcpu)
{
	u64 dr7 = vcpu_dr7(vcpu) & ~DR7_GD;

	return dr7 & (DR_GLOBAL_ENABLE_MASK | DR_LOCAL_ENABLE_MASK) ? dr7 : DR7_ONES;
}

#endif
