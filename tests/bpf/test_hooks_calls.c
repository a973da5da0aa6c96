// SPDX-License-Identifier: GPL-2.0-only
/* Every system call that moves bytes on a socket, in every size that matters to the copy. */
#include "tests/bpf/hooks.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "userspace/base/buf.h"

#define HEAD 1024
#define PIECES_MAX 1024

struct method {
	const char *name;
	ssize_t (*move)(int fd, struct iovec *iov, int count);
};

static ssize_t do_write(int fd, struct iovec *iov, int count)
{
	(void)count;
	return write(fd, iov->iov_base, iov->iov_len);
}

static ssize_t do_read(int fd, struct iovec *iov, int count)
{
	(void)count;
	return read(fd, iov->iov_base, iov->iov_len);
}

static ssize_t do_sendto(int fd, struct iovec *iov, int count)
{
	(void)count;
	return send(fd, iov->iov_base, iov->iov_len, 0);
}

static ssize_t do_recvfrom(int fd, struct iovec *iov, int count)
{
	(void)count;
	return recv(fd, iov->iov_base, iov->iov_len, 0);
}

static ssize_t do_writev(int fd, struct iovec *iov, int count)
{
	return writev(fd, iov, count);
}

static ssize_t do_readv(int fd, struct iovec *iov, int count)
{
	return readv(fd, iov, count);
}

static ssize_t do_pwritev2(int fd, struct iovec *iov, int count)
{
	return pwritev2(fd, iov, count, -1, 0);
}

static ssize_t do_preadv2(int fd, struct iovec *iov, int count)
{
	return preadv2(fd, iov, count, -1, 0);
}

static ssize_t do_sendmsg(int fd, struct iovec *iov, int count)
{
	struct msghdr m = { .msg_iov = iov, .msg_iovlen = (size_t)count };

	return sendmsg(fd, &m, 0);
}

static ssize_t do_recvmsg(int fd, struct iovec *iov, int count)
{
	struct msghdr m = { .msg_iov = iov, .msg_iovlen = (size_t)count };

	return recvmsg(fd, &m, 0);
}

static ssize_t do_sendmmsg(int fd, struct iovec *iov, int count)
{
	struct mmsghdr m = { .msg_hdr = { .msg_iov = iov, .msg_iovlen = (size_t)count } };

	return sendmmsg(fd, &m, 1, 0) == 1 ? (ssize_t)m.msg_len : -1;
}

static ssize_t do_recvmmsg(int fd, struct iovec *iov, int count)
{
	struct mmsghdr m = { .msg_hdr = { .msg_iov = iov, .msg_iovlen = (size_t)count } };

	return recvmmsg(fd, &m, 1, 0, NULL) == 1 ? (ssize_t)m.msg_len : -1;
}

/* The first two of each cannot take vectors. */
static const struct method senders[] = {
	{ "write", do_write },	   { "sendto", do_sendto },   { "writev", do_writev },
	{ "sendmsg", do_sendmsg }, { "sendmmsg", do_sendmmsg }, { "pwritev2", do_pwritev2 },
};
static const struct method receivers[] = {
	{ "read", do_read },	   { "recvfrom", do_recvfrom }, { "readv", do_readv },
	{ "recvmsg", do_recvmsg }, { "recvmmsg", do_recvmmsg },	{ "preadv2", do_preadv2 },
};
#define METHODS 6
#define FIRST_VECTOR 2

static const size_t sizes[] = { 1,    63,   64,	  65,	1000, 1023, 1024, 1025,
				1087, 1088, 1089, 1090, 2000, 8192, 20000 };
#define SIZES (sizeof(sizes) / sizeof(sizes[0]))

struct calls {
	struct link link;
	size_t method;
	int pieces; /* of each transfer; each of piece_len bytes */
	size_t piece_len;
	size_t empty_every; /* 0: none */
};

static void move_sizes(void *context)
{
	struct calls *c = context;
	uint8_t *buffer = malloc(1 << 20);

	for (size_t i = 0; i < SIZES; i++) {
		struct iovec iov = { buffer, sizes[i] };

		fill(&c->link.a, buffer, sizes[i]);
		CHECK(senders[c->method].move(c->link.a.fd, &iov, 1) == (ssize_t)sizes[i]);
		wait_bytes(c->link.b.fd, sizes[i]);
		memset(buffer, 0, sizes[i]);
		CHECK(receivers[c->method].move(c->link.b.fd, &iov, 1) == (ssize_t)sizes[i]);
	}
}

