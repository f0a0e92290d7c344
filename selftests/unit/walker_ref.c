// SPDX-License-Identifier: GPL-2.0-only
/*
 * Paging as the manuals have it: Intel SDM 3A chapter 4, AMD APM 2 chapter 5.
 * One entry at a time, so that the oracle can walk the present and the past.
 */
#include "machine.h"

static bool paging(const struct mmu_regs *regs)
{
	return regs->cr0 & CR0_PG;
}

static bool pae_format(const struct mmu_regs *regs)
{
	return regs->cr4 & CR4_PAE;
}

/* Tables in memory: PAE's PDPTEs are registers and don't count. */
unsigned int ref_levels(const struct mmu_regs *regs)
{
	if (!paging(regs))
		return 0;
	if (!(regs->efer & EFER_LMA))
		return 2;
	return regs->cr4 & CR4_LA57 ? 5 : 4;
}

/* SMM has physical addresses of its own. */
gpa_t ref_space(const struct mmu_regs *regs)
{
	return regs->smm ? GPA_SMM : 0;
}

unsigned int ref_entry_size(const struct mmu_regs *regs)
{
	return pae_format(regs) ? 8 : 4;
}

static unsigned int level_shift(const struct mmu_regs *regs, unsigned int level)
{
	return 12 + (pae_format(regs) ? 9 : 10) * (level - 1);
}

gpa_t ref_entry_gpa(const struct mmu_regs *regs, unsigned int level, u64 table, u64 va)
{
	u64 index = va >> level_shift(regs, level);

	return table + (pae_format(regs) ? (index & 511) * 8 : (index & 1023) * 4);
}

static u64 bits(unsigned int high, unsigned int low)
{
	return high < low ? 0 : (~0ull >> (63 - high)) & (~0ull << low);
}

/* Tables 4-3 to 4-6: 32-bit paging; 4M pages have PSE-36, at most 40 bits. */
static struct ref_step decode_32(const struct mmu_regs *regs, unsigned int level, u64 raw)
{
	unsigned int width = min_t(unsigned int, regs->maxphyaddr, 40);
	struct ref_step step = { .kind = REF_TABLE, .w = raw & W, .u = raw & U };

	step.next = raw & bits(31, 12);
	if (level == 1) {
		step.kind = REF_LEAF;
		step.shift = 12;
	} else if (raw & PS && regs->cr4 & CR4_PSE) {
		step.kind = raw & bits(21, width - 19) ? REF_RSVD : REF_LEAF;
		step.next = (raw & bits(31, 22)) | (raw & bits(20, 13)) << 19;
		step.shift = 22;
	}
	return step;
}

/* Tables 4-9 to 4-11 (PAE) and 4-15 to 4-20 (4 and 5 levels). */
static struct ref_step decode_64(const struct mmu_regs *regs, unsigned int level, u64 raw)
{
	bool nxe = regs->efer & EFER_NXE, lma = regs->efer & EFER_LMA;
	struct ref_step step = { .kind = REF_TABLE, .w = raw & W, .u = raw & U };
	u64 reserved = bits(51, regs->maxphyaddr);

	step.nx = nxe && raw & NX;
	step.shift = 12 + 9 * (level - 1);
	if (!lma)
		reserved |= bits(62, 52);
	if (!nxe)
		reserved |= NX;
	if (level == 1)
		step.kind = REF_LEAF;
	else if (raw & PS && level <= (regs->gbpages ? 3 : 2))
		step.kind = REF_LEAF;
	else if (level > 2)
		reserved |= PS;
	if (step.kind == REF_LEAF && level > 1)
		reserved |= bits(step.shift - 1, 13);
	if (raw & reserved)
		step.kind = REF_RSVD;
	step.next = raw & bits(51, step.kind == REF_LEAF ? step.shift : 12);
	return step;
}

struct ref_step ref_decode(const struct mmu_regs *regs, unsigned int level, u64 raw)
{
	struct ref_step step;

