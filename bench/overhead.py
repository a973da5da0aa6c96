#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""What being watched costs: nginx, Redis and the shop, with and without `spantap trace --json` attached.

    overhead.py SPANTAP [--rounds N] [--seconds S] [--only nginx,redis,shop] [--no-tracers]

Each round measures every variant once, in alternating order, with the plain server in the same round as
the yardstick; the table holds ratios to it (median, and the smallest and largest of the rounds), because
only ratios of neighbours survive a noisy machine. "nothing" is the plain server measured once more: the
noise. "server" is the processor time of the server per request, hooks included; "all" adds spantap's
own; "rate" is requests per second. The shop also runs under the in-process tracers of OpenTelemetry and
Datadog, which send to a sink on this machine. Needs root.
"""
import argparse
import contextlib
import os
import re
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(HERE, "../examples/shop")]
from process import cpu_ns  # noqa: E402
from shop import PYTHON, Shop, ShopError, free_port, stop_on_signals  # noqa: E402

TRACERS = [
    "opentelemetry-distro==0.60b1",
    "opentelemetry-exporter-otlp-proto-http==1.39.1",
    "opentelemetry-instrumentation-flask==0.60b1",
    "opentelemetry-instrumentation-sqlalchemy==0.60b1",
    "opentelemetry-instrumentation-psycopg2==0.60b1",
    "opentelemetry-instrumentation-redis==0.60b1",
    "opentelemetry-instrumentation-requests==0.60b1",
    "ddtrace==4.15.7",
]
ATTACH_SECONDS = 2.0  # at least; probes are set one after the other, and each is a descriptor
ATTACH_LIMIT = 60


def say(text):
    print(f"  {'BENCH':<8} {text}", flush=True)


def tracer_environment():
    """A Python environment with both tracers, kept for the next run; None without access to PyPI."""
    cache = os.environ.get("XDG_CACHE_HOME", os.path.expanduser("~/.cache"))
    directory = os.path.join(cache, "spantap-bench")
    pip = os.path.join(directory, "bin/pip")
    wanted = "\n".join(TRACERS)
    mark = os.path.join(directory, "installed")
    if os.path.exists(mark) and open(mark).read() == wanted:
        return directory
    say("installing the tracers to compare with")
    for command in (
        [PYTHON, "-m", "venv", "--clear", "--system-site-packages", directory],
        [pip, "install", "--quiet", *TRACERS],
    ):
        done = subprocess.run(
            command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
        )
        if done.returncode != 0:
            say(f"no tracers to compare with: {' '.join(command[:3])}: {done.stdout.strip()[-300:]}")
            return None
    with open(mark, "w") as file:
        file.write(wanted)
    return directory


class Server:
    """What is measured: the PIDs to add up and to attach to, and a load that returns (requests, seconds)."""

    def __init__(self, pids, load):
        self.pids = pids
        self.load = load


@contextlib.contextmanager
def running(command, **options):
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, **options)
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def wait_for_port(port, process):
    for _attempt in range(600):
        if process.poll() is not None:
            break
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return
        time.sleep(0.05)
    raise ShopError(f"{process.args[0]} does not start")


def wrk(url, seconds, connections, script=None):
    command = ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--timeout", "30s"]
    if script:
        command += ["-s", script]
    output = subprocess.run([*command, url], check=True, stdout=subprocess.PIPE, text=True).stdout
    requests, unit = re.search(r"(\d+) requests in ([\d.]+)", output).groups()
    if "Non-2xx" in output or not int(requests):
        raise ShopError(f"wrk: errors from {url}\n{output}")
    return int(requests), float(unit)


NGINX_CONFIGURATION = """
daemon off; master_process on; worker_processes 1; pid {directory}/pid; error_log {directory}/error.log;
events {{ worker_connections 512; }}
http {{
	access_log off; keepalive_requests 1000000000;
	client_body_temp_path {directory}/b; proxy_temp_path {directory}/p; fastcgi_temp_path {directory}/f;
	uwsgi_temp_path {directory}/u; scgi_temp_path {directory}/s;
	server {{ listen 127.0.0.1:{port}; location / {{ return 200 "hello\\n"; }} }}
}}
"""


@contextlib.contextmanager
def nginx(seconds):
    with tempfile.TemporaryDirectory(prefix="spantap-bench.") as directory:
        port = free_port()
        configuration = os.path.join(directory, "nginx.conf")
        with open(configuration, "w") as file:
            file.write(NGINX_CONFIGURATION.format(directory=directory, port=port))
        program = shutil.which("nginx") or "/usr/sbin/nginx"
        with running([program, "-p", directory, "-c", configuration, "-e", "stderr"]) as process:
            wait_for_port(port, process)
            yield Server([process.pid], lambda: wrk(f"http://127.0.0.1:{port}/", seconds, 16))


@contextlib.contextmanager
def redis(seconds):
    port = free_port()
    command = ["redis-server", "--port", str(port), "--bind", "127.0.0.1", "--save", ""]
    with running(command, stdout=subprocess.DEVNULL) as process:
        wait_for_port(port, process)

        def benchmark(requests):
            command = ["redis-benchmark", "-p", str(port), "-c", "16", "-t", "get", "-q", "-n", str(requests)]
            start = time.monotonic()
            subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
            return requests, time.monotonic() - start

        requests, took = benchmark(10000)
        count = max(1000, int(seconds * requests / took))
        yield Server([process.pid], lambda: benchmark(count))


@contextlib.contextmanager
def shop(seconds, python=(PYTHON,), environment=None):
    with Shop("after", python, environment) as started:
        settings = started.environment()
        pids = [int(settings["SHOP_WEB_PID"]), int(settings["SHOP_PRICING_PID"])]
        yield Server(
            pids, lambda: wrk(settings["SHOP_URL"], seconds, 8, os.path.join(HERE, "shop.lua"))
        )


def wait_attached(pid):
    """Until nothing was attached for a while."""
    begun, since, count = time.monotonic(), time.monotonic(), 0
    while time.monotonic() < min(max(since, begun) + ATTACH_SECONDS, begun + ATTACH_LIMIT):
        now = len(os.listdir(f"/proc/{pid}/fd"))
        if now != count:
            since, count = time.monotonic(), now
        time.sleep(0.1)


class Variant:
    """One way to run a subject; `spantap` is the command to attach with, or None, `options` are its own."""

    def __init__(self, name, server, spantap=None, options=()):
        self.name = name
        self.server = server
        self.spantap = spantap
        self.options = options
        self.ratios = {"server": [], "all": [], "rate": []}

    def measure(self):
        """Processor time of the server per request, the same with spantap's, and the requests a second."""
        if not self.spantap:
            return self.measure_load(lambda: 0)
        command = [self.spantap, "trace", "--json", *self.options]
        for pid in self.server.pids:
            command += ["--pid", str(pid)]
        with running(command, stdout=subprocess.DEVNULL) as process:
            wait_attached(process.pid)
            measured = self.measure_load(lambda: cpu_ns(process.pid))
            if process.poll() is not None:
                raise ShopError(f"{' '.join(command)}: ended with status {process.returncode}")
        return measured

    def measure_load(self, own_cpu_ns):
        server_before, own_before = sum(map(cpu_ns, self.server.pids)), own_cpu_ns()
        requests, seconds = self.server.load()
        server = (sum(map(cpu_ns, self.server.pids)) - server_before) / requests
        own = (own_cpu_ns() - own_before) / requests
        return {"server": server, "all": server + own, "rate": requests / seconds}


