// SPDX-License-Identifier: GPL-2.0-only
/*
 * Counters shown: in debugfs (umbra/stats for all VMs, umbra/PID-SERIAL/stats for each) and
 * through KVM_GET_STATS_FD. The lists in stats.h make the names and the order.
 */
#include <linux/anon_inodes.h>
#include <linux/debugfs.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/kthread.h>
#include <linux/module.h>
#include <linux/sched/mm.h>
#include <linux/seq_file.h>
#include <linux/slab.h>
#include <linux/workqueue.h>

#include "coverage.h"
#include "mmu.h"
#include "stats.h"
#include "vcpu.h"
#include "vm.h"

#define STATS_NAME_SIZE	48

/* All counters are u64, so that a set of them is an array. */
#define NR_COUNTERS(type)	(sizeof(struct type) / sizeof(u64))
#define NR_MMU_COUNTERS		NR_COUNTERS(mmu_stats)
#define NR_VCPU_COUNTERS	NR_COUNTERS(vcpu_stats)

struct counter {
	const char *name;
	u32 flags;
};

#define COUNTER(name, kind) { #name, KVM_STATS_TYPE_##kind },
static const struct counter mmu_counters[] = { MMU_STATS(COUNTER) };
static const struct counter vcpu_counters[] = { VCPU_STATS(COUNTER) };
#undef COUNTER

struct counts {
	u64 mmu[NR_MMU_COUNTERS];
	u64 vcpu[NR_VCPU_COUNTERS];
	u64 vms, vcpus;
};

/* All VMs, and what those that are gone have counted. */
static LIST_HEAD(vms);
static struct counts gone;
static DEFINE_MUTEX(vms_lock);
static atomic_t vm_serial;
static struct dentry *root;

/* ---- adding up ---- */

static void add(u64 *sum, const u64 *from, unsigned int nr)
{
	unsigned int i;

	for (i = 0; i < nr; i++)
		sum[i] += READ_ONCE(from[i]);
}

static void add_vm(struct counts *sum, struct vm *vm)
{
	unsigned int i, nr = smp_load_acquire(&vm->nr_vcpus);
	struct mmu_stats mmu;

	mmu_stats_snapshot(&vm->mmu, &mmu);
	add(sum->mmu, (u64 *)&mmu, NR_MMU_COUNTERS);
	for (i = 0; i < nr; i++)
		add(sum->vcpu, (u64 *)&vm->vcpus[i]->stats, NR_VCPU_COUNTERS);
	sum->vms++;
	sum->vcpus += nr;
}

/* ---- debugfs ---- */

static void show_counters(struct seq_file *m, const struct counter *counter, const u64 *value,
			  unsigned int nr)
{
	unsigned int i;

	for (i = 0; i < nr; i++)
		seq_printf(m, "%-22s %llu\n", counter[i].name, value[i]);
}

static void show_counts(struct seq_file *m, const struct counts *counts)
{
	show_counters(m, mmu_counters, counts->mmu, NR_MMU_COUNTERS);
	show_counters(m, vcpu_counters, counts->vcpu, NR_VCPU_COUNTERS);
	seq_printf(m, "%-22s %llu\n", "vcpus", counts->vcpus);
}

