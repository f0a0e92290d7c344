/* SPDX-License-Identifier: GPL-2.0-only */
/* Debug registers; breakpoints on data and ports, for accesses that the processor does not see. */
#ifndef UMBRA_BREAKPOINT_H
#define UMBRA_BREAKPOINT_H

#include "types.h"

/* What an access is, as a bit for each value of DR7's R/W fields that it concerns. */
enum breakpoint_kind {
	BREAKPOINT_READ		= 1 << 3,
	BREAKPOINT_WRITE	= 1 << 1 | 1 << 3,
	BREAKPOINT_PORT		= 1 << 2,	/* with CR4.DE only */
};

#define BREAKPOINTS_ENABLED	0xffull		/* of DR7: L0 to G3 */
#define DR7_GD			BIT_ULL(13)

/* Bits that are 1 whatever is written, after reset too; others can't be set. */
#define DR6_ONES		0xffff0ff0ull
#define DR6_WRITABLE		0xe00full
#define DR7_ONES		0x400ull
#define DR7_WRITABLE		0xffff2bffull

/**
 * dr6_settled() - what DR6 is after a write; dr7_settled() likewise
 * @value:	the value written
 *
 * Any context. Intel SDM vol. 3B 18.2.3 and 18.2.4. Return: what is read back.
 */
static inline u64 dr6_settled(u64 value)
{
	return (value & DR6_WRITABLE) | DR6_ONES;
}

static inline u64 dr7_settled(u64 value)
{
	return (value & DR7_WRITABLE) | DR7_ONES;
}

/**
 * breakpoint_hits() - which breakpoints does an access hit?
 * @db:		DR0 to DR3
 * @dr7:	DR7
 * @addr:	linear address or port
 * @bytes:	size of the access
 * @kind:	enum breakpoint_kind
 *
 * Any context. Intel SDM vol. 3B 18.2.4 and 18.2.5. Return: B0 to B3 of DR6.
 */
static inline u32 breakpoint_hits(const u64 *db, u64 dr7, u64 addr, unsigned int bytes,
				  unsigned int kind)
{
	static const u8 sizes[] = { 1, 2, 8, 4 };
	unsigned int i, size;
	u32 hits = 0;
	u64 first;

	for (i = 0; i < 4; i++) {
		if (!(dr7 >> 2 * i & 3) || !(kind >> (dr7 >> (16 + 4 * i) & 3) & 1))
			continue;
		size = sizes[dr7 >> (18 + 4 * i) & 3];
		first = db[i] & ~(u64)(size - 1);
		if (addr - first < size || first - addr < bytes)
			hits |= 1u << i;
	}
	return hits;
}

#endif
