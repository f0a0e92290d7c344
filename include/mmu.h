/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The shadow MMU's contract. Nothing outside mmu/ touches a spte or a shadow
 * page; nothing in mmu/ knows a vendor, a vCPU's other state or a VM's file.
 *
 * Terms: 'guest state' is what the guest believes (its CR0, CR3 ...); 'root'
 * is what the processor really walks.
 */
#ifndef UMBRA_MMU_H
#define UMBRA_MMU_H

#include <linux/list.h>
#include <linux/spinlock.h>

#include "types.h"
#include "memslot.h"
#include "stats.h"

struct shadow_page;
struct pt_format;
struct link_page;

/* Page-fault error code: Intel SDM 3A 4.7, AMD APM 2 8.4.2. */
#define PFERR_PRESENT	(1u << 0)
#define PFERR_WRITE	(1u << 1)
#define PFERR_USER	(1u << 2)
#define PFERR_RSVD	(1u << 3)
#define PFERR_FETCH	(1u << 4)

#define INVALID_ROOT	(~(hpa_t)0)

/**
 * union mmu_role - with the gfn, the identity of a shadow page
 * @word:	all of it, for comparing and hashing
 * @glevels:	guest paging levels: 0 (paging off), 2, 3, 4, 5
 * @level:	level of the shadow page, 1 (its entries map 4 KiB) to 5
 * @quadrant:	which part of a 32-bit guest table it shadows
 * @access:	ACC_* that the guest's entries above it grant
 * @metaphysical: no guest table behind it: paging off, or a large guest page;
 *		the gfn is then the first frame mapped
 * @wp:		CR0.WP
 * @nxe:	EFER.NXE: bit 63 is a permission, not reserved
 * @pse:	CR4.PSE, for 32-bit tables
 * @gbpages:	CPUID offers 1 GiB pages
 * @smep:	CR4.SMEP, only while @wp is clear (else it changes no spte)
 * @smap:	CR4.SMAP, only while @wp is clear
 * @maxphyaddr:	the guest's MAXPHYADDR, which says what bits are reserved
 * @smm:	the guest's addresses are those of SMM (GFN_SMM); uppermost, so that it is soon got
 */
union mmu_role {
	u32 word;
	struct {
		u32 glevels:4;
		u32 level:4;
		u32 quadrant:2;
		u32 access:3;
		u32 wp:1;
		u32 nxe:1;
		u32 pse:1;
		u32 metaphysical:1;
		u32 gbpages:1;
		u32 smep:1;
		u32 smap:1;
		u32 maxphyaddr:6;
		u32 unused:5;
		u32 smm:1;
	};
};

/* What the guest's entries allow: role.access and the walk's result. */
#define ACC_EXEC	1u
#define ACC_WRITE	2u
#define ACC_USER	4u
#define ACC_ALL		7u

/**
 * struct mmu_regs - the guest state that decides how addresses translate
 * @cr0: @cr3: @cr4: @efer: as the guest sees them
 * @maxphyaddr:	guest physical address bits, 32 to 52
 * @gbpages:	guest CPUID offers 1 GiB pages
 * @smm:	the processor is in SMM
 */
struct mmu_regs {
	u64 cr0, cr3, cr4, efer;
	u8 maxphyaddr;
	bool gbpages, smm;
};

/**
 * struct mmu_access - one access of the guest, as far as paging cares
 * @write: @fetch: what it does; neither is a read
 * @user:	made at CPL 3 (and not implicitly by the processor)
 * @ac:		EFLAGS.AC is set and the access is explicit: SMAP lets it pass
 */
struct mmu_access {
	bool write, fetch, user, ac;
};

/**
 * enum mmu_verdict - what the caller of mmu_fault() does next
 * @MMU_FIXED:	a spte was set; enter again
 * @MMU_RETRY:	something changed under the walk; enter again
 * @MMU_EMULATE: emulate the instruction: MMIO, a read-only slot, or a write to
 *		a shadowed page table; mmu_fault.gpa is the address
 * @MMU_INJECT:	the guest's own fault: mmu_fault.inject_error and .gva
 * @MMU_ERROR:	mmu_fault.err says what the host lacks (-EFAULT, -ENOMEM,
 *		-EHWPOISON); for user space
 * @MMU_WAIT:	mmu_vcpu.atomic is set, and it can't be done without sleeping: call again
 */
