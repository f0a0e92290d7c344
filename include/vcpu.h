/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A virtual CPU: a few sub-structs, each owned by one file.
 */
#ifndef UMBRA_VCPU_H
#define UMBRA_VCPU_H

#include <linux/atomic.h>
#include <linux/bitops.h>
#include <linux/container_of.h>
#include <linux/kvm.h>
#include <linux/mutex.h>
#include <linux/percpu.h>
#include <linux/preempt.h>
#include <linux/rcuwait.h>
#include <linux/signal_types.h>

#include "clock.h"
#include "emulate.h"
#include "exit.h"
#include "mce.h"
#include "mmu.h"
#include "pv.h"
#include "request.h"
#include "stats.h"
#include "types.h"

struct vcpu_chips;
struct vm;

#define NR_GPRS GPR_COUNT

/**
 * struct vcpu_regs - what instructions compute with; valid between entries
 * @gpr:	in the encoding's order, RSP included
 *
 * entry.S and the backend's enter operation load and save all of them.
 */
struct vcpu_regs {
	u64 gpr[NR_GPRS];
	u64 rip;
	u64 rflags;
};

/**
 * struct vcpu_mode - control registers as the guest sees them (mode.c)
 *
 * cr2 is loaded and saved around each entry; the rest changes only through
 * mode.c, which tells the MMU and the backend.
 */
struct vcpu_mode {
	u64 cr0, cr2, cr3, cr4, cr8;
	u64 efer;
	u64 xcr0;
	u64 apic_base;
};

/**
 * struct vcpu_debug - debug registers as the guest sees them (debug.c)
 * @hits:	bits of DR6, B0 to B3 above all: breakpoints that the instruction being executed in
 *		software met; insn_end() makes a #DB of them, if the instruction comes to its end
 * @held:	B0 to B3 whose #DB MOV SS has put off to the end of the next instruction
 * @host:	DR0-3 of the host, from debug_enter() to debug_leave()
 */
struct vcpu_debug {
	u64 db[4];
	u64 dr6, dr7;
	u16 hits;
	u8 held;
	unsigned long host[4];
};

/**
 * struct vcpu_guest_debug - user space debugs the guest (guest_debug.c)
 * @control:	KVM_GUESTDBG_*, 0: it does not
 * @db: @dr7:	with USE_HW_BP: what the processor has, instead of the guest's
 * @hits:	for DR6: why REQ_DEBUG was made
 * @stepping:	RFLAGS.TF is ours; the guest's own is @tf
 */
struct vcpu_guest_debug {
	u32 control;
	bool stepping, tf;
	u64 db[4], dr7;
	u64 hits;
};

/**
 * struct vcpu_events - what waits to be delivered (event.c)
 * @exception:	queued and not yet delivered; delivery is tried at each entry
 *		until it is known to have happened
 * @irq:	the external interrupt, likewise (KVM_INTERRUPT)
 * @exception_injected: @irq_injected: @nmi_injected: handed to the hardware for
 *		this entry; an exit in the middle of the delivery hands them back
 * @payload:	from user space, if @has_payload: for DR6 or CR2 when @exception is delivered
 * @nmi_pending: NMIs waiting, at most 2
 * @nmi_masked:	from the delivery of an NMI to the next IRET
 * @irq_waits:	event_inject() is to look again at the next entry, for interrupts
 * @irq_in_shadow: one waits for the end of the instruction at RIP
 */
struct vcpu_events {
	struct event exception;
	struct event irq;
	bool exception_injected, irq_injected, nmi_injected;
	bool has_payload;
	u64 payload;
	u8 nmi_pending;
	bool nmi_masked, irq_waits, irq_in_shadow;
};

/**
 * struct vcpu_smm - System Management Mode (smm.c)
 * @inside:	the processor is in it
 * @pending:	an SMI waits
 * @inside_nmi:	NMIs were masked when it came
 * @halted:	the SMI that waits has ended a HLT
 * @base:	SMBASE
 * @count:	SMIs that were taken: MSR_SMI_COUNT
 */
