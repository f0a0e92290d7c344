// SPDX-License-Identifier: GPL-2.0-only
/*
 * What random programs do.
 *
 * The world is small, so that everything meets everything else: sixteen frames
 * serve as page tables of every level and as data, and a few indexes are used in
 * each table. (No memory is in two slots: writes to page tables are noticed by
 * guest frame, and who makes such slots must not have tables in them.)
 *
 *	gfn 0      tables, then data (slot 0)
 *	    0x50   nothing
 *	    0x60   read-only (slot 3)
 *	    0x200  large host pages (slot 1)
 *	    0x100000  above 4 GiB (slot 2)
 *
 * Slots of SMM's (4 and 5) show the first frames once more, and others above 4 GiB.
 */
#include <linux/moduleparam.h>

#include "random.h"

#define OP_NAME(name, weight) #name,
const char *const op_names[NR_OPS] = { OPS(OP_NAME) };
#undef OP_NAME
#define OP_WEIGHT(name, weight) weight,
static const unsigned int weights[NR_OPS] = { OPS(OP_WEIGHT) };
#undef OP_WEIGHT

static const struct { const char *name; long off; } switches[] = {
	{ "cache", 0 }, { "eager", 0 }, { "large", 0 }, { "prefill", 0 }, { "drop_after", 1 },
	{ "unsync", 0 }, { "tags", 0 }, { "roots", 1 },
};

unsigned int audit_every = 1;
bool random_trace;

static unsigned int nr_vcpus;
static const struct op *pending;
static unsigned int nr_pending, hooks;

/* xorshift64* */
u32 random_next(u64 *state)
{
	*state ^= *state >> 12;
	*state ^= *state << 25;
	*state ^= *state >> 27;
	return *state * 0x2545f4914f6cdd1dull >> 32;
}

void program_make(struct program *program, u64 seed, unsigned int nr)
{
	u64 state = seed * 0x9e3779b97f4a7c15ull + 1;
	unsigned int total = 0, i, k, pick;

	for (k = 0; k < NR_OPS; k++)
		total += weights[k];
	program->mode = random_next(&state) % NR_MODES;
	program->nr_vcpus = 1 + random_next(&state) % 3;
	program->params = random_next(&state) & random_next(&state) & random_next(&state) &
			  (ALL_PARAMS - 1);
	program->params ^= random_next(&state) & (STRAIGHT_PARAM | SMM_PARAM);
	program->nr = nr;
	for (i = 0; i < nr; i++) {
		struct op *op = &program->op[i];

		pick = random_next(&state) % total;
		for (k = 0; pick >= weights[k]; k++)
			pick -= weights[k];
		*op = (struct op){ .kind = k, .vcpu = random_next(&state) % program->nr_vcpus };
		if (i && random_next(&state) % 4 == 0)
			op->nest = 1 + random_next(&state) % 8;
		op->a = random_next(&state);
		op->b = random_next(&state);
		op->c = random_next(&state);
		op->d = random_next(&state);
	}
}

/* Addresses and values */

u64 pick_va(const struct vcpu *v, u32 r)
{
	static const u64 narrow[] = { 0, 1, 512, 1023 }, wide[] = { 0, 1, 256, 511 };
	static const u64 upper[] = { 0, 0, 1, 511 };
	unsigned int levels = ref_levels(&v->regs);
	u64 va = r >> 20;

	if (!levels)
		return (u64)(r % 0x500) << 12 | (va & 0xff8);
	if (levels == 2 && ref_entry_size(&v->regs) == 4)
		return wide[0] + narrow[r & 3] * 0x400000 + narrow[r >> 2 & 3] * PAGE + va;
	va |= wide[r & 3] << 12 | wide[r >> 2 & 3] << 21;
	if (levels == 2)
		return va | (r >> 4 & 3) << 30;
	va |= upper[r >> 4 & 3] << 30 | upper[r >> 6 & 3] << 39;
	if (levels == 5)
		return (s64)((va | upper[r >> 8 & 3] << 48) << 7) >> 7;
	return (s64)(va << 16) >> 16;
}

u64 pick_gfn(u32 r)
{
	u32 n = r >> 4;

	switch (r % 16) {
	case 0:
		return HIGH_GFN + n % SMALL_FRAMES;
	case 1:
		return LARGE_GFN + n % LARGE_FRAMES;
	case 2:
		return LARGE_GFN + (n & 1) * 512;
	case 3:
		return ROM_GFN + n % 16;
	case 4:
		return 0x50 + n % 16;
	case 5:
		return n % 4 ? 0 : 1ull << (20 + n / 4 % 32);
	case 6 ... 9:
		return TABLE_FRAMES + n % (SMALL_FRAMES - TABLE_FRAMES);
	default:
		return n % TABLE_FRAMES;
	}
}

