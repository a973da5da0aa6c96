// SPDX-License-Identifier: GPL-2.0-only
/* See span_part.h. */
#include "userspace/report/span_part.h"

#include "userspace/span/incomplete.h"

#define PARENT_RULE_KEY "spantap.parent.rule"

const char *span_part_status(const struct span *s)
{
	static const char *const statuses[] = { "unset", "ok", "error" };

	return statuses[s->outcome];
}

void span_part_attributes(struct json *j, const struct span *s)
{
	for (uint32_t i = 0; i < s->attributes.count; i++) {
		const struct attribute *a = &s->attributes.items[i];

		if (!strcmp(a->key, PARENT_RULE_KEY)) /* ours, below */
			continue;
		json_key(j, a->key);
		if (a->type == ATTRIBUTE_STRING)
			json_string(j, attribute_string(&s->attributes, a));
		else if (a->type == ATTRIBUTE_INT)
			json_int(j, a->integer);
		else if (a->type == ATTRIBUTE_BOOL)
			json_bool(j, a->boolean);
		else
			json_double(j, a->number);
	}
	if (s->rule == PARENT_ROOT)
		return;
	json_key(j, PARENT_RULE_KEY);
	json_text(j, parent_rule_name(s->rule));
}

void span_part_incomplete(struct json *j, const struct span *s)
{
	json_array(j);
	for (unsigned int bit = 0; incomplete_name(bit); bit++)
		if (s->incomplete & 1u << bit)
			json_text(j, incomplete_name(bit));
	json_array_end(j);
}
