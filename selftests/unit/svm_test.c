// SPDX-License-Identifier: GPL-2.0-only
/* The AMD-V backend on a fake processor. */
#define TAP_MAIN
#include "tap.h"
#include "physical.h"
#include "request.h"
#include "state.h"
#include "svm_machine.h"

#define NR_VCPUS	3
#define NR_TAGS		3

static const struct vendor_ops *ops;
static struct vm vm;
static struct vcpu vcpus[NR_VCPUS];
static struct exit last;

static void enable(void *unused)
{
	CHECK(!ops->cpu_enable());
}

static void disable(void *unused)
{
	ops->cpu_disable();
}

static void make_vcpu(struct vcpu *v)
{
	v->vm = &vm;
	v->mode.cr0 = X86_CR0_PE | X86_CR0_PG;
	v->mmu.root_level = 4;
	v->mmu.root_hpa = 0x1000;
	CHECK(!ops->vcpu_create(v));
	ops->vcpu_reset(v);
}

static void start(bool flush_by_asid)
{
	int i;

	mach_start();
	for (i = 0; i < SHIM_CPUS; i++)
		mach.cpuid_svm[i].features = flush_by_asid ? BIT(6) : 0;
	CHECK(!svm_probe(&ops));
	CHECK_EQ(svm_caps.flush_by_asid, flush_by_asid);
	on_each_cpu(enable, NULL, 1);
	for (i = 0; i < NR_VCPUS; i++)
		make_vcpu(&vcpus[i]);
}

static void stop(void)
{
	int i;

	for (i = 0; i < NR_VCPUS; i++)
		ops->vcpu_destroy(&vcpus[i]);
	on_each_cpu(disable, NULL, 1);
	svm_unload();
	CHECK_EQ(mach_blocks(), 0);
}

/* Each page of each address space maps what is written here; never 0. */
static u64 mapped[NR_VCPUS][NR_TAGS][MACH_PAGES];

static u64 *mapping(struct vcpu *v)
{
	return &mapped[v - vcpus][v->mmu.root_tag][mach.page];
}

static u8 enter_as(struct vcpu *v, enum mach_entry how)
{
	mach.next = how;
	mach.memory = *mapping(v);
	ops->enter(v, &last);
	return last.kind;
}

/* The guest touches the page, and sees what is mapped there now. */
static void touch(struct vcpu *v)
{
	CHECK_EQ(enter_as(v, MACH_RUN), EXIT_HOST_IRQ);
	CHECK_EQ(mach.seen, *mapping(v));
}

static void fill_mappings(void)
{
	unsigned int i;

	for (i = 0; i < sizeof(mapped) / 8; i++)
		((u64 *)mapped)[i] = i + 1;
}

static const enum mach_entry failures[] = { MACH_INVALID, MACH_FAULT };

/* The flush that a failed entry asked for is asked for again. */
static void flush_survives(bool flush_by_asid, enum mach_entry how)
{
	struct vcpu *v = &vcpus[0];

	start(flush_by_asid);
	fill_mappings();
	touch(v);
	*mapping(v) = 100;
	vcpu_flush_tlb(v);
	CHECK_EQ(enter_as(v, how), EXIT_FAIL_ENTRY);
	touch(v);
	stop();
}

TEST(flush_survives_a_failed_entry)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(failures); i++) {
		flush_survives(true, failures[i]);
		flush_survives(false, failures[i]);
	}
}

/* ... and that of the vCPU's other address spaces */
TEST(flush_of_another_root_survives_a_failed_entry)
{
	struct vcpu *v = &vcpus[0];

	start(true);
	fill_mappings();
	touch(v);
	v->mmu.root_tag = 1;
	touch(v);
	mapped[0][0][0] = 100;
	mapped[0][1][0] = 101;
	vcpu_flush_tlb(v);
	CHECK_EQ(enter_as(v, MACH_INVALID), EXIT_FAIL_ENTRY);
	v->mmu.root_tag = 0;
	CHECK_EQ(enter_as(v, MACH_INVALID), EXIT_FAIL_ENTRY);
	touch(v);
	v->mmu.root_tag = 1;
	touch(v);
	stop();
}

