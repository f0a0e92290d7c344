// SPDX-License-Identifier: GPL-2.0-only
/* Debug registers: the guest's as user space sees them, and the host's given back. */
#include <linux/percpu.h>
#include <linux/string.h>

#include "breakpoint.h"
#include "state.h"
#include "vcpu.h"
#include "vendor.h"

#include <asm/debugreg.h>

void debug_reset(struct vcpu *vcpu)
{
	vcpu->debug = (struct vcpu_debug){ .dr6 = DR6_ONES, .dr7 = DR7_ONES };
}

/*
 * The host's breakpoints are off first: with the guest's addresses they would hit the host. What
 * they are is read from the processor, right before: the kernel's copy is not for all.
 */
void debug_enter(struct vcpu *vcpu)
{
	const u64 *db = vcpu_db(vcpu);
	unsigned long *host = vcpu->debug.host;

	if (likely(!(vcpu_dr7(vcpu) & BREAKPOINTS_ENABLED)))
		return;
	if (hw_breakpoint_active()) {
		get_debugreg(host[0], 0);
		get_debugreg(host[1], 1);
		get_debugreg(host[2], 2);
		get_debugreg(host[3], 3);
	}
	set_debugreg(0, 7);
	set_debugreg(db[0], 0);
	set_debugreg(db[1], 1);
	set_debugreg(db[2], 2);
	set_debugreg(db[3], 3);
}

/* An exit turns all breakpoints off, so that the host's are due even if the guest had none. */
void debug_leave(struct vcpu *vcpu)
{
	const unsigned long *host = vcpu->debug.host;

	if (likely(!hw_breakpoint_active()))
		return;
	if (vcpu_dr7(vcpu) & BREAKPOINTS_ENABLED) {
		set_debugreg(host[0], 0);
		set_debugreg(host[1], 1);
		set_debugreg(host[2], 2);
		set_debugreg(host[3], 3);
	}
	set_debugreg(DR6_RESERVED, 6);
	set_debugreg(__this_cpu_read(cpu_dr7), 7);
}

u32 debug_hits(const struct vcpu *vcpu, u64 addr, unsigned int bytes, enum breakpoint_kind kind)
{
	u64 dr7 = vcpu_dr7(vcpu);

	if (likely(!(dr7 & BREAKPOINTS_ENABLED)))
		return 0;
	if (kind == BREAKPOINT_PORT && !(vcpu->mode.cr4 & X86_CR4_DE))
		return 0;
	return breakpoint_hits(vcpu_db(vcpu), dr7, addr, bytes, kind);
}

int state_get_debugregs(struct vcpu *vcpu, struct kvm_debugregs *dbg)
{
	memset(dbg, 0, sizeof(*dbg));
	memcpy(dbg->db, vcpu->debug.db, sizeof(dbg->db));
	dbg->dr6 = vcpu->debug.dr6;
	dbg->dr7 = vcpu->debug.dr7;
	return 0;
}

int state_set_debugregs(struct vcpu *vcpu, const struct kvm_debugregs *dbg)
{
	if (dbg->flags || dbg->dr6 >> 32 || dbg->dr7 >> 32)
		return -EINVAL;
	memcpy(vcpu->debug.db, dbg->db, sizeof(dbg->db));
	vcpu->debug.dr6 = dr6_settled(dbg->dr6);
	vcpu->debug.dr7 = dr7_settled(dbg->dr7);
	vendor(update_mode)(vcpu);
	return 0;
}
