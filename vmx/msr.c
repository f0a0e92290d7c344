// SPDX-License-Identifier: GPL-2.0-only
/*
 * MSRs that live in the VMCS or in the processor while the vCPU is loaded, and the
 * permission bitmap. Intel SDM volume 3C, 25.6.9.
 *
 * STAR, LSTAR, SFMASK, KERNEL_GS_BASE and TSC_AUX mean nothing to the host kernel itself, only
 * on the way to its user space: the guest's stay from the first entry until the vCPU is put.
 */
#include <linux/gfp.h>
#include <linux/io.h>
#include <asm/msr.h>
#include <asm/msr-index.h>

#include "compat.h"
#include "tscaux.h"
#include "vmx.h"

static unsigned long *bitmap;

/* The guest has these for itself. */
static const u32 passed_through[] = {
	MSR_FS_BASE, MSR_GS_BASE, MSR_KERNEL_GS_BASE,
	MSR_IA32_SYSENTER_CS, MSR_IA32_SYSENTER_ESP, MSR_IA32_SYSENTER_EIP,
};

static const u32 switched[NR_SWITCHED] = {
	[SWITCHED_STAR]		= MSR_STAR,
	[SWITCHED_LSTAR]	= MSR_LSTAR,
	[SWITCHED_SFMASK]	= MSR_SYSCALL_MASK,
	[SWITCHED_KERNEL_GS]	= MSR_KERNEL_GS_BASE,
};

/* Reads of low and high MSRs come first, then writes of the same: 1 KiB each. */
static void pass_through(u32 index)
{
	unsigned int bit = (index & 0x1fff) + (index >> 31 ? 0x2000 : 0);

	clear_bit(bit, bitmap);
	clear_bit(bit + 0x4000, bitmap);
}

int vmx_msr_init(void)
{
	unsigned int i;

	bitmap = (unsigned long *)get_zeroed_page(GFP_KERNEL);
	if (!bitmap)
		return -ENOMEM;
	memset(bitmap, 0xff, PAGE_SIZE);
	for (i = 0; i < ARRAY_SIZE(passed_through); i++)
		pass_through(passed_through[i]);
	return 0;
}

void vmx_msr_exit(void)
{
	free_page((unsigned long)bitmap);
	bitmap = NULL;
}

hpa_t vmx_msr_bitmap(void)
{
	return virt_to_phys(bitmap);
}

static u64 host_msr(const struct vmx *vmx, const struct vmx_cpu *cpu, unsigned int i)
{
	switch (i) {
	case SWITCHED_STAR:
		return cpu->star;
	case SWITCHED_LSTAR:
		return cpu->lstar;
	case SWITCHED_SFMASK:
		return cpu->sfmask;
	default:
		return vmx->host.kernel_gs;
	}
}

/* msr.c checks them; what this processor refuses all the same becomes 0: never the host's value. */
static void load_msr(struct vmx *vmx, unsigned int i)
{
	if (chosen_wrmsr(switched[i], vmx->msr[i]))
		return;
	vmx->msr[i] = 0;
	chosen_wrmsr(switched[i], 0);
}

/* Before an entry, interrupts off. */
void vmx_load_msrs(struct vcpu *vcpu)
{
	const struct vmx_cpu *cpu = this_cpu_ptr(&vmx_cpu);
	struct vmx *vmx = to_vmx(vcpu);
	unsigned int i;

	if (vmx_caps.rdtscp)
		tsc_aux_load(&vmx->tsc_aux, vcpu->msrs.tsc_aux);
	if (vmx->msrs_loaded)
		return;
	vmx->host.kernel_gs = host_rdmsr(MSR_KERNEL_GS_BASE);
	for (i = 0; i < NR_SWITCHED; i++)
		if (vmx->msr[i] != host_msr(vmx, cpu, i))
			load_msr(vmx, i);
	vmx->msrs_loaded = true;
}

/* Preemption is off. */
void vmx_unload_msrs(struct vmx *vmx)
{
	const struct vmx_cpu *cpu = this_cpu_ptr(&vmx_cpu);
	unsigned int i;

	tsc_aux_unload(&vmx->tsc_aux, cpu->tsc_aux);
	if (!vmx->msrs_loaded)
		return;
	vmx->msrs_loaded = false;
	/* SWAPGS changes it without an exit. */
	vmx->msr[SWITCHED_KERNEL_GS] = host_rdmsr(MSR_KERNEL_GS_BASE);
	for (i = 0; i < NR_SWITCHED; i++)
		if (vmx->msr[i] != host_msr(vmx, cpu, i))
			host_wrmsr(switched[i], host_msr(vmx, cpu, i));
}

static unsigned long msr_field(u32 index)
{
	switch (index) {
	case MSR_IA32_SYSENTER_CS:	return GUEST_SYSENTER_CS;
	case MSR_IA32_SYSENTER_ESP:	return GUEST_SYSENTER_ESP;
	case MSR_IA32_SYSENTER_EIP:	return GUEST_SYSENTER_EIP;
	default:			return 0;
	}
}

static u64 *msr_copy(struct vmx *vmx, u32 index)
{
	unsigned int i;

	for (i = 0; i < NR_SWITCHED; i++)
		if (switched[i] == index)
			return &vmx->msr[i];
	return index == MSR_CSTAR ? &vmx->cstar : NULL;
}

static u64 *unloaded_copy(struct vmx *vmx, u32 index)
{
	u64 *copy = msr_copy(vmx, index);

	if (copy) {
		preempt_disable();
		vmx_unload_msrs(vmx);
		preempt_enable();
	}
	return copy;
}

static int segment_of(u32 index)
{
	return index == MSR_FS_BASE ? VCPU_SREG_FS : index == MSR_GS_BASE ? VCPU_SREG_GS : -1;
}

int vmx_get_msr(struct vcpu *vcpu, u32 index, u64 *data)
{
	struct vmx *vmx = to_vmx(vcpu);
	const u64 *copy = unloaded_copy(vmx, index);
	struct kvm_segment seg;

	if (copy) {
		*data = *copy;
	} else if (msr_field(index)) {
		*data = vmcs_read(msr_field(index));
	} else if (segment_of(index) >= 0) {
		vmx_get_segment(vcpu, segment_of(index), &seg);
		*data = seg.base;
	} else {
		return -ENOENT;
	}
	return 0;
}

int vmx_set_msr(struct vcpu *vcpu, u32 index, u64 data)
{
	struct vmx *vmx = to_vmx(vcpu);
	u64 *copy = unloaded_copy(vmx, index);
	struct kvm_segment seg;

	if (copy) {
		*copy = data;
	} else if (msr_field(index)) {
		vmcs_write(msr_field(index), data);
	} else if (segment_of(index) >= 0) {
		vmx_get_segment(vcpu, segment_of(index), &seg);
		seg.base = data;
		vmx_set_segment(vcpu, segment_of(index), &seg);
	} else {
		return -ENOENT;
	}
	return 0;
}

void vmx_update_tsc(struct vcpu *vcpu)
{
	vmcs_write(TSC_OFFSET, vcpu->tsc.offset);
	if (vmx_caps.cpu2 & SECONDARY_EXEC_TSC_SCALING)
		vmcs_write(TSC_MULTIPLIER, vcpu->tsc.ratio ?: BIT_ULL(TSC_MULTIPLIER_FRACTION));
}
