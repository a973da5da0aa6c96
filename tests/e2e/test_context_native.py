#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""Programs without a runtime: nginx as a proxy, and a C program that hands requests to a pool of threads."""
import os
import signal
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../lib"))
import e2e  # noqa: E402
import score  # noqa: E402
import servers  # noqa: E402

APPS = os.path.join(e2e.ROOT, "tests/accuracy/apps")
POOL, UPSTREAM = os.path.join(APPS, "native/pool.c"), os.path.join(APPS, "upstream.py")
REQUESTS = int(os.environ.get("CONTEXT_REQUESTS", "300"))
AT_ONCE = int(os.environ.get("CONTEXT_AT_ONCE", "10"))
WORKERS = os.environ.get("CONTEXT_POOL", "16")


def answers(port):
    return servers.answers(("127.0.0.1", port))


class Native(e2e.Case):
    def setUp(self):
        super().setUp()
        self.servers = self.enterContext(servers.Servers())

    def traced(self, pid, port):
        with e2e.Trace(pid) as trace:
            score.load(port, REQUESTS, AT_ONCE)
        if os.environ.get("CONTEXT_RULES"):
            print("#", self.id(), AT_ONCE, WORKERS, score.rules(trace.spans), file=sys.stderr)
        return dict(score.score(trace.spans))

    def pool(self, who):
        self.need("redis-server", "cc")
        _pid, redis_port, _path = self.servers.redis()
        program = self.servers.path("pool")
        built = subprocess.run(
            ["cc", "-O1", "-pthread", "-o", program, POOL], capture_output=True, text=True, check=False
        )
        self.assertEqual(built.returncode, 0, built.stderr)
        settings = {"REDIS_PORT": str(redis_port), "POOL": WORKERS, "ANSWERS": who}

        def start(port):
            return self.servers.start("pool", [program], signal.SIGKILL, env={**settings, "PORT": str(port)})

        return self.traced(*self.servers.start_on_free_port("pool", start, answers))

    def test_pool(self):
        self.assertEqual(self.pool("worker"), {"right": 3 * REQUESTS})

    def test_pool_main_answers(self):
        """Nobody can tell from sockets alone which worker did it: then nothing is said."""
        self.assertEqual(self.pool("main").get("wrong", 0), 0)

    def nginx(self, keepalive):
        self.need("nginx")
        def start(port):
            command = [servers.PYTHON, UPSTREAM]
            return self.servers.start("upstream", command, signal.SIGKILL, env={"PORT": str(port)})

        _pid, upstream = self.servers.start_on_free_port("upstream", start, answers)
        settings = f"upstream u {{ server 127.0.0.1:{upstream}; keepalive {keepalive}; }}"
        locations = """location ~ ^/Q(\\d+)$ {
            proxy_pass http://u/K$1:1; proxy_http_version 1.1; proxy_set_header Connection "";
        }"""
        return self.traced(*self.servers.nginx(locations, settings, workers=1))

    def test_nginx(self):
        """Nothing is said until enough is seen, nor of the first request on a new connection."""
        found = self.nginx(64)
        self.assertEqual(found.get("wrong", 0), 0)
        self.assertGreaterEqual(found["right"], REQUESTS / 2)

    def test_nginx_few_kept(self):
        self.assertEqual(self.nginx(2).get("wrong", 0), 0)


if __name__ == "__main__":
    e2e.main()
