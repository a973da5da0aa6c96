#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""nginx as a proxy: which client's request each of its own requests is for, whatever makes it send them."""
import os
import shutil
import signal
import ssl
import subprocess
import sys
import threading
import time
import urllib.request

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../lib"))
import e2e  # noqa: E402
import score  # noqa: E402
import servers  # noqa: E402

# The answer to /K10031:1 holds R10031; every third try fails where FAILING is set.
UPSTREAM = """
import asyncio, os, random, re
tried = 0

async def handle(reader, writer):
    global tried
    try:
        while True:
            number = re.search(rb"/[KL](\\d+):", await reader.readuntil(b"\\r\\n\\r\\n"))[1]
            await asyncio.sleep(random.random() / 200)
            tried += 1
            status = b"502 Bad" if os.environ.get("FAILING") and tried % 3 == 0 else b"200 OK"
            length = len(number) + 1
            writer.write(b"HTTP/1.1 %b\\r\\nContent-Length: %d\\r\\n\\r\\nR%b" % (status, length, number))
    except asyncio.IncompleteReadError:
        writer.close()

async def main():
    async with await asyncio.start_server(handle, "127.0.0.1", int(os.environ["PORT"]), backlog=256) as server:
        await server.serve_forever()

asyncio.run(main())
"""
REQUESTS = int(os.environ.get("CONTEXT_REQUESTS", "300"))
AT_ONCE = [int(n) for n in os.environ.get("CONTEXT_AT_ONCE", "1 10 64").split()]
PASS = 'proxy_http_version 1.1; proxy_set_header Connection "";'
PLAIN = f"location ~ ^/Q(\\d+)$ {{ proxy_pass http://u/K$1:1; {PASS} }}"


