/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A virtual machine: guest memory, the MMU's part, and its vCPUs.
 */
#ifndef UMBRA_VM_H
#define UMBRA_VM_H

#include <linux/kvm.h>
#include <linux/mmu_notifier.h>
#include <linux/mutex.h>
#include <linux/rbtree.h>
#include <linux/refcount.h>
#include <linux/srcu.h>
#include <linux/xarray.h>

#include "clock.h"
#include "irq.h"
#include "mmu.h"

#define UMBRA_MAX_SLOTS		32764	/* in each of ... */
#define UMBRA_MEM_SPACES	2	/* KVM's address spaces: that of SMM is number 1 */
#define UMBRA_MAX_VCPUS		IRQ_MAX_APICS
#define UMBRA_MAX_VCPU_IDS	IRQ_MAX_IDS

struct file;
struct msr_filter;
struct vcpu;
struct vm_chips;

/**
 * struct memslots - a set of slots
 * @by_gfn:	they don't overlap
 * @by_hva:	the same, by where their memory is; there they may
 * @hint:	the slot found last
 *
 * A VM has two (@vm.sets): readers have one, @vm.slots, by SRCU. A change is made in the other,
 * which then takes its place, and again in the first, once its readers are gone.
 */
struct memslots {
	struct rb_root_cached by_gfn;
	struct rb_root_cached by_hva;
	struct memslot *hint;
};

/**
 * struct vm_coalesced - device writes that make no exit (coalesced.c)
 * @lock:	protects the rest
 * @zones:	where; @nr: how many of memory, and of ports
 * @ring:	shared with user space, a page
 */
struct vm_coalesced {
	spinlock_t lock;
	struct list_head zones;
	unsigned int nr[2];
	struct kvm_coalesced_mmio_ring *ring;
};

/**
 * struct vm - a virtual machine
 * @mm:		the VMM's address space; ioctls from another one get -EIO
 * @users:	the VM's file and each vCPU's file
 * @lock:	protects creation of vCPUs
 * @vcpus:	by creation order, @nr_vcpus of them; grows only, published with a
 *		release store to @nr_vcpus
 * @boot_id:	which vCPU is the bootstrap processor (KVM_SET_BOOT_CPU_ID)
 * @max_vcpu_ids: ids are below, 0: not limited yet; both are fixed by the first vCPU, under @lock
 * @vcpus_begun: that are there or being made; protected by @lock
 * @chips:	interrupt controllers
 * @slots_lock:	serialises changes of @slots (before mmu.lock)
 * @slot_ids:	the slots by user space's numbers; protected by slots_lock
 * @slot_pages:	frames in all slots but SMM's; protected by slots_lock
 * @log_options: KVM_DIRTY_LOG_*: how the dirty log works; protected by slots_lock
 * @ring_bytes:	of each vCPU's dirty ring, 0: there is none; set under @lock, before vCPUs
 * @dying:	slot out of @slots whose sptes are being dropped; protected by mmu.lock
 * @srcu:	protects readers of @slots
 * @notifier:	tells when @mm's mappings change
 * @inval_count: @inval_seq: @inval_start: @inval_end: notifier in progress,
 *		generation, and hva range; protected by mmu.lock
 * @coalesced:	what makes no exit
 * @quota_fixed: KVM_SET_NR_MMU_PAGES was used; protected by slots_lock
 * @msr_filter:	or NULL; replaced under @lock, read under @srcu
 * @msr_exits:	which refused MSR accesses are exits (KVM_MSR_EXIT_REASON_*)
 * @exits_off:	KVM_X86_DISABLE_EXITS_* of vCPUs to come; set under @lock
 * @exception_payload: @triple_fault_event: turned on: KVM_GET_VCPU_EVENTS has these too
 * @quirks_off:	KVM_X86_QUIRK_* of VM_QUIRKS that user space doesn't want
 * @exit_on_failure: what the emulator doesn't know is an exit even in a process of the guest's
 * @no_platform_info: MSR_PLATFORM_INFO is hidden from the guest
 * @tss_addr: @identity_addr: from user space, for VT-x
 * @mmu:	the MMU's part
 * @clock:	its time
 * @node:	in the list of all VMs
 * @stats_node:	in the list of those that are counted (stats.c)
 * @stats_id:	names the VM in debugfs and stats
 */
