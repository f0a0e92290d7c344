/* SPDX-License-Identifier: GPL-2.0-only */
/* What of a vCPU's state user space reads and writes, each in its file. */
#ifndef UMBRA_STATE_H
#define UMBRA_STATE_H

#include <linux/kvm.h>
#include "breakpoint.h"
#include "types.h"

struct vcpu;

/* ---- state.c ---- */

/**
 * vcpu_reset() - the state after power-on
 * @vcpu:	loaded
 *
 * Intel SDM 3A table 9-1.
 */
void vcpu_reset(struct vcpu *vcpu);

/**
 * vcpu_init() - the state after INIT
 * @vcpu:	loaded
 *
 * As vcpu_reset() but for what INIT leaves alone: the FPU with XCR0, caching as CR0 and the MTRRs
 * have it, the MSRs that the backend does not keep. Intel SDM 3A table 9-1, AMD APM volume 2,
 * 14.1.3.
 */
void vcpu_init(struct vcpu *vcpu);

int state_get_regs(struct vcpu *vcpu, struct kvm_regs *regs);
int state_set_regs(struct vcpu *vcpu, const struct kvm_regs *regs);
int state_get_sregs(struct vcpu *vcpu, struct kvm_sregs *sregs);
int state_set_sregs(struct vcpu *vcpu, const struct kvm_sregs *sregs);

/**
 * state_load_sregs() - what SMI and RSM load: segments, tables, control registers but CR2 and CR8
 * @vcpu:	loaded, slots held
 * @sregs:	good, but for PDPTEs
 *
 * Return: 0; -EINVAL: PDPTEs are bad, and the state is to be loaded that was there before.
 */
int state_load_sregs(struct vcpu *vcpu, const struct kvm_sregs *sregs);

int state_get_sregs2(struct vcpu *vcpu, struct kvm_sregs2 *sregs2);
int state_set_sregs2(struct vcpu *vcpu, const struct kvm_sregs2 *sregs2);
int state_get_fpu(struct vcpu *vcpu, struct kvm_fpu *fpu);
int state_set_fpu(struct vcpu *vcpu, const struct kvm_fpu *fpu);
int state_get_xsave(struct vcpu *vcpu, struct kvm_xsave *xsave);
int state_set_xsave(struct vcpu *vcpu, const struct kvm_xsave *xsave);
int state_get_xcrs(struct vcpu *vcpu, struct kvm_xcrs *xcrs);
int state_set_xcrs(struct vcpu *vcpu, const struct kvm_xcrs *xcrs);
int state_get_debugregs(struct vcpu *vcpu, struct kvm_debugregs *dbg);
int state_set_debugregs(struct vcpu *vcpu, const struct kvm_debugregs *dbg);

/**
 * fpu_module_init() - learn the host's XSAVE layout
 *
 * Return: 0 or -EOPNOTSUPP with a line in the log.
 */
int fpu_module_init(void);

/**
 * fpu_hide_xss() - IA32_XSS shall be 0 while a guest's FPU state is loaded
 *
 * By a backend whose guests can execute XSAVES and XRSTORS and have no IA32_XSS of their own: with
 * the host's they would save and load supervisor state of the VMM's thread, its shadow stack among
 * it. At load. Intel SDM 1 13.11; AMD APM volume 2, 11.5 and 18.13.
 */
void fpu_hide_xss(void);

/**
 * fpu_create() - allocate a guest's FPU area in its reset state
 * @vcpu:	new
 *
 * Return: 0 or -ENOMEM.
 */
int fpu_create(struct vcpu *vcpu);
void fpu_destroy(struct vcpu *vcpu);

/**
 * fpu_enter() - the processor's FPU becomes the guest's (XCR0 too, see also fpu_hide_xss())
 * @vcpu:	about to be entered; interrupts on
 *
 * Turns preemption off, and softirqs or their use of the FPU, until fpu_leave().
 */
void fpu_enter(struct vcpu *vcpu);

/**
 * fpu_leave() - ... and the host's again
 * @vcpu:	was entered; interrupts on
 */
void fpu_leave(struct vcpu *vcpu);

/**
 * fpu_read_sse() - the low 16 bytes of a vector register
 * @vcpu:	not entered
 * @reg:	0 to 15
 * @data:	16 bytes
 */
void fpu_read_sse(struct vcpu *vcpu, unsigned int reg, void *data);
void fpu_write_sse(struct vcpu *vcpu, unsigned int reg, const void *data);

/**
 * fpu_xcr0_supported() - what guests may have in XCR0
 *
 * Return: XCR0 bits; 0 if the processor has no XSAVE.
 */
u64 fpu_xcr0_supported(void);

/**
 * fpu_xsave_bytes() - size of an XSAVE area in the standard form
 * @xcr0:	components in it
 *
 * Intel SDM 1 13.4.3. Return: bytes.
 */
u32 fpu_xsave_bytes(u64 xcr0);

/* ---- debug.c ---- */

/**
 * debug_reset() - debug registers after reset
 * @vcpu:	the vCPU; the backend is told later
 */
void debug_reset(struct vcpu *vcpu);

/**
 * debug_enter() - load the guest's DR0-3 if its DR7 uses them
 * @vcpu:	about to be entered; interrupts off
 */
void debug_enter(struct vcpu *vcpu);

/**
 * debug_leave() - give the host's breakpoints back
 * @vcpu:	was entered; interrupts off
 */
void debug_leave(struct vcpu *vcpu);

