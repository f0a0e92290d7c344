// SPDX-License-Identifier: GPL-2.0-only
/*
 * The guest's x87, SSE and AVX state: an area of our own in the standard form of XSAVE, as
 * the kernel's FPU interface for hypervisors is closed to us. It holds the components that
 * both the host has on and we let guests use; where there is no XSAVE it is FXSAVE's.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/lockdep.h>
#include <linux/log2.h>
#include <linux/nospec.h>
#include <linux/printk.h>
#include <linux/slab.h>
#include <linux/string.h>

#include <asm/cpufeature.h>
#include <asm/fpu/api.h>
#include <asm/fpu/types.h>
#include <asm/fpu/xcr.h>
#include <asm/msr.h>
#include <asm/msr-index.h>

#include "compat.h"
#include "hostmsr.h"
#include "state.h"
#include "vcpu.h"
#include "vendor.h"

/* AMX needs XFD, PKRU needs CR4.PKE, supervisor components need XSS: none for guests. */
#define XCR0_OFFERED	(XFEATURE_MASK_FP | XFEATURE_MASK_SSE | XFEATURE_MASK_YMM | \
			 XFEATURE_MASK_OPMASK | XFEATURE_MASK_ZMM_Hi256 | \
			 XFEATURE_MASK_Hi16_ZMM)
#define FXSAVE_BYTES	512
#define FCW_INIT	0x37f
#define MXCSR_INIT	0x1f80
#define MXCSR_MASK_DEFAULT 0xffbf
#define NR_COMPONENTS	8
#define NR_XMM		16

/**
 * struct fpu_area - the XSAVE area
 * @fx:		legacy region; all there is without XSAVE
 * @bv:		XSTATE_BV: components not in their initial state
 * @comp_bv:	XCOMP_BV: 0, the standard form
 * @reserved:	0, or XRSTOR faults
 */
struct fpu_area {
	struct fxregs_state fx;
	u64 bv, comp_bv;
	u64 reserved[6];
};

static u64 supported;		/* XCR0 bits; 0 without XSAVE */
static u64 host_xcr0;
static u64 host_xss;		/* to be hidden; 0: nothing to hide */
static unsigned int area_bytes;
static u32 mxcsr_mask;
static bool use_xsaveopt;
static struct { u32 offset, bytes; } component[NR_COMPONENTS];

static void save(struct fpu_area *area)
{
	u32 lo = supported, hi = supported >> 32;

	if (!supported)
		asm volatile("fxsave64 %0" : "=m" (area->fx));
	else if (use_xsaveopt)
		asm volatile("xsaveopt64 (%0)" : : "r" (area), "a" (lo), "d" (hi) : "memory");
	else
		asm volatile("xsave64 (%0)" : : "r" (area), "a" (lo), "d" (hi) : "memory");
}

/* Can't fault: what is in the area was written by save() or checked. */
static void restore(const struct fpu_area *area)
{
	u32 lo = supported, hi = supported >> 32;

	if (!supported)
		asm volatile("fxrstor64 %0" : : "m" (area->fx));
	else
		asm volatile("xrstor64 (%0)" : : "r" (area), "a" (lo), "d" (hi) : "memory");
}

static u32 read_mxcsr_mask(void)
{
	struct fxregs_state *fx = kzalloc(sizeof(*fx), GFP_KERNEL);
	u32 mask;

	if (!fx)
		return MXCSR_MASK_DEFAULT;
	kernel_fpu_begin();
	asm volatile("fxsave64 %0" : "=m" (*fx));
	kernel_fpu_end();
	mask = fx->mxcsr_mask ?: MXCSR_MASK_DEFAULT;
	kfree(fx);
	return mask;
}

/* Intel SDM 1 13.4.3 and CPUID leaf 0xd: where the components of the standard form are. */
static void learn_components(void)
{
	u32 eax, ebx, ecx, edx;
	unsigned int i;

	for (i = 2; i < NR_COMPONENTS; i++) {
		if (!(supported & BIT_ULL(i)))
			continue;
		cpuid_count(0xd, i, &eax, &ebx, &ecx, &edx);
		component[i].offset = ebx;
		component[i].bytes = eax;
		area_bytes = max(area_bytes, ebx + eax);
	}
}

int fpu_module_init(void)
{
	area_bytes = FXSAVE_BYTES;
	mxcsr_mask = read_mxcsr_mask();
	if (boot_cpu_has(X86_FEATURE_XSAVE) && boot_cpu_has(X86_FEATURE_OSXSAVE)) {
		host_xcr0 = xgetbv(XCR_XFEATURE_ENABLED_MASK);
		supported = host_xcr0 & XCR0_OFFERED;
		area_bytes = sizeof(struct fpu_area);
		use_xsaveopt = boot_cpu_has(X86_FEATURE_XSAVEOPT);
		learn_components();
	}
	if (area_bytes > sizeof(struct kvm_xsave)) {
		pr_err("the processor's FPU state does not fit into KVM_GET_XSAVE\n");
		return -EOPNOTSUPP;
	}
	return 0;
}

void fpu_hide_xss(void)
{
	u32 low, high;

	host_xss = rdmsr_safe(MSR_IA32_XSS, &low, &high) ? 0 : low | (u64)high << 32;
}

u64 fpu_xcr0_supported(void)
{
	return supported;
}

u32 fpu_xsave_bytes(u64 xcr0)
{
	u32 bytes = sizeof(struct fpu_area);
	unsigned int i;

	for (i = 2; i < NR_COMPONENTS; i++)
		if (xcr0 & supported & BIT_ULL(i))
			bytes = max(bytes, component[i].offset + component[i].bytes);
	return bytes;
}

/* ---- life ---- */

