/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * For the backends' entry.S: the guest's general registers, and the host's mitigations.
 */
#ifndef UMBRA_ENTRY_H
#define UMBRA_ENTRY_H

#include <asm/alternative.h>
#include <asm/nospec-branch.h>

#include "mitigate.h"

/* struct vcpu_regs: in the encoding's order, 8 bytes each; RSP is the control structure's */
#define REGS_RAX	(0 * 8)
#define REGS_RCX	(1 * 8)
#define REGS_RDX	(2 * 8)
#define REGS_RBX	(3 * 8)
#define REGS_RBP	(5 * 8)
#define REGS_RSI	(6 * 8)
#define REGS_RDI	(7 * 8)
#define REGS_R8	(8 * 8)
#define REGS_R9	(9 * 8)
#define REGS_R10	(10 * 8)
#define REGS_R11	(11 * 8)
#define REGS_R12	(12 * 8)
#define REGS_R13	(13 * 8)
#define REGS_R14	(14 * 8)
#define REGS_R15	(15 * 8)

/* What a caller in C wants back. */
.macro PUSH_CALLEE_SAVED
	push	%rbp
	push	%r15
	push	%r14
	push	%r13
	push	%r12
	push	%rbx
.endm

.macro POP_CALLEE_SAVED
	pop	%rbx
	pop	%r12
	pop	%r13
	pop	%r14
	pop	%r15
	pop	%rbp
.endm

/* From struct vcpu_regs at %rdi; all but RAX. */
.macro LOAD_GPRS
	mov	REGS_RCX(%rdi), %rcx
	mov	REGS_RDX(%rdi), %rdx
	mov	REGS_RBX(%rdi), %rbx
	mov	REGS_RBP(%rdi), %rbp
	mov	REGS_RSI(%rdi), %rsi
	mov	REGS_R8(%rdi), %r8
	mov	REGS_R9(%rdi), %r9
	mov	REGS_R10(%rdi), %r10
	mov	REGS_R11(%rdi), %r11
	mov	REGS_R12(%rdi), %r12
	mov	REGS_R13(%rdi), %r13
	mov	REGS_R14(%rdi), %r14
	mov	REGS_R15(%rdi), %r15
	mov	REGS_RDI(%rdi), %rdi
.endm

/* Into struct vcpu_regs at %rax; all but RAX. */
.macro SAVE_GPRS
	mov	%rcx, REGS_RCX(%rax)
	mov	%rdx, REGS_RDX(%rax)
	mov	%rbx, REGS_RBX(%rax)
	mov	%rbp, REGS_RBP(%rax)
	mov	%rsi, REGS_RSI(%rax)
	mov	%rdi, REGS_RDI(%rax)
	mov	%r8, REGS_R8(%rax)
	mov	%r9, REGS_R9(%rax)
	mov	%r10, REGS_R10(%rax)
	mov	%r11, REGS_R11(%rax)
	mov	%r12, REGS_R12(%rax)
	mov	%r13, REGS_R13(%rax)
	mov	%r14, REGS_R14(%rax)
	mov	%r15, REGS_R15(%rax)
.endm

/* No register that the guest chose lives on for speculation to use; all but RAX. */
.macro CLEAR_GPRS
	xor	%ecx, %ecx
	xor	%edx, %edx
	xor	%ebx, %ebx
	xor	%ebp, %ebp
	xor	%esi, %esi
	xor	%edi, %edi
	xor	%r8d, %r8d
	xor	%r9d, %r9d
	xor	%r10d, %r10d
	xor	%r11d, %r11d
	xor	%r12d, %r12d
	xor	%r13d, %r13d
	xor	%r14d, %r14d
	xor	%r15d, %r15d
.endm

/* Before an entry, all registers loaded. Takes ZF. */
.macro CLEAR_BUFFERS
	ALTERNATIVE_2 "jmp .Lbuffers_clear_\@", "", X86_FEATURE_CLEAR_CPU_BUF, \
		      "", X86_FEATURE_CLEAR_CPU_BUF_VM
	verw	host_data_selector(%rip)
.Lbuffers_clear_\@:
.endm

/* Takes RAX, RCX, RDX. Where it leaves return predictions alone, they are overwritten. */
.macro IBPB
	mov	$MSR_IA32_PRED_CMD, %ecx
	mov	$PRED_CMD_IBPB, %eax
	xor	%edx, %edx
	wrmsr
	FILL_RETURN_BUFFER %rax, RSB_CLEAR_LOOPS, X86_BUG_IBPB_NO_RET
.endm

/* After an exit. Takes RAX, RCX, RDX. */
.macro EXIT_IBPB
	ALTERNATIVE_2 "jmp .Lno_ibpb_\@", "", X86_FEATURE_ENTRY_IBPB, \
		      "", X86_FEATURE_IBPB_ON_VMEXIT
	IBPB
.Lno_ibpb_\@:
.endm

/*
 * After an exit, before the first RET: the host's SPEC_CTRL, and always where the kernel relies
 * on IBRS, which is a barrier only for what ran before it was written, whatever it was. No
 * speculation with the guest's value, on the other way. Takes RAX, RCX, RDX.
 */
.macro RESTORE_SPEC_CTRL host:req guest:req
	ALTERNATIVE "jmp .Lspec_ctrl_done_\@", "", X86_FEATURE_MSR_SPEC_CTRL
	mov	\host, %rax
	mov	\guest, %rdx
	cmp	%rax, %rdx
	ALTERNATIVE "je .Lspec_ctrl_same_\@", "", X86_FEATURE_KERNEL_IBRS
	mov	$MSR_IA32_SPEC_CTRL, %ecx
	mov	%rax, %rdx
	shr	$32, %rdx
	wrmsr
.Lspec_ctrl_same_\@:
	lfence
.Lspec_ctrl_done_\@:
.endm

/*
 * After an exit: more taken branches than the longest history there is (194, Alder Lake) push the
 * guest's out. LFENCE: none of it is left by speculation. Takes RCX.
 */
#define HISTORY_ROUNDS	100	/* of two branches */

.macro CLEAR_BRANCHES
	ALTERNATIVE "jmp .Lbranches_done_\@", "", MITIGATE_BHI
	mov	$HISTORY_ROUNDS, %ecx
.Lbranches_\@:
	jmp	.Lbranch_\@
	int3
.Lbranch_\@:
	dec	%ecx
	jnz	.Lbranches_\@
	lfence
.Lbranches_done_\@:
.endm

#endif
