// SPDX-License-Identifier: GPL-2.0-only
/*
 * From AMD-V's exit codes to struct exit. AMD APM volume 2, appendix C.
 */
#include <linux/nospec.h>
#include <linux/thread_info.h>
#include <asm/debugreg.h>
#include <asm/trapnr.h>

#include "emulate.h"
#include "exit.h"
#include "svm.h"

/* Exits that need no more than their name. INSN: next_rip holds, where offered. */
#define INSN		0x80
#define CODE(code)	[(code) - VMEXIT_SIMPLE_FIRST]

static const u8 simple[VMEXIT_SIMPLE_LAST - VMEXIT_SIMPLE_FIRST + 1] = {
	CODE(SVM_EXIT_INTR)		= EXIT_HOST_IRQ,
	CODE(SVM_EXIT_NMI)		= EXIT_HOST_NMI,
	CODE(SVM_EXIT_SMI)		= EXIT_HOST_IRQ,
	CODE(SVM_EXIT_INIT)		= EXIT_HOST_IRQ,
	CODE(SVM_EXIT_RDPMC)		= EXIT_RDPMC | INSN,
	CODE(SVM_EXIT_PUSHF)		= EXIT_EMULATE | INSN,
	CODE(SVM_EXIT_SWINT)		= EXIT_INT,
	CODE(SVM_EXIT_CPUID)		= EXIT_CPUID | INSN,
	CODE(SVM_EXIT_RSM)		= EXIT_EMULATE,
	CODE(SVM_EXIT_INVD)		= EXIT_WBINVD | INSN,
	CODE(SVM_EXIT_HLT)		= EXIT_HLT | INSN,
	CODE(SVM_EXIT_INVLPGA)		= EXIT_UD,
	CODE(SVM_EXIT_VMRUN)		= EXIT_UD,
	CODE(SVM_EXIT_VMMCALL)		= EXIT_VMCALL | INSN,
	CODE(SVM_EXIT_VMLOAD)		= EXIT_UD,
	CODE(SVM_EXIT_VMSAVE)		= EXIT_UD,
	CODE(SVM_EXIT_STGI)		= EXIT_UD,
	CODE(SVM_EXIT_CLGI)		= EXIT_UD,
	CODE(SVM_EXIT_SKINIT)		= EXIT_UD,
	CODE(SVM_EXIT_RDTSCP)		= EXIT_UD,
	CODE(SVM_EXIT_WBINVD)		= EXIT_WBINVD | INSN,
	CODE(SVM_EXIT_MONITOR)		= EXIT_MWAIT | INSN,
	CODE(SVM_EXIT_MWAIT)		= EXIT_MWAIT | INSN,
	CODE(SVM_EXIT_MWAIT_COND)	= EXIT_MWAIT | INSN,
	CODE(SVM_EXIT_XSETBV)		= EXIT_XSETBV | INSN,
	CODE(SVM_EXIT_RDPRU)		= EXIT_UD,
	CODE(INTERCEPT_INVLPGB)		= EXIT_UD,
	CODE(INTERCEPT_INVLPGB_ILLEGAL)	= EXIT_UD,
	CODE(INTERCEPT_INVPCID)		= EXIT_EMULATE | INSN,
	CODE(INTERCEPT_MCOMMIT)		= EXIT_UD,
	CODE(INTERCEPT_TLBSYNC)		= EXIT_UD,
};

static void insn_exit(const struct vmcb_control *control, struct exit *exit, u8 kind)
{
	exit->kind = kind;
	if (svm_caps.nrips)
		exit->next_rip = control->next_rip;
}

static void decode_cr(const struct vmcb_control *control, struct exit *exit)
{
	bool write = control->exit_code & 0x10;

	if (!svm_caps.decode_assists || !(control->exit_info_1 & CR_INFO_MOV)) {
		insn_exit(control, exit, EXIT_EMULATE);
		return;
	}
	insn_exit(control, exit, write ? EXIT_CR_WRITE : EXIT_CR_READ);
	exit->cr.cr = control->exit_code & 0xf;
	exit->cr.gpr = control->exit_info_1 & CR_INFO_GPR;
}

static void decode_db(struct vcpu *vcpu, struct exit *exit)
{
	u64 dr6 = to_svm(vcpu)->vmcb->save.dr6;

	if (svm_end_step(vcpu, &dr6)) {
		exit->kind = EXIT_NMI_WINDOW;
		return;
	}
	exit->kind = EXIT_EXCEPTION;
	exit->exception.vector = X86_TRAP_DB;
	exit->exception.dr6 = dr6 & (DR_TRAP_BITS | DR_STEP | DR_SWITCH);
}

static void decode_exception(struct vcpu *vcpu, struct exit *exit)
{
	const struct vmcb_control *control = &to_svm(vcpu)->vmcb->control;
	u8 vector = control->exit_code - SVM_EXIT_EXCP_BASE;

	switch (vector) {
	case X86_TRAP_PF:
		exit->kind = EXIT_PF;
		exit->pf.gva = control->exit_info_2;
		exit->pf.error = control->exit_info_1;
		break;
	case X86_TRAP_DB:
		decode_db(vcpu, exit);
		break;
	case X86_TRAP_MC:
		exit->kind = EXIT_HOST_NMI;	/* see svm_exit_irq() */
		break;
	default:
		exit->kind = EXIT_EXCEPTION;
		exit->exception.vector = vector;
		exit->exception.has_error = vector == X86_TRAP_AC;
		exit->exception.error = control->exit_info_1;
	}
}

