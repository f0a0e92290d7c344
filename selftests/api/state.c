// SPDX-License-Identifier: GPL-2.0-only
/* FPU, XSAVE, XCRs, MSRs, CPUID, debug registers, events, MP state: round trips, bad input. */
#include <sys/ioctl.h>

#include "kselftest_harness.h"
#include "modes.h"

FIXTURE_IN_MODE(state, MODE_LONG4)

TEST_F(state, fpu_round_trip)
{
	struct kvm_fpu in, out;

	ASSERT_EQ(0, ioctl(self->v->fd, KVM_GET_FPU, &in));
	EXPECT_EQ(0x37f, in.fcw);
	for (int i = 0; i < 16; i++)
		memset(in.xmm[i], i + 1, 16);
	in.fcw = 0x27f;
	in.fsw = 0x3800;
	memset(in.fpr[0], 0x3f, 10);
	in.ftwx = 1;
	ASSERT_EQ(0, ioctl(self->v->fd, KVM_SET_FPU, &in));
	ASSERT_EQ(0, ioctl(self->v->fd, KVM_GET_FPU, &out));
	EXPECT_EQ(0, memcmp(in.xmm, out.xmm, sizeof(in.xmm)));
	EXPECT_EQ(in.fcw, out.fcw);
	EXPECT_EQ(in.fsw, out.fsw);
	EXPECT_EQ(in.ftwx, out.ftwx);
	EXPECT_EQ(0, memcmp(in.fpr[0], out.fpr[0], 10));
}

/* KVM up to 6.12 forgets MXCSR, and all of it when the guest's XSTATE_BV is empty. */
TEST_F(state, fpu_seen_by_the_guest)
{
	struct kvm_fpu in, out;

	ASSERT_EQ(0, ioctl(self->v->fd, KVM_GET_FPU, &in));
	EXPECT_EQ(0x1f80, in.mxcsr);
	in.mxcsr = 0x1fa0;
	in.fcw = 0x27f;
	memset(in.xmm[7], 8, 16);
	ASSERT_EQ(0, ioctl(self->v->fd, KVM_SET_FPU, &in));
	ASSERT_EQ(0, ioctl(self->v->fd, KVM_GET_FPU, &out));
	EXPECT_EQ(in.mxcsr, out.mxcsr);
	self->v->regs.rbx = LOW_DATA;
	EXPECT_DONE(guest_insn(self->v, INSN("movups %%xmm7, (%%rbx); fnstcw 16(%%rbx);"
					     "stmxcsr 20(%%rbx)")));
	EXPECT_EQ(0x0808080808080808, vm_read(self->vm, LOW_DATA, 8));
	EXPECT_EQ(0x27f, vm_read(self->vm, LOW_DATA + 16, 2));
	EXPECT_EQ(0x1fa0, vm_read(self->vm, LOW_DATA + 20, 4));
}

/* MXCSR with reserved bits would make the host's own FXRSTOR fault. */
TEST_F(state, fpu_bad_mxcsr)
{
	struct kvm_fpu fpu;

	ASSERT_EQ(0, ioctl(self->v->fd, KVM_GET_FPU, &fpu));
	fpu.mxcsr = 0xffffffff;
	ioctl(self->v->fd, KVM_SET_FPU, &fpu);
	EXPECT_DONE(guest_read(self->v, LOW_DATA, 4, NULL));
}

TEST_F(state, xsave_round_trip)
{
	struct kvm_xsave in, out;
	u32 *region = in.region;

	ASSERT_EQ(0, ioctl(self->v->fd, KVM_GET_XSAVE, &in));
	EXPECT_EQ(0x1f80, region[6]);
	/* xmm3 is at byte 160 + 3 * 16; XSTATE_BV at 512 */
	memset(&region[(160 + 48) / 4], 0x5c, 16);
	region[512 / 4] |= 3;
	ASSERT_EQ(0, ioctl(self->v->fd, KVM_SET_XSAVE, &in));
	ASSERT_EQ(0, ioctl(self->v->fd, KVM_GET_XSAVE, &out));
	EXPECT_EQ(0, memcmp((u8 *)&in + 160, (u8 *)&out + 160, 256));
	self->v->regs.rbx = LOW_DATA;
	EXPECT_DONE(guest_insn(self->v, INSN("movups %%xmm3, (%%rbx)")));
	EXPECT_EQ(0x5c5c5c5c5c5c5c5c, vm_read(self->vm, LOW_DATA + 8, 8));
}

