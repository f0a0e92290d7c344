// SPDX-License-Identifier: GPL-2.0-only
/*
 * mmu/ on real threads, under ThreadSanitizer: vCPUs that access memory and
 * change each other's page tables, and a host that takes frames back. What is
 * checked: no data race, no frame used after it was taken back, no table
 * walked after it was freed, the audit in between, nothing leaked.
 *
 * Guest memory is one flat array with a slot over it; the hardware part is not
 * instrumented, since processors and mmu/ share shadow tables on purpose.
 */
#include <errno.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <linux/kernel.h>
#include <linux/moduleparam.h>

#include "host.h"

#define NR_VCPUS	3
#define FRAMES		64
#define TABLE_FRAMES	12
#define PAGE		4096ull
#define ROUNDS		20
#define STEPS		1500
#define FRAME_MASK	0x000ffffffffff000ull
#define DEAD		0xdeadull
#define HARDWARE	__attribute__((no_sanitize("thread"), __noinline__))

struct table {
	u64 entry[512];
	void *owner;
	u64 magic;
	struct table *next;
};

struct vcpu {
	struct mmu_vcpu m;
	pthread_mutex_t guest;	/* held while it is in guest mode */
	bool reload;
	u64 tlb_vpn[16], tlb_spte[16];
	u64 random;
};

static struct mmu_vm vm;
static struct vcpu vcpus[NR_VCPUS];
static u64 memory[FRAMES][512];
static struct memslot slot = { .npages = FRAMES, .hva = 0x7f0000000000ul };
static u64 pfn_of[FRAMES], next_pfn = 0x100000;
static bool gone[1 << 24];	/* by pfn - 0x100000 */
static unsigned long seq, invalidating, objects, tables;
static struct table *graveyard;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER, grave = PTHREAD_MUTEX_INITIALIZER;
static pthread_barrier_t barrier;
static unsigned long faults, hits;

static void fail(const char *what)
{
	printf("not ok 1 - threads: %s\n", what);
	fflush(stdout);
	_exit(1);
}

void shim_warn(const char *file, int line, const char *what)
{
	fprintf(stderr, "# WARN at %s:%d: %s\n", file, line, what);
	fail("a warning");
	abort();
}

void shim_param_add(const char *name, void *var, size_t size)
{
}

void shim_lock(spinlock_t *l)
{
	pthread_mutex_lock(&lock);
	l->held = 1;
}

void shim_unlock(spinlock_t *l)
{
	l->held = 0;
	pthread_mutex_unlock(&lock);
}

#define COUNT(n, by) __atomic_add_fetch(&(n), by, __ATOMIC_SEQ_CST)

u64 *host_alloc_table(void)
{
	struct table *t = aligned_alloc(PAGE, 2 * PAGE);

	memset(t, 0, sizeof(*t));
	COUNT(tables, 1);
	return t->entry;
}

u64 *host_alloc_table_low(void)
{
	return host_alloc_table();
}

/* Kept, so that a walk into it is seen. */
HARDWARE void host_free_table(u64 *entry)
{
	struct table *t = (struct table *)entry;

	pthread_mutex_lock(&grave);
	t->magic = DEAD;
	t->next = graveyard;
	graveyard = t;
	pthread_mutex_unlock(&grave);
	COUNT(tables, -1);
}

hpa_t host_table_hpa(const u64 *entry)
{
	return (hpa_t)(unsigned long)entry;
}

void host_table_set_owner(u64 *entry, void *owner)
{
	((struct table *)entry)->owner = owner;
}

void *host_table_owner(hpa_t hpa)
{
	return ((struct table *)(unsigned long)hpa)->owner;
}

void *host_alloc(size_t size)
{
	COUNT(objects, 1);
	return calloc(1, size);
}

void host_free(void *p)
{
	if (p)
		COUNT(objects, -1);
	free(p);
}

struct memslot *host_slot(struct mmu_vm *m, gfn_t gfn)
{
	return memslot_has(&slot, gfn) ? &slot : NULL;
}