static int sums_show(struct seq_file *m, void *unused)
{
	struct counts *sum = kzalloc(sizeof(*sum), GFP_KERNEL);
	struct vm *vm;

	if (!sum)
		return -ENOMEM;
	mutex_lock(&vms_lock);
	*sum = gone;
	list_for_each_entry(vm, &vms, stats_node)
		add_vm(sum, vm);
	mutex_unlock(&vms_lock);
	show_counts(m, sum);
	seq_printf(m, "%-22s %llu\n", "vms", sum->vms);
	kfree(sum);
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(sums);

static int vm_stats_show(struct seq_file *m, void *unused)
{
	struct counts *counts = kzalloc(sizeof(*counts), GFP_KERNEL);

	if (!counts)
		return -ENOMEM;
	add_vm(counts, m->private);
	show_counts(m, counts);
	kfree(counts);
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(vm_stats);

struct audit_work {
	struct work_struct work;
	struct vm *vm;
	unsigned long breaches;
};

/* The guest's tables are memory of the VMM, not of whoever reads the file. */
static void audit_in_vmm(struct work_struct *work)
{
	struct audit_work *a = container_of(work, struct audit_work, work);
	struct mm_struct *mm = a->vm->mm;
	bool alive = mmget_not_zero(mm);
	int idx;

	if (alive)
		kthread_use_mm(mm);
	idx = srcu_read_lock(&a->vm->srcu);
	a->breaches = mmu_audit(&a->vm->mmu);
	srcu_read_unlock(&a->vm->srcu, idx);
	if (alive) {
		kthread_unuse_mm(mm);
		mmput(mm);
	}
}

static int vm_audit_show(struct seq_file *m, void *unused)
{
	struct audit_work a = { .vm = m->private };

	INIT_WORK_ONSTACK(&a.work, audit_in_vmm);
	schedule_work(&a.work);
	flush_work(&a.work);
	destroy_work_on_stack(&a.work);
	seq_printf(m, "%lu\n", a.breaches);
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(vm_audit);

void stats_init(void)
{
	root = debugfs_create_dir("umbra", NULL);
	debugfs_create_file("stats", 0444, root, NULL, &sums_fops);
	coverage_init(root);
}

void stats_exit(void)
{
	debugfs_remove_recursive(root);
}

void stats_add_vm(struct vm *vm)
{
	snprintf(vm->stats_id, sizeof(vm->stats_id), "%d-%d", current->tgid,
		 atomic_inc_return(&vm_serial));
	vm->debugfs = debugfs_create_dir(vm->stats_id, root);
	debugfs_create_file("stats", 0444, vm->debugfs, vm, &vm_stats_fops);
	debugfs_create_file("audit", 0400, vm->debugfs, vm, &vm_audit_fops);
	mutex_lock(&vms_lock);
	list_add(&vm->stats_node, &vms);
	mutex_unlock(&vms_lock);
}

/* What is in the sums stays: what the VM has counted, but for what it only had. */
static void keep(const struct counts *last)
{
	unsigned int i;

	for (i = 0; i < NR_MMU_COUNTERS; i++)
		if (mmu_counters[i].flags != KVM_STATS_TYPE_INSTANT)
			gone.mmu[i] += last->mmu[i];
	add(gone.vcpu, last->vcpu, NR_VCPU_COUNTERS);
}

void stats_remove_vm(struct vm *vm)
{
	struct counts *last = kzalloc(sizeof(*last), GFP_KERNEL);

	debugfs_remove_recursive(vm->debugfs);
	if (last)
		add_vm(last, vm);
	mutex_lock(&vms_lock);
	list_del(&vm->stats_node);
	if (last)
		keep(last);
	mutex_unlock(&vms_lock);
	kfree(last);
}

/* ---- KVM_GET_STATS_FD ---- */

/* A descriptor with its name, which is part of the kernel's struct or not. */
#define DESC_BYTES	(offsetof(struct kvm_stats_desc, name) + STATS_NAME_SIZE)

/* What is read from the file first; the descriptors and then the data follow. */
struct stats_head {
	struct kvm_stats_header header;
	char id[STATS_NAME_SIZE];
};

/**
 * struct stats_source - what a statistics file shows
 * @of:		the VM's or the vCPU's file: as long as it is open they are there
 * @vm:		of this VM ...
 * @vcpu:	... or of this vCPU of it, if not NULL
 */
struct stats_source {
	struct file *of;
	struct vm *vm;
	struct vcpu *vcpu;
};

static const struct counter *source_counters(const struct stats_source *src, unsigned int *nr)
{
	*nr = src->vcpu ? NR_VCPU_COUNTERS : NR_MMU_COUNTERS;
	return src->vcpu ? vcpu_counters : mmu_counters;
}

static void source_values(const struct stats_source *src, u64 *value)
{
	if (src->vcpu)
		add(value, (u64 *)&src->vcpu->stats, NR_VCPU_COUNTERS);
	else
		mmu_stats_snapshot(&src->vm->mmu, (struct mmu_stats *)value);
}

static size_t head_bytes(unsigned int nr)
{
	return sizeof(struct stats_head) + nr * DESC_BYTES;
}

static void fill_head(const struct stats_source *src, struct stats_head *head)
{
	const struct counter *counter;
	unsigned int i, nr;

	counter = source_counters(src, &nr);
	head->header.name_size = STATS_NAME_SIZE;
	head->header.num_desc = nr;
	head->header.id_offset = offsetof(struct stats_head, id);
	head->header.desc_offset = sizeof(*head);
	head->header.data_offset = head_bytes(nr);
	if (src->vcpu)
		snprintf(head->id, sizeof(head->id), "kvm-%.24s/vcpu-%u", src->vm->stats_id,
			 src->vcpu->id);
	else
		snprintf(head->id, sizeof(head->id), "kvm-%.24s", src->vm->stats_id);
	for (i = 0; i < nr; i++) {
		struct kvm_stats_desc *d = (void *)(head + 1) + i * DESC_BYTES;

		d->flags = counter[i].flags | KVM_STATS_UNIT_NONE | KVM_STATS_BASE_POW10;
		d->size = 1;
		d->offset = i * sizeof(u64);
		strscpy(d->name, counter[i].name, STATS_NAME_SIZE);
	}
}

static ssize_t stats_read(struct file *file, char __user *buf, size_t len, loff_t *pos)
{
	const struct stats_source *src = file->private_data;
	size_t head, total;
	unsigned int nr;
	ssize_t r;
	void *all;

	source_counters(src, &nr);
	head = head_bytes(nr);
	total = head + nr * sizeof(u64);
	all = kvzalloc(total, GFP_KERNEL);
	if (!all)
		return -ENOMEM;
	fill_head(src, all);
	source_values(src, all + head);
	r = simple_read_from_buffer(buf, len, pos, all, total);
	kvfree(all);
	return r;
}

static int stats_release(struct inode *inode, struct file *file)
{
	struct stats_source *src = file->private_data;

	fput(src->of);
	kfree(src);
	return 0;
}

static const struct file_operations stats_fops = {
	.owner = THIS_MODULE,
	.read = stats_read,
	.release = stats_release,
	.llseek = noop_llseek,
};

static int stats_fd(struct file *of, struct vm *vm, struct vcpu *vcpu)
{
	struct stats_source *src = kzalloc(sizeof(*src), GFP_KERNEL_ACCOUNT);
	struct file *file;
	int fd = -ENOMEM;

	if (!src)
		return fd;
	src->of = of;
	src->vm = vm;
	src->vcpu = vcpu;
	fd = get_unused_fd_flags(O_CLOEXEC);
	if (fd < 0)
		goto out_free;
	file = anon_inode_getfile("umbra-stats", &stats_fops, src, O_RDONLY);
	if (IS_ERR(file))
		goto out_fd;
	get_file(of);
	file->f_mode |= FMODE_PREAD;
	fd_install(fd, file);
	return fd;

out_fd:
	put_unused_fd(fd);
	fd = PTR_ERR(file);
out_free:
	kfree(src);
	return fd;
}

int vm_stats_fd(struct file *file, struct vm *vm)
{
	return stats_fd(file, vm, NULL);
}

int vcpu_stats_fd(struct file *file, struct vcpu *vcpu)
{
	return stats_fd(file, vcpu->vm, vcpu);
}
