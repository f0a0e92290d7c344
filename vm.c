// SPDX-License-Identifier: GPL-2.0-only
/* A VM: its file, its ioctls, its life; the list of all VMs and the shrinker. */
#include <linux/anon_inodes.h>
#include <linux/compat.h>
#include <linux/fs.h>
#include <linux/module.h>
#include <linux/sched/mm.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "clock.h"
#include "cap.h"
#include "chips.h"
#include "coalesced.h"
#include "compat.h"
#include "cpus.h"
#include "guest_debug.h"
#include "mce.h"
#include "dirty_ring.h"
#include "mmu.h"
#include "msr_filter.h"
#include "request.h"
#include "state.h"
#include "vcpu.h"
#include "vm.h"

#define QUOTA_MIN	256
#define QUOTA_USER_MIN	64	/* KVM API 4.44 */

static unsigned long quota;
module_param(quota, ulong, 0644);
MODULE_PARM_DESC(quota, "shadow pages per VM; 0: a fiftieth of its memory, at least 256; else at least 64");

static LIST_HEAD(vms);
static DEFINE_MUTEX(vms_lock);

static void stop_vm(struct vm *vm)
{
	unsigned int i, nr = smp_load_acquire(&vm->nr_vcpus);

	for (i = 0; i < nr; i++) {
		vcpu_request(vm->vcpus[i], REQ_TRIPLE_FAULT);
		vcpu_kick(vm->vcpus[i]);
	}
}

void vm_stop_all(void)
{
	struct vm *vm;

	mutex_lock(&vms_lock);
	list_for_each_entry(vm, &vms, node)
		stop_vm(vm);
	mutex_unlock(&vms_lock);
}

static unsigned long shrink_count(struct shrinker *shrinker, struct shrink_control *sc)
{
	unsigned long n = 0;
	struct vm *vm;

	if (!mutex_trylock(&vms_lock))
		return 0;
	list_for_each_entry(vm, &vms, node)
		n += READ_ONCE(vm->mmu.nr_pages);
	mutex_unlock(&vms_lock);
	return n;
}

static unsigned long shrink_vm(struct vm *vm, unsigned long nr)
{
	int idx = srcu_read_lock(&vm->srcu);
	unsigned long freed = mmu_vm_shrink(&vm->mmu, nr);

	srcu_read_unlock(&vm->srcu, idx);
	return freed;
}

/* The VM that was shrunk goes to the end, so that all have their turn. */
static unsigned long shrink_scan(struct shrinker *shrinker, struct shrink_control *sc)
{
	unsigned long freed = 0;
	struct vm *vm, *next, *last;

	if (!mutex_trylock(&vms_lock))
		return SHRINK_STOP;
	if (!list_empty(&vms)) {
		last = list_last_entry(&vms, struct vm, node);
		list_for_each_entry_safe(vm, next, &vms, node) {
			freed += shrink_vm(vm, sc->nr_to_scan - freed);
			list_move_tail(&vm->node, &vms);
			if (freed >= sc->nr_to_scan || vm == last)
				break;
		}
	}
	mutex_unlock(&vms_lock);
	return freed ?: SHRINK_STOP;
}

DEFINE_SHRINKER(vm_shrinker, shrink_count, shrink_scan)

int vm_module_init(void)
{
	int r = vm_shrinker_register();

	if (!r)
		stats_init();
	return r;
}

void vm_module_exit(void)
{
	stats_exit();
	vm_shrinker_unregister();
}

/* Unless user space has set it, the quota fits the guest's memory; slots_lock is held. */
static void update_quota(struct vm *vm)
{
	unsigned long pages = READ_ONCE(quota);

	if (vm->quota_fixed)
		return;
	if (pages)
		pages = clamp_t(unsigned long, pages, QUOTA_USER_MIN, UINT_MAX);
	else
		pages = max_t(u64, QUOTA_MIN, vm->slot_pages / 50);
	mmu_vm_set_quota(&vm->mmu, pages);
}

static int set_quota(struct vm *vm, unsigned long pages)
{
	int r;

	if (pages < QUOTA_USER_MIN || pages > UINT_MAX)
		return -EINVAL;
	mutex_lock(&vm->slots_lock);
	r = mmu_vm_set_quota(&vm->mmu, pages);
	if (!r)
		vm->quota_fixed = true;
	mutex_unlock(&vm->slots_lock);
	return r;
}

static int set_identity_map(struct vm *vm, const u64 __user *arg)
{
	u64 addr;
	int r = 0;

	if (get_user(addr, arg))
		return -EFAULT;
	mutex_lock(&vm->lock);
	if (vm->nr_vcpus)
		r = -EINVAL;
	else
		vm->identity_addr = addr ?: 0xfffbc000;
	mutex_unlock(&vm->lock);
	return r;
}

