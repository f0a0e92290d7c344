// SPDX-License-Identifier: GPL-2.0-only
/*
 * Is there AMD-V, may we have it, and what does it offer?
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/cpu.h>
#include <linux/gfp.h>
#include <linux/mem_encrypt.h>
#include <linux/smp.h>
#include <asm/asm.h>
#include <asm/cpufeature.h>
#include <asm/msr-index.h>
#include <asm/processor.h>

#include "compat.h"
#include "state.h"
#include "svm.h"

#define CPUID_SVM_LEAF		0x8000000au
#define CPUID_SVM		BIT(2)		/* 8000_0001 ECX */
#define CPUID_RDTSCP		BIT(27)		/* 8000_0001 EDX */
#define CPUID_NRIPS		BIT(3)		/* 8000_000a EDX */
#define CPUID_FLUSH_BY_ASID	BIT(6)
#define CPUID_TSC_RATE		BIT(4)
#define CPUID_DECODE_ASSISTS	BIT(7)

#define VM_CR			0xc0010114u
#define VM_CR_SVMDIS		BIT_ULL(4)
#define VM_HSAVE_PA		0xc0010117u

struct svm_caps svm_caps;
DEFINE_PER_CPU(struct svm_cpu, svm_cpu);

static bool has_svm(void)
{
	return cpuid_eax(0x80000000) >= CPUID_SVM_LEAF && cpuid_ecx(0x80000001) & CPUID_SVM;
}

static bool disabled_by_firmware(void)
{
	u32 low, high;

	return !rdmsr_safe(VM_CR, &low, &high) && low & VM_CR_SVMDIS;
}

/* Of this CPU: nothing where AMD-V can't be turned on. */
static struct svm_caps read_caps_here(void)
{
	u32 eax, ebx, ecx, edx;

	if (!has_svm() || disabled_by_firmware())
		return (struct svm_caps){};
	cpuid(CPUID_SVM_LEAF, &eax, &ebx, &ecx, &edx);
	return (struct svm_caps){
		.nr_asids = ebx,
		.nrips = edx & CPUID_NRIPS,
		.flush_by_asid = edx & CPUID_FLUSH_BY_ASID,
		.decode_assists = edx & CPUID_DECODE_ASSISTS,
		.tsc_rate = edx & CPUID_TSC_RATE,
		.rdtscp = cpuid_edx(0x80000001) & CPUID_RDTSCP,
		.invpcid = boot_cpu_has(X86_FEATURE_INVPCID),
	};
}

/* What all CPUs found. */
struct survey {
	atomic_t busy, disabled;
};

static void survey_cpu(void *data)
{
	struct survey *survey = data;

	this_cpu_ptr(&svm_cpu)->caps = read_caps_here();
	if (host_rdmsr(MSR_EFER) & EFER_SVME)
		atomic_inc(&survey->busy);
	if (disabled_by_firmware())
		atomic_inc(&survey->disabled);
}

static int check_cpus(void)
{
	struct survey survey = {};

	on_each_cpu(survey_cpu, &survey, 1);
	if (atomic_read(&survey.disabled)) {
		pr_err("AMD-V is disabled in firmware; enable SVM in the firmware's set-up\n");
		return -EOPNOTSUPP;
	}
	if (atomic_read(&survey.busy)) {
		pr_err("AMD-V is in use by another hypervisor; unload it first (rmmod kvm_amd)\n");
		return -EBUSY;
	}
	if (!boot_cpu_has(X86_FEATURE_NX)) {
		pr_err("AMD-V can't be used: the host has no NX (is it booted with noexec=off?)\n");
		return -EOPNOTSUPP;
	}
	return 0;
}

static void limit_caps(struct svm_caps *caps, const struct svm_caps *by)
{
	caps->nr_asids = min(caps->nr_asids, by->nr_asids);
	caps->nrips &= by->nrips;
	caps->flush_by_asid &= by->flush_by_asid;
	caps->decode_assists &= by->decode_assists;
	caps->tsc_rate &= by->tsc_rate;
	caps->rdtscp &= by->rdtscp;
	caps->invpcid &= by->invpcid;
}

static bool caps_lack(const struct svm_caps *caps, const struct svm_caps *want)
{
	return caps->nr_asids < want->nr_asids || caps->nrips < want->nrips ||
	       caps->flush_by_asid < want->flush_by_asid ||
	       caps->decode_assists < want->decode_assists || caps->tsc_rate < want->tsc_rate ||
	       caps->rdtscp < want->rdtscp || caps->invpcid < want->invpcid;
}

/* What all have. A CPU that comes later and has less is not used, see svm_cpu_enable(). */
static void read_caps(void)
{
	int cpu;

	svm_caps = read_caps_here();
	for_each_online_cpu(cpu)
		limit_caps(&svm_caps, &per_cpu_ptr(&svm_cpu, cpu)->caps);
}

