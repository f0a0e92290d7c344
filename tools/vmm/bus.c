// SPDX-License-Identifier: GPL-2.0-only
/* Ports: who answers where, and the wires between the devices. */
#include <string.h>
#include <time.h>

#include "vmm.h"

#define IRQ_PIT		0
#define IRQ_SERIAL	4
#define IRQ_RTC		8

#define COM1		0x3f8
#define KBD_DATA	0x60
#define KBD_COMMAND	0x64
#define KBD_RESET	0xfe
#define KBD_STATUS	0x01
#define PCI_ADDRESS	0xcf8

static int pit_fd, rtc_fd, rtc_second_fd;

static u8 com1_in(struct machine *m, u16 port)
{
	return serial_read(&m->serial, port - COM1);
}

static void com1_out(struct machine *m, u16 port, u8 value)
{
	serial_write(&m->serial, port - COM1, value);
}

#define PORTS_OF(device)						\
static u8 device##_in(struct machine *m, u16 port)			\
{									\
	return device##_read(&m->device, port);				\
}									\
									\
static void device##_out(struct machine *m, u16 port, u8 value)	\
{									\
	device##_write(&m->device, port, value);			\
}

PORTS_OF(pic)
PORTS_OF(pit)
PORTS_OF(rtc)

/*
 * No keyboard: output that never ends makes drivers find no controller quickly, and an input
 * buffer that is always empty lets the reset command through at once.
 */
static u8 kbd_in(struct machine *m, u16 port)
{
	(void)m;
	return port == KBD_COMMAND ? KBD_STATUS : 0;
}

static void kbd_out(struct machine *m, u16 port, u8 value)
{
	if (port == KBD_COMMAND && value == KBD_RESET)
		machine_stop(m, 0);
}

static void reset_out(struct machine *m, u16 port, u8 value)
{
	(void)port;
	if (value & SYSTEM_RESET)
		machine_stop(m, 0);
}

#define SCI_EN		0x01	/* in the low byte of the control register */
#define SLP_EN		0x20	/* in the high one */

/* ACPI's fixed registers: no event is ever pending, and the only sleep is S5. */
static u8 pm1_in(struct machine *m, u16 port)
{
	if (port >= PM1_CONTROL)
		return port == PM1_CONTROL ? SCI_EN : 0;
	return port < PM1_ENABLE ? 0 : m->pm1_enable[port - PM1_ENABLE];
}

static void pm1_out(struct machine *m, u16 port, u8 value)
{
	if (port == PM1_CONTROL + 1 && (value & SLP_EN))
		machine_stop(m, 0);
	else if (port >= PM1_ENABLE && port < PM1_CONTROL)
		m->pm1_enable[port - PM1_ENABLE] = value;
}

static void status_out(struct machine *m, u16 port, u8 value)
{
	(void)port;
	machine_stop(m, value);
}

static void mark_out(struct machine *m, u16 port, u8 value)
{
	(void)m;
	(void)port;
	stats_mark(value);
}

/* Ports that are not here read as ones and ignore writes, PCI's configuration ports too. */
static const struct port_range {
	u16 first, last;
	u8 (*in)(struct machine *m, u16 port);
	void (*out)(struct machine *m, u16 port, u8 value);
} ports[] = {
	{ COM1, COM1 + 7, com1_in, com1_out },
	{ 0x20, 0x21, pic_in, pic_out },
	{ 0xa0, 0xa1, pic_in, pic_out },
	{ 0x40, 0x43, pit_in, pit_out },
	{ 0x61, 0x61, pit_in, pit_out },
	{ 0x70, 0x71, rtc_in, rtc_out },
	{ KBD_DATA, KBD_DATA, kbd_in, kbd_out },
	{ KBD_COMMAND, KBD_COMMAND, kbd_in, kbd_out },
	{ 0x4d0, 0x4d1, pic_in, pic_out },
	{ PM1_EVENT, PM1_END - 1, pm1_in, pm1_out },
	{ 0xf4, 0xf4, NULL, status_out },
	{ 0xf6, 0xf6, NULL, mark_out },
	{ RESET_CONTROL, RESET_CONTROL, NULL, reset_out },
};

