#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""Goroutines that a request starts, net/http's client, and what must not be taken for a request's own."""
import os
import shutil
import signal
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../lib"))
import e2e  # noqa: E402
import score  # noqa: E402
import servers  # noqa: E402

SOURCE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "go/main.go")
REQUESTS = 300
AT_ONCE = 10


class Go(e2e.Case):
    """One build for all tests: it takes longer than they do."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.trouble = "no go"
        if not shutil.which("go"):
            return
        cls.home = servers.Servers()
        cls.enterClassContext(cls.home)
        home, cls.program = cls.home.path("go"), cls.home.path("program")
        built = subprocess.run(
            ["go", "build", "-ldflags=-s -w", "-o", cls.program, SOURCE],
            env=e2e.environment(GOTOOLCHAIN="local", GOCACHE=home, GOFLAGS="-mod=mod", GOPATH=home, GO111MODULE="off"),
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        cls.trouble = built.stderr

    def setUp(self):
        super().setUp()
        self.need("go", "redis-server")
        self.assertEqual(self.trouble, "")
        self.servers = self.enterContext(servers.Servers())
        _pid, self.redis_port, _path = self.servers.redis()

    def start(self, name, shape, second_port=0, pool=64):
        settings = {"REDIS_PORT": str(self.redis_port), "SECOND_PORT": str(second_port), "POOL": str(pool)}

        def start(port):
            settings.update(PORT=str(port), SHAPE=shape)
            return self.servers.start(name, [self.program], signal.SIGKILL, env=settings)

        return self.servers.start_on_free_port(name, start, lambda port: servers.answers(("127.0.0.1", port)))

    def found(self, shape, *options, warm=0, **settings):
        """{"right", "wrong", "none": number} of calls. warm: requests before anybody looks."""
        _pid, second_port = self.start("second", "none")
        pid, port = self.start("app", shape, second_port, **settings)
        if warm:
            score.load(port, warm, AT_ONCE)
        with e2e.Trace(pid, options=options) as trace:
            score.load(port, REQUESTS, AT_ONCE)
        return score.score(trace.spans)

    def assert_all(self, found, unknown=0):
        """unknown: calls for which nothing was sure, as for the first request that started such goroutines."""
        self.assertEqual(found["wrong"], 0, found)
        self.assertEqual(found["right"] + found["none"], 3 * REQUESTS)
        self.assertLessEqual(found["none"], unknown)

    def test_started_goroutines(self):
        self.assert_all(self.found("fan"), unknown=9)

    def test_started_goroutines_pool_exhausted(self):
        self.assert_all(self.found("fan", pool=4), unknown=9)

    def test_started_by_started(self):
        self.assert_all(self.found("nested"), unknown=9)

    def test_http_client(self):
        self.assert_all(self.found("http"))

    def test_http_client_connected_before(self):
        """Its connections have writers that nobody saw begin."""
        self.assert_all(self.found("http", warm=100))

    def test_http_client_in_goroutines(self):
        self.assert_all(self.found("httpfan"), unknown=9)

    def test_after_the_answer(self):
        found = self.found("detached")
        self.assertEqual(dict(found), {"right": 2 * REQUESTS})

    def test_workers_that_requests_start(self):
        """They serve all requests, not only the one that started them."""
        self.assertEqual(self.found("lazy")["wrong"], 0)

    def test_workers_on_demand(self):
        """A pool that grows: whichever request finds no idle worker starts one."""
        self.assertEqual(self.found("demand")["wrong"], 0)

    def test_workers(self):
        """A worker's answer goes to who waits for it; on a busy machine some do not wait yet when it comes."""
        self.assert_all(self.found("worker"), unknown=REQUESTS)

    def test_workers_pool_exhausted(self):
        self.assert_all(self.found("worker", pool=3), unknown=REQUESTS)

    def test_without_hooks(self):
        found = self.found("fan", "--no-runtime-hooks")
        self.assertEqual(found["wrong"], 0)
        self.assertGreaterEqual(found["right"], REQUESTS)


if __name__ == "__main__":
    e2e.main()
