/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Random programs: a program is a list of operations that mean something in
 * any state, so that any part of a failing one can be left out.
 *
 * An operation with @nest n runs inside the one before it, where that lets go
 * of the lock or may sleep for the n-th time.
 */
#ifndef UMBRA_RANDOM_H
#define UMBRA_RANDOM_H

#include "guest.h"

#define OPS(X)								\
	X(ACCESS, 30)							\
	X(STORE, 14)							\
	X(CMPXCHG, 2)							\
	X(WRITE_ENTRY, 22)						\
	X(WRITE_HALF, 4)						\
	X(WRITE_BYTES, 3)						\
	X(LOAD_CR3, 6)							\
	X(LOAD_CR3_KEEP, 2)						\
	X(INVLPG, 6)							\
	X(FLUSH, 2)							\
	X(INVPCID, 4)							\
	X(MODE, 3)							\
	X(TOGGLE, 4)							\
	X(TRANSLATE, 2)							\
	X(SMM, 3)							\
	X(UNPROTECT, 1)							\
	X(DROP_ROOT, 1)							\
	X(SWAP_OUT, 2)							\
	X(SHARE, 2)							\
	X(MERGE, 1)							\
	X(COLLAPSE, 1)							\
	X(UNMAP, 1)							\
	X(REMAP, 2)							\
	X(POISON, 1)							\
	X(AGE, 2)							\
	X(INVALIDATE, 2)						\
	X(DIRTY_LOG, 2)							\
	X(SLOT_FLAGS, 1)						\
	X(SLOT_MOVE, 1)							\
	X(SLOT_SMM, 2)							\
	X(SLOT_DELETE, 1)						\
	X(SLOT_ADD, 2)							\
	X(SHRINK, 1)							\
	X(QUOTA, 1)							\
	X(ZAP_ALL, 1)							\
	X(FAIL_ALLOC, 2)						\
	X(FAIL_PAGE, 1)							\
	X(UNKNOWN, 1)							\
	X(SHOOTDOWN, 10)						\
	X(HALT, 6)							\
	X(VCPU_RESET, 1)

#define OP_ENUM(name, weight) OP_##name,
enum op_kind { OPS(OP_ENUM) NR_OPS };
#undef OP_ENUM

struct op {
	enum op_kind kind;
	unsigned int vcpu, nest;
	u32 a, b, c, d;
};

/**
 * struct program
 * @mode:	of all vCPUs, at first
 * @params:	which of mmu/'s switches are off, by bit (random_ops.c), and what else differs
 */
struct program {
	enum mode mode;
	unsigned int nr_vcpus;
	unsigned int params;
	unsigned int nr;
	struct op *op;
};

/*
 * Which @params are possible: these turn mmu_passthrough on, and begin with slots of SMM's. How
 * long a program can be.
 */
#define STRAIGHT_PARAM	(1u << 8)
#define SMM_PARAM	(1u << 9)
#define ALL_PARAMS	(1u << 10)
#define DECODED_OPS	100

/* The guest's physical memory. */
#define TABLE_FRAMES	16
#define SMALL_FRAMES	64
#define HIGH_GFN	0x100000ull
#define LARGE_GFN	0x200ull
#define LARGE_FRAMES	1024ull
#define ROM_GFN		0x60ull

/* SMM sees what others see in slot 0, and something else at HIGH_GFN. */
#define SMM_SLOT	4

/**
 * struct world - what the operations share
 * @nested:	this one runs inside another
 * @unfinished:	a slot to be deleted when the outer operation is over, or -1
 * @window:	an address that the host is invalidating, or 0
 */
struct world {
	unsigned long small_hva, large_hva, high_hva, rom_hva, smm_hva;
	bool nested, host_busy, slots_busy;
	int unfinished;
	unsigned long window;
};

extern struct world world;
u64 pick_gfn(u32 r);
u64 pick_va(const struct vcpu *v, u32 r);
u64 pick_entry(const struct vcpu *v, u32 r, u32 where);
void add_slot(int id, u32 flags);
void memory_op(const struct op *op);
void slot_op(const struct op *op);
void host_op(const struct op *op);

/* random_ipi.c: what vCPUs ask of each other, taken by ipi_take(); ipi_wake() wakes one. */
void ipi_start(unsigned int nr_vcpus);
void ipi_take(struct vcpu *v);
bool ipi_halted(const struct vcpu *v);
void ipi_wake(const struct vcpu *v);
void op_shootdown(struct vcpu *v, const struct op *op);
void op_halt(struct vcpu *v);

extern const char *const op_names[NR_OPS];
/* Audit after every n-th operation only; print each operation. */
extern unsigned int audit_every;
extern bool random_trace;
u32 random_next(u64 *state);
void program_make(struct program *program, u64 seed, unsigned int nr);
bool program_decode(struct program *program, const u8 *data, size_t size);
void program_run(const struct program *program);
void program_print(const struct program *program, const char *name);

/* random_shrink.c */
bool program_survives(const struct program *program, bool quiet);
void program_shrink(struct program *program);
void random_exit(void) __attribute__((noreturn));

#endif
