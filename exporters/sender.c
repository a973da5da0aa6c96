// SPDX-License-Identifier: GPL-2.0-only
/*
 * See sender.h. Runs on the exporter's own thread, so it may wait; what it may not do is wait for
 * ever, so a batch is given up after two minutes, or when the end's deadline has come.
 *
 *   batch ─encode─▶ request ─post─▶ reply ─judge─▶ done | rejected | pause and post again
 *          └too large: two halves    └too large: two halves
 */
#include "exporters/sender.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/random.h>
#include <unistd.h>

#include "exporters/backoff.h"
#include "exporters/url.h"
#include "userspace/base/clock.h"
#include "userspace/base/log.h"

#define SPLIT_MIN 16 /* a back end to which fewer spans are too large would be asked too often */
#define GIVE_UP_AFTER_NS (120 * NS_PER_SECOND)
#define TELL_DOWN_EVERY_NS (60 * NS_PER_SECOND) /* for a back end that comes and goes */

int sender_init(struct sender *s, const struct exporter *exporter, const char *url,
		struct span_queue *queue, struct error *error)
{
	int err;

	*s = (struct sender){ .exporter = exporter, .queue = queue, .file = -1 };
	exporter_config_init(&s->config);
	request_init(&s->request);
	err = exporter->configure(&s->config, url, error);
	if (err)
		return err;
	if (s->config.file[0]) {
		snprintf(s->where, sizeof(s->where), "%s", s->config.file);
		s->file = open(s->config.file, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOCTTY,
			       0644);
		if (s->file < 0)
			return error_set(error, -EINVAL, "%s: cannot write %s: %s", exporter->name,
					 s->config.file, error_name(errno));
		return 0;
	}
	url_display(s->config.url, s->where, sizeof(s->where));
	s->http = http_new();
	return s->http ? 0
		       : error_set(error, -ENOMEM, "%s: no memory for a connection",
				   exporter->name);
}

void sender_release(struct sender *s)
{
	http_free(s->http);
	s->http = NULL;
	if (s->file >= 0)
		close(s->file);
	s->file = -1;
	request_release(&s->request);
	exporter_config_release(&s->config);
}

static void count_sent(struct sender *s, size_t spans, uint64_t rejected)
{
	struct exporter_counters more = { .rejected = rejected < spans ? rejected : spans };

	more.sent = spans - more.rejected;
	span_queue_count(s->queue, &more);
}

static void count_given_up(struct sender *s, size_t spans)
{
	span_queue_count(s->queue, &(struct exporter_counters){ .dropped_retry = spans });
}

static void tell_refused(struct sender *s, uint64_t spans, const char *why)
{
	if (s->told_refused || (!spans && !why[0]))
		return;
	s->told_refused = true;
	if (spans)
		log_warn("%s: %s refused %llu spans%s%s; further ones are only counted",
			 s->exporter->name, s->where, (unsigned long long)spans, why[0] ? ": " : "",
			 why);
	else
		log_warn("%s: %s says: %s", s->exporter->name, s->where, why);
}

static void tell_down(struct sender *s, const char *why, const char *check)
{
	uint64_t now_ns = clock_now_ns();

	if (s->told_down || (s->told_down_ns && now_ns - s->told_down_ns < TELL_DOWN_EVERY_NS))
		return;
	s->told_down = true;
	s->told_down_ns = now_ns;
	log_warn("%s: cannot deliver to %s: %s%s%s; trying again%s", s->exporter->name, s->where,
		 why, check[0] ? "; " : "", check,
		 span_queue_waited(s->queue)
			 ? ""
			 : ", spans that find no room meanwhile are dropped and counted");
}

static void tell_back(struct sender *s)
{
	struct exporter_counters counters;

	s->failures = s->failures_before_end = 0;
	if (!s->told_down)
		return;
	s->told_down = false;
	span_queue_counters(s->queue, &counters);
	log_info("%s: %s answers again; %llu spans were dropped so far", s->exporter->name,
		 s->where, (unsigned long long)(counters.dropped_full + counters.dropped_retry));
}

static bool expired(void *context)
{
	return span_queue_expired(context);
}

/* How long this request may take: as configured, and not beyond the end's deadline. */
static long timeout_ms(const struct sender *s)
{
	uint64_t deadline_ns = atomic_load(&s->queue->deadline_ns);
	uint64_t now_ns = clock_now_ns();
	uint64_t left_ms;

	if (deadline_ns == UINT64_MAX)
		return s->config.timeout_ms;
	left_ms = deadline_ns > now_ns ? (deadline_ns - now_ns) / 1000000 + 1 : 1;
	return s->config.timeout_ms && (uint64_t)s->config.timeout_ms < left_ms
		       ? s->config.timeout_ms
		       : (long)left_ms;
}

