// SPDX-License-Identifier: GPL-2.0-only
/*
 * live.c against a real process: the target is a forked child that echoes on a port and connects to
 * one of ours on request, on loopback in IPv4 and IPv6. Connections that are not the target's are
 * never read.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bpf/config.h"
#include "userspace/base/buf.h"
#include "userspace/base/clock.h"
#include "userspace/capture/live.h"

#define WAIT_MS 3000

static bool privileged;

static int check_privilege(void **state)
{
	struct bpf_insn probe[] = { { .code = BPF_ALU64 | BPF_MOV | BPF_K },
				    { .code = BPF_JMP | BPF_EXIT } };
	int fd = bpf_prog_load(BPF_PROG_TYPE_SOCKET_FILTER, "probe", "GPL", probe, 2, NULL);

	(void)state;
	privileged = fd >= 0;
	if (!privileged)
		print_message("skip: no privilege to load BPF programs\n");
	return 0;
}

/* --- sockets --- */

static socklen_t loopback(struct sockaddr_storage *address, bool v6, uint16_t port)
{
	struct sockaddr_in *in = (void *)address;
	struct sockaddr_in6 *in6 = (void *)address;

	memset(address, 0, sizeof(*address));
	if (v6) {
		in6->sin6_family = AF_INET6;
		in6->sin6_port = htons(port);
		in6->sin6_addr = in6addr_loopback;
		return sizeof(*in6);
	}
	in->sin_family = AF_INET;
	in->sin_port = htons(port);
	in->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	return sizeof(*in);
}

static int listen_on(bool v6, uint16_t *port)
{
	struct sockaddr_storage address;
	socklen_t len = loopback(&address, v6, 0);
	int fd = socket(v6 ? AF_INET6 : AF_INET, SOCK_STREAM, 0);

	assert_int_equal(bind(fd, (struct sockaddr *)&address, len), 0);
	assert_int_equal(listen(fd, 16), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &len), 0);
	*port = ntohs(v6 ? ((struct sockaddr_in6 *)&address)->sin6_port
			 : ((struct sockaddr_in *)&address)->sin_port);
	return fd;
}

static int connect_to(bool v6, uint16_t port)
{
	struct sockaddr_storage address;
	socklen_t len = loopback(&address, v6, port);
	int fd = socket(v6 ? AF_INET6 : AF_INET, SOCK_STREAM, 0);

	return connect(fd, (struct sockaddr *)&address, len) ? -1 : fd;
}

static void say(int fd, const char *text)
{
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
}

static void hear(int fd, const char *text)
{
	char got[256] = "";

	assert_int_equal(recv(fd, got, strlen(text), MSG_WAITALL), strlen(text));
	assert_string_equal(got, text);
}

/* --- the target --- */

struct request {
	uint16_t port;
	bool v6;
	uint32_t pause_us; /* between connect and the first byte */
};

static void serve_request(int control)
{
	struct request request;
	char answer[64];
	int fd;

	if (read(control, &request, sizeof(request)) != sizeof(request))
		_exit(0);
	fd = connect_to(request.v6, request.port);
	usleep(request.pause_us);
	if (fd < 0 || write(fd, "outgoing question", 17) != 17 ||
	    recv(fd, answer, 15, MSG_WAITALL) != 15)
		_exit(1);
	close(fd);
	if (write(control, "k", 1) != 1)
		_exit(1);
}

/* Echoes whatever comes. */
static void serve(int listener, int control)
{
	struct pollfd fds[32] = { { .fd = listener, .events = POLLIN },
				  { .fd = control, .events = POLLIN } };
	nfds_t count = 2;
	char data[4096];

	while (poll(fds, count, -1) > 0) {
		if (fds[1].revents)
			serve_request(control);
		for (nfds_t i = 2; i < count; i++) {
			ssize_t len = fds[i].revents ? read(fds[i].fd, data, sizeof(data)) : 0;

			if (!fds[i].revents)
				continue;
			if (len > 0 && write(fds[i].fd, data, (size_t)len) == len)
				continue;
			close(fds[i].fd);
			fds[i].fd = -1;
		}
		if (fds[0].revents && count < 32)
			fds[count++] = (struct pollfd){ .fd = accept(listener, NULL, NULL),
							.events = POLLIN };
	}
}

