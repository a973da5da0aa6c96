// SPDX-License-Identifier: GPL-2.0-only
/*
 * The PostgreSQL decoder in the engine where bytes are missing as they are in life: large transfers
 * of which only the head and the tail were copied. Conversations without loss are replay cases; see
 * also test_postgres_pending.c, test_postgres_statement.c and test_postgres_probe.c.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "tests/lib/guard.h"
#include "tests/lib/replay.h"
#include "userspace/base/memory.h"

#define START                                                                \
	"protocol postgresql\nside client\n"                                 \
	"> \\0\\0\\0\\x20\\0\\x03\\0\\0user\\0app\\0database\\0shop\\0\\0\n" \
	"< R\\0\\0\\0\\x08\\0\\0\\0\\0Z\\0\\0\\0\\x05I\n"
#define HEADING                                                                                    \
	"T\\0\\0\\0\\x1a\\0\\x01a\\0\\0\\0\\0\\0\\0\\0\\0\\0\\0\\x19\\xff\\xff\\xff\\xff\\xff\\xf" \
	"f\\0\\0"
#define ROW "D\\0\\0\\0\\x16\\0\\x02\\0\\0\\0\\x03XYZ\\0\\0\\0\\x05India"
#define SELECT(n) "> Q\\0\\0\\0\\x0dSELECT " n "\\0\n"
#define ANSWER                                                    \
	"< " HEADING "D\\0\\0\\0\\x0b\\0\\x01\\0\\0\\0\\x01\\x31" \
	"C\\0\\0\\0\\x0dSELECT 1\\0Z\\0\\0\\0\\x05I\n"
#define BIND "B\\0\\0\\0\\x0d\\0i\\0\\0\\0\\0\\0\\0\\0"
#define EXECUTE "E\\0\\0\\0\\x09\\0\\0\\0\\0\\0"
#define SYNC "S\\0\\0\\0\\x04"
#define INSERTED          \
	"2\\0\\0\\0\\x04" \
	"C\\0\\0\\0\\x0fINSERT 0 1\\0"
#define SHOP " db.namespace=\"shop\""
#define SYSTEM " db.system.name=\"postgresql\""

/* The line without how long the answer was: what was lost of it is the engine's affair. */
static void add_line(struct buf *out, struct bytes line)
{
	static const char mark[] = " response=";

	for (size_t i = 0; i < line.len; i++) {
		bool here = bytes_starts(bytes_from(line, i), mark);

		buf_add_byte(out, line.data[i]);
		if (!here)
			continue;
		buf_add_text(out, mark + 1);
		i = bytes_find(line, '@', i) - 1;
	}
}

/* Plays a case once and compares its exchanges, one per line. */
static void expect(const char *text, const char *want)
{
	struct replay_case c;
	struct buf out, report, lines;

	buf_init(&report, 10000);
	buf_init(&out, REPLAY_CASE_MAX);
	buf_init(&lines, REPLAY_CASE_MAX);
	assert_true(replay_parse(&c, bytes_of_string(text), &report));
	assert_true(replay_rewrite(&c, &out, &report));
	for (size_t at = 0, end; at < out.len; at = end + 1) {
		struct bytes line = bytes_from(buf_bytes(&out), at);

		end = bytes_find(buf_bytes(&out), '\n', at);
		if (bytes_starts(line, "= "))
			add_line(&lines, bytes_part(line, 2, end - at - 1));
	}
	buf_add_byte(&lines, 0);
	assert_string_equal((const char *)lines.data, want);
	replay_release(&c);
	buf_release(&out);
	buf_release(&lines);
	buf_release(&report);
}

/* The end of the last transfer has the tag; "XYZ" and "India" have a ReadyForQuery between them. */
static void test_rows_lost(void **state)
{
	(void)state;
	expect(START SELECT("9") "< " HEADING "\n<* 20 " ROW
				 "\n<~ 16000\n< \\0\\x03XYZ\\0\\0\\0\\x05I\n< ndia\n"
				 "<* 20 " ROW
				 "\n<~ 3000\n< YZ\\0\\0\\0\\x05IndiaC\\0\\0\\0\\x0fSELECT "
				 "900\\0Z\\0\\0\\0\\x05I\n" SELECT("1") ANSWER,
	       "\"\" \"SELECT 9\" unset request=14@3 response=@4..9 incomplete=gap" SHOP
	       " db.response.returned_rows=900" SYSTEM "\n"
	       "\"\" \"SELECT 1\" unset request=14@10 response=@11..11" SHOP
	       " db.response.returned_rows=1" SYSTEM "\n");
}

