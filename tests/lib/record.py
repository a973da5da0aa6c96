#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""Records TCP conversations as replay cases: a proxy between a client and a server.

    record.py PORT SERVER:PORT PROTOCOL FOLDER/NAME

listens on 127.0.0.1:PORT, passes each connection on, and writes FOLDER/NAME.case (NAME-2.case for the
second connection, ...) when it ends; `make replay-update` then adds the expectations. Stop it with SIGTERM.
What it writes is what was said: look for secrets and names of machines before it is committed.
"""
import selectors
import signal
import socket
import sys
import threading

WIDTH = 96


def escape(data):
    special = {0x0D: "\\r", 0x0A: "\\n", 0x09: "\\t", 0x5C: "\\\\", 0x22: '\\"'}
    text = ""
    for i, byte in enumerate(data):
        edge = byte == 0x20 and (i in (0, len(data) - 1))
        if byte in special:
            text += special[byte]
        elif 0x20 <= byte < 0x7F and not edge:
            text += chr(byte)
        else:
            text += "\\x%02x" % byte
    return text


def lines(mark, data):
    """A transfer: broken after line ends and at WIDTH, never inside an escape."""
    parts, start = [], 0
    for i in range(1, len(data) + 1):
        if i == len(data) or i - start >= WIDTH or (data[i - 1] == 0x0A and i - start > WIDTH // 2):
            parts.append(data[start:i])
            start = i
    for n, part in enumerate(parts):
        yield "%s%s %s" % (mark, "+" if n else "", escape(part))


def relay(client, server, steps):
    selector = selectors.DefaultSelector()
    selector.register(client, selectors.EVENT_READ, (server, ">"))
    selector.register(server, selectors.EVENT_READ, (client, "<"))
    while selector.get_map():
        for key, _ in selector.select():
            other, mark = key.data
            try:
                data = key.fileobj.recv(65536)
            except ConnectionError:
                data = b""
            if data:
                steps.extend(lines(mark, data))
                other.sendall(data)
                continue
            steps.append(mark + "|")
            selector.unregister(key.fileobj)
            try:
                other.shutdown(socket.SHUT_WR)
            except OSError:
                pass


def serve(client, target, protocol, path):
    steps = []
    server = socket.create_connection(target)
    try:
        relay(client, server, steps)
    finally:
        client.close()
        server.close()
        with open(path, "w") as out:
            out.write("protocol %s\n" % protocol)
            out.write("".join(step + "\n" for step in steps))


def main():
    if len(sys.argv) != 5:
        sys.exit(__doc__)
    host, _, port = sys.argv[2].rpartition(":")
    listener = socket.create_server(("127.0.0.1", int(sys.argv[1])))
    threads = []

    def stop(*_):
        for thread in threads:
            thread.join(2)
        sys.exit(0)

    signal.signal(signal.SIGTERM, stop)
    while True:
        client, _ = listener.accept()
        suffix = "-%d" % (len(threads) + 1) if threads else ""
        path = "%s%s.case" % (sys.argv[4], suffix)
        thread = threading.Thread(
            target=serve, args=(client, (host, int(port)), sys.argv[3], path), daemon=True)
        threads.append(thread)
        thread.start()


if __name__ == "__main__":
    main()
