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

APPLICATION = """
const http = require('http'), net = require('net');
const { PORT, REDIS_PORT, SHAPE, POOL, GC } = process.env;
const sleep = ms => new Promise(done => setTimeout(done, ms));

class Connection {
  constructor() {
    this.waiting = [];
    this.socket = net.connect(+REDIS_PORT, '127.0.0.1');
    this.socket.on('data', data => { /* one reply of nil each: "$-1" and an end of line */
      for (let i = 0; i < data.length / 5; i++) this.waiting.shift()(null);
    });
  }
  get(key) {
    this.socket.write(`*2\\r\\n$3\\r\\nGET\\r\\n$${key.length}\\r\\n${key}\\r\\n`);
    return new Promise(done => this.waiting.push(done));
  }
}

const free = [], waiting = [];
for (let i = 0; i < +POOL; i++) free.push(new Connection());
async function get(key) {
  const connection = POOL === '1' ? free[0] : free.pop() || await new Promise(done => waiting.push(done));
  try {
    return await connection.get(key);
  } finally {
    const next = waiting.shift();
    if (POOL !== '1') next ? next(connection) : free.push(connection);
  }
}
async function* numbers() { yield 2; await sleep(1); yield 3; }

const shapes = {
  async sequence(n) {
    await get(`K${n}:1`);
    await sleep(Math.random() * 5);
    await get(`K${n}:2`);
    await get(`K${n}:3`);
  },
  async all(n) {
    await get(`K${n}:1`);
    await Promise.all([get(`K${n}:2`), get(`K${n}:3`)]);
  },
  then(n) {
    return get(`K${n}:1`).then(() => sleep(Math.random() * 5)).then(() => get(`K${n}:2`)).then(() => get(`K${n}:3`));
  },
  async ugly(n) {
    queueMicrotask(() => {});
    try { await get(`K${n}:1`); await Promise.reject(new Error('expected')); } catch { await sleep(1); }
    for await (const i of numbers()) await get(`K${n}:${i}`);
  },
  callback(n) { /* nobody's, as far as one can see: nothing may be guessed */
    return new Promise(done => setTimeout(() => get(`K${n}:1`).then(() => setImmediate(() => get(`K${n}:2`).then(done)))));
  },
  async after(n) {
    for (const i of [1, 2, 3]) await get(`K${n}:${i}`);
    sleep(20).then(() => get(`L${n}:4`));
  },
};
http.createServer(async (request, response) => {
  await shapes[SHAPE](request.url.slice(2));
  response.end('R' + request.url.slice(2));
}).listen(+PORT, '127.0.0.1');
if (GC) setInterval(() => globalThis.gc(), +GC);
if (SHAPE === 'after') setInterval(() => get('L1:1'), 5);
"""
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
        self.application = self.servers.path("application.js", APPLICATION)

    def found(self, node, shape, pool, options=(), at_once=AT_ONCE, **settings):
        """{"right", "wrong", "none": number} of calls."""
        settings.update(REDIS_PORT=str(self.redis_port), SHAPE=shape, POOL=str(pool))

        def start(port):
            command = [node, "--expose-gc", self.application]
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
        self.each("all", 1)

    def test_then(self):
        self.each("then", 50)

    def test_errors_and_generators(self):
        self.each("ugly", 50)

    def test_collections(self):
        """Objects move while requests are open."""
        self.each("sequence", 3, at_once=64, GC="10")

    def test_after_the_answer(self):
        """And what nobody asked for."""
        self.each("after", 50)

    def test_silent(self):
        """Timers' and immediates' own callbacks: no parent, and no wrong one."""
        self.each("callback", 3, share=0)

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
