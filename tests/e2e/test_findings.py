#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""A service with one fault for each endpoint, recorded while it runs: each fault is found there, and nothing elsewhere."""
import collections
import http.server
import json
import os
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../lib"))
import e2e  # noqa: E402
import servers  # noqa: E402

APPLICATION = """
import concurrent.futures, os, threading, time
import psycopg2, redis, requests
from flask import Flask
app = Flask(__name__)
REDIS, POSTGRES, OTHER = (int(os.environ[name]) for name in ("REDIS_PORT", "POSTGRES_PORT", "OTHER_PORT"))
cache = redis.Redis(port=REDIS)
http = requests.Session()
local = threading.local()
only_one = threading.Lock()

def query(sql, *values):
    if not hasattr(local, "connection"):
        local.connection = psycopg2.connect(host="127.0.0.1", port=POSTGRES, user="shop", dbname="postgres")
        local.connection.autocommit = True
    with local.connection.cursor() as cursor:
        cursor.execute(sql, values)
        return cursor.fetchall() if cursor.description else []

def other(path):
    return http.get(f"http://127.0.0.1:{OTHER}{path}").text

def work(seconds):
    until = time.thread_time() + seconds
    while time.thread_time() < until:
        pass

def name_of(n):
    return query("SELECT name FROM product WHERE id = %s", n)

# ---- one fault each ----

@app.get("/loop/<int:n>")
def loop(n):
    return str([name_of(n + i) for i in range(20)])

@app.get("/insert/<int:n>")
def insert(n):
    for i in range(20):
        query("INSERT INTO seen VALUES (%s)", n + i)
    return "ok"

@app.get("/ask/<int:n>")
def ask(n):
    return str([other(f"/one/{n + i}") for i in range(8)])

@app.get("/twice/<int:n>")
def twice(n):
    return str([name_of(n), query("SELECT 1 FROM seen WHERE id = %s LIMIT 1", n), name_of(n), name_of(n)])

@app.get("/slow/<int:n>")
def slow(n):
    return str(query("SELECT id, pg_sleep(0.04) FROM product WHERE id = %s", n))

@app.get("/chatty/<int:n>")
def chatty(n):
    return str([cache.get(f"price:{n + i}") for i in range(20)])

@app.get("/lookup/<int:n>")
def lookup(n):
    return str(query("SELECT count(*) FROM (SELECT pg_sleep(0.02) FROM product WHERE id = 1) x"))

@app.get("/serial/<int:n>")
def serial(n):
    return other(f"/news/{n}") + other(f"/weather/{n}")

@app.get("/late/<int:n>")
def late(n):
    return other(f"/weather/{n}")

@app.get("/churn/<int:n>")
def churn(n):
    client = redis.Redis(port=REDIS)
    value = client.get(f"price:{n}")
    client.connection_pool.disconnect()
    return str(value)

@app.get("/sleep/<int:n>")
def sleep(n):
    name_of(n)
    time.sleep(0.05)
    return "ok"

@app.get("/lock/<int:n>")
def lock(n):
    with only_one:
        time.sleep(0.03)
    return "ok"

@app.get("/fail/<int:n>")
def fail(n):
    name_of(n)
    query("SELECT nothing FROM nowhere")

# ---- nothing wrong ----

@app.get("/item/<int:n>")
def item(n):
    work(0.003)
    return str([name_of(n), cache.get(f"price:{n}"), other(f"/one/{n}")])

@app.get("/batch/<int:n>")
def batch(n):
    work(0.003)
    return str(query("SELECT name FROM product WHERE id = ANY(%s)", list(range(n, n + 20))))

@app.get("/pipeline/<int:n>")
def pipeline(n):
    work(0.003)
    with cache.pipeline(transaction=False) as commands:
        for i in range(20):
            commands.get(f"price:{n + i}")
        return str(commands.execute())

@app.get("/write/<int:n>")
def write(n):
    work(0.003)
    return str([name_of(n), query("UPDATE product SET name = 'b' WHERE id = %s", n), name_of(n)])

@app.get("/compute/<int:n>")
def compute(n):
    work(0.02)
    return "ok"
"""
TABLES = """
CREATE TABLE product (id int PRIMARY KEY, name text);
INSERT INTO product SELECT i, 'product ' || i FROM generate_series(1, 2000) i;
CREATE TABLE seen (id int);
"""
# What is to be found, exactly. A service that is late is called in sequence too; a lookup that a cache would save is slow.
FAULTS = {
    "GET /loop/{id}": {"n_plus_one"},
    "GET /insert/{id}": {"n_plus_one"},
    "GET /ask/{id}": {"n_plus_one"},
    "GET /twice/{id}": {"duplicate_query"},
    "GET /slow/{id}": {"slow_query"},
    "GET /chatty/{id}": {"chatty_cache"},
    "GET /lookup/{id}": {"repeated_lookup", "slow_query"},
    "GET /serial/{id}": {"serial_calls", "slow_first_byte"},
    "GET /late/{id}": {"slow_first_byte"},
    "GET /churn/{id}": {"connection_churn"},
    "GET /sleep/{id}": {"sleep"},
    "GET /lock/{id}": {"lock"},
    "GET /fail/{id}": {"errors"},
}
HEALTHY = ["item", "batch", "pipeline", "write", "compute"]
REQUESTS = 25
MANY = {"churn": 110}
PAIRS = 14  # for the lock


