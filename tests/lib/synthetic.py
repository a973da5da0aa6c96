# SPDX-License-Identifier: GPL-2.0-only
"""Workloads that nobody ran, as spans and as recordings: for tests of report, diff, convert and the pages.

    import synthetic as syn

    shop = [
        syn.Endpoint("GET /orders/{id}", requests=1000, own_ms=syn.lognormal(3, 0.4), calls=[
            syn.Call("SELECT * FROM orders WHERE id = ?", ms=syn.lognormal(0.5)),
            syn.Call("SELECT * FROM products WHERE id = ?", times=37, ms=syn.lognormal(0.2)),      # N+1
            syn.Call("GET /price/{id}", "http", serves=syn.Endpoint("GET /price/{id}", service="pricing")),
        ]),
        syn.Endpoint("GET /checkout", requests=500, blocked_ms=150, errors=0.02),
    ]
    spans = syn.workload(shop, seconds=60, seed=7)            # span dicts: DESIGN.md, "Machine-readable output"
    syn.write_recording("a.spantap", spans, syn.import_tool())  # make $(O)/tests/tools/import_lines
    slower = syn.workload([shop[0].but(slower=1.1), shop[1]], seconds=60, seed=8)

    spans = syn.read_recording("real.spantap", syn.import_tool())
    again = syn.resample(spans, seed=1)                       # same workload, other luck: no diff may see a change

Wherever a number of milliseconds or of calls is asked for, a distribution (a function of a random.Random) does too:
constant, uniform, lognormal, exponential, mixture, counts. The seed decides everything else.
100,000 spans take a second to make and one to write. Spans of a trace stand together, parents first.
A Call's `text` is SQL for postgresql and mysql, "GET price:{id}" for redis, "METHOD /path" for http. Every `{id}`
in the name of an endpoint and in the text of a Redis or HTTP call becomes a number.
"""
import dataclasses
import json
import math
import os
import random
import subprocess
import typing
import zlib

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
START_NS = 1_790_000_000_000_000_000
MS = 1_000_000
PORTS = {"postgresql": 5432, "mysql": 3306, "redis": 6379, "http": 8080}
IDS = 100  # different ids that requests ask for


# ---- distributions: functions of a random.Random ----


def constant(value):
    return lambda _random: value


def uniform(low, high):
    return lambda r: r.uniform(low, high)


def lognormal(median, sigma=0.3):
    """sigma 0.3: p95 is 1.6 times the median, 0.8: 3.7 times."""
    return lambda r: median * math.exp(r.gauss(0, sigma))


def exponential(mean, floor=0):
    return lambda r: floor + r.expovariate(1 / mean)


def mixture(*parts):
    """(weight, distribution)...: a fast path and a slow one."""
    weights = [weight for weight, _part in parts]
    return lambda r: r.choices(parts, weights)[0][1](r)


def counts(low, high):
    return lambda r: r.randint(low, high)


def draw(value, r):
    return value(r) if callable(value) else value


# ---- what a workload is made of ----


@dataclasses.dataclass
class Call:
    """What a request asks of others, `times` times in a row, or all at once where overlapping."""

    text: str = "SELECT 1"
    protocol: str = "postgresql"
    times: typing.Any = 1
    ms: typing.Any = dataclasses.field(default_factory=lambda: lognormal(0.5))
    gap_ms: typing.Any = 0.02  # own processor time before each
    overlapping: bool = False
    errors: float = 0.0
    same: bool = False  # all have the same values: duplicates
    new_connection: bool = False  # one for each call, else the process keeps one
    ttfb_share: float = 1.0  # of its duration, until the first byte of the answer
    serves: typing.Any = None  # Endpoint that is the other end of an HTTP call; `ms` is then the way there and back
    attributes: dict = dataclasses.field(default_factory=dict)  # code.file.path, ...


