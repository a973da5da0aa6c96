#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""
How often is a call's parent right? Runs the cells of matrix.py, prints a line for each and keeps them as JSON lines.

    run.py                         all of it: an hour or two
    run.py --quick                 some minutes, as TAP: fails on a wrong parent, and where recall fell far
    run.py --row asyncio --match 'aiohttp.*c=10 '      of one row, cells whose name matches
    run.py --list                  names, without running them
    run.py --fetch                 only has what they need ready: runtimes, packages, builds
    run.py --write-readme          the table of README.md from the JSON file, and nothing else
"""
import argparse
import json
import os
import re
import signal
import sys
import time

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(HERE, "../lib")]
import bench  # noqa: E402
import e2e  # noqa: E402
import matrix  # noqa: E402
import table  # noqa: E402

QUICK_REQUESTS = 200
README = os.path.join(e2e.ROOT, "README.md")


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--row", action="append", choices=matrix.ROWS, help="only this one; may be repeated")
    parser.add_argument("--match", default="", help="only cells whose name this regular expression is found in")
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--list", action="store_true")
    parser.add_argument("--fetch", action="store_true")
    parser.add_argument("--runs", type=int, default=1, help="of each cell")
    parser.add_argument("--requests", type=int, help="of each cell, instead of what the matrix says")
    parser.add_argument("--output", default=os.path.join(e2e.ROOT, "build/accuracy.jsonl"), help="JSON, a line per cell")
    parser.add_argument("--limit", type=float, help="seconds after which cells are skipped")
    parser.add_argument("--append", action="store_true", help="keep what the file has of other cells")
    parser.add_argument("--spans", help="a directory for the spans of cells with a wrong parent")
    parser.add_argument("--write-readme", action="store_true")
    return parser.parse_args()


def chosen(options):
    found = [cell for cell in matrix.cells(options.quick) if not options.row or cell.program.row in options.row]
    return [cell for cell in found if re.search(options.match, cell.name)]


def read(path):
    with open(path, encoding="utf-8") as source:
        return [json.loads(line) for line in source]


def key_of(result):
    return tuple(result[name] for name in ("row", "version", "pattern", "at_once", "pool"))


def tap(cell, result):
    """One line, and why; the form that `make test` counts."""
    if "skipped" in result:
        print(f"ok - {cell.name} # SKIP {result['skipped']}", flush=True)
        return
    bad = "failed" in result or result["wrong"] or result["recall"] < cell.program.quick
    print(f"{'not ok' if bad else 'ok'} - {cell.name}", flush=True)
    print(f"# {table.line(result)}", flush=True)
    for example in result.get("examples", []):
        print(f"# wrong: {example}", flush=True)


def show(_cell, result):
    print(table.line(result), flush=True)
    for example in result.get("examples", []):
        print(f"    wrong: {example}", flush=True)


def fetch_all(cells):
    with bench.Place() as place:
        for program in {id(cell.program): cell.program for cell in cells}.values():
            try:
                program.start(place)
            except matrix.Missing as error:
                print(f"{program.row} {program.version} {program.pattern}: {error}", flush=True)


def run_all(options, cells, out):
    """True when no cell failed or had a wrong parent."""
    good, begun = True, time.monotonic()
    with bench.Place() as place:
        for number, cell in enumerate(cells * options.runs):
            spans = os.path.join(options.spans, f"{number}.jsonl") if options.spans else None
            late = options.limit and time.monotonic() - begun > options.limit
            requests = options.requests or min(cell.program.requests, QUICK_REQUESTS if options.quick else sys.maxsize)
            result = bench.late(cell) if late else bench.run(cell, place, requests, spans)
            good = good and "failed" not in result and not result.get("wrong")
            (tap if options.quick else show)(cell, result)
            out.write(json.dumps(result) + "\n")
            out.flush()
    print(f"# {len(cells) * options.runs} cells, {time.monotonic() - begun:.0f} s", flush=True)
    return good


def main():
    options = arguments()
    if options.write_readme:
        if not table.write_readme(read(options.output), README):
            sys.exit(f"{README}: no {table.BEGIN}")
        return
    cells = chosen(options)
    if options.list:
        print("\n".join(cell.name for cell in cells))
        return
    if options.fetch:
        fetch_all(cells)
        return
    if e2e.unable():
        print(f"1..1\nok - accuracy # SKIP {e2e.unable()}" if options.quick else e2e.unable())
        return
    print(f"1..{len(cells) * options.runs}" if options.quick else table.head(), flush=True)
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: sys.exit(1))
    os.makedirs(os.path.dirname(options.output), exist_ok=True)
    if options.spans:
        os.makedirs(options.spans, exist_ok=True)
    kept = read(options.output) if options.append and os.path.exists(options.output) else []
    again = {key_of(bench.described(cell)) for cell in cells}
    with open(options.output, "w", encoding="utf-8") as out:
        out.writelines(json.dumps(result) + "\n" for result in kept if key_of(result) not in again)
        good = run_all(options, cells, out)
    sys.exit(0 if good else 1)


if __name__ == "__main__":
    main()
