#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# What 32-bit guests are made of: Debian's i386 packages. For scripts, after apt.sh.
# shellcheck shell=bash disable=SC2154

i386=$cache/lab/i386

# An apt with lists of its own: the machine's dpkg learns of no other architecture.
apt_for_i386()
{
	mkdir -p "$i386/apt/lists/partial" "$i386/apt/cache/archives/partial"
	: >"$i386/apt/status"
	cat >"$i386/apt/conf" <<-CONF
		Dir::State::lists "$i386/apt/lists";
		Dir::State::status "$i386/apt/status";
		Dir::Cache "$i386/apt/cache";
		APT::Architecture "i386";
		APT::Architectures { "i386"; };
		APT::Sandbox::User "root";
	CONF
	export APT_CONFIG=$i386/apt/conf
	say "reading the i386 package lists"
	apt-get -qq update >&2 || say "not all of them could be read"
}

# i386_unpack NAME PACKAGE...: into $i386/NAME, the first time
i386_unpack()
{
	local dir=$i386/$1

	shift
	[ ! -e "$dir/done" ] || return 0
	[ -e "$i386/apt/conf" ] || apt_for_i386
	rm -rf "$dir" "$dir.tmp"
	fetch "$dir.tmp" "$@"
	touch "$dir.tmp/done"
	mv "$dir.tmp" "$dir"
}

i386_kernel()
{
	local image

	[ ! -e "$i386/$1/done" ] || return 0
	apt_for_i386
	image=$(apt-cache depends --no-recommends "linux-image-$1" |
		sed -n 's/^ *Depends: //p' | head -1)
	[ -n "$image" ] || die "apt knows no linux-image-$1"
	i386_unpack "$1" "$image"
}

# get_i386 686|686-pae: that kernel into $i386/686, and into $i386/root busybox and what
# gcc-i386 needs
get_i386()
(
	case $1 in
	686 | 686-pae) ;;
	*) die "no 32-bit kernel '$1'; there are 686 and 686-pae" ;;
	esac
	mkdir -p "$i386"
	exec 8>"$i386/.lock"
	flock 8
	i386_kernel "$1"
	i386_unpack root busybox-static libc6-dev libgcc-12-dev linux-libc-dev
	rm -rf "$i386/apt"
)
