#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""Redis, seen from its clients and from itself: INFO commandstats counts the commands that spantap must show."""
import os
import socket
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../lib"))
import e2e  # noqa: E402
import servers  # noqa: E402

LONG = ["--request-bytes", "16K", "--response-bytes", "16K"]
CONNECT = """
import redis
before = redis.Redis(port=PORT, db=3)
before.ping()
local = redis.Redis(unix_socket_path=PATH)
ready()
"""
COMMANDS = (
    CONNECT
    + """
client = redis.Redis(port=PORT)
client.ping()
for n in range(20):
    client.set(f"key:{n}", "secret-value")
    client.get(f"key:{n}")
client.set("large", "x" * 300_000)
assert len(client.get("large")) == 300_000
client.mget("key:1", "key:2", "none")
before.incr("counter")
redis.Redis(port=PORT, db=5).decr("counter")
local.hset("hash", mapping={"a": 1, "b": 2})
redis.Redis(host="::1", port=PORT).lpush("list", 1, 2, 3)
"""
)
PIPELINES = (
    CONNECT
    + """
client = redis.Redis(port=PORT)
for turn in range(10):
    pipe = client.pipeline(transaction=False)
    for n in range(COUNT):
        pipe.set(f"pipe:{n}", n)
        pipe.get(f"pipe:{n}")
    pipe.execute()
pipe = client.pipeline(transaction=True)
pipe.set("one", 1)
pipe.incr("one")
pipe.execute()
"""
)
ERRORS = (
    CONNECT
    + """
client = redis.Redis(port=PORT)
client.set("text", "secret-value")
for command in (("INCR", "text"), ("LPUSH", "text", "1"), ("NONSENSE", "argument"), ("GET",)):
    try:
        client.execute_command(*command)
    except redis.ResponseError:
        continue
    raise SystemExit("no error")
"""
)
PUBSUB = (
    CONNECT
    + """
client = redis.Redis(port=PORT)
listener = redis.Redis(port=PORT).pubsub()
listener.subscribe("news")
assert listener.get_message(timeout=20)["type"] == "subscribe"
for n in range(5):
    client.publish("news", f"secret-value {n}")
    assert listener.get_message(timeout=20)["type"] == "message"
listener.unsubscribe("news")
assert listener.get_message(timeout=20)["type"] == "unsubscribe"
"""
)


