// SPDX-License-Identifier: GPL-2.0-only
/* A VM's interrupt controllers: made and freed, and user space's calls for them. */
#include <linux/rcupdate.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "chips.h"
#include "compat.h"
#include "vcpu.h"
#include "vm.h"
#include "vm_chips.h"

static enum hrtimer_restart pit_timer(struct hrtimer *timer)
{
	pit_timer_fired(container_of(timer, struct vm_chips, pit_timer)->chips.pit);
	return HRTIMER_NORESTART;
}

static enum hrtimer_restart ioapic_timer(struct hrtimer *timer)
{
	ioapic_retry(container_of(timer, struct vm_chips, ioapic_timer)->chips.ioapic);
	return HRTIMER_NORESTART;
}

static int alloc_tables(struct vm_chips *c, u32 nr_routes)
{
	struct irq_routes *routes = kvzalloc(irq_routes_size(nr_routes), GFP_KERNEL_ACCOUNT);

	c->chips.apic = kvcalloc(IRQ_MAX_APICS, sizeof(struct lapic *), GFP_KERNEL_ACCOUNT);
	c->chips.by_id = kvcalloc(IRQ_MAX_IDS, sizeof(struct lapic *), GFP_KERNEL_ACCOUNT);
	if (routes && nr_routes)
		irq_routes_default(routes);
	RCU_INIT_POINTER(c->routes, routes);
	return routes && c->chips.apic && c->chips.by_id ? 0 : -ENOMEM;
}

static void free_tables(struct vm_chips *c)
{
	if (c->chips.ioapic)
		ioapic_destroy(c->chips.ioapic);
	if (c->chips.pic)
		pic_destroy(c->chips.pic);
	kvfree(c->chips.apic);
	kvfree(c->chips.by_id);
	kvfree(rcu_dereference_protected(c->routes, true));
	c->chips = (struct irq_chips){ };
	RCU_INIT_POINTER(c->routes, NULL);
}

/* All of it, before anybody can see a part. The VM's lock is held. */
static int create(struct vm *vm, enum chips_mode mode)
{
	struct vm_chips *c = vm->chips;
	int r;

	if (c->mode != CHIPS_USER)
		return -EEXIST;
	if (vm->vcpus_begun)
		return mode == CHIPS_SPLIT ? -EEXIST : -EINVAL;
	r = alloc_tables(c, mode == CHIPS_KERNEL ? IRQ_DEFAULT_ROUTES : 0);
	if (!r && mode == CHIPS_KERNEL) {
		c->chips.pic = pic_create(&c->chips);
		c->chips.ioapic = ioapic_create(&c->chips);
		r = c->chips.pic && c->chips.ioapic ? 0 : -ENOMEM;
	}
	if (r)
		free_tables(c);
	else
		smp_store_release(&c->mode, mode);
	return r;
}

static int create_chips(struct vm *vm)
{
	int r;

	mutex_lock(&vm->lock);
	r = create(vm, CHIPS_KERNEL);
	mutex_unlock(&vm->lock);
	return r;
}

int chips_split(struct vm *vm, u64 pins)
{
	int r;

	if (pins > IRQ_MAX_GSIS)
		return -EINVAL;
	mutex_lock(&vm->lock);
	r = create(vm, CHIPS_SPLIT);
	if (!r)
		vm->chips->split_pins = pins;
	mutex_unlock(&vm->lock);
	return r;
}

int chips_x2apic_api(struct vm *vm, u64 flags)
{
	const u64 valid = KVM_X2APIC_API_USE_32BIT_IDS | KVM_X2APIC_API_DISABLE_BROADCAST_QUIRK;

	if (flags & ~valid)
		return -EINVAL;
	if (flags & KVM_X2APIC_API_USE_32BIT_IDS)
		vm->chips->chips.wide_ids = true;
	if (flags & KVM_X2APIC_API_DISABLE_BROADCAST_QUIRK)
		vm->chips->chips.no_broadcast_quirk = true;
	return 0;
}

int chips_set_bus(struct vm *vm, u64 cycle)
{
	int r = 0;

	if (!cycle || cycle > LAPIC_MAX_CYCLE)
		return -EINVAL;
	mutex_lock(&vm->lock);
	if (vm->chips->mode == CHIPS_USER)
		r = -ENXIO;
	else if (vm->vcpus_begun)
		r = -EINVAL;
	else
		vm->chips->chips.bus_cycle = cycle;
	mutex_unlock(&vm->lock);
	return r;
}

void chips_lint0_quirk(struct vm *vm, bool on)
{
	WRITE_ONCE(vm->chips->chips.lint0_masked, !on);
}

