# SPDX-License-Identifier: GPL-2.0-only
"""From the raw output of the runs to the table and the chart."""
import collections
import math
import pathlib
import statistics

EXIT_COST = 1500	# instructions' worth of a world switch, for the model
EMPTY_LOOP = 2		# instructions of the per-exit rows that are the loop's own
NAMES = {"native": "native", "kvm-npt1": "KVM npt=1", "kvm-npt0": "KVM npt=0",
         "umbra-cache0": "Umbra cache=0", "umbra": "Umbra"}
# Which rows are wanted: names; @chips: part of the report -> names; @boot: yes or no
Rows = collections.namedtuple("Rows", "work micro irq chips boot")
COLOURS = {"native": "#555555", "kvm-npt1": "#a6cee3", "kvm-npt0": "#1f78b4",
           "umbra-cache0": "#fdbf6f", "umbra": "#e31a1c"}


# ---- collecting ----

def parse(path):
    """Each run of one boot: (name, status, [(row, iterations, instructions)], [marks])"""
    name, status, rows, marks, out = None, None, [], [], []
    for line in path.read_text(errors="replace").splitlines():
        word = line.split()
        if line.startswith("@@ run "):
            if name:
                out.append((name, status, rows, marks))
            name, status, rows, marks = word[2], None, [], []
        elif line.startswith("@@ status "):
            status = int(word[2])
        elif line.startswith("bench ") and len(word) == 4:
            rows.append((word[1], int(word[2]), int(word[3])))
        elif line.startswith("mark="):
            marks.append({k: int(v) for k, v in (w.split("=") for w in word)})
    if name:
        out.append((name, status, rows, marks))
    return out


def per_iteration(row, before, after):
    name, iterations, instructions = row
    out = {"iterations": iterations, "instructions": instructions / iterations, "exits": 0.0,
           "counters": {}}
    if before:
        # The exit of the second mark itself is in the count.
        out["exits"] = (after["exits"] - before["exits"] - 1) / iterations
        out["counters"] = {k: (after.get(k, 0) - before.get(k, 0)) / iterations
                           for k in after if k not in ("mark", "ns")
                           and after.get(k, 0) != before.get(k, 0)}
    return name, out


def one_run(rows, marks):
    figures = {}
    if marks:
        figures["boot"] = {"iterations": 1, "instructions": marks[0]["ns"],
                           "exits": marks[0]["exits"], "counters": marks[0]}
    for i, row in enumerate(rows):
        pair = marks[2 * i + 1:2 * i + 3]
        if marks and len(pair) < 2:
            break
        name, figure = per_iteration(row, *(pair or (None, None)))
        figures[name] = figure
    return figures


def mean(figures):
    """Of the same row with several seeds."""
    keys = {k for f in figures for k in f["counters"]}
    return {"iterations": figures[0]["iterations"],
            "instructions": statistics.fmean(f["instructions"] for f in figures),
            "exits": statistics.fmean(f["exits"] for f in figures),
            "spread": max(f["instructions"] for f in figures) -
                      min(f["instructions"] for f in figures),
            "counters": {k: statistics.fmean(f["counters"].get(k, 0) for f in figures)
                         for k in sorted(keys)}}


def collect(folder):
    """{'runs': {'umbra/pti-off': {'status': 0, 'seeds': 1, 'rows': {...}}}}"""
    seen = {}
    for path in sorted(pathlib.Path(folder).glob("*.txt")):
        for name, status, rows, marks in parse(path):
            run = seen.setdefault(name, {"status": 0, "each": []})
            if status != 0:
                run["status"] = 1 if status is None else status
            run["each"].append(one_run(rows, marks))
    runs = {}
    for name, run in sorted(seen.items()):
        rows = {}
        for row in run["each"][0]:
            figures = [e[row] for e in run["each"] if row in e]
            rows[row] = mean(figures)
        runs[name] = {"status": run["status"], "seeds": len(run["each"]), "rows": rows}
    return {"unit": "instructions per iteration, host and guest together", "runs": runs}


# ---- looking things up ----

def figure(data, system, part, row):
    return data["runs"].get(f"{system}/{part}", {}).get("rows", {}).get(row)


def base_of(data, part, row):
    """What the same costs without a hypervisor; None if that was not measured."""
    if part in ("micro", "irq"):
        return EMPTY_LOOP
    native = figure(data, "native", "pti-off" if part.startswith("chips") else part, row)
    return native["instructions"] if native else None


def overhead(data, system, part, row):
    f, base = figure(data, system, part, row), base_of(data, part, row)
    return f["instructions"] - base if f and base is not None else None


