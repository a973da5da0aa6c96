# SPDX-License-Identifier: GPL-2.0-only
"""The shop's web service."""
import os

import redis
import requests
from flask import Flask, abort, jsonify, request
from requests.adapters import HTTPAdapter
from sqlalchemy import func
from sqlalchemy.orm import selectinload

from models import Order, OrderLine, Product, Sale, session

PRICING_URL = os.environ["PRICING_URL"]

app = Flask(__name__)
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


def bestseller():
    """The product that sold most often, over all sales; counted once a minute."""
    cached = cache.get("bestseller")
    if cached is not None:
        return int(cached)
    best = (
        session.query(Sale.product_id)
        .group_by(Sale.product_id)
        .order_by(func.count().desc(), Sale.product_id)
        .first()
    )
    cache.setex("bestseller", 60, best.product_id)
    return best.product_id


@app.get("/health")
def health():
    return jsonify(ok=True)


@app.get("/pair/<int:product_id>")
def pair(product_id):
    """A product and what goes with it, for the price of both."""
    views = cache.incr(f"views:{product_id}")
    product = find(Product, product_id)
    cents = price_of(product_id) + price_of(product.companion_id)
    return jsonify(product=product.summary(), companion=product.companion_id, views=views, cents=cents)


@app.get("/product/<int:product_id>")
def product(product_id):
    item = find(Product, product_id)
    return jsonify(product=item.summary(), cents=price_of(product_id), bestseller=bestseller())


@app.get("/orders/<int:order_id>")
def order(order_id):
    found = find(Order, order_id, selectinload(Order.lines).joinedload(OrderLine.product))
    lines = [{"product": line.product.name, "quantity": line.quantity} for line in found.lines]
    return jsonify(order=order_id, customer=found.customer.name, lines=lines)


@app.get("/checkout")
def checkout():
    found = find(Order, request.args.get("order", type=int))
    lines = [{"product": line.product_id, "quantity": line.quantity} for line in found.lines]
    answer = http.post(f"{PRICING_URL}/quote", json={"lines": lines}, timeout=30)
    answer.raise_for_status()
    return jsonify(order=found.id, cents=answer.json()["cents"])
