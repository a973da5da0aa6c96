// SPDX-License-Identifier: GPL-2.0-only
/*
 * See http1_values.h. A field may change the answer (who asks, in which language, which part), so
 * every field counts, but for those that tell of the way or number the requests: they differ even
 * where nothing else does.
 */
#include "userspace/protocol/http1_values.h"

/* Whole names, and beginnings that end in a dash. Fields that carry a trace context never come
 * here. */
static const char *const passing[] = {
	"user-agent",
	"connection",
	"keep-alive",
	"te",
	"date",
	"via",
	"forwarded",
	"x-forwarded-",
	"x-real-ip",
	"x-request-id",
	"request-id",
	"x-correlation-id",
	"x-request-start",
	"x-envoy-",
	"correlation-context",
	"baggage",
	"tracestate",
	"x-b3-",
	"x-datadog-",
	"x-amzn-trace-id",
	"x-cloud-trace-context",
	"sentry-",
	"newrelic",
	"elastic-apm-",
};

static bool is_passing(struct bytes name)
{
	uint8_t first = name.len ? bytes_lower(name.data[0]) : 0;

	for (size_t i = 0; i < sizeof(passing) / sizeof(passing[0]); i++) {
		size_t len;

		if ((uint8_t)passing[i][0] != first)
			continue;
		len = strlen(passing[i]);
		if (bytes_is_nocase(passing[i][len - 1] == '-' ? bytes_part(name, 0, len) : name,
				    passing[i]))
			return true;
	}
	return false;
}

static bool has_no_body_by_nature(enum http1_method method)
{
	return method == HTTP1_GET || method == HTTP1_HEAD || method == HTTP1_DELETE ||
	       method == HTTP1_OPTIONS;
}

void http1_values_begin(struct values *v, const struct http1_head *head)
{
	if (!has_no_body_by_nature(http1_method_of(head->start.method))) {
		values_lose(v);
		return;
	}
	values_begin(v, "http");
	values_add(v, head->start.method);
	values_add(v, head->start.target);
}

void http1_values_field(struct values *v, struct bytes name, struct bytes value)
{
	if (v->unknown || is_passing(name))
		return;
	/* As it was written: who writes a name in another way is another client. */
	values_add(v, name);
	values_add(v, value);
}

uint64_t http1_values_end(struct values *v, const struct http1_head *head)
{
	bool empty = head->framing == HTTP1_FRAMING_NONE ||
		     (head->framing == HTTP1_FRAMING_LENGTH && !head->length);

	if (!head->whole || !empty)
		values_lose(v);
	return values_end(v);
}
