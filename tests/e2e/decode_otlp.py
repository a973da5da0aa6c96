#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""Decodes OTLP trace requests with Google's protobuf, independently of spantap's own writer.

The messages come from the package opentelemetry-proto when it is installed; else from the table below
(opentelemetry-proto 1.11, trace.proto), which check_table() holds against that package. Usable as a library
(decode) and as a program: decode_otlp.py FILE prints one JSON line per span.
"""
import base64
import json
import sys

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

# message: [(number, name, type, repeated)]; a type that is not a scalar is another message of this table.
MESSAGES = {
    "ArrayValue": [(1, "values", "AnyValue", True)],
    "KeyValueList": [(1, "values", "KeyValue", True)],
    "AnyValue": [(1, "string_value", "string", False), (2, "bool_value", "bool", False),
                 (3, "int_value", "int64", False), (4, "double_value", "double", False),
                 (5, "array_value", "ArrayValue", False), (6, "kvlist_value", "KeyValueList", False),
                 (7, "bytes_value", "bytes", False)],
    "KeyValue": [(1, "key", "string", False), (2, "value", "AnyValue", False)],
    "InstrumentationScope": [(1, "name", "string", False), (2, "version", "string", False),
                             (3, "attributes", "KeyValue", True),
                             (4, "dropped_attributes_count", "uint32", False)],
    "Resource": [(1, "attributes", "KeyValue", True), (2, "dropped_attributes_count", "uint32", False)],
    "Event": [(1, "time_unix_nano", "fixed64", False), (2, "name", "string", False),
              (3, "attributes", "KeyValue", True), (4, "dropped_attributes_count", "uint32", False)],
    "Link": [(1, "trace_id", "bytes", False), (2, "span_id", "bytes", False), (3, "trace_state", "string", False),
             (4, "attributes", "KeyValue", True), (5, "dropped_attributes_count", "uint32", False),
             (6, "flags", "fixed32", False)],
    "Status": [(2, "message", "string", False), (3, "code", "enum", False)],
    "Span": [(1, "trace_id", "bytes", False), (2, "span_id", "bytes", False), (3, "trace_state", "string", False),
             (4, "parent_span_id", "bytes", False), (5, "name", "string", False), (6, "kind", "enum", False),
             (7, "start_time_unix_nano", "fixed64", False), (8, "end_time_unix_nano", "fixed64", False),
             (9, "attributes", "KeyValue", True), (10, "dropped_attributes_count", "uint32", False),
             (11, "events", "Event", True), (12, "dropped_events_count", "uint32", False),
             (13, "links", "Link", True), (14, "dropped_links_count", "uint32", False),
             (15, "status", "Status", False), (16, "flags", "fixed32", False)],
    "ScopeSpans": [(1, "scope", "InstrumentationScope", False), (2, "spans", "Span", True),
                   (3, "schema_url", "string", False)],
    "ResourceSpans": [(1, "resource", "Resource", False), (2, "scope_spans", "ScopeSpans", True),
                      (3, "schema_url", "string", False)],
    "ExportTraceServiceRequest": [(1, "resource_spans", "ResourceSpans", True)],
}


def request_from_table():
    """The class ExportTraceServiceRequest, made from MESSAGES."""
    field_type = descriptor_pb2.FieldDescriptorProto
    file = descriptor_pb2.FileDescriptorProto(name="spantap_test.proto", package="spantap_test", syntax="proto3")
    for message, fields in MESSAGES.items():
        descriptor = file.message_type.add(name=message)
        if message == "AnyValue":
            descriptor.oneof_decl.add(name="value")
        for number, name, kind, repeated in fields:
            field = descriptor.field.add(name=name, number=number)
            field.label = field_type.LABEL_REPEATED if repeated else field_type.LABEL_OPTIONAL
            if kind in MESSAGES:
                field.type, field.type_name = field_type.TYPE_MESSAGE, ".spantap_test." + kind
            else:
                field.type = getattr(field_type, "TYPE_" + {"enum": "int32"}.get(kind, kind).upper())
            if message == "AnyValue":
                field.oneof_index = 0
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    descriptor = pool.FindMessageTypeByName("spantap_test.ExportTraceServiceRequest")
    if hasattr(message_factory, "GetMessageClass"):
        return message_factory.GetMessageClass(descriptor)
    return message_factory.MessageFactory(pool).GetPrototype(descriptor)


def request_from_package():
    from opentelemetry.proto.collector.trace.v1 import trace_service_pb2
    return trace_service_pb2.ExportTraceServiceRequest


def request_class():
    try:
        return request_from_package()
    except ImportError:
        return request_from_table()


def check_table():
    """Every field of MESSAGES is the package's; ImportError when the package is not there."""
    field_type = descriptor_pb2.FieldDescriptorProto
    seen, todo = set(), [request_from_package().DESCRIPTOR]
    while todo:
        descriptor = todo.pop()
        if descriptor.name in seen:
            continue
        seen.add(descriptor.name)
        for number, name, kind, repeated in MESSAGES[descriptor.name]:
            field = descriptor.fields_by_number[number]
            assert field.name == name, (descriptor.name, number, field.name)
            assert (field.label == field.LABEL_REPEATED) == repeated, (descriptor.name, name)
            if kind in MESSAGES:
                assert field.message_type.name == kind, (descriptor.name, name)
                todo.append(field.message_type)
            else:
                assert field.type == getattr(field_type, "TYPE_" + kind.upper()), (descriptor.name, name)
    assert seen == set(MESSAGES), seen ^ set(MESSAGES)


