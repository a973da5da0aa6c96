#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""convert and export: other programs' readers find in the output what is in the recording, to the nanosecond."""
import collections
import csv
import decimal
import io
import json
import os
import signal
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../lib"))
import collector  # noqa: E402
import decode_otlp  # noqa: E402
import e2e  # noqa: E402
import synthetic as syn  # noqa: E402

PRICE = syn.Endpoint("GET /price/{id}", service="shop-pricing", calls=[syn.Call("GET price:{id}", "redis")])
SHOP = [
    syn.Endpoint(
        "GET /orders/{id}",
        requests=80,
        errors=0.1,
        unanswered=0.05,
        parent_none=0.05,
        calls=[
            syn.Call("SELECT * FROM orders WHERE id = ?", errors=0.1),
            syn.Call("SELECT * FROM products WHERE id = ?", times=syn.counts(0, 9), overlapping=True),
            syn.Call("GET /price/{id}", "http", serves=PRICE, ttfb_share=0.5),
        ],
    ),
    syn.Endpoint("GET /größe/{id}", requests=40, blocked_ms=syn.exponential(30), time=False),
]
HOSTILE = ["=cmd|' /C calc'!A0", 'a,"b"\r\nc', "@SUM(1)", "\u202e\u2028</script>", " x ", "-1+1", "\x1b[31m", "\\"]
COLUMNS = (
    "trace_id,span_id,parent_span_id,name,kind,protocol,service,pid,tid,container_id,start,start_ns,ttfb_ns,end_ns,"
    "duration_ns,status,status_message,parent_rule,parent_sure,cpu_ns,runqueue_ns,blocked_ns,time_shared,incomplete,"
    "connection,call_hash,attributes,links"
).split(",")


def slices_by_track(events):
    tracks = collections.defaultdict(list)
    for event in events:
        if event["ph"] == "X":
            tracks[event["pid"], event["tid"]].append((event["ts"], event["ts"] + event["dur"], event["name"]))
    return tracks


class Recorded(e2e.Case):
    needs_capture = False

    def setUp(self):
        super().setUp()
        directory = tempfile.TemporaryDirectory(prefix="spantap-e2e.")
        self.addCleanup(directory.cleanup)
        self.directory = directory.name
        self.path = self.file("a.spantap")
        self.spans = syn.workload(SHOP, seconds=4, seed=5)
        syn.write_recording(self.path, self.spans)

    def file(self, name):
        return os.path.join(self.directory, name)

    def spantap(self, *words, status=0, **options):
        done = subprocess.run(
            [e2e.SPANTAP, *map(str, words)], capture_output=True, check=False, env=e2e.environment(), **options
        )
        self.assertEqual(done.returncode, status, done.stderr.decode() + done.stdout.decode(errors="replace")[:500])
        return done

    def convert(self, form, *files):
        return self.spantap("convert", *(files or [self.path]), "--to", form).stdout


