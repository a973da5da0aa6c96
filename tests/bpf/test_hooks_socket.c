// SPDX-License-Identifier: GPL-2.0-only
/* What is told of a socket: who it is, what the flags of a call mean, how it ends. */
#include "tests/bpf/hooks.h"

#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>

/* ---- descriptions ---- */

static void one_exchange(void *context)
{
	struct link *l = context;

	put(&l->a, 10);
	get(&l->b, 10);
	put(&l->b, 20);
	get(&l->a, 20);
}

static uint64_t netns_inode(void)
{
	struct stat st;

	assert_int_equal(stat("/proc/self/ns/net", &st), 0);
	return st.st_ino;
}

static void tcp_described(void **state)
{
	for (int v6 = 0; v6 < 2; v6++) {
		struct sockaddr_storage local = { 0 }, remote = { 0 };
		socklen_t len = sizeof(local);
		const struct event_socket *a, *b;
		struct link l;

		link_open(&l, v6 ? LINK_TCP6 : LINK_TCP4);
		getsockname(l.a.fd, (void *)&local, &len);
		len = sizeof(remote);
		getpeername(l.a.fd, (void *)&remote, &len);
		hooks_run(*state, one_exchange, &l);
		a = hooks_event(*state, EVENT_SOCKET, l.a.inode, 0);
		b = hooks_event(*state, EVENT_SOCKET, l.b.inode, 0);
		assert_non_null(a);
		assert_non_null(b);
		assert_int_equal(a->local.family, v6 ? AF_INET6 : AF_INET);
		/* The port has the same place in both. */
		assert_int_equal(a->local.port, ntohs(((struct sockaddr_in *)&local)->sin_port));
		assert_int_equal(a->remote.port, ntohs(((struct sockaddr_in *)&remote)->sin_port));
		if (v6)
			assert_memory_equal(a->local.address, &in6addr_loopback, 16);
		else
			assert_memory_equal(a->local.address, "\x7f\0\0\1\0\0\0\0\0\0\0\0\0\0\0\0", 16);
		assert_memory_equal(&a->local, &b->remote, sizeof(a->local));
		assert_memory_equal(&a->remote, &b->local, sizeof(a->local));
		assert_true(a->fresh && b->fresh);
		assert_int_equal(a->netns, netns_inode());
		assert_int_equal(a->path_len, 0);
		assert_int_equal(a->peer, 0);
		link_close(&l);
	}
}

/* The same sequence number at both ends joins them. */
static void sequence_numbers(void **state)
{
	const struct event_data *out, *in;
	struct link l;

	link_open(&l, LINK_TCP4);
	hooks_run(*state, one_exchange, &l);
	for (int back = 0; back < 2; back++) {
		out = hooks_event(*state, EVENT_DATA, back ? l.b.inode : l.a.inode, (unsigned int)back);
		in = hooks_event(*state, EVENT_DATA, back ? l.a.inode : l.b.inode, (unsigned int)back);
		assert_int_equal(out->direction, EVENT_OUT);
		assert_int_equal(in->direction, EVENT_IN);
		assert_true(out->seq != 0);
		assert_int_equal(out->seq, in->seq);
	}
	link_close(&l);
}

struct named {
	struct link link;
	struct sockaddr_un address;
	socklen_t len;
};

static void open_named(struct named *n, const char *path, size_t path_len)
{
	int listener = socket(AF_UNIX, SOCK_STREAM, 0);

	*n = (struct named){ .address.sun_family = AF_UNIX };
	memcpy(n->address.sun_path, path, path_len);
	n->len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + path_len);
	assert_int_equal(bind(listener, (struct sockaddr *)&n->address, n->len), 0);
	assert_int_equal(listen(listener, 1), 0);
	n->link.a.fd = socket(AF_UNIX, SOCK_STREAM, 0);
	assert_int_equal(connect(n->link.a.fd, (struct sockaddr *)&n->address, n->len), 0);
	n->link.b.fd = accept(listener, NULL, NULL);
	n->link.a.inode = socket_inode_of(n->link.a.fd);
	n->link.b.inode = socket_inode_of(n->link.b.fd);
	close(listener);
}

