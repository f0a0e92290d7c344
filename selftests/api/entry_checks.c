// SPDX-License-Identifier: GPL-2.0-only
/*
 * Registers that processors refuse to enter: a call of user space's is refused, or KVM_RUN is, and
 * never is there a failed entry. And registers that real VMMs set, which must be taken.
 */
#include <string.h>

#include "kselftest_harness.h"
#include "entry_checks.h"

#define RFLAGS_VM	(1ul << 17)
#define MSR_APIC_BASE	0x1b
#define LIMIT_4G	0xffffffffu

FIXTURE_IN(real, MODE_REAL)
FIXTURE_IN(prot, MODE_PROT)
FIXTURE_IN(m32, MODE_32)
FIXTURE_IN(long4, MODE_LONG4)

/* ---- addresses ---- */

static const u64 addresses[] = {
	0, 0x1000, 1ul << 46, (1ul << 47) - 1, 1ul << 47, 1ul << 55, (1ul << 56) - 1, 1ul << 56,
	1ul << 60, 1ul << 63, ~0ul << 47, ~0ul << 48, ~0ul << 56, ~0ul << 57, ~0ul,
};

static bool canonical(struct vm *vm, u64 addr)
{
	int shift = GUEST_HAS_LA57(vm) ? 7 : 16;

	return (u64)((int64_t)(addr << shift) >> shift) == addr;
}

TEST_F(long4, bases_are_canonical)
{
	for (size_t i = 0; i < sizeof(addresses) / sizeof(addresses[0]); i++) {
		u64 a = addresses[i];
		int err = canonical(self->vm, a) ? 0 : EINVAL;

		EXPECT_SREGS(err, s.gdt.base = a);
		EXPECT_SREGS(err, s.idt.base = a);
		EXPECT_SREGS(err, s.fs.base = a);
		EXPECT_SREGS(err, s.gs.base = a);
		EXPECT_SREGS(err, s.gs.base = a; s.gs.unusable = 1);
		EXPECT_SREGS(err, s.tr.base = a);
		EXPECT_SREGS(err, s.ldt = s.tr; s.ldt.type = 2; s.ldt.base = a);
		TAKEN(s.ldt.unusable = 1; s.ldt.base = a);
		EXPECT_SREGS(a >> 32 ? EINVAL : 0, s.cs.base = a);
		EXPECT_SREGS(a >> 32 ? EINVAL : 0, s.ss.base = a);
		EXPECT_SREGS(a >> 32 ? EINVAL : 0, s.ds.base = a);
		EXPECT_SREGS(a >> 32 ? EINVAL : 0, s.es.base = a);
		TAKEN(s.es.base = a; s.es.unusable = 1);
		TAKEN(s.es = s.ds);
	}
}

/* What an MSR and a segment share has one check. */
TEST_F(long4, bases_by_msr)
{
	static const u32 msrs[] = {
		MSR_FS_BASE, MSR_GS_BASE, MSR_KERNEL_GS, MSR_LSTAR, MSR_CSTAR, MSR_SYSENTER_ESP,
		MSR_SYSENTER_EIP,
	};

	for (size_t i = 0; i < sizeof(addresses) / sizeof(addresses[0]); i++) {
		for (size_t m = 0; m < sizeof(msrs) / sizeof(msrs[0]); m++) {
			EXPECT_EQ(canonical(self->vm, addresses[i]),
				  vcpu_set_msr(self->v, msrs[m], addresses[i]))
				TH_LOG("MSR %#x, %#lx", msrs[m], addresses[i]);
		}
	}
	EXPECT_FALSE(entry_fails(self->v));
}

TEST_F(long4, apic_base_by_both_ways)
{
	u64 top = 1ul << (guest_maxphyaddr(self->vm) - 1);
	u64 good[] = { 0, 0xfee00900, 0xfee00800, 0x100, top, top | 0x800 };
	u64 bad[] = { ~0ul, 0xfee00c00, 0xfee00801, 0xfee00a00, 1ul << 60, top << 1 };
	u64 value;

	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		TAKEN(s.apic_base = good[i]);
		EXPECT_EQ(1, vcpu_get_msr(self->v, MSR_APIC_BASE, &value));
		EXPECT_EQ(good[i], value);
		EXPECT_EQ(1, vcpu_set_msr(self->v, MSR_APIC_BASE, good[i]));
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		REFUSED(s.apic_base = bad[i]);
		EXPECT_EQ(0, vcpu_set_msr(self->v, MSR_APIC_BASE, bad[i]));
		EXPECT_EXC(guest_wrmsr(self->v, MSR_APIC_BASE, bad[i]), VEC_GP);
	}
}

