/* SPDX-License-Identifier: GPL-2.0-only */
/* CPUID's list: what is offered, and finding a leaf in it. */
#ifndef UMBRA_CPUID_LIST_H
#define UMBRA_CPUID_LIST_H

#include <linux/kvm.h>

#include <asm/cpufeatures.h>

#include "types.h"

/* A feature's bit in its word. */
#define F(name)		BIT(X86_FEATURE_##name & 31)

enum cpuid_reg { EAX, EBX, ECX, EDX };

static inline u32 *cpuid_reg(struct kvm_cpuid_entry2 *e, enum cpuid_reg reg)
{
	u32 *regs[] = { &e->eax, &e->ebx, &e->ecx, &e->edx };

	return regs[reg];
}

static inline bool cpuid_is_leaf(const struct kvm_cpuid_entry2 *e, u32 leaf, u32 index)
{
	return e->function == leaf && (e->index == index ||
				       !(e->flags & KVM_CPUID_FLAG_SIGNIFCANT_INDEX));
}

/* A leaf in a list of @nr, or NULL. */
static inline struct kvm_cpuid_entry2 *cpuid_find(struct kvm_cpuid_entry2 *entry, unsigned int nr,
						  u32 leaf, u32 index)
{
	unsigned int i;

	for (i = 0; i < nr; i++)
		if (cpuid_is_leaf(&entry[i], leaf, index))
			return &entry[i];
	return NULL;
}

/* ---- cpuid_offer.c ---- */

/**
 * cpuid_offered() - a leaf of KVM_GET_SUPPORTED_CPUID
 * @leaf: @index:	EAX, ECX
 *
 * Any context. Return: the entry, or NULL.
 */
struct kvm_cpuid_entry2 *cpuid_offered(u32 leaf, u32 index);

#endif
