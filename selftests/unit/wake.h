/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A vCPU with the module's own run loop, requests and interrupt controllers; its processor, its
 * guest and the kernel are fakes. It runs beside somebody who wants something of it.
 *
 * In wake_test both are made to take turns: wake_run() is told where. A store of one is seen by
 * the other as late as x86 allows it: at a barrier, an atomic operation, or where it waits.
 */
#ifndef WAKE_H
#define WAKE_H

#include <asm/kvm_para.h>

#include "chips.h"
#include "event.h"
#include "exit.h"
#include "halt.h"
#include "pv.h"
#include "request.h"
#include "state.h"
#include "vcpu.h"
#include "vendor.h"
#include "vm.h"
#include "vm_chips.h"

#define VECTOR		0x60	/* of IPIs and of the timer */
#define PIC_BASE	0x30
#define STEAL_GPA	0x1000
#define EOI_GPA		0x2000

/* What the guest does where nothing is delivered to it. GUEST_MIXED: halts, or stays. */
enum guest { GUEST_STAYS, GUEST_HALTS, GUEST_OPENS_LINT0, NR_GUESTS, GUEST_MIXED };

/**
 * struct wake - the machine
 * @guest:	what the guest does, but for one other exit at first
 * @in_guest:	the processor is in guest mode
 * @ipi:	it is to be interrupted; @irqs_off: takes no interrupt
 * @irqs: @extints: @nmis: @inits: what the guest got
 * @asked:	somebody relies on its TLB having been flushed; @flushed: it has
 * @resched:	the vCPU's thread is to let others run, once
 * @preempted:	struct kvm_steal_time.preempted in the guest's memory
 * @offered:	there too: an interrupt may be ended without a write
 */
struct wake {
	enum guest guest;
	bool in_guest, ipi, irqs_off, resched, asked, flushed;
	unsigned int irqs, extints, nmis, inits, entries;
	struct event injected;
	bool irq_window, nmi_window;
	u8 preempted, offered;
};

extern struct wake wake;
extern struct vcpu wake_vcpu;
extern struct vm wake_vm;

/* A new machine; one whose guest knows MSR_KVM_PV_EOI_EN. */
extern bool wake_pv_eoi;
void wake_reset(enum guest guest);

/* The vCPU's thread. */
struct task_struct *wake_task(void);

/* wake_machine.c asks for these: turns in wake_test, threads in wake_threads. */
void wake_wait(bool (*over)(void));

#endif