static const struct port_range *find_port(u16 port)
{
	size_t i;

	for (i = 0; i < sizeof(ports) / sizeof(ports[0]); i++)
		if (port >= ports[i].first && port <= ports[i].last)
			return &ports[i];
	return NULL;
}

static void port_in(struct machine *m, u16 port, u8 *data, unsigned int size)
{
	const struct port_range *range;
	unsigned int i;

	memset(data, 0xff, size);
	for (i = 0; i < size; i++) {
		range = find_port(port + i);
		if (range && range->in)
			data[i] = range->in(m, port + i);
	}
}

static void port_out(struct machine *m, u16 port, const u8 *data, unsigned int size)
{
	const struct port_range *range;
	unsigned int i;

	/* The byte of PCI's address register that lies over the reset port does not reset. */
	if (port == PCI_ADDRESS && size > 1)
		return;
	for (i = 0; i < size; i++) {
		range = find_port(port + i);
		if (range && range->out)
			range->out(m, port + i, data[i]);
	}
}

void bus_io(struct vcpu *vcpu)
{
	struct kvm_run *run = vcpu->run;
	u8 *data = (u8 *)run + run->io.data_offset;
	u32 i;

	for (i = 0; i < run->io.count; i++, data += run->io.size) {
		if (run->io.direction == KVM_EXIT_IO_IN)
			port_in(vcpu->m, run->io.port, data, run->io.size);
		else
			port_out(vcpu->m, run->io.port, data, run->io.size);
	}
	vcpu->io_exits[run->io.direction]++;
}

void bus_mmio(struct kvm_run *run)
{
	if (!run->mmio.is_write)
		memset(run->mmio.data, 0xff, sizeof(run->mmio.data));
}

/* The guest is idle: a good time for a tick that it lost. A busy one has better things to do. */
void bus_idle(struct machine *m)
{
	if (!m->pic.intr && !pic_is_masked(&m->pic, IRQ_PIT) && pit_take_owed(&m->pit))
		pic_pulse(&m->pic, IRQ_PIT);
}

static void pit_arm(void *opaque, u64 when_ns, u64 period_ns)
{
	(void)opaque;
	loop_arm(pit_fd, when_ns, period_ns);
}

/* A guest that masks the timer does not want its ticks later. */
static void pit_expired(struct machine *m, u64 expirations)
{
	if (pic_is_masked(&m->pic, IRQ_PIT))
		pic_pulse(&m->pic, IRQ_PIT);
	else if (pit_tick(&m->pit, expirations, pic_is_pending(&m->pic, IRQ_PIT)))
		pic_pulse(&m->pic, IRQ_PIT);
}

static void rtc_arm(void *opaque, u64 period_ns, bool seconds)
{
	u64 now = now_ns();

	(void)opaque;
	loop_arm(rtc_fd, period_ns ? now + period_ns : 0, period_ns);
	loop_arm(rtc_second_fd, seconds ? now + NS_PER_SEC : 0, NS_PER_SEC);
}

static void rtc_line(void *opaque, bool level)
{
	struct machine *m = opaque;

	machine_set_irq(m, IRQ_RTC, level);
}

static void rtc_period_expired(struct machine *m, u64 expirations)
{
	if (expirations)
		rtc_periodic(&m->rtc);
}

static void rtc_second_expired(struct machine *m, u64 expirations)
{
	if (expirations)
		rtc_second(&m->rtc);
}

static s64 wall_clock(void)
{
	return time(NULL);
}

static void serial_line(void *opaque, bool level)
{
	struct machine *m = opaque;

	machine_set_irq(m, IRQ_SERIAL, level);
}

void bus_init(struct machine *m)
{
	u64 low = low_ram_end(m);

	pit_fd = loop_timer(pit_expired);
	rtc_fd = loop_timer(rtc_period_expired);
	rtc_second_fd = loop_timer(rtc_second_expired);
	pic_init(&m->pic, vcpu_intr_changed, m);
	pit_init(&m->pit, now_ns, pit_arm, m);
	m->rtc = (struct rtc) { .line = rtc_line, .arm = rtc_arm, .now = wall_clock, .opaque = m };
	rtc_init(&m->rtc, low, m->ram_size - low);
	serial_init(&m->serial);
	m->serial.put = console_put;
	m->serial.line = serial_line;
	m->serial.opaque = m;
}
