// SPDX-License-Identifier: GPL-2.0-only
/* mmu/host.h for the model machine, and what the shim headers leave open. */
#include <malloc.h>
#include <stdarg.h>

#include <linux/moduleparam.h>
#include <linux/spinlock.h>

#include "host.h"
#include "machine.h"

struct machine mach;
bool mach_multihit;

static const hpa_t table_base[2] = { 0x1000000000ull, 0x100000ull };

void __attribute__((weak)) machine_fail(const char *fmt, ...)
{
	va_list args;

	fflush(stdout);
	fputs("# ", stderr);
	va_start(args, fmt);
	vfprintf(stderr, fmt, args);
	va_end(args);
	fputc('\n', stderr);
	if (getenv("UMBRA_ABORT"))
		abort();
	_Exit(1);
}

void shim_warn(const char *file, int line, const char *what)
{
	machine_fail("WARN at %s:%d: %s", file, line, what);
}

static struct { const char *name; void *var; size_t size; } params[32];
static unsigned int nr_params;

void shim_param_add(const char *name, void *var, size_t size)
{
	params[nr_params].name = name;
	params[nr_params].var = var;
	params[nr_params++].size = size;
}

/* Return: what it was. */
long shim_param_set(const char *name, long value)
{
	unsigned int i;
	long was = 0;

	for (i = 0; i < nr_params; i++) {
		if (strcmp(params[i].name, name))
			continue;
		memcpy(&was, params[i].var, params[i].size);
		memcpy(params[i].var, &value, params[i].size);
		return was;
	}
	machine_fail("mmu/ has no parameter '%s'", name);
}

void hook(const char *where)
{
	if (mach.hook)
		mach.hook(where);
}

/* Called in each basic block of mmu/ (-fsanitize-coverage=trace-pc). */
void __sanitizer_cov_trace_pc(void)
{
	mach.held_blocks++;
	if (mach.at_block && !--mach.at_block)
		mach.block_hook();
}

void shim_lock(spinlock_t *lock)
{
	EXPECT(!lock->held, "the lock is taken twice");
	lock->held = 1;
	mach.held_blocks = 0;
}

void shim_unlock(spinlock_t *lock)
{
	EXPECT(lock->held, "the lock is let go twice");
	EXPECT(list_empty(&mach.vm.doomed) && !mach.vm.reload,
	       "the lock is let go, but what was zapped is not committed");
	lock->held = 0;
	mach.held_longest = max(mach.held_longest, mach.held_blocks);
	hook("unlock");
}

static void may_sleep(const char *what)
{
	EXPECT(!mach.vm.lock.held, "%s may sleep, but the lock is held", what);
}

static bool fails(void)
{
	mach.allocations++;
	if (mach.fail_at <= 0 || --mach.fail_at)
		return false;
	mach.failed = true;
	return true;
}

static u64 *new_table(int low)
{
	struct table *table;
	u32 index;

	may_sleep("host_alloc_table()");
	hook("alloc");
	index = mach.nr_tables[low];
	if (fails())
		return NULL;
	if (index == mach.max_tables[low]) {
		mach.max_tables[low] = max(256u, index * 2);
		mach.table[low] = realloc(mach.table[low],
					  mach.max_tables[low] * sizeof(struct table *));
	}
	table = aligned_alloc(PAGE, 2 * PAGE);
	memset(table, 0, sizeof(*table));
	table->hpa = table_base[low] + index * PAGE;
	mach.table[low][mach.nr_tables[low]++] = table;
	mach.live_tables++;
	return table->entry;
}

u64 *host_alloc_table(void)
{
	return new_table(0);
}

u64 *host_alloc_table_low(void)
{
	return new_table(1);
}

static struct table *table_of(hpa_t hpa)
{
	int low = hpa < table_base[0];
	u64 index = (hpa - table_base[low]) / PAGE;

	return hpa >= table_base[1] && index < mach.nr_tables[low] ? mach.table[low][index] : NULL;
}

u64 *table_at(hpa_t hpa)
{
	struct table *table = table_of(hpa & ~(PAGE - 1));

	return table ? (u64 *)((char *)table->entry + (hpa & (PAGE - 1))) : NULL;
}