class Nginx(e2e.Case):
    def setUp(self):
        super().setUp()
        self.need("nginx")
        self.servers = self.enterContext(servers.Servers())
        self.servers.path("upstream.py", UPSTREAM)

    def upstream(self, **settings):
        def start(port):
            command = [servers.PYTHON, "upstream.py"]
            return self.servers.start("upstream", command, signal.SIGKILL, env={"PORT": str(port), **settings})

        return self.servers.start_on_free_port("upstream", start, lambda port: servers.answers(("127.0.0.1", port)))[1]

    def group(self, *ports, keepalive=0):
        kept = f"keepalive {keepalive};" if keepalive else ""
        return f"upstream u {{ {' '.join(f'server 127.0.0.1:{port} max_fails=0;' for port in ports)} {kept} }}"

    def check(self, pid, port, right=None, at_once=None):
        """Every call has the right parent; right: how many there are, None: one for each request."""
        for count in at_once or AT_ONCE:
            with e2e.Trace(pid) as trace:
                score.load(port, REQUESTS, count)
            found = dict(score.score(trace.spans))
            if os.environ.get("CONTEXT_RULES"):
                print("#", self.id(), count, score.rules(trace.spans), file=sys.stderr)
            self.assertEqual(set(found), {"right"}, score.rules(trace.spans))
            self.assertGreaterEqual(found["right"], right or REQUESTS)

    def test_nothing_kept(self):
        self.check(*self.servers.nginx(PLAIN, self.group(self.upstream()), workers=2))

    def test_few_kept(self):
        self.check(*self.servers.nginx(PLAIN, self.group(self.upstream(), keepalive=2), workers=1))

    def test_many_kept(self):
        self.check(*self.servers.nginx(PLAIN, self.group(self.upstream(), keepalive=64), workers=3))

    def test_retries(self):
        """One upstream refuses connections, another fails now and then: each try is its request's."""
        group = self.group(servers.free_port(), self.upstream(FAILING="1"), self.upstream(), keepalive=4)
        tries = "proxy_next_upstream error timeout http_502; proxy_next_upstream_tries 10;"
        self.check(*self.servers.nginx(PLAIN, group + tries, workers=1), right=REQUESTS + REQUESTS // 10)

    def test_subrequests(self):
        """Asks who it is, then for the page, and sends a copy elsewhere that nobody waits for."""
        locations = f"""
            location ~ ^/Q(\\d+)$ {{
                set $n $1; auth_request /who; mirror /copy; proxy_pass http://u/K$n:2; {PASS}
            }}
            location /who {{ internal; proxy_pass http://u/K$n:1; proxy_pass_request_body off; {PASS} }}
            location /copy {{ internal; proxy_pass http://u/K$n:3; {PASS} }}"""
        group = self.group(self.upstream(), keepalive=8)
        self.check(*self.servers.nginx(locations, group, workers=1), right=3 * REQUESTS)

    def test_cache(self):
        """What is brought up to date in the background, after the old answer was given, is nobody's."""
        locations = f"""
            location ~ ^/Q(\\d+)$ {{ return 200 "R$1"; }}
            location ~ ^/old(\\d+)$ {{
                proxy_pass http://u/L$1:1; {PASS} proxy_cache all; proxy_cache_key same; proxy_cache_valid 200 1s;
                proxy_cache_use_stale updating; proxy_cache_background_update on;
            }}"""
        settings = f"proxy_cache_path {self.servers.path('cache')} keys_zone=all:1m; "
        pid, port = self.servers.nginx(locations, settings + self.group(self.upstream(), keepalive=8), workers=1)

        def ask(number):
            urllib.request.urlopen(f"http://127.0.0.1:{port}/old{number}", timeout=e2e.CLIENT_SECONDS).read()

        ask(20000)
        with e2e.Trace(pid) as trace:
            for number in range(20001, 20004):
                time.sleep(1.2)
                load = threading.Thread(target=score.load, args=(port, 100, 4))
                load.start()
                ask(number)
                load.join()
        found = dict(score.score(trace.spans))
        self.assertEqual(set(found), {"right"}, score.rules(trace.spans))

    def test_tls(self):
        """Encrypted on both sides; the first request of a session can have been read with the handshake."""
        if not shutil.which("openssl"):
            self.skipTest("no openssl: tools/install.sh test")
        key, certificate = self.servers.path("key.pem"), self.servers.path("certificate.pem")
        command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost"]
        subprocess.run([*command, "-keyout", key, "-out", certificate], check=True, capture_output=True)
        self.tls_port, inner = servers.free_port(), servers.free_port()
        settings = f"""{self.group(self.upstream(), keepalive=8)}
            ssl_certificate {certificate}; ssl_certificate_key {key};
            upstream inner {{ server 127.0.0.1:{inner}; keepalive 4; }}
            server {{ listen 127.0.0.1:{inner} ssl; location / {{ proxy_pass http://u; {PASS} }} }}
            server {{ listen 127.0.0.1:{self.tls_port} ssl;
                location ~ ^/Q(\\d+)$ {{ proxy_pass https://inner/K$1:1; {PASS} }} }}"""
        pid, _port = self.servers.nginx("location / { return 200; }", settings, workers=1)
        with e2e.Trace(pid) as trace:
            threads = [threading.Thread(target=self.ask_tls, args=(first,)) for first in range(8)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
        fronts = {span["span_id"]: span for span in trace.of("http", "server") if "/Q" in span["attributes"]["url.path"]}
        sent = [span for span in trace.of("http", "client") if f":{inner}/K" in span["attributes"]["url.full"]]
        if not sent:  # the Host header names the upstream
            sent = [span for span in trace.of("http", "client") if span["attributes"].get("url.scheme") == "https"]
        self.assertEqual(len(fronts), 160)
        self.assertEqual(len(sent), 160)
        for span in sent:
            front = fronts[span["parent_span_id"]]
            number = front["attributes"]["url.path"][2:]
            self.assertIn(f"/K{number}:1", span["attributes"]["url.full"])

    def ask_tls(self, first):
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        for i in range(20):
            url = f"https://127.0.0.1:{self.tls_port}/Q{10000 + first * 20 + i}"
            urllib.request.urlopen(url, timeout=e2e.CLIENT_SECONDS, context=context).read()


if __name__ == "__main__":
    e2e.main()
