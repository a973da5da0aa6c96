#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""Says what the JSON lines of `spantap trace --json` show: the slowest endpoint, the query that a request
repeats, and the time spent in each dependency.

    findings.py FILE

Exit status 0 means: server spans of at least two services, and an N+1 query.
"""
import collections
import json
import sys

REPEATED = 5  # the same query this often under one request is an N+1
MS = 1e6


def read(path):
    """The spans of a recording, and its summary line if it got that far."""
    spans, summary = [], {}
    with open(path) as lines:
        for line in lines:
            record = json.loads(line)
            if "summary" in record:
                summary = record["summary"]
            else:
                spans.append(record)
    return spans, summary


def p95(times):
    return sorted(times)[-(-len(times) * 95 // 100) - 1]


def duration(span):
    return span["end_ns"] - span["start_ns"]


def statement(span):
    return span["attributes"].get("db.query.text") or span["name"]


def dependency(span):
    """What a client span waited for, as an operator would call it."""
    attributes = span["attributes"]
    system = attributes.get("db.system.name")
    if system:
        return system
    address = attributes.get("server.address") or attributes.get("network.peer.address", "?")
    port = attributes.get("server.port") or attributes.get("network.peer.port", "?")
    return f"{span['protocol']} {address}:{port}"


def union(intervals):
    """The time that at least one of the intervals covers."""
    total = end = 0
    for start, stop in sorted(intervals):
        total += max(0, stop - max(start, end))
        end = max(end, stop)
    return total


class Endpoint:
    def __init__(self):
        self.times = []
        self.repeats = {}  # statement -> most calls under one request
        self.dependencies = collections.defaultdict(list)  # dependency -> time under each request

    def add(self, server, children):
        self.times.append(duration(server))
        counts = collections.Counter(statement(c) for c in children if c["attributes"].get("db.system.name"))
        for text, count in counts.items():
            self.repeats[text] = max(count, self.repeats.get(text, 0))
        intervals = collections.defaultdict(list)
        for child in children:
            intervals[dependency(child)].append((child["start_ns"], child["end_ns"]))
        for name, covered in intervals.items():
            self.dependencies[name].append(union(covered))


def endpoints_of(spans):
    children = collections.defaultdict(list)
    for span in spans:
        if span["kind"] == "client" and "parent_span_id" in span:
            children[span["parent_span_id"]].append(span)
    endpoints = collections.defaultdict(Endpoint)
    for span in spans:
        if span["kind"] == "server":
            endpoints[span["service"], span["name"]].add(span, children[span["span_id"]])
    return endpoints


def report(spans, summary):
    """Prints the findings; 0 when the expected ones are among them."""
    endpoints = endpoints_of(spans)
    services = {service for service, _name in endpoints}
    if not endpoints:
        print("no request was seen")
        return 1
    print(f"{'service':<14} {'endpoint':<28} {'requests':>8} {'p95 ms':>8}  of the time, on average")
    for (service, name), endpoint in sorted(endpoints.items(), key=lambda item: -p95(item[1].times)):
        total = sum(endpoint.times)
        parts = [(sum(times) / total, who) for who, times in endpoint.dependencies.items()]
        shares = ", ".join(f"{share:.0%} {who}" for share, who in sorted(parts, reverse=True))
        print(
            f"{service:<14} {name:<28} {len(endpoint.times):>8} {p95(endpoint.times) / MS:>8.1f}"
            f"  {shares or 'no calls'}"
        )
    (service, name), slowest = max(endpoints.items(), key=lambda item: p95(item[1].times))
    print(f"\nslowest endpoint: {name} of {service}, p95 {p95(slowest.times) / MS:.1f} ms")
    repeated = 0
    for (service, name), endpoint in sorted(endpoints.items()):
        for text, count in endpoint.repeats.items():
            if count >= REPEATED:
                repeated += 1
                print(f"N+1 query: {name} of {service} sends this {count} times per request:\n    {text}")
    print("time spent in dependencies:")
    totals = collections.Counter()
    for (service, _name), endpoint in endpoints.items():
        for who, times in endpoint.dependencies.items():
            totals[f"{service} -> {who}"] += sum(times)
    for who, spent in totals.most_common():
        print(f"    {who:<44} {spent / MS:>9.1f} ms")
    lost = {name: count for name, count in summary.get("lost", {}).items() if count}
    print(f"spans: {len(spans)}; parents: {summary.get('parents', {})}; lost: {lost or 'nothing'}")
    return 0 if len(services) >= 2 and repeated else 1


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__.strip())
    sys.exit(report(*read(sys.argv[1])))
