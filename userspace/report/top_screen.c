// SPDX-License-Identifier: GPL-2.0-only
/* See top_screen.h. */
#define NCURSES_WIDECHAR 1
#include "userspace/report/top_screen.h"

#include <curses.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <termios.h>
#include <unistd.h>

#include "userspace/base/memory.h"
#include "userspace/report/top_view.h"

#define ESCAPE_MS 25 /* between Esc and what follows it in a key's sequence */
#define RESTORE_BYTES 256
#define LINE_BYTES (TOP_CANVAS_COLUMNS_MAX * TOP_CELL_BYTES)

struct top_screen {
	SCREEN *screen;
	bool colour;
	char line[LINE_BYTES + 1];
};

/*
 * What a crash needs to give the terminal back: a signal handler has no context, so this cannot be
 * passed. Written before the handlers are installed.
 */
static struct {
	struct termios modes;
	char text[RESTORE_BYTES];
	size_t len;
} terminal;

static const int fatal[] = { SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGQUIT };

static void on_fatal(int number)
{
	if (write(STDOUT_FILENO, terminal.text, terminal.len) < 0)
		number = number ? number : SIGABRT; /* nothing else can be done */
	tcsetattr(STDIN_FILENO, TCSANOW, &terminal.modes);
	signal(number, SIG_DFL);
	raise(number);
}

static void set_fatal(void (*handler)(int))
{
	for (size_t i = 0; i < sizeof(fatal) / sizeof(fatal[0]); i++)
		signal(fatal[i], handler);
}

/* Adds a string of the terminal's description; what it pads with is nothing a terminal of today
 * needs. */
static void remember(const char *name)
{
	const char *text = tigetstr(name);

	for (size_t i = 0; text && text != (char *)-1 && text[i] && terminal.len < RESTORE_BYTES;
	     i++) {
		if (text[i] == '$' && text[i + 1] == '<')
			break;
		terminal.text[terminal.len++] = text[i];
	}
}

/* ---- styles --------------------------------------------------------------------------------- */

static const struct {
	attr_t always, plain; /* plain: without colours */
	short ink, paper;     /* -1: the terminal's own */
} styles[STYLES] = {
	[STYLE_PLAIN] = { A_NORMAL, A_NORMAL, -1, -1 },
	[STYLE_DIM] = { A_DIM, A_NORMAL, -1, -1 },
	[STYLE_BOLD] = { A_BOLD, A_NORMAL, -1, -1 },
	[STYLE_TITLE] = { A_REVERSE, A_NORMAL, -1, -1 },
	[STYLE_SORTED] = { A_BOLD, A_REVERSE, COLOR_BLACK, COLOR_GREEN },
	[STYLE_SELECTED] = { A_NORMAL, A_REVERSE, COLOR_BLACK, COLOR_CYAN },
	[STYLE_ERROR] = { A_BOLD, A_NORMAL, COLOR_RED, -1 },
	[STYLE_GOOD] = { A_NORMAL, A_NORMAL, COLOR_GREEN, -1 },
	[STYLE_WARN] = { A_BOLD, A_NORMAL, COLOR_YELLOW, -1 },
	[STYLE_CPU] = { A_NORMAL, A_NORMAL, COLOR_GREEN, -1 },
	[STYLE_BLOCKED] = { A_NORMAL, A_NORMAL, COLOR_RED, -1 },
	[STYLE_DATABASE] = { A_NORMAL, A_NORMAL, COLOR_BLUE, -1 },
	[STYLE_CACHE] = { A_NORMAL, A_NORMAL, COLOR_MAGENTA, -1 },
	[STYLE_SERVICE] = { A_NORMAL, A_NORMAL, COLOR_CYAN, -1 },
	[STYLE_KEY] = { A_BOLD, A_UNDERLINE, COLOR_CYAN, -1 },
};

static void set_style(const struct top_screen *s, enum top_style style)
{
	if (s->colour)
		(void)attr_set(styles[style].always, (short)style, NULL);
	else
		(void)attr_set(styles[style].always | styles[style].plain, 0, NULL);
}

static bool open_colours(bool wanted)
{
	if (!wanted || !has_colors() || start_color() != OK)
		return false;
	use_default_colors();
	for (short i = 1; i < STYLES; i++)
		init_pair(i, styles[i].ink, styles[i].paper);
	return true;
}

/* ---- opening, closing ----------------------------------------------------------------------- */

/* A terminal whose cursor cannot be moved is no screen. */
static bool can_move(void)
{
	const char *text = tigetstr("cup");

	return text && text != (char *)-1;
}