enum mmu_verdict { MMU_FIXED, MMU_RETRY, MMU_EMULATE, MMU_INJECT, MMU_ERROR, MMU_WAIT };

/**
 * struct mmu_fault - a page fault of the hardware on shadow tables, and its result
 * @gva: @error: from the processor: faulting address and error code
 * @access:	what was attempted
 * @gpa:	result: guest physical address, with GPA_SMM in SMM (EMULATE)
 * @inject_error: result: architectural error code (INJECT)
 * @err:	result: negative errno (ERROR)
 * @to_table:	result: EMULATE because a shadowed page table is written
 * @self_map:	result: the table written also translates the address itself;
 *		dropping its shadow would not get the guest on
 */
struct mmu_fault {
	gva_t gva;
	u32 error;
	struct mmu_access access;

	gpa_t gpa;
	u32 inject_error;
	int err;
	bool to_table;
	bool self_map;
};

/* Preallocated, so that nothing allocates under the MMU lock. */
#define MMU_CACHE_OBJECTS 24
struct mmu_cache {
	unsigned int tables, pages;
	u64 *table[MMU_CACHE_OBJECTS];
	struct shadow_page *page[MMU_CACHE_OBJECTS];
};

/**
 * struct mmu_vm - the MMU's part of a VM; owned by mmu/
 * @lock:	protects everything here and all shadow pages of the VM
 * @hash:	shadow pages by gfn and role; 1 << @hash_bits buckets
 * @active:	all live shadow pages, roughly the least recently used first
 * @doomed:	zapped ones whose tables hardware may still walk until a flush
 * @orphans:	shadow pages about to be zapped: the guest took away their last parent
 * @unsync:	shadow pages out of sync, @nr_unsync of them
 * @writers:	guest writes through mmu_write_guest() and mmu_cmpxchg_guest() under way, if
 *		mmu_passthrough
 * @sync_clock:	counts changes of sptes in pages out of sync
 * @synced_at:	@sync_clock at the last of these changes
 * @vcpus:	all struct mmu_vcpu
 * @nr_pages: @max_pages: shadow pages alive, and the quota
 * @links:	where rmap and parent links live, see mmu/links.c
 * @tlb_dirty:	a spte lost rights with no flush since
 * @link_gen:	counts links made and dropped between shadow pages, and roots
 * @unsync_gen:	counts what may put pages out of sync below a root, or take them from there
 * @split_gen:	grows when a large guest page that was mapped in pieces loses them, and when a
 *		table is unlinked: an INVLPG, which covers all of the page and the links for
 *		all addresses, must then make the hardware forget more than the address
 * @reload:	a page of a root that is loaded was zapped, and its vCPUs are not told yet
 * @audit_failures: found by mmu_audit()
 * @work:	steps of a long operation since others last had a chance, see work_relax()
 * @commit_due:	something was zapped: page_commit() before the lock is let go
 * @audit_due:	something was freed, and the audit is on
 * @going:	sptes of a slot that is not found any more are being dropped
 * @smm:	there is, or was, a slot of SMM's: frames may be seen in two address spaces
 * @era:	grows when all shadow pages are dropped
 */
struct mmu_vm {
	spinlock_t lock;
	unsigned int work;
	unsigned int era;
	bool going, smm;
	bool commit_due, audit_due;
	struct hlist_head *hash;
	unsigned int hash_bits;
	struct list_head active;
	struct list_head doomed;
	struct list_head orphans;
	struct list_head unsync;
	unsigned int nr_unsync;
	unsigned int writers;
	u64 sync_clock, synced_at;
	struct list_head vcpus;
	unsigned long nr_pages, max_pages;
	struct {
		struct link_page **dir, **grown;
		u32 nr_dir, held, held_end;
		u32 head_pages, chunk_pages;
		u32 lowest_free;
		u32 free_chunk;
	} links;
	bool tlb_dirty;
	bool reload;
	unsigned long link_gen, unsync_gen;
	unsigned long split_gen;
	unsigned long audit_failures;
	struct mmu_stats stats;
};

