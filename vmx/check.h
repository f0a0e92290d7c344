/* SPDX-License-Identifier: GPL-2.0-only */
/* Would a VM entry with this VMCS succeed? In check.c and check_guest.c, which are pure. */
#ifndef UMBRA_VMX_CHECK_H
#define UMBRA_VMX_CHECK_H

#include "types.h"

/**
 * struct vmx_limits - what depends on the processor
 * @pin: @cpu: @cpu2: @exit: @entry: capability MSRs, the 'true' ones where there are such: bits
 *	that must be set in the low half, bits that may be in the high half
 * @basic: @misc: IA32_VMX_BASIC and IA32_VMX_MISC
 * @cr0_set: @cr0_may: @cr4_set: @cr4_may: bits that must and may be set
 * @efer_may: bits of EFER that are not reserved
 * @cr3_more: bits above the physical address that CR3 of the host may have (LAM)
 * @physical_bits: @linear_bits: width of addresses
 */
struct vmx_limits {
	u64 pin, cpu, cpu2, exit, entry;
	u64 basic, misc;
	u64 cr0_set, cr0_may, cr4_set, cr4_may;
	u64 efer_may, cr3_more;
	unsigned int physical_bits, linear_bits;
};

/**
 * struct vmcs_view - a VMCS
 * @read:	a field
 * @pdpte:	of those that CR3 of the guest leads to, 0 to 3
 * @limits:	of this processor
 */
struct vmcs_view {
	u64 (*read)(const struct vmcs_view *view, unsigned long field);
	u64 (*pdpte)(const struct vmcs_view *view, unsigned int i);
	const struct vmx_limits *limits;
};

static inline u64 vmcs_get(const struct vmcs_view *view, unsigned long field)
{
	return view->read(view, field);
}

/* Secondary controls that are not activated count as 0. */
u32 vmcs_get_cpu2(const struct vmcs_view *view);

static inline bool vmcs_canonical(const struct vmcs_view *view, unsigned long field)
{
	return canonical_in(vmcs_get(view, field), view->limits->linear_bits);
}

/* Each byte is a memory type. */
bool vmcs_pat_ok(u64 pat);

/**
 * vmcs_check() - the checks of VM entries
 * @view:	as it is about to be entered, in IA-32e mode and not in SMM
 *
 * Intel SDM volume 3C, 27.2 and 27.3: controls, the host's state, the guest's; what has no state of
 * its own in Umbra (EPT violations as #VE, VM functions, tertiary controls and the like) has to be
 * off. The lists of MSRs are not looked into. Any context that @view can be read in.
 *
 * Return: a rule that is broken, or NULL.
 */
const char *vmcs_check(const struct vmcs_view *view);

/* Its part for the guest's state; Intel SDM 3C 27.3.1. */
const char *vmcs_check_guest(const struct vmcs_view *view);

#endif
