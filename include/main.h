/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the module as a whole gives to its VMs.
 */
#ifndef UMBRA_MAIN_H
#define UMBRA_MAIN_H

#include "types.h"

/**
 * cpus_get() - turn virtualization on, on every CPU, if this is the first user
 *
 * May sleep. Return: 0, or -EBUSY (the log says which CPU and why).
 */
int cpus_get(void);

/**
 * cpus_put() - the opposite; the last user turns it off
 */
void cpus_put(void);

/**
 * cpus_usable() - may guests be entered?
 *
 * Any context. Return: false once the host is going down.
 */
bool cpus_usable(void);

/**
 * umbra_check_extension() - KVM_CHECK_EXTENSION, on the device or a VM
 * @cap:	KVM_CAP_*
 *
 * KVM API 4.4. Return: 0 if it is not there.
 */
long umbra_check_extension(unsigned long cap);

#endif
