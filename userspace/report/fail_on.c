// SPDX-License-Identifier: GPL-2.0-only
/*
 * See fail_on.h. A rule about a change holds only where the change is shown: what chance alone can
 * bring must not stop a build. A rule about a value of AFTER says what the value is, no more.
 */
#include "userspace/report/fail_on.h"

#include <errno.h>
#include <fnmatch.h>
#include <math.h>
#include <stdio.h>

#include "userspace/base/bytes.h"
#include "userspace/base/memory.h"
#include "userspace/report/compare_verdict.h"
#include "userspace/report/compare_words.h"
#include "userspace/report/duration.h"
#include "userspace/report/visible.h"

#define NAME_BYTES 96
#define WORD_MAX 24
#define FORM "METRIC > VALUE [on ENDPOINT], as in 'p95 > +10%'"

static const char *const metrics[] = { "p50", "p95", "p99", "mean", "errors", "calls" };

/* ---- reading -------------------------------------------------------------------------------- */

static void skip_blanks(const char **at)
{
	*at += strspn(*at, " \t");
}

/* Characters of the set into out; "" when there are none or too many. */
static void take(char out[WORD_MAX], const char **at, const char *set)
{
	size_t len = strspn(*at, set);

	skip_blanks(at);
	len = strspn(*at, set);
	out[0] = '\0';
	if (len >= WORD_MAX)
		return;
	memcpy(out, *at, len);
	out[len] = '\0';
	*at += len;
}

static int complain(struct error *error, const char *text, const char *at, const char *what)
{
	char rule[NAME_BYTES], word[WORD_MAX];
	size_t len = strcspn(at, " \t");

	visible(rule, sizeof(rule), bytes_of_string(text));
	visible(word, sizeof(word), bytes_of(at, len));
	if (!word[0])
		return error_set(error, -EINVAL,
				 "--fail-on '%s': %s is missing at the end; it reads %s", rule,
				 what, FORM);
	return error_set(error, -EINVAL, "--fail-on '%s': \"%s\" is not %s; it reads %s", rule,
			 word, what, FORM);
}

static int read_metric(struct fail_rule *r, const char **at, struct error *error)
{
	const char *from;
	char word[WORD_MAX];

	skip_blanks(at);
	from = *at;
	take(word, at, "abcdefghijklmnopqrstuvwxyz0123456789_");
	for (size_t i = 0; i < sizeof(metrics) / sizeof(metrics[0]); i++)
		if (!strcmp(word, metrics[i])) {
			r->metric = (enum fail_metric)i;
			return 0;
		}
	return complain(error, r->text, from, "a metric (p50, p95, p99, mean, errors, calls)");
}

static int read_operator(struct fail_rule *r, const char **at, struct error *error)
{
	const char *from;
	char word[WORD_MAX];

	skip_blanks(at);
	from = *at;
	take(word, at, "<>=!");
	r->below = word[0] == '<';
	r->or_equal = word[0] && word[1] == '=';
	if ((word[0] == '<' || word[0] == '>') && (!word[1] || (r->or_equal && !word[2])))
		return 0;
	return complain(error, r->text, from, "one of > >= < <=");
}

/* Digits, perhaps with a point; false on anything else. */
static bool read_number(double *out, const char **at)
{
	double n = 0, scale = 1;
	bool point = false;
	size_t digits = 0;

	for (; (**at >= '0' && **at <= '9') || (**at == '.' && !point); (*at)++) {
		if (**at == '.') {
			point = true;
			continue;
		}
		n = n * 10 + (**at - '0');
		scale *= point ? 10 : 1;
		digits++;
	}
	*out = n / scale;
	return digits > 0 && digits < 18;
}

struct unit {
	const char *name;
	double factor;
};