/* The flush of all ASIDs is for all vCPUs: who asks and fails leaves it to the next. */
TEST(new_generation_survives_a_failed_entry)
{
	unsigned int i, n;

	for (n = 0; n < ARRAY_SIZE(failures); n++) {
		start(false);
		fill_mappings();
		for (i = 0; i < MACH_ASIDS * 3; i++) {
			touch(&vcpus[1]);
			++*mapping(&vcpus[0]);
			vcpu_flush_tlb(&vcpus[0]);
			if (svm_cpu.asid_next >= svm_caps.nr_asids)
				CHECK_EQ(enter_as(&vcpus[0], failures[n]), EXIT_FAIL_ENTRY);
			*mapping(&vcpus[2]) += 1000;
			vcpu_flush_tlb(&vcpus[2]);
			touch(&vcpus[2]);
			touch(&vcpus[0]);
		}
		stop();
	}
}

/* The entry that is refused before VMRUN has taken nothing either. */
TEST(flush_survives_while_the_processor_is_off)
{
	struct vcpu *v = &vcpus[0];
	unsigned int runs;

	start(true);
	fill_mappings();
	touch(v);
	*mapping(v) = 100;
	vcpu_flush_tlb(v);
	ops->cpu_disable();
	runs = mach.vmruns;
	CHECK_EQ(enter_as(v, MACH_RUN), EXIT_FAIL_ENTRY);
	CHECK_EQ(last.hw_reason, VMEXIT_INVALID);
	CHECK_EQ(mach.vmruns, runs);
	CHECK(!ops->cpu_enable());
	touch(v);
	stop();
}

/* AMD-V goes off between the look at svm_cpu.enabled and INVLPGA: reboot, crash. */
TEST(invlpga_without_svme_is_survived)
{
	struct vcpu *v = &vcpus[0];

	start(true);
	fill_mappings();
	touch(v);
	*mapping(v) = 100;
	mach.efer[0] &= ~(u64)EFER_SVME;
	ops->flush_gva(v, 0);
	CHECK_EQ(mach.invlpgas, 0);
	mach.efer[0] |= EFER_SVME;
	touch(v);
	*mapping(v) = 101;
	ops->flush_gva(v, 0);
	CHECK_EQ(mach.invlpgas, 1);
	touch(v);
	mach.efer[0] &= ~(u64)EFER_SVME;
	stop();
}

TEST(failed_entry_changes_nothing_and_loses_no_event)
{
	const struct event irq = { .type = EVENT_IRQ, .vector = 0x33 };
	struct vcpu *v = &vcpus[0];
	struct vcpu_regs regs;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(failures); i++) {
		start(true);
		fill_mappings();
		touch(v);
		v->regs.gpr[GPR_RAX] = 0x1234;
		regs = v->regs;
		ops->inject(v, &irq);
		CHECK_EQ(enter_as(v, failures[i]), EXIT_FAIL_ENTRY);
		CHECK_EQ(last.hw_reason, VMEXIT_INVALID);
		CHECK(!memcmp(&regs, &v->regs, sizeof(regs)));
		CHECK_EQ(last.delivering.type, EVENT_IRQ);
		CHECK_EQ(last.delivering.vector, 0x33);
		CHECK_EQ(to_svm(v)->vmcb->control.event_inj, 0);
		CHECK_EQ(to_svm(v)->vmcb->control.clean, 0);
		touch(v);
		CHECK_EQ(last.delivering.type, EVENT_NONE);
		stop();
	}
}

static u32 seed;

static u32 pick(u32 n)
{
	seed = seed * 1664525 + 1013904223;
	return (seed >> 8) % n;
}

static void change(struct vcpu *v)
{
	*mapping(v) += 1000;
	if (pick(2))
		ops->flush_gva(v, (gva_t)mach.page << 12);
	else
		vcpu_flush_tlb(v);
}

