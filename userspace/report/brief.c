// SPDX-License-Identifier: GPL-2.0-only
/* See brief.h. */
#include "userspace/report/brief.h"

#include <sys/ioctl.h>

#include "userspace/report/duration.h"
#include "userspace/report/finding_text.h"
#include "userspace/report/visible.h"

#define ENDPOINTS_SHOWN 5
#define FINDINGS_SHOWN 10
#define WIDTH 120     /* of findings, where there is no terminal */
#define WIDTH_MAX 160 /* of lines that are read */

static const struct {
	enum time_part part;
	const char *text;
} parts[] = {
	{ TIME_DATABASE, "database" },
	{ TIME_CACHE, "cache" },
	{ TIME_SERVICE, "other services" },
	{ TIME_CPU, "own cpu" },
	{ TIME_RUNQUEUE, "own waiting for a cpu" },
	{ TIME_BLOCKED, "own blocked (sleep, lock, disk)" },
	{ TIME_UNACCOUNTED, "not accounted for" },
};

static void print_time(FILE *out, const struct endpoint *e)
{
	bool first = true;

	fputs("      time per request: ", out);
	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
		double ns = (double)e->time_ns[parts[i].part];
		char text[32];

		if (ns * 200 < (double)e->latency.total || ns < 1) /* half a percent says nothing */
			continue;
		duration_text(text, sizeof(text), (uint64_t)(ns / (double)e->latency.count));
		fprintf(out, "%s%s %s (%.0f%%)", first ? "" : ", ", parts[i].text, text,
			100 * ns / (double)e->latency.total);
		first = false;
	}
	fputs(first ? "too short to tell\n" : "\n", out);
}

static void print_endpoint(FILE *out, const struct endpoint *e)
{
	char mean[32], worst[32], name[SPAN_NAME_MAX * 3], service[400];

	duration_text(mean, sizeof(mean), (uint64_t)series_mean(&e->latency));
	duration_text(worst, sizeof(worst), e->latency.max);
	fprintf(out, "    %s  %s: %llu request%s, %llu error%s, mean %s, worst %s\n",
		visible(name, sizeof(name), bytes_of_string(e->name)),
		visible(service, sizeof(service), bytes_of_string(e->service->name)),
		(unsigned long long)e->latency.count, e->latency.count == 1 ? "" : "s",
		(unsigned long long)e->errors, e->errors == 1 ? "" : "s", mean, worst);
	print_time(out, e);
}

/* By the mean; of equals the one with more time in all. */
static const struct endpoint *slowest(const struct analysis *a)
{
	const struct endpoint *found = NULL;

	for (size_t i = 0; i < a->endpoint_count; i++) {
		const struct endpoint *e = a->endpoints[i];

		if (e->latency.count &&
		    (!found || series_mean(&e->latency) > series_mean(&found->latency)))
			found = e;
	}
	return found;
}

static int width_of(FILE *out)
{
	struct winsize size;
	int file = fileno(out);

	if (file < 0 || ioctl(file, TIOCGWINSZ, &size) || !size.ws_col)
		return WIDTH;
	return size.ws_col < WIDTH_MAX ? size.ws_col : WIDTH_MAX;
}

static void print_findings(const struct analysis *a, FILE *out, bool colour)
{
	int width = width_of(out);

	if (!a->finding_count)
		return;
	fputs("  what to change:\n", out);
	for (size_t i = 0; i < a->finding_count && i < FINDINGS_SHOWN; i++)
		finding_print(a->findings[i], out, colour, width);
	if (a->finding_count > FINDINGS_SHOWN)
		fprintf(out, "    %zu more that cost less: record and report show all\n",
			a->finding_count - FINDINGS_SHOWN);
}

void brief_print(const struct analysis *a, FILE *out, bool colour)
{
	const char *bold = colour ? "\033[1m" : "", *plain = colour ? "\033[0m" : "";
	const struct endpoint *worst = slowest(a);
	char mean[32], name[SPAN_NAME_MAX * 3], service[400];
	size_t shown = 0;

	if (!worst)
		return;
	duration_text(mean, sizeof(mean), (uint64_t)series_mean(&worst->latency));
	fprintf(out, "\n%swhat spantap found%s\n  slowest endpoint: %s%s%s, %s on average (%s)\n",
		bold, plain, bold, visible(name, sizeof(name), bytes_of_string(worst->name)), plain,
		mean, visible(service, sizeof(service), bytes_of_string(worst->service->name)));
	fputs("  endpoints by total time:\n", out);
	for (size_t i = 0; i < a->endpoint_count && shown < ENDPOINTS_SHOWN; i++) {
		if (!a->endpoints[i]->latency.count)
			continue;
		print_endpoint(out, a->endpoints[i]);
		shown++;
	}
	print_findings(a, out, colour);
	if (a->dropped)
		fprintf(out,
			"  not counted: %llu requests or calls, for there are too many different "
			"ones\n",
			(unsigned long long)a->dropped);
	if (a->odd_times)
		fprintf(out,
			"  not counted: %llu requests or calls with times that cannot be right\n",
			(unsigned long long)a->odd_times);
}