static void add_expected(struct buf *text, char direction, size_t offset, size_t len, size_t head, size_t tail)
{
	buf_printf(text, " %c%zu+%zu", direction, offset, len);
	if (head + tail < len)
		buf_printf(text, ":%zu+%zu", head, tail);
}

static size_t smaller(size_t a, size_t b)
{
	return a < b ? a : b;
}

static void expect_sizes(struct hooks *h, uint64_t socket, char direction, size_t max)
{
	struct buf text;
	size_t offset = 0;

	buf_init(&text, 1 << 16);
	buf_add_byte(&text, 'S');
	for (size_t i = 0; i < SIZES; offset += sizes[i++]) {
		size_t head = smaller(sizes[i], max);

		add_expected(&text, direction, offset, sizes[i], head, smaller(sizes[i] - head, EVENT_TAIL_MAX));
	}
	buf_add_byte(&text, 0);
	assert_string_equal(hooks_text(h, socket), (const char *)text.data);
	buf_release(&text);
}

static void every_call(void **state)
{
	for (int kind = 0; kind < LINK_KINDS; kind++) {
		for (size_t i = 0; i < METHODS; i++) {
			struct calls c = { .method = i };

			link_open(&c.link, (enum link_kind)kind);
			hooks_run(*state, move_sizes, &c);
			expect_sizes(*state, c.link.a.inode, 'O', HEAD);
			expect_sizes(*state, c.link.b.inode, 'I', HEAD);
			link_close(&c.link);
		}
	}
}

/* The largest head that can be asked for, and none at all. */
static void head_sizes(void **state)
{
	static const uint32_t heads[] = { 0, 1, 512, EVENT_HEAD_MAX };

	for (size_t i = 0; i < 4; i++) {
		struct hooks *h = hooks_new(hooks_mode(*state), 1 << 20, heads[i]);
		struct calls c = { .method = i + 1 };

		assert_non_null(h);
		link_open(&c.link, LINK_UNIX);
		hooks_run(h, move_sizes, &c);
		expect_sizes(h, c.link.a.inode, 'O', heads[i]);
		expect_sizes(h, c.link.b.inode, 'I', heads[i]);
		link_close(&c.link);
		hooks_free(h);
	}
}

/* ---- vectors ---- */

static void move_pieces(void *context)
{
	struct calls *c = context;
	struct iovec *iov = calloc((size_t)c->pieces, sizeof(*iov));
	uint8_t *buffer = malloc(1 << 20);
	size_t len = 0;

	for (int i = 0; i < c->pieces; i++) {
		bool empty = c->empty_every && (size_t)i % c->empty_every == 0;

		/* Apart from each other, in falling order. */
		iov[i].iov_base = buffer + (size_t)(c->pieces - i) * (c->piece_len + 1);
		iov[i].iov_len = empty ? 0 : c->piece_len;
		len += iov[i].iov_len;
	}
	fill_vector(&c->link.a, iov, c->pieces);
	CHECK(senders[c->method].move(c->link.a.fd, iov, c->pieces) == (ssize_t)len);
	wait_bytes(c->link.b.fd, len);
	memset(buffer, 0, 1 << 20);
	CHECK(receivers[c->method].move(c->link.b.fd, iov, c->pieces) == (ssize_t)len);
}

static void vectors(void **state)
{
	static const struct {
		int pieces;
		size_t len, empty_every;
		const char *expect; /* after the offset */
	} cases[] = {
		{ 1, 10, 0, "0+10" },
		{ 8, 10, 0, "0+80" },
		{ 32, 10, 0, "0+320" },
		{ 40, 10, 0, "0+400" },
		{ 1024, 1, 0, "0+1024" },
		{ 1024, 10, 0, "0+10240:1024+10" },
		{ 10, 7, 2, "0+35" },
		{ 1000, 7, 3, "0+4662:1024+7" },
		{ 3, 600, 0, "0+1800:1024+64" },
		{ 2, 1024, 0, "0+2048:1024+64" },
		{ 2, 513, 0, "0+1026" },
	};
	char text[64];

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		for (size_t method = FIRST_VECTOR; method < METHODS; method++) {
			struct calls c = { .method = method,
					   .pieces = cases[i].pieces,
					   .piece_len = cases[i].len,
					   .empty_every = cases[i].empty_every };

			link_open(&c.link, method % 2 ? LINK_TCP4 : LINK_UNIX);
			hooks_run(*state, move_pieces, &c);
			snprintf(text, sizeof(text), "S O%s", cases[i].expect);
			assert_string_equal(hooks_text(*state, c.link.a.inode), text);
			snprintf(text, sizeof(text), "S I%s", cases[i].expect);
			assert_string_equal(hooks_text(*state, c.link.b.inode), text);
			link_close(&c.link);
		}
	}
}

