// SPDX-License-Identifier: GPL-2.0-only
/* See hooks.h. */
#include "tests/bpf/hooks.h"

#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "bpf/process.skel.h"
#include "bpf/socket.skel.h"
#include "bpf/syscall.skel.h"
#include "userspace/base/buf.h"
#include "userspace/base/clock.h"
#include "userspace/base/memory.h"
#include "userspace/capture/object.h"

#define RING_BYTES (8u << 20)
#define HEAD 1024
#define CASES_MAX 128
#define CHILD_SECONDS 60 /* a child that hangs fails its case */

struct hooks {
	enum mode mode;
	struct process_bpf *process;
	struct socket_bpf *socket;
	struct syscall_bpf *syscall;
	struct ring_buffer *ring;
	struct buf events; /* records, each at a multiple of 8 */
	struct buf text;
};

/* ---- loading ---- */

static int on_record(void *context, void *data, size_t size)
{
	struct hooks *h = context;
	const struct event_header *header = data;

	assert_true(size >= sizeof(*header) && header->size <= size);
	assert_true(buf_add(&h->events, data, header->size));
	while (h->events.len & 7)
		buf_add_byte(&h->events, 0);
	return 0;
}

static int load(struct hooks *h, uint32_t ring_bytes, uint32_t head)
{
	struct config config = { .head_in = head, .head_out = head, .wake_bytes = ring_bytes };
	int err;

	h->process = process_bpf__open();
	if (!h->process)
		return -errno;
	memcpy((void *)&h->process->rodata->config, &config, sizeof(config));
	bpf_map__set_max_entries(h->process->maps.ring, ring_bytes);
	err = process_bpf__load(h->process);
	if (err)
		return err;
	if (h->mode == MODE_SOCKET) {
		h->socket = socket_bpf__open();
		memcpy((void *)&h->socket->rodata->config, &config, sizeof(config));
		err = object_share_maps(h->socket->obj, h->process->obj);
		err = err ? err : socket_bpf__load(h->socket);
		err = err ? err : socket_bpf__attach(h->socket);
	} else {
		h->syscall = syscall_bpf__open();
		memcpy((void *)&h->syscall->rodata->config, &config, sizeof(config));
		err = object_share_maps(h->syscall->obj, h->process->obj);
		err = err ? err : syscall_bpf__load(h->syscall);
		err = err ? err : syscall_bpf__attach(h->syscall);
	}
	return err ? err : process_bpf__attach(h->process);
}

struct hooks *hooks_new(enum mode mode, uint32_t ring_bytes, uint32_t head)
{
	struct hooks *h = memory_new(sizeof(*h));
	int err;

	h->mode = mode;
	buf_init(&h->events, 512u << 20);
	buf_init(&h->text, 1u << 20);
	err = load(h, ring_bytes, head);
	if (!err)
		h->ring = ring_buffer__new(bpf_map__fd(h->process->maps.ring), on_record, h, NULL);
	if (h->ring)
		return h;
	hooks_free(h);
	errno = -err;
	return NULL;
}

void hooks_free(struct hooks *h)
{
	if (!h)
		return;
	ring_buffer__free(h->ring);
	socket_bpf__destroy(h->socket);
	syscall_bpf__destroy(h->syscall);
	process_bpf__destroy(h->process);
	buf_release(&h->events);
	buf_release(&h->text);
	memory_free(h);
}

static void skipped(void **state)
{
	(void)state;
	skip();
}

static int forget(void **state)
{
	hooks_drain(*state);
	hooks_forget(*state);
	return 0;
}

int hooks_main(const struct CMUnitTest *cases, size_t count)
{
	static const char *const names[MODES] = { "socket", "syscall" };
	struct CMUnitTest tests[MODES * CASES_MAX];
	static char text[MODES * CASES_MAX][80], reasons[MODES][256];
	struct hooks *hooks[MODES] = { NULL };
	struct error error = { "" };
	size_t n = 0;
	int failed;

	object_capture_log();
	signal(SIGPIPE, SIG_IGN);
	if (object_check_kernel(&error)) {
		printf("1..1\nok 1 - all # SKIP %s\n", error.text);
		return 0;
	}
	for (int mode = 0; mode < MODES; mode++) {
		if (mode == MODE_SOCKET && !object_has_tracepoint("sock_send_length")) {
			snprintf(reasons[mode], sizeof(reasons[mode]),
				 "the socket hook: this kernel has no sock_send_length (before 6.3)");
			tests[n++] = (struct CMUnitTest){ reasons[mode], skipped, NULL, NULL, NULL };
			continue;
		}
		hooks[mode] = hooks_new((enum mode)mode, RING_BYTES, HEAD);
		if (!hooks[mode]) {
			printf("1..1\nnot ok 1 - load %s: %m: %s\n", names[mode], object_last_log());
			return 1;
		}
		for (size_t i = 0; i < count; i++, n++) {
			snprintf(text[n], sizeof(text[n]), "%s (%s)", cases[i].name, names[mode]);
			tests[n] = (struct CMUnitTest){ text[n], cases[i].test_func, forget, NULL, hooks[mode] };
		}
	}
	failed = _cmocka_run_group_tests("hooks", tests, n, NULL, NULL);
	for (int mode = 0; mode < MODES; mode++)
		hooks_free(hooks[mode]);
	return failed;
}

