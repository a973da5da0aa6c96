// SPDX-License-Identifier: GPL-2.0-only
/*
 * Redis answers, RESP2 and RESP3 (the RESP protocol specification; RESP3 also antirez/RESP3). A
 * value is
 *
 *   +OK\r\n  -ERR text\r\n  :1\r\n  _\r\n  #t\r\n  ,1.5\r\n  (123\r\n       one line
 *   $5\r\nhello\r\n   !9\r\nERR wrong\r\n   =8\r\ntxt:text\r\n               a length and bytes
 *   $?\r\n ;4\r\nabcd\r\n ;0\r\n                                           a streamed string
 *   *2\r\n..  ~2\r\n..  >2\r\n..  %1\r\n..  |1\r\n..                       elements (% and |:
 * pairs)
 *   *?\r\n .. .\r\n                                                        a streamed aggregate
 *
 * Elements are counted, not nested: an aggregate adds what it holds to the number that is still
 * owed, so depth costs nothing and an answer is read in pieces as they come. Values are never
 * looked at, but for the first line of an answer. Pub/sub messages that nobody asked for come
 * between answers, as pushes (RESP3) or as arrays whose first word says so (RESP2). A subscription
 * is confirmed once for each channel; only absorb() knows how many are to come, so a confirmation
 * is taken but for its last byte, and that byte is a message of its own, the end of the answer or
 * not.
 */
#include "userspace/protocol/redis.h"

#define LINE_MAX 512 /* an unfinished line is waited for up to here */

enum step {
	STEP_DONE = 0, /* an element was read */
	STEP_WAIT = 1, /* the input ends inside it */
	STEP_BAD = 2,
};

struct walk {
	const struct input *in;
	size_t at;
	uint64_t skip;      /* behind the input */
	struct bytes error; /* of the answer itself */
};

static const struct decode lost = { DECODE_LOST, 0, 0 };

/* ---- elements ------------------------------------------------------------------------------- */

static bool at_top(const struct redis_reply *r)
{
	return !r->top_seen && r->left == 1 && r->streams == 0;
}

static bool is_line(struct bytes line)
{
	struct bytes value = bytes_from(line, 1);

	switch (line.data[0]) {
	case ':':
		if (value.len && (value.data[0] == '-' || value.data[0] == '+'))
			value = bytes_from(value, 1);
		return bytes_number(value, &(uint64_t){ 0 });
	case '#':
		return bytes_is(value, "t") || bytes_is(value, "f");
	case '_':
		return value.len == 0;
	default:
		return true;
	}
}

static void note_line(struct redis_reply *r, struct walk *w, struct bytes line)
{
	uint64_t n;

	if (line.data[0] == ':' && bytes_number(bytes_from(line, 1), &n) && n <= INT32_MAX)
		r->number = (int64_t)n;
	if (!at_top(r))
		return;
	r->top_seen = true;
	if (line.data[0] == '-') {
		r->kind = REDIS_ANSWER_ERROR;
		w->error = bytes_part(line, 1, REDIS_ERROR_MAX);
	} else if (bytes_is(line, "+OK")) {
		r->kind = REDIS_ANSWER_OK;
	} else if (bytes_is(line, "+QUEUED")) {
		r->kind = REDIS_ANSWER_QUEUED;
	} else if (line.data[0] == '_') {
		r->kind = REDIS_ANSWER_NULL;
	}
}

static enum step read_line(struct redis_reply *r, struct walk *w)
{
	struct bytes in = w->in->bytes;
	size_t end = bytes_find(in, '\n', w->at);
	struct bytes line = bytes_part(in, w->at, end - w->at);

	if (end == in.len && !r->line && line.len < LINE_MAX)
		return STEP_WAIT;
	if (!r->line) {
		bool whole = end < in.len;

		if (whole && line.data[line.len - 1] != '\r')
			return STEP_BAD;
		line.len -= whole;
		if (whole && !is_line(line))
			return STEP_BAD;
		note_line(r, w, line);
	}
	r->line = end == in.len;
	w->at = r->line ? in.len : end + 1;
	if (r->line)
		return STEP_WAIT;
	r->left--;
	return STEP_DONE;
}

