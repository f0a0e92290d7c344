// SPDX-License-Identifier: GPL-2.0-only
/*
 * What an interrupt costs, and a device's register that is an eventfd: a VM with the kernel's
 * interrupt controllers and a guest without a kernel (selftests/guest/lib). For each row two lines
 * of counters, as umbra-vmm --marks has them, and 'bench NAME ITERATIONS TSC-TICKS'.
 */
#include <linux/kvm_para.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include "irq.h"

static const char usage[] =
"usage: irq [NAME]...\n"
"Runs these rows, or all, on the KVM API of $UMBRA_DEV (/dev/umbra).\n";

/*
 * Where a vCPU's count of exits is: in an open file, as no call on a vCPU returns while it runs.
 */
struct counter {
	int fd;
	off_t offset;
};

static void open_counter(struct counter *c, const struct vcpu *v, const char *name)
{
	struct kvm_stats_header header;
	struct kvm_stats_desc *desc;
	size_t size;

	c->fd = ioctl(v->fd, KVM_GET_STATS_FD, NULL);
	if (c->fd < 0 || pread(c->fd, &header, sizeof(header), 0) != sizeof(header))
		die("KVM_GET_STATS_FD");
	size = sizeof(*desc) + header.name_size;
	desc = calloc(1, size + 1);
	for (u32 i = 0; i < header.num_desc && !c->offset; i++) {
		if (pread(c->fd, desc, size, header.desc_offset + i * size) != (ssize_t)size)
			die("a counter's name");
		if (!strcmp(desc->name, name))
			c->offset = header.data_offset + desc->offset;
	}
	if (!c->offset)
		die("no counter '%s'", name);
	free(desc);
}

static u64 read_counter(const struct counter *c)
{
	u64 value;

	if (pread(c->fd, &value, sizeof(value), c->offset) != sizeof(value))
		die("a counter");
	return value;
}

static struct counter exit_counters[MAX_VCPUS];

static void mark(struct bench *b, u64 extra)
{
	static unsigned int number;
	struct timespec t;
	u64 exits = extra;

	clock_gettime(CLOCK_MONOTONIC, &t);
	for (int i = 0; i < b->vm->nr_vcpus; i++)
		exits += read_counter(&exit_counters[i]);
	printf("mark=%u ns=%llu exits=%lu\n", number++,
	       t.tv_sec * 1000000000ull + t.tv_nsec, exits);
}

/* ---- the machine ---- */

static void set_cpuid(struct vcpu *v)
{
	struct kvm_cpuid2 *cpuid = vm_supported_cpuid(v->vm->dev);

	for (u32 i = 0; i < cpuid->nent; i++)
		if (cpuid->entries[i].function == 1)
			cpuid->entries[i].ecx |= CPUID_1_C_X2APIC | CPUID_1_C_DEADLINE;
	if (ioctl(v->fd, KVM_SET_CPUID2, cpuid))
		die("KVM_SET_CPUID2 with x2APIC and the deadline timer");
	free(cpuid);
}

static void add_vcpu(struct vm *vm)
{
	struct vcpu *v = vm_add_vcpu(vm);

	set_cpuid(v);
	exit_counters[v->id] = (struct counter){ };
	open_counter(&exit_counters[v->id], v, "exits");
	if (vcpu_set_mp_state(v, KVM_MP_STATE_RUNNABLE))
		die("KVM_SET_MP_STATE");
}

static struct vm *create(const struct row *row)
{
	struct vm *vm = vm_create_with_chips(CHIPS_ALL, 0);

	pt_map(vm, DEVICE_PAGE, DEVICE_PAGE, PTE_KERNEL);
	for (int i = 0; i < row->vcpus; i++)
		add_vcpu(vm);
	if (row->handler)
		vm_handle(vm, VECTOR, row->handler);
	if (row->other_handler)
		vm_handle(vm, OTHER_VECTOR, row->other_handler);
	return vm;
}

static bool is_offered(const struct row *row)
{
	struct kvm_cpuid2 *cpuid;
	bool offered = !row->feature;
	int dev;

	if (offered)
		return true;
	dev = vm_open_device();
	cpuid = vm_supported_cpuid(dev);
	for (u32 i = 0; i < cpuid->nent; i++)
		if (cpuid->entries[i].function == KVM_CPUID_FEATURES)
			offered = cpuid->entries[i].eax & row->feature;
	free(cpuid);
	close(dev);
	return offered;
}

