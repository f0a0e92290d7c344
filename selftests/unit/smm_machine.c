// SPDX-License-Identifier: GPL-2.0-only
/* See smm_machine.h. */
#include "tap.h"

#include "chips.h"
#include "event.h"
#include "mmu.h"
#include "mode.h"
#include "smm.h"
#include "smm_machine.h"
#include "state.h"
#include "vendor.h"
#include "vm.h"

struct vcpu v;
struct vm vm;
u8 smm_memory[SMM_MEMORY];
bool no_memory, bad_pdptes;
u32 shadow;
u8 cpuid_linear_bits = 48;
int shim_pagefaults_off;

static struct kvm_segment segment[8];
static struct kvm_dtable table[2];
static bool mmu_in_smm;

void __attribute__((noreturn)) shim_warn(const char *file, int line, const char *what)
{
	TAP_FAIL("%s:%d: %s", file, line, what);
}

void machine_start(void)
{
	memset(&v, 0, sizeof(v));
	memset(smm_memory, 0, sizeof(smm_memory));
	memset(segment, 0, sizeof(segment));
	memset(table, 0, sizeof(table));
	no_memory = bad_pdptes = false;
	shadow = 0;
	v.vm = &vm;
	v.smm.base = SMBASE_RESET;
	v.cpuid.maxphyaddr = 40;
}

/* ---- the MMU ---- */

void mmu_set_mode(struct mmu_vcpu *m, const struct mmu_regs *regs)
{
	CHECK_EQ(regs->smm, v.smm.inside);
	mmu_in_smm = regs->smm;
}

/* What others see has the PDPTEs. */
int mmu_set_cr3(struct mmu_vcpu *m, u64 cr3, bool flush)
{
	return bad_pdptes && !mmu_in_smm && mode_has_pdptes(&v) ? -EINVAL : 0;
}

int mmu_set_pdptes(struct mmu_vcpu *m, const u64 pdpte[4])
{
	return 0;
}

void mmu_get_pdptes(const struct mmu_vcpu *m, u64 pdpte[4]) { }
void mmu_invlpg(struct mmu_vcpu *m, gva_t gva) { }
void mmu_flush_address(struct mmu_vcpu *m, u64 pcid, gva_t gva) { }
void mmu_flush_pcid(struct mmu_vcpu *m, u64 pcid) { }
void mmu_flush_guest(struct mmu_vcpu *m) { }

static u8 *memory_at(gpa_t gpa, unsigned int len)
{
	gpa_t at = (gpa & ~GPA_SMM) - SMBASE_RESET;

	CHECK(gpa & GPA_SMM);
	CHECK(gpa % 4096 + len <= 4096);
	return !no_memory && at < SMM_MEMORY ? smm_memory + at : NULL;
}

int mmu_write_guest(struct mmu_vcpu *m, gpa_t gpa, const void *src, unsigned int len)
{
	u8 *to = memory_at(gpa, len);

	if (!to)
		return -ENXIO;
	memcpy(to, src, len);
	return 0;
}

int mmu_read_guest(struct mmu_vcpu *m, gpa_t gpa, void *dst, unsigned int len)
{
	const u8 *from = memory_at(gpa, len);

	if (!from)
		return -ENXIO;
	memcpy(dst, from, len);
	return 0;
}

/* ---- the backend ---- */

void vendor_get_segment(struct vcpu *vcpu, int seg, struct kvm_segment *out)
{
	*out = segment[seg];
}

void vendor_set_segment(struct vcpu *vcpu, int seg, const struct kvm_segment *in)
{
	segment[seg] = *in;
}

void vendor_get_dt(struct vcpu *vcpu, int dt, struct kvm_dtable *out)
{
	*out = table[dt];
}

void vendor_set_dt(struct vcpu *vcpu, int dt, const struct kvm_dtable *in)
{
	table[dt] = *in;
}

u32 vendor_get_shadow(struct vcpu *vcpu)
{
	return shadow;
}

void vendor_set_shadow(struct vcpu *vcpu, u32 set)
{
	shadow = set;
}

void vendor_update_mode(struct vcpu *vcpu) { }
void vendor_update_cpuid(struct vcpu *vcpu) { }
void vendor_vcpu_reset(struct vcpu *vcpu) { }

/* ---- the rest of the module ---- */

bool boot_cpu_has(enum shim_feature feature)
{
	return false;
}

void chips_set_tpr(struct vcpu *vcpu, u64 cr8) { }
void chips_reset(struct vcpu *vcpu, bool init) { }

int chips_set_apic_base(struct vcpu *vcpu, u64 base, bool host)
{
	return 0;
}

bool chips_has_init(const struct vcpu *vcpu)
{
	return false;
}

void chips_set_init(struct vcpu *vcpu, bool init) { }
void debug_reset(struct vcpu *vcpu) { }
void msr_reset(struct vcpu *vcpu) { }

u64 fpu_xcr0_supported(void)
{
	return 0;
}
