// SPDX-License-Identifier: GPL-2.0-only
/* SMI and RSM: what is saved where, every mode there and back, saved states of no processor. */
#define TAP_MAIN
#include "tap.h"

#include <asm/processor-flags.h>

#include "entry_check.h"
#include "event.h"
#include "mode.h"
#include "smm.h"
#include "smm_machine.h"
#include "splitmix.h"
#include "state.h"
#include "vm.h"

#define AREA	(smm_memory + 0xfe00)

enum kind { REAL, PROTECTED, PAE, VM86, LONG, COMPAT, NR_KINDS };

static struct vcpu was;
static struct kvm_sregs sregs, sregs_was;

static struct kvm_segment data_segment(u16 selector, u8 dpl)
{
	return (struct kvm_segment){
		.base = 0x1230000, .limit = 0xfffff, .selector = selector | dpl, .type = 3,
		.present = 1, .dpl = dpl, .db = 1, .s = 1, .avl = 1,
	};
}

static void flat_segments(struct kvm_sregs *s, enum kind kind)
{
	u8 dpl = kind == VM86 || kind == COMPAT ? 3 : 0;

	s->ss = s->ds = s->es = s->fs = data_segment(0x10, dpl);
	s->gs = (struct kvm_segment){ .unusable = 1 };
	if (kind == VM86)
		s->gs = s->ds;
	s->cs = data_segment(0x8, dpl);
	s->cs.type = kind == REAL || kind == VM86 ? 3 : 11;
	s->cs.l = kind == LONG;
	s->cs.db = kind != LONG;
	if (kind == LONG || kind == COMPAT)
		s->fs.base = 0x12345678000;
	s->tr = (struct kvm_segment){
		.base = 0x4000, .limit = 0x67, .selector = 0x40, .type = 11, .present = 1,
	};
	s->ldt = (struct kvm_segment){ .unusable = 1, .selector = 0 };
}

/* A state that a guest can have. */
static void begin(enum kind kind, bool lm)
{
	bool long_mode = kind == LONG || kind == COMPAT;
	unsigned int i;

	machine_start();
	v.cpuid.lm = lm;
	v.cpuid.cr4_reserved = ~0xfffull;
	v.cpuid.efer_reserved = ~(u64)(EFER_SCE | EFER_NX | EFER_LME);
	for (i = 0; i < NR_GPRS; i++)
		v.regs.gpr[i] = 0x11110000 + i + (lm ? (u64)i << 40 : 0);
	if (!lm)
		memset(v.regs.gpr + 8, 0, 8 * sizeof(u64));
	v.regs.rip = kind == LONG ? 0xffffffff81000000 : 0x1234;
	v.regs.rflags = X86_EFLAGS_FIXED | X86_EFLAGS_IF | X86_EFLAGS_CF |
			(kind == VM86 ? X86_EFLAGS_VM : 0);
	v.debug.dr6 = 0xffff0ff1;
	v.debug.dr7 = 0x402;
	shadow = SHADOW_STI;
	sregs = (struct kvm_sregs){
		.cr0 = X86_CR0_ET | (kind == REAL ? 0 : X86_CR0_PE | X86_CR0_WP | X86_CR0_PG),
		.cr2 = 0x7000, .cr3 = 0x5000, .cr8 = 3, .apic_base = 0xfee00900,
		.cr4 = X86_CR4_DE | (kind >= PAE ? X86_CR4_PAE : 0),
		.efer = long_mode ? EFER_SCE | EFER_LME | EFER_LMA : 0,
		.gdt = { .base = 0x1000, .limit = 0x7f }, .idt = { .base = 0x2000, .limit = 0xfff },
	};
	flat_segments(&sregs, kind);
	CHECK_EQ(state_set_sregs(&v, &sregs), 0);
	CHECK_EQ(entry_check(&v), 0);
}

static void smi(void)
{
	vcpu_request(&v, REQ_SMI);
	CHECK_EQ(smm_enter(&v), 0);
}

static int rsm(bool *halt)
{
	bool ignored;

	return smm_leave(&v, halt ?: &ignored);
}

