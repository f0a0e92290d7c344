// SPDX-License-Identifier: GPL-2.0-only
/*
 * mmu/ as one unit for the compiler: a fill goes through a hundred small functions, each in the
 * file that it belongs to, and calls between files (with their return thunks) were a third of it.
 */
#include "spte.c"
#include "links.c"
#include "rmap.c"
#include "cache.c"
#include "host.c"
#include "page.c"
#include "walk.c"
#include "map.c"
#include "absent.c"
#include "fill.c"
#include "sync.c"
#include "flush.c"
#include "expect.c"
#include "root.c"
#include "track.c"
#include "slot.c"
#include "quick.c"
#include "fault.c"
#include "audit.c"
#include "init.c"
