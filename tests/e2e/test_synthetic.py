#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""The tools of other tests: what goes into a recording comes out of it, and the same seed makes the same spans."""
import os
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../lib"))
import e2e  # noqa: E402
import synthetic as syn  # noqa: E402

PRICE = syn.Endpoint("GET /price/{id}", service="shop-pricing", calls=[syn.Call("GET price:{id}", "redis")])
SHOP = [
    syn.Endpoint(
        "GET /orders/{id}",
        requests=60,
        errors=0.1,
        unanswered=0.1,
        parent_none=0.05,
        drift=(0.9, 0.3),
        calls=[
            syn.Call("SELECT * FROM orders WHERE id = ?", errors=0.1),
            syn.Call("SELECT * FROM products WHERE id = ?", times=syn.counts(0, 9), overlapping=True),
            syn.Call("GET /price/{id}", "http", serves=PRICE, ttfb_share=0.5),
            syn.Call("INSERT INTO log VALUES (?)", "mysql", new_connection=True, attributes={"code.line.number": 41}),
        ],
    ),
    syn.Endpoint("GET /größe/{id}", requests=40, blocked_ms=syn.exponential(10), time=False),
]
NOT_IN_LINES = ("call_hash", "connection")


class Synthetic(e2e.Case):
    needs_capture = False

    def setUp(self):
        super().setUp()
        self.directory = tempfile.TemporaryDirectory(prefix="spantap-e2e.")
        self.addCleanup(self.directory.cleanup)

    def refuse(self, text):
        done = subprocess.run([syn.import_tool(), "-"], input=text, capture_output=True, text=True, check=False)
        self.assertEqual(done.returncode, 1, done.stdout)
        return done.stderr.strip()

    def test_round_trip(self):
        path = os.path.join(self.directory.name, "a.spantap")
        spans = syn.workload(SHOP, seconds=10, seed=3)
        syn.write_recording(path, spans)
        read = syn.read_recording(path)
        by_id = {span["span_id"]: span for span in read}
        self.assertEqual(len(by_id), len(spans))
        for span in spans:
            want = {key: value for key, value in span.items() if key not in NOT_IN_LINES}
            self.assertEqual(by_id[span["span_id"]], want)
        ends = [max(s["end_ns"] for s in trace) for trace in syn.traces_of(read)]
        self.assertEqual(len(ends), len({span["trace_id"] for span in spans}))
        for span in read:
            e2e.check_span(span)

    def test_seeds(self):
        self.assertEqual(syn.workload(SHOP, seed=1), syn.workload(SHOP, seed=1))
        self.assertNotEqual(syn.workload(SHOP, seed=1), syn.workload(SHOP, seed=2))
        spans = syn.workload(SHOP, seed=1)
        self.assertEqual(syn.resample(spans, 1), syn.resample(spans, 1))

    def test_resample(self):
        spans = syn.workload(SHOP, seed=1)
        again = syn.resample(spans, 1, stretch=lambda root: 2 if root["name"] == "GET /orders/{id}" else 1)
        self.assertEqual(len(syn.traces_of(again)), len(syn.traces_of(spans)))
        self.assertEqual(len({span["span_id"] for span in again}), len(again))
        for trace in syn.traces_of(again):
            ids = {span["span_id"] for span in trace}
            for span in trace[1:]:
                self.assertIn(span["parent_span_id"], ids)
        lengths = {
            side: {s["end_ns"] - s["start_ns"] for s in group if s["name"] == "GET /orders/{id}"}
            for side, group in (("old", spans), ("new", again))
        }
        for length in lengths["new"]:
            self.assertTrue(any(abs(length - 2 * old) < 10 for old in lengths["old"]), length)

    def test_refused(self):
        line = syn.lines(syn.workload(SHOP, seed=1)[:1]).decode()
        self.assertIn("line 1: kidn: no such field", self.refuse(line.replace('"kind"', '"kidn"')))
        self.assertIn("line 2: no JSON object", self.refuse(line + "{\n"))
        self.assertIn("protocol: no such protocol", self.refuse(line.replace('"protocol":"http"', '"protocol":"x"')))
        self.assertIn("two spans of a trace have one span_id", self.refuse(line + line))
        self.assertIn("trace_id: not 32 hex digits", self.refuse(line.replace('"trace_id":"', '"trace_id":"0')))


if __name__ == "__main__":
    e2e.main()
