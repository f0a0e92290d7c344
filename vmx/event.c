// SPDX-License-Identifier: GPL-2.0-only
/*
 * Delivering events, and finding the moment when it can be done. Intel SDM volume 3C,
 * 25.8.3 (injection), 28.2.4 (IDT vectoring), 25.4.2 (interruptibility).
 *
 * Virtual NMIs tell when a handler of NMIs has ended. Without them it counts as ended when the
 * guest can take an interrupt: its handlers run with interrupts off.
 */
#include <asm/processor-flags.h>
#include <asm/trapnr.h>

#include "exit.h"
#include "trap_sets.h"
#include "vmx.h"

/* Of pending debug exceptions: as in DR6, and that one of B0 to B3 is enabled in DR7. */
#define DEBUG_BS	BIT(14)
#define DEBUG_ENABLED	BIT(12)
#define DEBUG_HITS	0xfu

void vmx_inject(struct vcpu *vcpu, const struct event *event)
{
	to_vmx(vcpu)->injected = *event;
}

/*
 * An exception always goes as the processor's own, INT3's too: then rip is pushed as it is, and
 * the gate's privilege level does not matter.
 */
static u32 intr_info(const struct event *event)
{
	u32 info = event->vector | INTR_INFO_VALID_MASK;

	switch (event->type) {
	case EVENT_NMI:
		return info | INTR_TYPE_NMI_INTR;
	case EVENT_EXCEPTION:
		if (event->vector < 32 && BIT(event->vector) & ERROR_CODE_TRAPS)
			info |= INTR_INFO_DELIVER_CODE_MASK;
		return info | INTR_TYPE_HARD_EXCEPTION;
	case EVENT_SOFT_IRQ:
		return info | INTR_TYPE_SOFT_INTR;
	default:
		return info | INTR_TYPE_EXT_INTR;
	}
}

static void write_injection(const struct vmx *vmx)
{
	if (vmx->injected.type == EVENT_NONE)
		return;
	vmcs_write(VM_ENTRY_INTR_INFO_FIELD, intr_info(&vmx->injected));
	vmcs_write(VM_ENTRY_EXCEPTION_ERROR_CODE, vmx->injected.error);
}

static u32 interruptibility(u32 shadow, bool nmi_blocked)
{
	return (shadow & SHADOW_STI ? GUEST_INTR_STATE_STI : 0) |
	       (shadow & SHADOW_MOV_SS ? GUEST_INTR_STATE_MOV_SS : 0) |
	       (nmi_blocked ? GUEST_INTR_STATE_NMI : 0);
}

/*
 * A single step that an interrupt shadow has put off must be pending, or the entry fails. What
 * else MOV SS holds back, the processor delivers after the next instruction, if that does not exit.
 */
static void write_pending_debug(struct vcpu *vcpu)
{
	const struct vmx *vmx = to_vmx(vcpu);
	u32 pending = 0;

	if (likely(!vmx->shadow))
		return;
	if (vmx->alone || vcpu->regs.rflags & X86_EFLAGS_TF)
		pending = DEBUG_BS;
	if (vmx->shadow & SHADOW_MOV_SS && vcpu->debug.held)
		pending |= vcpu->debug.held | DEBUG_ENABLED;
	vmcs_write(GUEST_PENDING_DBG_EXCEPTIONS, pending);
}

static void collect_pending_debug(struct vcpu *vcpu)
{
	u32 pending = 0;

	if (unlikely(to_vmx(vcpu)->shadow & SHADOW_MOV_SS))
		pending = vmcs_read(GUEST_PENDING_DBG_EXCEPTIONS);
	vcpu->debug.held = pending & DEBUG_ENABLED ? pending & DEBUG_HITS : 0;
}

/* Before each entry. STI's shadow without RFLAGS.IF is user space's invention, and refused. */
void vmx_prepare_events(struct vcpu *vcpu)
{
	struct vmx *vmx = to_vmx(vcpu);
	bool blocked = vmx_caps.vnmi && vcpu->events.nmi_masked &&
		       vmx->injected.type != EVENT_NMI;

	if (vmx->shadow & SHADOW_STI && !(vcpu->regs.rflags & X86_EFLAGS_IF))
		vmx_set_shadow(vcpu, 0);
	write_injection(vmx);
	write_pending_debug(vcpu);
	if (vmx->nmi_blocked == blocked)
		return;
	vmx->nmi_blocked = blocked;
	vmcs_write(GUEST_INTERRUPTIBILITY_INFO, interruptibility(vmx->shadow, blocked));
}

/*
 * STI's shadow closes the NMI window on some processors only. On the others it would open before
 * the one instruction that is to be waited for; the interrupt window opens behind it.
 */
