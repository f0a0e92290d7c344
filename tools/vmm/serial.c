// SPDX-License-Identifier: GPL-2.0-only
/* A 16550A whose transmitter is always ready. */
#include <string.h>

#include "devices.h"

enum { REG_DATA, REG_IER, REG_IIR_FCR, REG_LCR, REG_MCR, REG_LSR, REG_MSR, REG_SCR };

#define IER_RDI		0x01
#define IER_THRI	0x02
#define IER_RLSI	0x04
#define IIR_NONE	0x01
#define IIR_THRI	0x02
#define IIR_RDI		0x04
#define IIR_RLSI	0x06
#define IIR_FIFO	0xc0
#define FCR_ENABLE	0x01
#define FCR_CLEAR_RX	0x02
#define LCR_DLAB	0x80
#define MCR_LOOP	0x10
#define MCR_OUT2	0x08
#define LSR_DR		0x01
#define LSR_OE		0x02
#define LSR_THRE	0x20
#define LSR_TEMT	0x40
#define MSR_LINES	0xb0	/* DCD, DSR, CTS */

/* A guest that asks this often in a row without sending anything waits for input. */
#define POLLS_WITHOUT_IRQ	64

static u8 pending_intr(const struct serial *s)
{
	if ((s->ier & IER_RLSI) && (s->lsr & LSR_OE))
		return IIR_RLSI;
	if ((s->ier & IER_RDI) && s->count)
		return IIR_RDI;
	if ((s->ier & IER_THRI) && s->thr_intr)
		return IIR_THRI;
	return IIR_NONE;
}

static void update_line(struct serial *s)
{
	bool gated = !(s->mcr & MCR_OUT2) || (s->mcr & MCR_LOOP);

	s->line(s->opaque, !gated && pending_intr(s) != IIR_NONE);
}

unsigned int serial_room(const struct serial *s)
{
	return ((s->fcr & FCR_ENABLE) ? SERIAL_FIFO : 1) - s->count;
}

/* Does the guest do nothing but ask for input? */
bool serial_is_polled(const struct serial *s)
{
	return !s->count && s->polls >= POLLS_WITHOUT_IRQ;
}

/* Would the guest see a byte that arrives now, or has it not set up its port yet? */
bool serial_wants_input(const struct serial *s)
{
	if (s->count || (s->mcr & MCR_LOOP) || (s->lcr & LCR_DLAB))
		return false;
	return (s->ier & IER_RDI) || serial_is_polled(s);
}

void serial_receive(struct serial *s, u8 byte)
{
	if ((int)serial_room(s) <= 0) {
		s->lsr |= LSR_OE;
	} else {
		s->fifo[(s->head + s->count) % SERIAL_FIFO] = byte;
		s->count++;
		s->lsr |= LSR_DR;
	}
	s->polls = 0;
	update_line(s);
}

static void clear_receiver(struct serial *s)
{
	s->head = 0;
	s->count = 0;
	s->lsr &= ~(LSR_DR | LSR_OE);
}

static u8 read_data(struct serial *s)
{
	u8 byte;

	if (!s->count)
		return 0;
	byte = s->fifo[s->head];
	s->head = (s->head + 1) % SERIAL_FIFO;
	if (!--s->count)
		s->lsr &= ~LSR_DR;
	update_line(s);
	return byte;
}

static void write_data(struct serial *s, u8 value)
{
	s->polls = 0;
	if (s->mcr & MCR_LOOP)
		serial_receive(s, value);
	else
		s->put(s->opaque, value);
	s->thr_intr = true;
	update_line(s);
}

static void write_ier(struct serial *s, u8 value)
{
	/* Enabling it while the transmitter is empty is an interrupt of its own. */
	if ((value & IER_THRI) && !(s->ier & IER_THRI))
		s->thr_intr = true;
	s->ier = value & 0x0f;
	update_line(s);
}

static void write_fcr(struct serial *s, u8 value)
{
	if ((value ^ s->fcr) & FCR_ENABLE || value & FCR_CLEAR_RX)
		clear_receiver(s);
	s->fcr = (value & FCR_ENABLE) ? value & 0xc9 : 0;
	update_line(s);
}

static u8 read_iir(struct serial *s)
{
	u8 iir = pending_intr(s);

	if (iir == IIR_THRI) {
		s->thr_intr = false;
		update_line(s);
	}
	return iir | ((s->fcr & FCR_ENABLE) ? IIR_FIFO : 0);
}

static u8 read_lsr(struct serial *s)
{
	u8 lsr = s->lsr;

	if (!s->count && s->polls < POLLS_WITHOUT_IRQ)
		s->polls++;
	if (lsr & LSR_OE) {
		s->lsr &= ~LSR_OE;
		update_line(s);
	}
	return lsr;
}

/* In loopback the four modem outputs come back as the four inputs. */
static u8 read_msr(const struct serial *s)
{
	if (!(s->mcr & MCR_LOOP))
		return MSR_LINES;
	return (s->mcr & 0x0c) << 4 | (s->mcr & 0x02) << 3 | (s->mcr & 0x01) << 5;
}

u8 serial_read(struct serial *s, u16 reg)
{
	bool dlab = s->lcr & LCR_DLAB;

	switch (reg & 7) {
	case REG_DATA:
		return dlab ? s->divisor : read_data(s);
	case REG_IER:
		return dlab ? s->divisor >> 8 : s->ier;
	case REG_IIR_FCR:
		return read_iir(s);
	case REG_LCR:
		return s->lcr;
	case REG_MCR:
		return s->mcr;
	case REG_LSR:
		return read_lsr(s);
	case REG_MSR:
		return read_msr(s);
	default:
		return s->scr;
	}
}

void serial_write(struct serial *s, u16 reg, u8 value)
{
	bool dlab = s->lcr & LCR_DLAB;

	switch (reg & 7) {
	case REG_DATA:
		if (dlab)
			s->divisor = (s->divisor & 0xff00) | value;
		else
			write_data(s, value);
		break;
	case REG_IER:
		if (dlab)
			s->divisor = (s->divisor & 0xff) | value << 8;
		else
			write_ier(s, value);
		break;
	case REG_IIR_FCR:
		write_fcr(s, value);
		break;
	case REG_LCR:
		s->lcr = value;
		break;
	case REG_MCR:
		s->mcr = value & 0x1f;
		update_line(s);
		break;
	case REG_SCR:
		s->scr = value;
		break;
	}
}

void serial_init(struct serial *s)
{
	memset(s, 0, sizeof(*s));
	s->lsr = LSR_THRE | LSR_TEMT;
	s->divisor = 12;
}
