# SPDX-License-Identifier: GPL-2.0-only
# Shared by the scripts beside this file: where things are, how to complain.
# shellcheck shell=bash disable=SC2034

lab_dir=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
top=$(cd "$lab_dir/../.." && pwd)
cache=$top/.cache
me=${0##*/}

say()
{
	printf '%s: %s\n' "$me" "$*" >&2
}

die()
{
	say "$*"
	exit 1
}

# usage: prints the comment at the head of the running script
usage()
{
	sed -n '3,/^[^#]/{/^#/s/^# \{0,1\}//p}' "$0"
}

need_value()
{
	[ "$#" -ge 2 ] || die "$1 needs a value (see --help)"
}

# kernel_dir 6.1: the folder that holds that kernel's unpacked packages, or for debug
# (built by debug-kernel) its build
kernel_dir()
{
	case $1 in
	6.1 | 6.12) echo "$cache/lab/kernel/$1" ;;
	debug) echo "$cache/lab/kernel/debug-$(sha256sum <"$lab_dir/debug-kernel.config" | head -c 12)" ;;
	*) die "no kernel '$1' here; there are 6.1, 6.12 and debug" ;;
	esac
}

need_kernel()
{
	[ ! -e "$(kernel_dir "$1")/done" ] || return 0
	[ "$1" = debug ] && die "no debug kernel: run 'tools/lab/debug-kernel'"
	die "no kernel $1: run 'make setup'"
}

kernel_release()
{
	cat "$(kernel_dir "$1")/release"
}

# lab_kdir 6.1: the build folder of that kernel
lab_kdir()
{
	case $1 in
	debug) echo "$(kernel_dir debug)/build" ;;
	*) echo "$(kernel_dir "$1")/usr/src/linux-headers-$(kernel_release "$1")" ;;
	esac
}

# pack DIR: DIR as a reproducible cpio archive on stdout
pack()
{
	find "$1" -exec touch -h -d @0 {} +
	(cd "$1" && find . -mindepth 1 | LC_ALL=C sort |
		cpio --quiet -o -H newc -R 0:0 --reproducible)
}
