/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SHIM_NOSPEC_H
#define SHIM_NOSPEC_H

/* Outside of the bounds it would be 0 in the kernel, too. Without a branch: blocks are counted. */
#define array_index_nospec(index, size) \
	((index) & -(__typeof__(index))((index) < (__typeof__(index))(size)))

#endif
