#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""Decodes and checks a Datadog agent's /v0.4/traces body with the msgpack package.

What is checked is what the agent's decoder and normaliser want (pkg/trace/api, pkg/trace/agent/normalizer.go):
a body that fails here would be refused, or its spans changed or dropped. Usable as a library (decode) and as a
program: decode_datadog.py FILE prints one JSON line per span.
"""
import json
import re
import sys

import msgpack

U64 = range(0, 1 << 64)
I64 = range(-(1 << 63), 1 << 63)
YEAR_2000_NS = 946684800000000000
TEXTS = {"service": 100, "name": 100, "resource": 5000, "type": 100}
NUMBERS = {"trace_id": U64, "span_id": U64, "parent_id": U64, "start": I64, "duration": I64, "error": range(0, 2)}


def unique(pairs):
    out = {}
    for key, value in pairs:
        assert key not in out, f"the key {key} is there twice"
        out[key] = value
    return out


def check_meta(span):
    for key, value in span["meta"].items():
        assert isinstance(key, str) and isinstance(value, str), (key, value)
        assert 0 < len(key.encode()) <= 200 and len(value.encode()) <= 25000, key
    for key, value in span["metrics"].items():
        assert isinstance(key, str) and isinstance(value, (int, float)), (key, value)
        assert not isinstance(value, bool), (key, value)
    for key in set(span["meta"]) & set(span["metrics"]):
        raise AssertionError(f"{key} is in meta and in metrics")
    status = span["meta"].get("http.status_code")
    assert status is None or 100 <= int(status) <= 599, status


def check_span(span):
    allowed = set(TEXTS) | set(NUMBERS) | {"meta", "metrics", "span_links"}
    assert set(span) <= allowed and allowed - set(span) <= {"span_links"}, set(span) ^ allowed
    for key, longest in TEXTS.items():
        assert isinstance(span[key], str) and 0 < len(span[key].encode()) <= longest, (key, span[key])
    for key, numbers in NUMBERS.items():
        assert isinstance(span[key], int) and span[key] in numbers, (key, span[key])
    assert span["trace_id"] and span["span_id"], "an id of 0: the agent drops the trace"
    assert re.fullmatch(r"[A-Za-z][A-Za-z0-9_.]*", span["name"]), span["name"]
    assert span["start"] > YEAR_2000_NS and span["duration"] >= 0
    check_meta(span)
    for link in span.get("span_links", []):
        assert {"trace_id", "trace_id_high", "span_id"} <= set(link), link


def decode(body):
    """The chunks of a body: a list of lists of spans."""
    chunks = msgpack.unpackb(body, raw=False, strict_map_key=True, object_pairs_hook=unique)
    assert isinstance(chunks, list) and chunks
    for chunk in chunks:
        assert isinstance(chunk, list) and chunk, "an empty chunk"
        for span in chunk:
            check_span(span)
            assert span["trace_id"] == chunk[0]["trace_id"], "spans of two traces in a chunk"
    return chunks


if __name__ == "__main__":
    with open(sys.argv[1], "rb") as source:
        for decoded_chunk in decode(source.read()):
            for decoded_span in decoded_chunk:
                print(json.dumps(decoded_span, sort_keys=True))
