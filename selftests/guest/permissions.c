// SPDX-License-Identifier: GPL-2.0-only
/*
 * The permission matrix: U/S, R/W and NX in leaf and directory, times CR0.WP, SMEP, SMAP,
 * EFER.NXE and EFLAGS.AC, times every access. Error code and CR2 must be exact.
 */
#include "kselftest_harness.h"
#include "modes.h"

FIXTURE_IN_EVERY_MODE(permissions)

enum { ACCESS_READ, ACCESS_WRITE, ACCESS_FETCH, ACCESSES };

/* What the machine is set to. */
struct machine {
	bool wp, smep, smap, nxe, ac, nx_format;
};

struct rights {
	bool user, write, nx;
};

static struct rights rights_of(u64 leaf, u64 dir, const struct machine *m)
{
	return (struct rights){
		.user = leaf & dir & PTE_U,
		.write = leaf & dir & PTE_W,
		.nx = m->nxe && m->nx_format && (leaf | dir) & PTE_NX,
	};
}

/* Intel SDM 3A 4.6 and 4.7, AMD APM 2 5.6. 0 is no fault. */
static u32 expected_error(struct rights r, const struct machine *m, int access, bool user)
{
	bool bad = user && !r.user;
	u32 error = ERR_P;

	if (access == ACCESS_WRITE && !r.write && (user || m->wp))
		bad = true;
	if (access == ACCESS_FETCH && r.nx)
		bad = true;
	if (access == ACCESS_FETCH && !user && m->smep && r.user)
		bad = true;
	if (access != ACCESS_FETCH && !user && m->smap && r.user && !m->ac)
		bad = true;
	if (!bad)
		return 0;
	if (access == ACCESS_WRITE)
		error |= ERR_W;
	if (user)
		error |= ERR_U;
	if (access == ACCESS_FETCH && (m->smep || (m->nxe && m->nx_format)))
		error |= ERR_I;
	return error;
}

static struct result do_access(struct vcpu *v, int access, u64 va)
{
	switch (access) {
	case ACCESS_READ: return guest_read(v, va, 1, NULL);
	case ACCESS_WRITE: return guest_write(v, va + 0x100, 1, 1);
	default: return guest_exec(v, va);
	}
}

/* Every combination of leaf and directory rights has a page of its own. */
#define COMBINATIONS 64

static u64 combo_va(struct vm *vm, int i)
{
	return TEST_VA + (i / 8) * pt_page_bytes(vm->fmt, 2) + i % 8 * PAGE_SIZE;
}

static u64 combo_flags(struct vm *vm, int three_bits)
{
	u64 flags = PTE_P;

	if (three_bits & 1)
		flags |= PTE_W;
	if (three_bits & 2)
		flags |= PTE_U;
	if (three_bits & 4 && vm->fmt->entry_bytes == 8)
		flags |= PTE_NX;
	return flags;
}

static void map_combinations(struct vm *vm)
{
	for (int i = 0; i < COMBINATIONS; i++) {
		u64 va = combo_va(vm, i), dir;

		pt_map(vm, va, DATA_GPA + i * PAGE_SIZE, combo_flags(vm, i % 8));
		dir = pt_entry_gpa(vm, va, 2);
		pt_put(vm, dir, (pt_entry(vm, va, 2) & PTE_ADDR) | combo_flags(vm, i / 8));
		put_exec_target(vm, DATA_GPA + i * PAGE_SIZE);
	}
}

static struct machine set_machine(struct vcpu *v, int bits)
{
	struct vm *vm = v->vm;
	struct machine m = {
		.wp = bits & 1, .smep = bits & 2, .smap = bits & 4, .nxe = bits & 8,
		.ac = bits & 16, .nx_format = vm->fmt->entry_bytes == 8,
	};
	u64 cr0 = guest_get_cr(v, 0) & ~CR0_WP, cr4 = guest_get_cr(v, 4), efer;

	cr4 &= ~(CR4_SMEP | CR4_SMAP);
	guest_set_cr(v, 0, cr0 | (m.wp ? CR0_WP : 0));
	guest_set_cr(v, 4, cr4 | (m.smep ? CR4_SMEP : 0) | (m.smap ? CR4_SMAP : 0));
	guest_rdmsr(v, MSR_EFER_, &efer);
	efer &= ~EFER_NXE;
	guest_wrmsr(v, MSR_EFER_, efer | (m.nxe ? EFER_NXE : 0));
	guest_set_cr(v, 3, vm->root);
	return m;
}

