"""Kafka's clients as a careful user sets them, for the yardsticks."""

import argparse

from confluent_kafka import Consumer, Producer

NAMES = ("bootstrap-servers", "registry-url", "rokt-url", "orders-topic", "results-topic")


def parser(text: str | None) -> argparse.ArgumentParser:
    """Return what reads the arguments of a yardstick."""
    read = argparse.ArgumentParser(description=text)
    for name in NAMES:
        read.add_argument(f"--{name}", required=True)
    read.add_argument("--in-flight", type=int, required=True)
    return read


def consumer(arguments: argparse.Namespace) -> Consumer:
    """Return a consumer of the orders, in a group that no other run has."""
    client = Consumer(
        {
            "bootstrap.servers": arguments.bootstrap_servers,
            "group.id": arguments.results_topic,
            "enable.auto.commit": False,
            "auto.offset.reset": "earliest",
        }
    )
    client.subscribe([arguments.orders_topic])
    return client


def producer(arguments: argparse.Namespace) -> Producer:
    """Return a producer that loses nothing."""
    return Producer(
        {
            "bootstrap.servers": arguments.bootstrap_servers,
            "enable.idempotence": True,
            "linger.ms": 5,
        }
    )
