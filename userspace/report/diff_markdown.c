// SPDX-License-Identifier: GPL-2.0-only
/* See diff_markdown.h. */
#include "userspace/report/diff_markdown.h"

#include <inttypes.h>
#include <math.h>

#include "userspace/report/compare_numbers.h"
#include "userspace/report/compare_verdict.h"
#include "userspace/report/compare_words.h"
#include "userspace/report/duration.h"
#include "userspace/report/visible.h"

#define TEXT_BYTES 160
#define ROWS_MAX 20   /* of the table that is read first */
#define FOLDED_MAX 50 /* of each list behind the fold */

/*
 * Text that is not code: what Markdown or HTML would read as markup gets a backslash or an entity.
 * Mentions and issue numbers are cut off from what follows them, or people would be called.
 */
static void put(FILE *out, const char *text)
{
	char line[1024];

	visible(line, sizeof(line), bytes_of_string(text));
	for (const char *c = line; *c; c++) {
		if (*c == '<')
			fputs("&lt;", out);
		else if (*c == '>')
			fputs("&gt;", out);
		else if (*c == '&')
			fputs("&amp;", out);
		else if (*c == '@' || *c == '#')
			fprintf(out, "%c\xe2\x80\x8b", *c);
		else if (strchr("\\`*_[]|~", *c))
			fprintf(out, "\\%c", *c);
		else
			fputc(*c, out);
	}
}

/* As code in a table's cell: a grave accent would end it, a bar the cell. */
static void put_code(FILE *out, const char *text)
{
	char line[TEXT_BYTES];

	visible(line, sizeof(line) - 3, bytes_of_string(text));
	if (strlen(text) > sizeof(line) - 4)
		memcpy(line + strlen(line), "...", 4);
	fputs("<code>", out);
	put(out, line);
	fputs("</code>", out);
}

static const char *word_of(enum verdict v)
{
	static const char *const words[] = { "not enough data", "same", "**faster**",
					     "**slower**" };

	return words[v];
}

static void put_time(FILE *out, double ns)
{
	char text[32];

	duration_text(text, sizeof(text), (uint64_t)fmax(0, ns));
	fputs(text, out);
}

/* "12.1ms -> 13.4ms, +11% (+9.0% to +12%)" */
static void put_change(FILE *out, const struct change *c)
{
	char change[CHANGE_TEXT_MAX], low[CHANGE_TEXT_MAX], high[CHANGE_TEXT_MAX];

	put_time(out, c->before);
	fputs(" → ", out);
	put_time(out, c->after);
	if (c->present)
		fprintf(out, ", %s", change_percent(change, c->change));
	if (c->present && c->interval)
		fprintf(out, " (%s to %s)", change_percent(low, c->low),
			change_percent(high, c->high));
}

static bool changed(const struct endpoint_change *e)
{
	return verdict_shown(endpoint_verdict(e)) || verdict_shown(e->errors.verdict) ||
	       verdict_shown(e->calls.verdict);
}

/* ---- tables --------------------------------------------------------------------------------- */

static void put_endpoint(FILE *out, const struct endpoint_change *e)
{
	fputs("| ", out);
	put_code(out, e->before->name);
	fprintf(out, " | %s | ", word_of(endpoint_verdict(e)));
	put_change(out, &e->p50);
	fputs(" | ", out);
	put_change(out, &e->p95);
	fputs(" | ", out);
	put_change(out, &e->p99);
	fprintf(out, " | %.2f%% → %.2f%%%s | %.1f → %.1f%s | ", 100 * e->errors.before,
		100 * e->errors.after,
		e->errors.verdict == VERDICT_SLOWER   ? ", **more**"
		: e->errors.verdict == VERDICT_FASTER ? ", **fewer**"
						      : "",
		e->calls.before, e->calls.after,
		e->calls.verdict == VERDICT_SLOWER   ? ", **more**"
		: e->calls.verdict == VERDICT_FASTER ? ", **fewer**"
						     : "");
	put(out, e->why);
	fputs(" |\n", out);
}

static void put_heads(FILE *out)
{
	fputs("\n| endpoint | | p50 | p95 | p99 | errors | calls per request | why |\n"
	      "|---|---|---|---|---|---|---|---|\n",
	      out);
}

