# SPDX-License-Identifier: GPL-2.0-only
"""Go: the one that is installed with libraries, and what needs none of them built by other versions."""
import os

import e2e
import fetch
from matrix import APPS, Program

MAIN = "1.26"
OTHERS = ("1.17.13", "1.19.13", "1.21.13", "1.23.12", "1.25.4")  # GOTOOLCHAIN fetches them
MODULE = os.path.join(APPS, "go")
PLAIN = os.path.join(e2e.ROOT, "tests/e2e/go/main.go")
NEEDS = {"pgx": ("postgres",), "pq": ("postgres",), "http": ("upstream",)}
STRIPPED = "-ldflags=-s -w"


def with_libraries():
    sources = [os.path.join(MODULE, name) for name in ("main.go", "go.mod", "go.sum")]
    command = [fetch.program("go"), "build", STRIPPED, "-o", "{out}", "."]
    return fetch.built("go-libraries", command, *sources, env={"GOTOOLCHAIN": "local"}, cwd=MODULE)


def plain(version):
    toolchain = "local" if version == MAIN else "go" + version
    env = {"GOTOOLCHAIN": toolchain, "GO111MODULE": "off", "GOMODCACHE": os.path.join(fetch.CACHE, "go-modules")}
    command = [fetch.program("go"), "build", STRIPPED, "-o", "{out}", PLAIN]
    return fetch.built(f"go-{version}", command, PLAIN, env=env)


def library(pattern, **options):
    """CLIENT SHAPE, then settings as NAME=VALUE."""
    client, shape, *rest = pattern.split()
    settings = {"CLIENT": client, "SHAPE": shape, **dict(word.split("=") for word in rest)}
    return Program("go", f"Go {MAIN}", pattern, lambda _place: [with_libraries()], settings, NEEDS.get(client, ()), **options)


def standard(pattern, version=MAIN, **options):
    """Its own connections and net/http: tests/e2e/go/main.go."""
    settings = {"SHAPE": pattern.split()[-1]}
    return Program("go", f"Go {version}", pattern, lambda _place: [plain(version)], settings, ("upstream",), **options)


def programs():
    yield library("go-redis sequence", quick=0.97)
    yield library("go-redis fan")
    yield library("go-redis nested")
    yield library("go-redis timer", ugly=True)
    yield library("go-redis worker", quick=0.6)
    yield library("pgx fan")
    yield library("pq sequence")
    yield library("http sequence")
    yield library("http fan", quick=0.9)
    yield standard("plain worker")
    yield standard("plain lazy", ugly=True)
    yield standard("plain demand", ugly=True)
    some = {"at_once": (10, 64), "pools": (3,)}
    yield library("go-redis after", **some, calls=1, quick=0.97)
    yield library("go-redis cancel", **some, calls=0, ugly=True)
    yield library("http cancel", **some, calls=0, ugly=True)
    yield library("go-redis many", at_once=(1, 10), pools=(3,), calls=500, requests=20)
    yield library("go-redis fan GC=1", **some)
    yield library("go-redis fan", leave=5, **some, ugly=True)
    yield library("http fan", midway=True, **some, ugly=True, quick=0.3)
    yield library("go-redis fan", hung=3, at_once=(10, 64), pools=(64,), ugly=True)
    for version in OTHERS:
        for shape in ("handler", "fan", "httpfan", "http", "worker", "timer"):
            yield standard("plain " + shape, version, **some)
