// SPDX-License-Identifier: GPL-2.0-only
/*
 * The host under the MMU: the only file of mmu/ that knows Linux' memory
 * management. Guest memory is the VMM's own; no page stays pinned, the MMU
 * notifier (memslot.c) tells when one goes.
 *
 * Floor 0.
 */
#include <linux/highmem.h>
#include <linux/mm.h>
#include <linux/pgtable.h>
#include <linux/printk.h>
#include <linux/sched.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "compat.h"
#include "dirty_ring.h"
#include "host.h"
#include "request.h"
#include "slots.h"
#include "vcpu.h"
#include "vendor.h"
#include "vm.h"

/* ---- memory ---- */

static u64 *alloc_table(gfp_t zone)
{
	return (u64 *)__get_free_page(GFP_KERNEL_ACCOUNT | __GFP_ZERO | zone);
}

u64 *host_alloc_table(void)
{
	return alloc_table(0);
}

/* PAE's top table must be below 4 GiB: CR3 has 32 bits there. */
u64 *host_alloc_table_low(void)
{
	return alloc_table(__GFP_DMA32);
}

void host_free_table(u64 *table)
{
	if (!table)
		return;
	set_page_private(virt_to_page(table), 0);
	free_page((unsigned long)table);
}

hpa_t host_table_hpa(const u64 *table)
{
	return __pa(table);
}

void host_table_set_owner(u64 *table, void *owner)
{
	set_page_private(virt_to_page(table), (unsigned long)owner);
}

void *host_table_owner(hpa_t hpa)
{
	return (void *)page_private(pfn_to_page(hpa >> PAGE_SHIFT));
}

void *host_alloc(size_t size)
{
	return kvzalloc(size, GFP_KERNEL_ACCOUNT);
}

void host_free(void *p)
{
	kvfree(p);
}

/* ---- guest frames ---- */

struct memslot *host_slot(struct mmu_vm *vm, gfn_t gfn)
{
	return memslot_find(mmu_to_vm(vm), gfn);
}

/* Read before the page is looked up; host_page_stale() reads it again after. */
static void page_begin(struct mmu_vm *vm, struct host_page *page)
{
	page->seq = READ_ONCE(mmu_to_vm(vm)->inval_seq);
	smp_rmb();
}

/**
 * struct host_leaf - what translates an address
 * @pte:	the entry, of any level in the form of the lowest
 * @level:	its level: 1, 2 or 3
 */
struct host_leaf {
	pte_t pte;
	int level;
};

/*
 * Interrupts are off, so that the tables stay. Large leaves have no bit that small ones lack, but
 * that of their memory type: it may be among those of the frame.
 */
static __always_inline bool walk_leaf(struct mm_struct *mm, unsigned long addr,
				      struct host_leaf *leaf)
{
	pgd_t pgd = READ_ONCE(*pgd_offset(mm, addr));
	p4d_t p4d;
	pud_t pud;
	pmd_t pmd;

	if (pgd_none(pgd))
		return false;
	p4d = READ_ONCE(*p4d_offset(&pgd, addr));
	if (!p4d_present(p4d))
		return false;
	pud = READ_ONCE(*pud_offset(&p4d, addr));
	if (!pud_present(pud))
		return false;
	if (pud_leaf(pud)) {
		*leaf = (struct host_leaf){ pte_clrhuge(__pte(pud_val(pud))), 3 };
		return !(pud_val(pud) & _PAGE_PAT_LARGE);
	}
	pmd = READ_ONCE(*pmd_offset(&pud, addr));
	if (!pmd_present(pmd))
		return false;
	if (pmd_leaf(pmd)) {
		*leaf = (struct host_leaf){ pte_clrhuge(__pte(pmd_val(pmd))), 2 };
		return !(pmd_val(pmd) & _PAGE_PAT_LARGE);
	}
	*leaf = (struct host_leaf){ READ_ONCE(*pte_offset_kernel(&pmd, addr)), 1 };
	return true;
}

