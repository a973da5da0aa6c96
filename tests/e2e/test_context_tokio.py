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

    def test_one_after_the_other(self):
        self.assert_all(self.found("handler"))

    def test_in_one_task(self):
        self.assert_all(self.found("join"))

    def test_spawned(self):
        self.assert_all(self.found("fan"), unknown=9)

    def test_without_hooks(self):
        found = self.found("fan", "--no-runtime-hooks")
        self.assertEqual(found["wrong"], 0)
        self.assertGreaterEqual(found["right"], REQUESTS)


if __name__ == "__main__":
    e2e.main()
