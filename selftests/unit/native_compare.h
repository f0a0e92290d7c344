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
#define FL_RF	0x10000
#define FL_AC	0x40000
#define FL_COMPARED (FL_CF | FL_PF | FL_AF | FL_ZF | FL_SF | FL_DF | FL_OF | FL_AC | 0x204000)

/* Where processors differ the emulator can do as either vendor's do: it does it both ways. */
enum like { LIKE_AMD, LIKE_INTEL, LIKES };

/* The emulator's side: what is in the arena's pages with memory. */
struct model {
	u8 memory[MODEL_BYTES];
	u8 xmm[16][16];
	bool unsafe;
	enum emu_status status;
	struct emulate_ctxt ctxt;
};

struct side {
	struct native_state state;
	struct native_end end;
};

/* What stands in for the processor beneath: native_step(), or a fake. */
typedef void (*processor_fn)(struct native_state *state, struct native_end *end);

extern struct model model[LIKES];
extern struct side before, native;
extern enum insn_mode mode;
extern u64 seed;
extern unsigned long failures;
extern bool quiet;		/* failures are only counted */
extern processor_fn processor;
/* By operation: how often the vendors differ and the processor did as this one's do. */
extern unsigned long seen[LIKES][OP_COUNT];

/* What has to be added to the base of a segment to reach an address in the arena. */
static inline u64 data_base(void)
{
	return mode == INSN_LONG64 ? 0 : ARENA;
}

/* native_compare.c */
bool comparable(const struct insn *insn);
const char *difference(const struct model *emulated);
void compare(void);
void say_what_was_seen(void);

/* emulate_native.c */
void set_up(enum insn_mode test_mode);
void emulate_like(enum like like);
void run_both(void);
void compare_random(enum insn_mode test_mode);

#endif