/* Memory that is not plain, and write-back, is left to get_user_pages() to judge. */
static bool leaf_usable(pte_t pte, bool write)
{
	const u64 never = _PAGE_SPECIAL | _PAGE_DEVMAP | _PAGE_PKEY_MASK | _PAGE_CACHE_MASK;
	u64 need = _PAGE_PRESENT | _PAGE_USER;

	/* A page that is not dirty yet would have to be marked: not without a reference. */
	if (write)
		need |= _PAGE_RW | _PAGE_DIRTY;
	return (pte_val(pte) & (need | never)) == need;
}

/*
 * What the kernel took out of its own map of all memory (memfd_secret, poison) is neither to be
 * read by it nor to be mapped elsewhere. It is taken out before any process gets to map it, and
 * anonymous memory never is: poison is unmapped by then.
 */
static bool kernel_has(struct mm_struct *mm, hfn_t pfn)
{
	struct host_leaf leaf;

	if (likely(PageAnon(pfn_to_page(pfn))))
		return true;
	return walk_leaf(mm, (unsigned long)pfn_to_kaddr(pfn), &leaf) &&
	       (pte_val(leaf.pte) & _PAGE_PRESENT);
}

static hfn_t leaf_pfn(const struct host_leaf *leaf, unsigned long hva)
{
	return pte_pfn(leaf->pte) + (hva >> PAGE_SHIFT & ((1ul << 9 * (leaf->level - 1)) - 1));
}

static bool walk_host(struct host_page *page, struct mm_struct *mm, unsigned long hva, bool write)
{
	struct host_leaf leaf;

	if (!walk_leaf(mm, hva, &leaf) || !leaf_usable(leaf.pte, write))
		return false;
	page->pfn = leaf_pfn(&leaf, hva);
	page->writable = leaf_usable(leaf.pte, true);
	page->foreign = false;
	page->level = leaf.level;
	page->ref = NULL;
	return kernel_has(mm, page->pfn);
}

/*
 * Most frames are there: then no reference is taken. The notifier comes by before the host's
 * entry changes, and whoever maps the frame looks for it under the lock (host_page_stale()).
 */
static bool page_lookup(struct host_page *page, unsigned long hva, bool write)
{
	unsigned long flags;
	bool found;

	local_irq_save(flags);
	found = walk_host(page, current->mm, hva, write);
	local_irq_restore(flags);
	return found;
}

/* With a reference; how large the host maps it is not known. */
static void page_found(struct host_page *page, struct page *p, bool writable)
{
	page->pfn = page_to_pfn(p);
	page->ref = p;
	page->writable = writable;
	page->foreign = false;
	page->level = 1;
}

/* As page_lookup(), where a device or the kernel has put whatever it likes into the tables. */
static bool foreign_lookup(struct host_page *page, unsigned long hva, bool write)
{
	u64 need = _PAGE_PRESENT | _PAGE_USER | (write ? _PAGE_RW : 0);
	struct host_leaf leaf;
	unsigned long flags;
	bool found;

	local_irq_save(flags);
	found = walk_leaf(current->mm, hva, &leaf);
	local_irq_restore(flags);
	if (!found || (pte_val(leaf.pte) & need) != need)
		return false;
	*page = (struct host_page){
		.pfn = leaf_pfn(&leaf, hva), .writable = pte_val(leaf.pte) & _PAGE_RW,
		.foreign = true, .level = 1, .memtype = pte_val(leaf.pte) & _PAGE_CACHE_MASK,
		.seq = page->seq,
	};
	return true;
}

/*
 * Memory that get_user_pages() does not give out (VM_IO, VM_PFNMAP). It may have no struct page,
 * and takes no reference: the notifier comes by before it goes.
 */