static void unix_described(void **state)
{
	char path[64], abstract[64];
	struct named n;

	snprintf(path, sizeof(path), "/tmp/spantap-test-%d", getpid());
	snprintf(abstract, sizeof(abstract), "%cspantap-test-%d", 0, getpid());
	for (int i = 0; i < 2; i++) {
		const char *name = i ? abstract : path;
		size_t len = i ? 1 + strlen(abstract + 1) : strlen(path) + 1;
		const struct event_socket *a, *b;

		open_named(&n, name, len);
		hooks_run(*state, one_exchange, &n.link);
		if (!i)
			unlink(path);
		a = hooks_event(*state, EVENT_SOCKET, n.link.a.inode, 0);
		b = hooks_event(*state, EVENT_SOCKET, n.link.b.inode, 0);
		assert_int_equal(a->local.family, AF_UNIX);
		assert_int_equal(a->side, 2);
		assert_int_equal(b->side, 1);
		assert_int_equal(a->peer, n.link.b.inode);
		assert_int_equal(b->peer, n.link.a.inode);
		assert_true(a->path_len == len || a->path_len == len - 1);
		assert_memory_equal(a->path, name, a->path_len);
		assert_memory_equal(b->path, name, b->path_len);
		link_close(&n.link);
	}
}

static void pair_described(void **state)
{
	const struct event_socket *a;
	struct link l;

	link_open(&l, LINK_UNIX);
	hooks_run(*state, one_exchange, &l);
	a = hooks_event(*state, EVENT_SOCKET, l.a.inode, 0);
	assert_int_equal(a->side, 0);
	assert_int_equal(a->path_len, 0);
	assert_int_equal(a->peer, l.b.inode);
	link_close(&l);
}

/* Bytes moved before anybody looked: not fresh, and what follows is counted from there. One byte is enough. */
static void open_before(void **state)
{
	static const size_t before[][4] = { /* a sends, b reads, b sends, a reads */
		{ 1, 1, 0, 0 }, { 0, 0, 1, 1 }, { 1, 0, 0, 0 }, { 5000, 5000, 7, 7 }, { 0, 0, 3, 0 }, { 0, 0, 0, 0 },
	};

	for (int kind = 0; kind < LINK_UNIX; kind++) {
		for (size_t i = 0; i < sizeof(before) / sizeof(before[0]); i++) {
			const struct event_socket *e;
			char text[64];
			struct link l;

			link_open(&l, (enum link_kind)kind);
			if (before[i][0])
				put(&l.a, before[i][0]);
			if (before[i][1])
				get(&l.b, before[i][1]);
			if (before[i][2])
				put(&l.b, before[i][2]);
			if (before[i][3])
				get(&l.a, before[i][3]);
			hooks_run(*state, one_exchange, &l);
			e = hooks_event(*state, EVENT_SOCKET, l.a.inode, 0);
			/* What was not read before will be seen. */
			assert_int_equal(e->fresh, !before[i][0] && !before[i][3]);
			snprintf(text, sizeof(text), "S O0+10 I0+20");
			assert_string_equal(hooks_text_from(*state, l.a.inode, before[i][3], before[i][0]), text);
			link_close(&l);
		}
	}
}

/* A large first transfer is fresh although acknowledgements arrive meanwhile. */
static void large_first(void *context)
{
	put(&((struct link *)context)->a, 1 << 20);
}

static void read_all(void *context)
{
	static uint8_t buffer[1 << 16];
	size_t got = 0;

	while (got < 1 << 20) {
		ssize_t n = read(((struct link *)context)->b.fd, buffer, sizeof(buffer));

		CHECK(n > 0);
		got += (size_t)n;
	}
}