static bool machine_possible(struct vm *vm, int bits)
{
	if (bits & 2 && !GUEST_HAS_SMEP(vm))
		return false;
	if (bits & 4 && !GUEST_HAS_SMAP(vm))
		return false;
	if (bits & 8 && (!GUEST_HAS_NX(vm) || vm->fmt->entry_bytes == 4))
		return false;
	return !(bits & 16) || bits & 4;	/* AC matters with SMAP only */
}

/* Without NXE bit 63 is reserved. */
static u32 reserved_error(u64 leaf, u64 dir, const struct machine *m, int access, bool user)
{
	u32 error = ERR_P | ERR_R;

	if (m->nxe || !m->nx_format || !((leaf | dir) & PTE_NX))
		return 0;
	if (access == ACCESS_WRITE)
		error |= ERR_W;
	if (user)
		error |= ERR_U;
	if (access == ACCESS_FETCH && m->smep)
		error |= ERR_I;
	return error;
}

static void check_one(struct __test_metadata *_metadata, struct vcpu *v, int i,
		      const struct machine *m, int access)
{
	u64 leaf = combo_flags(v->vm, i % 8), dir = combo_flags(v->vm, i / 8);
	u64 va = combo_va(v->vm, i), cr2 = va + (access == ACCESS_WRITE ? 0x100 : 0);
	u32 want = reserved_error(leaf, dir, m, access, v->user);
	struct result r = do_access(v, access, va);
	bool ok;

	if (!want)
		want = expected_error(rights_of(leaf, dir, m), m, access, v->user);
	ok = want ? r.kind == OUT_EXC && r.vector == VEC_PF && r.error == want && r.cr2 == cr2
		  : r.kind == OUT_DONE;
	EXPECT_TRUE(ok) {
		TH_LOG("%s: dir %#lx leaf %#lx user %d access %d", v->vm->fmt->name, dir, leaf,
		       v->user, access);
		TH_LOG("wp %d smep %d smap %d nxe %d ac %d", m->wp, m->smep, m->smap, m->nxe,
		       m->ac);
		TH_LOG("%s; wanted %s, error %#x", result_str(r), want ? "#PF" : "no fault",
		       want);
	}
}

static void check_machine(struct __test_metadata *_metadata, struct vcpu *v, int bits)
{
	struct machine m = set_machine(v, bits);
	int step = v->vm->fmt->entry_bytes == 8 ? 1 : 4;

	v->flags = m.ac ? RFLAGS_AC : 0;
	for (int i = 0; i < COMBINATIONS; i++) {
		if (step == 4 && (i & 4 || i / 8 & 4))
			continue;		/* no NX in 32-bit entries */
		for (int access = 0; access < ACCESSES; access++) {
			for (int user = 0; user < 2; user++) {
				v->user = user;
				check_one(_metadata, v, i, &m, access);
			}
		}
	}
	v->user = false;
	v->flags = 0;
}

/* NXE=0 first: what happens when it is cleared with translations about is another test. */
static void check_half(struct __test_metadata *_metadata, struct vm *vm, int wp)
{
	map_combinations(vm);
	for (int nxe = 0; nxe <= 8; nxe += 8)
		for (int bits = wp; bits < 32 && _metadata->passed; bits += 2)
			if ((bits & 8) == nxe && machine_possible(vm, bits))
				check_machine(_metadata, &vm->vcpu[0], bits);
}

TEST_F_TIMEOUT(permissions, matrix_wp, 300)
{
	check_half(_metadata, self->vm, 1);
}

TEST_F_TIMEOUT(permissions, matrix_no_wp, 300)
{
	check_half(_metadata, self->vm, 0);
}