static void decode_io(const struct vmcb_control *control, struct exit *exit)
{
	u64 info = control->exit_info_1;

	exit->kind = EXIT_IO;
	exit->next_rip = control->exit_info_2;
	exit->io.port = IOIO_PORT(info);
	exit->io.size = IOIO_SIZE(info);
	exit->io.in = info & IOIO_IN;
	exit->io.string = info & IOIO_STRING;
	exit->io.rep = info & IOIO_REP;
}

static void decode_invlpg(const struct vmcb_control *control, struct exit *exit)
{
	insn_exit(control, exit, svm_caps.decode_assists ? EXIT_INVLPG : EXIT_EMULATE);
	exit->gva = control->exit_info_1;
}

static void decode_icebp(const struct vmcb_control *control, struct exit *exit)
{
	insn_exit(control, exit, EXIT_EXCEPTION);
	exit->exception.vector = X86_TRAP_DB;
	exit->exception.insn = true;
}

/* Of EXITINFO2, APM 15.14.1: why tasks are switched; whether an error code is in the low half. */
#define TASK_IRET	BIT_ULL(36)
#define TASK_JMP	BIT_ULL(38)
#define TASK_ERROR	BIT_ULL(44)

static void decode_task(const struct vmcb_control *control, struct exit *exit)
{
	u64 info = control->exit_info_2;

	exit->kind = EXIT_TASK_SWITCH;
	exit->task.selector = control->exit_info_1;
	exit->task.has_error = info & TASK_ERROR;
	exit->task.error = info;
	if (info & TASK_IRET)
		exit->task.source = EMU_TASK_IRET;
	else if (info & TASK_JMP)
		exit->task.source = EMU_TASK_JMP;
	else if (control->exit_int_info & INJ_VALID)
		exit->task.source = EMU_TASK_GATE;
	else
		exit->task.source = EMU_TASK_CALL;
}

/* An IRET ends the handler of an NMI, but only once it is through. */
static void decode_iret(struct vcpu *vcpu, struct exit *exit)
{
	svm_begin_step(vcpu, true);
	exit->kind = EXIT_HOST_IRQ;	/* nothing to do but to enter again */
}

static void decode_vintr(struct vcpu *vcpu, struct exit *exit)
{
	svm_open_windows(vcpu, false, false);
	exit->kind = EXIT_IRQ_WINDOW;
}

static void decode_simple(const struct vmcb_control *control, struct exit *exit)
{
	u32 code = control->exit_code;
	u8 what = 0;

	if (code >= VMEXIT_SIMPLE_FIRST && code <= VMEXIT_SIMPLE_LAST)
		what = simple[array_index_nospec(code - VMEXIT_SIMPLE_FIRST, ARRAY_SIZE(simple))];
	if (!what)
		exit->kind = EXIT_UNKNOWN;
	else if (what & INSN)
		insn_exit(control, exit, what & ~INSN);
	else
		exit->kind = what;
}

/* All of the VMCB's state is undefined: AMD APM volume 2, 15.14.3. */
static void decode_shutdown(struct exit *exit)
{
	exit->kind = EXIT_SHUTDOWN;
	exit->state_lost = true;
	exit->delivering = (struct event){};
}

/* From the exit code to the kind of exit, and to what is known of that kind. */
static __always_inline void decode_code(struct vcpu *vcpu, struct exit *exit)
{
	const struct vmcb_control *control = &to_svm(vcpu)->vmcb->control;

	switch (control->exit_code) {
	case SVM_EXIT_READ_CR0 ... SVM_EXIT_WRITE_CR0 + 15:
		decode_cr(control, exit);
		break;
	case SVM_EXIT_READ_DR0 ... SVM_EXIT_WRITE_DR0 + 15:
		insn_exit(control, exit, EXIT_EMULATE);
		break;
	case SVM_EXIT_EXCP_BASE ... SVM_EXIT_EXCP_BASE + 31:
		decode_exception(vcpu, exit);
		break;
	case SVM_EXIT_VINTR:
		decode_vintr(vcpu, exit);
		break;
	case SVM_EXIT_IRET:
		decode_iret(vcpu, exit);
		break;
	case SVM_EXIT_ICEBP:
		decode_icebp(control, exit);
		break;
	case SVM_EXIT_INVLPG:
		decode_invlpg(control, exit);
		break;
	case SVM_EXIT_SHUTDOWN:
		decode_shutdown(exit);
		break;
	case SVM_EXIT_TASK_SWITCH:
		decode_task(control, exit);
		break;
	case VMEXIT_IOIO:
		decode_io(control, exit);
		break;
	case SVM_EXIT_MSR:
		insn_exit(control, exit, control->exit_info_1 ? EXIT_WRMSR : EXIT_RDMSR);
		break;
	default:
		decode_simple(control, exit);
	}
}

void svm_decode_exit(struct vcpu *vcpu, struct exit *exit)
{
	const struct vmcb_control *control = &to_svm(vcpu)->vmcb->control;

	*exit = (struct exit){
		.long_mode = (vcpu->mode.efer & EFER_LMA) &&
			     (to_svm(vcpu)->vmcb->save.seg[VCPU_SREG_CS].attr & SEG_L),
		.hw_reason = control->exit_code,
		.hw_info = { control->exit_info_1, control->exit_info_2 },
	};
	svm_collect_events(vcpu, exit);
	decode_code(vcpu, exit);
}