/* ---- sendmmsg and recvmmsg ---- */

#define MESSAGES 5

struct batch {
	struct mmsghdr messages[MESSAGES];
	struct iovec iov[MESSAGES][2];
	uint8_t data[MESSAGES][2][100];
};

/* Message i is two pieces: 10 + i and 20 bytes. */
static void batch_init(struct batch *b)
{
	memset(b, 0, sizeof(*b));
	for (int i = 0; i < MESSAGES; i++) {
		b->iov[i][0] = (struct iovec){ b->data[i][0], (size_t)(10 + i) };
		b->iov[i][1] = (struct iovec){ b->data[i][1], 20 };
		b->messages[i].msg_hdr.msg_iov = b->iov[i];
		b->messages[i].msg_hdr.msg_iovlen = 2;
	}
}

static void batch_send(struct batch *b, struct end *e)
{
	for (int i = 0; i < MESSAGES; i++)
		fill_vector(e, b->iov[i], 2);
	CHECK(sendmmsg(e->fd, b->messages, MESSAGES, 0) == MESSAGES);
}

static void send_many(void *context)
{
	struct link *l = context;
	static struct batch b;

	batch_init(&b);
	for (int round = 0; round < 3; round++) {
		batch_send(&b, &l->a);
		wait_bytes(l->b.fd, 160);
		memset(b.data, 0, sizeof(b.data));
		CHECK(recvmmsg(l->b.fd, b.messages, MESSAGES, 0, NULL) == MESSAGES);
	}
}

static void many_messages(void **state)
{
	for (int kind = 0; kind < LINK_KINDS; kind++) {
		struct link l;

		link_open(&l, (enum link_kind)kind);
		hooks_run(*state, send_many, &l);
		assert_string_equal(hooks_text(*state, l.a.inode),
				    "S O0+30 O30+31 O61+32 O93+33 O126+34 O160+30 O190+31 O221+32 O253+33 O286+34 "
				    "O320+30 O350+31 O381+32 O413+33 O446+34");
		assert_string_equal(hooks_text(*state, l.b.inode),
				    "S I0+30 I30+31 I61+32 I93+33 I126+34 I160+30 I190+31 I221+32 I253+33 I286+34 "
				    "I320+30 I350+31 I381+32 I413+33 I446+34");
		link_close(&l);
	}
}

static int receive_ready(int fd, struct batch *b)
{
	return recvmmsg(fd, b->messages, MESSAGES, MSG_DONTWAIT, NULL);
}

/* A vector that ends early, in the middle of it, must not shift the next call with the same arguments. */
static void receive_early(void *context)
{
	struct link *l = context;
	static struct batch b;

	batch_init(&b);
	for (int round = 0; round < 3; round++) {
		put(&l->a, 40); /* 30 and 10 */
		wait_bytes(l->b.fd, 40);
		CHECK(receive_ready(l->b.fd, &b) == 2);
		CHECK(receive_ready(l->b.fd, &b) == -1);
		put(&l->a, 30);
		wait_bytes(l->b.fd, 30);
		CHECK(receive_ready(l->b.fd, &b) == 1);
	}
}

static void messages_end_early(void **state)
{
	struct link l;

	link_open(&l, LINK_TCP4);
	hooks_run(*state, receive_early, &l);
	assert_string_equal(hooks_text(*state, l.b.inode),
			    "S I0+30 I30+10 I40+30 I70+30 I100+10 I110+30 I140+30 I170+10 I180+30");
	link_close(&l);
}

/* A full socket: the last message goes partly, and the rest is sent with the same vector. */
static void send_partly(void *context)
{
	struct link *l = context;
	static uint8_t data[3][400000];
	struct iovec iov[3];
	struct mmsghdr messages[3] = { 0 };
	int flags = MSG_DONTWAIT | MSG_NOSIGNAL, done;
	size_t total = 0;

	for (int round = 0; round < 6; round++) {
		for (int i = 0; i < 3; i++) {
			iov[i] = (struct iovec){ data[i], sizeof(data[i]) };
			messages[i].msg_hdr.msg_iov = &iov[i];
			messages[i].msg_hdr.msg_iovlen = 1;
			for (size_t at = 0; at < sizeof(data[i]); at++)
				data[i][at] = pattern(total + (size_t)i * sizeof(data[i]) + at);
		}
		done = sendmmsg(l->a.fd, messages, 3, flags);
		for (int i = 0; i < done; i++)
			total += messages[i].msg_len;
		for (ssize_t n; round % 2 && (n = recv(l->b.fd, data, sizeof(data), MSG_DONTWAIT)) > 0;)
			;
	}
}