	if (!(raw & P))
		return (struct ref_step){ .kind = REF_ABSENT };
	step = pae_format(regs) ? decode_64(regs, level, raw) : decode_32(regs, level, raw);
	step.next |= ref_space(regs);
	return step;
}

/* Table 4-8. */
bool ref_pdptes_ok(const struct mmu_regs *regs, const u64 pdpte[4])
{
	u64 reserved = bits(2, 1) | bits(8, 5) | bits(63, regs->maxphyaddr);
	int i;

	for (i = 0; i < 4; i++)
		if (pdpte[i] & P && pdpte[i] & reserved)
			return false;
	return true;
}

/* Where CR3 points (not with PAE). */
u64 ref_root(const struct mmu_regs *regs, u64 cr3)
{
	unsigned int top = regs->efer & EFER_LMA ? 51 : 31;

	return ref_space(regs) | (cr3 & bits(top, 12));
}

/* SDM 4.6. */
bool ref_permits(const struct mmu_regs *regs, const struct mmu_access *access, bool w, bool u,
		 bool nx)
{
	if (!paging(regs))
		return true;
	if (access->fetch && nx)
		return false;
	if (access->user)
		return u && (w || !access->write);
	if (access->fetch)
		return !(u && regs->cr4 & CR4_SMEP);
	if (u && regs->cr4 & CR4_SMAP && !access->ac)
		return false;
	return w || !access->write || !(regs->cr0 & CR0_WP);
}

/* SDM 4.7. */
u32 ref_error(const struct mmu_regs *regs, const struct mmu_access *access, u32 error)
{
	bool nxe = pae_format(regs) && regs->efer & EFER_NXE;

	if (access->write)
		error |= PFERR_WRITE;
	if (access->user)
		error |= PFERR_USER;
	if (access->fetch && (nxe || regs->cr4 & CR4_SMEP))
		error |= PFERR_FETCH;
	return error;
}

static bool fault(struct ref_walk *walk, u32 error)
{
	walk->fault = true;
	walk->error = error;
	return false;
}

/* One level; false if it is the last. */
static bool walk_level(const struct mmu_regs *regs, unsigned int level, u64 *table, u64 va,
		       struct ref_walk *walk)
{
	gpa_t gpa = ref_entry_gpa(regs, level, *table, va);
	struct vpage *page = gfn_page(gpa / PAGE);
	bool there = page && !page->gone && !page->poisoned;
	struct ref_step step;

	walk->lost |= !there;
	/* Where no memory is, nothing is present. */
	step = ref_decode(regs, level,
			  there ? page_read(page, gpa % PAGE, ref_entry_size(regs)) : 0);
	if (step.kind == REF_ABSENT)
		return fault(walk, 0);
	if (step.kind == REF_RSVD)
		return fault(walk, PFERR_PRESENT | PFERR_RSVD);
	walk->entry[walk->nr] = gpa;
	walk->entry_level[walk->nr++] = level;
	walk->w &= step.w;
	walk->u &= step.u;
	walk->nx |= step.nx;
	*table = step.next;
	walk->shift = step.shift;
	return step.kind == REF_TABLE;
}

void ref_walk_now(const struct mmu_regs *regs, const u64 pdpte[4], u64 va,
		  const struct mmu_access *access, struct ref_walk *walk)
{
	unsigned int level = ref_levels(regs);
	u64 table = ref_root(regs, regs->cr3);

	*walk = (struct ref_walk){ .w = true, .u = true, .gpa = ref_space(regs) | va };
	if (!level)
		return;
	if (level == 2 && pae_format(regs)) {
		table = pdpte[va >> 30 & 3];
		if (!(table & P))
			fault(walk, 0);
		table = ref_space(regs) | (table & bits(51, 12));
	}
	while (!walk->fault && walk_level(regs, level, &table, va, walk))
		level--;
	if (!walk->fault && access && !ref_permits(regs, access, walk->w, walk->u, walk->nx))
		fault(walk, PFERR_PRESENT);
	if (walk->fault)
		walk->error = access ? ref_error(regs, access, walk->error) : walk->error;
	else
		walk->gpa = table | (va & ((1ull << walk->shift) - 1));
}
