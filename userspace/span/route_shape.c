// SPDX-License-Identifier: GPL-2.0-only
/*
 * Tells parameters from words. In order of sureness: numbers, UUIDs, dates, e-mail addresses,
 * hexadecimal hashes, then identifiers by the way they mix letters, digits and cases (ULIDs,
 * base64url, Stripe's cus_9s6X, INV-2024-001), then long titles. What frameworks' own routes look
 * like must stay a word: v2, oauth2, forgot-password, getUserProfile, users:batchGet, $metadata.
 */
#include "userspace/span/route_shape.h"

#define WORD_MAX 40 /* longest route words seen in public API descriptions are about 35 */
#define SLUG_MIN 20 /* a title of four words and more is rarely shorter */
#define HASH_MIN 8  /* a git short hash; shorter ones are words too often ("facade1") */
#define EXTENSION_MAX 5
#define SEGMENT_MAX 128 /* not worth a closer look */

/* How a piece mixes its characters. */
struct mix {
	size_t digits, lower, upper, separators, other;
	size_t changes; /* between lower, upper and digit; "Word" has none */
	bool hexadecimal;
};

static bool is_digit(uint8_t c)
{
	return c >= '0' && c <= '9';
}

static struct mix mix_of(struct bytes b)
{
	struct mix m = { .hexadecimal = true };
	char before = 0;

	for (size_t i = 0; i < b.len; i++) {
		uint8_t c = b.data[i], low = bytes_lower(c);
		char kind = is_digit(c)            ? '0'
			    : c >= 'a' && c <= 'z' ? 'a'
			    : c >= 'A' && c <= 'Z' ? 'A'
						   : 0;

		m.digits += kind == '0';
		m.lower += kind == 'a';
		m.upper += kind == 'A';
		m.separators += c == '-' || c == '_';
		m.other += !kind && c != '-' && c != '_' && c != '.' && c != '~' && c != ':' &&
			   c != '$' && c != '+';
		m.hexadecimal &= kind == '0' || (low >= 'a' && low <= 'f');
		/* A capital that begins a word is no change: camelCase is not noise. */
		if (before && kind && kind != before && !(before == 'A' && kind == 'a'))
			m.changes++;
		before = kind;
	}
	return m;
}

/* Does b have pattern's form? '9' is a digit, 'x' a hexadecimal digit, anything else itself. */
static bool has_form(struct bytes b, const char *pattern)
{
	size_t i;

	for (i = 0; i < b.len && pattern[i]; i++) {
		uint8_t c = b.data[i], low = bytes_lower(c);
		bool digit = is_digit(c);

		if (pattern[i] == '9'   ? !digit
		    : pattern[i] == 'x' ? !digit && (low < 'a' || low > 'f')
					: c != (uint8_t)pattern[i])
			return false;
	}
	return i == b.len && !pattern[i];
}

static bool is_number(struct bytes b)
{
	size_t i = b.len > 1 && (b.data[0] == '-' || b.data[0] == '+') ? 1 : 0;

	if (!is_digit(b.data[i]))
		return false;
	for (; i < b.len; i++)
		if (!is_digit(b.data[i]) && b.data[i] != '.' && b.data[i] != ',')
			return false;
	return true;
}

static bool is_uuid(struct bytes b)
{
	if (b.len == 38 && b.data[0] == '{' && b.data[37] == '}')
		b = bytes_part(b, 1, 36);
	return has_form(b, "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx");
}

/* 2024-05, 2024-05-31, 2024-W21, and the last with a time behind it (2024-05-31T10:00:00Z). */
static bool is_date(struct bytes b)
{
	if (has_form(bytes_part(b, 0, 4), "9999") &&
	    (has_form(bytes_from(b, 4), "-99") || has_form(bytes_from(b, 4), "-W99")))
		return true;
	return has_form(bytes_part(b, 0, 10), "9999-99-99") &&
	       (b.len == 10 || b.data[10] == 'T' || b.data[10] == ' ');
}

