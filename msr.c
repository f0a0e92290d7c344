// SPDX-License-Identifier: GPL-2.0-only
/*
 * MSRs. Those in the control structure are the backend's; the others are here, most of them
 * nothing but a value that firmware and kernels expect to find. Unknown ones are #GP.
 */
#include <linux/kvm_para.h>
#include <linux/limits.h>
#include <linux/nospec.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include <asm/msr-index.h>
#include <asm/msr.h>
#include <asm/mtrr.h>
#include <asm/processor.h>

#include "clock.h"
#include "chips.h"
#include "entry_check.h"
#include "hostmsr.h"
#include "mce.h"
#include "mode.h"
#include "pv.h"
#include "state.h"
#include "vcpu.h"
#include "vendor.h"
#include "vm.h"
#include "vm_chips.h"

#define MAX_LIST	256
#define NR_VAR_MTRR	8
#define X2APIC_MSRS	0x800
#define X2APIC_MSRS_LAST 0x8ff
#define PAT_INIT	0x0007040600070406ull
#define SPEC_CTRL_VALID	(SPEC_CTRL_IBRS | SPEC_CTRL_STIBP | SPEC_CTRL_SSBD)

/* AMD's, which msr-index.h does not name everywhere. */
#define HWCR_MCSTATUS_WREN	BIT_ULL(18)
#define HWCR_TSC_FREQ_SEL	BIT_ULL(24)
#define HWCR_IGNORED		(BIT_ULL(3) | BIT_ULL(6) | BIT_ULL(8))
#define DE_CFG			0xc0011029
#define DE_CFG_LFENCE		BIT_ULL(1)

/* What KVM_GET_MSR_INDEX_LIST says: all that a VMM must carry along with a vCPU. */
static const u32 saved[] = {
	MSR_IA32_TSC, MSR_IA32_APICBASE, MSR_IA32_TSC_ADJUST,
	MSR_IA32_SYSENTER_CS, MSR_IA32_SYSENTER_ESP, MSR_IA32_SYSENTER_EIP,
	MSR_EFER, MSR_STAR, MSR_LSTAR, MSR_CSTAR, MSR_SYSCALL_MASK,
	MSR_FS_BASE, MSR_GS_BASE, MSR_KERNEL_GS_BASE, MSR_TSC_AUX,
	MSR_IA32_MISC_ENABLE, MSR_IA32_MCG_STATUS, MSR_IA32_MCG_CTL,
	MSR_IA32_CR_PAT, MSR_MTRRdefType,
	MSR_MTRRfix64K_00000, MSR_MTRRfix16K_80000, MSR_MTRRfix16K_A0000,
	MSR_MTRRfix4K_C0000, MSR_MTRRfix4K_C8000, MSR_MTRRfix4K_D0000, MSR_MTRRfix4K_D8000,
	MSR_MTRRfix4K_E0000, MSR_MTRRfix4K_E8000, MSR_MTRRfix4K_F0000, MSR_MTRRfix4K_F8000,
	0x200, 0x201, 0x202, 0x203, 0x204, 0x205, 0x206, 0x207,
	0x208, 0x209, 0x20a, 0x20b, 0x20c, 0x20d, 0x20e, 0x20f,
	MSR_KVM_WALL_CLOCK, MSR_KVM_SYSTEM_TIME, MSR_KVM_WALL_CLOCK_NEW, MSR_KVM_SYSTEM_TIME_NEW,
	MSR_KVM_STEAL_TIME, MSR_KVM_PV_EOI_EN, MSR_IA32_UCODE_REV, MSR_IA32_TSC_DEADLINE,
	MSR_PLATFORM_INFO, MSR_IA32_POWER_CTL, MSR_IA32_SMBASE, MSR_SMI_COUNT,
};

/* What KVM_GET_MSR_FEATURE_INDEX_LIST says: those that tell what the processor is like. */
static const u32 features[] = { MSR_IA32_UCODE_REV, DE_CFG, MSR_IA32_PERF_CAPABILITIES };

/*
 * Read as a constant. Writes of a value in @ignored are taken and forgotten: kernels set
 * these bits for errata and performance.
 */
