/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef BENCH_IRQ_H
#define BENCH_IRQ_H

#include "chips.h"

#define MAX_VCPUS	4		/* as struct vm has them */
#define VECTOR		0x50
#define OTHER_VECTOR	0x61
#define DEVICE_PAGE	0xd0000000ul	/* ioeventfd */
#define PORT_DEVICE	0x510		/* the same, as a port */
#define PORT_IRQ	0x511		/* an exit that the VMM answers by an irqfd */
#define GSI		5

#define CPUID_1_C_X2APIC	(1u << 21)
#define CPUID_1_C_DEADLINE	(1u << 24)

/*
 * struct bench - a row as it runs
 * @irqfd:	GSI's, as an edge to VECTOR; @ioeventfd: its register
 */
struct bench {
	struct vm *vm;
	const struct row *row;
	u32 iterations;
	int irqfd, ioeventfd;
};

/*
 * struct row - one thing that is counted
 * @vcpus:	how many
 * @feature:	that KVM_GET_SUPPORTED_CPUID has to offer in its leaf of KVM's, or 0
 * @guest:	runs twice, on vCPU 0: bench_begin() and bench_end() around what is counted
 * @other_guest: on the other vCPUs
 * @handler: @other_handler: of VECTOR and OTHER_VECTOR
 * @prepare:	the VM has been made
 * @before:	before each of the two times
 * @serve:	the VMM's part of it
 * @drive:	all of it, by the VMM, where @guest never ends and @before waits until it has begun
 */
struct row {
	const char *name;
	u32 iterations;
	int vcpus;
	u32 feature;
	void (*guest)(u64 n);
	void (*other_guest)(u64 n);
	void (*handler)(struct frame *), (*other_handler)(struct frame *);
	void (*prepare)(struct bench *b);
	void (*before)(struct bench *b);
	void (*serve)(struct bench *b);
	void (*drive)(struct bench *b);
};

extern const struct row rows[];
extern volatile u64 bench_ticks;	/* the guest's: what the last time took */

void bench_serve(struct bench *b, u16 port, void (*serve)(struct bench *b));

#endif
