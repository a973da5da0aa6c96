// SPDX-License-Identifier: GPL-2.0-only
/*
 * One harness over all decoders. An input is a script for one connection:
 *
 *   byte 0      which protocol is forced (0: detected), byte 1: bit 0 midway, bits 1-2 the side
 *   then again and again: what (bits 0-1), direction (bit 2), length (2 bytes, little endian),
 * bytes what: 0 a transfer, 1 more of the same transfer, 2 a gap (no bytes), 3 the end (no length,
 * no bytes)
 *
 * Each piece is its own allocation, so that a sanitizer sees a read past it. With libFuzzer, build
 * with -DSPANTAP_LIBFUZZER; alone, main() mutates the replay cases: the same inputs for the same
 * seed.
 */
#include <glob.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "tests/lib/replay.h"
#include "userspace/base/cursor.h"
#include "userspace/base/memory.h"

#define INPUT_MAX 65536
#define SECONDS_PER_INPUT 20

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct watch {
	struct attributes attributes;
	int64_t open; /* begun, neither ended nor discarded */
	uint64_t sum; /* of all that was described, so that it is read */
};

static uint64_t read_all(struct bytes b)
{
	uint64_t sum = b.len;

	for (size_t i = 0; i < b.len; i++)
		sum = sum * 31 + b.data[i];
	return sum;
}

static void on_begin(void *context, struct connection *c, struct exchange *x)
{
	struct watch *w = context;

	(void)c;
	(void)x;
	w->open++;
}

static void on_end(void *context, struct connection *c, struct exchange *x)
{
	struct watch *w = context;
	struct description d = { .attributes = &w->attributes };

	w->open--;
	connection_describe(c, x, &d);
	w->sum += read_all(d.operation) + read_all(d.statement) + read_all(d.outcome_message);
	for (uint32_t i = 0; i < w->attributes.count; i++)
		w->sum += read_all(attribute_string(&w->attributes, &w->attributes.items[i]));
}

static void on_discard(void *context, struct connection *c, struct exchange *x)
{
	on_begin(context, c, x);
	((struct watch *)context)->open -= 2;
}

static const struct connection_observer observer = {
	.begin = on_begin, .end = on_end, .discard = on_discard
};

static void feed(struct connection *c, struct cursor *in)
{
	struct mark mark = { 0 };

	while (cursor_left(in)) {
		uint8_t what = cursor_u8(in);
		enum direction dir = what & 4 ? DIRECTION_OUT : DIRECTION_IN;
		size_t len;
		struct bytes bytes;
		uint8_t *own;

		mark.time_ns++;
		if ((what & 3) == 3) {
			connection_end(c, dir, &mark);
			continue;
		}
		len = cursor_le16(in);
		if ((what & 3) == 2) {
			connection_gap(c, dir, len, &mark);
			continue;
		}
		bytes = cursor_bytes(in, len < cursor_left(in) ? len : cursor_left(in));
		own = memory_new(bytes.len);
		if (!own)
			abort();
		if (bytes.len)
			memcpy(own, bytes.data, bytes.len);
		connection_data(c, dir, bytes_of(own, bytes.len), !(what & 1), &mark);
		memory_free(own);
	}
	mark.time_ns++;
	connection_free(c, &mark);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct cursor in = cursor_of(bytes_of(data, size));
	struct watch watch = { 0 };
	struct connection_options options = { .observer = &observer, .context = &watch };
	uint8_t pick = cursor_u8(&in), flags = cursor_u8(&in);
	struct connection *c;
	size_t count = 0;

	while (protocols[count])
		count++;
	options.only = pick % (count + 1) ? protocols[pick % (count + 1) - 1] : NULL;
	options.midway = flags & 1;
	options.side = (flags >> 1) % 3;
	attributes_init(&watch.attributes);
	c = connection_new(&options);
	if (!c)
		abort();
	feed(c, &in);
	attributes_release(&watch.attributes);
	if (watch.open)
		abort(); /* an exchange was begun and never ended, or the other way round */
	return 0;
}

#ifndef SPANTAP_LIBFUZZER

struct corpus {
	struct buf bytes;
	struct {
		size_t at, len;
	} items[1000];
	size_t count;
};

static uint64_t next(uint64_t *seed)
{
	*seed ^= *seed << 13;
	*seed ^= *seed >> 7;
	*seed ^= *seed << 17;
	return *seed;
}

static volatile uint64_t current_run;

/* A sanitizer's report, an abort or a hang: say how to repeat it. */
static void say_run(void)
{
	fprintf(stderr, "fuzz_protocol: repeat with: fuzz_protocol 1 %llu\n",
		(unsigned long long)current_run);
}

static void on_signal(int number)
{
	say_run();
	_exit(128 + number);
}

void __sanitizer_set_death_callback(void (*callback)(void)) __attribute__((weak));

