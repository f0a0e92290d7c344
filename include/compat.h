/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The only place that knows kernel versions: 6.1, 6.12 and 7.2.
 */
#ifndef UMBRA_COMPAT_H
#define UMBRA_COMPAT_H

#include <linux/cpuhotplug.h>
#include <linux/hrtimer.h>
#include <linux/mmu_notifier.h>
#include <linux/shrinker.h>
#include <linux/smp.h>
#include <linux/syscore_ops.h>
#include <linux/version.h>

#define UMBRA_KERNEL(major, minor) (LINUX_VERSION_CODE >= KERNEL_VERSION(major, minor, 0))

#if UMBRA_KERNEL(6, 4)
#include <trace/events/ipi.h>	/* smp_send_reschedule() */
#endif

#if UMBRA_KERNEL(6, 16)
#include <asm/msr.h>
#define rdmsrl rdmsrq
#define wrmsrl wrmsrq
#endif

#if UMBRA_KERNEL(7, 0)
#include <asm/cpuid/api.h>
#else
#include <asm/processor.h>	/* cpuid() */
#endif

/* Work before guest mode: to a KVM vCPU, or to nobody, it tells of a signal. */
#if UMBRA_KERNEL(7, 0)
#include <linux/entry-virt.h>
#define host_guest_work(vcpu) ((void)(vcpu), xfer_to_guest_mode_handle_work())
#else
#include <linux/entry-kvm.h>
#define host_guest_work(vcpu) xfer_to_guest_mode_handle_work(vcpu)
#endif

/* Pages of devices have no mark in the page tables of 7.x. */
#if UMBRA_KERNEL(7, 0)
#define _PAGE_DEVMAP 0
#define pud_devmap(pud) 0
#define pmd_devmap(pmd) 0
#endif

#include <asm/cpufeatures.h>

/*
 * What VT-x wants of the host, for which 7.x has but exports to its own KVM alone:
 *
 * host_set_vmxe(), host_clear_vmxe(): CR4.VMXE, with interrupts off. The kernel writes CR4 from a
 *	copy (IPIs of perf, global flushes), which must know: such a write without VMXE faults in
 *	VMX operation, and has no fixup.
 * host_trace_off(), host_trace_on(): Intel PT around VMX operation, where the processor can't trace
 *	in it: VMXON turns it off, and to turn it on there is #GP.
 * host_split_lock(): an #AC by the host's split-lock detection hit the guest at that RIP. True: go
 *	on; false: the task gets SIGBUS.
 */
#if UMBRA_KERNEL(7, 0)
#define HOST_HAS_VMX_HOOKS false
#define host_set_vmxe() WARN_ON_ONCE(1)
#define host_clear_vmxe() WARN_ON_ONCE(1)
#define host_trace_off() WARN_ON_ONCE(1)
#define host_trace_on() WARN_ON_ONCE(1)
#define host_split_lock(rip) ((void)(rip), WARN_ON_ONCE(1), false)
#else
#include <asm/cpu.h>
#include <asm/perf_event.h>
#include <asm/tlbflush.h>
#define HOST_HAS_VMX_HOOKS true
#define host_set_vmxe() cr4_set_bits_irqsoff(X86_CR4_VMXE)
#define host_clear_vmxe() cr4_clear_bits_irqsoff(X86_CR4_VMXE)
#define host_trace_off() intel_pt_handle_vmx(1)
#define host_trace_on() intel_pt_handle_vmx(0)
#define host_split_lock(rip) handle_guest_split_lock(rip)
#endif

/*
 * Give the host an NMI that an exit has taken. INT 2 does not find a FRED host's handler: there
 * another NMI is sent, which arrives when IRET or ERETU has ended the blocking.
 */
#ifdef X86_FEATURE_FRED
#include <asm/apic.h>
#include <asm/sync_core.h>
#define host_nmi() do {								\
	if (boot_cpu_has(X86_FEATURE_FRED)) {					\
		apic->send_IPI(smp_processor_id(), NMI_VECTOR);			\
		iret_to_self();							\
	} else {								\
		asm volatile("int $2" : : : "memory");				\
	}									\
} while (0)
#else
#define host_nmi() asm volatile("int $2" : : : "memory")
#endif

/*
 * Give the host a machine check that an exit has taken: as one that has hit user mode, which costs
 * at most this thread its life. Interrupts are off. Without the kernel's part for it CR4.MCE is
 * clear, and none exits.
 */
#ifdef CONFIG_X86_MCE
#include <asm/mce.h>
#include <asm/ptrace.h>
#include <asm/segment.h>
#define host_machine_check() do {						\
	struct pt_regs user = { .cs = __USER_CS, .flags = X86_EFLAGS_IF };	\
										\
	do_machine_check(&user);						\
} while (0)
#else
#define host_machine_check() do { } while (0)
#endif

/*
 * KVM's own place in CPU hotplug: after tasks have left a dying CPU. As a state
 * has one owner, kvm_amd or kvm_intel and we can't both be loaded.
 */
#if UMBRA_KERNEL(6, 6)
#define UMBRA_CPUHP_STATE CPUHP_AP_KVM_ONLINE
#else
#define UMBRA_CPUHP_STATE CPUHP_AP_KVM_STARTING
#endif

/* How to turn virtualization off in a crash; the other kernels look for it themselves. */
#if UMBRA_KERNEL(6, 6) && !UMBRA_KERNEL(7, 0)
#include <asm/reboot.h>
#define crash_register(fn) cpu_emergency_register_virt_callback(fn)
#define crash_unregister(fn) cpu_emergency_unregister_virt_callback(fn)
#else
#define crash_register(fn) ((void)(fn))
#define crash_unregister(fn) ((void)(fn))
#endif