/* Each right taken away and given back while the page is in use. */
TEST_F(permissions, toggled_while_mapped)
{
	struct vcpu *v = self->v;
	u64 va = TEST_VA, gpa = DATA_GPA;

	pt_map(self->vm, va, gpa, PTE_USER);
	for (int i = 0; i < 3; i++) {
		v->user = true;
		EXPECT_DONE(guest_write(v, va, 1, 4));
		EXPECT_DONE(guest_set_pte(v, va, 1, gpa | PTE_P | PTE_U));
		v->user = false;
		EXPECT_DONE(guest_invlpg(v, va));
		v->user = true;
		EXPECT_PF(guest_write(v, va, 1, 4), ERR_P | ERR_W | ERR_U, va);
		EXPECT_DONE(guest_read(v, va, 4, NULL));
		EXPECT_DONE(guest_set_pte(v, va, 1, gpa | PTE_KERNEL));
		v->user = false;
		EXPECT_DONE(guest_invlpg(v, va));
		v->user = true;
		EXPECT_PF(guest_read(v, va, 4, NULL), ERR_P | ERR_U, va);
		v->user = false;
		EXPECT_DONE(guest_write(v, va, 1, 4));
		/* more rights: no flush is needed */
		EXPECT_DONE(guest_set_pte(v, va, 1, gpa | PTE_USER));
	}
}

/* With CR0.WP=0 the supervisor writes a read-only user page, and it turns dirty. */
TEST_F(permissions, wp_off_write_sets_dirty)
{
	struct vcpu *v = self->v;
	u64 cr0 = guest_get_cr(v, 0);

	pt_map(self->vm, TEST_VA, DATA_GPA, PTE_P | PTE_U);
	EXPECT_PF(guest_write(v, TEST_VA, 1, 4), ERR_P | ERR_W, TEST_VA);
	EXPECT_DONE(guest_set_cr(v, 0, cr0 & ~CR0_WP));
	EXPECT_DONE(guest_write(v, TEST_VA, 1, 4));
	EXPECT_EQ(PTE_D, pt_entry(self->vm, TEST_VA, 1) & PTE_D);
	v->user = true;
	EXPECT_PF(guest_write(v, TEST_VA, 1, 4), ERR_P | ERR_W | ERR_U, TEST_VA);
	EXPECT_DONE(guest_read(v, TEST_VA, 4, NULL));
	v->user = false;
	EXPECT_DONE(guest_write(v, TEST_VA, 2, 4));
	EXPECT_DONE(guest_set_cr(v, 0, cr0));
	EXPECT_PF(guest_write(v, TEST_VA, 1, 4), ERR_P | ERR_W, TEST_VA);
}

TEST_F(permissions, nxe_cleared_makes_bit_63_reserved)
{
	struct vcpu *v = self->v;
	u64 efer;

	if (self->vm->fmt->entry_bytes == 4)
		SKIP(return, "no NX in this format");
	pt_map(self->vm, TEST_VA, DATA_GPA, PTE_KERNEL | PTE_NX);
	EXPECT_DONE(guest_read(v, TEST_VA, 4, NULL));
	EXPECT_PF(guest_exec(v, TEST_VA), ERR_P | ERR_I, TEST_VA);
	EXPECT_DONE(guest_rdmsr(v, MSR_EFER_, &efer));
	EXPECT_DONE(guest_wrmsr(v, MSR_EFER_, efer & ~EFER_NXE));
	EXPECT_DONE(guest_set_cr(v, 3, self->vm->root));
	EXPECT_PF(guest_read(v, TEST_VA, 4, NULL), ERR_P | ERR_R, TEST_VA);
	EXPECT_DONE(guest_wrmsr(v, MSR_EFER_, efer));
	EXPECT_DONE(guest_read(v, TEST_VA, 4, NULL));
}

/* Error bit 4 needs PAE with NXE, or SMEP: Intel SDM 3A 4.7. */
TEST(nxe_without_pae_has_no_fetch_bit)
{
	struct vm *vm = vm_create(MODE_32);
	struct vcpu *v = &vm->vcpu[0];

	pt_map(vm, TEST_VA, DATA_GPA, PTE_KERNEL);
	EXPECT_PF(guest_exec(v, TEST_VA + PAGE_SIZE), 0, TEST_VA + PAGE_SIZE);
	EXPECT_DONE(guest_wrmsr(v, MSR_EFER_, EFER_NXE));
	v->user = true;
	EXPECT_PF(guest_exec(v, TEST_VA), ERR_P | ERR_U, TEST_VA);
	vm_free(vm);
}

TEST_HARNESS_MAIN
