// SPDX-License-Identifier: GPL-2.0-only
/* KVM_SET_GUEST_DEBUG: breakpoints in memory and in debug registers, single steps, injection. */
#include <errno.h>
#include <string.h>
#include <sys/ioctl.h>

#include "kselftest_harness.h"
#include "modes.h"

#define ENABLE		KVM_GUESTDBG_ENABLE
#define STEP		(ENABLE | KVM_GUESTDBG_SINGLESTEP)
#define HW		(ENABLE | KVM_GUESTDBG_USE_HW_BP)
#define SW		(ENABLE | KVM_GUESTDBG_USE_SW_BP)
#define DR6_STEP	(1u << 14)
#define ALL_BITS	0x1f0003u
#define INJECT		(KVM_GUESTDBG_INJECT_DB | KVM_GUESTDBG_INJECT_BP)

FIXTURE(debug) { struct vm *vm; struct vcpu *v; };
FIXTURE_VARIANT(debug) { enum guest_mode mode; };
FIXTURE_VARIANT_ADD(debug, real) { .mode = MODE_REAL };
FIXTURE_VARIANT_ADD(debug, pae) { .mode = MODE_PAE };
FIXTURE_VARIANT_ADD(debug, level4) { .mode = MODE_LONG4 };

FIXTURE_SETUP(debug)
{
	self->vm = vm_create(variant->mode);
	self->v = &self->vm->vcpu[0];
	vcpu_settle(self->v);
}

#define NEEDS_BREAKPOINTS()						\
	do {								\
		if (!on_bochs())					\
			SKIP(return, "QEMU's VMRUN arms no breakpoints"); \
	} while (0)

FIXTURE_TEARDOWN(debug)
{
	vm_free(self->vm);
}

static int set(struct vcpu *v, u32 control, u64 dr0, u64 dr7)
{
	struct kvm_guest_debug d = { .control = control, .arch.debugreg = { dr0, [7] = dr7 } };

	return ioctl(v->fd, KVM_SET_GUEST_DEBUG, &d) ? errno : 0;
}

#define EXPECT_DEBUG(r, vector, where)					\
	do {								\
		EXPECT_EXIT(r, KVM_EXIT_DEBUG);				\
		EXPECT_EQ(vector, self->v->run->debug.arch.exception);	\
		EXPECT_EQ(where, self->v->run->debug.arch.pc);		\
		EXPECT_EQ(where, self->v->regs.rip);			\
	} while (0)

TEST_F(debug, hostile_arguments)
{
	struct vcpu *v = self->v;

	EXPECT_EQ(ALL_BITS, ioctl(self->vm->dev, KVM_CHECK_EXTENSION, KVM_CAP_SET_GUEST_DEBUG2));
	EXPECT_TRUE(vm_has_cap(self->vm, KVM_CAP_SET_GUEST_DEBUG));
	EXPECT_TRUE(vm_has_cap(self->vm, KVM_CAP_X86_ROBUST_SINGLESTEP));
	EXPECT_ERRNO(EFAULT, ioctl(v->fd, KVM_SET_GUEST_DEBUG, (void *)8));
	for (int bit = 0; bit < 32; bit++) {
		int err;

		if (INJECT >> bit & 1)
			continue;
		err = set(v, ENABLE | 1u << bit, 0, 0);
		EXPECT_EQ(ALL_BITS >> bit & 1 ? 0 : EINVAL, err) TH_LOG("bit %d", bit);
		set(v, 0, 0, 0);
	}
	EXPECT_EQ(0, set(v, HW, ~0ul, ~0ul));
	EXPECT_EQ(0, set(v, HW, 0x0800000000000000, ~0ul));
	EXPECT_EQ(0, set(v, 0, ~0ul, ~0ul));
	EXPECT_DONE(guest_insn(v, INSN("nop")));
}

/* The guest's own INT3 is the guest's as long as nobody debugs it. */
TEST_F(debug, int3)
{
	struct vcpu *v = self->v;

	EXPECT_EXC(guest_insn(v, INSN("nop; int3")), VEC_BP);
	EXPECT_EQ(0, set(v, SW, 0, 0));
	EXPECT_DEBUG(guest_insn(v, INSN("nop; int3")), VEC_BP, CODE_GPA + 1);
	/* again, and again the same; then the instruction that is in its place */
	EXPECT_DEBUG(vcpu_run(v), VEC_BP, CODE_GPA + 1);
	*(u8 *)vm_ptr(self->vm, CODE_GPA + 1) = 0x90;
	EXPECT_DONE(vcpu_run(v));
	EXPECT_EQ(0, set(v, 0, 0, 0));
	EXPECT_EXC(guest_insn(v, INSN("nop; int3")), VEC_BP);
}