static bool read_unit(struct fail_rule *r, const char *word)
{
	static const struct unit times[] = {
		{ "ns", 1 }, { "us", 1e3 }, { "ms", 1e6 }, { "s", 1e9 }
	};

	if (!strcmp(word, "%")) {
		r->value /= 100;
		/* Errors are a share themselves: +1 % is a point. */
		r->ratio = r->relative && r->metric != FAIL_ERRORS;
		return r->relative || r->metric == FAIL_ERRORS;
	}
	if (r->metric == FAIL_CALLS)
		return !word[0];
	for (size_t i = 0; i < sizeof(times) / sizeof(times[0]); i++)
		if (r->metric != FAIL_ERRORS && !strcmp(word, times[i].name)) {
			r->value *= times[i].factor;
			return true;
		}
	return false;
}

static const char *value_wanted(const struct fail_rule *r)
{
	if (r->metric == FAIL_ERRORS)
		return "a value (1% of requests, or +1% more than before)";
	if (r->metric == FAIL_CALLS)
		return "a value (20 calls per request, or +5 or +10% more than before)";
	return "a value (200ms, or +10% or +20ms more than before)";
}

static int read_value(struct fail_rule *r, const char **at, struct error *error)
{
	bool negative, good;
	const char *from;
	char word[WORD_MAX];

	skip_blanks(at);
	from = *at;
	negative = **at == '-';
	r->relative = negative || **at == '+';
	*at += r->relative;
	good = read_number(&r->value, at);
	take(word, at, "abcdefghijklmnopqrstuvwxyz%");
	/* Blanks before the unit are fine, another word is not one. */
	if (!strcmp(word, "on")) {
		*at -= 2;
		word[0] = '\0';
	}
	if (!good || !read_unit(r, word))
		return complain(error, r->text, from, value_wanted(r));
	if (negative)
		r->value = -r->value;
	return 0;
}

static int read_scope(struct fail_rule *r, const char **at, struct error *error)
{
	skip_blanks(at);
	r->scope = "";
	if (!**at)
		return 0;
	if (strncmp(*at, "on ", 3) != 0)
		return complain(error, r->text, *at, "\"on\" and an endpoint");
	*at += 3;
	skip_blanks(at);
	if (!**at)
		return complain(error, r->text, *at, "an endpoint (GET /pair*)");
	r->scope = *at;
	return 0;
}

int fail_on_add(struct fail_on *f, const char *text, struct error *error)
{
	struct fail_rule rule = { .text = text };
	const char *at = text;
	int err;

	if (f->rule_count == FAIL_ON_RULES_MAX)
		return error_set(error, -EINVAL, "--fail-on: at most %d rules", FAIL_ON_RULES_MAX);
	err = read_metric(&rule, &at, error);
	err = err ? err : read_operator(&rule, &at, error);
	err = err ? err : read_value(&rule, &at, error);
	err = err ? err : read_scope(&rule, &at, error);
	if (err)
		return err;
	if (rule.relative && (rule.below ? rule.value > 0 : rule.value < 0))
		return error_set(error, -EINVAL, "--fail-on '%s': %s goes with %s", text,
				 rule.below ? "<" : ">",
				 rule.below ? "-, a change for less" : "+, a change for more");
	f->rules[f->rule_count++] = rule;
	return 0;
}

/* ---- checking ------------------------------------------------------------------------------- */

static const struct change *number_of(const struct endpoint_change *e, enum fail_metric metric)
{
	const struct change *const numbers[] = { &e->p50,  &e->p95,    &e->p99,
						 &e->mean, &e->errors, &e->calls };

	return numbers[metric];
}

static double value_of(const struct endpoint *e, enum fail_metric metric)
{
	static const double p[] = { 0.5, 0.95, 0.99 };

	switch (metric) {
	case FAIL_MEAN:
		return series_mean(&e->latency);
	case FAIL_ERRORS:
		return e->latency.count ? (double)e->errors / (double)e->latency.count : 0;
	case FAIL_CALLS:
		return series_mean(&e->calls);
	default:
		return (double)series_percentile(&e->latency, p[metric]);
	}
}

static bool beyond(const struct fail_rule *r, double value)
{
	if (r->or_equal && value == r->value)
		return true;
	return r->below ? value < r->value : value > r->value;
}

static bool applies(const struct fail_rule *r, const struct endpoint *e)
{
	return !r->scope[0] || !fnmatch(r->scope, e->name, 0);
}

