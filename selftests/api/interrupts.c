// SPDX-License-Identifier: GPL-2.0-only
/* Interrupts and NMIs from user space: windows, shadows, what is lost and what is not. */
#include <sys/ioctl.h>

#include "kselftest_harness.h"
#include "modes.h"

#define VECTOR 0x51

FIXTURE_IN_MODE(interrupts, MODE_LONG4)

static int inject(struct vcpu *v, u32 vector)
{
	struct kvm_interrupt irq = { .irq = vector };

	return ioctl(v->fd, KVM_INTERRUPT, &irq) ? errno : 0;
}

TEST_F(interrupts, bad_vectors)
{
	EXPECT_EQ(EINVAL, inject(self->v, 256));
	EXPECT_EQ(EINVAL, inject(self->v, ~0u));
	EXPECT_DONE(guest_read(self->v, LOW_DATA, 4, NULL));
}

TEST_F(interrupts, delivered_when_enabled)
{
	struct vcpu *v = self->v;

	v->flags = RFLAGS_IF;
	EXPECT_DONE(guest_insn(v, INSN("nop")));
	EXPECT_EQ(1, v->run->if_flag);
	EXPECT_EQ(1, v->run->ready_for_interrupt_injection);
	v->run->exit_reason = KVM_EXIT_UNKNOWN;
	v->run->immediate_exit = 1;
	vcpu_run(v);				/* completes the last out */
	v->run->immediate_exit = 0;
	EXPECT_EQ(0, inject(v, VECTOR));
	EXPECT_EXC(guest_insn(v, INSN("nop; nop")), VECTOR);
	EXPECT_EQ(0, v->run->if_flag);		/* an interrupt gate clears it */
}

/* With IF clear the window opens at sti, one instruction later. */
TEST_F(interrupts, window)
{
	struct vcpu *v = self->v;

	/*
	 * QEMU's VMRUN does not load the interrupt shadow: a host interrupt right after STI
	 * ends it there. That takes a coincidence, not two in a row.
	 */
	for (int tries = 0; tries < 2 && v->regs.rip != CODE_GPA + 3; tries++) {
		v->run->request_interrupt_window = 1;
		EXPECT_EXIT(guest_insn(v, INSN("nop; sti; nop; .byte 0xeb, 0xfe")),
			    KVM_EXIT_IRQ_WINDOW_OPEN);
	}
	EXPECT_EQ(CODE_GPA + 3, v->regs.rip);
	EXPECT_EQ(1, v->run->ready_for_interrupt_injection);
	EXPECT_EQ(1, v->run->if_flag);
	v->run->request_interrupt_window = 0;
	EXPECT_EQ(0, inject(v, VECTOR));
	EXPECT_EXC(vcpu_run(v), VECTOR);
}

TEST_F(interrupts, window_that_is_open_already)
{
	struct vcpu *v = self->v;

	v->flags = RFLAGS_IF;
	v->run->request_interrupt_window = 1;
	EXPECT_EXIT(guest_insn(v, INSN("1: jmp 1b")), KVM_EXIT_IRQ_WINDOW_OPEN);
	v->run->request_interrupt_window = 0;
	EXPECT_EQ(0, inject(v, VECTOR));
	EXPECT_EXC(vcpu_run(v), VECTOR);
	v->flags = 0;
}

TEST_F(interrupts, not_ready_with_interrupts_off)
{
	struct vcpu *v = self->v;

	EXPECT_DONE(guest_insn(v, INSN("cli")));
	EXPECT_EQ(0, v->run->if_flag);
	EXPECT_EQ(0, v->run->ready_for_interrupt_injection);
}

