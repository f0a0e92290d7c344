/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A model machine around mmu/: guest memory in the VMM's memory in host
 * frames, vCPUs whose TLBs forget nothing until told to, and a record of all
 * that the guest did, against which each access is judged.
 *
 * There is one machine; machine_reset() starts it afresh.
 *
 *	memory.c	the VMM's memory, slots, the host's view: notifier, COW ...
 *	host_user.c	mmu/host.h on top of it; counts, fails allocations on demand
 *	hw.c		hardware: walks the shadow tables through a hostile TLB
 *	cpu.c		run loop: enter, fault, emulate; the guest's instructions
 *	walker_ref.c	paging as the manuals have it, over present and past memory
 *	oracle.c	is this outcome one that the architecture allows?
 */
#ifndef UMBRA_MACHINE_H
#define UMBRA_MACHINE_H

#include <errno.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <linux/kernel.h>

#include "mmu.h"

#ifndef NR_VCPUS
#define NR_VCPUS	4
#endif
#define NR_SLOTS	12
#define PAGE		4096ull
#define NEVER		(~0u)

/* Guest entry bits, Intel SDM 3A 4.3 to 4.5. */
#define P	0x001ull
#define W	0x002ull
#define U	0x004ull
#define A	0x020ull
#define D	0x040ull
#define PS	0x080ull
#define G	0x100ull
#define NX	(1ull << 63)

#define CR0_PE		(1ull << 0)
#define CR0_WP		(1ull << 16)
#define CR0_PG		(1ull << 31)
#define CR4_PSE		(1ull << 4)
#define CR4_PAE		(1ull << 5)
#define CR4_PGE		(1ull << 7)
#define CR4_LA57	(1ull << 12)
#define CR4_PCIDE	(1ull << 17)
#define CR4_SMEP	(1ull << 20)
#define CR4_SMAP	(1ull << 21)
#define EFER_LME	(1ull << 8)
#define EFER_LMA	(1ull << 10)
#define EFER_NXE	(1ull << 11)

/* Physical address width of the model's host. */
#define HOST_MAXPHYADDR	46
#define FIRST_PFN	0x200000ull
#define FIRST_HVA	0x7f0000000000ul

/**
 * struct vpage - a page of the VMM's memory
 * @pfn:	host frame behind it now, 0: none (not touched yet, swapped out)
 * @data:	contents; they follow the page from frame to frame
 * @past:	per 8 bytes, the latest record of what was there before
 * @level:	how the host maps it: 1, 2 or 3
 * @readonly:	the host shares the frame (COW, KSM): a write gets another one
 * @foreign:	a device's, of memory type @memtype
 * @gone:	unmapped by the VMM
 * @poisoned:	a memory error
 * @vanishing:	a notifier took the frame back; nobody may reach it now
 * @twin:	the page it shares the frame with (KSM)
 * @held:	host_page_get() without put
 */
struct vpage {
	u64 pfn;
	u64 *data;
	u32 *past;
	struct vpage *twin;
	int held;
	u8 level, memtype;
	bool readonly, foreign, gone, poisoned, vanishing;
};

/* A value that 8 bytes of guest memory had until @until. */
struct past {
	u64 value;
	u32 until;
	u32 older;
};

struct region {
	unsigned long hva;
	u64 npages;
	struct vpage *page;
};

/* @born: when lookups began to find it; @going: deleted, but not yet gone */
struct slot {
	struct memslot mem;
	bool used, going;
	u32 born;
};

/* What the hardware TLB holds: a leaf, or with @leaf clear a link to a table. */
struct tlb_entry {
	u64 vpn;
	u64 hpa;
	u32 generation;
	u8 level, tag;
	bool leaf, w, u, nx, dirty;
};

#define TLB_ENTRIES	2048

/* @used: indexes of the entries of this @generation */
struct tlb {
	struct tlb_entry entry[TLB_ENTRIES];
	u16 used[TLB_ENTRIES];
	u32 nr_used;
	u32 generation;
};

#define NR_INVLPG	512
#define NR_ROOTS	64

/**
 * struct arch - what bounds the age of this vCPU's legal translations
 * @flushed:	per PCID (the lowest bits), when all but global leaves was last forgotten
 * @global_flushed: when all was
 * @invlpg:	later invalidations of single addresses
 * @root:	CR3 values and since when; the last is the current one
 */
struct arch {
	u32 flushed[8], global_flushed;
	struct { u64 va; u32 time; u8 pcid; bool global; } invlpg[NR_INVLPG];
	unsigned int nr_invlpg;
	struct { u64 cr3; u32 from; u64 pdpte[4]; } root[NR_ROOTS];
	unsigned int nr_roots;
};

/**
 * struct vcpu
 * @regs:	the guest's registers that matter to paging
 * @reload:	host_request_reload() came by
 * @flush:	host_flush_remote() did: the TLB is flushed before the guest is entered again, which
 *		may be late
 * @in_guest:	runs, and looks at its root again only when it is made to exit
 * @busy:	in the middle of an operation, so another may not start on it
 * @flushes: @gva_flushes: asked for by the MMU for this vCPU
 */
