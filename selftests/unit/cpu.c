// SPDX-License-Identifier: GPL-2.0-only
/* The run loop around the hardware, and the guest's instructions. */
#include "host.h"
#include "machine.h"

#define MAX_ATTEMPTS 100

bool emulate_unknown;

void vcpu_add(struct vcpu *v)
{
	u32 generation = v->tlb.generation;
	bool busy = v->busy;

	memset(&v->m, 0, sizeof(v->m));
	memset(&v->regs, 0, sizeof(*v) - offsetof(struct vcpu, regs));
	v->tlb.generation = generation + 1;
	v->busy = busy;
	v->there = true;
	v->regs = (struct mmu_regs){ .maxphyaddr = 40, .gbpages = true };
	while (mmu_vcpu_init(&v->m, &mach.vm)) {
		EXPECT(mach.failed, "mmu_vcpu_init() failed");
		mach.failed = false;
		memset(&v->m, 0, sizeof(v->m));
	}
	mmu_set_mode(&v->m, &v->regs);
	oracle_guest_flush(v);
}

void vcpu_remove(struct vcpu *v)
{
	tlb_flush(v);
	v->there = v->in_guest = false;
	mmu_vcpu_destroy(&v->m);
}

/* Get a root; what the run loop does before it enters the guest. */
static int enter(struct vcpu *v)
{
	int tries, r;

	if (v->in_guest)
		return 0;
	for (tries = 0; v->reload || !mmu_root_ok(&v->m); tries++) {
		EXPECT(tries < MAX_ATTEMPTS, "mmu_load_root() brings no root that is good");
		v->reload = false;
		r = mmu_load_root(&v->m);
		if (r)
			return r;
	}
	if (v->flush)
		tlb_flush(v);
	v->flush = false;
	v->in_guest = true;
	return 0;
}

void guest_enter(struct vcpu *v)
{
	EXPECT(!enter(v), "mmu_load_root() failed");
}

static struct outcome error_outcome(int err)
{
	return (struct outcome){ .kind = OUT_ERROR, .err = err, .since = mach.now };
}

/* Writes that no page-table entry can allow without allowing too much. */
static bool wp0_smap(const struct vcpu *v, const struct mmu_fault *f)
{
	return !(v->regs.cr0 & CR0_WP) && v->regs.cr4 & CR4_SMAP && f->access.write &&
	       !f->access.user;
}

static struct outcome emulate_outcome(const struct vcpu *v, const struct mmu_fault *f, u32 since)
{
	struct slot *slot = slot_of(f->gpa / PAGE);
	bool device = !slot || (f->access.write && slot->mem.flags & MEMSLOT_READONLY);

	EXPECT(device || f->to_table || mach.interleaved || wp0_smap(v, f),
	       "an access to RAM is to be emulated (0x%llx)", f->gpa);
	EXPECT(!f->to_table || f->access.write, "a read of a page table is to be emulated");
	return (struct outcome){
		.kind = device ? OUT_MMIO : OUT_RAM, .emulated = true, .gpa = f->gpa,
		.since = since,
	};
}

bool only_long_way;

/* First without sleeping, then, if that can't be, with. */
static enum mmu_verdict fault_as_the_run_loop(struct vcpu *v, struct mmu_fault *f)
{
	enum mmu_verdict verdict;

	if (only_long_way)
		return mmu_fault(&v->m, f);
	v->m.atomic = true;
	verdict = mmu_fault(&v->m, f);
	v->m.atomic = false;
	return verdict == MMU_WAIT ? mmu_fault(&v->m, f) : verdict;
}

/* One try: enter, let hardware translate, handle its fault. False: try again. */
static bool attempt(struct vcpu *v, u64 va, const struct mmu_access *access,
		    struct outcome *out, struct mmu_fault *f)
{
	u32 since = mach.now;
	int r = enter(v);

	*f = (struct mmu_fault){ .gva = va, .access = *access };
	*out = error_outcome(r);
	if (r)
		return true;
	*out = (struct outcome){ .kind = OUT_RAM, .since = since };
	if (hw_translate(v, va, access, &out->hpa, &f->error))
		return true;
	/* As VT-x is told to: the guest's processor has the last word. */
	if (mmu_passthrough && !(f->error & (PFERR_PRESENT | PFERR_FETCH))) {
		out->kind = OUT_FAULT;
		out->error = f->error;
		return true;
	}
	v->in_guest = false;
	hook("exit");
	switch (fault_as_the_run_loop(v, f)) {
	case MMU_FIXED:
	case MMU_RETRY:
	case MMU_WAIT:
		return false;
	case MMU_EMULATE:
		*out = emulate_outcome(v, f, since);
		return true;
	case MMU_INJECT:
		out->kind = OUT_FAULT;
		out->error = f->inject_error;
		return true;
	case MMU_ERROR:
		out->kind = OUT_ERROR;
		out->err = f->err;
		return true;
	}
	machine_fail("mmu_fault() returned no verdict");
}

