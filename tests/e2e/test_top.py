#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""`spantap top` as a person uses it: real traffic of Flask and Redis, keys pressed in tmux, screens read back."""
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../lib"))
import e2e  # noqa: E402
import servers  # noqa: E402

APP = """
import logging, time
import flask, redis
logging.getLogger("werkzeug").disabled = True
app = flask.Flask("shop")
cache = redis.Redis(port=REDIS)
@app.route("/cheap")
def cheap():
    return str(cache.get("stock"))
@app.route("/costly/<int:n>")
def costly(n):
    for i in range(8):
        cache.incr(f"costly:{i}")
    time.sleep(0.05)
    return str(cache.get("stock"))
@app.route("/broken")
def broken():
    return cache.get("stock") or "no", 500
print("ready", flush=True)
app.run(port=PORT, threaded=False)
"""
SCREEN_SECONDS = 60


class Tmux:
    """A terminal of its own: a private server, one session, one command."""

    def __init__(self, command, columns=100, rows=30, **env):
        self.directory = tempfile.mkdtemp(prefix="spantap-e2e.")
        self.base = ["tmux", "-S", os.path.join(self.directory, "tmux"), "-f", "/dev/null"]
        words = [f"{name}={value}" for name, value in {"TZ": "UTC", **env}.items()]
        line = " ".join(["env", *words, *map(str, command)]) + "; echo status $?; exec sleep 1000"
        self.run("new-session", "-d", "-x", str(columns), "-y", str(rows), "echo before; " + line)

    def run(self, *words):
        done = subprocess.run(
            [*self.base, *words], capture_output=True, text=True, env=e2e.environment(), timeout=60, check=True
        )
        return done.stdout

    def __enter__(self):
        return self

    def __exit__(self, *_exception):
        subprocess.run([*self.base, "kill-server"], stderr=subprocess.DEVNULL, check=False)
        subprocess.run(["rm", "-rf", self.directory], check=True)

    def press(self, *keys):
        for key in keys:
            self.run("send-keys", key)
            time.sleep(0.05)

    def text(self, *options):
        return self.run("capture-pane", "-p", *options)

    def resize(self, columns, rows):
        self.run("resize-window", "-x", str(columns), "-y", str(rows))

    def wait(self, what, check):
        """The screen, once check(it) is true."""
        seen = [""]

        def look():
            seen[0] = self.text()
            return check(seen[0])

        try:
            e2e.wait_until(what, look, SCREEN_SECONDS)
        except AssertionError as error:
            raise AssertionError(f"{error}\n{seen[0]}") from None
        return seen[0]

    def pid(self, pane_child="spantap"):
        """Of the command itself."""
        pane = int(self.run("list-panes", "-F", "#{pane_pid}"))
        for child in servers.children(pane):
            with open(f"/proc/{child}/comm", encoding="utf-8") as comm:
                if pane_child in comm.read():
                    return child
        return None


def rows(screen):
    """The table's first words, from the top: endpoints or queries."""
    lines = screen.splitlines()
    head = next(i for i, line in enumerate(lines) if re.search(r"n (ENDPOINT|QUERY|DEPENDENCY)", line))
    found = []
    for line in lines[head + 1 : -1]:
        words = re.findall(r"^[ ▸>]((?:GET |INCRBY |[a-z]+://)\S*)", line)
        found += words
    return found


def selected(screen):
    line = next(line for line in screen.splitlines() if line.startswith("▸"))
    return line[1:].split("  ")[0]


