#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""`--explain`: which rule chose each parent, what the others said; and the totals of their agreement."""
import json
import os
import re
import signal
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../lib"))
import e2e  # noqa: E402
import score  # noqa: E402
import servers  # noqa: E402
import test_context  # noqa: E402

# SHAPE: thread (whoever reads the request makes its calls) or worker (one other thread does, for all).
THREADS = """
import http.server, os, queue, re, threading
import redis

cache = redis.Redis(port=int(os.environ["REDIS_PORT"]))
work = queue.Queue()

def call(number):
    for i in (1, 2, 3):
        cache.get(f"K{number}:{i}")

def worker():
    while True:
        number, done = work.get()
        call(number)
        done.set()

class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        number = re.search(r"/Q(\\d+)", self.path)[1]
        if os.environ["SHAPE"] == "worker":
            done = threading.Event()
            work.put((number, done))
            done.wait()
        else:
            call(number)
        self.send_response(200)
        self.send_header("Content-Length", len(number) + 1)
        self.end_headers()
        self.wfile.write(f"R{number}".encode())

    def log_message(self, *_):
        pass

cache.ping()
threading.Thread(target=worker, daemon=True).start()
http.server.ThreadingHTTPServer(("127.0.0.1", int(os.environ["PORT"])), Handler).serve_forever()
"""
CALLER = """
import urllib.request
ready()
for number in (10000, 10001):
    headers = {HEADER: VALUE} if HEADER else {}
    request = urllib.request.Request(f"http://127.0.0.1:{PORT}/Q{number}", headers=headers)
    urllib.request.urlopen(request).read()
"""
TRACE = "0af7651916cd43dd8448eb211c80319c"
SETTLED = 2.5  # seconds; see UNSETTLED_NS in userspace/stitch/stitch.c
LAYERS = ["exact", "unit", "context", "lineage", "responder", "exclusive", "segment"]


def says(span, layer):
    return next((one["says"] for one in span["explain"]["layers"] if one["layer"] == layer), None)


def why(span, layer):
    return next((one.get("why") for one in span["explain"]["layers"] if one["layer"] == layer), None)


