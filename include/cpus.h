/* SPDX-License-Identifier: GPL-2.0-only */
/* The host's CPUs: where virtualization is on, and whether guests may be entered. In cpus.c. */
#ifndef UMBRA_CPUS_H
#define UMBRA_CPUS_H

#include "types.h"

/**
 * cpus_module_init() - watch CPUs come and go
 * @vendor_name: of the backend, for the log
 *
 * May sleep. Return: 0, or a negative errno: -EBUSY if KVM does so, with a line in the log.
 */
int cpus_module_init(const char *vendor_name);

/**
 * cpus_module_exit() - ... no more; there are no users
 */
void cpus_module_exit(void);

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
 * cpus_refuse() - the host goes down: cpus_usable() is false from now on
 */
void cpus_refuse(void);

/**
 * cpus_stop() - turn virtualization off on every CPU, whoever uses it
 *
 * May sleep. After cpus_refuse() and vm_stop_all().
 */
void cpus_stop(void);

/**
 * cpus_usable() - may guests be entered?
 *
 * Any context. Return: false once the host is going down.
 */
bool cpus_usable(void);

#endif