struct vcpu {
	struct mmu_vcpu m;
	struct mmu_regs regs;
	bool there, reload, flush, in_guest, busy;
	struct tlb tlb;
	struct arch arch;
	unsigned long flushes, gva_flushes;
};

struct table {
	u64 entry[512];
	hpa_t hpa;
	void *owner;
};

struct machine {
	struct mmu_vm vm;
	struct vcpu vcpu[NR_VCPUS];
	struct slot slot[NR_SLOTS];
	struct region region[NR_SLOTS * 2];
	unsigned int nr_regions;

	u32 now;
	struct past *past;
	u32 nr_past, max_past;

	u64 next_pfn;
	unsigned long next_hva;
	unsigned long seq;
	int invalidating;

	struct vpage **frame;		/* by pfn - FIRST_PFN */
	u64 nr_frames;

	struct table **table[2];	/* anywhere; below 4 GiB */
	u32 nr_tables[2], max_tables[2];

	long live_tables, live_objects, live_refs;
	unsigned long allocations;
	long fail_at;			/* this allocation fails, counted down to 0 */
	bool failed;			/* one did since the last look */
	int page_error;			/* host_page_get() says so, once */
	bool auditing, blind;		/* host_read_atomic() reads all; nothing */
	bool wanted;			/* complaints are expected */
	bool reading_log;		/* its bits are clear, the flush is still to come */
	hfn_t fetched;			/* the last frame of host_read_frame() */
	bool interrupted;		/* it said -EINTR */
	bool killed;			/* the thread has a fatal signal */
	unsigned long at_block;		/* so many blocks of mmu/ from now ... */
	void (*block_hook)(void);	/* ... this is called */
	unsigned long held_blocks;	/* basic blocks of mmu/ run since the lock was taken */
	unsigned long held_longest;	/* ... at most, in one hold */
	unsigned long pauses;		/* chances for the scheduler without the lock */
	unsigned long dirtied;		/* pages given back that may have been written */

	unsigned long remote_flushes, reloads, complaints, hw_walks;
	unsigned int broken;		/* invariants that mmu/ complained of, as bits */
	unsigned long interleaved;	/* operations that hooks ran inside others */
	void (*hook)(const char *where);
	void (*write_hook)(const char *where);	/* under the lock: the guest writes */

	/* The access in progress, for judging what mmu/ does to guest memory. */
	const struct mmu_access *access;
	struct vcpu *access_vcpu;
	u64 access_va;
};

extern struct machine mach;
extern bool mach_multihit;	/* the processor has the iTLB multihit erratum */

/* Print what is wrong and end the test. */
void machine_fail(const char *fmt, ...) __attribute__((noreturn, format(printf, 1, 2)));
#define EXPECT(cond, ...)						\
	do {								\
		if (!(cond))						\
			machine_fail(__VA_ARGS__);			\
	} while (0)

/* Life: reset frees the old machine without a check, done checks for leaks. */
void machine_reset(unsigned int nr_vcpus);
void machine_done(void);
void machine_audit(void);
void machine_audit_blind(void);
void vcpu_add(struct vcpu *v);
void vcpu_remove(struct vcpu *v);
static inline struct vcpu *vcpu(int n) { return &mach.vcpu[n]; }
static inline struct vcpu *to_vcpu(struct mmu_vcpu *m) { return container_of(m, struct vcpu, m); }
void hook(const char *where);

/* memory.c: VMM memory, slots and host events. */
unsigned long vmm_mmap(u64 npages, int level);
struct vpage *vmm_page(unsigned long hva);
struct memslot *slot_add(int id, u64 base_gfn, u64 npages, unsigned long hva, u32 flags);
void slot_delete(int id);
void slot_unlist(int id);
void slot_finish(int id);
void slot_flags(int id, u32 flags);
void slot_move(int id, u64 base_gfn);
struct slot *slot_of(u64 gfn);
struct slot *slot_or_going(u64 gfn);
struct vpage *gfn_page(u64 gfn);
void dirty_log_get(int id);
void host_swap_out(u64 gfn);
void host_make_shared(u64 gfn);
void host_merge(u64 gfn, u64 other);
void host_collapse(u64 gfn, int level);
void host_unmap(u64 gfn);
void host_remap(u64 gfn);
void host_poison(u64 gfn);
bool host_age(u64 gfn, u64 npages, bool clear);
void host_invalidate_begin(unsigned long hva, u64 npages);
void host_invalidate_end(unsigned long hva, u64 npages);
int vpage_fault_in(struct vpage *page, bool write);
void host_page_is_there(u64 gfn);
struct vpage *frame_owner(u64 pfn);
void memory_free(void);

/* Contents of guest memory, with the past kept. No MMU is told. */
u64 page_read(struct vpage *page, unsigned int offset, unsigned int len);
void page_write(struct vpage *page, unsigned int offset, const void *src, unsigned int len);
u64 ram_read(gpa_t gpa, unsigned int len);
void ram_poke(gpa_t gpa, u64 value, unsigned int len);

/* hw.c */
bool hw_translate(struct vcpu *v, u64 va, const struct mmu_access *access, hpa_t *hpa,
		  u32 *error);