static int set_boot_cpu_id(struct vm *vm, unsigned long id)
{
	int r = 0;

	mutex_lock(&vm->lock);
	if (vm->nr_vcpus)
		r = -EBUSY;
	else if (id >= (vm->max_vcpu_ids ?: UMBRA_MAX_VCPU_IDS))
		r = -EINVAL;
	else
		vm->boot_id = id;
	mutex_unlock(&vm->lock);
	return r;
}

static int set_memory_region(struct vm *vm, const void __user *arg)
{
	struct kvm_userspace_memory_region region;
	int r;

	if (copy_from_user(&region, arg, sizeof(region)))
		return -EFAULT;
	mutex_lock(&vm->slots_lock);
	r = memslot_set(vm, &region);
	if (!r)
		update_quota(vm);
	mutex_unlock(&vm->slots_lock);
	return r;
}

static int get_dirty_log(struct vm *vm, const void __user *arg)
{
	struct kvm_dirty_log log;

	if (copy_from_user(&log, arg, sizeof(log)))
		return -EFAULT;
	if (in_compat_syscall())
		log.dirty_bitmap = compat_ptr((unsigned long)log.dirty_bitmap);
	return memslot_get_dirty_log(vm, &log);
}

static int clear_dirty_log(struct vm *vm, const void __user *arg)
{
	struct kvm_clear_dirty_log log;

	if (copy_from_user(&log, arg, sizeof(log)))
		return -EFAULT;
	if (in_compat_syscall())
		log.dirty_bitmap = compat_ptr((unsigned long)log.dirty_bitmap);
	return memslot_clear_dirty_log(vm, &log);
}

static int coalesce(struct vm *vm, const void __user *arg,
		    int (*fn)(struct vm *vm, const struct kvm_coalesced_mmio_zone *zone))
{
	struct kvm_coalesced_mmio_zone zone;

	return copy_from_user(&zone, arg, sizeof(zone)) ? -EFAULT : fn(vm, &zone);
}

static int set_tss_addr(struct vm *vm, unsigned long addr)
{
	if (addr > (u32)(-3 * PAGE_SIZE))
		return -EINVAL;
	WRITE_ONCE(vm->tss_addr, addr);
	return 0;
}

static int get_clock(struct vm *vm, void __user *arg)
{
	struct kvm_clock_data data;

	clock_get(vm, &data);
	return copy_to_user(arg, &data, sizeof(data)) ? -EFAULT : 0;
}

static int set_clock(struct vm *vm, const void __user *arg)
{
	struct kvm_clock_data data;

	if (copy_from_user(&data, arg, sizeof(data)))
		return -EFAULT;
	return clock_set(vm, &data);
}

