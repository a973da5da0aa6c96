#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""
Virtual threads of Java: a virtual thread per connection or request, beside platform threads, through collections of
garbage. CONTEXT_AT_ONCE, CONTEXT_POOL, CONTEXT_REQUESTS; CONTEXT_RULES=1 prints what each layer found.
"""
import glob
import os
import re
import signal
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../lib"))
import e2e  # noqa: E402
import score  # noqa: E402
import servers  # noqa: E402

PROGRAM = os.path.join(e2e.ROOT, "tests/accuracy/apps/java_virtual/Main.java")
PLACES = ("/usr/lib/jvm/*", "/var/tmp/spantap-accuracy/jdk-*")
REQUESTS = int(os.environ.get("CONTEXT_REQUESTS", "300"))
AT_ONCE = int(os.environ.get("CONTEXT_AT_ONCE", "10"))
POOL = os.environ.get("CONTEXT_POOL", "64")
EXHAUSTED = "3"


def version_of(home):
    with open(os.path.join(home, "release"), encoding="utf-8") as source:
        found = re.search(r'^JAVA_VERSION="(\d+)', source.read(), re.MULTILINE)
    return int(found[1]) if found else 0


def homes():
    """{version: directory} of what is installed here, and of what accuracy/fetch_jdk brought."""
    releases = [path for place in PLACES for path in glob.glob(os.path.join(place, "release"))]
    return {version_of(os.path.dirname(path)): os.path.dirname(path) for path in sorted(releases)}


class Java(e2e.Case):
    version = 0  # of the JDK; 0: these are no tests

    def setUp(self):
        if not self.version:
            self.skipTest("of each version")
        super().setUp()
        self.need("redis-server", "javac")
        self.home = homes().get(self.version)
        if not self.home:
            self.skipTest(f"no JDK {self.version}: tests/accuracy/fetch_jdk {self.version}")
        self.servers = self.enterContext(servers.Servers())
        _pid, self.redis_port, _path = self.servers.redis()

    def start(self, *options, **settings):
        """(pid, port)"""
        classes = self.servers.path("classes")
        built = subprocess.run(
            ["javac", "--release", "17", "-d", classes, PROGRAM], capture_output=True, text=True, check=False
        )
        self.assertEqual(built.returncode, 0, built.stderr)

        def run(port):
            command = [os.path.join(self.home, "bin/java"), "-Xmx192m", *options, "-cp", classes, "Main"]
            environment = {"REDIS_PORT": str(self.redis_port), "POOL": POOL, **settings, "PORT": str(port)}
            return self.servers.start("java", command, signal.SIGKILL, env=environment)

        return self.servers.start_on_free_port("java", run, lambda port: servers.answers(("127.0.0.1", port)))

    def found(self, *options, at_once=AT_ONCE, **settings):
        pid, port = self.start(*options, **settings)
        with e2e.Trace(pid) as trace:
            score.load(port, REQUESTS, at_once)
        self.assertEqual(len(trace.of("http", "server")), REQUESTS)
        if os.environ.get("CONTEXT_RULES"):
            print("#", self.id(), at_once, settings, dict(score.score(trace.spans)), score.rules(trace.spans),
                  file=sys.stderr)
        return dict(score.score(trace.spans))


class Virtual:
    """With virtual threads, each of which is told apart."""

    def all_right(self, *options, **settings):
        self.assertEqual(self.found(*options, **settings), {"right": 3 * REQUESTS})

    def test_connection(self):
        self.all_right(at_once=64, POOL=EXHAUSTED)

    def test_request(self):
        self.all_right(SERVER="http")

    def test_collections(self):
        """Thread objects are moved meanwhile."""
        self.all_right("-XX:+UseSerialGC", SHAPE="collect")

    def test_collections_concurrent(self):
        self.all_right("-XX:+UseZGC", SHAPE="collect")

    def test_interpreted(self):
        self.all_right("-Xint")

    def test_mixed(self):
        """Half of the requests are served by platform threads."""
        self.all_right(THREADS="mixed", SERVER="http")

    def test_after(self):
        """What is called when the answer is out is nobody's."""
        self.assertEqual(self.found(SHAPE="after"), {"right": 4 * REQUESTS})

    def test_children(self):
        """Which virtual thread started another is not known, and not guessed."""
        for shape, children, at_once in (("spread", "virtual", 10), ("detached", "virtual", 1), ("last", "platform", 10)):
            with self.subTest(shape=shape, children=children):
                self.assertNotIn("wrong", self.found(SHAPE=shape, CHILDREN=children, at_once=at_once))


class Java17(Java):
    version = 17

    def test_platform(self):
        """There are no virtual threads: threads are what runs."""
        self.assertEqual(self.found(THREADS="platform", SERVER="http"), {"right": 3 * REQUESTS})


class Java21(Virtual, Java):
    version = 21


class Java25(Virtual, Java):
    version = 25


if __name__ == "__main__":
    e2e.main()
