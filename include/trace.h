/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Tracepoints, as trace_umbra_NAME(). Unit tests in user space get functions
 * that do nothing. main.c alone defines CREATE_TRACE_POINTS.
 */
#ifdef __KERNEL__

#undef TRACE_SYSTEM
#define TRACE_SYSTEM umbra

#if !defined(UMBRA_TRACE_H) || defined(TRACE_HEADER_MULTI_READ)
#define UMBRA_TRACE_H

#include <linux/tracepoint.h>

#include "types.h"

/* A page fault was handled; @verdict is an enum mmu_verdict. */
TRACE_EVENT(umbra_fault,
	TP_PROTO(u64 gva, u32 error, u64 gpa, int verdict),
	TP_ARGS(gva, error, gpa, verdict),
	TP_STRUCT__entry(
		__field(u64, gva)
		__field(u64, gpa)
		__field(u32, error)
		__field(int, verdict)
	),
	TP_fast_assign(
		__entry->gva = gva;
		__entry->gpa = gpa;
		__entry->error = error;
		__entry->verdict = verdict;
	),
	TP_printk("gva 0x%llx error 0x%x gpa 0x%llx %s", __entry->gva, __entry->error,
		  __entry->gpa,
		  __print_symbolic(__entry->verdict, { 0, "fixed" }, { 1, "retry" },
				   { 2, "emulate" }, { 3, "inject" }, { 4, "error" },
				   { 5, "wait" }))
);

/* A spte was made present or changed. */
TRACE_EVENT(umbra_spte_set,
	TP_PROTO(u64 gfn, u64 spte, int level),
	TP_ARGS(gfn, spte, level),
	TP_STRUCT__entry(
		__field(u64, gfn)
		__field(u64, spte)
		__field(int, level)
	),
	TP_fast_assign(
		__entry->gfn = gfn;
		__entry->spte = spte;
		__entry->level = level;
	),
	TP_printk("gfn 0x%llx spte 0x%llx level %d", __entry->gfn, __entry->spte,
		  __entry->level)
);

/* A shadow page was looked up, or @created because there was none. */
TRACE_EVENT(umbra_page_get,
	TP_PROTO(u64 gfn, u32 role, bool created),
	TP_ARGS(gfn, role, created),
	TP_STRUCT__entry(
		__field(u64, gfn)
		__field(u32, role)
		__field(bool, created)
	),
	TP_fast_assign(
		__entry->gfn = gfn;
		__entry->role = role;
		__entry->created = created;
	),
	TP_printk("gfn 0x%llx role 0x%x %s", __entry->gfn, __entry->role,
		  __entry->created ? "new" : "hit")
);

/* A shadow page was taken out of use. */
TRACE_EVENT(umbra_page_zap,
	TP_PROTO(u64 gfn, u32 role),
	TP_ARGS(gfn, role),
	TP_STRUCT__entry(
		__field(u64, gfn)
		__field(u32, role)
	),
	TP_fast_assign(
		__entry->gfn = gfn;
		__entry->role = role;
	),
	TP_printk("gfn 0x%llx role 0x%x", __entry->gfn, __entry->role)
);

/* The guest wrote to a shadowed page table. */
TRACE_EVENT(umbra_pte_write,
	TP_PROTO(u64 gpa, u32 len),
	TP_ARGS(gpa, len),
	TP_STRUCT__entry(
		__field(u64, gpa)
		__field(u32, len)
	),
	TP_fast_assign(
		__entry->gpa = gpa;
		__entry->len = len;
	),
	TP_printk("gpa 0x%llx len %u", __entry->gpa, __entry->len)
);

/* A shadow page was brought up to date; @changed sptes differed. */
TRACE_EVENT(umbra_sync,
	TP_PROTO(u64 gfn, u32 role, int changed),
	TP_ARGS(gfn, role, changed),
	TP_STRUCT__entry(
		__field(u64, gfn)
		__field(u32, role)
		__field(int, changed)
	),
	TP_fast_assign(
		__entry->gfn = gfn;
		__entry->role = role;
		__entry->changed = changed;
	),
	TP_printk("gfn 0x%llx role 0x%x changed %d", __entry->gfn, __entry->role,
		  __entry->changed)
);

/* Hardware translations are forgotten: on all processors, or this vCPU's. */
TRACE_EVENT(umbra_flush,
	TP_PROTO(bool remote),
	TP_ARGS(remote),
	TP_STRUCT__entry(
		__field(bool, remote)
	),
	TP_fast_assign(
		__entry->remote = remote;
	),
	TP_printk("%s", __entry->remote ? "remote" : "local")
);

TRACE_EVENT(umbra_enter,
	TP_PROTO(u32 vcpu, u64 rip),
	TP_ARGS(vcpu, rip),
	TP_STRUCT__entry(
		__field(u64, rip)
		__field(u32, vcpu)
	),
	TP_fast_assign(
		__entry->rip = rip;
		__entry->vcpu = vcpu;
	),
	TP_printk("vcpu %u rip 0x%llx", __entry->vcpu, __entry->rip)
);

/* @kind is an enum exit_kind, @reason the processor's own code. */
TRACE_EVENT(umbra_exit,
	TP_PROTO(u32 vcpu, int kind, u64 rip, u64 reason),
	TP_ARGS(vcpu, kind, rip, reason),
	TP_STRUCT__entry(
		__field(u64, rip)
		__field(u64, reason)
		__field(u32, vcpu)
		__field(int, kind)
	),
	TP_fast_assign(
		__entry->rip = rip;
		__entry->reason = reason;
		__entry->vcpu = vcpu;
		__entry->kind = kind;
	),
	TP_printk("vcpu %u kind %d rip 0x%llx reason 0x%llx", __entry->vcpu, __entry->kind,
		  __entry->rip, __entry->reason)
);

#endif

#undef TRACE_INCLUDE_PATH
#define TRACE_INCLUDE_PATH .
#undef TRACE_INCLUDE_FILE
#define TRACE_INCLUDE_FILE trace
#include <trace/define_trace.h>

#else /* user space */

#ifndef UMBRA_TRACE_H
#define UMBRA_TRACE_H

#include "types.h"

/* Never called: the arguments count as used. */
void trace_nothing(int unused, ...);
#define TRACE_NOP(...)	do { if (0) trace_nothing(0, __VA_ARGS__); } while (0)

#define trace_umbra_fault	TRACE_NOP
#define trace_umbra_spte_set	TRACE_NOP
#define trace_umbra_page_get	TRACE_NOP
#define trace_umbra_page_zap	TRACE_NOP
#define trace_umbra_pte_write	TRACE_NOP
#define trace_umbra_sync	TRACE_NOP
#define trace_umbra_flush	TRACE_NOP
#define trace_umbra_enter	TRACE_NOP
#define trace_umbra_exit	TRACE_NOP

#endif
#endif
