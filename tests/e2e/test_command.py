#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""The command line: targets, `run`, how it ends, and one sentence and status 2 for what cannot be."""
import os
import shutil
import signal
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../lib"))
import e2e  # noqa: E402
import servers  # noqa: E402

NO_PID = 2**22 + 1  # above the kernel's largest
SCRIPT = """
import sys, redis
client = redis.Redis(port=int(sys.argv[1]))
client.set("key", "value")
print(client.get("key"))
sys.exit(3)
"""


class Usage(e2e.Case):
    needs_capture = False

    def refused(self, *arguments, command=(e2e.SPANTAP,), env=None):
        """What spantap says when it refuses: one line, status 2, nothing on standard output."""
        words = [*command, *(str(word) for word in arguments)]
        done = subprocess.run(
            words, capture_output=True, text=True, env=e2e.environment(**(env or {})), timeout=e2e.CLIENT_SECONDS
        )
        self.assertEqual(done.returncode, 2, f"{words}: {done.stderr}")
        self.assertEqual(done.stdout, "")
        lines = done.stderr.splitlines()
        self.assertEqual(len(lines), 1, done.stderr)
        self.assertRegex(lines[0], r"^spantap: [^A-Z]")
        return lines[0]

    def test_pids(self):
        self.assertIn(str(NO_PID), self.refused("trace", "--pid", NO_PID))
        self.assertIn("redis", self.refused("trace", "--pid", "redis"))
        self.refused("trace", "--pid", "0")
        self.refused("trace", "--pid", "-1")
        self.refused("trace", "--pid")
        self.refused("trace", os.getpid())
        self.refused("trace")

    def test_options(self):
        self.assertIn("--frobnicate", self.refused("trace", "--pid", os.getpid(), "--frobnicate"))
        self.assertIn("smtp", self.refused("trace", "--pid", os.getpid(), "--protocol", "smtp"))
        self.refused("trace", "--pid", os.getpid(), "--capture", "telepathy")
        self.refused("trace", "--pid", os.getpid(), "--duration", "soon")
        self.refused("trace", "--pid", os.getpid(), "--request-bytes", "64K")
        self.refused("trace", "--pid", os.getpid(), "--ring-bytes", "5")
        self.refused("trace", "--pid", os.getpid(), "-o", "/none/such/file")
        self.refused("trace", "--pid", os.getpid(), "--all")
        self.refused("frobnicate")
        self.refused("run")
        self.refused("run", "--json")
        self.refused("doctor", "now")

    def test_files(self):
        capture = os.path.join(e2e.ROOT, "tests/replay/pcap/http_any.pcap")
        self.assertIn("--pcap", self.refused("trace", "--pcap", capture, "--pid", os.getpid()))
        self.refused("trace", "--pcap", "/none/such.pcap")
        self.refused("trace", "--pcap", __file__)

    def test_urls(self):
        for url in ("nonsense", "ftp://localhost", "http://", "http://host:port", "http://localhost:99999"):
            self.refused("trace", "--pid", os.getpid(), f"--otlp={url}")
            self.refused("trace", "--pid", os.getpid(), f"--datadog={url}")

    def test_unprivileged(self):
        if os.geteuid() != 0:
            self.skipTest("needs root, to become nobody")
        binary = "/tmp/spantap-e2e." + str(os.getpid())
        shutil.copy(e2e.SPANTAP, binary)
        self.addCleanup(os.unlink, binary)
        nobody = ("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", binary)
        self.assertRegex(self.refused("trace", "--pid", os.getpid(), command=nobody), "root|sudo|CAP_")
        self.assertRegex(self.refused("run", "--", "true", command=nobody), "root|sudo|CAP_")
        capture = os.path.join(e2e.ROOT, "tests/replay/pcap/http_any.pcap")
        with open(capture, "rb") as source:
            copied = binary + ".pcap"
            with open(copied, "wb") as out:
                out.write(source.read())
        self.addCleanup(os.unlink, copied)
        done = subprocess.run([*nobody, "trace", "--json", "--pcap", copied], capture_output=True, text=True)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assertIn('"summary"', done.stdout)

    def test_help(self):
        for words in (["--help"], ["--version"], ["trace", "--help"], ["run", "--help"], ["doctor", "--help"]):
            done = subprocess.run([e2e.SPANTAP, *words], capture_output=True, text=True)
            self.assertEqual((done.returncode, done.stderr), (0, ""), words)
            self.assertTrue(done.stdout)


