#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""report against what the spans of the same run say, counted here once more and in another way."""
import collections
import fcntl
import fractions
import json
import math
import os
import pty
import random
import re
import struct
import subprocess
import sys
import tempfile
import termios

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../lib"))
import e2e  # noqa: E402
import servers  # noqa: E402
import synthetic as syn  # noqa: E402

CACHES = {"redis", "memcached"}
PARTS = ["cpu", "runqueue", "blocked", "database", "cache", "service", "unaccounted"]
PERCENTILES = {"p50_ns": 50, "p95_ns": 95, "p99_ns": 99}
PRICE = syn.Endpoint("GET /price/{id}", service="shop-pricing", calls=[syn.Call("GET price:{id}", "redis")])
SHOP = [
    syn.Endpoint(
        "GET /orders/{id}",
        requests=300,
        errors=0.1,
        unanswered=0.05,
        parent_none=0.05,
        own_ms=syn.lognormal(3),
        calls=[
            syn.Call("SELECT * FROM orders WHERE id = ?", errors=0.1),
            syn.Call("SELECT * FROM products WHERE id = ?", times=syn.counts(0, 9), overlapping=True),
            syn.Call("GET stock:{id}", "redis", times=4, overlapping=True),
            syn.Call("GET /price/{id}", "http", serves=PRICE, ttfb_share=0.5),
        ],
    ),
    syn.Endpoint("GET /größe/{id}", requests=100, blocked_ms=syn.exponential(30), time=False),
]
HOSTILE = ["GET /\x1b[2J\r\n", "GET /\u202e</script>", 'GET /"\\', "GET /" + "x" * 240]


def kind_of(span):
    system = span["attributes"].get("db.system.name")
    return "cache" if system in CACHES else "database" if system else "service"


def text_of(span):
    """The text that calls of one kind have in common; keys here are words and numbers, arguments come once or at the end."""
    a = span["attributes"]
    if "db.query.text" in a:
        if kind_of(span) != "cache":
            return a["db.query.text"]
        return re.sub(r"( \S+)\1+$", r"\1 ...", re.sub(r"\d+", "*", a["db.query.text"]))
    if "http.request.method" in a and "server.address" in a:
        return f"{a['http.request.method']} {a['server.address']}{a.get('url.template', '')}"
    return span["name"]


def duration(span):
    return span["end_ns"] - span["start_ns"]


def answered(span):
    if span["kind"] == "client" and "ttfb_ns" in span:  # its answer was not read to the end
        return True
    return "unanswered" not in span.get("incomplete", [])


def under_calls(request, calls):
    """Nanoseconds under calls of each kind, as fractions: between two moments where nothing begins or ends."""
    spans = []
    for call in calls:
        start, end = (min(max(call[t], request["start_ns"]), request["end_ns"]) for t in ("start_ns", "end_ns"))
        spans.append((start, end, kind_of(call)))
    moments = sorted({moment for start, end, _ in spans for moment in (start, end)})
    out = collections.Counter()
    for begin, finish in zip(moments, moments[1:]):
        kinds = {kind for start, end, kind in spans if start <= begin and finish <= end}
        for kind in kinds:
            out[kind] += fractions.Fraction(finish - begin, len(kinds))
    return out


def time_of(request, calls):
    out = under_calls(request, calls)
    own = duration(request) - sum(out.values())
    parts = [0, 0, 0]
    if "time" in request:
        parts = [request["time"][f"{part}_ns"] for part in PARTS[:3]]
        if request["time"]["shared"]:
            left = own
            for i, part in enumerate(parts):
                parts[i] = min(part, left)
                left -= parts[i]
        if sum(parts) > own:
            parts = [fractions.Fraction(part) * own / sum(parts) for part in parts]
    out.update(dict(zip(PARTS, parts)))
    out["unaccounted"] = own - sum(parts)
    return out


def check_series(test, got, values, what):
    values = sorted(values)
    for key, percent in PERCENTILES.items():
        want = values[math.ceil(len(values) * percent / 100) - 1] if values else 0
        test.assertEqual(got[key], want, (what, key, len(values)))
    test.assertEqual(got["total_ns"], sum(values), what)
    test.assertEqual(got["max_ns"], max(values, default=0), what)


