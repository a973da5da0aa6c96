// SPDX-License-Identifier: GPL-2.0-only
/*
 * See verb.h. A statement is a read only when it names a table and has no word that could make it
 * more: a function alone (SELECT nextval(...)) may do anything.
 */
#include "userspace/report/verb.h"

#include "userspace/base/map.h"

static const char *const sql_writes[] = { "INSERT", "UPDATE", "DELETE",   "REPLACE",
					  "MERGE",  "UPSERT", "TRUNCATE", "COPY" };
static const char *const sql_control[] = {
	"BEGIN",      "START",   "COMMIT", "ROLLBACK", "SAVEPOINT", "RELEASE",
	"SET",        "RESET",   "SHOW",   "USE",      "PREPARE",   "DISCARD",
	"CLOSE",      "DECLARE", "FETCH",  "MOVE",     "LISTEN",    "UNLISTEN",
	"END",        "ABORT",   "PING",   "QUIT",     "INIT_DB",   "RESET_CONNECTION",
	"DEALLOCATE", "XA",
};
/* Locks, side effects, and what is another value each time. */
static const char *const sql_more[] = { "FOR UPDATE", "FOR SHARE", "FOR NO KEY", "FOR KEY SHARE",
					"LOCK IN",    "NEXTVAL",   "RANDOM(",    "INTO",
					"SETVAL",     "RAND(",     "UUID(" };
static const char *const cache_waits[] = { "BLPOP",     "BRPOP",   "BRPOPLPUSH", "BLMOVE",
					   "BLMPOP",    "BZMPOP",  "BZPOPMIN",   "BZPOPMAX",
					   "XREAD",     "WAIT",    "WAITAOF",    "XREADGROUP",
					   "SUBSCRIBE", "MONITOR", "PSUBSCRIBE", "SSUBSCRIBE" };
static const char *const cache_control[] = {
	"AUTH", "HELLO",       "SELECT",  "CLIENT", "PING",
	"QUIT", "UNSUBSCRIBE", "COMMAND", "INFO",   "READONLY"
};
static const char *const cache_reads[] = { "GET",    "MGET",    "HGET",   "HMGET",     "HGETALL",
					   "EXISTS", "TTL",     "LRANGE", "SMEMBERS",  "SISMEMBER",
					   "STRLEN", "HEXISTS", "HLEN",   "LLEN",      "SCARD",
					   "ZRANGE", "ZSCORE",  "ZCARD",  "LINDEX",    "GETRANGE",
					   "HKEYS",  "HVALS",   "PTTL",   "ZREVRANGE", "ZRANK" };
static const char *const http_reads[] = { "GET", "HEAD", "OPTIONS" };

#define COUNT(list) (sizeof(list) / sizeof((list)[0]))

static bool is_one(struct bytes word, const char *const *list, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (bytes_is_nocase(word, list[i]))
			return true;
	return false;
}

static bool is_letter(uint8_t c)
{
	c = bytes_lower(c);
	return (c >= 'a' && c <= 'z') || c == '_';
}

struct bytes verb_word(struct bytes text)
{
	size_t at = 0, end;

	while (at < text.len && (text.data[at] <= ' ' || text.data[at] == '('))
		at++;
	for (end = at; end < text.len && is_letter(text.data[end]);)
		end++;
	return bytes_part(text, at, end - at);
}

/* Does text have the phrase, not as the end or the start of a longer word? One space stands for
 * many. */
static bool has_phrase(struct bytes text, const char *phrase)
{
	size_t len = strlen(phrase);

	for (size_t i = 0; i < text.len; i++) {
		size_t at = i, p = 0;

		if (i && is_letter(text.data[i - 1]))
			continue;
		while (p < len && at < text.len) {
			if (phrase[p] == ' ' && text.data[at] <= ' ') {
				while (at < text.len && text.data[at] <= ' ')
					at++;
				p++;
			} else if (bytes_lower(text.data[at]) == bytes_lower((uint8_t)phrase[p])) {
				at++;
				p++;
			} else {
				break;
			}
		}
		if (p == len &&
		    (at >= text.len || !is_letter(phrase[len - 1]) || !is_letter(text.data[at])))
			return true;
	}
	return false;
}

static bool has_any(struct bytes text, const char *const *list, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (has_phrase(text, list[i]))
			return true;
	return false;
}

/* The next word of *rest, which is moved behind it. */
static struct bytes next_word(struct bytes *rest)
{
	size_t end;
	struct bytes word;

	while (rest->len && rest->data[0] == ' ')
		*rest = bytes_from(*rest, 1);
	end = bytes_find(*rest, ' ', 0);
	word = bytes_part(*rest, 0, end);
	*rest = bytes_from(*rest, end);
	return word;
}

static bool is_operation(struct bytes word)
{
	return is_one(word, sql_writes, COUNT(sql_writes)) ||
	       is_one(word, sql_control, COUNT(sql_control)) || bytes_is_nocase(word, "SELECT") ||
	       bytes_is_nocase(word, "WITH");
}

void verb_tables(struct bytes summary, uint32_t *out, size_t count)
{
	struct bytes word;
	size_t at = 0;

	memset(out, 0, count * sizeof(*out));
	for (word = next_word(&summary); word.len && at < count; word = next_word(&summary))
		if (!is_operation(word))
			out[at++] = (uint32_t)map_hash(word.data, word.len, 7) | 1;
}

static enum call_verb sql_verb(struct bytes text, struct bytes summary)
{
	struct bytes word = verb_word(text);
	uint32_t table;

	if (is_one(word, sql_control, COUNT(sql_control)))
		return VERB_CONTROL;
	if (has_any(summary, sql_writes, COUNT(sql_writes)) ||
	    is_one(word, sql_writes, COUNT(sql_writes)))
		return VERB_WRITE;
	if (!bytes_is_nocase(word, "SELECT") && !bytes_is_nocase(word, "WITH"))
		return VERB_OTHER;
	verb_tables(summary, &table, 1);
	if (table)
		return has_any(text, sql_more, COUNT(sql_more)) ? VERB_OTHER : VERB_READ;
	/* SELECT ?: is anybody there? */
	return bytes_find(text, '(', 0) == text.len ? VERB_CONTROL : VERB_OTHER;
}

enum call_verb call_verb_of(const struct call *call)
{
	struct bytes word = verb_word(call->text);

	if (call->dependency == DEPENDENCY_DATABASE)
		return sql_verb(call->text,
				attributes_get(&call->span->attributes, "db.query.summary"));
	if (call->dependency == DEPENDENCY_SERVICE)
		return !word.len                                     ? VERB_OTHER
		       : is_one(word, http_reads, COUNT(http_reads)) ? VERB_READ
								     : VERB_WRITE;
	if (is_one(word, cache_waits, COUNT(cache_waits)))
		return VERB_WAIT;
	if (is_one(word, cache_control, COUNT(cache_control)))
		return VERB_CONTROL;
	return is_one(word, cache_reads, COUNT(cache_reads)) ? VERB_READ : VERB_WRITE;
}
