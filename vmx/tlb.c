// SPDX-License-Identifier: GPL-2.0-only
/*
 * Virtual-processor identifiers and TLB flushes. Intel SDM volume 3C, 29.4.
 *
 * A vCPU keeps its VPID for life. Translations that it left behind on a CPU are
 * flushed when it comes there again from another one. Without VPIDs every entry
 * and exit flushes.
 */
#include <linux/bitmap.h>
#include <linux/smp.h>
#include <linux/spinlock.h>

#include "vmx.h"

#define NR_VPIDS	0x10000

/* INVVPID's types. */
enum { INVVPID_GVA, INVVPID_ONE };

static DECLARE_BITMAP(vpids, NR_VPIDS);
static DEFINE_SPINLOCK(vpids_lock);

/* 0, which stands for none, when all are taken. */
u16 vmx_vpid_get(void)
{
	unsigned long vpid;

	if (!vmx_caps.vpid)
		return 0;
	spin_lock(&vpids_lock);
	vpid = find_next_zero_bit(vpids, NR_VPIDS, 1);
	if (vpid < NR_VPIDS)
		__set_bit(vpid, vpids);
	spin_unlock(&vpids_lock);
	return vpid < NR_VPIDS ? vpid : 0;
}

void vmx_vpid_put(u16 vpid)
{
	if (!vpid)
		return;
	spin_lock(&vpids_lock);
	__clear_bit(vpid, vpids);
	spin_unlock(&vpids_lock);
}

static void invvpid(unsigned long type, u16 vpid, gva_t gva)
{
	struct {
		u64 vpid;
		u64 gva;
	} operand = { vpid, gva };

	asm volatile("1: invvpid %0, %1\n"
		     "2:\n\t"
		     _ASM_EXTABLE(1b, 2b)
		     : : "m" (operand), "r" (type) : "cc", "memory");
}

/* Before an entry, interrupts off. */
void vmx_do_flush(struct vmx *vmx)
{
	if (vmx->flush && vmx->vpid)
		invvpid(INVVPID_ONE, vmx->vpid, 0);
	vmx->flush = false;
}

void vmx_flush_tlb(struct vcpu *vcpu)
{
	to_vmx(vcpu)->flush = true;
}

void vmx_flush_gva(struct vcpu *vcpu, gva_t gva)
{
	struct vmx *vmx = to_vmx(vcpu);

	preempt_disable();
	if (!vmx->flush && vmx->vpid && vmx->loaded && vmx_caps.invvpid_gva &&
	    (u64)((s64)(gva << 16) >> 16) == gva)
		invvpid(INVVPID_GVA, vmx->vpid, gva);
	else
		vmx->flush = true;
	preempt_enable();
}
