// SPDX-License-Identifier: GPL-2.0-only
/* The MySQL decoder: each test is a conversation, played to connection.c, and the exchanges it must
 * give. */
#include "tests/unit/mysql_talk.h"

static void login(struct talk *t, struct bytes greeting, struct bytes response)
{
	talk_begin(t, false);
	packet(t, TO_CLIENT, 0, greeting);
	packet(t, TO_SERVER, 1, response);
	answer(t, 2, OK);
	t->seen[0] = '\0';
}

static void start(struct talk *t)
{
	login(t, S(GREETING), S(LOGIN));
}

/* One column, two rows. */
static void answer_rows(struct talk *t, uint8_t seq)
{
	packet(t, TO_CLIENT, seq, S("\1"));
	packet(t, TO_CLIENT, (uint8_t)(seq + 1), S(COLUMN));
	packet(t, TO_CLIENT, (uint8_t)(seq + 2), S(EOF_));
	packet(t, TO_CLIENT, (uint8_t)(seq + 3), S("\1a"));
	packet(t, TO_CLIENT, (uint8_t)(seq + 4), S("\xfb"));
}

static void test_login(void **state)
{
	struct talk t;

	(void)state;
	talk_begin(&t, false);
	answer(&t, 0, GREETING);
	packet(&t, TO_SERVER, 1, S(LOGIN));
	answer(&t, 2,
	       "\xfe"
	       "mysql_native_password\0salt");
	packet(&t, TO_SERVER, 3, S("AUTHAUTH"));
	answer(&t, 4, "\1\4");
	packet(&t, TO_SERVER, 5, S("\2"));
	answer(&t, 6, OK);
	ask(&t, "\x0e");
	answer(&t, 1, OK);
	talk_end(&t, "CONNECT||mysql shop|-1|-1|  |0\nPING||mysql shop|-1|-1|  |0\n");

	talk_begin(&t, false);
	answer(&t, 0, GREETING_MARIADB);
	packet(&t, TO_SERVER, 1, S(LOGIN));
	answer(&t, 2, "\xff\x15\4#28000Access denied");
	talk_end(&t, "CONNECT||mariadb |-1|-1|1045 28000 Access denied|0\n");

	/* The plaintext of a TLS connection begins with the response, whose seq is 2. */
	talk_begin(&t, false);
	packet(&t, TO_SERVER, 2, S("\x08\x8a\0\0" LOGIN_REST));
	answer(&t, 3, OK);
	talk_end(&t, "CONNECT||mysql shop|-1|-1|  |0\n");
}

static void test_results(void **state)
{
	struct talk t;

	(void)state;
	start(&t);
	ask(&t, "\3INSERT 1");
	answer(&t, 1, "\0\xfc\x2c\1\5\2\0\0\0");
	ask(&t, "\3bogus");
	answer(&t, 1, ERR);
	ask(&t, "\3SELECT 1");
	answer_rows(&t, 1);
	answer(&t, 6, EOF_);
	ask(&t, "\3SELECT 2");
	answer_rows(&t, 1);
	answer(&t, 6, ERR);
	ask(&t, "\x09");
	answer(&t, 1, "Uptime: 1");
	ask(&t, "\x04t\0");
	answer(&t, 1, COLUMN);
	answer(&t, 2, COLUMN);
	answer(&t, 3, EOF_);
	ask(&t, "\x1b\0\0");
	answer(&t, 1, EOF_);
	ask(&t, "\1");
	talk_end(&t, "QUERY|INSERT 1|mysql shop|-1|300|  |0\n"
		     "QUERY|bogus|mysql shop|-1|-1|1064 42000 bad syntax|0\n"
		     "QUERY|SELECT 1|mysql shop|2|-1|  |0\n"
		     "QUERY|SELECT 2|mysql shop|-1|-1|1064 42000 bad syntax|0\n"
		     "STATISTICS||mysql shop|-1|-1|  |0\n"
		     "FIELD_LIST||mysql shop|-1|-1|  |0\n"
		     "SET_OPTION||mysql shop|-1|-1|  |0\n");
}