def compare(subject, plain, others, rounds):
    say(f"{subject}: warming up")
    for variant in [plain, *others]:
        variant.server.load()
    for number in range(rounds):
        say(f"{subject}: round {number + 1} of {rounds}")
        order = [plain, *others]
        if number % 2:
            order.reverse()
        measured = {variant: variant.measure() for variant in order}
        for variant in others:
            for key, values in variant.ratios.items():
                values.append(measured[variant][key] / measured[plain][key])
    return [(subject, variant) for variant in others]


def unwatched_and_watched(server, arguments):
    return [Variant("nothing", server), Variant("spantap", server, arguments.spantap)]


def print_table(rows):
    print(f"\n{'':<10} {'':<14} {'server':^22} {'all':^22} {'rate':^22}")
    print(f"{'subject':<10} {'watched by':<14}" + f" {'median':>6} {'(min - max)':<15}" * 3)
    for subject, variant in rows:
        cells = ""
        for values in variant.ratios.values():
            spread = f"({min(values):.2f} - {max(values):.2f})"
            cells += f" {statistics.median(values):>6.2f} {spread:<15}"
        print(f"{subject:<10} {variant.name:<14}{cells}".rstrip())


def bench_shop(arguments):
    with contextlib.ExitStack() as stack:
        server = stack.enter_context(shop(arguments.seconds))
        others = unwatched_and_watched(server, arguments)
        directory = None if arguments.no_tracers else tracer_environment()
        if directory:
            command = [PYTHON, os.path.join(HERE, "sink.py")]
            sink = stack.enter_context(running(command, stdout=subprocess.PIPE))
            url = f"http://127.0.0.1:{int(sink.stdout.readline())}"
            for name, program, environment in (
                ("opentelemetry", "opentelemetry-instrument", {
                    "OTEL_EXPORTER_OTLP_ENDPOINT": url,
                    "OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf",
                    "OTEL_METRICS_EXPORTER": "none",
                    "OTEL_LOGS_EXPORTER": "none",
                }),
                ("datadog", "ddtrace-run", {
                    "DD_TRACE_AGENT_URL": url,
                    "DD_INSTRUMENTATION_TELEMETRY_ENABLED": "false",
                    "DD_REMOTE_CONFIGURATION_ENABLED": "false",
                }),
            ):
                before = taken(url)
                python = [os.path.join(directory, "bin", program), os.path.join(directory, "bin/python")]
                traced = stack.enter_context(shop(arguments.seconds, python, environment))
                traced.load()
                wait_for_traces(name, url, before)
                others.append(Variant(name, traced))
        return compare("shop", Variant("", server), others, arguments.rounds)