struct target {
	pid_t pid;
	int control;
	uint16_t port;
	bool v6;
};

static void target_start(struct target *t, bool v6)
{
	int listener = listen_on(v6, &t->port), pair[2];

	t->v6 = v6;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	t->pid = fork();
	assert_true(t->pid >= 0);
	if (t->pid == 0) {
		close(pair[0]);
		serve(listener, pair[1]);
		_exit(0);
	}
	close(listener); /* ours would make us an owner too */
	close(pair[1]);
	t->control = pair[0];
}

static void target_stop(struct target *t)
{
	close(t->control);
	kill(t->pid, SIGTERM);
	waitpid(t->pid, NULL, 0);
}

/* --- what is captured --- */

struct log {
	struct buf text;
	uint32_t pid;
	uint64_t last_ns;
};

static void *on_opened(void *context, const struct packet_opening *opening)
{
	static const char *const sides[] = { "?", "server", "client" };
	struct log *log = context;

	log->pid = opening->pid;
	buf_printf(&log->text, "+%s%s ", sides[opening->side], opening->midway ? "-midway" : "");
	return log;
}

static void on_data(void *context, void *connection, enum direction dir, struct bytes bytes,
		    bool fresh, const struct mark *mark)
{
	struct log *log = context;

	assert_true(mark->time_ns >= log->last_ns && mark->time_ns <= clock_now_ns());
	assert_true(clock_now_ns() - mark->time_ns < 10 * NS_PER_SECOND);
	assert_int_equal(mark->pid, log->pid);
	log->last_ns = mark->time_ns;
	buf_printf(&log->text, "%c:%.*s ", dir == DIRECTION_OUT ? 'O' : 'I', (int)bytes.len,
		   (const char *)bytes.data);
	(void)connection;
	(void)fresh;
}

static void on_gap(void *context, void *connection, enum direction dir, uint64_t len,
		   const struct mark *mark)
{
	buf_printf(&((struct log *)context)->text, "gap of %llu ", (unsigned long long)len);
	(void)connection;
	(void)dir;
	(void)mark;
}

static void on_ended(void *context, void *connection, enum direction dir, const struct mark *mark)
{
	buf_add_text(&((struct log *)context)->text, dir == DIRECTION_OUT ? "O. " : "I. ");
	(void)connection;
	(void)mark;
}

static void on_closed(void *context, void *connection, const struct mark *mark)
{
	buf_add_text(&((struct log *)context)->text, "- ");
	(void)connection;
	(void)mark;
}

static const struct packet_consumer consumer = { on_opened, on_data, on_gap, on_ended, on_closed };

/* Reads until the log says `text` and empties it. */
static void expect(struct live *l, struct log *log, const char *text)
{
	uint64_t until = clock_now_ns() + WAIT_MS * NS_PER_MS;

	while (log->text.len < strlen(text) && clock_now_ns() < until) {
		struct pollfd fd = { .fd = live_fd(l), .events = POLLIN };

		poll(&fd, 1, 20);
		live_drain(l);
		live_tick(l, clock_now_ns());
	}
	buf_add_byte(&log->text, 0);
	assert_string_equal((const char *)log->text.data, text);
	buf_reset(&log->text);
}

