/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A virtual CPU: a few sub-structs, each owned by one file.
 */
#ifndef UMBRA_VCPU_H
#define UMBRA_VCPU_H

#include <linux/kvm.h>
#include <linux/mutex.h>
#include <linux/preempt.h>
#include <linux/signal_types.h>

#include "emulate.h"
#include "exit.h"
#include "mmu.h"
#include "stats.h"
#include "vm.h"

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
 * struct vcpu_debug - debug registers as the guest sees them (state.c)
 */
struct vcpu_debug {
	u64 db[4];
	u64 dr6, dr7;
};

/**
 * struct vcpu_events - what waits to be delivered (event.c)
 * @exception:	queued and not yet delivered; delivery is tried at each entry
 *		until it is known to have happened
 * @irq:	the external interrupt, likewise (KVM_INTERRUPT)
 * @exception_injected: @irq_injected: @nmi_injected: handed to the hardware for
 *		this entry; an exit in the middle of the delivery hands them back
 * @nmi_pending: NMIs waiting, at most 2
 * @nmi_masked:	from the delivery of an NMI to the next IRET
 */
struct vcpu_events {
	struct event exception;
	struct event irq;
	bool exception_injected, irq_injected, nmi_injected;
	u8 nmi_pending;
	bool nmi_masked;
};

/* One device access of the instruction being emulated (io.c). */
#define IO_LOG_MAX 16
struct io_access {
	gpa_t gpa;		/* or the port */
	u8 len;
	bool write, port, done;
	u8 data[8];
};

/**
 * struct vcpu_io - an instruction that waits for user space (io.c, emulate_ops.c)
 * @log:	device accesses of the instruction so far, @nr of them; an emulation
 *		that starts again replays the ones that are done
 * @pos:	how many of them this emulation has come by
 * @pending:	how to finish when KVM_RUN comes back
 * @err:	negative errno that ended an emulation: guest memory is not there
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
	int err;
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
	bool rdtscp;
	bool spec_ctrl, ibpb;	/* AMD: the MSRs of that name are there */
	bool intel;		/* vendor string, for SYSENTER and the like */
	u64 cr4_reserved;	/* bits that MOV to CR4 faults on */
	u64 efer_reserved;
	u64 xcr0_allowed;
};

/**
 * struct vcpu_msrs - MSRs with no home in the backend (msr.c)
 */
struct vcpu_msrs {
	u64 pat, mtrr_def_type, mtrr_fixed[11], mtrr_var[16];
	u64 misc_enable, tsc_aux, spec_ctrl, tsc_adjust, mcg_status, hwcr, de_cfg;
};

/* Bits of vcpu.requests. */
enum {
	REQ_FLUSH_TLB,		/* forget all hardware translations */
	REQ_RELOAD_ROOT,	/* the MMU zapped a root: check it */
	REQ_TRIPLE_FAULT,
	REQ_EVENT,		/* something may be deliverable */
};

/**
 * struct code_line - an instruction decoded before (fast.c)
 * @rip:	where
 * @bytes:	as it was then; it counts only while they are the same
 * @insn:	in 64-bit mode; length 0: none
 */
struct code_line {
	gva_t rip;
	u64 bytes[2];
	struct insn insn;
};

#define VCPU_CODE_LINES 512

/* What user space maps: the run page, and one for the data of port accesses. */
#define VCPU_MMAP_SIZE	(2 * PAGE_SIZE)

/* vcpu.where: what a remote party has to do to be noticed. */
enum { VCPU_OUTSIDE, VCPU_IN_GUEST, VCPU_EXITING };

