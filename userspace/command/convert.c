// SPDX-License-Identifier: GPL-2.0-only
/* `spantap convert`: recordings in the formats of other tools. */
#include <errno.h>
#include <stddef.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "userspace/base/log.h"
#include "userspace/command/command.h"
#include "userspace/command/convert_otlp.h"
#include "userspace/command/reading.h"
#include "userspace/report/convert_chrome.h"
#include "userspace/report/convert_csv.h"
#include "userspace/report/lines.h"

#define OUTPUT_BUFFER (256 * 1024)
#define DATABASE_MAGIC "SQLite format 3"

enum format {
	FORMAT_NONE = -1,
	FORMAT_OTLP = 0,
	FORMAT_CHROME = 1,
	FORMAT_CSV = 2,
	FORMAT_JSONL = 3,
};

struct convert_options {
	int to; /* enum format */
	const char *output;
	bool quiet, help;
};

static const struct option options[] = {
	{ "to", 0, OPTION_CHOICE, offsetof(struct convert_options, to), "otlp|chrome|csv|jsonl",
	  "the format" },
	{ "output", 'o', OPTION_TEXT, offsetof(struct convert_options, output), "FILE",
	  "write there instead of standard output" },
	{ "quiet", 'q', OPTION_FLAG, offsetof(struct convert_options, quiet), NULL, "no progress" },
	{ "help", 'h', OPTION_FLAG, offsetof(struct convert_options, help), NULL, "this text" },
	OPTION_END,
};

static void help(void)
{
	puts("usage: spantap convert FILE... --to FORMAT [-o OUT]\n\n"
	     "Writes recordings in the formats of other tools; several files become one.\n\n"
	     "  otlp     OpenTelemetry JSON lines, for the Collector's otlpjsonfile receiver\n"
	     "  chrome   trace events, for ui.perfetto.dev and chrome://tracing\n"
	     "  csv      a row per span (RFC 4180); a text that a spreadsheet would run as a "
	     "formula\n"
	     "           (it begins with = + - @) gets an apostrophe in front\n"
	     "  jsonl    the JSON lines of `spantap trace --json`\n\n"
	     "  spantap convert before.spantap --to chrome -o before.json\n"
	     "  spantap convert monday.spantap tuesday.spantap --to csv | head\n"
	     "  spantap convert before.spantap --to jsonl | jq -r 'select(.status == \"error\") | "
	     ".name'\n\n"
	     "Exit status: 0; 1 when not everything could be read or written; 2 for a wrong "
	     "command line.\n");
	option_help(options, stdout);
}

static bool same_file(const struct stat *a, const struct stat *b)
{
	return a->st_dev == b->st_dev && a->st_ino == b->st_ino;
}

/* What is to be written must be none of what is read, and no other recording either. */
static int check_output(const char *path, const struct option_list *files, struct error *error)
{
	char head[sizeof(DATABASE_MAGIC)] = "";
	struct stat out, in;
	FILE *file;
	size_t got;

	if (stat(path, &out))
		return 0;
	if (S_ISDIR(out.st_mode))
		return error_set(error, -EISDIR, "--output: %s is a directory", path);
	for (size_t i = 0; i < files->count; i++)
		if (!stat(files->items[i], &in) && same_file(&out, &in))
			return error_set(error, -EINVAL,
					 "--output: %s is one of the files to convert", path);
	if (!S_ISREG(out.st_mode))
		return 0;
	file = fopen(path, "re");
	got = file ? fread(head, 1, sizeof(head) - 1, file) : 0;
	if (file)
		fclose(file);
	if (got == sizeof(head) - 1 && !memcmp(head, DATABASE_MAGIC, got))
		return error_set(error, -EINVAL,
				 "--output: %s is a recording, which convert does not overwrite",
				 path);
	return 0;
}

static struct sink *open_sink(enum format format, FILE *out, uint64_t start_ns)
{
	switch (format) {
	case FORMAT_OTLP:
		return convert_otlp_sink_new(out);
	case FORMAT_CHROME:
		return chrome_sink_new(&(struct chrome_options){ out, start_ns });
	case FORMAT_CSV:
		return csv_sink_new(out);
	default:
		return lines_sink_new(out);
	}
}

/* Spans that did not make it into the output. */
static uint64_t lost(enum format format, struct sink *sink)
{
	if (format == FORMAT_OTLP)
		return convert_otlp_sink_lost(sink);
	if (format == FORMAT_CHROME)
		return chrome_sink_lost(sink);
	return format == FORMAT_CSV ? csv_sink_lost(sink) : 0;
}

static int copy(struct reading *r, enum format format, FILE *out, struct error *error)
{
	struct sink *sink = open_sink(format, out, r->start_ns);
	struct trace trace;
	uint64_t left_out;

	if (!sink)
		return error_set(error, -ENOMEM, "out of memory");
	while (!ferror(out) && reading_next(r, &trace))
		sink->trace(sink, &trace);
	if (!ferror(out))
		sink->finish(sink, &r->summary);
	left_out = lost(format, sink);
	sink->free(sink);
	if (left_out)
		return error_set(error, -ENOMEM, "%llu spans were left out: out of memory",
				 (unsigned long long)left_out);
	return 0;
}

/* Reads, writes and closes. The exit status. */
static int convert(const struct convert_options *o, struct reading *r, struct error *error)
{
	FILE *out = o->output ? fopen(o->output, "we") : stdout;
	const char *name = o->output ? o->output : "standard output";
	int err = 0;

	if (!out) {
		error_set(error, -errno, "--output: cannot write %s: %s", name, error_name(errno));
		return EXIT_USAGE;
	}
	setvbuf(out, NULL, _IOFBF, OUTPUT_BUFFER);
	errno = 0;
	err = copy(r, (enum format)o->to, out, error);
	if (fflush(out) || ferror(out))
		err = error_set(error, -EIO, "cannot write %s: %s", name,
				error_name(errno ? errno : EIO));
	if (o->output && fclose(out) && !err)
		err = error_set(error, -EIO, "cannot write %s: %s", name, error_name(errno));
	return err ? 1 : 0;
}

static int run(int argc, char **argv)
{
	struct convert_options o = { .to = FORMAT_NONE };
	struct option_list files = { 0 };
	struct error error = { 0 };
	struct reading r = { 0 };
	int status = EXIT_USAGE;
	int err = option_parse(options, argc, argv, &o, &files, &error);

	if (!err && o.help) {
		help();
		return 0;
	}
	if (!err && o.to == FORMAT_NONE)
		err = error_set(&error, -EINVAL,
				"convert to what? --to otlp, chrome, csv or jsonl");
	if (!err && o.output)
		err = check_output(o.output, &files, &error);
	/* On the terminal that is written to, progress would stand among the lines. */
	if (!err)
		err = reading_open(&r, &files, "converted",
				   o.quiet || (!o.output && isatty(STDOUT_FILENO)), &error);
	if (!err) {
		status = convert(&o, &r, &error);
		if (reading_damaged(&r) && !status)
			status = 1;
		reading_close(&r);
	}
	if (error.text[0])
		log_error("%s", error.text);
	return status;
}

const struct command convert_command = { "convert",
					 "recordings as OTLP, Chrome trace, CSV or JSON lines",
					 run };
