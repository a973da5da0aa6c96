# SPDX-License-Identifier: GPL-2.0-only
"""PHP-FPM behind an nginx that nobody traces: a process per request; POOL is their number."""
import glob
import os

import fetch
from matrix import APPS, Missing, Program

INDEX = os.path.join(APPS, "php/index.php")
POOL = """[global]
error_log = /proc/self/fd/2
daemonize = no
[www]
listen = 127.0.0.1:%PORT%
pm = static
pm.max_children = %POOL%
clear_env = no
"""
FRONT = """location / {{
    fastcgi_pass 127.0.0.1:{port};
    fastcgi_keep_conn {keep};
    include /etc/nginx/fastcgi_params;
    fastcgi_param SCRIPT_FILENAME {index};
}}"""


def fpm(suite, version):
    """The words that run it."""
    if suite:
        return [*fetch.suite(suite, f"php{version}-fpm", "php-redis"), f"/usr/sbin/php-fpm{version}"]
    found = glob.glob(f"/usr/sbin/php-fpm{version}")
    if not found:
        raise Missing("no php-fpm")
    if not glob.glob("/usr/lib/php/*/redis.so"):
        raise Missing("no php-redis")
    return found


def program(shape, version="8.2", suite=None, keep="off", **options):
    def start(place):
        path = place.path("fpm.conf", POOL)
        script = 'sed "s/%PORT%/$PORT/; s/%POOL%/$POOL/" "$0" >"$0.$PORT"; exec "$@" -R -F -y "$0.$PORT"'
        return ["sh", "-c", script, path, *fpm(suite, version)]

    def front(place, port):
        fetch.program("nginx")
        return place.nginx(FRONT.format(port=port, keep=keep, index=INDEX))[1]

    name = f"PHP-FPM {shape}" + (", kept connections" if keep == "on" else "")
    return Program("threads", f"PHP {version}", name, start, {"SHAPE": shape}, front=front, pools=(16, 3), **options)


def programs():
    yield program("sequence", quick=0.97)
    yield program("after", at_once=(10, 64))
