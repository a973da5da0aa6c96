// SPDX-License-Identifier: GPL-2.0-only
/* `spantap record`: writes what trace would show into a recording, for report, diff and convert. */
#include <errno.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>

#include "userspace/base/buf.h"
#include "userspace/base/clock.h"
#include "userspace/base/log.h"
#include "userspace/command/child.h"
#include "userspace/command/command.h"
#include "userspace/command/session.h"
#include "userspace/report/lines.h"
#include "userspace/store/place.h"
#include "userspace/store/recording.h"

#define SIZE_MIN (1u << 20)
#define KEEP_MIN NS_PER_SECOND
#define DESCRIPTION_MAX 500
#define EXIT_FAILED 1 /* the recording ended early: no space, an error of the disk */

struct record_options {
	struct session_options session; /* first: its rows of the table count from here */
	const char *path;
	uint64_t keep_ns, size_max;
	bool force;
};

static const struct option options[] = {
	{ NULL, 0, OPTION_HEADING, 0, NULL, "The recording:" },
	{ "output", 'o', OPTION_TEXT, offsetof(struct record_options, path), "FILE",
	  "write it there" },
	{ "force", 'f', OPTION_FLAG, offsetof(struct record_options, force), NULL,
	  "overwrite a recording that is there" },
	{ "duration", 'd', OPTION_DURATION, offsetof(struct session_options, duration_ns), "TIME",
	  "stop after this long (60s, 5m)" },
	{ "keep", 0, OPTION_DURATION, offsetof(struct record_options, keep_ns), "TIME",
	  "keep only the newest traces, of this long (1h)" },
	{ "max-size", 0, OPTION_SIZE, offsetof(struct record_options, size_max), "SIZE",
	  "stop at this size (1G); with --keep, let go of the oldest" },
	{ "json", 0, OPTION_FLAG, offsetof(struct session_options, json), NULL,
	  "also print one JSON object per span and line" },
	SESSION_TARGET_OPTIONS,
	SESSION_EXPORT_OPTIONS,
	SESSION_CAPTURE_OPTIONS,
	{ NULL, 0, OPTION_HEADING, 0, NULL, "General:" },
	{ "verbose", 'v', OPTION_FLAG, offsetof(struct session_options, verbose), NULL,
	  "say more about what is going on" },
	{ "help", 'h', OPTION_FLAG, offsetof(struct session_options, help), NULL, "this text" },
	OPTION_END,
};

static void help(void)
{
	puts("usage: spantap record -o FILE TARGET [OPTIONS]\n"
	     "       spantap record -o FILE [OPTIONS] -- COMMAND [ARGUMENT...]\n\n"
	     "Writes each request of a running program, with the calls it made, into a file "
	     "(SQLite) for `spantap report`\n"
	     "and `spantap diff`, until it is stopped with Ctrl-C.\n\n"
	     "  sudo spantap record -o before.spantap --port 8000 --duration 60s\n"
	     "  sudo spantap record -o test.spantap -- ./test.sh     a command, from its start to "
	     "its end\n"
	     "  sudo spantap record -o last.spantap --keep 1h --max-size 1G --container web\n"
	     "  spantap record -o file.spantap --pcap capture.pcap   a capture file, without root");
	option_help(options, stdout);
}

/* ---- progress ------------------------------------------------------------------------------- */

struct progress {
	struct session *session;
	struct sink *sink;
	uint64_t start_ns, shown_ns, shown_spans; /* CLOCK_MONOTONIC */
	bool terminal, stop_when_failed;
};

static void size_text(uint64_t bytes, char *out, size_t size)
{
	static const char units[] = "KMGT";
	double n = (double)bytes / 1024;
	size_t unit = 0;

	for (; n >= 1000 && unit < sizeof(units) - 2; unit++)
		n /= 1024;
	snprintf(out, size, n < 10 ? "%.1f %ciB" : "%.0f %ciB", n, units[unit]);
}

/* What the capture and the recording lost: other counters are of what is none of ours, or is told
 * at the end. */
