#!/usr/bin/env python3
"""check_walls.py [--write]: the walls between the targets are those that the manual draws.

Fails when a target imports what Package.swift does not declare for it, or declares what it never imports; when the table
of layers in ARCHITECTURE.md lacks a target, has one twice, or one that does not exist; and when an arrow points up or
sideways. `--write` writes the table's third column, which says what each target is built on.
"""

import json
import os
import re
import subprocess
import sys
import tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
MANUAL = os.path.join(ROOT, "ARCHITECTURE.md")
BEGIN, END = "<!-- layers -->", "<!-- /layers -->"
IMPORT = re.compile(
    r"\s*(?:@\w+(?:\(\w+\))?\s+)*(?:(?:public|package|internal|private|fileprivate)\s+)?import\s+"
    r"(?:(?:struct|class|enum|func|protocol|typealias|actor|var|let)\s+)?(\w+)"
)
# Built into everything by the compiler's own toolchain, or by all tests alike.
UNDECLARED = {"TestSupport"}
# A test may start the program instead of importing it.
STARTED = {("ManualTests", "drover")}


def declared(target):
    for dependency in target["dependencies"]:
        for kind in ("byName", "product", "target"):
            if kind in dependency:
                yield dependency[kind][0]


def imported(folder):
    for where, _, names in os.walk(folder):
        for name in names:
            if name.endswith(".swift"):
                with open(os.path.join(where, name), encoding="utf-8") as file:
                    for line in file:
                        match = IMPORT.match(line)
                        if match:
                            yield match.group(1)


def folder(target):
    usual = ("Tests/" if target["type"] == "test" else "Sources/") + target["name"]
    return os.path.join(ROOT, target.get("path") or usual)


def walls(targets, known):
    """What the package declares beside what the sources import."""
    for target in targets:
        name = target["name"]
        says = set(declared(target))
        uses = (set(imported(folder(target))) & known) - {name}
        for one in sorted(uses - says):
            yield f"{name} imports {one}, and Package.swift does not say so"
        for one in sorted(says - uses - UNDECLARED):
            if (name, one) not in STARTED:
                yield f"{name} declares {one} in Package.swift, and never imports it"


def layers(lines):
    """The rows of the table: what it is, and its targets."""
    for line in lines:
        cells = [cell.strip() for cell in line.strip().strip("|").split("|")]
        if len(cells) >= 2 and cells[0] not in ("layer", "") and not cells[0].startswith("---"):
            yield cells[0], re.findall(r"`([\w-]+)`", cells[1])


def arrows(rows, targets):
    rank, problems = {}, []
    for index, (_, names) in enumerate(rows):
        for name in names:
            if name in rank:
                problems.append(f"ARCHITECTURE.md has {name} in two layers")
            rank[name] = index
    for name in sorted(targets.keys() - rank.keys()):
        problems.append(f"ARCHITECTURE.md has {name} in no layer")
    for name in sorted(rank.keys() - targets.keys()):
        problems.append(f"ARCHITECTURE.md has a layer for {name}, which is no target")
    for name, needs in sorted(targets.items()):
        for need in sorted(needs):
            if name in rank and need in rank and rank[need] <= rank[name]:
                way = "sideways" if rank[need] == rank[name] else "up"
                problems.append(f"the arrow {name} → {need} points {way}")
    return problems


def table(rows, targets):
    lines = ["| layer | targets | built on, of ours |", "|---|---|---|"]
    for title, names in rows:
        needs = sorted(set().union(*(targets.get(name, set()) for name in names)), key=str.lower)
        lines.append(f"| {title} | {', '.join(f'`{name}`' for name in names)} | {', '.join(needs) or 'nothing'} |")
    return lines


def main():
    # In a folder of its own, so that it waits for no build that is under way.
    with tempfile.TemporaryDirectory() as scratch:
        command = ["swift", "package", "--scratch-path", scratch, "dump-package"]
        package = json.loads(subprocess.check_output(command, cwd=ROOT))
    everything = package["targets"]
    # Benchmarks and what only tests use stand beside the layers.
    inside = [target for target in everything if folder(target).startswith(os.path.join(ROOT, "Sources") + os.sep)]
    names = {target["name"] for target in inside}
    targets = {target["name"]: set(declared(target)) & names for target in inside}
    known = names | {one for target in everything for one in declared(target)}

    with open(MANUAL, encoding="utf-8") as file:
        text = file.read()
    before, rest = text.split(BEGIN + "\n", 1)
    present, after = rest.split("\n" + END, 1)
    rows = list(layers(present.split("\n")))
    wanted = "\n".join(table(rows, targets))
    if "--write" in sys.argv[1:]:
        with open(MANUAL, "w", encoding="utf-8") as file:
            file.write(before + BEGIN + "\n" + wanted + "\n" + END + after)
        present = wanted

    problems = [*walls(everything, known), *arrows(rows, targets)]
    if present != wanted:
        problems.append("the table of layers in ARCHITECTURE.md is old: scripts/check_walls.py --write writes it")
    for problem in problems:
        print(f"walls: {problem}", file=sys.stderr)
    if problems:
        sys.exit(1)
    print(f"walls: {len(everything)} targets declare what they import, and {len(targets)} point one way")


main()
