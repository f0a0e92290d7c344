/* SPDX-License-Identifier: GPL-2.0-only */
/* What smm.c, state.c and entry_check.c want of the kernel beside exit_shim.h. */
#ifndef SMM_SHIM_H
#define SMM_SHIM_H

#include "exit_shim.h"

enum {
	X86_TRAP_DE = 0, X86_TRAP_BR = 5, X86_TRAP_NM = 7, X86_TRAP_DF = 8, X86_TRAP_TS = 10,
	X86_TRAP_NP = 11, X86_TRAP_SS = 12, X86_TRAP_MF = 16, X86_TRAP_XF = 19,
};

#define EFER_SCE		BIT_ULL(0)
#define offset_in_page(p)	((unsigned long)(p) % PAGE_SIZE)

#endif
