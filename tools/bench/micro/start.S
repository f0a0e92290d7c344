/* SPDX-License-Identifier: GPL-2.0-only */
/* Multiboot entry in 32-bit mode; goes to 64-bit mode with the first GiB mapped to itself. */
#define MB_MAGIC	0x1badb002
#define PRESENT_RW	0x3
#define LARGE		0x80

	.section .multiboot, "a"
	.balign 4
	.long	MB_MAGIC, 0, -MB_MAGIC

	.text
	.code32
	.globl _start
_start:
	movl	$pd, %edi
	movl	$(LARGE | PRESENT_RW | 0x60), %eax
	movl	$512, %ecx
1:	movl	%eax, (%edi)
	addl	$0x200000, %eax
	addl	$8, %edi
	loop	1b
	movl	$(pd + PRESENT_RW), pdpt
	movl	$(pdpt + PRESENT_RW), pml4
	movl	$pml4, %eax
	movl	%eax, %cr3
	movl	%cr4, %eax
	orl	$(1 << 5), %eax
	movl	%eax, %cr4
	movl	$0xc0000080, %ecx
	rdmsr
	orl	$((1 << 8) | (1 << 11)), %eax
	wrmsr
	movl	%cr0, %eax
	orl	$((1 << 31) | (1 << 16)), %eax
	movl	%eax, %cr0
	lgdt	gdt_pointer
	ljmp	$8, $long_mode

	.code64
long_mode:
	movl	$16, %eax
	movl	%eax, %ds
	movl	%eax, %es
	movl	%eax, %ss
	movq	$stack_top, %rsp
	call	main
	movw	$0xf4, %dx
	outb	%al, %dx
1:	hlt
	jmp	1b

	.globl page_fault_entry
page_fault_entry:
	addq	$8, %rsp
	pushq	%rax
	pushq	%rcx
	pushq	%rdx
	pushq	%rsi
	pushq	%rdi
	pushq	%r8
	pushq	%r9
	pushq	%r10
	pushq	%r11
	movq	%cr2, %rdi
	call	page_fault
	popq	%r11
	popq	%r10
	popq	%r9
	popq	%r8
	popq	%rdi
	popq	%rsi
	popq	%rdx
	popq	%rcx
	popq	%rax
	iretq

	.section .rodata
	.balign 8
gdt:
	.quad	0, 0x00af9b000000ffff, 0x00cf93000000ffff
gdt_pointer:
	.word	gdt_pointer - gdt - 1
	.long	gdt

	.bss
	.balign 4096
	.globl pml4
pml4:	.skip	4096
pdpt:	.skip	4096
pd:	.skip	4096
stack:	.skip	16384
stack_top:
	.section .note.GNU-stack, "", @progbits
