// SPDX-License-Identifier: GPL-2.0-only
/*
 * Do these bytes look like Redis? An array of bulk strings whose first is a known command is nearly
 * proof. Answers are short and plain (`:1\r\n`), so they are never more than likely. Inline
 * commands share their words with memcached, SMTP and NATS: they need a port or an answer to be
 * believed.
 */
#include "userspace/protocol/redis.h"

#define COMMAND 95      /* *2\r\n$3\r\nGET */
#define COMMAND_LIKE 60 /* *2\r\n$3\r\n and a letter */
#define INLINE 40
#define TELLING 65 /* +PONG\r\n */
#define ANSWER 55
#define UNSURE 20 /* nothing speaks against it, but there is too little of it */

/* What may begin the first element behind an aggregate's header: another value. */
static bool is_type(uint8_t c)
{
	return memchr("+-:$*_#,(!=%~|.", c, 15) != NULL;
}

static bool is_letter(uint8_t c)
{
	return bytes_lower(c) >= 'a' && bytes_lower(c) <= 'z';
}

static int probe_array(struct bytes head)
{
	size_t at, begin;
	int64_t count, len;
	struct bytes name;
	int got = redis_header(head, 0, &count, &at);

	if (got <= 0)
		return got ? 0 : UNSURE;
	if (count <= 0)
		return 0;
	if (at == head.len)
		return UNSURE;
	got = head.data[at] == '$' ? redis_header(head, at, &len, &begin) : -1;
	if (got <= 0)
		return got ? 0 : UNSURE;
	name = bytes_part(head, begin, len > 0 ? (size_t)len : 0);
	if (len <= 0 || len > REDIS_NAME_MAX || (name.len && !is_letter(name.data[0])))
		return 0;
	if (!name.len)
		return UNSURE;
	return name.len == (size_t)len && redis_command_find(name) ? COMMAND : COMMAND_LIKE;
}

static int probe_inline(struct bytes head)
{
	size_t end = bytes_find(head, '\n', 0), word;
	struct bytes line = bytes_part(head, 0, end);

	if (end && line.data[end - 1] == '\r')
		line.len--;
	for (size_t i = 0; i < line.len; i++)
		if (line.data[i] < ' ' || line.data[i] == 0x7f)
			return 0;
	if (line.len == 0 || !is_letter(line.data[0]) || end == head.len)
		return 0;
	/* "GET / HTTP/1.1" */
	for (size_t i = 0; i + 6 < line.len; i++)
		if (bytes_starts(bytes_from(line, i), " HTTP/"))
			return 0;
	word = bytes_find(line, ' ', 0);
	return redis_command_find(bytes_part(line, 0, word)) ? INLINE : 0;
}

static int probe_error(struct bytes line)
{
	size_t word = bytes_find(line, ' ', 0);

	if (word < 4)
		return 0;
	for (size_t i = 1; i < word; i++)
		if (line.data[i] < 'A' || line.data[i] > 'Z')
			return 0;
	return ANSWER;
}

/* A value that is one line. */
static int probe_line(struct bytes head)
{
	static const char *const telling[] = {
		"+OK", "+PONG", "+QUEUED", "+RESET", "#t", "#f", "_"
	};
	size_t end = bytes_find(bytes_part(head, 0, 256), '\n', 0);
	struct bytes line = bytes_part(head, 0, end ? end - 1 : 0), digits = bytes_from(line, 1);

	if (end >= head.len || end == 256)
		return memchr("+-", head.data[0], 2) || end < 24 ? UNSURE : 0;
	if (end < 2 || head.data[end - 1] != '\r')
		return 0;
	for (size_t i = 0; i < sizeof(telling) / sizeof(telling[0]); i++)
		if (bytes_is(line, telling[i]))
			return TELLING;
	if (line.data[0] == '-')
		return probe_error(line);
	if (line.data[0] == '+')
		return UNSURE;
	if (digits.len && digits.data[0] == '-')
		digits = bytes_from(digits, 1);
	if (line.data[0] == ',' || line.data[0] == '(')
		return digits.len && digits.data[0] >= '0' && digits.data[0] <= '9' ? ANSWER : 0;
	return line.data[0] == ':' && bytes_number(digits, &(uint64_t){ 0 }) ? ANSWER : 0;
}

/* A value that begins with a length. */
static int probe_sized(struct bytes head)
{
	bool blob = memchr("$!=", head.data[0], 3) != NULL;
	size_t next;
	int64_t n;
	int got = redis_header(head, 0, &n, &next);

	if (got <= 0)
		return got ? 0 : UNSURE;
	if (n < 0)
		return n == -1 && memchr("$*", head.data[0], 2) ? TELLING : 0;
	if (blob && (uint64_t)n < head.len - next)
		return head.data[next + (size_t)n] == '\r' ? TELLING : 0;
	if (!blob && n && next < head.len)
		return is_type(head.data[next]) ? ANSWER : 0;
	return ANSWER;
}

int redis_probe(enum flow flow, struct bytes head)
{
	if (!head.len)
		return 0;
	if (flow == TO_SERVER)
		return head.data[0] == '*' ? probe_array(head) : probe_inline(head);
	if (memchr("+-:_#,(", head.data[0], 7))
		return probe_line(head);
	return memchr("$!=*~>%|", head.data[0], 8) ? probe_sized(head) : 0;
}
