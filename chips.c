// SPDX-License-Identifier: GPL-2.0-only
/* A VM's interrupt controllers: made, asked for interrupts, and what irq/ asks of its host. */
#include <linux/ktime.h>
#include <linux/rcupdate.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "chips.h"
#include "clock.h"
#include "compat.h"
#include "halt.h"
#include "request.h"
#include "vcpu.h"
#include "vm.h"
#include "vm_chips.h"

static struct vm *vm_of(struct irq_chips *chips)
{
	return container_of(chips, struct vm_chips, chips)->vm;
}

static struct vcpu *vcpu_of(struct lapic *apic)
{
	return container_of(apic, struct vcpu_chips, apic)->vcpu;
}

/* ---- what irq/ asks for ---- */

u64 irq_host_now(void)
{
	return ktime_get_ns();
}

void irq_host_kick(struct lapic *apic)
{
	struct vcpu *vcpu = vcpu_of(apic);

	vcpu_request(vcpu, REQ_EVENT);
	vcpu_kick(vcpu);
}

void irq_host_nmi(struct lapic *apic)
{
	vcpu_nmi(vcpu_of(apic));
}

/* Without SMM there is nobody to take it. */
void irq_host_smi(struct lapic *apic)
{
}

static void set_timer(struct hrtimer *timer, u64 when)
{
	if (when)
		hrtimer_start(timer, ns_to_ktime(when), HRTIMER_MODE_ABS_HARD);
	else
		hrtimer_try_to_cancel(timer);
}

void irq_host_apic_timer(struct lapic *apic, u64 when)
{
	set_timer(&container_of(apic, struct vcpu_chips, apic)->timer, when);
}

u64 irq_host_tsc(struct lapic *apic, u32 *khz)
{
	const struct vcpu *vcpu = vcpu_of(apic);

	*khz = vcpu->tsc.khz;
	return tsc_read(vcpu);
}

void irq_host_extint(struct irq_chips *chips)
{
	unsigned int i, nr = smp_load_acquire(&chips->nr_apics);

	for (i = 0; i < nr; i++)
		if (lapic_takes_extint(chips->apic[i]))
			irq_host_kick(chips->apic[i]);
}

static int gsi_of(struct vm *vm, unsigned int chip, unsigned int pin)
{
	int gsi;

	rcu_read_lock();
	gsi = irq_routes_gsi(rcu_dereference(vm->chips->routes), chip, pin);
	rcu_read_unlock();
	return gsi;
}

void irq_host_acked(struct irq_chips *chips, unsigned int chip, unsigned int pin)
{
	struct vm *vm = vm_of(chips);
	struct pit *pit = READ_ONCE(chips->pit);
	int gsi = gsi_of(vm, chip, pin);

	if (pit && !gsi)
		pit_acked(pit);
	if (gsi >= 0)
		eventfd_acked(vm, gsi);
}

void irq_host_unmasked(struct irq_chips *chips, unsigned int chip, unsigned int pin)
{
	struct vm *vm = vm_of(chips);
	struct pit *pit = READ_ONCE(chips->pit);
	int gsi = gsi_of(vm, chip, pin);

	if (pit && !gsi)
		pit_unmasked(pit);
	if (chip == KVM_IRQCHIP_IOAPIC && gsi >= 0)
		eventfd_acked(vm, gsi);
}

static bool split_watches(const struct vm_chips *c, u8 vector)
{
	const struct irq_routes *routes;
	u32 i, end;
	bool found = false;

	rcu_read_lock();
	routes = rcu_dereference(c->routes);
	end = routes->first[c->split_pins];
	for (i = 0; i < end && !found; i++) {
		const struct irq_route *r = &routes->route[i];

		found = r->chip == IRQ_ROUTE_MSI && r->msi.level && r->msi.vector == vector;
	}
	rcu_read_unlock();
	return found;
}

void irq_host_eoi(struct lapic *apic, u8 vector)
{
	struct vcpu *vcpu = vcpu_of(apic);
	struct vm_chips *c = vcpu->vm->chips;

	if (c->mode == CHIPS_KERNEL) {
		if (ioapic_watches(c->chips.ioapic, vector))
			ioapic_eoi(c->chips.ioapic, apic, vector);
	} else if (test_bit(vector, apic->tmr) && split_watches(c, vector)) {
		__set_bit(vector, vcpu->chips->eois);
		vcpu_request(vcpu, REQ_EOI);
	}
}

void irq_host_pit_timer(struct pit *pit, u64 when)
{
	set_timer(&vm_of(pit_chips(pit))->chips->pit_timer, when);
}

void irq_host_ioapic_timer(struct ioapic *ioapic, u64 when)
{
	set_timer(&vm_of(ioapic_chips(ioapic))->chips->ioapic_timer, when);
}

void pit_host_line(struct irq_chips *chips, bool level)
{
	chips_set_line(vm_of(chips), IRQ_SOURCE_PIT, 0, level);
}