static struct top_screen *refuse(struct top_screen *s, struct error *error)
{
	const char *name = getenv("TERM");

	error_set(error, -ENOTTY, "this terminal (TERM=%s) cannot be drawn on", name ? name : "");
	memory_free(s);
	return NULL;
}

struct top_screen *top_screen_new(bool colour, struct error *error)
{
	struct top_screen *s = memory_new(sizeof(*s));

	if (!s) {
		error_set(error, -ENOMEM, "out of memory");
		return NULL;
	}
	tcgetattr(STDIN_FILENO, &terminal.modes);
	s->screen = newterm(NULL, stdout, stdin);
	if (!s->screen)
		return refuse(s, error);
	if (!can_move()) {
		endwin();
		delscreen(s->screen);
		return refuse(s, error);
	}
	terminal.len = 0;
	remember("sgr0");
	remember("cnorm");
	remember("rmkx");
	remember("rmcup");
	set_fatal(on_fatal);
	cbreak();
	noecho();
	nonl();
	keypad(stdscr, TRUE);
	nodelay(stdscr, TRUE);
	curs_set(0);
	set_escdelay(ESCAPE_MS);
	s->colour = open_colours(colour);
	return s;
}

void top_screen_free(struct top_screen *s)
{
	if (!s)
		return;
	endwin();
	set_fatal(SIG_DFL);
	delscreen(s->screen);
	memory_free(s);
}

void top_screen_size(const struct top_screen *s, int *columns, int *rows)
{
	(void)s;
	getmaxyx(stdscr, *rows, *columns);
}

bool top_screen_has_colour(const struct top_screen *s)
{
	return s->colour;
}

/* ---- drawing -------------------------------------------------------------------------------- */

/* Cells of one style go out together. */
static int show_run(struct top_screen *s, const struct top_canvas *c, int row, int from)
{
	enum top_style style = (enum top_style)top_cell(c, row, from)->style;
	size_t len = 0;
	int at = from;

	for (; at < c->columns && top_cell(c, row, at)->style == (uint8_t)style; at++) {
		const char *text = top_cell(c, row, at)->text;
		size_t one = strlen(text);

		memcpy(s->line + len, text, one);
		len += one;
	}
	set_style(s, style);
	mvaddnstr(row, from, s->line, (int)len);
	return at;
}

void top_screen_show(struct top_screen *s, const struct top_canvas *c)
{
	erase();
	for (int row = 0; row < c->rows; row++)
		for (int at = 0; at < c->columns;)
			at = show_run(s, c, row, at);
	refresh();
}

/* ---- keys ----------------------------------------------------------------------------------- */

static uint32_t special(wint_t code)
{
	static const struct {
		wint_t code;
		uint32_t key;
	} keys[] = {
		{ KEY_UP, TOP_KEY_UP },         { KEY_DOWN, TOP_KEY_DOWN },
		{ KEY_PPAGE, TOP_KEY_PAGE_UP }, { KEY_NPAGE, TOP_KEY_PAGE_DOWN },
		{ KEY_HOME, TOP_KEY_HOME },     { KEY_END, TOP_KEY_END },
		{ KEY_LEFT, TOP_KEY_LEFT },     { KEY_RIGHT, TOP_KEY_RIGHT },
		{ KEY_ENTER, TOP_KEY_ENTER },   { KEY_BACKSPACE, TOP_KEY_BACKSPACE },
		{ KEY_BTAB, TOP_KEY_BACK_TAB }, { KEY_RESIZE, TOP_KEY_RESIZE },
	};

	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
		if (keys[i].code == code)
			return keys[i].key;
	return TOP_KEY_RESIZE; /* none of ours: drawing again does no harm */
}

uint32_t top_screen_key(struct top_screen *s)
{
	struct pollfd in = { STDIN_FILENO, POLLIN, 0 };
	wint_t code = 0;
	int got = get_wch(&code);

	(void)s;
	if (got == KEY_CODE_YES)
		return special(code);
	if (got == ERR)
		return poll(&in, 1, 0) > 0 && in.revents & (POLLHUP | POLLERR | POLLNVAL)
			       ? TOP_KEY_CLOSED
			       : 0;
	switch (code) {
	case '\r':
	case '\n':
		return TOP_KEY_ENTER;
	case 27:
		return TOP_KEY_ESCAPE;
	case '\t':
		return TOP_KEY_TAB;
	case 8:
	case 127:
		return TOP_KEY_BACKSPACE;
	case 12: /* Ctrl-L, as everywhere: somebody else wrote here */
		clearok(stdscr, TRUE);
		return TOP_KEY_RESIZE;
	default:
		return (uint32_t)code;
	}
}
