#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""Python's frameworks, event loops and pools: whose call is this? The application is tests/accuracy/apps/python_web.py."""
import os
import signal
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../lib"))
import e2e  # noqa: E402
import score  # noqa: E402
import servers  # noqa: E402

APPLICATION = os.path.join(e2e.ROOT, "tests/accuracy/apps/python_web.py")
PACKAGES = ["aiohttp==3.14.5", "gevent==26.9.0", "redis==8.1.0", "starlette==1.10.0", "tornado==6.6.1",
            "uvicorn==0.54.0", "uvloop==0.23.0"]  # fmt: skip
INSTALL_SECONDS = 120
REQUESTS = 200


def setUpModule():
    """A virtual environment with the packages; SPANTAP_PYTHON names one that has them already."""
    global python, directory
    directory, python = None, os.environ.get("SPANTAP_PYTHON")
    if python or e2e.unable():
        return
    directory = tempfile.TemporaryDirectory(prefix="spantap-e2e.")
    python = os.path.join(directory.name, "bin/python")
    pip = [python, "-m", "pip", "install", "-q", "--only-binary=:all:", "--retries=1", "--timeout=20", *PACKAGES]
    try:
        for command in ([servers.PYTHON, "-m", "venv", directory.name], pip):
            made = subprocess.run(command, capture_output=True, text=True, timeout=INSTALL_SECONDS, check=False)
            if made.returncode:
                raise unittest.SkipTest("no packages: " + (made.stderr.strip().splitlines() or ["?"])[-1])
    except subprocess.TimeoutExpired:
        raise unittest.SkipTest("no packages: the index does not answer") from None


def tearDownModule():
    if directory:
        directory.cleanup()


class Python(e2e.Case):
    def setUp(self):
        super().setUp()
        self.need("redis-server")
        self.servers = self.enterContext(servers.Servers())
        _pid, self.redis_port, _path = self.servers.redis()

    def traced(self, framework, shape, at_once=10, options=(), **settings):
        environment = {"REDIS_PORT": str(self.redis_port), "FRAMEWORK": framework, "SHAPE": shape, **settings}

        def start(port):
            variables = {**environment, "PORT": str(port)}
            return self.servers.start("app", [python, APPLICATION], signal.SIGKILL, env=variables)

        pid, port = self.servers.start_on_free_port("app", start, lambda port: servers.answers(("127.0.0.1", port)))
        with e2e.Trace(pid, options=options) as trace:
            score.load(port, REQUESTS, at_once)
        return dict(score.score(trace.spans))

    def all_right(self, framework, shape, calls=3, **settings):
        self.assertEqual(self.traced(framework, shape, **settings), {"right": calls * REQUESTS})

    def test_aiohttp_executors(self):
        """asyncio's own threads and a pool's: the context is not there."""
        self.all_right("aiohttp", "executor")

    def test_aiohttp_threads(self):
        self.all_right("aiohttp", "to_thread")

    def test_aiohttp_timers(self):
        self.all_right("aiohttp", "timer")

    def test_uvloop(self):
        """It writes later what its streams are given."""
        self.all_right("aiohttp", "gather", LOOP="uvloop", POOL="4")

    def test_starlette_background(self):
        """Two calls after the answer have no parent."""
        self.all_right("starlette", "background", calls=5, LOOP="uvloop")

    def test_starlette_middleware(self):
        """Tasks of tasks, and the answer is written by one of them."""
        self.all_right("starlette", "middleware")

    def test_tornado(self):
        """Reads requests in contexts that are freed at once; goes on after the answer."""
        self.all_right("tornado", "background", calls=4)

    def test_outlives(self):
        self.all_right("aiohttp", "outlive", calls=6)

    def test_ticker(self):
        """A timer of the program's own beside one request at a time."""
        found = self.traced("aiohttp", "ticker", at_once=1)
        self.assertGreater(found.pop("right"), 3 * REQUESTS)
        self.assertEqual(found, {})

    def test_gevent(self):
        self.all_right("gevent", "deep")

    def test_gevent_spawn(self):
        self.all_right("gevent", "gather", POOL="4")

    def test_without_hooks(self):
        """What a greenlet has started is not known then; none may be given to another request."""
        found = self.traced("gevent", "gather", options=["--no-runtime-hooks"])
        self.assertNotIn("wrong", found)
        self.assertGreaterEqual(found["right"], REQUESTS)


if __name__ == "__main__":
    e2e.main()
