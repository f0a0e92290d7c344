#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Run TAP programs one after the other as one TAP stream; sum up at the end.

if [ $# = 0 ] || [ "$1" = --help ]; then
	echo "usage: run-tap.sh PROGRAM..."
	echo "Runs each, renumbers their TAP, ends with 'N passed, N failed'."
	echo "A program that ends early, or badly with all tests passed, counts as a failure."
	[ "$1" = --help ]
	exit
fi

passed=0
failed=0
number=0

result() {
	number=$((number + 1))
	if [ "$1" = ok ]; then
		passed=$((passed + 1))
		echo "ok $number - $2"
	else
		failed=$((failed + 1))
		echo "not ok $number - $2"
	fi
}

run() {
	local name=${1##*/} planned=-1 seen=0 bad=0 line

	while IFS= read -r line; do
		case $line in
		1..*)		planned=${line#1..} ;;
		"TAP version"*)	;;
		"ok "*)		seen=$((seen + 1)); result ok "$name: ${line#* - }" ;;
		"not ok "*)	seen=$((seen + 1)); bad=1; result bad "$name: ${line#* - }" ;;
		"exit status "*) status=${line##* } ;;
		*)		echo "$line" ;;
		esac
	done < <("$@" 2>&1; echo "exit status $?")
	if [ "$planned" != "$seen" ]; then
		result bad "$name: $seen of $planned tests gave a result"
	elif [ "$status" != 0 ] && [ $bad = 0 ]; then
		result bad "$name: ended with status $status"
	fi
}

echo "TAP version 13"
for program; do
	run "$program"
done
echo "1..$number"
echo "$passed passed, $failed failed"
[ $failed = 0 ] && [ $passed != 0 ]
