"""`python -m processor.demo.load`: traffic for processors that run elsewhere, to look at.

It needs `PROCESSOR_KAFKA__…` and `PROCESSOR_SCHEMA_REGISTRY__…`, and the admin address of the fake
Rokt that these processors call. Never let it near processors that call a real one.
"""

import argparse
import signal
import sys
import threading
import time
import urllib.request
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Final

import orjson
from confluent_kafka import Producer

from processor.core.events import CartAbandoned, Event, OrderPaid
from processor.core.vocabulary import Operation
from processor.demo import events
from processor.demo.samples import Sample
from processor.demo.traffic import traffic
from processor.errors import ProcessorError, RuntimeFailure
from processor.shell import schemas
from processor.shell.kafka import clients
from processor.shell.registry import Registry
from processor.shell.settings import Topics, load_connections

_PATIENCE: Final = 30.0
_SAY_EVERY: Final = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """Where samples go. `rokt` is the admin address of a fake Rokt, ending with a slash."""

    producer: Producer
    topics: Topics
    schema_ids: Mapping[str, int]
    rokt: str

    def produce(self, sample: Sample) -> None:
        """Tell Rokt how to answer, then produce."""
        rules = [rule.model_dump(mode="json", exclude_defaults=True) for rule in sample.rules()]
        if rules:
            _post(f"{self.rokt}rules", orjson.dumps(rules))
        is_paid = sample.operation is Operation.CONFIRM
        topic = self.topics.order_paid if is_paid else self.topics.cart_abandoned
        self.producer.produce(topic, self._value(sample.content), sample.key)
        self.producer.poll(0)

    def _value(self, content: Event | bytes | None) -> bytes | None:
        match content:
            case OrderPaid() | CartAbandoned() as event:
                return events.write(event, self.schema_ids[type(event).__name__])
            case bytes() | None as value:
                return value


def _post(url: str, body: bytes) -> None:
    try:
        # The address is given by whoever runs this.
        urllib.request.urlopen(url, body, _PATIENCE).close()  # noqa: S310
    except OSError as error:
        raise RuntimeFailure(f"The fake Rokt does not take rules at {url}: {error}.") from error


def run(target: Target, rate: float, seconds: float, wait: Callable[[float], bool]) -> int:
    """Produce `rate` samples a second for so long; return how many. `wait` tells when to end."""
    started = time.monotonic()
    # Orders of an earlier run are settled: nothing more would come of them.
    samples = islice(traffic(int(time.time() * 1_000)), max(1, int(rate * seconds)))
    done, said = 0, started
    for done, sample in enumerate(samples, 1):
        target.produce(sample)
        if time.monotonic() - said >= _SAY_EVERY:
            said = time.monotonic()
            sys.stderr.write(f"{done} events so far\n")
        if wait(max(0.0, started + done / rate - time.monotonic())):
            break
    if target.producer.flush(_PATIENCE):
        raise RuntimeFailure("Kafka did not take all events.")
    return done


def open_target(rokt: str) -> Target:
    """Return what the settings name, the events' schemas registered where they were not."""
    settings = load_connections()
    topics, registry = settings.topics, Registry.of(settings.schema_registry)
    try:
        schema_ids = {
            name: registry.register(schemas.subject(topic), schemas.text(name))
            for topic, name in (
                (topics.order_paid, OrderPaid.__name__),
                (topics.cart_abandoned, CartAbandoned.__name__),
            )
        }
    finally:
        registry.close()
    # As Java's producers place carts, in both inputs alike.
    placed = {"partitioner": "murmur2_random"}
    return Target(
        producer=Producer(clients.producer(settings.kafka) | placed),
        topics=topics,
        schema_ids=schema_ids,
        rokt=rokt,
    )


def main(arguments: list[str] | None = None) -> int:
    """Produce until the time is over, or SIGTERM or Ctrl-C comes; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m processor.demo.load", description=__doc__)
    parser.add_argument("--rate", type=float, default=20.0, help="events a second")
    parser.add_argument("--seconds", type=float, default=60.0, help="for how long")
    parser.add_argument("--rokt", default="http://127.0.0.1:8081/_fake/", help="admin address")
    chosen = parser.parse_args(arguments)
    ended = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: ended.set())
    try:
        done = run(open_target(chosen.rokt), chosen.rate, chosen.seconds, ended.wait)
    except ProcessorError as error:
        sys.stderr.write(f"{error}\n")
        return error.exit_code
    sys.stderr.write(f"{done} events produced\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