static void messages_sent_partly(void **state)
{
	struct link l;
	const struct event_data *e;
	uint64_t offset = 0;
	unsigned int n = 0;

	link_open(&l, LINK_TCP4);
	hooks_run(*state, send_partly, &l);
	assert_null(strstr(hooks_text(*state, l.a.inode), "BAD"));
	for (; (e = hooks_event(*state, EVENT_DATA, l.a.inode, n)); n++) {
		assert_int_equal(e->offset, offset);
		assert_int_equal(e->head_len, smaller(e->len, HEAD));
		offset += e->len;
	}
	assert_true(n >= 3);
	link_close(&l);
}

/* With a time-out a vector can end unnoticed after any message: lengths only. */
static void receive_timed(void *context)
{
	struct link *l = context;
	static struct batch b;
	struct timespec none = { 0, 0 };

	batch_init(&b);
	for (int round = 0; round < 2; round++) {
		put(&l->a, 61);
		wait_bytes(l->b.fd, 61);
		none = (struct timespec){ 0, 0 };
		CHECK(recvmmsg(l->b.fd, b.messages, MESSAGES, 0, &none) == 1);
		get(&l->b, 31);
	}
}

static void messages_with_timeout(void **state)
{
	bool socket = hooks_mode(*state) == MODE_SOCKET;
	struct link l;

	link_open(&l, LINK_UNIX);
	hooks_run(*state, receive_timed, &l);
	assert_string_equal(hooks_text(*state, l.b.inode), socket ? "S I0+30N I30+31 I61+30N I91+31" :
								    "S I0+30 I30+31 I61+30 I91+31");
	link_close(&l);
}

/* ---- memory ---- */

/* A buffer that ends where memory does: what moved is copied, and nothing after it is touched. */
static void at_page_edge(void *context)
{
	struct link *l = context;
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	uint8_t *map = mmap(NULL, 2 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct iovec iov[2];

	CHECK(map != MAP_FAILED && mprotect(map + page, page, PROT_NONE) == 0);
	fill(&l->a, map + page - 100, 100);
	CHECK(write(l->a.fd, map + page - 100, 100) == 100);
	wait_bytes(l->b.fd, 100);
	CHECK(read(l->b.fd, map + page - 100, 4000) == 100);
	put(&l->a, 50);
	wait_bytes(l->b.fd, 50);
	iov[0] = (struct iovec){ map + page - 60, 60 };
	iov[1] = (struct iovec){ map + page, 10 };
	CHECK(readv(l->b.fd, iov, 2) == 50);
}

static void page_edge(void **state)
{
	uint64_t faults = hooks_counter(*state, COUNTER_fault);
	struct link l;

	link_open(&l, LINK_TCP4);
	hooks_run(*state, at_page_edge, &l);
	assert_string_equal(hooks_text(*state, l.a.inode), "S O0+100 O100+50");
	assert_string_equal(hooks_text(*state, l.b.inode), "S I0+100 I100+50");
	assert_int_equal(hooks_counter(*state, COUNTER_fault), faults);
	link_close(&l);
}

/* Pages that were thrown away between call and hook: here the vector itself lies in the memory received into. */
static void lose_memory(void *context)
{
	struct link *l = context;
	struct iovec iov = { &iov, sizeof(iov) };

	put(&l->a, sizeof(iov));
	wait_bytes(l->b.fd, sizeof(iov));
	CHECK(readv(l->b.fd, &iov, 1) == sizeof(iov));
}

static void memory_lost(void **state)
{
	uint64_t faults = hooks_counter(*state, COUNTER_fault);
	struct link l;

	link_open(&l, LINK_UNIX);
	hooks_run(*state, lose_memory, &l);
	assert_string_equal(hooks_text(*state, l.b.inode), "S I0+16:0+0");
	assert_int_equal(hooks_counter(*state, COUNTER_fault), faults + 1);
	link_close(&l);
}

int main(void)
{
	const struct CMUnitTest cases[] = {
		cmocka_unit_test(every_call),
		cmocka_unit_test(head_sizes),
		cmocka_unit_test(vectors),
		cmocka_unit_test(many_messages),
		cmocka_unit_test(messages_end_early),
		cmocka_unit_test(messages_sent_partly),
		cmocka_unit_test(messages_with_timeout),
		cmocka_unit_test(page_edge),
		cmocka_unit_test(memory_lost),
	};

	return hooks_main(cases, sizeof(cases) / sizeof(cases[0]));
}