int chips_init(struct vm *vm)
{
	struct vm_chips *c = kzalloc(sizeof(*c), GFP_KERNEL_ACCOUNT);

	if (!c)
		return -ENOMEM;
	vm->chips = c;
	c->vm = vm;
	mutex_init(&c->lock);
	INIT_LIST_HEAD(&c->irqfds);
	INIT_LIST_HEAD(&c->resamplers);
	hash_init(c->ioeventfds);
	spin_lock_init(&c->irqfd_lock);
	timer_setup_abs(&c->pit_timer, pit_timer);
	timer_setup_abs(&c->ioapic_timer, ioapic_timer);
	return 0;
}

void chips_destroy(struct vm *vm)
{
	struct vm_chips *c = vm->chips;
	unsigned int i;

	eventfd_release(vm);
	hrtimer_cancel(&c->pit_timer);
	hrtimer_cancel(&c->ioapic_timer);
	for (i = 0; i < c->chips.nr_apics; i++)
		hrtimer_cancel(&container_of(c->chips.apic[i], struct vcpu_chips, apic)->timer);
	c->chips.nr_apics = 0;
	if (c->chips.pit)
		pit_destroy(c->chips.pit);
	free_tables(c);
	kfree(c);
	vm->chips = NULL;
}

/* ---- ioctls ---- */

static int create_pit(struct vm *vm, const void __user *arg)
{
	struct irq_chips *chips = &vm->chips->chips;
	struct kvm_pit_config config = { };
	int r = -ENOMEM;
	struct pit *pit;

	if (arg && copy_from_user(&config, arg, sizeof(config)))
		return -EFAULT;
	mutex_lock(&vm->lock);
	if (chips->pit) {
		r = -EEXIST;
	} else if (vm->chips->mode != CHIPS_KERNEL) {
		r = -ENOENT;
	} else {
		pit = pit_create(chips, config.flags & KVM_PIT_SPEAKER_DUMMY);
		if (pit) {
			smp_store_release(&chips->pit, pit);
			r = 0;
		}
	}
	mutex_unlock(&vm->lock);
	return r;
}

static struct kvm_irq_routing_entry *copy_routes(const struct kvm_irq_routing __user *arg, u32 *nr)
{
	struct kvm_irq_routing head;

	if (copy_from_user(&head, arg, sizeof(head)))
		return ERR_PTR(-EFAULT);
	if (head.nr > IRQ_MAX_GSIS || head.flags)
		return ERR_PTR(-EINVAL);
	*nr = head.nr;
	return head.nr ? vmemdup_user(arg->entries, head.nr * sizeof(*arg->entries)) : NULL;
}

/* When this returns nobody goes by the old routes any more. */
static void replace_routes(struct vm_chips *c, struct irq_routes *routes)
{
	mutex_lock(&c->lock);
	routes = rcu_replace_pointer(c->routes, routes, lockdep_is_held(&c->lock));
	mutex_unlock(&c->lock);
	synchronize_rcu_expedited();
	kvfree(routes);
}

static int set_routes(struct vm *vm, const struct kvm_irq_routing __user *arg)
{
	struct kvm_irq_routing_entry *entry;
	struct irq_routes *routes = NULL;
	u32 nr;
	int r = -ENOMEM;

	if (vm->chips->mode == CHIPS_USER)
		return -EINVAL;
	entry = copy_routes(arg, &nr);
	if (IS_ERR(entry))
		return PTR_ERR(entry);
	routes = kvzalloc(irq_routes_size(nr), GFP_KERNEL_ACCOUNT);
	if (routes)
		r = irq_routes_fill(&vm->chips->chips, routes, entry, nr);
	if (r)
		kvfree(routes);
	else
		replace_routes(vm->chips, routes);
	kvfree(entry);
	return r;
}

static int irq_line(struct vm *vm, void __user *arg, bool status)
{
	struct kvm_irq_level line;

	if (copy_from_user(&line, arg, sizeof(line)))
		return -EFAULT;
	if (vm->chips->mode == CHIPS_USER)
		return -ENXIO;
	line.status = chips_set_line(vm, status ? IRQ_SOURCE_STATUS : IRQ_SOURCE_USER, line.irq,
				     line.level);
	return status && copy_to_user(arg, &line, sizeof(line)) ? -EFAULT : 0;
}

static int signal_msi(struct vm *vm, const void __user *arg)
{
	struct kvm_msi msi;

	return copy_from_user(&msi, arg, sizeof(msi)) ? -EFAULT : chips_send_msi(vm, &msi);
}