TEST_F(state, xsave_bad_input)
{
	struct kvm_xsave good, bad;

	ASSERT_EQ(0, ioctl(self->v->fd, KVM_GET_XSAVE, &good));
	bad = good;
	bad.region[512 / 4 + 1] = 0x80000000;		/* a component that is not there */
	EXPECT_ERRNO(EINVAL, ioctl(self->v->fd, KVM_SET_XSAVE, &bad));
	bad = good;
	bad.region[512 / 4] |= 3;
	bad.region[6] = 0xffff0000;			/* mxcsr */
	EXPECT_ERRNO(EINVAL, ioctl(self->v->fd, KVM_SET_XSAVE, &bad));
	EXPECT_EQ(0, ioctl(self->v->fd, KVM_SET_XSAVE, &good));
	EXPECT_DONE(guest_read(self->v, LOW_DATA, 4, NULL));
}

TEST_F(state, xcrs)
{
	struct kvm_xcrs x = { 0 };

	if (!GUEST_HAS_XSAVE(self->vm))
		SKIP(return, "no XSAVE");
	ASSERT_EQ(0, ioctl(self->v->fd, KVM_GET_XCRS, &x));
	EXPECT_EQ(1u, x.nr_xcrs);
	EXPECT_EQ(1, x.xcrs[0].value);
	x.xcrs[0].value = 3;
	EXPECT_EQ(0, ioctl(self->v->fd, KVM_SET_XCRS, &x));
	ASSERT_EQ(0, ioctl(self->v->fd, KVM_GET_XCRS, &x));
	EXPECT_EQ(3, x.xcrs[0].value);
	x.xcrs[0].value = 2;				/* SSE without x87 */
	EXPECT_ERRNO(EINVAL, ioctl(self->v->fd, KVM_SET_XCRS, &x));
	x.xcrs[0].value = 5;				/* AVX without SSE */
	EXPECT_ERRNO(EINVAL, ioctl(self->v->fd, KVM_SET_XCRS, &x));
	x.xcrs[0].value = 1ull << 62 | 1;
	EXPECT_ERRNO(EINVAL, ioctl(self->v->fd, KVM_SET_XCRS, &x));
	x.nr_xcrs = KVM_MAX_XCRS + 1;
	EXPECT_ERRNO(EINVAL, ioctl(self->v->fd, KVM_SET_XCRS, &x));
}

TEST_F(state, msr_round_trips)
{
	static const struct { u32 index; u64 value; } msrs[] = {
		{ MSR_STAR, 0x0023001000000000 }, { MSR_LSTAR, 0xffffffff81000000 },
		{ MSR_CSTAR, 0xffffffff82000000 }, { MSR_SFMASK, 0x47700 },
		{ MSR_KERNEL_GS, 0xffff888000001000 }, { MSR_FS_BASE, 0x7f0000000000 },
		{ MSR_GS_BASE, 0xffff888000002000 }, { MSR_SYSENTER_CS, 0x10 },
		{ MSR_SYSENTER_ESP, 0xc0003000 }, { MSR_SYSENTER_EIP, 0xc3000000 },
		{ MSR_PAT, 0x0007040600070406 },
	};
	u64 value;

	for (size_t i = 0; i < sizeof(msrs) / sizeof(msrs[0]); i++) {
		EXPECT_EQ(1, vcpu_set_msr(self->v, msrs[i].index, msrs[i].value))
			TH_LOG("MSR %#x", msrs[i].index);
		EXPECT_EQ(1, vcpu_get_msr(self->v, msrs[i].index, &value));
		EXPECT_EQ(msrs[i].value, value) TH_LOG("MSR %#x", msrs[i].index);
		EXPECT_DONE(guest_rdmsr(self->v, msrs[i].index, &value));
		EXPECT_EQ(msrs[i].value, value) TH_LOG("MSR %#x in the guest", msrs[i].index);
	}
}

TEST_F(state, msr_lists)
{
	struct {
		struct kvm_msrs head;
		struct kvm_msr_entry entry[4];
	} m = {
		.head.nmsrs = 3,
		.entry = { { .index = MSR_STAR, .data = 1ul << 40 }, { .index = 0x4b560000 },
			   { .index = MSR_LSTAR, .data = 7 } },
	};
	u64 value;

	/* stops at the first that it does not know, and says how many were done */
	EXPECT_EQ(1, ioctl(self->v->fd, KVM_SET_MSRS, &m));
	EXPECT_EQ(1, vcpu_get_msr(self->v, MSR_LSTAR, &value));
	EXPECT_EQ(0, value);
	EXPECT_EQ(1, ioctl(self->v->fd, KVM_GET_MSRS, &m));
	EXPECT_EQ(1ul << 40, m.entry[0].data);
	m.head.nmsrs = 0;
	EXPECT_EQ(0, ioctl(self->v->fd, KVM_SET_MSRS, &m));
	m.head.nmsrs = 0xffffffff;
	EXPECT_ERRNO(E2BIG, ioctl(self->v->fd, KVM_SET_MSRS, &m));
	EXPECT_ERRNO(E2BIG, ioctl(self->v->fd, KVM_GET_MSRS, &m));
}

