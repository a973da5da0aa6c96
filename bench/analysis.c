// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the analysis at the end of `trace` costs while it runs: processor time per span, detectors
 * of findings included. Requests with three statements, a cache's key and a call to another traced
 * service; names are known after the first round.
 */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "tests/lib/made.h"
#include "userspace/report/analysis.h"

#define TRACES 50
#define ROUNDS 10000
#define US 1000ull

static uint64_t cpu_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (uint64_t)t.tv_sec * 1000000000ull + (uint64_t)t.tv_nsec;
}

static void make(struct made *m, size_t number, struct resource *web, struct resource *price)
{
	struct span *request, *call;
	char text[256];

	made_init(m);
	snprintf(text, sizeof(text), "GET /endpoint/%zu/{id}", number % 20);
	request = made_server(m, web, NULL, text, 0, 1000 * US);
	made_time(request, 100 * US, 10 * US, 0);
	for (size_t i = 0; i < 3; i++) {
		snprintf(text, sizeof(text),
			 "SELECT products.id AS products_id, products.name AS products_name, "
			 "products.c%zu "
			 "FROM products WHERE products.id = ?",
			 number % 20);
		call = made_sql(m, request, text, (10 + i * 100) * US, (90 + i * 100) * US);
		attributes_text(&call->attributes, "db.query.summary", "SELECT products");
		attributes_text(&call->attributes, "network.peer.address", "127.0.0.1");
		attributes_int(&call->attributes, "network.peer.port", 5432);
		attributes_int(&call->attributes, "db.response.returned_rows", 1);
		call->call_hash = number * 3 + i + 1;
		call->connection = 1;
	}
	snprintf(text, sizeof(text), "GET user:%zu", number);
	made_redis(m, request, text, 400 * US, 450 * US);
	call = made_http(m, request, "/price/{id}", 500 * US, 900 * US);
	made_server(m, price, call, "GET /price/{id}", 510 * US, 890 * US);
}

static void measure(struct made *traces, bool series)
{
	struct analysis *a = analysis_new(&(struct analysis_options){ series });
	uint64_t begin = cpu_ns();

	if (!a)
		exit(1);
	for (uint64_t i = 0; i < ROUNDS * TRACES; i++)
		analysis_add(a, made_trace(&traces[i % TRACES]), i + 1);
	printf("%-28s %5.0f ns per span, %5.0f ns per request\n",
	       series ? "with series (report, diff)" : "live (trace)",
	       (double)(cpu_ns() - begin) / (double)a->spans,
	       (double)(cpu_ns() - begin) / (double)a->traces);
	begin = cpu_ns();
	analysis_finish(a);
	printf("%-28s %5.1f ms, %zu endpoints\n", "  conclusion", (double)(cpu_ns() - begin) / 1e6,
	       a->endpoint_count);
	analysis_free(a);
}

int main(void)
{
	struct resource *web = made_resource("shop-web"), *price = made_resource("shop-price");
	static struct made traces[TRACES];

	for (size_t i = 0; i < TRACES; i++)
		make(&traces[i], i, web, price);
	measure(traces, false);
	measure(traces, true);
	for (size_t i = 0; i < TRACES; i++)
		made_release(&traces[i]);
	resource_drop(web);
	resource_drop(price);
	return 0;
}