static void any_step(void)
{
	struct vcpu *v = &vcpus[pick(NR_VCPUS)];

	v->mmu.root_tag = pick(NR_TAGS);
	mach.page = pick(MACH_PAGES);
	switch (pick(8)) {
	case 0:
		shim_set_cpu(pick(SHIM_CPUS));
		break;
	case 1:
	case 2:
		change(v);
		break;
	case 3:
		enter_as(v, failures[pick(2)]);
		CHECK_EQ(last.kind, EXIT_FAIL_ENTRY);
		break;
	case 4:
		if (pick(8))
			break;
		ops->cpu_disable();
		CHECK_EQ(enter_as(v, MACH_RUN), EXIT_FAIL_ENTRY);
		CHECK(!ops->cpu_enable());
		break;
	default:
		touch(v);
	}
}

/* Nobody ever sees what was mapped before a flush, whatever fails in between. */
TEST(no_stale_translation_in_any_order)
{
	unsigned int i, n;

	for (n = 0; n < 64; n++) {
		seed = n;
		start(n & 1);
		fill_mappings();
		for (i = 0; i < 2000; i++)
			any_step();
		stop();
	}
}

/* SME, and hosts that are confidential guests: tables of ours would be read as ciphertext. */
TEST(encrypted_memory_is_refused)
{
	mach_start();
	CHECK_EQ(physical_check(), 0);
	CHECK_EQ(shim_log[0], 0);
	mach.encrypted = true;
	CHECK_EQ(physical_check(), -EOPNOTSUPP);
	CHECK(strstr(shim_log, "encrypted"));
}

/* What the page walker reserves, not what the kernel keeps for itself. */
TEST(physical_bits_are_the_processor_s)
{
	static const struct { u32 max, sizes, sme[2]; unsigned int bits; } hosts[] = {
		{ 0x80000004, 0, { 0, 0 }, 36 },
		{ 0x80000008, 0x3024, { 0, 0 }, 36 },
		{ 0x80000008, 0x302e, { 0, 0 }, 46 },
		/* 46 for the kernel: the other six are KeyIDs of TME */
		{ 0x80000008, 0x3934, { 0, 0 }, 52 },
		{ 0x80000008, 0x3930, { 0x1, 51 }, 48 },	/* no such leaf */
		/* SME: C-bit 47, or 51; EBX[11:6] is what the kernel subtracts */
		{ 0x8000001f, 0x3030, { 0x1, 47 | 5 << 6 }, 48 },
		{ 0x8000001f, 0x3930, { 0xf, 51 | 5 << 6 }, 52 },
		{ 0x8000001f, 0x3930, { 0x0, 51 | 5 << 6 }, 48 },
		{ 0x8000001f, 0x3934, { 0xf, 51 | 6 << 6 }, 52 },
	};
	unsigned int i;

	mach_start();
	for (i = 0; i < ARRAY_SIZE(hosts); i++) {
		mach.max_leaf = hosts[i].max;
		mach.sizes = hosts[i].sizes;
		memcpy(mach.sme, hosts[i].sme, sizeof(mach.sme));
		CHECK_EQ(physical_bits(), hosts[i].bits);
	}
}

/* The processor has scribbled over the whole VMCB; nothing of that is there after a reset. */
TEST(shutdown_leaves_nothing_of_the_vmcb)
{
	struct vcpu *v = &vcpus[0];
	static struct vmcb fresh;

	start(true);
	fill_mappings();
	v->tsc.offset = 0x123456789;
	ops->vcpu_reset(v);
	fresh = *to_svm(v)->vmcb;
	touch(v);
	CHECK_EQ(enter_as(v, MACH_SHUTDOWN), EXIT_SHUTDOWN);
	CHECK(last.state_lost);
	CHECK_EQ(last.delivering.type, EVENT_NONE);
	ops->vcpu_reset(v);
	CHECK(!memcmp(&fresh, to_svm(v)->vmcb, sizeof(fresh)));
	*mapping(v) = 100;
	touch(v);
	stop();
}