/* Try until there is an outcome. */
static struct outcome resolve(struct vcpu *v, u64 va, const struct mmu_access *access,
			      struct mmu_fault *f)
{
	const struct mmu_access *outer = mach.access;
	struct vcpu *outer_vcpu = mach.access_vcpu;
	u64 outer_va = mach.access_va;
	struct outcome out;
	int tries;

	mach.access = access;
	mach.access_vcpu = v;
	mach.access_va = va;
	for (tries = 0; !attempt(v, va, access, &out, f); tries++) {
		if (tries < MAX_ATTEMPTS)
			continue;
		EXPECT(mach.invalidating, "no progress after %d faults at 0x%llx", tries, va);
		out = error_outcome(-EAGAIN);
		break;
	}
	mach.access = outer;
	mach.access_vcpu = outer_vcpu;
	mach.access_va = outer_va;
	return out;
}

static u64 effective(const struct vcpu *v, u64 va)
{
	return v->regs.efer & EFER_LMA ? va : (u32)va;
}

/* What the run loop decodes after an exit must be in a frame that the address may lead to. */
static void check_fetch(struct vcpu *v, u64 va, const struct outcome *at)
{
	static const struct mmu_access any_right = { .ac = true };
	unsigned long interleaved = mach.interleaved;
	struct outcome code = *at;
	u64 bytes;

	if (mmu_fetch(&v->m, va, &bytes, 8) < 8 || interleaved != mach.interleaved)
		return;
	code.hpa = mach.fetched * PAGE + va % PAGE;
	oracle_judge(v, va, &any_right, &code);
	EXPECT(bytes == page_read(code.page, va % PAGE, 8), "mmu_fetch() read other bytes");
}

struct outcome guest_access(struct vcpu *v, u64 va, struct mmu_access access)
{
	unsigned long interleaved = mach.interleaved;
	struct mmu_fault f;
	struct outcome out;
	bool was_busy = v->busy;

	va = effective(v, va);
	v->busy = true;
	out = resolve(v, va, &access, &f);
	oracle_judge(v, va, &access, &out);
	if ((out.kind == OUT_RAM || out.kind == OUT_MMIO) && interleaved == mach.interleaved)
		oracle_check_ad(v, va, &access, &out);
	if (out.kind == OUT_RAM && access.fetch)
		check_fetch(v, va, &out);
	v->busy = was_busy;
	return out;
}

struct outcome guest_load(struct vcpu *v, u64 va, unsigned int len, u64 *value)
{
	struct outcome out = guest_access(v, va, READ_);

	*value = out.kind == OUT_RAM ? page_read(out.page, va % PAGE, len) : 0;
	return out;
}

/* A store, in one or two pages. */
struct part {
	u64 va;
	const char *src;
	unsigned int len;
	struct outcome out;
	struct mmu_fault f;
};

static int split(struct vcpu *v, u64 va, const void *src, unsigned int len, struct part *part)
{
	unsigned int first = min_t(u64, len, PAGE - va % PAGE);

	part[0] = (struct part){ .va = va, .src = src, .len = first };
	part[1] = (struct part){
		.va = effective(v, va + first),
		.src = (const char *)src + first,
		.len = len - first,
	};
	return part[1].len ? 2 : 1;
}

/* -EAGAIN: begin again; 1: the store is done; 0: @part->out says why not. */
static int emulate_translate(struct vcpu *v, struct part *part, const struct mmu_access *access)
{
	const struct mmu_access *outer = mach.access;
	u32 error;
	int r;

	v->in_guest = false;
	part->out = (struct outcome){ .kind = OUT_RAM, .emulated = true, .since = mach.now };
	mach.access = access;
	mach.access_vcpu = v;
	mach.access_va = part->va;
	r = mmu_translate(&v->m, part->va, access, &part->out.gpa, &error);
	mach.access = outer;
	if (r == -EFAULT) {
		part->out.kind = OUT_FAULT;
		part->out.error = error;
	}
	if (r != -EAGAIN)
		oracle_judge(v, part->va, access, &part->out);
	return r == -EAGAIN ? r : !r;
}