static void capture(bool v6, bool hooked)
{
	int map = bpf_map_create(
		BPF_MAP_TYPE_HASH, "targets", 4, 4, TARGETS_MAX,
		&(struct bpf_map_create_opts){ .sz = sizeof(struct bpf_map_create_opts),
					       .map_flags = BPF_F_NO_PREALLOC });
	struct log log = { .last_ns = clock_now_ns() };
	struct live_options options = { .consumer = &consumer,
					.context = &log,
					.targets = targets_new(map),
					.targets_fd = hooked ? map : -1 };
	struct error error = { "" };
	struct target t;
	struct live *l;
	int old, fresh, bystander[2], peer;
	struct request request = { .v6 = v6, .pause_us = hooked ? 0 : 500000 };
	char ready;

	buf_init(&log.text, 1 << 16);
	target_start(&t, v6);
	old = connect_to(v6, t.port);
	say(old, "before");
	hear(old, "before");
	assert_int_equal(targets_add((struct targets *)options.targets, (uint32_t)t.pid, &error),
			 0);
	peer = listen_on(v6, &request.port);
	bystander[0] = connect_to(v6, request.port);
	bystander[1] = accept(peer, NULL, NULL);

	l = live_new(&options, (uint32_t)t.pid, &error);
	if (!l)
		fail_msg("%s", error.text);
	assert_int_equal(live_unhooked(l) == NULL, hooked);

	say(old, "old question");
	hear(old, "old question");
	expect(l, &log, "+server-midway I:old question O:old question ");
	assert_int_equal(log.pid, t.pid);
	fresh = connect_to(v6, t.port);
	for (int i = 0; i < 100; i++) {
		say(bystander[0], "SECRET");
		hear(bystander[1], "SECRET");
	}
	say(fresh, "new question");
	hear(fresh, "new question");
	close(fresh);
	expect(l, &log, "+server I:new question O:new question I. O. - ");

	assert_int_equal(write(t.control, &request, sizeof(request)), sizeof(request));
	fresh = accept(peer, NULL, NULL);
	for (int i = 0; !hooked && i < 20; i++) {
		live_tick(l, clock_now_ns());
		usleep(20000);
	}
	hear(fresh, "outgoing question");
	say(fresh, "outgoing answer");
	assert_int_equal(read(t.control, &ready, 1), 1);
	close(fresh);
	if (hooked)
		expect(l, &log, "+client O:outgoing question I:outgoing answer O. I. - ");
	else
		expect(l, &log, "+?-midway O:outgoing question I:outgoing answer O. I. - ");
	say(bystander[1], "SECRET");
	hear(bystander[0], "SECRET");
	close(old);
	expect(l, &log, "I. O. - ");
	/* Handshake, data, acknowledgements, ends: what a bystander's packets would add is not
	 * there. */
	assert_in_range(live_counters(l)->packets, 15, 40);
	assert_int_equal(live_counters(l)->kinds[PACKET_TCP], live_counters(l)->packets);
	assert_int_equal(live_counters(l)->dropped, 0);
	assert_int_equal(live_reassembly(l)->unowned, 0);
	assert_int_equal(live_reassembly(l)->gaps, 0);

	live_free(l);
	target_stop(&t);
	targets_free((struct targets *)options.targets);
	buf_release(&log.text);
	close(map);
	close(peer);
	close(bystander[0]);
	close(bystander[1]);
}

static void hooked_ipv4(void **state)
{
	(void)state;
	if (!privileged)
		skip();
	capture(false, true);
}

static void hooked_ipv6(void **state)
{
	(void)state;
	if (!privileged)
		skip();
	capture(true, true);
}

static void unhooked(void **state)
{
	(void)state;
	if (!privileged)
		skip();
	capture(false, false);
}

static void no_such_process(void **state)
{
	struct targets *targets = targets_new(-1);
	struct live_options options = { .consumer = &consumer,
					.targets = targets,
					.targets_fd = -1 };
	struct error error = { "" };

	(void)state;
	assert_null(live_new(&options, 0x7fffffff, &error));
	assert_string_equal(error.text, "packets of pid 2147483647: no such process");
	targets_free(targets);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(hooked_ipv4),
		cmocka_unit_test(hooked_ipv6),
		cmocka_unit_test(unhooked),
		cmocka_unit_test(no_such_process),
	};

	return cmocka_run_group_tests(tests, check_privilege, NULL);
}
