// SPDX-License-Identifier: GPL-2.0-only
/* `spantap doctor`: what this kernel and these privileges allow, and what is lost without it. */
#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "userspace/base/log.h"
#include "userspace/capture/capture.h"
#include "userspace/capture/object.h"
#include "userspace/command/command.h"

static int run(int argc, char **argv)
{
	struct hook_table table = { 0 };
	struct error error = { 0 };
	struct utsname kernel;
	bool works;

	if (argc > 1 && (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h"))) {
		puts("usage: spantap doctor\n\nTries every hook once, tracing nothing, and says what works here.\n\n"
		     "  sudo spantap doctor");
		return 0;
	}
	if (argc > 1) {
		log_error("doctor takes no argument: \"%s\"", argv[1]);
		return EXIT_USAGE;
	}
	uname(&kernel);
	printf("kernel      %s %s\n", kernel.release, kernel.machine);
	object_capture_log();
	if (object_check_kernel(&error)) {
		printf("BPF         no: %s\n", error.text);
		return EXIT_USAGE;
	}
	puts("BPF         yes");
	capture_probe(&table);
	for (int h = 0; h < HOOK_COUNT; h++) {
		if (table.hooks[h].state == HOOK_UNTRIED)
			continue;
		printf("%-12s%s", hook_name((enum hook)h), hook_available(&table, (enum hook)h) ? "yes" : "no");
		if (!hook_available(&table, (enum hook)h))
			printf(": %s\n            lost: %s", table.hooks[h].reason, hook_lost((enum hook)h));
		putchar('\n');
	}
	works = hook_available(&table, HOOK_PROCESS) &&
		(hook_available(&table, HOOK_SOCKET) || hook_available(&table, HOOK_SYSCALL));
	printf("\n%s\n", works ? "spantap works here" : "spantap cannot capture live here; `spantap trace --pcap FILE` works");
	return works ? 0 : 1;
}

const struct command doctor_command = { "doctor", "what this kernel, these privileges allow", run };
