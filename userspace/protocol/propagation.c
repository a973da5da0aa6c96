// SPDX-License-Identifier: GPL-2.0-only
/* See propagation.h: which headers carry a context, and which of several counts. */
#include "userspace/protocol/propagation.h"

#include "userspace/base/map.h"

#define REQUEST_ID_MIN 8 /* shorter ones are counters, equal by accident */
#define REQUEST_ID_MAX 200

static const struct field {
	const char *name;
	size_t len;
} fields[PROPAGATION_FIELD_COUNT] = {
#define PROPAGATION_NAME(name, header) [PROPAGATION_##name] = { header, sizeof(header) - 1 },
	PROPAGATION_FIELDS(PROPAGATION_NAME)
#undef PROPAGATION_NAME
};

bool propagation_field(struct propagation_fields *f, struct bytes name, struct bytes value)
{
	for (size_t i = 0; i < PROPAGATION_FIELD_COUNT; i++) {
		if (name.len != fields[i].len || !bytes_is_nocase(name, fields[i].name))
			continue;
		if (!f->values[i].len)
			f->values[i] = bytes_trim(value);
		return true;
	}
	return false;
}

static void read_context(struct propagation *out, const struct bytes *v)
{
	enum propagation_field found = PROPAGATION_FIELD_COUNT;

	if (propagation_traceparent(out, v[PROPAGATION_traceparent]))
		found = PROPAGATION_traceparent;
	else if (propagation_b3(out, v[PROPAGATION_b3]))
		found = PROPAGATION_b3;
	else if (propagation_b3_multi(out, v[PROPAGATION_b3_trace], v[PROPAGATION_b3_span],
				      v[PROPAGATION_b3_sampled], v[PROPAGATION_b3_flags]))
		found = PROPAGATION_b3_trace;
	else if (propagation_datadog(out, v[PROPAGATION_datadog_trace],
				     v[PROPAGATION_datadog_parent], v[PROPAGATION_datadog_priority],
				     v[PROPAGATION_datadog_tags]))
		found = PROPAGATION_datadog_trace;
	else if (propagation_xray(out, v[PROPAGATION_xray]))
		found = PROPAGATION_xray;
	else if (propagation_jaeger(out, v[PROPAGATION_jaeger]))
		found = PROPAGATION_jaeger;
	else if (propagation_skywalking(out, v[PROPAGATION_skywalking]))
		found = PROPAGATION_skywalking;
	out->header = found == PROPAGATION_FIELD_COUNT ? NULL : fields[found].name;
}

void propagation_read(struct propagation *out, const struct propagation_fields *f)
{
	struct bytes id = f->values[PROPAGATION_request_id];

	*out = (struct propagation){ 0 };
	read_context(out, f->values);
	if (id.len >= REQUEST_ID_MIN && id.len <= REQUEST_ID_MAX)
		out->request_id = map_hash(id.data, id.len, 0);
}
