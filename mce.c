// SPDX-License-Identifier: GPL-2.0-only
/*
 * Machine checks that user space injects, and the MSRs that report them. Intel SDM 3B 16, AMD
 * APM 2 9. The host's own are the host's.
 */
#include <linux/nospec.h>
#include <linux/uaccess.h>

#include <asm/mce.h>
#include <asm/msr-index.h>
#include <asm/processor-flags.h>
#include <asm/trapnr.h>

#include "event.h"
#include "mce.h"
#include "request.h"
#include "vcpu.h"

#define CAP_SUPPORTED	(MCG_CTL_P | MCG_SER_P)
#define CAP_BANKS	0xffull
#define CAP_EXT_CNT	0xff0000ull	/* how many extended registers; there are none */
#define HWCR_MCSTATUS_WREN BIT_ULL(18)

/* Registers of a bank, in the order of their MSRs. */
enum { CTL, STATUS, ADDR, MISC };

/* AMD's kernels leave GART errors (bit 10 of bank 4) out, and some the lowest. */
#define CTL_MAY_LACK	(BIT_ULL(10) | BIT_ULL(0))

void mce_create(struct vcpu *vcpu)
{
	vcpu->mce.cap = MCE_MAX_BANKS;
}

long mce_cap_supported(u64 __user *arg)
{
	return put_user(CAP_SUPPORTED, arg);
}

static unsigned int nr_banks(const struct vcpu_mce *m)
{
	return m->cap & CAP_BANKS;
}

int mce_set_cap(struct vcpu *vcpu, const u64 *cap)
{
	unsigned int i, nr = *cap & CAP_BANKS;
	struct vcpu_mce *m = &vcpu->mce;

	if (!nr || nr > MCE_MAX_BANKS || *cap & ~(CAP_SUPPORTED | CAP_BANKS | CAP_EXT_CNT))
		return -EINVAL;
	m->cap = *cap;
	if (m->cap & MCG_CTL_P)
		m->ctl = ~0ull;
	for (i = 0; i < nr; i++)
		m->bank[i * 4 + CTL] = ~0ull;
	return 0;
}

/* ---- injection ---- */

static void report(struct vcpu *vcpu, u64 *bank, const struct kvm_x86_mce *mce)
{
	u64 lost = bank[STATUS] & MCI_STATUS_VAL ? MCI_STATUS_OVER : 0;

	bank[ADDR] = mce->addr;
	bank[MISC] = mce->misc;
	bank[STATUS] = mce->status | lost;
	vcpu->mce.status = mce->mcg_status;
}

/* Uncorrected, but nothing has used it yet: only to be found in the bank. */
static bool is_deferred(const struct kvm_x86_mce *mce)
{
	return !mce->mcg_status && !(mce->status & (MCI_STATUS_PCC | MCI_STATUS_S | MCI_STATUS_AR));
}

static void uncorrected(struct vcpu *vcpu, u64 *bank, const struct kvm_x86_mce *mce)
{
	const struct vcpu_mce *m = &vcpu->mce;

	if (is_deferred(mce)) {
		bank[STATUS] = 0;
		report(vcpu, bank, mce);
	} else if ((m->cap & MCG_CTL_P && ~m->ctl) || ~bank[CTL]) {
		return;		/* it is turned off */
	} else if (m->status & MCG_STATUS_MCIP || !(vcpu->mode.cr4 & X86_CR4_MCE)) {
		vcpu_request(vcpu, REQ_TRIPLE_FAULT);
	} else {
		report(vcpu, bank, mce);
		event_queue_exception(vcpu, X86_TRAP_MC, false, 0);
	}
}

int mce_inject(struct vcpu *vcpu, const struct kvm_x86_mce *mce)
{
	u64 *bank = vcpu->mce.bank;

	if (mce->bank >= nr_banks(&vcpu->mce) || !(mce->status & MCI_STATUS_VAL))
		return -EINVAL;
	bank += 4 * array_index_nospec(mce->bank, MCE_MAX_BANKS);
	if (mce->status & MCI_STATUS_UC)
		uncorrected(vcpu, bank, mce);
	else if (bank[STATUS] & MCI_STATUS_VAL && bank[STATUS] & MCI_STATUS_UC)
		bank[STATUS] |= MCI_STATUS_OVER;	/* the worse one stays */
	else
		report(vcpu, bank, mce);
	return 0;
}

/* ---- MSRs ---- */

/* Which register of all banks, in bounds under speculation too; or negative. */
static int bank_register(const struct vcpu_mce *m, u32 index)
{
	u32 at = index - MSR_IA32_MC0_CTL;

	if (at >= nr_banks(m) * 4)
		return -ENOENT;
	return array_index_nospec(at, MCE_MAX_BANKS * 4);
}

int mce_read(const struct vcpu *vcpu, u32 index, u64 *data, bool host)
{
	const struct vcpu_mce *m = &vcpu->mce;
	int at;

	switch (index) {
	case MSR_IA32_MCG_CAP:
		*data = m->cap;
		return 0;
	case MSR_IA32_MCG_STATUS:
		*data = m->status;
		return 0;
	case MSR_IA32_MCG_CTL:
		*data = m->ctl;
		return host || m->cap & MCG_CTL_P ? 0 : -EINVAL;
	}
	at = bank_register(m, index);
	if (at < 0)
		return at;
	*data = m->bank[at];
	return 0;
}

static int write_ctl(struct vcpu_mce *m, u64 data, bool host)
{
	if (!(m->cap & MCG_CTL_P) && (data || !host))
		return -EINVAL;
	if (data && ~data)
		return -EINVAL;
	m->ctl = data;
	return 0;
}

static bool bank_valid(const struct vcpu *vcpu, int at, u64 data, bool host)
{
	bool may_set = host || (!vcpu->cpuid.intel && vcpu->msrs.hwcr & HWCR_MCSTATUS_WREN);

	switch (at & 3) {
	case CTL:
		return !data || !~(data | CTL_MAY_LACK);
	case STATUS:
		return !data || may_set;
	default:
		return true;
	}
}

int mce_write(struct vcpu *vcpu, u32 index, u64 data, bool host)
{
	struct vcpu_mce *m = &vcpu->mce;
	int at;

	switch (index) {
	case MSR_IA32_MCG_CAP:
		return -EINVAL;
	case MSR_IA32_MCG_STATUS:
		m->status = data;
		return 0;
	case MSR_IA32_MCG_CTL:
		return write_ctl(m, data, host);
	}
	at = bank_register(m, index);
	if (at < 0)
		return at;
	if (!bank_valid(vcpu, at, data, host))
		return -EINVAL;
	m->bank[at] = data;
	return 0;
}
