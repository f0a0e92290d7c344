/* SPDX-License-Identifier: GPL-2.0-only */
/* How the tests of the PIT speak to it. */
#ifndef UMBRA_IRQ_CHIPS_PIT_H
#define UMBRA_IRQ_CHIPS_PIT_H

#include "irq_chips.h"

#define CONTROL		0x43
#define SPEAKER		0x61
#define HZ		1193182ull
#define SECOND		1000000000ull

static inline void port_out(u16 port, u8 data)
{
	pit_port_write(host.chips.pit, port, data);
}

static inline u8 port_in(u16 port)
{
	return pit_port_read(host.chips.pit, port);
}

static inline u64 ns(u64 ticks)
{
	return ticks * SECOND / HZ + 1;
}

static inline void program(unsigned int channel, unsigned int mode, u16 count)
{
	port_out(CONTROL, channel << 6 | 0x30 | mode << 1);
	port_out(0x40 + channel, count);
	port_out(0x40 + channel, count >> 8);
}

static inline u16 count(unsigned int channel)
{
	u8 low = port_in(0x40 + channel);

	return low | port_in(0x40 + channel) << 8;
}

static inline u8 status(unsigned int channel)
{
	port_out(CONTROL, 0xe0 | 2 << channel);
	return port_in(0x40 + channel);
}

static inline bool high(unsigned int channel)
{
	return status(channel) >> 7;
}

/* Ticks are acknowledged by nobody but ack(). */
static inline void start(void)
{
	host_start();
	host.told = (struct told){ 0 };
}

static inline void ack(void)
{
	pit_acked(host.chips.pit);
}

#endif
