"""The oracle: reads topics, committed offsets and the fake Rokt's ledger, and finds what is wrong.

It decodes with fastavro and the schemas' own texts, not with the processor's code.
"""

import json
import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from io import BytesIO
from typing import Any

import fastavro
from confluent_kafka import Consumer, KafkaError, Message, TopicPartition

from processor.fake_rokt.contract import Operation
from tests.support.events import schema_text
from tests.support.programs import wait_until
from tests.support.world import World

_APPLIED = frozenset({"APPLIED", "PARTIALLY_APPLIED"})
_SETTLED = _APPLIED | {"MAYBE_APPLIED"}
_CLOCK = 0.01
_DENIALS = frozenset({"NOT_SENT", "NOT_APPLIED"})


@cache
def _schema(name: str) -> Any:  # noqa: ANN401  fastavro's own form
    return fastavro.parse_schema(json.loads(schema_text(name)))


@dataclass(frozen=True)
class Written:
    """A record of an output topic."""

    topic: str
    partition: int
    offset: int
    key: bytes | None
    headers: dict[str, str]
    value: dict[str, Any]
    timestamp: float


def read_topic(world: World, topic: str) -> Iterator[Message]:
    """Read a topic from its beginning to the end that it has now."""
    consumer = Consumer(
        {
            "bootstrap.servers": world.kafka.bootstrap_servers,
            "group.id": "oracle",
            "enable.partition.eof": True,
            "enable.auto.commit": False,
        }
    )
    consumer.assign([TopicPartition(topic, n, 0) for n in range(world.partitions)])
    open_partitions = set(range(world.partitions))
    try:
        while open_partitions:
            message = consumer.poll(10)
            assert message is not None, f"{topic} does not end"
            error = message.error()
            if error is None:
                yield message
            else:
                assert error.code() == KafkaError._PARTITION_EOF, error  # noqa: SLF001
                open_partitions.discard(message.partition() or 0)
    finally:
        consumer.close()


def written(world: World, topic: str, schema: str) -> list[Written]:
    """Return the decoded records of an output topic."""
    found = []
    for message in read_topic(world, topic):
        value = message.value()
        assert value is not None
        datum = fastavro.schemaless_reader(BytesIO(value[5:]), _schema(schema), None)
        assert isinstance(datum, dict)
        headers = {name: _text(raw) for name, raw in _headers(message)}
        found.append(
            Written(
                topic,
                message.partition() or 0,
                message.offset() or 0,
                message.key(),
                headers,
                datum,
                message.timestamp()[1] / 1000,
            )
        )
    return found


def _headers(message: Message) -> list[tuple[str, str | bytes | None]]:
    headers = message.headers()
    return headers if isinstance(headers, list) else []


def _text(raw: str | bytes | None) -> str:
    assert isinstance(raw, bytes), "a header of ours is always a text"
    return raw.decode()


def outcomes(world: World) -> list[Written]:
    """Return all outcomes."""
    return written(world, world.topics.results, "RoktCallOutcome")


def dead_letters(world: World) -> list[Written]:
    """Return all dead letters."""
    return written(world, world.topics.dead_letters, "DeadLetter")


def wait_for_outcomes(world: World, count: int, within: float = 30.0) -> None:
    """Return once that many outcomes lie in the results topic."""
    wait_until(lambda: len(outcomes(world)) >= count, within=within, what=f"{count} outcomes")


def status_of(world: World, event_id: str) -> tuple[str, str, str | None]:
    """Return status, effect and reason of the one outcome of an event."""
    found = [each.value for each in outcomes(world) if each.value["sourceEventId"] == event_id]
    assert len(found) == 1, f"{event_id} has {len(found)} outcomes"
    return found[0]["status"], found[0]["effect"], found[0]["reason"]


def check(world: World, *, may_repeat: bool = False) -> Counter[str]:
    """Check the invariants of everything that happened; return how often each status came.

    `may_repeat`: something was killed or cut off, so an outcome may have been written twice and
    a call been made again.
    """
    results, letters = outcomes(world), dead_letters(world)
    inputs = {
        (message.topic(), message.partition(), message.offset()): message
        for topic in (world.topics.order_paid, world.topics.cart_abandoned)
        for message in read_topic(world, topic)
    }
    _check_outcomes(inputs, results, may_repeat=may_repeat)
    _check_dead_letters(inputs, results, letters)
    _check_effects(world, results, may_repeat=may_repeat)
    _check_settled(world, results)
    _check_order(world)
    assert world.lag() == 0, "I4: something is not committed"
    ends = {each.value["outcomeId"]: each.value["status"] for each in results}
    return Counter(ends.values())