static void fresh_and_late(void **state)
{
	for (int i = 0; i < 20; i++) {
		const struct event_socket *e;
		struct link l;
		pid_t pid;
		int size = 4096;

		link_open(&l, LINK_TCP4);
		setsockopt(l.a.fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
		pid = hooks_start_stranger(read_all, &l);
		hooks_run(*state, large_first, &l);
		hooks_finish(*state, pid);
		assert_string_equal(hooks_text(*state, l.a.inode), "S O0+1048576:1024+64L");
		e = hooks_event(*state, EVENT_SOCKET, l.a.inode, 0);
		assert_true(e->fresh);
		link_close(&l);
	}
}

/* ---- flags ---- */

static void peek_then_read(void *context)
{
	struct link *l = context;
	uint8_t buffer[200];
	struct iovec iov = { buffer, sizeof(buffer) };
	struct msghdr m = { .msg_iov = &iov, .msg_iovlen = 1 };
	struct mmsghdr many[2] = { { .msg_hdr = m }, { .msg_hdr = m } };

	put(&l->a, 100);
	wait_bytes(l->b.fd, 100);
	CHECK(recv(l->b.fd, buffer, 100, MSG_PEEK) == 100);
	CHECK(recvmsg(l->b.fd, &m, MSG_PEEK) == 100);
	CHECK(recvmmsg(l->b.fd, many, 2, MSG_PEEK | MSG_DONTWAIT, NULL) >= 1);
	get(&l->b, 60);
	CHECK(recv(l->b.fd, buffer, 100, MSG_PEEK | MSG_DONTWAIT) == 40);
	get(&l->b, 40);
}

static void peek(void **state)
{
	for (int kind = 0; kind < LINK_KINDS; kind++) {
		struct link l;

		link_open(&l, (enum link_kind)kind);
		hooks_run(*state, peek_then_read, &l);
		assert_string_equal(hooks_text(*state, l.b.inode), "S I0+60 I60+40");
		link_close(&l);
	}
}

/* TCP throws the bytes away, whatever is in the buffer; a UNIX socket copies them. */
static void discard(void *context)
{
	struct link *l = context;
	char buffer[100] = "not from the socket";

	put(&l->a, 100);
	wait_bytes(l->b.fd, 100);
	CHECK(recv(l->b.fd, buffer, 60, MSG_TRUNC) == 60);
	get(&l->b, 40);
}

static void truncate_flag(void **state)
{
	static const char *const expect[] = { "S I0+60N I60+40", "S I0+60N I60+40", "S I0+60 I60+40" };

	for (int kind = 0; kind < LINK_KINDS; kind++) {
		struct link l;

		link_open(&l, (enum link_kind)kind);
		hooks_run(*state, discard, &l);
		assert_string_equal(hooks_text(*state, l.b.inode), expect[kind]);
		link_close(&l);
	}
}

/* One call that sleeps between its parts: one event. */
static void wait_all(void *context)
{
	struct link *l = context;
	static uint8_t buffer[3000];
	pid_t pid;

	put(&l->a, 1000);
	pid = fork();
	CHECK(pid >= 0);
	if (!pid) {
		usleep(20000);
		put(&l->a, 2000);
		_exit(0);
	}
	CHECK(recv(l->b.fd, buffer, 3000, MSG_WAITALL) == 3000);
	CHECK(waitpid(pid, NULL, 0) == pid);
}

static void waitall(void **state)
{
	for (int kind = 0; kind < LINK_KINDS; kind++) {
		struct link l;

		link_open(&l, (enum link_kind)kind);
		hooks_run(*state, wait_all, &l);
		assert_string_equal(hooks_text(*state, l.b.inode), "S I0+3000:1024+64");
		assert_string_equal(hooks_text(*state, l.a.inode), "S O0+1000 O1000+2000:1024+64");
		link_close(&l);
	}
}

/* The urgent byte is no part of the stream: a gap of one, where it stood. */
static void urgent(void *context)
{
	struct link *l = context;
	uint8_t byte, rest[20];

	put(&l->a, 10);
	fill(&l->a, &byte, 1);
	CHECK(send(l->a.fd, &byte, 1, MSG_OOB) == 1);
	put(&l->a, 20);
	get(&l->b, 10);
	CHECK(recv(l->b.fd, &byte, 1, MSG_OOB) == 1);
	CHECK(recv(l->b.fd, rest, 20, MSG_WAITALL) == 20);
}

static void out_of_band(void **state)
{
	struct link l;

	link_open(&l, LINK_TCP4);
	hooks_run(*state, urgent, &l);
	assert_string_equal(hooks_text(*state, l.a.inode), "S O0+10 O10+1 O11+20");
	assert_string_equal(hooks_text(*state, l.b.inode), "S I0+10 I11+20");
	link_close(&l);
}

/* The notices of zero-copy are no bytes of the stream. */
static void send_zerocopy(void *context)
{
	struct link *l = context;
	static uint8_t buffer[50000];
	char control[256];
	struct msghdr m = { .msg_control = control, .msg_controllen = sizeof(control) };
	struct pollfd poll_error = { .fd = l->a.fd };
	int one = 1;

	CHECK(setsockopt(l->a.fd, SOL_SOCKET, SO_ZEROCOPY, &one, sizeof(one)) == 0);
	fill(&l->a, buffer, sizeof(buffer));
	CHECK(send(l->a.fd, buffer, sizeof(buffer), MSG_ZEROCOPY) == sizeof(buffer));
	get(&l->b, sizeof(buffer));
	CHECK(poll(&poll_error, 1, 2000) == 1);
	CHECK(recvmsg(l->a.fd, &m, MSG_ERRQUEUE) == 0);
	put(&l->b, 5);
	get(&l->a, 5);
}

static void zerocopy(void **state)
{
	struct link l;

	link_open(&l, LINK_TCP4);
	hooks_run(*state, send_zerocopy, &l);
	assert_string_equal(hooks_text(*state, l.a.inode), "S O0+50000:1024+64 I0+5");
	link_close(&l);
}

/* ---- ends ---- */

struct ending {
	struct link link;
	void (*end)(struct link *l);
};

static void run_ending(void *context)
{
	struct ending *e = context;

	one_exchange(&e->link);
	e->end(&e->link);
}

static void read_nothing(struct link *l)
{
	uint8_t byte;

	CHECK(read(l->a.fd, &byte, 0) == 0);
	CHECK(recv(l->a.fd, &byte, 0, MSG_DONTWAIT) <= 0);
}

/* Closed by the peer with bytes still to read: they come first, and a read of length 0 is no end. */
static void peer_half_closes(struct link *l)
{
	uint8_t byte;

	put(&l->b, 30);
	CHECK(shutdown(l->b.fd, SHUT_WR) == 0);
	wait_bytes(l->a.fd, 30);
	CHECK(read(l->a.fd, &byte, 0) == 0);
	CHECK(recv(l->a.fd, &byte, 0, 0) == 0);
	get(&l->a, 30);
	CHECK(read(l->a.fd, &byte, 1) == 0);
	CHECK(read(l->a.fd, &byte, 1) == 0);
	put(&l->a, 5);
	close(l->a.fd);
}

/* We say that we are done, the peer answers and closes: the connection is over before its answer is read. */
static void half_close_and_read(struct link *l)
{
	uint8_t byte;

	CHECK(shutdown(l->a.fd, SHUT_WR) == 0);
	put(&l->b, 30);
	close(l->b.fd);
	wait_bytes(l->a.fd, 30);
	usleep(10000);
	get(&l->a, 15);
	get(&l->a, 15);
	CHECK(read(l->a.fd, &byte, 1) == 0);
	close(l->a.fd);
}

static void half_close_and_leave(struct link *l)
{
	CHECK(shutdown(l->a.fd, SHUT_WR) == 0);
	put(&l->b, 30);
	close(l->b.fd);
	wait_bytes(l->a.fd, 30);
	usleep(10000);
	get(&l->a, 15);
	close(l->a.fd);
}

static void reset(struct link *l)
{
	struct linger now = { 1, 0 };
	uint8_t byte;

	CHECK(setsockopt(l->b.fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now)) == 0);
	close(l->b.fd);
	CHECK(read(l->a.fd, &byte, 1) == -1 && errno == ECONNRESET);
	close(l->a.fd);
}

