#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""A thread (or process) per request: whole requests, requests that come in pieces, work handed to other threads."""
import os
import signal
import socket
import subprocess
import sys
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../lib"))
import e2e  # noqa: E402
import score  # noqa: E402
import servers  # noqa: E402

APPS = os.path.join(e2e.ROOT, "tests/accuracy/apps")
PUMA, FIBERS = os.path.join(APPS, "ruby/config.ru"), os.path.join(APPS, "ruby/fibers.rb")
JAVA = """
import com.sun.net.httpserver.HttpServer;
import java.io.*;
import java.net.*;
import java.util.concurrent.*;

class Main {
    static final BlockingQueue<Socket> pool = new LinkedBlockingQueue<>();
    static final ExecutorService work = Executors.newFixedThreadPool(4);

    static void get(String key) throws Exception {
        Socket socket = pool.take();
        socket.getOutputStream().write(
            ("*2\\r\\n$3\\r\\nGET\\r\\n$" + key.length() + "\\r\\n" + key + "\\r\\n").getBytes());
        socket.getInputStream().read(new byte[64]);
        pool.put(socket);
    }

    public static void main(String[] args) throws Exception {
        for (int i = 0; i < Integer.parseInt(System.getenv("POOL")); i++) {
            Socket socket = new Socket("127.0.0.1", Integer.parseInt(System.getenv("REDIS_PORT")));
            socket.setTcpNoDelay(true);
            pool.put(socket);
        }
        boolean submit = System.getenv("SHAPE").equals("submit");
        HttpServer server = HttpServer.create(
            new InetSocketAddress("127.0.0.1", Integer.parseInt(System.getenv("PORT"))), 100);
        server.createContext("/", exchange -> {
            String number = exchange.getRequestURI().getPath().substring(2);
            try {
                get("K" + number + ":1");
                for (int i = 2; i < 4; i++) {
                    String key = "K" + number + ":" + i;
                    if (submit)
                        work.submit(() -> { get(key); return 0; }).get();
                    else
                        get(key);
                }
            } catch (Exception e) {
                throw new IOException(e);
            }
            byte[] answer = ("R" + number).getBytes();
            exchange.sendResponseHeaders(200, answer.length);
            exchange.getResponseBody().write(answer);
            exchange.close();
        });
        server.setExecutor(Executors.newFixedThreadPool(32));
        server.start();
    }
}
"""
PIECE_SECONDS = 0.002
REQUESTS = int(os.environ.get("CONTEXT_REQUESTS", "300"))
AT_ONCE = int(os.environ.get("CONTEXT_AT_ONCE", "10"))
THREADS = 8  # of Puma
POOL = os.environ.get("CONTEXT_POOL", "64")


def ask(connection, number, pieces, keep):
    """False when the server closed the connection instead."""
    ending = "" if keep else "Connection: close\r\n"
    text = f"GET /Q{number} HTTP/1.1\r\nHost: test\r\n{ending}\r\n".encode()
    answer = b""
    try:
        for piece in (text[:9], text[9:30], text[30:]) if pieces else (text,):
            connection.sendall(piece)
            time.sleep(PIECE_SECONDS if pieces else 0)
        while f"R{number}".encode() not in answer:
            more = connection.recv(4096)
            if not more:
                return False
            answer += more
    except ConnectionError:
        return False
    return True


def connect(port):
    connection = socket.create_connection(("127.0.0.1", port), timeout=e2e.CLIENT_SECONDS)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return connection


def run_client(port, numbers, failures, pieces, keep):
    connection = connect(port)
    for number in numbers:
        if not ask(connection, number, pieces, keep):
            connection.close()
            connection = connect(port)  # a kept one may be closed by the server at any time
            if not keep or not ask(connection, number, pieces, keep):
                failures.append(number)
                break
        if not keep:
            connection.close()
            connection = connect(port)
    connection.close()


