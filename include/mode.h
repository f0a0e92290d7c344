/* SPDX-License-Identifier: GPL-2.0-only */
/* Control registers, and what follows from them. In mode.c. */
#ifndef UMBRA_MODE_H
#define UMBRA_MODE_H

#include "emulate.h"
#include "types.h"

struct kvm_sregs;
struct vcpu;

/**
 * mode_get_cr() - what the guest reads from a control register
 * @vcpu:	the vCPU
 * @nr:		which
 * @value:	result
 *
 * Any context. Return: 0, or -EINVAL if there is no such register.
 */
int mode_get_cr(const struct vcpu *vcpu, unsigned int nr, u64 *value);

/**
 * mode_set_cr0() - MOV to CR0, LMSW, CLTS
 * @vcpu:	loaded
 * @value:	new CR0
 *
 * Checks as the processor does, tells the MMU and the backend.
 * Intel SDM 2 MOV—Move to/from Control Registers. Return: 0, or -EINVAL for #GP(0),
 * -EFAULT where PDPTEs could not be read.
 */
int mode_set_cr0(struct vcpu *vcpu, u64 value);

/**
 * mode_set_cr3() - MOV to CR3
 * @vcpu: @value: as mode_set_cr0()
 *
 * Return: as mode_set_cr0().
 */
int mode_set_cr3(struct vcpu *vcpu, u64 value);

/**
 * mode_set_cr4() - MOV to CR4
 * @vcpu: @value: as mode_set_cr0()
 *
 * Return: as mode_set_cr0().
 */
int mode_set_cr4(struct vcpu *vcpu, u64 value);

/**
 * mode_set_cr8() - MOV to CR8
 * @vcpu: @value: as mode_set_cr0()
 *
 * Return: as mode_set_cr0().
 */
int mode_set_cr8(struct vcpu *vcpu, u64 value);

/**
 * mode_set_efer() - WRMSR to EFER
 * @vcpu: @value: as mode_set_cr0()
 *
 * LMA is the processor's own: a guest's attempt to change it is ignored.
 * Return: as mode_set_cr0().
 */
int mode_set_efer(struct vcpu *vcpu, u64 value);

/**
 * mode_set_xcr0() - XSETBV
 * @vcpu: @value: as mode_set_cr0()
 *
 * Return: 0 or -EINVAL for #GP(0).
 */
int mode_set_xcr0(struct vcpu *vcpu, u64 value);

#define MSR_IA32_APICBASE_X2	BIT(10)

/**
 * mode_set_apic_base() - WRMSR to IA32_APIC_BASE
 * @vcpu: @value: as mode_set_cr0()
 * @host:	on behalf of user space
 *
 * Intel SDM 3A 11.4.4. There is no x2APIC mode without an APIC in the kernel. Return: 0 or -EINVAL
 * for #GP(0).
 */
int mode_set_apic_base(struct vcpu *vcpu, u64 value, bool host);

/**
 * mode_load_apic_base() - user space sets it with KVM_SET_SREGS
 * @vcpu:	the vCPU
 * @value:	good
 */
void mode_load_apic_base(struct vcpu *vcpu, u64 value);

/**
 * mode_settled_cr0() - what CR0 holds after a write
 * @cr0:	as written
 *
 * Bits that are not there are dropped, ET is always set. Intel SDM 3A 2.5. Return: CR0.
 */
u64 mode_settled_cr0(u64 cr0);

/**
 * mode_valid_sregs() - could a processor have these control registers?
 * @vcpu:	its CPUID decides
 * @sregs:	not trusted
 *
 * Return: whether KVM_SET_SREGS may take them; see also entry_segments_ok().
 */
bool mode_valid_sregs(struct vcpu *vcpu, const struct kvm_sregs *sregs);

/**
 * mode_apply() - take control registers as they are (KVM_SET_SREGS, reset, new CPUID)
 * @vcpu:	loaded; @vcpu->mode is set already, and the slots are held
 *
 * Tells the MMU and the backend. Return: 0 or -EINVAL (bad PDPTEs).
 */
int mode_apply(struct vcpu *vcpu);

/**
 * mode_memory_changed() - the vCPU is in SMM now, or not any more, and nothing else changed
 * @vcpu:	loaded, slots held
 */
void mode_memory_changed(struct vcpu *vcpu);

/**
 * mode_has_pdptes() - is it PAE paging?
 * @vcpu:	the vCPU
 *
 * Return: whether PDPTE registers are in use.
 */
bool mode_has_pdptes(const struct vcpu *vcpu);

/**
 * mode_apply_pdptes() - mode_apply(), with PDPTEs that are not read from guest memory
 * @vcpu:	as mode_apply()
 * @pdpte:	not trusted
 *
 * Return: 0 or -EINVAL: bad ones, or not PAE paging.
 */
int mode_apply_pdptes(struct vcpu *vcpu, const u64 pdpte[4]);

/**
 * mode_invlpg() - INVLPG
 * @vcpu:	loaded
 * @gva:	any linear address; one that is not canonical has no effect
 */
void mode_invlpg(struct vcpu *vcpu, gva_t gva);

/**
 * mode_invpcid() - INVPCID
 * @vcpu:	loaded
 * @type:	0 to 3
 * @pcid: @gva:	the descriptor
 *
 * Intel SDM 2 INVPCID. Return: 0, or -EINVAL for #GP(0).
 */
int mode_invpcid(struct vcpu *vcpu, u64 type, u64 pcid, gva_t gva);

/**
 * mode_insn() - how the decoder must read code now
 * @vcpu:	loaded
 *
 * Return: the decoder's mode.
 */
enum insn_mode mode_insn(struct vcpu *vcpu);

#endif