void tlb_flush(struct vcpu *v);
void tlb_flush_root(struct vcpu *v);
unsigned int tlb_count(const struct vcpu *v);
void tlb_flush_va(struct vcpu *v, u64 va);
void check_reachable(const char *when);
bool tlb_has_table(struct vcpu *v, hpa_t hpa);
u64 *table_at(hpa_t hpa);

/* walker_ref.c */
enum ref_kind { REF_ABSENT, REF_RSVD, REF_TABLE, REF_LEAF };
/* @next: table or frame; @shift: log2 of a leaf's size */
struct ref_step {
	enum ref_kind kind;
	u64 next;
	unsigned int shift;
	bool w, u, nx;
};
unsigned int ref_levels(const struct mmu_regs *regs);
unsigned int ref_entry_size(const struct mmu_regs *regs);
gpa_t ref_entry_gpa(const struct mmu_regs *regs, unsigned int level, u64 table, u64 va);
struct ref_step ref_decode(const struct mmu_regs *regs, unsigned int level, u64 raw);
bool ref_pdptes_ok(const struct mmu_regs *regs, const u64 pdpte[4]);
u64 ref_root(const struct mmu_regs *regs, u64 cr3);
gpa_t ref_space(const struct mmu_regs *regs);
bool ref_permits(const struct mmu_regs *regs, const struct mmu_access *access, bool w, bool u,
		 bool nx);
u32 ref_error(const struct mmu_regs *regs, const struct mmu_access *access, u32 bits);
/* The walk as it is now; entry gpas are kept for A/D checks. */
struct ref_walk {
	bool fault, lost;	/* lost: the host has no memory for a table */
	u32 error;
	gpa_t gpa;
	unsigned int nr;
	gpa_t entry[5];
	unsigned int entry_level[5];
	unsigned int shift;
	bool w, u, nx;
};
void ref_walk_now(const struct mmu_regs *regs, const u64 pdpte[4], u64 va,
		  const struct mmu_access *access, struct ref_walk *walk);

/* oracle.c */
enum outcome_kind { OUT_RAM, OUT_FAULT, OUT_MMIO, OUT_ERROR };
/* @hpa: RAM; @gpa: MMIO or emulated; @error: FAULT; @err: ERROR; @since: began then */
struct outcome {
	enum outcome_kind kind;
	hpa_t hpa;
	gpa_t gpa;
	u32 error;
	int err;
	u32 since;
	bool emulated;
	struct vpage *page;
};
bool oracle_allows(struct vcpu *v, u64 va, const struct mmu_access *access,
		   struct outcome *out);
void oracle_judge(struct vcpu *v, u64 va, const struct mmu_access *access,
		  struct outcome *out);
void oracle_check_ad(struct vcpu *v, u64 va, const struct mmu_access *access,
		     struct outcome *out);
void oracle_guest_flush(struct vcpu *v);
void oracle_set_cr3(struct vcpu *v, u64 cr3, const u64 pdpte[4], bool flush);
void oracle_invlpg(struct vcpu *v, u64 va);
void oracle_invpcid(struct vcpu *v, unsigned int type, unsigned int pcid, u64 va);
void oracle_mmu_wrote_entry(gpa_t gpa, u64 before, u64 after, unsigned int len);

/* cpu.c: the guest's instructions; each outcome is judged by the oracle. */
struct outcome guest_access(struct vcpu *v, u64 va, struct mmu_access access);
struct outcome guest_load(struct vcpu *v, u64 va, unsigned int len, u64 *value);
struct outcome guest_store(struct vcpu *v, u64 va, u64 value, unsigned int len);
struct outcome guest_store_as(struct vcpu *v, u64 va, const void *src, unsigned int len,
			      struct mmu_access access);
struct outcome guest_cmpxchg(struct vcpu *v, u64 va, u64 old, u64 new, unsigned int len);
void guest_write_table(struct vcpu *v, gpa_t gpa, u64 value, unsigned int len);
void guest_set_mode(struct vcpu *v, u64 cr0, u64 cr4, u64 efer);
void guest_set_smm(struct vcpu *v, bool smm);
int guest_set_cr3(struct vcpu *v, u64 cr3);
int guest_set_cr3_noflush(struct vcpu *v, u64 cr3);
void guest_invlpg(struct vcpu *v, u64 va);
void guest_flush(struct vcpu *v);
void guest_invpcid(struct vcpu *v, unsigned int type, unsigned int pcid, u64 va);
void guest_enter(struct vcpu *v);
extern bool emulate_unknown;	/* the emulator knows no table writes: unprotect */
/* Every fault is answered where it may sleep: by a walk of the guest's tables. */
extern bool only_long_way;

#define READ_	((struct mmu_access){ 0 })
#define WRITE_	((struct mmu_access){ .write = true })
#define FETCH_	((struct mmu_access){ .fetch = true })
#define UREAD	((struct mmu_access){ .user = true })
#define UWRITE	((struct mmu_access){ .write = true, .user = true })
#define UFETCH	((struct mmu_access){ .fetch = true, .user = true })

#endif
