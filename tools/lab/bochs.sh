# SPDX-License-Identifier: GPL-2.0-only
# The lab's second machine, for tools/lab/lab: Bochs, which emulates VT-x. It boots
# from a CD made by GRUB, its serial ports are files here, and it always ends with
# status 1. Documentation: https://bochs.sourceforge.io/doc/docbook/user/
# shellcheck shell=bash disable=SC2154

bochs_models='core2_penryn_t9600 corei5_lynnfield_750 corei7_haswell_4770 corei7_skylake_x'
bochs_share=/usr/share/bochs

bochs_check()
{
	local model

	command -v bochs-bin >/dev/null && command -v grub-mkrescue >/dev/null ||
		die "there is no Bochs here: run 'make setup'"
	[ -z "$interactive$icount" ] ||
		die "--interactive and --icount are for --machine qemu (Bochs is deterministic anyway)"
	for model in $bochs_models; do
		[ "$cpu" != "$model" ] || return 0
	done
	die "no CPU model '$cpu'; there are $bochs_models"
}

# bochs_megs 2G: in megabytes
bochs_megs()
{
	case $1 in
	*G) echo $((${1%G} * 1024)) ;;
	*M) echo "${1%M}" ;;
	*) die "--mem wants a size like 512M or 1G, not '$1'" ;;
	esac
}

# GRUB reads from the CD slowly, and the kernel unpacks quickly: the smaller the better.
bochs_iso()
{
	local iso=$work/iso

	mkdir -p "$iso/boot/grub"
	cp "$(kernel_dir "$kernel")"/boot/vmlinuz-* "$iso/boot/vmlinuz"
	gzip -1n <"$work/initrd" >"$iso/boot/initrd"
	cat >"$iso/boot/grub/grub.cfg" <<-GRUB
		set timeout=0
		linux /boot/vmlinuz console=ttyS0,115200 loglevel=7 cryptomgr.notests=1 nokaslr panic=-1 oops=panic secretmem.enable=1 $append
		initrd /boot/initrd
		boot
	GRUB
	rm "$work/initrd"
	grub-mkrescue -o "$work/boot.iso" "$iso" >"$work/mkrescue.log" 2>&1 ||
		{ cat "$work/mkrescue.log" >&2; broken "grub-mkrescue failed"; }
	rm -r "$iso"
}

bochs_config()
{
	cat <<-CONFIG
		config_interface: textconfig
		display_library: term
		romimage: file=$bochs_share/BIOS-bochs-latest
		vgaromimage: file=$bochs_share/VGABIOS-lgpl-latest
		megs: $(bochs_megs "$mem")
		cpu: model=$cpu, count=$cpus, ips=50000000, ignore_bad_msrs=1, reset_on_triple_fault=0
		clock: sync=none, time0=1735689600
		ata0-master: type=cdrom, path=$work/boot.iso, status=inserted
		boot: cdrom
		com1: enabled=1, mode=file, dev=$log
		com2: enabled=1, mode=file, dev=$work/job.out
		log: $work/bochs.log
		panic: action=fatal
		error: action=ignore
		info: action=ignore
		debug: action=ignore
		sound: driver=dummy, waveoutdrv=dummy, waveout=/dev/null
		speaker: enabled=0
	CONFIG
}

bochs_machine()
{
	bochs_iso
	bochs_config >"$work/bochsrc"
	echo c >"$work/go"	# Debian's build has the debugger, which waits for that
}

# Bochs draws the machine's screen, and a blinking cursor, on a terminal that it makes. Unread,
# that fills up, and Bochs waits for ever.
bochs_screen()
{
	local line

	while IFS= read -r line; do
		printf '%s\n' "$line"
		case $line in
		*'connected to screen "'*)
			line=${line#*\"}
			cat "${line%%\"*}" >/dev/null 2>&1 &
			;;
		esac
	done
}

# The job's output comes as it is written; Bochs's own goes nowhere. timeout and Bochs are a
# process group, which goes when we do.
bochs_boot()
{
	local reader rc=0

	mkfifo "$work/job.out"
	cat "$work/job.out" &
	reader=$!
	: "${timeout:=1800}"
	TERM=xterm timeout -s KILL "$timeout" \
		bochs-bin -q -rc "$work/go" -f "$work/bochsrc" </dev/null \
		> >(bochs_screen >"$work/bochs.out") 2>&1 &
	bochs_group=$!
	trap 'kill -KILL -- -$bochs_group 2>/dev/null || :; rm -rf "$work"' EXIT
	wait $bochs_group || rc=$?
	# Had Bochs failed before it opened the FIFO, the reader would wait for ever.
	: <>"$work/job.out"
	wait $reader
	[ $rc != 1 ] || rc=0
	[ $rc != 137 ] || rc=124	# what timeout says of SIGKILL; Bochs heeds no other
	[ $rc = 0 ] || tail -n 5 "$work/bochs.log" >&2
	! grep '>>PANIC<<' "$work/bochs.log" | grep -v 'soft power off' >&2 || rc=1
	return $rc
}