class Truth:
    def __init__(self, spans):
        self.spans = spans
        self.by_id = {span["span_id"]: span for span in spans}
        self.calls = collections.defaultdict(list)
        self.requests = collections.defaultdict(list)
        for span in spans:
            if span["kind"] == "client":
                self.calls[span.get("parent_span_id")].append(span)
            else:
                self.requests[span["service"], span["name"]].append(span)

    def check(self, test, report):
        recording = report["recording"]
        test.assertEqual(recording["spans"], len(self.spans))
        test.assertEqual(recording["traces"], len({span["trace_id"] for span in self.spans}))
        test.assertEqual(recording["start_ns"], min(span["start_ns"] for span in self.spans))
        test.assertEqual(recording["end_ns"], max(span["end_ns"] for span in self.spans))
        rules = collections.Counter(span["parent_rule"] for span in self.spans if "parent_rule" in span)
        test.assertEqual({rule: n for rule, n in recording["parents"].items() if n}, dict(rules))
        self.check_services(test, report)
        endpoints = {(e["service"], e["endpoint"]): e for e in report["endpoints"]}
        test.assertEqual(set(endpoints), set(self.requests))
        test.assertEqual(len(endpoints), len(report["endpoints"]))
        for key, endpoint in endpoints.items():
            self.check_endpoint(test, key, endpoint)
        totals = [e["total_ns"] for e in report["endpoints"]]
        test.assertEqual(totals, sorted(totals, reverse=True))
        self.check_queries(test, report)
        self.check_edges(test, report)

    def check_services(self, test, report):
        by_service = collections.defaultdict(list)
        for (service, _), requests in self.requests.items():
            by_service[service] += [request for request in requests if answered(request)]
        services = {s["service"]: s for s in report["services"] if s["requests"] or s["unanswered"]}
        test.assertEqual(set(services), set(by_service))
        for name, requests in by_service.items():
            test.assertEqual(services[name]["requests"], len(requests))
            test.assertEqual(services[name]["errors"], sum(r["status"] == "error" for r in requests))
            check_series(test, services[name], map(duration, requests), name)

    def check_endpoint(self, test, key, endpoint):
        requests = [request for request in self.requests[key] if answered(request)]
        test.assertEqual(endpoint["requests"], len(requests), key)
        test.assertEqual(endpoint["unanswered"], len(self.requests[key]) - len(requests), key)
        test.assertEqual(endpoint["errors"], sum(r["status"] == "error" for r in requests), key)
        check_series(test, endpoint, map(duration, requests), key)
        time, calls = collections.Counter(), []
        for request in requests:
            mine = self.calls[request["span_id"]]
            calls += mine
            time.update(time_of(request, mine))
        test.assertEqual(set(endpoint["time"]), {f"{part}_ns" for part in PARTS})
        test.assertEqual(sum(endpoint["time"].values()), endpoint["total_ns"], key)
        for part in PARTS:  # whole numbers: each set of kinds, each request
            test.assertAlmostEqual(endpoint["time"][f"{part}_ns"], float(time[part]), delta=8 * len(requests), msg=key)
        if requests:
            test.assertAlmostEqual(endpoint["calls_per_request"], len(calls) / len(requests))
            slowest = [t["duration_ns"] for t in endpoint["slowest"]]
            test.assertEqual(slowest, sorted(map(duration, requests), reverse=True)[:5])
        by_text = collections.defaultdict(list)
        for call in calls:
            by_text[text_of(call)].append(call)
        listed = {call["text"]: call for call in endpoint["calls"]}
        test.assertEqual({text: c["calls"] for text, c in listed.items()}, {t: len(c) for t, c in by_text.items()})
        for text, call in listed.items():
            per_request = collections.Counter(c["parent_span_id"] for c in by_text[text])
            test.assertEqual(call["requests"], len(per_request))
            test.assertEqual(call["max_per_request"], max(per_request.values()))
            test.assertEqual(call["total_ns"], sum(map(duration, by_text[text])))

    def check_queries(self, test, report):
        wanted = collections.defaultdict(list)
        for calls in self.calls.values():
            for call in calls:
                wanted[call["service"], text_of(call)].append(call)
        queries = {(q["service"], q["text"]): q for q in report["queries"]}
        test.assertEqual(set(queries), set(wanted))
        for key, query in queries.items():
            calls = [call for call in wanted[key] if answered(call)]
            test.assertEqual(query["calls"], len(calls), key)
            test.assertEqual(query["errors"], sum(c["status"] == "error" for c in wanted[key]), key)
            test.assertEqual(query["outside_requests"], sum("parent_span_id" not in c for c in wanted[key]), key)
            check_series(test, query, map(duration, calls), key)

    def check_edges(self, test, report):
        """Between services: calls whose other end was traced; from outside: requests that nobody traced made."""
        wanted = collections.Counter()
        for requests in self.requests.values():
            for request in requests:
                caller = self.by_id.get(request.get("parent_span_id"))
                wanted[caller["service"] if caller else "", request["service"]] += 1
        got = {(e["from"], e["to"]): e["calls"] for e in report["edges"] if e["traced"]}
        test.assertEqual(got, dict(wanted))
        test.assertEqual(
            sum(e["calls"] for e in report["edges"] if e["from"]), sum(len(calls) for calls in self.calls.values())
        )


