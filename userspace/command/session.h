/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SPANTAP_COMMAND_SESSION_H
#define SPANTAP_COMMAND_SESSION_H

/*
 * What trace, run and record share: options, capture, stitching, exporters, and the loop that moves events
 * until it is told to stop.
 */

#include <stdio.h>
#include <sys/types.h>

#include "userspace/base/option.h"
#include "userspace/capture/capture.h"
#include "userspace/capture/select.h"
#include "userspace/span/sink.h"

struct session_options {
	struct select_options select;
	const char *pcap;
	int capture; /* enum capture_mode */
	uint64_t duration_ns;
	uint64_t request_bytes, response_bytes, ring_bytes;
	const char *protocol;
	bool no_redact, no_uprobes, no_runtime_hooks;
	struct option_list routes;
	const char *otlp, *datadog; /* NULL: not asked for */
	bool json, explain, help, verbose;
	const char *output; /* file for the tree or JSON; NULL: stdout */
	bool output_stderr; /* NULL: standard error instead */
	bool no_output;	    /* neither: the command adds sinks of its own */
	uint64_t traces_max;
	int colour_choice;
};

/* The rows of a command's option table. */
#define SESSION_TARGET_OPTIONS                                                                            \
	{ NULL, 0, OPTION_HEADING, 0, NULL, "What to trace (children are followed):" },                  \
	{ "pid", 'p', OPTION_LIST, offsetof(struct session_options, select.pids), "PID", "a process; may be repeated" }, \
	{ "exe", 0, OPTION_LIST, offsetof(struct session_options, select.exes), "NAME", "processes of a program, by name or path" }, \
	{ "port", 0, OPTION_LIST, offsetof(struct session_options, select.ports), "PORT", "the process that listens on a TCP port" }, \
	{ "container", 0, OPTION_LIST, offsetof(struct session_options, select.containers), "ID", "a container by id or name (docker, podman, containerd, CRI-O), or a PID inside it" }, \
	{ "cgroup", 0, OPTION_LIST, offsetof(struct session_options, select.cgroups), "PATH", "all processes of a control group" }, \
	{ "all", 0, OPTION_FLAG, offsetof(struct session_options, select.all), NULL, "every process of this machine" }, \
	{ "pcap", 0, OPTION_TEXT, offsetof(struct session_options, pcap), "FILE", "decode a capture (pcap, pcapng) instead; needs no root" }

#define SESSION_EXPORT_OPTIONS                                                                            \
	{ NULL, 0, OPTION_HEADING, 0, NULL, "Where to send spans:" },                                     \
	{ "otlp", 0, OPTION_OPTIONAL, offsetof(struct session_options, otlp), "URL", "OpenTelemetry over HTTP; file:PATH writes JSON lines; alone: OTEL_EXPORTER_OTLP_ENDPOINT" }, \
	{ "datadog", 0, OPTION_OPTIONAL, offsetof(struct session_options, datadog), "URL", "a Datadog agent, http:// or unix://; alone: DD_TRACE_AGENT_URL" }

#define SESSION_CAPTURE_OPTIONS                                                                           \
	{ NULL, 0, OPTION_HEADING, 0, NULL, "How to capture:" },                                          \
	{ "capture", 0, OPTION_CHOICE, offsetof(struct session_options, capture), "auto|socket|syscall|packet", "which hooks to use" }, \
	{ "request-bytes", 0, OPTION_SIZE, offsetof(struct session_options, request_bytes), "SIZE", "bytes copied of each request (1K, at most 16K)" }, \
	{ "response-bytes", 0, OPTION_SIZE, offsetof(struct session_options, response_bytes), "SIZE", "bytes copied of each response (512, at most 16K)" }, \
	{ "ring-bytes", 0, OPTION_SIZE, offsetof(struct session_options, ring_bytes), "SIZE", "buffer between kernel and spantap (16M)" }, \
	{ "protocol", 0, OPTION_TEXT, offsetof(struct session_options, protocol), "NAME", "decode as http, postgresql, mysql or redis only" }, \
	{ "no-uprobes", 0, OPTION_FLAG, offsetof(struct session_options, no_uprobes), NULL, "attach nothing inside the target's libraries" }, \
	{ "no-runtime-hooks", 0, OPTION_FLAG, offsetof(struct session_options, no_runtime_hooks), NULL, "do not watch language runtimes start tasks" }, \
	{ "route", 0, OPTION_LIST, offsetof(struct session_options, routes), "PATTERN", "name paths like this one: /user/:name/*" }, \
	{ "no-redact", 0, OPTION_FLAG, offsetof(struct session_options, no_redact), NULL, "keep literals, query values and messages" }

#define SESSION_GENERAL_OPTIONS                                                                           \
	{ NULL, 0, OPTION_HEADING, 0, NULL, "General:" },                                                 \
	{ "duration", 'd', OPTION_DURATION, offsetof(struct session_options, duration_ns), "TIME", "stop after this long (60s, 5m)" }, \
	{ "json", 0, OPTION_FLAG, offsetof(struct session_options, json), NULL, "one JSON object per span and line" }, \
	{ "output", 'o', OPTION_TEXT, offsetof(struct session_options, output), "FILE", "write there instead of standard output" }, \
	{ "explain", 0, OPTION_FLAG, offsetof(struct session_options, explain), NULL, "say for each span how its parent was found, or why it was not" }, \
	{ "traces", 0, OPTION_NUMBER, offsetof(struct session_options, traces_max), "N", "print at most N trees (all are counted)" }, \
	{ "colour", 0, OPTION_CHOICE, offsetof(struct session_options, colour_choice), "auto|always|never", "colours; auto: on a terminal" }, \
	{ "verbose", 'v', OPTION_FLAG, offsetof(struct session_options, verbose), NULL, "say more about what is going on" }, \
	{ "help", 'h', OPTION_FLAG, offsetof(struct session_options, help), NULL, "this text" }

struct session;

void session_defaults(struct session_options *o);

/* Checks options against each other. 0 or -EINVAL with one sentence. */
int session_check(const struct session_options *o, struct error *error);

/*
 * Sinks and exporters are opened, hooks loaded, targets found and followed. `started`: a stopped child that
 * becomes the target (run), 0 otherwise. NULL with *error.
 */
struct session *session_new(const struct session_options *o, pid_t started, struct error *error);

/* A further sink, owned by the session from then on. */
void session_add_sink(struct session *s, struct sink *sink);

/* What a command does while session_loop() runs. */
struct session_watch {
	int fd; /* waited for like the capture's; -1: none */
	/* Every few milliseconds, and at once when fd is readable; false ends the loop. now_ns: CLOCK_MONOTONIC */
	bool (*step)(void *context, uint64_t now_ns);
	void *context;
};

/* One at most; the last counts. */
void session_watch(struct session *s, const struct session_watch *watch);

/* What has been seen and lost so far. */
void session_totals(const struct session *s, struct summary *out);

/* Until a signal, the duration's end, the targets' end or a file's end. 0 or negative errno with *error. */
int session_loop(struct session *s, struct error *error);

/* Ends what is open and tells sinks the summary, which can still be asked then. Nothing but session_finish() may follow. */
void session_end(struct session *s);

/* The same if it was not done, and frees all. */
void session_finish(struct session *s);

/* How many processes are followed now, and how. */
size_t session_targets(const struct session *s);
const char *session_mode(const struct session *s);

#endif
