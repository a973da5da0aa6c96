# SPDX-License-Identifier: GPL-2.0-only
"""
The real servers of the end-to-end tests, each in a temporary directory, on free ports of the loopback
interface and on UNIX sockets, stopped by PID. The demo's shop knows how to start and stop servers; this adds
those it does not have.
"""
import os
import socket
import subprocess
import sys
import tempfile
import time

import e2e

sys.path.insert(0, os.path.join(e2e.ROOT, "examples/shop"))
import shop  # noqa: E402
from shop import PYTHON, ShopError, free_port  # noqa: E402,F401

POSTGRES_LOGGING = [
    "log_statement=all",
    "log_line_prefix=%a|",
    "shared_preload_libraries=pg_stat_statements",
    "pg_stat_statements.track_utility=on",
]


def answers(address):
    family = socket.AF_UNIX if isinstance(address, str) else socket.AF_INET
    with socket.socket(family) as probe:
        probe.settimeout(5)
        return probe.connect_ex(address) == 0


def children(pid):
    with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as source:
        return [int(child) for child in source.read().split()]


class Servers(shop.Shop):
    """In a `with` statement, like the shop; nothing is started until asked for."""

    def __enter__(self):
        self.directory = tempfile.mkdtemp(prefix="spantap-e2e.")
        os.chmod(self.directory, 0o755)  # servers drop their privileges and have to pass through
        return self

    def path(self, name, text=None):
        """A file's path in the directory; with `text`, of a file that is written now."""
        path = os.path.join(self.directory, name)
        if text is not None:
            with open(path, "w", encoding="utf-8") as out:
                out.write(text)
        return path

    def read(self, name):
        with open(self.path(name), encoding="utf-8", errors="replace") as source:
            return source.read()

    def postgres(self):
        """Logs each statement with its client's application_name; (pid, port, directory of its socket)."""
        options = [*POSTGRES_LOGGING, "listen_addresses=127.0.0.1,::1"]
        os.environ["SHOP_POSTGRES_OPTIONS"] = " ".join(options)
        self.start_postgres()
        pid, port = self.settings["SHOP_POSTGRES_PID"], self.settings["SHOP_POSTGRES_PORT"]
        return pid, port, os.path.join(self.directory, "postgres")

    def postgres_log(self, application):
        """Lines of a client's log, without the prefix."""
        prefix = f"{application}|"
        return [line[len(prefix) :] for line in self.read("postgres.log").splitlines() if line.startswith(prefix)]

    def redis(self):
        """(pid, port, path of its UNIX socket)"""
        path = self.path("redis.sock")

        def start(port):
            command = ["redis-server", "--port", str(port), "--bind", "127.0.0.1", "-::1", "--save", ""]
            return self.start("redis", [*command, "--unixsocket", path], shop.signal.SIGTERM)

        pid, port = self.start_on_free_port("redis", start, lambda port: answers(("127.0.0.1", port)))
        return pid, port, path

    def mariadb(self):
        """With its general log in general.log; (pid, port, path of its UNIX socket); user root, no password."""
        data, path = self.path("mariadb"), self.path("mariadb.sock")
        made = subprocess.run(
            ["mariadb-install-db", "--no-defaults", f"--datadir={data}", "--auth-root-authentication-method=normal"]
            + ["--skip-test-db", "--user=root"],
            capture_output=True,
            text=True,
            check=False,
        )
        if made.returncode:
            raise ShopError(f"mariadb-install-db: {made.stdout}{made.stderr}")

        def start(port):
            command = ["mariadbd", "--no-defaults", f"--datadir={data}", f"--socket={path}", "--user=root"]
            command += [f"--port={port}", "--bind-address=127.0.0.1,::1", f"--pid-file={self.path('mariadb.pid')}"]
            command += ["--general-log", f"--general-log-file={self.path('general.log')}", "--local-infile"]
            command += ["--innodb-flush-log-at-trx-commit=0", "--innodb-buffer-pool-size=16M"]
            command += ["--max-allowed-packet=64M"]
            return self.start("mariadb", command, shop.signal.SIGTERM, env={"PATH": "/usr/sbin:/usr/bin:/bin"})

        pid, port = self.start_on_free_port("mariadb", start, lambda port: answers(("127.0.0.1", port)))
        return pid, port, path

    def nginx(self, locations, settings="", workers=2):
        """(pid, port); `locations` is the inside of its `server`; one line per request in access.log."""

        def start(port):
            configuration = f"""
                daemon off; worker_processes {workers}; user root; pid {self.path("nginx.pid")};
                error_log {self.path("error.log")} warn; worker_rlimit_nofile 4096;
                events {{ worker_connections 1024; }}
                http {{
                    log_format one '$request|$status|$bytes_sent|$body_bytes_sent';
                    access_log {self.path("access.log")} one; keepalive_requests 1000000;
                    client_body_temp_path {self.path("body")}; proxy_temp_path {self.path("proxy")};
                    fastcgi_temp_path {self.path("fastcgi")}; uwsgi_temp_path {self.path("uwsgi")};
                    scgi_temp_path {self.path("scgi")};
                    {settings}
                    server {{
                        listen 127.0.0.1:{port} backlog=1024; listen [::1]:{port} backlog=1024;
                        listen unix:{self.path(f"nginx.{port}.sock")};
                        {locations}
                    }}
                }}"""
            command = ["nginx", "-e", "stderr", "-p", self.directory, "-c", self.path("nginx.conf", configuration)]
            return self.start("nginx", command, shop.signal.SIGTERM, env={"PATH": "/usr/sbin:/usr/bin:/bin"})

        pid, port = self.start_on_free_port("nginx", start, lambda port: answers(("127.0.0.1", port)))
        e2e.wait_until("nginx's workers", lambda: len(children(pid)) >= workers)
        time.sleep(0.2)  # a worker that was just forked is not in its loop yet
        return pid, port

    def access_log(self):
        """[request line, status, bytes sent, body bytes sent] of each request."""
        return [line.split("|") for line in self.read("access.log").splitlines()]

    def gunicorn(self, application, *options, unix=None, env=None):
        """(pid, port or path) of gunicorn with `application`, the text of a module that has an `app`."""
        self.path("application.py", application)

        def start(port):
            bind = f"unix:{unix}" if unix else f"127.0.0.1:{port}"
            command = [PYTHON, "-m", "gunicorn", "--bind", bind, "--timeout", "300", "--worker-tmp-dir", self.directory]
            command += ["--access-logfile", self.path("gunicorn.access"), "--access-logformat", "%(r)s|%(s)s|%(B)s"]
            environment = {"PYTHONDONTWRITEBYTECODE": "1", **(env or {})}
            return self.start(
                "gunicorn", [*command, *options, "application:app"], shop.signal.SIGTERM, env=environment
            )

        def ready(port):
            """It listens before its workers run."""
            return answers(unix or ("127.0.0.1", port)) and "Booting worker" in self.read("gunicorn.log")

        pid, port = self.start_on_free_port("gunicorn", start, ready)
        return pid, unix or port