static uint64_t lost(const struct progress *p, const struct recording_progress *now)
{
	static const char *const names[] = { "ring_full", "events_missing", "packets_dropped",
					     "export_queue_full" };
	uint64_t count = now->dropped;
	struct summary sum;

	session_totals(p->session, &sum);
	for (size_t i = 0; i < sum.lost_count; i++)
		for (size_t n = 0; n < sizeof(names) / sizeof(names[0]); n++)
			if (!strcmp(sum.lost[i].name, names[n]))
				count += sum.lost[i].count;
	return count;
}

static void show(struct progress *p, const struct recording_progress *now, uint64_t now_ns)
{
	uint64_t seconds = (now_ns - p->start_ns) / NS_PER_SECOND,
		 elapsed_ns = now_ns - p->shown_ns;
	uint64_t rate = elapsed_ns ? (now->spans - p->shown_spans) * NS_PER_SECOND / elapsed_ns : 0;
	char size[32];

	size_text(now->bytes, size, sizeof(size));
	fprintf(stderr,
		"\r\033[K%02llu:%02llu:%02llu  %llu requests, %llu spans (%llu/s), %llu lost, %s",
		(unsigned long long)(seconds / 3600), (unsigned long long)(seconds / 60 % 60),
		(unsigned long long)(seconds % 60), (unsigned long long)now->requests,
		(unsigned long long)now->spans, (unsigned long long)rate,
		(unsigned long long)lost(p, now), size);
	fflush(stderr);
	p->shown_ns = now_ns;
	p->shown_spans = now->spans;
}

static bool step(void *context, uint64_t now_ns)
{
	struct progress *p = context;
	struct recording_progress now;

	if (now_ns - p->shown_ns < NS_PER_SECOND)
		return true;
	recording_sink_progress(p->sink, &now);
	if (p->terminal)
		show(p, &now, now_ns);
	else
		p->shown_ns = now_ns;
	return !now.failed[0] || !p->stop_when_failed;
}

/* ---- what was asked for --------------------------------------------------------------------- */

static int check(const struct record_options *o, bool command, bool given,
		 const struct option_list *rest, struct error *error)
{
	bool target = o->session.pcap || select_any(&o->session.select);

	if (rest->count)
		return error_set(error, -EINVAL,
				 "record takes no argument: \"%s\" (the file is given as -o %s, a "
				 "command after --)",
				 rest->items[0], rest->items[0]);
	if (!o->path)
		return error_set(error, -EINVAL, "record where? spantap record -o FILE TARGET");
	if (given && !command)
		return error_set(error, -EINVAL, "record what? there is no command after --");
	if (command && target)
		return error_set(error, -EINVAL,
				 "a command after -- is the target: leave the other one out");
	if (!command && !target)
		return error_set(error, -EINVAL,
				 "record what? --pid PID, --port PORT, --exe NAME, --container ID, "
				 "--pcap FILE "
				 "or -- COMMAND");
	if (command && o->session.json)
		return error_set(error, -EINVAL,
				 "--json and the command would both write to standard output");
	if (o->size_max && o->size_max < SIZE_MIN)
		return error_set(error, -EINVAL, "--max-size: at least 1M");
	if (o->keep_ns && o->keep_ns < KEEP_MIN)
		return error_set(error, -EINVAL, "--keep: at least a second");
	return session_check(&o->session, error);
}

/* A word of ours, without what a URL says of user and password. */
static void describe_word(const char *word, struct buf *out)
{
	const char *scheme = strstr(word, "://"), *at = scheme ? strrchr(scheme, '@') : NULL;

	if (at)
		buf_printf(out, " %.*s...%s", (int)(scheme + 3 - word), word, at);
	else
		buf_printf(out, " %s", word);
}

/* The command line, for the recording to say; of a command's words, which may be secret, the first.
 */
static void describe(int argc, char **argv, char **command, char *out, size_t size)
{
	struct buf words;

	buf_init(&words, size - 1); /* of a long line, what fits */
	buf_add_text(&words, "spantap");
	for (int i = 0; i < argc; i++)
		describe_word(argv[i], &words);
	if (command)
		buf_printf(&words, " -- %s%s", command[0], command[1] ? " ..." : "");
	snprintf(out, size, "%.*s", (int)words.len, words.data ? (const char *)words.data : "");
	buf_release(&words);
}

