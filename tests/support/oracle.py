"""The oracle: reads topics, committed offsets and the fake Rokt's ledger, and finds what is wrong.

It decodes with fastavro and the schemas' own texts, not with the processor's code.
"""

import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from io import BytesIO
from typing import Any

import fastavro
from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, Message, TopicPartition

from tests.support.events import schema_text
from tests.support.oracle_calls import check_calls
from tests.support.programs import wait_until
from tests.support.world import World


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
    consumer.assign([TopicPartition(topic, n, OFFSET_BEGINNING) for n in range(world.partitions)])
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


def ends_of_events(world: World) -> dict[str, set[tuple[str, str]]]:
    """Return with which status and effect each event ended; more than one only after a crash."""
    ends: dict[str, set[tuple[str, str]]] = defaultdict(set)
    for each in outcomes(world):
        if each.value["sourceEventId"]:
            ends[each.value["sourceEventId"]].add((each.value["status"], each.value["effect"]))
    return ends


def check_commits(world: World) -> None:
    """I4, at any time: nothing is committed past an input that has no outcome yet."""
    committed = world.committed()
    ended = {_source(each.value) for each in outcomes(world)}
    for topic in (world.topics.order_paid, world.topics.cart_abandoned):
        for message in read_topic(world, topic):
            source = message.topic(), message.partition(), message.offset()
            if (message.offset() or 0) < committed[topic, message.partition() or 0]:
                assert source in ended, f"I4: {source} is committed and has no outcome"


def check(world: World, *, may_repeat: bool = False) -> Counter[str]:
    """Check the invariants of everything that happened; return how often each status came.

    `may_repeat`: something was killed or cut off, so an outcome may have been written twice and
    a call been made again.
    """
    results, letters = outcomes(world), dead_letters(world)
    topics = world.topics
    live, lane = (
        {
            (message.topic(), message.partition(), message.offset()): message
            for topic in some
            for message in read_topic(world, topic)
        }
        for some in ((topics.order_paid, topics.cart_abandoned), (topics.replay,))
    )
    _check_copies(lane, [each for each in results if _source(each.value) in lane])
    lived = [each for each in results if _source(each.value) not in lane]
    _check_outcomes(live, lived, may_repeat=may_repeat)
    _check_dead_letters(live | lane, results, letters, may_repeat=may_repeat)
    check_calls(world.rokt.ledger, results, may_repeat=may_repeat)
    assert world.lag() == world.lane_lag() == 0, "I4: something is not committed"
    ends = {each.value["outcomeId"]: each.value["status"] for each in results}
    return Counter(ends.values())


def _source(value: dict[str, Any]) -> tuple[str, int, int]:
    source = value["source"]
    return source["topic"], source["partition"], source["offset"]


def _check_copies(lane: dict[tuple[Any, Any, Any], Message], results: list[Written]) -> None:
    """I1: of all copies of one original in one replay no more than one has an outcome."""
    ids: dict[tuple[str, ...], set[str]] = defaultdict(set)
    for each in results:
        copy = lane[_source(each.value)]
        headers = {name: _text(raw) for name, raw in _headers(copy)}
        names = ("replay.id", "origin.topic", "origin.partition", "origin.offset")
        told = tuple(headers[f"processor.{name}"] for name in names)
        assert told == tuple(each.headers[f"processor.{name}"] for name in names)
        ids[told].add(each.value["outcomeId"])
        assert (each.partition, each.key) == (copy.partition(), copy.key())
    assert all(len(each) == 1 for each in ids.values()), "I1: an original was worked twice"


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
    without = sorted(inputs.keys() - by_source.keys())[:5]
    assert not without, f"I1: inputs have no outcome: {without}"
    unknown = sorted(by_source.keys() - inputs.keys())[:5]
    assert not unknown, f"I1: outcomes have no input: {unknown}"
    assert all(len(ids) == 1 for ids in by_source.values()), "I1: two outcome ids of one input"
    if not may_repeat:
        assert len(results) == len(inputs), "I1: an outcome was written twice"


def _check_dead_letters(
    inputs: dict[tuple[Any, Any, Any], Message],
    results: list[Written],
    letters: list[Written],
    *,
    may_repeat: bool,
) -> None:
    failed = _first_written(
        (each.value["outcomeId"], each) for each in results if each.value["reason"] is not None
    )
    lettered = _first_written((each.value["deadLetterId"], each) for each in letters)
    assert failed.keys() <= lettered.keys(), "I1: a failure has no dead letter"
    assert all(lettered[name] <= at for name, at in failed.items()), "I1: an outcome came first"
    if not may_repeat:
        assert failed.keys() == lettered.keys(), "I1: a dead letter has no failure"
        assert len(lettered) == len(letters), "I1: a dead letter was written twice"
    for each in letters:
        original = inputs[_source(each.value)]
        assert each.key == original.key()
        assert each.value["originalKey"] == original.key()
        assert each.value["originalValue"] == original.value()


def _first_written(written: Iterable[tuple[str, Written]]) -> dict[str, float]:
    first: dict[str, float] = {}
    for name, each in written:
        first[name] = min(each.timestamp, first.get(name, each.timestamp))
    return first