def noise(data, part, row):
    """So many instructions of overhead are not worth a ratio."""
    return max(50, 0.02 * (base_of(data, part, row) or 0))


def modelled(f):
    return f["instructions"] + EXIT_COST * f["exits"]


# ---- the table ----

def number(x, digits=0):
    return "-" if x is None else f"{x:,.{digits}f}"


def ratio(a, b, least=0):
    """a / b, if b is more than noise"""
    return "-" if a is None or not b or b <= least else f"{a / b:.2f}"


HEAD = ("row", "system", "instructions", "exits", "instr/exit", "model", "x native", "x npt=0",
        "overhead", "exits")
HEAD2 = ("", "", "per iteration", "per iter.", "(host)", "", "", "", "/ npt=0's", "/ npt=0's")
WIDTHS = (-15, -14, 15, 11, 11, 16, 9, 9, 10, 10)


def line(cells):
    return " ".join(f"{c:<{-w}}" if w < 0 else f"{c:>{w}}"
                    for c, w in zip(cells, WIDTHS)).rstrip() + "\n"


def cells(data, system, part, row):
    f, base = figure(data, system, part, row), base_of(data, part, row)
    npt0, ours = figure(data, "kvm-npt0", part, row), overhead(data, system, part, row)
    guest = system != "native"
    per_exit = ours / f["exits"] if guest and ours is not None and f["exits"] >= 0.02 else None
    return (NAMES[system], number(f["instructions"]), number(f["exits"], 2) if guest else "-",
            number(per_exit), number(modelled(f)),
            ratio(f["instructions"], base) if part not in ("micro", "irq") else "-",
            ratio(f["instructions"], npt0 and npt0["instructions"]),
            ratio(ours, overhead(data, "kvm-npt0", part, row), noise(data, part, row))
            if guest else "-",
            ratio(f["exits"], npt0 and npt0["exits"]) if guest else "-")


def section(data, title, part, rows, systems):
    out = ""
    for row in rows:
        name = row
        for system in systems:
            if figure(data, system, part, row):
                out += line((name, *cells(data, system, part, row)))
                name = ""
    return f"\n{title}\n\n{line(HEAD)}{line(HEAD2)}{out}" if out else ""


NOTES = f"""
instructions: of host and guest together, counted by QEMU; a world switch counts as one.
instr/exit:   (instructions - native's) / exits; for per-exit costs, minus the loop's own.
model:        instructions + {EXIT_COST} x exits. A model, not measured: hardware's world switch.
overhead:     instructions - native's.
"""


def table(data, guest, rows, systems):
    first = ["boot"] if rows.boot else []
    title = "Guest programs, " + ("" if guest == "amd64" else f"{guest}, ")
    out = "".join(section(data, f"{title}pti={p}", f"pti-{p}", first + rows.work, systems)
                  for p in ("off", "on"))
    out += "".join(section(data, f"Interrupt controllers in the kernel, {part[-1]} vCPU(s)", part,
                           ["boot", *names], systems) for part, names in rows.chips.items())
    out += section(data, "Per-exit costs (a guest without a kernel)", "micro", rows.micro, systems)
    out += section(data, "Interrupts and eventfds (a guest without a kernel)", "irq", rows.irq,
                   systems)
    seeds = {r["seeds"] for r in data["runs"].values()}
    return out + NOTES + f"seeds:        {'/'.join(str(s) for s in sorted(seeds))}\n" + \
        goals(data, rows)


# ---- what was aimed at ----

PER_EXIT = {"cpuid": 900, "cr3-load": 900, "cr0-wp": 1500, "fill": 2000, "pte-use": 2000}
TENTH = ("getppid", "fork-write", "mmap", "mmap-write")


def work_goals(data, part, row):
    ours, theirs = overhead(data, "umbra", part, row), overhead(data, "kvm-npt0", part, row)
    if ours is None or theirs is None:
        return
    limit = 0.1 if part == "pti-on" and row in TENTH else 0.5
    yield (f"{row}, {part}: overhead <= {limit} of KVM npt=0's",
           ours <= max(limit * theirs, noise(data, part, row)), f"{ours:,.0f} against {theirs:,.0f} instructions")
    e, k = figure(data, "umbra", part, row)["exits"], figure(data, "kvm-npt0", part, row)["exits"]
    yield f"{row}, {part}: exits <= 0.7 of KVM npt=0's", e <= max(0.7 * k, 0.5), \
        f"{e:,.2f} against {k:,.2f}"