TEST_F(long4, cr8_by_all_ways)
{
	REFUSED(s.cr8 = 16);
	REFUSED(s.cr8 = ~0ul);
	self->v->run->cr8 = 16;
	EXPECT_RESULT(r_.kind == OUT_ERRNO && r_.err == EINVAL, vcpu_run(self->v));
	self->v->run->cr8 = 15;
	EXPECT_DONE(guest_insn(self->v, INSN("nop")));
	TAKEN(s.cr8 = 15);
}

TEST_F(long4, efer_by_both_ways)
{
	u64 efer;

	ASSERT_EQ(1, vcpu_get_msr(self->v, MSR_EFER_, &efer));
	for (int bit = 0; bit < 64; bit++) {
		u64 bad = efer | 1ul << bit;

		if (bad == efer || bit == 0)
			continue;
		REFUSED(s.efer = bad);
		EXPECT_EQ(0, vcpu_set_msr(self->v, MSR_EFER_, bad)) TH_LOG("bit %d", bit);
	}
}

/* ---- control registers ---- */

TEST_F(long4, control_registers)
{
	REFUSED(s.cr0 |= 1ul << 32);
	REFUSED(s.cr0 |= 1ul << 63);
	REFUSED(s.cr0 |= CR0_NW);
	REFUSED(s.cr0 &= ~CR0_PE);
	REFUSED(s.cr0 &= ~CR0_PG);			/* LMA stays */
	REFUSED(s.cr0 &= ~CR0_PG; s.efer &= ~EFER_LMA);	/* CS.L stays */
	REFUSED(s.cr3 |= 1ul << guest_maxphyaddr(self->vm));
	REFUSED(s.cr3 |= 1ul << 63);
	REFUSED(s.cs.db = 1);
	for (int bit = 23; bit < 64; bit++)
		REFUSED(s.cr4 |= 1ul << bit);
	TAKEN(s.cr0 |= CR0_NW | CR0_CD);
	TAKEN(s.cr0 &= ~(CR0_NW | CR0_CD));
	EXPECT_DONE(guest_insn(self->v, INSN("nop")));
}

TEST_F(m32, control_registers)
{
	REFUSED(s.cr0 &= ~CR0_PE);
	REFUSED(s.efer |= EFER_LMA);
	REFUSED(s.efer |= EFER_LME);			/* PG without LMA */
	REFUSED(s.cs.l = 1);
	EXPECT_DONE(guest_insn(self->v, INSN32("nop")));
}

/* Bits of CR0 that no processor has are dropped, as by MOV. */
TEST_F(m32, cr0_bits_that_are_not_there)
{
	struct kvm_sregs s;

	vcpu_get_sregs(self->v, &s);
	s.cr0 |= 1ul << 28 | 1ul << 8;
	s.cr0 &= ~CR0_ET;
	ASSERT_EQ(0, try(self->v, KVM_SET_SREGS, &s));
	vcpu_get_sregs(self->v, &s);
	EXPECT_EQ(CR0_ET, s.cr0 & (CR0_ET | 1ul << 28 | 1ul << 8));
	EXPECT_DONE(guest_insn(self->v, INSN32("nop")));
}

/* ---- segments ---- */

