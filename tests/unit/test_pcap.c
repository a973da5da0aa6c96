// SPDX-License-Identifier: GPL-2.0-only
/*
 * pcap.c: files made here in both formats and all link types, files of tcpdump under
 * tests/replay/pcap (redis-cli and curl on loopback), each cut at every offset and damaged at
 * random.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <pcap/pcap.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "tests/lib/packets.h"
#include "userspace/capture/pcap.h"

#define FIXTURES "tests/replay/pcap/"
#define EPOCH_NS 1700000000123456789ull

/* All bytes told, by direction, and what was told about them. */
struct witness {
	struct buf said[2];
	uint64_t first_ns;
	uint32_t connections, open, ended;
	uint64_t gaps;
};

static void *opened(void *context, const struct packet_opening *opening)
{
	struct witness *w = context;

	w->connections++;
	w->open++;
	assert_int_equal(opening->pid, 0);
	return w;
}

static void data(void *context, void *connection, enum direction dir, struct bytes bytes,
		 bool fresh, const struct mark *mark)
{
	struct witness *w = connection;

	if (!w->first_ns)
		w->first_ns = mark->time_ns;
	buf_add_bytes(&w->said[dir], bytes);
	(void)context;
	(void)fresh;
}

static void gap(void *context, void *connection, enum direction dir, uint64_t len,
		const struct mark *mark)
{
	struct witness *w = connection;

	w->gaps += len;
	(void)context;
	(void)dir;
	(void)mark;
}

static void ended(void *context, void *connection, enum direction dir, const struct mark *mark)
{
	((struct witness *)connection)->ended++;
	(void)context;
	(void)dir;
	(void)mark;
}

static void closed(void *context, void *connection, const struct mark *mark)
{
	((struct witness *)connection)->open--;
	(void)context;
	(void)mark;
}

static const struct packet_consumer consumer = { opened, data, gap, ended, closed };

static void witness_init(struct witness *w)
{
	*w = (struct witness){ 0 };
	buf_init(&w->said[0], 1 << 20);
	buf_init(&w->said[1], 1 << 20);
}

static void witness_release(struct witness *w)
{
	buf_release(&w->said[0]);
	buf_release(&w->said[1]);
}

static bool said(const struct witness *w, enum direction dir, const char *text)
{
	struct bytes b = buf_bytes(&w->said[dir]);

	return memmem(b.data, b.len, text, strlen(text)) != NULL;
}

/* Reads the whole file; returns pcap_file_feed's last status, or 1 when it could not be opened. */
static int read_file(const char *path, struct witness *w, struct pcap_file_counters *counts,
		     struct error *error)
{
	const struct reassembly_options options = { .consumer = &consumer, .context = w };
	struct pcap_file *file = pcap_file_open(path, error);
	struct reassembly *r;
	int status;

	if (!file)
		return 1;
	r = reassembly_new(&options);
	assert_non_null(r);
	while ((status = pcap_file_feed(file, r, 3, error)) == 1)
		;
	*counts = *pcap_file_counters(file);
	reassembly_free(r);
	pcap_file_close(file);
	assert_int_equal(w->open, 0);
	return status;
}

/* A file of these bytes in the working directory's temporary space; the caller unlinks it. */
static void write_temporary(char path[64], struct bytes content)
{
	int fd;

	snprintf(path, 64, "/tmp/spantap-test-pcap-XXXXXX");
	fd = mkstemp(path);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, content.data, content.len), content.len);
	close(fd);
}

static int read_bytes(struct bytes content, struct witness *w, struct pcap_file_counters *counts,
		      struct error *error)
{
	char path[64];
	int status;

	write_temporary(path, content);
	status = read_file(path, w, counts, error);
	unlink(path);
	return status;
}

/* One request with its answer, and a UDP packet. */
static void make_file(struct buf *out, uint32_t linktype, enum packet_link link, bool ng,
		      uint32_t snaplen)
{
	struct packet p[2] = {
		{ .source = packets_address(1, 40000, true),
		  .destination = packets_address(2, 80, true),
		  .seq = 100,
		  .ack = 200,
		  .flags = PACKET_ACK | PACKET_PSH,
		  .payload = bytes_of_string("question") },
		{ .source = packets_address(2, 80, true),
		  .destination = packets_address(1, 40000, true),
		  .seq = 200,
		  .ack = 108,
		  .flags = PACKET_ACK | PACKET_PSH,
		  .payload = bytes_of_string("long answer") },
	};
	struct buf wire;

	buf_init(&wire, 4096);
	if (ng)
		packets_pcapng_begin(out, linktype);
	else
		packets_pcap_begin(out, linktype, true);
	for (int i = 0; i < 3; i++) {
		buf_reset(&wire);
		packets_encode(&wire, link, &p[i % 2]);
		if (i == 2)
			wire.data[wire.len - p[0].payload.len - 54] = 17; /* next header: UDP */
		if (ng)
			packets_pcapng_add(out, EPOCH_NS + (uint64_t)i, buf_bytes(&wire));
		else
			packets_pcap_add(out, EPOCH_NS + (uint64_t)i, true, snaplen,
					 buf_bytes(&wire));
	}
	buf_release(&wire);
}

