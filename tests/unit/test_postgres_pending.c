// SPDX-License-Identifier: GPL-2.0-only
/* userspace/protocol/postgres_pending.h, played as scripts of message types. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "tests/lib/failing.h"
#include "userspace/protocol/postgres_pending.h"

static const char *script_roles = "-(+.)"; /* by enum message_role */

static char letter(struct pending_answer a)
{
	if (a.role != MESSAGE_RESPONSE)
		return script_roles[a.role];
	return a.flags & MESSAGE_WITHDRAWN ? 'w'
	       : a.flags & MESSAGE_ABORTED ? 'a'
	       : a.lost                    ? 'x'
					   : ')';
}

static enum message_role ask(struct pending *p, char type, char statement)
{
	uint32_t serial = (uint32_t)(statement - '0');

	switch (type) {
	case 'P':
		return pending_join(p, PENDING_PARSE, serial);
	case 'B':
		return pending_join(p, PENDING_BIND, serial);
	case 'D':
		return pending_join(p, PENDING_DESCRIBE, serial);
	case 'E':
		return pending_join(p, PENDING_EXECUTE, serial);
	case 'C':
		return pending_ask(p, PENDING_CLOSE);
	case 'S':
		return pending_ask(p, PENDING_SYNC);
	case 'Q':
		return pending_ask(p, PENDING_QUERY);
	case 'F':
		return pending_ask(p, PENDING_FUNCTION);
	case 'H':
		pending_flush(p);
		return MESSAGE_CONTROL;
	case 'd':
	case 'c':
		return pending_copy(p, type == 'c');
	case '~':
		pending_lost_requests(p);
		return MESSAGE_CONTROL;
	default:
		fail();
		return MESSAGE_CONTROL;
	}
}

static struct pending_answer answer(struct pending *p, char type)
{
	switch (type) {
	case 'E':
		return pending_error(p);
	case 'Z':
		return pending_ready(p);
	case 'X': /* C, and then an error */
		return pending_answer(p, 'C', pending_commits(p));
	case '~':
		pending_lost_answers(p);
		return (struct pending_answer){ .role = MESSAGE_CONTROL };
	case '!':
		pending_found_answers(p);
		return (struct pending_answer){ .role = MESSAGE_CONTROL };
	default:
		return pending_answer(p, (uint8_t)type, false);
	}
}

/*
 * Words of script: ">P1" the client sent Parse of statement 1; "<C" the server sent that; "~":
 * bytes were lost, "<!" the place was found. One letter per message: - nobody's ( begins + part .
 * part of an answer ) ends w withdrawn a aborted x ended without its answer
 */
static void expect(const char *script, const char *want)
{
	struct pending p;
	struct buf got;

	pending_init(&p);
	buf_init(&got, 1000);
	for (const char *s = script; *s; s++) {
		struct pending_answer a;

		if (*s == ' ')
			buf_add_byte(&got, ' ');
		if (*s == '>') {
			buf_add_byte(&got, (uint8_t)script_roles[ask(&p, s[1], s[2])]);
		} else if (*s == '<') {
			for (a = pending_due(&p); a.more; a = pending_due(&p))
				buf_add_byte(&got, (uint8_t)letter(a));
			for (a = answer(&p, s[1]); a.more; a = answer(&p, s[1]))
				buf_add_byte(&got, (uint8_t)letter(a));
			buf_add_byte(&got, (uint8_t)letter(a));
		}
	}
	buf_add_byte(&got, 0);
	assert_string_equal((const char *)got.data, want);
	buf_release(&got);
	pending_release(&p);
}

static void test_simple(void **state)
{
	(void)state;
	expect(">Q <T<D<C<Z >Q <C<T<C<Z", "( ...) ( ...)");
	expect(">Q <E<Z >F <V<Z >F<E<Z", "( )- ( .) ()-");
	expect(">Q>Q <C<Z<E<Z", "(( .))-");
	expect("<C <D <Z <E >Q<C<Z", ") - - - (.)");
}

static void test_extended(void **state)
{
	(void)state;
	expect(">P1>B1>D1>E1>S <1<2<T<D<C<Z", "(+++- ....)-");
	expect(">B1>E1>B1>E1>B2>E2>S <2<C<2<s<2<I<Z", "(+(+(+- .).).)-");
	expect(">P1>P2>B1>E1>B2>E2>S <1<1<2<C<2<C<Z", "(((+(+- ww.).)-");
	expect(">C>P1>B1>E1>S <3<1<2<C<Z", "-(++- -..)-");
	expect(">B1>E1>S <2<X<E<Z", "(+- ..)-");
}

static void test_prepare(void **state)
{
	(void)state;
	expect(">P1>D1>S <1<t<n<Z", "(+- ..w-");
	expect(">P1>S <E<Z", "(- )-");
	expect(">P1>D1>H <1<t<T >B1>E1>S <2<C<Z", "(+- ..w (+- .)-");
	/* A flush in the middle of a call does not cut it. */
	expect(">P1>H>B1>H>E1>H>S <1<2<C<Z", "(-+-+-- ..)-");
	/* Answered before the Flush was seen. */
	expect(">P1 <1 >H>S <Z >Q<C<Z", "( . -- w- (.)");
	expect(">P1>Q <1<C<Z", "(( w.)");
}

