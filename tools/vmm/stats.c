// SPDX-License-Identifier: GPL-2.0-only
/*
 * --stats and --marks: the VMM's count of exits, and the kernel's own counters through
 * KVM_GET_STATS_FD.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "vmm.h"

#define NAME_WIDTH	36

static void print_counter(const char *name, u64 value)
{
	if (value)
		fprintf(stderr, "  %-*s %15llu\n", NAME_WIDTH, name, (unsigned long long)value);
}

static bool read_all(int fd, void *to, size_t size, u64 offset)
{
	return pread(fd, to, size, offset) == (ssize_t)size;
}

static bool is_plain(const struct kvm_stats_desc *desc)
{
	u32 type = desc->flags & KVM_STATS_TYPE_MASK;

	return desc->size == 1 && (type == KVM_STATS_TYPE_CUMULATIVE ||
				   type == KVM_STATS_TYPE_INSTANT || type == KVM_STATS_TYPE_PEAK);
}

static void print_descriptors(int fd, const struct kvm_stats_header *header)
{
	size_t desc_size = sizeof(struct kvm_stats_desc) + header->name_size;
	struct kvm_stats_desc *desc = malloc(desc_size + 1);
	u64 value;
	u32 i;

	if (!desc)
		return;
	for (i = 0; i < header->num_desc; i++) {
		if (!read_all(fd, desc, desc_size, header->desc_offset + i * desc_size))
			break;
		((char *)desc)[desc_size] = 0;
		if (is_plain(desc) &&
		    read_all(fd, &value, sizeof(value), header->data_offset + desc->offset))
			print_counter(desc->name, value);
	}
	free(desc);
}

/* A kernel without these counters has nothing to say. */
static void print_stats_fd(int parent, const char *title)
{
	struct kvm_stats_header header;
	int fd = ioctl(parent, KVM_GET_STATS_FD, NULL);

	if (fd < 0)
		return;
	fprintf(stderr, "%s\n", title);
	if (read_all(fd, &header, sizeof(header), 0) && header.name_size < 4096)
		print_descriptors(fd, &header);
	close(fd);
}

static void print_exits(struct machine *m)
{
	u64 exits[MAX_EXIT_REASON] = { 0 }, in = 0, out = 0, interrupted = 0, injected = 0;
	unsigned int i, reason;

	for (i = 0; i < m->nr_vcpus; i++) {
		const struct vcpu *vcpu = &m->vcpu[i];

		for (reason = 0; reason < MAX_EXIT_REASON; reason++)
			exits[reason] += vcpu->exits[reason];
		in += vcpu->io_exits[KVM_EXIT_IO_IN];
		out += vcpu->io_exits[KVM_EXIT_IO_OUT];
		interrupted += vcpu->interrupted;
		injected += vcpu->injected;
	}
	fprintf(stderr, "exits to user space\n");
	print_counter("port reads", in);
	print_counter("port writes", out);
	for (reason = 0; reason < MAX_EXIT_REASON; reason++)
		if (reason != KVM_EXIT_IO)
			print_counter(exit_reason_name(reason), exits[reason]);
	print_counter("kicked", interrupted);
	print_counter("interrupts injected", injected);
}

void stats_print(struct machine *m)
{
	char title[16];
	unsigned int i;

	print_exits(m);
	print_stats_fd(m->vm_fd, "virtual machine");
	for (i = 0; i < m->nr_vcpus; i++) {
		snprintf(title, sizeof(title), "vCPU %u", i);
		print_stats_fd(m->vcpu[i].fd, title);
	}
}

/* ---- --marks ---- */

/* A statistics file that stays open: its descriptors are read once. */
struct source {
	int fd;
	struct kvm_stats_header header;
	size_t desc_size;
	char *descs;
};

static struct {
	FILE *file;
	u64 start_ns;
	struct source vm, vcpu[MAX_VCPUS];
	unsigned int nr_vcpus;
} marks;

static void open_source(struct source *src, int parent)
{
	size_t size;

	src->fd = ioctl(parent, KVM_GET_STATS_FD, NULL);
	if (src->fd < 0)
		die_errno("--marks: KVM_GET_STATS_FD failed");
	if (!read_all(src->fd, &src->header, sizeof(src->header), 0))
		die_errno("--marks: cannot read the kernel's counters");
	src->desc_size = sizeof(struct kvm_stats_desc) + src->header.name_size;
	size = src->desc_size * src->header.num_desc;
	src->descs = malloc(size);
	if (!src->descs || !read_all(src->fd, src->descs, size, src->header.desc_offset))
		die_errno("--marks: cannot read the kernel's counters");
}

/* The sum over all sources, which are of one kind. */
static u64 sum_of(const struct source *src, unsigned int nr, const struct kvm_stats_desc *desc)
{
	u64 value, sum = 0;
	unsigned int i;

	for (i = 0; i < nr; i++)
		if (read_all(src[i].fd, &value, sizeof(value),
			     src[i].header.data_offset + desc->offset))
			sum += value;
	return sum;
}

static void mark_sources(const struct source *src, unsigned int nr)
{
	const struct kvm_stats_desc *desc;
	u64 sum;
	u32 i;

	for (i = 0; i < src->header.num_desc; i++) {
		desc = (const void *)(src->descs + i * src->desc_size);
		sum = is_plain(desc) ? sum_of(src, nr, desc) : 0;
		if (sum)
			fprintf(marks.file, " %.*s=%llu", (int)src->header.name_size, desc->name,
				(unsigned long long)sum);
	}
}

void stats_open_marks(struct machine *m)
{
	unsigned int i;

	if (!m->opt.marks)
		return;
	marks.file = fopen(m->opt.marks, "we");
	if (!marks.file)
		die_errno("cannot write %s", m->opt.marks);
	for (i = 0; i < m->nr_vcpus; i++)
		open_source(&marks.vcpu[i], m->vcpu[i].fd);
	marks.nr_vcpus = m->nr_vcpus;
	open_source(&marks.vm, m->vm_fd);
	marks.start_ns = now_ns();
}

void stats_mark(u8 mark)
{
	if (!marks.file)
		return;
	fprintf(marks.file, "mark=%u ns=%llu", mark,
		(unsigned long long)(now_ns() - marks.start_ns));
	mark_sources(marks.vcpu, marks.nr_vcpus);
	mark_sources(&marks.vm, 1);
	fputc('\n', marks.file);
	fflush(marks.file);
}
