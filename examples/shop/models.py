# SPDX-License-Identifier: GPL-2.0-only
"""The shop's tables, and the database session that both services use."""
import os

from sqlalchemy import Column, ForeignKey, Integer, String, create_engine
from sqlalchemy.orm import declarative_base, relationship, scoped_session, sessionmaker

engine = create_engine(os.environ["DATABASE_URL"], pool_size=16, max_overflow=16)
session = scoped_session(sessionmaker(bind=engine))
Base = declarative_base()


class Product(Base):
    __tablename__ = "products"

    id = Column(Integer, primary_key=True)
    name = Column(String, nullable=False)
    companion_id = Column(ForeignKey("products.id"))
    companion = relationship("Product", remote_side=[id])

    def summary(self):
        return {"id": self.id, "name": self.name}


class Customer(Base):
    __tablename__ = "customers"

    id = Column(Integer, primary_key=True)
    name = Column(String, nullable=False)
    country = Column(String(2), nullable=False)


class Order(Base):
    __tablename__ = "orders"

    id = Column(Integer, primary_key=True)
    customer_id = Column(ForeignKey("customers.id"), nullable=False)
    customer = relationship("Customer")
    lines = relationship("OrderLine", order_by="OrderLine.id")


class OrderLine(Base):
    __tablename__ = "order_lines"

    id = Column(Integer, primary_key=True)
    order_id = Column(ForeignKey("orders.id"), nullable=False, index=True)
    product_id = Column(ForeignKey("products.id"), nullable=False)
    quantity = Column(Integer, nullable=False)
    product = relationship("Product")


class Price(Base):
    __tablename__ = "prices"

    product_id = Column(ForeignKey("products.id"), primary_key=True)
    cents = Column(Integer, nullable=False)


class Sale(Base):
    """One past sale: what the popularity of a product is counted from."""

    __tablename__ = "sales"

    id = Column(Integer, primary_key=True)
    product_id = Column(ForeignKey("products.id"), nullable=False)
    region = Column(String, nullable=False)
