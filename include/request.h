/* SPDX-License-Identifier: GPL-2.0-only */
/* What is asked of vCPUs by others, and how it reaches those in guest mode. In request.c. */
#ifndef UMBRA_REQUEST_H
#define UMBRA_REQUEST_H

struct vcpu;
struct vm;

/* Bits of vcpu.requests. */
enum {
	REQ_FLUSH_TLB,		/* forget all hardware translations */
	REQ_RELOAD_ROOT,	/* the MMU zapped a root: check it */
	REQ_TRIPLE_FAULT,
	REQ_EVENT,		/* something may be deliverable */
	REQ_CLOCK,		/* what the guest reads of time is to be written anew */
	REQ_STEAL,		/* ... and what of time that it did not have */
	REQ_NMI,		/* vcpu.nmis */
	REQ_EOI,		/* user space is to be told of an EOI */
	REQ_MSR_FILTER,		/* the VM has another filter of MSRs */
	REQ_DEBUG,		/* a #DB is for user space, which debugs the guest */
	REQ_RING_FULL,		/* the dirty ring counted as full */
	REQ_SMI,		/* an SMI came */
};

/**
 * vcpu_kick() - make a vCPU look for what was asked of it
 * @vcpu:	any
 *
 * If it is in guest mode it leaves that soon, if it is halted it wakes.
 *
 * Any context. Does not wait.
 */
void vcpu_kick(struct vcpu *vcpu);

/**
 * vcpu_nmi() - an NMI from anywhere
 * @vcpu:	any
 *
 * Any context.
 */
void vcpu_nmi(struct vcpu *vcpu);

/**
 * vcpu_smi() - an SMI from anywhere
 * @vcpu:	any
 *
 * Any context. Several that are not taken yet are one.
 */
void vcpu_smi(struct vcpu *vcpu);

/**
 * vm_make_request() - ask all vCPUs of a VM for something and wait until seen
 * @vm:		the VM
 * @req:	REQ_FLUSH_TLB or REQ_RELOAD_ROOT
 *
 * Every processor in guest mode leaves it before this returns, and handles
 * the request before it enters again. Spinlocks may be held, interrupts are on.
 */
void vm_make_request(struct vm *vm, int req);

#endif