class Other(http.server.BaseHTTPRequestHandler):
    """The service that nobody traces."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # which would wait 40 ms for the client's delayed acknowledgement

    def do_GET(self):
        if not self.path.startswith("/one"):
            time.sleep(0.04)
        self.send_response(200)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"ok")

    def log_message(self, *_args):
        pass


class Recording(e2e.Trace):
    """`spantap record`, and what `spantap report --json` says of it: in `report`."""

    def __init__(self, pid):
        super().__init__(pid)
        self.output = os.path.join(self.directory, "recording.spantap")
        self.command = [e2e.SPANTAP, "record", "-o", self.output, "--pid", str(pid)]
        if e2e.CAPTURE != "auto":
            self.command += ["--capture", e2e.CAPTURE]

    def parse(self):
        self.summary = {}
        done = subprocess.run([e2e.SPANTAP, "report", self.output, "--json"], capture_output=True, text=True)
        if self.status or done.returncode:
            raise AssertionError(f"record: {self.status}, {self.messages}; report: {done.stderr}")
        self.report = json.loads(done.stdout)


class Live(e2e.Trace):
    """`spantap trace` for people: what it says, in `text`."""

    def __init__(self, pid):
        super().__init__(pid)
        self.command = [e2e.SPANTAP, "trace", "--colour", "never", "-o", self.output, "--pid", str(pid)]

    def parse(self):
        self.summary = {}
        with open(self.output, encoding="utf-8") as source:
            self.text = source.read()


class Findings(e2e.Case):
    def setUp(self):
        super().setUp()
        self.need("redis-server")
        if e2e.CAPTURE == "packet":
            self.skipTest("packets do not say what a thread did")
        if os.environ.get("GUEST"):
            self.skipTest("under software emulation every call is slow")
        self.servers = self.enterContext(servers.Servers())
        _pid, redis_port, _path = self.servers.redis()
        _pid, postgres_port, _directory = self.servers.postgres()
        made = subprocess.run(
            ["psql", "-q", "-h", "127.0.0.1", "-p", str(postgres_port), "-U", "shop", "postgres"],
            input=TABLES,
            text=True,
            capture_output=True,
            check=False,
        )
        self.assertEqual((made.returncode, made.stderr), (0, ""))
        other = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Other)
        self.addCleanup(other.server_close)
        self.addCleanup(other.shutdown)
        threading.Thread(target=other.serve_forever, daemon=True).start()
        env = {"REDIS_PORT": str(redis_port), "POSTGRES_PORT": str(postgres_port)}
        env["OTHER_PORT"], env["OTEL_SERVICE_NAME"] = str(other.server_address[1]), "shop"
        # Several threads of one process share the lock; the pools are small.
        options = ["--workers", "1", "--threads", "4", "--worker-class", "gthread"]
        self.pid, self.port = self.servers.gunicorn(APPLICATION, *options, env=env)
        for number in range(4):  # imports, first connections
            self.get(f"/item/{number + 1}")

    def get(self, path, status=200):
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=e2e.CLIENT_SECONDS) as answer:
                answer.read()
                found = answer.status
        except urllib.error.HTTPError as error:
            error.read()
            found = error.code
        self.assertEqual(found, status, path)

    def send(self, name):
        """Each request about something else."""
        for number in range(MANY.get(name, REQUESTS)):
            self.get(f"/{name}/{1 + number * 20 % 1900 + number // 95}", 500 if name == "fail" else 200)

    def contend(self):
        """Alone, and in pairs."""
        for number in range(PAIRS):
            self.get(f"/lock/{number}")
            pair = [threading.Thread(target=self.get, args=(f"/lock/{100 + n}",)) for n in range(2)]
            for thread in pair:
                thread.start()
            for thread in pair:
                thread.join()

    def test_faults(self):
        with Recording(self.pid) as recording:
            for endpoint in FAULTS:
                name = endpoint.split("/")[1]
                if name == "lock":
                    self.contend()
                else:
                    self.send(name)
            for name in HEALTHY:
                self.send(name)
        self.assertEqual(recording.report["recording"]["lost"].get("ring_full", 0), 0)
        found = collections.defaultdict(set)
        for finding in recording.report["findings"]:
            found[finding["endpoint"]].add(finding["kind"])
        said = [(f["endpoint"], f["kind"], f["evidence"]) for f in recording.report["findings"]]
        self.assertEqual(dict(found), FAULTS, said)
        self.check_numbers({(f["endpoint"], f["kind"]): f for f in recording.report["findings"]})

    def check_numbers(self, findings):
        """Counts, which do not depend on how fast this machine is."""

        def calls(name, kind):
            return findings[f"GET /{name}/{{id}}", kind]["calls_per_request"]

        self.assertEqual(calls("loop", "n_plus_one"), 20)
        self.assertEqual(calls("insert", "n_plus_one"), 20)
        self.assertEqual(calls("ask", "n_plus_one"), 8)
        self.assertEqual(calls("twice", "duplicate_query"), 3)
        self.assertEqual(calls("chatty", "chatty_cache"), 20)
        self.assertEqual(calls("serial", "serial_calls"), 2)
        self.assertEqual(calls("slow", "slow_query"), 1)
        loop = findings["GET /loop/{id}", "n_plus_one"]
        self.assertEqual(loop["text"], "SELECT name FROM product WHERE id = ?")
        self.assertIn(f"in {REQUESTS} of {REQUESTS} requests", loop["evidence"])
        self.assertIn("many rows in one INSERT", findings["GET /insert/{id}", "n_plus_one"]["advice"])
        self.assertIn("MGET", findings["GET /chatty/{id}", "chatty_cache"]["advice"])
        self.assertIn(f"{REQUESTS} of {REQUESTS} requests failed", findings["GET /fail/{id}", "errors"]["evidence"])
        self.assertIn("42P01", findings["GET /fail/{id}", "errors"]["evidence"])
        self.assertIn("110 connections", findings["GET /churn/{id}", "connection_churn"]["evidence"])
        for finding in findings.values():
            self.assertTrue(0 <= finding["share"] <= 1, finding)

    def test_live(self):
        """The end of `trace` says the same."""
        with Live(self.pid) as trace:
            for name in ("loop", "sleep", "item"):
                self.send(name)
        found = trace.text[trace.text.index("what spantap found") :]
        self.assertIn("slowest endpoint: GET /sleep/{id}", found)
        self.assertIn("    GET /sleep/{id}  shop: sleep", found)
        self.assertIn("    GET /loop/{id}  shop: repeated calls (N+1)", found)
        self.assertIn("      repeated x20 per request, one statement after the other with other values", found)
        self.assertNotIn("GET /item/{id}  shop: s", found)
        self.assertEqual(found.count("      -> "), 2, found)


if __name__ == "__main__":
    e2e.main()