static void test_result_without_eof(void **state)
{
	struct talk t;

	(void)state;
	for (int midway = 0; midway < 2; midway++) {
		if (midway)
			talk_begin(&t, true);
		else
			login(&t, S(GREETING), S(LOGIN_DEPRECATE_EOF));
		ask(&t, "\3SELECT 1");
		answer(&t, 1, "\2");
		answer(&t, 2, COLUMN);
		answer(&t, 3, COLUMN);
		answer(&t, 4, "\1a\1b");
		answer(&t, 5, OK_EOF);
		ask(&t, "\3SELECT 0");
		answer(&t, 1, "\1\0"); /* definitions left out */
		answer(&t, 2, OK_EOF);
		talk_end(&t, midway ? "QUERY|SELECT 1|mysql |1|-1|  |0\nQUERY|SELECT 0|mysql "
				      "|0|-1|  |0\n"
				    : "QUERY|SELECT 1|mysql shop|1|-1|  |0\n"
				      "QUERY|SELECT 0|mysql shop|0|-1|  |0\n");
	}
}

static void test_several_results(void **state)
{
	struct talk t;

	(void)state;
	start(&t);
	ask(&t, "\3CALL p()");
	answer_rows(&t, 1);
	answer(&t, 6, EOF_MORE);
	answer(&t, 7, "\0\4\0\x0a\0\0\0");
	answer_rows(&t, 8);
	answer(&t, 13, EOF_MORE);
	assert_string_equal(t.seen, "");
	answer(&t, 14, OK);
	talk_end(&t, "QUERY|CALL p()|mysql shop|4|4|  |0\n");
}

static void test_prepared(void **state)
{
	struct talk t;

	(void)state;
	start(&t);
	ask(&t, "\x16SELECT ?");
	answer(&t, 1, PREPARED("\7", "\1", "\1"));
	answer(&t, 2, COLUMN);
	answer(&t, 3, EOF_);
	answer(&t, 4, COLUMN);
	assert_string_equal(t.seen, "");
	answer(&t, 5, EOF_);
	ask(&t, "\x18\7\0\0\0\0\0blob"); /* no answer */
	ask(&t, "\x17\7\0\0\0\1\1\0\0\0");
	answer(&t, 1, "\1");
	answer(&t, 2, COLUMN);
	answer(&t, 3, EOF_CURSOR);
	ask(&t, "\x1c\7\0\0\0\1\0\0\0");
	answer(&t, 1, "\0\0\1a");
	answer(&t, 2, EOF_CURSOR);
	ask(&t, "\x1a\7\0\0\0");
	answer(&t, 1, OK);
	ask(&t, "\x19\7\0\0\0");
	ask(&t, "\x17\7\0\0\0\0\1\0\0\0");
	answer(&t, 1, "\xff\xdb\4#HY000Unknown prepared statement");
	ask(&t, "\x16SELECT nope");
	answer(&t, 1, ERR);
	talk_end(&t, "PREPARE||mysql shop|-1|-1|  |0\n"
		     "EXECUTE|SELECT ?|mysql shop|-1|-1|  |0\n"
		     "FETCH||mysql shop|1|-1|  |0\n"
		     "STMT_RESET||mysql shop|-1|-1|  |0\n"
		     "EXECUTE||mysql shop|-1|-1|1243 HY000 Unknown prepared statement|10\n"
		     "PREPARE|SELECT nope|mysql shop|-1|-1|1064 42000 bad syntax|0\n");
}

/* Attached midway it is not known whether an EOF follows the definitions; each form must work. */
static void test_prepared_midway(void **state)
{
	struct talk t;

	(void)state;
	for (int eof = 0; eof < 2; eof++) {
		talk_begin(&t, true);
		for (int again = 0; again < 2; again++) {
			ask(&t, "\x16"
				"DELETE ?");
			answer(&t, 1, PREPARED("\7", "\0", "\1"));
			answer(&t, 2, COLUMN);
			if (eof)
				answer(&t, 3, EOF_);
			/* Once is enough to learn it. */
			assert_int_equal(connection_open_exchanges(t.connection), !eof && !again);
		}
		ask(&t, "\x17\7\0\0\0\0\1\0\0\0");
		answer(&t, 1, OK);
		talk_end(&t, "PREPARE||mysql |-1|-1|  |0\nPREPARE||mysql |-1|-1|  |0\n"
			     "EXECUTE|DELETE ?|mysql |-1|0|  |0\n");
	}
}

