// SPDX-License-Identifier: GPL-2.0-only
/*
 * Eventfds as interrupt lines (irqfd) and as device registers (ioeventfd).
 *
 * An irqfd sits in its eventfd's wait queue. It is active while it is in the VM's list; who takes
 * it out (KVM_IRQFD again, the eventfd's end, the VM's) queues the work that frees it. Locks: the
 * wait queue's, which the eventfd holds when it calls us, before the list's.
 */
#include <linux/eventfd.h>
#include <linux/file.h>
#include <linux/poll.h>
#include <linux/rculist.h>
#include <linux/slab.h>
#include <linux/wait.h>
#include <linux/workqueue.h>

#include "chips.h"
#include "compat.h"
#include "vcpu.h"
#include "vm.h"
#include "vm_chips.h"

#define MAX_IOEVENTFDS	1000

static struct workqueue_struct *cleanup_wq;

int eventfd_init(void)
{
	cleanup_wq = alloc_workqueue("umbra-irqfd-cleanup", 0, 0);
	return cleanup_wq ? 0 : -ENOMEM;
}

/* What RCU still has to free is freed by code of this module. */
void eventfd_exit(void)
{
	rcu_barrier();
	destroy_workqueue(cleanup_wq);
}

static struct eventfd_ctx *get_ctx(int fd, struct file **file)
{
	struct eventfd_ctx *ctx;

	*file = eventfd_fget(fd);
	if (IS_ERR(*file))
		return ERR_CAST(*file);
	ctx = eventfd_ctx_fileget(*file);
	if (IS_ERR(ctx))
		fput(*file);
	return ctx;
}

/* ---- irqfd ---- */

/*
 * struct irqfd - an eventfd that is a GSI's line
 * @active:	in the VM's list of irqfds, protected by its irqfd_lock
 * @resample:	in the VM's list of those that are told of an EOI (RCU), if there is one to tell
 */
struct irqfd {
	struct vm *vm;
	u32 gsi;
	struct eventfd_ctx *ctx;
	struct resampler resample;
	struct wait_queue_entry wait;
	poll_table table;
	struct list_head active;
	struct work_struct free;
};

/* Any context. An edge, or up until the EOI. */
static void inject(struct irqfd *f)
{
	if (f->resample.ctx) {
		chips_set_line(f->vm, IRQ_SOURCE_RESAMPLE, f->gsi, true);
	} else {
		chips_set_line(f->vm, IRQ_SOURCE_USER, f->gsi, true);
		chips_set_line(f->vm, IRQ_SOURCE_USER, f->gsi, false);
	}
}

/* The list's lock is held. */
static void deactivate(struct irqfd *f)
{
	list_del_init(&f->active);
	queue_work(cleanup_wq, &f->free);
}

/* By the eventfd, interrupts off, its wait queue's lock held: it can't go away meanwhile. */
static int woken(wait_queue_entry_t *wait, unsigned int mode, int sync, void *key)
{
	struct irqfd *f = container_of(wait, struct irqfd, wait);
	struct vm_chips *c = f->vm->chips;
	__poll_t events = key_to_poll(key);
	unsigned long flags;
	u64 count;

	if (events & EPOLLIN) {
		eventfd_ctx_do_read(f->ctx, &count);
		inject(f);
	}
	if (events & EPOLLHUP) {
		spin_lock_irqsave(&c->irqfd_lock, flags);
		if (!list_empty(&f->active))
			deactivate(f);
		spin_unlock_irqrestore(&c->irqfd_lock, flags);
	}
	return 0;
}

static void add_to_queue(struct file *file, wait_queue_head_t *head, poll_table *table)
{
	add_wait_queue(head, &container_of(table, struct irqfd, table)->wait);
}

static bool is_resampled(struct vm_chips *c, u32 gsi)
{
	struct resampler *r;

	list_for_each_entry(r, &c->resamplers, node)
		if (r->gsi == gsi)
			return true;
	return false;
}

static void stop_resampling(struct irqfd *f)
{
	struct vm_chips *c = f->vm->chips;

	mutex_lock(&c->lock);
	list_del_rcu(&f->resample.node);
	synchronize_rcu_expedited();
	if (!is_resampled(c, f->gsi))
		chips_set_line(f->vm, IRQ_SOURCE_RESAMPLE, f->gsi, false);
	mutex_unlock(&c->lock);
	eventfd_ctx_put(f->resample.ctx);
}

static void free_irqfd(struct work_struct *work)
{
	struct irqfd *f = container_of(work, struct irqfd, free);
	struct vm_chips *c = f->vm->chips;
	u64 count;

	mutex_lock(&c->lock);
	eventfd_ctx_remove_wait_queue(f->ctx, &f->wait, &count);
	mutex_unlock(&c->lock);
	if (f->resample.ctx)
		stop_resampling(f);
	eventfd_ctx_put(f->ctx);
	kfree(f);
}

static struct irqfd *alloc_irqfd(struct vm *vm, u32 gsi)
{
	struct irqfd *f = kzalloc(sizeof(*f), GFP_KERNEL_ACCOUNT);

