// SPDX-License-Identifier: GPL-2.0-only
/*
 * Where the Datadog agent is: the command line, then what Datadog's own tracers read, in their
 * order.
 *
 *   --datadog http://host:8126 | unix:///path
 *   DD_TRACE_AGENT_URL           the same
 *   DD_AGENT_HOST, DD_TRACE_AGENT_PORT
 *   /var/run/datadog/apm.socket  when it exists
 *   http://localhost:8126
 */
#include "exporters/datadog_config.h"

#include <errno.h>
#include <stdio.h>
#include <strings.h>
#include <unistd.h>

#include "exporters/environment.h"
#include "exporters/url.h"

#define DEFAULT_SOCKET "/var/run/datadog/apm.socket"
#define DEFAULT_HOST "localhost"
#define DEFAULT_PORT 8126
#define DEFAULT_TIMEOUT_S 2
#define TIMEOUT_MAX_S 3600
#define UNIX_PATH_MAX 107 /* sockaddr_un's, without its NUL */

static int set_url(struct exporter_config *config, const char *url, struct error *error)
{
	int err = 0;

	if (!strncmp(url, "unix://", 7)) {
		if (url[7] != '/' || strlen(url + 7) > UNIX_PATH_MAX)
			return error_set(
				error, -EINVAL,
				"datadog: \"%s\" wants an absolute path of at most %d characters, "
				"as in unix://" DEFAULT_SOCKET,
				url, UNIX_PATH_MAX);
		snprintf(config->url, sizeof(config->url), "%s", url);
		return 0;
	}
	err = url_check("datadog", url, error);
	if (err)
		return err;
	if (url_join(url, "/v0.4/traces", config->url, sizeof(config->url)))
		return error_set(error, -EINVAL, "datadog: the URL is longer than %zu characters",
				 sizeof(config->url));
	return 0;
}

static int set_host(struct exporter_config *config, const char *host, struct error *error)
{
	char url[sizeof(config->url)];
	uint64_t port = DEFAULT_PORT;
	bool ipv6 = host && strchr(host, ':') && host[0] != '[';
	int len;

	environment_number("DD_TRACE_AGENT_PORT", &port);
	len = snprintf(url, sizeof(url), "http://%s%s%s:%llu", ipv6 ? "[" : "",
		       host ? host : DEFAULT_HOST, ipv6 ? "]" : "", (unsigned long long)port);
	if (len < 0 || (size_t)len >= sizeof(url))
		return error_set(error, -EINVAL,
				 "datadog: DD_AGENT_HOST is longer than %zu characters",
				 sizeof(url));
	return set_url(config, url, error);
}

int datadog_configure(struct exporter_config *config, const char *url, struct error *error)
{
	const char *wanted = url && *url ? url : environment_get("DD_TRACE_AGENT_URL");
	const char *host = environment_get("DD_AGENT_HOST");
	uint64_t seconds = DEFAULT_TIMEOUT_S;

	if (environment_number("DD_TRACE_AGENT_TIMEOUT_SECONDS", &seconds) &&
	    seconds > TIMEOUT_MAX_S)
		seconds = TIMEOUT_MAX_S;
	config->timeout_ms = (long)seconds * 1000;
	if (wanted)
		return set_url(config, wanted, error);
	if (host || environment_get("DD_TRACE_AGENT_PORT") || access(DEFAULT_SOCKET, F_OK))
		return set_host(config, host, error);
	return set_url(config, "unix://" DEFAULT_SOCKET, error);
}

bool datadog_wanted(void)
{
	const char *enabled = environment_get("DD_TRACE_ENABLED");

	if (enabled && (!strcasecmp(enabled, "false") || !strcmp(enabled, "0")))
		return false;
	return environment_get("DD_TRACE_AGENT_URL") != NULL;
}