def exit_goals(data, micro):
    for row in micro:
        f = figure(data, "umbra", "micro", row)
        if f and row in PER_EXIT and f["exits"]:
            cost = overhead(data, "umbra", "micro", row) / f["exits"]
            yield f"{row}: <= {PER_EXIT[row]} instructions per exit", cost <= PER_EXIT[row], \
                number(cost)


def irq_goals(data, part, rows):
    for row in rows:
        ours, theirs = overhead(data, "umbra", part, row), overhead(data, "kvm-npt0", part, row)
        if ours is not None and theirs:
            yield f"{row}, {part}: overhead <= 0.5 of KVM npt=0's", ours <= 0.5 * theirs, \
                f"{ours:,.0f} against {theirs:,.0f} instructions"


def chips_goals(data, part, rows):
    ours, theirs = figure(data, "umbra", part, "boot"), figure(data, "kvm-npt0", part, "boot")
    if ours and theirs:
        yield f"boot, {part}: fewer exits than KVM npt=0", ours["exits"] < theirs["exits"], \
            f"{ours['exits']:,.0f} against {theirs['exits']:,.0f}"
    yield from irq_goals(data, part, rows)


def goals(data, rows):
    every = [g for p in ("off", "on") for row in rows.work
             for g in work_goals(data, f"pti-{p}", row)]
    every += exit_goals(data, rows.micro)
    every += irq_goals(data, "irq", rows.irq)
    every += [g for part, names in rows.chips.items() for g in chips_goals(data, part, names)]
    if not every:
        return ""
    missed = [f"  {what}: {got}\n" for what, holds, got in every if not holds]
    return f"\n{len(every) - len(missed)} of {len(every)} goals reached" + \
        (".\n" if not missed else "; not:\n" + "".join(missed))


# ---- the chart ----

BAR, GAP, LEFT, WIDTH = 9, 12, 150, 620


def bars(data, part, rows, systems, value):
    """[(row, [(system, value)])] where there is one"""
    out = []
    for row in rows:
        mine = [(s, value(s, part, row)) for s in systems]
        mine = [(s, v) for s, v in mine if v is not None]
        if mine:
            out.append((row, mine))
    return out


def panel(title, groups, y):
    """One panel of horizontal bars from y on; returns its SVG and where it ends."""
    top = math.log10(max(10, *(v for _, mine in groups for _, v in mine)))
    svg = [f'<text x="10" y="{y + 16}" class="title">{title}</text>']
    y += 30
    for row, mine in groups:
        svg.append(f'<text x="{LEFT - 8}" y="{y + BAR * len(mine) / 2 + 4}" '
                   f'text-anchor="end">{row}</text>')
        for system, v in mine:
            width = WIDTH * math.log10(max(v, 1)) / top
            svg.append(f'<rect x="{LEFT}" y="{y}" width="{width:.1f}" height="{BAR - 1}" '
                       f'fill="{COLOURS[system]}"/>')
            svg.append(f'<text x="{LEFT + width + 4:.1f}" y="{y + BAR - 1}" class="v">'
                       f'{v:,.{0 if v >= 100 else 2}f}</text>')
            y += BAR
        y += GAP
    return svg, y + 10


def legend(systems):
    svg, x = [], LEFT
    for s in systems:
        svg.append(f'<rect x="{x}" y="8" width="10" height="10" fill="{COLOURS[s]}"/>'
                   f'<text x="{x + 14}" y="17">{NAMES[s]}</text>')
        x += 120
    return svg


def chart(data, rows, systems):
    def relative(system, part, row):
        f, base = figure(data, system, part, row), base_of(data, part, row)
        return f["instructions"] / base if f and base else None

    def cost(system, part, row):
        f = figure(data, system, part, row)
        return f["instructions"] if f and system != "native" else None

    svg, y = legend(systems), 30
    for part, names, value, title in (
            ("pti-off", rows.work, relative, "instructions, native = 1, pti=off"),
            ("pti-on", rows.work, relative, "instructions, native = 1, pti=on"),
            ("micro", rows.micro, cost, "instructions per operation that exits"),
            ("irq", rows.irq, cost, "instructions per interrupt or signal")):
        groups = bars(data, part, names, systems, value)
        if groups:
            more, y = panel(f"{title} (logarithmic)", groups, y)
            svg += more
    style = ("text{font:11px sans-serif}.title{font-weight:bold;font-size:13px}"
             ".v{font-size:8px;fill:#555}")
    return (f'<svg xmlns="http://www.w3.org/2000/svg" width="{LEFT + WIDTH + 90}" height="{y:.0f}">'
            f'<style>{style}</style><rect width="100%" height="100%" fill="white"/>'
            + "\n".join(svg) + "</svg>\n")
