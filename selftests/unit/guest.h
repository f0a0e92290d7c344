/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A guest to start tests from: memory, page tables, a mode.
 *
 *	0          TABLES          DATA                      MEMORY
 *	| nothing  | page tables   | whatever a test wants     |
 */
#ifndef UMBRA_GUEST_H
#define UMBRA_GUEST_H

#include "machine.h"

#define TABLES	0x100000ull
#define DATA	0x400000ull
#define MEMORY	0x2000000ull
#define RAM_SLOT 0

enum mode { MODE_OFF, MODE_32, MODE_PSE, MODE_PAE, MODE_LONG, MODE_LA57, NR_MODES };
extern const char *const mode_names[NR_MODES];
/* Where the next page table goes, and where there is no more room for one. */
extern u64 next_table, tables_end;

/* A machine with 32 MiB at gpa 0 and empty page tables; every vCPU runs @mode on them. */
void guest_start(enum mode mode, unsigned int nr_vcpus);
void guest_mode(struct vcpu *v, enum mode mode, u64 cr0_more, u64 cr4_more, u64 efer_more);
void guest_regs(enum mode mode, u64 *cr0, u64 *cr4, u64 *efer);

gpa_t table_new(void);
gpa_t root_new(const struct vcpu *v);

/*
 * Map @va to @gpa with @bits at @level (1: 4 KiB), making the tables above it
 * with all rights. entry_at() is the address of @va's entry at @level.
 */
void guest_map(struct vcpu *v, u64 va, gpa_t gpa, u64 bits, unsigned int level);
gpa_t entry_at(struct vcpu *v, u64 va, unsigned int level);
u64 entry_get(struct vcpu *v, u64 va, unsigned int level);
void entry_set(struct vcpu *v, u64 va, unsigned int level, u64 value);

/* Expected outcomes of an access. */
void expect_gpa(struct vcpu *v, u64 va, struct mmu_access access, gpa_t gpa);
void expect_fault(struct vcpu *v, u64 va, struct mmu_access access, u32 error);
void expect_mmio(struct vcpu *v, u64 va, struct mmu_access access, gpa_t gpa);
void expect_audit(void);

#endif