int host_page_get_fast(struct mmu_vm *m, const struct memslot *s, gfn_t gfn, bool write,
		       struct host_page *page)
{
	*page = (struct host_page){
		.seq = __atomic_load_n(&seq, __ATOMIC_SEQ_CST), .writable = true, .level = 1,
	};
	page->pfn = __atomic_load_n(&pfn_of[gfn], __ATOMIC_SEQ_CST);
	return 0;
}

int host_page_get(struct mmu_vm *m, const struct memslot *s, gfn_t gfn, bool write,
		  struct host_page *page)
{
	return host_page_get_fast(m, s, gfn, write, page);
}

bool host_page_stale(struct mmu_vm *m, const struct host_page *page, gfn_t gfn)
{
	return invalidating || page->seq != __atomic_load_n(&seq, __ATOMIC_SEQ_CST);
}

void host_page_put(struct host_page *page, bool dirty)
{
}

static u8 *ram(gpa_t gpa)
{
	return gpa / PAGE < FRAMES ? (u8 *)memory + gpa : NULL;
}

int host_read_atomic(struct mmu_vm *m, gpa_t gpa, void *dst, unsigned int len)
{
	u8 *from = ram(gpa), *to = dst;

	if (!from)
		return -ENXIO;
	if (len == 8) {
		u64 value = __atomic_load_n((u64 *)from, __ATOMIC_RELAXED);

		memcpy(dst, &value, 8);
		return 0;
	}
	while (len--)
		*to++ = __atomic_load_n(from++, __ATOMIC_RELAXED);
	return 0;
}

int host_read(struct mmu_vm *m, gpa_t gpa, void *dst, unsigned int len)
{
	return host_read_atomic(m, gpa, dst, len);
}

unsigned int host_first_changed(struct mmu_vm *m, gpa_t gpa, const u64 *known, unsigned int nr,
				u64 *now)
{
	unsigned int i;

	for (i = 0; i < nr; i++) {
		*now = 0;
		if (host_read_atomic(m, gpa + i * sizeof(*now), now, sizeof(*now)) ||
		    *now != known[i])
			break;
	}
	return i;
}

int host_write(struct mmu_vm *m, gpa_t gpa, const void *src, unsigned int len)
{
	if (!ram(gpa))
		return -ENXIO;
	__atomic_store_n((u64 *)ram(gpa), *(const u64 *)src, __ATOMIC_RELAXED);
	return 0;
}