TEST_F(long4, limits_and_granularity)
{
	struct kvm_sregs good;

	vcpu_get_sregs(self->v, &good);
	good.ldt = (struct kvm_segment){ .type = 2, .present = 1 };
	for (int i = 0; i < 8; i++) {
		struct kvm_segment *seg;

#define LIMIT(err, l, gran)						\
		do {							\
			struct kvm_sregs s = good;			\
									\
			seg = segment(&s, i);				\
			seg->limit = l;					\
			seg->g = gran;					\
			EXPECT_EQ(err, try(self->v, KVM_SET_SREGS, &s))	\
				TH_LOG("segment %d, limit %#x, G %d", i, l, gran); \
		} while (0)
		LIMIT(EINVAL, LIMIT_4G, 0);
		LIMIT(EINVAL, 0x100000u, 0);
		LIMIT(EINVAL, 0x80000000u, 0);
		LIMIT(EINVAL, 0u, 1);
		LIMIT(EINVAL, 0xffffeu, 1);
		LIMIT(EINVAL, 0xfffff000u, 1);
		LIMIT(0, 0xfffffu, 0);
		LIMIT(0, 0u, 0);
		LIMIT(0, 0xfffffu, 1);
		LIMIT(0, 0xfffu, 1);
		LIMIT(0, LIMIT_4G, 1);
#undef LIMIT
	}
}

TEST_F(long4, system_segments)
{
	for (int type = 0; type < 16; type++) {
		EXPECT_SREGS(type == 11 ? 0 : EINVAL, s.tr.type = type);
		EXPECT_SREGS(type == 2 ? 0 : EINVAL, s.ldt = s.tr; s.ldt.type = type);
		TAKEN(s.ldt.unusable = 1; s.ldt.type = type);
	}
	REFUSED(s.tr.present = 0);
	REFUSED(s.tr.unusable = 1);
	REFUSED(s.tr.s = 1);
	REFUSED(s.tr.selector |= 4);
	REFUSED(s.ldt = s.tr; s.ldt.type = 2; s.ldt.s = 1);
	REFUSED(s.ldt = s.tr; s.ldt.type = 2; s.ldt.selector = 0x34);
	EXPECT_DONE(guest_insn(self->v, INSN("nop")));
}

TEST_F(prot, system_segments)
{
	for (int type = 0; type < 16; type++)
		EXPECT_SREGS(type == 11 || type == 3 ? 0 : EINVAL, s.tr.type = type);
}

TEST_F(long4, code_and_data)
{
	REFUSED(s.cs.present = 0);
	REFUSED(s.cs.unusable = 1);
	REFUSED(s.cs.s = 0);
	REFUSED(s.cs.type = 1);
	REFUSED(s.cs.type = 7);
	REFUSED(s.cs.dpl = 3);
	REFUSED(s.cs.type = 15; s.cs.dpl = 1);
	REFUSED(s.ss.dpl = 3);
	REFUSED(s.ss.type = 1);
	REFUSED(s.ss.type = 11);
	REFUSED(s.ss.s = 0);
	REFUSED(s.ds.s = 0);
	REFUSED(s.es.type = 9);				/* code that can't be read */
	REFUSED(s.fs.type = 13);
	REFUSED(s.gs.s = 0);
	TAKEN(s.gs.s = 0; s.gs.unusable = 1);
	TAKEN(s.ds = (struct kvm_segment){ .selector = 0 });
	TAKEN(s.ss = (struct kvm_segment){ .selector = 0, .unusable = 1 });
	EXPECT_DONE(guest_insn(self->v, INSN("nop")));
}

/* Every segment alone, in all its forms. QEMU's TCG wants a good TR: that is not run. */
static void all_forms(struct __test_metadata *_metadata, struct vcpu *v, int nr)
{
	struct kvm_sregs good, s;

	vcpu_get_sregs(v, &good);
	for (int form = 0; form < 1 << 10; form++) {
		struct kvm_segment *seg = segment(&s, nr);

		s = good;
		seg->type = form & 15;
		seg->s = form >> 4 & 1;
		seg->dpl = form >> 5 & 3;
		seg->present = form >> 7 & 1;
		seg->g = form >> 8 & 1;
		seg->db = form >> 9 & 1;
		if (!try(v, KVM_SET_SREGS, &s) && nr != 6) {
			EXPECT_FALSE(entry_fails(v)) TH_LOG("segment %d, form %#x", nr, form);
		}
	}
	vcpu_set_sregs(v, &good);
	EXPECT_FALSE(entry_fails(v));
}

TEST_F(long4, all_forms_of_segments)
{
	for (int i = 0; i < 8; i++)
		all_forms(_metadata, self->v, i);
}

