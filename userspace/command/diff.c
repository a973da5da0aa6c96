// SPDX-License-Identifier: GPL-2.0-only
/* `spantap diff`: what changed from one recording to another, for people, programs and CI. */
#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "userspace/base/log.h"
#include "userspace/base/memory.h"
#include "userspace/command/command.h"
#include "userspace/command/reading.h"
#include "userspace/report/diff_json.h"
#include "userspace/report/diff_markdown.h"
#include "userspace/report/diff_text.h"
#include "userspace/report/html.h"
#include "userspace/report/visible.h"

#define LIMIT 20
#define COLUMNS 100        /* where nobody says how wide it is */
#define LOSSES_MATTER 0.01 /* of the spans */
#define EXIT_BROKEN 1

struct diff_options {
	struct option_list rules, before, after;
	uint64_t limit;
	const char *html, *markdown, *output;
	bool json, all, help;
	int colour_choice;
};

static const struct option options[] = {
	{ "fail-on", 'f', OPTION_LIST, offsetof(struct diff_options, rules), "RULE",
	  "exit status 1 when an endpoint breaks it; may be repeated" },
	{ "before", 0, OPTION_LIST, offsetof(struct diff_options, before), "FILE",
	  "more recordings of the first side" },
	{ "after", 0, OPTION_LIST, offsetof(struct diff_options, after), "FILE",
	  "and of the second" },
	{ "all", 'a', OPTION_FLAG, offsetof(struct diff_options, all), NULL,
	  "every number, changed or not" },
	{ "limit", 'n', OPTION_NUMBER, offsetof(struct diff_options, limit), "N",
	  "rows of each list (20)" },
	{ "json", 0, OPTION_FLAG, offsetof(struct diff_options, json), NULL,
	  "one JSON object, for programs" },
	{ "html", 0, OPTION_TEXT, offsetof(struct diff_options, html), "FILE",
	  "a page that needs nothing else" },
	{ "markdown", 0, OPTION_OPTIONAL, offsetof(struct diff_options, markdown), "FILE",
	  "a summary for GitHub or GitLab (--markdown=FILE)" },
	{ "output", 'o', OPTION_TEXT, offsetof(struct diff_options, output), "FILE",
	  "write there instead of standard output" },
	{ "colour", 0, OPTION_CHOICE, offsetof(struct diff_options, colour_choice),
	  "auto|always|never", "colours; auto: on a terminal" },
	{ "help", 'h', OPTION_FLAG, offsetof(struct diff_options, help), NULL, "this text" },
	OPTION_END,
};

static void help(void)
{
	puts("usage: spantap diff BEFORE AFTER [OPTIONS]\n\n"
	     "What got faster or slower between two recordings, how sure that is, and why. What "
	     "chance\n"
	     "can explain is not called a change.\n\n"
	     "  spantap diff before.spantap after.spantap\n"
	     "  spantap diff web1.spantap after.spantap --before web2.spantap\n"
	     "  spantap diff before.spantap after.spantap --html diff.html\n"
	     "  spantap diff main.spantap branch.spantap --markdown --fail-on 'p95 > +10%'\n\n"
	     "RULE is METRIC > VALUE [on ENDPOINT], METRIC one of p50 p95 p99 mean errors "
	     "calls:\n\n"
	     "  p95 > +10%              slower than before by more, and shown not to be chance\n"
	     "  calls > +5              more calls per request than before, by more than 5\n"
	     "  p99 > 200ms on GET /*   after, whatever it was before\n"
	     "  errors > 1%             of the requests after; +1% is a point more than before\n\n"
	     "Exit status: 0; 1 when a rule is broken; 2 when something could not be read.\n"
	     "With --markdown, $GITHUB_STEP_SUMMARY gets the summary too.\n");
	option_help(options, stdout);
}

/* ---- reading -------------------------------------------------------------------------------- */

static int read_side(struct reading *r, const struct option_list *files, struct analysis **out,
		     struct error *error)
{
	struct analysis_options wanted = { .series = true };
	struct trace trace;
	int err = reading_open(r, files, "read", false, error);

	if (err)
		return err;
	*out = analysis_new(&wanted);
	if (!*out)
		return error_set(error, -ENOMEM, "diff: no memory");
	while (reading_next(r, &trace))
		analysis_add(*out, &trace, r->ref);
	reading_hush(r);
	analysis_finish(*out);
	return 0;
}

/* Counted, and nothing that a comparison would miss. */
static bool harmless(const char *lost)
{
	static const char *const names[] = { "events",           "hook_recursion",
					     "foreign",          "connections_foreign",
					     "kernel_only",      "no_buffer",
					     "children_too_late" };

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (!strcmp(lost, names[i]))
			return true;
	return false;
}

