// SPDX-License-Identifier: GPL-2.0-only
/* Hypercalls, as KVM has them: Linux Documentation/virt/kvm/x86/hypercalls.rst. */
#include <linux/errno.h>
#include <linux/kvm_para.h>

#include <asm/kvm_para.h>

#include "chips.h"
#include "pv.h"
#include "request.h"
#include "vcpu.h"
#include "vendor.h"
#include "vm.h"
#include "vm_chips.h"

#define ICR_DEST_MODE	BIT(11)
#define ICR_SHORTHAND	(3u << 18)

/* struct call - a hypercall's number and arguments, as wide as the guest's mode has them */
struct call {
	u64 nr, a[4];
	bool wide;
};

static struct call read_call(const struct vcpu *vcpu, bool wide)
{
	const u64 *gpr = vcpu->regs.gpr;
	u64 mask = wide ? ~0ull : U32_MAX;

	return (struct call){
		.nr = gpr[GPR_RAX] & mask,
		.a = { gpr[GPR_RBX] & mask, gpr[GPR_RCX] & mask, gpr[GPR_RDX] & mask,
		       gpr[GPR_RSI] & mask },
		.wide = wide,
	};
}

/* A bitmap in two words, the lowest APIC id in it, and what would be written to the ICR. */
static long send_ipi(struct vcpu *vcpu, const struct call *c)
{
	struct irq_msg msg = irq_msg_of_icr(c->a[3]);
	unsigned long ids[IRQ_MANY_IDS / BITS_PER_LONG] = { c->a[0], c->a[1] };

	if (c->a[3] & (ICR_DEST_MODE | ICR_SHORTHAND))
		return -KVM_EINVAL;
	if (!c->wide) {
		ids[0] |= ids[1] << 32;
		ids[1] = 0;
	}
	return irq_deliver_many(&vcpu->vm->chips->chips, ids, c->a[2], &msg);
}

static struct vcpu *find(struct vcpu *vcpu, u64 id)
{
	struct lapic *apic = id > U32_MAX ? NULL : irq_by_id(&vcpu->vm->chips->chips, id);

	return apic ? container_of(apic, struct vcpu_chips, apic)->vcpu : NULL;
}

static void let_run(struct vcpu *vcpu, const struct vcpu *other)
{
	if (other && other != vcpu && READ_ONCE(other->cpu) < 0)
		vcpu->pv.yields = true;
}

/* Out of HLT without an interrupt; one that is not in it leaves the next one at once. */
static void kick(struct vcpu *vcpu, struct vcpu *other)
{
	if (!other)
		return;
	WRITE_ONCE(other->pv.unhalted, true);
	vcpu_kick(other);
	let_run(vcpu, other);
}

/* With the APICs in user space nobody here knows who has which id. */
static long do_call(struct vcpu *vcpu, const struct call *c)
{
	if (c->nr == KVM_HC_VAPIC_POLL_IRQ)
		return 0;
	if (!vcpu->chips)
		return -KVM_ENOSYS;
	switch (c->nr) {
	case KVM_HC_KICK_CPU:
		if (!pv_has(vcpu, KVM_FEATURE_PV_UNHALT))
			break;
		kick(vcpu, find(vcpu, c->a[1]));
		return 0;
	case KVM_HC_SEND_IPI:
		if (!pv_has(vcpu, KVM_FEATURE_PV_SEND_IPI))
			break;
		return send_ipi(vcpu, c);
	case KVM_HC_SCHED_YIELD:
		if (!pv_has(vcpu, KVM_FEATURE_PV_SCHED_YIELD))
			break;
		let_run(vcpu, find(vcpu, c->a[0]));
		return 0;
	}
	return -KVM_ENOSYS;
}

long pv_hypercall(struct vcpu *vcpu, bool wide)
{
	struct call c = read_call(vcpu, wide);

	return vendor(get_cpl)(vcpu) ? -KVM_EPERM : do_call(vcpu, &c);
}
