/* SPDX-License-Identifier: GPL-2.0-only */
/* MSR_TSC_AUX. The host's kernel does not use it itself: the guest's may stay between entries. */
#ifndef UMBRA_TSCAUX_H
#define UMBRA_TSCAUX_H

#include <asm/msr-index.h>

#include "hostmsr.h"

/**
 * struct tsc_aux - a vCPU's, for the backends
 * @loaded:	the processor's MSR is the guest's
 * @value:	what it holds then
 */
struct tsc_aux {
	bool loaded;
	u32 value;
};

/**
 * tsc_aux_load() - before an entry
 * @aux:	the vCPU's
 * @value:	what its guest is to read
 *
 * Preemption is off; the processor has RDTSCP.
 */
static __always_inline void tsc_aux_load(struct tsc_aux *aux, u32 value)
{
	if (aux->loaded && aux->value == value)
		return;
	chosen_wrmsr(MSR_TSC_AUX, value);
	aux->value = value;
	aux->loaded = true;
}

/**
 * tsc_aux_unload() - the thread leaves the processor, or goes back to user space
 * @aux:	the vCPU's
 * @host:	what the MSR held before
 *
 * Preemption is off.
 */
static inline void tsc_aux_unload(struct tsc_aux *aux, u64 host)
{
	if (aux->loaded)
		host_wrmsr(MSR_TSC_AUX, host);
	aux->loaded = false;
}

#endif
