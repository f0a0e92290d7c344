// SPDX-License-Identifier: GPL-2.0-only
/*
 * CPUID: what can be offered, what the VMM made of it, and what follows for the vCPU.
 *
 * Offered is what the host's kernel uses and a guest on shadow paging can have, and what the
 * shadow MMU does in software whether the host has it or not: PCID and 1 GiB pages. INVPCID is
 * understood, but a guest without it is faster: each one exits, while what it does instead for
 * another address space (a flush when that is next loaded) costs no exit of its own.
 * Virtualization, PKU, AMX and supervisor states are not.
 */
#include <linux/overflow.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/uaccess.h>

#include <asm/cpufeature.h>
#include <asm/fpu/types.h>
#include <asm/msr-index.h>
#include <asm/processor.h>

#include "chips.h"
#include "compat.h"
#include "entry_check.h"
#include "mode.h"
#include "pv.h"
#include "state.h"
#include "vcpu.h"
#include "vendor.h"
#include "vm_chips.h"

#define F(name)		BIT(X86_FEATURE_##name & 31)
#define MAX_BASIC	0xdu
#define MAX_EXTENDED	0x80000021u
#define MAX_OFFERED	64

enum { EAX, EBX, ECX, EDX };

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

static u32 *reg_of(struct kvm_cpuid_entry2 *e, unsigned int reg)
{
	u32 *regs[] = { &e->eax, &e->ebx, &e->ecx, &e->edx };

	return regs[reg];
}

static bool is_leaf(const struct kvm_cpuid_entry2 *e, u32 leaf, u32 index)
{
	return e->function == leaf && (e->index == index ||
				       !(e->flags & KVM_CPUID_FLAG_SIGNIFCANT_INDEX));
}

static struct kvm_cpuid_entry2 *find(struct kvm_cpuid_entry2 *entry, unsigned int nr, u32 leaf,
				     u32 index)
{
	unsigned int i;

	for (i = 0; i < nr; i++)
		if (is_leaf(&entry[i], leaf, index))
			return &entry[i];
	return NULL;
}

/* Guests ask for the same leaf again and again. */
static struct kvm_cpuid_entry2 *find_again(struct vcpu_cpuid *c, u32 leaf, u32 index)
{
	struct kvm_cpuid_entry2 *e;

	if (c->last < c->nr && is_leaf(&c->entry[c->last], leaf, index))
		return &c->entry[c->last];
	e = find(c->entry, c->nr, leaf, index);
	if (e)
		c->last = e - c->entry;
	return e;
}

/* ---- what is offered ---- */

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
		*reg_of(e, reg) = filter(e, reg, *reg_of(e, reg));
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
	if (max >= 7) {
		offer(7, 0);
		offer(7, 1);
	}
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

/* ---- what the vCPU has ---- */

static bool entry_bit(struct kvm_cpuid_entry2 *entry, unsigned int nr, u32 leaf, u8 reg, u32 mask)
{
	struct kvm_cpuid_entry2 *e = find(entry, nr, leaf, 0);

	return e && *reg_of(e, reg) & mask;
}

/* In the guest's CPUID and offered; the VMM may claim more, but that does not make it work. */
static bool has(struct vcpu *vcpu, u32 leaf, u8 reg, u32 mask)
{
	struct vcpu_cpuid *c = &vcpu->cpuid;

	return entry_bit(offered, nr_offered, leaf, reg, mask) &&
	       (!c->entry || entry_bit(c->entry, c->nr, leaf, reg, mask));
}

static u8 physical_bits(struct vcpu *vcpu)
{
	struct vcpu_cpuid *c = &vcpu->cpuid;
	struct kvm_cpuid_entry2 *e = find(c->entry, c->nr, 0x80000008, 0);

	if (!c->entry)
		return boot_cpu_data.x86_phys_bits;
	return e && e->eax & 0xff ? clamp(e->eax & 0xff, 32u, 52u) : 36;
}

