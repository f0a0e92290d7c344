// SPDX-License-Identifier: GPL-2.0-only
/* What a vCPU is (CPUID) and how it starts (registers). */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>

#include "vmm.h"

#define MAX_CPUID_ENTRIES	1024
#define TOPOLOGY_LEVELS		3	/* threads, cores, the end */
#define TOPOLOGY_LEAVES		(2 * TOPOLOGY_LEVELS)

#define CR0_PE		(1ULL << 0)
#define CR0_ET		(1ULL << 4)
#define CR0_NE		(1ULL << 5)
#define CR0_PG		(1ULL << 31)
#define CR4_PAE		(1ULL << 5)
#define EFER_LME	(1ULL << 8)
#define EFER_LMA	(1ULL << 10)
#define APIC_BASE_ENABLE	(1ULL << 11)

#define KVM_CPUID_FEATURES	0x40000001
#define KVM_FEATURE_CLOCKS	(1U << 0 | 1U << 3)

#define XCR0_X87_SSE_AVX	0x7

#define CODE_SELECTOR	0x10
#define DATA_SELECTOR	0x18
#define TSS_SELECTOR	0x20
#define TYPE_CODE	0x0b
#define TYPE_DATA	0x03
#define TYPE_BUSY_TSS	0x0b
#define GDT_ADDR	0x500

#define REAL_STACK	0xfff0
#define REAL_STACK_SIZE	0x400

static struct kvm_cpuid2 *supported_cpuid(struct machine *m)
{
	const size_t size = sizeof(struct kvm_cpuid_entry2);
	struct kvm_cpuid2 *cpuid;
	unsigned int nent;

	for (nent = 64; nent <= MAX_CPUID_ENTRIES; nent *= 2) {
		cpuid = calloc(1, sizeof(*cpuid) + (nent + TOPOLOGY_LEAVES) * size);
		if (!cpuid)
			die_errno("cannot allocate memory for CPUID");
		cpuid->nent = nent;
		if (!ioctl(m->sys_fd, KVM_GET_SUPPORTED_CPUID, cpuid))
			return cpuid;
		free(cpuid);
		if (errno != E2BIG)
			break;
	}
	die_errno("KVM_GET_SUPPORTED_CPUID failed");
}

/* Leaves of APIC ids, which add_topology() writes, and without an irqchip a paravirtual host's. */
static bool is_dropped(const struct machine *m, u32 function)
{
	return function == 0x0b || function == 0x1f ||
	       (!m->irqchip && function >= 0x40000000 && function < 0x50000000);
}

static void fix_apic(struct kvm_cpuid_entry2 *e, const struct machine *m)
{
	bool deadline = m->irqchip &&
			ioctl(m->sys_fd, KVM_CHECK_EXTENSION, KVM_CAP_TSC_DEADLINE_TIMER) > 0;

	e->ecx = deadline ? e->ecx | 1U << 24 : e->ecx & ~(1U << 24);
	if (m->irqchip)
		return;
	e->ecx &= ~(1U << 21);					/* x2APIC */
	e->edx &= ~(1U << 9);					/* APIC */
}

static void fix_leaf_1(struct kvm_cpuid_entry2 *e, const struct vcpu *vcpu)
{
	u32 cpus = vcpu->m->opt.cpus;

	e->ebx = (e->ebx & 0xffff) | cpus << 16 | vcpu->index << 24;
	e->ecx &= ~(1U << 3 | 1U << 5);				/* MONITOR VMX */
	e->ecx |= 1U << 31;					/* a hypervisor */
	fix_apic(e, vcpu->m);
	e->edx = cpus > 1 ? e->edx | 1U << 28 : e->edx & ~(1U << 28);
}

/* Every vCPU is a core of its own in one package. */
static void fix_entry(struct kvm_cpuid_entry2 *e, const struct vcpu *vcpu)
{
	u32 cpus = vcpu->m->opt.cpus;

	switch (e->function) {
	case 1:
		fix_leaf_1(e, vcpu);
		break;
	case 4:
		e->eax &= 0x3fff;
		if (e->eax)
			e->eax |= (cpus - 1) << 26;
		break;
	case 0x80000001:
		e->ecx &= ~(1U << 2 | 1U << 3);			/* SVM, extended APIC space */
		if (!vcpu->m->irqchip)
			e->edx &= ~(1U << 9);
		e->ecx = cpus > 1 ? e->ecx | 1U << 1 : e->ecx & ~(1U << 1);
		break;
	case 0x80000008:
		e->ecx = cpus - 1;
		break;
	case 0x8000000a:
		e->eax = e->ebx = e->ecx = e->edx = 0;
		break;
	case 0x8000001d:
		e->eax &= 0x3fff;
		break;
	case 0x8000001e:
		e->eax = vcpu->index;
		e->ebx = vcpu->index & 0xff;
		e->ecx = 0;
		break;
	}
}

