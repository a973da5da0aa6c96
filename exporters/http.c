// SPDX-License-Identifier: GPL-2.0-only
/*
 * See http.h. HTTP/1.1 on purpose: one request at a time gains nothing from HTTP/2, and every
 * receiver has it. The answer is hostile: its size is capped, its text is only ever judged.
 */
#include "exporters/http.h"

#include <curl/curl.h>
#include <errno.h>
#include <stdio.h>

#include "exporters/gzip.h"
#include "userspace/base/memory.h"

#define RESPONSE_MAX (4u << 20) /* OTLP's ceiling; other back ends answer with less */
#define PACKED_MAX (65u << 20)  /* 64 MiB that do not compress */
#define HEADER_MAX 9216

struct http {
	CURL *curl;
	struct buf response;
	struct buf packed;
	bool response_too_long;
	char retry_after[64];
	char error[CURL_ERROR_SIZE];
	const struct http_patience *patience;
};

struct http *http_new(void)
{
	struct http *http = memory_new(sizeof(*http));

	if (!http)
		return NULL;
	buf_init(&http->response, RESPONSE_MAX);
	buf_init(&http->packed, PACKED_MAX);
	if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) {
		memory_free(http);
		return NULL;
	}
	http->curl = curl_easy_init();
	if (!http->curl) {
		http_free(http);
		return NULL;
	}
	return http;
}

void http_free(struct http *http)
{
	if (!http)
		return;
	curl_easy_cleanup(http->curl);
	curl_global_cleanup();
	buf_release(&http->response);
	buf_release(&http->packed);
	memory_free(http);
}

static size_t on_body(char *data, size_t size, size_t count, void *context)
{
	struct http *http = context;

	if (buf_add(&http->response, data, size * count))
		return size * count;
	http->response_too_long = true;
	return 0;
}

static size_t on_header(char *data, size_t size, size_t count, void *context)
{
	struct http *http = context;
	struct bytes line = bytes_of(data, size * count);
	size_t colon = bytes_find(line, ':', 0);
	struct bytes value = bytes_from(line, colon + 1);

	while (value.len &&
	       (value.data[value.len - 1] == '\n' || value.data[value.len - 1] == '\r'))
		value.len--;
	value = bytes_trim(value);
	if (bytes_starts(line, "HTTP/"))
		http->retry_after[0] = '\0';
	else if (bytes_is_nocase(bytes_part(line, 0, colon), "Retry-After"))
		snprintf(http->retry_after, sizeof(http->retry_after), "%.*s", (int)value.len,
			 value.data);
	return size * count;
}

static int on_progress(void *context, curl_off_t a, curl_off_t b, curl_off_t c, curl_off_t d)
{
	const struct http_patience *patience = ((struct http *)context)->patience;

	(void)a, (void)b, (void)c, (void)d;
	return patience->expired && patience->expired(patience->context);
}

/* libcurl wants each header by itself and NUL-terminated. NULL when memory is refused. */
static struct curl_slist *header_list(struct bytes lines)
{
	/* Without this libcurl asks "Expect: 100-continue" before large bodies and waits a second.
	 */
	struct curl_slist *list = curl_slist_append(NULL, "Expect:");
	char header[HEADER_MAX];

	while (list && lines.len) {
		size_t end = bytes_find(lines, '\n', 0);
		struct curl_slist *longer = NULL;

		if (end < sizeof(header)) {
			memcpy(header, lines.data, end);
			header[end] = '\0';
			longer = curl_slist_append(list, header);
		}
		if (!longer) {
			curl_slist_free_all(list);
			return NULL;
		}
		list = longer;
		lines = bytes_from(lines, end + 1);
	}
	return list;
}

