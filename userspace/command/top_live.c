// SPDX-License-Identifier: GPL-2.0-only
/* See top_live.h. Everything runs on the session's thread, between two drains. */
#include "userspace/command/top_live.h"

#include <errno.h>
#include <langinfo.h>
#include <locale.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "userspace/base/clock.h"
#include "userspace/base/log.h"
#include "userspace/base/memory.h"
#include "userspace/report/top_messages.h"
#include "userspace/report/top_plain.h"
#include "userspace/report/top_screen.h"
#include "userspace/report/top_view.h"

#define MESSAGE_SHOWN_NS (8 * NS_PER_SECOND)
#define IDLE_MS 100 /* while nothing is captured any more */

struct top {
	struct sink sink; /* first: the session's callbacks come with it */
	const struct top_options *options;
	struct session *session;
	struct top_model *model, *frozen; /* frozen: what is shown while paused */
	struct top_view view;
	struct top_status status, frozen_status;
	struct top_canvas canvas;
	struct top_screen *screen; /* NULL: text */
	struct top_messages messages;
	struct summary totals;
	FILE *out;
	uint64_t started_ns, due_ns, drawn;
	char target[256], lost[512];
	int unwritten; /* why standard output or --output failed */
	bool quit, ascii, dirty;
};

/* ---- what is said around the tables --------------------------------------------------------- */

