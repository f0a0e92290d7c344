/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SHIM_NOSPEC_H
#define SHIM_NOSPEC_H

/* Outside of the bounds it would be 0 in the kernel, too. */
#define array_index_nospec(index, size) ((index) < (size) ? (index) : 0)

#endif