#define MMU_ROOT_UNSYNC 8

/**
 * struct mmu_root - what a processor walks for one address space in one mode
 * @cr3:	the guest's top table
 * @pcid:	under which the guest loaded it last
 * @pdpte:	PAE's top entries
 * @role:	mmu_vcpu.role
 * @page:	shadow pages it is made of: one, or four for PAE
 * @hpa:	for CR3, or INVALID_ROOT
 * @level:	levels the processor walks
 * @left_at:	mmu_vm.sync_clock when the guest last left it: of what changed later, no TLB could
 *		hold an entry for this address space; 0: it can hold nothing at all
 * @used:	mmu_vcpu.root_uses when it was last taken up or flushed
 * @invlpgs:	mmu_vcpu.invlpgs when the guest last left it
 * @unsync_gen:	mmu_vm.unsync_gen when the pages out of sync below it were looked for
 * @unsync:	the @nr_unsync ones found; only their number if there are more
 */
struct mmu_root {
	u64 cr3;
	u16 pcid;
	union mmu_role role;
	u64 pdpte[4];
	struct shadow_page *page[4];
	hpa_t hpa;
	u8 level;
	u64 left_at;
	u64 used;
	unsigned long invlpgs;
	unsigned long unsync_gen;
	unsigned int nr_unsync;
	struct shadow_page *unsync[MMU_ROOT_UNSYNC];
};

/* Roots that a vCPU keeps at hand: kernel and user halves of several processes, CR0.WP off. */
#define MMU_ROOTS 32

/* PCIDs are told apart by so many low bits. */
#define MMU_PCIDS 16

/**
 * struct mmu_fetched - where mmu_fetch() found code, by one root
 * @page:	linear address >> 12
 * @link_gen:	mmu_vm.link_gen then
 * @sptep: @spte: the leaf, and what it was
 * @pfn:	the host's frame
 */
struct mmu_fetched {
	gva_t page;
	unsigned long link_gen;
	const u64 *sptep;
	u64 spte;
	hfn_t pfn;
};

/* A multiple of MMU_ROOTS: the place of an entry, and its page, tell the root. */
#define MMU_FETCHED 64

/**
 * struct mmu_vcpu - the MMU's part of a vCPU; owned by mmu/
 * @vm:		the VM it belongs to
 * @node:	in mmu_vm.vcpus
 * @regs:	guest state as last told by mmu_set_mode() and mmu_set_cr3()
 * @role:	base role of this mode; level, quadrant and access vary
 * @format:	the guest's page-table format, NULL with paging off
 * @reserved:	[level][is a leaf] bits that must be zero in the guest's entries
 * @pdpte:	PAE's four top entries, loaded with CR3
 * @roots:	those at hand; @root_uses counts their uses, and flushes of the loaded one
 * @invlpgs:	invalidations of single addresses
 * @root_hint:	by a hash of the address space: which root was it?
 * @flushed:	@root_uses when the guest last flushed all address spaces
 * @pcid_flushed: the same for those of one PCID
 * @root:	the one that fits the guest's state, or NULL
 * @root_hpa:	what the processor's CR3 must hold, or INVALID_ROOT; owned by
 *		mmu/, read by the run loop
 * @root_level:	levels the processor walks: 3 (PAE), 4 or 5
 * @root_nr:	which of @roots it is
 * @root_tag:	below MMU_ROOTS: translations by one root may stay in the TLB under this tag while
 *		another is loaded; always 0 without the parameter tags
 * @pae_tables:	a top table for each root of level 3, below 4 GiB
 * @atomic:	set by a caller that can't sleep: page faults are off (pagefault_disable())
 * @fetched:	what mmu_fetch() found
 * @expected:	the entry that the guest was last sent a fault for, by which root (NULL: none) and
 *		mmu_vm.link_gen
 * @split_seen:	mmu_vm.split_gen at the last INVLPG
 * @cache:	objects preallocated for this vCPU's next fault
 */