static void add_word(char *out, size_t size, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

static void add_word(char *out, size_t size, const char *format, ...)
{
	size_t len = strlen(out);
	va_list args;

	va_start(args, format);
	vsnprintf(out + len, size - len, format, args);
	va_end(args);
}

static void name_target(struct top *t)
{
	const struct session_options *o = &t->options->session;
	const struct {
		const char *name;
		const struct option_list *list;
	} kinds[] = { { "pid", &o->select.pids },
		      { "exe", &o->select.exes },
		      { "port", &o->select.ports },
		      { "container", &o->select.containers },
		      { "cgroup", &o->select.cgroups } };

	for (size_t k = 0; k < sizeof(kinds) / sizeof(kinds[0]); k++)
		for (size_t i = 0; i < kinds[k].list->count; i++)
			add_word(t->target, sizeof(t->target), "%s--%s %s", t->target[0] ? " " : "",
				 kinds[k].name, kinds[k].list->items[i]);
	if (o->select.all)
		add_word(t->target, sizeof(t->target), "--all");
	if (o->pcap)
		add_word(t->target, sizeof(t->target), "--pcap %s", o->pcap);
}

static void take_totals(struct top *t, const struct summary *totals)
{
	uint64_t calls = 0, known = 0;

	t->totals = *totals;
	for (int i = PARENT_NONE; i < PARENT_RULES; i++) {
		calls += t->totals.parents[i];
		known += i == PARENT_NONE ? 0 : t->totals.parents[i];
	}
	t->status.parents_known = calls ? (double)known / (double)calls : -1;
	t->lost[0] = '\0';
	for (size_t i = 0; i < t->totals.lost_count; i++)
		if (t->totals.lost[i].count)
			add_word(t->lost, sizeof(t->lost), "%s%s %llu", t->lost[0] ? ", " : "",
				 t->totals.lost[i].name,
				 (unsigned long long)t->totals.lost[i].count);
}

static void update_status(struct top *t, uint64_t now_ns)
{
	struct summary totals;

	if (t->session) {
		session_totals(t->session, &totals);
		take_totals(t, &totals);
		t->status.processes = session_targets(t->session);
		t->status.mode = session_mode(t->session);
	}
	if (!t->status.ended)
		t->status.elapsed_ns = now_ns - t->started_ns;
}

/* ---- drawing -------------------------------------------------------------------------------- */

static void print(struct top *t)
{
	const struct top_options *o = t->options;
	struct top_plain plain = { .sort = (enum top_sort)o->sort,
				   .rows = o->rows,
				   .totals = &t->totals };

	plain.time_ns = clock_now_ns() + (uint64_t)clock_epoch_offset();
	if (o->session.json)
		top_plain_json(t->model, &t->status, &plain, t->out);
	else
		top_plain_table(t->model, &t->status, &plain, t->out);
	t->dirty = false;
	if (!ferror(t->out))
		return;
	t->quit = true;
	t->unwritten = errno == EPIPE ? 0 : -errno; /* EPIPE: the reader has seen enough */
}

static void draw(struct top *t, uint64_t now_ns)
{
	struct top_status *s = t->frozen ? &t->frozen_status : &t->status;
	int columns, rows;

	top_screen_size(t->screen, &columns, &rows);
	if (columns != t->canvas.columns || rows != t->canvas.rows) {
		top_canvas_release(&t->canvas);
		if (!top_canvas_init(&t->canvas, columns, rows)) {
			t->quit = true;
			return;
		}
		t->canvas.ascii = t->ascii;
		t->canvas.colour = top_screen_has_colour(t->screen);
	}
	s->message = t->messages.last_ns && now_ns - t->messages.last_ns < MESSAGE_SHOWN_NS
			     ? t->messages.last
			     : "";
	top_view_draw(&t->view, t->frozen ? t->frozen : t->model, s, &t->canvas);
	top_screen_show(t->screen, &t->canvas);
}

static void refresh(struct top *t, uint64_t now_ns)
{
	update_status(t, now_ns);
	if (t->screen)
		draw(t, now_ns);
	else
		print(t);
}

/* ---- keys ----------------------------------------------------------------------------------- */

static void pause_or_go_on(struct top *t)
{
	if (t->frozen) {
		top_model_free(t->frozen);
		t->frozen = NULL;
		return;
	}
	t->frozen = top_model_copy(t->model);
	t->frozen_status = t->status;
	t->frozen_status.paused = true;
	if (!t->frozen)
		log_warn("top: not enough memory to freeze the numbers");
}

static void clear(struct top *t, uint64_t now_ns)
{
	top_model_free(t->frozen);
	t->frozen = NULL;
	top_model_clear(t->model, now_ns);
}

/* True when something is to be drawn. */
static bool take_keys(struct top *t, uint64_t now_ns)
{
	bool any = false;
	uint32_t key;

	while (!t->quit && (key = top_screen_key(t->screen))) {
		enum top_action action = TOP_DRAW;

		any = true;
		if (key == TOP_KEY_CLOSED)
			action = TOP_QUIT;
		else if (key != TOP_KEY_RESIZE)
			action = top_view_key(&t->view, key);
		if (action == TOP_QUIT)
			t->quit = true;
		else if (action == TOP_PAUSE)
			pause_or_go_on(t);
		else if (action == TOP_CLEAR)
			clear(t, now_ns);
	}
	return any;
}

/* ---- the session's callbacks ---------------------------------------------------------------- */

static bool step(void *context, uint64_t now_ns)
{
	struct top *t = context;
	bool keys = t->screen && take_keys(t, now_ns);

	if (t->quit)
		return false;
	if (!t->options->session.pcap)
		top_model_advance(t->model, now_ns);
	if (t->screen && top_messages_read(&t->messages, now_ns))
		keys = true;
	if (now_ns >= t->due_ns) {
		refresh(t, now_ns);
		t->due_ns = now_ns + t->options->interval_ns;
		t->drawn++;
	} else if (keys) {
		draw(t, now_ns);
	}
	if (t->options->iterations && t->drawn >= t->options->iterations)
		t->quit = true;
	return !t->quit;
}

static void on_trace(struct sink *sink, const struct trace *trace)
{
	struct top *t = (struct top *)sink;

	if (t->options->session.pcap && trace->count) { /* time is the file's */
		if (!t->model->spans.count)
			top_model_clear(t->model, trace->spans[0]->start_ns);
		top_model_advance(t->model, trace->spans[0]->end_ns);
	}
	top_model_add(t->model, trace);
	t->dirty = true;
}

static void on_finish(struct sink *sink, const struct summary *s)
{
	struct top *t = (struct top *)sink;

	t->session = NULL;
	take_totals(t, s);
}

static void on_free(struct sink *sink)
{
	(void)sink; /* run()'s */
}

/* ---- opening, closing ----------------------------------------------------------------------- */

/*
 * Wide characters need a locale. Where it is not installed (LANG came with ssh), or none is set,
 * the terminal is one of today all the same; who asks for another character set, or for C, gets
 * ASCII.
 */
static bool only_ascii(void)
{
	static const char *const names[] = { "LC_ALL", "LC_CTYPE", "LANG" };
	const char *value = NULL;

	setlocale(LC_CTYPE, "");
	if (!strcmp(nl_langinfo(CODESET), "UTF-8"))
		return false;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]) && !(value && value[0]); i++)
		value = getenv(names[i]);
	if (value && value[0] && !strcasestr(value, "utf-8") && !strcasestr(value, "utf8"))
		return true;
	return !setlocale(LC_CTYPE, "C.UTF-8");
}

static bool want_screen(const struct top_options *o)
{
	return !o->plain && !o->session.json && !o->session.output && isatty(STDIN_FILENO) &&
	       isatty(STDOUT_FILENO);
}

static bool want_colour(const struct top_options *o)
{
	const char *no = getenv("NO_COLOR");

	return o->session.colour_choice == 1 || (o->session.colour_choice == 0 && !(no && no[0]));
}

static void open_screen(struct top *t)
{
	struct error error = { 0 };

	t->ascii = only_ascii();
	if (!want_screen(t->options))
		return;
	t->screen = top_screen_new(want_colour(t->options), &error);
	if (t->screen)
		top_messages_begin(&t->messages);
	else
		log_warn("top: %s: tables of text instead", error.text);
}