/* What the handler may leave behind, in the registers that its processor has. */
static void scribble(void)
{
	memset(v.regs.gpr, 0x5a, (v.cpuid.lm ? NR_GPRS : 8) * sizeof(u64));
	v.regs.rip = 0x8765;
	v.regs.rflags = X86_EFLAGS_FIXED | X86_EFLAGS_ZF;
	v.debug.dr6 = 0xffff0ff0;
	shadow = 0;
}

static void remember(void)
{
	was = v;
	state_get_sregs(&v, &sregs_was);
}

static void check_same_sregs(void)
{
	struct kvm_sregs now;

	state_get_sregs(&v, &now);
	CHECK(!memcmp(&now, &sregs_was, sizeof(now)));
}

static void check_entry_state(u32 base)
{
	struct kvm_sregs s;

	state_get_sregs(&v, &s);
	CHECK(v.smm.inside);
	CHECK(v.events.nmi_masked);
	CHECK_EQ(v.regs.rip, 0x8000);
	CHECK_EQ(v.regs.rflags, X86_EFLAGS_FIXED);
	CHECK_EQ(v.debug.dr7, 0x400);
	CHECK_EQ(shadow, 0);
	CHECK_EQ(s.cr0 & (X86_CR0_PE | X86_CR0_PG | X86_CR0_EM | X86_CR0_TS), 0);
	CHECK_EQ(s.cr4, 0);
	CHECK_EQ(s.efer, 0);
	CHECK_EQ(s.idt.limit, 0);
	CHECK_EQ(s.cs.base, base);
	CHECK_EQ(s.cs.selector, base >> 4 & 0xffff);
	CHECK_EQ(s.ds.limit, 0xffffffffu);
	CHECK_EQ(s.tr.base, 0x4000);
	CHECK(entry_segments_ok(&s));
	CHECK_EQ(entry_check(&v), 0);
}

TEST(there_and_back_in_every_mode)
{
	unsigned int kind, lm;

	for (kind = 0; kind < NR_KINDS; kind++) {
		for (lm = kind >= LONG; lm < 2; lm++) {
			begin(kind, lm);
			remember();
			smi();
			check_entry_state(SMBASE_RESET);
			scribble();
			CHECK_EQ(rsm(NULL), 0);
			CHECK(!v.smm.inside);
			CHECK(!memcmp(&v.regs, &was.regs, sizeof(was.regs)));
			CHECK_EQ(v.debug.dr6, was.debug.dr6);
			CHECK_EQ(v.debug.dr7, was.debug.dr7);
			CHECK_EQ(shadow, SHADOW_STI);
			CHECK_EQ(v.smm.base, SMBASE_RESET);
			CHECK(!v.events.nmi_masked);
			check_same_sregs();
		}
	}
}

static u64 word(unsigned int at, unsigned int bytes)
{
	u64 value = 0;

	memcpy(&value, smm_memory + at, bytes);
	return value;
}

/* AMD APM 2, table 10-1. */
TEST(places_of_64_bits)
{
	begin(LONG, true);
	smi();
	CHECK_EQ(word(0xfefc, 4), 0x20064);
	CHECK_EQ(word(0xff00, 4), SMBASE_RESET);
	CHECK_EQ(word(0xfe10, 2), 0x8);
	CHECK_EQ(word(0xfe12, 2), 0x309b);
	CHECK_EQ(word(0xfe14, 4), 0xfffff);
	CHECK_EQ(word(0xfe48, 8), 0x12345678000);
	CHECK_EQ(word(0xfe68, 8), 0x1000);
	CHECK_EQ(word(0xfe88, 8), 0x2000);
	CHECK_EQ(word(0xfe90, 2), 0x40);
	CHECK_EQ(word(0xfed0, 8), EFER_SCE | EFER_LME | EFER_LMA);
	CHECK_EQ(word(0xff50, 8), 0x5000);
	CHECK_EQ(word(0xff60, 8), 0x402);
	CHECK_EQ(word(0xff78, 8), 0xffffffff81000000);
	CHECK_EQ(word(0xff80, 8), v.regs.gpr[15]);
	CHECK_EQ(word(0xffd8, 8), v.regs.gpr[GPR_RSP]);
	CHECK_EQ(word(0xfff8, 8), v.regs.gpr[GPR_RAX]);
}

