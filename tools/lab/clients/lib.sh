# SPDX-License-Identifier: GPL-2.0-only
# Shared by the cases, in the lab. /lab is one folder, inside and outside of the suites' roots.
# shellcheck shell=sh

load_modules()
{
	local ko

	for ko in "$1"/*.ko; do
		insmod "$ko" 2>/dev/null || dmesg | tail -1 | grep -q exists
	done
}

# mount_suites: the disks in order, /bookworm and /trixie; a machine without disks has them there
mount_suites()
{
	local s disk=/dev/vd disks='a b c'

	mkdir -p /lab
	mount -t tmpfs lab /lab
	for s in $suites; do
		if [ ! -d "/$s" ]; then
			mkdir "/$s"
			mount -t ext4 "$disk${disks%% *}" "/$s" || return
			disks=${disks#* }
		fi
		(cd "/$s" && mkdir -p dev proc sys lab tmp run)
		mount --rbind /dev "/$s/dev"
		mount -t proc proc "/$s/proc"
		mount --rbind /sys "/$s/sys"
		mount --bind /lab "/$s/lab"
		mount -t tmpfs tmp "/$s/tmp"
		mount -t tmpfs run "/$s/run"
	done
}

# become COMMAND...: this shell ends as that, in the suite's root
become()
{
	exec env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LC_ALL=C chroot "/$suite" "$@"
}

inside()
{
	(become "$@")
}

# as_root_of_all COMMAND...: the same, where the suite's root is the root of a mount namespace:
# in a chroot nobody may make a user namespace
as_root_of_all()
{
	unshare -m sh -c 'cd "$0" && mount --move . / && exec env -i HOME=/root LC_ALL=C \
		PATH=/usr/sbin:/usr/bin:/sbin:/bin chroot . "$@"' "/$suite" "$@"
}

# qemu NAME WORD...: starts one, whose monitor and whose guest's serial line are pipes. What
# they say is in /lab/NAME.mon and /lab/NAME.serial.
qemu()
{
	local name=$1

	shift
	mkfifo "/lab/$name.mon.in" "/lab/$name.mon.out" "/lab/$name.tty.in" "/lab/$name.tty.out"
	cat "/lab/$name.mon.out" >>"/lab/$name.mon" &
	cat "/lab/$name.tty.out" >>"/lab/$name.serial" &
	set -- -nodefaults -no-user-config -display none -no-reboot \
		-chardev "pipe,id=mon,path=/lab/$name.mon" -mon chardev=mon \
		-chardev "pipe,id=tty,path=/lab/$name.tty" -serial chardev:tty "$@"
	echo "client: qemu-system-x86_64 $*"
	become qemu-system-x86_64 "$@" >"/lab/$name.err" 2>&1 &
	echo $! >"/lab/$name.pid"
}

# alive NAME
alive()
{
	local status

	status=/proc/$(cat "/lab/$1.pid")/status
	grep -q '^State:.[^Z]' "$status" 2>/dev/null
}

# until_true NAME SECS COMMAND...: false when the time is over or that client has ended
until_true()
{
	local name=$1 limit=$(($(date +%s) + $2))

	shift 2
	until "$@"; do
		[ "$(date +%s)" -lt "$limit" ] && alive "$name" || return
		usleep 200000
	done
}

# says NAME SECS PATTERN: the guest's serial line has that
says()
{
	until_true "$1" "$2" grep -Eq "$3" "/lab/$1.serial" || fail "the guest of $1 does not say '$3'"
}

# tell NAME LINE: to the guest's serial line
tell()
{
	echo "$2" >"/lab/$1.tty.in"
}

prompt()
{
	tail -c +"$2" "/lab/$1.mon" | tail -n 1 | grep -q '^(qemu) $'
}

# monitor NAME COMMAND: prints the answer
monitor()
{
	local from

	until_true "$1" 60 prompt "$1" 1 || fail "no monitor in $1"
	from=$(($(wc -c <"/lab/$1.mon") + 1))
	echo "$2" >"/lab/$1.mon.in"
	until_true "$1" 120 prompt "$1" "$from" || fail "the monitor of $1 does not answer '$2'"
	tail -c +"$from" "/lab/$1.mon" | sed '1d;$d'
}

# ends NAME SECS: its guest has said that all is well, and it ends with status 0
ends()
{
	local status=0

	until_true "$1" "$2" eval "! alive $1" || ! alive "$1" || fail "no end of $1 within $2 s"
	wait "$(cat "/lab/$1.pid")" || status=$?
	[ $status = 0 ] || fail "the status of $1 is $status"
	grep '^client-guest: ok' "/lab/$1.serial" || fail "the guest of $1 did not say that all is well"
}

# What tells why, while the client still lives
look()
{
	local task

	echo "client: where the threads of $1 are"
	for task in /proc/"$(cat "/lab/$1.pid")"/task/*; do
		echo "$(cat "$task/comm"): $(cut -d ' ' -f 3,14,15 "$task/stat"): $(tr '\n' ' ' <"$task/stack")"
	done
}

counters()
{
	local file

	for file in /sys/kernel/debug/umbra/*/stats /sys/kernel/debug/umbra/stats; do
		[ ! -e "$file" ] || { echo "client: $file"; grep -v ' 0$' "$file"; }
	done
	[ "$system" != kvm ] || grep -v '^0$' /sys/kernel/debug/kvm/* 2>/dev/null | sed 's|.*/||'
}

# fail TEXT: ends the case, with all that is known
fail()
{
	local pid name file

	trap - EXIT
	for pid in /lab/*.pid; do
		[ -e "$pid" ] || continue
		name=${pid##*/} name=${name%.pid}
		! alive "$name" || look "$name"
	done
	counters
	for pid in /lab/*.pid; do
		[ ! -e "$pid" ] || kill -9 "$(cat "$pid")" 2>/dev/null
	done
	for file in /lab/*.serial /lab/*.mon /lab/*.err /lab/*.log; do
		[ ! -e "$file" ] || { echo "client: $file"; cat "$file"; echo; }
	done
	echo "client: the lab's kernel said"
	dmesg | sed '1,/Run .init as init process/d' | tail -n 60
	echo "client: FAILED: $*"
	exit 1
}

sum()
{
	sha256sum | cut -d ' ' -f 1
}

# invert: the top bit of each byte of stdin
invert()
{
	tr '\000-\377' '\200-\377\000-\177'
}

# prepare_disk BYTES: a disk of random bytes, and a file for the guest to get
prepare_disk()
{
	mkdir -p /lab/www
	head -c "$1" /dev/urandom >/lab/disk
	head -c 300000 /dev/urandom >/lab/www/file
	disk_sum=$(sum </lab/disk)
	file_sum=$(sum </lab/www/file)
	inverted_sum=$(invert </lab/disk | sum)
}

disk_inverted()
{
	[ "$(sum </lab/disk)" = "$inverted_sum" ] || fail "the disk is not what the guest wrote"
}

# host_of_guest NAME: 10.0.0.1, at the other end of that client's tap0
host_of_guest()
{
	until_true "$1" 60 ifconfig tap0 10.0.0.1 netmask 255.255.255.0 up 2>/dev/null ||
		fail "no tap0"
	httpd -h /lab/www
}
