// SPDX-License-Identifier: GPL-2.0-only
/*
 * Is there VT-x, may we have it, and what does it offer? Intel SDM volume 3D, appendix A.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/cpu.h>
#include <linux/gfp.h>
#include <linux/io.h>
#include <linux/limits.h>
#include <linux/module.h>
#include <linux/smp.h>
#include <asm/cpufeature.h>
#include <asm/msr.h>
#include <asm/msr-index.h>
#include <asm/processor.h>
#include <asm/processor-flags.h>
#include <asm/special_insns.h>

#include "compat.h"
#include "vmx.h"

#define CPUID_VMX		BIT(5)		/* 1 ECX */
#define CPUID_RDTSCP		BIT(27)		/* 8000_0001 EDX */

#define BASIC_TRUE_CONTROLS	BIT_ULL(55)

/* MSR_IA32_VMX_EPT_VPID_CAP */
#define CAP_INVVPID		BIT_ULL(32)
#define CAP_INVVPID_GVA		BIT_ULL(40)
#define CAP_INVVPID_ONE		BIT_ULL(41)

struct vmx_caps vmx_caps;

static char *without;
module_param_named(vtx_without, without, charp, 0444);
MODULE_PARM_DESC(vtx_without,
		 "do without features of VT-x, as old processors must: vnmi,vpid,efer,bitmap,ple,secondary; or without the host kernel's help, as with 7.x: hooks");

static int odd = -1;
module_param_named(vtx_odd, odd, int, 0444);
MODULE_PARM_DESC(vtx_odd, "for tests: a CPU whose VT-x shall seem to differ (-1: none)");

/* What can be done without: bits of the control that has this MSR. But for the first. */
static const struct feature {
	const char *name;
	u32 msr, bits;
} features[] = {
	{ "hooks" },
	{ "vnmi",	MSR_IA32_VMX_PINBASED_CTLS,	PIN_BASED_VIRTUAL_NMIS },
	{ "vpid",	MSR_IA32_VMX_PROCBASED_CTLS2,	SECONDARY_EXEC_ENABLE_VPID },
	{ "efer",	MSR_IA32_VMX_EXIT_CTLS,		VM_EXIT_LOAD_IA32_EFER },
	{ "bitmap",	MSR_IA32_VMX_PROCBASED_CTLS,	CPU_BASED_USE_MSR_BITMAPS },
	{ "ple",	MSR_IA32_VMX_PROCBASED_CTLS2,	SECONDARY_EXEC_PAUSE_LOOP_EXITING },
	{ "secondary",	MSR_IA32_VMX_PROCBASED_CTLS, CPU_BASED_ACTIVATE_SECONDARY_CONTROLS },
};

static unsigned int unwanted;	/* a bit for each of @features */

#define NO_HOOKS	BIT(0)

static int find_feature(const char *word, size_t len)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(features); i++)
		if (strlen(features[i].name) == len && !strncmp(features[i].name, word, len))
			return i;
	pr_err("vtx_without: VT-x has no feature '%.*s' that can be done without\n", (int)len,
	       word);
	return -EINVAL;
}

static int parse_without(void)
{
	const char *p = without ?: "";
	int i;

	unwanted = 0;
	for (; *p; p += *p == ',') {
		i = find_feature(p, strcspn(p, ","));
		if (i < 0)
			return i;
		unwanted |= BIT(i);
		p += strcspn(p, ",");
	}
	return 0;
}

static u32 unwanted_bits(u32 msr)
{
	unsigned int i;
	u32 bits = 0;

	for (i = 0; i < ARRAY_SIZE(features); i++)
		if (unwanted & BIT(i) && features[i].msr == msr)
			bits |= features[i].bits;
	return bits;
}

/* What all CPUs found. */
struct survey {
	atomic_t busy, disabled;
};

static void survey_cpu(void *data)
{
	struct survey *survey = data;
	u32 low, high;

	if (__read_cr4() & X86_CR4_VMXE)
		atomic_inc(&survey->busy);
	if (!rdmsr_safe(MSR_IA32_FEAT_CTL, &low, &high) && low & FEAT_CTL_LOCKED &&
	    !(low & FEAT_CTL_VMX_ENABLED_OUTSIDE_SMX))
		atomic_inc(&survey->disabled);
}

static int check_cpus(void)
{
	struct survey survey = {};

	if (!HOST_HAS_VMX_HOOKS || unwanted & NO_HOOKS) {
		pr_err("VT-x can't be used: from 7.0 on the kernel has CR4.VMXE for its KVM alone\n");
		return -EOPNOTSUPP;
	}
	on_each_cpu(survey_cpu, &survey, 1);
	if (atomic_read(&survey.disabled)) {
		pr_err("VT-x is disabled in firmware; enable it in the firmware's set-up\n");
		return -EOPNOTSUPP;
	}
	if (atomic_read(&survey.busy)) {
		pr_err("VT-x is in use by another hypervisor; unload it first (rmmod kvm_intel)\n");
		return -EBUSY;
	}
	if (!boot_cpu_has(X86_FEATURE_NX)) {
		pr_err("VT-x can't be used: the host has no NX (is it booted with noexec=off?)\n");
		return -EOPNOTSUPP;
	}
	return 0;
}

