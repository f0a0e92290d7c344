/* SPDX-License-Identifier: GPL-2.0-only */
/* Is what user space set a state that processors enter? In entry_check.c. */
#ifndef UMBRA_ENTRY_CHECK_H
#define UMBRA_ENTRY_CHECK_H

#include <linux/kvm.h>
#include "types.h"

struct vcpu;

/* Of a linear address: 48, or 57 where the processor has 5-level paging. Set by cpuid_offer.c. */
extern u8 cpuid_linear_bits;

/**
 * is_canonical() - may a register that keeps a linear address have this value?
 * @addr:	a base, or what an MSR holds
 *
 * As the processor has it, whatever CR4.LA57 says and the guest's CPUID: guests load FS, GS,
 * GDTR and IDTR without an exit. Any context. Intel SDM 1 3.3.7.1; AMD APM 2 4.5.3.
 * Return: whether the processor takes it.
 */
static inline bool is_canonical(u64 addr)
{
	return canonical_in(addr, cpuid_linear_bits);
}

/**
 * segment_limit_ok() - can a descriptor have this limit?
 * @limit:	in bytes
 * @g:		granularity: its low 12 bits are ones; without it has 20 bits
 *
 * Intel SDM 3C 27.3.1.2. Return: whether it can.
 */
static inline bool segment_limit_ok(u32 limit, bool g)
{
	return g ? (limit & 0xfff) == 0xfff : !(limit >> 20);
}

/**
 * entry_segments_ok() - segments and descriptor tables of KVM_SET_SREGS
 * @sregs:	not trusted, but for its control registers
 *
 * Intel SDM 3C 27.3.1.2 and 27.3.1.3. Real mode's segments may be of any kind.
 * Return: whether a guest could be in this state.
 */
bool entry_segments_ok(const struct kvm_sregs *sregs);

/**
 * entry_rip_ok() - could this be RIP in any mode?
 * @rip:	not trusted
 *
 * Intel SDM 3C 27.3.1.4. Return: whether it could.
 */
bool entry_rip_ok(u64 rip);

/**
 * entry_exception_ok() - an exception of KVM_SET_VCPU_EVENTS
 * @vector: @has_error: @error: not trusted
 *
 * Intel SDM 3C 27.2.1.3, AMD APM 2 15.20. An error code may be missing: real mode has none.
 * Return: whether a guest's processor could raise it.
 */
bool entry_exception_ok(u8 vector, bool has_error, u32 error);

/**
 * entry_check() - what only all of the state together shows
 * @vcpu:	loaded; each of its parts is good by itself
 *
 * RFLAGS.VM and long mode, rip's width, error codes, NMIs behind an interrupt shadow.
 * Intel SDM 3C 27.3.1.4 and 27.3.1.5. Return: 0 or -EINVAL.
 */
int entry_check(struct vcpu *vcpu);

#endif