static bool is_email(struct bytes b)
{
	size_t at = bytes_find(b, '@', 0);

	if (at == 0 || at == b.len) /* also with the @ percent-encoded */
		for (at = 1; at + 2 < b.len && !has_form(bytes_part(b, at, 3), "%40");)
			at++;
	return at > 0 && at + 2 < b.len && bytes_find(b, '.', at) < b.len;
}

/* v1, V2, v1.2, v2beta1. */
static bool is_version(struct bytes b)
{
	size_t i = 1;

	if (b.len < 2 || bytes_lower(b.data[0]) != 'v' || !is_digit(b.data[1]))
		return false;
	while (i < b.len && (is_digit(b.data[i]) || b.data[i] == '.'))
		i++;
	if (i < b.len &&
	    (bytes_starts(bytes_from(b, i), "beta") || bytes_starts(bytes_from(b, i), "alpha")))
		for (i += b.data[i] == 'b' ? 4 : 5; i < b.len && is_digit(b.data[i]);)
			i++;
	return i == b.len && b.len <= 12;
}

/* Letters and digits without separators: an identifier rather than a word? */
static bool is_identifier(struct bytes b)
{
	struct mix m = mix_of(b);
	size_t tail = 0;

	if (!m.digits) /* random letters change case far more often than names do */
		return b.len >= 16 && m.lower && m.upper && m.changes * 3 > b.len;
	if (m.digits == b.len)
		return b.len >= 3;
	while (tail < b.len && is_digit(b.data[b.len - 1 - tail]))
		tail++;
	if (m.changes == 1 && tail == m.digits)
		return tail >= 3; /* user123; but oauth2, ipv4, top10 */
	if (b.len >= 20)
		return true;
	return b.len >= 6 && m.changes >= 3 && m.digits >= 2;
}

/*
 * Does any piece between separators look like an identifier, with a name before it (order-10045,
 * cus_9s6XKz)?
 */
static bool has_identifier(struct bytes b)
{
	size_t start = 0;

	for (size_t i = 0; i <= b.len; i++) {
		if (i < b.len && b.data[i] != '-' && b.data[i] != '_' && b.data[i] != '.' &&
		    b.data[i] != ':')
			continue;
		if (i > start && is_identifier(bytes_part(b, start, i - start)))
			return true;
		start = i + 1;
	}
	return false;
}

/* Bytes of ".pdf" at the end of b, 0 if there is no such thing. */
static size_t extension(struct bytes b)
{
	size_t i = b.len;

	while (i && bytes_lower(b.data[i - 1]) >= 'a' && bytes_lower(b.data[i - 1]) <= 'z')
		i--;
	/* mp4, woff2: one digit at the end is allowed; it was not eaten above. */
	if (i == b.len && b.len > 2 && is_digit(b.data[b.len - 1]))
		for (i = b.len - 1;
		     i && bytes_lower(b.data[i - 1]) >= 'a' && bytes_lower(b.data[i - 1]) <= 'z';)
			i--;
	if (i < 2 || b.data[i - 1] != '.' || b.len - i > EXTENSION_MAX || b.len - i < 2)
		return 0;
	return b.len - i + 1;
}

const char *route_shape(struct bytes b, size_t *tail)
{
	struct mix m;

	*tail = 0;
	if (b.len > SEGMENT_MAX)
		return "{slug}";
	if (is_number(b))
		return "{id}";
	if (is_uuid(b))
		return "{uuid}";
	if (is_date(b))
		return "{date}";
	if (is_email(b))
		return "{email}";
	if (is_version(b))
		return NULL;
	if (extension(b)) {
		size_t inner;

		*tail = extension(b);
		return route_shape(bytes_part(b, 0, b.len - *tail), &inner);
	}
	m = mix_of(b);
	if (m.other) /* percent-encoded, quotes, other scripts: typed by somebody */
		return "{name}";
	if (m.hexadecimal && b.len >= HASH_MIN && m.digits)
		return "{hash}";
	if (m.hexadecimal && b.len >= 32)
		return "{hash}";
	if (m.separators >= 3 && b.len >= SLUG_MIN)
		return "{slug}";
	if (has_identifier(b))
		return "{id}";
	return b.len > WORD_MAX ? "{slug}" : NULL;
}
