// SPDX-License-Identifier: GPL-2.0-only
/*
 * The VMCB into the log, when the processor refuses it, or would.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/printk.h>
#include <linux/ratelimit.h>
#include <asm/cpufeature.h>
#include <asm/msr-index.h>
#include <asm/processor.h>
#include <asm/processor-flags.h>

#include "check.h"
#include "compat.h"
#include "physical.h"
#include "svm.h"

static void dump_seg(const char *name, const struct vmcb_seg *s)
{
	pr_err("%-4s %04x attr %03x limit %08x base %016llx\n", name, s->selector, s->attr,
	       s->limit, s->base);
}

static void dump_segs(const struct vmcb_save *save)
{
	static const char * const names[] = { "es", "cs", "ss", "ds", "fs", "gs" };
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(names); i++)
		dump_seg(names[i], &save->seg[i]);
	dump_seg("tr", &save->tr);
	dump_seg("ldtr", &save->ldtr);
	dump_seg("gdtr", &save->gdtr);
	dump_seg("idtr", &save->idtr);
}

void svm_dump(struct vcpu *vcpu)
{
	static DEFINE_RATELIMIT_STATE(limit, DEFAULT_RATELIMIT_INTERVAL, 2);
	const struct vmcb *vmcb = to_svm(vcpu)->vmcb;
	const struct vmcb_control *c = &vmcb->control;
	const struct vmcb_save *s = &vmcb->save;

	if (!__ratelimit(&limit))
		return;
	pr_err("VMCB of vCPU %u: exit %x info %llx %llx int %x/%x inject %x/%x asid %u\n",
	       vcpu->id, c->exit_code, c->exit_info_1, c->exit_info_2, c->exit_int_info,
	       c->exit_int_error, c->event_inj, c->event_inj_error, c->asid);
	pr_err("intercepts %*ph int_ctl %x int_state %llx tsc_offset %llx\n",
	       (int)sizeof(c->intercept), c->intercept, c->int_ctl, c->int_state, c->tsc_offset);
	pr_err("cr0 %llx cr2 %llx cr3 %llx cr4 %llx efer %llx dr6 %llx dr7 %llx cpl %u\n",
	       s->cr0, s->cr2, s->cr3, s->cr4, s->efer, s->dr6, s->dr7, s->cpl);
	pr_err("rip %llx rsp %llx rax %llx rflags %llx\n", s->rip, s->rsp, s->rax, s->rflags);
	dump_segs(s);
}

/* ---- parameter check_entry ---- */

static struct vmcb_limits limits __ro_after_init;

/* What all processors with AMD-V have. */
#define PLAIN_CR4	0x7ffull

enum leaf_reg { LEAF1_ECX, LEAF7_EBX, LEAF7_ECX, LEAF7_EDX, NR_LEAF_REGS };

static const struct { u64 cr4; u8 reg, bit; } cr4_features[] = {
	{ X86_CR4_PCIDE,	LEAF1_ECX, 17 },
	{ X86_CR4_OSXSAVE,	LEAF1_ECX, 26 },
	{ X86_CR4_FSGSBASE,	LEAF7_EBX, 0 },
	{ X86_CR4_SMEP,		LEAF7_EBX, 7 },
	{ X86_CR4_SMAP,		LEAF7_EBX, 20 },
	{ X86_CR4_UMIP,		LEAF7_ECX, 2 },
	{ X86_CR4_PKE,		LEAF7_ECX, 3 },
	{ X86_CR4_LA57,		LEAF7_ECX, 16 },
	{ X86_CR4_CET,		LEAF7_ECX, 7 },
	{ X86_CR4_CET,		LEAF7_EDX, 20 },
};

static u64 processor_cr4(void)
{
	u32 reg[NR_LEAF_REGS] = {}, eax, ebx, edx;
	u64 cr4 = PLAIN_CR4;
	unsigned int i;

	cpuid(1, &eax, &ebx, &reg[LEAF1_ECX], &edx);
	if (cpuid_eax(0) >= 7)
		cpuid(7, &eax, &reg[LEAF7_EBX], &reg[LEAF7_ECX], &reg[LEAF7_EDX]);
	for (i = 0; i < ARRAY_SIZE(cr4_features); i++)
		if (reg[cr4_features[i].reg] & BIT(cr4_features[i].bit))
			cr4 |= cr4_features[i].cr4;
	return cr4;
}

void svm_check_init(void)
{
	limits = (struct vmcb_limits){
		.nr_asids = svm_caps.nr_asids,
		.flush_by_asid = svm_caps.flush_by_asid,
		.physical_bits = physical_bits(),
		.cr4_may = processor_cr4(),
		.efer_may = EFER_SCE | EFER_LME | EFER_LMA | EFER_NX | EFER_SVME,
	};
}

bool svm_breaks_rule(struct vcpu *vcpu)
{
	const char *rule = vmcb_check(to_svm(vcpu)->vmcb, &limits);

	if (likely(!rule))
		return false;
	pr_err_ratelimited("vCPU %u breaks a rule of entries: %s\n", vcpu->id, rule);
	svm_dump(vcpu);
	return true;
}
