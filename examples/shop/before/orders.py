# SPDX-License-Identifier: GPL-2.0-only
"""An order with its lines and their products."""
from flask import jsonify

from models import Order
from shared import app, find


@app.get("/orders/<int:order_id>")
def order(order_id):
    found = find(Order, order_id)
    lines = [{"product": line.product.name, "quantity": line.quantity} for line in found.lines]
    return jsonify(order=order_id, customer=found.customer.name, lines=lines)
