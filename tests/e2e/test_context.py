#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""Coroutines and goroutines with many requests at once: every call's key carries the number of its request."""
import os
import shutil
import signal
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../lib"))
import e2e  # noqa: E402
import score  # noqa: E402
import servers  # noqa: E402

ASYNCIO = """
import asyncio, os, random, re
import redis.asyncio

cache = redis.asyncio.Redis(connection_pool=redis.asyncio.BlockingConnectionPool(
    host="127.0.0.1", port=int(os.environ["REDIS_PORT"]), max_connections=int(os.environ["POOL"]), timeout=60))

async def serve(number):
    await cache.get(f"K{number}:1")
    await asyncio.sleep(random.random() / 200)
    if os.environ["SHAPE"] == "gather":
        await asyncio.gather(*(cache.get(f"K{number}:{i}") for i in (2, 3)))
        return
    await cache.get(f"K{number}:2")
    await cache.get(f"K{number}:3")

async def handle(reader, writer):
    while head := await reader.readuntil(b"\\r\\n\\r\\n"):
        number = re.search(rb"/Q(\\d+)", head)[1].decode()
        await serve(number)
        writer.write(f"HTTP/1.1 200 OK\\r\\nContent-Length: {len(number) + 1}\\r\\n\\r\\nR{number}".encode())
        await writer.drain()

async def main():
    server = await asyncio.start_server(handle, "127.0.0.1", int(os.environ["PORT"]))
    async with server:
        await server.serve_forever()

asyncio.run(main())
"""
GO = """
package main

import (
	"bufio"
	"fmt"
	"math/rand"
	"net"
	"net/http"
	"os"
	"strings"
	"time"
)

var pool = make(chan net.Conn, 64)

func get(key string) {
	c := <-pool
	fmt.Fprintf(c, "*2\\r\\n$3\\r\\nGET\\r\\n$%d\\r\\n%s\\r\\n", len(key), key)
	bufio.NewReaderSize(c, 64).ReadString('\\n')
	pool <- c
}

func main() {
	for i := 0; i < 64; i++ {
		c, err := net.Dial("tcp", "127.0.0.1:"+os.Getenv("REDIS_PORT"))
		if err != nil {
			panic(err)
		}
		pool <- c
	}
	http.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		number := strings.TrimPrefix(r.URL.Path, "/Q")
		get("K" + number + ":1")
		time.Sleep(time.Duration(rand.Intn(5)) * time.Millisecond)
		get("K" + number + ":2")
		get("K" + number + ":3")
		fmt.Fprint(w, "R"+number)
	})
	http.ListenAndServe("127.0.0.1:"+os.Getenv("PORT"), nil)
}
"""
REQUESTS = 300
AT_ONCE = 10


class Context(e2e.Case):
    def setUp(self):
        super().setUp()
        self.need("redis-server")
        self.servers = self.enterContext(servers.Servers())
        _pid, self.redis_port, _path = self.servers.redis()

    def traced(self, command, options=(), **settings):
        environment = {"REDIS_PORT": str(self.redis_port), **settings}

        def start(port):
            return self.servers.start("app", command, signal.SIGKILL, env={**environment, "PORT": str(port)})

        pid, port = self.servers.start_on_free_port("app", start, lambda port: servers.answers(("127.0.0.1", port)))
        with e2e.Trace(pid, options=options) as trace:
            score.load(port, REQUESTS, AT_ONCE)
        return score.score(trace.spans)

    def asyncio(self, shape, pool, *options):
        self.servers.path("application.py", ASYNCIO)
        return self.traced([servers.PYTHON, "application.py"], options, SHAPE=shape, POOL=str(pool))

    def test_asyncio(self):
        self.assertEqual(dict(self.asyncio("sequence", 50)), {"right": 3 * REQUESTS})

    def test_asyncio_pool_exhausted(self):
        self.assertEqual(dict(self.asyncio("sequence", 4)), {"right": 3 * REQUESTS})

    def test_asyncio_gather(self):
        self.assertEqual(dict(self.asyncio("gather", 50)), {"right": 3 * REQUESTS})

    def test_asyncio_without_hooks(self):
        """Tasks that a request's own task starts are not known then; none may be given to another request."""
        found = self.asyncio("gather", 50, "--no-runtime-hooks")
        self.assertEqual(found["wrong"], 0)
        self.assertGreaterEqual(found["right"], REQUESTS)

    def test_go(self):
        if not shutil.which("go"):
            self.skipTest("no go")
        source = self.servers.path("main.go", GO)
        program = self.servers.path("program")
        home = self.servers.path("go-home")
        built = subprocess.run(
            ["go", "build", "-ldflags=-s -w", "-o", program, source],
            env=e2e.environment(GOTOOLCHAIN="local", GOCACHE=home, GOFLAGS="-mod=mod", GOPATH=home, GO111MODULE="off"),
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        self.assertEqual(built.returncode, 0, built.stderr)
        self.assertEqual(dict(self.traced([program])), {"right": 3 * REQUESTS})


if __name__ == "__main__":
    e2e.main()