/* Intel SDM 3C, table 32-1. */
TEST(places_of_32_bits)
{
	begin(PROTECTED, false);
	smi();
	CHECK_EQ(word(0xfefc, 4), 0x20000);
	CHECK_EQ(word(0xfef8, 4), SMBASE_RESET);
	CHECK_EQ(word(0xffac, 4), 0x8);
	CHECK_EQ(word(0xffc4, 4), 0x40);
	CHECK_EQ(word(0xffc8, 4), 0x402);
	CHECK_EQ(word(0xffd0, 4), (u32)v.regs.gpr[GPR_RAX]);
	CHECK_EQ(word(0xffec, 4), (u32)v.regs.gpr[GPR_RDI]);
	CHECK_EQ(word(0xfff0, 4), 0x1234);
	CHECK_EQ(word(0xfff8, 4), 0x5000);
	CHECK_EQ(word(0xfffc, 4), sregs.cr0);
}

TEST(smbase_moves)
{
	u32 base = SMBASE_RESET + 0x8123;

	begin(LONG, true);
	smi();
	memcpy(smm_memory + 0xff00, &base, 4);
	CHECK_EQ(rsm(NULL), 0);
	CHECK_EQ(v.smm.base, base);
	/* The area lies in two pages now. */
	remember();
	smi();
	check_entry_state(base);
	scribble();
	CHECK_EQ(rsm(NULL), 0);
	check_same_sregs();
	CHECK_EQ(v.smm.count, 2);
}

TEST(rsm_outside_is_undefined)
{
	begin(LONG, true);
	CHECK_EQ(rsm(NULL), -EINVAL);
	CHECK(!v.requests);
}

static void check_shutdown(void)
{
	remember();
	CHECK_EQ(rsm(NULL), -ESHUTDOWN);
	CHECK(test_bit(REQ_TRIPLE_FAULT, &v.requests));
	CHECK(v.smm.inside);
	CHECK(!memcmp(&v.regs, &was.regs, sizeof(was.regs)));
	check_same_sregs();
}

static const struct { u16 at; u64 value; } impossible[] = {
	{ 0xff58, X86_CR0_PG },				/* no protected mode */
	{ 0xff58, X86_CR0_PE | X86_CR0_NW },		/* ... without CD */
	{ 0xff58, 1ull << 32 },
	{ 0xff48, X86_CR4_PAE | 1ull << 31 },		/* reserved */
	{ 0xff48, 0 },					/* long mode without PAE */
	{ 0xff50, 1ull << 45 },				/* wider than addresses are */
	{ 0xfed0, EFER_LME | 1ull << 20 },
	{ 0xfed0, 0 },					/* CS.L */
	{ 0xff78, 1ull << 60 },
	{ 0xff70, X86_EFLAGS_VM },
	{ 0xfe98, 1ull << 60 },				/* base of TR */
	{ 0xfe18, 1ull << 32 },				/* base of CS */
};

TEST(impossible_states_are_a_shutdown)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(impossible); i++) {
		begin(LONG, true);
		smi();
		memcpy(smm_memory + impossible[i].at, &impossible[i].value, 8);
		check_shutdown();
	}
	begin(PAE, true);
	smi();
	bad_pdptes = true;
	check_shutdown();
}

/* Whatever is in the area: a shutdown, or a state that may be entered. */
static void rsm_of_anything(void)
{
	struct kvm_sregs s;

	remember();
	if (rsm(NULL)) {
		CHECK(test_bit(REQ_TRIPLE_FAULT, &v.requests));
		check_same_sregs();
		return;
	}
	state_get_sregs(&v, &s);
	CHECK(mode_valid_sregs(&v, &s));
	CHECK(entry_segments_ok(&s));
	CHECK_EQ(entry_check(&v), 0);
}

TEST(hostile_areas)
{
	unsigned int i, n, loaded = 0;
	u64 seed = 1;

	for (i = 0; i < 60000; i++) {
		begin(i % NR_KINDS, i & 64 || i % NR_KINDS >= LONG);
		smi();
		n = i % 3 ? 1 + splitmix(&seed) % 3 : 512;
		while (n--)
			AREA[n == 511 ? n : splitmix(&seed) % 512] = splitmix(&seed);
		rsm_of_anything();
		loaded += !v.smm.inside;
	}
	CHECK(loaded > 1000 && loaded < 59000);
}