static const struct constant {
	u32 first, last;
	u64 value, ignored;
} constants[] = {
	{ MSR_IA32_P5_MC_ADDR, MSR_IA32_P5_MC_TYPE, 0, 0 },
	{ MSR_IA32_PLATFORM_ID, MSR_IA32_PLATFORM_ID, 0, 0 },
	{ MSR_IA32_EBL_CR_POWERON, MSR_IA32_EBL_CR_POWERON, 0, 0 },
	{ MSR_IA32_UCODE_WRITE, MSR_IA32_UCODE_WRITE, 0, U64_MAX },
	{ MSR_MTRRcap, MSR_MTRRcap, NR_VAR_MTRR | 0x500, 0 },
	{ MSR_IA32_DEBUGCTLMSR, MSR_IA32_DEBUGCTLMSR, 0, 0 },
	{ MSR_IA32_PERF_CAPABILITIES, MSR_IA32_PERF_CAPABILITIES, 0, 0 },
	{ MSR_IA32_LASTBRANCHFROMIP, MSR_IA32_LASTINTTOIP, 0, 0 },
	{ MSR_K7_EVNTSEL0, MSR_K7_PERFCTR3, 0, 0 },
	{ MSR_F15H_PERF_CTL0, MSR_F15H_PERF_CTR5, 0, 0 },
	{ MSR_AMD64_SYSCFG, MSR_AMD64_SYSCFG, 0, U64_MAX },
	{ MSR_K8_TOP_MEM1, MSR_K8_TOP_MEM1, 0, 0 },
	{ MSR_K8_TOP_MEM2, MSR_K8_TOP_MEM2, 0, 0 },
	{ MSR_AMD64_NB_CFG, MSR_AMD64_NB_CFG, 0, U64_MAX },
	{ MSR_K8_INT_PENDING_MSG, MSR_K8_INT_PENDING_MSG, 0, U64_MAX },
	{ MSR_FAM10H_MMIO_CONF_BASE, MSR_FAM10H_MMIO_CONF_BASE, 0, 0 },
	{ MSR_AMD64_OSVW_ID_LENGTH, MSR_AMD64_OSVW_STATUS, 0, 0 },
	{ MSR_AMD64_DC_CFG, MSR_AMD64_DC_CFG, 0, U64_MAX },
	{ MSR_AMD64_BU_CFG2, MSR_AMD64_BU_CFG2, 0, U64_MAX },
};

static const struct constant *constant_of(u32 index)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(constants); i++)
		if (index >= constants[i].first && index <= constants[i].last)
			return &constants[i];
	return NULL;
}

/* ---- memory types ---- */

static bool mtrr_type_valid(u64 type)
{
	return type < 7 && type != 2 && type != 3;
}

static bool pat_valid(u64 pat)
{
	unsigned int i;

	for (i = 0; i < 64; i += 8) {
		u8 type = pat >> i;

		if (type > 7 || type == 2 || type == 3)
			return false;
	}
	return true;
}

static bool mtrr_fixed_valid(u64 data)
{
	unsigned int i;

	for (i = 0; i < 64; i += 8)
		if (!mtrr_type_valid((data >> i) & 0xff))
			return false;
	return true;
}

static bool mtrr_var_valid(struct vcpu *vcpu, u32 index, u64 data)
{
	if (data >> vcpu->cpuid.maxphyaddr)
		return false;
	if (index & 1)		/* mask: the valid bit is bit 11 */
		return !(data & 0x7ff);
	return !(data & 0xf00) && mtrr_type_valid(data & 0xff);
}

/* In bounds under speculation too: the guest chose the MSR. */
static u64 *mtrr_at(u64 *mtrr, unsigned int nr, unsigned int index)
{
	return &mtrr[array_index_nospec(index, nr)];
}

/* Where a fixed-range or variable-range MTRR is kept, or NULL. */
static u64 *mtrr_slot(struct vcpu *vcpu, u32 index)
{
	struct vcpu_msrs *m = &vcpu->msrs;

	if (index >= 0x200 && index < 0x200 + 2 * NR_VAR_MTRR)
		return mtrr_at(m->mtrr_var, ARRAY_SIZE(m->mtrr_var), index - 0x200);
	if (index == MSR_MTRRfix64K_00000)
		return &m->mtrr_fixed[0];
	if (index >= MSR_MTRRfix16K_80000 && index <= MSR_MTRRfix16K_A0000)
		return mtrr_at(m->mtrr_fixed, ARRAY_SIZE(m->mtrr_fixed),
			       1 + index - MSR_MTRRfix16K_80000);
	if (index >= MSR_MTRRfix4K_C0000 && index <= MSR_MTRRfix4K_F8000)
		return mtrr_at(m->mtrr_fixed, ARRAY_SIZE(m->mtrr_fixed),
			       3 + index - MSR_MTRRfix4K_C0000);
	return NULL;
}

