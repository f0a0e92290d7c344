// SPDX-License-Identifier: GPL-2.0-only
/* The host kernel's own inlines for guest mode, under names and types that are safe for us. */
#include <linux/entry-kvm.h>
#include <linux/kvm_host.h>

#include "guestmode.h"

/*
 * xfer_to_guest_mode_handle_work() notes a signal in KVM's vCPU and its run page. We need
 * neither note, so that every vCPU may scribble into the same ones.
 */
static struct kvm_run scratch_run;
static struct kvm_vcpu scratch_vcpu = { .run = &scratch_run };

bool guest_work_pending(void)
{
	return __xfer_to_guest_mode_work_pending();
}

int guest_work(void)
{
	return xfer_to_guest_mode_handle_work(&scratch_vcpu);
}

void guest_timing_enter(void)
{
	guest_timing_enter_irqoff();
}

void guest_timing_exit(void)
{
	guest_timing_exit_irqoff();
}

/*
 * RCU hears of it once a jiffy: a CPU is left alone by the tick for no longer without its knowing.
 * Whoever counts the time in guest mode, or follows the state of interrupts, is told always.
 */
static DEFINE_PER_CPU(unsigned long, noted);

noinstr void guest_state_enter(void)
{
	unsigned long now = jiffies;

	if (!IS_ENABLED(CONFIG_TRACE_IRQFLAGS) && !context_tracking_enabled() &&
	    raw_cpu_read(noted) == now)
		return;
	raw_cpu_write(noted, now);
	guest_state_enter_irqoff();
}

noinstr void guest_state_exit(void)
{
	guest_state_exit_irqoff();
}
