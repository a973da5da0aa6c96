# SPDX-License-Identifier: GPL-2.0-only
"""What the end-to-end tests share: spantap around a target, programs that are the target, and TAP.

    class Redis(e2e.Case):
        def test_get(self):
            with e2e.Trace(pid) as trace:
                ...                      # traffic
            self.assertEqual(len(trace.of("redis")), 3)

    e2e.main()

Nothing here asserts on how long something takes; limits of time exist only so that a test ends.
E2E_CAPTURE=socket|syscall|packet runs every trace with that --capture. SPANTAP is the binary.
"""
import collections
import functools
import json
import os
import pty
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import unittest

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
PYTHON = "/usr/bin/python3"
SPANTAP = os.path.abspath(os.environ.get("SPANTAP", os.path.join(ROOT, "build/spantap")))
CAPTURE = os.environ.get("E2E_CAPTURE", "auto")
ATTACH_SECONDS = 240  # a guest under software emulation is 50 times slower
STOP_SECONDS = 240
CLIENT_SECONDS = 240
SETTLE_SECONDS = 0.4  # a server's send returns to the server a little after the client has read it
SPAN_KEYS = {
    "trace_id", "span_id", "parent_span_id", "name", "kind", "protocol", "start_ns", "ttfb_ns", "end_ns", "status",
    "status_message", "service", "pid", "tid", "container_id", "parent_rule", "parent_sure", "time", "incomplete",
    "attributes", "links", "explain",
}  # fmt: skip
KINDS = {"server", "client", "producer", "consumer", "internal"}
SEEN_PARENTS = {"unit", "exclusive", "connection"}  # the parent is a span of the same output
HARMLESS = {"events", "hook_recursion", "foreign", "connections_foreign", "kernel_only", "no_buffer",
            "children_too_late"}
EXPORTED = re.compile(r"^(OTEL_|DD_)")


def environment(**changes):
    """Ours, without what would make spantap export or rename."""
    kept = {name: value for name, value in os.environ.items() if not EXPORTED.match(name)}
    return {**kept, "LC_ALL": "C.UTF-8", "PYTHONDONTWRITEBYTECODE": "1", **changes}


@functools.lru_cache(None)
def unable():
    """Why nothing can be captured here; empty when it can."""
    if os.geteuid() != 0:
        return "needs root"
    tried = subprocess.run([SPANTAP, "doctor"], capture_output=True, text=True, check=False)
    found = re.search(r"^BPF +no: (.*)", tried.stdout, re.MULTILINE)
    return f"no BPF here: {found[1]}" if found else ""  # a hook that is refused is for the tests to find


@functools.lru_cache(None)
def capture_unable(mode):
    """Why --capture MODE cannot be used here; empty when it can."""
    trace = Trace(os.getpid(), capture=mode)
    try:
        trace.start()
    except AssertionError as error:
        return f"--capture {mode}: {str(error).strip().splitlines()[-1]}"
    finally:
        trace.end()
    return ""


def wait_until(what, check, seconds=CLIENT_SECONDS):
    deadline = time.monotonic() + seconds
    while True:
        value = check()
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f"{what}: not after {seconds} s")
        time.sleep(0.02)


