/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The host's mitigations around guest mode: by which feature the host kernel asks for each, under
 * the name that it has there. A name that is not there stops the build: it never means 'off'.
 *
 *   before an entry   VERW             what the host left in the processor's buffers
 *                     DIV              ... and in its divider (Zen 1)
 *   after an exit,    return stack     the guest's return addresses
 *   before the        IBPB, untraining its branch targets (retbleed, SRSO)
 *   first RET         SPEC_CTRL        the host's own, written again where that is what protects
 *                     branch history   the guest's branches (BHI)
 *   before user       IBPB             the guest's branch targets, for the VMM (VMSCAPE)
 *   space
 *   all the time      BP_SPEC_REDUCE   SRSO of Zen 5
 *
 * Nothing is done about L1TF: no entry of a shadow table that is not present has an address in
 * cached memory (mmu/spte.c). MMIO stale data as such needs a guest with device memory; ours
 * never has any.
 */
#ifndef UMBRA_MITIGATE_H
#define UMBRA_MITIGATE_H

#include <asm/cpufeatures.h>
#include <asm/msr-index.h>

/* MDS, TAA and RFDS are the former's, and the latter's on 7.x; TSA is the latter's. */
#if !defined(X86_FEATURE_CLEAR_CPU_BUF) || !defined(X86_FEATURE_CLEAR_CPU_BUF_VM)
#error "by which features does this kernel ask for VERW before an entry?"
#endif

#if defined(X86_FEATURE_CLEAR_BHB_VMEXIT)
#define MITIGATE_BHI	X86_FEATURE_CLEAR_BHB_VMEXIT
#elif defined(X86_FEATURE_CLEAR_BHB_LOOP_ON_VMEXIT)
#define MITIGATE_BHI	X86_FEATURE_CLEAR_BHB_LOOP_ON_VMEXIT
#else
#error "by which feature does this kernel ask to clear the branch history after an exit?"
#endif

#if !defined(X86_FEATURE_RSB_VMEXIT) || !defined(X86_FEATURE_RSB_VMEXIT_LITE)
#error "by which features does this kernel ask to fill the return stack after an exit?"
#endif

#if !defined(X86_FEATURE_ENTRY_IBPB) || !defined(X86_FEATURE_IBPB_ON_VMEXIT)
#error "by which features does this kernel ask for an IBPB after an exit?"
#endif

#ifndef X86_BUG_IBPB_NO_RET
#error "how does this kernel say that an IBPB leaves return predictions alone?"
#endif

#if !defined(X86_FEATURE_UNRET) || !defined(X86_FEATURE_SRSO_ALIAS)
#error "by which features does this kernel ask to untrain returns?"
#endif

#if !defined(X86_FEATURE_MSR_SPEC_CTRL) || !defined(X86_FEATURE_KERNEL_IBRS)
#error "how does this kernel use SPEC_CTRL?"
#endif

#ifndef X86_FEATURE_IBPB_EXIT_TO_USER
#error "by which feature does this kernel ask for an IBPB between a guest and user space?"
#endif

/* Between two vCPUs. Kernels without a choice of their own issue it wherever they can. */
#if defined(X86_FEATURE_USE_IBPB)
#define MITIGATE_VCPU_SWITCH	X86_FEATURE_USE_IBPB
#elif defined(X86_FEATURE_IBPB)
#define MITIGATE_VCPU_SWITCH	X86_FEATURE_IBPB
#else
#error "by which feature does this kernel ask for IBPBs?"
#endif

/*
 * SRSO of Zen 5. Kernels that know nothing of it have made no choice: wherever the processor has
 * the way out. CPUID 0x80000021, EAX.
 */
#ifdef X86_FEATURE_SRSO_BP_SPEC_REDUCE
#define MITIGATE_SRSO_GUESTS	boot_cpu_has(X86_FEATURE_SRSO_BP_SPEC_REDUCE)
#else
#define MITIGATE_SRSO_GUESTS	(cpuid_eax(0x80000000) >= 0x80000021 &&		\
				 cpuid_eax(0x80000021) >> 31)
#endif

#ifndef X86_BUG_DIV0
#error "how does this kernel say that a divider keeps its last result?"
#endif

#ifndef X86_BUG_AMD_TLB_MMATCH
#error "how does this kernel say that a processor has AMD's erratum 383?"
#endif

#endif
