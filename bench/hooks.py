#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""What watching a language runtime costs: an application per hook, untraced, traced with --no-runtime-hooks, and traced.

    hooks.py SPANTAP [--rounds N] [--seconds S] [--only asyncio,node,...] [--markdown]

The applications are those of tests/accuracy (three Redis calls a request, sixteen clients, a free pool). Each round
measures every variant once, in alternating order, and compares it with the untraced run of the same round: "nothing"
is the untraced application once more (the noise), "traced" spantap without runtime hooks, "hooks" with them, all as
the application's processor time per request, spantap's own left out. "hook" is hooks / traced: the hooks alone. Then
the kernel counts runs of spantap's BPF programs for a while (which makes them a little slower): runs a request, and
nanoseconds a run without the trap that leads to a uprobe. Needs root.
"""
import argparse
import os
import statistics
import subprocess
import sys
import time

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(HERE)
sys.path[:0] = [HERE, os.path.join(ROOT, "tests/accuracy"), os.path.join(ROOT, "tests/lib")]
import bench  # noqa: E402  (tests/accuracy/bench.py)
import bpf_stats  # noqa: E402
import load  # noqa: E402
import matrix  # noqa: E402
from overhead import Server, Variant, compare, running, wait_attached, wrk  # noqa: E402
from shop import ShopError, stop_on_signals  # noqa: E402

CLIENTS = 16
POOL = 64
WARM = 500
GENTLE_RATE = 500  # requests for a second of --seconds
FIRST = 10000  # of requests' numbers
WITHOUT = ["--no-runtime-hooks"]
NOTHING, TRACED, HOOKS = "nothing", "traced", "hooks"
SUBJECTS = {  # name: row and pattern of the program in tests/accuracy/matrix.py
    "asyncio": ("asyncio", "aiohttp gather"),
    "uvloop": ("uvloop", "aiohttp gather LOOP=uvloop"),
    "executors": ("executors", "aiohttp executor"),
    "gevent": ("gevent", "gevent gather"),
    "go": ("go", "go-redis fan"),
    "node": ("node", "http raw all"),
    "tokio": ("tokio", "fan"),
    "java": ("java", "Tomcat jedis executor"),
    "pool": ("native", "worker"),
}


def program_of(name):
    row, pattern = SUBJECTS[name]
    for program in matrix.programs():
        if program.row == row and (program.pattern == pattern or program.pattern.endswith(" " + pattern)):
            return program
    raise ShopError(f"{name}: tests/accuracy has no {pattern!r} in {row}")


def ask_all(port, requests):
    """For what does not survive clients that leave in the middle, as wrk does at its end."""
    begun = time.monotonic()
    load.load(port, range(FIRST, FIRST + requests), CLIENTS)
    return requests, time.monotonic() - begun


def start(place, program, command, environment, seconds):
    """The application as a Server."""
    pool = POOL if POOL in program.pools else program.pools[0]
    pid, port = place.application(matrix.Cell(program, CLIENTS, pool), command, environment)
    url = f"http://127.0.0.1:{port}/Q10031"
    load.load(port, range(FIRST, FIRST + WARM), CLIENTS)  # virtual machines start slowly, and wrk does not wait
    gentle = lambda: ask_all(port, seconds * GENTLE_RATE)  # noqa: E731
    return Server([pid], gentle if program.row == "native" else lambda: wrk(url, seconds, CLIENTS))


def count_runs(spantap, server):
    """{program: (runs a request, ns a run)}; empty where the kernel does not count."""
    command = [spantap, "trace", "--json", "--pid", str(server.pids[0])]
    with bpf_stats.enabled() as counts, running(command, stdout=subprocess.DEVNULL) as process:
        if not counts:
            return {}
        wait_attached(process.pid)
        before = bpf_stats.of_process(process.pid)
        requests, _seconds = server.load()
        after = bpf_stats.of_process(process.pid)
    found = {}
    for name, (runs, nanoseconds) in after.items():
        old_runs, old_nanoseconds = before.get(name, (0, 0))
        if runs > old_runs:
            found[name] = ((runs - old_runs) / requests, (nanoseconds - old_nanoseconds) / (runs - old_runs))
    return found


class Result:
    def __init__(self, name, program):
        self.name = name
        self.program = program
        self.variants = {}
        self.runs = {}
        self.missing = None

    def of(self, name):
        return self.variants[name].ratios["server"]

    @property
    def hook(self):
        return [hooks / traced for hooks, traced in zip(self.of(HOOKS), self.of(TRACED))]


def measure(name, place, arguments):
    program = program_of(name)
    result = Result(name, program)
    kept = len(place.started)
    try:
        command, environment = program.start(place), place.environment_of(program.needs)
        kept = len(place.started)  # what other applications need, too, stays
        server = start(place, program, command, environment, arguments.seconds)
        plain = Variant("", server)
        others = [Variant(NOTHING, server), Variant(TRACED, server, arguments.spantap, WITHOUT),
                  Variant(HOOKS, server, arguments.spantap)]  # fmt: skip
        compare(name, plain, others, arguments.rounds)
        result.variants = {variant.name: variant for variant in others}
        result.runs = count_runs(arguments.spantap, server)
        result.plain_ns = plain.measure()["server"]
    except (matrix.Missing, ShopError, OSError, subprocess.CalledProcessError) as error:
        result.missing = str(error).splitlines()[0]
    finally:
        place.end(kept)
    return result


def cell(values):
    return f"{statistics.median(values):.2f} ({min(values):.2f} - {max(values):.2f})"


def rows_of(results):
    for result in results:
        if result.missing:
            yield [result.name, f"not measured: {result.missing}", "", "", "", "", ""]
            continue
        yield [result.name, f"{result.program.version} {result.program.pattern}", f"{result.plain_ns / 1000:.0f} us",
               cell(result.of(NOTHING)), cell(result.of(TRACED)), cell(result.of(HOOKS)), cell(result.hook)]  # fmt: skip


def print_table(results, markdown):
    head = ["hook", "application", "a request", "nothing", "traced", "hooks", "hook"]
    rows = [head, *rows_of(results)]
    widths = [max(len(row[i]) for row in rows) for i in range(len(head))]
    print()
    for number, row in enumerate(rows):
        if markdown:
            print("| " + " | ".join(row) + " |")
        else:
            print("  ".join(text.ljust(width) for text, width in zip(row, widths)).rstrip())
        if markdown and not number:
            print("|" + "---|" * len(head))


def print_runs(results):
    print("\nBPF programs: runs a request, nanoseconds a run")
    for result in results:
        for name, (runs, nanoseconds) in sorted(result.runs.items(), key=lambda item: -item[1][0] * item[1][1]):
            if runs >= 0.01:
                print(f"{result.name:<10} {name:<16} {runs:>9.2f} {nanoseconds:>9.0f}")
        if not result.runs and not result.missing:
            print(f"{result.name:<10} not counted by this kernel")


def main():
    parser = argparse.ArgumentParser(description="measure what watching a language runtime costs")
    parser.add_argument("spantap")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=4, help="of load for each measurement")
    parser.add_argument("--only", default=",".join(SUBJECTS))
    parser.add_argument("--markdown", action="store_true")
    arguments = parser.parse_args()
    arguments.spantap = os.path.abspath(arguments.spantap)
    stop_on_signals()
    results = []
    try:
        with bench.Place() as place:
            for name in arguments.only.split(","):
                if name not in SUBJECTS:
                    raise ShopError(f"--only: {name} is none of {', '.join(SUBJECTS)}")
                results.append(measure(name, place, arguments))
    except (ShopError, subprocess.CalledProcessError) as error:
        print(f"hooks: {error}", file=sys.stderr)
        return 1
    print_table(results, arguments.markdown)
    print_runs(results)
    return 0


if __name__ == "__main__":
    sys.exit(main())
