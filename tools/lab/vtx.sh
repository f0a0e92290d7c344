# SPDX-License-Identifier: GPL-2.0-only
# Part vtx of tools/lab/test: what the other parts do on QEMU's AMD-V, on VT-x as Bochs
# emulates it. Bochs is slow and on one core, so that beside other parts this one runs as a
# process of its own from the beginning; its points are printed when its turn comes.
# shellcheck shell=bash disable=SC2034,SC2154

vtx_pid=

# bochs MODEL [CPUS]: what follows runs there
bochs()
{
	machine=(--machine bochs --cpu "$1" --cpus "${2:-1}")
	make_machine=(MACHINE=bochs CPU="$1" CPUS="${2:-1}")
	on="$1${2:+ with $2 CPUs} "
}

# The host goes down while a guest runs: nobody may be left waiting.
test_poweroff()
{
	cat >"$logs/job" <<-'JOB'
		/selftests/guest/load >/dev/null 2>&1 &
		until grep -q '^ *exits  *[1-9]' /sys/kernel/debug/umbra/stats; do :; done
	JOB
	check "$on${kernels[0]}: the host goes down under a guest" step poweroff.log \
		tools/lab/lab "${machine[@]}" --kernel "${kernels[0]}" --modules "$modules" \
		--log "$logs/poweroff.console" --timeout 300 "$logs/job"
	check "$on${kernels[0]}: to the end" grep -q 'reboot: Power down' "$logs/poweroff.console"
}

# Where VT-x can't be had: no help from the host's kernel, or a CPU that is unlike the others. One
# that comes later and differs stays offline while there are guests.
test_refusals()
{
	cat >"$logs/job" <<-'JOB'
		said() { dmesg | grep -q "umbra: .*$1"; }
		rmmod umbra || exit 1
		insmod /umbra.ko vtx_without=hooks 2>/dev/null && exit 2
		said 'for its KVM alone' || exit 3
		insmod /umbra.ko vtx_odd=1 2>/dev/null && exit 4
		said 'CPU 1: VT-x differs' || exit 5
		echo 0 >/sys/devices/system/cpu/cpu1/online || exit 6
		insmod /umbra.ko vtx_odd=1 || exit 7
		/selftests/guest/load >/dev/null 2>&1 &
		until grep -q '^ *exits  *[1-9]' /sys/kernel/debug/umbra/stats; do :; done
		echo 1 >/sys/devices/system/cpu/cpu1/online 2>/dev/null && exit 8
		[ "$(cat /sys/devices/system/cpu/cpu1/online)" = 0 ] || exit 9
		killall load
		until rmmod umbra 2>/dev/null; do sleep 1; done
		insmod /umbra.ko || exit 10
		echo 1 >/sys/devices/system/cpu/cpu1/online || exit 11
	JOB
	check "$on${kernels[0]}: VT-x is refused where it can't be had" step refusals.log \
		tools/lab/lab "${machine[@]}" --kernel "${kernels[0]}" --modules "$modules" \
		--timeout 600 "$logs/job"
}

# The first kernel in full, another just boots a guest.
run_vtx()
{
	local first=${kernels[0]} others=("${kernels[@]:1}") kernels machine make_machine on

	bochs corei7_haswell_4770
	kernels=("$first")
	test_programs api
	test_programs guest
	test_linux
	kernels=("${others[@]}")
	test_boot
	kernels=("$first")
	on='old corei7 '
	[ "$modules" != umbra ] || checks=check_entry params=vtx_without=vnmi,vpid,efer,bitmap,secondary \
		test_programs old api/interrupts api/state guest/{cpu,delivery,modes,tlb}
	bochs corei7_haswell_4770 2
	test_programs smp api/host api/lifecycle guest/load guest/smp
	[ "$modules" != umbra ] || test_poweroff
	[ "$modules" != umbra ] || test_refusals
	smp "${on}two vCPUs" "$first" --guest-cpus 2 --guest-mem 256 --secs 1 --timeout 1800
	bochs corei7_skylake_x
	test_boot
	bochs core2_penryn_t9600
	test_boot
}

# What both processes need is built before: two makes in one folder would clash.
start_vtx()
{
	local args=(--only vtx --modules "$modules")

	[ ${#kernels[@]} -gt 1 ] || args+=(--kernel "${kernels[0]}")
	step vtx-build.log make tools selftests
	say "part vtx begins beside the others, its progress is in $logs/vtx.err"
	setsid nice tools/lab/test "${args[@]}" >"$logs/vtx.out" 2>"$logs/vtx.err" </dev/null 9>&- &
	vtx_pid=$!
	trap 'kill -- "-$vtx_pid" 2>/dev/null' EXIT
	trap 'exit 1' INT TERM HUP
}

test_vtx()
{
	local rc=0

	if [ ! "$vtx_pid" ]; then
		run_vtx
		return
	fi
	say "waiting for part vtx"
	wait "$vtx_pid" || rc=$?
	trap - EXIT INT TERM HUP
	nested vtx "$logs/vtx.out" $rc
}
