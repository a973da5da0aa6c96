#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""Tasks of tokio: those that serve, those that a request spawns, and what must not be taken for a request's own."""
import os
import shutil
import signal
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../lib"))
import e2e  # noqa: E402
import score  # noqa: E402
import servers  # noqa: E402

SOURCE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "tokio")
TARGET = "/var/tmp/spantap-accuracy/tokio/target"
REQUESTS = 300
AT_ONCE = 10


class Tokio(e2e.Case):
    """One build for all tests: it takes longer than they do."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.trouble, cls.program = "no cargo", os.environ.get("TOKIO_PROGRAM")
        if cls.program or not shutil.which("cargo"):
            return
        built = subprocess.run(
            ["cargo", "build", "--release", "--locked", "--quiet"], cwd=SOURCE,
            env=e2e.environment(CARGO_TARGET_DIR=TARGET), capture_output=True, text=True, check=False,
        )  # fmt: skip
        cls.trouble = built.stderr.strip()[-1000:] if built.returncode else ""
        cls.program = os.path.join(TARGET, "release/program")

    def setUp(self):
        super().setUp()
        self.need("redis-server")
        if not self.program or not os.path.exists(self.program):
            self.skipTest(f"cannot build with tokio: {self.trouble}")
        self.servers = self.enterContext(servers.Servers())
        _pid, self.redis_port, _path = self.servers.redis()

    def start(self, shape, pool=64, flavor="multi"):
        settings = {"REDIS_PORT": str(self.redis_port), "POOL": str(pool), "SHAPE": shape, "FLAVOR": flavor}

        def start(port):
            return self.servers.start("app", [self.program], signal.SIGKILL, env={**settings, "PORT": str(port)})

        return self.servers.start_on_free_port("app", start, lambda port: servers.answers(("127.0.0.1", port)))

    def found(self, shape, *options, at_once=AT_ONCE, **settings):
        """{"right", "wrong", "none": number} of calls."""
        pid, port = self.start(shape, **settings)
        with e2e.Trace(pid, options=options) as trace:
            score.load(port, REQUESTS, at_once)
        self.rules = score.rules(trace.spans)
        return score.score(trace.spans)

    def assert_all(self, found, unknown=0):
        """unknown: calls for which nothing was sure, as for the first request that spawned such tasks."""
        self.assertEqual(found["wrong"], 0, found)
        self.assertEqual(found["right"] + found["none"], 3 * REQUESTS)
        self.assertLessEqual(found["none"], unknown)

    def assert_none_wrong(self, found):
        self.assertEqual(found["wrong"], 0, found)

    def test_one_after_the_other(self):
        self.assert_all(self.found("handler"))

    def test_in_one_task(self):
        self.assert_all(self.found("join", at_once=64, pool=4))

    def test_spawned(self):
        self.assert_all(self.found("fan", pool=4), unknown=9)

    def test_spawned_by_spawned(self):
        self.assert_all(self.found("nested"), unknown=9)

    def test_sets(self):
        self.assert_all(self.found("set", at_once=64), unknown=9)

    def test_threads_for_blocking_work(self):
        self.assert_all(self.found("blocking"), unknown=9)

    def test_blocking_in_place(self):
        self.assert_all(self.found("inplace"))

    def test_large_futures(self):
        self.assert_all(self.found("big"), unknown=9)

    def test_one_thread(self):
        self.assert_all(self.found("fan", flavor="current"), unknown=9)

    def test_tasks_of_one_thread(self):
        self.assert_all(self.found("fan", flavor="local"), unknown=9)

    def test_all_requests_in_one_future(self):
        """No task tells them apart."""
        self.assert_none_wrong(self.found("handler", flavor="alone"))

    def test_after_the_answer(self):
        self.assertEqual(dict(self.found("detached")), {"right": 2 * REQUESTS})

    def test_workers(self):
        self.assert_none_wrong(self.found("worker"))

    def test_workers_that_requests_start(self):
        self.assert_none_wrong(self.found("lazy"))

    def test_one_connection_for_all(self):
        self.assert_none_wrong(self.found("multiplex"))

    def test_connections_with_tasks(self):
        """Made by whichever request finds none, and used by all."""
        self.assert_none_wrong(self.found("connected"))

    def test_for_nobody(self):
        """One request at a time, and a task that calls now and then."""
        found = self.found("lazytick", at_once=1)
        self.assert_none_wrong(found)
        self.assertGreaterEqual(found["right"], 3 * REQUESTS)

    def test_stripped(self):
        """Nothing is known of its tasks, and its threads say nothing."""
        self.need("strip")
        program, self.program = self.program, self.servers.path("stripped")
        subprocess.run(["strip", "-o", self.program, program], check=True)
        found = self.found("handler")
        self.assert_none_wrong(found)
        self.assertLess(found["right"], REQUESTS)

    def test_without_hooks(self):
        found = self.found("fan", "--no-runtime-hooks")
        self.assert_none_wrong(found)
        self.assertGreaterEqual(found["right"], REQUESTS)


if __name__ == "__main__":
    e2e.main()