static u64 cr4_reserved(const struct vcpu_cpuid *c)
{
	u64 valid = X86_CR4_VME | X86_CR4_PVI | X86_CR4_TSD | X86_CR4_DE | X86_CR4_PSE |
		    X86_CR4_PAE | X86_CR4_MCE | X86_CR4_PGE | X86_CR4_PCE | X86_CR4_OSFXSR |
		    X86_CR4_OSXMMEXCPT;

	valid |= c->xsave ? X86_CR4_OSXSAVE : 0;
	valid |= c->smep ? X86_CR4_SMEP : 0;
	valid |= c->smap ? X86_CR4_SMAP : 0;
	valid |= c->fsgsbase ? X86_CR4_FSGSBASE : 0;
	valid |= c->pcid ? X86_CR4_PCIDE : 0;
	valid |= c->la57 ? X86_CR4_LA57 : 0;
	valid |= c->umip ? X86_CR4_UMIP : 0;
	return ~valid;
}

static u64 xcr0_allowed(struct vcpu *vcpu)
{
	struct vcpu_cpuid *c = &vcpu->cpuid;
	struct kvm_cpuid_entry2 *e = find(c->entry, c->nr, 0xd, 0);
	u64 mask = fpu_xcr0_supported();

	if (!c->xsave)
		mask = 0;
	else if (c->entry)
		mask &= e ? e->eax | (u64)e->edx << 32 : 0;
	return mask | XFEATURE_MASK_FP;		/* its reset value is good for any guest */
}

static bool is_intel(const struct kvm_cpuid_entry2 *e)
{
	return e && e->ebx == 0x756e6547 && e->edx == 0x49656e69 && e->ecx == 0x6c65746e;
}

static void derive(struct vcpu *vcpu)
{
	struct vcpu_cpuid *c = &vcpu->cpuid;

	c->maxphyaddr = physical_bits(vcpu);
	c->lm = has(vcpu, 0x80000001, EDX, F(LM));
	c->nx = has(vcpu, 0x80000001, EDX, F(NX));
	c->gbpages = has(vcpu, 0x80000001, EDX, F(GBPAGES));
	c->rdtscp = has(vcpu, 0x80000001, EDX, F(RDTSCP));
	c->pcid = has(vcpu, 1, ECX, F(PCID));
	c->xsave = has(vcpu, 1, ECX, F(XSAVE));
	/* Not offered, but understood: a guest may be migrated that was given it. */
	c->invpcid = c->entry && entry_bit(c->entry, c->nr, 7, EBX, F(INVPCID));
	c->fsgsbase = has(vcpu, 7, EBX, F(FSGSBASE));
	c->smep = has(vcpu, 7, EBX, F(SMEP));
	c->smap = has(vcpu, 7, EBX, F(SMAP));
	c->la57 = has(vcpu, 7, ECX, F(LA57));
	c->alt_cr8 = has(vcpu, 0x80000001, ECX, F(CR8_LEGACY));
	c->umip = has(vcpu, 7, ECX, F(UMIP));
	c->spec_ctrl = (has(vcpu, 0x80000008, EBX, F(AMD_IBRS)) ? SPEC_CTRL_IBRS : 0) |
		       (has(vcpu, 0x80000008, EBX, F(AMD_STIBP)) ? SPEC_CTRL_STIBP : 0) |
		       (has(vcpu, 0x80000008, EBX, F(AMD_SSBD)) ? SPEC_CTRL_SSBD : 0);
	c->ibpb = has(vcpu, 0x80000008, EBX, F(AMD_IBPB));
	c->intel = is_intel(c->entry ? find(c->entry, c->nr, 0, 0) : offered);
	c->cr4_reserved = cr4_reserved(c);
	c->efer_reserved = ~((has(vcpu, 0x80000001, EDX, F(SYSCALL)) ? (u64)EFER_SCE : 0) |
			     (c->lm ? EFER_LME | EFER_LMA : 0) | (c->nx ? EFER_NX : 0));
	c->xcr0_allowed = xcr0_allowed(vcpu);
	/* Not offered, as KVM does not: clients go by KVM_CAP_TSC_DEADLINE_TIMER. */
	if (vcpu->chips)
		vcpu->chips->apic.deadline_mode_allowed =
			c->entry && entry_bit(c->entry, c->nr, 1, ECX, F(TSC_DEADLINE_TIMER));
}