long vm_check_extension(unsigned long cap)
{
	switch (cap) {
	case KVM_CAP_USER_MEMORY:
	case KVM_CAP_USER_MEMORY2:
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
	case KVM_CAP_COALESCED_PIO:
	case KVM_CAP_XSAVE:
	case KVM_CAP_GET_TSC_KHZ:
	case KVM_CAP_GET_MSR_FEATURES:
	case KVM_CAP_SREGS2:
	case KVM_CAP_SET_GUEST_DEBUG:
	case KVM_CAP_X86_ROBUST_SINGLESTEP:
	case KVM_CAP_EXCEPTION_PAYLOAD:
	case KVM_CAP_X86_TRIPLE_FAULT_EVENT:
	case KVM_CAP_EXT_EMUL_CPUID:
	case KVM_CAP_X86_USER_SPACE_MSR:
	case KVM_CAP_X86_MSR_FILTER:
	case KVM_CAP_ENABLE_CAP:
	case KVM_CAP_ENABLE_CAP_VM:
	case KVM_CAP_SET_BOOT_CPU_ID:
	case KVM_CAP_KVMCLOCK_CTRL:
	case KVM_CAP_VCPU_ATTRIBUTES:
	case KVM_CAP_ENFORCE_PV_FEATURE_CPUID:
	case KVM_CAP_SYS_ATTRIBUTES:
	case KVM_CAP_EXIT_ON_EMULATION_FAILURE:
	case KVM_CAP_SMALLER_MAXPHYADDR:
	case KVM_CAP_MSR_PLATFORM_INFO:
	case KVM_CAP_X86_APIC_BUS_CYCLES_NS:	/* and how long a cycle is, if nobody says else */
		return 1;
	case KVM_CAP_DISABLE_QUIRKS2:
		return VM_QUIRKS;
	case KVM_CAP_TSC_CONTROL:
	case KVM_CAP_VM_TSC_CONTROL:
		return tsc_scales();
	case KVM_CAP_ADJUST_CLOCK:
		return KVM_CLOCK_TSC_STABLE | KVM_CLOCK_REALTIME | KVM_CLOCK_HOST_TSC;
	case KVM_CAP_IRQCHIP:
	case KVM_CAP_HLT:
	case KVM_CAP_PIT:
	case KVM_CAP_PIT2:
	case KVM_CAP_PIT_STATE2:
	case KVM_CAP_REINJECT_CONTROL:
	case KVM_CAP_IRQ_INJECT_STATUS:
	case KVM_CAP_SIGNAL_MSI:
	case KVM_CAP_IRQFD:
	case KVM_CAP_IRQFD_RESAMPLE:
	case KVM_CAP_IOEVENTFD:
	case KVM_CAP_IOEVENTFD_ANY_LENGTH:
	case KVM_CAP_IOEVENTFD_NO_LENGTH:
	case KVM_CAP_SPLIT_IRQCHIP:
	case KVM_CAP_TSC_DEADLINE_TIMER:
	case KVM_CAP_VAPIC:
		return 1;
	case KVM_CAP_IRQ_ROUTING:
		return IRQ_MAX_GSIS;
	case KVM_CAP_X86_DISABLE_EXITS:
		return cap_exits();
	case KVM_CAP_X2APIC_API:
		return KVM_X2APIC_API_USE_32BIT_IDS | KVM_X2APIC_API_DISABLE_BROADCAST_QUIRK;
	case KVM_CAP_COALESCED_MMIO:
		return KVM_COALESCED_MMIO_PAGE_OFFSET;
	case KVM_CAP_XCRS:
		return fpu_xcr0_supported() != 0;
	case KVM_CAP_NR_VCPUS:
		return min_t(unsigned int, num_online_cpus(), UMBRA_MAX_VCPUS);
	case KVM_CAP_MAX_VCPUS:
		return UMBRA_MAX_VCPUS;
	case KVM_CAP_MAX_VCPU_ID:
		return UMBRA_MAX_VCPU_IDS;
	case KVM_CAP_SET_GUEST_DEBUG2:
		return GUEST_DEBUG_VALID;
	case KVM_CAP_XSAVE2:
		return sizeof(struct kvm_xsave);
	case KVM_CAP_SYNC_REGS:
		return KVM_SYNC_X86_VALID_FIELDS;
	case KVM_CAP_MCE:
		return MCE_MAX_BANKS;
	case KVM_CAP_MANUAL_DIRTY_LOG_PROTECT2:
		return KVM_DIRTY_LOG_MANUAL_PROTECT_ENABLE | KVM_DIRTY_LOG_INITIALLY_SET;
	case KVM_CAP_DIRTY_LOG_RING:
	case KVM_CAP_DIRTY_LOG_RING_ACQ_REL:
		return DIRTY_RING_ENTRIES * sizeof(struct kvm_dirty_gfn);
	case KVM_CAP_X86_SMM:
		return 1;
	case KVM_CAP_MULTI_ADDRESS_SPACE:
		return UMBRA_MEM_SPACES;
	case KVM_CAP_NR_MEMSLOTS:
		return UMBRA_MAX_SLOTS;
	}
	return 0;
}

static long vm_ioctl(struct file *file, unsigned int cmd, unsigned long arg)
{
	struct vm *vm = file->private_data;
	void __user *uarg = (void __user *)arg;

	if (vm->mm != current->mm)
		return -EIO;
	switch (cmd) {
	case KVM_CREATE_VCPU:
		return arg < UMBRA_MAX_VCPU_IDS ? vcpu_create_file(vm, arg) : -EINVAL;
	case KVM_SET_USER_MEMORY_REGION:
	case KVM_SET_USER_MEMORY_REGION2:	/* flags of guest_memfd are refused */
		return set_memory_region(vm, uarg);
	case KVM_GET_DIRTY_LOG:
		return get_dirty_log(vm, uarg);
	case KVM_CLEAR_DIRTY_LOG:
		return clear_dirty_log(vm, uarg);
	case KVM_RESET_DIRTY_RINGS:
		return dirty_ring_reset(vm);
	case KVM_REGISTER_COALESCED_MMIO:
		return coalesce(vm, uarg, coalesced_register);
	case KVM_UNREGISTER_COALESCED_MMIO:
		return coalesce(vm, uarg, coalesced_unregister);
	case KVM_SET_TSS_ADDR:
		return set_tss_addr(vm, arg);
	case KVM_SET_IDENTITY_MAP_ADDR:
		return set_identity_map(vm, uarg);
	case KVM_SET_NR_MMU_PAGES:
		return set_quota(vm, arg);
	case KVM_GET_NR_MMU_PAGES:
		return READ_ONCE(vm->mmu.max_pages);
	case KVM_CHECK_EXTENSION:
		return vm_check_extension(arg);
	case KVM_ENABLE_CAP:
		return vm_enable_cap(vm, uarg);
	case KVM_X86_SET_MSR_FILTER:
		return msr_filter_set(vm, uarg);
	case KVM_SET_BOOT_CPU_ID:
		return set_boot_cpu_id(vm, arg);
	case KVM_GET_STATS_FD:
		return vm_stats_fd(file, vm);
	case KVM_SET_TSC_KHZ:
		return tsc_set_default_khz(vm, arg);
	case KVM_GET_TSC_KHZ:
		return READ_ONCE(vm->clock.default_khz);
	case KVM_GET_CLOCK:
		return get_clock(vm, uarg);
	case KVM_SET_CLOCK:
		return set_clock(vm, uarg);
	}
	return chips_vm_ioctl(vm, cmd, arg);
}

