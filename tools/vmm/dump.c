// SPDX-License-Identifier: GPL-2.0-only
/* What to show of a guest that crashed. */
#include <sys/ioctl.h>

#include "vmm.h"

#define CR0_PG		(1ULL << 31)
#define INSN_BYTES	15

typedef unsigned long long ull;

const char *exit_reason_name(unsigned int reason)
{
	static const char * const names[] = {
		[KVM_EXIT_UNKNOWN] = "unknown exit",
		[KVM_EXIT_EXCEPTION] = "exception",
		[KVM_EXIT_IO] = "I/O",
		[KVM_EXIT_HYPERCALL] = "hypercall",
		[KVM_EXIT_DEBUG] = "debug exit",
		[KVM_EXIT_HLT] = "halt",
		[KVM_EXIT_MMIO] = "MMIO",
		[KVM_EXIT_IRQ_WINDOW_OPEN] = "interrupt window",
		[KVM_EXIT_SHUTDOWN] = "shutdown (triple fault)",
		[KVM_EXIT_FAIL_ENTRY] = "failed entry",
		[KVM_EXIT_INTR] = "signal",
		[KVM_EXIT_NMI] = "NMI",
		[KVM_EXIT_INTERNAL_ERROR] = "internal error",
		[KVM_EXIT_SYSTEM_EVENT] = "system event",
	};

	if (reason < sizeof(names) / sizeof(names[0]) && names[reason])
		return names[reason];
	return "other exit";
}

static const char *suberror_name(u32 suberror)
{
	switch (suberror) {
	case KVM_INTERNAL_ERROR_EMULATION:
		return "an instruction that can't be emulated";
	case KVM_INTERNAL_ERROR_SIMUL_EX:
		return "an exception while delivering one";
	case KVM_INTERNAL_ERROR_DELIVERY_EV:
		return "an exit while delivering an event";
	case KVM_INTERNAL_ERROR_UNEXPECTED_EXIT_REASON:
		return "an unexpected exit of the processor";
	default:
		return "unknown kind";
	}
}

static void dump_internal_error(const struct kvm_run *run)
{
	u32 i, ndata = run->internal.ndata;

	fprintf(stderr, "  suberror %u: %s\n", run->internal.suberror,
		suberror_name(run->internal.suberror));
	if (ndata > 16)
		ndata = 16;
	for (i = 0; i < ndata; i++)
		fprintf(stderr, "  data[%u] %#018llx\n", i, (ull)run->internal.data[i]);
}

static void dump_reason(const struct vcpu *vcpu)
{
	const struct kvm_run *run = vcpu->run;

	fprintf(stderr, "umbra-vmm: the guest crashed: vCPU %u: %s (exit reason %u)\n",
		vcpu->index, exit_reason_name(run->exit_reason), run->exit_reason);
	switch (run->exit_reason) {
	case KVM_EXIT_INTERNAL_ERROR:
		dump_internal_error(run);
		break;
	case KVM_EXIT_FAIL_ENTRY:
		fprintf(stderr, "  hardware reason %#llx\n",
			(ull)run->fail_entry.hardware_entry_failure_reason);
		break;
	case KVM_EXIT_UNKNOWN:
		fprintf(stderr, "  hardware reason %#llx\n",
			(ull)run->hw.hardware_exit_reason);
		break;
	}
}

static void dump_regs(const struct kvm_regs *r)
{
	fprintf(stderr, "  rip %016llx rflags %016llx\n", (ull)r->rip, (ull)r->rflags);
	fprintf(stderr, "  rax %016llx rbx %016llx rcx %016llx rdx %016llx\n",
		(ull)r->rax, (ull)r->rbx, (ull)r->rcx, (ull)r->rdx);
	fprintf(stderr, "  rsi %016llx rdi %016llx rbp %016llx rsp %016llx\n",
		(ull)r->rsi, (ull)r->rdi, (ull)r->rbp, (ull)r->rsp);
	fprintf(stderr, "  r8  %016llx r9  %016llx r10 %016llx r11 %016llx\n",
		(ull)r->r8, (ull)r->r9, (ull)r->r10, (ull)r->r11);
	fprintf(stderr, "  r12 %016llx r13 %016llx r14 %016llx r15 %016llx\n",
		(ull)r->r12, (ull)r->r13, (ull)r->r14, (ull)r->r15);
}

static void dump_segment(const char *name, const struct kvm_segment *s)
{
	fprintf(stderr, "  %-3s %04x base %016llx limit %08x type %x s %u dpl %u p %u l %u db %u g %u\n",
		name, s->selector, (ull)s->base, s->limit, s->type, s->s, s->dpl, s->present,
		s->l, s->db, s->g);
}

static void dump_sregs(const struct kvm_sregs *s)
{
	fprintf(stderr, "  cr0 %016llx cr2 %016llx cr3 %016llx cr4 %016llx efer %llx\n",
		(ull)s->cr0, (ull)s->cr2, (ull)s->cr3, (ull)s->cr4, (ull)s->efer);
	dump_segment("cs", &s->cs);
	dump_segment("ds", &s->ds);
	dump_segment("es", &s->es);
	dump_segment("fs", &s->fs);
	dump_segment("gs", &s->gs);
	dump_segment("ss", &s->ss);
	dump_segment("tr", &s->tr);
	dump_segment("ldt", &s->ldt);
	fprintf(stderr, "  gdt %016llx limit %04x  idt %016llx limit %04x\n",
		(ull)s->gdt.base, s->gdt.limit, (ull)s->idt.base, s->idt.limit);
}

/* A byte of the guest's linear memory; false where nothing is mapped. */
static bool read_linear(struct vcpu *vcpu, const struct kvm_sregs *sregs, u64 gva, u8 *byte)
{
	struct kvm_translation tr = { .linear_address = gva, .physical_address = gva, .valid = 1 };
	const u8 *p;

	if ((sregs->cr0 & CR0_PG) && ioctl(vcpu->fd, KVM_TRANSLATE, &tr) < 0)
		return false;
	if (!tr.valid)
		return false;
	p = guest_ptr(vcpu->m, tr.physical_address, 1);
	if (!p)
		return false;
	*byte = *p;
	return true;
}

static void dump_insn(struct vcpu *vcpu, const struct kvm_regs *regs,
		      const struct kvm_sregs *sregs)
{
	u64 rip = sregs->cs.base + regs->rip;
	u8 byte;
	int i;

	if (!sregs->cs.l)
		rip = (u32)rip;
	fprintf(stderr, "  instruction bytes at %016llx:", (ull)rip);
	for (i = 0; i < INSN_BYTES && read_linear(vcpu, sregs, rip + i, &byte); i++)
		fprintf(stderr, " %02x", byte);
	fputs(i ? "\n" : " not mapped\n", stderr);
}

static void dump_state(struct vcpu *vcpu)
{
	struct kvm_sregs sregs;
	struct kvm_regs regs;

	if (ioctl(vcpu->fd, KVM_GET_REGS, &regs) < 0 ||
	    ioctl(vcpu->fd, KVM_GET_SREGS, &sregs) < 0) {
		fprintf(stderr, "  registers of vCPU %u: not to be had\n", vcpu->index);
		return;
	}
	dump_regs(&regs);
	dump_insn(vcpu, &regs, &sregs);
	dump_sregs(&sregs);
}

void dump_crash(struct vcpu *vcpu)
{
	dump_reason(vcpu);
	dump_state(vcpu);
}

void dump_registers(struct vcpu *vcpu)
{
	fprintf(stderr, "umbra-vmm: registers of vCPU %u:\n", vcpu->index);
	dump_state(vcpu);
}