/* All that is there of an error is its end: an error it was. */
static void test_error_lost(void **state)
{
	(void)state;
	expect(START SELECT(
		       "9") "< " HEADING "\n<* 20 " ROW
			    "\n<~ 16000\n< nt.c\\0L869\\0Rint4div\\0\\0\n"
			    "< Z\\0\\0\\0\\x05I\n" SELECT(
				    "8") "< " HEADING "\n<* 20 " ROW
					 "\n<~ 1000\n< L869\\0Rint4div\\0\\0Z\\0\\0\\0\\x05I\n",
	       "\"\" \"SELECT 9\" error request=14@3 response=@4..7 incomplete=gap" SHOP SYSTEM
	       " error.type=\"_OTHER\"\n"
	       "\"\" \"SELECT 8\" error request=14@8 response=@9..11 incomplete=gap" SHOP SYSTEM
	       " error.type=\"_OTHER\"\n");
}

/* The client goes on, so it has got the answer whose end is missing. */
static void test_answer_lost(void **state)
{
	(void)state;
	expect(START SELECT("9") "< " HEADING "\n<~ 19\n" SELECT("1") ANSWER SELECT("2") ANSWER,
	       "\"\" \"SELECT 9\" unset request=14@3 response=@4..5 incomplete=gap" SHOP SYSTEM "\n"
	       "\"\" \"SELECT 1\" unset request=14@6 response=@7..7" SHOP
	       " db.response.returned_rows=1" SYSTEM "\n"
	       "\"\" \"SELECT 2\" unset request=14@8 response=@9..9" SHOP
	       " db.response.returned_rows=1" SYSTEM "\n");
}

/* A pipeline of which the middle was not copied: what came before is whole, the rest is not
 * guessed. */
static void test_requests_lost(void **state)
{
	(void)state;
	expect(START "> P\\0\\0\\0\\x11i\\0INSERT 1\\0\\0\\0" BIND EXECUTE BIND
		     "\n>~ 500\n> " EXECUTE SYNC
		     "\n< 1\\0\\0\\0\\x04" INSERTED INSERTED INSERTED INSERTED "Z\\0\\0\\0\\x05I\n"
		     "> " BIND EXECUTE SYNC "\n< " INSERTED "Z\\0\\0\\0\\x05I\n",
	       "\"\" \"INSERT 1\" unset request=42@3 response=@6..6" SHOP SYSTEM
	       " spantap.db.affected_rows=1\n"
	       "\"\" \"INSERT 1\" unset request=14@3 response=@6..6 incomplete=gap" SHOP SYSTEM "\n"
	       "\"EXECUTE\" \"\" unset request=10@5 response=@6..6 incomplete=gap,text_unknown" SHOP
		       SYSTEM "\n"
	       "\"\" \"INSERT 1\" unset request=24@7 response=@8..8" SHOP SYSTEM
	       " spantap.db.affected_rows=1\n");
}

/* ---- mutations ------------------------------------------------------------------------------ */

static const char talk[] = START SELECT("9") ANSWER
	"> P\\0\\0\\0\\x11i\\0INSERT 1\\0\\0\\0" BIND EXECUTE BIND EXECUTE SYNC "\n"
	"< 1\\0\\0\\0\\x04" INSERTED INSERTED "Z\\0\\0\\0\\x05T\n"
	"> Q\\0\\0\\0\\x15"
	"COPY t FROM STDIN\\0"
	"\n< G\\0\\0\\0\\x09\\0\\0\\x01\\0\\0\n> d\\0\\0\\0\\x06"
	"1\\n"
	"c\\0\\0\\0\\x04\n"
	"< C\\0\\0\\0\\x0b"
	"COPY 1\\0Z\\0\\0\\0\\x05T\n> P\\0\\0\\0\\x08\\0\\0\\0\\0"
	"D\\0\\0\\0\\x06S\\0" SYNC "\n"
	"< E\\0\\0\\0\\x18"
	"SERROR\\0C42601\\0Mbad\\0\\0Z\\0\\0\\0\\x05"
	"E\n";

struct watch {
	struct attributes attributes;
	int64_t open;
	uint32_t ended;
	uint32_t incomplete; /* of any */
};

static void on_begin(void *context, struct connection *c, struct exchange *x)
{
	struct watch *w = context;

	(void)c;
	(void)x;
	w->open++;
}

