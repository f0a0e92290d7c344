// SPDX-License-Identifier: GPL-2.0-only
/*
 * From VT-x's exit reasons to struct exit. Intel SDM volume 3C, 28.2, and 3D appendix C.
 */
#include <linux/nospec.h>
#include <linux/thread_info.h>
#include <asm/debugreg.h>
#include <asm/trapnr.h>

#include "exit.h"
#include "vmx.h"

/* Exits that need no more than their name. INSN: the instruction's length holds. */
#define INSN		0x80
#define NR_REASONS	64

static const u8 simple[NR_REASONS] = {
	[EXIT_REASON_EXTERNAL_INTERRUPT]	= EXIT_HOST_IRQ,
	[EXIT_REASON_TRIPLE_FAULT]		= EXIT_SHUTDOWN,
	[EXIT_REASON_INIT_SIGNAL]		= EXIT_HOST_IRQ,
	[EXIT_REASON_NMI_WINDOW]		= EXIT_NMI_WINDOW,
	[EXIT_REASON_CPUID]			= EXIT_CPUID | INSN,
	[EXIT_REASON_HLT]			= EXIT_HLT | INSN,
	[EXIT_REASON_INVD]			= EXIT_WBINVD | INSN,
	[EXIT_REASON_INVLPG]			= EXIT_INVLPG | INSN,
	[EXIT_REASON_RDPMC]			= EXIT_RDPMC | INSN,
	[EXIT_REASON_VMCALL]			= EXIT_VMCALL | INSN,
	[EXIT_REASON_VMCLEAR]			= EXIT_UD,
	[EXIT_REASON_VMLAUNCH]			= EXIT_UD,
	[EXIT_REASON_VMPTRLD]			= EXIT_UD,
	[EXIT_REASON_VMPTRST]			= EXIT_UD,
	[EXIT_REASON_VMREAD]			= EXIT_UD,
	[EXIT_REASON_VMRESUME]			= EXIT_UD,
	[EXIT_REASON_VMWRITE]			= EXIT_UD,
	[EXIT_REASON_VMOFF]			= EXIT_UD,
	[EXIT_REASON_VMON]			= EXIT_UD,
	[EXIT_REASON_DR_ACCESS]			= EXIT_EMULATE,
	[EXIT_REASON_MSR_READ]			= EXIT_RDMSR | INSN,
	[EXIT_REASON_MSR_WRITE]			= EXIT_WRMSR | INSN,
	[EXIT_REASON_MWAIT_INSTRUCTION]		= EXIT_MWAIT | INSN,
	[EXIT_REASON_MONITOR_INSTRUCTION]	= EXIT_MWAIT | INSN,
	[EXIT_REASON_PAUSE_INSTRUCTION]		= EXIT_PAUSE | INSN,
	[EXIT_REASON_INVEPT]			= EXIT_UD,
	[EXIT_REASON_INVVPID]			= EXIT_UD,
	[EXIT_REASON_WBINVD]			= EXIT_WBINVD | INSN,
	[EXIT_REASON_XSETBV]			= EXIT_XSETBV | INSN,
	[EXIT_REASON_INVPCID]			= EXIT_EMULATE,
	[EXIT_REASON_VMFUNC]			= EXIT_UD,
};

/* Types of EXIT_REASON_CR_ACCESS. */
enum { CR_MOV_TO, CR_MOV_FROM, CR_CLTS, CR_LMSW };

static void insn_exit(struct vcpu *vcpu, struct exit *exit, u8 kind)
{
	exit->long_mode = vmx_is_64bit(vcpu);
	exit->kind = kind;
	exit->next_rip = vcpu->regs.rip + vmcs_read(VM_EXIT_INSTRUCTION_LEN);
}

static void decode_cr(struct vcpu *vcpu, struct exit *exit)
{
	u64 info = exit->hw_info[0];
	u8 type = (info & CONTROL_REG_ACCESS_TYPE) >> 4;

	if (type != CR_MOV_TO && type != CR_MOV_FROM) {
		exit->kind = EXIT_EMULATE;
		return;
	}
	insn_exit(vcpu, exit, type == CR_MOV_TO ? EXIT_CR_WRITE : EXIT_CR_READ);
	exit->cr.cr = info & 0xf;
	exit->cr.gpr = (info & CONTROL_REG_ACCESS_REG) >> 8;
}

/*
 * Virtual-8086 code that stands for real-mode code faults where the emulator has to help, or
 * where real-mode code would fault as well.
 */
static bool vm86_helps(u8 vector)
{
	switch (vector) {
	case X86_TRAP_GP:
	case X86_TRAP_SS:
	case X86_TRAP_BP:
	case X86_TRAP_OF:
		return true;
	}
	return false;
}

/* What INT1 makes (and INT3 and INTO) leaves RIP at the instruction. */
static bool is_instruction(u32 info)
{
	u32 type = info & INTR_INFO_INTR_TYPE_MASK;

	return type == INTR_TYPE_PRIV_SW_EXCEPTION || type == INTR_TYPE_SOFT_EXCEPTION;
}

/* The one instruction that was to be executed has been: see alone.c. */
static bool was_stepped(const struct vmx *vmx, const struct exit *exit)
{
	return vmx->alone && exit->exception.vector == X86_TRAP_DB &&
	       exit->exception.dr6 & DR_STEP;
}