struct mmu_vcpu {
	struct mmu_vm *vm;
	struct list_head node;
	struct mmu_regs regs;
	union mmu_role role;
	const struct pt_format *format;
	u64 reserved[6][2];
	u64 pdpte[4];
	struct mmu_root roots[MMU_ROOTS];
	struct mmu_root *root;
	unsigned long invlpgs;
	u8 root_hint[64];
	u64 root_uses, flushed, pcid_flushed[MMU_PCIDS];
	hpa_t root_hpa;
	u8 root_level, root_nr, root_tag;
	u64 (*pae_tables)[4];
	bool atomic;
	struct mmu_fetched fetched[MMU_FETCHED];
	struct {
		const struct mmu_root *root;
		unsigned long link_gen;
		struct shadow_page *sp;
		unsigned int index;
	} expected;
	unsigned long split_seen;
	struct mmu_cache cache;
};

/**
 * mmu_init_pf_passthrough() - may the guest's own not-present faults go straight to it?
 * @filter:		the backend can leave them to the guest
 * @physical_bits:	of the host, see there: an entry not filled is marked by a reserved bit
 *
 * At load, before any VM. Leaves the decision in mmu_passthrough.
 */
void mmu_init_pf_passthrough(bool filter, unsigned int physical_bits);

/* Page faults with neither PFERR_PRESENT nor PFERR_FETCH are the guest's, and need not exit. */
extern bool mmu_passthrough;

/**
 * mmu_vm_init() - make the MMU part of a VM
 * @vm:	zeroed
 *
 * May sleep. Return: 0 or -ENOMEM.
 */
int mmu_vm_init(struct mmu_vm *vm);

/**
 * mmu_vm_destroy() - free every shadow page and all else
 * @vm:	no vCPU and no slot is left
 *
 * May sleep. Warns if an object was leaked.
 */
void mmu_vm_destroy(struct mmu_vm *vm);

/**
 * mmu_vm_zap_all() - drop every shadow page; running vCPUs reload their roots
 * @vm:	the VM
 *
 * May sleep; takes mmu_vm.lock; on return no processor uses an old translation. The caller
 * holds the slots.
 */
void mmu_vm_zap_all(struct mmu_vm *vm);

/**
 * mmu_vm_set_quota() - limit the number of shadow pages
 * @vm:		the VM
 * @pages:	new limit; raised to what one fault needs
 *
 * May sleep; takes mmu_vm.lock; the caller holds the slots. Drops pages above the limit.
 * KVM API 4.44 KVM_SET_NR_MMU_PAGES. Return: 0 or -ENOMEM.
 */
int mmu_vm_set_quota(struct mmu_vm *vm, unsigned long pages);

/**
 * mmu_vm_shrink() - give memory back to the host
 * @vm:	the VM
 * @nr:	how many shadow pages to drop, the least recently used first
 *
 * May sleep; takes mmu_vm.lock; the caller holds the slots.
 *
 * Return: how many were dropped (roots in use stay).
 */
unsigned long mmu_vm_shrink(struct mmu_vm *vm, unsigned long nr);

/**
 * mmu_vcpu_init() - make the MMU part of a vCPU: paging off, no root
 * @m:	zeroed
 * @vm:	its VM
 *
 * May sleep. Return: 0 or -ENOMEM.
 */
int mmu_vcpu_init(struct mmu_vcpu *m, struct mmu_vm *vm);

/**
 * mmu_vcpu_destroy() - let go of the root and the caches
 * @m:	not running
 */
void mmu_vcpu_destroy(struct mmu_vcpu *m);

