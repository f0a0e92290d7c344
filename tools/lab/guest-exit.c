// SPDX-License-Identifier: GPL-2.0-only
/*
 * guest-exit STATUS: ends the machine with that status, by writing one byte to
 * the VMM's exit port. Debian's cloud kernels have no /dev/port.
 */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <sys/io.h>

#define EXIT_PORT 0xf4

int main(int argc, char **argv)
{
	if (argc != 2) {
		fprintf(stderr, "usage: guest-exit STATUS\n");
		return 2;
	}
	if (ioperm(EXIT_PORT, 1, 1)) {
		perror("guest-exit: ioperm");
		return 1;
	}
	sync();
	outb(atoi(argv[1]), EXIT_PORT);
	fprintf(stderr, "guest-exit: nobody listens on port 0x%x\n", EXIT_PORT);
	return 1;
}
