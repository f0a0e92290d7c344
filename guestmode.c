// SPDX-License-Identifier: GPL-2.0-only
/* The host kernel's own inlines for guest mode, under names and types that are safe for us. */
#include <linux/kvm_host.h>

#include "compat.h"
#include "guestmode.h"

/*
 * xfer_to_guest_mode_handle_work() notes a signal in KVM's vCPU and its run page. We need
 * neither note, so that every vCPU may scribble into the same ones.
 */
static struct kvm_run scratch_run;
static struct kvm_vcpu scratch_vcpu = { .run = &scratch_run };

int guest_work(void)
{
	return host_guest_work(&scratch_vcpu);
}

DEFINE_PER_CPU(unsigned long, guest_noted);

noinstr void guest_state_tell_enter(void)
{
	raw_cpu_write(guest_noted, jiffies);
	guest_state_enter_irqoff();
}

noinstr void guest_state_tell_exit(void)
{
	guest_state_exit_irqoff();
}