static void both_close(struct link *l)
{
	close(l->a.fd);
	close(l->b.fd);
	usleep(1000);
}

static void ends(void **state)
{
	static const struct {
		void (*end)(struct link *l);
		const char *a, *b;
	} cases[] = {
		{ read_nothing, "", "" },
		{ peer_half_closes, " I20+30 E1 O10+5 E2 C3", " O20+30 E2 C3" },
		{ half_close_and_read, " E2 I20+15 I35+15 E1 C3", " O20+30 E2 C3" },
		{ half_close_and_leave, " E2 I20+15 C3", " O20+30 E2 C3" },
		{ reset, " C3", " C3" },
		{ both_close, " E2 C3", " E2 C3" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		for (int kind = 0; kind < LINK_UNIX; kind++) {
			struct ending e = { .end = cases[i].end };
			char a[128], b[128];

			link_open(&e.link, (enum link_kind)kind);
			snprintf(a, sizeof(a), "S O0+10 I0+20%s", cases[i].a);
			snprintf(b, sizeof(b), "S I0+10 O0+20%s", cases[i].b);
			hooks_drain(*state);
			hooks_forget(*state);
			/* The target alone holds the ends, so it closes them. */
			{
				pid_t pid = hooks_start(*state, run_ending, &e);

				link_close(&e.link);
				hooks_finish(*state, pid);
			}
			usleep(2000);
			hooks_drain(*state);
			assert_string_equal(hooks_text(*state, e.link.a.inode), i ? a : "S O0+10 I0+20 E2 C3");
			assert_string_equal(hooks_text(*state, e.link.b.inode), i ? b : "S I0+10 O0+20 E2 C3");
		}
	}
}

/* A UNIX socket tells its end only by an empty read. */
static void unix_close(struct link *l)
{
	uint8_t byte;

	put(&l->b, 30);
	close(l->b.fd);
	CHECK(recv(l->a.fd, &byte, 0, 0) == 0);
	get(&l->a, 30);
	CHECK(read(l->a.fd, &byte, 1) == 0);
	CHECK(read(l->a.fd, &byte, 1) == 0);
}

static void unix_ends(void **state)
{
	struct ending e = { .end = unix_close };
	pid_t pid;

	link_open(&e.link, LINK_UNIX);
	pid = hooks_start(*state, run_ending, &e);
	link_close(&e.link);
	hooks_finish(*state, pid);
	assert_string_equal(hooks_text(*state, e.link.a.inode), "S O0+10 I0+20 I20+30 E1");
}

int main(void)
{
	const struct CMUnitTest cases[] = {
		cmocka_unit_test(tcp_described),
		cmocka_unit_test(sequence_numbers),
		cmocka_unit_test(unix_described),
		cmocka_unit_test(pair_described),
		cmocka_unit_test(open_before),
		cmocka_unit_test(fresh_and_late),
		cmocka_unit_test(peek),
		cmocka_unit_test(truncate_flag),
		cmocka_unit_test(waitall),
		cmocka_unit_test(out_of_band),
		cmocka_unit_test(zerocopy),
		cmocka_unit_test(ends),
		cmocka_unit_test(unix_ends),
	};

	return hooks_main(cases, sizeof(cases) / sizeof(cases[0]));
}