static void reset_area(struct fpu_area *area)
{
	memset(area, 0, area_bytes);
	area->fx.cwd = FCW_INIT;
	area->fx.mxcsr = MXCSR_INIT;
}

int fpu_create(struct vcpu *vcpu)
{
	/* a power of two, for the alignment that XSAVE wants */
	vcpu->fpu = kzalloc(roundup_pow_of_two(area_bytes), GFP_KERNEL_ACCOUNT);
	if (!vcpu->fpu)
		return -ENOMEM;
	reset_area(vcpu->fpu);
	return 0;
}

void fpu_destroy(struct vcpu *vcpu)
{
	kfree(vcpu->fpu);
	vcpu->fpu = NULL;
}

/* ---- around an entry ---- */

void fpu_enter(struct vcpu *vcpu)
{
	lockdep_assert_irqs_enabled();
	kernel_fpu_begin_mask(0);
	restore(vcpu->fpu);
	if (supported && vcpu->mode.xcr0 != host_xcr0)
		xsetbv(XCR_XFEATURE_ENABLED_MASK, vcpu->mode.xcr0);
	if (host_xss)
		host_wrmsr(MSR_IA32_XSS, 0);
}

void fpu_leave(struct vcpu *vcpu)
{
	if (host_xss)
		host_wrmsr(MSR_IA32_XSS, host_xss);
	if (supported && vcpu->mode.xcr0 != host_xcr0)
		xsetbv(XCR_XFEATURE_ENABLED_MASK, host_xcr0);
	save(vcpu->fpu);
	lockdep_assert_irqs_enabled();
	kernel_fpu_end();
}

/* ---- what user space and the emulator see ---- */

/* The processor leaves memory alone where a component is in its initial state: write it. */
static struct fpu_area *materialize(struct vcpu *vcpu)
{
	struct fpu_area *area = vcpu->fpu;
	unsigned int i;

	if (!supported)
		return area;
	if (!(area->bv & XFEATURE_MASK_FP)) {
		memset(&area->fx, 0, offsetof(struct fxregs_state, mxcsr));
		memset(area->fx.st_space, 0, sizeof(area->fx.st_space));
		area->fx.cwd = FCW_INIT;
	}
	if (!(area->bv & XFEATURE_MASK_SSE))
		memset(area->fx.xmm_space, 0, sizeof(area->fx.xmm_space));
	for (i = 2; i < NR_COMPONENTS; i++)
		if (supported & ~area->bv & BIT_ULL(i))
			memset((void *)area + component[i].offset, 0, component[i].bytes);
	area->bv |= XFEATURE_MASK_FPSSE;
	return area;
}

void fpu_read_sse(struct vcpu *vcpu, unsigned int reg, void *data)
{
	struct fpu_area *area = materialize(vcpu);

	memcpy(data, &area->fx.xmm_space[array_index_nospec(reg, NR_XMM) * 4], 16);
}

void fpu_write_sse(struct vcpu *vcpu, unsigned int reg, const void *data)
{
	struct fpu_area *area = materialize(vcpu);

	memcpy(&area->fx.xmm_space[array_index_nospec(reg, NR_XMM) * 4], data, 16);
}

/* Where struct kvm_fpu and FXSAVE's image have the same. */
#define FIELD(user, fx)	{ offsetof(struct kvm_fpu, user), offsetof(struct fxregs_state, fx), \
			  sizeof_field(struct kvm_fpu, user) }

static const struct { u16 user, fx, bytes; } fpu_fields[] = {
	FIELD(fpr, st_space), FIELD(xmm, xmm_space), FIELD(fcw, cwd), FIELD(fsw, swd),
	FIELD(ftwx, twd), FIELD(last_opcode, fop), FIELD(last_ip, rip), FIELD(last_dp, rdp),
	FIELD(mxcsr, mxcsr),
};

int state_get_fpu(struct vcpu *vcpu, struct kvm_fpu *fpu)
{
	const void *fx = &materialize(vcpu)->fx;
	unsigned int i;

	memset(fpu, 0, sizeof(*fpu));
	for (i = 0; i < ARRAY_SIZE(fpu_fields); i++)
		memcpy((void *)fpu + fpu_fields[i].user, fx + fpu_fields[i].fx,
		       fpu_fields[i].bytes);
	return 0;
}

int state_set_fpu(struct vcpu *vcpu, const struct kvm_fpu *fpu)
{
	unsigned int i;
	void *fx;

	if (fpu->mxcsr & ~mxcsr_mask)
		return -EINVAL;
	fx = &materialize(vcpu)->fx;
	for (i = 0; i < ARRAY_SIZE(fpu_fields); i++)
		memcpy(fx + fpu_fields[i].fx, (const void *)fpu + fpu_fields[i].user,
		       fpu_fields[i].bytes);
	return 0;
}

int state_get_xsave(struct vcpu *vcpu, struct kvm_xsave *xsave)
{
	struct fpu_area *out = (struct fpu_area *)xsave->region;

	memcpy(out, materialize(vcpu), area_bytes);
	out->fx.mxcsr_mask = mxcsr_mask;
	if (!supported)
		out->bv = XFEATURE_MASK_FPSSE;
	return 0;
}

static bool xsave_valid(const struct fpu_area *in)
{
	u64 known = supported ?: XFEATURE_MASK_FPSSE;

	return !(in->bv & ~known) && !in->comp_bv && !(in->fx.mxcsr & ~mxcsr_mask) &&
	       !memchr_inv(in->reserved, 0, sizeof(in->reserved));
}

int state_set_xsave(struct vcpu *vcpu, const struct kvm_xsave *xsave)
{
	const struct fpu_area *in = (const struct fpu_area *)xsave->region;

	if (!xsave_valid(in))
		return -EINVAL;
	memcpy(vcpu->fpu, in, area_bytes);
	return 0;
}
