#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""Holds what arrived on the wire against tests/lib/sample.c, field by field; the values here are written down
by hand. Run by tests/unit/test_wire.c:

    check_wire.py COLLECTED.jsonl OTLP_FILE.jsonl VERSION
"""
import json
import os
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "e2e"))
import decode_otlp  # noqa: E402

VERSION = sys.argv[3]
SCHEMA = "https://opentelemetry.io/schemas/1.44.0"
CONTAINER = "0123456789abcdef" * 4
START = 1700000000000000000
MS = 1000000
INTERNAL, SERVER, CLIENT = 1, 2, 3
HAS_IS_REMOTE, IS_REMOTE, SAMPLED = 0x100, 0x200, 1
BAD_TEXT = "café \ufffd\ufffd end \ufffd"

WEB = {
    "service.name": "shop-web", "telemetry.sdk.name": "spantap", "telemetry.sdk.language": "python",
    "telemetry.sdk.version": VERSION, "telemetry.distro.name": "spantap", "telemetry.distro.version": VERSION,
    "container.id": CONTAINER, "deployment.environment.name": "test", "service.version": "1.2",
    "process.executable.name": "python3.11", "process.pid": 412,
}
ADS = {
    "service.name": "shop-ads", "telemetry.sdk.name": "spantap", "telemetry.sdk.language": "cpp",
    "telemetry.sdk.version": VERSION, "telemetry.distro.name": "spantap", "telemetry.distro.version": VERSION,
    "process.pid": 500,
}


def otlp(number, trace, parent, name, kind, resource, flags, attributes, status=(0, ""), dropped=0, links=()):
    return {
        "trace_id": f"a{trace}" * 16, "span_id": f"0{number}" * 8, "parent_span_id": f"0{parent}" * 8 if parent else "",
        "trace_state": "", "name": name, "kind": kind, "start_ns": START + number * MS,
        "end_ns": START + (number + 3) * MS, "resource": resource, "resource_schema_url": SCHEMA,
        "schema_url": SCHEMA, "scope": {"name": "spantap", "version": VERSION}, "flags": flags | HAS_IS_REMOTE,
        "attributes": dict(attributes, **{"thread.id": resource["process.pid"] + 1}),
        "status": {"code": status[0], "message": status[1]}, "dropped_attributes": dropped, "links": list(links),
    }


TTFB = {"spantap.ttfb_ns": 2 * MS}
OTLP = [
    otlp(1, 1, 0, "GET /pair/{id}", SERVER, WEB, SAMPLED, {
        "http.request.method": "GET", "http.route": "/pair/{id}", "url.scheme": "http", "url.path": "/pair/7",
        "url.query": "a=1&sig=REDACTED", "server.address": "shop.test", "server.port": 8080,
        "http.response.status_code": 200, "http.response.body.size": 8589934592, "user_agent.original": "curl/8",
        "test.yes": True, "test.half": 0.5, "test.negative": -42, "spantap.time.cpu_ns": 5,
        "spantap.time.runqueue_ns": 6, "spantap.time.blocked_ns": 7, "spantap.time.shared": True, **TTFB,
    }, dropped=3),
    otlp(2, 1, 1, "SELECT pair", CLIENT, WEB, SAMPLED, {
        "db.system.name": "postgresql", "db.namespace": "shop", "db.query.text": "SELECT * FROM pair WHERE id = ?",
        "db.query.summary": "SELECT pair", "server.address": "db.test", "network.peer.address": "127.0.0.1",
        "network.peer.port": 5432, "spantap.parent.rule": "unit", "spantap.parent.sure": 1.0,
        "spantap.incomplete": ["truncated", "late"], "code.file.path": "/srv/pair.py", "code.function.name": "pair",
        "code.line.number": 41, "spantap.db.affected_rows": 3, **TTFB,
    }),
    otlp(3, 1, 1, "HGET", CLIENT, WEB, SAMPLED, {
        "db.system.name": "redis", "db.namespace": "2", "db.operation.name": "HGET", "db.query.text": BAD_TEXT,
        "error.type": "WRONGTYPE", "network.peer.address": "/run/redis.sock", "spantap.parent.rule": "exclusive",
        "spantap.parent.sure": 0.75, **TTFB,
    }, status=(2, "WRONGTYPE wrong kind of value")),
    otlp(4, 1, 1, "GET", CLIENT, WEB, SAMPLED, {
        "http.request.method": "GET", "url.full": "http://ads.test:9000/ads?x=1", "server.address": "ads.test",
        "server.port": 9000, "http.response.status_code": 500, "error.type": "500", "spantap.parent.rule": "none",
        "spantap.parent.sure": 0.0, **TTFB,
    }, status=(2, "")),
    otlp(5, 1, 4, "GET /ads", SERVER, ADS, SAMPLED | IS_REMOTE, {
        "http.request.method": "GET", "http.route": "/ads", "http.response.status_code": 1000,
        "spantap.parent.rule": "header", "spantap.parent.sure": 1.0, **TTFB,
    }, status=(1, ""), links=[{"trace_id": "c1" * 16, "span_id": "c2" * 8}]),
    otlp(6, 2, 9, "POST", SERVER, ADS, IS_REMOTE, {
        "http.request.method": "POST",
        "spantap.incomplete": ["attached_midway", "gap", "text_unknown", "unanswered"],
    }),
]


def datadog(number, trace, parent, service, name, resource, kind, meta, metrics, error=0, links=None):
    pid = 412 if service == "shop-web" else 500
    span = {
        "service": service, "name": name, "resource": resource, "type": kind, "error": error,
        "trace_id": int(f"a{trace}" * 8, 16), "span_id": int(f"0{number}" * 8, 16),
        "parent_id": int(f"0{parent}" * 8, 16) if parent else 0, "start": START + number * MS, "duration": 3 * MS,
        "meta": meta, "metrics": {"_sampling_priority_v1": 1, "_dd.measured": 1, "thread.id": pid + 1, **metrics},
    }
    if links:
        span["span_links"] = links
    return span


def top(pid):
    return {"_dd.top_level": 1, "process_id": pid}


WEB_META = {"env": "test", "version": "1.2"}
TRACE_META = {"_dd.p.tid": "a1" * 8, "_dd.p.dm": "-0"}
DATADOG_WEB = [
    datadog(1, 1, 0, "shop-web", "http.server.request", "GET /pair/{id}", "web", {
        **TRACE_META, **WEB_META, "span.kind": "server", "component": "http", "language": "python",
        "process.executable.name": "python3.11", "process.pid": "412", "http.method": "GET",
        "http.route": "/pair/{id}", "url.scheme": "http", "url.path": "/pair/7", "url.query": "a=1&sig=REDACTED",
        "http.url": "http://shop.test:8080/pair/7?a=1&sig=REDACTED", "http.server_name": "shop.test",
        "http.status_code": "200", "http.useragent": "curl/8", "test.yes": "true",
    }, {**top(412), "server.port": 8080, "http.response.content_length": 8589934592, "test.half": 0.5,
        "test.negative": -42, "spantap.ttfb_ns": 2 * MS, "spantap.time.cpu_ns": 5, "spantap.time.runqueue_ns": 6,
        "spantap.time.blocked_ns": 7}),
    datadog(2, 1, 1, "shop-web", "postgresql.query", "SELECT * FROM pair WHERE id = ?", "sql", {
        **WEB_META, "span.kind": "client", "component": "postgresql", "db.system": "postgresql",
        "db.type": "postgresql", "db.name": "shop", "sql.query": "SELECT * FROM pair WHERE id = ?",
        "db.query.summary": "SELECT pair", "out.host": "db.test", "peer.hostname": "db.test",
        "network.destination.name": "db.test", "network.destination.ip": "127.0.0.1",
        "spantap.parent.rule": "unit", "spantap.incomplete": "truncated,late", "_dd.code_origin.type": "exit",
        "_dd.code_origin.frames.0.file": "/srv/pair.py", "_dd.code_origin.frames.0.line": "41",
        "_dd.code_origin.frames.0.method": "pair",
    }, {"network.destination.port": 5432, "spantap.db.affected_rows": 3, "spantap.parent.sure": 1, "spantap.ttfb_ns": 2 * MS}),
    datadog(3, 1, 1, "shop-web", "redis.command", "HGET", "redis", {
        **WEB_META, "span.kind": "client", "component": "redis", "db.system": "redis", "db.type": "redis",
        "db.name": "2", "db.redis.database_index": "2", "out.redis_db": "2", "redis.raw_command": BAD_TEXT,
        "db.operation.name": "HGET", "error.type": "WRONGTYPE", "error.message": "WRONGTYPE wrong kind of value",
        "network.destination.ip": "/run/redis.sock", "spantap.parent.rule": "exclusive",
    }, {"spantap.parent.sure": 0.75, "spantap.ttfb_ns": 2 * MS}, error=1),
    datadog(4, 1, 1, "shop-web", "http.client.request", "GET", "http", {
        **WEB_META, "span.kind": "client", "component": "http", "http.method": "GET",
        "http.url": "http://ads.test:9000/ads?x=1", "out.host": "ads.test", "peer.hostname": "ads.test",
        "network.destination.name": "ads.test", "http.status_code": "500", "error.type": "500",
        "spantap.parent.rule": "none",
    }, {"network.destination.port": 9000, "spantap.parent.sure": 0, "spantap.ttfb_ns": 2 * MS}, error=1),
]
DATADOG_ADS = [
    datadog(5, 1, 4, "shop-ads", "http.server.request", "GET /ads", "web", {
        **TRACE_META, "span.kind": "server", "component": "http", "http.method": "GET", "http.route": "/ads",
        "spantap.parent.rule": "header",
    }, {**top(500), "spantap.parent.sure": 1, "spantap.ttfb_ns": 2 * MS},
        links=[{"trace_id": int("c1" * 8, 16), "trace_id_high": int("c1" * 8, 16), "span_id": int("c2" * 8, 16)}]),
    datadog(6, 2, 9, "shop-ads", "http.server.request", "POST", "web", {
        "_dd.p.tid": "a2" * 8, "span.kind": "server", "component": "http", "http.method": "POST",
        "spantap.incomplete": "attached_midway,gap,text_unknown,unanswered",
    }, {**top(500), "_sampling_priority_v1": 0}),
]


def same(where, got, expected):
    """Compares, and says which field differs rather than printing two large objects."""
    if isinstance(got, dict) and isinstance(expected, dict):
        assert set(got) == set(expected), f"{where}: keys {sorted(set(got) ^ set(expected))}"
        for key in expected:
            same(f"{where}.{key}", got[key], expected[key])
    elif isinstance(got, list) and isinstance(expected, list):
        assert len(got) == len(expected), f"{where}: {len(got)} elements, not {len(expected)}"
        for index, value in enumerate(expected):
            same(f"{where}[{index}]", got[index], value)
    else:
        assert type(got) is type(expected) or {type(got), type(expected)} == {int, float}, f"{where}: {type(got)}"
        assert got == expected, f"{where}: {got!r}, not {expected!r}"


def check_datadog(name, requests):
    assert len(requests) == 2, f"{name}: {len(requests)} requests, not one for each container"
    web, ads = requests
    same(f"{name} web", web["chunks"], [DATADOG_WEB])
    same(f"{name} ads", ads["chunks"], [DATADOG_ADS[:1], DATADOG_ADS[1:]])
    expected = {"x-datadog-trace-count": "1", "datadog-meta-lang": "python", "datadog-container-id": CONTAINER,
                "datadog-entity-id": "ci-" + CONTAINER, "datadog-meta-tracer-version": VERSION,
                "datadog-client-computed-top-level": "yes", "datadog-send-real-http-status": "1",
                "content-type": "application/msgpack"}
    same(f"{name} headers", {key: web["headers"].get(key) for key in expected}, expected)
    assert ads["headers"]["x-datadog-trace-count"] == "2"
    assert not {"datadog-container-id", "datadog-entity-id", "datadog-meta-lang"} & set(ads["headers"])


def main():
    try:
        decode_otlp.check_table()
        print("the table of messages agrees with opentelemetry-proto")
    except ImportError:
        pass
    with open(sys.argv[1]) as source:
        requests = [json.loads(line) for line in source]
    for request in requests:
        assert request["status"] == 200, request
    otlp_requests = [r for r in requests if r["path"] == "/v1/traces"]
    assert [r["headers"]["content-type"] for r in otlp_requests] == ["application/x-protobuf", "application/json"]
    for request in otlp_requests:
        same("otlp " + request["headers"]["content-type"], request["spans"], OTLP)
        assert request["headers"]["content-encoding"] == "gzip"
        assert request["headers"]["x-test"] == "a b"
        assert "expect" not in request["headers"]
    with open(sys.argv[2]) as source:
        lines = source.read().splitlines()
    same("otlp file", [span for line in lines for span in decode_otlp.decode_json(line)], OTLP)
    datadog_requests = [r for r in requests if r["path"] == "/v0.4/traces"]
    check_datadog("datadog tcp", datadog_requests[:2])
    check_datadog("datadog unix", datadog_requests[2:])
    print(f"{len(requests)} requests, every field as expected")


if __name__ == "__main__":
    main()
