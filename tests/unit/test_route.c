// SPDX-License-Identifier: GPL-2.0-only
/* route.c and route_shape.c: shapes, learning and its bounds, given rules. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <stdio.h>

#include "userspace/base/memory.h"
#include "userspace/base/random.h"
#include "userspace/span/route.h"
#include "userspace/span/route_shape.h"

static const char *infer(struct route_table *t, const char *scope, const char *path, bool found)
{
	static char text[ROUTE_MAX + 1];
	struct buf out;

	buf_init(&out, ROUTE_MAX);
	if (!route_infer(t, bytes_of_string(scope), bytes_of_string(path), found, &out)) {
		assert_int_equal(out.len, 0);
		return NULL;
	}
	snprintf(text, sizeof(text), "%.*s", (int)out.len, out.data);
	buf_release(&out);
	return text;
}

static void test_shapes(void **state)
{
	static const struct {
		const char *placeholder;
		const char *segments[24];
	} shapes[] = {
		{ "{id}",
		  { "7", "0", "-3", "12.5", "48.85,2.35", "20240131", "user123", "order-10045",
		    "INV-2024-001", "cus_9s6XKzkNRiz8i3", "dQw4w9WgXcQ",
		    "01ARZ3NDEKTSV4RRFFQ69G5FAV", "0ujsswThIGTUYm2K8FjOOfXtY1K",
		    "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9", "a8f3k2", "abTcQxZpWkLmNvBr" } },
		{ "{uuid}",
		  { "123e4567-e89b-12d3-a456-426614174000", "123E4567-E89B-12D3-A456-426614174000",
		    "{123e4567-e89b-12d3-a456-426614174000}" } },
		{ "{hash}",
		  { "d41d8cd98f00b204e9800998ecf8427e", "507f1f77bcf86cd799439011", "deadbee1",
		    "da39a3ee5e6b4b0d3255bfef95601890afd80709" } },
		{ "{date}", { "2024-05-31", "2024-05", "2024-W21", "2024-05-31T10:00:00Z" } },
		{ "{email}", { "bob@example.com", "bob%40example.com" } },
		{ "{slug}",
		  { "how-to-cook-pasta-quickly", "a_very_long_title_of_something",
		    "averyveryveryveryveryveryveryverylongword" } },
		{ "{name}",
		  { "caf%C3%A9", "J%C3%B6rg", "Products(5)", "@scope", "a=b", "\xff\xfe",
		    "it's" } },
	};
	static const char *const words[] = {
		"pair",
		"v1",
		"v2.1",
		"v1beta1",
		"oauth2",
		"ipv4",
		"s3",
		"top10",
		"covid19",
		"forgot-password",
		"terms-of-service",
		"getUserProfile",
		"getUserProfileInformation",
		"users:batchGet",
		"$metadata",
		"wp-admin",
		"index.html",
		".well-known",
		"openid-configuration",
		"frequently-asked-questions",
		"facade",
		"API",
		"web3",
		"robots.txt",
	};
	size_t tail;

	(void)state;
	for (size_t i = 0; i < sizeof(shapes) / sizeof(shapes[0]); i++)
		for (size_t k = 0; shapes[i].segments[k]; k++) {
			const char *got =
				route_shape(bytes_of_string(shapes[i].segments[k]), &tail);

			if (!got)
				print_error("%s is a word\n", shapes[i].segments[k]);
			assert_non_null(got);
			if (strcmp(got, shapes[i].placeholder))
				print_error("%s\n", shapes[i].segments[k]);
			assert_string_equal(got, shapes[i].placeholder);
		}
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		const char *got = route_shape(bytes_of_string(words[i]), &tail);

		if (got)
			print_error("%s is %s\n", words[i], got);
		assert_null(got);
	}
}

static void test_paths(void **state)
{
	static const struct {
		const char *path, *route;
	} cases[] = {
		{ "/", "/" },
		{ "//", "/" },
		{ "/pair/7", "/pair/{id}" },
		{ "/pair/7/", "/pair/{id}/" },
		{ "/a//b", "/a/b" },
		{ "/api/v2/users/42/orders/123e4567-e89b-12d3-a456-426614174000",
		  "/api/v2/users/{id}/orders/{uuid}" },
		{ "/cars;color=red;year=2012/7;x=1", "/cars/{id}" },
		{ "/;x/a", "/a" },
		{ "/files/8f14e45fceea167a.pdf", "/files/{hash}.pdf" },
		{ "/static/app.3f2a1b9c.js", "/static/{id}.js" },
		{ "/static/app.js", "/static/app.js" },
		{ "/1/2/3/4/5/6/7/8/9/10", "/{id}/{id}/{id}/{id}/{id}/{id}/{id}/{id}/{id}/{id}" },
		{ "/1/2/3/4/5/6/7/8/9/10/11/12",
		  "/{id}/{id}/{id}/{id}/{id}/{id}/{id}/{id}/{id}/{id}/*" },
		{ "*", NULL },
		{ "", NULL },
		{ "example.com:443", NULL },
	};
	struct route_table *t = route_table_new();

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const char *got = infer(t, "s", cases[i].path, true);

		if (!cases[i].route)
			assert_null(got);
		else
			assert_string_equal(got, cases[i].route);
	}
	route_table_free(t);
}

/* The i-th word; two calls may be in use at a time. */
static const char *word(int i)
{
	static char texts[2][32];
	static int turn;
	char *text = texts[turn ^= 1];

	snprintf(text, sizeof(texts[0]), "%c%c%c", 'a' + i / 676 % 26, 'a' + i / 26 % 26,
		 'a' + i % 26);
	return text;
}