void cpuid_reset(struct vcpu *vcpu)
{
	derive(vcpu);
}

static bool entries_valid(struct kvm_cpuid_entry2 *entry, unsigned int nr)
{
	struct kvm_cpuid_entry2 *e = find(entry, nr, 0x80000008, 0);
	u8 linear = e ? e->eax >> 8 : 0;

	return !linear || linear == 48 || linear == 57;
}

/* Takes @entry; gives back what was there before. */
static struct kvm_cpuid_entry2 *exchange(struct vcpu *vcpu, struct kvm_cpuid_entry2 *entry,
					 unsigned int *nr)
{
	struct vcpu_cpuid *c = &vcpu->cpuid;

	swap(c->entry, entry);
	swap(c->nr, *nr);
	derive(vcpu);
	vendor(update_cpuid)(vcpu);
	return entry;
}

/* An empty list is a list all the same: c->entry says that there is one. */
static struct kvm_cpuid_entry2 *copy_entries(const struct kvm_cpuid2 __user *cpuid, u32 nr)
{
	size_t bytes = array_size(nr, sizeof(struct kvm_cpuid_entry2));
	struct kvm_cpuid_entry2 *entry = kvzalloc(max_t(size_t, bytes, 1), GFP_KERNEL_ACCOUNT);

	if (!entry)
		return ERR_PTR(-ENOMEM);
	if (!copy_from_user(entry, cpuid->entries, bytes))
		return entry;
	kvfree(entry);
	return ERR_PTR(-EFAULT);
}

static u32 compacted_bytes(u64 xcr0)
{
	u32 bytes = fpu_xsave_bytes(0);
	struct kvm_cpuid_entry2 *e;
	unsigned int i;

	for (i = 2; i < 63; i++) {
		if (!(xcr0 & BIT_ULL(i)))
			continue;
		e = find(offered, nr_offered, 0xd, i);
		if (!e)
			continue;
		if (e->ecx & BIT(1))
			bytes = ALIGN(bytes, 64);
		bytes += e->eax;
	}
	return bytes;
}

/* Bits that follow the vCPU's state. */
static void add_state(struct vcpu *vcpu, u32 leaf, u32 index, struct kvm_cpuid_entry2 *e)
{
	const struct vcpu_mode *mode = &vcpu->mode;

	if (leaf == 1) {
		e->ecx &= ~F(OSXSAVE);
		if (mode->cr4 & X86_CR4_OSXSAVE)
			e->ecx |= F(OSXSAVE);
	}
	if ((leaf == 1 || leaf == 0x80000001) && !(mode->apic_base & MSR_IA32_APICBASE_ENABLE))
		e->edx &= ~F(APIC);
	if (leaf == 7 && !index)
		e->ecx &= ~(F(PKU) | F(OSPKE));
	if (leaf == 0xd && !index && e->eax)
		e->ebx = fpu_xsave_bytes(mode->xcr0);
	if (leaf == 0xd && index == 1 && e->eax & F(XSAVEC))
		e->ebx = compacted_bytes(mode->xcr0);
}

/* Entry @e as the guest sees it now. */
static struct kvm_cpuid_entry2 seen(struct vcpu *vcpu, const struct kvm_cpuid_entry2 *e)
{
	struct kvm_cpuid_entry2 out = *e;

	add_state(vcpu, e->function, e->index, &out);
	return out;
}

/* What a VMM may say that does so again for each vCPU, although the guest has seen it. */
static bool same(struct vcpu *vcpu, const struct kvm_cpuid_entry2 *entry, unsigned int nr)
{
	const struct vcpu_cpuid *c = &vcpu->cpuid;
	struct kvm_cpuid_entry2 old, new;
	unsigned int i;

	for (i = 0; i < nr && nr == c->nr; i++) {
		old = seen(vcpu, &c->entry[i]);
		new = seen(vcpu, &entry[i]);
		if (memcmp(&old, &new, offsetof(struct kvm_cpuid_entry2, padding)))
			return false;
	}
	return nr == c->nr;
}

