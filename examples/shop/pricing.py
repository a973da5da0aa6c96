# SPDX-License-Identifier: GPL-2.0-only
"""The pricing service: what a product costs, from Redis or else from PostgreSQL."""
import os

import redis
from flask import Flask, abort, jsonify, request

from models import Price, session

app = Flask(__name__)
cache = redis.Redis.from_url(os.environ["REDIS_URL"])


@app.teardown_appcontext
def close_session(_error):
    session.remove()


@app.get("/health")
def health():
    return jsonify(ok=True)


@app.get("/price/<int:product_id>")
def price(product_id):
    cents = cache.get(f"price:{product_id}")
    if cents is None:
        row = session.get(Price, product_id)
        if row is None:
            abort(404)
        cents = row.cents
        cache.setex(f"price:{product_id}", 300, cents)
    return jsonify(product=product_id, cents=int(cents))


@app.post("/quote")
def quote():
    quantities = {line["product"]: line["quantity"] for line in request.get_json()["lines"]}
    rows = session.query(Price).filter(Price.product_id.in_(quantities)).all()
    cache.incr("quotes")
    return jsonify(cents=sum(row.cents * quantities[row.product_id] for row in rows))
