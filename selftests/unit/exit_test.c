// SPDX-License-Identifier: GPL-2.0-only
/*
 * Handlers of exits on a fake vCPU. One that answers WAIT has changed nothing; each exit is counted
 * once; what the processor has not decoded is decoded as it should be, in every mode.
 */
#define TAP_MAIN
#include "tap.h"

#include "exit.h"
#include "exit_machine.h"
#include "insn.h"
#include "mode.h"
#include "vm.h"

#define RIP		0x1000ull

static struct vcpu before;
static struct vm vm;
static struct emulate_ctxt emulator;
static u64 run_page[1024];

static void start(enum insn_mode mode)
{
	memset(&v, 0, sizeof(v));
	memset(run_page, 0, sizeof(run_page));
	v.vm = &vm;
	v.run = (struct kvm_run *)run_page;
	v.emul = &emulator;
	v.regs.rip = RIP;
	v.regs.rflags = 2;
	v.cpuid.maxphyaddr = 40;
	v.mode.cr0 = mode == INSN_REAL16 ? 0 : X86_CR0_PE | X86_CR0_PG;
	if (mode != INSN_REAL16)
		v.mode.cr4 = X86_CR4_PAE;
	v.mode.efer = mode == INSN_LONG64 ? EFER_LME | EFER_LMA : 0;
	cs_l = mode == INSN_LONG64;
	cs_db = mode == INSN_PROT32;
	code = NULL;
	verdict = MMU_FIXED;
	to_table = refuse = false;
	faults = emulated = unprotects = 0;
	no_memory = false;
	v.mmu.root_uses = 1;
	invalidated = 0;
	written = 0;
}

static void put(const char *bytes, unsigned int n)
{
	code = (const u8 *)bytes;
	code_bytes = n;
}

static struct exit exit_of(enum exit_kind kind)
{
	return (struct exit){ .kind = kind, .long_mode = v.mode.efer & EFER_LMA };
}

/* As run.c does it. */
static enum handled act(struct exit *exit)
{
	enum handled r = exit_handle_atomic(&v, exit);

	return r == WAIT ? exit_handle(&v, exit) : r;
}

/* What a handler may remember of memory while it answers WAIT. */
static void forget(struct vcpu *vcpu)
{
	memset(&vcpu->fault, 0, sizeof(vcpu->fault));
	memset(vcpu->code, 0, sizeof(vcpu->code));
	memset(vcpu->code_here, 0, sizeof(vcpu->code_here));
	vcpu->fault_kept = false;
}

static bool waits_unchanged(struct exit *exit)
{
	u64 page[1024];
	enum handled r;

	memcpy(&before, &v, sizeof(v));
	memcpy(page, run_page, sizeof(page));
	r = exit_handle_atomic(&v, exit);
	CHECK(!v.mmu.atomic && !shim_pagefaults_off);
	if (r != WAIT)
		return false;
	CHECK(!memcmp(page, run_page, sizeof(page)));
	forget(&v);
	forget(&before);
	if (memcmp(&before, &v, sizeof(v)))
		TAP_FAIL("exit %u has changed the vCPU", exit->kind);
	return true;
}

static const enum insn_mode modes[] = { INSN_REAL16, INSN_PROT16, INSN_PROT32, INSN_LONG64 };

#define FOR_ALL_MODES(i) for (i = 0; i < ARRAY_SIZE(modes); i++)

/* Every kind, in every mode, with all that could fail for want of sleep. */
TEST(wait_changes_nothing)
{
	static const u8 crs[] = { 0, 2, 3, 4, 8, 9 };
	unsigned int i, kind, n, known;
	struct exit exit;

	for (n = 0; n < 2 * NR_EXIT_KINDS * ARRAY_SIZE(crs); n++) {
		kind = n / 2 % NR_EXIT_KINDS;
		known = n % 2;
		FOR_ALL_MODES(i) {
			start(modes[i]);
			refuse = true;
			v.regs.gpr[GPR_RAX] = 0x80000001;
			exit = exit_of(kind);
			exit.next_rip = known ? RIP + 3 : 0;
			if (kind == EXIT_CR_WRITE || kind == EXIT_CR_READ)
				exit.cr.cr = crs[n / 2 / NR_EXIT_KINDS];
			waits_unchanged(&exit);
		}
	}
}