class Case(e2e.Case):
    def setUp(self):
        super().setUp()
        directory = tempfile.TemporaryDirectory(prefix="spantap-e2e.")
        self.addCleanup(directory.cleanup)
        self.directory = directory.name

    def file(self, name):
        return os.path.join(self.directory, name)

    def run_report(self, *words, status=0, **env):
        done = subprocess.run(
            [e2e.SPANTAP, "report", *words], capture_output=True, text=True, check=False, env=e2e.environment(**env)
        )
        self.assertEqual(done.returncode, status, done.stderr)
        return done

    def json(self, *words):
        return json.loads(self.run_report("--json", *words).stdout)


class Real(Case):
    """The shop of the demo, recorded while it is used."""

    def record(self, shop, path):
        settings = shop.environment()
        load = os.path.join(e2e.ROOT, "examples/shop/load.py")
        command = [e2e.PYTHON, load, settings["SHOP_URL"], "--requests", "240", "--concurrency", "8"]
        recorder = e2e.Trace(settings["SHOP_WEB_PID"], settings["SHOP_PRICING_PID"])
        record = [e2e.SPANTAP, "record", "--json", "-o", path]
        targets = recorder.command[recorder.command.index("-o") + 2 :]
        recorder.command = ["/bin/sh", "-c", f'exec "$@" >{recorder.output}', "sh", *record, *targets]
        with recorder:
            subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        return recorder.spans

    def test_shop(self):
        self.need("redis-server")
        path = self.file("before.spantap")
        with servers.shop.Shop("before") as shop:
            spans = self.record(shop, path)
        report = self.json(path)
        Truth(spans).check(self, report)
        endpoints = {e["endpoint"]: e for e in report["endpoints"]}
        self.assertEqual(endpoints["GET /pair/{id}"]["requests"], 80)
        if e2e.CAPTURE == "packet":  # no threads there: which request made a call is mostly not known
            return
        found = {(f["kind"], f["endpoint"]) for f in report["findings"]}
        self.assertIn(("n_plus_one", "GET /orders/{id}"), found)
        self.assertIn(("sleep", "GET /checkout"), found)
        self.assertEqual(report["recording"]["damage"], "")
        text = self.run_report(path).stdout
        self.assertIn("GET /checkout", text.split("what to change")[0])
        self.assertIn("slowest traces", text)
        self.assertRegex(text, r"shop-web +→ shop-pricing")


