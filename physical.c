// SPDX-License-Identifier: GPL-2.0-only
/* The host's physical addresses: how wide, and is its memory plain? */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/cc_platform.h>
#include <linux/errno.h>
#include <linux/kernel.h>
#include <linux/printk.h>
#include <asm/processor.h>

#include "compat.h"
#include "physical.h"
#include "types.h"

#define LEAF_MAX	0x80000000u
#define LEAF_SIZES	0x80000008u
#define LEAF_SME	0x8000001fu

#define SIZES_PHYSICAL	0xffu		/* EAX */
#define SME_SUPPORTED	1u		/* EAX */
#define SME_C_BIT	0x3fu		/* EBX */

#define BITS_UNTOLD	36u

int physical_check(void)
{
	if (!cc_platform_has(CC_ATTR_MEM_ENCRYPT))
		return 0;
	pr_err("the host's memory is encrypted (mem_encrypt=on, or it is a confidential guest), and page tables of ours would not be\n");
	return -EOPNOTSUPP;
}

/* The firmware may have turned SME on though the kernel does not use it. */
static unsigned int c_bit_end(void)
{
	u32 eax, ebx, ecx, edx;

	if (cpuid_eax(LEAF_MAX) < LEAF_SME)
		return 0;
	cpuid(LEAF_SME, &eax, &ebx, &ecx, &edx);
	return eax & SME_SUPPORTED ? (ebx & SME_C_BIT) + 1 : 0;
}

unsigned int physical_bits(void)
{
	unsigned int bits = BITS_UNTOLD;

	if (cpuid_eax(LEAF_MAX) >= LEAF_SIZES)
		bits = cpuid_eax(LEAF_SIZES) & SIZES_PHYSICAL;
	return max(bits, c_bit_end());
}
