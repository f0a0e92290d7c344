// SPDX-License-Identifier: GPL-2.0-only
/* The module: which processor backend, which CPUs, and /dev/umbra. */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/compat.h>
#include <linux/cpu.h>
#include <linux/fs.h>
#include <linux/miscdevice.h>
#include <linux/module.h>
#include <linux/reboot.h>

#include "compat.h"
#include "main.h"
#include "physical.h"
#include "vcpu.h"
#include "vendor.h"

#define CREATE_TRACE_POINTS
#include "trace.h"

#define DEFINE_VENDOR_CALL(ret, name, args) \
	DEFINE_STATIC_CALL_NULL(vendor_##name, vendor_##name##_fn);
VENDOR_OPS(DEFINE_VENDOR_CALL)
#undef DEFINE_VENDOR_CALL

static const struct vendor_ops *ops;
static void (*vendor_exit)(void);

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
		pr_err("CPU %d: can't turn %s on: %s\n", smp_processor_id(), ops->name,
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
}

DEFINE_SYSCORE(syscore, cpus_suspend, cpus_resume)

/*
 * The firmware or a kexec'ed kernel must not find a CPU of ours still enabled.
 * No vCPU may enter its guest from then on: see vm_stop_all() and cpus_usable().
 */
static int reboot_cb(struct notifier_block *nb, unsigned long code, void *unused)
{
	WRITE_ONCE(rebooting, true);
	smp_mb();	/* a KVM_RUN that missed it finds its request */
	vm_stop_all();
	on_each_cpu(cpu_disable_ipi, NULL, 1);
	return NOTIFY_OK;
}

static struct notifier_block reboot_nb = { .notifier_call = reboot_cb };

long umbra_check_extension(unsigned long cap)
{
	switch (cap) {
	case KVM_CAP_USER_MEMORY:
	case KVM_CAP_DESTROY_MEMORY_REGION_WORKS:
	case KVM_CAP_JOIN_MEMORY_REGIONS_WORKS:
	case KVM_CAP_READONLY_MEM:
	case KVM_CAP_SYNC_MMU:
	case KVM_CAP_MMU_SHADOW_CACHE_CONTROL:
	case KVM_CAP_SET_TSS_ADDR:
	case KVM_CAP_SET_IDENTITY_MAP_ADDR:
	case KVM_CAP_EXT_CPUID:
	case KVM_CAP_MP_STATE:
	case KVM_CAP_USER_NMI:
	case KVM_CAP_VCPU_EVENTS:
	case KVM_CAP_DEBUGREGS:
	case KVM_CAP_IMMEDIATE_EXIT:
	case KVM_CAP_INTERNAL_ERROR_DATA:
	case KVM_CAP_CHECK_EXTENSION_VM:
	case KVM_CAP_BINARY_STATS_FD:
	case KVM_CAP_XSAVE:
		return 1;
	case KVM_CAP_XCRS:
		return fpu_xcr0_supported() != 0;
	case KVM_CAP_NR_VCPUS:
		return min_t(unsigned int, num_online_cpus(), UMBRA_MAX_VCPUS);
	case KVM_CAP_MAX_VCPUS:
		return UMBRA_MAX_VCPUS;
	case KVM_CAP_MAX_VCPU_ID:
		return UMBRA_MAX_VCPU_IDS;
	case KVM_CAP_NR_MEMSLOTS:
		return UMBRA_MAX_SLOTS;
	}
	return 0;
}

static long dev_ioctl(struct file *file, unsigned int cmd, unsigned long arg)
{
	switch (cmd) {
	case KVM_GET_API_VERSION:
		return arg ? -EINVAL : KVM_API_VERSION;
	case KVM_CREATE_VM:
		return vm_create_file(arg);
	case KVM_CHECK_EXTENSION:
		return umbra_check_extension(arg);
	case KVM_GET_VCPU_MMAP_SIZE:
		return arg ? -EINVAL : VCPU_MMAP_SIZE;
	case KVM_GET_SUPPORTED_CPUID:
		return cpuid_supported((void __user *)arg);
	case KVM_GET_MSR_INDEX_LIST:
		return msr_index_list((void __user *)arg);
	}
	return -ENOTTY;
}

static const struct file_operations dev_fops = {
	.owner = THIS_MODULE,
	.unlocked_ioctl = dev_ioctl,
	.compat_ioctl = compat_ptr_ioctl,
	.llseek = noop_llseek,
};

static struct miscdevice dev = {
	.minor = MISC_DYNAMIC_MINOR,
	.name = "umbra",
	.mode = 0660,
	.fops = &dev_fops,
};

static int probe_vendor(void)
{
	int r;

	if (IS_ENABLED(CONFIG_PREEMPT_RT)) {
		pr_err("kernels with PREEMPT_RT are not supported: spinlocks would sleep there\n");
		return -EOPNOTSUPP;
	}
	r = svm_probe(&ops);
	vendor_exit = svm_exit;
	if (r == -ENODEV) {
		r = vmx_probe(&ops);
		vendor_exit = vmx_exit;
	}
	if (r == -ENODEV)
		pr_err("this processor has neither AMD-V nor VT-x: nothing to run guests with\n");
	if (r)
		return r;
	mmu_init_pf_passthrough(ops->pf_passthrough, physical_bits());
#define UPDATE_VENDOR_CALL(ret, name, args) static_call_update(vendor_##name, ops->name);
	VENDOR_OPS(UPDATE_VENDOR_CALL)
#undef UPDATE_VENDOR_CALL
	return 0;
}

static int watch_cpus(void)
{
	int r = cpuhp_setup_state_nocalls(UMBRA_CPUHP_STATE, "umbra:cpu", cpu_online_cb,
					  cpu_offline_cb);

	if (r == -EBUSY)
		pr_err("KVM holds %s: unload kvm_amd (or kvm_intel) first\n", ops->name);
	if (r)
		return r;
	check_state = cpuhp_setup_state_nocalls(CPUHP_AP_ONLINE_DYN, "umbra:check", cpu_check_cb,
						NULL);
	if (check_state < 0) {
		cpuhp_remove_state_nocalls(UMBRA_CPUHP_STATE);
		return check_state;
	}
	syscore_register();
	register_reboot_notifier(&reboot_nb);
	return 0;
}

static void unwatch_cpus(void)
{
	unregister_reboot_notifier(&reboot_nb);
	syscore_unregister();
	cpuhp_remove_state_nocalls(check_state);
	cpuhp_remove_state_nocalls(UMBRA_CPUHP_STATE);
}

static int __init umbra_init(void)
{
	int r = physical_check() ?: probe_vendor();

	if (r)
		return r;
	r = fpu_module_init();
	if (r)
		goto out_vendor;
	cpuid_module_init();
	r = watch_cpus();
	if (r)
		goto out_vendor;
	r = vm_module_init();
	if (r)
		goto out_cpus;
	preempt_notifier_inc();
	r = misc_register(&dev);
	if (r) {
		pr_err("can't make /dev/umbra: error %d\n", r);
		goto out_vm;
	}
	pr_info("/dev/umbra is ready, guests run by %s on shadow page tables\n", ops->name);
	return 0;

out_vm:
	preempt_notifier_dec();
	vm_module_exit();
out_cpus:
	unwatch_cpus();
out_vendor:
	vendor_exit();
	return r;
}

static void __exit umbra_exit(void)
{
	misc_deregister(&dev);
	preempt_notifier_dec();
	vm_module_exit();
	unwatch_cpus();
	vendor_exit();
}

module_init(umbra_init);
module_exit(umbra_exit);
MODULE_DESCRIPTION("Virtual machines on shadow page tables, with the KVM API");
MODULE_LICENSE("GPL");