class Made(Case):
    """Recordings of what nobody ran."""

    needs_capture = False

    def make(self, name="a.spantap", shop=None, seed=5, **options):
        path = self.file(name)
        spans = syn.workload(shop or SHOP, seconds=20, seed=seed, **options)
        syn.write_recording(path, spans)
        return path, spans

    def test_truth(self):
        for seed in (5, 6, 7):
            path, spans = self.make(f"{seed}.spantap", seed=seed)
            Truth(spans).check(self, self.json(path))

    def test_answers_half_read(self):
        path, spans = self.make(seed=8)
        for span in spans[::5]:
            if span["kind"] == "client" and "ttfb_ns" in span:
                span["incomplete"] = ["unanswered"]
        syn.write_recording(self.file("half.spantap"), spans)
        Truth(spans).check(self, self.json(self.file("half.spantap")))

    def test_several_files(self):
        a, first = self.make("a.spantap", seed=1)
        b, second = self.make("b.spantap", seed=2)
        report = self.json(a, b)
        Truth(first + second).check(self, report)
        self.assertEqual([f["path"] for f in report["recording"]["files"]], [a, b])
        alone = self.json(a)["recording"]["recorded_ns"]
        self.assertAlmostEqual(report["recording"]["recorded_ns"] / alone, 1, delta=0.1)  # at the same time
        c, third = self.make("c.spantap", seed=3, start_ns=syn.START_NS + 3600 * 10**9)
        report = self.json(c, a, b)
        Truth(first + second + third).check(self, report)
        self.assertAlmostEqual(report["recording"]["recorded_ns"] / alone, 2, delta=0.1)  # an hour later

    def test_order_and_filter(self):
        path, _ = self.make()
        for order, key in (("latency", "p95_ns"), ("errors", "errors"), ("total", "total_ns")):
            values = [e[key] for e in self.json(path, "--sort", order)["endpoints"]]
            self.assertEqual(values, sorted(values, reverse=True))
        report = self.json(path, "--endpoint", "PRICE")
        self.assertEqual([e["endpoint"] for e in report["endpoints"]], ["GET /price/{id}"])
        text = self.run_report(path, "--endpoint", "größe").stdout
        self.assertIn("GET /größe/{id}", text)
        self.assertNotIn("GET /orders", text)

    def test_hostile_names(self):
        """Nothing that a terminal obeys, on no paper too wide; JSON is JSON."""
        made, _ = self.make("made.spantap")
        shop = [syn.Endpoint(name, requests=20, service="we\x1b]0;b\x07", calls=[syn.Call("SELECT \x1b[31m\n1" * 50)])
                for name in HOSTILE]  # fmt: skip
        path, spans = self.make(shop=shop)
        Truth(spans).check(self, self.json(path))
        for columns in (60, 80, 110, 160):
            for line in self.lines(path, columns) + self.lines(made, columns):
                self.assertLessEqual(len(line), columns, line)
                self.assertTrue(all(c.isprintable() for c in line), repr(line))

    def lines(self, path, columns):
        return self.run_report(path, COLUMNS=str(columns)).stdout.split(self.directory)[-1].split("\n")

    def test_nothing(self):
        path = self.file("empty.spantap")
        syn.write_recording(path, [])
        self.assertIn("nothing was recorded", self.run_report(path).stdout)
        report = self.json(path)
        self.assertEqual((report["endpoints"], report["findings"], report["recording"]["spans"]), ([], [], 0))

    def test_calls_only(self):
        path, spans = self.make()
        alone = [s for s in spans if s["kind"] == "client" and s["parent_rule"] == "none"]
        self.assertTrue(alone)
        syn.write_recording(self.file("calls.spantap"), alone)
        self.assertIn("no requests", self.run_report(self.file("calls.spantap")).stdout)

    def test_page_and_output(self):
        path, _ = self.make()
        page, output = self.file("page.html"), self.file("report.json")
        done = self.run_report(path, "--html", page, "--json", "-o", output)
        self.assertEqual(done.stdout, "")
        with open(page, encoding="utf-8") as source:
            self.assertIn("GET /gr", source.read())
        with open(output, encoding="utf-8") as source:
            self.assertEqual(json.load(source), self.json(path))
        self.run_report(path, "--html", page)  # again: overwritten

    def test_damaged(self):
        """What is left is reported, and that something is missing is said: on standard error and in the report."""
        path, spans = self.make(seed=9)
        with open(path, "rb") as source:
            whole = source.read()
        page, pages = 4096, len(whole) // 4096
        damaged = [whole[: page * cut // 10] for cut in (3 * pages, 6 * pages, 9 * pages)]  # a copy that ended early
        damaged += [whole[: page * at] + random.Random(at).randbytes(page) + whole[page * (at + 1) :] for at in range(1, pages, 9)]
        read = 0
        for content in damaged:
            bad = self.file("bad.spantap")
            with open(bad, "wb") as out:
                out.write(content)
            done = subprocess.run([e2e.SPANTAP, "report", "--json", bad], capture_output=True, text=True, check=False)
            if done.returncode == 2:  # so little is left that it is no recording
                self.assertEqual((done.stdout, len(done.stderr.splitlines())), ("", 1), done.stderr)
                continue
            self.assertEqual(done.returncode, 0)
            report = json.loads(done.stdout)
            if not report["recording"]["damage"]:  # of a page that nothing needs
                self.assertEqual((report["recording"]["spans"], done.stderr), (len(spans), ""))
                continue
            self.assertEqual(len(done.stderr.splitlines()), 1, done.stderr)
            self.assertLessEqual(report["recording"]["spans"], len(spans))
            self.assertIn(report["recording"]["damage"], done.stderr)
            read += report["recording"]["spans"]
        self.assertGreater(read, 0)

    def on_terminal(self, columns, *words):
        """What a terminal of this width shows, escape sequences and all."""
        master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 40, columns, 0, 0))
        process = subprocess.Popen([e2e.SPANTAP, "report", *words], stdout=slave, stderr=slave, env=e2e.environment())
        os.close(slave)
        seen = b""
        try:
            while data := os.read(master, 65536):
                seen += data
        except OSError:  # the other end is closed
            pass
        os.close(master)
        self.assertEqual(process.wait(e2e.CLIENT_SECONDS), 0)
        return seen.decode().replace("\r\n", "\n")

    def test_terminal(self):
        """Colours, its width, and of the progress nothing is left."""
        path, _ = self.make()
        plain = self.run_report(path, COLUMNS="72").stdout
        self.assertNotIn("\x1b", plain)
        seen = self.on_terminal(72, path)
        self.assertIn("\x1b[1m", seen)
        lines = re.sub(r"\x1b\[[0-9;]*m", "", seen).split("\n")
        self.assertEqual([line for line in lines if len(line) > 72], [])
        self.assertEqual([re.sub("[█▓▒░·]+", "", line) for line in lines],
                         [re.sub("[█▓▒░·]+", "", line) for line in plain.split("\n")])  # fmt: skip
        self.assertNotIn("\x1b[1m", self.on_terminal(72, path, "--colour", "never"))

    def test_usage(self):
        path, _ = self.make()
        with open(self.file("text"), "w", encoding="utf-8") as out:
            out.write("hello")
        bad = [[], [self.file("missing")], [self.file("text")], [self.directory], [path, "--limit", "0"],
               [path, "--sort", "name"], [path, "--frobnicate"], [path, path], [path, "-o", self.directory],
               [path, "-o", path], [path, "--html", os.path.join(self.directory, ".", "a.spantap")]]  # fmt: skip
        for words in bad:
            done = self.run_report(*words, status=2)
            self.assertEqual(len(done.stderr.splitlines()), 1, (words, done.stderr))
            self.assertEqual(done.stdout, "", words)
        self.assertIn("--html", self.run_report("--help").stdout)
        self.json(path)  # it is as it was

    def test_cannot_write(self):
        path, _ = self.make()
        for words in (["--json"], [], ["--html", "/dev/full"]):
            with open("/dev/full", "w", encoding="utf-8") as full:
                done = subprocess.run(
                    [e2e.SPANTAP, "report", path, *words], stdout=full, stderr=subprocess.PIPE, text=True, check=False
                )
            self.assertEqual((done.returncode, len(done.stderr.splitlines())), (2, 1), done.stderr)


if __name__ == "__main__":
    e2e.main()
