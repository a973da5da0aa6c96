# SPDX-License-Identifier: GPL-2.0-only
"""A product, its price, and what sells best."""
from flask import jsonify
from sqlalchemy import func

from models import Product, Sale, session
from shared import app, cache, find, price_of


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


@app.get("/product/<int:product_id>")
def product(product_id):
    item = find(Product, product_id)
    return jsonify(product=item.summary(), cents=price_of(product_id), bestseller=bestseller())
