#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""usage: way.py [--check] PROGRAM

Prints the way of a fill: the functions of mmu/ in the order of their calls, those of headers
too, and how many functions, files and changes of file it has; a call from one file to another
changes it twice, as one comes back. Macros are no functions. With --check prints TAP instead:
the way where a fault can't sleep, which nearly all take, must stay within the limits.
"""
import subprocess
import sys

LIMITS = {"functions": 33, "files": 8, "changes of file": 50}


def names_of(program, addresses):
    """{address: (function, file)}"""
    lines = subprocess.run(["addr2line", "-f", "-e", program, *addresses], check=True,
                           capture_output=True, text=True).stdout.split("\n")
    return {a: (lines[2 * i], lines[2 * i + 1].split("/")[-1].split(":")[0])
            for i, a in enumerate(addresses)}


def way(program, *args):
    """[(depth, function, file)] and the counts"""
    out = subprocess.run([program, *args], check=True, capture_output=True, text=True).stdout
    events = [line.split() for line in out.splitlines() if line[:2] in ("> ", "< ")]
    names = names_of(program, sorted({address for _, address in events}))
    calls, stack, changes = [], [], 0
    for direction, address in events:
        if direction == "<":
            stack.pop()
            continue
        function, file = names[address]
        changes += 2 * bool(stack and stack[-1] != file)
        calls.append((len(stack), function, file))
        stack.append(file)
    if not calls or any("??" in c[1:] for c in calls):
        sys.exit(f"way.py: {program} has no calls, or they have no names: build it by 'make way'")
    return calls, {"functions": len({c[1:] for c in calls}), "files": len({c[2] for c in calls}),
                   "changes of file": changes}


def show(title, calls, counts):
    print(title + ": " + ", ".join(f"{n} {what}" for what, n in counts.items()) + "\n")
    before = None
    for depth, function, file in calls:
        if (depth, function) != before:
            print(f"  {file:12} {'  ' * depth}{function}")
        before = depth, function
    print()


def main(args):
    if not args or "--help" in args:
        print(__doc__.strip())
        return 0 if args else 2
    program = args[-1]
    calls, counts = way(program)
    if "--check" not in args:
        show("A fill where it can't sleep", calls, counts)
        show("... and where it may", *way(program, "may-sleep"))
        return 0
    failed = 0
    for n, (what, limit) in enumerate(LIMITS.items(), 1):
        bad = counts[what] > limit
        failed |= bad
        print(f"{'not ' * bad}ok {n} - a fill goes through at most {limit} {what}: {counts[what]}")
    print(f"1..{len(LIMITS)}")
    return failed


sys.exit(main(sys.argv[1:]))
