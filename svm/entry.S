/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * World switch. AMD APM volume 2, 15.5.
 */
#include <linux/linkage.h>
#include <asm/alternative.h>
#include <asm/asm.h>
#include <asm/cpufeatures.h>
#include <asm/msr-index.h>
#include <asm/nospec-branch.h>
#include <asm/unwind_hints.h>

#include "entry.h"

/* what is on the stack while the guest runs */
#define STACK_VMCB	0
#define STACK_HOST	8
#define STACK_REGS	16
#define STACK_HOST_SPEC	24
#define STACK_GUEST_SPEC 32
#define STACK_SIZE	40

	.section .noinstr.text, "ax"

/* Where AMD-V has been turned off the instruction is #UD, and is passed over. */
.macro SVM_INSN insn:vararg
.Linsn\@:
	\insn
.Lnext\@:
	_ASM_EXTABLE(.Linsn\@, .Lnext\@)
.endm

/*
 * void svm_enter_guest(struct vcpu_regs *regs, unsigned long vmcb_pa, unsigned long host_pa,
 *			struct spec_ctrl spec)
 *
 * Interrupts are off, and off again on return. Between CLGI and STGI nothing
 * reaches the host, not even an NMI, so that it never sees the guest's GS, TR
 * and the like. RFLAGS.IF is set across VMRUN: with V_INTR_MASKING it says
 * whether a physical interrupt ends guest mode.
 *
 * A crash's NMI may have turned AMD-V off: CLGI finds out, and nothing is done.
 * After it nobody comes by who could, and what finds it off all the same is a
 * #UD that is passed over. The VMCB then has the exit code that was there before.
 */
SYM_FUNC_START(svm_enter_guest)
	PUSH_CALLEE_SAVED
	push	%r8
	push	%rcx
	push	%rdi
	push	%rdx
	push	%rsi

.Lclgi:
	clgi
	_ASM_EXTABLE(.Lclgi, .Lout)
	sti
	/* Every time: an LDT or TSS seen earlier may be another one by now. */
	mov	%rdx, %rax
	SVM_INSN vmsave	%rax
	mov	%rsi, %rax
	SVM_INSN vmload	%rax

	ALTERNATIVE "jmp .Ldivider_clear", "", X86_BUG_DIV0
	mov	$1, %ecx
	mov	%rax, %r9
	xor	%eax, %eax
	xor	%edx, %edx
	div	%ecx
	mov	%r9, %rax
.Ldivider_clear:
	LOAD_GPRS
	CLEAR_BUFFERS
	SVM_INSN vmrun	%rax
	cli

	mov	STACK_REGS(%rsp), %rax
	SAVE_GPRS

	CLEAR_GPRS

	mov	STACK_VMCB(%rsp), %rax
	SVM_INSN vmsave	%rax
	mov	STACK_HOST(%rsp), %rax
	SVM_INSN vmload	%rax

	/*
	 * Before the first return: the guest owns the return stack's contents. Not
	 * earlier: this accounts call depth in a per-CPU variable, through our GS.
	 */
	FILL_RETURN_BUFFER %rax, RSB_CLEAR_LOOPS, X86_FEATURE_RSB_VMEXIT

	RESTORE_SPEC_CTRL STACK_HOST_SPEC(%rsp), STACK_GUEST_SPEC(%rsp)
	EXIT_IBPB
	CALL_UNTRAIN_RET

	/* The host is whole again: an NMI that waited arrives here. */
	SVM_INSN stgi

.Lout:
	add	$STACK_SIZE, %rsp
	POP_CALLEE_SAVED
	RET
SYM_FUNC_END(svm_enter_guest)