TEST_F(m32, all_forms_of_segments)
{
	for (int i = 0; i < 8; i++)
		all_forms(_metadata, self->v, i);
}

/* ---- what real VMMs set ---- */

TEST_F(real, state_of_real_vmms)
{
	/* QEMU's reset, the vector of firmware */
	TAKEN(s.cs = (struct kvm_segment){ .selector = 0xf000, .base = 0xffff0000, .limit = 0xffff,
					   .type = 11, .present = 1, .s = 1 };
	      s.tr = (struct kvm_segment){ .limit = 0xffff, .type = 11, .present = 1 };
	      s.ldt = (struct kvm_segment){ .limit = 0xffff, .type = 2, .present = 1 });
	/* unreal mode */
	TAKEN(s.ds.limit = LIMIT_4G; s.ds.g = 1; s.es = s.ds);
	/* KVM's own, without unrestricted guest */
	TAKEN(s.cs.type = 3; s.cs.dpl = 3; s.ss.dpl = 3; s.ds.dpl = 3);
	TAKEN(s.cs.s = 0; s.ds.s = 0; s.es.present = 0);
	TAKEN(s.cs.dpl = 0; s.ss.dpl = 0; s.cs.s = 1; s.ds.s = 1);
	TAKEN(s.apic_base = 0);
}

TEST_F(long4, state_of_real_vmms)
{
	/* Firecracker: limits not scaled */
	TAKEN(s.cs.limit = 0xfffff; s.ds.limit = 0xfffff; s.ss.limit = 0xfffff;
	      s.tr.limit = 0xfffff; s.tr.g = 1);
	TAKEN(s.tr.limit = 0x67; s.tr.g = 0);
	/* not accessed */
	TAKEN(s.cs.type = 10; s.ss.type = 2; s.ds.type = 2; s.es.type = 0);
	/* all of LDTR empty, and nowhere is it said that it is unusable */
	TAKEN(memset(&s.ldt, 0, sizeof(s.ldt)));
	/* DPL of data is not looked at */
	TAKEN(s.ds.dpl = 0; s.ds.selector = 3);
	EXPECT_DONE(guest_insn(self->v, INSN("nop")));
}

/* Real mode's segments, right after MOV to CR0 and before the far jump. */
TEST_F(real, protected_mode_just_entered)
{
	struct kvm_sregs s;

	EXPECT_DONE(guest_insn(self->v, INSN16("mov $0x7c3, %%ax; mov %%ax, %%ss; mov %%ax, %%fs;"
					       "mov %%cr0, %%eax; or $1, %%al; mov %%eax, %%cr0")));
	vcpu_get_sregs(self->v, &s);
	EXPECT_EQ(CR0_PE, s.cr0 & CR0_PE);
	EXPECT_EQ(0x7c3, s.ss.selector);
	EXPECT_EQ(0, try(self->v, KVM_SET_SREGS, &s));
	EXPECT_EQ(0, try(self->v, KVM_SET_REGS, &self->v->regs));
}

static void set_vm86_segments(struct kvm_sregs *s, u16 cs)
{
	for (int i = 0; i < 6; i++) {
		u16 selector = i ? 0 : cs;

		*segment(s, i) = (struct kvm_segment){
			.selector = selector, .base = selector * 16u, .limit = 0xffff, .type = 3,
			.present = 1, .s = 1, .dpl = 3,
		};
	}
}

/* movb $1, 0xb000 where there is no memory: an exit that needs no stack. */
static void run_vm86(struct __test_metadata *_metadata, struct vcpu *v, bool regs_first)
{
	struct kvm_regs regs = { .rip = 0, .rsp = 0x1000, .rflags = 2 | RFLAGS_VM };
	struct kvm_sregs s;

	memcpy(vm_ptr(v->vm, UCODE_GPA), "\xc6\x06\x00\xb0\x01", 5);
	pt_map(v->vm, 0xb000, 0xe0000000, PTE_USER);
	vcpu_get_sregs(v, &s);
	set_vm86_segments(&s, UCODE_GPA >> 4);
	if (regs_first) {
		EXPECT_EQ(0, try(v, KVM_SET_REGS, &regs));
	}
	EXPECT_EQ(0, try(v, KVM_SET_SREGS, &s));
	if (!regs_first) {
		EXPECT_EQ(0, try(v, KVM_SET_REGS, &regs));
	}
	EXPECT_EXIT(vcpu_run(v), KVM_EXIT_MMIO);
	EXPECT_EQ(0xe0000000, v->run->mmio.phys_addr);
}

