# SPDX-License-Identifier: GPL-2.0-only
"""What the endpoints of the web service share: the app, Redis, the database, the pricing service."""
import os

import redis
import requests
from flask import Flask, abort
from requests.adapters import HTTPAdapter

from models import session

PRICING_URL = os.environ["PRICING_URL"]

app = Flask("web")
cache = redis.Redis.from_url(os.environ["REDIS_URL"])
http = requests.Session()
http.mount("http://", HTTPAdapter(pool_maxsize=32))


@app.teardown_appcontext
def close_session(_error):
    session.remove()


def find(model, identity, *options):
    row = session.get(model, identity, options=options)
    if row is None:
        abort(404)
    return row


def price_of(product_id):
    answer = http.get(f"{PRICING_URL}/price/{product_id}", timeout=30)
    answer.raise_for_status()
    return answer.json()["cents"]