u64 pick_entry(const struct vcpu *v, u32 r, u32 where)
{
	u64 entry = pick_gfn(where) << 12;

	entry |= r % 16 ? P : 0;
	entry |= r >> 4 & 3 ? W : 0;
	entry |= r >> 6 & 3 ? U : 0;
	entry |= r >> 8 & 1 ? A : 0;
	entry |= r >> 9 & 1 ? D : 0;
	entry |= (r >> 10 & 7) == 0 ? PS : 0;
	entry |= (r >> 13 & 7) == 0 ? NX : 0;
	entry |= (r >> 16 & 63) == 0 ? 1ull << (r >> 22 & 63) : 0;
	entry |= r >> 28 & 1 ? G : 0;
	if (ref_levels(&v->regs) == 2 && ref_entry_size(&v->regs) == 4)
		entry = (u32)entry;
	return entry;
}

static gpa_t pick_entry_gpa(const struct vcpu *v, u32 r)
{
	static const u64 narrow[] = { 0, 4, 2048, 4092, 2044, 4 }, wide[] = { 0, 8, 2048, 4088 };
	gpa_t table = ref_space(&v->regs) + (r >> 3) % TABLE_FRAMES * PAGE;
	bool small = ref_levels(&v->regs) == 2 && ref_entry_size(&v->regs) == 4;

	if ((r >> 8) % 16 == 0)
		table += HIGH_GFN * PAGE;
	return table + (small ? narrow[(r & 7) % 6] : wide[r & 3]);
}

/* Tables to start with. */
static void fill_tables(const struct program *program, u64 seed)
{
	struct vcpu fake = { .m = { 0 } };
	unsigned int frame, i;
	u64 state = seed + 12345, entry;

	guest_regs(program->mode, &fake.regs.cr0, &fake.regs.cr4, &fake.regs.efer);
	for (frame = 0; frame < TABLE_FRAMES * 2; frame++) {
		u64 gfn = frame < TABLE_FRAMES ? frame : ROM_GFN + frame - TABLE_FRAMES;

		for (i = 0; i < 6; i++) {
			gpa_t gpa = pick_entry_gpa(&fake, i) % PAGE + gfn * PAGE;
			u32 r = random_next(&state), where = random_next(&state);

			entry = pick_entry(&fake, r | 15, where);
			if (program->mode == MODE_PAE && frame < 4)
				entry = (entry & (TABLE_FRAMES * PAGE - PAGE)) | P;
			ram_poke(gpa, entry, ref_entry_size(&fake.regs));
			if (program->mode == MODE_PAE && frame < 4 && i < 4)
				ram_poke(frame * PAGE + i * 8, entry, 8);
		}
	}
}

static u64 pick_cr3(const struct vcpu *v, u32 r)
{
	u64 cr3 = r % 4 * PAGE;

	if (v->regs.cr4 & CR4_PCIDE)
		cr3 |= r >> 8 & 3;
	if ((r >> 4) % 32 == 0)
		cr3 = ROM_GFN * PAGE;
	return cr3;
}

/* Guest operations */

static struct mmu_access pick_access(u32 r)
{
	static const struct mmu_access kinds[] = {
		{ 0 }, { .write = true }, { .fetch = true }, { .write = true },
	};
	struct mmu_access access = kinds[r & 3];

	access.user = r >> 2 & 1;
	access.ac = !access.user && !access.fetch && (r >> 3 & 3) == 0;
	return access;
}

static void op_access(struct vcpu *v, const struct op *op)
{
	guest_access(v, pick_va(v, op->a), pick_access(op->b));
}

static void op_store(struct vcpu *v, const struct op *op)
{
	static const unsigned int lens[] = { 8, 4, 8, 4, 2, 1, 8, 16 };
	static const u64 offsets[] = { 0, 8, 2048, 4088, 4, 4092, 3, 4093 };
	u64 value[2] = { pick_entry(v, op->b, op->c), pick_entry(v, op->c, op->b) };
	u64 va = (pick_va(v, op->a) & ~(PAGE - 1)) + offsets[op->d & 7];
	struct mmu_access access = WRITE_;

	access.user = op->d >> 6 & 1;
	access.ac = !access.user && (op->d >> 7 & 1);
	guest_store_as(v, va, value, lens[op->d >> 3 & 7], access);
}

