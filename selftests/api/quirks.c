// SPDX-License-Identifier: GPL-2.0-only
/* What KVM_ENABLE_CAP changes in a VM: quirks, failures of the emulator, the APIC's bus, an MSR. */
#include <errno.h>
#include <string.h>
#include <sys/ioctl.h>

#include "kselftest_harness.h"
#include "paging.h"

#define MMIO_GPA		0xfe000000ul	/* in no slot */
#define MSR_PLATFORM_INFO	0xce
#define MSR_MISC_ENABLE		0x1a0
#define MISC_ENABLE_MWAIT	(1ul << 18)
#define CPUID_MWAIT		(1u << 3)
#define LVT_LINT0		0x350
#define LVT_MASKED		0x10000
#define LVT_EXTINT		0x700

FIXTURE(quirks) {
	struct vm *vm;
	struct vcpu *v;
};

FIXTURE_SETUP(quirks)
{
	self->vm = vm_create(MODE_LONG4);
	self->v = &self->vm->vcpu[0];
}

FIXTURE_TEARDOWN(quirks)
{
	vm_free(self->vm);
}

static int enable(struct vm *vm, u32 cap, u64 arg)
{
	struct kvm_enable_cap e = { .cap = cap, .args = { arg } };

	return ioctl(vm->fd, KVM_ENABLE_CAP, &e) ? errno : 0;
}

static int quirks_off(struct vm *vm, u64 which)
{
	return enable(vm, KVM_CAP_DISABLE_QUIRKS2, which);
}

TEST_F(quirks, which_there_are)
{
	u64 all = ioctl(self->vm->fd, KVM_CHECK_EXTENSION, KVM_CAP_DISABLE_QUIRKS2);

	EXPECT_EQ(KVM_X86_QUIRK_LINT0_REENABLED | KVM_X86_QUIRK_MISC_ENABLE_NO_MWAIT |
		  KVM_X86_QUIRK_FIX_HYPERCALL_INSN | KVM_X86_QUIRK_MWAIT_NEVER_UD_FAULTS, all);
	for (int bit = 0; bit < 64; bit++)
		EXPECT_EQ(all & 1ul << bit ? 0 : EINVAL, quirks_off(self->vm, 1ul << bit));
	EXPECT_EQ(0, quirks_off(self->vm, all));
	EXPECT_EQ(0, quirks_off(self->vm, 0));
}

/* One of the two calls is this processor's; the guest's code becomes that, and goes on with it. */
static const u8 calls[2][3] = { { 0x0f, 0x01, 0xc1 }, { 0x0f, 0x01, 0xd9 } };

static struct result call(struct vcpu *v, int which)
{
	v->regs.rax = 1000;	/* no such hypercall */
	return guest_insn(v, (struct blob){ calls[which], 3 });
}

static bool code_is(struct vcpu *v, int which)
{
	return !memcmp(vm_ptr(v->vm, v->user ? UCODE_GPA : CODE_GPA), calls[which], 3);
}

TEST_F(quirks, foreign_hypercall)
{
	struct vcpu *v = self->v;
	int changed = 0;

	for (int i = 0; i < 2; i++) {
		EXPECT_DONE(call(v, i));
		EXPECT_EQ(-1000ul, v->regs.rax);
		changed += !code_is(v, i);
	}
	EXPECT_EQ(1, changed);
	ASSERT_EQ(0, quirks_off(self->vm, KVM_X86_QUIRK_FIX_HYPERCALL_INSN));
	changed = 0;
	for (int i = 0; i < 2; i++) {
		struct result r = call(v, i);

		EXPECT_TRUE(code_is(v, i));
		EXPECT_TRUE(r.kind == OUT_DONE || (r.kind == OUT_EXC && r.vector == VEC_UD));
		changed += r.kind == OUT_EXC;
	}
	EXPECT_EQ(1, changed);
}

/* Where the guest can't write, its code is not changed either. */
TEST_F(quirks, foreign_hypercall_in_code_that_is_read_only)
{
	struct vcpu *v = self->v;
	u64 entry = pt_entry_gpa(self->vm, CODE_GPA, 1);
	struct result r[2];

	guest_set_cr(v, 0, guest_get_cr(v, 0) | CR0_WP);
	pt_put(self->vm, entry, pt_entry(self->vm, CODE_GPA, 1) & ~PTE_W);
	for (int i = 0; i < 2; i++) {
		EXPECT_DONE(guest_invlpg(v, CODE_GPA));
		r[i] = call(v, i);
		EXPECT_TRUE(code_is(v, i));
	}
	EXPECT_TRUE((r[0].kind == OUT_EXC && r[0].vector == VEC_UD && r[1].kind == OUT_DONE) ||
		    (r[1].kind == OUT_EXC && r[1].vector == VEC_UD && r[0].kind == OUT_DONE));
}

