/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A local APIC: xAPIC and x2APIC, with its timer. In irq/.
 *
 * All is the vCPU's own thread's, but what others do to it: irq_deliver() and lapic_timer_fired()
 * set bits of @tmr, @irr and @pending atomically, in any context, and kick.
 */
#ifndef UMBRA_APIC_H
#define UMBRA_APIC_H

#include <linux/bitops.h>
#include <linux/spinlock.h>

#include "irq.h"

#define APIC_VECTORS	256

/* Bits of apic.pending. */
enum { APIC_INIT, APIC_SIPI };

/**
 * struct lapic - a local APIC
 * @chips:	the VM's
 * @id:		the vCPU's id, and the x2APIC ID
 * @base:	IA32_APIC_BASE
 * @deadline_mode_allowed: CPUID says that there is a TSC-deadline timer
 * @renamed:	counted in @chips->nr_renamed
 * @eoi_offered: the guest may end @in_service without a write: lapic_settle_eoi()
 * @ppr:	processor priority; @in_service: highest vector of @isr, -1: none
 * @sipi_vector: of APIC_SIPI
 * @pending:	APIC_INIT, APIC_SIPI, set by anyone
 * @irr: @tmr:	set by anyone
 * @isr:	vectors in service
 * @timer_lock:	protects @timer_due and what lapic_timer_fired() reads
 * @timer_due:	as irq_host_now() has it; 0: not armed
 * @timer_period: initial count in ns
 * @timer_mode:	bits 18:17 of the timer's LVT, as far as they are allowed
 * @deadline_over: the interrupt of @deadline is in the IRR; @deadline is about to become 0
 * @deadline:	IA32_TSC_DEADLINE
 * @regs:	registers in KVM_GET_LAPIC's layout, but what is above
 */
struct lapic {
	struct irq_chips *chips;
	u32 id;
	bool deadline_mode_allowed, renamed, eoi_offered;
	u8 ppr, sipi_vector;
	s16 in_service;
	u64 base;
	unsigned long pending;
	unsigned long irr[APIC_VECTORS / BITS_PER_LONG];
	unsigned long tmr[APIC_VECTORS / BITS_PER_LONG];
	unsigned long isr[APIC_VECTORS / BITS_PER_LONG];
	raw_spinlock_t timer_lock;
	u32 timer_mode;
	u64 timer_due, timer_period;
	bool deadline_over;
	u64 deadline;
	struct kvm_lapic_state regs __aligned(8);
};

/**
 * lapic_init() - a new APIC, in its state after power-on
 * @apic:	zeroed
 * @chips:	the VM's; the caller publishes the APIC in it
 * @id:		the vCPU's
 * @base:	IA32_APIC_BASE after power-on: xAPIC, enabled; BSP or not
 */
void lapic_init(struct lapic *apic, struct irq_chips *chips, u32 id, u64 base);

/**
 * lapic_reset() - INIT or reset
 * @apic:	by its vCPU's thread
 * @init:	INIT: base, mode and id stay
 *
 * Intel SDM 3A 11.4.7. LINT0 of the BSP is ExtINT, unmasked, as firmware expects.
 */
void lapic_reset(struct lapic *apic, bool init);

/**
 * lapic_set_base() - IA32_APIC_BASE was written
 * @apic:	by its vCPU's thread
 * @base:	new value, its reserved bits checked
 * @host:	user space does it: any change of mode is allowed
 *
 * Intel SDM 3A 11.12.5. Return: 0, or -EINVAL: the change of mode is not allowed (#GP).
 */
int lapic_set_base(struct lapic *apic, u64 base, bool host);

/**
 * lapic_enabled() - is it there, by IA32_APIC_BASE?
 * @apic:	the APIC
 */
static inline bool lapic_enabled(const struct lapic *apic)
{
	return READ_ONCE(apic->base) & BIT(11);
}

static inline bool lapic_is_x2(const struct lapic *apic)
{
	return (READ_ONCE(apic->base) & (BIT(10) | BIT(11))) == (BIT(10) | BIT(11));
}

/**
 * lapic_takes_extint() - does the PIC's output reach this vCPU?
 * @apic:	any context
 *
 * By LINT0 as ExtINT unmasked, or with the APIC disabled by its base.
 */
bool lapic_takes_extint(const struct lapic *apic);

/**
 * lapic_takes_lint1_nmi() - is LINT1 an unmasked NMI? (KVM_NMI goes there)
 * @apic:	any context
 */
bool lapic_takes_lint1_nmi(const struct lapic *apic);

/**
 * lapic_mmio_read() - read of the APIC's page
 * @apic:	by its vCPU's thread, enabled and not in x2APIC mode
 * @offset:	in the page
 * @len:	bytes
 * @data:	result; what isn't there or isn't allowed reads as 0
 */
