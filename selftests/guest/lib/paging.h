/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Guest page tables. The pt_*() functions write guest memory as a VMM would, which is for
 * setting up; guest_set_entry() lets the guest itself change an entry.
 */
#ifndef SELFTESTS_PAGING_H
#define SELFTESTS_PAGING_H

#include "vm.h"

#define PTE_P	(1ul << 0)
#define PTE_W	(1ul << 1)
#define PTE_U	(1ul << 2)
#define PTE_A	(1ul << 5)
#define PTE_D	(1ul << 6)
#define PTE_PS	(1ul << 7)
#define PTE_G	(1ul << 8)
#define PTE_NX	(1ul << 63)
#define PTE_ADDR 0x000ffffffffff000ul
#define PTE_KERNEL (PTE_P | PTE_W)
#define PTE_USER (PTE_P | PTE_W | PTE_U)

const struct pt_format *pt_format_of(enum guest_mode mode);

u64 pt_alloc_table(struct vm *vm);
u64 pt_build(struct vm *vm, enum guest_mode mode);	/* low memory, one to one */
int pt_index(const struct pt_format *fmt, u64 va, int level);
u64 pt_page_bytes(const struct pt_format *fmt, int level);
u64 pt_entry_gpa(struct vm *vm, u64 va, int level);
u64 pt_entry(struct vm *vm, u64 va, int level);
u64 pt_map(struct vm *vm, u64 va, u64 gpa, u64 flags);
u64 pt_map_level(struct vm *vm, u64 va, u64 gpa, u64 flags, int level);
void pt_put(struct vm *vm, u64 entry_gpa, u64 value);
struct result guest_set_entry(struct vcpu *v, u64 va, u64 value);
struct result guest_set_pte(struct vcpu *v, u64 va, int level, u64 value);

#endif
