#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""
`spantap diff` on recordings of a real program in three forms: as it was, mended, and as it was once more. All three are
recorded at the same time and asked in turn, so that what else the machine does is in all of them; in any order, for
who is asked after the others have slept finds a cold processor.
"""
import contextlib
import http.client
import json
import os
import random
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../lib"))
import e2e  # noqa: E402
import servers  # noqa: E402

REQUESTS = 150  # of each endpoint, to each form
APPLICATION = """
import http.server, socket, sys, time
redis_port, extra, sleep = int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3])
class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def get(self, key):
        self.server.redis.sendall(b"*2\\r\\n$3\\r\\nGET\\r\\n$%d\\r\\n%s\\r\\n" % (len(key), key.encode()))
        self.server.redis.recv(4096)
    def do_GET(self):
        status = 200
        if self.path.startswith("/item/"):
            for number in range(2 + extra):
                self.get(f"item:{number}")
        elif self.path == "/sleepy":
            time.sleep(sleep)
        elif self.path == "/broken" and extra:
            status = 500
        self.send_response(status)
        self.send_header("Content-Length", "0")
        self.end_headers()
    def log_message(self, *_):
        pass
server = http.server.HTTPServer(("127.0.0.1", 0), Handler)
server.redis = socket.create_connection(("127.0.0.1", redis_port))
print(server.server_address[1], flush=True)
server.serve_forever()
"""
FORMS = {"before": (100, 0.02), "after": (0, 0.0), "again": (100, 0.02)}
SHOWN = ("faster", "slower")


class Record(e2e.Trace):
    """`spantap record` in a `with` statement; ready when it is attached."""

    def __init__(self, path, pid):
        super().__init__(pid)
        self.command = [e2e.SPANTAP, "record", "-o", path, "--pid", str(pid)]

    def parse(self):
        if self.status:
            raise AssertionError(f"exit status {self.status}: {self.messages}")
        self.summary = {}


def ask(connection, path):
    connection.request("GET", path)
    connection.getresponse().read()


class Diff(e2e.Case):
    @classmethod
    def setUpClass(cls):
        cls.stack = contextlib.ExitStack()
        cls.paths = None

    @classmethod
    def tearDownClass(cls):
        cls.stack.close()

    def setUp(self):
        super().setUp()
        self.need("redis-server")
        if not Diff.paths:
            Diff.paths = self.record()

    @classmethod
    def start(cls, port, form):
        process = subprocess.Popen(
            [e2e.PYTHON, "-c", APPLICATION, str(port), *(str(value) for value in FORMS[form])],
            stdout=subprocess.PIPE,
            text=True,
            env=e2e.environment(OTEL_SERVICE_NAME="app"),
        )
        cls.stack.callback(process.communicate)
        cls.stack.callback(process.kill)
        return process.pid, http.client.HTTPConnection("127.0.0.1", int(process.stdout.readline()))

    @classmethod
    def record(cls):
        running = cls.stack.enter_context(servers.Servers())
        _pid, port, _path = running.redis()
        paths = {form: running.path(form + ".spantap") for form in FORMS}
        with contextlib.ExitStack() as records:
            connections, order = [], random.Random(1)
            for form, path in paths.items():
                pid, connection = cls.start(port, form)
                ask(connection, "/warm-up")
                records.enter_context(Record(path, pid))
                connections.append(connection)
            for turn in range(REQUESTS):
                for path in (f"/item/{turn}", "/sleepy", "/steady", "/broken"):
                    for connection in order.sample(connections, len(connections)):
                        ask(connection, path)
        return paths

    def diff(self, *words, status=0):
        words = [self.paths.get(word, word) for word in words]
        done = subprocess.run(
            [e2e.SPANTAP, "diff", *words], capture_output=True, text=True, env=e2e.environment(), check=False
        )
        self.assertEqual(done.returncode, status, done.stdout + done.stderr)
        return done

    def json(self, *words, status=0):
        return json.loads(self.diff(*words, "--json", status=status).stdout)

    def endpoints(self, *words):
        return {entry["endpoint"]: entry for entry in self.json(*words)["endpoints"]}

    def test_faster(self):
        found = self.endpoints("before", "after")
        self.assertEqual(set(found), {"GET /item/{id}", "GET /sleepy", "GET /steady", "GET /broken"})
        sleepy, item, broken = found["GET /sleepy"], found["GET /item/{id}"], found["GET /broken"]
        self.assertEqual((sleepy["verdict"], sleepy["p50"]["verdict"]), ("faster", "faster"))
        self.assertLess(sleepy["p50"]["high"], 0)
        self.assertIn("no longer blocked: ", sleepy["why"])
        self.assertEqual(sleepy["time"]["blocked"]["verdict"], "faster")
        self.assertEqual(item["calls_per_request"]["verdict"], "faster")
        self.assertEqual((item["before"]["calls_per_request"], item["after"]["calls_per_request"]), (102, 2))
        self.assertIn("100 cache calls fewer per request (GET item:*, 102 before and 2 after)", item["why"])
        self.assertEqual(item["verdict"], "faster")
        self.assertEqual(broken["errors"]["verdict"], "faster")
        self.assertEqual((broken["errors"]["before"], broken["errors"]["after"]), (1, 0))
        self.assertNotIn(found["GET /steady"]["errors"]["verdict"], SHOWN)

    def test_slower(self):
        found = self.endpoints("after", "before")
        self.assertEqual(found["GET /sleepy"]["verdict"], "slower")
        self.assertIn("blocked (sleep, lock, disk): ", found["GET /sleepy"]["why"])
        self.assertIn("100 cache calls more per request", found["GET /item/{id}"]["why"])

    def test_same(self):
        diff = self.json("before", "again")
        for entry in diff["endpoints"] + diff["queries"]:
            for key, value in entry.items():
                verdict = value.get("verdict") if isinstance(value, dict) else value
                self.assertNotIn(verdict, SHOWN, (key, json.dumps(entry)))
        self.assertEqual((diff["appeared"], diff["disappeared"]), ([], []))

    def test_text(self):
        text = self.diff("before", "after").stdout
        self.assertRegex(text, r"^GET /(sleepy|item/\{id\}) is [0-9.]+x faster \(p95 ")
        self.assertIn("endpoints that changed\n", text)
        self.assertNotIn("\x1b", text)

    def test_rules(self):
        self.diff("before", "after", "--fail-on", "p95 > +10%", "--fail-on", "errors > +1%")
        done = self.diff("after", "before", "--fail-on", "p50 > +100% on GET /sle*", status=1)
        self.assertIn("GET /sleepy breaks 'p50 > +100% on GET /sle*': p50 ", done.stdout)
        self.assertNotIn("GET /item/{id} breaks", done.stdout)
        diff = self.json("after", "before", "--fail-on", "calls > +5", "--fail-on", "errors > 99%", status=1)
        self.assertEqual(
            [(broken["rule"], broken["endpoint"]) for broken in diff["failed"]],
            [("calls > +5", "GET /item/{id}"), ("errors > 99%", "GET /broken")],
        )
        done = self.diff("after", "before", "--fail-on", "p42 > 3", status=2)
        self.assertIn('"p42" is not a metric', done.stderr)
        self.assertEqual(done.stderr.count("\n"), 1)

    def test_files(self):
        directory = os.path.dirname(self.paths["before"])
        page, summary = os.path.join(directory, "diff.html"), os.path.join(directory, "diff.md")
        self.diff("before", "after", "--html", page, f"--markdown={summary}")
        with open(page, encoding="utf-8") as written:
            self.assertIn("<html", written.read())
        with open(summary, encoding="utf-8") as written:
            self.assertIn("| <code>GET /sleepy</code> | **faster** |", written.read())
        done = self.diff("before", "/nonexistent", status=2)
        self.assertIn("/nonexistent", done.stderr)
        self.diff("before", status=2)
        done = self.diff("before", "after", "--html", self.paths["again"], status=2)
        self.assertIn("is a recording, and is not overwritten", done.stderr)
        self.diff("before", "after", "again", status=2)
        self.assertIn("the same file", self.diff("before", "before").stdout)


if __name__ == "__main__":
    e2e.main()
