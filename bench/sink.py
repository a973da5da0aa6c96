#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""A back end that accepts every trace and drops it: what in-process tracers send to while we measure them.

Prints its port, then serves until it is killed. GET /count says how many bytes of traces came.
"""
import http.server
import threading


class Sink(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    taken = 0
    lock = threading.Lock()

    def answer(self, body):
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self):
        self.answer(str(Sink.taken).encode() if self.path == "/count" else b"{}")

    def do_POST(self):
        if self.headers.get("Transfer-Encoding") == "chunked":
            length = 0
            while size := int(self.rfile.readline(), 16):
                length += len(self.rfile.read(size))
                self.rfile.readline()
            self.rfile.readline()
        else:
            length = len(self.rfile.read(int(self.headers.get("Content-Length", 0))))
        if "trace" in self.path:
            with Sink.lock:
                Sink.taken += length
        self.answer(b"" if "protobuf" in self.headers.get("Content-Type", "") else b"{}")

    do_PUT = do_POST

    def log_message(self, *_arguments):
        pass


if __name__ == "__main__":
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Sink)
    print(server.server_address[1], flush=True)
    server.serve_forever()
