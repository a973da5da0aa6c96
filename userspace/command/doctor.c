// SPDX-License-Identifier: GPL-2.0-only
/* `spantap doctor`: what this kernel, these privileges and this target allow, and what is lost without it. */
#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <sys/utsname.h>

#include "userspace/base/log.h"
#include "userspace/base/option.h"
#include "userspace/capture/capture.h"
#include "userspace/capture/object.h"
#include "userspace/capture/select.h"
#include "userspace/capture/service.h"
#include "userspace/command/command.h"
#include "userspace/command/doctor_target.h"

struct doctor_options {
	struct select_options select;
	bool help;
};

static const struct option options[] = {
	{ "pid", 'p', OPTION_LIST, offsetof(struct doctor_options, select.pids), "PID", "look at this process too" },
	{ "exe", 0, OPTION_LIST, offsetof(struct doctor_options, select.exes), "NAME", "at processes of this program" },
	{ "port", 0, OPTION_LIST, offsetof(struct doctor_options, select.ports), "PORT", "at who listens there" },
	{ "container", 0, OPTION_LIST, offsetof(struct doctor_options, select.containers), "ID", "at a container" },
	{ "cgroup", 0, OPTION_LIST, offsetof(struct doctor_options, select.cgroups), "PATH", "at a control group" },
	{ "help", 'h', OPTION_FLAG, offsetof(struct doctor_options, help), NULL, "this text" },
	OPTION_END,
};

static void help(void)
{
	puts("usage: spantap doctor [TARGET]\n\n"
	     "Tries every hook once, tracing nothing, and says what works here; with a target, what it is,\n"
	     "which language runtime it has, and what that means for who called whom.\n\n"
	     "  sudo spantap doctor\n"
	     "  sudo spantap doctor --port 8000\n");
	option_help(options, stdout);
}

static void print_hooks(const struct hook_table *table)
{
	for (int h = 0; h < HOOK_COUNT; h++) {
		if (table->hooks[h].state == HOOK_UNTRIED)
			continue;
		printf("%-12s%s\n", hook_name((enum hook)h), hook_available(table, (enum hook)h) ? "yes" : "no");
		if (!hook_available(table, (enum hook)h))
			printf("            %s\n            lost: %s\n", table->hooks[h].reason, hook_lost((enum hook)h));
	}
}

static int print_targets(const struct select_options *select, struct error *error)
{
	static struct select_pids found; /* 16 KiB: too much for the stack, used once */
	int err = select_any(select) ? select_find(select, &found, error) : 0;

	for (size_t i = 0; !err && i < found.count; i++) {
		struct resource *r = resource_new();

		if (!r || service_describe(found.pids[i], r))
			printf("%-12u not readable: needs the same user, or root\n", found.pids[i]);
		else
			printf("%-12u%s%s%s%s%s\n", found.pids[i], r->service, r->language[0] ? ", " : "", r->language,
			       r->container_id[0] ? ", container " : "", r->container_id);
		doctor_print_runtime(found.pids[i]);
		resource_drop(r);
	}
	return err;
}

static int run(int argc, char **argv)
{
	struct hook_table table = { 0 };
	struct option_list rest = { 0 };
	struct doctor_options o = { 0 };
	struct error error = { 0 };
	struct utsname kernel;
	int err = option_parse(options, argc, argv, &o, &rest, &error);

	if (!err && o.help) {
		help();
		return 0;
	}
	if (!err && rest.count)
		err = error_set(&error, -EINVAL, "doctor takes no argument: \"%s\"", rest.items[0]);
	if (!err)
		err = print_targets(&o.select, &error);
	if (err) {
		log_error("%s", error.text);
		return EXIT_USAGE;
	}
	uname(&kernel);
	printf("kernel      %s %s\n", kernel.release, kernel.machine);
	object_capture_log();
	if (object_check_kernel(&error)) {
		printf("BPF         no\n            %s\n", error.text);
		return EXIT_USAGE;
	}
	puts("BPF         yes");
	capture_probe(&table);
	print_hooks(&table);
	if (hook_available(&table, HOOK_PROCESS) &&
	    (hook_available(&table, HOOK_SOCKET) || hook_available(&table, HOOK_SYSCALL))) {
		puts("\nspantap works here");
		return 0;
	}
	puts("\nspantap cannot capture live here; `spantap trace --pcap FILE` works");
	return 1;
}

const struct command doctor_command = { "doctor", "what this kernel, these privileges and a target allow", run };