static void test_learning(void **state)
{
	struct route_table *t = route_table_new();
	char path[64], before[64];

	(void)state;
	assert_string_equal(infer(t, "s", "/user/search", true), "/user/search");
	for (int i = 0; i < ROUTE_WORDS_MAX - 1; i++) {
		snprintf(path, sizeof(path), "/user/%s/posts", word(i));
		assert_string_equal(infer(t, "s", path, true), path);
	}
	/* One more is too many, and from then on those seen before are names too. */
	assert_string_equal(infer(t, "s", "/user/onemore/posts", true), "/user/{name}/posts");
	snprintf(path, sizeof(path), "/user/%s/posts", word(3));
	assert_string_equal(infer(t, "s", path, true), "/user/{name}/posts");
	assert_string_equal(infer(t, "s", "/user", true), "/user");
	/* Another service, and another place, know nothing of it. */
	assert_string_equal(infer(t, "other", path, true), path);
	assert_string_equal(infer(t, "s", "/group/onemore", true), "/group/onemore");
	/* Words behind {name} share one place. */
	for (int i = 0; i < ROUTE_WORDS_MAX - 1; i++) {
		snprintf(path, sizeof(path), "/user/%s/%s", word(900 + i), word(i));
		snprintf(before, sizeof(before), "/user/{name}/%s", word(i));
		assert_string_equal(infer(t, "s", path, true), before);
	}
	assert_string_equal(infer(t, "s", "/user/x/toomany", true), "/user/{name}/{name}");
	route_table_free(t);
}

/* A scanner's thousand paths neither become routes nor make the service's own words names. */
static void test_not_found(void **state)
{
	struct route_table *t = route_table_new();
	char path[64];
	int kept = 0;

	(void)state;
	assert_string_equal(infer(t, "s", "/pair/7", true), "/pair/{id}");
	for (int i = 0; i < 1000; i++) {
		snprintf(path, sizeof(path), "/%s", word(i));
		kept += strcmp(infer(t, "s", path, false), "/{name}") != 0;
	}
	assert_int_equal(kept, ROUTE_STRAYS_MAX);
	assert_string_equal(infer(t, "s", "/pair/7", true), "/pair/{id}");
	assert_string_equal(infer(t, "s", "/pair/8", false), "/pair/{id}");
	assert_string_equal(infer(t, "s", "/fresh", true), "/fresh");
	assert_string_equal(infer(t, "s", "/fresh", false), "/fresh");
	route_table_free(t);
}

/* However many words, places and services: a bounded number of routes in bounded memory. */
static void test_bounds(void **state)
{
	struct route_table *t = route_table_new();
	char path[128], scope[32];
	size_t names = 0;

	(void)state;
	for (int i = 0; i < 20000; i++) {
		char b[8], c[8];

		snprintf(b, sizeof(b), "%s", word(i * 7));
		snprintf(c, sizeof(c), "%s", word(i * 31));
		snprintf(path, sizeof(path), "/%s/%s/%s", word(i % 190), b, c);
		names += strstr(infer(t, "s", path, true), "{name}") != NULL;
	}
	assert_true(names > 20000 - ROUTE_NODES_MAX);
	for (int i = 0; i < 3 * ROUTE_SCOPES_MAX; i++) {
		snprintf(scope, sizeof(scope), "s%d", i);
		assert_non_null(infer(t, scope, "/x", true));
	}
	route_table_free(t);
}

