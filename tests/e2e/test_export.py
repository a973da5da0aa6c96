#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""What a back end receives from a live trace is what --json says of the same spans, field by field."""
import json
import os
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../lib"))
import collector  # noqa: E402
import decode_otlp  # noqa: E402
import e2e  # noqa: E402
import servers  # noqa: E402

OTLP_KINDS = {"internal": 1, "server": 2, "client": 3, "producer": 4, "consumer": 5}
OTLP_STATUS = {"unset": 0, "ok": 1, "error": 2}
APPLICATION = """
import os, redis
from flask import Flask
app = Flask(__name__)
cache = redis.Redis(port=int(os.environ["REDIS_PORT"]))

@app.get("/item/<int:number>")
def item(number):
    cache.set(f"item:{number}", "secret-value")
    cache.get(f"item:{number}")
    return str(number)

@app.get("/fail")
def fail():
    cache.execute_command("INCR", "item:1")
"""


class Export(e2e.Case):
    def setUp(self):
        super().setUp()
        self.need("redis-server", "curl")
        self.servers = self.enterContext(servers.Servers())
        _pid, redis_port, _path = self.servers.redis()
        env = {"REDIS_PORT": str(redis_port), "OTEL_SERVICE_NAME": "items"}
        self.pid, self.port = self.servers.gunicorn(APPLICATION, "--worker-class", "gthread", env=env)

    def traced(self, *options, env=None, lossy=(), requests=20):
        with e2e.Trace(self.pid, options=options, env=env, lossy=lossy) as trace:
            for path in [f"/item/{number}" for number in range(requests - 1)] + ["/fail"]:
                url = f"http://127.0.0.1:{self.port}{path}"
                subprocess.run(["curl", "-s", "-o", "/dev/null", url], check=True)
        self.assertEqual(len(trace.of("http", "server")), requests)
        self.assertGreaterEqual(len(trace.of("redis", "client")), 2 * requests - 1)
        return trace

    def collect(self):
        back_end = collector.Collector(self.servers.path("received.jsonl"), unix=self.servers.path("agent.sock"))
        return self.enterContext(back_end)

    def check_otlp(self, trace, received):
        by_id = {span["span_id"]: span for span in received}
        self.assertEqual(len(received), len(trace.spans))
        self.assertEqual(set(by_id), {span["span_id"] for span in trace.spans})
        for span in trace.spans:
            got = by_id[span["span_id"]]
            for key in ("trace_id", "name", "start_ns", "end_ns"):
                self.assertEqual(got[key], span[key], key)
            self.assertEqual(got["parent_span_id"], span.get("parent_span_id", ""))
            self.assertEqual(got["kind"], OTLP_KINDS[span["kind"]])
            self.assertEqual(got["status"], {"code": OTLP_STATUS[span["status"]], "message": span["status_message"]})
            self.assertEqual(got["resource"]["service.name"], span["service"])
            self.assertEqual(got["resource"]["process.pid"], span["pid"])
            own = {key: value for key, value in got["attributes"].items() if key not in span["attributes"]}
            self.assertEqual({k: v for k, v in got["attributes"].items() if k not in own}, span["attributes"])
            self.assertEqual(own.pop("thread.id"), span["tid"])
            if "ttfb_ns" in span:
                self.assertEqual(own.pop("spantap.ttfb_ns"), span["ttfb_ns"] - span["start_ns"])
            for key in ("cpu_ns", "runqueue_ns", "blocked_ns"):
                if "time" in span:
                    self.assertEqual(own.pop(f"spantap.time.{key}"), span["time"][key])
            self.assertEqual({key for key in own if not key.startswith("spantap.")}, set())
        self.assertNotIn("secret-value", str(received))

    def test_otlp(self):
        back_end = self.collect()
        trace = self.traced(f"--otlp={back_end.url}")
        requests = back_end.requests()
        self.assertEqual({(r["path"], r["status"]) for r in requests}, {("/v1/traces", 200)}, requests[:1])
        self.assertEqual({r["headers"]["content-type"] for r in requests}, {"application/x-protobuf"})
        self.check_otlp(trace, back_end.spans())

    def test_otlp_environment(self):
        """OTEL_* of spantap itself ask for the same."""
        back_end = self.collect()
        env = {"OTEL_EXPORTER_OTLP_ENDPOINT": back_end.url, "OTEL_EXPORTER_OTLP_HEADERS": "x-key=one%20two"}
        trace = self.traced(env=env)
        self.assertEqual({r["headers"].get("x-key") for r in back_end.requests()}, {"one two"})
        self.check_otlp(trace, back_end.spans())

    def test_otlp_file(self):
        path = self.servers.path("otlp.jsonl")
        trace = self.traced(f"--otlp=file:{path}")
        with open(path, encoding="utf-8") as source:
            received = [span for line in source for span in decode_otlp.decode_json(line)]
        self.check_otlp(trace, received)

    def test_retry(self):
        """A back end that is busy at first gets everything in the end, once."""
        back_end = self.collect()
        back_end.failures += [(503, None), (429, None)]
        trace = self.traced(f"--otlp={back_end.url}")
        statuses = [request["status"] for request in back_end.requests()]
        self.assertEqual(statuses[:2], [503, 429])
        self.check_otlp(trace, back_end.spans())

    def check_datadog(self, trace, back_end):
        requests = back_end.requests()
        self.assertEqual({(r["path"], r["status"]) for r in requests}, {("/v0.4/traces", 200)}, requests[:1])
        received = [span for request in requests for chunk in request["chunks"] for span in chunk]
        by_id = {span["span_id"]: span for span in received}
        self.assertEqual(len(received), len(trace.spans))
        for span in trace.spans:
            got = by_id[int(span["span_id"], 16)]
            self.assertEqual(got["trace_id"], int(span["trace_id"][16:], 16))
            self.assertEqual(got["parent_id"], int(span.get("parent_span_id", "0"), 16))
            self.assertEqual(got["start"], span["start_ns"])
            self.assertEqual(got["duration"], span["end_ns"] - span["start_ns"])
            self.assertEqual(got["error"], int(span["status"] == "error"))
            self.assertEqual(got["service"], span["service"])
            self.assertEqual(got["meta"]["span.kind"], span["kind"])
            self.check_datadog_names(span, got)
        self.assertNotIn("secret-value", str(received))

    def check_datadog_names(self, span, got):
        a = span["attributes"]
        if span["protocol"] == "http":
            self.assertEqual((got["name"], got["type"]), ("http.server.request", "web"))
            self.assertEqual(got["resource"], span["name"])
            self.assertEqual(got["meta"]["http.status_code"], str(a["http.response.status_code"]))
            self.assertEqual(got["meta"]["http.method"], a["http.request.method"])
        else:
            self.assertEqual((got["name"], got["type"]), ("redis.command", "redis"))
            self.assertEqual(got["meta"].get("redis.raw_command"), a.get("db.query.text"))
            self.assertEqual(got["meta"]["spantap.parent.rule"], span["parent_rule"])

    def test_datadog(self):
        back_end = self.collect()
        self.check_datadog(self.traced(f"--datadog={back_end.url}"), back_end)

    def test_datadog_unix(self):
        back_end = self.collect()
        path = self.servers.path("agent.sock")
        self.check_datadog(self.traced(f"--datadog=unix://{path}"), back_end)

    def test_unreachable(self):
        """Spans are printed all the same; one warning, once, and at the end how many were not delivered."""
        url = f"http://127.0.0.1:{servers.free_port()}"
        for option in ("otlp", "datadog"):
            trace = self.traced(f"--{option}={url}", lossy={"export_undelivered"})
            self.assertEqual(trace.lost, {"export_undelivered": len(trace.spans)})
            first, last = [line for line in trace.messages if "warning" in line]
            self.assertIn(url, first)
            self.assertIn(f"{len(trace.spans)} of {len(trace.spans)} spans were not delivered", last)

    def test_both(self):
        back_end = self.collect()
        trace = self.traced(f"--otlp={back_end.url}", f"--datadog={back_end.url}")
        requests = back_end.requests()
        self.check_otlp(trace, [span for r in requests for span in r.get("spans", [])])
        spans = [span for r in requests for chunk in r.get("chunks", []) for span in chunk]
        self.assertEqual({s["span_id"] for s in spans}, {int(s["span_id"], 16) for s in trace.spans})
        json.dumps(spans)


if __name__ == "__main__":
    e2e.main()
