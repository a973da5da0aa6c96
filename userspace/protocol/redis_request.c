// SPDX-License-Identifier: GPL-2.0-only
/*
 * Redis commands, as clients send them (RESP, "Sending commands to a Redis server"):
 *
 *   *3\r\n  $3\r\nSET\r\n  $3\r\nkey\r\n  $5\r\nvalue\r\n      an array of bulk strings
 *   SET key value\r\n                                          or a line of words (inline)
 *
 * A command is a request as soon as its name is there; the rest is read argument by argument and in
 * pieces, without ever going back, so its size costs nothing. Only what redis_argument_use() wants
 * is looked at; the others are skipped, captured or not. The text of the query is made on the way.
 */
#include "userspace/protocol/redis.h"

#define INLINE_MAX 1024
#define READ_MAX 32           /* bytes of an argument that is looked at but not shown */
#define VALUE_MAX (16 * 1024) /* longer ones are not waited for, and not known */

/* A bulk string, perhaps not all there. */
struct bulk {
	struct bytes value; /* what is there of it */
	uint64_t len;
	size_t next;      /* offset behind its CR LF; 0: not all there */
	uint64_t missing; /* bytes up to there that are not in the input */
};

static const struct decode lost = { DECODE_LOST, 0, 0 };
static const struct decode more = { DECODE_MORE, 0, 0 };

int redis_header(struct bytes in, size_t at, int64_t *number, size_t *next)
{
	struct bytes line = bytes_part(in, at, 24), digits;
	size_t end = bytes_find(line, '\r', 0);
	bool negative;
	uint64_t n;

	if (end + 1 >= line.len)
		return line.len < 24 ? 0 : -1;
	digits = bytes_part(line, 1, end - 1);
	negative = bytes_starts(digits, "-");
	if (end < 2 || line.data[end + 1] != '\n' ||
	    !bytes_number(bytes_from(digits, negative), &n) || n > (uint64_t)REDIS_LEN_MAX)
		return -1;
	*number = negative ? -(int64_t)n : (int64_t)n;
	*next = at + end + 2;
	return 1;
}

/* 1: *b is set; 0: the length is not all there; -1: no bulk string is here. */
static int bulk(struct bytes in, size_t at, struct bulk *b)
{
	int64_t len;
	size_t begin;
	int got;

	if (at >= in.len)
		return 0;
	got = in.data[at] == '$' ? redis_header(in, at, &len, &begin) : -1;
	if (got <= 0)
		return got;
	if (len < 0)
		return -1;
	b->len = (uint64_t)len;
	b->value = bytes_part(in, begin, b->len);
	b->next = 0;
	b->missing = 0;
	if (in.len - begin < b->len + 2)
		b->missing = b->len + 2 - (in.len - begin);
	else if (in.data[begin + b->len] != '\r' || in.data[begin + b->len + 1] != '\n')
		return -1;
	else
		b->next = begin + b->len + 2;
	return 1;
}

static bool is_name(struct bytes name)
{
	if (!name.len || name.len > REDIS_NAME_MAX || bytes_lower(name.data[0]) < 'a' ||
	    bytes_lower(name.data[0]) > 'z')
		return false;
	for (size_t i = 0; i < name.len; i++) {
		uint8_t c = bytes_lower(name.data[i]);

		if (!(c >= 'a' && c <= 'z') && !(c >= '0' && c <= '9') && !memchr("._:|-", c, 5))
			return false;
	}
	return true;
}

/* ---- the text ------------------------------------------------------------------------------- */

static void put(struct redis_state *s, struct bytes bytes)
{
	memcpy(s->text + s->text_len, bytes.data, bytes.len);
	s->text_len += bytes.len;
	s->request.text_len += bytes.len;
}

/* A blank and `shown`, all of it or an ellipsis for this and all that follow. */
static void add_word(struct redis_state *s, struct bytes shown, bool cut)
{
	struct redis_request *r = &s->request;
	size_t from = s->text_len;

	if (r->full)
		return;
	if (r->text_len + shown.len + 4 > REDIS_TEXT_MAX) {
		r->full = true;
		put(s, bytes_of_string(" ..."));
		return;
	}
	put(s, bytes_of_string(" "));
	put(s, shown);
	if (cut)
		put(s, bytes_of_string("..."));
	for (size_t i = from; i < s->text_len; i++)
		if (s->text[i] < ' ' || s->text[i] == 0x7f)
			s->text[i] = '.';
}

/* How much of an argument has to be there to be used. */
static uint64_t use_max(enum redis_argument use)
{
	return use == REDIS_SHOWN ? REDIS_KEY_MAX : use == REDIS_READ ? READ_MAX : 0;
}