static void test_rules(void **state)
{
	struct route_table *t = route_table_new();
	struct error error = { 0 };
	char text[ROUTE_MAX + 16];

	(void)state;
	assert_int_equal(route_rule_add(t, "/user/:name/*", &error), 0);
	assert_int_equal(route_rule_add(t, "/shop/{shop}/<item>", &error), 0);
	assert_int_equal(route_rule_add(t, "/blob/*/raw=/blob/{path}", &error), 0);
	assert_int_equal(route_rule_add(t, "/exact", &error), 0);
	assert_int_equal(route_rule_add(t, "/all/*=/everything", &error), 0);
	assert_string_equal(infer(t, "s", "/user/bob/a/b/c", true), "/user/{name}/*");
	assert_string_equal(infer(t, "s", "/user/bob", true), "/user/{name}/*");
	assert_string_equal(infer(t, "s", "/user", true), "/user");
	assert_string_equal(infer(t, "s", "/shop/a/7", true), "/shop/{shop}/{item}");
	assert_string_equal(infer(t, "s", "/shop/a/7/x", true), "/shop/a/{id}/x");
	assert_string_equal(infer(t, "s", "/blob/x/raw", true), "/blob/{path}");
	assert_string_equal(infer(t, "s", "/exact/", true), "/exact");
	assert_string_equal(infer(t, "s", "/all", true), "/everything");

	assert_int_equal(route_rule_add(t, "user/:name", &error), -EINVAL);
	assert_non_null(strstr(error.text, "user/:name"));
	assert_int_equal(route_rule_add(t, "", NULL), -EINVAL);
	assert_int_equal(route_rule_add(t, "/a=", NULL), -EINVAL);
	snprintf(text, sizeof(text), "/%0*d", ROUTE_MAX, 0);
	assert_int_equal(route_rule_add(t, text, NULL), -EINVAL);
	for (int i = 5; i < ROUTE_RULES_MAX; i++)
		assert_int_equal(route_rule_add(t, "/x", NULL), 0);
	assert_int_equal(route_rule_add(t, "/x", NULL), -ENOSPC);
	route_table_free(t);
}

static void test_no_memory(void **state)
{
	struct route_table *t;
	struct buf out;

	(void)state;
	memory_fail_after(0);
	assert_null(route_table_new());
	memory_fail_after(-1);
	t = route_table_new();
	for (int i = 0; i < 2; i++) {
		memory_fail_after(i);
		assert_int_equal(route_rule_add(t, "/user/:name", NULL), -ENOMEM);
	}
	memory_fail_after(-1);
	buf_init(&out, ROUTE_MAX);
	buf_add_byte(&out, ' ');
	memory_fail_after(0); /* nothing can be learned: nothing is known to be a word */
	assert_true(route_infer(t, bytes_of_string("s"), bytes_of_string("/pair/7"), true, &out));
	memory_fail_after(-1);
	assert_true(bytes_is(buf_bytes(&out), " /{name}/{id}"));
	assert_string_equal(infer(t, "s", "/pair/7", true), "/pair/{id}");
	buf_release(&out);
	route_table_free(t);
}

static void test_hostile(void **state)
{
	struct route_table *t = route_table_new();

	(void)state;
	for (int i = 0; i < 20000; i++) {
		uint8_t random[48];
		size_t len;
		uint8_t *exact;
		struct buf out;

		random_fill(random, sizeof(random));
		len = random[0] % 46 + 1;
		exact = memory_new(len);
		for (size_t k = 0; k < len; k++)
			exact[k] = random[k + 1] < 128
					   ? (uint8_t) "/;%.-_:{}<>*@19azAZ"[random[k + 1] % 19]
					   : random[k + 1];
		exact[0] = '/';
		buf_init(&out, ROUTE_MAX);
		assert_true(
			route_infer(t, bytes_of_string("s"), bytes_of(exact, len), i & 1, &out));
		assert_true(out.len >= 1 && out.data[0] == '/');
		buf_release(&out);
		memory_free(exact);
	}
	route_table_free(t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_shapes),    cmocka_unit_test(test_paths),
		cmocka_unit_test(test_learning),  cmocka_unit_test(test_not_found),
		cmocka_unit_test(test_bounds),    cmocka_unit_test(test_rules),
		cmocka_unit_test(test_no_memory), cmocka_unit_test(test_hostile),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