/* A word of controls. */
struct control {
	u32 msr, true_msr;	/* what it may be; the other where there are true controls */
	const char *name;
	u32 must, want;
	size_t field;		/* of struct vmx_caps */
};

static const struct control controls[] = { {
	.msr = MSR_IA32_VMX_PINBASED_CTLS, .true_msr = MSR_IA32_VMX_TRUE_PINBASED_CTLS,
	.name = "pin-based",
	.must = PIN_BASED_EXT_INTR_MASK | PIN_BASED_NMI_EXITING,
	.want = PIN_BASED_VIRTUAL_NMIS,
	.field = offsetof(struct vmx_caps, pin),
}, {
	.msr = MSR_IA32_VMX_PROCBASED_CTLS, .true_msr = MSR_IA32_VMX_TRUE_PROCBASED_CTLS,
	.name = "processor-based",
	.must = CPU_BASED_HLT_EXITING | CPU_BASED_INVLPG_EXITING | CPU_BASED_MWAIT_EXITING |
		CPU_BASED_RDPMC_EXITING | CPU_BASED_CR3_LOAD_EXITING |
		CPU_BASED_CR3_STORE_EXITING | CPU_BASED_CR8_LOAD_EXITING |
		CPU_BASED_CR8_STORE_EXITING | CPU_BASED_MOV_DR_EXITING |
		CPU_BASED_UNCOND_IO_EXITING | CPU_BASED_MONITOR_EXITING |
		CPU_BASED_USE_TSC_OFFSETTING,
	.want = CPU_BASED_USE_MSR_BITMAPS | CPU_BASED_ACTIVATE_SECONDARY_CONTROLS,
	.field = offsetof(struct vmx_caps, cpu),
}, {
	.msr = MSR_IA32_VMX_EXIT_CTLS, .true_msr = MSR_IA32_VMX_TRUE_EXIT_CTLS,
	.name = "exit",
	.must = VM_EXIT_HOST_ADDR_SPACE_SIZE,
	.want = VM_EXIT_LOAD_IA32_EFER,
	.field = offsetof(struct vmx_caps, exit),
}, {
	.msr = MSR_IA32_VMX_ENTRY_CTLS, .true_msr = MSR_IA32_VMX_TRUE_ENTRY_CTLS,
	.name = "entry",
	.must = VM_ENTRY_LOAD_DEBUG_CONTROLS,
	.want = VM_ENTRY_LOAD_IA32_EFER,
	.field = offsetof(struct vmx_caps, entry),
} };

/* The low half has the bits that must be set, the high half those that may be. */
static int read_control(const struct control *c, bool true_controls, struct vmx_caps *caps)
{
	u64 msr = host_rdmsr(true_controls ? c->true_msr : c->msr);
	u32 set = msr, may = msr >> 32;

	*(u32 *)((void *)caps + c->field) = ((c->must | (c->want & ~unwanted_bits(c->msr))) & may) |
					    set;
	if (!(c->must & ~may))
		return 0;
	pr_err("VT-x can't be used: the processor lacks %s controls %x\n", c->name,
	       c->must & ~may);
	return -EOPNOTSUPP;
}

static void read_secondary(struct vmx_caps *caps)
{
	u64 msr, cap = 0;

	if (!(caps->cpu & CPU_BASED_ACTIVATE_SECONDARY_CONTROLS))
		return;
	msr = host_rdmsr(MSR_IA32_VMX_PROCBASED_CTLS2);
	caps->cpu2_may = msr >> 32 & ~unwanted_bits(MSR_IA32_VMX_PROCBASED_CTLS2);
	if (caps->cpu2_may & (SECONDARY_EXEC_ENABLE_EPT | SECONDARY_EXEC_ENABLE_VPID))
		cap = host_rdmsr(MSR_IA32_VMX_EPT_VPID_CAP);
	caps->vpid = caps->cpu2_may & SECONDARY_EXEC_ENABLE_VPID && cap & CAP_INVVPID &&
		     cap & CAP_INVVPID_ONE;
	caps->invvpid_gva = caps->vpid && cap & CAP_INVVPID_GVA;
	caps->cpu2 = ((SECONDARY_EXEC_WBINVD_EXITING | SECONDARY_EXEC_PAUSE_LOOP_EXITING |
		       SECONDARY_EXEC_TSC_SCALING |
		       (caps->vpid ? SECONDARY_EXEC_ENABLE_VPID : 0)) & caps->cpu2_may) | (u32)msr;
}

