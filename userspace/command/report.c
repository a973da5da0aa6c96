// SPDX-License-Identifier: GPL-2.0-only
/* `spantap report`: what recordings say, for people, for programs (--json) and as a page (--html).
 */
#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "userspace/base/log.h"
#include "userspace/base/option.h"
#include "userspace/command/command.h"
#include "userspace/command/reading.h"
#include "userspace/report/html.h"
#include "userspace/report/report_text.h"

#define LIMIT 10
#define TRACES 3
#define COLUMNS 110 /* where nobody says how wide it is */

struct report_options {
	int order; /* enum endpoint_order */
	uint64_t limit, traces;
	const char *endpoint, *html, *output;
	bool json, help;
	int colour_choice;
};

static const struct option options[] = {
	{ "sort", 's', OPTION_CHOICE, offsetof(struct report_options, order),
	  "total|latency|errors", "endpoints and queries by total time, p95 or errors" },
	{ "limit", 'n', OPTION_NUMBER, offsetof(struct report_options, limit), "N",
	  "rows of each table (10)" },
	{ "traces", 0, OPTION_NUMBER, offsetof(struct report_options, traces), "N",
	  "slowest traces as trees (3)" },
	{ "endpoint", 'e', OPTION_TEXT, offsetof(struct report_options, endpoint), "TEXT",
	  "only endpoints whose name has this text" },
	{ "json", 0, OPTION_FLAG, offsetof(struct report_options, json), NULL,
	  "one JSON object, for programs" },
	{ "html", 0, OPTION_TEXT, offsetof(struct report_options, html), "FILE",
	  "a page that needs nothing else" },
	{ "output", 'o', OPTION_TEXT, offsetof(struct report_options, output), "FILE",
	  "write there instead of standard output" },
	{ "colour", 0, OPTION_CHOICE, offsetof(struct report_options, colour_choice),
	  "auto|always|never", "colours; auto: on a terminal" },
	{ "help", 'h', OPTION_FLAG, offsetof(struct report_options, help), NULL, "this text" },
	OPTION_END,
};

static void help(void)
{
	puts("usage: spantap report FILE... [OPTIONS]\n\n"
	     "What recordings say: which endpoints are slow, where their time goes, and what to "
	     "change.\n\n"
	     "  spantap report before.spantap                 for people\n"
	     "  spantap report web.spantap pricing.spantap    of several hosts, as one\n"
	     "  spantap report before.spantap --sort latency --endpoint checkout\n"
	     "  spantap report before.spantap --html report.html\n"
	     "  spantap report before.spantap --json | jq '.findings[].evidence'\n");
	option_help(options, stdout);
}

/* ---- writing -------------------------------------------------------------------------------- */

static int columns_of(FILE *out)
{
	struct winsize size;
	const char *text = getenv("COLUMNS");
	uint64_t columns = COLUMNS;

	if (!ioctl(fileno(out), TIOCGWINSZ, &size) && size.ws_col)
		columns = size.ws_col;
	else if (!text || !bytes_number(bytes_of_string(text), &columns))
		columns = COLUMNS;
	if (columns < PAPER_COLUMNS_MIN)
		return PAPER_COLUMNS_MIN;
	return columns > PAPER_COLUMNS_MAX ? PAPER_COLUMNS_MAX : (int)columns;
}

static int write_report(const struct report_options *o, struct analysis *a, struct recordings *r,
			FILE *out, struct error *error)
{
	struct report_text text = {
		.paper = { out, o->colour_choice == 1, columns_of(out) },
		.order = (enum endpoint_order)o->order,
		.limit = o->limit,
		.traces = o->traces,
		.filter = { o->endpoint },
	};

	if (o->colour_choice == 0 && isatty(fileno(out)) && !getenv("NO_COLOR"))
		text.paper.colour = true;
	analysis_sort(a, text.order);
	if (o->json)
		return report_json_write(out, a, r, &text.filter, error);
	return report_text_write(&text, a, r, error);
}

/* Into `path` (NULL: standard output) through a function; what cannot be written whole is said. */
static int write_file(const struct report_options *o, struct analysis *a, struct recordings *r,
		      const char *path, bool html, struct error *error)
{
	FILE *out = path ? fopen(path, "we") : stdout;
	int err;

	if (!out)
		return error_set(error, -errno, "%s: cannot write: %m", path);
	err = html ? html_report_write(out, a, r, error) : write_report(o, a, r, out, error);
	if (path && fclose(out) && !err)
		err = error_set(error, -errno, "%s: cannot write: %m", path);
	return err;
}

/* Nobody wants the report in place of what it is about. */
static bool is_recording(const char *path, const struct option_list *files)
{
	struct stat out, in;

	if (!path || stat(path, &out))
		return false;
	for (size_t i = 0; i < files->count; i++)
		if (!stat(files->items[i], &in) && in.st_dev == out.st_dev &&
		    in.st_ino == out.st_ino)
			return true;
	return false;
}

static int report(const struct report_options *o, const struct option_list *files,
		  struct error *error)
{
	struct analysis_options wanted = { .series = o->html != NULL };
	struct analysis *a = NULL;
	struct reading r;
	struct trace trace;
	int err = reading_open(&r, files, "read", false, error);

	if (err)
		return err;
	a = analysis_new(&wanted);
	if (!a) {
		reading_close(&r);
		return error_set(error, -ENOMEM, "report: no memory");
	}
	while (reading_next(&r, &trace))
		analysis_add(a, &trace, r.ref);
	reading_damaged(&r);
	analysis_finish(a);
	if (o->html)
		err = write_file(o, a, r.recordings, o->html, true, error);
	if (!err && (!o->html || o->json || o->output))
		err = write_file(o, a, r.recordings, o->output, false, error);
	if (!err && o->html)
		log_info("written: %s", o->html);
	analysis_free(a);
	reading_close(&r);
	return err;
}

static int run(int argc, char **argv)
{
	struct report_options o = { .limit = LIMIT, .traces = TRACES };
	struct option_list files = { 0 };
	struct error error = { 0 };
	int err = option_parse(options, argc, argv, &o, &files, &error);

	if (!err && o.help) {
		help();
		return 0;
	}
	if (!err && !files.count)
		err = error_set(
			&error, -EINVAL,
			"report what? spantap report FILE... (spantap record -o FILE makes one)");
	if (!err && !o.limit)
		err = error_set(&error, -EINVAL, "--limit 0 would show nothing");
	for (int i = 0; !err && i < 2; i++) {
		const char *path = i ? o.html : o.output;

		if (is_recording(path, &files))
			err = error_set(&error, -EINVAL,
					"%s: is the recording; it is not overwritten", path);
	}
	if (!err)
		err = report(&o, &files, &error);
	if (err)
		log_error("%s", error.text);
	return err ? EXIT_USAGE : 0;
}

const struct command report_command = { "report",
					"what recordings say: endpoints, queries, what to change",
					run };
