// SPDX-License-Identifier: GPL-2.0-only
/*
 * A breakpoint brings us into a signal handler, which swaps the interrupted registers for those
 * of the test, with TF set. The next signal - single step or fault - swaps them back.
 */
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <ucontext.h>
#include "emulate_native.h"

#define FLAG_TF		0x100
#define UC_STRICT_RESTORE_SS 0x4
#define STACK_BYTES	(256 * 1024)

static const int greg_of[GPR_COUNT] = {
	REG_RAX, REG_RCX, REG_RDX, REG_RBX, REG_RSP, REG_RBP, REG_RSI, REG_RDI,
	REG_R8, REG_R9, REG_R10, REG_R11, REG_R12, REG_R13, REG_R14, REG_R15,
};

static struct native_state *current;
static struct native_end *ending;
static gregset_t outside;
static u8 outside_xmm[16][16];
static bool inside;

static void enter(ucontext_t *uc)
{
	greg_t *regs = uc->uc_mcontext.gregs;
	int i;

	memcpy(outside, regs, sizeof(outside));
	memcpy(outside_xmm, uc->uc_mcontext.fpregs->_xmm, sizeof(outside_xmm));
	for (i = 0; i < GPR_COUNT; i++)
		regs[greg_of[i]] = current->regs[i];
	regs[REG_RIP] = current->rip;
	regs[REG_EFL] = current->rflags | FLAG_TF;
	regs[REG_CSGSFS] = (regs[REG_CSGSFS] & 0x0000ffffffff0000) | current->cs |
			   (u64)current->ss << 48;
	uc->uc_flags |= UC_STRICT_RESTORE_SS;
	memcpy(uc->uc_mcontext.fpregs->_xmm, current->xmm, sizeof(current->xmm));
	inside = true;
}

static void leave(ucontext_t *uc)
{
	greg_t *regs = uc->uc_mcontext.gregs;
	int i;

	for (i = 0; i < GPR_COUNT; i++)
		current->regs[i] = regs[greg_of[i]];
	current->rip = regs[REG_RIP];
	current->rflags = regs[REG_EFL];
	memcpy(current->xmm, uc->uc_mcontext.fpregs->_xmm, sizeof(current->xmm));
	ending->vector = regs[REG_TRAPNO];
	ending->error = regs[REG_ERR];
	ending->cr2 = regs[REG_CR2];
	memcpy(regs, outside, sizeof(outside));
	memcpy(uc->uc_mcontext.fpregs->_xmm, outside_xmm, sizeof(outside_xmm));
	inside = false;
}

__attribute__((no_sanitize("address", "undefined")))
static void on_signal(int sig, siginfo_t *info, void *context)
{
	/* AC, ID and NT stay set in here, and the way back would not clear the last two. */
	__asm__ volatile("pushfq; andq $~0x244000, (%%rsp); popfq" ::: "memory", "cc");
	(void)info;
	if (inside) {
		leave(context);
	} else if (current && sig == SIGTRAP) {
		enter(context);
	} else {
		signal(sig, SIG_DFL);
	}
}

int native_init(void)
{
	static const int signals[] = { SIGTRAP, SIGSEGV, SIGBUS, SIGILL, SIGFPE };
	struct sigaction sa = { .sa_sigaction = on_signal, .sa_flags = SA_SIGINFO | SA_ONSTACK };
	stack_t stack = { .ss_size = STACK_BYTES };
	unsigned int i;

	stack.ss_sp = mmap(NULL, STACK_BYTES, PROT_READ | PROT_WRITE,
			   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (stack.ss_sp == MAP_FAILED || sigaltstack(&stack, NULL)) {
		perror("native: signal stack");
		return -1;
	}
	for (i = 0; i < sizeof(signals) / sizeof(signals[0]); i++) {
		if (sigaction(signals[i], &sa, NULL)) {
			perror("native: sigaction");
			return -1;
		}
	}
	return 0;
}

void native_step(struct native_state *state, struct native_end *end)
{
	current = state;
	ending = end;
	__asm__ volatile("int3" ::: "memory", "cc");
	current = NULL;
}
