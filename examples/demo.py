#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""The demo: a slow shop, traffic, `spantap trace` attached to its two services, and what it found.

    demo.py SPANTAP

Only spantap runs as root. Exit status 0 means that spans of both services were seen and the N+1 query was
found. DEMO_SECONDS sets how long it watches, DEMO_LINES how much of the trees it prints; DEMO_SHORT=1 is
the form that the tests use.
"""
import os
import shutil
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "shop"))
import findings  # noqa: E402
from shop import HERE, PYTHON, Shop, ShopError, stop_on_signals  # noqa: E402

SHORT = os.environ.get("DEMO_SHORT", "") not in ("", "0")
SECONDS = int(os.environ.get("DEMO_SECONDS", "5" if SHORT else "12"))
LINES = int(os.environ.get("DEMO_LINES", "40" if SHORT else "80"))
REQUESTS_PER_SECOND = 12


def say(text):
    print(f"\n== {text}", flush=True)


def as_root():
    if os.geteuid() == 0:
        return []
    if not shutil.which("sudo"):
        raise ShopError("spantap needs root here, and there is no sudo: run the demo as root")
    return ["sudo"]


def print_head(stream):
    """Prints the first lines of a live stream, whole traces only, then reads on in silence."""
    printed = left_out = 0
    for line in stream:
        if printed >= LINES and (left_out or not line.startswith((" ", "\t"))):
            left_out += 1
            continue
        print(line, end="", flush=True)
        printed += 1
    if left_out:
        print(f"... and {left_out} more lines like these")


def watch(spantap, shop):
    """Runs spantap twice over the same seconds: once for the eye, once (--json) for the findings."""
    targets = ["--pid", shop.environment()["SHOP_WEB_PID"], "--pid", shop.environment()["SHOP_PRICING_PID"]]
    command = [*as_root(), spantap, "trace", *targets, "--duration", str(SECONDS)]
    spans = os.path.join(shop.directory, "spans.json")
    say(" ".join(command))
    with open(spans, "w") as output:
        recorder = subprocess.Popen([*command, "--json"], stdin=subprocess.DEVNULL, stdout=output)
        viewer = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True, errors="replace"
        )
        try:
            print_head(viewer.stdout)
        finally:
            statuses = [viewer.wait(), recorder.wait()]
    if any(statuses):
        raise ShopError(f"spantap failed, exit status {max(statuses)}")
    return findings.read(spans)


def demo(spantap):
    # asks for the password now, not amid the trees
    if subprocess.run([*as_root(), "true"], check=False).returncode != 0:
        raise ShopError("sudo refused")
    say("starting the shop: PostgreSQL, Redis and two Flask services, in a temporary directory")
    with Shop("before") as shop:
        settings = shop.environment()
        print(f"web service: PID {settings['SHOP_WEB_PID']}, {settings['SHOP_URL']}")
        print(f"pricing service: PID {settings['SHOP_PRICING_PID']}, {settings['SHOP_PRICING_URL']}")
        say(f"sending {REQUESTS_PER_SECOND} requests a second to it")
        load = subprocess.Popen(
            [PYTHON, os.path.join(HERE, "load.py"), settings["SHOP_URL"], "--rate", str(REQUESTS_PER_SECOND)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
        )
        try:
            found = watch(spantap, shop)
        finally:
            load.terminate()
            load.wait()
    say("what spantap found")
    return findings.report(*found)


def main():
    if len(sys.argv) != 2:
        print(__doc__.strip(), file=sys.stderr)
        return 2
    stop_on_signals()
    try:
        return demo(os.path.abspath(sys.argv[1]))
    except ShopError as error:
        print(f"demo: {error}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
