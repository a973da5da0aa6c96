// SPDX-License-Identifier: GPL-2.0-only
/*
 * The commands, and which of their arguments are keys: the only ones that a query's text shows (and
 * the fields of hashes, and the channels of pub/sub). The places are those that a server's own
 * COMMAND answers (7.0, and a few newer ones), except where keys are counted by another argument.
 */
#include "userspace/protocol/redis.h"

#include <stdlib.h>

/* clang-format off */
#define FULL(name, kind, first, last, step, numbered) { name, REDIS_##kind, first, last, step, numbered, 0 }
#define NONE(name) FULL(name, PLAIN, 0, 0, 0, 0)
#define ONE(name) FULL(name, PLAIN, 1, 1, 1, 0)
#define KEYS(name, first, last, step) FULL(name, PLAIN, first, last, step, 0)
#define COUNTED(name, first, numbered) FULL(name, PLAIN, first, first, 1, numbered)
#define FIELDS(name, step) { name, REDIS_PLAIN, 1, 1, 1, 0, step }
#define KIND(name, kind) FULL(name, kind, 0, 0, 0, 0)

/* Sorted by name. */
static const struct redis_command commands[] = {
	KIND("ACL", CONTAINER), ONE("APPEND"), NONE("ASKING"), KIND("AUTH", AUTH),
	NONE("BGREWRITEAOF"), NONE("BGSAVE"), ONE("BITCOUNT"), ONE("BITFIELD"), ONE("BITFIELD_RO"),
	KEYS("BITOP", 2, -1, 1), ONE("BITPOS"), KEYS("BLMOVE", 1, 2, 1), COUNTED("BLMPOP", 0, 2),
	KEYS("BLPOP", 1, -2, 1), KEYS("BRPOP", 1, -2, 1), KEYS("BRPOPLPUSH", 1, 2, 1),
	COUNTED("BZMPOP", 0, 2), KEYS("BZPOPMAX", 1, -2, 1), KEYS("BZPOPMIN", 1, -2, 1),
	KIND("CLIENT", CLIENT), KIND("CLUSTER", CONTAINER), KIND("COMMAND", CONTAINER),
	KIND("CONFIG", CONTAINER), KEYS("COPY", 1, 2, 1), NONE("DBSIZE"), KIND("DEBUG", CONTAINER),
	ONE("DECR"), ONE("DECRBY"), KEYS("DEL", 1, -1, 1), KIND("DISCARD", DISCARD), ONE("DUMP"),
	NONE("ECHO"), COUNTED("EVAL", 0, 2), FULL("EVALSHA", SCRIPT, 0, 0, 0, 2),
	FULL("EVALSHA_RO", SCRIPT, 0, 0, 0, 2), COUNTED("EVAL_RO", 0, 2), KIND("EXEC", EXEC),
	KEYS("EXISTS", 1, -1, 1), ONE("EXPIRE"), ONE("EXPIREAT"), ONE("EXPIRETIME"),
	NONE("FAILOVER"), FULL("FCALL", SCRIPT, 0, 0, 0, 2), FULL("FCALL_RO", SCRIPT, 0, 0, 0, 2),
	NONE("FLUSHALL"), NONE("FLUSHDB"), KIND("FUNCTION", CONTAINER), ONE("GEOADD"),
	ONE("GEODIST"), ONE("GEOHASH"), ONE("GEOPOS"), ONE("GEORADIUS"), ONE("GEORADIUSBYMEMBER"),
	ONE("GEORADIUSBYMEMBER_RO"), ONE("GEORADIUS_RO"), ONE("GEOSEARCH"),
	KEYS("GEOSEARCHSTORE", 1, 2, 1), ONE("GET"), ONE("GETBIT"), ONE("GETDEL"), ONE("GETEX"),
	ONE("GETRANGE"), ONE("GETSET"), FIELDS("HDEL", 1), KIND("HELLO", HELLO),
	FIELDS("HEXISTS", 1), ONE("HEXPIRE"), ONE("HEXPIREAT"), FIELDS("HGET", 1), ONE("HGETALL"),
	ONE("HGETDEL"), ONE("HGETEX"), FIELDS("HINCRBY", 2), FIELDS("HINCRBYFLOAT", 2),
	ONE("HKEYS"), ONE("HLEN"), FIELDS("HMGET", 1), FIELDS("HMSET", 2), ONE("HPERSIST"),
	ONE("HPEXPIRE"), ONE("HPEXPIREAT"), ONE("HPTTL"), ONE("HRANDFIELD"), ONE("HSCAN"),
	FIELDS("HSET", 2), ONE("HSETEX"), FIELDS("HSETNX", 2), FIELDS("HSTRLEN", 1), ONE("HTTL"),
	ONE("HVALS"), ONE("INCR"), ONE("INCRBY"), ONE("INCRBYFLOAT"), NONE("INFO"), NONE("KEYS"),
	NONE("LASTSAVE"), KIND("LATENCY", CONTAINER), KEYS("LCS", 1, 2, 1), ONE("LINDEX"),
	ONE("LINSERT"), ONE("LLEN"), KEYS("LMOVE", 1, 2, 1), COUNTED("LMPOP", 0, 1),
	NONE("LOLWUT"), ONE("LPOP"), ONE("LPOS"), ONE("LPUSH"), ONE("LPUSHX"), ONE("LRANGE"),
	ONE("LREM"), ONE("LSET"), ONE("LTRIM"), FULL("MEMORY", CONTAINER, 2, 2, 1, 0),
	KEYS("MGET", 1, -1, 1), KEYS("MIGRATE", 3, 3, 1), KIND("MODULE", CONTAINER),
	KIND("MONITOR", MONITOR), ONE("MOVE"), KEYS("MSET", 1, -1, 2), KEYS("MSETNX", 1, -1, 2),
	KIND("MULTI", MULTI), FULL("OBJECT", CONTAINER, 2, 2, 1, 0), ONE("PERSIST"),
	ONE("PEXPIRE"), ONE("PEXPIREAT"), ONE("PEXPIRETIME"), ONE("PFADD"),
	KEYS("PFCOUNT", 1, -1, 1), KEYS("PFDEBUG", 2, 2, 1), KEYS("PFMERGE", 1, -1, 1),
	NONE("PFSELFTEST"), NONE("PING"), ONE("PSETEX"),
	FULL("PSUBSCRIBE", SUBSCRIBE, 1, -1, 1, 0), KIND("PSYNC", SYNC), ONE("PTTL"),
	ONE("PUBLISH"), KIND("PUBSUB", CONTAINER), FULL("PUNSUBSCRIBE", SUBSCRIBE, 1, -1, 1, 0),
	NONE("QUIT"), NONE("RANDOMKEY"), NONE("READONLY"), NONE("READWRITE"),
	KEYS("RENAME", 1, 2, 1), KEYS("RENAMENX", 1, 2, 1), NONE("REPLCONF"), NONE("REPLICAOF"),
	KIND("RESET", RESET), ONE("RESTORE"), ONE("RESTORE-ASKING"), NONE("ROLE"), ONE("RPOP"),
	KEYS("RPOPLPUSH", 1, 2, 1), ONE("RPUSH"), ONE("RPUSHX"), ONE("SADD"), NONE("SAVE"),
	NONE("SCAN"), ONE("SCARD"), KIND("SCRIPT", CONTAINER), KEYS("SDIFF", 1, -1, 1),
	KEYS("SDIFFSTORE", 1, -1, 1), KIND("SELECT", SELECT), KIND("SENTINEL", CONTAINER),
	ONE("SET"), ONE("SETBIT"), ONE("SETEX"), ONE("SETNX"), ONE("SETRANGE"), NONE("SHUTDOWN"),
	KEYS("SINTER", 1, -1, 1), COUNTED("SINTERCARD", 0, 1), KEYS("SINTERSTORE", 1, -1, 1),
	ONE("SISMEMBER"), NONE("SLAVEOF"), KIND("SLOWLOG", CONTAINER), ONE("SMEMBERS"),
	ONE("SMISMEMBER"), KEYS("SMOVE", 1, 2, 1), ONE("SORT"), ONE("SORT_RO"), ONE("SPOP"),
	ONE("SPUBLISH"), ONE("SRANDMEMBER"), ONE("SREM"), ONE("SSCAN"),
	FULL("SSUBSCRIBE", SUBSCRIBE, 1, -1, 1, 0), ONE("STRLEN"),
	FULL("SUBSCRIBE", SUBSCRIBE, 1, -1, 1, 0), ONE("SUBSTR"), KEYS("SUNION", 1, -1, 1),
	KEYS("SUNIONSTORE", 1, -1, 1), FULL("SUNSUBSCRIBE", SUBSCRIBE, 1, -1, 1, 0),
	NONE("SWAPDB"), KIND("SYNC", SYNC), NONE("TIME"), KEYS("TOUCH", 1, -1, 1), ONE("TTL"),
	ONE("TYPE"), KEYS("UNLINK", 1, -1, 1), FULL("UNSUBSCRIBE", SUBSCRIBE, 1, -1, 1, 0),
	NONE("UNWATCH"), NONE("WAIT"), NONE("WAITAOF"), KEYS("WATCH", 1, -1, 1), ONE("XACK"),
	ONE("XACKDEL"), ONE("XADD"), ONE("XAUTOCLAIM"), ONE("XCLAIM"), ONE("XDEL"), ONE("XDELEX"),
	FULL("XGROUP", CONTAINER, 2, 2, 1, 0), FULL("XINFO", CONTAINER, 2, 2, 1, 0), ONE("XLEN"),
	ONE("XPENDING"), ONE("XRANGE"), COUNTED("XREAD", 0, -1), COUNTED("XREADGROUP", 0, -1),
	ONE("XREVRANGE"), ONE("XSETID"), ONE("XTRIM"), ONE("ZADD"), ONE("ZCARD"), ONE("ZCOUNT"),
	COUNTED("ZDIFF", 0, 1), COUNTED("ZDIFFSTORE", 1, 2), ONE("ZINCRBY"),
	COUNTED("ZINTER", 0, 1), COUNTED("ZINTERCARD", 0, 1), COUNTED("ZINTERSTORE", 1, 2),
	ONE("ZLEXCOUNT"), COUNTED("ZMPOP", 0, 1), ONE("ZMSCORE"), ONE("ZPOPMAX"), ONE("ZPOPMIN"),
	ONE("ZRANDMEMBER"), ONE("ZRANGE"), ONE("ZRANGEBYLEX"), ONE("ZRANGEBYSCORE"),
	KEYS("ZRANGESTORE", 1, 2, 1), ONE("ZRANK"), ONE("ZREM"), ONE("ZREMRANGEBYLEX"),
	ONE("ZREMRANGEBYRANK"), ONE("ZREMRANGEBYSCORE"), ONE("ZREVRANGE"), ONE("ZREVRANGEBYLEX"),
	ONE("ZREVRANGEBYSCORE"), ONE("ZREVRANK"), ONE("ZSCAN"), ONE("ZSCORE"),
	COUNTED("ZUNION", 0, 1), COUNTED("ZUNIONSTORE", 1, 2),
};
/* clang-format on */

