// SPDX-License-Identifier: GPL-2.0-only
/*
 * Where OpenSSL (1.0 to 3), LibreSSL and BoringSSL are probed, as a library or inside a program that still has
 * its symbols. SSL_peek and SSL_pending move nothing. What runs there: openssl.bpf.c.
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

/* Both directions or none: half a conversation is worse than nothing. */
static int locate_pair(const struct elf *elf, struct uprobe_plan *plan, const char *read, const char *write,
		       const char *at_entry)
{
	size_t before = plan->count;
	int err = uprobe_plan_function(plan, elf, read, at_entry, "on_read_return");

	if (!err)
		err = uprobe_plan_function(plan, elf, write, at_entry, "on_write_return");
	if (err)
		plan->count = before;
	return err == -ENOENT || err == -ENOTSUP ? 0 : err;
}

static int locate(const struct elf *elf, struct uprobe_plan *plan)
{
	int err = locate_pair(elf, plan, "SSL_read", "SSL_write", "on_call");

	if (!err) /* not in BoringSSL, nor before OpenSSL 1.1.1 */
		err = locate_pair(elf, plan, "SSL_read_ex", "SSL_write_ex", "on_call_ex");
	if (err || !plan->count)
		return err;
	uprobe_plan_function(plan, elf, "SSL_new", "on_new", NULL);
	uprobe_plan_function(plan, elf, "SSL_free", "on_free", NULL);
	return 0;
}

const struct uprobe_target openssl_target = {
	.name = "openssl",
	.object = object,
	.matches = matches,
	.locate = locate,
};
