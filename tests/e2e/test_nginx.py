#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""nginx: its access log says what was asked and answered; spantap must say the same, request by request."""
import email.utils
import http.client
import os
import signal
import socket
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../lib"))
import e2e  # noqa: E402
import servers  # noqa: E402

BIG = 3_000_000
RATE_SECONDS = int(os.environ.get("E2E_RATE_SECONDS", "10"))  # issue 3 asks for 60
LOCATIONS = """
    root {www};
    location /copied/ {{ alias {www}/; sendfile off; }}
    location /gzip/ {{ alias {www}/; gzip on; gzip_min_length 1; gzip_types *; }}
    location /early {{ client_max_body_size 64m; return 200 "thanks"; }}
    location /put/ {{ client_max_body_size 64m; dav_methods PUT; }}
    location /teapot {{ return 418; }}
    location /broken {{ return 503; }}
    location /moved {{ return 301 /small; }}
    location /empty {{ return 204; }}
"""


class Nginx(e2e.Case):
    def setUp(self):
        super().setUp()
        self.need("nginx")
        self.servers = self.enterContext(servers.Servers())
        self.www = self.servers.path("www")
        os.makedirs(f"{self.www}/put")
        self.servers.path("www/small", "a small file\n")
        self.servers.path("www/big", "0123456789" * (BIG // 10))
        self.pid, self.port = self.servers.nginx(LOCATIONS.format(www=self.www), "sendfile on;")

    def connect(self, host="127.0.0.1"):
        connection = http.client.HTTPConnection(host, self.port, timeout=e2e.CLIENT_SECONDS)
        self.addCleanup(connection.close)
        return connection

    def ask(self, connection, method, path, **options):
        connection.request(method, path, **options)
        answer = connection.getresponse()
        return answer.status, len(answer.read())

    def check(self, trace):
        """Spans and log lines, as multisets of method, path, query and status."""
        logged = []
        for line, status, _sent, _body in self.servers.access_log():
            method, target, _version = line.split(" ")
            path, _, query = target.partition("?")
            logged.append((method, path, query, int(status)))
        spans = []
        for span in trace.of("http", "server"):
            a = span["attributes"]
            query = a.get("url.query", "")
            status = a.get("http.response.status_code")
            spans.append((a["http.request.method"], a["url.path"], query, status))
        self.assert_counts(spans, e2e.counts(logged))
        self.assertEqual(len(trace.spans), len(logged))

    def test_methods_and_statuses(self):
        connection = self.connect()
        modified = email.utils.formatdate(os.stat(f"{self.www}/small").st_mtime, usegmt=True)
        with e2e.Trace(self.pid) as trace:
            for _ in range(5):
                self.assertEqual(self.ask(connection, "GET", "/small"), (200, 13))
                self.assertEqual(self.ask(connection, "HEAD", "/big"), (200, 0))
                unchanged = self.ask(connection, "GET", "/small", headers={"If-Modified-Since": modified})
                self.assertEqual(unchanged, (304, 0))
                self.assertEqual(self.ask(connection, "GET", "/none/such")[0], 404)
                self.assertEqual(self.ask(connection, "GET", "/empty"), (204, 0))
                self.assertEqual(self.ask(connection, "GET", "/moved")[0], 301)
                self.assertEqual(self.ask(connection, "GET", "/teapot")[0], 418)
                self.assertEqual(self.ask(connection, "GET", "/broken")[0], 503)
                self.assertEqual(self.ask(connection, "OPTIONS", "/small")[0], 405)
                self.assertEqual(self.ask(connection, "GET", "/small", headers={"Range": "bytes=2-4"}), (206, 3))
        self.check(trace)
        for span in trace.spans:
            failed = span["attributes"]["http.response.status_code"] >= 500
            self.assertEqual(span["status"] == "error", failed, span)
            self.assertEqual(span["attributes"].get("error.type"), "503" if failed else None)
            self.assertEqual(span["service"], "nginx")

    def test_bodies(self):
        """Static files by sendfile and by write, chunked answers, bodies of requests: sizes are exact."""
        connection = self.connect()
        body = b"x" * BIG
        with e2e.Trace(self.pid) as trace:
            self.assertEqual(self.ask(connection, "GET", "/big"), (200, BIG))
            self.assertEqual(self.ask(connection, "GET", "/copied/big"), (200, BIG))
            status, chunked = self.ask(connection, "GET", "/gzip/big", headers={"Accept-Encoding": "gzip"})
            self.assertEqual(status, 200)
            self.assertEqual(self.ask(connection, "PUT", "/put/length", body=body)[0], 201)
            pieces = (body[i : i + 20] for i in range(0, 400, 20))
            self.assertEqual(self.ask(connection, "PUT", "/put/chunked", body=pieces)[0], 201)
            self.assertEqual(self.ask(connection, "POST", "/early", body=body), (200, 6))
            self.assertEqual(self.ask(connection, "GET", "/small"), (200, 13))
        self.check(trace)
        answered = {span["attributes"]["url.path"]: span["attributes"] for span in trace.spans}
        self.assertEqual(answered["/big"].get("http.response.body.size"), BIG)
        self.assertEqual(answered["/copied/big"].get("http.response.body.size"), BIG)
        self.assertEqual(answered["/gzip/big"].get("http.response.body.size"), chunked)
        self.assertEqual(answered["/put/length"].get("http.request.body.size"), BIG)
        self.assertEqual(answered["/put/chunked"].get("http.request.body.size"), 400)

    def test_large_chunks(self):
        """Where a chunk ends is not in the copied head: the span is there, its body's size is not."""
        pieces = (b"x" * 70_000 for _ in range(40))
        with e2e.Trace(self.pid, lossy={"decoder_lost_place", "bytes_undecoded"}) as trace:
            self.assertEqual(self.ask(self.connect(), "PUT", "/put/chunked", body=pieces)[0], 201)
        self.check(trace)

    def test_pipelined(self):
        with e2e.Trace(self.pid) as trace:
            with socket.create_connection(("127.0.0.1", self.port)) as connection:
                requests = b"".join(b"GET /small?n=%d HTTP/1.1\r\nHost: x\r\n\r\n" % n for n in range(49))
                connection.sendall(requests + b"GET /teapot HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
                received = b"".join(iter(lambda: connection.recv(65536), b""))
                self.assertEqual(received.count(b"HTTP/1.1 200"), 49)
        self.assertEqual(len(trace.spans), 50)
        self.assertEqual(len(self.servers.access_log()), 50)
        self.assert_counts(
            [span["attributes"]["http.response.status_code"] for span in trace.spans], {200: 49, 418: 1}
        )

    def test_addresses(self):
        """IPv6, a UNIX socket, HTTP/1.0, a connection that was there before."""
        before = self.connect()
        self.ask(before, "GET", "/small?before")
        path = f"{self.servers.directory}/nginx.{self.port}.sock"
        local = http.client.HTTPConnection("unix", timeout=e2e.CLIENT_SECONDS)
        local.sock = socket.socket(socket.AF_UNIX)
        self.addCleanup(local.close)
        with e2e.Trace(self.pid) as trace:
            self.ask(before, "GET", "/small?same")
            self.ask(self.connect("::1"), "GET", "/small?v6")
            local.sock.connect(path)
            self.ask(local, "GET", "/small?unix")
            with socket.create_connection(("127.0.0.1", self.port)) as old:
                old.sendall(b"GET /small?old HTTP/1.0\r\n\r\n")
                while old.recv(65536):
                    pass
        peers = {s["attributes"]["url.path"]: s for s in trace.spans}
        self.assertEqual(len(trace.spans), len(self.servers.access_log()) - 1)
        peers = [s["attributes"].get("network.peer.address") for s in trace.spans]
        self.assert_counts([peer for peer in peers if peer], {"127.0.0.1": 2, "::1": 1, path: 1})
        versions = e2e.counts(s["attributes"].get("network.protocol.version") for s in trace.spans)
        self.assertEqual(versions, {"1.1": 3, "1.0": 1})

    def test_new_workers(self):
        """Workers that are forked while spantap watches. What nginx's processes tell each other is no span."""
        with e2e.Trace(self.pid, lossy={"bytes_undecoded"}) as trace:
            for _ in range(3):
                old = servers.children(self.pid)
                os.kill(self.pid, signal.SIGHUP)  # new workers take over
                e2e.wait_until("new workers", lambda: not set(old) & set(servers.children(self.pid)))
                for _ in range(10):
                    connection = self.connect()
                    self.assertEqual(self.ask(connection, "GET", "/small")[0], 200)
                    connection.close()
        self.check(trace)
        self.assertGreaterEqual(len({span["pid"] for span in trace.spans}), 3)

    def test_rate(self):
        """2,000 requests a second: a span for each line of the log."""
        self.need("wrk")
        script = self.servers.path("rate.lua", "function delay() return 15 end\n")
        command = ["wrk", "-t2", "-c32", f"-d{RATE_SECONDS}s", "-s", script, f"http://127.0.0.1:{self.port}/small"]
        with e2e.Trace(self.pid) as trace:
            done = subprocess.run(command, capture_output=True, text=True, check=True)
        logged = len(self.servers.access_log())
        self.assertGreater(logged, 100, done.stdout)
        print(f"# {logged} requests in {RATE_SECONDS} s")
        self.assertEqual(len(trace.spans), logged)


if __name__ == "__main__":
    e2e.main()