class Explain(e2e.Case):
    def setUp(self):
        super().setUp()
        self.need("redis-server")
        self.servers = self.enterContext(servers.Servers())
        _pid, self.redis_port, _path = self.servers.redis()

    def start(self, source, **settings):
        """(pid, port) of the application."""
        self.servers.path("application.py", source)
        environment = {"REDIS_PORT": str(self.redis_port), **settings}

        def run(port):
            command = [servers.PYTHON, "application.py"]
            return self.servers.start("app", command, signal.SIGKILL, env={**environment, "PORT": str(port)})

        return self.servers.start_on_free_port("app", run, lambda port: servers.answers(("127.0.0.1", port)))

    def traced(self, source, requests, at_once, options=(), **settings):
        pid, port = self.start(source, **settings)
        with e2e.Trace(pid, options=["--explain", *options]) as trace:
            time.sleep(SETTLED)
            score.load(port, requests, at_once)
        self.assertNotIn("wrong", score.score(trace.spans))
        for span in trace.spans:
            self.check(span, {one["span_id"]: one for one in trace.spans})
        self.check_totals(trace)
        return trace

    def check(self, span, by_id):
        """What is explained is what was done."""
        explained = span["explain"]
        if span["kind"] == "server":
            self.assertNotIn("layers", explained)
            self.assertTrue(explained["why"])
            return
        layers = explained["layers"]
        self.assertEqual([one["layer"] for one in layers if one["layer"] in LAYERS], LAYERS)
        chosen = [one for one in layers if one["says"] == "chosen"]
        self.assertEqual(len(chosen), int(span["parent_rule"] != "none"), span)
        for one in layers:
            self.assertEqual("request" in one, one["says"] != "silent", one)
            if one["says"] in ("chosen", "agreed"):
                self.assertEqual(one["request"]["span_id"], span["parent_span_id"])
                path = by_id[span["parent_span_id"]]["attributes"]["url.path"]
                self.assertEqual(one["request"]["name"], f"GET {path}")
                self.assertEqual(one["request"]["start_ns"], by_id[span["parent_span_id"]]["start_ns"])
            if one["says"] in ("silent", "withdrawn") and span["parent_rule"] == "none":
                self.assertTrue(one.get("why") or one["layer"] not in LAYERS, one)
        self.assertEqual(explained["thread"], span["tid"])

    def check_totals(self, trace):
        layers = trace.summary["layers"]
        chosen = sum(layer["chosen"] for layer in layers.values())
        parents = sum(bool(one["says"] == "chosen") for span in trace.spans for one in span["explain"].get("layers", []))
        self.assertEqual(chosen, parents)
        for name, layer in layers.items():
            told = [says(span, name) for span in trace.spans if span["kind"] == "client"]
            self.assertEqual(layer["proposed"], len(told) - told.count("silent"), name)
            self.assertEqual(layer["withdrawn"], told.count("withdrawn"), name)
        for pair in trace.summary["agreement"]:
            self.assertEqual(pair["disagreed"], 0, pair)
            self.assertGreater(pair["agreed"], 0, pair)

    def calls(self, trace):
        return [span for span in trace.of("redis", "client") if "layers" in span["explain"]]

    def test_unit(self):
        trace = self.traced(THREADS, 60, 6, SHAPE="thread")
        calls = self.calls(trace)
        self.assert_counts([says(span, "unit") for span in calls], {"chosen": 180})
        self.assertGreater(max(span["explain"]["open_requests"] for span in calls), 1)

    def test_unit_and_exclusive(self):
        """One request at a time: both name it, and agree."""
        trace = self.traced(THREADS, 20, 1, SHAPE="thread")
        self.assert_counts([(says(s, "unit"), says(s, "exclusive")) for s in self.calls(trace)], {("chosen", "agreed"): 60})
        self.assertIn({"layers": ["unit", "exclusive"], "agreed": 60, "disagreed": 0}, trace.summary["agreement"])
        self.assert_counts([span["explain"]["open_requests"] for span in self.calls(trace)], {1: 60})

    def test_exclusive(self):
        """Another thread's calls: the only open request has them."""
        trace = self.traced(THREADS, 20, 1, SHAPE="worker")
        said = {says(span, "exclusive") for span in self.calls(trace)}
        self.assertLessEqual(said, {"chosen", "agreed"})
        self.assert_counts([says(span, "unit") for span in self.calls(trace)], {"silent": 60})

    def test_tasks(self):
        """The task that answers, and those that it has started."""
        trace = self.traced(test_context.ASYNCIO, 40, 8, SHAPE="gather", POOL="50")
        rules = [span["parent_rule"] for span in self.calls(trace)]
        self.assert_counts(rules, {"lineage": 80, "responder": 40})
        for span in self.calls(trace):
            self.assertRegex(span["explain"]["unit"], "^0x[0-9a-f]+$")
            self.assertIn("coroutine", why(span, "unit"))

    def test_none(self):
        """Without hooks it is not known who has started a task; and that is said."""
        options = ["--no-runtime-hooks"]
        trace = self.traced(test_context.ASYNCIO, 40, 8, options, SHAPE="gather", POOL="50")
        lost = [span for span in self.calls(trace) if span["parent_rule"] == "none"]
        self.assertEqual(len(lost), 80)
        self.assert_counts([why(span, "lineage") for span in lost], {"it is not known what has started it": 80})
        for span in lost:
            self.assertGreaterEqual(span["explain"]["held_until_ns"], span["end_ns"])

    def served(self, header="", value="", both=True):
        """The server spans of two requests, whose caller is traced as well, or not."""
        pid, port = self.start(THREADS, SHAPE="thread")
        with e2e.Client(CALLER, PORT=port, HEADER=header, VALUE=value) as client:
            with e2e.Trace(*([pid, client.pid] if both else [pid]), options=["--explain"]) as trace:
                client.go()
        found = trace.of("http", "server")
        self.assertEqual(len(found), 2)
        return [(span.get("parent_rule"), span["explain"].get("header"), span["explain"]["why"]) for span in found]

    def test_connection(self):
        said = self.served()
        self.assertEqual(said[0][:2], ("connection", None))
        self.assertIn("other end of its connection", said[0][2])

    def test_header(self):
        said = self.served("traceparent", f"00-{TRACE}-b7ad6b7169203331-01", both=False)
        self.assertEqual(said[0][:2], ("header", "traceparent"))
        self.assertIn("not seen", said[0][2])
        said = self.served("uber-trace-id", f"{TRACE}:b7ad6b7169203331:0:1")
        self.assertEqual(said[0][:2], ("header", "uber-trace-id"))

    def test_root(self):
        self.assertEqual(self.served(both=False)[0][:2], (None, None))

    def test_unasked(self):
        """Nothing is explained then, but the totals are there."""
        pid, port = self.start(THREADS, SHAPE="thread")
        with e2e.Trace(pid) as trace:
            score.load(port, 10, 2)
        self.assertFalse([span for span in trace.spans if "explain" in span])
        self.assertEqual(trace.summary["layers"]["unit"]["chosen"], 30)
        self.assertEqual(set(trace.summary["closure"]), {"closed", "broken", "processes", "processes_believed"})