/* What all processors have is used. */
TEST(capabilities_of_all_processors)
{
	mach_start();
	mach.cpuid_svm[0].features = BIT(3) | BIT(6) | BIT(7);
	mach.cpuid_svm[1].features = BIT(3) | BIT(6);
	mach.cpuid_svm[2].features = BIT(6) | BIT(7);
	mach.cpuid_svm[3].features = BIT(3) | BIT(6) | BIT(7);
	mach.cpuid_svm[3].nr_asids = 8;
	CHECK(!svm_probe(&ops));
	CHECK_EQ(svm_caps.nr_asids, 8);
	CHECK(svm_caps.flush_by_asid && !svm_caps.nrips && !svm_caps.decode_assists);
	on_each_cpu(enable, NULL, 1);
	on_each_cpu(disable, NULL, 1);
	svm_unload();
}

TEST(processor_without_amd_v_among_others)
{
	mach_start();
	mach.cpuid_svm[2].nr_asids = 0;
	CHECK_EQ(svm_probe(&ops), -EOPNOTSUPP);
	CHECK(shim_log[0]);
	mach_start();
	mach.vm_cr[1] = BIT(4);
	CHECK_EQ(svm_probe(&ops), -EOPNOTSUPP);
	CHECK(strstr(shim_log, "firmware"));
}

/* CPU 3 comes back by hotplug as another. */
static void replaced(u32 nr_asids, u32 features, u64 vm_cr, int err)
{
	mach.cpuid_svm[3].nr_asids = nr_asids;
	mach.cpuid_svm[3].features = features;
	mach.vm_cr[3] = vm_cr;
	CHECK_EQ(ops->cpu_enable(), err);
	CHECK_EQ(!!(mach.efer[3] & EFER_SVME), !err);
	CHECK_EQ(svm_cpu.enabled, !err);
	ops->cpu_disable();
}

TEST(processor_with_less_is_refused)
{
	start(true);
	shim_set_cpu(3);
	ops->cpu_disable();
	replaced(MACH_ASIDS, BIT(6), 0, 0);
	replaced(MACH_ASIDS + 1, BIT(6) | BIT(3), 0, 0);
	replaced(MACH_ASIDS, BIT(3), 0, -EOPNOTSUPP);
	replaced(MACH_ASIDS - 1, BIT(6), 0, -EOPNOTSUPP);
	replaced(0, 0, 0, -EOPNOTSUPP);
	replaced(MACH_ASIDS, BIT(6), BIT(4), -EOPNOTSUPP);
	mach.vm_cr[3] = 0;
	CHECK_EQ(enter_as(&vcpus[0], MACH_RUN), EXIT_FAIL_ENTRY);
	stop();
}

static bool first_of_2m(const void *p)
{
	return !((unsigned long)p & ((2ul << 20) - 1));
}

/* The fake kernel hands out nothing but the first pages of 2 MiB. */
TEST(pages_in_use_are_never_the_first_of_2m)
{
	int cpu;

	start(true);
	for_each_possible_cpu(cpu) {
		struct svm_cpu *c = per_cpu_ptr(&svm_cpu, cpu);

		CHECK(c->hsave && !first_of_2m(c->hsave));
		CHECK(c->host_area && !first_of_2m(c->host_area));
	}
	CHECK(!first_of_2m(to_svm(&vcpus[0])->vmcb));
	fill_mappings();
	touch(&vcpus[0]);
	stop();
}

/* ---- clean bits ---- */

static void any_mode(struct vcpu *v)
{
	v->mode.cr0 = X86_CR0_PE | (pick(2) ? X86_CR0_PG : 0) | (pick(2) ? X86_CR0_WP : 0) |
		      (pick(2) ? X86_CR0_TS : 0);
	v->mode.cr4 = pick(2) ? X86_CR4_PGE | X86_CR4_OSFXSR : X86_CR4_OSFXSR;
	v->mode.efer = pick(2) ? EFER_LMA | EFER_LME : 0;
	v->debug.dr7 = pick(2) ? 0x401 : 0x400;
	ops->update_mode(v);
}