struct vcpu_smm {
	bool inside, pending, inside_nmi, halted;
	u32 base;
	u64 count;
};

/* One device access of the instruction being emulated (io.c). */
struct io_access {
	gpa_t gpa;		/* or the port */
	u8 len;
	bool write, port, done;
	u16 count;		/* not 0: so many of a string; their data is behind vcpu.run */
	u32 msr;		/* KVM_MSR_EXIT_REASON_*: @gpa is an MSR's number */
	bool error;		/* ... and user space says: #GP */
	u8 data[8];
};

#define IO_LOG_MAX 16

/**
 * struct vcpu_io - an instruction that waits for user space (io.c, emul.c)
 * @log:	device accesses of the instruction so far, @nr of them; an emulation
 *		that starts again replays the ones that are done
 * @pos:	how many of them this emulation has come by
 * @pending:	how to finish when KVM_RUN comes back
 * @then:	KVM_EXIT_* that follows the emulated instruction, or 0
 * @pio:	a port access made without the emulator
 * @rip:	of the instruction; if user space moves rip it is forgotten
 * @next_rip:	where it ends
 * @fault:	the page fault being emulated, NULL if none
 * @code:	the last translation of an instruction fetch, as a TLB would keep it:
 *		of the page at linear address @gva, made at CPL 3 or not, while
 *		mmu_vcpu.root_uses is what it was
 * @stuck:	the guest's registers when a table lost its shadow for an unknown
 *		instruction, and how many times in a row they were just these
 */
struct vcpu_io {
	struct io_access log[IO_LOG_MAX];
	u8 nr, pos;
	enum { IO_NONE, IO_EMULATE, IO_PIO } pending;
	u32 then;
	struct {
		u16 port;
		u8 size;
		bool in;
	} pio;
	u64 rip, next_rip;
	const struct mmu_fault *fault;
	struct {
		bool valid, user;
		u64 root_uses;
		gva_t gva;
		gpa_t gpa;
	} code;
	struct {
		struct vcpu_regs regs;
		unsigned int count;
	} stuck;
};

/**
 * struct vcpu_cpuid - what CPUID says, and what follows from it (cpuid.c)
 */
#define UMBRA_MAX_CPUID 256
struct vcpu_cpuid {
	struct kvm_cpuid_entry2 *entry;
	unsigned int nr, last;	/* @last: that was asked for */
	u8 maxphyaddr;
	bool gbpages, nx, lm, pcid, invpcid, la57, smep, smap, xsave, fsgsbase, umip;
	bool rdtscp, alt_cr8;
	u8 spec_ctrl;		/* AMD: bits of SPEC_CTRL that are there */
	bool ibpb;		/* PRED_CMD is */
	bool intel;		/* vendor string, for SYSENTER and the like */
	bool enforce_pv;	/* KVM_CAP_ENFORCE_PV_FEATURE_CPUID */
	u64 cr4_reserved;	/* bits that MOV to CR4 faults on */
	u64 efer_reserved;
	u64 xcr0_allowed;
};

/**
 * struct vcpu_msrs - MSRs with no home in the backend (msr.c)
 */
struct vcpu_msrs {
	u64 pat, mtrr_def_type, mtrr_fixed[11], mtrr_var[16];
	u64 misc_enable, tsc_aux, spec_ctrl, tsc_adjust, hwcr, de_cfg, ucode_rev;
	u64 platform_info, power_ctl;
};

/**
 * struct vcpu_ring - the dirty ring (dirty_ring.c)
 * @entry:	shared with user space, @size of them, a power of 2; 0: there is no ring
 * @dirty:	counts entries filled, by the vCPU's own thread
 * @reset:	counts those taken back, under slots_lock
 * @last_slot:	@last_offset: the entry filled last
 */