static u32 leaf_1_ecx(struct vcpu *v)
{
	v->regs.rax = 1;
	v->regs.rcx = 0;
	guest_insn(v, INSN("cpuid"));
	return v->regs.rcx;
}

static struct result monitor(struct vcpu *v)
{
	v->regs.rax = LOW_DATA;
	v->regs.rcx = v->regs.rdx = 0;
	return guest_insn(v, INSN("monitor"));
}

static struct result mwait(struct vcpu *v)
{
	v->regs.rax = v->regs.rcx = 0;
	return guest_insn(v, INSN("mwait"));
}

TEST_F(quirks, mwait)
{
	const u64 ud = KVM_X86_QUIRK_MWAIT_NEVER_UD_FAULTS;
	const u64 misc = KVM_X86_QUIRK_MISC_ENABLE_NO_MWAIT;
	struct vcpu *v = self->v;

	EXPECT_EQ(0, leaf_1_ecx(v) & CPUID_MWAIT);
	EXPECT_DONE(monitor(v));
	EXPECT_DONE(mwait(v));
	ASSERT_EQ(0, quirks_off(self->vm, ud));
	EXPECT_EXC(monitor(v), VEC_UD);
	EXPECT_EXC(mwait(v), VEC_UD);
	ASSERT_EQ(1, vcpu_set_msr(v, MSR_MISC_ENABLE, MISC_ENABLE_MWAIT));
	EXPECT_EQ(0, leaf_1_ecx(v) & CPUID_MWAIT);
	EXPECT_EXC(mwait(v), VEC_UD);
	ASSERT_EQ(0, quirks_off(self->vm, ud | misc));
	EXPECT_EQ(CPUID_MWAIT, leaf_1_ecx(v) & CPUID_MWAIT);
	EXPECT_DONE(monitor(v));
	EXPECT_DONE(mwait(v));
	ASSERT_EQ(1, vcpu_set_msr(v, MSR_MISC_ENABLE, 0));
	EXPECT_EQ(0, leaf_1_ecx(v) & CPUID_MWAIT);
	EXPECT_EXC(monitor(v), VEC_UD);
	EXPECT_EXC(mwait(v), VEC_UD);
	v->user = true;
	EXPECT_EXC(mwait(v), VEC_UD);
}

TEST_F(quirks, lint0_after_reset)
{
	for (int off = 0; off < 2; off++) {
		struct vm *vm = vm_create_bare();
		struct kvm_lapic_state s;
		int fd;

		ASSERT_EQ(0, ioctl(vm->fd, KVM_CREATE_IRQCHIP, 0));
		ASSERT_EQ(0, quirks_off(vm, off ? KVM_X86_QUIRK_LINT0_REENABLED : 0));
		fd = ioctl(vm->fd, KVM_CREATE_VCPU, 0);
		ASSERT_LE(0, fd);
		ASSERT_EQ(0, ioctl(fd, KVM_GET_LAPIC, &s));
		EXPECT_EQ(off ? LVT_MASKED : LVT_EXTINT, *(u32 *)&s.regs[LVT_LINT0]);
		vm_free(vm);
	}
}

TEST_F(quirks, platform_info)
{
	struct vcpu *v = self->v;
	u64 value;

	EXPECT_EQ(1, ioctl(self->vm->fd, KVM_CHECK_EXTENSION, KVM_CAP_MSR_PLATFORM_INFO));
	EXPECT_EQ(1, vcpu_set_msr(v, MSR_PLATFORM_INFO, 0xff00));
	EXPECT_EQ(0, vcpu_set_msr(v, MSR_PLATFORM_INFO, 1ul << 31));	/* CPUID does not fault */
	EXPECT_DONE(guest_rdmsr(v, MSR_PLATFORM_INFO, &value));
	EXPECT_EQ(0xff00, value);
	EXPECT_EXC(guest_wrmsr(v, MSR_PLATFORM_INFO, 0xff00), VEC_GP);
	ASSERT_EQ(0, enable(self->vm, KVM_CAP_MSR_PLATFORM_INFO, 0));
	EXPECT_EXC(guest_rdmsr(v, MSR_PLATFORM_INFO, &value), VEC_GP);
	EXPECT_EQ(1, vcpu_get_msr(v, MSR_PLATFORM_INFO, &value));
	EXPECT_EQ(0xff00, value);
	ASSERT_EQ(0, enable(self->vm, KVM_CAP_MSR_PLATFORM_INFO, 1));
	EXPECT_DONE(guest_rdmsr(v, MSR_PLATFORM_INFO, &value));
}