/* ---- timers ---- */

static enum hrtimer_restart lapic_timer(struct hrtimer *timer)
{
	lapic_timer_fired(&container_of(timer, struct vcpu_chips, timer)->apic);
	return HRTIMER_NORESTART;
}

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

/* ---- lines and messages ---- */

int chips_set_line(struct vm *vm, enum irq_source source, u32 gsi, bool level)
{
	int r;

	rcu_read_lock();
	r = irq_set_line(&vm->chips->chips, rcu_dereference(vm->chips->routes), source, gsi, level);
	rcu_read_unlock();
	return r;
}

int chips_send_msi(struct vm *vm, const struct kvm_msi *msi)
{
	struct irq_msg msg;

	if (vm->chips->mode == CHIPS_USER || msi->flags)
		return -EINVAL;
	if (irq_msi(&msg, &vm->chips->chips, msi->address_lo, msi->address_hi, msi->data))
		return -EINVAL;
	return max(irq_deliver(&vm->chips->chips, NULL, &msg), 0);
}

/* ---- a vCPU's interrupts ---- */

static bool has_extint(const struct vcpu *vcpu)
{
	const struct pic *pic = vcpu->vm->chips->chips.pic;

	return pic && pic_output(pic) && lapic_takes_extint(&vcpu->chips->apic);
}

bool chips_has_irq(struct vcpu *vcpu)
{
	return lapic_pending(&vcpu->chips->apic) >= 0 || has_extint(vcpu);
}

int chips_take_irq(struct vcpu *vcpu)
{
	struct lapic *apic = &vcpu->chips->apic;
	int vector;

	if (has_extint(vcpu))
		return pic_take(vcpu->vm->chips->chips.pic);
	vector = lapic_pending(apic);
	if (vector >= 0)
		lapic_take(apic, vector);
	return vector;
}

void chips_set_tpr(struct vcpu *vcpu, u64 cr8)
{
	if (!vcpu->chips)
		return;
	lapic_set_tpr(&vcpu->chips->apic, cr8 << 4);
	vcpu->events.irq_waits = true;
}

int chips_set_apic_base(struct vcpu *vcpu, u64 base, bool host)
{
	return vcpu->chips ? lapic_set_base(&vcpu->chips->apic, base, host) : 0;
}

void chips_look_again(struct vcpu *vcpu)
{
	vcpu->mode.cr8 = lapic_tpr(&vcpu->chips->apic) >> 4;
	vcpu->events.irq_waits = true;
}

int chips_pop_eoi(struct vcpu *vcpu)
{
	unsigned long vector = find_first_bit(vcpu->chips->eois, APIC_VECTORS);

	if (vector == APIC_VECTORS)
		return -1;
	__clear_bit(vector, vcpu->chips->eois);
	return vector;
}

int chips_get_lapic(struct vcpu *vcpu, struct kvm_lapic_state *state)
{
	if (!vcpu->chips)
		return -EINVAL;
	lapic_get_state(&vcpu->chips->apic, state);
	return 0;
}

int chips_set_lapic(struct vcpu *vcpu, const struct kvm_lapic_state *state)
{
	int r = vcpu->chips ? lapic_set_state(&vcpu->chips->apic, state) : -EINVAL;

	if (!r)
		chips_look_again(vcpu);
	return r;
}

/* ---- made and freed ---- */

int chips_vcpu_create(struct vcpu *vcpu)
{
	struct vm_chips *c = vcpu->vm->chips;

	if (c->mode == CHIPS_USER)
		return 0;
	vcpu->chips = kzalloc(sizeof(*vcpu->chips), GFP_KERNEL_ACCOUNT);
	if (!vcpu->chips)
		return -ENOMEM;
	vcpu->chips->vcpu = vcpu;
	timer_setup_abs(&vcpu->chips->timer, lapic_timer);
	return 0;
}

void chips_vcpu_destroy(struct vcpu *vcpu)
{
	if (vcpu->chips)
		hrtimer_cancel(&vcpu->chips->timer);
	kfree(vcpu->chips);
}

void chips_publish(struct vcpu *vcpu)
{
	struct irq_chips *chips = &vcpu->vm->chips->chips;
	struct lapic *apic;

	if (!vcpu->chips)
		return;
	apic = &vcpu->chips->apic;
	WRITE_ONCE(chips->by_id[vcpu->id], apic);
	chips->apic[chips->nr_apics] = apic;
	smp_store_release(&chips->nr_apics, chips->nr_apics + 1);
}

void chips_reset(struct vcpu *vcpu, bool init)
{
	if (!vcpu->chips)
		return;
	if (init)
		lapic_reset(&vcpu->chips->apic, true);
	else
		lapic_init(&vcpu->chips->apic, &vcpu->vm->chips->chips, vcpu->id,
			  vcpu->mode.apic_base);
	chips_look_again(vcpu);
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
