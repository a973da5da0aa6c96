// SPDX-License-Identifier: GPL-2.0-only
/* The text of replay cases: reading them, and writing one line per exchange. See replay.h. */
#include "tests/lib/replay.h"

#include <stdlib.h>

static bool unescape(struct buf *out, struct bytes text)
{
	static const char letters[] = "rnt0\\\"", values[] = "\r\n\t\0\\\"";

	for (size_t i = 0; i < text.len; i++) {
		const char *letter;
		char hex[3] = { 0 }, *end;

		if (text.data[i] != '\\') {
			buf_add_byte(out, text.data[i]);
			continue;
		}
		if (++i == text.len)
			return false;
		letter = memchr(letters, text.data[i], sizeof(letters) - 1);
		if (letter) {
			buf_add_byte(out, (uint8_t)values[letter - letters]);
			continue;
		}
		if (text.data[i] != 'x' || text.len - i < 3)
			return false;
		memcpy(hex, text.data + i + 1, 2);
		buf_add_byte(out, (uint8_t)strtoul(hex, &end, 16));
		if (end != hex + 2)
			return false;
		i += 2;
	}
	return !out->full;
}

void replay_escape(struct buf *out, struct bytes text)
{
	for (size_t i = 0; i < text.len; i++) {
		uint8_t c = text.data[i];

		if (c == '\r')
			buf_add_text(out, "\\r");
		else if (c == '\n')
			buf_add_text(out, "\\n");
		else if (c == '\t')
			buf_add_text(out, "\\t");
		else if (c == '"' || c == '\\')
			buf_printf(out, "\\%c", c);
		else if (c < ' ' || c > '~' || (c == ' ' && i + 1 == text.len))
			buf_printf(out, "\\x%02x", c);
		else
			buf_add_byte(out, c);
	}
}

static void quoted(struct buf *out, struct bytes text)
{
	buf_add_byte(out, '"');
	replay_escape(out, text);
	buf_add_byte(out, '"');
}

static bool add_step(struct replay_case *c, enum replay_kind kind, enum flow flow, size_t len)
{
	struct replay_step step = { .kind = kind, .flow = flow, .at = c->bytes.len, .len = len };

	return buf_add(&c->steps, &step, sizeof(step));
}

/* More bytes for the last step, `times` times. */
static bool add_bytes(struct replay_case *c, enum flow flow, struct bytes text, uint64_t times)
{
	size_t count = replay_steps(c), before = c->bytes.len;
	struct replay_step *last;

	if (count == 0)
		return false;
	last = (struct replay_step *)(void *)c->steps.data + count - 1;
	if (last->kind != REPLAY_DATA || last->flow != flow)
		return false;
	while (times--)
		if (!unescape(&c->bytes, text))
			return false;
	last->len += c->bytes.len - before;
	return true;
}

/* A line that begins with > or <. */
static bool parse_step(struct replay_case *c, struct bytes line)
{
	enum flow flow = line.data[0] == '>' ? TO_SERVER : TO_CLIENT;
	struct bytes rest = bytes_from(line, 3), number;
	uint8_t mark = line.len > 1 ? line.data[1] : 0;
	uint64_t n = 0;
	size_t space;

	switch (mark) {
	case ' ':
		return add_step(c, REPLAY_DATA, flow, 0) &&
		       add_bytes(c, flow, bytes_from(line, 2), 1);
	case '+':
		return add_bytes(c, flow, rest, 1);
	case '*':
		space = bytes_find(rest, ' ', 0);
		number = bytes_part(rest, 0, space);
		return bytes_number(number, &n) &&
		       add_bytes(c, flow, bytes_from(rest, space + 1), n);
	case '~':
		return bytes_number(bytes_trim(rest), &n) && n && add_step(c, REPLAY_LOST, flow, n);
	case '|':
		return line.len == 2 && add_step(c, REPLAY_END, flow, 0);
	default:
		return false;
	}
}

static bool parse_line(struct replay_case *c, struct bytes line)
{
	struct bytes name = bytes_from(line, strlen("protocol "));

	if (line.len == 0 || line.data[0] == '#')
		return true;
	if (line.data[0] == '>' || line.data[0] == '<')
		return parse_step(c, line);
	if (bytes_is(line, "midway")) {
		c->midway = true;
		return true;
	}
	if (bytes_is(line, "side client") || bytes_is(line, "side server")) {
		c->side = line.data[5] == 's' ? SIDE_SERVER : SIDE_CLIENT;
		return true;
	}
	if (!bytes_starts(line, "protocol ") || name.len == 0 || name.len >= sizeof(c->protocol))
		return false;
	memcpy(c->protocol, name.data, name.len);
	return true;
}