/* ---- running -------------------------------------------------------------------------------- */

static struct sink *add_sinks(struct session *session, const struct record_options *o,
			      const char *description, struct error *error)
{
	struct recording_options recording = { .path = o->path,
					       .replace = o->force,
					       .size_max = o->size_max,
					       .keep_ns = o->keep_ns,
					       .description = description };
	struct sink *sink = recording_sink_new(&recording, error);

	if (!sink)
		return NULL;
	session_add_sink(session, sink);
	if (o->session.json)
		session_add_sink(session, lines_sink_new(stdout));
	return sink;
}

/* What came of it, on standard error. Returns the exit status. */
static int conclude(const struct record_options *o, const struct recording_progress *end)
{
	char size[32];

	size_text(end->bytes, size, sizeof(size));
	if (end->dropped)
		log_warn("%llu spans are not in the recording: %s",
			 (unsigned long long)end->dropped,
			 end->failed[0] ? "it ended before"
					: "they came faster than they could be written");
	if (end->failed[0] && !end->full)
		log_error("%s", end->failed);
	else if (end->failed[0])
		log_warn("%s", end->failed);
	log_info("%s: %llu span%s of %llu trace%s, %s; next: spantap report %s", o->path,
		 (unsigned long long)end->spans, end->spans == 1 ? "" : "s",
		 (unsigned long long)end->traces, end->traces == 1 ? "" : "s", size, o->path);
	return end->failed[0] && !end->full ? EXIT_FAILED : 0;
}

static int record(struct session *session, const struct record_options *o, struct child *child,
		  const char *description, struct error *error)
{
	struct recording_progress end;
	struct progress p = { .session = session,
			      .start_ns = clock_now_ns(),
			      .terminal = isatty(STDERR_FILENO) && !child->pid,
			      .stop_when_failed = !child->pid };
	int err = 0, status;

	p.shown_ns = p.start_ns;
	p.sink = add_sinks(session, o, description, error);
	if (!p.sink)
		return -EINVAL;
	session_watch(session, &(struct session_watch){ -1, step, &p });
	if (p.terminal && !o->session.pcap)
		log_info("recording %zu process%s to %s (capture: %s); Ctrl-C stops",
			 session_targets(session), session_targets(session) == 1 ? "" : "es",
			 o->path, session_mode(session));
	if (child->pid)
		err = child_go(child);
	if (!err)
		err = session_loop(session, error);
	if (p.shown_ns != p.start_ns && p.terminal)
		fputs("\r\033[K", stderr);
	session_end(session);
	recording_sink_progress(p.sink, &end);
	status = conclude(o, &end);
	return err ? err : status;
}

static int run(int argc, char **argv)
{
	struct record_options o = { 0 };
	struct option_list rest = { 0 };
	struct error error = { 0 };
	struct session *session = NULL;
	struct child child = { 0 };
	char description[DESCRIPTION_MAX];
	bool given;
	char **command = child_command(&argc, argv, &given);
	int err, status = 0;

	session_defaults(&o.session);
	err = option_parse(options, argc, argv, &o, &rest, &error);
	if (!err && o.session.help) {
		help();
		return 0;
	}
	log_set_level(o.session.verbose ? LOG_DEBUG : LOG_INFO);
	if (!err)
		err = check(&o, command, given, &rest, &error);
	if (!err)
		err = place_check(o.path, o.force, &error);
	if (!err && command)
		err = child_start(&child, command, "record", &error);
	o.session.no_output = true;
	if (!err)
		session = session_new(&o.session, child.pid, &error);
	describe(argc, argv, command, description, sizeof(description));
	if (session)
		err = record(session, &o, &child, description, &error);
	session_finish(session);
	if (child.pid)
		status = child_end(&child);
	if (!session || err < 0) {
		log_error("%s", error.text);
		return EXIT_USAGE;
	}
	return command ? status : err;
}

const struct command record_command = { "record", "write a recording for report and diff", run };