/* len bytes and CR LF from begin on. */
static enum step read_payload(struct redis_reply *r, struct walk *w, size_t begin, uint64_t len,
			      bool error)
{
	struct bytes in = w->in->bytes;
	size_t have = in.len - begin;
	uint64_t want = len < REDIS_ERROR_MAX ? len : REDIS_ERROR_MAX;

	if (error && have < want && !w->in->cut)
		return STEP_WAIT;
	if (have >= len + 2 && (in.data[begin + len] != '\r' || in.data[begin + len + 1] != '\n'))
		return STEP_BAD;
	if (error) {
		r->kind = REDIS_ANSWER_ERROR;
		w->error = bytes_part(in, begin, want);
	}
	w->skip = have < len + 2 ? len + 2 - have : 0;
	w->at = have < len + 2 ? in.len : begin + len + 2;
	return STEP_DONE;
}

static enum step read_blob(struct redis_reply *r, struct walk *w, bool top)
{
	struct bytes in = w->in->bytes;
	size_t begin = w->at + 4;
	enum step step;
	int64_t len;
	int got;

	if (bytes_starts(bytes_from(in, w->at), "$?\r\n")) {
		r->top_seen |= top;
		r->chunked = true;
		w->at = begin;
		return STEP_DONE;
	}
	got = redis_header(in, w->at, &len, &begin);
	if (got <= 0)
		return got || in.len - w->at >= LINE_MAX ? STEP_BAD : STEP_WAIT;
	if (len < 0) {
		if (top)
			r->kind = REDIS_ANSWER_NULL;
		w->at = begin;
	} else {
		step = read_payload(r, w, begin, (uint64_t)len, top && in.data[w->at] == '!');
		if (step != STEP_DONE)
			return step;
	}
	r->top_seen |= top;
	r->left--;
	return STEP_DONE;
}

/* One piece of a streamed string; the empty one is its end. */
static enum step read_chunk(struct redis_reply *r, struct walk *w)
{
	struct bytes in = w->in->bytes;
	size_t begin;
	int64_t len;
	int got = in.data[w->at] == ';' ? redis_header(in, w->at, &len, &begin) : -1;

	if (got == 0)
		return STEP_WAIT;
	if (got < 0 || len < 0)
		return STEP_BAD;
	if (len)
		return read_payload(r, w, begin, (uint64_t)len, false);
	w->at = begin;
	r->chunked = false;
	r->left--;
	return STEP_DONE;
}

static enum step read_aggregate(struct redis_reply *r, struct walk *w, bool top)
{
	struct bytes in = w->in->bytes;
	uint8_t type = in.data[w->at];
	/* An attribute is no element: what it belongs to follows. */
	uint64_t self = type == '|' ? 0 : 1;
	bool streamed = in.len - w->at >= 4 && !memcmp(in.data + w->at + 1, "?\r\n", 3);
	size_t next = w->at + 4;
	int64_t count = 0;
	int got = streamed ? 1 : redis_header(in, w->at, &count, &next);

	if (got <= 0)
		return got ? STEP_BAD : STEP_WAIT;
	if (r->left > (uint64_t)REDIS_LEN_MAX || (streamed && r->streams == REDIS_STREAMS_MAX) ||
	    (count < 0 && type != '*'))
		return STEP_BAD;
	if (top && self) {
		r->top_seen = true;
		if (count < 0)
			r->kind = REDIS_ANSWER_NULL;
	}
	r->left -= self;
	if (streamed) {
		r->saved[r->streams++] = r->left;
		r->left = 0;
	} else if (count > 0) {
		r->left += (uint64_t)count * (type == '%' || type == '|' ? 2 : 1);
	}
	w->at = next;
	return STEP_DONE;
}

