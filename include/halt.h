/* SPDX-License-Identifier: GPL-2.0-only */
/* vCPUs that don't run: halted, or waiting for INIT and SIPI. In halt.c. */
#ifndef UMBRA_HALT_H
#define UMBRA_HALT_H

#include "exit.h"

struct vcpu;

/**
 * vcpu_halt() - HLT was executed, and rip is behind it
 * @vcpu:	loaded
 *
 * With interrupt controllers in user space that knows what ends it. A trap behind the HLT ends it
 * at once.
 *
 * Return: as a handler of an exit.
 */
enum handled vcpu_halt(struct vcpu *vcpu);

/**
 * vcpu_must_settle() - is the vCPU to be kept from running, or is there INIT or SIPI for it?
 * @vcpu:	its own thread calls
 */
bool vcpu_must_settle(const struct vcpu *vcpu);

/**
 * vcpu_settle() - take INIT and SIPI, and wait until the vCPU is to run
 * @vcpu:	loaded
 * @srcu:	the slots' (SRCU) index; they are let go of while it waits
 *
 * Return: REENTER; TO_USER (HLT, controllers in user space); FAIL with -EINTR.
 */
enum handled vcpu_settle(struct vcpu *vcpu, int *srcu);

/**
 * vcpu_accept_sipi() - take INIT and SIPI
 * @vcpu:	loaded, slots held
 *
 * Intel SDM 3A 9.4.2 and 11.4.7. Changes mp_state and registers.
 */
void vcpu_accept_sipi(struct vcpu *vcpu);

#endif
