#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""The judge of the accuracy bench: what it calls right, wrong, missed and whole, on spans made by hand."""
import itertools
import os
import sys

sys.path[:0] = [os.path.join(os.path.dirname(os.path.abspath(__file__)), path) for path in ("../lib", "../accuracy")]
import e2e  # noqa: E402
import score  # noqa: E402
import table  # noqa: E402

REQUESTS = {10000, 10001}


class Spans:
    """A story: request() and call() in the order in which they begin."""

    def __init__(self):
        self.all, self.times = [], itertools.count()

    def add(self, kind, tid, attributes, parent=None, rule=None):
        span = {"span_id": str(len(self.all)), "kind": kind, "pid": 1, "tid": tid, "start_ns": next(self.times)}
        if parent:
            span.update(parent_span_id=parent["span_id"], parent_rule=rule)
        self.all.append({**span, "attributes": attributes})
        return self.all[-1]

    def request(self, number, tid=1):
        return self.add("server", tid, {"url.path": f"/Q{number}"})

    def call(self, text, parent=None, rule="unit", tid=1):
        return self.add("client", tid, {"db.query.text": f"GET {text}"}, parent, rule)


class Score(e2e.Case):
    needs_capture = False

    def setUp(self):
        super().setUp()
        self.spans = Spans()
        self.first, self.second = self.spans.request(10000), self.spans.request(10001, tid=2)

    def measured(self, calls=1):
        return score.measure(self.spans.all, REQUESTS, calls)

    def test_right(self):
        self.spans.call("K10000:1", self.first, "unit")
        self.spans.call("K10001:1", self.second, "lineage", tid=2)
        found = self.measured()
        self.assertEqual((found.right, found.wrong, found.none, found.wanted), (2, 0, 0, 2))
        self.assertEqual((found.precision, found.recall, found.whole, found.naive), (1, 1, 2, 1))
        self.assertEqual(found.rules, {"unit": 1, "lineage": 1})

    def test_wrong(self):
        """The trace that has it is not whole either."""
        self.spans.call("K10000:1", self.second, "exclusive")
        self.spans.call("K10001:1", self.second)
        found = self.measured()
        self.assertEqual((found.right, found.wrong, found.precision, found.recall), (1, 1, 0.5, 0.5))
        self.assertEqual(found.whole, 0)
        self.assertEqual(found.examples, ["GET K10000:1 under /Q10001 by exclusive"])

    def test_none(self):
        self.spans.call("K10000:1")
        self.spans.call("K10001:1", self.second)
        found = self.measured()
        self.assertEqual((found.none, found.precision, found.recall, found.whole), (1, 1, 0.5, 1))

    def test_missed(self):
        """What was not seen at all."""
        self.spans.call("K10000:1", self.first)
        found = self.measured(calls=2)
        self.assertEqual((found.right, found.wanted, found.recall, found.whole), (1, 4, 0.25, 0))

    def test_nobodys(self):
        self.spans.call("K10000:1", self.first)
        self.spans.call("L10000:2")
        found = self.measured()
        self.assertEqual((found.nobodys, found.wrong, found.whole), (1, 0, 1))
        self.spans.call("L10000:3", self.first)
        found = self.measured()
        self.assertEqual((found.nobodys, found.wrong, found.whole), (1, 1, 0))

    def test_other_requests(self):
        """Those that do not count, as from before: only wrong parents do."""
        other = self.spans.request(50000)
        self.spans.call("K50000:1", other)
        self.spans.call("K50001:1", other)
        found = self.measured()
        self.assertEqual((found.right, found.wrong, found.wanted), (0, 1, 2))

    def test_last_of_the_thread(self):
        """Two requests on a thread, then a call of the first."""
        self.spans.request(10002, tid=1)
        self.spans.call("K10000:1", self.first)
        self.spans.call("K10001:1", self.second, tid=2)
        self.assertEqual(self.measured().naive, 0.5)

    def test_table(self):
        """A row's line tells the worst, and what could not run."""
        made = {"row": "go", "ugly": False, "met": True, "naive": 0.5, "rules": {"unit": 3}, "precision": 1.0, "recall": 1.0}
        results = [made, {**made, "precision": 0.9, "met": False, "recall": 0.25}, {"row": "go", "skipped": "no go"}]
        line = next(line for line in table.readme_table(results).splitlines() if line.startswith("| Go"))
        self.assertIn("| 0.9000 | 0.250, 0.625 | unit 100% | 0.500 | 1 of 2, 1 could not run |", line)


if __name__ == "__main__":
    e2e.main()