/* Takes the argument r->index, of which `value` is there. False: too little of it was seen. */
static bool add_argument(struct redis_state *s, struct bytes value, uint64_t len)
{
	struct redis_request *r = &s->request;
	enum redis_argument use = redis_argument_use(r);
	struct bytes shown = bytes_part(value, 0, REDIS_KEY_MAX);
	bool seen = value.len == len || use == REDIS_HIDDEN || value.len >= use_max(use);

	if (use == REDIS_SHOWN) {
		seen |= r->full;
		add_word(s, shown, shown.len < len);
	} else if (r->command ? r->command->kind != REDIS_AUTH && r->command->kind != REDIS_HELLO
			      : r->index == 1) {
		add_word(s, bytes_of_string("?"), false);
	}
	if (use == REDIS_READ && value.len == len)
		redis_argument_read(r, value);
	values_add(&r->values, value);
	if (value.len < len)
		values_lose(&r->values);
	r->index++;
	return seen;
}

/* ---- beginning ------------------------------------------------------------------------------ */

/* Will the server keep silent about this command? CLIENT REPLY OFF and SKIP do that. */
static void note_silence(struct redis_state *s, struct bytes subcommand, struct bytes mode)
{
	struct redis_request *r = &s->request;

	if (r->command && r->command->kind == REDIS_CLIENT &&
	    bytes_is_nocase(subcommand, "REPLY")) {
		if (bytes_is_nocase(mode, "ON"))
			s->silent = s->silent_next = false;
		else if (bytes_is_nocase(mode, "OFF"))
			s->silent = true;
		else if (bytes_is_nocase(mode, "SKIP"))
			s->silent_next = true;
		r->silent = !bytes_is_nocase(mode, "ON");
		return;
	}
	r->silent = s->silent || s->silent_next;
	s->silent_next = false;
}

/* words: the first `have` (at most three) of the command's `count` arguments. */
static void begin(struct redis_state *s, const struct bytes *words, size_t have, uint64_t count,
		  struct message *out)
{
	static const struct bytes none;
	struct redis_request *r = &s->request;

	*r = (struct redis_request){ .active = true, .count = count, .index = 1, .number = -1 };
	r->command = redis_command_find(words[0]);
	note_silence(s, have > 1 ? words[1] : none, have > 2 ? words[2] : none);
	if (r->command && r->command->kind == REDIS_SUBSCRIBE)
		r->number = (int64_t)count - 1;
	put(s, words[0]);
	if (have > 1 && r->command && is_name(words[1]) &&
	    (r->command->kind == REDIS_CONTAINER || r->command->kind == REDIS_CLIENT)) {
		put(s, bytes_of_string(" "));
		put(s, words[1]);
		r->index = 2;
	}
	for (size_t i = 0; i < s->text_len; i++)
		if (s->text[i] >= 'a' && s->text[i] <= 'z')
			s->text[i] = (uint8_t)(s->text[i] - 32);
	out->text[0] = bytes_of(s->text, s->text_len);
	out->role = MESSAGE_REQUEST;
	values_begin(&r->values, "redis");
	values_add(&r->values, out->text[0]);
	/* No use in knowing, and not of credentials either. */
	if (r->command && (r->command->kind == REDIS_AUTH || r->command->kind == REDIS_HELLO))
		values_lose(&r->values);
}

/* How many of a command's first words must be there before it is known what it is. */
static uint64_t words_needed(struct bytes name, uint64_t count)
{
	const struct redis_command *c = redis_command_find(name);
	uint64_t need = 1;

	if (c && c->kind == REDIS_CONTAINER)
		need = 2;
	else if (c && c->kind == REDIS_CLIENT)
		need = 3;
	return need < count ? need : count;
}

/* Reads the head of an array. OK: *used bytes of it were read (and nothing begun: an empty one). */
static enum decode_status begin_array(struct redis_state *s, const struct input *in, size_t *used,
				      struct message *out)
{
	struct bytes words[3];
	size_t ends[3], have = 0;
	uint64_t need = 1;
	int64_t count;
	int got = redis_header(in->bytes, 0, &count, used);

	if (got <= 0)
		return got ? DECODE_LOST : DECODE_MORE;
	if (count <= 0)
		return DECODE_OK;
	for (size_t at = *used; have < need; have++) {
		struct bulk b;

		got = bulk(in->bytes, at, &b);
		if (got < 0 || (got > 0 && !have && (!b.len || b.len > REDIS_NAME_MAX)))
			return DECODE_LOST;
		if (got > 0 && b.len > REDIS_NAME_MAX)
			break;
		if (got == 0 || !b.next) {
			if (!have || !in->cut)
				return DECODE_MORE;
			if (need == 3) /* CLIENT: will there be an answer? */
				return DECODE_LOST;
			out->flags |= MESSAGE_TRUNCATED;
			break;
		}
		if (!have && !is_name(b.value))
			return DECODE_LOST;
		words[have] = b.value;
		ends[have] = at = b.next;
		if (!have)
			need = words_needed(b.value, (uint64_t)count);
	}
	begin(s, words, have, (uint64_t)count, out);
	*used = ends[s->request.index - 1];
	return DECODE_OK;
}

/* ---- arguments ------------------------------------------------------------------------------ */