int cpuid_set(struct vcpu *vcpu, struct kvm_cpuid2 __user *cpuid)
{
	struct kvm_cpuid_entry2 *entry;
	unsigned int nr;

	if (get_user(nr, &cpuid->nent))
		return -EFAULT;
	if (nr > UMBRA_MAX_CPUID)
		return -E2BIG;
	entry = copy_entries(cpuid, nr);
	return IS_ERR(entry) ? PTR_ERR(entry) : cpuid_take(vcpu, entry, nr);
}

int cpuid_take(struct vcpu *vcpu, struct kvm_cpuid_entry2 *entry, unsigned int nr)
{
	int r = -EINVAL;

	if (vcpu->stats.exits) {
		r = same(vcpu, entry, nr) ? 0 : -EINVAL;
		goto out;
	}
	if (!entries_valid(entry, nr))
		goto out;
	entry = exchange(vcpu, entry, &nr);
	r = mode_apply(vcpu);
	if (r) {
		entry = exchange(vcpu, entry, &nr);
		mode_apply(vcpu);
	}
out:
	kvfree(entry);
	return r;
}

int cpuid_get(struct vcpu *vcpu, struct kvm_cpuid2 __user *cpuid)
{
	struct vcpu_cpuid *c = &vcpu->cpuid;
	struct kvm_cpuid_entry2 e;
	u32 nent, i;

	if (get_user(nent, &cpuid->nent))
		return -EFAULT;
	if (nent < c->nr)
		return -E2BIG;
	for (i = 0; i < c->nr; i++) {
		e = seen(vcpu, &c->entry[i]);
		if (copy_to_user(&cpuid->entries[i], &e, sizeof(e)))
			return -EFAULT;
	}
	return put_user(c->nr, &cpuid->nent);
}

/* ---- CPUID ---- */

/* Intel answers a leaf beyond the last with the highest basic one; AMD with zeros. */
static struct kvm_cpuid_entry2 *beyond(struct vcpu *vcpu, u32 leaf, u32 index)
{
	struct vcpu_cpuid *c = &vcpu->cpuid;
	struct kvm_cpuid_entry2 *basic = find(c->entry, c->nr, 0, 0);
	struct kvm_cpuid_entry2 *first = find(c->entry, c->nr, leaf & 0x80000000, 0);

	if (!c->intel || !basic || (first && leaf <= first->eax))
		return NULL;
	return find(c->entry, c->nr, basic->eax, index);
}

/* Levels of the topology that the VMM did not list still name the CPU. */
static void add_topology(struct vcpu *vcpu, u32 index, struct kvm_cpuid_entry2 *e)
{
	struct vcpu_cpuid *c = &vcpu->cpuid;
	const struct kvm_cpuid_entry2 *known = find(c->entry, c->nr, 0xb, 0);

	if (!known)
		return;
	e->ecx = index & 0xff;
	e->edx = known->edx;
}

void cpuid_query(struct vcpu *vcpu, u32 *eax, u32 *ebx, u32 *ecx, u32 *edx)
{
	struct vcpu_cpuid *c = &vcpu->cpuid;
	u32 leaf = *eax, index = *ecx;
	const struct kvm_cpuid_entry2 *e = find_again(c, leaf, index);
	struct kvm_cpuid_entry2 out = { };

	if (!e && leaf != 0xb)
		e = beyond(vcpu, leaf, index);
	if (e) {
		out = *e;
		add_state(vcpu, e->function, index, &out);
	} else if (leaf == 0xb) {
		add_topology(vcpu, index, &out);
	}
	*eax = out.eax;
	*ebx = out.ebx;
	*ecx = out.ecx;
	*edx = out.edx;
}
