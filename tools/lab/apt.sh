#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Shared by the scripts that fetch packages, after common.sh.
# shellcheck shell=bash

# missing PACKAGE...: those that are not installed
missing()
{
	local p

	for p; do
		dpkg-query -W -f '${db:Status-Status}\n' "$p" 2>/dev/null | grep -qx installed ||
			echo "$p"
	done
}

as_root()
{
	if [ "$(id -u)" = 0 ]; then
		"$@"
	elif command -v sudo >/dev/null; then
		sudo "$@"
	else
		die "'$*' needs root: run this as root, or install sudo"
	fi
}

apt_update()
{
	[ -z "${updated:-}" ] || return 0
	say "refreshing the package lists (apt-get update)"
	as_root apt-get -qq update
	updated=yes
}

install_tools()
{
	local list

	mapfile -t list < <(missing "$@")
	[ ${#list[@]} -gt 0 ] || return 0
	apt_update
	say "installing: ${list[*]}"
	as_root env DEBIAN_FRONTEND=noninteractive \
		apt-get -qq -y --no-install-recommends install "${list[@]}" >&2 ||
		die "apt-get could not install ${list[*]}"
}

versions()
{
	apt-cache show "$1" 2>/dev/null | sed -n 's/^Version: //p'
}

# fetch DIR PACKAGE...: downloads and unpacks there
fetch()
{
	local dir=$1 debs deb

	shift
	debs=$(mktemp -d "$cache/lab/debs.XXXXXX")
	say "fetching (not installing): $*"
	(cd "$debs" && apt-get -qq -o APT::Sandbox::User=root download "$@" >&2) ||
		die "apt-get could not download $*"
	for deb in "$debs"/*.deb; do
		dpkg -x "$deb" "$dir"
	done
	rm -rf "$debs"
}
