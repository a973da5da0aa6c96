#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""The demo: a slow shop, traffic, and `spantap trace` attached to the shop's two services.

    demo.py SPANTAP

Only spantap runs as root. Exit status 0 means that spantap saw both services and found the N+1 query.
DEMO_SECONDS sets how long it watches, DEMO_TRACES how many trees it prints, DEMO_RATE how many requests a
second are sent, DEMO_TOLERANCE how far from 37 the repetitions may be; DEMO_SHORT=1 is the form that the
tests use.
"""
import os
import re
import shutil
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "shop"))
from shop import HERE, PYTHON, Shop, ShopError, stop_on_signals  # noqa: E402

SHORT = os.environ.get("DEMO_SHORT", "") not in ("", "0")
SECONDS = os.environ.get("DEMO_SECONDS", "5" if SHORT else "10")
TRACES = os.environ.get("DEMO_TRACES", "12" if SHORT else "30")
RATE = os.environ.get("DEMO_RATE", "6")
LINES_OF_AN_ORDER = 37  # each loads its product by itself
# Of requests that were open when spantap came or went only some calls are seen, which shows in the average.
TOLERANCE = float(os.environ.get("DEMO_TOLERANCE", "1"))


def say(text):
    print(f"\n== {text}", flush=True)


def as_root():
    if os.geteuid() == 0:
        return []
    if not shutil.which("sudo"):
        raise ShopError("spantap needs root here, and there is no sudo: run the demo as root")
    return ["sudo"]


def watch(spantap, settings):
    """Runs spantap for its time and returns what it printed."""
    command = [*as_root(), spantap, "trace", "--duration", f"{SECONDS}s", "--traces", TRACES]
    command += ["--pid", settings["SHOP_WEB_PID"], "--pid", settings["SHOP_PRICING_PID"]]
    say(" ".join(command))
    command += ["--colour", "always" if sys.stdout.isatty() else "never"]
    lines = []
    with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True) as tracer:
        for line in tracer.stdout:
            print(line, end="", flush=True)
            lines.append(line)
    if tracer.returncode != 0:
        raise ShopError(f"spantap failed, exit status {tracer.returncode}")
    return "".join(lines)


def shortcomings(output):
    """What the demo promises and spantap did not show."""
    missing = [f"no span of {name}" for name in ("shop-web", "shop-pricing") if name not in output]
    repeated = [float(times) for times in re.findall(r"repeated x([0-9.]+) per request", output)]
    if not any(abs(times - LINES_OF_AN_ORDER) < TOLERANCE for times in repeated):
        missing.append(f"the query repeated x{LINES_OF_AN_ORDER} was not found")
    return missing


def demo(spantap):
    if subprocess.run([*as_root(), "true"], check=False).returncode != 0:  # asks for a password now
        raise ShopError("sudo refused")
    say("starting the shop: PostgreSQL, Redis and two Flask services, in a temporary directory")
    with Shop("before") as shop:
        settings = shop.environment()
        print(f"web service: PID {settings['SHOP_WEB_PID']}, {settings['SHOP_URL']}")
        print(f"pricing service: PID {settings['SHOP_PRICING_PID']}, {settings['SHOP_PRICING_URL']}")
        say(f"sending it {RATE} requests a second")
        load = [PYTHON, os.path.join(HERE, "load.py"), settings["SHOP_URL"]]
        load += ["--rate", RATE]
        with subprocess.Popen(load, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL) as traffic:
            try:
                output = watch(spantap, settings)
            finally:
                traffic.terminate()
    say("stopped all that it started")
    for missing in shortcomings(output):
        raise ShopError(missing)


def main():
    if len(sys.argv) != 2:
        print(__doc__.strip(), file=sys.stderr)
        return 2
    stop_on_signals()
    try:
        demo(os.path.abspath(sys.argv[1]))
    except ShopError as error:
        print(f"demo: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
