# SPDX-License-Identifier: GPL-2.0-only
"""Rust: tokio by itself in several versions (tests/e2e/tokio), and with axum and clients that people use."""
import os
import shutil

import e2e
import fetch
from matrix import APPS, Program

PLAIN, AXUM = os.path.join(e2e.ROOT, "tests/e2e/tokio"), os.path.join(APPS, "tokio")
VERSIONS = ("1.21.2", "1.32.1", "1.38.2", "1.44.2")
TARGET = os.path.join(fetch.CACHE, "tokio-target")  # one for all: most of their crates are the same
LATEST = "latest"  # what Cargo.lock has
NEEDS = {"sqlx": ("postgres",), "reqwest": ("upstream",)}


def built(name, source, version=LATEST):
    """A release build, which keeps its symbols as cargo does unless told otherwise."""

    def make(directory):
        crate = os.path.join(directory, "crate")
        shutil.copytree(source, crate, ignore=shutil.ignore_patterns("target"))
        env = {**os.environ, "CARGO_TARGET_DIR": TARGET}
        cargo = fetch.program("cargo")
        if version != LATEST:
            fetch.run([cargo, "update", "-q", "-p", "tokio", "--precise", version], cwd=crate, env=env)
        fetch.run([cargo, "build", "--release", "--quiet", *(["--locked"] if version == LATEST else [])], cwd=crate, env=env)
        shutil.copy(os.path.join(TARGET, "release/program"), directory)

    texts = [fetch.read(os.path.join(source, name)) for name in ("Cargo.toml", "Cargo.lock", "src/main.rs")]
    return os.path.join(fetch.once(name, make, *texts, version), "program")


def plain(pattern, version=LATEST, **options):
    """SHAPE, then settings as NAME=VALUE."""
    shape, *rest = pattern.split()
    settings = {"SHAPE": shape, **dict(word.split("=") for word in rest)}

    def start(_place):
        return [built(f"tokio-{version}", PLAIN, version)]

    return Program("tokio", f"tokio {version}", f"plain {pattern}", start, settings, **options)


def axum(pattern, **options):
    """CLIENT SHAPE, then settings as NAME=VALUE."""
    client, shape, *rest = pattern.split()
    settings = {"CLIENT": client, "SHAPE": shape, **dict(word.split("=") for word in rest)}

    def start(_place):
        return [built("tokio-axum", AXUM)]

    return Program("tokio", f"tokio {LATEST}", f"axum {pattern}", start, settings, NEEDS.get(client, ()), **options)


def programs():
    some = {"at_once": (10, 64), "pools": (3,)}
    yield plain("handler", quick=0.9)
    yield plain("join")
    yield plain("fan", quick=0.8)
    yield plain("nested")
    yield plain("fan FLAVOR=current")
    yield axum("sqlx sequence")
    yield axum("sqlx spawn")
    yield axum("redis sequence", ugly=True, pools=(1,))  # its driver's task writes what all tasks ask for
    yield axum("pooled spawn", **some, ugly=True)
    yield axum("reqwest sequence", **some, ugly=True)
    yield axum("sqlx detached", **some)
    yield axum("sqlx join", **some)
    yield axum("sqlx timeout", **some)
    yield plain("select", **some, ugly=True, calls=0)
    yield plain("detached", **some, ugly=True, calls=0)
    yield plain("blocking", **some, ugly=True)
    yield plain("worker", **some, ugly=True)
    yield plain("lazy", **some, ugly=True)
    yield plain("multiplex", **some, ugly=True)
    yield plain("demand", **some, ugly=True)
    yield plain("fan", **some, midway=True, ugly=True)
    yield plain("handler", **some, leave=5, ugly=True)
    for version in VERSIONS:
        yield plain("handler", version, **some)
        yield plain("fan", version, **some)