void host_free_table(u64 *entry)
{
	struct table *table = (struct table *)entry;
	hpa_t hpa = table->hpa;
	int i;

	EXPECT(table_of(hpa) == table, "a table that is none is freed");
	for (i = 0; i < NR_VCPUS; i++) {
		struct vcpu *v = &mach.vcpu[i];

		if (!v->there)
			continue;
		EXPECT(v->flush || !tlb_has_table(v, hpa),
		       "a table is freed that vCPU %d's paging-structure cache still has", i);
		EXPECT((v->m.root_hpa & ~(PAGE - 1)) != hpa ||
			       (!v->in_guest && !mmu_root_ok(&v->m)),
		       "the root of vCPU %d is freed under it", i);
	}
	mach.table[hpa < table_base[0]][(hpa - table_base[hpa < table_base[0]]) / PAGE] = NULL;
	memset(table, 0xdb, sizeof(*table));
	free(table);
	mach.live_tables--;
}

hpa_t host_table_hpa(const u64 *entry)
{
	return ((const struct table *)entry)->hpa;
}

void host_table_set_owner(u64 *entry, void *owner)
{
	((struct table *)entry)->owner = owner;
}

void *host_table_owner(hpa_t hpa)
{
	struct table *table = table_of(hpa & ~(PAGE - 1));

	EXPECT(table, "owner asked of 0x%llx, which is no table", hpa);
	return table->owner;
}

void *host_alloc(size_t size)
{
	may_sleep("host_alloc()");
	if (fails())
		return NULL;
	mach.live_objects++;
	return calloc(1, size);
}

void host_free(void *p)
{
	if (!p)
		return;
	mach.live_objects--;
	/* Whoever still uses it is to be noticed. */
	memset(p, 0x5a, malloc_usable_size(p));
	asm volatile("" : : "r" (p) : "memory");
	free(p);
}

struct memslot *host_slot(struct mmu_vm *vm, gfn_t gfn)
{
	struct slot *slot = slot_of(gfn);

	(void)vm;
	return slot ? &slot->mem : NULL;
}

static void fill_page(struct host_page *page, struct vpage *from, unsigned long seq)
{
	*page = (struct host_page){
		.pfn = from->pfn, .writable = !from->readonly, .level = from->level,
		.foreign = from->foreign, .memtype = from->memtype, .seq = seq, .ref = from,
	};
	from->held++;
	mach.live_refs++;
}

int host_page_get(struct mmu_vm *vm, const struct memslot *slot, gfn_t gfn, bool write,
		  struct host_page *page)
{
	unsigned long seq = mach.seq;
	struct vpage *from = vmm_page(memslot_hva(slot, gfn));
	int ret = mach.page_error;

	(void)vm;
	may_sleep("host_page_get()");
	EXPECT(memslot_has(slot, gfn), "host_page_get() of a gfn outside the slot");
	EXPECT(!write || !(slot->flags & MEMSLOT_READONLY), "a read-only slot got for writing");
	mach.interrupted |= ret == -EINTR;
	mach.page_error = 0;
	hook("page_get");
	if (!ret)
		ret = vpage_fault_in(from, write);
	if (ret)
		return ret;
	fill_page(page, from, seq);
	hook("page_got");
	return 0;
}

int host_page_get_fast(struct mmu_vm *vm, const struct memslot *slot, gfn_t gfn, bool write,
		       struct host_page *page)
{
	struct vpage *from = vmm_page(memslot_hva(slot, gfn));

	(void)vm;
	EXPECT(memslot_has(slot, gfn), "host_page_get_fast() of a gfn outside the slot");
	EXPECT(!write || !(slot->flags & MEMSLOT_READONLY), "a read-only slot got for writing");
	if (!from || from->gone || from->poisoned)
		return -EFAULT;
	if (!from->pfn || from->foreign || (write && from->readonly))
		return -EAGAIN;
	fill_page(page, from, mach.seq);
	return 0;
}

bool host_page_stale(struct mmu_vm *vm, const struct host_page *page, gfn_t gfn)
{
	(void)gfn;
	EXPECT(vm->lock.held, "host_page_stale() without the lock");
	return mach.invalidating || page->seq != mach.seq;
}

void host_page_put(struct host_page *page, bool dirty)
{
	struct vpage *from = page->ref;

	EXPECT(from && from->held > 0, "a host page is put twice");
	mach.dirtied += dirty;
	from->held--;
	mach.live_refs--;
	page->ref = NULL;
}

void host_read_frame(hfn_t pfn, unsigned int offset, void *dst, unsigned int len)
{
	struct vpage *page = frame_owner(pfn);

	EXPECT(mach.vm.lock.held, "a frame is read without the lock");
	EXPECT(page, "a frame is read that the host has freed");
	EXPECT(!page->foreign, "a frame is read that is a device's");
	mach.fetched = pfn;
	memset(dst, 0, len);
	if (page->data)
		memcpy(dst, (char *)page->data + offset, len);
}

