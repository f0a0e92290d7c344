#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# usage: [SEED=n] [O=folder] fuzz.sh SECONDS
#
# Random programs on mmu/ for that long, two at a time: new seeds in the build without
# sanitizers; and programs guided by coverage (clang's libFuzzer, ASan and UBSan), for
# the last quarter of the time the emulator. Then prints the lines of mmu/ that were
# reached by a share of the same seeds and by the programs that libFuzzer kept.
# A failing program is made short and printed as C for mmu_test_replay.c.
#
# Status: 0 nothing failed, 1 something did, 2 usage.

cd "$(dirname "$0")" || exit
seconds=${1:-}
case $seconds in
'' | *[!0-9]* | 0*) sed -n '3,/^[^#]/s/^# \{0,1\}//p' "$0" >&2; exit 2 ;;
esac
O=${O:-build}
work=$O/fuzz
corpus=$O/corpus
seed=${SEED:-$(date +%s)000000}
failed=0

say() { echo "# $*"; }

fail() {
	failed=1
	say "FAILED: $*"
}

# guided SECONDS PROGRAM CORPUS [OPTION...]: libFuzzer; what fails stays in $work
guided() {
	local program=$2 rc=0

	mkdir -p "$3"
	"$O/$program" -max_total_time="$1" -timeout=60 -print_final_stats=1 "${@:4}" \
		-artifact_prefix="$work/$program-" "$3" >"$work/$program.log" 2>&1 || rc=$?
	[ $rc = 0 ] || echo $rc >"$work/$program.failed"
}

guided_both() {
	guided $((seconds - seconds / 4)) fuzz_mmu "$corpus" -max_len=1803 -len_control=0
	[ "$seconds" -lt 4 ] || guided $((seconds / 4)) fuzz_emulate "$O/corpus-emulate"
}

stat_of() {
	sed -n "s/^$2: *//p" "$work/$1.log" | tail -1
}

# What libFuzzer did; a program that failed once more with ASan, and as C.
guided_report() {
	local file

	say "guided: $(stat_of fuzz_mmu stat::number_of_executed_units) programs," \
		"$(stat_of fuzz_mmu steps) steps; $(find "$corpus" -type f | wc -l) kept"
	[ ! -e "$work/fuzz_emulate.log" ] || say "emulator:" \
		"$(stat_of fuzz_emulate stat::number_of_executed_units) inputs"
	if [ -e "$work/fuzz_emulate.failed" ]; then
		fail "the emulator"
		tail -n 40 "$work/fuzz_emulate.log"
	fi
	[ -e "$work/fuzz_mmu.failed" ] || return
	fail "a guided program ($work/fuzz_mmu.log)"
	grep -m 1 -A 30 -E '^# |ERROR: |runtime error:' "$work/fuzz_mmu.log"
	for file in "$work"/fuzz_mmu-*; do
		[ ! -e "$file" ] || "$O/mmu_random" --replay "$file"
	done
}

# All that was built with counters runs for at most a tenth of the time.
count_lines() {
	local files

	"$O/counted/mmu_random" --seed "$seed" --time $((seconds / 10 + 1)) --audit 1 >/dev/null ||
		fail "a program with the audit after each step"
	mapfile -t files < <(find "$corpus" -type f 2>/dev/null)
	[ ${#files[@]} = 0 ] || "$O/counted/mmu_random" --replay "${files[@]}" >/dev/null ||
		fail "a program that libFuzzer kept"
	./coverage.sh "$O/counted" | sed 's/^/# /'
}

say "building"
make -s O="$O" fast counted "$O/mmu_random" || exit 1
rm -rf "$work" && mkdir -p "$work"
if command -v clang >/dev/null; then
	make -s O="$O" guided || exit 1
	guided_both &
else
	say "NOT guided by coverage: there is no clang ('make setup' installs it)"
fi
"$O/fast/mmu_random" --seed "$seed" --time "$seconds" || fail "a seed"
wait
[ ! -e "$work/fuzz_mmu.log" ] || guided_report
count_lines
[ $failed = 0 ] && say "$seconds s without a failure"
exit $failed
