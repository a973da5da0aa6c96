# SPDX-License-Identifier: GPL-2.0-only
"""
How often a call's parent is right. The truth travels in the data: request /Q10031 makes calls whose text holds
K10031:1, K10031:2 and so on. What is called after the answer, or for nobody, says L10031:1: it must have no parent.
"""
import bisect
import collections
import dataclasses
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


def load(port, requests=300, at_once=10, first=FIRST):
    """Each client keeps its connection; the answer to /Q10031 must hold R10031."""
    numbers, lock, failures = iter(range(first, first + requests)), threading.Lock(), []
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


@dataclasses.dataclass
class Measured:
    """Calls of requests (K) by verdict; calls that are nobody's (L) are wrong where they have a parent."""

    right: int = 0
    wrong: int = 0
    none: int = 0
    nobodys: int = 0  # L without a parent, as it should be
    wanted: int = 0  # calls that should be there: the ones not seen are missed as well
    requests: int = 0
    whole: int = 0  # requests with all their calls, and nothing else, under them
    rules: dict = dataclasses.field(default_factory=dict)  # of the right ones
    examples: list = dataclasses.field(default_factory=list)  # of the wrong ones
    naive_right: int = 0  # calls whose request is the last that their thread has read

    @property
    def precision(self):
        return self.right / (self.right + self.wrong) if self.right + self.wrong else 1.0

    @property
    def recall(self):
        return self.right / self.wanted if self.wanted else 1.0

    @property
    def naive(self):
        """The share of calls that "the last request read on this thread" would be right for."""
        return self.naive_right / self.wanted if self.wanted else 1.0


def last_read(spans):
    """A function: the request that the span's thread was the last to read, as many tracers do it."""
    read = collections.defaultdict(list)
    for span in sorted((span for span in spans if span["kind"] == "server"), key=lambda span: span["start_ns"]):
        read[span["pid"], span["tid"]].append((span["start_ns"], span))

    def find(span):
        of_thread = read[span["pid"], span["tid"]]
        at = bisect.bisect_right(of_thread, span["start_ns"], key=lambda item: item[0])
        return of_thread[at - 1][1] if at else None

    return find


def whole_trace(calls, wanted):
    """Of one request's span: all its calls (as many as wanted; 0: any number) and none of another's."""
    return all(verdict == "right" for _span, verdict in calls) and (not wanted or len(calls) == wanted)


def example(span, by_id):
    parent = by_id.get(span.get("parent_span_id"))
    text = next(text for text in texts(span) if CALL.search(text))
    return f"{text} under {parent['attributes'].get('url.path')} by {span.get('parent_rule')}"


def measure(spans, requests, calls=3):
    """Of the requests numbered in the range `requests`, which make `calls` calls each (0: nobody knows)."""
    found = Measured(requests=len(requests))
    by_id, naive = {span["span_id"]: span for span in spans}, last_read(spans)
    under, seen = collections.defaultdict(list), collections.Counter()
    rule_counts = collections.Counter()
    for span in spans:
        verdict = judge(span, by_id)
        if not verdict:
            continue
        truth = next(match for match in map(CALL.search, texts(span)) if match)
        number = int(truth[2])
        under[span.get("parent_span_id")].append((span, verdict))
        if verdict == "wrong":
            found.wrong += 1
            found.examples.append(example(span, by_id))
        if truth[1] == "L":
            found.nobodys += verdict == "right"
        elif number in requests:
            seen[number] += 1
            found.right += verdict == "right"
            found.none += verdict == "none"
            rule_counts.update([span.get("parent_rule")] if verdict == "right" else [])
            guess = naive(span)
            found.naive_right += bool(guess) and guess["attributes"].get("url.path") == f"/Q{number}"
    found.wanted = max(calls * len(requests), seen.total())
    found.rules = dict(rule_counts.most_common())
    paths = {f"/Q{number}": number for number in requests}
    roots = {span["attributes"].get("url.path"): span for span in spans if span["kind"] == "server"}
    for path, root in roots.items():
        if path in paths:
            wanted = calls or seen[paths[path]]
            found.whole += whole_trace(under[root["span_id"]], wanted) and seen[paths[path]] == wanted
    return found
