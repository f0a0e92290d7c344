/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The indirect branch prediction barrier, for C; and what CLEAR_BUFFERS reads.
 */
#include <linux/linkage.h>
#include <asm/segment.h>

#include "entry.h"

	.section .rodata
	.balign 2
/* VERW wants a selector in memory; a word of our own, as the kernel's is not for all. */
SYM_DATA(host_data_selector, .word __KERNEL_DS)

	.section .noinstr.text, "ax"

SYM_FUNC_START(host_ibpb)
	IBPB
	RET
SYM_FUNC_END(host_ibpb)
