// SPDX-License-Identifier: GPL-2.0-only
/*
 * Pages that the processor itself works on: VMCB, VM_HSAVE_PA, VMSAVE's area. AMD APM volume 2,
 * 15.36.
 *
 * On a host with SEV-SNP they are in use for as long as a guest runs. Processors have taken such a
 * page at the beginning of 2 MiB for all of it, and other CPUs' writes there fault. So it is never
 * the first page of two, SNP or not.
 */
#include <linux/gfp.h>
#include <linux/mm.h>

#include "svm.h"

void *svm_alloc_page(gfp_t gfp)
{
	unsigned long pair = __get_free_pages(gfp | __GFP_ZERO, 1);

	if (!pair)
		return NULL;
	split_page(virt_to_page((void *)pair), 1);
	free_page(pair);
	return (void *)(pair + PAGE_SIZE);
}
