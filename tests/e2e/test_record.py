#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""`spantap record`: what stands in the file is what --json says, whoever ends it and however."""
import contextlib
import json
import os
import signal
import sqlite3
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../lib"))
import e2e  # noqa: E402
import servers  # noqa: E402

PCAP = os.path.join(e2e.ROOT, "tests/replay/pcap/redis_any.pcap")
SAME = ("trace_id", "span_id", "name", "kind", "protocol", "start_ns", "end_ns", "status", "service", "tid")


def rows(path, sql="SELECT * FROM spans ORDER BY id"):
    """As dictionaries."""
    with contextlib.closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as database:
        database.row_factory = sqlite3.Row
        return [dict(row) for row in database.execute(sql)]


class Record(e2e.Trace):
    """`spantap record --json` around a `with` statement: spans are those of standard output."""

    def __init__(self, path, *pids, options=()):
        super().__init__(*pids, options=options)
        self.command = [e2e.SPANTAP, "record", "--json", "-o", path, *self.command[5:]]

    def start(self):
        """Standard output is the JSON's here, the file is the recording's."""
        popen = subprocess.Popen

        def with_output(command, **keys):
            with open(self.output, "w", encoding="utf-8") as output:
                return popen(command, **{**keys, "stdout": output})

        subprocess.Popen = with_output
        try:
            super().start()
        finally:
            subprocess.Popen = popen


class Recording(e2e.Case):
    def setUp(self):
        super().setUp()
        self.need("redis-server", "redis-cli")
        self.servers = self.enterContext(servers.Servers())
        self.pid, self.port, _path = self.servers.redis()
        self.path = self.servers.path("x.spantap")

    def ask(self, count):
        subprocess.run(
            ["redis-cli", "-p", str(self.port), "-r", str(count), "INCR", "n"], check=True, stdout=subprocess.DEVNULL
        )

    def check_same(self, spans):
        """The view `spans` has what the lines have."""
        found = rows(self.path)
        self.assertEqual(len(found), len(spans))
        by_id = {row["span_id"]: row for row in found}
        for span in spans:
            row = by_id[span["span_id"]]
            for name in SAME:
                self.assertEqual(row[name], span[name], name)
            self.assertEqual(row["ttfb_ns"], span.get("ttfb_ns"))
            self.assertEqual(row["parent_span_id"], span.get("parent_span_id"))
            attributes = {k: v for k, v in span["attributes"].items() if k != "spantap.parent.rule"}
            self.assertEqual(json.loads(row["attributes"]), attributes)

    def test_same_as_lines(self):
        with Record(self.path, self.pid) as record:
            self.ask(300)
            time.sleep(2)  # for the line of progress, once a second
        self.assertGreaterEqual(len(record.of("redis", "server")), 300)
        self.check_same(record.spans)
        self.assertEqual(os.listdir(os.path.dirname(self.path)).count("x.spantap-wal"), 0)
        self.assertEqual(os.stat(self.path).st_mode & 0o777, 0o600)
        about = {row["key"]: row["value"] for row in rows(self.path, "SELECT * FROM about")}
        self.assertEqual(about["finished"], 1)
        self.assertIn("record --json -o", about["description"])
        totals = {(row["what"], row["name"]): row["count"] for row in rows(self.path, "SELECT * FROM total")}
        self.assertEqual(totals["seen", "spans"], record.summary["spans"])
        for name, count in record.summary["lost"].items():
            self.assertEqual(totals["lost", name], count)
        told = "\n".join(record.messages)
        self.assertRegex(told, r"\d+ requests, \d+ spans .*, 0 lost, ")
        self.assertIn(f"next: spantap report {self.path}", told)

    def test_killed(self):
        """What was there a second before is there."""
        record = Record(self.path, self.pid)
        self.addCleanup(record.end)
        record.start()
        self.ask(200)
        time.sleep(2)
        self.assertGreaterEqual(len(rows(self.path)), 200)
        record.process.send_signal(signal.SIGKILL)
        record.process.wait()
        self.assertGreaterEqual(len(rows(self.path)), 200)
        again = self.record("--pid", self.pid, "-d", "1s")
        self.assertEqual(again.returncode, 2)
        self.assertIn("--force", again.stderr)
        again = self.record("--pid", self.pid, "-d", "1s", "--force")
        self.assertEqual(again.returncode, 0, again.stderr)
        self.assertEqual(rows(self.path), [])

    def record(self, *words, path=None):
        command = [e2e.SPANTAP, "record", "-o", path or self.path, *(str(word) for word in words)]
        return subprocess.run(command, capture_output=True, text=True, timeout=e2e.CLIENT_SECONDS, env=e2e.environment())

    def test_command(self):
        """Its status is ours, its output its own; an end by a signal counts too."""
        command = ["redis-cli", "-p", str(self.port), "-r", "20", "INCR", "n"]
        done = self.record("--", *command)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(len(done.stdout.split()), 20)
        self.assertEqual(len(done.stderr.splitlines()), 1, done.stderr)
        self.assertEqual([row["name"] for row in rows(self.path)].count("INCR"), 20)
        self.assertEqual({row["kind"] for row in rows(self.path)}, {"client"})
        self.assertEqual(self.record("--force", "--", "sh", "-c", "exit 7").returncode, 7)
        self.assertEqual(self.record("--force", "--", "sh", "-c", "kill -9 $$").returncode, 128 + 9)
        self.assertEqual(self.record("--force", "--", "/none/such").returncode, 127)

    def test_limits(self):
        done = self.record("--pid", self.pid, "-d", "1s", "--keep", "1h", "--max-size", "1M")
        self.assertEqual(done.returncode, 0, done.stderr)