/* INT n is no breakpoint. */
TEST_F(debug, int_n_is_delivered)
{
	EXPECT_EQ(0, set(self->v, SW, 0, 0));
	EXPECT_EXC(guest_insn(self->v, INSN("int $0x0b")), VEC_NP);
}

/* It was not the debugger's: the guest gets it, and it ends behind the INT3. */
TEST_F(debug, int3_handed_on)
{
	struct vcpu *v = self->v;
	struct result r;

	EXPECT_EQ(0, set(v, SW, 0, 0));
	EXPECT_DEBUG(guest_insn(v, INSN("nop; int3")), VEC_BP, CODE_GPA + 1);
	EXPECT_EQ(0, set(v, SW | KVM_GUESTDBG_INJECT_BP, 0, 0));
	r = vcpu_run(v);
	EXPECT_EXC(r, VEC_BP);
	EXPECT_EQ(CODE_GPA + 2, r.rip);
}

TEST_F(debug, int3_handed_on_as_an_event)
{
	struct kvm_vcpu_events e;
	struct vcpu *v = self->v;
	struct result r;

	EXPECT_EQ(0, set(v, SW, 0, 0));
	EXPECT_DEBUG(guest_insn(v, INSN("nop; int3")), VEC_BP, CODE_GPA + 1);
	ASSERT_EQ(0, ioctl(v->fd, KVM_GET_VCPU_EVENTS, &e));
	e.exception.injected = 1;
	e.exception.nr = VEC_BP;
	ASSERT_EQ(0, ioctl(v->fd, KVM_SET_VCPU_EVENTS, &e));
	r = vcpu_run(v);
	EXPECT_EXC(r, VEC_BP);
	EXPECT_EQ(CODE_GPA + 2, r.rip);
}

TEST_F(debug, db_injected)
{
	struct vcpu *v = self->v;

	EXPECT_DONE(guest_insn(v, INSN("nop")));
	vcpu_settle(v);
	EXPECT_EQ(0, set(v, HW | KVM_GUESTDBG_INJECT_DB, 0, 0));
	EXPECT_EQ(EBUSY, set(v, HW | KVM_GUESTDBG_INJECT_BP, 0, 0));
	EXPECT_EXC(vcpu_run(v), VEC_DB);
}

TEST_F(debug, breakpoint_on_code)
{
	struct vcpu *v = self->v;

	NEEDS_BREAKPOINTS();
	EXPECT_EQ(0, set(v, HW, CODE_GPA + 1, 0x2));
	EXPECT_DEBUG(guest_insn(v, INSN("nop; nop; nop")), VEC_DB, CODE_GPA + 1);
	EXPECT_EQ(1, v->run->debug.arch.dr6 & 0xf);
	EXPECT_EQ(0x2, v->run->debug.arch.dr7 & 0xff);
	EXPECT_EQ(0, set(v, 0, 0, 0));
	EXPECT_DONE(vcpu_run(v));
}

TEST_F(debug, breakpoint_on_data)
{
	struct kvm_debugregs regs;
	struct vcpu *v = self->v;

	NEEDS_BREAKPOINTS();
	EXPECT_EQ(0, set(v, HW, CODE_GPA + 0x100, 0xd0002));
	v->regs.rbx = CODE_GPA + 0x100;
	EXPECT_DEBUG(guest_insn(v, variant->mode == MODE_LONG4 ? INSN("movb $1, (%%rbx); nop") :
				   variant->mode == MODE_PAE ? INSN32("movb $1, (%%ebx); nop") :
				   INSN16("movb $1, (%%bx); nop")),
		     VEC_DB, CODE_GPA + 3);
	EXPECT_EQ(1, v->run->debug.arch.dr6 & 0xf);
	/* the guest's own registers are what they were */
	ASSERT_EQ(0, ioctl(v->fd, KVM_GET_DEBUGREGS, &regs));
	EXPECT_EQ(0, regs.db[0]);
	EXPECT_EQ(0x400, regs.dr7);
	EXPECT_EQ(0, regs.dr6 & 0xf);
	EXPECT_DONE(vcpu_run(v));
}