def taken(url):
    with urllib.request.urlopen(f"{url}/count", timeout=60) as answer:
        return int(answer.read())


def wait_for_traces(name, url, before):
    """A tracer that sends nothing would look cheap."""
    for _attempt in range(200):
        if taken(url) > before:
            return
        time.sleep(0.1)
    raise ShopError(f"{name}: nothing reached the sink")


def bench_one(subject, start, arguments):
    with start(arguments.seconds) as server:
        others = unwatched_and_watched(server, arguments)
        return compare(subject, Variant("", server), others, arguments.rounds)


def main():
    parser = argparse.ArgumentParser(description="measure what being watched costs")
    parser.add_argument("spantap")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=5, help="of load for each measurement")
    parser.add_argument("--only", default="nginx,redis,shop")
    parser.add_argument("--no-tracers", action="store_true", help="leave OpenTelemetry and Datadog out")
    arguments = parser.parse_args()
    arguments.spantap = os.path.abspath(arguments.spantap)
    stop_on_signals()
    rows = []
    try:
        for subject in arguments.only.split(","):
            if subject == "shop":
                rows += bench_shop(arguments)
            else:
                rows += bench_one(subject, {"nginx": nginx, "redis": redis}[subject], arguments)
    except (ShopError, subprocess.CalledProcessError) as error:
        print(f"overhead: {error}", file=sys.stderr)
        return 1
    print_table(rows)
    return 0


if __name__ == "__main__":
    sys.exit(main())
