# SPDX-License-Identifier: GPL-2.0-only
"""The shop's web service. The endpoints that are not here are in before/ and, mended, in after/."""
from flask import jsonify

import checkout  # noqa: F401
import orders  # noqa: F401
import product  # noqa: F401
from models import Product
from shared import app, cache, find, price_of


@app.get("/health")
def health():
    return jsonify(ok=True)


@app.get("/pair/<int:product_id>")
def pair(product_id):
    """A product and what goes with it, for the price of both."""
    views = cache.incr(f"views:{product_id}")
    item = find(Product, product_id)
    cents = price_of(product_id) + price_of(item.companion_id)
    return jsonify(product=item.summary(), companion=item.companion_id, views=views, cents=cents)