/* The processor's instructions, and those that exit and are executed in software. */
TEST_F(debug, single_steps)
{
	static const u64 end[] = { 1, 3, 5, 6 };
	struct vcpu *v = self->v;
	struct kvm_regs regs;

	EXPECT_EQ(0, set(v, STEP, 0, 0));
	EXPECT_DEBUG(guest_insn(v, INSN("nop; cpuid; .byte 0x31, 0xc0; nop; nop")), VEC_DB,
		     CODE_GPA + end[0]);
	EXPECT_EQ(DR6_STEP, v->run->debug.arch.dr6 & (DR6_STEP | 0xf));
	for (int i = 1; i < 4; i++)
		EXPECT_DEBUG(vcpu_run(v), VEC_DB, CODE_GPA + end[i]);
	ASSERT_EQ(0, ioctl(v->fd, KVM_GET_REGS, &regs));
	EXPECT_EQ(0, regs.rflags & RFLAGS_TF);
	EXPECT_EQ(0, set(v, 0, 0, 0));
	EXPECT_DONE(vcpu_run(v));
}

/* The step ends when user space has made the access. */
TEST_F(debug, single_step_over_io)
{
	struct vcpu *v = self->v;

	EXPECT_EQ(0, set(v, STEP, 0, 0));
	EXPECT_EXIT(guest_insn(v, INSN("in $0x70, %%al; nop")), KVM_EXIT_IO);
	EXPECT_DEBUG(vcpu_run(v), VEC_DB, CODE_GPA + 2);
	EXPECT_DEBUG(vcpu_run(v), VEC_DB, CODE_GPA + 3);
}

/* STI's shadow does not stop the step behind it. */
TEST_F(debug, single_steps_in_an_interrupt_shadow)
{
	struct vcpu *v = self->v;

	EXPECT_EQ(0, set(v, STEP, 0, 0));
	EXPECT_EXIT(guest_insn(v, INSN("sti; nop; nop; cli; nop")), KVM_EXIT_DEBUG);
	/* QEMU puts a trap behind STI off, as behind MOV SS */
	EXPECT_EQ(CODE_GPA + (on_bochs() ? 1 : 2), v->regs.rip);
	for (u64 rip = v->regs.rip + 1; rip <= CODE_GPA + 5; rip++)
		EXPECT_DEBUG(vcpu_run(v), VEC_DB, rip);
}

/* HLT ends, too; and the step is told of by the next KVM_RUN at the latest. */
TEST_F(debug, single_step_over_hlt)
{
	struct vcpu *v = self->v;

	EXPECT_EQ(0, set(v, STEP, 0, 0));
	EXPECT_DEBUG(guest_insn(v, INSN("hlt; nop")), VEC_DB, CODE_GPA + 1);
}

/* With interrupts blocked it is the next instruction that is stepped, not a handler. */
TEST_F(debug, single_step_while_an_interrupt_waits)
{
	struct kvm_interrupt irq = { .irq = 0x20 };
	struct vcpu *v = self->v;

	EXPECT_EQ(0, set(v, STEP | KVM_GUESTDBG_BLOCKIRQ, 0, 0));
	v->flags = RFLAGS_IF;
	ASSERT_EQ(0, ioctl(v->fd, KVM_INTERRUPT, &irq));
	ASSERT_EQ(0, ioctl(v->fd, KVM_NMI));
	EXPECT_DEBUG(guest_insn(v, INSN("nop; nop; nop")), VEC_DB, CODE_GPA + 1);
	EXPECT_DEBUG(vcpu_run(v), VEC_DB, CODE_GPA + 2);
	EXPECT_EQ(0, set(v, ENABLE | KVM_GUESTDBG_BLOCKIRQ, 0, 0));
	EXPECT_DONE(vcpu_run(v));
}

/* What the guest traces itself goes on where the debugger leaves off. */
TEST_F(debug, the_guests_own_step_stays)
{
	struct vcpu *v = self->v;
	struct kvm_regs regs;

	EXPECT_EQ(0, set(v, STEP, 0, 0));
	v->flags = RFLAGS_TF;
	EXPECT_DEBUG(guest_insn(v, INSN("nop; nop")), VEC_DB, CODE_GPA + 1);
	ASSERT_EQ(0, ioctl(v->fd, KVM_GET_REGS, &regs));
	EXPECT_EQ(RFLAGS_TF, regs.rflags & RFLAGS_TF);
	EXPECT_EQ(0, set(v, 0, 0, 0));
	EXPECT_EXC(vcpu_run(v), VEC_DB);
}

TEST_HARNESS_MAIN