enum mode hooks_mode(const struct hooks *h)
{
	return h->mode;
}

/* ---- children ---- */

static pid_t start(struct hooks *h, void (*act)(void *context), void *context)
{
	int go[2];
	uint32_t value = 0;
	pid_t pid;

	assert_int_equal(pipe(go), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		char byte;

		prctl(PR_SET_PDEATHSIG, SIGKILL);
		alarm(CHILD_SECONDS);
		close(go[1]);
		CHECK(read(go[0], &byte, 1) == 1);
		close(go[0]);
		act(context);
		_exit(0);
	}
	if (h)
		assert_int_equal(bpf_map_update_elem(hooks_targets_fd(h), &pid, &value, BPF_ANY), 0);
	assert_int_equal(write(go[1], "g", 1), 1);
	close(go[0]);
	close(go[1]);
	return pid;
}

pid_t hooks_start(struct hooks *h, void (*act)(void *context), void *context)
{
	return start(h, act, context);
}

pid_t hooks_start_stranger(void (*act)(void *context), void *context)
{
	return start(NULL, act, context);
}

void hooks_finish(struct hooks *h, pid_t pid)
{
	int status;

	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	hooks_drain(h);
}

void hooks_run(struct hooks *h, void (*act)(void *context), void *context)
{
	hooks_drain(h);
	hooks_forget(h);
	hooks_finish(h, hooks_start(h, act, context));
}

void hooks_drain(struct hooks *h)
{
	ring_buffer__consume(h->ring);
}

void hooks_forget(struct hooks *h)
{
	buf_reset(&h->events);
}

/* ---- events ---- */

static const struct event_header *next_event(const struct hooks *h, size_t *at)
{
	const struct event_header *e = (const void *)(h->events.data + *at);

	if (*at >= h->events.len)
		return NULL;
	*at += (e->size + 7) & ~7u;
	return e;
}

static uint64_t socket_of(const struct event_header *e)
{
	switch (e->kind) {
	case EVENT_DATA:
		return ((const struct event_data *)e)->socket;
	case EVENT_SOCKET:
		return ((const struct event_socket *)e)->socket;
	case EVENT_END:
		return ((const struct event_end *)e)->socket;
	}
	return 0;
}

const void *hooks_event(struct hooks *h, enum event_kind kind, uint64_t socket, unsigned int n)
{
	const struct event_header *e;
	size_t at = 0;

	while ((e = next_event(h, &at)))
		if (e->kind == kind && (!socket || socket_of(e) == socket) && n-- == 0)
			return e;
	return NULL;
}

size_t hooks_count(struct hooks *h)
{
	size_t at = 0, n = 0;

	while (next_event(h, &at))
		n++;
	return n;
}

static bool as_sent(const uint8_t *data, size_t len, uint64_t position)
{
	for (size_t i = 0; i < len; i++)
		if (data[i] != pattern(position + i))
			return false;
	return true;
}

static void data_text(struct buf *out, const struct event_data *e, uint64_t base)
{
	const uint8_t *data = (const uint8_t *)(e + 1);
	bool whole = (uint64_t)e->head_len + e->tail_len == e->len;

	buf_printf(out, "%c%llu+%llu", e->direction == EVENT_IN ? 'I' : 'O', (unsigned long long)e->offset,
		   (unsigned long long)e->len);
	if (!whole && !(e->flags & EVENT_NO_BUFFER))
		buf_printf(out, ":%u+%u", e->head_len, e->tail_len);
	if (e->flags & EVENT_NO_BUFFER)
		buf_add_byte(out, 'N');
	if (e->flags & EVENT_LATE)
		buf_add_byte(out, 'L');
	if (!as_sent(data, e->head_len, base + e->offset) ||
	    !as_sent(data + e->head_len, e->tail_len, base + e->offset + e->len - e->tail_len))
		buf_add_text(out, "BAD");
}