static int find_page(gpa_t gpa, unsigned int len, bool write, struct vpage **page)
{
	struct slot *slot = slot_of(gpa / PAGE);

	EXPECT(gpa % PAGE + len <= PAGE, "guest memory access across a page");
	EXPECT((gpa & ~GPA_SMM) >> 52 == 0, "guest memory access at 0x%llx", gpa);
	if (!slot || (write && slot->mem.flags & MEMSLOT_READONLY))
		return -ENXIO;
	*page = vmm_page(memslot_hva(&slot->mem, gpa / PAGE));
	return *page && !(*page)->gone && !(*page)->poisoned ? 0 : -EFAULT;
}

int host_read_atomic(struct mmu_vm *vm, gpa_t gpa, void *dst, unsigned int len)
{
	struct vpage *page = NULL;
	int ret = find_page(gpa, len, false, &page);

	(void)vm;
	if (mach.blind)
		return -EFAULT;
	if (ret && !(page && mach.auditing))
		return ret;
	if (!page->pfn && !page->vanishing && !mach.auditing)
		return -EFAULT;
	if (page->data)
		memcpy(dst, (char *)page->data + gpa % PAGE, len);
	else
		memset(dst, 0, len);
	return 0;
}

unsigned int host_first_changed(struct mmu_vm *vm, gpa_t gpa, const u64 *known, unsigned int nr,
				u64 *now)
{
	u64 word[PAGE / 8];
	unsigned int i;

	*now = 0;
	if (host_read_atomic(vm, gpa, word, nr * sizeof(*word)))
		return 0;
	for (i = 0; i < nr && word[i] == known[i]; i++)
		;
	*now = i < nr ? word[i] : 0;
	return i;
}

int host_read(struct mmu_vm *vm, gpa_t gpa, void *dst, unsigned int len)
{
	struct vpage *page;
	int ret;

	may_sleep("host_read()");
	hook("read");
	ret = find_page(gpa, len, false, &page);
	if (!ret && !page->vanishing)
		ret = vpage_fault_in(page, false);
	return ret ? ret : host_read_atomic(vm, gpa, dst, len);
}

static int get_for_write(gpa_t gpa, unsigned int len, struct vpage **page)
{
	int ret;

	may_sleep("a guest memory write");
	hook("write");
	ret = find_page(gpa, len, true, page);
	/* In the notifier's window the write would wait: the contents stay. */
	if (!ret && !(*page)->vanishing)
		ret = vpage_fault_in(*page, true);
	return ret;
}

int host_write(struct mmu_vm *vm, gpa_t gpa, const void *src, unsigned int len)
{
	struct vpage *page;
	int ret = get_for_write(gpa, len, &page);

	(void)vm;
	if (ret)
		return ret;
	page_write(page, gpa % PAGE, src, len);
	host_mark_dirty(&slot_or_going(gpa / PAGE)->mem, gpa / PAGE);
	hook("written");
	return 0;
}

static int exchange(struct vpage *page, gpa_t gpa, const void *old, const void *new,
		    unsigned int len)
{
	u64 before = 0, after = 0;

	if (len > 16 || len & (len - 1) || gpa & (len - 1))
		return -EINVAL;
	if (!page->data)
		page->data = calloc(1, PAGE);
	if (memcmp((char *)page->data + gpa % PAGE, old, len))
		return 1;
	if (mach.access && len <= 8) {
		memcpy(&before, old, len);
		memcpy(&after, new, len);
		oracle_mmu_wrote_entry(gpa, before, after, len);
	}
	page_write(page, gpa % PAGE, new, len);
	host_mark_dirty(&slot_or_going(gpa / PAGE)->mem, gpa / PAGE);
	return 0;
}

int host_cmpxchg_atomic(struct mmu_vm *vm, gpa_t gpa, const void *old, const void *new,
			unsigned int len)
{
	struct vpage *page = NULL;
	int ret = find_page(gpa, len, true, &page);

	(void)vm;
	if (ret)
		return ret;
	if (!page->pfn || page->readonly || page->vanishing)
		return -EFAULT;
	if (mach.write_hook)
		mach.write_hook("write");
	return exchange(page, gpa, old, new, len);
}

int host_cmpxchg(struct mmu_vm *vm, gpa_t gpa, const void *old, const void *new,
		 unsigned int len)
{
	struct vpage *page;
	int ret = get_for_write(gpa, len, &page);

	(void)vm;
	return ret ? ret : exchange(page, gpa, old, new, len);
}