void lapic_mmio_read(struct lapic *apic, u32 offset, u32 len, void *data);

/**
 * lapic_mmio_write() - write to the APIC's page
 * @apic: @offset: @len: as lapic_mmio_read()
 * @data:	value; what isn't 4 bytes, aligned to 16, is ignored
 */
void lapic_mmio_write(struct lapic *apic, u32 offset, u32 len, const void *data);

/**
 * lapic_msr_read() - MSRs 0x800 to 0x8ff, and IA32_TSC_DEADLINE
 * @apic:	by its vCPU's thread
 * @index:	the MSR
 * @data:	result
 *
 * Intel SDM 3A 11.12.1. Return: 0, or -EINVAL: #GP.
 */
int lapic_msr_read(struct lapic *apic, u32 index, u64 *data);

/**
 * lapic_msr_write() - ... and written
 * @apic: @index: @data: as lapic_msr_read()
 * @host:	by user space
 *
 * Return: 0, or -EINVAL: #GP.
 */
int lapic_msr_write(struct lapic *apic, u32 index, u64 data, bool host);

/**
 * lapic_eoi() - end of interrupt, by whichever way
 * @apic:	by its vCPU's thread
 */
void lapic_eoi(struct lapic *apic);

/**
 * lapic_settle_eoi() - has the guest ended the interrupt that it may end without a write?
 * @apic:	by its vCPU's thread, before what goes by the interrupts in service
 *
 * That is: an access to the APIC's registers or state, and lapic_pending() and lapic_take(), unless
 * nothing is in the IRR. Return: 0; -EAGAIN: irq_host_take_eoi() has said so, nothing has changed.
 */
int lapic_settle_eoi(struct lapic *apic);

/**
 * lapic_is_idle() - is nothing in the IRR?
 * @apic:	by its vCPU's thread
 */
bool lapic_is_idle(const struct lapic *apic);

/**
 * lapic_tpr() - task priority, bits 7:4 of which are CR8
 * @apic:	the APIC
 */
u8 lapic_tpr(const struct lapic *apic);
void lapic_set_tpr(struct lapic *apic, u8 tpr);

/**
 * lapic_pending() - the interrupt to be delivered next
 * @apic:	by its vCPU's thread; its processor priority is considered
 *
 * Hot: before each entry that follows a kick, with interrupts disabled in the guest too. Return:
 * vector, or -1.
 */
int lapic_pending(struct lapic *apic);

/**
 * lapic_take() - the processor takes an interrupt
 * @apic:	by its vCPU's thread
 * @vector:	what lapic_pending() said; from IRR to ISR
 */
void lapic_take(struct lapic *apic, u8 vector);

/**
 * lapic_timer_fired() - the time set by irq_host_apic_timer() has come
 * @apic:	any context, and at the same time as its vCPU's thread
 *
 * The interrupt is in the IRR when this returns, or there is none. The deadline becomes 0 when the
 * vCPU looks: lapic_pending().
 */
void lapic_timer_fired(struct lapic *apic);

/**
 * lapic_timer_rearm() - the vCPU's TSC has jumped: the deadline's time is another
 * @apic:	by its vCPU's thread
 */
void lapic_timer_rearm(struct lapic *apic);

/**
 * lapic_get_state() - KVM_GET_LAPIC
 * @apic:	by its vCPU's thread or with it stopped
 * @state:	filled in; the current count as of now
 *
 * KVM API 4.57.
 */
void lapic_get_state(struct lapic *apic, struct kvm_lapic_state *state);

/**
 * lapic_set_state() - KVM_SET_LAPIC
 * @apic:	as lapic_get_state()
 * @state:	not trusted
 *
 * The timer goes on from the current count. Pending interrupts need no other event to be delivered.
 * KVM API 4.58. Return: 0 or -EINVAL (id, in x2APIC mode with 32-bit ids).
 */
int lapic_set_state(struct lapic *apic, const struct kvm_lapic_state *state);

/**
 * lapic_take_init() - is an INIT waiting?
 * @apic:	by its vCPU's thread
 *
 * Takes it, with an older SIPI. Return: whether.
 */
bool lapic_take_init(struct lapic *apic);

/**
 * lapic_take_sipi() - is a SIPI waiting, and no INIT before it?
 * @apic:	by its vCPU's thread
 * @vector:	page to start at
 *
 * Takes it. One behind an INIT waits until that is taken: lapic_take_init(). Intel SDM 3A 9.4.4.
 * Return: whether.
 */
bool lapic_take_sipi(struct lapic *apic, u8 *vector);

#endif
