#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""Sends the shop its traffic and prints what each endpoint answered, one JSON object.

    load.py URL [--requests N | --seconds S] [--concurrency C] [--rate R] [--path PATH]... [--unique]

Each of C threads keeps one connection. PATH may hold {id}; without --path the traffic is a mix of all
endpoints in a fixed order. Ids repeat so that caches can work; with --unique the ids count up, so that a
request can be recognised by its id. --rate bounds the requests per second of all threads together. Exit
status 1 when an answer was not 200.
"""
import argparse
import http.client
import itertools
import json
import os
import sys
import threading
import time
import urllib.parse

MIX = ["/pair/{id}", "/orders/{id}", "/product/{id}", "/pair/{id}", "/checkout?order={id}", "/health"]
DISTINCT_IDS = 100  # every order and product has one of these
ANSWER_SECONDS = 300


class Load:
    def __init__(self, arguments):
        url = urllib.parse.urlsplit(arguments.url)
        self.address = (url.hostname, url.port)
        self.paths = arguments.path or MIX
        self.unique = arguments.unique
        self.rate = arguments.rate
        self.begin = time.monotonic()
        self.end = self.begin + arguments.seconds
        self.numbers = iter(range(arguments.requests) if arguments.requests else itertools.count())
        self.lock = threading.Lock()
        self.answers = {}  # path pattern -> seconds of each request
        self.failures = []

    def next_number(self):
        with self.lock:
            number = next(self.numbers, None)
        if number is None:
            return None
        if self.rate:
            time.sleep(max(0, self.begin + number / self.rate - time.monotonic()))
        return number if time.monotonic() < self.end else None

    def send(self, connection, number):
        pattern = self.paths[number % len(self.paths)]
        turn = number // len(self.paths)
        path = pattern.replace("{id}", str((number if self.unique else turn % DISTINCT_IDS) + 1))
        start = time.monotonic()
        try:
            connection.request("GET", path)
            answer = connection.getresponse()
            answer.read()
            failure = None if answer.status == 200 else f"{path}: status {answer.status}"
        except (OSError, http.client.HTTPException) as error:
            connection.close()
            failure = f"{path}: {error!r}"
        with self.lock:
            self.answers.setdefault(pattern, []).append(time.monotonic() - start)
            if failure:
                self.failures.append(failure)

    def work(self):
        connection = http.client.HTTPConnection(*self.address, timeout=ANSWER_SECONDS)
        while True:
            number = self.next_number()
            if number is None:
                break
            self.send(connection, number)
        connection.close()

    def run(self, concurrency):
        threads = [threading.Thread(target=self.work) for _ in range(concurrency)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    def result(self):
        seconds = time.monotonic() - self.begin
        endpoints = {}
        for pattern, times in sorted(self.answers.items()):
            times.sort()
            p50, p95 = (round(times[(len(times) - 1) * part // 100] * 1000, 1) for part in (50, 95))
            endpoints[pattern] = {"requests": len(times), "p50_ms": p50, "p95_ms": p95}
        requests = sum(len(times) for times in self.answers.values())
        return {
            "requests": requests,
            "seconds": round(seconds, 3),
            "failures": len(self.failures),
            "first_failures": self.failures[:3],
            "endpoints": endpoints,
        }


def main():
    parser = argparse.ArgumentParser(description="send traffic to the shop")
    parser.add_argument("url", nargs="?", default=os.environ.get("SHOP_URL"))
    parser.add_argument("--requests", type=int, help="how many in all")
    parser.add_argument("--seconds", type=float, default=3600, help="for how long")
    parser.add_argument("--concurrency", type=int, default=4)
    parser.add_argument("--rate", type=float, help="at most this many requests a second")
    parser.add_argument("--path", action="append", help="instead of the mix; may be given more than once")
    parser.add_argument("--unique", action="store_true", help="an id of its own for each request")
    arguments = parser.parse_args()
    if not arguments.url:
        parser.error("no URL, and no SHOP_URL in the environment")
    load = Load(arguments)
    load.run(arguments.concurrency)
    print(json.dumps(load.result()))
    return 1 if load.failures else 0


if __name__ == "__main__":
    sys.exit(main())