class Targets(e2e.Case):
    def setUp(self):
        super().setUp()
        self.need("redis-server", "redis-cli")
        self.servers = self.enterContext(servers.Servers())
        self.pid, self.port, _path = self.servers.redis()

    def ask(self, *words):
        subprocess.run(["redis-cli", "-p", str(self.port), *words], check=True, stdout=subprocess.DEVNULL)

    def check(self, trace, count=3):
        names = [s["attributes"]["db.operation.name"] for s in trace.of("redis", "server")]
        self.assertEqual(names.count("INCR"), count, names)
        self.assertEqual({span["pid"] for span in trace.spans}, {self.pid})

    def test_port(self):
        with e2e.Trace(options=["--port", self.port]) as trace:
            for _ in range(3):
                self.ask("INCR", "n")
        self.check(trace)

    def test_exe(self):
        """By the path of a program that nobody else runs."""
        path = self.servers.path("own-redis")
        shutil.copy(shutil.which("redis-server"), path)

        def start(port):
            command = [path, "--port", str(port), "--bind", "127.0.0.1", "--save", ""]
            return self.servers.start("own", command, signal.SIGTERM)

        ready = lambda port: servers.answers(("127.0.0.1", port))  # noqa: E731
        self.pid, self.port = self.servers.start_on_free_port("own", start, ready)
        with e2e.Trace(options=["--exe", "own-redis"]) as trace:
            for _ in range(3):
                self.ask("INCR", "n")
        self.check(trace)

    def test_signals(self):
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            with e2e.Trace(self.pid) as trace:
                self.ask("INCR", "n")
                trace.stop(number)
            self.check(trace, 1)
            self.assertEqual(trace.messages, [])

    def test_duration(self):
        trace = e2e.Trace(self.pid, options=["--duration", "3s"])
        self.addCleanup(trace.end)
        trace.start()
        self.ask("INCR", "n")
        e2e.wait_until("the end of --duration", lambda: trace.process.poll() is not None)
        trace.stop()
        self.check(trace, 1)

    def test_target_ends(self):
        """When all targets are gone there is nothing more to see."""
        code = "import redis\nclient = redis.Redis(port=PORT)\nready()\nclient.incr('n')\n"
        with e2e.Client(code, PORT=self.port) as client:
            trace = e2e.Trace(client.pid)
            self.addCleanup(trace.end)
            trace.start()
            client.go()
            e2e.wait_until("the end after the target's", lambda: trace.process.poll() is not None)
            trace.stop()
        self.assertIn("INCRBY", [span["attributes"]["db.operation.name"] for span in trace.spans])

    def test_run(self):
        """The command's output and exit status are its own; its children are traced from their first call."""
        script = self.servers.path("script.py", SCRIPT)
        output, trace = e2e.run("sh", "-c", f"{e2e.PYTHON} {script} {self.port}; exit $?", expect=3)
        self.assertEqual(output, "b'value'\n")
        names = [span["attributes"]["db.operation.name"] for span in trace.of("redis", "client")]
        self.assertEqual([name for name in names if name in ("SET", "GET")], ["SET", "GET"])
        self.assertEqual({span["service"] for span in trace.spans}, {"script"})
        self.assertEqual(trace.messages, [])

    def test_run_fails(self):
        done = subprocess.run([e2e.SPANTAP, "run", "--json", "--", "/none/such"], capture_output=True, text=True)
        self.assertEqual(done.returncode, 127)
        self.assertIn("/none/such", done.stderr)

    def test_tree(self):
        """Without --json: a tree on standard output, and totals."""
        trace = e2e.Trace(self.pid)
        self.addCleanup(trace.end)
        trace.command = [e2e.SPANTAP, "trace", "--pid", str(self.pid), "-o", trace.output]
        trace.start()
        self.ask("INCR", "n")
        trace.parse = lambda: None
        trace.stop()
        with open(trace.output, encoding="utf-8") as source:
            text = source.read()
        self.assertIn("INCR", text)
        self.assertNotIn("\x1b", text)


