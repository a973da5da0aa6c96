// SPDX-License-Identifier: GPL-2.0-only
/* redact.c: secrets leave URLs and error texts, everything else stays. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "userspace/base/memory.h"
#include "userspace/span/redact.h"

struct pair {
	const char *in, *expected;
};

typedef void redactor(struct buf *out, struct bytes in);

static void check(redactor *redact, const struct pair *pairs, size_t count)
{
	struct buf out;

	buf_init(&out, 65536);
	for (size_t i = 0; i < count; i++) {
		buf_reset(&out);
		redact(&out, bytes_of_string(pairs[i].in));
		buf_add_byte(&out, 0);
		assert_string_equal((char *)out.data, pairs[i].expected);
	}
	buf_release(&out);
}

#define CHECK(redact, pairs) check(redact, pairs, sizeof(pairs) / sizeof((pairs)[0]))

static void test_query(void **state)
{
	static const struct pair pairs[] = {
		{ "", "" },
		{ "a=1&b=2", "a=1&b=2" },
		{ "X-Amz-Signature=abc&x=1", "X-Amz-Signature=REDACTED&x=1" },
		{ "X-Amz-Credential=a%2Fb&X-Amz-Security-Token=t",
		  "X-Amz-Credential=REDACTED&X-Amz-Security-Token=REDACTED" },
		{ "sig=1&X-Goog-Signature=2", "sig=REDACTED&X-Goog-Signature=REDACTED" },
		{ "access_token=a&ACCESS-TOKEN=b&accessToken=c",
		  "access_token=REDACTED&ACCESS-TOKEN=REDACTED&accessToken=REDACTED" },
		{ "token=a&password=b&secret=c&api_key=d&key=e",
		  "token=REDACTED&password=REDACTED&secret=REDACTED&api_key=REDACTED&key="
		  "REDACTED" },
		{ "user%5Bpass%77ord%5D=x", "user%5Bpass%77ord%5D=REDACTED" },
		{ "a=1;password=x;b=2", "a=1;password=REDACTED;b=2" },
		{ "password=a=b", "password=REDACTED" },
		{ "password=", "password=REDACTED" },
		{ "password", "password" },
		{ "&&=x&", "&&=x&" },
		{ "keyword=shoes&monkey=1&signal=2", "keyword=shoes&monkey=1&signal=2" },
		{ "%=1&pass%7=2&%zz=3", "%=1&pass%7=2&%zz=3" },
	};

	(void)state;
	CHECK(redact_query, pairs);
}

static void test_url(void **state)
{
	static const struct pair pairs[] = {
		{ "http://h/p?q=1", "http://h/p?q=1" },
		{ "https://user:pass@h:8/p", "https://REDACTED:REDACTED@h:8/p" },
		{ "https://user@h/p", "https://REDACTED:REDACTED@h/p" },
		{ "https://u:p@ss@h/p@q", "https://REDACTED:REDACTED@h/p@q" },
		{ "//u:p@h/", "//REDACTED:REDACTED@h/" },
		{ "https://u:p@h?sig=1", "https://REDACTED:REDACTED@h?sig=REDACTED" },
		{ "https://h?a=u:p@x", "https://h?a=u:p@x" },
		{ "/p?token=1#secret", "/p?token=REDACTED" },
		{ "/a://u:p@h", "/a://u:p@h" },
		{ "", "" },
	};

	(void)state;
	CHECK(redact_url, pairs);
}

static void test_message(void **state)
{
	static const struct pair pairs[] = {
		{ "relation \"users\" does not exist", "relation \"users\" does not exist" },
		{ "invalid input syntax for type integer: \"abc\"",
		  "invalid input syntax for type integer: ?" },
		{ "duplicate key value violates unique constraint \"users_email_key\"",
		  "duplicate key value violates unique constraint \"users_email_key\"" },
		{ "Key (email)=(a@b.c) already exists.", "Key (email)=(?) already exists." },
		{ "Key (a, b)=(x), y)) already exists.", "Key (a, b)=(?) already exists." },
		{ "Failing row contains (1, bob, null).", "Failing row contains (?)." },
		{ "Duplicate entry 'a@b.c' for key 'users.email'",
		  "Duplicate entry ? for key 'users.email'" },
		{ "Duplicate entry 'O'Brien' for key 'name'", "Duplicate entry ? for key 'name'" },
		{ "Unknown column 'nope' in 'field list'", "Unknown column 'nope' in ?" },
		{ "Table 'shop.x' doesn't exist", "Table 'shop.x' doesn't exist" },
		{ "Access denied for user 'bob'@'10.0.0.1' (using password: YES)",
		  "Access denied for user ?@? (?)" },
		{ "near 'x = 'bob' AND y = 'eve'' at line 1", "near ? at line 1" },
		{ "syntax error at or near \"secret\"", "syntax error at or near ?" },
		{ "password authentication failed for user \"bob\"",
		  "password authentication failed for user ?" },
		{ "column \"age\" of relation \"t\": \"x", "column \"age\" of relation \"t\": ?" },
		{ "fails (`shop`.`orders`, x)", "fails (`shop`.`orders`, x)" },
		{ "ERR unknown command 'FOO', with args beginning with: 'k' 'v' ",
		  "ERR unknown command ?, with args beginning with: ? ? " },
		{ "WRONGTYPE Operation against a key", "WRONGTYPE Operation against a key" },
		{ "'", "?" },
		{ "(", "(?)" },
		{ "Key (", "Key (" },
	};

	(void)state;
	CHECK(redact_message, pairs);
}

/* Three bytes of every kind that matters, in memory that ends with them. */
static void test_hostile(void **state)
{
	static const char alphabet[] = "a'\"()`@?=&;%/:# ";
	static redactor *const all[] = { redact_query, redact_url, redact_message };
	size_t n = sizeof(alphabet) - 1;
	struct buf out;

	(void)state;
	buf_init(&out, 4096);
	for (size_t i = 0; i < n * n * n; i++) {
		char *exact = memory_new(3);

		exact[0] = alphabet[i % n];
		exact[1] = alphabet[i / n % n];
		exact[2] = alphabet[i / n / n];
		for (size_t k = 0; k < 3; k++) {
			buf_reset(&out);
			all[k](&out, bytes_of(exact, 3));
			assert_false(out.full);
		}
		memory_free(exact);
	}
	buf_release(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_query),
		cmocka_unit_test(test_url),
		cmocka_unit_test(test_message),
		cmocka_unit_test(test_hostile),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