/* Of this CPU; all bytes of @caps, which are compared. */
static int read_caps(struct vmx_caps *caps)
{
	u64 basic = host_rdmsr(MSR_IA32_VMX_BASIC);
	unsigned int i;
	int err;

	memset(caps, 0, sizeof(*caps));
	caps->revision = vmx_basic_vmcs_revision_id(basic);
	for (i = 0; i < ARRAY_SIZE(controls); i++) {
		err = read_control(&controls[i], basic & BASIC_TRUE_CONTROLS, caps);
		if (err)
			return err;
	}
	read_secondary(caps);
	caps->vnmi = caps->pin & PIN_BASED_VIRTUAL_NMIS;
	caps->efer = caps->exit & VM_EXIT_LOAD_IA32_EFER && caps->entry & VM_ENTRY_LOAD_IA32_EFER;
	if (!caps->efer) {
		caps->exit &= ~VM_EXIT_LOAD_IA32_EFER;
		caps->entry &= ~VM_ENTRY_LOAD_IA32_EFER;
	}
	caps->rdtscp = cpuid_edx(0x80000001) & CPUID_RDTSCP;
	caps->cr0_set = host_rdmsr(MSR_IA32_VMX_CR0_FIXED0);
	caps->cr0_may = host_rdmsr(MSR_IA32_VMX_CR0_FIXED1);
	caps->cr4_set = host_rdmsr(MSR_IA32_VMX_CR4_FIXED0);
	caps->cr4_may = host_rdmsr(MSR_IA32_VMX_CR4_FIXED1);
	return 0;
}

static bool has_vmx(void)
{
	return cpuid_ecx(1) & CPUID_VMX;
}

/* Every VMCS is made by vmx_caps, and vCPUs move about. */
int vmx_compare_caps(void)
{
	int cpu = smp_processor_id();
	struct vmx_caps caps;

	if (has_vmx() && !read_caps(&caps) && !memcmp(&caps, &vmx_caps, sizeof(caps)) && cpu != odd)
		return 0;
	pr_err("CPU %d: VT-x differs from that of the others\n", cpu);
	return -EOPNOTSUPP;
}

static void compare_cpu(void *differ)
{
	if (vmx_compare_caps())
		atomic_inc(differ);
}

static int find_caps(void)
{
	atomic_t differ = ATOMIC_INIT(0);
	int err = read_caps(&vmx_caps);

	if (err)
		return err;
	on_each_cpu(compare_cpu, &differ, 1);
	return atomic_read(&differ) ? -EOPNOTSUPP : 0;
}

static void free_cpus(void)
{
	int cpu;

	for_each_possible_cpu(cpu) {
		struct vmx_cpu *c = per_cpu_ptr(&vmx_cpu, cpu);

		free_page((unsigned long)c->vmxon);
		*c = (struct vmx_cpu){};
	}
}

static int alloc_cpus(void)
{
	int cpu;

	for_each_possible_cpu(cpu) {
		struct vmx_cpu *c = per_cpu_ptr(&vmx_cpu, cpu);

		c->vmxon = (void *)get_zeroed_page(GFP_KERNEL);
		if (!c->vmxon) {
			free_cpus();
			return -ENOMEM;
		}
		c->vmxon_pa = virt_to_phys(c->vmxon);
		*(u32 *)c->vmxon = vmx_caps.revision;
	}
	return 0;
}

static struct vendor_ops vmx_ops __ro_after_init = {
	.name		= "VT-x",
	.tsc_max_ratio	= U64_MAX,
	.pf_passthrough	= true,
	.cpu_enable	= vmx_cpu_enable,
	.cpu_disable	= vmx_cpu_disable,
	.vcpu_create	= vmx_vcpu_create,
	.vcpu_destroy	= vmx_vcpu_destroy,
	.vcpu_reset	= vmx_vcpu_reset,
	.vcpu_load	= vmx_vcpu_load,
	.vcpu_put	= vmx_vcpu_put,
	.enter		= vmx_enter,
	.exit_irq	= vmx_exit_irq,
	.update_mode	= vmx_update_mode,
	.update_cpuid	= vmx_update_cpuid,
	.get_segment	= vmx_get_segment,
	.set_segment	= vmx_set_segment,
	.get_dt		= vmx_get_dt,
	.set_dt		= vmx_set_dt,
	.get_cpl	= vmx_get_cpl,
	.run_alone	= vmx_run_alone,
	.inject		= vmx_inject,
	.open_windows	= vmx_open_windows,
	.get_shadow	= vmx_get_shadow,
	.set_shadow	= vmx_set_shadow,
	.flush_gva	= vmx_flush_gva,
	.get_msr	= vmx_get_msr,
	.set_msr	= vmx_set_msr,
	.update_tsc	= vmx_update_tsc,
	.dump		= vmx_dump,
};

int vmx_probe(const struct vendor_ops **ops)
{
	int err;

	if (!has_vmx())
		return -ENODEV;
	err = parse_without() ?: check_cpus() ?: find_caps() ?: alloc_cpus();
	if (err)
		return err;
	err = vmx_msr_init();
	if (err) {
		free_cpus();
		return err;
	}
	if (vmx_caps.cpu2 & SECONDARY_EXEC_TSC_SCALING)
		vmx_ops.tsc_fraction = TSC_MULTIPLIER_FRACTION;
	vmx_check_init();
	*ops = &vmx_ops;
	return 0;
}

void vmx_unload(void)
{
	vmx_msr_exit();
	free_cpus();
}
