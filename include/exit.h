/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Why the guest stopped, in words that no vendor owns. A backend's enter
 * operation fills one in; exit.c acts on it.
 */
#ifndef UMBRA_EXIT_H
#define UMBRA_EXIT_H

#include "types.h"

struct vcpu;

/**
 * enum exit_kind - what happened
 *
 * EXIT_EMULATE stands for everything that is best done by running the
 * instruction in the emulator: accesses to control and debug registers,
 * INVLPG and the like when the processor did not decode them.
 */
enum exit_kind {
	EXIT_PF,		/* .pf */
	EXIT_EXCEPTION,		/* .exception: an intercepted one other than #PF */
	EXIT_HOST_IRQ,		/* a host interrupt (pending until interrupts are enabled) */
	EXIT_HOST_NMI,
	EXIT_IRQ_WINDOW,	/* the guest can take an interrupt now */
	EXIT_NMI_WINDOW,	/* ... an NMI */
	EXIT_IO,		/* .io */
	EXIT_CPUID,
	EXIT_HLT,
	EXIT_RDMSR,
	EXIT_WRMSR,
	EXIT_CR_WRITE,		/* .cr, decoded by the processor */
	EXIT_CR_READ,		/* .cr */
	EXIT_INVLPG,		/* .gva, decoded by the processor */
	EXIT_XSETBV,
	EXIT_RDPMC,
	EXIT_WBINVD,
	EXIT_PAUSE,
	EXIT_VMCALL,
	EXIT_MWAIT,		/* or MONITOR */
	EXIT_UD,		/* an instruction the guest does not have */
	EXIT_EMULATE,
	EXIT_FAULT,		/* .exception, if the emulator does not know the instruction */
	EXIT_STEPPED,		/* the instruction of run_alone is done; .exception.dr6 */
	EXIT_INT,		/* INT n, INT3 or INTO; only while user space debugs the guest */
	EXIT_DELIVER,		/* .delivering could not be handed to the processor in this mode */
	EXIT_TASK_SWITCH,	/* .task; .delivering, if by an event */
	EXIT_SHUTDOWN,		/* triple fault; .state_lost */
	EXIT_FAIL_ENTRY,	/* the processor refused the state; .hw_reason */
	EXIT_UNKNOWN,		/* .hw_reason, .hw_info */
	NR_EXIT_KINDS
};

/* What an event is; enum values are arbitrary. */
enum event_type {
	EVENT_NONE,
	EVENT_IRQ,		/* external interrupt */
	EVENT_NMI,
	EVENT_EXCEPTION,	/* fault, trap or abort, also of INT3 and INTO */
	EVENT_SOFT_IRQ,		/* INT n */
};

/**
 * struct event - something to deliver, or being delivered, through the guest's IDT
 * @type:	enum event_type
 * @vector:	IDT vector
 * @has_error:	@error is pushed
 * @error:	error code
 */
struct event {
	u8 type;
	u8 vector;
	bool has_error;
	u32 error;
};

/**
 * struct exit - one exit
 * @kind:	enum exit_kind
 * @long_mode:	the guest is known to have been in 64-bit mode; false says nothing, unless an
 *		instruction exited
 * @next_rip:	rip after the exiting instruction, all 64 bits of the sum, or 0 where the
 *		processor does not say (the instruction is then decoded)
 * @state_lost:	the processor has not saved the guest's state: it must be reset
 * @traps:	bits of DR6 for a #DB that was due before: what MOV SS had held back
 * @delivering:	the event whose delivery the exit interrupted; to be delivered
 *		again. Software interrupts are not reported: the instruction
 *		runs again.
 * @hw_reason: @hw_info: the processor's own words, for traces and errors
 */
struct exit {
	u8 kind;
	bool long_mode, state_lost;
	u8 traps;
	u64 next_rip;
	struct event delivering;
	u64 hw_reason;
	u64 hw_info[2];
	union {
		struct {
			gva_t gva;
			u32 error;
		} pf;
		struct {
			u8 vector;
			bool has_error;
			u32 error;
			u64 dr6;	/* #DB: bits newly set, with their DR6 polarity */
			bool insn;	/* INT1, INT3 or INTO: a trap whose instruction exited */
		} exception;
		struct {
			u16 port;
			u8 size;	/* 1, 2, 4 */
			bool in, string, rep;
		} io;
		struct {
			u8 cr;		/* 0, 2, 3, 4, 8 */
			u8 gpr;		/* index into vcpu.regs.gpr */
		} cr;
		struct {
			u16 selector;	/* the new TSS's */
			u8 source;	/* enum emu_task_source */
			bool has_error;
			u32 error;	/* to be pushed, as an event has it */
		} task;
		gva_t gva;
	};
};

/**
 * enum handled - what follows from an exit
 * @REENTER:	enter the guest again
 * @TO_USER:	KVM_RUN ends, vcpu.run is filled in
 * @WAIT:	it would have to sleep. Nothing has changed, but what is remembered of memory
 *		(vcpu.fault, vcpu.code)
 * @FAIL:	KVM_RUN ends with vcpu.run_error
 */
enum handled { REENTER, TO_USER, WAIT, FAIL };

/**
 * exit_handle_atomic() - act on an exit between two entries
 * @vcpu:	just left, slots held (SRCU); its FPU state is loaded
 * @exit:	why; what the processor has not decoded of it may be, on return
 *
 * Preemption is off, interrupts are on.
 *
 * Return: what follows. WAIT: exit_handle() is to be called.
 */
enum handled exit_handle_atomic(struct vcpu *vcpu, struct exit *exit);

/**
 * exit_handle() - act on an exit where it may sleep
 * @vcpu:	loaded, interrupts on, slots held (SRCU)
 * @exit:	as exit_handle_atomic() left it
 *
 * Return: what follows.
 */
enum handled exit_handle(struct vcpu *vcpu, struct exit *exit);

/* ---- io.c ---- */

/**
 * exit_internal_error() - end KVM_RUN with KVM_EXIT_INTERNAL_ERROR
 * @vcpu:	the vCPU
 * @suberror:	KVM_INTERNAL_ERROR_*
 * @nr:		how many words of data follow, at most 4
 *
 * Return: TO_USER, for handlers to return.
 */
enum handled exit_internal_error(struct vcpu *vcpu, u32 suberror, unsigned int nr, ...);

/**
 * exit_to_user() - end KVM_RUN with a reason
 * @vcpu:	the vCPU; the rest of vcpu->run is filled in
 * @reason:	KVM_EXIT_*
 *
 * Return: TO_USER, for handlers to return.
 */
enum handled exit_to_user(struct vcpu *vcpu, u32 reason);

/**
 * exit_fail() - end KVM_RUN with an errno
 * @vcpu:	the vCPU
 * @err:	negative
 *
 * Return: FAIL, for handlers to return.
 */
enum handled exit_fail(struct vcpu *vcpu, int err);

#endif