/* sti; hlt: the classic idle loop wakes up on the interrupt, behind the hlt. */
TEST_F(interrupts, sti_hlt)
{
	struct vcpu *v = self->v;
	struct result r;

	EXPECT_EXIT(guest_insn(v, INSN("sti; hlt; nop")), KVM_EXIT_HLT);
	EXPECT_EQ(CODE_GPA + 2, v->regs.rip);
	EXPECT_EQ(1, v->run->if_flag);
	EXPECT_EQ(0, inject(v, VECTOR));
	r = vcpu_run(v);
	EXPECT_EXC(r, VECTOR);
	EXPECT_EQ(CODE_GPA + 2, r.rip);
}

/* Saved between sti and hlt: also then the interrupt that waits comes behind the hlt. */
TEST_F(interrupts, hlt_in_the_shadow_of_sti)
{
	struct vcpu *v = self->v;
	struct kvm_vcpu_events e;
	struct result r;

	EXPECT_EXIT(guest_insn(v, INSN("hlt; nop")), KVM_EXIT_HLT);
	v->regs.rip = CODE_GPA;
	v->regs.rflags |= RFLAGS_IF;
	ASSERT_EQ(0, ioctl(v->fd, KVM_SET_REGS, &v->regs));
	e = vcpu_get_events(v);
	e.flags |= KVM_VCPUEVENT_VALID_SHADOW;
	e.interrupt.shadow = KVM_X86_SHADOW_INT_STI;
	ASSERT_EQ(0, vcpu_set_events(v, e));
	EXPECT_EQ(0, inject(v, VECTOR));
	EXPECT_EXIT(vcpu_run(v), KVM_EXIT_HLT);
	EXPECT_EQ(CODE_GPA + 1, v->regs.rip);
	r = vcpu_run(v);
	EXPECT_EXC(r, VECTOR);
	EXPECT_EQ(CODE_GPA + 1, r.rip);
}

TEST_F(interrupts, nmi)
{
	struct vcpu *v = self->v;

	ASSERT_DONE(guest_insn(v, INSN("nop")));
	EXPECT_EQ(0, ioctl(v->fd, KVM_NMI, 0));
	EXPECT_EXC(guest_insn(v, INSN("nop; nop")), 2);
}

/* Who saves the state sees an NMI that the vCPU has not, and may take it back. */
TEST_F(interrupts, nmi_seen_by_user_space)
{
	struct vcpu *v = self->v;
	struct kvm_vcpu_events e;

	ASSERT_DONE(guest_insn(v, INSN("nop")));
	for (int i = 1; i <= 3; i++) {
		ASSERT_EQ(0, ioctl(v->fd, KVM_NMI, 0));
		e = vcpu_get_events(v);
		EXPECT_EQ(i < 2 ? i : 2, e.nmi.pending);
	}
	EXPECT_EXC(guest_insn(v, INSN("nop; nop")), 2);
	EXPECT_EQ(1, vcpu_get_events(v).nmi.pending);
	ASSERT_EQ(0, ioctl(v->fd, KVM_NMI, 0));
	e.flags |= KVM_VCPUEVENT_VALID_NMI_PENDING;
	e.nmi.pending = 0;
	e.nmi.masked = 0;
	ASSERT_EQ(0, vcpu_set_events(v, e));
	EXPECT_EQ(0, vcpu_get_events(v).nmi.pending);
	EXPECT_DONE(guest_insn(v, INSN("nop; nop")));
}

/* An NMI handler is not interrupted by the next NMI; that one comes after its iret. */
TEST_F(interrupts, nmi_blocked_until_iret)
{
	struct vcpu *v = self->v;
	struct result r;

	ASSERT_DONE(guest_insn(v, INSN("nop")));
	EXPECT_EQ(0, ioctl(v->fd, KVM_NMI, 0));
	EXPECT_EXC(guest_insn(v, INSN("nop; nop")), 2);
	EXPECT_EQ(0, ioctl(v->fd, KVM_NMI, 0));
	EXPECT_DONE(guest_insn(v, INSN("nop; nop; nop")));
	/* goes there by iret, whose end old VT-x tells by RFLAGS.IF only */
	v->user = true;
	v->flags = RFLAGS_IF;
	r = guest_insn(v, INSN("nop; nop; nop"));
	EXPECT_EXC(r, 2);
	v->user = false;
	v->flags = 0;
}

