// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a host does to a VM's memory and around it while the VM runs: it is unmapped, moved, cut
 * off, becomes of another kind, read-only, shared with a child; caches go, a processor goes.
 */
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fuzz.h"

#ifndef SYS_memfd_secret
#define SYS_memfd_secret 447
#endif
#ifndef MADV_COLLAPSE
#define MADV_COLLAPSE 25
#endif

#define CPU_ONLINE	"/sys/devices/system/cpu/cpu1/online"	/* nobody has, if alone */
#define HUGE_BYTES	0x200000ul
#define KSM		"/sys/kernel/mm/ksm/run"
#define MODULE_STATS	"/sys/kernel/debug/umbra/stats"

struct range {
	u8 *at;
	size_t bytes;
};

static struct range some_memory(struct fuzz_thread *t)
{
	struct vm *vm = t->fuzz->vm;
	/* Mostly where the guest is at work. */
	size_t first = fuzz_pick(t, (ONE_IN(t, 2) ? LOW_BYTES : vm->mem_bytes) / PAGE_SIZE);
	size_t pages = ONE_IN(t, 4) ? 1 + fuzz_pick(t, 1024) : 1 + fuzz_pick(t, 4);

	if (first + pages > vm->mem_bytes / PAGE_SIZE)
		pages = vm->mem_bytes / PAGE_SIZE - first;
	return (struct range){ vm->mem + first * PAGE_SIZE, pages * PAGE_SIZE };
}

static void put_text(const char *path, const char *text, size_t len)
{
	int fd = open(path, O_WRONLY);

	if (fd < 0)
		return;
	/* Refused is as good. */
	if (write(fd, text, len) < 0)
		errno = 0;
	close(fd);
}

void fuzz_write(struct fuzz *f, u64 gpa, const void *src, size_t bytes)
{
	struct iovec from = { (void *)src, bytes }, to = { f->vm->mem + gpa, bytes };

	process_vm_writev(getpid(), &from, 1, &to, 1, 0);
}

/* ---- the memory ---- */

static void unmap(struct fuzz_thread *t)
{
	struct range r = some_memory(t);

	munmap(r.at, r.bytes);
}

