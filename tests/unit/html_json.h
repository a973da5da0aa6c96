/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SPANTAP_TESTS_UNIT_HTML_JSON_H
#define SPANTAP_TESTS_UNIT_HTML_JSON_H

/* Is a text one whole JSON value (RFC 8259)? Small and slow: for tests of what is embedded in
 * pages. */

#include <ctype.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define HTML_JSON_DEPTH 64

static inline const char *html_json_value(const char *p, int depth);

static inline const char *html_json_string(const char *p)
{
	if (*p++ != '"')
		return NULL;
	for (; *p != '"'; p++) {
		if ((unsigned char)*p < 0x20)
			return NULL;
		if (*p != '\\')
			continue;
		if (*++p == 'u')
			for (int i = 0; i < 4; i++)
				if (!isxdigit((unsigned char)*++p))
					return NULL;
		if (!*p || !strchr("\"\\/bfnrtu0123456789abcdefABCDEF", *p))
			return NULL;
	}
	return p + 1;
}

static inline const char *html_json_list(const char *p, int depth)
{
	bool object = *p++ == '{';
	char end = object ? '}' : ']';

	if (*p == end)
		return p + 1;
	for (;; p++) {
		if (object) {
			p = html_json_string(p);
			if (!p || *p++ != ':')
				return NULL;
		}
		p = html_json_value(p, depth + 1);
		if (!p || (*p != ',' && *p != end))
			return NULL;
		if (*p == end)
			return p + 1;
	}
}

static inline const char *html_json_value(const char *p, int depth)
{
	static const char *const words[] = { "true", "false", "null" };
	char *end;

	if (depth > HTML_JSON_DEPTH)
		return NULL;
	if (*p == '{' || *p == '[')
		return html_json_list(p, depth);
	if (*p == '"')
		return html_json_string(p);
	for (size_t i = 0; i < 3; i++)
		if (!strncmp(p, words[i], strlen(words[i])))
			return p + strlen(words[i]);
	if (*p != '-' && !isdigit((unsigned char)*p))
		return NULL;
	(void)strtod(p, &end);
	return end;
}

static inline bool html_json_whole(const char *text)
{
	const char *end = html_json_value(text, 0);

	return end && !*end;
}

#endif