void host_mark_dirty(const struct memslot *slot, gfn_t gfn)
{
	EXPECT(memslot_has(slot, gfn), "host_mark_dirty() of a gfn outside the slot");
	if (slot->dirty_bitmap)
		set_bit(gfn - slot->base_gfn, slot->dirty_bitmap);
}

void host_flush_remote(struct mmu_vm *vm)
{
	int i;

	(void)vm;
	mach.remote_flushes++;
	for (i = 0; i < NR_VCPUS; i++) {
		mach.vcpu[i].in_guest = false;
		mach.vcpu[i].flush = mach.vcpu[i].there;
	}
}

void host_request_reload(struct mmu_vm *vm)
{
	int i;

	(void)vm;
	mach.reloads++;
	for (i = 0; i < NR_VCPUS; i++) {
		mach.vcpu[i].in_guest = false;
		mach.vcpu[i].reload = mach.vcpu[i].there;
	}
}

void host_flush_vcpu(struct mmu_vcpu *m)
{
	to_vcpu(m)->flushes++;
	tlb_flush(to_vcpu(m));
}

void host_flush_root(struct mmu_vcpu *m)
{
	to_vcpu(m)->flushes++;
	tlb_flush_root(to_vcpu(m));
}

void host_flush_gva(struct mmu_vcpu *m, gva_t gva)
{
	to_vcpu(m)->gva_flushes++;
	tlb_flush_va(to_vcpu(m), gva);
}

void host_relax(struct mmu_vm *vm)
{
	EXPECT(vm->lock.held, "host_relax() without the lock");
	spin_unlock(&vm->lock);
	spin_lock(&vm->lock);
}

bool host_pause(void)
{
	may_sleep("host_pause()");
	mach.pauses++;
	return !mach.killed;
}

bool host_itlb_multihit(void)
{
	return mach_multihit;
}

/* An audit with all of guest memory at hand, also what is swapped out. */
void machine_audit(void)
{
	mach.auditing = true;
	EXPECT(!mmu_audit(&mach.vm), "the audit found broken invariants");
	mach.auditing = false;
}

/* The same where none of it can be read, as for a debugfs reader of another process. */
void machine_audit_blind(void)
{
	mach.blind = true;
	EXPECT(!mmu_audit(&mach.vm), "the audit without guest memory found broken invariants");
	mach.blind = false;
}

void host_complain(const char *fmt, ...)
{
	char line[256];
	va_list args;
	int invariant;

	va_start(args, fmt);
	vsnprintf(line, sizeof(line), fmt, args);
	va_end(args);
	mach.complaints++;
	if (sscanf(line, "audit: invariant %d:", &invariant) == 1)
		mach.broken |= 1u << invariant;
	if (!mach.wanted)
		fprintf(stderr, "# mmu: %s\n", line);
}

/* The machine's life */

void machine_reset(unsigned int nr_vcpus)
{
	unsigned int i;
	void (*keep)(const char *) = mach.hook;

	memset(&mach.vm, 0, sizeof(mach.vm));
	memset(&mach.slot, 0, sizeof(mach) - offsetof(struct machine, slot));
	mach.hook = keep;
	mach.next_pfn = FIRST_PFN;
	mach.next_hva = FIRST_HVA;
	EXPECT(!mmu_vm_init(&mach.vm), "mmu_vm_init failed");
	for (i = 0; i < NR_VCPUS; i++)
		mach.vcpu[i].there = false;
	for (i = 0; i < nr_vcpus; i++)
		vcpu_add(&mach.vcpu[i]);
}

void machine_done(void)
{
	unsigned int i;

	mach.hook = NULL;
	for (i = 0; i < NR_VCPUS; i++)
		if (mach.vcpu[i].there)
			vcpu_remove(&mach.vcpu[i]);
	for (i = 0; i < NR_SLOTS; i++)
		if (mach.slot[i].used)
			slot_delete(i);
	mmu_vm_destroy(&mach.vm);
	EXPECT(!mach.live_tables, "%ld tables leaked", mach.live_tables);
	EXPECT(!mach.live_objects, "%ld objects leaked", mach.live_objects);
	EXPECT(!mach.live_refs, "%ld host pages were not put", mach.live_refs);
	EXPECT(!mach.complaints, "mmu/ complained");
	memory_free();
	free(mach.table[0]);
	free(mach.table[1]);
}