class Traffic(e2e.Case):
    """A shop with three endpoints, called all the time."""

    def setUp(self):
        super().setUp()
        self.need("redis-server", "tmux")

    def need_threads(self):
        if e2e.CAPTURE == "packet":
            self.skipTest("packets tell no threads: no calls below requests, no own time")

    @classmethod
    def setUpClass(cls):
        cls.stop, cls.app, cls.here = threading.Event(), None, None
        if e2e.unable():
            return
        cls.here = servers.Servers().__enter__()
        _, redis_port, _ = cls.here.redis()
        cls.port = servers.free_port()
        code = f"REDIS = {redis_port}\nPORT = {cls.port}\n" + APP
        cls.app = subprocess.Popen(
            [e2e.PYTHON, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=e2e.environment()
        )
        cls.app.stdout.readline()
        cls.traffic = threading.Thread(target=cls.send, daemon=True)
        cls.traffic.start()

    @classmethod
    def tearDownClass(cls):
        cls.stop.set()
        if cls.app:
            cls.traffic.join(10)
            cls.app.kill()
            cls.app.communicate()
        if cls.here:
            cls.here.__exit__(None, None, None)

    @classmethod
    def get(cls, path):
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{cls.port}{path}", timeout=30) as answer:
                answer.read()
        except urllib.error.HTTPError as error:
            error.close()
        except OSError:
            time.sleep(0.1)

    @classmethod
    def send(cls):
        """/cheap is called most, /costly takes most time, /broken fails."""
        while not cls.stop.is_set():
            for path in ["/cheap"] * 6 + ["/costly/7"] + ["/broken"] * 2:
                cls.get(path)
                cls.stop.wait(0.02)


class Screen(Traffic):
    def top(self, *options, columns=100, rows=30, **env):
        command = [e2e.SPANTAP, "top", "--pid", self.app.pid, "--interval", "200ms", *options]
        if e2e.CAPTURE != "auto":
            command += ["--capture", e2e.CAPTURE]
        return Tmux(command, columns, rows, **env)

    def test_list(self):
        with self.top() as t:
            screen = t.wait("all endpoints", lambda s: len(rows_or_none(s)) >= 3)
            self.assertIn("1 process", screen)
            self.assertIn("last 60s", screen)
            self.assertRegex(screen, r"\d requests/s   errors [1-9][\d.]*%   [\d.]+ spans/s   parents known \d+\.\d%")
            self.assertEqual(rows(screen)[0], "GET /costly/{n}" if "{n}" in screen else "GET /costly/{id}")
            costly = rows(screen)[0]
            t.press("r")
            t.wait("by rate", lambda s: rows(s)[0] == "GET /cheap" and "RATE▼" in s)
            t.press("R")
            t.wait("by rate, least first", lambda s: rows(s)[-1] == "GET /cheap" and "RATE▲" in s)
            t.press("e")
            screen = t.wait("by errors", lambda s: rows(s)[0] == "GET /broken" and "ERR▼" in s)
            self.assertRegex(screen, r"GET /broken .* 100%")
            t.press("n")
            t.wait("by name", lambda s: rows(s) == ["GET /broken", "GET /cheap", costly])
            t.press("Down", "Down")
            t.wait("selection", lambda s: selected(s) == costly)
            t.press("l")
            t.wait("the selection stays with its endpoint", lambda s: rows(s)[0] == costly and selected(s) == costly)
            t.press("/", "C", "h", "E")
            t.wait("live filter", lambda s: rows(s) == ["GET /cheap"] and "filter: ChE" in s)
            t.press("x")
            t.wait("nothing matches", lambda s: "none of 3 endpoints matches" in s)
            t.press("Escape")
            t.wait("no filter", lambda s: len(rows(s)) == 3 and "filter: " not in s)

    def test_details(self):
        self.need_threads()
        with self.top() as t:
            t.wait("endpoints", lambda s: rows_or_none(s)[:1] and "costly" in rows(s)[0])
            t.press("Enter")
            screen = t.wait("details", lambda s: "slowest request" in s and "INCRBY" in s)
            self.assertRegex(screen, r"own, blocked \(sleep, lock, disk\) +█")
            self.assertRegex(screen, r"x8\.0 .* redis INCRBY costly:\*")
            self.assertRegex(screen, r"x1\.0 .* redis GET stock")
            self.assertRegex(screen, r" 200 +\S+ █+ GET /costly")
            self.assertRegex(screen, r"ok +\S+ █+·+ ├ INCRBY  x8")
            self.assertRegex(screen, r"ok +\S+ ·+█+ ├ GET\n")
            t.press("Escape", "Tab")
            screen = t.wait("queries", lambda s: "n QUERY" in s and {"INCRBY", "GET"} <= words_of(s))
            t.press("/", "i", "n", "c", "r", "Enter", "Enter")
            screen = t.wait("a query", lambda s: "called by" in s)
            self.assertRegex(screen, r"x8\.0 +\S+ +GET /costly")
            self.assertIn("redis://", screen)
            t.press("Escape", "Escape", "3")
            screen = t.wait("dependencies", lambda s: "n DEPENDENCY" in s and len(rows(s)) == 1)
            self.assertTrue(rows(screen)[0].startswith("redis://"))
            t.press("?")
            t.wait("help", lambda s: "numbers freeze, capture goes on" in s)
            t.press("Escape")
            t.wait("the table again", lambda s: "n DEPENDENCY" in s)

    def test_pause_and_clear(self):
        with self.top() as t:
            t.wait("endpoints", lambda s: len(rows_or_none(s)) == 3)
            t.press("p")
            frozen = t.wait("paused", lambda s: "PAUSED" in s)
            time.sleep(1)
            self.assertEqual(t.text(), frozen)
            t.press("Enter")  # looking around goes on, in the frozen numbers
            first = t.wait("details", lambda s: "slowest request" in s)
            time.sleep(0.6)
            self.assertEqual(t.text(), first)
            t.press("Escape", "Space")
            t.wait("live, with what came meanwhile", lambda s: " live" in s and changed(s, frozen))

    def test_clear(self):
        """What was is forgotten, what comes is shown."""
        with self.top() as t:
            t.wait("endpoints", lambda s: len(rows_or_none(s)) == 3)
            self.get("/never-again")
            t.wait("one more", lambda s: "GET /never-again" in rows_or_none(s))
            t.press("c")
            t.wait("without it", lambda s: len(rows_or_none(s)) == 3 and "GET /never-again" not in rows(s))

    def test_resize(self):
        with self.top(columns=80, rows=24) as t:
            t.wait("endpoints", lambda s: len(rows_or_none(s)) == 3)
            for columns, lines in ((20, 5), (200, 60), (40, 10), (7, 2), (80, 24)):
                t.resize(columns, lines)
                t.wait(f"{columns}x{lines}", lambda s: fits(s, columns, lines))
            t.wait("all again", lambda s: len(rows_or_none(s)) == 3 and "q quit" in s)

    def test_quit_gives_the_terminal_back(self):
        for how in ("q", "C-c", signal.SIGTERM, signal.SIGQUIT, signal.SIGSEGV):
            with self.subTest(how), self.top() as t:
                t.wait("the screen", lambda s: "requests/s" in s)
                self.assertEqual(t.run("display", "-p", "#{alternate_on} #{cursor_flag}"), "1 0\n")
                if isinstance(how, str):
                    t.press(how)
                else:
                    os.kill(t.pid(), how)
                screen = t.wait("the shell", lambda s: "status " in s)
                self.assertTrue(screen.startswith("before\n"), screen)
                self.assertNotIn("requests/s", screen)
                status = 0 if isinstance(how, str) or how == signal.SIGTERM else 128 + how
                self.assertIn(f"status {status}\n", screen)
                self.assertEqual(t.run("display", "-p", "#{alternate_on} #{cursor_flag}"), "0 1\n")
                t.press("e", "c", "h", "o")
                t.wait("echo", lambda s: "echo" in s.splitlines()[-1] or "echo" in s)

    def test_stop_and_continue(self):
        with Tmux(["bash", "--norc", "-i"]) as t:
            t.press(f"{e2e.SPANTAP} top --pid {self.app.pid}", "Enter")
            t.wait("endpoints", lambda s: len(rows_or_none(s)) == 3)
            t.press("C-z")
            t.wait("the shell", lambda s: "Stopped" in s and "requests/s" not in s)
            t.press("fg", "Enter")
            t.wait("the screen again", lambda s: len(rows_or_none(s)) == 3)
            t.press("q")
            t.wait("the shell at the end", lambda s: "Stopped" in s and "requests/s" not in s)

    def test_target_ends(self):
        with e2e.Client("ready()\nimport time\ntime.sleep(0.2)") as client:
            command = [e2e.SPANTAP, "top", "--pid", client.pid, "--interval", "200ms"]
            with Tmux(command) as t:
                t.wait("the screen", lambda s: "1 process" in s)
                client.go()
                t.wait("what was seen stays", lambda s: "ENDED" in s)
                t.press("q")
                t.wait("the shell", lambda s: "status 0" in s)

    def test_messages_go_to_a_line(self):
        """An exporter that cannot deliver says so, at the bottom, and again when the screen is gone."""
        url = f"--otlp=http://127.0.0.1:{servers.free_port()}"
        with self.top(url) as t:
            screen = t.wait("a message", lambda s: re.search(r"(?i)connect", s.splitlines()[-1]))
            self.assertEqual(len(rows(screen)), 3)
            t.press("q")
            screen = t.wait("the shell", lambda s: "status 0" in s)
            self.assertRegex(screen, "(?i)connect")

    def test_without_colour(self):
        for options, env, coloured in (
            ((), {}, True),
            ((), {"NO_COLOR": "1"}, False),
            (("--colour", "never"), {}, False),
            (("--colour", "always"), {"NO_COLOR": "1"}, True),
            ((), {"TERM": "vt100"}, False),
        ):
            with self.subTest((options, env)), self.top(*options, **env) as t:
                t.wait("endpoints", lambda s: len(rows_or_none(s)) == 3)
                self.assertEqual(bool(re.search(r"\x1b\[(\d+;)*(3|4)[0-7]m", t.text("-e"))), coloured)

    def test_a_poor_terminal(self):
        with self.top(LC_ALL="C") as t:
            screen = t.wait("endpoints", lambda s: len(rows_or_none(s)) == 3)
            self.assertTrue(screen.isascii(), screen)
            self.assertIn("TIMEv", screen)
        for locale in ("xx_YY.UTF-8", "''"):  # not installed; none
            with self.top(LC_ALL=locale, LC_CTYPE="", LANG="") as t:
                t.wait("all characters", lambda s: "TIME▼" in s)
        with self.top("-n", "1", TERM="dumb") as t:
            screen = t.wait("a table", lambda s: "status 0" in s)
            self.assertIn("cannot be drawn on", screen)
            self.assertIn("KIND", screen)


class Plain(Traffic):
    """Without a terminal."""

    def tables(self, *options):
        command = [e2e.SPANTAP, "top", "--pid", str(self.app.pid), "--interval", "500ms", "-n", "4", *options]
        if e2e.CAPTURE != "auto":
            command += ["--capture", e2e.CAPTURE]
        done = subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=120, env=e2e.environment(),
            check=True,
        )  # fmt: skip
        self.assertEqual(done.stderr, "")
        return done.stdout

    def test_tables(self):
        text = self.tables("--sort", "errors")
        self.assertTrue(text.isprintable() or "\x1b" not in text)
        tables = text.strip().split("\n\n")
        self.assertEqual(len(tables), 4)
        for table in tables:
            self.assertRegex(table, r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ  window \d+s  requests/s ")
        lines = [line.split(None, 8) for line in tables[-1].splitlines()[2:]]
        endpoints = {line[8]: line for line in lines if line[0] == "endpoint"}
        self.assertEqual(len(endpoints), 3)
        self.assertEqual(next(iter(endpoints)), "GET /broken")
        self.assertEqual(endpoints["GET /broken"][2], "100.0")
        self.assertGreater(float(endpoints["GET /cheap"][1]), float(endpoints["GET /broken"][1]))
        self.assertEqual({line[0] for line in lines}, {"endpoint", "query", "dependency"})

    def test_json(self):
        self.need_threads()
        objects = [json.loads(line) for line in self.tables("--json").splitlines()]
        self.assertEqual(len(objects), 4)
        last = objects[-1]
        self.assertEqual(sum(e["requests"] for e in last["endpoints"]), last["requests"])
        costly = last["endpoints"][0]
        self.assertIn("costly", costly["endpoint"])
        self.assertAlmostEqual(costly["calls_per_request"], 9, delta=0.5)  # some were open when it came
        self.assertEqual(sum(costly["time"].values()), costly["total_ns"])
        self.assertGreater(costly["time"]["blocked_ns"], costly["total_ns"] / 2)
        self.assertLessEqual(costly["p50_ns"], costly["p95_ns"])
        queries = {query["text"]: query for query in last["queries"]}
        self.assertIn("GET stock", queries)
        self.assertEqual(last["dependencies"][0]["system"], "redis")
        self.assertIn("ring_full", last["lost"])
        self.assertGreater(last["parents"]["unit"], 0)

    def test_capture_file(self):
        """One table, of all that is in it; on a terminal a screen to look around in."""
        path = os.path.join(e2e.ROOT, "tests/replay/pcap/redis_any.pcap")
        command = [e2e.SPANTAP, "top", "--pcap", path]
        text = subprocess.run(command, capture_output=True, text=True, check=True).stdout
        self.assertEqual(text.count("KIND"), 1)
        done = subprocess.run([*command, "--json"], capture_output=True, text=True, check=True)
        found = json.loads(done.stdout)
        self.assertEqual(sum(query["calls"] for query in found["queries"]), found["spans"])
        self.assertGreater(found["spans"], 5)
        with Tmux(command) as t:
            screen = t.wait("queries", lambda s: "n QUERY" in s and "ENDED" in s)
            self.assertEqual(len(rows(screen)) > 1, True, screen)
            t.press("Enter")
            t.wait("one of them", lambda s: "sent to" in s)
            t.press("q")
            t.wait("the shell", lambda s: "status 0" in s)

    def test_writing(self):
        """A reader that has seen enough ends it; a file takes it all; a full disk is said."""
        command = [e2e.SPANTAP, "top", "--pid", str(self.app.pid), "--interval", "200ms"]
        with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True) as top:
            top.stdout.readline()
            top.stdout.close()
            self.assertEqual(top.wait(60), 0)
        path = self.here.path("tables.jsonl")
        subprocess.run([*command, "-n", "2", "--json", "-o", path], check=True, timeout=60)
        self.assertEqual(len([json.loads(line) for line in self.here.read("tables.jsonl").splitlines()]), 2)
        done = subprocess.run([*command, "-o", "/dev/full"], capture_output=True, text=True, timeout=60, check=False)
        self.assertEqual(done.returncode, 2)
        self.assertRegex(done.stderr, "^spantap: cannot write the tables: No space left on device\n$")

    def test_refusals(self):
        """What cannot be is said in a sentence."""
        for options, words in (
            ([], "top of what?"),
            (["12"], "takes no argument"),
            (["--pid", "1", "--window", "0s"], "--window"),
            (["--pid", "1", "--window", "soon"], "--window"),
            (["--pid", "1", "--interval", "1ms"], "--interval"),
            (["--pid", "1", "--sort", "beauty"], "--sort"),
            (["--pcap", "/none", "--pid", "1"], "--pcap"),
            (["--pid", "1", "--output", "/none/x"], "/none/x"),
        ):
            done = subprocess.run([e2e.SPANTAP, "top", *options], capture_output=True, text=True, check=False)
            self.assertEqual((done.returncode, done.stdout), (2, ""), options)
            self.assertRegex(done.stderr, rf"^spantap: [^\n]*{re.escape(words)}[^\n]*\n$")


def rows_or_none(screen):
    return rows(screen) if re.search(r"n (ENDPOINT|QUERY|DEPENDENCY)", screen) else []


def words_of(screen):
    return {row.split()[0] for row in rows(screen)}


def changed(screen, before):
    return screen.splitlines()[6:] != before.splitlines()[6:]


def fits(screen, columns, lines):
    found = screen.rstrip("\n").split("\n")
    return len(found) <= lines and all(len(line) <= columns for line in found) and found[0].endswith(" live")


if __name__ == "__main__":
    e2e.main()