/**
 * mmu_slot_create() - make the rmap heads of a new slot
 * @vm:		the VM
 * @slot:	not visible yet; rmap_base is filled in
 *
 * May sleep; takes mmu_vm.lock; the caller serialises slot changes.
 * Return: 0 or -ENOMEM.
 */
int mmu_slot_create(struct mmu_vm *vm, struct memslot *slot);

/**
 * mmu_slot_shown() - a new slot is found from now on
 * @vm:		the VM
 *
 * Tables in its frames that are shadowed in the other address space are to be watched in this one,
 * too. May sleep; takes mmu_vm.lock; the caller serialises slot changes. On return they are.
 */
void mmu_slot_shown(struct mmu_vm *vm);

/**
 * mmu_slot_gone() - remove every spte and shadow page of a slot's frames
 * @vm:		the VM
 * @slot:	lookups don't find it any more
 *
 * Takes mmu_vm.lock. On return no processor has a translation into the slot
 * and its shadow pages are gone.
 */
void mmu_slot_gone(struct mmu_vm *vm, struct memslot *slot);

/**
 * mmu_slot_free() - free the rmap heads
 * @vm:		the VM
 * @slot:	after mmu_slot_gone(), or never made visible
 */
void mmu_slot_free(struct mmu_vm *vm, struct memslot *slot);

/**
 * mmu_slot_wrprotect() - make all sptes of some frames read-only
 * @vm:		the VM
 * @slot:	a visible slot
 * @offset:	first frame in the slot
 * @mask:	frames from @offset on, bit 0 the first; ~0 for all 64
 *
 * Takes mmu_vm.lock. For the dirty log; large sptes over the frames are
 * dropped. Return: whether mmu_flush() is due before the log is shown.
 */
bool mmu_slot_wrprotect(struct mmu_vm *vm, const struct memslot *slot, u64 offset,
			unsigned long mask);

/**
 * mmu_flush() - make every processor forget translations of this VM
 * @vm:	the VM
 *
 * Takes mmu_vm.lock. On return nothing older than the call is used.
 */
void mmu_flush(struct mmu_vm *vm);

/**
 * mmu_zap_range() - remove the sptes of some frames (MMU notifier)
 * @vm:		the VM
 * @slot:	a visible slot
 * @first:	first gfn
 * @end:	first gfn after the range; both inside the slot
 * @relax:	in a long range the lock may be let go for a moment, and the thread may sleep; the
 *		slot must stay, and nothing in the range be mapped meanwhile
 *
 * mmu_vm.lock is held. Return: whether host_flush_remote() is due.
 */
bool mmu_zap_range(struct mmu_vm *vm, const struct memslot *slot, gfn_t first, gfn_t end,
		   bool relax);

/**
 * mmu_age_range() - were these frames used?
 * @vm: @slot: @first: @end: as for mmu_zap_range()
 * @clear:	forget that they were
 *
 * mmu_vm.lock is held. Return: whether an accessed bit was set.
 */
bool mmu_age_range(struct mmu_vm *vm, const struct memslot *slot, gfn_t first, gfn_t end,
		   bool clear);

/**
 * mmu_set_mode() - CR0, CR4, EFER or CPUID changed
 * @m:		the vCPU
 * @regs:	the guest's new state, CR3 too
 *
 * The root is another if translations may differ. PDPTEs are not loaded: where the
 * change loads them (Intel SDM 3A 4.4.1) the caller calls mmu_set_cr3() next.
 * The guest's TLB counts as flushed, unless only CR0.WP changed.
 */
void mmu_set_mode(struct mmu_vcpu *m, const struct mmu_regs *regs);

/**
 * mmu_set_cr3() - the guest loads CR3
 * @m:		the vCPU
 * @cr3:	new value; bit 63 (no flush, with CR4.PCIDE) is taken off by the caller
 * @flush:	translations of this address space are to be forgotten
 *
 * A root that is at hand is taken up at once, without a lock if nothing is to be synced.
 *
 * In PAE mode the four PDPTEs are read from guest memory and checked.
 * May sleep (guest memory), unless mmu_vcpu.atomic. Intel SDM 3A 4.4.1, 4.10.4; AMD APM 2 5.2.3.
 * Return: 0, or -EINVAL if a PDPTE has reserved bits set (the caller injects
 * #GP; nothing was changed), or -EFAULT if the VMM's memory is not there.
 */
