/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the host kernel wants to be told, or wants done, around guest mode. Most of it is in a
 * header for its own KVM whose names clash with ours: only guestmode.c includes that.
 */
#ifndef UMBRA_GUESTMODE_H
#define UMBRA_GUESTMODE_H

#include <linux/context_tracking.h>
#include <linux/jiffies.h>
#include <linux/percpu.h>
#include <linux/vtime.h>

#include "compat.h"

/**
 * guest_work_pending() - must something be done before the guest may be entered?
 *
 * Any context; decisive only with interrupts off. Return: whether guest_work() is due.
 */
static inline bool guest_work_pending(void)
{
	return __xfer_to_guest_mode_work_pending();
}

/**
 * guest_work() - reschedule, run task work
 *
 * May sleep; nothing that other tasks wait for is held. Return: 0, or -EINTR for a signal.
 */
int guest_work(void);

/**
 * guest_timing_enter() - from here on time is the guest's
 *
 * Interrupts are off. By run.c.
 */
static inline void guest_timing_enter(void)
{
	vtime_account_guest_enter();
}

/**
 * guest_timing_exit() - ... and the host's again
 *
 * Interrupts are off, and were on for a moment after the exit, so that a timer tick which
 * caused the exit counts as the guest's.
 */
static inline void guest_timing_exit(void)
{
	vtime_account_guest_exit();
}

/* The jiffy in which RCU was last told, for guest_state_enter(). */
DECLARE_PER_CPU(unsigned long, guest_noted);

/* What is always to be told, by guest_state_enter() and guest_state_exit() alone. */
void guest_state_tell_enter(void);
void guest_state_tell_exit(void);

/* Somebody counts the time in guest mode, or follows the state of interrupts. */
static __always_inline bool guest_state_followed(void)
{
	return IS_ENABLED(CONFIG_TRACE_IRQFLAGS) || context_tracking_enabled();
}

/**
 * guest_state_enter() - RCU, context tracking and lockdep: this CPU goes to guest mode
 *
 * RCU hears of it once a jiffy: a CPU is left alone by the tick for no longer without its knowing.
 * Interrupts are off. By the backend, from noinstr code, right before it switches worlds.
 */
static __always_inline void guest_state_enter(void)
{
	if (guest_state_followed() || raw_cpu_read(guest_noted) != jiffies)
		guest_state_tell_enter();
}

/**
 * guest_state_exit() - ... and is back
 *
 * As guest_state_enter(), right after.
 */
static __always_inline void guest_state_exit(void)
{
	if (guest_state_followed())
		guest_state_tell_exit();
}

#endif