/* `.\r\n`: the innermost streamed aggregate is complete. */
static enum step read_stream_end(struct redis_reply *r, struct walk *w)
{
	struct bytes rest = bytes_from(w->in->bytes, w->at);

	if (r->left || !r->streams)
		return STEP_BAD;
	if (rest.len < 3)
		return STEP_WAIT;
	if (!bytes_starts(rest, ".\r\n"))
		return STEP_BAD;
	r->left = r->saved[--r->streams];
	w->at += 3;
	return STEP_DONE;
}

static enum step read_element(struct redis_reply *r, struct walk *w)
{
	uint8_t type = w->in->bytes.data[w->at];
	bool opens = r->streams && !r->left, top;
	enum step step;

	if (r->line)
		return read_line(r, w);
	if (r->chunked)
		return read_chunk(r, w);
	if (type == '.')
		return read_stream_end(r, w);
	if (!memchr("+-:_#,($!=*~>%|", type, 15))
		return STEP_BAD;
	/* Directly inside a streamed aggregate nothing is owed, any element is welcome. */
	r->left += opens;
	top = at_top(r);
	if (memchr("+-:_#,(", type, 7))
		step = read_line(r, w);
	else if (memchr("$!=", type, 3))
		step = read_blob(r, w, top);
	else
		step = read_aggregate(r, w, top);
	if (step != STEP_DONE && !r->line)
		r->left -= opens;
	return step;
}

/* ---- pushes --------------------------------------------------------------------------------- */

enum intent {
	INTENT_ANSWER = 0,
	INTENT_PUSH = 1,
	INTENT_CONFIRM = 2,
	INTENT_WAIT = 3,
	INTENT_LOST = 4,
};

static const struct {
	const char *word;
	enum intent intent;
	enum redis_subscription subscription;
	int64_t count; /* elements */
} pushes[] = {
	{ "message", INTENT_PUSH, REDIS_CHANNEL, 3 },
	{ "pmessage", INTENT_PUSH, REDIS_PATTERN, 4 },
	{ "smessage", INTENT_PUSH, REDIS_SHARD, 3 },
	{ "subscribe", INTENT_CONFIRM, REDIS_CHANNEL, 3 },
	{ "psubscribe", INTENT_CONFIRM, REDIS_PATTERN, 3 },
	{ "ssubscribe", INTENT_CONFIRM, REDIS_SHARD, 3 },
	{ "unsubscribe", INTENT_CONFIRM, REDIS_CHANNEL, 3 },
	{ "punsubscribe", INTENT_CONFIRM, REDIS_PATTERN, 3 },
	{ "sunsubscribe", INTENT_CONFIRM, REDIS_SHARD, 3 },
};

/* The first word of an array of `count`; 0: not all there, -1: it does not begin with a short one.
 */
static int first_word(struct bytes in, int64_t *count, struct bytes *word)
{
	size_t at = 0, begin = 0;
	int64_t len;
	int got = redis_header(in, 0, count, &at);

	if (got <= 0)
		return got;
	if (at == in.len)
		return *count > 0 ? 0 : -1;
	got = in.data[at] == '$' ? redis_header(in, at, &len, &begin) : -1;
	if (got <= 0)
		return got;
	if (len < 7 || len > 12)
		return -1;
	*word = bytes_part(in, begin, (size_t)len);
	return word->len == (size_t)len;
}

/* What begins here: an answer, or something between answers? */
static enum intent look(struct redis_state *s, const struct input *in)
{
	struct bytes b = in->bytes, word;
	bool push = b.data[0] == '>';
	bool quiet = !s->open || s->open_subscribe || s->subscribed[REDIS_CHANNEL] ||
		     s->subscribed[REDIS_PATTERN] || s->subscribed[REDIS_SHARD];
	int64_t count;
	int got;

