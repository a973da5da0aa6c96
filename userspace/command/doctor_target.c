// SPDX-License-Identifier: GPL-2.0-only
/* See doctor_target.h. */
#include "userspace/command/doctor_target.h"

#include <stdio.h>
#include <string.h>

#include "userspace/base/error.h"
#include "userspace/capture/diagnose.h"

#define INDENT "            "

/* What a runtime's name stands for, what it tells apart, and which hooks that needs. */
static const struct {
	const char *runtime, *title, *units;
	const char *hooks; /* NULL: it is known without; else what is lost without them */
} words[] = {
	{ "python", "CPython", "coroutines and greenlets",
	  "tasks, greenlets and work of executors that a request has started are nobody's" },
	{ "go", "Go", "goroutines", "calls of goroutines that a request has started are nobody's" },
	{ "ruby", "Ruby", "fibers", NULL },
	{ "node", "Node.js", "async functions, promises and callbacks",
	  "its calls are joined only while one request is open" },
	{ "java", "JVM", "virtual threads", NULL },
	{ "tokio", "tokio", "tasks", "calls of tasks that a request has spawned are nobody's" },
	{ "nginx", "nginx", "clients' connections", NULL },
};

static const char *title_of(const char *runtime)
{
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (!strcmp(words[i].runtime, runtime))
			return words[i].title;
	return runtime;
}

static const char *units_of(const char *runtime)
{
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (!strcmp(words[i].runtime, runtime))
			return words[i].units;
	return "what runs on its threads";
}

static const char *lost_of(const char *runtime)
{
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (!strcmp(words[i].runtime, runtime))
			return words[i].hooks;
	return NULL;
}

static void print_runtime(const struct diagnosis *d)
{
	if (!d->runtime) {
		puts("runtime     none that spantap knows: its threads are told apart");
		return;
	}
	printf("runtime     %s%s%s: ", title_of(d->runtime), d->version[0] ? " " : "", d->version);
	if (d->known)
		printf("%s are told apart\n", d->threads ? "threads" : units_of(d->runtime));
	else if (d->starting)
		puts("not known yet; it is starting, or of a form that is not known");
	else
		printf("%s; %s\n", d->why[0] ? d->why : "not known",
		       d->threads_silent ? "which thread runs says nothing of what it runs"
					 : "its threads are told apart");
}

/* True when there is one that would be set. */
static bool print_hooks(const struct diagnosis *d)
{
	bool any = false;

	for (size_t i = 0; i < d->hook_count; i++) {
		const struct diagnosis_hook *h = &d->hooks[i];

		printf("%s%s: ", i ? INDENT : "hooks       ", h->name);
		if (h->probes)
			printf("%zu probe%s would be set\n", h->probes, h->probes == 1 ? "" : "s");
		else
			printf("none: %s\n", h->refused);
		any |= h->probes > 0;
	}
	if (!d->hook_count)
		puts("hooks       none: nothing in it is hooked");
	return any;
}

static void print_meaning(const struct diagnosis *d, bool hooked)
{
	const char *lost = d->known && !d->threads ? lost_of(d->runtime) : NULL;

	printf("so          ");
	if (d->known && lost && !hooked)
		printf("without hooks %s; ", lost);
	if (d->known && !d->threads)
		puts("a call belongs to the request of what made it, however many are open; where "
		     "that is not known it has no parent");
	else if (d->threads_silent)
		puts("calls are joined only while one request is open");
	else
		puts("a call belongs to the request that its thread has read, while it serves one "
		     "at a time,\n" INDENT
		     "or to that of the thread which it wakes when its work is done;\n" INDENT
		     "an event loop's calls have a parent only while one request is open, or once "
		     "its chains prove right");
}

void doctor_print_runtime(uint32_t pid)
{
	struct diagnosis d;
	int err = diagnose(pid, &d);

	if (err) {
		printf("runtime     not readable (%s): needs the same user, or root\n",
		       error_name(err));
		return;
	}
	print_runtime(&d);
	print_meaning(&d, print_hooks(&d));
}
