// SPDX-License-Identifier: GPL-2.0-only
#include <string.h>

#include "paging.h"

static const struct pt_format format_32 = { "32-bit", 2, 4, 10, false };
static const struct pt_format format_pae = { "PAE", 3, 8, 9, false };
static const struct pt_format format_long4 = { "4-level", 4, 8, 9, true };
static const struct pt_format format_long5 = { "5-level", 5, 8, 9, true };

const struct pt_format *pt_format_of(enum guest_mode mode)
{
	switch (mode) {
	case MODE_32: return &format_32;
	case MODE_PAE: return &format_pae;
	case MODE_LONG4: return &format_long4;
	case MODE_LONG5: return &format_long5;
	default: return NULL;
	}
}

u64 pt_alloc_table(struct vm *vm)
{
	u64 gpa = vm->next_table;

	if (gpa + PAGE_SIZE > TABLES_END)
		die("no room for another page table");
	vm->next_table += PAGE_SIZE;
	memset(vm_ptr(vm, gpa), 0, PAGE_SIZE);
	return gpa;
}

static int level_shift(const struct pt_format *fmt, int level)
{
	return 12 + fmt->index_bits * (level - 1);
}

u64 pt_page_bytes(const struct pt_format *fmt, int level)
{
	return 1ul << level_shift(fmt, level);
}

int pt_index(const struct pt_format *fmt, u64 va, int level)
{
	if (!fmt->is_long)
		va &= 0xffffffff;
	return va >> level_shift(fmt, level) & ((1 << fmt->index_bits) - 1);
}

void pt_put(struct vm *vm, u64 entry_gpa, u64 value)
{
	memcpy(vm_ptr(vm, entry_gpa), &value, vm->fmt->entry_bytes);
}

static u64 get_entry(struct vm *vm, u64 entry_gpa)
{
	return vm_read(vm, entry_gpa, vm->fmt->entry_bytes);
}

static u64 entry_at(struct vm *vm, u64 table, u64 va, int level)
{
	return table + pt_index(vm->fmt, va, level) * vm->fmt->entry_bytes;
}

/* The entry of @level that translates @va. The tables above it must be there. */
u64 pt_entry_gpa(struct vm *vm, u64 va, int level)
{
	u64 table = vm->root;

	for (int l = vm->fmt->levels; l > level; l--) {
		u64 e = get_entry(vm, entry_at(vm, table, va, l));

		if (!(e & PTE_P))
			die("no table of level %d for %#lx", l - 1, va);
		table = e & PTE_ADDR;
	}
	return entry_at(vm, table, va, level);
}

u64 pt_entry(struct vm *vm, u64 va, int level)
{
	return get_entry(vm, pt_entry_gpa(vm, va, level));
}

static u64 directory_flags(const struct pt_format *fmt, int level)
{
	return level == 3 && !fmt->is_long ? PTE_P : PTE_USER;
}

/* Maps with tables made as needed; returns where the entry is. */
u64 pt_map_level(struct vm *vm, u64 va, u64 gpa, u64 flags, int level)
{
	u64 table = vm->root, entry;

	for (int l = vm->fmt->levels; l > level; l--) {
		entry = entry_at(vm, table, va, l);
		if (!(get_entry(vm, entry) & PTE_P))
			pt_put(vm, entry, pt_alloc_table(vm) | directory_flags(vm->fmt, l));
		table = get_entry(vm, entry) & PTE_ADDR;
	}
	entry = entry_at(vm, table, va, level);
	pt_put(vm, entry, gpa | flags | (level > 1 ? PTE_PS : 0));
	return entry;
}

u64 pt_map(struct vm *vm, u64 va, u64 gpa, u64 flags)
{
	return pt_map_level(vm, va, gpa, flags, 1);
}

u64 pt_build(struct vm *vm, enum guest_mode mode)
{
	vm->fmt = pt_format_of(mode);
	vm->root = pt_alloc_table(vm);
	for (u64 gpa = 0; gpa < LOW_BYTES; gpa += PAGE_SIZE) {
		bool user = gpa == UCODE_GPA || gpa == USTACK_GPA;

		pt_map(vm, gpa, gpa, user ? PTE_USER : PTE_KERNEL);
	}
	return vm->root;
}

/* @va is where the entry is mapped; low memory is mapped one to one. */
struct result guest_set_entry(struct vcpu *v, u64 va, u64 value)
{
	struct result r;
	bool user = v->user;

	v->user = false;
	if (v->vm->fmt->entry_bytes == 8 && !v->vm->fmt->is_long) {
		/* not present first: the order in which an operating system does it */
		r = guest_write(v, va, 0, 4);
		if (r.kind == OUT_DONE)
			r = guest_write(v, va + 4, value >> 32, 4);
		if (r.kind == OUT_DONE)
			r = guest_write(v, va, (u32)value, 4);
	} else {
		r = guest_write(v, va, value, v->vm->fmt->entry_bytes);
	}
	v->user = user;
	return r;
}

struct result guest_set_pte(struct vcpu *v, u64 va, int level, u64 value)
{
	return guest_set_entry(v, pt_entry_gpa(v->vm, va, level), value);
}
