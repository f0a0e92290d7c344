/* SPDX-License-Identifier: GPL-2.0-only */
/* A VMCS that is an array, and changes of it that break a rule. */
#ifndef VMX_TEST_H
#define VMX_TEST_H

#include "check.h"

#define PHYSICAL_BITS	40
#define END		(1ull << PHYSICAL_BITS)
#define NOT_CANONICAL	(1ull << 63)
#define NR_FIELDS	0x7000

#define MAX_WRITES	6

/**
 * struct change - of a good VMCS
 * @rule:	what it breaks; NULL: nothing
 * @write:	fields and their values; a field of 0 is VPID, or the end if the value is 0 too
 * @vm86: @pae:	begin with virtual-8086 code, with PAE paging outside long mode
 */
struct change {
	const char *rule;
	struct { u32 field; u64 value; } write[MAX_WRITES];
	bool vm86, pae;
};

extern u64 fields[NR_FIELDS], pdptes[4];
extern struct vmx_limits limits;

/* A kernel in long mode, or what else the change begins with; then the change. */
void vmcs_apply(const struct change *change);

/* Of all checks, and of those of the guest's state alone. */
void vmcs_expect(const char *rule);
void vmcs_expect_guest(const char *rule);

#define EXPECT_EACH(changes) do {					\
	unsigned int i_;						\
									\
	for (i_ = 0; i_ < ARRAY_SIZE(changes); i_++) {			\
		vmcs_apply(&(changes)[i_]);				\
		vmcs_expect((changes)[i_].rule);			\
	}								\
} while (0)

#endif