static void map_private(struct fuzz_thread *t)
{
	struct range r = some_memory(t);

	mmap(r.at, r.bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
}

static void map_shared(struct fuzz_thread *t)
{
	struct range r = some_memory(t);

	mmap(r.at, r.bytes, PROT_READ | (ONE_IN(t, 4) ? 0 : PROT_WRITE),
	     (ONE_IN(t, 2) ? MAP_SHARED : MAP_PRIVATE) | MAP_FIXED, t->fuzz->memfd,
	     r.at - t->fuzz->vm->mem);
}

static void map_huge(struct fuzz_thread *t)
{
	struct range r = some_memory(t);
	u8 *at = (u8 *)((u64)r.at & -HUGE_BYTES);

	if (at >= t->fuzz->vm->mem && at + HUGE_BYTES <= t->fuzz->vm->mem + t->fuzz->vm->mem_bytes)
		mmap(at, HUGE_BYTES, PROT_READ | PROT_WRITE,
		     MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED | MAP_HUGETLB, -1, 0);
}

static void map_secret(struct fuzz_thread *t)
{
	struct range r = some_memory(t);
	int fd = syscall(SYS_memfd_secret, 0);

	if (fd < 0)
		return;
	if (!ftruncate(fd, r.bytes))
		mmap(r.at, r.bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, fd, 0);
	close(fd);
}

static void protect(struct fuzz_thread *t)
{
	struct range r = some_memory(t);

	mprotect(r.at, r.bytes, ONE_IN(t, 3) ? PROT_READ : PROT_READ | PROT_WRITE);
}

static void advise(struct fuzz_thread *t)
{
	static const int advice[] = {
		MADV_DONTNEED, MADV_FREE, MADV_HUGEPAGE, MADV_NOHUGEPAGE, MADV_MERGEABLE,
		MADV_UNMERGEABLE, MADV_COLD, MADV_PAGEOUT, MADV_COLLAPSE, MADV_REMOVE,
		MADV_POPULATE_WRITE, MADV_DONTFORK, MADV_DOFORK, MADV_WIPEONFORK,
	};
	struct range r = some_memory(t);

	madvise(r.at, r.bytes, advice[fuzz_pick(t, ARRAY_SIZE(advice))]);
}

/* Away, and back: for a moment nothing is there. */
static void move(struct fuzz_thread *t)
{
	struct range r = some_memory(t);
	void *away = mremap(r.at, r.bytes, r.bytes, MREMAP_MAYMOVE | MREMAP_DONTUNMAP);

	if (away == MAP_FAILED)
		return;
	if (mremap(away, r.bytes, r.bytes, MREMAP_MAYMOVE | MREMAP_FIXED, r.at) == MAP_FAILED)
		munmap(away, r.bytes);
}

static void truncate_file(struct fuzz_thread *t)
{
	size_t bytes = t->fuzz->vm->mem_bytes;

	if (ONE_IN(t, 2))
		fallocate(t->fuzz->memfd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
			  fuzz_pick(t, bytes), PAGE_SIZE * (1 + fuzz_pick(t, 64)));
	else if (!ftruncate(t->fuzz->memfd, fuzz_pick(t, bytes)))
		ftruncate(t->fuzz->memfd, bytes);
}

/* ---- the host ---- */

/* A child has the descriptors, not the memory: what it calls is refused, and what it holds ends. */
static void share_with_child(struct fuzz_thread *t)
{
	int status;
	pid_t pid = fork();

	if (!pid) {
		fuzz_call(t);
		_exit(0);
	}
	while (pid > 0 && waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
}

static void drop_caches(struct fuzz_thread *t)
{
	put_text("/proc/sys/vm/drop_caches", "2", 1);
}

static void merge(struct fuzz_thread *t)
{
	put_text(KSM, ONE_IN(t, 2) ? "1" : "2", 1);
}

static void look_at_stats(struct fuzz_thread *t)
{
	int fd = ONE_IN(t, 2) ? open(MODULE_STATS, O_RDONLY) :
				ioctl(t->fuzz->vm->fd, KVM_GET_STATS_FD, NULL);

	if (fd < 0)
		return;
	if (read(fd, t->buffer, BUFFER_BYTES) < 0)
		errno = 0;
	close(fd);
}

/* The module's own look at the MMU of this process's VMs. */
static void audit(struct fuzz_thread *t)
{
	char pattern[64], text[32] = "";
	glob_t found;
	int fd;

	snprintf(pattern, sizeof(pattern), "/sys/kernel/debug/umbra/%d-*/audit", getpid());
	if (glob(pattern, 0, NULL, &found))
		return;
	for (size_t i = 0; i < found.gl_pathc; i++) {
		fd = open(found.gl_pathv[i], O_RDONLY);
		if (fd >= 0 && read(fd, text, sizeof(text) - 1) > 0 && atoi(text))
			t->fuzz->marks->breaches = atoi(text);
		if (fd >= 0)
			close(fd);
	}
	globfree(&found);
}

static void unplug(struct fuzz_thread *t)
{
	if (!t->fuzz->may_unplug)
		return;
	put_text(CPU_ONLINE, "0", 1);
	put_text(CPU_ONLINE, "1", 1);
}

void fuzz_host_restore(void)
{
	put_text(CPU_ONLINE, "1", 1);
	put_text(KSM, "2", 1);
	put_text(KSM, "0", 1);
}

static void unload(struct fuzz_thread *t)
{
	if (!syscall(SYS_delete_module, "umbra", O_NONBLOCK))
		t->fuzz->marks->unloaded = 1;
}

/* A vCPU and its VM end when their last descriptor does, whoever is amid a call. */
static void other_vm(struct fuzz_thread *t)
{
	int fd = ioctl(t->fuzz->vm->dev, KVM_CREATE_VM, 0), vcpu;

	if (fd < 0)
		return;
	ioctl(fd, KVM_CREATE_IRQCHIP, 0);
	vcpu = ioctl(fd, KVM_CREATE_VCPU, 0);
	close(fd);
	ioctl(vcpu, KVM_RUN, 0);
	close(vcpu);
}

static const struct {
	void (*act)(struct fuzz_thread *t);
	u32 weight;
} acts[] = {
	{ unmap, 8 }, { map_private, 30 }, { map_shared, 12 }, { map_huge, 6 }, { map_secret, 4 },
	{ protect, 20 }, { advise, 40 }, { move, 10 }, { truncate_file, 10 },
	{ share_with_child, 3 }, { drop_caches, 1 }, { merge, 2 }, { look_at_stats, 4 },
	{ audit, 2 }, { unplug, 1 }, { unload, 2 }, { other_vm, 4 },
};

void fuzz_host(struct fuzz_thread *t)
{
	u32 sum = 0, at;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(acts); i++)
		sum += acts[i].weight;
	at = fuzz_pick(t, sum);
	for (i = 0; at >= acts[i].weight; i++)
		at -= acts[i].weight;
	acts[i].act(t);
}
