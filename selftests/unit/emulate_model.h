/* SPDX-License-Identifier: GPL-2.0-only */
/* The small machine that emulate_test runs the emulator on. One machine: m, its vCPU: c. */
#ifndef UMBRA_EMULATE_MODEL_H
#define UMBRA_EMULATE_MODEL_H

#include "tap.h"
#include "emulate.h"

#define MEM_BYTES	0x200000u
#define RF	(1ULL << 16)
#define TF	(1ULL << 8)
#define IF	(1ULL << 9)
#define ZF	(1ULL << 6)
#define CF	1ULL
#define IOPL3	(3ULL << 12)

struct access {
	char kind;	/* r, w, x (cmpxchg), p (probe), f (fetch), i, o (ports), b (blocks) */
	u64 addr;
	unsigned int bytes, flags;
};

struct emulated_machine {
	u8 mem[MEM_BYTES];
	struct emulate_segment seg[SREG_COUNT];
	u64 cr[16], dr[16], msr_val;
	u32 msr_nr;
	struct emulate_dt gdt, idt;
	u8 xmm[16][16];
	struct access log[2000];
	unsigned int logged;
	u64 watched;		/* a breakpoint on the byte there */
	u64 bad_page;		/* reads and writes of it fault, if not 0 */
	u64 device_page;	/* reads of it need user space until device_ready */
	bool device_ready;
	unsigned int lose_races;
	unsigned int committed, halted, flushed;
	u64 invlpg_addr;
	u16 loaded_selector;
	enum seg_reg loaded_seg;
	u32 port_val;
	unsigned int block_max;	/* elements that a string moves to or from a port at once */
	u64 invpcid_type, invpcid[2];
};

extern struct emulated_machine m;
extern struct emulate_ctxt c;
extern const struct emulate_ops model_ops;

/* A machine at CPL 0 with the code at 0x1000 and everything else 0. */
void reset(enum insn_mode mode);
/* Put instructions at CS:RIP; and run the first. Return of code(): bytes. */
unsigned int code(const char *hex);
enum emu_status run(const char *hex);

u8 *at(u64 addr);
u64 mem64(u64 addr);
u32 mem32(u64 addr);
void put64(u64 addr, u64 val);

/* Accesses of a kind in the last run. */
const struct access *last(char kind);
unsigned int count(char kind);

#define RUN(hex) CHECK_EQ(run(hex), EMU_DONE)

#define RUN_FAULT(hex, vec, err)					\
	do {								\
		CHECK_EQ(run(hex), EMU_FAULT);				\
		CHECK_EQ(c.fault.vector, vec);				\
		CHECK_EQ(c.fault.error, err);				\
	} while (0)

#endif