static bool mtrr_valid(struct vcpu *vcpu, u32 index, u64 data)
{
	return index < 0x200 + 2 * NR_VAR_MTRR ? mtrr_var_valid(vcpu, index, data) :
						 mtrr_fixed_valid(data);
}

/* ---- the backend's ---- */

static bool holds_address(u32 index)
{
	switch (index) {
	case MSR_FS_BASE:
	case MSR_GS_BASE:
	case MSR_KERNEL_GS_BASE:
	case MSR_LSTAR:
	case MSR_CSTAR:
	case MSR_IA32_SYSENTER_ESP:
	case MSR_IA32_SYSENTER_EIP:
		return true;
	}
	return false;
}

/* Intel SDM 4, AMD APM 2 6.1.1: the upper half of SFMASK is reserved. */
static bool backend_valid(u32 index, u64 data)
{
	if (index == MSR_SYSCALL_MASK)
		return !(data >> 32);
	return !holds_address(index) || is_canonical(data);
}

/* The adjustment is by how much software has moved the counter. */
static int set_tsc(struct vcpu *vcpu, u64 data, bool host)
{
	u64 delta = data - tsc_read(vcpu);

	if (host) {
		tsc_write(vcpu, data);
		return 0;
	}
	vcpu->msrs.tsc_adjust += delta;
	tsc_move(vcpu, delta);
	return 0;
}

static int set_tsc_adjust(struct vcpu *vcpu, u64 data, bool host)
{
	if (!host)
		tsc_move(vcpu, data - vcpu->msrs.tsc_adjust);
	vcpu->msrs.tsc_adjust = data;
	return 0;
}

/* ---- ours ---- */

static int set_spec_ctrl(struct vcpu *vcpu, u64 data, bool host)
{
	if ((!host && !vcpu->cpuid.spec_ctrl) ||
	    data & ~(u64)(host ? SPEC_CTRL_VALID : vcpu->cpuid.spec_ctrl))
		return -EINVAL;
	vcpu->msrs.spec_ctrl = data;
	return 0;
}

static int set_pred_cmd(struct vcpu *vcpu, u64 data)
{
	if (!vcpu->cpuid.ibpb || data & ~(u64)PRED_CMD_IBPB)
		return -EINVAL;
	if (data && boot_cpu_has(X86_FEATURE_IBPB))
		host_ibpb();
	return 0;
}

static int set_hwcr(struct vcpu *vcpu, u64 data)
{
	data &= ~HWCR_IGNORED;
	if (data & ~(HWCR_MCSTATUS_WREN | HWCR_TSC_FREQ_SEL))
		return -EINVAL;
	vcpu->msrs.hwcr = data;
	return 0;
}

/* CPUID does not fault: that bit is none that a VMM may promise its guest. */
static int set_platform_info(struct vcpu *vcpu, u64 data, bool host)
{
	if (!host || data & MSR_PLATFORM_INFO_CPUID_FAULT)
		return -EINVAL;
	vcpu->msrs.platform_info = data;
	return 0;
}

static bool is_apic_msr(const struct vcpu *vcpu, u32 index)
{
	return vcpu->chips && (index == MSR_IA32_TSC_DEADLINE ||
			       (index >= X2APIC_MSRS && index <= X2APIC_MSRS_LAST));
}

static int set_apic_msr(struct vcpu *vcpu, u32 index, u64 data, bool host)
{
	int r = lapic_settle_eoi(&vcpu->chips->apic);

	if (r)
		return r;
	r = lapic_msr_write(&vcpu->chips->apic, index, data, host);
	chips_look_again(vcpu);
	return r;
}

/* Where an MSR is kept that does nothing but hold what is written; or NULL. */
static u64 *kept(struct vcpu *vcpu, u32 index)
{
	struct vcpu_msrs *m = &vcpu->msrs;

	switch (index) {
	case MSR_IA32_CR_PAT:
		return &m->pat;
	case MSR_MTRRdefType:
		return &m->mtrr_def_type;
	case MSR_IA32_MISC_ENABLE:
		return &m->misc_enable;
	case MSR_IA32_POWER_CTL:
		return &m->power_ctl;
	case MSR_TSC_AUX:
		return &m->tsc_aux;
	case DE_CFG:
		return &m->de_cfg;
	default:
		return mtrr_slot(vcpu, index);
	}
}