/**
 * debug_hits() - which breakpoints does an access meet that software makes?
 * @vcpu:	loaded
 * @addr:	linear address, or port
 * @bytes:	1 or more
 * @kind:	what is done there; breakpoints on ports need CR4.DE
 *
 * Intel SDM 3B 18.2.4 and 18.2.5. Return: B0 to B3 of DR6, for vcpu->debug.hits.
 */
u32 debug_hits(const struct vcpu *vcpu, u64 addr, unsigned int bytes, enum breakpoint_kind kind);

/* ---- cpuid.c ---- */

/**
 * cpuid_module_init() - find out what can be offered; after fpu_module_init()
 */
void cpuid_module_init(void);

/**
 * cpuid_supported() - KVM_GET_SUPPORTED_CPUID
 * @cpuid:	user space's struct; nent is read and written
 *
 * KVM API 4.46. Return: 0, -E2BIG, -ENOMEM or -EFAULT.
 */
int cpuid_supported(struct kvm_cpuid2 __user *cpuid);
int cpuid_set(struct vcpu *vcpu, struct kvm_cpuid2 __user *cpuid);
int cpuid_get(struct vcpu *vcpu, struct kvm_cpuid2 __user *cpuid);

/**
 * cpuid_take() - a vCPU gets a new list
 * @vcpu:	loaded
 * @entry:	not trusted; kvfree() is done here
 * @nr:		how many
 *
 * Return: 0 or -EINVAL.
 */
int cpuid_take(struct vcpu *vcpu, struct kvm_cpuid_entry2 *entry, unsigned int nr);

/**
 * cpuid_query() - execute CPUID
 * @vcpu:	the vCPU
 * @eax: @ebx: @ecx: @edx: in and out
 *
 * Intel SDM 2 CPUID: a leaf above the highest answers as the highest basic
 * one on Intel, with zeros on AMD. OSXSAVE and OSPKE follow CR4.
 */
void cpuid_query(struct vcpu *vcpu, u32 *eax, u32 *ebx, u32 *ecx, u32 *edx);

/**
 * cpuid_has_mwait() - does the guest's CPUID have MONITOR and MWAIT?
 * @vcpu:	the vCPU
 */
bool cpuid_has_mwait(struct vcpu *vcpu);

/**
 * cpuid_reset() - what a vCPU answers before KVM_SET_CPUID2: nothing
 * @vcpu:	new
 */
void cpuid_reset(struct vcpu *vcpu);

/* ---- cpuid_more.c ---- */

/**
 * cpuid_set_old() - KVM_SET_CPUID: entries without an index
 * @vcpu:	loaded
 * @cpuid:	user space's struct
 *
 * KVM API 4.20. Return: 0, -E2BIG, -ENOMEM, -EFAULT or -EINVAL.
 */
int cpuid_set_old(struct vcpu *vcpu, struct kvm_cpuid __user *cpuid);

/**
 * cpuid_emulated() - KVM_GET_EMULATED_CPUID: what is understood, but better not offered
 * @cpuid:	user space's struct; nent is read and written
 *
 * KVM API 4.88. Return: 0, -E2BIG, -EINVAL (padding), -ENOMEM or -EFAULT.
 */
int cpuid_emulated(struct kvm_cpuid2 __user *cpuid);

/**
 * cpuid_device_attr() - KVM_GET_DEVICE_ATTR and KVM_HAS_DEVICE_ATTR on the device
 * @arg:	user space's struct; KVM_X86_XCOMP_GUEST_SUPP is all there is
 * @get:	the value, which is what fpu_xcr0_supported() says, goes where @arg wants it
 *
 * Process context. KVM API 4.80. Return: 0, -EFAULT, or -ENXIO: no such attribute.
 */
int cpuid_device_attr(const struct kvm_device_attr __user *arg, bool get);

/* ---- msr.c ---- */

/**
 * msr_reset() - MSRs after reset
 * @vcpu:	the vCPU
 */
void msr_reset(struct vcpu *vcpu);

/**
 * msr_read() - RDMSR
 * @vcpu:	loaded
 * @index:	ECX
 * @data:	result
 * @host:	on behalf of user space: read-only and hidden ones allowed
 *
 * Return: 0; for #GP(0) -EINVAL, or -ENXIO: there is no such MSR.
 */
int msr_read(struct vcpu *vcpu, u32 index, u64 *data, bool host);

/**
 * msr_write() - WRMSR
 * @vcpu: @index: @data: @host: as msr_read()
 *
 * Return: as msr_read().
 */
int msr_write(struct vcpu *vcpu, u32 index, u64 data, bool host);
int msr_index_list(struct kvm_msr_list __user *list);

/**
 * msr_feature_list() - KVM_GET_MSR_FEATURE_INDEX_LIST
 * @list:	user space's struct; nmsrs is read and written
 *
 * KVM API 4.3. Return: 0, -E2BIG or -EFAULT.
 */
int msr_feature_list(struct kvm_msr_list __user *list);

/**
 * msr_get_features() - KVM_GET_MSRS on the device: what the MSRs of that list can be
 * @msrs:	user space's struct
 *
 * KVM API 4.18. Return: how many were read, -E2BIG, -ENOMEM or -EFAULT.
 */
long msr_get_features(struct kvm_msrs __user *msrs);
long msr_get_many(struct vcpu *vcpu, struct kvm_msrs __user *msrs);
long msr_set_many(struct vcpu *vcpu, struct kvm_msrs __user *msrs);

#endif
