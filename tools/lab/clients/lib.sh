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

# mount_suites: the disks in order, /bookworm and /trixie
mount_suites()
{
	local s disk=/dev/vd disks='a b c'

	mkdir -p /lab
	mount -t tmpfs lab /lab
	for s in $suites; do
		mkdir -p "/$s"
		mount -t ext4 "$disk${disks%% *}" "/$s" || return
		disks=${disks#* }
		mount --rbind /dev "/$s/dev"
		mount -t proc proc "/$s/proc"
		mount --rbind /sys "/$s/sys"
		mount --bind /lab "/$s/lab"
		mount -t tmpfs tmp "/$s/tmp"
		mount -t tmpfs run "/$s/run"
	done
}

# /lab/vmlinuz, /lab/initrd: the guest's kernel, and an initramfs with our init
prepare_guest()
{
	cp /guest/vmlinuz /lab/vmlinuz
	cat /guest/initrd.gz /clients/guest.gz >/lab/initrd
}

# inside COMMAND...: in the suite's root
inside()
{
	env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LC_ALL=C chroot "/$suite" "$@"
}

# What tells why, while the client still lives
look()
{
	local task

	echo "client: where the client's threads are, and the counters"
	for task in /proc/"$1"/task/*; do
		echo "$(cat "$task/comm"): $(tr '\n' ' ' <"$task/stack")"
	done
	for task in /sys/kernel/debug/umbra/*/stats /sys/kernel/debug/umbra/stats; do
		[ ! -e "$task" ] || { echo "$task"; grep -v ' 0$' "$task"; }
	done
	if [ "$system" = kvm ]; then
		grep -Hv '^0$' /sys/kernel/debug/kvm/* 2>/dev/null | sed 's|.*/||'
	fi
	return 0
}

# fail TEXT: ends the case
fail()
{
	echo "client: FAILED: $*"
	echo "client: the lab's kernel said"
	dmesg | sed '1,/Run .init as init process/d' | tail -n 60
	exit 1
}

# await PID SECS: the process' status in $status; killed after so long
await()
{
	local pid=$1 left=$(($2 * 5))

	while [ -d "/proc/$pid" ] && ! grep -q '^State:.Z' "/proc/$pid/status"; do
		left=$((left - 1))
		if [ $left -le 0 ]; then
			echo "client: no end within $2 s"
			look "$pid"
			kill -9 "$pid"
			break
		fi
		usleep 200000
	done
	status=0
	wait "$pid" || status=$?
}
