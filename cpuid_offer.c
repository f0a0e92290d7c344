// SPDX-License-Identifier: GPL-2.0-only
/*
 * What CPUID can offer: what the host's kernel uses and a guest on shadow paging can have, and
 * what the shadow MMU does in software whether the host has it or not: PCID and 1 GiB pages.
 * INVPCID is understood, but a guest without it is faster: each one exits, while what it does
 * instead for another address space (a flush when that is next loaded) costs no exit of its own.
 * Virtualization, PKU, AMX and supervisor states are not.
 */
#include <linux/string.h>
#include <linux/uaccess.h>

#include <asm/cpufeature.h>
#include <asm/fpu/types.h>
#include <asm/processor.h>

#include "compat.h"
#include "cpuid_list.h"
#include "entry_check.h"
#include "pv.h"
#include "state.h"

#define MAX_BASIC	0xdu
#define MAX_EXTENDED	0x80000021u
#define MAX_OFFERED	64

static struct kvm_cpuid_entry2 offered[MAX_OFFERED];
static unsigned int nr_offered;

u8 cpuid_linear_bits;

/**
 * struct feature_word - one register of feature bits
 * @leaf:	where it is
 * @index:	... ECX
 * @reg:	... EAX to EDX
 * @word:	the kernel's own copy, without what was turned off; -1: none
 * @host:	offered if the host has them
 * @software:	always offered
 */
struct feature_word {
	u32 leaf, index;
	u8 reg;
	s8 word;
	u32 host, software;
};

static const struct feature_word words[] = {
	{ 1, 0, ECX, CPUID_1_ECX,
	  F(XMM3) | F(PCLMULQDQ) | F(SSSE3) | F(FMA) | F(CX16) | F(XMM4_1) | F(XMM4_2) |
	  F(MOVBE) | F(POPCNT) | F(AES) | F(XSAVE) | F(AVX) | F(F16C) | F(RDRAND),
	  F(PCID) | F(X2APIC) | F(HYPERVISOR) },
	{ 1, 0, EDX, CPUID_1_EDX,
	  F(FPU) | F(VME) | F(DE) | F(PSE) | F(TSC) | F(MSR) | F(PAE) | F(CX8) | F(SEP) |
	  F(PGE) | F(CMOV) | F(PAT) | F(PSE36) | F(CLFLUSH) | F(MMX) | F(FXSR) | F(XMM) | F(XMM2),
	  F(APIC) | F(MCE) | F(MCA) | F(MTRR) | F(PSE36) },
	{ 7, 0, EBX, CPUID_7_0_EBX,
	  F(FSGSBASE) | F(BMI1) | F(AVX2) | F(SMEP) | F(BMI2) | F(ERMS) | F(RDSEED) | F(ADX) |
	  F(SMAP) | F(CLFLUSHOPT) | F(CLWB) | F(SHA_NI) | F(AVX512F) | F(AVX512DQ) |
	  F(AVX512IFMA) | F(AVX512CD) | F(AVX512BW) | F(AVX512VL),
	  F(TSC_ADJUST) },
	{ 7, 0, ECX, -1,
	  F(AVX512VBMI) | F(UMIP) | F(AVX512_VBMI2) | F(GFNI) | F(VAES) | F(VPCLMULQDQ) |
	  F(AVX512_VNNI) | F(AVX512_BITALG) | F(AVX512_VPOPCNTDQ) | F(LA57) | F(RDPID) |
	  F(MOVDIRI) | F(MOVDIR64B), 0 },
	{ 7, 0, EDX, CPUID_7_EDX, F(FSRM) | F(MD_CLEAR) | F(SERIALIZE), 0 },
	{ 7, 1, EAX, -1, F(AVX_VNNI) | F(AVX512_BF16), 0 },
	{ 0xd, 1, EAX, CPUID_D_1_EAX, F(XSAVEOPT) | F(XSAVEC) | F(XGETBV1), 0 },
	{ 0x80000001, 0, ECX, CPUID_8000_0001_ECX,
	  F(LAHF_LM) | F(CR8_LEGACY) | F(ABM) | F(SSE4A) | F(MISALIGNSSE) | F(3DNOWPREFETCH) |
	  F(XOP) | F(FMA4) | F(TBM) | F(TOPOEXT), 0 },
	/* AMD repeats the low words of leaf 1 here, all at the same bit. */
	{ 0x80000001, 0, EDX, -1,
	  F(FPU) | F(VME) | F(DE) | F(PSE) | F(TSC) | F(MSR) | F(PAE) | F(CX8) | F(PGE) |
	  F(CMOV) | F(PAT) | F(PSE36) | F(MMX) | F(FXSR) | F(SYSCALL) | F(NX) | F(MMXEXT) |
	  F(RDTSCP) | F(LM) | F(3DNOWEXT) | F(3DNOW), F(GBPAGES) },
	{ 0x80000008, 0, EBX, CPUID_8000_0008_EBX,
	  F(CLZERO) | F(XSAVEERPTR) | F(WBNOINVD) | F(AMD_IBPB) | F(AMD_IBRS) | F(AMD_STIBP) |
	  F(AMD_SSBD), 0 },
	/* no nested data breakpoints, LFENCE serializes, null selector clears base */
	{ 0x80000021, 0, EAX, -1, BIT(0) | BIT(2) | BIT(6), 0 },
};

