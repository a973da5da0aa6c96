#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""Plaintext of TLS, from inside OpenSSL: what servers log is what spantap must show, and nothing is guessed."""
import grp
import os
import shutil
import subprocess
import sys
import threading

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../lib"))
import e2e  # noqa: E402
import servers  # noqa: E402

BIG = 500_000
LOCATIONS = """
    listen 127.0.0.1:{port} ssl backlog=1024; ssl_certificate {cert}; ssl_certificate_key {key};
    ssl_protocols TLSv1.2 TLSv1.3;
    root {www};
    location /post {{ client_max_body_size 64m; return 200 "thanks"; }}
    location /teapot {{ return 418; }}
"""
HTTPS = """
import http.client, ssl
context = ssl.create_default_context(cafile=CERT)
def connect():
    return http.client.HTTPSConnection("localhost", PORT, context=context, timeout=60)
def ask(connection, method, path, body=None):
    connection.request(method, path, body)
    answer = connection.getresponse()
    return answer.status, len(answer.read())
"""
ASKS = (
    HTTPS
    + """
ready()
connection = connect()
for n in range(20):
    assert ask(connection, "GET", "/small") == (200, 13)
assert ask(connection, "GET", "/big") == (200, BIG)
assert ask(connection, "POST", "/post", b"x" * 100_000)[0] == 200
assert ask(connect(), "GET", "/teapot")[0] == 418
import requests, urllib.request
session = requests.Session()
session.verify, session.trust_env = CERT, False
for n in range(5):
    assert session.get(f"https://localhost:{PORT}/small?n={n}").text == "a small file\\n"
urllib.request.urlopen(f"https://localhost:{PORT}/small", context=context).read()
"""
)
ASKED = {("GET", "/small", 200): 26, ("GET", "/big", 200): 1, ("POST", "/post", 200): 1, ("GET", "/teapot", 418): 1}
MIDWAY = (
    HTTPS
    + """
connection = connect()
assert ask(connection, "GET", "/small")[0] == 200
ready()
for n in range(10):
    assert ask(connection, "GET", "/small") == (200, 13)
"""
)
THREADS = (
    HTTPS
    + """
import threading
def work(number):
    connection = connect()
    for n in range(50):
        assert ask(connection, "GET", f"/small?from={number}") == (200, 13)
ready()
threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
[t.start() for t in threads]
[t.join() for t in threads]
"""
)
LOAD = (
    HTTPS
    + """
import time
ready()
end = time.monotonic() + SECONDS
while time.monotonic() < end:
    connection = connect()
    for n in range(20):
        assert ask(connection, "GET", "/small") == (200, 13)
        assert ask(connection, "GET", "/big") == (200, BIG)
"""
)
# The end of the handshake and the first request in one packet: nginx reads both at once.
TOGETHER = (
    HTTPS
    + """
import socket
ready()
for n in range(5):
    plain = socket.create_connection(("127.0.0.1", PORT))
    plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_CORK, 1)
    connection = context.wrap_socket(plain, server_hostname="localhost")
    connection.sendall(b"GET /small HTTP/1.0\\r\\n\\r\\n")
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_CORK, 0)
    assert b"200 OK" in connection.recv(1000)
    connection.close()
"""
)
# Its TLS goes through memory: no socket is ever seen inside SSL_read.
MEMORY = """
import asyncio, ssl
context = ssl.create_default_context(cafile=CERT)
async def main():
    reader, writer = await asyncio.open_connection("localhost", PORT, ssl=context)
    for n in range(10):
        writer.write(b"GET /small HTTP/1.1\\r\\nHost: localhost\\r\\n\\r\\n")
        assert b"200 OK" in await reader.readuntil(b"\\r\\n\\r\\n")
        await reader.readexactly(13)
    writer.close()
ready()
asyncio.run(main())
"""
POSTGRES = """
import psycopg2
connection = psycopg2.connect(host="127.0.0.1", port=PORT, user="shop", dbname="postgres", sslmode=MODE,
                              application_name="tls")
cursor = connection.cursor()
cursor.execute("SELECT 0")
ready()
for n in range(10):
    cursor.execute("SELECT %s, repeat('x', 3000)", (n,))
    assert cursor.fetchone()[0] == n
try:
    cursor.execute("SELECT nonsense")
except psycopg2.Error:
    connection.rollback()
second = psycopg2.connect(host="127.0.0.1", port=PORT, user="shop", dbname="postgres", sslmode=MODE)
with second.cursor() as cursor:
    cursor.execute("SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()")
    assert cursor.fetchone()[0] == (MODE == "require")
"""
REDIS = """
import redis
client = redis.Redis(host="127.0.0.1", port=PORT, ssl=True, ssl_ca_certs=CERT)
ready()
for n in range(50):
    client.set(f"key:{n}", "v" * 2000)
    assert len(client.get(f"key:{n}")) == 2000
"""