	if (!f)
		return NULL;
	f->vm = vm;
	f->gsi = gsi;
	INIT_LIST_HEAD(&f->active);
	INIT_WORK(&f->free, free_irqfd);
	init_waitqueue_func_entry(&f->wait, woken);
	init_poll_funcptr(&f->table, add_to_queue);
	return f;
}

static int activate(struct irqfd *f)
{
	struct vm_chips *c = f->vm->chips;
	struct irqfd *other;
	int r = 0;

	spin_lock_irq(&c->irqfd_lock);
	list_for_each_entry(other, &c->irqfds, active)
		if (other->ctx == f->ctx)
			r = -EBUSY;
	if (!r)
		list_add_tail(&f->active, &c->irqfds);
	spin_unlock_irq(&c->irqfd_lock);
	return r;
}

static int start_resampling(struct irqfd *f, int fd)
{
	struct vm_chips *c = f->vm->chips;
	struct file *file;
	struct eventfd_ctx *ctx = get_ctx(fd, &file);

	if (IS_ERR(ctx))
		return PTR_ERR(ctx);
	fput(file);
	f->resample.ctx = ctx;
	f->resample.gsi = f->gsi;
	mutex_lock(&c->lock);
	list_add_rcu(&f->resample.node, &c->resamplers);
	mutex_unlock(&c->lock);
	return 0;
}

/*
 * As soon as it is active others may take it out again, by KVM_IRQFD on another thread. The VM's
 * lock keeps it from being freed before it is in the eventfd's queue, from which it is then taken.
 */
static int connect(struct irqfd *f, const struct kvm_irqfd *args, struct file *file)
{
	int r = args->flags & KVM_IRQFD_FLAG_RESAMPLE ? start_resampling(f, args->resamplefd) : 0;
	struct vm_chips *c = f->vm->chips;

	if (r)
		return r;
	mutex_lock(&c->lock);
	r = activate(f);
	if (!r && vfs_poll(file, &f->table) & EPOLLIN)
		inject(f);
	mutex_unlock(&c->lock);
	if (r && f->resample.ctx)
		stop_resampling(f);
	return r;
}

static int assign(struct vm *vm, const struct kvm_irqfd *args)
{
	struct irqfd *f = alloc_irqfd(vm, args->gsi);
	struct file *file;
	int r;

	if (!f)
		return -ENOMEM;
	f->ctx = get_ctx(args->fd, &file);
	if (IS_ERR(f->ctx)) {
		r = PTR_ERR(f->ctx);
		kfree(f);
		return r;
	}
	r = connect(f, args, file);
	if (r) {
		eventfd_ctx_put(f->ctx);
		kfree(f);
	}
	fput(file);
	return r;
}

/* When it returns no interrupt comes of it any more. */
static int deassign(struct vm *vm, const struct kvm_irqfd *args)
{
	struct vm_chips *c = vm->chips;
	struct irqfd *f, *next;
	struct file *file;
	struct eventfd_ctx *ctx = get_ctx(args->fd, &file);

	if (IS_ERR(ctx))
		return PTR_ERR(ctx);
	spin_lock_irq(&c->irqfd_lock);
	list_for_each_entry_safe(f, next, &c->irqfds, active)
		if (f->ctx == ctx && f->gsi == args->gsi)
			deactivate(f);
	spin_unlock_irq(&c->irqfd_lock);
	eventfd_ctx_put(ctx);
	fput(file);
	flush_workqueue(cleanup_wq);
	return 0;
}

int eventfd_irqfd(struct vm *vm, const struct kvm_irqfd *args)
{
	bool resample = args->flags & KVM_IRQFD_FLAG_RESAMPLE;

	if (args->flags & ~(KVM_IRQFD_FLAG_DEASSIGN | KVM_IRQFD_FLAG_RESAMPLE))
		return -EINVAL;
	if (args->flags & KVM_IRQFD_FLAG_DEASSIGN)
		return deassign(vm, args);
	if (vm->chips->mode == CHIPS_USER || (resample && vm->chips->mode != CHIPS_KERNEL))
		return -EINVAL;
	return assign(vm, args);
}

/* ---- ioeventfd ---- */

/*
 * struct ioeventfd - a guest's write that signals an eventfd
 * @len:	0: any length
 * @any:	whatever is written; else @value only
 */
struct ioeventfd {
	struct hlist_node node;
	struct rcu_head rcu;
	u64 addr, value;
	u8 len;
	bool port, any;
	struct eventfd_ctx *ctx;
};

static bool overlaps(const struct ioeventfd *a, const struct ioeventfd *b)
{
	if (a->port != b->port || a->addr != b->addr)
		return false;
	if (!a->len || !b->len)
		return true;
	return a->len == b->len && (a->any || b->any || a->value == b->value);
}

static bool same(const struct ioeventfd *a, const struct ioeventfd *b)
{
	return a->ctx == b->ctx && a->port == b->port && a->addr == b->addr && a->len == b->len &&
	       a->any == b->any && (a->any || a->value == b->value);
}

static bool is_at(const struct ioeventfd *e, const struct io_access *a)
{
	return e->addr == a->gpa && e->port == a->port && (!e->len || e->len == a->len);
}

