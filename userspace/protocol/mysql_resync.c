// SPDX-License-Identifier: GPL-2.0-only
/*
 * Going on after bytes were lost. Large results are never captured whole, so this is no exception:
 * of each transfer there are its first and its last bytes, and the packets' headers are somewhere
 * between.
 *
 * Of an answer only its end matters then: the EOF, OK or ERR with nothing behind it. All bytes
 * before it are passed on as parts of the answer; rows among them are not looked for, they would
 * help nobody. When the end is not found, the client's next command shows that it has passed. All
 * that only while one command is under way: with several it would not be known whose end it is, so
 * the answers are given up until the next command.
 */
#include "userspace/protocol/mysql.h"

#define END_LEN_MAX 1024 /* of the payload of what ends an answer: an ERR with a long message */

void mysql_lose(struct mysql *my, enum flow flow)
{
	my->flow[flow].lost = true;
	my->flow[flow].continues = false;
	my->losses += flow == TO_SERVER;
	if (flow != TO_CLIENT)
		return;
	my->held = my->stale = 0;
	if (!my->pending_count)
		return;
	my->missed = my->uncounted = true;
	my->step = MYSQL_STEP_SCAN;
}

void mysql_gap(void *state, enum flow flow, uint64_t lost)
{
	(void)lost;
	mysql_lose(state, flow);
}

/* Can this be the first packet of the answer to the oldest command? */
static bool begins_answer(struct mysql *my, struct bytes in)
{
	struct mysql_packet p = mysql_packet_at(in, 0);
	enum mysql_expect expect = mysql_command(mysql_oldest(my)->code)->expect;
	uint8_t first = p.body.len ? p.body.data[0] : 0;

	/* Clients exist that read the header with a call of its own. */
	if (in.len < MYSQL_HEADER)
		return true;
	if (!p.len || p.seq != mysql_oldest(my)->seq)
		return false;
	if (!p.body.len)
		return true;
	if (first == MYSQL_ERR)
		return mysql_score_error(&p) != 0;
	if (expect == MYSQL_EXPECT_RESULT && first != MYSQL_OK)
		return first == MYSQL_INFILE || (first != MYSQL_EOF && p.len <= 4);
	if (expect == MYSQL_EXPECT_RESULT || expect == MYSQL_EXPECT_OK)
		return p.len == MYSQL_EOF_LEN || p.len >= MYSQL_OK_LEN_MIN;
	return expect != MYSQL_EXPECT_PREPARED || p.len >= MYSQL_PREPARED_LEN;
}

/* The fixed end of a definition: | 0c | charset 2 | length 4 | type | flags 2 | decimals | 0 0 | */
static bool ends_definition(struct bytes before)
{
	struct bytes end = bytes_from(before, before.len < 13 ? before.len : before.len - 13);

	return end.len == 13 && end.data[0] == 0x0c && !end.data[11] && !end.data[12];
}

/*
 * Is there the end of a result set at `at`, with nothing behind it or, when more results follow,
 * the next packet? Its shape is at least 5 bytes that rows have only by intent.
 */
static bool ends_result(const struct mysql_packet *p, struct bytes in, size_t at)
{
	struct mysql_status s = mysql_status_read(p);
	struct mysql_packet next = mysql_packet_at(in, at + MYSQL_HEADER + p->len);

	if (!p->whole || !s.known || s.flags & 0x4)
		return false;
	if (p->len != MYSQL_EOF_LEN &&
	    (p->len < MYSQL_OK_LEN_MIN || p->body.data[1] || p->body.data[2]))
		return false;
	if (at + MYSQL_HEADER + p->len == in.len)
		return true;
	return s.flags & MYSQL_STATUS_MORE_RESULTS && next.len && next.seq == (uint8_t)(p->seq + 1);
}

static bool ends_answer(const struct mysql_packet *p, struct bytes in, size_t at)
{
	if (!p->body.len)
		return false;
	if (p->body.data[0] == MYSQL_EOF)
		return ends_result(p, in, at);
	return p->body.data[0] == MYSQL_ERR && p->whole && mysql_score_error(p) == 90 &&
	       at + MYSQL_HEADER + p->len == in.len;
}