struct vm {
	struct mm_struct *mm;
	refcount_t users;
	struct mutex lock;
	struct vcpu *vcpus[UMBRA_MAX_VCPUS];
	u32 boot_id, max_vcpu_ids;
	unsigned int nr_vcpus, vcpus_begun;
	struct vm_chips *chips;

	struct mutex slots_lock;
	struct memslots sets[2];
	struct memslots __rcu *slots;
	struct xarray slot_ids;
	u64 slot_pages, log_options;
	u32 ring_bytes;
	const struct memslot *dying;
	struct srcu_struct srcu;
	struct mmu_notifier notifier;
	unsigned long inval_count, inval_seq;
	unsigned long inval_start, inval_end;

	struct vm_coalesced coalesced;
	bool quota_fixed;
	struct msr_filter __rcu *msr_filter;
	u32 msr_exits;
	u32 exits_off;
	bool exception_payload, triple_fault_event;
	bool exit_on_failure, no_platform_info;
	u64 quirks_off;
	gpa_t tss_addr, identity_addr;
	struct mmu_vm mmu;
	struct vm_clock clock;

	struct list_head node;
	struct list_head stats_node;
	char stats_id[48];
	struct dentry *debugfs;
};

/* What KVM does that no processor would, and that guests or VMMs have come to need. */
#define VM_QUIRKS	(KVM_X86_QUIRK_LINT0_REENABLED | KVM_X86_QUIRK_MISC_ENABLE_NO_MWAIT | \
			 KVM_X86_QUIRK_FIX_HYPERCALL_INSN | KVM_X86_QUIRK_MWAIT_NEVER_UD_FAULTS)

static inline bool vm_has_quirk(const struct vm *vm, u64 quirk)
{
	return !(READ_ONCE(vm->quirks_off) & quirk);
}

/**
 * vm_module_init() - get ready to make VMs
 *
 * Return: 0 or a negative errno.
 */
int vm_module_init(void);

/**
 * vm_module_exit() - no VM is left
 */
void vm_module_exit(void);

/**
 * vm_stop_all() - make every vCPU leave its guest for good: the host goes down
 */
void vm_stop_all(void);

/**
 * vm_check_extension() - KVM_CHECK_EXTENSION, on the device or a VM
 * @cap:	KVM_CAP_*
 *
 * KVM API 4.4. Return: 0 if it is not there.
 */
long vm_check_extension(unsigned long cap);

/**
 * vm_create_file() - KVM_CREATE_VM
 * @type:	must be 0
 *
 * Process context. KVM API 4.2. Return: a file descriptor or a negative errno.
 */
int vm_create_file(unsigned long type);

/**
 * vm_get() - take a reference
 * @vm:	the VM
 */
static inline void vm_get(struct vm *vm)
{
	refcount_inc(&vm->users);
}

/**
 * vm_put() - drop a reference; the last one destroys the VM
 * @vm:	the VM
 *
 * May sleep.
 */
void vm_put(struct vm *vm);

/* ---- memslot.c ---- */

/**
 * memslots_init() - start with no slots and register the MMU notifier
 * @vm:	the VM, mm set
 *
 * May sleep. Return: 0 or a negative errno.
 */
int memslots_init(struct vm *vm);

/**
 * memslots_destroy() - free all slots
 * @vm:	the VM, after notifier_unregister() and after its vCPUs are gone
 */
void memslots_destroy(struct vm *vm);

/**
 * memslot_set() - KVM_SET_USER_MEMORY_REGION
 * @vm:		the VM, slots_lock held
 * @region:	user space's wish; nothing in it is trusted
 *
 * Creates, moves, changes the flags of, or deletes a slot. May sleep.
 * KVM API 4.35. Return: 0, -EINVAL, -EEXIST (overlap) or -ENOMEM.
 */
int memslot_set(struct vm *vm, const struct kvm_userspace_memory_region *region);

