#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""
Node.js: what awaits and .then() continue belongs to the request that began it, whoever else runs on the loop. Tried with
the node that is installed, and with those that NODES names (paths, by colons): `npm install node@18` gives one.
"""
import os
import shutil
import signal
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../lib"))
import e2e  # noqa: E402
import score  # noqa: E402
import servers  # noqa: E402

APPLICATION = os.path.join(e2e.ROOT, "tests/accuracy/apps/node/web.js")
REQUESTS = 300
AT_ONCE = 10


def nodes():
    return [path for path in [shutil.which("node"), *os.environ.get("NODES", "").split(":")] if path]


class Node(e2e.Case):
    def setUp(self):
        super().setUp()
        self.need("node", "redis-server")
        self.servers = self.enterContext(servers.Servers())
        _pid, self.redis_port, _path = self.servers.redis()

    def found(self, node, shape, pool, options=(), at_once=AT_ONCE, **settings):
        """{"right", "wrong", "none": number} of calls."""
        settings.update(REDIS_PORT=str(self.redis_port), SHAPE=shape, POOL=str(pool))

        def start(port):
            command = [node, "--expose-gc", APPLICATION]
            return self.servers.start("app", command, signal.SIGKILL, env={**settings, "PORT": str(port)})

        pid, port = self.servers.start_on_free_port("app", start, lambda port: servers.answers(("127.0.0.1", port)))
        with e2e.Trace(pid, options=options) as trace:
            score.load(port, 1)  # what is followed begins with the first callback that is seen whole
            score.load(port, REQUESTS, at_once)
        os.kill(pid, signal.SIGKILL)
        return score.score(trace.spans)

    def each(self, shape, pool, share=0.99, **settings):
        for node in nodes():
            with self.subTest(node=node):
                found = self.found(node, shape, pool, **settings)
                self.assertEqual(found["wrong"], 0, found)
                self.assertGreaterEqual(found["right"], share * found.total(), found)

    def test_pool(self):
        self.each("sequence", 50)

    def test_pool_exhausted(self):
        self.each("sequence", 3)

    def test_many_at_once(self):
        self.each("sequence", 3, at_once=64)

    def test_fan_out_on_one_connection(self):
        self.each("all", 1, CLIENT="one")

    def test_then(self):
        self.each("then", 50)

    def test_errors_and_generators(self):
        self.each("ugly", 50)

    def test_collections(self):
        """Objects move while requests are open."""
        self.each("sequence", 3, at_once=64, GC="10")

    def test_after_the_answer(self):
        """And what nobody asked for."""
        self.each("after", 50, TICK="5")

    def test_callbacks(self):
        """Timers' and immediates' own callbacks that await nothing: no wrong parent."""
        self.each("callback", 3, share=0)

    def test_timers(self):
        """Those that await, and a file's: of who asked for them."""
        self.each("timers", 50)

    def test_batched(self):
        """Whoever goes on with an answer had asked."""
        self.each("all", 1, CLIENT="batched")
        self.each("all", 1, share=0.98, at_once=64, CLIENT="batched")

    def test_given_on(self):
        """Never the one who gave the connection back."""
        self.each("sequence", 3, share=0.2, CLIENT="given")

    def test_handed_on(self):
        """Nor the one who gets it next."""
        self.each("sequence", 3, share=0, CLIENT="handed")

    def test_without_hooks(self):
        self.each("sequence", 3, share=0, options=["--no-runtime-hooks"])

    def test_stripped(self):
        """A build without symbols: nothing is known, nothing is wrong."""
        node = self.servers.path("node")
        if subprocess.run(["strip", "-o", node, nodes()[0]], capture_output=True, check=False).returncode:
            self.skipTest("node cannot be stripped")
        self.assertEqual(self.found(node, "sequence", 3)["wrong"], 0)


if __name__ == "__main__":
    e2e.main()