static void op_cmpxchg(struct vcpu *v, const struct op *op)
{
	unsigned int len = op->d & 1 ? 4 : 8;
	u64 va = pick_va(v, op->a) & ~7ull;
	u64 old;

	if (guest_load(v, va, len, &old).kind == OUT_RAM)
		guest_cmpxchg(v, va, old, pick_entry(v, op->b, op->c) & (len == 8 ? ~0ull : ~0u),
			      len);
}

static void write_phys(struct vcpu *v, gpa_t gpa, u64 value, unsigned int len)
{
	int r = mmu_write_guest(&v->m, gpa, &value, len);

	EXPECT(r == 0 || r == -ENXIO || r == -EFAULT || r == -EHWPOISON,
	       "mmu_write_guest() returned %d", r);
}

static void op_write_entry(struct vcpu *v, const struct op *op)
{
	bool small = ref_levels(&v->regs) == 2 && ref_entry_size(&v->regs) == 4;

	write_phys(v, pick_entry_gpa(v, op->a), pick_entry(v, op->b, op->c), small ? 4 : 8);
}

static void op_write_half(struct vcpu *v, const struct op *op)
{
	u64 entry = pick_entry(v, op->b, op->c);
	unsigned int high = op->d & 1;

	write_phys(v, (pick_entry_gpa(v, op->a) & ~7ull) + high * 4, high ? entry >> 32 : entry, 4);
}

static void op_write_bytes(struct vcpu *v, const struct op *op)
{
	unsigned int len = 1 + op->d % 8;
	gpa_t gpa = pick_entry_gpa(v, op->a) + (op->d >> 3) % 8;

	len = min_t(u64, len, PAGE - gpa % PAGE);
	write_phys(v, gpa, pick_entry(v, op->b, op->c) >> (op->d >> 6) % 32, len);
}

static bool pdptes_good(struct vcpu *v, u64 cr3)
{
	u64 pdpte[4];
	int i;

	if (ref_levels(&v->regs) != 2 || !(v->regs.cr4 & CR4_PAE))
		return true;
	for (i = 0; i < 4; i++) {
		gpa_t gpa = ref_space(&v->regs) + (cr3 & 0xffffffe0) + i * 8;
		struct vpage *page = gfn_page(gpa / PAGE);

		if (!page || page->gone || page->poisoned)
			return false;
		pdpte[i] = page_read(page, gpa % PAGE, 8);
	}
	return ref_pdptes_ok(&v->regs, pdpte);
}

static void op_mode(struct vcpu *v, const struct op *op)
{
	enum mode mode = op->a % NR_MODES;
	u64 cr0 = op->b & 1 ? CR0_WP : 0, cr4 = 0, efer = 0;
	struct mmu_regs was = v->regs;

	if (op->b >> 1 & 1)
		cr4 |= CR4_SMEP;
	if (op->b >> 2 & 1)
		cr4 |= CR4_SMAP;
	if ((op->b >> 3 & 3) == 0)
		efer = EFER_NXE;
	if (mode >= MODE_LONG && op->b >> 5 & 1)
		cr4 |= CR4_PCIDE;
	if (op->b >> 6 & 1)
		cr4 |= CR4_PGE;
	guest_regs(mode, &v->regs.cr0, &v->regs.cr4, &v->regs.efer);
	v->regs.cr0 ^= cr0;
	v->regs.cr4 ^= cr4;
	v->regs.efer ^= mode >= MODE_PAE ? efer : 0;
	v->regs.maxphyaddr = op->c & 7 ? 40 : 36;
	v->regs.gbpages = op->c >> 3 & 3;
	v->regs.cr3 = pick_cr3(v, op->d);
	if (pdptes_good(v, v->regs.cr3))
		guest_set_mode(v, v->regs.cr0, v->regs.cr4, v->regs.efer);
	else
		v->regs = was;
}

static void op_toggle(struct vcpu *v, const struct op *op)
{
	u64 cr0 = v->regs.cr0, cr4 = v->regs.cr4, efer = v->regs.efer;

	switch (op->a % 6) {
	case 0 ... 1:
		cr0 ^= CR0_WP;
		break;
	case 2:
		cr4 ^= CR4_SMEP;
		break;
	case 3:
		cr4 ^= CR4_SMAP;
		break;
	case 4:
		efer ^= cr4 & CR4_PAE ? EFER_NXE : 0;
		break;
	default:
		cr4 ^= cr4 & CR4_PAE ? CR4_PGE : CR4_PSE;
	}
	if (pdptes_good(v, v->regs.cr3))
		guest_set_mode(v, cr0, cr4, efer);
}