static void on_end(void *context, struct connection *c, struct exchange *x)
{
	struct watch *w = context;
	struct description d = { .attributes = &w->attributes };

	w->open--;
	w->ended++;
	w->incomplete |= x->incomplete;
	connection_describe(c, x, &d);
	assert_true(d.statement.len <= 1000 && d.outcome_message.len <= 512);
	assert_true(d.operation.len + d.statement.len > 0 || x->request_bytes);
}

static void on_discard(void *context, struct connection *c, struct exchange *x)
{
	struct watch *w = context;

	(void)c;
	(void)x;
	w->open--;
}

static uint32_t next(uint32_t *random)
{
	*random = *random * 1664525 + 1013904223;
	return *random >> 8;
}

/* Plays c with some bytes changed, some lost, each piece in memory of its own. */
static uint32_t mutate(const struct replay_case *c, uint32_t random)
{
	static const struct connection_observer observer = { .begin = on_begin,
							     .end = on_end,
							     .discard = on_discard };
	struct watch watch = { 0 };
	struct connection_options options = { .observer = &observer,
					      .context = &watch,
					      .side = SIDE_CLIENT };
	struct connection *connection = connection_new(&options);
	struct mark mark = { 0 };

	attributes_init(&watch.attributes);
	assert_non_null(connection);
	for (size_t i = 0; i < replay_steps(c); i++) {
		const struct replay_step *s = replay_step(c, i);
		enum direction direction = s->flow == TO_SERVER ? DIRECTION_OUT : DIRECTION_IN;
		size_t at = 0, len;

		for (mark.time_ns = i + 1; at < s->len; at += len) {
			uint8_t *piece;

			len = 1 + next(&random) % (s->len - at);
			piece = memory_new(len);
			assert_non_null(piece);
			memcpy(piece, c->bytes.data + s->at + at, len);
			if (next(&random) % 8 == 0)
				piece[next(&random) % len] = (uint8_t)next(&random);
			if (next(&random) % 16 == 0)
				connection_gap(connection, direction, len, &mark);
			else
				connection_data(connection, direction, bytes_of(piece, len),
						at == 0, &mark);
			memory_free(piece);
		}
	}
	connection_free(connection, &mark);
	attributes_release(&watch.attributes);
	assert_int_equal(watch.open, 0);
	return watch.ended;
}

/* What the kernel does to a long answer: all that matters is there, so nothing is incomplete. */
static void test_uncopied(void **state)
{
	static const struct connection_observer observer = { .begin = on_begin,
							     .end = on_end,
							     .discard = on_discard };
	static const char head[] = "D\0\0\0\x0b\0\x01\0\0\0\x01x";
	static const char tail[] = "C\0\0\0\x0fSELECT 900\0Z\0\0\0\x05I";
	struct watch watch = { 0 };
	struct connection_options options = { .observer = &observer,
					      .context = &watch,
					      .side = SIDE_CLIENT };
	struct connection *c = connection_new(&options);
	struct mark mark = { .time_ns = 1 };
	const struct attribute *rows;

	(void)state;
	assert_non_null(c);
	attributes_init(&watch.attributes);
	connection_data(c, DIRECTION_OUT, bytes_of("Q\0\0\0\x0dSELECT 9\0", 14), true, &mark);
	mark.time_ns = 2;
	connection_data(c, DIRECTION_IN, bytes_of(head, sizeof(head) - 1), true, &mark);
	connection_uncopied(c, DIRECTION_IN, 10000, &mark);
	connection_data(c, DIRECTION_IN, bytes_of(tail, sizeof(tail) - 1), false, &mark);
	assert_int_equal(watch.ended, 1);
	assert_int_equal(watch.incomplete, 0);
	rows = attributes_find(&watch.attributes, "db.response.returned_rows");
	assert_non_null(rows);
	assert_int_equal(rows->integer, 900);
	connection_free(c, &mark);
	attributes_release(&watch.attributes);
}

static void test_mutations(void **state)
{
	struct replay_case c;
	struct buf report;
	uint32_t ended = 0;

	(void)state;
	buf_init(&report, 1000);
	assert_true(replay_parse(&c, bytes_of_string(talk), &report));
	for (uint32_t seed = 1; seed <= 20000; seed++)
		ended += mutate(&c, seed);
	/* Damage costs some, not all. */
	assert_in_range(ended, 20000, 200000);
	replay_release(&c);
	buf_release(&report);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rows_lost),   cmocka_unit_test(test_error_lost),
		cmocka_unit_test(test_answer_lost), cmocka_unit_test(test_requests_lost),
		cmocka_unit_test(test_mutations),   cmocka_unit_test(test_uncopied),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
