#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""Flask's own server, gunicorn sync and gthread, and gunicorn behind nginx: who called what for which request."""
import collections
import os
import sys
import threading
import urllib.request

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../lib"))
import e2e  # noqa: E402
import servers  # noqa: E402

TRACEPARENT = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
APPLICATION = """
import os, redis
from flask import Flask, abort
app = Flask(__name__)
cache = redis.Redis(port=int(os.environ["REDIS_PORT"]))

@app.get("/item/<int:number>")
def item(number):
    cache.set(f"item:{number}", "secret-value")
    cache.get(f"item:{number}")
    return str(number)

@app.get("/fail")
def fail():
    raise RuntimeError

@app.post("/echo")
def echo():
    from flask import request
    return request.get_data()

@app.get("/stream")
def stream():
    return app.response_class(str(n) * 1000 for n in range(10))
"""
THREADS = 16
REQUESTS = 25  # of each thread


class Python(e2e.Case):
    def setUp(self):
        super().setUp()
        self.need("redis-server")
        self.servers = self.enterContext(servers.Servers())
        _pid, self.redis_port, _path = self.servers.redis()
        self.env = {"REDIS_PORT": str(self.redis_port)}

    def gunicorn(self, *options, **how):
        return self.servers.gunicorn(APPLICATION, *options, env=self.env, **how)

    def get(self, port, path, headers=None, data=None):
        request = urllib.request.Request(f"http://127.0.0.1:{port}{path}", data=data, headers=headers or {})
        try:
            with urllib.request.urlopen(request, timeout=e2e.CLIENT_SECONDS) as answer:
                return answer.status, answer.read()
        except urllib.error.HTTPError as error:
            return error.code, error.read()

    def load(self, port):
        """Requests of 16 threads at once, each with a number of its own; returns the numbers."""
        failures = []

        def work(first):
            for number in range(first, first + REQUESTS):
                if self.get(port, f"/item/{number}") != (200, str(number).encode()):
                    failures.append(number)

        firsts = range(1000, 1000 + THREADS * 100, 100)
        threads = [threading.Thread(target=work, args=(first,)) for first in firsts]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(failures, [])
        return [number for first in firsts for number in range(first, first + REQUESTS)]

    def check_children(self, trace, numbers):
        """The number in a request's path is the number in the keys of the commands below it, and only there."""
        requests = {s["span_id"]: s for s in trace.of("http", "server")}
        paths = [span["attributes"]["url.path"] for span in requests.values()]
        self.assert_counts(paths, e2e.counts(f"/item/{number}" for number in numbers))
        below = collections.Counter()
        for span in trace.of("redis", "client"):
            words = span["attributes"].get("db.query.text", "").split()
            if "item:" not in span["attributes"].get("db.query.text", ""):
                continue  # what a new connection says
            self.assertIn(span.get("parent_span_id"), requests, span)
            number = words[1].removeprefix("item:")
            self.assertEqual(requests[span["parent_span_id"]]["attributes"]["url.path"], f"/item/{number}")
            below[words[0], number] += 1
        expected = {(word, str(number)): 1 for number in numbers for word in ("SET", "GET")}
        self.assertEqual(dict(below), expected)
        self.assertNotIn("secret-value", str(trace.spans))
        self.assertEqual({s["name"] for s in requests.values()}, {"GET /item/{id}"})

    def check_server(self, pid, port):
        with e2e.Trace(pid) as trace:
            numbers = self.load(port)
        self.check_children(trace, numbers)

    def test_flask(self):
        self.servers.path("application.py", APPLICATION)

        def start(port):
            command = [servers.PYTHON, "-m", "flask", "--app", "application", "run", "--port", str(port)]
            return self.servers.start("flask", command, servers.shop.signal.SIGTERM, env=self.env)

        pid, port = self.servers.start_on_free_port("flask", start, lambda port: servers.answers(("127.0.0.1", port)))
        self.check_server(pid, port)

    def test_gunicorn_sync(self):
        self.check_server(*self.gunicorn("--workers", "2", "--worker-class", "sync"))

    def test_gunicorn_gthread(self):
        self.check_server(*self.gunicorn("--workers", "2", "--worker-class", "gthread", "--threads", str(THREADS)))

    def test_behind_nginx(self):
        """One nginx and one gunicorn, connected by a UNIX socket: nginx's call is the parent of gunicorn's request."""
        self.need("nginx")
        path = self.servers.path("application.sock")
        pid, _ = self.gunicorn("--worker-class", "gthread", "--threads", "8", unix=path)
        front, port = self.servers.nginx(f"location / {{ proxy_pass http://unix:{path}; }}", workers=1)
        with e2e.Trace(front, pid) as trace:
            for number in range(30):
                self.assertEqual(self.get(port, f"/item/{number}")[0], 200)
        by_id = {span["span_id"]: span for span in trace.spans}
        chains = []
        for span in trace.of("redis", "client"):
            chain = []
            while span:
                chain.append((span["kind"], span["protocol"]))
                top, span = span, by_id.get(span.get("parent_span_id"))
            chains.append((*chain, top["attributes"].get("url.path")))
        chain = (("client", "redis"), ("server", "http"), ("client", "http"), ("server", "http"))
        self.assertEqual(set(chains), {(*chain, f"/item/{number}") for number in range(30)})
        self.assertEqual(len(self.servers.access_log()), 30)
        self.assertEqual(len(trace.of("http")), 90)

    def test_content(self):
        """Errors, bodies both ways, a propagated context, the service's name."""
        pid, port = self.gunicorn("--worker-class", "gthread", "--threads", "4")
        with e2e.Trace(pid) as trace:
            self.assertEqual(self.get(port, "/fail")[0], 500)
            self.assertEqual(self.get(port, "/none?token=secret-value")[0], 404)
            self.assertEqual(self.get(port, "/echo", data=b"e" * 100_000), (200, b"e" * 100_000))
            self.assertEqual(len(self.get(port, "/stream")[1]), 10_000)
            self.assertEqual(self.get(port, "/item/7", headers={"traceparent": TRACEPARENT})[0], 200)
        spans = {span["attributes"]["url.path"]: span for span in trace.of("http", "server")}
        self.assertEqual(len(spans), 5)
        self.assertEqual((spans["/fail"]["status"], spans["/none"]["status"]), ("error", "unset"))
        self.assertEqual(spans["/echo"]["attributes"]["http.request.body.size"], 100_000)
        self.assertEqual(spans["/echo"]["attributes"]["http.response.body.size"], 100_000)
        self.assertEqual(spans["/stream"]["attributes"].get("http.response.body.size"), 10_000)
        self.assertEqual({span["service"].split("/")[-1] for span in trace.spans}, {"application"})
        told = spans["/item/7"]
        self.assertEqual((told["trace_id"], told["parent_span_id"]), (TRACEPARENT[3:35], TRACEPARENT[36:52]))
        self.assertEqual(told["parent_rule"], "header")
        below = [span for span in trace.of("redis") if span["trace_id"] == told["trace_id"]]
        self.assertGreaterEqual(len(below), 2)
        self.assertNotIn("secret-value", str(trace.spans))


if __name__ == "__main__":
    e2e.main()