static int get_chip(struct irq_chips *chips, struct kvm_irqchip *chip)
{
	switch (chip->chip_id) {
	case KVM_IRQCHIP_PIC_MASTER:
	case KVM_IRQCHIP_PIC_SLAVE:
		pic_get_state(chips->pic, chip->chip_id == KVM_IRQCHIP_PIC_SLAVE, &chip->chip.pic);
		return 0;
	case KVM_IRQCHIP_IOAPIC:
		ioapic_get_state(chips->ioapic, &chip->chip.ioapic);
		return 0;
	}
	return -EINVAL;
}

static int set_chip(struct irq_chips *chips, const struct kvm_irqchip *chip)
{
	switch (chip->chip_id) {
	case KVM_IRQCHIP_PIC_MASTER:
	case KVM_IRQCHIP_PIC_SLAVE:
		return pic_set_state(chips->pic, chip->chip_id == KVM_IRQCHIP_PIC_SLAVE,
				     &chip->chip.pic);
	case KVM_IRQCHIP_IOAPIC:
		return ioapic_set_state(chips->ioapic, &chip->chip.ioapic);
	}
	return -EINVAL;
}

static int chip_state(struct vm *vm, void __user *arg, bool set)
{
	struct kvm_irqchip *chip;
	int r;

	chip = memdup_user(arg, sizeof(*chip));
	if (IS_ERR(chip))
		return PTR_ERR(chip);
	if (vm->chips->mode != CHIPS_KERNEL)
		r = -ENXIO;
	else if (set)
		r = set_chip(&vm->chips->chips, chip);
	else
		r = get_chip(&vm->chips->chips, chip);
	if (!r && !set && copy_to_user(arg, chip, sizeof(*chip)))
		r = -EFAULT;
	kfree(chip);
	return r;
}

/* KVM_GET_PIT and KVM_SET_PIT know the first part of the state. */
static int pit_state(struct vm *vm, void __user *arg, size_t size, bool set)
{
	struct pit *pit = READ_ONCE(vm->chips->chips.pit);
	struct kvm_pit_state2 state = { };

	if (pit)
		pit_get_state(pit, &state);
	if (set && copy_from_user(&state, arg, size))
		return -EFAULT;
	if (!pit)
		return -ENXIO;
	if (set)
		return pit_set_state(pit, &state);
	return copy_to_user(arg, &state, size) ? -EFAULT : 0;
}

static int reinject(struct vm *vm, const void __user *arg)
{
	struct pit *pit = READ_ONCE(vm->chips->chips.pit);
	struct kvm_reinject_control control;

	if (copy_from_user(&control, arg, sizeof(control)))
		return -EFAULT;
	if (!pit)
		return -ENXIO;
	pit_set_reinject(pit, control.pit_reinject);
	return 0;
}

static int irqfd(struct vm *vm, const void __user *arg)
{
	struct kvm_irqfd args;

	return copy_from_user(&args, arg, sizeof(args)) ? -EFAULT : eventfd_irqfd(vm, &args);
}

static int ioeventfd(struct vm *vm, const void __user *arg)
{
	struct kvm_ioeventfd args;

	return copy_from_user(&args, arg, sizeof(args)) ? -EFAULT : eventfd_ioeventfd(vm, &args);
}

long chips_vm_ioctl(struct vm *vm, unsigned int cmd, unsigned long arg)
{
	void __user *uarg = (void __user *)arg;

	switch (cmd) {
	case KVM_CREATE_IRQCHIP:
		return create_chips(vm);
	case KVM_CREATE_PIT:
		return create_pit(vm, NULL);
	case KVM_CREATE_PIT2:
		return create_pit(vm, uarg);
	case KVM_SET_GSI_ROUTING:
		return set_routes(vm, uarg);
	case KVM_IRQ_LINE:
	case KVM_IRQ_LINE_STATUS:
		return irq_line(vm, uarg, cmd == KVM_IRQ_LINE_STATUS);
	case KVM_SIGNAL_MSI:
		return signal_msi(vm, uarg);
	case KVM_GET_IRQCHIP:
	case KVM_SET_IRQCHIP:
		return chip_state(vm, uarg, cmd == KVM_SET_IRQCHIP);
	case KVM_GET_PIT:
	case KVM_SET_PIT:
		return pit_state(vm, uarg, sizeof(struct kvm_pit_state), cmd == KVM_SET_PIT);
	case KVM_GET_PIT2:
	case KVM_SET_PIT2:
		return pit_state(vm, uarg, sizeof(struct kvm_pit_state2), cmd == KVM_SET_PIT2);
	case KVM_REINJECT_CONTROL:
		return reinject(vm, uarg);
	case KVM_IRQFD:
		return irqfd(vm, uarg);
	case KVM_IOEVENTFD:
		return ioeventfd(vm, uarg);
	}
	return -ENOTTY;
}
