#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""See it, fix it, prove it: the slow shop is recorded, mended in three steps, and recorded after each.

    story.py SPANTAP [DIRECTORY]

leaves recordings, reports (HTML) and diffs (HTML, text, Markdown) in DIRECTORY, build/story otherwise. Only spantap
runs as root. Exit status 0 means that each diff said what its fix should change. STORY_SECONDS sets how long each
version is recorded, STORY_RATE how many requests a second it gets; STORY_SHORT=1 is the form that the tests use.
"""
import dataclasses
import difflib
import json
import os
import re
import shutil
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(HERE, "shop"))
import shop  # noqa: E402
from shop import PYTHON, Shop, ShopError, stop_on_signals  # noqa: E402

SHORT = os.environ.get("STORY_SHORT", "") not in ("", "0")
SECONDS = int(os.environ.get("STORY_SECONDS", "8" if SHORT else "20"))
RATE = os.environ.get("STORY_RATE", "40")
WARM_UP_SECONDS = 3  # first requests open connections and load code: they are not what is compared
ATTEMPTS = 3  # at each proof: on a machine that is busy with something else a diff rightly says nothing
SALES = "200000"  # rows that GET /product/{id} counts before its fix: 15 ms or so
SERVICE = "shop-web"


def say(text):
    print(f"\n== {text}", flush=True)


def as_root():
    if os.geteuid() == 0:
        return []
    if not shutil.which("sudo"):
        raise ShopError("spantap needs root here, and there is no sudo: run the story as root")
    return ["sudo"]


def per_request(side, part):
    return side["time"][part] / max(side["requests"], 1) / 1e6


def no_sleep(entry):
    """Blocked: 150 ms and little else, before; nothing, after."""
    blocked = [per_request(entry[side], "blocked_ns") for side in ("before", "after")]
    return blocked[0] - blocked[1] > 120, f"blocked {blocked[0]:.1f} ms a request before, {blocked[1]:.1f} ms after"


def eager(entry):
    """37 products one by one, before; all in the query of the lines, after."""
    calls = [entry[side]["calls_per_request"] for side in ("before", "after")]
    return 33 <= calls[0] - calls[1] <= 38, f"{calls[0]:.1f} calls a request before, {calls[1]:.1f} after"


def cached(entry):
    """The database counts sales, before; Redis knows, after."""
    database = [per_request(entry[side], "database_ns") for side in ("before", "after")]
    return database[1] < database[0] / 2, f"database {database[0]:.1f} ms a request before, {database[1]:.1f} ms after"


@dataclasses.dataclass
class Fix:
    version: str
    title: str
    endpoint: str
    holds: object  # of the endpoint's entry in the diff's JSON: (whether it is as it should be, what it is)
    why: str  # what the diff's sentence has to name


FIXES = [
    Fix("no-sleep", "take the sleep out", "GET /checkout", no_sleep, r"block|sleep"),
    Fix("eager", "load all products of an order at once", "GET /orders/{id}", eager, r"3[4-8]\S* (queries|calls).*fewer"),
    Fix("after", "keep the bestseller in Redis", "GET /product/{id}", cached, r"sales|database"),
]
VERSIONS = ["before", *(fix.version for fix in FIXES)]


def code_change(fix):
    """The fix as `diff -u` shows it."""
    name = shop.FIXES[fix.version]
    texts = []
    for version in ("before", "after"):
        with open(os.path.join(HERE, "shop", version, name), encoding="utf-8") as source:
            texts.append(source.readlines())
    return "".join(difflib.unified_diff(*texts, f"before/{name}", f"after/{name}", n=1))


class Story:
    def __init__(self, spantap, directory):
        self.spantap = spantap
        self.directory = directory
        self.wrong = []

    def path(self, name):
        return os.path.join(self.directory, name)

    def recording(self, version):
        return self.path(f"{VERSIONS.index(version)}-{version}.spantap")

    def shown(self, path):
        near = os.path.relpath(path)
        return path if near.startswith("..") else near

    def run(self, *words, show=True, root=False):
        """spantap with these words: its standard output, printed too when it is to be shown."""
        words = [self.shown(word) if word.startswith("/") else word for word in words]
        command = [*(as_root() if root else []), self.spantap, *words]
        if show:
            say("spantap " + " ".join(words))
            colour = "always" if sys.stdout.isatty() else "never"
            command += [] if root else ["--colour", colour]
        messages = None if show else subprocess.PIPE
        done = subprocess.run(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=messages, text=True, check=False
        )
        if show and done.stdout:
            print(done.stdout, end="", flush=True)
        if done.returncode != 0:
            raise ShopError(f"spantap {words[0]} failed, exit status {done.returncode}\n{done.stderr or ''}")
        return done.stdout

    def record(self, version, seconds=SECONDS):
        """Runs this version of the shop under the story's traffic and records both services."""
        path = self.recording(version)
        with Shop(version) as running:
            settings = running.environment()
            load = [PYTHON, os.path.join(HERE, "shop/load.py"), settings["SHOP_URL"], "--rate", RATE]
            with subprocess.Popen(load, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL) as traffic:
                try:
                    time.sleep(WARM_UP_SECONDS)
                    words = ["record", "-o", path, "--duration", f"{seconds}s", "--force"]
                    words += ["--pid", settings["SHOP_WEB_PID"], "--pid", settings["SHOP_PRICING_PID"]]
                    self.run(*words, root=True)
                finally:
                    traffic.terminate()
        if as_root():
            subprocess.run([*as_root(), "chown", f"{os.getuid()}:{os.getgid()}", path], check=True)

    def report(self, version):
        path = self.recording(version)
        self.run("report", path)
        self.run("report", path, "--html", path.replace(".spantap", ".html"), show=False)

    def diff(self, before, after, name):
        """Shows a diff, keeps it as HTML, Markdown and text; its JSON."""
        both = self.recording(before), self.recording(after)
        with open(self.path(f"{name}.txt"), "w", encoding="utf-8") as out:
            out.write(re.sub(r"\x1b\[[0-9;]*m", "", self.run("diff", *both)))
        self.run("diff", *both, "--html", self.path(f"{name}.html"), show=False)
        with open(self.path(f"{name}.md"), "w", encoding="utf-8") as out:
            out.write(self.run("diff", *both, "--markdown", show=False))
        return json.loads(self.run("diff", *both, "--json", show=False))

    def judge(self, fix, diff):
        """What the diff should say of a fix, and does not."""
        entries = [e for e in diff["endpoints"] if (e["service"], e["endpoint"]) == (SERVICE, fix.endpoint)]
        if not entries:
            return [f"{fix.endpoint}: not in the diff"]
        entry = entries[0]
        wrong = []
        right, numbers = fix.holds(entry)
        if not right:
            wrong.append(f"{fix.endpoint}: {numbers}")
        if entry["verdict"] != "faster":
            wrong.append(f"{fix.endpoint}: the verdict is {entry['verdict']}, not faster")
        if not re.search(fix.why, entry["why"]):
            wrong.append(f"{fix.endpoint}: the reason given is: {entry['why']!r}")
        return wrong

    def prove(self, before, fixes, name, recorded=False):
        """Compares what came before with the last fix; recorded again, and for longer, where chance hides the change."""
        version = fixes[-1].version
        for attempt in range(ATTEMPTS):
            if attempt or not recorded:
                self.record(version, SECONDS * (2 if attempt else 1))
            diff = self.diff(before, version, f"diff-{name}")
            wrong = [each for fix in fixes for each in self.judge(fix, diff)]
            if not wrong:
                break
            say(f"not shown: {'; '.join(wrong)}")
        path = self.recording(version)
        self.run("report", path, "--html", path.replace(".spantap", ".html"), show=False)
        self.wrong += wrong

    def tell(self):
        os.makedirs(self.directory, exist_ok=True)
        for name in os.listdir(self.directory):
            if re.fullmatch(r"(\d|diff)-[a-z0-9-]+\.(spantap(-wal|-shm)?|html|md|txt)", name):  # of another time
                os.remove(self.path(name))
        if subprocess.run([*as_root(), "true"], check=False).returncode != 0:  # asks for a password now
            raise ShopError("sudo refused")
        say(f"see it: a shop on PostgreSQL and Redis, {RATE} requests a second, recorded for {SECONDS} s")
        self.record("before")
        self.report("before")
        for turn, fix in enumerate(FIXES):
            say(f"fix it: {fix.title}")
            print(code_change(fix), end="", flush=True)
            say("prove it: the same traffic, recorded again")
            self.prove(VERSIONS[turn], [fix], f"{turn + 1}-{fix.version}")
        say("all three fixes together")
        self.prove("before", FIXES, "all", recorded=True)

    def end(self):
        say(f"in {self.shown(self.directory)}")
        for name in sorted(os.listdir(self.directory)):
            print(f"  {os.path.getsize(self.path(name)):>9,}  {name}")
        if self.wrong:
            raise ShopError("the diffs do not say what they should\n  " + "\n  ".join(self.wrong))


def main():
    if len(sys.argv) not in (2, 3):
        print(__doc__.strip(), file=sys.stderr)
        return 2
    stop_on_signals()
    os.environ.setdefault("SHOP_SALES", SALES)
    directory = sys.argv[2] if len(sys.argv) == 3 else os.path.join(HERE, "../build/story")
    story = Story(os.path.abspath(sys.argv[1]), os.path.abspath(directory))
    try:
        if not os.access(story.spantap, os.X_OK):
            raise ShopError(f"{story.spantap}: not there: make")
        story.tell()
        story.end()
    except ShopError as error:
        print(f"story: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