class Text(e2e.Case):
    def setUp(self):
        super().setUp()
        self.need("redis-server")
        self.servers = self.enterContext(servers.Servers())
        _pid, self.redis_port, _path = self.servers.redis()

    def run_text(self, *options):
        """`spantap run` of a program without requests: its calls are nobody's."""
        code = f"import redis; c = redis.Redis(port={self.redis_port}); [c.get('k') for _ in range(5)]"
        output = self.servers.path("tree.txt")
        command = [e2e.SPANTAP, "run", "--output", output, *options, "--", servers.PYTHON, "-c", code]
        subprocess.run(command, check=True, capture_output=True, env=e2e.environment(), timeout=e2e.CLIENT_SECONDS)
        return self.servers.read("tree.txt")

    def test_run(self):
        text = self.run_text("--explain")
        self.assertRegex(text, r"\n +none: thread \d+, 0 open requests; ")
        self.assertRegex(text, r"\n +exclusive: no request is open\n")
        self.assertIn("\n  rules: none 100.0%\n", text)

    def test_recording(self):
        """The totals of a recording, in its report."""
        path = self.servers.path("x.spantap")
        self.servers.path("application.py", THREADS)
        environment = {"REDIS_PORT": str(self.redis_port), "SHAPE": "thread"}

        def run(port):
            command = [servers.PYTHON, "application.py"]
            return self.servers.start("app", command, signal.SIGKILL, env={**environment, "PORT": str(port)})

        pid, port = self.servers.start_on_free_port("app", run, lambda port: servers.answers(("127.0.0.1", port)))
        record = subprocess.Popen([e2e.SPANTAP, "record", "-o", path, "--pid", str(pid)], env=e2e.environment(),
                                  stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)  # fmt: skip
        self.addCleanup(record.kill)
        e2e.wait_until("the recording", lambda: os.path.exists(path))
        time.sleep(SETTLED)
        score.load(port, 20, 1)
        time.sleep(e2e.SETTLE_SECONDS)
        record.send_signal(signal.SIGINT)
        self.assertEqual(record.wait(e2e.STOP_SECONDS), 0)
        told = subprocess.run([e2e.SPANTAP, "report", "--json", path], check=True, capture_output=True, text=True)
        recording = json.loads(told.stdout)["recording"]
        self.assertEqual(recording["layers"]["unit"]["chosen"], 60)
        self.assertEqual(recording["agreement"][0]["layers"], ["unit", "exclusive"])
        told = subprocess.run([e2e.SPANTAP, "report", path], check=True, capture_output=True, text=True).stdout
        self.assertTrue(re.search(r"parents: known for 100\.0% of 60 calls: unit 60 \(100\.0%\)", told), told)
        self.assertTrue(re.search(r"agreement: unit and exclusive agree on \d+ calls, disagree on 0", told), told)


if __name__ == "__main__":
    e2e.main()