static void note_side(struct comparison *c, const struct reading *r, const char *side)
{
	const struct summary *s = &r->summary;
	uint64_t lost = 0;
	char path[96];

	for (size_t i = 0; i < recordings_count(r->recordings); i++) {
		const struct recording_info *info = recordings_info(r->recordings, i);

		if (info->damage[0])
			comparison_note(c, "%s: %s: %s", side,
					visible(path, sizeof(path), bytes_of_string(info->path)),
					info->damage);
	}
	for (size_t i = 0; i < s->lost_count; i++) {
		if (!strcmp(s->lost[i].name, "ring_full") && s->lost[i].count)
			comparison_note(
				c, "%s lost %llu events because spantap was too slow (ring_full)",
				side, (unsigned long long)s->lost[i].count);
		else if (!harmless(s->lost[i].name))
			lost += s->lost[i].count;
	}
	if ((double)lost > LOSSES_MATTER * (double)s->spans)
		comparison_note(
			c,
			"%s: %llu times something was not seen, for %llu spans (spantap report "
			"says what)",
			side, (unsigned long long)lost, (unsigned long long)s->spans);
}

static void note_both(struct comparison *c, const struct reading *before,
		      const struct reading *after)
{
	const struct recording_info *x = recordings_info(before->recordings, 0);
	const struct recording_info *y = recordings_info(after->recordings, 0);
	char here[64], there[64];
	struct stat a, b;

	if (!stat(x->path, &a) && !stat(y->path, &b) && a.st_dev == b.st_dev &&
	    a.st_ino == b.st_ino)
		comparison_note(c, "BEFORE and AFTER are the same file");
	if (x->host[0] && y->host[0] && strcmp(x->host, y->host) != 0)
		comparison_note(c, "recorded on different hosts: %s before, %s after",
				visible(here, sizeof(here), bytes_of_string(x->host)),
				visible(there, sizeof(there), bytes_of_string(y->host)));
}

/* ---- writing -------------------------------------------------------------------------------- */

struct result {
	const struct diff_options *options;
	struct comparison *comparison;
	struct fail_on rules;
};

static int columns_of(FILE *out)
{
	const char *text = getenv("COLUMNS");
	struct winsize size;
	uint64_t columns;

	if (!ioctl(fileno(out), TIOCGWINSZ, &size) && size.ws_col)
		columns = size.ws_col;
	else if (!text || !bytes_number(bytes_of_string(text), &columns))
		columns = COLUMNS;
	if (columns < PAPER_COLUMNS_MIN)
		return PAPER_COLUMNS_MIN;
	return columns > PAPER_COLUMNS_MAX ? PAPER_COLUMNS_MAX : (int)columns;
}

static int write_text(FILE *out, const struct result *r, struct error *error)
{
	const struct diff_options *o = r->options;
	struct diff_text text = {
		.paper = { out, o->colour_choice == 1, columns_of(out) },
		.limit = o->limit,
		.all = o->all,
	};

	(void)error;
	if (o->colour_choice == 0 && isatty(fileno(out)) && !getenv("NO_COLOR"))
		text.paper.colour = true;
	diff_text_write(&text, r->comparison, &r->rules);
	return 0;
}

static int write_json(FILE *out, const struct result *r, struct error *error)
{
	return diff_json_write(out, r->comparison, &r->rules, error);
}

static int write_markdown(FILE *out, const struct result *r, struct error *error)
{
	(void)error;
	diff_markdown_write(out, r->comparison, &r->rules);
	return 0;
}

static int write_html(FILE *out, const struct result *r, struct error *error)
{
	return html_diff_write(out, r->comparison, error);
}

/* A word at the wrong place must not cost a recording. */
static bool is_database(const char *path)
{
	static const char magic[] = "SQLite format 3";
	char head[sizeof(magic)] = "";
	FILE *in = fopen(path, "re");
	bool found = in && fread(head, 1, sizeof(head), in) == sizeof(head) &&
		     !memcmp(head, magic, sizeof(magic));

	if (in)
		fclose(in);
	return found;
}

/* To `path` (NULL: standard output); what cannot be written whole is an error. */
static int write_to(const char *path, const char *mode, const struct result *r,
		    int (*write)(FILE *, const struct result *, struct error *),
		    struct error *error)
{
	FILE *out;
	int err;

	if (path && is_database(path))
		return error_set(error, -EEXIST, "%s: is a recording, and is not overwritten",
				 path);
	out = path ? fopen(path, mode) : stdout;
	if (!out)
		return error_set(error, -errno, "%s: cannot write: %m", path);
	err = write(out, r, error);
	if (!err && (ferror(out) || fflush(out)))
		err = error_set(error, -EIO, "%s: cannot write: %m",
				path ? path : "standard output");
	if (path && fclose(out) && !err)
		err = error_set(error, -errno, "%s: cannot write: %m", path);
	return err;
}

static int write_summary(const struct result *r, struct error *error)
{
	const char *github = getenv("GITHUB_STEP_SUMMARY"), *path = r->options->markdown;
	bool append = github && github[0] && (!path[0] || !strcmp(path, github));
	int err = 0;

	if (append)
		err = write_to(github, "ae", r, write_markdown, error);
	else if (path[0])
		err = write_to(path, "we", r, write_markdown, error);
	if (!err && !path[0])
		err = write_to(r->options->output, "we", r, write_markdown, error);
	return err;
}

