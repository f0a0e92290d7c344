// SPDX-License-Identifier: GPL-2.0-only
/* --stats: the VMM's count of exits, and the kernel's own through KVM_GET_STATS_FD. */
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
	print_exits(m);
	print_stats_fd(m->vm_fd, "virtual machine");
	print_stats_fd(m->vcpu[0].fd, "vCPU 0");
}
