/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * MSRs of the host around guest mode, for both backends.
 */
#ifndef UMBRA_HOSTMSR_H
#define UMBRA_HOSTMSR_H

#include <linux/percpu.h>
#include <asm/asm.h>
#include <asm/cpufeature.h>
#include <asm/msr-index.h>
#include <asm/nospec-branch.h>

#include "mitigate.h"
#include "vcpu.h"

/* No tracepoints, no fixups: for noinstr code, or where the host is not whole. */
static __always_inline u64 host_rdmsr(u32 msr)
{
	u32 low, high;

	asm volatile("rdmsr" : "=a" (low), "=d" (high) : "c" (msr));
	return low | (u64)high << 32;
}

static __always_inline void host_wrmsr(u32 msr, u64 value)
{
	asm volatile("wrmsr" : : "c" (msr), "a" ((u32)value), "d" ((u32)(value >> 32))
		     : "memory");
}

/**
 * chosen_wrmsr() - write a value that a guest or the VMM chose
 * @msr:	any
 * @value:	any: what the processor does not take is no fault of the host's
 *
 * Any context. Return: whether the processor took it.
 */
static __always_inline bool chosen_wrmsr(u32 msr, u64 value)
{
	asm goto("1: wrmsr\n\t"
		 _ASM_EXTABLE(1b, %l[refused])
		 : : "c" (msr), "a" ((u32)value), "d" ((u32)(value >> 32)) : "memory" : refused);
	return true;
refused:
	return false;
}

/**
 * host_ibpb() - forget what branches and returns are predicted by
 *
 * Any context. The processor has the barrier.
 */
asmlinkage void host_ibpb(void);

/**
 * host_switch_guests() - another vCPU than the last one is about to run here
 *
 * Preemption is off.
 */
static inline void host_switch_guests(void)
{
	if (boot_cpu_has(MITIGATE_VCPU_SWITCH))
		host_ibpb();
}

/**
 * host_leave_guest() - the host's user space must not run with a guest's branch targets
 *
 * Preemption is off, on the processor where the guest has run. The kernel does it, on its way to
 * user space.
 */
static inline void host_leave_guest(void)
{
	if (boot_cpu_has(X86_FEATURE_IBPB_EXIT_TO_USER))
		this_cpu_write(x86_ibpb_exit_to_user, true);
}

/* SSBD may also stand for MSRs of other names. */
static inline u64 spec_ctrl_valid(void)
{
	return (boot_cpu_has(X86_FEATURE_IBRS) ? SPEC_CTRL_IBRS : 0) |
	       (boot_cpu_has(X86_FEATURE_STIBP) ? SPEC_CTRL_STIBP : 0) |
	       (boot_cpu_has(X86_FEATURE_SPEC_CTRL_SSBD) ||
		boot_cpu_has(X86_FEATURE_AMD_SSBD) ? SPEC_CTRL_SSBD : 0);
}

/**
 * struct spec_ctrl - SPEC_CTRL around an entry, for entry.S
 * @host:	what the host has, and has again before anything returns
 * @guest:	what the MSR holds meanwhile
 */
struct spec_ctrl {
	u64 host, guest;
};

/**
 * spec_ctrl_enter() - SPEC_CTRL before an entry
 * @vcpu:	may ask for more than the host's setting, never for less
 *
 * Interrupts are off. Return: for entry.S.
 */
static inline struct spec_ctrl spec_ctrl_enter(const struct vcpu *vcpu)
{
	struct spec_ctrl spec = {};

	if (!boot_cpu_has(X86_FEATURE_MSR_SPEC_CTRL))
		return spec;
	spec.host = this_cpu_read(x86_spec_ctrl_current);
	spec.guest = spec.host;
	if (unlikely(vcpu->msrs.spec_ctrl))
		spec.guest |= vcpu->msrs.spec_ctrl & spec_ctrl_valid();
	if (spec.guest != spec.host && !chosen_wrmsr(MSR_IA32_SPEC_CTRL, spec.guest))
		spec.guest = spec.host;
	return spec;
}

#endif
