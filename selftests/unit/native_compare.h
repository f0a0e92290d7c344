/* SPDX-License-Identifier: GPL-2.0-only */
/* One instruction on the emulator and on the processor: what is compared, and what can't be. */
#ifndef UMBRA_NATIVE_COMPARE_H
#define UMBRA_NATIVE_COMPARE_H

#include "tap.h"
#include "emulate_native.h"

#define PAGE		4096UL
#define ARENA		0x10000000UL	/* no access, 2 pages rw, 1 page ro, no access */
#define ARENA_RW	(ARENA + PAGE)
#define ARENA_RO	(ARENA + 3 * PAGE)
#define ARENA_END	(ARENA + 5 * PAGE)
#define MODEL_BYTES	(3 * PAGE)
#define CODE		0x10010000UL

#define FL_CF	0x1
#define FL_PF	0x4
#define FL_AF	0x10
#define FL_ZF	0x40
#define FL_SF	0x80
#define FL_TF	0x100
#define FL_IF	0x200
#define FL_DF	0x400
#define FL_OF	0x800
#define FL_AC	0x40000
#define FL_COMPARED (FL_CF | FL_PF | FL_AF | FL_ZF | FL_SF | FL_DF | FL_OF | FL_AC | 0x204000)

/* The emulator's side: what is in the arena's pages with memory. */
struct model {
	u8 memory[MODEL_BYTES];
	u8 xmm[16][16];
	bool unsafe;
	struct emulate_ctxt ctxt;
};

struct side {
	struct native_state state;
	struct native_end end;
};

extern struct model model;
extern struct side before, native;
extern enum insn_mode mode;
extern u64 seed;
extern unsigned long failures;

bool host_is_amd(void);
bool comparable(const struct insn *insn, enum emu_status status);
void compare(enum emu_status status);

#endif
