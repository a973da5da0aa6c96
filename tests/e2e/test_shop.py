#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""The shop of the demo at concurrency 16: every call is under the request that made it. The ids tell."""
import collections
import os
import re
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../lib"))
import e2e  # noqa: E402
import servers  # noqa: E402

REQUESTS = 160


class Shop(e2e.Case):
    def setUp(self):
        super().setUp()
        self.need("redis-server")

    def trace(self, shop):
        settings = shop.environment()
        load = os.path.join(e2e.ROOT, "examples/shop/load.py")
        command = [e2e.PYTHON, load, settings["SHOP_URL"], "--requests", str(REQUESTS), "--concurrency", "16"]
        with e2e.Trace(settings["SHOP_WEB_PID"], settings["SHOP_PRICING_PID"]) as trace:
            subprocess.run([*command, "--path", "/pair/{id}", "--unique"], check=True, stdout=subprocess.DEVNULL)
        return trace

    def number(self, span):
        """The product a span is about, from its path, URL or key; None: it does not say."""
        a = span["attributes"]
        found = re.search(r"(?:/pair/|/price/|views:|price:)(\d+)", a.get("url.path") or a.get("url.full") or "")
        found = found or re.search(r"(?:views:|price:)(\d+)", a.get("db.query.text", ""))
        return int(found[1]) if found else None

    def test_pair(self):
        with servers.shop.Shop("before") as shop:
            trace = self.trace(shop)
        by_parent = collections.defaultdict(list)
        for span in trace.spans:
            by_parent[span.get("parent_span_id")].append(span)
        roots = [s for s in trace.of("http", "server") if s["service"] == "shop-web"]
        self.assert_counts(
            [self.number(root) for root in roots], {number: 1 for number in range(1, REQUESTS + 1)}
        )
        seen = 0
        for root in roots:
            self.assertEqual(root["name"], "GET /pair/{id}")
            seen += 1 + self.check_request(root, by_parent)
        self.assertEqual(len([s for s in trace.spans if s.get("parent_rule") == "none"]), 0)
        self.assertEqual(seen, len(trace.spans))

    def check_request(self, root, by_parent):
        """What /pair does, in its own words: count the view, read two products, ask two prices. Spans below."""
        children = by_parent[root["span_id"]]
        protocols = {child["protocol"] for child in children}
        self.assertEqual(protocols, {"redis", "postgresql", "http"}, root)
        views = [self.number(c) for c in children if "views:" in c["attributes"].get("db.query.text", "")]
        self.assertEqual(views, [self.number(root)])
        calls = [child for child in children if child["protocol"] == "http"]
        self.assertEqual(len(calls), 2)
        self.assertEqual(self.number(calls[0]), self.number(root))
        below = len(children)
        for call in calls:
            below += self.check_call(root, call, by_parent)
        return below

    def check_call(self, root, call, by_parent):
        """A call to the pricing service has the request that it caused below it, in the same trace."""
        caused = by_parent[call["span_id"]]
        self.assertEqual([span["service"] for span in caused], ["shop-pricing"])
        self.assertEqual((caused[0]["kind"], caused[0]["parent_rule"]), ("server", "connection"))
        self.assertEqual(self.number(caused[0]), self.number(call))
        below = by_parent[caused[0]["span_id"]]
        for span in below:
            self.assertEqual(span["service"], "shop-pricing")
            self.assertIn(self.number(span), (None, self.number(call)))
            self.assertEqual(span["trace_id"], root["trace_id"])
        self.assertIn("redis", {span["protocol"] for span in below})
        return 1 + len(below)


if __name__ == "__main__":
    e2e.main()