class Doctor(e2e.Case):
    needs_capture = False

    def setUp(self):
        super().setUp()
        if os.geteuid() != 0:
            self.skipTest("needs root")
        self.servers = self.enterContext(servers.Servers())

    def told(self, *command):
        """What doctor says of a program, before what it says of the kernel; and what trace warns of."""
        program = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        try:
            self.assertEqual(program.stdout.readline(), "ready\n")
            asked = [e2e.SPANTAP, "doctor", "--pid", str(program.pid)]
            said = subprocess.run(asked, capture_output=True, text=True, env=e2e.environment(), check=False)
            self.assertEqual(said.stderr, "")
            with e2e.Trace(program.pid) as trace:
                pass
        finally:
            program.communicate("\n")
        return said.stdout.split("\nkernel ")[0], trace.messages

    PYTHON = ("import sys", "print('ready', flush=True)", "sys.stdin.readline()")

    def test_python(self):
        said, warned = self.told(sys.executable, "-c", "\n".join(self.PYTHON))
        self.assertIn(f"\nruntime     CPython {sys.version.split()[0]}: coroutines and greenlets are told apart\n", said)
        self.assertRegex(said, r"\n(hooks)? +cpython: \d+ probes? would be set\n")
        self.assertIn("\nso          a call belongs to the request of what made it", said)
        self.assertEqual(warned, [])

    def test_python_unknown(self):
        """An interpreter that says it is 3.99."""
        path = self.servers.path("python3.99")
        with open(os.path.realpath(sys.executable), "rb") as source:
            image = source.read()
        version, other = sys.hexversion.to_bytes(8, "little"), (0x036300F0).to_bytes(8, "little")
        if version not in image:
            self.skipTest("python's version is in a library")
        with open(path, "wb") as out:
            out.write(image.replace(version, other))
        os.chmod(path, 0o755)
        said, warned = self.told(path, "-c", "\n".join(self.PYTHON))
        self.assertIn("\nruntime     CPython 3.99.0: python: version 3.99 is not known; its threads are told apart\n", said)
        self.assertEqual(len(warned), 1, warned)
        self.assertRegex(warned[0], r"^spantap: .*pid \d+: python: version 3.99 is not known; its threads are told apart")

    def test_node(self):
        self.need("node")
        code = "console.log('ready'); process.stdin.on('data', () => process.exit())"
        said, _warned = self.told("node", "-e", code)
        version = subprocess.run(["node", "--version"], capture_output=True, text=True, check=True).stdout.strip()[1:]
        self.assertRegex(said, rf"\nruntime     Node\.js ({version})?: async functions, promises and callbacks are told apart\n")
        self.assertRegex(said, r"\nhooks       node: \d+ probes would be set\n|\nso          without hooks ")

    def test_java(self):
        self.need("java")
        path = self.servers.path("Ready.java", "public class Ready { public static void main(String[] a) throws Exception"
                                 ' { System.out.println("ready"); System.in.read(); } }')  # fmt: skip
        said, _warned = self.told("java", path)
        self.assertRegex(said, r"\nruntime     JVM \d+[0-9.]*\+\S+: (virtual )?threads are told apart\n")

    def test_none(self):
        said, warned = self.told("sh", "-c", "echo ready; read line")
        self.assertIn("\nruntime     none that spantap knows: its threads are told apart\n", said)
        self.assertEqual(warned, [])


if __name__ == "__main__":
    e2e.main()