/**
 * struct vcpu - a virtual CPU
 * @lock:	one ioctl at a time
 * @run:	the page shared with user space, followed by one for the data of port accesses
 * @cpu:	physical CPU it is loaded on, or -1
 * @where:	VCPU_*
 * @requests:	REQ_* bits
 * @stale:	by mmu_vcpu.root_tag: forget translations by that root before it is entered
 * @running:	in KVM_RUN, a second one gets EINTR or waits on @lock
 * @preempted:	scheduled out by preemption since last loaded
 * @mp_state:	KVM_MP_STATE_RUNNABLE or _HALTED
 * @fpu:	guest XSAVE area (state.c)
 * @backend:	the vendor's part
 * @sigset:	KVM_SET_SIGNAL_MASK
 * @code:	instructions that made exits, by their place; @code_here: the last one's bytes
 * @fault:	the last page fault, as far as it came without sleeping
 */
struct vcpu {
	struct vm *vm;
	u32 id;
	unsigned int index;
	struct mutex lock;
	struct kvm_run *run;
	struct file *file;
	struct preempt_notifier notifier;
	int cpu;
	int where;
	unsigned long requests;
	u32 stale;
	u32 mp_state;

	struct vcpu_regs regs;
	struct vcpu_mode mode;
	struct vcpu_debug debug;
	struct vcpu_events events;
	struct vcpu_io io;
	struct vcpu_cpuid cpuid;
	struct vcpu_msrs msrs;
	struct mmu_vcpu mmu;
	void *fpu;
	void *backend;
	struct emulate_ctxt *emul;

	bool sigset_active;
	sigset_t sigset;
	struct vcpu_stats stats;
	struct mmu_fault fault;
	struct code_line code[VCPU_CODE_LINES];
	u64 code_here[2];
};

static inline void vcpu_request(struct vcpu *vcpu, int req)
{
	set_bit(req, &vcpu->requests);
}

/* Forget all translations before the next entry. */
static inline void vcpu_flush_tlb(struct vcpu *vcpu)
{
	vcpu->stale = ~0u;
}

