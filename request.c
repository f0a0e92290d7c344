// SPDX-License-Identifier: GPL-2.0-only
/* Who wants something of running vCPUs asks here. Calls nothing else of ours. */
#include <linux/cpumask.h>
#include <linux/preempt.h>
#include <linux/rcuwait.h>
#include <linux/smp.h>

#include "compat.h"
#include "request.h"
#include "vcpu.h"
#include "vm.h"

/*
 * A vCPU announces guest mode and then looks for requests; the one who asks sets the request and
 * then looks for vCPUs in guest mode. With a full barrier between the two steps on both sides,
 * either the vCPU sees the request or the asker sees the vCPU, whose processor then gets an
 * interrupt: it is taken only when guest mode has been left. The caller's own vCPU is not in it.
 */
static void do_nothing(void *unused)
{
}

static bool find_running(struct vm *vm, struct cpumask *mask)
{
	unsigned int i, nr = smp_load_acquire(&vm->nr_vcpus);
	bool found = false;

	for (i = 0; i < nr; i++) {
		struct vcpu *vcpu = vm->vcpus[i];
		int cpu = READ_ONCE(vcpu->cpu);

		if (READ_ONCE(vcpu->where) == VCPU_OUTSIDE || cpu < 0)
			continue;
		if (mask)
			cpumask_set_cpu(cpu, mask);
		found = true;
	}
	return found;
}

void vm_make_request(struct vm *vm, int req)
{
	unsigned int i, nr = smp_load_acquire(&vm->nr_vcpus);
	cpumask_var_t mask;

	for (i = 0; i < nr; i++)
		vcpu_request(vm->vcpus[i], req);
	smp_mb();
	if (!find_running(vm, NULL))
		return;
	preempt_disable();
	if (zalloc_cpumask_var(&mask, GFP_ATOMIC | __GFP_NOWARN)) {
		if (find_running(vm, mask))
			smp_call_function_many(mask, do_nothing, NULL, true);
		free_cpumask_var(mask);
	} else {
		smp_call_function_many(cpu_online_mask, do_nothing, NULL, true);
	}
	preempt_enable();
}

void vcpu_kick(struct vcpu *vcpu)
{
	int self, cpu;

	rcuwait_wake_up(&vcpu->wait);	/* begins with a full barrier */
	self = get_cpu();
	cpu = READ_ONCE(vcpu->cpu);
	if (READ_ONCE(vcpu->where) == VCPU_IN_GUEST && cpu >= 0 && cpu != self && cpu_online(cpu))
		smp_send_reschedule(cpu);
	put_cpu();
}

void vcpu_nmi(struct vcpu *vcpu)
{
	atomic_inc(&vcpu->nmis);
	vcpu_request(vcpu, REQ_NMI);
	vcpu_kick(vcpu);
}

void vcpu_smi(struct vcpu *vcpu)
{
	vcpu_request(vcpu, REQ_SMI);
	vcpu_kick(vcpu);
}