def refuse_unknown_fields(message):
    """A field that the schema does not have is a mistake of ours, not something to skip."""
    try:
        from google.protobuf import unknown_fields
        unknown = unknown_fields.UnknownFieldSet(message)
    except ImportError:
        unknown = message.UnknownFields()
    assert len(unknown) == 0, f"unknown fields in {message.DESCRIPTOR.name}: {[f.field_number for f in unknown]}"
    for field, value in message.ListFields():
        if field.type == field.TYPE_MESSAGE:
            for part in value if field.label == field.LABEL_REPEATED else [value]:
                refuse_unknown_fields(part)


def any_value(value):
    name = value.WhichOneof("value")
    if name == "array_value":
        return [any_value(v) for v in value.array_value.values]
    if name == "kvlist_value":
        return attributes(value.kvlist_value.values)
    assert name, "an attribute without a value"
    return getattr(value, name)


def attributes(pairs):
    out = {}
    for pair in pairs:
        assert pair.key not in out, f"the attribute {pair.key} is there twice"
        out[pair.key] = any_value(pair.value)
    return out


def spans_of(request):
    for resource_spans in request.resource_spans:
        for scope_spans in resource_spans.scope_spans:
            for span in scope_spans.spans:
                yield {
                    "resource": attributes(resource_spans.resource.attributes),
                    "resource_schema_url": resource_spans.schema_url,
                    "scope": {"name": scope_spans.scope.name, "version": scope_spans.scope.version},
                    "schema_url": scope_spans.schema_url,
                    "trace_id": span.trace_id.hex(),
                    "span_id": span.span_id.hex(),
                    "parent_span_id": span.parent_span_id.hex(),
                    "trace_state": span.trace_state,
                    "name": span.name,
                    "kind": span.kind,
                    "start_ns": span.start_time_unix_nano,
                    "end_ns": span.end_time_unix_nano,
                    "attributes": attributes(span.attributes),
                    "dropped_attributes": span.dropped_attributes_count,
                    "links": [{"trace_id": k.trace_id.hex(), "span_id": k.span_id.hex()} for k in span.links],
                    "status": {"code": span.status.code, "message": span.status.message},
                    "flags": span.flags,
                }


def decode(body):
    """All spans of a binary ExportTraceServiceRequest, as flat dicts."""
    request = request_class()()
    consumed = request.ParseFromString(body)
    assert consumed in (None, len(body))
    refuse_unknown_fields(request)
    for resource_spans in request.resource_spans:
        assert resource_spans.scope_spans, "an empty envelope"
        for scope_spans in resource_spans.scope_spans:
            assert scope_spans.spans, "an empty envelope"
    return list(spans_of(request))


def json_value(value):
    assert len(value) == 1, value
    kind, content = next(iter(value.items()))
    if kind == "intValue":
        assert isinstance(content, str), "64-bit integers are strings"
        return int(content)
    if kind == "doubleValue":
        return float(content)
    if kind == "arrayValue":
        return [json_value(v) for v in content["values"]]
    if kind == "bytesValue":
        return base64.b64decode(content)
    assert kind in ("stringValue", "boolValue"), kind
    return content


def json_attributes(pairs):
    out = {}
    for pair in pairs:
        assert pair["key"] not in out, f"the attribute {pair['key']} is there twice"
        out[pair["key"]] = json_value(pair["value"])
    return out


def json_id(text, size):
    assert len(text) == 2 * size and bytes.fromhex(text), text
    return text


def json_time(text):
    assert isinstance(text, str), "64-bit integers are strings"
    return int(text)


def decode_json(text):
    """The same from OTLP's JSON (a request's body, or a line of a file)."""
    out = []
    for resource_spans in json.loads(text)["resourceSpans"]:
        for scope_spans in resource_spans["scopeSpans"]:
            for span in scope_spans["spans"]:
                assert isinstance(span["kind"], int) and isinstance(span.get("flags", 0), int)
                status = span.get("status", {})
                out.append({
                    "resource": json_attributes(resource_spans["resource"]["attributes"]),
                    "resource_schema_url": resource_spans["schemaUrl"],
                    "scope": scope_spans["scope"],
                    "schema_url": scope_spans["schemaUrl"],
                    "trace_id": json_id(span["traceId"], 16),
                    "span_id": json_id(span["spanId"], 8),
                    "parent_span_id": json_id(span["parentSpanId"], 8) if "parentSpanId" in span else "",
                    "trace_state": span.get("traceState", ""),
                    "name": span["name"],
                    "kind": span["kind"],
                    "start_ns": json_time(span["startTimeUnixNano"]),
                    "end_ns": json_time(span["endTimeUnixNano"]),
                    "attributes": json_attributes(span.get("attributes", [])),
                    "dropped_attributes": span.get("droppedAttributesCount", 0),
                    "links": [{"trace_id": json_id(k["traceId"], 16), "span_id": json_id(k["spanId"], 8)}
                              for k in span.get("links", [])],
                    "status": {"code": status.get("code", 0), "message": status.get("message", "")},
                    "flags": span.get("flags", 0),
                })
    return out


if __name__ == "__main__":
    with open(sys.argv[1], "rb") as source:
        content = source.read()
    if content[:1] == b"{":
        decoded = [span for line in content.splitlines() for span in decode_json(line)]
    else:
        decoded = decode(content)
    for decoded_span in decoded:
        print(json.dumps(decoded_span, sort_keys=True))