static void op_invpcid(struct vcpu *v, const struct op *op)
{
	unsigned int pcid = v->regs.cr4 & CR4_PCIDE ? op->c & 3 : 0;

	if (v->regs.efer & EFER_LMA)
		guest_invpcid(v, op->b & 3, pcid, pick_va(v, op->a));
}

static void op_translate(struct vcpu *v, const struct op *op)
{
	u64 va = pick_va(v, op->a);
	struct ref_walk walk;
	gpa_t gpa;
	u32 error;
	int r = mmu_translate(&v->m, va, NULL, &gpa, &error);

	if (mach.hook && hooks)
		return;
	ref_walk_now(&v->regs, v->arch.root[v->arch.nr_roots - 1].pdpte, va, NULL, &walk);
	EXPECT(!r == !walk.fault, "mmu_translate() returned %d", r);
	EXPECT(r || gpa == walk.gpa, "mmu_translate() gave 0x%llx", gpa);
}

/* Without a slot of its own SMM would see nothing. */
static void op_smm(struct vcpu *v)
{
	struct mmu_regs regs = v->regs;
	bool good;

	v->regs.smm = !regs.smm;
	good = pdptes_good(v, regs.cr3);
	v->regs = regs;
	if (good && (regs.smm || mach.slot[SMM_SLOT].used))
		guest_set_smm(v, !regs.smm);
}

static void guest_op(struct vcpu *v, const struct op *op)
{
	switch (op->kind) {
	case OP_ACCESS:
		return op_access(v, op);
	case OP_STORE:
		return op_store(v, op);
	case OP_CMPXCHG:
		return op_cmpxchg(v, op);
	case OP_WRITE_ENTRY:
		return op_write_entry(v, op);
	case OP_WRITE_HALF:
		return op_write_half(v, op);
	case OP_WRITE_BYTES:
		return op_write_bytes(v, op);
	case OP_LOAD_CR3:
		guest_set_cr3(v, pick_cr3(v, op->a));
		return;
	case OP_LOAD_CR3_KEEP:
		guest_set_cr3_noflush(v, pick_cr3(v, op->a));
		return;
	case OP_INVLPG:
		return guest_invlpg(v, pick_va(v, op->a));
	case OP_FLUSH:
		return guest_flush(v);
	case OP_INVPCID:
		return op_invpcid(v, op);
	case OP_MODE:
		return op_mode(v, op);
	case OP_TOGGLE:
		return op_toggle(v, op);
	case OP_TRANSLATE:
		return op_translate(v, op);
	case OP_SMM:
		return op_smm(v);
	case OP_UNPROTECT:
		mmu_unprotect(&v->m, op->a % TABLE_FRAMES * PAGE);
		return;
	case OP_DROP_ROOT:
		mmu_drop_root(&v->m);
		return;
	case OP_SHOOTDOWN:
		return op_shootdown(v, op);
	case OP_HALT:
		return op_halt(v);
	default:
		vcpu_remove(v);
		vcpu_add(v);
	}
}

/* Running */

/* That one, or the next that can run now. Where all are halted the first of them is woken. */
static struct vcpu *pick_vcpu(unsigned int n)
{
	struct vcpu *asleep = NULL, *v;
	unsigned int i;

	for (i = 0; i < nr_vcpus; i++) {
		v = vcpu((n + i) % nr_vcpus);
		if (!v->busy && !ipi_halted(v))
			return v;
		if (!v->busy && !asleep)
			asleep = v;
	}
	if (asleep)
		ipi_wake(asleep);
	return asleep;
}

static void run_op(const struct op *op)
{
	struct vcpu *v;

	if (random_trace)
		fprintf(stderr, "# %s%s vCPU %u\n", world.nested ? "  inside: " : "",
			op_names[op->kind], op->vcpu);
	if (op->kind >= OP_SWAP_OUT && op->kind <= OP_INVALIDATE)
		return memory_op(op);
	if (op->kind > OP_INVALIDATE && op->kind <= OP_SLOT_ADD)
		return slot_op(op);
	if (op->kind > OP_SLOT_ADD && op->kind < OP_SHOOTDOWN)
		return host_op(op);
	v = pick_vcpu(op->vcpu % nr_vcpus);
	if (!v)
		return;
	ipi_take(v);
	v->busy = true;
	/* Reads and writes may stay in the guest; all else makes an exit. */
	if (op->kind > OP_CMPXCHG)
		v->in_guest = false;
	if (op->kind == OP_VCPU_RESET)
		mach.fail_at = 0;
	guest_op(v, op);
	v->busy = false;
}