/* MariaDB's connectors send PREPARE and EXECUTE of "the last one" at once. */
static void test_pipelined(void **state)
{
	struct talk t;

	(void)state;
	login(&t, S(GREETING_MARIADB), S(LOGIN));
	ask(&t, "\x16INSERT ?");
	ask(&t, "\x17\xff\xff\xff\xff\0\1\0\0\0");
	ask(&t, "\3SELECT 1");
	answer(&t, 1, PREPARED("\3", "\0", "\1"));
	answer(&t, 2, COLUMN);
	answer(&t, 3, EOF_);
	answer(&t, 1, "\0\1\0\2\0\0\0");
	answer_rows(&t, 1);
	answer(&t, 6, EOF_);
	talk_end(&t, "PREPARE||mariadb shop|-1|-1|  |0\n"
		     "EXECUTE|INSERT ?|mariadb shop|-1|1|  |0\n"
		     "QUERY|SELECT 1|mariadb shop|2|-1|  |0\n");
}

static void test_query_attributes(void **state)
{
	struct talk t;

	(void)state;
	start(&t);
	ask(&t, "\3\0\1SELECT 1");
	answer(&t, 1, OK);
	/* Three: NULL, a LONGLONG, a string. */
	ask(&t, "\3\3\1\1\1"
		"\x06\0\1a"
		"\x08\0\1b"
		"\xfe\0\1c"
		"12345678"
		"\2xy"
		"SELECT 2");
	answer(&t, 1, OK);
	talk_end(&t, "QUERY|SELECT 1|mysql shop|-1|0|  |0\nQUERY|SELECT 2|mysql shop|-1|0|  |0\n");
}

static void test_large_packets(void **state)
{
	struct talk t;

	(void)state;
	start(&t);
	raw(&t, TO_SERVER, S("\xff\xff\xff\0\3INSERT big"));
	gap(&t, TO_SERVER, 0xffffff - 11);
	raw(&t, TO_SERVER, S("\3\0\0\1abc"));
	answer(&t, 2, OK);
	ask(&t, "\3SELECT big");
	answer(&t, 1, "\1");
	answer(&t, 2, COLUMN);
	answer(&t, 3, EOF_);
	raw(&t, TO_CLIENT, S("\xff\xff\xff\4\xfe\0\0\0\1"));
	gap(&t, TO_CLIENT, 0xffffff - 5);
	raw(&t, TO_CLIENT, S("\0\0\0\5"));
	answer(&t, 6, EOF_);
	talk_end(&t,
		 "QUERY|INSERT big|mysql shop|-1|0|  |1\nQUERY|SELECT big|mysql shop|1|-1|  |0\n");
}

static void test_local_file(void **state)
{
	struct talk t;

	(void)state;
	start(&t);
	ask(&t, "\3LOAD DATA LOCAL INFILE 'f' INTO TABLE t");
	answer(&t, 1,
	       "\xfb"
	       "f");
	packet(&t, TO_SERVER, 2, S("1,2\n3,4\n"));
	packet(&t, TO_SERVER, 3, S(""));
	answer(&t, 4, "\0\2\0\2\0\0\0");
	ask(&t, "\x0e");
	answer(&t, 1, OK);
	talk_end(&t, "QUERY|LOAD DATA LOCAL INFILE 'f' INTO TABLE t|mysql shop|-1|2|  |0\n"
		     "PING||mysql shop|-1|-1|  |0\n");
}

static void test_progress_is_no_answer(void **state)
{
	struct talk t;

	(void)state;
	login(&t, S(GREETING_MARIADB), S(LOGIN));
	ask(&t, "\3"
		"ALTER TABLE t");
	answer(&t, 1,
	       "\xff\xff\xff\1\1\2\0\0\0\5"
	       "stage");
	answer(&t, 2, OK);
	talk_end(&t, "QUERY|ALTER TABLE t|mariadb shop|-1|0|  |0\n");
}