/* May it hold that? */
static bool kept_valid(struct vcpu *vcpu, u32 index, u64 data)
{
	switch (index) {
	case MSR_IA32_CR_PAT:
		return pat_valid(data);
	case MSR_MTRRdefType:
		return !(data & ~0xcffull) && mtrr_type_valid(data & 0xff);
	case MSR_IA32_MISC_ENABLE:
	case MSR_IA32_POWER_CTL:
		return true;
	case MSR_TSC_AUX:
		return !(data >> 32);
	case DE_CFG:
		return !(data & ~DE_CFG_LFENCE);
	default:
		return mtrr_valid(vcpu, index, data);
	}
}

static int set_constant(u32 index, u64 data)
{
	const struct constant *c = constant_of(index);

	if (!c)
		return -ENXIO;
	if (data != c->value && data & ~c->ignored)
		return -EINVAL;
	return 0;
}

/* The guest changes it in the state that RSM loads. */
static int set_smbase(struct vcpu *vcpu, u64 data, bool host)
{
	if (!host || data > U32_MAX)
		return -EINVAL;
	vcpu->smm.base = data;
	return 0;
}

int msr_write(struct vcpu *vcpu, u32 index, u64 data, bool host)
{
	u64 *where = kept(vcpu, index);
	int r;

	switch (index) {
	case MSR_EFER:
		return mode_set_efer(vcpu, data);
	case MSR_IA32_TSC:
		return set_tsc(vcpu, data, host);
	case MSR_IA32_TSC_ADJUST:
		return set_tsc_adjust(vcpu, data, host);
	case MSR_IA32_APICBASE:
		return mode_set_apic_base(vcpu, data, host);
	case MSR_IA32_SPEC_CTRL:
		return set_spec_ctrl(vcpu, data, host);
	case MSR_IA32_PRED_CMD:
		return set_pred_cmd(vcpu, data);
	case MSR_IA32_UCODE_REV:
		if (host)
			vcpu->msrs.ucode_rev = data;
		return 0;
	case MSR_K7_HWCR:
		return set_hwcr(vcpu, data);
	case MSR_PLATFORM_INFO:
		return set_platform_info(vcpu, data, host);
	case MSR_IA32_SMBASE:
		return set_smbase(vcpu, data, host);
	case MSR_SMI_COUNT:
		if (!host)
			return -EINVAL;
		vcpu->smm.count = data;
		return 0;
	}
	if (where) {
		if (!kept_valid(vcpu, index, data))
			return -EINVAL;
		*where = data;
		return 0;
	}
	if (is_apic_msr(vcpu, index))
		return set_apic_msr(vcpu, index, data, host);
	if (index == MSR_IA32_TSC_DEADLINE && host)
		return 0;
	if (!backend_valid(index, data))
		return -EINVAL;
	r = vendor(set_msr)(vcpu, index, data);
	if (r == -ENOENT)
		r = pv_set_msr(vcpu, index, data);
	if (r == -ENOENT)
		r = mce_write(vcpu, index, data, host);
	return r == -ENOENT ? set_constant(index, data) : r;
}

static int get_constant(u32 index, u64 *data)
{
	const struct constant *c = constant_of(index);

	if (!c)
		return -ENXIO;
	*data = c->value;
	return 0;
}

int msr_read(struct vcpu *vcpu, u32 index, u64 *data, bool host)
{
	const struct vcpu_msrs *m = &vcpu->msrs;
	const u64 *where = kept(vcpu, index);
	int r;

	switch (index) {
	case MSR_EFER:
		*data = vcpu->mode.efer;
		return 0;
	case MSR_IA32_TSC:
		*data = tsc_read(vcpu);
		return 0;
	case MSR_IA32_TSC_ADJUST:
		*data = m->tsc_adjust;
		return 0;
	case MSR_IA32_APICBASE:
		*data = vcpu->mode.apic_base;
		return 0;
	case MSR_IA32_SPEC_CTRL:
		*data = m->spec_ctrl;
		return host || vcpu->cpuid.spec_ctrl ? 0 : -EINVAL;
	case MSR_IA32_UCODE_REV:
		*data = m->ucode_rev;
		return 0;
	case MSR_K7_HWCR:
		*data = m->hwcr;
		return 0;
	case MSR_PLATFORM_INFO:
		*data = m->platform_info;
		return !host && READ_ONCE(vcpu->vm->no_platform_info) ? -EINVAL : 0;
	case MSR_IA32_SMBASE:
		*data = vcpu->smm.base;
		return host ? 0 : -EINVAL;
	case MSR_SMI_COUNT:
		*data = vcpu->smm.count;
		return 0;
	}
	if (where) {
		*data = *where;
		return 0;
	}
	if (is_apic_msr(vcpu, index))
		return lapic_settle_eoi(&vcpu->chips->apic) ?:
		       lapic_msr_read(&vcpu->chips->apic, index, data);
	if (index == MSR_IA32_TSC_DEADLINE && host) {
		*data = 0;	/* it is in the list, and travels */
		return 0;
	}
	r = vendor(get_msr)(vcpu, index, data);
	if (r == -ENOENT)
		r = pv_get_msr(vcpu, index, data);
	if (r == -ENOENT)
		r = mce_read(vcpu, index, data, host);
	return r == -ENOENT ? get_constant(index, data) : r;
}

