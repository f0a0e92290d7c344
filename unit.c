// SPDX-License-Identifier: GPL-2.0-only
/*
 * What handles most exits, as one unit for the compiler: what one file needs of another is
 * inlined where it pays.
 */
#include "cpuid.c"
#include "debug.c"
#include "event.c"
#include "mode.c"
#include "exit.c"
#include "ahead.c"
#include "fast.c"
#include "run.c"
