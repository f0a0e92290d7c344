/* SPDX-License-Identifier: GPL-2.0-only */
/* What makes the large program large: a byte in each page says which it is. */
#define PAGES_OF_CODE	1536
#define PAGES_OF_DATA	512

	.section .rodata
	.globl large_pages, large_writable
	.balign 4096
large_pages:
	.set	i, 0
	.rept	PAGES_OF_CODE
	.byte	i & 0xff
	.fill	4095, 1, 0x5a
	.set	i, i + 1
	.endr

	.data
	.balign 4096
large_writable:
	.set	i, 0
	.rept	PAGES_OF_DATA
	.byte	i & 0xff
	.fill	4095, 1, 0xa5
	.set	i, i + 1
	.endr
	.section .note.GNU-stack, "", @progbits