int host_cmpxchg(struct mmu_vm *m, gpa_t gpa, const void *old, const void *new, unsigned int len)
{
	u64 expected = *(const u64 *)old;

	if (!ram(gpa))
		return -ENXIO;
	return !__atomic_compare_exchange_n((u64 *)ram(gpa), &expected, *(const u64 *)new, false,
					    __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
}

int host_cmpxchg_atomic(struct mmu_vm *m, gpa_t gpa, const void *old, const void *new,
			unsigned int len)
{
	return host_cmpxchg(m, gpa, old, new, len);
}

void host_read_frame(hfn_t pfn, unsigned int offset, void *dst, unsigned int len)
{
}

void host_mark_dirty(const struct memslot *s, gfn_t gfn)
{
}

/* Each processor is made to leave the guest; it flushes before it is back. */
static void kick_all(bool flush, bool reload)
{
	int i;

	for (i = 0; i < NR_VCPUS; i++) {
		pthread_mutex_lock(&vcpus[i].guest);
		if (flush)
			memset(vcpus[i].tlb_spte, 0, sizeof(vcpus[i].tlb_spte));
		vcpus[i].reload |= reload;
		pthread_mutex_unlock(&vcpus[i].guest);
	}
}

void host_flush_remote(struct mmu_vm *m)
{
	kick_all(true, false);
}

void host_request_reload(struct mmu_vm *m)
{
	kick_all(false, true);
}

void host_flush_vcpu(struct mmu_vcpu *m)
{
	struct vcpu *v = container_of(m, struct vcpu, m);

	pthread_mutex_lock(&v->guest);
	memset(v->tlb_spte, 0, sizeof(v->tlb_spte));
	pthread_mutex_unlock(&v->guest);
}

void host_flush_root(struct mmu_vcpu *m)
{
	host_flush_vcpu(m);
}

void host_flush_gva(struct mmu_vcpu *m, gva_t gva)
{
	host_flush_vcpu(m);
}

void host_relax(struct mmu_vm *m)
{
	spin_unlock(&m->lock);
	spin_lock(&m->lock);
}

bool host_itlb_multihit(void)
{
	return false;
}

bool host_pause(void)
{
	return true;
}

void host_complain(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	fputs("# mmu: ", stderr);
	vfprintf(stderr, fmt, args);
	fputc('\n', stderr);
	va_end(args);
}

/* The processor, in guest mode */

HARDWARE static u64 hw_walk(struct vcpu *v, u64 va)
{
	u64 table = v->m.root_hpa, spte;
	int level;

	for (level = v->m.root_level;; level--) {
		struct table *t = (struct table *)(unsigned long)table;
		u64 *sptep = &t->entry[va >> (12 + 9 * (level - 1)) & 511];

		if (t->magic == DEAD)
			fail("the hardware walks into a freed table");
		spte = __atomic_load_n(sptep, __ATOMIC_RELAXED);
		if (!(spte & 1))
			return 0;
		if (level == 1 || spte & 0x80) {
			__atomic_or_fetch(sptep, 0x20, __ATOMIC_SEQ_CST);
			return spte;
		}
		table = spte & FRAME_MASK;
	}
}

/* One access in guest mode; false: a page fault. */
HARDWARE static bool hw_access(struct vcpu *v, u64 va, bool write)
{
	unsigned int at = va / PAGE % 16;
	u64 spte = v->tlb_vpn[at] == va / PAGE ? v->tlb_spte[at] : 0;

	if (!spte || (write && !(spte & 2)))
		spte = hw_walk(v, va);
	if (!spte || (write && !(spte & 2)))
		return false;
	v->tlb_vpn[at] = va / PAGE;
	v->tlb_spte[at] = spte;
	if (__atomic_load_n(&gone[((spte & FRAME_MASK) >> 12) - 0x100000], __ATOMIC_SEQ_CST))
		fail("a frame is used that the host took back");
	return true;
}

static bool in_guest(struct vcpu *v, u64 va, bool write, bool *done)
{
	bool entered;

	pthread_mutex_lock(&v->guest);
	entered = !v->reload && mmu_root_ok(&v->m);
	v->reload = false;
	*done = entered && hw_access(v, va, write);
	pthread_mutex_unlock(&v->guest);
	return entered;
}

static u32 random_of(struct vcpu *v)
{
	v->random = v->random * 6364136223846793005ull + 1442695040888963407ull;
	return v->random >> 33;
}

static void vcpu_access(struct vcpu *v, u64 va, bool write)
{
	struct mmu_fault f;
	int tries;
	bool done;

	for (tries = 0; tries < 50; tries++) {
		if (!in_guest(v, va, write, &done)) {
			if (mmu_load_root(&v->m))
				fail("no memory");
			continue;
		}
		if (done) {
			COUNT(hits, 1);
			return;
		}
		f = (struct mmu_fault){ .gva = va, .access.write = write };
		COUNT(faults, 1);
		if (mmu_fault(&v->m, &f) > MMU_RETRY)
			return;
	}
}

static u64 random_entry(struct vcpu *v)
{
	u32 r = random_of(v);
	u64 gfn = r % 4 ? r / 4 % TABLE_FRAMES : r / 4 % FRAMES;

	return gfn * PAGE | (r >> 20 & 15 ? 1 : 0) | 0x26 | (r >> 24 & 0x40);
}

static void vcpu_step(struct vcpu *v)
{
	u32 r = random_of(v), what = r % 32;
	u64 va = (u64)(r >> 5 & 1) << 39 | (u64)(r >> 6 & 1) << 30 | (r >> 7 & 1) << 21 |
		 (r >> 8 & 3) << 12;
	gpa_t gpa = (r >> 10) % TABLE_FRAMES * PAGE + (r >> 5 & 3) * 8;
	u64 value = random_entry(v);

	if (what < 18) {
		vcpu_access(v, va, what & 1);
	} else if (what < 26) {
		mmu_write_guest(&v->m, gpa, &value, 8);
	} else if (what == 26) {
		mmu_set_cr3(&v->m, (r >> 10) % 3 * PAGE, true);
	} else if (what == 27) {
		mmu_unprotect(&v->m, gpa);
	} else if (what == 28) {
		mmu_drop_root(&v->m);
	} else {
		mmu_invlpg(&v->m, va);
	}
}

static void *vcpu_thread(void *arg)
{
	int round, step;

	for (round = 0; round < ROUNDS; round++) {
		for (step = 0; step < STEPS; step++)
			vcpu_step(arg);
		pthread_barrier_wait(&barrier);
		pthread_barrier_wait(&barrier);
	}
	return NULL;
}

/* The host: a frame goes, another takes its place. */
static void move_frame(u64 gfn)
{
	u64 old = pfn_of[gfn];

	spin_lock(&vm.lock);
	invalidating++;
	if (mmu_zap_range(&vm, &slot, gfn, gfn + 1, true))
		host_flush_remote(&vm);
	spin_unlock(&vm.lock);
	__atomic_store_n(&gone[old - 0x100000], true, __ATOMIC_SEQ_CST);
	__atomic_store_n(&pfn_of[gfn], next_pfn++, __ATOMIC_SEQ_CST);
	spin_lock(&vm.lock);
	COUNT(seq, 1);
	invalidating--;
	spin_unlock(&vm.lock);
}

static void host_step(struct vcpu *any)
{
	u32 r = random_of(any);

	if (r % 64 == 0)
		mmu_vm_zap_all(&vm);
	else if (r % 16 == 1)
		mmu_vm_shrink(&vm, 5);
	else if (r % 16 == 2)
		mmu_vm_set_quota(&vm, 64 + r / 16 % 200);
	else if (r % 8 == 3 && mmu_slot_wrprotect(&vm, &slot, 0, ~0ul))
		mmu_flush(&vm);
	else
		move_frame(r / 64 % FRAMES);
}

static void *host_thread(void *arg)
{
	struct vcpu self = { .random = 99 };
	int round, step;

	for (round = 0; round < ROUNDS; round++) {
		for (step = 0; step < STEPS / 4; step++)
			host_step(&self);
		pthread_barrier_wait(&barrier);
		if (mmu_audit(&vm))
			fail("the audit found broken invariants");
		pthread_barrier_wait(&barrier);
	}
	return NULL;
}

static void start(void)
{
	struct mmu_regs regs = {
		.cr0 = 0x80010001, .cr4 = 0x20, .efer = 0xd00, .maxphyaddr = 40,
	};
	struct vcpu seed = { .random = 1 };
	int i, k;

	for (i = 0; i < FRAMES; i++)
		pfn_of[i] = next_pfn++;
	for (i = 0; i < TABLE_FRAMES; i++)
		for (k = 0; k < 4; k++)
			memory[i][k] = random_entry(&seed) | 1;
	if (mmu_vm_init(&vm) || mmu_slot_create(&vm, &slot))
		fail("no memory");
	for (i = 0; i < NR_VCPUS; i++) {
		pthread_mutex_init(&vcpus[i].guest, NULL);
		vcpus[i].random = i * 7919 + 3;
		if (mmu_vcpu_init(&vcpus[i].m, &vm))
			fail("no memory");
		mmu_set_mode(&vcpus[i].m, &regs);
	}
}

static void end(void)
{
	int i;

	for (i = 0; i < NR_VCPUS; i++)
		mmu_vcpu_destroy(&vcpus[i].m);
	mmu_slot_gone(&vm, &slot);
	mmu_slot_free(&vm, &slot);
	mmu_vm_destroy(&vm);
	if (tables || objects)
		fail("something leaked");
}

int main(void)
{
	pthread_t thread[NR_VCPUS + 1];
	int i;

	printf("TAP version 13\n1..1\n");
	start();
	pthread_barrier_init(&barrier, NULL, NR_VCPUS + 1);
	for (i = 0; i < NR_VCPUS; i++)
		pthread_create(&thread[i], NULL, vcpu_thread, &vcpus[i]);
	pthread_create(&thread[i], NULL, host_thread, NULL);
	for (i = 0; i <= NR_VCPUS; i++)
		pthread_join(thread[i], NULL);
	end();
	printf("# %lu accesses, %lu faults\nok 1 - threads\n", hits, faults);
	return !hits || !faults;
}
