// SPDX-License-Identifier: GPL-2.0-only
/* userspace/capture/service.h: what a process's environment says about it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <unistd.h>
#include <cmocka.h>

#include "tests/lib/guard.h"
#include "userspace/capture/service.h"

static struct guard guard;
static struct resource *r;

#define READ(block) read_block(block, sizeof(block) - 1)

/* The literal's own NUL is left out: a cut environment need not end with one. */
static void read_block(const char *block, size_t len)
{
	resource_drop(r);
	r = resource_new();
	service_read_environment(r, guard_put(&guard, bytes_of(block, len)));
}

static void expect(const char *key, const char *value)
{
	struct bytes got = attributes_get(&r->attributes, key);

	if (!bytes_is(got, value))
		fail_msg("%s: \"%.*s\", not \"%s\"", key, (int)got.len, (const char *)got.data,
			 value);
}

static void test_names(void **state)
{
	(void)state;
	READ("PATH=/bin\0HOME=/");
	assert_string_equal(r->service, "");
	assert_int_equal(r->attributes.count, 0);
	READ("OTEL_SERVICE_NAME=shop");
	assert_string_equal(r->service, "shop");
	READ("DD_SERVICE=shop-dd\0X=1");
	assert_string_equal(r->service, "shop-dd");
	READ("OTEL_RESOURCE_ATTRIBUTES=service.name=shop-attr\0DD_SERVICE=shop-dd");
	assert_string_equal(r->service, "shop-attr");
	READ("OTEL_RESOURCE_ATTRIBUTES=service.name=shop-attr\0OTEL_SERVICE_NAME=shop\0DD_SERVICE="
	     "shop-dd");
	assert_string_equal(r->service, "shop");
	READ("OTEL_SERVICE_NAME=\0DD_SERVICE=shop-dd");
	assert_string_equal(r->service, "shop-dd");
	READ("NOT_OTEL_SERVICE_NAME=x\0OTEL_SERVICE_NAMES=y\0OTEL_SERVICE_NAME");
	assert_string_equal(r->service, "");
}

static void test_attributes(void **state)
{
	(void)state;
	READ("OTEL_RESOURCE_ATTRIBUTES=service.version=1.2, deployment.environment.name = prod ,,"
	     "k8s.pod.name=shop-1,service.name=caf%C3%A9%2c%20caf%c3%a9,unknown.key=1,service."
	     "namespace=");
	assert_string_equal(r->service, "caf\xc3\xa9, caf\xc3\xa9");
	expect("service.version", "1.2");
	expect("deployment.environment.name", "prod");
	expect("k8s.pod.name", "shop-1");
	READ("DD_ENV=prod\0DD_VERSION=7\0OTEL_RESOURCE_ATTRIBUTES=service.version=8");
	expect("deployment.environment.name", "prod");
	expect("service.version", "8");
}

/* The specification: on any error the whole variable is discarded. */
static void test_void(void **state)
{
	(void)state;
	READ("OTEL_RESOURCE_ATTRIBUTES=service.name=shop,service.version=100%");
	assert_string_equal(r->service, "");
	assert_int_equal(r->attributes.count, 0);
	READ("OTEL_RESOURCE_ATTRIBUTES=service.name=shop,service.version=%4g");
	assert_string_equal(r->service, "");
	READ("OTEL_RESOURCE_ATTRIBUTES=service.name=shop,service.version");
	assert_string_equal(r->service, "");
	READ("OTEL_RESOURCE_ATTRIBUTES=service.name=shop,=x");
	assert_string_equal(r->service, "");
	READ("DD_SERVICE=shop-dd\0OTEL_RESOURCE_ATTRIBUTES=service.name=%");
	assert_string_equal(r->service, "shop-dd");
	/* A value may have '=' in it. */
	READ("OTEL_RESOURCE_ATTRIBUTES=service.name=a=b");
	assert_string_equal(r->service, "a=b");
}

/* Every cut of a block, against a guard page; a name longer than there is room for. */
static void test_hostile(void **state)
{
	static const char block[] =
		"A\0\0=x\0OTEL_RESOURCE_ATTRIBUTES=a=%41,service.name=%C3%A9\0DD_ENV=\0"
		"OTEL_SERVICE_NAME=shop";
	char huge[4000] = "OTEL_SERVICE_NAME=";

	(void)state;
	for (size_t cut = 0; cut < sizeof(block); cut++)
		read_block(block, cut);
	memset(huge + 18, 'x', sizeof(huge) - 18);
	read_block(huge, sizeof(huge));
	assert_int_equal(strlen(r->service), sizeof(r->service) - 1);
}

static void test_describe(void **state)
{
	(void)state;
	resource_drop(r);
	r = resource_new();
	assert_int_equal(service_describe((uint32_t)getpid(), r), 0);
	assert_true(r->service[0]);
	expect("process.executable.name", "test_service");
	assert_int_equal(attributes_find(&r->attributes, "process.pid")->integer, getpid());
	assert_true(service_describe(0x7fffffff, r) < 0);
}

static int setup(void **state)
{
	(void)state;
	return guard_init(&guard, 8192);
}

static int teardown(void **state)
{
	(void)state;
	resource_drop(r);
	guard_release(&guard);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_names),    cmocka_unit_test(test_attributes),
		cmocka_unit_test(test_void),     cmocka_unit_test(test_hostile),
		cmocka_unit_test(test_describe),
	};

	return cmocka_run_group_tests_name("service", tests, setup, teardown);
}
