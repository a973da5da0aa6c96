// SPDX-License-Identifier: GPL-2.0-only
/* userspace/report/statistics.h against scipy 1.10 (stats.t, norm, hypergeom, binom). */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "userspace/base/memory.h"
#include "userspace/report/statistics.h"

static void assert_near(double value, double expected)
{
	if (fabs(value - expected) > 1e-8 * fabs(expected) + 1e-300)
		fail_msg("%.17g is not %.17g", value, expected);
}

static void test_student(void **state)
{
	static const double v[][3] = {
		{ 0, 5, 1.0 },
		{ 1, 1, 0.49999999999999956 },
		{ 2.5, 3, 0.08770664700806555 },
		{ -2.5, 3.7, 0.07182202291182675 },
		{ 4.3, 38, 0.00011482901119021513 },
		{ 12, 19, 2.5908946372221914e-10 },
		{ 60, 19, 3.976061684707285e-23 },
		{ 0.001, 2.2, 0.999285495518496 },
		{ 8, 250, 4.652801518917545e-14 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(v) / sizeof(v[0]); i++)
		assert_near(student_p_value(v[i][0], v[i][1]), v[i][2]);
	assert_true(student_p_value(INFINITY, 3) == 0);
	assert_true(student_p_value(NAN, 3) == 1);
	assert_true(student_p_value(2, 0) == 1);
}

static void test_critical(void **state)
{
	static const double v[][3] = {
		{ 0.05, 1, 12.706204736432102 },   { 0.05, 38, 2.0243941645751367 },
		{ 0.01, 9.5, 3.2070156358945474 }, { 0.0001, 38, 4.34558066716844 },
		{ 1e-06, 19, 7.069118187188778 },  { 0.9, 4, 0.13383036711166135 },
		{ 0.05, 1e6, 1.959966356814107 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(v) / sizeof(v[0]); i++)
		assert_near(student_critical(v[i][0], v[i][1]), v[i][2]);
}

static void test_normal(void **state)
{
	(void)state;
	assert_near(normal_p_value(0), 1);
	assert_near(normal_p_value(-1.96), 0.04999579029644087);
	assert_near(normal_p_value(5), 5.733031437583866e-07);
	assert_near(normal_p_value(9), 2.2571768119076647e-19);
}

static void test_fisher(void **state)
{
	static const struct {
		uint64_t x, n, y, m;
		double p;
	} v[] = {
		{ 0, 500, 18, 500, 6.529139181988962e-06 },
		{ 18, 500, 0, 500, 6.529139181988962e-06 },
		{ 3, 100, 0, 5000, 1.4636466624441167e-05 },
		{ 10, 1000, 10, 1000, 1.0 },
		{ 1, 30, 9, 30, 0.012182915008697837 },
		{ 50, 1000, 90, 1000, 0.0005876606652318946 },
		{ 0, 10, 0, 10, 1.0 },
		{ 5, 5, 0, 5, 0.007936507936507938 },
		{ 0, 0, 3, 7, 1.0 },
		{ 9, 3, 0, 3, 1.0 }, /* more than all: nothing is said */
	};

	(void)state;
	for (size_t i = 0; i < sizeof(v) / sizeof(v[0]); i++)
		assert_near(fisher_p_value(v[i].x, v[i].n, v[i].y, v[i].m), v[i].p);
	/* Where logarithms of factorials are large, fewer digits are right. */
	assert_true(fabs(fisher_p_value(2000, 100000, 2300, 100000) / 4.002282041366867e-06 - 1) <
		    1e-6);
}

static void test_holm(void **state)
{
	double p[] = { 0.01, 0.04, 0.03, 0.005, 1 }, none[1];
	static const double adjusted[] = { 0.04, 0.09, 0.09, 0.025, 1 };

	(void)state;
	assert_true(holm_adjust(p, 5));
	for (size_t i = 0; i < 5; i++)
		assert_near(p[i], adjusted[i]);
	assert_true(holm_adjust(none, 0));
	memory_fail_after(0);
	assert_false(holm_adjust(p, 5));
	memory_fail_after(-1);
	assert_near(p[3], 1);
}

static void test_random(void **state)
{
	struct random a = { 7 }, b = { 7 };
	uint32_t counts[10] = { 0 };

	(void)state;
	for (int i = 0; i < 100000; i++) {
		uint32_t n = random_below(&a, 10);

		assert_int_equal(n, random_below(&b, 10));
		assert_in_range(n, 0, 9);
		counts[n]++;
	}
	for (int i = 0; i < 10; i++)
		assert_in_range(counts[i], 9500, 10500);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_student), cmocka_unit_test(test_critical),
		cmocka_unit_test(test_normal),  cmocka_unit_test(test_fisher),
		cmocka_unit_test(test_holm),    cmocka_unit_test(test_random),
	};

	return cmocka_run_group_tests_name("statistics", tests, NULL, NULL);
}