/* Sets the pause before the next request, and says why there is one. */
static void failed(struct sender *s, const struct reply *reply, const struct error *error,
		   const char *check)
{
	uint64_t random = 0, wait_ns;
	char status[32];

	s->failures++;
	if (!span_queue_ending(s->queue))
		s->failures_before_end = s->failures;
	s->pause_asked = backoff_retry_after(reply->retry_after, time(NULL), &wait_ns);
	if (!s->pause_asked) {
		if (getrandom(&random, sizeof(random), GRND_NONBLOCK) < 0)
			random = clock_now_ns();
		wait_ns = backoff_delay_ns(s->failures, random);
	}
	s->not_before_ns = clock_now_ns() + wait_ns;
	snprintf(status, sizeof(status), "status %ld", reply->status);
	/* judge() repeats the status in front of what the back end said. */
	if (reply->status && check[0])
		tell_down(s, check, "");
	else
		tell_down(s, reply->status ? status : error->text, check);
}

/* One attempt. */
static enum delivery post(struct sender *s, size_t spans)
{
	struct http_patience patience = { timeout_ms(s), expired, s->queue };
	struct judgement judgement = { 0 };
	struct error error = { "" };
	struct reply reply;
	int err = http_post(s->http, &s->config, &patience, &s->request, &reply, &error);

	if (err == -EMSGSIZE) {
		tell_refused(s, spans, error.text);
		count_sent(s, spans, spans);
		return DELIVERY_REJECTED;
	}
	s->exporter->judge(&reply, &judgement);
	if (judgement.delivery == DELIVERY_SPLIT && spans < SPLIT_MIN)
		judgement.delivery = DELIVERY_REJECTED;
	switch (judgement.delivery) {
	case DELIVERY_DONE:
		tell_refused(s, judgement.rejected, judgement.message);
		count_sent(s, spans, judgement.rejected);
		tell_back(s);
		break;
	case DELIVERY_REJECTED:
		tell_refused(s, spans, judgement.message);
		count_sent(s, spans, spans);
		tell_back(s);
		break;
	case DELIVERY_SPLIT:
		tell_back(s);
		break;
	case DELIVERY_RETRY:
		failed(s, &reply, &error, judgement.message);
		break;
	}
	return judgement.delivery;
}

/*
 * It is ending, and nothing more can be hoped for. A back end that was down before gets one more
 * try at once, unless it asked for a pause; one that was not is tried until the deadline.
 */
static bool hopeless(const struct sender *s)
{
	uint64_t deadline_ns = atomic_load(&s->queue->deadline_ns);
	uint64_t now_ns = clock_now_ns();

	if (deadline_ns == UINT64_MAX)
		return false;
	if (now_ns >= deadline_ns)
		return true;
	if (s->failures_before_end)
		return s->failures > s->failures_before_end ||
		       (s->pause_asked && s->not_before_ns > now_ns);
	return s->not_before_ns > deadline_ns;
}

/* Tries until it is decided; SPLIT is the only outcome that leaves something to do and to count. */
static enum delivery deliver(struct sender *s, size_t spans)
{
	uint64_t give_up_ns = clock_now_ns() + GIVE_UP_AFTER_NS;

	while (!hopeless(s)) {
		enum delivery delivery;

		span_queue_sleep(s->queue, s->not_before_ns);
		if (hopeless(s))
			break;
		delivery = post(s, spans);
		if (delivery != DELIVERY_RETRY)
			return delivery;
		if (s->not_before_ns > give_up_ns)
			break;
	}
	count_given_up(s, spans);
	return DELIVERY_REJECTED;
}

static void write_line(struct sender *s, size_t spans)
{
	struct bytes left;

	buf_add_byte(&s->request.body, '\n');
	left = buf_bytes(&s->request.body);
	while (left.len) {
		ssize_t written = write(s->file, left.data, left.len);

		if (written < 0 && errno == EINTR)
			continue;
		if (written < 0) {
			tell_refused(s, spans, error_name(errno));
			count_sent(s, spans, spans);
			return;
		}
		left = bytes_from(left, (size_t)written);
	}
	count_sent(s, spans, 0);
}

static void send_halves(struct sender *s, const struct span_batch *batch)
{
	size_t half = batch->count / 2;

	sender_send(s, &(struct span_batch){ batch->spans, half });
	sender_send(s, &(struct span_batch){ batch->spans + half, batch->count - half });
}

void sender_send(struct sender *s, const struct span_batch *batch)
{
	int err;

	if (!batch->count)
		return;
	request_reset(&s->request);
	err = s->exporter->encode(&s->config, batch, &s->request);
	if (err == -E2BIG && batch->count > 1) {
		send_halves(s, batch);
	} else if (err) {
		tell_refused(s, batch->count,
			     err == -E2BIG ? "larger than a request may be" : error_name(err));
		count_given_up(s, batch->count);
	} else if (s->file >= 0) {
		write_line(s, batch->count);
	} else if (deliver(s, batch->count) == DELIVERY_SPLIT) {
		send_halves(s, batch);
	}
}