/* By the backend before an entry: are those by the root in use to be forgotten? */
static inline bool vcpu_take_stale(struct vcpu *vcpu)
{
	u32 bit = BIT(vcpu->mmu.root_tag);

	if (likely(!(vcpu->stale & bit)))
		return false;
	vcpu->stale &= ~bit;
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

/**
 * vcpu_load() - put the vCPU on this physical CPU
 * @vcpu:	not loaded; @vcpu->lock is held
 *
 * Registers the preempt notifier, which follows the thread around.
 */
void vcpu_load(struct vcpu *vcpu);

/**
 * vcpu_put() - the opposite of vcpu_load()
 * @vcpu:	loaded
 */
void vcpu_put(struct vcpu *vcpu);

/**
 * vcpu_kick() - make a vCPU leave guest mode soon
 * @vcpu:	any
 *
 * Any context. Does not wait.
 */
void vcpu_kick(struct vcpu *vcpu);

/* ---- run.c ---- */

/**
 * vcpu_run() - KVM_RUN
 * @vcpu:	locked, not loaded
 *
 * KVM API 4.10. Return: 0 with run->exit_reason set, -EINTR (a signal, or
 * immediate_exit), -EFAULT (guest memory is not there), -ENOMEM.
 */
int vcpu_run(struct vcpu *vcpu);

/**
 * vcpu_make_request() - ask all vCPUs of a VM for something and wait until seen
 * @vm:		the VM
 * @req:	REQ_FLUSH_TLB or REQ_RELOAD_ROOT
 *
 * Every processor in guest mode leaves it before this returns, and handles
 * the request before it enters again. Spinlocks may be held, interrupts are on.
 */
void vm_make_request(struct vm *vm, int req);

/* ---- event.c ---- */

/**
 * event_queue_exception() - an exception for the guest
 * @vcpu:	the vCPU
 * @vector:	which
 * @has_error:	@error is pushed
 * @error:	error code
 *
 * A second one while another is being delivered becomes #DF or a triple
 * fault, as Intel SDM 3A 6.15 (Interrupt 8) tells.
 */
void event_queue_exception(struct vcpu *vcpu, u8 vector, bool has_error, u32 error);

/**
 * event_queue_pf() - a page fault for the guest; sets CR2 when it is taken
 * @vcpu:	the vCPU
 * @gva:	CR2
 * @error:	error code
 */
void event_queue_pf(struct vcpu *vcpu, gva_t gva, u32 error);

/**
 * event_requeue() - an exit interrupted the delivery of an event
 * @vcpu:	the vCPU
 * @event:	exit.delivering; EVENT_NONE: what was injected is delivered
 *
 * Called once after each entry, first of all.
 */
void event_requeue(struct vcpu *vcpu, const struct event *event);

/**
 * event_inject() - hand the most important deliverable event to the backend
 * @vcpu:	about to be entered, interrupts on
 *
 * Opens interrupt and NMI windows for the others.
 */
void event_inject(struct vcpu *vcpu);

/**
 * event_cancel() - the entry did not happen: take back what was handed over
 * @vcpu:	the vCPU
 */
void event_cancel(struct vcpu *vcpu);

/**
 * event_irq_allowed() - could the guest take an external interrupt now?
 * @vcpu:	the vCPU
 *
 * RFLAGS.IF is set, no shadow of STI or MOV SS, nothing else queued.
 */
bool event_irq_allowed(struct vcpu *vcpu);

/**
 * event_interrupt() - KVM_INTERRUPT
 * @vcpu:	locked
 * @vector:	0 to 255
 *
 * KVM API 4.16. Return: 0, -EINVAL (vector), -EEXIST (one is queued already).
 */
int event_interrupt(struct vcpu *vcpu, u32 vector);

/**
 * event_nmi() - KVM_NMI
 * @vcpu:	locked
 *
 * KVM API 4.64. Return: 0.
 */
int event_nmi(struct vcpu *vcpu);

/**
 * event_get() - KVM_GET_VCPU_EVENTS
 * @vcpu:	locked and loaded
 * @events:	filled in
 */
void event_get(struct vcpu *vcpu, struct kvm_vcpu_events *events);

/**
 * event_set() - KVM_SET_VCPU_EVENTS
 * @vcpu:	locked and loaded
 * @events:	not trusted
 *
 * KVM API 4.32. Return: 0 or -EINVAL.
 */
int event_set(struct vcpu *vcpu, const struct kvm_vcpu_events *events);

/* ---- mode.c ---- */

/**
 * mode_get_cr() - what the guest reads from a control register
 * @vcpu:	the vCPU
 * @nr:		which
 * @value:	result
 *
 * Any context. Return: 0, or -EINVAL if there is no such register.
 */
int mode_get_cr(const struct vcpu *vcpu, unsigned int nr, u64 *value);

/**
 * mode_set_cr0() - MOV to CR0, LMSW, CLTS
 * @vcpu:	loaded
 * @value:	new CR0
 *
 * Checks as the processor does, tells the MMU and the backend.
 * Intel SDM 2 MOV—Move to/from Control Registers. Return: 0, or -EINVAL for #GP(0),
 * -EFAULT where PDPTEs could not be read.
 */
int mode_set_cr0(struct vcpu *vcpu, u64 value);

/**
 * mode_set_cr3() - MOV to CR3
 * @vcpu: @value: as mode_set_cr0()
 *
 * Return: as mode_set_cr0().
 */
int mode_set_cr3(struct vcpu *vcpu, u64 value);

/**
 * mode_set_cr4() - MOV to CR4
 * @vcpu: @value: as mode_set_cr0()
 *
 * Return: as mode_set_cr0().
 */
int mode_set_cr4(struct vcpu *vcpu, u64 value);

/**
 * mode_set_cr8() - MOV to CR8
 * @vcpu: @value: as mode_set_cr0()
 *
 * Return: as mode_set_cr0().
 */
int mode_set_cr8(struct vcpu *vcpu, u64 value);

/**
 * mode_set_efer() - WRMSR to EFER
 * @vcpu: @value: as mode_set_cr0()
 *
 * LMA is the processor's own: a guest's attempt to change it is ignored.
 * Return: as mode_set_cr0().
 */
int mode_set_efer(struct vcpu *vcpu, u64 value);

/**
 * mode_set_xcr0() - XSETBV
 * @vcpu: @value: as mode_set_cr0()
 *
 * Return: 0 or -EINVAL for #GP(0).
 */
int mode_set_xcr0(struct vcpu *vcpu, u64 value);

/**
 * mode_valid_sregs() - could a processor be in this state?
 * @vcpu:	its CPUID decides
 * @sregs:	not trusted
 *
 * Return: whether KVM_SET_SREGS may take it.
 */
bool mode_valid_sregs(struct vcpu *vcpu, const struct kvm_sregs *sregs);

/**
 * mode_load() - take control registers as they are (KVM_SET_SREGS, reset, new CPUID)
 * @vcpu:	loaded; @vcpu->mode is set already, and the slots are held
 *
 * Tells the MMU and the backend. Return: 0 or -EINVAL (bad PDPTEs).
 */
int mode_load(struct vcpu *vcpu);

/**
 * mode_invlpg() - INVLPG
 * @vcpu:	loaded
 * @gva:	any linear address; one that is not canonical has no effect
 */
void mode_invlpg(struct vcpu *vcpu, gva_t gva);

/**
 * mode_invpcid() - INVPCID
 * @vcpu:	loaded
 * @type:	0 to 3
 * @pcid: @gva:	the descriptor
 *
 * Intel SDM 2 INVPCID. Return: 0, or -EINVAL for #GP(0).
 */
int mode_invpcid(struct vcpu *vcpu, u64 type, u64 pcid, gva_t gva);

/**
 * mode_insn() - how the decoder must read code now
 * @vcpu:	loaded
 *
 * Return: the decoder's mode.
 */
enum insn_mode mode_insn(struct vcpu *vcpu);

/* ---- emulate_glue.c, emulate_mem.c, emulate_ops.c ---- */

extern const struct emulate_ops vcpu_emulate_ops;

/* Those of the operations that reach memory, see struct emulate_ops (emulate_mem.c). */
enum emu_status emulate_mem_fetch(struct emulate_ctxt *ctxt, gva_t addr, void *buf,
				  unsigned int bytes);
enum emu_status emulate_mem_read(struct emulate_ctxt *ctxt, gva_t addr, void *buf,
				 unsigned int bytes, unsigned int flags);
enum emu_status emulate_mem_write(struct emulate_ctxt *ctxt, gva_t addr, const void *buf,
				  unsigned int bytes, unsigned int flags);
enum emu_status emulate_mem_cmpxchg(struct emulate_ctxt *ctxt, gva_t addr, void *old,
				    const void *new, unsigned int bytes, bool *swapped);
enum emu_status emulate_mem_probe(struct emulate_ctxt *ctxt, gva_t addr, unsigned int bytes,
				  unsigned int flags);

/**
 * emulate_error() - an op found that the host lacks something
 * @vcpu:	the vCPU
 * @err:	negative errno, which KVM_RUN returns
 *
 * Return: EMU_EXIT.
 */
enum emu_status emulate_error(struct vcpu *vcpu, int err);

/**
 * emulate_one() - run the instruction at rip in the emulator
 * @vcpu:	loaded, slots held
 * @write_fault: the MMU's fault if a write to a shadowed table brought us here,
 *		else NULL; an instruction that the emulator does not know then
 *		runs for itself, after the table lost its shadow
 *
 * Return: as exit_handle().
 */
int emulate_one(struct vcpu *vcpu, const struct mmu_fault *write_fault);

/**
 * emulate_event() - deliver an event through the real-mode vector table
 * @vcpu:	loaded, slots held
 * @event:	queued and marked as injected
 *
 * Return: as exit_handle().
 */
int emulate_event(struct vcpu *vcpu, const struct event *event);

/**
 * emulate_unprotect() - let a write go that can't be emulated
 * @vcpu:	loaded, slots held
 * @fault:	the MMU's, with to_table
 *
 * Return: whether to enter again; not if that won't help, or has not helped again and again.
 */
bool emulate_unprotect(struct vcpu *vcpu, const struct mmu_fault *fault);

/**
 * emulate_length() - how long is the instruction at rip?
 * @vcpu:	loaded, slots held
 *
 * Return: bytes, or 0 if it could not be fetched or decoded.
 */
unsigned int emulate_length(struct vcpu *vcpu);

/* ---- io.c ---- */

/**
 * io_access() - a device access of the instruction being emulated
 * @vcpu:	loaded
 * @want:	gpa or port, len up to 8, write or not; a write's data
 * @data:	a read's data, if EMU_DONE
 *
 * Return: EMU_DONE; EMU_EXIT: run is filled in, user space has to act first;
 * EMU_UNHANDLED: more accesses than one instruction can have.
 */
enum emu_status io_access(struct vcpu *vcpu, const struct io_access *want, void *data);

/**
 * io_begin() - an instruction, or one iteration of it, begins: no device access is behind it
 * @vcpu:	loaded
 */
void io_begin(struct vcpu *vcpu);

/**
 * emulate_resume() - emulate once more what waited for user space
 * @vcpu:	loaded, slots held
 *
 * Return: as exit_handle().
 */
int emulate_resume(struct vcpu *vcpu);

/**
 * io_port() - a port access that the processor decoded
 * @vcpu:	loaded
 * @exit:	kind EXIT_IO, not a string instruction
 *
 * Return: as exit_handle().
 */
int io_port(struct vcpu *vcpu, const struct exit *exit);

/**
 * io_complete() - user space has done what the last exit asked for
 * @vcpu:	loaded, slots held; KVM_RUN has just begun
 *
 * Return: as exit_handle().
 */
int io_complete(struct vcpu *vcpu);

/* ---- state.c ---- */

/**
 * vcpu_reset() - the state after power-on
 * @vcpu:	loaded
 *
 * Intel SDM 3A table 9-1.
 */
void vcpu_reset(struct vcpu *vcpu);

int state_get_regs(struct vcpu *vcpu, struct kvm_regs *regs);
int state_set_regs(struct vcpu *vcpu, const struct kvm_regs *regs);
int state_get_sregs(struct vcpu *vcpu, struct kvm_sregs *sregs);
int state_set_sregs(struct vcpu *vcpu, const struct kvm_sregs *sregs);
int state_get_fpu(struct vcpu *vcpu, struct kvm_fpu *fpu);
int state_set_fpu(struct vcpu *vcpu, const struct kvm_fpu *fpu);
int state_get_xsave(struct vcpu *vcpu, struct kvm_xsave *xsave);
int state_set_xsave(struct vcpu *vcpu, const struct kvm_xsave *xsave);
int state_get_xcrs(struct vcpu *vcpu, struct kvm_xcrs *xcrs);
int state_set_xcrs(struct vcpu *vcpu, const struct kvm_xcrs *xcrs);
int state_get_debugregs(struct vcpu *vcpu, struct kvm_debugregs *dbg);
int state_set_debugregs(struct vcpu *vcpu, const struct kvm_debugregs *dbg);

/**
 * fpu_module_init() - learn the host's XSAVE layout
 *
 * Return: 0 or -EOPNOTSUPP with a line in the log.
 */
int fpu_module_init(void);

/**
 * fpu_create() - allocate a guest's FPU area in its reset state
 * @vcpu:	new
 *
 * Return: 0 or -ENOMEM.
 */
int fpu_create(struct vcpu *vcpu);
void fpu_destroy(struct vcpu *vcpu);

/**
 * fpu_enter() - the processor's FPU becomes the guest's (XCR0 too)
 * @vcpu:	about to be entered; interrupts off
 */
void fpu_enter(struct vcpu *vcpu);

/**
 * fpu_leave() - ... and the host's again
 * @vcpu:	was entered; interrupts off
 */
void fpu_leave(struct vcpu *vcpu);

/**
 * fpu_read_sse() - the low 16 bytes of a vector register
 * @vcpu:	not entered
 * @reg:	0 to 15
 * @data:	16 bytes
 */
void fpu_read_sse(struct vcpu *vcpu, unsigned int reg, void *data);
void fpu_write_sse(struct vcpu *vcpu, unsigned int reg, const void *data);

/**
 * fpu_xcr0_supported() - what guests may have in XCR0
 *
 * Return: XCR0 bits; 0 if the processor has no XSAVE.
 */
u64 fpu_xcr0_supported(void);

/**
 * fpu_xsave_bytes() - size of an XSAVE area in the standard form
 * @xcr0:	components in it
 *
 * Intel SDM 1 13.4.3. Return: bytes.
 */
u32 fpu_xsave_bytes(u64 xcr0);

/* ---- debug.c ---- */

/**
 * debug_reset() - debug registers after reset
 * @vcpu:	the vCPU; the backend is told later
 */
void debug_reset(struct vcpu *vcpu);

/**
 * debug_enter() - load the guest's DR0-3 if its DR7 uses them
 * @vcpu:	about to be entered; interrupts off
 */
void debug_enter(struct vcpu *vcpu);

/**
 * debug_leave() - give the host's breakpoints back
 * @vcpu:	was entered; interrupts off
 */
void debug_leave(struct vcpu *vcpu);

/* ---- cpuid.c ---- */

/**
 * cpuid_module_init() - find out what can be offered; after fpu_module_init()
 */
void cpuid_module_init(void);

/**
 * cpuid_supported() - KVM_GET_SUPPORTED_CPUID
 * @cpuid:	user space's struct; nent is read and written
 *
 * KVM API 4.46. Return: 0, -E2BIG, -ENOMEM or -EFAULT.
 */
int cpuid_supported(struct kvm_cpuid2 __user *cpuid);
int cpuid_set(struct vcpu *vcpu, struct kvm_cpuid2 __user *cpuid);
int cpuid_get(struct vcpu *vcpu, struct kvm_cpuid2 __user *cpuid);

/**
 * cpuid_query() - execute CPUID
 * @vcpu:	the vCPU
 * @eax: @ebx: @ecx: @edx: in and out
 *
 * Intel SDM 2 CPUID: a leaf above the highest answers as the highest basic
 * one on Intel, with zeros on AMD. OSXSAVE and OSPKE follow CR4.
 */
void cpuid_query(struct vcpu *vcpu, u32 *eax, u32 *ebx, u32 *ecx, u32 *edx);

/**
 * cpuid_reset() - what a vCPU answers before KVM_SET_CPUID2: nothing
 * @vcpu:	new
 */
void cpuid_reset(struct vcpu *vcpu);

/* ---- msr.c ---- */

/**
 * msr_reset() - MSRs after reset
 * @vcpu:	the vCPU
 */
void msr_reset(struct vcpu *vcpu);

/**
 * msr_read() - RDMSR
 * @vcpu:	loaded
 * @index:	ECX
 * @data:	result
 * @host:	on behalf of user space: read-only and hidden ones allowed
 *
 * Return: 0, or -EINVAL for #GP(0).
 */
int msr_read(struct vcpu *vcpu, u32 index, u64 *data, bool host);

/**
 * msr_write() - WRMSR
 * @vcpu: @index: @data: @host: as msr_read()
 *
 * Return: 0, or -EINVAL for #GP(0).
 */
int msr_write(struct vcpu *vcpu, u32 index, u64 data, bool host);
int msr_index_list(struct kvm_msr_list __user *list);
long msr_get_many(struct vcpu *vcpu, struct kvm_msrs __user *msrs);
long msr_set_many(struct vcpu *vcpu, struct kvm_msrs __user *msrs);

#endif