static int vm_release(struct inode *inode, struct file *file)
{
	vm_put(file->private_data);
	return 0;
}

static const struct file_operations vm_fops = {
	.owner = THIS_MODULE,
	.unlocked_ioctl = vm_ioctl,
	.compat_ioctl = compat_ptr_ioctl,
	.release = vm_release,
	.llseek = noop_llseek,
};

static void destroy_vm(struct vm *vm)
{
	mutex_lock(&vms_lock);
	list_del(&vm->node);
	mutex_unlock(&vms_lock);
	stats_remove_vm(vm);
	clock_destroy(vm);
	notifier_unregister(vm);
	/* What is left to do makes requests of all vCPUs: none that is gone. */
	chips_destroy(vm);
	while (vm->nr_vcpus)
		vcpu_destroy(vm->vcpus[--vm->nr_vcpus]);
	memslots_destroy(vm);
	mmu_vm_destroy(&vm->mmu);
	coalesced_destroy(vm);
	cleanup_srcu_struct(&vm->srcu);
	msr_filter_free(rcu_dereference_protected(vm->msr_filter, true));
	mmdrop(vm->mm);
	kvfree(vm);
	cpus_put();
}

void vm_put(struct vm *vm)
{
	if (refcount_dec_and_test(&vm->users))
		destroy_vm(vm);
}

static int init_vm(struct vm *vm)
{
	int r;

	refcount_set(&vm->users, 1);
	mutex_init(&vm->lock);
	mutex_init(&vm->slots_lock);
	vm->identity_addr = 0xfffbc000;
	r = chips_init(vm);
	if (r)
		return r;
	r = init_srcu_struct(&vm->srcu);
	if (r)
		goto out_chips;
	r = coalesced_init(vm);
	if (r)
		goto out_srcu;
	r = mmu_vm_init(&vm->mmu);
	if (r)
		goto out_coalesced;
	r = memslots_init(vm);
	if (r)
		goto out_mmu;
	clock_create(vm);
	return 0;

out_mmu:
	mmu_vm_destroy(&vm->mmu);
out_coalesced:
	coalesced_destroy(vm);
out_srcu:
	cleanup_srcu_struct(&vm->srcu);
out_chips:
	chips_destroy(vm);
	return r;
}

static struct vm *create_vm(void)
{
	struct vm *vm = kvzalloc(sizeof(*vm), GFP_KERNEL_ACCOUNT);
	int r;

	if (!vm)
		return ERR_PTR(-ENOMEM);
	r = cpus_get();
	if (r)
		goto out_free;
	mmgrab(current->mm);
	vm->mm = current->mm;
	r = init_vm(vm);
	if (r)
		goto out_mm;
	mutex_lock(&vm->slots_lock);
	update_quota(vm);
	mutex_unlock(&vm->slots_lock);
	stats_add_vm(vm);
	mutex_lock(&vms_lock);
	list_add(&vm->node, &vms);
	mutex_unlock(&vms_lock);
	return vm;

out_mm:
	mmdrop(vm->mm);
	cpus_put();
out_free:
	kvfree(vm);
	return ERR_PTR(r);
}

int vm_create_file(unsigned long type)
{
	struct vm *vm;
	int fd;

	if (type)
		return -EINVAL;
	vm = create_vm();
	if (IS_ERR(vm))
		return PTR_ERR(vm);
	fd = anon_inode_getfd("umbra-vm", &vm_fops, vm, O_RDWR | O_CLOEXEC);
	if (fd < 0)
		vm_put(vm);
	return fd;
}
