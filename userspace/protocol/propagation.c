// SPDX-License-Identifier: GPL-2.0-only
/* See propagation.h. W3C Trace Context Level 1, section 3.2.2 (version, trace-id, parent-id, flags). */
#include "userspace/protocol/propagation.h"

#define TRACEPARENT_LEN 55

static int hex_digit(uint8_t c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return -1;
}

/* Lower-case hex into out; false on any other character. *any: at least one byte is not zero. */
static bool hex(struct bytes in, uint8_t *out, bool *any)
{
	*any = false;
	for (size_t i = 0; i + 1 < in.len; i += 2) {
		int high = hex_digit(in.data[i]), low = hex_digit(in.data[i + 1]);

		if (high < 0 || low < 0)
			return false;
		out[i / 2] = (uint8_t)(high << 4 | low);
		*any |= out[i / 2] != 0;
	}
	return true;
}

bool propagation_traceparent(struct propagation *out, struct bytes value)
{
	struct propagation p = { 0 };
	uint8_t version;
	bool any;

	value = bytes_trim(value);
	if (value.len < TRACEPARENT_LEN || value.data[2] != '-' || value.data[35] != '-' || value.data[52] != '-')
		return false;
	if (!hex(bytes_part(value, 0, 2), &version, &any) || version == 0xff)
		return false;
	if (version == 0 ? value.len != TRACEPARENT_LEN :
			   value.len > TRACEPARENT_LEN && value.data[TRACEPARENT_LEN] != '-')
		return false;
	if (!hex(bytes_part(value, 3, 32), p.trace_id, &any) || !any)
		return false;
	if (!hex(bytes_part(value, 36, 16), p.span_id, &any) || !any)
		return false;
	if (!hex(bytes_part(value, 53, 2), &p.flags, &any))
		return false;
	p.present = true;
	*out = p;
	return true;
}