/* Interrupt and page fault: the fault during delivery must not lose the interrupt. */
TEST_F(interrupts, delivery_through_a_page_fault)
{
	struct vcpu *v = self->v;
	struct kvm_vcpu_events e;
	struct result r;

	v->flags = RFLAGS_IF;
	ASSERT_DONE(guest_insn(v, INSN("nop")));
	/* the stack page is not in the shadow tables yet: a fault of ours, not the guest's */
	pt_map(self->vm, TEST_VA, DATA_GPA, PTE_KERNEL);
	EXPECT_EXIT(guest_insn(v, INSN("hlt")), KVM_EXIT_HLT);
	v->regs.rsp = TEST_VA + 0x800;
	v->regs.rip = CODE_GPA;
	ASSERT_EQ(0, ioctl(v->fd, KVM_SET_REGS, &v->regs));
	EXPECT_EQ(0, inject(v, VECTOR));
	ASSERT_EQ(0, ioctl(v->fd, KVM_RUN, 0));
	EXPECT_EQ(KVM_EXIT_IO, v->run->exit_reason);
	EXPECT_EQ(PORT_EXC, v->run->io.port);
	EXPECT_EQ(VECTOR, vm_read(self->vm, DATA_GPA + 0x800 - 7 * 8, 1));
	ASSERT_EQ(0, ioctl(v->fd, KVM_GET_VCPU_EVENTS, &e));
	EXPECT_EQ(0, e.interrupt.injected);
	r = guest_insn(v, INSN("nop"));
	EXPECT_EQ(OUT_DONE, r.kind);
}

/* A software interrupt whose gate's handler page or stack faults is done again, once. */
TEST_F(interrupts, software_interrupt_through_a_fault)
{
	struct vcpu *v = self->v;

	pt_map(self->vm, TEST_VA, DATA_GPA, PTE_KERNEL);
	memcpy(vm_ptr(self->vm, CODE_GPA), "\xcd\x52\xf4", 3);
	v->regs.rip = CODE_GPA;
	v->regs.rsp = TEST_VA + 0x800;
	v->regs.rflags = 2;
	ASSERT_EQ(0, ioctl(v->fd, KVM_SET_REGS, &v->regs));
	ASSERT_EQ(0, ioctl(v->fd, KVM_RUN, 0));
	EXPECT_EQ(PORT_EXC, v->run->io.port);
	EXPECT_EQ(0x52, vm_read(self->vm, DATA_GPA + 0x800 - 7 * 8, 1));
	EXPECT_EQ(CODE_GPA + 2, vm_read(self->vm, DATA_GPA + 0x800 - 5 * 8, 8));
}

TEST_F(interrupts, pending_survives_get_and_set)
{
	struct vcpu *v = self->v;
	struct kvm_vcpu_events e;

	v->flags = RFLAGS_IF;
	ASSERT_DONE(guest_insn(v, INSN("nop")));
	vcpu_settle(v);
	EXPECT_EQ(0, inject(v, VECTOR));
	ASSERT_EQ(0, ioctl(v->fd, KVM_GET_VCPU_EVENTS, &e));
	EXPECT_EQ(1, e.interrupt.injected);
	EXPECT_EQ(VECTOR, e.interrupt.nr);
	ASSERT_EQ(0, ioctl(v->fd, KVM_SET_VCPU_EVENTS, &e));
	EXPECT_EXC(guest_insn(v, INSN("nop")), VECTOR);
}

TEST_F(interrupts, many_in_a_row)
{
	struct vcpu *v = self->v;

	v->flags = RFLAGS_IF;
	for (int i = 0; i < 100; i++) {
		int vector = 0x60 + i;

		ASSERT_EQ(0, inject(v, vector));
		EXPECT_EXC(guest_insn(v, INSN("nop; nop")), vector);
	}
}

TEST_HARNESS_MAIN