@dataclasses.dataclass
class Endpoint:
    name: str = "GET /"
    service: str = "shop-web"
    requests: int = 1000
    own_ms: typing.Any = dataclasses.field(default_factory=lambda: lognormal(2))  # processor time of its own
    blocked_ms: typing.Any = 0  # sleep, lock, disk; before its calls
    runqueue_ms: typing.Any = 0.05
    calls: list = dataclasses.field(default_factory=list)
    errors: float = 0.0
    slower: float = 1.0  # stretches everything
    drift: tuple = (0.0, 0.0)  # (rho, sigma): neighbours resemble each other: AR(1) of the logarithm of all times
    trend: float = 0.0  # the last request's times are 1 + trend times the first's
    time: bool = True  # the split of its own time is known
    shared: bool = False  # by a thread that serves others too
    unanswered: float = 0.0
    parent_none: float = 0.0  # share of calls that lost their request

    def but(self, **changes):
        return dataclasses.replace(self, **changes)


class _Maker:
    def __init__(self, seed):
        self.random = random.Random(seed)
        self.pids = {}
        self.connections = 0
        self.kept = {}

    def identity(self, bits):
        return f"{self.random.getrandbits(bits) | 1:0{bits // 4}x}"

    def pid(self, service):
        return self.pids.setdefault(service, 1000 + 10 * len(self.pids))

    def connection(self, service, call):
        if call.new_connection:
            self.connections += 1
            return self.connections
        key = (service, call.protocol)
        if key not in self.kept:
            self.connections += 1
            self.kept[key] = self.connections
        return self.kept[key]

    def span(self, trace_id, parent, rule, **fields):
        span = {"trace_id": trace_id, "span_id": self.identity(64)}
        if parent:
            span["parent_span_id"] = parent
        span.update(fields, status_message="", container_id="", links=[])
        span.setdefault("status", "unset")
        if rule:
            span["parent_rule"] = rule
            span["parent_sure"] = 0.0 if rule == "none" else 1.0
            span["attributes"]["spantap.parent.rule"] = rule
        return span

    def fail(self, span, kind):
        span["status"] = "error"
        span["attributes"]["error.type"] = kind

    def request(self, endpoint, start, factor, trace_id, parent=None):
        """A request and everything below it, as [spans], the request first."""
        r = self.random
        method, _, route = endpoint.name.partition(" ")
        pid = self.pid(endpoint.service)
        number = r.randint(1, IDS)
        root = self.span(
            trace_id,
            parent,
            "connection" if parent else None,
            name=endpoint.name,
            kind="server",
            protocol="http",
            service=endpoint.service,
            pid=pid,
            tid=pid + r.randint(1, 8),
            attributes={
                "http.request.method": method,
                "url.path": route.replace("{id}", str(number)),
                "http.route": route,
                "http.response.status_code": 200,
            },
        )
        factor *= endpoint.slower
        own = draw(endpoint.own_ms, r) * factor
        blocked = draw(endpoint.blocked_ms, r) * factor
        runqueue = draw(endpoint.runqueue_ms, r) * factor
        spans, now = [root], start + int((own / 2 + blocked + runqueue) * MS)
        for call in endpoint.calls:
            now, gaps = self.call(endpoint, call, number, now, factor, root, spans)
            own += gaps
        end = now + int(own / 2 * MS)
        root.update(start_ns=start, ttfb_ns=end, end_ns=end)
        if endpoint.time:
            root["time"] = {
                "cpu_ns": int(own * MS),
                "runqueue_ns": int(runqueue * MS),
                "blocked_ns": int(blocked * MS),
                "shared": endpoint.shared,
            }
        if r.random() < endpoint.errors:
            root["attributes"]["http.response.status_code"] = 500
            self.fail(root, "500")
        if r.random() < endpoint.unanswered:
            del root["ttfb_ns"], root["attributes"]["http.response.status_code"]
            root["incomplete"] = ["unanswered"]
        return spans

    def call(self, endpoint, call, number, now, factor, root, spans):
        """Adds its spans; when the request goes on, and the processor time spent between calls."""
        gaps, end = 0.0, now
        for turn in range(int(draw(call.times, self.random))):
            gap = draw(call.gap_ms, self.random) * factor
            gaps += gap
            start = (now if call.overlapping else end) + int(gap * MS)
            now += int(gap * MS) if call.overlapping else 0
            identity = number if call.same else number + turn
            end = max(end, self.one_call(endpoint, call, identity, start, factor, root, spans))
        return end, gaps

    def one_call(self, endpoint, call, identity, start, factor, root, spans):
        r = self.random
        text = call.text.replace("{id}", str(identity))
        lost = r.random() < endpoint.parent_none
        span = self.span(
            self.identity(128) if lost else root["trace_id"],
            None if lost else root["span_id"],
            "none" if lost else "unit",
            name=self.call_name(call),
            kind="client",
            protocol=call.protocol,
            service=root["service"],
            pid=root["pid"],
            tid=root["tid"],
            attributes={**self.call_attributes(call, text), **call.attributes},
        )
        span["call_hash"] = zlib.crc32(f"{call.text} {identity}".encode()) + 1
        span["connection"] = self.connection(root["service"], call)
        length = int(draw(call.ms, r) * factor * MS)
        below = []
        if call.serves:
            below = self.request(call.serves, start + length // 2, factor, span["trace_id"], span["span_id"])
            length += below[0]["end_ns"] - below[0]["start_ns"]
        first = start + int(length * call.ttfb_share)
        span.update(start_ns=start, ttfb_ns=first, end_ns=start + length)
        if r.random() < call.errors:
            self.fail(span, "500" if call.protocol == "http" else "23505")
        spans += [span, *below]
        return start + length

    def call_name(self, call):
        words = call.text.split()
        if call.protocol in ("redis", "http"):
            return words[0]
        upper = [word.upper() for word in words]
        for before in ("FROM", "INTO", "UPDATE"):
            if before in upper[:-1]:
                return f"{words[0]} {words[upper.index(before) + 1]}"
        return words[0]

    def call_attributes(self, call, text):
        word, _, rest = text.partition(" ")
        port = PORTS[call.protocol]
        attributes = {"server.address": "127.0.0.1", "server.port": port}
        attributes.update({"network.peer.address": "127.0.0.1", "network.peer.port": port})
        if call.protocol == "http":
            attributes.update(
                {
                    "http.request.method": word,
                    "url.full": f"http://127.0.0.1:{port}{rest}",
                    "http.response.status_code": 200,
                }
            )
        elif call.protocol == "redis":
            attributes.update(
                {"db.system.name": "redis", "db.operation.name": word, "db.query.text": text, "db.namespace": "0"}
            )
        else:
            attributes.update(
                {
                    "db.system.name": call.protocol,
                    "db.namespace": "shop",
                    "db.query.text": text,
                    "db.query.summary": self.call_name(call),
                }
            )
        return attributes


def workload(endpoints, seconds=60.0, seed=0, start_ns=START_NS):
    """Spans of all requests, spread evenly and at random over `seconds`; traces in the order they end."""
    maker = _Maker(seed)
    traces = []
    for endpoint in endpoints:
        r = maker.random
        starts = sorted(r.uniform(0, seconds) for _ in range(endpoint.requests))
        rho, sigma = endpoint.drift
        state = r.gauss(0, sigma)
        for at in starts:
            state = rho * state + math.sqrt(1 - rho * rho) * r.gauss(0, sigma)
            factor = math.exp(state) * (1 + endpoint.trend * at / seconds)
            start = start_ns + int(at * 1e9)
            traces.append(maker.request(endpoint, start, factor, maker.identity(128)))
    traces.sort(key=lambda spans: spans[0]["end_ns"])
    return [span for spans in traces for span in _together(spans)]


def _together(spans):
    """Calls that lost their request are traces of their own."""
    own = [span for span in spans if span["trace_id"] == spans[0]["trace_id"]]
    return own if len(own) == len(spans) else own + [s for s in spans if s["trace_id"] != spans[0]["trace_id"]]


# ---- recordings ----


def import_tool():
    """Where make puts it, beside the spantap that is tested ($SPANTAP)."""
    spantap = os.environ.get("SPANTAP", os.path.join(ROOT, "build/spantap"))
    return os.environ.get("IMPORT_LINES", os.path.join(os.path.dirname(spantap), "tests/tools/import_lines"))


def lines(spans, summary=None):
    """As spantap writes them, bytes; `summary` ({"spans": ..., "lost": {...}, ...}) is its last line."""
    encode = json.JSONEncoder(separators=(",", ":")).encode
    text = [encode(span) for span in spans] + ([encode({"summary": summary})] if summary else [])
    return ("\n".join(text) + "\n").encode() if text else b""


def write_recording(path, spans, tool=None, summary=None):
    """Replaces `path` by a recording of the spans, or by JSON lines where its name ends with .jsonl."""
    if path.endswith(".jsonl"):
        with open(path, "wb") as out:
            out.write(lines(spans, summary))
        return
    done = subprocess.run(
        [tool or import_tool(), path], input=lines(spans, summary), capture_output=True, check=False
    )
    if done.returncode:
        raise RuntimeError(done.stderr.decode(errors="replace").strip())


def read_recording(path, tool=None):
    done = subprocess.run([tool or import_tool(), "--export", path], capture_output=True, check=False)
    if done.returncode:
        raise RuntimeError(done.stderr.decode(errors="replace").strip())
    return [span for span in map(json.loads, done.stdout.splitlines()) if "summary" not in span]


def traces_of(spans):
    """[[spans of a trace]...], as they stand together."""
    traces = []
    for span in spans:
        if not traces or traces[-1][0]["trace_id"] != span["trace_id"]:
            traces.append([])
        traces[-1].append(span)
    return traces


def resample(spans, seed, count=None, block=1, stretch=None):
    """
    As many traces (or `count`), drawn with replacement, `block` neighbours at a time, with ids of their own; the n-th
    begins when the n-th of the original did. stretch(root span) -> factor on that trace's times: 1.1 is 10 % slower.
    """
    r = random.Random(seed)
    traces = sorted(traces_of(spans), key=lambda trace: trace[0]["start_ns"])
    starts = [trace[0]["start_ns"] for trace in traces]
    count = count or len(traces)
    drawn = []
    while len(drawn) < count and traces:
        at = r.randrange(len(traces))
        drawn += [(at + i) % len(traces) for i in range(block)]
    period = max(span["end_ns"] for span in spans) - starts[0] if spans else 0
    out = []
    for turn, at in enumerate(drawn[:count]):
        start = starts[turn % len(starts)] + period * (turn // len(starts))
        out.append(_moved(traces[at], start, stretch(traces[at][0]) if stretch else 1, r))
    out.sort(key=lambda trace: trace[0]["end_ns"])
    return [span for trace in out for span in trace]


def _moved(trace, start, factor, r):
    trace_id = f"{r.getrandbits(128) | 1:032x}"
    ids = {span["span_id"]: f"{r.getrandbits(64) | 1:016x}" for span in trace}
    begin = trace[0]["start_ns"]
    moved = []
    for span in trace:
        new = {**span, "trace_id": trace_id, "span_id": ids[span["span_id"]]}
        if "parent_span_id" in span:
            new["parent_span_id"] = ids.get(span["parent_span_id"], span["parent_span_id"])
        for key in ("start_ns", "ttfb_ns", "end_ns"):
            if key in span:
                new[key] = start + int((span[key] - begin) * factor)
        if factor != 1 and "time" in span:
            new["time"] = {k: v if k == "shared" else int(v * factor) for k, v in span["time"].items()}
        moved.append(new)
    return moved
