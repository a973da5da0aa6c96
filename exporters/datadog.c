// SPDX-License-Identifier: GPL-2.0-only
/*
 * A Datadog agent's trace endpoint, /v0.4/traces (datadog-agent, pkg/trace/api): msgpack over TCP
 * or a unix socket. The agent finds the container's tags by a header, so a request holds one
 * container's spans.
 *
 *   [ [span, span...], ... ]     an array of chunks; the spans of a chunk are of one trace
 *
 * The agent answers with sampling rates for tracers to follow ("rate_by_service"). They are not
 * followed: the agent computes its statistics from what we send, so we send all of it.
 */
#include <errno.h>
#include <stdio.h>

#include "exporters/datadog_config.h"
#include "exporters/datadog_names.h"
#include "exporters/datadog_span.h"
#include "exporters/exporter.h"
#include "userspace/base/msgpack.h"

#define BATCH_MAX 1000
#define BODY_MAX (8u << 20) /* tracers stop at 8 to 10 MB, the agent at 25 */
#define SCRATCH_MAX (256u << 10)

static size_t chunk_length(const struct span_batch *batch, size_t at)
{
	size_t end = at + 1;

	while (end < batch->count &&
	       !memcmp(batch->spans[end]->trace_id, batch->spans[at]->trace_id, TRACE_ID_SIZE))
		end++;
	return end - at;
}

/* The word for Datadog-Meta-Lang if all of the batch is of one language, else "". */
static const char *common_language(const struct span_batch *batch)
{
	const char *common = "";

	for (size_t i = 0; i < batch->count; i++) {
		const char *language =
			batch->spans[i]->resource ? batch->spans[i]->resource->language : "";

		if (common[0] && language[0] && strcmp(common, language))
			return "";
		if (language[0])
			common = language;
	}
	return strcmp(common, "dotnet") ? common : ".NET";
}

static void put_headers(struct buf *headers, const struct span_batch *batch, uint32_t chunks)
{
	const struct resource *r = batch->spans[0]->resource;
	const char *language = common_language(batch);

	buf_add_text(headers, "Content-Type: application/msgpack\n");
	buf_add_text(headers, "User-Agent: spantap/" SPANTAP_VERSION "\n");
	buf_printf(headers, "X-Datadog-Trace-Count: %u\n", chunks);
	if (language[0])
		buf_printf(headers, "Datadog-Meta-Lang: %s\n", language);
	buf_add_text(headers, "Datadog-Meta-Tracer-Version: " SPANTAP_VERSION "\n");
	buf_add_text(headers, "Datadog-Client-Computed-Top-Level: yes\n");
	/* Else it says 200 when it has dropped them. */
	buf_add_text(headers, "Datadog-Send-Real-Http-Status: 1\n");
	if (r && r->container_id[0]) {
		buf_printf(headers, "Datadog-Container-ID: %s\n", r->container_id);
		buf_printf(headers, "Datadog-Entity-ID: ci-%s\n", r->container_id);
	}
}

static void put_target(const struct exporter_config *config, struct request *out)
{
	if (strncmp(config->url, "unix://", 7)) {
		snprintf(out->url, sizeof(out->url), "%s", config->url);
		return;
	}
	snprintf(out->url, sizeof(out->url), "http://localhost/v0.4/traces");
	snprintf(out->unix_socket, sizeof(out->unix_socket), "%.107s", config->url + 7);
}

static int encode(const struct exporter_config *config, const struct span_batch *batch,
		  struct request *out)
{
	uint32_t chunks = 0;
	struct buf scratch;
	size_t mark, len;
	bool full;

	buf_init(&scratch, SCRATCH_MAX);
	mark = msgpack_array_begin(&out->body);
	for (size_t at = 0; at < batch->count; at += len) {
		len = chunk_length(batch, at);
		datadog_chunk(&out->body, batch->spans + at, len, &scratch);
		chunks++;
	}
	msgpack_count_set(&out->body, mark, chunks);
	full = out->body.full || out->body.len > BODY_MAX || scratch.full;
	buf_release(&scratch);
	if (full)
		return -E2BIG;
	put_target(config, out);
	put_headers(&out->headers, batch, chunks);
	return out->headers.full ? -ENOMEM : 0;
}

static void judge(const struct reply *reply, struct judgement *out)
{
	*out = (struct judgement){ 0 };
	if (reply->status == 0) {
		out->delivery = DELIVERY_RETRY;
		snprintf(out->message, sizeof(out->message),
			 "check that a Datadog agent with APM listens there (usually port 8126 or "
			 "/var/run/datadog/apm.socket)");
		return;
	}
	if (reply->status >= 200 && reply->status < 300)
		return;
	/* 408, 429 and the gateways' statuses: it is busy or starting. The rest would fail again.
	 */
	if (reply->status == 408 || reply->status == 429 ||
	    (reply->status >= 502 && reply->status <= 504))
		out->delivery = DELIVERY_RETRY;
	else
		out->delivery = reply->status == 413 ? DELIVERY_SPLIT : DELIVERY_REJECTED;
	snprintf(out->message, sizeof(out->message), "status %ld%s", reply->status,
		 reply->status == 404 ? ": it knows no /v0.4/traces; is this a Datadog agent?"
				      : "");
}

const struct exporter datadog_exporter = {
	.name = "datadog",
	.metavar = "URL",
	.help = "send spans to a Datadog agent: http://localhost:8126 or "
		"unix:///var/run/datadog/apm.socket",
	.batch_max = BATCH_MAX,
	.by_container = true,
	.configure = datadog_configure,
	.wanted = datadog_wanted,
	.encode = encode,
	.judge = judge,
};
