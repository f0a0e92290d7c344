/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What a backend (svm/, vmx/) does for the common code, all of it.
 */
#ifndef UMBRA_VENDOR_H
#define UMBRA_VENDOR_H

#include <linux/kvm.h>
#include <linux/static_call.h>

#include "exit.h"
#include "types.h"

struct vcpu;
struct insn;

/* Shadows in which an interrupt must wait for one instruction. */
#define SHADOW_STI	1u
#define SHADOW_MOV_SS	2u

/*
 * VENDOR_OPS(X): X(return type, name, (arguments))
 *
 * cpu_enable: this CPU can enter guests from now on. Interrupts off, called on
 *	each CPU. -EBUSY if another hypervisor holds it, -EOPNOTSUPP if the CPU lacks
 *	what the backend has found on the others.
 * cpu_disable: the opposite; also on the way into suspend, kexec and crash.
 * vcpu_create: allocate vcpu->backend. May sleep. 0 or -ENOMEM.
 * vcpu_destroy: free it.
 * vcpu_reset: control structure for a vCPU just created or reset; segments and
 *	descriptor tables as after power-on.
 * vcpu_load: the vCPU's thread now runs on @cpu; preemption is off. 0; or -EBUSY: its state can't
 *	be had here, where what other operations write is lost and what they read is 0.
 * vcpu_put: ... runs there no more.
 * enter: enter the guest once, with interrupts off and on return too, and say
 *	why it stopped. Loads and saves vcpu->regs and vcpu->mode.cr2. Takes CR3
 *	from vcpu->mmu.root_hpa.
 * exit_irq: called after enter, with interrupts off: run what must run right
 *	away (an NMI that exited). Interrupts are enabled soon after.
 * update_mode: vcpu->mode or debug.dr7 changed:
 *	derive the hardware's CR0, CR3, CR4, EFER, DR7 and intercepts.
 * update_cpuid: vcpu->cpuid, or whether it is in SMM, changed: intercepts and permission maps.
 * get_segment, set_segment: KVM_SREGS' form; seg is VCPU_SREG_* below.
 * get_dt, set_dt: GDTR or IDTR; seg is VCPU_DTR_*.
 * get_cpl: current privilege level.
 * run_alone: where the processor does not take the guest's state, the next entry is for the one
 *	instruction at RIP, @insn or NULL if it could not be decoded, which the emulator lacks:
 *	it ends with EXIT_STEPPED, or what the instruction raises. false: can't be done.
 * inject: deliver @event at the next entry; EVENT_NONE takes back.
 * open_windows: exit with EXIT_IRQ_WINDOW or EXIT_NMI_WINDOW as soon as the guest can take one.
 * get_shadow, set_shadow: SHADOW_* in force.
 * flush_gva: forget translations of one address by the root in use (others: vcpu.flush_tags).
 * get_msr, set_msr: MSRs that live in the control structure or are switched
 *	by the backend. -ENOENT: not one of them.
 * update_tsc: vcpu->tsc changed: the guest's counter; preemption is off.
 * dump: the control structure into the log, for FAIL_ENTRY.
 */
#define VENDOR_OPS(X)								\
	X(int, cpu_enable, (void))						\
	X(void, cpu_disable, (void))						\
	X(int, vcpu_create, (struct vcpu *vcpu))				\
	X(void, vcpu_destroy, (struct vcpu *vcpu))				\
	X(void, vcpu_reset, (struct vcpu *vcpu))				\
	X(int, vcpu_load, (struct vcpu *vcpu, int cpu))				\
	X(void, vcpu_put, (struct vcpu *vcpu))					\
	X(void, enter, (struct vcpu *vcpu, struct exit *exit))			\
	X(void, exit_irq, (struct vcpu *vcpu, const struct exit *exit))		\
	X(void, update_mode, (struct vcpu *vcpu))				\
	X(void, update_cpuid, (struct vcpu *vcpu))				\
	X(void, get_segment, (struct vcpu *vcpu, int seg, struct kvm_segment *out)) \
	X(void, set_segment, (struct vcpu *vcpu, int seg, const struct kvm_segment *in)) \
	X(void, get_dt, (struct vcpu *vcpu, int dt, struct kvm_dtable *out))	\
	X(void, set_dt, (struct vcpu *vcpu, int dt, const struct kvm_dtable *in)) \
	X(int, get_cpl, (struct vcpu *vcpu))					\
	X(bool, run_alone, (struct vcpu *vcpu, const struct insn *insn))	\
	X(void, inject, (struct vcpu *vcpu, const struct event *event))		\
	X(void, open_windows, (struct vcpu *vcpu, bool irq, bool nmi))		\
	X(u32, get_shadow, (struct vcpu *vcpu))					\
	X(void, set_shadow, (struct vcpu *vcpu, u32 shadow))			\
	X(void, flush_gva, (struct vcpu *vcpu, gva_t gva))			\
	X(int, get_msr, (struct vcpu *vcpu, u32 index, u64 *data))		\
	X(int, set_msr, (struct vcpu *vcpu, u32 index, u64 data))		\
	X(void, update_tsc, (struct vcpu *vcpu))				\
	X(void, dump, (struct vcpu *vcpu))

enum { VCPU_SREG_ES, VCPU_SREG_CS, VCPU_SREG_SS, VCPU_SREG_DS, VCPU_SREG_FS, VCPU_SREG_GS,
	VCPU_SREG_TR, VCPU_SREG_LDTR };
enum { VCPU_DTR_GDT, VCPU_DTR_IDT };

#define VENDOR_OP_FIELD(ret, name, args) ret (*name) args;
struct vendor_ops {
	const char *name;	/* "AMD-V" or "VT-x" */
	bool pf_passthrough;	/* not-present page faults need not exit */
	u8 tsc_fraction;	/* bits behind the point of vcpu_tsc.ratio; 0: no scaling */
	u64 tsc_max_ratio;
	VENDOR_OPS(VENDOR_OP_FIELD)
};
#undef VENDOR_OP_FIELD

#define VENDOR_OP_CALL(ret, name, args)				\
	typedef ret vendor_##name##_fn args;			\
	DECLARE_STATIC_CALL(vendor_##name, vendor_##name##_fn);
VENDOR_OPS(VENDOR_OP_CALL)
#undef VENDOR_OP_CALL

/* vendor(enter)(vcpu, &exit) */
#define vendor(op) static_call(vendor_##op)

/**
 * svm_probe() - can this host run guests by AMD-V?
 * @ops:	set on success
 *
 * Logs one line that says why not where the processor has it but it can't be
 * used. Return: 0; -ENODEV (no AMD-V); -EOPNOTSUPP (disabled in firmware);
 * -EBUSY (another hypervisor holds it).
 */
int svm_probe(const struct vendor_ops **ops);

/**
 * svm_unload() - free what svm_probe() allocated
 */
void svm_unload(void);

/**
 * vmx_probe() - can this host run guests by VT-x?
 * @ops:	set on success
 *
 * Return and log: as svm_probe().
 */
int vmx_probe(const struct vendor_ops **ops);

/**
 * vmx_unload() - free what vmx_probe() allocated
 */
void vmx_unload(void);

#endif