static bool leaf_has_index(u32 leaf)
{
	return leaf == 4 || leaf == 7 || leaf == 0xb || leaf == 0xd || leaf == 0x8000001d;
}

static u32 filter(const struct kvm_cpuid_entry2 *e, unsigned int reg, u32 value)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(words); i++) {
		const struct feature_word *w = &words[i];

		if (w->leaf != e->function || w->index != e->index || w->reg != reg)
			continue;
		if (w->word >= 0)
			value &= boot_cpu_data.x86_capability[w->word];
		return (value & w->host) | w->software;
	}
	return value;
}

/* Vector extensions that XCR0 can't turn on are not there. */
static void filter_vectors(struct kvm_cpuid_entry2 *e)
{
	u64 xcr0 = fpu_xcr0_supported();
	bool avx = xcr0 & XFEATURE_MASK_YMM, avx512 = xcr0 & XFEATURE_MASK_ZMM_Hi256;

	if (e->function == 1) {
		if (!xcr0)
			e->ecx &= ~F(XSAVE);
		if (!avx)
			e->ecx &= ~(F(AVX) | F(FMA) | F(F16C));
	}
	if (e->function == 7 && !e->index) {
		if (!avx) {
			e->ebx &= ~F(AVX2);
			e->ecx &= ~(F(VAES) | F(VPCLMULQDQ));
		}
		if (!avx512) {
			e->ebx &= ~(F(AVX512F) | F(AVX512DQ) | F(AVX512IFMA) | F(AVX512CD) |
				    F(AVX512BW) | F(AVX512VL));
			e->ecx &= ~(F(AVX512VBMI) | F(AVX512_VBMI2) | F(AVX512_VNNI) |
				    F(AVX512_BITALG) | F(AVX512_VPOPCNTDQ));
		}
	}
	if (e->function == 7 && e->index == 1 && !avx512)
		e->eax = 0;
	if (e->function == 0x80000001 && !avx)
		e->ecx &= ~(F(XOP) | F(FMA4));
}

static void fix_xsave_leaf(struct kvm_cpuid_entry2 *e)
{
	u64 xcr0 = fpu_xcr0_supported();

	if (e->index == 0) {
		e->eax = xcr0;
		e->ebx = e->ecx = xcr0 ? fpu_xsave_bytes(xcr0) : 0;
		e->edx = xcr0 >> 32;
	} else if (e->index == 1) {
		e->ebx = e->ecx = e->edx = 0;
		if (!xcr0)
			e->eax = 0;
	} else {
		e->edx = 0;
	}
}

/* Addresses: physical as wide as the host's, linear as its page tables could be. */
static void fix_address_leaf(struct kvm_cpuid_entry2 *e)
{
	e->eax = boot_cpu_data.x86_phys_bits | cpuid_linear_bits << 8;
	e->ecx = e->edx = 0;
}

