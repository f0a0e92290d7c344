// SPDX-License-Identifier: GPL-2.0-only
/* AMD-V: exits in the middle of instructions and deliveries, as a VMCB tells of them. */
#include <asm/debugreg.h>

#include "tap.h"
#include "svm_machine.h"

static const struct vendor_ops *ops;
static struct vm vm;
static struct vcpu v;
static struct vmcb_control *control;
static struct exit last;

static void start(void)
{
	mach_start();
	CHECK(!svm_probe(&ops));
	CHECK(!ops->cpu_enable());
	memset(&v, 0, sizeof(v));
	v.vm = &vm;
	v.mode.cr0 = X86_CR0_PE | X86_CR0_PG;
	v.mmu.root_level = 4;
	CHECK(!ops->vcpu_create(&v));
	ops->vcpu_reset(&v);
	control = &to_svm(&v)->vmcb->control;
}

static void stop(void)
{
	ops->vcpu_destroy(&v);
	ops->cpu_disable();
	svm_unload();
}

static void exit_with(u32 code)
{
	control->exit_code = code;
	svm_decode_exit(&v, &last);
}

/* INT1 is no matter of exception intercepts, but clears DR7.GD like any #DB. */
TEST(svm_int1_exits)
{
	start();
	CHECK(control->intercept[4] & BIT(SVM_EXIT_ICEBP & 31));
	exit_with(SVM_EXIT_ICEBP);
	CHECK_EQ(last.kind, EXIT_EXCEPTION);
	CHECK_EQ(last.exception.vector, 1);
	CHECK(last.exception.insn);
	stop();
}

/* What the emulator's MOV SS holds back: the next instruction is stepped over, and it comes. */
TEST(svm_held_back_is_delivered_behind_a_step)
{
	struct svm *svm;

	start();
	svm = to_svm(&v);
	v.regs.rip = 0x1000;
	ops->set_shadow(&v, SHADOW_MOV_SS);
	ops->open_windows(&v, false, false);
	CHECK(!svm->step);
	v.debug.held = 2;
	ops->open_windows(&v, false, false);
	CHECK(svm->step);
	svm_prepare_events(&v);
	CHECK(svm->vmcb->save.rflags & X86_EFLAGS_TF);

	v.regs.rip = 0x1001;
	v.regs.rflags |= X86_EFLAGS_TF;
	svm->vmcb->save.dr6 = DR_STEP;
	exit_with(SVM_EXIT_EXCP_BASE + 1);
	CHECK_EQ(last.kind, EXIT_EXCEPTION);
	CHECK_EQ(last.exception.dr6, 2);
	CHECK_EQ(v.debug.held, 0);
	CHECK(!svm->step);
	CHECK(!(v.regs.rflags & X86_EFLAGS_TF));
	stop();
}

/* ... also where the step's own #DB is not what ends it. */
TEST(svm_held_back_is_due_at_another_exit)
{
	struct svm *svm;

	start();
	svm = to_svm(&v);
	v.regs.rip = 0x1000;
	ops->set_shadow(&v, SHADOW_MOV_SS);
	v.debug.held = 2;
	ops->open_windows(&v, false, false);
	CHECK(svm->step);
	svm_prepare_events(&v);

	v.regs.rip = 0x1001;
	v.regs.rflags |= X86_EFLAGS_TF;
	exit_with(SVM_EXIT_INTR);
	CHECK_EQ(last.kind, EXIT_HOST_IRQ);
	CHECK_EQ(last.traps, 2);
	CHECK_EQ(v.debug.held, 0);
	CHECK_EQ(ops->get_shadow(&v), 0);
	CHECK(!svm->step);
	CHECK(!(v.regs.rflags & X86_EFLAGS_TF));
	exit_with(SVM_EXIT_INTR);
	CHECK_EQ(last.traps, 0);
	stop();
}

/* INT n that begins again may be behind an STI. */
TEST(svm_soft_interrupt_begins_again_in_the_shadow)
{
	static const struct { u32 type; u64 flags; bool shadow; } list[] = {
		{ INJ_TYPE_SOFT | 0x52, X86_EFLAGS_IF, true },
		{ INJ_TYPE_SOFT | 0x52, 0, false },
		{ INJ_TYPE_EXCEPTION | 3, X86_EFLAGS_IF, true },
		{ INJ_TYPE_EXCEPTION | 14, X86_EFLAGS_IF, false },
		{ INJ_TYPE_INTR | 0x52, X86_EFLAGS_IF, false },
	};
	unsigned int i;

	for (i = 0; i < sizeof(list) / sizeof(list[0]); i++) {
		start();
		control->exit_int_info = INJ_VALID | list[i].type;
		to_svm(&v)->vmcb->save.rflags = list[i].flags;
		exit_with(SVM_EXIT_EXCP_BASE + 14);
		CHECK_EQ(!!ops->get_shadow(&v), list[i].shadow);
		CHECK_EQ(last.delivering.type == EVENT_NONE, i < 3);
		stop();
	}
}