class Trace:
    """
    `spantap trace --pid ... --json` (or other targets, by `options`) in a `with` statement. Afterwards: spans,
    summary, lost (what the summary counts as lost, harmless counters left out; nothing may be, but those that
    `lossy` names), status, messages (standard error, lines). The output is checked against DESIGN.md's contract before a test sees it.
    All of that is left to the caller when it is not `strict`.
    """

    def __init__(self, *pids, options=(), capture=None, env=None, lossy=(), strict=True):
        self.directory = tempfile.mkdtemp(prefix="spantap-e2e.")
        self.output = os.path.join(self.directory, "spans.jsonl")
        mode = capture or CAPTURE
        self.command = [SPANTAP, "trace", "--json", "-o", self.output]
        self.command += ["--capture", mode] if mode != "auto" else []
        for pid in pids:
            self.command += ["--pid", str(pid)]
        self.command += [str(option) for option in options]
        self.env = environment(**(env or {}))
        self.lossy, self.strict = lossy, strict
        self.process = self.reader = None
        self.messages = []
        self.spans, self.summary, self.status = [], None, None

    def __enter__(self):
        self.start()
        return self

    def start(self):
        """Attached when it says so, which it does to a terminal only."""
        master, slave = pty.openpty()
        self.process = subprocess.Popen(
            self.command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=slave, env=self.env
        )
        os.close(slave)
        self.reader = threading.Thread(target=self.read_messages, args=(master,), daemon=True)
        self.reader.start()
        try:
            wait_until("attach", self.attached, ATTACH_SECONDS)
        except AssertionError:
            self.end()
            raise

    def read_messages(self, master):
        pending = b""
        while True:
            try:
                data = os.read(master, 65536)
            except OSError:  # the other end is closed
                break
            if not data:
                break
            *lines, pending = (pending + data).split(b"\n")
            self.messages += [line.decode(errors="replace").strip() for line in lines]
        os.close(master)

    def attached(self):
        if any("Ctrl-C stops" in line for line in self.messages):
            return True
        if self.process.poll() is not None:
            self.reader.join(5)
            raise AssertionError("spantap ended: " + "\n".join(self.messages))
        return False

    def stop(self, number=signal.SIGINT):
        time.sleep(SETTLE_SECONDS)
        if self.process.poll() is None:
            self.process.send_signal(number)
        try:
            self.status = self.process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"spantap does not end after signal {number}") from None
        self.reader.join(5)
        self.messages = [line for line in self.messages if "Ctrl-C stops" not in line]
        self.parse()

    def end(self):
        if self.process and self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        shutil.rmtree(self.directory, ignore_errors=True)

    def __exit__(self, kind, *_rest):
        try:
            if kind is None and self.summary is None:
                self.stop()
        finally:
            self.end()

    def parse(self):
        self.spans, self.summary = parse_lines(self.output, self.strict)
        counted = {name: count for name, count in self.summary["lost"].items() if count}
        self.lost = {name: count for name, count in counted.items() if name not in HARMLESS}
        unexpected = set(self.lost) - set(self.lossy)
        if self.status != 0:
            raise AssertionError(f"exit status {self.status}: {self.messages}")
        if unexpected and self.strict:
            raise AssertionError(f"lost: {self.lost}")

    def of(self, protocol=None, kind=None, **attributes):
        """The spans of a protocol and a kind; `url_path="/x"` wants the attribute url.path to be that."""
        wanted = {key.replace("_", "."): value for key, value in attributes.items()}
        return [
            span
            for span in self.spans
            if protocol in (None, span["protocol"])
            and kind in (None, span["kind"])
            and all(span["attributes"].get(key) == value for key, value in wanted.items())
        ]


def parse_lines(path, strict=True):
    """Spans and totals of a --json file, after checking both."""
    with open(path, encoding="utf-8") as source:
        lines = [json.loads(line) for line in source]
    if not lines or "summary" not in lines[-1]:
        raise AssertionError(f"no line of totals at the end: {lines[-1:]}")
    spans, summary = lines[:-1], lines[-1]["summary"]
    if strict:
        for span in spans:
            check_span(span)
        check_parents(spans, summary)
    return spans, summary


def check_span(span):
    unknown = set(span) - SPAN_KEYS
    assert not unknown, f"keys that DESIGN.md does not have: {unknown}"
    assert re.fullmatch("[0-9a-f]{32}", span["trace_id"]) and int(span["trace_id"], 16), span
    assert re.fullmatch("[0-9a-f]{16}", span["span_id"]) and int(span["span_id"], 16), span
    assert span["kind"] in KINDS and span["status"] in ("unset", "ok", "error"), span
    assert span["name"] and span["start_ns"] <= span.get("ttfb_ns", span["start_ns"]) <= span["end_ns"], span
    unanswered = "unanswered" in span.get("incomplete", [])
    if span["attributes"].get("error.type") != "pipeline_aborted":  # the server passed over it
        assert ("ttfb_ns" in span) != unanswered, span
    assert "time" not in span or span["kind"] == "server", span
    assert (span["status"] == "error") == ("error.type" in span["attributes"]), span
    for key, value in span["attributes"].items():
        assert key.islower() and isinstance(value, (str, int, float, bool)), (key, value)


def check_parents(spans, summary):
    """The totals are those of the lines, ids are unique, and a parent that was seen is in the same trace."""
    by_id = {span["span_id"]: span for span in spans}
    assert len(by_id) == len(spans), "two spans have one id"
    assert summary["spans"] == len(spans), (summary, len(spans))
    assert summary["traces"] >= len({span["trace_id"] for span in spans})
    rules = collections.Counter(span["parent_rule"] for span in spans if "parent_rule" in span)
    assert {rule: count for rule, count in summary["parents"].items() if count} == dict(rules), (summary, rules)
    for span in spans:
        assert span["attributes"].get("spantap.parent.rule") == span.get("parent_rule"), span
        if span.get("parent_rule") in SEEN_PARENTS:
            parent = by_id.get(span["parent_span_id"])
            assert parent and parent["trace_id"] == span["trace_id"], f"no such parent: {span}"
        if span.get("parent_rule") in (None, "none"):
            assert "parent_span_id" not in span, span


