// SPDX-License-Identifier: GPL-2.0-only
/*
 * OTLP's configuration: the command line's URL, then OpenTelemetry's variables (specification,
 * protocol/exporter.md). Of each variable, OTEL_EXPORTER_OTLP_TRACES_X is read before
 * OTEL_EXPORTER_OTLP_X.
 *
 *   --otlp http://host:4318          base URL: v1/traces is added
 *   --otlp file:PATH                 JSON lines, nothing is sent
 *   OTEL_EXPORTER_OTLP_ENDPOINT      base URL
 *   OTEL_EXPORTER_OTLP_TRACES_ENDPOINT   used as it is
 */
#include "exporters/otlp_config.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <strings.h>
#include <unistd.h>

#include "exporters/environment.h"
#include "exporters/url.h"
#include "userspace/base/log.h"

#define DEFAULT_ENDPOINT "http://localhost:4318"
#define DEFAULT_TIMEOUT_MS 10000
#define NAME_MAX_LEN 64

/* The name, in *name, and the value of the variable that counts for `suffix`; NULL when neither is
 * set. */
static const char *variable(const char *suffix, char name[static NAME_MAX_LEN])
{
	const char *value;

	snprintf(name, NAME_MAX_LEN, "OTEL_EXPORTER_OTLP_TRACES_%s", suffix);
	value = environment_get(name);
	if (value)
		return value;
	snprintf(name, NAME_MAX_LEN, "OTEL_EXPORTER_OTLP_%s", suffix);
	return environment_get(name);
}

static int set_endpoint(struct exporter_config *config, const char *base, struct error *error)
{
	int err = url_check("otlp", base, error);

	if (err)
		return err;
	if (url_join(base, "/v1/traces", config->url, sizeof(config->url)))
		return error_set(error, -EINVAL, "otlp: the URL is longer than %zu characters",
				 sizeof(config->url));
	return 0;
}

/* OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: as it is, but for an empty path. */
static int set_exact_endpoint(struct exporter_config *config, const char *url, struct error *error)
{
	int err = url_check("otlp", url, error);

	if (err)
		return err;
	if (url_has_no_path(url))
		err = url_join(url, "/", config->url, sizeof(config->url));
	else if (strlen(url) < sizeof(config->url))
		snprintf(config->url, sizeof(config->url), "%s", url);
	else
		err = -ENAMETOOLONG;
	if (err)
		return error_set(error, -EINVAL, "otlp: the URL is longer than %zu characters",
				 sizeof(config->url));
	return 0;
}

static int set_file(struct exporter_config *config, const char *path, struct error *error)
{
	if (!*path)
		return error_set(error, -EINVAL,
				 "otlp: file: wants a path, as in file:spans.jsonl");
	if (strlen(path) >= sizeof(config->file))
		return error_set(error, -EINVAL, "otlp: the path is longer than %zu characters",
				 sizeof(config->file));
	snprintf(config->file, sizeof(config->file), "%s", path);
	config->json = true;
	return 0;
}

static int set_protocol(struct exporter_config *config, struct error *error)
{
	char name[NAME_MAX_LEN];
	const char *value = variable("PROTOCOL", name);

	if (!value || !strcasecmp(value, "http/protobuf"))
		return 0;
	if (!strcasecmp(value, "http/json"))
		config->json = true;
	else if (!strcasecmp(value, "grpc"))
		return error_set(error, -EINVAL,
				 "otlp: %s=grpc does not work yet; set it to http/protobuf and use "
				 "the receiver's "
				 "HTTP port (usually 4318)",
				 name);
	else
		log_warn("%s=%s is not grpc, http/protobuf or http/json; it is ignored", name,
			 value);
	return 0;
}

/* gzip unless asked not to: every receiver must understand it. */
static void set_compression(struct exporter_config *config)
{
	char name[NAME_MAX_LEN];
	const char *value = variable("COMPRESSION", name);

	config->gzip = !value || strcasecmp(value, "none") != 0;
	if (value && config->gzip && strcasecmp(value, "gzip"))
		log_warn("%s=%s is not gzip or none; it is ignored", name, value);
}

static void set_timeout(struct exporter_config *config)
{
	char name[NAME_MAX_LEN];
	uint64_t number;

	config->timeout_ms = DEFAULT_TIMEOUT_MS;
	if (variable("TIMEOUT", name) && environment_number(name, &number) && number <= INT_MAX)
		config->timeout_ms = (long)number;
}

static int set_pem(char *out, size_t size, const char *suffix, struct error *error)
{
	char name[NAME_MAX_LEN];
	const char *value = variable(suffix, name);

	if (!value)
		return 0;
	if (strlen(value) >= size)
		return error_set(error, -EINVAL, "otlp: %s is longer than %zu characters", name,
				 size);
	if (access(value, R_OK))
		return error_set(error, -EINVAL, "otlp: %s=%s: %s", name, value, error_name(errno));
	snprintf(out, size, "%s", value);
	return 0;
}

static int set_certificates(struct exporter_config *config, struct error *error)
{
	int err = set_pem(config->ca_file, sizeof(config->ca_file), "CERTIFICATE", error);

	if (!err)
		err = set_pem(config->client_certificate, sizeof(config->client_certificate),
			      "CLIENT_CERTIFICATE", error);
	if (!err)
		err = set_pem(config->client_key, sizeof(config->client_key), "CLIENT_KEY", error);
	return err;
}

int otlp_configure(struct exporter_config *config, const char *url, struct error *error)
{
	const char *exact = environment_get("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT");
	const char *base = environment_get("OTEL_EXPORTER_OTLP_ENDPOINT");
	char name[NAME_MAX_LEN];
	const char *headers;
	int err;

	if (url && !strncmp(url, "file:", 5))
		return set_file(config, url + 5, error);
	if (url && *url)
		err = set_endpoint(config, url, error);
	else if (exact)
		err = set_exact_endpoint(config, exact, error);
	else
		err = set_endpoint(config, base ? base : DEFAULT_ENDPOINT, error);
	if (!err)
		err = set_protocol(config, error);
	if (!err)
		err = set_certificates(config, error);
	if (err)
		return err;
	set_compression(config);
	set_timeout(config);
	headers = variable("HEADERS", name);
	if (headers)
		environment_headers(name, headers, &config->headers);
	return 0;
}

/* Is `word` in the comma-separated list? */
static bool list_has(const char *list, const char *word)
{
	struct bytes rest = bytes_of_string(list);

	while (rest.len) {
		size_t comma = bytes_find(rest, ',', 0);

		if (bytes_is_nocase(bytes_trim(bytes_part(rest, 0, comma)), word))
			return true;
		rest = bytes_from(rest, comma + 1);
	}
	return false;
}

bool otlp_wanted(void)
{
	const char *disabled = environment_get("OTEL_SDK_DISABLED");
	const char *exporter_list = environment_get("OTEL_TRACES_EXPORTER");
	char name[NAME_MAX_LEN];

	if (disabled && !strcasecmp(disabled, "true"))
		return false;
	if (exporter_list)
		return list_has(exporter_list, "otlp");
	return variable("ENDPOINT", name) != NULL;
}
