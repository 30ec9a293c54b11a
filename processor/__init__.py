"""Confirms paid orders and releases abandoned carts with Rokt, off Kafka."""

__version__ = "0.1.0"