static void value_text(char out[CHANGE_TEXT_MAX], enum fail_metric metric, double value)
{
	if (metric == FAIL_ERRORS)
		snprintf(out, CHANGE_TEXT_MAX, "%.3g%%", 100 * value);
	else if (metric == FAIL_CALLS)
		snprintf(out, CHANGE_TEXT_MAX, "%.4g", value);
	else
		duration_text(out, CHANGE_TEXT_MAX, (uint64_t)value);
}

static struct breach *add_breach(struct fail_on *f, const struct fail_rule *r,
				 const struct endpoint *e)
{
	struct breach *b = &f->breaches[f->breach_count];

	if (f->breach_count == FAIL_ON_BREACHES_MAX) {
		f->breaches_left_out++;
		return NULL;
	}
	f->breach_count++;
	*b = (struct breach){ .rule = r, .endpoint = e };
	return b;
}

static void check_change(struct fail_on *f, const struct fail_rule *r,
			 const struct endpoint_change *e)
{
	const struct change *n = number_of(e, r->metric);
	enum verdict wanted = r->below ? VERDICT_FASTER : VERDICT_SLOWER;
	char before[CHANGE_TEXT_MAX], after[CHANGE_TEXT_MAX], percent[CHANGE_TEXT_MAX];
	char name[NAME_BYTES], rule[NAME_BYTES];
	struct breach *b;

	/* From none at all any number is more than any share of it. */
	if (n->verdict != wanted ||
	    (n->present && !beyond(r, r->ratio ? n->change : n->difference)))
		return;
	if (!n->present && !r->ratio && !beyond(r, n->difference))
		return;
	b = add_breach(f, r, e->after);
	if (!b)
		return;
	b->change = e;
	value_text(before, r->metric, n->before);
	value_text(after, r->metric, n->after);
	change_percent(percent, n->change);
	visible(name, sizeof(name), bytes_of_string(e->after->name));
	visible(rule, sizeof(rule), bytes_of_string(r->text));
	snprintf(b->text, sizeof(b->text), "%s breaks '%s': %s %s -> %s%s%s%s", name, rule,
		 metrics[r->metric], before, after, n->present ? " (" : "",
		 n->present ? percent : "", n->present ? ")" : "");
}

static void check_value(struct fail_on *f, const struct fail_rule *r, const struct endpoint *e)
{
	double value = value_of(e, r->metric);
	char text[CHANGE_TEXT_MAX], name[NAME_BYTES], rule[NAME_BYTES];
	struct breach *b;

	if (!e->latency.count || !beyond(r, value))
		return;
	b = add_breach(f, r, e);
	if (!b)
		return;
	value_text(text, r->metric, value);
	visible(name, sizeof(name), bytes_of_string(e->name));
	visible(rule, sizeof(rule), bytes_of_string(r->text));
	snprintf(b->text, sizeof(b->text), "%s breaks '%s': %s is %s in AFTER", name, rule,
		 metrics[r->metric], text);
}

bool fail_on_check(struct fail_on *f, const struct comparison *c)
{
	f->breaches = memory_array(FAIL_ON_BREACHES_MAX, sizeof(*f->breaches));
	if (!f->breaches)
		return false;
	for (size_t i = 0; i < f->rule_count; i++) {
		const struct fail_rule *r = &f->rules[i];

		for (size_t k = 0; k < c->endpoint_count && r->relative; k++)
			if (applies(r, c->endpoints[k].after)) {
				f->matched[i] = true;
				f->unknown[i] += number_of(&c->endpoints[k], r->metric)->verdict ==
						 VERDICT_NOT_ENOUGH_DATA;
				check_change(f, r, &c->endpoints[k]);
			}
		for (size_t k = 0; k < c->after->endpoint_count && !r->relative; k++)
			if (applies(r, c->after->endpoints[k])) {
				f->matched[i] = true;
				check_value(f, r, c->after->endpoints[k]);
			}
	}
	return true;
}

void fail_on_release(struct fail_on *f)
{
	memory_free(f->breaches);
	f->breaches = NULL;
}
