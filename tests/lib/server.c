// SPDX-License-Identifier: GPL-2.0-only
/* See server.h. */
#include "tests/lib/server.h"

#include <arpa/inet.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#define BODY_MAX (64u << 20)

static uint64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

/* False when the server is to stop, or after timeout_ms (negative: none). */
static bool readable(struct server *server, int fd, int timeout_ms)
{
	struct pollfd fds[2] = { { .fd = fd, .events = POLLIN },
				 { .fd = server->wake[0], .events = POLLIN } };

	return poll(fds, 2, timeout_ms) > 0 && !fds[1].revents && fds[0].revents;
}

/* Reads one request: its head up to the empty line, then Content-Length bytes. */
static bool read_request(struct server *server, int fd)
{
	char head[sizeof(server->head)];
	size_t len = 0, left = 0;
	const char *length;
	char block[65536];

	while (len + 1 < sizeof(head)) {
		if (!readable(server, fd, -1) || read(fd, head + len, 1) != 1)
			return false;
		len++;
		if (len >= 4 && !memcmp(head + len - 4, "\r\n\r\n", 4))
			break;
	}
	head[len] = '\0';
	length = strcasestr(head, "Content-Length:");
	if (length)
		left = strtoul(length + 15, NULL, 10);
	pthread_mutex_lock(&server->lock);
	memcpy(server->head, head, len + 1);
	buf_reset(&server->body);
	pthread_mutex_unlock(&server->lock);
	while (left) {
		ssize_t got = readable(server, fd, -1)
				      ? read(fd, block, left < sizeof(block) ? left : sizeof(block))
				      : 0;

		if (got <= 0)
			return false;
		pthread_mutex_lock(&server->lock);
		buf_add(&server->body, block, (size_t)got);
		pthread_mutex_unlock(&server->lock);
		left -= (size_t)got;
	}
	return true;
}

static bool write_all(int fd, const void *data, size_t len)
{
	const char *at = data;

	while (len) {
		ssize_t written = send(fd, at, len, MSG_NOSIGNAL);

		if (written <= 0)
			return false;
		at += written;
		len -= (size_t)written;
	}
	return true;
}

/* True when the connection goes on. */
static bool act(struct server *server, int fd, const struct server_step *step)
{
	struct linger reset = { .l_onoff = 1, .l_linger = 0 };
	char head[1024];
	int len;

	if (step->delay_ms)
		readable(server, -1, (int)step->delay_ms);
	if (step->act == SERVER_SILENT)
		readable(server, fd, -1);
	if (step->act == SERVER_RESET)
		setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
	if (step->act != SERVER_ANSWER)
		return false;
	len = snprintf(head, sizeof(head), "HTTP/1.1 %d X\r\n%sContent-Length: %zu\r\n\r\n",
		       step->status, step->headers ? step->headers : "", step->body.len);
	return write_all(fd, head, (size_t)len) && write_all(fd, step->body.data, step->body.len);
}

static void serve(struct server *server, int fd)
{
	const struct server_step *step;

	do {
		if (!read_request(server, fd))
			return;
		pthread_mutex_lock(&server->lock);
		if (server->requests < sizeof(server->request_ns) / sizeof(server->request_ns[0]))
			server->request_ns[server->requests] = now_ns();
		step = &server->steps[server->requests < server->step_count
					      ? server->requests
					      : server->step_count - 1];
		server->requests++;
		pthread_mutex_unlock(&server->lock);
	} while (act(server, fd, step));
}

static void *run(void *context)
{
	struct server *server = context;

	while (readable(server, server->listener, -1)) {
		int fd = accept(server->listener, NULL, NULL);

		if (fd < 0)
			continue;
		pthread_mutex_lock(&server->lock);
		server->connections++;
		pthread_mutex_unlock(&server->lock);
		serve(server, fd);
		close(fd);
	}
	return NULL;
}

static bool listen_unix(struct server *server, const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };

	snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
	unlink(path);
	server->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	return !bind(server->listener, (struct sockaddr *)&address, sizeof(address)) &&
	       !listen(server->listener, 16);
}

static bool listen_tcp(struct server *server)
{
	struct sockaddr_in address = { .sin_family = AF_INET,
				       .sin_addr = { htonl(INADDR_LOOPBACK) } };
	socklen_t len = sizeof(address);

	server->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (bind(server->listener, (struct sockaddr *)&address, sizeof(address)) ||
	    listen(server->listener, 16) ||
	    getsockname(server->listener, (struct sockaddr *)&address, &len))
		return false;
	server->port = ntohs(address.sin_port);
	return true;
}

bool server_start(struct server *server, const struct server_step *steps, size_t count,
		  const char *unix_path)
{
	*server = (struct server){ .steps = steps, .step_count = count };
	pthread_mutex_init(&server->lock, NULL);
	buf_init(&server->body, BODY_MAX);
	return !pipe(server->wake) &&
	       (unix_path ? listen_unix(server, unix_path) : listen_tcp(server)) &&
	       !pthread_create(&server->thread, NULL, run, server);
}

void server_stop(struct server *server)
{
	if (write(server->wake[1], "", 1) == 1)
		pthread_join(server->thread, NULL);
	close(server->listener);
	close(server->wake[0]);
	close(server->wake[1]);
	pthread_mutex_destroy(&server->lock);
	buf_release(&server->body);
}

size_t server_requests(struct server *server)
{
	size_t requests;

	pthread_mutex_lock(&server->lock);
	requests = server->requests;
	pthread_mutex_unlock(&server->lock);
	return requests;
}

bool server_wait(struct server *server, size_t requests, unsigned int timeout_ms)
{
	uint64_t until_ns = now_ns() + timeout_ms * 1000000ull;

	while (server_requests(server) < requests && now_ns() < until_ns)
		usleep(5000);
	return server_requests(server) >= requests;
}

bool server_head_has(struct server *server, const char *text)
{
	bool has;

	pthread_mutex_lock(&server->lock);
	has = strstr(server->head, text) != NULL;
	pthread_mutex_unlock(&server->lock);
	return has;
}