/* ---- a row ---- */

/* Until the guest speaks, by a write to one of its ports. */
static u32 run_until(struct vcpu *v, u16 port)
{
	struct result r = vcpu_run(v);

	if (r.kind != OUT_EXIT || r.exit != KVM_EXIT_IO || v->run->io.port != port)
		die("the guest: %s, in place of a write to port %#x", result_str(r), port);
	return (u32)v->regs.rax;
}

static void expect_out(struct bench *b, u16 port)
{
	run_until(&b->vm->vcpu[0], port);
}

void bench_serve(struct bench *b, u16 port, void (*serve)(struct bench *b))
{
	for (u32 i = 0; i < b->iterations; i++) {
		expect_out(b, port);
		serve(b);
	}
}

/* The guest warms up, says so, does it again, and says so. */
static u64 run_row(struct bench *b)
{
	const struct row *row = b->row;
	int rounds = 2;

	while (rounds--) {
		if (row->before)
			row->before(b);
		expect_out(b, PORT_SYNC);
		if (!rounds)
			mark(b, 0);
		if (row->serve)
			row->serve(b);
		expect_out(b, PORT_SYNC);
		if (!rounds)
			mark(b, 0);
	}
	return *guest_global(b->vm, bench_ticks);
}

/* By a thread of ours, with the guest in one of its own. */
static u64 run_driven(struct bench *b)
{
	struct timespec start, end;

	b->row->before(b);
	b->row->drive(b);
	mark(b, 0);
	clock_gettime(CLOCK_MONOTONIC, &start);
	b->row->drive(b);
	clock_gettime(CLOCK_MONOTONIC, &end);
	mark(b, 1);	/* as if it had made an exit itself */
	return (end.tv_sec - start.tv_sec) * 1000000000ull + end.tv_nsec - start.tv_nsec;
}

static void start_vcpu(struct bench *b, struct smp_guest *g, int id, void (*entry)(u64))
{
	if (entry)
		smp_start(g, &b->vm->vcpu[id], entry, b->iterations);
}

static void set_regs(struct bench *b)
{
	struct vcpu *v = &b->vm->vcpu[0];

	memset(&v->regs, 0, sizeof(v->regs));
	v->regs.rip = (u64)b->row->guest;
	v->regs.rdi = b->iterations;
	v->regs.rsp = VCPU_STACK(0) - 8;
	v->regs.rflags = 2;
	if (ioctl(v->fd, KVM_SET_REGS, &v->regs))
		die("KVM_SET_REGS");
}

static void measure(const struct row *row)
{
	struct bench b = { .vm = create(row), .row = row, .iterations = row->iterations };
	struct smp_guest others[MAX_VCPUS] = { };
	u64 ticks;

	if (row->prepare)
		row->prepare(&b);
	for (int i = 1; i < row->vcpus; i++)
		start_vcpu(&b, &others[i], i, row->other_guest);
	if (row->drive) {
		start_vcpu(&b, &others[0], 0, row->guest);
		ticks = run_driven(&b);
	} else {
		set_regs(&b);
		ticks = run_row(&b);
	}
	for (int i = 0; i < row->vcpus; i++)
		if (others[i].started)
			smp_stop(&others[i]);
	for (int i = 0; i < row->vcpus; i++)
		close(exit_counters[i].fd);
	printf("bench %s %u %lu\n", row->name, row->iterations, ticks);
	vm_free(b.vm);
}

static bool is_wanted(const struct row *row, int argc, char **argv)
{
	for (int i = 1; i < argc; i++)
		if (!strcmp(argv[i], row->name))
			return true;
	return argc == 1;
}

int main(int argc, char **argv)
{
	if (argc > 1 && argv[1][0] == '-') {
		fputs(usage, stdout);
		return 0;
	}
	/* The report expects what came before the first row. */
	puts("mark=0 ns=0 exits=0");
	for (const struct row *row = rows; row->name; row++)
		if (is_wanted(row, argc, argv) && is_offered(row))
			measure(row);
	return 0;
}