struct vcpu_ring {
	struct kvm_dirty_gfn *entry;
	u32 size, dirty, reset;
	u32 last_slot;
	u64 last_offset;
};

/**
 * struct code_line - an instruction decoded before (insn.c)
 * @gva:	where
 * @bytes:	as it was then; it counts only while they are the same
 * @known:	0: nothing is; else 1 + the enum insn_mode that @insn is in
 * @insn:	the instruction
 */
struct code_line {
	gva_t gva;
	u64 bytes[2];
	u8 known;
	struct insn insn;
};

#define VCPU_CODE_LINES 512

/* What user space maps: the run page, one for the data of port accesses, and the VM's ring. */
#define VCPU_RUN_SIZE	(2 * PAGE_SIZE)
#define VCPU_MMAP_SIZE	(3 * PAGE_SIZE)

/* vcpu.where: what a remote party has to do to be noticed. */
enum { VCPU_OUTSIDE, VCPU_IN_GUEST };

/**
 * struct vcpu - a virtual CPU
 * @lock:	one ioctl at a time
 * @run:	the page shared with user space, followed by one for the data of port accesses
 * @cpu:	physical CPU it is loaded on, or -1
 * @unreachable: errno: since vcpu_load() it was on a CPU, or is, that can't hold its state
 * @lost:	that was in the middle of an ioctl: its state is partly gone, for good
 * @where:	VCPU_*
 * @requests:	REQ_* bits
 * @run_error:	negative errno for KVM_RUN, where a handler answers FAIL
 * @flush_tags: by mmu_vcpu.root_tag: forget translations by that root before it is entered
 * @recheck:	user space set some of the state: entry_check() before the next entry
 * @mp_state:	KVM_MP_STATE_*
 * @wait:	where the thread of a halted vCPU waits
 * @nmis:	that came from others, see REQ_NMI
 * @chips:	local APIC, or NULL
 * @filter_msrs: the VM has a filter: all RDMSR and WRMSR exit
 * @fpu:	guest XSAVE area (fpu.c)
 * @backend:	the vendor's part
 * @sigset:	KVM_SET_SIGNAL_MASK
 * @ring:	frames written
 * @code:	instructions that made exits, by their place; @code_here: the last one's bytes
 * @device:	where the last page fault was that went to no slot: what was accessed how, and where
 *		that is, while mmu_vcpu.root_uses is what it was: a TLB of one entry
 * @fault:	the last page fault; @fault_kept: handle_pf() answered WAIT, and means to emulate it
 */
struct vcpu {
	struct vm *vm;
	u32 id;
	unsigned int index;
	struct mutex lock;
	struct kvm_run *run;
	struct preempt_notifier notifier;
	int cpu;
	int unreachable;
	bool lost;
	int where;
	unsigned long requests;
	int run_error;
	u32 flush_tags;
	u32 mp_state;
	struct rcuwait wait;
	atomic_t nmis;
	struct vcpu_chips *chips;

	struct vcpu_regs regs;
	struct vcpu_mode mode;
	struct vcpu_debug debug;
	struct vcpu_guest_debug guest_debug;
	struct vcpu_events events;
	struct vcpu_smm smm;
	struct vcpu_io io;
	struct vcpu_cpuid cpuid;
	struct vcpu_msrs msrs;
	struct vcpu_tsc tsc;
	struct vcpu_pv pv;
	struct vcpu_mce mce;
	struct mmu_vcpu mmu;
	void *fpu;
	void *backend;
	struct emulate_ctxt *emul;

	bool recheck;
	bool filter_msrs;
	bool sigset_active;
	sigset_t sigset;
	struct vcpu_stats stats;
	struct {
		u64 root_uses;		/* 0: nothing is known */
		gva_t gva;
		gpa_t gpa;
		struct mmu_access access;
	} device;
	struct mmu_fault fault;
	bool fault_kept;
	struct vcpu_ring ring;
	struct code_line code[VCPU_CODE_LINES];
	u64 code_here[2];
};

