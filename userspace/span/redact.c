// SPDX-License-Identifier: GPL-2.0-only
/*
 * See redact.h. Called by span_finish(), before anybody else sees a span. The list of query keys
 * begins with the one of the HTTP semantic conventions 1.44 and goes further: a value too many
 * costs a look at the application's own log, a value too few is a leak.
 */
#include "userspace/span/redact.h"

#define KEY_MAX 64 /* of a normalised key; longer keys are judged by their first 64 characters */

static int hex_digit(uint8_t c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c = bytes_lower(c);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/*
 * Letters and digits only, lower case, percent-encoding undone: "user[pass%77ord]" is
 * "userpassword".
 */
static size_t normalise_key(char *out, size_t size, struct bytes key)
{
	size_t len = 0;

	for (size_t i = 0; i < key.len && len < size - 1; i++) {
		uint8_t c = key.data[i];

		if (c == '%' && i + 2 < key.len && hex_digit(key.data[i + 1]) >= 0 &&
		    hex_digit(key.data[i + 2]) >= 0) {
			c = (uint8_t)(hex_digit(key.data[i + 1]) << 4 | hex_digit(key.data[i + 2]));
			i += 2;
		}
		c = bytes_lower(c);
		if ((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'))
			out[len++] = (char)c;
	}
	out[len] = '\0';
	return len;
}

static bool is_secret(struct bytes key)
{
	static const char *const parts[] = { "token",      "secret",    "passw",  "passphrase",
					     "credential", "signature", "apikey", "accesskey",
					     "privatekey", "session" };
	static const char *const whole[] = { "sig",    "key",  "pass",      "pwd",          "pin",
					     "otp",    "auth", "code",      "jwt",          "sid",
					     "bearer", "hmac", "assertion", "authorization" };
	char name[KEY_MAX];

	if (!normalise_key(name, sizeof(name), key))
		return false;
	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++)
		if (strstr(name, parts[i]))
			return true;
	for (size_t i = 0; i < sizeof(whole) / sizeof(whole[0]); i++)
		if (!strcmp(name, whole[i]))
			return true;
	return false;
}

void redact_query(struct buf *out, struct bytes query)
{
	size_t at = 0;

	while (at < query.len) {
		size_t end = at;
		struct bytes pair;
		size_t equals;

		/*
		 * ';' separates too, in old forms: better to split than to take it for part of a
		 * value.
		 */
		while (end < query.len && query.data[end] != '&' && query.data[end] != ';')
			end++;
		pair = bytes_part(query, at, end - at);
		equals = bytes_find(pair, '=', 0);
		if (equals < pair.len && is_secret(bytes_part(pair, 0, equals))) {
			buf_add(out, pair.data, equals + 1);
			buf_add_text(out, "REDACTED");
		} else {
			buf_add_bytes(out, pair);
		}
		if (end < query.len)
			buf_add_byte(out, query.data[end++]);
		at = end;
	}
}

/* Offset behind "scheme://", or of "//" at the start; 0 for anything without an authority. */
static size_t authority_at(struct bytes url)
{
	size_t at = bytes_find(url, ':', 0);

	if (bytes_starts(url, "//"))
		return 2;
	if (at && bytes_starts(bytes_from(url, at), "://") && bytes_find(url, '/', 0) == at + 1)
		return at + 3;
	return 0;
}

void redact_url(struct buf *out, struct bytes url)
{
	size_t end = bytes_find(url, '#', 0);
	size_t question, at, stop;

	url = bytes_part(url, 0, end);
	question = bytes_find(url, '?', 0);
	at = authority_at(url);
	if (at) {
		size_t user = 0;

		stop = bytes_find(url, '/', at);
		if (stop > question)
			stop = question;
		for (size_t i = at; i < stop; i++)
			if (url.data[i] == '@')
				user = i + 1; /* the last one: a password may hold others */
		buf_add(out, url.data, at);
		if (user)
			buf_add_text(out, "REDACTED:REDACTED@");
		at = user ? user : at;
	}
	buf_add_bytes(out, bytes_part(url, at, question - at));
	if (question < url.len) {
		buf_add_byte(out, '?');
		redact_query(out, bytes_from(url, question + 1));
	}
}

static bool is_word(uint8_t c)
{
	return (c >= '0' && c <= '9') || (bytes_lower(c) >= 'a' && bytes_lower(c) <= 'z') ||
	       c == '_' || c >= 0x80;
}

/* The word that ends right before offset at, one blank between allowed. */
static struct bytes word_before(struct bytes text, size_t at)
{
	size_t start;

	if (at && text.data[at - 1] == ' ')
		at--;
	start = at;
	while (start && is_word(text.data[start - 1]))
		start--;
	return bytes_part(text, start, at - start);
}

/* Does the text quoted at offset at name a thing of the schema, as the word before it says? */
static bool is_name(struct bytes text, size_t at)
{
	static const char *const kinds[] = { "relation",   "table",     "column",   "columns",
					     "constraint", "index",     "view",     "sequence",
					     "function",   "procedure", "trigger",  "schema",
					     "database",   "type",      "operator", "extension",
					     "language",   "parameter", "encoding", "key",
					     "field",      "variable" };
	struct bytes word = word_before(text, at);

	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (bytes_is_nocase(word, kinds[i]))
			return true;
	return false;
}

static size_t last_of(struct bytes text, uint8_t c, size_t from)
{
	for (size_t i = text.len; i > from; i--)
		if (text.data[i - 1] == c)
			return i - 1;
	return text.len;
}

/*
 * Offset of the quote that closes the one at offset at; text.len if none does. A value may hold
 * quotes of its own, so one that a letter follows does not close; and the piece of a statement
 * after MySQL's "near" can hold anything, so there the last quote of the message does.
 */
static size_t closing_quote(struct bytes text, size_t at)
{
	uint8_t quote = text.data[at];

	if (bytes_is_nocase(word_before(text, at), "near"))
		return last_of(text, quote, at + 1);
	for (size_t i = at + 1; i < text.len; i++)
		if (text.data[i] == quote && (i + 1 == text.len || (!is_word(text.data[i + 1]) &&
								    text.data[i + 1] != quote)))
			return i;
	return text.len;
}

/* What stands for the value at offset at, whose end is close; returns the offset behind it. */
static size_t add_value(struct buf *out, struct bytes text, size_t close, const char *with)
{
	buf_add_text(out, with);
	return close < text.len ? close + 1 : text.len;
}

void redact_message(struct buf *out, struct bytes message)
{
	size_t at = 0;

	while (at < message.len) {
		uint8_t c = message.data[at];
		bool inside = at && is_word(message.data[at - 1]); /* the apostrophe of "doesn't" */

		if ((c == '\'' || c == '"') && !inside) {
			size_t close = closing_quote(message, at);

			if (close < message.len && is_name(message, at)) {
				buf_add_bytes(out, bytes_part(message, at, close + 1 - at));
				at = close + 1;
			} else {
				at = add_value(out, message, close, "?");
			}
		} else if (c == '(' && bytes_is(word_before(message, at), "Key")) {
			/*
			 * PostgreSQL's detail, "Key (email)=(a@b.c) already exists.": columns, then
			 * values.
			 */
			size_t close = bytes_find(message, ')', at);

			buf_add_bytes(out, bytes_part(message, at, close - at));
			at = close;
		} else if (c == '(' && !(at + 1 < message.len && message.data[at + 1] == '`')) {
			/*
			 * A value may hold ')': everything up to the last one. Backticks are
			 * MySQL's names.
			 */
			at = add_value(out, message, last_of(message, ')', at), "(?)");
		} else {
			buf_add_byte(out, c);
			at++;
		}
	}
}