static void both_formats_all_links(void **state)
{
	static const struct {
		uint32_t linktype;
		enum packet_link link;
	} links[] = { { 1, PACKET_LINK_ETHERNET },  { 113, PACKET_LINK_COOKED },
		      { 276, PACKET_LINK_COOKED2 }, { 101, PACKET_LINK_IP },
		      { 229, PACKET_LINK_IP },      { 0, PACKET_LINK_LOOPBACK },
		      { 108, PACKET_LINK_LOOPBACK } };

	for (size_t i = 0; i < 2 * sizeof(links) / sizeof(links[0]); i++) {
		struct pcap_file_counters counts;
		struct error error = { "" };
		struct witness w;
		struct buf file;

		buf_init(&file, 65536);
		witness_init(&w);
		make_file(&file, links[i / 2].linktype, links[i / 2].link, i % 2, 65535);
		assert_int_equal(read_bytes(buf_bytes(&file), &w, &counts, &error), 0);
		assert_string_equal(error.text, "");
		assert_true(bytes_is(buf_bytes(&w.said[DIRECTION_OUT]), "question"));
		assert_true(bytes_is(buf_bytes(&w.said[DIRECTION_IN]), "long answer"));
		assert_true(w.first_ns == EPOCH_NS);
		assert_int_equal(counts.packets, 3);
		assert_int_equal(counts.kinds[PACKET_NOT_TCP], 1);
		witness_release(&w);
		buf_release(&file);
	}
	(void)state;
}

static void snapshot_length(void **state)
{
	struct pcap_file_counters counts;
	struct error error = { "" };
	struct witness w;
	struct buf file;

	buf_init(&file, 65536);
	witness_init(&w);
	make_file(&file, 1, PACKET_LINK_ETHERNET, false, 14 + 60 + 4);
	assert_int_equal(read_bytes(buf_bytes(&file), &w, &counts, &error), 0);
	assert_true(bytes_is(buf_bytes(&w.said[DIRECTION_OUT]), "ques"));
	assert_true(bytes_is(buf_bytes(&w.said[DIRECTION_IN]), "long"));
	assert_int_equal(w.gaps, 4 + 7);
	assert_int_equal(counts.cut, 3);
	witness_release(&w);
	buf_release(&file);
	(void)state;
}

/* What tcpdump wrote; the one with each packet twice must not differ. */
static void real_captures(void **state)
{
	static const struct {
		const char *path;
		uint32_t connections;
		const char *out, *in;
		bool cut;
	} cases[] = {
		{ FIXTURES "redis_lo.pcap", 3, "\r\nkey\r\n$5\r\nvalue\r\n",
		  "+OK\r\n$5\r\nvalue\r\n", false },
		{ FIXTURES "redis_twice.pcapng", 3, "\r\nkey\r\n$5\r\nvalue\r\n",
		  "+OK\r\n$5\r\nvalue\r\n", false },
		{ FIXTURES "redis_any.pcap", 4, "\r\nlist\r\n$1\r\nx\r\n", ":1\r\n", false },
		{ FIXTURES "http_any.pcap", 3, "GET /missing HTTP/1.1\r\n", "HTTP/1.0 404 ",
		  false },
		{ FIXTURES "http_cut.pcap", 3, "GET /missing HTTP/1.1\r\n", "HTTP/1.0 404 ", true },
	};
	struct witness first;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct pcap_file_counters counts;
		struct error error = { "" };
		struct witness w;

		witness_init(&w);
		assert_int_equal(read_file(cases[i].path, &w, &counts, &error), 0);
		assert_int_equal(w.connections, cases[i].connections);
		assert_int_equal(w.ended, 2 * cases[i].connections);
		assert_true(said(&w, DIRECTION_OUT, cases[i].out));
		assert_true(said(&w, DIRECTION_IN, cases[i].in));
		assert_int_equal(w.gaps > 0, cases[i].cut);
		if (i == 0) {
			first = w;
			continue;
		}
		for (int dir = 0; i == 1 && dir < 2; dir++)
			assert_true(
				bytes_equal(buf_bytes(&w.said[dir]), buf_bytes(&first.said[dir])));
		witness_release(&w);
	}
	witness_release(&first);
	(void)state;
}