TEST_F(state, msr_bad_values)
{
	u64 efer;

	EXPECT_EQ(0, vcpu_set_msr(self->v, MSR_PAT, 0x0202020202020202));
	EXPECT_EQ(0, vcpu_set_msr(self->v, MSR_PAT, 0xff));
	ASSERT_EQ(1, vcpu_get_msr(self->v, MSR_EFER_, &efer));
	EXPECT_EQ(0, vcpu_set_msr(self->v, MSR_EFER_, efer | 1ul << 40));
	EXPECT_DONE(guest_read(self->v, LOW_DATA, 4, NULL));
}

TEST_F(state, cpuid)
{
	struct kvm_cpuid2 *in = vm_supported_cpuid(self->vm->dev), *out;
	u32 n = in->nent;

	out = calloc(1, sizeof(*out) + (n + 8) * sizeof(out->entries[0]));
	out->nent = n + 8;
	EXPECT_EQ(0, ioctl(self->v->fd, KVM_GET_CPUID2, out));
	EXPECT_TRUE(out->nent == n || out->nent == n + 8);
	EXPECT_EQ(in->entries[n - 1].function, out->entries[n - 1].function);
	out->nent = n - 1;
	EXPECT_ERRNO(E2BIG, ioctl(self->v->fd, KVM_GET_CPUID2, out));
	EXPECT_EQ(n - 1, out->nent);
	in->nent = 100000;
	EXPECT_ERRNO(E2BIG, ioctl(self->v->fd, KVM_SET_CPUID2, in));
	in->nent = n;
	/* guest_insn's cpuid must show what was set before the first run */
	for (u32 i = 0; i < n; i++) {
		if (in->entries[i].function == 0)
			in->entries[i].ebx = 0x61626364;
		if (in->entries[i].function == 0x80000008)
			in->entries[i].ecx = 0x1234;
	}
	EXPECT_EQ(0, ioctl(self->v->fd, KVM_SET_CPUID2, in));
	self->v->regs.rax = 0;
	EXPECT_DONE(guest_insn(self->v, INSN("cpuid")));
	EXPECT_EQ(0x61626364, self->v->regs.rbx);
	EXPECT_GE(self->v->regs.rax, 1);
	self->v->regs.rax = 0x80000008;
	EXPECT_DONE(guest_insn(self->v, INSN("cpuid")));
	EXPECT_EQ(0x1234, self->v->regs.rcx);
	/* ... and is then as it is */
	EXPECT_EQ(0, ioctl(self->v->fd, KVM_SET_CPUID2, in));
	in->entries[n - 1].edx ^= 1;
	EXPECT_ERRNO(EINVAL, ioctl(self->v->fd, KVM_SET_CPUID2, in));
	in->nent = n - 1;
	EXPECT_ERRNO(EINVAL, ioctl(self->v->fd, KVM_SET_CPUID2, in));
	free(in);
	free(out);
}

/* A MAXPHYADDR or a linear address width that no processor has. */
TEST_F(state, cpuid_impossible_addresses)
{
	struct kvm_cpuid2 *in = vm_supported_cpuid(self->vm->dev);
	int fd = ioctl(self->vm->fd, KVM_CREATE_VCPU, 1);

	for (u32 i = 0; i < in->nent; i++) {
		if (in->entries[i].function == 0x80000008)
			in->entries[i].eax = (in->entries[i].eax & 0xff) | 99 << 8;
	}
	EXPECT_ERRNO(EINVAL, ioctl(fd, KVM_SET_CPUID2, in));
	in->nent = 0;
	EXPECT_EQ(0, ioctl(fd, KVM_SET_CPUID2, in));
	close(fd);
	free(in);
}

