/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the host kernel wants to be told, or wants done, around guest mode. It offers this to
 * its own KVM in a header whose names clash with ours: only guestmode.c includes it.
 */
#ifndef UMBRA_GUESTMODE_H
#define UMBRA_GUESTMODE_H

#include <linux/types.h>

/**
 * guest_work_pending() - must something be done before the guest may be entered?
 *
 * Any context; decisive only with interrupts off. Return: whether guest_work() is due.
 */
bool guest_work_pending(void);

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
void guest_timing_enter(void);

/**
 * guest_timing_exit() - ... and the host's again
 *
 * Interrupts are off, and were on for a moment after the exit, so that a timer tick which
 * caused the exit counts as the guest's.
 */
void guest_timing_exit(void);

/**
 * guest_state_enter() - RCU, context tracking and lockdep: this CPU goes to guest mode
 *
 * Interrupts are off. By the backend, from noinstr code, right before it switches worlds.
 */
void guest_state_enter(void);

/**
 * guest_state_exit() - ... and is back
 *
 * As guest_state_enter(), right after.
 */
void guest_state_exit(void);

#endif
