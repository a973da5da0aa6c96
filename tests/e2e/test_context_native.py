#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""Programs without a runtime: nginx as a proxy, and a C program that hands requests to a pool of threads."""
import os
import signal
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../lib"))
import e2e  # noqa: E402
import score  # noqa: E402
import servers  # noqa: E402

POOL = r"""
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

struct job { int fd; char number[8]; struct job *next; };
static struct job *first, *last, *done;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t some = PTHREAD_COND_INITIALIZER;
static int event_fd, main_answers, redis_port;

static struct sockaddr_in loopback(int port)
{
	return (struct sockaddr_in){ .sin_family = AF_INET, .sin_port = htons(port),
				     .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
}

static void answer(struct job *job)
{
	char text[128];
	int len = snprintf(text, sizeof(text), "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nR%s", job->number);

	if (write(job->fd, text, len) != len)
		exit(1);
	free(job);
}

static struct job *take(void)
{
	struct job *job;

	pthread_mutex_lock(&lock);
	while (!first)
		pthread_cond_wait(&some, &lock);
	job = first;
	first = job->next;
	pthread_mutex_unlock(&lock);
	return job;
}

static void *work(void *unused)
{
	struct sockaddr_in address = loopback(redis_port);
	int redis = socket(AF_INET, SOCK_STREAM, 0), one = 1;
	uint64_t count = 1;

	(void)unused;
	if (connect(redis, (void *)&address, sizeof(address)))
		exit(1);
	setsockopt(redis, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	for (;;) {
		struct job *job = take();

		for (int i = 1; i <= 3; i++) {
			char text[64];
			int len = snprintf(text, sizeof(text), "*2\r\n$3\r\nGET\r\n$8\r\nK%s:%d\r\n", job->number, i);

			if (write(redis, text, len) != len || read(redis, text, sizeof(text)) <= 0)
				exit(1);
		}
		if (!main_answers) {
			answer(job);
			continue;
		}
		pthread_mutex_lock(&lock);
		job->next = done;
		done = job;
		pthread_mutex_unlock(&lock);
		if (write(event_fd, &count, sizeof(count)) < 0)
			exit(1);
	}
}

static void answer_done(void)
{
	struct job *job, *next;
	uint64_t count;

	if (read(event_fd, &count, sizeof(count)) < 0)
		exit(1);
	pthread_mutex_lock(&lock);
	job = done;
	done = NULL;
	pthread_mutex_unlock(&lock);
	for (; job; job = next) {
		next = job->next;
		answer(job);
	}
}

static void hand_over(int fd)
{
	char text[1024];
	struct job *job;
	ssize_t len = read(fd, text, sizeof(text) - 1);

	if (len <= 0) {
		close(fd);
		return;
	}
	text[len] = '\0';
	job = calloc(1, sizeof(*job));
	job->fd = fd;
	memcpy(job->number, strstr(text, "/Q") + 2, 5);
	pthread_mutex_lock(&lock);
	if (first)
		last->next = job;
	else
		first = job;
	last = job;
	pthread_cond_signal(&some);
	pthread_mutex_unlock(&lock);
}

int main(void)
{
	struct sockaddr_in address = loopback(atoi(getenv("PORT")));
	int listener = socket(AF_INET, SOCK_STREAM, 0), poll = epoll_create1(0), one = 1;
	struct epoll_event event = { .events = EPOLLIN, .data.fd = listener };
	pthread_t thread;

	redis_port = atoi(getenv("REDIS_PORT"));
	main_answers = !strcmp(getenv("ANSWERS"), "main");
	setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (bind(listener, (void *)&address, sizeof(address)) || listen(listener, 128))
		return 1;
	epoll_ctl(poll, EPOLL_CTL_ADD, listener, &event);
	event.data.fd = event_fd = eventfd(0, EFD_NONBLOCK);
	epoll_ctl(poll, EPOLL_CTL_ADD, event_fd, &event);
	for (int i = atoi(getenv("WORKERS")); i > 0; i--)
		pthread_create(&thread, NULL, work, NULL);
	while (epoll_wait(poll, &event, 1, -1) == 1) {
		if (event.data.fd == event_fd) {
			answer_done();
		} else if (event.data.fd != listener) {
			hand_over(event.data.fd);
		} else {
			event.data.fd = accept(listener, NULL, NULL);
			setsockopt(event.data.fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
			epoll_ctl(poll, EPOLL_CTL_ADD, event.data.fd, &event);
		}
	}
}
"""
UPSTREAM = """
import asyncio, os, random, re

async def handle(reader, writer):
    try:
        while True:
            number = re.search(rb"/K(\\d+):", await reader.readuntil(b"\\r\\n\\r\\n"))[1]
            await asyncio.sleep(random.random() / 200)
            writer.write(b"HTTP/1.1 200 OK\\r\\nContent-Length: %d\\r\\n\\r\\nR%b" % (len(number) + 1, number))
    except asyncio.IncompleteReadError:
        writer.close()

async def main():
    async with await asyncio.start_server(handle, "127.0.0.1", int(os.environ["PORT"]), backlog=256) as server:
        await server.serve_forever()

asyncio.run(main())
"""
REQUESTS = int(os.environ.get("CONTEXT_REQUESTS", "300"))
AT_ONCE = int(os.environ.get("CONTEXT_AT_ONCE", "10"))
WORKERS = os.environ.get("CONTEXT_POOL", "16")