TEST_F(state, debug_registers)
{
	struct kvm_debugregs in = {
		.db = { 0x1000, 0x2000, 0x3000, 0x4000 }, .dr6 = 0xffff0ff0, .dr7 = 0x400,
	}, out;

	ASSERT_EQ(0, ioctl(self->v->fd, KVM_SET_DEBUGREGS, &in));
	memset(&out, 0xff, sizeof(out));
	ASSERT_EQ(0, ioctl(self->v->fd, KVM_GET_DEBUGREGS, &out));
	EXPECT_EQ(0, memcmp(&in, &out, sizeof(in)));
	EXPECT_DONE(guest_insn(self->v, INSN("mov %%db2, %%rax")));
	EXPECT_EQ(0x3000, self->v->regs.rax);
	EXPECT_DONE(guest_insn(self->v, INSN("mov $0x5000, %%eax; mov %%rax, %%db1")));
	ASSERT_EQ(0, ioctl(self->v->fd, KVM_GET_DEBUGREGS, &out));
	EXPECT_EQ(0x5000, out.db[1]);
	in.dr7 = 1ul << 40;
	EXPECT_ERRNO(EINVAL, ioctl(self->v->fd, KVM_SET_DEBUGREGS, &in));
	in.dr7 = 0x400;
	in.dr6 = 1ul << 40;
	EXPECT_ERRNO(EINVAL, ioctl(self->v->fd, KVM_SET_DEBUGREGS, &in));
	in.dr6 = 0xffff0ff0;
	in.flags = 1;
	EXPECT_ERRNO(EINVAL, ioctl(self->v->fd, KVM_SET_DEBUGREGS, &in));
}

TEST_F(state, vcpu_events_round_trip)
{
	struct kvm_vcpu_events e, out;

	ASSERT_EQ(0, ioctl(self->v->fd, KVM_GET_VCPU_EVENTS, &e));
	EXPECT_EQ(0, e.exception.injected);
	EXPECT_EQ(0, e.interrupt.injected);
	EXPECT_EQ(0, e.nmi.pending);
	e.flags = KVM_VCPUEVENT_VALID_NMI_PENDING;
	e.nmi.masked = 1;
	e.nmi.pending = 1;
	ASSERT_EQ(0, ioctl(self->v->fd, KVM_SET_VCPU_EVENTS, &e));
	ASSERT_EQ(0, ioctl(self->v->fd, KVM_GET_VCPU_EVENTS, &out));
	EXPECT_EQ(1, out.nmi.masked);
	EXPECT_EQ(1, out.nmi.pending);
	e.nmi.masked = e.nmi.pending = 0;
	ASSERT_EQ(0, ioctl(self->v->fd, KVM_SET_VCPU_EVENTS, &e));
	e.flags = 0x80000000;
	EXPECT_ERRNO(EINVAL, ioctl(self->v->fd, KVM_SET_VCPU_EVENTS, &e));
	e.flags = 0;
	e.exception.injected = 1;
	e.exception.nr = 2;				/* NMI is not an exception */
	EXPECT_ERRNO(EINVAL, ioctl(self->v->fd, KVM_SET_VCPU_EVENTS, &e));
	e.exception.nr = 32;
	EXPECT_ERRNO(EINVAL, ioctl(self->v->fd, KVM_SET_VCPU_EVENTS, &e));
}

/* User space has the guest take an exception. */
TEST_F(state, vcpu_events_inject)
{
	struct kvm_vcpu_events e;
	static const struct { u8 nr, has_error; u32 error; } list[] = {
		{ VEC_UD, 0, 0 }, { VEC_GP, 1, 0x18 }, { VEC_DE, 0, 0 }, { VEC_NP, 1, 0x28 },
		{ VEC_AC, 1, 0 },
	};

	for (size_t i = 0; i < sizeof(list) / sizeof(list[0]); i++) {
		ASSERT_DONE(guest_read(self->v, LOW_DATA, 4, NULL));
		ASSERT_DONE(guest_insn(self->v, INSN("nop")));
		ASSERT_EQ(0, ioctl(self->v->fd, KVM_GET_VCPU_EVENTS, &e));
		e.exception.injected = 1;
		e.exception.nr = list[i].nr;
		e.exception.has_error_code = list[i].has_error;
		e.exception.error_code = list[i].error;
		ASSERT_EQ(0, ioctl(self->v->fd, KVM_SET_VCPU_EVENTS, &e));
		EXPECT_EXC_ERR(vcpu_run(self->v), list[i].nr, list[i].error);
	}
}

TEST_F(state, mp_state)
{
	struct kvm_mp_state mp = { .mp_state = 0x55 };

	ASSERT_EQ(0, ioctl(self->v->fd, KVM_GET_MP_STATE, &mp));
	EXPECT_EQ(KVM_MP_STATE_RUNNABLE, mp.mp_state);
	EXPECT_EQ(0, ioctl(self->v->fd, KVM_SET_MP_STATE, &mp));
	mp.mp_state = 0x55;
	EXPECT_ERRNO(EINVAL, ioctl(self->v->fd, KVM_SET_MP_STATE, &mp));
	EXPECT_DONE(guest_read(self->v, LOW_DATA, 4, NULL));
}

TEST_HARNESS_MAIN
