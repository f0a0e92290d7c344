/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * One victim of random_calls: a process whose threads share a VM, and do to it, to its memory and
 * to the host what they can think of. Nothing here is expected to succeed.
 */
#ifndef SELFTESTS_FUZZ_H
#define SELFTESTS_FUZZ_H

#include <stdbool.h>

#include "chips.h"
#include "vm.h"

#ifndef ARRAY_SIZE
#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))
#endif

#define FUZZ_VCPUS	2
#define FUZZ_EVENTS	4
#define FUZZ_CALLERS	2
#define MAX_CALLS	128
#define BUFFER_BYTES	0x10000u

/* Counted in memory that outlives the victim. */
struct fuzz_marks {
	u32 calls;			/* begun */
	u32 ok[MAX_CALLS], failed[MAX_CALLS];	/* by calls.c's table */
	u32 leaked_errno, leaked_call;	/* one that is the kernel's own */
	u32 breaches;			/* that the MMU's audit found */
	u32 unloaded;			/* the module went, with a VM in use */
};

struct fuzz {
	struct fuzz_marks *marks;
	struct vm *vm;
	int event[FUZZ_EVENTS];
	int memfd;
	bool may_unplug;		/* the second processor */
};

struct fuzz_thread {
	struct fuzz *fuzz;
	u64 random;
	u8 *buffer;			/* BUFFER_BYTES, and then nothing */
	int fail_nth;			/* /proc/thread-self/fail-nth, or -1 */
};

/* A number below @n. */
static inline u32 fuzz_pick(struct fuzz_thread *t, u32 n)
{
	return (lcg_next(&t->random) >> 33) % n;
}

#define ONE_IN(t, n)	(fuzz_pick(t, n) == 0)

u64 fuzz_word(struct fuzz_thread *t);		/* one at which code breaks */
void fuzz_fill(struct fuzz_thread *t, void *p, size_t bytes);
void fuzz_bend(struct fuzz_thread *t, void *p, size_t bytes);	/* a few words of it */
u64 fuzz_gpa(struct fuzz_thread *t);

/* calls.c */
void fuzz_call(struct fuzz_thread *t);		/* one, of any kind */
const char *fuzz_call_name(unsigned int i);	/* NULL: there are no more */

/* host.c: what happens to the memory and to the host, one thing. */
void fuzz_host(struct fuzz_thread *t);
void fuzz_host_restore(void);			/* what a victim left when it was killed */
void fuzz_write(struct fuzz *f, u64 gpa, const void *src, size_t bytes);	/* if it's there */

/* code.c */
void fuzz_code(struct fuzz_thread *t);		/* other code for the guest */

#endif