/* Who finds the request finds what it is about: pairs with vcpu_take_request(). */
static inline void vcpu_request(struct vcpu *vcpu, int req)
{
	smp_mb__before_atomic();
	set_bit(req, &vcpu->requests);
}

/* The breakpoints that are in force. */
static inline u64 vcpu_dr7(const struct vcpu *vcpu)
{
	return unlikely(vcpu->guest_debug.control & KVM_GUESTDBG_USE_HW_BP) ?
	       vcpu->guest_debug.dr7 : vcpu->debug.dr7;
}

static inline const u64 *vcpu_db(const struct vcpu *vcpu)
{
	return unlikely(vcpu->guest_debug.control & KVM_GUESTDBG_USE_HW_BP) ?
	       vcpu->guest_debug.db : vcpu->debug.db;
}

/* Is something queued that even a halted processor takes at once? */
static inline bool vcpu_trapped(const struct vcpu *vcpu)
{
	return vcpu->events.exception.type != EVENT_NONE || test_bit(REQ_DEBUG, &vcpu->requests);
}

/* Forget where the last device's page is. */
static inline void vcpu_forget_device(struct vcpu *vcpu)
{
	vcpu->device.root_uses = 0;
}

/* Forget all translations before the next entry. */
static inline void vcpu_flush_tlb(struct vcpu *vcpu)
{
	vcpu->flush_tags = ~0u;
}

/* By the backend before an entry: are those by the root in use to be forgotten? */
static inline bool vcpu_take_flush(struct vcpu *vcpu)
{
	u32 bit = BIT(vcpu->mmu.root_tag);

	if (likely(!(vcpu->flush_tags & bit)))
		return false;
	vcpu->flush_tags &= ~bit;
	return true;
}

static_assert(MMU_ROOTS <= 32);

static inline bool vcpu_take_request(struct vcpu *vcpu, int req)
{
	if (!test_bit(req, &vcpu->requests))
		return false;
	clear_bit(req, &vcpu->requests);
	smp_mb__after_atomic();
	return true;
}

static inline struct vcpu *mmu_to_vcpu(struct mmu_vcpu *m)
{
	return container_of(m, struct vcpu, mmu);
}

/* ---- vcpu.c ---- */

/**
 * vcpu_create_file() - KVM_CREATE_VCPU
 * @vm:	the VM
 * @id:	user space's number for it
 *
 * Process context. KVM API 4.7. Return: a file descriptor or a negative errno.
 */
int vcpu_create_file(struct vm *vm, u32 id);

/**
 * vcpu_destroy() - free a vCPU
 * @vcpu:	its file is closed and its VM is going away
 */
void vcpu_destroy(struct vcpu *vcpu);

/* The vCPU loaded on this processor: that of the current thread, if it has one. */
DECLARE_PER_CPU(struct vcpu *, vcpu_loaded);

/**
 * vcpu_load() - put the vCPU on this physical CPU
 * @vcpu:	not loaded; @vcpu->lock is held
 *
 * Registers the preempt notifier, which follows the thread around.
 *
 * Return: 0; -EBUSY if this CPU can't hold its state; -EIO if it is lost.
 */
int vcpu_load(struct vcpu *vcpu);

/**
 * vcpu_put() - the opposite of vcpu_load()
 * @vcpu:	loaded
 *
 * Return: 0; -EIO if on the way its state was out of reach, so that what was read may be wrong and
 * what was written lost. It is of no use from then on.
 */
int vcpu_put(struct vcpu *vcpu);

/* ---- run.c ---- */

/**
 * vcpu_run() - KVM_RUN
 * @vcpu:	locked and loaded
 *
 * KVM API 4.10. Return: 0 with run->exit_reason set, -EINTR (a signal, or
 * immediate_exit), -EFAULT (guest memory is not there) or -ENOMEM.
 */
int vcpu_run(struct vcpu *vcpu);

#endif
