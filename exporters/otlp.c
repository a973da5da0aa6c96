// SPDX-License-Identifier: GPL-2.0-only
/*
 * OTLP over HTTP (opentelemetry-proto 1.11, docs/specification.md): spans grouped by resource into
 * one ExportTraceServiceRequest, protobuf or JSON, and what a receiver's answer means. Where to
 * send comes from the command line, then from OpenTelemetry's variables: see otlp_config.c.
 *
 *   ExportTraceServiceRequest { ResourceSpans { Resource, ScopeSpans { Scope, Span... } }... }
 */
#include <errno.h>
#include <stdio.h>

#include "exporters/exporter.h"
#include "exporters/otlp_config.h"
#include "exporters/otlp_json.h"
#include "exporters/otlp_span.h"
#include "userspace/base/protobuf.h"
#include "userspace/base/utf8.h"

#define BATCH_MAX 512 /* OTEL_BSP_MAX_EXPORT_BATCH_SIZE's default */

/* True when no span before `at` has the same resource: its group is not written yet. */
static bool begins_group(const struct span_batch *batch, size_t at)
{
	for (size_t i = 0; i < at; i++)
		if (batch->spans[i]->resource == batch->spans[at]->resource)
			return false;
	return true;
}

static void put_group(struct buf *b, const struct span_batch *batch, size_t first)
{
	const struct resource *resource = batch->spans[first]->resource;
	size_t resource_spans = protobuf_begin(b, 1);
	size_t scope_spans, scope;

	otlp_resource(b, 1, resource);
	scope_spans = protobuf_begin(b, 2);
	scope = protobuf_begin(b, 1);
	protobuf_string(b, 1, bytes_of_string("spantap"));
	protobuf_string(b, 2, bytes_of_string(SPANTAP_VERSION));
	protobuf_end(b, scope);
	for (size_t i = first; i < batch->count; i++)
		if (batch->spans[i]->resource == resource)
			otlp_span(b, 2, batch->spans[i]);
	protobuf_string(b, 3, bytes_of_string(OTLP_SCHEMA_URL));
	protobuf_end(b, scope_spans);
	protobuf_string(b, 3, bytes_of_string(OTLP_SCHEMA_URL));
	protobuf_end(b, resource_spans);
}

static int to_json(struct buf *body)
{
	struct buf json;
	int err;

	buf_init(&json, body->max);
	err = otlp_json(buf_bytes(body), &json);
	if (err) {
		buf_release(&json);
		return err;
	}
	buf_release(body);
	*body = json;
	return 0;
}

static int encode(const struct exporter_config *config, const struct span_batch *batch,
		  struct request *out)
{
	int err = 0;

	for (size_t i = 0; i < batch->count; i++)
		if (begins_group(batch, i))
			put_group(&out->body, batch, i);
	if (out->body.full)
		return -E2BIG;
	if (config->json)
		err = to_json(&out->body);
	if (err)
		return err;
	out->gzip = config->gzip;
	snprintf(out->url, sizeof(out->url), "%s", config->url);
	buf_printf(&out->headers, "Content-Type: application/%s\n",
		   config->json ? "json" : "x-protobuf");
	buf_add_text(&out->headers, "User-Agent: spantap/" SPANTAP_VERSION
				    " OTel-OTLP-Exporter-C/" SPANTAP_VERSION "\n");
	buf_add_bytes(&out->headers, buf_bytes(&config->headers));
	return out->headers.full ? -ENOMEM : 0;
}

/* Text from the network, for a terminal: printable characters only. */
static void put_message(char *out, size_t size, const char *before, struct bytes text)
{
	int written = snprintf(out, size, "%s", before);
	struct bytes valid = bytes_part(text, 0, utf8_valid(text));
	size_t at = written < 0 ? 0 : (size_t)written;

	valid = utf8_cut(valid, at < size ? size - at - 1 : 0);
	for (size_t i = 0; i < valid.len && at + 1 < size; i++, at++)
		out[at] = valid.data[i] < ' ' || valid.data[i] == 0x7f ? ' ' : (char)valid.data[i];
	out[at < size ? at : size - 1] = '\0';
}

/* google.rpc.Status { int32 code = 1; string message = 2 }; a JSON receiver's or a proxy's text as
 * it is. */
static void refused(const struct reply *reply, struct judgement *out)
{
	struct cursor c = cursor_of(reply->body);
	struct protobuf_field field;
	struct bytes text = { 0 };
	char before[48];

	while (protobuf_next(&c, &field))
		if (field.number == 2 && field.wire == PROTOBUF_LENGTH)
			text = field.bytes;
	if (c.failed || !text.len)
		text = reply->body;
	snprintf(before, sizeof(before), "status %ld%s", reply->status, text.len ? ": " : "");
	put_message(out->message, sizeof(out->message), before, text);
}

/* ExportTraceServiceResponse { PartialSuccess { int64 rejected_spans = 1; string error_message = 2
 * } = 1 } */
static void accepted(const struct reply *reply, struct judgement *out)
{
	struct cursor response = cursor_of(reply->body);
	struct protobuf_field field;

	while (protobuf_next(&response, &field)) {
		struct cursor partial = cursor_of(field.bytes);

		if (field.number != 1 || field.wire != PROTOBUF_LENGTH)
			continue;
		while (protobuf_next(&partial, &field)) {
			if (field.number == 1 && field.wire == PROTOBUF_VARINT &&
			    field.value <= INT64_MAX)
				out->rejected = field.value;
			else if (field.number == 2 && field.wire == PROTOBUF_LENGTH)
				put_message(out->message, sizeof(out->message), "", field.bytes);
		}
	}
}

static void judge(const struct reply *reply, struct judgement *out)
{
	*out = (struct judgement){ 0 };
	if (reply->status == 0) {
		out->delivery = DELIVERY_RETRY;
		snprintf(out->message, sizeof(out->message),
			 "check that an OTLP/HTTP receiver listens there (usually port 4318; 4317 "
			 "is gRPC)");
	} else if (reply->status >= 200 && reply->status < 300) {
		out->delivery = DELIVERY_DONE;
		accepted(reply, out);
	} else {
		out->delivery = DELIVERY_REJECTED;
		if (reply->status == 429 || (reply->status >= 502 && reply->status <= 504))
			out->delivery = DELIVERY_RETRY;
		else if (reply->status == 413)
			out->delivery = DELIVERY_SPLIT;
		refused(reply, out);
	}
}

const struct exporter otlp_exporter = {
	.name = "otlp",
	.metavar = "URL",
	.help = "send spans to an OTLP/HTTP receiver, as http://localhost:4318; file:PATH writes "
		"JSON lines",
	.batch_max = BATCH_MAX,
	.configure = otlp_configure,
	.wanted = otlp_wanted,
	.encode = encode,
	.judge = judge,
};
