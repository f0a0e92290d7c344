// SPDX-License-Identifier: GPL-2.0-only
/*
 * Virtual-processor identifiers and TLB flushes. Intel SDM volume 3C, 29.4.
 *
 * A vCPU keeps its VPIDs for life, one for each root at hand, so that the TLB keeps what it holds
 * of one address space while another is in use. What is there when it comes to a CPU is
 * flushed. Without VPIDs every entry and exit flushes.
 */
#include <linux/bitmap.h>
#include <linux/smp.h>
#include <linux/spinlock.h>

#include "mmu.h"
#include "vmx.h"

#define NR_BLOCKS	(0x10000 / MMU_ROOTS)

/* INVVPID's types. */
enum { INVVPID_GVA, INVVPID_ONE };

static DECLARE_BITMAP(blocks, NR_BLOCKS);
static DEFINE_SPINLOCK(blocks_lock);

/* The first of MMU_ROOTS. 0, which stands for none, when all are taken. */
u16 vmx_vpid_get(void)
{
	unsigned long block;

	if (!vmx_caps.vpid)
		return 0;
	spin_lock(&blocks_lock);
	block = find_next_zero_bit(blocks, NR_BLOCKS, 1);
	if (block < NR_BLOCKS)
		__set_bit(block, blocks);
	spin_unlock(&blocks_lock);
	return block < NR_BLOCKS ? block * MMU_ROOTS : 0;
}

void vmx_vpid_put(u16 vpid)
{
	if (!vpid)
		return;
	spin_lock(&blocks_lock);
	__clear_bit(vpid / MMU_ROOTS, blocks);
	spin_unlock(&blocks_lock);
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
void vmx_do_flush(struct vcpu *vcpu)
{
	struct vmx *vmx = to_vmx(vcpu);
	bool stale = vcpu_take_flush(vcpu);
	u16 vpid = vmx->vpid + vcpu->mmu.root_tag;

	if (!vmx->vpid)
		return;
	if (vmx->vpid_now != vpid)
		vmcs_write(VIRTUAL_PROCESSOR_ID, vpid);
	vmx->vpid_now = vpid;
	if (stale)
		invvpid(INVVPID_ONE, vpid, 0);
}

void vmx_flush_gva(struct vcpu *vcpu, gva_t gva)
{
	struct vmx *vmx = to_vmx(vcpu);
	u8 tag = vcpu->mmu.root_tag;

	preempt_disable();
	if (!(vcpu->flush_tags & BIT(tag)) && vmx->vpid && vmx->loaded && vmx_caps.invvpid_gva &&
	    canonical_in(gva, 48))
		invvpid(INVVPID_GVA, vmx->vpid + tag, gva);
	else
		vcpu->flush_tags |= BIT(tag);
	preempt_enable();
}
