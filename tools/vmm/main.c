// SPDX-License-Identifier: GPL-2.0-only
/* umbra-vmm: a minimal virtual machine monitor for the KVM API. */
#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#include "vmm.h"

#define DEFAULT_DEVICE		"/dev/umbra"
#define DEFAULT_MEM_MIB		256
#define DEFAULT_FLAT_ADDR	0x7c00
#define MAX_MEM_MIB		(1ULL << 20)

static const char usage[] =
"Usage: umbra-vmm --kernel BZIMAGE [--initrd FILE] [--append WORDS] [OPTION]...\n"
"       umbra-vmm --multiboot IMAGE [--initrd MODULE] [--append WORDS] [OPTION]...\n"
"       umbra-vmm --flat FILE[@ADDR] [OPTION]...\n"
"Run a virtual machine on the KVM API of /dev/umbra (or /dev/kvm), with its serial\n"
"console on standard input and output.\n"
"\n"
"What to run:\n"
"  -k, --kernel FILE      a Linux bzImage (boot protocol 2.12 or later)\n"
"  -i, --initrd FILE      its initial RAM disk; a Multiboot image's module\n"
"  -a, --append WORDS     put at the end of the command line. Linux's begins with\n"
"                         'console=ttyS0', without the irqchip (below) with\n"
"                         'console=ttyS0 acpi=off noapic nolapic'\n"
"      --no-defaults      leave those words out\n"
"      --protocol 32|64   how Linux is entered: in protected or in long mode (64)\n"
"      --multiboot FILE   a Multiboot (version 1) image, ELF or with load addresses\n"
"      --flat FILE@ADDR   a raw image, loaded at ADDR (0x7c00), started in real mode\n"
"                         at its first byte. Below 64 KiB all segments are 0 and IP is\n"
"                         ADDR; from there on they are ADDR / 16 and IP is 0\n"
"\n"
"The machine:\n"
"  -m, --mem MIB          its memory (256)\n"
"  -c, --cpus N           vCPUs (1). In flat and Multiboot images all start at the\n"
"                         entry point with their index in EDI and their number in ESI\n"
"                         (and flat ones with SP = 0xfff0 - index * 0x400). Linux wakes\n"
"                         the others itself, by INIT and SIPI, which takes the irqchip\n"
"      --no-irqchip       PIC, PIT and RTC of this program's own, neither APIC nor ACPI,\n"
"                         and one vCPU for Linux; the PIC interrupts vCPU 0. Else Linux\n"
"                         has PIC, PIT, I/O APIC and local APICs of the kernel, if it\n"
"                         offers them (KVM_CAP_IRQCHIP), and ACPI tables; the other\n"
"                         images never have them\n"
"  -d, --device PATH      the KVM device (/dev/umbra)\n"
"      --hugepages        ask for transparent huge pages for the guest's memory\n"
"\n"
"How it ends:\n"
"  -t, --timeout SECS     end it after that time\n"
"  -s, --stats            then print the counters of exits and of the MMU\n"
"      --marks FILE       a line of all counters goes to FILE each time that the guest\n"
"                         writes a byte to port 0xf6: the byte, nanoseconds since the\n"
"                         start, counters that are not zero (sums over vCPUs; the VM's)\n"
"      --dump-on-error    print the registers of all vCPUs after a crash, an error or\n"
"                         a timeout (after a crash the vCPU's own are always printed)\n"
"  -h, --help             this text\n"
"  -V, --version          the version\n"
"\n"
"On a terminal, Ctrl-A x quits and Ctrl-A Ctrl-A types a Ctrl-A. Other input is typed\n"
"into the guest as it is ready for it, with EOT (Ctrl-D) on a line of its own at the end.\n"
"\n"
"Exit status: the byte that the guest writes to port 0xf4; 0 when it resets the machine,\n"
"switches it off or is quit, or halts for good without the irqchip; 124 at the timeout;\n"
"125 for an error of this program; 126 when the guest crashes; 128 + n for signal n.\n";

enum { OPT_PROTOCOL = 256, OPT_MULTIBOOT, OPT_FLAT, OPT_HUGEPAGES, OPT_DUMP, OPT_NO_DEFAULTS,
       OPT_MARKS, OPT_NO_IRQCHIP };

static const struct option long_options[] = {
	{ "kernel", required_argument, NULL, 'k' },
	{ "initrd", required_argument, NULL, 'i' },
	{ "append", required_argument, NULL, 'a' },
	{ "mem", required_argument, NULL, 'm' },
	{ "cpus", required_argument, NULL, 'c' },
	{ "device", required_argument, NULL, 'd' },
	{ "timeout", required_argument, NULL, 't' },
	{ "stats", no_argument, NULL, 's' },
	{ "help", no_argument, NULL, 'h' },
	{ "version", no_argument, NULL, 'V' },
	{ "protocol", required_argument, NULL, OPT_PROTOCOL },
	{ "multiboot", required_argument, NULL, OPT_MULTIBOOT },
	{ "flat", required_argument, NULL, OPT_FLAT },
	{ "hugepages", no_argument, NULL, OPT_HUGEPAGES },
	{ "dump-on-error", no_argument, NULL, OPT_DUMP },
	{ "no-defaults", no_argument, NULL, OPT_NO_DEFAULTS },
	{ "marks", required_argument, NULL, OPT_MARKS },
	{ "no-irqchip", no_argument, NULL, OPT_NO_IRQCHIP },
	{ NULL, 0, NULL, 0 },
};

