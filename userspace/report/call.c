// SPDX-License-Identifier: GPL-2.0-only
/*
 * See call.h. A cache's keys hold ids, so its text is the command with what all such keys have in
 * common:
 *
 *   GET user:1042                     GET user:*
 *   HSET session:8f14e45f name ?      HSET session:* name ?
 *   MGET price:1 price:2 price:3      MGET price:* ...
 */
#include "userspace/report/call.h"

#define UUID_LEN 36
#define TOKEN_LEN 24 /* a part of a key this long is no word */

const char *dependency_name(enum dependency d)
{
	static const char *const names[] = { "database", "cache", "service" };

	return names[d];
}

static enum dependency dependency_of_system(struct bytes system)
{
	if (!system.len)
		return DEPENDENCY_SERVICE;
	return bytes_is(system, "redis") || bytes_is(system, "memcached") ? DEPENDENCY_CACHE
									  : DEPENDENCY_DATABASE;
}

enum dependency dependency_of(const struct span *call)
{
	return dependency_of_system(attributes_get(&call->attributes, "db.system.name"));
}

bool is_call(const struct span *s)
{
	return s->kind == SPAN_CLIENT || s->kind == SPAN_PRODUCER;
}

/* ---- attributes ----------------------------------------------------------------------------- */

enum wanted {
	WANT_SYSTEM,
	WANT_QUERY,
	WANT_DATABASE,
	WANT_OPERATION,
	WANT_ADDRESS,
	WANT_PORT,
	WANT_METHOD,
	WANT_TEMPLATE,
	WANT_FILE,
	WANT_FUNCTION,
	WANT_LINE,
	WANTED,
};

static const struct {
	const char *key;
	size_t len;
} keys[WANTED] = {
#define KEY(text)                      \
	{                              \
		text, sizeof(text) - 1 \
	}
	[WANT_SYSTEM] = KEY("db.system.name"),      [WANT_QUERY] = KEY("db.query.text"),
	[WANT_DATABASE] = KEY("db.namespace"),      [WANT_OPERATION] = KEY("db.operation.name"),
	[WANT_ADDRESS] = KEY("server.address"),     [WANT_PORT] = KEY("server.port"),
	[WANT_METHOD] = KEY("http.request.method"), [WANT_TEMPLATE] = KEY("url.template"),
	[WANT_FILE] = KEY("code.file.path"),        [WANT_FUNCTION] = KEY("code.function.name"),
	[WANT_LINE] = KEY("code.line.number"),
#undef KEY
};

/* One pass over the list instead of one per key: this runs for every call, live. */
static void read_wanted(const struct attributes *a, const struct attribute *out[WANTED])
{
	for (uint32_t i = 0; i < a->count; i++) {
		const char *key = a->items[i].key;

		for (int w = 0; w < WANTED; w++) {
			if (out[w] || key[0] != keys[w].key[0] || strcmp(key, keys[w].key))
				continue;
			out[w] = &a->items[i];
			break;
		}
	}
}

/* ---- texts ---------------------------------------------------------------------------------- */

struct room {
	char *data;
	size_t len;
};

static void put(struct room *r, struct bytes text)
{
	size_t fits = CALL_TEXT_MAX - r->len;

	if (text.len > fits)
		text.len = fits;
	if (text.len)
		memcpy(r->data + r->len, text.data, text.len);
	r->len += text.len;
}

static bool is_digit(uint8_t c)
{
	return c >= '0' && c <= '9';
}

/* Bytes above 127 are parts of letters. */
static bool is_letter(uint8_t c)
{
	c = bytes_lower(c);
	return (c >= 'a' && c <= 'z') || c >= 0x80;
}

static bool is_uuid(struct bytes b)
{
	if (b.len < UUID_LEN ||
	    (b.len > UUID_LEN && (is_letter(b.data[UUID_LEN]) || is_digit(b.data[UUID_LEN]))))
		return false;
	for (size_t i = 0; i < UUID_LEN; i++) {
		uint8_t c = bytes_lower(b.data[i]);
		bool dash = i == 8 || i == 13 || i == 18 || i == 23;

		if (dash ? c != '-' : !is_digit(c) && !(c >= 'a' && c <= 'f'))
			return false;
	}
	return true;
}

/*
 * One part of a key, letters and digits only: "user", "42" -> "*", "shard7" -> "shard*", "8f14e45f"
 * -> "*", and what begins like a hexadecimal number with a letter, "a716", too.
 */
static void put_part(struct room *r, struct bytes part)
{
	size_t letters = 0, end;
	bool hexadecimal = true;

	for (; letters < part.len && is_letter(part.data[letters]); letters++)
		hexadecimal &= bytes_lower(part.data[letters]) <= 'f';
	for (end = letters; end < part.len && is_digit(part.data[end]);)
		end++;
	if (end < part.len || part.len >= TOKEN_LEN || (hexadecimal && end > letters))
		letters = 0;
	else if (end == letters) {
		put(r, part);
		return;
	}
	put(r, bytes_part(part, 0, letters));
	put(r, bytes_of_string("*"));
}