static bool has_nmi_window(struct vcpu *vcpu)
{
	bool behind_sti = to_vmx(vcpu)->shadow & SHADOW_STI &&
			  vcpu->regs.rflags & X86_EFLAGS_IF && !vcpu->events.nmi_masked;

	return vmx_caps.vnmi && !behind_sti;
}

void vmx_open_windows(struct vcpu *vcpu, bool irq, bool nmi)
{
	struct vmx *vmx = to_vmx(vcpu);
	bool window = nmi && has_nmi_window(vcpu);

	vmx->want_nmi = nmi;
	vmx_set_cpu_ctl(vmx, CPU_BASED_NMI_WINDOW_EXITING, window);
	vmx_set_cpu_ctl(vmx, CPU_BASED_INTR_WINDOW_EXITING, irq || (nmi && !window));
}

u32 vmx_get_shadow(struct vcpu *vcpu)
{
	return to_vmx(vcpu)->shadow;
}

/* Only one of the two can be in force. */
void vmx_set_shadow(struct vcpu *vcpu, u32 shadow)
{
	struct vmx *vmx = to_vmx(vcpu);

	if (shadow & SHADOW_MOV_SS)
		shadow = SHADOW_MOV_SS;
	if (vmx->shadow == shadow)
		return;
	if (!shadow)
		vmcs_write(GUEST_PENDING_DBG_EXCEPTIONS, 0);
	vmx->shadow = shadow;
	vmcs_write(GUEST_INTERRUPTIBILITY_INFO, interruptibility(shadow, vmx->nmi_blocked));
}

/* An IRET that faults has ended the blocking already, and will be executed again. */
static bool iret_faulted(const struct exit *exit, u32 vectoring)
{
	u32 info = exit->hw_info[1];

	return exit->hw_reason == EXIT_REASON_EXCEPTION_NMI && info & INTR_INFO_UNBLOCK_NMI &&
	       (info & INTR_INFO_VECTOR_MASK) != X86_TRAP_DF &&
	       !(vectoring & VECTORING_INFO_VALID_MASK);
}

static void collect_interruptibility(struct vcpu *vcpu, const struct exit *exit, u32 vectoring)
{
	u32 info = vmcs_read(GUEST_INTERRUPTIBILITY_INFO);
	struct vmx *vmx = to_vmx(vcpu);

	vmx->shadow = (info & GUEST_INTR_STATE_STI ? SHADOW_STI : 0) |
		      (info & GUEST_INTR_STATE_MOV_SS ? SHADOW_MOV_SS : 0);
	if (!vmx_caps.vnmi)
		return;
	/* Blocking begins with our own injection only, so that it can't be news here. */
	vmx->nmi_blocked = info & GUEST_INTR_STATE_NMI;
	if (!vmx->nmi_blocked && !iret_faulted(exit, vectoring))
		vcpu->events.nmi_masked = false;
}

/*
 * The instruction may be behind an STI, and what is pending must not come before it, though the
 * exit has ended the shadow. With TF a shadow would mean that a trap is due, see above.
 */
static void begin_again(struct vcpu *vcpu)
{
	u64 flags = vcpu->regs.rflags & (X86_EFLAGS_IF | X86_EFLAGS_TF);

	if (flags == X86_EFLAGS_IF && !to_vmx(vcpu)->shadow)
		vmx_set_shadow(vcpu, SHADOW_STI);
}

/* INT n, INT3, INTO and INT1 that the guest executed begin again with the instruction. */
static void decode_delivering(u32 info, struct event *event)
{
	switch (info & VECTORING_INFO_TYPE_MASK) {
	case INTR_TYPE_EXT_INTR:
		event->type = EVENT_IRQ;
		break;
	case INTR_TYPE_NMI_INTR:
		event->type = EVENT_NMI;
		break;
	case INTR_TYPE_HARD_EXCEPTION:
		event->type = EVENT_EXCEPTION;
		break;
	default:
		return;
	}
	event->vector = info & VECTORING_INFO_VECTOR_MASK;
	event->has_error = info & VECTORING_INFO_DELIVER_CODE_MASK;
	event->error = event->has_error ? vmcs_read(IDT_VECTORING_ERROR_CODE) : 0;
}

/* After an exit. */
void vmx_collect_events(struct vcpu *vcpu, struct exit *exit)
{
	u32 vectoring = vmcs_read(IDT_VECTORING_INFO_FIELD);

	collect_interruptibility(vcpu, exit, vectoring);
	collect_pending_debug(vcpu);
	if (likely(!(vectoring & VECTORING_INFO_VALID_MASK)))
		return;
	decode_delivering(vectoring, &exit->delivering);
	if (exit->delivering.type == EVENT_NONE)
		begin_again(vcpu);
}