static int page_get_foreign(struct host_page *page, unsigned long hva, bool write)
{
	unsigned long rights = VM_READ | (write ? VM_WRITE : 0);
	struct mm_struct *mm = current->mm;
	struct vm_area_struct *vma;
	bool unlocked = false;
	int r = -EFAULT;

	mmap_read_lock(mm);
	vma = vma_lookup(mm, hva);
	if (!vma || !(vma->vm_flags & (VM_IO | VM_PFNMAP)) || (vma->vm_flags & rights) != rights)
		goto out;
	r = 0;
	if (foreign_lookup(page, hva, write))
		goto out;
	r = fixup_user_fault(mm, hva, write ? FAULT_FLAG_WRITE : 0, &unlocked);
	if (!r && unlocked)
		r = -EAGAIN;
	else if (!r && !foreign_lookup(page, hva, write))
		r = -EFAULT;
out:
	mmap_read_unlock(mm);
	return r;
}

static int page_get_slow(struct host_page *page, unsigned long hva, bool write)
{
	struct page *p;
	long r = get_user_pages_unlocked(hva, 1, &p, FOLL_HWPOISON | (write ? FOLL_WRITE : 0));

	if (r == 1) {
		if (page_lookup(page, hva, write))
			put_page(p);
		else
			page_found(page, p, write);
		return 0;
	}
	if (r == -EFAULT)
		r = page_get_foreign(page, hva, write);
	if (!r || r == -EHWPOISON || r == -EAGAIN || r == -ENOMEM)
		return r;
	return fatal_signal_pending(current) ? -EINTR : -EFAULT;
}

int host_page_get(struct mmu_vm *vm, const struct memslot *slot, gfn_t gfn, bool write,
		  struct host_page *page)
{
	unsigned long hva = memslot_hva(slot, gfn);

	page_begin(vm, page);
	if (page_lookup(page, hva, write))
		return 0;
	return page_get_slow(page, hva, write);
}

int host_page_get_fast(struct mmu_vm *vm, const struct memslot *slot, gfn_t gfn, bool write,
		       struct host_page *page)
{
	unsigned long hva = memslot_hva(slot, gfn);
	struct page *p;

	page_begin(vm, page);
	if (page_lookup(page, hva, write))
		return 0;
	if (!get_user_page_fast_only(hva, write ? FOLL_WRITE : 0, &p))
		return -EFAULT;
	page_found(page, p, write);
	return 0;
}

bool host_page_stale(struct mmu_vm *mmu, const struct host_page *page, gfn_t gfn)
{
	struct vm *vm = mmu_to_vm(mmu);

	lockdep_assert_held(&mmu->lock);
	/* A range in progress may be any; the fault comes again in a moment. */
	return vm->inval_count || vm->inval_seq != page->seq;
}

void host_page_put(struct host_page *page, bool dirty)
{
	struct page *p = page->ref;

	if (!p)
		return;
	if (dirty && !PageReserved(p))
		SetPageDirty(p);
	put_page(p);
}

void host_read_frame(hfn_t pfn, unsigned int offset, void *dst, unsigned int len)
{
	const void *from = pfn_to_kaddr(pfn) + offset;

	if (len == 16)	/* an instruction: two words */
		memcpy(dst, from, 16);
	else
		memcpy(dst, from, len);
}

/* ---- guest memory ---- */

static void __user *guest_ptr(const struct memslot *slot, gpa_t gpa)
{
	return (void __user *)(memslot_hva(slot, gpa >> PAGE_SHIFT) + offset_in_page(gpa));
}

/* Aligned powers of two are single copies, so that entries are never torn. */
static unsigned int single_copy(gpa_t gpa, unsigned int len)
{
	return len <= 8 && is_power_of_2(len) && IS_ALIGNED(gpa, len) ? len : 0;
}

/* Entries of a table. */
static int read_words(u64 *dst, const u64 __user *from, unsigned int n)
{
	unsigned int i;

	if (!user_read_access_begin(from, n * sizeof(*from)))
		return -EFAULT;
	for (i = 0; i < n; i++)
		unsafe_get_user(dst[i], from + i, fault);
	user_read_access_end();
	return 0;
fault:
	user_read_access_end();
	return -EFAULT;
}

#define READ_AS(type) get_user(*(type *)dst, (type __user *)from)

