#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""
What `spantap diff` promises, on recordings resampled from one of the real shop: of 100 pairs of the same workload at
most one has a verdict, and a 10 % slowdown of an endpoint with 1,000 requests is found. Prints how many.
"""
import json
import os
import random
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../lib"))
import e2e  # noqa: E402
import servers  # noqa: E402
import synthetic as syn  # noqa: E402

PAIRS = 100
FALSE_ALARMS = 1
TRACES = 240  # of each recording of a pair
SLOWDOWNS = 20
FOUND = 19
SLOW_ENDPOINT = "GET /pair/{id}"
RECORD_SECONDS = 15
RATE = 40


def verdicts(diff):
    """[(name, key, verdict)...] of what a diff says got faster or slower."""
    found = []
    for entry in diff["endpoints"] + diff["queries"]:
        for key, value in entry.items():
            verdict = value.get("verdict") if isinstance(value, dict) else value
            if verdict in ("faster", "slower"):
                found.append((entry.get("endpoint") or entry.get("text"), key, verdict))
    return found


class Diff(e2e.Case):
    @classmethod
    def setUpClass(cls):
        cls.directory = tempfile.mkdtemp(prefix="spantap-e2e.")
        cls.real = None

    @classmethod
    def tearDownClass(cls):
        e2e.shutil.rmtree(cls.directory, ignore_errors=True)

    def setUp(self):
        super().setUp()
        self.need("redis-server")
        if not Diff.real:
            Diff.real = self.record()

    def path(self, name):
        return os.path.join(self.directory, name)

    def record(self):
        """The shop's spans, through a recording of `spantap record`."""
        out = self.path("real.spantap")
        with servers.shop.Shop("before") as shop:
            settings = shop.environment()
            load = [e2e.PYTHON, os.path.join(e2e.ROOT, "examples/shop/load.py"), settings["SHOP_URL"]]
            load += ["--rate", str(RATE), "--seconds", str(RECORD_SECONDS + 60)]
            record = [e2e.SPANTAP, "record", "-o", out, "--duration", f"{RECORD_SECONDS}s"]
            record += ["--pid", settings["SHOP_WEB_PID"], "--pid", settings["SHOP_PRICING_PID"]]
            with subprocess.Popen(load, stdout=subprocess.DEVNULL) as traffic:
                try:
                    done = subprocess.run(record, capture_output=True, text=True, env=e2e.environment(), check=False)
                finally:
                    traffic.kill()
        self.assertEqual(done.returncode, 0, done.stderr)
        spans = syn.read_recording(out)
        self.assertGreater(len(syn.traces_of(spans)), RATE * RECORD_SECONDS // 3)
        return spans

    def diff(self, before, after):
        paths = self.path("before.spantap"), self.path("after.spantap")
        syn.write_recording(paths[0], before)
        syn.write_recording(paths[1], after)
        done = subprocess.run(
            [e2e.SPANTAP, "diff", *paths, "--json"], capture_output=True, text=True, env=e2e.environment(), check=False
        )
        self.assertEqual(done.returncode, 0, done.stderr)
        return json.loads(done.stdout)

    def test_same_workload(self):
        alarms = []
        for pair in range(PAIRS):
            before, after = (syn.resample(self.real, seed=2 * pair + side, count=TRACES) for side in (0, 1))
            diff = self.diff(before, after)
            self.assertGreaterEqual(len(diff["endpoints"]), 4)
            found = verdicts(diff)
            if found:
                alarms.append((pair, found))
        print(f"# a verdict in {len(alarms)} of {PAIRS} pairs of the same workload: {alarms[:5]}", flush=True)
        self.assertLessEqual(len(alarms), FALSE_ALARMS)

    def test_slowdown(self):
        """Both sides are drawn anew each time, with 1,000 requests of the endpoint and 200 of others."""
        by_root = {True: [], False: []}
        for trace in syn.traces_of(self.real):
            by_root[trace[0]["name"] == SLOW_ENDPOINT].extend(trace)
        found = 0
        for turn in range(SLOWDOWNS):
            sides = []
            for factor in (1.0, 1.1):
                seed = random.Random(f"{turn} {factor}").getrandbits(32)
                mine = syn.resample(by_root[True], seed, count=1000, stretch=lambda _root, by=factor: by)
                sides.append(mine + syn.resample(by_root[False], seed + 1, count=200))
            said = verdicts(self.diff(*sides))
            found += (SLOW_ENDPOINT, "slower") in [(name, verdict) for name, _key, verdict in said]
        print(f"# a slowdown of 10 % was found in {found} of {SLOWDOWNS}", flush=True)
        self.assertGreaterEqual(found, FOUND)


if __name__ == "__main__":
    e2e.main()
