/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the host's physical addresses are like.
 */
#ifndef UMBRA_PHYSICAL_H
#define UMBRA_PHYSICAL_H

/**
 * physical_check() - can page tables of ours be made of the host's memory?
 *
 * With memory encryption (SME, or a host that is itself a confidential guest) addresses in page
 * tables carry a mask, and a table reached without it is read as ciphertext. A PAE root's CR3 has
 * no room for one. Logs a line where it can't be. At load. AMD APM volume 2, 7.10; Intel TDX
 * module.
 *
 * Return: 0 or -EOPNOTSUPP.
 */
int physical_check(void);

/**
 * physical_bits() - width of an address in a page-table entry
 *
 * From this bit to bit 51 the processor faults on what is set. The kernel's own count
 * (boot_cpu_data.x86_phys_bits) is smaller: it lacks the KeyIDs of TME and what SME takes, and
 * those bits are not reserved. Any context. CPUID 8000_0008 EAX[7:0] and, for the place of the
 * C-bit, 8000_001F EBX[5:0]; Intel SDM 3A 4.1.4, AMD APM volume 2, 7.10.
 *
 * Return: 36 to 52.
 */
unsigned int physical_bits(void);

#endif
