// SPDX-License-Identifier: GPL-2.0-only
/*
 * The console: standard input and output. Input and the output buffer are under the machine's
 * lock; writing is not, so that a slow reader stops the guest but not its timers.
 */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "vmm.h"

#define ESCAPE		0x01	/* Ctrl-A */
#define EOT		0x04
#define OUT_SIZE	16384
#define OUT_FULL	8192

/* How long a guest that does not go idle keeps input waiting. */
#define SETTLE_NS	(200 * NS_PER_SEC / 1000)
#define MAX_SETTLE_NS	(10 * NS_PER_SEC)
#define PATIENCE_NS	(20 * NS_PER_SEC / 1000)
#define EOT_PATIENCE_NS	NS_PER_SEC
#define RETRY_MS	5
#define CLOSED_RETRY_MS	200
#define OUTPUT_DELAY_NS	(5 * NS_PER_SEC / 1000)
#define QUIET_NS	(2 * NS_PER_SEC)	/* where nothing tells that the guest is idle */

static struct {
	bool in_tty, out_tty, raw;
	struct termios saved;

	u8 in[4096];
	size_t in_pos, in_len;
	bool eof, eot_sent, escape;
	u8 last_byte;
	u64 last_fed;		/* 0: nothing yet */
	u64 first_wanted, last_output;
	int pause_fd;		/* writes what the guest left off in the middle of a line */

	char out[OUT_SIZE];
	size_t out_len;
	bool out_due;
	bool out_broken;
	pthread_mutex_t write_lock;
} con = { .last_byte = '\n', .write_lock = PTHREAD_MUTEX_INITIALIZER };

void console_restore(void)
{
	if (!con.raw)
		return;
	con.raw = false;
	tcsetattr(STDIN_FILENO, TCSANOW, &con.saved);
}

bool console_is_raw(void)
{
	return con.raw;
}

static void set_raw(void)
{
	struct termios raw = con.saved;

	cfmakeraw(&raw);
	if (tcsetattr(STDIN_FILENO, TCSANOW, &raw) < 0)
		die_errno("cannot set the terminal to raw mode");
}

/* After a stop: the shell has put its own settings back. */
void console_resume(void)
{
	if (con.raw)
		set_raw();
}

static void restore_and_die(int signal)
{
	console_restore();
	raise(signal);
}

static void restore_on_fatal_signals(void)
{
	static const int signals[] = { SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT };
	struct sigaction action = {
		.sa_handler = restore_and_die,
		.sa_flags = SA_RESETHAND | SA_NODEFER,
	};
	size_t i;

	for (i = 0; i < sizeof(signals) / sizeof(signals[0]); i++)
		sigaction(signals[i], &action, NULL);
}

/* The loop writes what it can after any timer: this one ticks until all is out. */
static void output_waits(struct machine *m, u64 expirations)
{
	(void)m;
	(void)expirations;
	if (!con.out_len)
		loop_arm(con.pause_fd, 0, 0);
}

void console_init(struct machine *m)
{
	/* Without an irqchip the guest's HLT tells that it pauses. */
	con.pause_fd = m->irqchip ? loop_timer(output_waits) : -1;
	con.in_tty = isatty(STDIN_FILENO);
	con.out_tty = isatty(STDOUT_FILENO);
	if (!con.in_tty || tcgetattr(STDIN_FILENO, &con.saved) < 0)
		return;
	con.raw = true;
	atexit(console_restore);
	restore_on_fatal_signals();
	set_raw();
	fputs("umbra-vmm: Ctrl-A x quits\r\n", stderr);
}

static bool input_pending(void)
{
	return con.in_pos < con.in_len || (con.eof && !con.eot_sent);
}

int console_input_fd(void)
{
	return con.eof || con.in_pos < con.in_len ? -1 : STDIN_FILENO;
}

/* While input waits for the guest to take it, look again in a while. */
int console_timeout_ms(struct machine *m)
{
	if (!input_pending())
		return -1;
	return serial_wants_input(&m->serial) ? RETRY_MS : CLOSED_RETRY_MS;
}

/* Takes the escapes out of what was typed. */
static void filter_escapes(struct machine *m)
{
	size_t from, to = 0;

	for (from = 0; from < con.in_len; from++) {
		u8 byte = con.in[from];

		if (!con.escape && byte == ESCAPE) {
			con.escape = true;
			continue;
		}
		if (con.escape && (byte == 'x' || byte == 'X')) {
			machine_stop(m, 0);
			return;
		}
		con.escape = false;
		con.in[to++] = byte;
	}
	con.in_len = to;
}

void console_readable(struct machine *m)
{
	ssize_t n;

	if (con.in_pos < con.in_len || con.eof)
		return;
	n = read(STDIN_FILENO, con.in, sizeof(con.in));
	if (n < 0 && (errno == EINTR || errno == EAGAIN))
		return;
	con.in_pos = 0;
	con.in_len = n > 0 ? n : 0;
	if (n <= 0) {
		con.eof = true;
		con.eot_sent = con.in_tty;
	}
	if (con.in_tty)
		filter_escapes(m);
}

