# SPDX-License-Identifier: GPL-2.0-only
"""Requests with ids: GET /Q10031 must be answered with R10031. Clients keep their connections unless told otherwise."""
import itertools
import socket
import threading
import time

SECONDS = 60  # until a client gives up
PIECE_SECONDS = 0.002
LEAVE_SECONDS = 0.004  # how long a client stays that does not wait for its answer


class Refused(Exception):
    """The server closed a kept connection before it has read anything of the request."""


class Load:
    """
    A number of clients that share an iterator of request numbers.

    keep       one connection for all requests of a client
    pieces     each request arrives in three parts
    leave      every so many-th request is not waited for: its client closes the connection (0: none)
    lenient    failures are not errors
    """

    def __init__(self, port, numbers, at_once, keep=True, pieces=False, leave=0, lenient=False):
        self.port, self.numbers, self.keep, self.pieces = port, iter(numbers), keep, pieces
        self.leave, self.lenient = leave, lenient
        self.lock, self.failures = threading.Lock(), []
        self.left = set()  # numbers of requests that were not waited for
        self.ending = False
        self.threads = [threading.Thread(target=self.client, daemon=True) for _ in range(at_once)]

    def start(self):
        for thread in self.threads:
            thread.start()
        return self

    def wait(self):
        for thread in self.threads:
            thread.join()
        if self.failures and not self.lenient:
            raise AssertionError(f"{len(self.failures)} requests failed: {self.failures[:3]}")

    def stop(self):
        """After the requests that are under way."""
        self.ending = True
        self.wait()

    def next(self):
        with self.lock:
            return None if self.ending else next(self.numbers, None)

    def connect(self):
        connection = socket.create_connection(("127.0.0.1", self.port), timeout=SECONDS)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return connection

    def client(self):
        connection = None
        try:
            while (number := self.next()) is not None:
                connection = self.one(connection, number)
        finally:
            if connection:
                connection.close()

    def one(self, connection, number):
        """The connection that can be used next, or None."""
        try:
            if connection:
                try:
                    return self.ask(connection, number)
                except (Refused, ConnectionError):
                    connection.close()
            return self.ask(self.connect(), number)
        except (OSError, Refused) as error:
            self.failures.append((number, repr(error)))
            return None

    def ask(self, connection, number):
        ending = "" if self.keep else "Connection: close\r\n"
        text = f"GET /Q{number} HTTP/1.1\r\nHost: test\r\n{ending}\r\n".encode()
        for piece in (text[:9], text[9:30], text[30:]) if self.pieces else (text,):
            connection.sendall(piece)
            time.sleep(PIECE_SECONDS if self.pieces else 0)
        if self.leave and number % self.leave == 0:
            self.left.add(number)
            time.sleep(LEAVE_SECONDS)
            connection.close()
            return None
        answer, wanted = b"", f"R{number}".encode()
        while wanted not in answer:
            more = connection.recv(65536)
            if not more:
                raise Refused("closed" + (f" after {answer[:80]!r}" if answer else ""))
            answer += more
        if self.keep:
            return connection
        connection.close()
        return None


def load(port, numbers, at_once, **options):
    """All of it; returns the numbers of requests that were not waited for."""
    all_of_it = Load(port, numbers, at_once, **options).start()
    all_of_it.wait()
    return all_of_it.left


def endless(port, first, at_once, **options):
    """Until stop()."""
    return Load(port, itertools.count(first), at_once, lenient=True, **options).start()
