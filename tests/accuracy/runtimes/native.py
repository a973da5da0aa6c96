# SPDX-License-Identifier: GPL-2.0-only
"""Programs without a runtime: nginx as a proxy, pools of threads in C."""
import os

import fetch
from matrix import APPS, Program

POOL_C = os.path.join(APPS, "native/pool.c")
NGINX = """daemon off; worker_processes {workers}; user root; pid {directory}/accuracy-nginx.pid;
error_log stderr warn; worker_rlimit_nofile 4096;
events {{ worker_connections 1024; }}
http {{
    access_log off; keepalive_requests 1000000;
    client_body_temp_path {directory}/body; proxy_temp_path {directory}/proxy; fastcgi_temp_path {directory}/fastcgi;
    uwsgi_temp_path {directory}/uwsgi; scgi_temp_path {directory}/scgi;
    upstream u {{ server 127.0.0.1:{upstream}; {keepalive} }}
    server {{
        listen 127.0.0.1:{port} backlog=1024;
        location ~ ^/Q(\\d+)$ {{ proxy_pass http://u/K$1:1; proxy_http_version 1.1; proxy_set_header Connection ""; }}
    }}
}}
"""


def pool(pattern, **options):
    """pattern: who answers, a `worker` or `main`; the pool's size is the number of workers."""
    settings = {"ANSWERS": pattern.split()[0]}

    def start(_place):
        return [fetch.built("c-pool", [fetch.program("cc"), "-O1", "-pthread", "-o", "{out}", POOL_C], POOL_C)]

    return Program("native", "C", f"pool, answered by {pattern}", start, settings, **options)


def nginx(pattern, keepalive, workers=1, **options):
    """Its configuration holds the port, which is known when it starts: a shell writes it."""

    def start(place):
        fetch.program("nginx")
        upstream = place.environment_of(("upstream",))["UPSTREAM_PORT"]
        text = NGINX.format(directory=place.directory, upstream=upstream, port="%PORT%", workers=workers,
                            keepalive=f"keepalive {keepalive};" if keepalive else "")  # fmt: skip
        path = place.path("accuracy-nginx.conf", text)
        script = 'sed "s/%PORT%/$PORT/" "$0" >"$0.$PORT" && exec nginx -e stderr -p "$1" -c "$0.$PORT"'
        return ["env", "PATH=/usr/sbin:/usr/bin:/bin", "sh", "-c", script, path, place.directory]

    return Program("native", "nginx", pattern, start, {}, ("upstream",), calls=1, pools=(keepalive,), **options)


def programs():
    yield pool("worker", pools=(16, 3), quick=0.97)
    yield pool("main", pools=(16, 3), quick=0.0)
    yield nginx("proxy, keepalive 64", 64)
    yield nginx("proxy, keepalive 2", 2, quick=0.05)
    yield nginx("proxy, no keepalive", 0)
    yield nginx("proxy, 2 workers", 16, workers=2)
    some = {"at_once": (10, 64)}
    yield nginx("proxy, keepalive 16", 16, leave=5, **some, ugly=True)
    yield nginx("proxy, keepalive 16", 16, midway=True, **some, ugly=True, quick=0.05)
    yield pool("main", pools=(16,), midway=True, **some, ugly=True)