/* Some forms replace the text; who sees none of it is told which rules are broken. */
static int write_all(const struct result *r, struct error *error)
{
	const struct diff_options *o = r->options;
	bool text = !o->json && !o->html && !(o->markdown && !o->markdown[0]);
	int err = 0;

	if (o->html)
		err = write_to(o->html, "we", r, write_html, error);
	if (!err && o->markdown)
		err = write_summary(r, error);
	if (!err && o->json)
		err = write_to(o->output, "we", r, write_json, error);
	if (!err && (text || (o->output && !o->json && !(o->markdown && !o->markdown[0]))))
		err = write_to(o->output, "we", r, write_text, error);
	if (!err && o->html)
		log_info("written: %s", o->html);
	for (size_t i = 0; !err && (!text || o->output) && i < r->rules.breach_count; i++)
		log_error("%s", r->rules.breaches[i].text);
	return err;
}

/* ---- rules ---------------------------------------------------------------------------------- */

static void note_rules(struct comparison *c, const struct fail_on *f)
{
	char rule[96];

	for (size_t i = 0; i < f->rule_count; i++) {
		visible(rule, sizeof(rule), bytes_of_string(f->rules[i].text));
		if (!f->matched[i])
			comparison_note(c, "no endpoint to judge by rule '%s'", rule);
		else if (f->unknown[i])
			comparison_note(c,
					"rule '%s': too little data to judge %zu of its endpoints",
					rule, f->unknown[i]);
	}
}

/* ---- the command ---------------------------------------------------------------------------- */

static int compare(const struct diff_options *o, struct fail_on *rules, struct error *error)
{
	struct reading before = { 0 }, after = { 0 };
	struct analysis *x = NULL, *y = NULL;
	struct result r = { .options = o };
	int err = read_side(&before, &o->before, &x, error);

	if (!err)
		err = read_side(&after, &o->after, &y, error);
	if (!err)
		r.comparison = comparison_new(x, y);
	if (!err && (!r.comparison || !fail_on_check(rules, r.comparison)))
		err = error_set(error, -ENOMEM, "diff: no memory");
	if (!err) {
		note_side(r.comparison, &before, "BEFORE");
		note_side(r.comparison, &after, "AFTER");
		note_both(r.comparison, &before, &after);
		note_rules(r.comparison, rules);
		r.rules = *rules;
		err = write_all(&r, error);
	}
	comparison_free(r.comparison);
	analysis_free(x);
	analysis_free(y);
	if (before.recordings)
		reading_close(&before);
	if (after.recordings)
		reading_close(&after);
	return err;
}

static int check(struct diff_options *o, const struct option_list *files, struct fail_on *rules,
		 struct error *error)
{
	const char *own[2] = { files->items[0], files->items[1] };
	bool markdown = o->markdown && !o->markdown[0];

	if (files->count < 2)
		return error_set(
			error, -EINVAL,
			"diff what? spantap diff BEFORE AFTER (spantap record -o FILE makes them)");
	if (files->count > 2)
		return error_set(error, -EINVAL,
				 markdown ? "diff takes two recordings, BEFORE AFTER; "
					    "--markdown=FILE writes to a file"
					  : "diff takes two recordings, BEFORE AFTER; --before "
					    "FILE and --after FILE add more to a side");
	if (o->before.count >= OPTION_LIST_MAX - 1 || o->after.count >= OPTION_LIST_MAX - 1)
		return error_set(error, -EINVAL, "--before, --after: at most %d files",
				 OPTION_LIST_MAX - 2);
	if (o->json && markdown)
		return error_set(
			error, -EINVAL,
			"--json and --markdown both go to standard output: give --markdown=FILE");
	if (!o->limit)
		return error_set(error, -EINVAL, "--limit 0 would show nothing");
	o->before.items[o->before.count++] = own[0];
	o->after.items[o->after.count++] = own[1];
	for (size_t i = 0; i < o->rules.count; i++) {
		int err = fail_on_add(rules, o->rules.items[i], error);

		if (err)
			return err;
	}
	return 0;
}

static int run(int argc, char **argv)
{
	struct diff_options o = { .limit = LIMIT };
	struct option_list files = { 0 };
	struct error error = { 0 };
	struct fail_on *rules = memory_new(sizeof(*rules));
	int err = option_parse(options, argc, argv, &o, &files, &error);
	int status = EXIT_USAGE;

	if (!err && o.help) {
		help();
		memory_free(rules);
		return 0;
	}
	if (!rules)
		err = error_set(&error, -ENOMEM, "diff: no memory");
	if (!err)
		err = check(&o, &files, rules, &error);
	if (!err)
		err = compare(&o, rules, &error);
	if (err)
		log_error("%s", error.text);
	else
		status = rules->breach_count ? EXIT_BROKEN : 0;
	if (rules)
		fail_on_release(rules);
	memory_free(rules);
	return status;
}

const struct command diff_command = { "diff",
				      "what got faster or slower between two recordings, and why",
				      run };
