/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The integer and address types that every part shares. In user space (unit
 * tests) the kernel's names are made from the standard ones.
 */
#ifndef UMBRA_TYPES_H
#define UMBRA_TYPES_H

#ifdef __KERNEL__
#include <linux/types.h>
#else
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <asm/types.h>

typedef uint8_t u8;
typedef uint16_t u16;
typedef uint32_t u32;
typedef __u64 u64;
typedef int8_t s8;
typedef int16_t s16;
typedef int32_t s32;
typedef __s64 s64;
#endif

typedef unsigned long gva_t;	/* guest virtual (linear) address */
typedef u64 gpa_t;	/* guest physical address */
typedef u64 gfn_t;	/* guest frame number: gpa >> 12 */
typedef u64 hpa_t;	/* host physical address */
typedef u64 hfn_t;	/* host frame number: hpa >> 12 */

/*
 * A guest has two physical address spaces: that of processors in SMM, and that of all others. In a
 * gfn or gpa a bit above all that a guest can address (52 bits) says which. It is set where the
 * guest's registers and entries are read, and taken away where an address goes to a device or to
 * user space.
 */
#define GFN_SMM_BIT	40
#define GFN_SMM		(1ull << GFN_SMM_BIT)
#define GPA_SMM		(GFN_SMM << 12)

/* A number that the guest calls an address in its memory; one over 52 bits leads nowhere. */
static inline gpa_t gpa_from_guest(u64 number)
{
	return number >> 52 ? number | 1ull << 63 : number;
}

/**
 * canonical_in() - is a linear address canonical?
 * @addr:	the address
 * @bits:	width of linear addresses: 48, or 57 with 5-level paging
 *
 * Any context. Intel SDM 1 3.3.7.1. Return: whether all bits from @bits - 1 on are alike.
 */
static inline _Bool canonical_in(u64 addr, unsigned int bits)
{
	unsigned int shift = 64 - bits;

	return (u64)((s64)(addr << shift) >> shift) == addr;
}

#endif