/* Does the guest learn the TSC's frequency from the kernel's clock? */
bool cpu_has_kvmclock(struct machine *m)
{
	struct kvm_cpuid2 *cpuid = supported_cpuid(m);
	bool has = false;
	u32 i;

	for (i = 0; i < cpuid->nent; i++)
		if (cpuid->entries[i].function == KVM_CPUID_FEATURES)
			has = cpuid->entries[i].eax & KVM_FEATURE_CLOCKS;
	free(cpuid);
	return has;
}

static unsigned int id_bits(u32 cpus)
{
	return cpus > 1 ? 32 - __builtin_clz(cpus - 1) : 0;
}

/* Room for these is in what supported_cpuid() returns. */
static void add_topology(struct kvm_cpuid2 *cpuid, const struct vcpu *vcpu)
{
	u32 cpus = vcpu->m->opt.cpus, max = 0, leaf, i;

	for (i = 0; i < cpuid->nent; i++)
		if (!cpuid->entries[i].function)
			max = cpuid->entries[i].eax;
	if (!vcpu->m->irqchip)
		return;
	for (leaf = 0x0b; leaf <= 0x1f && leaf <= max; leaf += 0x1f - 0x0b) {
		for (i = 0; i < TOPOLOGY_LEVELS; i++)
			cpuid->entries[cpuid->nent++] = (struct kvm_cpuid_entry2) {
				.function = leaf, .index = i,
				.flags = KVM_CPUID_FLAG_SIGNIFCANT_INDEX,
				.eax = i == 1 ? id_bits(cpus) : 0,
				.ebx = i == 0 ? 1 : i == 1 ? cpus : 0,
				.ecx = i < 2 ? (i + 1) << 8 | i : i,
				.edx = vcpu->index,
			};
	}
}

/*
 * XCR0 as Linux will set it. A hypervisor that itself runs where XSETBV is not intercepted (QEMU's
 * TCG) does not see the guest set it, and goes on saving and reporting by the value of reset.
 */
static void enable_xcr0(struct vcpu *vcpu, const struct kvm_cpuid2 *cpuid)
{
	struct kvm_xcrs xcrs = { .nr_xcrs = 1 };
	u32 i;

	for (i = 0; i < cpuid->nent; i++) {
		const struct kvm_cpuid_entry2 *e = &cpuid->entries[i];

		if (e->function == 0x0d && e->index == 0)
			xcrs.xcrs[0].value = e->eax & XCR0_X87_SSE_AVX;
	}
	if (!xcrs.xcrs[0].value)
		return;
	if (ioctl(vcpu->fd, KVM_SET_XCRS, &xcrs) < 0 && errno != ENOTTY)
		die_errno("KVM_SET_XCRS failed on vCPU %u", vcpu->index);
}

void cpu_set_cpuid(struct vcpu *vcpu)
{
	struct kvm_cpuid2 *cpuid = supported_cpuid(vcpu->m);
	u32 i, nent = 0;

	for (i = 0; i < cpuid->nent; i++) {
		if (is_dropped(vcpu->m, cpuid->entries[i].function))
			continue;
		cpuid->entries[nent] = cpuid->entries[i];
		fix_entry(&cpuid->entries[nent++], vcpu);
	}
	cpuid->nent = nent;
	add_topology(cpuid, vcpu);
	if (ioctl(vcpu->fd, KVM_SET_CPUID2, cpuid) < 0)
		die_errno("KVM_SET_CPUID2 failed on vCPU %u", vcpu->index);
	enable_xcr0(vcpu, cpuid);
	free(cpuid);
}

static struct kvm_segment flat_segment(u16 selector, u8 type, bool long_mode)
{
	return (struct kvm_segment) {
		.selector = selector, .type = type, .limit = 0xffffffff,
		.present = 1, .s = 1, .g = 1, .db = !long_mode, .l = long_mode,
	};
}