static void any_segment(struct vcpu *v)
{
	const struct kvm_segment seg = { .base = pick(1 << 20), .limit = 0xffff, .present = 1,
					 .s = 1, .type = 3, .dpl = pick(4) };

	ops->set_segment(v, pick(8), &seg);
}

static void any_event(struct vcpu *v)
{
	const struct event event = { .type = pick(4), .vector = pick(32) };

	ops->inject(v, &event);
	v->events.nmi_masked = pick(2);
	ops->open_windows(v, pick(2), pick(2));
	ops->set_shadow(v, pick(2));
}

/* What the common code and user space change between two entries. */
static void any_change(struct vcpu *v)
{
	const struct kvm_dtable dt = { .base = pick(1 << 20), .limit = pick(1 << 16) };

	switch (pick(10)) {
	case 0: any_mode(v); break;
	case 1: any_segment(v); break;
	case 2: any_event(v); break;
	case 3: ops->set_dt(v, pick(2), &dt); break;
	case 4:
		v->tsc.offset = pick(1 << 20);
		ops->update_tsc(v);
		break;
	case 5: v->mode.cr2 = pick(1 << 20); break;
	case 6: v->mode.cr8 = pick(16); break;
	case 7:
		v->cpuid.rdtscp = pick(2);
		v->cpuid.invpcid = pick(2);
		ops->update_cpuid(v);
		break;
	case 8:
		v->mmu.root_hpa = (pick(16) + 1) << 12;
		v->mmu.root_level = 4 + pick(2);
		break;
	case 9:
		if (!pick(8))
			ops->vcpu_reset(v);
		break;
	}
}

/* The fake processor remembers what it was told to be clean, and compares. */
TEST(clean_bits_tell_the_truth)
{
	unsigned int i, n;

	for (n = 0; n < 64; n++) {
		seed = n + 1000;
		start(n & 1);
		fill_mappings();
		for (i = 0; i < 2000; i++) {
			any_change(&vcpus[pick(NR_VCPUS)]);
			any_step();
		}
		stop();
	}
}

static void enter_and_leave(struct vcpu *v, u64 outside, u64 inside)
{
	CHECK(!fpu_module_init());
	CHECK(!fpu_create(v));
	fpu_enter(v);
	CHECK(mach.kernel_fpu);
	CHECK_EQ(mach.msr_xss, inside);
	fpu_leave(v);
	CHECK(!mach.kernel_fpu);
	CHECK_EQ(mach.msr_xss, outside);
	fpu_destroy(v);
}

/* XSAVES in an AMD guest neither sees nor loads CET state of the VMM's thread. */
TEST(xss_is_0_in_the_guest)
{
	u64 cet_user = BIT(11);

	mach_start();
	mach.msr_xss = cet_user;
	CHECK(!svm_probe(&ops));
	enter_and_leave(&vcpus[0], cet_user, 0);
	svm_unload();
}

TEST(xss_is_left_alone_where_it_is_0)
{
	mach_start();
	CHECK(!svm_probe(&ops));
	enter_and_leave(&vcpus[0], 0, 0);
	CHECK_EQ(mach.msr_xss_writes, 0);
	svm_unload();
}

/* Where XSAVES is #UD in guests, as on VT-x, the two writes are saved. */
TEST(xss_stays_where_guests_have_no_xsaves)
{
	u64 cet_user = BIT(11);

	mach_start();
	mach.msr_xss = cet_user;
	enter_and_leave(&vcpus[0], cet_user, cet_user);
}

int main(int argc, char **argv)
{
	return tap_main(argc, argv);
}

/* ---- errata ---- */