static size_t put_endpoints(FILE *out, const struct comparison *c, bool those, size_t most)
{
	size_t count = 0;

	for (size_t i = 0; i < c->endpoint_count; i++) {
		if (changed(&c->endpoints[i]) != those)
			continue;
		if (!count++)
			put_heads(out);
		if (count <= most)
			put_endpoint(out, &c->endpoints[i]);
	}
	if (count > most)
		fprintf(out, "\n%zu more are not listed.\n", count - most);
	return count;
}

static void put_queries(FILE *out, const struct comparison *c)
{
	size_t count = 0;

	for (size_t i = 0; i < c->query_count; i++) {
		const struct query_change *q = &c->queries[i];

		if (!verdict_shown(query_verdict(q)))
			continue;
		if (!count++)
			fputs("\n| query | | p50 | p95 | calls |\n|---|---|---|---|---|\n", out);
		if (count > FOLDED_MAX)
			continue;
		fputs("| ", out);
		put_code(out, q->before->text);
		fprintf(out, " | %s | ", word_of(query_verdict(q)));
		put_change(out, &q->p50);
		fputs(" | ", out);
		put_change(out, &q->p95);
		fprintf(out, " | %" PRIu64 " → %" PRIu64 " |\n", q->before->latency.count,
			q->after->latency.count);
	}
	if (count > FOLDED_MAX)
		fprintf(out, "\n%zu more queries changed.\n", count - FOLDED_MAX);
}

static void put_only(FILE *out, const char *where, const struct endpoint *const *endpoints,
		     size_t endpoint_count, const struct query *const *queries, size_t query_count)
{
	if (endpoint_count + query_count)
		fprintf(out, "\nOnly %s:\n\n", where);
	for (size_t i = 0; i < endpoint_count && i < FOLDED_MAX; i++) {
		fputs("- ", out);
		put_code(out, endpoints[i]->name);
		fprintf(out, ": %" PRIu64 " requests\n", endpoint_requests(endpoints[i]));
	}
	for (size_t i = 0; i < query_count && i < FOLDED_MAX; i++) {
		fputs("- ", out);
		put_code(out, queries[i]->text);
		fprintf(out, ": %" PRIu64 " calls\n", queries[i]->latency.count);
	}
	if (endpoint_count > FOLDED_MAX || query_count > FOLDED_MAX)
		fputs("- and more\n", out);
}

static void put_rules(FILE *out, const struct fail_on *rules)
{
	if (!rules || !rules->rule_count)
		return;
	if (!rules->breach_count) {
		fprintf(out, "\n**Passed**: none of %zu rules is broken.\n", rules->rule_count);
		return;
	}
	fprintf(out, "\n**Failed**: %zu times a rule is broken.\n\n",
		rules->breach_count + rules->breaches_left_out);
	for (size_t i = 0; i < rules->breach_count && i < FOLDED_MAX; i++) {
		fputs("- ", out);
		put(out, rules->breaches[i].text);
		fputc('\n', out);
	}
}

void diff_markdown_write(FILE *out, const struct comparison *c, const struct fail_on *rules)
{
	fputs("### spantap diff\n\n", out);
	put(out, c->overall);
	fputs(".\n", out);
	put_rules(out, rules);
	for (size_t i = 0; i < c->note_count; i++) {
		fputs(i ? "- " : "\nBeware:\n\n- ", out);
		put(out, c->notes[i]);
		fputc('\n', out);
	}
	put_endpoints(out, c, true, ROWS_MAX);
	fputs("\n<details><summary>Everything else</summary>\n", out);
	put_endpoints(out, c, false, FOLDED_MAX);
	put_queries(out, c);
	put_only(out, "after", c->endpoints_appeared, c->endpoints_appeared_count,
		 c->queries_appeared, c->queries_appeared_count);
	put_only(out, "before", c->endpoints_disappeared, c->endpoints_disappeared_count,
		 c->queries_disappeared, c->queries_disappeared_count);
	fprintf(out,
		"\nIntervals hold with 95%%, each by itself; faster and slower are corrected for "
		"all %" PRIu64 " tests together.\n\n</details>\n",
		c->tests);
}
