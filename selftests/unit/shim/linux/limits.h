/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SHIM_LIMITS_H
#define SHIM_LIMITS_H

#include_next <linux/limits.h>

#define U8_MAX	255
#define U16_MAX	65535
#define U32_MAX	0xffffffffu
#define U64_MAX	0xffffffffffffffffull
#endif