/* ---- dirty_log.c ---- */

/**
 * memslot_get_dirty_log() - KVM_GET_DIRTY_LOG
 * @vm:		the VM
 * @log:	slot and user space's bitmap
 *
 * Hands out the bitmap, clears it and write-protects what was dirty, if memslot_clear_dirty_log()
 * is not to do that. May sleep.
 * KVM API 4.8. Return: 0, -ENXIO (there are dirty rings), -EINVAL, -ENOENT (no log kept),
 * -ENOMEM, -EINTR (it is killed) or -EFAULT; after the last two a part of the log may be lost.
 */
int memslot_get_dirty_log(struct vm *vm, const struct kvm_dirty_log *log);

/**
 * memslot_clear_dirty_log() - KVM_CLEAR_DIRTY_LOG
 * @vm:		the VM
 * @log:	slot, pages and user space's bitmap of those to clear and to write-protect
 *
 * May sleep. KVM API 4.117. Return: as memslot_get_dirty_log(); nothing is lost.
 */
int memslot_clear_dirty_log(struct vm *vm, const struct kvm_clear_dirty_log *log);

/**
 * memslot_log_options() - KVM_ENABLE_CAP of KVM_CAP_MANUAL_DIRTY_LOG_PROTECT2
 * @vm:		the VM
 * @cap:	KVM_DIRTY_LOG_* in its first argument
 *
 * May sleep. KVM API 7.18. Return: 0 or -EINVAL.
 */
int memslot_log_options(struct vm *vm, const struct kvm_enable_cap *cap);

/**
 * dirty_ring_enable() - KVM_ENABLE_CAP of KVM_CAP_DIRTY_LOG_RING and its like
 * @vm:		the VM
 * @bytes:	of each vCPU's ring
 *
 * May sleep. KVM API 8.29. Return: 0; -EINVAL (no power of two, too small, not the first time, or
 * there are vCPUs) or -E2BIG.
 */
int dirty_ring_enable(struct vm *vm, u64 bytes);

/**
 * dirty_ring_reset() - KVM_RESET_DIRTY_RINGS
 * @vm:	the VM
 *
 * Takes back what user space has read, and write-protects it. May sleep. KVM API 8.29.
 * Return: how many entries; -EINVAL if there are no rings.
 */
int dirty_ring_reset(struct vm *vm);

/* ---- notifier.c ---- */

/**
 * notifier_register() - follow the changes of the VMM's memory from now on
 * @vm:	the VM, mm set
 *
 * May sleep. Return: 0 or a negative errno.
 */
int notifier_register(struct vm *vm);

/**
 * notifier_unregister() - stop that; nothing maps guest memory afterwards
 * @vm:	the VM, no vCPU runs
 */
void notifier_unregister(struct vm *vm);

/* ---- stats.c ---- */

/**
 * stats_init() - make the debugfs root and the sums over all VMs
 *
 * Failure is not fatal, as everywhere in debugfs.
 */
void stats_init(void);

/**
 * stats_exit() - remove them
 */
void stats_exit(void);

/**
 * stats_add_vm() - make a VM's folder in debugfs and choose its name
 * @vm:	new
 */
void stats_add_vm(struct vm *vm);

/**
 * stats_remove_vm() - remove the folder; what the VM counted stays in the sums
 * @vm:	on its way out
 */
void stats_remove_vm(struct vm *vm);

/**
 * vm_stats_fd() - KVM_GET_STATS_FD on a VM
 * @file:	the VM's, which is kept open
 * @vm:		the VM
 *
 * KVM API 4.133. Return: a file descriptor or a negative errno.
 */
int vm_stats_fd(struct file *file, struct vm *vm);

/**
 * vcpu_stats_fd() - KVM_GET_STATS_FD on a vCPU
 * @file:	the vCPU's, which is kept open
 * @vcpu:	the vCPU
 *
 * Return: as vm_stats_fd().
 */
int vcpu_stats_fd(struct file *file, struct vcpu *vcpu);

static inline struct vm *mmu_to_vm(struct mmu_vm *mmu)
{
	return container_of(mmu, struct vm, mmu);
}

#endif