static void decode_exception(struct vcpu *vcpu, struct exit *exit)
{
	const struct vmx *vmx = to_vmx(vcpu);
	u32 info = exit->hw_info[1];
	u8 vector = info & INTR_INFO_VECTOR_MASK;
	u32 error = info & INTR_INFO_DELIVER_CODE_MASK ? vmcs_read(VM_EXIT_INTR_ERROR_CODE) : 0;

	if ((info & INTR_INFO_INTR_TYPE_MASK) == INTR_TYPE_NMI_INTR || vector == X86_TRAP_MC) {
		exit->kind = EXIT_HOST_NMI;	/* see vmx_exit_irq() */
	} else if (vector == X86_TRAP_PF) {
		exit->kind = EXIT_PF;
		exit->pf.gva = exit->hw_info[0];
		exit->pf.error = error;
	} else if (is_instruction(info) && !(vmx->how == VMX_VM86 && vm86_helps(vector))) {
		insn_exit(vcpu, exit, EXIT_EXCEPTION);
		exit->exception.vector = vector;
		exit->exception.insn = true;
	} else {
		exit->kind = EXIT_EXCEPTION;
		exit->exception.vector = vector;
		exit->exception.has_error = info & INTR_INFO_DELIVER_CODE_MASK;
		exit->exception.error = error;
		if (vector == X86_TRAP_DB)
			exit->exception.dr6 = exit->hw_info[0] & (DR_TRAP_BITS | DR_STEP);
		if (was_stepped(vmx, exit))
			exit->kind = EXIT_STEPPED;
		else if (vmx->how == VMX_VM86 && !vmx->alone && vm86_helps(vector))
			exit->kind = EXIT_FAULT;
	}
}

static void decode_io(struct vcpu *vcpu, struct exit *exit)
{
	u64 info = exit->hw_info[0];

	insn_exit(vcpu, exit, EXIT_IO);
	exit->io.port = info >> 16;
	exit->io.size = (info & 7) + 1;
	exit->io.in = info & BIT(3);
	exit->io.string = info & BIT(4);
	exit->io.rep = info & BIT(5);
}

/* The length is that of the instruction; where an event switches tasks there is none. */
static void decode_task(struct vcpu *vcpu, struct exit *exit)
{
	u64 info = exit->hw_info[0];

	exit->task.selector = info;
	exit->task.source = info >> 30 & 3;
	exit->task.has_error = exit->delivering.has_error;
	exit->task.error = exit->delivering.error;
	exit->kind = EXIT_TASK_SWITCH;
	if (exit->delivering.type == EVENT_NONE)
		insn_exit(vcpu, exit, EXIT_TASK_SWITCH);
}

static void decode_simple(struct vcpu *vcpu, struct exit *exit)
{
	u8 what = 0;

	if (exit->hw_reason < NR_REASONS)
		what = simple[array_index_nospec(exit->hw_reason, NR_REASONS)];
	if (!what)
		exit->kind = EXIT_UNKNOWN;
	else if (what & INSN)
		insn_exit(vcpu, exit, what & ~INSN);
	else
		exit->kind = what;
	if (exit->kind == EXIT_INVLPG)
		exit->gva = exit->hw_info[0];
}

/* The guest has not run, and what was to be delivered is still due. */
static void decode_failed(struct vmx *vmx, struct exit *exit)
{
	vmcs_write(VM_ENTRY_INTR_INFO_FIELD, 0);
	exit->kind = EXIT_FAIL_ENTRY;
	exit->delivering = vmx->injected;
	if ((u16)exit->hw_reason == EXIT_REASON_MCE_DURING_VMENTRY) {
		exit->kind = EXIT_HOST_NMI;	/* see vmx_exit_irq(); then it is tried again */
		exit->hw_info[1] = X86_TRAP_MC;
	}
}

void vmx_decode_exit(struct vcpu *vcpu, struct exit *exit)
{
	u32 reason = vmcs_read(VM_EXIT_REASON);

	*exit = (struct exit){
		.hw_reason = reason,
		.hw_info = { vmcs_read(EXIT_QUALIFICATION) },
	};
	if (reason & VMX_EXIT_REASONS_FAILED_VMENTRY) {
		decode_failed(to_vmx(vcpu), exit);
		return;
	}
	to_vmx(vcpu)->launched = true;
	if (reason == EXIT_REASON_EXCEPTION_NMI)
		exit->hw_info[1] = vmcs_read(VM_EXIT_INTR_INFO);
	vmx_collect_events(vcpu, exit);

	switch (reason) {
	case EXIT_REASON_EXCEPTION_NMI:
		decode_exception(vcpu, exit);
		break;
	case EXIT_REASON_INTERRUPT_WINDOW:
		exit->kind = to_vmx(vcpu)->want_nmi && !vmx_caps.vnmi ? EXIT_NMI_WINDOW :
									 EXIT_IRQ_WINDOW;
		break;
	case EXIT_REASON_CR_ACCESS:
		decode_cr(vcpu, exit);
		break;
	case EXIT_REASON_TASK_SWITCH:
		decode_task(vcpu, exit);
		break;
	case EXIT_REASON_IO_INSTRUCTION:
		decode_io(vcpu, exit);
		break;
	default:
		decode_simple(vcpu, exit);
	}
}