/* Frames of devices are marked in page tables; where not, they have references like any other. */
#include <asm/pgtable_types.h>
#ifndef _PAGE_DEVMAP
#define _PAGE_DEVMAP 0
#endif

/* What the young operations of an MMU notifier return. */
#if UMBRA_KERNEL(7, 0)
typedef bool mmu_young_t;
#else
typedef int mmu_young_t;
#endif

/*
 * DEFINE_SYSCORE(name, suspend, resume) makes name_register() and name_unregister().
 * Kbuild looks which interface there is: backports make the version useless.
 */
#ifdef UMBRA_HAVE_SYSCORE
#define DEFINE_SYSCORE(name, suspend_fn, resume_fn)				\
static int name##_suspend_op(void *data)					\
{										\
	return suspend_fn();							\
}										\
static void name##_resume_op(void *data)					\
{										\
	resume_fn();								\
}										\
static const struct syscore_ops name##_ops = {					\
	.suspend = name##_suspend_op,						\
	.resume = name##_resume_op,						\
};										\
static struct syscore name##_syscore = { .ops = &name##_ops };			\
static void name##_register(void)						\
{										\
	register_syscore(&name##_syscore);					\
}										\
static void name##_unregister(void)						\
{										\
	unregister_syscore(&name##_syscore);					\
}
#else
#define DEFINE_SYSCORE(name, suspend_fn, resume_fn)				\
static struct syscore_ops name##_ops = {					\
	.suspend = suspend_fn,							\
	.resume = resume_fn,							\
};										\
static void name##_register(void)						\
{										\
	register_syscore_ops(&name##_ops);					\
}										\
static void name##_unregister(void)						\
{										\
	unregister_syscore_ops(&name##_ops);					\
}
#endif

typedef unsigned long shrinker_fn(struct shrinker *shrinker, struct shrink_control *sc);

/*
 * DEFINE_SHRINKER(name, count, scan) makes int name_register() and name_unregister().
 */
#if UMBRA_KERNEL(6, 7)
#define DEFINE_SHRINKER(name, count, scan)					\
static struct shrinker *name##_shrinker;					\
static int name##_register(void)						\
{										\
	name##_shrinker = shrinker_alloc(0, "umbra");				\
	if (!name##_shrinker)							\
		return -ENOMEM;							\
	name##_shrinker->count_objects = count;					\
	name##_shrinker->scan_objects = scan;					\
	name##_shrinker->seeks = DEFAULT_SEEKS * 10;				\
	shrinker_register(name##_shrinker);					\
	return 0;								\
}										\
static void name##_unregister(void)						\
{										\
	shrinker_free(name##_shrinker);						\
}
#else
#define DEFINE_SHRINKER(name, count, scan)					\
static struct shrinker name##_shrinker = {					\
	.count_objects = count,							\
	.scan_objects = scan,							\
	.seeks = DEFAULT_SEEKS * 10,						\
};										\
static int name##_register(void)						\
{										\
	return register_shrinker(&name##_shrinker, "umbra");			\
}										\
static void name##_unregister(void)						\
{										\
	unregister_shrinker(&name##_shrinker);					\
}
#endif

/* How long this thread has waited for a processor so far. */
#include <linux/sched/stat.h>
#ifdef CONFIG_SCHED_INFO
#define host_waited() ((u64)current->sched_info.run_delay)
#else
#define host_waited() 0ull
#endif

/* One moment of the host's counter, its clock and the raw one. */
#include <linux/timekeeping.h>
#if UMBRA_KERNEL(7, 2)
#define host_snapshot(snap) ktime_get_snapshot_id(CLOCK_REALTIME, snap)
#define snapshot_real(snap) ((snap)->systime)
#define snapshot_raw(snap) ((snap)->monoraw)
#else
#define host_snapshot(snap) ktime_get_snapshot(snap)
#define snapshot_real(snap) ((snap)->real)
#define snapshot_raw(snap) ((snap)->raw)
#endif

/* A timer that calls @fn in hard interrupts at an absolute time of CLOCK_MONOTONIC. */
#if UMBRA_KERNEL(6, 15)
#define timer_setup_abs(timer, fn)						\
	hrtimer_setup(timer, fn, CLOCK_MONOTONIC, HRTIMER_MODE_ABS_HARD)
#else
#define timer_setup_abs(timer, fn) do {						\
	hrtimer_init(timer, CLOCK_MONOTONIC, HRTIMER_MODE_ABS_HARD);		\
	(timer)->function = (fn);						\
} while (0)
#endif

/* Adds 1 to an eventfd's count; any context. */
#include <linux/eventfd.h>
#if UMBRA_KERNEL(6, 8)
#define host_eventfd_signal(ctx) eventfd_signal(ctx)
#else
#define host_eventfd_signal(ctx) eventfd_signal(ctx, 1)
#endif

/* kvm_run.immediate_exit, which user space may change at any time. */
#if UMBRA_KERNEL(6, 10)
#define run_immediate_exit(run) READ_ONCE((run)->immediate_exit__unsafe)
#else
#define run_immediate_exit(run) READ_ONCE((run)->immediate_exit)
#endif

/* A slot with room for a guest_memfd; its first 32 bytes are what it was before. */
#include <linux/kvm.h>
#if !UMBRA_KERNEL(6, 8)
struct kvm_userspace_memory_region2 { __u64 words[20]; };
#define KVM_CAP_USER_MEMORY2 231
#define KVM_SET_USER_MEMORY_REGION2 _IOW(KVMIO, 0x49, struct kvm_userspace_memory_region2)
#endif

#ifndef KVM_CAP_X86_APIC_BUS_CYCLES_NS	/* from 6.11 on */
#define KVM_CAP_X86_APIC_BUS_CYCLES_NS 237
#endif

#endif
