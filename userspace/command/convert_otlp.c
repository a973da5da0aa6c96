// SPDX-License-Identifier: GPL-2.0-only
/* See convert_otlp.h. */
#include "userspace/command/convert_otlp.h"

#include <errno.h>
#include <string.h>

#include "exporters/exporter.h"
#include "userspace/base/memory.h"

struct convert_otlp {
	struct sink sink; /* first: the callbacks cast */
	FILE *out;
	const struct exporter *exporter;
	struct exporter_config config;
	struct request request;
	uint64_t lost;
};

static struct convert_otlp *of(struct sink *sink)
{
	return (struct convert_otlp *)sink;
}

/* What does not fit one request is halved until it does. */
static void write_batch(struct convert_otlp *c, const struct span *const *spans, size_t count)
{
	struct span_batch batch = { spans, count };
	int err = -E2BIG;

	if (!count)
		return;
	request_reset(&c->request);
	if (count <= c->exporter->batch_max)
		err = c->exporter->encode(&c->config, &batch, &c->request);
	if (err == -E2BIG && count > 1) {
		write_batch(c, spans, count / 2);
		write_batch(c, spans + count / 2, count - count / 2);
	} else if (err) {
		c->lost += count;
	} else {
		fwrite(c->request.body.data, 1, c->request.body.len, c->out);
		fputc('\n', c->out);
	}
}

static void on_trace(struct sink *sink, const struct trace *trace)
{
	write_batch(of(sink), trace->spans, trace->count);
}

static void on_finish(struct sink *sink, const struct summary *summary)
{
	(void)summary;
	fflush(of(sink)->out);
}

static void on_free(struct sink *sink)
{
	struct convert_otlp *c = of(sink);

	request_release(&c->request);
	exporter_config_release(&c->config);
	memory_free(c);
}

uint64_t convert_otlp_sink_lost(struct sink *sink)
{
	return of(sink)->lost;
}

struct sink *convert_otlp_sink_new(FILE *out)
{
	struct convert_otlp *c = memory_new(sizeof(*c));

	if (!c)
		return NULL;
	for (size_t i = 0; exporters[i]; i++)
		if (!strcmp(exporters[i]->name, "otlp"))
			c->exporter = exporters[i];
	c->sink = (struct sink){ .trace = on_trace, .finish = on_finish, .free = on_free };
	c->out = out;
	exporter_config_init(&c->config);
	c->config.json = true;
	request_init(&c->request);
	return &c->sink;
}
