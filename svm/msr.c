// SPDX-License-Identifier: GPL-2.0-only
/*
 * MSRs that live in the VMCB, and the permission maps. AMD APM volume 2, 15.10, 15.11.
 */
#include <linux/gfp.h>
#include <linux/mem_encrypt.h>
#include <asm/msr-index.h>

#include "svm.h"

#define IOPM_ORDER	2	/* 12 KiB are used */
#define MSRPM_ORDER	1	/* 8 KiB; two bits, read and write, to an MSR */

hpa_t svm_iopm_pa, svm_msrpm_pa;
static unsigned long iopm, msrpm;

/*
 * The guest has these for itself: VMLOAD and VMSAVE switch them. Those that it writes only when it
 * boots it reads only; msr.c checks what it writes.
 */
static const u32 passed_through[] = {
	MSR_FS_BASE, MSR_GS_BASE, MSR_KERNEL_GS_BASE,
}, read_through[] = {
	MSR_STAR, MSR_LSTAR, MSR_CSTAR, MSR_SYSCALL_MASK,
	MSR_IA32_SYSENTER_CS, MSR_IA32_SYSENTER_ESP, MSR_IA32_SYSENTER_EIP,
};

/* The first bit of an MSR in the map; all of them are in one of the ranges. */
static unsigned int msrpm_bit(u32 index)
{
	unsigned int range = index >> 30 ? 1 + ((index >> 16) & 1) : 0;

	return range * 0x4000 + (index & 0x1fff) * 2;
}

int svm_msr_init(void)
{
	unsigned int i;

	iopm = __get_free_pages(GFP_KERNEL, IOPM_ORDER);
	msrpm = __get_free_pages(GFP_KERNEL, MSRPM_ORDER);
	if (!iopm || !msrpm) {
		svm_msr_exit();
		return -ENOMEM;
	}
	memset((void *)iopm, 0xff, PAGE_SIZE << IOPM_ORDER);
	memset((void *)msrpm, 0xff, PAGE_SIZE << MSRPM_ORDER);
	for (i = 0; i < ARRAY_SIZE(passed_through); i++) {
		clear_bit(msrpm_bit(passed_through[i]), (unsigned long *)msrpm);
		clear_bit(msrpm_bit(passed_through[i]) + 1, (unsigned long *)msrpm);
	}
	for (i = 0; i < ARRAY_SIZE(read_through); i++)
		clear_bit(msrpm_bit(read_through[i]), (unsigned long *)msrpm);
	svm_iopm_pa = __sme_pa((void *)iopm);
	svm_msrpm_pa = __sme_pa((void *)msrpm);
	return 0;
}

void svm_msr_exit(void)
{
	free_pages(iopm, IOPM_ORDER);
	free_pages(msrpm, MSRPM_ORDER);
	iopm = 0;
	msrpm = 0;
}

static u64 *msr_field(struct vmcb_save *save, u32 index)
{
	switch (index) {
	case MSR_FS_BASE:		return &save->seg[VCPU_SREG_FS].base;
	case MSR_GS_BASE:		return &save->seg[VCPU_SREG_GS].base;
	case MSR_KERNEL_GS_BASE:	return &save->kernel_gs_base;
	case MSR_STAR:			return &save->star;
	case MSR_LSTAR:			return &save->lstar;
	case MSR_CSTAR:			return &save->cstar;
	case MSR_SYSCALL_MASK:		return &save->sfmask;
	case MSR_IA32_SYSENTER_CS:	return &save->sysenter_cs;
	case MSR_IA32_SYSENTER_ESP:	return &save->sysenter_esp;
	case MSR_IA32_SYSENTER_EIP:	return &save->sysenter_eip;
	default:			return NULL;
	}
}

int svm_get_msr(struct vcpu *vcpu, u32 index, u64 *data)
{
	struct svm *svm = to_svm(vcpu);
	u64 *field = msr_field(&svm->vmcb->save, index);

	if (!field)
		return -ENOENT;
	*data = *field;
	return 0;
}

int svm_set_msr(struct vcpu *vcpu, u32 index, u64 data)
{
	struct svm *svm = to_svm(vcpu);
	u64 *field = msr_field(&svm->vmcb->save, index);

	if (!field)
		return -ENOENT;
	*field = data;
	return 0;
}

static void set_tsc_rate(struct svm_cpu *cpu, u64 rate)
{
	if (!svm_caps.tsc_rate || cpu->tsc_rate == rate)
		return;
	chosen_wrmsr(MSR_AMD64_TSC_RATIO, rate);
	cpu->tsc_rate = rate;
}

/* Preemption is off. */
void svm_load_tsc_rate(const struct vcpu *vcpu, struct svm_cpu *cpu)
{
	set_tsc_rate(cpu, vcpu->tsc.ratio ?: TSC_RATE_ONE);
}

/* Interrupts are off. What the MSR held before is not known, and nobody's. */
void svm_reset_tsc_rate(struct svm_cpu *cpu)
{
	cpu->tsc_rate = 0;
	set_tsc_rate(cpu, TSC_RATE_ONE);
}

void svm_update_tsc(struct vcpu *vcpu)
{
	struct svm *svm = to_svm(vcpu);

	svm->vmcb->control.tsc_offset = vcpu->tsc.offset;
	svm_dirty(svm, CLEAN_INTERCEPTS);
	svm_load_tsc_rate(vcpu, this_cpu_ptr(&svm_cpu));
}
