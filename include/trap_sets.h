/* SPDX-License-Identifier: GPL-2.0-only */
/* Exceptions as sets of vectors: Intel SDM 3A 6.15, AMD APM 2 8.2. */
#ifndef UMBRA_TRAP_SETS_H
#define UMBRA_TRAP_SETS_H

#include <linux/bits.h>
#include <asm/trapnr.h>

/* They push an error code, but in real mode. */
#define ERROR_CODE_TRAPS	(BIT(X86_TRAP_DF) | BIT(X86_TRAP_TS) | BIT(X86_TRAP_NP) | \
				 BIT(X86_TRAP_SS) | BIT(X86_TRAP_GP) | BIT(X86_TRAP_PF) | \
				 BIT(X86_TRAP_AC))

/* All that a guest's processor without CET, EPT and SEV raises; NMI is none. */
#define GUEST_TRAPS		(ERROR_CODE_TRAPS | BIT(X86_TRAP_DE) | BIT(X86_TRAP_DB) | \
				 BIT(X86_TRAP_BP) | BIT(X86_TRAP_OF) | BIT(X86_TRAP_BR) | \
				 BIT(X86_TRAP_UD) | BIT(X86_TRAP_NM) | BIT(X86_TRAP_MF) | \
				 BIT(X86_TRAP_MC) | BIT(X86_TRAP_XF))

#endif
