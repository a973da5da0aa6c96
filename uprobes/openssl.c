// SPDX-License-Identifier: GPL-2.0-only
/*
 * Where OpenSSL (1.0 to 3), LibreSSL and BoringSSL are probed, as a library or inside a program
 * that still has its symbols. SSL_peek and SSL_pending move nothing. What runs there:
 * openssl.bpf.c.
 */
#include <errno.h>

/* The skeleton names the types of .rodata. */
#include "bpf/config.h"

#include "uprobes/openssl.skel.h"
#include "uprobes/target.h"

static const void *object(size_t *len)
{
	return openssl_bpf__elf_bytes(len);
}

static bool matches(const struct elf *elf)
{
	struct elf_function f;

	return elf_find(elf, "SSL_read", &f) && elf_find(elf, "SSL_write", &f);
}

struct pair {
	const char *read, *at_read;
	const char *write, *at_write;
};

static const struct pair pairs[] = {
	{ "SSL_read", "on_read", "SSL_write", "on_write" },
	{ "SSL_read_ex", "on_read_ex", "SSL_write_ex", "on_write_ex" }, /* since OpenSSL 1.1.1 */
};

/* Both directions or none: half a conversation is worse than nothing. */
static int locate_pair(const struct elf *elf, struct uprobe_plan *plan, const struct pair *pair)
{
	size_t before = plan->count;
	int err = uprobe_plan_function(plan, elf, pair->read, pair->at_read, "on_return");

	if (!err)
		err = uprobe_plan_function(plan, elf, pair->write, pair->at_write, "on_return");
	if (err)
		plan->count = before;
	return err == -ENOENT || err == -ENOTSUP ? 0 : err;
}

static int locate(const struct elf *elf, struct uprobe_plan *plan)
{
	int err = 0;

	for (size_t i = 0; !err && i < sizeof(pairs) / sizeof(pairs[0]); i++)
		err = locate_pair(elf, plan, &pairs[i]);
	if (err || !plan->count)
		return err;
	uprobe_plan_function(plan, elf, "SSL_set_fd", "on_set_fd", NULL);
	uprobe_plan_function(plan, elf, "SSL_new", NULL, "on_new");
	uprobe_plan_function(plan, elf, "SSL_free", "on_free", NULL);
	return 0;
}

const struct uprobe_target openssl_target = {
	.name = "openssl",
	.object = object,
	.matches = matches,
	.locate = locate,
};
