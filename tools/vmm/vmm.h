/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef UMBRA_VMM_H
#define UMBRA_VMM_H

#include <linux/kvm.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "devices.h"

#define VMM_VERSION	"0.1"
#define MAX_VCPUS	64
#define MAX_EXIT_REASON	64

#define MIB		(1ULL << 20)
#define GIB		(1ULL << 30)
/* The VGA hole. What follows it up to 1 MiB is RAM in place of ROMs: all zeros, reserved. */
#define LOW_HOLE_START	0xa0000ULL
#define LOW_HOLE_END	0xc0000ULL
#define HIGH_RAM	0x100000ULL
#define PCI_HOLE_START	(3 * GIB)
#define PCI_HOLE_END	(4 * GIB)

/* Ports that the ACPI tables name */
#define PM1_EVENT	0x600
#define PM1_ENABLE	0x602
#define PM1_CONTROL	0x604
#define PM1_END		0x606
#define RESET_CONTROL	0xcf9
#define SYSTEM_RESET	0x04

/* Exit statuses that are the VMM's own; everything else is the guest's choice. */
#define STATUS_TIMEOUT	124
#define STATUS_ERROR	125
#define STATUS_CRASH	126

struct options {
	const char *kernel;
	const char *initrd;
	const char *append;
	const char *multiboot;
	const char *flat;
	u64 flat_addr;
	u64 mem;
	unsigned int cpus;
	const char *device;
	const char *marks;
	unsigned int protocol;
	unsigned int timeout;
	bool bare_cmdline;
	bool no_irqchip;
	bool stats;
	bool dump;
	bool hugepages;
};

enum start_mode { START_REAL, START_PROT32, START_LONG64 };

/* The state a vCPU begins with; the loaders fill it in. */
struct start {
	enum start_mode mode;
	u64 rip, rax, rbx, rsi, rsp;
	u64 cr3;
	u16 seg;
	bool all_vcpus;
};

struct machine;

struct vcpu {
	struct machine *m;
	unsigned int index;
	int fd;
	struct kvm_run *run;
	pthread_t thread;
	bool started;
	/* under the machine's lock */
	bool in_run;
	bool halted;
	bool stopped;
	bool crashed;
	pthread_cond_t wake;
	/* the vCPU's own thread */
	u64 exits[MAX_EXIT_REASON];
	u64 interrupted;
	u64 injected;
	u64 io_exits[2];
};

struct machine {
	struct options opt;
	int sys_fd;
	int vm_fd;
	size_t run_size;
	u8 *ram;
	u64 ram_size;
	struct start start;
	bool irqchip;		/* the kernel has PIC, PIT, APICs */
	unsigned int nr_vcpus;
	unsigned int nr_running;
	struct vcpu vcpu[MAX_VCPUS];

	pthread_mutex_t lock;	/* everything below, and the devices */
	int stop;
	int status;
	struct pic pic;
	struct pit pit;
	struct rtc rtc;
	struct serial serial;
	u32 irq_levels;		/* with irqchip */
	u8 pm1_enable[2];
};

/* util.c */
void die(const char *fmt, ...) __attribute__((noreturn, format(printf, 1, 2)));
void die_errno(const char *fmt, ...) __attribute__((noreturn, format(printf, 1, 2)));
void warn(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void *read_file(const char *path, size_t *size);
u64 now_ns(void);

/* machine.c */
void machine_create(struct machine *m);
void machine_run(struct machine *m);
void machine_stop(struct machine *m, int status);
bool machine_stopping(const struct machine *m);
void machine_set_irq(struct machine *m, unsigned int irq, bool level);

/* memory.c */
void memory_create(struct machine *m);
void *guest_ptr(const struct machine *m, u64 gpa, u64 len);
u64 low_ram_end(const struct machine *m);

/* vcpu.c */
void vcpu_create(struct machine *m, unsigned int index);
void vcpu_start(struct vcpu *vcpu);
void vcpu_intr_changed(void *opaque);
void vcpu_install_kick(void);
#define SIG_KICK	SIGUSR1

/* cpu.c */
bool cpu_has_kvmclock(struct machine *m);
void cpu_set_cpuid(struct vcpu *vcpu);
void cpu_set_start_state(struct vcpu *vcpu);

/* boot.c, acpi.c and image.c */
void boot_linux(struct machine *m);
u64 acpi_create(struct machine *m);
void load_multiboot(struct machine *m);
void load_flat(struct machine *m);

/* bus.c */
void bus_init(struct machine *m);
void bus_io(struct vcpu *vcpu);
void bus_mmio(struct kvm_run *run);
void bus_idle(struct machine *m);

/* loop.c: the main thread waits for timers, input and signals */
typedef void (*loop_fn)(struct machine *m, u64 expirations);
int loop_timer(loop_fn fn);
void loop_arm(int fd, u64 when_ns, u64 period_ns);
void loop_init(struct machine *m);
void loop_wake(void);
void loop_run(struct machine *m);

/* console.c */
void console_init(struct machine *m);
void console_restore(void);
void console_resume(void);
bool console_is_raw(void);
int console_input_fd(void);
int console_timeout_ms(struct machine *m);
void console_readable(struct machine *m);
void console_feed(struct machine *m, bool idle);
void console_put(void *opaque, u8 byte);
bool console_flush_due(void);
bool console_has_output(void);
void console_flush(struct machine *m, int wait_ms);

/* stats.c, dump.c */
void stats_print(struct machine *m);
void stats_open_marks(struct machine *m);
void stats_mark(u8 mark);
void dump_crash(struct vcpu *vcpu);
void dump_registers(struct vcpu *vcpu);
const char *exit_reason_name(unsigned int reason);

#endif
