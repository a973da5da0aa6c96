// SPDX-License-Identifier: GPL-2.0-only
/* See url.h. Only as much of RFC 3986 as is needed: scheme :// [user@] host [:port] [path]
 * [?query]. */
#include "exporters/url.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

static const char *after_scheme(const char *url)
{
	const char *at = strstr(url, "://");

	return at ? at + 3 : url;
}

static const char *authority_end(const char *url)
{
	const char *at = after_scheme(url);

	return at + strcspn(at, "/?#");
}

/* [user@] host or [v6] with nothing, or a port from 1 to 65535, behind it. */
static bool port_is_fine(const char *authority, const char *end)
{
	const char *colon = NULL;
	unsigned int port = 0;

	for (const char *c = authority; c < end; c++)
		if (*c == '@' || *c == ']')
			colon = NULL;
		else if (*c == ':')
			colon = c;
	if (!colon)
		return true;
	for (const char *c = colon + 1; c < end; c++) {
		if (*c < '0' || *c > '9' || port > 65535)
			return false;
		port = port * 10 + (unsigned int)(*c - '0');
	}
	return port > 0 && port <= 65535;
}

int url_check(const char *who, const char *url, struct error *error)
{
	const char *host = after_scheme(url);

	for (const char *c = url; *c; c++)
		if ((unsigned char)*c <= ' ' || *c == 0x7f)
			return error_set(error, -EINVAL,
					 "%s: the URL holds a space or a control character", who);
	if (host == url)
		return error_set(error, -EINVAL, "%s: \"%s\" is not a URL; try http://%s", who, url,
				 url);
	if (strncasecmp(url, "http://", 7) && strncasecmp(url, "https://", 8))
		return error_set(
			error, -EINVAL,
			"%s: \"%.*s\" is not a scheme that works here; use http:// or https://",
			who, (int)(host - url), url);
	if (authority_end(url) == host || *host == ':')
		return error_set(error, -EINVAL, "%s: \"%s\" names no host", who, url);
	if (!port_is_fine(host, authority_end(url)))
		return error_set(error, -EINVAL,
				 "%s: what follows the host's colon is no port from 1 to 65535",
				 who);
	return 0;
}

bool url_has_no_path(const char *url)
{
	return *authority_end(url) != '/';
}

int url_join(const char *base, const char *path, char *out, size_t size)
{
	size_t len = strcspn(base, "?#");
	const char *query = base + len;
	size_t path_len = strlen(path);
	int written;

	while (len && base[len - 1] == '/')
		len--;
	if (len >= path_len && !memcmp(base + len - path_len, path, path_len))
		path = "";
	written = snprintf(out, size, "%.*s%s%.*s", (int)len, base, path, (int)strcspn(query, "#"),
			   query);
	return written < 0 || (size_t)written >= size ? -ENAMETOOLONG : 0;
}

void url_display(const char *url, char *out, size_t size)
{
	const char *host = after_scheme(url);
	const char *end = authority_end(url);
	int scheme_len = (int)(host - url);

	for (const char *c = host; c < end; c++)
		if (*c == '@')
			host = c + 1;
	snprintf(out, size, "%.*s%.*s", scheme_len, url, (int)strcspn(host, "?#"), host);
}