def _source(value: dict[str, Any]) -> tuple[str, int, int]:
    source = value["source"]
    return source["topic"], source["partition"], source["offset"]


def _check_outcomes(
    inputs: dict[tuple[Any, Any, Any], Message], results: list[Written], *, may_repeat: bool
) -> None:
    by_source = defaultdict(set)
    for each in results:
        source = _source(each.value)
        by_source[source].add(each.value["outcomeId"])
        assert each.partition == source[1], "an outcome lies in another partition than its input"
        assert each.key == inputs[source].key(), "an outcome has another key than its input"
        assert each.headers["processor.outcome.id"] == each.value["outcomeId"]
    assert by_source.keys() == inputs.keys(), "I1: an input has no outcome, or the reverse"
    assert all(len(ids) == 1 for ids in by_source.values()), "I1: two outcome ids of one input"
    if not may_repeat:
        assert len(results) == len(inputs), "I1: an outcome was written twice"


def _check_dead_letters(
    inputs: dict[tuple[Any, Any, Any], Message], results: list[Written], letters: list[Written]
) -> None:
    failed = {each.value["outcomeId"] for each in results if each.value["reason"] is not None}
    lettered = {each.value["deadLetterId"] for each in letters}
    assert failed <= lettered, "I1: a failure has no dead letter"
    for each in letters:
        original = inputs[_source(each.value)]
        assert each.key == original.key()
        assert each.value["originalKey"] == original.key()
        assert each.value["originalValue"] == original.value()


def _check_effects(world: World, results: list[Written], *, may_repeat: bool) -> None:
    orders = world.rokt.ledger.orders
    told: dict[str, set[str]] = defaultdict(set)
    for each in results:
        value, order_id = each.value, each.value["orderId"]
        if value["operation"] != "CONFIRM" or order_id is None:
            continue
        told[order_id].add(value["effect"])
        if value["effect"] in _APPLIED:
            tally = orders.get(order_id)
            assert tally is not None, f"I2: {order_id} was never called"
            assert tally.effects > 0, f"I2: {order_id} has no effect"
    applied = {e.order_id for e in world.rokt.ledger.entries if e.is_applied and e.order_id}
    for order_id in applied:
        assert told[order_id] - _DENIALS, f"I2: {order_id} has an effect that its outcomes deny"
    for order_id, tally in orders.items():
        if not may_repeat:
            assert tally.effects <= 1, f"I3: {order_id} has {tally.effects} effects"
        if len(tally.bodies) > 1:
            entries = world.rokt.ledger.of_order(order_id)
            doubts = [n for n, e in enumerate(entries) if not e.is_answered or _is_5xx(e.status)]
            since = entries[doubts[0] :] if doubts else ()
            assert len({e.body_sha256 for e in since}) <= 1, f"I3: {order_id} changed in doubt"


def _is_5xx(status: int | None) -> bool:
    return status is not None and status >= 500


def _check_settled(world: World, results: list[Written]) -> None:
    """I3: no order is called after the outcome that settled it was produced."""
    wall_of = time.time() - time.monotonic()
    settled: dict[str, float] = {}
    for each in results:
        value = each.value
        is_about_the_order = value["status"] not in {"DUPLICATE", "CONFLICT"}
        if value["orderId"] and value["effect"] in _SETTLED and is_about_the_order:
            first = settled.get(value["orderId"], each.timestamp)
            settled[value["orderId"]] = min(first, each.timestamp)
    assert settled or not world.rokt.ledger.orders, "the oracle has nothing to go by"
    for entry in world.rokt.ledger.entries:
        at = settled.get(entry.order_id or "")
        if at is not None and entry.operation is Operation.CONFIRM:
            late = entry.arrived_at + wall_of - at
            assert late < _CLOCK, f"I3: {entry.order_id} was called {late:.3f} s after it settled"


def _check_order(world: World) -> None:
    assert not world.rokt.ledger.overlaps, "I5: calls of one cart overlapped"
    paid: dict[str, set[str]] = defaultdict(set)
    for entry in world.rokt.ledger.entries:
        body = json.loads(entry.body or b"{}")
        units = {item["cartItemId"] for item in body.get("items", ())}
        if entry.operation is Operation.CONFIRM:
            paid[entry.cart_id or ""] |= units
        else:
            again = units & paid[entry.cart_id or ""]
            assert not again, f"I5: {again} of {entry.cart_id} was paid, then released"