class Redis(e2e.Case):
    def setUp(self):
        super().setUp()
        self.need("redis-server", "redis-cli")
        self.servers = self.enterContext(servers.Servers())
        self.pid, self.port, self.path = self.servers.redis()

    def ask(self, command):
        with socket.create_connection(("127.0.0.1", self.port)) as connection:
            connection.sendall(command.encode() + b"\r\n")
            head = b""
            while not head.endswith(b"\r\n"):
                head += connection.recv(1)
            body = b""
            while head[:1] == b"$" and len(body) < int(head[1:]) + 2:
                body += connection.recv(65536)
            return body.decode()

    def commandstats(self):
        """command -> calls; what a command says before it is refused is in `rejected_calls`."""
        calls = {}
        for line in self.ask("INFO commandstats").split():
            if line.startswith("cmdstat_"):
                name, _, numbers = line.partition(":")
                name = name.removeprefix("cmdstat_").partition("|")[0].upper()
                numbers = dict(pair.split("=") for pair in numbers.split(","))
                calls[name] = calls.get(name, 0) + int(numbers["calls"]) + int(numbers["rejected_calls"])
        return calls

    def traced(self, code, unknown=0, server=False, options=(), **values):
        """A client's spans, after they have been compared with what the server counted."""
        with e2e.Client(code, PORT=self.port, PATH=self.path, **values) as client:
            self.ask("CONFIG RESETSTAT")
            with e2e.Trace(self.pid if server else client.pid, options=options) as trace:
                client.go()
            counted = self.commandstats()
        counted.pop("INFO", None)
        counted.pop("CONFIG", None)
        kind = "server" if server else "client"
        spans = trace.of("redis", kind)
        self.assertEqual(len(spans), len(trace.spans))
        names = e2e.counts(self.operation(span) for span in spans)
        unheard = names.pop("NONSENSE", 0)
        self.assertEqual(unheard, unknown)
        self.assertEqual(names, counted)
        for span in trace.spans:
            self.assertNotIn("secret-value", str(span))
            self.assertEqual(span["attributes"]["db.system.name"], "redis")
        return trace

    def operation(self, span):
        """The command's name: the part of db.operation.name that INFO knows."""
        return span["attributes"]["db.operation.name"].split(" ")[-1]

    def check_commands(self, trace):
        databases = {s["name"].split(" ")[0]: s["attributes"].get("db.namespace") for s in trace.spans}
        self.assertEqual(databases["DECRBY"], "5")
        self.assertEqual(databases["INCRBY"], None)  # what was selected before spantap came is unknown
        large = [s for s in trace.spans if "large" in s["attributes"].get("db.query.text", "")]
        self.assertEqual(len(large), 2)

    def test_client(self):
        trace = self.traced(COMMANDS)
        self.check_commands(trace)
        peers = e2e.counts(s["attributes"].get("server.address") for s in trace.spans)
        self.assertEqual({"127.0.0.1", "::1", self.path}, set(peers))
        self.assertEqual(trace.summary["parents"]["none"], len(trace.spans))

    def test_server(self):
        trace = self.traced(COMMANDS, server=True)
        self.check_commands(trace)

    def check_pipelines(self, count, **how):
        trace = self.traced(PIPELINES, COUNT=count, **how)
        texts = [span["attributes"].get("db.query.text", "") for span in trace.spans]
        self.assertEqual(len([text for text in texts if "pipe:" in text]), 20 * count)
        self.assertEqual({"MULTI", "EXEC"} - {self.operation(span) for span in trace.spans}, set())

    def test_pipelines(self):
        self.check_pipelines(10)

    def test_pipelines_server(self):
        self.check_pipelines(10, server=True)

    def test_large_pipelines(self):
        """More than the head that is copied by default: with a longer one, nothing is missing."""
        self.check_pipelines(150, options=LONG)
        self.check_pipelines(150, options=LONG, server=True)

    def test_errors(self):
        trace = self.traced(ERRORS, unknown=1)
        codes = [s["attributes"].get("db.response.status_code") for s in trace.spans if s["status"] == "error"]
        self.assert_counts(codes, {"ERR": 3, "WRONGTYPE": 1})

    def test_pubsub(self):
        trace = self.traced(PUBSUB)
        self.assertEqual(e2e.counts(self.operation(s) for s in trace.spans)["PUBLISH"], 5)

    def test_redis_cli(self):
        """redis-cli, started by spantap: arguments, a pipe of inline commands, RESP3."""
        cli = ["redis-cli", "-p", self.port]
        self.ask("CONFIG RESETSTAT")
        output, trace = e2e.run(*cli, "-n", "2", "SET", "cli", "secret-value")
        self.assertEqual(output, "OK\n")
        names = e2e.counts(self.operation(s) for s in trace.of("redis", "client"))
        self.assertEqual(names, {"SELECT": 1, "SET": 1} | ({"COMMAND": names["COMMAND"]} if "COMMAND" in names else {}))
        output, trace = e2e.run(*cli, "-3", "HGETALL", "nothing")
        self.assertEqual({"HELLO", "HGETALL"}, {self.operation(s) for s in trace.spans} - {"COMMAND"})
        pipe = "".join(f"SET pipe:{n} {n}\r\nGET pipe:{n}\r\n" for n in range(500))
        output, trace = e2e.run(*cli, "--pipe", stdin=pipe, options=LONG)
        self.assertIn("replies: 1000", output)
        names = e2e.counts(self.operation(s) for s in trace.spans)
        self.assertEqual((names.get("SET"), names.get("GET")), (500, 500))
        stats = self.commandstats()
        self.assertEqual((stats["SET"], stats["GET"]), (501, 500))

    def test_untraced(self):
        """Another client works meanwhile: nothing of it is captured."""
        with e2e.Client(CONNECT, PORT=self.port, PATH=self.path) as idle:
            with e2e.Client(COMMANDS, PORT=self.port, PATH=self.path) as busy:
                with e2e.Trace(idle.pid) as trace:
                    busy.go()
        self.assertEqual(trace.spans, [])
        self.assertEqual(trace.summary["lost"].get("events", 0), 0, trace.summary)


if __name__ == "__main__":
    e2e.main()