static void run_pending(bool all)
{
	while (nr_pending && (all || pending->nest <= hooks)) {
		nr_pending--;
		run_op(pending++);
	}
}

static void on_hook(const char *where)
{
	const struct mmu_access *access = mach.access;
	struct vcpu *v = mach.access_vcpu;
	u64 va = mach.access_va;

	(void)where;
	if (world.nested)
		return;
	hooks++;
	if (!nr_pending || pending->nest > hooks)
		return;
	world.nested = true;
	mach.access = NULL;
	mach.interleaved++;
	run_pending(false);
	world.nested = false;
	mach.access = access;
	mach.access_vcpu = v;
	mach.access_va = va;
}

static void run_with_nested(const struct op *op, unsigned int nr_nested)
{
	pending = op + 1;
	nr_pending = nr_nested;
	hooks = 0;
	world.unfinished = -1;
	mach.hook = nr_nested ? on_hook : NULL;
	mach.interleaved = 0;
	run_op(op);
	mach.hook = NULL;
	mach.interleaved = 0;
	if (world.unfinished >= 0)
		slot_finish(world.unfinished);
	world.unfinished = -1;
	world.slots_busy = false;
	run_pending(true);
}

static void start(const struct program *program)
{
	unsigned int i;

	nr_vcpus = program->nr_vcpus;
	emulate_unknown = false;
	world.window = 0;
	world.nested = world.host_busy = world.slots_busy = false;
	for (i = 0; i < ARRAY_SIZE(switches); i++)
		if (program->params & 1u << i)
			shim_param_set(switches[i].name, switches[i].off);
	mmu_passthrough = program->params & STRAIGHT_PARAM;
	shim_param_set("unsync_after", 1);
	machine_reset(nr_vcpus);
	ipi_start(nr_vcpus);
	world.small_hva = vmm_mmap(SMALL_FRAMES, 1);
	world.large_hva = vmm_mmap(LARGE_FRAMES, 2);
	world.high_hva = vmm_mmap(SMALL_FRAMES, 1);
	world.rom_hva = vmm_mmap(16, 1);
	world.smm_hva = vmm_mmap(SMALL_FRAMES, 1);
	for (i = 0; i < (program->params & SMM_PARAM ? 6 : 4); i++)
		add_slot(i, 0);
	fill_tables(program, program->nr ? program->op[0].d : 0);
	for (i = 0; i < nr_vcpus; i++)
		guest_mode(vcpu(i), program->mode, 0, 0, 0);
}

static void restore_params(const struct program *program, const long *was)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(switches); i++)
		if (program->params & 1u << i)
			shim_param_set(switches[i].name, was[i]);
	mmu_passthrough = false;
}

static void read_params(long *was)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(switches); i++) {
		was[i] = shim_param_set(switches[i].name, 0);
		shim_param_set(switches[i].name, was[i]);
	}
}

void program_run(const struct program *program)
{
	long was[ARRAY_SIZE(switches)];
	unsigned int i, n, step = 0;

	read_params(was);
	start(program);
	for (i = 0; i < program->nr; i += n) {
		for (n = 1; i + n < program->nr && program->op[i + n].nest; n++)
			;
		run_with_nested(&program->op[i], n - 1);
		if (step++ % audit_every == 0)
			machine_audit();
	}
	if (world.window)
		host_invalidate_end(world.window, 1);
	mach.fail_at = 0;
	machine_audit();
	machine_done();
	restore_params(program, was);
}

void program_print(const struct program *program, const char *name)
{
	static const char *const modes[NR_MODES] = {
		"MODE_OFF", "MODE_32", "MODE_PSE", "MODE_PAE", "MODE_LONG", "MODE_LA57",
	};
	unsigned int i;

	printf("TEST(replay_%s)\n{\n\tstatic struct op ops[] = {\n", name);
	for (i = 0; i < program->nr; i++) {
		const struct op *op = &program->op[i];

		printf("\t\t{ OP_%s, %u, %u, 0x%x, 0x%x, 0x%x, 0x%x },\n", op_names[op->kind],
		       op->vcpu, op->nest, op->a, op->b, op->c, op->d);
	}
	printf("\t};\n\n\tprogram_run(&(struct program){ %s, %u, %u, ARRAY_SIZE(ops), ops });\n}\n",
	       modes[program->mode], program->nr_vcpus, program->params);
}
