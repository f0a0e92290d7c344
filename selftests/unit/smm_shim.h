/* SPDX-License-Identifier: GPL-2.0-only */
/* What smm.c, state.c and entry_check.c want of the kernel beside exit_shim.h. */
#ifndef SMM_SHIM_H
#define SMM_SHIM_H

#include "exit_shim.h"

#define offset_in_page(p)	((unsigned long)(p) % PAGE_SIZE)

#endif