static void fix_leaf(struct kvm_cpuid_entry2 *e)
{
	switch (e->function) {
	case 0:
		e->eax = min(e->eax, MAX_BASIC);
		break;
	case 1:
		e->ebx &= 0xff00;	/* the size that CLFLUSH works on */
		break;
	case 6:
		e->eax = BIT(2);	/* the APIC timer never stops */
		e->ebx = e->ecx = e->edx = 0;
		break;
	case 0xa:			/* no performance counters */
		e->eax = e->ebx = e->ecx = e->edx = 0;
		break;
	case 4:
		e->eax &= 0x3fff;	/* how many share a cache is the VMM's to say */
		break;
	case 0xd:
		fix_xsave_leaf(e);
		break;
	case 0x80000000:
		e->eax = clamp(e->eax, 0x80000008u, MAX_EXTENDED);
		break;
	case 0x80000007:
		e->eax = e->ebx = e->ecx = 0;
		e->edx &= BIT(8) & boot_cpu_data.x86_power;	/* invariant TSC */
		break;
	case 0x80000008:
		fix_address_leaf(e);
		break;
	case 0x8000001d:
		e->eax &= ~0x3ffc000u;
		break;
	case 0x80000021:
		e->ebx = e->ecx = e->edx = 0;
		break;
	}
	if (e->function == 7) {
		e->eax = e->index ? e->eax : 1;
		if (e->index)
			e->ebx = e->ecx = e->edx = 0;
	}
}

/* Returns the entry, or NULL if there is no more room. */
static struct kvm_cpuid_entry2 *offer(u32 leaf, u32 index)
{
	struct kvm_cpuid_entry2 *e;
	unsigned int reg;

	if (nr_offered == MAX_OFFERED)
		return NULL;
	e = &offered[nr_offered++];
	e->function = leaf;
	e->index = index;
	e->flags = leaf_has_index(leaf) ? KVM_CPUID_FLAG_SIGNIFCANT_INDEX : 0;
	cpuid_count(leaf, index, &e->eax, &e->ebx, &e->ecx, &e->edx);
	for (reg = EAX; reg <= EDX; reg++)
		*cpuid_reg(e, reg) = filter(e, reg, *cpuid_reg(e, reg));
	fix_leaf(e);
	filter_vectors(e);
	return e;
}

static void offer_caches(u32 leaf)
{
	struct kvm_cpuid_entry2 *e;
	u32 index = 0;

	do {
		e = offer(leaf, index++);
	} while (e && e->eax & 0x1f && index < 8);
}

static void offer_xsave(void)
{
	u32 i;

	offer(0xd, 0);
	offer(0xd, 1);
	for (i = 2; i < 63; i++)
		if (fpu_xcr0_supported() & BIT_ULL(i))
			offer(0xd, i);
}

static void offer_basic(u32 max)
{
	offer(0, 0);
	offer(1, 0);
	if (boot_cpu_data.x86_vendor == X86_VENDOR_INTEL) {
		offer(2, 0);
		offer_caches(4);
	}
	offer(6, 0);
	if (max >= 7) {
		offer(7, 0);
		offer(7, 1);
	}
	if (max >= 0xa)
		offer(0xa, 0);
	if (max >= 0xd)
		offer_xsave();
}

static void offer_extended(u32 max)
{
	u32 leaf;

	for (leaf = 0x80000000; leaf <= 0x80000008; leaf++)
		offer(leaf, 0);
	if (max < 0x8000001e || boot_cpu_data.x86_vendor == X86_VENDOR_INTEL)
		return;
	offer(0x80000019, 0);
	offer(0x8000001a, 0);
	offer_caches(0x8000001d);
	if (max >= 0x80000021)
		offer(0x80000021, 0);
}

void cpuid_module_init(void)
{
	/* Of the processor: its kernel may have 5-level paging turned off. */
	cpuid_linear_bits = boot_cpu_data.cpuid_level >= 7 && cpuid_ecx(7) & F(LA57) ? 57 : 48;
	nr_offered = 0;
	offer_basic(cpuid_eax(0));
	if (nr_offered + PV_LEAVES <= MAX_OFFERED) {
		pv_leaves(&offered[nr_offered]);
		nr_offered += PV_LEAVES;
	}
	offer_extended(cpuid_eax(0x80000000));
}

int cpuid_supported(struct kvm_cpuid2 __user *cpuid)
{
	u32 nent;

	if (get_user(nent, &cpuid->nent))
		return -EFAULT;
	if (nent < nr_offered)
		return -E2BIG;
	if (copy_to_user(cpuid->entries, offered, nr_offered * sizeof(*offered)))
		return -EFAULT;
	return put_user(nr_offered, &cpuid->nent);
}

struct kvm_cpuid_entry2 *cpuid_offered(u32 leaf, u32 index)
{
	return cpuid_find(offered, nr_offered, leaf, index);
}
