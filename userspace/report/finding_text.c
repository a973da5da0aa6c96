// SPDX-License-Identifier: GPL-2.0-only
/* See finding_text.h. */
#include "userspace/report/finding_text.h"

#include "userspace/report/visible.h"

#define WIDTH_MIN 40
#define TEXT_SHOWN 220 /* of a query: the end of a longer one is in the report */
#define LINE_MAX_BYTES 4096

static const struct {
	const char *kind, *text;
} kinds[] = {
	{ "n_plus_one", "repeated calls (N+1)" },
	{ "duplicate_query", "duplicate query" },
	{ "slow_query", "slow query" },
	{ "chatty_cache", "chatty cache" },
	{ "repeated_lookup", "repeated lookup" },
	{ "serial_calls", "calls in sequence" },
	{ "connection_churn", "connection churn" },
	{ "sleep", "sleep" },
	{ "lock", "lock" },
	{ "slow_first_byte", "slow first byte" },
	{ "errors", "errors" },
};

const char *finding_kind_text(const char *kind)
{
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (!strcmp(kinds[i].kind, kind))
			return kinds[i].text;
	return kind;
}

/* Columns of a piece of UTF-8: characters, as good as it gets without a table of wide ones. */
static size_t columns(const char *text, size_t len)
{
	size_t count = 0;

	for (size_t i = 0; i < len; i++)
		count += ((uint8_t)text[i] & 0xc0) != 0x80;
	return count;
}

/* Words of text, the first line after `first`, all with six columns of indent. */
static void wrap(FILE *out, const char *first, const char *text, int width)
{
	size_t at = strlen(first), column = 6 + columns(first, at), room = (size_t)width;
	bool fresh = true;

	fprintf(out, "      %s", first);
	while (*text) {
		size_t len = strcspn(text, " ");
		size_t wide = columns(text, len);

		if (!fresh && width && column + 1 + wide > room) {
			fprintf(out, "\n      %*s", (int)columns(first, at), "");
			column = 6 + columns(first, at);
			fresh = true;
		}
		fprintf(out, "%s%.*s", fresh ? "" : " ", (int)len, text);
		column += wide + !fresh;
		fresh = false;
		text += len;
		text += strspn(text, " ");
	}
	fputc('\n', out);
}

static void print_text(const struct finding *f, FILE *out, int width)
{
	char text[TEXT_SHOWN + 4];
	size_t len = strlen(f->text);

	if (!len || strstr(f->evidence, f->text)) /* said anyway */
		return;
	visible(text, TEXT_SHOWN + 1, bytes_of(f->text, len));
	if (len > TEXT_SHOWN)
		memcpy(text + strlen(text), "...", 4);
	wrap(out, "", text, width);
}

void finding_print(const struct finding *f, FILE *out, bool colour, int width)
{
	char name[SPAN_NAME_MAX * 3], text[LINE_MAX_BYTES];

	if (width && width < WIDTH_MIN)
		width = WIDTH_MIN;
	fprintf(out, "    %s%s%s", colour ? "\033[1m" : "",
		visible(name, sizeof(name), bytes_of_string(f->endpoint->name)),
		colour ? "\033[0m" : "");
	if (f->endpoint->service)
		fprintf(out, "  %s",
			visible(name, sizeof(name), bytes_of_string(f->endpoint->service->name)));
	fprintf(out, ": %s%s%s", colour ? "\033[1m" : "", finding_kind_text(f->kind),
		colour ? "\033[0m" : "");
	if (f->share >= 0.005)
		fprintf(out, ", %.0f%% of its time", 100 * f->share);
	fputc('\n', out);
	print_text(f, out, width);
	wrap(out, "", visible(text, sizeof(text), bytes_of_string(f->evidence)), width);
	if (f->file[0]) {
		char file[sizeof(f->file) * 3], function[sizeof(f->function) * 3], place[1024];

		visible(file, sizeof(file), bytes_of_string(f->file));
		visible(function, sizeof(function), bytes_of_string(f->function));
		snprintf(place, sizeof(place), "%s:%u %s", file, f->line, function);
		wrap(out, "at ", place, width);
	}
	wrap(out, "-> ", visible(text, sizeof(text), bytes_of_string(f->advice)), width);
}