/* The port is open long before a shell reads from it: wait until the boot's output is over. */
static bool is_settled(const struct machine *m, bool idle)
{
	u64 now = now_ns();

	if (con.in_tty || con.last_fed || serial_is_polled(&m->serial))
		return true;
	if (!con.first_wanted)
		con.first_wanted = now;
	if (m->irqchip && now - con.last_output >= QUIET_NS)
		return true;
	return (idle && now - con.last_output >= SETTLE_NS) ||
	       now - con.first_wanted >= MAX_SETTLE_NS;
}

static bool may_feed(const struct machine *m, bool idle)
{
	bool end = con.in_pos == con.in_len;

	if (!input_pending() || !serial_wants_input(&m->serial) || !is_settled(m, idle))
		return false;
	if (con.in_tty || idle || serial_is_polled(&m->serial))
		return true;
	return now_ns() - con.last_fed >= (end ? EOT_PATIENCE_NS : PATIENCE_NS);
}

/* A line editor takes EOT for the end only on an empty line. */
static void feed_end(struct machine *m)
{
	if (con.last_byte != '\n') {
		con.last_byte = '\n';
		serial_receive(&m->serial, '\n');
		return;
	}
	con.eot_sent = true;
	serial_receive(&m->serial, EOT);
}

/*
 * Gives the guest its next input. A script is fed a byte at a time, when the guest has nothing
 * else to do (@idle) or after a while: tty buffers are small, and a shell that switches its
 * terminal's mode between commands must not find the next command there already.
 */
void console_feed(struct machine *m, bool idle)
{
	if (!may_feed(m, idle))
		return;
	con.last_fed = now_ns();
	if (con.in_pos == con.in_len) {
		feed_end(m);
		return;
	}
	do {
		con.last_byte = con.in[con.in_pos++];
		serial_receive(&m->serial, con.last_byte);
	} while (con.in_tty && con.in_pos < con.in_len && serial_room(&m->serial));
	if (con.in_pos == con.in_len)
		loop_wake();
}

void console_put(void *opaque, u8 byte)
{
	(void)opaque;
	if (!con.out_len && con.pause_fd >= 0)
		loop_arm(con.pause_fd, now_ns() + OUTPUT_DELAY_NS, OUTPUT_DELAY_NS);
	if (!con.last_fed)
		con.last_output = now_ns();
	if (con.out_len < OUT_SIZE)
		con.out[con.out_len++] = byte;
	if (byte == '\n' || con.out_tty || con.out_len >= OUT_FULL)
		con.out_due = true;
}

/* At the end of a line. What comes before it is written when the guest pauses. */
bool console_flush_due(void)
{
	return con.out_due;
}

bool console_has_output(void)
{
	return con.out_len;
}

static size_t peek_output(struct machine *m, char *chunk, size_t size)
{
	size_t len;

	pthread_mutex_lock(&m->lock);
	len = con.out_len < size ? con.out_len : size;
	memcpy(chunk, con.out, len);
	if (!len)
		con.out_due = false;
	pthread_mutex_unlock(&m->lock);
	return len;
}

static void consume_output(struct machine *m, size_t len)
{
	pthread_mutex_lock(&m->lock);
	con.out_len -= len;
	memmove(con.out, con.out + len, con.out_len);
	con.out_due = con.out_len;
	pthread_mutex_unlock(&m->lock);
}

/* Returns false when the reader does not take it within the time. */
static bool write_chunk(struct machine *m, const char *chunk, size_t len, int wait_ms)
{
	struct pollfd pfd = { STDOUT_FILENO, POLLOUT, 0 };
	ssize_t n;

	if (poll(&pfd, 1, wait_ms) <= 0)
		return wait_ms < 0 && !machine_stopping(m);
	n = write(STDOUT_FILENO, chunk, len);
	if (n > 0)
		consume_output(m, n);
	if (n >= 0 || errno == EINTR || errno == EAGAIN)
		return true;
	con.out_broken = true;
	if (!machine_stopping(m))
		warn("cannot write to the standard output: %s", strerror(errno));
	machine_stop(m, STATUS_ERROR);
	return false;
}

/* Waits for the reader up to @wait_ms at a time (-1: for as long as the machine runs). */
void console_flush(struct machine *m, int wait_ms)
{
	char chunk[4096];
	size_t len;

	if (wait_ms ? pthread_mutex_lock(&con.write_lock) :
		      pthread_mutex_trylock(&con.write_lock))
		return;
	do {
		len = con.out_broken ? 0 : peek_output(m, chunk, sizeof(chunk));
	} while (len && write_chunk(m, chunk, len, wait_ms));
	pthread_mutex_unlock(&con.write_lock);
}