/* flds (%rax), which the emulator does not know */
static struct result flds(struct vcpu *v)
{
	v->regs.rax = TEST_VA;
	return guest_insn(v, INSN("flds (%%rax)"));
}

#define WITH_BYTES KVM_INTERNAL_ERROR_EMULATION_FLAG_INSTRUCTION_BYTES

static bool is_failure(struct vcpu *v, struct result r)
{
	__typeof__(v->run->emulation_failure) *f = &v->run->emulation_failure;

	return r.kind == OUT_EXIT && r.exit == KVM_EXIT_INTERNAL_ERROR &&
	       f->suberror == KVM_INTERNAL_ERROR_EMULATION && f->ndata >= 3 &&
	       f->flags == WITH_BYTES && f->insn_size >= 2 && f->insn_bytes[0] == 0xd9 &&
	       f->insn_bytes[1] == 0;
}

TEST_F(quirks, exit_on_emulation_failure)
{
	struct vcpu *v = self->v;

	pt_map(self->vm, TEST_VA, MMIO_GPA, PTE_USER);
	EXPECT_EQ(1, ioctl(self->vm->fd, KVM_CHECK_EXTENSION, KVM_CAP_EXIT_ON_EMULATION_FAILURE));
	EXPECT_EQ(EINVAL, enable(self->vm, KVM_CAP_EXIT_ON_EMULATION_FAILURE, 2));
	EXPECT_EQ(EINVAL, enable(self->vm, KVM_CAP_EXIT_ON_EMULATION_FAILURE, 1ul << 32));
	EXPECT_TRUE(is_failure(v, flds(v)));
	v->user = true;
	EXPECT_EXC(flds(v), VEC_UD);
	ASSERT_EQ(0, enable(self->vm, KVM_CAP_EXIT_ON_EMULATION_FAILURE, 1));
	EXPECT_TRUE(is_failure(v, flds(v)));
	v->regs.rip += 2;
	ASSERT_EQ(0, ioctl(v->fd, KVM_SET_REGS, &v->regs));
	EXPECT_DONE(vcpu_run(v));
	ASSERT_EQ(0, enable(self->vm, KVM_CAP_EXIT_ON_EMULATION_FAILURE, 0));
	EXPECT_EXC(flds(v), VEC_UD);
}

/* No CR4.PCIDE without long mode; each half may come first, but not run alone. */
TEST_F(quirks, pcide_before_long_mode)
{
	struct vm *vm = vm_create(MODE_32);
	struct vcpu *v = &vm->vcpu[0];
	struct kvm_sregs s;

	vcpu_get_sregs(v, &s);
	s.cr4 |= CR4_PCIDE;
	if (!GUEST_HAS_PCID(vm)) {
		EXPECT_ERRNO(EINVAL, ioctl(v->fd, KVM_SET_SREGS, &s));
	} else {
		EXPECT_EQ(0, ioctl(v->fd, KVM_SET_SREGS, &s));
		EXPECT_RESULT(r_.kind == OUT_ERRNO && r_.err == EINVAL, vcpu_run(v));
	}
	s.cr4 &= ~CR4_PCIDE;
	EXPECT_EQ(0, ioctl(v->fd, KVM_SET_SREGS, &s));
	EXPECT_DONE(guest_insn(v, INSN32("nop")));
	vm_free(vm);
}

#ifndef KVM_CAP_X86_APIC_BUS_CYCLES_NS
#define KVM_CAP_X86_APIC_BUS_CYCLES_NS 237
#endif

TEST_F(quirks, apic_bus)
{
	const u32 cap = KVM_CAP_X86_APIC_BUS_CYCLES_NS;
	struct vm *vm = vm_create_bare();

	EXPECT_EQ(1, ioctl(vm->fd, KVM_CHECK_EXTENSION, cap));
	EXPECT_EQ(ENXIO, enable(vm, cap, 40));
	ASSERT_EQ(0, ioctl(vm->fd, KVM_CREATE_IRQCHIP, 0));
	EXPECT_EQ(EINVAL, enable(vm, cap, 0));
	EXPECT_EQ(EINVAL, enable(vm, cap, 1ul << 32));
	EXPECT_EQ(EINVAL, enable(vm, cap, ~0ul));
	EXPECT_EQ(0, enable(vm, cap, 40));
	ASSERT_LE(0, ioctl(vm->fd, KVM_CREATE_VCPU, 0));
	EXPECT_EQ(EINVAL, enable(vm, cap, 40));
	vm_free(vm);
}

TEST_HARNESS_MAIN
