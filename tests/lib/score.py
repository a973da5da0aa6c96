# SPDX-License-Identifier: GPL-2.0-only
"""
How often a call's parent is right. The truth travels in the data: request /Q10031 makes calls whose text holds
K10031:1, K10031:2 and so on. What is called after the answer, or for nobody, says L10031:1: it must have no parent.
"""
import collections
import re
import socket
import threading

import e2e

FIRST = 10000
CALL = re.compile(r"\b([KL])(\d+):")


def ask(port, numbers, lock, failures):
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=e2e.CLIENT_SECONDS) as connection:
            while True:
                with lock:
                    number = next(numbers, None)
                if number is None:
                    return
                connection.sendall(f"GET /Q{number} HTTP/1.1\r\nHost: test\r\n\r\n".encode())
                answer = b""
                while f"R{number}".encode() not in answer:
                    answer += connection.recv(4096) or failures.append(answer or number) or b"R%d" % number
    except OSError as error:
        failures.append(error)


def load(port, requests=300, at_once=10):
    """Each client keeps its connection; the answer to /Q10031 must hold R10031."""
    numbers, lock, failures = iter(range(FIRST, FIRST + requests)), threading.Lock(), []
    threads = [threading.Thread(target=ask, args=(port, numbers, lock, failures)) for _ in range(at_once)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures, failures[:3]


def texts(span):
    attributes = span["attributes"]
    return (attributes.get(name, "") for name in ("db.query.text", "url.full", "url.path"))


def judge(span, by_id):
    """right, wrong or none; None: a call that tells nothing."""
    found = next((match for match in map(CALL.search, texts(span)) if match), None)
    if span["kind"] != "client" or not found:
        return None
    parent = by_id.get(span.get("parent_span_id"))
    if found[1] == "L":
        return "wrong" if parent else "right"
    if not parent:
        return "none"
    return "right" if parent["attributes"].get("url.path") == f"/Q{found[2]}" else "wrong"


def score(spans):
    """{"right", "wrong", "none": number}"""
    by_id = {span["span_id"]: span for span in spans}
    found = collections.Counter(judge(span, by_id) for span in spans)
    del found[None]
    return found


def rules(spans):
    """{(verdict, rule): number}: which layer was right, and which was not."""
    by_id = {span["span_id"]: span for span in spans}
    found = collections.Counter((judge(span, by_id), span.get("parent_rule", "none")) for span in spans)
    return {key: count for key, count in found.items() if key[0]}
