/* SPDX-License-Identifier: GPL-2.0-only */
/* Would VMRUN take this VMCB? In check.c, which looks at nothing but its arguments. */
#ifndef UMBRA_SVM_CHECK_H
#define UMBRA_SVM_CHECK_H

#include "vmcb.h"

/**
 * struct vmcb_limits - what depends on the processor
 * @nr_asids: @flush_by_asid: CPUID 8000_000a
 * @physical_bits: width of physical addresses
 * @cr4_may: @efer_may: bits that are not reserved
 */
struct vmcb_limits {
	u32 nr_asids;
	bool flush_by_asid;
	unsigned int physical_bits;
	u64 cr4_may, efer_may;
};

/**
 * vmcb_check() - VMRUN's checks
 * @vmcb:	as it is about to be entered
 * @limits:	of this processor
 *
 * AMD APM volume 2, 15.5.1, 15.16 and 15.20; without nested paging, SEV and AVIC, whose controls
 * have to be 0. Bases are not looked at: VMRUN makes them canonical. Any context.
 *
 * Return: a rule that is broken, or NULL.
 */
const char *vmcb_check(const struct vmcb *vmcb, const struct vmcb_limits *limits);

#endif
