# SPDX-License-Identifier: GPL-2.0-only
"""CPython: Debian's 3.11 (stripped) with every pattern, other versions with those that differ by version."""
import functools
import glob
import os

import fetch
from matrix import APPS, Missing, Program

MAIN = "3.11"
DEBIAN = "/usr/bin/python3"
OTHERS = ("3.8", "3.9", "3.10", "3.12", "3.13", "3.14")
SUITES = {"3.9": "bullseye", "3.13": "trixie", "3.14": "sid"}  # whose python3.X is a package
OTHER_AT_ONCE = (10, 64)
OTHER_POOLS = (3,)


@functools.cache
def interpreter(version):
    """The words that run it."""
    if version == MAIN and os.path.exists(DEBIAN):
        return [DEBIAN]
    root = os.environ.get("PYENV_ROOT", os.path.expanduser("~/.pyenv"))
    for path in (f"/usr/bin/python{version}", *glob.glob(f"{root}/versions/{version}.*/bin/python{version}")):
        if os.path.exists(path):
            return [path]
    if version not in SUITES:
        raise Missing(f"no python{version}")
    python = f"python{version}"
    return [*fetch.suite(SUITES[version], python, f"{python}-venv"), python]


def python(version):
    return fetch.virtual_environment(f"python-{version}", interpreter(version), "python.txt")


def web(row, pattern, version=MAIN, **options):
    """python_web.py: pattern is FRAMEWORK SHAPE, then settings as NAME=VALUE."""
    framework, shape, *rest = pattern.split()
    settings = {"FRAMEWORK": framework, "SHAPE": shape, **dict(word.split("=") for word in rest)}
    needs = {"asyncpg": ("postgres",), "http": ("upstream",)}.get(settings.get("CLIENT"), ())

    def start(_place):
        return [*python(version), os.path.join(APPS, "python_web.py")]

    return Program(row, f"CPython {version}", pattern, start, settings, needs, **options)


def ugly(shape, version=MAIN, **options):
    """python_ugly.py, which needs no packages: only wrong parents count."""

    def start(_place):
        return [*interpreter(version), os.path.join(APPS, "python_ugly.py")]

    options = {"at_once": (10, 64), "pools": (3,), "ugly": True, **options}
    row = "executors" if "thread" in shape or "pool" in shape else "asyncio"
    return Program(row, f"CPython {version}", f"ugly {shape}", start, {"SHAPE": shape}, **options)


def flask(pattern, version=MAIN, **options):
    def start(_place):
        return [*python(version), os.path.join(APPS, "flask_web.py")]

    return Program("threads", f"CPython {version}", pattern, start, **options)


def gunicorn(pattern, *words, **options):
    def start(_place):
        command = [*python(MAIN), "-m", "gunicorn", "--chdir", APPS, "--bind", "127.0.0.1:{PORT}", "--timeout", "300"]
        return [*command, *words, "flask_web:app"]

    return Program("threads", f"CPython {MAIN}", pattern, start, **options)


def main_programs():
    yield flask("Flask, threaded", keep=False, quick=0.99)
    yield gunicorn("gunicorn sync", "--workers", "2", keep=False, quick=0.99)
    yield gunicorn("gunicorn gthread", "--worker-class", "gthread", "--threads", "16", "--keep-alive", "60", quick=0.99)
    yield gunicorn("gunicorn gthread", "--worker-class", "gthread", "--threads", "16", pieces=True,
                   keep=False)  # fmt: skip
    yield web("asyncio", "streams sequence", quick=0.98)
    yield web("asyncio", "protocol sequence")
    yield web("asyncio", "streams gather CLIENT=asyncpg")
    yield web("asyncio", "aiohttp gather", quick=0.98)
    yield web("asyncio", "aiohttp gather CLIENT=http")
    yield web("asyncio", "aiohttp nested")
    yield web("asyncio", "aiohttp timer")
    yield web("asyncio", "aiohttp to_thread")
    yield web("asyncio", "starlette sequence")
    yield web("asyncio", "starlette middleware")
    yield web("asyncio", "starlette background", quick=0.98)
    yield web("asyncio", "tornado gather")
    yield web("asyncio", "tornado background", quick=0.98)
    yield web("uvloop", "streams nested LOOP=uvloop")
    yield web("uvloop", "aiohttp gather LOOP=uvloop", quick=0.98)
    yield web("uvloop", "aiohttp to_thread LOOP=uvloop")
    yield web("uvloop", "starlette background LOOP=uvloop")
    yield web("uvloop", "starlette sequence LOOP=uvloop CLIENT=asyncpg")
    yield web("executors", "aiohttp executor", quick=0.97)
    yield web("gevent", "gevent sequence")
    yield web("gevent", "gevent deep")
    yield web("gevent", "gevent gather", quick=0.98)


def ugly_programs():
    """What goes wrong, and what is nobody's."""
    some = {"at_once": (10, 64), "pools": (3,)}
    yield ugly("reuse", quick=0.5)
    for shape in ("task_after", "timer_after", "thread_after", "pool_after"):
        yield ugly(shape, calls=2, quick=0.3 if shape == "timer_after" else None)
    yield ugly("retry", calls=0)
    yield ugly("cancel", calls=0, quick=0.3)
    yield ugly("workers")
    yield ugly("thread_workers")
    yield ugly("children", calls=500, requests=20, at_once=(1, 10))
    yield ugly("collect", quick=0.5)
    yield ugly("two", two=True, quick=0.3)
    yield ugly("collect", hung=3)
    yield web("asyncio", "aiohttp outlive", **some, quick=0.98)
    yield web("asyncio", "aiohttp cancel", **some, calls=0, ugly=True)
    yield web("asyncio", "aiohttp many", at_once=(1, 10), pools=(3,), calls=500, requests=20)
    yield web("asyncio", "aiohttp ticker", **some, ugly=True, quick=0.5)
    yield web("asyncio", "aiohttp gather", leave=5, **some, ugly=True, quick=0.5)
    yield web("asyncio", "aiohttp nested", midway=True, **some, ugly=True, quick=0.5)
    yield web("gevent", "gevent gather", midway=True, **some, ugly=True)
    yield web("gevent", "gevent gather", leave=5, **some, ugly=True)
    yield web("uvloop", "aiohttp gather LOOP=uvloop", midway=True, **some, ugly=True)
    yield web("executors", "aiohttp executor", midway=True, **some, ugly=True)


def other_programs():
    some = {"at_once": OTHER_AT_ONCE, "pools": OTHER_POOLS}
    for version in OTHERS:
        yield flask("Flask, threaded", version, keep=False, **some)
        yield web("asyncio", "aiohttp gather", version, **some)
        yield ugly("collect", version)
        yield web("asyncio", "starlette background", version, **some)
        if version != "3.8":
            yield web("asyncio", "aiohttp to_thread", version, **some)
        yield web("uvloop", "aiohttp gather LOOP=uvloop", version, **some)
        yield web("executors", "aiohttp executor", version, **some)
        yield web("gevent", "gevent gather", version, **some)


def programs():
    yield from main_programs()
    yield from ugly_programs()
    yield from other_programs()
