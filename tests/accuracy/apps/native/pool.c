// SPDX-License-Identifier: GPL-2.0-only
/*
 * A pool of threads, one connection to Redis each: /Q10031 makes three calls whose text holds
 * K10031:1 to :3. ANSWERS says who writes the answer: the worker or the main thread. POOL is their
 * number.
 */
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

struct job {
	int fd;
	char number[8];
	struct job *next;
};
static struct job *first, *last, *done;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t some = PTHREAD_COND_INITIALIZER;
static int event_fd, main_answers, redis_port;

static struct sockaddr_in loopback(int port)
{
	return (struct sockaddr_in){ .sin_family = AF_INET,
				     .sin_port = htons(port),
				     .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
}

static void answer(struct job *job)
{
	char text[128];
	int len = snprintf(text, sizeof(text), "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nR%s",
			   job->number);

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
			int len = snprintf(text, sizeof(text),
					   "*2\r\n$3\r\nGET\r\n$8\r\nK%s:%d\r\n", job->number, i);

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
	struct sockaddr_in address = loopback(strtol(getenv("PORT"), NULL, 10));
	int listener = socket(AF_INET, SOCK_STREAM, 0), poll = epoll_create1(0), one = 1;
	struct epoll_event event = { .events = EPOLLIN, .data.fd = listener };
	pthread_t thread;

	redis_port = strtol(getenv("REDIS_PORT"), NULL, 10);
	main_answers = !strncmp(getenv("ANSWERS"), "main", 4);
	setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (bind(listener, (void *)&address, sizeof(address)) || listen(listener, 128))
		return 1;
	epoll_ctl(poll, EPOLL_CTL_ADD, listener, &event);
	event.data.fd = event_fd = eventfd(0, EFD_NONBLOCK);
	epoll_ctl(poll, EPOLL_CTL_ADD, event_fd, &event);
	for (int i = strtol(getenv("POOL"), NULL, 10); i > 0; i--)
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