class Convert(Recorded):
    def test_jsonl(self):
        lines = [json.loads(line) for line in self.convert("jsonl").splitlines()]
        known = {span["span_id"]: span for span in self.spans}
        summary = lines.pop()["summary"]
        self.assertEqual(summary["spans"], len(self.spans))
        self.assertEqual(len(lines), len(known))
        for span in lines:
            e2e.check_span(span)
            want = {k: v for k, v in known[span["span_id"]].items() if k not in ("call_hash", "connection")}
            self.assertEqual(span, want)

    def test_otlp(self):
        got = [span for line in self.convert("otlp").splitlines() for span in decode_otlp.decode_json(line)]
        known = {span["span_id"]: span for span in self.spans}
        self.assertEqual(len(got), len(known))
        for span in got:
            want = known[span["span_id"]]
            for key in ("trace_id", "name", "start_ns", "end_ns"):
                self.assertEqual(span[key], want[key])
            self.assertEqual(span["parent_span_id"], want.get("parent_span_id", ""))
            self.assertEqual(span["resource"]["service.name"], want["service"])
        # The same by the exporter's own output.
        self.spantap("export", self.path, "--otlp=file:" + self.file("x.jsonl"))
        with open(self.file("x.jsonl"), "rb") as exported:
            other = [span for line in exported for span in decode_otlp.decode_json(line)]
        order = lambda span: span["span_id"]  # noqa: E731
        self.assertEqual(sorted(got, key=order), sorted(other, key=order))

    def test_otlp_many(self):
        """A trace of more spans than a request holds."""
        wide = [syn.Endpoint("GET /", requests=2, calls=[syn.Call("SELECT 1", times=1500)])]
        spans = syn.workload(wide, seconds=5, seed=1)
        syn.write_recording(self.path, spans)
        lines = self.convert("otlp").splitlines()
        sizes = [len(decode_otlp.decode_json(line)) for line in lines]
        self.assertEqual(sum(sizes), len(spans))
        self.assertLessEqual(max(sizes), 512)

    def test_csv(self):
        text = self.convert("csv").decode()
        self.assertEqual(text.count("\r\n"), len(self.spans) + 1)
        self.assertEqual(text.count("\n"), len(self.spans) + 1)
        rows = list(csv.DictReader(io.StringIO(text, newline="")))
        known = {span["span_id"]: span for span in self.spans}
        self.assertEqual(list(rows[0]), COLUMNS)
        self.assertEqual(len(rows), len(known))
        for row in rows:
            want = known[row["span_id"]]
            for key in ("trace_id", "name", "kind", "protocol", "service", "status", "status_message"):
                self.assertEqual(row[key], want[key], key)
            for key in ("pid", "tid", "start_ns", "end_ns"):
                self.assertEqual(int(row[key]), want[key], key)
            self.assertEqual(int(row["duration_ns"]), want["end_ns"] - want["start_ns"])
            self.assertEqual(row["ttfb_ns"], str(want.get("ttfb_ns", "")))
            self.assertEqual(row["cpu_ns"], str(want["time"]["cpu_ns"]) if "time" in want else "")
            self.assertEqual(row["incomplete"].split(), want.get("incomplete", []))
            self.assertEqual(json.loads(row["attributes"]), want["attributes"])
            self.assertEqual(int(row["connection"] or 0), want.get("connection", 0))

    def test_chrome(self):
        text = self.convert("chrome").decode()
        trace = json.loads(text, parse_float=decimal.Decimal)
        events, base = trace["traceEvents"], int(trace["otherData"]["start_unix_ns"])
        self.assertEqual(base, min(span["start_ns"] for span in self.spans))
        known = {span["span_id"]: span for span in self.spans}
        slices = [event for event in events if event["ph"] == "X"]
        self.assertEqual(len(slices), len(known))
        for event in slices:
            want = known[event["args"]["span_id"]]
            self.assertEqual(base + event["ts"] * 1000, want["start_ns"])
            self.assertEqual(event["dur"] * 1000, want["end_ns"] - want["start_ns"])
            # A double holds it too.
            self.assertEqual(round(float(event["ts"]) * 1000), want["start_ns"] - base)
            self.assertEqual(event["name"], want["name"])
            self.assertEqual(event["args"]["status"], want["status"])
            self.assertLessEqual(want["attributes"].items(), event["args"].items())
        names = {(event["pid"], event["tid"]) for event in events if event.get("name") == "thread_name"}
        processes = {event["pid"]: event["args"]["name"] for event in events if event.get("name") == "process_name"}
        self.assertEqual({(event["pid"], event["tid"]) for event in slices}, names)
        self.assertEqual({name.split(" (")[0] for name in processes.values()}, {s["service"] for s in self.spans})
        for event in slices:
            self.assertTrue(processes[event["pid"]].startswith(known[event["args"]["span_id"]]["service"]))
        self.check_nesting(events)
        self.check_arrows(events, known)

    def check_nesting(self, events):
        for track in slices_by_track(events).values():
            stack = []
            for start, end, name in sorted(track, key=lambda slice: (slice[0], -slice[1])):
                while stack and stack[-1] <= start:
                    stack.pop()
                self.assertTrue(not stack or end <= stack[-1], name)
                stack.append(end)

    def check_arrows(self, events, known):
        """Each arrow leads from a parent's slice to a child's, and who is called in another process has one."""
        at = {event["args"]["span_id"]: event for event in events if event["ph"] == "X"}
        heads = {event["id"]: event for event in events if event["ph"] == "f"}
        tails = {event["id"]: event for event in events if event["ph"] == "s"}
        self.assertEqual(set(heads), set(tails))
        for child in heads:
            ends = ((heads[child], at[child]), (tails[child], at[known[child]["parent_span_id"]]))
            for end, slice_ in ends:
                self.assertEqual((end["pid"], end["tid"]), (slice_["pid"], slice_["tid"]))
                self.assertTrue(slice_["ts"] <= end["ts"] <= slice_["ts"] + slice_["dur"])
        for child, span in known.items():
            parent = known.get(span.get("parent_span_id"))
            if parent and parent["service"] != span["service"]:
                self.assertIn(child, heads)

    def test_hostile(self):
        """Names and values that want to be something else stay texts, everywhere."""
        spans = self.spans[: len(HOSTILE)]
        for span, text in zip(spans, HOSTILE):
            span["name"], span["attributes"]["url.path"] = text, text
        syn.write_recording(self.path, spans)
        rows = list(csv.DictReader(io.StringIO(self.convert("csv").decode(), newline="")))
        guarded = ["'" + text if text[0] in "=+-@\t\r\n" else text for text in HOSTILE]
        self.assert_counts((row["name"] for row in rows), collections.Counter(guarded))
        self.assert_counts((json.loads(row["attributes"])["url.path"] for row in rows), collections.Counter(HOSTILE))
        events = json.loads(self.convert("chrome"))["traceEvents"]
        self.assert_counts((e["name"] for e in events if e["ph"] == "X"), collections.Counter(HOSTILE))
        self.need("jq")
        done = subprocess.run(["jq", "-r", "select(.name) | .name | @json"], input=self.convert("jsonl"),
                              capture_output=True, check=True)
        self.assert_counts(map(json.loads, done.stdout.decode().split("\n")[:-1]), collections.Counter(HOSTILE))

    def test_several(self):
        other = syn.workload(SHOP, seconds=4, seed=6)
        syn.write_recording(self.file("b.spantap"), other)
        rows = list(csv.DictReader(io.StringIO(self.convert("csv", self.path, self.file("b.spantap")).decode())))
        self.assertEqual({row["span_id"] for row in rows}, {span["span_id"] for span in self.spans + other})
        events = json.loads(self.convert("chrome", self.path, self.file("b.spantap")), parse_float=decimal.Decimal)
        self.check_nesting(events["traceEvents"])

    def test_empty(self):
        syn.write_recording(self.path, [])
        self.assertEqual(self.convert("csv").decode(), ",".join(COLUMNS) + "\r\n")
        self.assertEqual(json.loads(self.convert("chrome"))["traceEvents"], [])
        self.assertEqual(self.convert("otlp"), b"")
        self.assertEqual(json.loads(self.convert("jsonl"))["summary"]["spans"], 0)

    def test_output(self):
        self.spantap("convert", self.path, "--to", "csv", "-o", self.file("out.csv"))
        with open(self.file("out.csv"), "rb") as out:
            self.assertEqual(out.read(), self.convert("csv"))
        done = self.spantap("convert", self.path, "--to=csv", "-o", "/dev/full", status=1)
        self.assertEqual(done.stderr.decode(), "spantap: cannot write /dev/full: No space left on device\n")

    def test_refused(self):
        """One sentence each, status 2, and the recording is what it was."""
        with open(self.path, "rb") as source:
            before = source.read()
        with open(self.file("b.spantap"), "wb") as out:
            out.write(before)
        cases = {
            ("--to", "csv"): "which recording",
            (self.path,): "convert to what?",
            (self.path, "--to", "xml"): '"xml" is none of',
            (self.path, "--to", "csv", "-o", self.path): "one of the files to convert",
            (self.path, "--to", "csv", "-o", self.file("b.spantap")): "which convert does not overwrite",
            (self.path, "--to", "csv", "-o", self.directory): "is a directory",
            (self.path, "--to", "csv", "-o", self.file("no/where")): "cannot write",
            (self.file("none"), "--to", "csv"): "none",
            ("/etc/passwd", "--to", "csv"): "not a recording",
            (self.path, "--to", "csv", "--tow", "x"): "--tow",
        }
        for words, message in cases.items():
            done = self.spantap("convert", *words, status=2)
            self.assertIn(message, done.stderr.decode())
            self.assertEqual(done.stderr.decode().count("\n"), 1, done.stderr)
            self.assertEqual(done.stdout, b"")
        with open(self.path, "rb") as source:
            self.assertEqual(source.read(), before)

    def test_help(self):
        for command in ("convert", "export"):
            text = self.spantap(command, "--help").stdout.decode()
            self.assertIn(f"usage: spantap {command} FILE...", text)
            self.assertLessEqual(max(map(len, text.splitlines())), 100)


