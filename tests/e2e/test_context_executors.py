#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""
Work that a request hands to threads of a pool, in Java: what is waited for is the request's, what nobody waits for
is nobody's. A worker that is done before anybody waits wakes nobody: of its calls nothing is known.
"""
import os
import signal
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../lib"))
import e2e  # noqa: E402
import score  # noqa: E402
import servers  # noqa: E402

SOURCE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "java/Main.java")
REQUESTS = int(os.environ.get("CONTEXT_REQUESTS", "300"))
WARM = 300  # before anybody looks: classes are loaded under locks, and code is not compiled yet
AT_ONCE = int(os.environ.get("CONTEXT_AT_ONCE", "10"))
POOL = os.environ.get("CONTEXT_POOL", "64")
WORKERS = os.environ.get("CONTEXT_WORKERS", "8")


class Executors(e2e.Case):
    """One build for all tests."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.trouble = "no javac"
        home = servers.Servers()
        cls.enterClassContext(home)
        cls.classes = home.path("classes")
        command = ["javac", "-d", cls.classes, SOURCE]
        try:
            cls.trouble = subprocess.run(command, capture_output=True, text=True, check=False).stderr
        except FileNotFoundError:
            pass

    def setUp(self):
        super().setUp()
        self.need("redis-server", "java", "javac")
        self.assertEqual(self.trouble, "")
        self.servers = self.enterContext(servers.Servers())
        _pid, self.redis_port, _path = self.servers.redis()

    def start(self, shape):
        settings = {"REDIS_PORT": str(self.redis_port), "SHAPE": shape, "POOL": POOL, "WORKERS": WORKERS}

        def start(port):
            command = ["java", "-Xmx128m", "-cp", self.classes, "Main"]
            return self.servers.start("java", command, signal.SIGKILL, env={**settings, "PORT": str(port)})

        return self.servers.start_on_free_port("java", start, lambda port: servers.answers(("127.0.0.1", port)))

    def found(self, shape, *options):
        """{"right", "wrong", "none": number} of calls."""
        pid, port = self.start(shape)
        score.load(port, WARM, AT_ONCE)
        with e2e.Trace(pid, options=options) as trace:
            score.load(port, REQUESTS, AT_ONCE)
        if os.environ.get("CONTEXT_RULES"):
            print("#", self.id(), AT_ONCE, POOL, score.rules(trace.spans), file=sys.stderr)
        return score.score(trace.spans)

    def assert_most(self, found, part):
        """How many are known depends on who has to wait (the load of the machine): `part` is far below the usual."""
        self.assertEqual(found["wrong"], 0, found)
        self.assertGreaterEqual(found["right"], part * 3 * REQUESTS, found)

    def test_submit(self):
        self.assert_most(self.found("submit"), 0.7)

    def test_completable_future(self):
        self.assert_most(self.found("async"), 0.65)

    def test_common_pool(self):
        self.assertEqual(self.found("common")["wrong"], 0)

    def test_several_calls(self):
        """Of a task with several calls the last one is known, or all of them."""
        self.assert_most(self.found("task"), 0.3)

    def test_bounded_queue(self):
        self.assertEqual(self.found("bounded")["wrong"], 0)

    def test_nobody_waits(self):
        """Not even while its request is the only one that is open."""
        found = self.found("mixed")
        self.assertEqual(found["wrong"], 0, found)

    def test_without_hooks(self):
        self.assertEqual(self.found("submit", "--no-runtime-hooks")["wrong"], 0)


if __name__ == "__main__":
    e2e.main()
