# SPDX-License-Identifier: GPL-2.0-only
"""Buys an order: what do its lines cost together?"""
import time

from flask import jsonify, request

from models import Order
from shared import PRICING_URL, app, find, http


@app.get("/checkout")
def checkout():
    found = find(Order, request.args.get("order", type=int))
    lines = [{"product": line.product_id, "quantity": line.quantity} for line in found.lines]
    time.sleep(0.15)  # the payment provider's sandbox wants a pause
    answer = http.post(f"{PRICING_URL}/quote", json={"lines": lines}, timeout=30)
    answer.raise_for_status()
    return jsonify(order=found.id, cents=answer.json()["cents"])
