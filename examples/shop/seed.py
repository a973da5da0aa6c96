# SPDX-License-Identifier: GPL-2.0-only
"""Creates the shop's tables and fills them, always with the same data."""
import os

from sqlalchemy import text

from models import Base, engine

PRODUCTS = int(os.environ.get("SHOP_PRODUCTS", "2000"))
ORDERS = 200
LINES = 37
SALES = int(os.environ.get("SHOP_SALES", "40000"))

STATEMENTS = [
    "INSERT INTO products (id, name) SELECT n, 'Product ' || n FROM generate_series(1, :products) n",
    "UPDATE products SET companion_id = id % :products + 1",
    "INSERT INTO prices SELECT n, 100 + n * 37 % 9900 FROM generate_series(1, :products) n",
    """INSERT INTO customers SELECT n, 'Customer ' || n, (ARRAY['DE', 'FR', 'PT', 'SE'])[n % 4 + 1]
       FROM generate_series(1, 50) n""",
    "INSERT INTO orders SELECT n, n % 50 + 1 FROM generate_series(1, :orders) n",
    """INSERT INTO order_lines (order_id, product_id, quantity)
       SELECT o, (o * 41 + l * 7) % :products + 1, l % 3 + 1
       FROM generate_series(1, :orders) o, generate_series(1, :lines) l ORDER BY o, l""",
    """INSERT INTO sales (product_id, region)
       SELECT n * 31 % :products + 1, (ARRAY['north', 'south', 'east', 'west'])[n % 4 + 1]
       FROM generate_series(1, :sales) n""",
    "ANALYZE",
]


def main():
    Base.metadata.create_all(engine)
    sizes = {"products": PRODUCTS, "orders": ORDERS, "lines": LINES, "sales": SALES}
    with engine.begin() as connection:
        for statement in STATEMENTS:
            connection.execute(text(statement), sizes)


if __name__ == "__main__":
    main()
