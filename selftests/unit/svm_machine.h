/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A fake processor with AMD-V: as much of VMRUN as a wrong VMCB or a missing flush shows in.
 */
#ifndef SVM_MACHINE_H
#define SVM_MACHINE_H

#include "svm.h"
#include "vm.h"

#define MACH_ASIDS	12
#define MACH_PAGES	4

/* What the next VMRUN does. */
enum mach_entry {
	MACH_RUN,		/* touch a page, exit by an interrupt */
	MACH_INVALID,		/* VMEXIT_INVALID: nothing is flushed */
	MACH_FAULT,		/* #UD, and the fixup: nothing is written */
	MACH_CHECK,		/* a machine check */
	MACH_SHUTDOWN,		/* the guest shut down: the VMCB is undefined */
};

/**
 * struct mach - the processors
 * @tlb:	by processor, ASID and page: what is cached, or 0
 * @memory:	what the guest's tables say now of the page that it touches
 * @page:	which one that is
 * @seen:	what the guest read there
 * @next:	see above; MACH_RUN again afterwards
 * @vmruns: @invlpgas: how many there were
 * @msr_xss: @msr_xss_writes: IA32_XSS, and how often it was written
 * @kernel_fpu:	between kernel_fpu_begin() and kernel_fpu_end()
 * @cpuid_svm:	by processor: CPUID 8000_000a EBX and EDX
 * @max_leaf: @sizes: @sme:	CPUID 8000_0000 EAX, 8000_0008 EAX, 8000_001f EAX and EBX
 * @encrypted:	what the kernel says of its memory
 * @vm_cr:	by processor
 * @efer: @hsave: by processor; the MSRs
 * @features:	what boot_cpu_has() says
 * @bp_cfg: @dc_cfg: @mc_status: @mcg_status: by processor; the MSRs
 * @no_bp_cfg:	the first is #GP
 * @tsc_ratio:	by processor; the MSR
 * @host_flushes: how often CR4 was written
 */
struct mach {
	u64 tlb[SHIM_CPUS][MACH_ASIDS][MACH_PAGES];
	u64 memory;
	unsigned int page;
	u64 seen;
	enum mach_entry next;
	unsigned int vmruns, invlpgas;
	u64 msr_xss;
	unsigned int msr_xss_writes;
	bool kernel_fpu;
	struct { u32 nr_asids, features; } cpuid_svm[SHIM_CPUS];
	u32 max_leaf, sizes, sme[2];
	bool encrypted;
	u64 vm_cr[SHIM_CPUS];
	u64 efer[SHIM_CPUS], hsave[SHIM_CPUS];
	u64 features;
	u64 bp_cfg[SHIM_CPUS], dc_cfg[SHIM_CPUS], mc_status[SHIM_CPUS], mcg_status[SHIM_CPUS];
	bool no_bp_cfg;
	u64 tsc_ratio[SHIM_CPUS];
	unsigned int host_flushes;
};

extern struct mach mach;
extern bool check_entry_on;	/* of main.c */

void mach_start(void);
unsigned int mach_blocks(void);

#endif