static u64 number(const char *text, const char *option, u64 min, u64 max)
{
	char *end;
	u64 value;

	errno = 0;
	value = strtoull(text, &end, 0);
	if (errno || end == text || *end || *text == '-' || value < min || value > max)
		die("%s needs a number from %llu to %llu, not '%s'", option,
		    (unsigned long long)min, (unsigned long long)max, text);
	return value;
}

static void parse_flat(struct options *opt, char *text)
{
	char *at = strrchr(text, '@');

	opt->flat = text;
	opt->flat_addr = DEFAULT_FLAT_ADDR;
	if (!at)
		return;
	*at = 0;
	opt->flat_addr = number(at + 1, "--flat FILE@ADDR", 0, LOW_HOLE_START - 1);
}

static void parse_protocol(struct options *opt, const char *text)
{
	opt->protocol = number(text, "--protocol", 32, 64);
	if (opt->protocol != 32 && opt->protocol != 64)
		die("--protocol is 32 or 64, not %u", opt->protocol);
}

static void parse_option(struct options *opt, int c, char *arg)
{
	switch (c) {
	case 'k':
		opt->kernel = arg;
		break;
	case 'i':
		opt->initrd = arg;
		break;
	case 'a':
		opt->append = arg;
		break;
	case 'm':
		opt->mem = number(arg, "--mem", 2, MAX_MEM_MIB) * MIB;
		break;
	case 'c':
		opt->cpus = number(arg, "--cpus", 1, MAX_VCPUS);
		break;
	case 'd':
		opt->device = arg;
		break;
	case 't':
		opt->timeout = number(arg, "--timeout", 1, 1000000);
		break;
	case 's':
		opt->stats = true;
		break;
	case OPT_PROTOCOL:
		parse_protocol(opt, arg);
		break;
	case OPT_MULTIBOOT:
		opt->multiboot = arg;
		break;
	case OPT_FLAT:
		parse_flat(opt, arg);
		break;
	case OPT_HUGEPAGES:
		opt->hugepages = true;
		break;
	case OPT_DUMP:
		opt->dump = true;
		break;
	case OPT_NO_DEFAULTS:
		opt->bare_cmdline = true;
		break;
	case OPT_NO_IRQCHIP:
		opt->no_irqchip = true;
		break;
	case OPT_MARKS:
		opt->marks = arg;
		break;
	case 'h':
		fputs(usage, stdout);
		exit(0);
	case 'V':
		puts("umbra-vmm " VMM_VERSION);
		exit(0);
	default:
		die("see umbra-vmm --help");
	}
}

static void check_options(const struct options *opt)
{
	int images = !!opt->kernel + !!opt->multiboot + !!opt->flat;

	if (images != 1)
		die("%s of --kernel, --multiboot and --flat is needed; see umbra-vmm --help",
		    images ? "only one" : "one");
	if (opt->flat && (opt->initrd || opt->append))
		die("--initrd and --append don't go with --flat");
}

static void parse_options(struct options *opt, int argc, char **argv)
{
	int c;

	*opt = (struct options) {
		.mem = DEFAULT_MEM_MIB * MIB, .cpus = 1, .device = DEFAULT_DEVICE, .protocol = 64,
	};
	while ((c = getopt_long(argc, argv, "k:i:a:m:c:d:t:shV", long_options, NULL)) != -1)
		parse_option(opt, c, optarg);
	if (optind < argc)
		die("'%s' is one argument too many; see umbra-vmm --help", argv[optind]);
	check_options(opt);
}

static void load(struct machine *m)
{
	if (m->opt.kernel)
		boot_linux(m);
	else if (m->opt.multiboot)
		load_multiboot(m);
	else
		load_flat(m);
}

static void report(struct machine *m)
{
	bool failed = m->status == STATUS_ERROR || m->status == STATUS_CRASH ||
		      m->status == STATUS_TIMEOUT;
	unsigned int i;

	for (i = 0; i < m->nr_vcpus; i++) {
		if (m->vcpu[i].crashed)
			dump_crash(&m->vcpu[i]);
		else if (failed && m->opt.dump)
			dump_registers(&m->vcpu[i]);
	}
	if (m->opt.stats)
		stats_print(m);
}

int main(int argc, char **argv)
{
	static struct machine machine = { .status = -1 };
	struct machine *m = &machine;
	unsigned int i;

	parse_options(&m->opt, argc, argv);
	m->nr_vcpus = m->opt.cpus;
	machine_create(m);
	load(m);
	for (i = 0; i < m->nr_vcpus; i++)
		vcpu_create(m, i);
	loop_init(m);
	bus_init(m);
	console_init(m);
	stats_open_marks(m);
	machine_run(m);
	console_flush(m, 1000);
	console_restore();
	report(m);
	return m->status;
}