/* PAE's CR3 load reads memory: from CR0, CR3 and CR4. */
TEST(control_registers_wait_for_pdptes)
{
	static const struct { u8 cr; u64 value; } list[] = {
		{ 0, X86_CR0_PE | X86_CR0_PG | X86_CR0_CD }, { 3, 0x1000 },
		{ 4, X86_CR4_PAE | X86_CR4_PGE },
	};
	struct exit exit;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(list); i++) {
		start(INSN_PROT32);
		refuse = true;
		v.regs.gpr[GPR_RBX] = list[i].value;
		exit = exit_of(EXIT_CR_WRITE);
		exit.next_rip = RIP + 3;
		exit.cr.cr = list[i].cr;
		exit.cr.gpr = GPR_RBX;
		CHECK(waits_unchanged(&exit));
		CHECK_EQ(exit_handle(&v, &exit), REENTER);
		CHECK_EQ(v.regs.rip, RIP + 3);
		CHECK_EQ(v.stats.exits_cr, 1);
	}
}

/* Those for which the loop is left: not even the code is looked at. */
TEST(outside_the_loop)
{
	static const u8 kinds[] = {
		EXIT_EXCEPTION, EXIT_HOST_IRQ, EXIT_HOST_NMI, EXIT_IRQ_WINDOW, EXIT_NMI_WINDOW,
		EXIT_HLT, EXIT_XSETBV, EXIT_EMULATE, EXIT_FAULT, EXIT_STEPPED,
		EXIT_DELIVER, EXIT_TASK_SWITCH, EXIT_SHUTDOWN, EXIT_FAIL_ENTRY, EXIT_UNKNOWN,
	};
	struct exit exit;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(kinds); i++) {
		start(INSN_LONG64);
		exit = exit_of(kinds[i]);
		exit.next_rip = RIP + 2;
		CHECK(waits_unchanged(&exit));
		CHECK_EQ(exit.kind, kinds[i]);
	}
}

/* A port may be a device's in the kernel; what the emulator has to do waits. */
TEST(ports)
{
	struct exit exit = { .kind = EXIT_IO, .next_rip = RIP + 2,
			     .io = { .port = 0x80, .size = 1, .string = true } };

	start(INSN_LONG64);
	CHECK(waits_unchanged(&exit));
	exit.io.string = false;
	exit.next_rip = 0;
	CHECK(waits_unchanged(&exit));
	exit.next_rip = RIP + 2;
	CHECK_EQ(exit_handle_atomic(&v, &exit), TO_USER);
	CHECK_EQ(v.run->exit_reason, KVM_EXIT_IO);
}

static u64 counted(void)
{
	const struct vcpu_stats *s = &v.stats;

	return s->exits_pf + s->exits_cr + s->exits_io + s->exits_msr + s->exits_cpuid +
	       s->exits_hlt + s->exits_invlpg + s->exits_irq + s->exits_irq_window +
	       s->exits_exception + s->exits_other;
}

/* What the emulator is asked to do, it counts. */
TEST(counted_once)
{
	struct exit exit;
	unsigned int i, kind;

	for (i = 0; i < 4; i++) {
		for (kind = 0; kind < NR_EXIT_KINDS; kind++) {
			start(INSN_LONG64);
			refuse = i & 1;
			exit = exit_of(kind);
			exit.next_rip = i & 2 ? RIP + 2 : 0;
			act(&exit);
			CHECK_EQ(counted(), kind != EXIT_EMULATE && kind != EXIT_FAULT &&
					    kind != EXIT_STEPPED);
			CHECK_EQ(v.stats.exits, 0);
		}
	}
}

/* ---- faults ---- */

TEST(verdicts)
{
	static const struct { enum mmu_verdict verdict; enum handled r; } list[] = {
		{ MMU_FIXED, REENTER }, { MMU_RETRY, REENTER }, { MMU_INJECT, REENTER },
		{ MMU_EMULATE, WAIT }, { MMU_WAIT, WAIT }, { MMU_ERROR, FAIL },
	};
	struct exit exit;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(list); i++) {
		start(INSN_LONG64);
		verdict = list[i].verdict;
		exit = exit_of(EXIT_PF);
		exit.pf.gva = 0x7000;
		CHECK_EQ(exit_handle_atomic(&v, &exit), list[i].r);
		CHECK_EQ(v.events.exception.type == EVENT_EXCEPTION, verdict == MMU_INJECT);
		CHECK_EQ(v.run_error, verdict == MMU_ERROR ? -ENOMEM : 0);
	}
}

/* What is to be emulated is walked once, and the next fault anew. */
TEST(one_walk_for_a_fault)
{
	struct exit exit;
	unsigned int i;

	start(INSN_LONG64);
	for (i = 1; i < 4; i++) {
		verdict = MMU_EMULATE;
		exit = exit_of(EXIT_PF);
		exit.pf.gva = 0x7000 + i;
		CHECK_EQ(act(&exit), REENTER);
		CHECK_EQ(v.fault.gva, 0x7000 + i);
		CHECK_EQ(faults, i);
		CHECK_EQ(emulated, i);
	}
	refuse = true;
	CHECK_EQ(act(&exit), REENTER);
	CHECK_EQ(faults, 5);
	CHECK_EQ(emulated, 4);
}

