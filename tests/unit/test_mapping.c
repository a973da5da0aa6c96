// SPDX-License-Identifier: GPL-2.0-only
/* userspace/capture/mapping.c: lines of /proc/PID/maps, real ones and broken ones. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>

#include "tests/lib/guard.h"
#include "userspace/capture/mapping.h"

static struct guard guard;

static const char maps[] =
	"55d0c8a00000-55d0c8a2b000 r--p 00000000 fe:00 1317030                    /usr/sbin/nginx\n"
	"7f2c5e035000-7f2c5e090000 r-xp 0001f000 103:a2 18446744073709551615      /opt/a "
	"b/libssl.so.3 (deleted)\n"
	"7f2c5e0aa000-7f2c5e0ac000 rw-p 00000000 00:00 0 \n"
	"7ffd3b7f1000-7ffd3b7f3000 r-xp 00000000 00:00 0                          [vdso]\n"
	"ffffffffff600000-ffffffffff601000 --xp 00000000 00:00 0                  [vsyscall]\n";

static void test_lines(void **state)
{
	struct bytes text = guard_put(&guard, bytes_of(maps, sizeof(maps) - 1));
	struct mapping m;

	(void)state;
	assert_true(mapping_next(&text, &m));
	assert_false(m.executable);
	assert_int_equal(m.inode, 1317030);
	assert_true(mapping_next(&text, &m));
	assert_true(m.executable);
	assert_true(m.start == 0x7f2c5e035000 && m.end == 0x7f2c5e090000);
	assert_int_equal(m.major, 0x103);
	assert_int_equal(m.minor, 0xa2);
	assert_true(m.inode == UINT64_MAX);
	assert_true(bytes_is(m.path, "/opt/a b/libssl.so.3 (deleted)"));
	assert_true(mapping_next(&text, &m));
	assert_int_equal(m.inode, 0);
	assert_int_equal(m.path.len, 0);
	assert_true(mapping_next(&text, &m));
	assert_true(bytes_is(m.path, "[vdso]"));
	assert_true(mapping_next(&text, &m));
	assert_true(m.start == 0xffffffffff600000);
	assert_false(mapping_next(&text, &m));
}

/* A text that was cut loses its last line, not its sense. */
static void test_cut(void **state)
{
	(void)state;
	for (size_t len = 0; len < sizeof(maps); len++) {
		struct bytes text = guard_put(&guard, bytes_of(maps, len));
		size_t lines = 0, wanted = 0;
		struct mapping m;

		for (size_t i = 0; i < len; i++)
			wanted += maps[i] == '\n';
		while (mapping_next(&text, &m))
			lines++;
		assert_int_equal(lines, wanted);
	}
}

static void test_broken(void **state)
{
	static const char *const lines[] = {
		"\n",
		"-\n",
		"1-2\n",
		"1-2 r-xp\n",
		"1-2 r-xp 0 8:1\n",
		"x-2 r-xp 0 8:1 5 /a\n",
		"1-2 r-xp 0 8 5 /a\n",
		"1-2 r-xp 0 8:1 x /a\n",
		"11112222333344445-2 r-xp 0 8:1 5 /a\n",
		"1-2 r-xpp 0 8:1 5 /a\n",
		"1-2 r-xp 0 8:1 99999999999999999999 /a\n",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		char both[256];
		struct bytes text;
		struct mapping m;
		int len = snprintf(both, sizeof(both), "%s1-2 r-xp 0 8:1 5 /last\n", lines[i]);

		text = guard_put(&guard, bytes_of(both, (size_t)len));
		assert_true(mapping_next(&text, &m)); /* the good one behind it */
		assert_true(bytes_is(m.path, "/last"));
		assert_false(mapping_next(&text, &m));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_lines),
		cmocka_unit_test(test_cut),
		cmocka_unit_test(test_broken),
	};

	if (guard_init(&guard, 4096))
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
