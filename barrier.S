/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The indirect branch prediction barrier, for C.
 */
#include <linux/linkage.h>

#include "entry.h"

	.section .noinstr.text, "ax"

SYM_FUNC_START(host_ibpb)
	IBPB
	RET
SYM_FUNC_END(host_ibpb)
