/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * World switch. Intel SDM volume 3C, 27 and 28.
 */
#include <linux/linkage.h>
#include <asm/alternative.h>
#include <asm/asm.h>
#include <asm/cpufeatures.h>
#include <asm/nospec-branch.h>
#include <asm/segment.h>
#include <asm/unwind_hints.h>

#include "entry.h"

#define VMCS_HOST_RSP	0x6c14

/* VERW empties the processor's buffers, where it is told to: before guest code can probe them. */
#ifdef X86_FEATURE_CLEAR_CPU_BUF_VM
#define CLEAR_BUFFERS_FEATURE	X86_FEATURE_CLEAR_CPU_BUF_VM
#elif defined(X86_FEATURE_CLEAR_CPU_BUF)
#define CLEAR_BUFFERS_FEATURE	X86_FEATURE_CLEAR_CPU_BUF
#endif

/* The guest's branches must not live on in the history that indirect branches are predicted by. */
#ifdef X86_FEATURE_CLEAR_BHB_LOOP_ON_VMEXIT
#define FORGET_BRANCHES CLEAR_BRANCH_HISTORY_VMEXIT
#else
#define FORGET_BRANCHES
#endif

	.section .rodata
	.balign 2
SYM_DATA_LOCAL(verw_selector, .word __KERNEL_DS)

	.section .noinstr.text, "ax"

/*
 * unsigned long vmx_enter_guest(struct vcpu_regs *regs, unsigned long launched)
 *
 * Interrupts are off, and off again on return. The VMCS says that an exit goes on
 * at vmx_exited. Return: 0; or 1 when there was no entry: VM_INSTRUCTION_ERROR
 * tells why, if this is VMX operation still.
 */
SYM_FUNC_START(vmx_enter_guest)
	push	%rbp
	push	%r15
	push	%r14
	push	%r13
	push	%r12
	push	%rbx
	push	%rdi

	mov	$VMCS_HOST_RSP, %eax
.Lvmwrite:
	vmwrite	%rsp, %rax
	test	%rsi, %rsi

	mov	REGS_RAX(%rdi), %rax
	LOAD_GPRS

	/* VERW changes ZF, which says whether to launch. */
	jz	.Llaunch
#ifdef CLEAR_BUFFERS_FEATURE
	ALTERNATIVE "jmp .Lresume", "", CLEAR_BUFFERS_FEATURE
	verw	verw_selector(%rip)
#endif
.Lresume:
	UNWIND_HINT_SAVE
.Lvmresume:
	vmresume
	jmp	.Lfailed
.Llaunch:
#ifdef CLEAR_BUFFERS_FEATURE
	ALTERNATIVE "jmp .Llaunch_now", "", CLEAR_BUFFERS_FEATURE
	verw	verw_selector(%rip)
#endif
.Llaunch_now:
.Lvmlaunch:
	vmlaunch
	jmp	.Lfailed

SYM_INNER_LABEL_ALIGN(vmx_exited, SYM_L_GLOBAL)
	UNWIND_HINT_RESTORE
	ENDBR

	push	%rax
	mov	8(%rsp), %rax
	SAVE_GPRS
	mov	%rax, %rcx
	pop	%rax
	mov	%rax, REGS_RAX(%rcx)
	push	$0

.Lleave:
	xor	%eax, %eax
	CLEAR_GPRS

	/* Before the first return: the guest owns the return stack's contents. */
	FILL_RETURN_BUFFER %rcx, RSB_CLEAR_LOOPS, X86_FEATURE_RSB_VMEXIT, \
			   X86_FEATURE_RSB_VMEXIT_LITE
	FORGET_BRANCHES

	pop	%rax
	pop	%rdi
	pop	%rbx
	pop	%r12
	pop	%r13
	pop	%r14
	pop	%r15
	pop	%rbp
	RET

.Lfailed:
	push	$1
	jmp	.Lleave

	/* #UD: a reboot or a crash has ended VMX operation in the meantime. */
	_ASM_EXTABLE(.Lvmwrite, .Lfailed)
	_ASM_EXTABLE(.Lvmresume, .Lfailed)
	_ASM_EXTABLE(.Lvmlaunch, .Lfailed)
SYM_FUNC_END(vmx_enter_guest)
