/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SHIM_KERNEL_H
#define SHIM_KERNEL_H

#include <linux/align.h>
#include <linux/array_size.h>
#include <linux/bitops.h>
#include <linux/bug.h>
#include <linux/compiler.h>
#include <linux/container_of.h>
#include <linux/limits.h>
#include <linux/log2.h>
#include <linux/math.h>
#include <linux/minmax.h>
#include <linux/types.h>

#define sizeof_field(type, member)	sizeof(((type *)0)->member)
#define IS_ENABLED(option)	0
#define upper_32_bits(n)	((__u32)((n) >> 32))
#define lower_32_bits(n)	((__u32)(n))
#ifndef PAGE_SIZE
#define PAGE_SHIFT		12
#define PAGE_SIZE		4096ul
#define PAGE_MASK		(~(PAGE_SIZE - 1))
#endif

#endif