static void put_key(struct room *r, struct bytes key)
{
	size_t at = 0, end;

	while (at < key.len) {
		struct bytes rest = bytes_from(key, at);

		if (is_uuid(rest)) {
			put(r, bytes_of_string("*"));
			at += UUID_LEN;
			continue;
		}
		for (end = 0;
		     end < rest.len && (is_letter(rest.data[end]) || is_digit(rest.data[end]));)
			end++;
		if (end)
			put_part(r, bytes_part(rest, 0, end));
		if (end < rest.len)
			put(r, bytes_part(rest, end++, 1));
		at += end;
	}
}

static struct bytes next_word(struct bytes text, size_t *at)
{
	struct bytes word;

	while (*at < text.len && text.data[*at] == ' ')
		++*at;
	word = bytes_part(text, *at, bytes_find(text, ' ', *at) - *at);
	*at += word.len;
	return word;
}

/*
 * Arguments that look like one of the last two are left out: how many keys an MGET has, or pairs an
 * MSET, must not make it another kind of call.
 */
static void put_arguments(struct room *r, struct bytes text)
{
	struct bytes last[2] = { { 0 } };
	bool repeated = false;
	size_t at = 0;

	while (at < text.len && r->len < CALL_TEXT_MAX) {
		struct bytes word = next_word(text, &at), shown;
		size_t from = r->len;

		if (!word.len)
			break;
		put(r, bytes_of_string(" "));
		put_key(r, word);
		shown = bytes_of(r->data + from, r->len - from);
		if ((last[0].len && bytes_equal(shown, last[0])) ||
		    (last[1].len && bytes_equal(shown, last[1])) ||
		    (repeated && bytes_is(word, "..."))) {
			r->len = from;
			repeated = true;
			continue;
		}
		if (repeated && r->len + 4 < CALL_TEXT_MAX) {
			memmove(r->data + from + 4, r->data + from, r->len - from);
			memcpy(r->data + from, " ...", 4);
			r->len += 4;
			shown = bytes_of(r->data + from + 4, r->len - from - 4);
		}
		repeated = false;
		last[0] = last[1];
		last[1] = shown;
	}
	if (repeated)
		put(r, bytes_of_string(" ..."));
}

static struct bytes cache_text(struct bytes query, struct bytes operation, char *data)
{
	struct room r = { data, 0 };
	size_t at = operation.len;

	if (!operation.len || query.len < operation.len ||
	    !bytes_equal(bytes_part(query, 0, operation.len), operation)) {
		at = 0;
		operation = next_word(query, &at);
	}
	put(&r, operation);
	put_arguments(&r, bytes_from(query, at));
	return bytes_of(data, r.len);
}

static struct bytes http_text(struct bytes method, struct bytes address, struct bytes template,
			      char *data)
{
	struct room r = { data, 0 };

	put(&r, method);
	put(&r, bytes_of_string(" "));
	put(&r, address);
	if (template.len && template.data[0] != '/')
		put(&r, bytes_of_string("/"));
	put(&r, template);
	return bytes_of(data, r.len);
}

void call_read(struct call *out, const struct span *s, char room[CALL_TEXT_MAX])
{
	const struct attributes *a = &s->attributes;
	const struct attribute *found[WANTED] = { NULL };
	struct bytes query, operation, method;

	read_wanted(a, found);
	*out = (struct call){
		.span = s,
		.system = attribute_string(a, found[WANT_SYSTEM]),
		.database = attribute_string(a, found[WANT_DATABASE]),
		.address = attribute_string(a, found[WANT_ADDRESS]),
		.file = attribute_string(a, found[WANT_FILE]),
		.function = attribute_string(a, found[WANT_FUNCTION]),
	};
	if (found[WANT_PORT] && found[WANT_PORT]->type == ATTRIBUTE_INT)
		out->port = found[WANT_PORT]->integer;
	else if (out->address.len && out->address.data[0] != '/' && s->protocol)
		out->port = s->protocol->default_port;
	if (found[WANT_LINE] && found[WANT_LINE]->type == ATTRIBUTE_INT)
		out->line = found[WANT_LINE]->integer;
	out->dependency = dependency_of_system(out->system);
	if (!out->system.len && s->protocol)
		out->system = bytes_of_string(s->protocol->name);
	query = attribute_string(a, found[WANT_QUERY]);
	operation = attribute_string(a, found[WANT_OPERATION]);
	method = attribute_string(a, found[WANT_METHOD]);
	if (query.len && out->dependency == DEPENDENCY_CACHE)
		out->text = cache_text(query, operation, room);
	else if (query.len)
		out->text = query;
	else if (method.len && out->address.len)
		out->text = http_text(method, out->address,
				      attribute_string(a, found[WANT_TEMPLATE]), room);
	else
		out->text = bytes_of_string(s->name);
}

struct bytes call_text(const struct span *s, char room[CALL_TEXT_MAX])
{
	struct call c;

	call_read(&c, s, room);
	return c.text;
}