def load(port, pieces=False, keep=False):
    """Requests in one piece or cut in the middle of a line, each on a connection of its own or not."""
    failures = []
    numbers = iter(list(range(score.FIRST, score.FIRST + REQUESTS)))  # next() of this is atomic
    arguments = (port, numbers, failures, pieces, keep)
    threads = [threading.Thread(target=run_client, args=arguments) for _ in range(AT_ONCE)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures, failures[:3]


class Threads(e2e.Case):
    def setUp(self):
        super().setUp()
        self.need("redis-server")
        self.servers = self.enterContext(servers.Servers())
        _pid, self.redis_port, _path = self.servers.redis()

    def settings(self, **settings):
        return {"REDIS_PORT": str(self.redis_port), "POOL": POOL, **settings}

    def traced(self, pid, port, loaded=load):
        with e2e.Trace(pid) as trace:
            loaded(port)
        if os.environ.get("CONTEXT_RULES"):
            print("#", self.id(), AT_ONCE, POOL, score.rules(trace.spans), file=sys.stderr)
        return dict(score.score(trace.spans))

    def keep_alive(self, port):
        load(port, keep=True)

    def pieces(self, port):
        load(port, pieces=True)

    def gunicorn(self, *options):
        imports = [servers.PYTHON, "-c", "import flask, redis, gunicorn"]
        if subprocess.run(imports, check=False, capture_output=True).returncode:
            self.skipTest("no flask, redis or gunicorn for " + servers.PYTHON)
        with open(os.path.join(APPS, "flask_web.py"), encoding="utf-8") as source:
            return self.servers.gunicorn(source.read(), *options, env=self.settings())

    def test_gunicorn_sync(self):
        self.assertEqual(self.traced(*self.gunicorn("--workers", "2")), {"right": 3 * REQUESTS})

    def test_gunicorn_gthread(self):
        options = ("--worker-class", "gthread", "--threads", "16")
        self.assertEqual(self.traced(*self.gunicorn(*options)), {"right": 3 * REQUESTS})

    def test_gunicorn_gthread_keep_alive(self):
        options = ("--worker-class", "gthread", "--threads", "64", "--keep-alive", "60")
        self.assertEqual(self.traced(*self.gunicorn(*options), self.keep_alive), {"right": 3 * REQUESTS})

    def test_gunicorn_gthread_pieces(self):
        options = ("--worker-class", "gthread", "--threads", "16")
        self.assertEqual(self.traced(*self.gunicorn(*options), self.pieces), {"right": 3 * REQUESTS})

    def puma(self, shape):
        self.need("puma", "ruby")
        if subprocess.run(["ruby", "-e", "require 'redis'"], check=False, capture_output=True).returncode:
            self.skipTest("no redis for ruby")

        def start(port):
            command = ["puma", "-e", "production", "-t", f"{THREADS}:{THREADS}"]
            command += ["-b", f"tcp://127.0.0.1:{port}", PUMA]
            return self.servers.start("puma", command, signal.SIGTERM, env=self.settings(SHAPE=shape))

        return self.servers.start_on_free_port("puma", start, lambda port: servers.answers(("127.0.0.1", port)))

    def test_puma(self):
        self.assertEqual(self.traced(*self.puma("sequence")), {"right": 3 * REQUESTS})

    def test_puma_keep_alive(self):
        self.assertEqual(self.traced(*self.puma("sequence"), self.keep_alive), {"right": 3 * REQUESTS})

    def test_puma_pieces(self):
        self.assertEqual(self.traced(*self.puma("sequence"), self.pieces), {"right": 3 * REQUESTS})

    def test_puma_fibers(self):
        """A thread that has not served yet knows nothing of the fibers in it."""
        found = self.traced(*self.puma("fibers"))
        self.assertEqual(found.get("wrong", 0), 0)
        self.assertGreaterEqual(found["right"], 3 * REQUESTS - 3 * THREADS)

    def test_puma_fibers_pieces(self):
        found = self.traced(*self.puma("fibers"), self.pieces)
        self.assertEqual(found.get("wrong", 0), 0)
        self.assertGreaterEqual(found["right"], 3 * REQUESTS - 3 * THREADS)

    def fibers(self, shape):
        self.need("ruby")

        def start(port):
            settings = self.settings(SHAPE=shape, PORT=str(port))
            return self.servers.start("fibers", ["ruby", FIBERS], signal.SIGKILL, env=settings)

        return self.servers.start_on_free_port("fibers", start, lambda port: servers.answers(("127.0.0.1", port)))

    def test_fiber_per_connection(self):
        self.assertEqual(self.traced(*self.fibers("connection"), self.keep_alive), {"right": 3 * REQUESTS})

    def test_fiber_per_request(self):
        """Before a thread's first answer nobody knows what its fibers work for."""
        found = self.traced(*self.fibers("request"), self.keep_alive)
        self.assertNotIn("wrong", found)
        self.assertGreater(found["right"], 2.9 * REQUESTS)

    def java(self, shape):
        self.need("java", "javac")
        source, classes = self.servers.path("Main.java", JAVA), self.servers.path("classes")
        built = subprocess.run(["javac", "-d", classes, source], capture_output=True, text=True, check=False)
        self.assertEqual(built.returncode, 0, built.stderr)

        def start(port):
            command = ["java", "-Xmx128m", "-cp", classes, "Main"]
            return self.servers.start("java", command, signal.SIGKILL, env=self.settings(SHAPE=shape, PORT=str(port)))

        return self.servers.start_on_free_port("java", start, lambda port: servers.answers(("127.0.0.1", port)))

    def test_java(self):
        self.assertEqual(self.traced(*self.java("sequence"), self.keep_alive), {"right": 3 * REQUESTS})

    def test_java_submit(self):
        """Handed to an executor: most is known, nothing is given to another request (test_context_executors.py)."""
        found = self.traced(*self.java("submit"), self.keep_alive)
        self.assertEqual(found.get("wrong", 0), 0)
        self.assertGreaterEqual(found["right"], 2 * REQUESTS)


if __name__ == "__main__":
    e2e.main()