/* Upper-cases; 0 or less as strcmp. */
static int compare(const void *key, const void *element)
{
	const struct bytes *name = key;
	const char *other = ((const struct redis_command *)element)->name;

	for (size_t i = 0; i < name->len; i++) {
		uint8_t c = name->data[i];

		if (c >= 'a' && c <= 'z')
			c = (uint8_t)(c - 32);
		if (!other[i]) /* also where the input has a NUL */
			return 1;
		if (c != (uint8_t)other[i])
			return c < (uint8_t)other[i] ? -1 : 1;
	}
	return other[name->len] ? -1 : 0;
}

const struct redis_command *redis_command_find(struct bytes name)
{
	return bsearch(&name, commands, sizeof(commands) / sizeof(commands[0]), sizeof(commands[0]),
		       compare);
}

/* Is argument i one of first, first + step, ... last? */
static bool in_range(const struct redis_command *c, uint64_t i, uint64_t count)
{
	uint64_t last = c->last < 0 ? count - (uint64_t)-c->last : (uint64_t)c->last;

	if (!c->first || (c->last < 0 && (uint64_t)-c->last > count))
		return false;
	return i >= (uint64_t)c->first && i <= last &&
	       (i - (uint64_t)c->first) % (uint64_t)c->step == 0;
}

