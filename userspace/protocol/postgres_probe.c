// SPDX-License-Identifier: GPL-2.0-only
/*
 * See postgres_probe.h. A start has no type byte but a version or code that tells; everything later
 * is judged by postgres_shape.c. After lost bytes the place to go on is usually the end of an
 * answer, which is the end of what the server sent:
 *
 *   ... (rows, lost) ...  C 0000000e "SELECT 90" 00  Z 00000005 I <- last byte
 */
#include "userspace/protocol/postgres_probe.h"

#include "userspace/base/cursor.h"
#include "userspace/protocol/postgres_shape.h"

#define STARTUP_MAX 10000u
#define CANCEL_MAX 268u

static bool is_letter(uint8_t c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool is_digit(uint8_t c)
{
	return c >= '0' && c <= '9';
}

/* A start: length, version or code, then pairs of strings. */
static int probe_startup(struct bytes head)
{
	struct cursor c = cursor_of(head);
	uint32_t len = cursor_be32(&c), code = cursor_be32(&c);
	struct bytes key;

	if (c.failed)
		return head.len < 2 || head.data[1] == 0 ? 5 : 0;
	if ((code == POSTGRES_SSL || code == POSTGRES_GSS) && len == 8)
		return 98;
	if (code == POSTGRES_CANCEL && len >= 12 && len <= CANCEL_MAX)
		return 98;
	if (code >> 16 != 3 || len < 9 || len > STARTUP_MAX)
		return 0;
	/* Kafka's third request type has the same eight bytes; its next byte is no letter. */
	key = bytes_part(head, 8, bytes_find(head, 0, 8) - 8);
	if (!key.len)
		return head.len > 8 ? 0 : 20;
	for (size_t i = 0; i < key.len; i++)
		if (!is_letter(key.data[i]) && key.data[i] != '_' && key.data[i] != '.')
			return 0;
	if (8 + key.len == head.len)
		return 30;
	return bytes_is(key, "user") || bytes_is(key, "database") ? 98 : 85;
}

/* A message whose header only, or less, is there. */
static int probe_short(enum flow flow, struct bytes head)
{
	/* Every type has a length for which it is fine; 8 is a common one. */
	static const uint32_t lengths[] = { 4, 5, 8, 12 };
	bool known = false;

	for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]) && head.len; i++)
		known |= postgres_length_fits(flow, head.data[0], lengths[i]);
	if (!known || (head.len > 1 && head.data[1] > (POSTGRES_LENGTH_MAX >> 24)))
		return 0;
	return head.len > 3 ? 10 : 5;
}

int postgres_probe(enum flow flow, struct bytes head)
{
	uint32_t steps = 0, evidence;

	if (flow == TO_SERVER && head.len && head.data[0] == 0)
		return probe_startup(head);
	if (head.len < POSTGRES_HEADER)
		return probe_short(flow, head);
	evidence = postgres_weigh(flow, head, &steps);
	if (evidence >= 56)
		return 95;
	if (evidence >= 40)
		return 80;
	return evidence >= 34 ? 60 : (int)evidence;
}

/* 00 R routine 00 00: the server's last field is the name of a C function. */
bool postgres_error_ends(struct bytes in)
{
	size_t at = in.len;

	if (in.len < 5 || in.data[--at] || in.data[--at])
		return false;
	while (at &&
	       (is_letter(in.data[at - 1]) || is_digit(in.data[at - 1]) || in.data[at - 1] == '_'))
		at--;
	return at && !in.data[at - 1] && in.data[at] == 'R' && at + 3 < in.len;
}

/* ReadyForQuery at the very end, behind what ends an answer: a tag, or an error. */
static size_t last_ready(struct bytes in)
{
	static const uint8_t ready[] = { 'Z', 0, 0, 0, 5 };
	size_t at = in.len - (sizeof(ready) + 1);
	uint8_t before, status;

	if (in.len < sizeof(ready) + 3 || memcmp(in.data + at, ready, sizeof(ready)) ||
	    in.data[at - 1])
		return in.len;
	status = in.data[in.len - 1];
	if (status != 'I' && status != 'T' && status != 'E')
		return in.len;
	before = in.data[at - 2];
	if (is_digit(before) || (before >= 'A' && before <= 'Z'))
		return at;
	return postgres_error_ends(bytes_part(in, 0, at)) ? at : in.len;
}

size_t postgres_resync(enum flow flow, struct bytes in)
{
	uint32_t steps = 0;

	if (postgres_probe(flow, in) >= 80)
		return 0;
	for (size_t at = 0; at + POSTGRES_HEADER <= in.len && steps < POSTGRES_STEPS_MAX; at++) {
		struct bytes rest = bytes_from(in, at);

		/* All lengths but those of giants begin with a zero. */
		if (rest.data[1] == 0 && postgres_weigh(flow, rest, &steps) >= POSTGRES_CERTAIN)
			return at;
	}
	return flow == TO_CLIENT ? last_ready(in) : in.len;
}