TEST_F(m32, vm86_regs_first)
{
	run_vm86(_metadata, self->v, true);
}

TEST_F(m32, vm86_sregs_first)
{
	run_vm86(_metadata, self->v, false);
}

/* ---- rip and RFLAGS ---- */

/* Each of @self's registers is good; KVM_RUN finds out, as often as it is asked. */
#define REFUSED_AT_RUN(change)						\
	do {								\
		struct kvm_regs regs = { .rip = CODE_GPA, .rsp = STACK_TOP - 64, .rflags = 2 }; \
									\
		change;							\
		EXPECT_EQ(0, try(self->v, KVM_SET_REGS, &regs)) TH_LOG("%s", #change); \
		EXPECT_NO_RUN(vcpu_run(self->v));			\
		EXPECT_NO_RUN(vcpu_run(self->v));			\
	} while (0)

#define REGS_REFUSED(change)						\
	do {								\
		struct kvm_regs regs = { .rip = CODE_GPA, .rflags = 2 };	\
									\
		change;							\
		EXPECT_EQ(EINVAL, try(self->v, KVM_SET_REGS, &regs)) TH_LOG("%s", #change); \
	} while (0)

TEST_F(long4, rip_and_flags)
{
	ASSERT_DONE(guest_insn(self->v, INSN("nop")));
	self->v->run->immediate_exit = 1;
	vcpu_run(self->v);				/* completes the last out */
	self->v->run->immediate_exit = 0;
	REGS_REFUSED(regs.rip = 1ul << 63);
	REGS_REFUSED(regs.rip = 1ul << 60);
	REGS_REFUSED(regs.rip = 1ul << 57);
	REGS_REFUSED(regs.rip = ~(1ul << 60));
	for (int bit = 0; bit < 64; bit++)
		if (bit >= 22 || bit == 15 || bit == 5 || bit == 3)
			REGS_REFUSED(regs.rflags |= 1ul << bit);
	REFUSED_AT_RUN(regs.rflags |= RFLAGS_VM);
	self->v->run->exit_reason = KVM_EXIT_UNKNOWN;
	EXPECT_DONE(guest_insn(self->v, INSN("nop")));
}

/* Where code ends that runs up to the end of the lower half: a processor's fetch faults there. */
TEST_F(long4, rip_behind_the_lower_half)
{
	static const u64 rips[] = { 1ul << 47, 1ul << 56 };

	for (int i = 0; i < 2; i++) {
		struct kvm_regs regs = { .rip = rips[i], .rsp = STACK_TOP - 64, .rflags = 2 };
		struct result r;

		if (try(self->v, KVM_SET_REGS, &regs)) {
			EXPECT_TRUE(i == 1 && !GUEST_HAS_LA57(self->vm));
			continue;
		}
		r = vcpu_run(self->v);
		EXPECT_EXC_ERR(r, VEC_GP, 0);
		EXPECT_EQ(rips[i], r.rip);
		self->v->run->exit_reason = KVM_EXIT_UNKNOWN;
	}
	EXPECT_DONE(guest_insn(self->v, INSN("nop")));
}

TEST_F(m32, rip_and_flags)
{
	REFUSED_AT_RUN(regs.rip |= 1ul << 32);
	REFUSED_AT_RUN(regs.rip = ~0ul);
	self->v->run->exit_reason = KVM_EXIT_UNKNOWN;
	EXPECT_DONE(guest_insn(self->v, INSN32("nop")));
}

TEST_F(real, rip_and_flags)
{
	REFUSED_AT_RUN(regs.rip |= 1ul << 32);
	REFUSED_AT_RUN(regs.rflags |= RFLAGS_VM);
	EXPECT_DONE(guest_insn(self->v, INSN16("nop")));
}

TEST_HARNESS_MAIN