/* A few bytes at any address, such as code: cheaper word by word than as a copy. */
static int read_short(void *dst, void __user *from, unsigned int len)
{
	for (; len >= 8; len -= 8, dst += 8, from += 8)
		if (READ_AS(u64))
			return -EFAULT;
	for (; len; len--, dst++, from++)
		if (READ_AS(u8))
			return -EFAULT;
	return 0;
}

int host_read(struct mmu_vm *vm, gpa_t gpa, void *dst, unsigned int len)
{
	const struct memslot *slot = host_slot(vm, gpa >> PAGE_SHIFT);
	void __user *from;

	if (!slot)
		return -ENXIO;
	from = guest_ptr(slot, gpa);
	switch (single_copy(gpa, len)) {
	case 1:
		return READ_AS(u8);
	case 2:
		return READ_AS(u16);
	case 4:
		return READ_AS(u32);
	case 8:
		return READ_AS(u64);
	}
	if (len < 16)
		return read_short(dst, from, len);
	if (len <= 256 && IS_ALIGNED(gpa | len, 8))
		return read_words(dst, from, len / 8);
	return copy_from_user(dst, from, len) ? -EFAULT : 0;
}

int host_read_atomic(struct mmu_vm *vm, gpa_t gpa, void *dst, unsigned int len)
{
	int r;

	/* A reader of debugfs has other memory at these addresses. */
	if (current->mm != mmu_to_vm(vm)->mm)
		return -EFAULT;
	/* With page faults off, an absent page is an error instead of a sleep. */
	pagefault_disable();
	r = host_read(vm, gpa, dst, len);
	pagefault_enable();
	return r;
}

unsigned int host_first_changed(struct mmu_vm *vm, gpa_t gpa, const u64 *known, unsigned int nr,
				u64 *now)
{
	const struct memslot *slot = host_slot(vm, gpa >> PAGE_SHIFT);
	const u64 __user *from;
	unsigned int i = 0;
	u64 word;

	*now = 0;
	if (!slot || current->mm != mmu_to_vm(vm)->mm)
		return 0;
	from = guest_ptr(slot, gpa);
	pagefault_disable();
	if (!user_read_access_begin(from, nr * sizeof(*from)))
		goto out;
	for (; i < nr; i++) {
		unsafe_get_user(word, from + i, fault);
		if (word != known[i]) {
			*now = word;
			break;
		}
	}
fault:
	user_read_access_end();
out:
	pagefault_enable();
	return i;
}

#define WRITE_AS(type) put_user(*(const type *)src, (type __user *)to)

static int write_user(gpa_t gpa, void __user *to, const void *src, unsigned int len)
{
	switch (single_copy(gpa, len)) {
	case 1:
		return WRITE_AS(u8);
	case 2:
		return WRITE_AS(u16);
	case 4:
		return WRITE_AS(u32);
	case 8:
		return WRITE_AS(u64);
	default:
		return copy_to_user(to, src, len) ? -EFAULT : 0;
	}
}

int host_write(struct mmu_vm *vm, gpa_t gpa, const void *src, unsigned int len)
{
	const struct memslot *slot = host_slot(vm, gpa >> PAGE_SHIFT);
	int r;

	if (!slot || (slot->flags & MEMSLOT_READONLY))
		return -ENXIO;
	r = write_user(gpa, guest_ptr(slot, gpa), src, len);
	if (!r)
		host_mark_dirty(slot, gpa >> PAGE_SHIFT);
	return r;
}

/* 0 exchanged, 1 differs, -EFAULT; the kernel's macro defines the label. */
#define CMPXCHG_AS(type) ({						\
	type expected = *(const type *)old;				\
	__try_cmpxchg_user((type __user *)to, &expected,		\
			   *(const type *)new, fault_##type);		\
})

static int cmpxchg_user(void __user *to, const void *old, const void *new, unsigned int len)
{
	switch (len) {
	case 1:
		return CMPXCHG_AS(u8);
	case 2:
		return CMPXCHG_AS(u16);
	case 4:
		return CMPXCHG_AS(u32);
	default:
		return CMPXCHG_AS(u64);
	}
}