const char *hooks_text_from(struct hooks *h, uint64_t socket, uint64_t in, uint64_t out)
{
	const struct event_header *e;
	size_t at = 0;

	buf_reset(&h->text);
	while ((e = next_event(h, &at))) {
		const struct event_end *end = (const void *)e;
		const struct event_data *data = (const void *)e;

		if (socket_of(e) != socket)
			continue;
		if (h->text.len)
			buf_add_byte(&h->text, ' ');
		if (e->kind == EVENT_SOCKET)
			buf_add_byte(&h->text, 'S');
		else if (e->kind == EVENT_END)
			buf_printf(&h->text, "%c%u", end->closed ? 'C' : 'E', end->directions);
		else
			data_text(&h->text, data, data->direction == EVENT_IN ? in : out);
	}
	buf_add_byte(&h->text, 0);
	return (const char *)h->text.data;
}

const char *hooks_text(struct hooks *h, uint64_t socket)
{
	return hooks_text_from(h, socket, 0, 0);
}

/* ---- maps ---- */

uint64_t hooks_counter(struct hooks *h, enum counter which)
{
	int cpus = libbpf_num_possible_cpus();
	uint64_t *values = memory_array((size_t)cpus, sizeof(*values)), sum = 0;
	uint32_t key = which;

	assert_int_equal(bpf_map_lookup_elem(bpf_map__fd(h->process->maps.counters), &key, values), 0);
	for (int i = 0; i < cpus; i++)
		sum += values[i];
	memory_free(values);
	return sum;
}

int hooks_targets_fd(struct hooks *h)
{
	return bpf_map__fd(h->process->maps.targets);
}

int hooks_verdicts_fd(struct hooks *h)
{
	return bpf_map__fd(h->process->maps.verdicts);
}

size_t hooks_states(struct hooks *h)
{
	uint64_t key, *last = NULL;
	size_t n = 0;

	if (!h->syscall)
		return 0;
	while (!bpf_map_get_next_key(bpf_map__fd(h->syscall->maps.socket_states), last, &key)) {
		last = &key;
		n++;
	}
	return n;
}

/* ---- connections ---- */

uint64_t socket_inode_of(int fd)
{
	struct stat st;

	assert_int_equal(fstat(fd, &st), 0);
	return st.st_ino;
}

static void open_tcp(struct link *l, bool v6)
{
	struct sockaddr_storage address = { .ss_family = v6 ? AF_INET6 : AF_INET };
	socklen_t len = v6 ? sizeof(struct sockaddr_in6) : sizeof(struct sockaddr_in);
	int listener = socket(address.ss_family, SOCK_STREAM, 0);

	if (v6)
		((struct sockaddr_in6 *)&address)->sin6_addr = in6addr_loopback;
	else
		((struct sockaddr_in *)&address)->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	assert_int_equal(bind(listener, (struct sockaddr *)&address, len), 0);
	assert_int_equal(listen(listener, 1), 0);
	assert_int_equal(getsockname(listener, (struct sockaddr *)&address, &len), 0);
	l->a.fd = socket(address.ss_family, SOCK_STREAM, 0);
	assert_int_equal(connect(l->a.fd, (struct sockaddr *)&address, len), 0);
	l->b.fd = accept(listener, NULL, NULL);
	assert_true(l->b.fd >= 0);
	close(listener);
}

void link_open(struct link *l, enum link_kind kind)
{
	int pair[2];

	*l = (struct link){ 0 };
	if (kind == LINK_UNIX) {
		assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
		l->a.fd = pair[0];
		l->b.fd = pair[1];
	} else {
		open_tcp(l, kind == LINK_TCP6);
	}
	l->a.inode = socket_inode_of(l->a.fd);
	l->b.inode = socket_inode_of(l->b.fd);
}

void link_close(struct link *l)
{
	close(l->a.fd);
	close(l->b.fd);
}

uint8_t pattern(uint64_t position)
{
	return (uint8_t)(position * 167 + (position >> 8) * 29 + (position >> 16));
}

void fill(struct end *e, void *buffer, size_t len)
{
	for (size_t i = 0; i < len; i++)
		((uint8_t *)buffer)[i] = pattern(e->sent + i);
	e->sent += len;
}

void fill_vector(struct end *e, const struct iovec *iov, int count)
{
	for (int i = 0; i < count; i++)
		fill(e, iov[i].iov_base, iov[i].iov_len);
}

void put(struct end *e, size_t len)
{
	static uint8_t buffer[1 << 20];

	CHECK(len <= sizeof(buffer));
	fill(e, buffer, len);
	CHECK(send(e->fd, buffer, len, MSG_NOSIGNAL) == (ssize_t)len);
}

void get(struct end *e, size_t len)
{
	static uint8_t buffer[1 << 20];

	CHECK(len <= sizeof(buffer));
	wait_bytes(e->fd, len);
	CHECK(recv(e->fd, buffer, len, 0) == (ssize_t)len);
}

void wait_bytes(int fd, size_t len)
{
	uint64_t until = clock_now_ns() + 5 * NS_PER_SECOND;
	int there = 0;

	do
		CHECK(ioctl(fd, FIONREAD, &there) == 0 && clock_now_ns() < until);
	while ((size_t)there < len);
}