static enum handled touch(gva_t gva, u32 error)
{
	struct exit exit = exit_of(EXIT_PF);

	verdict = MMU_EMULATE;
	exit.pf.gva = gva;
	exit.pf.error = error;
	return act(&exit);
}

/* Where a device's page is stays known as long as a TLB might know it, for that kind of access. */
TEST(device_is_walked_to_once)
{
	start(INSN_LONG64);
	no_memory = true;
	CHECK_EQ(touch(0x7010, PFERR_WRITE), REENTER);
	CHECK_EQ(touch(0x7020, PFERR_WRITE), REENTER);
	CHECK_EQ(faults, 1);
	CHECK_EQ(emulated, 2);
	CHECK_EQ(v.fault.gpa & 0xfff, 0x20);
	CHECK_EQ(touch(0x7020, 0), REENTER);		/* a read */
	CHECK_EQ(touch(0x8020, 0), REENTER);		/* another page */
	CHECK_EQ(faults, 3);
	CHECK_EQ(touch(0x8030, PFERR_USER), REENTER);
	CHECK_EQ(touch(0x8030, PFERR_USER), REENTER);
	CHECK_EQ(faults, 4);
	mode_invlpg(&v, 0x1000);
	CHECK_EQ(touch(0x8030, PFERR_USER), REENTER);
	CHECK_EQ(faults, 5);
	v.mmu.root_uses++;				/* CR3 */
	CHECK_EQ(touch(0x8030, PFERR_USER), REENTER);
	CHECK_EQ(faults, 6);
	no_memory = false;				/* a slot is made */
	CHECK_EQ(touch(0x8030, PFERR_USER), REENTER);
	CHECK_EQ(touch(0x8030, PFERR_USER), REENTER);
	CHECK_EQ(faults, 8);
}

/* A store to a table that stays in sync. */
static enum handled store(enum insn_mode mode, const char *bytes, unsigned int n, gva_t gva)
{
	struct exit exit;

	start(mode);
	put(bytes, n);
	v.regs.gpr[GPR_RAX] = 0x1122334455667788;
	v.regs.gpr[GPR_RBX] = 0x100;
	v.regs.gpr[GPR_RDI] = 0x100;
	verdict = MMU_EMULATE;
	to_table = true;
	exit = exit_of(EXIT_PF);
	exit.pf.gva = gva;
	return exit_handle_atomic(&v, &exit);
}

TEST(stores_to_tables)
{
	CHECK_EQ(store(INSN_LONG64, "\x48\x89\x03", 3, 0x100), REENTER);
	CHECK_EQ(written_value, 0x1122334455667788);
	CHECK_EQ(v.regs.rip, RIP + 3);
	CHECK_EQ(store(INSN_LONG64, "\x64\x89\x03", 3, FS_BASE + 0x100), REENTER);
	CHECK_EQ(store(INSN_PROT32, "\x89\x07", 2, DS_BASE + 0x100), REENTER);
	CHECK_EQ(written, 0x5000);
	CHECK_EQ(written_value, 0x55667788);
	CHECK_EQ(store(INSN_PROT16, "\x66\x89\x07", 3, DS_BASE + 0x100), REENTER);
	CHECK_EQ(store(INSN_PROT32, "\xc7\x07\x01\x02\x03\x04", 6, DS_BASE + 0x100), REENTER);
	CHECK_EQ(written_value, 0x04030201);
	CHECK_EQ(v.stats.emulated, 1);
	CHECK_EQ(emulated, 0);
	/* an operand of 2 bytes, another address, a block */
	CHECK_EQ(store(INSN_PROT16, "\x89\x07", 2, DS_BASE + 0x100), WAIT);
	CHECK_EQ(store(INSN_PROT32, "\x89\x07", 2, DS_BASE + 0x104), WAIT);
	CHECK_EQ(store(INSN_PROT32, "\xf3\xab", 2, 0), REENTER);
	CHECK_EQ(unprotects, 1);
	CHECK_EQ(v.regs.rip, RIP);
}

/* ---- instructions that the processor has not decoded ---- */

static enum handled undecoded(enum insn_mode mode, u8 kind, const char *bytes, unsigned int n)
{
	struct exit exit;

	start(mode);
	put(bytes, n);
	v.regs.gpr[GPR_RAX] = 0xffffffff00000000 | X86_CR0_PE | X86_CR0_PG | X86_CR0_WP;
	v.regs.gpr[GPR_RBX] = 0x1234;
	exit = exit_of(kind);
	return exit_handle_atomic(&v, &exit);
}