/* Reads what is there of the arguments from *at on; false: this is no command. */
static bool read_arguments(struct redis_state *s, const struct input *in, size_t *at,
			   uint64_t *skip, struct message *out)
{
	struct redis_request *r = &s->request;

	while (r->index < r->count && !*skip) {
		uint64_t want = use_max(redis_argument_use(r));
		struct bulk b;
		int got = bulk(in->bytes, *at, &b);

		if (got > 0 && b.len <= VALUE_MAX)
			want = b.len;
		if (got < 0)
			return false;
		if (got == 0 || (b.value.len < b.len && b.value.len < want && !in->cut))
			break;
		if (!add_argument(s, b.value, b.len))
			out->flags |= MESSAGE_TRUNCATED;
		*at = b.next ? b.next : in->bytes.len;
		*skip = b.missing;
	}
	return true;
}

/* Turns what has been read, `used` bytes, into one message. */
static struct decode finish(struct redis_state *s, const struct input *in, size_t begun_at,
			    size_t used, uint64_t skip, struct message *out)
{
	struct redis_request *r = &s->request;
	bool whole = r->index >= r->count;

	if (!whole && !skip && in->cut) { /* where the next argument is will never be known */
		out->flags |= MESSAGE_TRUNCATED;
		used = in->bytes.len;
		r->active = false;
	} else if (!whole && !skip && used == 0) {
		return more;
	}
	if (whole)
		r->active = false;
	if (r->silent)
		out->role = MESSAGE_CONTROL;
	out->id = whole ? REDIS_WHOLE : 0;
	out->kind = r->command ? r->command->kind : REDIS_PLAIN;
	out->number = r->number;
	out->values = whole ? values_end(&r->values) : 0;
	out->text[1] = bytes_from(bytes_of(s->text, s->text_len), begun_at);
	return (struct decode){ DECODE_OK, used, skip };
}

/* ---- inline commands ------------------------------------------------------------------------ */

/* The next word from *at on, without its quotes; false at the end of the line. */
static bool next_word(struct bytes line, size_t *at, struct bytes *word)
{
	size_t from = *at;
	uint8_t quote;

	while (from < line.len && (line.data[from] == ' ' || line.data[from] == '\t'))
		from++;
	*at = from;
	if (from == line.len)
		return false;
	quote = line.data[from];
	if (quote == '"' || quote == '\'') {
		for (*at = ++from; *at < line.len && line.data[*at] != quote; ++*at)
			if (line.data[*at] == '\\')
				++*at;
		*word = bytes_part(line, from, *at - from);
		*at = *at < line.len ? *at + 1 : line.len;
		return true;
	}
	while (*at < line.len && line.data[*at] != ' ' && line.data[*at] != '\t')
		++*at;
	*word = bytes_part(line, from, *at - from);
	return true;
}

static struct decode decode_inline(struct redis_state *s, const struct input *in,
				   struct message *out)
{
	size_t end = bytes_find(in->bytes, '\n', 0), at = 0, have = 0, begun_at;
	struct bytes line = bytes_part(in->bytes, 0, end), word, words[3];
	uint64_t count = 0;

	if (end == in->bytes.len)
		return in->cut || end > INLINE_MAX ? lost : more;
	if (line.len && line.data[line.len - 1] == '\r')
		line.len--;
	for (; next_word(line, &at, &word); count++)
		if (have < 3)
			words[have++] = word;
	if (!count && line.len == 0)
		return (struct decode){ DECODE_OK, end + 1, 0 };
	if (!count || !is_name(words[0]))
		return lost;
	begin(s, words, have, count, out);
	begun_at = s->text_len;
	if (s->request.command && s->request.command->kind == REDIS_SYNC)
		return (struct decode){ DECODE_FOREIGN, 0, 0 };
	at = 0;
	for (uint64_t i = 0; next_word(line, &at, &word); i++)
		if (i >= s->request.index)
			add_argument(s, word, word.len);
	return finish(s, in, begun_at, end + 1, 0, out);
}

struct decode redis_request_decode(struct redis_state *s, const struct input *in,
				   struct message *out)
{
	struct redis_request *r = &s->request;
	size_t used = 0, begun_at = 0;
	uint64_t skip = 0;
	enum decode_status status;

	s->text_len = 0;
	if (!in->bytes.len)
		return (struct decode){ DECODE_OK, 0, 0 };
	if (r->active) {
		out->role = MESSAGE_REQUEST_PART;
	} else {
		if (in->bytes.data[0] != '*')
			return decode_inline(s, in, out);
		status = begin_array(s, in, &used, out);
		if (status == DECODE_MORE && in->cut)
			return lost;
		if (status != DECODE_OK || !r->active)
			return (struct decode){ status, used, 0 };
		begun_at = s->text_len;
		if (r->command && r->command->kind == REDIS_SYNC)
			return (struct decode){ DECODE_FOREIGN, 0, 0 };
	}
	if (!read_arguments(s, in, &used, &skip, out)) {
		r->active = false;
		return lost;
	}
	return finish(s, in, begun_at, used, skip, out);
}