static void test_namespace(void **state)
{
	struct talk t;

	(void)state;
	start(&t);
	ask(&t, "\2a");
	answer(&t, 1, OK);
	ask(&t, "\2nope");
	answer(&t, 1, "\xff\x19\4#42000Unknown database");
	ask(&t, "\3use `b`;");
	answer(&t, 1, OK);
	ask(&t, "\3SET x");
	answer(&t, 1,
	       "\0\0\0\2\x40\0\0\0\5\1\3\2"
	       "cc"); /* the server's session state names it */
	ask(&t, "\x11root\0\4AUTHdd\0");
	answer(&t, 1,
	       "\xfe"
	       "plugin\0salt");
	packet(&t, TO_SERVER, 2, S("AUTH"));
	answer(&t, 3, OK);
	talk_end(&t, "INIT_DB||mysql a|-1|-1|  |0\n"
		     "INIT_DB||mysql a|-1|-1|1049 42000 Unknown database|0\n"
		     "QUERY|use `b`;|mysql b|-1|0|  |0\n"
		     "QUERY|SET x|mysql cc|-1|0|  |0\n"
		     "CHANGE_USER||mysql dd|-1|-1|  |0\n");
}

static void expect_foreign(struct bytes greeting, uint8_t seq, struct bytes packet_)
{
	struct talk t;

	talk_begin(&t, false);
	packet(&t, TO_CLIENT, 0, greeting);
	packet(&t, TO_SERVER, seq, packet_);
	assert_int_equal(connection_verdict(t.connection), VERDICT_FOREIGN);
	talk_end(&t, "");
}

static void test_foreign(void **state)
{
	(void)state;
	expect_foreign(S(GREETING), 1, S("\x08\x8a\0\0\0\0\0\1\x2d" ZEROS23)); /* SSLRequest */
	expect_foreign(S(GREETING), 1, S("\x28\x82\0\0" LOGIN_REST));          /* zlib */
	expect_foreign(S(GREETING), 1, S("\x08\x82\0\4" LOGIN_REST));          /* zstd */
	expect_foreign(S(GREETING), 0, S("\x12\4\0\0\0\0\0\1\0\0\0binlog.1"));
}

/* Only what both want is used: this server cannot compress. */
static void test_capabilities_are_agreed(void **state)
{
	struct talk t;

	(void)state;
	talk_begin(&t, false);
	answer(&t, 0,
	       "\x0a"
	       "8.0\0"
	       "\1\0\0\0"
	       "saltsalt\0"
	       "\xdf\xf7"
	       "\x2d\2\0"
	       "\xff\x81");
	packet(&t, TO_SERVER, 1, S("\x28\x82\0\0" LOGIN_REST));
	answer(&t, 2, OK);
	talk_end(&t, "CONNECT||mysql shop|-1|-1|  |0\n");
}

static void test_wrong_sequence(void **state)
{
	struct talk t;

	(void)state;
	start(&t);
	ask(&t, "\3SELECT 1");
	answer(&t, 2, OK);
	ask(&t, "\3SELECT 2");
	answer(&t, 1, OK);
	talk_end(&t, "QUERY|SELECT 1|mysql shop|-1|-1|  |4\nQUERY|SELECT 2|mysql shop|-1|0|  |0\n");
}

static void test_server_hung_up(void **state)
{
	struct talk t;

	(void)state;
	start(&t);
	ask(&t, "\3SELECT 1");
	answer(&t, 0, "\xff\xbf\x0f#HY000Disconnected because of inactivity");
	talk_end(&t, "QUERY|SELECT 1|mysql shop|-1|-1|4031 HY000 "
		     "Disconnected because of inactivity|0\n");
}

