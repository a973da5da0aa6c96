// SPDX-License-Identifier: GPL-2.0-only
/*
 * An event loop of a runtime that nobody knows: one thread, one callback per event, a pool of
 * connections to Redis that requests wait for. /Q10031 makes three calls whose text holds K10031:1
 * to :3, one after the other (SHAPE=sequence) or the last two at once (fan); with SHAPE=after one
 * more, L10031:4, some time after the answer.
 */
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define POOL_MAX 256
#define EVENTS 64
#define LATE_NS 20000000L

struct request;

struct connection { // of a client, or to Redis
	int fd;
	bool listens, redis;
	struct request *request; // whose call is under way here
	struct connection *next; // that is free
};

struct request {
	struct connection *client;
	char number[16];
	int asked, answered; // of its calls
	int waits;           // for as many connections of the pool
	bool late;
	struct timespec due;
	struct request *next; // that waits, or whose time has not come
};

static struct connection *idle;
static struct request *waiting, **waiting_end = &waiting, *late;
static bool fan, after;
static int poll_fd;

static long setting(const char *name)
{
	const char *text = getenv(name);

	return text ? strtol(text, NULL, 10) : 0;
}

static struct sockaddr_in loopback(long port)
{
	return (struct sockaddr_in){ .sin_family = AF_INET,
				     .sin_port = htons((in_port_t)port),
				     .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
}

static void watch(struct connection *c)
{
	struct epoll_event event = { .events = EPOLLIN, .data.ptr = c };
	int one = 1;

	setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	epoll_ctl(poll_fd, EPOLL_CTL_ADD, c->fd, &event);
}

static void send_call(struct request *r, struct connection *c)
{
	char text[96], key[32];
	int len = snprintf(key, sizeof(key), "%c%s:%d", r->late ? 'L' : 'K', r->number, ++r->asked);

	len = snprintf(text, sizeof(text), "*2\r\n$3\r\nGET\r\n$%d\r\n%s\r\n", len, key);
	c->request = r;
	if (write(c->fd, text, (size_t)len) != len)
		exit(1);
}

static void call(struct request *r)
{
	struct connection *c = idle;

	if (c) {
		idle = c->next;
		send_call(r, c);
		return;
	}
	if (r->waits++)
		return; // stands in the queue already
	r->next = NULL;
	*waiting_end = r;
	waiting_end = &r->next;
}

// A connection that is free again goes to who has waited longest.
static void give_back(struct connection *c)
{
	struct request *r = waiting;

	if (!r) {
		c->next = idle;
		idle = c;
		return;
	}
	if (--r->waits == 0) {
		waiting = r->next;
		if (!waiting)
			waiting_end = &waiting;
	}
	send_call(r, c);
}

static void answer(struct request *r)
{
	char text[128];
	int len = snprintf(text, sizeof(text), "HTTP/1.1 200 OK\r\nContent-Length: %zu\r\n\r\nR%s",
			   strlen(r->number) + 1, r->number);

	if (write(r->client->fd, text, (size_t)len) < 0)
		perror("write");
	if (!after) {
		free(r);
		return;
	}
	clock_gettime(CLOCK_MONOTONIC, &r->due);
	r->due.tv_nsec += LATE_NS;
	r->late = true;
	r->next = late;
	late = r;
}

static void on_answer(struct connection *c)
{
	struct request *r = c->request;
	char text[64];

	if (read(c->fd, text, sizeof(text)) <= 0)
		exit(1);
	c->request = NULL;
	r->answered++;
	give_back(c);
	if (r->late)
		free(r);
	else if (r->answered == 3)
		answer(r);
	else if (r->answered == 1 && fan)
		call(r), call(r);
	else if (!fan)
		call(r);
}

static void on_request(struct connection *c)
{
	char text[1024], *path;
	ssize_t len = read(c->fd, text, sizeof(text) - 1);
	struct request *r;

	if (len <= 0) {
		close(c->fd);
		free(c);
		return;
	}
	text[len] = '\0';
	path = strstr(text, "/Q");
	r = calloc(1, sizeof(*r));
	if (!path || !r)
		exit(1);
	r->client = c;
	snprintf(r->number, sizeof(r->number), "%.*s", (int)strspn(path + 2, "0123456789"),
		 path + 2);
	call(r);
}

static void on_time(void)
{
	struct request **link = &late, *r;
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	while ((r = *link)) {
		long passed =
			(now.tv_sec - r->due.tv_sec) * 1000000000L + now.tv_nsec - r->due.tv_nsec;

		if (passed < 0) {
			link = &r->next;
			continue;
		}
		*link = r->next;
		call(r);
	}
}

static void on_event(struct connection *c)
{
	struct connection *client;

	if (c->redis)
		on_answer(c);
	else if (!c->listens)
		on_request(c);
	else if ((client = calloc(1, sizeof(*client)))) {
		client->fd = accept(c->fd, NULL, NULL);
		watch(client);
	}
}

static void open_pool(long count)
{
	static struct connection pool[POOL_MAX];
	struct sockaddr_in address = loopback(setting("REDIS_PORT"));

	for (long i = 0; i < count && i < POOL_MAX; i++) {
		pool[i] =
			(struct connection){ .fd = socket(AF_INET, SOCK_STREAM, 0), .redis = true };
		if (connect(pool[i].fd, (void *)&address, sizeof(address)))
			exit(1);
		watch(&pool[i]);
		pool[i].next = idle;
		idle = &pool[i];
	}
}

int main(void)
{
	struct connection listener = { .fd = socket(AF_INET, SOCK_STREAM, 0), .listens = true };
	struct sockaddr_in address = loopback(setting("PORT"));
	const char *shape = getenv("SHAPE");
	struct epoll_event events[EVENTS];
	int one = 1, count;

	fan = shape && !strncmp(shape, "fan", 4);
	after = shape && !strncmp(shape, "after", 6);
	poll_fd = epoll_create1(0);
	setsockopt(listener.fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (bind(listener.fd, (void *)&address, sizeof(address)) || listen(listener.fd, 128))
		return 1;
	open_pool(setting("POOL"));
	watch(&listener);
	while ((count = epoll_wait(poll_fd, events, EVENTS, late ? 1 : -1)) >= 0) {
		for (int i = 0; i < count; i++)
			on_event(events[i].data.ptr);
		on_time();
	}
	return 1;
}