def summary_of(spans):
    """Method, path, status; a server's span has url.path, a client's url.full."""
    found = []
    for span in spans:
        said = span["attributes"]
        path = said.get("url.path") or "/" + said["url.full"].partition("?")[0].split("/", 3)[3]
        found.append((said["http.request.method"], path, said.get("http.response.status_code")))
    return e2e.counts(found)


class Tls(e2e.Case):
    def setUp(self):
        super().setUp()
        self.need("openssl")
        self.servers = self.enterContext(servers.Servers())
        self.cert, self.key = self.servers.path("cert.pem"), self.servers.path("key.pem")
        command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost"]
        command += ["-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1", "-out", self.cert, "-keyout", self.key]
        subprocess.run(command, check=True, capture_output=True)

    def nginx(self):
        self.need("nginx")
        www = self.servers.path("www")
        os.makedirs(www)
        self.servers.path("www/small", "a small file\n")
        self.servers.path("www/big", "x" * BIG)
        self.port = servers.free_port()
        locations = LOCATIONS.format(port=self.port, cert=self.cert, key=self.key, www=www)
        return self.servers.nginx(locations)[0]

    def logged(self):
        lines = (line[0].split(" ")[:2] + [int(line[1])] for line in self.servers.access_log())
        return e2e.counts((method, target.partition("?")[0], status) for method, target, status in lines)

    def https_client(self, code, **values):
        return e2e.Client(code, PORT=self.port, CERT=self.cert, BIG=BIG, **values)


class Https(Tls):
    def server(self, capture):
        with e2e.Trace(self.nginx(), capture=capture) as trace:
            with self.https_client(ASKS) as client:
                client.go()
            url = f"https://localhost:{self.port}/small"
            quiet = ["-o", "/dev/null"]
            subprocess.run(["curl", "-sf", "--cacert", self.cert, *quiet, url, *quiet, url], check=True)
        spans = trace.of("http", "server")
        self.assertEqual(summary_of(spans), self.logged())
        self.assertEqual(len(spans), 31)
        self.assert_counts((s["attributes"]["url.scheme"] for s in spans), {"https": 31})
        self.assert_counts(("incomplete" in s for s in spans if s["name"] != "GET /big"), {False: 30})
        (big,) = trace.of("http", "server", url_path="/big")
        self.assertEqual(big["attributes"]["http.response.body.size"], BIG)
        return trace

    def test_server_with_the_socket_hook(self):
        if e2e.capture_unable("socket"):
            self.skipTest(e2e.capture_unable("socket"))
        self.server("socket")

    def test_server_with_the_fallback(self):
        self.server("syscall")

    def test_client(self):
        self.nginx()
        trace = e2e.traced(ASKS, PORT=self.port, CERT=self.cert, BIG=BIG)
        spans = trace.of("http", "client")
        self.assertEqual(summary_of(spans), ASKED)
        self.assertEqual(self.logged(), ASKED)
        self.assertTrue(all(s["attributes"]["url.full"].startswith("https://localhost") for s in spans), spans[0])

    def test_both_ends_are_one_trace(self):
        server = self.nginx()
        with self.https_client(ASKS) as client:
            with e2e.Trace(server, client.pid) as trace:
                client.go()
        self.assertEqual(len(trace.of("http", "client")), 29)
        joined = [s for s in trace.of("http", "server") if s.get("parent_rule") == "connection"]
        self.assertEqual(len(joined), 29)
        by_id = {s["span_id"]: s for s in trace.spans}
        for span in joined:
            self.assertEqual(by_id[span["parent_span_id"]]["attributes"]["http.request.method"],
                             span["attributes"]["http.request.method"])  # fmt: skip

    def test_threads(self):
        server = self.nginx()
        with self.https_client(THREADS) as client:
            with e2e.Trace(server, client.pid) as trace:
                client.go()
        for kind in ("client", "server"):
            queries = (s["attributes"].get("url.query") or s["attributes"]["url.full"].partition("?")[2]
                       for s in trace.of("http", kind))  # fmt: skip
            self.assert_counts(queries, {f"from={n}": 50 for n in range(8)})

    def test_first_words_that_come_with_the_handshake(self):
        with e2e.Trace(self.nginx()) as trace:
            with self.https_client(TOGETHER) as client:
                client.go()
        self.assertEqual(summary_of(trace.of("http", "server")), {("GET", "/small", 200): 5})

    def test_connection_that_was_open_before(self):
        server = self.nginx()
        with self.https_client(MIDWAY) as client:
            with e2e.Trace(server, client.pid) as trace:
                client.go()
        self.assertEqual(summary_of(trace.of("http", "server")), {("GET", "/small", 200): 10})
        self.assertEqual(summary_of(trace.of("http", "client")), {("GET", "/small", 200): 10})

    def test_programs_that_start_under_trace(self):
        self.nginx()
        url = f"https://localhost:{self.port}/small"
        _, trace = e2e.run("sh", "-c", f"for n in 1 2 3; do curl -sf --cacert {self.cert} {url}; done")
        self.assertEqual(len(trace.of("http", "client", server_address="localhost")), 3)

    def test_memory_is_not_guessed(self):
        self.nginx()
        lossy = ("tls_no_socket", "connections_tls")
        trace = e2e.traced(MEMORY, lossy=lossy, PORT=self.port, CERT=self.cert)
        self.assertEqual(trace.spans, [])
        self.assertGreaterEqual(trace.lost["tls_no_socket"], 20)
        self.assertEqual(trace.lost["connections_tls"], 1)

    def test_no_uprobes(self):
        with e2e.Trace(self.nginx(), options=["--no-uprobes"], lossy=("connections_tls",)) as trace:
            with self.https_client(ASKS) as client:
                client.go()
        self.assertEqual(trace.spans, [])


