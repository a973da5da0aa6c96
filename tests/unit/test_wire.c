// SPDX-License-Identifier: GPL-2.0-only
/*
 * What exporters put on the wire, as others read it: the sample's spans go through exporter sinks
 * to tests/lib/collector.py, which decodes them with Google's protobuf and with msgpack;
 * check_wire.py compares every field. Skipped, visibly, without Python's two packages.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "exporters/exporter.h"
#include "tests/lib/sample.h"

extern const struct exporter otlp_exporter, datadog_exporter;

#define PATH_SIZE 128

struct paths {
	char directory[PATH_SIZE], collected[PATH_SIZE], file[PATH_SIZE], port[PATH_SIZE],
		socket[PATH_SIZE];
};

/* The distribution's Python has its packages; another one first in PATH may not. */
static const char *python(void)
{
	const char *chosen = getenv("SPANTAP_PYTHON");

	return chosen && *chosen ? chosen : "/usr/bin/python3";
}

static pid_t spawn(const char *const *arguments, bool quiet)
{
	pid_t pid = fork();

	if (pid)
		return pid;
	if (quiet)
		dup2(open("/dev/null", O_WRONLY), STDERR_FILENO);
	execvp(arguments[0], (char *const *)(uintptr_t)arguments);
	_exit(127);
}

static int wait_for(pid_t pid)
{
	int status = -1;

	waitpid(pid, &status, 0);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static unsigned int read_port(const char *path)
{
	char text[16] = "";

	for (int i = 0; i < 1000 && !text[0]; i++) {
		FILE *file = fopen(path, "r");

		if (!file || !fgets(text, sizeof(text), file))
			usleep(10000);
		if (file)
			fclose(file);
	}
	return (unsigned int)strtoul(text, NULL, 10);
}

static void export(const struct exporter *exporter, const char *url, const struct sample *sample)
{
	struct exporter_counters counters;
	struct error error = { "" };
	struct sink *sink = exporter_sink_new(exporter, url, 100, &error);

	assert_string_equal(error.text, "");
	for (int i = 0; i < 2; i++)
		sink->trace(sink, &sample->traces[i]);
	sink->finish(sink, &(struct summary){ 0 });
	exporter_sink_counters(sink, &counters);
	assert_int_equal(counters.sent, SAMPLE_SPANS);
	sink->free(sink);
}

static void export_all(const struct paths *paths, unsigned int port)
{
	struct sample sample;
	char url[2 * PATH_SIZE];

	sample_init(&sample);
	setenv("OTEL_EXPORTER_OTLP_HEADERS", "X-Test=a%20b", 1);
	snprintf(url, sizeof(url), "http://127.0.0.1:%u", port);
	export(&otlp_exporter, url, &sample);
	export(&datadog_exporter, url, &sample);
	setenv("OTEL_EXPORTER_OTLP_PROTOCOL", "http/json", 1);
	export(&otlp_exporter, url, &sample);
	snprintf(url, sizeof(url), "unix://%s", paths->socket);
	export(&datadog_exporter, url, &sample);
	snprintf(url, sizeof(url), "file:%s", paths->file);
	export(&otlp_exporter, url, &sample);
	sample_release(&sample);
}

static void test_every_field_arrives(void **state)
{
	const char *const probe[] = { python(), "-c", "import google.protobuf, msgpack", NULL };
	struct paths p = { .directory = "/tmp/spantap-wire-XXXXXX" };
	const char *const collector[] = {
		python(),      "tests/lib/collector.py",
		"--output",    p.collected,
		"--port-file", p.port,
		"--unix",      p.socket,
		NULL,
	};
	const char *const check[] = { python(), "tests/lib/check_wire.py", p.collected,
				      p.file,   SPANTAP_VERSION,           NULL };
	int status;
	pid_t pid;

	(void)state;
	if (wait_for(spawn(probe, true))) {
		print_message("needs the packages python3-protobuf and python3-msgpack\n");
		skip();
	}
	assert_non_null(mkdtemp(p.directory));
	snprintf(p.collected, PATH_SIZE, "%.90s/collected", p.directory);
	snprintf(p.file, PATH_SIZE, "%.90s/file", p.directory);
	snprintf(p.port, PATH_SIZE, "%.90s/port", p.directory);
	snprintf(p.socket, PATH_SIZE, "%.90s/socket", p.directory);
	pid = spawn(collector, false);
	export_all(&p, read_port(p.port));
	kill(pid, SIGTERM);
	assert_int_equal(wait_for(pid), 0);
	status = wait_for(spawn(check, false));
	for (int i = 0; i < 4 && !status; i++)
		unlink((const char *[]){ p.collected, p.file, p.port, p.socket }[i]);
	if (!status)
		rmdir(p.directory);
	else
		print_message("what arrived is kept in %s\n", p.directory);
	assert_int_equal(status, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_field_arrives),
	};

	unsetenv("http_proxy");
	unsetenv("ALL_PROXY");
	unsetenv("all_proxy");
	return cmocka_run_group_tests(tests, NULL, NULL);
}