static void test_errors(void **state)
{
	(void)state;
	expect(">B1>E1>B2>E2>B3>E3>S>Q <2<C<E<Z<C<Z", "(+(+(+-( .))a-.)");
	expect(">P1>B1>E1>P2>S <E<Z", "(++(- )w-");
	/* The error comes while the client is still sending that call. */
	expect(">P1<E>B1>E1>B2>E2>S<Z", "()--(+-a-");
	expect(">C>S<E<Z>Q<C<Z", "----(.)");
}

static void test_copy(void **state)
{
	(void)state;
	expect(">Q<G>d>d>c<C<Z>d", "(.+++.)-");
	/* The first Sync is dropped by the server, and so is one in the middle. */
	expect(">B1>E1>S<2<G>d>S>d>c>S<C<Z >Q<C<Z", "(+-..+-++-)- (.)");
	expect(">Q<G>d<E>d>c<Z", "(.+)---");
}

static void test_lost_answers(void **state)
{
	(void)state;
	/* One exchange: no doubt whose the rest is. */
	expect(">Q<T<~<!<C<Z >Q<C<Z", "(.--.) (.)");
	expect(">B1>E1>S<~<!<C<Z >Q<C<Z", "(+---)- (.)");
	expect(">B1>E1>S<~<!<X<E<Z >Q<C<Z", "(+---.)- (.)");
	expect(">B1>E1>S<~<!<E<Z >Q<C<Z", "(+---)- (.)");
	/* Several: only that all are over. */
	expect(">B1>E1>B2>E2>S<2<~<!<C<Z >Q<C<Z", "(+(+-.---xx- (.)");
	/* The client goes on before the place is found: the engine has ended the first. */
	expect(">Q<~ >Q <!<C<Z", "(- ( -.)");
	/* All that was lost is a ReadyForQuery. */
	expect(">B1>E1>S<2<C<~<! >P1>D1>S<1<t<n<Z >Q<C<Z", "(+-.)-- (+-..w- (.)");
	/* An answer that fits nothing is a loss that nobody reported. */
	expect(">B1>E1>S<C<Z", "(+-x-");
}

static void test_lost_requests(void **state)
{
	(void)state;
	expect(">B1>E1>~>S <2<C<2<C<Z >Q<C<Z", "(+-- .)--- (.)");
	expect(">B1>~>E2>S <2<C<Z >Q<C<Z", "(-(- .-xx- (.)");
	expect(">~>Q <C<C<Z >Q<C<Z", "-( --x (.)");
	/* What is lost of copied data is copied data. */
	expect(">Q<G>d>~>d>c<C<Z >Q<C<Z", "(.+-++.x (.)");
}

/* More is asked than can be remembered: what does not fit is no exchange, and all is well
 * afterwards. */
static void test_too_many(void **state)
{
	uint32_t begun = 0, ended = 0;
	struct pending_answer a;
	struct pending p;

	(void)state;
	pending_init(&p);
	for (uint32_t i = 0; i < 50000; i++) {
		begun += ask(&p, 'B', '1') == MESSAGE_REQUEST;
		ask(&p, 'E', '1');
	}
	ask(&p, 'S', 0);
	assert_in_range(begun, 1000, 4095);
	for (uint32_t i = 0; i < 50000; i++) {
		answer(&p, '2');
		ended += answer(&p, 'C').role == MESSAGE_RESPONSE;
	}
	for (a = answer(&p, 'Z'); a.more; a = answer(&p, 'Z'))
		ended++;
	assert_int_equal(ended, begun);
	assert_int_equal(p.exchanges, 0);
	assert_int_equal(ask(&p, 'Q', 0), MESSAGE_REQUEST);
	assert_int_equal(pending_oldest(&p), pending_newest(&p));
	assert_int_equal(answer(&p, 'Z').role, MESSAGE_RESPONSE);
	pending_release(&p);
}

static void converse(void *context)
{
	struct pending p;

	(void)context;
	pending_init(&p);
	for (uint32_t i = 0; i < 600; i++) {
		ask(&p, 'P', (char)('0' + i % 3));
		ask(&p, i % 5 ? 'E' : 'S', '1');
	}
	for (uint32_t i = 0; i < 300; i++) {
		answer(&p, '1');
		answer(&p, i % 7 ? 'C' : 'E');
		while (answer(&p, 'Z').more)
			;
	}
	pending_release(&p);
}

static void test_no_memory(void **state)
{
	(void)state;
	assert_true(failing_loop(converse, NULL) > 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_simple),        cmocka_unit_test(test_extended),
		cmocka_unit_test(test_prepare),       cmocka_unit_test(test_errors),
		cmocka_unit_test(test_copy),          cmocka_unit_test(test_lost_answers),
		cmocka_unit_test(test_lost_requests), cmocka_unit_test(test_too_many),
		cmocka_unit_test(test_no_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