def run(*command, options=(), expect=0, stdin=None):
    """`spantap run -- COMMAND`: its standard output, and a finished Trace."""
    trace = Trace(options=options)
    trace.command[1] = "run"
    trace.command += ["--", *(str(word) for word in command)]
    try:
        done = subprocess.run(
            trace.command, input=stdin, capture_output=True, text=True, env=trace.env, timeout=CLIENT_SECONDS
        )
        if done.returncode != expect:
            raise AssertionError(f"{command[0]}: exit status {done.returncode}\n{done.stdout}{done.stderr}")
        trace.status = 0
        trace.messages = done.stderr.splitlines()
        trace.parse()
    finally:
        trace.end()
    return done.stdout, trace


PREAMBLE = """
import sys
def ready():  # everything is there that should be there before spantap comes
    print("ready", flush=True)
    sys.stdin.readline()
"""


class Client:
    """
    A Python program to be traced: it runs up to its ready(), go() lets it continue and waits for its end.
    The names given become its variables. What it prints after ready() is in `output`.
    """

    def __init__(self, code, **values):
        given = "".join(f"{name} = {value!r}\n" for name, value in values.items())
        self.process = subprocess.Popen(
            [PYTHON, "-c", PREAMBLE + given + code],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=environment(),
        )
        self.pid = self.process.pid
        self.output = ""
        if self.process.stdout.readline() != "ready\n":
            self.process.wait(CLIENT_SECONDS)
            raise AssertionError("the client failed before it was ready")

    def go(self, status=0):
        self.output, _ = self.process.communicate("\n", timeout=CLIENT_SECONDS)
        if self.process.returncode != status:
            raise AssertionError(f"the client's exit status is {self.process.returncode}")

    def __enter__(self):
        return self

    def __exit__(self, *_exception):
        if self.process.poll() is None:
            self.process.kill()
        self.process.communicate()


def traced(code, options=(), capture=None, lossy=(), **values):
    """Runs a Client under a Trace, which is returned with the client's `output`."""
    with Client(code, **values) as client:
        with Trace(client.pid, options=options, capture=capture, lossy=lossy) as trace:
            client.go()
        trace.output = client.output
    return trace


def counts(items):
    """A Counter as a plain dictionary: shows well when it differs."""
    return dict(collections.Counter(items))


class Case(unittest.TestCase):
    maxDiff = 4000
    needs_capture = True

    def setUp(self):
        if self.needs_capture and unable():
            self.skipTest(unable())

    def need(self, *programs):
        for program in programs:
            if not shutil.which(program, path=os.environ["PATH"] + ":/usr/sbin:/sbin"):
                self.skipTest(f"no {program}: tools/install.sh test")

    def assert_counts(self, items, expected):
        self.assertEqual(counts(items), dict(expected))


class Result(unittest.TestResult):
    def say(self, word, test, reason="", trouble=""):
        name = re.sub(r"^__main__\.", "", test.id()) if hasattr(test, "id") else str(test)
        print(f"{word} - {name}{reason}", flush=True)
        for line in trouble.splitlines()[-60:]:
            print(f"# {line}", flush=True)

    def addSuccess(self, test):
        self.say("ok", test)

    def addFailure(self, test, err):
        super().addFailure(test, err)
        self.say("not ok", test, trouble=self.failures[-1][1])

    def addError(self, test, err):
        super().addError(test, err)
        self.say("not ok", test, trouble=self.errors[-1][1])

    def addSubTest(self, test, subtest, err):
        super().addSubTest(test, subtest, err)
        if err:
            self.say("not ok", subtest, trouble=(self.failures + self.errors)[-1][1])

    def addSkip(self, test, reason):
        self.say("ok", test, f" # SKIP {reason}")


def main():
    """Runs the tests of the calling program, or those whose names it is given; prints TAP."""
    loader = unittest.TestLoader()
    module = sys.modules["__main__"]
    names = sys.argv[1:]
    suite = loader.loadTestsFromNames(names, module) if names else loader.loadTestsFromModule(module)
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: sys.exit(1))
    result = Result()
    suite.run(result)
    print(f"1..{result.testsRun}" if not result.errors else "# not all could run", flush=True)
    sys.exit(0 if result.wasSuccessful() else 1)
