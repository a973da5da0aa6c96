// SPDX-License-Identifier: GPL-2.0-only
/*
 * See service.h. What the owner said comes first (environment), then what runs (program.h), then
 * the container's name; an interpreter's own name only when nothing better is known.
 */
#include "userspace/capture/service.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "userspace/base/procfs.h"
#include "userspace/capture/container.h"
#include "userspace/capture/program.h"

#define BLOCK_MAX (128 * 1024)

static void set_service(struct resource *r, struct bytes name)
{
	size_t len = name.len < sizeof(r->service) - 1 ? name.len : sizeof(r->service) - 1;

	if (len)
		snprintf(r->service, sizeof(r->service), "%.*s", (int)len, (const char *)name.data);
}

/* ---- OTEL_RESOURCE_ATTRIBUTES --------------------------------------------------------------- */

static int hex_value(uint8_t c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c = bytes_lower(c);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* %XX becomes the byte; false on a bad escape. */
static bool percent_decode(struct bytes in, struct buf *out)
{
	buf_reset(out);
	for (size_t i = 0; i < in.len; i++) {
		int high, low;

		if (in.data[i] != '%') {
			buf_add_byte(out, in.data[i]);
			continue;
		}
		high = i + 2 < in.len ? hex_value(in.data[i + 1]) : -1;
		low = i + 2 < in.len ? hex_value(in.data[i + 2]) : -1;
		if (high < 0 || low < 0)
			return false;
		buf_add_byte(out, (uint8_t)(high << 4 | low));
		i += 2;
	}
	return !out->full;
}

/* Keys of attributes are static strings: the ones that resources are known to carry. */
static const char *known_key(struct bytes key)
{
	static const char *const keys[] = {
		"service.version",
		"service.namespace",
		"service.instance.id",
		"deployment.environment",
		"deployment.environment.name",
		"k8s.namespace.name",
		"k8s.pod.name",
		"k8s.pod.uid",
		"k8s.container.name",
		"k8s.deployment.name",
		"k8s.node.name",
		"k8s.cluster.name",
		"host.name",
		"host.id",
		"cloud.provider",
		"cloud.region",
		"cloud.account.id",
		"cloud.availability_zone",
		"team",
		"service.team",
	};

	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
		if (bytes_is(key, keys[i]))
			return keys[i];
	return NULL;
}

/* "k=v,k2=v2", percent-encoded, and valid. */
static void add_attributes(struct resource *r, struct bytes list, struct buf *text)
{
	while (list.len) {
		size_t comma = bytes_find(list, ',', 0);
		struct bytes entry = bytes_trim(bytes_part(list, 0, comma));
		size_t equals = bytes_find(entry, '=', 0);
		struct bytes key = bytes_trim(bytes_part(entry, 0, equals));
		const char *known = known_key(key);

		list = bytes_from(list, comma + 1);
		if (!entry.len)
			continue;
		percent_decode(bytes_trim(bytes_from(entry, equals + 1)), text);
		if (bytes_is(key, "service.name"))
			set_service(r, buf_bytes(text));
		else if (known)
			attributes_string(&r->attributes, known, buf_bytes(text));
	}
}

/* One bad entry makes the whole variable void (specification, Resource SDK). */
static bool attributes_valid(struct bytes list, struct buf *text)
{
	while (list.len) {
		size_t comma = bytes_find(list, ',', 0);
		struct bytes entry = bytes_trim(bytes_part(list, 0, comma));
		size_t equals = bytes_find(entry, '=', 0);

		list = bytes_from(list, comma + 1);
		if (entry.len &&
		    (equals == entry.len || !bytes_trim(bytes_part(entry, 0, equals)).len ||
		     !percent_decode(bytes_trim(bytes_from(entry, equals + 1)), text)))
			return false;
	}
	return true;
}

/* ---- environment ---------------------------------------------------------------------------- */

static void add_variable(struct resource *r, struct bytes environment, const char *name,
			 const char *key)
{
	struct bytes value = procfs_environment(environment, name);

	if (value.len)
		attributes_string(&r->attributes, key, value);
}

void service_read_environment(struct resource *r, struct bytes environment)
{
	struct bytes list = procfs_environment(environment, "OTEL_RESOURCE_ATTRIBUTES");
	struct buf text;

	buf_init(&text, 4096);
	set_service(r, procfs_environment(environment, "DD_SERVICE"));
	add_variable(r, environment, "DD_ENV", "deployment.environment.name");
	add_variable(r, environment, "DD_VERSION", "service.version");
	if (list.len && attributes_valid(list, &text))
		add_attributes(r, list, &text);
	set_service(r, procfs_environment(environment, "OTEL_SERVICE_NAME"));
	buf_release(&text);
}

/* ---- what runs ------------------------------------------------------------------------------ */

static void add_process(struct resource *r, uint32_t pid, const struct program *p)
{
	attributes_int(&r->attributes, "process.pid", pid);
	attributes_text(&r->attributes, "process.executable.name", p->executable);
	attributes_text(&r->attributes, "process.executable.path", p->path);
	if (p->runtime[0])
		attributes_text(&r->attributes, "process.runtime.name", p->runtime);
	snprintf(r->language, sizeof(r->language), "%s", p->language);
}

int service_describe(uint32_t pid, struct resource *r)
{
	struct program program;
	struct buf block;

	if (program_read(pid, &program))
		return -ESRCH;
	buf_init(&block, BLOCK_MAX);
	procfs_read_pid(pid, "environ", &block);
	service_read_environment(r, buf_bytes(&block));
	buf_release(&block);
	add_process(r, pid, &program);
	if (container_id_of(pid, r->container_id))
		attributes_text(&r->attributes, "container.id", r->container_id);
	if (!r->service[0] && r->container_id[0] && !program.named)
		container_name(r->container_id, r->service, sizeof(r->service));
	if (!r->service[0])
		snprintf(r->service, sizeof(r->service), "%s", program.name);
	return 0;
}