/* A replay case as an input of this harness. */
static void add_case(struct corpus *corpus, const struct replay_case *c)
{
	size_t at = corpus->bytes.len;

	buf_add_byte(&corpus->bytes, 0);
	buf_add_byte(&corpus->bytes, (uint8_t)(c->midway | c->side << 1));
	for (size_t i = 0; i < replay_steps(c); i++) {
		const struct replay_step *s = replay_step(c, i);
		bool out = (s->flow == TO_SERVER) == (c->side == SIDE_CLIENT);
		static const uint8_t what[] = { 0, 2, 3 };
		size_t len = s->len < 4096 ? s->len : 4096;

		buf_add_byte(&corpus->bytes, (uint8_t)(what[s->kind] | out << 2));
		if (s->kind == REPLAY_END)
			continue;
		buf_add_byte(&corpus->bytes, (uint8_t)len);
		buf_add_byte(&corpus->bytes, (uint8_t)(len >> 8));
		if (s->kind == REPLAY_DATA)
			buf_add_bytes(&corpus->bytes, bytes_part(buf_bytes(&c->bytes), s->at, len));
	}
	corpus->items[corpus->count].at = at;
	corpus->items[corpus->count++].len = corpus->bytes.len - at;
}

static void load(struct corpus *corpus, const char *path)
{
	FILE *file = fopen(path, "r");
	struct replay_case c;
	struct buf text, report;
	uint8_t *room;

	buf_init(&text, REPLAY_CASE_MAX);
	buf_init(&report, 1000);
	while (file && !feof(file) && (room = buf_room(&text, 4096)) != NULL)
		text.len -= 4096 - fread(room, 1, 4096, file);
	if (file)
		fclose(file);
	if (replay_parse(&c, buf_bytes(&text), &report))
		add_case(corpus, &c);
	replay_release(&c);
	buf_release(&text);
	buf_release(&report);
}

static struct bytes pick(const struct corpus *corpus, uint64_t *seed)
{
	size_t i = next(seed) % corpus->count;

	return bytes_part(buf_bytes(&corpus->bytes), corpus->items[i].at, corpus->items[i].len);
}

/* One change somewhere in b. */
static void mutate(struct buf *b, const struct corpus *corpus, uint64_t *seed)
{
	static const uint8_t telling[] = "\0\xff\x7f\x80\r\n 0123456789-+*$:%~>_#,(!=|ZEKTDC";
	size_t at = next(seed) % b->len, len = next(seed) % 16 + 1, from;
	struct bytes other;
	uint8_t *room;

	if (len > b->len - at)
		len = b->len - at;
	switch (next(seed) % 6) {
	case 0:
		b->data[at] ^= (uint8_t)(1u << next(seed) % 8);
		break;
	case 1:
		b->data[at] = telling[next(seed) % (sizeof(telling) - 1)];
		break;
	case 2: /* less */
		memmove(b->data + at, b->data + at + len, b->len - at - len);
		b->len -= len;
		break;
	case 3: /* again */
		room = buf_room(b, len);
		if (room)
			memmove(b->data + at + len, b->data + at, b->len - at - len);
		break;
	case 4: /* from here on another one */
		other = pick(corpus, seed);
		b->len = at;
		from = next(seed) % other.len;
		buf_add_some(b, bytes_from(other, from));
		break;
	default:
		b->len = at + len;
		break;
	}
	if (b->len == 0)
		buf_add_byte(b, 0);
}

int main(int argc, char **argv)
{
	uint64_t runs = argc > 1 ? strtoull(argv[1], NULL, 10) : 20000;
	uint64_t first = argc > 2 ? strtoull(argv[2], NULL, 10) : 1;
	static struct corpus corpus;
	struct buf input;
	glob_t found;

	if (__sanitizer_set_death_callback)
		__sanitizer_set_death_callback(say_run);
	signal(SIGABRT, on_signal);
	signal(SIGALRM, on_signal);
	buf_init(&corpus.bytes, 64u << 20);
	buf_init(&input, INPUT_MAX);
	if (glob("tests/replay/*/*.case", 0, NULL, &found))
		found.gl_pathc = 0;
	for (size_t i = 0; i < found.gl_pathc && i < 1000; i++)
		load(&corpus, found.gl_pathv[i]);
	globfree(&found);
	if (corpus.count == 0) {
		fprintf(stderr,
			"fuzz_protocol: no case in tests/replay; run it from the top folder\n");
		return 1;
	}
	for (uint64_t run = first; run < first + runs; run++) {
		uint64_t seed = run * 0x9e3779b97f4a7c15ULL | 1;

		current_run = run;
		alarm(SECONDS_PER_INPUT);
		buf_reset(&input);
		buf_add_some(&input, pick(&corpus, &seed));
		if (next(&seed) % 2) /* force a protocol half of the time */
			input.data[0] = (uint8_t)next(&seed);
		for (uint64_t changes = next(&seed) % 8; changes; changes--)
			mutate(&input, &corpus, &seed);
		LLVMFuzzerTestOneInput(input.data, input.len);
	}
	printf("fuzz_protocol: %llu inputs from %zu cases\n", (unsigned long long)runs,
	       corpus.count);
	buf_release(&input);
	buf_release(&corpus.bytes);
	return 0;
}

#endif