static int emulate_store(struct vcpu *v, struct part *part, int nr,
			 const struct mmu_access *access)
{
	int i, r;

	for (i = 0; i < nr; i++) {
		r = emulate_translate(v, &part[i], access);
		if (r <= 0) {
			part[0].out = part[i].out;
			return r;
		}
	}
	for (i = 0; i < nr; i++) {
		r = mmu_write_guest(&v->m, part[i].out.gpa, part[i].src, part[i].len);
		if (r == -ENXIO)
			part[i].out.kind = OUT_MMIO;
		else if (r)
			part[i].out = error_outcome(r);
	}
	return 1;
}

/* All of the store is plain RAM, and still mapped. */
static bool hardware_store(struct vcpu *v, struct part *part, int nr,
			   const struct mmu_access *access)
{
	u32 error;
	int i;

	if (!v->in_guest)
		return false;
	for (i = 0; i < nr; i++)
		if (!hw_translate(v, part[i].va, access, &part[i].out.hpa, &error))
			return false;
	for (i = 0; i < nr; i++) {
		oracle_judge(v, part[i].va, access, &part[i].out);
		oracle_check_ad(v, part[i].va, access, &part[i].out);
		page_write(part[i].out.page, part[i].va % PAGE, part[i].src, part[i].len);
	}
	return true;
}

/* One try of a store; true: @part->out is the outcome. */
static bool try_store(struct vcpu *v, struct part *part, int nr, const struct mmu_access *access,
		      bool unknown)
{
	bool emulate = false;
	int i;

	for (i = 0; i < nr; i++) {
		part[i].out = resolve(v, part[i].va, access, &part[i].f);
		if (part[i].out.kind == OUT_FAULT || part[i].out.kind == OUT_ERROR) {
			oracle_judge(v, part[i].va, access, &part[i].out);
			part[0].out = part[i].out;
			return true;
		}
		if (part[i].out.kind == OUT_RAM && part[i].out.emulated && unknown &&
		    !part[i].f.self_map && mmu_unprotect(&v->m, part[i].out.gpa))
			return false;
		emulate |= part[i].out.emulated;
	}
	if (emulate)
		return emulate_store(v, part, nr, access) >= 0;
	return hardware_store(v, part, nr, access);
}

struct outcome guest_store_as(struct vcpu *v, u64 va, const void *src, unsigned int len,
			      struct mmu_access access)
{
	bool was_busy = v->busy;
	struct part part[2];
	int tries, nr;

	va = effective(v, va);
	nr = split(v, va, src, len, part);
	v->busy = true;
	/*
	 * Where one half of the store writes a table that translates the other,
	 * dropping shadows never ends; the run loop gives up after some tries.
	 */
	for (tries = 0; !try_store(v, part, nr, &access, emulate_unknown && tries < 20); tries++)
		EXPECT(tries < MAX_ATTEMPTS, "a store to 0x%llx makes no progress", va);
	v->busy = was_busy;
	return part[0].out;
}

struct outcome guest_store(struct vcpu *v, u64 va, u64 value, unsigned int len)
{
	return guest_store_as(v, va, &value, len, WRITE_);
}

/* A locked compare and exchange of one aligned value. */
struct outcome guest_cmpxchg(struct vcpu *v, u64 va, u64 old, u64 new, unsigned int len)
{
	struct mmu_access access = WRITE_;
	struct part both[2], *part = both;
	int tries, r;

	va = effective(v, va);
	split(v, va, &new, len, part);
	for (tries = 0; tries < MAX_ATTEMPTS; tries++) {
		part->out = resolve(v, va, &access, &part->f);
		if (part->out.kind == OUT_RAM && part->out.emulated) {
			if (emulate_translate(v, part, &access) < 0)
				continue;
			r = mmu_cmpxchg_guest(&v->m, part->out.gpa, &old, &new, len);
			EXPECT(r == 0 || r == 1 || mach.interleaved,
			       "mmu_cmpxchg_guest() returned %d", r);
			return part->out;
		}
		oracle_judge(v, va, &access, &part->out);
		if (part->out.kind == OUT_RAM && page_read(part->out.page, va % PAGE, len) == old)
			page_write(part->out.page, va % PAGE, &new, len);
		return part->out;
	}
	machine_fail("a cmpxchg at 0x%llx makes no progress", va);
}