static int survey_cpus(void)
{
	int err;

	cpus_read_lock();
	err = check_cpus();
	if (!err)
		read_caps();
	cpus_read_unlock();
	return err;
}

static void free_cpus(void)
{
	int cpu;

	for_each_possible_cpu(cpu) {
		struct svm_cpu *c = per_cpu_ptr(&svm_cpu, cpu);

		free_page((unsigned long)c->hsave);
		free_page((unsigned long)c->host_area);
		*c = (struct svm_cpu){};
	}
}

static int alloc_cpus(void)
{
	int cpu;

	for_each_possible_cpu(cpu) {
		struct svm_cpu *c = per_cpu_ptr(&svm_cpu, cpu);

		c->hsave = svm_alloc_page(GFP_KERNEL);
		c->host_area = svm_alloc_page(GFP_KERNEL);
		if (!c->hsave || !c->host_area) {
			free_cpus();
			return -ENOMEM;
		}
		c->host_pa = __sme_pa(c->host_area);
	}
	return 0;
}

static int svm_cpu_enable(void)
{
	struct svm_cpu *c = this_cpu_ptr(&svm_cpu);
	u64 efer = host_rdmsr(MSR_EFER);

	if (c->enabled)
		return 0;
	c->caps = read_caps_here();
	if (caps_lack(&c->caps, &svm_caps))
		return -EOPNOTSUPP;
	if (efer & EFER_SVME)
		return -EBUSY;
	if (svm_caps.rdtscp)
		c->tsc_aux = host_rdmsr(MSR_TSC_AUX);
	host_wrmsr(MSR_EFER, efer | EFER_SVME);
	host_wrmsr(VM_HSAVE_PA, __sme_pa(c->hsave));
	/* No ASID from before is known, and the first entry flushes what is left of them. */
	c->asid_gen++;
	c->asid_next = svm_caps.nr_asids;
	svm_errata_on();
	svm_reset_tsc_rate(c);
	c->enabled = true;
	return 0;
}

static void svm_cpu_disable(void)
{
	struct svm_cpu *c = this_cpu_ptr(&svm_cpu);

	if (!c->enabled)
		return;
	c->enabled = false;
	svm_reset_tsc_rate(c);
	svm_errata_off();
	/* INIT and NMI, which a crash needs, are blocked without the global interrupt flag. */
	asm volatile("1: stgi\n"
		     "2:\n\t"
		     _ASM_EXTABLE(1b, 2b)
		     : : : "memory");
	host_wrmsr(VM_HSAVE_PA, 0);
	host_wrmsr(MSR_EFER, host_rdmsr(MSR_EFER) & ~(u64)EFER_SVME);
}

static struct vendor_ops svm_ops __ro_after_init = {
	.name		= "AMD-V",
	.tsc_max_ratio	= TSC_RATE_MAX,
	.cpu_enable	= svm_cpu_enable,
	.cpu_disable	= svm_cpu_disable,
	.vcpu_create	= svm_vcpu_create,
	.vcpu_destroy	= svm_vcpu_destroy,
	.vcpu_reset	= svm_vcpu_reset,
	.vcpu_load	= svm_vcpu_load,
	.vcpu_put	= svm_vcpu_put,
	.enter		= svm_enter,
	.exit_irq	= svm_exit_irq,
	.update_mode	= svm_update_mode,
	.update_cpuid	= svm_update_cpuid,
	.get_segment	= svm_get_segment,
	.set_segment	= svm_set_segment,
	.get_dt		= svm_get_dt,
	.set_dt		= svm_set_dt,
	.get_cpl	= svm_get_cpl,
	.run_alone	= svm_run_alone,
	.inject		= svm_inject,
	.open_windows	= svm_open_windows,
	.get_shadow	= svm_get_shadow,
	.set_shadow	= svm_set_shadow,
	.flush_gva	= svm_flush_gva,
	.get_msr	= svm_get_msr,
	.set_msr	= svm_set_msr,
	.update_tsc	= svm_update_tsc,
	.dump		= svm_dump,
};

int svm_probe(const struct vendor_ops **ops)
{
	int err;

	if (!has_svm())
		return -ENODEV;
	err = survey_cpus();
	if (err)
		return err;
	if (svm_caps.nr_asids < 2) {
		pr_err("AMD-V can't be used: the processor offers no address space identifiers\n");
		return -EOPNOTSUPP;
	}
	err = alloc_cpus();
	if (err)
		return err;
	err = svm_msr_init();
	if (err) {
		free_cpus();
		return err;
	}
	svm_ops.tsc_fraction = svm_caps.tsc_rate ? TSC_RATE_FRACTION : 0;
	fpu_hide_xss();
	svm_check_init();
	*ops = &svm_ops;
	return 0;
}

void svm_unload(void)
{
	svm_msr_exit();
	free_cpus();
}