static bool cmpxchg16b(void *p, const u64 old[2], const u64 new[2])
{
	u64 lo = old[0], hi = old[1];
	bool done;

	asm volatile("lock cmpxchg16b %1"
		     : "=@ccz" (done), "+m" (*(u64 (*)[2])p), "+a" (lo), "+d" (hi)
		     : "b" (new[0]), "c" (new[1])
		     : "memory");
	return done;
}

/* The kernel has no 16-byte exchange of user memory: through the page. */
static int cmpxchg_page(void __user *to, const void *old, const void *new)
{
	unsigned long hva = (unsigned long)to;
	struct page *page;
	void *p;
	int r;

	if (!boot_cpu_has(X86_FEATURE_CX16))
		return -EINVAL;
	if (get_user_pages_fast(hva & PAGE_MASK, 1, FOLL_WRITE, &page) != 1)
		return -EFAULT;
	p = kmap_local_page(page);
	r = cmpxchg16b(p + offset_in_page(hva), old, new) ? 0 : 1;
	kunmap_local(p);
	if (!r)
		SetPageDirty(page);
	put_page(page);
	return r;
}

int host_cmpxchg(struct mmu_vm *vm, gpa_t gpa, const void *old, const void *new,
		 unsigned int len)
{
	const struct memslot *slot = host_slot(vm, gpa >> PAGE_SHIFT);
	int r;

	if (!slot || (slot->flags & MEMSLOT_READONLY))
		return -ENXIO;
	if (!is_power_of_2(len) || len > 16 || !IS_ALIGNED(gpa, len))
		return -EINVAL;
	if (len == 16)
		r = cmpxchg_page(guest_ptr(slot, gpa), old, new);
	else
		r = cmpxchg_user(guest_ptr(slot, gpa), old, new, len);
	if (!r)
		host_mark_dirty(slot, gpa >> PAGE_SHIFT);
	return r;
}

int host_cmpxchg_atomic(struct mmu_vm *vm, gpa_t gpa, const void *old, const void *new,
			unsigned int len)
{
	int r;

	pagefault_disable();
	r = host_cmpxchg(vm, gpa, old, new, len);
	pagefault_enable();
	return r;
}

void host_mark_dirty(const struct memslot *slot, gfn_t gfn)
{
	struct vcpu *vcpu = this_cpu_read(vcpu_loaded);

	if (!(slot->flags & MEMSLOT_LOG_DIRTY))
		return;
	if (vcpu && vcpu->ring.size)
		dirty_ring_push(vcpu, slot->id, memslot_index(slot, gfn));
	else if (slot->dirty_bitmap)
		set_bit(memslot_index(slot, gfn), slot->dirty_bitmap);
	else
		WARN_ON_ONCE(1);
}

/* ---- flushes ---- */

void host_flush_remote(struct mmu_vm *vm)
{
	vm_make_request(mmu_to_vm(vm), REQ_FLUSH_TLB);
}

void host_request_reload(struct mmu_vm *vm)
{
	vm_make_request(mmu_to_vm(vm), REQ_RELOAD_ROOT);
}

void host_flush_vcpu(struct mmu_vcpu *m)
{
	vcpu_flush_tlb(mmu_to_vcpu(m));
}

void host_flush_root(struct mmu_vcpu *m)
{
	mmu_to_vcpu(m)->flush_tags |= BIT(m->root_tag);
}

void host_flush_gva(struct mmu_vcpu *m, gva_t gva)
{
	vendor(flush_gva)(mmu_to_vcpu(m), gva);
}

void host_relax(struct mmu_vm *vm)
{
	cond_resched_lock(&vm->lock);
}

bool host_pause(void)
{
	cond_resched();
	return !fatal_signal_pending(current);
}

bool host_itlb_multihit(void)
{
	return boot_cpu_has_bug(X86_BUG_ITLB_MULTIHIT);
}

void host_complain(const char *fmt, ...)
{
	struct va_format vaf;
	va_list args;

	va_start(args, fmt);
	vaf.fmt = fmt;
	vaf.va = &args;
	pr_err_ratelimited("umbra: %pV\n", &vaf);
	va_end(args);
}
