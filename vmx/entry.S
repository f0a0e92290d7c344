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

/* struct vcpu_regs: general registers in the encoding's order, 8 bytes each; RSP is in the VMCS */
#define RAX	(0 * 8)
#define RCX	(1 * 8)
#define RDX	(2 * 8)
#define RBX	(3 * 8)
#define RBP	(5 * 8)
#define RSI	(6 * 8)
#define RDI	(7 * 8)
#define R8	(8 * 8)
#define R9	(9 * 8)
#define R10	(10 * 8)
#define R11	(11 * 8)
#define R12	(12 * 8)
#define R13	(13 * 8)
#define R14	(14 * 8)
#define R15	(15 * 8)

#define VMCS_HOST_RSP	0x6c14

/* VERW empties the processor's buffers, where it is told to: before guest code can probe them. */
#ifdef X86_FEATURE_CLEAR_CPU_BUF_VM
#define CLEAR_BUFFERS_FEATURE	X86_FEATURE_CLEAR_CPU_BUF_VM
#elif defined(X86_FEATURE_CLEAR_CPU_BUF)
#define CLEAR_BUFFERS_FEATURE	X86_FEATURE_CLEAR_CPU_BUF
#endif

	.section .rodata
	.balign 2
SYM_DATA_LOCAL(verw_selector, .word __KERNEL_DS)

	.section .noinstr.text, "ax"

/*
 * unsigned long vmx_enter_guest(struct vcpu_regs *regs, unsigned long launched)
 *
 * Interrupts are off, and off again on return. The VMCS says that an exit goes on
 * at vmx_exited. Return: 0; or 1 when there was no entry, VM_INSTRUCTION_ERROR
 * tells why.
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
	vmwrite	%rsp, %rax
	test	%rsi, %rsi

	mov	RAX(%rdi), %rax
	mov	RCX(%rdi), %rcx
	mov	RDX(%rdi), %rdx
	mov	RBX(%rdi), %rbx
	mov	RBP(%rdi), %rbp
	mov	RSI(%rdi), %rsi
	mov	R8(%rdi), %r8
	mov	R9(%rdi), %r9
	mov	R10(%rdi), %r10
	mov	R11(%rdi), %r11
	mov	R12(%rdi), %r12
	mov	R13(%rdi), %r13
	mov	R14(%rdi), %r14
	mov	R15(%rdi), %r15
	mov	RDI(%rdi), %rdi

	/* VERW changes ZF, which says whether to launch. */
	jz	.Llaunch
#ifdef CLEAR_BUFFERS_FEATURE
	ALTERNATIVE "jmp .Lresume", "", CLEAR_BUFFERS_FEATURE
	verw	verw_selector(%rip)
#endif
.Lresume:
	UNWIND_HINT_SAVE
	vmresume
	jmp	.Lfailed
.Llaunch:
#ifdef CLEAR_BUFFERS_FEATURE
	ALTERNATIVE "jmp .Llaunch_now", "", CLEAR_BUFFERS_FEATURE
	verw	verw_selector(%rip)
#endif
.Llaunch_now:
	vmlaunch
	jmp	.Lfailed

SYM_INNER_LABEL_ALIGN(vmx_exited, SYM_L_GLOBAL)
	UNWIND_HINT_RESTORE
	ENDBR

	push	%rax
	mov	8(%rsp), %rax
	mov	%rcx, RCX(%rax)
	mov	%rdx, RDX(%rax)
	mov	%rbx, RBX(%rax)
	mov	%rbp, RBP(%rax)
	mov	%rsi, RSI(%rax)
	mov	%rdi, RDI(%rax)
	mov	%r8, R8(%rax)
	mov	%r9, R9(%rax)
	mov	%r10, R10(%rax)
	mov	%r11, R11(%rax)
	mov	%r12, R12(%rax)
	mov	%r13, R13(%rax)
	mov	%r14, R14(%rax)
	mov	%r15, R15(%rax)
	mov	%rax, %rcx
	pop	%rax
	mov	%rax, RAX(%rcx)
	xor	%eax, %eax

.Lleave:
	/* No register that the guest chose lives on for speculation to use. */
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

	/* Before the first return: the guest owns the return stack's contents. */
	FILL_RETURN_BUFFER %rcx, RSB_CLEAR_LOOPS, X86_FEATURE_RSB_VMEXIT, \
			   X86_FEATURE_RSB_VMEXIT_LITE

	pop	%rdi
	pop	%rbx
	pop	%r12
	pop	%r13
	pop	%r14
	pop	%r15
	pop	%rbp
	RET

.Lfailed:
	mov	$1, %eax
	jmp	.Lleave
SYM_FUNC_END(vmx_enter_guest)
