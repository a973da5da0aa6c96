# SPDX-License-Identifier: GPL-2.0-only
"""Runtimes that spantap knows nothing of: an event loop in C, PyPy, Bun, Deno."""
import os

import fetch
from matrix import APPS, Program

LOOP_C, PLAIN_PY, WEB_JS = (os.path.join(APPS, name) for name in ("native/loop.c", "python_plain.py", "node/web.js"))
BUN = "@oven/bun-linux-x64@1.3.0"
DENO = "@deno/linux-x64-glibc@2.5.4"
ALONE = 100  # requests one at a time: what lets spantap learn whether the loop can be followed


def loop(shape, **options):
    def start(_place):
        return [fetch.built("c-loop", [fetch.program("cc"), "-O1", "-o", "{out}", LOOP_C], LOOP_C)]

    return Program("unknown", "C", f"event loop, {shape}", start, {"SHAPE": shape.split()[0]}, **options)


def npm(package, path):
    def make(directory):
        fetch.run([fetch.program("npm"), "install", "--silent", "--no-audit", "--no-fund", "--prefix", directory, package])

    directory = fetch.once(package.replace("/", "-").lstrip("@"), make, package)
    program = os.path.join(directory, "node_modules", package.rsplit("@", 1)[0], path)
    os.chmod(program, 0o755)
    return program


def bun(shape, **options):
    return Program("unknown", "Bun", f"raw {shape}", lambda _place: [npm(BUN, "bin/bun"), "run", WEB_JS],
                   {"CLIENT": "raw", "SHAPE": shape}, **options)  # fmt: skip


def deno(shape, **options):
    """It takes .js for a module, unless told what it is."""

    def start(place):
        path = place.path("web.cjs", fetch.read(WEB_JS))
        return ["env", f"DENO_DIR={place.directory}", npm(DENO, "deno"), "run", "--allow-all", "--no-check", path]

    return Program("unknown", "Deno", f"raw {shape}", start, {"CLIENT": "raw", "SHAPE": shape}, **options)


def pypy(shape, **options):
    def start(_place):
        return [*fetch.suite("trixie", "pypy3"), "pypy3", PLAIN_PY]

    return Program("unknown", "PyPy 3.11", f"asyncio {shape}", start, {"SHAPE": shape}, **options)


def programs():
    yield loop("sequence", quick=0.0)
    yield loop("sequence after learning", alone=ALONE)
    yield loop("fan after learning", alone=ALONE)
    yield loop("after", quick=0.0)
    some = {"at_once": (1, 10), "pools": (64, 3)}
    yield pypy("sequence", **some)
    yield pypy("gather", **some, alone=ALONE)
    yield pypy("executor", **some)
    yield bun("sequence", **some)
    yield bun("all", **some, alone=ALONE)
    yield bun("after", **some)
    yield deno("sequence", **some)
    yield deno("after", **some)