class Probes(Tls):
    def test_entries_and_returns_never_uretprobes(self):
        self.need("bpftool")
        bpftool = shutil.which("bpftool", path=os.environ["PATH"] + ":/usr/sbin")
        with e2e.Trace(self.nginx()) as trace:
            shown = subprocess.run([bpftool, "perf", "show"], capture_output=True, text=True, check=True).stdout
            ours = [line for line in shown.splitlines() if line.startswith(f"pid {trace.process.pid} ")]
        self.assertGreaterEqual(sum("  uprobe  " in line for line in ours), 10, shown)
        self.assertEqual([line for line in ours if "uretprobe" in line], [])

    def test_the_target_survives_coming_and_going_under_load(self):
        server = self.nginx()
        workers = servers.children(server)
        with self.https_client(LOAD, SECONDS=12) as first, self.https_client(LOAD, SECONDS=12) as second:
            clients = [threading.Thread(target=client.go) for client in (first, second)]
            for client in clients:
                client.start()
            seen = 0
            while all(client.is_alive() for client in clients):
                command = [e2e.SPANTAP, "trace", "--json", "--duration", "300ms"]
                for pid in (server, first.pid, second.pid):
                    command += ["--pid", str(pid)]
                done = subprocess.run(command, capture_output=True, text=True, check=False, env=e2e.environment())
                seen += done.stdout.count('"url.scheme":"https"')
            for client in clients:
                client.join()
            self.assertEqual((first.process.returncode, second.process.returncode), (0, 0))
        self.assertGreater(seen, 10)
        self.assertEqual(servers.children(server), workers)
        self.assertEqual({status for _, _, status in self.logged()}, {200})


class Databases(Tls):
    def test_postgresql(self):
        os.chown(self.key, 0, grp.getgrnam("postgres").gr_gid)  # a key of root's may be readable by its group
        os.chmod(self.key, 0o640)
        settings = ["ssl=on", f"ssl_cert_file={self.cert}", f"ssl_key_file={self.key}"]
        servers.POSTGRES_LOGGING[:], before = servers.POSTGRES_LOGGING + settings, list(servers.POSTGRES_LOGGING)
        try:
            pid, port, _ = self.servers.postgres()
        finally:
            servers.POSTGRES_LOGGING[:] = before
        traces = {}
        for mode in ("disable", "require"):
            with e2e.Client(POSTGRES, PORT=port, MODE=mode) as client:
                with e2e.Trace(pid, client.pid) as trace:
                    client.go()
            traces[mode] = {
                kind: e2e.counts((s["name"], s["status"], s["attributes"].get("db.query.text"))
                                 for s in trace.of("postgresql", kind))
                for kind in ("client", "server")
            }  # fmt: skip
        self.assertEqual(traces["require"], traces["disable"])
        self.assertEqual(sum(traces["require"]["client"].values()), sum(traces["require"]["server"].values()))
        selects = sum(n for (name, _, _), n in traces["require"]["client"].items() if name.startswith("SELECT"))
        self.assertEqual(selects, 12)

    def test_redis(self):
        self.need("redis-server", "redis-cli")

        def start(port):
            command = ["redis-server", "--port", "0", "--tls-port", str(port), "--bind", "127.0.0.1", "--save", ""]
            command += ["--tls-cert-file", self.cert, "--tls-key-file", self.key, "--tls-ca-cert-file", self.cert]
            command += ["--tls-auth-clients", "no"]
            return self.servers.start("redis", command, e2e.signal.SIGTERM)

        pid, port = self.servers.start_on_free_port("redis", start, lambda port: servers.answers(("127.0.0.1", port)))
        with e2e.Client(REDIS, PORT=port, CERT=self.cert) as client:
            with e2e.Trace(pid, client.pid) as trace:
                client.go()
        cli = ["redis-cli", "-h", "127.0.0.1", "-p", str(port), "--tls", "--cacert", self.cert, "info", "commandstats"]
        stats = subprocess.run(cli, text=True, check=True, capture_output=True).stdout
        for kind in ("client", "server"):
            for name in ("SET", "GET"):
                self.assertEqual(len(trace.of("redis", kind, db_operation_name=name)), 50)
                self.assertIn(f"cmdstat_{name.lower()}:calls=50,", stats)


if __name__ == "__main__":
    e2e.main()