static struct kvm_segment real_segment(u16 selector, u8 type)
{
	return (struct kvm_segment) {
		.selector = selector, .base = (u64)selector << 4, .limit = 0xffff,
		.type = type, .present = 1, .s = 1,
	};
}

static void set_data_segments(struct kvm_sregs *sregs, const struct kvm_segment *data)
{
	sregs->ds = *data;
	sregs->es = *data;
	sregs->fs = *data;
	sregs->gs = *data;
	sregs->ss = *data;
}

static void start_real(struct kvm_sregs *sregs, u16 seg)
{
	struct kvm_segment data = real_segment(seg, TYPE_DATA);

	sregs->cs = real_segment(seg, TYPE_CODE);
	set_data_segments(sregs, &data);
}

/* What the segment registers hold, for code that loads them anew. */
static void write_gdt(struct machine *m, bool long_mode)
{
	u64 *gdt = guest_ptr(m, GDT_ADDR, 4 * sizeof(*gdt));

	gdt[0] = 0;
	gdt[1] = 0;
	gdt[CODE_SELECTOR / 8] = long_mode ? 0x00af9b000000ffffULL : 0x00cf9b000000ffffULL;
	gdt[DATA_SELECTOR / 8] = 0x00cf93000000ffffULL;
}

static void start_protected(struct machine *m, struct kvm_sregs *sregs, bool long_mode)
{
	struct kvm_segment data = flat_segment(DATA_SELECTOR, TYPE_DATA, false);

	write_gdt(m, long_mode);
	sregs->gdt.base = GDT_ADDR;
	sregs->gdt.limit = 4 * 8 - 1;
	sregs->cs = flat_segment(CODE_SELECTOR, TYPE_CODE, long_mode);
	set_data_segments(sregs, &data);
	sregs->tr = (struct kvm_segment) {
		.selector = TSS_SELECTOR, .type = TYPE_BUSY_TSS, .limit = 0x67, .present = 1,
	};
	sregs->cr0 = CR0_PE | CR0_ET | CR0_NE;
	if (!long_mode)
		return;
	sregs->cr0 |= CR0_PG;
	sregs->cr3 = m->start.cr3;
	sregs->cr4 |= CR4_PAE;
	sregs->efer |= EFER_LME | EFER_LMA;
}

static void set_sregs(struct vcpu *vcpu)
{
	struct machine *m = vcpu->m;
	struct kvm_sregs sregs;

	if (ioctl(vcpu->fd, KVM_GET_SREGS, &sregs) < 0)
		die_errno("KVM_GET_SREGS failed on vCPU %u", vcpu->index);
	/* Without an in-kernel APIC this bit alone decides what CPUID says of one. */
	if (!m->irqchip)
		sregs.apic_base &= ~APIC_BASE_ENABLE;
	if (m->start.mode == START_REAL)
		start_real(&sregs, m->start.seg);
	else
		start_protected(m, &sregs, m->start.mode == START_LONG64);
	if (ioctl(vcpu->fd, KVM_SET_SREGS, &sregs) < 0)
		die_errno("KVM_SET_SREGS failed on vCPU %u", vcpu->index);
}

static void set_regs(struct vcpu *vcpu)
{
	const struct start *s = &vcpu->m->start;
	struct kvm_regs regs = {
		.rip = s->rip, .rax = s->rax, .rbx = s->rbx, .rsi = s->rsi, .rsp = s->rsp,
		.rflags = 2,
	};

	if (s->all_vcpus) {
		regs.rdi = vcpu->index;
		regs.rsi = vcpu->m->nr_vcpus;
	}
	if (s->mode == START_REAL)
		regs.rsp = REAL_STACK - vcpu->index * REAL_STACK_SIZE;
	if (ioctl(vcpu->fd, KVM_SET_REGS, &regs) < 0)
		die_errno("KVM_SET_REGS failed on vCPU %u", vcpu->index);
}

/* Where the kernel has APICs, all but the first wait for INIT and SIPI. */
void cpu_set_start_state(struct vcpu *vcpu)
{
	if (vcpu->m->irqchip && vcpu->index)
		return;
	set_sregs(vcpu);
	set_regs(vcpu);
}
