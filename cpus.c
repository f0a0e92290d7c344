// SPDX-License-Identifier: GPL-2.0-only
/* Which CPUs have virtualization on, and when: hotplug, suspend, reboot, crash. */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/cpu.h>
#include <linux/cpuhotplug.h>
#include <linux/mutex.h>
#include <linux/percpu.h>
#include <linux/printk.h>
#include <linux/smp.h>

#include "clock.h"
#include "compat.h"
#include "cpus.h"
#include "vendor.h"

static const char *name;	/* of the backend */

/* How many VMs there are. Changed under cpus_lock with CPU hotplug held off. */
static unsigned int cpus_users;
static DEFINE_MUTEX(cpus_lock);
static DEFINE_PER_CPU(bool, cpu_is_on);
static bool rebooting;
static int check_state;		/* hotplug's number of cpu_check_cb() */

static const char *why_not(int err)
{
	switch (err) {
	case -EBUSY:
		return "another hypervisor uses it";
	case -EOPNOTSUPP:
		return "the processor offers less than the others";
	default:
		return "the processor refuses";
	}
}

static int cpu_enable(void)
{
	int r = 0;

	if (!__this_cpu_read(cpu_is_on)) {
		r = vendor(cpu_enable)();
		__this_cpu_write(cpu_is_on, !r);
	}
	if (r)
		pr_err("CPU %d: can't turn %s on: %s\n", smp_processor_id(), name,
		       why_not(r));
	return r;
}

static void cpu_disable(void)
{
	if (!__this_cpu_read(cpu_is_on))
		return;
	vendor(cpu_disable)();
	__this_cpu_write(cpu_is_on, false);
}

static void cpu_crash(void)
{
	if (__this_cpu_read(cpu_is_on))
		vendor(cpu_disable)();
}

static void cpu_enable_ipi(void *failed)
{
	if (cpu_enable())
		atomic_inc(failed);
}

static void cpu_disable_ipi(void *unused)
{
	cpu_disable();
}

static int enable_all(void)
{
	atomic_t failed = ATOMIC_INIT(0);

	if (rebooting)
		return -EBUSY;
	on_each_cpu(cpu_enable_ipi, &failed, 1);
	if (!atomic_read(&failed))
		return 0;
	on_each_cpu(cpu_disable_ipi, NULL, 1);
	return -EBUSY;
}

/* There is one place for a crash callback, and KVM warns if it is taken: not held for longer. */
static int start_all(void)
{
	int r;

	crash_register(cpu_crash);
	r = enable_all();
	if (r)
		crash_unregister(cpu_crash);
	return r;
}

static void stop_all(void)
{
	on_each_cpu(cpu_disable_ipi, NULL, 1);
	crash_unregister(cpu_crash);
}

int cpus_get(void)
{
	int r = 0;

	cpus_read_lock();
	mutex_lock(&cpus_lock);
	if (!cpus_users)
		r = start_all();
	if (!r)
		cpus_users++;
	mutex_unlock(&cpus_lock);
	cpus_read_unlock();
	return r;
}

void cpus_put(void)
{
	cpus_read_lock();
	mutex_lock(&cpus_lock);
	if (!--cpus_users)
		stop_all();
	mutex_unlock(&cpus_lock);
	cpus_read_unlock();
}

void cpus_refuse(void)
{
	WRITE_ONCE(rebooting, true);
	smp_mb();	/* a KVM_RUN that missed it finds its request */
}

void cpus_stop(void)
{
	on_each_cpu(cpu_disable_ipi, NULL, 1);
}

bool cpus_usable(void)
{
	return !READ_ONCE(rebooting);
}

static int cpu_online_cb(unsigned int cpu)
{
	unsigned long flags;
	int r = 0;

	local_irq_save(flags);
	if (cpus_users && cpus_usable())
		r = cpu_enable();
	local_irq_restore(flags);
	return r;
}

static int cpu_offline_cb(unsigned int cpu)
{
	unsigned long flags;

	local_irq_save(flags);
	cpu_disable();
	local_irq_restore(flags);
	return 0;
}

/*
 * Up to 6.5 the state above may not fail: the CPU comes all the same. This one may, and tasks come
 * later, so that no vCPU gets to a CPU that can't run it.
 */
static int cpu_check_cb(unsigned int cpu)
{
	return cpus_users && cpus_usable() && !per_cpu(cpu_is_on, cpu) ? -EIO : 0;
}

/* Suspend leaves one CPU to us, with interrupts off; hotplug has done the others. */
static int cpus_suspend(void)
{
	cpu_disable();
	return 0;
}

static void cpus_resume(void)
{
	if (cpus_users)
		cpu_enable();
	clock_resume();
}

DEFINE_SYSCORE(syscore, cpus_suspend, cpus_resume)

int cpus_module_init(const char *vendor_name)
{
	int r;

	name = vendor_name;
	r = cpuhp_setup_state_nocalls(UMBRA_CPUHP_STATE, "umbra:cpu", cpu_online_cb,
				      cpu_offline_cb);
	if (r == -EBUSY)
		pr_err("KVM holds %s: unload kvm_amd (or kvm_intel) first\n", name);
	if (r)
		return r;
	check_state = cpuhp_setup_state_nocalls(CPUHP_AP_ONLINE_DYN, "umbra:check", cpu_check_cb,
						NULL);
	if (check_state < 0) {
		cpuhp_remove_state_nocalls(UMBRA_CPUHP_STATE);
		return check_state;
	}
	syscore_register();
	return 0;
}

void cpus_module_exit(void)
{
	syscore_unregister();
	cpuhp_remove_state_nocalls(check_state);
	cpuhp_remove_state_nocalls(UMBRA_CPUHP_STATE);
}