	if (!push && (b.data[0] != '*' || s->resp3 || !quiet))
		return INTENT_ANSWER;
	got = first_word(b, &count, &word);
	if (got == 0 && !in->cut)
		return INTENT_WAIT;
	if (got == 0 && s->open_subscribe)
		return INTENT_LOST;
	for (size_t i = 0; got > 0 && i < sizeof(pushes) / sizeof(pushes[0]); i++) {
		if (count != pushes[i].count || !bytes_is(word, pushes[i].word))
			continue;
		s->reply.subscription = pushes[i].subscription;
		s->reply.confirm = pushes[i].intent == INTENT_CONFIRM;
		return s->reply.confirm && s->open_subscribe ? INTENT_CONFIRM : INTENT_PUSH;
	}
	return push ? INTENT_PUSH : INTENT_ANSWER;
}

/* The number in a confirmation: channels and patterns together, or shard channels. */
static void note_subscriptions(struct redis_state *s)
{
	int64_t *own = &s->subscribed[s->reply.subscription];
	int64_t total = s->reply.number;

	if (s->reply.subscription != REDIS_SHARD)
		total -= s->subscribed[!s->reply.subscription];
	*own = total > 0 ? total : 0;
	if (s->reply.number == 0 && s->reply.subscription != REDIS_SHARD)
		s->subscribed[REDIS_CHANNEL] = s->subscribed[REDIS_PATTERN] = 0;
}

/* ---- messages ------------------------------------------------------------------------------- */

/* The reply is complete: what was it? */
static struct decode finish(struct redis_state *s, const struct walk *w, struct message *out)
{
	struct redis_reply *r = &s->reply;
	size_t used = w->at;

	r->active = false;
	if (r->confirm)
		note_subscriptions(s);
	if (r->control) {
		out->role = MESSAGE_CONTROL;
	} else if (r->confirm && !w->skip && used > 1) {
		out->role = MESSAGE_RESPONSE_PART;
		out->kind = REDIS_ANSWER_CONFIRM;
		s->closing = s->last_confirm = true;
		used--;
	} else {
		out->role = MESSAGE_RESPONSE;
		out->kind = r->kind;
		out->text[0] = w->error;
	}
	return (struct decode){ DECODE_OK, used, w->skip };
}

static enum intent begin(struct redis_state *s, const struct input *in)
{
	struct redis_reply *r = &s->reply;
	enum intent intent;

	*r = (struct redis_reply){ .left = 1 };
	intent = look(s, in);
	r->active = intent != INTENT_WAIT && intent != INTENT_LOST;
	r->control = intent == INTENT_PUSH;
	return intent;
}

struct decode redis_reply_decode(struct redis_state *s, const struct input *in, struct message *out)
{
	struct redis_reply *r = &s->reply;
	struct walk w = { .in = in };
	enum step step = STEP_DONE;
	enum intent intent;
	bool begun = r->active;

	if (!in->bytes.len)
		return (struct decode){ DECODE_OK, 0, 0 };
	if (s->monitoring)
		return (struct decode){ DECODE_FOREIGN, 0, 0 };
	if (s->closing) {
		s->closing = false;
		out->role = s->last_confirm ? MESSAGE_RESPONSE : MESSAGE_RESPONSE_PART;
		return (struct decode){ DECODE_OK, 1, 0 };
	}
	if (!begun) {
		intent = begin(s, in);
		if (!r->active)
			return (struct decode){ intent == INTENT_WAIT ? DECODE_MORE : DECODE_LOST,
						0, 0 };
	}
	while (step == STEP_DONE && (r->left || r->streams) && !w.skip && w.at < in->bytes.len)
		step = read_element(r, &w);
	if (step == STEP_BAD || (step == STEP_WAIT && w.at == 0 && in->cut)) {
		r->active = false;
		return lost;
	}
	if (!r->left && !r->streams)
		return finish(s, &w, out);
	if (w.at == 0) {
		r->active = begun;
		return (struct decode){ DECODE_MORE, 0, 0 };
	}
	out->role = r->control ? MESSAGE_CONTROL : MESSAGE_RESPONSE_PART;
	out->text[0] = w.error;
	out->kind = r->kind;
	return (struct decode){ DECODE_OK, w.at, w.skip };
}
