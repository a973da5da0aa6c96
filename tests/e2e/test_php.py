#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""
PHP-FPM behind nginx: what the browser asked of nginx, what nginx asked of PHP over FastCGI, and what PHP asked of
Redis and MariaDB are one trace each.
"""
import glob
import http.client
import os
import signal
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../lib"))
import e2e  # noqa: E402
import score  # noqa: E402
import servers  # noqa: E402

REQUESTS = int(os.environ.get("CONTEXT_REQUESTS", "300"))
AT_ONCE = [int(n) for n in os.environ.get("CONTEXT_AT_ONCE", "1 10 64").split()]
FPM = """
[global]
error_log = {directory}/fpm.log
daemonize = no
[www]
listen = {listen}
listen.backlog = 1024
pm = static
pm.max_children = {children}
clear_env = no
"""
PAGE = """<?php
$redis = new Redis();
$redis->pconnect('127.0.0.1', (int) getenv('REDIS_PORT'));
$sql = new mysqli('127.0.0.1', 'root', '', '', (int) getenv('SQL_PORT'));
preg_match('#/Q(\\d+)#', $_SERVER['REQUEST_URI'], $found);
$number = $found[1] ?? '';
if (isset($_GET['status'])) http_response_code((int) $_GET['status']);
if (isset($_GET['say'])) error_log('something went wrong');
if ($number) {
    $redis->get("K$number:1");
    $sql->query("SELECT 'K$number:2'");
    $redis->set("K$number:3", 'x');
}
if (isset($_GET['long'])) echo str_repeat('x', (int) $_GET['long']);
echo "R$number";
if (isset($_GET['later']) || getenv('LATER')) {
    fastcgi_finish_request();
    $redis->get("L$number:1");
    $sql->query("SELECT 'L$number:2'");
}
"""
LOCATION = """location / {{
    include /etc/nginx/fastcgi_params; fastcgi_param SCRIPT_FILENAME {page};
    fastcgi_pass {pass_to}; {keep}
}}"""


class Php(e2e.Case):
    def setUp(self):
        super().setUp()
        self.need("nginx", "redis-server", "mariadbd")
        found = glob.glob("/usr/sbin/php-fpm[0-9]*")
        for module in ("redis", "mysqli"):
            if not glob.glob(f"/usr/lib/php/*/{module}.so"):
                self.skipTest(f"no php-{module}: tools/install.sh test")
        if not found:
            self.skipTest("no php-fpm: tools/install.sh test")
        self.program = found[0]
        self.servers = self.enterContext(servers.Servers())

    def fpm(self, children, unix, **settings):
        """(pid, port or path)"""
        path = self.servers.path("fpm.sock") if unix else None
        if not hasattr(self, "settings"):
            self.settings = {"REDIS_PORT": self.servers.redis()[1], "SQL_PORT": self.servers.mariadb()[1]}

        def start(port):
            listen = path or f"127.0.0.1:{port}"
            text = FPM.format(directory=self.servers.directory, listen=listen, children=children)
            command = [self.program, "-R", "-F", "-y", self.servers.path("fpm.conf", text)]
            given = {name: str(value) for name, value in {**self.settings, **settings}.items()}
            return self.servers.start("fpm", command, signal.SIGTERM, env=given)

        def ready(port):
            if not servers.answers(path or ("127.0.0.1", port)):
                return False
            return len(servers.children(self.servers.started[-1][0].pid)) == children

        pid, port = self.servers.start_on_free_port("fpm", start, ready)
        return pid, path or port

    def stack(self, children=4, unix=False, keep=False, **settings):
        """nginx before PHP: (nginx's pid and port, PHP's pid)"""
        php, where = self.fpm(children, unix, **settings)
        place = f"unix:{where}" if unix else f"127.0.0.1:{where}"
        page = self.servers.path("page.php", PAGE)
        # A kept connection keeps a child: fewer of them than children, or who waits for one waits for ever.
        upstream = f"upstream php {{ server {place}; keepalive 8; }}" if keep else ""
        location = LOCATION.format(
            page=page, pass_to="php" if keep else place, keep="fastcgi_keep_conn on;" if keep else ""
        )
        return *self.servers.nginx(location, upstream), php

    def check(self, trace, port):
        """Each request is one trace of six spans: nginx, FastCGI at both ends, three calls."""
        found = score.measure(trace.spans, range(score.FIRST, score.FIRST + REQUESTS))
        if os.environ.get("CONTEXT_RULES"):
            print("#", self.id(), port, found.right, found.wrong, found.none, found.rules, file=sys.stderr)
        self.assertEqual((found.right, found.wrong, found.none), (3 * REQUESTS, 0, 0), found.examples[:3])
        by_id = {span["span_id"]: span for span in trace.spans}
        asked = trace.of("fastcgi", "server")
        self.assertEqual(len(asked), REQUESTS)
        for span in asked:
            sent = by_id[span["parent_span_id"]]
            front = by_id[sent["parent_span_id"]]
            self.assertEqual(span["parent_rule"], "connection")
            self.assertEqual((sent["protocol"], sent["kind"]), ("fastcgi", "client"))
            self.assertEqual((front["protocol"], front["kind"]), ("http", "server"))
            self.assertEqual(sent["parent_rule"], "unit")
            self.assertEqual(front["attributes"]["url.path"], span["attributes"]["url.path"])
            self.assertEqual(span["attributes"]["network.protocol.name"], "fastcgi")

    def load(self, **stack):
        nginx, port, php = self.stack(**stack)
        for at_once in AT_ONCE:
            with e2e.Trace(nginx, php, options=["--no-redact"]) as trace:
                score.load(port, REQUESTS, at_once)
            self.check(trace, at_once)

    def test_few_children(self):
        self.load(children=4)

    def test_many_children_kept(self):
        self.load(children=32, keep=True)

    def test_unix(self):
        self.load(children=4, unix=True)

    def test_unix_kept(self):
        self.load(children=32, unix=True, keep=True)

    def test_after_the_response(self):
        """What is called after fastcgi_finish_request() is nobody's, also where other requests are open."""
        nginx, port, php = self.stack(children=4, LATER=1)
        with e2e.Trace(nginx, php, options=["--no-redact"]) as trace:
            score.load(port, REQUESTS, 10)
        self.check(trace, 10)

    def ask(self, port, method, path, **options):
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=e2e.CLIENT_SECONDS)
        connection.request(method, path, **options)
        answer = connection.getresponse()
        answer.read()
        connection.close()
        return answer.status

    def test_what_is_told(self):
        nginx, port, php = self.stack(unix=True)
        trace_id = "0af7651916cd43dd8448eb211c80319c"
        headers = {"traceparent": f"00-{trace_id}-b7ad6b7169203331-01", "User-Agent": "test/1"}
        # Where nginx reads a long answer, some records' headers are in the middle of what it reads: not copied.
        with e2e.Trace(nginx, php, lossy=("decoder_lost_place", "bytes_undecoded")) as trace:
            self.assertEqual(self.ask(port, "GET", "/user/77?status=404&token=secret", headers=headers), 404)
            self.assertEqual(self.ask(port, "POST", "/order?say=1&status=503", body="a=b"), 503)
            self.assertEqual(self.ask(port, "GET", "/export?long=300000"), 200)
        told = {span["attributes"]["url.path"]: span for span in trace.of("fastcgi", "server")}
        user, order, export = (told[path] for path in ("/user/77", "/order", "/export"))
        self.assertEqual(user["trace_id"], trace_id)
        self.assertEqual(user["attributes"]["http.response.status_code"], 404)
        self.assertEqual(user["attributes"]["user_agent.original"], "test/1")
        self.assertEqual(user["attributes"]["client.address"], "127.0.0.1")
        self.assertNotIn("secret", str(trace.spans))
        self.assertEqual(order["name"], "POST /order")
        self.assertEqual(order["status"], "error")
        self.assertEqual(order["attributes"]["http.request.body.size"], 3)
        self.assertIn("something went wrong", order["status_message"])
        self.assertEqual(export["attributes"]["http.response.body.size"], 300001)
        self.assertEqual(export["attributes"]["http.response.status_code"], 200)


if __name__ == "__main__":
    e2e.main()