int mmu_set_cr3(struct mmu_vcpu *m, u64 cr3, bool flush);

/**
 * mmu_set_pdptes() - load the PDPTE registers with what is not in guest memory
 * @m:		the vCPU, after mmu_set_mode() in PAE mode
 * @pdpte:	not trusted
 *
 * Return: 0, or -EINVAL for reserved bits; nothing was changed then.
 */
int mmu_set_pdptes(struct mmu_vcpu *m, const u64 pdpte[4]);

/**
 * mmu_get_pdptes() - the four PDPTE registers, as loaded last
 * @m:	the vCPU
 * @pdpte: filled in
 */
void mmu_get_pdptes(const struct mmu_vcpu *m, u64 pdpte[4]);

/**
 * mmu_load_root() - have a root to run on
 * @m:	the vCPU, about to be entered
 *
 * Looks the shadow pages of CR3 up in the hash table, makes what is missing,
 * and sets root_hpa and root_level. Nothing to do if the root is still good.
 * May sleep; takes mmu_vm.lock. Return: 0 or -ENOMEM.
 */
int mmu_load_root(struct mmu_vcpu *m);

/**
 * mmu_drop_root() - let go of all roots
 * @m:	the vCPU, not in guest mode
 *
 * The next entry must call mmu_load_root(). Takes mmu_vm.lock; the caller holds the slots.
 */
void mmu_drop_root(struct mmu_vcpu *m);

/**
 * mmu_root_ok() - is the root there and not zapped?
 * @m:	the vCPU
 *
 * Any context; the answer stands while the caller keeps host_request_reload()
 * from being missed (the run loop checks requests after it announced guest mode).
 */
bool mmu_root_ok(const struct mmu_vcpu *m);

/**
 * mmu_fault() - the processor found no way through the shadow tables
 * @m:	the vCPU; its root is loaded
 * @f:	the fault; results are filled in
 *
 * Walks the guest's tables, sets accessed and dirty bits in them, gets the
 * host frame and sets a spte. May sleep unless mmu_vcpu.atomic; takes mmu_vm.lock;
 * the caller holds the slots (SRCU). Return: a verdict.
 */
enum mmu_verdict mmu_fault(struct mmu_vcpu *m, struct mmu_fault *f);

/**
 * mmu_fetch() - the code at an address from which the processor has just executed
 * @m:		the vCPU
 * @gva:	linear address of an instruction
 * @code: @len:	where to, and how much
 *
 * Goes by the shadow tables, as the processor did, with no permission checks. Any context but
 * interrupts; takes mmu_vm.lock. Return: how many bytes; no more than are in the same page.
 */
unsigned int mmu_fetch(struct mmu_vcpu *m, gva_t gva, void *code, unsigned int len);

/**
 * mmu_peek() - 8 bytes of the kernel's own data
 * @m:	the vCPU, at CPL 0
 * @gva: linear address
 * @data: filled in
 *
 * A load that needs nothing but what the shadow tables hold. As mmu_fetch() otherwise.
 * Return: whether all 8 bytes are in a page that is mapped, and not for the user.
 */
bool mmu_peek(struct mmu_vcpu *m, gva_t gva, u64 *data);

/**
 * mmu_translate() - translate as an access of the guest would
 * @m:		the vCPU
 * @gva:	linear address
 * @access:	what is attempted; NULL: no permission checks, no A/D update
 *		(KVM_TRANSLATE, debuggers)
 * @gpa:	result, with GPA_SMM in SMM
 * @error:	result: architectural page-fault error code
 *
 * May sleep; the caller holds the slots. Return: 0; -EFAULT: the guest's page
 * fault, @error is set; -EAGAIN: the tables changed meanwhile, try again.
 */