/* The guest writes to an address in physical memory, by way of the emulator. */
void guest_write_table(struct vcpu *v, gpa_t gpa, u64 value, unsigned int len)
{
	int r;

	v->in_guest = false;
	r = mmu_write_guest(&v->m, gpa, &value, len);

	EXPECT(!r, "mmu_write_guest(0x%llx) returned %d", gpa, r);
}

/* Control registers */

static bool uses_pdptes(const struct mmu_regs *regs)
{
	return ref_levels(regs) == 2 && regs->cr4 & CR4_PAE;
}

static void read_pdptes(const struct vcpu *v, u64 cr3, u64 pdpte[4])
{
	int i;

	for (i = 0; i < 4; i++) {
		gpa_t gpa = ref_space(&v->regs) + (cr3 & 0xffffffe0) + i * 8;
		struct vpage *page = gfn_page(gpa / PAGE);

		/* No memory there reads as ones. */
		pdpte[i] = page ? page_read(page, gpa % PAGE, 8) : ~0ull;
	}
}

static int set_cr3(struct vcpu *v, u64 cr3, bool flush)
{
	bool was_busy = v->busy;
	u64 pdpte[4], got[4];
	int r;

	v->busy = true;
	v->in_guest = false;
	read_pdptes(v, cr3, pdpte);
	r = mmu_set_cr3(&v->m, cr3, flush);
	v->busy = was_busy;
	if (uses_pdptes(&v->regs) && !mach.hook && r != -EFAULT)
		EXPECT(!r == ref_pdptes_ok(&v->regs, pdpte),
		       "mmu_set_cr3(0x%llx) returned %d", cr3, r);
	if (r)
		return r;
	v->regs.cr3 = cr3;
	mmu_get_pdptes(&v->m, got);
	if (uses_pdptes(&v->regs) && !mach.hook)
		EXPECT(!memcmp(got, pdpte, sizeof(got)), "the PDPTEs differ from memory");
	oracle_set_cr3(v, cr3, got, flush);
	return 0;
}

int guest_set_cr3(struct vcpu *v, u64 cr3)
{
	return set_cr3(v, cr3, true);
}

int guest_set_cr3_noflush(struct vcpu *v, u64 cr3)
{
	return set_cr3(v, cr3, !(v->regs.cr4 & CR4_PCIDE));
}

/* MOV to CR0, CR4 or EFER, with PDPTEs loaded where PAE paging is the result. */
/* CR0.WP alone may change with no word to the TLB: Intel SDM 3A 4.10.4.1. */
void guest_set_mode(struct vcpu *v, u64 cr0, u64 cr4, u64 efer)
{
	bool flush = (v->regs.cr0 ^ cr0) != CR0_WP || v->regs.cr4 != cr4 || v->regs.efer != efer;

	v->regs.cr0 = cr0;
	v->regs.cr4 = cr4;
	v->regs.efer = efer;
	v->in_guest = false;
	mmu_set_mode(&v->m, &v->regs);
	if (flush)
		oracle_guest_flush(v);
	if (uses_pdptes(&v->regs))
		EXPECT(!guest_set_cr3(v, v->regs.cr3) || mach.interleaved, "bad PDPTEs");
}

/* SMI or RSM, which leave no translation behind; the registers stay. */
void guest_set_smm(struct vcpu *v, bool smm)
{
	if (v->regs.smm == smm)
		return;
	v->regs.smm = smm;
	v->in_guest = false;
	mmu_set_mode(&v->m, &v->regs);
	oracle_guest_flush(v);
	if (uses_pdptes(&v->regs))
		EXPECT(!guest_set_cr3(v, v->regs.cr3) || mach.interleaved, "bad PDPTEs");
}

void guest_invlpg(struct vcpu *v, u64 va)
{
	v->in_guest = false;
	mmu_invlpg(&v->m, va);
	oracle_invlpg(v, effective(v, va));
}

void guest_flush(struct vcpu *v)
{
	v->in_guest = false;
	mmu_flush_guest(&v->m);
	oracle_guest_flush(v);
}

/* As mode_invpcid() has it. */
void guest_invpcid(struct vcpu *v, unsigned int type, unsigned int pcid, u64 va)
{
	bool current = pcid == (v->regs.cr4 & CR4_PCIDE ? v->regs.cr3 & 0xfff : 0);

	v->in_guest = false;
	if (type == 0 && current)
		mmu_invlpg(&v->m, va);
	else if (type == 0)
		mmu_flush_address(&v->m, pcid, va);
	else if (type == 1)
		mmu_flush_pcid(&v->m, pcid);
	else
		mmu_flush_guest(&v->m);
	oracle_invpcid(v, type, pcid, va);
}