static void test_end_found_after_gap(void **state)
{
	struct talk t;

	(void)state;
	start(&t);
	ask(&t, "\3SELECT 1");
	answer_rows(&t, 1);
	gap(&t, TO_CLIENT, 60000);
	raw(&t, TO_CLIENT, S("half a row\5\0\0\x11" EOF_));
	/* A row cut by the gap that looks like nothing, then the end with DEPRECATE_EOF. */
	ask(&t, "\3SELECT 2");
	answer_rows(&t, 1);
	gap(&t, TO_CLIENT, 60000);
	raw(&t, TO_CLIENT, S("half a row\7\0\0\x11" OK_EOF));
	ask(&t, "\3SELECT 3");
	answer_rows(&t, 1);
	gap(&t, TO_CLIENT, 60000);
	raw(&t, TO_CLIENT, S("half a row\x14\0\0\x11\xff\x25\5#70100Interrupted"));
	talk_end(&t, "QUERY|SELECT 1|mysql shop|-1|-1|  |4\n"
		     "QUERY|SELECT 2|mysql shop|-1|-1|  |4\n"
		     "QUERY|SELECT 3|mysql shop|-1|-1|1317 70100 Interrupted|4\n");
}

/* Lost among the definitions: the EOF behind them is not the end. */
static void test_end_of_columns_after_gap(void **state)
{
	struct talk t;

	(void)state;
	start(&t);
	ask(&t, "\3SELECT 1");
	answer(&t, 1, "\x40");
	gap(&t, TO_CLIENT, 3000);
	raw(&t, TO_CLIENT, S("\0\1c\0\x0c\x3f\0\1\0\0\0\x08\x81\0\0\0\0\5\0\0\x42" EOF_));
	answer(&t, 0x43, "\1a");
	assert_string_equal(t.seen, "");
	answer(&t, 0x44, EOF_);
	talk_end(&t, "QUERY|SELECT 1|mysql shop|-1|-1|  |4\n");
}

/* The end never comes to light: the next command shows that it passed. */
static void test_end_lost(void **state)
{
	struct talk t;

	(void)state;
	start(&t);
	ask(&t, "\3SELECT 1");
	answer_rows(&t, 1);
	gap(&t, TO_CLIENT, 60000);
	raw(&t, TO_CLIENT, S("nothing of use"));
	assert_string_equal(t.seen, "");
	ask(&t, "\3SELECT 2");
	answer_rows(&t, 1);
	answer(&t, 6, EOF_);
	talk_end(&t, "QUERY|SELECT 1|mysql shop|-1|-1|  |4\nQUERY|SELECT 2|mysql shop|2|-1|  |0\n");
}

static void test_truncated_statement(void **state)
{
	struct talk t;

	(void)state;
	start(&t);
	raw(&t, TO_SERVER, S("\x40\0\0\0\x16SELECT long"));
	gap(&t, TO_SERVER, 0x40 - 12);
	answer(&t, 1, PREPARED("\1", "\0", "\0"));
	ask(&t, "\x17\1\0\0\0\0\1\0\0\0");
	answer(&t, 1, OK);
	talk_end(&t, "PREPARE||mysql shop|-1|-1|  |1\nEXECUTE|SELECT long|mysql shop|-1|0|  |1\n");
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_login),
		cmocka_unit_test(test_results),
		cmocka_unit_test(test_result_without_eof),
		cmocka_unit_test(test_several_results),
		cmocka_unit_test(test_prepared),
		cmocka_unit_test(test_prepared_midway),
		cmocka_unit_test(test_pipelined),
		cmocka_unit_test(test_query_attributes),
		cmocka_unit_test(test_large_packets),
		cmocka_unit_test(test_local_file),
		cmocka_unit_test(test_progress_is_no_answer),
		cmocka_unit_test(test_namespace),
		cmocka_unit_test(test_foreign),
		cmocka_unit_test(test_capabilities_are_agreed),
		cmocka_unit_test(test_wrong_sequence),
		cmocka_unit_test(test_server_hung_up),
		cmocka_unit_test(test_end_found_after_gap),
		cmocka_unit_test(test_end_of_columns_after_gap),
		cmocka_unit_test(test_end_lost),
		cmocka_unit_test(test_truncated_statement),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