static void set_fixed_options(struct http *http)
{
	CURL *curl = http->curl;

	curl_easy_reset(curl); /* keeps the connection */
	curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(curl, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
	curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 0L);
	curl_easy_setopt(curl, CURLOPT_TCP_KEEPALIVE, 1L);
#if LIBCURL_VERSION_NUM >= 0x075500
	curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
#else
	curl_easy_setopt(curl, CURLOPT_PROTOCOLS, (long)(CURLPROTO_HTTP | CURLPROTO_HTTPS));
#endif
#if LIBCURL_VERSION_NUM >= 0x075700
	/* v7.87: do not wait for a name server that does not answer when we give up. */
	curl_easy_setopt(curl, CURLOPT_QUICK_EXIT, 1L);
#endif
	curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, http->error);
	curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, on_body);
	curl_easy_setopt(curl, CURLOPT_WRITEDATA, http);
	curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, on_header);
	curl_easy_setopt(curl, CURLOPT_HEADERDATA, http);
	curl_easy_setopt(curl, CURLOPT_NOPROGRESS, 0L);
	curl_easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, on_progress);
	curl_easy_setopt(curl, CURLOPT_XFERINFODATA, http);
}

static CURLcode set_options(struct http *http, const struct exporter_config *config,
			    const struct request *request)
{
	CURL *curl = http->curl;
	CURLcode code;

	set_fixed_options(http);
	code = curl_easy_setopt(curl, CURLOPT_URL, request->url);
	curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, http->patience->timeout_ms);
	curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)request->body.len);
	curl_easy_setopt(curl, CURLOPT_POSTFIELDS,
			 request->body.len ? (const char *)request->body.data : "");
	if (!code && request->unix_socket[0]) {
		code = curl_easy_setopt(curl, CURLOPT_UNIX_SOCKET_PATH, request->unix_socket);
		curl_easy_setopt(curl, CURLOPT_PROXY, "");
	}
	if (!code && config->ca_file[0])
		code = curl_easy_setopt(curl, CURLOPT_CAINFO, config->ca_file);
	if (!code && config->client_certificate[0])
		code = curl_easy_setopt(curl, CURLOPT_SSLCERT, config->client_certificate);
	if (!code && config->client_key[0])
		code = curl_easy_setopt(curl, CURLOPT_SSLKEY, config->client_key);
	return code;
}

/* Replaces the body by its compressed form, so that sending it again costs nothing. */
static int compress_body(struct http *http, struct request *request)
{
	int err;

	if (!request->gzip)
		return 0;
	buf_reset(&http->packed);
	err = gzip_compress(buf_bytes(&request->body), &http->packed);
	if (!err && !buf_add_text(&request->headers, "Content-Encoding: gzip\n"))
		err = -ENOMEM;
	if (err)
		return err;
	buf_reset(&request->body);
	buf_add_bytes(&request->body, buf_bytes(&http->packed));
	request->gzip = false;
	return request->body.full ? -ENOMEM : 0;
}

int http_post(struct http *http, const struct exporter_config *config,
	      const struct http_patience *patience, struct request *request, struct reply *reply,
	      struct error *error)
{
	struct curl_slist *headers;
	CURLcode code;
	int err = compress_body(http, request);

	*reply = (struct reply){ 0 };
	if (err)
		return error_set(error, err, "no memory for the request");
	headers = header_list(buf_bytes(&request->headers));
	if (!headers)
		return error_set(error, -ENOMEM, "no memory for the request");
	buf_reset(&http->response);
	http->response_too_long = false;
	http->retry_after[0] = http->error[0] = '\0';
	http->patience = patience;
	code = set_options(http, config, request);
	curl_easy_setopt(http->curl, CURLOPT_HTTPHEADER, headers);
	if (code == CURLE_OK)
		code = curl_easy_perform(http->curl);
	curl_slist_free_all(headers);
	if (http->response_too_long)
		return error_set(error, -EMSGSIZE, "the answer is longer than %u bytes",
				 RESPONSE_MAX);
	if (code != CURLE_OK)
		return error_set(error, -EIO, "%s",
				 http->error[0] ? http->error : curl_easy_strerror(code));
	curl_easy_getinfo(http->curl, CURLINFO_RESPONSE_CODE, &reply->status);
	reply->body = buf_bytes(&http->response);
	reply->retry_after = bytes_of_string(http->retry_after);
	return 0;
}
