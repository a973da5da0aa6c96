#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""A back end for tests: takes OTLP/HTTP (protobuf and JSON) and Datadog v0.4 over TCP and a unix socket, decodes
each request with the independent decoders of tests/e2e, and appends it to a file, one JSON object a line:

    {"path": ..., "headers": {lower-case}, "status": N, "spans": [...]}      Datadog: "chunks": [[...]]
    {"path": ..., "headers": ..., "status": 400, "error": "why it could not be decoded"}

    collector.py --output FILE [--port N] [--port-file FILE] [--unix PATH] [--fail 503,503,200 [--retry-after V]]

--port 0 (the default) takes a free port, which --port-file tells. --fail: what the first requests get; later
ones get what their content deserves. POST /fail?status=503&count=3[&retry_after=1] says the same while it runs.
Use: from a program, or in Python: with Collector(output) as c: ... c.url, c.requests().
"""
import argparse
import gzip
import http.server
import json
import os
import signal
import socketserver
import sys
import threading
import urllib.parse

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "e2e"))
import decode_datadog  # noqa: E402
import decode_otlp  # noqa: E402


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def address_string(self):  # a unix socket has none
        return "local"

    def log_message(self, *args):
        pass

    def answer(self, status, body=b"", content_type="application/json", retry_after=None):
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        if retry_after:
            self.send_header("Retry-After", retry_after)
        self.end_headers()
        self.wfile.write(body)

    def decode(self, path, body):
        kind = self.headers.get("Content-Type", "")
        if path == "/v1/traces" and kind == "application/x-protobuf":
            return {"spans": decode_otlp.decode(body)}, b"", kind
        if path == "/v1/traces" and kind == "application/json":
            return {"spans": decode_otlp.decode_json(body)}, b"{}", kind
        if path == "/v0.4/traces" and kind == "application/msgpack":
            chunks = decode_datadog.decode(body)
            assert int(self.headers["X-Datadog-Trace-Count"]) == len(chunks), "X-Datadog-Trace-Count is wrong"
            return {"chunks": chunks}, b'{"rate_by_service":{"service:,env:":1}}', "application/json"
        raise AssertionError(f"no {path} for {kind}")

    def do_POST(self):
        url = urllib.parse.urlsplit(self.path)
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if url.path == "/fail":
            self.server.collector.fail_query(urllib.parse.parse_qs(url.query))
            self.answer(200)
            return
        record = {"path": url.path, "headers": {k.lower(): v for k, v in self.headers.items()}}
        failure = self.server.collector.next_failure()
        if failure:
            record["status"] = failure[0]
            self.server.collector.write(record)
            self.answer(failure[0], retry_after=failure[1])
            return
        try:
            if self.headers.get("Content-Encoding") == "gzip":
                body = gzip.decompress(body)
            decoded, reply, kind = self.decode(url.path, body)
            record.update(decoded, status=200)
        except Exception as error:  # what a receiver cannot decode is the finding, whatever it is
            record.update(status=400, error=f"{type(error).__name__}: {error}")
            reply, kind = b"", "text/plain"
        self.server.collector.write(record)
        self.answer(record["status"], reply, kind)

    do_PUT = do_POST


class TcpServer(socketserver.ThreadingMixIn, http.server.HTTPServer):
    daemon_threads = True


class UnixServer(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    daemon_threads = True


class Collector:
    def __init__(self, output, port=0, unix=None, fail=(), retry_after=None):
        self.output = output
        self.lock = threading.Lock()
        self.failures = [(status, retry_after) for status in fail]
        open(output, "w").close()
        self.servers = [TcpServer(("127.0.0.1", port), Handler)]
        if unix:
            if os.path.exists(unix):
                os.unlink(unix)
            self.servers.append(UnixServer(unix, Handler))
        self.port = self.servers[0].server_address[1]
        self.url = f"http://127.0.0.1:{self.port}"

    def fail_query(self, query):
        with self.lock:
            failure = (int(query["status"][0]), query.get("retry_after", [None])[0])
            self.failures += [failure] * int(query.get("count", ["1"])[0])

    def next_failure(self):
        with self.lock:
            failure = self.failures.pop(0) if self.failures else None
        return failure if failure and failure[0] != 200 else None

    def write(self, record):
        with self.lock, open(self.output, "a") as out:
            out.write(json.dumps(record, sort_keys=True) + "\n")

    def requests(self):
        with self.lock, open(self.output) as source:
            return [json.loads(line) for line in source]

    def spans(self):
        """All decoded OTLP spans so far."""
        return [span for request in self.requests() for span in request.get("spans", [])]

    def __enter__(self):
        for server in self.servers:
            server.collector = self
            threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(self, *exc):
        for server in self.servers:
            server.shutdown()
            server.server_close()


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--output", required=True)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--port-file")
    parser.add_argument("--unix")
    parser.add_argument("--fail", default="", help="statuses, by commas")
    parser.add_argument("--retry-after")
    args = parser.parse_args()
    fail = [int(status) for status in args.fail.split(",") if status]
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    with Collector(args.output, args.port, args.unix, fail, args.retry_after) as collector:
        if args.port_file:
            with open(args.port_file + ".tmp", "w") as out:
                out.write(str(collector.port))
            os.rename(args.port_file + ".tmp", args.port_file)
        stop.wait()


if __name__ == "__main__":
    main()