static bool takes(const struct ioeventfd *e, const struct io_access *a)
{
	u64 value = 0;

	if (!is_at(e, a))
		return false;
	memcpy(&value, a->data, a->len);
	return e->any || e->value == value;
}

bool eventfd_signal_io(struct vm *vm, const struct io_access *a)
{
	struct vm_chips *c = vm->chips;
	struct ioeventfd *e;
	bool found = false;

	if (!READ_ONCE(c->nr_ioeventfds))
		return false;
	rcu_read_lock();
	hash_for_each_possible_rcu(c->ioeventfds, e, node, a->gpa) {
		found = takes(e, a);
		if (found) {
			host_eventfd_signal(e->ctx);
			break;
		}
	}
	rcu_read_unlock();
	return found;
}

bool eventfd_watches(struct vm *vm, const struct io_access *a)
{
	struct vm_chips *c = vm->chips;
	struct ioeventfd *e;
	bool found = false;

	if (!READ_ONCE(c->nr_ioeventfds) || !a->write)
		return false;
	rcu_read_lock();
	hash_for_each_possible_rcu(c->ioeventfds, e, node, a->gpa)
		found = found || is_at(e, a);
	rcu_read_unlock();
	return found;
}

static void free_ioeventfd(struct rcu_head *rcu)
{
	struct ioeventfd *e = container_of(rcu, struct ioeventfd, rcu);

	eventfd_ctx_put(e->ctx);
	kfree(e);
}

static int add_ioeventfd(struct vm_chips *c, struct ioeventfd *new)
{
	struct ioeventfd *e;
	int r = 0;

	mutex_lock(&c->lock);
	hash_for_each_possible(c->ioeventfds, e, node, new->addr)
		if (overlaps(e, new))
			r = -EEXIST;
	if (!r && c->nr_ioeventfds == MAX_IOEVENTFDS)
		r = -ENOSPC;
	if (!r) {
		hash_add_rcu(c->ioeventfds, &new->node, new->addr);
		WRITE_ONCE(c->nr_ioeventfds, c->nr_ioeventfds + 1);
	}
	mutex_unlock(&c->lock);
	return r;
}

static int remove_ioeventfd(struct vm_chips *c, const struct ioeventfd *key)
{
	struct ioeventfd *e;
	int r = -ENOENT;

	mutex_lock(&c->lock);
	hash_for_each_possible(c->ioeventfds, e, node, key->addr) {
		if (!same(e, key))
			continue;
		hash_del_rcu(&e->node);
		WRITE_ONCE(c->nr_ioeventfds, c->nr_ioeventfds - 1);
		call_rcu(&e->rcu, free_ioeventfd);
		r = 0;
		break;
	}
	mutex_unlock(&c->lock);
	return r;
}

static bool ioeventfd_valid(const struct kvm_ioeventfd *args)
{
	const u32 flags = KVM_IOEVENTFD_FLAG_DATAMATCH | KVM_IOEVENTFD_FLAG_PIO |
			  KVM_IOEVENTFD_FLAG_DEASSIGN;

	if (args->flags & ~flags || args->len > 8 || hweight32(args->len) > 1)
		return false;
	if (args->addr + args->len < args->addr)
		return false;
	return args->len || !(args->flags & KVM_IOEVENTFD_FLAG_DATAMATCH);
}

int eventfd_ioeventfd(struct vm *vm, const struct kvm_ioeventfd *args)
{
	struct ioeventfd *e;
	int r;

	if (!ioeventfd_valid(args))
		return -EINVAL;
	e = kzalloc(sizeof(*e), GFP_KERNEL_ACCOUNT);
	if (!e)
		return -ENOMEM;
	e->ctx = eventfd_ctx_fdget(args->fd);
	if (IS_ERR(e->ctx)) {
		r = PTR_ERR(e->ctx);
		kfree(e);
		return r;
	}
	e->addr = args->addr;
	e->len = args->len;
	e->port = args->flags & KVM_IOEVENTFD_FLAG_PIO;
	e->any = !(args->flags & KVM_IOEVENTFD_FLAG_DATAMATCH);
	e->value = args->datamatch;
	if (args->flags & KVM_IOEVENTFD_FLAG_DEASSIGN)
		r = remove_ioeventfd(vm->chips, e);
	else
		r = add_ioeventfd(vm->chips, e);
	if (r || args->flags & KVM_IOEVENTFD_FLAG_DEASSIGN)
		free_ioeventfd(&e->rcu);
	return r;
}

/* ---- the end ---- */

void eventfd_release(struct vm *vm)
{
	struct vm_chips *c = vm->chips;
	struct irqfd *f, *next;
	struct ioeventfd *e;
	struct hlist_node *tmp;
	unsigned int i;

	spin_lock_irq(&c->irqfd_lock);
	list_for_each_entry_safe(f, next, &c->irqfds, active)
		deactivate(f);
	spin_unlock_irq(&c->irqfd_lock);
	flush_workqueue(cleanup_wq);
	hash_for_each_safe(c->ioeventfds, i, tmp, e, node) {
		hash_del(&e->node);
		free_ioeventfd(&e->rcu);
	}
}
