/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * World switch. Intel SDM volume 3C, 27 and 28.
 */
#include <linux/linkage.h>
#include <asm/alternative.h>
#include <asm/asm.h>
#include <asm/cpufeatures.h>
#include <asm/nospec-branch.h>
#include <asm/unwind_hints.h>

#include "entry.h"

#define VMCS_HOST_RSP	0x6c14

/* what is on the stack while the guest runs */
#define STACK_REGS	0
#define STACK_HOST_SPEC	8
#define STACK_GUEST_SPEC 16
#define STACK_SIZE	24

	.section .noinstr.text, "ax"

/*
 * unsigned long vmx_enter_guest(struct vcpu_regs *regs, unsigned long launched,
 *				 struct spec_ctrl spec)
 *
 * Interrupts are off, and off again on return. The VMCS says that an exit goes on
 * at vmx_exited. Return: 0; or 1 when there was no entry: VM_INSTRUCTION_ERROR
 * tells why, if this is VMX operation still.
 */
SYM_FUNC_START(vmx_enter_guest)
	PUSH_CALLEE_SAVED
	push	%rcx
	push	%rdx
	push	%rdi

	mov	$VMCS_HOST_RSP, %eax
.Lvmwrite:
	vmwrite	%rsp, %rax
	/* Into CF, which VERW leaves alone. */
	bt	$0, %esi

	mov	REGS_RAX(%rdi), %rax
	LOAD_GPRS
	CLEAR_BUFFERS

	jnc	.Llaunch
	UNWIND_HINT_SAVE
.Lvmresume:
	vmresume
	jmp	.Lfailed
.Llaunch:
.Lvmlaunch:
	vmlaunch
	jmp	.Lfailed

SYM_INNER_LABEL_ALIGN(vmx_exited, SYM_L_GLOBAL)
	UNWIND_HINT_RESTORE
	ENDBR

	push	%rax
	mov	8 + STACK_REGS(%rsp), %rax
	SAVE_GPRS
	mov	%rax, %rcx
	pop	%rax
	mov	%rax, REGS_RAX(%rcx)
	xor	%eax, %eax

.Lleave:
	/* RBX is 1 if there was no entry. */
	CLEAR_GPRS
	mov	%eax, %ebx

	/* All before the first return: the guest owns what it would be predicted by. */
	FILL_RETURN_BUFFER %rcx, RSB_CLEAR_LOOPS, X86_FEATURE_RSB_VMEXIT, \
			   X86_FEATURE_RSB_VMEXIT_LITE
	EXIT_IBPB
	RESTORE_SPEC_CTRL STACK_HOST_SPEC(%rsp), STACK_GUEST_SPEC(%rsp)
	CLEAR_BRANCHES

	mov	%ebx, %eax
	add	$STACK_SIZE, %rsp
	POP_CALLEE_SAVED
	RET

.Lfailed:
	mov	$1, %eax
	jmp	.Lleave

	/* #UD: a reboot or a crash has ended VMX operation in the meantime. */
	_ASM_EXTABLE(.Lvmwrite, .Lfailed)
	_ASM_EXTABLE(.Lvmresume, .Lfailed)
	_ASM_EXTABLE(.Lvmlaunch, .Lfailed)
SYM_FUNC_END(vmx_enter_guest)