class Export(Recorded):
    def collect(self, **options):
        return self.enterContext(collector.Collector(self.file("received.jsonl"), **options))

    def test_otlp(self):
        back_end = self.collect()
        done = self.spantap("export", self.path, "--otlp=" + back_end.url)
        self.assertEqual(done.stdout.decode(), f"otlp: {len(self.spans)} spans delivered\n")
        self.assertEqual(done.stderr, b"")
        known = {span["span_id"]: span for span in self.spans}
        received = back_end.spans()
        self.assertEqual(len(received), len(known))
        for span in received:
            self.assertEqual(span["start_ns"], known[span["span_id"]]["start_ns"])

    def test_both(self):
        back_end = self.collect()
        done = self.spantap("export", self.path, "--otlp", back_end.url, "--datadog=" + back_end.url)
        for name in ("otlp", "datadog"):
            self.assertIn(f"{name}: {len(self.spans)} spans delivered\n", done.stdout.decode())
        sent = [s for request in back_end.requests() for chunk in request.get("chunks", []) for s in chunk]
        self.assertEqual(len(sent), len(self.spans))

    def test_waits(self):
        """More than the queue holds, and a back end that is busy at first: nothing is lost."""
        many = syn.workload([syn.Endpoint("GET /", requests=70000, time=False)], seconds=60, seed=2)
        syn.write_recording(self.path, many)
        back_end = self.collect(fail=[503, 503], retry_after="1")
        done = self.spantap("export", self.path, "--otlp=" + back_end.url)
        self.assertEqual(done.stdout.decode(), f"otlp: {len(many)} spans delivered\n")
        self.assertEqual(len({span["span_id"] for span in back_end.spans()}), len(many))

    def test_refusing(self):
        back_end = self.collect(fail=[400] * 1000)
        done = self.spantap("export", self.path, "--otlp=" + back_end.url, status=1)
        count = len(self.spans)
        self.assertEqual(done.stdout.decode(), f"otlp: 0 of {count} spans delivered, {count} refused, 0 not sent\n")

    def test_stopped(self):
        """Nobody listens; told to stop, it says what was not sent."""
        command = [e2e.SPANTAP, "export", self.path, "--otlp=http://127.0.0.1:1"]
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=e2e.environment()) as process:
            self.assertIn(b"cannot deliver to", process.stderr.readline())
            process.send_signal(signal.SIGINT)
            out, _err = process.communicate()
        self.assertEqual(process.returncode, 1)
        count = len(self.spans)
        self.assertEqual(
            out.decode(), f"otlp: 0 of {count} spans delivered, 0 refused, {count} not sent (stopped)\n"
        )

    def test_refused(self):
        for words, message in {
            (): "which recording",
            (self.path,): "export where?",
            (self.path, "--otlp=nowhere"): "is not a URL",
            (self.file("none"), "--otlp"): "none",
        }.items():
            done = self.spantap("export", *words, status=2)
            self.assertIn(message, done.stderr.decode())
            self.assertEqual(done.stderr.decode().count("\n"), 1, done.stderr)


e2e.main()