/* May the rest of `in` from `at` on be the beginning of an end whose rest is still to come? */
static bool may_end_answer(struct bytes in, size_t at)
{
	struct mysql_packet p = mysql_packet_at(in, at);

	if (in.len - at < MYSQL_HEADER)
		return in.len - at < 3 || !in.data[at + 2];
	if (p.whole || p.len < MYSQL_EOF_LEN || p.len > END_LEN_MAX)
		return false;
	return !p.body.len || p.body.data[0] == MYSQL_EOF || p.body.data[0] == MYSQL_ERR;
}

/* Offset of the end of the answer; where it may begin if it is not whole yet; or in.len. */
static size_t find_end(struct bytes in, bool last, bool *found)
{
	size_t at;

	for (at = 0; at < in.len; at++) {
		struct mysql_packet p = mysql_packet_at(in, at);

		*found = p.len && ends_answer(&p, in, at);
		if (*found || (!last && may_end_answer(in, at)))
			break;
	}
	return at;
}

struct decode mysql_scan_answer(struct mysql *my, const struct input *in, struct message *out)
{
	enum mysql_expect expect = mysql_command(mysql_oldest(my)->code)->expect;
	bool has_end = expect == MYSQL_EXPECT_RESULT || expect == MYSQL_EXPECT_ROWS, found = false;
	size_t at = in->bytes.len;
	struct mysql_packet p;

	if (has_end)
		at = find_end(in->bytes, in->cut || in->ended, &found);
	if (found) {
		p = mysql_packet_at(in->bytes, at);
		my->step = MYSQL_STEP_ROWS;
		if (p.len == MYSQL_EOF_LEN && ends_definition(bytes_part(in->bytes, 0, at)))
			my->step = MYSQL_STEP_COLUMNS_END;
		mysql_oldest(my)->seq = p.seq;
		if (!at)
			return mysql_decode_answer(my, in, out);
	}
	my->held = found ? 0 : in->bytes.len - at;
	if (!at)
		return (struct decode){ .status = DECODE_MORE };
	out->role = MESSAGE_RESPONSE_PART;
	return (struct decode){ .status = DECODE_OK, .used = at };
}

bool mysql_end_unseen(struct mysql *my, struct message *out)
{
	if (my->pending_count != 1 ||
	    (my->step != MYSQL_STEP_SCAN && my->step != MYSQL_STEP_LAST_EOF))
		return false;
	if (my->step == MYSQL_STEP_LAST_EOF)
		my->deprecate_eof = MYSQL_YES;
	if (my->step == MYSQL_STEP_SCAN)
		my->stale = my->held;
	*out = (struct message){ .role = MESSAGE_RESPONSE, .flags = MESSAGE_ABORTED };
	mysql_pop(my);
	return true;
}

static size_t resync_answer(struct mysql *my, struct bytes in)
{
	if (!my->pending_count)
		return mysql_probe(TO_CLIENT, in) >= 50 ? 0 : in.len;
	my->missed = true;
	if (my->step == MYSQL_STEP_FIRST)
		return begins_answer(my, in) ? 0 : in.len;
	return my->pending_count == 1 ? 0 : in.len;
}

static size_t resync_command(struct bytes in)
{
	struct mysql_packet p = mysql_packet_at(in, 0);

	/* Servers read the header with a call of its own. */
	if (in.len == MYSQL_HEADER && p.len && p.len < UINT16_MAX && p.seq == 0)
		return 0;
	return mysql_probe(TO_SERVER, in) >= 50 ? 0 : in.len;
}

size_t mysql_resync(void *state, enum flow flow, struct bytes in)
{
	struct mysql *my = state;
	size_t at = flow == TO_SERVER ? resync_command(in) : resync_answer(my, in);

	if (at < in.len)
		my->flow[flow].lost = false;
	return at;
}
