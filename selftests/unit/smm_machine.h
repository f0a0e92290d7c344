/* SPDX-License-Identifier: GPL-2.0-only */
/* A vCPU with registers and memory, for SMI and RSM. */
#ifndef SMM_MACHINE_H
#define SMM_MACHINE_H

#include "mmu.h"
#include "vcpu.h"

#define SMM_MEMORY	0x20000u	/* from SMBASE_RESET on */

extern struct vcpu v;
extern struct vm vm;
extern u8 smm_memory[SMM_MEMORY];
extern bool no_memory, bad_pdptes;
extern u32 shadow;

void machine_start(void);

#endif