bool replay_parse(struct replay_case *c, struct bytes text, struct buf *report)
{
	size_t number = 1;

	*c = (struct replay_case){ .side = SIDE_CLIENT };
	buf_init(&c->bytes, REPLAY_CASE_MAX);
	buf_init(&c->steps, REPLAY_CASE_MAX);
	buf_init(&c->source, REPLAY_CASE_MAX);
	buf_init(&c->expected, REPLAY_CASE_MAX);
	for (size_t at = 0; at < text.len; number++) {
		size_t end = bytes_find(text, '\n', at);
		struct bytes line = bytes_part(text, at, end - at);

		at = end + 1;
		if (bytes_starts(line, "= ")) {
			buf_add_bytes(&c->expected, bytes_from(line, 2));
			buf_add_byte(&c->expected, '\n');
			continue;
		}
		if (!parse_line(c, line)) {
			buf_printf(report, "line %zu makes no sense", number);
			return false;
		}
		buf_add_bytes(&c->source, line);
		buf_add_byte(&c->source, '\n');
	}
	if (!c->protocol[0] || !replay_steps(c)) {
		buf_add_text(report, "a case needs a protocol and a step");
		return false;
	}
	if (c->source.full || c->expected.full || c->bytes.full || c->steps.full) {
		buf_add_text(report, "too large");
		return false;
	}
	return true;
}

void replay_release(struct replay_case *c)
{
	buf_release(&c->bytes);
	buf_release(&c->steps);
	buf_release(&c->source);
	buf_release(&c->expected);
}

static void add_flags(struct buf *out, uint32_t flags)
{
	static const struct {
		uint32_t flag;
		const char *name;
	} names[] = {
		{ INCOMPLETE_TRUNCATED, "truncated" },
		{ INCOMPLETE_ATTACHED_MIDWAY, "attached_midway" },
		{ INCOMPLETE_GAP, "gap" },
		{ INCOMPLETE_LATE, "late" },
		{ INCOMPLETE_TEXT_UNKNOWN, "text_unknown" },
		{ INCOMPLETE_UNANSWERED, "unanswered" },
	};
	const char *separator = " incomplete=";

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (!(flags & names[i].flag))
			continue;
		buf_add_text(out, separator);
		buf_add_text(out, names[i].name);
		separator = ",";
	}
}

static void add_hex(struct buf *out, const uint8_t *data, size_t len)
{
	for (size_t i = 0; i < len; i++)
		buf_printf(out, "%02x", data[i]);
}

static int compare_keys(const void *a, const void *b)
{
	const struct attribute *const *left = a, *const *right = b;

	return strcmp((*left)->key, (*right)->key);
}

static void add_attributes(struct buf *out, const struct attributes *a)
{
	const struct attribute *sorted[ATTRIBUTES_MAX];

	for (uint32_t i = 0; i < a->count; i++)
		sorted[i] = &a->items[i];
	qsort(sorted, a->count, sizeof(sorted[0]), compare_keys);
	for (uint32_t i = 0; i < a->count; i++) {
		const struct attribute *item = sorted[i];

		buf_printf(out, " %s=", item->key);
		if (item->type == ATTRIBUTE_STRING)
			quoted(out, attribute_string(a, item));
		else if (item->type == ATTRIBUTE_INT)
			buf_printf(out, "%lld", (long long)item->integer);
		else if (item->type == ATTRIBUTE_BOOL)
			buf_add_text(out, item->boolean ? "true" : "false");
		else
			buf_printf(out, "%.17g", item->number);
	}
}

struct replay_line replay_line(struct buf *out, const struct exchange *x,
			       const struct description *d)
{
	static const char *const outcomes[] = { "unset", "ok", "error" };
	struct replay_line line = { .at = out->len };

	quoted(out, d->operation);
	buf_add_byte(out, ' ');
	quoted(out, d->statement);
	line.name = out->len - line.at;
	buf_printf(out, " %s request=%llu@%llu response=%llu@%llu..%llu", outcomes[d->outcome],
		   (unsigned long long)x->request_bytes,
		   (unsigned long long)x->request_first.time_ns,
		   (unsigned long long)x->response_bytes,
		   (unsigned long long)x->response_first.time_ns,
		   (unsigned long long)x->response_last.time_ns);
	line.core = out->len - line.at;
	add_flags(out, x->incomplete);
	if (d->outcome_message.len) {
		buf_add_text(out, " message=");
		quoted(out, d->outcome_message);
	}
	if (x->propagation.present) {
		buf_add_text(out, " traceparent=00-");
		add_hex(out, x->propagation.trace_id, sizeof(x->propagation.trace_id));
		buf_add_byte(out, '-');
		add_hex(out, x->propagation.span_id, sizeof(x->propagation.span_id));
		buf_printf(out, "-%02x", x->propagation.flags);
	}
	add_attributes(out, d->attributes);
	line.len = out->len - line.at;
	return line;
}
