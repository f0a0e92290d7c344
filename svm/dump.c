// SPDX-License-Identifier: GPL-2.0-only
/*
 * The VMCB into the log, when the processor refuses it.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/printk.h>
#include <linux/ratelimit.h>

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