enum redis_argument redis_argument_use(const struct redis_request *r)
{
	const struct redis_command *c = r->command;
	uint64_t i = r->index;

	if (!c)
		return REDIS_HIDDEN;
	if (in_range(c, i, r->count) || (i >= r->keys_from && i < r->keys_end) ||
	    (c->kind == REDIS_SCRIPT && i == 1) ||
	    (c->fields && i >= 2 && (i - 2) % (uint64_t)c->fields == 0))
		return REDIS_SHOWN;
	if (c->kind == REDIS_SELECT || (c->kind == REDIS_HELLO && i == 1) ||
	    (c->numbered > 0 && i == (uint64_t)c->numbered) || (c->numbered < 0 && !r->keys_end))
		return REDIS_READ;
	return REDIS_HIDDEN;
}

void redis_argument_read(struct redis_request *r, struct bytes value)
{
	const struct redis_command *c = r->command;
	uint64_t number = 0, left = r->count - r->index - 1;
	bool is_number = bytes_number(value, &number) && number <= INT32_MAX;

	if (c->kind == REDIS_SELECT || c->kind == REDIS_HELLO) {
		r->number = is_number ? (int64_t)number : -1;
	} else if (c->numbered > 0 && is_number) {
		r->keys_from = r->index + 1;
		r->keys_end = r->keys_from + (number < left ? number : left);
	} else if (c->numbered < 0 && bytes_is_nocase(value, "STREAMS")) {
		/* The names of the streams, then as many positions in them. */
		r->keys_from = r->index + 1;
		r->keys_end = r->keys_from + left / 2;
	}
}