static void load(const char *path, struct buf *out)
{
	FILE *file = fopen(path, "re");
	uint8_t block[4096];
	size_t len;

	assert_non_null(file);
	while ((len = fread(block, 1, sizeof(block), file)) > 0)
		assert_true(buf_add(out, block, len));
	fclose(file);
}

/* Cut anywhere: what is told is a beginning of what the whole file tells; the sentence comes once.
 */
static void cut_files(void **state)
{
	static const char *const paths[] = { FIXTURES "redis_lo.pcap",
					     FIXTURES "redis_twice.pcapng" };

	for (size_t i = 0; i < 2; i++) {
		struct pcap_file_counters counts;
		struct error error = { "" };
		struct witness whole;
		struct buf file;

		buf_init(&file, 1 << 20);
		load(paths[i], &file);
		witness_init(&whole);
		assert_int_equal(read_file(paths[i], &whole, &counts, &error), 0);
		for (size_t len = 0; len < file.len; len += 1 + len / 1000 * 7) {
			struct witness w;
			int status;

			error.text[0] = '\0';
			witness_init(&w);
			status = read_bytes(bytes_part(buf_bytes(&file), 0, len), &w, &counts,
					    &error);
			assert_int_equal(error.text[0] == '\0', status == 0);
			if (status < 0)
				assert_non_null(strstr(error.text, "cut off or damaged after"));
			else if (status == 1)
				assert_true(strstr(error.text, "not a pcap or pcapng file") ||
					    strstr(error.text, "cannot be read"));
			for (int dir = 0; dir < 2; dir++)
				assert_true(bytes_equal(buf_bytes(&w.said[dir]),
							bytes_part(buf_bytes(&whole.said[dir]), 0,
								   w.said[dir].len)));
			witness_release(&w);
		}
		witness_release(&whole);
		buf_release(&file);
	}
	(void)state;
}

/* Damaged anywhere: no crash, no leak, nothing told that was not in the file. */
static void damaged_files(void **state)
{
	static const char *const paths[] = { FIXTURES "redis_any.pcap", FIXTURES "http_cut.pcap",
					     FIXTURES "redis_twice.pcapng" };
	uint32_t seed = 3;

	for (size_t i = 0; i < 3; i++) {
		struct buf file;

		buf_init(&file, 1 << 20);
		load(paths[i], &file);
		for (int round = 0; round < 400; round++) {
			struct pcap_file_counters counts;
			struct error error = { "" };
			struct witness w;
			struct buf damaged;

			buf_init(&damaged, 1 << 20);
			buf_add_bytes(&damaged, buf_bytes(&file));
			for (int k = 0; k < 1 + round % 20; k++) {
				seed = seed * 1664525 + 1013904223;
				damaged.data[(seed >> 7) % damaged.len] = (uint8_t)(seed >> 24);
			}
			witness_init(&w);
			read_bytes(buf_bytes(&damaged), &w, &counts, &error);
			assert_true(w.said[0].len + w.said[1].len <= file.len);
			witness_release(&w);
			buf_release(&damaged);
		}
		buf_release(&file);
	}
	(void)state;
}

static void expect_refused(struct bytes content, const char *sentence)
{
	struct pcap_file_counters counts;
	struct error error = { "" };
	struct witness w;

	witness_init(&w);
	assert_int_equal(read_bytes(content, &w, &counts, &error), 1);
	assert_non_null(strstr(error.text, sentence));
	assert_null(strchr(error.text, '\n'));
	witness_release(&w);
}

static void not_captures(void **state)
{
	struct error error = { "" };
	struct buf file;

	expect_refused(bytes_of_string(""), "it is empty");
	expect_refused(bytes_of_string("hello, world: a text of some length"),
		       "not a pcap or pcapng");
	expect_refused(bytes_of_string("\x1f\x8b\x08 and so on, and so on, long"),
		       "gunzip it first");
	expect_refused(bytes_of_string("SQLite format 3 and so on, and on"), "spantap report");
	buf_init(&file, 4096);
	packets_pcap_begin(&file, 105, false); /* IEEE 802.11 */
	expect_refused(buf_bytes(&file), "link type IEEE802_11 (105)");
	buf_release(&file);
	assert_null(pcap_file_open("/nonexistent/file", &error));
	assert_string_equal(error.text, "capture /nonexistent/file: No such file or directory");
	error.text[0] = '\0';
	assert_null(pcap_file_open("/", &error));
	assert_true(error.text[0] != '\0');
	(void)state;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(both_formats_all_links), cmocka_unit_test(snapshot_length),
		cmocka_unit_test(real_captures),          cmocka_unit_test(cut_files),
		cmocka_unit_test(damaged_files),          cmocka_unit_test(not_captures),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
