// SPDX-License-Identifier: GPL-2.0-only
/* The files that every entry and exit goes through, as one unit for the compiler. */
#include "tlb.c"
#include "event.c"
#include "exit.c"
#include "vmcb.c"
#include "enter.c"