TEST(control_registers_of_every_mode)
{
	unsigned int i;

	FOR_ALL_MODES(i) {
		if (modes[i] != INSN_LONG64) {	/* there the upper half is #GP */
			CHECK_EQ(undecoded(modes[i], EXIT_EMULATE, "\x0f\x22\xc0", 3), REENTER);
			CHECK(v.mode.cr0 & X86_CR0_WP);
			CHECK_EQ(v.regs.rip, RIP + 3);
			CHECK_EQ(v.stats.exits_cr, 1);
		}
		CHECK_EQ(undecoded(modes[i], EXIT_EMULATE, "\x0f\x20\xe3", 3), REENTER);
		CHECK_EQ(v.regs.gpr[GPR_RBX], v.mode.cr4);
		CHECK_EQ(v.stats.exits_cr, 1);
		/* CR8 by LOCK is not for us to say */
		CHECK_EQ(undecoded(modes[i], EXIT_EMULATE, "\xf0\x0f\x22\xc0", 4), WAIT);
		CHECK_EQ(undecoded(modes[i], EXIT_EMULATE, "\x0f\x23\xc0", 3), WAIT);
	}
	CHECK_EQ(undecoded(INSN_LONG64, EXIT_EMULATE, "\x0f\x22\xc0", 3), REENTER);
	CHECK_EQ(v.events.exception.vector, 13);
	CHECK_EQ(v.regs.rip, RIP);
}

TEST(invlpg_of_every_mode)
{
	unsigned int i;

	FOR_ALL_MODES(i) {
		bool wide = modes[i] >= INSN_PROT32;

		CHECK_EQ(undecoded(modes[i], EXIT_EMULATE,
				   wide ? "\x0f\x01\x3b" : "\x0f\x01\x3f", 3), REENTER);
		CHECK_EQ(invalidated, modes[i] == INSN_LONG64 ? 0x1234 : DS_BASE + 0x1234);
		CHECK_EQ(v.regs.rip, RIP + 3);
		CHECK_EQ(v.stats.exits_invlpg, 1);
	}
	CHECK_EQ(undecoded(INSN_LONG64, EXIT_EMULATE, "\x64\x0f\x01\x3b", 4), REENTER);
	CHECK_EQ(invalidated, FS_BASE + 0x1234);
}

TEST(cpuid_of_every_mode)
{
	unsigned int i;

	FOR_ALL_MODES(i) {
		CHECK_EQ(undecoded(modes[i], EXIT_CPUID, "\x0f\xa2", 2), REENTER);
		CHECK_EQ(v.regs.gpr[GPR_RAX], 7);
		CHECK_EQ(v.regs.rip, RIP + 2);
	}
}

/* The same bytes mean something else in another mode. */
TEST(known_instructions_have_a_mode)
{
	static const char bytes[] = "\x66\xc7\x07\x01\x02\x03\x04\x05";
	struct exit exit;
	unsigned int i;

	start(INSN_PROT32);
	put(bytes, 8);
	for (i = 0; i < 6; i++) {
		cs_db = i % 2;
		exit = exit_of(EXIT_EMULATE);
		CHECK_EQ(insn_here(&v, &exit)->length, cs_db ? 5 : 7);
	}
}

/* ---- where an instruction ends ---- */

TEST(rip_wraps_at_4g_outside_64_bit_mode)
{
	struct exit exit;
	unsigned int i, known;

	for (i = 0; i < 8; i++) {
		known = i & 1;
		start(modes[i / 2]);
		put("\x0f\xa2", 2);
		v.regs.rip = 0xfffffffe;
		exit = exit_of(EXIT_CPUID);
		exit.next_rip = known ? 0x100000000 : 0;
		CHECK_EQ(exit_handle_atomic(&v, &exit), REENTER);
		CHECK_EQ(v.regs.rip, modes[i / 2] == INSN_LONG64 ? 0x100000000 : 0);
	}
}

/* Code on two pages: the length comes from where one may sleep. */
TEST(length_from_afar)
{
	struct exit exit;

	start(INSN_LONG64);
	exit = exit_of(EXIT_CPUID);
	CHECK(waits_unchanged(&exit));
	CHECK_EQ(exit_handle(&v, &exit), REENTER);
	CHECK_EQ(v.regs.rip, RIP + 3);
	CHECK_EQ(v.stats.exits_cpuid, 1);
}

TEST(trap_flag_and_rf)
{
	struct exit exit;

	start(INSN_LONG64);
	v.regs.rflags |= X86_EFLAGS_TF | X86_EFLAGS_RF;
	exit = exit_of(EXIT_CPUID);
	exit.next_rip = RIP + 2;
	CHECK_EQ(exit_handle_atomic(&v, &exit), REENTER);
	CHECK_EQ(v.regs.rflags & X86_EFLAGS_RF, 0);
	CHECK_EQ(v.events.exception.vector, 1);
}

int main(int argc, char **argv)
{
	return tap_main(argc, argv);
}
