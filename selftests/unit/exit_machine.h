/* SPDX-License-Identifier: GPL-2.0-only */
/* A vCPU whose MMU, processor and emulator are fakes: what they are to do, and what they did. */
#ifndef EXIT_MACHINE_H
#define EXIT_MACHINE_H

#include "mmu.h"
#include "vcpu.h"

#define CS_BASE		0x20000ull
#define DS_BASE		0x30000ull
#define FS_BASE		0x40000ull

extern struct vcpu v;

extern const u8 *code;		/* at RIP; NULL: not mapped */
extern unsigned int code_bytes;
extern bool cs_l, cs_db;
extern enum mmu_verdict verdict;
extern bool to_table;
extern bool no_memory;		/* at any address: it is a device's */
extern bool refuse;		/* what may fail for lack of memory fails, where it may not sleep */

extern unsigned int faults, emulated, unprotects;
extern gva_t invalidated;
extern gpa_t written;
extern u64 written_value;

#endif
