// SPDX-License-Identifier: GPL-2.0-only
/* userspace/capture/wakeup.c: an event loop's own pair of sockets, and pairs that are none. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>
#include <sys/socket.h>

#include "userspace/capture/wakeup.h"

#define LOOP 100

struct transfer {
	struct event_data event;
	uint8_t bytes[4];
};

static const struct socket_info
	writer = { .id = 1, .peer = 2, .pid = LOOP, .local.family = AF_UNIX },
	reader = { .id = 2, .peer = 1, .pid = LOOP, .local.family = AF_UNIX };

static struct transfer transfer(const char *bytes, uint16_t len)
{
	struct transfer t = { .event = { .len = len, .head_len = len } };

	memcpy(t.bytes, bytes, len);
	return t;
}

static bool takes(struct wakeup *w, const struct socket_info *info, const char *bytes, uint16_t len)
{
	struct transfer t = transfer(bytes, len);

	return wakeup_takes(w, info, &t.event);
}

static void test_pair(void **state)
{
	struct wakeup a = { 0 }, b = { 0 };

	(void)state;
	assert_true(takes(&a, &writer, "\0", 1));
	assert_false(wakeup_pairs(&a, &writer, NULL, NULL));
	assert_int_equal(wakeup_lost(&a), 1); /* nobody has read it yet */
	assert_true(takes(&b, &reader, "\0", 1));
	assert_false(wakeup_pairs(&b, &reader, &a, &writer));
	assert_int_equal(wakeup_lost(&a) + wakeup_lost(&b), 0);
	for (int i = 1; i < WAKEUPS_SURE; i++) {
		assert_true(takes(&b, &reader, "\0\0", 2));
		assert_int_equal(wakeup_pairs(&b, &reader, &a, &writer), i == WAKEUPS_SURE - 1);
	}
	assert_int_equal(wakeup_lost(&b), 0);
}

/* A conversation that begins with a NUL: what was passed over is lost. */
static void test_conversation(void **state)
{
	struct wakeup a = { 0 }, b = { 0 };

	(void)state;
	assert_true(takes(&a, &writer, "\0", 1));
	assert_true(takes(&b, &reader, "\0", 1));
	wakeup_pairs(&b, &reader, &a, &writer);
	assert_false(takes(&a, &writer, "\0+OK", 4));
	assert_false(takes(&a, &writer, "\0", 1));
	assert_int_equal(wakeup_lost(&a), 1);
}

static void test_others(void **state)
{
	struct socket_info child = reader, named = writer, inet = writer;
	struct wakeup a = { 0 }, b = { 0 }, c = { 0 }, d = { 0 }, e = { 0 };
	struct transfer t = transfer("\0", 1);

	(void)state;
	child.pid = LOOP + 1;
	assert_true(takes(&a, &writer, "\0", 1));
	assert_true(takes(&b, &child, "\0", 1));
	assert_false(wakeup_pairs(&b, &child, &a, &writer));
	assert_int_equal(wakeup_lost(&a) + wakeup_lost(&b), 2);
	named.path[0] = '/';
	assert_false(takes(&c, &named, "\0", 1));
	inet.local.family = AF_INET;
	assert_false(takes(&d, &inet, "\0", 1));
	t.event.len = 100; /* of which one byte was copied */
	assert_false(wakeup_takes(&e, &writer, &t.event));
	t.event.len = 1;
	assert_false(wakeup_takes(&e, &writer, &t.event));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_pair),
		cmocka_unit_test(test_conversation),
		cmocka_unit_test(test_others),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
