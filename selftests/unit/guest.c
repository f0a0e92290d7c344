// SPDX-License-Identifier: GPL-2.0-only
/* A guest to start tests from. */
#include "guest.h"

const char *const mode_names[NR_MODES] = { "paging off", "32-bit", "32-bit PSE", "PAE", "4-level",
					   "5-level" };
u64 next_table, tables_end;

void guest_regs(enum mode mode, u64 *cr0, u64 *cr4, u64 *efer)
{
	*cr0 = CR0_PE | CR0_WP | (mode == MODE_OFF ? 0 : CR0_PG);
	*cr4 = mode == MODE_PSE ? CR4_PSE : mode >= MODE_PAE ? CR4_PAE : 0;
	*efer = 0;
	if (mode == MODE_LA57)
		*cr4 |= CR4_LA57;
	if (mode >= MODE_LONG)
		*efer = EFER_LME | EFER_LMA;
	if (mode >= MODE_PAE)
		*efer |= EFER_NXE;
}

/* The @..._more bits are toggled. */
void guest_mode(struct vcpu *v, enum mode mode, u64 cr0_more, u64 cr4_more, u64 efer_more)
{
	u64 cr0, cr4, efer;

	guest_regs(mode, &cr0, &cr4, &efer);
	guest_set_mode(v, cr0 ^ cr0_more, cr4 ^ cr4_more, efer ^ efer_more);
}

gpa_t table_new(void)
{
	gpa_t gpa = next_table;

	next_table += PAGE;
	EXPECT(next_table <= tables_end, "no room for page tables");
	return gpa;
}

static bool is_pae(const struct vcpu *v)
{
	return ref_levels(&v->regs) == 2 && v->regs.cr4 & CR4_PAE;
}

/* An empty address space; with PAE the four directories are there. */
gpa_t root_new(const struct vcpu *v)
{
	gpa_t root = table_new();
	int i;

	for (i = 0; is_pae(v) && i < 4; i++)
		ram_poke(root + i * 8, table_new() | P, 8);
	return root;
}

void guest_start(enum mode mode, unsigned int nr_vcpus)
{
	unsigned int i;
	gpa_t root;

	machine_reset(nr_vcpus);
	next_table = TABLES;
	tables_end = DATA;
	EXPECT(slot_add(RAM_SLOT, 0, MEMORY / PAGE, vmm_mmap(MEMORY / PAGE, 1), 0), "no slot");
	guest_regs(mode, &vcpu(0)->regs.cr0, &vcpu(0)->regs.cr4, &vcpu(0)->regs.efer);
	root = root_new(vcpu(0));
	for (i = 0; i < nr_vcpus; i++) {
		vcpu(i)->regs.cr3 = root;
		guest_mode(vcpu(i), mode, 0, 0, 0);
		EXPECT(!guest_set_cr3(vcpu(i), root), "CR3 was refused");
	}
}

gpa_t entry_at(struct vcpu *v, u64 va, unsigned int level)
{
	unsigned int l = ref_levels(&v->regs), size = ref_entry_size(&v->regs);
	u64 table = ref_root(&v->regs, v->regs.cr3);

	if (is_pae(v))
		table = ref_space(&v->regs) |
			(v->arch.root[v->arch.nr_roots - 1].pdpte[va >> 30 & 3] & ~(PAGE - 1));
	for (; l > level; l--) {
		gpa_t gpa = ref_entry_gpa(&v->regs, l, table, va);

		table = ref_decode(&v->regs, l, ram_read(gpa, size)).next;
	}
	return ref_entry_gpa(&v->regs, level, table, va);
}

u64 entry_get(struct vcpu *v, u64 va, unsigned int level)
{
	return ram_read(entry_at(v, va, level), ref_entry_size(&v->regs));
}

void entry_set(struct vcpu *v, u64 va, unsigned int level, u64 value)
{
	guest_write_table(v, entry_at(v, va, level), value, ref_entry_size(&v->regs));
}

void guest_map(struct vcpu *v, u64 va, gpa_t gpa, u64 bits, unsigned int level)
{
	unsigned int l;

	for (l = ref_levels(&v->regs); l > level; l--)
		if (!(entry_get(v, va, l) & P))
			entry_set(v, va, l, table_new() | P | W | U);
	entry_set(v, va, level, gpa | bits | (level > 1 ? PS : 0));
}

void expect_gpa(struct vcpu *v, u64 va, struct mmu_access access, gpa_t gpa)
{
	struct outcome out = guest_access(v, va, access);

	EXPECT(out.kind == OUT_RAM && out.gpa == gpa,
	       "0x%llx: expected RAM at 0x%llx, but it is %s 0x%llx", va, gpa,
	       out.kind == OUT_FAULT ? "a fault, error" : out.kind == OUT_RAM ? "at" :
	       "MMIO or an error",
	       out.kind == OUT_FAULT ? out.error : out.gpa);
}

void expect_fault(struct vcpu *v, u64 va, struct mmu_access access, u32 error)
{
	struct outcome out = guest_access(v, va, access);

	EXPECT(out.kind == OUT_FAULT, "0x%llx: expected a page fault, but it is not (%d)", va,
	       out.kind);
	EXPECT(out.error == error, "0x%llx: expected error code 0x%x, but it is 0x%x", va, error,
	       out.error);
}

void expect_mmio(struct vcpu *v, u64 va, struct mmu_access access, gpa_t gpa)
{
	struct outcome out = guest_access(v, va, access);

	EXPECT(out.kind == OUT_MMIO && out.gpa == gpa, "0x%llx: expected MMIO at 0x%llx", va, gpa);
}

void expect_audit(void)
{
	machine_audit();
	machine_audit_blind();
	check_reachable("now");
}
