#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""Starts the whole shop, runs a command beside it, and stops all of it again.

    shop.py [before|no-sleep|eager|after] [-- COMMAND...]

The versions: `before` has three faults; the others have one, two and all three of them mended.

PostgreSQL and redis-server keep their files in a temporary directory and listen on free ports of the
loopback interface, so that any number of shops can run at once. COMMAND finds the shop in its environment:
SHOP_URL, SHOP_WEB_PID, SHOP_PRICING_PID, SHOP_PRICING_URL, SHOP_REDIS_PORT, SHOP_REDIS_PID,
SHOP_POSTGRES_PORT, SHOP_POSTGRES_PID, SHOP_DIRECTORY (logs, and the socket of PostgreSQL). Its exit status
is the exit status. Without a command the shop prints these settings and runs until it is interrupted.
Settings: SHOP_WORKERS, SHOP_THREADS (of the web service), SHOP_PRODUCTS, SHOP_SALES, and
SHOP_POSTGRES_OPTIONS (`name=value ...`). Every server also dies with this process, however that ends.
"""
import argparse
import contextlib
import ctypes
import glob
import os
import pwd
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request

HERE = os.path.dirname(os.path.abspath(__file__))
PYTHON = "/usr/bin/python3"  # Debian's: its packages are what install.sh brings
START_SECONDS = 240  # a guest under software emulation is 50 times slower
STOP_SECONDS = 30
ENDING_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
PR_SET_PDEATHSIG = 1
# Each version is the one before it with one file from after/ in place of that from before/.
FIXES = {"no-sleep": "checkout.py", "eager": "orders.py", "after": "product.py"}
VERSIONS = ("before", *FIXES)
LIBC = ctypes.CDLL(None, use_errno=True)


class ShopError(Exception):
    pass


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def postgres_program(name):
    """The newest installed one: Debian keeps these programs out of PATH."""
    found = glob.glob(f"/usr/lib/postgresql/*/bin/{name}")
    found.sort(key=lambda path: [int(part) for part in path.split("/")[4].split(".")])
    path = found[-1] if found else shutil.which(name)
    if not path:
        raise ShopError(f"{name}: not found: install postgresql (tools/install.sh demo)")
    return path


class Shop:
    """
    The four servers. Use it in a `with` statement: leaving it stops what was started, by PID. `python` is
    the command that runs the services, `environment` adds to theirs.
    """

    def __init__(self, version="before", python=(PYTHON,), environment=None):
        if version not in VERSIONS:
            raise ShopError(f"no such version of the shop: {version}")
        self.version = version
        self.python = python
        self.extra_environment = environment or {}
        self.directory = None
        self.started = []  # (process, the signal that ends it quickly), in the order of their start
        self.settings = {}

    def __enter__(self):
        self.directory = tempfile.mkdtemp(prefix="spantap-shop.")
        try:
            os.chmod(self.directory, 0o755)  # PostgreSQL's own user has to pass through
            self.start_postgres()
            self.start_redis()
            self.seed()
            self.copy_code()
            self.start_services()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, *_exception):
        self.stop()

    def log(self, name):
        return os.path.join(self.directory, f"{name}.log")

    def log_tail(self, name):
        with open(self.log(name), errors="replace") as log:
            return "".join(log.readlines()[-15:])

    def start(self, name, command, end_signal, **options):
        """A server's environment is what it needs, not what we happen to have: no OTEL_*, no PYTHON*."""
        environment = {"PATH": "/usr/local/bin:/usr/bin:/bin", "LC_ALL": "C.UTF-8"}
        environment.update(options.pop("env", {}))
        with open(self.log(name), "ab") as log:
            process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=environment,
                cwd=options.pop("cwd", self.directory),
                preexec_fn=lambda: LIBC.prctl(PR_SET_PDEATHSIG, end_signal),
                start_new_session=True,  # a ^C of the terminal is ours to handle
                **options,
            )
        self.started.append((process, end_signal))
        return process

    def wait(self, name, process, ready):
        """False when the server ended instead of becoming ready."""
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            if process.poll() is not None:
                return False
            if ready():
                return True
            time.sleep(0.05)
        raise ShopError(f"{name}: not ready after {START_SECONDS} s\n{self.log_tail(name)}")

    def start_on_free_port(self, name, start, ready):
        """Between our look and the server's bind another process can take the port: then again."""
        for _attempt in range(5):
            port = free_port()
            process = start(port)
            if self.wait(name, process, lambda: ready(port)):
                return process.pid, port
        raise ShopError(f"{name}: does not start\n{self.log_tail(name)}")

    def start_postgres(self):
        user = {}
        data = os.path.join(self.directory, "postgres")
        os.mkdir(data, 0o700)
        if os.geteuid() == 0:  # which PostgreSQL refuses to run as
            try:
                account = pwd.getpwnam("postgres")
            except KeyError:
                raise ShopError("no user postgres: install postgresql (tools/install.sh demo)") from None
            os.chown(data, account.pw_uid, account.pw_gid)
            user = {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []}
        cluster = os.path.join(data, "cluster")
        made = subprocess.run(
            [postgres_program("initdb"), "-D", cluster, "-U", "shop", "--auth=trust", "-N"]
            + ["--encoding=UTF8", "--locale=C"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            cwd=data,
            text=True,
            check=False,
            **user,
        )
        if made.returncode != 0:
            raise ShopError(f"initdb failed\n{made.stdout}")
        settings = ["fsync=off", "listen_addresses=127.0.0.1", "max_connections=200"]
        settings += [f"unix_socket_directories={data}", "shared_buffers=32MB"]
        settings += os.environ.get("SHOP_POSTGRES_OPTIONS", "").split()

        def start(port):
            command = [postgres_program("postgres"), "-D", cluster, "-p", str(port)]
            for setting in settings:
                command += ["-c", setting]
            return self.start("postgres", command, signal.SIGINT, **user)

        def ready(port):
            check = [postgres_program("pg_isready"), "-q", "-h", "127.0.0.1", "-p", str(port), "-U", "shop"]
            return subprocess.run(check, check=False).returncode == 0

        pid, port = self.start_on_free_port("postgres", start, ready)
        self.settings["SHOP_POSTGRES_PID"] = pid
        self.settings["SHOP_POSTGRES_PORT"] = port
        self.database_url = f"postgresql://shop@127.0.0.1:{port}/postgres"

    def start_redis(self):
        def start(port):
            command = ["redis-server", "--port", str(port), "--bind", "127.0.0.1", "--save", ""]
            return self.start("redis", command, signal.SIGTERM)

        def ready(port):
            try:
                with socket.create_connection(("127.0.0.1", port), timeout=5) as connection:
                    connection.sendall(b"PING\r\n")
                    return connection.recv(5) == b"+PONG"
            except OSError:
                return False

        if not shutil.which("redis-server"):
            raise ShopError("redis-server: not found: install it (tools/install.sh demo)")
        pid, port = self.start_on_free_port("redis", start, ready)
        self.settings["SHOP_REDIS_PID"] = pid
        self.settings["SHOP_REDIS_PORT"] = port
        self.redis_url = f"redis://127.0.0.1:{port}/0"

    def service_environment(self):
        return {
            "DATABASE_URL": self.database_url,
            "REDIS_URL": self.redis_url,
            "PYTHONDONTWRITEBYTECODE": "1",
            "PYTHONPATH": f"{os.path.join(self.directory, 'code')}:{HERE}",
            **{name: os.environ[name] for name in ("SHOP_PRODUCTS", "SHOP_SALES") if name in os.environ},
        }

    def seed(self):
        environment = self.service_environment()
        process = self.start("seed", [PYTHON, "seed.py"], signal.SIGTERM, cwd=HERE, env=environment)
        if process.wait() != 0:
            raise ShopError(f"seed.py failed\n{self.log_tail('seed')}")

    def start_service(self, name, module, directory, threads, environment):
        """gunicorn inherits a socket that already listens, so nobody can take its port."""
        with socket.socket() as listening:
            listening.bind(("127.0.0.1", 0))
            listening.listen(512)
            port = listening.getsockname()[1]
            workers = os.environ.get("SHOP_WORKERS", "2") if name == "web" else "1"
            command = [*self.python, "-m", "gunicorn", "--bind", f"fd://{listening.fileno()}"]
            command += ["--workers", workers, "--worker-class", "gthread", "--threads", threads]
            command += ["--keep-alive", "75"]
            command += ["--timeout", "300", "--worker-tmp-dir", self.directory, f"{module}:app"]
            process = self.start(
                name,
                command,
                signal.SIGTERM,  # SIGINT can deadlock gunicorn 20.1: its handler takes the pool's lock
                cwd=directory,
                env={**self.service_environment(), **environment, **self.extra_environment},
                pass_fds=[listening.fileno()],
            )
        url = f"http://127.0.0.1:{port}"

        def ready():
            try:
                with urllib.request.urlopen(f"{url}/health", timeout=START_SECONDS) as answer:
                    return answer.status == 200
            except OSError:
                return False

        if not self.wait(name, process, ready):
            raise ShopError(f"{name}: does not start\n{self.log_tail(name)}")
        return process.pid, url

    def copy_code(self):
        code = shutil.copytree(os.path.join(HERE, "before"), os.path.join(self.directory, "code"))
        for version in VERSIONS[1 : VERSIONS.index(self.version) + 1]:
            shutil.copy(os.path.join(HERE, "after", FIXES[version]), code)

    def start_services(self):
        """The names of the services are configuration, as in any deployment; the code does not know them."""
        pid, pricing_url = self.start_service(
            "pricing", "pricing", HERE, "8", {"OTEL_SERVICE_NAME": "shop-pricing"}
        )
        self.settings["SHOP_PRICING_PID"] = pid
        self.settings["SHOP_PRICING_URL"] = pricing_url
        self.settings["SHOP_WEB_PID"], self.settings["SHOP_URL"] = self.start_service(
            "web",
            "web",
            HERE,
            os.environ.get("SHOP_THREADS", "16"),
            {"PRICING_URL": pricing_url, "OTEL_SERVICE_NAME": "shop-web"},
        )

    def environment(self):
        settings = {name: str(value) for name, value in self.settings.items()}
        return {**settings, "SHOP_DIRECTORY": self.directory}

    def stop(self):
        for process, end_signal in self.started:
            process.send_signal(end_signal)
        for process, _end_signal in self.started:
            try:
                process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
            with contextlib.suppress(ProcessLookupError):  # a worker that its master did not get rid of
                os.killpg(process.pid, signal.SIGKILL)
        self.started.clear()
        shutil.rmtree(self.directory, ignore_errors=True)


def end_by_signal(number, _frame):
    for each in ENDING_SIGNALS:
        signal.signal(each, signal.SIG_IGN)  # stopping the servers is not to be interrupted
    raise SystemExit(128 + number)


def stop_on_signals():
    for each in ENDING_SIGNALS:
        signal.signal(each, end_by_signal)


def main():
    parser = argparse.ArgumentParser(description="run the shop and a command beside it")
    parser.add_argument("version", nargs="?", default="before", choices=VERSIONS)
    parser.add_argument("command", nargs="*", metavar="COMMAND", help="what to run; after --")
    arguments = parser.parse_args()
    stop_on_signals()
    try:
        with Shop(arguments.version) as shop:
            if arguments.command:
                return subprocess.run(
                    arguments.command, env={**os.environ, **shop.environment()}, check=False
                ).returncode
            for name, value in shop.environment().items():
                print(f"{name}={value}", flush=True)
            signal.pause()
    except ShopError as error:
        print(f"shop: {error}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
