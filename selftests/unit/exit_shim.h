/* SPDX-License-Identifier: GPL-2.0-only */
/* What exit.c, insn.c, mode.c and io.c want of the kernel beside svm_shim.h. */
#ifndef EXIT_SHIM_H
#define EXIT_SHIM_H

/* vendor(op) is a function of the test. */
#undef DECLARE_STATIC_CALL
#define DECLARE_STATIC_CALL(name, func)	func name
#define static_call(name)		name

#define X86_FEATURE_SPLIT_LOCK_DETECT	X86_FEATURE_NX	/* boot_cpu_has() says no to all */
#define XFEATURE_MASK_BNDREGS		BIT_ULL(3)
#define XFEATURE_MASK_BNDCSR		BIT_ULL(4)
#define XFEATURE_MASK_AVX512		(7ull << 5)
#define MSR_IA32_APICBASE_BSP		BIT(8)
#define MSR_IA32_APICBASE_ENABLE	BIT(11)

#define noinline_for_stack		noinline
#define host_split_lock(rip)		((void)(rip), false)

extern int shim_pagefaults_off;
#define pagefault_disable()		((void)shim_pagefaults_off++)
#define pagefault_enable()		((void)shim_pagefaults_off--)

#endif