int mmu_translate(struct mmu_vcpu *m, gva_t gva, const struct mmu_access *access,
		  gpa_t *gpa, u32 *error);

/**
 * mmu_write_guest() - write guest memory, and notice if it is a page table
 * @m:		the vCPU on whose behalf
 * @gpa:	where, with GPA_SMM in SMM's address space; [@gpa, @gpa + @len) is in one page
 * @src: @len:	what; a naturally aligned 1, 2, 4 or 8 bytes are stored at once
 *
 * Shadow pages of the frame are brought up to date. May sleep; takes
 * mmu_vm.lock; the caller holds the slots.
 * Return: 0; -ENXIO: no slot there or a read-only one; -EFAULT: the VMM's memory is not there.
 */
int mmu_write_guest(struct mmu_vcpu *m, gpa_t gpa, const void *src, unsigned int len);

/**
 * mmu_cmpxchg_guest() - compare and exchange guest memory atomically
 * @m: @gpa:	as for mmu_write_guest()
 * @old: @new: @len: 1, 2, 4, 8 or 16 bytes, naturally aligned
 *
 * Return: 0 exchanged; 1 memory differs from @old; -EINVAL misaligned; else as mmu_write_guest().
 */
int mmu_cmpxchg_guest(struct mmu_vcpu *m, gpa_t gpa, const void *old, const void *new,
		      unsigned int len);

/**
 * mmu_read_guest() - read guest memory
 * @m: @gpa: @dst: @len: as for mmu_write_guest()
 *
 * Return: 0; -ENXIO: no slot; -EFAULT.
 */
int mmu_read_guest(struct mmu_vcpu *m, gpa_t gpa, void *dst, unsigned int len);

/**
 * mmu_unprotect() - drop all shadows of a frame, so that it can be written
 * @m:	the vCPU whose instruction can't be emulated
 * @gpa: an address in the frame
 *
 * Takes mmu_vm.lock. Return: whether there was a shadow to drop (if not, a
 * retry would not help).
 */
bool mmu_unprotect(struct mmu_vcpu *m, gpa_t gpa);

/**
 * mmu_invlpg() - the guest invalidates one address in the current address space
 * @m:	the vCPU
 * @gva: any linear address; non-canonical is a no-op
 *
 * Takes mmu_vm.lock if there is something to sync. Intel SDM 3A 4.10.4.1.
 */
void mmu_invlpg(struct mmu_vcpu *m, gva_t gva);

/**
 * mmu_flush_address() - the guest invalidates one address in another address space
 * @m:		the vCPU
 * @pcid:	not the current one
 * @gva:	any linear address
 *
 * INVPCID of type 0. Takes mmu_vm.lock if there is something to sync. Intel SDM 3A 4.10.4.1.
 */
void mmu_flush_address(struct mmu_vcpu *m, u64 pcid, gva_t gva);

/**
 * mmu_flush_guest() - the guest forgets all its translations
 * @m:	the vCPU
 *
 * INVPCID of types 2 and 3. Intel SDM 3A 4.10.4.1; over-flushing is always right.
 */
void mmu_flush_guest(struct mmu_vcpu *m);

/**
 * mmu_flush_pcid() - the guest forgets its translations of one address space
 * @m:		the vCPU
 * @pcid:	which; 0 if CR4.PCIDE is clear
 *
 * INVPCID of type 1. Intel SDM 3A 4.10.4.1.
 */
void mmu_flush_pcid(struct mmu_vcpu *m, u64 pcid);

/**
 * mmu_audit() - check invariants 1 to 6 of Documentation/mmu.md
 * @vm:	the VM
 *
 * Takes mmu_vm.lock; the caller holds the slots. Each breach is printed. Return: how many.
 */
unsigned long mmu_audit(struct mmu_vm *vm);

/**
 * mmu_stats_snapshot() - copy the counters
 * @vm:		the VM
 * @stats:	filled in
 */
void mmu_stats_snapshot(struct mmu_vm *vm, struct mmu_stats *stats);

#endif
