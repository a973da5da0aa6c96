# SPDX-License-Identifier: GPL-2.0-only
"""Ruby: Puma with threads and fibers, a server of fibers, in the versions that Debian's releases have."""
import os

import fetch
from matrix import APPS, Program

MAIN = "3.1"
SUITES = {"2.7": ("bullseye", "puma", "ruby-redis"), "3.3": ("trixie", "puma", "ruby-redis")}
ASYNC = ("sid", "ruby", "ruby-async")  # a Fiber scheduler
PUMA, FIBERS, SCHEDULER = (os.path.join(APPS, "ruby", name) for name in ("config.ru", "fibers.rb", "scheduler.rb"))
THREADS = 16


def suite(version):
    """The words before a program's own; none for what is installed here."""
    return fetch.suite(*SUITES[version]) if version in SUITES else []


def puma(pattern, version=MAIN, row="ruby", workers=0, **options):
    """pattern: the shape."""

    def start(_place):
        words = suite(version) or [fetch.program("env")]
        if version == MAIN:
            fetch.program("puma")
            fetch.run(["ruby", "-e", "require 'redis'"])
        command = [*words, "puma", "-e", "production", "-t", f"{THREADS}:{THREADS}", "-w", str(workers)]
        return [*command, "-b", "tcp://127.0.0.1:{PORT}", PUMA]

    name = f"Puma {pattern}" + (f", {workers} workers" if workers else "")
    return Program(row, f"Ruby {version}", name, start, {"SHAPE": pattern}, **options)


def fibers(shape, version=MAIN, **options):
    def start(_place):
        return [*(suite(version) or [fetch.program("env")]), "ruby", FIBERS]

    return Program("ruby", f"Ruby {version}", f"a fiber for each {shape}", start, {"SHAPE": shape}, **options)


def scheduled(shape, **options):
    def start(_place):
        return [*fetch.suite(*ASYNC), "ruby", SCHEDULER]

    return Program("ruby", "Ruby 3.3", f"async {shape}", start, {"SHAPE": shape}, **options)


def programs():
    yield puma("sequence", row="threads", quick=0.97)
    yield puma("sequence", row="threads", pieces=True)
    yield puma("sequence", row="threads", workers=2)
    yield puma("fibers", quick=0.9)
    yield puma("lazy")
    yield fibers("connection", quick=0.95)
    yield fibers("request")
    some = {"at_once": (10, 64), "pools": (3,)}
    yield puma("threads", **some, ugly=True)
    yield puma("worker", **some, ugly=True)
    yield puma("retry", **some)
    yield puma("detached", **some, quick=0.9)
    yield puma("ticker", **some, ugly=True)
    yield puma("collect", **some)
    yield puma("fibers", **some, midway=True, ugly=True)
    yield puma("sequence", **some, leave=5, ugly=True)
    yield puma("sequence", **some, hung=2, ugly=True)
    for shape in ("sequence", "gather", "request", "background"):
        yield scheduled(shape, **some)
    for version in SUITES:
        yield puma("sequence", version, row="threads", **some)
        yield puma("fibers", version, **some)
        yield fibers("request", version, **some)
