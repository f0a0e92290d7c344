// SPDX-License-Identifier: GPL-2.0-only
/* CPUID: what the VMM made of what is offered, and what follows for the vCPU. */
#include <linux/overflow.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/uaccess.h>

#include <asm/cpufeature.h>
#include <asm/fpu/types.h>
#include <asm/msr-index.h>
#include <asm/processor.h>

#include "chips.h"
#include "cpuid_list.h"
#include "entry_check.h"
#include "mode.h"
#include "state.h"
#include "vcpu.h"
#include "vendor.h"
#include "vm.h"
#include "vm_chips.h"

/* Guests ask for the same leaf again and again. */
static struct kvm_cpuid_entry2 *find_again(struct vcpu_cpuid *c, u32 leaf, u32 index)
{
	struct kvm_cpuid_entry2 *e;

	if (c->last < c->nr && cpuid_is_leaf(&c->entry[c->last], leaf, index))
		return &c->entry[c->last];
	e = cpuid_find(c->entry, c->nr, leaf, index);
	if (e)
		c->last = e - c->entry;
	return e;
}

/* ---- what the vCPU has ---- */

static bool entry_bit(struct kvm_cpuid_entry2 *e, enum cpuid_reg reg, u32 mask)
{
	return e && *cpuid_reg(e, reg) & mask;
}

/* In the guest's own list. */
static bool listed(struct vcpu_cpuid *c, u32 leaf, enum cpuid_reg reg, u32 mask)
{
	return entry_bit(cpuid_find(c->entry, c->nr, leaf, 0), reg, mask);
}

/* In the guest's CPUID and offered; the VMM may claim more, but that does not make it work. */
static bool has(struct vcpu *vcpu, u32 leaf, enum cpuid_reg reg, u32 mask)
{
	struct vcpu_cpuid *c = &vcpu->cpuid;

	return entry_bit(cpuid_offered(leaf, 0), reg, mask) &&
	       (!c->entry || listed(c, leaf, reg, mask));
}

static u8 physical_bits(struct vcpu *vcpu)
{
	struct vcpu_cpuid *c = &vcpu->cpuid;
	struct kvm_cpuid_entry2 *e = cpuid_find(c->entry, c->nr, 0x80000008, 0);

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
	struct kvm_cpuid_entry2 *e = cpuid_find(c->entry, c->nr, 0xd, 0);
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
	c->invpcid = c->entry && listed(c, 7, EBX, F(INVPCID));
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
	c->intel = is_intel(c->entry ? cpuid_find(c->entry, c->nr, 0, 0) :
				      cpuid_offered(0, 0));
	c->cr4_reserved = cr4_reserved(c);
	c->efer_reserved = ~((has(vcpu, 0x80000001, EDX, F(SYSCALL)) ? (u64)EFER_SCE : 0) |
			     (c->lm ? EFER_LME | EFER_LMA : 0) | (c->nx ? EFER_NX : 0));
	c->xcr0_allowed = xcr0_allowed(vcpu);
	/* Not offered, as KVM does not: clients go by KVM_CAP_TSC_DEADLINE_TIMER. */
	if (vcpu->chips)
		vcpu->chips->apic.deadline_mode_allowed =
			c->entry && listed(c, 1, ECX, F(TSC_DEADLINE_TIMER));
}

void cpuid_reset(struct vcpu *vcpu)
{
	derive(vcpu);
}

static bool entries_valid(struct kvm_cpuid_entry2 *entry, unsigned int nr)
{
	struct kvm_cpuid_entry2 *e = cpuid_find(entry, nr, 0x80000008, 0);
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
		e = cpuid_offered(0xd, i);
		if (!e)
			continue;
		if (e->ecx & BIT(1))
			bytes = ALIGN(bytes, 64);
		bytes += e->eax;
	}
	return bytes;
}

/* MISC_ENABLE says whether MWAIT is there, if user space wants it so. */
static void add_mwait(struct vcpu *vcpu, struct kvm_cpuid_entry2 *e)
{
	if (likely(vm_has_quirk(vcpu->vm, KVM_X86_QUIRK_MISC_ENABLE_NO_MWAIT)))
		return;
	e->ecx &= ~F(MWAIT);
	if (vcpu->msrs.misc_enable & MSR_IA32_MISC_ENABLE_MWAIT)
		e->ecx |= F(MWAIT);
}

/* Bits that follow the vCPU's state. */
static void add_state(struct vcpu *vcpu, u32 leaf, u32 index, struct kvm_cpuid_entry2 *e)
{
	const struct vcpu_mode *mode = &vcpu->mode;

	if (leaf == 1) {
		e->ecx &= ~F(OSXSAVE);
		if (mode->cr4 & X86_CR4_OSXSAVE)
			e->ecx |= F(OSXSAVE);
		add_mwait(vcpu, e);
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

	pv_fix_cpuid(vcpu->vm, entry, nr);
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
	struct kvm_cpuid_entry2 *basic = cpuid_find(c->entry, c->nr, 0, 0);
	struct kvm_cpuid_entry2 *first = cpuid_find(c->entry, c->nr, leaf & 0x80000000, 0);

	if (!c->intel || !basic || (first && leaf <= first->eax))
		return NULL;
	return cpuid_find(c->entry, c->nr, basic->eax, index);
}

/* Levels of the topology that the VMM did not list still name the CPU. */
static void add_topology(struct vcpu *vcpu, u32 index, struct kvm_cpuid_entry2 *e)
{
	struct vcpu_cpuid *c = &vcpu->cpuid;
	const struct kvm_cpuid_entry2 *known = cpuid_find(c->entry, c->nr, 0xb, 0);

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

bool cpuid_has_mwait(struct vcpu *vcpu)
{
	u32 eax = 1, ebx, ecx = 0, edx;

	cpuid_query(vcpu, &eax, &ebx, &ecx, &edx);
	return ecx & F(MWAIT);
}