TEST(no_memory_in_smm)
{
	begin(LONG, true);
	no_memory = true;
	smi();
	check_entry_state(SMBASE_RESET);
	check_shutdown();
}

TEST(what_an_smi_waits_for)
{
	begin(LONG, true);
	v.events.exception.type = EVENT_EXCEPTION;
	smi();
	CHECK(!v.smm.inside);
	CHECK(v.smm.pending);
	v.events.exception.type = EVENT_NONE;
	v.events.nmi_injected = true;
	CHECK_EQ(smm_enter(&v), 0);
	CHECK(!v.smm.inside);
	v.events.nmi_injected = false;
	CHECK_EQ(smm_enter(&v), 0);
	CHECK(v.smm.inside);
	CHECK(!v.smm.pending);
	/* One may wait for RSM, no more. */
	smi();
	smi();
	CHECK(v.smm.pending);
	CHECK_EQ(v.smm.count, 1);
	CHECK(!smm_due(&v));
	CHECK_EQ(rsm(NULL), 0);
	CHECK(smm_due(&v));
	CHECK_EQ(smm_enter(&v), 0);
	CHECK_EQ(v.smm.count, 2);
}

TEST(nmis_stay_masked)
{
	begin(LONG, true);
	v.events.nmi_masked = true;
	smi();
	CHECK(v.smm.inside_nmi);
	v.events.nmi_masked = false;	/* IRET */
	CHECK_EQ(rsm(NULL), 0);
	CHECK(v.events.nmi_masked);
	CHECK(!v.smm.inside_nmi);
}

TEST(halt_goes_on)
{
	bool halt;

	begin(LONG, true);
	v.smm.halted = true;
	smi();
	CHECK(!v.smm.halted);
	CHECK_EQ(word(0xfec9, 1), 1);
	CHECK_EQ(rsm(&halt), 0);
	CHECK(halt);
	/* The handler may decide that it does not. */
	v.smm.halted = true;
	smi();
	smm_memory[0xfec9] = 0;
	CHECK_EQ(rsm(&halt), 0);
	CHECK(!halt);
}

/* The step that user space makes is seen neither in the area nor lost. */
TEST(single_steps)
{
	begin(LONG, true);
	v.guest_debug.stepping = true;
	v.regs.rflags |= X86_EFLAGS_TF;
	smi();
	CHECK_EQ(word(0xff70, 8) & X86_EFLAGS_TF, 0);
	CHECK(v.regs.rflags & X86_EFLAGS_TF);
	CHECK_EQ(rsm(NULL), 0);
	CHECK(v.regs.rflags & X86_EFLAGS_TF);
	CHECK(!v.guest_debug.tf);
}

TEST(events)
{
	struct kvm_vcpu_events e = {};

	begin(LONG, true);
	v.events.nmi_masked = true;
	smi();
	vcpu_request(&v, REQ_SMI);
	smm_get_events(&v, &e);
	CHECK(e.flags & KVM_VCPUEVENT_VALID_SMM);
	CHECK(e.smi.smm && e.smi.pending && e.smi.smm_inside_nmi && !e.smi.latched_init);
	e.smi.smm = e.smi.pending = 0;
	CHECK(smm_events_valid(&v, &e));
	smm_set_events(&v, &e);
	CHECK(!v.smm.inside && !v.smm.pending && !v.smm.inside_nmi);
	e.smi.smm = 1;
	smm_set_events(&v, &e);
	CHECK(v.smm.inside && v.smm.inside_nmi);
	v.mp_state = KVM_MP_STATE_INIT_RECEIVED;
	CHECK(!smm_events_valid(&v, &e));
	e.flags = 0;
	CHECK(smm_events_valid(&v, &e));
}

TEST(init_and_reset_leave_smm)
{
	begin(LONG, true);
	v.smm.base = 0x40000;
	smi();
	vcpu_request(&v, REQ_SMI);
	vcpu_init(&v);
	CHECK(!v.smm.inside && !smm_asked(&v));
	CHECK_EQ(v.smm.base, 0x40000);
	smi();
	vcpu_reset(&v);
	CHECK(!v.smm.inside);
	CHECK_EQ(v.smm.base, SMBASE_RESET);
	CHECK_EQ(v.smm.count, 0);
}

int main(int argc, char **argv)
{
	return tap_main(argc, argv);
}
