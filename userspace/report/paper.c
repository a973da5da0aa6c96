// SPDX-License-Identifier: GPL-2.0-only
/* See paper.h. */
#include "userspace/report/paper.h"

#include "userspace/report/visible.h"

#define ELLIPSIS "\xe2\x80\xa6"
#define SELECTED "SELECT " ELLIPSIS

const char *paper_ink(const struct paper *p, enum ink ink)
{
	static const char *const codes[] = { "\033[0m",  "\033[1m",  "\033[2m",
					     "\033[31m", "\033[32m", "\033[33m",
					     "\033[34m", "\033[35m", "\033[36m" };

	return p->colour ? codes[ink] : "";
}

/* The first byte of a character, or a byte alone. */
static bool begins(char c)
{
	return ((uint8_t)c & 0xc0) != 0x80;
}

int paper_width(const char *text)
{
	int width = 0;

	for (; *text; text++)
		width += begins(*text);
	return width;
}

const char *paper_cut(char out[PAPER_TEXT_MAX], struct bytes text, int columns)
{
	int width = 0;
	size_t at = 0, last = 0;

	visible(out, PAPER_TEXT_MAX - sizeof(ELLIPSIS), text);
	if (columns < 1)
		columns = 1;
	for (; out[at]; at++) {
		if (!begins(out[at]))
			continue;
		if (width == columns - 1)
			last = at; /* where the ellipsis goes, should there be more */
		if (++width > columns) {
			memcpy(out + last, ELLIPSIS, sizeof(ELLIPSIS));
			return out;
		}
	}
	return out;
}

/* Where " FROM " stands outside of brackets; text.len: nowhere. */
static size_t find_from(struct bytes text)
{
	int depth = 0;

	for (size_t i = 0; i + 6 <= text.len; i++) {
		depth += text.data[i] == '(' ? 1 : text.data[i] == ')' ? -1 : 0;
		if (!depth && bytes_is_nocase(bytes_part(text, i, 6), " FROM "))
			return i;
	}
	return text.len;
}

const char *paper_cut_query(char out[PAPER_TEXT_MAX], struct bytes text, int columns)
{
	char line[PAPER_TEXT_MAX], shorter[PAPER_TEXT_MAX * 2];
	size_t len = 0, from;

	visible(line, sizeof(line), text);
	for (size_t i = 0; line[i]; i++)
		if (line[i] != ' ' || (len && line[len - 1] != ' '))
			line[len++] = line[i];
	line[len] = '\0';
	from = find_from(bytes_of(line, len));
	if (paper_width(line) <= columns || from == len || from < sizeof(SELECTED) ||
	    !bytes_is_nocase(bytes_of(line, 7), "SELECT "))
		return paper_cut(out, bytes_of(line, len), columns);
	snprintf(shorter, sizeof(shorter), SELECTED "%s", line + from);
	return paper_cut(out, bytes_of_string(shorter), columns);
}

void paper_heading(const struct paper *p, const char *text)
{
	fprintf(p->out, "\n%s%s%s\n", paper_ink(p, INK_BOLD), text, paper_ink(p, INK_PLAIN));
}

void paper_wrap(const struct paper *p, const char *text, int indent, int column)
{
	bool first = true;

	while (*text) {
		size_t len = strcspn(text, " ");
		int width = 0;

		for (size_t i = 0; i < len; i++)
			width += begins(text[i]);
		if (!first && column + 1 + width > p->columns) {
			fprintf(p->out, "\n%*s", indent, "");
			column = indent;
		} else if (!first) {
			fputc(' ', p->out);
			column++;
		}
		fwrite(text, 1, len, p->out);
		column += width;
		first = false;
		text += len;
		while (*text == ' ')
			text++;
	}
	fputc('\n', p->out);
}

/* One line of text[0..len) without its end. Colours that are on at the cut are switched off. */
static void print_cut(const struct paper *p, const char *text, size_t len, int columns)
{
	bool escape = false, cut = false;
	size_t end = len, last = 0;
	int width = 0;

	for (size_t i = 0; i < len; i++) {
		if (escape || text[i] == '\033') {
			escape = text[i] != 'm';
			continue;
		}
		if (!begins(text[i]))
			continue;
		if (width == columns - 1)
			last = i;
		if (++width > columns) {
			end = last;
			cut = true;
			break;
		}
	}
	fwrite(text, 1, end, p->out);
	fprintf(p->out, "%s%s\n", cut ? ELLIPSIS : "", cut ? paper_ink(p, INK_PLAIN) : "");
}

void paper_lines(const struct paper *p, const char *text, size_t len, size_t lines,
		 const char *indent)
{
	size_t at = 0, more = 0, printed = 0;
	char number[32];

	while (at < len) {
		const char *end = memchr(text + at, '\n', len - at);
		size_t line = end ? (size_t)(end - text) - at : len - at;

		if (printed < lines) {
			fputs(indent, p->out);
			print_cut(p, text + at, line, p->columns - paper_width(indent));
			printed++;
		} else {
			more++;
		}
		at += line + 1;
	}
	if (more)
		fprintf(p->out, "%s%s... %s more lines%s\n", indent, paper_ink(p, INK_DIM),
			paper_number(number, more), paper_ink(p, INK_PLAIN));
}

const char *paper_number(char out[32], uint64_t number)
{
	char digits[24];
	size_t len = (size_t)snprintf(digits, sizeof(digits), "%llu", (unsigned long long)number),
	       at = 0;

	for (size_t i = 0; i < len; i++) {
		if (i && (len - i) % 3 == 0)
			out[at++] = ',';
		out[at++] = digits[i];
	}
	out[at] = '\0';
	return out;
}
