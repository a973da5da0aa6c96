#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""
What Python programs do besides answering requests: work after the answer, timers, retries, cancelled tasks, clients
that leave, requests that never end. The application is tests/accuracy/apps/python_ugly.py: what it calls after an
answer, or for nobody, says L10031 and must have no parent; K10031 must have the right one, or none.
"""
import os
import signal
import socket
import sys
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../lib"))
import e2e  # noqa: E402
import score  # noqa: E402
import servers  # noqa: E402

APPLICATION = os.path.join(e2e.ROOT, "tests/accuracy/apps/python_ugly.py")
PYTHON = os.environ.get("SPANTAP_PYTHON", servers.PYTHON)
REQUESTS = 150
LEAVERS = 20
HUNG = 80000
LEAVE_SECONDS = 0.001
LEFT_OPEN = ("responses_without_request",)
MIDWAY = ("responses_without_request", "exchanges_doubtful")


def leave(port, number):
    """Asks, and does not wait for the answer."""
    with socket.create_connection(("127.0.0.1", port)) as connection:
        connection.sendall(f"GET /Q{number} HTTP/1.1\r\nHost: test\r\n\r\n".encode())
        time.sleep(LEAVE_SECONDS)


class Ugly(e2e.Case):
    def setUp(self):
        super().setUp()
        self.need("redis-server")
        self.servers = self.enterContext(servers.Servers())
        _pid, self.redis_port, _path = self.servers.redis()

    def start(self, shape, pool="8", **settings):
        environment = {"REDIS_PORT": str(self.redis_port), "SHAPE": shape, "POOL": pool, **settings}

        def start(port):
            command = [PYTHON, APPLICATION]
            return self.servers.start("app", command, signal.SIGKILL, env={**environment, "PORT": str(port)})

        return self.servers.start_on_free_port("app", start, lambda port: servers.answers(("127.0.0.1", port)))

    def traced(self, shape, at_once=10, requests=REQUESTS, load=score.load, **settings):
        pid, port = self.start(shape, **settings)
        with e2e.Trace(pid, lossy=LEFT_OPEN) as trace:
            load(port, requests, at_once)
        return trace

    def all_right(self, shape, calls, **settings):
        trace = self.traced(shape, **settings)
        self.assertEqual(dict(score.score(trace.spans)), {"right": calls * settings.get("requests", REQUESTS)})

    def test_task_after(self):
        self.all_right("task_after", 4)

    def test_timer_after(self):
        self.all_right("timer_after", 3)

    def test_thread_after(self):
        """One request at a time, too: a thread of a former one is not the only open one's."""
        self.all_right("thread_after", 3)
        self.all_right("thread_after", 3, at_once=1)

    def test_executor_goes_on(self):
        self.all_right("pool_after", 3)

    def test_cancelled(self):
        self.all_right("cancel", 3, pool="64")

    def test_retries(self):
        """A call that is given up closes its connection."""
        found = score.score(self.traced("retry").spans)
        self.assertEqual(found["wrong"], 0)
        self.assertEqual(found["none"], 0)
        self.assertGreaterEqual(found["right"], REQUESTS)

    def test_connections_shared(self):
        self.all_right("reuse", 3, pool="2", at_once=64)

    def test_garbage(self):
        self.all_right("collect", 3)

    def test_many_children(self):
        self.all_right("children", 500, requests=10)

    def test_workers(self):
        """Tasks and threads that take work from queues of the program's own: nobody tells for whom."""
        for shape, at_once in (("workers", 1), ("thread_workers", 1), ("thread_workers", 10)):
            found = score.score(self.traced(shape, at_once=at_once).spans)
            self.assertEqual((shape, at_once, found["wrong"]), (shape, at_once, 0))
            self.assertEqual(found["right"] + found["none"], 3 * REQUESTS)

    def test_clients_leave(self):
        def load(port, requests, at_once):
            for number in range(70000, 70000 + LEAVERS):
                leave(port, number)
            score.load(port, requests, at_once)
            for number in range(71000, 71000 + LEAVERS):
                leave(port, number)

        found = score.score(self.traced("task_after", load=load).spans)
        self.assertEqual(found["wrong"], 0)
        self.assertGreaterEqual(found["right"], 4 * REQUESTS)

    def test_never_ends(self):
        """Its own calls are its own; those of others, on connections that come and go, are not."""
        kept = []

        def load(port, requests, at_once):
            for number in range(HUNG, HUNG + 5):
                kept.append(self.enterContext(socket.create_connection(("127.0.0.1", port))))
                kept[-1].sendall(f"GET /Q{number} HTTP/1.1\r\nHost: test\r\n\r\n".encode())
            score.load(port, requests, at_once)

        found = score.score(self.traced("task_after", load=load).spans)
        self.assertEqual(found["wrong"], 0)
        self.assertGreaterEqual(found["right"], 4 * REQUESTS)

    def test_attached_midway(self):
        """Requests, tasks and threads are under way already: what belongs to those has no parent."""
        pid, port = self.start("task_after")
        stop = threading.Event()
        sent = []

        def load():
            while not stop.is_set():
                score.load(port, REQUESTS, 10, first=score.FIRST + len(sent) * REQUESTS)
                sent.append(1)

        loader = threading.Thread(target=load)
        loader.start()
        try:
            e2e.wait_until("requests", lambda: sent)
            with e2e.Trace(pid, lossy=MIDWAY) as trace:
                seen = len(sent)
                e2e.wait_until("more requests", lambda: len(sent) > seen + 4 or not loader.is_alive())
        finally:
            stop.set()
            loader.join()
        found = score.score(trace.spans)
        self.assertEqual(found["wrong"], 0)
        self.assertGreater(found["right"], found["none"])

    def test_two_frameworks(self):
        """Threads that serve requests hand calls to the event loop, which serves requests of its own."""
        thread_port = servers.free_port()

        def load(port, requests, at_once):
            e2e.wait_until("threads", lambda: servers.answers(("127.0.0.1", thread_port)))
            first = threading.Thread(target=score.load, args=(port, requests, at_once))
            first.start()
            score.load(thread_port, requests, at_once, first=20000)
            first.join()

        found = score.score(self.traced("two", load=load, THREAD_PORT=str(thread_port)).spans)
        self.assertEqual(dict(found), {"right": 2 * 3 * REQUESTS})


if __name__ == "__main__":
    e2e.main()
