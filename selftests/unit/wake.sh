#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# spin on wake.pml: all that is sent is taken, and each planted bug is found. TAP.

here=$(cd "$(dirname "$0")" && pwd)
model=$here/wake.pml

if [ "$1" = --help ]; then
	echo "usage: wake.sh [S_NAME[+S_NAME...] BUG_NAME|none tso|weak]"
	echo "Checks the model wake.pml; with arguments one case of it, and prints how it goes wrong."
	exit
fi

command -v spin >/dev/null || {
	printf 'TAP version 13\n1..1\nok 1 - wake-ups and kicks # SKIP spin is not installed\n'
	exit
}
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT

# The number that a name has in the model.
value()
{
	sed -n "s/^#define $1[[:space:]]*\([0-9]*\)$/\1/p" "$model"
}

sum()
{
	local s total=0

	for s in ${1//+/ }; do
		total=$((total + $(value "$s")))
	done
	echo "$total"
}

build()
{
	mkdir "$work/$1" && cd "$work/$1" &&
		spin ${2:+"$2"} -a "$model" &&
		${CC:-gcc} -O1 -w -DSAFETY -DMEMLIM=1000 -o pan pan.c
}

# Whether spin has seen all there is, and no error; or, with a bug, an error.
as_expected()
{
	cd "$work/$3" && SENDS=$(sum "$1") BUG=$(value "$2") && export SENDS BUG || return
	if [ -z "$BUG" ]; then
		[ "$2" = none ] || return
		BUG=0
	fi
	./pan -m1000000 >log 2>&1
	! grep -q 'search depth too small\|out of memory\|aborted' log || return
	if [ "$BUG" = 0 ]; then
		grep -q 'errors: 0$' log
	else
		grep -q 'errors: 1$' log
	fi
}

# What is sent, what is planted, and in which order stores may become visible.
cases()
{
	local s

	for s in S_IPI S_NMI S_SIPI S_EXTINT S_FLUSH; do
		echo "$s none tso"
		echo "$s none weak"
	done
	cat <<-END
	S_IPI BUG_ENTER_BARRIER tso
	S_FLUSH BUG_ENTER_BARRIER tso
	S_IPI BUG_STATE_BARRIER tso
	S_EXTINT BUG_EXTINT_BARRIER tso
	S_SIPI BUG_INIT_MISSED tso
	S_IPI BUG_NO_KICK tso
	S_IPI BUG_NO_WAKE_UP tso
	S_IPI BUG_NO_LOOK tso
	S_IPI BUG_LOOK_FIRST tso
	S_IPI BUG_REQUEST_LAST tso
	S_NMI BUG_COUNT_LAST tso
	S_FLUSH BUG_ALL_NO_WAIT tso
	S_IPI BUG_KICK_BARRIER weak
	S_FLUSH BUG_ALL_BARRIER weak
	S_IPI BUG_TAKE_BARRIER weak
	S_NMI BUG_REQUEST_BARRIER weak
	S_SIPI BUG_SIPI_BARRIER weak
	S_FLUSH BUG_LEAVE_RELEASE weak
	END
}

{ build tso "" && build weak -DWEAK; } >"$work/log" 2>&1 || { cat "$work/log" >&2; exit 1; }
if [ $# = 3 ]; then
	as_expected "$@"
	cat "$work/$3/log"
	cd "$work/$3" && [ -f wake.pml.trail ] && ./pan -C wake.pml.trail
	exit
elif [ $# != 0 ]; then
	exec "$0" --help >&2
fi

echo "TAP version 13"
echo "1..$(cases | wc -l)"
number=0 failed=0
while read -r sends bug order; do
	number=$((number + 1))
	ok=ok
	as_expected "$sends" "$bug" "$order" || { ok="not ok"; failed=1; sed 's/^/# /' "$work/$order/log"; }
	echo "$ok $number - $sends, $order: ${bug/#none/nothing is lost}"
done < <(cases)
exit $failed
