// SPDX-License-Identifier: GPL-2.0-only
/* Numbers at which code breaks. */
#include <string.h>

#include "fuzz.h"

u64 fuzz_gpa(struct fuzz_thread *t)
{
	static const u64 places[] = {
		0, IVT_GPA, IDT_GPA, GDT_GPA, TSS_GPA, CODE_GPA, TABLES_GPA, LOW_DATA, DATA_GPA,
		LARGE_GPA, MEM_BYTES, LAPIC_GPA, IOAPIC_GPA, 0xa0000, 0xfffff000, 1ul << 32,
	};

	return places[fuzz_pick(t, ARRAY_SIZE(places))] + fuzz_pick(t, 16) * PAGE_SIZE +
	       (ONE_IN(t, 3) ? fuzz_pick(t, PAGE_SIZE) : 0);
}

u64 fuzz_word(struct fuzz_thread *t)
{
	u64 bit = 1ul << fuzz_pick(t, 64);

	switch (fuzz_pick(t, 10)) {
	case 0:		return 0;
	case 1:		return ~0ul;
	case 2:		return fuzz_pick(t, 16);
	case 3:		return bit;
	case 4:		return bit - 1;
	case 5:		return -bit;
	case 6:		return fuzz_gpa(t);
	case 7:		return (u64)t->fuzz->vm->mem + fuzz_gpa(t);
	case 8:		return fuzz_pick(t, 2) ? 0xffff888000000000 : 0x0000800000000000;
	default:	return lcg_next(&t->random);
	}
}

void fuzz_fill(struct fuzz_thread *t, void *p, size_t bytes)
{
	for (size_t i = 0; i < bytes; i += sizeof(u64)) {
		u64 word = ONE_IN(t, 2) ? 0 : fuzz_word(t);

		memcpy((u8 *)p + i, &word, bytes - i < sizeof(word) ? bytes - i : sizeof(word));
	}
}

void fuzz_bend(struct fuzz_thread *t, void *p, size_t bytes)
{
	for (u32 n = fuzz_pick(t, 4); n && bytes; n--) {
		u8 *at = (u8 *)p + fuzz_pick(t, bytes);
		u64 word = fuzz_word(t);

		if (ONE_IN(t, 2) && at + sizeof(word) <= (u8 *)p + bytes)
			memcpy(at, &word, sizeof(word));
		else
			*at ^= 1u << fuzz_pick(t, 8);
	}
}
