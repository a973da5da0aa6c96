# SPDX-License-Identifier: GPL-2.0-only
"""Reads spantap's JSON lines and holds every key and type against DESIGN.md's "Machine-readable output".

check_lines.py FILE          any output: exits 1 with the first thing that is wrong
check_lines.py FILE sample   besides, the values of tests/lib/sample.h
"""
import json
import re
import sys

PROTOCOLS = set(
    "http http2 grpc postgresql mysql redis sqlite mongodb kafka amqp memcached nats mqtt cassandra clickhouse mssql "
    "fastcgi dns dubbo websocket".split()
)
RULES = set("exact-id unit lineage responder completion exclusive segment header connection none".split())
INCOMPLETE = set("truncated attached_midway gap late text_unknown unanswered".split())
KINDS = {"server", "client", "producer", "consumer", "internal"}


def is_hex(text, digits):
    return isinstance(text, str) and re.fullmatch(f"[0-9a-f]{{{digits}}}", text) and set(text) != {"0"}


def is_count(value):
    return type(value) is int and value >= 0


SPAN = {
    "trace_id": lambda v: is_hex(v, 32),
    "span_id": lambda v: is_hex(v, 16),
    "parent_span_id": lambda v: is_hex(v, 16),
    "name": lambda v: isinstance(v, str) and v,
    "kind": KINDS.__contains__,
    "protocol": PROTOCOLS.__contains__,
    "start_ns": is_count,
    "ttfb_ns": is_count,
    "end_ns": is_count,
    "status": {"unset", "ok", "error"}.__contains__,
    "status_message": lambda v: isinstance(v, str),
    "service": lambda v: isinstance(v, str),
    "pid": lambda v: is_count(v) and v,
    "tid": is_count,
    "container_id": lambda v: v == "" or is_hex(v, 64),
    "parent_rule": RULES.__contains__,
    "parent_sure": lambda v: type(v) is float and 0 <= v <= 1,
    "time": lambda v: set(v) == {"cpu_ns", "runqueue_ns", "blocked_ns", "shared"}
    and type(v["shared"]) is bool
    and all(is_count(v[k]) for k in v if k != "shared"),
    "incomplete": lambda v: v and set(v) <= INCOMPLETE and len(set(v)) == len(v),
    "attributes": lambda v: all(type(x) in (str, int, float, bool) for x in v.values()),
    "links": lambda v: all(
        set(x) == {"trace_id", "span_id", "attributes"} and is_hex(x["trace_id"], 32) and is_hex(x["span_id"], 16)
        for x in v
    ),
}
OPTIONAL = {"parent_span_id", "ttfb_ns", "pid", "tid", "parent_rule", "parent_sure", "time", "incomplete"}


def no_twins(pairs):
    keys = [key for key, _ in pairs]
    assert len(set(keys)) == len(keys), f"a key stands twice: {keys}"
    return dict(pairs)


def check_span(span):
    assert not set(span) - set(SPAN), f"unknown keys {set(span) - set(SPAN)}"
    assert not set(SPAN) - OPTIONAL - set(span), f"missing keys {set(SPAN) - OPTIONAL - set(span)}"
    for key, value in span.items():
        assert SPAN[key](value), f"{key}: {value!r}"
    assert span["start_ns"] <= span.get("ttfb_ns", span["start_ns"]) <= span["end_ns"], "times out of order"
    assert ("pid" in span) == ("tid" in span), "pid and tid go together"
    assert ("parent_rule" in span) == ("parent_sure" in span), "the rule and how sure it is go together"
    assert span["attributes"].get("spantap.parent.rule") == span.get("parent_rule"), "the rule is an attribute, too"
    assert "time" not in span or span["kind"] == "server", "time is for server spans"
    if span.get("parent_rule") == "none":
        assert "parent_span_id" not in span or span.get("parent_sure") == 0.0


def check_summary(line):
    assert set(line) == {"summary"}, "the last line is the summary"
    summary = line["summary"]
    assert set(summary) == {"spans", "traces", "lost", "parents"}, f"summary: {set(summary)}"
    assert is_count(summary["spans"]) and is_count(summary["traces"])
    assert all(map(is_count, summary["lost"].values())) and "ring_full" in summary["lost"]
    assert all(map(is_count, summary["parents"].values())) and set(summary["parents"]) <= RULES


def check_sample(lines):
    first, query, command = lines[0], lines[1], lines[2]
    assert first["trace_id"] == "a1" * 16 and first["span_id"] == "01" * 8 and "parent_span_id" not in first
    assert (first["pid"], first["tid"], first["service"]) == (412, 413, "shop-web")
    assert first["container_id"] == "0123456789abcdef" * 4
    assert first["time"] == {"cpu_ns": 5, "runqueue_ns": 6, "blocked_ns": 7, "shared": True}
    assert first["attributes"]["http.response.body.size"] == 8589934592
    assert first["attributes"]["test.yes"] is True and first["attributes"]["test.half"] == 0.5
    assert first["attributes"]["test.negative"] == -42 and first["start_ns"] == 1700000000001000000
    assert query["parent_rule"] == "unit" and query["parent_sure"] == 1.0 and query["parent_span_id"] == "01" * 8
    assert query["incomplete"] == ["truncated", "late"]
    assert (command["status"], command["status_message"]) == ("error", "WRONGTYPE wrong kind of value")
    assert "\ufffd" in command["attributes"]["db.query.text"] and command["parent_sure"] == 0.75
    assert (lines[4]["status"], lines[4]["status_message"]) == ("ok", "")
    assert lines[4]["links"] == [{"trace_id": "c1" * 16, "span_id": "c2" * 8, "attributes": {}}]
    assert "ttfb_ns" not in lines[5] and lines[5]["container_id"] == "" and "parent_rule" not in lines[5]
    assert set(lines[5]["incomplete"]) == {"attached_midway", "gap", "text_unknown", "unanswered"}
    assert lines[-1]["summary"]["spans"] == 6 and lines[-1]["summary"]["parents"]["unit"] == 1


def main():
    with open(sys.argv[1], encoding="utf-8", newline="\n") as f:
        text = f.read()
    assert text.endswith("\n") and "\r" not in text and "\0" not in text
    lines = [json.loads(line, object_pairs_hook=no_twins) for line in text.split("\n")[:-1]]
    for number, line in enumerate(lines[:-1], 1):
        try:
            check_span(line)
        except AssertionError as wrong:
            sys.exit(f"line {number}: {wrong}: {json.dumps(line)}")
    check_summary(lines[-1])
    if sys.argv[2:] == ["sample"]:
        check_sample(lines)


main()
