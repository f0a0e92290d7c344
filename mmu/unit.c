// SPDX-License-Identifier: GPL-2.0-only
/*
 * mmu/ as one unit for the compiler: a fill goes through a hundred small functions, each in the
 * file that it belongs to, and calls between files (with their return thunks) were a third of it.
 */
#include "spte.c"
#include "cache.c"
#include "host.c"
#include "flush.c"
#include "walk.c"
#include "links.c"
#include "rmap.c"
#include "entry.c"
#include "fetch.c"
#include "policy.c"
#include "page.c"
#include "fill.c"
#include "sync.c"
#include "map.c"
#include "audit.c"
#include "root.c"
#include "track.c"
#include "slot.c"
#include "fault.c"
#include "init.c"