/* AMD's BP_CFG, as it is before and while there are VMs. */
static void with_bp_cfg(u64 features, u64 before, u64 then)
{
	int i;

	start(true);
	on_each_cpu(disable, NULL, 1);
	mach.features |= features;
	for (i = 0; i < SHIM_CPUS; i++)
		mach.bp_cfg[i] = before;
	on_each_cpu(enable, NULL, 1);
	for (i = 0; i < SHIM_CPUS; i++)
		CHECK_EQ(mach.bp_cfg[i], then);
	/* One goes and comes back. */
	shim_set_cpu(2);
	ops->cpu_disable();
	CHECK_EQ(mach.bp_cfg[2], before);
	CHECK(!ops->cpu_enable());
	CHECK_EQ(mach.bp_cfg[2], then);
	stop();
	for (i = 0; i < SHIM_CPUS; i++)
		CHECK_EQ(mach.bp_cfg[i], before);
}

TEST(srso_is_mitigated_while_there_are_vms)
{
	with_bp_cfg(BIT(X86_FEATURE_SRSO_BP_SPEC_REDUCE), BIT(33), BIT(33) | BIT(4));
	with_bp_cfg(0, BIT(33), BIT(33));
}

TEST(srso_that_cannot_be_mitigated_is_told)
{
	start(true);
	on_each_cpu(disable, NULL, 1);
	mach.features |= BIT(X86_FEATURE_SRSO_BP_SPEC_REDUCE);
	mach.no_bp_cfg = true;
	on_each_cpu(enable, NULL, 1);
	CHECK(strstr(shim_log, "SRSO"));
	stop();
}

#define STATUS_383	0xb600000000010015ull

static void machine_check(struct vcpu *v, u64 status, bool ours)
{
	unsigned int flushes = mach.host_flushes;

	shim_set_cpu(0);
	v->requests = 0;
	mach.mc_status[0] = status;
	mach.mcg_status[0] = 7;
	enter_as(v, MACH_CHECK);
	ops->exit_irq(v, &last);
	CHECK_EQ(mach.mc_status[0], ours ? 0 : status);
	CHECK_EQ(mach.mcg_status[0], ours ? 3 : 7);
	CHECK_EQ(v->requests, ours ? BIT(REQ_TRIPLE_FAULT) : 0);
	CHECK_EQ(mach.host_flushes, flushes + (ours ? 2 : 0));
}

TEST(erratum_383_ends_the_guest_alone)
{
	start(true);
	machine_check(&vcpus[0], STATUS_383, false);
	CHECK_EQ(mach.dc_cfg[0], 0);
	on_each_cpu(disable, NULL, 1);
	mach.features |= BIT(X86_BUG_AMD_TLB_MMATCH);
	on_each_cpu(enable, NULL, 1);
	CHECK_EQ(mach.dc_cfg[1], BIT(47));
	machine_check(&vcpus[0], STATUS_383, true);
	machine_check(&vcpus[0], STATUS_383 | BIT(62), true);
	machine_check(&vcpus[0], STATUS_383 ^ BIT(4), false);
	stop();
}

/* ---- parameter check_entry ---- */

/* CR3 beyond the processor's addresses. */
static u8 enter_broken(struct vcpu *v)
{
	touch(v);
	v->mmu.root_hpa = 1ull << 48;
	enter_as(v, MACH_RUN);
	v->mmu.root_hpa = 0x1000;
	return last.kind;
}

TEST(broken_rule_is_not_entered_where_that_is_asked_for)
{
	unsigned int runs;

	start(true);
	fill_mappings();
	CHECK(enter_broken(&vcpus[0]) != EXIT_FAIL_ENTRY);
	check_entry_on = true;
	runs = mach.vmruns;
	shim_log[0] = 0;
	CHECK_EQ(enter_broken(&vcpus[0]), EXIT_FAIL_ENTRY);
	CHECK_EQ((u32)last.hw_reason, VMEXIT_INVALID);
	CHECK_EQ(mach.vmruns, runs + 1);
	CHECK(shim_log[0]);
	*mapping(&vcpus[0]) = 100;
	vcpu_flush_tlb(&vcpus[0]);
	touch(&vcpus[0]);
	stop();
}
