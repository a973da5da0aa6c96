# SPDX-License-Identifier: GPL-2.0-only
"""
What is tried: the rows of STITCHING.md's table with their goals, and the form of a program. Each file in runtimes/ has
a function programs() that yields the programs of one runtime, in all its versions, and knows how to start them.
"""
import collections.abc
import dataclasses
import importlib
import os
import pkgutil
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
APPS = os.path.join(HERE, "apps")
AT_ONCE = (1, 10, 64)
POOLS = (64, 3)  # connections that the application's calls share: more than enough, and too few


@dataclasses.dataclass(frozen=True)
class Row:
    title: str
    precision: float
    recall: float | None  # None: whatever can be had


ROWS = {
    "threads": Row("thread per request (Flask, gunicorn sync and gthread, Puma, PHP-FPM)", 1.000, 1.000),
    "asyncio": Row("asyncio, Tornado, aiohttp, uvicorn; gather, create_task, to_thread; CPython 3.8 to 3.14", 1.000, 0.999),
    "uvloop": Row("the same on uvloop", 1.000, 0.999),
    "executors": Row("run_in_executor, ThreadPoolExecutor", 1.000, 0.995),
    "gevent": Row("gevent, spawn included", 1.000, 0.999),
    "node": Row("Node 18 to 24: async functions, Promise.all, timers, pool exhausted", 1.000, 0.99),
    "node-redis": Row("Node with node-redis (writes batched)", 0.999, 0.98),
    "go": Row("Go: handlers, `go func`, net/http client, channel workers", 1.000, 0.99),
    "ruby": Row("Ruby: Puma, fibers", 1.000, 0.999),
    "java": Row("Java platform threads, executors (17+), virtual threads (21+)", 0.999, 0.95),
    "tokio": Row("Rust tokio, with spawn", 1.000, 0.9),
    "native": Row("nginx as a proxy; C worker pools", 1.000, 0.999),
    "unknown": Row("a runtime it does not know", 0.999, None),
}  # fmt: skip


@dataclasses.dataclass(frozen=True)
class Program:
    """
    One application in one version, making its calls in one way. start(place) gives the command (place: bench.Place) or
    raises Missing; the command finds PORT, REDIS_PORT, POOL and `settings` in its environment, and what `needs` asks
    for: POSTGRES_URL, MYSQL_PORT, UPSTREAM_PORT.
    """

    row: str
    version: str
    pattern: str
    start: collections.abc.Callable
    settings: dict = dataclasses.field(default_factory=dict)
    needs: tuple = ()  # of "postgres", "mysql", "upstream"
    calls: int = 3  # of each request, that should have it as parent; 0: not always as many
    requests: int = 300
    pools: tuple = POOLS
    at_once: tuple = AT_ONCE
    ugly: bool = False  # what it asks for cannot all be known: only a wrong parent is a failure
    quick: float | None = None  # in the short form: the recall below which something broke; None: not in it
    quick_at_once: int = 10
    # How it is loaded: see bench.py
    keep: bool = True
    pieces: bool = False
    leave: int = 0  # every so many-th client leaves before its answer
    alone: int = 0  # requests one at a time that are traced before the ones that count
    midway: bool = False  # attached while it serves requests
    two: bool = False  # listens on THREAD_PORT as well, with another framework
    front: collections.abc.Callable | None = None  # front(place, port) starts what is asked instead; returns its port
    hung: int = 0  # requests that are never answered (numbers from bench.HUNG_FIRST on: the application waits)

    @property
    def title(self):
        """The pattern, and how it is loaded where that is not as usual."""
        said = {"pieces": self.pieces, "clients leave": self.leave, "attached midway": self.midway, "some hang": self.hung}
        return ", ".join([self.pattern, *(name for name, value in said.items() if value)])


class Missing(Exception):
    """Why a program cannot be had here."""


@dataclasses.dataclass(frozen=True)
class Cell:
    program: Program
    at_once: int
    pool: int

    @property
    def name(self):
        program = self.program
        return f"{program.row} | {program.version} | {program.title} | c={self.at_once} | pool={self.pool}"


def programs():
    """Those of all runtimes, in the order of the rows."""
    sys.path.insert(0, HERE)
    names = sorted(module.name for module in pkgutil.iter_modules([os.path.join(HERE, "runtimes")]))
    found = [program for name in names for program in importlib.import_module("runtimes." + name).programs()]
    return sorted(found, key=lambda program: list(ROWS).index(program.row))


def cells(quick=False):
    if quick:
        return [Cell(p, p.quick_at_once, p.pools[-1]) for p in programs() if p.quick is not None]
    return [Cell(p, at_once, pool) for p in programs() for at_once in p.at_once for pool in p.pools]