/* AMD has it in the lower half. */
static u64 host_ucode_rev(void)
{
	u64 rev = boot_cpu_data.microcode;

	return boot_cpu_data.x86_vendor == X86_VENDOR_INTEL ? rev << 32 : rev;
}

void msr_reset(struct vcpu *vcpu)
{
	vcpu->msrs = (struct vcpu_msrs){
		.pat = PAT_INIT,
		.misc_enable = MSR_IA32_MISC_ENABLE_FAST_STRING,
		.de_cfg = DE_CFG_LFENCE,
		.ucode_rev = host_ucode_rev(),
	};
}

/* ---- user space's lists ---- */

static int put_indices(struct kvm_msr_list __user *list, const u32 *index, u32 nr)
{
	u32 room;

	if (get_user(room, &list->nmsrs))
		return -EFAULT;
	if (put_user(nr, &list->nmsrs))
		return -EFAULT;
	if (room < nr)
		return -E2BIG;
	return copy_to_user(list->indices, index, nr * sizeof(*index)) ? -EFAULT : 0;
}

int msr_index_list(struct kvm_msr_list __user *list)
{
	return put_indices(list, saved, ARRAY_SIZE(saved));
}

int msr_feature_list(struct kvm_msr_list __user *list)
{
	return put_indices(list, features, ARRAY_SIZE(features));
}

static struct kvm_msr_entry *copy_list(struct kvm_msrs __user *msrs, u32 *nr)
{
	if (get_user(*nr, &msrs->nmsrs))
		return ERR_PTR(-EFAULT);
	if (*nr >= MAX_LIST)
		return ERR_PTR(-E2BIG);
	return memdup_user(msrs->entries, *nr * sizeof(struct kvm_msr_entry));
}

static int feature_read(u32 index, u64 *data)
{
	switch (index) {
	case MSR_IA32_UCODE_REV:
		*data = host_ucode_rev();
		return 0;
	case DE_CFG:
		*data = DE_CFG_LFENCE;
		return 0;
	case MSR_IA32_PERF_CAPABILITIES:
		*data = 0;
		return 0;
	}
	return -EINVAL;
}

/* Without a vCPU: what it can be. */
static int entry_read(struct vcpu *vcpu, struct kvm_msr_entry *e)
{
	return vcpu ? msr_read(vcpu, e->index, &e->data, true) : feature_read(e->index, &e->data);
}

long msr_get_many(struct vcpu *vcpu, struct kvm_msrs __user *msrs)
{
	struct kvm_msr_entry *entry;
	u32 i, nr;
	long r;

	entry = copy_list(msrs, &nr);
	if (IS_ERR(entry))
		return PTR_ERR(entry);
	for (i = 0; i < nr; i++)
		if (entry_read(vcpu, &entry[i]))
			break;
	r = copy_to_user(msrs->entries, entry, nr * sizeof(*entry)) ? -EFAULT : i;
	kfree(entry);
	return r;
}

long msr_get_features(struct kvm_msrs __user *msrs)
{
	return msr_get_many(NULL, msrs);
}

long msr_set_many(struct vcpu *vcpu, struct kvm_msrs __user *msrs)
{
	struct kvm_msr_entry *entry;
	u32 i, nr;

	entry = copy_list(msrs, &nr);
	if (IS_ERR(entry))
		return PTR_ERR(entry);
	for (i = 0; i < nr; i++)
		if (msr_write(vcpu, entry[i].index, entry[i].data, true))
			break;
	kfree(entry);
	return i;
}
