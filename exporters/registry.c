// SPDX-License-Identifier: GPL-2.0-only
/* The table of exporters, from registry.h's one list, and the life of what they fill in. */
#include "exporters/registry.h"

#include "exporters/exporter.h"

/* OTLP's ceiling for a request before compression; other back ends allow less and check it
 * themselves. */
#define BODY_MAX (64u << 20)
#define HEADERS_MAX (32u << 10)

#define DECLARE(name) extern const struct exporter name##_exporter;
EXPORTERS(DECLARE)

#define ENTRY(name) &name##_exporter,
const struct exporter *const exporters[] = { EXPORTERS(ENTRY) NULL };

void exporter_config_init(struct exporter_config *config)
{
	*config = (struct exporter_config){ 0 };
	buf_init(&config->headers, HEADERS_MAX);
}

void exporter_config_release(struct exporter_config *config)
{
	buf_release(&config->headers);
}

void request_init(struct request *request)
{
	*request = (struct request){ 0 };
	buf_init(&request->headers, HEADERS_MAX);
	buf_init(&request->body, BODY_MAX);
}

void request_reset(struct request *request)
{
	request->url[0] = request->unix_socket[0] = '\0';
	request->gzip = false;
	buf_reset(&request->headers);
	buf_reset(&request->body);
}

void request_release(struct request *request)
{
	buf_release(&request->headers);
	buf_release(&request->body);
}
