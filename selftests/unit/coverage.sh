#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Lines of mmu/ that the programs built in FOLDER (make counted) have reached.

[ $# = 1 ] && [ -d "$1/mmu" ] || { echo "usage: coverage.sh FOLDER" >&2; exit 2; }
cd "$1/mmu" || exit
for f in *.gcda; do
	[ -e "$f" ] || { echo "coverage.sh: nothing was run in $1" >&2; exit 1; }
	gcov -n "$f"
done 2>/dev/null | awk '
	/^File/ { mine = $0 ~ /\/mmu\/[a-z]*\.c/; name = $2 }
	mine && /^Lines/ {
		split($0, a, /[:% ]+/)
		n = a[5] + 0
		printf "%6.2f%% of %4d lines  %s\n", a[3], n, name
		hit += a[3] * n / 100
		all += n
		mine = 0
	}
	END { printf "%6.2f%% of %4d lines of mmu/\n", 100 * hit / all, all }'