static void close_screen(struct top *t)
{
	top_screen_free(t->screen);
	if (t->screen)
		top_messages_end(&t->messages);
	t->screen = NULL;
}

static int open_out(struct top *t, struct error *error)
{
	const char *path = t->options->session.output;

	t->out = path ? fopen(path, "we") : stdout;
	return t->out ? 0
		      : error_set(error, -errno, "--output: cannot write %s: %s", path,
				  error_name(errno));
}

static int top_new(struct top *t, const struct top_options *o, struct error *error)
{
	t->sink = (struct sink){ .trace = on_trace, .finish = on_finish, .free = on_free };
	t->options = o;
	t->started_ns = clock_now_ns();
	t->due_ns = t->started_ns + o->interval_ns;
	t->status = (struct top_status){
		.target = t->target,
		.mode = "file",
		.lost = t->lost,
		.message = "",
		.parents_known = -1,
		.window_ns = o->window_ns,
	};
	name_target(t);
	top_view_init(&t->view);
	for (int i = 0; i < TOP_TABLES; i++)
		t->view.sort[i] = (enum top_sort)o->sort;
	t->model = top_model_new(o->window_ns, t->started_ns);
	if (!t->model)
		return error_set(error, -ENOMEM, "out of memory");
	return open_out(t, error);
}

static void top_release(struct top *t)
{
	close_screen(t);
	top_model_free(t->frozen);
	top_model_free(t->model);
	top_view_release(&t->view);
	top_canvas_release(&t->canvas);
	if (t->out && t->options->session.output)
		fclose(t->out);
}

/* ---- running -------------------------------------------------------------------------------- */

/* Nothing comes any more, but there is something to look at: until q or a signal. */
static void look(struct top *t)
{
	struct signalfd_siginfo info;
	struct pollfd fds[2] = { { STDIN_FILENO, POLLIN, 0 }, { -1, POLLIN, 0 } };
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGHUP);
	fds[1].fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK); /* blocked by the session */
	t->status.ended = true;
	if (t->options->session.pcap)
		t->status.elapsed_ns = t->model->now_ns - t->model->started_ns;
	update_status(t, clock_now_ns());
	draw(t, clock_now_ns());
	while (!t->quit) {
		uint64_t now = clock_now_ns();

		poll(fds, 2, IDLE_MS);
		if (fds[1].fd >= 0 && read(fds[1].fd, &info, sizeof(info)) == (ssize_t)sizeof(info))
			break;
		if (take_keys(t, now) || top_messages_read(&t->messages, now))
			draw(t, now);
	}
	if (fds[1].fd >= 0)
		close(fds[1].fd);
}

/* The processes are gone, and none can come that would be followed. */
static bool ended_by_itself(const struct top *t, const struct session *s)
{
	const struct session_options *o = &t->options->session;

	const struct select_options *from = &o->select;

	if (t->quit)
		return false;
	if (o->pcap)
		return true;
	return !session_targets(s) && !from->exes.count && !from->ports.count &&
	       !from->containers.count && !from->cgroups.count && !from->all && !o->duration_ns;
}

static int watch(struct top *t, struct error *error)
{
	const struct session_options *o = &t->options->session;
	struct session_watch watch = { -1, step, t };
	struct session *s = session_new(o, 0, error);
	bool stay, drawn;
	int err;

	if (!s)
		return -EINVAL;
	t->session = s;
	session_add_sink(s, &t->sink);
	if (!o->pcap)
		open_screen(t);
	drawn = t->screen != NULL;
	watch.fd = drawn ? STDIN_FILENO : -1;
	session_watch(s, &watch);
	if (drawn)
		refresh(t, clock_now_ns());
	else if (!o->pcap && isatty(STDERR_FILENO))
		log_info("top: watching %zu process%s (capture: %s); Ctrl-C stops",
			 session_targets(s), session_targets(s) == 1 ? "" : "es", session_mode(s));
	err = session_loop(s, error);
	stay = ended_by_itself(t, s);
	if (!stay) /* letting go of the kernel takes a moment: not with a dead screen */
		close_screen(t);
	session_finish(s);
	t->session = NULL;
	if (stay && o->pcap && t->model->spans.count)
		open_screen(t);
	if (o->pcap && !t->model->requests.count) /* a file of calls: their table */
		t->view.table = TOP_QUERIES;
	if (stay && t->screen)
		look(t);
	else if (!drawn && t->dirty && !t->quit)
		print(t);
	if (!err && t->unwritten)
		err = error_set(error, t->unwritten, "cannot write the tables: %s",
				error_name(t->unwritten));
	return err;
}

int top_live(const struct top_options *o, struct error *error)
{
	struct top *t = memory_new(sizeof(*t));
	int err = t ? top_new(t, o, error) : error_set(error, -ENOMEM, "out of memory");

	if (!err)
		err = watch(t, error);
	if (t)
		top_release(t);
	memory_free(t);
	return err;
}
