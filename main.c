// SPDX-License-Identifier: GPL-2.0-only
/* The module: which processor backend, and /dev/umbra or /dev/kvm. */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/compat.h>
#include <linux/fs.h>
#include <linux/jump_label.h>
#include <linux/miscdevice.h>
#include <linux/module.h>
#include <linux/moduleparam.h>
#include <linux/reboot.h>
#include <linux/string.h>

#include "clock.h"
#include "chips.h"
#include "cpus.h"
#include "mce.h"
#include "mmu.h"
#include "physical.h"
#include "self_check.h"
#include "state.h"
#include "vcpu.h"
#include "vendor.h"
#include "vm.h"

#define CREATE_TRACE_POINTS
#include "trace.h"

#define DEFINE_VENDOR_CALL(ret, name, args) \
	DEFINE_STATIC_CALL_NULL(vendor_##name, vendor_##name##_fn);
VENDOR_OPS(DEFINE_VENDOR_CALL)
#undef DEFINE_VENDOR_CALL

static char *device = "umbra";
module_param(device, charp, 0444);
MODULE_PARM_DESC(device, "the device's name: umbra; or kvm: /dev/kvm, where programs for KVM look");

DEFINE_STATIC_KEY_FALSE(check_entry_on);
static bool check_entry;

/* The kernel's lock on parameters is held. */
static int set_check_entry(const char *value, const struct kernel_param *param)
{
	int err = param_set_bool(value, param);

	if (err)
		return err;
	if (check_entry)
		static_branch_enable(&check_entry_on);
	else
		static_branch_disable(&check_entry_on);
	return 0;
}

static const struct kernel_param_ops check_entry_ops = {
	.flags = KERNEL_PARAM_OPS_FL_NOARG,
	.set = set_check_entry,
	.get = param_get_bool,
};

module_param_cb(check_entry, &check_entry_ops, &check_entry, 0644);
MODULE_PARM_DESC(check_entry, "look before each entry whether the processor would refuse it; slow (default: N)");

static const struct vendor_ops *ops;
static void (*vendor_unload)(void);

/*
 * The firmware or a kexec'ed kernel must not find a CPU of ours still enabled.
 * No vCPU may enter its guest from then on: see vm_stop_all() and cpus_usable().
 */
static int reboot_cb(struct notifier_block *nb, unsigned long code, void *unused)
{
	cpus_refuse();
	vm_stop_all();
	cpus_stop();
	return NOTIFY_OK;
}

static struct notifier_block reboot_nb = { .notifier_call = reboot_cb };

static long dev_ioctl(struct file *file, unsigned int cmd, unsigned long arg)
{
	switch (cmd) {
	case KVM_GET_API_VERSION:
		return arg ? -EINVAL : KVM_API_VERSION;
	case KVM_CREATE_VM:
		return vm_create_file(arg);
	case KVM_CHECK_EXTENSION:
		return vm_check_extension(arg);
	case KVM_GET_VCPU_MMAP_SIZE:
		return arg ? -EINVAL : VCPU_MMAP_SIZE;
	case KVM_GET_SUPPORTED_CPUID:
		return cpuid_supported((void __user *)arg);
	case KVM_X86_GET_MCE_CAP_SUPPORTED:
		return mce_cap_supported((void __user *)arg);
	case KVM_GET_EMULATED_CPUID:
		return cpuid_emulated((void __user *)arg);
	case KVM_GET_MSR_INDEX_LIST:
		return msr_index_list((void __user *)arg);
	case KVM_GET_MSR_FEATURE_INDEX_LIST:
		return msr_feature_list((void __user *)arg);
	case KVM_GET_MSRS:
		return msr_get_features((void __user *)arg);
	case KVM_HAS_DEVICE_ATTR:
		return cpuid_device_attr((void __user *)arg, false);
	case KVM_GET_DEVICE_ATTR:
		return cpuid_device_attr((void __user *)arg, true);
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

static int choose_device(void)
{
	if (!strcmp(device, "kvm")) {
		dev.minor = KVM_MINOR;
		dev.name = "kvm";
	} else if (strcmp(device, "umbra")) {
		pr_err("device=%s: only umbra and kvm are possible\n", device);
		return -EINVAL;
	}
	return 0;
}

static int make_device(void)
{
	int r = misc_register(&dev);

	if (r == -EBUSY && dev.minor == KVM_MINOR)
		pr_err("/dev/kvm belongs to another module; unload it (kvm_amd, kvm_intel) or leave out device=kvm\n");
	else if (r)
		pr_err("can't make /dev/%s: error %d\n", dev.name, r);
	return r;
}

static int probe_vendor(void)
{
	int r;

	if (IS_ENABLED(CONFIG_PREEMPT_RT)) {
		pr_err("kernels with PREEMPT_RT are not supported: spinlocks would sleep there\n");
		return -EOPNOTSUPP;
	}
	r = svm_probe(&ops);
	vendor_unload = svm_unload;
	if (r == -ENODEV) {
		r = vmx_probe(&ops);
		vendor_unload = vmx_unload;
	}
	if (r == -ENODEV)
		pr_err("this processor has neither AMD-V nor VT-x: nothing to run guests with\n");
	if (r)
		return r;
	mmu_init_pf_passthrough(ops->pf_passthrough, physical_bits());
	tsc_can_scale(ops->tsc_fraction, ops->tsc_max_ratio);
#define UPDATE_VENDOR_CALL(ret, name, args) static_call_update(vendor_##name, ops->name);
	VENDOR_OPS(UPDATE_VENDOR_CALL)
#undef UPDATE_VENDOR_CALL
	return 0;
}

static int __init umbra_init(void)
{
	int r = choose_device() ?: physical_check() ?: probe_vendor();

	if (r)
		return r;
	r = fpu_module_init() ?: eventfd_init();
	if (r)
		goto out_vendor;
	cpuid_module_init();
	r = clock_module_init();
	if (r)
		goto out_eventfd;
	r = cpus_module_init(ops->name);
	if (r)
		goto out_clock;
	register_reboot_notifier(&reboot_nb);
	r = vm_module_init();
	if (r)
		goto out_cpus;
	preempt_notifier_inc();
	r = make_device();
	if (r)
		goto out_vm;
	pr_info("/dev/%s is ready, guests run by %s on shadow page tables\n", dev.name, ops->name);
	return 0;

out_vm:
	preempt_notifier_dec();
	vm_module_exit();
out_cpus:
	unregister_reboot_notifier(&reboot_nb);
	cpus_module_exit();
out_clock:
	clock_module_exit();
out_eventfd:
	eventfd_exit();
out_vendor:
	vendor_unload();
	return r;
}

static void __exit umbra_exit(void)
{
	misc_deregister(&dev);
	preempt_notifier_dec();
	vm_module_exit();
	unregister_reboot_notifier(&reboot_nb);
	cpus_module_exit();
	clock_module_exit();
	eventfd_exit();
	vendor_unload();
}

module_init(umbra_init);
module_exit(umbra_exit);
MODULE_DESCRIPTION("Virtual machines on shadow page tables, with the KVM API");
MODULE_LICENSE("GPL");
