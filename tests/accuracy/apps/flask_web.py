# SPDX-License-Identifier: GPL-2.0-only
"""A thread per request: by itself, with threads of its own, or under gunicorn (flask_web:app)."""
import os

import flask
import redis

app = flask.Flask(__name__)
cache = redis.Redis(
    connection_pool=redis.BlockingConnectionPool(
        host="127.0.0.1", port=int(os.environ["REDIS_PORT"]), max_connections=int(os.environ["POOL"]), timeout=60
    )
)


@app.route("/Q<number>")
def serve(number):
    for i in (1, 2, 3):
        cache.get(f"K{number}:{i}")
    return f"R{number}"


if __name__ == "__main__":
    app.run("127.0.0.1", int(os.environ["PORT"]), threaded=True)