class Usage(e2e.Case):
    needs_capture = False

    def refused(self, *words):
        done = subprocess.run([e2e.SPANTAP, "record", *words], capture_output=True, text=True, env=e2e.environment())
        self.assertEqual((done.returncode, done.stdout), (2, ""), f"{words}: {done.stderr}")
        self.assertEqual(len(done.stderr.splitlines()), 1, done.stderr)
        self.assertRegex(done.stderr, "^spantap: ")
        return done.stderr

    def test_usage(self):
        me = str(os.getpid())
        self.assertIn("-o FILE", self.refused())
        self.assertIn("-o FILE", self.refused("--pid", me))
        self.assertIn("--pid", self.refused("-o", "/tmp/x"))
        self.assertIn("directory", self.refused("-o", "/tmp", "--pid", me))
        self.assertIn("No such file", self.refused("-o", "/none/such/x", "--pid", me))
        self.assertIn("left alone", self.refused("-o", __file__, "--force", "--pid", me))
        self.assertIn("regular", self.refused("-o", "/dev/null", "--pid", me))
        self.assertIn("command", self.refused("-o", "/tmp/x", "--pid", me, "--", "true"))
        self.assertIn("command", self.refused("-o", "/tmp/x", "--"))
        self.assertIn("--json", self.refused("-o", "/tmp/x", "--json", "--", "true"))
        self.assertIn("--max-size", self.refused("-o", "/tmp/x", "--pid", me, "--max-size", "1K"))
        self.assertIn("--keep", self.refused("-o", "/tmp/x", "--pid", me, "--keep", "1ms"))
        self.assertIn("x", self.refused("x"))
        self.refused("-o", "/tmp/x", "--keep", "soon", "--pid", me)

    def test_pcap(self):
        """A capture file, without root."""
        self.directory = self.enterContext(servers.Servers())
        path = self.directory.path("x.spantap")
        done = subprocess.run([e2e.SPANTAP, "record", "-o", path, "--pcap", PCAP, "--json"], capture_output=True, text=True)
        self.assertEqual(done.returncode, 0, done.stderr)
        lines = [json.loads(line) for line in done.stdout.splitlines()]
        self.assertGreater(len(lines), 1)
        self.assertEqual({span["span_id"] for span in lines[:-1]}, {row["span_id"] for row in rows(path)})


if __name__ == "__main__":
    e2e.main()
