#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Plant one bug at a time (mutants.txt) into a copy of mmu/, of irq/, of smm.c or (run/) of the run loop; the
# tests must notice each.

here=$(cd "$(dirname "$0")" && pwd)
source=${MMU:-$here/../../mmu}
irq=$here/../../irq
run=$here/../..
run_files=(run.c halt.c request.c vcpu_irq.c chips.c event.c pv.c)
irq_programs=(irq_chips_test)
work=${TMPDIR:-/tmp}/umbra-mutate.$$

usage() {
	echo "usage: mutate.sh [--check] [PATTERN...]"
	echo "Plants each bug of mutants.txt (whose name matches a PATTERN) into a copy of its file and runs"
	echo "the unit tests on it. MMU=folder takes mmu/ from elsewhere. Status 0: every bug was caught; 1: one survived, or applies no more."
	echo "--check only looks whether each applies."
}

check=
case $1 in
--check) check=yes; shift ;;
--help) usage; exit 0 ;;
-*)	usage >&2; exit 2 ;;
esac
[ $# = 0 ] && set -- '*'
export TAP_TIMEOUT=20

# The programs that notice a bug in a file.
programs() {
	case $1 in
	irq/apic.c | irq/deliver.c | irq/timer.c) echo irq_apic_test ;;
	irq/*)	echo "${irq_programs[@]}" ;;
	run/*)	echo wake_test ;;
	smm.c)	echo smm_test ;;
	*)	echo mmu_test mmu_random ;;
	esac
}

build() {
	local program targets=()

	for program in $(programs "$1"); do
		targets+=("$work/build/$program")
	done
	make -s -C "$here" MMU="$work/mmu" IRQ="$work/irq" RUN="$work/run" SMM="$work/smm.c" O="$work/build" SAN= \
		"${targets[@]}" >"$work/log" 2>&1
}

wanted() {
	local name=$1 pattern
	shift
	for pattern; do
		# shellcheck disable=SC2053
		[[ $name == $pattern ]] && return
	done
	return 1
}

# Seconds of processor time, so that a busy machine is no catch.
within() {
	(ulimit -t "$1" && shift && exec timeout 1800 "$@")
}

# Whether the tests notice. A bug that makes them hang is noticed too.
caught() {
	local program

	for program in $(programs "$1"); do
		if [ "$program" = mmu_random ]; then
			! within 90 "$work/build/mmu_random" --seed 1 --programs 1000 --no-shrink \
				>"$work/log" 2>&1 && how="random programs" && return
		else
			! within 60 "$work/build/$program" --stop >"$work/log" 2>&1 &&
				how=$(grep -m1 "^not ok" "$work/log") && return
		fi
	done
	return 1
}

original() {
	case $1 in
	irq/*)	echo "$irq/${1#irq/}" ;;
	run/*)	echo "$run/${1#run/}" ;;
	smm.c)	echo "$here/../../smm.c" ;;
	*)	echo "$source/$1" ;;
	esac
}

copy() {
	case $1 in
	irq/* | run/* | smm.c) echo "$work/$1" ;;
	*)	echo "$work/mmu/$1" ;;
	esac
}

plant() {
	heal "$1" || return
	sed -i "$2" "$(copy "$1")"
	! cmp -s "$(original "$1")" "$(copy "$1")"
}

heal() {
	[ -f "$(original "$1")" ] || return
	cp "$(original "$1")" "$(copy "$1")"
}

healthy() {
	build "$1" && ! caught "$1"
}

mkdir -p "$work" && trap 'rm -rf "$work"' EXIT
cp -r "$source" "$work/mmu"
cp -r "$irq" "$work/irq"
mkdir "$work/run" && cp "${run_files[@]/#/$run/}" "$work/run"
rm -f "$work/mmu/host.c"
if [ $check ]; then
	:
elif ! build mmu || ! within 600 "$work/build/mmu_test" >"$work/log" 2>&1 || ! healthy irq/ ||
	! healthy irq/apic.c || ! healthy run/; then
	echo "mutate.sh: the tests fail without any planted bug:" >&2
	grep -v '^ok ' "$work/log" >&2
	exit 1
fi

total=0 survived=0 stale=0
while IFS=$'\t' read -r file name edit; do
	[[ -z $file || $file == \#* ]] && continue
	wanted "$name" "$@" || continue
	total=$((total + 1))
	how=
	if ! plant "$file" "$edit"; then
		stale=$((stale + 1))
		echo "STALE    $file $name: the line to change is not there any more"
	elif [ $check ]; then
		:
	elif ! build "$file"; then
		stale=$((stale + 1))
		echo "BROKEN   $file $name: does not compile"
	elif caught "$file"; then
		echo "caught   $file $name (${how#not ok [0-9]* - })"
	else
		survived=$((survived + 1))
		echo "SURVIVED $file $name"
	fi
	heal "$file"
done <"$here/mutants.txt"

[ ! $check ] || { echo "$total bugs, $stale do not apply"; exit $((stale != 0)); }
echo "$total planted, $((total - survived - stale)) caught, $survived survived, $stale do not apply"
[ $survived = 0 ] && [ $stale = 0 ] && [ $total != 0 ]