def answers(port):
    return servers.answers(("127.0.0.1", port))


class Native(e2e.Case):
    def setUp(self):
        super().setUp()
        self.servers = self.enterContext(servers.Servers())

    def traced(self, pid, port):
        with e2e.Trace(pid) as trace:
            score.load(port, REQUESTS, AT_ONCE)
        if os.environ.get("CONTEXT_RULES"):
            print("#", self.id(), AT_ONCE, WORKERS, score.rules(trace.spans), file=sys.stderr)
        return dict(score.score(trace.spans))

    def pool(self, who):
        self.need("redis-server", "cc")
        _pid, redis_port, _path = self.servers.redis()
        source, program = self.servers.path("pool.c", POOL), self.servers.path("pool")
        built = subprocess.run(
            ["cc", "-O1", "-pthread", "-o", program, source], capture_output=True, text=True, check=False
        )
        self.assertEqual(built.returncode, 0, built.stderr)
        settings = {"REDIS_PORT": str(redis_port), "WORKERS": WORKERS, "ANSWERS": who}

        def start(port):
            return self.servers.start("pool", [program], signal.SIGKILL, env={**settings, "PORT": str(port)})

        return self.traced(*self.servers.start_on_free_port("pool", start, answers))

    def test_pool(self):
        self.assertEqual(self.pool("worker"), {"right": 3 * REQUESTS})

    def test_pool_main_answers(self):
        """Nobody can tell from sockets alone which worker did it: then nothing is said."""
        self.assertEqual(self.pool("main").get("wrong", 0), 0)

    def nginx(self, keepalive):
        self.need("nginx")
        self.servers.path("upstream.py", UPSTREAM)

        def start(port):
            command = [servers.PYTHON, "upstream.py"]
            return self.servers.start("upstream", command, signal.SIGKILL, env={"PORT": str(port)})

        _pid, upstream = self.servers.start_on_free_port("upstream", start, answers)
        settings = f"upstream u {{ server 127.0.0.1:{upstream}; keepalive {keepalive}; }}"
        locations = """location ~ ^/Q(\\d+)$ {
            proxy_pass http://u/K$1:1; proxy_http_version 1.1; proxy_set_header Connection "";
        }"""
        return self.traced(*self.servers.nginx(locations, settings, workers=1))

    def test_nginx(self):
        """Nothing is said until enough is seen, nor of the first request on a new connection."""
        found = self.nginx(64)
        self.assertEqual(found.get("wrong", 0), 0)
        self.assertGreaterEqual(found["right"], REQUESTS / 2)

    def test_nginx_few_kept(self):
        self.assertEqual(self.nginx(2).get("wrong", 0), 0)


if __name__ == "__main__":
    e2e.main()
