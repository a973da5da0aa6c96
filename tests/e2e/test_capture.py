#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""
Ways of capture agree: the same script of requests gives the same spans, whatever sees them. DESIGN.md says what
same means: exchanges, names, attributes, sizes and parents; not times, ports and ids.
"""
import os
import re
import sys
import urllib.error
import urllib.request

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../lib"))
import e2e  # noqa: E402
import servers  # noqa: E402

APPLICATION = """
import os, psycopg2, redis
from flask import Flask, request
app = Flask(__name__)
cache = redis.Redis(port=int(os.environ["REDIS_PORT"]))
database = psycopg2.connect(os.environ["DATABASE"])
database.autocommit = True

@app.get("/item/<int:number>")
def item(number):
    cache.set(f"item:{number}", "x" * number * 100)
    cache.get(f"item:{number}")
    cursor = database.cursor()
    cursor.execute("SELECT repeat('y', %s), %s", (number * 10, number))
    try:
        cursor.execute("SELECT * FROM nowhere")
    except psycopg2.Error as error:
        return error.pgcode
    return "?"

@app.post("/echo")
def echo():
    return request.get_data()
"""
CALLS = """
import os, socket
left, right = socket.socketpair()
server = socket.create_server(("127.0.0.1", 0))
ready()
client = socket.create_connection(server.getsockname())
peer, _ = server.accept()
def lines(n):
    return [b"SET key:%d 12345\\r\\n" % n, b"GET key:%d\\r\\n" % n]
def answer():
    peer.sendall(b"+OK\\r\\n$5\\r\\n12345\\r\\n")
def receive(expected):
    data = b""
    while len(data) < expected:
        client.recv(expected, socket.MSG_PEEK)  # is seen once more, and must count once
        data += client.recv(expected - len(data))
SIZE = len(b"+OK\\r\\n$5\\r\\n12345\\r\\n")
def both(send):
    for n in range(3):
        send(lines(n))
        while len(peer.recv(65536)) == 0:
            pass
        answer()
        receive(SIZE)
fd = client.fileno()
both(lambda l: client.sendall(b"".join(l)))
both(lambda l: client.sendmsg(l))
both(lambda l: os.write(fd, b"".join(l)))
both(lambda l: os.writev(fd, l))
"""
SAME = ("name", "kind", "protocol", "status", "status_message", "service", "parent_rule")
PORTS = re.compile(r"\.port$")


class Capture(e2e.Case):
    def comparable(self, trace):
        """Each span as a text without what may differ; counted."""
        by_id = {span["span_id"]: span for span in trace.spans}
        texts = []
        for span in trace.spans:
            parts = {key: span.get(key) for key in SAME}
            parts["attributes"] = sorted(
                (key, value)
                for key, value in span["attributes"].items()
                if not PORTS.search(key) and key != "url.full"
            )
            parts["incomplete"] = sorted(set(span.get("incomplete", [])) - {"late"})
            parent = by_id.get(span.get("parent_span_id"))
            parts["parent"] = parent and (parent["name"], parent["attributes"].get("url.path"))
            texts.append(str(parts))
        return e2e.counts(texts)

    def same(self, modes, trace_with):
        for mode in modes:
            if e2e.capture_unable(mode):
                self.skipTest(e2e.capture_unable(mode))
        first, second = (self.comparable(trace_with(mode)) for mode in modes)
        self.assertGreater(len(first), 10)
        only = [f"{modes[0]} only: {text} {count}" for text, count in first.items() if second.get(text) != count]
        only += [f"{modes[1]} only: {text} {count}" for text, count in second.items() if first.get(text) != count]
        self.assertFalse(only, "\n".join(only))

    def start_service(self):
        self.need("redis-server", "nginx")
        self.servers = self.enterContext(servers.Servers())
        _pid, redis_port, _path = self.servers.redis()
        _pid, postgres_port, _path = self.servers.postgres()
        database = f"host=127.0.0.1 port={postgres_port} user=shop dbname=postgres"
        env = {"REDIS_PORT": str(redis_port), "DATABASE": database}
        options = ["--worker-class", "gthread", "--threads", "4"]
        self.application, port = self.servers.gunicorn(APPLICATION, *options, env=env)
        location = f"location / {{ proxy_pass http://127.0.0.1:{port}; client_max_body_size 9m; }}"
        self.front, self.port = self.servers.nginx(location, workers=1)
        self.ask("/item/1")  # connections that stay are opened now

    def ask(self, path, data=None):
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", data, e2e.CLIENT_SECONDS) as answer:
                return answer.read()
        except urllib.error.HTTPError as error:
            return error.read()

    def trace_service(self, mode):
        with e2e.Trace(self.front, self.application, capture=mode) as trace:
            self.ask_all()
        self.assertEqual(len([s for s in trace.of("http", "server") if s["service"] == "nginx"]), 59)
        return trace

    def ask_all(self):
        for number in range(1, 30):
            self.assertEqual(self.ask(f"/item/{number}"), b"42P01")
            self.ask(f"/none/{number}?q=1")
        self.ask("/echo", b"z" * 200_000)

    def trace_requests(self, mode):
        """Packets know no thread and are each seen once: the requests of one service are what can be compared."""
        with e2e.Trace(self.front, capture=mode) as trace:
            self.ask_all()
        trace.spans = trace.of("http", "server")
        return trace

    def trace_calls(self, mode):
        return e2e.traced(CALLS, capture=mode)

    def test_socket_and_syscall(self):
        self.start_service()
        self.same(("socket", "syscall"), self.trace_service)

    def test_socket_and_syscall_calls(self):
        self.same(("socket", "syscall"), self.trace_calls)

    def test_socket_and_packet(self):
        self.start_service()
        self.same(("socket", "packet"), self.trace_requests)


if __name__ == "__main__":
    e2e.main()
