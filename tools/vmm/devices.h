/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The device models. None of them does any I/O of its own: time, timers and interrupt lines are
 * callbacks, so that they can be run without a machine around them.
 */
#ifndef UMBRA_VMM_DEVICES_H
#define UMBRA_VMM_DEVICES_H

#include <stdbool.h>
#include <stdint.h>

typedef uint8_t u8;
typedef uint16_t u16;
typedef uint32_t u32;
typedef uint64_t u64;
typedef int64_t s64;

#define NS_PER_SEC	1000000000ULL

/* 8259A */
struct pic_chip {
	u8 irr, imr, isr;
	u8 lines;
	u8 elcr, elcr_mask;
	u8 base;
	u8 lowest;		/* the line of lowest priority */
	u8 icw;			/* the initialization word awaited: 2, 3, 4, or 0 */
	bool need_icw4;
	bool auto_eoi, rotate_on_aeoi;
	bool special_mask, fully_nested;
	bool read_isr;
	bool slave;
};

struct pic {
	struct pic_chip chip[2];
	bool intr;
	void (*intr_changed)(void *opaque);
	void *opaque;
};

void pic_init(struct pic *pic, void (*intr_changed)(void *opaque), void *opaque);
void pic_set_line(struct pic *pic, unsigned int line, bool level);
void pic_pulse(struct pic *pic, unsigned int line);
bool pic_is_pending(const struct pic *pic, unsigned int line);
bool pic_is_masked(const struct pic *pic, unsigned int line);
u8 pic_ack(struct pic *pic);
u8 pic_read(struct pic *pic, u16 port);
void pic_write(struct pic *pic, u16 port, u8 value);

/* 8254 */
#define PIT_HZ		1193182ULL
#define PIT_MAX_OWED	20

struct pit_channel {
	u8 mode, access;
	u32 count;		/* 1 to 0x10000 */
	bool running;
	bool gate;
	u64 start;		/* when counting began, ns */
	u64 paused;		/* ticks counted before the gate closed */
	u8 write_low;
	bool write_high_next, read_high_next;
	u16 latch;
	u8 latched;		/* bytes of the latch still to be read */
	u8 status;
	bool status_latched;
};

struct pit {
	struct pit_channel channel[3];
	bool speaker;
	bool refresh;
	unsigned int owed;	/* ticks that found the last one not yet delivered */
	u64 (*now)(void);
	void (*arm)(void *opaque, u64 when_ns, u64 period_ns);
	void *opaque;
};

void pit_init(struct pit *pit, u64 (*now)(void),
	      void (*arm)(void *opaque, u64 when_ns, u64 period_ns), void *opaque);
u8 pit_read(struct pit *pit, u16 port);
void pit_write(struct pit *pit, u16 port, u8 value);
bool pit_tick(struct pit *pit, u64 expirations, bool pending);
bool pit_take_owed(struct pit *pit);

/* MC146818 */
struct rtc {
	u8 index;
	u8 ram[128];
	s64 offset;		/* guest's clock minus the host's, seconds */
	void (*line)(void *opaque, bool level);
	void (*arm)(void *opaque, u64 period_ns, bool seconds);
	s64 (*now)(void);
	void *opaque;
};

void rtc_init(struct rtc *rtc, u64 below_4g, u64 above_4g);
u8 rtc_read(struct rtc *rtc, u16 port);
void rtc_write(struct rtc *rtc, u16 port, u8 value);
void rtc_periodic(struct rtc *rtc);
void rtc_second(struct rtc *rtc);

/* 16550A */
#define SERIAL_FIFO	16

struct serial {
	u8 ier, lcr, mcr, msr, lsr, scr, fcr;
	u16 divisor;
	u8 fifo[SERIAL_FIFO];
	unsigned int head, count;
	bool thr_intr;
	unsigned int polls;	/* LSR reads in a row that found nothing */
	void (*put)(void *opaque, u8 byte);
	void (*line)(void *opaque, bool level);
	void *opaque;
};

void serial_init(struct serial *s);
u8 serial_read(struct serial *s, u16 reg);
void serial_write(struct serial *s, u16 reg, u8 value);
bool serial_wants_input(const struct serial *s);
bool serial_is_polled(const struct serial *s);
unsigned int serial_room(const struct serial *s);
void serial_receive(struct serial *s, u8 byte);

#endif
